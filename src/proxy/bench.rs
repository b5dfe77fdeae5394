//! Where compressors work: a few threads of their own, guarded and watched.
//!
//! *Invariant:* a job that panics costs that job. *Invariant:* a job that hangs
//! costs its thread, never the request and never the next one: after
//! [`PATIENCE`] the request goes on without it and a fresh thread takes over.
//! How long a job takes decides nothing else (law 3).

use crate::compress::Shortened;
use crate::refusal::Refusal;
use crate::rewrite::{Bench, Job, guarded};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long one job may run before it counts as hung. Work budgets end honest jobs long before.
const PATIENCE: Duration = Duration::from_secs(2);

/// Threads that may hang at one time; beyond, every job is refused at once until one comes back.
const MOST_LOST: usize = 8;

/// A pool of compressor threads. They start with the first job.
#[derive(Debug)]
pub(super) struct Pool {
    yard: Arc<Yard>,
    patience: Duration,
}

impl Pool {
    /// As many threads as this machine has cores, at most eight.
    pub(super) fn new() -> Pool {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Pool::with(cores.clamp(1, 8), PATIENCE)
    }

    fn with(workers: usize, patience: Duration) -> Pool {
        Pool {
            yard: Arc::new(Yard { most: workers, state: Mutex::default(), more: Condvar::new() }),
            patience,
        }
    }
}

impl Bench for Pool {
    fn run(&self, jobs: Vec<Job>) -> Vec<Done> {
        let mut done: Vec<Option<Done>> = jobs.iter().map(|_| None).collect();
        let mut open = jobs.len();
        let (to, news) = channel();
        self.yard.queue(jobs, &to);
        drop(to);
        let mut running: Vec<Running> = Vec::new();
        while 0 < open {
            // Without a running job there is nothing to watch: the queue moves, or its threads
            // hang for somebody else, who watches them.
            let next = running.iter().map(|job| job.began + self.patience).min();
            let heard = match next {
                Some(at) => news.recv_timeout(at.saturating_duration_since(now())),
                None => news.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match heard {
                Ok(News::Began(job)) => running.push(job),
                Ok(News::Ended(number, result)) => {
                    running.retain(|job| job.number != number);
                    done[number] = Some(result);
                    open -= 1;
                }
                Err(RecvTimeoutError::Timeout) => {
                    let late = now();
                    let before = running.len();
                    running.retain(|job| late < job.began + self.patience || !self.yard.give_up(&job.fate));
                    open -= before - running.len();
                }
                // The others were never begun: there is nobody left to begin them.
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        done.into_iter().map(|done| done.unwrap_or(Err(("other", Refusal::Hung)))).collect()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.yard.lock().closed = true;
        self.yard.more.notify_all();
    }
}

type Done = Result<Shortened, (&'static str, Refusal)>;

enum News {
    Began(Running),
    Ended(usize, Done),
}

struct Running {
    number: usize,
    began: Instant,
    fate: Arc<Fate>,
}

struct Task {
    number: usize,
    job: Job,
    to: Sender<News>,
}

/// What became of a running job: the thread that works and the one that watches both want to
/// say, and the first one holds.
#[derive(Default)]
struct Fate(AtomicU8);

impl Fate {
    const ENDED: u8 = 1;
    const GIVEN_UP: u8 = 2;

    fn decide(&self, as_what: u8) -> bool {
        self.0.compare_exchange(0, as_what, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// What the threads share.
struct Yard {
    /// Threads that work at most.
    most: usize,
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Task>,
    /// Threads that take jobs, or work on one that is not given up.
    workers: usize,
    /// Threads whose job was given up and that have not come back.
    lost: usize,
    closed: bool,
}

impl Yard {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues `jobs`, and sees that there are threads for them. Jobs that nobody can take are dropped.
    fn queue(self: &Arc<Yard>, jobs: Vec<Job>, to: &Sender<News>) {
        if jobs.is_empty() {
            return;
        }
        let mut state = self.lock();
        let tasks = jobs.into_iter().enumerate();
        state.waiting.extend(tasks.map(|(number, job)| Task { number, job, to: to.clone() }));
        self.staff(&mut state);
        drop(state);
        self.more.notify_all();
    }

    /// Hires until there are threads for what waits; without any, nothing waits.
    fn staff(self: &Arc<Yard>, state: &mut State) {
        let wanted = self.most.min(state.workers + state.waiting.len());
        while state.lost < MOST_LOST && state.workers < wanted && self.hire() {
            state.workers += 1;
        }
        if state.workers == 0 || MOST_LOST <= state.lost {
            state.waiting.clear();
        }
    }

    fn hire(self: &Arc<Yard>) -> bool {
        let yard = self.clone();
        std::thread::Builder::new().name("headroom-bench".into()).spawn(move || yard.work()).is_ok()
    }

    /// A thread's life: jobs, until one of them was given up or the pool is gone.
    fn work(&self) {
        while let Some(task) = self.next() {
            let fate = Arc::new(Fate::default());
            let running = Running { number: task.number, began: now(), fate: fate.clone() };
            // Whoever waited may be gone: then the job is not begun.
            if task.to.send(News::Began(running)).is_err() {
                continue;
            }
            let done = guarded(task.job);
            if !fate.decide(Fate::ENDED) {
                self.lock().lost -= 1;
                return;
            }
            let _ = task.to.send(News::Ended(task.number, done));
        }
    }

    fn next(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(task) = state.waiting.pop_front() {
                return Some(task);
            }
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets a hung job and its thread go; false when it has just ended after all.
    fn give_up(self: &Arc<Yard>, fate: &Fate) -> bool {
        let mut state = self.lock();
        if !fate.decide(Fate::GIVEN_UP) {
            return false;
        }
        state.lost += 1;
        state.workers -= 1;
        self.staff(&mut state);
        true
    }
}

impl std::fmt::Debug for Yard {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.lock();
        to.debug_struct("Yard").field("workers", &state.workers).field("lost", &state.lost).finish()
    }
}

#[allow(clippy::disallowed_methods, reason = "the watchdog for hangs has the only clock in here")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(kind: &'static str) -> Job {
        Box::new(move || Err((kind, Refusal::NoGain)))
    }

    /// A job that hangs until the sender is dropped.
    fn hangs() -> (Job, Sender<()>) {
        let (leash, pulled) = channel::<()>();
        let job = move || {
            let _ = pulled.recv();
            Err(("late", Refusal::NoGain))
        };
        (Box::new(job), leash)
    }

    fn outcomes(pool: &Pool, jobs: Vec<Job>) -> Vec<(&'static str, Refusal)> {
        pool.run(jobs).into_iter().map(Result::unwrap_err).collect()
    }

    const HUNG: (&str, Refusal) = ("other", Refusal::Hung);

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        let pool = Pool::with(4, PATIENCE);
        let kinds = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let want: Vec<_> = kinds.iter().map(|kind| (*kind, Refusal::NoGain)).collect();
        for _ in 0..50 {
            assert_eq!(outcomes(&pool, kinds.iter().map(|kind| ends(kind)).collect()), want);
        }
        assert!(pool.run(Vec::new()).is_empty());
    }

    #[test]
    fn a_panic_costs_one_job_and_no_thread() {
        let pool = Pool::with(1, PATIENCE);
        for _ in 0..20 {
            let jobs: Vec<Job> = vec![Box::new(|| panic!("on purpose")), ends("b")];
            assert_eq!(outcomes(&pool, jobs), [("other", Refusal::Panicked), ("b", Refusal::NoGain)]);
        }
        assert_eq!(pool.yard.lock().workers, 1);
    }

    #[test]
    fn a_hung_job_is_left_behind_and_the_others_go_on() {
        let pool = Pool::with(1, Duration::from_millis(20));
        let (job, leash) = hangs();
        assert_eq!(outcomes(&pool, vec![job, ends("b")]), [HUNG, ("b", Refusal::NoGain)]);
        assert_eq!(outcomes(&pool, vec![ends("c")]), [("c", Refusal::NoGain)]);
        assert_eq!(pool.yard.lock().lost, 1);
        drop(leash);
        while pool.yard.lock().lost != 0 {
            std::thread::yield_now();
        }
        assert_eq!(pool.yard.lock().workers, 1);
    }

    #[test]
    fn when_too_many_hang_everything_is_refused_until_one_comes_back() {
        let pool = Pool::with(2, Duration::from_millis(5));
        let mut leashes = Vec::new();
        for _ in 0..MOST_LOST {
            let (job, leash) = hangs();
            leashes.push(leash);
            assert_eq!(outcomes(&pool, vec![job]), [HUNG]);
        }
        assert_eq!(outcomes(&pool, vec![ends("a"), ends("b")]), [HUNG, HUNG]);
        leashes.pop();
        while pool.yard.lock().lost == MOST_LOST {
            std::thread::yield_now();
        }
        assert_eq!(outcomes(&pool, vec![ends("a")]), [("a", Refusal::NoGain)]);
    }
}

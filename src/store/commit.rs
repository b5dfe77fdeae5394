//! The one connection that writes, shared: whoever comes while a commit is under way is
//! written together with all others who came, by the first of them.
//!
//! No thread of its own: a caller that meets nobody writes by itself, at once.
//!
//! A commit is written into the log with `synchronous=NORMAL` and so survives the death of the
//! process. Who must survive the loss of power has the log synced after it, which is all that
//! `synchronous=FULL` would add, but without holding the database meanwhile: a sync takes forty
//! times as long as the writing, and everybody else would wait for it.

use super::folder::{self, at};
use super::schema::{self, Link, is_damage, is_held};
use super::{StoreError, hold};
use rusqlite::Connection;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;

/// Callers that are written in one transaction at most.
const TOGETHER: usize = 256;

/// What a commit must survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Survives {
    /// The death of the process.
    Death,
    /// The loss of power.
    PowerLoss,
}

/// The connection that writes and those who wait for it.
pub(super) struct Writer {
    dir: PathBuf,
    wait: Duration,
    line: Mutex<Line>,
    connection: Mutex<Held>,
    log: OnceLock<File>,
}

struct Line {
    jobs: Vec<Job>,
    led: bool,
}

struct Held {
    link: Link,
    /// The last attempt found the database held by another process: the next doesn't wait for it again.
    refused: bool,
}

/// What one caller wants written.
type Work = Box<dyn FnMut(&Connection) -> rusqlite::Result<()> + Send>;

struct Job {
    work: Work,
    ticket: Arc<Ticket>,
}

/// Where a caller waits for its turn.
#[derive(Default)]
struct Ticket {
    turn: Mutex<Turn>,
    changed: Condvar,
}

#[derive(Default)]
enum Turn {
    #[default]
    Wait,
    Lead,
    Done(Result<(), Failure>),
}

#[derive(Clone)]
struct Failure {
    why: String,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Writer").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Writer {
    pub fn new(link: Link, dir: PathBuf, wait: Duration) -> Writer {
        Writer {
            dir,
            wait,
            line: Mutex::new(Line { jobs: Vec::new(), led: false }),
            connection: Mutex::new(Held { link, refused: false }),
            log: OnceLock::new(),
        }
    }

    /// Does `work` in a transaction and returns once it is committed. May be done more than
    /// once, when another's work in the same transaction fails; only the last time counts.
    pub fn commit<T: Send + 'static>(
        &self,
        survives: Survives,
        mut work: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let result = Arc::new(Mutex::new(None));
        let place = Arc::clone(&result);
        let ticket = Arc::new(Ticket::default());
        let job = Job {
            work: Box::new(move |connection| {
                *hold(&place) = Some(work(connection)?);
                Ok(())
            }),
            ticket: Arc::clone(&ticket),
        };
        let leads = {
            let mut line = hold(&self.line);
            line.jobs.push(job);
            !std::mem::replace(&mut line.led, true)
        };
        if leads {
            self.lead();
        }
        self.await_turn(&ticket).map_err(|failure| StoreError::Database(failure.why))?;
        if survives == Survives::PowerLoss {
            self.sync_log()?;
        }
        hold(&result).take().ok_or_else(|| StoreError::Database("the work was not done".to_owned()))
    }

    fn await_turn(&self, ticket: &Ticket) -> Result<(), Failure> {
        loop {
            let turn = {
                let turn = hold(&ticket.turn);
                let mut turn = ticket
                    .changed
                    .wait_while(turn, |turn| matches!(turn, Turn::Wait))
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                std::mem::take(&mut *turn)
            };
            match turn {
                Turn::Done(result) => return result,
                Turn::Lead => self.lead(),
                Turn::Wait => {}
            }
        }
    }

    /// Writes all who wait, tells them, and hands the lead on.
    fn lead(&self) {
        let mut jobs = {
            let mut line = hold(&self.line);
            let count = line.jobs.len().min(TOGETHER);
            line.jobs.drain(..count).collect::<Vec<_>>()
        };
        self.write(&mut hold(&self.connection), &mut jobs);
        let mut line = hold(&self.line);
        match line.jobs.first() {
            Some(next) => next.ticket.tell(Turn::Lead),
            None => line.led = false,
        }
    }

    fn write(&self, held: &mut Held, jobs: &mut [Job]) {
        match self.attempt(held, jobs) {
            Err(error) if jobs.len() > 1 && !is_held(&error) => {
                // One of them spoilt it: each by itself, so that only that one fails.
                for job in jobs {
                    let result = self.attempt(held, std::slice::from_mut(job));
                    job.ticket.tell(Turn::Done(result.map_err(Failure::from)));
                }
            }
            result => {
                let result = result.map_err(Failure::from);
                jobs.iter().for_each(|job| job.ticket.tell(Turn::Done(result.clone())));
            }
        }
    }

    fn attempt(&self, held: &mut Held, jobs: &mut [Job]) -> rusqlite::Result<()> {
        held.link.patience.set(if held.refused { Duration::from_millis(1) } else { self.wait });
        let result = catch_unwind(AssertUnwindSafe(|| in_a_transaction(&held.link.connection, jobs)));
        let result = result.unwrap_or(Err(rusqlite::Error::InvalidQuery));
        held.refused = result.as_ref().is_err_and(is_held);
        if let Err(error) = &result {
            // Already rolled back where SQLite had to; else this does.
            if !held.link.connection.is_autocommit() {
                let _ = held.link.connection.execute_batch("ROLLBACK");
            }
            if is_damage(error) {
                schema::mark_suspect(&self.dir);
            }
        }
        result
    }

    /// Has everything that was committed until now survive the loss of power.
    fn sync_log(&self) -> Result<(), StoreError> {
        let path = self.dir.join("headroom.db-wal");
        let log = match self.log.get() {
            Some(log) => log,
            // The same file as long as our connection is open. SQLite keeps its locks on other files:
            // none is lost when this one is closed.
            None => {
                let file = folder::read(&path).map_err(at(&path))?;
                self.log.get_or_init(|| file)
            }
        };
        log.sync_data().map_err(at(&path))
    }

    /// Uses the connection alone, outside any transaction.
    pub fn alone<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let held = hold(&self.connection);
        held.link.patience.set(self.wait);
        Ok(work(&held.link.connection)?)
    }
}

fn in_a_transaction(connection: &Connection, jobs: &mut [Job]) -> rusqlite::Result<()> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    for job in jobs {
        (job.work)(connection)?;
    }
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}

impl Ticket {
    fn tell(&self, turn: Turn) {
        *hold(&self.turn) = turn;
        self.changed.notify_one();
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Failure {
        Failure { why: error.to_string() }
    }
}

//! Takes connections, for as long as the proxy runs.
//!
//! *Invariant:* a panic in here costs at most the connection it happened on:
//! accepting begins anew on the same listener. *Invariant:* whoever has not
//! shown the secret yet can't keep others out.

use super::House;
use super::apology::no_answer;
use super::counts::Counters;
use super::flush::{Flushes, Watched};
use super::serve::serve;
use crate::refusal::Refusal;
use futures_util::FutureExt;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

/// How long a request's head may take, and how long a connection may lie idle. Bodies and
/// answers may take as long as they like.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);

/// More headers than any agent sends.
const MOST_HEADERS: usize = 4096;

/// Connections that may be open without having shown the secret; one more, and the oldest is closed.
const MOST_STRANGERS: usize = 256;

/// Accepts until `draining` says so. A panic is counted, and it goes on.
pub(super) async fn accept(listener: TcpListener, house: Arc<House>, draining: watch::Receiver<bool>) {
    let listener = Arc::new(listener);
    loop {
        let round = tokio::spawn(rounds(listener.clone(), house.clone(), draining.clone()));
        match round.await {
            Ok(()) => return,
            Err(_) => {
                Counters::one_more(&house.counters.restarts);
                house.faults.count(Refusal::Panicked);
            }
        }
    }
}

async fn rounds(listener: Arc<TcpListener>, house: Arc<House>, mut draining: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = draining.wait_for(|now| *now) => return,
        };
        #[cfg(test)]
        assert!(!house.trip.swap(false, Ordering::Relaxed), "on purpose");
        match accepted {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, house.clone(), draining.clone(), house.open.enter()));
            }
            // Of one connection that is gone already.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // Too many open files, most likely: there will be room again.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn connection(stream: TcpStream, house: Arc<House>, mut draining: watch::Receiver<bool>, _open: Open) {
    // Small pieces of an answer are not held back for each other.
    let _ = stream.set_nodelay(true);
    let guest = house.strangers.greet();
    let answer = service_fn(|request| {
        let (house, guest) = (&house, &guest);
        async move {
            let served = AssertUnwindSafe(serve(house, guest, request)).catch_unwind().await;
            Ok::<_, Infallible>(served.unwrap_or_else(|_| {
                house.faults.count(Refusal::Panicked);
                no_answer(None, "into trouble of its own: a panic in the proxy")
            }))
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .preserve_header_case(true)
        .auto_date_header(false)
        .max_headers(MOST_HEADERS);
    let stream = Watched::new(stream, guest.flushes.clone());
    let mut talking = pin!(http.serve_connection(stream, answer).with_upgrades());
    tokio::select! {
        // How a connection ends is the client's business.
        _ = talking.as_mut() => return,
        () = guest.shown_out() => return,
        _ = draining.wait_for(|now| *now) => talking.as_mut().graceful_shutdown(),
    }
    let _ = talking.await;
}

/// Connections that have not shown the secret yet, oldest first.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    waiting: Mutex<(u64, BTreeMap<u64, Arc<Notify>>)>,
}

impl Strangers {
    fn greet(self: &Arc<Strangers>) -> Guest {
        let leave = Arc::new(Notify::new());
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.0 += 1;
        let number = waiting.0;
        waiting.1.insert(number, leave.clone());
        if MOST_STRANGERS < waiting.1.len()
            && let Some((_, oldest)) = waiting.1.pop_first()
        {
            oldest.notify_one();
        }
        Guest {
            number,
            known: AtomicBool::new(false),
            leave,
            strangers: self.clone(),
            flushes: Arc::default(),
        }
    }
}

/// A connection, known or not.
#[derive(Debug)]
pub(super) struct Guest {
    number: u64,
    known: AtomicBool,
    leave: Arc<Notify>,
    strangers: Arc<Strangers>,
    /// Tells when what was written to it has left.
    pub(super) flushes: Arc<Flushes>,
}

impl Guest {
    /// Its request was let in.
    pub(super) fn is_known_now(&self) {
        if !self.known.swap(true, Ordering::Relaxed) {
            self.strangers.waiting.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&self.number);
        }
    }

    /// Resolves when a stranger has to make room.
    async fn shown_out(&self) {
        loop {
            self.leave.notified().await;
            if !self.known.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.is_known_now();
    }
}

/// How many connections and tunnels are open; a drain waits for none.
#[derive(Clone, Debug, Default)]
pub(super) struct Doors {
    open: Arc<(Mutex<Inside>, Condvar)>,
}

#[derive(Debug, Default)]
struct Inside {
    count: usize,
    /// Nobody waits for them any more.
    abandoned: bool,
}

/// One of them; closed when dropped.
#[derive(Debug)]
pub(super) struct Open(Doors);

impl Doors {
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.open.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(&self) -> Open {
        self.lock().count += 1;
        Open(self.clone())
    }

    /// Waits until none is open or they are abandoned, at most `patience`.
    pub(super) fn wait_until_empty(&self, patience: Duration) {
        let busy = |inside: &mut Inside| 0 < inside.count && !inside.abandoned;
        drop(self.open.1.wait_timeout_while(self.lock(), patience, busy));
    }

    /// Lets nobody wait for those that are still open.
    pub(super) fn abandon(&self) {
        self.lock().abandoned = true;
        self.open.1.notify_all();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut inside = self.0.lock();
        inside.count -= 1;
        if inside.count == 0 {
            self.0.open.1.notify_all();
        }
    }
}

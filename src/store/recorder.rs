//! What may be written a moment later, by a thread of its own: receipts, faults, retrievals, ages.
//!
//! *Invariant:* nothing here makes a request wait. What can't be written is tried again
//! for a while, then dropped and counted.

use super::commit::{Survives, Writer};
use super::originals::Originals;
use super::requests::{self, Written};
use super::{Limits, answers, expiry, hold, schema};
use crate::refusal::Refusal;
use crate::units::{Chain, Key, Millis, Tokens};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Entries that wait at most; more are dropped and counted.
const WAITING: usize = 20_000;

/// Entries that are written in one transaction at most.
const TOGETHER: usize = 1_000;

/// How long the thread gathers what comes, so that many are written at once.
const GATHER: Duration = Duration::from_millis(10);

/// How long nothing must come before the store is tidied, and after how many transactions it is tidied all the same.
const REST: Duration = Duration::from_millis(500);
const BUSY: u32 = 100;

/// How often a write is tried again, this far apart: a database that is held for longer loses receipts.
const TRIES: u32 = 40;
const APART: Duration = Duration::from_millis(50);

/// How long [`Recorder::flush`] waits at most.
const FLUSH: Duration = Duration::from_secs(5);

/// Bytes of the write-ahead log after which it is moved over into the database.
const LOG_BYTES: u64 = 2 << 20;

/// Something to write down.
#[derive(Debug)]
pub(super) enum Entry {
    Request(Box<Written>),
    Fault(Refusal, Millis),
    Answer {
        id: String,
        chain: Chain,
        said: String,
        at: Millis,
    },
    Retrieval {
        key: Key,
        through: String,
        tokens: Tokens,
        at: Millis,
    },
    /// These pins, and the originals behind them, were replayed after a while.
    Replayed {
        chains: Vec<Chain>,
        keys: Vec<Key>,
        at: Millis,
    },
}

/// The thread and what waits for it.
#[derive(Debug)]
pub(super) struct Recorder {
    desk: Arc<Desk>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Desk {
    dir: PathBuf,
    limits: Limits,
    writer: Arc<Writer>,
    originals: Originals,
    tray: Mutex<Tray>,
    changed: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Tray {
    entries: VecDeque<Entry>,
    /// Taken out, not yet written.
    under_way: usize,
    /// The latest time that anybody told.
    latest: Millis,
    hurry: bool,
    stop: bool,
}

impl Recorder {
    pub fn new(dir: PathBuf, limits: Limits, writer: Arc<Writer>) -> Recorder {
        let originals = Originals::of(&dir);
        let (tray, changed, dropped) = <(Mutex<Tray>, Condvar, AtomicU64)>::default();
        let desk = Arc::new(Desk { dir, limits, writer, originals, tray, changed, dropped });
        Recorder { desk, thread: Mutex::new(None) }
    }

    /// Puts an entry on the tray.
    pub fn put(&self, entry: Entry) {
        let mut tray = hold(&self.desk.tray);
        tray.latest = tray.latest.max(entry.at());
        if tray.entries.len() >= WAITING {
            self.desk.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        tray.entries.push_back(entry);
        drop(tray);
        self.desk.changed.notify_all();
        let mut thread = hold(&self.thread);
        if thread.is_none() {
            let desk = Arc::clone(&self.desk);
            *thread = std::thread::Builder::new().name("record".to_owned()).spawn(move || desk.work()).ok();
        }
    }

    /// Waits until all that was put is written.
    pub fn flush(&self) {
        let mut tray = hold(&self.desk.tray);
        tray.hurry = true;
        self.desk.changed.notify_all();
        let waits = |tray: &mut Tray| !tray.entries.is_empty() || tray.under_way > 0;
        let _ = self.desk.changed.wait_timeout_while(tray, FLUSH, waits);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        hold(&self.desk.tray).stop = true;
        self.desk.changed.notify_all();
        if let Some(thread) = hold(&self.thread).take() {
            let _ = thread.join();
        }
    }
}

impl Desk {
    fn work(&self) {
        let mut busy = 0;
        while let Some(entries) = self.take() {
            let entries = Arc::new(entries);
            let written = self.write(&entries);
            if !written {
                self.dropped.fetch_add(entries.len() as u64, Ordering::Relaxed);
            }
            {
                let mut tray = hold(&self.tray);
                tray.under_way = 0;
                tray.hurry &= !tray.entries.is_empty();
            }
            self.changed.notify_all();
            busy += 1;
            if written && (self.rests() || busy >= BUSY) {
                busy = 0;
                let (latest, stop) = {
                    let tray = hold(&self.tray);
                    (tray.latest, tray.stop)
                };
                if !stop {
                    self.tidy(latest);
                }
            }
        }
    }

    /// True when nothing comes for a while. A command that records one thing and ends is gone by then.
    fn rests(&self) -> bool {
        let idle = |tray: &mut Tray| tray.entries.is_empty() && !tray.stop;
        match self.changed.wait_timeout_while(hold(&self.tray), REST, idle) {
            Ok((_, waited)) => waited.timed_out(),
            Err(_) => false,
        }
    }

    /// The next entries; `None` when there are none and the store is closing.
    fn take(&self) -> Option<Vec<Entry>> {
        let idle = |tray: &mut Tray| tray.entries.is_empty() && !tray.stop;
        let tray = self.changed.wait_while(hold(&self.tray), idle);
        let tray = tray.unwrap_or_else(std::sync::PoisonError::into_inner);
        let gathering = |tray: &mut Tray| tray.entries.len() < TOGETHER && !tray.hurry && !tray.stop;
        let tray = self.changed.wait_timeout_while(tray, GATHER, gathering);
        let (mut tray, _) = tray.unwrap_or_else(std::sync::PoisonError::into_inner);
        let count = tray.entries.len().min(TOGETHER);
        tray.under_way = count;
        let entries: Vec<Entry> = tray.entries.drain(..count).collect();
        (!entries.is_empty()).then_some(entries)
    }

    fn write(&self, entries: &Arc<Vec<Entry>>) -> bool {
        for attempt in 0..TRIES {
            let (batch, dropped) = (Arc::clone(entries), self.dropped.load(Ordering::Relaxed));
            let result = self.writer.commit(Survives::Death, move |connection| {
                batch.iter().try_for_each(|entry| entry.write(connection))?;
                let at = batch.last().map_or(Millis(0), Entry::at);
                requests::write_fault(connection, Refusal::StoreFailed.name(), at, dropped)
            });
            if result.is_ok() {
                self.dropped.fetch_sub(dropped, Ordering::Relaxed);
                for entry in entries.iter() {
                    if let Entry::Replayed { keys, at, .. } = entry {
                        keys.iter().for_each(|key| self.originals.refresh(key, *at));
                    }
                }
                return true;
            }
            let stop = hold(&self.tray).stop;
            if stop && attempt >= 2 {
                break;
            }
            std::thread::sleep(APART);
        }
        false
    }

    /// What keeps the store small. Nobody waits for it.
    fn tidy(&self, now: Millis) {
        let log = std::fs::metadata(self.dir.join("headroom.db-wal")).map_or(0, |about| about.len());
        if log > LOG_BYTES
            && let Ok(link) = schema::open_reader(&self.dir, self.limits.wait)
        {
            // By a connection of its own: those who write go on meanwhile.
            let _ = link.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        }
        expiry::when_due(&self.writer, &self.originals, &self.limits, now);
    }
}

impl Entry {
    fn at(&self) -> Millis {
        match self {
            Entry::Request(written) => written.receipt.at,
            Entry::Fault(_, at)
            | Entry::Answer { at, .. }
            | Entry::Retrieval { at, .. }
            | Entry::Replayed { at, .. } => *at,
        }
    }

    fn write(&self, connection: &rusqlite::Connection) -> rusqlite::Result<()> {
        match self {
            Entry::Request(written) => requests::write(connection, written),
            Entry::Fault(what, at) => requests::write_fault(connection, what.name(), *at, 1),
            Entry::Answer { id, chain, said, at } => answers::write(connection, id, *chain, said, *at),
            Entry::Retrieval { key, through, tokens, at } => {
                requests::write_retrieval(connection, key, through, *tokens, *at)
            }
            Entry::Replayed { chains, keys, at } => expiry::refresh(connection, chains, keys, *at),
        }
    }
}

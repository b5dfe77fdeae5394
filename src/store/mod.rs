//! What outlives a request: originals, pins, sessions, receipts.
//!
//! The only room that speaks SQL. Takes the time from its caller.
//!
//! *Invariant:* a pin is write-once: whoever comes second gets the first's
//! bytes. *Invariant:* a pin that shortened something, and the original behind
//! it, are on disk (as with `synchronous=FULL`) before [`Store::pin`] returns.
//!
//! Layout of the folder (0700, every file 0600):
//! ```text
//! headroom.db            sessions · pins · answers · offers · hidden · requests · blocks · refusals · retrievals · index of originals
//! originals/ab/KEY.zst   one original a file; `zstd -dc` reads it
//! secret                 32 random bytes: what keys are hashed with
//! lock                   held while a process opens the store
//! ```
//!
//! Its parts: `folder secret schema` open it; `commit` writes for all, `recorder` a moment
//! later; `originals pins answers hidden sessions requests lessons controls` are what is kept; `expiry` lets it go.

mod answers;
pub mod checkup;
mod commit;
mod controls;
mod expiry;
mod folder;
mod hidden;
mod lessons;
mod originals;
mod pins;
mod recorder;
mod requests;
mod schema;
mod secret;
mod sessions;

pub use controls::{Ask, Control, controls_in};
pub use expiry::{Purge, Purged, Sizes};
pub use lessons::LessonRow;
pub use requests::{BlockRow, Filter, KindRow, RequestRow, RetrievalRow, SessionRow};

use crate::marker;
use crate::receipt::{Outcome, Receipt};
use crate::refusal::Refusal;
use crate::units::{Chain, Key, Millis, SessionId, Tokens};
use answers::Answers;
use commit::{Survives, Writer};
use originals::Originals;
use pins::Memory;
use recorder::{Entry, Recorder};
use requests::Written;
use rusqlite::{Connection, OptionalExtension, params};
use schema::Link;
use secret::Secret;
use sessions::Remembered;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How much may be kept, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes that all originals together may take on disk, compressed.
    pub originals_bytes: u64,
    /// How long an original is kept.
    pub originals_age: Duration,
    /// How long to wait for another process that holds the database.
    pub wait: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            originals_bytes: 1 << 30,
            originals_age: Duration::from_secs(30 * 24 * 3600),
            wait: Duration::from_millis(100),
        }
    }
}

/// Whom an original was given to: it may be asked back only from there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The folder the agent works in; empty when unknown.
    pub project: String,
}

/// The bytes that were sent for a block, once and for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pin {
    /// As the client wrote it.
    Verbatim,
    /// Some of its texts were replaced.
    Shortened(Arc<ShortenedPin>),
}

/// A pin that changed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortenedPin {
    /// Which text of the block (counted from 0) is sent as what (decoded, not as JSON).
    pub texts: Vec<(u32, String)>,
    /// Tokens of the block's texts before and after.
    pub tokens_before: Tokens,
    /// Tokens as sent.
    pub tokens_after: Tokens,
    /// Which compressor made it.
    pub compressor: String,
    /// The kind of content.
    pub kind: String,
}

/// An original to keep.
#[derive(Clone, Debug)]
pub struct Original {
    /// Its name: [`Store::key`] of the text and the scope.
    pub key: Key,
    /// The exact text.
    pub text: Arc<str>,
    /// Whom it belongs to.
    pub scope: Scope,
    /// The kind of content, for `--rows` and `--query`.
    pub kind: String,
    /// The tool that printed it, or empty.
    pub tool: String,
}

/// An original that was kept.
#[derive(Clone, Debug)]
pub struct KeptOriginal {
    /// The exact text.
    pub text: String,
    /// Whom it belongs to.
    pub scope: Scope,
    /// The kind of content.
    pub kind: String,
    /// The tool that printed it, or empty.
    pub tool: String,
    /// When it was first kept.
    pub at: Millis,
}

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or a file in it can't be used.
    #[error("could not use {path}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database refused.
    #[error("the database refused: {0}")]
    Database(String),
    /// Made by a newer headroom.
    #[error("the store at {path} was made by a newer headroom (schema {found}, this one knows {known})")]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema that is known here.
        known: i64,
    },
    /// The original was kept once and has expired.
    #[error("the original {0} has expired")]
    Expired(Key),
    /// No original of that name.
    #[error("no original is kept under {0}")]
    Unknown(Key),
}

/// Settings of a session, frozen at its first request.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Frozen {
    /// `lossless`, `balanced`, `aggressive`.
    pub profile: String,
    /// Version of the rewrite by which the session began. What was sent is pinned; for what is new
    /// in the session a newer binary goes by its own.
    pub rules: u32,
    /// False when the session began switched off.
    pub on: bool,
    /// The user's own rules, as text, in their order.
    #[serde(default)]
    pub own_rules: Vec<String>,
}

/// An open store. Cheap to share; every method may be called from any thread.
#[derive(Debug)]
pub struct Store {
    // First, so that what it still has to write is written before the connections close.
    recorder: Recorder,
    dir: PathBuf,
    limits: Limits,
    secret: Secret,
    originals: Originals,
    writer: Arc<Writer>,
    reader: Mutex<Reader>,
    memory: Memory,
    answers: Mutex<Answers>,
    sessions: Mutex<Remembered>,
    notices: Vec<String>,
    /// The latest time that a caller told.
    latest: AtomicI64,
}

#[derive(Debug)]
struct Reader {
    link: Link,
    /// The last read found the database held by another process: the next doesn't wait for it again.
    refused: bool,
}

/// Pins that were not touched for as many days get a new age when they are replayed.
const AGED_DAYS: i64 = 5;

impl Store {
    /// Opens the store in `dir`, making it when it is not there.
    ///
    /// A damaged database is set aside (renamed, untouched) and a fresh one
    /// made; [`Store::notices`] tells.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the folder can't be used, [`StoreError::Newer`]
    /// when a newer headroom made it.
    pub fn open(dir: &Path, limits: Limits) -> Result<Store, StoreError> {
        let dir = folder::prepare(dir)?;
        let lock = folder::lock(&dir)?;
        let secret = Secret::of(&dir)?;
        let originals = Originals::of(&dir);
        originals.make_shelves().map_err(folder::at(&dir.join("originals")))?;
        let mut notices = Vec::new();
        let link = schema::open(&dir, limits.wait, &mut notices)?;
        let reader = Reader { link: schema::open_reader(&dir, limits.wait)?, refused: false };
        drop(lock);
        let writer = Arc::new(Writer::new(link, dir.clone(), limits.wait));
        Ok(Store {
            recorder: Recorder::new(dir.clone(), limits, Arc::clone(&writer)),
            originals,
            dir,
            limits,
            secret,
            writer,
            reader: Mutex::new(reader),
            memory: Memory::default(),
            answers: Mutex::default(),
            sessions: Mutex::default(),
            notices,
            latest: AtomicI64::new(0),
        })
    }

    /// Opens a store in the empty folder `dir` whose keys are the same everywhere: for trials, in which nothing is
    /// kept. Keys of such a store are no secret.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn for_trial(dir: &Path) -> Result<Store, StoreError> {
        let dir = folder::prepare(dir)?;
        Secret::known(&dir)?;
        Store::open(&dir, Limits::default())
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What had to be said while opening, a sentence each.
    pub fn notices(&self) -> Vec<String> {
        self.notices.clone()
    }

    /// The name under which `text` is kept for `scope`: the same for the same text, scope and installation.
    pub fn key(&self, text: &str, scope: &Scope) -> Key {
        self.secret.key(text, scope)
    }

    /// The pins of these chains that this process has in memory. Never waits, never fails: what
    /// to replay when [`Store::pins`] can't be answered.
    pub fn remembered(&self, chains: &[Chain]) -> Vec<Option<Pin>> {
        self.memory.look(chains)
    }

    /// The pins of these chains, in the same order; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError::Database`]; the caller replays what [`Store::remembered`] knows and shortens nothing new.
    pub fn pins(&self, chains: &[Chain]) -> Result<Vec<Option<Pin>>, StoreError> {
        let mut found = self.memory.look(chains);
        let missing: Vec<usize> = (0..found.len()).filter(|place| found[*place].is_none()).collect();
        if missing.is_empty() {
            return Ok(found);
        }
        let today = self.latest.load(Ordering::Relaxed) / expiry::DAY;
        let (mut fresh, mut aged, mut aged_keys) = (Vec::new(), Vec::new(), Vec::new());
        self.read(|db| {
            // One look at the database for all of them.
            let look = db.unchecked_transaction()?;
            let mut select = db.prepare_cached(PIN)?;
            for place in missing {
                let chain = chains[place];
                let mut rows = select.query([chain.0])?;
                let Some(row) = rows.next()? else { continue };
                let Some((pin, keys)) = pins::read(row.get_ref(0)?.as_blob_or_null()?) else { continue };
                if row.get::<_, i64>(1)? < today - AGED_DAYS {
                    aged.push(chain);
                    aged_keys.extend(keys);
                }
                found[place] = Some(pin.clone());
                fresh.push((chain, pin));
            }
            drop(select);
            look.finish()
        })?;
        self.memory.keep(fresh);
        if !aged.is_empty() {
            let at = Millis(self.latest.load(Ordering::Relaxed));
            self.recorder.put(Entry::Replayed { chains: aged, keys: aged_keys, at });
        }
        Ok(found)
    }

    /// Keeps `originals` and writes `pins`, all or nothing, and gives back the pins that now hold
    /// (another process may have been first).
    ///
    /// When any of them shortened something, everything is on disk before this
    /// returns. Verbatim pins alone survive the death of the process, not of
    /// the machine.
    ///
    /// # Errors
    /// When anything could not be written: then nothing was pinned.
    pub fn pin(
        &self,
        session: &SessionId,
        pins: &[(Chain, Pin)],
        originals: &[Original],
        now: Millis,
    ) -> Result<Vec<Pin>, StoreError> {
        self.told(now);
        let chains: Vec<Chain> = pins.iter().map(|(chain, _)| *chain).collect();
        let known = self.memory.look(&chains);
        if originals.is_empty() && known.iter().all(Option::is_some) {
            return Ok(known.into_iter().flatten().collect());
        }
        let shortens = pins.iter().any(|(_, pin)| matches!(pin, Pin::Shortened(_)));
        let durable = shortens || !originals.is_empty();
        let files = self.keep_files(originals, now)?;
        let rows: Vec<PinRow> = pins.iter().map(|(chain, pin)| PinRow::of(*chain, pin, originals)).collect();
        let project = originals.first().map_or_else(String::new, |original| original.scope.project.clone());
        let (session, shelves) = (session.clone(), self.originals.clone());
        let fresh: Arc<Mutex<Vec<Chain>>> = Arc::default();
        let new = Arc::clone(&fresh);
        let survives = if durable { Survives::PowerLoss } else { Survives::Death };
        let held = self.writer.commit(survives, move |db| {
            let session = sessions::number(db, &session, "", &project, now)?;
            for file in &files {
                file.write(db, &shelves, now)?;
            }
            hold(&new).clear();
            let mut held = Vec::with_capacity(rows.len());
            for row in &rows {
                let winner = row.write(db, session, now)?;
                if winner.is_none() {
                    hold(&new).push(row.chain);
                }
                held.push(winner.unwrap_or_else(|| row.pin.clone()));
            }
            Ok(held)
        });
        if let Err(StoreError::Io { .. }) = held {
            self.take_back(&hold(&fresh));
        }
        let held = held?;
        self.memory.keep(chains.into_iter().zip(held.iter().cloned()));
        Ok(held)
    }

    /// The pins were written and the disk then failed to sync them: their blocks are about to be sent as they came.
    fn take_back(&self, chains: &[Chain]) {
        self.memory.keep(chains.iter().map(|chain| (*chain, Pin::Verbatim)));
        let chains = chains.to_vec();
        // When this fails too, memory still knows, as long as the process lives.
        let _ = self.writer.commit(Survives::Death, move |db| {
            let mut undo = db.prepare_cached("UPDATE pins SET body = NULL WHERE chain = ?1")?;
            chains.iter().try_for_each(|chain| undo.execute([chain.0]).map(drop))
        });
    }

    /// Writes the originals' files, several at once: each waits for the disk.
    fn keep_files(&self, originals: &[Original], now: Millis) -> Result<Vec<KeptFile>, StoreError> {
        let keep = |original: &Original| {
            let path = self.originals.path(&original.key);
            let bytes =
                self.originals.keep(original, now).map_err(|source| StoreError::Io { path, source })?;
            Ok(KeptFile { original: original.clone(), bytes })
        };
        let mut kept = Vec::with_capacity(originals.len());
        for together in originals.chunks(FILES_AT_ONCE) {
            let [first, others @ ..] = together else { continue };
            let files: Vec<Result<KeptFile, StoreError>> = std::thread::scope(|scope| {
                let others: Vec<_> =
                    others.iter().map(|original| scope.spawn(move || keep(original))).collect();
                let first = keep(first);
                let panicked = || Err(StoreError::Database("keeping an original panicked".to_owned()));
                let others = others.into_iter().map(|other| other.join().unwrap_or_else(|_| panicked()));
                std::iter::once(first).chain(others).collect()
            });
            for file in files {
                kept.push(file?);
            }
        }
        Ok(kept)
    }

    /// True when `text` as a whole is one that we once sent in place of another.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn is_ours(&self, text: &str) -> Result<bool, StoreError> {
        if !text.contains(marker::OPEN) {
            return Ok(false);
        }
        let digest = digest(text);
        self.read(|db| db.prepare_cached("SELECT 1 FROM sent WHERE digest = ?1")?.exists([digest]))
    }

    /// The original kept under `key`; read from its file, without the database.
    ///
    /// # Errors
    /// [`StoreError::Unknown`], [`StoreError::Expired`], [`StoreError::Io`].
    pub fn original(&self, key: &Key, _now: Millis) -> Result<KeptOriginal, StoreError> {
        if let Some(kept) = read_file(&self.originals, key)? {
            return Ok(kept);
        }
        let known = self
            .read(|db| db.prepare_cached("SELECT 1 FROM originals WHERE key = ?1")?.exists([key.as_str()]))?;
        Err(if known { StoreError::Expired(key.clone()) } else { StoreError::Unknown(key.clone()) })
    }

    /// Writes down what was done to a request and what it cost: a moment later, by another
    /// thread. Never at the request's expense.
    ///
    /// # Errors
    /// None at present; what can't be written is counted as a fault.
    pub fn record(&self, receipt: &Receipt, outcome: &Outcome) -> Result<(), StoreError> {
        self.recorder.put(Entry::Request(Box::new(Written::of(receipt, outcome))));
        Ok(())
    }

    /// Writes down that an original was given back: through what (`cli`, `mcp`) and how many tokens.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn record_retrieval(
        &self,
        key: &Key,
        through: &str,
        tokens: Tokens,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.recorder.put(Entry::Retrieval {
            key: key.clone(),
            through: through.to_owned(),
            tokens,
            at: now,
        });
        Ok(())
    }

    /// Counts something of ours that failed outside any one block.
    pub fn count_fault(&self, what: Refusal, now: Millis) {
        self.recorder.put(Entry::Fault(what, now));
    }

    fn told(&self, now: Millis) {
        self.latest.fetch_max(now.0, Ordering::Relaxed);
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let mut reader = hold(&self.reader);
        let wait = if reader.refused { Duration::from_millis(1) } else { self.limits.wait };
        reader.link.patience.set(wait);
        let result = work(&reader.link.connection);
        reader.refused = result.as_ref().is_err_and(schema::is_held);
        if result.as_ref().is_err_and(schema::is_damage) {
            schema::mark_suspect(&self.dir);
        }
        Ok(result?)
    }
}

/// The original kept under `key` in the store at `dir`, without opening the store: for a
/// read-only sandbox, and for a store that a newer headroom made.
///
/// # Errors
/// [`StoreError::Unknown`], [`StoreError::Expired`] when the database can be asked,
/// [`StoreError::Io`].
pub fn original_in(dir: &Path, key: &Key) -> Result<KeptOriginal, StoreError> {
    if let Some(kept) = read_file(&Originals::of(dir), key)? {
        return Ok(kept);
    }
    let known = schema::open_reader(dir, Limits::default().wait).is_ok_and(|link| {
        link.connection
            .prepare("SELECT 1 FROM originals WHERE key = ?1")
            .and_then(|mut known| known.exists([key.as_str()]))
            .unwrap_or(false)
    });
    Err(if known { StoreError::Expired(key.clone()) } else { StoreError::Unknown(key.clone()) })
}

fn read_file(originals: &Originals, key: &Key) -> Result<Option<KeptOriginal>, StoreError> {
    originals.read(key).map_err(|source| StoreError::Io { path: originals.path(key), source })
}

/// Files that are written at the same time.
const FILES_AT_ONCE: usize = 8;

/// An original whose file is on disk and whose row is not yet written.
struct KeptFile {
    original: Original,
    bytes: u64,
}

impl KeptFile {
    fn write(&self, db: &Connection, originals: &Originals, now: Millis) -> rusqlite::Result<()> {
        let key = &self.original.key;
        if !originals.has(key) {
            // It expired between the two writes. From here on it can't: we hold the database.
            originals
                .keep(&self.original, now)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        }
        let before = db
            .prepare_cached("SELECT bytes FROM originals WHERE key = ?1")?
            .query_row([key.as_str()], |row| row.get::<_, i64>(0))
            .optional()?;
        let bytes = expiry::integer(self.bytes);
        db.prepare_cached(
            "INSERT INTO originals (key, project, bytes, seen) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (key) DO UPDATE SET project = ?2, bytes = ?3, seen = max(seen, ?4), expired = NULL",
        )?
        .execute(params![key.as_str(), self.original.scope.project, bytes, now.0])?;
        expiry::add_bytes(db, bytes - before.unwrap_or(0))
    }
}

/// The pin of a chain. Bodies lie apart, so that the table of chains stays small and close together.
const PIN: &str =
    "SELECT b.pin, p.day FROM pins p LEFT JOIN bodies b ON b.number = p.body WHERE p.chain = ?1";

/// A pin, ready to be written.
struct PinRow {
    chain: Chain,
    pin: Pin,
    bytes: Option<Vec<u8>>,
    sent: Vec<[u8; 16]>,
}

impl PinRow {
    fn of(chain: Chain, pin: &Pin, originals: &[Original]) -> PinRow {
        let texts: &[(u32, String)] = match pin {
            Pin::Verbatim => &[],
            Pin::Shortened(pin) => &pin.texts,
        };
        let names = |key: &Key| texts.iter().any(|(_, text)| text.contains(key.as_str()));
        let keys: Vec<Key> = originals.iter().map(|original| original.key.clone()).filter(names).collect();
        PinRow {
            chain,
            pin: pin.clone(),
            bytes: pins::write(pin, &keys),
            sent: texts.iter().map(|(_, text)| digest(text)).collect(),
        }
    }

    /// Writes it, unless the chain is pinned already: then gives that pin.
    fn write(&self, db: &Connection, session: i64, now: Millis) -> rusqlite::Result<Option<Pin>> {
        let new = db
            .prepare_cached("INSERT OR IGNORE INTO pins (chain, session, day) VALUES (?1, ?2, ?3)")?
            .execute(params![self.chain.0, session, now.0 / expiry::DAY])?;
        if new == 0 {
            let mut select = db.prepare_cached(PIN)?;
            let mut rows = select.query([self.chain.0])?;
            let winner = match rows.next()? {
                Some(row) => pins::read(row.get_ref(0)?.as_blob_or_null()?),
                None => None,
            };
            // Bytes that nobody can read were sent as something we don't know: as it came is the best guess.
            return Ok(Some(winner.map_or(Pin::Verbatim, |(pin, _)| pin)));
        }
        if let Some(bytes) = &self.bytes {
            db.prepare_cached("INSERT INTO bodies (pin) VALUES (?1)")?.execute([bytes])?;
            db.prepare_cached("UPDATE pins SET body = ?2 WHERE chain = ?1")?
                .execute(params![self.chain.0, db.last_insert_rowid()])?;
        }
        let mut sent = db.prepare_cached("INSERT OR IGNORE INTO sent (digest, chain) VALUES (?1, ?2)")?;
        for digest in &self.sent {
            sent.execute(params![digest, self.chain.0])?;
        }
        Ok(None)
    }
}

/// What a text that was sent is recognised by.
fn digest(text: &str) -> [u8; 16] {
    let mut digest = [0; 16];
    digest.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
    digest
}

/// Locks, also when a thread panicked while it held the lock: what is behind it stays sound.
fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        StoreError::Database(error.to_string())
    }
}

#[cfg(test)]
mod tests;

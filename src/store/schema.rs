//! The tables, and how an older database becomes this one.

use super::StoreError;
use super::folder::{self, at};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What each schema adds to the one before. Never edited once released; only added to.
pub(super) const STEPS: &[&str] = &[
    "
    CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE sessions (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, agent TEXT NOT NULL, project TEXT NOT NULL,
        began INTEGER NOT NULL, frozen TEXT, breaker_at INTEGER, breaker_why TEXT);
    CREATE TABLE pins (
        chain BLOB PRIMARY KEY, session INTEGER NOT NULL, day INTEGER NOT NULL, body INTEGER) WITHOUT ROWID;
    CREATE TABLE bodies (number INTEGER PRIMARY KEY, pin BLOB NOT NULL);
    CREATE TABLE sent (digest BLOB PRIMARY KEY, chain BLOB NOT NULL) WITHOUT ROWID;
    CREATE INDEX sent_by_chain ON sent (chain);
    CREATE TABLE originals (
        key TEXT PRIMARY KEY, project TEXT NOT NULL, bytes INTEGER NOT NULL, seen INTEGER NOT NULL,
        expired INTEGER) WITHOUT ROWID;
    CREATE INDEX originals_by_age ON originals (seen, bytes) WHERE expired IS NULL;
    CREATE TABLE requests (
        number INTEGER PRIMARY KEY, at INTEGER NOT NULL, session INTEGER NOT NULL, run TEXT NOT NULL,
        agent TEXT NOT NULL, project TEXT NOT NULL, model TEXT NOT NULL, status INTEGER NOT NULL,
        complete INTEGER NOT NULL, bytes_before INTEGER NOT NULL, bytes_after INTEGER NOT NULL,
        first_before INTEGER NOT NULL, first_after INTEGER NOT NULL, replayed_before INTEGER NOT NULL,
        replayed_after INTEGER NOT NULL, given_back_new INTEGER NOT NULL, given_back_old INTEGER NOT NULL,
        only_gives_back INTEGER NOT NULL, overhead INTEGER NOT NULL, head BLOB, preamble BLOB,
        cache INTEGER NOT NULL, uncached INTEGER, cache_read INTEGER, cache_write_5m INTEGER,
        cache_write_1h INTEGER, output INTEGER, billing TEXT NOT NULL);
    CREATE INDEX requests_by_time ON requests (at);
    CREATE INDEX requests_by_session ON requests (session, at);
    CREATE TABLE blocks (
        request INTEGER NOT NULL, place INTEGER NOT NULL, path TEXT NOT NULL, tool TEXT NOT NULL,
        kind TEXT NOT NULL, compressor TEXT, key TEXT, refusal TEXT, tokens_before INTEGER NOT NULL,
        tokens_after INTEGER NOT NULL, PRIMARY KEY (request, place)) WITHOUT ROWID;
    CREATE INDEX blocks_by_key ON blocks (key) WHERE key IS NOT NULL;
    CREATE TABLE refusals (
        request INTEGER NOT NULL, name TEXT NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (request, name)) WITHOUT ROWID;
    CREATE TABLE retrievals (
        number INTEGER PRIMARY KEY, at INTEGER NOT NULL, key TEXT NOT NULL, through TEXT NOT NULL,
        tokens INTEGER NOT NULL);
    CREATE TABLE faults (
        minute INTEGER NOT NULL, name TEXT NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (minute, name)) WITHOUT ROWID;
",
    "
    CREATE TABLE answers (
        id TEXT PRIMARY KEY, chain BLOB NOT NULL, said TEXT NOT NULL, day INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX answers_by_age ON answers (day);
",
    "
    CREATE TABLE offers (root BLOB PRIMARY KEY, day INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE hidden (
        after BLOB NOT NULL, shown BLOB NOT NULL, turn TEXT NOT NULL, day INTEGER NOT NULL,
        PRIMARY KEY (after, shown)) WITHOUT ROWID;
",
    "
    ALTER TABLE requests ADD COLUMN volume INTEGER;
",
    "
    ALTER TABLE blocks ADD COLUMN chain BLOB;
    ALTER TABLE blocks ADD COLUMN rule TEXT;
    ALTER TABLE requests ADD COLUMN cache_miss TEXT;
    ALTER TABLE requests ADD COLUMN cache_missed INTEGER;
    CREATE TABLE controls (
        number INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, scope TEXT NOT NULL,
        pattern TEXT NOT NULL, UNIQUE (kind, scope, pattern));
    CREATE TABLE lessons (
        file TEXT NOT NULL, id TEXT NOT NULL, line TEXT NOT NULL, next TEXT NOT NULL, said INTEGER NOT NULL,
        seen INTEGER, state TEXT NOT NULL, PRIMARY KEY (file, id)) WITHOUT ROWID;
",
];

/// The schema that this headroom writes.
pub(super) const KNOWN: i64 = STEPS.len() as i64;

/// Pages in the write-ahead log after which a commit moves them over by itself, when nobody did before.
const LOG_PAGES: i64 = 4_000;

/// A connection and its patience.
#[derive(Debug)]
pub(super) struct Link {
    pub connection: Connection,
    pub patience: Patience,
}

/// A connection that may write, and what had to be said. The caller holds the folder's lock.
pub(super) fn open(dir: &Path, wait: Duration, notices: &mut Vec<String>) -> Result<Link, StoreError> {
    let path = dir.join("headroom.db");
    if suspect(dir).exists() && !sound(&path, wait) {
        set_aside(dir, notices)?;
    }
    let opened = migrated(&path, wait);
    let opened = match opened {
        Err(Trouble::Damaged) => {
            set_aside(dir, notices)?;
            migrated(&path, wait)
        }
        opened => opened,
    };
    let link = opened.map_err(|trouble| trouble.into_error(&path))?;
    let _ = fs::remove_file(suspect(dir));
    Ok(link)
}

/// A connection that only reads.
pub(super) fn open_reader(dir: &Path, wait: Duration) -> Result<Link, StoreError> {
    let link = connect(&dir.join("headroom.db"), wait)?;
    link.connection.pragma_update(None, "query_only", true)?;
    Ok(link)
}

/// The file whose presence says: the database answered that it is damaged; look before the next use.
fn suspect(dir: &Path) -> PathBuf {
    dir.join("headroom.db.suspect")
}

/// Has the database looked through at the next opening.
pub(super) fn mark_suspect(dir: &Path) {
    let _ = folder::private().truncate(false).open(suspect(dir));
}

/// Why a database could not be made ready.
enum Trouble {
    Damaged,
    Newer(i64),
    Other(StoreError),
}

impl Trouble {
    fn into_error(self, path: &Path) -> StoreError {
        match self {
            Trouble::Damaged => StoreError::Database("a fresh database is damaged at once".to_owned()),
            Trouble::Newer(found) => StoreError::Newer { path: path.to_owned(), found, known: KNOWN },
            Trouble::Other(error) => error,
        }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Trouble {
        if is_damage(&error) { Trouble::Damaged } else { Trouble::Other(error.into()) }
    }
}

/// True for an answer that says: what is in the file is not a sound database.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

/// True for an answer that says: another process holds it.
pub(super) fn is_held(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn migrated(path: &Path, wait: Duration) -> Result<Link, Trouble> {
    let fresh = make(path).map_err(at(path)).map_err(Trouble::Other)?;
    let mut link = connect(path, wait)?;
    let connection = &mut link.connection;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > KNOWN {
        return Err(Trouble::Newer(found));
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A table whose root page is gone shows here, not in the middle of a request.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
    if found < KNOWN {
        let change = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for step in &STEPS[usize::try_from(found).unwrap_or(0)..] {
            change.execute_batch(step)?;
        }
        change.pragma_update(None, "user_version", KNOWN)?;
        change.commit()?;
    }
    if fresh && let Some(dir) = path.parent() {
        folder::sync(dir).map_err(at(dir)).map_err(Trouble::Other)?;
    }
    Ok(link)
}

/// Makes an empty file, so that it (and its -wal and -shm, which take its rights over) is private
/// under any umask. True when it was not there.
///
/// One that is there is not touched: to close it would take away the locks that SQLite holds on it
/// for other connections of this process.
fn make(path: &Path) -> io::Result<bool> {
    match folder::private().create_new(true).open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Opens the file as it is, with the manners that every connection of ours has.
fn connect(path: &Path, wait: Duration) -> rusqlite::Result<Link> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut connection = Connection::open_with_flags(path, flags)?;
    let patience = Patience::default();
    patience.set(wait);
    let asked = patience.clone();
    connection.busy_handler(Some(move |times| asked.wait_a_little(times)))?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    Ok(Link { connection, patience })
}

fn sound(path: &Path, wait: Duration) -> bool {
    let check =
        |link: Link| link.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match connect(path, wait).and_then(check) {
        Ok(verdict) => verdict == "ok",
        Err(error) => !is_damage(&error),
    }
}

fn set_aside(dir: &Path, notices: &mut Vec<String>) -> Result<(), StoreError> {
    let aside = folder::set_aside(dir)?;
    notices.push(format!(
        "the database was damaged and lies untouched at {}; a fresh one was made: earlier sessions are sent as they are, \
         their originals can still be retrieved",
        aside.display()
    ));
    Ok(())
}

/// How long a connection waits for a database that another process holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Patience(Arc<AtomicU32>);

impl Patience {
    /// From now on, this long.
    pub fn set(&self, wait: Duration) {
        self.0.store(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// Asked by SQLite each time the database is held. Some short steps, for a commit is short, then
    /// even ones of a millisecond: with growing ones, as SQLite's own has them, whoever waited
    /// longest comes last.
    fn wait_a_little(&self, times: i32) -> bool {
        const SHORT: u32 = 8;
        let times = u32::try_from(times).unwrap_or(u32::MAX);
        let waits = times < SHORT.saturating_add(self.0.load(Ordering::Relaxed));
        if waits {
            std::thread::sleep(Duration::from_micros(if times < SHORT { 100 } else { 1_000 }));
        }
        waits
    }
}

//! What is let go: originals by age and by the byte budget, old pins, and what the user purges.
//!
//! *Invariant:* an original's file is deleted only while the database is held for writing and
//! its row says so; whoever pins it again looks for the file after it holds the database. So
//! no pin can be written whose original is on its way out.

use super::commit::{Survives, Writer};
use super::originals::{Listed, Originals};
use super::{Limits, Store, StoreError, answers, hidden, hold};
use crate::units::{Chain, Key, Millis};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;

/// Milliseconds in an hour: how long the newest originals are safe from the budget, and how often ages are looked at.
const HOUR: i64 = 3_600_000;

/// Milliseconds in a day: how often the files themselves are looked through, and the unit of a pin's age.
pub(super) const DAY: i64 = 24 * HOUR;

/// Rows handled in one transaction, so that nobody who writes waits long.
const BATCH: usize = 128;

/// How long it is remembered that an original has expired.
const TOMBSTONES: i64 = 366 * DAY;

/// How much older than an original a pin may get: a transcript may be resumed after its originals are gone.
const PINS_OUTLIVE: i64 = 3;

/// Which kept things to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purge {
    /// Those of sessions in this folder, and in folders in it.
    Project(String),
    /// Those that were last used before this moment.
    Older(Millis),
    /// Everything, the record of requests too.
    All,
}

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Originals.
    pub originals: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Pins.
    pub pins: u64,
    /// Recorded requests.
    pub requests: u64,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Originals.
    pub originals: u64,
    /// Bytes of their files.
    pub originals_bytes: u64,
    /// Originals that have expired and are remembered by name.
    pub expired: u64,
    /// Pins of blocks that went as they came.
    pub pins_verbatim: u64,
    /// Pins that shortened something.
    pub pins_shortened: u64,
    /// Sessions.
    pub sessions: u64,
    /// Recorded requests.
    pub requests: u64,
    /// Bytes of the database and its log.
    pub database_bytes: u64,
}

/// Lets go what is too old or too much, when it is time to look again.
pub(super) fn when_due(writer: &Writer, originals: &Originals, limits: &Limits, now: Millis) {
    let facts = writer.alone(|db| Ok((fact(db, "aged")?, fact(db, "swept")?, fact(db, "bytes")?)));
    let Ok((aged, swept, bytes)) = facts else { return };
    if now.0 - swept >= DAY || now.0 < swept {
        let _ = sweep(writer, originals, now);
    }
    if now.0 - aged >= HOUR || now.0 < aged {
        let _ = age(writer, originals, limits, now);
    }
    if bytes > budget(limits) {
        let _ = shrink(writer, originals, limits, now);
    }
}

fn budget(limits: &Limits) -> i64 {
    i64::try_from(limits.originals_bytes).unwrap_or(i64::MAX)
}

/// Lets go every original and pin that is too old.
fn age(writer: &Writer, originals: &Originals, limits: &Limits, now: Millis) -> Result<(), StoreError> {
    let lifetime = i64::try_from(limits.originals_age.as_millis()).unwrap_or(i64::MAX);
    let cutoff = now.0.saturating_sub(lifetime);
    expire(writer, originals, now, move |db| {
        keys(
            db,
            "SELECT key FROM originals WHERE expired IS NULL AND seen < ?1 LIMIT ?2",
            params![cutoff, BATCH as i64],
        )
    })?;
    let oldest = now.0.saturating_sub(lifetime.saturating_mul(PINS_OUTLIVE)) / DAY;
    drop_pins(writer, "day < ?1", oldest.into())?;
    writer.commit(Survives::Death, move |db| {
        db.execute("DELETE FROM originals WHERE expired < ?1", [now.0 - TOMBSTONES])?;
        answers::age(db, now)?;
        hidden::age(db, now)?;
        set_fact(db, "aged", now.0)
    })
}

/// Lets the oldest originals go until the rest is within the budget; never those of the last hour.
fn shrink(writer: &Writer, originals: &Originals, limits: &Limits, now: Millis) -> Result<(), StoreError> {
    let (budget, young) = (budget(limits), now.0 - HOUR);
    expire(writer, originals, now, move |db| {
        let mut over = fact(db, "bytes")? - budget;
        let mut oldest = db.prepare_cached(
            "SELECT key, bytes FROM originals WHERE expired IS NULL AND seen < ?1 ORDER BY seen LIMIT ?2",
        )?;
        let mut rows = oldest.query(params![young, BATCH as i64])?;
        let mut keys = Vec::new();
        while let Some(row) = rows.next()? {
            if over <= 0 {
                break;
            }
            over -= row.get::<_, i64>(1)?;
            keys.push(row.get(0)?);
        }
        Ok(keys)
    })?;
    Ok(())
}

/// Expires what `victims` names, again and again until it names nothing. Gives how many and how many bytes.
fn expire(
    writer: &Writer,
    originals: &Originals,
    now: Millis,
    victims: impl Fn(&Connection) -> rusqlite::Result<Vec<String>> + Send + Clone + 'static,
) -> Result<(u64, u64), StoreError> {
    let (mut count, mut bytes) = (0, 0);
    loop {
        let (victims, files) = (victims.clone(), originals.clone());
        let (gone, freed) = writer.commit(Survives::Death, move |db| {
            let victims = victims(db)?;
            let mut freed = 0;
            for name in &victims {
                freed += db
                    .prepare_cached("SELECT bytes FROM originals WHERE key = ?1")?
                    .query_row([name], |row| row.get::<_, i64>(0))?;
                db.prepare_cached(
                    "UPDATE originals SET expired = ?2, bytes = 0, project = '' WHERE key = ?1",
                )?
                .execute(params![name, now.0])?;
                if let Some(key) = Key::parse(name) {
                    // What can't be deleted now is found by the next sweep.
                    let _ = files.delete(&key);
                }
            }
            add_bytes(db, -freed)?;
            Ok((victims.len() as u64, freed))
        })?;
        if gone == 0 {
            return Ok((count, bytes));
        }
        count += gone;
        bytes += u64::try_from(freed).unwrap_or(0);
    }
}

/// Brings index and files together: files without a row get one (the index was lost), files of
/// expired originals and drafts of an hour ago go, rows without a file expire.
fn sweep(writer: &Writer, originals: &Originals, now: Millis) -> Result<(), StoreError> {
    let listed = originals.list().map_err(super::folder::at(Path::new("originals")))?;
    let mut listed = listed.into_iter().peekable();
    while listed.peek().is_some() {
        let batch: Vec<Listed> = listed.by_ref().take(BATCH).collect();
        let files = originals.clone();
        writer.commit(Survives::Death, move |db| {
            batch.iter().try_for_each(|file| adopt(db, &files, file, now))
        })?;
    }
    let files = originals.clone();
    writer.commit(Survives::Death, move |db| {
        for name in keys(db, "SELECT key FROM originals WHERE expired IS NULL AND seen < ?1", [now.0 - HOUR])?
        {
            if Key::parse(&name).is_some_and(|key| !files.has(&key)) {
                db.prepare_cached(
                    "UPDATE originals SET expired = ?2, bytes = 0, project = '' WHERE key = ?1",
                )?
                .execute(params![name, now.0])?;
            }
        }
        let bytes: i64 =
            db.query_row("SELECT coalesce(sum(bytes), 0) FROM originals WHERE expired IS NULL", [], |row| {
                row.get(0)
            })?;
        set_fact(db, "bytes", bytes)?;
        set_fact(db, "swept", now.0)
    })
}

fn adopt(db: &Connection, originals: &Originals, file: &Listed, now: Millis) -> rusqlite::Result<()> {
    let Some(key) = &file.key else {
        if file.seen.0 < now.0 - HOUR {
            let _ = std::fs::remove_file(&file.path);
        }
        return Ok(());
    };
    let expired: Option<Option<i64>> = db
        .prepare_cached("SELECT expired FROM originals WHERE key = ?1")?
        .query_row([key.as_str()], |row| row.get(0))
        .optional()?;
    match expired {
        Some(None) => {}
        // Younger than its own end: somebody is about to pin it again.
        Some(Some(_)) if file.seen.0 >= now.0 - HOUR => {}
        Some(Some(_)) => drop(originals.delete(key)),
        None => {
            let project =
                originals.read(key).ok().flatten().map_or_else(String::new, |kept| kept.scope.project);
            db.prepare_cached("INSERT INTO originals (key, project, bytes, seen) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![key.as_str(), project, integer(file.bytes), file.seen.0])?;
        }
    }
    Ok(())
}

/// Begins the age of these pins and originals anew.
pub(super) fn refresh(db: &Connection, chains: &[Chain], keys: &[Key], now: Millis) -> rusqlite::Result<()> {
    let mut pins = db.prepare_cached("UPDATE pins SET day = max(day, ?2) WHERE chain = ?1")?;
    for chain in chains {
        pins.execute(params![chain.0, now.0 / DAY])?;
    }
    let mut originals =
        db.prepare_cached("UPDATE originals SET seen = max(seen, ?2) WHERE key = ?1 AND expired IS NULL")?;
    for key in keys {
        originals.execute(params![key.as_str(), now.0])?;
    }
    Ok(())
}

fn drop_pins(writer: &Writer, which: &'static str, bound: rusqlite::types::Value) -> Result<u64, StoreError> {
    let mut count = 0;
    loop {
        let bound = bound.clone();
        let gone = writer.commit(Survives::Death, move |db| {
            let select = format!("SELECT chain FROM pins WHERE {which} LIMIT {}", BATCH * 8);
            let mut select = db.prepare_cached(&select)?;
            let chains: Vec<Vec<u8>> =
                select.query_map([&bound], |row| row.get(0))?.collect::<Result<_, _>>()?;
            for chain in &chains {
                db.prepare_cached("DELETE FROM sent WHERE chain = ?1")?.execute([chain])?;
                db.prepare_cached(
                    "DELETE FROM bodies WHERE number = (SELECT body FROM pins WHERE chain = ?1)",
                )?
                .execute([chain])?;
                db.prepare_cached("DELETE FROM pins WHERE chain = ?1")?.execute([chain])?;
            }
            Ok(chains.len() as u64)
        })?;
        if gone == 0 {
            return Ok(count);
        }
        count += gone;
    }
}

impl Store {
    /// How much is kept.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn sizes(&self) -> Result<Sizes, StoreError> {
        self.flush();
        let mut sizes = self.read(|db| {
            let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(natural);
            Ok(Sizes {
                originals: count("SELECT count(*) FROM originals WHERE expired IS NULL")?,
                originals_bytes: count(
                    "SELECT coalesce(sum(bytes), 0) FROM originals WHERE expired IS NULL",
                )?,
                expired: count("SELECT count(*) FROM originals WHERE expired IS NOT NULL")?,
                pins_verbatim: count("SELECT count(*) FROM pins WHERE body IS NULL")?,
                pins_shortened: count("SELECT count(*) FROM pins WHERE body IS NOT NULL")?,
                sessions: count("SELECT count(*) FROM sessions")?,
                requests: count("SELECT count(*) FROM requests")?,
                database_bytes: 0,
            })
        })?;
        for file in ["headroom.db", "headroom.db-wal"] {
            sizes.database_bytes += std::fs::metadata(self.dir.join(file)).map_or(0, |about| about.len());
        }
        Ok(sizes)
    }

    /// Lets go at once what is too old or too much. Else the store does so by itself, now and then.
    ///
    /// # Errors
    /// [`StoreError`]; what was let go until then stays gone.
    pub fn expire(&self, now: Millis) -> Result<(), StoreError> {
        sweep(&self.writer, &self.originals, now)?;
        age(&self.writer, &self.originals, &self.limits, now)?;
        shrink(&self.writer, &self.originals, &self.limits, now)
    }

    /// Deletes what was kept: files, rows, and their traces in the log. The record of requests
    /// stays, but for [`Purge::All`].
    ///
    /// A session that goes on afterwards sends its earlier blocks as they are.
    ///
    /// # Errors
    /// [`StoreError`]; what was deleted until then stays deleted.
    pub fn purge(&self, what: &Purge, now: Millis) -> Result<Purged, StoreError> {
        self.flush();
        sweep(&self.writer, &self.originals, now)?;
        let mut purged = Purged::default();
        (purged.originals, purged.bytes) = match what.clone() {
            Purge::Project(project) => expire(&self.writer, &self.originals, now, move |db| {
                let sql = "SELECT key FROM originals WHERE expired IS NULL AND
                    (project = ?1 OR substr(project, 1, length(?1) + 1) = ?1 || '/') LIMIT ?2";
                keys(db, sql, params![project, BATCH as i64])
            })?,
            Purge::Older(before) => expire(&self.writer, &self.originals, now, move |db| {
                let sql = "SELECT key FROM originals WHERE expired IS NULL AND seen < ?1 LIMIT ?2";
                keys(db, sql, params![before.0, BATCH as i64])
            })?,
            Purge::All => expire(&self.writer, &self.originals, now, |db| {
                keys(db, "SELECT key FROM originals WHERE expired IS NULL LIMIT ?1", [BATCH as i64])
            })?,
        };
        purged.pins = match what.clone() {
            Purge::Project(project) => drop_pins(
                &self.writer,
                "session IN (SELECT number FROM sessions WHERE project = ?1
                    OR substr(project, 1, length(?1) + 1) = ?1 || '/')",
                project.into(),
            )?,
            Purge::Older(before) => drop_pins(&self.writer, "day < ?1", (before.0 / DAY).into())?,
            Purge::All => drop_pins(&self.writer, "day >= ?1", i64::MIN.into())?,
        };
        if *what == Purge::All {
            purged.requests = self.writer.commit(Survives::Death, |db| {
                let requests =
                    db.query_row("SELECT count(*) FROM requests", [], |row| row.get::<_, i64>(0))?;
                db.execute_batch(
                    "DELETE FROM requests; DELETE FROM blocks; DELETE FROM refusals; DELETE FROM retrievals;
                     DELETE FROM faults; DELETE FROM sessions; DELETE FROM originals; DELETE FROM sent; DELETE FROM bodies;
                     DELETE FROM answers; DELETE FROM offers; DELETE FROM hidden; DELETE FROM lessons;",
                )?;
                Ok(natural(requests))
            })?;
            for file in self.originals.list().unwrap_or_default() {
                let _ = std::fs::remove_file(file.path);
            }
        }
        self.memory.clear();
        hold(&self.answers).clear();
        self.frozen_clear();
        self.writer.alone(|db| {
            if *what == Purge::All {
                db.execute_batch("VACUUM")?;
            }
            db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        })?;
        Ok(purged)
    }
}

fn keys(db: &Connection, sql: &str, bounds: impl rusqlite::Params) -> rusqlite::Result<Vec<String>> {
    db.prepare_cached(sql)?.query_map(bounds, |row| row.get(0))?.collect()
}

/// Counts bytes of originals' files that came or went.
pub(super) fn add_bytes(db: &Connection, bytes: i64) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO facts (name, value) VALUES ('bytes', ?1) ON CONFLICT (name) DO UPDATE SET value = value + ?1",
    )?
    .execute([bytes])
    .map(drop)
}

fn set_fact(db: &Connection, name: &str, value: i64) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO facts (name, value) VALUES (?1, ?2)")?
        .execute(params![name, value])
        .map(drop)
}

fn fact(db: &Connection, name: &str) -> rusqlite::Result<i64> {
    let value = db
        .prepare_cached("SELECT value FROM facts WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    Ok(value.unwrap_or(0))
}

/// A count as SQLite has it.
pub(super) fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count as SQLite gave it.
pub(super) fn natural(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

//! How the store is, looked at from outside: nothing is made, mended, moved or migrated.

use super::Limits;
use super::schema::{self, KNOWN};
use crate::units::Millis;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checkup {
    /// Nothing is kept yet.
    Absent,
    /// It can be read.
    Sound(Found),
    /// What is in the file is no sound database: in the database's own words.
    Damaged(String),
    /// Made by a newer headroom.
    Newer {
        /// Its schema.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// It could not be looked at.
    Unreadable(String),
}

/// Figures of a sound store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Originals that are kept.
    pub originals: u64,
    /// Bytes of their files.
    pub originals_bytes: u64,
    /// Requests that were recorded.
    pub requests: u64,
    /// What failed since the moment asked for.
    pub faults: u64,
    /// Sessions whose breaker opened since then.
    pub breakers: u64,
}

/// Looks at the store in `dir`; faults and breakers are counted from `since` on.
pub fn look(dir: &Path, since: Millis) -> Checkup {
    let path = dir.join("headroom.db");
    match std::fs::symlink_metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Checkup::Absent,
        Err(error) => return Checkup::Unreadable(error.to_string()),
        Ok(_) => {}
    }
    match asked(&path, since) {
        Ok(checkup) => checkup,
        Err(error) if schema::is_damage(&error) => Checkup::Damaged(error.to_string()),
        Err(error) => Checkup::Unreadable(error.to_string()),
    }
}

fn asked(path: &Path, since: Millis) -> rusqlite::Result<Checkup> {
    let db = open(path)?;
    let found: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if KNOWN < found {
        return Ok(Checkup::Newer { found, known: KNOWN });
    }
    let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Ok(Checkup::Damaged(verdict.lines().collect::<Vec<_>>().join(", ")));
    }
    let count = |sql: &str, bounds: &[i64]| {
        db.query_row(sql, rusqlite::params_from_iter(bounds), |row| row.get::<_, i64>(0))
            .map(|count| u64::try_from(count).unwrap_or(0))
    };
    Ok(Checkup::Sound(Found {
        originals: count("SELECT count(*) FROM originals WHERE expired IS NULL", &[])?,
        originals_bytes: count("SELECT coalesce(sum(bytes), 0) FROM originals WHERE expired IS NULL", &[])?,
        requests: count("SELECT count(*) FROM requests", &[])?,
        faults: count("SELECT coalesce(sum(count), 0) FROM faults WHERE minute >= ?1", &[since.0 / 60_000])?,
        breakers: count("SELECT count(*) FROM sessions WHERE breaker_at >= ?1", &[since.0])?,
    }))
}

/// A connection that leaves no file behind: where no log lies beside the database, nobody writes to it, and it is read
/// as a file that does not change.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let in_use = path.with_file_name("headroom.db-wal").exists();
    let db = match (in_use, path.to_str()) {
        (false, Some(text)) => {
            let name: String = text
                .bytes()
                .map(|byte| match byte {
                    b'%' | b'?' | b'#' => format!("%{byte:02x}"),
                    byte if byte.is_ascii() => char::from(byte).to_string(),
                    byte => format!("%{byte:02x}"),
                })
                .collect();
            Connection::open_with_flags(
                format!("file:{name}?immutable=1"),
                flags | OpenFlags::SQLITE_OPEN_URI,
            )?
        }
        _ => Connection::open_with_flags(path, flags)?,
    };
    db.busy_timeout(Limits::default().wait)?;
    Ok(db)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use std::collections::BTreeSet;
    use std::fs;

    fn files(dir: &Path) -> BTreeSet<String> {
        let entries = fs::read_dir(dir).expect("a folder").flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn it_is_looked_at_and_not_touched() {
        let root = tempfile::tempdir().expect("a folder");
        let dir = root.path().join("a %20? b#");
        fs::create_dir(&dir).expect("a folder");
        assert_eq!(look(&dir, Millis(0)), Checkup::Absent);
        assert_eq!(files(&dir), BTreeSet::new());

        drop(Store::open(&dir, Limits::default()).expect("a store"));
        let before = files(&dir);
        assert_eq!(look(&dir, Millis(0)), Checkup::Sound(Found::default()));
        assert_eq!(files(&dir), before);

        let database = dir.join("headroom.db");
        let mut bytes = fs::read(&database).expect("it is there");
        bytes[..100].fill(7);
        fs::write(&database, &bytes).expect("it is written");
        assert!(matches!(look(&dir, Millis(0)), Checkup::Damaged(_)));
        assert_eq!(fs::read(&database).expect("it is there"), bytes);
        assert_eq!(files(&dir), before);
    }

    #[test]
    fn what_is_in_use_can_be_looked_at_and_what_is_newer_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(dir.path(), Limits::default()).expect("a store");
        store.count_fault(crate::refusal::Refusal::ALL[0], Millis(600_000));
        store.flush();
        let faults = |since| match look(dir.path(), Millis(since)) {
            Checkup::Sound(found) => found.faults,
            other => panic!("{other:?}"),
        };
        assert_eq!((faults(0), faults(700_000)), (1, 0));
        store.writer.alone(|db| db.pragma_update(None, "user_version", KNOWN + 1)).expect("made newer");
        assert_eq!(look(dir.path(), Millis(0)), Checkup::Newer { found: KNOWN + 1, known: KNOWN });
    }
}

//! What the user asked for in the middle of a session: pauses, and what is never made shorter.
//!
//! A handful of rows. What one says is worked out elsewhere.

use super::commit::Survives;
use super::{Store, StoreError, schema};
use crate::units::Millis;
use rusqlite::{Connection, params};
use std::path::Path;
use std::time::Duration;

/// Controls that are looked at, the latest; more than anybody means.
const MOST: i64 = 1_000;

/// What a control asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ask {
    /// That one session is paused: the pattern is its id.
    PauseSession,
    /// That one run of `wrap` is paused: the pattern is its name.
    PauseRun,
    /// That every session of the folder is paused; the pattern is empty.
    PauseFolder,
    /// That outputs which fit the pattern are never made shorter.
    Never,
}

impl Ask {
    /// Every one, in the order of this file.
    pub const ALL: [Ask; 4] = [Ask::PauseSession, Ask::PauseRun, Ask::PauseFolder, Ask::Never];

    /// The name in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Ask::PauseSession => "pause_session",
            Ask::PauseRun => "pause_run",
            Ask::PauseFolder => "pause_folder",
            Ask::Never => "never",
        }
    }

    /// True for a pause of any kind.
    pub fn is_pause(self) -> bool {
        self != Ask::Never
    }
}

/// One thing that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// What for.
    pub ask: Ask,
    /// The folder it was asked for in, and for the folders in it; empty: everywhere.
    pub scope: String,
    /// Which session, run, tool or command.
    pub pattern: String,
    /// When.
    pub at: Millis,
}

impl Control {
    /// True when it is there for those who work in `folder`.
    pub fn covers(&self, folder: &str) -> bool {
        let inside = || folder.strip_prefix(self.scope.trim_end_matches('/'));
        self.scope.is_empty() || inside().is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl Store {
    /// Everything that is asked for now, the oldest first; as any process has written it until this moment.
    ///
    /// # Errors
    /// [`StoreError::Database`]; who can't know makes nothing shorter.
    pub fn controls(&self) -> Result<Vec<Control>, StoreError> {
        self.read(read)
    }

    /// Asks for something, for good. False when the same was asked for before.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing has changed.
    pub fn ask_for(&self, control: &Control) -> Result<bool, StoreError> {
        let control = control.clone();
        self.writer.commit(Survives::PowerLoss, move |db| {
            let Control { ask, scope, pattern, at } = &control;
            let rows = db.execute(
                "INSERT OR IGNORE INTO controls (at, kind, scope, pattern) VALUES (?1, ?2, ?3, ?4)",
                params![at.0, ask.name(), scope, pattern],
            )?;
            Ok(0 < rows)
        })
    }

    /// Asks for these no more.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing has changed.
    pub fn ask_no_more(&self, controls: &[Control]) -> Result<(), StoreError> {
        let controls = controls.to_vec();
        self.writer.commit(Survives::PowerLoss, move |db| {
            let mut delete =
                db.prepare_cached("DELETE FROM controls WHERE kind = ?1 AND scope = ?2 AND pattern = ?3")?;
            controls.iter().try_for_each(|control| {
                delete.execute(params![control.ask.name(), control.scope, control.pattern]).map(drop)
            })
        })
    }
}

/// What is asked for in the store at `dir`, without opening the store; nothing where that can't be told.
pub fn controls_in(dir: &Path, wait: Duration) -> Vec<Control> {
    schema::open_reader(dir, wait).ok().and_then(|link| read(&link.connection).ok()).unwrap_or_default()
}

fn read(db: &Connection) -> rusqlite::Result<Vec<Control>> {
    let mut select =
        db.prepare_cached("SELECT kind, scope, pattern, at FROM controls ORDER BY number DESC LIMIT ?1")?;
    let rows = select.query_map([MOST], |row| {
        let kind: String = row.get(0)?;
        // A newer headroom may know more.
        let Some(ask) = Ask::ALL.into_iter().find(|ask| ask.name() == kind) else { return Ok(None) };
        Ok(Some(Control { ask, scope: row.get(1)?, pattern: row.get(2)?, at: Millis(row.get(3)?) }))
    })?;
    let mut controls: Vec<Control> = rows.filter_map(Result::transpose).collect::<rusqlite::Result<_>>()?;
    controls.reverse();
    Ok(controls)
}

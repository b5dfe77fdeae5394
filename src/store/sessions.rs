//! Sessions: their settings, frozen at the first request, and their breakers.

use super::commit::Survives;
use super::{Frozen, Store, StoreError, hold};
use crate::units::{Millis, SessionId};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;

/// Sessions that are remembered in memory at most; then memory begins anew.
const REMEMBERED: usize = 4_096;

/// What is remembered of sessions, so that a request asks the database for nothing it was told before.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    frozen: HashMap<SessionId, Frozen>,
    breakers: HashMap<SessionId, Option<String>>,
}

impl Remembered {
    fn bound(&mut self) {
        if self.frozen.len() > REMEMBERED || self.breakers.len() > REMEMBERED {
            *self = Remembered::default();
        }
    }
}

/// The number of a session; it gets a row when it has none.
pub(super) fn number(
    db: &Connection,
    session: &SessionId,
    agent: &str,
    project: &str,
    now: Millis,
) -> rusqlite::Result<i64> {
    let mut select = db.prepare_cached("SELECT number FROM sessions WHERE id = ?1")?;
    if let Some(number) = select.query_row([&session.0], |row| row.get(0)).optional()? {
        return Ok(number);
    }
    db.prepare_cached("INSERT INTO sessions (id, agent, project, began) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![session.0, agent, project, now.0])?;
    Ok(db.last_insert_rowid())
}

impl Store {
    /// The settings that `session` began with; `fresh` when this is its first request.
    ///
    /// # Errors
    /// [`StoreError::Database`]; the caller goes on with `fresh`.
    pub fn session(
        &self,
        session: &SessionId,
        fresh: &Frozen,
        agent: &str,
        project: &str,
        now: Millis,
    ) -> Result<Frozen, StoreError> {
        if let Some(frozen) = hold(&self.sessions).frozen.get(session) {
            return Ok(frozen.clone());
        }
        self.told(now);
        let frozen = match self.read(|db| frozen(db, session))? {
            Some(frozen) => frozen,
            None => self.freeze(session, fresh, agent, project, now)?,
        };
        let mut sessions = hold(&self.sessions);
        sessions.bound();
        sessions.frozen.insert(session.clone(), frozen.clone());
        Ok(frozen)
    }

    /// The settings that `session` began with, if it has begun; writes nothing.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn begun(&self, session: &SessionId) -> Result<Option<Frozen>, StoreError> {
        match hold(&self.sessions).frozen.get(session) {
            Some(frozen) => Ok(Some(frozen.clone())),
            None => self.read(|db| frozen(db, session)),
        }
    }

    fn freeze(
        &self,
        session: &SessionId,
        fresh: &Frozen,
        agent: &str,
        project: &str,
        now: Millis,
    ) -> Result<Frozen, StoreError> {
        let json = serde_json::to_string(fresh).map_err(|error| StoreError::Database(error.to_string()))?;
        let (session, fresh) = (session.clone(), fresh.clone());
        let (agent, project) = (agent.to_owned(), project.to_owned());
        self.writer.commit(Survives::Death, move |db| {
            let number = number(db, &session, &agent, &project, now)?;
            // Whoever froze it first has it, and so does whoever comes second.
            db.prepare_cached(
                "UPDATE sessions SET frozen = ?2, agent = ?3, project = ?4 WHERE number = ?1 AND frozen IS NULL",
            )?
            .execute(params![number, json, agent, project])?;
            Ok(frozen(db, &session)?.unwrap_or_else(|| fresh.clone()))
        })
    }

    /// Opens the session's breaker. One that is open stays open for its first reason.
    ///
    /// # Errors
    /// [`StoreError::Database`]; this process keeps it open all the same.
    pub fn open_breaker(&self, session: &SessionId, why: &str, now: Millis) -> Result<(), StoreError> {
        hold(&self.sessions).breakers.insert(session.clone(), Some(why.to_owned()));
        let (session, why) = (session.clone(), why.to_owned());
        self.writer.commit(Survives::Death, move |db| {
            let number = number(db, &session, "", "", now)?;
            db.prepare_cached(
                "UPDATE sessions SET breaker_at = ?2, breaker_why = ?3 WHERE number = ?1 AND breaker_at IS NULL",
            )?
            .execute(params![number, now.0, why])
            .map(drop)
        })
    }

    /// Why the session's breaker is open; `None` when it is closed.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn breaker(&self, session: &SessionId) -> Result<Option<String>, StoreError> {
        if let Some(why) = hold(&self.sessions).breakers.get(session) {
            return Ok(why.clone());
        }
        let why = self.read(|db| {
            db.prepare_cached("SELECT breaker_why FROM sessions WHERE id = ?1")?
                .query_row([&session.0], |row| row.get::<_, Option<String>>(0))
                .optional()
        })?;
        let mut sessions = hold(&self.sessions);
        sessions.bound();
        // Opened meanwhile by another thread: that stays.
        Ok(sessions.breakers.entry(session.clone()).or_insert_with(|| why.flatten()).clone())
    }

    pub(super) fn frozen_clear(&self) {
        *hold(&self.sessions) = Remembered::default();
    }
}

fn frozen(db: &Connection, session: &SessionId) -> rusqlite::Result<Option<Frozen>> {
    let json = db
        .prepare_cached("SELECT frozen FROM sessions WHERE id = ?1")?
        .query_row([&session.0], |row| row.get::<_, Option<String>>(0))
        .optional()?;
    Ok(json.flatten().and_then(|json| serde_json::from_str(&json).ok()))
}

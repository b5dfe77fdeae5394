//! What was said between the model and us, behind the client's back, in order to give originals back.
//!
//! On the disk, synced, before the client can go on from it: what the model has seen must be put
//! back at the same place in every later request of that history.

use super::commit::Survives;
use super::expiry::DAY;
use super::{Store, StoreError};
use crate::units::{Chain, Millis};
use rusqlite::{Connection, OptionalExtension, params};

/// For how many days a history is known to have been offered the tool. As long as pins are kept after their last use
/// by the longest-lived transcripts that agents resume.
const DAYS: i64 = 400;

impl Store {
    /// Notes that the history which begins with the block `root` is offered our tool, from its first request on.
    ///
    /// # Errors
    /// [`StoreError`]: then it must not be offered.
    pub fn offer_tool(&self, root: Chain, now: Millis) -> Result<(), StoreError> {
        self.writer.commit(Survives::PowerLoss, move |db| {
            db.prepare_cached("INSERT OR REPLACE INTO offers (root, day) VALUES (?1, ?2)")?
                .execute(params![root.0, now.0 / DAY])
                .map(drop)
        })
    }

    /// Whether the history that begins with the block `root` was offered our tool from its first request on.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn offers_tool(&self, root: Chain) -> Result<bool, StoreError> {
        self.read(|db| {
            let found = db
                .prepare_cached("SELECT 1 FROM offers WHERE root = ?1")?
                .query_row([root.0], |_| Ok(()))
                .optional()?;
            Ok(found.is_some())
        })
    }

    /// Keeps what was hidden in the model's turn after the block `after`; `shown` tells what the client saw of that turn.
    ///
    /// # Errors
    /// [`StoreError`]: then it is not kept.
    pub fn hide(&self, after: Chain, shown: Chain, turn: String, now: Millis) -> Result<(), StoreError> {
        self.writer.commit(Survives::PowerLoss, move |db| {
            db.prepare_cached(
                "INSERT OR REPLACE INTO hidden (after, shown, turn, day) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![after.0, shown.0, turn, now.0 / DAY])
            .map(drop)
        })
    }

    /// What was hidden in a model's turn, told by the block before it and by what the client saw of it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn hidden(&self, after: Chain, shown: Chain) -> Result<Option<String>, StoreError> {
        self.read(|db| {
            db.prepare_cached("SELECT turn FROM hidden WHERE after = ?1 AND shown = ?2")?
                .query_row([after.0, shown.0], |row| row.get(0))
                .optional()
        })
    }
}

/// Lets go what no history needs any more.
pub(super) fn age(db: &Connection, now: Millis) -> rusqlite::Result<()> {
    let oldest = now.0 / DAY - DAYS;
    db.execute("DELETE FROM offers WHERE day < ?1", [oldest])?;
    db.execute("DELETE FROM hidden WHERE day < ?1", [oldest]).map(drop)
}

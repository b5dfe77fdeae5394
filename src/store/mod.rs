//! What outlives a request: originals, pins, sessions, receipts.
//!
//! The only room that speaks SQL. Takes the time from its caller.
//!
//! *Invariant:* a pin is write-once: whoever comes second gets the first's
//! bytes. *Invariant:* a pin that shortened something, and the original behind
//! it, are on disk (`synchronous=FULL`) before [`Store::pin`] returns.
//!
//! Layout of the folder (0700, every file 0600):
//! ```text
//! headroom.db            sessions · pins · requests · blocks · refusals · retrievals · index of originals
//! originals/ab/KEY.zst   one original a file; `zstd -dc` reads it
//! secret                 32 random bytes: what keys are hashed with
//! ```

mod requests;

pub use requests::{BlockRow, Filter, KindRow, RequestRow, RetrievalRow, SessionRow};

use crate::receipt::{Outcome, Receipt};
use crate::refusal::Refusal;
use crate::units::{Chain, Key, Millis, SessionId, Tokens};
use std::path::{Path, PathBuf};
use std::sync::Arc;
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
    /// Version of the rewrite's rules: a new binary keeps old sessions as they were.
    pub rules: u32,
    /// False when the session began switched off.
    pub on: bool,
}

/// An open store. Cheap to share; every method may be called from any thread.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
}

impl Store {
    /// Opens the store in `dir`, making it when it is not there.
    ///
    /// A damaged database is set aside (renamed, untouched) and a fresh one
    /// made; [`Store::notices`] tells.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the folder can't be used, [`StoreError::Newer`]
    /// when a newer headroom made it.
    pub fn open(dir: &Path, _limits: Limits) -> Result<Store, StoreError> {
        Ok(Store { dir: dir.to_owned() })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What had to be said while opening, a sentence each.
    pub fn notices(&self) -> Vec<String> {
        Vec::new()
    }

    /// The name under which `text` is kept for `scope`: the same for the same text, scope and installation.
    pub fn key(&self, _text: &str, _scope: &Scope) -> Key {
        Key::parse("00000000000000000000").expect("twenty digits")
    }

    /// The settings that `session` began with; `fresh` when this is its first request.
    ///
    /// # Errors
    /// [`StoreError::Database`]; the caller goes on with `fresh`.
    pub fn session(
        &self,
        _session: &SessionId,
        fresh: &Frozen,
        _agent: &str,
        _project: &str,
        _now: Millis,
    ) -> Result<Frozen, StoreError> {
        Ok(fresh.clone())
    }

    /// The pins of these chains that this process has in memory. Never waits, never fails: what
    /// to replay when [`Store::pins`] can't be answered.
    pub fn remembered(&self, chains: &[Chain]) -> Vec<Option<Pin>> {
        vec![None; chains.len()]
    }

    /// The pins of these chains, in the same order; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError::Database`]; the caller replays what [`Store::remembered`] knows and shortens nothing new.
    pub fn pins(&self, chains: &[Chain]) -> Result<Vec<Option<Pin>>, StoreError> {
        Ok(vec![None; chains.len()])
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
        _session: &SessionId,
        pins: &[(Chain, Pin)],
        _originals: &[Original],
        _now: Millis,
    ) -> Result<Vec<Pin>, StoreError> {
        Ok(pins.iter().map(|(_, pin)| pin.clone()).collect())
    }

    /// True when `digest` is of a whole text that we once sent in place of another.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn is_ours(&self, _text: &str) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// The original kept under `key`; read from its file, without the database.
    ///
    /// # Errors
    /// [`StoreError::Unknown`], [`StoreError::Expired`], [`StoreError::Io`].
    pub fn original(&self, key: &Key, _now: Millis) -> Result<KeptOriginal, StoreError> {
        Err(StoreError::Unknown(key.clone()))
    }

    /// Writes down what was done to a request and what it cost. Never durable at the request's expense.
    ///
    /// # Errors
    /// [`StoreError::Database`]; the request is not affected.
    pub fn record(&self, _receipt: &Receipt, _outcome: &Outcome) -> Result<(), StoreError> {
        Ok(())
    }

    /// Writes down that an original was given back: through what (`cli`, `mcp`) and how many tokens.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn record_retrieval(
        &self,
        _key: &Key,
        _through: &str,
        _tokens: Tokens,
        _now: Millis,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    /// Opens (`Some(why)`) or reads (`None` given back when closed) the session's breaker.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn open_breaker(&self, _session: &SessionId, _why: &str, _now: Millis) -> Result<(), StoreError> {
        Ok(())
    }

    /// Why the session's breaker is open; `None` when it is closed.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn breaker(&self, _session: &SessionId) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    /// Counts something of ours that failed outside any one block.
    pub fn count_fault(&self, _what: Refusal, _now: Millis) {}
}

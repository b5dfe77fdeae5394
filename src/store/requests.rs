//! What was done to each request and what it cost, kept for ever and read back as rows.
//!
//! Append-only. Holds sizes, names and digests; never content.

use super::{Frozen, Store, StoreError};
use crate::conversation::CacheAsk;
use crate::receipt::{Billing, Usage};
use crate::refusal::Refusal;
use crate::units::{Chain, Key, Millis, SessionId, Tokens};
use std::collections::BTreeMap;

/// Which part of the record to read. What is `None` does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// From this moment on.
    pub since: Option<Millis>,
    /// Before this moment.
    pub until: Option<Millis>,
    /// Of this session only.
    pub session: Option<SessionId>,
    /// Of this wrap or proxy run only.
    pub run: Option<String>,
}

/// One request: its receipt's totals and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRow {
    /// Counts up in the order of recording.
    pub number: i64,
    /// When it arrived.
    pub at: Millis,
    /// The session it belongs to.
    pub session: SessionId,
    /// The wrap or the proxy run it came through.
    pub run: String,
    /// Which agent sent it, or `unknown`.
    pub agent: String,
    /// The folder the agent works in; empty when unknown.
    pub project: String,
    /// The model asked for.
    pub model: String,
    /// The HTTP status; 0 when no answer came.
    pub status: u16,
    /// True when the answer was read to its end.
    pub complete: bool,
    /// Bytes of the body as it came.
    pub bytes_before: u64,
    /// Bytes that were forwarded.
    pub bytes_after: u64,
    /// Tokens of the blocks first shortened in this request, as they came.
    pub first_before: Tokens,
    /// Tokens of those blocks as they were sent.
    pub first_after: Tokens,
    /// Tokens that the shortened blocks replayed here would have had.
    pub replayed_before: Tokens,
    /// Tokens of those blocks as they were sent.
    pub replayed_after: Tokens,
    /// Tokens of originals given back, new in this request.
    pub given_back_new: Tokens,
    /// Tokens of originals given back in earlier requests.
    pub given_back_old: Tokens,
    /// True when all that is new in it are originals given back.
    pub only_gives_back: bool,
    /// Tokens of our own tool's definition in it.
    pub overhead: Tokens,
    /// Names the whole history.
    pub head: Option<Chain>,
    /// Digest of system and tools.
    pub preamble: Option<Chain>,
    /// What the client asked of the prompt cache.
    pub cache: CacheAsk,
    /// What the provider counted; `None` when the answer carried no usage.
    pub usage: Option<Usage>,
    /// How it was paid for.
    pub billing: Billing,
}

/// One new tool result of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRow {
    /// [`RequestRow::number`] of its request.
    pub request: i64,
    /// Where it stood: `messages[4].content[0]`.
    pub path: String,
    /// The tool's name, or empty.
    pub tool: String,
    /// The kind of content.
    pub kind: String,
    /// Which compressor shortened it.
    pub compressor: Option<String>,
    /// Where its original is kept.
    pub key: Option<Key>,
    /// Why it went as it was; `None` when it was shortened, or for a name that only a newer headroom knows.
    pub refusal: Option<Refusal>,
    /// Tokens of the client's text.
    pub tokens_before: Tokens,
    /// Tokens of what was sent.
    pub tokens_after: Tokens,
}

/// All new tool results of one kind that one compressor handled (or none did).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindRow {
    /// The kind of content.
    pub kind: String,
    /// Which compressor; `None` for those that went as they came.
    pub compressor: Option<String>,
    /// How many.
    pub blocks: u64,
    /// Tokens of the client's texts.
    pub tokens_before: Tokens,
    /// Tokens of what was sent.
    pub tokens_after: Tokens,
    /// How often one of their originals was given back.
    pub retrievals: u64,
}

/// One original given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrievalRow {
    /// When.
    pub at: Millis,
    /// Which.
    pub key: Key,
    /// Through what: `cli`, `mcp`.
    pub through: String,
    /// Tokens of what was given.
    pub tokens: Tokens,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Its name.
    pub session: SessionId,
    /// Which agent, or `unknown`.
    pub agent: String,
    /// The folder it works in; empty when unknown.
    pub project: String,
    /// When its first request came.
    pub began: Millis,
    /// The settings it began with; `None` when they were never frozen.
    pub frozen: Option<Frozen>,
    /// When and why its breaker opened; `None` while it is closed.
    pub breaker: Option<(Millis, String)>,
}

impl Store {
    /// The requests that `filter` lets through, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn requests(&self, _filter: &Filter) -> Result<Vec<RequestRow>, StoreError> {
        Ok(Vec::new())
    }

    /// Every new tool result of those requests, in the order they were sent.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn blocks(&self, _filter: &Filter) -> Result<Vec<BlockRow>, StoreError> {
        Ok(Vec::new())
    }

    /// The new tool results of those requests, summed by kind and compressor; the most tokens first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn kinds(&self, _filter: &Filter) -> Result<Vec<KindRow>, StoreError> {
        Ok(Vec::new())
    }

    /// How often each refusal was met in those requests.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn refusals(&self, _filter: &Filter) -> Result<BTreeMap<Refusal, u64>, StoreError> {
        Ok(BTreeMap::new())
    }

    /// The originals given back in that time; with a session or a run, those that were left out there.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn retrievals(&self, _filter: &Filter) -> Result<Vec<RetrievalRow>, StoreError> {
        Ok(Vec::new())
    }

    /// What failed in that time outside any one block, by name. Session and run do not narrow it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn faults(&self, _filter: &Filter) -> Result<BTreeMap<Refusal, u64>, StoreError> {
        Ok(BTreeMap::new())
    }

    /// The sessions that had a request in that time (or began in it), oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn sessions(&self, _filter: &Filter) -> Result<Vec<SessionRow>, StoreError> {
        Ok(Vec::new())
    }

    /// Waits until everything recorded so far is written; at most a few seconds.
    pub fn flush(&self) {}
}

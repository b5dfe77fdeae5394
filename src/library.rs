//! headroom as a library and as a filter: messages in, shorter messages out.
//!
//! The same rewrite as in the proxy, with the same pins: what was given back
//! once for a block of a history is given back for ever.

use crate::receipt::{BlockReceipt, Receipt};
use crate::rewrite::explain::{self, Explanation};
use crate::rewrite::{self, Caller, Desk, Inline, Profile, Reach, Settings, WayBack, Writes};
use crate::store::{KeptOriginal, Limits, Scope, Store, StoreError};
use crate::units::{Key, Millis, Tokens};
use crate::wire::Wire;
use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Shortens the tool outputs in messages and keeps the originals.
///
/// ```
/// use headroom::{Headroom, Profile};
/// use serde_json::json;
///
/// let folder = tempfile::tempdir()?;
/// let headroom = Headroom::open(folder.path())?;
/// let rows: Vec<_> = (0..300)
///     .map(|id| json!({"id": id, "status": "active", "region": "eu-west-1", "plan": "free"}))
///     .collect();
/// let printed = serde_json::to_string(&rows)?;
/// let messages = json!([
///     {"role": "user", "content": "which customers are there?"},
///     {"role": "assistant", "content": [
///         {"type": "tool_use", "id": "call-1", "name": "list_customers", "input": {}}]},
///     {"role": "user", "content": [
///         {"type": "tool_result", "tool_use_id": "call-1", "content": printed}]},
/// ]);
///
/// let compressed = headroom.compress(&messages)?;
/// assert!(compressed.tokens_after.0 * 2 < compressed.tokens_before.0);
///
/// let key = compressed.blocks[0].key.as_ref().expect("the original is kept");
/// assert_eq!(headroom.retrieve(key)?.text, printed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Headroom {
    store: Arc<Store>,
    settings: Settings,
    scope: Scope,
}

/// Messages made shorter.
#[derive(Clone, Debug)]
pub struct Compressed {
    /// What to send: the same shape as what came in.
    pub messages: serde_json::Value,
    /// Tokens (o200k) of the tool outputs that were looked at.
    pub tokens_before: Tokens,
    /// Tokens of what stands in their place.
    pub tokens_after: Tokens,
    /// What was done to each of them.
    pub blocks: Vec<BlockReceipt>,
}

/// A request's body made shorter, byte for byte the same outside what was shortened.
#[derive(Clone, Debug)]
pub struct CompressedBody {
    /// The bytes to send.
    pub body: Bytes,
    /// What was done.
    pub receipt: Receipt,
    /// How long the compressors took; the store not included.
    pub elapsed: Duration,
}

/// Why messages could not be read.
#[derive(Debug, thiserror::Error)]
pub enum NotMessages {
    /// Neither a list of messages nor a request that has one.
    #[error(
        "this is no request of a known provider: it needs a list `messages` of objects with `role` and `content`, or `input`, or `contents`"
    )]
    Shape,
    /// A value that JSON can't hold.
    #[error("the messages could not be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl Headroom {
    /// Opens the store in `folder` (made when it is not there), with the default profile.
    ///
    /// # Errors
    /// [`StoreError`] when the folder can't be used.
    pub fn open(folder: &Path) -> Result<Headroom, StoreError> {
        let store = Arc::new(Store::open(folder, Limits::default())?);
        Ok(Headroom::with(store, Profile::Shorten(crate::compress::Effort::Balanced)))
    }

    /// Works on a store that is open already.
    pub fn with(store: Arc<Store>, profile: Profile) -> Headroom {
        let way_back = WayBack::Proven;
        let settings = Settings { profile, on: true, way_back, rules: Arc::new([]), frames: Arc::default() };
        Headroom { store, settings, scope: Scope::default() }
    }

    /// Works by the user's own rules.
    #[must_use]
    pub fn ruled(mut self, rules: &[rewrite::rules::Rule]) -> Headroom {
        self.settings.rules = rules.into();
        self
    }

    /// Keeps the originals for the clients that work in `project`.
    #[must_use]
    pub fn scoped(mut self, project: &str) -> Headroom {
        project.clone_into(&mut self.scope.project);
        self
    }

    /// Makes the tool outputs in `messages` shorter: a list of messages, or a request with one
    /// in `messages`, in the shape of Anthropic Messages or OpenAI Chat Completions; or a request of
    /// OpenAI Responses or Gemini.
    ///
    /// # Errors
    /// [`NotMessages`] when there are none.
    pub fn compress(&self, messages: &serde_json::Value) -> Result<Compressed, NotMessages> {
        let listed = messages.is_array();
        let body = if listed {
            serde_json::to_vec(&serde_json::json!({ "messages": messages }))?
        } else {
            serde_json::to_vec(messages)?
        };
        let done = self.compress_body(Bytes::from(body)).ok_or(NotMessages::Shape)?;
        let mut sent: serde_json::Value = serde_json::from_slice(&done.body)?;
        let (tokens_before, tokens_after) = done.tokens();
        Ok(Compressed {
            messages: if listed { sent["messages"].take() } else { sent },
            tokens_before,
            tokens_after,
            blocks: done.receipt.blocks,
        })
    }

    /// Makes the tool outputs in a request's body shorter; `None` when it is no request that we read.
    pub fn compress_body(&self, body: Bytes) -> Option<CompressedBody> {
        let wire = wire_of(&body)?;
        let now = now();
        let caller = Caller {
            wire,
            session: None,
            run: self.run(),
            agent: "filter".to_owned(),
            scope: self.scope.clone(),
            now,
            writes: Writes::Keep,
            reach: Reach::Everything,
            model: None,
        };
        let bench = TimedBench::default();
        let desk = Desk { store: Some(&self.store), bench: &bench, settings: &self.settings };
        let rewritten = rewrite::rewrite(body, &caller, &desk);
        Some(CompressedBody { body: rewritten.body, receipt: rewritten.receipt, elapsed: bench.elapsed() })
    }

    /// Why the tool outputs of a request were treated as they were: `before` is what was given to
    /// [`Headroom::compress_body`], `after` the body that came of it.
    pub fn explain(&self, before: &[u8], after: &[u8]) -> Vec<Explanation> {
        let wire = wire_of(before);
        wire.map(|wire| explain::explain(before, after, wire, &self.settings.rules)).unwrap_or_default()
    }

    /// Names what is done alike: the profile and the user's own rules.
    fn run(&self) -> String {
        let rules: String = self.settings.rules.iter().map(|rule| format!("\n{rule}")).collect();
        let profile = self.settings.profile.name();
        if rules.is_empty() {
            return format!("filter-{profile}");
        }
        format!("filter-{profile}-{}", &blake3::hash(rules.as_bytes()).to_hex()[..8])
    }

    /// The original kept under `key`.
    ///
    /// # Errors
    /// [`StoreError::Unknown`], [`StoreError::Expired`] or [`StoreError::Io`].
    pub fn retrieve(&self, key: &Key) -> Result<KeptOriginal, StoreError> {
        self.store.original(key, now())
    }

    /// How much may be left out.
    pub fn profile(&self) -> Profile {
        self.settings.profile
    }

    /// The store that is worked on.
    pub fn store(&self) -> &Store {
        &self.store
    }
}

impl CompressedBody {
    /// Tokens of the tool outputs that were looked at, before and after.
    pub fn tokens(&self) -> (Tokens, Tokens) {
        self.receipt
            .blocks
            .iter()
            .fold((self.receipt.replayed_before, self.receipt.replayed_after), |(before, after), block| {
                (before + block.tokens_before, after + block.tokens_after)
            })
    }
}

/// Which wire a body speaks; `None` when it is none of them.
///
/// Only Chat Completions has messages of the roles `tool`, `function` and
/// `developer`, and `tool_calls`; what fits both is read as Messages.
fn wire_of(body: &[u8]) -> Option<Wire> {
    Wire::ALL.into_iter().find(|wire| wire.read(body).is_some())
}

/// Runs the jobs on the caller's thread and adds up the time they take.
#[derive(Debug, Default)]
struct TimedBench {
    micros: std::sync::atomic::AtomicU64,
}

impl TimedBench {
    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.micros.load(std::sync::atomic::Ordering::Relaxed))
    }
}

impl rewrite::Bench for TimedBench {
    #[allow(clippy::disallowed_methods)]
    fn run(
        &self,
        jobs: Vec<rewrite::Job>,
    ) -> Vec<Result<crate::compress::Shortened, (&'static str, crate::refusal::Refusal)>> {
        let started = std::time::Instant::now();
        let results = Inline.run(jobs);
        self.micros.fetch_add(started.elapsed().as_micros() as u64, std::sync::atomic::Ordering::Relaxed);
        results
    }
}

/// The time on the machine's clock.
#[allow(clippy::disallowed_methods)]
pub fn now() -> Millis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Millis(since.map_or(0, |since| since.as_millis() as i64))
}

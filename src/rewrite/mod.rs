//! A request's body, made shorter where that is safe.
//!
//! Bytes in, bytes out. *Invariant:* a byte that no cleared block covers leaves
//! as it came. *Invariant:* [`rewrite`] cannot fail; when in doubt it hands
//! back what it was given and says why.

use crate::compress::{Effort, Shortened};
use crate::receipt::Receipt;
use crate::refusal::Refusal;
use crate::store::{Scope, Store};
use crate::units::Millis;
use crate::wire::Wire;
use bytes::Bytes;

/// What a request is rewritten with.
pub struct Desk<'a> {
    /// Pins, originals, sessions; `None` when it could not be opened: then nothing new is shortened.
    pub store: Option<&'a Store>,
    /// Runs the compressors: off the I/O threads, guarded, watched.
    pub bench: &'a dyn Bench,
    /// The settings for new sessions.
    pub settings: &'a Settings,
}

/// Settings of the rewrite, frozen per session.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What may be left out at most.
    pub profile: Profile,
    /// False: no new pins; old ones are replayed.
    pub on: bool,
    /// How the client can get back what is left out.
    pub way_back: WayBack,
}

/// How much may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Nothing.
    Lossless,
    /// What is not needed now, with a way back.
    Shorten(Effort),
}

/// How a client can get back what is left out (law 10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WayBack {
    /// The caller gets the keys: `headroom compress`, a bare proxy on loopback, the library.
    Proven,
    /// Proven for each request whose tool list holds one of these names.
    Tools(Vec<String>),
    /// There is none.
    Nothing,
}

/// Whose request it is.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The wire it speaks.
    pub wire: Wire,
    /// The client's own session name from a header, if it sent one.
    pub session: Option<String>,
    /// Names this run, for clients that send no session of their own.
    pub run: String,
    /// Which agent (`claude`), or `unknown`.
    pub agent: String,
    /// Whom originals are given to.
    pub scope: Scope,
    /// When the request arrived.
    pub now: Millis,
    /// Whether the store may be written.
    pub writes: Writes,
    /// What of the history may be new.
    pub reach: Reach,
}

/// What of a history that has no pins may be new to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only what follows the model's last word: what stands before it was sent
    /// by somebody, and is in the provider's cache as it is. For a proxy.
    Tail,
    /// All of it: the caller sends through nobody else. For the filter and the library.
    Everything,
}

/// Whether a rewrite may write to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// Pins, originals.
    Keep,
    /// Nothing (`count_tokens`): the same bytes as [`Writes::Keep`] would give, as far as that can be.
    Nothing,
}

/// Runs one compressor job.
pub trait Bench: Send + Sync {
    /// Runs every job and gives the results in the same order. A job that panics is
    /// `Err(Refusal::Panicked)`, one that the watchdog let go of `Err(Refusal::Hung)`.
    fn run(&self, jobs: Vec<Job>) -> Vec<Result<Shortened, (&'static str, Refusal)>>;
}

/// One text to shorten; owns all it needs, so that it can outlive its request when it hangs.
pub type Job = Box<dyn FnOnce() -> Result<Shortened, (&'static str, Refusal)> + Send + 'static>;

/// A rewritten body and what was done.
#[derive(Clone, Debug)]
pub struct Rewritten {
    /// The bytes to forward.
    pub body: Bytes,
    /// What was done.
    pub receipt: Receipt,
}

/// Rewrites one request's body. Cannot fail: at worst, the same bytes.
pub fn rewrite(body: Bytes, caller: &Caller, _desk: &Desk<'_>) -> Rewritten {
    let receipt = Receipt::new(crate::units::SessionId(caller.run.clone()), caller.now);
    Rewritten { body, receipt }
}

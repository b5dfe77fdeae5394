//! Why a block, or a whole request, travels on as it came.

use std::fmt;

/// Why a block travels on as it came. Not an error: most blocks do.
///
/// Counted by name in the ledger and shown by `stats`, so that "0 % saved" has
/// a reason on screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// Sent in an earlier turn as it was; changing it would break the provider's cache.
    AlreadySent,
    /// Shorter than the policy's floor.
    BelowFloor,
    /// A compressor looked and found too little to save.
    NoGain,
    /// No compressor for this kind of content.
    NoCompressor,
    /// Read in order to be edited: stays byte-exact.
    ExactRead,
    /// What was given back on retrieval is never shortened.
    GivenBack,
    /// Our own earlier output, come back.
    OwnOutput,
    /// The user's rule or profile says so.
    Rule,
    /// Something would be left out and this client has no proven way to get it back.
    NoWayBack,
    /// The text is not valid UTF-8 once decoded (a lone surrogate, for example).
    OddText,
    /// The work budget was spent.
    OverBudget,
    /// The decoder did not give the original back.
    NotVerified,
    /// A compressor panicked.
    Panicked,
    /// A compressor hung until the watchdog let go of it.
    Hung,
    /// The original or the pin could not be written.
    StoreFailed,
    /// A further round with the provider, in which an original was to be given back, did not come about.
    RoundFailed,
    /// The session's breaker is open: the provider's cache did not do what was expected.
    BreakerOpen,
    /// Switched off: no new pins.
    Off,
    /// Paused by `headroom pause`: no new pins.
    Paused,
    /// `headroom never` names its tool or its command.
    Never,
    /// The request could not be read as its wire's shape.
    Unreadable,
    /// The request is longer than the limit.
    TooLarge,
    /// The client has signed the request's very bytes, and it can't be signed anew here.
    Signed,
    /// A WebSocket's frames were not what both ends had agreed on, or an extension was agreed on
    /// that is not understood: the connection went on unread.
    OddFrames,
}

impl Refusal {
    /// Every refusal, in the order of this file.
    pub const ALL: [Refusal; 24] = [
        Refusal::AlreadySent,
        Refusal::BelowFloor,
        Refusal::NoGain,
        Refusal::NoCompressor,
        Refusal::ExactRead,
        Refusal::GivenBack,
        Refusal::OwnOutput,
        Refusal::Rule,
        Refusal::NoWayBack,
        Refusal::OddText,
        Refusal::OverBudget,
        Refusal::NotVerified,
        Refusal::Panicked,
        Refusal::Hung,
        Refusal::StoreFailed,
        Refusal::RoundFailed,
        Refusal::BreakerOpen,
        Refusal::Off,
        Refusal::Paused,
        Refusal::Never,
        Refusal::Unreadable,
        Refusal::TooLarge,
        Refusal::Signed,
        Refusal::OddFrames,
    ];

    /// The name in `stats`, in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Refusal::AlreadySent => "already_sent",
            Refusal::BelowFloor => "below_floor",
            Refusal::NoGain => "no_gain",
            Refusal::NoCompressor => "no_compressor",
            Refusal::ExactRead => "exact_read",
            Refusal::GivenBack => "given_back",
            Refusal::OwnOutput => "own_output",
            Refusal::Rule => "rule",
            Refusal::NoWayBack => "no_way_back",
            Refusal::OddText => "odd_text",
            Refusal::OverBudget => "over_budget",
            Refusal::NotVerified => "not_verified",
            Refusal::Panicked => "panicked",
            Refusal::Hung => "hung",
            Refusal::StoreFailed => "store_failed",
            Refusal::RoundFailed => "round_failed",
            Refusal::BreakerOpen => "breaker_open",
            Refusal::Off => "off",
            Refusal::Paused => "paused",
            Refusal::Never => "never",
            Refusal::Unreadable => "unreadable",
            Refusal::TooLarge => "too_large",
            Refusal::Signed => "signed",
            Refusal::OddFrames => "odd_frames",
        }
    }

    /// What it means, for people: one clause, no full stop.
    pub fn meaning(self) -> &'static str {
        match self {
            Refusal::AlreadySent => "sent before as it was; a change would break the prompt cache",
            Refusal::BelowFloor => "too short to be worth it",
            Refusal::NoGain => "a compressor looked and found too little to save",
            Refusal::NoCompressor => "no compressor for this kind of content",
            Refusal::ExactRead => "read in order to be edited; stays exact",
            Refusal::GivenBack => "an original that was asked for; never shortened again",
            Refusal::OwnOutput => "already shortened by headroom",
            Refusal::Rule => "your rule or profile keeps it as it is",
            Refusal::NoWayBack => "the client could not get back what would be left out",
            Refusal::OddText => "not valid text once decoded",
            Refusal::OverBudget => "too much work for one request",
            Refusal::NotVerified => "the round trip did not give the original back",
            Refusal::Panicked => "FAULT: a compressor panicked",
            Refusal::Hung => "FAULT: a compressor hung",
            Refusal::StoreFailed => "FAULT: the original could not be stored",
            Refusal::RoundFailed => "FAULT: a round in which an original was to be given back failed",
            Refusal::BreakerOpen => "the provider stopped reading its cache; no new changes in this session",
            Refusal::Off => "switched off",
            Refusal::Paused => "you said `headroom pause`; `headroom resume` goes on",
            Refusal::Never => "you said `headroom never` of its tool or command",
            Refusal::Unreadable => "the request was not understood",
            Refusal::TooLarge => "the request was too large",
            Refusal::Signed => "the client signed its very bytes, and headroom can't sign them anew",
            Refusal::OddFrames => "a WebSocket was not understood and went on unread",
        }
    }

    /// True when something of ours failed (as against: decided).
    pub fn is_fault(self) -> bool {
        matches!(
            self,
            Refusal::RoundFailed
                | Refusal::Panicked
                | Refusal::Hung
                | Refusal::StoreFailed
                | Refusal::NotVerified
        )
    }

    /// True when it is decided before the text itself is looked into: its tokens are told from its length.
    pub fn is_decided_unseen(self) -> bool {
        matches!(
            self,
            Refusal::AlreadySent
                | Refusal::GivenBack
                | Refusal::Rule
                | Refusal::Off
                | Refusal::Paused
                | Refusal::Never
                | Refusal::BreakerOpen
        )
    }

    /// Reads a name back.
    pub fn from_name(name: &str) -> Option<Refusal> {
        Refusal::ALL.into_iter().find(|refusal| refusal.name() == name)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.name())
    }
}

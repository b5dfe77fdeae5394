//! What was done to one request, and what the provider said it cost.
//!
//! `rewrite` fills the receipt in, `wire` overhears the usage, the `store`
//! keeps both, the `ledger` prices them.

use crate::conversation::{Answer, CacheAsk, Call};
use crate::refusal::Refusal;
use crate::units::{Chain, Key, Millis, SessionId, Tokens};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What was done to one request.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The session it belongs to.
    pub session: SessionId,
    /// Names the wrap or the proxy run it came through.
    pub run: String,
    /// Which agent sent it (`claude`), or `unknown`.
    pub agent: String,
    /// The folder the agent works in; empty when unknown.
    pub project: String,
    /// The model asked for.
    pub model: String,
    /// When it arrived.
    pub at: Millis,
    /// Bytes of the body before and after.
    pub bytes_before: u64,
    /// Bytes that were forwarded.
    pub bytes_after: u64,
    /// What was forwarded in o200k, roughly; `None` when not all that the model reads is text in this body.
    pub volume: Option<Tokens>,
    /// What happened to each block that is new in this request and is a tool result.
    pub blocks: Vec<BlockReceipt>,
    /// Tokens that shortened blocks of earlier requests would have had, summed over the blocks replayed here.
    pub replayed_before: Tokens,
    /// Tokens those blocks have as they were sent.
    pub replayed_after: Tokens,
    /// Tokens of originals given back, that are new in this request.
    pub given_back_new: Tokens,
    /// Tokens of originals given back in earlier requests.
    pub given_back_old: Tokens,
    /// True when all that is new in this request are originals given back: without us it would not have been sent.
    pub only_gives_back: bool,
    /// Tokens of our own tool's definition in this request.
    pub overhead: Tokens,
    /// Refusals by name, over new blocks and the request as a whole.
    pub refusals: BTreeMap<Refusal, u64>,
    /// Chain digest of the last block: names the whole history.
    pub head: Option<Chain>,
    /// The chain digest of every block of this request, oldest first; not kept on disk. A
    /// request extends an earlier one when it holds the earlier one's `head`.
    pub history: Vec<Chain>,
    /// The blocks of `history`, counted from 0, that were sent shorter, and the bytes of what was sent for each. Not kept
    /// on disk.
    pub shortened: Vec<(usize, u64)>,
    /// Which block of `history`, counted from 0, carries the client's last cache breakpoint; `None` when
    /// none of them does. Not kept on disk.
    pub breakpoint: Option<usize>,
    /// Where the history of a request begins that builds on an earlier answer, and holds only what
    /// is new; `None` when it holds all. Not kept on disk.
    pub continues: Option<Chain>,
    /// What a later request begins with that builds on the answer to this one. Not kept on disk here.
    pub ground: Option<Ground>,
    /// How many tool results stand after the model's last word; 0 when a person speaks. Not kept on disk.
    pub new_results: usize,
    /// Digest of system and tools.
    pub preamble: Option<Chain>,
    /// What the client asks of the prompt cache.
    pub cache: CacheAsk,
    /// Who pays for it: told by the kind of credential, never by its content.
    pub billing: Billing,
}

/// What a request begins with that builds on an earlier answer.
#[derive(Clone, Debug)]
pub struct Ground {
    /// The chain digest of all that the client said until then.
    pub chain: Chain,
    /// The session that it belongs to.
    pub session: SessionId,
    /// Names of the tools that were offered until then.
    pub tools: Vec<String>,
    /// The calls that the model made in that answer.
    pub calls: Vec<Call>,
    /// What of ours stands in that history.
    pub standing: Standing,
}

/// What of ours stands in a history: a request that only builds on it does not show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Tokens that its shortened blocks would have had.
    pub before: Tokens,
    /// Tokens that they have.
    pub after: Tokens,
    /// Tokens of originals that were given back.
    pub given_back: Tokens,
    /// Tokens of our own tool's definition.
    pub overhead: Tokens,
}

/// How a request is paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Billing {
    /// By the token: an API key.
    ApiKey,
    /// By a flat subscription: tokens count against a limit, no dollars are saved.
    Subscription,
    /// Can't be told.
    #[default]
    Unknown,
}

impl Billing {
    /// Every way, in the order of this file.
    pub const ALL: [Billing; 3] = [Billing::ApiKey, Billing::Subscription, Billing::Unknown];

    /// The name in `stats`, in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Billing::ApiKey => "api_key",
            Billing::Subscription => "subscription",
            Billing::Unknown => "unknown",
        }
    }

    /// Reads a name back.
    pub fn from_name(name: &str) -> Option<Billing> {
        Billing::ALL.into_iter().find(|billing| billing.name() == name)
    }
}

/// What happened to one new tool result.
#[derive(Clone, Debug)]
pub struct BlockReceipt {
    /// Where it stands in the request: `messages[4].content[0]`.
    pub path: String,
    /// The tool's name, or empty.
    pub tool: String,
    /// The kind of content, as the compressors name it (`json`, `log`, …), or `other`.
    pub kind: Cow<'static, str>,
    /// Which compressor shortened it; `None` when it went as it was.
    pub compressor: Option<Cow<'static, str>>,
    /// Where the original is kept; `None` when nothing is left out or nothing was done.
    pub key: Option<Key>,
    /// Why it went as it was.
    pub refusal: Option<Refusal>,
    /// Tokens of the client's text; told from its length where [`Refusal::is_decided_unseen`].
    pub tokens_before: Tokens,
    /// Tokens of what was sent.
    pub tokens_after: Tokens,
    /// Names the block and all that stands before it: what was sent for it is pinned under this. `None` where nothing is
    /// pinned.
    pub chain: Option<Chain>,
    /// What of the user's own decided: a line of `[rules]`, or a command of theirs; `None` when the profile did.
    pub rule: Option<String>,
}

impl Receipt {
    /// An empty receipt for a request that arrived at `at`.
    pub fn new(session: SessionId, at: Millis) -> Receipt {
        Receipt {
            session,
            run: String::new(),
            agent: String::new(),
            project: String::new(),
            model: String::new(),
            at,
            bytes_before: 0,
            bytes_after: 0,
            volume: None,
            blocks: Vec::new(),
            replayed_before: Tokens(0),
            replayed_after: Tokens(0),
            given_back_new: Tokens(0),
            given_back_old: Tokens(0),
            only_gives_back: false,
            overhead: Tokens(0),
            refusals: BTreeMap::new(),
            head: None,
            history: Vec::new(),
            shortened: Vec::new(),
            breakpoint: None,
            continues: None,
            ground: None,
            new_results: 0,
            preamble: None,
            cache: CacheAsk::None,
            billing: Billing::Unknown,
        }
    }

    /// What a later request begins with that builds on `answer`; `None` when this request was not read.
    pub fn ground_of(&self, answer: &Answer) -> Option<Ground> {
        let ground = self.ground.as_ref()?;
        Some(Ground { calls: answer.calls.clone(), standing: self.standing(), ..ground.clone() })
    }

    /// What of ours stands in the history once this request is part of it.
    fn standing(&self) -> Standing {
        let (before, after) = self.first_sight();
        Standing {
            before: self.replayed_before + before,
            after: self.replayed_after + after,
            given_back: self.given_back_old + self.given_back_new,
            overhead: self.overhead,
        }
    }

    /// Takes in what stands in the history that this request builds on.
    pub fn build_on(&mut self, standing: Standing) {
        self.replayed_before += standing.before;
        self.replayed_after += standing.after;
        self.given_back_old += standing.given_back;
        if self.overhead == Tokens(0) {
            self.overhead = standing.overhead;
        }
    }

    /// Counts one refusal.
    pub fn refuse(&mut self, because: Refusal) {
        *self.refusals.entry(because).or_default() += 1;
    }

    /// Tokens of blocks first shortened in this request: before and after.
    pub fn first_sight(&self) -> (Tokens, Tokens) {
        self.blocks
            .iter()
            .filter(|block| block.compressor.is_some())
            .fold((Tokens(0), Tokens(0)), |(before, after), block| {
                (before + block.tokens_before, after + block.tokens_after)
            })
    }
}

/// What the provider says a request cost, in its own tokens, per price class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input neither read from nor written to the cache.
    pub uncached: Tokens,
    /// Input read from the prompt cache.
    pub cache_read: Tokens,
    /// Input written to the cache for five minutes.
    pub cache_write_5m: Tokens,
    /// Input written to the cache for an hour.
    pub cache_write_1h: Tokens,
    /// Output.
    pub output: Tokens,
}

impl Usage {
    /// All input tokens, of every class.
    pub fn input(&self) -> Tokens {
        self.uncached + self.cache_read + self.cache_write_5m + self.cache_write_1h
    }
}

/// What came of a request.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The HTTP status; 0 when no answer came.
    pub status: u16,
    /// The usage, as far as it was overheard before the end; `None` when the answer carried none.
    pub usage: Option<Usage>,
    /// True when the answer was read to its end.
    pub complete: bool,
    /// What the provider could have read from its cache and did not; filled in when it is settled.
    pub miss: Option<CacheMiss>,
}

/// That the provider read less from its prompt cache than it could have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheMiss {
    /// Why.
    pub cause: MissCause,
    /// How many tokens it could have read and did not.
    pub tokens: Tokens,
}

/// Whose doing a cache miss was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// Headroom's.
    Ours,
    /// The client's.
    Client,
    /// Time's: the entry had lived out its time.
    Time,
    /// The provider's: nothing that can be seen explains it.
    Provider,
}

impl Whose {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Whose::Ours => "headroom",
            Whose::Client => "client",
            Whose::Time => "time",
            Whose::Provider => "provider",
        }
    }
}

/// Why the provider read less than it could have; the first of them that holds, in the order of this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MissCause {
    /// The same history went to another model: each has a cache of its own.
    Model,
    /// What was there was too short to be kept.
    Short,
    /// The client no longer asks for the cache.
    NotAsked,
    /// A block before the client's breakpoint was sent otherwise than before.
    OurChange,
    /// Our own tool came into the request or went out of it.
    OurTool,
    /// The client changed system, tools or thinking.
    Preamble,
    /// The client changed what it had sent before.
    History,
    /// The entry had lived out its time.
    Expired,
    /// It was sent before the answer to the earlier request could have been part of it.
    Together,
    /// The client moved its breakpoint back, or further than the provider looks.
    Breakpoint,
    /// None of these.
    Unexplained,
}

impl MissCause {
    /// Every cause, in the order of this file.
    pub const ALL: [MissCause; 11] = [
        MissCause::Model,
        MissCause::Short,
        MissCause::NotAsked,
        MissCause::OurChange,
        MissCause::OurTool,
        MissCause::Preamble,
        MissCause::History,
        MissCause::Expired,
        MissCause::Together,
        MissCause::Breakpoint,
        MissCause::Unexplained,
    ];

    /// The name in `stats --cache`, in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            MissCause::Model => "model",
            MissCause::Short => "too_short",
            MissCause::NotAsked => "not_asked",
            MissCause::OurChange => "our_change",
            MissCause::OurTool => "our_tool",
            MissCause::Preamble => "preamble",
            MissCause::History => "history",
            MissCause::Expired => "ttl",
            MissCause::Together => "together",
            MissCause::Breakpoint => "breakpoint",
            MissCause::Unexplained => "unexplained",
        }
    }

    /// Reads a name back.
    pub fn from_name(name: &str) -> Option<MissCause> {
        MissCause::ALL.into_iter().find(|cause| cause.name() == name)
    }

    /// Whose doing it was.
    pub fn whose(self) -> Whose {
        match self {
            MissCause::OurChange | MissCause::OurTool => Whose::Ours,
            MissCause::Expired => Whose::Time,
            MissCause::Unexplained => Whose::Provider,
            MissCause::Model
            | MissCause::Short
            | MissCause::NotAsked
            | MissCause::Preamble
            | MissCause::History
            | MissCause::Together
            | MissCause::Breakpoint => Whose::Client,
        }
    }

    /// What it means, for people: one clause, no full stop.
    pub fn meaning(self) -> &'static str {
        match self {
            MissCause::Model => "the same history went to another model",
            MissCause::Short => "it was too short for the provider to keep",
            MissCause::NotAsked => "the client did not ask for the cache",
            MissCause::OurChange => "headroom sent an earlier block otherwise than before",
            MissCause::OurTool => "headroom's own tool came or went",
            MissCause::Preamble => "the client changed system, tools or thinking",
            MissCause::History => "the client changed what it had sent before",
            MissCause::Expired => "a pause was longer than the cache keeps it",
            MissCause::Together => "several requests were under way at once",
            MissCause::Breakpoint => "the client moved its cache breakpoint too far",
            MissCause::Unexplained => "nothing that headroom can see explains it",
        }
    }
}

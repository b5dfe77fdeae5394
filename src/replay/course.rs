//! One thread of a session, as the steps in which its history grew: what is left of a transcript once its texts are gone.
//!
//! Some thirty bytes for a block, whatever it says: a session of gigabytes is a course of megabytes. Whatever is to be
//! known of its requests is worked out by walking the steps once.

use crate::conversation::CacheAsk;
use crate::receipt::Usage;
use crate::rewrite::Profile;
use crate::units::{Millis, Tokens};
use std::sync::Arc;

/// How many profiles there are.
pub const PROFILES: usize = Profile::NAMES.len();

/// Which of a session's tools a block came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tool(pub u8);

impl Tool {
    /// What stands on the user's side and is no tool's.
    pub const PROMPT: Tool = Tool(0);
    /// What the model wrote.
    pub const MODEL: Tool = Tool(1);
}

/// The history of one thread.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// The thread's name; empty for the session's own.
    pub thread: Arc<str>,
    /// How the history grew.
    pub steps: Vec<Step>,
    /// The requests, in order.
    pub turns: Vec<Turn>,
    /// The models that answered, by [`Turn::model`].
    pub models: Vec<String>,
    /// Originals that are taken to be asked back, by the turn before whose answer they are, ascending.
    pub asked_back: Vec<AskedBack>,
    /// What filled the window when it was emptied: the tokens of each compaction by tool.
    pub windows: Vec<Vec<(Tool, u64)>>,
}

/// One step of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A block was added.
    Block(Block),
    /// What stands so far was sent as the request of this turn.
    Request(u32),
    /// Only the first so many blocks still stand.
    Cut(u32),
}

/// A block of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The line of the transcript.
    pub line: u64,
    /// Where it came from.
    pub tool: Tool,
    /// Its tokens as the client has it, in the vocabulary in which we count.
    pub direct: u32,
    /// Its tokens as it would be sent under each profile.
    pub sent: [u32; PROFILES],
}

/// A request and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// When it was sent.
    pub at: Option<Millis>,
    /// The line of its answer.
    pub line: u64,
    /// Which model answered.
    pub model: u16,
    /// What the provider said it cost.
    pub usage: Option<Usage>,
    /// What the client asked of the cache.
    pub ask: CacheAsk,
    /// What the answer says, counted as blocks are.
    pub said: Tokens,
    /// True when it was sent only because something was asked back from headroom.
    pub fetches: bool,
}

/// An original that the model would have had to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedBack {
    /// Ahead of which turn's answer.
    pub turn: u32,
    /// Under which profile, by its place among the names.
    pub profile: u8,
    /// Whose output it is.
    pub tool: Tool,
    /// How long it is.
    pub tokens: u32,
}

impl Course {
    /// The model of a turn; empty when the transcript does not say.
    pub fn model(&self, turn: &Turn) -> &str {
        self.models.get(usize::from(turn.model)).map_or("", String::as_str)
    }
}

/// Which way the history was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As the client wrote it.
    Direct,
    /// Under a profile, by its place among the names.
    With(usize),
}

impl Way {
    /// The tokens of a block that went this way.
    pub fn of(self, block: &Block) -> u32 {
        match self {
            Way::Direct => block.direct,
            Way::With(profile) => block.sent.get(profile).copied().unwrap_or(block.direct),
        }
    }
}

//! Who said what in a request, and where in its bytes.
//!
//! The neutral vocabulary that `wire` fills in and `rewrite` reads. A
//! provider's peculiarity enters as a fact on a block (sealed, from a tool, the
//! last assistant's turn before it), never as a provider's name.

use crate::units::Span;
use std::sync::Arc;

/// One request's body, as far as the rewrite needs to know it.
#[derive(Clone, Debug, Default)]
pub struct Conversation {
    /// The model's name, as the client wrote it.
    pub model: String,
    /// True when the client asked for a stream.
    pub stream: bool,
    /// The client's own name for its session, where the body carries one.
    pub session: Option<String>,
    /// What the provider itself remembers ahead of this request (an earlier answer, a stored
    /// conversation), by its name there: the blocks are only what is added to it.
    pub continues: Option<String>,
    /// Everything ahead of the messages that the provider's prompt cache covers
    /// (system, tools): spans of the raw bytes, in body order.
    pub preamble: Vec<Span>,
    /// Names of the tools that this request offers.
    pub tools: Vec<String>,
    /// Where our own tool is defined; `None` when it is not offered.
    pub our_tool: Option<Span>,
    /// The blocks of the history, oldest first.
    pub blocks: Vec<Block>,
    /// The model's calls to tools, oldest first.
    pub calls: Vec<Call>,
    /// Calls in what this request continues, which it does not hold itself.
    pub earlier_calls: Vec<Call>,
    /// What the client asks of the provider's prompt cache.
    pub cache: CacheAsk,
    /// Which block carries the client's last cache breakpoint; `None` when none of them does.
    pub breakpoint: Option<usize>,
}

/// What the client asks of the provider's prompt cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CacheAsk {
    /// Nothing: no breakpoint in the request.
    #[default]
    None,
    /// Nothing, and the provider caches by itself what it likes to, for as long as it likes to.
    Automatic,
    /// Breakpoints kept for five minutes.
    FiveMinutes,
    /// At least one breakpoint kept for an hour.
    OneHour,
}

/// How a client that has no tools frames the output of a command in what it says as the user: a text that begins with
/// `command`, and in which `output` follows, holds an output from there to its end.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frame {
    /// What stands before the command: the beginning of the text.
    pub command: String,
    /// What stands between the command and its output.
    pub output: String,
    /// What stands behind the output, at the end of the text; empty when nothing does.
    #[serde(default)]
    pub end: String,
    /// What the client itself then says in the model's place; empty when nothing.
    #[serde(default)]
    pub answer: String,
}

/// Who speaks in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The person, or a tool on their side.
    User,
    /// The model.
    Assistant,
    /// Instructions in the middle of the history.
    System,
}

/// One content block (or a message whose content is one plain string).
#[derive(Clone, Debug)]
pub struct Block {
    /// Which message of the request, counted from 0.
    pub message: usize,
    /// Which block of that message, counted from 0.
    pub index: usize,
    /// Who speaks.
    pub role: Role,
    /// The block's raw bytes.
    pub span: Span,
    /// Parts of `span` that clients move by themselves (`cache_control` with
    /// its comma), in order: left out of the chain digest, never changed.
    pub moving: Vec<Span>,
    /// Whether later requests with the same history hold it.
    pub stay: Stay,
    /// What it holds, as far as we may care.
    pub content: Content,
}

/// Whether a block is sent again in every later request of its history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// It is: the chain digest covers it.
    Kept,
    /// The client may leave it to the provider to remember (the model's own items, where requests
    /// can build on an earlier answer), or drop it (a thought): the chain digest steps over it.
    Loose,
}

/// What a block holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// Text that was written by the person or the model: its JSON string (with
    /// quotes). Never changed; read for the question.
    Said(Said),
    /// What a tool answered.
    Result(ToolResult),
    /// Everything else: thinking, images, unknown types. Never looked into.
    Sealed,
}

/// Written text.
#[derive(Clone, Copy, Debug)]
pub struct Said {
    /// Its JSON string, with quotes.
    pub text: Span,
    /// How much of the block the text is.
    pub form: Form,
}

/// Whether a block says anything beside its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Nothing: a plain string, or a text block with no other member than what
    /// clients move. Clients turn one into the other when they move a
    /// breakpoint, and the provider's cache sees no difference.
    Plain,
    /// Something (citations, for example).
    Rich,
}

/// The model's call to a tool.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which block of the history it stands in; 0 for one that was heard in an answer.
    pub block: usize,
    /// Pairs the call with its result.
    pub id: String,
    /// The tool's name.
    pub tool: String,
    /// Its arguments.
    pub arguments: Arguments,
}

/// Where a call's arguments stand.
#[derive(Clone, Debug)]
pub enum Arguments {
    /// As a JSON value.
    Json(Span),
    /// As a JSON value printed into a JSON string (with quotes).
    Quoted(Span),
    /// As a program in a JSON string (with quotes) that calls further tools.
    Code(Span),
    /// Not in this request: a JSON value that was heard when the model called.
    Heard(Arc<str>),
    /// Not in this request: a program that was heard when the model called.
    HeardCode(Arc<str>),
    /// There are none.
    Nothing,
}

/// What the provider answered, as far as a later request may build on it.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Its name at the provider.
    pub id: String,
    /// The calls that the model made in it.
    pub calls: Vec<Call>,
}

/// A tool's answer: the only thing that is ever shortened.
#[derive(Clone, Debug)]
pub struct ToolResult {
    /// Pairs it with its call.
    pub id: String,
    /// True when the tool said that it failed.
    pub failed: bool,
    /// The JSON strings that hold its text, in order.
    pub texts: Vec<Span>,
    /// How much of each JSON string that is.
    pub extent: Extent,
}

/// How much of a JSON string a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it, quotes included.
    Whole,
    /// A part between its quotes, cut between characters.
    Part,
}

/// How the retrieval tool is called; clients put a prefix of their own before it.
pub const RETRIEVAL_TOOL: &str = "headroom_retrieve";

impl Conversation {
    /// Notes that the request offers the tool `name`, defined in `definition`.
    pub fn offer(&mut self, name: String, definition: Span) {
        if name.ends_with(RETRIEVAL_TOOL) {
            self.our_tool.get_or_insert(definition);
        }
        self.tools.push(name);
    }

    /// Notes a cache breakpoint that asks for `ask`, on the block that is read next.
    pub fn mark(&mut self, ask: CacheAsk) {
        self.cache = self.cache.max(ask);
        self.breakpoint = Some(self.blocks.len());
    }

    /// Index of the first block after the model's last word: only from here on
    /// can a block be new to the provider.
    pub fn tail(&self) -> usize {
        self.blocks.iter().rposition(|block| block.role == Role::Assistant).map_or(0, |last| last + 1)
    }
}

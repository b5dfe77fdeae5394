//! What may be made shorter, and what is known about it.
//!
//! Absent here: any provider's or agent's name but that of our own tool.

use super::{Reach, WayBack};
use crate::conversation::{Arguments, Block, Call, Content, Conversation, RETRIEVAL_TOOL, Role, ToolResult};
use crate::refusal::Refusal;
use crate::script;
use crate::wire::json;
use std::collections::HashMap;

/// Bytes of a tool result (as JSON) below which it is never looked at.
///
/// A lossless saving must be 60 tokens and every marker or legend costs about
/// 20, so nothing of 200 bytes can be worth it. Whether a block has a pin at
/// all depends on this number: it belongs to [`super::RULES`].
pub const SMALLEST: usize = 200;

/// Bytes of the question that are read, for each of its parts.
pub const QUESTION_PART: usize = 2_000;

/// A tool result and the call that it answers.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// Which block of the history.
    pub block: usize,
    /// The result.
    pub result: &'a ToolResult,
    /// The call that it answers; `None` when the history does not hold it.
    pub call: Option<&'a Call>,
}

/// The tool results that can have a pin, oldest first.
pub fn eligible(conversation: &Conversation) -> Vec<Answered<'_>> {
    let mut found = answered(conversation);
    found.retain(|eligible| eligible.result.texts.iter().any(|text| SMALLEST <= text.len()));
    found
}

/// All tool results with the calls they answer, oldest first.
pub fn answered<'a>(conversation: &'a Conversation) -> Vec<Answered<'a>> {
    let earlier = conversation.earlier_calls.iter().map(|call| (call.id.as_str(), call));
    let mut open: HashMap<&str, &'a Call> = earlier.collect();
    let mut calls = conversation.calls.iter().peekable();
    let mut found = Vec::new();
    for (number, block) in conversation.blocks.iter().enumerate() {
        // Ids may come back (some clients count from one in every turn): the latest call before the result holds.
        while let Some(call) = calls.next_if(|call| call.block < number) {
            open.insert(&call.id, call);
        }
        if let Content::Result(result) = &block.content {
            found.push(Answered { block: number, result, call: open.get(result.id.as_str()).copied() });
        }
    }
    found
}

/// How many tool results of `from` and later are too short to be looked at.
pub fn too_short(blocks: &[Block]) -> usize {
    let short = |block: &&Block| match &block.content {
        Content::Result(result) => result.texts.iter().all(|text| text.len() < SMALLEST),
        _ => false,
    };
    blocks.iter().filter(short).count()
}

/// Whether a text without a pin may be shortened at all, before anything is known of its content.
///
/// # Errors
/// Why not.
pub fn clear(body: &[u8], eligible: &Answered<'_>, first_new: usize) -> Result<(), Refusal> {
    if eligible.block < first_new {
        return Err(Refusal::AlreadySent);
    }
    if gives_back(body, eligible.call) {
        return Err(Refusal::GivenBack);
    }
    Ok(())
}

/// Index of the first block that may be new to the provider.
pub fn first_new(conversation: &Conversation, reach: Reach) -> usize {
    match reach {
        Reach::Tail => conversation.tail(),
        Reach::Everything => 0,
    }
}

/// True when the call asked for an original: by our tool, by our command, or by reading its file.
pub fn gives_back(body: &[u8], call: Option<&Call>) -> bool {
    let Some(call) = call else { return false };
    if call.tool.ends_with(RETRIEVAL_TOOL) {
        return true;
    }
    let (arguments, program) = match &call.arguments {
        Arguments::Json(span) | Arguments::Quoted(span) => (span.of(body), false),
        Arguments::Code(span) => (span.of(body), true),
        Arguments::Heard(text) => (text.as_bytes(), false),
        Arguments::HeardCode(text) => (text.as_bytes(), true),
        Arguments::Nothing => return false,
    };
    let names = |what: &[u8]| memchr::memmem::find(arguments, what).is_some();
    names(b"headroom")
        && (names(b"headroom retrieve")
            || names(b"/originals/")
            || (program && names(RETRIEVAL_TOOL.as_bytes())))
}

/// True when this client, in this request, has a proven way to get back what is left out (law 10).
pub fn has_way_back(way_back: &WayBack, conversation: &Conversation) -> bool {
    match way_back {
        WayBack::Proven => true,
        WayBack::Tools(names) => conversation.tools.iter().any(|tool| names.contains(tool)),
        WayBack::Nothing => false,
    }
}

/// What a compressor is told about a text; owned, because it may outlive its request.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The tool's name.
    pub tool: String,
    /// The command line, for a shell tool.
    pub command: String,
    /// The file that was read or searched.
    pub path: String,
    /// What the agent is asking.
    pub query: String,
    /// True when the tool said that it failed.
    pub failed: bool,
}

/// Gathers what is known about a result: from its call, and from what was said before it.
///
/// Only what stands *before* the block is read: a later word must not change
/// what is sent for it.
pub fn told(body: &[u8], conversation: &Conversation, eligible: &Answered<'_>) -> Told {
    let mut told = Told { failed: eligible.result.failed, ..Told::default() };
    let mut asked = String::new();
    if let Some(call) = eligible.call {
        told.tool.clone_from(&call.tool);
        let arguments = arguments_of(body, call);
        let program = program_of(body, call);
        let first = |names: &[&str]| {
            names.iter().find_map(|name| match arguments.as_ref()?.get(name)? {
                serde_json::Value::String(text) => Some(text.clone()),
                serde_json::Value::Array(words) => {
                    let words: Vec<&str> = words.iter().filter_map(serde_json::Value::as_str).collect();
                    (!words.is_empty()).then(|| words.join(" "))
                }
                _ => None,
            })
        };
        told.command = match &program {
            Some(program) => script::commands(program),
            None => first(&["command", "cmd", "commands", "script"]).unwrap_or_default(),
        };
        told.path = first(&["file_path", "path", "filename", "notebook_path", "file"]).unwrap_or_default();
        asked = match (arguments, program) {
            (Some(arguments), _) => arguments.to_string(),
            (None, Some(program)) => program,
            (None, None) => String::new(),
        };
    }
    let before = &conversation.blocks[..eligible.block];
    let said = |role: Role| {
        before.iter().rev().filter(|block| block.role == role).find_map(|block| match &block.content {
            Content::Said(said) => {
                json::text_of(said.text.of(body)).filter(|text| is_a_word_of_its_own(text))
            }
            _ => None,
        })
    };
    let parts = [said(Role::User), said(Role::Assistant), Some(asked)];
    let parts: Vec<String> = parts.into_iter().flatten().map(|part| head_of(&part, QUESTION_PART)).collect();
    told.query = parts.join("\n");
    told
}

/// True for what may be a question: what clients put among the user's words by themselves is none.
pub fn is_a_word_of_its_own(text: &str) -> bool {
    let text = text.trim_start();
    !text.is_empty() && !text.starts_with("<system-reminder>") && !text.starts_with("<environment")
}

/// Bytes of a call's arguments that are looked into; longer ones are not.
const LARGEST_ARGUMENTS: usize = 64 << 10;

/// The arguments of a call, when they are an object of a sensible size.
fn arguments_of(body: &[u8], call: &Call) -> Option<serde_json::Value> {
    let value: serde_json::Value = match &call.arguments {
        Arguments::Json(span) if span.len() < LARGEST_ARGUMENTS => {
            serde_json::from_slice(span.of(body)).ok()?
        }
        Arguments::Quoted(span) if span.len() < LARGEST_ARGUMENTS => {
            serde_json::from_str(&json::text_of(span.of(body))?).ok()?
        }
        Arguments::Heard(text) => serde_json::from_str(text).ok()?,
        _ => return None,
    };
    value.is_object().then_some(value)
}

/// The program of a call that is one.
fn program_of(body: &[u8], call: &Call) -> Option<String> {
    match &call.arguments {
        Arguments::Code(span) if span.len() < LARGEST_ARGUMENTS => json::text_of(span.of(body)),
        Arguments::HeardCode(text) => Some(text.to_string()),
        _ => None,
    }
}

/// The first `bytes` bytes of `text`, cut between characters.
fn head_of(text: &str, bytes: usize) -> String {
    text[..text.floor_char_boundary(bytes)].to_owned()
}

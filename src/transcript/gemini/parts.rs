//! The parts of a turn as Gemini's interface has them, in the records of Gemini CLI and Qwen Code.
//!
//! *Invariant:* what is read is one record; nothing is kept.

use crate::receipt::Usage;
use crate::transcript::json::{Count, Flag, Maybe, Text, TextOr};
use crate::transcript::{Author, Call, Ending, Event, Outcome, Prompt};
use crate::units::Tokens;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A part of a turn.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Part<'a> {
    #[serde(borrow)]
    pub text: Maybe<Text<'a>>,
    pub thought: Flag,
    #[serde(rename = "thoughtSignature", borrow)]
    pub signature: Text<'a>,
    #[serde(rename = "functionCall", borrow)]
    pub call: Maybe<Function<'a>>,
    #[serde(rename = "functionResponse", borrow)]
    pub response: Maybe<Function<'a>>,
    #[serde(rename = "inlineData", borrow)]
    pub data: Option<&'a RawValue>,
    #[serde(rename = "fileData", borrow)]
    pub file: Option<&'a RawValue>,
}

/// A call, or what was answered.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Function<'a> {
    #[serde(borrow)]
    pub id: Text<'a>,
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow)]
    pub args: Option<&'a RawValue>,
    #[serde(borrow)]
    pub response: Option<&'a RawValue>,
    #[serde(borrow)]
    pub parts: TextOr<'a, Inline<'a>>,
}

/// An image beside an answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Inline<'a> {
    #[serde(rename = "inlineData", borrow)]
    data: Option<&'a RawValue>,
}

/// What stands under `response`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Response<'a> {
    #[serde(borrow)]
    output: Text<'a>,
    #[serde(borrow)]
    error: Maybe<Text<'a>>,
    #[serde(borrow)]
    content: Text<'a>,
}

/// A count of tokens, as Gemini's interface (`usageMetadata`) names them.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct UsageMetadata {
    #[serde(rename = "promptTokenCount")]
    input: Count,
    #[serde(rename = "candidatesTokenCount")]
    output: Count,
    #[serde(rename = "thoughtsTokenCount")]
    thoughts: Count,
    #[serde(rename = "cachedContentTokenCount")]
    cached: Count,
    #[serde(rename = "toolUsePromptTokenCount")]
    tool: Count,
    #[serde(rename = "totalTokenCount")]
    total: Count,
}

impl UsageMetadata {
    /// The same per price class. Some providers count the thoughts within the output, some beside it: the total tells.
    pub(super) fn usage(&self) -> Usage {
        let of = |count: Count| count.0.unwrap_or_default();
        let input = of(self.input).saturating_add(of(self.tool));
        let within = of(self.total) == input.saturating_add(of(self.output));
        usage(input, of(self.cached), of(self.output), if within { 0 } else { of(self.thoughts) })
    }
}

/// Counts of tokens per price class: all of the input, what of it came from the cache, what was answered, what was thought.
pub(super) fn usage(input: u64, cached: u64, output: u64, thoughts: u64) -> Usage {
    Usage {
        uncached: Tokens(input.saturating_sub(cached)),
        cache_read: Tokens(cached.min(input)),
        output: Tokens(output.saturating_add(thoughts)),
        ..Usage::default()
    }
}

/// How a client says that a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// It did what it was asked.
    Success,
    /// It failed.
    Error,
    /// The person stopped it, or said no.
    Cancelled,
    /// It does not say.
    Silent,
}

impl Status {
    pub(super) fn of(word: &str) -> Status {
        match word {
            "success" => Status::Success,
            "error" => Status::Error,
            "cancelled" => Status::Cancelled,
            _ => Status::Silent,
        }
    }
}

/// What the model's own parts say: text, thoughts, calls. `at` names a call that has no id of its own.
pub(super) fn said(part: &Part<'_>, at: &str) -> Option<Event> {
    if let Some(call) = &part.call.0 {
        let id = if call.id.as_str().is_empty() { at.to_owned() } else { call.id.as_str().to_owned() };
        let arguments = call.args.map(|args| args.get().to_owned()).unwrap_or_default();
        return Some(Event::Call(Call { id, tool: call.name.as_str().to_owned(), arguments }));
    }
    let text = part.text.0.as_ref()?.as_str();
    let signature = part.signature.as_str().len();
    if part.thought.0 == Some(true) {
        let bytes = u64::try_from(text.len() + signature).unwrap_or(u64::MAX);
        return Some(Event::Thought { bytes });
    }
    (!text.is_empty()).then(|| Event::Said(text.to_owned()))
}

/// What the person (or the client) says in these parts; `None` when they only answer calls.
pub(super) fn prompt(parts: &TextOr<'_, Part<'_>>, by: Option<Author>) -> Option<Prompt> {
    let mut text = String::new();
    let mut images = 0;
    match parts {
        TextOr::Text(all) => text.push_str(all),
        TextOr::Row(parts) => {
            for part in parts {
                images += u32::from(part.data.is_some() || part.file.is_some());
                if let Some(said) = &part.text.0 {
                    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
                    text.push_str(gap);
                    text.push_str(said.as_str());
                }
            }
        }
    }
    let by = by.unwrap_or_else(|| author(&text));
    (!text.is_empty() || images > 0).then_some(Prompt { text, by, images })
}

/// How what the client puts in by itself begins.
const CLIENT: [&str; 9] = [
    "<session_context>",
    "<hook_context>",
    "<system-reminder>",
    "<state_snapshot>",
    "This is the Gemini CLI.",
    "This is the Qwen Code.",
    "System: ",
    "Please continue.",
    "[SYSTEM",
];

fn author(text: &str) -> Author {
    let text = text.trim_start();
    if CLIENT.iter().any(|start| text.starts_with(start)) { Author::Client } else { Author::Person }
}

/// What a tool answered; `status` as the client keeps it.
pub(super) fn outcome(function: &Function<'_>, id: &str, status: Status) -> Outcome {
    let raw = function.response.map(RawValue::get).unwrap_or_default();
    let response: Response<'_> = serde_json::from_str(raw).unwrap_or_default();
    let failed = response.error.0.as_ref().map(Text::as_str).filter(|error| !error.is_empty());
    let text = match failed {
        Some(error) => error,
        None if !response.output.as_str().is_empty() => response.output.as_str(),
        None if !response.content.as_str().is_empty() => response.content.as_str(),
        None => raw,
    };
    let ending = ending(text, failed.is_some(), status, function.name.as_str());
    let images = match &function.parts {
        TextOr::Row(parts) => parts.iter().filter(|part| part.data.is_some()).count(),
        TextOr::Text(_) => 0,
    };
    let images = u32::try_from(images).unwrap_or(u32::MAX);
    let id = if function.id.as_str().is_empty() { id } else { function.id.as_str() };
    Outcome { id: id.to_owned(), text: text.to_owned(), images, ending }
}

/// What an answer holds when the person, or a rule of theirs, said no.
const DENIED: [&str; 5] = [
    "denied by policy",
    "User denied execution",
    "User did not allow",
    "requires user approval but cannot execute in non-interactive mode",
    "Tool execution was denied",
];

/// How the client begins what it says in place of an answer that was cut off.
const CUT: [&str; 2] = ["[Operation Cancelled]", "Operation cancelled"];

fn ending(text: &str, failed: bool, status: Status, tool: &str) -> Ending {
    let short = text.len() < 1000 || failed;
    if short && (failed || status != Status::Success) && DENIED.iter().any(|words| text.contains(words)) {
        return Ending::Denied;
    }
    if status == Status::Cancelled || CUT.iter().any(|start| text.starts_with(start)) {
        return Ending::Interrupted;
    }
    let code = if tool == "run_shell_command" { exit_code(text) } else { None };
    match (failed || status == Status::Error, code) {
        (_, Some(code)) if code != 0 => Ending::Failed(Some(code)),
        (true, _) => Ending::Failed(None),
        (false, _) if tool == "run_shell_command" && was_killed(text) => Ending::Interrupted,
        _ => Ending::Worked,
    }
}

/// The line that the shell tool puts behind a command's output: `Exit Code: 3`.
fn exit_code(text: &str) -> Option<i32> {
    let tail = text.lines().rev().take(8);
    tail.filter_map(|line| line.strip_prefix("Exit Code: ")).find_map(|code| code.trim().parse().ok())
}

/// True when the shell tool says that the person stopped the command.
fn was_killed(text: &str) -> bool {
    text.starts_with("Command was cancelled by user")
}

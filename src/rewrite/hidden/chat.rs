//! Hidden rounds in Chat Completions: whole messages, and calls beside the client's own.
//!
//! A client shows a turn of the model's as one message, its texts run together. What stood before our
//! answers is taken off that text again, and put back as the messages that it was.

use super::ToolList;
use crate::conversation::Block;
use crate::rewrite::splice::{Put, put};
use crate::units::Span;
use crate::wire::fields::Fields;
use crate::wire::json::{Node, Tree};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The members in which servers say the model's thoughts as a text.
pub const THOUGHTS: &[&str] = &["reasoning_content", "reasoning"];

/// What a client did not see of a turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hidden {
    /// Messages that stand before the one that the client shows, as JSON.
    pub messages: Vec<String>,
    /// How many bytes of the shown text (without white space at its beginning) stand in them.
    pub said: usize,
    /// How many bytes of the shown thoughts stand in them.
    pub thought: usize,
    /// Calls that were made together with the client's own.
    pub beside: Option<Beside>,
}

/// Calls of our tool beside the client's own, and their answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    /// The calls, as JSON, each with how many of the client's stand before it.
    pub calls: Vec<(usize, String)>,
    /// The messages that answer them, as JSON.
    pub results: Vec<String>,
}

impl Hidden {
    /// True when the client saw all.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.beside.is_none()
    }
}

/// The request's tool list; `None` when there is none, or when several answers are asked for at once.
pub fn tool_list(body: &[u8]) -> Option<ToolList> {
    let tree = Tree::read(body)?;
    let request = Fields::of(&tree, tree.root())?;
    let tools = request.one(b"tools")??;
    tree.elements(tools).filter(|tools| !tools.is_empty())?;
    let auto = request.given(b"tool_choice")?.is_none_or(|choice| tree.raw(choice) == br#""auto""#);
    let alone = request.given(b"n")?.is_none_or(|number| tree.raw(number) == b"1");
    Some(ToolList { end: tree.span(tools).end - 1, free: auto && alone })
}

/// What tells a turn from others, wherever it is seen.
pub fn names<'a>(text: &str, calls: impl Iterator<Item = &'a str>) -> Vec<String> {
    let text = text.trim();
    let said = (!text.is_empty()).then(|| format!("text {text}"));
    said.into_iter().chain(calls.map(|id| format!("call {id}"))).collect()
}

/// What the client shows of a model's message.
pub fn shown(body: &[u8], blocks: &[Block]) -> Vec<String> {
    let Some(message) = blocks.first() else { return Vec::new() };
    let Ok(message) = serde_json::from_slice::<Value>(message.span.of(body)) else { return Vec::new() };
    let calls = message["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ids = calls.iter().map(|call| call["id"].as_str().unwrap_or_default());
    match &message["content"] {
        Value::Array(parts) => {
            let text: String = parts.iter().filter_map(|part| part["text"].as_str()).collect();
            names(&text, ids)
        }
        content => names(content.as_str().unwrap_or_default(), ids),
    }
}

/// Puts back what was hidden before, in and behind a model's message; `None` when that can't be done.
pub fn puts(body: &[u8], message: &Block, hidden: &Hidden) -> Option<Vec<Put>> {
    let tree = Tree::read_within(body, message.span)?;
    let fields = Fields::of(&tree, tree.root())?;
    let calls = match fields.given(b"tool_calls")? {
        Some(calls) => tree.elements(calls)?,
        None => Vec::new(),
    };
    let mut puts = Vec::new();
    let mut left = None;
    if hidden.said != 0
        && let Some((span, text)) = text_of(&tree, &fields)?
    {
        // A client may have trimmed the text at both ends.
        let text = text.trim_start();
        let rest = text.get(hidden.said.min(text.len())..)?;
        left = Some(rest.trim().is_empty());
        puts.push(Put { span, raw: Value::from(rest).to_string() });
    }
    for name in THOUGHTS {
        if let Some(span) = fields.literal(name.as_bytes())?
            && hidden.thought != 0
            && let Ok(thoughts) = serde_json::from_slice::<String>(span.of(body))
            && let Some(rest) = thoughts.get(hidden.thought..)
        {
            puts.push(Put { span, raw: Value::from(rest).to_string() });
        }
    }
    if left == Some(true) && calls.is_empty() {
        // Nothing was said after the last answer of ours.
        return Some(vec![Put { span: message.span, raw: hidden.messages.join(",") }]);
    }
    if !hidden.messages.is_empty() {
        puts.push(Put::at(message.span.start, format!("{},", hidden.messages.join(","))));
    }
    if let Some(beside) = &hidden.beside {
        puts.extend(puts_beside(&tree, &calls, beside)?);
        puts.push(Put::at(message.span.end, format!(",{}", beside.results.join(","))));
    }
    Some(puts)
}

/// Our calls among the client's.
fn puts_beside(tree: &Tree<'_>, calls: &[Node], beside: &Beside) -> Option<Vec<Put>> {
    let mut puts = Vec::new();
    for position in 0..=calls.len() {
        let ours = beside.calls.iter().filter(|(before, _)| *before == position);
        let ours: Vec<&str> = ours.map(|(_, call)| call.as_str()).collect();
        if ours.is_empty() {
            continue;
        }
        puts.push(match calls.get(position) {
            Some(call) => Put::at(tree.span(*call).start, format!("{},", ours.join(","))),
            None => Put::at(tree.span(*calls.last()?).end, format!(",{}", ours.join(","))),
        });
    }
    Some(puts)
}

/// The message's only text; `Some(None)` when it has none, `None` when it has several.
#[allow(clippy::option_option)]
fn text_of(tree: &Tree<'_>, fields: &Fields<'_>) -> Option<Option<(Span, String)>> {
    let Some(content) = fields.given(b"content")? else { return Some(None) };
    if tree.is_string(content) {
        return Some(Some((tree.span(content), tree.text(content)?)));
    }
    let parts = tree.elements(content)?;
    let [part] = parts.as_slice() else { return parts.is_empty().then_some(None) };
    let text = Fields::of(tree, *part)?.one(b"text")??;
    Some(Some((tree.span(text), tree.text(text)?)))
}

/// An answer to a call: a message.
pub fn result(id: &str, answer: &Result<Vec<String>, String>) -> String {
    let text = match answer {
        Ok(texts) => texts.join("\n"),
        Err(why) => why.clone(),
    };
    json!({"role": "tool", "tool_call_id": id, "content": text}).to_string()
}

/// The body of the next round: `said` is the model's message, as JSON.
pub fn next_round(body: &Bytes, said: &str, results: &[String]) -> Option<Bytes> {
    let tree = Tree::read(body)?;
    let messages = Fields::of(&tree, tree.root())?.one(b"messages")??;
    let end = tree.span(messages).end - 1;
    Some(put(body, vec![Put::at(end, format!(",{said},{}", results.join(",")))]))
}

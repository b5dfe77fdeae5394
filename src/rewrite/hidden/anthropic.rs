//! Hidden rounds in Anthropic Messages.

use super::ToolList;
use crate::conversation::{Block, Conversation};
use crate::rewrite::splice::{Put, put};
use crate::units::Span;
use crate::wire::fields::Fields;
use crate::wire::json::Tree;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A model's turn of which the client saw only a part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// What it did not see, in order.
    pub pieces: Vec<Piece>,
}

/// Calls of our tool that the model made at once, and their answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The calls, as JSON, each with how many shown blocks of the turn stand before it.
    pub calls: Vec<(usize, String)>,
    /// Our answers, as JSON, in the same order.
    pub results: Vec<String>,
    /// After how many shown blocks of the turn the answers stand, the model going on behind them;
    /// `None` when the client had calls of its own to answer: ours stand with its answers.
    pub then: Option<usize>,
}

/// The request's tool list; `None` when there is none.
pub fn tool_list(body: &[u8]) -> Option<ToolList> {
    let tree = Tree::read(body)?;
    let request = Fields::of(&tree, tree.root())?;
    let tools = request.one(b"tools")??;
    tree.elements(tools).filter(|tools| !tools.is_empty())?;
    let free = match request.given(b"tool_choice")? {
        None => true,
        Some(choice) => Fields::of(&tree, choice)?.text(b"type")?.as_deref() == Some("auto"),
    };
    Some(ToolList { end: tree.span(tools).end - 1, free })
}

/// What tells a block of the model's from others, wherever it is seen; `None` for an empty text, which clients drop.
pub fn identity(block: &Value) -> Option<String> {
    let of = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
    match of("type") {
        "text" if of("text").trim().is_empty() => None,
        "text" => Some(format!("text {}", of("text"))),
        "tool_use" => Some(format!("call {}", of("id"))),
        "thinking" => Some(format!("thought {}", of("signature"))),
        other => {
            let mut bare = block.clone();
            if let Some(members) = bare.as_object_mut() {
                members.shift_remove("cache_control");
            }
            Some(format!("{other} {bare}"))
        }
    }
}

/// What the client shows of a model's message.
pub fn shown(body: &[u8], blocks: &[Block]) -> Vec<String> {
    blocks.iter().filter_map(|block| name_of(body, block)).collect()
}

fn name_of(body: &[u8], block: &Block) -> Option<String> {
    match serde_json::from_slice::<Value>(block.span.of(body)).ok()? {
        Value::String(text) => identity(&json!({"type": "text", "text": text})),
        block => identity(&block),
    }
}

/// Writes a model's message anew, with what was hidden in it at its place; `None` when that can't be done.
pub fn puts(
    body: &[u8],
    conversation: &Conversation,
    first: usize,
    end: usize,
    hidden: &Turn,
) -> Option<Vec<Put>> {
    let blocks = &conversation.blocks[first..end];
    let message = message_of(body, blocks[0].message)?;
    let said = |span: Span| String::from_utf8(span.of(body).to_vec()).ok();
    // A message whose content is one string becomes one with a list.
    let whole = body.get(blocks[0].span.start) == Some(&b'"');
    let mut opening = said(Span { start: message.start, end: blocks[0].span.start })?;
    let mut closing = said(Span { start: blocks.last()?.span.end, end: message.end })?;
    if whole {
        opening.push('[');
        closing.insert(0, ']');
    }

    let mut rows = Rows { opening, closing, ..Rows::default() };
    let mut position = 0;
    for block in blocks {
        if name_of(body, block).is_some() {
            rows.put_hidden(hidden, position);
            position += 1;
        }
        let raw = said(block.span)?;
        rows.elements.push(if whole { format!(r#"{{"type":"text","text":{raw}}}"#) } else { raw });
    }
    rows.put_hidden(hidden, position);
    rows.close();
    let mut puts = vec![Put { span: message, raw: rows.messages.join(",") }];

    let beside: Vec<&str> = hidden
        .pieces
        .iter()
        .filter(|piece| piece.then.is_none())
        .flat_map(|piece| piece.results.iter().map(String::as_str))
        .collect();
    if !beside.is_empty() {
        let next = conversation.blocks.get(end)?;
        let in_a_list = body.get(next.span.start) == Some(&b'{') && next.index == 0;
        if !in_a_list {
            return None;
        }
        puts.push(Put::at(next.span.start, format!("{},", beside.join(","))));
    }
    Some(puts)
}

/// Messages that are being written.
#[derive(Default)]
struct Rows {
    opening: String,
    closing: String,
    elements: Vec<String>,
    messages: Vec<String>,
}

impl Rows {
    fn put_hidden(&mut self, hidden: &Turn, position: usize) {
        for piece in &hidden.pieces {
            let calls = piece.calls.iter().filter(|(before, _)| *before == position);
            self.elements.extend(calls.map(|(_, call)| call.clone()));
            if piece.then == Some(position) {
                self.close();
                self.messages.push(user_message(&piece.results));
            }
        }
    }

    fn close(&mut self) {
        if !self.elements.is_empty() {
            let elements = std::mem::take(&mut self.elements).join(",");
            self.messages.push(format!("{}{elements}{}", self.opening, self.closing));
        }
    }
}

fn user_message(results: &[String]) -> String {
    format!(r#"{{"role":"user","content":[{}]}}"#, results.join(","))
}

/// Where the message `number` of the request stands.
fn message_of(body: &[u8], number: usize) -> Option<Span> {
    let tree = Tree::read(body)?;
    let messages = Fields::of(&tree, tree.root())?.one(b"messages")??;
    Some(tree.span(*tree.elements(messages)?.get(number)?))
}

/// An answer to a call, as it stands in a message.
pub fn result(id: &str, answer: &Result<Vec<String>, String>) -> String {
    match answer {
        Ok(texts) if texts.len() == 1 => {
            json!({"type": "tool_result", "tool_use_id": id, "content": texts[0]}).to_string()
        }
        Ok(texts) => {
            let parts: Vec<Value> = texts.iter().map(|text| json!({"type": "text", "text": text})).collect();
            json!({"type": "tool_result", "tool_use_id": id, "content": parts}).to_string()
        }
        Err(why) => {
            json!({"type": "tool_result", "tool_use_id": id, "is_error": true, "content": why}).to_string()
        }
    }
}

/// The body of the next round: `said` are the blocks of the model's last message, as JSON.
pub fn next_round(body: &Bytes, said: &[String], results: &[String]) -> Option<Bytes> {
    let tree = Tree::read(body)?;
    let messages = Fields::of(&tree, tree.root())?.one(b"messages")??;
    let end = tree.span(messages).end - 1;
    let added =
        format!(r#",{{"role":"assistant","content":[{}]}},{}"#, said.join(","), user_message(results));
    Some(put(body, vec![Put::at(end, added)]))
}

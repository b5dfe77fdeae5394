//! What the provider refuses, and in which words.
//!
//! The rules that a proxy could break: at most four cache breakpoints, every tool
//! call answered in the next message, thinking left as it was.

use super::cache::{Digest, Prompt, extend, identity};
use serde_json::Value;
use std::collections::BTreeSet;

/// At most so many `cache_control` fields in one request.
const BREAKPOINTS: usize = 4;

/// What is wrong with a request; `None` when the provider would take it.
pub fn fault(body: &Value) -> Option<String> {
    if !body["model"].is_string() {
        return Some("model: Field required".to_owned());
    }
    if !body["max_tokens"].is_u64() {
        return Some("max_tokens: Field required".to_owned());
    }
    let Some(messages) = body["messages"].as_array().filter(|messages| !messages.is_empty()) else {
        return Some("messages: at least one message is required".to_owned());
    };
    let marked = count_breakpoints(body);
    if BREAKPOINTS < marked {
        return Some(format!(
            "A maximum of {BREAKPOINTS} blocks with cache_control may be provided. Found {marked}."
        ));
    }
    unpaired(messages).or_else(|| empty_text(messages))
}

fn count_breakpoints(body: &Value) -> usize {
    let mut count = 0;
    let mut left = vec![body];
    while let Some(value) = left.pop() {
        match value {
            Value::Object(fields) => {
                count += usize::from(fields.get("cache_control").is_some_and(Value::is_object));
                // A tool's schema and a call's arguments may say `cache_control` and mean something else.
                left.extend(
                    fields
                        .iter()
                        .filter(|(name, _)| {
                            !matches!(name.as_str(), "input" | "input_schema" | "cache_control")
                        })
                        .map(|(_, value)| value),
                );
            }
            Value::Array(items) => left.extend(items),
            _ => {}
        }
    }
    count
}

fn unpaired(messages: &[Value]) -> Option<String> {
    let ids = |message: &Value, kind: &str, field: &str| -> BTreeSet<String> {
        let blocks = message["content"].as_array().map_or(&[][..], Vec::as_slice);
        blocks
            .iter()
            .filter(|block| block["type"] == kind)
            .filter_map(|block| block[field].as_str().map(str::to_owned))
            .collect()
    };
    let mut called = BTreeSet::new();
    for (at, message) in messages.iter().enumerate() {
        if message["role"] == "system" {
            continue;
        }
        let answered = ids(message, "tool_result", "tool_use_id");
        if let Some(stray) = answered.difference(&called).next() {
            return Some(format!(
                "messages.{at}.content: unexpected `tool_use_id` found in `tool_result` blocks: {stray}. \
                 Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            ));
        }
        if let Some(open) = called.difference(&answered).next() {
            return Some(format!(
                "messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {open}. \
                 Each `tool_use` block must have a corresponding `tool_result` block in the next message."
            ));
        }
        called = ids(message, "tool_use", "id");
    }
    None
}

fn empty_text(messages: &[Value]) -> Option<String> {
    let empty = messages.iter().any(|message| {
        let blocks = message["content"].as_array().map_or(&[][..], Vec::as_slice);
        message["content"] == "" || blocks.iter().any(|block| block["type"] == "text" && block["text"] == "")
    });
    empty.then(|| "messages: text content blocks must be non-empty".to_owned())
}

/// The signature of a thought that stands after exactly this history.
pub fn sign(thought: &str, before: &Digest) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("headroom demo: a thought and all that stands before it");
    hasher.update(before);
    hasher.update(thought.as_bytes());
    hasher.finalize().to_hex().to_string()
}

/// The digest of the history that an answer to `prompt` stands after.
pub fn history(prompt: &Prompt) -> Digest {
    prompt.blocks.iter().fold([0; 32], |so_far, block| extend(&so_far, &block.digest))
}

/// The digest of `so_far` and one block that the model itself said.
pub fn and_said(so_far: &Digest, block: &Value) -> Digest {
    extend(so_far, &identity("assistant", block))
}

/// The first thought in `body` that was changed, or whose history was; `None` when all hold.
pub fn altered_thought(body: &Value, prompt: &Prompt) -> Option<String> {
    let mut so_far = [0; 32];
    for block in &prompt.blocks {
        if let Some((thought, signature)) = thought_at(body, &block.path)
            && sign(thought, &so_far) != signature
        {
            return Some(format!(
                "{}: `thinking` blocks in the latest assistant messages cannot be modified. This block is bound \
                     to a different conversation.",
                block.path
            ));
        }
        so_far = extend(&so_far, &block.digest);
    }
    None
}

fn thought_at<'a>(body: &'a Value, path: &str) -> Option<(&'a str, &'a str)> {
    let (message, block) = path.strip_prefix("messages[")?.strip_suffix(']')?.split_once("].content[")?;
    let block = &body["messages"][message.parse::<usize>().ok()?]["content"][block.parse::<usize>().ok()?];
    (block["type"] == "thinking")
        .then(|| block["signature"].as_str().zip(block["thinking"].as_str()))?
        .map(|(signature, thought)| (thought, signature))
}

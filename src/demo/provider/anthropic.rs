//! Anthropic Messages: the prompt that a body is, what the API refuses, how an answer is said.
//!
//! The rules that a proxy could break: at most four cache breakpoints, every tool call answered in the next
//! message, thinking left as it was. `cache_control` itself is no part of a block.

use super::Message;
use super::fault::Fault;
use super::stream::words;
use crate::demo::asked::text_of;
use crate::demo::script::{Ending, Piece};
use crate::prompt_cache::prompt::{Counter, Digest, Prompt, extend, list, text};
use crate::units::Tokens;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// At most so many `cache_control` fields in one request.
const BREAKPOINTS: usize = 4;

/// Reads a request's body into the row of blocks that the cache sees.
pub fn render(body: &Value, counter: &mut Counter) -> Prompt {
    let mut prompt = Prompt::default();
    for (at, tool) in list(&body["tools"]).iter().enumerate() {
        if tool["defer_loading"] != Value::Bool(true) {
            push(&mut prompt, counter, format!("tools[{at}]"), "", tool);
        }
    }
    match &body["system"] {
        Value::String(text) => push(&mut prompt, counter, "system".to_owned(), "", &said(text)),
        system => {
            for (at, block) in list(system).iter().enumerate() {
                // A line that the client signs anew for every request; the provider takes it out.
                let billing = block["text"]
                    .as_str()
                    .is_some_and(|text| text.starts_with("x-anthropic-billing-header:"));
                if !billing {
                    push(&mut prompt, counter, format!("system[{at}]"), "", block);
                }
            }
        }
    }
    prompt.preamble = prompt.blocks.len();
    for (at, message) in list(&body["messages"]).iter().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        match &message["content"] {
            Value::String(text) => {
                push(&mut prompt, counter, format!("messages[{at}].content"), role, &said(text));
            }
            content => {
                for (index, block) in list(content).iter().enumerate() {
                    push(&mut prompt, counter, format!("messages[{at}].content[{index}]"), role, block);
                }
            }
        }
    }
    // These parameters are rendered at the head of the messages: changing one costs the messages alone.
    if let Some(first) = prompt.blocks.get_mut(prompt.preamble) {
        let level = format!("{}{}", body["tool_choice"], body["thinking"]);
        first.digest = extend(&first.digest, blake3::hash(level.as_bytes()).as_bytes());
    }
    if let (Some(keep), Some(last)) = (keep(&body["cache_control"]), prompt.blocks.last_mut()) {
        last.keep = Some(keep);
    }
    prompt
}

/// What a block is to the provider, whatever the order of its fields.
fn identity(role: &str, block: &Value) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(role.as_bytes());
    hasher.update(&[0]);
    hasher.update(sorted(block).to_string().as_bytes());
    *hasher.finalize().as_bytes()
}

fn push(prompt: &mut Prompt, counter: &mut Counter, path: String, role: &str, block: &Value) {
    let id = ["tool_use_id", "id"].iter().find_map(|name| block[*name].as_str()).unwrap_or_default();
    prompt.push_known(counter, path, id, identity(role, block), &rendered(block));
    if let Some(last) = prompt.blocks.last_mut() {
        last.keep = keep(&block["cache_control"]);
    }
}

/// The text that the model reads for a block.
fn rendered(block: &Value) -> String {
    match block["type"].as_str() {
        Some("text") => block["text"].as_str().unwrap_or_default().to_owned(),
        Some("tool_result") => text_of(&block["content"]),
        Some("tool_use") => format!("{} {}", block["name"].as_str().unwrap_or_default(), block["input"]),
        Some("thinking") => block["thinking"].as_str().unwrap_or_default().to_owned(),
        _ => sorted(block).to_string(),
    }
}

/// `block` with its fields in order, its content as a list, and without `cache_control`.
fn sorted(block: &Value) -> Value {
    match block {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().filter(|name| *name != "cache_control").collect();
            names.sort();
            let plain = |name: &String| match (&fields[name], name.as_str()) {
                (Value::String(text), "content") => Value::Array(vec![sorted(&said(text))]),
                (value, _) => sorted(value),
            };
            Value::Object(names.into_iter().map(|name| (name.clone(), plain(name))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

fn said(text: &str) -> Value {
    serde_json::json!({"type": "text", "text": text})
}

fn keep(cache_control: &Value) -> Option<Duration> {
    let minutes = if cache_control["ttl"] == "1h" { 60 } else { 5 };
    cache_control.is_object().then(|| Duration::from_secs(minutes * 60))
}

/// What is wrong with a request; `None` when the provider would take it.
fn wrong(body: &Value) -> Option<String> {
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
    unpaired(messages).or_else(|| empty_text(messages)).or_else(|| longer_after_shorter(body))
}

/// Breakpoints must not ask for longer the further down they stand.
fn longer_after_shorter(body: &Value) -> Option<String> {
    let contents = list(&body["messages"]).iter().flat_map(|message| list(&message["content"]));
    let blocks = list(&body["tools"]).iter().chain(list(&body["system"])).chain(contents);
    let kept: Vec<Duration> = blocks.filter_map(|block| keep(&block["cache_control"])).collect();
    (!kept.is_sorted_by(|one, next| next <= one)).then(|| {
        "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are \
         processed in the following order: `tools`, `system`, `messages`."
            .to_owned()
    })
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
fn sign(thought: &str, before: &Digest) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("headroom demo: a thought and all that stands before it");
    hasher.update(before);
    hasher.update(thought.as_bytes());
    hasher.finalize().to_hex().to_string()
}

/// The digest of the history that an answer to `prompt` stands after.
fn history(prompt: &Prompt) -> Digest {
    prompt.blocks.iter().fold([0; 32], |so_far, block| extend(&so_far, &block.digest))
}

/// The digest of `so_far` and one block that the model itself said.
fn and_said(so_far: &Digest, block: &Value) -> Digest {
    extend(so_far, &identity("assistant", block))
}

/// The first thought in `body` that was changed, or whose history was; `None` when all hold.
fn altered_thought(body: &Value, prompt: &Prompt) -> Option<String> {
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

/// What is wrong with a request; `None` when the API would take it.
pub(super) fn fault(body: &Value) -> Option<Fault> {
    wrong(body).map(|message| Fault::bad_request(&message))
}

/// What is wrong with the thoughts in a request.
pub(super) fn altered(body: &Value, prompt: &Prompt) -> Option<Fault> {
    altered_thought(body, prompt).map(|message| Fault::bad_request(&message))
}

/// An error's body.
pub(super) fn error(fault: &Fault) -> Value {
    json!({
        "type": "error",
        "error": {"type": fault.kind, "message": fault.message},
        "request_id": "req_demo",
    })
}

/// The blocks of an answer, as the client will send them back.
fn blocks(message: &Message) -> Vec<Value> {
    let mut so_far = history(&message.prompt);
    let mut blocks = Vec::new();
    for (at, piece) in message.pieces.iter().enumerate() {
        let block = match piece {
            Piece::Thinking(thought) => {
                json!({"type": "thinking", "thinking": thought, "signature": sign(thought, &so_far)})
            }
            Piece::Call { tool, input } => {
                let id = format!("toolu_demo_{:05}", message.first_piece + at);
                json!({"type": "tool_use", "id": id, "name": tool, "input": input})
            }
            Piece::Text(said) => json!({"type": "text", "text": said}),
            Piece::Wish(_) => continue,
        };
        so_far = and_said(&so_far, &block);
        blocks.push(block);
    }
    blocks
}

/// An answer in one piece.
pub(super) fn whole(message: &Message) -> Value {
    envelope(message, &blocks(message), Some(stop_reason(message)), message.usage.output)
}

/// An answer as events, each with its name.
pub(super) fn events(message: &Message, ending: &Ending) -> Vec<(&'static str, Value)> {
    let mut events = vec![
        ("message_start", json!({"message": envelope(message, &[], None, Tokens(1))})),
        ("ping", json!({})),
    ];
    for (index, block) in blocks(message).iter().enumerate() {
        events_of_block(&mut events, index, block);
    }
    match ending {
        Ending::ErrorEvent(kind) => {
            events.push(("error", json!({"error": {"type": kind, "message": "the demo fails here"}})));
        }
        _ => {
            let delta = json!({"stop_reason": stop_reason(message), "stop_sequence": null});
            events.push((
                "message_delta",
                json!({"delta": delta, "usage": usage(message, message.usage.output)}),
            ));
            events.push(("message_stop", json!({})));
        }
    }
    events.into_iter().map(|(name, data)| (name, typed(name, data))).collect()
}

fn events_of_block(events: &mut Vec<(&'static str, Value)>, index: usize, block: &Value) {
    let (start, deltas): (Value, Vec<Value>) = match block["type"].as_str() {
        Some("text") => (
            json!({"type": "text", "text": ""}),
            words(text(&block["text"])).map(|text| json!({"type": "text_delta", "text": text})).collect(),
        ),
        Some("thinking") => (
            json!({"type": "thinking", "thinking": "", "signature": ""}),
            words(text(&block["thinking"]))
                .map(|text| json!({"type": "thinking_delta", "thinking": text}))
                .chain([json!({"type": "signature_delta", "signature": block["signature"]})])
                .collect(),
        ),
        _ => (
            json!({"type": "tool_use", "id": block["id"], "name": block["name"], "input": {}}),
            words(&block["input"].to_string())
                .map(|text| json!({"type": "input_json_delta", "partial_json": text}))
                .collect(),
        ),
    };
    events.push(("content_block_start", json!({"index": index, "content_block": start})));
    for delta in deltas {
        events.push(("content_block_delta", json!({"index": index, "delta": delta})));
    }
    events.push(("content_block_stop", json!({"index": index})));
}

/// `data` with its type ahead of everything.
fn typed(name: &str, mut data: Value) -> Value {
    let mut fields = serde_json::Map::new();
    fields.insert("type".to_owned(), Value::from(name));
    if let Some(more) = data.as_object_mut() {
        fields.append(more);
    }
    Value::Object(fields)
}

fn stop_reason(message: &Message) -> &'static str {
    if message.calls() { "tool_use" } else { "end_turn" }
}

fn usage(message: &Message, output: Tokens) -> Value {
    let usage = &message.usage;
    json!({
        "input_tokens": usage.uncached.0,
        "cache_creation_input_tokens": usage.cache_write_5m.0 + usage.cache_write_1h.0,
        "cache_read_input_tokens": usage.cache_read.0,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m.0,
            "ephemeral_1h_input_tokens": usage.cache_write_1h.0,
        },
        "output_tokens": output.0,
        "service_tier": "standard",
    })
}

fn envelope(message: &Message, content: &[Value], stop_reason: Option<&str>, output: Tokens) -> Value {
    json!({
        "id": format!("msg_demo_{:05}", message.number),
        "type": "message",
        "role": "assistant",
        "model": message.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": usage(message, output),
    })
}

//! OpenAI Responses: the prompt that a body is, what the API refuses, how an answer is said, what it keeps.
//!
//! A block is an item. The ids and the bookkeeping that clients put on items are no part of it. Over a
//! WebSocket the same events go out, one a message.

use super::Message;
use super::chat::shown;
use super::fault::Fault;
use super::stream::words;
use crate::demo::asked::{self, Asked, Kind};
use crate::demo::script::{Ending, Piece};
use crate::demo::sealed;
use crate::prompt_cache::prompt::{Counter, Prompt, in_field_order, list, text};
use crate::receipt::Usage;
use crate::units::Tokens;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a response leaves behind: its own items, and the response that it went on from.
#[derive(Debug)]
pub(super) struct Kept {
    before: Option<Arc<Kept>>,
    items: Vec<Value>,
}

/// What an answer leaves behind.
pub(super) fn kept(message: &Message) -> Arc<Kept> {
    let items = message.own.iter().cloned().chain(items(message)).collect();
    Arc::new(Kept { before: message.before.clone(), items })
}

impl Kept {
    /// All items up to here, oldest first.
    pub(super) fn items(&self) -> Vec<Value> {
        let mut layers = vec![&self.items];
        let mut before = &self.before;
        while let Some(kept) = before {
            layers.push(&kept.items);
            before = &kept.before;
        }
        layers.into_iter().rev().flatten().cloned().collect()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // A chain as long as a session must not be dropped link in link.
        let mut before = self.before.take();
        while let Some(mut kept) = before.and_then(Arc::into_inner) {
            before = kept.before.take();
        }
    }
}

/// The items that a body brings itself.
pub(super) fn own_items(body: &Value) -> Vec<Value> {
    match &body["input"] {
        Value::String(said) => vec![json!({"type": "message", "role": "user", "content": said})],
        input => list(input).to_vec(),
    }
}

/// Reads a request's body into its prompt.
pub(super) fn render(body: &Value, counter: &mut Counter) -> Prompt {
    let mut prompt = Prompt::default();
    for (at, tool) in list(&body["tools"]).iter().enumerate() {
        let rendered = in_field_order(tool, &[]).to_string();
        prompt.push(counter, format!("tools[{at}]"), "", "tool", &rendered);
    }
    if let Some(instructions) = body["instructions"].as_str() {
        prompt.push(counter, "instructions".to_owned(), "", "system", instructions);
    }
    prompt.preamble = prompt.blocks.len();
    for (at, item) in own_items(body).iter().enumerate() {
        let kind = item["type"].as_str().unwrap_or("message");
        let rendered = match kind {
            "message" => shown(&item["content"]),
            "additional_tools" => in_field_order(&item["tools"], &[]).to_string(),
            "reasoning" | "compaction" | "compaction_summary" => {
                let sealed = text(&item["encrypted_content"]);
                sealed::open(sealed).unwrap_or_else(|| format!("{sealed}{}", shown(&item["summary"])))
            }
            "function_call" => format!("{}({})", text(&item["name"]), text(&item["arguments"])),
            "custom_tool_call" => format!("{}({})", text(&item["name"]), text(&item["input"])),
            kind if kind.ends_with("_output") => shown(&item["output"]),
            _ => in_field_order(item, BOOKKEEPING).to_string(),
        };
        let role = format!("{kind} {} {}", text(&item["role"]), text(&item["namespace"]));
        prompt.push(counter, format!("input[{at}]"), text(&item["call_id"]), &role, &rendered);
    }
    prompt
}

/// Fields that clients and the API put on items and that the model never reads.
const BOOKKEEPING: &[&str] = &["id", "status", "internal_chat_message_metadata_passthrough"];

/// What is wrong with a request; `None` when the API would take it.
pub(super) fn fault(body: &Value) -> Option<Fault> {
    for name in ["model", "input"] {
        if body[name].is_null() {
            let fault = Fault::bad_request(&format!("Missing required parameter: '{name}'."));
            return Some(fault.with_code("missing_required_parameter"));
        }
    }
    unpaired(list(&body["input"])).map(|message| Fault::bad_request(&message))
}

fn unpaired<'a>(items: &'a [Value]) -> Option<String> {
    let id = |item: &'a Value| text(&item["call_id"]);
    let called: BTreeSet<&str> = items.iter().filter(|item| asked::is_call(item)).map(id).collect();
    let answers = |item: &&Value| text(&item["type"]).ends_with("_call_output");
    let answered: BTreeSet<&str> = items.iter().filter(answers).map(id).collect();
    if let Some(stray) = answered.difference(&called).next() {
        return Some(format!("No tool call found for function call output with call_id {stray}."));
    }
    let open = called.difference(&answered).next()?;
    Some(format!("No tool output found for function call {open}."))
}

/// What is wrong with the thoughts in a request: one that the provider did not write, letter for letter.
pub(super) fn altered(body: &Value) -> Option<Fault> {
    let sealed = list(&body["input"]).iter().filter_map(|item| item["encrypted_content"].as_str());
    let mut altered = sealed.filter(|sealed| sealed::open(sealed).is_none());
    altered.next().map(|sealed| {
        let start: String = sealed.chars().take(16).collect();
        Fault::bad_request(&format!(
            "The encrypted content {start}... could not be verified. Reason: Encrypted content could not be \
             decrypted or parsed."
        ))
        .with_code("invalid_encrypted_content")
    })
}

/// The fault of naming a response that is not kept.
pub(super) fn not_found(id: &str) -> Fault {
    Fault::bad_request(&format!("Previous response with id '{id}' not found."))
        .with_code("previous_response_not_found")
}

/// True when the last item asks for the history to be compacted.
pub(super) fn wants_compaction(body: &Value) -> bool {
    list(&body["input"]).last().is_some_and(|item| item["type"] == "compaction_trigger")
}

/// The item that stands for so many turns.
pub(super) fn compaction(number: usize, turns: usize) -> Value {
    let sealed = sealed::seal(&turns.to_string());
    json!({"id": format!("cmp_demo_{number:05}"), "type": "compaction", "encrypted_content": sealed})
}

/// The body of an answer to `/responses/compact`: what people said, and one item for all the rest.
pub(super) fn compacted(message: &Message) -> Value {
    let people = list(&message.body["input"]).iter().filter(|item| item["role"] == "user").cloned();
    let output: Vec<Value> = people.chain(items(message)).collect();
    json!({
        "id": format!("resp_demo_{:05}", message.number),
        "object": "response.compaction",
        "created_at": message.created(),
        "output": output,
        "usage": usage(&message.usage, message.thinking),
    })
}

/// The items of an answer, as the client will send them back.
pub(super) fn items(message: &Message) -> Vec<Value> {
    if let Some(turns) = message.compacts {
        return vec![compaction(message.number, turns)];
    }
    let asked = message.asked();
    let pieces = message.pieces.iter().enumerate();
    pieces
        .filter_map(|(at, piece)| {
            let id = message.first_piece + at;
            match piece {
                Piece::Text(said) => Some(json!({
                    "id": format!("msg_demo_{id:05}"),
                    "type": "message",
                    "status": "completed",
                    "role": "assistant",
                    "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": said}],
                })),
                Piece::Thinking(thought) => Some(json!({
                    "id": format!("rs_demo_{id:05}"),
                    "type": "reasoning",
                    "summary": [],
                    "encrypted_content": sealed::seal(thought),
                })),
                Piece::Call { tool, input } => Some(call(&asked, id, tool, input)),
                Piece::Wish(_) => None,
            }
        })
        .collect()
}

fn call(asked: &Asked<'_>, id: usize, tool: &str, input: &Value) -> Value {
    let offer = asked.offer(tool);
    let call_id = format!("call_demo_{id:05}");
    let mut item = match offer.map_or(Kind::Function, |offer| offer.kind) {
        Kind::LocalShell => json!({
            "id": format!("lsh_demo_{id:05}"), "type": "local_shell_call", "status": "completed",
            "call_id": call_id, "action": input}),
        Kind::Custom => json!({
            "id": format!("ctc_demo_{id:05}"), "type": "custom_tool_call", "status": "completed",
            "call_id": call_id, "name": tool,
            "input": input.as_str().map_or_else(|| input.to_string(), str::to_owned)}),
        Kind::Function => json!({
            "id": format!("fc_demo_{id:05}"), "type": "function_call", "status": "completed",
            "call_id": call_id, "name": tool, "arguments": input.to_string()}),
    };
    if let Some(namespace) = offer.map(|offer| offer.namespace).filter(|namespace| !namespace.is_empty()) {
        item["namespace"] = json!(namespace);
    }
    item
}

/// The id of the response that `message` is.
pub(super) fn id(message: &Message) -> String {
    format!("resp_demo_{:05}", message.number)
}

/// An answer in one piece.
pub(super) fn whole(message: &Message) -> Value {
    envelope(message, "completed", items(message), Some(usage(&message.usage, message.thinking)))
}

/// An answer as events.
pub(super) fn events(message: &Message, ending: &Ending) -> Vec<Value> {
    let begun = envelope(message, "in_progress", Vec::new(), None);
    let mut events = vec![
        json!({"type": "response.created", "response": begun}),
        json!({"type": "response.in_progress", "response": begun}),
    ];
    let items = items(message);
    for (index, item) in items.iter().enumerate() {
        events_of_item(&mut events, index, item);
    }
    events.push(match ending {
        Ending::ErrorEvent(kind) => {
            let mut response = envelope(message, "failed", Vec::new(), None);
            response["error"] = json!({"code": kind, "message": "the demo fails here"});
            json!({"type": "response.failed", "response": response})
        }
        _ => {
            let told = usage(&message.usage, message.thinking);
            json!({"type": "response.completed", "response": envelope(message, "completed", items, Some(told))})
        }
    });
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(number);
    }
    events
}

fn events_of_item(events: &mut Vec<Value>, index: usize, item: &Value) {
    let id = &item["id"];
    let mut begun = item.clone();
    let mut between = Vec::new();
    if item["status"].is_string() {
        begun["status"] = json!("in_progress");
    }
    match text(&item["type"]) {
        "message" => {
            let part = &item["content"][0];
            let mut empty = part.clone();
            empty["text"] = json!("");
            begun["content"] = json!([]);
            let place = json!({"item_id": id, "output_index": index, "content_index": 0});
            between.push(event("response.content_part.added", &place, json!({"part": empty})));
            between.extend(words(text(&part["text"])).map(|words| {
                event("response.output_text.delta", &place, json!({"delta": words, "logprobs": []}))
            }));
            between.push(event(
                "response.output_text.done",
                &place,
                json!({"text": part["text"], "logprobs": []}),
            ));
            between.push(event("response.content_part.done", &place, json!({"part": part})));
        }
        "function_call" => {
            begun["arguments"] = json!("");
            between = spelled(index, item, "response.function_call_arguments", "arguments");
        }
        "custom_tool_call" => {
            begun["input"] = json!("");
            between = spelled(index, item, "response.custom_tool_call_input", "input");
        }
        _ => {}
    }
    events.push(json!({"type": "response.output_item.added", "output_index": index, "item": begun}));
    events.extend(between);
    events.push(json!({"type": "response.output_item.done", "output_index": index, "item": item}));
}

/// The events that spell out one field of an item, word by word and then whole.
fn spelled(index: usize, item: &Value, name: &str, field: &str) -> Vec<Value> {
    let place = json!({"item_id": item["id"], "output_index": index});
    let mut events: Vec<Value> = words(text(&item[field]))
        .map(|words| event(&format!("{name}.delta"), &place, json!({"delta": words})))
        .collect();
    events.push(event(&format!("{name}.done"), &place, json!({field: item[field]})));
    events
}

fn event(name: &str, place: &Value, more: Value) -> Value {
    let mut event = json!({"type": name});
    for fields in [place, &more] {
        for (name, value) in fields.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
    }
    event
}

fn usage(usage: &Usage, thinking: Tokens) -> Value {
    json!({
        "input_tokens": usage.input().0,
        "input_tokens_details": {"cached_tokens": usage.cache_read.0},
        "output_tokens": usage.output.0,
        "output_tokens_details": {"reasoning_tokens": thinking.0},
        "total_tokens": (usage.input() + usage.output).0,
    })
}

fn envelope(message: &Message, status: &str, output: Vec<Value>, usage: Option<Value>) -> Value {
    let body = &message.body;
    json!({
        "id": id(message),
        "object": "response",
        "created_at": message.created(),
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": null,
        "instructions": body["instructions"],
        "max_output_tokens": body["max_output_tokens"],
        "metadata": {},
        "model": message.model,
        "output": output,
        "parallel_tool_calls": body["parallel_tool_calls"].as_bool().unwrap_or(true),
        "previous_response_id": body["previous_response_id"],
        "prompt_cache_key": body["prompt_cache_key"],
        "reasoning": body["reasoning"],
        "store": body["store"].as_bool().unwrap_or(true),
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage,
    })
}

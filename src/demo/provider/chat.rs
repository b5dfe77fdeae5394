//! OpenAI Chat Completions: the prompt that a body is, what the API refuses, how an answer is said.
//!
//! A block is a whole message: its role, its text, its calls. Thoughts are no part of this wire; as
//! compatible servers do, they are said in `reasoning_content` and need not come back.

use super::Message;
use super::fault::Fault;
use super::stream::words;
use crate::demo::script::{Ending, Piece};
use crate::prompt_cache::prompt::{Counter, Prompt, in_field_order, list, text};
use crate::receipt::Usage;
use crate::units::Tokens;
use serde_json::{Value, json};

/// Reads a request's body into its prompt.
pub(super) fn render(body: &Value, counter: &mut Counter) -> Prompt {
    let mut prompt = Prompt::default();
    for name in ["tools", "functions"] {
        for (at, tool) in list(&body[name]).iter().enumerate() {
            let rendered = in_field_order(tool, &[]).to_string();
            prompt.push(counter, format!("{name}[{at}]"), "", "tool", &rendered);
        }
    }
    prompt.preamble = prompt.blocks.len();
    for (at, message) in list(&body["messages"]).iter().enumerate() {
        let made = list(&message["tool_calls"]).iter().map(|call| &call["function"]);
        let legacy = Some(&message["function_call"]).filter(|call| call.is_object());
        let mut rendered = shown(&message["content"]);
        for call in made.chain(legacy) {
            rendered.push_str(&format!("\n{}({})", text(&call["name"]), text(&call["arguments"])));
        }
        let first_call = &message["tool_calls"][0]["id"];
        let id = message["tool_call_id"].as_str().or(first_call.as_str()).unwrap_or_default();
        // The newer name of the system role.
        let role = text(&message["role"]).replace("developer", "system");
        prompt.push(counter, format!("messages[{at}]"), id, &role, &rendered);
    }
    prompt
}

/// The text that the model reads for a content; a part that is no text as it stands.
pub(super) fn shown(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .map(|part| {
                let text = ["text", "refusal"].iter().find_map(|name| part[*name].as_str());
                let whole = || in_field_order(part, &["cache_control"]).to_string();
                text.map_or_else(whole, str::to_owned)
            })
            .collect(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// What is wrong with a request; `None` when the API would take it.
pub(super) fn fault(body: &Value) -> Option<Fault> {
    if !body["model"].is_string() {
        return Some(Fault::bad_request("you must provide a model parameter"));
    }
    let Some(messages) = body["messages"].as_array() else {
        let fault = Fault::bad_request("Missing required parameter: 'messages'.");
        return Some(fault.with_code("missing_required_parameter"));
    };
    if messages.is_empty() {
        let fault =
            Fault::bad_request("Invalid 'messages': empty array. Expected an array with minimum length 1.");
        return Some(fault.with_code("empty_array"));
    }
    unpaired(messages).map(|message| Fault::bad_request(&message))
}

fn unpaired(messages: &[Value]) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        if message["role"] == "tool" {
            let id = text(&message["tool_call_id"]);
            let Some(found) = open.iter().position(|called| *called == id) else {
                return Some(format!(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with \
                     'tool_calls' (messages[{at}], tool_call_id '{id}')."
                ));
            };
            open.remove(found);
            continue;
        }
        if !open.is_empty() {
            return Some(unanswered(&open));
        }
        open = list(&message["tool_calls"]).iter().map(|call| text(&call["id"])).collect();
    }
    (!open.is_empty()).then(|| unanswered(&open))
}

fn unanswered(open: &[&str]) -> String {
    format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each \
         'tool_call_id'. The following tool_call_ids did not have response messages: {}",
        open.join(", ")
    )
}

/// An error's body; the same on both of OpenAI's wires.
pub(super) fn error(fault: &Fault) -> Value {
    json!({"error": {"message": fault.message, "type": fault.kind, "param": null, "code": fault.code}})
}

/// An answer in one piece.
pub(super) fn whole(message: &Message) -> Value {
    let mut said = json!({"role": "assistant", "content": spoken(message), "refusal": null});
    if let Some(thought) = thought(message) {
        said["reasoning_content"] = json!(thought);
    }
    let calls = calls(message);
    match (wants_legacy(message), calls.first()) {
        (_, None) => {}
        (true, Some(call)) => said["function_call"] = call["function"].clone(),
        (false, Some(_)) => said["tool_calls"] = Value::Array(calls),
    }
    let choice = json!({
        "index": 0, "message": said, "logprobs": null, "finish_reason": finish_reason(message)});
    envelope(message, "chat.completion", vec![choice], Some(usage(&message.usage, message.thinking)))
}

/// An answer as the data of its events; the stream's end mark is not among them.
pub(super) fn events(message: &Message, ending: &Ending) -> Vec<Value> {
    let mut deltas = vec![json!({"role": "assistant", "content": "", "refusal": null})];
    for piece in &message.pieces {
        let (field, said) = match piece {
            Piece::Text(said) => ("content", said),
            Piece::Thinking(thought) => ("reasoning_content", thought),
            Piece::Call { .. } | Piece::Wish(_) => continue,
        };
        deltas.extend(words(said).map(|words| json!({field: words})));
    }
    for (index, call) in calls(message).iter().enumerate() {
        deltas.extend(deltas_of_call(message, index, call));
    }
    let wants_usage = message.body["stream_options"]["include_usage"] == true;
    // With usage asked for, every chunk names it and the last one alone tells it.
    let none_yet = || wants_usage.then_some(Value::Null);
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        envelope(message, "chat.completion.chunk", vec![choice], none_yet())
    };
    let mut events: Vec<Value> = deltas.into_iter().map(|delta| chunk(delta, Value::Null)).collect();
    if let Ending::ErrorEvent(kind) = ending {
        events.push(json!({"error": {
            "message": "the demo fails here", "type": kind, "param": null, "code": kind}}));
        return events;
    }
    events.push(chunk(json!({}), json!(finish_reason(message))));
    if wants_usage {
        let told = usage(&message.usage, message.thinking);
        events.push(envelope(message, "chat.completion.chunk", Vec::new(), Some(told)));
    }
    events
}

/// True when the stream must end without its end mark.
pub(super) fn breaks_off(ending: &Ending) -> bool {
    matches!(ending, Ending::ErrorEvent(_))
}

fn deltas_of_call(message: &Message, index: usize, call: &Value) -> Vec<Value> {
    if wants_legacy(message) {
        return vec![json!({"function_call": call["function"]})];
    }
    let whole = |call: &Value| {
        let mut whole = json!({"index": index});
        for (name, value) in call.as_object().into_iter().flatten() {
            whole[name] = value.clone();
        }
        json!({"tool_calls": [whole]})
    };
    if sends_calls_whole(message) {
        return vec![whole(call)];
    }
    let mut first = call.clone();
    first["function"]["arguments"] = json!("");
    let rest = words(text(&call["function"]["arguments"]))
        .map(|words| json!({"tool_calls": [{"index": index, "function": {"arguments": words}}]}));
    [whole(&first)].into_iter().chain(rest).collect()
}

/// Mistral's API streams each call in one piece, and its clients want that.
fn sends_calls_whole(message: &Message) -> bool {
    message.model.contains("stral")
}

/// True for a client that still offers `functions`, of before there were tools.
fn wants_legacy(message: &Message) -> bool {
    list(&message.body["tools"]).is_empty() && !list(&message.body["functions"]).is_empty()
}

fn calls(message: &Message) -> Vec<Value> {
    let pieces = message.pieces.iter().enumerate();
    pieces
        .filter_map(|(at, piece)| match piece {
            Piece::Call { tool, input } => Some(json!({
                "id": format!("call_demo_{:05}", message.first_piece + at),
                "type": "function",
                "function": {"name": tool, "arguments": input.to_string()},
            })),
            _ => None,
        })
        .collect()
}

fn spoken(message: &Message) -> Value {
    let said = message.pieces.iter().filter_map(|piece| match piece {
        Piece::Text(said) => Some(said.as_str()),
        _ => None,
    });
    let said: Vec<&str> = said.collect();
    if said.is_empty() { Value::Null } else { Value::from(said.concat()) }
}

fn thought(message: &Message) -> Option<String> {
    message.pieces.iter().find_map(|piece| match piece {
        Piece::Thinking(thought) => Some(thought.clone()),
        _ => None,
    })
}

fn finish_reason(message: &Message) -> &'static str {
    match (message.calls(), wants_legacy(message)) {
        (true, true) => "function_call",
        (true, false) => "tool_calls",
        (false, _) => "stop",
    }
}

fn usage(usage: &Usage, thinking: Tokens) -> Value {
    json!({
        "prompt_tokens": usage.input().0,
        "completion_tokens": usage.output.0,
        "total_tokens": (usage.input() + usage.output).0,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read.0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": thinking.0, "audio_tokens": 0},
    })
}

fn envelope(message: &Message, object: &str, choices: Vec<Value>, usage: Option<Value>) -> Value {
    let mut envelope = json!({
        "id": format!("chatcmpl-demo{:05}", message.number),
        "object": object,
        "created": message.created(),
        "model": message.model,
        "system_fingerprint": "fp_demo",
        "choices": choices,
    });
    if let Some(usage) = usage {
        envelope["usage"] = usage;
    }
    envelope
}

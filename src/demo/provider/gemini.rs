//! Gemini's `generateContent`: the prompt that a body is, what the API refuses, how an answer is said.
//!
//! A block is a part. There may be no call ids: a response is known by its name and place. Code Assist
//! wraps the same in an envelope; that is the door's business, not this file's.

use super::Message;
use super::fault::Fault;
use super::stream::words;
use crate::demo::asked::response_text;
use crate::demo::script::{Ending, Piece};
use crate::demo::sealed;
use crate::prompt_cache::prompt::{Counter, Prompt, in_field_order, list, text};
use serde_json::{Value, json};

/// Reads a request's body into its prompt.
pub(super) fn render(body: &Value, counter: &mut Counter) -> Prompt {
    let mut prompt = Prompt::default();
    for name in ["systemInstruction", "system_instruction"] {
        for (at, part) in list(&body[name]["parts"]).iter().enumerate() {
            prompt.push(counter, format!("{name}.parts[{at}]"), "", "system", text(&part["text"]));
        }
    }
    for (at, tool) in list(&body["tools"]).iter().enumerate() {
        let rendered = in_field_order(tool, &[]).to_string();
        prompt.push(counter, format!("tools[{at}]"), "", "tool", &rendered);
    }
    prompt.preamble = prompt.blocks.len();
    for (at, content) in list(&body["contents"]).iter().enumerate() {
        let role = content["role"].as_str().unwrap_or("user");
        for (index, part) in list(&content["parts"]).iter().enumerate() {
            let path = format!("contents[{at}].parts[{index}]");
            let (id, rendered) = shown(part, &path);
            prompt.push(counter, path, &id, role, &rendered);
        }
    }
    prompt
}

/// What the model reads for a part, and the id of a call or its response.
fn shown(part: &Value, path: &str) -> (String, String) {
    let known = |function: &Value| {
        let place = || format!("{path} {}", text(&function["name"]));
        function["id"].as_str().map_or_else(place, str::to_owned)
    };
    if let Some(said) = part["text"].as_str() {
        return (String::new(), said.to_owned());
    }
    if let Some(call) = part.get("functionCall") {
        let arguments = in_field_order(&call["args"], &[]);
        return (known(call), format!("{}({arguments})", text(&call["name"])));
    }
    if let Some(response) = part.get("functionResponse") {
        let printed = response_text(&in_field_order(&response["response"], &[]));
        return (known(response), format!("{}: {printed}", text(&response["name"])));
    }
    (String::new(), in_field_order(part, &["thoughtSignature"]).to_string())
}

/// What is wrong with a request; `None` when the API would take it.
pub(super) fn fault(body: &Value) -> Option<Fault> {
    let contents = list(&body["contents"]);
    if contents.is_empty() {
        return Some(Fault::bad_request("* GenerateContentRequest.contents: contents is not specified\n"));
    }
    unpaired(contents).map(Fault::bad_request)
}

fn unpaired(contents: &[Value]) -> Option<&'static str> {
    let count = |content: &Value, kind: &str| {
        list(&content["parts"]).iter().filter(|part| part[kind].is_object()).count()
    };
    let mut called = 0;
    for content in contents {
        let responses = count(content, "functionResponse");
        if responses != 0 && called == 0 {
            return Some(
                "Please ensure that function response turn comes immediately after a function call turn.",
            );
        }
        if responses != called {
            return Some(
                "Please ensure that the number of function response parts is equal to the number of function \
                 call parts of the function call turn.",
            );
        }
        called = count(content, "functionCall");
    }
    None
}

/// Signatures that the API lets pass without a look: for calls that another model made.
const UNSIGNED: &[&str] = &["skip_thought_signature_validator", "context_engineering_is_the_way_to_go"];

/// What is wrong with the thoughts in a request: a signature that is not the one that was sent with its part, or
/// one that is gone.
pub(super) fn altered(body: &Value) -> Option<Fault> {
    let mut parts = list(&body["contents"]).iter().flat_map(|content| list(&content["parts"]));
    let altered = parts.any(|part| {
        let Some(signature) = part["thoughtSignature"].as_str() else { return false };
        !UNSIGNED.contains(&signature) && sealed::open(signature).as_deref() != Some(signed(part).as_str())
    });
    if altered {
        return Some(Fault::bad_request("Corrupted thought signature."));
    }
    unsigned_call(body).map(|tool| {
        Fault::bad_request(&format!(
            "Function call is missing a thought_signature in functionCall parts. Additional data, function call \
             `default_api:{tool}`."
        ))
    })
}

/// The first call of a turn that goes on without the signature that it was sent with: from Gemini 3 on, the
/// API wants every step of the turn that is under way signed.
fn unsigned_call(body: &Value) -> Option<&str> {
    if !text(&body["model"]).starts_with("gemini-3") {
        return None;
    }
    let contents = list(&body["contents"]);
    let speaks = |content: &Value| {
        content["role"] != "model" && list(&content["parts"]).iter().any(|part| part["text"].is_string())
    };
    let turn = contents.iter().rposition(speaks).map_or(contents, |began| &contents[began..]);
    let first_calls = turn
        .iter()
        .filter(|content| content["role"] == "model")
        .filter_map(|content| list(&content["parts"]).iter().find(|part| part["functionCall"].is_object()));
    let mut unsigned = first_calls.filter(|part| !part["thoughtSignature"].is_string());
    unsigned.next().map(|part| text(&part["functionCall"]["name"]))
}

/// What of a part its signature is bound to. A text may come back in other cuts than it was sent in: its
/// signature is bound to nothing.
fn signed(part: &Value) -> String {
    match part.get("functionCall") {
        Some(call) => format!("{}({})", text(&call["name"]), in_field_order(&call["args"], &[])),
        None => "text".to_owned(),
    }
}

/// An error's body.
pub(super) fn error(fault: &Fault) -> Value {
    const NAMES: &[(u16, &str)] = &[
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (413, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (499, "CANCELLED"),
        (500, "INTERNAL"),
        (504, "DEADLINE_EXCEEDED"),
    ];
    let name =
        NAMES.iter().find(|(status, _)| *status == fault.status).map_or("UNAVAILABLE", |(_, name)| name);
    json!({"error": {"code": fault.status, "message": fault.message, "status": name}})
}

/// An answer in one piece.
pub(super) fn whole(message: &Message) -> Value {
    answer(message, parts(message), Some("STOP"))
}

/// An answer as the data of its events.
pub(super) fn events(message: &Message, ending: &Ending) -> Vec<Value> {
    let mut pieces: Vec<Value> = Vec::new();
    for part in parts(message) {
        match part["text"].as_str() {
            Some(said) => pieces.extend(words(said).map(|words| {
                let mut piece = json!({"text": words});
                if part["thought"] == true {
                    piece["thought"] = json!(true);
                }
                piece
            })),
            None => pieces.push(part),
        }
    }
    if pieces.is_empty() {
        pieces.push(json!({"text": ""}));
    }
    let last = pieces.len() - 1;
    let failed = matches!(ending, Ending::ErrorEvent(_));
    let mut events: Vec<Value> = pieces
        .into_iter()
        .enumerate()
        .map(|(at, part)| answer(message, vec![part], (at == last && !failed).then_some("STOP")))
        .collect();
    if failed {
        events.push(error(&Fault::of(503, "", "the demo fails here")));
    }
    events
}

fn parts(message: &Message) -> Vec<Value> {
    let mut unsigned = true;
    let mut parts = Vec::new();
    for piece in &message.pieces {
        parts.push(match piece {
            Piece::Text(said) => json!({"text": said}),
            Piece::Thinking(thought) => json!({"text": thought, "thought": true}),
            Piece::Call { tool, input } => {
                let mut part = json!({"functionCall": {"name": tool, "args": input}});
                // Of calls made at once the first alone is signed.
                if std::mem::take(&mut unsigned) {
                    part["thoughtSignature"] = json!(sealed::seal(&signed(&part)));
                }
                part
            }
            Piece::Wish(_) => continue,
        });
    }
    parts
}

fn answer(message: &Message, parts: Vec<Value>, finish: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
    }
    let (usage, thinking) = (&message.usage, message.thinking);
    let mut told = json!({
        "promptTokenCount": usage.input().0,
        "candidatesTokenCount": usage.output.0 - thinking.0,
        "totalTokenCount": (usage.input() + usage.output).0,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.input().0}],
    });
    if thinking.0 != 0 {
        told["thoughtsTokenCount"] = json!(thinking.0);
    }
    if usage.cache_read.0 != 0 {
        told["cachedContentTokenCount"] = json!(usage.cache_read.0);
        told["cacheTokensDetails"] = json!([{"modality": "TEXT", "tokenCount": usage.cache_read.0}]);
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": told,
        "modelVersion": message.model,
        "responseId": format!("demo{:05}", message.number),
    })
}

//! A stretch of a history, written as a request's body.
//!
//! One message for each row, so that a place in the receipt is the row's number. Codex's calls may be programs, which
//! only Responses can say; what every other agent does can be said in Messages, and what is decided
//! for an output depends on its text, its call and the words before it, not on the wire.

use crate::transcript::{Call, Ending, Format};
use crate::wire::Wire;
use bytes::Bytes;

/// One row of a stretch.
#[derive(Clone, Debug)]
pub enum Row {
    /// Somebody on the user's side said it.
    Asked(String),
    /// The model said it.
    Said(String),
    /// The model called a tool.
    Called(Call),
    /// A tool answered.
    Printed {
        /// Pairs it with its call.
        id: String,
        /// What it printed.
        text: String,
        /// How the call ended.
        ending: Ending,
    },
}

/// The wire in which transcripts of a format are said.
pub fn wire_of(format: Format) -> Wire {
    match format {
        Format::Codex => Wire::OpenAiResponses,
        _ => Wire::Anthropic,
    }
}

/// The body of a request to `model` with these rows as its history.
pub fn written<'a>(wire: Wire, model: &str, rows: impl Iterator<Item = &'a Row>) -> Bytes {
    let mut body = Vec::new();
    body.extend_from_slice(b"{\"model\":");
    string(&mut body, model);
    body.extend_from_slice(match wire {
        Wire::OpenAiResponses => b",\"input\":[".as_slice(),
        _ => b",\"messages\":[",
    });
    for (number, row) in rows.enumerate() {
        if 0 < number {
            body.push(b',');
        }
        match wire {
            Wire::OpenAiResponses => item(&mut body, row),
            _ => message(&mut body, row),
        }
    }
    body.extend_from_slice(b"]}");
    Bytes::from(body)
}

fn message(body: &mut Vec<u8>, row: &Row) {
    match row {
        Row::Asked(text) => {
            body.extend_from_slice(b"{\"role\":\"user\",\"content\":");
            string(body, text);
        }
        Row::Said(text) => {
            body.extend_from_slice(b"{\"role\":\"assistant\",\"content\":");
            string(body, text);
        }
        Row::Called(call) => {
            body.extend_from_slice(b"{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":");
            string(body, &call.id);
            body.extend_from_slice(b",\"name\":");
            string(body, &call.tool);
            body.extend_from_slice(b",\"input\":");
            if is_object(&call.arguments) {
                body.extend_from_slice(call.arguments.as_bytes());
            } else {
                body.extend_from_slice(b"{\"input\":");
                string(body, &call.arguments);
                body.push(b'}');
            }
            body.extend_from_slice(b"}]");
        }
        Row::Printed { id, text, ending } => {
            body.extend_from_slice(
                b"{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":",
            );
            string(body, id);
            if matches!(ending, Ending::Failed(_) | Ending::Denied) {
                body.extend_from_slice(b",\"is_error\":true");
            }
            body.extend_from_slice(b",\"content\":");
            string(body, text);
            body.extend_from_slice(b"}]");
        }
    }
    body.push(b'}');
}

fn item(body: &mut Vec<u8>, row: &Row) {
    match row {
        Row::Asked(text) => said(body, "user", "input_text", text),
        Row::Said(text) => said(body, "assistant", "output_text", text),
        Row::Called(call) => {
            let is_program = !is_object(&call.arguments);
            body.extend_from_slice(if is_program {
                b"{\"type\":\"custom_tool_call\",\"call_id\":".as_slice()
            } else {
                b"{\"type\":\"function_call\",\"call_id\":"
            });
            string(body, &call.id);
            body.extend_from_slice(b",\"name\":");
            string(body, &call.tool);
            body.extend_from_slice(if is_program { b",\"input\":".as_slice() } else { b",\"arguments\":" });
            string(body, &call.arguments);
            body.push(b'}');
        }
        Row::Printed { id, text, .. } => {
            body.extend_from_slice(b"{\"type\":\"function_call_output\",\"call_id\":");
            string(body, id);
            body.extend_from_slice(b",\"output\":");
            string(body, text);
            body.push(b'}');
        }
    }
}

fn said(body: &mut Vec<u8>, role: &str, kind: &str, text: &str) {
    body.extend_from_slice(b"{\"type\":\"message\",\"role\":\"");
    body.extend_from_slice(role.as_bytes());
    body.extend_from_slice(b"\",\"content\":[{\"type\":\"");
    body.extend_from_slice(kind.as_bytes());
    body.extend_from_slice(b"\",\"text\":");
    string(body, text);
    body.extend_from_slice(b"}]}");
}

/// True for the text of a JSON object that may stand in a body as it is.
fn is_object(text: &str) -> bool {
    text.trim_start().starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

fn string(body: &mut Vec<u8>, text: &str) {
    // Writing into memory does not fail; if it did, the body would be unreadable, and nothing be shortened.
    let _ = serde_json::to_writer(&mut *body, text);
}

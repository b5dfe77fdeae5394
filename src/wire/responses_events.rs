//! What an OpenAI Responses server says, event by event: alike in an event stream and in the
//! messages of a WebSocket.
//!
//! *Invariant:* only listens. What is not understood is nothing.

use serde::Deserialize;
use std::borrow::Cow;

/// What one event tells about a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The response with this id has begun.
    Began(String),
    /// It has ended: completed, incomplete, failed or cancelled. The event carries its usage.
    Ended(String),
    /// There is no response, or it ends here; with the HTTP status that this would have been.
    Failed(u16),
    /// A part of a response, or something else.
    Other,
}

/// The status of an error that names none.
const NO_STATUS: u16 = 500;

/// Reads one event's JSON.
pub fn read(event: &[u8]) -> Said {
    let Ok(said) = serde_json::from_slice::<Event<'_>>(event) else { return Said::Other };
    let id = said.response.and_then(|response| response.id);
    match (said.kind.as_deref(), id) {
        (Some("response.created"), Some(id)) => Said::Began(id),
        (
            Some("response.completed" | "response.incomplete" | "response.failed" | "response.cancelled"),
            id,
        ) => Said::Ended(id.unwrap_or_default()),
        (Some("error"), _) => {
            let inside = said.error.and_then(|error| error.status);
            Said::Failed(said.status.or(said.status_code).or(inside).unwrap_or(NO_STATUS))
        }
        _ => Said::Other,
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    response: Option<Response>,
    status: Option<u16>,
    status_code: Option<u16>,
    error: Option<Failure>,
}

#[derive(Deserialize)]
struct Response {
    id: Option<String>,
}

#[derive(Deserialize)]
struct Failure {
    status: Option<u16>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_ends_and_errors_are_told_apart() {
        let cases = [
            (
                r#"{"type":"response.created","response":{"id":"r1","status":"in_progress"}}"#,
                Said::Began("r1".into()),
            ),
            (
                r#"{"response":{"usage":{"input_tokens":1},"id":"r1"},"type":"response.completed"}"#,
                Said::Ended("r1".into()),
            ),
            (r#"{"type":"response.incomplete","response":{"id":"r1"}}"#, Said::Ended("r1".into())),
            (
                r#"{"type":"response.failed","response":{"id":"r\u0031","error":{"code":"x"}}}"#,
                Said::Ended("r1".into()),
            ),
            (r#"{"type":"response.failed"}"#, Said::Ended(String::new())),
            (r#"{"type":"error","status":529,"error":{"type":"overloaded"}}"#, Said::Failed(529)),
            (r#"{"type":"error","error":{"status":400}}"#, Said::Failed(400)),
            (r#"{"type":"error","code":"server_error","message":"m"}"#, Said::Failed(500)),
            (
                r#"{"type":"response.output_text.delta","delta":"{\"type\":\"response.completed\"}"}"#,
                Said::Other,
            ),
            (r#"{"type":"response.in_progress","response":{"id":"r1"}}"#, Said::Other),
            (r#"{"type":7}"#, Said::Other),
            ("[]", Said::Other),
            ("", Said::Other),
            ("\u{feff}garbage", Said::Other),
        ];
        for (event, want) in cases {
            assert_eq!(read(event.as_bytes()), want, "{event}");
        }
    }
}

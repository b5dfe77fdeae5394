//! What the proxy says in its own words, where the upstream said nothing.
//!
//! In the shape in which the client's provider says its errors, so that the
//! client shows it to its user. *Invariant:* holds nothing of a request but the
//! name of an upstream that it asked for.

use super::relay::Answer;
use super::upstreams::NoWay;
use crate::wire::Wire;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

/// No answer came: who speaks, which host, and why.
pub(super) fn no_answer(wire: Option<Wire>, said: &str) -> Response<Answer> {
    let message = format!("headroom, the proxy on this machine, got {said}");
    answer(StatusCode::BAD_GATEWAY, body(wire, StatusCode::BAD_GATEWAY, &message))
}

/// The request leads nowhere. The connection is closed after it: its body was not read.
pub(super) fn leads_nowhere(wire: Option<Wire>, because: &NoWay) -> Response<Answer> {
    let message = format!("headroom, the proxy on this machine, did not send this anywhere: {because}");
    let mut answer = answer(StatusCode::NOT_FOUND, body(wire, StatusCode::NOT_FOUND, &message));
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

fn answer(status: StatusCode, body: Value) -> Response<Answer> {
    let mut answer = Response::new(Answer::short(&format!("{body}\n")));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// An error as the wire's provider writes it; Anthropic's form, which holds the others' `error.message`,
/// where no wire is known.
fn body(wire: Option<Wire>, status: StatusCode, message: &str) -> Value {
    let missing = status == StatusCode::NOT_FOUND;
    match wire {
        None | Some(Wire::Anthropic) => json!({
            "type": "error",
            "error": {"type": if missing { "not_found_error" } else { "api_error" }, "message": message},
        }),
        Some(Wire::OpenAiChat | Wire::OpenAiResponses) => json!({
            "error": {
                "message": message,
                "type": if missing { "invalid_request_error" } else { "server_error" },
                "param": null,
                "code": null,
            },
        }),
        Some(Wire::Gemini) => json!({
            "error": {
                "code": status.as_u16(),
                "message": message,
                "status": if missing { "NOT_FOUND" } else { "UNAVAILABLE" },
            },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_shape_of_the_clients_provider() {
        let shapes = [
            (None, json!({"type": "error", "error": {"type": "api_error", "message": "m"}})),
            (Some(Wire::Anthropic), json!({"type": "error", "error": {"type": "api_error", "message": "m"}})),
            (
                Some(Wire::OpenAiChat),
                json!({"error": {"message": "m", "type": "server_error", "param": null, "code": null}}),
            ),
            (
                Some(Wire::OpenAiResponses),
                json!({"error": {"message": "m", "type": "server_error", "param": null, "code": null}}),
            ),
            (Some(Wire::Gemini), json!({"error": {"code": 502, "message": "m", "status": "UNAVAILABLE"}})),
        ];
        for (wire, want) in shapes {
            assert_eq!(body(wire, StatusCode::BAD_GATEWAY, "m"), want, "{wire:?}");
        }
    }
}

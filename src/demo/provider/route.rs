//! Which path asks what: the wire, and the door that it came through.
//!
//! Any base path may stand ahead of what is known here.

use super::http::{Request, parameter, path_of};
use super::side;
use crate::demo::asked::Wire;
use serde_json::Value;

/// What a request is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Route {
    /// A model is asked.
    Ask(Ask),
    /// A WebSocket of the Responses wire.
    Upgrade,
    /// Something beside, with its answer.
    Side(Value),
    /// Whether anyone is there.
    Life,
    /// What became of everything so far.
    Seen,
    /// Nothing that is known here.
    Nothing,
}

/// A model is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    /// How it speaks.
    pub(super) wire: Wire,
    /// The envelope round it.
    pub(super) door: Door,
    /// What is wanted.
    pub(super) wants: Wants,
    /// The model, where the path names it.
    pub(super) model: Option<String>,
    /// Whether the answer is streamed.
    pub(super) flow: Flow,
}

/// What a model is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// An answer.
    Answer,
    /// How many tokens the prompt has.
    Count,
    /// The history made shorter.
    Compaction,
}

/// The envelope round a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// None.
    Plain,
    /// Code Assist's `v1internal`.
    CodeAssist,
    /// Vertex: the model in the path, a version in the body.
    Vertex,
    /// Bedrock: the same, with errors and streams of its own.
    Bedrock,
}

/// Whether an answer is streamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// As `stream` in the body says.
    AsAsked,
    /// Never.
    Whole,
    /// As server-sent events.
    Events,
    /// As one JSON array, element by element.
    Array,
    /// As AWS's event stream.
    Frames,
}

/// Tells what a request is.
pub(super) fn route(request: &Request) -> Route {
    let path = path_of(&request.target).trim_end_matches('/');
    match request.method.as_str() {
        "POST" => ask(path, &request.target).or_else(|| side::answer(request)).unwrap_or(Route::Nothing),
        "GET" if path.ends_with("/responses") && upgrades(request) => Route::Upgrade,
        "GET" if path == "/__seen" => Route::Seen,
        "GET" | "HEAD" if path.is_empty() => Route::Life,
        _ => side::answer(request).unwrap_or(Route::Nothing),
    }
}

fn upgrades(request: &Request) -> bool {
    request.header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
}

/// Paths that end in this ask a model.
const ENDS: &[(&str, Wire, Wants)] = &[
    ("/messages", Wire::Anthropic, Wants::Answer),
    ("/messages/count_tokens", Wire::Anthropic, Wants::Count),
    ("/chat/completions", Wire::Chat, Wants::Answer),
    ("/responses", Wire::Responses, Wants::Answer),
    ("/responses/compact", Wire::Responses, Wants::Compaction),
];

fn ask(path: &str, target: &str) -> Option<Route> {
    let plain = |(_, wire, wants): &(&str, Wire, Wants)| Ask {
        wire: *wire,
        door: Door::Plain,
        wants: *wants,
        model: None,
        flow: if *wants == Wants::Answer { Flow::AsAsked } else { Flow::Whole },
    };
    if let Some(found) = ENDS.iter().find(|(end, ..)| path.ends_with(end)) {
        return Some(Route::Ask(plain(found)));
    }
    bedrock(path).or_else(|| models(path, target)).map(Route::Ask)
}

/// `/model/ID/invoke`: Anthropic's models on Bedrock.
fn bedrock(path: &str) -> Option<Ask> {
    let (head, verb) = path.rsplit_once('/')?;
    let (_, model) = head.rsplit_once("/model/")?;
    let flow = match verb {
        "invoke" => Flow::Whole,
        "invoke-with-response-stream" => Flow::Frames,
        _ => return None,
    };
    let model = Some(model.replace("%3A", ":").replace("%3a", ":").replace("%2F", "/"));
    Some(Ask { wire: Wire::Anthropic, door: Door::Bedrock, wants: Wants::Answer, model, flow })
}

/// `models/ID:verb`: Gemini, also through Code Assist, and Anthropic's models on Vertex.
fn models(path: &str, target: &str) -> Option<Ask> {
    let (head, verb) = path.rsplit_once(':')?;
    let last = head.rsplit('/').next().unwrap_or_default();
    let streamed = if parameter(target, "alt") == Some("sse") { Flow::Events } else { Flow::Array };
    let vertex = |wants, flow| Ask {
        wire: Wire::Anthropic,
        door: Door::Vertex,
        wants,
        model: (wants == Wants::Answer).then(|| last.to_owned()),
        flow,
    };
    let (wants, flow) = match verb {
        "generateContent" => (Wants::Answer, Flow::Whole),
        "streamGenerateContent" => (Wants::Answer, streamed),
        "countTokens" => (Wants::Count, Flow::Whole),
        "rawPredict" if last == "count-tokens" => return Some(vertex(Wants::Count, Flow::Whole)),
        "rawPredict" => return Some(vertex(Wants::Answer, Flow::Whole)),
        "streamRawPredict" => return Some(vertex(Wants::Answer, Flow::Events)),
        _ => return None,
    };
    let door = if last == "v1internal" { Door::CodeAssist } else { Door::Plain };
    if door == Door::Plain && !head.contains("models/") {
        return None;
    }
    let model = (door == Door::Plain).then(|| last.to_owned());
    Some(Ask { wire: Wire::Gemini, door, wants, model, flow })
}

//! Which way a request takes.
//!
//! A table over method and path. What is not in it is relayed as it is: also
//! tomorrow's paths.
//!
//! | the path ends with | wire | |
//! |---|---|---|
//! | `/messages` | Anthropic | rewritten |
//! | `/messages/count_tokens` | Anthropic | counted |
//! | `/chat/completions` | OpenAI Chat | rewritten |
//! | `/responses` | OpenAI Responses | rewritten |
//! | `/responses/compact` | OpenAI Responses | replayed |
//! | `/responses/input_tokens` | OpenAI Responses | counted |
//! | `:generateContent`, `:streamGenerateContent` | Gemini | rewritten |
//! | `:countTokens` | Gemini | counted |
//! | `/messages/batches`, `/files`, `:batchGenerateContent` | each request's own | rewritten one by one |
//! | `/publishers/PUBLISHER/models/MODEL:rawPredict`, `:streamRawPredict` | the publisher's | rewritten |
//! | `/model/MODEL/invoke`, `/invoke-with-response-stream` | Anthropic | rewritten |
//!
//! A base path may stand before each (`/openai/deployments/NAME`, `/anthropic/v1`). *Invariant:* a
//! path that another reader could take for a different one (dot segments, encoded slashes) is in
//! no row.

use crate::wire::Wire;
use hyper::Method;
use hyper::header::{CONNECTION, HeaderMap, UPGRADE};

/// The way of a request with this method, path (and query) and these headers.
pub(super) fn of(method: &Method, target: &str, headers: &HeaderMap) -> Route {
    let path = path_of(target);
    if method == Method::GET && asks_for_another_protocol(headers) {
        let known = is_plain(path) && is_web_socket(headers);
        let socket = SOCKETS.iter().find(|(end, _)| known && path.ends_with(end));
        return socket.map_or(Route::Tunnel, |(_, wire)| Route::Socket(*wire));
    }
    if method != Method::POST || !is_plain(path) {
        return Route::Relay;
    }
    let ending = CONVERSATIONS.iter().find(|(end, _)| path.ends_with(end)).map(|(_, route)| *route);
    match ending.or_else(|| of_a_model(path)) {
        // OpenAI's threads have messages of their own, one at a time.
        Some(_) if path.contains("/threads/") => Route::Relay,
        known => known.unwrap_or(Route::Relay),
    }
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Its body is rewritten and a receipt written.
    Rewrite(Wire),
    /// Its body is rewritten as it would be if it were sent; nothing is written.
    Count(Wire),
    /// What was sent before is sent as it was then; nothing new is shortened. A receipt is written.
    Replay(Wire),
    /// It may be a batch: each request in it is rewritten, nothing is left out of any.
    Batch(Wire),
    /// It is relayed byte for byte, streaming both ways.
    Relay,
    /// It becomes a WebSocket, if the upstream agrees; what the client asks for on it is rewritten.
    Socket(Wire),
    /// It becomes a tunnel, if the upstream agrees (WebSocket).
    Tunnel,
}

impl Route {
    /// The wire that it speaks, where that is known.
    pub(super) fn wire(self) -> Option<Wire> {
        match self {
            Route::Rewrite(wire)
            | Route::Count(wire)
            | Route::Replay(wire)
            | Route::Batch(wire)
            | Route::Socket(wire) => Some(wire),
            Route::Relay | Route::Tunnel => None,
        }
    }
}

/// Paths, by their end, that carry a conversation.
const CONVERSATIONS: &[(&str, Route)] = &[
    ("/messages", Route::Rewrite(Wire::Anthropic)),
    ("/messages/count_tokens", Route::Count(Wire::Anthropic)),
    ("/chat/completions", Route::Rewrite(Wire::OpenAiChat)),
    ("/responses", Route::Rewrite(Wire::OpenAiResponses)),
    // The history is handed in once more, to be made into a summary: the provider has it in its cache.
    ("/responses/compact", Route::Replay(Wire::OpenAiResponses)),
    ("/responses/input_tokens", Route::Count(Wire::OpenAiResponses)),
    (":generateContent", Route::Rewrite(Wire::Gemini)),
    (":streamGenerateContent", Route::Rewrite(Wire::Gemini)),
    (":countTokens", Route::Count(Wire::Gemini)),
    ("/messages/batches", Route::Batch(Wire::Anthropic)),
    // Also other files are handed in here; those are no batches by their shape.
    ("/files", Route::Batch(Wire::OpenAiChat)),
    (":batchGenerateContent", Route::Batch(Wire::Gemini)),
];

/// Paths, by their end, where a conversation is held over a WebSocket.
const SOCKETS: &[(&str, Wire)] = &[("/responses", Wire::OpenAiResponses)];

/// Paths that name a model whose maker decides the body's shape (Vertex, Bedrock).
fn of_a_model(path: &str) -> Option<Route> {
    let mut segments = path.rsplit('/');
    let (last, before, third, fourth) =
        (segments.next()?, segments.next()?, segments.next()?, segments.next());
    if third == "model" && matches!(last, "invoke" | "invoke-with-response-stream") {
        // Also other makers' models are invoked here: their bodies are of other shapes and are not read.
        // A profile's name (an ARN) tells nothing: then the shape will.
        let theirs = before.contains("anthropic") || before.starts_with("arn");
        return theirs.then_some(Route::Rewrite(Wire::Anthropic));
    }
    let (model, verb) = last.rsplit_once(':')?;
    let predicts = matches!(verb, "rawPredict" | "streamRawPredict");
    if !predicts || before != "models" || fourth != Some("publishers") {
        return None;
    }
    Some(match (third, model) {
        ("anthropic", "count-tokens") => Route::Count(Wire::Anthropic),
        ("anthropic", _) => Route::Rewrite(Wire::Anthropic),
        _ => Route::Rewrite(Wire::OpenAiChat),
    })
}

/// The model that a path names, for the wires that name it there and not in the body.
pub(super) fn model_in(target: &str) -> Option<String> {
    let mut segments = path_of(target).rsplit('/').peekable();
    let last = segments.next()?;
    if let Some((model, _verb)) = last.rsplit_once(':') {
        let among = *segments.peek()?;
        return matches!(among, "models" | "tunedModels" | "endpoints").then(|| decoded(model));
    }
    let mut later = last;
    for segment in segments {
        if matches!(segment, "deployments" | "model") {
            return Some(decoded(later)).filter(|model| !model.is_empty());
        }
        later = segment;
    }
    None
}

/// Undoes `%3A` and the like, as they stand in the names of models; what is no UTF-8 then stays as it was.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let pair = after.get(..2).filter(|_| *first == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// A target without its query.
pub(super) fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or(target)
}

/// True for a path that every reader reads alike: no empty or dot segments, plain or encoded, no
/// encoded slashes, no back slashes. An encoded `:` is fine: models have it in their names, as
/// an encoded slash may be in the name of a model that is an ARN.
pub(super) fn is_plain(path: &str) -> bool {
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    let mut before = "";
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        let name = decoded(segment);
        let odd = name.contains(['\\', '\0', '#', '?']) || name.contains("..") || name == ".";
        let slashed = name.contains('/') && !(before == "model" && name.starts_with("arn:"));
        if odd || slashed || (name.is_empty() && !last) {
            return false;
        }
        before = segment;
    }
    true
}

fn asks_for_another_protocol(headers: &HeaderMap) -> bool {
    let upgrades = headers.get_all(CONNECTION).iter().any(|value| {
        value
            .as_bytes()
            .split(|byte| *byte == b',')
            .any(|it| it.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
    });
    // HTTP/2 in the clear would be another client to the upstream than the one that we guard.
    upgrades && headers.get(UPGRADE).is_some_and(|to| !to.as_bytes().to_ascii_lowercase().starts_with(b"h2c"))
}

fn is_web_socket(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|to| to.as_bytes().trim_ascii().eq_ignore_ascii_case(b"websocket"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: Route = Route::Rewrite(Wire::Anthropic);
    const CHAT: Route = Route::Rewrite(Wire::OpenAiChat);
    const RESPONSES: Route = Route::Rewrite(Wire::OpenAiResponses);
    const GEMINI: Route = Route::Rewrite(Wire::Gemini);

    #[track_caller]
    fn check(method: &str, target: &str, want: Route) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(of(&method, target, &HeaderMap::new()), want, "{method} {target}");
    }

    #[test]
    fn conversations_are_known_by_method_and_the_end_of_the_path() {
        let cases = [
            ("/v1/messages", MESSAGES),
            ("/v1/messages?beta=true", MESSAGES),
            ("/gateway/v1/messages?a=/b", MESSAGES),
            ("/anthropic/v1/messages", MESSAGES),
            ("/v1/messages/count_tokens?beta=true", Route::Count(Wire::Anthropic)),
            ("/v1/chat/completions", CHAT),
            ("/chat/completions", CHAT),
            ("/api/v1/chat/completions", CHAT),
            ("/v1beta/openai/chat/completions", CHAT),
            ("/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21", CHAT),
            ("/openai/v1/chat/completions", CHAT),
            ("/v1/projects/p/locations/l/endpoints/openapi/chat/completions", CHAT),
            ("/v1/responses", RESPONSES),
            ("/responses", RESPONSES),
            ("/backend-api/codex/responses", RESPONSES),
            ("/openai/responses?api-version=2025-04-01-preview", RESPONSES),
            ("/openai/v1/responses", RESPONSES),
            ("/v1/responses/compact", Route::Replay(Wire::OpenAiResponses)),
            ("/v1/responses/input_tokens", Route::Count(Wire::OpenAiResponses)),
            ("/v1beta/models/gemini-2.5-pro:generateContent", GEMINI),
            ("/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", GEMINI),
            ("/models/gemini-2.5-pro:generateContent?key=k", GEMINI),
            ("/v1beta/models/gemini-2.5-pro:countTokens", Route::Count(Wire::Gemini)),
            ("/v1/messages/batches", Route::Batch(Wire::Anthropic)),
            ("/v1/files", Route::Batch(Wire::OpenAiChat)),
            ("/openai/v1/files", Route::Batch(Wire::OpenAiChat)),
            ("/v1beta/models/g:batchGenerateContent", Route::Batch(Wire::Gemini)),
            ("/v1internal:generateContent", GEMINI),
            ("/v1internal:streamGenerateContent?alt=sse", GEMINI),
            ("/v1internal:countTokens", Route::Count(Wire::Gemini)),
            ("/v1beta1/projects/p/locations/l/publishers/google/models/g:streamGenerateContent", GEMINI),
            ("/v1/projects/p/locations/l/publishers/anthropic/models/claude@1:rawPredict", MESSAGES),
            ("/v1/projects/p/locations/l/publishers/anthropic/models/claude@1:streamRawPredict", MESSAGES),
            (
                "/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict",
                Route::Count(Wire::Anthropic),
            ),
            ("/v1/projects/p/locations/l/publishers/mistralai/models/m:rawPredict", CHAT),
            ("/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke", MESSAGES),
            ("/model/anthropic.claude-3-haiku-20240307-v1:0/invoke-with-response-stream", MESSAGES),
        ];
        for (target, want) in cases {
            check("POST", target, want);
            for method in ["GET", "PUT", "BREW", "OPTIONS"] {
                check(method, target, Route::Relay);
            }
        }
    }

    #[test]
    fn whatever_is_not_in_the_table_is_relayed() {
        for target in [
            "",
            "/",
            "/v1/messages/",
            "/v1/messages/batches/b_1/cancel",
            "/v1/batches",
            "/v1/xmessages",
            "/v1/threads/thread_1/messages",
            "/v1/Messages",
            "/v1/other?x=/v1/messages",
            "/v1/complete",
            "/v1/completions",
            "/v1/embeddings",
            "/v1/responses/resp_1",
            "/v1/responses/resp_1/cancel",
            "/v1beta/models/g:embedContent",
            "/v1beta/models/g:batchEmbedContents",
            "/v1internal:loadCodeAssist",
            "/v1internal:retrieveUserQuota",
            "/v1/projects/p/locations/l/endpoints/7:rawPredict",
            "/v1/models/claude:rawPredict",
            "/model/anthropic.claude/converse",
            "/model/anthropic.claude/converse-stream",
            "/model/amazon.nova-pro-v1:0/invoke",
            "/model/invoke",
            // What another reader might take for something else.
            "/v1/messages/../../admin",
            "/admin/../v1/messages",
            "/v1/%2e%2e/v1/messages",
            "/v1/./messages",
            "//v1/messages",
            "/v1//messages",
            "/v1%2fmessages",
            "/v1/x%2fmessages",
            "/v1/x%5cy/messages",
            "/v1/x%00/messages",
        ] {
            check("POST", target, Route::Relay);
        }
    }

    #[test]
    fn the_model_is_taken_from_paths_that_name_it() {
        for (target, want) in [
            ("/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", Some("gemini-2.5-pro")),
            ("/v1/projects/p/locations/l/publishers/anthropic/models/claude@2:rawPredict", Some("claude@2")),
            ("/model/eu.anthropic.claude-v1%3A0/invoke", Some("eu.anthropic.claude-v1:0")),
            ("/openai/deployments/my-gpt/chat/completions?api-version=1", Some("my-gpt")),
            ("/v1internal:generateContent", None),
            ("/v1/messages", None),
            ("/model/%zz%/invoke", Some("%zz%")),
            ("/model/%ff/invoke", Some("%ff")),
            ("/model//invoke", None),
            (":", None),
            ("", None),
        ] {
            assert_eq!(model_in(target).as_deref(), want, "{target}");
        }
    }

    #[test]
    fn only_an_upgrade_away_from_http_is_tunnelled() {
        let socket = Route::Socket(Wire::OpenAiResponses);
        let cases = [
            ("Upgrade", "websocket", "/v1/responses", socket),
            ("keep-alive, upgrade", "WebSocket", "/backend/codex/responses?x=/y", socket),
            ("Upgrade", "websocket", "/v1/realtime", Route::Tunnel),
            ("Upgrade", "websocket", "/v1/x?y=/responses", Route::Tunnel),
            ("Upgrade", "websocket", "/v1/../responses", Route::Tunnel),
            ("Upgrade", "another", "/v1/responses", Route::Tunnel),
            ("Upgrade, HTTP2-Settings", "h2c", "/v1/responses", Route::Relay),
            ("keep-alive", "websocket", "/v1/responses", Route::Relay),
        ];
        for (connection, upgrade, path, want) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(CONNECTION, connection.parse().unwrap());
            headers.insert(UPGRADE, upgrade.parse().unwrap());
            assert_eq!(of(&Method::GET, path, &headers), want, "{connection} {upgrade} {path}");
            assert_eq!(of(&Method::POST, "/x", &headers), Route::Relay);
        }
    }
}

//! Which way a request takes.
//!
//! A table over method and path. What is not in it is relayed as it is: also
//! tomorrow's paths.

use crate::wire::Wire;
use hyper::Method;
use hyper::header::{CONNECTION, HeaderMap, UPGRADE};

/// Paths, by their end (a base path may stand before), that carry a conversation.
const CONVERSATIONS: &[(&str, Route)] = &[
    ("/v1/messages", Route::Rewrite(Wire::Anthropic)),
    ("/v1/messages/count_tokens", Route::Count(Wire::Anthropic)),
    ("/v1/chat/completions", Route::Rewrite(Wire::OpenAiChat)),
];

/// Paths, by their end, where a conversation is held over a WebSocket.
const SOCKETS: &[(&str, Wire)] = &[("/responses", Wire::OpenAiResponses)];

/// The way of a request with this method, path (and query) and these headers.
pub(super) fn of(method: &Method, target: &str, headers: &HeaderMap) -> Route {
    let path = target.split('?').next().unwrap_or(target);
    if method == Method::GET && asks_for_another_protocol(headers) {
        let socket = SOCKETS.iter().find(|(end, _)| path.ends_with(end) && is_web_socket(headers));
        return socket.map_or(Route::Tunnel, |(_, wire)| Route::Socket(*wire));
    }
    if method != Method::POST {
        return Route::Relay;
    }
    CONVERSATIONS.iter().find(|(end, _)| path.ends_with(end)).map_or(Route::Relay, |(_, route)| *route)
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Its body is rewritten and a receipt written.
    Rewrite(Wire),
    /// Its body is rewritten as it would be if it were sent; nothing is written.
    Count(Wire),
    /// It is relayed byte for byte, streaming both ways.
    Relay,
    /// It becomes a WebSocket, if the upstream agrees; what the client asks for on it is rewritten.
    Socket(Wire),
    /// It becomes a tunnel, if the upstream agrees (WebSocket).
    Tunnel,
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

    #[test]
    fn conversations_are_known_by_method_and_the_end_of_the_path() {
        let messages = Route::Rewrite(Wire::Anthropic);
        let cases = [
            ("POST", "/v1/messages", messages),
            ("POST", "/v1/messages?beta=true", messages),
            ("POST", "/gateway/v1/messages?a=/b", messages),
            ("POST", "/v1/messages/count_tokens?beta=true", Route::Count(Wire::Anthropic)),
            ("POST", "/v1/chat/completions", Route::Rewrite(Wire::OpenAiChat)),
            ("GET", "/v1/messages", Route::Relay),
            ("PUT", "/v1/messages", Route::Relay),
            ("BREW", "/v1/messages", Route::Relay),
            ("POST", "/v1/messages/", Route::Relay),
            ("POST", "/v1/messages/batches", Route::Relay),
            ("POST", "/v1/messages/../../admin", Route::Relay),
            ("POST", "/v1%2fmessages", Route::Relay),
            ("POST", "/v1/other?x=/v1/messages", Route::Relay),
            ("POST", "", Route::Relay),
        ];
        for (method, target, want) in cases {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(of(&method, target, &HeaderMap::new()), want, "{method} {target}");
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

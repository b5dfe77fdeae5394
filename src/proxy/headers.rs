//! Which headers pass.
//!
//! All of them, in their order and with their values, but for what belongs to
//! one hop only and what is ours.

use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue};

/// Belongs to one hop (RFC 9110 §7.6.1), in requests and in answers.
const ONE_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Ours: whatever begins so stays between the client and us.
const OURS: &str = "x-headroom-";

/// The headers of a client's request that go to the upstream.
///
/// `Expect` was answered here already; trailers of a request are not sent on. `Host` keeps its
/// line and names `host`; without one it is left to the connection, which may have its own word
/// for it (HTTP/2).
pub(super) fn outward(headers: HeaderMap, host: Option<&HeaderValue>) -> HeaderMap {
    let mut headers =
        passing(headers, |name| matches!(name, "expect" | "trailer") || (name == "host" && host.is_none()));
    if let (Some(line), Some(host)) = (headers.get_mut(HOST), host) {
        *line = host.clone();
    }
    headers
}

/// The headers without one of them, the others in their order.
pub(super) fn without(headers: HeaderMap, absent: &HeaderName) -> HeaderMap {
    if !headers.contains_key(absent) {
        return headers;
    }
    let mut kept = HeaderMap::with_capacity(headers.len());
    let mut last = None;
    for (name, value) in headers {
        // A name comes once, with the first of its values.
        last = name.or(last);
        if let Some(name) = last.as_ref().filter(|name| *name != absent) {
            kept.append(name.clone(), value);
        }
    }
    kept
}

/// The headers of an answer that go to the client.
///
/// What would let a web page read the answer is no agent's business (law 19).
pub(super) fn homeward(headers: HeaderMap) -> HeaderMap {
    passing(headers, |name| name.starts_with("access-control-"))
}

/// Copies in order: taking single headers out of a map would shuffle the others.
fn passing(headers: HeaderMap, also_not: impl Fn(&str) -> bool) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect();
    let framed = headers.contains_key("transfer-encoding");
    let stays = |name: &HeaderName| {
        let text = name.as_str();
        ONE_HOP.contains(&text)
            || text.starts_with(OURS)
            || also_not(text)
            || (framed && text == "content-length")
            || (named.contains(name) && !END_TO_END.contains(&text))
    };
    let mut kept = HeaderMap::with_capacity(headers.len());
    let mut last = None;
    for (name, value) in headers {
        // A name comes once, with the first of its values.
        last = name.or(last);
        if let Some(name) = &last
            && !stays(name)
        {
            kept.append(name.clone(), value);
        }
    }
    kept
}

/// What `Connection` may not take away, whoever lists it: without these the message would
/// mean something else to the other side.
const END_TO_END: &[&str] =
    &["authorization", "content-length", "content-type", "content-encoding", "host", "x-api-key"];

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    fn lines(map: &HeaderMap) -> Vec<(&str, &str)> {
        map.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect()
    }

    #[test]
    fn what_belongs_to_one_hop_stays_here_and_the_rest_keeps_its_order() {
        let came = map(&[
            ("host", "127.0.0.1"),
            ("x-api-key", "k"),
            ("connection", "keep-alive, x-private, X-Api-Key"),
            ("keep-alive", "timeout=5"),
            ("proxy-authorization", "Basic eA=="),
            ("proxy-connection", "keep-alive"),
            ("te", "trailers"),
            ("x-private", "1"),
            ("anthropic-beta", "a"),
            ("anthropic-beta", "b"),
            ("x-headroom-anything", "1"),
            ("expect", "100-continue"),
            ("accept-encoding", "gzip, br"),
            ("content-length", "2"),
        ]);
        assert_eq!(
            lines(&outward(came, Some(&HeaderValue::from_static("api.example")))),
            [
                ("host", "api.example"),
                ("x-api-key", "k"),
                ("anthropic-beta", "a"),
                ("anthropic-beta", "b"),
                ("accept-encoding", "gzip, br"),
                ("content-length", "2"),
            ]
        );
    }

    #[test]
    fn an_answer_loses_only_its_framing_and_what_a_web_page_could_use() {
        let came = map(&[
            ("content-type", "text/event-stream"),
            ("access-control-allow-origin", "*"),
            ("access-control-allow-credentials", "true"),
            ("transfer-encoding", "chunked"),
            ("content-length", "7"),
            ("retry-after", "1"),
            ("trailer", "x-sum"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ]);
        assert_eq!(
            lines(&homeward(came)),
            [
                ("content-type", "text/event-stream"),
                ("retry-after", "1"),
                ("trailer", "x-sum"),
                ("set-cookie", "a=1"),
                ("set-cookie", "b=2"),
            ]
        );
    }
}

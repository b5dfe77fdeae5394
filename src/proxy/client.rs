//! What the head of a request tells about who sent it: its session, and who pays.

use super::route;
use crate::receipt::Billing;
use hyper::header::{AUTHORIZATION, HeaderMap};

/// Where clients name their session, the surest first: Claude Code, codex (today's way and the older
/// one), and what several others send.
const SESSIONS: &[&str] = &[
    "x-claude-code-session-id",
    "session-id",
    "session_id",
    "conversation_id",
    "x-session-id",
    "x-session-affinity",
    "x-affinity",
];

/// No agent's name for a session is longer, in bytes.
const LONGEST_SESSION: usize = 200;

/// The client's own name for its session, when it sends one that can be kept.
pub(super) fn session(headers: &HeaderMap) -> Option<String> {
    let named = SESSIONS.iter().filter_map(|name| headers.get(*name)?.to_str().ok()).map(str::trim);
    named
        .filter(|id| !id.is_empty() && id.len() <= LONGEST_SESSION)
        .find(|id| id.bytes().all(|byte| byte.is_ascii_graphic()))
        .map(str::to_owned)
}

/// Who pays, told by the kind of credential and by where it is sent.
///
/// A login with a subscription shows itself: Claude's by a token that begins with `sk-ant-oat` or by
/// the `oauth` beta, ChatGPT's by the account that it names, Google's by the path that only Code
/// Assist has. A key, a signature, and a login at a cloud are billed by the token.
pub(super) fn billing(headers: &HeaderMap, target: &str) -> Billing {
    if ["x-api-key", "api-key", "x-goog-api-key"].iter().any(|name| headers.contains_key(*name)) {
        return Billing::ApiKey;
    }
    if headers.contains_key("chatgpt-account-id") {
        return Billing::Subscription;
    }
    let query = target.split_once('?').map_or("", |(_, query)| query);
    if query.split('&').any(|pair| pair.starts_with("key=")) {
        return Billing::ApiKey;
    }
    let Some(credential) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
        return Billing::Unknown;
    };
    if credential.starts_with("AWS4-") {
        return Billing::ApiKey;
    }
    let Some(token) = credential.strip_prefix("Bearer ") else { return Billing::Unknown };
    let betas = headers.get_all("anthropic-beta");
    let logged_in = betas.iter().any(|betas| betas.to_str().is_ok_and(|betas| betas.contains("oauth-")));
    let segments = || route::path_of(target).split('/');
    if logged_in || token.starts_with("sk-ant-oat") {
        Billing::Subscription
    } else if token.starts_with("sk-") || segments().any(|it| matches!(it, "projects" | "model" | "openai")) {
        Billing::ApiKey
    } else if segments().any(|it| it.starts_with("v1internal")) {
        Billing::Subscription
    } else {
        Billing::Unknown
    }
}

/// True when the client sends a digest of the very bytes of its body: a changed one would be refused.
pub(super) fn sends_a_digest(headers: &HeaderMap) -> bool {
    let digests = ["content-md5", "content-digest", "digest", "repr-digest"];
    digests.iter().any(|name| headers.contains_key(*name))
}

/// True when the client has signed the very request.
pub(super) fn signs(headers: &HeaderMap) -> bool {
    headers.get(AUTHORIZATION).is_some_and(|it| it.as_bytes().starts_with(b"AWS4-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    type Lines = &'static [(&'static str, &'static str)];

    #[test]
    fn a_session_is_what_the_client_calls_it() {
        let cases: [(Lines, Option<&str>); 10] = [
            (&[("X-Claude-Code-Session-Id", "c-1")], Some("c-1")),
            (&[("session-id", "s-1"), ("thread-id", "t-1"), ("x-client-request-id", "r")], Some("s-1")),
            (&[("session_id", "s-2"), ("conversation_id", "v-2")], Some("s-2")),
            (&[("conversation_id", "v-3")], Some("v-3")),
            (&[("x-session-affinity", "ses_4"), ("x-session-id", "ses_4")], Some("ses_4")),
            (&[("x-affinity", "a-5")], Some("a-5")),
            (&[("session-id", ""), ("x-session-id", "ses_6")], Some("ses_6")),
            (&[("session-id", "two words")], None),
            (&[("x-request-id", "r")], None),
            (&[], None),
        ];
        for (lines, want) in cases {
            assert_eq!(session(&headers(lines)).as_deref(), want, "{lines:?}");
        }
        let long = "x".repeat(300);
        assert_eq!(session(&headers(&[("session-id", &long)])), None);
    }

    #[test]
    fn who_pays_is_told_by_the_credential_and_where_it_goes() {
        let cases: [(&str, Lines, Billing); 17] = [
            ("/v1/messages", &[("x-api-key", "k")], Billing::ApiKey),
            ("/v1/messages", &[("authorization", "Bearer sk-ant-oat01-x")], Billing::Subscription),
            (
                "/v1/messages",
                &[("authorization", "Bearer x"), ("anthropic-beta", "a,oauth-2025-04-20")],
                Billing::Subscription,
            ),
            ("/v1/messages", &[("authorization", "Bearer gateway")], Billing::Unknown),
            ("/v1/responses", &[("authorization", "Bearer sk-proj-x")], Billing::ApiKey),
            (
                "/v1/responses",
                &[("authorization", "Bearer eyJ0.x.y"), ("chatgpt-account-id", "a")],
                Billing::Subscription,
            ),
            ("/v1/responses", &[("authorization", "Bearer eyJ0.x.y")], Billing::Unknown),
            ("/v1beta/models/g:generateContent", &[("x-goog-api-key", "k")], Billing::ApiKey),
            ("/v1beta/models/g:generateContent?alt=sse&key=k", &[], Billing::ApiKey),
            ("/v1internal:generateContent", &[("authorization", "Bearer ya29.x")], Billing::Subscription),
            (
                "/v1/projects/p/locations/l/publishers/google/models/g:generateContent",
                &[("authorization", "Bearer ya29.x")],
                Billing::ApiKey,
            ),
            ("/openai/deployments/d/chat/completions", &[("api-key", "k")], Billing::ApiKey),
            ("/openai/v1/responses", &[("authorization", "Bearer eyJ0.x.y")], Billing::ApiKey),
            ("/model/m/invoke", &[("authorization", "AWS4-HMAC-SHA256 Credential=x")], Billing::ApiKey),
            ("/model/m/invoke", &[("authorization", "Bearer bedrock-api-key-x")], Billing::ApiKey),
            ("/v1/chat/completions", &[("authorization", "Basic eA==")], Billing::Unknown),
            ("/v1/chat/completions", &[], Billing::Unknown),
        ];
        for (target, lines, want) in cases {
            assert_eq!(billing(&headers(lines), target), want, "{target} {lines:?}");
        }
    }
}

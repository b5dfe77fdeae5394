//! Who may come in: nobody but the process that was given our base URL.
//!
//! Decides on the request's head alone, before a byte of the body is read.
//! *Invariant:* every refusal looks the same from outside; nothing here ever
//! answers with a CORS header.

use super::relay::Answer;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, ORIGIN};
use hyper::{Request, Response, StatusCode};

/// Lets `request` in, or says why not. Gives back its path and query as the client meant
/// them for the upstream: without the secret, otherwise as they came.
pub(super) fn admit<'r, B>(request: &'r Request<B>, secret: Option<&str>) -> Result<&'r str, Refused> {
    comes_from_no_web_page(request.headers())?;
    let uri = request.uri();
    // A client that takes us for a forward proxy names a host of its own: it leads nowhere.
    if uri.scheme().is_some() || uri.authority().is_some() {
        return Err(Refused::NotFound);
    }
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    let Some(first) = target.strip_prefix('/') else { return Err(Refused::NotFound) };
    let Some(secret) = secret else { return Ok(target) };
    let end = first.find(['/', '?']).unwrap_or(first.len());
    if !same(&first[..end], secret) {
        return Err(Refused::NotFound);
    }
    Ok(&first[end..])
}

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// No secret, or a wrong one; or a path that leads nowhere.
    NotFound,
    /// A web page may be behind it.
    Forbidden,
}

impl Refused {
    /// The short answer; the connection is closed after it.
    pub(super) fn answer(self) -> Response<Answer> {
        let mut answer = Response::new(Answer::short("refused by headroom\n"));
        *answer.status_mut() = match self {
            Refused::NotFound => StatusCode::NOT_FOUND,
            Refused::Forbidden => StatusCode::FORBIDDEN,
        };
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        answer
    }
}

/// No agent sends `Origin` or `Sec-Fetch-Site`; browsers do. A name in `Host` that is not a
/// loopback literal is what DNS rebinding looks like.
fn comes_from_no_web_page(headers: &HeaderMap) -> Result<(), Refused> {
    let site = headers.get_all("sec-fetch-site");
    let foreign = site.iter().any(|site| !matches!(site.as_bytes(), b"none" | b"same-origin"));
    let mut hosts = headers.get_all(HOST).iter();
    let named = hosts.next().is_some_and(is_loopback) && hosts.next().is_none();
    if headers.contains_key(ORIGIN) || foreign || !named { Err(Refused::Forbidden) } else { Ok(()) }
}

fn is_loopback(host: &HeaderValue) -> bool {
    let Ok(host) = host.to_str() else { return false };
    let (name, port) = match host.rfind(':') {
        Some(colon) if !host.ends_with(']') => (&host[..colon], &host[colon + 1..]),
        _ => (host, "0"),
    };
    let numbered = !port.is_empty() && port.len() <= 5 && port.bytes().all(|digit| digit.is_ascii_digit());
    numbered && (name == "127.0.0.1" || name == "[::1]" || name.eq_ignore_ascii_case("localhost"))
}

/// Compares without telling by its duration where the two differ: digests are compared, and
/// those in constant time.
fn same(given: &str, secret: &str) -> bool {
    blake3::hash(given.as_bytes()) == blake3::hash(secret.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(target: &str, headers: &[(&str, &str)], want: Result<&str, Refused>) {
        let mut request = Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        assert_eq!(admit(&request, Some("s3cret")), want, "{target} {headers:?}");
    }

    const US: (&str, &str) = ("host", "127.0.0.1:4711");

    #[test]
    fn only_the_secret_opens_and_the_rest_of_the_path_stays_as_it_came() {
        check("/s3cret/v1/messages?beta=true", &[US], Ok("/v1/messages?beta=true"));
        check("/s3cret//v1/../%2f//x?a=%00&b", &[US], Ok("//v1/../%2f//x?a=%00&b"));
        check("/s3cret", &[US], Ok(""));
        check("/s3cret?x", &[US], Ok("?x"));
        for wrong in
            ["/", "/v1/messages", "/s3cre/v1", "/s3crets/v1", "/S3CRET/v1", "//s3cret/v1", "/%733cret/"]
        {
            check(wrong, &[US], Err(Refused::NotFound));
        }
        check("http://127.0.0.1:4711/s3cret/v1", &[US], Err(Refused::NotFound));
        check("http://evil.example/s3cret/v1", &[US], Err(Refused::NotFound));
    }

    #[test]
    fn only_a_loopback_literal_is_a_host() {
        for good in ["127.0.0.1", "127.0.0.1:80", "localhost:9", "LOCALHOST", "[::1]", "[::1]:65535"] {
            check("/s3cret/x", &[("host", good)], Ok("/x"));
        }
        let bad = [
            "",
            "evil.example",
            "evil.example:80",
            "127.0.0.1.nip.io",
            "localhost.evil.example",
            "localhost.",
            "127.0.0.2",
            "0.0.0.0",
            "127.1",
            "2130706433",
            "[::]",
            "[::ffff:127.0.0.1]",
            "::1",
            "127.0.0.1:",
            "127.0.0.1:x",
            "127.0.0.1:80@evil.example",
            "user@127.0.0.1",
            "127.0.0.1, evil.example",
            " 127.0.0.1",
        ];
        for bad in bad {
            check("/s3cret/x", &[("host", bad)], Err(Refused::Forbidden));
        }
        check("/s3cret/x", &[], Err(Refused::Forbidden));
        check("/s3cret/x", &[US, US], Err(Refused::Forbidden));
    }

    #[test]
    fn whatever_a_browser_sends_is_refused() {
        for origin in ["http://evil.example", "null", "", "http://localhost:3000", "http://127.0.0.1:4711"] {
            check("/s3cret/x", &[US, ("origin", origin)], Err(Refused::Forbidden));
        }
        for site in ["cross-site", "same-site", "anything"] {
            check("/s3cret/x", &[US, ("sec-fetch-site", site)], Err(Refused::Forbidden));
        }
        check("/s3cret/x", &[US, ("sec-fetch-mode", "cors")], Ok("/x"));
    }
}

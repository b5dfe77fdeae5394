//! The provider, or what the user put in its place.
//!
//! One attempt: a request is sent again only when it is certain that not a
//! byte of it was written (a pooled connection that was found dead). Redirects
//! are answers like any other. No limit on how long an answer may take.

use super::ProxyError;
use super::body::Outgoing;
use super::connect::{self, Connector, Outbound, Way};
use super::headers;
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::{Request, Response, Uri, Version};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// More headers than any provider sends.
const MOST_HEADERS: usize = 1024;

/// What one stream, and all streams of one connection, may have under way unread (HTTP/2).
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Where requests go.
pub(super) struct Upstream {
    scheme: Scheme,
    authority: Authority,
    /// Stands before every path; without a slash at its end.
    base: String,
    host: HeaderValue,
    outbound: Outbound,
    extra_roots: Vec<PathBuf>,
    clients: Mutex<Option<Arc<Clients>>>,
}

/// HTTP/2 shares one connection among all requests: while any is open, a dead one is found out
/// by a ping that nobody answers.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_PATIENCE: Duration = Duration::from_secs(30);

/// Connections that are kept for later.
const MOST_IDLE: usize = 32;

struct Clients {
    /// When they were last asked for.
    asked: Moment,
    /// Speaks what the upstream likes best.
    any: Client<Connector, Outgoing>,
    /// Speaks HTTP/1.1, which alone can become another protocol.
    first: Client<Connector, Outgoing>,
    /// For a proxy that is told each URL.
    credentials: Option<HeaderValue>,
}

/// One moment, on the clock that stands still while the machine sleeps, and on the one that goes on.
struct Moment {
    /// Milliseconds since the first moment that this process looked at.
    awake: AtomicU64,
    /// Milliseconds since 1970.
    wall: AtomicU64,
}

/// The two clocks differ by less without a sleep. Connections are kept open at least as long on the other side.
const NAP: u64 = 20_000;

impl Moment {
    #[allow(clippy::disallowed_methods, reason = "the proxy is where the time comes in")]
    fn now() -> Moment {
        static FIRST: OnceLock<Instant> = OnceLock::new();
        let awake = FIRST.get_or_init(Instant::now).elapsed().as_millis();
        Moment::at(
            u64::try_from(awake).unwrap_or(u64::MAX),
            u64::try_from(super::now().0).unwrap_or_default(),
        )
    }

    fn at(awake: u64, wall: u64) -> Moment {
        Moment { awake: awake.into(), wall: wall.into() }
    }

    /// True when the machine has slept between this moment and a later one. A clock that was set forward
    /// looks the same, and costs a new connection.
    fn slept_until(&self, later: &Moment) -> bool {
        let passed = |from: &AtomicU64, to: &AtomicU64| to.load(Relaxed).saturating_sub(from.load(Relaxed));
        passed(&self.awake, &later.awake) + NAP < passed(&self.wall, &later.wall)
    }

    fn moves_to(&self, later: &Moment) {
        self.awake.store(later.awake.load(Relaxed), Relaxed);
        self.wall.store(later.wall.load(Relaxed), Relaxed);
    }
}

impl Upstream {
    /// The upstream at `url`: scheme, host and an optional base path.
    ///
    /// # Errors
    /// [`ProxyError::Upstream`].
    pub(super) fn at(
        url: &str,
        outbound: Outbound,
        extra_roots: Vec<PathBuf>,
    ) -> Result<Upstream, ProxyError> {
        let wrong = || ProxyError::Upstream { url: url.to_owned() };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let parts = uri.into_parts();
        let scheme =
            parts.scheme.filter(|it| *it == Scheme::HTTP || *it == Scheme::HTTPS).ok_or_else(wrong)?;
        // A user name in a URL is for somebody else's client; we relay credentials and have none.
        let authority = parts.authority.filter(|it| !it.as_str().contains('@')).ok_or_else(wrong)?;
        let path = parts.path_and_query.filter(|it| it.query().is_none()).ok_or_else(wrong)?;
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| wrong())?;
        let base = path.path().trim_end_matches('/').to_owned();
        let clients = Mutex::default();
        Ok(Upstream { scheme, authority, base, host, outbound, extra_roots, clients })
    }

    /// Where it is: host, and port where one is named.
    pub(super) fn host(&self) -> &str {
        self.authority.as_str()
    }

    /// The whole URL of `target` there.
    pub(super) fn address(&self, target: &str) -> Option<String> {
        self.uri(target).ok().map(|uri| uri.to_string())
    }

    /// True when that is the port `port` of this machine.
    pub(super) fn is_here(&self, port: u16) -> bool {
        self.authority.port_u16() == Some(port) && connect::is_loopback(self.authority.host())
    }

    /// Reads the certificates, so that the first request does not wait for it.
    pub(super) fn warm(&self) {
        self.clients();
    }

    /// Sends a request with this head to `target` (path and query, as the client wrote them).
    ///
    /// # Errors
    /// [`Unreachable`] when no answer came.
    pub(super) async fn send(
        &self,
        head: Parts,
        target: &str,
        body: Outgoing,
    ) -> Result<Response<Incoming>, Unreachable> {
        let request = self.addressed(head, target, body)?;
        self.clients().any.request(request).await.map_err(|error| self.unreachable(&error))
    }

    /// The same over HTTP/1.1, asking to go on in another `protocol`.
    ///
    /// # Errors
    /// [`Unreachable`] when no answer came.
    pub(super) async fn upgrade(
        &self,
        head: Parts,
        target: &str,
        asked: Vec<(HeaderName, HeaderValue)>,
    ) -> Result<Response<Incoming>, Unreachable> {
        let mut request = self.addressed(head, target, Outgoing::Whole(None))?;
        for (name, value) in asked {
            request.headers_mut().append(name, value);
        }
        self.clients().first.request(request).await.map_err(|error| self.unreachable(&error))
    }

    fn addressed(
        &self,
        mut head: Parts,
        target: &str,
        body: Outgoing,
    ) -> Result<Request<Outgoing>, Unreachable> {
        head.uri = self.uri(target).map_err(|error| self.unreachable(&error))?;
        head.version = Version::HTTP_11;
        // TLS may choose HTTP/2: then the connection names the host.
        let host = (self.scheme == Scheme::HTTP).then_some(&self.host);
        head.headers = headers::outward(head.headers, host);
        if let Some(credentials) = &self.clients().credentials {
            head.headers.insert(hyper::header::PROXY_AUTHORIZATION, credentials.clone());
        }
        Ok(Request::from_parts(head, body))
    }

    fn uri(&self, target: &str) -> Result<Uri, hyper::http::Error> {
        let slash = if self.base.is_empty() && !target.starts_with('/') { "/" } else { "" };
        let path =
            PathAndQuery::from_maybe_shared(bytes::Bytes::from(format!("{}{slash}{target}", self.base)))?;
        let mut parts = hyper::http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path);
        Ok(Uri::from_parts(parts)?)
    }

    /// The clients with their connections; new ones when the machine has slept in between, because what the
    /// other side thinks of the old connections by now is told only to whoever uses them, and late.
    fn clients(&self) -> Arc<Clients> {
        let now = Moment::now();
        let mut kept = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(clients) = kept.as_ref().filter(|clients| !clients.asked.slept_until(&now)) {
            clients.asked.moves_to(&now);
            return clients.clone();
        }
        let clients = Arc::new(self.new_clients(now));
        *kept = Some(clients.clone());
        clients
    }

    fn new_clients(&self, asked: Moment) -> Clients {
        let roots = match self.scheme == Scheme::HTTPS || !self.outbound.is_empty() {
            true => connect::roots(&self.extra_roots),
            false => rustls::RootCertStore::empty(),
        };
        let address = self.uri("/").expect("a scheme, an authority and a path make a URL");
        let (way, credentials) = Way::choose(&address, &self.outbound, &roots);
        let client = |protocols: &[&str]| {
            Client::builder(TokioExecutor::new())
                .timer(TokioTimer::new())
                .pool_timer(TokioTimer::new())
                .http1_preserve_header_case(true)
                .http1_max_headers(MOST_HEADERS)
                .http2_initial_stream_window_size(STREAM_WINDOW)
                .http2_initial_connection_window_size(CONNECTION_WINDOW)
                .http2_keep_alive_interval(PING_EVERY)
                .http2_keep_alive_timeout(PING_PATIENCE)
                .pool_max_idle_per_host(MOST_IDLE)
                .retry_canceled_requests(true)
                .build(Connector::new(way.clone(), connect::tls(&roots, protocols)))
        };
        Clients { asked, any: client(&["h2", "http/1.1"]), first: client(&["http/1.1"]), credentials }
    }

    fn unreachable(&self, error: &dyn Error) -> Unreachable {
        Unreachable { host: self.host().to_owned(), cause: innermost_last(error) }
    }
}

/// No answer came from the upstream.
#[derive(Debug, thiserror::Error)]
#[error("no answer from {host}: {cause}")]
pub(super) struct Unreachable {
    pub(super) host: String,
    pub(super) cause: String,
}

/// The chain of causes on one line; the client library's own first words say nothing.
fn innermost_last(error: &dyn Error) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let words = error.to_string();
        let said_already = said.last().is_some_and(|last| last.ends_with(&words));
        if !words.starts_with("client error") && !said_already {
            said.push(words);
        }
        next = error.source();
    }
    if said.is_empty() { error.to_string() } else { said.join(": ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> Result<Upstream, ProxyError> {
        Upstream::at(url, Outbound::default(), Vec::new())
    }

    #[test]
    fn the_base_path_stands_before_every_path_and_nothing_is_made_tidy() {
        let cases = [
            (
                "https://api.anthropic.com",
                "/v1/messages?beta=true",
                "https://api.anthropic.com/v1/messages?beta=true",
            ),
            ("https://api.anthropic.com/", "/v1", "https://api.anthropic.com/v1"),
            ("http://h:1/a/b/", "/v1", "http://h:1/a/b/v1"),
            ("http://h/a", "", "http://h/a"),
            ("http://h/a", "?x", "http://h/a?x"),
            ("http://h", "", "http://h/"),
            ("http://h", "?x=/../", "http://h/?x=/../"),
            ("http://h", "//evil.example/../%2f%00", "http://h//evil.example/../%2f%00"),
        ];
        for (url, target, want) in cases {
            assert_eq!(at(url).unwrap().uri(target).unwrap().to_string(), want);
        }
    }

    #[test]
    fn what_is_no_plain_url_of_a_host_is_refused_at_the_start() {
        for wrong in [
            "",
            "api.anthropic.com",
            "/v1",
            "ftp://h/",
            "https://",
            "https://u:p@h",
            "https://h/?x=1",
            "https://h h",
        ] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn connections_from_before_a_sleep_are_not_used_again() {
        for (awake, wall, want) in [
            (0, 0, false),
            (1_000, 1_000, false),
            // Hours of work, a clock that is set right by a few seconds, or back.
            (9_000_000, 9_005_000, false),
            (1_000, 0, false),
            // A lid that was closed.
            (1_000, 60_000, true),
            (9_000_000, 12_000_000, true),
        ] {
            let before = Moment::at(5_000, 1_700_000_000_000);
            let later = Moment::at(5_000 + awake, 1_700_000_000_000 + wall);
            assert_eq!(before.slept_until(&later), want, "{awake} {wall}");
        }
        let upstream = at("http://127.0.0.1:1").unwrap();
        let first = upstream.clients();
        assert!(Arc::ptr_eq(&first, &upstream.clients()), "they are kept");
        first.asked.wall.fetch_sub(2 * NAP, Relaxed);
        assert!(!Arc::ptr_eq(&first, &upstream.clients()), "and left behind after a sleep");
    }

    #[test]
    fn the_proxy_knows_itself_as_an_upstream() {
        assert!(at("http://localhost:4711/s").unwrap().is_here(4711));
        assert!(!at("http://localhost:4712").unwrap().is_here(4711));
        assert!(!at("https://api.anthropic.com").unwrap().is_here(443));
    }
}

//! The way to the upstream: straight, or through the proxy that the user's
//! environment names; TLS where the URL says so.
//!
//! The way is chosen once, from the user's own configuration. No request, header
//! or answer has a say in it.

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tower_service::Service;

/// From the first look-up of a name to the end of the TLS handshake.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// A silent peer's machine is asked whether it is still there, so that a dead connection (a
/// laptop that slept, another network) is found out within about a minute and a slow answer is kept.
const ASK_AFTER: Duration = Duration::from_secs(30);
const ASK_EVERY: Duration = Duration::from_secs(10);
const ASK_AT_MOST: u32 = 3;

/// What was sent and not taken by the peer's machine for so long will never be: a connection that died
/// without a word must not hold a request for a quarter of an hour. Says nothing about how long an
/// answer may take.
#[cfg(target_os = "linux")]
const UNHEARD_PATIENCE: Duration = Duration::from_secs(120);

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Tcp = TokioIo<TcpStream>;

/// The proxies that the user's environment names, each as it stands there; empty where none is.
#[derive(Clone, Debug, Default)]
pub struct Outbound {
    /// `HTTPS_PROXY`: for `https` upstreams.
    pub https_proxy: String,
    /// `HTTP_PROXY`: for `http` upstreams.
    pub http_proxy: String,
    /// `ALL_PROXY`: where the other two say nothing.
    pub all_proxy: String,
    /// `NO_PROXY`: hosts that are reached directly.
    pub no_proxy: String,
}

impl Outbound {
    /// True when no proxy is named.
    pub fn is_empty(&self) -> bool {
        self.https_proxy.is_empty() && self.http_proxy.is_empty() && self.all_proxy.is_empty()
    }
}

/// Opens connections to one upstream. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connector {
    secured: HttpsConnector<Way>,
}

impl Connector {
    pub(super) fn new(way: Way, tls: ClientConfig) -> Connector {
        Connector { secured: HttpsConnector::from((way, tls)) }
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<Line>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<MaybeHttpsStream<Line>, Failure>> + Send>>;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.secured.poll_ready(task)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = self.secured.call(to);
        Box::pin(async move {
            match tokio::time::timeout(CONNECT_PATIENCE, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(format!("no connection after {} s", CONNECT_PATIENCE.as_secs()).into()),
            }
        })
    }
}

/// How TCP gets to the upstream.
#[derive(Clone)]
pub(super) enum Way {
    /// Straight.
    Direct(HttpConnector),
    /// Through an HTTP proxy that opens a tunnel.
    Tunnel(Tunnel<HttpsConnector<HttpConnector>>),
    /// Through a SOCKS5 proxy.
    Socks(SocksV5<HttpConnector>),
    /// Through an HTTP proxy that is told the whole URL: what `http` upstreams ask for.
    Forward(HttpsConnector<HttpConnector>, Uri),
    /// Through a kind of proxy that is not known here.
    Unknown(String),
}

impl Way {
    /// The way to `upstream`, and the credentials that each request needs on it.
    ///
    /// A loopback upstream is reached directly whatever the environment says: no proxy on
    /// another machine can know it.
    pub(super) fn choose(
        upstream: &Uri,
        outbound: &Outbound,
        roots: &RootCertStore,
    ) -> (Way, Option<HeaderValue>) {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(ASK_AFTER));
        tcp.set_keepalive_interval(Some(ASK_EVERY));
        tcp.set_keepalive_retries(Some(ASK_AT_MOST));
        #[cfg(target_os = "linux")]
        tcp.set_tcp_user_timeout(Some(UNHEARD_PATIENCE));
        let matcher = Matcher::builder()
            .https(outbound.https_proxy.clone())
            .http(outbound.http_proxy.clone())
            .all(outbound.all_proxy.clone())
            .no(outbound.no_proxy.clone())
            .build();
        let near = upstream.host().is_some_and(is_loopback);
        let Some(proxy) = matcher.intercept(upstream).filter(|_| !near) else {
            return (Way::Direct(tcp), None);
        };
        let address = proxy.uri().clone();
        match address.scheme_str().unwrap_or("http") {
            "http" | "https" => {
                let to_proxy = HttpsConnector::from((tcp, tls(roots, &[])));
                if upstream.scheme_str() == Some("http") {
                    return (Way::Forward(to_proxy, address), proxy.basic_auth().cloned());
                }
                let mut tunnel = Tunnel::new(address, to_proxy);
                if let Some(credentials) = proxy.basic_auth() {
                    tunnel = tunnel.with_auth(credentials.clone());
                }
                (Way::Tunnel(tunnel), None)
            }
            scheme @ ("socks5" | "socks5h") => {
                let near_names = scheme == "socks5";
                let mut socks = SocksV5::new(address, tcp).local_dns(near_names);
                if let Some((user, password)) = proxy.raw_auth() {
                    socks = socks.with_auth(user.to_owned(), password.to_owned());
                }
                (Way::Socks(socks), None)
            }
            other => (Way::Unknown(other.to_owned()), None),
        }
    }
}

impl Service<Uri> for Way {
    type Response = Line;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Line, Failure>> + Send>>;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        match self {
            Way::Direct(tcp) => tcp.poll_ready(task).map_err(Into::into),
            Way::Tunnel(tunnel) => tunnel.poll_ready(task).map_err(Into::into),
            Way::Socks(socks) => socks.poll_ready(task).map_err(Into::into),
            Way::Forward(proxy, _) => proxy.poll_ready(task),
            Way::Unknown(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        match self {
            Way::Direct(tcp) => {
                let connecting = tcp.call(to);
                Box::pin(async move { Ok(Line::straight(MaybeHttpsStream::Http(connecting.await?))) })
            }
            Way::Tunnel(tunnel) => {
                let connecting = tunnel.call(to);
                Box::pin(async move { Ok(Line::straight(connecting.await?)) })
            }
            Way::Socks(socks) => {
                let connecting = socks.call(to);
                Box::pin(async move { Ok(Line::straight(MaybeHttpsStream::Http(connecting.await?))) })
            }
            Way::Forward(proxy, address) => {
                let connecting = proxy.call(address.clone());
                Box::pin(async move { Ok(Line { stream: connecting.await?, forwarded: true }) })
            }
            Way::Unknown(scheme) => {
                let said = format!("a `{scheme}` proxy is not supported; use http, https or socks5");
                Box::pin(async move { Err(said.into()) })
            }
        }
    }
}

/// An open connection in the direction of the upstream.
pub(super) struct Line {
    stream: MaybeHttpsStream<Tcp>,
    forwarded: bool,
}

impl Line {
    fn straight(stream: MaybeHttpsStream<Tcp>) -> Line {
        Line { stream, forwarded: false }
    }
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.forwarded)
    }
}

impl Read for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(task, into)
    }
}

impl Write for Line {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(task, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(task, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(task)
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(task)
    }
}

/// The certificates to trust: the system's (or `SSL_CERT_FILE`'s), Mozilla's where there are
/// none, and those in the `extra` files. A file that can't be read adds nothing.
pub(super) fn roots(extra: &[PathBuf]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    for file in extra {
        if let Ok(certificates) = CertificateDer::pem_file_iter(file) {
            roots.add_parsable_certificates(certificates.flatten());
        }
    }
    roots
}

/// TLS as a client that trusts `roots` and offers `protocols`, best first.
pub(super) fn tls(roots: &RootCertStore, protocols: &[&str]) -> ClientConfig {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .expect("ring knows TLS 1.2 and 1.3")
        .with_root_certificates(roots.clone())
        .with_no_client_auth();
    tls.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    tls
}

/// True for a host that is this machine by its very name.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides_the_way_but_never_for_loopback() {
        let outbound = Outbound {
            https_proxy: "http://user:pass@proxy.corp:3128".into(),
            http_proxy: "http://plain.corp".into(),
            all_proxy: String::new(),
            no_proxy: "inside.corp,10.0.0.0/8".into(),
        };
        let cases = [
            ("https://api.anthropic.com", "tunnel"),
            ("http://gateway.example", "forward"),
            ("https://llm.inside.corp", "direct"),
            ("https://10.1.2.3", "direct"),
            ("http://127.0.0.1:4000", "direct"),
            ("http://localhost:4000", "direct"),
            ("http://[::1]:4000", "direct"),
        ];
        for (upstream, want) in cases {
            let upstream = upstream.parse().unwrap();
            let got = match Way::choose(&upstream, &outbound, &RootCertStore::empty()).0 {
                Way::Direct(_) => "direct",
                Way::Tunnel(_) => "tunnel",
                Way::Forward(..) => "forward",
                Way::Socks(_) => "socks",
                Way::Unknown(_) => "unknown",
            };
            assert_eq!(got, want, "{upstream}");
        }
    }
}

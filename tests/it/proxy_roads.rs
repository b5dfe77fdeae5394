//! How the upstream is reached: TLS, certificates, HTTP/2, and the proxies of the user's environment.

use crate::proxy_fake::{Fake, Heard, SECRET, read_request, setup};
use crate::world::{Client, LOGIN, Talk, World, rows};
use bytes::Bytes;
use headroom::proxy;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::convert::Infallible;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

fn fixture(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", "tls", name].iter().collect()
}

/// An upstream that speaks HTTP/1.1 over TLS, with a certificate that nobody has signed.
struct Secured {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Secured {
    fn start() -> Secured {
        let certificates = vec![CertificateDer::from_pem_file(fixture("certificate.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(fixture("key.pem")).unwrap();
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = ServerConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .unwrap();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let tls = Arc::new(tls);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let secured = Secured { address: listener.local_addr().unwrap(), heard: Arc::default() };
        let heard = secured.heard.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (tls, heard) = (tls.clone(), heard.clone());
                std::thread::spawn(move || {
                    let mut talk =
                        BufReader::new(StreamOwned::new(ServerConnection::new(tls).unwrap(), stream));
                    while let Ok(Some(request)) = read_request(&mut talk) {
                        heard.lock().unwrap().push(request);
                        let _ =
                            talk.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret");
                    }
                });
            }
        });
        secured
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

/// A forward proxy: tunnels to `to` wherever it is asked to, and keeps the heads it was sent.
struct Forward {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Heard>>>,
}

impl Forward {
    fn to(to: SocketAddr) -> Forward {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let forward = Forward { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let asked = forward.asked.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let asked = asked.clone();
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    let Ok(Some(request)) = read_request(&mut reader) else { return };
                    let tunnel = request.line.starts_with("CONNECT ");
                    asked.lock().unwrap().push(request);
                    if !tunnel {
                        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nforward");
                        return;
                    }
                    let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n");
                    let mut out = TcpStream::connect(to).unwrap();
                    let mut back = (out.try_clone().unwrap(), stream.try_clone().unwrap());
                    std::thread::spawn(move || std::io::copy(&mut back.0, &mut back.1));
                    let _ = out.write_all(reader.buffer());
                    let _ = std::io::copy(&mut stream, &mut out);
                });
            }
        });
        forward
    }

    fn asked(&self) -> Vec<Heard> {
        self.asked.lock().unwrap().clone()
    }
}

#[test]
fn an_upstream_that_nobody_vouches_for_is_told_nothing() {
    let upstream = Secured::start();
    let proxy = proxy::start(setup(&format!("https://{}", upstream.address))).unwrap();
    let reply = Client::new(&proxy.base_url).message(b"{}");
    assert_eq!(reply.status, 502);
    let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains(&upstream.address.to_string()) && message.contains("certificate"), "{message}");
    assert!(upstream.heard().is_empty());
}

#[test]
fn what_speaks_no_tls_is_told_nothing() {
    let upstream = Fake::content();
    let proxy = proxy::start(setup(&format!("https://{}", upstream.address))).unwrap();
    let reply = Client::new(&proxy.base_url).message(b"{}");
    assert_eq!(reply.status, 502);
    assert!(upstream.heard().is_empty(), "not even in clear");
}

#[test]
fn a_certificate_that_the_user_trusts_is_enough() {
    let upstream = Secured::start();
    let mut setup = setup(&format!("https://localhost:{}/base", upstream.address.port()));
    setup.extra_roots = vec![PathBuf::from("/no/such/file"), fixture("certificate.pem")];
    let proxy = proxy::start(setup).unwrap();
    let client = Client::new(&proxy.base_url);
    for _ in 0..3 {
        let reply = client.message(b"{}");
        assert_eq!((reply.status, reply.text().as_str()), (200, "secret"), "{}", reply.text());
    }
    let heard = upstream.heard().remove(0);
    assert_eq!(heard.line, "POST /base/v1/messages HTTP/1.1");
    assert_eq!(heard.header("host"), Some(format!("localhost:{}", upstream.address.port()).as_str()));
    assert_eq!(heard.header("x-api-key"), Some("sk-test"));
}

#[test]
fn the_users_proxy_is_asked_for_a_tunnel_and_learns_nothing_else() {
    let upstream = Secured::start();
    let forward = Forward::to(upstream.address);
    let mut setup = setup("https://upstream.test:8443");
    setup.extra_roots = vec![fixture("certificate.pem")];
    setup.outbound.https_proxy = format!("http://user:pass@{}", forward.address);
    let proxy = proxy::start(setup).unwrap();
    let client = Client::new(&proxy.base_url);
    assert_eq!(client.message(b"{}").text(), "secret");
    assert_eq!(client.message(b"{}").text(), "secret");
    let asked = forward.asked();
    assert_eq!(asked.len(), 1, "one tunnel for both");
    assert_eq!(asked[0].line, "CONNECT upstream.test:8443 HTTP/1.1");
    assert_eq!(asked[0].header("proxy-authorization"), Some("Basic dXNlcjpwYXNz"));
    assert!(!format!("{asked:?}").contains(SECRET) && !format!("{asked:?}").contains("sk-test"));
    let heard = upstream.heard();
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0].header("proxy-authorization"), None);
}

#[test]
fn an_http_upstream_is_asked_of_the_users_proxy_by_its_whole_url() {
    let forward = Forward::to("127.0.0.1:1".parse().unwrap());
    let mut setup = setup("http://gateway.test/base");
    setup.outbound.http_proxy = format!("http://user:pass@{}", forward.address);
    let proxy = proxy::start(setup).unwrap();
    let reply = Client::new(&proxy.base_url).message(b"{}");
    assert_eq!(reply.text(), "forward");
    let asked = forward.asked().remove(0);
    assert_eq!(asked.line, "POST http://gateway.test/base/v1/messages HTTP/1.1");
    assert_eq!(asked.header("proxy-authorization"), Some("Basic dXNlcjpwYXNz"));
    assert_eq!(asked.header("host"), Some("gateway.test"));
}

#[test]
fn loopback_is_reached_directly_whatever_the_environment_says() {
    let upstream = Fake::content();
    let forward = Forward::to(upstream.address);
    let mut setup = setup(&upstream.url());
    setup.outbound.http_proxy = format!("http://{}", forward.address);
    setup.outbound.all_proxy = format!("http://{}", forward.address);
    let proxy = proxy::start(setup).unwrap();
    assert_eq!(Client::new(&proxy.base_url).message(b"{}").status, 200);
    assert!(forward.asked().is_empty());
}

#[test]
fn a_proxy_that_refuses_is_named_as_the_cause() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut some = [0; 4096];
            let _ = stream.read(&mut some);
            let _ =
                stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n");
        }
    });
    for (proxy, cause) in [
        (format!("http://{address}"), "proxy authorization required"),
        ("socks4://127.0.0.1:9".to_owned(), "socks4"),
    ] {
        let mut setup = setup("https://upstream.test");
        setup.outbound.https_proxy = proxy;
        let proxy = proxy::start(setup).unwrap();
        let reply = Client::new(&proxy.base_url).message(b"{}");
        assert_eq!(reply.status, 502);
        let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("upstream.test") && message.contains(cause), "{message}");
    }
}

/// An upstream that speaks HTTP/2 alone, with a certificate of an authority that only the user knows.
struct Second {
    address: SocketAddr,
    authority: String,
    heard: Arc<Mutex<Vec<(hyper::http::request::Parts, Bytes)>>>,
    connections: Arc<AtomicUsize>,
    _runtime: tokio::runtime::Runtime,
}

impl Second {
    fn start() -> Second {
        let (authority, tls) = private_authority();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let heard: Arc<Mutex<Vec<_>>> = Arc::default();
        let connections: Arc<AtomicUsize> = Arc::default();
        let (kept, counted) = (heard.clone(), connections.clone());
        runtime.spawn(async move {
            let acceptor = tokio_rustls::TlsAcceptor::from(tls);
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, kept, counted) = (acceptor.clone(), kept.clone(), counted.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    counted.fetch_add(1, Ordering::SeqCst);
                    let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                        let kept = kept.clone();
                        async move {
                            let (head, body) = request.into_parts();
                            let body = body.collect().await?.to_bytes();
                            kept.lock().unwrap().push((head, body));
                            let pieces = ["event: a\ndata: {}\n\n", "event: b\nda", "ta: {}\n\n"];
                            let frames =
                                pieces.map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::from(piece))));
                            let body = StreamBody::new(futures_util::stream::iter(frames));
                            let answer =
                                hyper::Response::builder().header("content-type", "text/event-stream");
                            Ok::<_, hyper::Error>(answer.body(body).unwrap())
                        }
                    });
                    let second = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    let _ = second.serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Second { address, authority, heard, connections, _runtime: runtime }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }
}

/// The certificate of a made-up authority, as a file has it, and a server with one that it signed.
fn private_authority() -> (String, Arc<ServerConfig>) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut about = rcgen::CertificateParams::new(Vec::new()).unwrap();
    about.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    about.distinguished_name.push(rcgen::DnType::CommonName, "Example Corp Root");
    let authority = about.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(about, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let about = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = about.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    (authority.pem(), Arc::new(tls))
}

#[test]
fn an_authority_of_the_users_own_is_trusted_where_the_user_says_so() {
    let upstream = Second::start();
    for (variable, want) in [("SSL_CERT_FILE", 200), ("NODE_EXTRA_CA_CERTS", 200), ("SOMETHING_ELSE", 502)] {
        let mut world = World::new();
        let file = world.file("home/corp.pem", &upstream.authority);
        world.set(variable, &file.to_string_lossy());
        let proxy = world.start_proxy(&["--port", "0", "--upstream", &upstream.url()]);
        let reply = proxy.client().message(b"{}");
        assert_eq!(reply.status, want, "{variable}: {}", reply.text());
    }
    assert_eq!(upstream.heard.lock().unwrap().len(), 2);
}

#[test]
fn an_upstream_that_speaks_http_2_is_spoken_to_in_it() {
    let upstream = Second::start();
    let mut world = World::new();
    let file = world.file("home/corp.pem", &upstream.authority);
    world.set("NODE_EXTRA_CA_CERTS", &file.to_string_lossy());
    let url = format!("{}/base", upstream.url());
    let proxy = world.start_proxy(&["--port", "0", "--upstream", &url]);
    let mut talk = Talk::new("Which service failed?");
    talk.calls("Bash", serde_json::json!({"command": "kubectl get services -o json"}), &rows(400));
    let body = talk.body();
    let headers: Vec<_> =
        LOGIN.iter().copied().chain([("X-Odd", "1"), ("Connection", "keep-alive")]).collect();
    for path in ["/v1/messages?beta=true", "/v1/other"] {
        let reply = proxy.client().send("POST", path, &headers, &body);
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.text(), "event: a\ndata: {}\n\nevent: b\ndata: {}\n\n");
    }
    {
        let heard = upstream.heard.lock().unwrap();
        assert!(heard[0].1.len() < body.len() / 2, "made shorter");
        assert!(heard[1].1 == body, "only relayed");
        for (head, sent) in heard.iter() {
            assert_eq!(head.version, hyper::Version::HTTP_2);
            assert_eq!(
                head.uri.authority().unwrap().as_str(),
                format!("localhost:{}", upstream.address.port())
            );
            assert!(head.uri.path().starts_with("/base/v1/"), "{}", head.uri);
            assert_eq!(head.headers["content-length"], sent.len().to_string());
            assert_eq!(
                (&head.headers["x-api-key"], &head.headers["x-odd"]),
                (&"sk-test".parse().unwrap(), &"1".parse().unwrap())
            );
            for hop in ["connection", "host", "transfer-encoding"] {
                assert!(!head.headers.contains_key(hop), "{hop}");
            }
        }
    }
    // All at once, on one connection.
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let client = proxy.client();
            std::thread::spawn(move || client.message(b"{}").status)
        })
        .collect();
    assert!(clients.into_iter().all(|client| client.join().unwrap() == 200));
    assert_eq!(upstream.connections.load(Ordering::SeqCst), 1);
}

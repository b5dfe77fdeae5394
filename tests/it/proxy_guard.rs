//! Who is let in: nobody but the process that was given the base URL.

use crate::proxy_fake::{Fake, SECRET, before, raw, setup};
use crate::world::Client;
use headroom::proxy;
use std::io::{Read, Write};

const ROUTES: [(&str, &str); 7] = [
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/count_tokens"),
    ("POST", "/v1/chat/completions"),
    ("GET", "/v1/models"),
    ("HEAD", "/"),
    ("OPTIONS", "/v1/messages"),
    ("GET", "/stats"),
];

#[test]
fn every_bad_combination_gets_the_same_short_answer_and_nothing_goes_upstream() {
    let upstream = Fake::content();
    let (proxy, client) = before(&upstream);
    let port = proxy.address.port();
    let good = format!("127.0.0.1:{port}");
    let hosts: Vec<String> = [
        "evil.example",
        "127.0.0.1.nip.io",
        "localhost.evil.example",
        "localhost.",
        "0.0.0.0",
        "127.0.0.2",
        "127.1",
        "2130706433",
        "[::ffff:127.0.0.1]",
        "user@127.0.0.1",
        "127.0.0.1,evil.example",
        "",
    ]
    .iter()
    .map(|host| if host.is_empty() { String::new() } else { format!("{host}:{port}") })
    .chain([good.clone()])
    .collect();
    let origins = [
        None,
        Some("http://evil.example"),
        Some("null"),
        Some(""),
        Some("http://localhost:3000"),
        Some("file://"),
    ];
    let sites = [None, Some("cross-site"), Some("same-site")];
    // None, another run's, another spelling of ours, and all but the last digit of ours.
    let (other, upper) = ("/ffffffffffffffffffffffffffffffff", client.base_path().to_uppercase());
    let cut = &client.base_path()[..client.base_path().len() - 1];
    let prefixes = [client.base_path(), "", other, &upper, cut];

    let mut bad = 0;
    let mut bodies = std::collections::BTreeSet::new();
    for (method, route) in ROUTES {
        for host in &hosts {
            for origin in origins {
                for site in sites {
                    for prefix in prefixes {
                        let is_good = *host == good
                            && origin.is_none()
                            && site.is_none()
                            && prefix == client.base_path();
                        if is_good {
                            continue;
                        }
                        let mut request = format!("{method} {prefix}{route} HTTP/1.1\r\nHost: {host}\r\n");
                        if let Some(origin) = origin {
                            request.push_str(&format!("Origin: {origin}\r\n"));
                        }
                        if let Some(site) = site {
                            request.push_str(&format!("Sec-Fetch-Site: {site}\r\n"));
                        }
                        // The body never comes: whoever waits for it does not answer.
                        request.push_str("content-type: text/plain\r\ncontent-length: 10\r\n\r\n");
                        let answer = raw(&client, request.as_bytes());
                        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
                        let mut lines = head.lines();
                        let status = lines.next().unwrap();
                        let want = if *host != good || origin.is_some() || site.is_some() {
                            "HTTP/1.1 403 Forbidden"
                        } else {
                            "HTTP/1.1 404 Not Found"
                        };
                        assert_eq!(status, want, "{request}");
                        bodies.insert(if method == "HEAD" { String::new() } else { body.to_owned() });
                        let rest: Vec<&str> = lines.collect();
                        assert_eq!(
                            rest,
                            ["content-type: text/plain", "connection: close", "content-length: 20"],
                            "{request}"
                        );
                        bad += 1;
                    }
                }
            }
        }
    }
    bodies.remove("");
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(upstream.connections(), 0);
    assert_eq!((proxy.counts().refused, proxy.counts().requests), (bad, 0));
}

#[test]
fn loopback_by_any_of_its_names_is_let_in() {
    let upstream = Fake::content();
    let (proxy, client) = before(&upstream);
    for host in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"] {
        let host = format!("{host}:{}", proxy.address.port());
        assert_eq!(client.send("POST", "/v1/messages", &[("Host", &host)], b"{}").status, 200, "{host}");
    }
    assert_eq!(proxy.counts().requests, 4);
}

#[test]
fn a_client_that_takes_us_for_a_forward_proxy_gets_nowhere() {
    let (upstream, elsewhere) = (Fake::content(), Fake::content());
    let (_proxy, client) = before(&upstream);
    let host = client.host();
    for target in [
        format!("GET {}/{SECRET}/v1/models", elsewhere.url()),
        format!("GET http://{host}/{SECRET}/v1/models"),
        format!("CONNECT {}", elsewhere.address),
        "OPTIONS *".to_owned(),
    ] {
        let answer = raw(&client, format!("{target} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 404 "), "{target}: {answer}");
    }
    assert_eq!((upstream.connections(), elsewhere.connections()), (0, 0));
}

#[test]
fn a_request_without_a_host_is_not_let_in() {
    let upstream = Fake::content();
    let (_proxy, client) = before(&upstream);
    for version in ["1.0", "1.1"] {
        let answer = raw(&client, format!("GET /{SECRET}/ HTTP/{version}\r\n\r\n").as_bytes());
        assert!(answer.contains(" 403 "), "{answer}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[test]
fn without_a_secret_only_web_pages_are_kept_out() {
    let upstream = Fake::content();
    let mut setup = setup(&upstream.url());
    setup.secret = None;
    let proxy = proxy::start(setup).unwrap();
    let client = Client::new(&proxy.base_url);
    assert_eq!(client.send("GET", "/", &[], b"").status, 200);
    assert_eq!(client.send("GET", "/", &[("origin", "http://localhost:3000")], b"").status, 403);
    assert_eq!(client.send("GET", "/", &[("host", "evil.example")], b"").status, 403);
    assert_eq!(upstream.only().line, "GET / HTTP/1.1");
}

#[test]
fn a_web_socket_from_a_web_page_is_refused_before_the_handshake() {
    let upstream = Fake::content();
    let (_proxy, client) = before(&upstream);
    let headers = [("connection", "Upgrade"), ("upgrade", "websocket"), ("origin", "http://evil.example")];
    assert_eq!(client.send("GET", "/v1/responses", &headers, b"").status, 403);
    assert_eq!(upstream.connections(), 0);
}

#[test]
fn a_web_socket_is_tunnelled_byte_for_byte() {
    let upstream = Fake::doing(|heard, stream| {
        assert_eq!(heard.line, "GET /v1/responses?x=1 HTTP/1.1");
        assert_eq!(heard.header("upgrade"), Some("websocket"));
        assert!(heard.header("connection").is_some_and(|it| it.eq_ignore_ascii_case("upgrade")));
        assert_eq!(heard.header("sec-websocket-key"), Some("dGhlIHNhbXBsZQ=="));
        let _ = stream.write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: s\r\n\r\nfirst",
        );
        let mut bytes = [0; 5];
        while stream.read_exact(&mut bytes).is_ok() {
            let _ = stream.write_all(&[&b"\x81"[..], &bytes].concat());
        }
        crate::proxy_fake::Next::Close
    });
    let (_proxy, client) = before(&upstream);
    let mut stream = client.connect();
    let headers = [
        ("Connection", "keep-alive, Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZQ=="),
    ];
    stream.write_all(&client.request("GET", "/v1/responses?x=1", &headers, b"")).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"first") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{answer}");
    assert!(
        answer.contains("sec-websocket-accept: s\r\n") && answer.contains("upgrade: websocket\r\n"),
        "{answer}"
    );
    for frame in [b"\x00\xff\x01ab", b"\r\n\r\n0"] {
        stream.write_all(frame).unwrap();
        let mut back = [0; 6];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back[1..], frame);
    }
}

#[test]
fn an_upstream_that_wants_no_web_socket_says_so_itself() {
    let upstream = Fake::answering("HTTP/1.1 426 Upgrade Required\r\nx-a: b\r\ncontent-length: 2\r\n\r\nno");
    let (_proxy, client) = before(&upstream);
    let headers = [("connection", "Upgrade"), ("upgrade", "websocket")];
    let reply = client.send("GET", "/v1/responses", &headers, b"");
    assert_eq!((reply.status, reply.header("x-a"), reply.text().as_str()), (426, Some("b"), "no"));
}

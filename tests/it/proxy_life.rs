//! A proxy's own life: it starts, it is told to stop, it writes down what it did.

use crate::proxy_fake::{Fake, Next, STREAM, before, chunk, setup};
use crate::world::{Client, World, eventually, terminate};
use headroom::proxy::{self, ProxyError};
use headroom::receipt::Usage;
use headroom::store::{Filter, Limits, RequestRow, Store};
use headroom::units::Tokens;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn it_listens_when_start_returns_and_is_gone_when_it_is_dropped() {
    let upstream = Fake::content();
    let (proxy, client) = before(&upstream);
    let address = proxy.address;
    assert!(proxy.base_url.starts_with(&format!("http://{address}/")) && address.ip().is_loopback());
    assert_eq!(client.message(b"{}").status, 200);
    assert_eq!((proxy.counts().requests, proxy.counts().refused), (1, 0));
    drop(proxy);
    eventually("the port is free again", || TcpListener::bind(address).is_ok());
}

#[test]
fn what_it_can_not_start_with_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut on_a_taken_port = setup("http://127.0.0.1:1");
    on_a_taken_port.port = taken.local_addr().unwrap().port();
    assert!(matches!(proxy::start(on_a_taken_port), Err(ProxyError::Listen { .. })));
    assert!(matches!(proxy::start(setup("not a url")), Err(ProxyError::Upstream { .. })));
    let port = {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let mut before_itself = setup(&format!("http://localhost:{port}"));
    before_itself.port = port;
    assert!(matches!(proxy::start(before_itself), Err(ProxyError::Itself { .. })));
}

#[test]
fn a_drain_lets_open_requests_end_and_takes_no_new_ones() {
    let (go, may_go) = mpsc::channel::<()>();
    let may_go = Mutex::new(may_go);
    let upstream = Fake::doing(move |_, stream| {
        stream.write_all(&[STREAM.as_bytes(), &chunk(b"data: a\n\n")].concat()).unwrap();
        let _ = may_go.lock().unwrap().recv();
        stream.write_all(&[&chunk(b"data: b\n\n")[..], b"0\r\n\r\n"].concat()).unwrap();
        Next::More
    });
    let (proxy, client) = before(&upstream);
    let idle = client.connect();
    let mut answer = client.open("POST", "/v1/messages", &[], b"{}");
    assert_eq!(answer.next().unwrap().unwrap(), b"data: a\n\n");
    let draining = std::thread::spawn(move || proxy.drain(PATIENCE));
    let address = client.host().to_owned();
    eventually("nobody new gets in", || std::net::TcpStream::connect(&address).is_err());
    assert!(!draining.is_finished());
    go.send(()).unwrap();
    assert_eq!(answer.next().unwrap().unwrap(), b"data: b\n\n");
    assert_eq!(answer.next().unwrap(), None);
    draining.join().unwrap();
    let mut end = Vec::new();
    let _ = (&idle).read_to_end(&mut end);
    assert_eq!(end, b"");
}

#[test]
fn a_drain_waits_no_longer_than_its_patience() {
    let upstream = Fake::doing(|_, stream| {
        crate::proxy_fake::wait_until_gone(stream);
        Next::Close
    });
    let (proxy, client) = before(&upstream);
    let mut stream = client.connect();
    stream.write_all(&client.request("POST", "/v1/messages", &[], b"{}")).unwrap();
    eventually("it is on its way", || !upstream.heard().is_empty());
    proxy.drain(Duration::from_millis(50));
    let mut end = Vec::new();
    let _ = stream.read_to_end(&mut end);
    assert_eq!(end, b"", "it was cut");
}

#[test]
fn the_program_prints_its_base_url_and_drains_when_it_is_told_to_stop() {
    let world = World::new();
    let proxy = world.proxy();
    assert_eq!(proxy.client().message(b"{}").status, world.direct().message(b"{}").status);
    assert_eq!(proxy.stderr(), "");
    assert_eq!(proxy.drain(), 0);

    let proxy = world.proxy_with(&["--no-secret", "--profile", "lossless", "--off"]);
    assert_eq!(proxy.base_url.matches('/').count(), 2, "no secret in {}", proxy.base_url);
    eventually("it says what that costs", || proxy.stderr().contains("no secret"));
    assert_eq!(proxy.drain(), 0);
}

#[test]
fn being_told_twice_ends_it_at_once() {
    let upstream = Fake::doing(|_, stream| {
        crate::proxy_fake::wait_until_gone(stream);
        Next::Close
    });
    let world = World::new();
    let proxy = world.proxy_with(&["--upstream", &upstream.url()]);
    let client = proxy.client();
    let mut stream = client.connect();
    stream.write_all(&client.request("POST", "/v1/messages", &[], b"{}")).unwrap();
    eventually("it is on its way", || !upstream.heard().is_empty());
    terminate(proxy.pid());
    let address = client.host().to_owned();
    eventually("it drains", || std::net::TcpStream::connect(&address).is_err());
    assert_eq!(proxy.drain(), 0);
    let mut end = Vec::new();
    let _ = stream.read_to_end(&mut end);
    assert_eq!(end, b"");
}

const START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":100,\"cache_creation_input_tokens\":10,\"output_tokens\":1}}}\n\n";
const END: &str =
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":77}}\n\n";
const REQUEST: &[u8] = br#"{"model":"claude-x","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

/// What a proxy before `upstream` has written down after `asking`.
fn written_down(upstream: &Fake, asking: impl FnOnce(&Client)) -> Vec<RequestRow> {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(folder.path(), Limits::default()).unwrap());
    let mut setup = setup(&upstream.url());
    setup.store = Some(store.clone());
    let proxy = proxy::start(setup).unwrap();
    asking(&Client::new(&proxy.base_url));
    proxy.drain(PATIENCE);
    store.requests(&Filter::default()).unwrap()
}

fn usage(output: u64) -> Option<Usage> {
    Some(Usage {
        uncached: Tokens(5),
        cache_read: Tokens(100),
        cache_write_5m: Tokens(10),
        cache_write_1h: Tokens(0),
        output: Tokens(output),
    })
}

#[test]
fn a_whole_answers_usage_is_written_down() {
    let whole = [STREAM.as_bytes(), &chunk(START.as_bytes()), &chunk(END.as_bytes()), b"0\r\n\r\n"].concat();
    let rows = written_down(&Fake::answering(whole), |client| {
        let headers = [("x-api-key", "k"), ("x-claude-code-session-id", "the-session")];
        assert!(client.send("POST", "/v1/messages", &headers, REQUEST).whole);
        assert!(client.send("POST", "/v1/messages/count_tokens", &headers, REQUEST).whole);
        assert!(client.send("POST", "/v1/other", &headers, REQUEST).whole);
    });
    assert_eq!(rows.len(), 1, "only what was sent to a model");
    let row = &rows[0];
    assert_eq!((row.status, row.complete, row.usage), (200, true, usage(77)));
    assert_eq!(
        (row.agent.as_str(), row.project.as_str(), row.model.as_str()),
        ("claude", "/project", "claude-x")
    );
    assert!(row.session.0.contains("the-session"), "{}", row.session);
    assert_eq!(row.billing, headroom::receipt::Billing::ApiKey);
}

#[test]
fn what_was_heard_before_a_client_left_is_written_down() {
    let upstream = Fake::doing(|_, stream| {
        stream.write_all(&[STREAM.as_bytes(), &chunk(START.as_bytes())].concat()).unwrap();
        crate::proxy_fake::wait_until_gone(stream);
        Next::Close
    });
    let rows = written_down(&upstream, |client| {
        let mut answer = client.open("POST", "/v1/messages", &[], REQUEST);
        assert!(answer.next().unwrap().is_some());
    });
    assert_eq!((rows[0].status, rows[0].complete, rows[0].usage), (200, false, usage(1)));
}

#[test]
fn what_got_no_answer_is_written_down_as_that() {
    let rows = written_down(&Fake::answering_then("", Next::Close), |client| {
        assert_eq!(client.send("POST", "/v1/messages", &[], REQUEST).status, 502);
    });
    assert_eq!((rows[0].status, rows[0].complete, rows[0].usage), (0, false, None));
}

#[test]
fn what_was_not_looked_into_is_written_down_with_its_reason() {
    let rows = written_down(&Fake::content(), |client| {
        assert_eq!(client.send("POST", "/v1/messages", &[("content-encoding", "zstd")], b"x").status, 200);
    });
    assert_eq!((rows.len(), rows[0].status), (1, 200));
}

//! Faults that any agent or provider can bring about, on each wire over HTTP.

use super::door::{ANTHROPIC, CHAT, Door, GEMINI, RESPONSES};
use crate::proxy_fake::{Fake, Next, STREAM, before, chunk, raw, reset, setup, wait_until_gone};
use crate::world::{Client, PATIENCE, eventually, rows};
use flate2::Compression;
use flate2::write::GzEncoder;
use headroom::proxy;
use headroom::store::{Limits, Store};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

/// One test for each wire.
macro_rules! on_every_wire {
    ($($name:ident)*) => {$(
        mod $name {
            #[test]
            fn anthropic() { super::$name(super::ANTHROPIC) }
            #[test]
            fn chat() { super::$name(super::CHAT) }
            #[test]
            fn responses() { super::$name(super::RESPONSES) }
            #[test]
            fn gemini() { super::$name(super::GEMINI) }
        }
    )*};
}

on_every_wire! {
    odd_json_arrives_as_it_was_written
    a_key_twice_arrives_twice
    what_is_no_json_arrives_as_it_came
    wrong_types_arrive_as_they_came
    half_letters_and_escapes_arrive_as_they_came
    deep_values_arrive_as_they_came
    a_coding_that_is_none_arrives_with_its_header
    around_a_shortened_output_nothing_is_changed_and_the_answer_streams
    a_client_that_stalls_holds_up_nobody
    who_leaves_is_gone_for_the_upstream
    an_answer_that_breaks_off_is_not_made_whole
    a_streams_bytes_come_home
    an_answer_comes_home_as_it_is_after_one_attempt
    no_answer_is_said_after_one_attempt
    the_same_request_twice_is_asked_twice
    a_path_that_only_looks_like_it_goes_on_as_it_was_written
}

/// These bodies arrive as they were sent, each in one attempt.
#[track_caller]
fn arrive(door: Door, headers: &[(&str, &str)], bodies: &[(&str, Vec<u8>)]) {
    let upstream = Fake::content();
    let (proxy, client) = before(&upstream);
    let headers = [&[("content-type", "application/json")], headers].concat();
    for (number, (what, body)) in bodies.iter().enumerate() {
        let reply = client.send("POST", door.path, &headers, body);
        assert_eq!((reply.status, reply.text().as_str()), (200, "{}"), "{what}");
        let heard = upstream.heard();
        assert_eq!(heard.len(), number + 1, "{what}: one attempt");
        assert!(heard[number].body == *body, "{what} was changed");
        for (name, value) in &headers {
            assert_eq!(heard[number].header(name), Some(*value), "{what}");
        }
    }
    assert_eq!((proxy.counts().rewritten, proxy.counts().faults), (0, 0));
}

fn odd_json_arrives_as_it_was_written(door: Door) {
    let odd = r#""a":1e2,"b" :0.10,"c":12345678901234567890123,"d":-0,"e":"\u00e9\/é\u2028", "new":{"x":[null ,{}]},"#;
    arrive(
        door,
        &[],
        &[
            ("members", door.with(odd, r#""done""#).whole()),
            ("an output", door.with("", r#" "\u00e9\/ \t1e2" "#).whole()),
            ("a kind of tomorrow", door.with("", r#"[{"type":"tomorrow","x":[1e2]}]"#).whole()),
            ("white space", format!("\r\n\t {{\"{}\"\n:\r[\t]}} \n", door.history).into()),
        ],
    );
}

fn a_key_twice_arrives_twice(door: Door) {
    let name = door.history;
    arrive(
        door,
        &[],
        &[
            ("the model", door.with(r#""model":"a","model":"b","#, r#""done""#).whole()),
            ("the history", format!(r#"{{"{name}":[],"model":"a","{name}":[]}}"#).into()),
        ],
    );
}

fn what_is_no_json_arrives_as_it_came(door: Door) {
    let whole = door.with("", r#""done""#).whole();
    let spoilt: Vec<u8> = whole.iter().map(|byte| if *byte == b'w' { 0xff } else { *byte }).collect();
    arrive(
        door,
        &[],
        &[
            ("cut off", whole[..whole.len() - 7].to_vec()),
            ("a comma too much", format!(r#"{{"{}":[],}}"#, door.history).into()),
            ("nothing", Vec::new()),
            ("an array", b"[1,2]".to_vec()),
            ("a byte order mark", [&b"\xef\xbb\xbf"[..], &whole].concat()),
            ("no UTF-8", spoilt),
            ("more behind it", [&whole[..], b"{}"].concat()),
        ],
    );
}

fn wrong_types_arrive_as_they_came(door: Door) {
    let name = door.history;
    let history = |value: &str| format!(r#"{{"model":"m","{name}":{value}}}"#).into_bytes();
    arrive(
        door,
        &[],
        &[
            ("text for the history", history(r#""x""#)),
            ("anything in the history", history(r#"[1,null,"x",[],{"role":7,"content":null,"parts":3}]"#)),
            ("null for an output", door.with("", "null").whole()),
            ("a number for an output", door.with("", "1e2").whole()),
            ("a list for an output", door.with("", r#"[1,null,[],{"text":7}]"#).whole()),
        ],
    );
}

fn half_letters_and_escapes_arrive_as_they_came(door: Door) {
    let output = r#""\ud800 and \udc00\ud800 and \u0000 and \u001b[31m \ud83e\udd80""#;
    arrive(door, &[], &[("an output", door.with("", output).whole())]);
}

fn deep_values_arrive_as_they_came(door: Door) {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let mut bodies: Vec<(&str, Vec<u8>)> = [500, 1_000, 5_000, 100_000]
        .map(|depth| ("a deep output", door.with("", &deep(depth)).whole()))
        .to_vec();
    bodies.push(("a deep member", door.with(&format!("\"x\":{},", deep(100_000)), "1").whole()));
    bodies.push((
        "deep objects",
        door.with("", &format!("{}1{}", r#"{"a":"#.repeat(50_000), "}".repeat(50_000))).whole(),
    ));
    bodies.push(("open brackets", door.with("", &format!("\"{}\"", "[".repeat(100_000))).whole()));
    arrive(door, &[], &bodies);
}

fn a_coding_that_is_none_arrives_with_its_header(door: Door) {
    for coding in ["gzip", "zstd", "br", "tomorrow"] {
        arrive(
            door,
            &[("content-encoding", coding)],
            &[("no such coding", b"\x28\xb5\x2f\xfd \xff".to_vec())],
        );
    }
}

fn around_a_shortened_output_nothing_is_changed_and_the_answer_streams(door: Door) {
    let (go, may_go) = mpsc::channel::<()>();
    let may_go = Mutex::new(may_go);
    let upstream = Fake::doing(move |_, stream| {
        stream.write_all(STREAM.as_bytes()).expect("it is there");
        for number in 0..3 {
            // The next event is sent when the client has the one before.
            if may_go.lock().expect("one at a time").recv().is_err() {
                return Next::Close;
            }
            stream.write_all(&chunk(format!("data: {number}\n\n").as_bytes())).expect("it is there");
        }
        stream.write_all(b"0\r\n\r\n").expect("it is there");
        Next::More
    });
    let folder = tempfile::tempdir().expect("a folder");
    let mut setup = setup(&upstream.url());
    setup.store = Some(Arc::new(Store::open(folder.path(), Limits::default()).expect("a store")));
    let proxy = proxy::start(setup).expect("it starts");
    let client = Client::new(&proxy.base_url);

    let output = serde_json::to_string(&rows(200)).expect("it is JSON");
    let written = door.with(r#""stream" : true, "n":1e2,"n":0.10,"e":"\u00e9\/", "#, &output);
    let mut answer =
        client.open("POST", door.path, &[("content-type", "application/json")], &written.whole());
    assert_eq!(answer.status, 200);
    for number in 0..3 {
        go.send(()).expect("it waits");
        assert_eq!(answer.next().expect("an event"), Some(format!("data: {number}\n\n").into_bytes()));
    }
    assert_eq!(answer.next().expect("its end"), None);

    let heard = upstream.only().body;
    assert_eq!(proxy.counts().rewritten, 1);
    assert!(heard.len() < written.whole().len(), "it was made shorter");
    assert!(heard.starts_with(written.before.as_bytes()), "what stands before it");
    assert!(heard.ends_with(written.after.as_bytes()), "what stands behind it");
    let sent = &heard[written.before.len()..heard.len() - written.after.len()];
    assert!(serde_json::from_slice::<String>(sent).is_ok(), "{}", String::from_utf8_lossy(sent));
    drop(client);
    proxy.drain(PATIENCE);
}

fn a_client_that_stalls_holds_up_nobody(door: Door) {
    let upstream = Fake::content();
    let (_proxy, client) = before(&upstream);
    let stalled: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut stream = client.connect();
            let request =
                client.request("POST", door.path, &[("transfer-encoding", "chunked")], b"5\r\nstall");
            stream.write_all(&request).expect("it listens");
            stream
        })
        .collect();
    assert_eq!(client.send("POST", door.path, &[], b"{}").status, 200);
    assert_eq!((stalled.len(), upstream.heard().len()), (40, 1));
}

fn who_leaves_is_gone_for_the_upstream(door: Door) {
    let (begun, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (seen, ended) = (begun.clone(), gone.clone());
    let upstream = Fake::doing(move |heard, stream| {
        if heard.header("x-phase") == Some("event") {
            let answer = [STREAM.as_bytes(), &chunk(b"event: ping\ndata: {}\n\n")].concat();
            stream.write_all(&answer).expect("it is there");
        }
        seen.fetch_add(1, Ordering::SeqCst);
        wait_until_gone(stream);
        ended.fetch_add(1, Ordering::SeqCst);
        Next::Close
    });
    let (_proxy, client) = before(&upstream);
    let mut so_far = 0;
    for phase in ["silent", "event"] {
        for leave in [drop::<TcpStream> as fn(_), reset] {
            let mut stream = client.connect();
            let body = door.with("", r#""done""#).whole();
            stream
                .write_all(&client.request("POST", door.path, &[("x-phase", phase)], &body))
                .expect("it listens");
            so_far += 1;
            eventually("the upstream has it", || begun.load(Ordering::SeqCst) == so_far);
            if phase == "event" {
                stream.read_exact(&mut [0; 16]).expect("it has begun");
            }
            assert_eq!(gone.load(Ordering::SeqCst), so_far - 1, "nobody left yet");
            leave(stream);
            eventually("the upstream sees the client go", || gone.load(Ordering::SeqCst) == so_far);
        }
    }
}

fn an_answer_that_breaks_off_is_not_made_whole(door: Door) {
    let started = [STREAM.as_bytes(), &chunk(b"event: a\ndata: 1\n\n")].concat();
    let half = [STREAM.as_bytes(), &chunk(b"event: a\nda")].concat();
    let short = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nnot a hundred".to_vec();
    let cases = [
        ("a reset after an event", &started, Next::Reset, &b"event: a\ndata: 1\n\n"[..]),
        ("the end after an event", &started, Next::Close, b"event: a\ndata: 1\n\n"),
        ("half an event", &half, Next::Close, b"event: a\nda"),
        ("a length that was too long", &short, Next::Close, b"not a hundred"),
    ];
    for (what, bytes, next, all) in cases {
        let upstream = Fake::answering_then(bytes.clone(), next);
        let (_proxy, client) = before(&upstream);
        let reply = client.send("POST", door.path, &[], &door.with("", r#""done""#).whole());
        upstream.only();
        // A reset may overtake what was sent before it.
        if next == Next::Reset {
            assert!(!reply.whole || reply.status == 502, "{what}");
            assert!(reply.status == 502 || all.starts_with(&reply.body), "{what}");
        } else {
            assert_eq!((reply.status, &reply.body[..], reply.whole), (200, all, false), "{what}");
        }
    }
}

fn a_streams_bytes_come_home(door: Door) {
    for (what, bytes) in crate::proxy_answers::streams() {
        for piece in [1, 7, 16 << 10] {
            if piece < 16 << 10 && 1 << 16 < bytes.len() {
                continue;
            }
            let mut answer = STREAM.as_bytes().to_vec();
            bytes.chunks(piece).for_each(|piece| answer.extend(chunk(piece)));
            answer.extend(b"0\r\n\r\n");
            let upstream = Fake::answering(answer);
            let (_proxy, client) = before(&upstream);
            let reply = client.send("POST", door.path, &[], &door.with("", r#""done""#).whole());
            assert!(reply.whole && reply.body == bytes, "{what} in pieces of {piece}");
            assert_eq!(reply.header("content-type"), Some("text/event-stream"));
        }
    }
}

fn an_answer_comes_home_as_it_is_after_one_attempt(door: Door) {
    let elsewhere = Fake::content();
    let coded = {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(b"data: {}\n\n").expect("in memory");
        gzip.finish().expect("in memory")
    };
    let answer = |head: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    let error = br#"{"error":{"type":"overloaded_error","message":"\u00e9\/"} , "n":1e2}"#;
    let later = "\r\nRetry-After: 1\r\nx-should-retry: true\r\ncontent-type: application/json";
    let moved = format!("307 Moved\r\nlocation: {}{}", elsewhere.url(), door.path);
    let cases = [
        ("429", answer(&format!("429 Too Many{later}"), error)),
        ("500", answer(&format!("500 Oh No{later}"), error)),
        ("503", answer(&format!("503 Later{later}"), error)),
        ("529", answer(&format!("529 Overloaded{later}"), error)),
        ("a redirect", answer(&moved, b"moved")),
        ("a page", answer("200 OK\r\ncontent-type: text/html", b"<p>log in")),
        ("nothing", answer("200 OK", b"")),
        ("odd JSON", answer("200 OK\r\ncontent-type: application/json", b"{ \"a\" : 1e2 , }\xff")),
        ("gzip", answer("200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip", &coded)),
        (
            "br",
            answer("200 OK\r\ncontent-type: application/json\r\ncontent-encoding: br", b"\x1f\xff no such"),
        ),
    ];
    for (what, bytes) in cases {
        let upstream = Fake::answering(bytes);
        let body = door.with(r#""stream":true,"#, r#""done""#).whole();
        let want = Client::new(&upstream.url()).send("POST", door.path, &[], &body);
        let (proxy, client) = before(&upstream);
        let got = client.send("POST", door.path, &[("accept-encoding", "gzip, br")], &body);
        assert_eq!((got.status, got.headers, got.body), (want.status, want.headers, want.body), "{what}");
        let heard = upstream.heard();
        assert_eq!(heard.len(), 2, "{what}: one attempt each");
        assert_eq!(heard[1].header("accept-encoding"), Some("gzip, br"));
        assert_eq!(proxy.counts().unreachable, 0, "{what}");
    }
    assert_eq!(elsewhere.connections(), 0, "no redirect is followed");
}

fn no_answer_is_said_after_one_attempt(door: Door) {
    let cases = [
        ("garbage", Fake::answering_then("SSH-2.0-OpenSSH_9.2\r\n", Next::Close)),
        ("the end", Fake::answering_then("", Next::Close)),
        ("half a head", Fake::answering_then("HTTP/1.1 200 OK\r\nconte", Next::Close)),
    ];
    for (what, upstream) in cases {
        let (_proxy, client) = before(&upstream);
        let reply = client.send(
            "POST",
            door.path,
            &[("authorization", "Bearer sk-canary")],
            &door.with("", "1").whole(),
        );
        assert_eq!(reply.status, 502, "{what}");
        let message = reply.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains(&upstream.address.to_string()) && !message.contains("canary"), "{message}");
        upstream.only();
    }
}

fn the_same_request_twice_is_asked_twice(door: Door) {
    let upstream = Fake::content();
    let (_proxy, client) = before(&upstream);
    let body = door.with("", r#""done""#).whole();
    for _ in 0..2 {
        assert_eq!(client.send("POST", door.path, &[], &body).status, 200);
    }
    assert_eq!(upstream.heard().len(), 2);
}

fn a_path_that_only_looks_like_it_goes_on_as_it_was_written(door: Door) {
    let upstream = Fake::content();
    let (_proxy, client) = before(&upstream);
    let path = door.path;
    for odd in [
        format!("/x/..{path}"),
        format!("/{path}"),
        format!("/%2e%2e{path}"),
        format!("{path}%00"),
        format!("/./{path}"),
    ] {
        for method in ["POST", "PATCH"] {
            assert_eq!(client.send(method, &odd, &[], b"{ }").status, 200, "{odd}");
            let heard = upstream.heard().pop().expect("it came");
            assert_eq!((heard.line, &heard.body[..]), (format!("{method} {odd} HTTP/1.1"), &b"{ }"[..]));
        }
    }
    // Nor is anything behind a request that asks for another protocol taken for a request of its own.
    let upgrade = [("connection", "Upgrade"), ("upgrade", "x"), ("content-length", "0")];
    let smuggled =
        [&client.request("GET", path, &upgrade, b"")[..], b"GET /admin HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    let before = upstream.heard().len();
    let answers = raw(&client, &smuggled);
    assert!(answers.starts_with("HTTP/1.1 200 ") && !answers[12..].contains("HTTP/1.1 200 "), "{answers}");
    assert_eq!(upstream.heard().len(), before + 1);
}

//! What becomes of an answer: every byte comes home as it was sent, when it was sent.

use crate::proxy_fake::{Fake, Next, STREAM, before, chunk, raw, setup};
use crate::world::Client;
use headroom::proxy;
use proptest::prelude::*;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::{Arc, Mutex, mpsc};

/// Streams that a provider, or a broken one, might send.
pub fn streams() -> Vec<(&'static str, Vec<u8>)> {
    let usage = "event: message_start\ndata: {\"message\":{\"usage\":{\"input_tokens\":1}}}\n\n";
    let giant = format!("event: x\ndata: {}\n\n", "y".repeat(5 << 20));
    vec![
        ("line feeds", format!("{usage}event: ping\ndata: {{}}\n\n").into()),
        ("carriage returns and line feeds", usage.replace('\n', "\r\n").into()),
        ("lone carriage returns", usage.replace('\n', "\r").into()),
        (
            "comments and unknown events",
            b": hello\n\nevent: tomorrow\nid: 7\nretry: 9\ndata: \ndata:x\n\n".to_vec(),
        ),
        ("letters of several bytes", "data: \"é漢字🦀\"\n\n".into()),
        ("no UTF-8", b"data: \xff\xfe\x80 \xc3\n\nevent: \xf0\x28\n\n".to_vec()),
        ("no JSON", b"data: {\"usage\": [1,,\n\n\0\0".to_vec()),
        ("a giant event", giant.into()),
        ("an endless event", vec![b'z'; 2 << 20]),
        ("half an event", b"event: message_delta\ndata: {\"usage\":".to_vec()),
        ("nothing", Vec::new()),
    ]
}

#[test]
fn a_streams_bytes_come_home_as_they_were_sent_however_they_are_cut() {
    for (what, bytes) in streams() {
        for piece in [1, 7, 16 << 10] {
            if piece < 16 << 10 && 1 << 20 < bytes.len() {
                continue;
            }
            let mut answer = STREAM.as_bytes().to_vec();
            bytes.chunks(piece).for_each(|piece| answer.extend(chunk(piece)));
            answer.extend(b"0\r\n\r\n");
            let upstream = Fake::answering(answer);
            let (_proxy, client) = before(&upstream);
            for path in ["/v1/messages", "/v1/other"] {
                let reply = client.send("POST", path, &[], br#"{"stream":true}"#);
                assert!(reply.whole && reply.body == bytes, "{what} in pieces of {piece} from {path}");
                assert_eq!(reply.header("content-type"), Some("text/event-stream"));
            }
        }
    }
}

#[test]
fn no_event_is_held_back_for_the_next_one() {
    let (go, may_go) = mpsc::channel::<()>();
    let may_go = Mutex::new(may_go);
    let upstream = Fake::doing(move |_, stream| {
        stream.write_all(STREAM.as_bytes()).unwrap();
        for byte in b"data: a\n\n" {
            // The next byte is sent when the client has the one before.
            if may_go.lock().unwrap().recv().is_err() {
                return Next::Close;
            }
            stream.write_all(&chunk(&[*byte])).unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
        Next::More
    });
    let (_proxy, client) = before(&upstream);
    for path in ["/v1/messages", "/v1/other"] {
        let mut answer = client.open("POST", path, &[], br#"{"stream":true}"#);
        assert_eq!(answer.status, 200, "the head comes before any event");
        for byte in b"data: a\n\n" {
            go.send(()).unwrap();
            assert_eq!(answer.next().unwrap(), Some(vec![*byte]));
        }
        assert_eq!(answer.next().unwrap(), None);
    }
}

#[test]
fn an_upstreams_error_comes_home_as_it_is_after_one_attempt() {
    for status in ["400 Bad Request", "401 Unauthorized", "429 Too Many", "500 Oh No", "503 Later", "529 "] {
        let body = r#"{"type":"error","error":{"type":"overloaded_error","message":"é\/"}}"#;
        let upstream = Fake::answering(format!(
            "HTTP/1.1 {status}\r\nRetry-After: 1\r\nanthropic-ratelimit-Tokens-Remaining: 0\r\nx-should-retry: true\r\n\
             request-id: req_1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        let (proxy, client) = before(&upstream);
        let answer = raw(&client, &client.request("POST", "/v1/messages", &[("connection", "close")], b"{}"));
        assert_eq!(
            answer,
            format!(
                "HTTP/1.1 {status}\r\nRetry-After: 1\r\nanthropic-ratelimit-Tokens-Remaining: 0\r\nx-should-retry: true\r\n\
                 request-id: req_1\r\nContent-Type: application/json\r\nContent-Length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            )
        );
        upstream.only();
        assert_eq!(proxy.counts().unreachable, 0);
    }
}

#[test]
fn an_answer_keeps_whatever_it_says_about_itself() {
    let cases = [
        ("a web page", "200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\n<p>a"),
        ("nothing", "200 OK\r\ncontent-length: 0\r\n\r\n"),
        ("no content", "204 No Content\r\nx-a: b\r\n\r\n"),
        ("not modified", "304 Not Modified\r\netag: \"x\"\r\n\r\n"),
        ("an unknown status", "799 Odd Words\r\ncontent-length: 1\r\n\r\n!"),
        (
            "odd JSON",
            "200 OK\r\ncontent-type: application/json\r\ncontent-length: 17\r\n\r\n{ \"a\" : 1e2 , }\u{e9}",
        ),
    ];
    for (what, answer) in cases {
        let upstream = Fake::answering(format!("HTTP/1.1 {answer}"));
        let (_proxy, client) = before(&upstream);
        for path in ["/v1/messages", "/v1/other"] {
            let got = client.send("POST", path, &[], b"{}");
            let want = Client::new(&upstream.url()).send("POST", path, &[], b"{}");
            assert_eq!((got.status, got.headers, got.body), (want.status, want.headers, want.body), "{what}");
        }
    }
}

#[test]
fn hints_before_the_answer_do_not_stand_in_its_way() {
    let upstream = Fake::answering(
        "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    );
    let (_proxy, client) = before(&upstream);
    let reply = client.message(b"{}");
    assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
}

#[test]
fn a_head_request_learns_the_length_of_what_it_did_not_get() {
    let upstream = Fake::answering("HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n");
    let (_proxy, client) = before(&upstream);
    let reply = client.send("HEAD", "/", &[], b"");
    assert_eq!((reply.status, reply.header("content-length")), (200, Some("1234")));
    assert_eq!(client.send("HEAD", "/", &[], b"").status, 200, "the connection goes on");
}

#[test]
fn a_coded_answer_comes_home_coded() {
    for coding in ["gzip", "br", "zstd", "deflate", "tomorrow"] {
        let body = b"\x1f\x8b no such thing \xff\x00";
        let mut answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: {coding}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        answer.extend(body);
        let upstream = Fake::answering(answer);
        let (_proxy, client) = before(&upstream);
        let reply = client.send("POST", "/v1/messages", &[("accept-encoding", "gzip, br")], b"{}");
        assert_eq!((reply.header("content-encoding"), &reply.body[..]), (Some(coding), &body[..]));
        assert_eq!(upstream.only().header("accept-encoding"), Some("gzip, br"));
    }
}

#[test]
fn a_redirect_is_the_clients_business() {
    let elsewhere = Fake::content();
    for status in [301, 302, 303, 307, 308] {
        let upstream = Fake::answering(format!(
            "HTTP/1.1 {status} Moved\r\nlocation: {}/v1/messages\r\ncontent-length: 5\r\n\r\nmoved",
            elsewhere.url()
        ));
        let (_proxy, client) = before(&upstream);
        for path in ["/v1/messages", "/v1/other"] {
            let reply = client.send("POST", path, &[("x-api-key", "k")], br#"{"stream":true}"#);
            assert_eq!((reply.status, reply.text().as_str()), (status, "moved"));
            assert!(reply.header("location").is_some());
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn an_answer_that_breaks_off_breaks_off_for_the_client_too() {
    let started = [STREAM.as_bytes(), &chunk(b"event: a\ndata: 1\n\n")].concat();
    let half = [STREAM.as_bytes(), b"12\r\nevent: a\nda"].concat();
    let short = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nnot a hundred".to_vec();
    let cases = [
        ("a reset after an event", &started, Next::Reset, &b"event: a\ndata: 1\n\n"[..]),
        ("the end after an event", &started, Next::Close, b"event: a\ndata: 1\n\n"),
        ("half an event", &half, Next::Close, b""),
        ("a length that was too long", &short, Next::Close, b"not a hundred"),
        ("a reset before the promised length", &short, Next::Reset, b""),
    ];
    for (what, bytes, next, at_least) in cases {
        for path in ["/v1/messages", "/v1/other"] {
            let upstream = Fake::answering_then(bytes.clone(), next);
            let (_proxy, client) = before(&upstream);
            let reply = client.send("POST", path, &[], b"{}");
            if next == Next::Reset && reply.status == 502 {
                // The reset overtook what was sent before it: there was no answer yet.
                continue;
            }
            assert_eq!(reply.status, 200, "{what}");
            assert!(!reply.whole, "{what}: the client must see that it is not whole");
            if next == Next::Close {
                assert!(reply.body.starts_with(at_least), "{what}: {:?}", reply.text());
            }
            upstream.only();
        }
    }
}

#[test]
fn an_answer_without_a_length_ends_where_the_upstream_ends_it() {
    let upstream =
        Fake::answering_then("HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\nto the end", Next::Close);
    let (_proxy, client) = before(&upstream);
    let reply = client.send("POST", "/v1/messages", &[], b"{}");
    assert_eq!((reply.status, reply.text().as_str(), reply.whole), (200, "to the end", true));
}

#[test]
fn no_answer_is_a_502_that_names_host_and_cause_after_one_attempt() {
    let cases = [
        ("garbage", Fake::answering_then("SSH-2.0-OpenSSH_9.2\r\n", Next::Close)),
        ("the end", Fake::answering_then("", Next::Close)),
        ("a reset", Fake::answering_then("", Next::Reset)),
        ("half a head", Fake::answering_then("HTTP/1.1 200 OK\r\nconte", Next::Close)),
        (
            "an endless head",
            Fake::answering_then(format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(2 << 20)), Next::Close),
        ),
    ];
    for (what, upstream) in cases {
        let (proxy, client) = before(&upstream);
        for (attempt, path) in ["/v1/messages", "/v1/other"].into_iter().enumerate() {
            let reply = client.send("POST", path, &[("x-api-key", "sk-secret")], b"{}");
            assert_eq!(reply.status, 502, "{what}");
            assert_eq!(reply.header("content-type"), Some("application/json"));
            let json = reply.json();
            assert_eq!((&json["type"], &json["error"]["type"]), (&"error".into(), &"api_error".into()));
            let message = json["error"]["message"].as_str().unwrap();
            assert!(
                message.contains("headroom") && message.contains(&upstream.address.to_string()),
                "{message}"
            );
            assert!(!message.contains("sk-secret"));
            assert_eq!(upstream.heard().len(), attempt + 1, "{what}: one attempt each");
        }
        assert_eq!(proxy.counts().unreachable, 2);
    }
}

#[test]
fn an_upstream_that_can_not_be_reached_is_named() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cases = [
        (format!("http://{closed}"), closed.to_string(), "refused"),
        ("http://no-such-host.invalid:81".to_owned(), "no-such-host.invalid:81".to_owned(), "dns"),
        (format!("https://{closed}"), closed.to_string(), "refused"),
    ];
    for (url, host, cause) in cases {
        let proxy = proxy::start(setup(&url)).unwrap();
        let reply = Client::new(&proxy.base_url).message(b"{}");
        assert_eq!(reply.status, 502, "{url}");
        let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(&host) && message.contains(cause), "{message}");
    }
}

#[test]
fn a_pooled_connection_that_died_costs_no_request() {
    // Closes each connection after its first answer without having said so.
    let (close, closed) = mpsc::channel();
    let upstream = Fake::doing(move |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
        stream.shutdown(Shutdown::Both).unwrap();
        close.send(()).unwrap();
        Next::Close
    });
    let (_proxy, client) = before(&upstream);
    for number in 1..100 {
        assert_eq!(client.message(b"{}").status, 200);
        assert_eq!(upstream.heard().len(), number, "one each");
        closed.recv().unwrap();
    }
}

#[test]
fn connections_to_the_upstream_are_kept_for_the_next_request() {
    let upstream = Fake::content();
    let (_proxy, client) = before(&upstream);
    for _ in 0..30 {
        assert_eq!(client.message(b"{}").status, 200);
    }
    assert!(upstream.connections() < 5, "{} connections for 30 requests", upstream.connections());
}

#[test]
fn no_answer_helps_a_web_page() {
    let upstream = Fake::answering(
        "HTTP/1.1 200 OK\r\naccess-control-allow-origin: *\r\nAccess-Control-Allow-Credentials: true\r\n\
         access-control-expose-headers: *\r\nx-a: b\r\ncontent-length: 2\r\n\r\nok",
    );
    let (_proxy, client) = before(&upstream);
    for path in ["/v1/messages", "/v1/other"] {
        let reply = client.send("POST", path, &[], b"{}");
        let names: Vec<&str> = reply.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["x-a", "content-length"]);
    }
}

#[test]
fn an_answer_may_come_before_the_request_has_ended() {
    // An upstream that has seen enough after the head.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut some = [0; 256];
            let _ = stream.read(&mut some);
            let _ = stream
                .write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig");
            // Reads on, so that the answer is not lost in a reset.
            while stream.read(&mut some).is_ok_and(|read| read != 0) {}
        }
    });
    let proxy = proxy::start(setup(&format!("http://{address}"))).unwrap();
    let client = Client::new(&proxy.base_url);
    let mut stream = client.connect();
    stream.write_all(&client.request("PUT", "/v1/files", &[("content-length", "1000000")], b"")).unwrap();
    stream.write_all(b"only a part").unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 413");
}

/// `bytes` in chunks of these sizes, over and over, and the end.
fn cut(bytes: &[u8], sizes: &[usize]) -> Vec<u8> {
    let (mut rest, mut cut) = (bytes, Vec::new());
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*size).min(rest.len()));
        cut.extend(chunk(piece));
        rest = after;
    }
    cut.extend(b"0\r\n\r\n");
    cut
}

#[test]
fn whatever_goes_through_comes_back_however_it_is_cut() {
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let of_answer = sizes.clone();
    let upstream = Fake::doing(move |heard, stream| {
        let answer = cut(&heard.body, &of_answer.lock().unwrap());
        stream.write_all(&[STREAM.as_bytes(), &answer].concat()).unwrap();
        Next::More
    });
    let (_proxy, client) = before(&upstream);
    let a_piece = prop_oneof![
        4 => any::<Vec<u8>>(),
        2 => "(data|event|id): ?[a-z{}\":\\[\\],0-9é]{0,40}(\n|\r|\r\n|\n\n)".prop_map(String::into_bytes),
        1 => Just(br#"data: {"usage":{"output_tokens":1e9},"message":{"usage":[]}}"#.to_vec()),
    ];
    let pieces = prop::collection::vec(a_piece, 0..30);
    let cuts = || prop::collection::vec(prop_oneof![1usize..4, 1usize..5000], 1..20);
    let door = prop::sample::select(
        &["/v1/messages", "/v1/messages/count_tokens", "/v1/chat/completions", "/x"][..],
    );
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(pieces in pieces, there in cuts(), back in cuts(), door in door)| {
        let bytes = pieces.concat();
        *sizes.lock().unwrap() = back;
        let reply = client.send("POST", door, &[("transfer-encoding", "chunked")], &cut(&bytes, &there));
        prop_assert!(reply.whole);
        prop_assert_eq!(reply.status, 200);
        prop_assert!(reply.body == bytes);
    });
}

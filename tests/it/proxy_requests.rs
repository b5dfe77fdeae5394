//! What becomes of a request: every byte arrives, whoever misbehaves is alone with it.

use crate::proxy_fake::{Fake, Next, before, raw, reset, wait_until_gone};
use crate::world::eventually;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

/// Where a body can be sent: rewritten on each wire, counted, replayed, a batch, relayed.
const DOORS: [&str; 11] = [
    "/v1/messages?beta=true",
    "/v1/messages/count_tokens",
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/responses/compact",
    "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
    "/v1internal:streamGenerateContent?alt=sse",
    "/v1/projects/p/locations/l/publishers/anthropic/models/claude@1:streamRawPredict",
    "/model/anthropic.claude%3A0/invoke-with-response-stream",
    "/v1/messages/batches",
    "/v1/complete",
];

#[test]
fn a_body_that_nothing_is_done_to_arrives_as_it_came() {
    let messages =
        |content: &str| format!(r#"{{"model":"m","messages":[{{"role":"user","content":{content}}}]}}"#);
    let result =
        |text: &str| messages(&format!(r#"[{{"type":"tool_result","tool_use_id":"t","content":{text}}}]"#));
    let input = |output: &str| {
        format!(
            r#"{{"model":"m","input":[{{"type":"function_call_output","call_id":"c","output":{output}}}]}}"#
        )
    };
    let contents = |response: &str| {
        format!(
            r#"{{"contents":[{{"role":"user","parts":[{{"functionResponse":{{"name":"f","response":{response}}}}}]}}]}}"#
        )
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        (
            "odd numbers",
            br#"{ "a":1e2,"b":0.10 , "c":12345678901234567890123,"d":-0,"messages" : [ ] }"#.to_vec(),
        ),
        ("odd escapes", messages(r#""\u00e9\/\u2028é\t""#).into()),
        ("odd white space", b"\r\n\t {\"messages\"\n:\r[\t]} \n".to_vec()),
        (
            "unknown fields",
            br#"{"messages":[{"role":"user","content":[{"type":"tomorrow","x":[null]}]}],"new":{}}"#.to_vec(),
        ),
        ("a key twice", br#"{"messages":[],"model":"a","model":"b","messages":[]}"#.to_vec()),
        ("cut off", br#"{"messages":[{"role":"user","con"#.to_vec()),
        ("a comma too much", br#"{"messages":[],}"#.to_vec()),
        ("nothing", Vec::new()),
        ("an array", b"[1,2]".to_vec()),
        ("a byte order mark", b"\xef\xbb\xbf{\"messages\":[]}".to_vec()),
        ("no UTF-8", b"{\"messages\":[{\"role\":\"user\",\"content\":\"\xff\xfe\"}]}".to_vec()),
        ("no JSON", b"a=1&b=2\0".to_vec()),
        ("wrong types", br#"{"messages":"x"}"#.to_vec()),
        ("wrong types inside", br#"{"messages":[1,null,"x",{"role":7,"content":null}]}"#.to_vec()),
        ("half a surrogate pair", result(r#""\ud800 and \u0000 and \u001b[31m""#).into()),
        ("100,000 brackets", messages(&"[".repeat(100_000)).into()),
        ("100,000 brackets in a result", result(&format!("\"{}\"", "[".repeat(100_000))).into()),
        ("a deep value", messages(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))).into()),
        (
            "wrong types in an input",
            br#"{"input":[1,null,{"type":7,"output":{}}],"previous_response_id":[]}"#.to_vec(),
        ),
        ("an odd output", input(r#""\ud800 \u0000""#).into()),
        ("a deep output", input(&deep).into()),
        ("100,000 brackets in an output", input(&format!("\"{}\"", "[".repeat(100_000))).into()),
        (
            "wrong types in contents",
            br#"{"contents":[1,{"parts":"x"},{"parts":[null,{"functionResponse":[]}]}]}"#.to_vec(),
        ),
        ("an odd response", contents(r#"{"output":"\udc00 \u001b[31m"}"#).into()),
        ("a deep response", contents(&deep).into()),
        ("an envelope of an odd kind", br#"{"request":[],"model":1,"contents":{}}"#.to_vec()),
        ("a line of 10 MB", result(&format!("\"{}\"", "x".repeat(10 << 20))).into()),
    ];
    let upstream = Fake::content();
    let (proxy, client) = before(&upstream);
    let mut sent = 0;
    for (what, body) in &bodies {
        for door in DOORS {
            let reply = client.send("POST", door, &[("content-type", "application/json")], body);
            assert_eq!((reply.status, reply.text().as_str()), (200, "{}"), "{what} to {door}");
            let heard = upstream.heard();
            sent += 1;
            assert_eq!(heard.len(), sent, "{what} to {door}: one attempt");
            let last = &heard[sent - 1];
            assert!(last.body == *body, "{what} to {door} was changed");
            assert_eq!(
                last.header("content-length"),
                Some(body.len().to_string().as_str()),
                "{what} to {door}"
            );
        }
    }
    assert_eq!(proxy.counts().rewritten, 0);
}

#[test]
fn a_coded_body_arrives_coded_with_its_header() {
    let upstream = Fake::content();
    let (_proxy, client) = before(&upstream);
    for coding in ["gzip", "zstd", "tomorrow"] {
        let headers = [("content-encoding", coding), ("content-type", "application/json")];
        let body = b"\x28\xb5\x2f\xfd no such thing \xff";
        assert_eq!(client.send("POST", "/v1/messages", &headers, body).status, 200);
        let heard = upstream.heard().pop().unwrap();
        assert_eq!((heard.header("content-encoding"), &heard.body[..]), (Some(coding), &body[..]));
    }
}

#[test]
fn a_chunked_body_arrives_whole() {
    let upstream = Fake::content();
    let (_proxy, client) = before(&upstream);
    for door in DOORS {
        let body = b"5\r\n{\"mes\r\n1\r\ns\r\n9;x=y\r\nages\":[]}\r\n0\r\n\r\n";
        assert_eq!(client.send("POST", door, &[("transfer-encoding", "chunked")], body).status, 200);
        assert_eq!(upstream.heard().pop().unwrap().body, br#"{"messages":[]}"#, "{door}");
    }
}

#[test]
fn paths_and_methods_arrive_as_they_were_written() {
    let upstream = Fake::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let (_proxy, client) = before(&upstream);
    let paths = [
        "/",
        "//",
        "/v1/messages/../../admin",
        "/v1/./messages",
        "//evil.example/v1/messages",
        "/v1%2fmessages/%00/%zz",
        "/v1/models?client_version=1&a=%20&a=b&&=?/../",
        "/v1internal:generate?alt=sse",
        "/a;b=c/d,e/{f}|~'()*!$@:\"",
        "/?",
    ];
    for path in paths {
        assert_eq!(client.send("GET", path, &[], b"").status, 200, "{path}");
        assert_eq!(upstream.heard().pop().unwrap().line, format!("GET {path} HTTP/1.1"));
    }
    for method in ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "BREW", "get"] {
        for path in ["/v1/messages", "/tomorrow"] {
            assert_eq!(client.send(method, path, &[], b"").status, 200, "{method} {path}");
            assert_eq!(upstream.heard().pop().unwrap().line, format!("{method} {path} HTTP/1.1"));
        }
    }
    let body = b"\0\xff any bytes";
    assert_eq!(client.send("PATCH", "/v1/x", &[], body).status, 200);
    assert_eq!(upstream.heard().pop().unwrap().body, body);
}

#[test]
fn headers_arrive_in_their_order_and_case_but_for_those_of_one_hop() {
    let upstream = Fake::content();
    let (_proxy, client) = before(&upstream);
    let headers = [
        ("X-Api-Key", "sk-ant-api03-x"),
        ("anthropic-BETA", "a-2025,b-2025"),
        ("Connection", "keep-alive, X-Hop"),
        ("X-Hop", "1"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Authorization", "Basic c2VjcmV0"),
        ("Proxy-Connection", "keep-alive"),
        ("TE", "trailers"),
        ("x-headroom-secret", "1"),
        ("Cookie", "a=b"),
        ("cookie", "c=d"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        ("X-Claude-Code-Session-Id", "9f"),
        ("X-Odd", "é \"quoted\"; a=b,c"),
    ];
    for path in ["/v1/messages", "/v1/other"] {
        assert_eq!(client.send("POST", path, &headers, b"{}").status, 200);
        let heard = upstream.heard().pop().unwrap();
        let got: Vec<(&str, &str)> =
            heard.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let host = upstream.address.to_string();
        let want = [
            ("Host", host.as_str()),
            ("X-Api-Key", "sk-ant-api03-x"),
            ("anthropic-BETA", "a-2025,b-2025"),
            ("Cookie", "a=b"),
            ("cookie", "c=d"),
            ("Accept-Encoding", "gzip, deflate, br, zstd"),
            ("X-Claude-Code-Session-Id", "9f"),
            ("X-Odd", "é \"quoted\"; a=b,c"),
            ("content-length", "2"),
        ];
        assert_eq!(got, want, "{path}");
    }
}

#[test]
fn large_heads_pass_and_huge_ones_are_told_so() {
    let upstream = Fake::content();
    let (_proxy, client) = before(&upstream);
    let long = "x".repeat(70_000);
    assert_eq!(client.send("POST", "/v1/messages", &[("x-long", &long)], b"{}").status, 200);
    assert_eq!(upstream.heard().pop().unwrap().header("x-long").map(str::len), Some(70_000));
    let names: Vec<String> = (0..3000).map(|number| format!("x-{number}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    assert_eq!(client.send("POST", "/v1/messages", &many, b"{}").status, 200);
    assert!(3000 < upstream.heard().pop().unwrap().headers.len());
    let huge = "x".repeat(1 << 20);
    assert_eq!(client.send("POST", "/v1/messages", &[("x-huge", &huge)], b"{}").status, 431);
    assert_eq!(upstream.heard().len(), 2);
}

#[test]
fn requests_of_one_connection_are_answered_in_order() {
    let upstream = Fake::doing(|heard, stream| {
        let body = String::from_utf8_lossy(&heard.body).into_owned();
        let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        Next::More
    });
    let (_proxy, client) = before(&upstream);
    let first = client.request("POST", "/v1/messages", &[], b"first");
    let last = client.request("POST", "/v1/other", &[("connection", "close")], b"second");
    let answers = raw(&client, &[first, last].concat());
    let (first, second) = (answers.find("first").unwrap(), answers.find("second").unwrap());
    assert!(first < second, "{answers}");
    assert_eq!(upstream.heard().len(), 2);
}

#[test]
fn a_client_that_waits_to_be_told_to_go_on_is_told() {
    let upstream = Fake::content();
    let (_proxy, client) = before(&upstream);
    for path in ["/v1/messages", "/v1/other"] {
        let mut stream = client.connect();
        let headers = [("expect", "100-continue"), ("content-length", "2"), ("connection", "close")];
        stream.write_all(&client.request("PUT", path, &headers, b"")).unwrap();
        let mut told = [0; 25];
        stream.read_exact(&mut told).unwrap();
        assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"{}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let heard = upstream.heard().pop().unwrap();
        assert_eq!((heard.header("expect"), &heard.body[..]), (None, &b"{}"[..]));
    }
}

#[test]
fn broken_framing_is_refused_and_never_smuggled_on() {
    let upstream = Fake::content();
    let (_proxy, client) = before(&upstream);
    let head = format!("POST {}/v1/messages HTTP/1.1\r\nHost: {}\r\n", client.base_path(), client.host());
    let cases = [
        ("two lengths", format!("{head}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}x")),
        ("a length that is none", format!("{head}content-length: 2x\r\n\r\n{{}}")),
        ("a bad chunk size", format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n")),
        ("an unknown transfer coding", format!("{head}transfer-encoding: gzip\r\n\r\n{{}}")),
        ("a folded header", format!("{head}x-a: b\r\n c\r\ncontent-length: 2\r\n\r\n{{}}")),
        ("a space before the colon", format!("{head}content-length : 2\r\n\r\n{{}}")),
        ("no request", "\x16\x03\x01\x02hello\r\n\r\n".to_owned()),
    ];
    for (what, request) in cases {
        let answer = raw(&client, request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400 "), "{what}: {answer}");
        assert!(upstream.heard().is_empty(), "{what} was sent on");
    }
    // Both framings at once: the chunks count, and only they are sent on.
    let both = format!(
        "{head}content-length: 3\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
    );
    assert!(raw(&client, both.as_bytes()).starts_with("HTTP/1.1 200 "));
    let heard = upstream.only();
    assert_eq!((&heard.body[..], heard.header("content-length")), (&b"{}"[..], Some("2")));
    assert_eq!(heard.header("transfer-encoding"), None);
}

#[test]
fn a_body_that_is_too_long_to_be_read_whole_passes_all_the_same() {
    let upstream = Fake::content();
    let (proxy, client) = before(&upstream);
    let body = vec![b'x'; 70 << 20];
    assert_eq!(client.send("POST", "/v1/messages", &[], &body).status, 200);
    assert!(upstream.heard().pop().unwrap().body == body);
    assert_eq!(proxy.counts().too_large, 1);

    let mut chunked = Vec::new();
    for piece in body.chunks(1 << 20) {
        chunked.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        chunked.extend_from_slice(piece);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(
        client.send("POST", "/v1/messages", &[("transfer-encoding", "chunked")], &chunked).status,
        200
    );
    assert!(upstream.heard().pop().unwrap().body == body);
    assert_eq!(proxy.counts().too_large, 2);
}

#[test]
fn clients_that_stall_do_not_hold_up_others() {
    let upstream = Fake::content();
    let (_proxy, client) = before(&upstream);
    // More than there are threads of any kind.
    let stalled: Vec<_> = (0..80)
        .map(|number| {
            let mut stream = client.connect();
            let path = DOORS[number % DOORS.len()];
            let request = client.request("POST", path, &[("transfer-encoding", "chunked")], b"5\r\nstall");
            stream.write_all(&request).unwrap();
            stream
        })
        .collect();
    for door in DOORS {
        assert_eq!(client.send("POST", door, &[], b"{}").status, 200, "{door}");
    }
    assert_eq!(stalled.len(), 80);
}

#[test]
fn heads_that_never_end_do_not_keep_others_out() {
    let upstream = Fake::content();
    let (_proxy, client) = before(&upstream);
    let known = client.connect();
    let mut known_writer = known.try_clone().unwrap();
    let ask = |stream: &mut std::net::TcpStream| {
        stream.write_all(&client.request("POST", "/v1/messages", &[], b"{}")).unwrap();
        let mut answer = [0; 512];
        let read = stream.read(&mut answer).unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200 OK"));
    };
    ask(&mut known_writer);
    let mut slow: Vec<_> = (0..300)
        .map(|_| {
            let mut stream = client.connect();
            let _ = stream.write_all(b"POST /guess HTTP/1.1\r\nHost: 127.0.0.1\r\nx-a: ");
            stream
        })
        .collect();
    // The oldest strangers had to go; a client that is known stays, and a new one gets in.
    let mut end = Vec::new();
    let _ = slow[0].read_to_end(&mut end);
    assert_eq!(end, b"");
    ask(&mut known_writer);
    assert_eq!(client.send("POST", "/v1/messages", &[], b"{}").status, 200);
}

#[test]
fn who_leaves_in_the_middle_of_a_conversations_upload_costs_nothing() {
    let upstream = Fake::content();
    let (_proxy, client) = before(&upstream);
    for _ in 0..50 {
        let mut stream = client.connect();
        let headers = [("content-length", "1000")];
        let request = client.request("PUT", "/v1/messages", &headers, b"");
        let request = String::from_utf8(request).unwrap().replacen("PUT", "POST", 1);
        stream.write_all(request.as_bytes()).unwrap();
        stream.write_all(b"{\"messages\":").unwrap();
    }
    assert_eq!(client.send("POST", "/v1/messages", &[], b"{}").status, 200);
    assert_eq!(upstream.only().body, b"{}");
}

#[test]
fn who_leaves_in_the_middle_of_a_relayed_upload_is_gone_for_the_upstream_too() {
    let upstream = Fake::content();
    let (proxy, client) = before(&upstream);
    let mut stream = client.connect();
    let request = client.request("PUT", "/v1/files", &[("content-length", "1000")], b"");
    stream.write_all(&request).unwrap();
    stream.write_all(b"half").unwrap();
    eventually("the upload reaches the upstream as it comes", || upstream.connections() == 1);
    drop(stream);
    eventually("the upstream sees it break off", || upstream.ended() == 1);
    assert!(upstream.heard().is_empty());
    assert_eq!(proxy.counts().unreachable, 0, "it was not the upstream's fault");
}

#[test]
fn who_leaves_is_gone_for_the_upstream_at_once_in_every_phase() {
    let (begun, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (seen, ended) = (begun.clone(), gone.clone());
    let upstream = Fake::doing(move |heard, stream| {
        if heard.line.contains("head") {
            stream.write_all(crate::proxy_fake::STREAM.as_bytes()).unwrap();
        }
        if heard.line.contains("event") {
            stream.write_all(&crate::proxy_fake::chunk(b"event: ping\ndata: {}\n\n")).unwrap();
        }
        if heard.line.contains("length") {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc").unwrap();
        }
        seen.fetch_add(1, Ordering::SeqCst);
        wait_until_gone(stream);
        ended.fetch_add(1, Ordering::SeqCst);
        Next::Close
    });
    let (_proxy, client) = before(&upstream);
    let mut so_far = 0;
    for path in ["/v1/messages", "/v1/messages/count_tokens", "/v1/other"] {
        for phase in ["silent", "head", "head-event", "length"] {
            for leave in [drop::<std::net::TcpStream> as fn(_), reset] {
                let mut stream = client.connect();
                let path = format!("{path}?{phase}");
                stream.write_all(&client.request("POST", &path, &[], b"{\"stream\":true}")).unwrap();
                so_far += 1;
                eventually("the upstream has it", || begun.load(Ordering::SeqCst) == so_far);
                if phase != "silent" {
                    let mut some = [0; 16];
                    stream.read_exact(&mut some).unwrap();
                }
                assert_eq!(gone.load(Ordering::SeqCst), so_far - 1, "nobody left yet: {path}");
                leave(stream);
                eventually("the upstream sees the client go", || gone.load(Ordering::SeqCst) == so_far);
            }
        }
    }
}

#[test]
fn a_client_that_reads_slowly_slows_the_upstream_down() {
    let (progress, written) = mpsc::channel();
    let upstream = Fake::doing(move |_, stream| {
        let _ = stream.write_all(crate::proxy_fake::STREAM.as_bytes());
        let event = crate::proxy_fake::chunk(&vec![b'x'; 1 << 20]);
        for number in 0..256 {
            if stream.write_all(&event).is_err() || progress.send(number).is_err() {
                break;
            }
        }
        Next::Close
    });
    let (_proxy, client) = before(&upstream);
    let mut stream = client.connect();
    stream.write_all(&client.request("POST", "/v1/messages", &[], b"{}")).unwrap();
    // What the sockets hold themselves passes; then nothing more does.
    let mut last = 0;
    while let Ok(number) = written.recv_timeout(std::time::Duration::from_secs(1)) {
        last = number;
    }
    assert!(last < 64, "{last} MiB were taken in for a client that reads nothing");
}

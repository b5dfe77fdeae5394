//! OpenAI Responses over a WebSocket, through a running proxy.

use crate::proxy_fake::{Fake, Heard, Next, before, reset, setup};
use crate::world::{Client, PATIENCE, Socket, World, eventually, log, rows};
use headroom::demo::provider::Rules;
use headroom::demo::script::{Ending, Turn, by_history, in_order};
use headroom::proxy::{self, Running};
use headroom::receipt::Usage;
use headroom::store::{Filter, Limits, RequestRow, Store};
use headroom::units::Tokens;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

const AGREED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

const UPGRADE: &[(&str, &str)] = &[
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Authorization", "Bearer sk-test"),
    ("openai-beta", "responses_websockets=2026-02-06"),
    ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
    ("session-id", "11111111-2222-4333-8444-555555555555"),
];

/// An upstream that agrees to a WebSocket and then does as `talk` says.
fn agreeing(talk: impl Fn(&mut TcpStream) -> Next + Send + Sync + 'static) -> Fake {
    Fake::doing(move |_, stream| {
        stream.write_all(AGREED).expect("it is there");
        talk(stream)
    })
}

/// A WebSocket to `/v1/responses`, agreed on.
#[track_caller]
fn opened(client: &Client) -> TcpStream {
    let (stream, head) = asked(client, "/v1/responses");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    stream
}

/// Asks for a WebSocket; gives the connection and the head of the answer.
#[track_caller]
fn asked(client: &Client, path: &str) -> (TcpStream, String) {
    let mut stream = client.connect();
    stream.write_all(&client.request("GET", path, UPGRADE, b"")).expect("it listens");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        head.push(byte[0]);
    }
    (stream, String::from_utf8(head).expect("a head is text"))
}

/// A frame by the letter of RFC 6455; a client's has a key.
fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let masked = if key.is_some() { 0x80 } else { 0 };
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(masked | length as u8),
        length @ 126..=65_535 => {
            frame.push(masked | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(masked | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    match key {
        Some(key) => {
            frame.extend(key);
            frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        }
        None => frame.extend(payload),
    }
    frame
}

/// A client's event as one frame.
fn event(event: &Value) -> Vec<u8> {
    frame(0x81, event.to_string().as_bytes(), Some([7, 1, 9, 200]))
}

/// A server's event as one frame.
fn said(event: &Value) -> Vec<u8> {
    frame(0x81, event.to_string().as_bytes(), None)
}

/// Reads one frame; gives its first byte and its payload without the mask.
fn read_frame(stream: &mut impl Read) -> std::io::Result<(u8, Vec<u8>)> {
    let mut two = [0; 2];
    stream.read_exact(&mut two)?;
    let length = match two[1] & 0x7f {
        126 => {
            let mut more = [0; 2];
            stream.read_exact(&mut more)?;
            u64::from(u16::from_be_bytes(more))
        }
        127 => {
            let mut more = [0; 8];
            stream.read_exact(&mut more)?;
            u64::from_be_bytes(more)
        }
        short => u64::from(short),
    };
    let mut key = [0; 4];
    if two[1] & 0x80 != 0 {
        stream.read_exact(&mut key)?;
    }
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload)?;
    payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    Ok((two[0], payload))
}

/// Reads a whole message, whatever stands between its parts; `None` when the connection ended.
fn read_message(stream: &mut impl Read) -> Option<Value> {
    let mut text = Vec::new();
    loop {
        let (first, payload) = read_frame(stream).ok()?;
        if first & 0x08 != 0 {
            continue;
        }
        text.extend(payload);
        if first & 0x80 != 0 {
            return Some(serde_json::from_slice(&text).expect("a message is JSON"));
        }
    }
}

/// An upstream that keeps all bytes and says nothing, and what it got on each connection that has ended.
fn keeping() -> (Fake, mpsc::Receiver<Vec<u8>>) {
    let (got, kept) = mpsc::channel();
    let got = Mutex::new(got);
    let upstream = agreeing(move |stream| {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let _ = got.lock().expect("no holder panics").send(bytes);
        Next::Close
    });
    (upstream, kept)
}

#[test]
fn no_extension_is_offered_and_all_else_of_the_handshake_passes() {
    let upstream = agreeing(|_| Next::Close);
    let (_proxy, client) = before(&upstream);
    let (_, head) = asked(&client, "/v1/responses?x=1");
    let lines = |head: &str| {
        let mut lines: Vec<String> = head.lines().map(str::to_ascii_lowercase).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&head), lines(std::str::from_utf8(AGREED).unwrap()), "{head}");
    let Heard { line, headers, .. } = upstream.only();
    assert_eq!(line, "GET /v1/responses?x=1 HTTP/1.1");
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "Host",
            "Sec-WebSocket-Version",
            "Sec-WebSocket-Key",
            "Authorization",
            "openai-beta",
            "session-id",
            "Connection",
            "Upgrade"
        ]
    );
}

#[test]
fn an_upstream_that_compresses_all_the_same_gets_a_tunnel_and_it_is_counted() {
    let upstream = Fake::doing(|_, stream| {
        let agreed = String::from_utf8_lossy(AGREED)
            .replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
        let _ = stream.write_all(agreed.as_bytes());
        let mut bytes = [0; 6];
        let _ = stream.read_exact(&mut bytes);
        let _ = stream.write_all(&bytes);
        Next::Close
    });
    let (proxy, client) = before(&upstream);
    let (mut stream, head) = asked(&client, "/v1/responses");
    assert!(head.to_ascii_lowercase().contains("sec-websocket-extensions: permessage-deflate\r\n"), "{head}");
    stream.write_all(b"\xc1\x80\0\0\0\0").unwrap();
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    assert_eq!(back, b"\xc1\x80\0\0\0\0");
    eventually("it is counted", || proxy.counts().faults == 1);
}

/// Frames of a client that asks for nothing: any bytes in them, in any parts, control frames between.
fn aside() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        Just(br#"{"type":"response.cancel"}"#.to_vec()),
        Just(br#"{"type":"response.create""#.to_vec()),
        "[ -~é]{0,300}".prop_map(String::into_bytes),
        (66_000..70_000usize).prop_map(|length| vec![b'x'; length]),
    ];
    let message = (payload, any::<bool>(), 1..5usize, any::<[u8; 4]>(), prop::option::of(0..125usize));
    prop::collection::vec(message, 1..6).prop_map(|messages| {
        let mut bytes = Vec::new();
        for (payload, text, parts, key, beat) in messages {
            let kind = if text { 1 } else { 2 };
            let length = payload.len().div_ceil(parts).max(1);
            let parts: Vec<&[u8]> =
                if payload.is_empty() { vec![b""] } else { payload.chunks(length).collect() };
            for (number, part) in parts.iter().enumerate() {
                let last = if number + 1 == parts.len() { 0x80 } else { 0 };
                bytes.extend(frame(last | if number == 0 { kind } else { 0 }, part, Some(key)));
                if let Some(beat) = beat {
                    bytes.extend(frame(0x8a, &vec![b'.'; beat], Some(key)));
                }
            }
        }
        bytes
    })
}

#[test]
fn what_asks_for_nothing_leaves_byte_for_byte() {
    let (upstream, kept) = keeping();
    let (proxy, client) = before(&upstream);
    proptest!(ProptestConfig::with_cases(24), |(bytes in aside(), piece in 1..5000usize)| {
        let mut stream = opened(&client);
        for piece in bytes.chunks(piece) {
            stream.write_all(piece).unwrap();
        }
        stream.shutdown(Shutdown::Write).unwrap();
        let got = kept.recv().unwrap();
        prop_assert!(got == bytes, "{} of {} bytes", got.len(), bytes.len());
    });
    assert_eq!((proxy.counts().faults, proxy.counts().rewritten), (0, 0));
}

#[test]
fn what_is_no_web_socket_becomes_a_tunnel_and_is_counted() {
    let cases: &[(&str, &[u8])] = &[
        ("a reserved bit", b"\xc1\x85\0\0\0\0hello and more"),
        ("a client that masks nothing", b"\x81\x05hello"),
        ("a part of nothing", b"\x80\x80\0\0\0\0"),
        ("no text", &frame(0x81, b"\xff\xfe", Some([0; 4]))),
        (
            "a new message in another",
            &[frame(1, b"{", Some([1; 4])), frame(0x81, b"}", Some([1; 4]))].concat(),
        ),
        ("HTTP", b"GET / HTTP/1.1\r\n\r\n"),
    ];
    for (what, bytes) in cases {
        let (upstream, kept) = keeping();
        let (proxy, client) = before(&upstream);
        let mut stream = opened(&client);
        stream.write_all(bytes).unwrap();
        eventually(what, || proxy.counts().faults == 1);
        // What is said later is not looked at any more.
        let later = event(&json!({"type": "response.create", "input": []}));
        stream.write_all(&later).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(kept.recv().unwrap(), [bytes, &later[..]].concat(), "{what}");
        assert_eq!(proxy.counts().faults, 1, "{what}");
    }
}

#[test]
fn what_a_server_says_is_handed_on_whatever_it_is() {
    let cases: &[&[u8]] = &[
        b"first words that are no frame",
        b"\x81\x85\0\0\0\0hello",
        &[&said(&json!({"type": "response.created", "response": {"id": "r"}}))[..], b"\x00\x00"].concat(),
        &frame(0x82, &[0; 70_000], None),
    ];
    for bytes in cases {
        let told = bytes.to_vec();
        let upstream = agreeing(move |stream| {
            let _ = stream.write_all(&told);
            Next::Close
        });
        let (_proxy, client) = before(&upstream);
        let mut back = Vec::new();
        opened(&client).read_to_end(&mut back).unwrap();
        assert!(back == *bytes, "{} of {} bytes", back.len(), bytes.len());
    }
}

#[test]
fn a_server_is_heard_while_the_client_is_still_speaking() {
    let upstream = agreeing(|stream| {
        for _ in 0..3 {
            let Ok((_, beat)) = read_frame(stream) else { break };
            let _ = stream.write_all(&frame(0x8a, &beat, None));
        }
        Next::Close
    });
    let (_proxy, client) = before(&upstream);
    let mut stream = opened(&client);
    for number in 0..3 {
        stream.write_all(&frame(0x89, &[number], Some([3; 4]))).unwrap();
        assert_eq!(read_frame(&mut stream).unwrap(), (0x8a, vec![number]));
    }
}

#[test]
fn a_client_that_leaves_is_gone_for_the_upstream_too() {
    for how in ["closed", "reset", "in a message", "in an answer"] {
        let upstream = agreeing(move |stream| {
            if how == "in an answer" {
                while stream
                    .write_all(&said(&json!({"type": "response.output_text.delta", "delta": "x"})))
                    .is_ok()
                {
                    std::thread::sleep(Duration::from_millis(1));
                }
            } else {
                crate::proxy_fake::wait_until_gone(stream);
            }
            Next::Close
        });
        let (_proxy, client) = before(&upstream);
        let mut stream = opened(&client);
        if how == "in a message" {
            stream.write_all(&frame(0x81, &[b' '; 1000], Some([1; 4]))[..500]).unwrap();
        }
        assert_eq!(upstream.ended(), 0, "{how}");
        if how == "reset" {
            reset(stream)
        } else {
            drop(stream)
        }
        eventually(how, || upstream.ended() == 1);
    }
}

#[test]
fn an_upstream_that_breaks_off_is_gone_for_the_client_after_its_last_words() {
    for next in [Next::Close, Next::Reset] {
        let upstream = agreeing(move |stream| {
            let _ = stream.write_all(&said(&json!({"type": "response.created", "response": {"id": "r"}})));
            // A reset overtakes what has not been read yet.
            let _ = read_frame(stream);
            next
        });
        let (_proxy, client) = before(&upstream);
        let mut stream = opened(&client);
        let (_, words) = read_frame(&mut stream).unwrap();
        assert!(String::from_utf8_lossy(&words).contains("response.created"));
        stream.write_all(&frame(0x8a, b"", Some([1; 4]))).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty(), "{next:?}");
    }
}

#[test]
fn a_message_that_is_too_long_passes_as_it_comes_and_is_counted() {
    let (heard, first) = mpsc::channel();
    let heard = Mutex::new(heard);
    let upstream = agreeing(move |stream| {
        let mut bytes = vec![0; 100_000];
        let _ = stream.read_exact(&mut bytes);
        let _ = heard.lock().expect("no holder panics").send(bytes);
        Next::Close
    });
    let (proxy, client) = before(&upstream);
    let mut stream = opened(&client);
    // Only the beginning of what its head announces.
    let mut bytes = vec![0x81, 0xff];
    bytes.extend(((64u64 << 20) + 1).to_be_bytes());
    bytes.resize(100_000, 0x33);
    stream.write_all(&bytes).unwrap();
    assert!(first.recv().unwrap() == bytes);
    assert_eq!((proxy.counts().too_large, proxy.counts().faults), (1, 0));
}

/// How much a stream takes until nobody reads it any more.
fn taken(stream: &mut TcpStream, piece: &[u8], at_most: usize) -> usize {
    stream.set_write_timeout(Some(Duration::from_millis(500))).expect("an option");
    let mut taken = 0;
    while taken < at_most {
        match stream.write(piece) {
            Ok(written) => taken += written,
            Err(_) => break,
        }
    }
    taken
}

/// More than two sockets' buffers and ours.
const MUCH: usize = 48 << 20;

#[test]
fn who_does_not_read_is_not_read_for() {
    let stuffed = Arc::new(Mutex::new(None));
    let told = stuffed.clone();
    let upstream = agreeing(move |stream| {
        let taken = taken(stream, &frame(0x82, &[0; 60_000], None), MUCH);
        *told.lock().unwrap() = Some(taken);
        crate::proxy_fake::wait_until_gone(&mut stream.try_clone().unwrap());
        Next::Close
    });
    let (_proxy, client) = before(&upstream);
    let mut stream = opened(&client);
    eventually("the upstream is stopped", || stuffed.lock().unwrap().is_some());
    assert!(stuffed.lock().unwrap().unwrap() < MUCH);
    drop(stream);

    let upstream = agreeing(|stream| {
        let (reader, mut one) = (stream.try_clone().unwrap(), [0]);
        // Told when to go on by nobody: it never reads.
        let _ = reader.peek(&mut one);
        std::thread::park_timeout(Duration::from_secs(30));
        Next::Close
    });
    let (_proxy, client) = before(&upstream);
    stream = opened(&client);
    assert!(taken(&mut stream, &frame(0x82, &[0; 60_000], Some([0; 4])), MUCH) < MUCH);
}

/// A provider that answers each `response.create` with `answers` in turn, and what it was asked.
fn answering(answers: Vec<Vec<Value>>) -> (Fake, Arc<Mutex<Vec<Value>>>) {
    let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
    let heard = asked.clone();
    let upstream = agreeing(move |stream| {
        while let Some(event) = read_message(stream) {
            let number = {
                let mut heard = heard.lock().unwrap();
                heard.push(event);
                heard.len() - 1
            };
            let Some(answer) = answers.get(number) else { return Next::Close };
            for event in answer {
                let _ = stream.write_all(&said(event));
            }
        }
        Next::Close
    });
    (upstream, asked)
}

/// A proxy with a store before `upstream`.
fn recorded(upstream: &Fake) -> (Running, Arc<Store>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(folder.path(), Limits::default()).unwrap());
    let mut setup = setup(&upstream.url());
    setup.store = Some(store.clone());
    (proxy::start(setup).unwrap(), store, folder)
}

/// The record's rows once there are so many.
fn record(store: &Store, many: usize) -> Vec<RequestRow> {
    let read = || {
        store.flush();
        store.requests(&Filter::default()).unwrap()
    };
    eventually("the record is written", || many <= read().len());
    read()
}

fn usage(input: u64, cached: u64, output: u64) -> Value {
    json!({"input_tokens": input, "input_tokens_details": {"cached_tokens": cached}, "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": input + output})
}

#[test]
fn each_response_that_was_asked_for_is_one_request_in_the_record() {
    let begun = |id: &str| json!({"type": "response.created", "response": {"id": id, "usage": null}});
    let (upstream, _) = answering(vec![
        vec![
            begun("r1"),
            json!({"type": "response.output_text.delta", "delta": "hi"}),
            json!({"type": "response.completed", "response": {"id": "r1", "usage": usage(1000, 640, 20)}}),
        ],
        vec![json!({"type": "error", "status": 529, "error": {"type": "overloaded_error"}})],
        vec![
            begun("r3"),
            json!({"type": "response.incomplete", "response": {"id": "r3", "usage": usage(500, 0, 9)}}),
        ],
        vec![begun("r4")],
    ]);
    let (proxy, store, _folder) = recorded(&upstream);
    let mut stream = opened(&Client::new(&proxy.base_url));
    let create = |number: usize| {
        event(&json!({"type": "response.create", "model": "gpt-6.1-sol", "input": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": format!("question {number}")}]}]}))
    };
    for (number, until) in
        [(1, "response.completed"), (2, "error"), (3, "response.incomplete"), (4, "response.created")]
    {
        stream.write_all(&create(number)).unwrap();
        while read_message(&mut stream).unwrap()["type"] != until {}
    }
    drop(stream);
    let rows = record(&store, 4);
    let seen: Vec<_> = rows
        .iter()
        .map(|row| {
            let usage = row.usage.map(|usage| (usage.uncached, usage.cache_read, usage.output));
            (row.status, row.complete, usage)
        })
        .collect();
    assert_eq!(
        seen,
        [
            (200, true, Some((Tokens(360), Tokens(640), Tokens(20)))),
            (529, true, None),
            (200, true, Some((Tokens(500), Tokens(0), Tokens(9)))),
            (200, false, None),
        ]
    );
}

#[test]
fn a_drain_waits_for_an_answer_and_not_for_a_silent_web_socket() {
    let (go, going) = mpsc::channel();
    let going = Mutex::new(going);
    let upstream = agreeing(move |stream| {
        while read_message(stream).is_some() {
            let _ = stream.write_all(&said(&json!({"type": "response.created", "response": {"id": "r"}})));
            let _ = going.lock().unwrap().recv();
            let _ = stream.write_all(&said(&json!({"type": "response.completed", "response": {"id": "r"}})));
        }
        Next::Close
    });
    let (proxy, client) = before(&upstream);
    let mut silent = opened(&client);
    let mut stream = opened(&client);
    stream.write_all(&event(&json!({"type": "response.create", "input": []}))).unwrap();
    assert_eq!(read_message(&mut stream).unwrap()["type"], "response.created");
    let draining = std::thread::spawn(move || proxy.drain(PATIENCE));
    assert_eq!(silent.read(&mut [0]).unwrap(), 0, "nobody waits for it");
    assert!(!draining.is_finished());
    go.send(()).unwrap();
    assert_eq!(read_message(&mut stream).unwrap()["type"], "response.completed");
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    draining.join().unwrap();
}

/// A session as Codex holds it over a WebSocket: what is new is sent, and the response it follows on;
/// after a lost connection the whole history, as it was before anything was shortened.
struct Session {
    /// All items, the model's too.
    history: Vec<Value>,
    /// How many of them the provider has.
    known: usize,
    previous: Option<Value>,
    /// What was printed, by the call it answers.
    printed: Vec<(String, String)>,
}

impl Session {
    fn asking(question: &str) -> Session {
        let tools = json!([{"type": "namespace", "name": "functions", "description": "tools", "tools": [
            {"type": "custom", "name": "exec", "description": "Runs JavaScript.", "format": {"type": "text"}}]}]);
        let history = vec![
            json!({"type": "additional_tools", "id": "at_1", "role": "developer", "tools": tools}),
            json!({"type": "message", "id": "m_1", "role": "developer", "content": [{"type": "input_text", "text": "You are careful. ".repeat(400)}]}),
            json!({"type": "message", "id": "m_2", "role": "user", "content": [{"type": "input_text", "text": question}]}),
        ];
        Session { history, known: 0, previous: None, printed: Vec::new() }
    }

    /// The next request.
    fn create(&self) -> Value {
        let mut create = json!({"type": "response.create", "model": "gpt-6.1-sol", "stream": true, "store": false,
            "input": self.history[self.known..], "tool_choice": "auto", "parallel_tool_calls": false,
            "include": ["reasoning.encrypted_content"], "prompt_cache_key": "11111111-2222-4333-8444-555555555555"});
        if let Some(previous) = &self.previous {
            create["previous_response_id"] = previous.clone();
        }
        create
    }

    /// Asks, and runs the command that the model calls for: it prints `text`. False when there is none.
    #[track_caller]
    fn turn(&mut self, socket: &mut Socket, text: &str) -> bool {
        let events = socket.ask(&self.create());
        let last = events.last().expect("an answer");
        assert_eq!(last["type"], "response.completed", "{last}");
        self.previous = Some(last["response"]["id"].clone());
        let said: Vec<Value> = events
            .iter()
            .filter(|event| event["type"] == "response.output_item.done")
            .map(|event| event["item"].clone())
            .collect();
        let call =
            said.iter().find(|item| item["type"] == "custom_tool_call").map(|call| call["call_id"].clone());
        self.history.extend(said);
        self.known = self.history.len();
        let Some(call) = call else { return false };
        self.history.push(json!({"type": "custom_tool_call_output", "id": format!("ct_{}", self.known), "call_id": call, "output": [
            {"type": "input_text", "text": "Script completed\nWall time 0.1 seconds\nOutput:\n"},
            {"type": "input_text", "text": text}]}));
        self.printed.push((call.as_str().expect("an id").to_owned(), text.to_owned()));
        true
    }

    /// The connection is lost, and with it what the provider remembers of it.
    fn is_cut(&mut self) {
        (self.known, self.previous) = (0, None);
        // Codex names its own items anew.
        for item in &mut self.history {
            if item["type"] == "custom_tool_call_output" {
                item["id"] = json!("ct_again");
            }
        }
    }
}

/// Every output that a request to the provider holds, by the call it answers.
fn outputs(body: &Value) -> Vec<(String, String)> {
    let items = body["input"].as_array().expect("items");
    let outputs = items.iter().filter(|item| item["type"] == "custom_tool_call_output");
    outputs
        .map(|item| {
            (
                item["call_id"].as_str().expect("an id").to_owned(),
                item["output"][1]["text"].as_str().expect("a text").to_owned(),
            )
        })
        .collect()
}

/// A world whose model runs a command on each of so many turns, and then is done.
fn running(commands: usize) -> World {
    let turns = (0..commands).map(|number| Turn::runs(&format!("cat {number}.log")).thinking_first("Hm."));
    World::with(Rules::default(), by_history(turns))
}

#[test]
fn a_session_is_shortened_and_only_ever_extended() {
    let world = running(5);
    let proxy = world.proxy();
    let mut socket = proxy.client().socket("/v1/responses").expect("an upgrade");
    let mut session = Session::asking("What is wrong?");
    let printed = [log(300), rows(200), "short".to_owned(), log(500), rows(90)];
    for text in &printed {
        assert!(session.turn(&mut socket, text));
    }
    assert!(!session.turn(&mut socket, ""));
    let provider = world.provider();
    assert_eq!(provider.broken_prefixes(), []);
    let messages = provider.messages();
    assert_eq!(messages.len(), 6);
    let sent: Vec<(String, String)> = messages.iter().flat_map(|message| outputs(&message.json())).collect();
    assert_eq!(sent.len(), 5, "each once");
    for (number, ((_, sent), text)) in sent.iter().zip(&printed).enumerate() {
        assert_eq!(sent == text, number == 2, "{number}: {} of {} bytes", sent.len(), text.len());
        assert!(sent.len() <= text.len());
    }
    // All that was in a prompt is read from the cache in the next.
    let usages: Vec<Usage> = messages.iter().map(|message| message.usage.expect("a usage")).collect();
    for pair in usages.windows(2) {
        assert!(pair[0].input() <= pair[1].cache_read + Tokens(256), "{pair:?}");
    }
    // What was shortened before stands in every later prompt, though it is not in the message.
    drop(socket);
    assert_eq!(proxy.drain(), 0);
    let store = Store::open(&world.headroom_home(), Limits::default()).unwrap();
    let rows = store.requests(&Filter::default()).unwrap();
    let (mut before, mut after) = (Tokens(0), Tokens(0));
    for row in &rows {
        assert_eq!((row.replayed_before, row.replayed_after), (before, after), "request {}", row.number);
        (before, after) = (before + row.first_before, after + row.first_after);
    }
    assert!(Tokens(10_000) < before && after < before, "{before:?} {after:?}");
}

#[test]
fn a_history_that_is_sent_again_after_a_lost_connection_is_sent_as_it_was() {
    for restarted in [false, true] {
        let world = running(4);
        let mut proxy = world.proxy();
        let mut socket = proxy.client().socket("/v1/responses").expect("an upgrade");
        let mut session = Session::asking("What is wrong?");
        for text in [log(300), rows(200), log(400)] {
            assert!(session.turn(&mut socket, &text));
        }
        drop(socket);
        session.is_cut();
        if restarted {
            proxy.kill_9();
            proxy = world.proxy();
        }
        let mut socket = proxy.client().socket("/v1/responses").expect("an upgrade");
        assert!(session.turn(&mut socket, &log(500)), "the whole history");
        assert!(!session.turn(&mut socket, ""));
        let provider = world.provider();
        assert_eq!(provider.broken_prefixes(), [], "restarted: {restarted}");
        let messages: Vec<Value> = provider.messages().iter().map(|message| message.json()).collect();
        let (pieces, whole) = (&messages[..3], &messages[3]);
        let first: Vec<_> = pieces.iter().flat_map(outputs).collect();
        assert_eq!(outputs(whole)[..2], first, "restarted: {restarted}");
        for ((_, sent), (_, text)) in outputs(whole).iter().zip(&session.printed) {
            assert!(sent.len() < text.len(), "restarted: {restarted}");
        }
        let read = provider.messages()[3].usage.expect("a usage").cache_read;
        let before = provider.messages()[2].usage.expect("a usage").input();
        assert!(before <= read + Tokens(256), "restarted: {restarted}: {before:?} {read:?}");
    }
}

#[test]
fn an_error_in_between_changes_nothing_that_was_sent() {
    let turns = [
        Turn::runs("cat 1.log"),
        Turn::runs("cat 2.log"),
        Turn::fails(529, "overloaded_error", "Busy"),
        Turn::runs("cat 3.log"),
        Turn::runs("cat 4.log").ending(Ending::CutAfter(700)),
        Turn::runs("cat 4.log"),
    ];
    let world = World::with(Rules::default(), in_order(turns));
    let proxy = world.proxy();
    let mut socket = proxy.client().socket("/v1/responses").expect("an upgrade");
    let mut session = Session::asking("What is wrong?");
    assert!(session.turn(&mut socket, &log(300)));
    assert!(session.turn(&mut socket, &rows(200)));
    let refused = socket.ask(&session.create());
    assert_eq!((&refused[0]["type"], &refused[0]["status"]), (&json!("error"), &json!(529)));
    session.is_cut();
    let mut socket = proxy.client().socket("/v1/responses").expect("an upgrade");
    assert!(session.turn(&mut socket, &log(400)));
    let cut = socket.ask(&session.create());
    assert!(cut.iter().all(|event| event["type"] != "response.completed"));
    session.is_cut();
    let mut socket = proxy.client().socket("/v1/responses").expect("an upgrade");
    assert!(session.turn(&mut socket, "the end"));
    assert_eq!(world.provider().broken_prefixes(), []);
    let last = world.provider().messages().pop().expect("a message").json();
    for ((_, sent), (_, text)) in outputs(&last).iter().zip(&session.printed) {
        assert!(sent.len() < text.len(), "{} of {} bytes", sent.len(), text.len());
    }
}

#[test]
fn two_sessions_and_two_requests_at_once_keep_apart() {
    let world =
        World::with(Rules::default(), by_history((0..2).map(|number| Turn::runs(&format!("cat {number}")))));
    let proxy = world.proxy();
    let client = proxy.client();
    let mut sockets = [
        client.socket("/v1/responses").expect("an upgrade"),
        client.socket("/v1/responses").expect("an upgrade"),
    ];
    let mut sessions = [Session::asking("What is wrong?"), Session::asking("A title, please.")];
    for text in [log(300), log(301)] {
        for (socket, session) in sockets.iter_mut().zip(&mut sessions) {
            assert!(session.turn(socket, &text));
        }
    }
    for (socket, session) in sockets.iter_mut().zip(&mut sessions) {
        assert!(!session.turn(socket, ""));
    }
    // Nobody may ask before the answer has ended; who does so all the same loses nothing.
    let aside = json!({"type": "response.create", "model": "gpt-6.1-sol", "input": "Hello?"});
    sockets[0].send(&aside);
    sockets[0].send(&aside);
    for _ in 0..2 {
        while sockets[0].next().expect("an event")["type"] != "response.completed" {}
    }
    assert_eq!(world.provider().broken_prefixes(), []);
    drop(sockets);
    assert_eq!(proxy.drain(), 0);
    let store = Store::open(&world.headroom_home(), Limits::default()).unwrap();
    let rows = store.requests(&Filter::default()).unwrap();
    assert_eq!(rows.len(), 8);
    assert!(rows.iter().all(|row| row.status == 200 && row.complete && row.usage.is_some()), "{rows:?}");
}

#[test]
fn a_long_output_in_parts_with_pings_between_is_shortened_too() {
    let (upstream, asked) = answering(vec![vec![
        json!({"type": "response.completed", "response": {"id": "r", "usage": usage(1, 0, 1)}}),
    ]]);
    let (proxy, _store, _folder) = recorded(&upstream);
    let mut stream = opened(&Client::new(&proxy.base_url));
    let mut session = Session::asking("What is wrong?");
    session.history.push(json!({"type": "custom_tool_call", "call_id": "c", "name": "exec", "input": "x"}));
    session.history.push(json!({"type": "custom_tool_call_output", "call_id": "c", "output": [
        {"type": "input_text", "text": "Script completed"}, {"type": "input_text", "text": log(3000)}]}));
    let text = session.create().to_string().into_bytes();
    assert!(250_000 < text.len(), "{}", text.len());
    let parts: Vec<&[u8]> = text.chunks(10_000).collect();
    for (number, part) in parts.iter().enumerate() {
        let last = if number + 1 == parts.len() { 0x80 } else { 0 };
        stream.write_all(&frame(last | u8::from(number == 0), part, Some([1, 2, 3, number as u8]))).unwrap();
        stream.write_all(&frame(0x89, b"still there?", Some([9; 4]))).unwrap();
    }
    assert_eq!(read_message(&mut stream).unwrap()["type"], "response.completed");
    let asked = asked.lock().unwrap();
    let (_, sent) = outputs(&asked[0]).remove(0);
    assert!(sent.len() < 50_000, "{}", sent.len());
    // Nothing but that text is different.
    let mut whole = asked[0].clone();
    whole["input"][4]["output"][1]["text"] = json!(log(3000));
    assert_eq!(whole, session.create());
    assert_eq!(proxy.counts().rewritten, 1);
}

#[test]
fn a_message_of_five_megabytes_arrives_as_it_was_sent() {
    let (upstream, kept) = keeping();
    let (proxy, client) = before(&upstream);
    let mut stream = opened(&client);
    let bytes = event(&json!({"type": "response.create", "model": "m", "input": [
        {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "A".repeat(5_000_000)}]}]}));
    stream.write_all(&bytes).unwrap();
    eventually("it is on its way", || proxy.counts().requests == 2);
    stream.shutdown(Shutdown::Write).unwrap();
    let got = kept.recv().unwrap();
    assert!(got == bytes, "{} of {} bytes", got.len(), bytes.len());
}

#[test]
fn a_web_socket_for_something_else_is_a_tunnel_with_all_that_was_offered() {
    let (upstream, kept) = keeping();
    let (proxy, client) = before(&upstream);
    let (mut stream, head) = asked(&client, "/v1/realtime?model=gpt-realtime");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let bytes = event(&json!({"type": "response.create", "response": {"instructions": "Say hello."}}));
    stream.write_all(&bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(kept.recv().unwrap(), bytes);
    let offered = upstream.only();
    assert_eq!(
        offered.header("sec-websocket-extensions"),
        Some("permessage-deflate; client_max_window_bits")
    );
    assert_eq!((proxy.counts().requests, proxy.counts().faults), (1, 0), "nothing in it is a request");
}

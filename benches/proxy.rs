//! What the proxy adds: latency against direct in the same run, and requests a second.
//!
//! `cargo bench --bench proxy`. Client, proxy and upstream share the machine, so
//! the differences count, not the sums. Nothing is new in these requests: what
//! there is to shorten was shortened in the first one and is replayed.

#![allow(clippy::disallowed_methods, clippy::print_stdout, missing_docs)]

use headroom::compress::Effort;
use headroom::proxy::{self, Answers, Outbound, Running, Setup, Upstreams};
use headroom::rewrite::{Profile, Settings, WayBack};
use headroom::store::{Limits, Store};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SIZES: [(&str, usize, usize); 3] =
    [("2 KB", 2 << 10, 4000), ("200 KB", 200 << 10, 600), ("1 MB", 1 << 20, 200)];
const RATE_FOR: Duration = Duration::from_secs(4);
const CONNECTIONS: [usize; 3] = [1, 8, 32];

fn main() {
    // `cargo test --all-targets` runs this too, without being asked to measure.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let upstream = upstream();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let proxy = start(upstream, folder.path());
    let direct = Target { address: upstream, path: String::new() };
    let secret = proxy.base_url.rsplit('/').next().expect("a secret").to_owned();
    let through = Target { address: proxy.address, path: format!("/{secret}") };

    println!(
        "{:<8} {:>12} {:>12} {:>12} {:>12} {:>10}",
        "body", "direct p50", "through p50", "added p50", "added p99", "sent on"
    );
    for (name, size, rounds) in SIZES {
        let body = conversation(size);
        let (mut near, mut far) = (Client::new(&direct, &body), Client::new(&through, &body));
        for _ in 0..rounds / 10 + 5 {
            near.ask();
            far.ask();
        }
        let (mut nears, mut fars) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            nears.push(near.ask());
            fars.push(far.ask());
        }
        let (near, far) = (Percentiles::of(nears), Percentiles::of(fars));
        println!(
            "{name:<8} {:>9.3} ms {:>9.3} ms {:>9.3} ms {:>9.3} ms {:>10}",
            near.p50,
            far.p50,
            far.p50 - near.p50,
            far.p99 - near.p99,
            LAST_LENGTH.load(Ordering::Relaxed),
        );
    }
    println!();
    println!("{:<8} {:>12} {:>14} {:>14}", "2 KB", "connections", "direct req/s", "through req/s");
    let body = conversation(2 << 10);
    for connections in CONNECTIONS {
        let (near, far) = (rate(&direct, &body, connections), rate(&through, &body, connections));
        println!("{:<8} {connections:>12} {near:>14.0} {far:>14.0}", "");
    }
    println!("\n{:?}", proxy.counts());
    proxy.drain(Duration::from_secs(5));
}

fn start(upstream: SocketAddr, folder: &std::path::Path) -> Running {
    proxy::start(Setup {
        upstreams: Upstreams::only(format!("http://{upstream}")),
        port: 0,
        secret: Some("0123456789abcdef0123456789abcdef".to_owned()),
        run: "bench".to_owned(),
        agent: "claude".to_owned(),
        project: "/project".to_owned(),
        settings: Settings {
            profile: Profile::Shorten(Effort::Balanced),
            on: true,
            way_back: WayBack::Proven,
            rules: Arc::default(),
            frames: Arc::default(),
        },
        answers: Answers::TheClient,
        store: Some(Arc::new(Store::open(folder, Limits::default()).expect("a store"))),
        extra_roots: Vec::new(),
        outbound: Outbound::default(),
        aws: proxy::Aws::default(),
    })
    .expect("a proxy")
}

/// A conversation of about `size` bytes: questions, calls, and outputs of at most 20 KB.
fn conversation(size: usize) -> Vec<u8> {
    let mut messages = vec![json!({"role": "user", "content": "Find out why the build is slow."})];
    let mut written = 700;
    let mut number = 0;
    while written < size {
        let output = (size - written).min(20_000);
        messages.push(json!({"role": "assistant", "content": [
            {"type": "text", "text": "I look at the next part."},
            {"type": "tool_use", "id": format!("toolu_{number:06}"), "name": "Bash", "input": {"command": format!("cat part-{number}.log")}},
        ]}));
        messages.push(json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": format!("toolu_{number:06}"), "content": log(number, output)},
        ]}));
        number += 1;
        written += output + 400;
    }
    let body: Value = json!({
        "model": "claude-sonnet-4-5",
        "max_tokens": 1024,
        "stream": false,
        "metadata": {"user_id": "user_bench_session_00000000-0000-0000-0000-000000000000"},
        "system": [{"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral"}}],
        "tools": [{"name": "Bash", "description": "Runs a command", "input_schema": {"type": "object"}}],
        "messages": messages,
    });
    body.to_string().into_bytes()
}

fn log(seed: usize, length: usize) -> String {
    let mut text = String::with_capacity(length + 100);
    let mut line = seed * 1000;
    while text.len() < length {
        text.push_str(&format!(
            "2026-01-02T03:{:02}:{:02}.{:03}Z INFO worker-{} handled request {} in {} ms\n",
            line / 60 % 60,
            line % 60,
            line * 7 % 1000,
            line % 8,
            line * 31,
            line * 13 % 97
        ));
        line += 1;
    }
    text.truncate(length);
    text
}

struct Target {
    address: SocketAddr,
    path: String,
}

struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Client {
    fn new(target: &Target, body: &[u8]) -> Client {
        let stream = TcpStream::connect(target.address).expect("it listens");
        stream.set_nodelay(true).expect("an option");
        let mut request = format!(
            "POST {}/v1/messages?beta=true HTTP/1.1\r\nHost: {}\r\nx-api-key: k\r\nanthropic-version: 2023-06-01\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            target.path,
            target.address,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        Client { stream, request, answer: vec![0; 4096] }
    }

    fn ask(&mut self) -> Duration {
        let began = Instant::now();
        self.stream.write_all(&self.request).expect("it reads");
        let mut read = 0;
        while !self.answer[..read].ends_with(b"\n\n") {
            read += self.stream.read(&mut self.answer[read..]).expect("it answers");
        }
        began.elapsed()
    }
}

struct Percentiles {
    p50: f64,
    p99: f64,
}

impl Percentiles {
    fn of(mut times: Vec<Duration>) -> Percentiles {
        times.sort_unstable();
        let at = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e3;
        Percentiles { p50: at(50), p99: at(99) }
    }
}

fn rate(target: &Target, body: &[u8], connections: usize) -> f64 {
    let (stop, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let began = Instant::now();
    std::thread::scope(|threads| {
        for _ in 0..connections {
            threads.spawn(|| {
                let mut client = Client::new(target, body);
                while !stop.load(Ordering::Relaxed) {
                    client.ask();
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(RATE_FOR);
        stop.store(true, Ordering::Relaxed);
    });
    asked.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
}

/// The length of the last body that the upstream was sent.
static LAST_LENGTH: AtomicU64 = AtomicU64::new(0);

const ANSWER: &str = "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"usage\":{\"input_tokens\":5,\"output_tokens\":7}}\n\n";

/// An upstream that reads a request and answers in one write.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ANSWER}",
        ANSWER.len()
    );
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = answer.clone();
            std::thread::spawn(move || serve(stream, &answer));
        }
    });
    address
}

fn serve(mut stream: TcpStream, answer: &str) {
    let _ = stream.set_nodelay(true);
    let mut buffer = vec![0; 256 << 10];
    loop {
        let mut read = 0;
        let head = loop {
            match stream.read(&mut buffer[read..]) {
                Ok(more) if more != 0 => read += more,
                _ => return,
            }
            if let Some(end) = memchr::memmem::find(&buffer[..read], b"\r\n\r\n") {
                break end + 4;
            }
        };
        let said = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
        let length =
            said.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next()?.parse().ok());
        let length: usize = length.expect("a length");
        let mut left = (head + length).saturating_sub(read);
        while left != 0 {
            let most = left.min(buffer.len());
            match stream.read(&mut buffer[..most]) {
                Ok(more) if more != 0 => left -= more,
                _ => return,
            }
        }
        LAST_LENGTH.store(length as u64, Ordering::Relaxed);
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

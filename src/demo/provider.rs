//! A provider of Anthropic messages that lives in this process: scripted, exact, and able to fail.
//!
//! Listens on 127.0.0.1 at a free port, on a thread of its own. Keeps what it was
//! sent, byte for byte, and simulates the prompt cache. Speaks HTTP/1.1 by hand, so
//! that it can also speak it badly: half events, resets, bytes that are no HTTP.

// A floor where clocks are read: the provider has one of its own, which can be moved.
#![allow(clippy::disallowed_methods)]

use super::cache::{Bill, Cache, Counter, Digest, Prompt, render};
use super::check;
use super::script::{Answer, Asked, Encoding, Ending, Pace, Piece, Script, Turn, in_order};
use crate::receipt::Usage;
use crate::units::Tokens;
use bytes::Bytes;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// No request may have a head or a body longer than this.
const LONGEST_HEAD: usize = 1 << 20;
const LONGEST_BODY: usize = 256 << 20;
/// The API's own limit for a request's body, from its "Errors" page (`request_too_large`).
const API_LIMIT: usize = 32 << 20;

/// What the provider is like.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Whether its prompt cache works.
    pub caching: Caching,
    /// No shorter prefix is cached.
    pub shortest_prefix: Tokens,
    /// What it refuses.
    pub checks: Checks,
    /// Whether a thought is bound to the exact history before it.
    pub thoughts: Thoughts,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            caching: Caching::Works,
            shortest_prefix: Tokens(1024),
            checks: Checks::All,
            thoughts: Thoughts::Bound,
        }
    }
}

/// Whether the prompt cache works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// As documented.
    Works,
    /// Works for so many requests for a message; from then on nothing is ever found again.
    StopsAfter(usize),
}

/// What the provider refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// What the real one refuses: no login, odd bodies, too many breakpoints, unpaired tool calls.
    All,
    /// Nothing: every body gets the script's answer.
    None,
}

/// Whether a thought is bound to what stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thoughts {
    /// A changed history is answered with 400.
    Bound,
    /// It is not looked at.
    Free,
}

/// A provider that runs; stops when dropped.
pub struct Provider {
    address: SocketAddr,
    house: Arc<House>,
    runtime: Option<tokio::runtime::Runtime>,
}

/// A request that came, and what became of it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// Path and query, as sent.
    pub target: String,
    /// Headers in the order and the case in which they came.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, unchunked.
    pub body: Bytes,
    /// When it had come in whole, since the provider began.
    pub at: Duration,
    /// The status it was answered with; 0 when none was.
    pub status: u16,
    /// What it was billed; `None` when it was no message or failed.
    pub usage: Option<Usage>,
    /// Why it was refused; empty when it was not.
    pub refused: String,
    /// When the answer had gone out whole.
    pub answered: Option<Duration>,
    /// When the client was seen to leave before that.
    pub left: Option<Duration>,
}

impl Seen {
    /// The value of a header, by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// True for a request for a message (not `count_tokens`).
    pub fn is_message(&self) -> bool {
        self.method == "POST" && path_of(&self.target) == "/v1/messages"
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A request whose prompt differs from an earlier one's inside the history that both share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenPrefix {
    /// Which request (index into [`Provider::seen`]).
    pub request: usize,
    /// Which earlier request it should have extended.
    pub earlier: usize,
    /// The first block that differs.
    pub path: String,
}

struct House {
    rules: Rules,
    began: Instant,
    state: Mutex<State>,
}

struct State {
    script: Script,
    moved: Duration,
    seen: Vec<Seen>,
    prompts: Vec<(usize, Prompt)>,
    broken: Vec<BrokenPrefix>,
    counter: Counter,
    cache: Cache,
    messages: usize,
    blocks: usize,
}

impl Provider {
    /// Starts one that answers by `script`.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(rules: Rules, script: Script) -> io::Result<Provider> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("demo-provider")
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let address = listener.local_addr()?;
        let state = State {
            script,
            moved: Duration::ZERO,
            seen: Vec::new(),
            prompts: Vec::new(),
            broken: Vec::new(),
            counter: Counter::default(),
            cache: Cache::default(),
            messages: 0,
            blocks: 0,
        };
        let house = Arc::new(House { rules, began: Instant::now(), state: Mutex::new(state) });
        runtime.spawn(accept(listener, house.clone()));
        Ok(Provider { address, house, runtime: Some(runtime) })
    }

    /// Starts one that answers with `turns` in order, then with `done`.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn saying(turns: impl IntoIterator<Item = Turn>) -> io::Result<Provider> {
        Provider::start(Rules::default(), in_order(turns))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers by another script from now on.
    pub fn now_says(&self, script: Script) {
        self.house.state().script = script;
    }

    /// Every request so far, in the order in which they had come in whole.
    pub fn seen(&self) -> Vec<Seen> {
        self.house.state().seen.clone()
    }

    /// Only the requests for a message.
    pub fn messages(&self) -> Vec<Seen> {
        self.house.state().seen.iter().filter(|seen| seen.is_message()).cloned().collect()
    }

    /// Requests that changed what an earlier one of the same conversation had sent.
    pub fn broken_prefixes(&self) -> Vec<BrokenPrefix> {
        self.house.state().broken.clone()
    }

    /// Moves the provider's clock on: cache entries expire by it.
    pub fn advance(&self, by: Duration) {
        self.house.state().moved += by;
    }

    /// Empties the prompt cache, as a provider under load may.
    pub fn forget_cache(&self) {
        self.house.state().cache.forget();
    }

    /// What all messages together were billed.
    pub fn billed(&self) -> Usage {
        let state = self.house.state();
        state.seen.iter().filter_map(|seen| seen.usage).fold(Usage::default(), |sum, usage| Usage {
            uncached: sum.uncached + usage.uncached,
            cache_read: sum.cache_read + usage.cache_read,
            cache_write_5m: sum.cache_write_5m + usage.cache_write_5m,
            cache_write_1h: sum.cache_write_1h + usage.cache_write_1h,
            output: sum.output + usage.output,
        })
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl House {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, number: usize, change: impl FnOnce(&mut Seen, Duration)) {
        let now = self.began.elapsed();
        if let Some(seen) = self.state().seen.get_mut(number) {
            change(seen, now);
        }
    }
}

async fn accept(listener: TcpListener, house: Arc<House>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                tokio::spawn(converse(stream, house.clone()));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// One connection, request after request.
async fn converse(mut stream: TcpStream, house: Arc<House>) {
    let mut pending = Vec::new();
    loop {
        let request = match read_request(&mut stream, &mut pending).await {
            Ok(Some(request)) => request,
            Ok(None) => return,
            Err(error) => {
                let reply = plain_reply(400, &error_body("invalid_request_error", &error.to_string()), &[]);
                let _ = stream.write_all(&reply).await;
                return;
            }
        };
        let closes = request.closes();
        let (number, planned) = plan(&house, request);
        match perform(&mut stream, planned).await {
            Performed::Whole => house.note(number, |seen, now| seen.answered = Some(now)),
            Performed::ClientLeft => {
                house.note(number, |seen, now| seen.left = Some(now));
                return;
            }
            Performed::BrokenOff => return,
        }
        if closes {
            return;
        }
    }
}

struct Request {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| std::str::from_utf8(value).ok())
    }

    fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

fn odd(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// Reads one request; `None` when the client closed between two.
async fn read_request(stream: &mut TcpStream, pending: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let mut searched = 0_usize;
    let end = loop {
        let from = searched.saturating_sub(3);
        if let Some(at) = memchr::memmem::find(&pending[from..], b"\r\n\r\n") {
            break from + at;
        }
        searched = pending.len();
        if LONGEST_HEAD < searched {
            return Err(odd("the head is too long"));
        }
        if !more(stream, pending).await? {
            return if pending.is_empty() { Ok(None) } else { Err(odd("the head ends early")) };
        }
    };
    let head: Vec<u8> = pending.drain(..end + 4).collect();
    let mut lines =
        head[..end].split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = String::from_utf8(lines.next().unwrap_or_default().to_vec())
        .map_err(|_| odd("the request line is not text"))?;
    let mut words = first.split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(odd(format!("not a request line: {first}")));
    };
    let mut headers = Vec::new();
    for line in lines {
        let colon = memchr::memchr(b':', line).ok_or_else(|| odd("a header without a colon"))?;
        let name =
            String::from_utf8(line[..colon].to_vec()).map_err(|_| odd("a header's name is not text"))?;
        headers.push((name, line[colon + 1..].trim_ascii().to_vec()));
    }
    let mut request =
        Request { method: method.to_owned(), target: target.to_owned(), headers, body: Vec::new() };
    let chunked =
        request.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    let length = match request.header("content-length") {
        Some(_) if chunked => return Err(odd("both a length and chunks")),
        Some(length) => length.parse().map_err(|_| odd("content-length is no number"))?,
        None => 0,
    };
    if LONGEST_BODY < length {
        return Err(odd("the body is too long"));
    }
    if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    request.body =
        if chunked { read_chunks(stream, pending).await? } else { take(stream, pending, length).await? };
    Ok(Some(request))
}

async fn read_chunks(stream: &mut TcpStream, pending: &mut Vec<u8>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = take_line(stream, pending).await?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length = usize::from_str_radix(digits, 16).map_err(|_| odd("a chunk without a length"))?;
        if LONGEST_BODY < length.saturating_add(body.len()) {
            return Err(odd("the body is too long"));
        }
        if length == 0 {
            while !take_line(stream, pending).await?.is_empty() {}
            return Ok(body);
        }
        body.extend(take(stream, pending, length).await?);
        if !take_line(stream, pending).await?.is_empty() {
            return Err(odd("a chunk longer than its length"));
        }
    }
}

async fn take_line(stream: &mut TcpStream, pending: &mut Vec<u8>) -> io::Result<String> {
    loop {
        if let Some(end) = memchr::memmem::find(pending, b"\r\n") {
            let line: Vec<u8> = pending.drain(..end + 2).collect();
            return String::from_utf8(line[..end].to_vec()).map_err(|_| odd("a chunk's head is not text"));
        }
        if LONGEST_HEAD < pending.len() || !more(stream, pending).await? {
            return Err(odd("the body ends early"));
        }
    }
}

async fn take(stream: &mut TcpStream, pending: &mut Vec<u8>, length: usize) -> io::Result<Vec<u8>> {
    while pending.len() < length {
        if !more(stream, pending).await? {
            return Err(odd("the body ends early"));
        }
    }
    let rest = pending.split_off(length);
    Ok(std::mem::replace(pending, rest))
}

async fn more(stream: &mut TcpStream, pending: &mut Vec<u8>) -> io::Result<bool> {
    pending.reserve(64 << 10);
    Ok(stream.read_buf(pending).await? != 0)
}

/// What goes out for one request.
struct Planned {
    wait: Duration,
    head: Vec<u8>,
    /// The body in writes, each followed by the pause.
    writes: Vec<Vec<u8>>,
    pause: Duration,
    ending: Ending,
    chunked: bool,
    closes: bool,
}

impl Planned {
    fn reply(bytes: Vec<u8>) -> Planned {
        Planned {
            wait: Duration::ZERO,
            head: bytes,
            writes: Vec::new(),
            pause: Duration::ZERO,
            ending: Ending::Whole,
            chunked: false,
            closes: false,
        }
    }

    fn error(status: u16, kind: &str, message: &str) -> Planned {
        Planned::reply(plain_reply(status, &error_body(kind, message), &[]))
    }
}

/// Writes the request down and decides what to answer.
fn plan(house: &House, request: Request) -> (usize, Planned) {
    let now = house.began.elapsed();
    let mut guard = house.state();
    let state = &mut *guard;
    let number = state.seen.len();
    let login =
        request.header("x-api-key").or(request.header("authorization")).unwrap_or_default().to_owned();
    let (head_only, path) = (request.method == "HEAD", path_of(&request.target).to_owned());
    let asks = match (request.method.as_str(), path.as_str()) {
        ("POST", "/v1/messages") => Asks::Message,
        ("POST", "/v1/messages/count_tokens") => Asks::Count,
        ("HEAD", "/") => Asks::Life,
        _ => Asks::Nothing,
    };
    state.seen.push(Seen {
        method: request.method,
        target: request.target,
        headers: request.headers,
        body: Bytes::from(request.body),
        at: now,
        status: 0,
        usage: None,
        refused: String::new(),
        answered: None,
        left: None,
    });
    let (status, planned) = match asks {
        Asks::Message | Asks::Count => answer(house, state, number, asks, &login),
        Asks::Life => (200, Planned::reply(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec())),
        Asks::Nothing if head_only => {
            (404, Planned::reply(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec()))
        }
        Asks::Nothing => (404, Planned::error(404, "not_found_error", &format!("Not found: {path}"))),
    };
    state.seen[number].status = status;
    (number, planned)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    Message,
    Count,
    Life,
    Nothing,
}

fn answer(house: &House, state: &mut State, number: usize, asks: Asks, login: &str) -> (u16, Planned) {
    let raw = state.seen[number].body.clone();
    let checks = house.rules.checks == Checks::All;
    let refuse = |state: &mut State, status: u16, kind: &str, message: &str| {
        state.seen[number].refused = message.to_owned();
        (status, Planned::error(status, kind, message))
    };
    if checks && login.is_empty() {
        return refuse(state, 401, "authentication_error", "x-api-key header is required");
    }
    if checks && API_LIMIT < raw.len() {
        return refuse(state, 413, "request_too_large", "Request exceeds the maximum size");
    }
    let read: Result<Value, _> = serde_json::from_slice(&raw);
    let body = match read {
        Ok(body) => body,
        Err(error) if checks => {
            let message = format!("The request body is not valid JSON: {error}");
            return refuse(state, 400, "invalid_request_error", &message);
        }
        Err(_) => Value::Null,
    };
    let prompt = render(&body, &mut state.counter);
    if asks == Asks::Count {
        let counted = json!({"input_tokens": prompt.tokens().0}).to_string();
        return (200, Planned::reply(plain_reply(200, &counted, &[])));
    }
    note_broken_prefix(state, number, &prompt);
    let mut fault = checks.then(|| check::fault(&body)).flatten();
    if fault.is_none() && house.rules.thoughts == Thoughts::Bound {
        fault = check::altered_thought(&body, &prompt);
    }
    if let Some(fault) = fault {
        return refuse(state, 400, "invalid_request_error", &fault);
    }

    let asked = Asked { number: state.messages, body: &body };
    let turn = (state.script)(&asked);
    state.messages += 1;
    let pieces = match &turn.answer {
        Answer::Message(pieces) => pieces,
        Answer::Error { status, kind, message } => {
            let reply = plain_reply(*status, &error_body(kind, message), &turn.headers);
            let planned = Planned { wait: turn.wait, ending: turn.ending, ..Planned::reply(reply) };
            return (*status, planned);
        }
        Answer::Bytes(bytes) => {
            let planned = Planned {
                wait: turn.wait,
                ending: turn.ending,
                closes: true,
                ..Planned::reply(bytes.clone())
            };
            return (0, planned);
        }
    };
    let mut bill = charge(house, state, &prompt, &body, login);
    let said = say(state, pieces, &check::history(&prompt));
    bill.usage.output = said.tokens;
    state.seen[number].usage = Some(bill.usage);
    let message = Message {
        id: format!("msg_demo_{number:05}"),
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        said,
        usage: bill.usage,
    };
    let streamed = body["stream"] == Value::Bool(true);
    (200, if streamed { stream_out(&message, &turn) } else { whole_out(&message, &turn) })
}

fn charge(house: &House, state: &mut State, prompt: &Prompt, body: &Value, login: &str) -> Bill {
    let now = house.began.elapsed() + state.moved;
    if let Caching::StopsAfter(requests) = house.rules.caching
        && requests < state.messages
    {
        state.cache.forget();
    }
    let seed = format!("{login}\0{}", body["model"]);
    let bill = state.cache.bill(prompt, &seed, house.rules.shortest_prefix, now);
    state.cache.settle(&bill, now);
    bill
}

/// Compares with the earlier request that shares most of its history.
///
/// A history that another one merely forks from, or cuts short, is not broken: there the
/// blocks differ in what they are. Broken is one whose tool call ids are the same and whose
/// bytes are not, or that goes on as before after the difference.
fn note_broken_prefix(state: &mut State, number: usize, prompt: &Prompt) {
    let same_start = |earlier: &Prompt| {
        let first = |prompt: &Prompt| prompt.blocks.get(prompt.preamble).map(|block| block.digest);
        first(earlier).is_some() && first(earlier) == first(prompt)
    };
    let mut worst: Option<(usize, usize)> = None;
    for (at, (_, earlier)) in state.prompts.iter().enumerate() {
        let (before, after) = (&earlier.blocks[earlier.preamble..], &prompt.blocks[prompt.preamble..]);
        let shared = before.iter().zip(after).take_while(|(old, new)| old.digest == new.digest).count();
        if (same_start(earlier) || shared != 0) && worst.is_none_or(|(_, most)| most <= shared) {
            worst = Some((at, shared));
        }
    }
    if let Some((at, shared)) = worst {
        let (earlier_number, earlier) = &state.prompts[at];
        let (before, after) =
            (&earlier.blocks[earlier.preamble + shared..], &prompt.blocks[prompt.preamble + shared..]);
        let changed = match (before.first(), after.first()) {
            (Some(old), Some(new)) if !old.id.is_empty() => old.id == new.id,
            (Some(_), Some(_)) => {
                let rest = |blocks: &[super::cache::PromptBlock]| -> Vec<Digest> {
                    blocks.iter().skip(1).map(|block| block.digest).collect()
                };
                let (old, new) = (rest(before), rest(after));
                !old.is_empty() && new.starts_with(&old)
            }
            _ => false,
        };
        let (old, new) = (&earlier.blocks[..earlier.preamble], &prompt.blocks[..prompt.preamble]);
        let ahead =
            old.iter().zip(new).find(|(old, new)| old.digest != new.digest).map(|(_, new)| new.path.clone());
        let ahead = ahead.or_else(|| (old.len() != new.len()).then(|| "system or tools".to_owned()));
        let path = ahead.or_else(|| changed.then(|| after[0].path.clone()));
        if let Some(path) = path {
            state.broken.push(BrokenPrefix { request: number, earlier: *earlier_number, path });
        }
    }
    state.prompts.push((number, prompt.clone()));
}

/// The blocks of an answer, as the client will send them back.
struct Said {
    blocks: Vec<Value>,
    tokens: Tokens,
}

fn say(state: &mut State, pieces: &[Piece], history: &Digest) -> Said {
    let mut so_far = *history;
    let mut said = Said { blocks: Vec::new(), tokens: Tokens(0) };
    for piece in pieces {
        let block = match piece {
            Piece::Text(text) => json!({"type": "text", "text": text}),
            Piece::Thinking(thought) => {
                json!({"type": "thinking", "thinking": thought, "signature": check::sign(thought, &so_far)})
            }
            Piece::Call { tool, input } => {
                let id = format!("toolu_demo_{:05}", state.blocks);
                json!({"type": "tool_use", "id": id, "name": tool, "input": input})
            }
        };
        state.blocks += 1;
        said.tokens += state.counter.count(&match piece {
            Piece::Text(text) | Piece::Thinking(text) => text.clone(),
            Piece::Call { tool, input } => format!("{tool} {input}"),
        });
        so_far = check::and_said(&so_far, &block);
        said.blocks.push(block);
    }
    said
}

struct Message {
    id: String,
    model: String,
    said: Said,
    usage: Usage,
}

impl Message {
    fn stop_reason(&self) -> &'static str {
        let calls = self.said.blocks.iter().any(|block| block["type"] == "tool_use");
        if calls { "tool_use" } else { "end_turn" }
    }

    fn usage(&self, output: Tokens) -> Value {
        let usage = &self.usage;
        json!({
            "input_tokens": usage.uncached.0,
            "cache_creation_input_tokens": usage.cache_write_5m.0 + usage.cache_write_1h.0,
            "cache_read_input_tokens": usage.cache_read.0,
            "cache_creation": {
                "ephemeral_5m_input_tokens": usage.cache_write_5m.0,
                "ephemeral_1h_input_tokens": usage.cache_write_1h.0,
            },
            "output_tokens": output.0,
            "service_tier": "standard",
        })
    }

    fn json(&self, content: &[Value], stop_reason: Option<&str>, output: Tokens) -> Value {
        json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": null,
            "usage": self.usage(output),
        })
    }
}

fn whole_out(message: &Message, turn: &Turn) -> Planned {
    let body =
        message.json(&message.said.blocks, Some(message.stop_reason()), message.usage.output).to_string();
    let body = encode(vec![body.into_bytes()], turn.encoding).concat();
    let head = head(200, "application/json", Some(body.len()), turn.encoding, &turn.headers);
    Planned {
        wait: turn.wait,
        head,
        writes: cut(vec![body], turn.pace),
        pause: pause(turn.pace),
        ending: turn.ending.clone(),
        chunked: false,
        closes: false,
    }
}

fn stream_out(message: &Message, turn: &Turn) -> Planned {
    let mut events = vec![
        event("message_start", json!({"message": message.json(&[], None, Tokens(1))})),
        event("ping", json!({})),
    ];
    for (index, block) in message.said.blocks.iter().enumerate() {
        stream_block(&mut events, index, block);
    }
    match &turn.ending {
        Ending::ErrorEvent(kind) => {
            events.push(event("error", json!({"error": {"type": kind, "message": "the demo fails here"}})));
        }
        _ => {
            let delta = json!({"stop_reason": message.stop_reason(), "stop_sequence": null});
            let usage = message.usage(message.usage.output);
            events.push(event("message_delta", json!({"delta": delta, "usage": usage})));
            events.push(event("message_stop", json!({})));
        }
    }
    Planned {
        wait: turn.wait,
        head: head(200, "text/event-stream; charset=utf-8", None, turn.encoding, &turn.headers),
        writes: cut(encode(events, turn.encoding), turn.pace),
        pause: pause(turn.pace),
        ending: turn.ending.clone(),
        chunked: true,
        closes: false,
    }
}

fn stream_block(events: &mut Vec<Vec<u8>>, index: usize, block: &Value) {
    let (start, deltas): (Value, Vec<Value>) = match block["type"].as_str() {
        Some("text") => (
            json!({"type": "text", "text": ""}),
            words(block["text"].as_str().unwrap_or_default())
                .map(|text| json!({"type": "text_delta", "text": text}))
                .collect(),
        ),
        Some("thinking") => (
            json!({"type": "thinking", "thinking": "", "signature": ""}),
            words(block["thinking"].as_str().unwrap_or_default())
                .map(|text| json!({"type": "thinking_delta", "thinking": text}))
                .chain([json!({"type": "signature_delta", "signature": block["signature"]})])
                .collect(),
        ),
        _ => (
            json!({"type": "tool_use", "id": block["id"], "name": block["name"], "input": {}}),
            words(&block["input"].to_string())
                .map(|text| json!({"type": "input_json_delta", "partial_json": text}))
                .collect(),
        ),
    };
    events.push(event("content_block_start", json!({"index": index, "content_block": start})));
    for delta in deltas {
        events.push(event("content_block_delta", json!({"index": index, "delta": delta})));
    }
    events.push(event("content_block_stop", json!({"index": index})));
}

/// `text` in pieces of a few words, as a model says it.
fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let all: Vec<&str> = text.split_inclusive(' ').collect();
    all.chunks(4).map(<[&str]>::concat).collect::<Vec<_>>().into_iter()
}

fn event(name: &str, mut data: Value) -> Vec<u8> {
    let mut fields = serde_json::Map::new();
    fields.insert("type".to_owned(), Value::from(name));
    if let Some(more) = data.as_object_mut() {
        fields.append(more);
    }
    format!("event: {name}\ndata: {}\n\n", Value::Object(fields)).into_bytes()
}

fn encode(parts: Vec<Vec<u8>>, encoding: Encoding) -> Vec<Vec<u8>> {
    match encoding {
        Encoding::Plain => parts,
        Encoding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            let mut out: Vec<Vec<u8>> = parts
                .iter()
                .map(|part| {
                    let _ = encoder.write_all(part).and_then(|()| encoder.flush());
                    std::mem::take(encoder.get_mut())
                })
                .collect();
            out.push(encoder.finish().unwrap_or_default());
            out
        }
        Encoding::Zstd => {
            let Ok(mut encoder) = zstd::stream::write::Encoder::new(Vec::new(), 3) else { return parts };
            let mut out: Vec<Vec<u8>> = parts
                .iter()
                .map(|part| {
                    let _ = encoder.write_all(part).and_then(|()| encoder.flush());
                    std::mem::take(encoder.get_mut())
                })
                .collect();
            out.push(encoder.finish().unwrap_or_default());
            out
        }
    }
}

fn cut(parts: Vec<Vec<u8>>, pace: Pace) -> Vec<Vec<u8>> {
    match pace {
        Pace::Whole => vec![parts.concat()],
        Pace::Events(_) => parts.into_iter().filter(|part| !part.is_empty()).collect(),
        Pace::Chopped(bytes, _) => parts.concat().chunks(bytes.max(1)).map(<[u8]>::to_vec).collect(),
    }
}

fn pause(pace: Pace) -> Duration {
    match pace {
        Pace::Whole => Duration::ZERO,
        Pace::Events(pause) | Pace::Chopped(_, pause) => pause,
    }
}

fn head(
    status: u16,
    content_type: &str,
    length: Option<usize>,
    encoding: Encoding,
    headers: &[(String, String)],
) -> Vec<u8> {
    let reason =
        hyper::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("");
    let mut head =
        format!("HTTP/1.1 {status} {reason}\r\ncontent-type: {content_type}\r\nrequest-id: req_demo\r\n");
    match encoding {
        Encoding::Plain => {}
        Encoding::Gzip => head.push_str("content-encoding: gzip\r\n"),
        Encoding::Zstd => head.push_str("content-encoding: zstd\r\n"),
    }
    match length {
        Some(length) => head.push_str(&format!("content-length: {length}\r\n")),
        None => head.push_str("transfer-encoding: chunked\r\n"),
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

fn plain_reply(status: u16, body: &str, headers: &[(String, String)]) -> Vec<u8> {
    let mut reply = head(status, "application/json", Some(body.len()), Encoding::Plain, headers);
    reply.extend_from_slice(body.as_bytes());
    reply
}

fn error_body(kind: &str, message: &str) -> String {
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_demo"})
        .to_string()
}

fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or(target)
}

enum Performed {
    Whole,
    ClientLeft,
    BrokenOff,
}

/// Sends what was planned, unless the client leaves.
async fn perform(stream: &mut TcpStream, planned: Planned) -> Performed {
    if pass(stream, planned.wait).await.is_err() {
        return Performed::ClientLeft;
    }
    let limit = match planned.ending {
        Ending::ResetAtOnce => {
            let _ = stream.set_zero_linger();
            return Performed::BrokenOff;
        }
        Ending::ResetAfter(bytes) | Ending::CutAfter(bytes) | Ending::StallAfter(bytes) => bytes,
        Ending::Whole | Ending::ErrorEvent(_) => usize::MAX,
    };
    if stream.write_all(&planned.head).await.is_err() {
        return Performed::ClientLeft;
    }
    let mut left = limit;
    for write in &planned.writes {
        let part = &write[..write.len().min(left)];
        left -= part.len();
        if !part.is_empty() && send(stream, part, planned.chunked).await.is_err() {
            return Performed::ClientLeft;
        }
        if left == 0 {
            break;
        }
        if pass(stream, planned.pause).await.is_err() {
            return Performed::ClientLeft;
        }
    }
    match planned.ending {
        Ending::ResetAfter(_) => {
            // Lets the client read what was sent: a reset throws away what is still under way.
            let _ = pass(stream, Duration::from_millis(50)).await;
            let _ = stream.set_zero_linger();
            return Performed::BrokenOff;
        }
        Ending::CutAfter(_) => return Performed::BrokenOff,
        Ending::StallAfter(_) => {
            let _ = pass(stream, Duration::from_secs(3600)).await;
            return Performed::ClientLeft;
        }
        Ending::Whole | Ending::ErrorEvent(_) | Ending::ResetAtOnce => {}
    }
    if planned.chunked && stream.write_all(b"0\r\n\r\n").await.is_err() {
        return Performed::ClientLeft;
    }
    if planned.closes { Performed::BrokenOff } else { Performed::Whole }
}

async fn send(stream: &mut TcpStream, part: &[u8], chunked: bool) -> io::Result<()> {
    if !chunked {
        return stream.write_all(part).await;
    }
    let mut chunk = format!("{:x}\r\n", part.len()).into_bytes();
    chunk.extend_from_slice(part);
    chunk.extend_from_slice(b"\r\n");
    stream.write_all(&chunk).await
}

/// Lets time pass; fails when the client leaves meanwhile.
async fn pass(stream: &TcpStream, time: Duration) -> io::Result<()> {
    if time.is_zero() {
        return Ok(());
    }
    tokio::select! {
        () = tokio::time::sleep(time) => Ok(()),
        gone = gone(stream) => Err(gone),
    }
}

async fn gone(stream: &TcpStream) -> io::Error {
    let mut byte = [0];
    match stream.peek(&mut byte).await {
        Ok(0) => io::ErrorKind::UnexpectedEof.into(),
        Err(error) => error,
        // The next request is waiting already; then the client is still there.
        Ok(_) => std::future::pending().await,
    }
}

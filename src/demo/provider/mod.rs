//! A provider that lives in this process and speaks every wire: scripted, exact, and able to fail.
//!
//! Listens on 127.0.0.1, on a thread of its own. Keeps what it was sent, byte for byte, and simulates the
//! prompt caches. Speaks HTTP/1.1 by hand, so that it can also speak it badly: half events, resets, bytes
//! that are no HTTP. Which wire a request speaks is told by the end of its path; a script never needs to know.

// A floor where clocks are read: the provider has one of its own, which can be moved.
#![allow(clippy::disallowed_methods)]

mod decide;
mod fault;
mod http;
mod prefix;
mod route;
mod say;
mod send;
mod side;
mod stream;
mod websocket;

pub mod anthropic;
mod bedrock;
mod chat;
mod gemini;
mod responses;
pub mod tap;

use super::asked::{Asked, Wire};
use super::script::{Piece, Script, Turn, in_order};
use crate::prompt_cache::cache::{Breakpoints, Prefixes};
use crate::prompt_cache::prompt::{Counter, Prompt};
use crate::receipt::Usage;
use crate::units::Tokens;
use bytes::Bytes;
use decide::{Question, decide};
use fault::Fault;
use http::{Request, path_of, read_request, value_of};
use prefix::Prompts;
use route::{Route, route};
use say::{error_body, planned};
use send::{Performed, Planned, perform, plain_reply};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

/// What the provider is like.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Whether its prompt cache works.
    pub caching: Caching,
    /// No shorter prefix is cached, by Anthropic and by OpenAI.
    pub shortest_prefix: Tokens,
    /// No shorter prefix is cached by Gemini.
    pub shortest_gemini_prefix: Tokens,
    /// What it refuses.
    pub checks: Checks,
    /// Whether thoughts must come back as they were said.
    pub thoughts: Thoughts,
    /// Whether it speaks the Responses wire over a WebSocket.
    pub websockets: WebSockets,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            caching: Caching::Works,
            shortest_prefix: Tokens(1024),
            shortest_gemini_prefix: Tokens(2048),
            checks: Checks::All,
            thoughts: Thoughts::Bound,
            websockets: WebSockets::Spoken,
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
    /// A changed thought is answered with 400; with Anthropic, so is a changed history before it.
    Bound,
    /// It is not looked at.
    Free,
}

/// Whether the Responses wire is spoken over a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebSockets {
    /// An upgrade is taken.
    Spoken,
    /// It is answered with this status.
    Refused(u16),
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
    /// The method; `WS` for a message of a WebSocket, whose upgrade is a `GET` of its own.
    pub method: String,
    /// Path and query, as sent.
    pub target: String,
    /// Headers in the order and the case in which they came; a message has those of its upgrade.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, unchunked; or the message.
    pub body: Bytes,
    /// When it had come in whole, since the provider began.
    pub at: Duration,
    /// The status it was answered with; 0 when none was.
    pub status: u16,
    /// The wire that it speaks; `None` when no model was asked to say anything (`count_tokens`, a list of models).
    pub wire: Option<Wire>,
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
        value_of(&self.headers, name)
    }

    /// True for a request that a model was asked to answer, on any wire (not `count_tokens`).
    pub fn is_message(&self) -> bool {
        self.wire.is_some()
    }

    /// The body as JSON, decoded if it came encoded; null when it is none.
    pub fn json(&self) -> Value {
        let encoding = self.header("content-encoding").unwrap_or_default();
        let plain = decide::decoded(&self.body, encoding).unwrap_or_default();
        serde_json::from_slice(&plain).unwrap_or_default()
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
    prompts: Prompts,
    broken: Vec<BrokenPrefix>,
    counter: Counter,
    breakpoints: Breakpoints,
    prefixes: Prefixes,
    kept: HashMap<String, Arc<responses::Kept>>,
    messages: usize,
    pieces: usize,
}

/// An answer, before it is said in the words of a wire.
struct Message {
    /// Which request it answers (index into what was seen).
    number: usize,
    wire: Wire,
    model: String,
    /// What the request said, out of its envelope.
    body: Value,
    prompt: Prompt,
    /// What is said; no wishes are left among it.
    pieces: Vec<Piece>,
    /// How many pieces the provider had said before.
    first_piece: usize,
    usage: Usage,
    /// How much of the output is thought.
    thinking: Tokens,
    /// Set when it stands for the turns of a history that is to be compacted: how many.
    compacts: Option<usize>,
    /// The items that the request itself brought, on a wire where a request can go on from an answer.
    own: Vec<Value>,
    /// What it went on from.
    before: Option<Arc<responses::Kept>>,
}

impl Message {
    fn asked(&self) -> Asked<'_> {
        Asked { number: self.number, wire: self.wire, body: &self.body }
    }

    fn calls(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Call { .. }))
    }

    /// When it was made, in seconds: the same in every run.
    fn created(&self) -> usize {
        1_790_000_000 + self.number
    }
}

impl Provider {
    /// Starts one that answers by `script`.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(rules: Rules, script: Script) -> io::Result<Provider> {
        Provider::start_at(0, rules, script)
    }

    /// Starts one that listens at this port; at any that is free for 0.
    ///
    /// # Errors
    /// When the port can't be had.
    pub fn start_at(port: u16, rules: Rules, script: Script) -> io::Result<Provider> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("demo-provider")
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", port)))?;
        let address = listener.local_addr()?;
        let state = State {
            script,
            moved: Duration::ZERO,
            seen: Vec::new(),
            prompts: Prompts::default(),
            broken: Vec::new(),
            counter: Counter::default(),
            breakpoints: Breakpoints::default(),
            prefixes: Prefixes::default(),
            kept: HashMap::new(),
            messages: 0,
            pieces: 0,
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

    /// When it began: what [`Seen::at`] and [`Seen::answered`] are counted from.
    pub fn began(&self) -> Instant {
        self.house.began
    }

    /// Answers by another script from now on.
    pub fn now_says(&self, script: Script) {
        self.house.state().script = script;
    }

    /// Every request so far, in the order in which they had come in whole.
    pub fn seen(&self) -> Vec<Seen> {
        self.house.state().seen.clone()
    }

    /// Only the requests that a model was asked to answer, on all wires.
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

    /// Empties the prompt caches, as a provider under load may.
    pub fn forget_cache(&self) {
        self.house.state().forget_cache();
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

impl State {
    fn forget_cache(&mut self) {
        self.breakpoints.forget();
        self.prefixes.forget();
    }

    /// Writes a request down; gives its number.
    fn see(&mut self, request: Request, at: Duration) -> usize {
        self.seen.push(Seen {
            method: request.method,
            target: request.target,
            headers: request.headers,
            body: Bytes::from(request.body),
            at,
            status: 0,
            wire: None,
            usage: None,
            refused: String::new(),
            answered: None,
            left: None,
        });
        self.seen.len() - 1
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
                let fault = Fault::bad_request(&error.to_string());
                let reply = plain_reply(400, &error_body(Wire::Anthropic, &fault), &[]);
                let _ = stream.write_all(&reply).await;
                return;
            }
        };
        let closes = request.closes();
        let route = route(&request);
        if route == Route::Upgrade && house.rules.websockets == WebSockets::Spoken {
            return websocket::converse(stream, pending, &house, request).await;
        }
        let (number, planned) = plan(&house, request, route);
        match perform(&mut stream, planned).await {
            Performed::Whole => house.note(number, |seen, now| seen.answered = Some(now)),
            Performed::Closed => {
                house.note(number, |seen, now| seen.answered = Some(now));
                return;
            }
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

/// Writes the request down and decides what to answer.
fn plan(house: &House, request: Request, route: Route) -> (usize, Planned) {
    let login = login(&request).to_owned();
    let head_only = request.method == "HEAD";
    let mut guard = house.state();
    let state = &mut *guard;
    let number = state.see(request, house.began.elapsed());
    let (status, planned) = match route {
        Route::Ask(ask) => {
            let raw = state.seen[number].body.clone();
            let encoding = state.seen[number].header("content-encoding").unwrap_or_default().to_owned();
            let question = Question { ask: &ask, login: &login, raw: &raw, encoding: &encoding, held: None };
            let decided = decide(house, state, number, &question);
            planned(state, &ask, decided)
        }
        Route::Side(answer) => (200, Planned::json(200, &answer.to_string())),
        Route::Life => (200, Planned::reply(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec())),
        Route::Seen => (200, Planned::json(200, &told(state).to_string())),
        Route::Upgrade => {
            let status = match house.rules.websockets {
                WebSockets::Refused(status) => status,
                WebSockets::Spoken => 400,
            };
            let fault = Fault::of(status, "invalid_request_error", "A WebSocket is not to be had here.");
            (status, Planned::json(status, &error_body(Wire::Responses, &fault)))
        }
        Route::Nothing if head_only => {
            (404, Planned::reply(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec()))
        }
        Route::Nothing => {
            let target = &state.seen[number].target;
            let fault = Fault::of(404, "not_found_error", &format!("Not found: {}", path_of(target)));
            (404, Planned::json(404, &error_body(Wire::Anthropic, &fault)))
        }
    };
    state.seen[number].status = status;
    (number, planned)
}

/// The credential that a request carries, in whichever place; empty for none. Of a signature, which is another
/// for every request, it is the key's name.
fn login(request: &Request) -> &str {
    const PLACES: &[&str] = &["x-api-key", "authorization", "x-goog-api-key", "api-key"];
    let header = PLACES.iter().find_map(|name| request.header(name));
    let login = header.or_else(|| http::parameter(&request.target, "key")).unwrap_or_default();
    let signed = login.strip_prefix("AWS4-HMAC-SHA256").and_then(|rest| rest.split_once("Credential="));
    signed.map_or(login, |(_, rest)| rest.split('/').next().unwrap_or_default())
}

/// Keeps a response that the client did not ask to forget; gives what it leaves behind.
fn keep(state: &mut State, message: &Message) -> Option<(String, Arc<responses::Kept>)> {
    if message.wire != Wire::Responses {
        return None;
    }
    let (id, kept) = (responses::id(message), responses::kept(message));
    if message.body["store"] != false {
        state.kept.insert(id.clone(), kept.clone());
    }
    Some((id, kept))
}

/// What became of everything so far, for whoever watches from outside.
fn told(state: &State) -> Value {
    let seen = |(number, seen): (usize, &Seen)| {
        let usage = seen.usage.map(|usage| {
            json!({
                "uncached": usage.uncached.0, "cache_read": usage.cache_read.0,
                "cache_write": usage.cache_write_5m.0 + usage.cache_write_1h.0, "output": usage.output.0})
        });
        json!({
            "request": number, "method": seen.method, "target": seen.target, "bytes": seen.body.len(),
            "wire": seen.wire.map(|wire| format!("{wire:?}")), "status": seen.status, "usage": usage,
            "refused": seen.refused})
    };
    let broken = |broken: &BrokenPrefix| json!({"request": broken.request, "earlier": broken.earlier, "path": broken.path});
    json!({
        "seen": state.seen.iter().enumerate().map(seen).collect::<Vec<_>>(),
        "broken_prefixes": state.broken.iter().map(broken).collect::<Vec<_>>(),
    })
}

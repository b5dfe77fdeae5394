//! Calls of the retrieval tool, answered by ourselves for a client that can't be given the tool.
//!
//! The tool is put into the request; what the model says goes to the client as it comes, but for the
//! calls of our tool: those are answered here, in further rounds with the provider, and the model
//! goes on in the same answer. *Invariant:* the stream keeps flowing: nothing but our calls and the
//! very end of an answer is held back. *Invariant:* what the model has seen is on the disk before
//! the client can go on from it. *Invariant:* nothing that has come is lost: when a further round
//! fails, the client gets the call.

mod anthropic;
mod chat;
mod events;
mod gemini;
mod responses;
mod usage;

use super::House;
use super::body::Outgoing;
use super::headers;
use super::now;
use super::relay::{Answer, relay};
use super::serve::Trip;
use super::settle::Bill;
use crate::receipt::Receipt;
use crate::refusal::Refusal;
use crate::retrieve::tool;
use crate::rewrite::hidden::{self, Kept};
use crate::rewrite::{Caller, Rewritten};
use crate::tokens;
use crate::units::Chain;
use crate::wire::Wire;
use crate::wire::usage::Listener;
use anthropic::Messages;
use bytes::{Bytes, BytesMut};
use chat::Chat;
use events::{Event, Events};
use gemini::Gemini;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Version};
use responses::Items;
use serde_json::{Map, Value, json};
use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;
use tokio::sync::mpsc;

/// How often the model may ask in one turn of it. Three rounds answer what a person would look up; a model that asks
/// for ever is handed back to its client.
const MOST_ROUNDS: usize = 3;

/// Bytes that the answers of one turn may add.
const MOST_ADDED: usize = 1 << 20;

/// Pieces of an answer that may wait for a slow client.
const MOST_WAITING: usize = 16;

/// An answer that comes in one piece and is longer goes to the client unread.
const LONGEST_WHOLE: usize = 16 << 20;

/// Bytes of our tool's call that are held back; a longer one goes to the client.
const MOST_HELD: usize = 1 << 20;

/// Our tool, as it stands in a tool list of this wire; the same bytes always.
pub(super) fn definition(wire: Wire) -> &'static str {
    static ANTHROPIC: OnceLock<String> = OnceLock::new();
    static CHAT: OnceLock<String> = OnceLock::new();
    static RESPONSES: OnceLock<String> = OnceLock::new();
    static GEMINI: OnceLock<String> = OnceLock::new();
    let name = crate::conversation::RETRIEVAL_TOOL;
    let schema = || json!({"type": "object", "properties": tool::takes(), "required": tool::NEEDS});
    match wire {
        Wire::Anthropic => ANTHROPIC.get_or_init(|| {
            json!({"name": name, "description": tool::ABOUT, "input_schema": schema()}).to_string()
        }),
        Wire::OpenAiChat => CHAT.get_or_init(|| {
            let function = json!({"name": name, "description": tool::ABOUT, "parameters": schema()});
            json!({"type": "function", "function": function}).to_string()
        }),
        // Unless it says that it is not strict, every argument must be given there.
        Wire::OpenAiResponses => RESPONSES.get_or_init(|| {
            json!({"type": "function", "name": name, "description": tool::ABOUT, "parameters": schema(),
                "strict": false})
            .to_string()
        }),
        Wire::Gemini => GEMINI.get_or_init(|| {
            json!({"name": name, "description": tool::ABOUT, "parameters": schema()}).to_string()
        }),
    }
}

/// What the client sees of a turn, in the way of one wire.
trait Turning: fmt::Debug + Send + Sync {
    /// Takes an event; gives what goes to the client now.
    fn take(&mut self, event: &Event) -> Option<Bytes>;
    /// True when the provider has said all of this round.
    fn round_ended(&self) -> bool;
    /// What is to be done now that the answer has ended.
    fn next(&self, most_rounds: usize) -> Next;
    /// Notes the answers; gives them as JSON.
    fn answered(&mut self, calls: &[Call], answers: &[Answered], goes_on: GoesOn) -> Vec<String>;
    /// The body of the next round, `body` being that of this one; `None` when none can be made.
    fn next_body(&self, body: &Bytes, results: &[String]) -> Option<Bytes>;
    /// The next round begins.
    fn begin_next(&mut self);
    /// The next round never came: the calls go to the client after all, and then the end.
    fn hand_over(&mut self) -> Vec<Bytes>;
    /// The calls that are held back go to the client, and then the end.
    fn let_go(&mut self) -> Vec<Bytes>;
    /// The end of the turn, without our calls.
    fn end(&mut self) -> Vec<Bytes>;
    /// An answer that came in one piece, as the events of a stream that would say the same; `None` when it is no such answer.
    fn as_events(&self, answer: &Value) -> Option<Vec<Event>>;
    /// The answers of all rounds as one.
    fn whole(&self, rounds: Vec<Value>) -> Value;
    /// What the client did not see; `None` when it saw all.
    fn kept(&self) -> Option<Kept>;
}

/// What a call is answered, or why it is not.
type Answered = Result<Vec<String>, String>;

/// A call of our tool.
#[derive(Clone, Debug)]
struct Call {
    id: String,
    arguments: Map<String, Value>,
}

/// What is to be done once an answer has ended.
#[derive(Debug)]
enum Next {
    /// These calls are to be answered, and the model to go on.
    GoOn(Vec<Call>),
    /// These calls are to be answered, and their answers put beside the client's own next time.
    Beside(Vec<Call>),
    /// The calls are not for us to answer: the client gets them.
    LetGo,
    /// There is nothing of ours.
    End,
}

/// Decides it: `calls` are ours, if they can be read; `beside` them the client has some.
fn what_next(calls: Option<Vec<Call>>, may: bool, beside: bool) -> Next {
    match calls {
        Some(calls) if calls.is_empty() => Next::End,
        Some(calls) if may && beside => Next::Beside(calls),
        Some(calls) if may => Next::GoOn(calls),
        _ => Next::LetGo,
    }
}

/// Where the model goes on after our answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GoesOn {
    /// In a round of ours.
    Here,
    /// In the client's next request.
    There,
}

/// A request that offers our tool because we put it in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offered;

/// Whether what is asked at this path and query is answered in a way that can be read here.
pub(super) fn is_readable(wire: Wire, target: &str) -> bool {
    wire != Wire::Gemini || gemini::is_readable(target)
}

/// Puts our tool in where it may stand. `true` when the request offers it.
pub(super) fn offer(body: Bytes, caller: &Caller, house: &House) -> (Bytes, bool) {
    match &house.store {
        Some(store) if house.answers => hidden::offer(body, caller, store, definition(caller.wire)),
        _ => (body, false),
    }
}

/// Puts back what was hidden before.
pub(super) fn put_back(rewritten: Rewritten, wire: Wire, house: &House) -> Rewritten {
    let Some(store) = &house.store else { return rewritten };
    let body = hidden::put_back(rewritten.body, wire, &rewritten.receipt.history, store);
    let mut receipt = rewritten.receipt;
    receipt.bytes_after = body.len() as u64;
    Rewritten { body, receipt }
}

/// Sends a request that offers our tool, and answers the calls of it.
pub(super) async fn converse(
    trip: Trip<'_>,
    mut head: Parts,
    body: Bytes,
    receipt: Receipt,
    wire: Wire,
) -> Response<Answer> {
    // What can't be read as it passes can't be answered.
    head.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let asking = Asking {
        method: head.method.clone(),
        version: head.version,
        headers: head.headers.clone(),
        house: trip.house.clone(),
        way: trip.way.clone(),
        after: receipt.head,
        receipt: receipt.clone(),
        wire,
    };
    let bill = Bill::new(receipt, wire, trip.house.settler.clone());
    let answer = match trip.upstream.send(head, trip.target, Outgoing::whole(body.clone())).await {
        Ok(answer) => answer,
        Err(unreachable) => return trip.unanswered(&unreachable),
    };
    let readable = !answer.headers().contains_key(CONTENT_ENCODING);
    if answer.status() != StatusCode::OK || !readable {
        return relay(answer, Some(bill), &trip.guest.flushes);
    }
    let streams = said(answer.headers(), CONTENT_TYPE).starts_with("text/event-stream");
    let (mut head, incoming) = answer.into_parts();
    head.version = Version::HTTP_11;
    head.headers = headers::homeward(head.headers);
    let heard = Round::of(bill, &head.headers, head.status, incoming);
    if !streams {
        head.headers.remove(CONTENT_LENGTH);
    }
    let (to, from) = mpsc::channel(MOST_WAITING);
    let open = trip.house.open.enter();
    tokio::spawn(async move {
        let _open = open;
        let turning: Box<dyn Turning> = match wire {
            Wire::OpenAiChat => Box::<Chat>::default(),
            Wire::OpenAiResponses => Box::<Items>::default(),
            Wire::Gemini => Box::<Gemini>::default(),
            Wire::Anthropic => Box::<Messages>::default(),
        };
        let mut turn = Turn { asking, to, turning, body, added: 0 };
        let went = if streams { turn.stream(heard).await } else { turn.whole(heard).await };
        if went == Went::Broken {
            // The client is to see that there should have been more.
            let _ = turn.to.send(Err(Broken)).await;
        }
    });
    Response::from_parts(head, Answer::answering(from, trip.guest.flushes.clone()))
}

/// The upstream broke off.
#[derive(Debug, thiserror::Error)]
#[error("the upstream broke off")]
pub(super) struct Broken;

/// What is needed to ask once more.
struct Asking {
    method: Method,
    version: Version,
    headers: HeaderMap,
    house: Arc<House>,
    /// Path and query, with the upstream's name.
    way: String,
    /// The last block of the client's history.
    after: Option<Chain>,
    receipt: Receipt,
    wire: Wire,
}

impl Asking {
    async fn again(&self, body: Bytes) -> Option<Response<Incoming>> {
        let mut request =
            Request::builder().method(self.method.clone()).version(self.version).body(()).ok()?;
        *request.headers_mut() = self.headers.clone();
        if request.headers().contains_key(CONTENT_LENGTH) {
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let (head, ()) = request.into_parts();
        let (upstream, target) = self.house.ways.choose(&self.way, &self.headers).ok()?;
        upstream.send(head, target, Outgoing::whole(body)).await.ok()
    }

    /// The bill of a further round: it holds what the one before held, and our answers.
    fn bill(&self, results: &[String]) -> Bill {
        let mut receipt = self.receipt.clone();
        let (before, after) = receipt.first_sight();
        receipt.replayed_before += before;
        receipt.replayed_after += after;
        receipt.blocks.clear();
        receipt.volume = None;
        receipt.refusals.clear();
        receipt.at = now();
        receipt.only_gives_back = true;
        receipt.given_back_new =
            results.iter().fold(tokens::count(""), |sum, result| sum + tokens::count(result));
        Bill::new(receipt, self.wire, self.house.settler.clone())
    }
}

/// One answer of the provider's, with its bill.
struct Round {
    body: Incoming,
    bill: Bill,
    ear: Listener,
}

impl Round {
    fn of(mut bill: Bill, headers: &HeaderMap, status: StatusCode, body: Incoming) -> Round {
        bill.outcome.status = status.as_u16();
        let ear = Listener::new(bill.wire, said(headers, CONTENT_TYPE), "");
        Round { body, bill, ear }
    }

    /// The next bytes; `Ok(None)` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    self.ear.hear(&data);
                    return Ok(Some(data));
                }
                Some(Err(_)) => return Err(Broken),
                None => {
                    self.ear.end();
                    self.bill.outcome.complete = true;
                    return Ok(None);
                }
            }
        }
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        self.bill.outcome.usage = self.ear.usage();
    }
}

/// How a turn went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Went {
    /// To its end, or until the client left.
    Well,
    /// The upstream broke off.
    Broken,
}

/// Which round of a turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nth {
    /// The one that the client asked for.
    First,
    /// One of ours.
    Further,
}

/// How a round ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// All is said: it is to be decided what comes after it.
    Said,
    /// Nothing is left to do: the client has left, or has all there was.
    Left,
    /// A further round broke off before the client had anything of it.
    Silent,
}

/// A turn of the model's on its way to the client.
struct Turn {
    asking: Asking,
    to: mpsc::Sender<Result<Bytes, Broken>>,
    turning: Box<dyn Turning>,
    /// What was sent for the round that is under way.
    body: Bytes,
    added: usize,
}

/// What comes after a round.
enum After {
    /// A further one, and what to send should it fail on the way.
    Round(Box<Round>),
    /// Nothing: this is left to send.
    Nothing(Vec<Bytes>),
}

impl Turn {
    async fn stream(&mut self, mut round: Round) -> Went {
        let mut nth = Nth::First;
        loop {
            let went = self.one_round(&mut round, nth).await;
            drop(round);
            let after = match went {
                Ok(Ended::Said) => self.after().await,
                Ok(Ended::Left) => return Went::Well,
                Ok(Ended::Silent) => self.handed_over(),
                Err(Broken) => return Went::Broken,
            };
            match after {
                After::Round(next) => (round, nth) = (*next, Nth::Further),
                After::Nothing(last) => {
                    for bytes in last {
                        if self.to.send(Ok(bytes)).await.is_err() {
                            break;
                        }
                    }
                    return Went::Well;
                }
            }
        }
    }

    /// Relays one answer.
    async fn one_round(&mut self, round: &mut Round, nth: Nth) -> Result<Ended, Broken> {
        let mut events = Events::default();
        // Until a further round has said something to the client, it can be taken as one that never came.
        let mut silent = nth == Nth::Further;
        loop {
            let data = tokio::select! {
                data = round.next() => data,
                () = self.to.closed() => return Ok(Ended::Left),
            };
            let data = match data {
                Ok(Some(data)) => data,
                Ok(None) => break,
                Err(Broken) if silent => return Ok(Ended::Silent),
                Err(Broken) => return Err(Broken),
            };
            events.hear(&data);
            while let Some(event) = events.next() {
                if silent && says_that_it_failed(&event) {
                    return Ok(Ended::Silent);
                }
                if let Some(bytes) = self.turning.take(&event) {
                    silent &= event.is_silent() || event.data["type"] == "ping";
                    if self.to.send(Ok(bytes)).await.is_err() {
                        return Ok(Ended::Left);
                    }
                }
            }
        }
        let rest = events.rest();
        if self.turning.round_ended() {
            return Ok(Ended::Said);
        }
        if silent {
            return Ok(Ended::Silent);
        }
        // It ended early: what was held back is all there is.
        for bytes in self.turning.let_go().into_iter().chain([rest]) {
            let _ = self.to.send(Ok(bytes)).await;
        }
        Ok(Ended::Left)
    }

    /// An answer that comes in one piece.
    async fn whole(&mut self, mut round: Round) -> Went {
        let mut rounds: Vec<Value> = Vec::new();
        let mut only = Bytes::new();
        loop {
            let mut bytes = BytesMut::new();
            loop {
                let data = tokio::select! {
                    data = round.next() => data,
                    () = self.to.closed() => return Went::Well,
                };
                match data {
                    Ok(Some(data)) => bytes.extend_from_slice(&data),
                    Ok(None) => break,
                    Err(Broken) if rounds.is_empty() => {
                        let _ = self.to.send(Ok(bytes.freeze())).await;
                        return Went::Broken;
                    }
                    // What was paid for is not lost: the client gets what came before.
                    Err(Broken) => {
                        bytes.clear();
                        break;
                    }
                }
                if LONGEST_WHOLE < bytes.len() {
                    return self.rest_of(bytes.freeze(), round).await;
                }
            }
            let bytes = bytes.freeze();
            let read = serde_json::from_slice::<Value>(&bytes).ok();
            match read.and_then(|value| Some((self.turning.as_events(&value)?, value))) {
                Some((events, value)) => {
                    for event in &events {
                        let _ = self.turning.take(event);
                    }
                    if rounds.is_empty() {
                        only = bytes;
                    }
                    rounds.push(value);
                }
                None if rounds.is_empty() => {
                    let _ = self.to.send(Ok(bytes)).await;
                    return Went::Well;
                }
                None => {
                    self.handed_over();
                    break;
                }
            }
            drop(round);
            match self.after().await {
                After::Round(next) => round = *next,
                After::Nothing(_) => break,
            }
        }
        let same = self.turning.kept().is_none() && rounds.len() == 1;
        let out = if same { only } else { Bytes::from(self.turning.whole(rounds).to_string()) };
        let _ = self.to.send(Ok(out)).await;
        Went::Well
    }

    /// An answer that is too long to be looked at.
    async fn rest_of(&mut self, first: Bytes, mut round: Round) -> Went {
        let mut next = Some(first);
        while let Some(bytes) = next {
            if self.to.send(Ok(bytes)).await.is_err() {
                return Went::Well;
            }
            next = match round.next().await {
                Ok(next) => next,
                Err(Broken) => return Went::Broken,
            };
        }
        Went::Well
    }

    /// Decides what comes after an answer that has ended, and does it.
    async fn after(&mut self) -> After {
        let most = if MOST_ADDED <= self.added { 0 } else { MOST_ROUNDS };
        match self.turning.next(most) {
            Next::GoOn(calls) => {
                let answers = self.answers(&calls).await;
                let results = self.turning.answered(&calls, &answers, GoesOn::Here);
                self.added += results.iter().map(String::len).sum::<usize>();
                let body = self.turning.next_body(&self.body, &results);
                self.turning.begin_next();
                let round = match body {
                    Some(body) => self.ask(body, &results).await,
                    None => None,
                };
                match round {
                    Some(round) => After::Round(Box::new(round)),
                    None => self.handed_over(),
                }
            }
            Next::Beside(calls) => {
                let answers = self.answers(&calls).await;
                self.turning.answered(&calls, &answers, GoesOn::There);
                self.ended()
            }
            Next::LetGo => {
                let last = self.turning.let_go();
                self.keep();
                After::Nothing(last)
            }
            Next::End => self.ended(),
        }
    }

    /// The next round: `None` when the provider does not answer it.
    async fn ask(&mut self, body: Bytes, results: &[String]) -> Option<Round> {
        let answer = tokio::select! {
            answer = self.asking.again(body.clone()) => answer?,
            () = self.to.closed() => return None,
        };
        let usable = answer.status() == StatusCode::OK && !answer.headers().contains_key(CONTENT_ENCODING);
        self.body = body;
        let (head, incoming) = answer.into_parts();
        let round = Round::of(self.asking.bill(results), &head.headers, head.status, incoming);
        usable.then_some(round)
    }

    fn handed_over(&mut self) -> After {
        self.asking.house.faults.count(Refusal::RoundFailed);
        let last = self.turning.hand_over();
        self.keep();
        After::Nothing(last)
    }

    /// The turn is over. When what was hidden can't be kept, the client is told so by what it gets: nothing can
    /// be put back then, and the provider's cache is missed once.
    fn ended(&mut self) -> After {
        self.keep();
        After::Nothing(self.turning.end())
    }

    fn keep(&self) {
        let (Some(store), Some(after)) = (&self.asking.house.store, self.asking.after) else { return };
        let Some(kept) = self.turning.kept() else { return };
        let kept = tokio::task::block_in_place(|| hidden::hide(store, after, kept, now()));
        if kept.is_err() {
            self.asking.house.faults.count(Refusal::StoreFailed);
        }
    }

    /// What the calls are answered, in their order.
    async fn answers(&self, calls: &[Call]) -> Vec<Answered> {
        let (house, calls) = (self.asking.house.clone(), calls.to_vec());
        let number = calls.len();
        let work = move || {
            let Some(store) = &house.store else {
                return vec![Err("the store can't be opened".to_owned()); number];
            };
            let answer = |call: &Call| {
                let given = tool::answer(&call.arguments, store.dir(), &house.scope.project)?;
                let _ = store.record_retrieval(&given.key, "proxy", tokens::count(&given.texts[0]), now());
                Ok(given.texts)
            };
            calls.iter().map(answer).collect()
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|_| vec![Err("headroom failed inside; run the tool again".to_owned()); number])
    }
}

/// True for an event in which the provider gives a round up.
fn says_that_it_failed(event: &Event) -> bool {
    let error = event.data.get("error").is_some_and(|error| !error.is_null());
    error || matches!(event.data["type"].as_str(), Some("error" | "response.failed"))
}

fn said(headers: &HeaderMap, name: hyper::header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_added_tool_costs_little_in_every_prompt() {
        for (wire, most) in [
            (Wire::Anthropic, 102),
            (Wire::OpenAiChat, 108),
            (Wire::OpenAiResponses, 109),
            (Wire::Gemini, 101),
        ] {
            let cost = tokens::count(&format!(",{}", definition(wire))).0;
            assert!(cost <= most, "{}: {cost}", wire.name());
        }
    }
}

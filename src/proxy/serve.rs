//! One request's whole trip.

use super::House;
use super::accept::Guest;
use super::answering;
use super::apology::{leads_nowhere, no_answer};
use super::body::{LONGEST_WHOLE, Outgoing, Read, read_whole};
use super::client;
use super::coding::Coding;
use super::counts::Counters;
use super::guard;
use super::headers;
use super::relay::{Answer, relay};
use super::route::{self, Route};
use super::settle::Bill;
use super::sign::{Seal, Sent};
use super::tunnel;
use super::upstream::{Unreachable, Upstream};
use super::upstreams;
use super::websocket;
use super::{clock, now};
use crate::receipt::{Billing, Receipt};
use crate::refusal::Refusal;
use crate::rewrite::batch::rewrite_batch;
use crate::rewrite::{Caller, Desk, Reach, Rewritten, Writes, rewrite};
use crate::units::SessionId;
use crate::wire::Wire;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Guard, upstream, route, and then one of five ways.
pub(super) async fn serve(house: &Arc<House>, guest: &Guest, request: Request<Incoming>) -> Response<Answer> {
    let target = match guard::admit(&request, house.secret.as_deref()) {
        Ok(target) => target.to_owned(),
        Err(refused) => {
            Counters::one_more(&house.counters.refused);
            return refused.answer();
        }
    };
    guest.is_known_now();
    Counters::one_more(&house.counters.requests);
    let whole = target.clone();
    let (upstream, target) = match house.ways.choose(&target, request.headers()) {
        Ok(chosen) => chosen,
        Err(because) => {
            Counters::one_more(&house.counters.refused);
            return leads_nowhere(upstreams::speech(&target, request.headers()), &because);
        }
    };
    let route = route::of(request.method(), target, request.headers());
    if matches!(route, Route::Rewrite(_) | Route::Socket(_)) {
        Counters::one_more(&house.counters.conversations);
    }
    let speech = route.wire().or_else(|| upstreams::speech(target, request.headers()));
    let trip = Trip { house, guest, upstream, target, way: whole, speech };
    match route {
        Route::Rewrite(wire) => trip.converse(request, wire, Holds::History(Writes::Keep)).await,
        Route::Count(wire) => trip.converse(request, wire, Holds::History(Writes::Nothing)).await,
        Route::Replay(wire) => trip.converse(request, wire, Holds::History(Writes::Verbatim)).await,
        Route::Batch(wire) => trip.converse(request, wire, Holds::Batch).await,
        Route::Relay => trip.pass(request).await,
        Route::Socket(wire) => websocket::open(&trip, request, wire).await,
        Route::Tunnel => tunnel::open(&trip, request).await,
    }
}

/// What a body holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// One history.
    History(Writes),
    /// Many requests; or anything else that is handed in at the same place.
    Batch,
}

impl Holds {
    /// Whether what was done to it is written down.
    fn is_billed(self, receipt: &Receipt) -> bool {
        match self {
            Holds::History(writes) => writes != Writes::Nothing,
            Holds::Batch => {
                !receipt.blocks.is_empty() || !receipt.refusals.contains_key(&Refusal::Unreadable)
            }
        }
    }
}

/// One request on its way.
pub(super) struct Trip<'a> {
    pub(super) house: &'a Arc<House>,
    pub(super) guest: &'a Guest,
    /// Where it goes.
    pub(super) upstream: &'a Upstream,
    /// Path and query, as the client wrote them, without the secret and the upstream's name.
    pub(super) target: &'a str,
    /// The same, with the upstream's name.
    pub(super) way: String,
    /// How the client's provider speaks, where that is known.
    pub(super) speech: Option<Wire>,
}

impl Trip<'_> {
    /// Reads a conversation whole, rewrites it, sends it, and relays the answer; the bill is
    /// settled when the answer has ended.
    async fn converse(self, request: Request<Incoming>, wire: Wire, holds: Holds) -> Response<Answer> {
        let house = self.house;
        let (mut head, body) = request.into_parts();
        let Ok(read) = read_whole(body, LONGEST_WHOLE).await else { return broken_off() };
        let (outgoing, broken, receipt) = match read {
            Read::Whole(body) => {
                let seal = Seal::of(&head.headers, self.upstream, house).await;
                let rewritten = match &seal {
                    Seal::Theirs => self.as_it_came(&head.headers, body, Refusal::Signed),
                    _ => self.rewritten(&mut head, body, wire, holds).await,
                };
                if head.extensions.get::<answering::Offered>().is_some()
                    && holds == Holds::History(Writes::Keep)
                {
                    return answering::converse(self, head, rewritten.body, rewritten.receipt, wire).await;
                }
                self.sign(&mut head, &seal, &rewritten.body);
                (Outgoing::whole(rewritten.body), None, rewritten.receipt)
            }
            Read::Longer(first, rest) => {
                Counters::one_more(&house.counters.too_large);
                let (outgoing, broken) = Outgoing::passing(first, rest);
                (
                    outgoing,
                    Some(broken),
                    untouched(house, client::billing(&head.headers, self.target), 0, Refusal::TooLarge),
                )
            }
        };
        let bill = holds.is_billed(&receipt).then(|| Bill::new(receipt, wire, house.settler.clone()));
        self.send(head, outgoing, broken, bill).await
    }

    /// Relays a request byte for byte, streaming both ways.
    async fn pass(self, request: Request<Incoming>) -> Response<Answer> {
        let (mut head, body) = request.into_parts();
        let seal = Seal::of(&head.headers, self.upstream, self.house).await;
        let (first, rest) = match seal {
            // A signature stands in the head and covers the body.
            Seal::Ours(_) => match read_whole(body, LONGEST_WHOLE).await {
                Ok(Read::Whole(body)) => {
                    self.sign(&mut head, &seal, &body);
                    return self.send(head, Outgoing::whole(body), None, None).await;
                }
                Ok(Read::Longer(first, rest)) => (first, rest),
                Err(_) => return broken_off(),
            },
            Seal::None | Seal::Theirs => (Bytes::new(), body),
        };
        let (outgoing, broken) = Outgoing::passing(first, rest);
        self.send(head, outgoing, Some(broken), None).await
    }

    /// Signs what is sent, where it was signed for us and can be signed anew.
    fn sign(&self, head: &mut Parts, seal: &Seal, body: &[u8]) {
        let Seal::Ours(signer) = seal else { return };
        let Some(address) = self.upstream.address(self.target) else { return };
        let sent = Sent { method: &head.method, address: &address, host: self.upstream.host(), body };
        if let Some(headers) = signer.signed(&sent, &head.headers, clock()) {
            head.headers = headers;
        }
    }

    async fn send(
        self,
        head: Parts,
        body: Outgoing,
        broken: Option<Arc<AtomicBool>>,
        bill: Option<Bill>,
    ) -> Response<Answer> {
        match self.upstream.send(head, self.target, body).await {
            Ok(answer) => relay(answer, bill, &self.guest.flushes),
            Err(_) if broken.is_some_and(|broken| broken.load(Ordering::Relaxed)) => broken_off(),
            Err(unreachable) => self.unanswered(&unreachable),
        }
    }

    /// Nothing came from the upstream.
    pub(super) fn unanswered(&self, unreachable: &Unreachable) -> Response<Answer> {
        Counters::one_more(&self.house.counters.unreachable);
        no_answer(self.speech, &unreachable.to_string())
    }

    /// The body as it is to be sent, with what the head says of it put right.
    ///
    /// Runs off the I/O threads. Whatever goes wrong in there, the client's own bytes are sent.
    async fn rewritten(&self, head: &mut Parts, body: Bytes, wire: Wire, holds: Holds) -> Rewritten {
        let house = self.house;
        let coding = match Coding::of(&head.headers) {
            Ok(_) if client::sends_a_digest(&head.headers) => {
                return self.as_it_came(&head.headers, body, Refusal::Signed);
            }
            Ok(coding) => coding,
            Err(because) => return self.as_it_came(&head.headers, body, because),
        };
        let writes = match holds {
            Holds::History(writes) => writes,
            Holds::Batch => Writes::Nothing,
        };
        let caller = self.caller(&head.headers, wire, writes);
        let (room, came) = (house.clone(), body.clone());
        // What is compressed or signed comes from a client that has tools of its own.
        let may_offer = holds != Holds::Batch
            && coding.is_none()
            && !client::signs(&head.headers)
            && answering::is_readable(wire, self.target);
        let work = move || {
            let mut offered = false;
            let done = catch_unwind(AssertUnwindSafe(|| {
                through(coding, came, |plain| {
                    let (plain, ours) = match may_offer {
                        true => answering::offer(plain, &caller, &room),
                        false => (plain, false),
                    };
                    offered = ours;
                    let settings = if ours { &room.answering } else { &room.settings };
                    let desk = Desk { store: room.store.as_deref(), bench: &room.bench, settings };
                    let rewritten = match holds {
                        Holds::History(_) => rewrite(plain, &caller, &desk),
                        Holds::Batch => rewrite_batch(plain, &caller, &desk),
                    };
                    if ours { answering::put_back(rewritten, wire, &room) } else { rewritten }
                })
            }));
            done.map(|done| done.map(|(rewritten, change)| (rewritten, change, offered)))
        };
        let (mut rewritten, change, offered) = match tokio::task::spawn_blocking(work).await {
            Ok(Ok(Ok(done))) => done,
            Ok(Ok(Err(because))) => return self.as_it_came(&head.headers, body, because),
            _ => {
                house.faults.count_here();
                return self.as_it_came(&head.headers, body, Refusal::Panicked);
            }
        };
        rewritten.receipt.billing = client::billing(&head.headers, self.target);
        if offered {
            head.extensions.insert(answering::Offered);
        }
        if change == Change::None {
            return rewritten;
        }
        Counters::one_more(&house.counters.rewritten);
        if change == Change::AndPlain {
            head.headers = headers::without(std::mem::take(&mut head.headers), &CONTENT_ENCODING);
        }
        if let Some(length) = head.headers.get_mut(CONTENT_LENGTH) {
            *length = HeaderValue::from(rewritten.body.len());
        }
        rewritten
    }

    /// A body that is not looked into.
    fn as_it_came(&self, headers: &HeaderMap, body: Bytes, because: Refusal) -> Rewritten {
        let receipt = untouched(self.house, client::billing(headers, self.target), body.len(), because);
        Rewritten { body, receipt }
    }

    /// Whose request it is, as far as its head tells.
    pub(super) fn caller(&self, headers: &HeaderMap, wire: Wire, writes: Writes) -> Caller {
        let house = self.house;
        Caller {
            wire,
            session: client::session(headers),
            model: route::model_in(self.target),
            run: house.run.clone(),
            agent: house.agent.clone(),
            scope: house.scope.clone(),
            now: now(),
            writes,
            reach: Reach::Tail,
        }
    }
}

/// What became of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// It is what came, to the byte.
    None,
    /// It was written anew, in the coding in which it came.
    Rewritten,
    /// It was written anew and is no longer coded.
    AndPlain,
}

/// Rewrites a body inside its coding.
fn through(
    coding: Option<Coding>,
    came: Bytes,
    rewrite: impl FnOnce(Bytes) -> Rewritten,
) -> Result<(Rewritten, Change), Refusal> {
    let plain = match coding {
        Some(coding) => coding.undo(&came)?,
        None => came.clone(),
    };
    let rewritten = rewrite(plain.clone());
    let same = rewritten.body.as_ptr() == plain.as_ptr() && rewritten.body.len() == plain.len();
    if same || rewritten.body == plain {
        return Ok((Rewritten { body: came, ..rewritten }, Change::None));
    }
    let Some(coding) = coding else { return Ok((rewritten, Change::Rewritten)) };
    Ok(match coding.redo(&rewritten.body) {
        Some(body) => (Rewritten { body, ..rewritten }, Change::Rewritten),
        None => (rewritten, Change::AndPlain),
    })
}

/// The receipt of a request that was not looked into.
pub(super) fn untouched(house: &House, billing: Billing, length: usize, because: Refusal) -> Receipt {
    let mut receipt = Receipt::new(SessionId(house.run.clone()), now());
    receipt.run.clone_from(&house.run);
    receipt.agent.clone_from(&house.agent);
    receipt.project.clone_from(&house.scope.project);
    receipt.billing = billing;
    receipt.bytes_before = length as u64;
    receipt.bytes_after = length as u64;
    receipt.refuse(because);
    receipt
}

/// The client broke its own framing, or went away: nobody may be there to read this.
fn broken_off() -> Response<Answer> {
    let mut answer = Response::new(Answer::short(""));
    *answer.status_mut() = StatusCode::BAD_REQUEST;
    answer.headers_mut().insert(hyper::header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

//! One request's whole trip.

use super::House;
use super::accept::Guest;
use super::body::{LONGEST_WHOLE, Outgoing, Read, read_whole};
use super::counts::Counters;
use super::guard;
use super::now;
use super::relay::{Answer, no_answer, relay};
use super::route::{self, Route};
use super::settle::Bill;
use super::tunnel;
use super::upstream::{Unreachable, Upstream};
use super::websocket;
use crate::receipt::{Billing, Receipt};
use crate::refusal::Refusal;
use crate::rewrite::{Caller, Desk, Reach, Rewritten, Writes, rewrite};
use crate::units::SessionId;
use crate::wire::Wire;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Guard, route, and then one of five ways.
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
    let Some((upstream, target)) = house.ways.choose(&target) else {
        Counters::one_more(&house.counters.refused);
        return guard::Refused::NotFound.answer();
    };
    let route = route::of(request.method(), target, request.headers());
    let trip = Trip { house, guest, upstream, target };
    match route {
        Route::Rewrite(wire) => trip.converse(request, wire, Writes::Keep).await,
        Route::Count(wire) => trip.converse(request, wire, Writes::Nothing).await,
        Route::Relay => trip.pass(request).await,
        Route::Socket(wire) => websocket::open(&trip, request, wire).await,
        Route::Tunnel => tunnel::open(&trip, request).await,
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
}

impl Trip<'_> {
    /// Reads a conversation whole, rewrites it, sends it, and relays the answer; the bill is
    /// settled when the answer has ended.
    async fn converse(self, request: Request<Incoming>, wire: Wire, writes: Writes) -> Response<Answer> {
        let house = self.house;
        let (mut head, body) = request.into_parts();
        let Ok(read) = read_whole(body, LONGEST_WHOLE).await else { return broken_off() };
        let (outgoing, broken, receipt) = match read {
            Read::Whole(body) => {
                let sent = rewritten(house, &mut head, body, wire, writes).await;
                (Outgoing::whole(sent.body), None, sent.receipt)
            }
            Read::Longer(first, rest) => {
                Counters::one_more(&house.counters.too_large);
                let (outgoing, broken) = Outgoing::passing(first, rest);
                (outgoing, Some(broken), untouched(house, billing(&head.headers), 0, Refusal::TooLarge))
            }
        };
        let bill = (writes == Writes::Keep).then(|| Bill::new(receipt, wire, house.settler.clone()));
        self.send(head, outgoing, broken, bill).await
    }

    /// Relays a request byte for byte, streaming both ways.
    async fn pass(self, request: Request<Incoming>) -> Response<Answer> {
        let (head, body) = request.into_parts();
        let (outgoing, broken) = Outgoing::passing(Bytes::new(), body);
        self.send(head, outgoing, Some(broken), None).await
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
        no_answer(&unreachable.to_string())
    }
}

/// The body as it is to be sent, with its length in the head put right.
///
/// Runs off the I/O threads. Whatever goes wrong in there, the client's own bytes are sent.
async fn rewritten(
    house: &Arc<House>,
    head: &mut Parts,
    body: Bytes,
    wire: Wire,
    writes: Writes,
) -> Rewritten {
    if head.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        let receipt = untouched(house, billing(&head.headers), body.len(), Refusal::Unreadable);
        return Rewritten { body, receipt };
    }
    let caller = caller(house, &head.headers, wire, writes);
    let billing = billing(&head.headers);
    let (room, original) = (house.clone(), body.clone());
    let work = move || {
        let desk = Desk { store: room.store.as_deref(), bench: &room.bench, settings: &room.settings };
        catch_unwind(AssertUnwindSafe(|| rewrite(original, &caller, &desk))).ok()
    };
    let Ok(Some(mut sent)) = tokio::task::spawn_blocking(work).await else {
        house.faults.count_here();
        let receipt = untouched(house, billing, body.len(), Refusal::Panicked);
        return Rewritten { body, receipt };
    };
    sent.receipt.billing = billing;
    let same = sent.body.as_ptr() == body.as_ptr() && sent.body.len() == body.len();
    if !same && sent.body != body {
        Counters::one_more(&house.counters.rewritten);
        if let Some(length) = head.headers.get_mut(CONTENT_LENGTH) {
            *length = HeaderValue::from(sent.body.len());
        }
    }
    sent
}

/// Whose request it is, as far as its head tells.
pub(super) fn caller(house: &House, headers: &HeaderMap, wire: Wire, writes: Writes) -> Caller {
    let session = headers.get("x-claude-code-session-id").and_then(|id| id.to_str().ok());
    Caller {
        wire,
        session: session.filter(|id| !id.is_empty()).map(str::to_owned),
        run: house.run.clone(),
        agent: house.agent.clone(),
        scope: house.scope.clone(),
        now: now(),
        writes,
        reach: Reach::Tail,
        model: None,
    }
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

/// Who pays, told by the kind of credential: a login of a subscription is sent as a bearer
/// token with Anthropic's `oauth` beta; its tokens begin with `sk-ant-oat`.
pub(super) fn billing(headers: &HeaderMap) -> Billing {
    if headers.contains_key("x-api-key") {
        return Billing::ApiKey;
    }
    let Some(bearer) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
        return Billing::Unknown;
    };
    let betas = headers.get_all("anthropic-beta");
    let logged_in = betas.iter().any(|betas| betas.to_str().is_ok_and(|betas| betas.contains("oauth-")));
    if logged_in || bearer.starts_with("Bearer sk-ant-oat") {
        Billing::Subscription
    } else if bearer.starts_with("Bearer sk-") {
        Billing::ApiKey
    } else {
        Billing::Unknown
    }
}

/// The client broke its own framing, or went away: nobody may be there to read this.
fn broken_off() -> Response<Answer> {
    let mut answer = Response::new(Answer::short(""));
    *answer.status_mut() = StatusCode::BAD_REQUEST;
    answer.headers_mut().insert(hyper::header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

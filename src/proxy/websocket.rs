//! OpenAI Responses over a WebSocket: each `response.create` of the client is rewritten, all else
//! passes as it came, and the answers are overheard.
//!
//! *Invariant:* bytes that belong to no rewritten message leave as they came: the same masks,
//! the same parts, control frames in their places. *Invariant:* what the upstream sends is
//! handed on in the same poll in which it came. *Invariant:* what is not understood ends the
//! reading, never the connection: from there on it is a tunnel, and counted.

mod frames;
mod pump;
mod responses;

use super::House;
use super::client;
use super::counts::Counters;
use super::headers;
use super::now;
use super::relay::Answer;
use super::serve::{Trip, untouched};
use super::tunnel::{self, End};
use crate::receipt::{Billing, Receipt};
use crate::refusal::Refusal;
use crate::rewrite::{Caller, Desk, Writes, rewrite};
use crate::wire::Wire;
use bytes::Bytes;
use frames::Message;
use hyper::body::Incoming;
use hyper::header::{HeaderMap, SEC_WEBSOCKET_EXTENSIONS, UPGRADE};
use hyper::{Request, Response};
use responses::Responses;
use serde::Deserialize;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Asks the upstream for a WebSocket, and listens in when it agrees.
///
/// No extension is offered to it. The only one in use compresses messages with a memory of those
/// before, so that one changed message would mean compressing all later ones anew; and what it
/// saves on the way is nothing next to what the rewrite does. Who offers it has to do without too.
pub(super) async fn open(trip: &Trip<'_>, request: Request<Incoming>, wire: Wire) -> Response<Answer> {
    let (mut head, body) = request.into_parts();
    head.headers = headers::without(head.headers, &SEC_WEBSOCKET_EXTENSIONS);
    let scribe = Scribe {
        caller: trip.caller(&head.headers, wire, Writes::Keep),
        billing: client::billing(&head.headers, trip.target),
        house: trip.house.clone(),
    };
    tunnel::join(trip, Request::from_parts(head, body), |agreed| {
        let understood = is_plain_web_socket(agreed);
        move |client: End, upstream: End| async move {
            if understood {
                let responses = Responses::new(wire, scribe.house.settler.clone());
                pump::Pump::new(client, upstream, scribe, responses).await;
            } else {
                scribe.house.faults.count(Refusal::OddFrames);
                tunnel::copy(client, upstream).await;
            }
        }
    })
    .await
}

/// True when the upstream has agreed to a WebSocket and to nothing beyond it.
fn is_plain_web_socket(agreed: &HeaderMap) -> bool {
    let web_socket = agreed.get(UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let extended =
        agreed.get_all(SEC_WEBSOCKET_EXTENSIONS).iter().any(|it| !it.as_bytes().trim_ascii().is_empty());
    web_socket && !extended
}

/// Rewrites the messages of one connection.
#[derive(Clone)]
struct Scribe {
    house: Arc<House>,
    caller: Caller,
    billing: Billing,
}

/// What a client's message is.
enum Read {
    /// It asks for nothing: it passes as it came.
    Aside,
    /// It asks for a response.
    Asks(Message),
    /// It is no message.
    Odd,
}

/// What became of a message that asks for a response.
struct Written {
    /// The frames that are sent instead of those that came.
    instead: Option<Bytes>,
    receipt: Box<Receipt>,
}

impl Scribe {
    /// Reads a message out of its frames. Not for the I/O threads.
    fn read(&self, frames: &Bytes) -> Read {
        let read = || match Message::read(frames) {
            Ok(message) if std::str::from_utf8(&message.text).is_err() => Read::Odd,
            Ok(message) if asks_for_a_response(&message.text) => Read::Asks(message),
            Ok(_) => Read::Aside,
            Err(frames::Odd) => Read::Odd,
        };
        catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
            self.house.faults.count(Refusal::Panicked);
            Read::Aside
        })
    }

    /// Writes a message anew where that makes it shorter. Takes its time: not for the I/O threads.
    ///
    /// Whatever goes wrong in there, the client's own bytes are sent.
    fn write(mut self, message: Message) -> Written {
        self.caller.now = now();
        let length = message.text.len();
        catch_unwind(AssertUnwindSafe(|| self.rewritten(message))).unwrap_or_else(|_| {
            self.house.faults.count_here();
            Written { instead: None, receipt: Box::new(self.untouched(length, Refusal::Panicked)) }
        })
    }

    fn rewritten(&self, mut message: Message) -> Written {
        let house = &self.house;
        let body = Bytes::from(std::mem::take(&mut message.text));
        let desk = Desk { store: house.store.as_deref(), bench: &house.bench, settings: &house.settings };
        let mut sent = rewrite(body.clone(), &self.caller, &desk);
        sent.receipt.billing = self.billing;
        let instead = (sent.body != body).then(|| {
            Counters::one_more(&house.counters.rewritten);
            Bytes::from(message.say(&sent.body, chance))
        });
        Written { instead, receipt: Box::new(sent.receipt) }
    }

    /// The receipt of a message that was not looked into.
    fn untouched(&self, length: usize, because: Refusal) -> Receipt {
        untouched(&self.house, self.billing, length, because)
    }
}

/// True for a client's event that asks for a response.
fn asks_for_a_response(text: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow, rename = "type")]
        kind: Cow<'a, str>,
    }
    serde_json::from_slice::<Event<'_>>(text).is_ok_and(|event| event.kind == "response.create")
}

/// A mask for a frame. It keeps caches in the middle from being talked to; without chance a
/// fixed one still makes a frame that is read alike.
fn chance() -> [u8; 4] {
    let mut key = [0x5a; 4];
    let _ = getrandom::fill(&mut key);
    key
}

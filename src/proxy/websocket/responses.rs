//! The responses that are under way on one connection, and what each of them owes the record.
//!
//! One is under way at a time, says the protocol; nothing here relies on it.

use crate::proxy::settle::{Bill, Settler};
use crate::receipt::Receipt;
use crate::refusal::Refusal;
use crate::wire::Wire;
use crate::wire::responses_events::{self, Said};
use crate::wire::usage::Listener;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Responses that may be asked for and not answered yet; of one more, the oldest is settled as it stands.
const MOST_OPEN: usize = 64;

/// The status of a response that was begun: a WebSocket has none of its own.
const BEGUN: u16 = 200;

/// The responses under way, in the order in which they were asked for.
pub(super) struct Responses {
    wire: Wire,
    settler: Settler,
    open: VecDeque<Response>,
}

struct Response {
    bill: Bill,
    /// Its name, once it has begun.
    id: Option<String>,
    ear: Listener,
}

impl Responses {
    pub(super) fn new(wire: Wire, settler: Settler) -> Responses {
        Responses { wire, settler, open: VecDeque::new() }
    }

    /// True when none is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Another one was asked for.
    pub(super) fn asked(&mut self, receipt: Receipt) {
        if self.open.len() == MOST_OPEN {
            self.open.pop_front();
        }
        let bill = Bill::new(receipt, self.wire, self.settler.clone());
        self.open.push_back(Response {
            bill,
            id: None,
            ear: Listener::new(self.wire, "text/event-stream", ""),
        });
    }

    /// Hears one event of the server's.
    pub(super) fn hear(&mut self, event: &[u8]) {
        let settler = self.settler.clone();
        if catch_unwind(AssertUnwindSafe(|| self.heard(event))).is_err() {
            self.open.clear();
            settler.count(Refusal::Panicked);
        }
    }

    fn heard(&mut self, event: &[u8]) {
        if self.open.is_empty() {
            return;
        }
        match responses_events::read(event) {
            Said::Began(id) => {
                if let Some(response) = self.open.iter_mut().find(|response| response.id.is_none()) {
                    response.bill.outcome.status = BEGUN;
                    response.id = Some(id);
                }
            }
            Said::Ended(id) => {
                let known = self.open.iter().position(|response| response.id.as_deref() == Some(&*id));
                // An end without a beginning is that of the oldest.
                if let Some(mut response) = known.or(Some(0)).and_then(|at| self.open.remove(at)) {
                    response.ear.hear_event(event);
                    if let Some(answer) = response.ear.answer() {
                        // Before the client sees its end.
                        response.bill.answered(answer);
                    }
                    response.bill.outcome.status = BEGUN;
                    response.end();
                }
            }
            Said::Failed(status) => {
                let unbegun = self.open.iter().position(|response| response.id.is_none());
                if let Some(mut response) = unbegun.or(Some(0)).and_then(|at| self.open.remove(at)) {
                    response.bill.outcome.status = status;
                    response.end();
                }
            }
            // A part of the one that is under way.
            Said::Other => {
                if let Some(response) = self.open.iter_mut().find(|response| response.id.is_some()) {
                    response.ear.hear_event(event);
                }
            }
        }
    }

    /// Nothing more is understood: what is open is settled as it stands.
    pub(super) fn give_up(&mut self) {
        self.open.clear();
    }
}

impl Response {
    fn end(mut self) {
        self.bill.outcome.usage = self.ear.usage();
        self.bill.outcome.complete = true;
    }
}

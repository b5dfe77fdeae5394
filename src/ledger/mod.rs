//! Receipt and usage → what was saved, in tokens and in money.
//!
//! [`Ledger::settle`] is called once for each answered request: it writes the
//! request into the one append-only record (the store's) and watches the
//! provider's cache (law 6; [`misses`] tells whose a miss was). Everything that is ever shown is derived from that
//! record: [`money`] says what one request was worth, [`report`] sums it up.
//!
//! *Invariant:* net, signed, per price class; an unknown price is unknown.
//! *Invariant:* nothing here holds up or changes an answer.

pub mod breaker;
pub mod calibration;
pub mod misses;
pub mod money;
pub mod price;
pub mod report;

use crate::receipt::{Outcome, Receipt};
use crate::store::{Store, StoreError};
use breaker::{Breaker, CacheRead};
use misses::Misses;
use std::sync::{Arc, Mutex, PoisonError};

/// Writes down what requests cost and watches the provider's cache.
#[derive(Debug)]
pub struct Ledger {
    store: Arc<Store>,
    breaker: Mutex<Breaker>,
    misses: Mutex<Misses>,
}

impl Ledger {
    /// A ledger over the record in `store`.
    pub fn new(store: Arc<Store>) -> Ledger {
        Ledger { store, breaker: Mutex::default(), misses: Mutex::default() }
    }

    /// Takes down one request and what came of it, and opens its session's breaker when law 6 asks for it.
    ///
    /// # Errors
    /// [`StoreError`] when something could not be written. The cache was watched all the same.
    pub fn settle(&self, receipt: &Receipt, outcome: &Outcome) -> Result<CacheRead, StoreError> {
        let known = || self.store.last_answered(&receipt.session).ok().flatten();
        let miss = self.misses.lock().unwrap_or_else(PoisonError::into_inner).watch(receipt, outcome, known);
        let recorded = self.store.record(receipt, &Outcome { miss, ..outcome.clone() });
        let seen = self.breaker.lock().unwrap_or_else(PoisonError::into_inner).watch(receipt, outcome);
        if let Some(why) = seen.opens(&receipt.model) {
            self.store.open_breaker(&receipt.session, &why, receipt.at)?;
        }
        recorded.map(|()| seen)
    }
}

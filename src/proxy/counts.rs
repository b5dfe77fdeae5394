//! What the proxy counts about itself.

use super::now;
use crate::refusal::Refusal;
use crate::store::Store;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The counters of a running proxy.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) requests: AtomicU64,
    pub(super) conversations: AtomicU64,
    pub(super) rewritten: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) unreachable: AtomicU64,
    pub(super) too_large: AtomicU64,
    pub(super) faults: AtomicU64,
    pub(super) restarts: AtomicU64,
}

/// What a running proxy has counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that were let in.
    pub requests: u64,
    /// Those of them that asked a model something.
    pub conversations: u64,
    /// Requests that left with other bytes than they came with.
    pub rewritten: u64,
    /// Requests that were not let in.
    pub refused: u64,
    /// Requests to which the upstream gave no answer.
    pub unreachable: u64,
    /// Requests that were too long to be read whole.
    pub too_large: u64,
    /// Panics of ours that a request survived.
    pub faults: u64,
    /// How often accepting had to begin anew after a panic.
    pub restarts: u64,
}

impl Counters {
    pub(super) fn one_more(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn now(&self) -> Counts {
        Counts {
            requests: self.requests.load(Relaxed),
            conversations: self.conversations.load(Relaxed),
            rewritten: self.rewritten.load(Relaxed),
            refused: self.refused.load(Relaxed),
            unreachable: self.unreachable.load(Relaxed),
            too_large: self.too_large.load(Relaxed),
            faults: self.faults.load(Relaxed),
            restarts: self.restarts.load(Relaxed),
        }
    }
}

/// Where something of ours that failed is counted: here, and in the record that `stats` shows.
#[derive(Clone)]
pub(super) struct Faults {
    counters: Arc<Counters>,
    store: Option<Arc<Store>>,
}

impl Faults {
    pub(super) fn new(counters: Arc<Counters>, store: Option<Arc<Store>>) -> Faults {
        Faults { counters, store }
    }

    pub(super) fn count(&self, what: Refusal) {
        self.count_here();
        if let Some(store) = &self.store {
            store.count_fault(what, now());
        }
    }

    /// For a fault that stands in a receipt already.
    pub(super) fn count_here(&self) {
        Counters::one_more(&self.counters.faults);
    }
}

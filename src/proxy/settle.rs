//! Every request that was rewritten is settled once, off the I/O threads.

use super::counts::Faults;
use crate::conversation::Answer;
use crate::ledger::Ledger;
use crate::receipt::{Outcome, Receipt};
use crate::refusal::Refusal;
use crate::store::Store;
use crate::wire::Wire;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// Settlements that may wait; more are dropped and counted as faults, so that memory stays bounded.
const MOST_WAITING: usize = 4096;

/// Takes what there is to settle.
#[derive(Clone)]
pub(super) struct Settler {
    to: SyncSender<(Box<Receipt>, Outcome)>,
    store: Option<Arc<Store>>,
    faults: Faults,
}

/// Known to end when every bill is settled and every [`Settler`] is gone.
#[derive(Debug)]
pub(super) struct Settling {
    ended: Receiver<()>,
}

/// Begins to settle, on a thread of its own.
pub(super) fn begin(store: Option<Arc<Store>>, faults: Faults) -> (Settler, Settling) {
    let (to, waiting) = sync_channel::<(Box<Receipt>, Outcome)>(MOST_WAITING);
    let (ending, ended) = sync_channel(1);
    let counted = faults.clone();
    let remembers = store.clone();
    let work = move || {
        let ledger = store.clone().map(Ledger::new);
        for (receipt, outcome) in waiting {
            let Some(ledger) = &ledger else { continue };
            match catch_unwind(AssertUnwindSafe(|| ledger.settle(&receipt, &outcome))) {
                Ok(Ok(_)) => {}
                Ok(Err(_)) => counted.count(Refusal::StoreFailed),
                Err(_) => counted.count(Refusal::Panicked),
            }
        }
        if let Some(store) = store {
            store.flush();
        }
        drop(ending);
    };
    let spawned = std::thread::Builder::new().name("headroom-settle".into()).spawn(work);
    if spawned.is_err() {
        faults.count(Refusal::StoreFailed);
    }
    (Settler { to, store: remembers, faults }, Settling { ended })
}

impl Settler {
    /// Counts something of ours that failed.
    pub(super) fn count(&self, what: Refusal) {
        self.faults.count(what);
    }
}

impl Settling {
    /// Waits until all is written, at most `patience`.
    pub(super) fn finish(self, patience: Duration) {
        // The other end is dropped at the end, never sent to.
        let _ = self.ended.recv_timeout(patience);
    }
}

/// What one request owes the record; paid when it is dropped.
pub(super) struct Bill {
    pub(super) wire: Wire,
    pub(super) outcome: Outcome,
    receipt: Option<Box<Receipt>>,
    /// What later requests may build on is remembered.
    remembered: bool,
    settler: Settler,
}

impl Bill {
    pub(super) fn new(receipt: Receipt, wire: Wire, settler: Settler) -> Bill {
        Bill {
            wire,
            outcome: Outcome::default(),
            receipt: Some(Box::new(receipt)),
            remembered: false,
            settler,
        }
    }

    /// The answer is complete: a later request may build on it, perhaps before this one is settled.
    pub(super) fn answered(&mut self, answer: &Answer) {
        if std::mem::replace(&mut self.remembered, true) {
            return;
        }
        if let (Some(store), Some(receipt)) = (&self.settler.store, &self.receipt)
            && let Some(ground) = receipt.ground_of(answer)
        {
            store.remember_answer(&answer.id, ground, receipt.at);
        }
    }

    pub(super) fn faults(&self) -> &Faults {
        &self.settler.faults
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        if let Some(receipt) = self.receipt.take()
            && self.settler.to.try_send((receipt, std::mem::take(&mut self.outcome))).is_err()
        {
            self.settler.faults.count(Refusal::StoreFailed);
        }
    }
}

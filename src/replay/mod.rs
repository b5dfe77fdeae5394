//! What headroom would have done to recorded sessions, and what it would have cost.
//!
//! The trip: a transcript's entries become the requests that were sent ([`rebuild`], [`body`]); the real rewrite runs over
//! them ([`kitchen`]), and what is left of each thread is its [`course`]; [`fit`] learns from the recorded usage how
//! long the texts are for the provider; [`walk`] sends the course through a simulated prompt cache, direct and with
//! headroom; [`session`] makes money of it with the ledger's prices, [`totals`] sums up, [`advice`] says what else it tells.
//! *Invariant:* what is simulated is never mixed with what was recorded. *Invariant:* a loss is shown as one.
//! *Invariant:* the same transcripts, settings and prices give the same figures: no clock, no chance.

pub mod advice;
pub mod asked_back;
pub mod body;
pub mod course;
pub mod fit;
pub mod kitchen;
pub mod rebuild;
pub mod session;
pub mod totals;
pub mod walk;

//! Receipt and usage → what was saved, in tokens and in money.
//!
//! *Invariant:* net, signed, per price class; an unknown price is unknown.
//! Every view is derived from the one record in the store.

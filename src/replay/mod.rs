//! What headroom would have done to recorded sessions, and what it would have cost.
//!
//! The trip: a transcript's entries become the requests that were sent; the real rewrite runs over them; a simulated prompt
//! cache says what each request would have read, written and paid, direct and with headroom; the ledger's prices make money
//! of it. *Invariant:* what is simulated is never mixed with what was recorded. *Invariant:* a loss is shown as one.

//! The providers' prompt caches, simulated: what a row of prompts reads, writes and pays.
//!
//! For the provider of `headroom demo` and the tests, and for `headroom replay`. Knows no wire, no clock and no price.

pub mod cache;
pub mod growing;
pub mod habits;
pub mod prompt;

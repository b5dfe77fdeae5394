//! What all line-shaped kinds share: lines as a terminal shows them, patterns,
//! signs of trouble, stack traces, the question, and the writing with markers.
//!
//! *Invariant:* a line that is shown is a line of the text, letter for letter,
//! in order; what is not shown has a marker at that very place. Both are
//! checked by [`verify`] on every output, not only in tests.
//!
//! Absent here: which tool printed the text ([`super::build`] knows), and
//! which lines a log needs ([`super::log`] knows).

pub mod cuts;
pub mod digest;
pub mod exact;
pub mod fold;
pub mod numbers;
pub mod pace;
pub mod pattern;
pub mod question;
pub mod relevance;
pub mod signs;
pub mod slots;
pub mod tally;
pub mod terminal;
pub mod token;
pub mod trace;
pub mod verify;
pub mod weight;
pub mod write;

pub use digest::Digest;
pub use terminal::Lines;
pub use verify::verbatim_subsequence;

#[cfg(test)]
mod tests;

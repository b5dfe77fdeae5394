//! Quantities and names that would otherwise be bare numbers and strings.
//!
//! *Invariant:* only `std` here; no room below this one.

use std::fmt;
use std::ops::{Add, AddAssign, Range, Sub};

/// A count of model tokens. Never a byte count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tokens(pub u64);

impl Tokens {
    /// How many tokens fewer `after` is; `None` when it is not fewer.
    pub fn saved_by(self, after: Tokens) -> Option<Tokens> {
        (after < self).then(|| Tokens(self.0 - after.0))
    }
}

impl Add for Tokens {
    type Output = Tokens;
    fn add(self, other: Tokens) -> Tokens {
        Tokens(self.0 + other.0)
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Tokens) {
        self.0 += other.0;
    }
}

/// Money in millionths of a US dollar. Signed: a net saving may be a loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicroUsd(pub i64);

impl Add for MicroUsd {
    type Output = MicroUsd;
    fn add(self, other: MicroUsd) -> MicroUsd {
        MicroUsd(self.0 + other.0)
    }
}

impl AddAssign for MicroUsd {
    fn add_assign(&mut self, other: MicroUsd) {
        self.0 += other.0;
    }
}

impl Sub for MicroUsd {
    type Output = MicroUsd;
    fn sub(self, other: MicroUsd) -> MicroUsd {
        MicroUsd(self.0 - other.0)
    }
}

/// A half-open range of bytes in a request body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The bytes of `body` that this span covers.
    pub fn of(self, body: &[u8]) -> &[u8] {
        &body[self.start..self.end]
    }

    /// How many bytes the span covers.
    pub fn len(self) -> usize {
        self.end - self.start
    }

    /// True for a span of no bytes.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The same as a standard range.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// The name under which an original is kept: 20 lower-case hex digits.
///
/// Made by `store` with a hash keyed by this installation's secret, so that it
/// can't be guessed from the outside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// How many hex digits a key has: 80 bits.
    pub const DIGITS: usize = 20;

    /// Reads a key; `None` unless `text` is 16 to 24 lower-case hex digits.
    pub fn parse(text: &str) -> Option<Key> {
        let shaped = (16..=24).contains(&text.len())
            && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        shaped.then(|| Key(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

/// The digest of a block and of everything before it in its history.
///
/// `H(i) = hash(H(i-1) ‖ block(i))`: equal chains mean equal histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chain(pub [u8; 16]);

/// Names one session of one client: the client's own id where it sends one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub String);

impl fmt::Display for SessionId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

/// A point in time in milliseconds since 1970-01-01 UTC; handed in by the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

/// A budget of work, counted in bytes looked at (never in seconds).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Work(pub u64);

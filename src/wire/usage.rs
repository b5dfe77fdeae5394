//! Overhears the usage in an answer, streaming or not.

use super::Wire;
use crate::receipt::Usage;

/// Listens to an answer's bytes as they pass, and keeps the usage.
///
/// Holds at most 1 MiB. Never fails: what it can't understand it skips.
#[derive(Debug)]
pub struct Listener {
    _wire: Wire,
}

impl Listener {
    /// A listener for an answer of `wire` with these headers (`text/event-stream` or not; `gzip`, `br`, `zstd`, `deflate` or none).
    pub fn new(wire: Wire, _content_type: &str, _content_encoding: &str) -> Listener {
        Listener { _wire: wire }
    }

    /// Hears the next bytes, as they came over the wire.
    pub fn hear(&mut self, _bytes: &[u8]) {}

    /// The usage heard so far; `None` when there was none.
    pub fn usage(&self) -> Option<Usage> {
        None
    }
}

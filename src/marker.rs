//! The one grammar in which headroom speaks inside a shortened text.
//!
//! ```text
//! marker  = "[headroom: " said "]"                 always a line of its own, or one JSON string
//! said    = what "; original kept: headroom retrieve " KEY      the first gap of a text
//!         | what "; kept, same key"                             every further gap of the same text
//!         | what                                                a legend: nothing was left out
//! KEY     = 16 to 24 lower-case hex digits
//! ```
//!
//! A line that is too long is shown in pieces, each on a line of its own, with a marker between that says
//! `BYTES left out within line N`. Before or after such a marker, and nowhere else, stands a part of a line.
//!
//! *Invariant:* nothing here decides anything: a text that has the shape of a
//! marker is a text. Our own output is recognised by its digest in the store.

use crate::units::Key;

/// How every marker begins.
pub const OPEN: &str = "[headroom: ";

/// The first gap of a text: says what is missing there and how to get the whole original.
///
/// `what` is in the source's own units: `412 of 500 rows left out`.
pub fn left_out(what: &str, key: &Key) -> String {
    format!("{OPEN}{what}; original kept: headroom retrieve {key}]")
}

/// A further gap of a text whose first gap has named the key.
pub fn left_out_too(what: &str) -> String {
    format!("{OPEN}{what}; kept, same key]")
}

/// A legend: how a text was re-arranged. Nothing is left out.
pub fn legend(how: &str) -> String {
    format!("{OPEN}{how}]")
}

/// True for a line that has the shape of a marker (ours or not).
pub fn is_marker(line: &str) -> bool {
    line.starts_with(OPEN) && line.ends_with(']')
}

/// What a line says that has the shape of a marker, alone or as a JSON string.
pub fn said(line: &str) -> Option<&str> {
    let line = line.trim().trim_end_matches(',');
    let line = line.strip_prefix('"').and_then(|line| line.strip_suffix('"')).unwrap_or(line);
    line.strip_prefix(OPEN)?.strip_suffix(']')
}

/// What a marker says of a gap of `bytes` bytes that begins or ends in the middle of a line; lines are
/// counted from 1.
pub fn cut_within(bytes: usize, first_line: usize, last_line: usize) -> String {
    if first_line == last_line {
        format!("{bytes} bytes left out{WITHIN} {first_line}")
    } else {
        format!("{bytes} bytes left out{WITHIN}s {first_line}-{last_line}")
    }
}

/// True for a marker beside which a part of a line may stand.
pub fn cuts_a_line(line: &str) -> bool {
    is_marker(line) && line.contains(WITHIN)
}

const WITHIN: &str = " within line";

/// Writes the markers of one text: the first names the key, the others refer to it.
#[derive(Debug)]
pub struct Markers<'a> {
    key: &'a Key,
    named: bool,
    lines_before: usize,
}

impl<'a> Markers<'a> {
    /// The markers of a text whose original is kept under `key`.
    pub fn of(key: &'a Key) -> Markers<'a> {
        Markers { key, named: false, lines_before: 0 }
    }

    /// The markers of a part of such a text: `lines_before` of its lines stand before the part, and when
    /// `named`, the key has been told there.
    pub fn of_part(key: &'a Key, lines_before: usize, named: bool) -> Markers<'a> {
        Markers { key, named, lines_before }
    }

    /// The number of a line in the whole text, counted from 1; `line` is its place in this part, counted from 0.
    pub fn number(&self, line: usize) -> usize {
        self.lines_before + line + 1
    }

    /// The next gap, in reading order.
    pub fn gap(&mut self, what: &str) -> String {
        if std::mem::replace(&mut self.named, true) { left_out_too(what) } else { left_out(what, self.key) }
    }

    /// True once a gap was written.
    pub fn used(&self) -> bool {
        self.named
    }
}

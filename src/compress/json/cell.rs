//! How one value stands in a table: a string without quotes where it can't be
//! taken for anything else, everything else as JSON.

use super::cut::{Cut, Cuts};
use super::plain::{self, Sink};
use super::shape::Shape;
use super::tape::{At, Tape, number_len};

/// What a cell holds when the row has no such key.
pub const ABSENT: &str = "-";

/// Whether a column may hold anything or strings only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Anything: a string that looks like a number is quoted.
    Anything,
    /// Strings only: a cell that looks like a number is a string.
    Texts,
}

/// Writes the value at `at`; `prefix` is what all strings of the column begin with.
pub fn write(
    tape: &Tape<'_>,
    at: At,
    holds: Holds,
    prefix: &str,
    shape: &Shape<'_>,
    cuts: &Cuts,
    to: &mut impl Sink,
) {
    if cuts.at(at).is_some() {
        return match cuts.at(at) {
            Some(Cut::Text(_)) => plain::scalar(tape, at, cuts, to),
            _ => plain::value(tape, at, cuts, to),
        };
    }
    if !tape.is_string(at) {
        return shape.write(tape, at, cuts, to);
    }
    let said = tape.said(at);
    let rest = said.strip_prefix(prefix).unwrap_or(&said);
    if is_bare(rest, holds) { to.put(rest) } else { plain::string(rest, to) }
}

/// True for a string that stands in a cell without quotes and reads back as itself.
pub fn is_bare(said: &str, holds: Holds) -> bool {
    let bytes = said.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    !matches!(first, b'"' | b'[' | b'{' | b'<' | b' ')
        && *last != b' '
        && said != ABSENT
        && bytes.iter().all(|byte| 0x20 <= *byte && *byte != 0x7f)
        && !has_odd_break(said)
        && (holds == Holds::Texts || !is_word(said))
}

/// True for what JSON would read as a literal.
pub fn is_word(said: &str) -> bool {
    matches!(said, "null" | "true" | "false") || number_len(said.as_bytes()) == Some(said.len())
}

/// Line breaks that are no control characters of ASCII, and blanks at the edges that a reader would lose.
fn has_odd_break(said: &str) -> bool {
    !said.is_ascii()
        && (said.contains(['\u{85}', '\u{2028}', '\u{2029}', '\u{feff}'])
            || said.starts_with(char::is_whitespace)
            || said.ends_with(char::is_whitespace))
}

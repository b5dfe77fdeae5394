//! Where the values are in a text, and what stands between them.
//!
//! A bracket is tried where a value may begin: at the start of a line or a word,
//! and followed by what JSON allows. *Invariant:* the pieces are the whole text,
//! in order; all tries together read no more than [`TRIES`] times its length.

use super::super::json::tape::{Begins, Tape};
use std::ops::Range;

/// Values of fewer bytes, several with only white space between them taken together, stay in their text.
const SHORT: usize = 300;

/// What breaks off is a value from this many bytes on.
const SHORT_CUT: usize = 1_000;

/// How often the text's length may be read in tries.
const TRIES: usize = 4;

/// What a piece is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sort {
    /// No JSON.
    Text,
    /// One value, or several with white space between them.
    Value,
    /// Items of an array whose bracket is not there: values with commas between them.
    Items,
    /// A value that breaks off; with these brackets after it, it would be whole.
    Cut(String),
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its bytes.
    pub range: Range<usize>,
    /// What it is.
    pub sort: Sort,
    /// True for one value that nothing was joined to yet.
    lone: bool,
}

/// The pieces of `text`, in order.
pub fn of(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut end = 0;
    for value in joined(text, values(text)) {
        let least = if matches!(value.sort, Sort::Cut(_)) { SHORT_CUT } else { SHORT };
        if value.range.len() < least {
            continue;
        }
        if end < value.range.start {
            pieces.push(Piece { range: end..value.range.start, sort: Sort::Text, lone: false });
        }
        end = value.range.end;
        pieces.push(value);
    }
    if end < text.len() {
        pieces.push(Piece { range: end..text.len(), sort: Sort::Text, lone: false });
    }
    pieces
}

/// Every value, however short.
fn values(text: &str) -> Vec<Piece> {
    let bytes = text.as_bytes();
    let given_up = (text.len() / 20).max(2_048);
    let mut left = TRIES * text.len();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = memchr::memchr2(b'{', b'[', &bytes[at..]) {
        let start = at + next;
        at = start + 1;
        if !may_begin(bytes, start) {
            continue;
        }
        let (read, piece) = match Tape::begin(&text[start..], given_up) {
            Begins::Whole(len) => (len, Some((len, Sort::Value))),
            Begins::Cut(cut) if SHORT_CUT <= cut.whole => {
                (cut.stopped, Some((cut.whole, Sort::Cut(cut.closers))))
            }
            Begins::Cut(cut) => (cut.stopped, None),
            Begins::Nothing(stopped) => (stopped, None),
        };
        if let Some((len, sort)) = piece {
            at = start + len;
            found.push(Piece { range: start..at, sort, lone: true });
        }
        match left.checked_sub(read) {
            Some(less) => left = less,
            None => break,
        }
    }
    found
}

/// True for a bracket where a value may begin.
fn may_begin(bytes: &[u8], at: usize) -> bool {
    let opens = at.checked_sub(1).is_none_or(|before| {
        let before = bytes[before];
        before.is_ascii_whitespace()
            || 0x80 <= before
            || matches!(before, b':' | b'=' | b'(' | b'>' | b',' | b'|')
    });
    let next = bytes[at + 1..].iter().find(|byte| !byte.is_ascii_whitespace());
    opens
        && match bytes[at] {
            b'{' => matches!(next, Some(b'"')),
            _ => matches!(next, Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n')),
        }
}

/// Takes together what only white space stands between.
fn joined(text: &str, values: Vec<Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::new();
    for value in values {
        match joined.last_mut() {
            Some(last) if value.sort == Sort::Value => {
                let between = &text[last.range.end..value.range.start];
                match (&last.sort, between.trim_ascii()) {
                    (Sort::Value, "") => last.range.end = value.range.end,
                    (Sort::Value, ",") if last.lone => {
                        *last = Piece {
                            range: last.range.start..value.range.end,
                            sort: Sort::Items,
                            lone: false,
                        };
                    }
                    (Sort::Items, ",") => last.range.end = value.range.end,
                    _ => {
                        joined.push(value);
                        continue;
                    }
                }
                last.lone = false;
            }
            _ => joined.push(value),
        }
    }
    joined
}

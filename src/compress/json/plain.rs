//! JSON without white space: the one spelling that every other form decodes to.
//!
//! Number literals as they came, strings with no more escapes than needed, keys
//! in their order, one outermost value a line; what is left out, a string that
//! is a marker.

use super::cut::{Cut, Cuts, Piece};
use super::tape::{At, Sort, Tape, plain_len};
use crate::marker;
use std::borrow::Cow;

/// Where text goes: into a string, or against one.
pub trait Sink {
    /// The next piece.
    fn put(&mut self, text: &str);

    /// A marker that says what is left out here.
    fn gap(&mut self, what: &str) {
        self.put(&marker::left_out_too(what));
    }

    /// A row of a table, with its line break, ends here; so does what stands above the rows.
    fn row(&mut self) {}
}

impl Sink for String {
    fn put(&mut self, text: &str) {
        self.push_str(text);
    }
}

/// Compares what is put with what is expected, without keeping either.
#[derive(Debug)]
pub struct Against<'a> {
    rest: &'a str,
    same: bool,
}

impl<'a> Against<'a> {
    /// Expects `text`, piece by piece.
    pub fn text(text: &'a str) -> Against<'a> {
        Against { rest: text, same: true }
    }

    /// True when exactly the expected text was put.
    pub fn met(&self) -> bool {
        self.same && self.rest.is_empty()
    }
}

impl Sink for Against<'_> {
    fn put(&mut self, text: &str) {
        // Most pieces are a few bytes long: a call to compare them costs more than comparing.
        let same = match self.rest.as_bytes().get(..text.len()) {
            Some(rest) if text.len() < 16 => rest.iter().zip(text.as_bytes()).all(|(a, b)| a == b),
            Some(rest) => rest == text.as_bytes(),
            None => false,
        };
        self.same &= same;
        if self.same {
            self.rest = &self.rest[text.len()..];
        }
    }
}

/// Counts bytes.
#[derive(Debug)]
pub struct Length(pub usize);

impl Sink for Length {
    fn put(&mut self, text: &str) {
        self.0 += text.len();
    }
}

/// The whole tape, one outermost value a line.
pub fn whole(tape: &Tape<'_>, cuts: &Cuts, to: &mut impl Sink) {
    let mut gone_until = At(0);
    for (index, root) in tape.roots().iter().enumerate() {
        if *root < gone_until {
            continue;
        }
        if index != 0 {
            to.put("\n");
        }
        match cuts.at(*root) {
            Some(Cut::Gap { until, what }) => {
                gone_until = *until;
                to.put("\"");
                to.gap(&inside_quotes(what));
                to.put("\"");
            }
            _ => value(tape, *root, cuts, to),
        }
    }
}

/// One value with all that is inside it.
pub fn value(tape: &Tape<'_>, at: At, cuts: &Cuts, to: &mut impl Sink) {
    let end = tape.past(at);
    let mut walk = Walk::default();
    let mut next = at;
    while next < end {
        walk.before(next, to);
        next = walk.step(tape, next, cuts, to);
    }
    walk.before(end, to);
}

/// What is open while values are written one after another.
#[derive(Debug, Default)]
pub struct Walk {
    open: Vec<(At, Sort)>,
    spot: Spot,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Spot {
    #[default]
    First,
    AfterValue,
    AfterKey,
}

impl Walk {
    /// Closes what ends at `next`, and puts the comma that `next` needs.
    pub fn before(&mut self, next: At, to: &mut impl Sink) {
        while let Some((end, sort)) = self.open.last()
            && *end == next
        {
            to.put(if *sort == Sort::Object { "}" } else { "]" });
            self.open.pop();
            self.spot = Spot::AfterValue;
        }
        if self.spot == Spot::AfterValue && !self.open.is_empty() {
            to.put(",");
        }
    }

    /// Writes a scalar, a key, an opening bracket or a marker; where to go on.
    pub fn step(&mut self, tape: &Tape<'_>, at: At, cuts: &Cuts, to: &mut impl Sink) -> At {
        if let Some(Cut::Gap { until, what }) = cuts.at(at) {
            to.put("\"");
            to.gap(&inside_quotes(what));
            to.put(if self.at_key() { "\":null" } else { "\"" });
            self.spot = Spot::AfterValue;
            return *until;
        }
        match tape.sort(at) {
            sort @ (Sort::Array | Sort::Object) => {
                to.put(if sort == Sort::Object { "{" } else { "[" });
                self.open.push((tape.past(at), sort));
                self.spot = Spot::First;
            }
            _ if self.at_key() => {
                scalar(tape, at, cuts, to);
                to.put(":");
                self.spot = Spot::AfterKey;
            }
            _ => {
                scalar(tape, at, cuts, to);
                self.spot = Spot::AfterValue;
            }
        }
        At(at.0 + 1)
    }

    /// Notes that somebody else wrote the value at hand.
    pub fn wrote_value(&mut self) {
        self.spot = Spot::AfterValue;
    }

    fn at_key(&self) -> bool {
        self.spot != Spot::AfterKey && self.open.last().is_some_and(|(_, sort)| *sort == Sort::Object)
    }
}

/// A scalar or a key.
pub fn scalar(tape: &Tape<'_>, at: At, cuts: &Cuts, to: &mut impl Sink) {
    match (tape.sort(at), cuts.at(at)) {
        (Sort::Text | Sort::Escaped, Some(Cut::Text(pieces))) => shortened(&tape.said(at), pieces, to),
        (Sort::Text, _) => {
            to.put("\"");
            to.put(tape.spelled(at));
            to.put("\"");
        }
        (Sort::Escaped, _) => string(&tape.said(at), to),
        _ => to.put(tape.spelled(at)),
    }
}

/// A string in quotes, with no more escapes than needed.
pub fn string(said: &str, to: &mut impl Sink) {
    to.put("\"");
    escaped(said, to);
    to.put("\"");
}

/// A string of which parts are left out: each marker is a line of its own inside it.
fn shortened(said: &str, pieces: &[Piece], to: &mut impl Sink) {
    to.put("\"");
    for (index, piece) in pieces.iter().enumerate() {
        if index != 0 {
            to.put("\\n");
        }
        match piece {
            Piece::Kept(range) => escaped(&said[range.clone()], to),
            Piece::Made(text) => escaped(text, to),
            Piece::Gap(what) => to.gap(what),
        }
    }
    to.put("\"");
}

/// What a marker says, as it stands inside a string.
fn inside_quotes(what: &str) -> Cow<'_, str> {
    if plain_len(what.as_bytes()) == what.len() {
        return Cow::Borrowed(what);
    }
    let mut said = String::new();
    escaped(what, &mut said);
    Cow::Owned(said)
}

fn escaped(said: &str, to: &mut impl Sink) {
    let mut rest = said;
    loop {
        let plain = plain_len(rest.as_bytes());
        to.put(&rest[..plain]);
        let Some(byte) = rest.as_bytes().get(plain) else { return };
        match byte {
            b'"' => to.put("\\\""),
            b'\\' => to.put("\\\\"),
            b'\n' => to.put("\\n"),
            b'\r' => to.put("\\r"),
            b'\t' => to.put("\\t"),
            0x8 => to.put("\\b"),
            0xc => to.put("\\f"),
            other => to.put(&format!("\\u{other:04x}")),
        }
        rest = &rest[plain + 1..];
    }
}

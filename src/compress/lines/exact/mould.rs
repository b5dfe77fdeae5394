//! A pattern with its constant parts told once, and the values of its lines.
//!
//! Values are whole tokens: what a reader would look for stands in one piece.

use super::super::Lines;
use super::super::cuts::{Cut, Cuts};
use super::super::token::Class;

/// What stands between the values of a line; the first that none of them contains is taken.
pub const BETWEEN: [char; 5] = [' ', '|', '\t', ';', '\u{1f}'];
/// A pattern is worth telling when it makes so many bytes fewer.
const WORTH: usize = 60;
/// A shared start or end of names and paths is told once when it has so many bytes.
const LONG: usize = 16;

/// What stands within names and places: two values with only such and constant words between are one.
const INNER: &str = ".:/-_@#";
/// So many words and separators are looked at for the next value of the same name.
const FURTHEST: usize = 8;

/// A pattern: its constant parts, and for each value where it is in a line.
pub struct Mould {
    /// The constant parts: one more than there are values.
    pub parts: Vec<String>,
    holes: Vec<Hole>,
    /// Which of [`BETWEEN`] stand in some of its values, one bit each.
    taken: u8,
    /// Bytes that it makes fewer.
    pub saved: usize,
}

/// A value: from the end of one token's constant start to the start of another's constant end.
#[derive(Clone, Copy)]
struct Hole {
    /// The pieces of a line (separators and tokens in turn) that it covers.
    first: usize,
    last: usize,
    /// Bytes of the first piece, and of the last, that are constant.
    head: usize,
    tail: usize,
}

impl Mould {
    /// The pattern of the lines `its`. `None` when they have not as many tokens, and when telling them by
    /// it is not worth it.
    pub fn of(lines: &Lines<'_>, cuts: &Cuts, its: &[u32]) -> Option<Mould> {
        let first = Pieces::of(lines, cuts, *its.first()? as usize);
        let count = first.count();
        let mut shared = vec![Shared::All; count];
        let mut shortest = vec![usize::MAX; count];
        let mut whole = 0;
        for &line in its {
            let other = Pieces::of(lines, cuts, line as usize);
            if other.count() != count {
                return None;
            }
            whole += other.line.len();
            for (place, shared) in shared.iter_mut().enumerate() {
                let text = other.text(place);
                shortest[place] = shortest[place].min(text.len());
                shared.see(first.text(place), text, first.class(place));
            }
        }
        let mut mould = Mould { parts: vec![String::new()], holes: Vec::new(), taken: 0, saved: 0 };
        let mut place = 0;
        while place < count {
            if shared[place] == Shared::All {
                mould.parts.last_mut()?.push_str(first.text(place));
                place += 1;
                continue;
            }
            let mut last = place;
            while last + 1 < count {
                let varies = |at: usize| shared.get(at).is_some_and(|shared| *shared != Shared::All);
                let narrow = |at: usize| first.text(at).len() == 1 && first.text(at) != " ";
                if varies(last + 1) {
                    last += 1;
                    continue;
                }
                // `main.rs:12` stays in one piece, and so does `Cart.java:31` where all end in `java`.
                let within = |at: usize| {
                    at < count && narrow(at) && (at == last + 1 || INNER.contains(first.text(at)))
                };
                let mut ahead = last + 1;
                while last % 2 == 1 && within(ahead) && !varies(ahead + 1) && ahead - last < FURTHEST {
                    ahead += 2;
                }
                if last % 2 == 1 && within(ahead) && varies(ahead + 1) {
                    last = ahead + 1;
                } else {
                    break;
                }
            }
            // At least one letter stays in each value, or the values of a line could not be told apart.
            let spare = |at: usize| shortest[at].saturating_sub(1);
            let (start, end) = (first.text(place), first.text(last));
            let head = whole_start(start, shared[place].head().min(spare(place)));
            let left = if last == place { spare(last).saturating_sub(head) } else { spare(last) };
            let tail = whole_end(end, shared[last].tail().min(left));
            mould.parts.last_mut()?.push_str(&start[..head]);
            mould.parts.push(end[end.len() - tail..].to_owned());
            mould.holes.push(Hole { first: place, last, head, tail });
            place = last + 1;
        }
        let constant: usize = mould.parts.iter().map(String::len).sum();
        mould.saved = its.len() * constant.saturating_sub(4 + mould.holes.len());
        // Where most of a line varies, its pattern is harder to read than the line.
        if mould.saved <= constant + WORTH || mould.saved * 4 < whole {
            return None;
        }
        let mut empty = false;
        for &line in its {
            let pieces = Pieces::of(lines, cuts, line as usize);
            for value in mould.holes.iter().map(|hole| pieces.value(hole)) {
                empty |= value.is_empty();
                mould.taken |= value.bytes().fold(0, |taken, byte| taken | TAKES[byte as usize]);
            }
        }
        (!empty).then_some(mould)
    }

    /// True when the separator with this place in [`BETWEEN`] stands in none of its values.
    pub fn free(&self, between: usize) -> bool {
        self.taken & 1 << between == 0
    }

    /// Writes the values of one of its lines.
    pub fn write_values(&self, line: &str, cuts: &[Cut], between: char, out: &mut String) {
        let pieces = Pieces { line, cuts };
        for (order, hole) in self.holes.iter().enumerate() {
            if 0 < order {
                out.push(between);
            }
            out.push_str(pieces.value(hole));
        }
    }
}

/// The pieces of a line: separators and tokens in turn, the first and the last a separator.
struct Pieces<'a> {
    line: &'a str,
    cuts: &'a [Cut],
}

impl<'a> Pieces<'a> {
    fn of(lines: &'a Lines<'_>, cuts: &'a Cuts, line: usize) -> Pieces<'a> {
        Pieces { line: lines.get(line), cuts: cuts.of(line) }
    }

    fn count(&self) -> usize {
        self.cuts.len() * 2 + 1
    }

    fn class(&self, place: usize) -> Option<Class> {
        (place % 2 == 1).then(|| self.cuts[place / 2].class())
    }

    fn span(&self, place: usize) -> (usize, usize) {
        let token = place / 2;
        if place % 2 == 1 {
            return (self.cuts[token].start(), self.cuts[token].end());
        }
        let start = if token == 0 { 0 } else { self.cuts[token - 1].end() };
        (start, self.cuts.get(token).map_or(self.line.len(), |cut| cut.start()))
    }

    fn text(&self, place: usize) -> &'a str {
        let (start, end) = self.span(place);
        &self.line[start..end]
    }

    fn value(&self, hole: &Hole) -> &'a str {
        let (start, end) = (self.span(hole.first).0 + hole.head, self.span(hole.last).1 - hole.tail);
        self.line.get(start..end).unwrap_or("")
    }
}

/// How much of a piece all lines of a pattern share.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shared {
    /// All of it.
    All,
    /// So many bytes at its start, and at its end.
    Some(usize, usize),
}

impl Shared {
    fn see(&mut self, first: &str, other: &str, class: Option<Class>) {
        if *self == Shared::Some(0, 0) || (*self == Shared::All && first == other) {
            return;
        }
        // The dates of a column of times are told once. A name or a path is looked for as it is: what its
        // lines share is told once only where that is long.
        let least = if class == Some(Class::Time) { 1 } else { LONG };
        if class.is_none() || other.len() < least {
            *self = Shared::Some(0, 0);
            return;
        }
        let enough = |bytes: usize| if bytes < least { 0 } else { bytes };
        let (head, tail) = match *self {
            Shared::All => (usize::MAX, usize::MAX),
            Shared::Some(head, tail) => (head, tail),
        };
        let head = if head == 0 { 0 } else { enough(head.min(common_start(first, other))) };
        let tail = if tail == 0 { 0 } else { enough(tail.min(common_end(first, other))) };
        *self = Shared::Some(head, tail);
    }

    fn head(self) -> usize {
        if let Shared::Some(head, _) = self { head } else { 0 }
    }

    fn tail(self) -> usize {
        if let Shared::Some(_, tail) = self { tail } else { 0 }
    }
}

/// The bit of each of [`BETWEEN`], by its byte.
static TAKES: [u8; 256] = {
    let mut takes = [0; 256];
    let mut order = 0;
    while order < BETWEEN.len() {
        takes[BETWEEN[order] as usize] = 1 << order;
        order += 1;
    }
    takes
};

/// How much of a shared start can be told once without cutting a number or a word.
fn whole_start(text: &str, shared: usize) -> usize {
    let shared = floor(text, shared);
    let start = text[..shared].trim_end_matches(|each: char| each.is_ascii_digit());
    match text[start.len()..].chars().next() {
        Some(next) if next.is_alphabetic() => start.trim_end_matches(char::is_alphabetic).len(),
        _ => start.len(),
    }
}

/// How much of a shared end can be told once without cutting a number or a word.
fn whole_end(text: &str, shared: usize) -> usize {
    let from = ceil(text, text.len() - shared);
    let end = text[from..].trim_start_matches(|each: char| each.is_ascii_digit());
    match text[..text.len() - end.len()].chars().next_back() {
        Some(before) if before.is_alphabetic() => end.trim_start_matches(char::is_alphabetic).len(),
        _ => end.len(),
    }
}

fn common_start(left: &str, right: &str) -> usize {
    let same = left.bytes().zip(right.bytes()).take_while(|(left, right)| left == right).count();
    floor(left, same)
}

fn common_end(left: &str, right: &str) -> usize {
    let same = left.bytes().rev().zip(right.bytes().rev()).take_while(|(left, right)| left == right).count();
    left.len() - ceil(left, left.len() - same)
}

/// The nearest bound of a letter at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// The nearest bound of a letter at or after `at`.
fn ceil(text: &str, at: usize) -> usize {
    (at..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len())
}

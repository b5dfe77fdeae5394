//! Secrets in text: found and masked before anything of it is kept, shown or learned.
//!
//! One pass of an automaton over the text finds the anchors (a token's prefix, a name such as `password`, `://`); what
//! stands around each is then looked at once, within bounds. *Invariant:* linear time, whatever the text; masking what is
//! masked changes nothing. Never here: what is done with a text that holds secrets, and secrets that no shape and no name
//! gives away (a bare run of hex digits is a commit far more often than a key).

mod assigned;
mod blocks;
mod chance;
mod hidden;
mod shapes;
#[cfg(test)]
mod tests;
mod urls;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

/// A secret in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is: lower-case letters, digits and dashes (`github-token`).
    pub kind: &'static str,
    /// Its bytes in the text; begins and ends between characters.
    pub range: Range<usize>,
}

/// What a mask begins with.
const MASK: &str = "[redacted:";

/// No mask is longer than this, in bytes.
const LONGEST_MASK: usize = 40;

/// How often a masked text is looked at again: a mask may set apart what was one run of letters before.
const ROUNDS: usize = 8;

/// `text` with every secret in it replaced by `[redacted:KIND]`.
pub fn masked(text: &str) -> Cow<'_, str> {
    let mut masked = Cow::Borrowed(text);
    for _ in 0..ROUNDS {
        let found = find(&masked);
        if found.is_empty() {
            break;
        }
        masked = Cow::Owned(without(&masked, &found));
    }
    masked
}

/// The secrets in `text`, in order; they do not overlap.
pub fn find(text: &str) -> Vec<Found> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut known = 0..0;
    for hit in ANCHORS.automaton.find_overlapping_iter(bytes) {
        // Within a secret there is no other; but a longer anchor may tell more of what begins at the same place.
        if hit.start() < known.end && hit.start() != known.start {
            continue;
        }
        let Some(look) = ANCHORS.looks.get(hit.pattern().as_usize()) else { continue };
        if let Some(secret) = look.at(bytes, hit.start()..hit.end()) {
            if secret.range.end >= known.end {
                known = secret.range.clone();
            }
            found.push(secret);
        }
    }
    hidden::tokens(bytes, &mut found);
    hidden::cards(bytes, &mut found);
    apart(text, found)
}

/// The names of all kinds, in order, each once.
pub fn kinds() -> Vec<&'static str> {
    let mut kinds: Vec<&'static str> = shapes::SHAPES.iter().map(|shape| shape.kind).collect();
    kinds.extend(assigned::kinds());
    kinds.extend(blocks::KINDS);
    kinds.extend(urls::kinds());
    kinds.extend(hidden::KINDS);
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// `found` in order and without overlaps: what overlaps becomes one. What holds a mask already is left out.
fn apart(text: &str, mut found: Vec<Found>) -> Vec<Found> {
    found.retain(|one| !masks(text.as_bytes(), &one.range));
    found.sort_by_key(|one| (one.range.start, std::cmp::Reverse(one.range.end)));
    let mut apart: Vec<Found> = Vec::with_capacity(found.len());
    for one in found {
        match apart.last_mut() {
            Some(last) if one.range.start < last.range.end => {
                last.range.end = last.range.end.max(one.range.end);
                if one.range == last.range {
                    last.kind = one.kind;
                }
            }
            _ => apart.push(one),
        }
    }
    apart
}

/// True when a mask begins in `range`, or goes on into it.
fn masks(text: &[u8], range: &Range<usize>) -> bool {
    let inside =
        text.get(range.clone()).is_none_or(|secret| memchr::memmem::find(secret, MASK.as_bytes()).is_some());
    let before = text.get(range.start.saturating_sub(LONGEST_MASK)..range.start).unwrap_or_default();
    let open = memchr::memmem::rfind(before, MASK.as_bytes()).and_then(|at| before.get(at..));
    inside || open.is_some_and(|open| !open.contains(&b']'))
}

/// `text` with masks in place of `found`.
fn without(text: &str, found: &[Found]) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut copied = 0;
    for one in found {
        masked.push_str(text.get(copied..one.range.start).unwrap_or_default());
        masked.push_str(MASK);
        masked.push_str(one.kind);
        masked.push(']');
        copied = one.range.end;
    }
    masked.push_str(text.get(copied..).unwrap_or_default());
    masked
}

/// What is looked at where an anchor stands.
#[derive(Clone, Copy)]
enum Look {
    /// A token that begins with the anchor: which of the shapes.
    Token(&'static shapes::Shape),
    /// A name that a secret is assigned to.
    Name(assigned::Name),
    /// A block of lines.
    Block(blocks::Block),
    /// An address.
    Url(urls::Part),
}

impl Look {
    fn at(self, text: &[u8], anchor: Range<usize>) -> Option<Found> {
        match self {
            Look::Token(shape) => shape.at(text, anchor),
            Look::Name(name) => name.at(text, anchor),
            Look::Block(block) => block.at(text, anchor),
            Look::Url(part) => part.at(text, anchor),
        }
    }
}

/// All anchors, and what is looked at where each stands.
struct Anchors {
    automaton: AhoCorasick,
    looks: Vec<Look>,
}

static ANCHORS: LazyLock<Anchors> = LazyLock::new(|| {
    let mut words: Vec<&str> = Vec::new();
    let mut looks = Vec::new();
    for shape in shapes::SHAPES {
        words.push(shape.anchor);
        looks.push(Look::Token(shape));
    }
    for &(word, name) in assigned::NAMES {
        words.push(word);
        looks.push(Look::Name(name));
    }
    for &(word, block) in blocks::BLOCKS {
        words.push(word);
        looks.push(Look::Block(block));
    }
    for &(word, part) in urls::PARTS {
        words.push(word);
        looks.push(Look::Url(part));
    }
    // The words are ours, few and short: an automaton of them is always built. Without one nothing would be found, and a test
    // would say so.
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(&words)
        .or_else(|_| AhoCorasick::new([""; 0]));
    match automaton {
        Ok(automaton) => Anchors { automaton, looks },
        Err(_) => unreachable!("an automaton of no words is always built"),
    }
});

/// True where a token may begin: no letter or digit stands before, or what stands there belongs to an escape (`\n`, `%20`,
/// `\u0027`, a colour).
fn begins(text: &[u8], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|at| text.get(at)).copied();
    let Some(last) = before(1) else { return true };
    if !last.is_ascii_alphanumeric() {
        return true;
    }
    if before(2) == Some(b'\\') && matches!(last, b'n' | b'r' | b't' | b'f' | b'b' | b'0' | b'e') {
        return true;
    }
    if before(3) == Some(b'%') && last.is_ascii_hexdigit() && before(2).is_some_and(|b| b.is_ascii_hexdigit())
    {
        return true;
    }
    if before(6) == Some(b'\\') && before(5) == Some(b'u') && last.is_ascii_hexdigit() {
        return true;
    }
    last == b'm' && colours(text, at)
}

/// True when a colour (`ESC[32m`) ends before `at`.
fn colours(text: &[u8], at: usize) -> bool {
    let start = at.saturating_sub(14);
    let Some(window) = text.get(start..at.saturating_sub(1)) else { return false };
    let parameters = window.iter().rev().take_while(|b| b.is_ascii_digit() || **b == b';').count();
    let rest = window.get(..window.len() - parameters).unwrap_or_default();
    rest.ends_with(b"\x1b[") || rest.ends_with(b"1b[") || rest.ends_with(b"1B[") || rest.ends_with(b"33[")
}

//! JSON as a flat list of nodes that borrow the text.
//!
//! Iterative: a value nested deeper than [`DEEPEST`] is not read. What RFC 8259
//! forbids and programs print all the same (`NaN`, half of a surrogate pair, a
//! broken line among JSON lines) is a literal like a number: it goes as it came.
//! *Invariant:* nothing here turns a number into a number: a literal stays the
//! slice it was.

use std::borrow::Cow;

/// How deep arrays and objects may nest; what is deeper is refused, so that whoever walks a tape is bounded.
pub const DEEPEST: usize = 128;

/// Longest text that a tape can point into, in bytes.
const LONGEST: usize = 1 << 29;

/// Fewer whole lines than this, among broken ones, are no JSON lines.
const FEWEST_LINES: usize = 3;

const KIND_SHIFT: u32 = 29;
const PLACE: u32 = (1 << KIND_SHIFT) - 1;

/// Why a text is not read as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// Not JSON from this byte on.
    Malformed(usize),
    /// Nested deeper than [`DEEPEST`], or longer than a tape can point into.
    TooBig,
    /// A `\u` escape that is half of a pair, in a key: no such text exists in UTF-8.
    LoneSurrogate,
}

/// The part of a text that is JSON as far as it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Where the last whole item or member ends.
    pub whole: usize,
    /// The brackets that are open there, closed: `]}`.
    pub closers: String,
    /// Where it stopped being JSON: the text's length when it was cut off.
    pub stopped: usize,
}

/// What a text begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begins {
    /// A whole value, up to this byte.
    Whole(usize),
    /// A value that breaks off.
    Cut(Cut),
    /// Nothing of use; it stopped being JSON at this byte.
    Nothing(usize),
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// `null`
    Null,
    /// `false`
    False,
    /// `true`
    True,
    /// A number literal, or something odd that is left as it is.
    Number,
    /// A string without escapes.
    Text,
    /// A string with escapes.
    Escaped,
    /// `[…]`
    Array,
    /// `{…}`: its children are key, value, key, value, …
    Object,
}

const SORTS: [Sort; 8] =
    [Sort::Null, Sort::False, Sort::True, Sort::Number, Sort::Text, Sort::Escaped, Sort::Array, Sort::Object];

/// A value's (or a key's) place on its tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At(pub u32);

/// Eight bytes a value: where it begins, with its sort in the top bits, and where it ends.
#[derive(Clone, Copy, Debug)]
struct Node {
    start: u32,
    /// A scalar: one past its last byte (a string's quotes are outside). An array or object: one past its last node.
    end: u32,
}

/// A text that was read: every value in the order of the text.
#[derive(Debug)]
pub struct Tape<'a> {
    text: &'a str,
    nodes: Vec<Node>,
    roots: Vec<At>,
}

impl<'a> Tape<'a> {
    /// Reads `text`: one value, or several with white space between them (JSON lines).
    ///
    /// # Errors
    /// [`Unread`], with the place where it stopped being JSON.
    pub fn read(text: &'a str) -> Result<Tape<'a>, Unread> {
        if LONGEST <= text.len() {
            return Err(Unread::TooBig);
        }
        let nodes = Vec::with_capacity(most_nodes(text.as_bytes()));
        let mut reader = Reader { nodes, ..Reader::of(text) };
        let roots = reader.read()?;
        Ok(Tape { text, nodes: reader.nodes, roots })
    }

    /// Reads JSON lines of which a few are broken (cut off, or no JSON at all): those are literals.
    ///
    /// # Errors
    /// [`Unread`] when fewer than `FEWEST_LINES` are whole, or more than one in six is not.
    pub fn read_lines(text: &'a str) -> Result<Tape<'a>, Unread> {
        if LONGEST <= text.len() {
            return Err(Unread::TooBig);
        }
        let mut reader =
            Reader { nodes: Vec::with_capacity(most_nodes(text.as_bytes())), ..Reader::of(text) };
        let mut roots = Vec::new();
        let (mut whole, mut broken, mut from) = (0, 0, 0);
        for line in text.split_inclusive('\n') {
            let start = from + line.len() - line.trim_ascii_start().len();
            let end = start + line.trim_ascii().len();
            from += line.len();
            if end <= start {
                continue;
            }
            let place = reader.nodes.len();
            roots.push(At(place as u32));
            reader.at = start;
            reader.open.clear();
            let is_value = matches!(text.as_bytes()[start], b'{' | b'[') && reader.value().is_ok();
            if is_value && reader.at == end {
                whole += 1;
            } else {
                broken += 1;
                if text[start..end].bytes().any(|byte| byte < 0x20 || byte == 0x7f) || whole + 20 < broken {
                    return Err(Unread::Malformed(start));
                }
                reader.nodes.truncate(place);
                reader.push(Sort::Number, start, end);
            }
        }
        if whole < FEWEST_LINES || whole < broken * 5 {
            return Err(Unread::Malformed(0));
        }
        Ok(Tape { text, nodes: reader.nodes, roots })
    }

    /// What `text` begins with, be it whole or broken off; what breaks off is cut as far out as costs no more
    /// than `given_up` bytes.
    pub fn begin(text: &'a str, given_up: usize) -> Begins {
        if LONGEST <= text.len() {
            return Begins::Nothing(text.len());
        }
        let mut reader = Reader::of(text);
        match reader.value() {
            Ok(()) => Begins::Whole(reader.at),
            Err(_) => reader.cut(given_up),
        }
    }

    /// The values that stand at the outermost level: one, or one for each JSON line.
    pub fn roots(&self) -> &[At] {
        &self.roots
    }

    /// The text that was read.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The place after the last value.
    pub fn end(&self) -> At {
        At(self.nodes.len() as u32)
    }

    /// How long the text was, in bytes.
    pub fn text_len(&self) -> usize {
        self.text.len()
    }

    /// What stands at `at`.
    pub fn sort(&self, at: At) -> Sort {
        SORTS[(self.nodes[at.0 as usize].start >> KIND_SHIFT) as usize]
    }

    /// True for an array or an object.
    pub fn is_nest(&self, at: At) -> bool {
        matches!(self.sort(at), Sort::Array | Sort::Object)
    }

    /// True for a string.
    pub fn is_string(&self, at: At) -> bool {
        matches!(self.sort(at), Sort::Text | Sort::Escaped)
    }

    /// A scalar as it is spelled; a string without its quotes, escapes as they came.
    pub fn spelled(&self, at: At) -> &'a str {
        let node = self.nodes[at.0 as usize];
        &self.text[(node.start & PLACE) as usize..node.end as usize]
    }

    /// What a string says, escapes resolved.
    pub fn said(&self, at: At) -> Cow<'a, str> {
        match self.sort(at) {
            Sort::Escaped => Cow::Owned(unescape(self.spelled(at))),
            _ => Cow::Borrowed(self.spelled(at)),
        }
    }

    /// The place after this value and all that is inside it.
    pub fn past(&self, at: At) -> At {
        match self.sort(at) {
            Sort::Array | Sort::Object => At(self.nodes[at.0 as usize].end),
            _ => At(at.0 + 1),
        }
    }

    /// How many bytes of the text the value takes, white space inside included; an estimate for the last one of an array.
    pub fn source_len(&self, at: At) -> usize {
        let node = self.nodes[at.0 as usize];
        let start = (node.start & PLACE) as usize;
        match self.sort(at) {
            Sort::Array | Sort::Object => match self.nodes.get(node.end as usize) {
                Some(next) => (next.start & PLACE) as usize - start,
                None => self.text.len() - start,
            },
            _ => node.end as usize - start,
        }
    }

    /// The values inside an array; inside an object, keys and values in turn.
    pub fn inside(&self, at: At) -> Inside<'_, 'a> {
        Inside { tape: self, next: At(at.0 + 1), end: self.past(at) }
    }

    /// The members of an object.
    pub fn members(&self, at: At) -> impl Iterator<Item = (At, At)> + '_ {
        let mut inside = self.inside(at);
        std::iter::from_fn(move || Some((inside.next()?, inside.next()?)))
    }

    /// True for a string that is the key of a member.
    pub fn is_key(&self, at: At) -> bool {
        let rest = &self.text.as_bytes()[self.nodes[at.0 as usize].end as usize..];
        self.is_string(at) && rest[1..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
    }

    /// True when an array or object has nothing inside.
    pub fn is_empty(&self, at: At) -> bool {
        self.past(at).0 == at.0 + 1
    }

    /// True when both are the same value: the same literals, the same strings once unescaped, the same order.
    pub fn same(&self, one: At, other: At) -> bool {
        let (mut a, mut b) = (one.0, other.0);
        let end = self.past(one).0;
        if end - a != self.past(other).0 - b {
            return false;
        }
        while a < end {
            if !self.same_node(At(a), At(b), one.0, other.0) {
                return false;
            }
            a += 1;
            b += 1;
        }
        true
    }

    fn same_node(&self, a: At, b: At, from_a: u32, from_b: u32) -> bool {
        match (self.sort(a), self.sort(b)) {
            (Sort::Array, Sort::Array) | (Sort::Object, Sort::Object) => {
                self.past(a).0 - from_a == self.past(b).0 - from_b
            }
            (Sort::Text | Sort::Escaped, Sort::Text | Sort::Escaped) => self.said(a) == self.said(b),
            (x, y) => x == y && self.spelled(a) == self.spelled(b),
        }
    }
}

/// Walks the children of one array or object.
#[derive(Clone, Debug)]
pub struct Inside<'t, 'a> {
    tape: &'t Tape<'a>,
    next: At,
    end: At,
}

impl Iterator for Inside<'_, '_> {
    type Item = At;
    fn next(&mut self) -> Option<At> {
        let at = self.next;
        if at == self.end {
            return None;
        }
        self.next = self.tape.past(at);
        Some(at)
    }
}

/// No more nodes than this can come of `bytes`: every value but the first follows one of these.
fn most_nodes(bytes: &[u8]) -> usize {
    1 + bytes.iter().filter(|byte| matches!(byte, b',' | b':' | b'[' | b'{')).count()
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    open: Vec<u32>,
    /// For each that is open, where its last whole item or member ends.
    whole: Vec<usize>,
}

impl<'a> Reader<'a> {
    fn of(text: &'a str) -> Reader<'a> {
        Reader { bytes: text.as_bytes(), at: 0, nodes: Vec::new(), open: Vec::new(), whole: Vec::new() }
    }

    /// Where to cut what broke off: as far out as costs no more than `given_up` bytes.
    fn cut(&self, given_up: usize) -> Begins {
        let near = |whole: &usize| self.at <= whole + given_up;
        let depth = self.whole.iter().take(self.open.len()).position(|whole| 0 < *whole && near(whole));
        let depth = depth.or_else(|| self.whole.iter().take(self.open.len()).rposition(|whole| 0 < *whole));
        let Some(depth) = depth else { return Begins::Nothing(self.at) };
        let closer = |nest: &u32| match self.nodes[*nest as usize].start >> KIND_SHIFT {
            sort if sort == Sort::Object as u32 => '}',
            _ => ']',
        };
        let closers = self.open[..=depth].iter().rev().map(closer).collect();
        Begins::Cut(Cut { whole: self.whole[depth], closers, stopped: self.at })
    }

    fn read(&mut self) -> Result<Vec<At>, Unread> {
        let mut roots = Vec::new();
        loop {
            let before = self.at;
            self.skip_space();
            if self.at == self.bytes.len() && !roots.is_empty() {
                return Ok(roots);
            }
            if before == self.at && !roots.is_empty() && !self.is_between_nests() {
                return self.malformed();
            }
            roots.push(At(self.nodes.len() as u32));
            self.value()?;
        }
    }

    /// True where an array or object has just ended and the next one begins.
    fn is_between_nests(&self) -> bool {
        matches!(self.bytes.get(self.at.wrapping_sub(1)), Some(b'}' | b']'))
            && matches!(self.peek(), Some(b'{' | b'['))
    }

    /// One value with all that is inside it.
    fn value(&mut self) -> Result<(), Unread> {
        'value: loop {
            self.skip_space();
            let start = self.at;
            match self.peek() {
                Some(b'{') => {
                    self.open_nest(Sort::Object)?;
                    self.skip_space();
                    if self.peek() != Some(b'}') {
                        self.key()?;
                        continue 'value;
                    }
                }
                Some(b'[') => {
                    self.open_nest(Sort::Array)?;
                    self.skip_space();
                    if self.peek() != Some(b']') {
                        continue 'value;
                    }
                }
                Some(b'"') => self.string()?,
                Some(b'-' | b'0'..=b'9' | b'N' | b'I') => {
                    self.at += number_len(&self.bytes[start..]).ok_or(Unread::Malformed(start))?;
                    self.push(Sort::Number, start, self.at);
                }
                Some(b'n') => self.word(b"null", Sort::Null)?,
                Some(b't') => self.word(b"true", Sort::True)?,
                Some(b'f') => self.word(b"false", Sort::False)?,
                _ => return self.malformed(),
            }
            // A value ended here, or an empty array or object is about to: close what closes, and see what follows.
            while let Some(&nest) = self.open.last() {
                if let Some(whole) = self.whole.get_mut(self.open.len() - 1) {
                    *whole = self.at;
                }
                self.skip_space();
                let in_object = self.nodes[nest as usize].start >> KIND_SHIFT == Sort::Object as u32;
                match (self.peek(), in_object) {
                    (Some(b','), _) => {
                        self.at += 1;
                        if in_object {
                            self.skip_space();
                            self.key()?;
                        }
                        continue 'value;
                    }
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        self.at += 1;
                        self.open.pop();
                        self.nodes[nest as usize].end = self.nodes.len() as u32;
                    }
                    _ => return self.malformed(),
                }
            }
            return Ok(());
        }
    }

    fn open_nest(&mut self, sort: Sort) -> Result<(), Unread> {
        if self.open.len() == DEEPEST {
            return Err(Unread::TooBig);
        }
        self.open.push(self.nodes.len() as u32);
        self.whole.resize(self.open.len() - 1, 0);
        self.whole.push(0);
        self.push(sort, self.at, 0);
        self.at += 1;
        Ok(())
    }

    fn key(&mut self) -> Result<(), Unread> {
        if self.peek() != Some(b'"') {
            return self.malformed();
        }
        self.string()?;
        if self.nodes.last().is_some_and(|node| node.start >> KIND_SHIFT == Sort::Number as u32) {
            return Err(Unread::LoneSurrogate);
        }
        self.skip_space();
        if self.peek() != Some(b':') {
            return self.malformed();
        }
        self.at += 1;
        Ok(())
    }

    fn string(&mut self) -> Result<(), Unread> {
        let start = self.at + 1;
        let mut at = start;
        let mut sort = Sort::Text;
        loop {
            at += plain_len(&self.bytes[at..]);
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    if sort == Sort::Text {
                        sort = Sort::Escaped;
                    }
                    at += match escape_len(&self.bytes[at..]) {
                        Ok(len) => len,
                        Err(Lone::Surrogate) => {
                            sort = Sort::Number;
                            6
                        }
                        Err(Lone::Backslash) => return self.stop(at),
                    };
                }
                _ => return self.stop(at),
            }
        }
        match sort {
            // What no text can say stays as it is spelled, quotes and all.
            Sort::Number => self.push(sort, start - 1, at + 1),
            _ => self.push(sort, start, at),
        }
        self.at = at + 1;
        Ok(())
    }

    fn word(&mut self, word: &[u8], sort: Sort) -> Result<(), Unread> {
        if !self.bytes[self.at..].starts_with(word) {
            return self.malformed();
        }
        self.push(sort, self.at, self.at + word.len());
        self.at += word.len();
        Ok(())
    }

    fn push(&mut self, sort: Sort, start: usize, end: usize) {
        self.nodes.push(Node { start: (sort as u32) << KIND_SHIFT | start as u32, end: end as u32 });
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    fn stop<T>(&mut self, at: usize) -> Result<T, Unread> {
        self.at = at;
        self.malformed()
    }

    fn malformed<T>(&self) -> Result<T, Unread> {
        Err(Unread::Malformed(self.at))
    }
}

/// How many bytes from the start need no look: no quote, no backslash, no control character.
pub fn plain_len(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES * 0x80;
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGHS;
    let mut at = 0;
    for chunk in bytes.chunks_exact(8) {
        let word = u64::from_le_bytes([
            chunk[0], chunk[1], chunk[2], chunk[3], chunk[4], chunk[5], chunk[6], chunk[7],
        ]);
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
        let found = quote | backslash | below(word, 0x20);
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + bytes[at..]
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))
        .unwrap_or(bytes.len() - at)
}

/// The length of the number literal that `bytes` begin with; `None` when they begin with none.
///
/// A literal that runs on into a letter or digit (`01`, `1.`, `0x1`) is none. `NaN`, `Infinity` and `-Infinity`,
/// which programs print though JSON has them not, are some.
pub fn number_len(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    match bytes.get(at)? {
        b'N' if at == 0 && bytes.starts_with(b"NaN") => at = 3,
        b'I' if bytes[at..].starts_with(b"Infinity") => at += 8,
        b'0' => at += 1,
        b'1'..=b'9' => at += digits(at),
        _ => return None,
    }
    if bytes.get(at) == Some(&b'.') {
        let more = digits(at + 1);
        if more == 0 {
            return None;
        }
        at += 1 + more;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let more = digits(at + 1 + sign);
        if more == 0 {
            return None;
        }
        at += 1 + sign + more;
    }
    match bytes.get(at) {
        Some(byte) if byte.is_ascii_alphanumeric() || *byte == b'.' => None,
        _ => Some(at),
    }
}

/// True for a literal that stands where a number may and is none that can be compared.
pub fn number_is_odd(spelled: &str) -> bool {
    !spelled.trim_start_matches('-').starts_with(|first: char| first.is_ascii_digit())
}

enum Lone {
    Surrogate,
    Backslash,
}

/// The length of the escape (of both halves of a pair) that `bytes` begin with.
fn escape_len(bytes: &[u8]) -> Result<usize, Lone> {
    match bytes.get(1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
        Some(b'u') => match unit(bytes).ok_or(Lone::Backslash)? {
            0xD800..=0xDBFF => match bytes.get(6..).and_then(unit) {
                Some(0xDC00..=0xDFFF) => Ok(12),
                _ => Err(Lone::Surrogate),
            },
            0xDC00..=0xDFFF => Err(Lone::Surrogate),
            _ => Ok(6),
        },
        _ => Err(Lone::Backslash),
    }
}

/// The code unit of a `\uXXXX` at the start of `bytes`.
fn unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0u16, |unit, digit| Some(unit << 4 | (*digit as char).to_digit(16)? as u16))
}

/// What a spelled string says. `spelled` has been read, so its escapes are right; what is not stays as it is.
pub fn unescape(spelled: &str) -> String {
    let mut said = String::with_capacity(spelled.len());
    let mut rest = spelled;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        said.push_str(&rest[..at]);
        let escape = &rest.as_bytes()[at..];
        let Ok(len) = escape_len(escape) else {
            said.push_str(&rest[at..]);
            return said;
        };
        said.push(match escape[1] {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => spelled_char(escape),
            other => other as char,
        });
        rest = &rest[at + len..];
    }
    said.push_str(rest);
    said
}

fn spelled_char(escape: &[u8]) -> char {
    let high = u32::from(unit(escape).unwrap_or(0xFFFD));
    let low = escape.get(6..).and_then(unit).map_or(0, u32::from);
    let code = match high {
        0xD800..=0xDBFF => 0x1_0000 + ((high & 0x3FF) << 10 | low & 0x3FF),
        _ => high,
    };
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_json_is_not_read() {
        let cases = [
            "",
            " ",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{,}",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "'a'",
            "NaNs",
            "-NaN",
            "-",
            "01",
            "1.",
            ".5",
            "1e",
            "0x1",
            "+1",
            "tru",
            "nulll",
            "\"a",
            "\"\t\"",
            "\"\\x\"",
            "\"\\u12\"",
            "[1 2]",
            "[1]]",
            "{\"a\":1]",
            "[1}",
            "1,2",
            "[]1",
            "\u{feff}[]",
        ];
        for text in cases {
            assert!(matches!(Tape::read(text), Err(Unread::Malformed(_))), "{text:?}");
        }
    }

    #[test]
    fn half_a_pair_is_no_text_and_stays_as_it_is_spelled() {
        for text in [r#""\ud800""#, r#""\udc00x""#, r#""\ud83d\u0041""#] {
            let tape = Tape::read(text).unwrap();
            assert_eq!((tape.sort(At(0)), tape.spelled(At(0))), (Sort::Number, text));
        }
        assert_eq!(Tape::read(r#"{"\ud800":1}"#).err(), Some(Unread::LoneSurrogate));
        let tape = Tape::read(r#""\ud83d\ude00""#).unwrap();
        assert_eq!(tape.said(At(0)), "😀");
    }

    #[test]
    fn a_hundred_thousand_brackets_are_too_deep_and_a_hundred_are_not() {
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(Tape::read(&deep(100_000)).err(), Some(Unread::TooBig));
        assert_eq!(Tape::read(&deep(DEEPEST + 1)).err(), Some(Unread::TooBig));
        assert!(Tape::read(&deep(DEEPEST)).is_ok());
    }

    #[test]
    fn what_breaks_off_is_cut_at_its_last_whole_item() {
        let cases = [
            (r#"[{"a":1},{"a":2},{"a":"thr"#, 64, r#"[{"a":1},{"a":2}"#, "]"),
            (r#"{"of":7,"rows":[[1,2],[3,4],[5"#, 4, r#"{"of":7,"rows":[[1,2],[3,4]"#, "]}"),
            (r#"{"of":7,"rows":[[1,2],[3,4],[5"#, 64, r#"{"of":7"#, "}"),
            (r#"[1,2,3 ... 40 more]"#, 64, "[1,2,3", "]"),
        ];
        for (text, given_up, whole, closers) in cases {
            match Tape::begin(text, given_up) {
                Begins::Cut(cut) => {
                    assert_eq!((&text[..cut.whole], &*cut.closers), (whole, closers), "{text}")
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        assert_eq!(Tape::begin("[1,2] and more", 64), Begins::Whole(5));
        assert_eq!(Tape::begin("[info] more", 64), Begins::Nothing(1));
    }

    #[test]
    fn a_broken_line_among_json_lines_is_a_literal() {
        let text = "{\"a\":1}\n\n{\"a\":2}\r\n{\"a\":3}\nKilled by signal 9\n{\"a\":4}\n{\"a\":5}\n{\"a\"";
        assert!(Tape::read_lines(text).is_err());
        let text = text.trim_end_matches("{\"a\"");
        let tape = Tape::read_lines(text).unwrap();
        assert_eq!(tape.roots().len(), 6);
        assert_eq!(tape.spelled(tape.roots()[3]), "Killed by signal 9");
        assert!(Tape::read(text).is_err());
    }

    #[test]
    fn several_values_need_space_between_them() {
        assert_eq!(Tape::read("{\"a\":1}\n{\"a\":2}\n").unwrap().roots().len(), 2);
        assert!(Tape::read("1\"a\"").is_err() && Tape::read("{}1").is_err());
        assert_eq!(Tape::read("{\"a\":1}{\"a\":2}").unwrap().roots().len(), 2);
    }

    proptest! {
        /// Agrees with serde_json on what JSON is.
        #[test]
        fn reads_what_serde_reads(text in r#"[\[\]{},:"\\0-9eE+.a-fnrtu \n-]{0,24}"#) {
            let ours = Tape::read(&text).map(|tape| tape.roots().len() == 1).unwrap_or(false);
            let lone = text.contains("\\u");
            let theirs = serde_json::from_str::<Box<serde_json::value::RawValue>>(&text).is_ok();
            prop_assert!(lone || ours == theirs, "{text:?} ours {ours} theirs {theirs}");
        }

        #[test]
        fn a_string_says_what_serde_says(said in any::<String>()) {
            let spelled = serde_json::to_string(&said).unwrap();
            let ascii: String = said.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            let ascii = format!("\"{ascii}\"");
            let plain = Tape::read(&spelled).unwrap();
            let escaped = Tape::read(&ascii).unwrap();
            prop_assert_eq!(plain.said(At(0)), said.as_str());
            prop_assert_eq!(escaped.said(At(0)), said.as_str());
        }

        #[test]
        fn plain_stops_at_the_first_byte_that_needs_a_look(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let want = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(bytes.len());
            prop_assert_eq!(plain_len(&bytes), want);
        }
    }
}

//! Finds the byte ranges of JSON values without building them.
//!
//! One pass over the bytes, an explicit stack, no recursion. *Invariant:* what
//! it accepts is well-formed JSON (RFC 8259); on anything odd it answers
//! `None`, and the caller passes the bytes on unread.

use crate::units::Span;

/// How deep values are noted; what lies deeper is checked and stepped over.
///
/// A text of a list in a tool result is the deepest that any wire asks for:
/// request 0, `messages` 1, message 2, `content` 3, block 4, `content` 5, part 6, `text` 7.
const NOTED: usize = 8;

/// The values of one JSON text, down to the depth that the wires ask for.
#[derive(Clone, Debug)]
pub struct Tree<'a> {
    bytes: &'a [u8],
    /// In the order in which the values begin.
    notes: Vec<Note>,
}

/// A value in a [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node(usize);

/// A member of an object.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// The name's JSON string, with quotes.
    pub name: Span,
    /// The value.
    pub value: Node,
}

#[derive(Clone, Copy, Debug)]
struct Note {
    /// The name's JSON string; empty for what is no member.
    name: Span,
    span: Span,
    /// Index of the first note that lies outside this value.
    after: usize,
}

impl<'a> Tree<'a> {
    /// Reads the one value that `bytes` hold, white space around it allowed; `None` when it is not well-formed.
    pub fn read(bytes: &'a [u8]) -> Option<Tree<'a>> {
        Tree::read_within(bytes, Span { start: 0, end: bytes.len() })
    }

    /// As [`Tree::read`], for a value inside `bytes`: a look deeper than the tree around it has.
    pub fn read_within(bytes: &'a [u8], span: Span) -> Option<Tree<'a>> {
        Tree::read_to(bytes, span, NOTED)
    }

    /// As [`Tree::read_within`], with values noted to a depth of `noted`: less deep, less memory.
    pub fn read_to(bytes: &'a [u8], span: Span, noted: usize) -> Option<Tree<'a>> {
        let mut walker = Walker { bytes: bytes.get(..span.end)?, at: span.start, noted, notes: Vec::new() };
        walker.value()?;
        walker.skip_space();
        (walker.at == span.end).then_some(Tree { bytes, notes: walker.notes })
    }

    /// What it was read from.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Every string that is a value (no name of a member), as deep as values are noted, in order.
    pub fn strings(&self) -> impl Iterator<Item = Span> + '_ {
        let strings = self.notes.iter().map(|note| note.span);
        strings.filter(|span| self.bytes[span.start] == b'"')
    }

    /// The outermost value.
    pub fn root(&self) -> Node {
        Node(0)
    }

    /// Where a value stands.
    pub fn span(&self, node: Node) -> Span {
        self.notes[node.0].span
    }

    /// A value's bytes.
    pub fn raw(&self, node: Node) -> &'a [u8] {
        self.span(node).of(self.bytes)
    }

    /// True for a string.
    pub fn is_string(&self, node: Node) -> bool {
        self.raw(node).first() == Some(&b'"')
    }

    /// The text of a string; `None` for anything else, and for a lone surrogate.
    pub fn text(&self, node: Node) -> Option<String> {
        text_of(self.raw(node))
    }

    /// The members of an object, in order; `None` when it is no object, or when a name is written
    /// with an escape (nobody does; it could hide a second spelling of a name that we look for).
    pub fn members(&self, node: Node) -> Option<Vec<Member>> {
        if self.raw(node).first() != Some(&b'{') {
            return None;
        }
        let plain = |name: &Span| memchr::memchr(b'\\', name.of(self.bytes)).is_none();
        let members: Vec<Member> =
            self.children(node).map(|value| Member { name: self.notes[value.0].name, value }).collect();
        members.iter().all(|member| plain(&member.name)).then_some(members)
    }

    /// The elements of an array, in order; `None` when it is no array.
    pub fn elements(&self, node: Node) -> Option<Vec<Node>> {
        (self.raw(node).first() == Some(&b'[')).then(|| self.children(node).collect())
    }

    /// The bytes between a name's quotes.
    pub fn name(&self, member: &Member) -> &'a [u8] {
        &self.bytes[member.name.start + 1..member.name.end - 1]
    }

    fn children(&self, node: Node) -> impl Iterator<Item = Node> + '_ {
        let end = self.notes[node.0].after;
        std::iter::successors(Some(node.0 + 1), |&at| self.notes.get(at).map(|note| note.after))
            .take_while(move |&at| at < end)
            .map(Node)
    }
}

/// Walks over the bytes of one JSON text.
struct Walker<'a> {
    bytes: &'a [u8],
    at: usize,
    noted: usize,
    notes: Vec<Note>,
}

/// An object or array that has begun.
struct Open {
    closing: u8,
    /// Its note, when it is noted.
    note: Option<usize>,
}

/// The text of a JSON string (with quotes); `None` when it is no string or holds a lone surrogate.
pub fn text_of(literal: &[u8]) -> Option<String> {
    serde_json::from_slice(literal).ok()
}

/// The text of a part of a JSON string: what stands between its quotes, or some of it.
pub fn text_within(part: &[u8]) -> Option<String> {
    let mut literal = Vec::with_capacity(part.len() + 2);
    literal.push(b'"');
    literal.extend_from_slice(part);
    literal.push(b'"');
    text_of(&literal)
}

/// Where in a JSON string (with quotes) the byte `at` of its text stands; the end of the text is
/// the closing quote. `None` when `at` is inside a character, or beyond the text.
pub fn place_of(literal: &[u8], at: usize) -> Option<usize> {
    let inside = literal.get(1..literal.len().checked_sub(1)?)?;
    let unit = |at: usize| {
        let digits = std::str::from_utf8(inside.get(at + 2..at + 6)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let (mut place, mut seen) = (0, 0);
    while seen < at {
        let (written, read) = match *inside.get(place)? {
            b'\\' if inside.get(place + 1) == Some(&b'u') => match unit(place)? {
                0xd800..0xdc00 => (12, 4),
                low if low < 0x80 => (6, 1),
                low if low < 0x800 => (6, 2),
                _ => (6, 3),
            },
            b'\\' => (2, 1),
            first => {
                let length = match first {
                    0xf0.. => 4,
                    0xe0.. => 3,
                    0xc0.. => 2,
                    _ => 1,
                };
                (length, length)
            }
        };
        place += written;
        seen += read;
    }
    (seen == at && place <= inside.len()).then_some(place + 1)
}

impl Walker<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Steps over one value, whatever is in it, and notes what is not too deep.
    fn value(&mut self) -> Option<()> {
        // What has begun and not ended, innermost last.
        let mut open: Vec<Open> = Vec::new();
        let mut name = Span { start: 0, end: 0 };
        loop {
            self.skip_space();
            let start = self.at;
            let note = (open.len() < self.noted).then(|| {
                self.notes.push(Note { name, span: Span { start, end: start }, after: 0 });
                self.notes.len() - 1
            });
            let closing = match self.peek()? {
                b'{' => Some(b'}'),
                b'[' => Some(b']'),
                _ => None,
            };
            match closing {
                Some(closing) => {
                    self.at += 1;
                    self.skip_space();
                    if self.peek()? == closing {
                        self.at += 1;
                        self.end(note);
                    } else {
                        open.push(Open { closing, note });
                        name = self.name_of_next(closing)?;
                        continue;
                    }
                }
                None => {
                    self.scalar()?;
                    self.end(note);
                }
            }
            // A value has ended: close what ends with it, or go on behind a comma.
            loop {
                let Some(innermost) = open.last() else { return Some(()) };
                let closing = innermost.closing;
                self.skip_space();
                match self.next()? {
                    b',' => {
                        name = self.name_of_next(closing)?;
                        break;
                    }
                    byte if byte == closing => {
                        let note = open.pop().and_then(|ended| ended.note);
                        self.end(note);
                    }
                    _ => return None,
                }
            }
        }
    }

    /// Notes that a value ends here.
    fn end(&mut self, note: Option<usize>) {
        if let Some(note) = note {
            let after = self.notes.len();
            self.notes[note].span.end = self.at;
            self.notes[note].after = after;
        }
    }

    /// In an object, steps over the next member's name and colon.
    fn name_of_next(&mut self, closing: u8) -> Option<Span> {
        if closing == b']' {
            return Some(Span { start: self.at, end: self.at });
        }
        self.skip_space();
        let start = self.at;
        self.string()?;
        let name = Span { start, end: self.at };
        self.skip_space();
        self.take(b':')?;
        Some(name)
    }

    fn scalar(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn string(&mut self) -> Option<()> {
        self.take(b'"')?;
        loop {
            self.at += plain_run(&self.bytes[self.at..]);
            match self.next()? {
                b'"' => return Some(()),
                b'\\' => match self.next()? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => {
                        let digits = self.bytes.get(self.at..self.at + 4)?;
                        if !digits.iter().all(u8::is_ascii_hexdigit) {
                            return None;
                        }
                        self.at += 4;
                    }
                    _ => return None,
                },
                // A control character: not allowed in a string.
                _ => return None,
            }
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let end = self.at + word.len();
        (self.bytes.get(self.at..end)? == word).then(|| self.at = end)
    }

    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        match self.next()? {
            b'0' => {}
            b'1'..=b'9' => self.digits(),
            _ => return None,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Some(())
    }

    fn some_digits(&mut self) -> Option<()> {
        self.peek()?.is_ascii_digit().then(|| self.digits())
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }
}

/// How many bytes at the start of `bytes` are neither a quote, a backslash nor a control character.
///
/// Eight at a time: tool output printed into JSON has an escape every few
/// bytes, where a search for the next one (`memchr`) is slower.
fn plain_run(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The high bit of every byte that is zero; exact up to the first such byte, which is all that is asked.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let mut at = 0;
    while let Some(chunk) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
        let quote = zero(word ^ (ONES * b'"' as u64));
        let backslash = zero(word ^ (ONES * b'\\' as u64));
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = quote | backslash | control;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let special = |&byte: &u8| byte == b'"' || byte == b'\\' || byte < 0x20;
    at + bytes[at..].iter().position(special).unwrap_or(bytes.len() - at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_json_is_not_accepted() {
        let odd = [
            "",
            " ",
            "{",
            "[",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\"}",
            "01",
            "1.",
            "-",
            "+1",
            ".5",
            "1e",
            "nul",
            "NaN",
            "\"a",
            "\"\u{1}\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "[1 2]",
            "{\"a\":1 \"b\":2}",
            "1 1",
            "\u{feff}1",
            "[}",
            "{]",
        ];
        for text in odd {
            assert!(Tree::read(text.as_bytes()).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_hundred_thousand_brackets_need_no_stack() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let tree = Tree::read(deep.as_bytes()).expect("well-formed");
        assert_eq!(tree.span(tree.root()), Span { start: 0, end: deep.len() });
        assert!(Tree::read(&deep.as_bytes()[..150_000]).is_none());
    }

    #[test]
    fn a_lone_surrogate_is_stepped_over_and_has_no_text() {
        let literal = br#""a\ud83d""#;
        assert!(Tree::read(literal).is_some());
        assert_eq!(text_of(literal), None);
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<i32>().prop_map(|number| serde_json::json!(f64::from(number) / 8.0)),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(5, 60, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
                prop::collection::vec((any::<String>(), inner), 0..8)
                    .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn spans_cover_what_a_parser_finds(value in any_json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let bytes = text.as_bytes();
            let tree = Tree::read(bytes).expect("well-formed");
            let mut open = vec![(tree.root(), value, 0)];
            while let Some((node, value, depth)) = open.pop() {
                let parsed: serde_json::Value = serde_json::from_slice(tree.raw(node)).unwrap();
                prop_assert_eq!(&parsed, &value);
                if depth + 1 == NOTED {
                    continue;
                }
                match value {
                    serde_json::Value::Array(items) => {
                        let found = tree.elements(node).unwrap();
                        prop_assert_eq!(found.len(), items.len());
                        open.extend(found.into_iter().zip(items).map(|(node, value)| (node, value, depth + 1)));
                    }
                    serde_json::Value::Object(map) => {
                        let Some(found) = tree.members(node) else { continue };
                        prop_assert_eq!(found.len(), map.len());
                        for (member, (name, value)) in found.into_iter().zip(map) {
                            prop_assert_eq!(text_of(member.name.of(bytes)).unwrap(), name);
                            open.push((member.value, value, depth + 1));
                        }
                    }
                    _ => {}
                }
            }
        }

        #[test]
        fn a_part_of_a_string_is_found_again(before in any::<String>(), part in any::<String>(), after in any::<String>(), ascii in any::<bool>()) {
            let whole = format!("{before}{part}{after}");
            let mut literal = serde_json::to_string(&whole).unwrap();
            if ascii {
                let units = |letter: char| {
                    letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>()
                };
                literal = literal.chars().map(|letter| if letter.is_ascii() { letter.to_string() } else { units(letter) }).collect();
            }
            let start = place_of(literal.as_bytes(), before.len()).expect("a place");
            let end = place_of(literal.as_bytes(), before.len() + part.len()).expect("a place");
            prop_assert_eq!(text_within(&literal.as_bytes()[start..end]).unwrap(), part);
            prop_assert_eq!(place_of(literal.as_bytes(), whole.len() + 1), None);
            if let Some(first) = before.chars().next().filter(|first| 1 < first.len_utf8()) {
                prop_assert_eq!(place_of(literal.as_bytes(), 1), None, "inside {}", first);
            }
        }

        #[test]
        fn a_plain_run_ends_at_the_first_special_byte(bytes in prop::collection::vec(prop_oneof![0x18u8..0x28, 0x58u8..0x60, any::<u8>()], 0..40)) {
            let special = |&byte: &u8| byte == b'"' || byte == b'\\' || byte < 0x20;
            prop_assert_eq!(plain_run(&bytes), bytes.iter().position(special).unwrap_or(bytes.len()));
        }

        #[test]
        fn it_accepts_what_a_parser_accepts(text in "[\\[\\]{}:,\" 0-9eE.+\\-truefalsn\\\\u]{0,24}") {
            let ours = Tree::read(text.as_bytes()).is_some();
            let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
            prop_assert_eq!(ours, theirs, "{}", text);
        }
    }
}

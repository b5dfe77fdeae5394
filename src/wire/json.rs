//! Finds the byte ranges of JSON values without building them.
//!
//! One pass, an explicit stack, no recursion. *Invariant:* what it accepts is
//! well-formed JSON (RFC 8259); on anything odd it answers `None`, and the
//! caller passes the bytes on unread.

use crate::units::Span;
use memchr::memchr2;

/// Walks over the bytes of one JSON text.
#[derive(Clone, Debug)]
pub struct Walker<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// One member of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The name's JSON string, with quotes.
    pub name: Span,
    /// The value.
    pub value: Span,
}

impl Member {
    /// The bytes between the name's quotes, escapes unresolved.
    ///
    /// A name that is written with escapes is not recognised by its plain
    /// spelling; [`members`] refuses such objects.
    pub fn name_in<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.name.start + 1..self.name.end - 1]
    }
}

/// The members of the object that `span` covers, in order.
///
/// `None` when it is no object, or when a name is written with an escape
/// (nobody does; it could hide a second spelling of a name that we look for).
pub fn members(bytes: &[u8], span: Span) -> Option<Vec<Member>> {
    let mut walker = Walker { bytes: &bytes[..span.end], at: span.start };
    walker.take(b'{')?;
    let mut found = Vec::new();
    walker.skip_space();
    if walker.peek() == Some(b'}') {
        return Some(found);
    }
    loop {
        walker.skip_space();
        let name = walker.string()?;
        if memchr::memchr(b'\\', name.of(bytes)).is_some() {
            return None;
        }
        walker.skip_space();
        walker.take(b':')?;
        let value = walker.value()?;
        found.push(Member { name, value });
        walker.skip_space();
        match walker.next()? {
            b',' => {}
            b'}' => return Some(found),
            _ => return None,
        }
    }
}

/// The elements of the array that `span` covers, in order; `None` when it is no array.
pub fn elements(bytes: &[u8], span: Span) -> Option<Vec<Span>> {
    let mut walker = Walker { bytes: &bytes[..span.end], at: span.start };
    walker.take(b'[')?;
    let mut found = Vec::new();
    walker.skip_space();
    if walker.peek() == Some(b']') {
        return Some(found);
    }
    loop {
        found.push(walker.value()?);
        walker.skip_space();
        match walker.next()? {
            b',' => {}
            b']' => return Some(found),
            _ => return None,
        }
    }
}

/// The one value that `bytes` hold, white space around it allowed; `None` when it is not well-formed.
pub fn whole(bytes: &[u8]) -> Option<Span> {
    let mut walker = Walker { bytes, at: 0 };
    let span = walker.value()?;
    walker.skip_space();
    (walker.at == bytes.len()).then_some(span)
}

/// The text of a JSON string (with quotes); `None` when it is no string or holds a lone surrogate.
pub fn text_of(literal: &[u8]) -> Option<String> {
    serde_json::from_slice(literal).ok()
}

/// True when `span` covers a string.
pub fn is_string(bytes: &[u8], span: Span) -> bool {
    bytes.get(span.start) == Some(&b'"')
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

    /// Steps over one value, whatever is in it.
    fn value(&mut self) -> Option<Span> {
        self.skip_space();
        let start = self.at;
        // The closing brackets that are still owed, innermost last.
        let mut owed: Vec<u8> = Vec::new();
        loop {
            self.skip_space();
            match self.peek()? {
                b'{' => {
                    self.at += 1;
                    self.skip_space();
                    if self.peek()? == b'}' {
                        self.at += 1;
                    } else {
                        owed.push(b'}');
                        self.name_and_colon()?;
                        continue;
                    }
                }
                b'[' => {
                    self.at += 1;
                    self.skip_space();
                    if self.peek()? == b']' {
                        self.at += 1;
                    } else {
                        owed.push(b']');
                        continue;
                    }
                }
                b'"' => {
                    self.string()?;
                }
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                b'n' => self.word(b"null")?,
                _ => self.number()?,
            }
            // A value has ended: close what ends with it, or go on behind a comma.
            loop {
                let Some(&closing) = owed.last() else {
                    return Some(Span { start, end: self.at });
                };
                self.skip_space();
                match self.next()? {
                    b',' => {
                        if closing == b'}' {
                            self.skip_space();
                            self.name_and_colon()?;
                        }
                        break;
                    }
                    byte if byte == closing => {
                        owed.pop();
                    }
                    _ => return None,
                }
            }
        }
    }

    fn name_and_colon(&mut self) -> Option<()> {
        self.string()?;
        self.skip_space();
        self.take(b':')
    }

    fn string(&mut self) -> Option<Span> {
        let start = self.at;
        self.take(b'"')?;
        loop {
            let rest = &self.bytes[self.at..];
            let found = memchr2(b'"', b'\\', rest)?;
            if rest[..found].iter().any(|&byte| byte < 0x20) {
                return None;
            }
            self.at += found + 1;
            if rest[found] == b'"' {
                return Some(Span { start, end: self.at });
            }
            match self.next()? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' => {
                    let digits = self.bytes.get(self.at..self.at + 4)?;
                    if !digits.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    self.at += 4;
                }
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
            assert_eq!(whole(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn a_hundred_thousand_brackets_need_no_stack() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(whole(deep.as_bytes()), Some(Span { start: 0, end: deep.len() }));
        assert_eq!(whole(&deep.as_bytes()[..150_000]), None);
    }

    #[test]
    fn a_lone_surrogate_is_stepped_over_and_has_no_text() {
        let literal = br#""a\ud83d""#;
        assert!(whole(literal).is_some());
        assert_eq!(text_of(literal), None);
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(|number| serde_json::json!(number)),
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
            let span = whole(bytes).expect("well-formed");
            prop_assert_eq!(span, Span { start: 0, end: bytes.len() });
            let parsed = |span: Span| serde_json::from_slice::<serde_json::Value>(span.of(bytes)).unwrap();
            match &value {
                serde_json::Value::Array(items) => {
                    let found: Vec<_> = elements(bytes, span).unwrap().into_iter().map(parsed).collect();
                    prop_assert_eq!(found.len(), items.len());
                }
                serde_json::Value::Object(map) => {
                    if let Some(found) = members(bytes, span) {
                        prop_assert_eq!(found.len(), map.len());
                        for member in found {
                            let name = text_of(member.name.of(bytes)).unwrap();
                            prop_assert!(map.contains_key(&name));
                            parsed(member.value);
                        }
                    }
                }
                _ => {}
            }
        }

        #[test]
        fn it_accepts_what_a_parser_accepts(text in "[\\[\\]{}:,\" 0-9eE.+\\-truefalsn\\\\u]{0,24}") {
            let ours = whole(text.as_bytes()).is_some();
            let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
            prop_assert_eq!(ours, theirs, "{}", text);
        }
    }
}

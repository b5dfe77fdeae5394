//! JSON as people write settings in it: with comments, trailing commas and a byte order mark.
//!
//! *Invariant:* [`plain`] keeps every byte in its place, so what it finds at an
//! offset stands there in the original.

/// The same text as plain JSON of the same length: comments, trailing commas and a byte order mark are spaces.
///
/// What is no JSON stays none.
pub fn plain(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    if text.starts_with('\u{feff}') {
        bytes[..3].fill(b' ');
    }
    let mut at = 0;
    // A comma that nothing has followed yet, and what stood last that is neither space nor comment.
    let (mut comma, mut last) = (None, b'{');
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                (comma, last) = (None, b'"');
                at = end_of_string(&bytes, at);
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                let end = memchr::memchr2(b'\n', b'\r', &bytes[at..]).map_or(bytes.len(), |end| at + end);
                bytes[at..end].fill(b' ');
                at = end;
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                let end = memchr::memmem::find(&bytes[at + 2..], b"*/");
                let end = end.map_or(bytes.len(), |end| at + 2 + end + 2);
                for byte in bytes[at..end].iter_mut().filter(|byte| !matches!(byte, b'\n' | b'\r')) {
                    *byte = b' ';
                }
                at = end;
            }
            b',' => {
                // One without a value before it is a mistake, which stays.
                comma = (!b"{[,:".contains(&last)).then_some(at);
                last = b',';
                at += 1;
            }
            b'}' | b']' => {
                if let Some(comma) = comma.take() {
                    bytes[comma] = b' ';
                }
                last = b'}';
                at += 1;
            }
            byte => {
                if !byte.is_ascii_whitespace() {
                    (comma, last) = (None, byte);
                }
                at += 1;
            }
        }
    }
    // Only whole characters were replaced, and by spaces.
    String::from_utf8(bytes).unwrap_or_default()
}

/// Behind the string that begins at `start`.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_trailing_commas_become_spaces_and_mistakes_stay() {
        let cases = [
            ("{\"a\": 1, // b\n}", true),
            ("\u{feff}{\"a\": [1, 2, /* ] */ ],}\r\n", true),
            (r#"{"a": "// no, \" /* comment */ ,}"}"#, true),
            ("[,]", false),
            ("{\"a\":,}", false),
            ("[1,,]", false),
            ("{\"a\": 1 /* open", false),
        ];
        for (text, good) in cases {
            let plain = plain(text);
            assert_eq!(plain.len(), text.len());
            assert_eq!(serde_json::from_str::<serde_json::Value>(&plain).is_ok(), good, "{text} -> {plain}");
        }
    }
}

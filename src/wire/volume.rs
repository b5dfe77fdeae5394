//! How many o200k tokens a request's body comes to, roughly, to be held against the provider's own count.
//!
//! For what is calibrated and shown, never for what is decided or billed. A body of any length costs
//! about the same: evenly spread windows of it are looked at. The wire's own syntax counts along, so
//! that the estimate is rather too high.

use crate::tokens;
use crate::units::{Span, Tokens};
use aho_corasick::{AhoCorasick, MatchKind};
use std::sync::LazyLock;

/// Bytes of a body that are looked at; of a longer one, in this many windows.
const LOOKED_AT: usize = 128 << 10;
const WINDOWS: usize = 32;

/// Values of `type` behind which stands something that is no text, and names of members that hold such.
const NO_TEXT: [&str; 9] = [
    "\"image\"",
    "\"image_url\"",
    "\"input_image\"",
    "\"document\"",
    "\"file\"",
    "\"input_file\"",
    "\"input_audio\"",
    "\"inlineData\"",
    "\"fileData\"",
];

/// Members whose text the model never reads: what signs or seals its thoughts.
const OPAQUE: [&str; 3] = ["\"signature\"", "\"encrypted_content\"", "\"thoughtSignature\""];

static MARKS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let marks = NO_TEXT.iter().chain(&OPAQUE);
    AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(marks).ok()
});

/// The estimate; `None` for a body with something in it that is no text, such as an image.
pub fn estimate(body: &[u8]) -> Option<Tokens> {
    let opaque = opaque_parts(body)?;
    let read = body.len() - opaque.iter().map(|span| span.len()).sum::<usize>();
    let (mut bytes, mut counted) = (0, 0);
    for window in windows(body.len()) {
        let mut at = window.start;
        // What is opaque is cut out of the window.
        let first = opaque.partition_point(|span| span.end <= window.start);
        for span in opaque[first..].iter().take_while(|span| span.start < window.end) {
            let part = &body[at..span.start.max(at)];
            bytes += part.len();
            counted += tokens::estimate_of(&unescaped(part)).0;
            at = span.end.min(window.end);
        }
        let part = &body[at..window.end];
        bytes += part.len();
        counted += tokens::estimate_of(&unescaped(part)).0;
    }
    Some(Tokens((u128::from(counted) * read as u128 / bytes.max(1) as u128) as u64))
}

fn windows(length: usize) -> impl Iterator<Item = Span> {
    let (count, size) = if length <= LOOKED_AT { (1, length) } else { (WINDOWS, LOOKED_AT / WINDOWS) };
    let stride = (length - size) / (count - 1).max(1);
    (0..count).map(move |number| Span { start: number * stride, end: number * stride + size })
}

/// The strings that no model reads, in order; `None` when there is something that is no text.
fn opaque_parts(body: &[u8]) -> Option<Vec<Span>> {
    let mut parts = Vec::new();
    for mark in MARKS.as_ref()?.find_iter(body) {
        let after = behind_colon(body, mark.end());
        if mark.pattern().as_usize() < NO_TEXT.len() {
            let is_member = NO_TEXT[mark.pattern().as_usize()].ends_with("Data\"") && after.is_some();
            if is_member || is_type(body, mark.start()) {
                return None;
            }
        } else if let Some(start) = after.filter(|start| body.get(*start) == Some(&b'"')) {
            let length = memchr::memchr(b'"', &body[start + 1..])?;
            parts.push(Span { start, end: start + 1 + length });
        }
    }
    Some(parts)
}

/// Where the value begins of the member whose name ends at `end`; `None` when it is no name.
fn behind_colon(body: &[u8], end: usize) -> Option<usize> {
    let blank =
        |from: usize| from + body[from..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let colon = blank(end);
    (body.get(colon) == Some(&b':')).then(|| blank(colon + 1))
}

/// True for the value of a member `type`.
fn is_type(body: &[u8], start: usize) -> bool {
    let before = body[..start].trim_ascii_end();
    before.strip_suffix(b":").is_some_and(|name| name.trim_ascii_end().ends_with(b"\"type\""))
}

/// A part of JSON with its escapes undone, cheaply: what is cut in the middle stays as it is.
fn unescaped(part: &[u8]) -> String {
    let part = String::from_utf8_lossy(part);
    let mut text = String::with_capacity(part.len());
    let mut rest = &*part;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        let escape = &rest[at + 1..];
        let (letter, length) = match escape.bytes().next() {
            Some(b'n') => ('\n', 1),
            Some(b't') => ('\t', 1),
            Some(b'r') => ('\r', 1),
            Some(b'u') => match escape.get(1..5).and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
                Some(code) => (char::from_u32(code).unwrap_or('\u{fffd}'), 5),
                None => ('u', 1),
            },
            Some(other) if other.is_ascii() => (char::from(other), 1),
            _ => ('\\', 0),
        };
        text.push(letter);
        rest = &escape[length..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn of(body: &serde_json::Value) -> Option<u64> {
        estimate(body.to_string().as_bytes()).map(|tokens| tokens.0)
    }

    fn body(text: &str) -> serde_json::Value {
        json!({"model": "claude-opus-5-5", "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]})
    }

    #[test]
    fn a_body_comes_to_what_its_text_does() {
        let line = |at: usize| format!("{at}: \"path\": C:\\temp\\{at}\tdone in {} ms\n", at * 7 % 1_000);
        for lines in [200, 40_000] {
            let text: String = (0..lines).map(line).collect();
            let (found, want) = (of(&body(&text)).expect("text"), tokens::estimate_of(&text).0);
            let off = (found as f64 - want as f64).abs() / want as f64;
            assert!(off < 0.05, "{found} for {want}");
        }
    }

    #[test]
    fn what_no_model_reads_does_not_count() {
        let text = "Some words that are said. ".repeat(400);
        let plain = of(&body(&text)).expect("text");
        let mut signed = body(&text);
        signed["messages"][0]["content"]
            .as_array_mut()
            .expect("blocks")
            .insert(0, json!({"type": "thinking", "thinking": "", "signature": "Ab3+".repeat(9_000)}));
        let found = of(&signed).expect("text");
        assert!(found < plain + 60, "{found} against {plain}");
    }

    #[test]
    fn a_request_with_an_image_is_left_out_and_words_about_images_are_not() {
        let image = json!({"type": "image", "source": {"type": "base64", "data": "AAAA"}});
        let cases = [
            (json!({"messages": [{"content": [image]}]}), true),
            (json!({"input": [{"content": [{"type": "input_image", "image_url": "data:"}]}]}), true),
            (json!({"contents": [{"parts": [{"inlineData": {"data": "AAAA"}}]}]}), true),
            (
                json!({"tools": [{"input_schema": {"properties": {"image": {"type": "string"}, "file": {}}}}]}),
                false,
            ),
            (body("{\"type\": \"image\"}"), false),
        ];
        for (body, left_out) in cases {
            assert_eq!(of(&body).is_none(), left_out, "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_estimated(bytes in prop::collection::vec(any::<u8>(), 0..3_000), text in any::<String>()) {
            let _ = estimate(&bytes);
            prop_assert!(of(&body(&text)).is_some());
        }
    }
}

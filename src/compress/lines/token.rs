//! One line cut into tokens, with what varies from line to line masked.
//!
//! A token's *shape* is a digest of its text with numbers, times, addresses and
//! ids taken out: two lines of the same pattern have the same shapes.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Text without a digit.
    Word,
    /// A number, perhaps with a sign, a fraction and a unit: `12`, `-3.5`, `40ms`, `12%`.
    Number,
    /// A date, a clock, or both.
    Time,
    /// An address, a UUID, a long hex or random string.
    Id,
    /// Text with digits in it: `worker-7`, `/items/42`.
    Mixed,
    /// The end of a line of too many tokens.
    Rest,
}

/// A token: where it stands in its line, and its shape.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// What it is.
    pub class: Class,
    /// Digest of the masked text and of the separators before it.
    pub shape: u64,
}

impl Token {
    /// The token's text in its line.
    pub fn of<'a>(&self, line: &'a str) -> &'a str {
        &line[self.start as usize..self.end as usize]
    }
}

/// A line has at most so many tokens; what follows is one [`Class::Rest`].
pub const MOST_TOKENS: usize = 96;

const WORD: u8 = 1;
const DIGIT: u8 = 2;
const BLANK: u8 = 4;

/// What each byte may be part of. Bytes of multi-byte characters are parts of words.
static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'0'..=b'9' => WORD | DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80..=0xff => WORD,
            b'.' | b'/' | b'\\' | b'-' | b'+' | b'%' | b'@' | b'~' | b'#' | b'*' | b'?' | b'&' | b'$'
            | b'!' => WORD,
            b' ' | b'\t' => BLANK,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};

/// Cuts `line` into `tokens` (which is emptied first). Gives the digest of the separators of a line that
/// has no tokens.
pub fn cut(line: &str, tokens: &mut Vec<Token>) -> u64 {
    tokens.clear();
    let bytes = line.as_bytes();
    let mut at = 0;
    let mut before = SEED;
    while at < bytes.len() {
        let kind = KINDS[bytes[at] as usize];
        let full_stop = bytes[at] == b'.' && tokens.last().is_some_and(|last| last.end as usize == at);
        if kind & WORD == 0 || full_stop {
            // A run of blanks is one: columns are padded differently from line to line.
            if kind & BLANK == 0 {
                before = mix(before, u64::from(bytes[at]));
            } else if at == 0 || KINDS[bytes[at - 1] as usize] & BLANK == 0 {
                before = mix(before, u64::from(b' '));
            }
            at += 1;
            continue;
        }
        if tokens.len() == MOST_TOKENS {
            tokens.push(Token { start: at as u32, end: bytes.len() as u32, class: Class::Rest, shape: REST });
            return 0;
        }
        let (end, class, masked) = token_at(bytes, at);
        tokens.push(Token { start: at as u32, end: end as u32, class, shape: mix(before, masked) });
        before = SEED;
        at = end;
    }
    // Separators after the last token belong to it.
    match tokens.last_mut() {
        Some(last) if before != SEED => last.shape = mix(last.shape, before),
        Some(_) => {}
        None => return before,
    }
    0
}

/// Digest of a whole line's shapes: lines of the same pattern have the same.
pub fn shape_of(tokens: &[Token]) -> u64 {
    tokens.iter().fold(tokens.len() as u64, |digest, token| mix(digest, token.shape))
}

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const REST: u64 = 0x5851_f42d_4c95_7f2d;

/// One step of the digest: a 128-bit product folded to 64 bits.
pub fn mix(digest: u64, value: u64) -> u64 {
    let product = u128::from(digest ^ 0xa076_1d64_78bd_642f) * u128::from(value ^ 0xe703_7ed1_a0b4_28db);
    (product as u64) ^ ((product >> 64) as u64)
}

/// The token that begins at `start`: its end, class and masked digest.
fn token_at(bytes: &[u8], start: usize) -> (usize, Class, u64) {
    let first = bytes[start];
    if (first.is_ascii_digit() || first.is_ascii_uppercase())
        && let Some(length) = time_at(&bytes[start..])
    {
        return (start + length, Class::Time, mix(SEED, 1));
    }
    let mut end = start;
    let mut digits = 0;
    while end < bytes.len() && KINDS[bytes[end] as usize] & WORD != 0 {
        digits += usize::from(KINDS[bytes[end] as usize] & DIGIT != 0);
        end += 1;
    }
    // A full stop ends a sentence, not a token.
    while start + 1 < end && bytes[end - 1] == b'.' {
        end -= 1;
    }
    let text = &bytes[start..end];
    if digits == 0 {
        return (end, Class::Word, digest(text));
    }
    if let Some(unit) = unit_of_number(text) {
        return (end, Class::Number, mix(digest(unit), 2));
    }
    if is_id(text, digits) {
        return (end, Class::Id, mix(SEED, 3));
    }
    (end, Class::Mixed, mix(digest_masked(text), 4))
}

/// Digest of a text.
pub fn digest(text: &[u8]) -> u64 {
    let mut chunks = text.chunks_exact(8);
    let mut digest = mix(SEED, text.len() as u64);
    for chunk in &mut chunks {
        digest = mix(digest, u64::from_le_bytes(chunk.try_into().unwrap_or_default()));
    }
    let mut last = [0; 8];
    last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    mix(digest, u64::from_le_bytes(last))
}

/// Digest of what a text looks like: each run of letters and digits that has a digit is one, whatever it is.
pub fn digest_of_kind(text: &[u8]) -> u64 {
    let mut kind = SEED;
    let mut at = 0;
    while at < text.len() {
        let word =
            text[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || 0x80 <= **byte).count();
        if word == 0 {
            kind = mix(kind, u64::from(text[at]));
            at += 1;
            continue;
        }
        let part = &text[at..at + word];
        kind = mix(kind, if part.iter().any(u8::is_ascii_digit) { 5 } else { digest(part) });
        at += word;
    }
    kind
}

fn digest_masked(text: &[u8]) -> u64 {
    let mut digest = SEED;
    let mut in_digits = false;
    for &byte in text {
        let digit = byte.is_ascii_digit();
        if !(digit && in_digits) {
            digest = mix(digest, if digit { 0 } else { u64::from(byte) });
        }
        in_digits = digit;
    }
    digest
}

/// The unit after a number (`ms` of `-12.5ms`, empty for `7`); `None` when `text` is no number.
fn unit_of_number(text: &[u8]) -> Option<&[u8]> {
    let body = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let whole = body.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if whole == 0 {
        return None;
    }
    let mut rest = &body[whole..];
    if let [b'.', fraction @ ..] = rest {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        rest = &fraction[digits..];
    }
    let unit =
        rest.iter().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'%' | 0x80..=0xff | b'/'));
    (unit && rest.len() <= 5).then_some(rest)
}

/// Addresses, UUIDs, `0x…`, hex of 8 digits or more, long random strings.
fn is_id(text: &[u8], digits: usize) -> bool {
    if text.len() < 7 {
        return false;
    }
    if let Some(hex) = text.strip_prefix(b"0x") {
        return hex.iter().all(u8::is_ascii_hexdigit);
    }
    let dots = text.iter().filter(|byte| **byte == b'.').count();
    if dots == 3 && digits + 3 == text.len() {
        return true;
    }
    if text.len() < 8 {
        return false;
    }
    if text.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-') {
        // `2026-03-11` and `1-2-3-4-5` are all hex digits too, but a date was taken before.
        return true;
    }
    let plain = text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'_'));
    let changes = text
        .windows(2)
        .filter(|two| (two[0].is_ascii_digit() != two[1].is_ascii_digit()) || is_turn(two[0], two[1]))
        .count();
    plain && 10 <= text.len() && text.len() <= changes * 3
}

/// True where the letter case changes in a way that names don't: `aB` in the middle, `Ba` is a name.
fn is_turn(left: u8, right: u8) -> bool {
    left.is_ascii_lowercase() && right.is_ascii_uppercase()
}

/// The months as logs write them.
pub const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// How many bytes of `bytes` are a date or a clock, from the first byte on.
pub fn time_at(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize, count: usize| {
        bytes.get(from..from + count).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let is = |at: usize, any: &[u8]| bytes.get(at).is_some_and(|byte| any.contains(byte));
    let clock = |from: usize| -> Option<usize> {
        if !(digits(from, 2) && is(from + 2, b":") && digits(from + 3, 2)) {
            return None;
        }
        let mut at = from + 5;
        if is(at, b":") && digits(at + 1, 2) {
            at += 3;
            if is(at, b".,") && digits(at + 1, 1) {
                at += 1;
                at += bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            }
        }
        if is(at, b"Z") {
            at += 1;
        } else {
            let sign = at + usize::from(is(at, b" "));
            if is(sign, b"+-") && digits(sign + 1, 2) {
                if digits(sign + 3, 2) {
                    at = sign + 5;
                } else if is(sign + 3, b":") && digits(sign + 4, 2) {
                    at = sign + 6;
                }
            }
        }
        Some(at)
    };
    let after_date = |date: usize, between: &[u8]| -> usize {
        if is(date, between) { clock(date + 1).unwrap_or(date) } else { date }
    };
    if bytes[0].is_ascii_digit() {
        if digits(0, 4) && is(4, b"-/.") && digits(5, 2) && bytes.get(7) == bytes.get(4) && digits(8, 2) {
            let end = after_date(10, b"T _t");
            return (!is(end, b"0123456789")).then_some(end);
        }
        if let Some(end) = clock(0) {
            return Some(end);
        }
        // 11/Mar/2026:10:00:00 +0000
        if digits(0, 2)
            && is(2, b"/-")
            && bytes.get(3..6).is_some_and(|month| MONTHS.contains(&month))
            && bytes.get(6) == bytes.get(2)
            && digits(7, 4)
        {
            return Some(after_date(11, b": "));
        }
        // 03-11 10:00:00.000
        if digits(0, 2) && is(2, b"-/") && digits(3, 2) && is(5, b" ") {
            return clock(6);
        }
        return None;
    }
    // Mar 11 10:00:00
    if bytes.get(..3).is_some_and(|month| MONTHS.contains(&month)) && is(3, b" ") {
        let day = 4 + usize::from(is(4, b" "));
        let width = bytes.get(day..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if matches!(width, 1 | 2) && is(day + width, b" ") {
            return clock(day + width + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_up(line: &str) -> Vec<(&str, Class)> {
        let mut tokens = Vec::new();
        cut(line, &mut tokens);
        tokens.iter().map(|token| (token.of(line), token.class)).collect()
    }

    #[test]
    fn tokens_are_what_a_reader_sees() {
        use Class::{Id, Mixed, Number, Time, Word};
        let cases: &[(&str, &[(&str, Class)])] = &[
            (
                "2026-03-11T10:00:05.123Z INFO  GET /items/42 200 37ms",
                &[
                    ("2026-03-11T10:00:05.123Z", Time),
                    ("INFO", Word),
                    ("GET", Word),
                    ("/items/42", Mixed),
                    ("200", Number),
                    ("37ms", Number),
                ],
            ),
            ("Mar  1 10:00:00 host", &[("Mar  1 10:00:00", Time), ("host", Word)]),
            ("[11/Mar/2026:10:00:00 +0000]", &[("11/Mar/2026:10:00:00 +0000", Time)]),
            ("10:00:00,123 x", &[("10:00:00,123", Time), ("x", Word)]),
            ("March on", &[("March", Word), ("on", Word)]),
            ("from 10.0.0.1:80", &[("from", Word), ("10.0.0.1", Id), ("80", Number)]),
            ("req=0a1b2c3d done.", &[("req", Word), ("0a1b2c3d", Id), ("done", Word)]),
            ("worker-7 v1.2.3", &[("worker-7", Mixed), ("v1.2.3", Mixed)]),
            ("-3.5 12% 1.5GiB", &[("-3.5", Number), ("12%", Number), ("1.5GiB", Number)]),
            ("0x7fff5a", &[("0x7fff5a", Id)]),
            ("é ü", &[("é", Word), ("ü", Word)]),
            ("", &[]),
        ];
        for (line, want) in cases {
            assert_eq!(cut_up(line), *want, "{line}");
        }
    }

    #[test]
    fn lines_of_one_pattern_have_one_shape() {
        let shape = |line: &str| {
            let mut tokens = Vec::new();
            let separators = cut(line, &mut tokens);
            mix(shape_of(&tokens), separators)
        };
        assert_eq!(shape("took   7 ms at /a/12"), shape("took 912 ms at /a/3"));
        assert_ne!(shape("took 7 ms"), shape("took 7 us"));
        assert_ne!(shape("a(1)"), shape("a[1]"));
        assert_ne!(shape("a 1"), shape("a 1]"));
        assert_ne!(shape(""), shape("|"));
    }

    #[test]
    fn a_line_of_a_million_tokens_costs_its_start() {
        let mut tokens = Vec::new();
        cut(&"a ".repeat(1_000_000), &mut tokens);
        assert_eq!(tokens.len(), MOST_TOKENS + 1);
    }
}

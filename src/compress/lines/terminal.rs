//! The lines of a text as a terminal would show them.
//!
//! Colours and other escape sequences are dropped, a progress line that was
//! overwritten by carriage returns is its last state, a backspace takes back
//! one character. Nothing else changes: no trimming, no re-wording.

use super::signs;
use memchr::{memchr_iter, memchr3};
use std::borrow::Cow;

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;
const BACKSPACE: u8 = 0x08;

/// The lines of a text, numbered from 0, without their line ends.
#[derive(Debug)]
pub struct Lines<'a> {
    text: Cow<'a, str>,
    /// One past the last byte of each line.
    ends: Vec<u32>,
    cleaned: bool,
}

impl<'a> Lines<'a> {
    /// Splits `text` as a terminal would show it. `None` for a text of 4 GiB or more.
    pub fn of(text: &'a str) -> Option<Lines<'a>> {
        u32::try_from(text.len()).ok()?;
        Some(Lines::split(shown(text)))
    }

    /// Splits `text` as it stands. `None` for a text of 4 GiB or more.
    pub fn raw(text: &'a str) -> Option<Lines<'a>> {
        u32::try_from(text.len()).ok()?;
        Some(Lines::split(Cow::Borrowed(text)))
    }

    fn split(text: Cow<'a, str>) -> Lines<'a> {
        let cleaned = matches!(text, Cow::Owned(_));
        let mut ends: Vec<u32> = memchr_iter(b'\n', text.as_bytes()).map(|at| at as u32).collect();
        if !text.is_empty() && !text.ends_with('\n') {
            ends.push(text.len() as u32);
        }
        Lines { text, ends, cleaned }
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True for a text of no lines.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The line with this number.
    ///
    /// # Panics
    /// When there is no such line.
    pub fn get(&self, line: usize) -> &str {
        let (start, end) = self.span(line);
        &self.text[start..end]
    }

    /// All lines, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|line| self.get(line))
    }

    /// The shown text: all lines with their line ends.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many bytes the lines `from..to` have, with their line ends.
    pub fn bytes(&self, from: usize, to: usize) -> usize {
        if to <= from { 0 } else { self.span(to - 1).1 + 1 - self.span(from).0 }
    }

    /// The line that the byte at `offset` of [`Lines::text`] is in.
    pub fn line_at(&self, offset: usize) -> usize {
        self.ends.partition_point(|&end| (end as usize) < offset)
    }

    /// True when the last line ended with a line end.
    pub fn ended(&self) -> bool {
        self.text.ends_with('\n')
    }

    /// True when escape codes or overwritten progress were removed.
    pub fn cleaned(&self) -> bool {
        self.cleaned
    }

    fn span(&self, line: usize) -> (usize, usize) {
        let start = if line == 0 { 0 } else { self.ends[line - 1] as usize + 1 };
        (start, self.ends[line] as usize)
    }
}

/// `text` as a terminal would show it.
fn shown(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let Some(first) = memchr3(ESCAPE, b'\r', BACKSPACE, bytes) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    out.push_str(&text[..first]);
    let mut line_start = out.rfind('\n').map_or(0, |at| at + 1);
    let mut overwrite = false;
    let mut at = first;
    while at < bytes.len() {
        match bytes[at] {
            ESCAPE => at = after_escape(bytes, at),
            b'\r' => {
                at += 1;
                overwrite = true;
            }
            BACKSPACE => {
                at += 1;
                if line_start < out.len() {
                    out.pop();
                }
            }
            _ => {
                let rest = &bytes[at..];
                let special = memchr3(ESCAPE, b'\r', BACKSPACE, rest).unwrap_or(rest.len());
                let plain = &text[at..at + special];
                if overwrite && !plain.starts_with('\n') {
                    begin_again(&mut out, &mut line_start);
                }
                overwrite = false;
                out.push_str(plain);
                if let Some(newline) = plain.rfind('\n') {
                    line_start = out.len() - plain.len() + newline + 1;
                }
                at += special;
            }
        }
    }
    Cow::Owned(out)
}

/// The cursor went back to the start of the line and something is written over it.
///
/// What spoke of an error stays, as a line of its own: it was seen when it was printed.
fn begin_again(out: &mut String, line_start: &mut usize) {
    if signs::of(&out[*line_start..]).is_trouble() {
        out.push('\n');
        *line_start = out.len();
    } else {
        out.truncate(*line_start);
    }
}

/// Where the text goes on after the escape sequence that starts at `at`.
fn after_escape(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at + 1..];
    let skip = match rest.first() {
        // A control sequence: parameters, intermediates, one final byte.
        Some(b'[') => {
            let body = rest[1..].iter().take_while(|byte| (0x20..0x40).contains(*byte)).count();
            let last = rest.get(1 + body).is_some_and(|byte| (0x40..0x7f).contains(byte));
            1 + body + usize::from(last)
        }
        // An operating system command (titles, links): up to a bell or `ESC \`, on the same line.
        Some(b']' | b'P' | b'_' | b'^') => {
            let body = rest.iter().position(|byte| matches!(*byte, BELL | ESCAPE | b'\n')).unwrap_or(0);
            match rest.get(body) {
                Some(&BELL) => body + 1,
                Some(&ESCAPE) if rest.get(body + 1) == Some(&b'\\') => body + 2,
                _ => 1,
            }
        }
        Some(0x20..0x30) => {
            let body = rest.iter().take_while(|byte| (0x20..0x30).contains(*byte)).count();
            body + usize::from(rest.get(body).is_some_and(|byte| (0x30..0x7f).contains(byte)))
        }
        Some(0x30..0x7f) => 1,
        _ => 0,
    };
    at + 1 + skip
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_a_terminal_shows_them() {
        let cases: &[(&str, &str, &[&str])] = &[
            ("plain", "a\nb\n", &["a", "b"]),
            ("no end at the end", "a\nb", &["a", "b"]),
            ("an empty line", "a\n\nb\n", &["a", "", "b"]),
            ("line ends of Windows", "a\r\nb\r\n", &["a", "b"]),
            ("colours", "\u{1b}[31mred\u{1b}[0m\n", &["red"]),
            ("a link", "\u{1b}]8;;http://x\u{7}text\u{1b}]8;;\u{7}\n", &["text"]),
            ("a link that never ends", "\u{1b}]8;;http://x\nnext", &["8;;http://x", "next"]),
            ("progress", "10%\r50%\r100%\ndone\n", &["100%", "done"]),
            ("progress with erasing", "10%\r\u{1b}[K100%\r\u{1b}[K\n", &["100%"]),
            ("an error that was overwritten", "error: lost\r100%\n", &["error: lost", "100%"]),
            ("a backspace", "abd\u{8}c\n", &["abc"]),
            ("a charset", "\u{1b}(Bx\n", &["x"]),
            ("an escape at the end", "x\u{1b}", &["x"]),
            ("a sequence cut off", "x\u{1b}[31", &["x"]),
            ("not ASCII after an escape", "\u{1b}é\n", &["é"]),
            ("nothing", "", &[]),
        ];
        for (name, text, want) in cases {
            let lines = Lines::of(text).expect("short");
            assert_eq!(lines.iter().collect::<Vec<_>>(), *want, "{name}");
        }
    }

    #[test]
    fn a_byte_is_found_in_its_line() {
        let lines = Lines::of("ab\n\ncd\n").expect("short");
        let found: Vec<usize> = (0..6).map(|offset| lines.line_at(offset)).collect();
        assert_eq!(found, [0, 0, 0, 1, 2, 2]);
        assert_eq!((lines.bytes(0, 3), lines.bytes(1, 2), lines.bytes(2, 2)), (7, 1, 0));
    }
}

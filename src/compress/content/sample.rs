//! A bounded look into a text: what every sign of a kind is looked for in.

use super::super::lines::Lines;
use std::borrow::Cow;

/// Bytes looked at, at each of three places.
const WINDOW: usize = 16_384;
/// Bytes of one line that are looked at.
const LINE: usize = 400;

/// Lines of a text's start, middle and end, without blanks around them; empty ones are left out.
#[derive(Debug)]
pub struct Sample<'a> {
    /// The whole text, without white space at its ends.
    pub text: &'a str,
    /// The lines; of a long text a few thousand at most.
    pub lines: Vec<Cow<'a, str>>,
}

impl<'a> Sample<'a> {
    /// Looks into `text`.
    pub fn of(text: &'a str) -> Sample<'a> {
        let text = text.trim_ascii();
        let mut lines = Vec::new();
        if text.len() <= 3 * WINDOW {
            collect(text, &mut lines);
        } else {
            let middle = text.len() / 2;
            collect(slice(text, 0, WINDOW), &mut lines);
            collect(whole_lines(slice(text, middle, middle + WINDOW)), &mut lines);
            collect(whole_lines(slice(text, text.len() - WINDOW, text.len())), &mut lines);
        }
        Sample { text, lines }
    }
}

fn collect<'a>(text: &'a str, into: &mut Vec<Cow<'a, str>>) {
    for line in text.split(['\n', '\r']) {
        let line = slice(line, 0, LINE);
        if !line.trim_ascii().is_empty() {
            into.push(uncoloured(line));
        }
    }
}

fn uncoloured(line: &str) -> Cow<'_, str> {
    if !line.contains('\u{1b}') {
        return Cow::Borrowed(line);
    }
    match Lines::of(line) {
        Some(lines) if lines.len() == 1 => Cow::Owned(lines.get(0).to_owned()),
        _ => Cow::Borrowed(line),
    }
}

/// `text[start..end]`, moved to the next letters' bounds.
fn slice(text: &str, start: usize, end: usize) -> &str {
    let bound = |at: usize| (at..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    &text[bound(start.min(text.len()))..bound(end.min(text.len()))]
}

/// Without the first line, which was cut.
fn whole_lines(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_, rest)| rest)
}

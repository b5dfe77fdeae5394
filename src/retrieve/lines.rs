//! Lines by their numbers, counted from 1, with their own line ends.

use super::PartError;
use std::borrow::Cow;

/// Ranges that one request may name.
const RANGES: usize = 64;

/// What stands between ranges that do not touch, as `grep` prints it.
const APART: &str = "--\n";

/// Ranges of lines, in order; none touches another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges(Vec<Range>);

/// Lines from `first` to `last`, both included, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    first: usize,
    last: usize,
}

impl Ranges {
    /// Reads `10-20`, `10-` (to the end), `-20` (from the start), `10`, or several: `10-20,40,90-`. Two
    /// bare numbers (`10,20`) are a range too, as `sed` has it.
    ///
    /// # Errors
    /// [`PartError::Range`] for anything else, for line 0, and when an end is before its start.
    pub fn parse(text: &str) -> Result<Ranges, PartError> {
        let bad = || PartError::Range(text.to_owned());
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let mut ranges = match parts[..] {
            [first, last] if !text.contains(['-', ':']) => {
                vec![Range { first: number(first), last: number(last) }]
            }
            _ => parts.iter().map(|part| Range::read(part)).collect(),
        };
        if RANGES < ranges.len() || ranges.iter().any(|range| range.first == 0 || range.last < range.first) {
            return Err(bad());
        }
        ranges.sort_by_key(|range| range.first);
        ranges.dedup_by(|next, before| {
            let touch = next.first <= before.last.saturating_add(1);
            if touch {
                before.last = before.last.max(next.last);
            }
            touch
        });
        Ok(Ranges(ranges))
    }
}

impl Range {
    /// Line 0 for what is no range.
    fn read(text: &str) -> Range {
        match text.split_once(['-', ':']) {
            None => Range { first: number(text), last: number(text) },
            Some(("", "")) => Range { first: 0, last: 0 },
            Some((first, "")) => Range { first: number(first), last: usize::MAX },
            Some(("", last)) => Range { first: 1, last: number(last) },
            Some((first, last)) => Range { first: number(first), last: number(last) },
        }
    }
}

/// 0 for what is no number.
fn number(digits: &str) -> usize {
    digits.trim().parse().unwrap_or(0)
}

/// Those lines of `text`; a range that goes beyond the end stops there. Between ranges stands `--`.
///
/// # Errors
/// [`PartError::Beyond`] when not even the first line of a range is there.
pub fn of<'a>(text: &'a str, Ranges(ranges): &Ranges) -> Result<Cow<'a, str>, PartError> {
    if let [range] = ranges[..] {
        return one(text, range).map(Cow::Borrowed);
    }
    let mut lines = String::new();
    for (number, range) in ranges.iter().enumerate() {
        if 0 < number {
            if !lines.ends_with('\n') {
                lines.push('\n');
            }
            lines.push_str(APART);
        }
        lines.push_str(one(text, *range)?);
    }
    Ok(Cow::Owned(lines))
}

fn one(text: &str, range: Range) -> Result<&str, PartError> {
    let mut ends = memchr::memchr_iter(b'\n', text.as_bytes()).map(|end| end + 1);
    let start = match range.first {
        1 => Some(0),
        first => ends.nth(first - 2),
    };
    let start = start.filter(|start| *start < text.len() || text.is_empty() && range.first == 1);
    let Some(start) = start else {
        return Err(PartError::Beyond { wanted: range.first, lines: count(text) });
    };
    let end = ends.nth(range.last - range.first).unwrap_or(text.len());
    Ok(&text[start..end])
}

/// How many lines `text` has.
pub fn count(text: &str) -> usize {
    text.lines().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asked(text: &str, ranges: &str) -> Result<String, PartError> {
        of(text, &Ranges::parse(ranges)?).map(Cow::into_owned)
    }

    #[test]
    fn a_range_gives_the_lines_it_names() {
        let text = "one\ntwo\r\nthree\n\nfive";
        let cases = [
            ("1", "one\n"),
            ("2-3", "two\r\nthree\n"),
            ("4", "\n"),
            ("5", "five"),
            ("4-99", "\nfive"),
            ("3-", "three\n\nfive"),
            ("-2", "one\ntwo\r\n"),
            (" 1 - 2 ", "one\ntwo\r\n"),
            ("2:3", "two\r\nthree\n"),
            ("1,3", "one\ntwo\r\nthree\n"),
            ("1,3,5", "one\n--\nthree\n--\nfive"),
            ("5,1-2", "one\ntwo\r\n--\nfive"),
            ("1-2, 3, 2-3", "one\ntwo\r\nthree\n"),
            ("1,4-", "one\n--\n\nfive"),
        ];
        for (range, want) in cases {
            assert_eq!(asked(text, range).as_deref(), Ok(want), "{range}");
        }
        assert_eq!(asked(text, "6"), Err(PartError::Beyond { wanted: 6, lines: 5 }));
        assert_eq!(asked("a\n", "2"), Err(PartError::Beyond { wanted: 2, lines: 1 }));
        for bad in ["", "0", "0-3", "3-2", "a", "1-b", "-", "1--2", "99999999999999999999999", "1,,2", "3,2"]
        {
            assert!(Ranges::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn all_lines_together_are_the_text(text in "([a-z]{0,3}\r?\n?){0,12}") {
            let lines: Vec<&str> = (1..=count(&text)).map(|line| one(&text, Range { first: line, last: line }).expect("a line")).collect();
            prop_assert_eq!(lines.concat(), text.as_str());
        }
    }
}

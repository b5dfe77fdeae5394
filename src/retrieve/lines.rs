//! Lines by their numbers, counted from 1, with their own line ends.

use super::PartError;

/// Lines from `first` to `last`, both included, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    first: usize,
    last: usize,
}

impl Range {
    /// Reads `10-20`, `10-` (to the end), `-20` (from the start) or `10`.
    ///
    /// # Errors
    /// [`PartError::Range`] for anything else, for line 0, and when the end is before the start.
    pub fn parse(text: &str) -> Result<Range, PartError> {
        let bad = || PartError::Range(text.to_owned());
        let number = |digits: &str| digits.trim().parse::<usize>().map_err(|_| bad());
        let (first, last) = match text.trim().split_once(['-', ':', ',']) {
            None => (number(text)?, number(text)?),
            Some((first, "")) => (number(first)?, usize::MAX),
            Some(("", last)) => (1, number(last)?),
            Some((first, last)) => (number(first)?, number(last)?),
        };
        if first == 0 || last < first { Err(bad()) } else { Ok(Range { first, last }) }
    }
}

/// Those lines of `text`; a range that goes beyond the end stops there.
///
/// # Errors
/// [`PartError::Beyond`] when not even the first is there.
pub fn of(text: &str, range: Range) -> Result<&str, PartError> {
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
        ];
        for (range, want) in cases {
            assert_eq!(of(text, Range::parse(range).expect("a range")), Ok(want), "{range}");
        }
        assert_eq!(
            of(text, Range::parse("6").expect("a range")),
            Err(PartError::Beyond { wanted: 6, lines: 5 })
        );
        assert_eq!(
            of("a\n", Range::parse("2").expect("a range")),
            Err(PartError::Beyond { wanted: 2, lines: 1 })
        );
        for bad in ["", "0", "0-3", "3-2", "a", "1-b", "-", "1--2", "99999999999999999999999"] {
            assert!(Range::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn all_lines_together_are_the_text(text in "([a-z]{0,3}\r?\n?){0,12}") {
            let lines: Vec<&str> = (1..=count(&text)).map(|line| of(&text, Range { first: line, last: line }).expect("a line")).collect();
            prop_assert_eq!(lines.concat(), text.as_str());
        }
    }
}

//! One line of search output, in its parts.

use super::super::lines::token;
use std::collections::HashSet;

/// A hit: a path and a line of that file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit<'a> {
    /// The file.
    pub path: &'a str,
    /// The line's number as it stands, empty when the search printed none.
    pub number: &'a str,
    /// `:` for a match, `-` for a line around one.
    pub mark: char,
    /// The line.
    pub text: &'a str,
}

/// A path is looked for in this many bytes of a line.
const LONGEST_PATH: usize = 1_024;

/// True for a line `path:number:text` (or `path-number-text`, the context of one).
pub fn is_hit(line: &str) -> bool {
    numbered(line, "", &HashSet::new()).is_some()
}

/// The files that have matches: with them, a line around a match is cut where its name ends.
pub fn files<'a>(lines: impl Iterator<Item = &'a str>) -> HashSet<&'a str> {
    lines.filter_map(|line| marked(line, b':', |_| true)).map(|hit| hit.path).collect()
}

/// Cuts `path:12:text` or `path-12-text` into its parts; `before` is the path of the hit before and
/// `files` all that are known, whose names and texts may have dashes and colons.
pub fn numbered<'a>(line: &'a str, before: &str, files: &HashSet<&str>) -> Option<Hit<'a>> {
    if !before.is_empty()
        && line.starts_with(before)
        && let Some(hit) = cut_at(line, before.len())
    {
        return Some(hit);
    }
    marked(line, b':', |_| true)
        .or_else(|| marked(line, b'-', |path| files.contains(path)))
        .or_else(|| marked(line, b'-', |_| true))
}

/// The first cut at a pair of `mark`s whose path will do.
fn marked<'a>(line: &'a str, mark: u8, will_do: impl Fn(&str) -> bool) -> Option<Hit<'a>> {
    let window = &line.as_bytes()[..line.len().min(LONGEST_PATH)];
    for at in memchr::memchr_iter(mark, window) {
        if let Some(hit) = cut_at(line, at).filter(|hit| is_path(hit.path) && will_do(hit.path)) {
            return Some(hit);
        }
        // Past the first colon that is no drive's, a path is over.
        if mark == b':' && !is_drive(line, at) {
            return None;
        }
    }
    None
}

/// Cuts `path:text` into its parts.
pub fn unnumbered<'a>(line: &'a str, before: &str) -> Option<Hit<'a>> {
    let hit = |at: usize| Hit { path: &line[..at], number: "", mark: ':', text: &line[at + 1..] };
    if !before.is_empty() && line.starts_with(before) && line.as_bytes().get(before.len()) == Some(&b':') {
        return Some(hit(before.len()));
    }
    let window = &line.as_bytes()[..line.len().min(LONGEST_PATH)];
    let at = memchr::memchr_iter(b':', window).find(|&at| !is_drive(line, at))?;
    let named =
        |path: &str| path.contains(['/', '\\', '.']) && !path.contains(' ') && !path.ends_with(['/', '.']);
    (is_path(&line[..at]) && named(&line[..at])).then(|| hit(at))
}

/// The hit whose path ends at `at`, if a number between two equal marks follows.
fn cut_at(line: &str, at: usize) -> Option<Hit<'_>> {
    let bytes = line.as_bytes();
    let mark = *bytes.get(at).filter(|mark| matches!(mark, b':' | b'-'))?;
    let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let end = at + 1 + digits;
    // A leading zero would be a clock.
    let number = (1..=9).contains(&digits) && bytes[at + 1] != b'0' && bytes.get(end) == Some(&mark);
    number.then(|| Hit {
        path: &line[..at],
        number: &line[at + 1..end],
        mark: char::from(mark),
        text: &line[end + 1..],
    })
}

/// True for the colon of `C:\x` or `C:/x`.
fn is_drive(line: &str, colon: usize) -> bool {
    matches!(line.as_bytes(), [letter, b':', b'\\' | b'/', ..] if colon == 1 && letter.is_ascii_alphabetic())
}

/// True for what a search prints as a path: a letter in it, no time, no level, no code.
fn is_path(path: &str) -> bool {
    let bytes = path.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    let plain = !first.is_ascii_whitespace() && !last.is_ascii_whitespace();
    let letter = bytes.iter().any(|byte| byte.is_ascii_alphabetic() || 0x80 <= *byte);
    let time = token::time_at(bytes).is_some();
    // `Mar 11 10:00:00` and `I0311 10:00:00` are no files, though a file's name may have a blank.
    let blank = path.contains(' ') && (path.contains(['[', '(']) || !path.contains(['/', '\\', '.']));
    plain
        && letter
        && !time
        && !blank
        && !path.contains(['"', '=', '\t', '<', '>', '{', '}', '|', ';', '`'])
        && !path.starts_with(['[', '('])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_has_a_path_and_a_number() {
        let cases = [
            ("src/a.rs:3:fn a()", Some(("src/a.rs", "3", ':', "fn a()"))),
            ("src/a.rs-4-}", Some(("src/a.rs", "4", '-', "}"))),
            ("a-1-b/c.rs:3:x", Some(("a-1-b/c.rs", "3", ':', "x"))),
            ("C:\\x\\y.rs:3:z", Some(("C:\\x\\y.rs", "3", ':', "z"))),
            ("Makefile:9:all:", Some(("Makefile", "9", ':', "all:"))),
            ("my notes.txt:9:x", Some(("my notes.txt", "9", ':', "x"))),
            ("app/[id]/page.tsx:9:x", Some(("app/[id]/page.tsx", "9", ':', "x"))),
            ("2026-03-11T10:30:00 x", None),
            ("Mar 11 10:30:00 x", None),
            ("I0311 10:30:00.1 x", None),
            ("10:30:00 x", None),
            ("1.2.3.4 - - [11/Mar/2026:10:30:00 +0000] x", None),
            ("at 10:30:x", None),
            ("[info] a:3:b", None),
            ("plain words", None),
            ("", None),
        ];
        for (line, want) in cases {
            let got =
                numbered(line, "", &HashSet::new()).map(|hit| (hit.path, hit.number, hit.mark, hit.text));
            assert_eq!(got, want, "{line}");
        }
        let files = files(["a-1-b.rs:9:x"].into_iter());
        let with_dash = numbered("a-1-b.rs-12-b-3-c", "", &files).map(|hit| (hit.path, hit.number));
        assert_eq!(with_dash, Some(("a-1-b.rs", "12")));
    }
}

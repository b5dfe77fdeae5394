//! The check that every shown line is a line of the original, in order.

use super::Lines;
use crate::marker;

/// True when every line of `shortened` that has not the shape of a marker is a line of `original` as a
/// terminal would show it, letter for letter and in the same order.
///
/// One pass over both texts.
pub fn verbatim_subsequence(original: &str, shortened: &str) -> bool {
    Lines::of(original).is_some_and(|lines| in_order(&lines, shortened))
}

/// The same, for a text whose lines are known already.
///
/// Beside a marker that cuts a line, a part of a line may stand.
pub fn in_order(original: &Lines<'_>, shortened: &str) -> bool {
    let shown = shortened.strip_suffix('\n').unwrap_or(shortened);
    let mut next = 0;
    let mut at = 0;
    let mut after_cut = false;
    let mut rest = shown.split('\n').peekable();
    while let Some(line) = rest.next() {
        if marker::is_marker(line) {
            after_cut = marker::cuts_a_line(line);
            continue;
        }
        let before_cut = rest.peek().is_some_and(|line| marker::cuts_a_line(line));
        if after_cut || before_cut {
            let Some(end) = piece(original.text(), line, at, after_cut, before_cut) else { return false };
            at = end;
            next = original.line_at(end) + 1;
        } else {
            let Some(found) = (next..original.len()).find(|&number| original.get(number) == line) else {
                return false;
            };
            next = found + 1;
            at = original.bytes(0, next);
        }
        after_cut = false;
    }
    true
}

/// Where `piece` ends in `text`, looked for from `at`: it may begin within a line after a cut, and end within
/// one before a cut.
fn piece(text: &str, piece: &str, at: usize, after_cut: bool, before_cut: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let finder = memchr::memmem::Finder::new(piece);
    let mut from = at;
    while from <= bytes.len() {
        let start = from + finder.find(&bytes[from..])?;
        let end = start + piece.len();
        let begins = after_cut || start == 0 || bytes[start - 1] == b'\n';
        let ends = before_cut || end == bytes.len() || bytes[end] == b'\n';
        if begins && ends {
            return Some(end);
        }
        from = start + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_must_stand_in_the_original_in_that_order() {
        let cases = [
            ("a\nb\nc\n", "a\n[headroom: 1 line left out (2); kept, same key]\nc\n", true),
            ("a\nb\nc\n", "c\na\n", false),
            ("a\nb\nc\n", "a\nB\n", false),
            ("a\nb\nc\n", "a\na\n", false),
            ("\u{1b}[1ma\u{1b}[0m\n", "a\n", true),
            ("1%\r9%\nz\n", "9%\n", true),
            ("a", "a", true),
            ("abcdef\nx\n", "ab\n[headroom: 2 bytes left out within line 1; kept, same key]\nef\nx\n", true),
            ("abcdef\nx\n", "ab\n[headroom: 2 bytes left out within line 1; kept, same key]\nex\n", false),
            ("abcdef\nx\n", "cd\n[headroom: 2 bytes left out within line 1; kept, same key]\nx\n", false),
            ("abcdef\nx\n", "ef\n[headroom: 2 lines left out (2-3); kept, same key]\nx\n", false),
        ];
        for (original, shortened, want) in cases {
            assert_eq!(verbatim_subsequence(original, shortened), want, "{original:?} {shortened:?}");
        }
    }
}

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
pub fn in_order(original: &Lines<'_>, shortened: &str) -> bool {
    let mut rest = original.iter();
    let shown = shortened.strip_suffix('\n').unwrap_or(shortened);
    shown.split('\n').filter(|line| !marker::is_marker(line)).all(|line| rest.any(|its| its == line))
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
        ];
        for (original, shortened, want) in cases {
            assert_eq!(verbatim_subsequence(original, shortened), want, "{original:?} {shortened:?}");
        }
    }
}

//! Chosen lines, written down with a marker at every gap.

use super::super::{LOSSY_FLOOR, worth_it};
use super::Lines;
use crate::marker::{self, Markers};
use crate::text::counted;
use crate::tokens;
use std::ops::Range;

/// A gap of fewer bytes than its marker would have is shown instead.
const SMALLEST_GAP: usize = 150;

/// What a terminal does not show.
const CLEANED: &str = "escape codes and overwritten progress";

/// True when `shown` is shorter by what leaving something out must save.
///
/// Tokens are counted only where the lengths leave a doubt: one is between one and eight bytes in all but
/// odd texts, and the caller's caller counts again.
pub fn saves_enough(text: &str, shown: &str) -> bool {
    let floor = LOSSY_FLOOR.0 as usize;
    let fewer = text.len().saturating_sub(shown.len());
    floor <= fewer && (floor * 8 <= fewer || worth_it(tokens::count(text), tokens::count(shown), true))
}

/// Shows the lines of gaps that are too small for a marker.
pub fn close_small_gaps(lines: &Lines<'_>, keep: &mut [bool]) {
    for gap in gaps(keep) {
        if lines.bytes(gap.start, gap.end) < SMALLEST_GAP {
            keep[gap].fill(true);
        }
    }
}

/// The runs of lines that are not kept, in order.
pub fn gaps(keep: &[bool]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < keep.len() {
        if keep[at] {
            at += 1;
            continue;
        }
        let end = keep[at..].iter().position(|kept| *kept).map_or(keep.len(), |run| at + run);
        found.push(at..end);
        at = end;
    }
    found
}

/// Writes the kept lines, and for each gap a marker that says what `describe` says of it.
///
/// `legends` come first, each in a marker of its own. Empty when nothing is left out.
pub fn write(
    lines: &Lines<'_>,
    keep: &[bool],
    legends: &[String],
    markers: &mut Markers<'_>,
    mut describe: impl FnMut(Range<usize>) -> String,
) -> String {
    let mut out = String::with_capacity(lines.text().len() / 4);
    for legend in legends {
        out.push_str(&marker::legend(legend));
        out.push('\n');
    }
    let mut at = 0;
    let gaps = gaps(keep);
    if gaps.is_empty() {
        out.push_str(&cleaned(lines, markers));
    }
    for gap in gaps {
        show(lines, at..gap.start, &mut out);
        at = gap.end;
        let numbers = match gap.len() {
            1 => format!("{}", markers.number(gap.start)),
            _ => format!("{}-{}", markers.number(gap.start), markers.number(gap.end - 1)),
        };
        let mut what = format!("{} left out ({numbers})", counted(gap.len(), "line"));
        if !markers.used() && lines.cleaned() {
            what.push_str(&format!(", {CLEANED} everywhere"));
        }
        let content = describe(gap);
        if !content.is_empty() {
            what.push_str(": ");
            what.push_str(&content);
        }
        out.push_str(&markers.gap(&what));
        out.push('\n');
    }
    show(lines, at..lines.len(), &mut out);
    if !lines.ended() {
        out.pop();
    }
    out
}

/// The marker that says, once and ahead of all, that what a terminal does not show was removed; empty
/// where nothing was.
pub fn cleaned(lines: &Lines<'_>, markers: &mut Markers<'_>) -> String {
    if lines.cleaned() { format!("{}\n", markers.gap(&format!("{CLEANED} left out"))) } else { String::new() }
}

fn show(lines: &Lines<'_>, range: Range<usize>, out: &mut String) {
    for line in range {
        out.push_str(lines.get(line));
        out.push('\n');
    }
}

/// One line of `text` for use inside a marker: clipped to `longest` bytes.
pub fn clipped(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let mut end = longest;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Key;

    #[test]
    fn a_text_whose_escape_codes_were_removed_says_so_once() {
        let lines = Lines::of("\u{1b}[1ma\u{1b}[0m\nb\nc\n").expect("short");
        let key = Key::parse("0123456789abcdef0123").expect("a key");
        for (keep, gaps) in [([true, true, true], 1), ([true, false, true], 1), ([false, true, false], 2)] {
            let written = write(&lines, &keep, &[], &mut Markers::of(&key), |_| String::new());
            assert_eq!(written.matches(CLEANED).count(), 1, "{written}");
            assert_eq!(written.matches(marker::OPEN).count(), gaps, "{written}");
        }
    }

    #[test]
    fn every_gap_has_its_marker_and_the_first_names_the_key() {
        let text: String = (0..9).map(|n| format!("{n}\n")).collect();
        let lines = Lines::of(&text).expect("short");
        let keep: Vec<bool> = (0..9).map(|n| [0, 4, 8].contains(&n)).collect();
        let key = Key::parse("0123456789abcdef0123").expect("a key");
        let written = write(&lines, &keep, &["a legend".to_owned()], &mut Markers::of(&key), |gap| {
            if gap.start < 4 { "digits".to_owned() } else { String::new() }
        });
        insta::assert_snapshot!(written, @r"
        [headroom: a legend]
        0
        [headroom: 3 lines left out (2-4): digits; original kept: headroom retrieve 0123456789abcdef0123]
        4
        [headroom: 3 lines left out (6-8); kept, same key]
        8
        ");
    }
}

//! The shown lines, and a marker for each file or run of hunks that is not.

use super::super::lines::Lines;
use super::choose::{Chosen, Fate};
use super::{patch::File, told};
use crate::marker::Markers;
use crate::text::counted;
use std::ops::Range;

/// Less than this is shown, or would be told at greater length.
const SMALLEST: usize = 150;
/// A marker of more bytes than this is not made longer by the next file.
const LONGEST: usize = 700;

/// Lines that are not shown, and what is told of them.
struct Gap {
    lines: Range<usize>,
    told: String,
}

/// Writes what is shown of `lines`.
pub fn write(lines: &Lines<'_>, chosen: &Chosen<'_>, markers: &mut Markers<'_>) -> String {
    let mut out = String::with_capacity(lines.text().len() / 2);
    let mut at = 0;
    for gap in gaps(lines, chosen) {
        show(lines, at..gap.lines.start, &mut out);
        at = gap.lines.end;
        let numbers = match gap.lines.len() {
            1 => format!("{}", markers.number(gap.lines.start)),
            _ => format!("{}-{}", markers.number(gap.lines.start), markers.number(gap.lines.end - 1)),
        };
        let what = format!("{} left out ({numbers}): {}", counted(gap.lines.len(), "line"), gap.told);
        out.push_str(&markers.gap(&what));
        out.push('\n');
    }
    show(lines, at..lines.len(), &mut out);
    if !lines.ended() {
        out.pop();
    }
    out
}

/// What is not shown, in order; of files that follow one another, those with little to tell together.
fn gaps(lines: &Lines<'_>, chosen: &Chosen<'_>) -> Vec<Gap> {
    let mut found: Vec<Gap> = Vec::new();
    let mut add = |range: Range<usize>, told: String| {
        if lines.bytes(range.start, range.end) < SMALLEST.max(told.len() + SMALLEST / 3) {
            return;
        }
        match found.last_mut() {
            Some(last) if last.lines.end == range.start && last.told.len() + told.len() < LONGEST => {
                last.lines.end = range.end;
                last.told.push_str("; ");
                last.told.push_str(&told);
            }
            _ => found.push(Gap { lines: range, told }),
        }
    };
    for (number, file) in chosen.patch.files.iter().enumerate() {
        if chosen.gone(number) {
            add(file.lines.clone(), told::file(lines, chosen, number));
        } else {
            partly(lines, chosen, file, &mut add);
        }
    }
    found
}

/// The hunks of a file that are not shown; those that follow one another together.
fn partly(
    lines: &Lines<'_>,
    chosen: &Chosen<'_>,
    file: &File<'_>,
    add: &mut impl FnMut(Range<usize>, String),
) {
    let mut run: Option<(Range<usize>, String)> = None;
    for hunk in file.hunks.clone() {
        let its = &chosen.patch.hunks[hunk];
        if chosen.fates[hunk] == Fate::Whole {
            if let Some((range, told)) = run.take() {
                add(range, told);
            }
            continue;
        }
        let told = told::hunk_told(lines, chosen, hunk);
        match &mut run {
            Some((range, before)) => {
                range.end = its.lines.end;
                before.push_str("; ");
                before.push_str(&told);
            }
            None => run = Some((its.lines.clone(), told)),
        }
    }
    if let Some((range, told)) = run {
        add(range, told);
    }
}

fn show(lines: &Lines<'_>, range: Range<usize>, out: &mut String) {
    for line in range {
        out.push_str(lines.get(line));
        out.push('\n');
    }
}

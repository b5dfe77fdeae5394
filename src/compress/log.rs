//! Logs: what failed, what is rare, where it begins and ends; the rest as patterns with counts.
//!
//! *Invariant:* every shown line is a line of the log; each gap says how many
//! lines of which patterns are missing there.

use super::lines::signs::Sign;
use super::lines::{Digest, Lines, exact, pace, question, verify, write};
use super::{Allowance, Effort, Hint, Kind, Loss, Shortened};
use crate::marker::Markers;
use crate::refusal::Refusal;
use crate::units::Key;

/// Shortens `text`, or says why not.
///
/// # Errors
/// A [`Refusal`] when nothing may be left out and nothing repeats, when hardly two lines are alike, or
/// when the result would not be shorter.
pub fn compress(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    let shown = match allowance.loss {
        Loss::KeptUnder(key) => shorten(text, hint, allowance, key)?,
        Loss::Nothing => None,
    };
    let (text, left_out) = exact::unless_worth_it_asked(text, hint.query, shown)?;
    let compressor = if left_out { "log-patterns" } else { "lines-exact" };
    Ok(Shortened { text, kind: Kind::Log, compressor, left_out })
}

/// What of `text` is shown; `None` when that is not shorter.
pub(super) fn shorten(
    text: &str,
    hint: &Hint<'_>,
    allowance: &Allowance<'_>,
    key: &Key,
) -> Result<Option<String>, Refusal> {
    let lines = Lines::of(text).ok_or(Refusal::OverBudget)?;
    let Some(digest) = Digest::of(&lines) else { return Ok(None) };
    // Generously at first: what fits is shown. Only where that would be much is less shown.
    let measures = Measure::of(allowance.effort, hint);
    let mut keep = Vec::new();
    let trouble: usize = (0..lines.len())
        .filter(|&line| digest.signs[line].is_trouble())
        .map(|line| lines.get(line).len())
        .sum();
    for (measure, part) in measures.iter().zip(PARTS) {
        // Where errors are a small part of a text, they are what is asked about.
        let errors = if trouble * TROUBLE <= text.len() { measures[0].errors } else { measure.errors };
        keep = choose(&digest, hint, &Measure { errors, ..*measure });
        if fits(&lines, &keep, part) {
            break;
        }
    }
    let shown = digest.write(
        &keep,
        LEAST,
        &mut Markers::of_part(key, allowance.part.lines_before, allowance.part.key_named),
        |_| Vec::new(),
        |_| false,
    );
    if text.len() <= shown.len() {
        return Ok(None);
    }
    if !verify::in_order(&lines, &shown) {
        return Err(Refusal::NotVerified);
    }
    Ok(Some(shown))
}

/// A pattern gets a legend when it lost so many lines.
const LEAST: u32 = 3;

/// What is shown of a log by each measure fits when it is one part of so many of its bytes.
const PARTS: [usize; 4] = [7, 6, 4, 1];

/// Lines that speak of errors are a small part of a text when they are one in so many of its bytes.
const TROUBLE: usize = 6;

/// One line in so many of a pattern, and two more, may be shown for being odd.
const ODD_OF: usize = 8;

/// True when the kept lines are few enough to leave it at that.
fn fits(lines: &Lines<'_>, keep: &[bool], part: usize) -> bool {
    let kept: usize = (0..keep.len()).filter(|&line| keep[line]).map(|line| lines.get(line).len() + 1).sum();
    kept * part <= lines.text().len()
}

/// How much is kept of each thing.
#[derive(Clone, Copy)]
struct Measure {
    /// Lines at the start.
    head: usize,
    /// Lines at the end.
    tail: usize,
    /// Lines of context on each side of an error.
    around: usize,
    /// A pattern of so many lines or fewer is shown whole.
    rare: u32,
    /// A pattern of warnings of so many lines or fewer is shown whole.
    warnings: u32,
    /// A pattern of errors of so many lines or fewer is shown whole.
    errors: u32,
    /// Lines of odd values that one pattern shows.
    odd: usize,
    /// Lines that match the question.
    asked: usize,
}

impl Measure {
    /// From the most generous measure to the tightest.
    fn of(effort: Effort, hint: &Hint<'_>) -> Vec<Measure> {
        let all = [
            Measure { head: 5, tail: 12, around: 2, rare: 5, warnings: 12, errors: 48, odd: 48, asked: 32 },
            Measure { head: 4, tail: 8, around: 2, rare: 3, warnings: 6, errors: 32, odd: 24, asked: 24 },
            Measure { head: 3, tail: 6, around: 1, rare: 3, warnings: 3, errors: 20, odd: 12, asked: 16 },
            Measure { head: 2, tail: 4, around: 1, rare: 2, warnings: 2, errors: 16, odd: 6, asked: 12 },
            Measure { head: 1, tail: 3, around: 0, rare: 1, warnings: 1, errors: 4, odd: 4, asked: 8 },
        ];
        let measures = match effort {
            Effort::Balanced => &all[..4],
            Effort::Aggressive => &all[2..],
        };
        // A command that failed says why at its end.
        let more = if hint.failed { 2 } else { 1 };
        let more = |measure: &Measure| Measure {
            tail: measure.tail * more,
            errors: measure.errors * more as u32,
            ..*measure
        };
        measures.iter().map(more).collect()
    }
}

/// Which lines are shown.
fn choose(digest: &Digest<'_>, hint: &Hint<'_>, measure: &Measure) -> Vec<bool> {
    let count = digest.lines.len();
    let mut keep = vec![false; count];
    for (pattern, entry) in digest.patterns.list.iter().enumerate() {
        let its = digest.members.of(pattern);
        let most = match entry.sign {
            Sign::Error | Sign::Fatal => measure.errors,
            Sign::Warning => measure.warnings,
            Sign::Mention | Sign::Plain => measure.rare,
        };
        if entry.count <= most {
            its.iter().for_each(|&line| keep[line as usize] = true);
        } else {
            let begins = if Sign::Mention <= entry.sign { 2 } else { 1 };
            its[..begins].iter().chain(its.last()).for_each(|&line| keep[line as usize] = true);
        }
        if let Some(detail) = &digest.details[pattern] {
            detail
                .odd
                .iter()
                .take(measure.odd.min(its.len() / ODD_OF + 2))
                .for_each(|&line| keep[line as usize] = true);
        }
    }
    // Frames are chosen by their trace alone; messages above and below them are lines like any other.
    for frames in &digest.framed {
        keep[frames.clone()].fill(true);
    }
    for (before, after) in pace::gaps(digest.lines, &digest.patterns.cuts) {
        keep[before as usize] = true;
        keep[after as usize] = true;
    }
    for line in question::matching(digest.lines, hint.query, measure.asked) {
        keep[line as usize] = true;
    }
    for fold in &digest.folds {
        keep[fold.lines().clone()].fill(false);
    }
    let chosen: Vec<usize> =
        (0..count).filter(|&line| keep[line] && Sign::Warning <= digest.signs[line]).collect();
    for line in chosen {
        // What stands round the third of its kind stood round the first two.
        let its = digest.members.of(digest.patterns.of_line[line] as usize);
        if !its[..its.len().min(2)].contains(&(line as u32)) {
            continue;
        }
        let around = if digest.signs[line].is_trouble() { measure.around } else { measure.around / 2 };
        digest.show_around(&mut keep, line, around, around);
    }
    keep[..measure.head.min(count)].fill(true);
    keep[count - measure.tail.min(count)..].fill(true);
    write::close_small_gaps(digest.lines, &mut keep);
    keep
}

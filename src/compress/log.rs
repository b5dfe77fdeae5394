//! Logs: what failed, what is rare, where it begins and ends; the rest as patterns with counts.
//!
//! *Invariant:* every shown line is a line of the log; each gap says how many
//! lines of which patterns are missing there.

use super::lines::signs::Sign;
use super::lines::{Digest, Lines, question, verify, write};
use super::{Allowance, Effort, Hint, Kind, Loss, Shortened};
use crate::marker::Markers;
use crate::refusal::Refusal;

/// Shortens `text`, or says why not.
///
/// # Errors
/// A [`Refusal`] when nothing may be left out and nothing repeats, when hardly two lines are alike, or
/// when the result would not be shorter.
pub fn compress(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    let Loss::KeptUnder(key) = allowance.loss else { return Err(Refusal::NoGain) };
    let lines = Lines::of(text).ok_or(Refusal::OverBudget)?;
    let digest = Digest::of(&lines).ok_or(Refusal::NoGain)?;
    let keep = choose(&digest, hint, &Measure::of(allowance.effort, hint));
    let shown = digest.write(&keep, LEAST, &mut Markers::of(key), |_| Vec::new(), |_| false);
    if text.len() <= shown.len() {
        return Err(Refusal::NoGain);
    }
    if !verify::in_order(&lines, &shown) {
        return Err(Refusal::NotVerified);
    }
    Ok(Shortened { text: shown, kind: Kind::Log, compressor: "log-patterns", left_out: true })
}

/// A pattern gets a legend when it lost so many lines.
const LEAST: u32 = 3;

/// How much is kept of each thing.
struct Measure {
    /// Lines at the start.
    head: usize,
    /// Lines at the end.
    tail: usize,
    /// Lines of context on each side of an error.
    around: usize,
    /// A pattern of so many lines or fewer is shown whole.
    rare: u32,
    /// A pattern of errors of so many lines or fewer is shown whole.
    errors: u32,
    /// Lines that match the question.
    asked: usize,
}

impl Measure {
    fn of(effort: Effort, hint: &Hint<'_>) -> Measure {
        let mut measure = match effort {
            Effort::Balanced => Measure { head: 3, tail: 6, around: 2, rare: 3, errors: 12, asked: 12 },
            Effort::Aggressive => Measure { head: 1, tail: 3, around: 1, rare: 2, errors: 4, asked: 8 },
        };
        if hint.failed {
            measure.tail *= 2;
            measure.errors *= 2;
        }
        measure
    }
}

/// Which lines are shown.
fn choose(digest: &Digest<'_>, hint: &Hint<'_>, measure: &Measure) -> Vec<bool> {
    let count = digest.lines.len();
    let mut keep = vec![false; count];
    for (pattern, entry) in digest.patterns.list.iter().enumerate() {
        let its = digest.members.of(pattern);
        let most = if entry.sign.is_trouble() { measure.errors } else { measure.rare };
        if entry.count <= most {
            its.iter().for_each(|&line| keep[line as usize] = true);
        } else {
            let begins = if Sign::Mention <= entry.sign { 2 } else { 1 };
            its[..begins].iter().chain(its.last()).for_each(|&line| keep[line as usize] = true);
        }
        if let Some(detail) = &digest.details[pattern] {
            detail.odd.iter().for_each(|&line| keep[line as usize] = true);
        }
    }
    // Frames are chosen by their trace alone; messages above and below them are lines like any other.
    for frames in &digest.framed {
        keep[frames.clone()].fill(true);
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
        let around = if digest.signs[line].is_trouble() { measure.around } else { measure.around / 2 };
        digest.show_around(&mut keep, line, around, around);
    }
    keep[..measure.head.min(count)].fill(true);
    keep[count - measure.tail.min(count)..].fill(true);
    write::close_small_gaps(digest.lines, &mut keep);
    keep
}

//! Logs: what failed, what is rare, where it begins and ends; the rest as patterns with counts.
//!
//! *Invariant:* every shown line is a line of the log; each gap says how many
//! lines of which patterns are missing there.

use super::lines::pattern::{Members, Patterns};
use super::lines::signs::{self, Sign};
use super::lines::slots::{self, Detail};
use super::lines::trace::{self, Fold};
use super::lines::{Lines, question, verify, write};
use super::{Allowance, Effort, Hint, Kind, Loss, Shortened};
use crate::marker::Markers;
use crate::refusal::Refusal;
use crate::text::counted;
use std::ops::Range;

/// Shortens `text`, or says why not.
///
/// # Errors
/// A [`Refusal`] when nothing may be left out and nothing repeats, when hardly two lines are alike, or
/// when the result would not be shorter.
pub fn compress(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    let Loss::KeptUnder(key) = allowance.loss else { return Err(Refusal::NoGain) };
    let lines = Lines::of(text).ok_or(Refusal::OverBudget)?;
    let digest = Digest::of(&lines).ok_or(Refusal::NoGain)?;
    let keep = digest.choose(hint, Measure::of(allowance.effort, hint));
    let shown = digest.write(&keep, &mut Markers::of(key));
    if text.len() <= shown.len() {
        return Err(Refusal::NoGain);
    }
    if !verify::in_order(&lines, &shown) {
        return Err(Refusal::NotVerified);
    }
    Ok(Shortened { text: shown, kind: Kind::Log, compressor: "log-patterns", left_out: true })
}

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

/// A log, looked at.
struct Digest<'a> {
    lines: &'a Lines<'a>,
    signs: Vec<Sign>,
    patterns: Patterns,
    members: Members,
    /// The patterns of more than a few lines, looked at closely.
    details: Vec<Option<Detail>>,
    folds: Vec<Fold>,
    /// Lines that are frames of a stack trace.
    framed: Vec<Range<usize>>,
}

impl<'a> Digest<'a> {
    fn of(lines: &'a Lines<'a>) -> Option<Digest<'a>> {
        let signs: Vec<Sign> = lines.iter().map(signs::of).collect();
        let patterns = Patterns::of(lines, &signs)?;
        let members = patterns.members();
        let details = (0..patterns.list.len())
            .map(|pattern| {
                let its = members.of(pattern);
                (3 < its.len()).then(|| slots::detail(lines, its))
            })
            .collect();
        let traces = trace::find(lines);
        let folds = trace::folds(lines, &traces);
        let framed = traces.into_iter().map(|trace| trace.lines).collect();
        Some(Digest { lines, signs, patterns, members, details, folds, framed })
    }

    /// Which lines are shown.
    fn choose(&self, hint: &Hint<'_>, measure: Measure) -> Vec<bool> {
        let count = self.lines.len();
        let mut keep = vec![false; count];
        for (pattern, entry) in self.patterns.list.iter().enumerate() {
            let its = self.members.of(pattern);
            let most = if entry.sign.is_trouble() { measure.errors } else { measure.rare };
            if entry.count <= most {
                its.iter().for_each(|&line| keep[line as usize] = true);
            } else {
                let begins = if Sign::Mention <= entry.sign { 2 } else { 1 };
                its[..begins].iter().chain(its.last()).for_each(|&line| keep[line as usize] = true);
            }
            if let Some(detail) = &self.details[pattern] {
                detail.odd.iter().for_each(|&line| keep[line as usize] = true);
            }
        }
        // Frames are chosen by their trace alone; messages above and below them are lines like any other.
        for frames in &self.framed {
            keep[frames.clone()].fill(true);
        }
        for line in question::matching(self.lines, hint.query, measure.asked) {
            keep[line as usize] = true;
        }
        for fold in &self.folds {
            keep[fold.lines().clone()].fill(false);
        }
        let chosen: Vec<usize> =
            (0..count).filter(|&line| keep[line] && Sign::Warning <= self.signs[line]).collect();
        for line in chosen {
            let around = if self.signs[line].is_trouble() { measure.around } else { measure.around / 2 };
            let near = line.saturating_sub(around)..count.min(line + around + 1);
            for (kept, at) in keep[near.clone()].iter_mut().zip(near) {
                *kept |= !self.folded(at);
            }
        }
        keep[..measure.head.min(count)].fill(true);
        keep[count - measure.tail.min(count)..].fill(true);
        write::close_small_gaps(self.lines, &mut keep);
        keep
    }

    fn folded(&self, line: usize) -> bool {
        let at = self.folds.partition_point(|fold| fold.lines().end <= line);
        self.folds.get(at).is_some_and(|fold| fold.lines().contains(&line))
    }

    fn write(&self, keep: &[bool], markers: &mut Markers<'_>) -> String {
        // Patterns that lost a line outside of traces get a number, in the order of their first line.
        let mut names: Vec<Option<u32>> = vec![None; self.patterns.list.len()];
        for (line, kept) in keep.iter().enumerate() {
            if !kept && !self.folded(line) {
                names[self.patterns.of_line[line] as usize] = Some(0);
            }
        }
        let mut legends = Vec::new();
        for (pattern, name) in names.iter_mut().enumerate().filter(|(_, name)| name.is_some()) {
            let Some(detail) = &self.details[pattern] else {
                *name = None;
                continue;
            };
            *name = Some(legends.len() as u32 + 1);
            let number = legends.len() + 1;
            legends.push(format!(
                "#{number} is {} like: {}",
                counted(self.members.of(pattern).len(), "line"),
                detail.text
            ));
        }
        write::write(self.lines, keep, &legends, markers, |gap| self.describe(gap, &names))
    }

    /// Says what stands in a gap: so many of each pattern, so many frames.
    fn describe(&self, gap: Range<usize>, names: &[Option<u32>]) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut counts: Vec<(u32, usize)> = Vec::new();
        let mut others = 0;
        let mut line = gap.start;
        while line < gap.end {
            let at = self.folds.partition_point(|fold| fold.lines().end <= line);
            match self.folds.get(at).filter(|fold| fold.lines().contains(&line)) {
                Some(Fold::SameAs { lines, first }) => {
                    parts.push(format!("the same stack frames as at line {}", first + 1));
                    line = lines.end;
                }
                Some(Fold::Middle { lines, frames }) => {
                    parts.push(format!("{} of libraries", counted(*frames, "frame")));
                    line = lines.end;
                }
                None => {
                    match names[self.patterns.of_line[line] as usize] {
                        Some(name) => match counts.iter_mut().find(|(its, _)| *its == name) {
                            Some((_, count)) => *count += 1,
                            None => counts.push((name, 1)),
                        },
                        None => others += 1,
                    }
                    line += 1;
                }
            }
        }
        counts.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(&right.0)));
        parts.extend(counts.iter().map(|(name, count)| format!("{count} like #{name}")));
        if others != 0 && !parts.is_empty() {
            parts.push(format!("{others} others"));
        }
        parts.join(", ")
    }
}

//! A text, looked at line by line: signs, patterns, what varies in them, traces.
//!
//! Which lines are shown is chosen elsewhere; here they are written, with a
//! legend of the patterns that lost lines and a marker at every gap.

use super::fold::{self, Ends, Fold};
use super::pattern::{Members, Patterns};
use super::signs::Sign;
use super::slots::{self, Detail};
use super::trace;
use super::{Lines, write};
use crate::marker::Markers;
use crate::text::counted;
use std::ops::Range;

/// A pattern of this many lines or fewer is not looked at closely and gets no legend.
pub const FEW: usize = 3;

/// Patterns that get a legend at most …
const LEGENDS: usize = 40;
/// … and the part of all lines left out, one in so many, that one of them must have lost.
const LEGENDS_OF: u32 = 400;

/// Patterns that one marker counts by name; the rest are counted together.
const NAMED: usize = 8;

/// A text, looked at.
#[derive(Debug)]
pub struct Digest<'a> {
    /// The lines.
    pub lines: &'a Lines<'a>,
    /// What each line speaks of.
    pub signs: Vec<Sign>,
    /// Which lines are alike.
    pub patterns: Patterns,
    /// The lines of each pattern.
    pub members: Members,
    /// The patterns of more than [`FEW`] lines, looked at closely.
    pub details: Vec<Option<Detail>>,
    /// What of stack traces need not be shown.
    pub folds: Vec<Fold>,
    /// Runs of lines that are frames of stack traces.
    pub framed: Vec<Range<usize>>,
}

impl<'a> Digest<'a> {
    /// Looks at `lines`. `None` when hardly two of very many lines are alike.
    pub fn of(lines: &'a Lines<'a>) -> Option<Digest<'a>> {
        let mut patterns = Patterns::of(lines)?;
        let signs = std::mem::take(&mut patterns.signs);
        let members = patterns.members();
        let details = (0..patterns.list.len())
            .map(|pattern| {
                let its = members.of(pattern);
                (FEW < its.len()).then(|| slots::detail(lines, &patterns.cuts, its, &patterns.list[pattern]))
            })
            .collect();
        let traces = trace::find(lines);
        let folds = fold::folds(lines, &traces, &Ends::AMONG_LINES, |_| false);
        let framed = traces.into_iter().map(|trace| trace.lines).collect();
        Some(Digest { lines, signs, patterns, members, details, folds, framed })
    }

    /// True for a frame that need not be shown.
    pub fn folded(&self, line: usize) -> bool {
        let at = self.folds.partition_point(|fold| fold.lines().end <= line);
        self.folds.get(at).is_some_and(|fold| fold.lines().contains(&line))
    }

    /// Shows `around` lines on both sides of `line`, but for folded frames.
    pub fn show_around(&self, keep: &mut [bool], line: usize, before: usize, after: usize) {
        let near = line.saturating_sub(before)..keep.len().min(line + after + 1);
        for (kept, at) in keep[near.clone()].iter_mut().zip(near) {
            *kept |= !self.folded(at);
        }
    }

    /// Writes the kept lines, the legend and the markers.
    ///
    /// `told` says of a gap what its caller knows better, `covered` which lines that is true of. A pattern
    /// gets a legend when it lost `least` other lines or more.
    pub fn write(
        &self,
        keep: &[bool],
        least: u32,
        markers: &mut Markers<'_>,
        told: impl Fn(Range<usize>) -> Vec<String>,
        covered: impl Fn(usize) -> bool,
    ) -> String {
        let mut lost = vec![0_u32; self.patterns.list.len()];
        for (line, kept) in keep.iter().enumerate() {
            if !kept && !self.folded(line) && !covered(line) {
                lost[self.patterns.of_line[line] as usize] += 1;
            }
        }
        // A legend is paid for by the lines that it speaks for.
        let all: u32 = lost.iter().sum();
        let mut by_lost: Vec<usize> =
            (0..lost.len()).filter(|&pattern| least.max(all / LEGENDS_OF) <= lost[pattern]).collect();
        by_lost.sort_by_key(|&pattern| (std::cmp::Reverse(lost[pattern]), pattern));
        by_lost.truncate(LEGENDS);
        by_lost.sort_unstable();
        // The patterns are numbered in the order of their first line.
        let mut names: Vec<Option<u32>> = vec![None; self.patterns.list.len()];
        let mut legends = Vec::new();
        for pattern in by_lost {
            let name = &mut names[pattern];
            if let Some(detail) =
                self.details[pattern].as_ref().filter(|detail| detail.text.contains(char::is_alphanumeric))
            {
                let number = legends.len() + 1;
                *name = Some(number as u32);
                let count = counted(self.members.of(pattern).len(), "line");
                legends.push(format!("#{number} is {count} like: {}", detail.text));
            }
        }
        write::write(self.lines, keep, &legends, markers, |gap| {
            let mut parts = told(gap.clone());
            parts.extend(self.tell(gap, &names, &covered));
            parts.join(", ")
        })
    }

    /// Says what stands in a gap: so many of each pattern, so many frames.
    fn tell(
        &self,
        gap: Range<usize>,
        names: &[Option<u32>],
        covered: &impl Fn(usize) -> bool,
    ) -> Vec<String> {
        let mut parts: Vec<String> = Vec::new();
        let mut counts: Vec<(u32, usize)> = Vec::new();
        let mut others = 0;
        let mut line = gap.start;
        while line < gap.end {
            if covered(line) {
                line += 1;
                continue;
            }
            let at = self.folds.partition_point(|fold| fold.lines().end <= line);
            match self.folds.get(at).filter(|fold| fold.lines().contains(&line)) {
                Some(fold) => {
                    parts.push(fold.told(|line| line + 1));
                    line = fold.lines().end;
                    continue;
                }
                None => match names[self.patterns.of_line[line] as usize] {
                    Some(name) => match counts.iter_mut().find(|(its, _)| *its == name) {
                        Some((_, count)) => *count += 1,
                        None => counts.push((name, 1)),
                    },
                    None => others += 1,
                },
            }
            line += 1;
        }
        counts.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(&right.0)));
        for (name, count) in counts.iter().take(NAMED) {
            parts.push(format!("{count} like #{name}"));
        }
        others += counts.iter().skip(NAMED).map(|(_, count)| count).sum::<usize>();
        if others != 0 && !parts.is_empty() {
            parts.push(counted(others, "other"));
        }
        parts
    }
}

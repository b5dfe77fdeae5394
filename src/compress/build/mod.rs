//! Builds and tests: what failed and why, what was warned of, the results; progress and passed tests in a line.
//!
//! *Invariant:* a line that names a failure or says an error is shown; only its
//! exact repetitions are not. *Invariant:* every shown line is a line of the
//! text; each gap says what is missing there.

mod passed;
mod signs;

use super::lines::signs::Sign;
use super::lines::{Digest, Lines, question, verify, write};
use super::{Allowance, Effort, Hint, Kind, Loss, Shortened};
use crate::marker::Markers;
use crate::refusal::Refusal;
use crate::text::counted;
use signs::{Role, Told};
use std::collections::HashMap;
use std::ops::Range;

/// Passed tests are named up to so many; above that they are counted.
const NAMED: usize = 200;

/// Shortens `text`, or says why not.
///
/// # Errors
/// A [`Refusal`] when nothing may be left out, or when the result would not be shorter.
pub fn compress(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    let Loss::KeptUnder(key) = allowance.loss else { return Err(Refusal::NoGain) };
    let lines = Lines::of(text).ok_or(Refusal::OverBudget)?;
    let digest = Digest::of(&lines).ok_or(Refusal::NoGain)?;
    let report = Report::of(&digest);
    let keep = report.choose(hint, &Measure::of(allowance.effort, hint));
    let named = report.passed() <= NAMED;
    let shown = digest.write(
        &keep,
        &mut Markers::of(key),
        |gap| report.describe(gap, named),
        |line| {
            report.told[line]
                .is_some_and(|told| matches!(told.role, Role::Passed | Role::Skipped | Role::Progress))
        },
    );
    if text.len() <= shown.len() {
        return Err(Refusal::NoGain);
    }
    if !verify::in_order(&lines, &shown) {
        return Err(Refusal::NotVerified);
    }
    Ok(Shortened { text: shown, kind: Kind::Build, compressor: "build-report", left_out: true })
}

/// How much is kept of each thing.
struct Measure {
    /// Lines at the start.
    head: usize,
    /// Lines at the end.
    tail: usize,
    /// Lines before and after an error of a new pattern.
    wide: (usize, usize),
    /// Lines before and after an error that is like one before.
    narrow: (usize, usize),
    /// Errors of a pattern that count as new.
    new: u32,
    /// Warnings of a pattern that are shown.
    warnings: u32,
    /// A pattern of so many plain lines or fewer is shown whole.
    rare: u32,
    /// Lines that match the question.
    asked: usize,
}

impl Measure {
    fn of(effort: Effort, hint: &Hint<'_>) -> Measure {
        let mut measure = match effort {
            Effort::Balanced => Measure {
                head: 5,
                tail: 10,
                wide: (8, 6),
                narrow: (1, 1),
                new: 2,
                warnings: 2,
                rare: 3,
                asked: 12,
            },
            Effort::Aggressive => Measure {
                head: 2,
                tail: 6,
                wide: (4, 3),
                narrow: (0, 0),
                new: 1,
                warnings: 1,
                rare: 1,
                asked: 8,
            },
        };
        if hint.failed {
            measure.tail += measure.tail / 2;
            measure.wide = (measure.wide.0 + 4, measure.wide.1 + 4);
        }
        measure
    }
}

/// The output of a tool, line by line.
struct Report<'a> {
    digest: &'a Digest<'a>,
    told: Vec<Option<Told>>,
    /// Lines inside of the report of one failure (or, among the passes, of one test's output).
    reported: Vec<bool>,
}

impl<'a> Report<'a> {
    fn of(digest: &'a Digest<'a>) -> Report<'a> {
        let told: Vec<Option<Told>> = digest.lines.iter().map(signs::of).collect();
        let mut inside = false;
        let reported = told
            .iter()
            .map(|told| {
                match told.map(|told| told.role) {
                    Some(Role::Report) => inside = true,
                    Some(Role::Heading | Role::Summary) => inside = false,
                    _ => {}
                }
                inside
            })
            .collect();
        Report { digest, told, reported }
    }

    fn role(&self, line: usize) -> Option<Role> {
        self.told[line].map(|told| told.role)
    }

    fn passed(&self) -> usize {
        self.told.iter().flatten().filter(|told| told.role == Role::Passed).count()
    }

    /// Which lines are shown.
    fn choose(&self, hint: &Hint<'_>, measure: &Measure) -> Vec<bool> {
        let digest = self.digest;
        let count = digest.lines.len();
        let mut keep = vec![false; count];
        let mut seen: HashMap<&str, u32> = HashMap::new();
        let mut alike: HashMap<(u32, Role), u32> = HashMap::new();
        for line in 0..count {
            let pattern = digest.patterns.of_line[line];
            let role = self.role(line);
            match role {
                Some(Role::Failed | Role::Error) => {
                    // Said twice word for word is said once; failures name their tests and are all shown.
                    let before = seen.entry(digest.lines.get(line)).or_default();
                    *before += 1;
                    if role == Some(Role::Error) && 2 < *before {
                        continue;
                    }
                    keep[line] = true;
                    if role == Some(Role::Error) {
                        let like = alike.entry((pattern, Role::Error)).or_default();
                        *like += 1;
                        let (before, after) =
                            if *like <= measure.new { measure.wide } else { measure.narrow };
                        digest.show_around(&mut keep, line, before, after);
                    }
                }
                Some(Role::Report | Role::Summary | Role::Heading | Role::Place) => keep[line] = true,
                Some(Role::Warning) => {
                    let like = alike.entry((pattern, Role::Warning)).or_default();
                    *like += 1;
                    if *like <= measure.warnings {
                        digest.show_around(&mut keep, line, 0, 5);
                    }
                }
                Some(Role::Passed | Role::Skipped | Role::Progress) => {}
                None => {
                    let rare = digest.patterns.list[pattern as usize].count <= measure.rare;
                    let trouble = digest.signs[line].is_trouble();
                    keep[line] |= !self.reported[line] && rare || trouble && self.is_new(line, &mut seen);
                }
            }
        }
        self.ends_of_patterns(&mut keep);
        for line in question::matching(digest.lines, hint.query, measure.asked) {
            keep[line as usize] = true;
        }
        for fold in &digest.folds {
            for line in fold.lines().clone() {
                keep[line] &= matches!(self.role(line), Some(Role::Failed | Role::Error)) && keep[line];
            }
        }
        keep[..measure.head.min(count)].fill(true);
        keep[count - measure.tail.min(count)..].fill(true);
        write::close_small_gaps(digest.lines, &mut keep);
        keep
    }

    /// The first and last line of each pattern of plain lines outside of reports.
    fn ends_of_patterns(&self, keep: &mut [bool]) {
        for (pattern, entry) in self.digest.patterns.list.iter().enumerate() {
            let plain = |line: u32| self.told[line as usize].is_none() && !self.reported[line as usize];
            let its = self.digest.members.of(pattern);
            let ends = [
                its.iter().copied().find(|&line| plain(line)),
                its.iter().copied().rev().find(|&line| plain(line)),
            ];
            ends.into_iter().flatten().for_each(|line| keep[line as usize] = true);
            if let Some(detail) = &self.digest.details[pattern]
                && Sign::Plain <= entry.sign
            {
                detail.odd.iter().filter(|&&line| plain(line)).for_each(|&line| keep[line as usize] = true);
            }
        }
    }

    fn is_new<'l>(&self, line: usize, seen: &mut HashMap<&'l str, u32>) -> bool
    where
        'a: 'l,
    {
        let before = seen.entry(self.digest.lines.get(line)).or_default();
        *before += 1;
        *before <= 2
    }

    /// Says which tests passed in a gap, and what was being done.
    fn describe(&self, gap: Range<usize>, named: bool) -> Vec<String> {
        let mut parts = Vec::new();
        for (role, word) in [(Role::Passed, "passed"), (Role::Skipped, "skipped")] {
            let its: Vec<(usize, Told)> = gap
                .clone()
                .filter_map(|line| self.told[line].filter(|told| told.role == role).map(|told| (line, told)))
                .collect();
            if its.is_empty() {
                continue;
            }
            let mut part = format!("{} {word}", counted(its.len(), "test"));
            if named {
                let names = its.iter().map(|(line, told)| {
                    passed::name(&self.digest.lines.get(*line)[told.about.0 as usize..told.about.1 as usize])
                });
                part.push_str(": ");
                part.push_str(&passed::listed(names));
            }
            parts.push(part);
        }
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for told in self.told[gap].iter().flatten().filter(|told| told.role == Role::Progress) {
            match counts.iter_mut().find(|(word, _)| *word == told.word) {
                Some((_, count)) => *count += 1,
                None => counts.push((told.word, 1)),
            }
        }
        parts.extend(counts.iter().map(|(word, count)| format!("{count} × `{word}`")));
        parts
    }
}

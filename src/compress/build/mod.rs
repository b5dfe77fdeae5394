//! Builds and tests: what failed and why, what was warned of, the results; progress and passed tests in a line.
//!
//! *Invariant:* a line that names a failure or says an error is shown; only its
//! exact repetitions are not. *Invariant:* every shown line is a line of the
//! text; each gap says what is missing there.

mod passed;
mod signs;

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
    let output = Output::of(&digest);
    let keep = output.choose(hint, &Measure::of(allowance.effort, hint));
    let named = output.passed() <= NAMED;
    let shown = digest.write(
        &keep,
        LEAST,
        &mut Markers::of(key),
        |gap| output.describe(gap, named),
        |line| output.reported[line].is_some() || output.role(line).is_some_and(Role::is_quiet),
    );
    if text.len() <= shown.len() {
        return Err(Refusal::NoGain);
    }
    if !verify::in_order(&lines, &shown) {
        return Err(Refusal::NotVerified);
    }
    Ok(Shortened { text: shown, kind: Kind::Build, compressor: "build-report", left_out: true })
}

/// A pattern gets a legend when it lost so many lines.
const LEAST: u32 = 6;
/// A report of so many lines or fewer is shown whole, when it is among the first.
const SHORT: usize = 60;

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
    /// Reports that are shown whole.
    reports: usize,
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
                reports: 3,
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
                reports: 1,
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
struct Output<'a> {
    digest: &'a Digest<'a>,
    told: Vec<Option<Told>>,
    /// The reports of single failures (or, among the passes, of one test's output).
    reports: Vec<Report>,
    /// Which report a line stands in.
    reported: Vec<Option<u32>>,
}

/// The report of one failure.
struct Report {
    lines: Range<usize>,
    /// The report that said the same errors first.
    like: Option<u32>,
}

impl<'a> Output<'a> {
    fn of(digest: &'a Digest<'a>) -> Output<'a> {
        let mut told: Vec<Option<Told>> = digest.lines.iter().map(signs::of).collect();
        name_results(digest.lines, &mut told);
        let mut reports: Vec<Report> = Vec::new();
        let mut reported = vec![None; told.len()];
        let mut inside = false;
        for (line, its) in told.iter().enumerate() {
            match its.map(|told| told.role) {
                Some(Role::Report) => {
                    inside = true;
                    reports.push(Report { lines: line..line, like: None });
                }
                Some(Role::Heading | Role::Summary) => inside = false,
                _ => {}
            }
            if let Some(last) = reports.last_mut().filter(|_| inside) {
                last.lines.end = line + 1;
                reported[line] = Some(reports.len() as u32 - 1);
            }
        }
        let mut output = Output { digest, told, reports, reported };
        output.compare_reports();
        output
    }

    /// Finds reports that say nothing that two others have not said before, word for word.
    fn compare_reports(&mut self) {
        let mut seen: HashMap<Vec<&str>, (u32, u32)> = HashMap::new();
        for report in 0..self.reports.len() {
            let lines = self.reports[report].lines.clone();
            let errors: Vec<&str> = lines
                .filter(|&line| self.role(line) == Some(Role::Error))
                .map(|line| self.digest.lines.get(line))
                .collect();
            let (first, count) = seen.entry(errors).or_insert((report as u32, 0));
            *count += 1;
            self.reports[report].like = (2 < *count).then_some(*first);
        }
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
            if self.reported[line].is_some_and(|report| self.reports[report as usize].like.is_some()) {
                continue;
            }
            match self.role(line) {
                // Failures name their tests: each is shown.
                Some(Role::Failed) => {
                    keep[line] = true;
                    self.show_around(&mut keep, line, (0, measure.wide.1));
                }
                Some(Role::Error) => {
                    // Said twice word for word is enough.
                    if !is_new(digest.lines.get(line), &mut seen) {
                        continue;
                    }
                    keep[line] = true;
                    let like = alike.entry((pattern, Role::Error)).or_default();
                    *like += 1;
                    self.show_around(
                        &mut keep,
                        line,
                        if *like <= measure.new { measure.wide } else { measure.narrow },
                    );
                }
                Some(Role::Report | Role::Summary | Role::Heading | Role::Place) => keep[line] = true,
                Some(Role::Warning) => {
                    let like = alike.entry((pattern, Role::Warning)).or_default();
                    *like += 1;
                    if *like <= measure.warnings {
                        keep[line] = true;
                        self.show_around(&mut keep, line, (0, 5));
                    }
                }
                Some(Role::Passed | Role::Skipped | Role::Progress) => {}
                None => {
                    let rare = digest.patterns.list[pattern as usize].count <= measure.rare;
                    let trouble = digest.signs[line].is_trouble();
                    keep[line] |= self.reported[line].is_none() && rare
                        || trouble && is_new(digest.lines.get(line), &mut seen);
                }
            }
        }
        let whole = self.reports.iter().filter(|report| report.like.is_none() && report.lines.len() <= SHORT);
        whole.take(measure.reports).for_each(|report| keep[report.lines.clone()].fill(true));
        self.ends_of_patterns(&mut keep);
        for line in question::matching(digest.lines, hint.query, measure.asked) {
            keep[line as usize] = true;
        }
        for fold in &digest.folds {
            for line in fold.lines().clone() {
                keep[line] &= matches!(self.role(line), Some(Role::Failed | Role::Error));
            }
        }
        keep[..measure.head.min(count)].fill(true);
        keep[count - measure.tail.min(count)..].fill(true);
        write::close_small_gaps(digest.lines, &mut keep);
        keep
    }

    /// Shows lines before and after `line`, but no passed tests and no progress.
    fn show_around(&self, keep: &mut [bool], line: usize, (before, after): (usize, usize)) {
        let near = line.saturating_sub(before)..keep.len().min(line + after + 1);
        for (kept, at) in keep[near.clone()].iter_mut().zip(near) {
            *kept |= !self.digest.folded(at) && !self.role(at).is_some_and(Role::is_quiet);
        }
    }

    /// The first and last line of each pattern of plain lines outside of reports, and its odd ones.
    fn ends_of_patterns(&self, keep: &mut [bool]) {
        let plain = |line: u32| self.told[line as usize].is_none() && self.reported[line as usize].is_none();
        for (pattern, detail) in self.digest.details.iter().enumerate() {
            let its = self.digest.members.of(pattern);
            let first = its.iter().copied().find(|&line| plain(line));
            let last = its.iter().copied().rev().find(|&line| plain(line));
            let odd = detail.iter().flat_map(|detail| detail.odd.iter().copied().filter(|&line| plain(line)));
            first.into_iter().chain(last).chain(odd).for_each(|line| keep[line as usize] = true);
        }
    }

    /// Says which reports, passed tests and doings are in a gap.
    fn describe(&self, gap: Range<usize>, named: bool) -> Vec<String> {
        let mut parts = self.describe_reports(gap.clone());
        for (role, word) in [(Role::Passed, "passed"), (Role::Skipped, "skipped")] {
            let names: Vec<&str> = gap
                .clone()
                .filter_map(|line| self.told[line].filter(|told| told.role == role).map(|told| (line, told)))
                .filter(|(_, told)| told.about.0 < told.about.1)
                .map(|(line, told)| {
                    passed::name(&self.digest.lines.get(line)[told.about.0 as usize..told.about.1 as usize])
                })
                .collect();
            if !names.is_empty() {
                let listed = if named { passed::listed(names.iter().copied()) } else { String::new() };
                let colon = if named { ": " } else { "" };
                parts.push(format!("{} {word}{colon}{listed}", counted(names.len(), "test")));
            }
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

    /// Reports that begin in the gap and say what others said: their names, and where the others are.
    fn describe_reports(&self, gap: Range<usize>) -> Vec<String> {
        let mut alike: Vec<(u32, Vec<&str>)> = Vec::new();
        let from = self.reports.partition_point(|report| report.lines.start < gap.start);
        for report in self.reports[from..].iter().take_while(|report| report.lines.start < gap.end) {
            let Some(first) = report.like else { continue };
            let title = self.digest.lines.get(report.lines.start);
            let title = title.trim_matches(|each: char| matches!(each, '_' | '=' | '-' | '●' | ' '));
            match alike.iter_mut().find(|(its, _)| *its == first) {
                Some((_, names)) => names.push(title),
                None => alike.push((first, vec![title])),
            }
        }
        alike
            .into_iter()
            .map(|(first, names)| {
                let line = self.reports[first as usize].lines.start + 1;
                let reports = counted(names.len(), "report");
                format!(
                    "{reports} with the same errors as at line {line}: {}",
                    passed::listed(names.into_iter())
                )
            })
            .collect()
    }
}

/// Gives a test's name on one line the result that stands on the next.
fn name_results(lines: &Lines<'_>, told: &mut [Option<Told>]) {
    for line in 1..told.len() {
        let before = lines.get(line - 1);
        if told[line - 1].is_none()
            && let Some(its) = &mut told[line]
            && matches!(its.role, Role::Passed | Role::Skipped | Role::Failed)
            && signs::is_name_of_next(before)
        {
            let named = Told { about: (0, before.len() as u32), ..*its };
            its.about = (0, 0);
            told[line - 1] = Some(named);
        }
    }
}

/// True the first two times that `line` is said.
fn is_new<'l>(line: &'l str, seen: &mut HashMap<&'l str, u32>) -> bool {
    let before = seen.entry(line).or_default();
    *before += 1;
    *before <= 2
}

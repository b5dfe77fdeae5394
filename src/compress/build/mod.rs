//! Builds and tests: what failed and why, what was warned of, the results; progress and passed tests in a line.
//!
//! *Invariant:* a line that names a failure or says an error is shown; only its
//! exact repetitions are not. *Invariant:* every shown line is a line of the
//! text; each gap says what is missing there.

mod passed;
mod signs;

use super::lines::{Digest, Lines, exact, question, verify, write};
use super::{Allowance, Effort, Hint, Kind, Loss, Shortened};
use crate::marker::Markers;
use crate::refusal::Refusal;
use crate::text::counted;
use crate::units::Key;
use signs::{Role, Told};
use std::collections::HashMap;
use std::ops::Range;

/// Passed tests are named up to so many; above that they are counted.
const NAMED: usize = 200;
/// The names of passed tests may be as long as this part of the text, or they are counted too.
const NAMED_PART: usize = 8;

/// Shortens `text`, or says why not.
///
/// # Errors
/// A [`Refusal`] when nothing may be left out, or when the result would not be shorter.
pub fn compress(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    let shown = match allowance.loss {
        Loss::KeptUnder(key) => shorten(text, hint, allowance, key)?,
        Loss::Nothing => None,
    };
    let (text, left_out) = exact::unless_worth_it(text, shown)?;
    let compressor = if left_out { "build-report" } else { "lines-exact" };
    Ok(Shortened { text, kind: Kind::Build, compressor, left_out })
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
    let output = Output::of(&digest);
    let keep = output.choose(hint, &Measure::of(allowance.effort, hint));
    let named = output.names_fit(text.len());
    let shown = digest.write(
        &keep,
        LEAST,
        &mut Markers::of_part(key, allowance.part.lines_before, allowance.part.key_named),
        |gap| output.describe(gap, named),
        |line| output.covers(line),
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
const LEAST: u32 = 6;
/// A report of so many lines or fewer is shown whole, when it is among the first.
const SHORT: usize = 60;

/// Lines of a compiler's message that are shown when it is new.
const LONGEST_MESSAGE: usize = 14;
/// Lines of one that are shown when it is like one before, or a warning: its place and the code.
const SHORT_MESSAGE: usize = 7;

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
                wide: (4, 4),
                narrow: (1, 1),
                new: 2,
                reports: 1,
                warnings: 2,
                rare: 3,
                asked: 12,
            },
            Effort::Aggressive => Measure {
                head: 2,
                tail: 6,
                wide: (2, 2),
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
    /// What tests that passed have printed.
    passes: Range<usize>,
    /// For each line, the line that begins the compiler's message it belongs to.
    message: Vec<u32>,
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
        let passes = passes(digest.lines, &told);
        let message = messages(digest.lines, &told);
        let mut output = Output { digest, told, reports, reported, passes, message };
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
            if errors.is_empty() {
                // Told by no error, it is read like any other lines.
                self.reported[self.reports[report].lines.clone()].fill(None);
                continue;
            }
            let (first, count) = seen.entry(errors).or_insert((report as u32, 0));
            *count += 1;
            self.reports[report].like = (2 < *count).then_some(*first);
        }
    }

    /// True for a line of which [`Output::describe`] tells, or of which there is nothing to tell.
    fn covers(&self, line: usize) -> bool {
        let within = self.message[line] as usize != line;
        let quiet = self.role(line).is_some_and(Role::is_quiet);
        within || quiet || self.reported[line].is_some() || self.passes.contains(&line)
    }

    fn role(&self, line: usize) -> Option<Role> {
        self.told[line].map(|told| told.role)
    }

    /// True when the passed tests are few enough to be named.
    fn names_fit(&self, length: usize) -> bool {
        let names: Vec<&str> = (0..self.told.len())
            .filter(|&line| self.role(line) == Some(Role::Passed))
            .map(|line| self.name(line))
            .collect();
        names.len() <= NAMED && passed::listed(names.into_iter()).len() * NAMED_PART <= length
    }

    /// The name of the test that a line speaks of; empty when its name stands on the line before.
    fn name(&self, line: usize) -> &'a str {
        let (from, to) = self.told[line].map_or((0, 0), |told| told.about);
        passed::name(&self.digest.lines.get(line)[from as usize..to as usize])
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
            if self.passes.contains(&line) {
                let said = self.role(line) == Some(Role::Error) || digest.signs[line].is_trouble();
                keep[line] |= said && is_new(digest.lines.get(line), &mut seen);
                continue;
            }
            // What belongs to a compiler's message is shown with it.
            let begins = self.message[line] as usize;
            if begins != line && matches!(self.role(begins), Some(Role::Error | Role::Warning)) {
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
                    let (before, after) = if *like <= measure.new { measure.wide } else { measure.narrow };
                    // A compiler's message is shown to its end when it is new, else with its place and code.
                    let message = self.message_from(line);
                    let after = match (message.len(), *like <= measure.new) {
                        (0..=1, _) => after,
                        (length, true) => length.min(LONGEST_MESSAGE) - 1,
                        (length, false) => length.min(SHORT_MESSAGE) - 1,
                    };
                    self.show_around(&mut keep, line, (if 1 < message.len() { 0 } else { before }, after));
                }
                Some(Role::Report | Role::Summary | Role::Heading | Role::Place) => keep[line] = true,
                Some(Role::Warning) => {
                    let like = alike.entry((pattern, Role::Warning)).or_default();
                    *like += 1;
                    if *like <= measure.warnings {
                        keep[line] = true;
                        let after = self.message_from(line).len().clamp(1, SHORT_MESSAGE) - 1;
                        self.show_around(&mut keep, line, (0, after));
                    }
                }
                Some(Role::Passed | Role::Skipped | Role::Progress) => {}
                None => {
                    let rare = digest.patterns.list[pattern as usize].count <= measure.rare;
                    let trouble = digest.signs[line].is_trouble();
                    // In a report, what is indented is source code: it may well speak of errors.
                    let said =
                        self.reported[line].is_none() || !digest.lines.get(line).starts_with([' ', '\t']);
                    keep[line] |= self.reported[line].is_none() && rare
                        || trouble && said && is_new(digest.lines.get(line), &mut seen);
                }
            }
        }
        let whole = self.reports.iter().filter(|report| {
            let passed = self.passes.contains(&report.lines.start);
            report.like.is_none() && report.lines.len() <= SHORT && !passed
        });
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
        // The ends are shown, but for tests that passed and progress: these are told in the gap.
        for line in (0..measure.head.min(count)).chain(count - measure.tail.min(count)..count) {
            keep[line] |= !self.role(line).is_some_and(Role::is_quiet);
        }
        write::close_small_gaps(digest.lines, &mut keep);
        keep
    }

    /// The lines of the compiler's message that begins at `line`.
    fn message_from(&self, line: usize) -> Range<usize> {
        let more = self.message[line..].iter().take_while(|&&begins| begins as usize == line).count();
        line..line + more.max(1)
    }

    /// Shows lines before and after `line` in the same report, but no passed tests and no progress.
    fn show_around(&self, keep: &mut [bool], line: usize, (before, after): (usize, usize)) {
        let near = line.saturating_sub(before)..keep.len().min(line + after + 1);
        for (kept, at) in keep[near.clone()].iter_mut().zip(near) {
            let here = self.reported[at] == self.reported[line];
            *kept |= here && !self.digest.folded(at) && !self.role(at).is_some_and(Role::is_quiet);
        }
    }

    /// The first and last line of each pattern of plain lines outside of reports, and its odd ones.
    fn ends_of_patterns(&self, keep: &mut [bool]) {
        let plain = |line: u32| {
            let line = line as usize;
            self.told[line].is_none() && !self.covers(line)
        };
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
        if self.passes.contains(&gap.start) && gap.end <= self.passes.end {
            return vec!["printed by tests that passed".to_owned()];
        }
        let mut parts = self.describe_reports(gap.clone());
        for (role, word) in [(Role::Passed, "passed"), (Role::Skipped, "skipped")] {
            let names: Vec<&str> = gap
                .clone()
                .filter(|&line| self.role(line) == Some(role))
                .map(|line| self.name(line))
                .filter(|name| !name.is_empty())
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

/// What pytest shows of tests that passed: up to the last summary, for it may hold whole runs of its own.
fn passes(lines: &Lines<'_>, told: &[Option<Told>]) -> Range<usize> {
    let heading = |line: usize, word: &str| {
        told[line].is_some_and(|told| told.role == Role::Heading) && lines.get(line).contains(word)
    };
    let Some(start) = (0..told.len()).find(|&line| heading(line, "= PASSES =")) else { return 0..0 };
    let end = (start..told.len()).rev().find(|&line| heading(line, "= short test summary")).or_else(|| {
        (start..told.len()).rev().find(|&line| told[line].is_some_and(|told| told.role == Role::Summary))
    });
    start + 1..end.unwrap_or(start + 1).max(start + 1)
}

/// Which line begins the compiler's message that each line belongs to (itself, where none does).
///
/// A message goes on as long as lines are indented, drawn (`12 | code`, `| ^^^`, `--> place`) or are its notes.
fn messages(lines: &Lines<'_>, told: &[Option<Told>]) -> Vec<u32> {
    let mut begins: Vec<u32> = (0..told.len() as u32).collect();
    for line in 1..told.len() {
        let before = begins[line - 1] as usize;
        let opened =
            told[before].is_some_and(|told| matches!(told.role, Role::Error | Role::Warning) && told.opens);
        let text = lines.get(line);
        let body = text.trim_start();
        let goes_on = !body.is_empty()
            && (body.len() < text.len()
                || ["|", "= ", "help: ", "note: ", "... "].iter().any(|start| body.starts_with(start))
                || body.trim_start_matches(|each: char| each.is_ascii_digit()).starts_with(" |"));
        let another = told[line].is_some_and(|told| {
            told.opens && matches!(told.role, Role::Error | Role::Warning) || told.role.is_quiet()
        });
        if opened && goes_on && !another {
            begins[line] = before as u32;
        }
    }
    begins
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

#[cfg(test)]
mod tests;

//! How much each line is needed, and which are shown in the room there is.

use super::super::Hint;
use super::super::lines::question::Asked;
use super::super::lines::write;
use super::Measure;
use super::parts::Output;
use super::place;
use super::signs::Role;
use std::collections::HashMap;

/// How much a line is needed, most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Shown whatever it costs.
    Needed,
    /// More of what went wrong.
    Telling,
    /// What is needed to understand it.
    Wanted,
    /// Good to see.
    Useful,
    /// Shown where there is room.
    Spare,
    /// Told in the gap.
    Told,
}

/// Needed lines of one pattern: the first of these that leaves room for other things is taken.
const DEPTHS: [u32; 10] = [400, 150, 64, 40, 26, 18, 12, 8, 5, 3];
/// Of the room, hundredths that needed lines may take before fewer of a pattern are needed.
const NEEDED_PART: usize = 60;
/// Of the room, hundredths that what is wanted may take at least.
const WANTED_PART: usize = 25;
/// Hundredths of the room that what went wrong may take in all.
const TELLING_PART: usize = 115;
/// Bytes that a marker costs, about.
const MARKER: usize = 70;
/// A report of so many lines or fewer is shown whole, when it is among the first.
const SHORT: usize = 60;
/// Outliers of a pattern of passed tests or progress that are shown: the slowest ones.
const OUTLIERS: usize = 3;
/// Lines of progress that tell where something came from and are shown, of each sign.
const SOURCES: u32 = 4;
/// Tests that were not run and are shown, of each pattern.
const SKIPPED: u32 = 3;
/// Messages of the same text that are good to see.
const SAME: u32 = 6;
/// A form of so many messages or fewer, or of so small a part of all, is an odd one: each of them tells.
const ODD: u32 = 8;
const ODD_PART: u32 = 40;
/// In a form of more messages than this, those that differ in numbers alone say the same.
const MANY: u32 = 24;
/// Failures named twice are shown in both places when they are so few.
const NAMED_TWICE: usize = 12;
/// Rows of a table of coverage that are shown: those of the least.
const LEAST_COVERED: usize = 4;
/// Lines that hold a word of the question and are shown, of each word.
const OF_EACH_WORD: usize = 3;

/// The rank of every line.
pub struct Ranks<'o, 'a> {
    output: &'o Output<'a>,
    ranks: Vec<Rank>,
    /// For a needed line, which of its pattern it is; 0 when that does not matter.
    order: Vec<u32>,
    /// How many messages there are.
    messages: u32,
}

impl<'o, 'a> Ranks<'o, 'a> {
    /// Ranks the lines of `output`.
    pub fn of(output: &'o Output<'a>, hint: &Hint<'_>, measure: &Measure) -> Ranks<'o, 'a> {
        let count = output.told.len();
        let mut ranks = Ranks { output, ranks: vec![Rank::Told; count], order: vec![0; count], messages: 0 };
        ranks.by_role(measure);
        ranks.by_report();
        ranks.by_lead();
        ranks.by_pattern();
        ranks.by_coverage();
        ranks.fold_frames();
        ranks.by_end(measure);
        let asked = Asked::in_lines(output.digest.lines, hint.query);
        for line in asked.first_of_each(OF_EACH_WORD) {
            ranks.lift(line as usize, Rank::Wanted);
        }
        for line in asked.best(measure.asked) {
            ranks.ranks[line as usize] = Rank::Needed;
            ranks.order[line as usize] = 0;
        }
        ranks
    }

    /// Which lines are shown, and how many bytes they take, the markers between them counted.
    pub fn choose(&self, room: usize) -> (Vec<bool>, usize) {
        let lines = self.output.digest.lines;
        let mut keep = Vec::new();
        let mut taken = 0;
        for depth in DEPTHS {
            keep = vec![false; self.ranks.len()];
            taken = 0;
            for line in 0..self.ranks.len() {
                if self.ranks[line] == Rank::Needed && self.order[line] <= depth {
                    taken += self.cost(&keep, line);
                    keep[line] = true;
                }
            }
            if taken * 100 <= room * NEEDED_PART {
                break;
            }
        }
        let most = room * TELLING_PART / 100;
        let mut left = room.saturating_sub(taken).max(room * WANTED_PART / 100);
        for rank in [Rank::Telling, Rank::Wanted, Rank::Useful, Rank::Spare] {
            if rank == Rank::Telling {
                left = left.max(most.saturating_sub(taken));
            }
            for line in 0..self.ranks.len() {
                if self.ranks[line] != rank {
                    continue;
                }
                let cost = self.cost(&keep, line);
                if cost <= left {
                    keep[line] = true;
                    left -= cost;
                    taken += cost;
                }
            }
            left = match rank {
                Rank::Telling => room.saturating_sub(taken).max(room * WANTED_PART / 200),
                // Names and places of what is hidden come before what is merely good to see.
                Rank::Wanted => left * 3 / 5,
                _ => left,
            };
        }
        for line in 0..keep.len() {
            if let Some(heading) = self.output.heading(line).filter(|_| keep[line]) {
                keep[heading] = true;
            }
        }
        write::close_small_gaps(lines, &mut keep);
        (keep, taken)
    }

    /// Bytes that showing one more line costs: a marker more in the middle of a gap, one less at its end.
    fn cost(&self, keep: &[bool], line: usize) -> usize {
        let bytes = self.output.digest.lines.get(line).len() + 1;
        let shown = |at: Option<usize>| at.is_none_or(|at| keep.get(at).copied().unwrap_or(true));
        match (shown(line.checked_sub(1)), shown(Some(line + 1))) {
            (false, false) => bytes + MARKER,
            (true, true) => bytes.saturating_sub(MARKER),
            _ => bytes,
        }
    }

    /// Lifts a line to `rank`, unless it has a higher one.
    fn lift(&mut self, line: usize, rank: Rank) {
        self.ranks[line] = self.ranks[line].min(rank);
    }

    fn by_role(&mut self, measure: &Measure) {
        let output = self.output;
        let digest = output.digest;
        let mut seen: HashMap<&str, u32> = HashMap::new();
        let mut alike: HashMap<(u32, Role), u32> = HashMap::new();
        let mut sources: HashMap<&str, u32> = HashMap::new();
        let mut said: HashMap<u64, u32> = HashMap::new();
        let mut forms: HashMap<u64, (u32, u32)> = HashMap::new();
        for line in (0..output.told.len()).filter(|&line| output.begins_message(line)) {
            forms.entry(output.says[line].form).or_default().1 += 1;
            self.messages += 1;
        }
        let twice = (0..output.told.len()).filter(|&line| output.role(line) == Some(Role::Repeated)).count();
        for line in 0..output.told.len() {
            let text = digest.lines.get(line);
            let pattern = digest.patterns.of_line[line];
            if output.passes.contains(&line) {
                self.by_trouble_of_passed(line, &mut seen);
                continue;
            }
            let begins = output.message[line] as usize;
            if begins != line && matches!(output.role(begins), Some(Role::Error | Role::Warning)) {
                continue;
            }
            match output.role(line) {
                Some(role @ Role::Failed) => {
                    let like = alike.entry((pattern, role)).or_default();
                    *like += 1;
                    (self.ranks[line], self.order[line]) = (Rank::Needed, *like);
                    let new = *like <= measure.new;
                    self.around(line, (0, measure.wide.1), if new { Rank::Wanted } else { Rank::Spare });
                }
                Some(Role::Error | Role::Warning) => self.by_message(line, measure, &mut said, &mut forms),
                // The name of a file is shown with the messages under it.
                Some(Role::Heading) if output.heads_messages(line) => {}
                Some(role @ (Role::Summary | Role::Report | Role::Heading)) => {
                    let like = alike.entry((pattern, role)).or_default();
                    *like += 1;
                    (self.ranks[line], self.order[line]) = (Rank::Needed, *like);
                    if role == Role::Heading && 3 < *like {
                        self.ranks[line] = if *like <= 8 { Rank::Wanted } else { Rank::Useful };
                    }
                }
                Some(Role::Place) => self
                    .lift(line, if output.reported[line].is_some() { Rank::Telling } else { Rank::Useful }),
                Some(Role::Progress) => {
                    // Where something came from that is not the usual place: a folder, a repository.
                    let word = output.told[line].map_or("", |told| told.word);
                    if text.contains(" (") && text.contains('/') {
                        let its = sources.entry(word).or_default();
                        *its += 1;
                        if *its <= SOURCES {
                            self.lift(line, Rank::Wanted);
                        }
                    }
                }
                Some(role @ Role::Skipped) => {
                    let like = alike.entry((pattern, role)).or_default();
                    *like += 1;
                    if *like <= SKIPPED {
                        self.lift(line, Rank::Useful);
                    }
                }
                Some(Role::Repeated) => {
                    let listed = text.starts_with("    ");
                    if !listed {
                        self.lift(line, if twice <= NAMED_TWICE { Rank::Wanted } else { Rank::Spare });
                    }
                }
                Some(Role::Passed | Role::Lead) => {}
                None => self.by_words(line, measure, &mut seen),
            }
        }
    }

    /// A line that says what is wrong. Each text is needed once, the first of a form more than others.
    fn by_message(
        &mut self,
        line: usize,
        measure: &Measure,
        said: &mut HashMap<u64, u32>,
        forms: &mut HashMap<u64, (u32, u32)>,
    ) {
        let output = self.output;
        let says = output.says[line];
        let messages: u32 = self.messages;
        let (form, in_all) = forms.entry(says.form).or_default();
        let same = said.entry(if MANY < *in_all { says.plain } else { says.text }).or_default();
        *same += 1;
        let same = *same;
        *form += u32::from(same == 1);
        let (form, in_all) = (*form, *in_all);
        let error = output.role(line) == Some(Role::Error);
        let length = output.message_from(line).len();
        if output.reported[line].is_some() {
            // What a report says first and last is needed; between, it is told where there is room.
            self.lift(line, if same == 1 { Rank::Telling } else { Rank::Useful });
            if same == 1 && form <= measure.new {
                self.around(line, measure.wide, Rank::Useful);
            }
            return;
        }
        let new = form <= measure.new && same == 1;
        if same == 1 {
            (self.ranks[line], self.order[line]) = (Rank::Needed, form);
        } else if error && same <= measure.new && 1 < length || in_all <= ODD.max(messages / ODD_PART) {
            self.lift(line, Rank::Telling);
        } else {
            self.lift(line, if error && same <= SAME { Rank::Useful } else { Rank::Spare });
        }
        if error || new {
            self.message(line, new, measure);
        }
        if error && length == 1 && same == 1 {
            self.around(line, measure.wide, if new { Rank::Wanted } else { Rank::Spare });
        }
    }

    /// What leads to a message is shown with it: where a file was included from, which file it is.
    fn by_lead(&mut self) {
        let output = self.output;
        let mut next: Option<usize> = None;
        for line in (0..self.ranks.len()).rev() {
            if output.role(line) == Some(Role::Lead) {
                if next.is_some_and(|next| self.ranks[next] <= Rank::Telling && self.order[next] <= 2) {
                    self.lift(line, Rank::Useful);
                }
            } else {
                next = Some(line);
            }
        }
    }

    /// A line that no sign speaks of.
    fn by_words<'l>(&mut self, line: usize, measure: &Measure, seen: &mut HashMap<&'l str, u32>)
    where
        'a: 'l,
    {
        let output = self.output;
        let digest = output.digest;
        let text = digest.lines.get(line);
        let pattern = digest.patterns.of_line[line] as usize;
        // In a report, what is indented is source code: it may well speak of errors.
        let source = output.reported[line].is_some() && text.starts_with([' ', '\t']);
        if digest.signs[line].is_trouble() {
            let said = seen.entry(text.trim()).or_default();
            *said += 1;
            let rank = match (*said, source) {
                (1, false) => Rank::Needed,
                (1, true) | (2, _) => Rank::Useful,
                _ => return,
            };
            self.lift(line, rank);
            self.order[line] = digest.members.of(pattern).partition_point(|&its| its <= line as u32) as u32;
        } else if output.reported[line].is_some() {
            self.lift(line, Rank::Spare);
        } else if digest.patterns.list[pattern].count <= measure.rare && !text.trim().is_empty() {
            let warned = digest.signs[line] != super::super::lines::signs::Sign::Plain;
            self.lift(line, if warned { Rank::Wanted } else { Rank::Useful });
        }
    }

    /// What a test that passed has printed may still be what is looked for.
    fn by_trouble_of_passed<'l>(&mut self, line: usize, seen: &mut HashMap<&'l str, u32>)
    where
        'a: 'l,
    {
        let output = self.output;
        let text = output.digest.lines.get(line);
        let said = matches!(output.role(line), Some(Role::Error | Role::Failed | Role::Warning))
            || output.digest.signs[line] != super::super::lines::signs::Sign::Plain;
        if said {
            let before = seen.entry(text.trim()).or_default();
            *before += 1;
            self.lift(line, if *before == 1 { Rank::Useful } else { Rank::Told });
        } else if matches!(output.role(line), Some(Role::Report | Role::Heading | Role::Summary)) {
            self.lift(line, Rank::Spare);
        }
    }

    /// The lines of the message that begins at `line`, which is shown.
    fn message(&mut self, line: usize, new: bool, measure: &Measure) {
        let message = self.output.message_from(line);
        let brief = if new { measure.brief } else { 2 };
        for (order, at) in message.enumerate().skip(1) {
            let rank = match order {
                order if order < brief && self.ranks[line] <= Rank::Telling => Rank::Wanted,
                order if order < measure.brief => Rank::Useful,
                order if order < measure.message => Rank::Spare,
                _ => break,
            };
            self.lift(at, if new && rank == Rank::Spare { Rank::Useful } else { rank });
        }
    }

    /// Lifts lines before and after `line` in the same report, but no passed tests and no progress.
    fn around(&mut self, line: usize, (before, after): (usize, usize), rank: Rank) {
        let output = self.output;
        for at in line.saturating_sub(before)..output.told.len().min(line + after + 1) {
            let here = output.reported[at] == output.reported[line] && output.message[at] as usize == at;
            if here && !output.role(at).is_some_and(Role::is_quiet) {
                self.lift(at, rank);
            }
        }
    }

    /// Each report says what went wrong and where; the first is shown whole.
    fn by_report(&mut self) {
        let output = self.output;
        let mut first = true;
        for report in &output.reports {
            if report.like.is_some() {
                for line in report.lines.clone() {
                    if !matches!(output.role(line), Some(Role::Failed | Role::Summary)) {
                        (self.ranks[line], self.order[line]) = (Rank::Told, 0);
                    }
                }
                continue;
            }
            if output.passes.contains(&report.lines.start) || output.reported[report.lines.start].is_none() {
                continue;
            }
            let errors = || report.lines.clone().filter(|&line| output.role(line) == Some(Role::Error));
            for line in errors().take(1).chain(errors().next_back()) {
                (self.ranks[line], self.order[line]) = (Rank::Needed, 0);
            }
            if first && report.lines.len() <= SHORT {
                report.lines.clone().for_each(|line| self.lift(line, Rank::Wanted));
                first = false;
            }
        }
    }

    /// The first and last line of each pattern of plain lines, its odd ones; the slowest of the passed tests.
    fn by_pattern(&mut self) {
        let output = self.output;
        for (pattern, detail) in output.digest.details.iter().enumerate() {
            let its = output.digest.members.of(pattern);
            let plain = |line: usize| {
                output.told[line].is_none()
                    && output.reported[line].is_none()
                    && output.message[line] as usize == line
                    && !output.passes.contains(&line)
            };
            for line in its.first().into_iter().chain(its.last()).map(|line| *line as usize) {
                if plain(line) {
                    self.lift(line, Rank::Useful);
                }
            }
            let Some(detail) = detail else { continue };
            let mut outliers = 0;
            for line in detail.odd.iter().map(|line| *line as usize) {
                if plain(line) {
                    self.lift(line, Rank::Useful);
                } else if output.role(line).is_some_and(Role::is_quiet)
                    && outliers < OUTLIERS
                    && detail.odd.len() <= 4 * OUTLIERS
                {
                    self.lift(line, Rank::Wanted);
                    outliers += 1;
                }
            }
        }
    }

    /// The files that tests cover least.
    fn by_coverage(&mut self) {
        let output = self.output;
        let mut rows: Vec<(f64, usize)> = (0..output.told.len())
            .filter(|&line| output.told[line].is_none())
            .filter_map(|line| Some((place::covered(output.digest.lines.get(line))?, line)))
            .collect();
        rows.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
        for (_, line) in rows.into_iter().take(LEAST_COVERED) {
            self.lift(line, Rank::Wanted);
        }
    }

    /// Frames of libraries, and those that were shown before, are told.
    fn fold_frames(&mut self) {
        let output = self.output;
        for fold in &output.digest.folds {
            for line in fold.lines().clone() {
                if !matches!(output.role(line), Some(Role::Failed | Role::Error)) {
                    (self.ranks[line], self.order[line]) = (Rank::Told, 0);
                }
            }
        }
        for frames in &output.digest.framed {
            for line in frames.clone() {
                if !output.digest.folded(line) {
                    self.lift(line, Rank::Useful);
                }
            }
        }
    }

    /// The ends are shown, but for tests that passed and progress: these are told in the gap.
    fn by_end(&mut self, measure: &Measure) {
        let count = self.ranks.len();
        for line in (0..measure.head.min(count)).chain(count - measure.tail.min(count)..count) {
            if line == 0 || !self.output.role(line).is_some_and(Role::is_quiet) {
                let very = line == 0 || count - line <= 3;
                self.lift(line, if very { Rank::Needed } else { Rank::Wanted });
                self.order[line] = if very { 0 } else { self.order[line] };
            }
        }
    }
}

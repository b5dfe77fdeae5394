//! What stands where in the output of a tool: roles, reports of failures, messages of compilers.

use super::super::lines::token::mix;
use super::super::lines::{Digest, Lines};
use super::passed;
use super::place;
use super::signs::{self, Role, Told};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// The output of a tool, line by line.
pub struct Output<'a> {
    /// The lines, looked at.
    pub digest: &'a Digest<'a>,
    /// What each line is, where a sign tells.
    pub told: Vec<Option<Told>>,
    /// The reports of single failures.
    pub reports: Vec<Report>,
    /// Which report a line stands in.
    pub reported: Vec<Option<u32>>,
    /// What tests that passed have printed.
    pub passes: Range<usize>,
    /// For each line, the line that begins the compiler's message it belongs to.
    pub message: Vec<u32>,
    /// What each message says, at the line that begins it.
    pub says: Vec<Says>,
    /// The line that names the file of a message which says only line and column.
    headings: HashMap<usize, usize>,
    /// Those lines.
    headed: HashSet<usize>,
}

/// What a message says, but for where: like messages share their form, equal ones their text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Says {
    /// A digest of the message without numbers and what stands in quotes.
    pub form: u64,
    /// A digest of the message without numbers.
    pub plain: u64,
    /// A digest of the whole message.
    pub text: u64,
}

/// The report of one failure.
pub struct Report {
    /// Its lines, the title among them.
    pub lines: Range<usize>,
    /// The report that said the same errors first.
    pub like: Option<u32>,
}

impl<'a> Output<'a> {
    /// Reads the lines of `digest`.
    pub fn of(digest: &'a Digest<'a>) -> Output<'a> {
        let mut told: Vec<Option<Told>> = digest.lines.iter().map(signs::of).collect();
        name_results(digest.lines, &mut told);
        judge_test_logs(digest.lines, &mut told);
        judge_cases(digest.lines, &mut told);
        judge_panics(digest.lines, &mut told);
        let headings = headings(digest.lines, &mut told);
        let headed = headings.values().copied().collect();
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
                Some(Role::Passed) if its.is_some_and(|told| told.word == CASE) => inside = false,
                _ => {}
            }
            if let Some(last) = reports.last_mut().filter(|_| inside) {
                last.lines.end = line + 1;
                reported[line] = Some(reports.len() as u32 - 1);
            }
        }
        let passes = passes(digest.lines, &told);
        let message = messages(digest.lines, &told);
        let says = (0..told.len())
            .map(|line| match told[line].map(|told| told.role) {
                Some(Role::Error | Role::Warning) => says(digest.lines.get(line)),
                _ => Says::default(),
            })
            .collect();
        let mut output = Output { digest, told, reports, reported, passes, message, says, headings, headed };
        output.compare_reports();
        output.find_repeated_names();
        output
    }

    /// What a line is.
    pub fn role(&self, line: usize) -> Option<Role> {
        self.told[line].map(|told| told.role)
    }

    /// The name of the test that a line speaks of; empty when its name stands on the line before.
    pub fn name(&self, line: usize) -> &'a str {
        let (from, to) = self.told[line].map_or((0, 0), |told| told.about);
        passed::name(&self.digest.lines.get(line)[from as usize..to as usize])
    }

    /// True for the first line of a message: an error or a warning that is more than text in a report.
    pub fn begins_message(&self, line: usize) -> bool {
        self.message[line] as usize == line && matches!(self.role(line), Some(Role::Error | Role::Warning))
    }

    /// The lines of the message that begins at `line`.
    pub fn message_from(&self, line: usize) -> Range<usize> {
        let more = self.message[line..].iter().take_while(|&&begins| begins as usize == line).count();
        line..line + more.max(1)
    }

    /// Where the message that begins at `line` says that it is: its file, and where in it.
    ///
    /// `src/a.rs`, `:3:5`; both empty when it says nothing.
    pub fn place(&self, line: usize) -> (&'a str, &'a str) {
        let lines = self.digest.lines;
        if let Some(&heading) = self.headings.get(&line) {
            let at = lines.get(line).trim_start();
            return (lines.get(heading).trim(), &at[..at.find(' ').unwrap_or(at.len())]);
        }
        let own = place::of_message(lines.get(line));
        if !own.is_empty() {
            return place::split(own);
        }
        let arrow = self.message_from(line).take(4).find_map(|line| place::of_arrow(lines.get(line)));
        place::split(arrow.unwrap_or(""))
    }

    /// The line that names the file of the message at `line`, where it is another.
    pub fn heading(&self, line: usize) -> Option<usize> {
        self.headings.get(&line).copied()
    }

    /// True for a line that names the file of the messages under it.
    pub fn heads_messages(&self, line: usize) -> bool {
        self.headed.contains(&line)
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

    /// The title of a report: its name without the drawing round it.
    pub fn title(&self, report: usize) -> &'a str {
        let line = self.reports[report].lines.start;
        if self.told[line].is_some_and(|told| told.word == CASE) {
            return self.name(line);
        }
        let title = self.digest.lines.get(line);
        let title = title.trim_matches(|each: char| matches!(each, '_' | '=' | '-' | '●' | ' '));
        title.strip_suffix(" stdout").unwrap_or(title)
    }

    /// Failures are named up to three times: in the list of tests, as a report's title, in a last summary.
    /// The list's names are told by the others, where these say as much.
    fn find_repeated_names(&mut self) {
        let mut named: HashSet<&str> = (0..self.reports.len())
            .filter(|&report| self.reports[report].like.is_none() || self.reports[report].lines.len() == 1)
            .map(|report| self.title(report))
            .collect();
        let mut repeated = Vec::new();
        for line in (0..self.told.len()).rev() {
            match self.role(line) {
                Some(Role::Failed) => {
                    let name = self.name(line);
                    if !name.is_empty() && !named.insert(name) {
                        repeated.push(line);
                    }
                }
                // A bare list of names, as cargo ends with.
                None if self.digest.lines.get(line).starts_with("    ")
                    && named.contains(self.digest.lines.get(line).trim()) =>
                {
                    repeated.push(line);
                }
                _ => {}
            }
        }
        for line in repeated {
            let text = self.digest.lines.get(line);
            let about = self.told[line].map_or((0, text.len() as u32), |told| told.about);
            self.told[line] = Some(Told { role: Role::Repeated, word: "", about, opens: false });
        }
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
        if !opened {
            continue;
        }
        let text = lines.get(line);
        let body = text.trim_start();
        let goes_on = !body.is_empty()
            && (body.len() < text.len()
                || ["|", "= ", "help: ", "note: ", "... "].iter().any(|start| body.starts_with(start))
                || body.trim_start_matches(|each: char| each.is_ascii_digit()).starts_with(" |")
                || text.contains(": note: "));
        let another = told[line].is_some_and(|told| {
            told.opens && matches!(told.role, Role::Error | Role::Warning)
                || told.role.is_quiet()
                || told.role == Role::Lead
        });
        if goes_on && !another {
            begins[line] = before as u32;
        }
    }
    begins
}

/// Gives a test's name on one line the result that stands on the next.
fn name_results(lines: &Lines<'_>, told: &mut [Option<Told>]) {
    for line in 1..told.len() {
        if told[line - 1].is_none()
            && let Some(its) = &mut told[line]
            && matches!(its.role, Role::Passed | Role::Skipped | Role::Failed)
        {
            let before = lines.get(line - 1);
            if signs::is_name_of_next(before) {
                let named = Told { about: (0, before.len() as u32), ..*its };
                its.about = (0, 0);
                told[line - 1] = Some(named);
            }
        }
    }
}

/// What a Go test logs (`    a_test.go:3: …`) is an error where the test failed, and told with it where it passed.
///
/// With `-v` it stands before the result, without it after.
fn judge_test_logs(lines: &Lines<'_>, told: &mut [Option<Told>]) {
    let mut waiting: Vec<usize> = Vec::new();
    let mut failed = false;
    for line in 0..told.len() {
        let text = lines.get(line);
        match told[line] {
            Some(Told { word: "=== RUN", .. }) => {
                waiting.clear();
                failed = false;
            }
            Some(Told { word: "--- FAIL:", .. }) => {
                failed = true;
                for line in waiting.drain(..) {
                    told[line] = Some(Told { role: Role::Error, word: "", about: (0, 0), opens: false });
                }
            }
            Some(Told { word: "--- PASS:", .. }) => {
                failed = false;
                waiting.clear();
            }
            None if text.starts_with("    ")
                && text.trim_start().split(": ").next().is_some_and(place::is_go) =>
            {
                if failed {
                    told[line] = Some(Told { role: Role::Error, word: "", about: (0, 0), opens: false });
                } else {
                    waiting.push(line);
                }
            }
            _ => {}
        }
    }
}

/// How a test case begins in JUnit's XML.
const CASE: &str = "<testcase";

/// A test case of JUnit's XML that is not closed at once failed, was not run, or passed: what follows tells.
fn judge_cases(lines: &Lines<'_>, told: &mut [Option<Told>]) {
    for line in 1..told.len() {
        let role = told[line].map(|told| told.role);
        let text = lines.get(line - 1).trim_end();
        if let Some(case) = &mut told[line - 1]
            && case.word == CASE
            && !text.ends_with("/>")
            && !text.ends_with("</testcase>")
        {
            match role {
                Some(Role::Error) => case.role = Role::Report,
                // Why it was not run.
                Some(Role::Place) => case.role = Role::Place,
                _ => {}
            }
        }
    }
}

/// What a panic of Rust says stands on the lines after the one that says where.
fn judge_panics(lines: &Lines<'_>, told: &mut [Option<Told>]) {
    let mut left = 0;
    for line in 0..told.len() {
        let text = lines.get(line);
        if told[line].is_some_and(|told| told.word == "panicked at") && text.ends_with(':') {
            left = LONGEST_PANIC;
            continue;
        }
        let ends =
            text.trim().is_empty() || ["stack backtrace:", "note: "].iter().any(|end| text.starts_with(end));
        left = if ends { 0 } else { left };
        if 0 < left {
            left -= 1;
            told[line].get_or_insert(Told { role: Role::Error, word: "", about: (0, 0), opens: false });
        }
    }
}

/// Lines of what a panic says that are its message.
const LONGEST_PANIC: usize = 12;

/// Finds the lines that name a file for the messages under them, as eslint does: they become headings.
fn headings(lines: &Lines<'_>, told: &mut [Option<Told>]) -> HashMap<usize, usize> {
    let mut found = HashMap::new();
    let mut heading = None;
    for line in 0..told.len() {
        let text = lines.get(line);
        if text.starts_with(' ') {
            let body = text.trim_start();
            let message = matches!(told[line], Some(Told { role: Role::Error | Role::Warning, .. }));
            if let Some(heading) = heading.filter(|_| message && is_line_and_column(body)) {
                found.insert(line, heading);
                told[heading] = Some(Told { role: Role::Heading, word: "", about: (0, 0), opens: false });
            }
        } else if !text.is_empty() {
            let named = told[line].is_none() && !text.contains(' ') && text.contains(['/', '.', '\\']);
            heading = named.then_some(line);
        }
    }
    found
}

/// `3:5  error  …`.
fn is_line_and_column(body: &str) -> bool {
    let word = &body[..body.find(' ').unwrap_or(body.len())];
    word.split_once(':').is_some_and(|(line, column)| {
        let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        number(line) && number(column)
    })
}

/// What the message `line` says, but for where.
fn says(line: &str) -> Says {
    let place = place::of_message(line);
    let body = match place.is_empty() {
        true => line.trim_start(),
        false => &line[place.as_ptr() as usize - line.as_ptr() as usize + place.len()..],
    };
    let body =
        if is_line_and_column(body) { body.split_once(' ').map_or("", |(_, rest)| rest) } else { body };
    let mut says = Says { form: 1, plain: 1, text: 1 };
    let mut quote: Option<char> = None;
    let mut before = ' ';
    for each in body.chars() {
        let blank = each == ' ' && before == ' ';
        if !blank {
            says.text = mix(says.text, u64::from(each));
            if !each.is_ascii_digit() {
                says.plain = mix(says.plain, u64::from(each));
            }
        }
        match quote {
            Some(close) if each == close => quote = None,
            Some(_) => {}
            None if matches!(each, '`' | '"' | '‘' | '“') || each == '\'' && !before.is_alphanumeric() => {
                quote = Some(match each {
                    '‘' => '’',
                    '“' => '”',
                    same => same,
                });
                says.form = mix(says.form, 2);
            }
            None if each.is_ascii_digit() => {
                if !before.is_ascii_digit() {
                    says.form = mix(says.form, 3);
                }
            }
            None if blank => {}
            None => says.form = mix(says.form, u64::from(each)),
        }
        before = each;
    }
    says
}

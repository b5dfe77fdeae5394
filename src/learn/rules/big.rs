//! Big outputs: read again while they still stand in the history, or as big and alike each time.

use super::Rule;
use super::lines::{Lines, digest};
use super::noted::{Noted, fingerprint, output_of};
use crate::learn::first_words::{self, Begins, Run};
use crate::learn::habit::Habit;
use crate::learn::lesson::Occurrence;
use crate::learn::literal;
use crate::learn::step::{Happened, Recent, Step};
use crate::transcript::Ending;
use crate::transcript::act::Act;
use crate::units::{Millis, Tokens};
use std::collections::{BTreeMap, HashSet};

/// Tokens from which on an output is big.
pub(super) const BIG: u64 = 3_000;

/// How often it must come in one session.
const ENOUGH: u64 = 3;

/// Different outputs that are followed; more are not.
const FOLLOWED: usize = 64;

/// Lines, of a hundred, that a command's output shares with its last one when it says the same again.
const SAME: usize = 60;

/// Lines, of a hundred, that are alike but for numbers when an output has the same shape.
const ALIKE: usize = 70;

/// Steps after an output in which what it says may be used.
const USE: u64 = 6;

/// Words of one output that are looked for in later calls.
const WORDS: usize = 20_000;

/// What builds, tests or installs: its output says how it went, and it is run for what it does.
const WORKERS: &[&str] = &[
    "apt install",
    "apt-get install",
    "brew install",
    "bun install",
    "bundle install",
    "cargo build",
    "cargo check",
    "cargo clippy",
    "cargo test",
    "composer install",
    "docker build",
    "docker compose build",
    "docker compose up",
    "dotnet build",
    "dotnet test",
    "go build",
    "go test",
    "gradle assemble",
    "gradle build",
    "gradle test",
    "./gradlew assemble",
    "./gradlew build",
    "./gradlew test",
    "mvn clean",
    "mvn install",
    "mvn package",
    "mvn test",
    "mvn verify",
    "npm ci",
    "npm install",
    "npm run build",
    "npm run test",
    "npm test",
    "pip install",
    "pnpm build",
    "pnpm install",
    "pnpm run build",
    "pnpm run test",
    "pnpm test",
    "poetry install",
    "pytest",
    "swift build",
    "swift test",
    "terraform init",
    "uv run pytest",
    "uv sync",
    "yarn build",
    "yarn install",
    "yarn test",
];

/// Finds big outputs that come again.
#[derive(Default)]
pub struct Big {
    seen: BTreeMap<Source, Seen>,
    steps: u64,
    /// The latest outputs of workers: when, whose, and their words.
    may_be_used: Vec<(u64, Source, HashSet<u64>)>,
}

/// What an output comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    File(String),
    Command(String),
    Worker(String),
}

#[derive(Default)]
struct Seen {
    /// Of the last one that stands in the history.
    last: Option<u64>,
    lines: Lines,
    /// How often it came, the first included.
    times: u64,
    /// What each time after the first cost; for a worker, every time.
    tokens: Tokens,
    place: (u64, Option<Millis>),
    used: bool,
}

impl Rule for Big {
    fn see(&mut self, recent: &Recent, _found: &mut Vec<Occurrence>) {
        let Some(moment) = recent.latest() else { return };
        let step = match &moment.event {
            Happened::Step(step) => step,
            Happened::Compacted(_) => {
                // What is read now stands in the history no more: reading it again is no waste.
                for seen in self.seen.values_mut() {
                    seen.last = None;
                    seen.lines = Lines::default();
                }
                return;
            }
            _ => return,
        };
        self.steps += 1;
        self.note_use(step);
        if step.ending != Ending::Worked || step.output.tokens.0 < BIG {
            return;
        }
        let Some(source) = source_of(step, recent) else { return };
        if FOLLOWED <= self.seen.len() && !self.seen.contains_key(&source) {
            return;
        }
        let text = output_of(recent, step);
        let print = Some(fingerprint(recent, step));
        let seen = self.seen.entry(source.clone()).or_default();
        seen.place = (moment.line, moment.at);
        let lines = match &source {
            Source::File(_) => Lines::default(),
            Source::Command(_) => Lines::of(text),
            Source::Worker(_) => Lines::templates(text),
        };
        let again = match &source {
            Source::File(_) => seen.last == print,
            Source::Command(_) => {
                seen.last == print || (seen.lines.count() != 0 && SAME <= lines.share_in(&seen.lines))
            }
            Source::Worker(_) => seen.lines.count() != 0 && ALIKE <= lines.share_in(&seen.lines),
        };
        if again || seen.times == 0 {
            let worker = matches!(source, Source::Worker(_));
            if seen.times != 0 || worker {
                seen.tokens += step.output.tokens;
            }
            seen.times += 1;
        }
        seen.last = print;
        seen.lines = lines;
        if let Source::Worker(_) = source {
            self.may_be_used.push((self.steps, source, words(text).map(digest).take(WORDS).collect()));
        }
    }

    fn end(&mut self, recent: &Recent, found: &mut Vec<Occurrence>) {
        for (source, seen) in std::mem::take(&mut self.seen) {
            if seen.times < ENOUGH {
                continue;
            }
            let habit = match source {
                Source::File(path) => Habit::BigFile { path },
                Source::Command(command) => Habit::BigCommand { command },
                Source::Worker(_) if seen.used => continue,
                Source::Worker(command) => Habit::Noisy { command },
            };
            let noted = Noted { tokens: seen.tokens, turns: 0 };
            found.push(noted.when(recent, seen.place, habit));
        }
    }
}

impl Big {
    /// Marks the outputs of which a later call names something.
    fn note_use(&mut self, step: &Step) {
        let now = self.steps;
        self.may_be_used.retain(|(at, ..)| now - at <= USE);
        if self.may_be_used.is_empty() {
            return;
        }
        let called = match &step.act {
            Act::Shell { command, .. } => command.clone(),
            Act::Read { path, .. } | Act::Edit { path, .. } | Act::Write { path } => {
                path.display().to_string()
            }
            Act::Search { pattern, path } => format!("{pattern} {path}"),
            Act::Retrieve { .. } => return,
            Act::Other => return,
        };
        let own = |source: &Source| match source {
            Source::Worker(command) => command.clone(),
            _ => String::new(),
        };
        for (_, source, theirs) in &self.may_be_used {
            let again = first_words::begins_with(&called, &own(source));
            if !again
                && words(&called).any(|word| theirs.contains(&digest(word)))
                && let Some(seen) = self.seen.get_mut(source)
            {
                seen.used = true;
            }
        }
    }
}

/// What an output comes from; `None` where that can't be said in a line.
fn source_of(step: &Step, recent: &Recent) -> Option<Source> {
    match &step.act {
        Act::Read { path, lines: None } => {
            path.to_str().and_then(|path| literal::path(path, &recent.project)).map(Source::File)
        }
        Act::Shell { command, .. } => {
            let run = first_words::read(command)?;
            if run.first == "cat"
                && let [path] = run.rest.as_slice()
            {
                return literal::path(path, &recent.project).map(Source::File);
            }
            if is_worker(&run) {
                // A rule on it holds for lines that begin with it.
                let rule = (run.begins == Begins::WithIt).then(|| literal::command(&run.first)).flatten();
                return rule.map(Source::Worker);
            }
            literal::command(&run.line).map(Source::Command)
        }
        _ => None,
    }
}

fn is_worker(run: &Run) -> bool {
    WORKERS.contains(&run.first.as_str())
}

/// Words that name something: a path, a symbol, a test.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !(letter.is_alphanumeric() || "_./-".contains(letter)))
        .map(|word| word.trim_matches(['.', '/', '-']))
        .filter(|word| 6 <= word.len() && word.contains(['_', '.', '/']))
        .flat_map(|word| {
            [Some(word), word.rsplit('/').next().filter(|name| name.contains('.') && *name != word)]
        })
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, found_by};
    use super::*;

    fn big(what: &str) -> String {
        (0..600).map(|at| format!("{what} entry {at} of the table with some words\n")).collect()
    }

    #[test]
    fn a_big_file_read_three_times_as_it_is_was_read_too_often() {
        let mut stage = Stage::new();
        for _ in 0..3 {
            stage.read("/p/docs/api.json", &big("api"));
            stage.run("cargo fmt", "", Ending::Worked);
        }
        assert_eq!(found_by(Big::default(), stage), [Habit::BigFile { path: "docs/api.json".to_owned() }]);
    }

    #[test]
    fn reading_what_changed_is_small_or_is_gone_is_no_waste() {
        type Again = (&'static str, fn(&mut Stage, usize));
        let again: &[Again] = &[
            ("changed", |stage, at| stage.read("/p/a.rs", &big(&format!("v{at}")))),
            ("small", |stage, _| stage.read("/p/a.rs", "fn main() {}")),
            ("gone from the history", |stage, _| {
                stage.read("/p/a.rs", &big("same"));
                stage.compact(None);
            }),
            ("of another project", |stage, _| stage.read("/other/a.rs", &big("same"))),
            ("another diff each time", |stage, at| {
                stage.run("git diff", &big(&format!("d{at}")), Ending::Worked);
            }),
        ];
        for (what, again) in again {
            let mut stage = Stage::new();
            (0..5).for_each(|at| again(&mut stage, at));
            assert_eq!(found_by(Big::default(), stage), [], "{what}");
        }
    }

    #[test]
    fn a_command_that_prints_the_same_much_again_is_told_from_one_that_works() {
        let mut stage = Stage::new();
        (0..3).for_each(|_| stage.run("git log --stat", &big("commit"), Ending::Worked));
        assert_eq!(
            found_by(Big::default(), stage),
            [Habit::BigCommand { command: "git log --stat".to_owned() }]
        );

        let mut stage = Stage::new();
        for at in 0..3 {
            let output: String =
                (0..600).map(|line| format!("  Compiling part {line} v{at}.1 ok ok ok\n")).collect();
            stage.run("cargo build --all", &output, Ending::Worked);
            stage.edit("/p/a.rs", "x", "done", Ending::Worked);
        }
        assert_eq!(found_by(Big::default(), stage), [Habit::Noisy { command: "cargo build".to_owned() }]);
    }

    #[test]
    fn an_output_of_which_something_is_used_is_not_noise() {
        let mut stage = Stage::new();
        for _ in 0..3 {
            let output = format!("{}warning: unused in crates/deep/src/old_part.rs:3\n", big("building"));
            stage.run("cargo build", &output, Ending::Worked);
            stage.read("/p/crates/deep/src/old_part.rs", "text");
        }
        assert_eq!(found_by(Big::default(), stage), []);
    }
}

//! `headroom __complete`: what could stand next on a command line, for the scripts in `completions/`.
//!
//! The scripts know no flag and no name: they hand over the words and the place of
//! the one that is being typed, and get one candidate a line, with what it means
//! behind a tab. `:files` or `:folders` stands for the shell's own completion.
//! *Invariant:* nothing is written and nothing is said but candidates.

use super::term::{self, Verdict};
use super::{Cli, stats};
use crate::agent::definition;
use crate::config::{self, Config, Flags};
use crate::rewrite::Profile;
use crate::store::Filter;
use clap::{Arg, Command, CommandFactory, ValueHint};
use jiff::Timestamp;
use std::ffi::OsString;
use std::process::ExitCode;

/// What was typed after `__complete`.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// The place of the word that is being typed, counted from 0, which is `headroom`
    at: usize,
    /// The words so far
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// Prints the candidates. It never fails: a shell that waits for candidates has no place for an error.
///
/// # Errors
/// None.
pub fn run(args: Args) -> Verdict {
    let words: Vec<String> = args.words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let mut said = String::new();
    for candidate in candidates(&Cli::command(), &words, args.at, &known) {
        said.push_str(&candidate.value);
        if !candidate.meaning.is_empty() {
            said.push('\t');
            said.push_str(&candidate.meaning);
        }
        said.push('\n');
    }
    let _ = term::say_exactly(said.as_bytes());
    Ok(ExitCode::SUCCESS)
}

/// What could stand in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    value: String,
    /// One clause; may be empty.
    meaning: String,
}

impl Candidate {
    fn new(value: impl Into<String>, meaning: impl Into<String>) -> Candidate {
        Candidate { value: value.into(), meaning: meaning.into() }
    }
}

/// Values that only this machine knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Agents,
    Sessions,
}

impl Kind {
    /// By the name of the argument: `agent` and `session`, one or more of them.
    fn of(arg: &Arg) -> Option<Kind> {
        match arg.get_id().as_str() {
            "agent" | "agents" => Some(Kind::Agents),
            "session" | "sessions" => Some(Kind::Sessions),
            _ => None,
        }
    }
}

/// What could stand at `at` among `words`, of which the first is the program.
fn candidates(
    program: &Command,
    words: &[String],
    at: usize,
    known: &dyn Fn(Kind) -> Vec<Candidate>,
) -> Vec<Candidate> {
    let typed = words.get(at).map_or("", String::as_str);
    let before = words.get(1..at.min(words.len())).unwrap_or_default();
    let place = Place::behind(program, before);
    let values = |arg: &Arg, head: &str, begun: &str| values(arg, head, begun, known);

    if let Some(option) = place.option {
        // Bash makes a word of the `=`.
        let begun = if typed == "=" { "" } else { typed };
        return values(option, "", begun);
    }
    if place.foreign {
        return vec![Candidate::new(":files", "")];
    }
    if place.options_end {
        return place.positional().map(|arg| values(arg, "", typed)).unwrap_or_default();
    }
    if let Some((flag, begun)) = typed.split_once('=').filter(|_| typed.starts_with("--")) {
        let option = long(place.command, flag);
        return option.map(|arg| values(arg, &format!("{flag}="), begun)).unwrap_or_default();
    }
    if typed.starts_with('-') {
        let shown = place.command.get_arguments().filter(|arg| !arg.is_hide_set());
        let longs = shown.filter_map(|arg| arg.get_long().map(|name| (format!("--{name}"), arg)));
        let offered = longs.map(|(name, arg)| Candidate::new(name, help(arg)));
        let offered = offered.chain([Candidate::new("--help", "Print help")]);
        return offered.filter(|candidate| candidate.value.starts_with(typed)).collect();
    }
    let mut found = Vec::new();
    if place.positionals == 0 {
        let verbs = place.command.get_subcommands().filter(|verb| !verb.is_hide_set());
        let verbs = verbs.filter(|verb| verb.get_name().starts_with(typed));
        let meaning = |verb: &Command| verb.get_about().map(ToString::to_string).unwrap_or_default();
        found.extend(verbs.map(|verb| Candidate::new(verb.get_name(), meaning(verb))));
    }
    match place.positional() {
        Some(arg) if is_foreign(arg) => found.push(Candidate::new(":files", "")),
        arg => found.extend(arg.map(|arg| values(arg, "", typed)).unwrap_or_default()),
    }
    found
}

/// Where on the command line the word stands that is being typed.
struct Place<'a> {
    /// The innermost verb.
    command: &'a Command,
    /// How many arguments of it without a flag stand before.
    positionals: usize,
    /// The option whose value it is.
    option: Option<&'a Arg>,
    /// Behind `--`.
    options_end: bool,
    /// Behind the first word that is another program's own.
    foreign: bool,
}

impl<'a> Place<'a> {
    fn behind(program: &'a Command, words: &[String]) -> Place<'a> {
        let mut place =
            Place { command: program, positionals: 0, option: None, options_end: false, foreign: false };
        words.iter().for_each(|word| place.pass(word));
        place
    }

    fn pass(&mut self, word: &str) {
        if self.option.is_some() {
            if word != "=" {
                self.option = None;
            }
        } else if self.foreign {
        } else if !self.options_end && word == "--" {
            self.options_end = true;
            self.foreign = self.positional().is_some_and(is_foreign);
        } else if !self.options_end && 1 < word.len() && word.starts_with('-') {
            let whole = word.split('=').next().unwrap_or_default();
            let option = match word.starts_with("--") {
                true => long(self.command, whole),
                false => self.command.get_arguments().find(|arg| arg.get_short() == word.chars().nth(1)),
            };
            let waits = |arg: &&Arg| arg.get_action().takes_values() && whole == word;
            self.foreign = option.is_none() && self.positional().is_some_and(is_foreign);
            self.option = option.filter(waits);
        } else if let Some(verb) = self.verb(word) {
            self.command = verb;
        } else {
            self.foreign = self.positional().is_some_and(is_foreign);
            self.positionals += 1;
        }
    }

    fn verb(&self, word: &str) -> Option<&'a Command> {
        if self.positionals == 0 && !self.options_end { self.command.find_subcommand(word) } else { None }
    }

    /// The argument that a word without a flag would be.
    fn positional(&self) -> Option<&'a Arg> {
        let mut all: Vec<&Arg> = self.command.get_positionals().collect();
        all.sort_by_key(|arg| arg.get_index());
        let many = |arg: &&&Arg| matches!(arg.get_action(), clap::ArgAction::Append);
        all.get(self.positionals).or_else(|| all.last().filter(many)).copied()
    }
}

/// Whether what stands here, and all behind it, is for another program.
fn is_foreign(arg: &Arg) -> bool {
    arg.is_trailing_var_arg_set() && arg.is_allow_hyphen_values_set()
}

fn long<'a>(command: &'a Command, flag: &str) -> Option<&'a Arg> {
    let name = flag.strip_prefix("--")?;
    command.get_arguments().find(|arg| arg.get_long() == Some(name))
}

fn help(arg: &Arg) -> String {
    arg.get_help().map(ToString::to_string).unwrap_or_default()
}

/// The values of `arg` that begin so, each behind `head`.
fn values(arg: &Arg, head: &str, begun: &str, known: &dyn Fn(Kind) -> Vec<Candidate>) -> Vec<Candidate> {
    let all = match Kind::of(arg) {
        Some(kind) => known(kind),
        None if arg.get_id() == "profile" => {
            Profile::NAMES.into_iter().map(|name| Candidate::new(name, "")).collect()
        }
        None => {
            let named = arg.get_possible_values().into_iter().filter(|value| !value.is_hide_set());
            let meaning = |value: &clap::builder::PossibleValue| {
                value.get_help().map(ToString::to_string).unwrap_or_default()
            };
            named.map(|value| Candidate::new(value.get_name(), meaning(&value))).collect::<Vec<_>>()
        }
    };
    if all.is_empty() && Kind::of(arg).is_none() {
        return match arg.get_value_hint() {
            ValueHint::DirPath => vec![Candidate::new(":folders", "")],
            ValueHint::AnyPath | ValueHint::FilePath => vec![Candidate::new(":files", "")],
            _ => Vec::new(),
        };
    }
    let fitting = all.into_iter().filter(|candidate| candidate.value.starts_with(begun));
    fitting.map(|found| Candidate { value: format!("{head}{}", found.value), ..found }).collect()
}

/// How many sessions are offered: the newest.
const SESSIONS: usize = 50;

/// What this machine knows; what can't be read is not offered.
fn known(kind: Kind) -> Vec<Candidate> {
    let Ok(config) = config::resolve(&Flags::default()) else { return Vec::new() };
    match kind {
        Kind::Agents => {
            let agents = definition::known(&config.agents_dir()).unwrap_or_default().into_iter();
            let wrapped = agents.filter(|agent| agent.refused.is_empty());
            wrapped.map(|agent| Candidate::new(agent.name, agent.title)).collect()
        }
        Kind::Sessions => sessions(&config),
    }
}

fn sessions(config: &Config) -> Vec<Candidate> {
    let Ok(Some(store)) = stats::record(config) else { return Vec::new() };
    let rows = store.sessions(&Filter::default()).unwrap_or_default();
    let newest = rows.into_iter().rev().take(SESSIONS);
    newest
        .map(|row| {
            let began = Timestamp::from_millisecond(row.began.0).map(|began| began.to_string());
            let day = began.unwrap_or_default().chars().take(10).collect::<String>();
            let folder = row.project.rsplit('/').next().unwrap_or_default();
            Candidate::new(row.session.0, format!("{} {day} {folder}", row.agent).trim_end())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known_here(kind: Kind) -> Vec<Candidate> {
        match kind {
            Kind::Agents => vec![Candidate::new("claude", "Claude Code"), Candidate::new("codex", "Codex")],
            Kind::Sessions => vec![Candidate::new("ab12", ""), Candidate::new("cd34", "")],
        }
    }

    /// The values offered for what stands after `headroom`; the last word is being typed.
    fn offered(line: &str) -> Vec<String> {
        let words: Vec<String> = format!("headroom {line}").split(' ').map(str::to_owned).collect();
        let found = candidates(&Cli::command(), &words, words.len() - 1, &known_here);
        found.into_iter().map(|candidate| candidate.value).collect()
    }

    #[test]
    fn what_could_stand_next_is_offered() {
        let cases: [(&str, &[&str]); 26] = [
            ("wr", &["wrap"]),
            ("__", &[]),
            ("wrap ", &["claude", "codex"]),
            ("wrap co", &["codex"]),
            ("wrap --off cl", &["claude"]),
            ("wrap --profile ", &["lossless", "balanced", "aggressive"]),
            ("wrap --profile = ag", &["aggressive"]),
            ("wrap --profile=ba", &["--profile=balanced"]),
            ("wrap --profile lossless c", &["claude", "codex"]),
            ("wrap claude --qu", &["--quiet"]),
            ("wrap claude --lau", &[]),
            ("stats --he", &["--help"]),
            ("wrap claude -p ", &[":files"]),
            ("wrap claude -p hi --qu", &[":files"]),
            ("wrap claude -- --qu", &[":files"]),
            ("wrap claude ", &[":files"]),
            ("shims ", &["install", "remove", "list"]),
            ("shims install claude co", &["codex"]),
            ("shims install --shell z", &["zsh"]),
            ("shims list ", &[]),
            ("stats --session ", &["ab12", "cd34"]),
            ("stats --session=c", &["--session=cd34"]),
            ("stats --session = c", &["cd34"]),
            ("stats --by mo", &["model"]),
            ("store purge --project ", &[":files"]),
            ("unknown verb ", &[]),
        ];
        for (line, expected) in cases {
            assert_eq!(offered(line), expected, "headroom {line}");
        }
    }

    #[test]
    fn every_verb_and_every_flag_that_is_shown_is_offered() {
        let program = Cli::command();
        for verb in program.get_subcommands() {
            let is_offered = offered("").contains(&verb.get_name().to_owned());
            assert_eq!(is_offered, !verb.is_hide_set(), "{}", verb.get_name());
            let flags = offered(&format!("{} --", verb.get_name()));
            for arg in verb.get_arguments().filter(|arg| !verb.is_hide_set() && arg.get_long().is_some()) {
                let flag = format!("--{}", arg.get_long().expect("it is long"));
                assert_eq!(flags.contains(&flag), !arg.is_hide_set(), "{} {flag}", verb.get_name());
            }
        }
    }

    #[test]
    fn a_place_that_is_not_there_is_no_fault() {
        for (words, at) in [(&[][..], 0), (&[], 7), (&["headroom".to_owned()][..], 9)] {
            let _ = candidates(&Cli::command(), words, at, &known_here);
        }
    }
}

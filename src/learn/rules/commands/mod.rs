//! Commands that failed, and the ones that did the same errand soon after.
//!
//! Each failure that its message explains stays open for some steps. A command that worked closes it: with a lesson where
//! it is another command for the same errand, without one where the same command works now (something was installed,
//! started or repaired in between). *Invariant:* failures without a known message are never looked at: a test that fails
//! and passes after an edit is no lesson.

mod family;
mod fate;
mod phrases;
mod remedy;
mod trouble;

use self::fate::{Fate, fate};
use self::remedy::{Remedy, remedy};
use self::trouble::{Trouble, troubles, variables_named};
use super::Rule;
use crate::learn::command::{Command, name_of};
use crate::learn::first_words::first_words;
use crate::learn::lesson::{Forbids, Lesson, Occurrence, Sign};
use crate::learn::step::{Happened, Moment, Recent, Step};
use crate::learn::{literal, place};
use crate::transcript::act::Act;
use crate::units::{Millis, Tokens};
use std::collections::VecDeque;

/// Steps within which another command is taken for an answer to a failure.
const NEAR: u64 = 12;

/// Failures that are open at a time.
const OPEN: usize = 16;

/// The rule; one for each thread.
#[derive(Default)]
pub struct Commands {
    steps: u64,
    open: VecDeque<Failure>,
    /// Commands that worked lately, as they may have started what another one needed.
    started: VecDeque<(u64, Command)>,
}

/// A command that failed for a known reason.
struct Failure {
    trouble: Trouble,
    command: Command,
    /// Where it ran, from the project's folder.
    folder: String,
    line: u64,
    at: Option<Millis>,
    step: u64,
    tokens: Tokens,
    turns: u64,
    /// A file was changed, or something installed, since.
    changed: bool,
    /// The variables that its message names.
    named: Vec<String>,
}

impl Rule for Commands {
    fn see(&mut self, recent: &Recent, found: &mut Vec<Occurrence>) {
        let Some(moment) = recent.latest() else { return };
        let Happened::Step(step) = &moment.event else { return };
        self.steps += 1;
        let now = self.steps;
        self.open.retain(|failure| now - failure.step <= NEAR);
        self.started.retain(|(at, _)| now - at <= NEAR);
        if matches!(step.act, Act::Edit { .. } | Act::Write { .. }) {
            self.changed();
        }
        let Some(line) = &step.commands else { return };
        let found_troubles = troubles(step);
        for (place, command) in line.commands.iter().enumerate() {
            let failed = found_troubles.iter().find(|(at, _)| *at == place);
            if let Some((_, trouble)) = failed {
                self.failed(recent, moment, step, *trouble, command);
                found.extend(self.forbidden(recent, *trouble));
            } else if fate(step, line, command) == Fate::Worked {
                self.worked(recent, step, command, found);
            }
        }
    }
}

impl Commands {
    fn changed(&mut self) {
        for failure in &mut self.open {
            failure.changed = true;
        }
    }

    fn failed(&mut self, recent: &Recent, moment: &Moment, step: &Step, trouble: Trouble, command: &Command) {
        let folder = folder_of(recent, step, command);
        let tokens = step.asked + step.output.tokens;
        let known = self.open.iter_mut().find(|known| {
            known.trouble == trouble && known.folder == folder && known.command.words == command.words
        });
        if let Some(known) = known {
            known.tokens += tokens;
            known.turns += 1;
            known.step = self.steps;
            return;
        }
        if self.open.len() == OPEN {
            self.open.pop_front();
        }
        self.open.push_back(Failure {
            trouble,
            command: command.clone(),
            folder,
            line: moment.line,
            at: moment.at,
            step: self.steps,
            tokens,
            turns: 1,
            changed: false,
            named: if trouble == Trouble::NoVariable { variables_named(step) } else { Vec::new() },
        });
    }

    /// What the sandbox does not allow needs no other command to prove it.
    fn forbidden(&mut self, recent: &Recent, trouble: Trouble) -> Option<Occurrence> {
        if trouble != Trouble::Sandbox {
            return None;
        }
        let failure = self.open.pop_back()?;
        let words = &failure.command.words;
        let what = literal::command(&words.get(..first_words(words).max(1))?.join(" "))?;
        Some(failure.says(recent, Lesson::NotAllowed { what, by: Forbids::Sandbox }))
    }

    fn worked(&mut self, recent: &Recent, step: &Step, command: &Command, found: &mut Vec<Occurrence>) {
        let folder = folder_of(recent, step, command);
        let mut lessons: Vec<Occurrence> = Vec::new();
        let mut kept = VecDeque::new();
        for failure in std::mem::take(&mut self.open) {
            let worked =
                Worked { command, folder: &folder, started: &self.started, project: &recent.project };
            match remedy(&failure, &worked) {
                Remedy::Other => kept.push_back(failure),
                Remedy::SameAgain => {}
                Remedy::Lesson(lesson) => {
                    // One command answers all the tries before it, once.
                    if let Some(known) = lessons.iter_mut().find(|known| known.lesson == lesson) {
                        known.tokens += failure.tokens;
                        known.turns += failure.turns;
                        continue;
                    }
                    lessons.push(failure.says(recent, lesson));
                }
            }
        }
        self.open = kept;
        found.append(&mut lessons);
        if installs(command) {
            self.changed();
        }
        self.started.push_back((self.steps, command.clone()));
        if OPEN < self.started.len() {
            self.started.pop_front();
        }
    }
}

impl Failure {
    /// What it taught.
    fn says(&self, recent: &Recent, lesson: Lesson) -> Occurrence {
        Occurrence {
            lesson,
            sign: Sign::For,
            session: recent.session.clone(),
            project: recent.project.clone(),
            agent: recent.agent.clone(),
            line: self.line,
            at: self.at,
            tokens: self.tokens,
            turns: self.turns,
        }
    }
}

/// A command that worked, with what worked before it.
struct Worked<'a> {
    command: &'a Command,
    folder: &'a str,
    started: &'a VecDeque<(u64, Command)>,
    project: &'a str,
}

/// Where a command ran, from the project's folder.
fn folder_of(recent: &Recent, step: &Step, command: &Command) -> String {
    let here = command.folder.as_deref().unwrap_or(".");
    place::relative(here, &step.folder, &recent.project)
}

/// True for a command that puts something on the machine.
fn installs(command: &Command) -> bool {
    const WORDS: &[&str] =
        &["install", "add", "sync", "i", "ci", "update", "upgrade", "venv", "create", "init", "setup"];
    let named = command.words.iter().skip(1).take(4).any(|word| WORDS.contains(&word.as_str()));
    named
        || matches!(
            name_of(command.program()),
            "ln" | "virtualenv" | "corepack" | "cp" | "mv" | "tee" | "touch" | "git"
        )
}

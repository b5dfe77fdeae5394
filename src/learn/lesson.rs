//! What can be learned, how often it was seen, and how it is said.

use super::advice::{Scope, World};
use super::facts::Fact;
use super::habit::{Habit, Needs};
use crate::units::{Millis, Tokens};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One thing that can be learned. Two occurrences of the same lesson are equal.
///
/// *Invariant:* its texts come from commands, paths and tool names of calls, never from what a tool printed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lesson {
    /// A command fails in this project, and another one does the work.
    UseCommand {
        /// What fails: program and subcommand, as typed.
        not: String,
        /// What worked.
        instead: String,
        /// Why the first one fails.
        because: Because,
    },
    /// A habit that costs: edits, repeats, big outputs, corrections.
    Habit(Habit),
    /// A path is asked for that does not exist; the file lies elsewhere.
    UsePath {
        /// What does not exist, from the project's folder.
        not: String,
        /// Where the file was found, from the project's folder.
        instead: String,
    },
    /// Several files of a folder that does not exist lie in another one.
    UseFolderPath {
        /// The folder that does not exist, from the project's folder.
        not: String,
        /// Where its files were found, from the project's folder.
        instead: String,
    },
    /// A command fails in the project's folder and works in one below it (or the other way round).
    UseFolder {
        /// Program and subcommand.
        command: String,
        /// Where it works, from the project's folder; `.` for that one itself.
        folder: String,
    },
    /// A command does not know a flag.
    DropFlag {
        /// Program and subcommand.
        command: String,
        /// The flag, as typed.
        flag: String,
        /// The flag that worked in its place; empty when it worked without.
        instead: String,
    },
    /// A command or tool is not allowed.
    NotAllowed {
        /// Program and subcommand, or the tool's name.
        what: String,
        /// Who does not allow it.
        by: Forbids,
    },
    /// A command works only after another one was run.
    StartFirst {
        /// Program and subcommand that fail.
        command: String,
        /// What makes them work.
        start: String,
    },
    /// A command needs a variable of the environment.
    SetVariable {
        /// Program and subcommand.
        command: String,
        /// The variable's name.
        variable: String,
    },
}

/// Why a command fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Because {
    /// There is no such program.
    NotFound,
    /// The project is built with another package manager.
    WrongManager,
    /// There is no such script, target, recipe, task or subcommand.
    NoSuchTask,
    /// The modules that it needs are installed elsewhere.
    NoModule,
}

/// Who does not allow something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Forbids {
    /// The person, or their permission rules.
    Person,
    /// The sandbox that the agent runs in.
    Sandbox,
}

impl Lesson {
    /// What it calls wrong, and what it puts in its place, where it has them.
    pub fn pair(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Lesson::UseCommand { not, instead, .. }
            | Lesson::UsePath { not, instead }
            | Lesson::UseFolderPath { not, instead } => (Some(not), Some(instead)),
            Lesson::UseFolder { command, folder } => (Some(command), Some(folder)),
            Lesson::DropFlag { flag, instead, .. } => {
                (Some(flag), Some(instead.as_str()).filter(|instead| !instead.is_empty()))
            }
            Lesson::NotAllowed { what, .. } => (Some(what), None),
            Lesson::StartFirst { command, start } => (Some(command), Some(start)),
            Lesson::SetVariable { command, variable } => (Some(command), Some(variable)),
            Lesson::Habit(Habit::Rather { not, instead }) => (Some(not), Some(instead)),
            Lesson::Habit(_) => (None, None),
        }
    }

    /// Every literal that its sentence holds.
    pub fn literals(&self) -> Vec<&str> {
        if let Lesson::Habit(habit) = self {
            return habit.literals();
        }
        let (wrong, right) = self.pair();
        let command = match self {
            Lesson::DropFlag { command, .. } => Some(command.as_str()),
            _ => None,
        };
        [command, wrong, right].into_iter().flatten().collect()
    }

    /// The literals that the agent is told to follow: all but those of what it is told to leave.
    pub fn followed(&self) -> Vec<&str> {
        match self {
            Lesson::NotAllowed { .. } | Lesson::Habit(Habit::Unwanted { .. }) => Vec::new(),
            _ => self.literals(),
        }
    }

    /// What two lessons that can't both hold have in common; `None` for one that has no rivals.
    pub fn wrong(&self) -> Option<String> {
        match self {
            Lesson::UseCommand { not, .. } | Lesson::Habit(Habit::Rather { not, .. }) => {
                Some(format!("command {not}"))
            }
            Lesson::UsePath { not, .. } => Some(format!("path {not}")),
            Lesson::UseFolderPath { not, .. } => Some(format!("folder of {not}")),
            Lesson::UseFolder { command, .. } => Some(format!("folder {command}")),
            Lesson::DropFlag { command, flag, .. } => Some(format!("flag {command} {flag}")),
            Lesson::NotAllowed { .. } | Lesson::StartFirst { .. } | Lesson::SetVariable { .. } => None,
            Lesson::Habit(_) => None,
        }
    }

    /// Where it is written.
    pub fn scope(&self) -> Scope {
        match self {
            Lesson::Habit(habit) => habit.setting().map_or(Scope::Memory, Scope::Setting),
            _ => Scope::Memory,
        }
    }

    /// How often it must have been seen; `None`: it never becomes advice.
    pub fn needs(&self) -> Option<Needs> {
        match self {
            Lesson::Habit(habit) => habit.needs(),
            _ => Some(Needs { times: 2, sessions: 1 }),
        }
    }

    /// What takes it back when it happens after the last time that the lesson was seen.
    pub fn refuted_by(&self) -> Vec<Fact> {
        let words = |command: &str| command.split(' ').map(str::to_owned).collect::<Vec<_>>();
        match self {
            // What a package manager does besides building the project says nothing.
            Lesson::UseCommand { not, because: Because::WrongManager, .. } => {
                let commands = ["install", "i", "ci", "add", "run", "test", "exec"];
                commands
                    .iter()
                    .map(|command| Fact::Command(vec![not.clone(), (*command).to_owned()]))
                    .collect()
            }
            // A script that needs no module works anywhere.
            Lesson::UseCommand { because: Because::NoModule, .. } => Vec::new(),
            Lesson::UseCommand { not, .. } => {
                let mut facts = vec![Fact::Command(words(not))];
                if let Some((manager, task)) = not.split_once(' ') {
                    facts.push(Fact::Command(vec![manager.to_owned(), "run".to_owned(), task.to_owned()]));
                }
                facts
            }
            Lesson::UsePath { not, .. } | Lesson::UseFolderPath { not, .. } => vec![Fact::Path(not.clone())],
            Lesson::UseFolder { command, folder } if folder != "." => vec![Fact::AtTop(words(command))],
            Lesson::UseFolder { .. } => Vec::new(),
            Lesson::DropFlag { command, flag, .. } => {
                let program = command.split(' ').next().unwrap_or_default();
                vec![Fact::Flag(program.to_owned(), flag.clone())]
            }
            Lesson::NotAllowed { what, .. } => vec![Fact::Command(words(what)), Fact::Tool(what.clone())],
            Lesson::StartFirst { .. } | Lesson::SetVariable { .. } | Lesson::Habit(_) => Vec::new(),
        }
    }

    /// True when nothing on this machine speaks against it today.
    pub fn holds(&self, project: &Path, world: &dyn World) -> bool {
        let runs = |command: &str| {
            // The program behind what is set up for it.
            let command = command.rsplit(" && ").next().unwrap_or(command);
            let program = command.split(' ').next().unwrap_or_default();
            if program.contains('/') {
                world.path_exists(&placed(project, program, world))
            } else {
                world.program_exists(program)
            }
        };
        match self {
            Lesson::UseCommand { not, instead, because } => {
                // What a runner did not find can't be asked for here.
                let gone = *because != Because::NotFound || not.contains(' ') || !runs(not);
                let sourced = instead.strip_prefix("source ").and_then(|rest| rest.split(' ').next());
                let ready = match sourced {
                    Some(file) => world.path_exists(&placed(project, file, world)),
                    None => runs(instead),
                };
                gone && ready && !(*because == Because::NoSuchTask && is_task(project, not, world))
            }
            Lesson::UsePath { not, instead } | Lesson::UseFolderPath { not, instead } => {
                world.path_exists(&placed(project, instead, world))
                    && !world.path_exists(&placed(project, not, world))
            }
            Lesson::UseFolder { folder, .. } => world.is_folder(&placed(project, folder, world)),
            Lesson::DropFlag { command, .. } => runs(command),
            Lesson::NotAllowed { .. } => true,
            Lesson::StartFirst { command, start } => runs(command) && runs(start),
            Lesson::SetVariable { command, .. } => runs(command),
            Lesson::Habit(habit) => {
                habit.program().is_none_or(runs)
                    && habit.path().is_none_or(|path| world.path_exists(&placed(project, path, world)))
            }
        }
    }
}

/// True when the project has the task that a command names: a script, a target.
fn is_task(project: &Path, command: &str, world: &dyn World) -> bool {
    let words: Vec<&str> = command.split(' ').collect();
    let (Some(program), Some(task)) = (words.first(), words.last()) else { return false };
    match *program {
        "npm" | "pnpm" | "yarn" | "bun" => {
            world.file_contains(&project.join("package.json"), &format!("\"{task}\":"))
        }
        "make" | "gmake" => world.file_contains(&project.join("Makefile"), &format!("\n{task}:")),
        _ => false,
    }
}

/// A path of a lesson on this machine.
fn placed(project: &Path, path: &str, world: &dyn World) -> PathBuf {
    match (path.strip_prefix("~/"), world.home()) {
        (Some(inside), Some(home)) => home.join(inside),
        _ => project.join(path),
    }
}

/// One time that a lesson was seen.
#[derive(Clone, Debug)]
pub struct Occurrence {
    /// What was seen.
    pub lesson: Lesson,
    /// Speaks for it or against it.
    pub sign: Sign,
    /// In which session.
    pub session: Arc<str>,
    /// In which project.
    pub project: Arc<str>,
    /// By which agent.
    pub agent: Arc<str>,
    /// In which line of its transcript.
    pub line: u64,
    /// When.
    pub at: Option<Millis>,
    /// Tokens that it cost (output and call of what failed, roughly).
    pub tokens: Tokens,
    /// Requests that it cost.
    pub turns: u64,
}

/// Whether an occurrence speaks for a lesson or against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It happened again.
    For,
    /// What the lesson calls wrong worked: newer than what speaks for it, it takes the lesson back.
    Against,
}

//! Paths that do not exist, and where the file was found.
//!
//! Told by the end of the path: the file's name and at least the folder that it lies in. *Invariant:* a name alone, such
//! as `mod.rs`, pairs nothing; what was written in between was made, not found.

use super::Rule;
use crate::learn::lesson::{Lesson, Occurrence, Sign};
use crate::learn::step::{Happened, Recent};
use crate::learn::{literal, place};
use crate::transcript::Ending;
use crate::transcript::act::Act;
use crate::units::{Millis, Tokens};
use std::collections::VecDeque;

/// Steps within which the file must be found.
const NEAR: u64 = 12;

/// Paths that are looked for at a time.
const OPEN: usize = 16;

/// The rule.
#[derive(Default)]
pub struct Paths {
    steps: u64,
    open: VecDeque<Missing>,
}

/// A path that was asked for and does not exist.
struct Missing {
    path: String,
    line: u64,
    at: Option<Millis>,
    step: u64,
    tokens: Tokens,
    turns: u64,
}

/// How tools say that there is no such file.
const GONE: &[&str] = &[
    "does not exist",
    "no such file",
    "enoent",
    "not found",
    "cannot find",
    "could not find",
    "couldn't find",
    "doesn't exist",
];

impl Rule for Paths {
    fn see(&mut self, recent: &Recent, found: &mut Vec<Occurrence>) {
        let Some(moment) = recent.latest() else { return };
        let Happened::Step(step) = &moment.event else { return };
        self.steps += 1;
        let now = self.steps;
        self.open.retain(|missing| now - missing.step <= NEAR);
        let path = match &step.act {
            Act::Read { path, .. } => path,
            Act::Write { path } => {
                let path = place::relative(&path.to_string_lossy(), &step.folder, &recent.project);
                self.open.retain(|missing| name_of(&missing.path) != name_of(&path));
                return;
            }
            _ => return,
        };
        let path = place::relative(&path.to_string_lossy(), &step.folder, &recent.project);
        match step.ending {
            Ending::Worked => self.found(recent, &path, found),
            Ending::Failed(_) => {
                let says = step.output.head.lines().take(5).any(|line| {
                    let line = line.to_lowercase();
                    GONE.iter().any(|gone| line.contains(gone))
                });
                if !says {
                    return;
                }
                let tokens = step.asked + step.output.tokens;
                if let Some(known) = self.open.iter_mut().find(|known| known.path == path) {
                    (known.tokens, known.turns, known.step) = (known.tokens + tokens, known.turns + 1, now);
                    return;
                }
                if self.open.len() == OPEN {
                    self.open.pop_front();
                }
                let (line, at) = (moment.line, moment.at);
                self.open.push_back(Missing { path, line, at, step: now, tokens, turns: 1 });
            }
            _ => {}
        }
    }
}

impl Paths {
    fn found(&mut self, recent: &Recent, path: &str, found: &mut Vec<Occurrence>) {
        // The same path was there all along, or came to be.
        self.open.retain(|missing| missing.path != path);
        let mut kept = VecDeque::new();
        for missing in std::mem::take(&mut self.open) {
            let lessons = moved(&missing.path, path, &recent.project);
            if lessons.is_empty() {
                kept.push_back(missing);
                continue;
            }
            found.extend(lessons.into_iter().map(|lesson| Occurrence {
                lesson,
                sign: Sign::For,
                session: recent.session.clone(),
                project: recent.project.clone(),
                agent: recent.agent.clone(),
                line: missing.line,
                at: missing.at,
                tokens: missing.tokens,
                turns: missing.turns,
            }));
        }
        self.open = kept;
    }
}

/// That a file which is looked for in one place lies in another, and that so may its folder; nothing where the paths may
/// be of two files.
fn moved(missing: &str, found: &str, project: &str) -> Vec<Lesson> {
    let shared = shared(missing, found);
    // The file's name and a folder; or the name alone where it is no common one.
    let enough = 2 <= shared || (shared == 1 && !is_common(name_of(missing)));
    let (Some(not), Some(instead)) = (literal::path(missing, project), literal::path(found, project)) else {
        return Vec::new();
    };
    if !enough || not == instead {
        return Vec::new();
    }
    let folders = folders(&not, &instead);
    let folders = folders.map(|(not, instead)| Lesson::UseFolderPath { not, instead });
    [Lesson::UsePath { not, instead }].into_iter().chain(folders).collect()
}

/// How many parts two paths share at their ends.
fn shared(one: &str, other: &str) -> usize {
    one.rsplit('/').zip(other.rsplit('/')).take_while(|(one, other)| one == other).count()
}

/// The folders in which two paths differ, up to the first part that they share behind them, where that is a folder too;
/// `None` where one of them is the project's own.
pub(in crate::learn) fn folders(not: &str, instead: &str) -> Option<(String, String)> {
    let shared = shared(not, instead);
    let root = |path: &str| -> Option<String> {
        let parts: Vec<&str> = path.split('/').collect();
        let kept = parts.len().checked_sub(shared)? + usize::from(2 <= shared);
        let root = parts.get(..kept)?.join("/");
        (!root.is_empty()).then_some(root)
    };
    Some((root(not)?, root(instead)?))
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Names that many files have.
fn is_common(name: &str) -> bool {
    const STEMS: &[&str] = &[
        "index",
        "main",
        "mod",
        "lib",
        "__init__",
        "readme",
        "package",
        "cargo",
        "makefile",
        "config",
        "types",
        "utils",
        "test",
        "tests",
        "setup",
        "conftest",
        "app",
        "models",
        "views",
        "settings",
        "styles",
        "page",
        "layout",
        "route",
        "constants",
        "helpers",
        "schema",
        "dockerfile",
        "changelog",
        "license",
        "build",
        "pyproject",
        "tsconfig",
        "go",
        "pom",
        "util",
        "common",
    ];
    let stem = name.split('.').next().unwrap_or(name).to_lowercase();
    stem.len() < 3 || STEMS.contains(&stem.as_str()) || !name.contains('.')
}

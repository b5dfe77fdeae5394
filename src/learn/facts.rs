//! What worked, and when: the newest time of each, to hold lessons against.
//!
//! *Invariant:* bounded. When it is full, old projects' facts stay and new ones are not noted.

use super::command::{Command, Shows};
use super::place;
use super::step::{Happened, Moment};
use crate::transcript::Ending;
use crate::transcript::act::Act;
use crate::units::Millis;
use std::collections::HashMap;

/// Facts that are kept.
const MOST: usize = 1 << 19;

/// Something that worked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fact {
    /// A command that begins with these words.
    Command(Vec<String>),
    /// A command that begins with these words, in the project's own folder.
    AtTop(Vec<String>),
    /// A flag of a command (its first word).
    Flag(String, String),
    /// A path was read.
    Path(String),
    /// A tool that is no shell.
    Tool(String),
}

/// The newest time of everything that worked.
#[derive(Default)]
pub struct Facts {
    newest: HashMap<[u8; 16], Option<Millis>>,
}

impl Facts {
    /// Notes what worked in a moment of a thread.
    pub fn see(&mut self, project: &str, moment: &Moment) {
        let Happened::Step(step) = &moment.event else { return };
        if step.ending != Ending::Worked {
            return;
        }
        match (&step.act, &step.commands) {
            (Act::Shell { .. }, Some(line)) => {
                let proven = line.commands.iter().filter(|command| command.shows == Shows::Success);
                // In an environment that was set up for it a command says nothing about itself.
                for command in proven.filter(|command| command.sourced.is_none()) {
                    let folder =
                        place::relative(command.folder.as_deref().unwrap_or("."), &step.folder, project);
                    self.ran(project, command, folder == ".", moment.at);
                }
            }
            (Act::Read { path, .. } | Act::Write { path } | Act::Edit { path, .. }, _) => {
                let path = place::relative(&path.to_string_lossy(), &step.folder, project);
                // The file, and the folders that it lies in.
                for path in
                    std::iter::successors(Some(path.as_str()), |path| Some(path.rsplit_once('/')?.0)).take(16)
                {
                    self.note(project, &Fact::Path(path.to_owned()), moment.at);
                }
            }
            (Act::Other, _) => self.note(project, &Fact::Tool(step.tool.clone()), moment.at),
            _ => {}
        }
    }

    fn ran(&mut self, project: &str, command: &Command, at_top: bool, at: Option<Millis>) {
        /// Words of a command that a lesson may name.
        const WORDS: usize = 4;
        for count in 1..=command.words.len().min(WORDS) {
            let words: Vec<String> = command.words.iter().take(count).cloned().collect();
            if at_top {
                self.note(project, &Fact::AtTop(words.clone()), at);
            }
            self.note(project, &Fact::Command(words), at);
        }
        for flag in command.flags().take(32) {
            self.note(project, &Fact::Flag(command.program().to_owned(), flag.to_owned()), at);
        }
    }

    /// Something worked in `project`.
    pub fn note(&mut self, project: &str, fact: &Fact, at: Option<Millis>) {
        let key = key(project, fact);
        if self.newest.len() < MOST || self.newest.contains_key(&key) {
            let newest = self.newest.entry(key).or_insert(at);
            *newest = (*newest).max(at);
        }
    }

    /// True when it worked in `project` after `since`; without times, when it worked at all.
    pub fn since(&self, project: &str, fact: &Fact, since: Option<Millis>) -> bool {
        match (self.newest.get(&key(project, fact)), since) {
            (Some(Some(newest)), Some(since)) => since < *newest,
            (Some(_), _) => true,
            (None, _) => false,
        }
    }
}

fn key(project: &str, fact: &Fact) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(project.as_bytes()).update(&[0]).update(format!("{fact:?}").as_bytes());
    let mut key = [0; 16];
    hasher.finalize_xof().fill(&mut key);
    key
}

//! What a run of learning says: a sentence, what it rests on, where it belongs, and whether somebody must agree first.

use super::evidence::Evidence;
use super::lesson::Lesson;
use super::peril::{self, Peril};
use super::settings::Setting;
use std::path::Path;
use std::sync::Arc;

/// A lesson that has passed every gate.
#[derive(Clone, Debug)]
pub struct Advice {
    /// Names the lesson in its project, the same in every run: 16 hex digits.
    pub id: String,
    /// Where it holds.
    pub project: Arc<str>,
    /// What was learned.
    pub lesson: Lesson,
    /// What it rests on.
    pub evidence: Evidence,
    /// The lesson in one line of Markdown, the literals between backticks.
    pub sentence: String,
    /// Where it is written.
    pub scope: Scope,
    /// Whether it may be written without being asked for.
    pub consent: Consent,
}

/// Where advice is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Into the memory file of the agents that it was seen with.
    Memory,
    /// Into headroom's own settings.
    Setting(Setting),
}

/// Whether advice may be written without an explicit yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consent {
    /// It names nothing that could do harm.
    Free,
    /// Never without a yes to this very advice: why.
    Asked(Vec<Peril>),
}

impl Consent {
    /// What writing these literals asks for.
    pub fn for_literals(literals: &[&str]) -> Consent {
        let mut perils: Vec<Peril> = literals.iter().flat_map(|literal| peril::of(literal)).collect();
        perils.sort_unstable();
        perils.dedup();
        if perils.is_empty() { Consent::Free } else { Consent::Asked(perils) }
    }

    /// True when it may be written with the others.
    pub fn is_free(&self) -> bool {
        *self == Consent::Free
    }
}

/// What is true on this machine today. Asked once per lesson and literal; says `false` when it can't tell.
pub trait World {
    /// A program of that name is found where the agent's shell would look.
    fn program_exists(&self, name: &str) -> bool;
    /// There is something at that path.
    fn path_exists(&self, path: &Path) -> bool;
    /// There is a folder at that path.
    fn is_folder(&self, path: &Path) -> bool;
    /// The file, with a line break before its first line, holds that text in its first MiB.
    fn file_contains(&self, path: &Path, text: &str) -> bool;
    /// What the memory files of that project say outside of our block; empty when there are none.
    fn memory(&self, project: &Path) -> String;
    /// The user's own folder, to say `~` instead of it.
    fn home(&self) -> Option<&Path> {
        None
    }
}

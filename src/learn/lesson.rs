//! What can be learned, how often it was seen, and how it is said.

use super::habit::Habit;
use crate::units::{Millis, Tokens};
use std::sync::Arc;

/// One thing that can be learned. Two occurrences of the same lesson are equal.
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
}

/// Why a command fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Because {
    /// There is no such program.
    NotFound,
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

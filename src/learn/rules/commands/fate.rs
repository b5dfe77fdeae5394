//! How each command of a line ended, as far as exit status and output tell.
//!
//! *Invariant:* [`Fate::Worked`] is proven: by the exit status, or, where filters hide it, by an output without any sign
//! of failure.

use crate::learn::command::{Command, Line, Shows};
use crate::learn::step::{Excerpt, Step};
use crate::transcript::Ending;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It did what it was asked.
    Worked,
    /// It failed.
    Failed,
    /// It can't be told.
    Unclear,
}

/// Commands that fail or not without telling anything of what the line is for.
const ASIDE: &[&str] =
    &["echo", "printf", "true", "pwd", "date", "sleep", "mkdir", "ls", "which", "type", "test", "["];

/// How `command`, one of those of `line`, ended.
pub(super) fn fate(step: &Step, line: &Line, command: &Command) -> Fate {
    match step.ending {
        Ending::Worked => match command.shows {
            // A program that ran commands may have come to its end whatever became of them.
            Shows::Success if !step.output.head.starts_with("Script completed") => Fate::Worked,
            Shows::Success | Shows::Filtered if !looks_failed(&step.output) => Fate::Worked,
            Shows::Echoed => match status_at_end(&step.output) {
                Some(0) => Fate::Worked,
                Some(_) => Fate::Failed,
                None => Fate::Unclear,
            },
            _ => Fate::Unclear,
        },
        Ending::Unknown => {
            let shows = matches!(command.shows, Shows::Success | Shows::Filtered);
            if shows && !looks_failed(&step.output) { Fate::Worked } else { Fate::Unclear }
        }
        Ending::Failed(_) => {
            let mut others = line
                .commands
                .iter()
                .filter(|other| !ASIDE.contains(&other.program()) && !std::ptr::eq(*other, command));
            // The filters behind it end well whatever they are given.
            let alone = match command.shows {
                Shows::Filtered => others.all(|other| other.shows == Shows::Success),
                _ => others.next().is_none(),
            };
            if alone && !ASIDE.contains(&command.program()) { Fate::Failed } else { Fate::Unclear }
        }
        Ending::Denied | Ending::Interrupted => Fate::Unclear,
    }
}

/// The number that the last line ends with: `exit: 1`.
fn status_at_end(output: &Excerpt) -> Option<i32> {
    let last = output.lines().rfind(|line| !line.trim().is_empty())?;
    let digits = last.trim_end().rsplit(|letter: char| !letter.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// What a failure looks like, in small letters.
const FAILED: &[&str] = &[
    "error",
    "failed",
    "failure",
    "fatal",
    "not found",
    "no such",
    "cannot",
    "can't",
    "could not",
    "couldn't",
    "denied",
    "traceback",
    "exception",
    "unrecognized",
    "unknown option",
    "unknown command",
    "invalid",
    "missing script",
    "refused",
    "usage:",
    "panicked",
    "abort",
    "not recognized",
    "no rule",
    "command not",
    "timed out",
    "nicht gefunden",
];

/// What looks like a failure and is none.
const FINE: &[&str] = &[
    "0 failed",
    "0 errors",
    "0 failures",
    "no errors",
    "errors: 0",
    "failed: 0",
    "failures: 0",
    "0 error",
    "error: 0",
    "failures=0",
    "errors=0",
    "without error",
    "no issues",
    "no failures",
];

/// True when any line looks like a failure.
pub(super) fn looks_failed(output: &Excerpt) -> bool {
    output.lines().any(|line| {
        let mut line = line.to_lowercase();
        for fine in FINE {
            // `10 failed` holds `0 failed`.
            if let Some(at) = line.find(fine)
                && !line[..at].ends_with(|letter: char| letter.is_ascii_digit())
            {
                line.replace_range(at..at + fine.len(), "");
            }
        }
        FAILED.iter().any(|sign| line.contains(sign))
    })
}

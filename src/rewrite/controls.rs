//! What the user asks for in the middle of a session, and what of it holds for one request.
//!
//! *Invariant:* a control only ever keeps a new block as it came. What was sent for a block is pinned, and no control
//! comes near a pin.

use super::policy::Told;
use super::{Caller, Reach, Writes, rules};
use crate::compress::content;
use crate::store::{Ask, Control};
use crate::units::SessionId;
use std::fmt;

/// Letters of a pattern at most.
pub const LONGEST: usize = 200;

/// Which outputs are never made shorter: `npm test*`, `mcp__db__*`, `Bash(npm test*)`, `Read(*.sql)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    written: String,
    /// Fits a tool's name; `None`: any tool.
    tool: Option<String>,
    /// Fits a command or a path; `None`: any.
    inside: Option<String>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Why it is none, as one clause.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        let written = text.trim().to_owned();
        if written.is_empty() {
            return Err("it is empty".to_owned());
        }
        if LONGEST < written.chars().count() {
            return Err(format!("it has more than {LONGEST} letters"));
        }
        if written.chars().any(char::is_control) {
            return Err("it has a control character in it".to_owned());
        }
        let split = written.strip_suffix(')').and_then(|rest| rest.split_once('('));
        // A command may have brackets too; a tool's name has no space before them.
        let split = split.filter(|(tool, _)| !tool.is_empty() && !tool.contains(char::is_whitespace));
        let (tool, inside) = match split {
            Some((tool, inside)) => (Some(tool.to_owned()), Some(inside.to_owned())),
            None => (None, None),
        };
        Ok(Pattern { written, tool, inside: inside.filter(|inside| !inside.is_empty()) })
    }

    /// True when it is about the output that `told` tells of; `commands` are those of its command line.
    pub(super) fn fits(&self, told: &Told, commands: &[String]) -> bool {
        let command = |pattern: &str| {
            fits_command(pattern, told.command.trim())
                || commands.iter().any(|command| fits_command(pattern, command))
        };
        match (&self.tool, &self.inside) {
            (None, _) => fits(&self.written, &told.tool) || command(&self.written),
            (Some(tool), None) => fits(tool, &told.tool),
            (Some(tool), Some(inside)) => {
                let path = !told.path.is_empty() && rules::matches(inside, &told.path);
                fits(tool, &told.tool) && (path || command(inside))
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.written)
    }
}

/// What holds for one request.
#[derive(Clone, Debug, Default)]
pub(super) struct InForce {
    /// That it is paused, in the words of who asked for it.
    pub paused: Option<String>,
    never: Vec<Pattern>,
}

impl InForce {
    /// True when this caller goes by controls: the filter and the library are told what to do each time.
    pub fn is_for(caller: &Caller) -> bool {
        caller.reach == Reach::Tail || caller.writes == Writes::Nothing
    }

    /// What of `controls` holds for this caller in this session.
    pub fn of(controls: &[Control], caller: &Caller, session: &SessionId) -> InForce {
        let folder = caller.scope.project.as_str();
        let mut found = InForce::default();
        for control in controls {
            let (holds, said) = match control.ask {
                Ask::PauseSession => {
                    (control.pattern == session.0, format!("headroom pause {}", control.pattern))
                }
                Ask::PauseRun => (control.pattern == caller.run, "headroom pause".to_owned()),
                Ask::PauseFolder => (control.covers(folder), "headroom pause".to_owned()),
                Ask::Never => {
                    if control.covers(folder) {
                        found.never.extend(Pattern::parse(&control.pattern));
                    }
                    continue;
                }
            };
            if holds && found.paused.is_none() {
                found.paused = Some(said);
            }
        }
        found
    }

    /// What the user said of this output, where they said that it is never made shorter.
    pub fn never(&self, told: &Told) -> Option<String> {
        if self.never.is_empty() {
            return None;
        }
        let commands = content::commands_in(&told.command);
        let deciding = self.never.iter().find(|pattern| pattern.fits(told, &commands))?;
        Some(format!("headroom never \"{deciding}\""))
    }
}

/// A command fits that begins with the words of a pattern without stars, or fits one with them. Claude Code
/// writes `:*` for whatever follows.
fn fits_command(pattern: &str, command: &str) -> bool {
    if command.is_empty() {
        return false;
    }
    let words = pattern.strip_suffix(":*").unwrap_or(pattern).trim();
    rules::begins_with_words(command, words) || fits(pattern, command)
}

/// Whether all of `text` fits `pattern`: `*` is any letters, `?` is one. `pattern × text` steps at most.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut place) = (0, 0);
    // Where the last star stands, and how much of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while place < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == text[place] => {
                at += 1;
                place += 1;
            }
            _ => match star {
                Some((from, taken)) => {
                    star = Some((from, taken + 1));
                    at = from + 1;
                    place = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_tools_commands_and_paths() {
        let told = |tool: &str, command: &str, path: &str| Told {
            tool: tool.to_owned(),
            command: command.to_owned(),
            path: path.to_owned(),
            ..Told::default()
        };
        let bash = |command: &str| told("Bash", command, "");
        let cases = [
            ("npm test*", bash("npm test"), true),
            ("npm test*", bash("npm test -- --ci"), true),
            ("npm test", bash("npm test -- --ci"), true),
            ("npm test", bash("npm tests"), false),
            ("npm test*", bash("cd web && CI=1 npm test 2>&1 | tail -50"), true),
            ("npm test*", bash("bash -lc 'cd web && npm test'"), true),
            ("npm test*", bash("[\"bash\",\"-lc\",\"npm test\"]"), true),
            ("npm test*", bash("bash -lc npm test"), true),
            ("npm test*", bash("echo npm test"), false),
            ("pytest", bash("python -m pytest -q"), true),
            ("Bash", bash("ls"), true),
            ("Bash", told("BashOutput", "", ""), false),
            ("Bash*", told("BashOutput", "", ""), true),
            ("mcp__db__*", told("mcp__db__query", "", ""), true),
            ("mcp__db__*", told("mcp__web__get", "", ""), false),
            ("Bash(npm test*)", bash("npm test"), true),
            ("Bash(npm test:*)", bash("npm test --ci"), true),
            ("Bash(npm test*)", told("shell", "npm test", ""), false),
            ("*(npm test*)", told("shell", "npm test", ""), true),
            ("Bash()", bash("ls"), true),
            ("Read(*.sql)", told("Read", "", "/project/a.sql"), true),
            ("Read(db/**)", told("Read", "", "/project/db/x/a.sql"), true),
            ("Read(*.sql)", told("Read", "", "/project/a.rs"), false),
            ("git log --format=(%h)", bash("git log --format=(%h) -5"), true),
            ("*", told("", "", ""), true),
        ];
        for (pattern, told, fits) in cases {
            let commands = content::commands_in(&told.command);
            let read = Pattern::parse(pattern).expect("a pattern");
            assert_eq!(read.fits(&told, &commands), fits, "{pattern} on {told:?}");
            assert_eq!(read.to_string(), pattern);
        }
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for odd in ["", "  ", "a\nb", &"x".repeat(201)] {
            assert!(Pattern::parse(odd).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn stars_are_tried_in_bounded_time() {
        let pattern = "*a".repeat(90) + "*b";
        assert!(!fits(&pattern, &"a".repeat(60_000)));
    }
}

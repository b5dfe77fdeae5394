//! Lessons in words: our own, with literals in backticks.

use super::lesson::{Because, Forbids, Lesson};

/// The lesson in one line of Markdown.
pub fn sentence(lesson: &Lesson) -> String {
    match lesson {
        Lesson::UseCommand { not, instead, because } => {
            let because = match because {
                Because::NotFound => format!("`{not}` is not found here"),
                Because::WrongManager => "this project is built with another package manager".to_owned(),
                Because::NoSuchTask => "there is no such task".to_owned(),
                Because::NoModule => "the modules are installed there".to_owned(),
            };
            format!("Run `{instead}`, not `{not}` ({because}).")
        }
        Lesson::UsePath { not, instead } => format!("`{not}` is at `{instead}`."),
        Lesson::UseFolderPath { not, instead } => format!("Files of `{not}/` are in `{instead}/`."),
        Lesson::UseFolder { command, folder } if folder == "." => {
            format!("Run `{command}` in the project's own folder: it fails in those below.")
        }
        Lesson::UseFolder { command, folder } => {
            format!("Run `{command}` in `{folder}`: it fails elsewhere.")
        }
        Lesson::DropFlag { command, flag, instead } if instead.is_empty() => {
            format!("`{command}` has no `{flag}` here: run it without.")
        }
        Lesson::DropFlag { command, flag, instead } => {
            format!("`{command}` has no `{flag}` here: use `{instead}`.")
        }
        Lesson::NotAllowed { what, by: Forbids::Person } => {
            format!("Do not run `{what}` without being asked to: it was refused each time.")
        }
        Lesson::NotAllowed { what, by: Forbids::Sandbox } => {
            format!("`{what}` does not work inside the sandbox: ask for approval first.")
        }
        Lesson::StartFirst { command, start } => {
            format!("Before `{command}`, start what it needs: `{start}`.")
        }
        Lesson::SetVariable { command, variable } => {
            format!("`{command}` needs the variable `{variable}` to be set.")
        }
        Lesson::Habit(habit) => habit.sentence(),
    }
}

/// True when `memory`, what stands in the memory files, says the lesson already: one line of it names the remedy, and
/// what is wrong or how it is meant.
pub fn says(memory: &str, lesson: &Lesson) -> bool {
    /// Words that make naming a command a rule.
    const MEANT: &[&str] =
        &["use ", "run ", "always ", "never ", "prefer", "only ", "instead", "not ", "with "];
    let (wrong, right) = lesson.pair();
    if wrong.is_none() && right.is_none() {
        return memory.contains(&sentence(lesson));
    }
    let lines = memory.lines().map(|line| line.get(..4_096).unwrap_or(line));
    lines.filter(|line| right.is_some_and(|right| names(line, right)) || right.is_none()).any(|line| {
        let lower = line.to_lowercase();
        let rule = MEANT.iter().any(|word| lower.contains(word));
        let named = wrong.is_some_and(|wrong| names(line, wrong));
        match right {
            Some(right) => named || rule || right.contains(' '),
            None => named && rule,
        }
    })
}

/// True when `line` holds `words` with no letter of a word on either side.
fn names(line: &str, words: &str) -> bool {
    let inside = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '/' | '.');
    line.match_indices(words).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let mut after = line[at + words.len()..].chars();
        // A full stop that ends a sentence is no part of a name.
        let next = after.next().filter(|next| *next != '.' || after.next().is_some_and(inside));
        !before.is_some_and(inside) && !next.is_some_and(inside)
    })
}

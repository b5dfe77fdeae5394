//! What went wrong with a command, told by the shapes of the messages that shells and tools print.
//!
//! *Invariant:* a message only counts where it names a word of the command itself (or the command is known to print it),
//! and only that word is kept: nothing else of an output leaves this file.

use super::fate::{Fate, fate};
use super::phrases::{
    MANAGERS, NO_FILE, NO_FLAG, NO_MODULE, NO_SERVICE, NO_TASK, NO_TASK_AFTER, NO_VARIABLE, NOT_FOUND,
    NOT_FOUND_ELSE, NOT_HERE, OTHER_MANAGER, PROBES, SANDBOX, SHELLS,
};
use crate::learn::command::{Command, name_of};
use crate::learn::step::{Excerpt, Step};
use crate::transcript::Ending;
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::sync::LazyLock;

/// Lines of an output that are looked at, and bytes of each.
const LINES: usize = 400;
const WIDTH: usize = 400;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// There is no program of that name: the word at this place.
    NotFound(usize),
    /// The project is built with another package manager.
    WrongManager,
    /// There is no such script, target, recipe or subcommand: the word at this place.
    NoTask(usize),
    /// A module is missing.
    NoModule,
    /// The project is not here: no manifest, or no file of that name.
    NotHere,
    /// The flag at this place is not known.
    NoFlag(usize),
    /// A service does not answer.
    NoService,
    /// A variable of the environment is missing.
    NoVariable,
    /// The sandbox does not allow it.
    Sandbox,
}

/// What went wrong in `step`: the command's place in the line, and how.
pub(super) fn troubles(step: &Step) -> Vec<(usize, Trouble)> {
    /// Commands of a line that are looked at.
    const COMMANDS: usize = 8;
    let Some(line) = &step.commands else { return Vec::new() };
    if matches!(step.ending, Ending::Denied | Ending::Interrupted) {
        return Vec::new();
    }
    let lines = lines(&step.output);
    let mut found = Vec::new();
    for (place, command) in line.commands.iter().enumerate().take(COMMANDS) {
        let fate = fate(step, line, command);
        if command.nested || fate == Fate::Worked {
            continue;
        }
        let probes = PROBES.contains(&name_of(command.program()));
        let trouble = trouble(command, &lines, fate);
        let counts =
            |trouble: &Trouble| !probes || matches!(trouble, Trouble::NotFound(0) | Trouble::NoFlag(_));
        found.extend(trouble.filter(counts).map(|trouble| (place, trouble)));
    }
    found
}

/// The names in capital letters that the messages of `step` about missing variables hold. They are only compared.
pub(super) fn variables_named(step: &Step) -> Vec<String> {
    /// Names that are kept.
    const NAMES: usize = 8;
    let lines = lines(&step.output);
    let told = lines.iter().filter(|said| NO_VARIABLE.iter().any(|phrase| said.small.contains(phrase)));
    let words = told
        .flat_map(|said| said.line.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_'));
    let names = words.filter(|word| {
        2 < word.len()
            && word
                .chars()
                .all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_')
    });
    names.take(NAMES).map(str::to_owned).collect()
}

/// Every phrase that is known, to pass over lines without one at once.
static PHRASES: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let tables = [NOT_FOUND, NOT_FOUND_ELSE, OTHER_MANAGER, NO_TASK, NO_FLAG, NO_MODULE, NOT_HERE, NO_FILE];
    let tables = tables.into_iter().chain([NO_SERVICE, NO_VARIABLE, SANDBOX]).flatten().copied();
    let phrases = tables.chain(NO_TASK_AFTER.iter().map(|(_, after)| *after));
    AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(phrases).ok()
});

/// A line of an output that holds a known phrase.
struct Said<'a> {
    line: &'a str,
    /// In small letters.
    small: String,
}

/// What Gemini CLI puts before the first line of an output, on that line.
const FRAMES: &[&str] = &["Output: ", "Stdout: ", "Stderr: "];

/// The lines of `output` that hold a known phrase.
fn lines(output: &Excerpt) -> Vec<Said<'_>> {
    let Some(phrases) = &*PHRASES else { return Vec::new() };
    let (head, tail) = (output.head.lines(), output.tail.lines().rev().take(LINES / 2));
    let lines = head.take(LINES / 2).chain(tail);
    let bare = |line| FRAMES.iter().find_map(|frame| str::strip_prefix(line, frame)).unwrap_or(line);
    let lines = lines.map(|line| bare(line[..line.floor_char_boundary(WIDTH)].trim()));
    // Capitals of other alphabets are not passed over.
    let known = lines.filter(|line| phrases.is_match(line) || !line.is_ascii());
    known.map(|line| Said { line, small: line.to_lowercase() }).collect()
}

fn trouble(command: &Command, lines: &[Said], fate: Fate) -> Option<Trouble> {
    let failed = fate == Fate::Failed;
    let any =
        |phrases: &[&str]| lines.iter().any(|said| phrases.iter().any(|phrase| said.small.contains(phrase)));
    if let Some(place) = not_found(command, lines) {
        return Some(Trouble::NotFound(place));
    }
    let program = name_of(command.program());
    if MANAGERS.contains(&program) && any(OTHER_MANAGER) {
        return Some(Trouble::WrongManager);
    }
    if let Some(place) = no_task(command, lines) {
        return Some(Trouble::NoTask(place));
    }
    if let Some(place) = no_flag(command, lines) {
        return Some(Trouble::NoFlag(place));
    }
    if !failed {
        // What follows is told by phrases alone: a hidden exit status is not enough.
        return None;
    }
    if is_python(command) && any(NO_MODULE) {
        return Some(Trouble::NoModule);
    }
    if any(NOT_HERE) || no_file(command, lines) {
        return Some(Trouble::NotHere);
    }
    if any(NO_SERVICE) {
        return Some(Trouble::NoService);
    }
    if any(NO_VARIABLE) {
        return Some(Trouble::NoVariable);
    }
    any(SANDBOX).then_some(Trouble::Sandbox)
}

/// The place of the word that is no program.
fn not_found(command: &Command, lines: &[Said]) -> Option<usize> {
    /// Words that may be the program: behind `uv run`, say.
    const WORDS: usize = 4;
    let candidates = command.words.iter().enumerate().take(WORDS);
    candidates.filter(|(_, word)| !word.starts_with('-') && !word.is_empty()).find_map(|(place, word)| {
        let is_first = place == 0;
        let word_lower = word.to_lowercase();
        let says = |said: &Said| {
            let lower = said.small.as_str();
            let from_shell = SHELLS.iter().any(|shell| lower.starts_with(shell));
            let after = |start: &str| {
                lower.split_once(start).is_some_and(|(_, rest)| is_named_first(rest, &word_lower))
            };
            let behind = |phrase: &str| {
                lower.split_once(word_lower.as_str()).is_some_and(|(before, rest)| {
                    let rest = rest.trim_start().strip_prefix([':', '：']).map(str::trim_start);
                    rest.and_then(|rest| rest.strip_prefix(phrase))
                        .is_some_and(|rest| rest.trim_end_matches('.').is_empty())
                        && !before.ends_with(|last: char| last.is_alphanumeric() || "-/.".contains(last))
                })
            };
            let quoted = |before: &str, after: &str| {
                ['\'', '"', '`', '‘', '’', '\u{201c}'].iter().any(|quote| {
                    lower.contains(&format!("{before}{quote}{word_lower}")) && lower.contains(after)
                })
            };
            let shell = is_first
                && from_shell
                && !word.contains('/')
                && NOT_FOUND.iter().any(|phrase| behind(phrase));
            let zsh = is_first && from_shell && after("command not found: ");
            let bare = is_first && lower.starts_with(&word_lower) && behind("command not found");
            let fish = is_first && lower.starts_with("fish:") && after("unknown command: ");
            let windows = is_first
                && (quoted("", " is not recognized as an internal or external command")
                    || quoted("the term ", " is not recognized as a name of a cmdlet")
                    || quoted("the term ", " is not recognized as the name of a cmdlet"));
            let ubuntu = is_first && quoted("command ", " not found, ");
            let wrapper = is_first
                && !word.contains('/')
                && from_shell
                && (quoted("failed to run command ", "no such file")
                    || quoted("", "no such file or directory"));
            // What a runner says of the program that it was to run.
            let runner = !is_first
                && (quoted("failed to spawn: ", "")
                    || after("command not found: ")
                    || (quoted("unable to find ", "executable")));
            shell || zsh || bare || fish || windows || ubuntu || wrapper || runner
        };
        lines.iter().any(says).then_some(place)
    })
}

/// True when `rest` begins with `word`, and the word ends there.
fn is_named_first(rest: &str, word: &str) -> bool {
    let rest = rest.trim_start_matches(['"', '\'', '`']);
    rest.strip_prefix(word).is_some_and(|rest| {
        !rest.starts_with(|next: char| next.is_alphanumeric() || matches!(next, '-' | '_' | '.' | '/'))
    })
}

/// The place of the word that is no task.
fn no_task(command: &Command, lines: &[Said]) -> Option<usize> {
    /// Words that may be the task.
    const WORDS: usize = 5;
    let operands = command.words.iter().enumerate().take(WORDS).skip(1);
    operands.filter(|(_, word)| is_name(word)).find_map(|(place, word)| {
        let word = word.to_lowercase();
        let says = |said: &Said| {
            let line = said.small.as_str();
            // A file that another target is made of is no task of ours.
            let told = NO_TASK.iter().any(|phrase| line.contains(phrase)) && !line.contains("needed by");
            (told && holds_word(line, &word))
                || NO_TASK_AFTER
                    .iter()
                    .any(|(before, after)| line.contains(&format!("{before}{word}{after}")))
        };
        lines.iter().any(says).then_some(place)
    })
}

/// A word that can be a task's name.
fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphabetic())
        && word.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_:.".contains(letter))
        && !matches!(word, "run" | "exec" | "compose" | "task")
}

/// True when `line` holds `word`, and no letter of a name on either side.
fn holds_word(line: &str, word: &str) -> bool {
    let inside = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | ':' | '/');
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let mut after = line[at + word.len()..].chars();
        let next = after.next();
        // `target 'a:b'` is not `a`; `command: a:` may be.
        let goes_on = next == Some(':') && after.next().is_some_and(char::is_alphanumeric);
        let before_is_inside = before.is_some_and(|letter| inside(letter) && letter != ':');
        !before_is_inside && !goes_on && !next.is_some_and(|next| inside(next) && next != ':')
    })
}

/// The place of the flag that is not known.
fn no_flag(command: &Command, lines: &[Said]) -> Option<usize> {
    let flags = command.words.iter().enumerate().skip(1).take_while(|(_, word)| *word != "--");
    flags.filter(|(_, word)| 1 < word.len() && word.starts_with('-')).find_map(|(place, word)| {
        let flag = word.split('=').next().unwrap_or_default();
        let says = |said: &Said| {
            let Some((_, rest)) = NO_FLAG.iter().find_map(|phrase| said.small.split_once(phrase)) else {
                return false;
            };
            // Letters of flags are not alike in both sizes; what follows the phrase, as it was printed.
            let from = said.line.len().saturating_sub(rest.len());
            let rest = said.line.get(from..).unwrap_or_default();
            names_flag(rest, flag)
        };
        lines.iter().any(says).then_some(place)
    })
}

/// True when `rest`, what follows the phrase, names `flag`.
fn names_flag(rest: &str, flag: &str) -> bool {
    let bare = flag.trim_start_matches('-');
    let quotes =
        |letter: char| matches!(letter, '\'' | '"' | '`' | '‘' | '’' | ',' | ':' | '.' | '(' | ')' | ';');
    let mut words =
        rest.split_whitespace().map(|word| word.trim_matches(quotes).split('=').next().unwrap_or_default());
    if flag.starts_with("--") {
        return words.any(|word| word == flag || (!bare.is_empty() && word == bare));
    }
    // `invalid option -- 'E'` of `-nE`; `unknown shorthand flag: 'd' in -d`.
    let first = words.find(|word| !word.is_empty() && *word != "--" && *word != "s");
    first.is_some_and(|word| {
        let one = word.trim_start_matches('-');
        word == flag || one == bare || (one.chars().count() == 1 && bare.contains(one) && bare.len() <= 4)
    })
}

fn is_python(command: &Command) -> bool {
    let program = name_of(command.program());
    program.starts_with("python")
        || matches!(
            program,
            "pytest" | "py" | "py.test" | "mypy" | "flask" | "uvicorn" | "alembic" | "django-admin"
        )
}

/// True when a message says that a file that the command names does not exist.
fn no_file(command: &Command, lines: &[Said]) -> bool {
    /// Words that may be the file.
    const WORDS: usize = 16;
    let operands: Vec<&str> =
        command.operands().take(WORDS).filter(|word| word.contains(['.', '/'])).collect();
    lines.iter().any(|said| {
        NO_FILE.iter().any(|phrase| said.small.contains(phrase))
            && operands.iter().any(|word| said.line.contains(word))
    })
}

#[cfg(test)]
mod tests;

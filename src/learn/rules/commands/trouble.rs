//! What went wrong with a command, told by the shapes of the messages that shells and tools print.
//!
//! *Invariant:* a message only counts where it names a word of the command itself (or the command is known to print it),
//! and only that word is kept: nothing else of an output leaves this file.

use super::fate::{Fate, fate};
use crate::learn::command::{Command, name_of};
use crate::learn::step::{Excerpt, Step};
use crate::transcript::Ending;

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

/// Programs that are run to find out something: that they fail is an answer.
const PROBES: &[&str] = &[
    "which", "type", "whereis", "test", "[", "ls", "find", "fd", "grep", "egrep", "rg", "stat", "file",
    "pgrep", "cat", "head", "tail", "wc", "diff", "cmp", "echo", "printf", "true", "false", "kill", "pkill",
    "lsof", "nc", "ping", "dig",
];

fn lines(output: &Excerpt) -> Vec<&str> {
    let (head, tail) = (output.head.lines(), output.tail.lines().rev().take(LINES / 2));
    let lines = head.take(LINES / 2).chain(tail);
    lines.map(|line| line[..line.floor_char_boundary(WIDTH)].trim()).filter(|line| !line.is_empty()).collect()
}

fn trouble(command: &Command, lines: &[&str], fate: Fate) -> Option<Trouble> {
    let failed = fate == Fate::Failed;
    let any = |phrases: &[&str]| {
        lines.iter().any(|line| {
            let line = line.to_lowercase();
            phrases.iter().any(|phrase| line.contains(phrase))
        })
    };
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
    if is_python(command) && any(&["modulenotfounderror", "no module named"]) {
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

/// How shells begin their messages.
const SHELLS: &[&str] = &[
    "bash:",
    "sh:",
    "zsh:",
    "dash:",
    "ksh:",
    "fish:",
    "ash:",
    "-bash:",
    "-sh:",
    "-zsh:",
    "/bin/sh:",
    "/bin/bash:",
    "/bin/zsh:",
    "/usr/bin/bash:",
    "/usr/bin/sh:",
    "/usr/bin/zsh:",
    "(eval):",
    "env:",
    "/usr/bin/env:",
    "timeout:",
    "nohup:",
    "xargs:",
    "eval:",
    "command:",
];

/// "command not found" as shells say it; `bash` in German, French, Spanish, Italian, Portuguese, Russian, Chinese, Japanese.
const NOT_FOUND: &[&str] = &[
    "command not found",
    "not found",
    "kommando nicht gefunden",
    "befehl nicht gefunden",
    "commande introuvable",
    "orden no encontrada",
    "no se encontró la orden",
    "comando non trovato",
    "comando não encontrado",
    "команда не найдена",
    "не найдено",
    "未找到命令",
    "找不到命令",
    "コマンドが見つかりません",
    "no such file or directory",
    "inaccessible or not found",
];

/// The place of the word that is no program.
fn not_found(command: &Command, lines: &[&str]) -> Option<usize> {
    /// Words that may be the program: behind `uv run`, say.
    const WORDS: usize = 4;
    let candidates = command.words.iter().enumerate().take(WORDS);
    candidates.filter(|(_, word)| !word.starts_with('-') && !word.is_empty()).find_map(|(place, word)| {
        let is_first = place == 0;
        let says = |line: &&str| {
            let lower = line.to_lowercase();
            let word_lower = word.to_lowercase();
            let from_shell = SHELLS.iter().any(|shell| lower.starts_with(shell));
            let after = |start: &str| {
                lower.split_once(start).is_some_and(|(_, rest)| is_named_first(rest, &word_lower))
            };
            let behind = |phrase: &&str| {
                lower.split_once(&format!("{word_lower}: {phrase}")).is_some_and(|(before, rest)| {
                    rest.trim_end_matches('.').is_empty()
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
                && NOT_FOUND.iter().any(|phrase| behind(&phrase));
            let zsh = is_first && from_shell && after("command not found: ");
            let bare = is_first && lower.starts_with(&word_lower) && behind(&"command not found");
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
                    || quoted("command ", " not found")
                    || (quoted("unable to find ", "executable")));
            shell || zsh || bare || fish || windows || ubuntu || wrapper || runner
        };
        lines.iter().any(|line| says(line)).then_some(place)
    })
}

/// True when `rest` begins with `word`, and the word ends there.
fn is_named_first(rest: &str, word: &str) -> bool {
    let rest = rest.trim_start_matches(['"', '\'', '`']);
    rest.strip_prefix(word).is_some_and(|rest| {
        !rest.starts_with(|next: char| next.is_alphanumeric() || matches!(next, '-' | '_' | '.' | '/'))
    })
}

/// Package managers that can take each other's place.
pub(super) const MANAGERS: &[&str] = &["npm", "pnpm", "yarn", "bun", "npx"];

/// How a package manager says that another one is used here.
const OTHER_MANAGER: &[&str] = &[
    "this project is configured to use",
    "this project's package.json defines \"packagemanager\"",
    "project is configured to use",
    "use pnpm instead",
    "use yarn instead",
    "use npm instead",
    "use bun instead",
    "please use pnpm",
    "please use yarn",
    "please use npm",
    "please use bun",
    "use \"pnpm install\" for installation",
    "use \"yarn install\" for installation",
    "use \"npm install\" for installation",
    "unsupported url type \"workspace:\"",
    "unsupported url type \"catalog:\"",
    "corepack must currently be enabled",
    "only-allow",
];

/// How tools say that there is no such script, target, recipe or subcommand.
const NO_TASK: &[&str] = &[
    "missing script",
    "couldn't find a script named",
    "script not found",
    "no rule to make target",
    "no such command",
    "no such subcommand",
    "does not contain recipe",
    "justfile does not contain",
    "task not found",
    "unknown lifecycle phase",
    "don't know how to build task",
    "is not a git command",
    "is not a docker command",
    "unknown docker command",
    "unknown command",
    "unknown subcommand",
    "unrecognized subcommand",
    "unrecognized command",
    "invalid choice:",
    "could not find task",
    "cannot find task",
    "no task named",
    "no such task",
    "is not a task",
];

/// The same, where the sentence goes on behind the name.
const NO_TASK_AFTER: &[(&str, &str)] = &[
    ("command \"", "\" not found"),
    ("command \"", "\" is not defined"),
    ("task \"", "\" does not exist"),
    ("task \"", "\" could not be found"),
    ("task '", "' not found"),
    ("the command \"", "\" does not exist"),
    ("the requested command ", " does not exist"),
    ("target \"", "\" does not exist"),
];

/// The place of the word that is no task.
fn no_task(command: &Command, lines: &[&str]) -> Option<usize> {
    /// Words that may be the task.
    const WORDS: usize = 5;
    let operands = command.words.iter().enumerate().take(WORDS).skip(1);
    operands.filter(|(_, word)| is_name(word)).find_map(|(place, word)| {
        let word = word.to_lowercase();
        let says = |line: &&str| {
            let line = line.to_lowercase();
            // A file that another target is made of is no task of ours.
            let told = NO_TASK.iter().any(|phrase| line.contains(phrase)) && !line.contains("needed by");
            (told && holds_word(&line, &word))
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
        && !matches!(word, "run" | "exec" | "compose")
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

/// How tools say that they do not know a flag.
const NO_FLAG: &[&str] = &[
    "unrecognized argument",
    "unrecognized option",
    "unrecognised option",
    "unrecognized flag",
    "unknown option",
    "unknown flag",
    "unknown argument",
    "unknown switch",
    "unknown long option",
    "unknown shorthand flag",
    "unknown parameter",
    "unexpected argument",
    "invalid option",
    "invalid flag",
    "illegal option",
    "no such option",
    "bad option",
    "bad flag",
    "flag provided but not defined",
    "unsupported option",
    "does not exist: --",
];

/// The place of the flag that is not known.
fn no_flag(command: &Command, lines: &[&str]) -> Option<usize> {
    let flags = command.words.iter().enumerate().skip(1).take_while(|(_, word)| *word != "--");
    flags.filter(|(_, word)| 1 < word.len() && word.starts_with('-')).find_map(|(place, word)| {
        let flag = word.split('=').next().unwrap_or_default();
        let says = |line: &&str| {
            let lower = line.to_lowercase();
            let Some((_, rest)) = NO_FLAG.iter().find_map(|phrase| lower.split_once(phrase)) else {
                return false;
            };
            // Letters of flags are not alike in both sizes; what follows the phrase, as it was printed.
            let rest = line.get(line.len() - rest.len()..).unwrap_or_default();
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

/// How build tools say that there is no project in this folder.
const NOT_HERE: &[&str] = &[
    "could not find `cargo.toml`",
    "could not read package.json",
    "no package.json",
    "no such file or directory, open 'package.json'",
    "err_pnpm_no_importer_manifest_found",
    "couldn't find a package.json",
    "could not find package.json",
    "enoent: no such file or directory, open",
    "go.mod file not found",
    "cannot find main module",
    "does not contain main module",
    "no makefile found",
    "no justfile found",
    "there is no pom in this directory",
    "does not contain a gradle build",
    "could not find a pyproject.toml",
    "could not find pyproject.toml",
    "no pyproject.toml found",
    "no configuration file provided: not found",
    "no rakefile found",
    "could not locate gemfile",
    "could not find a mix.project",
    "the specified command or file was not found",
    "no project or solution file",
    "no configuration files",
    "no deno.json",
];

/// True when a message says that a file that the command names does not exist.
fn no_file(command: &Command, lines: &[&str]) -> bool {
    /// Words that may be the file.
    const WORDS: usize = 16;
    const PHRASES: &[&str] = &[
        "can't open file",
        "cannot find module",
        "no such file or directory",
        "file or directory not found",
        "could not open",
    ];
    let operands: Vec<&str> =
        command.operands().take(WORDS).filter(|word| word.contains(['.', '/'])).collect();
    lines.iter().any(|line| {
        let lower = line.to_lowercase();
        PHRASES.iter().any(|phrase| lower.contains(phrase)) && operands.iter().any(|word| line.contains(word))
    })
}

/// How programs say that a service does not answer.
const NO_SERVICE: &[&str] = &[
    "connection refused",
    "econnrefused",
    "cannot connect to the docker daemon",
    "failed to connect to the docker api",
    "could not connect to server",
    "can't connect to mysql server",
    "can't connect to local mysql server",
    "can't reach database server",
    "could not connect to redis",
    "no brokers available",
    "is the server running",
];

/// How programs say that a variable is missing.
const NO_VARIABLE: &[&str] = &[
    "environment variable not found",
    "missing required environment variable",
    "missing environment variable",
    "environment variable is required",
    "environment variable must be set",
    "environment variable is not set",
    "is not set in the environment",
    "must be set in the environment",
    "required env var",
    "unbound variable",
    "keyerror: '",
    "is not set",
    "must be set",
    "environment variable",
];

/// How a sandbox shows itself.
const SANDBOX: &[&str] = &[
    "sandbox: deny",
    "blocked by sandbox",
    "blocked by the sandbox",
    "denied by sandbox",
    "denied by the sandbox",
    "sandbox denied",
    "failed in sandbox",
    "not permitted in sandbox",
    "sandbox restrictions",
    "landlock",
];

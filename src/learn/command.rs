//! A shell's command line, taken apart as far as rules need it: which programs it runs, where, and whether its exit
//! status tells how each of them ended.
//!
//! *Invariant:* a reading, never a running; one pass, no recursion, bounded. What can't be made out is left out.

/// Simple commands of one line that are read.
const COMMANDS: usize = 64;

/// Words of one command that are read.
const WORDS: usize = 128;

/// A command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The simple commands, in order.
    pub commands: Vec<Command>,
}

/// One simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments, quotes taken off; what merely wraps it (`sudo`, `time`) is gone.
    pub words: Vec<String>,
    /// The names of the variables that are set for it, here or by an `export` before it.
    pub variables: Vec<String>,
    /// The folder that a `cd` before it in the line leads to.
    pub folder: Option<String>,
    /// The file that was sourced before it in the line.
    pub sourced: Option<String>,
    /// What the line's exit status tells of it.
    pub shows: Shows,
    /// It stands in a loop, a condition or a function, or is run with other rights.
    pub nested: bool,
}

/// What a line's exit status tells of a command in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shows {
    /// That it worked, when it is 0.
    Success,
    /// Nothing: its output goes through filters (`| tail`), all else would show.
    Filtered,
    /// Nothing by itself, but the line prints it last (`; echo $?`).
    Echoed,
    /// Nothing.
    #[default]
    Nothing,
}

/// What stands between two commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joint {
    And,
    Or,
    Pipe,
    Next,
    Background,
    /// The end of a group.
    Close,
}

/// One word or joint of a line.
#[derive(Debug)]
enum Piece {
    Word(String),
    Joint(Joint),
}

impl Line {
    /// Takes `text` apart.
    pub fn read(text: &str) -> Line {
        let mut pieces = pieces(text);
        // What a shell is told to run is the line itself; twice, for an agent's shell in a shell.
        for _ in 0..2 {
            let Some(told) = told_to_shell(&pieces) else { break };
            pieces = self::pieces(&told);
        }
        Line { commands: commands(pieces) }
    }
}

/// The line that a shell is told to run by `bash -lc LINE`, where that is all there is.
fn told_to_shell(pieces: &[Piece]) -> Option<String> {
    let words: Option<Vec<&str>> = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Word(word) => Some(word.as_str()),
            Piece::Joint(_) => None,
        })
        .collect();
    match words?.as_slice() {
        [shell, flags @ .., line]
            if matches!(name_of(shell), "bash" | "sh" | "zsh" | "dash")
                && flags.iter().any(|flag| matches!(*flag, "-c" | "-lc" | "-ic" | "-lic" | "-cl"))
                && flags.iter().all(|flag| flag.starts_with('-')) =>
        {
            Some((*line).to_owned())
        }
        _ => None,
    }
}

/// A program's name without its folder.
pub fn name_of(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

impl Command {
    /// The program as typed; empty for a line of variables only.
    pub fn program(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// The arguments.
    pub fn arguments(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }

    /// The arguments that are no flags.
    pub fn operands(&self) -> impl Iterator<Item = &str> {
        self.arguments().iter().map(String::as_str).filter(|word| !word.starts_with('-'))
    }

    /// The flags, without the value that is glued to them by `=`.
    pub fn flags(&self) -> impl Iterator<Item = &str> {
        let flags = self.arguments().iter().take_while(|word| *word != "--");
        flags.filter(|word| 1 < word.len() && word.starts_with('-')).map(|word| before_equals(word))
    }
}

/// `--a` of `--a=b`.
fn before_equals(word: &str) -> &str {
    word.split_once('=').map_or(word, |(name, _)| name)
}

/// Words and joints of `text`.
fn pieces(text: &str) -> Vec<Piece> {
    let mut reader =
        Reader { rest: text, pieces: Vec::new(), word: String::new(), open: false, ends: Vec::new() };
    while COMMANDS * WORDS > reader.pieces.len() && reader.step() {}
    reader.close();
    reader.pieces
}

/// Reads a line letter by letter.
struct Reader<'a> {
    rest: &'a str,
    pieces: Vec<Piece>,
    word: String,
    /// A word has begun (it may be empty: `''`).
    open: bool,
    /// The words that end the texts that follow the line (`<<EOF`).
    ends: Vec<String>,
}

impl<'a> Reader<'a> {
    /// Reads on; `false` at the end.
    fn step(&mut self) -> bool {
        let mut letters = self.rest.chars();
        let Some(letter) = letters.next() else { return false };
        let after = letters.as_str();
        match letter {
            '\\' => {
                let escaped = letters.next();
                self.rest = letters.as_str();
                if let Some(escaped) = escaped.filter(|letter| *letter != '\n') {
                    self.push(escaped);
                }
            }
            '\'' => {
                let end = after.find('\'').unwrap_or(after.len());
                self.word.push_str(&after[..end]);
                self.open = true;
                self.rest = after.get(end + 1..).unwrap_or_default();
            }
            '"' => self.double_quoted(after),
            '`' | '$' => self.substituted(letter, after),
            '#' if !self.open => {
                let end = after.find('\n').unwrap_or(after.len());
                self.rest = &after[end..];
            }
            '\n' => {
                self.joint(Joint::Next, after);
                self.skip_texts();
            }
            ' ' | '\t' | '\r' => {
                self.close();
                self.rest = after;
            }
            ';' => self.joint(Joint::Next, after.trim_start_matches(';')),
            '(' | ')' => self.parenthesis(letter, after),
            '&' => match after.strip_prefix('&') {
                Some(after) => self.joint(Joint::And, after),
                None if after.starts_with('>') => self.redirected(after),
                None => self.joint(Joint::Background, after),
            },
            '|' => match after.strip_prefix('|') {
                Some(after) => self.joint(Joint::Or, after),
                None => self.joint(Joint::Pipe, after.strip_prefix('&').unwrap_or(after)),
            },
            '<' | '>' => self.redirected(self.rest),
            letter => {
                self.push(letter);
                self.rest = after;
            }
        }
        true
    }

    fn push(&mut self, letter: char) {
        self.word.push(letter);
        self.open = true;
    }

    fn close(&mut self) {
        if self.open {
            self.pieces.push(Piece::Word(std::mem::take(&mut self.word)));
            self.open = false;
        }
    }

    fn joint(&mut self, joint: Joint, after_joint: &'a str) {
        self.close();
        self.pieces.push(Piece::Joint(joint));
        self.rest = after_joint;
    }

    fn double_quoted(&mut self, after: &'a str) {
        self.open = true;
        let mut letters = after.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '"' => break,
                '\\' => match letters.next() {
                    Some(escaped @ ('"' | '\\' | '$' | '`')) => self.word.push(escaped),
                    Some('\n') | None => {}
                    Some(other) => self.word.extend(['\\', other]),
                },
                other => self.word.push(other),
            }
        }
        self.rest = letters.as_str();
    }

    /// What a shell would put something else for is kept as it stands, to its end: such a word is no literal.
    fn substituted(&mut self, letter: char, after: &'a str) {
        self.open = true;
        let text = self.rest;
        let length = match letter {
            '`' => after.find('`').map_or(text.len(), |end| end + 2),
            _ if after.starts_with('(') => balanced(after, '(', ')') + 1,
            _ if after.starts_with('{') => balanced(after, '{', '}') + 1,
            _ => 1,
        };
        let (kept, rest) = text.split_at(length.min(text.len()));
        self.word.push_str(kept);
        self.rest = rest;
    }

    /// A group begins or ends: a word of its own, where it is no part of another.
    fn parenthesis(&mut self, letter: char, after: &'a str) {
        self.close();
        self.pieces.push(Piece::Word(letter.to_string()));
        if letter == ')' {
            self.pieces.push(Piece::Joint(Joint::Close));
        }
        self.rest = after;
    }

    /// Passes over a redirection and the file that it names; `from` begins with its sign.
    fn redirected(&mut self, from: &'a str) {
        // The number before the sign is no word: `2>&1`.
        if self.word.bytes().all(|byte| byte.is_ascii_digit()) {
            self.word.clear();
            self.open = false;
        }
        self.close();
        let text = from.strip_prefix("<<").filter(|rest| !rest.starts_with('<'));
        let rest = from.trim_start_matches(['<', '>', '|', '&', '-']);
        let rest = rest.trim_start_matches([' ', '\t']);
        let quoted = |letter: char| matches!(letter, '\'' | '"');
        let end = match rest.chars().next() {
            Some(quote) if quoted(quote) => rest[1..].find(quote).map_or(rest.len(), |end| end + 2),
            Some('(') => balanced(rest, '(', ')'),
            _ => rest.find([' ', '\t', '\n', ';', '|', '&', ')', '<', '>']).unwrap_or(rest.len()),
        };
        let (file, rest) = rest.split_at(end);
        if text.is_some() {
            self.ends.push(file.trim_matches(quoted).trim_start_matches('\\').to_owned());
        }
        self.rest = rest;
    }

    /// Passes over the texts that follow a line, up to the words that end them.
    fn skip_texts(&mut self) {
        for end in std::mem::take(&mut self.ends) {
            while !self.rest.is_empty() {
                let line = self.rest.lines().next().unwrap_or_default();
                let stop = line.trim() == end;
                let length = self.rest.find('\n').map_or(self.rest.len(), |at| at + 1);
                self.rest = &self.rest[length..];
                if stop {
                    break;
                }
            }
        }
    }
}

/// Bytes up to the end of the group that `text` begins with; all of it where it never ends.
fn balanced(text: &str, opens: char, closes: char) -> usize {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        if letter == opens {
            depth += 1;
        } else if letter == closes {
            depth -= 1;
            if depth == 0 {
                return at + letter.len_utf8();
            }
        }
    }
    text.len()
}

/// A row of commands, each reading what the one before printed, and what follows it.
#[derive(Default)]
struct Pipeline {
    commands: Vec<Command>,
    then: Option<Joint>,
}

/// Programs that only pass on, in part, what they read.
const FILTERS: &[&str] = &[
    "tail", "head", "grep", "egrep", "rg", "sed", "awk", "cut", "sort", "uniq", "wc", "tee", "cat", "less",
    "tr", "nl", "column", "jq", "fold", "ts", "strings",
];

/// Words of a shell's own language, before a command.
const KEYWORDS: &[&str] = &[
    "if", "then", "else", "elif", "do", "while", "until", "!", "{", "case", "function", "[[", "[", "test",
    "for", "select",
];

/// Programs that only run what follows them.
const WRAPPERS: &[&str] = &[
    "time", "nohup", "command", "exec", "builtin", "nice", "stdbuf", "unbuffer", "timeout", "gtimeout",
    "env", "sudo", "doas",
];

/// The simple commands of a line, with what is set for them before, and what its exit status tells of them.
fn commands(pieces: Vec<Piece>) -> Vec<Command> {
    let mut pipelines = vec![Pipeline::default()];
    let mut set = Set::default();
    let mut words = Vec::new();
    for piece in pieces.into_iter().chain([Piece::Joint(Joint::Next)]) {
        let joint = match piece {
            Piece::Word(word) => {
                match word.as_str() {
                    "(" if words.is_empty() => set.outer.push(set.folder.clone()),
                    ")" => {}
                    _ if words.len() < WORDS => words.push(word),
                    _ => {}
                }
                continue;
            }
            Piece::Joint(joint) => joint,
        };
        let command = set.command(std::mem::take(&mut words));
        if joint == Joint::Close
            && let Some(folder) = set.outer.pop()
        {
            set.folder = folder;
        }
        let Some(pipeline) = pipelines.last_mut() else { break };
        let had_command = command.is_some();
        pipeline.commands.extend(command);
        match joint {
            Joint::Pipe | Joint::Close => {}
            // A line break behind a joint goes on.
            Joint::Next if !had_command && pipeline.commands.is_empty() => {}
            joint => {
                pipeline.then = Some(joint);
                pipelines.push(Pipeline::default());
            }
        }
        if COMMANDS <= pipelines.len() {
            break;
        }
    }
    pipelines.retain(|pipeline| !pipeline.commands.is_empty());
    shown(pipelines, set.fails_in_pipes)
}

/// What is set for the commands that follow.
#[derive(Default)]
struct Set {
    folder: Option<String>,
    /// The folders outside of the groups that are open.
    outer: Vec<Option<String>>,
    sourced: Option<String>,
    variables: Vec<String>,
    fails_in_pipes: bool,
}

impl Set {
    /// The command that `words` are; `None` for what only sets something, or for none.
    fn command(&mut self, words: Vec<String>) -> Option<Command> {
        let mut command = Command {
            folder: self.folder.clone(),
            sourced: self.sourced.clone(),
            variables: self.variables.clone(),
            ..Command::default()
        };
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.peek() {
            if KEYWORDS.contains(&word.as_str()) {
                command.nested = true;
                words.next();
            } else if let Some(name) = variable(word) {
                command.variables.push(name.to_owned());
                words.next();
            } else if WRAPPERS.contains(&name_of(word)) {
                command.nested |= matches!(name_of(word), "sudo" | "doas");
                let timed = name_of(word).ends_with("timeout");
                words.next();
                // Its own flags, and the time that it waits.
                while words.next_if(|word| word.starts_with('-')).is_some() {}
                if timed {
                    words.next();
                }
            } else {
                break;
            }
        }
        command.words = words.collect();
        if matches!(command.program(), "fi" | "done" | "esac" | "}" | "]]") {
            return None;
        }
        let operand = command.operands().next().map(str::to_owned);
        match command.program() {
            "" => None,
            "cd" | "pushd" => {
                self.folder = Some(joined(self.folder.as_deref(), operand.as_deref().unwrap_or("~")));
                None
            }
            "source" | "." => {
                self.sourced = operand;
                None
            }
            "export" => {
                let names = command.operands().map(|word| before_equals(word).to_owned());
                self.variables.extend(names.take(WORDS));
                None
            }
            "set" => {
                self.fails_in_pipes |= command.words.iter().any(|word| word == "pipefail");
                None
            }
            _ => Some(command),
        }
    }
}

/// The name that `word` sets: `A=1`.
fn variable(word: &str) -> Option<&str> {
    let (name, _) = word.split_once('=')?;
    let mut letters = name.chars();
    let begins = letters.next().is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '_');
    (begins && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')).then_some(name)
}

/// `folder` seen from `from`.
fn joined(from: Option<&str>, folder: &str) -> String {
    match from {
        Some(from) if !folder.starts_with(['/', '~']) => format!("{from}/{folder}"),
        _ => folder.to_owned(),
    }
}

/// The commands of `pipelines`, with what the line's exit status tells of each.
fn shown(pipelines: Vec<Pipeline>, fails_in_pipes: bool) -> Vec<Command> {
    let echoed = pipelines.len().checked_sub(2).filter(|_| {
        let last = pipelines.last().map(|last| last.commands.as_slice());
        matches!(last, Some([echo]) if echo.program() == "echo" && echo.words.iter().any(|word| word.contains("$?")))
    });
    // From here on only `&&` follows.
    let last_break = pipelines.iter().rposition(|one| !matches!(one.then, Some(Joint::And)));
    let count = pipelines.len();
    let proven_from = match last_break {
        // What ends the last one ends the line.
        Some(at)
            if at + 1 == count
                && !matches!(pipelines.last().and_then(|last| last.then), Some(Joint::Background)) =>
        {
            let before = &pipelines[..at];
            before.iter().rposition(|one| !matches!(one.then, Some(Joint::And))).map_or(0, |at| at + 1)
        }
        Some(_) => count,
        None => 0,
    };
    let mut all = Vec::new();
    for (at, pipeline) in pipelines.into_iter().enumerate() {
        let shows = if proven_from <= at {
            Shows::Success
        } else if Some(at) == echoed && matches!(pipeline.then, Some(Joint::Next)) {
            Shows::Echoed
        } else {
            Shows::Nothing
        };
        let length = pipeline.commands.len();
        let filtered = shows == Shows::Success
            && pipeline.commands.iter().skip(1).all(|command| FILTERS.contains(&command.program()));
        for (place, mut command) in pipeline.commands.into_iter().enumerate() {
            command.shows = if place + 1 == length || (fails_in_pipes && shows == Shows::Success) {
                shows
            } else if place == 0 && filtered {
                Shows::Filtered
            } else {
                Shows::Nothing
            };
            if command.nested {
                command.shows = Shows::Nothing;
            }
            all.push(command);
        }
    }
    all
}

#[cfg(test)]
mod tests;

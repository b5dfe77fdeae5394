//! What a command line begins with: the program and the words that say what it is to do.
//!
//! Only of lines that run one thing: a change of folder before it and a filter behind it are taken off, anything else
//! makes a line that is nobody's. Knows nothing of how a line ended.

/// Longest line that is looked at, in bytes.
const LONGEST: usize = 2_000;

/// Programs whose next word says what they do.
const WITH_SUBCOMMAND: &[&str] = &[
    "apt",
    "apt-get",
    "aws",
    "brew",
    "bun",
    "bundle",
    "cargo",
    "composer",
    "conda",
    "dart",
    "deno",
    "docker",
    "dotnet",
    "flutter",
    "gcloud",
    "gh",
    "git",
    "go",
    "gradle",
    "gradlew",
    "hatch",
    "helm",
    "just",
    "kubectl",
    "make",
    "mix",
    "mvn",
    "mvnw",
    "nix",
    "npm",
    "nx",
    "pipenv",
    "pip",
    "pip3",
    "pnpm",
    "poetry",
    "rails",
    "rake",
    "rustup",
    "swift",
    "systemctl",
    "task",
    "terraform",
    "turbo",
    "uv",
    "yarn",
];

/// Two words behind which the next one says what is done.
const WITH_TWO: &[&str] = &[
    "aws s3",
    "bun run",
    "bundle exec",
    "docker compose",
    "gh issue",
    "gh pr",
    "gh run",
    "hatch run",
    "npm run",
    "npm run-script",
    "pipenv run",
    "pnpm exec",
    "pnpm run",
    "poetry run",
    "uv pip",
    "uv run",
    "yarn run",
    "python -m",
    "python3 -m",
];

/// Programs that run the one which they are given.
const RUNNERS: &[&str] = &["bunx", "npx", "pipx", "uvx"];

/// Programs behind a pipe that only leave something out.
const FILTERS: &[&str] =
    &["head", "tail", "cat", "grep", "less", "more", "sort", "uniq", "wc", "tee", "sed", "awk", "sed", "awk"];

/// A command line that runs one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Program and the words that say what it is to do: `git log`, `npm run build`.
    pub first: String,
    /// All of its words but redirections, with one blank between; quotes as they stood.
    pub line: String,
    /// The words behind [`Run::first`].
    pub rest: Vec<String>,
    /// Whether the line as it was typed begins with [`Run::first`].
    pub begins: Begins,
    /// Whether a filter stands behind it.
    pub filtered: bool,
}

/// Whether a line begins with its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// It does.
    WithIt,
    /// A change of folder or an assignment stands before it.
    WithAnother,
}

/// What `command` runs; `None` when that is nothing, several things, or not plain.
pub fn read(command: &str) -> Option<Run> {
    if LONGEST < command.len() {
        return None;
    }
    let mut begins = Begins::WithIt;
    let mut ran: Option<Vec<String>> = None;
    let mut filtered = false;
    for (by, words) in parts(command)? {
        let Some(program) = words.first() else { continue };
        if by == By::Pipe {
            if !FILTERS.contains(&program.as_str()) {
                return None;
            }
            filtered = true;
        } else if ran.is_some() {
            // `…; echo $?` tells how it ended.
            if !matches!(program.as_str(), "echo" | "true") {
                return None;
            }
        } else if matches!(program.as_str(), "cd" | "export" | "source" | "." | "set") {
            begins = Begins::WithAnother;
        } else {
            ran = Some(words);
        }
    }
    let mut words = ran?;
    while words.first().is_some_and(|word| is_assignment(word)) {
        words.remove(0);
        begins = Begins::WithAnother;
    }
    while words
        .first()
        .is_some_and(|word| matches!(word.as_str(), "time" | "nice" | "command" | "timeout" | "env"))
    {
        let timeout = words.remove(0) == "timeout";
        if timeout && !words.is_empty() {
            words.remove(0);
        }
        begins = Begins::WithAnother;
    }
    let count = first_words(&words);
    let (first, rest) = words.split_at_checked(count)?;
    (!first.is_empty()).then(|| Run {
        first: first.join(" "),
        line: words.join(" "),
        rest: rest.to_vec(),
        begins,
        filtered,
    })
}

/// True where `line` is `first` or begins with its words.
pub fn begins_with(line: &str, first: &str) -> bool {
    line.strip_prefix(first).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// How many words at the start of a command say what is done; 0 for none.
pub fn first_words(words: &[String]) -> usize {
    let word = |at: usize| words.get(at).map(String::as_str).unwrap_or("");
    let says = |at: usize| {
        let word = word(at);
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_:".contains(letter))
    };
    let program = word(0).rsplit('/').next().unwrap_or("");
    if program.is_empty() {
        return 0;
    }
    let two = format!("{program} {}", word(1));
    if WITH_TWO.contains(&two.as_str()) {
        if !says(2) {
            return 2;
        }
        // `uv run python -m pytest`
        let inner = first_words(words.get(2..).unwrap_or(&[]));
        return 2 + inner.max(1);
    }
    if RUNNERS.contains(&program) {
        return if says(1) { 2 } else { 1 };
    }
    if WITH_SUBCOMMAND.contains(&program) && says(1) { 2 } else { 1 }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && name
                .chars()
                .all(|letter| letter.is_ascii_uppercase() || letter == '_' || letter.is_ascii_digit())
    })
}

/// What joins a part to the one before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Start,
    Pipe,
    Row,
}

/// The parts of a line and their words, redirections left out; `None` for a line with a here-document, a subshell or an
/// open quote.
fn parts(command: &str) -> Option<Vec<(By, Vec<String>)>> {
    let mut parts = Vec::new();
    let (mut by, mut words, mut word) = (By::Start, Vec::new(), String::new());
    let mut letters = command.trim().chars().peekable();
    let mut quote: Option<char> = None;
    while let Some(letter) = letters.next() {
        if let Some(open) = quote {
            word.push(letter);
            if letter == open {
                quote = None;
            } else if letter == '\\' && open == '"' {
                word.extend(letters.next());
            }
            continue;
        }
        match letter {
            '\'' | '"' => {
                quote = Some(letter);
                word.push(letter);
            }
            '\\' => {
                word.push(letter);
                word.extend(letters.next());
            }
            '(' | ')' | '{' | '}' | '`' | '$' | '<' => {
                // `$?` behind the command tells how it ended; what else is put together by the shell is not plain.
                if letter == '$' && letters.next_if_eq(&'?').is_some() {
                    word.push_str("$?");
                } else {
                    return None;
                }
            }
            '&' if word.ends_with('>') || letters.peek() == Some(&'>') => word.push(letter),
            '|' | '&' | ';' | '\n' => {
                let double = letters.next_if_eq(&letter).is_some();
                push_word(&mut words, &mut word);
                parts.push((by, std::mem::take(&mut words)));
                by = if letter == '|' && !double { By::Pipe } else { By::Row };
            }
            blank if blank.is_whitespace() => push_word(&mut words, &mut word),
            other => word.push(other),
        }
    }
    if quote.is_some() {
        return None;
    }
    push_word(&mut words, &mut word);
    parts.push((by, words));
    Some(parts)
}

fn push_word(words: &mut Vec<String>, word: &mut String) {
    if word.is_empty() {
        return;
    }
    // `> file`: the file is no argument of the command; what it prints is not there to read.
    if words.last().is_some_and(|last| matches!(last.as_str(), ">" | ">>" | "2>" | "&>")) {
        words.pop();
        word.clear();
        return;
    }
    let told = word.trim_start_matches(|letter: char| letter.is_ascii_digit());
    if told.starts_with('>') && told.len() > 1 && told != ">>" || told.starts_with("&>") && told.len() > 2 {
        word.clear();
        return;
    }
    words.push(std::mem::take(word));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_words_say_what_is_done() {
        let cases = [
            ("git log --oneline -5", "git log"),
            ("cd web && npm run build 2>&1 | tail -20", "npm run build"),
            ("CI=1 cargo test -p a", "cargo test"),
            ("uv run pytest tests/a.py", "uv run pytest"),
            ("uv run python -m pytest -q", "uv run python -m pytest"),
            ("python -m pytest", "python -m pytest"),
            ("python build.py", "python"),
            ("npx jest --ci > out.txt 2>&1", "npx jest"),
            ("make -j4", "make"),
            ("./gradlew assemble; echo $?", "./gradlew assemble"),
            ("timeout 60 go test ./...", "go test"),
            ("git commit -m 'a | b; c'", "git commit"),
            ("ls", "ls"),
        ];
        for (command, first) in cases {
            assert_eq!(read(command).map(|run| run.first).as_deref(), Some(first), "{command}");
        }
    }

    #[test]
    fn a_line_of_several_things_is_nobodys() {
        for command in [
            "a && b",
            "a | xargs b",
            "$(a)",
            "cat <<E\nx\nE",
            "for a in b; do c; done",
            "",
            "echo 'a",
            "a `b`",
        ] {
            assert_eq!(read(command), None, "{command}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_typed_begins_with_its_first_words(command in "([a-z]{1,4}|git|cd|uv run|[ |&;'\"$()<>\\\\=é\n2]){0,24}") {
            if let Some(run) = read(&command) {
                proptest::prop_assert!(begins_with(&run.line, &run.first), "{:?}", run);
                proptest::prop_assert!(!run.first.is_empty());
            }
        }
    }
}

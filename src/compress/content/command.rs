//! What a command line prints.
//!
//! A line is cut into commands, a command into the stages of its pipe. `cd`,
//! assignments and wrappers (`sudo`, `time`, `timeout 60`, `bash -lc '…'`) are
//! taken off. The first stage says what the text is about; a later stage that
//! only filters does not change its shape, one that re-writes does.

use super::super::Kind;
use super::programs::{
    DATA_PLACES, FILE_NAMES, FILE_PRINTERS, FILTERS, OPEN_NAMES, PROGRAMS, RUNNERS, SOURCE_NAMES, WRAPPERS,
    Writer,
};

/// What a tool or a command says of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The text is of this kind.
    Is(Kind),
    /// The text is a file of this kind: data, or settings that may be edited.
    File(Kind),
    /// The text is a file of a name that tells nothing: an export, a report, or source in a rare language.
    Unheard,
    /// Nothing is known.
    Unknown,
}

/// Longest command that is looked at.
const LONGEST: usize = 16_384;
/// Commands in commands (`bash -c "bash -c …"`) that are unwrapped.
const DEEPEST: usize = 4;

/// What `command` prints.
pub fn about(command: &str) -> About {
    let mut inner = command.trim().to_owned();
    for _ in 0..DEEPEST {
        match unwrapped(&inner) {
            Some(next) => inner = next,
            None => break,
        }
    }
    if LONGEST < inner.len() {
        return About::Unknown;
    }
    let mut found = About::Unknown;
    for pipe in commands(&inner) {
        let its = about_pipe(&pipe);
        found = match (found, its) {
            // One part that may be edited keeps the whole text.
            (About::Is(Kind::Read), _) | (_, About::Is(Kind::Read)) => return About::Is(Kind::Read),
            (About::File(kind), _) | (_, About::File(kind)) => About::File(kind),
            (About::Unheard, _) | (_, About::Unheard) => About::Unheard,
            (About::Unknown, its) => its,
            (found, About::Unknown) => found,
            (found, its) if found == its => found,
            // A build among other things is still one; anything else of two minds is told by its shape.
            (About::Is(Kind::Build), _) | (_, About::Is(Kind::Build)) => About::Is(Kind::Build),
            _ => About::Unknown,
        };
    }
    found
}

/// Every command of a command line: as it stands, and without what only runs another (`sudo`, `CI=1`, `npx`).
pub(super) fn each(line: &str) -> Vec<String> {
    let mut inner = line.trim().to_owned();
    for _ in 0..DEEPEST {
        match joined(&inner).or_else(|| unwrapped(&inner)) {
            Some(next) => inner = next,
            None => break,
        }
    }
    if LONGEST < inner.len() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for stage in commands(&inner).into_iter().flatten() {
        let stage = stage.trim().to_owned();
        let bare = bare(words_of(&stage)).join(" ");
        if bare != stage && !bare.is_empty() {
            found.push(bare);
        }
        if !stage.is_empty() {
            found.push(stage);
        }
    }
    found
}

/// The command inside of `bash -lc cd x && ls`: the words of a list, joined without quotes.
fn joined(line: &str) -> Option<String> {
    let mut words = line.splitn(3, ' ');
    let (shell, flag, inner) = (words.next()?, words.next()?, words.next()?);
    let quoted = inner.starts_with(['"', '\'']);
    (is_shell(shell) && flag.starts_with('-') && flag.ends_with('c') && !quoted).then(|| inner.to_owned())
}

/// The command inside of `bash -lc "…"` or `["bash","-lc","…"]`.
fn unwrapped(command: &str) -> Option<String> {
    if command.starts_with('[')
        && let Ok(words) = serde_json::from_str::<Vec<String>>(command)
    {
        return Some(match words.as_slice() {
            [shell, flag, inner, ..] if is_shell(shell) && flag.starts_with('-') && flag.ends_with('c') => {
                inner.clone()
            }
            words => words.join(" "),
        });
    }
    let mut words = words_of(command).into_iter();
    let shell = words.next()?;
    let flag = words.next()?;
    let inner = words.next()?;
    (is_shell(&shell) && flag.starts_with('-') && flag.ends_with('c')).then_some(inner)
}

fn is_shell(word: &str) -> bool {
    matches!(base(word), "bash" | "sh" | "zsh" | "dash" | "ash" | "fish")
}

/// A program's or file's name without its folder.
fn base(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// A command: the stages of its pipe, as they stand.
type Pipe = Vec<String>;

/// Cuts a line at `&&`, `||`, `;`, `&` and line ends into commands, and these at `|` into stages; nothing
/// inside of quotes or brackets is cut. Here-documents are input, not commands.
fn commands(line: &str) -> Vec<Pipe> {
    let mut pipes = Vec::new();
    let mut pipe = Vec::new();
    let mut stage = String::new();
    let mut quote: Option<char> = None;
    let mut depth = 0_usize;
    let mut each = line.chars().peekable();
    while let Some(one) = each.next() {
        if let Some(open) = quote {
            stage.push(one);
            if one == '\\' && open == '"' {
                stage.extend(each.next());
            } else if one == open {
                quote = None;
            }
            continue;
        }
        match one {
            '\\' => {
                stage.push(one);
                stage.extend(each.next());
            }
            '\'' | '"' | '`' => {
                quote = Some(one);
                stage.push(one);
            }
            '(' | '{' => {
                depth += 1;
                stage.push(one);
            }
            ')' | '}' => {
                depth = depth.saturating_sub(1);
                stage.push(one);
            }
            '|' if depth == 0 && each.peek() != Some(&'|') => {
                // `|&` pipes both streams.
                each.next_if_eq(&'&');
                pipe.push(std::mem::take(&mut stage));
            }
            '&' if depth == 0 && (stage.ends_with('>') || each.peek() == Some(&'>')) => stage.push(one),
            '|' | '&' | ';' | '\n' if depth == 0 => {
                each.next_if_eq(&one);
                pipe.push(std::mem::take(&mut stage));
                pipes.push(std::mem::take(&mut pipe));
            }
            '<' if depth == 0 && each.peek() == Some(&'<') => {
                // What follows is data for this command; what it does is known already.
                break;
            }
            _ => stage.push(one),
        }
    }
    pipe.push(stage);
    pipes.push(pipe);
    pipes
}

/// The words of one stage, without quotes.
fn words_of(stage: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut begun = false;
    let mut quote: Option<char> = None;
    let mut each = stage.chars();
    while let Some(one) = each.next() {
        match (quote, one) {
            (Some(open), _) if one == open => quote = None,
            (Some('\''), _) => word.push(one),
            (_, '\\') => {
                word.extend(each.next());
                begun = true;
            }
            (Some(_), _) => word.push(one),
            (None, '\'' | '"') => {
                quote = Some(one);
                begun = true;
            }
            (None, _) if one.is_whitespace() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                    begun = false;
                }
            }
            (None, _) => {
                word.push(one);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

fn about_pipe(pipe: &Pipe) -> About {
    let mut found = About::Unknown;
    for (order, stage) in pipe.iter().enumerate() {
        let words = words_of(stage);
        // `… | grep x` filters; `… | xargs grep x` searches in files.
        if order != 0 && words.first().is_some_and(|program| FILTERS.contains(&base(program))) {
            continue;
        }
        // A later stage that is no filter makes a text of its own.
        found = about_stage(&bare(words));
    }
    found
}

/// Takes off assignments, redirections and programs that only run another.
fn bare(mut words: Vec<String>) -> Vec<String> {
    words.retain(|word| !is_redirection(word));
    loop {
        let Some(first) = words.first() else { return words };
        let name = base(first).to_owned();
        if is_assignment(first) {
            words.remove(0);
        } else if let Some(&(_, own)) = WRAPPERS.iter().find(|(wrapper, _)| *wrapper == name) {
            words.remove(0);
            let mut own = own;
            while let Some(word) = words.first() {
                if word.starts_with('-') || is_assignment(word) {
                    words.remove(0);
                } else if 0 < own {
                    own -= 1;
                    words.remove(0);
                } else {
                    break;
                }
            }
        } else if words.len() > 2 && RUNNERS.contains(&(name.as_str(), words[1].as_str())) {
            if name == "docker" {
                words.drain(..2);
                words.insert(0, "docker-compose".to_owned());
                return words;
            }
            words.drain(..2);
        } else if is_python(&name) && words.get(1).is_some_and(|flag| flag == "-m") {
            words.drain(..2);
        } else if is_python(&name) && words.get(1).is_some_and(|script| script.ends_with(".py")) {
            words.remove(0);
        } else {
            return words;
        }
    }
}

fn is_python(name: &str) -> bool {
    name == "python"
        || name == "py"
        || name.strip_prefix("python3").is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

fn is_redirection(word: &str) -> bool {
    let word = word.trim_start_matches(|each: char| each.is_ascii_digit() || each == '&');
    word.starts_with('>') || word.starts_with('<')
}

fn about_stage(words: &[String]) -> About {
    let Some(program) = words.first() else { return About::Unknown };
    let name = base(program).trim_end_matches(".exe");
    let operands: Vec<&str> = words[1..]
        .iter()
        .map(String::as_str)
        .filter(|word| !word.starts_with('-') && !word.starts_with('+'))
        .collect();
    if FILE_PRINTERS.contains(&name) {
        return about_files(name, &operands);
    }
    if name == "git"
        && operands.first() == Some(&"show")
        && operands.get(1).is_some_and(|what| what.contains(':'))
    {
        return About::Is(Kind::Read);
    }
    PROGRAMS
        .iter()
        .find(|its| {
            its.name == name
                && (its.words.is_empty() || operands.iter().take(2).any(|word| its.words.contains(word)))
        })
        .map_or(About::Unknown, |its| match its.prints {
            // `grep -l`, `-c` print names and counts; the shape tells.
            Kind::Other => About::Is(Kind::Other),
            kind => About::Is(kind),
        })
}

/// What printing these files gives: the most careful answer over all of them.
fn about_files(program: &str, operands: &[&str]) -> About {
    // `sed -n 1,80p FILE` and `awk 'NR<9' FILE` have a script first.
    let files =
        if matches!(program, "sed" | "awk") { operands.get(1..).unwrap_or_default() } else { operands };
    let mut found = About::Unknown;
    for file in files {
        found = match (found, about_file(file)) {
            (_, About::Is(Kind::Read)) => return About::Is(Kind::Read),
            (About::Unknown, its) => its,
            (found, About::Unknown) => found,
            (found, its) if found == its => found,
            _ => About::Unknown,
        };
    }
    found
}

fn about_file(file: &str) -> About {
    let name = base(file);
    let lower = name.to_ascii_lowercase();
    let ends = |names: &[&str]| names.iter().any(|end| lower.ends_with(end));
    let data = {
        let path = format!("/{}", file.trim_start_matches("./"));
        DATA_PLACES.iter().any(|place| path.contains(place))
    };
    let number = file.bytes().all(|byte| byte.is_ascii_digit());
    if number {
        // `head -n 20 FILE`: the count of an option.
        About::Unknown
    } else if let Some((_, kind, writer)) = FILE_NAMES.iter().find(|(names, ..)| ends(names)) {
        // What lies where nothing is written by hand is nobody's settings.
        if *writer == Writer::Person && !data { About::File(*kind) } else { About::Is(*kind) }
    } else if ends(OPEN_NAMES) || data && (!name.contains('.') || ends(&[".xml"])) {
        About::Unknown
    } else if ends(SOURCE_NAMES) {
        About::Is(Kind::Read)
    } else {
        About::Unheard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_tells_what_it_prints() {
        let read = About::Is(Kind::Read);
        let build = About::Is(Kind::Build);
        let log = About::Is(Kind::Log);
        let search = About::Is(Kind::Search);
        let json = About::Is(Kind::Json);
        let cases = [
            ("cargo test", build),
            ("cd /x && RUST_BACKTRACE=1 cargo test --lib 2>&1 | tail -50", build),
            ("sudo -E timeout 60 cargo build --release", build),
            ("bash -lc 'cd x && pytest -v'", build),
            ("[\"bash\",\"-lc\",\"npm ci\"]", build),
            ("python3 -m pytest -q tests/", build),
            ("python -m unittest discover", build),
            ("uv run pytest", build),
            ("npx tsc --noEmit", build),
            ("./gradlew test", build),
            ("python manage.py test app", build),
            ("docker compose build web", build),
            ("docker compose logs web", log),
            ("docker build . -t x", build),
            ("docker logs web 2>&1 | grep ERROR", log),
            ("kubectl -n prod logs deploy/api --tail=500", log),
            ("kubectl logs deploy/api", log),
            ("journalctl -u nginx --since today", log),
            ("tail -n 200 /var/log/syslog", log),
            ("cat app.log", log),
            ("cat src/main.rs", read),
            ("sed -n '1,80p' foo.py", read),
            ("sed -n 1,80p foo.log", log),
            ("nl -ba src/x.c | sed -n '1,20p'", read),
            ("head -50 x.mk", read),
            ("cat a.py && pytest", read),
            ("cat src/main.rs | wc -l", About::Unknown),
            ("cat package.json", About::File(Kind::Json)),
            ("cat Makefile", About::Unheard),
            ("cat exports/q2.dat", About::Unheard),
            ("cat exports/q2.dat src/main.rs", read),
            ("cat /tmp/out.json", json),
            ("cat data/rows.jsonl", json),
            ("cat out.txt", About::Unknown),
            ("rg -n foo src | head -40", search),
            ("grep -rn 'a && b' . 2>/dev/null", search),
            ("find . -name '*.rs' | xargs grep -n foo", search),
            ("git grep -n foo", search),
            ("git diff", About::Is(Kind::Diff)),
            ("git show HEAD:src/a.rs", read),
            ("curl -s http://x | jq .", json),
            ("echo hi", About::Unknown),
            ("", About::Unknown),
            ("cat <<'EOF' > x.py\nimport cargo\nEOF", About::Unknown),
        ];
        for (command, want) in cases {
            assert_eq!(about(command), want, "{command}");
        }
    }
}

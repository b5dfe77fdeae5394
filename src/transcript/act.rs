//! What a tool call does, whatever the agent calls its tool.
//!
//! By the tool's name where it is known, else by the names of its arguments. *Invariant:* a guess only where nothing else
//! fits; what can't be told is [`Act::Other`]. Never looks at what a tool answered.

use crate::conversation::RETRIEVAL_TOOL;
use crate::script;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// Bytes of arguments that are looked into: more is a file that somebody writes.
const LARGEST: usize = 4 << 20;

/// Edits of one call that are kept.
const EDITS: usize = 256;

/// What a call does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Runs a command line in a shell.
    Shell {
        /// The command line, as the shell reads it.
        command: String,
        /// The folder that the call itself names; `None`: the session's.
        folder: Option<String>,
    },
    /// Reads a file, or lines of it.
    Read {
        /// Which file.
        path: PathBuf,
        /// First line (counted from 1) and how many ([`u64::MAX`]: to the end), where the call says so.
        lines: Option<(u64, u64)>,
    },
    /// Replaces a text in a file (several edits: one each).
    Edit {
        /// Which file.
        path: PathBuf,
        /// What is to be replaced, and by what.
        edits: Vec<(String, String)>,
    },
    /// Writes a whole file.
    Write {
        /// Which file.
        path: PathBuf,
    },
    /// Searches in files, or for files.
    Search {
        /// What is looked for.
        pattern: String,
        /// Where; empty when the call does not say.
        path: String,
    },
    /// Asks headroom for an original: its key.
    Retrieve {
        /// The key, as far as it was made out.
        key: String,
    },
    /// Something else: a server's tool, a web page, a sub-agent.
    Other,
}

/// What kind of tool one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    Shell,
    Read,
    Edit,
    Write,
    Search,
    Patch,
}

/// The tools of the agents whose transcripts are read, and of others that are alike; in small letters.
const TOOLS: &[(Tool, &[&str])] = &[
    (
        Tool::Shell,
        &[
            "bash",
            "exec_command",
            "execute_bash",
            "execute_command",
            "local_shell",
            "local_shell_call",
            "run_command",
            "run_in_terminal",
            "run_shell_command",
            "run_terminal_cmd",
            "run_terminal_command",
            "shell",
            "shell_command",
            "shell_exec",
            "terminal",
        ],
    ),
    (Tool::Read, &["open_file", "read", "read_file", "view", "view_file"]),
    (
        Tool::Edit,
        &[
            "edit",
            "edit_file",
            "multi_edit",
            "multiedit",
            "replace",
            "search_replace",
            "str_replace",
            "str_replace_based_edit_tool",
            "str_replace_editor",
        ],
    ),
    (Tool::Write, &["create", "create_file", "write", "write_file", "write_to_file"]),
    (
        Tool::Search,
        &[
            "file_search",
            "find_files",
            "glob",
            "grep",
            "grep_search",
            "rg",
            "search_file_content",
            "search_files",
        ],
    ),
    (Tool::Patch, &["apply_patch", "patch"]),
];

/// How the arguments are called that say which file.
const PATHS: &[&str] =
    &["file_path", "absolute_path", "filePath", "notebook_path", "path", "target_file", "file", "filename"];

/// How the arguments are called that say which folder a command runs in.
const FOLDERS: &[&str] =
    &["workdir", "cwd", "working_directory", "workingDirectory", "directory", "dir_path"];

/// What a patch begins with.
const PATCH: &str = "*** Begin Patch";

/// Agents that count lines from 0.
const FROM_ZERO: &[&str] = &["gemini", "opencode", "qwen"];

/// What the call of `tool` by `agent` with these `arguments` (JSON text, or a program) does. Of a call that changes several
/// files, what it does to the first.
pub fn act(agent: &str, tool: &str, arguments: &str) -> Act {
    acts(agent, tool, arguments).into_iter().next().unwrap_or(Act::Other)
}

/// All that a call does: a patch may change several files, a program may do several things.
pub fn acts(agent: &str, tool: &str, arguments: &str) -> Vec<Act> {
    if LARGEST < arguments.len() {
        return vec![Act::Other];
    }
    let found = match serde_json::from_str::<Value>(arguments) {
        Ok(Value::Object(named)) => of_named(agent, tool, &named),
        Ok(Value::String(text)) => of_text(tool, &text),
        _ => of_text(tool, arguments),
    };
    if found.is_empty() { vec![Act::Other] } else { found }
}

/// What a call with named arguments does.
fn of_named(agent: &str, tool: &str, named: &Map<String, Value>) -> Vec<Act> {
    if tool.ends_with(RETRIEVAL_TOOL) {
        return vec![Act::Retrieve { key: text(named, &["key"]).unwrap_or_default() }];
    }
    // A server's tools are known by their own names, and never guessed at.
    let own = tool.rsplit("__").next().unwrap_or(tool).to_ascii_lowercase();
    let kind = TOOLS.iter().find(|(_, names)| names.contains(&own.as_str())).map(|(kind, _)| *kind);
    let kind = kind.or_else(|| if tool.contains("__") { None } else { guess(named) });
    let path = text(named, PATHS).map(PathBuf::from);
    let act = match (kind, path) {
        (Some(Tool::Shell), _) => shell(named),
        (Some(Tool::Patch), path) => {
            let patch = text(named, &["input", "patch", "patchText", "patch_text"]).unwrap_or_default();
            let found = patched(&patch);
            return if found.is_empty() {
                path.map(|path| Act::Write { path }).into_iter().collect()
            } else {
                found
            };
        }
        (Some(Tool::Edit), Some(path)) => edit(agent, named, path),
        (Some(Tool::Read), Some(path)) => Some(Act::Read { path, lines: lines(agent, named) }),
        (Some(Tool::Write), Some(path)) => Some(Act::Write { path }),
        (Some(Tool::Search), path) => search(named, path),
        _ => None,
    };
    act.into_iter().collect()
}

/// What a call does whose arguments are a text of their own.
fn of_text(tool: &str, arguments: &str) -> Vec<Act> {
    if arguments.trim_start().starts_with(PATCH) {
        return patched(arguments);
    }
    if arguments.contains("tools.") {
        return of_program(arguments);
    }
    let own = tool.to_ascii_lowercase();
    let shell = TOOLS.iter().any(|(kind, names)| *kind == Tool::Shell && names.contains(&own.as_str()));
    if shell && !arguments.trim().is_empty() { vec![run(arguments.to_owned(), None)] } else { Vec::new() }
}

/// What a program does that calls further tools.
fn of_program(program: &str) -> Vec<Act> {
    let mut found = Vec::new();
    if program.contains(PATCH)
        && let Some(patch) = script::literal_with(program, PATCH)
    {
        found.extend(patched(&patch));
    }
    let called = format!("{RETRIEVAL_TOOL}(");
    if program.contains(&called) {
        let key = script::argument(program, &called, "key").unwrap_or_default();
        found.push(Act::Retrieve { key });
    }
    let commands = script::commands(program);
    if !commands.is_empty() {
        let folder =
            script::argument(program, "exec_command(", "workdir").filter(|folder| !folder.is_empty());
        found.push(run(commands, folder));
    }
    found
}

/// A command line; one that asks headroom for an original does just that.
fn run(command: String, folder: Option<String>) -> Act {
    let mut words = command.split_whitespace();
    let program = words.next().unwrap_or_default();
    let headroom = program == "headroom" || program.ends_with("/headroom");
    if headroom && words.next() == Some("retrieve") {
        let key = words.find(|word| !word.starts_with('-')).unwrap_or_default();
        return Act::Retrieve { key: key.to_owned() };
    }
    Act::Shell { command, folder }
}

fn shell(named: &Map<String, Value>) -> Option<Act> {
    let command = match named.get("command").or_else(|| named.get("cmd")).or_else(|| named.get("script"))? {
        Value::String(command) => command.clone(),
        Value::Array(words) => command_of(words)?,
        _ => return None,
    };
    let folder = text(named, FOLDERS).filter(|folder| !folder.is_empty());
    Some(run(command, folder))
}

/// The command line of a row of words: what a shell is given to run, or the words with what needs it in quotes.
fn command_of(words: &[Value]) -> Option<String> {
    let words: Option<Vec<&str>> = words.iter().map(Value::as_str).collect();
    let words = words?;
    if let [shell, flag, command] = words.as_slice()
        && ["-c", "-lc", "-ic"].contains(flag)
        && shell.ends_with("sh")
    {
        return Some((*command).to_owned());
    }
    let plain = |word: &str| {
        !word.is_empty()
            && word.chars().all(|letter| letter.is_alphanumeric() || "-_./=:,+@%".contains(letter))
    };
    let quoted = words.iter().map(|word| match plain(word) {
        true => (*word).to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    });
    Some(quoted.collect::<Vec<_>>().join(" ")).filter(|command| !command.is_empty())
}

fn edit(agent: &str, named: &Map<String, Value>, path: PathBuf) -> Option<Act> {
    // One tool for all, with a word that says what it does.
    match named.get("command").and_then(Value::as_str) {
        Some("view") => return Some(Act::Read { path, lines: lines(agent, named) }),
        Some("create") => return Some(Act::Write { path }),
        _ => {}
    }
    let mut edits: Vec<(String, String)> = replaced(named).into_iter().collect();
    if let Some(Value::Array(several)) = named.get("edits") {
        edits.extend(several.iter().take(EDITS).filter_map(|one| replaced(one.as_object()?)));
    }
    match edits.as_slice() {
        // Nothing is replaced: a file is begun.
        [(old, _)] if old.is_empty() => Some(Act::Write { path }),
        _ => Some(Act::Edit { path, edits }),
    }
}

/// What is to be replaced, and by what.
fn replaced(named: &Map<String, Value>) -> Option<(String, String)> {
    let old = text(named, &["old_string", "old_str", "oldString", "old_text", "oldText", "search"])?;
    let new = text(named, &["new_string", "new_str", "newString", "new_text", "newText", "replace"]);
    Some((old, new.unwrap_or_default()))
}

fn search(named: &Map<String, Value>, path: Option<PathBuf>) -> Option<Act> {
    let pattern = text(named, &["pattern", "query", "regex", "glob", "q"])?;
    let folder = text(named, &["path", "dir_path", "directory", "include"]);
    let path = folder.or_else(|| path.map(|path| path.to_string_lossy().into_owned()));
    Some(Act::Search { pattern, path: path.unwrap_or_default() })
}

/// Which lines of a file are asked for.
fn lines(agent: &str, named: &Map<String, Value>) -> Option<(u64, u64)> {
    let number = |name: &str| {
        let value = named.get(name)?;
        value.as_u64().or_else(|| value.as_f64().filter(|number| 0.0 <= *number).map(|number| number as u64))
    };
    if let Some(Value::Array(range)) = named.get("view_range") {
        let first = range.first()?.as_u64()?;
        let last = range.get(1).and_then(Value::as_u64).unwrap_or(u64::MAX);
        return Some((first, last.saturating_sub(first).saturating_add(1)));
    }
    if let Some(first) = number("start_line") {
        let last = number("end_line").unwrap_or(u64::MAX);
        return Some((first, last.saturating_sub(first).saturating_add(1)));
    }
    let (offset, limit) = (number("offset"), number("limit"));
    if offset.is_none() && limit.is_none() {
        return None;
    }
    let first = offset.unwrap_or_default();
    let first = if FROM_ZERO.contains(&agent) { first.saturating_add(1) } else { first.max(1) };
    Some((first, limit.unwrap_or(u64::MAX)))
}

/// What a tool does whose name is not known, by its arguments.
fn guess(named: &Map<String, Value>) -> Option<Tool> {
    let has = |names: &[&str]| names.iter().any(|name| named.get(*name).is_some_and(Value::is_string));
    let file = has(PATHS);
    if file && has(&["old_string", "old_str", "oldString", "old_text"]) {
        return Some(Tool::Edit);
    }
    if file && has(&["content", "file_text", "contents"]) {
        return Some(Tool::Write);
    }
    let patch = ["input", "patch", "patchText"].iter().filter_map(|name| named.get(*name)?.as_str());
    if patch.into_iter().any(|patch| patch.starts_with(PATCH)) {
        return Some(Tool::Patch);
    }
    (!file && has(&["command", "cmd"])).then_some(Tool::Shell)
}

/// The first of these arguments that is a text.
fn text(named: &Map<String, Value>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| named.get(*name)?.as_str()).map(str::to_owned)
}

/// What a patch of Codex's shape does, file by file.
fn patched(patch: &str) -> Vec<Act> {
    let mut found: Vec<Act> = Vec::new();
    let mut hunk = (String::new(), String::new());
    for line in patch.lines() {
        let named = |prefix: &str| line.strip_prefix(prefix).map(|path| PathBuf::from(path.trim()));
        if line.starts_with("@@") || line.starts_with("*** ") {
            close(&mut hunk, &mut found);
        }
        if let Some(path) = named("*** Update File: ") {
            found.push(Act::Edit { path, edits: Vec::new() });
        } else if let Some(path) = named("*** Add File: ").or_else(|| named("*** Delete File: ")) {
            found.push(Act::Write { path });
        } else if !line.starts_with("@@") && !line.starts_with("*** ") {
            let text = line.get(1..).unwrap_or_default();
            if !line.starts_with('+') {
                hunk.0.push_str(text);
                hunk.0.push('\n');
            }
            if !line.starts_with('-') {
                hunk.1.push_str(text);
                hunk.1.push('\n');
            }
        }
    }
    close(&mut hunk, &mut found);
    found
}

/// A part of a patch has ended: it is one edit of the file that it stands under.
fn close(hunk: &mut (String, String), found: &mut [Act]) {
    let hunk = std::mem::take(hunk);
    if let Some(Act::Edit { edits, .. }) = found.last_mut()
        && edits.len() < EDITS
        && !(hunk.0.is_empty() && hunk.1.is_empty())
    {
        edits.push(hunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(command: &str) -> Act {
        Act::Shell { command: command.to_owned(), folder: None }
    }

    fn read(path: &str, lines: Option<(u64, u64)>) -> Act {
        Act::Read { path: path.into(), lines }
    }

    fn edit(path: &str, old: &str, new: &str) -> Act {
        Act::Edit { path: path.into(), edits: vec![(old.to_owned(), new.to_owned())] }
    }

    fn write(path: &str) -> Act {
        Act::Write { path: path.into() }
    }

    fn search(pattern: &str, path: &str) -> Act {
        Act::Search { pattern: pattern.to_owned(), path: path.to_owned() }
    }

    fn retrieve(key: &str) -> Act {
        Act::Retrieve { key: key.to_owned() }
    }

    #[test]
    fn a_call_is_told_by_its_tool_and_its_arguments() {
        let cases = [
            ("claude", "Bash", r#"{"command":"cargo test","description":"tests"}"#, shell("cargo test")),
            ("claude", "Read", r#"{"file_path":"/w/a.rs"}"#, read("/w/a.rs", None)),
            ("claude", "Read", r#"{"file_path":"a","offset":10,"limit":5}"#, read("a", Some((10, 5)))),
            ("opencode", "read", r#"{"filePath":"a","offset":10}"#, read("a", Some((11, u64::MAX)))),
            ("claude", "Edit", r#"{"file_path":"a","old_string":"x","new_string":"y"}"#, edit("a", "x", "y")),
            ("claude", "Edit", r#"{"file_path":"a","old_string":"","new_string":"y"}"#, write("a")),
            (
                "claude",
                "MultiEdit",
                r#"{"file_path":"a","edits":[{"old_string":"x","new_string":"y"}]}"#,
                edit("a", "x", "y"),
            ),
            ("claude", "Write", r#"{"file_path":"a","content":"…"}"#, write("a")),
            ("claude", "Grep", r#"{"pattern":"fn main","path":"src"}"#, search("fn main", "src")),
            ("claude", "Glob", r#"{"pattern":"**/*.rs"}"#, search("**/*.rs", "")),
            ("claude", "WebFetch", r#"{"url":"http://x","prompt":"y"}"#, Act::Other),
            ("claude", "mcp__headroom__headroom_retrieve", r#"{"key":"ab"}"#, retrieve("ab")),
            ("claude", "mcp__db__query", r#"{"command":"drop","query":"x"}"#, Act::Other),
            ("claude", "mcp__files__read_file", r#"{"path":"a"}"#, read("a", None)),
            ("claude", "Bash", r#"{"command":"headroom retrieve ab12 --lines 1-9"}"#, retrieve("ab12")),
            ("codex", "shell", r#"{"command":["bash","-lc","ls -l"]}"#, shell("ls -l")),
            ("codex", "shell", r#"{"command":["rg","a b","src"]}"#, shell("rg 'a b' src")),
            (
                "codex",
                "exec_command",
                r#"{"cmd":"pwd","workdir":"/w"}"#,
                Act::Shell { command: "pwd".to_owned(), folder: Some("/w".to_owned()) },
            ),
            ("codex", "exec", r#"const r = await tools.exec_command({cmd: "ls"}); text(r)"#, shell("ls")),
            (
                "codex",
                "exec",
                r#"await tools.exec_command({"cmd":"ls","workdir":"sub"})"#,
                Act::Shell { command: "ls".to_owned(), folder: Some("sub".to_owned()) },
            ),
            ("codex", "exec", r#"await tools.mcp__headroom__headroom_retrieve({key:"ab"})"#, retrieve("ab")),
            ("gemini", "run_shell_command", r#"{"command":"ls","dir_path":""}"#, shell("ls")),
            (
                "gemini",
                "read_file",
                r#"{"absolute_path":"/a","offset":0,"limit":2000}"#,
                read("/a", Some((1, 2_000))),
            ),
            (
                "gemini",
                "replace",
                r#"{"file_path":"a","old_string":"x","new_string":"y"}"#,
                edit("a", "x", "y"),
            ),
            ("opencode", "bash", r#"{"command":"ls","description":"d"}"#, shell("ls")),
            ("opencode", "edit", r#"{"filePath":"a","oldString":"x","newString":"y"}"#, edit("a", "x", "y")),
            (
                "x",
                "str_replace_editor",
                r#"{"command":"view","path":"a","view_range":[3,7]}"#,
                read("a", Some((3, 5))),
            ),
            ("x", "str_replace_editor", r#"{"command":"create","path":"a"}"#, write("a")),
            ("x", "do_it", r#"{"cmd":"make"}"#, shell("make")),
            ("x", "change", r#"{"path":"a","old_str":"x","new_str":"y"}"#, edit("a", "x", "y")),
            ("x", "bash", "ls -l", shell("ls -l")),
            ("x", "bash", r#"{"command":7}"#, Act::Other),
            ("x", "", "", Act::Other),
        ];
        for (agent, tool, arguments, want) in cases {
            assert_eq!(act(agent, tool, arguments), want, "{tool} {arguments}");
        }
    }

    #[test]
    fn a_patch_says_what_it_does_to_each_file() {
        let patch = "*** Begin Patch\n*** Update File: src/a.rs\n@@ fn main\n one\n-two\n+deux\n@@\n-x\n\
                     *** Add File: b.txt\n+new\n*** Delete File: c.txt\n*** End Patch\n";
        let edits = [("one\ntwo\n", "one\ndeux\n"), ("x\n", "")];
        let edits = edits.map(|(old, new)| (old.to_owned(), new.to_owned())).to_vec();
        let want = vec![Act::Edit { path: "src/a.rs".into(), edits }, write("b.txt"), write("c.txt")];
        assert_eq!(acts("codex", "apply_patch", patch), want);
        let named = serde_json::json!({ "input": patch }).to_string();
        assert_eq!(acts("codex", "apply_patch", &named), want);
        let program = format!("text(await tools.apply_patch({}))", serde_json::json!(patch));
        assert_eq!(acts("codex", "exec", &program), want);
        let both = format!("{program}; await tools.exec_command({{cmd: 'ls'}})");
        assert_eq!(acts("codex", "exec", &both).last(), Some(&shell("ls")));
    }
}

//! One tool output, with what a reader needs to see in it.

use crate::cli::term::{Failure, exit};
use crate::demo::outputs::COMMANDS;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// One tool output to shorten.
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    /// Its name.
    pub id: String,
    /// The kind it is summed up under.
    #[serde(default)]
    pub kind: String,
    /// The tool that printed it.
    #[serde(default)]
    pub tool_name: String,
    /// The call's arguments.
    #[serde(default)]
    pub tool_input: Value,
    /// The question that the agent works on.
    #[serde(default)]
    pub query: String,
    /// What the tool printed.
    pub content: String,
    /// What must be readable afterwards.
    #[serde(default)]
    pub needles: Vec<String>,
    /// What must come back on retrieval.
    #[serde(default)]
    pub retrievable: Vec<String>,
}

impl Case {
    /// The case as a request of one call and its result.
    pub fn request(&self) -> Value {
        let input = if self.tool_input.is_object() { self.tool_input.clone() } else { json!({}) };
        json!({"messages": [
            {"role": "user", "content": if self.query.is_empty() { " " } else { &self.query }},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "call-1", "name": self.tool_name, "input": input}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call-1", "content": self.content}]},
        ]})
    }

    /// How many needles a random choice of lines that is `length` bytes long would show, on average:
    /// each line is shown with the same chance.
    pub fn at_random(&self, length: usize) -> f64 {
        let share = (length as f64 / self.content.len().max(1) as f64).min(1.0);
        share * self.needles.len() as f64
    }
}

/// Whether a reader of `shown` sees `needle`: as it stands, or as it stands in a JSON string.
pub fn shows(shown: &str, needle: &str) -> bool {
    shown.contains(needle) || {
        let quoted = Value::from(needle).to_string();
        shown.contains(&quoted[1..quoted.len() - 1])
    }
}

/// The outputs of the demo.
pub fn built_in() -> Vec<Case> {
    COMMANDS
        .iter()
        .map(|command| {
            let needles: Vec<String> = command.facts.iter().map(ToString::to_string).collect();
            Case {
                id: command.line.to_owned(),
                kind: command.line.split(' ').next().unwrap_or_default().to_owned(),
                tool_name: "Bash".to_owned(),
                tool_input: json!({"command": command.line}),
                query: String::new(),
                content: (command.prints)(),
                retrievable: needles.clone(),
                needles,
            }
        })
        .collect()
}

/// All cases in `folder` and the folders in it, in the order of their paths.
pub fn read(folder: &Path) -> Result<Vec<Case>, Failure> {
    let mut cases = Vec::new();
    for path in files(folder)? {
        let mut bytes = std::fs::read(&path).map_err(|error| unreadable(&path, &error))?;
        let packed = path.extension().is_some_and(|end| end == "zst");
        if packed {
            bytes = zstd::decode_all(bytes.as_slice()).map_err(|error| unreadable(&path, &error))?;
        }
        let path = if packed { path.with_extension("") } else { path };
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let name = path.to_string_lossy();
        if name.ends_with(".case.json") {
            cases.push(parsed(&text, &path, 1)?);
        } else if name.ends_with(".cases.jsonl") {
            for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                cases.push(parsed(line, &path, number + 1)?);
            }
        } else if !text.is_empty() {
            cases.push(plain(&path, folder, text));
        }
    }
    Ok(cases)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut open = vec![folder.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|error| unreadable(&folder, &error))? {
            let path = entry.map_err(|error| unreadable(&folder, &error))?.path();
            // A link could lead round in a circle.
            if path.is_symlink() {
                continue;
            }
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(exit::USAGE, format!("could not read {}: {error}", path.display()), "")
}

fn parsed(text: &str, path: &Path, line: usize) -> Result<Case, Failure> {
    serde_json::from_str(text).map_err(|error| {
        Failure::new(
            exit::USAGE,
            format!("{}:{line} holds no case: {error}", path.display()),
            "`headroom bench --help` shows its shape",
        )
    })
}

/// A file that is one output: its lines that tell of something wrong are what must stay in view.
fn plain(path: &Path, folder: &Path, content: String) -> Case {
    let name = path.strip_prefix(folder).unwrap_or(path);
    let kind = name.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("text"));
    let telling = || content.lines().filter(|line| is_telling(&as_shown(line)));
    let (needles, retrievable) = (telling().map(as_shown).collect(), telling().map(str::to_owned).collect());
    Case {
        id: name.to_string_lossy().into_owned(),
        kind: kind.to_string_lossy().into_owned(),
        tool_name: String::new(),
        tool_input: Value::Null,
        query: String::new(),
        retrievable,
        needles,
        content,
    }
}

/// A line as a terminal shows it: without colours, and without the white space at its ends.
fn as_shown(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str(
            part.find(|letter: char| letter.is_ascii_alphabetic()).map_or("", |end| &part[end + 1..]),
        );
    }
    shown.trim().to_owned()
}

/// Whether a line tells of something wrong; a passed test whose name says "error" does not.
///
/// Written apart from the compressors' own signs, so that they don't judge themselves.
fn is_telling(line: &str) -> bool {
    const WORDS: [&str; 12] = [
        "error",
        "Error",
        "ERROR",
        "FAIL",
        "fatal",
        "FATAL",
        "panic",
        "Traceback",
        "Exception",
        "assert",
        "warning:",
        "WARN",
    ];
    let passed = line.contains("PASSED") || line.ends_with(" ok") || line.ends_with("... skipped");
    line.len() < 2_000 && !passed && (line.starts_with("E  ") || WORDS.iter().any(|word| line.contains(word)))
}

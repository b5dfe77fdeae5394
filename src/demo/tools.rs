//! One wish — run this, read that, search for it — in the words of whichever agent asks.
//!
//! An agent is known by the tools that its request offers, not by its name: the table
//! holds tool names, and a call is filled in by the tool's own schema.

use super::asked::{Asked, Kind, Offer};
use serde_json::{Map, Value, json};

/// What the model wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A command line run in a shell.
    Run(String),
    /// A file read, named by its path.
    Read(String),
    /// A regular expression searched for.
    Search {
        /// The expression.
        pattern: String,
        /// The file or folder that is searched.
        path: String,
    },
}

/// The tools that run a command line, by the names that agents give them; the first that is offered is called.
const SHELLS: &[&str] = &[
    "Bash",
    "bash",
    "exec_command",
    "shell_command",
    "shell",
    "local_shell",
    "run_shell_command",
    "run_commands",
    "run_command",
    "execute_command",
    "execute_bash",
    "Execute",
    "terminal",
    "run_terminal_cmd",
    "run_terminal_command",
    "run_in_terminal",
    "developer__shell",
    "exec",
];

/// The tools that read a file.
const READERS: &[&str] = &["Read", "read_file", "read", "view", "view_file", "read_files", "open_file"];

/// The tools that search files.
const SEARCHERS: &[&str] = &["Grep", "grep", "grep_search", "search_file_content", "rg", "Search"];

/// The call that grants `wish` with the tools that are offered: a tool's name and its input; `None` when none can.
///
/// What no reading or searching tool is there for, the shell does.
pub fn call(asked: &Asked<'_>, wish: &Wish) -> Option<(String, Value)> {
    let offers = asked.offers();
    let offered = |names: &[&str]| {
        names.iter().find_map(|name| offers.iter().find(|offer| offer.name == *name).copied())
    };
    match wish {
        Wish::Run(command) => offered(SHELLS).map(|shell| run(shell, command)),
        Wish::Read(path) => match offered(READERS) {
            Some(reader) => Some(fill(
                reader,
                &[
                    ("file_path", json!(path)),
                    ("filePath", json!(path)),
                    ("filepath", json!(path)),
                    ("absolute_path", json!(path)),
                    ("target_file", json!(path)),
                    ("path", json!(path)),
                    ("paths", json!([path])),
                    ("files", json!([{"path": path}])),
                ],
            )),
            None => offered(SHELLS).map(|shell| run(shell, &format!("cat {}", quoted(path)))),
        },
        Wish::Search { pattern, path } => match offered(SEARCHERS) {
            Some(searcher) => Some(fill(
                searcher,
                &[
                    ("pattern", json!(pattern)),
                    ("query", json!(pattern)),
                    ("regex", json!(pattern)),
                    ("path", json!(path)),
                    ("dir_path", json!(path)),
                    ("paths", json!(path)),
                    ("output_mode", json!("content")),
                    ("-n", json!(true)),
                ],
            )),
            None => {
                let command = format!("grep -rnE {} {}", quoted(pattern), quoted(path));
                offered(SHELLS).map(|shell| run(shell, &command))
            }
        },
    }
}

/// A value that fits `schema`, as small as can be: what a side request that asks for JSON is answered with.
pub fn sample(schema: &Value) -> Value {
    sample_within(schema, 8)
}

fn run(shell: Offer<'_>, command: &str) -> (String, Value) {
    let words = json!(["bash", "-lc", command]);
    let input = match shell.kind {
        // Codex's code mode: the tool is a JavaScript engine that has the shell as a function.
        Kind::Custom => {
            return (
                shell.name.to_owned(),
                json!(format!(
                    "const ran = await tools.exec_command({{cmd: {}, max_output_tokens: 20000}});\n\
                     text(typeof ran === \"string\" ? ran : (ran.output ?? JSON.stringify(ran)));\n",
                    json!(command)
                )),
            );
        }
        Kind::LocalShell => json!({"type": "exec", "command": words, "timeout_ms": 60_000, "env": {}}),
        Kind::Function => {
            let line = |name: &str| {
                let list = type_of(&shell.schema["properties"][name]) == "array";
                match (list, name) {
                    (true, "commands") => json!([command]),
                    (true, _) => words.clone(),
                    (false, _) => json!(command),
                }
            };
            let given: Vec<(&str, Value)> =
                ["command", "cmd", "script", "commands"].into_iter().map(|name| (name, line(name))).collect();
            let more = [("description", json!("Looks around")), ("max_output_tokens", json!(20_000))];
            let given: Vec<(&str, Value)> = given.into_iter().chain(more).collect();
            return fill(shell, &given);
        }
    };
    (shell.name.to_owned(), input)
}

/// The arguments of `given` that the tool knows, and the smallest that fits for what else it requires.
fn fill(offer: Offer<'_>, given: &[(&str, Value)]) -> (String, Value) {
    let known = offer.schema["properties"].as_object();
    let mut input = Map::new();
    for (name, value) in given {
        if known.is_some_and(|known| known.contains_key(*name)) {
            input.insert((*name).to_owned(), value.clone());
        }
    }
    if let (None, Some((name, value))) = (known, given.first()) {
        input.insert((*name).to_owned(), value.clone());
    }
    for name in offer.schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !input.contains_key(name) {
            input.insert(name.to_owned(), sample(&offer.schema["properties"][name]));
        }
    }
    (offer.name.to_owned(), Value::Object(input))
}

/// `depth` bounds how far a schema is followed.
fn sample_within(schema: &Value, depth: usize) -> Value {
    if let Some(fixed) = schema.get("const").or_else(|| schema["enum"].get(0)) {
        return fixed.clone();
    }
    if depth == 0 {
        return Value::Null;
    }
    if let Some(choice) = ["anyOf", "oneOf", "allOf"].iter().find_map(|name| schema[*name].get(0)) {
        return sample_within(choice, depth - 1);
    }
    match type_of(schema).as_str() {
        "object" => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let field = |name: &str| (name.to_owned(), sample_within(&schema["properties"][name], depth - 1));
            Value::Object(required.map(field).collect())
        }
        "array" => match schema["minItems"].as_u64() {
            Some(1..) => Value::Array(vec![sample_within(&schema["items"], depth - 1)]),
            _ => json!([]),
        },
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        "boolean" => json!(false),
        "null" => Value::Null,
        _ => json!("looks around"),
    }
}

/// The type that a schema names, in small letters; the first of several.
fn type_of(schema: &Value) -> String {
    let named = schema["type"].as_str().or_else(|| schema["type"].get(0)?.as_str());
    let inferred = if schema["properties"].is_object() { "object" } else { "string" };
    named.unwrap_or(inferred).to_lowercase()
}

/// `word` as one word of a POSIX shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

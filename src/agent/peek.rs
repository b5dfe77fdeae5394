//! A look at single values in files of the user's: TOML, YAML, JSON with or without comments, lines of `name=value`.
//!
//! Reads; never writes, and keeps nothing but the value that was asked for.

use super::jsonc;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// No settings file is longer; one that is says nothing.
const LONGEST: u64 = 16 << 20;

/// A path as it stands in an agent's definition: `~` is the user's home.
pub fn at_home(path: &str, home: Option<&Path>) -> Option<PathBuf> {
    match path.strip_prefix("~/") {
        Some(rest) => Some(home?.join(rest)),
        None => Some(PathBuf::from(path)),
    }
}

/// A whole file as JSON; `None` when it is not there or can't be understood: then it says nothing to the agent either.
pub fn whole(path: &Path) -> Option<Value> {
    let text = text(path)?;
    match extension(path) {
        "toml" => toml_edit::de::from_str(&text).ok(),
        "yaml" | "yml" => serde_saphyr::from_str(&text).ok(),
        _ => serde_json::from_str(&jsonc::plain(&text)).ok(),
    }
}

/// The value under these keys in a file; `None` when there is none.
pub fn value(path: &Path, key: &[String]) -> Option<Value> {
    match extension(path) {
        "toml" | "json" | "jsonc" | "yaml" | "yml" => within(whole(path)?, key),
        _ => {
            let [name] = key else { return None };
            line_named(&text(path)?, name).map(Value::from)
        }
    }
}

/// What stands under these keys of a value.
pub fn within(mut value: Value, key: &[String]) -> Option<Value> {
    for key in key {
        value = match value {
            Value::Object(mut object) => object.remove(key)?,
            Value::Array(mut list) => {
                let at: usize = key.parse().ok()?;
                (at < list.len()).then(|| list.swap_remove(at))?
            }
            _ => return None,
        };
    }
    Some(value)
}

/// True when something stands in a value: not nothing, and not an empty text or list.
pub fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(object) => !object.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// The value in a line `name=value` or `name: value` that is not indented.
fn line_named(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let line = line.strip_prefix("export ").unwrap_or(line);
        let rest = line.strip_prefix(name)?.trim_start();
        let value = rest.strip_prefix([':', '='])?.trim();
        let bare = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split(quote).next().unwrap_or_default(),
            _ => value.split(" #").next().unwrap_or_default().trim_end(),
        };
        (!bare.is_empty()).then(|| bare.to_owned())
    })
}

fn text(path: &Path) -> Option<String> {
    let small = std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= LONGEST);
    small.then(|| std::fs::read_to_string(path).ok())?
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_in_each_kind_of_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = [
            ("a.toml", "# x\n[model]\nurl = \"https://a\"\n", &["model", "url"][..]),
            ("a.json", "\u{feff}{ // x\n \"model\": {\"url\": \"https://a\",},}", &["model", "url"]),
            ("a.jsonc", "[{\"url\": /* b */ \"https://a\"}]", &["0", "url"]),
            ("a.yaml", "# x\nother: 1\nmodels:\n  - url: \"https://a\" # b\n", &["models", "0", "url"]),
            (".env", "export url=https://a\n", &["url"]),
        ];
        for (name, text, key) in files {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file");
            let key: Vec<String> = key.iter().map(|&key| key.to_owned()).collect();
            assert_eq!(value(&path, &key), Some(Value::from("https://a")), "{name}");
            let none = value(&path, &["missing".to_owned()]);
            assert_eq!(none, None, "{name}");
        }
        assert_eq!(value(&folder.path().join("gone.json"), &[]), None);
    }
}

//! Advice that headroom carries out itself: a line of `[rules]` in the user's `config.toml`. Text in, text out.
//!
//! *Invariant:* every other byte stays, and so does every rule of the user's: ours stand before theirs, and the last rule
//! about an output decides. Reads and writes no file.

use std::fmt;
use std::ops::Range;
use toml_edit::{Document, Item};

/// What a line of ours ends with, so that it is known again.
const MARK: &str = "# headroom learn";

/// A rule of headroom's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Setting {
    /// Which outputs: `tool:NAME`, `command:PREFIX` or `path:PATTERN`.
    pub on: String,
    /// What may be done to them at most.
    pub allow: Allow,
}

/// What a learned rule may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Allow {
    /// What decodes back exactly, and nothing more.
    Lossless,
    /// More may be left out.
    Aggressive,
}

/// Why a text of settings was not changed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The text is not TOML.
    #[error("the settings are no TOML: {0}")]
    NoToml(String),
    /// `rules` is something that no rule can be put into.
    #[error("`rules` is no table of rules")]
    NoTable,
}

impl Allow {
    /// As it stands in `config.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Allow::Lossless => "lossless",
            Allow::Aggressive => "aggressive",
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} = \"{}\"", quoted(&self.on), self.allow.name())
    }
}

/// `text` with the rule in it; `None` when there is a rule about the same outputs already, whoever wrote it.
///
/// `day` (`2026-11-20`) stands behind it. The rule comes first of all rules, so that every rule of the user's has the
/// last word.
///
/// # Errors
/// [`SettingsError`]: the text is no TOML, or `rules` is no table.
pub fn with(text: &str, setting: &Setting, day: &str) -> Result<Option<String>, SettingsError> {
    let document = parsed(text)?;
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let line = format!("{setting} {MARK}, {day}{end}");
    let changed = match document.as_table().get_key_value("rules") {
        None => {
            let last = if text.is_empty() || text.ends_with('\n') { "" } else { end };
            let gap = if text.trim_start_matches('\u{feff}').is_empty() { "" } else { end };
            format!("{text}{last}{gap}[rules]{end}{line}")
        }
        Some((key, rules)) => {
            let table = rules.as_table_like().ok_or(SettingsError::NoTable)?;
            if table.contains_key(&setting.on) {
                return Ok(None);
            }
            let at = key.span().ok_or(SettingsError::NoTable)?.start;
            let head = line_of(text, at).ok_or(SettingsError::NoTable)?;
            put(text, rules, head, setting, &line, end).ok_or(SettingsError::NoTable)?
        }
    };
    // Nothing but this rule may be different now.
    let mut expected = values(text)?;
    let after = values(&changed)?;
    if let Some(all) = expected.as_object_mut()
        && let Some(rules) = all
            .entry("rules")
            .or_insert_with(|| serde_json::Value::Object(Default::default()))
            .as_object_mut()
    {
        rules.insert(setting.on.clone(), setting.allow.name().into());
    }
    if expected == after { Ok(Some(changed)) } else { Err(SettingsError::NoTable) }
}

/// `text` without a rule that [`with`] put there; `None` when it is not there as it was written.
///
/// # Errors
/// [`SettingsError::NoToml`].
pub fn without(text: &str, setting: &Setting) -> Result<Option<String>, SettingsError> {
    let document = parsed(text)?;
    let at = document
        .as_table()
        .get("rules")
        .and_then(Item::as_table_like)
        .and_then(|rules| rules.key(&setting.on))
        .and_then(toml_edit::Key::span);
    let Some(line) = at.and_then(|at| line_of(text, at.start)) else { return Ok(None) };
    let Some(written) = text.get(line.clone()) else { return Ok(None) };
    let rule = written.trim_start().strip_prefix("rules.").unwrap_or(written);
    if !rule.starts_with(&format!("{setting} {MARK}")) {
        return Ok(None);
    }
    let changed = format!("{}{}", text.get(..line.start).unwrap_or(""), text.get(line.end..).unwrap_or(""));
    Ok(parsed(&changed).is_ok().then_some(changed))
}

/// The rule put where the rules begin; `head` is the line on which they do.
fn put(
    text: &str,
    rules: &Item,
    head: Range<usize>,
    setting: &Setting,
    line: &str,
    end: &str,
) -> Option<String> {
    let written = text.get(head.clone())?;
    if let Some(inline) = rules.as_inline_table() {
        let open = rules.span()?.start;
        let (before, behind) = (text.get(..=open)?, text.get(open + 1..)?);
        let comma = if inline.is_empty() { "" } else { "," };
        return before.ends_with('{').then(|| format!("{before} {setting}{comma}{behind}"));
    }
    if written.trim_start().starts_with('[') {
        let gap = if written.ends_with('\n') { "" } else { end };
        return Some(format!("{}{gap}{line}{}", text.get(..head.end)?, text.get(head.end..)?));
    }
    Some(format!("{}rules.{line}{}", text.get(..head.start)?, text.get(head.start..)?))
}

fn parsed(text: &str) -> Result<Document<&str>, SettingsError> {
    Document::parse(text).map_err(|error| SettingsError::NoToml(one_line(error.message())))
}

fn values(text: &str) -> Result<serde_json::Value, SettingsError> {
    toml_edit::de::from_str(text).map_err(|error| SettingsError::NoToml(one_line(error.message())))
}

fn one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join(", ")
}

/// The line around a place, with its end.
fn line_of(text: &str, at: usize) -> Option<Range<usize>> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let start = if start == 0 && text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { start };
    let end = text.get(at..)?.find('\n').map_or(text.len(), |end| at + end + 1);
    Some(start..end)
}

/// As a key of TOML.
fn quoted(key: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in key.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            control if control.is_control() => quoted.push_str(&format!("\\u{:04X}", control as u32)),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn setting() -> Setting {
        Setting { on: "command:git log".to_owned(), allow: Allow::Lossless }
    }

    #[test]
    fn a_rule_comes_before_the_users_and_every_other_byte_stays() {
        let line = "\"command:git log\" = \"lossless\" # headroom learn, 2026-11-20";
        let cases = [
            ("", format!("[rules]\n{line}\n")),
            ("quiet = true", format!("quiet = true\n\n[rules]\n{line}\n")),
            ("quiet = true\n", format!("quiet = true\n\n[rules]\n{line}\n")),
            ("a = 1\r\n", format!("a = 1\r\n\r\n[rules]\r\n{line}\r\n")),
            ("[rules]", format!("[rules]\n{line}\n")),
            (
                "# mine\n[rules] # all\n\"tool:Bash\" = \"never\"\n\n[x]\ny = 1",
                format!("# mine\n[rules] # all\n{line}\n\"tool:Bash\" = \"never\"\n\n[x]\ny = 1"),
            ),
            (
                "rules.\"tool:Bash\" = \"never\"\nz = 1\n",
                format!("rules.{line}\nrules.\"tool:Bash\" = \"never\"\nz = 1\n"),
            ),
            ("rules = {}\n", "rules = { \"command:git log\" = \"lossless\"}\n".to_owned()),
            (
                "rules = { \"tool:a\" = \"never\" } # x\n",
                "rules = { \"command:git log\" = \"lossless\", \"tool:a\" = \"never\" } # x\n".to_owned(),
            ),
            (
                "text = '''\n[rules]\n'''\n[ rules ]\n",
                format!("text = '''\n[rules]\n'''\n[ rules ]\n{line}\n"),
            ),
        ];
        for (before, after) in cases {
            assert_eq!(with(before, &setting(), "2026-11-20").as_ref(), Ok(&Some(after)), "{before:?}");
        }
    }

    #[test]
    fn a_rule_of_the_users_about_the_same_stays_as_it_is() {
        for text in
            ["[rules]\n\"command:git log\" = \"never\"\n", "rules = { \"command:git log\" = \"aggressive\" }"]
        {
            assert_eq!(with(text, &setting(), "2026-11-20"), Ok(None));
            assert_eq!(without(text, &setting()), Ok(None));
        }
    }

    #[test]
    fn what_is_no_toml_is_left_alone() {
        for text in ["[rules", "rules = 3", "rules = []", "a = 1\na = 2", "[[rules]]\nx = 1"] {
            assert!(with(text, &setting(), "2026-11-20").is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn putting_a_rule_and_taking_it_gives_the_bytes_back(
            head in "(# [a-z é]{0,9}(\r\n|\n)|[a-e] = [0-9](\r\n|\n)){0,1}",
            rules in "((\"tool:[a-z]{1,5}\" = \"never\"|# x|)(\r\n|\n)){0,4}",
            tail in "(\\[x\\]\ny = 1)?",
        ) {
            let text = format!("{head}[rules]\n{rules}{tail}");
            prop_assume!(parsed(&text).is_ok());
            let more = with(&text, &setting(), "2026-11-20").expect("TOML").expect("a new rule");
            prop_assert_eq!(with(&more, &setting(), "2026-11-21"), Ok(None));
            prop_assert_eq!(without(&more, &setting()), Ok(Some(text)));
        }
    }
}

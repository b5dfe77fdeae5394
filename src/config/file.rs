//! `config.toml`: text in, keys with their lines out.
//!
//! Knows which keys there are, not what they mean.

use super::{ConfigError, Given, NAMES, Origin};
use crate::rewrite::rules::{Permission, Rule, Subject};
use crate::text;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml_edit::{Document, Item, TableLike};

/// The user's file, read.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    values: Vec<(&'static str, Given, usize)>,
    /// The rules, in the order of the file.
    pub(super) rules: Vec<Rule>,
    /// The upstreams, in the order of the file, each with its line.
    pub(super) upstreams: Vec<(String, Given, usize)>,
}

impl File {
    /// Reads a file's text; an empty one says nothing.
    pub(super) fn parse(text: &str, path: &Path) -> Result<File, ConfigError> {
        let line_of =
            |span: Option<Range<usize>>| 1 + text[..span.map_or(0, |span| span.start)].matches('\n').count();
        let document = Document::parse(text).map_err(|error| ConfigError::NoToml {
            path: path.to_owned(),
            line: line_of(error.span()),
            message: error.message().lines().collect::<Vec<_>>().join(", "),
        })?;

        let mut file =
            File { path: path.to_owned(), values: Vec::new(), rules: Vec::new(), upstreams: Vec::new() };
        for (name, item) in document.as_table().iter() {
            let line = line_of(document.as_table().key(name).and_then(toml_edit::Key::span));
            match item.as_table_like() {
                Some(rules) if name == "rules" => {
                    for (on, allow) in rules.iter() {
                        file.rules.push(file.rule(on, allow, line_of(span_of(rules, on)))?);
                    }
                }
                Some(upstreams) if name == "upstreams" => {
                    for (name, url) in upstreams.iter() {
                        let line = line_of(span_of(upstreams, name));
                        file.upstreams.push((name.to_owned(), given(url), line));
                    }
                }
                Some(table) => {
                    for (inner, value) in table.iter() {
                        file.keep(&format!("{name}.{inner}"), value, line_of(span_of(table, inner)))?;
                    }
                }
                None => file.keep(name, item, line)?,
            }
        }
        Ok(file)
    }

    /// What the file says about a key.
    pub(super) fn value(&self, key: &str) -> Option<(Given, Origin)> {
        let (_, given, line) = self.values.iter().find(|(name, ..)| *name == key)?;
        Some((given.clone(), Origin::File { path: self.path.clone(), line: *line }))
    }

    fn keep(&mut self, key: &str, item: &Item, line: usize) -> Result<(), ConfigError> {
        let known = NAMES.into_iter().find(|name| *name == key);
        let name = known.ok_or_else(|| ConfigError::UnknownKey {
            path: self.path.clone(),
            line,
            key: key.to_owned(),
            nearest: nearest(key),
        })?;
        self.values.push((name, given(item), line));
        Ok(())
    }

    fn rule(&self, on: &str, allow: &Item, line: usize) -> Result<Rule, ConfigError> {
        let bad = |value: String, allowed| ConfigError::BadValue {
            place: Origin::File { path: self.path.clone(), line }.to_string(),
            key: format!("rules.\"{on}\""),
            value,
            allowed,
        };
        let subject = Subject::parse(on).ok_or_else(|| {
            bad(on.to_owned(), "a key such as \"tool:NAME\", \"command:PREFIX\" or \"path:PATTERN\"")
        })?;
        let allow = given(allow);
        let permission = match &allow {
            Given::Text(name) => Permission::from_name(name),
            _ => None,
        };
        let permission = permission
            .ok_or_else(|| bad(allow.to_string(), "`never`, `lossless`, `balanced` or `aggressive`"))?;
        Ok(Rule { on: subject, allow: permission, line })
    }
}

fn span_of(table: &dyn TableLike, key: &str) -> Option<Range<usize>> {
    table.key(key).and_then(toml_edit::Key::span)
}

fn given(item: &Item) -> Given {
    if let Some(text) = item.as_str() {
        Given::Text(text.to_owned())
    } else if let Some(number) = item.as_integer() {
        Given::Whole(number)
    } else if let Some(on) = item.as_bool() {
        Given::Switch(on)
    } else {
        Given::Odd(item.to_string().trim().to_owned())
    }
}

/// The known key that was probably meant: `max_age` alone means `originals.max_age`.
fn nearest(key: &str) -> &'static str {
    let last = |name: &'static str| name.rsplit('.').next().unwrap_or(name);
    let table = key.split('.').next().unwrap_or(key);
    let tables = ["rules", "upstreams"].map(|name| (text::distance(table, name), name));
    let keys = NAMES.map(|name| (text::distance(key, name).min(text::distance(key, last(name))), name));
    let all = keys.into_iter().chain(tables.map(|(far, name)| (far.max(1), name)));
    all.min_by_key(|(far, _)| *far).map_or(NAMES[0], |(_, name)| name)
}

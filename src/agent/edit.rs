//! One value in a settings file, set and taken back: every byte outside of it stays.
//!
//! Texts in, texts out. Whatever would come out is read again before it is handed
//! back: only the one value may differ. *Invariant:* taking back what was set gives
//! the same bytes, when nobody else has changed the file.

use super::definition::Format;
use super::jsonc;
use crate::units::Span;
use crate::wire::json::{Tree, text_of};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::str::FromStr;
use toml_edit::{Document, DocumentMut, Item};

/// Sets the value under `key` to the string `value`.
///
/// # Errors
/// [`EditError`].
pub fn set(format: Format, text: &str, key: &[String], value: &str) -> Result<Edited, EditError> {
    let literal = literal(format, value);
    let place = place(format, text, key)?;
    let (text_after, before) = match place {
        Place::There(span) => {
            let was = Before::Was(text[span.clone()].to_owned());
            (spliced(text, span, &literal), was)
        }
        Place::Missing { at, prefix, suffix } => {
            let inserted = format!("{prefix}{literal}{suffix}");
            (spliced(text, at..at, &inserted), Before::Missing { prefix, suffix })
        }
    };
    let mut wanted = read(format, text)?;
    put(&mut wanted, key, value).ok_or(EditError::NoPlace)?;
    if read(format, &text_after).ok().as_ref() != Some(&wanted) {
        return Err(EditError::NoPlace);
    }
    Ok(Edited { text: text_after, before })
}

/// Gives the value under `key` back what it was, if one of `ours` stands there.
///
/// # Errors
/// [`EditError`].
pub fn take_back(
    format: Format,
    text: &str,
    key: &[String],
    ours: &[&str],
    before: &Before,
) -> Result<TakenBack, EditError> {
    let now = value(format, text, key)?;
    match now {
        None => return Ok(TakenBack::Gone),
        Some(now) if now.as_str().is_none_or(|now| !ours.contains(&now)) => {
            let as_it_was = match (place(format, text, key), before) {
                (Ok(Place::There(span)), Before::Was(was)) => text[span] == *was,
                _ => false,
            };
            return Ok(if as_it_was { TakenBack::Gone } else { TakenBack::Changed });
        }
        Some(_) => {}
    }
    let Place::There(span) = place(format, text, key)? else { return Ok(TakenBack::Gone) };
    let mut wanted = read(format, text)?;
    let after = match before {
        Before::Was(was) => {
            let after = spliced(text, span, was);
            // What stood there was read when it was replaced.
            read(format, &after)?;
            return Ok(TakenBack::Text(after));
        }
        Before::Missing { prefix, suffix } => {
            let inserted = text[..span.start].ends_with(prefix.as_str())
                && text[span.end..].starts_with(suffix.as_str());
            match inserted {
                true => spliced(text, span.start - prefix.len()..span.end + suffix.len(), ""),
                false => without(format, text, key)?,
            }
        }
    };
    let mut left = read(format, &after)?;
    // Objects that were made for the value may have gone with it.
    remove(&mut left, key);
    remove(&mut wanted, key);
    if left == wanted { Ok(TakenBack::Text(after)) } else { Err(EditError::NoPlace) }
}

/// The value under `key`; `None` when there is none.
///
/// # Errors
/// [`EditError::Unclear`].
pub fn value(format: Format, text: &str, key: &[String]) -> Result<Option<Value>, EditError> {
    let mut value = &read(format, text)?;
    for key in key {
        match value.get(key) {
            Some(next) => value = next,
            None => return Ok(None),
        }
    }
    Ok(Some(value.clone()))
}

/// A text with a value set, and what stood there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The new text.
    pub text: String,
    /// What stood there.
    pub before: Before,
}

/// What stood in the place of a value of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Before {
    /// This, as it was written.
    Was(String),
    /// Nothing: what was put before and behind the value.
    Missing {
        /// What was put before it.
        prefix: String,
        /// What was put behind it.
        suffix: String,
    },
}

/// How taking a value back went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakenBack {
    /// The text as it is without us.
    Text(String),
    /// Somebody has put something else there, which stays.
    Changed,
    /// It is not there any more.
    Gone,
}

/// Why a file can't be edited; it stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It can't be read as what it should be.
    #[error("it can't be understood")]
    Unclear,
    /// There is no place in it for the value that changes nothing else.
    #[error("there is no place in it for the value")]
    NoPlace,
}

/// Where a value stands, or would.
enum Place {
    There(std::ops::Range<usize>),
    Missing { at: usize, prefix: String, suffix: String },
}

fn place(format: Format, text: &str, key: &[String]) -> Result<Place, EditError> {
    if key.is_empty() {
        return Err(EditError::NoPlace);
    }
    match format {
        Format::Json => json_place(text, key),
        Format::Toml => toml_place(text, key),
    }
}

/// The value as it is written: what JSON escapes, TOML escapes the same way.
fn literal(_: Format, value: &str) -> String {
    Value::from(value).to_string()
}

fn read(format: Format, text: &str) -> Result<Value, EditError> {
    match format {
        Format::Json => serde_json::from_str(&jsonc::plain(text)).map_err(|_| EditError::Unclear),
        Format::Toml => {
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            toml_edit::de::from_str(text).map_err(|_| EditError::Unclear)
        }
    }
}

fn spliced(text: &str, span: std::ops::Range<usize>, new: &str) -> String {
    [&text[..span.start], new, &text[span.end..]].concat()
}

/// Sets a value in what was read; objects that are missing are made.
fn put(value: &mut Value, key: &[String], new: &str) -> Option<()> {
    let mut value = value;
    for key in key {
        value = value
            .as_object_mut()?
            .entry(key.as_str())
            .or_insert_with(|| Value::Object(serde_json::Map::new()));
    }
    *value = new.into();
    Some(())
}

/// Takes a value away, and the objects on the way to it that hold nothing else.
fn remove(value: &mut Value, key: &[String]) {
    for end in (1..=key.len()).rev() {
        let (path, last) = (&key[..end - 1], &key[end - 1]);
        let object = path.iter().try_fold(&mut *value, |value, key| value.get_mut(key));
        let Some(object) = object.and_then(Value::as_object_mut) else { continue };
        let empty = object.get(last).and_then(Value::as_object).is_some_and(serde_json::Map::is_empty);
        if end == key.len() || empty {
            object.shift_remove(last);
        }
    }
}

fn json_place(text: &str, key: &[String]) -> Result<Place, EditError> {
    let plain = jsonc::plain(text);
    let bytes = plain.as_bytes();
    let start = bytes.len() - plain.trim_start().len();
    let mut span = Span { start, end: plain.trim_end().len() };
    for (depth, name) in key.iter().enumerate() {
        let tree = Tree::read_within(bytes, span).ok_or(EditError::Unclear)?;
        let members = tree.members(tree.root()).ok_or(EditError::NoPlace)?;
        let called = |span: Span| text_of(span.of(bytes)).as_deref() == Some(name);
        // Of two with one name, the last counts.
        match members.iter().rev().find(|member| called(member.name)) {
            Some(member) => span = tree.span(member.value),
            None => return Ok(json_gap(text, span.start + 1, members.is_empty(), &key[depth..])),
        }
    }
    Ok(Place::There(span.start..span.end))
}

/// A place for a member at the beginning of an object, written as its neighbours are.
fn json_gap(text: &str, at: usize, empty: bool, missing: &[String]) -> Place {
    let rest = &text[at..];
    let blank = &rest[..rest.len() - rest.trim_start().len()];
    let line = blank.rfind('\n').map(|newline| {
        let start = if blank[..newline].ends_with('\r') { newline - 1 } else { newline };
        &blank[start..]
    });
    let names: Vec<String> = missing.iter().map(|name| format!("{}: ", Value::from(name.as_str()))).collect();
    let lead = if empty { "" } else { line.unwrap_or_default() };
    Place::Missing {
        at,
        prefix: format!("{lead}{}", names.join("{")),
        suffix: format!("{}{}", "}".repeat(missing.len() - 1), if empty { "" } else { "," }),
    }
}

fn toml_place(text: &str, key: &[String]) -> Result<Place, EditError> {
    let mark = text.len() - text.strip_prefix('\u{feff}').unwrap_or(text).len();
    let body = &text[mark..];
    let document = Document::parse(body).map_err(|_| EditError::Unclear)?;
    let mut item: Option<&Item> = Some(document.as_item());
    for name in key {
        item = item.and_then(|item| item.get(name.as_str()));
    }
    if let Some(item) = item {
        let span = item.as_value().and_then(toml_edit::Value::span).ok_or(EditError::NoPlace)?;
        return Ok(Place::There(mark + span.start..mark + span.end));
    }
    // The editor knows where a line belongs; it writes plain ends of lines, so it is asked about such a text.
    let lines = Lines::of(body);
    let mut document = DocumentMut::from_str(&lines.plain).map_err(|_| EditError::Unclear)?;
    const MARK: &str = "headroom puts its value here";
    let mut item = document.as_item_mut();
    for (depth, name) in key.iter().enumerate() {
        let table = item.as_table_like_mut().ok_or(EditError::NoPlace)?;
        if depth + 1 == key.len() {
            table.insert(name, toml_edit::value(MARK));
            break;
        }
        if !table.contains_key(name) {
            let mut made = toml_edit::Table::new();
            made.set_implicit(depth + 2 < key.len());
            table.insert(name, Item::Table(made));
        }
        item = table.get_mut(name).ok_or(EditError::NoPlace)?;
    }
    let edited = document.to_string();
    let (at, inserted) = inserted(&lines.plain, &edited).ok_or(EditError::NoPlace)?;
    let (prefix, suffix) = inserted.split_once(&format!("\"{MARK}\"")).ok_or(EditError::NoPlace)?;
    let own = |text: &str| if lines.carriage { text.replace('\n', "\r\n") } else { text.to_owned() };
    Ok(Place::Missing { at: mark + lines.own(at), prefix: own(prefix), suffix: own(suffix) })
}

/// A text with plain ends of lines, and where each place of it is in the text itself.
struct Lines<'a> {
    text: &'a str,
    plain: String,
    /// True when its lines end in carriage returns too.
    carriage: bool,
}

impl Lines<'_> {
    fn of(text: &str) -> Lines<'_> {
        Lines { text, plain: text.replace("\r\n", "\n"), carriage: text.contains("\r\n") }
    }

    fn own(&self, at: usize) -> usize {
        let (mut own, mut plain) = (0, 0);
        let bytes = self.text.as_bytes();
        while plain < at && own < bytes.len() {
            own += if bytes[own..].starts_with(b"\r\n") { 2 } else { 1 };
            plain += 1;
        }
        own
    }
}

/// What was put into a text, and where: at the beginning of a line if it can be said so. `None` when more was done.
fn inserted<'a>(before: &str, after: &'a str) -> Option<(usize, std::borrow::Cow<'a, str>)> {
    let length = after.len().checked_sub(before.len())?;
    let (one, other) = (before.as_bytes(), after.as_bytes());
    let mut at = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    if one[at..] != other[at + length..] {
        return None;
    }
    // The same text comes out when the end of what was put in is taken for what stood before it.
    while 0 < at && other[at - 1] != b'\n' && other[at - 1] == other[at + length - 1] {
        at -= 1;
    }
    after.get(at..at + length).map(|inserted| (at, inserted.into()))
}

/// The text without the value under `key`, when somebody has moved things around it.
fn without(format: Format, text: &str, key: &[String]) -> Result<String, EditError> {
    match format {
        Format::Json => {
            let Place::There(span) = json_place(text, key)? else { return Ok(text.to_owned()) };
            let plain = jsonc::plain(text);
            let name = plain[..span.start].trim_end().strip_suffix(':').ok_or(EditError::NoPlace)?.trim_end();
            let opened = opening_quote(name).ok_or(EditError::NoPlace)?;
            let behind = plain[span.end..].len() - plain[span.end..].trim_start().len();
            let next = span.end + behind;
            if plain[next..].starts_with(',') {
                return Ok(spliced(text, opened..next + 1, ""));
            }
            let before = plain[..opened].trim_end();
            let start = if before.ends_with(',') { before.len() - 1 } else { opened };
            Ok(spliced(text, start..span.end, ""))
        }
        Format::Toml => {
            let body = text.strip_prefix('\u{feff}').unwrap_or(text);
            let lines = Lines::of(body);
            let mut document = DocumentMut::from_str(&lines.plain).map_err(|_| EditError::Unclear)?;
            let mut item = document.as_item_mut();
            let (last, path) = key.split_last().ok_or(EditError::NoPlace)?;
            for name in path {
                item = item.get_mut(name.as_str()).ok_or(EditError::NoPlace)?;
            }
            item.as_table_like_mut().ok_or(EditError::NoPlace)?.remove(last);
            let edited = document.to_string();
            let edited = if lines.carriage { edited.replace('\n', "\r\n") } else { edited };
            Ok(format!("{}{edited}", &text[..text.len() - body.len()]))
        }
    }
}

/// Where the string begins that a text ends in.
fn opening_quote(text: &str) -> Option<usize> {
    let inside = text.strip_suffix('"')?;
    let bytes = inside.as_bytes();
    let mut at = inside.len();
    loop {
        at = memchr::memrchr(b'"', &bytes[..at])?;
        let escapes = bytes[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        if escapes % 2 == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests;

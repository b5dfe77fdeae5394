//! The retrieval tool, whoever offers it: what it says of itself, and what a call of it is answered.
//!
//! *Invariant:* an original is given only to the folder it was issued to. *Invariant:*
//! no answer is longer than a page; each names the next.

use super::{Part, page};
use crate::store::{self, KeptOriginal, StoreError};
use crate::text::counted;
use crate::units::Key;
use serde_json::{Map, Value, json};
use std::path::Path;

/// What the tool says it does: every word of it is in every prompt.
pub const ABOUT: &str = "Original of a text with a [headroom: …] marker, whole or in part: \
    lines \"10-20\"; query \"words\"; rows \"status>=500 | count by id\".";

/// The arguments that it must be given.
pub const NEEDS: &[&str] = &["key"];

/// The arguments that it takes: the properties of its JSON Schema.
pub fn takes() -> Value {
    let text = json!({"type": "string"});
    json!({"key": text, "lines": text, "query": text, "rows": text, "page": {"type": "integer"}})
}

/// What a call is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Of which original.
    pub key: Key,
    /// The page that was asked for; after it, apart, which one it is and which is next.
    pub texts: Vec<String>,
}

/// Answers a call with these arguments by an agent that works in `project`, from the store in `data`.
///
/// # Errors
/// What to tell the model.
pub fn answer(arguments: &Map<String, Value>, data: &Path, project: &str) -> Result<Given, String> {
    let text = |name: &str| {
        arguments.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    };
    let typed = text("key").ok_or("`key` is missing; it stands in the [headroom: …] marker")?;
    let key = Key::parse(typed).ok_or_else(|| {
        format!("`{typed}` is no key; copy the 16 to 24 hex digits from the [headroom: …] marker")
    })?;
    let part = Part::parse(text("lines"), text("query"), text("rows")).map_err(|error| error.to_string())?;
    let original = original(&key, data, project)?;
    let wanted = super::part(&original.text, &part).map_err(|error| error.to_string())?;
    let texts = paged(&wanted, number(arguments, "page")?.unwrap_or(1))?;
    Ok(Given { key, texts })
}

/// A whole number, also one that a model put in quotes.
fn number(arguments: &Map<String, Value>, name: &str) -> Result<Option<usize>, String> {
    let read = match arguments.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(value) => value.as_u64().and_then(|number| usize::try_from(number).ok()),
    };
    read.map(Some).ok_or_else(|| format!("`{name}` is a whole number, not {}", arguments[name]))
}

/// The original, when it was issued to this folder (or to none).
fn original(key: &Key, data: &Path, project: &str) -> Result<KeptOriginal, String> {
    let original = store::original_in(data, key).map_err(|error| match error {
        StoreError::Unknown(key) => {
            format!("no original is kept under {key}; check the key, or run the tool again")
        }
        StoreError::Expired(key) => format!("the original {key} has expired; run the tool again"),
        error => crate::text::with_causes(&error),
    })?;
    let owner = &original.scope.project;
    if owner.is_empty() || owner == project {
        Ok(original)
    } else {
        Err(format!("the original {key} was issued to an agent in another folder and is not given here"))
    }
}

/// The page of an answer, and after it, apart, which one it is and which is next.
fn paged(text: &str, number: usize) -> Result<Vec<String>, String> {
    let Some((page, pages)) = page::of(text, number) else {
        let (_, pages) = page::of(text, 1).unwrap_or_default();
        return Err(format!("there is no page {number}; there are {}", counted(pages, "page")));
    };
    let mut texts = vec![page.to_owned()];
    if number < pages {
        texts.push(format!("page: {number} of {pages}; next: page={}", number + 1));
    } else if pages > 1 {
        texts.push(format!("page: {number} of {pages}; the last"));
    }
    Ok(texts)
}

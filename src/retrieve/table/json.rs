//! Rows and values in JSON, as they are written.

use super::{Cell, LEAST, Row};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// How deep a JSON text is searched for its rows.
const DEPTH: usize = 4;

/// Names in a path at most; what is behind them is not looked for.
const NAMES: usize = 16;

/// Rows whose columns are told, and how many columns.
const TOLD: usize = 50;
const COLUMNS: usize = 40;

/// Members that an object must have before it counts as a map of records.
const MAP: usize = 3;

/// The rows of a text that is JSON with an array or a map in it.
pub(in crate::retrieve) fn rows(text: &str) -> Option<Vec<Row<'_>>> {
    whole(text).and_then(|value| rows_in(value, None)).filter(|rows| rows.len() >= LEAST)
}

/// The first JSON array or object of the text: all of it, or what follows a line or two of other words.
pub(super) fn whole(text: &str) -> Option<&str> {
    let trimmed = text.trim_start_matches('\u{feff}').trim();
    let one = |text: &'_ str| serde_json::from_str::<&RawValue>(text).is_ok();
    if trimmed.starts_with(['[', '{']) && one(trimmed) {
        return Some(trimmed);
    }
    // A heading ("Output:", "42 rows") before it, and perhaps something after it.
    let mut at = 0;
    for line in trimmed.split_inclusive('\n').take(20) {
        if line.starts_with('[') || line.trim_end() == "{" {
            let mut values = serde_json::Deserializer::from_str(&trimmed[at..]).into_iter::<&RawValue>();
            if let Some(Ok(value)) = values.next() {
                return Some(value.get());
            }
        }
        at += line.len();
    }
    None
}

/// The rows in a JSON value: at a place in it, or the longest array of records or map of records.
pub(super) fn rows_in<'a>(value: &'a str, place: Option<&str>) -> Option<Vec<Row<'a>>> {
    let Some(place) = place else {
        return if value.starts_with('[') { elements(value).map(unnamed) } else { longest(value) };
    };
    let names = names(place);
    let found = walk(value, &names)?;
    // What an array on the way holds comes together.
    let mut rows = Vec::new();
    for value in found.values {
        match value.as_bytes().first() {
            Some(b'[') => rows.extend(elements(value)?.into_iter().map(Row::of)),
            Some(b'{') if found.together => rows.push(Row::of(value)),
            Some(b'{') => {
                rows.extend(fields(value)?.into_iter().map(|(name, text)| Row { key: Some(name), text }))
            }
            _ if found.together => rows.push(Row::of(value)),
            _ => return None,
        }
    }
    Some(rows)
}

fn unnamed(values: Vec<&str>) -> Vec<Row<'_>> {
    values.into_iter().map(Row::of).collect()
}

/// The longest array or map of records in an object and in the objects in it, else the longest
/// array; the outer one when equal.
fn longest(value: &str) -> Option<Vec<Row<'_>>> {
    let mut best: Option<((bool, usize), Vec<Row<'_>>)> = None;
    let mut level = vec![value];
    for _ in 0..DEPTH {
        let mut deeper = Vec::new();
        for object in level {
            let fields = fields(object)?;
            if is_map(&fields) {
                let weight = (true, fields.len());
                if best.as_ref().is_none_or(|(best, _)| *best < weight) {
                    let rows = fields.iter().map(|(name, text)| Row { key: Some(name), text }).collect();
                    best = Some((weight, rows));
                }
            }
            for (_, value) in fields {
                if value.starts_with('{') {
                    deeper.push(value);
                } else if let Some(rows) = elements(value).filter(|rows| !rows.is_empty()) {
                    let weight = (rows[0].starts_with('{'), rows.len());
                    if best.as_ref().is_none_or(|(best, _)| *best < weight) {
                        best = Some((weight, unnamed(rows)));
                    }
                }
            }
        }
        level = deeper;
    }
    best.map(|(_, rows)| rows)
}

/// True for members that are records of one kind: objects that all have a name in common with the first.
fn is_map(members: &[(&str, &str)]) -> bool {
    if members.len() < MAP || !members.iter().all(|(_, value)| value.starts_with('{')) {
        return false;
    }
    let Some(first) = fields(members[0].1) else { return false };
    let alike = |value| {
        let fields: Option<Vec<_>> = fields(value);
        fields
            .is_some_and(|fields| fields.iter().any(|(name, _)| first.iter().any(|(known, _)| known == name)))
    };
    members.iter().filter(|(_, value)| alike(value)).count() * 10 >= members.len() * 9
}

pub(super) fn elements(value: &str) -> Option<Vec<&str>> {
    value
        .starts_with('[')
        .then(|| serde_json::from_str::<Vec<&RawValue>>(value).ok())?
        .map(|rows| rows.into_iter().map(RawValue::get).collect())
}

/// Lines that are objects.
pub(super) fn lines(text: &str) -> Option<Vec<Row<'_>>> {
    let mut lines = 0_usize;
    let rows: Vec<Row<'_>> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .inspect(|_| lines += 1)
        .filter(|line| line.starts_with('{') && serde_json::from_str::<&RawValue>(line).is_ok())
        .map(Row::of)
        .collect();
    (rows.len() >= LEAST && rows.len() * 2 >= lines).then_some(rows)
}

/// The value of a row at a path, as it is written; several as an array.
pub(super) fn written<'a>(row: Row<'a>, column: &str) -> Option<Cow<'a, str>> {
    if column == "." {
        return Some(Cow::Borrowed(row.text));
    }
    if column == "key" && row.key.is_some() {
        return row.key.map(Cow::Borrowed);
    }
    // A name with dots in it is a name first.
    if let Some(value) = field(row.text, column) {
        return Some(Cow::Borrowed(value));
    }
    let found = walk(row.text, &names(column))?;
    match &found.values[..] {
        [value] => Some(Cow::Borrowed(value)),
        values => Some(Cow::Owned(format!("[{}]", values.join(",")))),
    }
}

/// The names of a path: `spec.containers[0].image`, `items[].id`.
fn names(path: &str) -> Vec<&str> {
    path.split(['.', '[', ']']).filter(|name| !name.is_empty() && *name != "*").take(NAMES).collect()
}

/// What stands at the end of a path.
struct Found<'a> {
    values: Vec<&'a str>,
    /// True when an array on the way was gone through as a whole.
    together: bool,
}

/// Follows `names` into a value, through arrays too: there a number chooses one element, another
/// name goes into all. Names that have dots in them are found when their parts stand one after the other.
fn walk<'a>(value: &'a str, names: &[&str]) -> Option<Found<'a>> {
    let mut found = Found { values: vec![value], together: false };
    let mut names = names;
    while let Some(name) = names.first() {
        let mut taken = 1;
        let mut next = Vec::new();
        for value in &found.values {
            if value.starts_with('[') && name.parse::<usize>().is_err() {
                found.together = true;
                next.extend(elements(value)?.into_iter().filter_map(|element| field(element, name)));
            } else if let Some(value) = field(value, name) {
                next.push(value);
            } else if let Some((parts, value)) =
                (2..=names.len()).find_map(|parts| Some((parts, field(value, &names[..parts].join("."))?)))
            {
                taken = parts;
                next.push(value);
            }
        }
        if next.is_empty() {
            return None;
        }
        found.values = next;
        names = &names[taken..];
    }
    Some(found)
}

/// A field of an object by its name, or an element of an array by its number.
fn field<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    if value.starts_with('[') {
        let place: usize = name.parse().ok()?;
        return elements(value)?.get(place).copied();
    }
    fields(value)?.into_iter().rev().find(|(field, _)| is_named(field, name)).map(|(_, value)| value)
}

/// True when a JSON string says this name.
fn is_named(literal: &str, name: &str) -> bool {
    match literal.get(1..literal.len() - 1) {
        Some(inside) if !inside.contains('\\') => inside == name,
        _ => serde_json::from_str::<Cow<'_, str>>(literal).is_ok_and(|text| text == name),
    }
}

/// The fields of an object in their order, each name as a JSON string; `None` when it is none.
pub(in crate::retrieve) fn fields(value: &str) -> Option<Vec<(&str, &str)>> {
    struct Fields;
    impl<'de> Visitor<'de> for Fields {
        type Value = Vec<(&'de str, &'de str)>;
        fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
            to.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut fields = Vec::new();
            while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                fields.push((name.get(), value.get()));
            }
            Ok(fields)
        }
    }
    if !value.starts_with('{') {
        return None;
    }
    serde_json::Deserializer::from_str(value).deserialize_map(Fields).ok()
}

/// The columns of the first rows; before them the paths that end with the name that was wanted, or
/// stand beside it.
pub(super) fn columns(rows: &[Row<'_>], wanted: &str) -> Vec<String> {
    let (mut near, mut columns): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let (before, last) = wanted.rsplit_once('.').unwrap_or(("", wanted));
    if rows.iter().any(|row| row.key.is_some()) {
        columns.push("key".to_owned());
    }
    for row in rows.iter().take(TOLD) {
        let mut level = vec![(String::new(), row.text)];
        for depth in 0..DEPTH {
            let mut deeper = Vec::new();
            for (path, object) in level {
                for (name, value) in fields(object).into_iter().flatten() {
                    let name = serde_json::from_str::<String>(name).unwrap_or_default();
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    let beside = path.strip_suffix(&name).and_then(|path| path.strip_suffix('.'));
                    let is_near = 0 < depth && (name.eq_ignore_ascii_case(last) || beside == Some(before));
                    let to = if is_near { &mut near } else { &mut columns };
                    if (is_near || depth == 0) && to.len() < COLUMNS && !to.contains(&path) {
                        to.push(path.clone());
                    }
                    if value.starts_with('{') {
                        deeper.push((path, value));
                    }
                }
            }
            level = deeper;
        }
    }
    near.extend(columns);
    near.truncate(COLUMNS);
    near
}

/// What a JSON value is.
pub(super) fn cell(value: Cow<'_, str>) -> Cell<'_> {
    match value.as_bytes().first() {
        Some(b'"') => match serde_json::from_str::<String>(&value) {
            Ok(text) => Cell::Text(Cow::Owned(text)),
            Err(_) => Cell::Other(value),
        },
        Some(b'n') => Cell::Null,
        Some(b't') => Cell::Switch(true),
        Some(b'f') => Cell::Switch(false),
        Some(b'[' | b'{') => Cell::Other(value),
        _ => Cell::Number(value),
    }
}

/// The elements of an array, each as what it is; none of anything else.
pub(in crate::retrieve) fn cells(array: &str) -> Vec<Cell<'_>> {
    elements(array).into_iter().flatten().map(|value| cell(Cow::Borrowed(value))).collect()
}

/// True for a text that is a number in JSON.
pub(in crate::retrieve) fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        && serde_json::from_str::<serde_json::Number>(text).is_ok()
}

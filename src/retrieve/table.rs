//! A text read as rows: a JSON array, JSON lines, or CSV with a header.
//!
//! Rows keep their own bytes: a number is given as it was written.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Rows of one kind.
#[derive(Debug)]
pub(super) enum Table<'a> {
    /// Each a JSON value.
    Json(Vec<&'a str>),
    /// Separated values, each row a line.
    Separated { header: Vec<Cow<'a, str>>, line: &'a str, by: char, rows: Vec<&'a str> },
}

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    Null,
    Switch(bool),
    /// A number as it was written.
    Number(Cow<'a, str>),
    Text(Cow<'a, str>),
    /// An array or an object, as it was written.
    Other(Cow<'a, str>),
}

/// How deep a JSON text is searched for its rows.
const DEPTH: usize = 4;

/// Rows that must be there before lines count as a table.
const LEAST: usize = 2;

/// Reads `text`; `place` names where the rows are (`data.items`), else the longest array is taken.
pub(super) fn read<'a>(text: &'a str, place: Option<&str>) -> Option<Table<'a>> {
    if let Some(rows) = whole(text).and_then(|value| array_in(value, place)) {
        return Some(Table::Json(rows));
    }
    if place.is_some() {
        return None;
    }
    json_lines(text).or_else(|| separated(text))
}

/// The rows of a text that is JSON with an array in it.
pub(super) fn json_rows(text: &str) -> Option<Vec<&str>> {
    whole(text).and_then(|value| array_in(value, None)).filter(|rows| rows.len() >= LEAST)
}

/// The first JSON array or object of the text: all of it, or what follows a line or two of other words.
fn whole(text: &str) -> Option<&str> {
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

/// The rows in a JSON value.
fn array_in<'a>(value: &'a str, place: Option<&str>) -> Option<Vec<&'a str>> {
    if let Some(place) = place {
        let found = place
            .split('.')
            .filter(|name| !name.is_empty())
            .try_fold(value, |value, name| field(value, name))?;
        return elements(found);
    }
    if value.starts_with('[') {
        return elements(value);
    }
    // The longest array in the object, and in the objects in it; the outer one when equal.
    let mut best: Option<Vec<&str>> = None;
    let mut level = vec![value];
    for _ in 0..DEPTH {
        let mut deeper = Vec::new();
        for object in level {
            for (_, value) in fields(object)? {
                if value.starts_with('{') {
                    deeper.push(value);
                } else if let Some(rows) = elements(value)
                    && rows.len() > best.as_ref().map_or(0, Vec::len)
                {
                    best = Some(rows);
                }
            }
        }
        level = deeper;
    }
    best
}

fn elements(value: &str) -> Option<Vec<&str>> {
    value
        .starts_with('[')
        .then(|| serde_json::from_str::<Vec<&RawValue>>(value).ok())?
        .map(|rows| rows.into_iter().map(RawValue::get).collect())
}

fn json_lines(text: &str) -> Option<Table<'_>> {
    let mut lines = 0_usize;
    let rows: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .inspect(|_| lines += 1)
        .filter(|line| line.starts_with('{') && serde_json::from_str::<&RawValue>(line).is_ok())
        .collect();
    (rows.len() >= LEAST && rows.len() * 2 >= lines).then_some(Table::Json(rows))
}

fn separated(text: &str) -> Option<Table<'_>> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let line = lines.next()?;
    let by = [',', '\t', ';', '|'].into_iter().max_by_key(|by| split(line, *by).len())?;
    let header: Vec<Cow<'_, str>> = split(line, by).into_iter().map(plain).collect();
    let rows: Vec<&str> = lines.collect();
    let named = header.len() > 1 && header.iter().all(|name| !name.trim().is_empty());
    let fitting = rows.iter().filter(|row| split(row, by).len() == header.len()).count();
    (named && rows.len() >= LEAST && fitting * 10 >= rows.len() * 9).then_some(Table::Separated {
        header,
        line,
        by,
        rows,
    })
}

/// The values of a line, as they are written.
fn split(line: &str, by: char) -> Vec<&str> {
    let (mut values, mut start, mut quoted) = (Vec::new(), 0, false);
    for (at, letter) in line.char_indices() {
        if letter == '"' {
            quoted = !quoted;
        } else if letter == by && !quoted {
            values.push(&line[start..at]);
            start = at + letter.len_utf8();
        }
    }
    values.push(&line[start..]);
    values
}

/// A value without its quotes.
fn plain(value: &str) -> Cow<'_, str> {
    let value = value.trim();
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) if inner.contains("\"\"") => Cow::Owned(inner.replace("\"\"", "\"")),
        Some(inner) => Cow::Borrowed(inner),
        None => Cow::Borrowed(value),
    }
}

impl<'a> Table<'a> {
    /// Every row as it is written.
    pub fn rows(&self) -> &[&'a str] {
        match self {
            Table::Json(rows) | Table::Separated { rows, .. } => rows,
        }
    }

    /// The value of `row` in a column: a name, or a path through objects and arrays (`user.roles.0`); `.` is the row itself.
    pub fn cell(&self, row: &'a str, column: &str) -> Option<Cell<'a>> {
        match self {
            Table::Json(_) => json(row, column).map(cell),
            Table::Separated { header, by, .. } => {
                let place = header.iter().position(|name| name.trim() == column)?;
                let value = plain(split(row, *by).get(place)?);
                Some(if is_number(&value) { Cell::Number(value) } else { Cell::Text(value) })
            }
        }
    }

    /// A value as it is written in the row.
    pub fn written(&self, row: &'a str, column: &str) -> Option<&'a str> {
        match self {
            Table::Json(_) => json(row, column),
            Table::Separated { header, by, .. } => {
                let place = header.iter().position(|name| name.trim() == column)?;
                split(row, *by).get(place).copied()
            }
        }
    }

    /// The columns of the first rows, in their order.
    pub fn columns(&self) -> Vec<String> {
        match self {
            Table::Json(rows) => {
                let mut columns: Vec<String> = Vec::new();
                for (name, _) in rows.iter().take(50).filter_map(|row| fields(row)).flatten() {
                    if columns.len() < 40 && !columns.contains(&name) {
                        columns.push(name);
                    }
                }
                columns
            }
            Table::Separated { header, .. } => header.iter().map(|name| name.trim().to_owned()).collect(),
        }
    }
}

/// The value at a path, as it is written.
fn json<'a>(row: &'a str, column: &str) -> Option<&'a str> {
    if column == "." {
        return Some(row);
    }
    // A name with dots in it is a name first.
    if let Some(value) = field(row, column) {
        return Some(value);
    }
    let mut names = column.split('.').filter(|name| !name.is_empty());
    names.try_fold(row, field)
}

/// A field of an object by its name, or an element of an array by its number.
fn field<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    if value.starts_with('[') {
        let place: usize = name.parse().ok()?;
        return elements(value)?.get(place).copied();
    }
    fields(value)?.into_iter().rev().find(|(field, _)| field == name).map(|(_, value)| value)
}

/// The fields of an object in their order; `None` when it is none.
pub(super) fn fields(value: &str) -> Option<Vec<(String, &str)>> {
    struct Fields;
    impl<'de> Visitor<'de> for Fields {
        type Value = Vec<(String, &'de str)>;
        fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
            to.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut fields = Vec::new();
            while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                fields.push((name, value.get()));
            }
            Ok(fields)
        }
    }
    if !value.starts_with('{') {
        return None;
    }
    serde_json::Deserializer::from_str(value).deserialize_map(Fields).ok()
}

/// What a JSON value is.
fn cell(value: &str) -> Cell<'_> {
    match value.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<Cow<'_, str>>(value)
            .map_or(Cell::Other(Cow::Borrowed(value)), |text| Cell::Text(Cow::Owned(text.into_owned()))),
        Some(b'n') => Cell::Null,
        Some(b't') => Cell::Switch(true),
        Some(b'f') => Cell::Switch(false),
        Some(b'[' | b'{') => Cell::Other(Cow::Borrowed(value)),
        _ => Cell::Number(Cow::Borrowed(value)),
    }
}

/// True for a text that is a number in JSON.
pub(super) fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        && serde_json::from_str::<serde_json::Number>(text).is_ok()
}

impl<'a> Table<'a> {
    /// Lines of separated values, the header first.
    pub fn lines(text: &'a str, by: char) -> Table<'a> {
        let mut lines = text.lines();
        let line = lines.next().unwrap_or("");
        let header = split(line, by).into_iter().map(plain).collect();
        Table::Separated { header, line, by, rows: lines.collect() }
    }
}

//! Separated values under a header: CSV and its relatives.

use super::{Cut, LEAST, Row, Table};
use std::borrow::Cow;

/// Lines before the header that are no table's: a heading, a note.
const HEADING: usize = 8;

/// Bytes of a column's name at most.
const LONGEST: usize = 80;

pub(super) fn read(text: &str) -> Option<Table<'_>> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    (0..lines.len().min(HEADING)).find_map(|first| under(lines[first], &lines[first + 1..]))
}

/// The table whose header is `line`.
fn under<'a>(line: &'a str, rows: &[&'a str]) -> Option<Table<'a>> {
    let by = [',', '\t', ';', '|'].into_iter().max_by_key(|by| split(line, *by).len())?;
    let header: Vec<Cow<'_, str>> = split(line, by).into_iter().map(plain).collect();
    let named = header.len() > 1 && header.iter().all(|name| !name.trim().is_empty()) && names(&header);
    if !named || rows.len() < LEAST {
        return None;
    }
    let fitting = rows.iter().filter(|row| split(row, by).len() == header.len()).count();
    let rows = rows.iter().map(|row| Row::of(row)).collect::<Vec<_>>();
    (fitting * 10 >= rows.len() * 9).then_some(Table::Lines { header, line, cut: Cut::At(by), rows })
}

/// True for names of columns, as against a first row, or a line of a log that has a comma in it.
fn names(header: &[Cow<'_, str>]) -> bool {
    let first = header[0].trim_start();
    !first.starts_with(|letter: char| letter.is_ascii_digit() || letter == '[' || letter.is_control())
        && header.iter().all(|name| name.len() <= LONGEST)
}

/// The values of a line, as they are written.
pub(super) fn split(line: &str, by: char) -> Vec<&str> {
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
pub(super) fn plain(value: &str) -> Cow<'_, str> {
    let value = value.trim();
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) if inner.contains("\"\"") => Cow::Owned(inner.replace("\"\"", "\"")),
        Some(inner) => Cow::Borrowed(inner),
        None => Cow::Borrowed(value),
    }
}

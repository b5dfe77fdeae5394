//! A text read as rows: JSON (an array, a map, lines), separated values, a table that is drawn.
//!
//! Rows keep their own bytes: a number is given as it was written.

mod drawn;
mod json;
mod separated;

pub(super) use json::{cells, fields, is_number, rows as json_rows};

use std::borrow::Cow;

/// Rows that must be there before lines count as a table.
const LEAST: usize = 2;

/// One row, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row<'a> {
    /// In a map of records: the name under which it stands there, as a JSON string.
    pub key: Option<&'a str>,
    /// What is written there.
    pub text: &'a str,
}

/// Rows of one kind.
#[derive(Debug)]
pub(super) enum Table<'a> {
    /// Each a JSON value.
    Json(Vec<Row<'a>>),
    /// Each a line.
    Lines {
        /// The names of the columns.
        header: Vec<Cow<'a, str>>,
        /// The line that they stand in.
        line: &'a str,
        cut: Cut,
        rows: Vec<Row<'a>>,
    },
}

/// Where a line's values end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// At this letter, outside of quotes.
    At(char),
    /// At bars.
    Bars,
    /// They begin at these letters, counted from 0.
    Places(Vec<usize>),
    /// At white space; the last value is all that is left.
    Words(usize),
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

/// Reads `text`; `place` names where the rows are (`data.items`), else the longest array or map is taken.
pub(super) fn read<'a>(text: &'a str, place: Option<&str>) -> Option<Table<'a>> {
    if let Some(rows) = json::whole(text).and_then(|value| json::rows_in(value, place)) {
        return Some(Table::Json(rows));
    }
    if place.is_some() {
        return None;
    }
    json::lines(text)
        .map(Table::Json)
        .or_else(|| drawn::ruled(text))
        .or_else(|| separated::read(text))
        .or_else(|| drawn::headed(text))
}

impl<'a> Row<'a> {
    /// A row that stands under no name.
    pub fn of(text: &'a str) -> Row<'a> {
        Row { key: None, text }
    }
}

impl<'a> Table<'a> {
    /// Rows that were made, each a line of JSON.
    pub fn made(text: &'a str) -> Table<'a> {
        Table::Json(text.lines().map(Row::of).collect())
    }

    /// Rows that were made: lines of separated values, the header first.
    pub fn made_of_lines(text: &'a str, by: char) -> Table<'a> {
        let mut lines = text.lines();
        let line = lines.next().unwrap_or("");
        let cut = Cut::At(by);
        let header = cut.values(line).into_iter().map(separated::plain).collect();
        Table::Lines { header, line, cut, rows: lines.map(Row::of).collect() }
    }

    /// Every row as it is written.
    pub fn rows(&self) -> &[Row<'a>] {
        match self {
            Table::Json(rows) | Table::Lines { rows, .. } => rows,
        }
    }

    /// The value of `row` in a column: a name, or a path through objects and arrays (`user.roles.0`); `.` is
    /// the row itself, `key` the name under which it stands in a map.
    pub fn cell(&self, row: Row<'a>, column: &str) -> Option<Cell<'a>> {
        match self {
            Table::Json(_) => json::written(row, column).map(json::cell),
            Table::Lines { .. } => {
                let value = separated::plain(self.line_value(row, column)?);
                Some(if is_number(&value) { Cell::Number(value) } else { Cell::Text(value) })
            }
        }
    }

    /// A value as it is written in the row.
    pub fn written(&self, row: Row<'a>, column: &str) -> Option<Cow<'a, str>> {
        match self {
            Table::Json(_) => json::written(row, column),
            Table::Lines { .. } => self.line_value(row, column).map(Cow::Borrowed),
        }
    }

    fn line_value(&self, row: Row<'a>, column: &str) -> Option<&'a str> {
        let Table::Lines { header, cut, .. } = self else { return None };
        let named = |same: fn(&str, &str) -> bool| header.iter().position(|name| same(name.trim(), column));
        let place = named(|name, column| name == column).or_else(|| named(str::eq_ignore_ascii_case))?;
        cut.values(row.text).get(place).copied()
    }

    /// The columns of the first rows, in their order; before them those whose path ends like `wanted`.
    pub fn columns(&self, wanted: &str) -> Vec<String> {
        match self {
            Table::Json(rows) => json::columns(rows, wanted),
            Table::Lines { header, .. } => header.iter().map(|name| name.trim().to_owned()).collect(),
        }
    }
}

impl Cut {
    /// The values of a line, as they are written.
    pub fn values<'a>(&self, line: &'a str) -> Vec<&'a str> {
        match self {
            Cut::At(by) => separated::split(line, *by),
            Cut::Bars => drawn::between_bars(line),
            Cut::Places(places) => drawn::at_places(line, places),
            Cut::Words(columns) => drawn::words(line, *columns),
        }
    }
}

//! Rows and values as they are given.

use crate::retrieve::table::{Cell, Row, Table};

/// The rows, each on a line; lines under their header. A row of a map has its name before it.
pub(super) fn print(table: &Table<'_>, rows: &[Row<'_>]) -> String {
    let mut text = String::new();
    if let Table::Lines { line, .. } = table {
        text.push_str(line);
        text.push('\n');
    }
    for row in rows {
        if let Some(key) = row.key {
            text.push_str(key);
            text.push(':');
        }
        match table {
            Table::Json(_) => text.push_str(&on_one_line(row.text)),
            Table::Lines { .. } => text.push_str(row.text),
        }
        text.push('\n');
    }
    text
}

pub(super) fn json_number(number: f64) -> String {
    serde_json::Number::from_f64(number).map_or_else(|| "null".to_owned(), |number| number.to_string())
}

/// A JSON value without the white space between its tokens.
pub(in crate::retrieve) fn on_one_line(json: &str) -> String {
    let (mut text, mut quoted, mut escaped) = (String::with_capacity(json.len()), false, false);
    for letter in json.chars() {
        if quoted {
            (quoted, escaped) = (escaped || letter != '"', !escaped && letter == '\\');
        } else if letter.is_ascii_whitespace() {
            continue;
        } else {
            quoted = letter == '"';
        }
        text.push(letter);
    }
    text
}

pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A cell as JSON.
pub(super) fn written(cell: Option<&Cell<'_>>) -> String {
    match cell {
        None | Some(Cell::Null) => "null".to_owned(),
        Some(Cell::Switch(on)) => on.to_string(),
        Some(Cell::Number(number)) => number.to_string(),
        Some(Cell::Text(text)) => quoted(text),
        Some(Cell::Other(other)) => on_one_line(other),
    }
}

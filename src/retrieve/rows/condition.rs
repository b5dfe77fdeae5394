//! What a row is asked, and whether it holds.

use super::Order;
use crate::retrieve::table::{self, Cell, Row, Table};
use regex::Regex;
use std::cmp::Ordering;

/// A test in the order it is worked off: each joins what stands on the stack.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Test(Comparison),
    Not,
    And,
    Or,
}

#[derive(Clone, Debug)]
pub(super) struct Comparison {
    pub column: String,
    pub asks: Asks,
}

#[derive(Clone, Debug)]
pub(super) enum Asks {
    Is(Operator, Value),
    Fits(Regex),
    FitsNot(Regex),
    Contains(String),
    OneOf(Vec<Value>),
    There,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Switch(bool),
    Number(String),
    Text(String),
}

/// Works a test off for one row.
pub(super) fn holds(table: &Table<'_>, row: Row<'_>, test: &[Step]) -> bool {
    let mut stack: Vec<bool> = Vec::new();
    for step in test {
        let value = match step {
            Step::Test(comparison) => comparison.holds(table, row),
            Step::Not => !stack.pop().unwrap_or(false),
            Step::And => stack.pop().unwrap_or(false) & stack.pop().unwrap_or(false),
            Step::Or => stack.pop().unwrap_or(false) | stack.pop().unwrap_or(false),
        };
        stack.push(value);
    }
    stack.pop().unwrap_or(false)
}

impl Comparison {
    fn holds(&self, table: &Table<'_>, row: Row<'_>) -> bool {
        let cell = table.cell(row, &self.column);
        let text = match &cell {
            None | Some(Cell::Null) => None,
            Some(Cell::Text(text) | Cell::Number(text) | Cell::Other(text)) => Some(&**text),
            Some(Cell::Switch(on)) => Some(if *on { "true" } else { "false" }),
        };
        let fits = |pattern: &Regex| text.is_some_and(|text| pattern.is_match(text));
        match &self.asks {
            Asks::Is(operator, value) => is(cell.as_ref(), *operator, value),
            Asks::Fits(pattern) => fits(pattern),
            Asks::FitsNot(pattern) => !fits(pattern),
            Asks::Contains(part) => text.is_some_and(|text| text.contains(part)),
            Asks::OneOf(values) => values.iter().any(|value| is(cell.as_ref(), Operator::Equal, value)),
            Asks::There => !matches!(cell, None | Some(Cell::Null | Cell::Switch(false))),
        }
    }
}

/// Of an array it holds when it holds for an element; it differs when none is equal.
fn is(cell: Option<&Cell<'_>>, operator: Operator, value: &Value) -> bool {
    if let Some(Cell::Other(array)) = cell
        && array.starts_with('[')
    {
        let any = |operator| table::cells(array).iter().any(|cell| is_one(Some(cell), operator, value));
        return if operator == Operator::Unequal { !any(Operator::Equal) } else { any(operator) };
    }
    is_one(cell, operator, value)
}

fn is_one(cell: Option<&Cell<'_>>, operator: Operator, value: &Value) -> bool {
    let order = match (cell, value) {
        (None | Some(Cell::Null), Value::Null) => Some(Ordering::Equal),
        (Some(Cell::Switch(one)), Value::Switch(other)) => Some(one.cmp(other)),
        (Some(Cell::Text(text)), Value::Switch(on)) => (*text == on.to_string()).then_some(Ordering::Equal),
        (Some(Cell::Number(one)), Value::Number(other)) => Some(by_number(one, other)),
        (Some(Cell::Text(one)), Value::Number(other)) if table::is_number(one) => Some(by_number(one, other)),
        (Some(Cell::Number(one)), Value::Text(other)) if table::is_number(other) => {
            Some(by_number(one, other))
        }
        (Some(Cell::Text(one)), Value::Text(other) | Value::Number(other)) => {
            Some((**one).cmp(other.as_str()))
        }
        _ => None,
    };
    match (operator, order) {
        (Operator::Unequal, order) => order != Some(Ordering::Equal),
        (_, None) => false,
        (Operator::Equal, Some(order)) => order.is_eq(),
        (Operator::Less, Some(order)) => order.is_lt(),
        (Operator::LessOrEqual, Some(order)) => order.is_le(),
        (Operator::Greater, Some(order)) => order.is_gt(),
        (Operator::GreaterOrEqual, Some(order)) => order.is_ge(),
    }
}

/// Numbers as they are written: whole ones exactly, however long.
pub(super) fn by_number(one: &str, other: &str) -> Ordering {
    match (one.parse::<i128>(), other.parse::<i128>()) {
        (Ok(one), Ok(other)) => one.cmp(&other),
        _ => {
            let read = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
            read(one).total_cmp(&read(other))
        }
    }
}

/// A cell's number as it is written; `None` when it is none.
pub(super) fn number(cell: &Cell<'_>) -> Option<String> {
    match cell {
        Cell::Number(number) => Some(number.to_string()),
        Cell::Text(text) if table::is_number(text) => Some(text.to_string()),
        _ => None,
    }
}

/// Numbers before texts before the rest; what is not there comes last, whichever way.
pub(super) fn rank(one: Option<&Cell<'_>>, other: Option<&Cell<'_>>, order: Order) -> Ordering {
    let class = |cell: Option<&Cell<'_>>| match cell {
        Some(Cell::Number(_)) => 0,
        Some(Cell::Text(_)) => 1,
        Some(Cell::Switch(_)) => 2,
        Some(Cell::Other(_)) => 3,
        None | Some(Cell::Null) => 4,
    };
    let within = match (one, other) {
        (Some(Cell::Number(one)), Some(Cell::Number(other))) => by_number(one, other),
        (Some(Cell::Text(one)), Some(Cell::Text(other))) => one.cmp(other),
        (Some(Cell::Switch(one)), Some(Cell::Switch(other))) => one.cmp(other),
        _ => Ordering::Equal,
    };
    let within = if order == Order::Down { within.reverse() } else { within };
    class(one).cmp(&class(other)).then(within)
}

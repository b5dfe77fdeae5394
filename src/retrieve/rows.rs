//! Rows of a table, as a small expression asks for them.
//!
//! ```text
//! expression = stage { "|" stage }                                at most 16 stages
//! stage      = [ "where" ] test                                   rows for which it is true
//!            | "select" column { "," column }                     those columns only
//!            | "distinct" column { "," column }                   their different values, as they come
//!            | total { "," total } [ "by" column { "," column } ] one row a group; the largest first
//!            | "sort" column [ "desc" ] { "," column [ "desc" ] }
//!            | "limit" N | "skip" N | "last" N
//!            | "at" path                                          where the rows are; else: the longest array
//! total      = "count" | ( "sum" | "avg" | "min" | "max" | "p50" | "p95" | … | "distinct" ) "(" column ")"
//! test       = comparison, joined by "and" "or" "not" and parentheses
//! comparison = column ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) value
//!            | column ( "~" | "!~" ) "regular expression"         anywhere in the value; (?i) ignores case
//!            | column "contains" "text"                           letter for letter
//!            | column "in" "(" value { "," value } ")"
//!            | column                                             there, and neither null nor false
//! column     = a name or a path (user.roles.0); in `backticks` when it has odd letters; "." is the row itself;
//!              in a map of records "key" is the name of each
//! value      = number, "text", 'text', word, true, false, null
//! ```
//!
//! `status>=500 and name~"api" | count by region`. A word is quoted or not alike. Numbers
//! compare as numbers, other texts letter by letter (so dates in ISO form work). A path goes through
//! arrays: `items.spec.containers` are the containers of all items, and a comparison holds when it
//! holds for one of several values.
//!
//! Rows come out one a line, JSON as JSON (white space between its tokens taken out), lines as lines
//! under their header. Numbers stay as they are written; a sum of whole numbers is exact.

mod condition;
mod expression;
mod printing;
mod totals;

pub(super) use printing::on_one_line;

use super::PartError;
use super::table::{self, Row, Table};
use condition::Step;
use printing::quoted;
use totals::Total;

/// A read expression.
#[derive(Clone, Debug)]
pub struct Pipeline {
    place: Option<String>,
    stages: Vec<Stage>,
}

#[derive(Clone, Debug)]
enum Stage {
    Where(Vec<Step>),
    Select(Vec<String>),
    Distinct(Vec<String>),
    Totals(Vec<Total>, Vec<String>),
    Sort(Vec<(String, Order)>),
    Limit(usize),
    Skip(usize),
    Last(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Up,
    Down,
}

/// The rows of `text` that `pipeline` asks for, or what it sums up.
///
/// # Errors
/// [`PartError::NoRows`], [`PartError::NoColumn`].
pub fn run(text: &str, pipeline: &Pipeline) -> Result<String, PartError> {
    let table = table::read(text, pipeline.place.as_deref()).ok_or(PartError::NoRows)?;
    work_off(&table, &pipeline.stages)
}

/// Does the stages one after the other; what makes new rows begins a new table.
fn work_off(table: &Table<'_>, stages: &[Stage]) -> Result<String, PartError> {
    let mut rows = table.rows().to_vec();
    for (place, stage) in stages.iter().enumerate() {
        for column in stage.columns() {
            // A stage before may have left none of the rows that have it.
            let has = |row: &Row<'_>| table.written(*row, column).is_some();
            let there =
                rows.iter().take(1).any(has) || table.rows().is_empty() || table.rows().iter().any(has);
            if !there {
                return Err(PartError::NoColumn { wanted: column.to_owned(), there: table.columns(column) });
            }
        }
        match stage {
            Stage::Where(test) => rows.retain(|row| condition::holds(table, *row, test)),
            Stage::Limit(count) => rows.truncate(*count),
            Stage::Skip(count) => drop(rows.drain(..(*count).min(rows.len()))),
            Stage::Last(count) => drop(rows.drain(..rows.len().saturating_sub(*count))),
            Stage::Sort(columns) => sort(table, &mut rows, columns),
            Stage::Select(columns) => {
                let made = select(table, &rows, columns);
                return work_off(&made.table(), &stages[place + 1..]);
            }
            Stage::Distinct(columns) => {
                let made = totals::distinct(table, &rows, columns);
                return work_off(&Table::made(&made), &stages[place + 1..]);
            }
            Stage::Totals(totals, by) => {
                let made = totals::total(table, &rows, totals, by);
                let last = place + 1 == stages.len();
                return match made.lines().next().and_then(table::fields) {
                    Some(fields) if last && by.is_empty() && fields.len() == 1 => {
                        Ok(format!("{}\n", fields[0].1))
                    }
                    _ => work_off(&Table::made(&made), &stages[place + 1..]),
                };
            }
        }
    }
    Ok(printing::print(table, &rows))
}

/// Sorts by the first column, rows that are equal in it by the next.
fn sort<'a>(table: &Table<'a>, rows: &mut Vec<Row<'a>>, columns: &[(String, Order)]) {
    let cells = |row: Row<'a>| columns.iter().map(|(column, _)| table.cell(row, column)).collect::<Vec<_>>();
    let mut keyed: Vec<_> = rows.iter().map(|row| (cells(*row), *row)).collect();
    keyed.sort_by(|(one, _), (other, _)| {
        let pairs = one.iter().zip(other).zip(columns);
        let mut orders =
            pairs.map(|((one, other), (_, order))| condition::rank(one.as_ref(), other.as_ref(), *order));
        orders.find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    });
    *rows = keyed.into_iter().map(|(_, row)| row).collect();
}

impl Stage {
    fn columns(&self) -> Vec<&str> {
        match self {
            Stage::Where(steps) => steps
                .iter()
                .filter_map(|step| match step {
                    Step::Test(comparison) => Some(comparison.column.as_str()),
                    Step::Not | Step::And | Step::Or => None,
                })
                .collect(),
            Stage::Select(columns) | Stage::Distinct(columns) => columns.iter().map(String::as_str).collect(),
            Stage::Totals(totals, by) => {
                totals.iter().filter_map(Total::column).chain(by.iter().map(String::as_str)).collect()
            }
            Stage::Sort(columns) => columns.iter().map(|(column, _)| column.as_str()).collect(),
            Stage::Limit(_) | Stage::Skip(_) | Stage::Last(_) => Vec::new(),
        }
    }
}

/// Rows that a stage made.
struct Made {
    text: String,
    /// What parts the values of lines; `None` for JSON.
    by: Option<char>,
}

impl Made {
    fn table(&self) -> Table<'_> {
        match self.by {
            None => Table::made(&self.text),
            Some(by) => Table::made_of_lines(&self.text, by),
        }
    }
}

fn select(table: &Table<'_>, rows: &[Row<'_>], columns: &[String]) -> Made {
    if let Table::Lines { cut, .. } = table {
        let by = if let table::Cut::At(by) = cut { *by } else { '\t' };
        let separator = by.to_string();
        let mut text = columns.join(&separator);
        for row in rows {
            let value = |column: &String| table.written(*row, column).unwrap_or_default();
            text.push('\n');
            text.push_str(&columns.iter().map(value).collect::<Vec<_>>().join(&separator));
        }
        return Made { text, by: Some(by) };
    }
    let mut text = String::new();
    for row in rows {
        let fields: Vec<String> = columns
            .iter()
            .filter_map(|column| {
                Some(format!("{}:{}", quoted(column), on_one_line(&table.written(*row, column)?)))
            })
            .collect();
        text.push_str(&format!("{{{}}}\n", fields.join(",")));
    }
    Made { text, by: None }
}

#[cfg(test)]
mod tests;

//! Groups of rows, counted and summed up.

use super::Order;
use super::condition::{by_number, number, rank};
use super::printing::{json_number, quoted, written};
use crate::retrieve::table::{Cell, Row, Table};
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

/// A figure over the rows of a group.
#[derive(Clone, Debug)]
pub(super) struct Total {
    pub what: Figure,
    /// Of which column; of none for the count.
    pub column: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    Count,
    Sum,
    Average,
    Least,
    Greatest,
    /// The value that so many of a hundred values are not above.
    Percentile(u8),
    /// How many different values there are.
    Distinct,
}

impl Figure {
    /// Reads a name; `None` for what is no figure of a column.
    pub fn named(name: &str) -> Option<Figure> {
        Some(match name {
            "sum" => Figure::Sum,
            "avg" | "mean" => Figure::Average,
            "min" => Figure::Least,
            "max" => Figure::Greatest,
            "median" => Figure::Percentile(50),
            "distinct" => Figure::Distinct,
            _ => {
                let share: u8 = name.strip_prefix('p')?.parse().ok()?;
                return (1..=99).contains(&share).then_some(Figure::Percentile(share));
            }
        })
    }

    fn name(self) -> String {
        match self {
            Figure::Count => "count".to_owned(),
            Figure::Sum => "sum".to_owned(),
            Figure::Average => "avg".to_owned(),
            Figure::Least => "min".to_owned(),
            Figure::Greatest => "max".to_owned(),
            Figure::Percentile(share) => format!("p{share}"),
            Figure::Distinct => "distinct".to_owned(),
        }
    }
}

/// What is known of a column in a group so far.
#[derive(Clone, Default)]
struct Tally<'a> {
    count: u64,
    /// Exact while no value has an exponent or very many places.
    exact: Decimal,
    broken: f64,
    least: Option<Cell<'a>>,
    greatest: Option<Cell<'a>>,
    /// Kept for a percentile only.
    numbers: Vec<String>,
    /// Kept for the number of different values only.
    different: HashSet<String>,
}

/// One row for each group of `by`, the largest group first.
pub(super) fn total<'a>(table: &Table<'a>, rows: &[Row<'a>], totals: &[Total], by: &[String]) -> String {
    let mut places: HashMap<Vec<String>, usize> = HashMap::new();
    let mut groups: Vec<(Vec<String>, u64, Vec<Tally<'a>>)> = Vec::new();
    if by.is_empty() {
        groups.push((Vec::new(), 0, vec![Tally::default(); totals.len()]));
        places.insert(Vec::new(), 0);
    }
    for row in rows {
        let place = *places.entry(named(table, *row, by)).or_insert_with_key(|name| {
            groups.push((name.clone(), 0, vec![Tally::default(); totals.len()]));
            groups.len() - 1
        });
        let (_, count, tallies) = &mut groups[place];
        *count += 1;
        for (total, tally) in totals.iter().zip(tallies) {
            if total.what != Figure::Count
                && let Some(cell) = table.cell(*row, &total.column)
            {
                tally.add(total.what, cell);
            }
        }
    }
    // The most rows first; groups of equal size as they came.
    groups.sort_by_key(|(_, count, _)| std::cmp::Reverse(*count));
    let mut text = String::new();
    for (name, count, tallies) in groups {
        let named = by.iter().zip(name).map(|(column, value)| format!("{}:{value}", quoted(column)));
        let summed = totals.iter().zip(tallies).map(|(total, tally)| total.written(count, tally));
        text.push_str(&format!("{{{}}}\n", named.chain(summed).collect::<Vec<_>>().join(",")));
    }
    text
}

/// One row for each combination of values in these columns, as they come.
pub(super) fn distinct(table: &Table<'_>, rows: &[Row<'_>], columns: &[String]) -> String {
    let (mut seen, mut text) = (HashSet::new(), String::new());
    for row in rows {
        let name = named(table, *row, columns);
        if !seen.contains(&name) {
            let fields: Vec<String> = columns
                .iter()
                .zip(&name)
                .map(|(column, value)| format!("{}:{value}", quoted(column)))
                .collect();
            text.push_str(&format!("{{{}}}\n", fields.join(",")));
            seen.insert(name);
        }
    }
    text
}

fn named(table: &Table<'_>, row: Row<'_>, by: &[String]) -> Vec<String> {
    by.iter().map(|column| written(table.cell(row, column).as_ref())).collect()
}

impl<'a> Tally<'a> {
    fn add(&mut self, what: Figure, cell: Cell<'a>) {
        match what {
            Figure::Count => {}
            Figure::Distinct => {
                if cell != Cell::Null {
                    self.different.insert(written(Some(&cell)));
                }
            }
            Figure::Percentile(_) => self.numbers.extend(number(&cell)),
            Figure::Sum | Figure::Average => self.sum(&cell),
            Figure::Least | Figure::Greatest => self.bound(cell),
        }
    }

    fn sum(&mut self, cell: &Cell<'_>) {
        let Some(number) = number(cell) else { return };
        self.exact.add(&number);
        self.broken += number.parse::<f64>().unwrap_or(0.0);
        self.count += 1;
    }

    /// Numbers among themselves; without any, texts letter by letter.
    fn bound(&mut self, cell: Cell<'a>) {
        if !matches!(cell, Cell::Number(_) | Cell::Text(_)) {
            return;
        }
        let order = |than: &Option<Cell<'a>>, order: Order| {
            than.as_ref().is_none_or(|than| rank(Some(&cell), Some(than), order) == Ordering::Less)
        };
        if order(&self.least, Order::Up) {
            self.least = Some(cell.clone());
        }
        if order(&self.greatest, Order::Down) {
            self.greatest = Some(cell);
        }
    }

    /// The nearest of the values: no mean of two.
    fn percentile(mut self, share: u8) -> Option<String> {
        let place = (self.numbers.len() * usize::from(share)).div_ceil(100).checked_sub(1)?;
        self.numbers.sort_by(|one, other| by_number(one, other));
        Some(self.numbers.swap_remove(place))
    }
}

impl Total {
    /// The column that it needs.
    pub fn column(&self) -> Option<&str> {
        (self.what != Figure::Count).then_some(self.column.as_str())
    }

    fn written(&self, rows: u64, tally: Tally<'_>) -> String {
        let Total { what, column } = self;
        let null = || "null".to_owned();
        let value = match what {
            Figure::Count => return format!("\"count\":{rows}"),
            Figure::Sum if tally.count == 0 => "0".to_owned(),
            Figure::Sum => tally.exact.written().unwrap_or_else(|| json_number(tally.broken)),
            Figure::Average if tally.count == 0 => null(),
            Figure::Average => json_number(tally.broken / tally.count as f64),
            Figure::Least => written(tally.least.as_ref()),
            Figure::Greatest => written(tally.greatest.as_ref()),
            Figure::Percentile(share) => tally.percentile(*share).unwrap_or_else(null),
            Figure::Distinct => tally.different.len().to_string(),
        };
        format!("{}:{value}", quoted(&format!("{}({column})", what.name())))
    }
}

/// Places behind the point that are summed exactly.
const PLACES: usize = 12;

/// A sum in units of the twelfth place, and how many places are shown; `None` when it can't be exact.
#[derive(Clone, Copy)]
struct Decimal(Option<(i128, usize)>);

impl Default for Decimal {
    fn default() -> Decimal {
        Decimal(Some((0, 0)))
    }
}

impl Decimal {
    fn add(&mut self, number: &str) {
        self.0 = self.0.and_then(|(sum, places)| {
            let (whole, broken) = number.split_once('.').unwrap_or((number, ""));
            let units: i128 = format!("{whole}{broken:0<PLACES$}").parse().ok()?;
            let sum = sum.checked_add(units)?;
            (broken.len() <= PLACES).then_some((sum, places.max(broken.len())))
        });
    }

    fn written(self) -> Option<String> {
        let (sum, places) = self.0?;
        let sign = if sum < 0 { "-" } else { "" };
        let digits = format!("{:0>width$}", sum.unsigned_abs(), width = PLACES + 1);
        let (whole, broken) = digits.split_at(digits.len() - PLACES);
        let point = if places == 0 { "" } else { "." };
        Some(format!("{sign}{whole}{point}{}", &broken[..places]))
    }
}

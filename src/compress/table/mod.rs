//! Rows of cells: CSV, TSV, Markdown tables, tables of a database.
//!
//! Every line that is shown is a line of the text. A row is kept when it is at
//! an end, was asked for, tells of trouble, or sticks out in one of its
//! columns; the others are a gap, which tells their ids, and a legend tells
//! what each column holds.
//!
//! Absent here: how JSON's tables look ([`super::json`]), and names of files
//! and processes in columns ([`super::listing`]).

mod choose;
mod column;
mod grid;
mod ids;
mod placed;
mod ruled;
mod separated;
pub(super) mod value;

use super::content::Sample;
use super::lines::{Lines, exact, question, signs, verify, write};
use super::{Allowance, Effort, Hint, Kind, Loss, Shortened};
use crate::refusal::Refusal;
use crate::text::counted;
use crate::units::Key;
pub(super) use choose::{Pick, Why, keep};
pub(super) use column::shape;
use grid::Grid;

/// Bytes of a text's start that tell whether it is a table.
const LOOKED_AT: usize = 24_576;
/// Fewer rows than this are all shown.
const FEW: usize = 16;
/// Rows at the start and at the end that are shown.
const FIRST: usize = 3;
const LAST: usize = 2;
/// Rows that match the question at most.
const MATCHING: usize = 24;
/// Bytes of the legend's notes on columns, all together.
const NOTES: usize = 2_400;

/// How much stays in view.
struct Measure {
    /// Bytes that any table may have.
    least: usize,
    /// Percent of the table's bytes, up to `LONG` bytes of it.
    percent: usize,
    /// Percent of what is beyond.
    percent_beyond: usize,
    /// Percent of the table's bytes that lists of ids may have, up to `LONG` bytes of it.
    ids: usize,
    /// Percent of what is beyond.
    ids_beyond: usize,
}

/// Bytes up to which a table is short.
const LONG: usize = 64 << 10;

const BALANCED: Measure = Measure { least: 1_500, percent: 20, percent_beyond: 8, ids: 25, ids_beyond: 10 };
const AGGRESSIVE: Measure = Measure { least: 800, percent: 10, percent_beyond: 3, ids: 8, ids_beyond: 4 };

impl Measure {
    fn budget(&self, bytes: usize) -> usize {
        let beyond = bytes.saturating_sub(LONG);
        self.least + (bytes - beyond) * self.percent / 100 + beyond * self.percent_beyond / 100
    }

    fn ids(&self, bytes: usize) -> usize {
        let beyond = bytes.saturating_sub(LONG);
        (bytes - beyond) * self.ids / 100 + beyond * self.ids_beyond / 100
    }
}

/// True when the text looks like one of this kind, whoever printed it.
pub fn fits(sample: &Sample<'_>) -> bool {
    looked_at(sample, |_| true)
}

/// True when nothing else looks like this: bars and a rule, or rows of equal width whose first row names them.
pub fn surely_fits(sample: &Sample<'_>) -> bool {
    looked_at(sample, |grid| {
        let separated = matches!(grid.form, grid::Form::Separated(_));
        let even = (0..grid.rows.len()).all(|row| !grid.is_odd(row));
        grid.header.is_some() && (!separated || 3 <= grid.width() && even)
    })
}

fn looked_at(sample: &Sample<'_>, is: impl Fn(&Grid<'_>) -> bool) -> bool {
    let text = sample.text;
    let mut end = text.len().min(LOOKED_AT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    // A line that was cut in the middle is not looked at.
    let start = if end < text.len() { text[..end].rfind('\n').map_or("", |end| &text[..end]) } else { text };
    Lines::of(start).is_some_and(|lines| {
        read(&lines).is_some_and(|grid| {
            let rows: usize = grid.rows.iter().map(|row| row.lines().len()).sum();
            lines.len() <= rows * 2 + 8 && is(&grid)
        })
    })
}

/// The table that `lines` are, if they are one.
fn read<'t>(lines: &'t Lines<'_>) -> Option<Grid<'t>> {
    ruled::read(lines).or_else(|| placed::read(lines)).or_else(|| separated::read(lines))
}

/// Shortens `text`, or says why not.
///
/// # Errors
/// A [`Refusal`] when it is no table, or too little would be saved.
pub fn compress(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    let lines = Lines::of(text).ok_or(Refusal::OverBudget)?;
    let grid = read(&lines).ok_or(Refusal::NoCompressor)?;
    let shown = match allowance.loss {
        Loss::KeptUnder(key) if FEW < grid.rows.len() => Some(chosen(&lines, &grid, hint, allowance, key)?),
        _ => None,
    };
    let (text, left_out) = exact::unless_worth_it_asked(text, hint.query, shown)?;
    let compressor = if left_out { "table-rows" } else { "lines-exact" };
    Ok(Shortened { text, kind: Kind::Table, compressor, left_out })
}

/// The table with the rows that tell, each a line of the text, and markers for the others.
fn chosen(
    lines: &Lines<'_>,
    grid: &Grid<'_>,
    hint: &Hint<'_>,
    allowance: &Allowance<'_>,
    key: &Key,
) -> Result<String, Refusal> {
    let measure = match allowance.effort {
        Effort::Balanced => BALANCED,
        Effort::Aggressive => AGGRESSIVE,
    };
    let rows = grid.rows.len();
    let lengths: Vec<usize> =
        grid.rows.iter().map(|row| lines.bytes(row.lines().start, row.lines().end)).collect();
    let bytes: usize = lengths.iter().sum();
    let mut picks = picked(lines, grid, hint);
    let mut notes = Vec::new();
    let mut told = Vec::new();
    for column in 0..grid.width() {
        let asked = column::Asked { by_name: named(grid.name(column), hint.query) };
        let its = column::look(grid, column, asked);
        picks.extend_from_slice(&its.picks);
        notes.push(its.note.clone());
        told.push(its);
    }
    let kept = keep(&lengths, picks, measure.budget(bytes));
    let mut shown = grid.beside(lines);
    for (row, kept) in grid.rows.iter().zip(&kept) {
        shown[row.lines()].fill(*kept);
    }
    write::close_small_gaps(lines, &mut shown);
    let ids = ids::Ids::of(grid, &told, measure.ids(bytes));
    let legend = legend(grid, rows, &notes);
    let mut markers = allowance.markers(key);
    let text = write::write(lines, &shown, &[legend], &mut markers, |gap| {
        let first = grid.rows.partition_point(|row| row.lines().end <= gap.start);
        let past = grid.rows.partition_point(|row| row.lines().start < gap.end);
        ids.tell(grid, first..past)
    });
    if verify::in_order(lines, &text) { Ok(text) } else { Err(Refusal::NotVerified) }
}

/// Rows that are kept for what they are as a whole.
fn picked(lines: &Lines<'_>, grid: &Grid<'_>, hint: &Hint<'_>) -> Vec<Pick> {
    let rows = grid.rows.len();
    let mut picks: Vec<Pick> = (0..FIRST.min(rows))
        .chain(rows.saturating_sub(LAST)..rows)
        .map(|row| Pick { row, why: Why::Edge, weight: 0.0 })
        .collect();
    let odd: Vec<usize> = (0..rows).filter(|&row| grid.is_odd(row)).collect();
    picks.extend(odd.iter().take(12).map(|&row| Pick { row, why: Why::Trouble, weight: 3.0 }));
    for (order, line) in question::matching(lines, hint.query, MATCHING).into_iter().enumerate() {
        let row = grid.rows.partition_point(|row| row.lines().end <= line as usize);
        if grid.rows.get(row).is_some_and(|its| its.lines().contains(&(line as usize))) {
            picks.push(Pick { row, why: Why::Asked, weight: 3.0 - order as f64 / 10.0 });
        }
    }
    // Trouble that stands in a tenth of the rows is no trouble but a category.
    let trouble: Vec<(usize, signs::Sign)> = grid
        .rows
        .iter()
        .enumerate()
        .filter_map(|(row, its)| {
            let sign = its.lines().map(|line| signs::of(lines.get(line))).max()?;
            sign.is_trouble().then_some((row, sign))
        })
        .collect();
    if trouble.len() * 10 <= rows {
        picks.extend(trouble.iter().take(40).map(|&(row, sign)| Pick {
            row,
            why: Why::Trouble,
            weight: if signs::Sign::Error <= sign { 2.0 } else { 1.0 },
        }));
    }
    picks
}

/// True when the question names this column, in singular or plural.
fn named(name: &str, question: &str) -> bool {
    let name = name.trim_matches('"').to_lowercase();
    if name.len() < 2 {
        return false;
    }
    let question = question.to_lowercase();
    let mut parts = name.split(|each: char| !each.is_alphanumeric()).filter(|part| 3 <= part.len());
    question.split(|each: char| !(each.is_alphanumeric() || each == '_')).any(|word| {
        let stem = word.strip_suffix('s').unwrap_or(word);
        3 <= stem.len()
            && (word == name || stem == name || parts.clone().any(|part| part == word || part == stem))
    }) || parts.all(|part| question.contains(part)) && question.contains(&name)
}

/// What stands in the whole table, column by column.
fn legend(grid: &Grid<'_>, rows: usize, notes: &[String]) -> String {
    let mut said = format!(
        "a table of {} and {}; what each column holds:",
        counted(rows, "row"),
        counted(grid.width(), "column")
    );
    for (column, note) in notes.iter().enumerate() {
        if note.is_empty() {
            continue;
        }
        if NOTES < said.len() {
            said.push_str(" …");
            break;
        }
        let name = grid.name(column);
        said.push_str(if column == 0 { " " } else { "; " });
        if name.is_empty() {
            said.push_str(&format!("column {}", column + 1));
        } else {
            said.push_str(&column::clip(name));
        }
        said.push_str(": ");
        said.push_str(note);
    }
    said
}

#[cfg(test)]
mod tests;

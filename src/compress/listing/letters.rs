//! What stands in columns of many rows, told once and named by a letter.

use super::super::lines::weight;
use super::columns::Table;
use super::rows::Cut;
use std::collections::HashMap;

/// Rows whose cells get a letter, and how often these stand there.
type Lettered = Vec<(usize, usize)>;

/// Letters there are.
const MOST: usize = 26;
/// A value is named when so many rows have it.
const LEAST: usize = 3;
/// Tokens that naming the values of some columns must save.
const WORTH: usize = 12;
/// Tokens that it costs to tell what a letter is.
const TOLD: usize = 5;
/// Values of some columns that are counted; of more, naming is given up.
const COUNTED: usize = 512;
const FROM: &str = "in column ";
const IS: &str = " is `";
const NEXT_CELL: &str = "  ";
const NEXT: &str = "`, ";
const NEXT_RANGE: &str = "; ";
const END: &str = "`";

/// The letters of a table.
#[derive(Debug, Default)]
pub struct Letters<'a> {
    ranges: Vec<Named<'a>>,
}

/// Columns whose values have letters.
#[derive(Debug)]
struct Named<'a> {
    start: usize,
    end: usize,
    /// The letter and the cells that it is for.
    values: Vec<(char, Vec<&'a str>)>,
}

/// The first letter of a told row, and what follows it.
pub fn first(told: &str) -> Option<(char, &str)> {
    let letter = told.chars().next().filter(char::is_ascii_uppercase)?;
    let rest = &told[1..];
    if rest.is_empty() { Some((letter, rest)) } else { rest.strip_prefix(' ').map(|rest| (letter, rest)) }
}

impl<'a> Letters<'a> {
    /// Chooses what gets a letter.
    pub fn of(table: &Table<'a>) -> Letters<'a> {
        let rows: Vec<usize> = (0..table.lines.len()).filter(|line| table.is_row(*line)).collect();
        // The rest of a line is no column of its own: it names the row.
        let columns = match table.cut {
            Cut::Words(columns) => columns - 1,
            Cut::Wide(columns) | Cut::Tabs(columns) => columns,
        };
        // Each cell as a number, equal for equal cells of a column.
        let mut interned: Vec<Vec<u32>> = Vec::with_capacity(columns);
        for column in 0..columns {
            let mut known: HashMap<&str, u32> = HashMap::new();
            let mut ids = Vec::with_capacity(rows.len());
            for &line in &rows {
                let next = known.len() as u32;
                ids.push(*known.entry(table.cell(line, column)).or_insert(next));
                // A column of many values gets no letters.
                if COUNTED < known.len() && ids.len() < known.len() * 2 {
                    ids.clear();
                    break;
                }
            }
            interned.push(ids);
        }
        let mut letters = Letters::default();
        let mut free = (b'A'..=b'Z').map(char::from).filter(|letter| {
            // A cell that is a letter by itself would be taken for one of ours.
            !rows.iter().any(|&line| {
                (0..columns).any(|column| {
                    let cell = table.cell(line, column);
                    cell.len() == 1 && cell.starts_with(*letter)
                })
            })
        });
        let mut start = 0;
        while start < columns && letters.ranges.iter().map(|range| range.values.len()).sum::<usize>() < MOST {
            let mut best: Option<(usize, usize, Lettered)> = None;
            let mut ids: Vec<u32> = vec![0; rows.len()];
            for end in start + 1..=columns {
                let column = &interned[end - 1];
                if column.len() < rows.len() {
                    break;
                }
                let Some(counts) = joined(&mut ids, column) else { break };
                let mut named: Vec<(usize, usize, usize)> = counts
                    .iter()
                    .filter(|(_, count)| LEAST <= *count)
                    .map(|&(row, count)| {
                        let weight: usize =
                            (start..end).map(|column| weight::of(table.cell(rows[row], column))).sum();
                        let cost = weight + TOLD + count * 2;
                        (row, count, (weight * count).saturating_sub(cost))
                    })
                    .filter(|(_, _, saved)| 0 < *saved)
                    .collect();
                named.sort_by(|left, right| right.2.cmp(&left.2).then(left.0.cmp(&right.0)));
                named.truncate(MOST);
                let saved: usize = named.iter().map(|(_, _, saved)| saved).sum();
                if WORTH <= saved && best.as_ref().is_none_or(|(_, most, _)| *most < saved) {
                    best = Some((end, saved, named.iter().map(|(row, count, _)| (*row, *count)).collect()));
                }
            }
            let Some((end, _, named)) = best else {
                start += 1;
                continue;
            };
            let mut values = Vec::new();
            for (row, _) in named {
                let cells: Vec<&str> = (start..end).map(|column| table.cell(rows[row], column)).collect();
                let clear =
                    cells.iter().all(|cell| !cell.contains(['`', ']', ';']) && !cell.contains(NEXT_CELL));
                if clear && let Some(letter) = free.next() {
                    values.push((letter, cells));
                }
            }
            if !values.is_empty() {
                letters.ranges.push(Named { start, end, values });
            }
            start = end;
        }
        letters
    }

    /// What the letters are for, for the legend.
    pub fn told(&self) -> String {
        let ranges = self.ranges.iter().map(|range| {
            let values: Vec<String> = range
                .values
                .iter()
                .map(|(letter, cells)| format!("{letter}{IS}{}", cells.join(NEXT_CELL)))
                .collect();
            format!("{FROM}{}: {}{END}", range.start + 1, values.join(NEXT))
        });
        ranges.collect::<Vec<_>>().join(NEXT_RANGE)
    }

    /// Reads what [`Letters::told`] has written.
    pub fn read(told: &'a str) -> Option<Letters<'a>> {
        let mut letters = Letters::default();
        for range in told.split(NEXT_RANGE) {
            let (start, values) = range.strip_prefix(FROM)?.split_once(": ")?;
            let start = start.parse::<usize>().ok()?.checked_sub(1)?;
            let mut named = Vec::new();
            for value in values.strip_suffix(END)?.split(NEXT) {
                let (letter, cells) = value.split_once(IS)?;
                named.push((letter.chars().next()?, cells.split(NEXT_CELL).collect::<Vec<_>>()));
            }
            let end = start + named.first()?.1.len();
            letters.ranges.push(Named { start, end, values: named });
        }
        Some(letters)
    }

    /// The column after the one at `column` in a told row, and the letter there.
    pub fn of_row(&self, table: &Table<'_>, line: usize, column: usize) -> (usize, Option<char>) {
        let range = self.ranges.iter().find(|range| range.start == column);
        let found = range.and_then(|range| {
            let mut values = range.values.iter();
            values
                .find(|(_, cells)| {
                    cells.iter().enumerate().all(|(at, cell)| table.cell(line, column + at) == *cell)
                })
                .map(|(letter, _)| (range.end, Some(*letter)))
        });
        found.unwrap_or((column + 1, None))
    }

    /// The cells that `letter` is for, where it stands at `column`.
    pub fn values(&self, column: usize, letter: char) -> Option<&[&'a str]> {
        let range = self.ranges.iter().find(|range| range.start == column)?;
        range.values.iter().find(|(its, _)| *its == letter).map(|(_, cells)| cells.as_slice())
    }
}

/// Joins a column to those in `ids`; the first row and the count of each joined value, `None` when too many.
fn joined(ids: &mut [u32], column: &[u32]) -> Option<Vec<(usize, usize)>> {
    let mut known: HashMap<(u32, u32), u32> = HashMap::new();
    let mut counts: Vec<(usize, usize)> = Vec::new();
    for (row, (id, cell)) in ids.iter_mut().zip(column).enumerate() {
        let next = known.len() as u32;
        let joined = *known.entry((*id, *cell)).or_insert(next);
        if joined == next {
            counts.push((row, 0));
        }
        counts[joined as usize].1 += 1;
        *id = joined;
        if COUNTED * 4 < known.len() {
            return None;
        }
    }
    Some(counts)
}

//! A listing with gaps: the chosen rows as they stand, the others named where they stood.

use super::super::lines::{Lines, write};
use super::columns::Table;
use super::{Measure, odd, paths, rows::Cut, series};
use crate::marker::Markers;
use crate::text::counted;
use std::collections::HashMap;
use std::ops::Range;

/// Bytes of a name in a marker.
const LONGEST_NAME: usize = 60;
/// Values of a column that are counted in the legend.
const VALUES: usize = 6;

/// Writes the kept lines of a listing, and the names of the others in the gaps.
pub fn write(
    lines: &Lines<'_>,
    table: Option<&Table<'_>>,
    mut keep: Vec<bool>,
    measure: &Measure,
    markers: &mut Markers<'_>,
) -> String {
    write::close_small_gaps(lines, &mut keep);
    let table = table.filter(|table| table.lines.len() == lines.len());
    let budget = lines.text().len() / measure.names;
    let gaps = write::gaps(&keep);
    let left: usize = gaps.iter().map(Range::len).sum();
    let legends = table.map_or_else(Vec::new, |table| summary(table, left));
    let naming = Naming::of(lines, table, &gaps, budget);
    write::write(lines, &keep, &legends, markers, |gap| naming.tell(lines, table, gap))
}

/// How rows are named.
enum Naming {
    /// By the cells of these columns.
    Cells(Vec<usize>),
    /// By folders, with every name.
    Names,
    /// By folders, counted, at this depth.
    Folders(usize),
    /// By the endings of their names.
    Endings,
}

impl Naming {
    /// The fullest naming that is within `budget` bytes.
    fn of(lines: &Lines<'_>, table: Option<&Table<'_>>, gaps: &[Range<usize>], budget: usize) -> Naming {
        let mut tries: Vec<Naming> = Vec::new();
        match table {
            Some(table) => {
                let names = naming_columns(table);
                for count in (1..=names.len()).rev() {
                    tries.push(Naming::Cells(names[..count].to_vec()));
                }
            }
            None => {
                tries.push(Naming::Names);
                tries.extend([6, 4, 3, 2, 1].map(Naming::Folders));
            }
        }
        for naming in tries {
            let length: usize = gaps.iter().map(|gap| naming.tell(lines, table, gap.clone()).len()).sum();
            if length <= budget {
                return naming;
            }
        }
        Naming::Endings
    }

    fn tell(&self, lines: &Lines<'_>, table: Option<&Table<'_>>, gap: Range<usize>) -> String {
        match (self, table) {
            (Naming::Cells(columns), Some(table)) => {
                let names: Vec<String> = gap
                    .map(|line| {
                        if !table.is_row(line) {
                            return write::clipped(table.lines[line].trim(), LONGEST_NAME);
                        }
                        let cells: Vec<String> = columns
                            .iter()
                            .map(|column| write::clipped(table.cell(line, *column), LONGEST_NAME))
                            .collect();
                        cells.join(" ")
                    })
                    .filter(|name| !name.is_empty())
                    .collect();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                if names.iter().any(|name| name.contains(' ')) {
                    names.join(", ")
                } else {
                    let mut told = String::new();
                    series::write(&names, &mut told);
                    told
                }
            }
            (Naming::Names, _) => paths::tell(&gap.map(|line| lines.get(line)).collect::<Vec<_>>()),
            (Naming::Folders(depth), _) => folders(lines, gap, *depth),
            _ => endings(gap.map(|line| lines.get(line))),
        }
    }
}

/// Folders to some depth, with the number of entries in each.
fn folders(lines: &Lines<'_>, gap: Range<usize>, depth: usize) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for line in gap.clone() {
        let path = lines.get(line).rsplit([' ', '\t']).next().unwrap_or("");
        let inner = path.strip_prefix("./").or_else(|| path.strip_prefix('/')).unwrap_or(path);
        let start = path.len() - inner.len();
        let end = inner.match_indices('/').map(|(at, _)| start + at + 1).take(depth).last().unwrap_or(start);
        let at = *known.entry(&path[..end]).or_insert(counts.len());
        if at == counts.len() {
            counts.push((&path[..end], 0));
        }
        counts[at].1 += 1;
    }
    let each: Vec<String> = counts.iter().map(|(folder, count)| format!("{count} in {folder}")).collect();
    format!("{}; {}", endings(gap.map(|line| lines.get(line))), each.join(", "))
}

/// How many names have which ending.
fn endings<'l>(each: impl Iterator<Item = &'l str>) -> String {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for line in each {
        *counts.entry(odd::ending(line)).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
    let told: Vec<String> = counts
        .iter()
        .take(VALUES * 2)
        .map(|(ending, count)| match *ending {
            "" => format!("{count} without an ending"),
            ending => format!("{count} {ending}"),
        })
        .collect();
    told.join(", ")
}

/// The columns that name a row, the most telling first.
fn naming_columns(table: &Table<'_>) -> Vec<usize> {
    let rows: Vec<usize> = (0..table.lines.len()).filter(|line| table.is_row(*line)).collect();
    let columns = table.cut.columns();
    let mut scored: Vec<(u32, usize)> = Vec::new();
    for column in 0..columns {
        let mut values: HashMap<&str, ()> = HashMap::new();
        let mut numbers = 0;
        for &line in &rows {
            let cell = table.cell(line, column);
            values.insert(cell, ());
            numbers += usize::from(odd::number(cell).is_some());
        }
        let distinct = values.len() * 100 / rows.len().max(1);
        let wordy = numbers * 2 < rows.len();
        let heading = rows.first().map_or("", |line| table.cell(*line, column)).to_ascii_lowercase();
        let named = ["name", "names", "package", "unit", "command", "cmd"].contains(&heading.as_str());
        let last = column + 1 == columns && !matches!(table.cut, Cut::Wide(_));
        let score = distinct as u32 / 4
            + if wordy { 40 } else { 0 }
            + if named { 60 } else { 0 }
            + if last { 5 } else { 0 };
        scored.push((score, column));
    }
    scored.sort_by(|left, right| right.0.cmp(&left.0).then(left.1.cmp(&right.1)));
    scored.first().map(|(_, column)| *column).into_iter().collect()
}

/// What the columns of few values hold, for the legend.
fn summary(table: &Table<'_>, left: usize) -> Vec<String> {
    let rows: Vec<usize> = (0..table.lines.len()).filter(|line| table.is_row(*line)).collect();
    let mut told: Vec<String> = Vec::new();
    for column in 0..table.cut.columns() {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for &line in &rows {
            *counts.entry(table.cell(line, column)).or_default() += 1;
            if VALUES * 2 < counts.len() {
                break;
            }
        }
        if VALUES * 2 < counts.len() || rows.len() < counts.len() * 8 {
            continue;
        }
        let mut counts: Vec<(&str, usize)> = counts.into_iter().filter(|(_, count)| 1 < *count).collect();
        counts.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
        let each: Vec<String> =
            counts.iter().take(VALUES).map(|(value, count)| format!("{count} {value}")).collect();
        told.push(each.join(", "));
    }
    if told.is_empty() || left == 0 {
        return Vec::new();
    }
    vec![format!("{} of {} are named only; of all: {}", counted(left, "row"), rows.len(), told.join("; "))]
}

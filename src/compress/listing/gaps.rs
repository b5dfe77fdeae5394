//! A listing with gaps: the chosen rows as they stand, the others named where they stood.

use super::super::lines::{Lines, weight, write};
use super::columns::Table;
use super::tree::Tree;
use super::{Measure, odd, paths, rows::Cut, series};
use crate::marker::Markers;
use crate::text::counted;
use std::collections::HashMap;
use std::ops::Range;

/// What a marker weighs without the names in it.
const MARKER: usize = 22;
/// Bytes of a name in a marker.
const LONGEST_NAME: usize = 60;
/// Columns that are told with the name, where there is room.
const MORE: usize = 3;
/// The score of a column that is worth it.
const TELLING: u32 = 8;
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
    let gaps = write::gaps(&keep);
    let left_out: usize = gaps.iter().flat_map(Range::clone).map(|line| weight::of(lines.get(line))).sum();
    let whole = weight::of(lines.text());
    let shown = whole.saturating_sub(left_out) + gaps.len() * MARKER;
    let budget = (whole * measure.shown / 100).saturating_sub(shown);
    let left: usize = gaps.iter().map(Range::len).sum();
    let legends = table.map_or_else(Vec::new, |table| summary(table, left));
    let tree = Tree::of(lines.text());
    let naming = match &tree {
        Some(tree) => Naming::of_tree(tree, &keep),
        None => Naming::of(lines, table, &gaps, budget),
    };
    write::write(lines, &keep, &legends, markers, |gap| naming.tell(lines, table, gap))
}

/// How rows are named.
enum Naming<'t> {
    /// By what a tree says, each once: what it says, and which lines are told.
    Tree(&'t Tree<'t>, Vec<bool>),
    /// By the cells of these columns.
    Cells(Vec<usize>),
    /// By folders, with every name.
    Names,
    /// By folders, counted, at this depth.
    Folders(usize),
    /// By the endings of their names.
    Endings,
}

impl<'t> Naming<'t> {
    /// What stands in a tree is told where it stands first.
    fn of_tree(tree: &'t Tree<'t>, keep: &[bool]) -> Naming<'t> {
        let name = |said: &'t str| said.strip_suffix(" deduped").or_else(|| said.strip_suffix(" (*)"));
        // What is told somewhere need not be told where it repeats.
        let mut known: HashMap<&str, bool> = HashMap::new();
        for (entry, kept) in tree.entries.iter().zip(keep).filter(|(entry, _)| name(entry.said).is_none()) {
            *known.entry(entry.said).or_default() |= *kept;
        }
        let told = tree
            .entries
            .iter()
            .map(|entry| match name(entry.said) {
                Some(name) if known.contains_key(name) => false,
                _ => !std::mem::replace(known.entry(entry.said).or_default(), true),
            })
            .collect();
        Naming::Tree(tree, told)
    }

    /// The fullest naming that weighs `budget` or less.
    fn of(lines: &Lines<'_>, table: Option<&Table<'_>>, gaps: &[Range<usize>], budget: usize) -> Naming<'t> {
        let mut tries: Vec<Naming<'t>> = Vec::new();
        match table {
            Some(table) => {
                let names = naming_columns(table);
                for count in (1..=names.len()).rev() {
                    let mut columns = names[..count].to_vec();
                    columns.sort_unstable();
                    tries.push(Naming::Cells(columns));
                }
            }
            None => {
                tries.push(Naming::Names);
                tries.extend([6, 4, 3, 2, 1].map(Naming::Folders));
            }
        }
        let least = matches!(tries.last(), Some(Naming::Cells(_)));
        let last = tries.len().saturating_sub(1);
        for (order, naming) in tries.into_iter().enumerate() {
            let length: usize =
                gaps.iter().map(|gap| weight::of(&naming.tell(lines, table, gap.clone()))).sum();
            // A row's name is told in any case.
            if length <= budget || least && order == last {
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
            (Naming::Tree(tree, told), _) => of_tree(tree, told, gap),
            (Naming::Names, _) => paths::tell(&gap.map(|line| lines.get(line)).collect::<Vec<_>>()),
            (Naming::Folders(depth), _) => folders(lines, gap, *depth),
            _ => endings(gap.map(|line| lines.get(line))),
        }
    }
}

/// What a tree says in a gap: `a: b c`, where b and c are below a.
fn of_tree(tree: &Tree<'_>, told: &[bool], gap: Range<usize>) -> String {
    let mut out = String::new();
    let mut repeated = 0;
    let commas = gap.clone().any(|line| told[line] && tree.entries[line].said.contains(' '));
    for line in gap {
        let entry = &tree.entries[line];
        if !told[line] && !entry.open {
            repeated += 1;
            continue;
        }
        if !out.is_empty() && !out.ends_with(' ') {
            out.push_str(match (entry.open, commas) {
                (true, _) => "; ",
                (false, true) => ", ",
                (false, false) => " ",
            });
        }
        out.push_str(entry.said);
        if entry.open {
            out.push_str(": ");
        }
    }
    let mut out = out.trim_end_matches([' ', ':']).to_owned();
    if 0 < repeated {
        let said = if out.is_empty() { "" } else { "; " };
        out.push_str(&format!("{said}{repeated} that are named elsewhere"));
    }
    out
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
    // After the name, what is different in most rows.
    let (first, rest) = scored.split_at(scored.len().min(1));
    let more = rest.iter().filter(|(score, _)| TELLING <= *score).take(MORE);
    first.iter().chain(more).map(|(_, column)| *column).collect()
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

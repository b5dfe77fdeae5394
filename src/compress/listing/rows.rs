//! Padded columns: where the cells of a row are, and how wide the gaps between them.
//!
//! A program pads a cell to a width that is fixed (`ps`) or the widest of its
//! rows (`ls`, `kubectl`); a longer cell pushes the rest along. That is told by
//! one [`Gap`] a column, from which every gap of every row follows.

use std::ops::Range;

/// Columns that are told apart.
pub const MOST_COLUMNS: usize = 24;

/// How a line is cut into cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// At every run of blanks; the last of so many cells is the rest of the line.
    Words(usize),
    /// At runs of two blanks or more, into so many cells.
    Wide(usize),
    /// At tabs, into so many cells.
    Tabs(usize),
}

impl Cut {
    /// How many cells a row has.
    pub fn columns(self) -> usize {
        match self {
            Cut::Words(columns) | Cut::Wide(columns) | Cut::Tabs(columns) => columns,
        }
    }

    /// The cells of `line`; false when it is no row.
    pub fn cells(self, line: &str, cells: &mut Vec<Range<usize>>) -> bool {
        cells.clear();
        let bytes = line.as_bytes();
        let (columns, least) = match self {
            Cut::Words(columns) => (columns, 1),
            Cut::Wide(columns) => (columns, 2),
            Cut::Tabs(columns) => {
                let mut start = 0;
                for end in memchr::memchr_iter(b'\t', bytes).chain([bytes.len()]) {
                    cells.push(start..end);
                    start = end + 1;
                }
                return cells.len() == columns;
            }
        };
        let mut at = bytes.iter().take_while(|byte| **byte == b' ').count();
        while at < bytes.len() {
            if cells.len() + 1 == columns && least == 1 {
                cells.push(at..bytes.len());
                return true;
            }
            if cells.len() == columns {
                return false;
            }
            // The cell ends before the next run of `least` blanks.
            let mut end = at;
            let next = loop {
                match memchr::memchr(b' ', &bytes[end..]) {
                    None => {
                        end = bytes.len();
                        break end;
                    }
                    Some(run) => {
                        end += run;
                        let blanks = bytes[end..].iter().take_while(|byte| **byte == b' ').count();
                        if least <= blanks || end + blanks == bytes.len() {
                            break end + blanks;
                        }
                        end += blanks;
                    }
                }
            };
            cells.push(at..end);
            at = next;
        }
        // Blanks at the end could not be told from those of another row.
        cells.len() == columns && !line.ends_with(' ')
    }
}

/// Which cells a gap makes up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Neither: the gap is always the same.
    None,
    /// The cell before it, which stands at the left of its column.
    Before,
    /// The cell after it, which stands at the right of its column.
    After,
    /// Both.
    Both,
}

/// How wide a gap is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Which cells it makes up for.
    pub side: Side,
    /// Blanks that are always there.
    pub least: usize,
    /// The width of cells and gap; `None` for what the widest cells of a run of rows need.
    pub width: Option<usize>,
}

const SIDES: [(Side, char); 4] =
    [(Side::None, '='), (Side::Before, '<'), (Side::After, '>'), (Side::Both, '#')];

impl Gap {
    /// As it is told in a legend: `=1`, `<3`, `>1/8`.
    pub fn told(self) -> String {
        let sign = SIDES.iter().find(|(side, _)| *side == self.side).map_or('=', |(_, sign)| *sign);
        match self.width {
            Some(width) => format!("{sign}{}/{width}", self.least),
            None => format!("{sign}{}", self.least),
        }
    }

    /// Reads what [`Gap::told`] has written.
    pub fn of(told: &str) -> Option<Gap> {
        let mut letters = told.chars();
        let sign = letters.next()?;
        let side = SIDES.iter().find(|(_, its)| *its == sign)?.0;
        let numbers = letters.as_str();
        let (least, width) = match numbers.split_once('/') {
            Some((least, width)) => (least, Some(width.parse().ok()?)),
            None => (numbers, None),
        };
        Some(Gap { side, least: least.parse().ok()?, width })
    }

    fn term(self, before: usize, after: usize) -> usize {
        match self.side {
            Side::None => 0,
            Side::Before => before,
            Side::After => after,
            Side::Both => before + after,
        }
    }

    /// How many blanks there are between cells of these lengths; `widest` are the longest of the run.
    pub fn blanks(self, before: usize, after: usize, widest: (usize, usize)) -> usize {
        let width = self.width.unwrap_or_else(|| self.term(widest.0, widest.1) + self.least);
        width.saturating_sub(self.term(before, after)).max(self.least)
    }
}

/// A row: the lengths of its cells in letters, and the blanks before each.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Letters of each cell.
    pub lengths: Vec<u32>,
    /// Blanks before each cell.
    pub blanks: Vec<u32>,
}

impl Row {
    /// Measures `line`, cut into `cells`.
    pub fn of(line: &str, cells: &[Range<usize>]) -> Row {
        let letters = |cell: &Range<usize>| {
            let cell = &line[cell.clone()];
            if cell.is_ascii() { cell.len() as u32 } else { cell.chars().count() as u32 }
        };
        let mut end = 0;
        let blanks = cells
            .iter()
            .map(|cell| {
                let blanks = cell.start - end;
                end = cell.end;
                blanks as u32
            })
            .collect();
        Row { lengths: cells.iter().map(letters).collect(), blanks }
    }

    /// The length of the cell before the gap `column`.
    fn before(&self, column: usize) -> usize {
        column.checked_sub(1).map_or(0, |before| self.lengths[before] as usize)
    }
}

/// The longest cells of each run of rows.
pub fn widest(rows: &[Row]) -> Vec<usize> {
    let columns = rows.first().map_or(0, |row| row.lengths.len());
    (0..columns)
        .map(|column| rows.iter().map(|row| row.lengths[column] as usize).max().unwrap_or(0))
        .collect()
}

/// The gap before `column` that is right for most of the runs' rows.
pub fn gap(runs: &[Vec<Row>], column: usize) -> Gap {
    let rows = || runs.iter().flatten();
    let least = rows().map(|row| row.blanks[column] as usize).min().unwrap_or(0);
    let tops: Vec<(usize, usize)> = runs
        .iter()
        .map(|run| {
            let longest =
                |column: usize| run.iter().map(|row| row.lengths[column] as usize).max().unwrap_or(0);
            (column.checked_sub(1).map_or(0, longest), longest(column))
        })
        .collect();
    let mut best = (0, Gap { side: Side::None, least, width: None });
    for (side, _) in SIDES {
        for fixed in [false, true] {
            let open = Gap { side, least, width: None };
            let width = fixed.then(|| usual_width(open, runs, column)).flatten();
            if fixed && width.is_none() {
                continue;
            }
            let gap = Gap { width, ..open };
            let right = runs
                .iter()
                .zip(&tops)
                .map(|(run, top)| run.iter().filter(|row| gap.is_right(row, column, *top)).count())
                .sum();
            if best.0 < right {
                best = (right, gap);
            }
        }
    }
    best.1
}

impl Gap {
    /// True when this gap is as it is in `row`.
    pub fn is_right(self, row: &Row, column: usize, widest: (usize, usize)) -> bool {
        let blanks = self.blanks(row.before(column), row.lengths[column] as usize, widest);
        blanks == row.blanks[column] as usize
    }
}

/// The width that most rows have whose gap is wider than it must be.
fn usual_width(gap: Gap, runs: &[Vec<Row>], column: usize) -> Option<usize> {
    let mut counts: std::collections::BTreeMap<usize, usize> = std::collections::BTreeMap::new();
    for row in runs.iter().flatten() {
        let width = gap.term(row.before(column), row.lengths[column] as usize) + row.blanks[column] as usize;
        if counts.len() < 256 || counts.contains_key(&width) {
            *counts.entry(width).or_default() += 1;
        }
    }
    counts
        .into_iter()
        .max_by_key(|(width, count)| (*count, std::cmp::Reverse(*width)))
        .map(|(width, _)| width)
}

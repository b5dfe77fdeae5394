//! Cells told apart by one character: CSV, TSV and their like (RFC 4180).

use super::super::lines::Lines;
use super::grid::{Form, Grid};
use super::value;
use memchr::memchr;
use std::ops::Range;

/// Characters that separate cells, and how many cells a row must have at least for it to be sure.
const SEPARATORS: &[(u8, usize)] =
    &[(b'\t', 2), (b',', 3), (b';', 3), (b'|', 3), (b':', 6), (b',', 2), (b'|', 2)];
/// Rows that the separator is guessed from.
const GUESSED_FROM: usize = 40;
/// Lines before the first row: titles, comments, warnings.
const PREAMBLE: usize = 12;
/// A cell in quotes that takes more lines than this has a quote that was never closed.
const LONGEST_CELL: usize = 400;
/// Fewer rows than this are no table.
const FEWEST: usize = 4;

/// Reads `lines` as separated cells.
pub fn read<'t>(lines: &'t Lines<'_>) -> Option<Grid<'t>> {
    let (separator, start) = guess(lines)?;
    let mut grid = Grid::new(Form::Separated(separator));
    let mut line = start;
    while line < lines.len() {
        let text = lines.get(line);
        let blank = text.trim_ascii().is_empty();
        let remark = text.starts_with('#') && memchr(separator, text.as_bytes()).is_none();
        if blank || remark {
            line += 1;
            continue;
        }
        let past = cut(lines, line, separator, &mut grid);
        grid.row(line..past);
        line = past;
    }
    if names_columns(&grid) {
        grid.first_row_is_header();
    } else if separator == b',' && spaced(&grid) {
        // Prose, code and logs put a blank after a comma.
        return None;
    }
    // What follows the last row and has one cell only (`(812 rows)`) is no row.
    while grid.rows.last().is_some_and(|row| row.width() < 2) && FEWEST < grid.rows.len() {
        grid.rows.pop();
    }
    grid.settle().filter(|grid| FEWEST <= grid.rows.len())
}

/// The separator, and the line of the first row.
fn guess(lines: &Lines<'_>) -> Option<(u8, usize)> {
    for &(separator, fewest) in SEPARATORS {
        let mut start = None;
        let (mut rows, mut width, mut alike) = (0, 0, 0);
        let mut indented = 0;
        let mut line = 0;
        while line < lines.len() && rows < GUESSED_FROM {
            let text = lines.get(line);
            let mut grid = Grid::new(Form::Separated(separator));
            let first = line;
            line = cut(lines, line, separator, &mut grid);
            grid.row(first..line);
            let cells = grid.rows[0].width();
            if text.trim_ascii().is_empty() {
                continue;
            }
            if start.is_none() {
                if cells < fewest || text.starts_with("# ") {
                    if PREAMBLE <= first {
                        break;
                    }
                    continue;
                }
                start = Some(first);
                width = cells;
            }
            rows += 1;
            alike += usize::from(cells == width);
            indented += usize::from(
                text.starts_with([' ', '{', '[', '(', '}', ')', ']', '<', '@', '/'])
                    || text.ends_with(['{', '}'])
                    || separator == b';' && text.ends_with(';') && text.contains(['(', '{'])
                    || separator == b',' && width < 3 && text.contains(", "),
            );
        }
        // Where two cells a row are all there is, chance must be ruled out.
        let enough = if fewest == 2 && separator != b'\t' { 10 } else { FEWEST };
        let strict = if width <= 2 { rows == alike } else { rows * 9 <= alike * 10 };
        if enough <= rows && strict && indented * 10 <= rows {
            return start.map(|start| (separator, start));
        }
    }
    None
}

/// Cuts the row that begins at `line` into cells; the line after it.
fn cut<'t>(lines: &'t Lines<'_>, line: usize, separator: u8, grid: &mut Grid<'t>) -> usize {
    let text = lines.get(line);
    if separator == b':' || memchr(b'"', text.as_bytes()).is_none() {
        plain(text, separator, grid);
        return line + 1;
    }
    if let Some(past) = quoted(lines, line, separator, grid) {
        return past;
    }
    grid.forget();
    plain(text, separator, grid);
    line + 1
}

fn plain<'t>(text: &'t str, separator: u8, grid: &mut Grid<'t>) {
    let mut at = 0;
    for end in memchr::memchr_iter(separator, text.as_bytes()) {
        grid.cell(&text[at..end]);
        at = end + 1;
    }
    grid.cell(&text[at..]);
}

/// The same with quotes; `None` when a quote is never closed.
fn quoted<'t>(lines: &'t Lines<'_>, line: usize, separator: u8, grid: &mut Grid<'t>) -> Option<usize> {
    let text = lines.text();
    let bytes = text.as_bytes();
    let begin = lines.bytes(0, line);
    let mut past = line + 1;
    let mut end = begin + lines.get(line).len();
    let mut at = begin;
    loop {
        if bytes.get(at) == Some(&b'"') {
            let inside = at + 1;
            let mut next = inside;
            let close = loop {
                match memchr(b'"', &bytes[next..end]) {
                    Some(more) if bytes.get(next + more + 1) == Some(&b'"') && next + more + 1 < end => {
                        next += more + 2;
                    }
                    Some(more) => break next + more,
                    None if past < lines.len() && past < line + LONGEST_CELL => {
                        next = lines.bytes(0, past);
                        end = next + lines.get(past).len();
                        past += 1;
                    }
                    None => return None,
                }
            };
            grid.cell(&text[inside..close]);
            // What follows a closing quote up to the separator belongs to no cell.
            match memchr(separator, &bytes[close..end]) {
                Some(more) => at = close + more + 1,
                None => return Some(past),
            }
        } else {
            match memchr(separator, &bytes[at..end]) {
                Some(more) => {
                    grid.cell(&text[at..at + more]);
                    at += more + 1;
                }
                None => {
                    grid.cell(&text[at..end]);
                    return Some(past);
                }
            }
        }
    }
}

/// True when most cells but the first begin with a blank.
fn spaced(grid: &Grid<'_>) -> bool {
    let later = || grid.rows.iter().take(GUESSED_FROM).flat_map(|row| grid.cells(row).iter().skip(1));
    later().count() < later().filter(|cell| cell.starts_with(' ')).count() * 2
}

/// True when the first row says what the columns are called.
fn names_columns(grid: &Grid<'_>) -> bool {
    let Some((first, rest)) = grid.rows.split_first() else { return false };
    let names = grid.cells(first);
    let worded = |name: &&str| {
        let name = name.trim_ascii();
        !name.is_empty() && value::of(name).number.is_none() && name.len() <= 64
    };
    let most = names.iter().filter(|name| worded(name)).count();
    let known: Range<usize> = 0..rest.len().min(20);
    let repeated = names.iter().enumerate().any(|(column, name)| {
        known.clone().any(|row| {
            let its = grid.cells(&rest[row]).get(column).copied().unwrap_or("");
            !its.is_empty() && its == *name
        })
    });
    names.len() * 4 <= most * 5
        && !repeated
        && !names.iter().any(|name| value::of(name.trim_ascii()).number.is_some())
}

//! Cells told by their place: columns under dashes (`sqlite3 -column`, `dpkg -l` alike).

use super::super::lines::Lines;
use super::grid::{Form, Grid};

/// Fewer rows than this are no table.
const FEWEST: usize = 4;
/// The dashes stand within so many lines from the start.
const WITHIN: usize = 8;

/// Reads `lines` as columns whose widths a line of dashes shows.
pub fn read<'t>(lines: &'t Lines<'_>) -> Option<Grid<'t>> {
    let rule = (1..lines.len().min(WITHIN)).find(|&line| is_rule(lines.get(line)))?;
    let starts = starts(lines.get(rule));
    let mut grid = Grid::new(Form::Placed);
    cut(lines.get(rule - 1), &starts, &mut grid)?;
    grid.row(rule - 1..rule);
    grid.first_row_is_header();
    for line in rule + 1..lines.len() {
        let text = lines.get(line);
        if text.trim_ascii().is_empty() || is_rule(text) {
            continue;
        }
        if cut(text, &starts, &mut grid).is_none() {
            grid.forget();
            grid.cell(text);
        }
        grid.row(line..line + 1);
    }
    // What follows the rows and fits no column is no row.
    while grid.rows.last().is_some_and(|row| row.width() < 2) {
        grid.rows.pop();
    }
    (FEWEST <= grid.rows.len()).then(|| grid.settle()).flatten()
}

/// `-----  ---  -------`: two runs of dashes at least, and blanks between.
fn is_rule(line: &str) -> bool {
    let body = line.trim_ascii();
    body.starts_with("--")
        && body.contains("-  -") | body.contains("- -")
        && body.bytes().all(|byte| matches!(byte, b'-' | b' '))
}

/// Where the runs of dashes begin.
fn starts(rule: &str) -> Vec<usize> {
    let bytes = rule.as_bytes();
    (0..bytes.len()).filter(|&at| bytes[at] == b'-' && (at == 0 || bytes[at - 1] == b' ')).collect()
}

/// Cuts a line at the columns' places; `None` when a cell reaches into the next one's place.
fn cut<'t>(line: &'t str, starts: &[usize], grid: &mut Grid<'t>) -> Option<()> {
    let ascii = line.is_ascii();
    let place = |column: usize| {
        if ascii {
            column.min(line.len())
        } else {
            line.char_indices().nth(column).map_or(line.len(), |(at, _)| at)
        }
    };
    for (number, &start) in starts.iter().enumerate() {
        let from = place(start);
        let to = starts.get(number + 1).map_or(line.len(), |&next| place(next));
        let cell = &line[from..to];
        let reaches =
            number + 1 < starts.len() && to < line.len() && !cell.ends_with(' ') && !cell.is_empty();
        if reaches {
            return None;
        }
        grid.cell(cell);
    }
    Some(())
}

//! Cells between bars, with rules: Markdown, psql, mysql, sqlite, and boxes of line characters.

use super::super::lines::Lines;
use super::grid::{Form, Grid};

/// Bars that stand between cells.
const BARS: &[char] = &['|', '│', '┃', '║'];
/// A rule has at least so many dashes.
const DASHES: usize = 3;
/// Fewer rows than this are no table.
const FEWEST: usize = 4;

/// Reads `lines` as rows between bars. More tables of the same width are read as one; other lines stand beside.
pub fn read<'t>(lines: &'t Lines<'_>) -> Option<Grid<'t>> {
    let rule = (0..lines.len()).find(|&line| is_rule(lines.get(line)))?;
    let bar = [rule.checked_sub(1), Some(rule + 1)].into_iter().flatten().find_map(|line| {
        let text = (line < lines.len()).then(|| lines.get(line))?;
        BARS.iter().copied().find(|bar| text.contains(*bar))
    })?;
    let header = header_of(lines, rule, bar)?;
    let mut grid = Grid::new(Form::Ruled);
    cut(lines.get(header), bar, &mut grid);
    grid.row(header..header + 1);
    grid.first_row_is_header();
    let width = grid.header.map_or(0, |header| header.width());
    for line in header + 1..lines.len() {
        let text = lines.get(line);
        if !text.contains(bar) || is_rule(text) {
            continue;
        }
        // A second table has a header of its own: what stands above a rule is no row, unless it ends the first.
        let again = line + 1 < lines.len()
            && is_rule(lines.get(line + 1))
            && line != header
            && begins(lines, line, bar);
        if again {
            continue;
        }
        cut(text, bar, &mut grid);
        grid.row(line..line + 1);
    }
    let alike = grid.rows.iter().filter(|row| row.width() == width).count();
    (FEWEST <= grid.rows.len() && grid.rows.len() * 4 <= alike * 5).then(|| grid.settle()).flatten()
}

/// True when the line before `line` belongs to no table, or is a rule that opens one.
fn begins(lines: &Lines<'_>, line: usize, bar: char) -> bool {
    let Some(before) = line.checked_sub(1) else { return true };
    let text = lines.get(before);
    if is_rule(text) {
        return before.checked_sub(1).is_none_or(|line| {
            let above = lines.get(line);
            !above.contains(bar) || is_rule(above)
        });
    }
    !text.contains(bar)
}

/// The line that names the columns: above the first rule, or below it where the rule opens a box.
fn header_of(lines: &Lines<'_>, rule: usize, bar: char) -> Option<usize> {
    let holds = |line: &usize| *line < lines.len() && lines.get(*line).contains(bar);
    rule.checked_sub(1).filter(holds).or_else(|| Some(rule + 1).filter(holds))
}

/// `|---|:-:|`, `----+----`, `┌──┬──┐`.
pub fn is_rule(line: &str) -> bool {
    let mut dashes = 0;
    for each in line.chars() {
        match each {
            '-' | '=' | '─' | '━' | '═' | '—' => dashes += 1,
            '|' | '+' | ':' | ' ' | '\t' | '\u{2500}'..='\u{257f}' => {}
            _ => return false,
        }
    }
    DASHES <= dashes
}

fn cut<'t>(line: &'t str, bar: char, grid: &mut Grid<'t>) {
    let mut body = line.trim_end();
    let framed = body.trim_start().starts_with(bar);
    if framed {
        body = &body.trim_start()[bar.len_utf8()..];
        body = body.strip_suffix(bar).unwrap_or(body);
    }
    let mut start = 0;
    for (at, _) in body.match_indices(bar) {
        // Markdown writes a bar within a cell as `\|`.
        if body[..at].ends_with('\\') {
            continue;
        }
        grid.cell(&body[start..at]);
        start = at + bar.len_utf8();
    }
    grid.cell(&body[start..]);
}

//! Rows of cells, whatever drew them: where each row stands, and what is in it.
//!
//! A grid only points into the text. It never changes, trims away or joins
//! what a cell says.

use super::super::lines::Lines;
use std::ops::Range;

/// How the cells of a row are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// By this character, with cells in double quotes where needed (RFC 4180).
    Separated(u8),
    /// By bars, with rules between header and rows: Markdown and database clients.
    Ruled,
    /// By place: each column begins at the same character in every line.
    Placed,
}

/// One row: the lines it takes, and its cells.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    first_line: u32,
    past_line: u32,
    first_cell: u32,
    past_cell: u32,
}

impl Row {
    /// The lines it takes.
    pub fn lines(&self) -> Range<usize> {
        self.first_line as usize..self.past_line as usize
    }

    /// How many cells it has.
    pub fn width(&self) -> usize {
        (self.past_cell - self.first_cell) as usize
    }
}

/// A table.
#[derive(Debug)]
pub struct Grid<'t> {
    /// How it is drawn.
    pub form: Form,
    /// The rows in order, the header not among them.
    pub rows: Vec<Row>,
    /// The row that names the columns.
    pub header: Option<Row>,
    cells: Vec<&'t str>,
    width: usize,
}

impl<'t> Grid<'t> {
    /// A table without rows.
    pub fn new(form: Form) -> Grid<'t> {
        Grid { form, rows: Vec::new(), header: None, cells: Vec::new(), width: 0 }
    }

    /// Adds a cell to the row that comes next.
    pub fn cell(&mut self, text: &'t str) {
        self.cells.push(text);
    }

    /// Ends the row that these lines hold: its cells are those added since the last row.
    pub fn row(&mut self, lines: Range<usize>) {
        let first_cell = self.last_cell();
        self.rows.push(Row {
            first_line: lines.start as u32,
            past_line: lines.end as u32,
            first_cell,
            past_cell: self.cells.len() as u32,
        });
    }

    /// Takes back the cells that were added since the last row.
    pub fn forget(&mut self) {
        let first = self.last_cell();
        self.cells.truncate(first as usize);
    }

    fn last_cell(&self) -> u32 {
        let header = self.header.map_or(0, |row| row.past_cell);
        self.rows.last().map_or(0, |row| row.past_cell).max(header)
    }

    /// Makes the first row the one that names the columns.
    pub fn first_row_is_header(&mut self) {
        if !self.rows.is_empty() {
            self.header = Some(self.rows.remove(0));
        }
    }

    /// Decides how many columns there are: as many as most rows have cells. `None` when the rows are of many minds.
    pub fn settle(mut self) -> Option<Grid<'t>> {
        let mut counts: Vec<(usize, usize)> = Vec::new();
        for row in &self.rows {
            if let Some((_, count)) = counts.iter_mut().find(|(width, _)| *width == row.width()) {
                *count += 1;
            } else if counts.len() < 64 {
                counts.push((row.width(), 1));
            }
        }
        let (width, count) = counts.into_iter().max_by_key(|&(width, count)| (count, width))?;
        self.width = width;
        (2 <= width && self.rows.len() * 4 <= count * 5).then_some(self)
    }

    /// How many columns there are.
    pub fn width(&self) -> usize {
        self.width
    }

    /// What stands in a cell, without the blanks around it; empty where the row is too short.
    pub fn at(&self, row: usize, column: usize) -> &'t str {
        self.of(&self.rows[row], column)
    }

    /// The name of a column; empty where there is none.
    pub fn name(&self, column: usize) -> &'t str {
        self.header.as_ref().map_or("", |header| self.of(header, column))
    }

    fn of(&self, row: &Row, column: usize) -> &'t str {
        let at = row.first_cell as usize + column;
        if at < row.past_cell as usize { self.cells[at].trim_ascii() } else { "" }
    }

    /// The cells of a row.
    pub fn cells(&self, row: &Row) -> &[&'t str] {
        &self.cells[row.first_cell as usize..row.past_cell as usize]
    }

    /// True for a row that has not as many cells as most.
    pub fn is_odd(&self, row: usize) -> bool {
        self.rows[row].width() != self.width
    }

    /// Which lines belong to no row: titles, rules, notes, empty lines, and the header.
    pub fn beside(&self, lines: &Lines<'_>) -> Vec<bool> {
        let mut beside = vec![true; lines.len()];
        for row in &self.rows {
            beside[row.lines()].fill(false);
        }
        beside
    }
}

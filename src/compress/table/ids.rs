//! What the rows of a gap are called: their ids, as ranges or one by one.

use super::column::Told;
use super::grid::Grid;
use std::ops::Range;

/// An id that is longer than this is not told.
const LONGEST: usize = 64;

/// The columns that name rows.
#[derive(Debug, Default)]
pub struct Ids {
    /// A column that counts up by the same step: told as ranges.
    counting: Option<usize>,
    /// A column of different values: told one by one.
    naming: Option<usize>,
}

impl Ids {
    /// Chooses the columns that name rows; what is told one by one has `budget` bytes or fewer.
    pub fn of(grid: &Grid<'_>, told: &[Told], budget: usize) -> Ids {
        let counting = told.iter().position(|its| its.counts);
        let naming = told
            .iter()
            .enumerate()
            .filter(|(column, its)| its.unique && Some(*column) != counting)
            .map(|(column, _)| {
                let longest = (0..grid.rows.len()).map(|row| grid.at(row, column).len()).max().unwrap_or(0);
                let all: usize = (0..grid.rows.len()).map(|row| grid.at(row, column).len() + 2).sum();
                (column, longest, all)
            })
            .find(|&(_, longest, all)| longest <= LONGEST && all <= budget)
            .map(|(column, ..)| column);
        Ids { counting, naming }
    }

    /// What these rows are called.
    pub fn tell(&self, grid: &Grid<'_>, rows: Range<usize>) -> String {
        let mut parts = Vec::new();
        let label = |column: usize| match grid.name(column) {
            "" => format!("column {}", column + 1),
            name => name.to_owned(),
        };
        if let Some(column) = self.counting {
            let (first, last) = (grid.at(rows.start, column), grid.at(rows.end - 1, column));
            parts.push(format!("{} {first} to {last}", label(column)));
        }
        if let Some(column) = self.naming {
            let all: Vec<&str> = rows.map(|row| grid.at(row, column)).filter(|id| !id.is_empty()).collect();
            parts.push(format!("{} {}", label(column), all.join(", ")));
        }
        parts.join("; ")
    }
}

//! What the rows of a gap are called: their ids, as ranges or one by one.

use super::column::Told;
use super::grid::Grid;
use std::collections::HashSet;
use std::ops::Range;

/// An id that is longer than this is not told.
const LONGEST: usize = 64;

/// Columns whose values are told one by one at most.
const MOST: usize = 3;

/// The columns that name rows.
#[derive(Debug, Default)]
pub struct Ids {
    /// A column that counts up by the same step: told as ranges.
    counting: Option<usize>,
    /// Columns of many different words: told one by one, each once in a gap.
    naming: Vec<usize>,
}

impl Ids {
    /// Chooses the columns that name rows; what is told one by one has `budget` bytes or little more.
    pub fn of(grid: &Grid<'_>, told: &[Told], budget: usize) -> Ids {
        let counting = told.iter().position(|its| its.counts);
        let mut candidates: Vec<(bool, usize, usize)> = told
            .iter()
            .enumerate()
            .filter(|(column, its)| (its.unique || its.names) && Some(*column) != counting)
            .filter_map(|(column, its)| {
                let (mut longest, mut all, mut before) = (0, 0, "");
                for row in 0..grid.rows.len() {
                    let cell = grid.at(row, column);
                    longest = longest.max(cell.len());
                    all += if cell == before { 0 } else { cell.len() + 2 };
                    before = cell;
                }
                (longest <= LONGEST).then_some((!its.unique, column, all))
            })
            .collect();
        candidates.sort_unstable();
        let mut left = budget;
        let mut naming = Vec::new();
        for (_, column, all) in candidates {
            // One column of ids is enough; names that repeat are told with their like.
            let enough = naming.iter().any(|column: &usize| told[*column].unique);
            if all <= left && naming.len() < MOST && !enough {
                left -= all;
                naming.push(column);
            }
        }
        naming.sort_unstable();
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
        for &column in &self.naming {
            let mut seen = HashSet::new();
            let all: Vec<&str> = rows
                .clone()
                .map(|row| grid.at(row, column))
                .filter(|id| !id.is_empty() && seen.insert(*id))
                .collect();
            parts.push(format!("{} {}", label(column), all.join(", ")));
        }
        parts.join("; ").replace(['\n', '\r'], " ")
    }
}

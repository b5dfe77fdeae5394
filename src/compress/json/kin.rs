//! Rows that belong to a pressing one: the same request, the same test, the
//! same order, by a value that only a few rows share.

use super::select::{Pick, Why};
use super::table::{Role, Table};

/// So many pressing rows have their kin looked for.
const PRESSING: usize = 5;

/// A value that more rows share than this names no one thing.
const FAMILY: usize = 8;

/// Kin are kept, at most, in all.
const MOST: usize = 24;

/// Columns that are looked through for each row, at most.
const COLUMNS: usize = 24;

/// Shorter values, in bytes, are shared by chance.
const SHORTEST: usize = 4;

/// The kin of the most pressing of `picks`, the most pressing first.
pub fn of(table: &Table<'_, '_>, picks: &[Pick]) -> Vec<Pick> {
    let mut pressing: Vec<&Pick> =
        picks.iter().filter(|pick| matches!(pick.why, Why::Asked | Why::Trouble)).collect();
    pressing.sort_by(|a, b| a.why.cmp(&b.why).then(b.weight.total_cmp(&a.weight)).then(a.unit.cmp(&b.unit)));
    let mut rows: Vec<usize> = Vec::new();
    for pick in pressing {
        if rows.len() < PRESSING && !rows.contains(&pick.unit) {
            rows.push(pick.unit);
        }
    }
    let cells = |column: &usize| matches!(table.columns[*column].role, Role::Cells { .. });
    let columns: Vec<usize> = (0..table.columns.len()).filter(cells).take(COLUMNS).collect();
    let mut kin: Vec<Pick> = Vec::new();
    for row in rows {
        for column in &columns {
            for unit in sharing(table, *column, row) {
                if kin.len() < MOST {
                    kin.push(Pick { unit, why: Why::Related, weight: 60.0 });
                }
            }
        }
    }
    kin
}

/// The other rows with the value that `row` has in a column; none when it is a number, short, or many have it.
fn sharing(table: &Table<'_, '_>, column: usize, row: usize) -> Vec<usize> {
    let tape = table.tape;
    let Some(at) = table.grid.cell(column, row).filter(|at| tape.is_string(*at)) else { return Vec::new() };
    let said = tape.spelled(at);
    if said.len() < SHORTEST {
        return Vec::new();
    }
    let mut sharing = Vec::new();
    for (other, cell) in table.grid.column(column).enumerate() {
        let is_same = cell.is_some_and(|cell| tape.is_string(cell) && tape.spelled(cell) == said);
        if is_same && other != row {
            sharing.push(other);
            if FAMILY < sharing.len() {
                return Vec::new();
            }
        }
    }
    sharing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compress::json::tape::{At, Tape};

    #[test]
    fn rows_of_the_same_request_are_kin() {
        let rows: Vec<String> = (0..60)
            .map(|row| format!(r#"{{"request":"r-{:04}","host":"web-1","n":{row}}}"#, row % 20))
            .collect();
        let text = format!("[{}]", rows.join(","));
        let tape = Tape::read(&text).unwrap();
        let table = Table::of(&tape, At(0)).unwrap();
        let kin = of(&table, &[Pick { unit: 25, why: Why::Trouble, weight: 1.0 }]);
        assert_eq!(kin.iter().map(|pick| pick.unit).collect::<Vec<_>>(), [5, 45]);
        assert!(of(&table, &[Pick { unit: 25, why: Why::Rare, weight: 1.0 }]).is_empty());
    }
}

//! What stands inside the cells of a table: arrays of objects, arrays of
//! words, objects of their own. Each way that leads to scalars is looked at
//! like a column.

use super::table::{Role, Table};
use super::tape::{At, Sort, Tape};
use std::collections::HashMap;

/// Most ways that are told apart.
const MOST: usize = 96;

/// Longest name of a way, in bytes.
const LONGEST: usize = 80;

/// What stands at the end of one way.
#[derive(Debug)]
pub struct Way {
    /// The keys that lead there: `containers[].image`.
    pub name: String,
    /// The last of the keys.
    pub last: String,
    /// The values, each with its row.
    pub cells: Vec<(usize, Option<At>)>,
    inside: HashMap<u64, usize>,
}

/// The ways into the cells of `table`, in the order in which they are met.
pub fn ways(table: &Table<'_, '_>) -> Vec<Way> {
    let mut ways: Vec<Way> = Vec::new();
    for (number, column) in table.columns.iter().enumerate() {
        if !matches!(column.role, Role::Cells { .. } | Role::Usually(_) | Role::Seldom) {
            continue;
        }
        let mut root = None;
        for (row, at) in table.grid.column(number).enumerate() {
            if let Some(at) = at.filter(|at| table.tape.is_nest(*at) && !table.tape.is_empty(*at)) {
                let last = table.grid.paths[number].last().map_or("", super::name::Step::key);
                let root = *root.get_or_insert_with(|| {
                    ways.push(Way::named(column.name.clone(), last));
                    ways.len() - 1
                });
                walk(table.tape, row, at, root, &mut ways);
            }
        }
    }
    ways.retain(|way| !way.cells.is_empty());
    ways
}

impl Way {
    fn named(name: String, last: &str) -> Way {
        Way { name, last: last.to_lowercase(), cells: Vec::new(), inside: HashMap::new() }
    }
}

/// Notes every scalar under `at`.
fn walk(tape: &Tape<'_>, row: usize, at: At, root: usize, ways: &mut Vec<Way>) {
    // Each level: where it ends, the way of what is inside, and whether keys stand there.
    let mut levels: Vec<(At, usize, Sort)> = Vec::new();
    let (mut next, end) = (at, tape.past(at));
    let mut way = root;
    while next < end {
        while let Some((past, ..)) = levels.last()
            && *past == next
        {
            levels.pop();
        }
        if let Some((_, above, Sort::Object)) = levels.last().copied() {
            match inside(tape, ways, above, Some(next)) {
                Some(inner) => way = inner,
                None => {
                    next = tape.past(At(next.0 + 1));
                    continue;
                }
            }
            next = At(next.0 + 1);
        } else if let Some((_, above, _)) = levels.last().copied() {
            way = above;
        }
        match tape.sort(next) {
            sort @ (Sort::Array | Sort::Object) if !tape.is_empty(next) => {
                let inner = if sort == Sort::Array { inside(tape, ways, way, None) } else { Some(way) };
                match inner {
                    Some(inner) => levels.push((tape.past(next), inner, sort)),
                    None => {
                        next = tape.past(next);
                        continue;
                    }
                }
            }
            _ => ways[way].cells.push((row, Some(next))),
        }
        next = At(next.0 + 1);
    }
}

/// The way to what a key of `above` holds, or to the items of an array; `None` when there are too many.
fn inside(tape: &Tape<'_>, ways: &mut Vec<Way>, above: usize, key: Option<At>) -> Option<usize> {
    let said = key.map_or("", |key| tape.spelled(key));
    let sign = key.map_or(0, |_| digest(said));
    if let Some(found) = ways[above].inside.get(&sign) {
        return Some(*found);
    }
    let name = match key {
        Some(_) => format!("{}.{said}", ways[above].name),
        None => format!("{}[]", ways[above].name),
    };
    if MOST <= ways.len() || LONGEST < name.len() {
        return None;
    }
    let last = if key.is_some() { said.to_owned() } else { ways[above].last.clone() };
    ways.push(Way::named(name, &last));
    let found = ways.len() - 1;
    ways[above].inside.insert(sign, found);
    Some(found)
}

fn digest(said: &str) -> u64 {
    said.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |all, byte| (all ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
        | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_into_the_cells_has_a_name() {
        let rows: Vec<String> = (0..9)
            .map(|row| {
                format!(r#"{{"id":{row},"parts":[{{"image":"x:{row}","ok":true}},{{"image":"y","ok":false}}],"tags":["a","{row}"]}}"#)
            })
            .collect();
        let text = format!("[{}]", rows.join(","));
        let tape = Tape::read(&text).unwrap();
        let table = Table::of(&tape, At(0)).unwrap();
        let ways = ways(&table);
        let names: Vec<(&str, usize)> = ways.iter().map(|way| (way.name.as_str(), way.cells.len())).collect();
        assert_eq!(names, [("parts[].image", 18), ("parts[].ok", 18), ("tags[]", 18)]);
        assert_eq!(ways[0].cells[5].0, 2);
        assert_eq!(ways[0].last, "image");
    }
}

//! The names of the rows that are left out: what an agent would hand on next.

use super::name::{self, Step};
use super::select::gaps;
use super::table::{Form, Role, Table};
use std::collections::HashSet;

/// Keys that name a row, the surest first.
const NAMES: &[&str] = &[
    "id", "key", "name", "number", "uuid", "uid", "sku", "slug", "path", "login", "username", "email",
    "hash", "sha", "title",
];

/// Columns that are looked at, at most.
const TRIED: usize = 6;

/// Says of each gap which rows it hides; empty where they have no names, or only longer ones than `bytes` in all.
pub fn of_gaps(table: &Table<'_, '_>, kept: &[bool], bytes: usize) -> Vec<String> {
    let Some((name, id)) = naming(table) else { return Vec::new() };
    let mut left = bytes;
    let mut said = Vec::new();
    for (from, to) in gaps(kept) {
        let ids: Vec<String> = (from..to).map(&id).collect();
        let which = if ids.iter().all(|id| is_sayable(id)) { in_short(&ids) } else { String::new() };
        match left.checked_sub(which.len()) {
            Some(less) => left = less,
            None => return Vec::new(),
        }
        said.push(if which.is_empty() { which } else { format!("{name} {which}") });
    }
    said
}

/// Says of each gap which members of a map of maps it hides; empty where that takes more than `bytes`.
pub fn of_maps(table: &Table<'_, '_>, kept: &[bool], bytes: usize) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for row in &table.rows {
        if let (Some(key), true) = (row.key, row.group == keys.len()) {
            keys.push(table.tape.said(key).into_owned());
        }
    }
    let say = |(from, to): (usize, usize)| {
        keys.get(from..to).map_or_else(String::new, |keys| format!("key {}", keys.join(", ")))
    };
    let said: Vec<String> = gaps(kept).into_iter().map(say).collect();
    let sayable =
        keys.iter().all(|key| is_sayable(key)) && said.iter().map(String::len).sum::<usize>() <= bytes;
    if sayable { said } else { Vec::new() }
}

type Naming<'n> = (String, Box<dyn Fn(usize) -> String + 'n>);

/// What a row's name is called, and the name of each row.
fn naming<'n>(table: &'n Table<'_, '_>) -> Option<Naming<'n>> {
    match table.form {
        Form::Groups | Form::Maps | Form::Arrays => return None,
        Form::Map => {
            let key = |row: usize| {
                table.rows[row].key.map_or_else(String::new, |key| table.tape.said(key).into_owned())
            };
            return Some(("key".to_owned(), Box::new(key)));
        }
        Form::List | Form::Lines => {}
    }
    let rank = |number: usize| {
        let path = &table.grid.paths[number];
        let last = path.last().map_or("", Step::key).to_lowercase();
        let known = NAMES.iter().position(|name| *name == last);
        let rank = known.or((last.ends_with("id") || last.ends_with("name")).then_some(NAMES.len()))?;
        Some((rank + 8 * path.len(), number))
    };
    let mut columns: Vec<(usize, usize)> = (0..table.columns.len()).filter_map(rank).collect();
    columns.sort_unstable();
    let (_, column) = columns.into_iter().take(TRIED).find(|(_, number)| names_rows(table, *number))?;
    let name = &table.columns[column].name;
    let id = move |row: usize| {
        table.grid.cell(column, row).map_or_else(String::new, |at| table.tape.said(at).into_owned())
    };
    name.split('.').all(name::is_simple).then(|| (name.clone(), Box::new(id) as Box<_>))
}

/// True for a column with a different short value in every row.
fn names_rows(table: &Table<'_, '_>, number: usize) -> bool {
    if !matches!(table.columns[number].role, Role::Cells { .. }) {
        return false;
    }
    let mut seen = HashSet::new();
    (0..table.rows.len()).filter(|row| !table.grid.odd[*row]).all(|row| {
        table.grid.cell(number, row).is_some_and(|at| {
            !table.tape.is_nest(at)
                && is_sayable(table.tape.spelled(at))
                && seen.insert(table.tape.spelled(at))
        })
    })
}

/// True for what can stand in a marker as it is.
pub fn is_sayable(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 80
        && !id.contains(|char: char| char.is_control() || matches!(char, '"' | '\\' | ',' | ';' | ']'))
}

/// `1003–1063, 1070`: numbers in a row as a range, all others one by one.
pub fn in_short(ids: &[String]) -> String {
    let number = |id: &String| id.parse::<u64>().ok().filter(|number| number.to_string() == *id);
    let mut parts: Vec<String> = Vec::new();
    let mut index = 0;
    while index < ids.len() {
        let mut end = index;
        if let Some(first) = number(&ids[index]) {
            while end + 1 < ids.len() && number(&ids[end + 1]) == first.checked_add((end + 1 - index) as u64)
            {
                end += 1;
            }
        }
        if end - index < 2 {
            end = index;
            parts.push(ids[index].clone());
        } else {
            parts.push(format!("{}–{}", ids[index], ids[end]));
        }
        index = end + 1;
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_a_row_are_a_range() {
        let said = |ids: &[&str]| in_short(&ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
        assert_eq!(said(&["1003", "1004", "1005", "1009"]), "1003–1005, 1009");
        assert_eq!(said(&["1", "2", "4"]), "1, 2, 4");
        assert_eq!(said(&["01", "02", "03"]), "01, 02, 03");
        assert_eq!(said(&["web", "db"]), "web, db");
        assert_eq!(said(&["18446744073709551615"]), "18446744073709551615");
    }
}

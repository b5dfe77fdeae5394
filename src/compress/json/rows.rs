//! Which rows of a long table stay in view.
//!
//! Both ends, what was asked for, trouble, rare values, largest and smallest
//! numbers, places where something changes, and an even sample of the rest. What
//! is left out is counted where it was, its ids are named, and a note says what all
//! rows together hold. *Invariant:* the choice depends on the rows and the question only.

use super::column::{self, Pick, Why};
use super::cut::{Cut, Cuts};
use super::name;
use super::plain::Length;
use super::query::{Query, Term};
use super::table::{Form, KEY, Role, Table};
use super::tape::At;
use crate::text::counted;

/// Fewer rows than this are all kept.
const FEWEST: usize = 24;

/// What a marker between kept rows costs, in bytes.
const MARKER: usize = 50;

/// Bytes that a table may take, and what of it each reason may use.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Bytes of the table with all its notes and markers.
    pub bytes: usize,
}

impl Budget {
    /// How full the table may be when a row with this reason is added, in percent of the budget.
    fn share(why: Why) -> usize {
        match why {
            Why::Edge => 1000,
            Why::Asked | Why::Trouble => 150,
            Why::Rare => 130,
            Why::Extreme | Why::Turn => 110,
            Why::Related => 90,
        }
    }
}

/// What is kept or left out as one: a row, or all rows of an inner array.
struct Unit {
    start: At,
    rows: std::ops::Range<usize>,
    len: usize,
}

/// Leaves rows of `table`, which stands at `at`, out; false when all stay.
pub fn choose(
    table: &Table<'_, '_>,
    at: At,
    past: At,
    query: &Query,
    budget: Budget,
    cuts: &mut Cuts,
) -> bool {
    let units = units(table, cuts);
    if units.len() < FEWEST {
        return false;
    }
    let (picks, notes) = look(table, query);
    let kept = keep(&units, &picks, budget);
    if units.len() * 4 < kept.iter().filter(|kept| **kept).count() * 5 {
        return false;
    }
    leave_out(table, &units, &kept, past, budget, cuts);
    if !notes.is_empty() {
        cuts.note(at, format!("all {}: {}", counted(units.len(), noun(table.form)), notes.join("; ")));
    }
    true
}

fn noun(form: Form) -> &'static str {
    match form {
        Form::List | Form::Lines => "row",
        Form::Map => "entry",
        Form::Groups => "array",
    }
}

fn units(table: &Table<'_, '_>, cuts: &Cuts) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for (index, row) in table.rows.iter().enumerate() {
        let mut len = Length(1);
        table.write_row(index, cuts, &mut len);
        match units.last_mut() {
            Some(unit) if table.form == Form::Groups && table.rows[unit.rows.start].group == row.group => {
                unit.rows.end = index + 1;
                unit.len += len.0;
            }
            _ => units.push(Unit { start: row.start, rows: index..index + 1, len: len.0 }),
        }
    }
    units
}

/// Every reason to keep a row, and what to say about all of them.
fn look(table: &Table<'_, '_>, query: &Query) -> (Vec<Pick>, Vec<String>) {
    let mut picks = asked_and_trouble(table, query);
    let mut notes = Vec::new();
    for number in 0..table.columns.len() {
        let told = column::look(table, number, query);
        picks.extend(told.picks);
        notes.extend(told.note);
    }
    let odd = (0..table.rows.len()).filter(|row| table.grid.odd[*row]).take(6);
    picks.extend(odd.map(|row| Pick { row, why: Why::Rare, weight: 2.0 }));
    let last = table.rows.len() - 1;
    for row in [0, 1, last - 1, last] {
        picks.push(Pick { row, why: Why::Edge, weight: 0.0 });
    }
    notes.truncate(16);
    (picks, notes)
}

/// The rows whose values hold terms of the question, or words that tell of trouble.
fn asked_and_trouble(table: &Table<'_, '_>, query: &Query) -> Vec<Pick> {
    let rows = table.rows.len();
    let mut held: Vec<(usize, usize)> = Vec::new();
    let mut in_rows = vec![0usize; query.len()];
    let mut last_in = vec![usize::MAX; query.len()];
    for (index, row) in table.rows.iter().enumerate() {
        let mut note = |number: usize| {
            if last_in[number] != index {
                last_in[number] = index;
                in_rows[number] += 1;
                held.push((index, number));
            }
        };
        if let Some(key) = row.key {
            query.each_in(&table.tape.said(key), &mut note);
        }
        query.each_under(table.tape, row.value, &mut note);
    }
    // How much a term tells: nothing when it is in half of the rows.
    let tells = |number: usize| {
        let (all, with) = (rows as f64, in_rows[number] as f64);
        ((all - with + 0.5) / (with + 0.5)).ln().max(0.0)
    };
    let mut asked = vec![0.0; rows];
    let mut exact = vec![false; rows];
    let mut trouble = vec![0.0; rows];
    for (row, number) in held {
        let told = tells(number);
        match query.term(number) {
            Term::Exact => {
                asked[row] += 2.0 * told;
                exact[row] |= in_rows[number] * 8 <= rows.max(64);
            }
            Term::Word => asked[row] += told,
            Term::Trouble => {}
        }
        if query.is_trouble(number) && in_rows[number] * 3 <= rows {
            trouble[row] += told;
        }
    }
    let best = asked.iter().copied().fold(0.0, f64::max);
    let near_best = asked.iter().filter(|score| best * 0.7 <= **score).count();
    let mut picks = Vec::new();
    for row in 0..rows {
        if 0.0 < asked[row] {
            let clearly = exact[row] || best * 0.7 <= asked[row] && near_best * 6 <= rows.max(48);
            let why = if clearly { Why::Asked } else { Why::Related };
            picks.push(Pick { row, why, weight: 10.0 + asked[row] });
        }
        if 0.0 < trouble[row] {
            picks.push(Pick { row, why: Why::Trouble, weight: trouble[row] });
        }
    }
    picks
}

/// Decides, unit by unit: by reason, then weight, then place, as far as the budget goes; then an even sample.
fn keep(units: &[Unit], picks: &[Pick], budget: Budget) -> Vec<bool> {
    let mut unit_of = vec![0; units.last().map_or(0, |unit| unit.rows.end)];
    for (index, unit) in units.iter().enumerate() {
        unit_of[unit.rows.clone()].fill(index);
    }
    let mut order: Vec<&Pick> = picks.iter().collect();
    order.sort_by(|a, b| a.why.cmp(&b.why).then(b.weight.total_cmp(&a.weight)).then(a.row.cmp(&b.row)));
    let mut kept = vec![false; units.len()];
    let mut used = 0;
    let cost = |kept: &[bool], index: usize| {
        let alone = !(index.checked_sub(1).is_some_and(|before| kept[before]));
        units[index].len + if alone { MARKER } else { 0 }
    };
    for pick in order {
        let index = unit_of[pick.row];
        let cost = cost(&kept, index);
        if !kept[index] && (used + cost) * 100 <= budget.bytes * Budget::share(pick.why) {
            kept[index] = true;
            used += cost;
        }
    }
    let rest = units.len() - kept.iter().filter(|kept| **kept).count();
    let usual = units.iter().map(|unit| unit.len).sum::<usize>() / units.len() + MARKER;
    let more = ((budget.bytes * 7 / 10).saturating_sub(used) / usual).min(12);
    let mut passed = 0;
    let mut sampled = 0;
    for index in 0..units.len() {
        if kept[index] {
            continue;
        }
        passed += 1;
        if sampled < more && (sampled + 1) * rest / (more + 1) < passed {
            kept[index] = true;
            sampled += 1;
        }
    }
    // A gap that costs more than what is in it is none.
    for index in 0..units.len() {
        let alone = index.checked_sub(1).is_none_or(|before| kept[before])
            && kept.get(index + 1).is_none_or(|next| *next);
        kept[index] |= alone && units[index].len <= MARKER + 20;
    }
    kept
}

/// Writes down each gap: how many, and which, where their ids can be named shortly.
fn leave_out(
    table: &Table<'_, '_>,
    units: &[Unit],
    kept: &[bool],
    past: At,
    budget: Budget,
    cuts: &mut Cuts,
) {
    let noun = noun(table.form);
    let ids = Ids::of(table).map(|ids| ids.name_all(table, units, kept));
    let ids = ids.filter(|(_, said)| said.iter().map(String::len).sum::<usize>() * 10 <= budget.bytes * 4);
    let mut first = true;
    let mut index = 0;
    let mut gap = 0;
    while index < units.len() {
        if kept[index] {
            index += 1;
            continue;
        }
        let end = (index..units.len()).find(|next| kept[*next]).unwrap_or(units.len());
        let until = units.get(end).map_or(past, |unit| unit.start);
        let mut what = if std::mem::take(&mut first) {
            format!("{} of {} left out", end - index, counted(units.len(), noun))
        } else {
            format!("{} left out", counted(end - index, noun))
        };
        if let Some((name, said)) = &ids
            && !said[gap].is_empty()
        {
            what.push_str(&format!(": {name} {}", said[gap]));
        }
        cuts.cut(units[index].start, Cut::Gap { until, what });
        gap += 1;
        index = end;
    }
}

/// The column whose values name the rows.
struct Ids {
    /// `None` for the keys of a map.
    column: Option<usize>,
    name: String,
}

/// Keys that name a row, the surest first.
const NAMES: &[&str] = &[
    "id", "key", "name", "number", "uuid", "uid", "sku", "slug", "path", "login", "username", "email",
    "hash", "sha", "title",
];

impl Ids {
    fn of(table: &Table<'_, '_>) -> Option<Ids> {
        match table.form {
            Form::Map => return Some(Ids { column: None, name: KEY.trim_matches(['(', ')']).to_owned() }),
            Form::Groups => return None,
            Form::List | Form::Lines => {}
        }
        let rank = |number: usize| {
            let last = table.grid.paths[number].last().map_or("", |name| name).to_lowercase();
            let known = NAMES.iter().position(|name| *name == last);
            known.or((last.ends_with("id") || last.ends_with("name")).then_some(NAMES.len()))
        };
        let mut columns: Vec<(usize, usize)> = (0..table.columns.len())
            .filter_map(|number| Some((rank(number)? + 8 * table.grid.paths[number].len(), number)))
            .collect();
        columns.sort_unstable();
        columns.truncate(6);
        let (_, column) = columns.into_iter().find(|(_, number)| names_rows(table, *number))?;
        let name = &table.columns[column].name;
        name.split('.').all(name::is_simple).then(|| Ids { column: Some(column), name: name.clone() })
    }

    /// The name of the column, and what to say of each gap.
    fn name_all(&self, table: &Table<'_, '_>, units: &[Unit], kept: &[bool]) -> (String, Vec<String>) {
        let mut all: Vec<Vec<String>> = Vec::new();
        for (index, unit) in units.iter().enumerate() {
            if kept[index] {
                continue;
            }
            if index == 0 || kept[index - 1] {
                all.push(Vec::new());
            }
            let at = match self.column {
                Some(column) => table.grid.cell(column, unit.rows.start),
                None => table.rows[unit.rows.start].key,
            };
            if let (Some(at), Some(gap)) = (at, all.last_mut()) {
                gap.push(table.tape.said(at).into_owned());
            }
        }
        (
            self.name.clone(),
            all.iter()
                .map(|ids| if ids.iter().all(|id| is_sayable(id)) { in_short(ids) } else { String::new() })
                .collect(),
        )
    }
}

/// True for a column with a different short value in every row.
fn names_rows(table: &Table<'_, '_>, number: usize) -> bool {
    if !matches!(table.columns[number].role, Role::Cells { .. }) {
        return false;
    }
    let mut seen = std::collections::HashSet::new();
    (0..table.rows.len()).filter(|row| !table.grid.odd[*row]).all(|row| {
        table.grid.cell(number, row).is_some_and(|at| {
            !table.tape.is_nest(at) && is_sayable(&table.tape.said(at)) && seen.insert(table.tape.spelled(at))
        })
    })
}

/// True for what can stand in a marker as it is.
fn is_sayable(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 80
        && !id.contains(|char: char| char.is_control() || matches!(char, '"' | '\\' | ',' | ';' | ']'))
}

/// `1003–1063, 1070`: numbers in a row as a range, all others one by one.
fn in_short(ids: &[String]) -> String {
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
        parts.push(match end - index {
            0 => ids[index].clone(),
            1 => {
                end = index;
                ids[index].clone()
            }
            _ => format!("{}–{}", ids[index], ids[end]),
        });
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

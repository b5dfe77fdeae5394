//! Which rows of a long table stay in view.
//!
//! Both ends, what was asked for, trouble, rare values, largest and smallest
//! numbers, places where something changes, and an even sample of the rest. What
//! is left out is counted where it was, its ids are named, and a note says what all
//! rows together hold.

use super::column;
use super::cut::Cuts;
use super::ids;
use super::query::Query;
use super::select::{self, FEWEST, Held, Pick, Unit, Why};
use super::table::{Form, Table};
use super::tape::At;
use crate::text::counted;

/// Most columns that a note speaks of.
const NOTED: usize = 16;

/// Leaves rows of `table` out until it takes about `bytes`; false when all stay.
///
/// `at` is where the table stands, `past` the place after it; `lens` how many
/// bytes each row takes.
pub fn choose(
    table: &Table<'_, '_>,
    (at, past): (At, At),
    lens: &[usize],
    query: &Query,
    bytes: usize,
    cuts: &mut Cuts,
) -> bool {
    let (units, unit_of) = units(table, lens);
    if units.len() < FEWEST {
        return false;
    }
    let (mut picks, notes) = look(table, query);
    for pick in &mut picks {
        pick.unit = unit_of[pick.unit];
    }
    let Some(kept) = select::keep(&units, &picks, bytes) else { return false };
    // The names take so much of the room at most, else none stand there; the keys of a map are what it is about.
    let for_names = if table.form == Form::Map { bytes.max(2_000) } else { (bytes * 3 / 5).max(1_000) };
    let which = match table.form {
        Form::Maps => ids::of_maps(table, &kept, bytes.max(2_000)),
        _ => ids::of_gaps(table, &kept, for_names),
    };
    select::leave_out(&units, &kept, past, noun(table.form), &which, cuts);
    if !notes.is_empty() {
        cuts.note(at, format!("all {}: {}", counted(units.len(), noun(table.form)), notes.join("; ")));
    }
    true
}

fn noun(form: Form) -> &'static str {
    match form {
        Form::List | Form::Lines | Form::Arrays => "row",
        Form::Map | Form::Maps => "entry",
        Form::Groups => "array",
    }
}

/// The units of a table, and the unit that each row is in.
fn units(table: &Table<'_, '_>, lens: &[usize]) -> (Vec<Unit>, Vec<usize>) {
    let mut units: Vec<Unit> = Vec::new();
    let mut unit_of = Vec::with_capacity(table.rows.len());
    let mut group = usize::MAX;
    for (row, len) in table.rows.iter().zip(lens) {
        match units.last_mut() {
            Some(unit) if matches!(table.form, Form::Groups | Form::Maps) && group == row.group => {
                unit.len += len
            }
            _ => units.push(Unit { start: row.start, len: *len }),
        }
        group = row.group;
        unit_of.push(units.len() - 1);
    }
    (units, unit_of)
}

/// Every reason to keep a row, and what to say about all of them.
fn look(table: &Table<'_, '_>, query: &Query) -> (Vec<Pick>, Vec<String>) {
    let mut held = Held::by(table.rows.len(), query);
    for (index, row) in table.rows.iter().enumerate() {
        if let Some(key) = row.key {
            query.each_in(table.tape.spelled(key), |number| held.note(index, number));
        }
        query.each_under(table.tape, row.value, |number| held.note(index, number));
    }
    let mut picks = held.picks(query);
    let mut notes = Vec::new();
    for number in 0..table.columns.len() {
        let told = column::look(table, number, query);
        picks.extend(told.picks);
        notes.extend(told.note);
    }
    let odd = (0..table.rows.len()).filter(|row| table.grid.odd[*row]).take(6);
    picks.extend(odd.map(|unit| Pick { unit, why: Why::Rare, weight: 2.0 }));
    let last = table.rows.len() - 1;
    picks.extend([0, 1, last.saturating_sub(1), last].map(|unit| Pick { unit, why: Why::Edge, weight: 0.0 }));
    notes.truncate(NOTED);
    (picks, notes)
}

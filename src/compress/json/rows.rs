//! Which rows of a long table stay in view.
//!
//! Both ends, what was asked for, trouble, rare values, largest and smallest
//! numbers, places where something changes, and an even sample of the rest. What
//! is left out is counted where it was, its ids are named, and a note says what all
//! rows together hold.

use super::column;
use super::cut::{Cut, Cuts};
use super::deep::{self, Way};
use super::fold::Fold;
use super::ids;
use super::kin;
use super::query::Query;
use super::select::{self, FEWEST, Held, Pick, Unit, Why};
use super::table::{Form, Role, Table};
use super::tape::At;
use crate::text::counted;

/// Most columns that a note speaks of.
const NOTED: usize = 16;

/// A row that was asked for keeps so many times as much of its long cells.
const ASKED_SHARE: usize = 4;

/// Cells longer than this, in bytes, are shortened before rows are left out.
const LONG_CELL: usize = 500;

/// So many units have their neighbours kept, where there is room.
const NEIGHBOURS: usize = 4;

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
    let ways = deep::ways(table);
    let (mut picks, notes) = look(table, &ways, query);
    for pick in &mut picks {
        pick.unit = unit_of[pick.unit];
    }
    beside(&mut picks, units.len());
    let named = |bytes: usize| {
        let kept = select::keep(&units, &picks, bytes)?;
        let used: usize = units.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(unit, _)| unit.len).sum();
        let room = for_names(table, lens.iter().sum(), bytes, used);
        let which = match table.form {
            Form::Maps => ids::of_maps(table, &kept, room.first.max(2_000)),
            _ => ids::of_gaps(table, &ways, &kept, room),
        };
        Some((kept, which))
    };
    let Some((mut kept, mut which)) = named(bytes) else { return false };
    // Names of all rows are worth more than a third of the rows.
    if which.is_empty()
        && let Some(fewer) = named(bytes * 2 / 3).filter(|(_, which)| !which.is_empty())
    {
        (kept, which) = fewer;
    }
    select::leave_out(&units, &kept, past, noun(table.form), &which, cuts);
    if !notes.is_empty() {
        cuts.note(at, format!("all {}: {}", counted(units.len(), noun(table.form)), notes.join("; ")));
    }
    true
}

/// The rows of a table whose long cells are shortened, as they would be: how long each is.
pub fn with_short_cells(table: &Table<'_, '_>, lens: &[usize], cuts: &Cuts) -> Vec<usize> {
    let mut lens = lens.to_vec();
    for (number, column) in table.columns.iter().enumerate() {
        if !matches!(column.role, Role::Cells { .. } | Role::Seldom) {
            continue;
        }
        for (len, at) in lens.iter_mut().zip(table.grid.column(number)) {
            let long = at.filter(|at| cuts.at(*at).is_none()).map_or(0, |at| table.tape.source_len(at));
            if LONG_CELL < long {
                *len = len.saturating_sub(long - LONG_CELL).max(LONG_CELL);
            }
        }
    }
    lens
}

/// Shortens the long cells of the rows in view.
pub fn shorten_cells(table: &Table<'_, '_>, query: &Query, share: usize, cuts: &mut Cuts) {
    let usual = Fold { tape: table.tape, query, share };
    let asked = Fold { tape: table.tape, query, share: (share * ASKED_SHARE).min(1_000) };
    let mut gone_until = At(0);
    for (index, row) in table.rows.iter().enumerate() {
        if let Some(Cut::Gap { until, .. }) = cuts.at(row.start).filter(|_| gone_until <= row.start) {
            gone_until = *until;
        }
        if row.start < gone_until {
            continue;
        }
        let fold = if query.asks_for(table.tape, row.value) { &asked } else { &usual };
        for (number, column) in table.columns.iter().enumerate() {
            if let (Role::Cells { .. } | Role::Seldom, Some(at)) =
                (&column.role, table.grid.cell(number, index))
                && LONG_CELL < table.tape.source_len(at)
                && cuts.at(at).is_none()
            {
                fold.fold(at, table.tape.past(at), &[], cuts);
            }
        }
    }
}

/// Units next to the most pressing ones: what led there, and what came of it.
fn beside(picks: &mut Vec<Pick>, units: usize) {
    let mut pressing: Vec<Pick> =
        picks.iter().filter(|pick| matches!(pick.why, Why::Asked | Why::Trouble)).copied().collect();
    pressing.sort_by(|a, b| a.why.cmp(&b.why).then(b.weight.total_cmp(&a.weight)).then(a.unit.cmp(&b.unit)));
    pressing.dedup_by_key(|pick| pick.unit);
    for pick in pressing.into_iter().take(NEIGHBOURS) {
        for unit in [pick.unit.wrapping_sub(1), pick.unit + 1] {
            if unit < units {
                picks.push(Pick { unit, why: Why::Related, weight: 40.0 });
            }
        }
    }
}

/// Bytes of the source that the rows take.
fn source_len(table: &Table<'_, '_>) -> usize {
    table.rows.iter().map(|row| table.tape.source_len(row.value)).sum()
}

/// How much the names of what is left out may take, where rows of `whole` bytes might keep `bytes`, and keep `used`.
fn for_names(table: &Table<'_, '_>, whole: usize, bytes: usize, used: usize) -> ids::Room {
    let source = source_len(table);
    let half = (whole * 3 / 5).saturating_sub(used);
    let most = |part: usize| (source / part).min(bytes * 3).max(1_200);
    let codes = if table.form == Form::Lines { 25 } else { 13 };
    ids::Room {
        first: most(10).min(half),
        all: most(8).saturating_sub(used).max(most(15)).min(half),
        codes: (source / codes).min(half),
    }
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
fn look(table: &Table<'_, '_>, ways: &[Way], query: &Query) -> (Vec<Pick>, Vec<String>) {
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
    for way in ways {
        let told = column::look_inside(table.tape, way, query);
        picks.extend(told.picks);
        notes.extend(told.note);
    }
    let odd = (0..table.rows.len()).filter(|row| table.grid.odd[*row]).take(12);
    picks.extend(odd.map(|unit| Pick { unit, why: Why::Rare, weight: 2.0 }));
    let last = table.rows.len() - 1;
    picks.extend([0, 1, last.saturating_sub(1), last].map(|unit| Pick { unit, why: Why::Edge, weight: 0.0 }));
    picks.extend(kin::of(table, &picks));
    notes.truncate(NOTED);
    (picks, notes)
}

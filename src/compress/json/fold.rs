//! What is long inside a value: arrays that are no table, objects of many
//! members, long strings.
//!
//! Walks what is still in view, from the outside in. *Invariant:* a member is
//! left out under a marker that names it, as far as there is room for names.

use super::blocks::Blocks;
use super::column;
use super::cut::{Cut, Cuts, Piece};
use super::ids;
use super::query::Query;
use super::rows;
use super::select::{self, Held, Pick, Unit, Why};
use super::table::{self, Role, Table};
use super::tape::{At, Sort, Tape};
use crate::text::counted;

/// Arrays and objects shorter than this, in bytes of the source, stay as they are.
const SHORT: usize = 900;

/// Fewer items or members than this all stay.
const FEWEST: usize = 8;

/// Strings shorter than this, in bytes, stay as they are.
const LONG_TEXT: usize = 500;

/// Names of left-out members take so many bytes at least before they are only counted.
const MOST_NAMES: usize = 2_000;

/// How a text is folded: what is asked, and how much of it may stay, in thousandths.
#[derive(Debug)]
pub struct Fold<'f, 't, 'a> {
    /// The values.
    pub tape: &'t Tape<'a>,
    /// What is asked.
    pub query: &'f Query,
    /// Of each thousand bytes, so many may stay.
    pub share: usize,
}

impl Fold<'_, '_, '_> {
    /// Folds everything from `at` on, up to `past`; tables that stand at `skipped` (in order) are left to others.
    pub fn fold(&self, at: At, past: At, skipped: &[At], cuts: &mut Cuts) {
        let mut next = at;
        while next < past {
            if let Some(Cut::Gap { until, .. }) = cuts.at(next) {
                next = *until;
                continue;
            }
            if skipped.binary_search(&next).is_ok() {
                next = self.tape.past(next);
                continue;
            }
            match self.tape.sort(next) {
                Sort::Array | Sort::Object if self.tape.source_len(next) < SHORT => {
                    next = self.tape.past(next);
                    continue;
                }
                Sort::Array => self.array(next, cuts),
                Sort::Object => self.object(next, cuts),
                Sort::Text | Sort::Escaped => self.string(next, cuts),
                _ => {}
            }
            next = At(next.0 + 1);
        }
    }

    /// Folds the long lists of numbers and strings from `at` up to `past`, but for one that is most of the text: they
    /// tell less than what they stand in.
    pub fn fold_lists(&self, at: At, past: At, skipped: &[At], cuts: &mut Cuts) {
        let most = self.tape.text_len() / 2;
        let mut next = at;
        while next < past {
            if skipped.binary_search(&next).is_ok() {
                next = self.tape.past(next);
                continue;
            }
            let len = self.tape.source_len(next);
            if self.tape.sort(next) == Sort::Array && (SHORT..most).contains(&len) {
                let end = self.tape.past(next);
                if (next.0 + 1..end.0).all(|inside| !self.tape.is_nest(At(inside))) {
                    self.array(next, cuts);
                    next = end;
                    continue;
                }
            }
            next = At(next.0 + 1);
        }
    }

    /// Folds the cells of the rows of `table` that are in view.
    pub fn fold_cells(&self, table: &Table<'_, '_>, cuts: &mut Cuts) {
        let mut gone_until = At(0);
        for (index, row) in table.rows.iter().enumerate() {
            if row.start < gone_until {
                continue;
            }
            if let Some(Cut::Gap { until, .. }) = cuts.at(row.start) {
                gone_until = *until;
                continue;
            }
            for (number, column) in table.columns.iter().enumerate() {
                // What stands once for all rows, or is made of other columns, must stay the same in all.
                if let (Role::Cells { .. } | Role::Seldom, Some(at)) =
                    (&column.role, table.grid.cell(number, index))
                {
                    self.fold(at, self.tape.past(at), &[], cuts);
                }
            }
        }
    }

    fn room(&self, at: At) -> usize {
        (self.tape.source_len(at) * self.share / 1000).max(SHORT / 2)
    }

    /// An array: as a table where it is one, else item by item.
    fn array(&self, at: At, cuts: &mut Cuts) {
        let past = self.tape.past(at);
        if let Some(table) = Table::of(self.tape, at) {
            let lens: Vec<usize> = table.rows.iter().map(|row| self.tape.source_len(row.value)).collect();
            rows::choose(&table, (at, past), &lens, self.query, self.room(at), cuts);
            return;
        }
        let blocks = Blocks::of(self.tape, at);
        if blocks.items() < FEWEST {
            return;
        }
        let mut held = Held::by(blocks.len(), self.query);
        for unit in 0..blocks.len() {
            blocks.each_in(unit, self.query, |number| held.note(unit, number));
        }
        let mut picks = held.picks(self.query);
        picks.extend(column::look_at_numbers(self.tape, &blocks.oddest()));
        let last = blocks.len() - 1;
        let edges = [0, 1, last.saturating_sub(1), last];
        picks.extend(edges.map(|unit| Pick { unit, why: Why::Edge, weight: 0.0 }));
        if let Some(kept) = select::keep(&blocks.units(), &picks, self.room(at)) {
            blocks.leave_out(&kept, cuts);
        }
    }

    /// An object of many members: what is asked, what tells of trouble, what is short; the others by name.
    fn object(&self, at: At, cuts: &mut Cuts) {
        let count = self.tape.members(at).count();
        if count < FEWEST || table::is_dust(count, self.tape.source_len(at)) {
            return;
        }
        let members: Vec<(At, At)> = self.tape.members(at).collect();
        let past = self.tape.past(at);
        if let Some(table) = Table::of(self.tape, at) {
            let lens: Vec<usize> = table.rows.iter().map(|row| self.tape.source_len(row.value)).collect();
            rows::choose(&table, (at, past), &lens, self.query, self.room(at), cuts);
            return;
        }
        let units: Vec<Unit> = members
            .iter()
            .map(|(key, value)| {
                let len = self.tape.source_len(*key) + 4 + self.tape.source_len(*value);
                Unit { start: *key, len }
            })
            .collect();
        let room = self.room(at) * 2;
        if units.iter().map(|unit| unit.len).sum::<usize>() <= room {
            return;
        }
        let mut held = Held::by(members.len(), self.query);
        for (unit, (key, value)) in members.iter().enumerate() {
            self.query.each_in(self.tape.spelled(*key), |number| held.note(unit, number));
            self.query.each_key_under(self.tape, *value, |number| held.note(unit, number));
            self.query.each_under(self.tape, *value, |number| held.note(unit, number));
        }
        let mut picks = held.picks(self.query);
        for (unit, (_, value)) in members.iter().enumerate() {
            // The long ones are folded further in; what is empty tells least.
            let len = units[unit].len;
            let is_empty = matches!(self.tape.sort(*value), Sort::Null)
                || self.tape.is_nest(*value) && self.tape.is_empty(*value);
            let why = if unit < 4 || SHORT <= len { Why::Edge } else { Why::Related };
            picks.push(Pick { unit, why, weight: if is_empty { -1.0 } else { 1.0 / len as f64 } });
        }
        if let Some(kept) = select::keep(&units, &picks, room) {
            let name = |unit: usize| self.tape.said(members[unit].0).into_owned();
            let which: Vec<String> = select::gaps(&kept)
                .into_iter()
                .map(|(from, to)| {
                    (from..to).map(name).filter(|name| ids::is_sayable(name)).collect::<Vec<_>>().join(", ")
                })
                .collect();
            let fits = which.iter().map(String::len).sum::<usize>() <= room.max(MOST_NAMES);
            select::leave_out(&units, &kept, past, "key", if fits { &which } else { &[] }, cuts);
        }
    }

    /// A long string: a blob by its kind and length, text by its lines, one long line by its ends.
    fn string(&self, at: At, cuts: &mut Cuts) {
        if self.tape.source_len(at) < LONG_TEXT || self.tape.is_key(at) || cuts.at(at).is_some() {
            return;
        }
        let said = self.tape.said(at);
        let room = (said.len() * self.share / 1000).max(LONG_TEXT / 2);
        let pieces = if 12 <= said.bytes().filter(|byte| *byte == b'\n').count() {
            lines(&said, self.query, room)
        } else {
            ends(&said, self.query, room)
        };
        if let Some(pieces) = pieces {
            cuts.cut(at, Cut::Text(pieces));
        }
    }
}

/// Some lines of a text: both ends, what is asked, what tells of trouble.
fn lines(said: &str, query: &Query, room: usize) -> Option<Vec<Piece>> {
    let mut spans: Vec<std::ops::Range<usize>> = Vec::new();
    let mut start = 0;
    for line in said.split('\n') {
        spans.push(start..start + line.len());
        start += line.len() + 1;
    }
    let units: Vec<Unit> = spans
        .iter()
        .enumerate()
        .map(|(line, span)| Unit { start: At(line as u32), len: span.len() + 1 })
        .collect();
    let mut held = Held::by(units.len(), query);
    for (line, span) in spans.iter().enumerate() {
        query.each_in(&said[span.clone()], |number| held.note(line, number));
    }
    let mut picks = held.picks(query);
    for pick in picks.clone() {
        let near = (pick.unit.saturating_sub(2)..=pick.unit + 2).filter(|unit| *unit < units.len());
        picks.extend(near.map(|unit| Pick { unit, weight: pick.weight - 0.01, ..pick }));
    }
    let last = units.len() - 1;
    picks.extend([0, 1, 2, last - 2, last - 1, last].map(|unit| Pick { unit, why: Why::Edge, weight: 0.0 }));
    let kept = select::keep(&units, &picks, room)?;
    let mut pieces = Vec::new();
    let mut next = 0;
    for (from, to) in select::gaps(&kept) {
        if next < from {
            pieces.push(Piece::Kept(spans[next].start..spans[from - 1].end));
        }
        pieces.push(Piece::Gap(format!("{} left out", counted(to - from, "line"))));
        next = to;
    }
    if next < spans.len() {
        pieces.push(Piece::Kept(spans[next].start..spans[last].end));
    }
    Some(pieces)
}

/// Both ends of one long line, and what stands round what is asked.
fn ends(said: &str, query: &Query, room: usize) -> Option<Vec<Piece>> {
    let boundary =
        |at: usize| (0..=at.min(said.len())).rev().find(|at| said.is_char_boundary(*at)).unwrap_or(0);
    let start = 0..boundary(room * 2 / 3);
    let mut windows = vec![start];
    query.each_place_in(said, |from, to| {
        if windows.len() < 6 {
            windows.push(boundary(from.saturating_sub(60))..boundary(to + 60));
        }
    });
    windows.push(boundary(said.len() - room / 3)..said.len());
    windows.sort_by_key(|window| window.start);
    let mut merged: Vec<std::ops::Range<usize>> = Vec::new();
    for window in windows {
        match merged.last_mut() {
            Some(last) if window.start <= last.end + 80 => last.end = last.end.max(window.end),
            _ => merged.push(window),
        }
    }
    let mut pieces = Vec::new();
    let mut end = 0;
    for window in merged {
        if end < window.start {
            let left = said[end..window.start].chars().count();
            pieces.push(Piece::Gap(format!("{} left out", counted(left, "character"))));
        }
        end = window.end;
        pieces.push(Piece::Kept(window));
    }
    (1 < pieces.len()).then_some(pieces)
}

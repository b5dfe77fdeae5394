//! Rows with the same keys, as a table.
//!
//! ```text
//! in every row: 2:origin=JFK⇥6:status=available
//! flight⇥prices.economy⇥note
//! HAT069⇥121⇥-
//! ```
//! What all rows share stands once, with its place among the keys; what nearly
//! all share stands once too, and a row that differs ends with a JSON object
//! that says so. *Invariant:* [`super::decode`] gives back every key at its place.

use super::cell::{self, ABSENT, Holds};
use super::cut::{Cut, Cuts};
use super::derive::{self, Part};
use super::fields::{self, Grid};
use super::name;
use super::plain::{self, Sink};
use super::shape::Shape;
use super::tape::{At, Sort, Tape};
use std::collections::HashSet;

/// Begins the line of what every row has.
pub const ALWAYS: &str = "in every row: ";
/// Begins the line of what a row has unless it ends with something else.
pub const USUALLY: &str = "in every row, unless it ends with another: ";
/// Begins the line of keys that only some rows have, at their end.
pub const SELDOM: &str = "only in rows that end with it: ";
/// Heads the column of the key of a map's row.
pub const KEY: &str = "(key)";
/// Heads the column of the key inside that key's object, in a map of maps.
pub const INNER_KEY: &str = "(key inside)";
/// Heads the column of the number of the inner array that a row is in.
pub const GROUP: &str = "(array)";

/// Fewer rows than this are no table.
const FEWEST: usize = 3;

/// Fewer arrays of one length than this are no table.
const FEWEST_ARRAYS: usize = 8;

/// Longer arrays than this are no rows.
const WIDEST_ARRAY: usize = 32;

/// More rows than this make a table only if they take [`TINY`] bytes each, on average: what is thought about a row takes
/// more room than that.
const MANY: usize = 16_384;

/// A row of fewer bytes is tiny.
const TINY: usize = 32;

/// True for so many rows in so few bytes that thinking about each would take many times the text's room.
pub fn is_dust(rows: usize, bytes: usize) -> bool {
    MANY < rows && bytes < rows * TINY
}

/// What the rows are rows of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An array of objects.
    List,
    /// JSON lines.
    Lines,
    /// An object of objects.
    Map,
    /// An object of objects of objects.
    Maps,
    /// An array of arrays of objects.
    Groups,
    /// An array of arrays of one length.
    Arrays,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Where a gap before this row would begin.
    pub start: At,
    /// The key, in a map; in a map of maps the outer one.
    pub key: Option<At>,
    /// The inner key, in a map of maps.
    pub inner: Option<At>,
    /// The number of the inner array or object, in groups and in a map of maps.
    pub group: usize,
    /// The object.
    pub value: At,
}

/// How a column stands in the table.
#[derive(Debug)]
pub enum Role<'a> {
    /// One cell a row.
    Cells {
        /// Strings only, or anything.
        holds: Holds,
        /// What every string of it begins with.
        prefix: String,
        /// The shape of its arrays.
        shape: Shape<'a>,
    },
    /// The same in every row.
    Always(At),
    /// The same in nearly every row.
    Usually(At),
    /// Absent in most rows.
    Seldom,
    /// Made of other columns.
    Derived(Vec<Part>),
}

/// One column.
#[derive(Debug)]
pub struct Column<'a> {
    /// The keys that lead to it: `a.b`.
    pub name: String,
    /// How it stands in the table.
    pub role: Role<'a>,
}

/// A table before it is written.
#[derive(Debug)]
pub struct Table<'t, 'a> {
    /// Where the values are.
    pub tape: &'t Tape<'a>,
    /// What the rows are rows of.
    pub form: Form,
    /// The rows, in order.
    pub rows: Vec<Row>,
    /// The columns, in the order of the keys.
    pub columns: Vec<Column<'a>>,
    /// The cells.
    pub grid: Grid<'a>,
}

impl<'t, 'a> Table<'t, 'a> {
    /// The table that the array or object at `at` makes, if it makes one.
    pub fn of(tape: &'t Tape<'a>, at: At) -> Option<Table<'t, 'a>> {
        if is_dust(tape.inside(at).count(), tape.source_len(at)) {
            return None;
        }
        let (form, rows) = match tape.sort(at) {
            Sort::Object => {
                let map = map_rows(tape, at).and_then(|rows| Table::of_rows(tape, Form::Map, rows));
                return map.or_else(|| Table::of_rows(tape, Form::Maps, rows_of_maps(tape, at)?));
            }
            Sort::Array => match tape.inside(at).next() {
                Some(first) if tape.sort(first) == Sort::Array => {
                    let inner = tape.inside(first).next();
                    if !inner.is_some_and(|inner| tape.is_record(inner)) {
                        return Table::of_arrays(tape, at);
                    }
                    (Form::Groups, group_rows(tape, at)?)
                }
                _ if !mostly_records(tape, tape.inside(at)) => return None,
                _ => (Form::List, list_rows(tape.inside(at))),
            },
            _ => return None,
        };
        Table::of_rows(tape, form, rows)
    }

    /// The table that JSON lines make, if they make one.
    pub fn of_lines(tape: &'t Tape<'a>) -> Option<Table<'t, 'a>> {
        let is_rows = !is_dust(tape.roots().len(), tape.text_len())
            && mostly_records(tape, tape.roots().iter().copied());
        is_rows.then(|| Table::of_rows(tape, Form::Lines, list_rows(tape.roots().iter().copied())))?
    }

    /// The table of rows that are arrays of one length, of which no item is an array or object.
    fn of_arrays(tape: &'t Tape<'a>, at: At) -> Option<Table<'t, 'a>> {
        let first = tape.inside(at).next()?;
        let width = tape.past(first).0.checked_sub(first.0 + 1)? as usize;
        let alike = |row: At| {
            tape.sort(row) == Sort::Array
                && tape.past(row).0 - row.0 - 1 == width as u32
                && tape.inside(row).all(|item| !tape.is_nest(item))
        };
        if !(2..=WIDEST_ARRAY).contains(&width) || !tape.inside(at).all(alike) {
            return None;
        }
        let rows = list_rows(tape.inside(at));
        if rows.len() < FEWEST_ARRAYS {
            return None;
        }
        let values: Vec<At> = rows.iter().map(|row| row.value).collect();
        let grid = fields::grid_of_arrays(tape, &values, width);
        let columns = columns(tape, &grid, rows.len());
        Some(Table { tape, form: Form::Arrays, rows, columns, grid })
    }

    fn of_rows(tape: &'t Tape<'a>, form: Form, rows: Vec<Row>) -> Option<Table<'t, 'a>> {
        if rows.len() < FEWEST || !mostly_records(tape, rows.iter().map(|row| row.value)) {
            return None;
        }
        let values: Vec<At> = rows.iter().map(|row| row.value).collect();
        let grid = fields::grid(tape, &values)?;
        let even = grid.odd.iter().filter(|odd| !**odd).count();
        let filled: usize = (0..grid.paths.len()).map(|column| grid.column(column).flatten().count()).sum();
        let loose = matches!(form, Form::Map | Form::Maps) && filled * 2 < even * grid.paths.len();
        if even < FEWEST || loose || filled * 4 < even * grid.paths.len() {
            return None;
        }
        let columns = columns(tape, &grid, even);
        let cells = columns.iter().filter(|column| matches!(column.role, Role::Cells { .. })).count();
        let can_be_odd = form != Form::Groups && 2 <= cells;
        (even == rows.len() || can_be_odd).then_some(Table { tape, form, rows, columns, grid })
    }

    /// Lets every cell say its value whole.
    pub fn spell_prefixes_out(&mut self) {
        for column in &mut self.columns {
            if let Role::Cells { prefix, .. } = &mut column.role {
                prefix.clear();
            }
        }
    }

    /// Writes the lines of the table, each with its line break.
    pub fn write(&self, cuts: &Cuts, to: &mut impl Sink) {
        self.write_shared(cuts, to);
        self.write_header(to);
        to.row();
        let mut gone_until = At(0);
        for (index, row) in self.rows.iter().enumerate() {
            if row.start < gone_until {
                continue;
            }
            match cuts.at(row.start) {
                Some(Cut::Gap { until, what }) => {
                    gone_until = *until;
                    to.gap(what);
                }
                _ => self.write_row(index, cuts, to),
            }
            to.put("\n");
            to.row();
        }
    }

    fn write_shared(&self, cuts: &Cuts, to: &mut impl Sink) {
        for lead in [ALWAYS, USUALLY, SELDOM] {
            let mut before = lead;
            for (index, column) in self.columns.iter().enumerate() {
                let said = match (&column.role, lead) {
                    (Role::Always(at), ALWAYS) | (Role::Usually(at), USUALLY) => self.shared(*at, cuts),
                    (Role::Derived(parts), ALWAYS) => format!("={}", derive::say(parts, &self.columns)),
                    (Role::Seldom, SELDOM) => String::new(),
                    _ => continue,
                };
                to.put(before);
                to.put(&format!("{}:{}{said}", index + 1, column.name));
                before = "\t";
            }
            if before != lead {
                to.put("\n");
            }
        }
    }

    fn shared(&self, at: At, cuts: &Cuts) -> String {
        let mut said = "=".to_owned();
        if self.tape.is_string(at) && self.tape.said(at).contains(['{', '}']) {
            plain::scalar(self.tape, at, cuts, &mut said);
        } else {
            cell::write(self.tape, at, Holds::Anything, "", &Shape::Any, cuts, &mut said);
        }
        said
    }

    fn write_header(&self, to: &mut impl Sink) {
        let mut before = "";
        match self.form {
            Form::Map => to.put(KEY),
            Form::Maps => to.put(&format!("{KEY}\t{INNER_KEY}")),
            Form::Groups => to.put(GROUP),
            Form::List | Form::Lines | Form::Arrays => {}
        }
        if matches!(self.form, Form::Map | Form::Maps | Form::Groups) {
            before = "\t";
        }
        for column in &self.columns {
            let Role::Cells { holds, prefix, shape } = &column.role else { continue };
            to.put(before);
            to.put(&column.name);
            let mut said = String::new();
            shape.say(&mut said);
            if !prefix.is_empty() {
                said = format!("={prefix}*");
            } else if *holds == Holds::Texts {
                said.push_str(":text");
            }
            to.put(&said);
            before = "\t";
        }
        to.put("\n");
    }

    /// Writes one row, without its line break.
    fn write_row(&self, index: usize, cuts: &Cuts, to: &mut impl Sink) {
        let row = self.rows[index];
        let mut before = "";
        for key in row.key.into_iter().chain(row.inner) {
            to.put(before);
            cell::write(self.tape, key, Holds::Texts, "", &Shape::Any, &Cuts::none(), to);
            before = "\t";
        }
        if self.grid.odd[index] {
            to.put(before);
            return plain::value(self.tape, row.value, cuts, to);
        }
        if self.form == Form::Groups {
            to.put(&row.group.to_string());
            before = "\t";
        }
        for (number, column) in self.columns.iter().enumerate() {
            let Role::Cells { holds, prefix, shape } = &column.role else { continue };
            to.put(before);
            match self.grid.cell(number, index) {
                Some(at) => cell::write(self.tape, at, *holds, prefix, shape, cuts, to),
                None => to.put(ABSENT),
            }
            before = "\t";
        }
        self.write_row_end(index, cuts, to);
    }

    fn write_row_end(&self, index: usize, cuts: &Cuts, to: &mut impl Sink) {
        let mut before = "\t{";
        for (number, column) in self.columns.iter().enumerate() {
            let Some(at) = self.grid.cell(number, index) else { continue };
            let differs = match column.role {
                Role::Usually(usual) => !self.tape.same(usual, at),
                Role::Seldom => true,
                _ => false,
            };
            if differs {
                to.put(before);
                plain::string(&column.name, to);
                to.put(":");
                plain::value(self.tape, at, cuts, to);
                before = ",";
            }
        }
        if before == "," {
            to.put("}");
        }
    }
}

/// True when four in five of `values` are objects.
fn mostly_records(tape: &Tape<'_>, values: impl Iterator<Item = At>) -> bool {
    let (mut records, mut all) = (0, 0);
    for value in values {
        all += 1;
        records += usize::from(tape.is_record(value));
    }
    all * 4 <= records * 5
}

fn list_rows(values: impl Iterator<Item = At>) -> Vec<Row> {
    values.map(|value| Row { start: value, key: None, inner: None, group: 0, value }).collect()
}

fn map_rows(tape: &Tape<'_>, at: At) -> Option<Vec<Row>> {
    if !tape.members(at).all(|(_, value)| tape.is_record(value)) {
        return None;
    }
    let row = |(key, value)| Row { start: key, key: Some(key), inner: None, group: 0, value };
    Some(tape.members(at).map(row).collect())
}

/// Fewer outer members than this make no map of maps.
const FEWEST_MAPS: usize = 4;

fn rows_of_maps(tape: &Tape<'_>, at: At) -> Option<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    for (group, (key, object)) in tape.members(at).enumerate() {
        let twice = rows.last().is_some_and(|row| row.key.is_some_and(|before| tape.same(before, key)));
        if twice || !tape.is_record(object) || !tape.members(object).any(|(_, value)| tape.is_record(value)) {
            return None;
        }
        for (index, (inner, value)) in tape.members(object).enumerate() {
            let start = if index == 0 { key } else { inner };
            rows.push(Row { start, key: Some(key), inner: Some(inner), group, value });
        }
    }
    let groups = rows.last().map_or(0, |row| row.group + 1);
    (FEWEST_MAPS <= groups).then_some(rows)
}

fn group_rows(tape: &Tape<'_>, at: At) -> Option<Vec<Row>> {
    let mut rows = Vec::new();
    for (group, array) in tape.inside(at).enumerate() {
        if tape.sort(array) != Sort::Array || tape.is_empty(array) {
            return None;
        }
        for (index, value) in tape.inside(array).enumerate() {
            let start = if index == 0 { array } else { value };
            rows.push(Row { start, key: None, inner: None, group, value });
        }
    }
    Some(rows)
}

/// Decides how each column stands in the table.
fn columns<'a>(tape: &Tape<'a>, grid: &Grid<'a>, even: usize) -> Vec<Column<'a>> {
    let mut names = HashSet::new();
    let mut is_twofold = false;
    let mut columns: Vec<Column<'a>> = grid
        .paths
        .iter()
        .enumerate()
        .map(|(number, path)| {
            let mut name = String::new();
            name::say_path(path, &mut name);
            is_twofold |= !names.insert(name.clone());
            let role = role(tape, grid, number, even, name.len());
            Column { name, role }
        })
        .collect();
    if is_twofold {
        // What is said by name must have one of its own.
        for (number, column) in columns.iter_mut().enumerate() {
            if matches!(column.role, Role::Usually(_) | Role::Seldom) {
                column.role = cells(tape, grid, number);
            }
        }
    } else {
        derive::find(tape, grid, &mut columns);
    }
    if !columns.iter().any(|column| matches!(column.role, Role::Cells { .. }))
        && let Some(first) = columns.first_mut()
    {
        first.role = cells(tape, grid, 0);
    }
    columns
}

fn role<'a>(tape: &Tape<'a>, grid: &Grid<'a>, number: usize, even: usize, name_len: usize) -> Role<'a> {
    let there = grid.column(number).flatten().count();
    // What naming a key at the end of a row costs, in tokens, against two for a cell.
    let named = 4 + name_len / 4;
    if there < even {
        return if there * named < (even - there) * 2 { Role::Seldom } else { cells(tape, grid, number) };
    }
    let Some(usual) = majority(tape, grid, number) else { return cells(tape, grid, number) };
    match grid.column(number).flatten().filter(|at| !tape.same(usual, *at)).count() {
        0 => Role::Always(usual),
        others if others * 10 <= even && others * named < (even - others) * 2 => Role::Usually(usual),
        _ => cells(tape, grid, number),
    }
}

/// The value that more than half of the cells hold, if there is one (else any).
fn majority(tape: &Tape<'_>, grid: &Grid<'_>, number: usize) -> Option<At> {
    let mut held: Option<(At, usize)> = None;
    for at in grid.column(number).flatten() {
        held = match held {
            Some((value, count)) if tape.same(value, at) => Some((value, count + 1)),
            Some((value, count)) if 1 < count => Some((value, count - 1)),
            _ => Some((at, 1)),
        };
    }
    held.map(|(value, _)| value)
}

fn cells<'a>(tape: &Tape<'a>, grid: &Grid<'a>, number: usize) -> Role<'a> {
    let (mut texts, mut like_words, mut nests) = (0, 0, Vec::new());
    let mut there = 0;
    for at in grid.column(number).flatten() {
        there += 1;
        if tape.is_string(at) {
            texts += 1;
            like_words += usize::from(cell::is_word(tape.spelled(at)));
        } else if tape.is_nest(at) {
            nests.push(at);
        }
    }
    let only_texts = texts == there;
    let prefix = if only_texts { derive::address_prefix(tape, grid, number) } else { String::new() };
    let holds =
        if only_texts && (1 < like_words || !prefix.is_empty()) { Holds::Texts } else { Holds::Anything };
    Role::Cells { holds, prefix, shape: Shape::of(tape, &nests) }
}

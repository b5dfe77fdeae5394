//! Which keys the rows of a table have, and in which order: objects inside
//! objects become keys of keys (`a.b`).
//!
//! One walk learns the keys, a second gathers the cells. *Invariant:* a row is
//! gathered only if its keys stand in the one order that all rows share and
//! none stands twice; any other row is *odd* and stays as it is.

use super::name::Step;
use super::tape::{At, Inside, Sort, Tape};
use std::borrow::Cow;

/// Objects inside a row are opened this deep; deeper ones are cells.
const OPENED: usize = 8;

/// An object with more different keys than this is a map, not a record: it is a cell.
const WIDEST: usize = 120;

/// No table has more keys than this, all depths taken together.
const MOST: usize = 600;

/// The keys of one object, over all rows.
#[derive(Debug, Default)]
struct Field<'a> {
    name: Cow<'a, str>,
    children: Vec<usize>,
    /// Rows in which the key is there.
    seen: usize,
    /// Rows in which its value is an object with something inside.
    objects: usize,
    /// Rows in which its value is an array with one such object.
    singles: usize,
    /// The field of that one object.
    only: Option<usize>,
    /// Another field of the same object has the same name: it stays closed, for what is inside would be named alike.
    twin: bool,
    /// Too many keys to be a record, or in no one order.
    map: bool,
}

/// What the rows of a table have in common.
#[derive(Debug)]
pub struct Fields<'a> {
    all: Vec<Field<'a>>,
    /// Which fields are opened, and the column of a field's own value.
    opened: Vec<Opened>,
    leaf: Vec<Option<usize>>,
}

/// Whether the values of a field are cells, or what is inside them is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opened {
    No,
    /// Objects are opened.
    Object,
    /// Arrays with one object are opened.
    Single,
}

/// A column before anybody looked at its cells: the steps that lead to it.
pub type Path<'a> = Vec<Step<'a>>;

/// The rows, as cells.
#[derive(Debug)]
pub struct Grid<'a> {
    /// The columns, in the order in which a row has them.
    pub paths: Vec<Path<'a>>,
    /// The cells, column after column.
    cells: Vec<u32>,
    rows: usize,
    /// Rows that stay as they are.
    pub odd: Vec<bool>,
}

const ABSENT: u32 = u32::MAX;

impl Grid<'_> {
    /// How many rows there are, odd ones too.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Makes odd the few rows that lack several of the keys that all others have: a key that all have costs less.
    fn set_strangers_apart(&mut self) {
        let even = self.odd.iter().filter(|odd| !**odd).count();
        let mut lacks = vec![0usize; self.rows];
        for column in 0..self.paths.len() {
            let there = self.column(column).flatten().count();
            if there < even && even * 9 <= there * 10 {
                for (row, cell) in self.cells[column * self.rows..(column + 1) * self.rows].iter().enumerate()
                {
                    lacks[row] += usize::from(*cell == ABSENT && !self.odd[row]);
                }
            }
        }
        let strangers: Vec<usize> = (0..self.rows).filter(|row| 2 <= lacks[*row]).collect();
        if even < strangers.len() * 10 {
            return;
        }
        for row in strangers {
            self.odd[row] = true;
            for column in 0..self.paths.len() {
                self.cells[column * self.rows + row] = ABSENT;
            }
        }
    }

    /// The cell of a column in a row; `None` when the key is not there or the row is odd.
    pub fn cell(&self, column: usize, row: usize) -> Option<At> {
        let at = self.cells[column * self.rows + row];
        (at != ABSENT).then_some(At(at))
    }

    /// The cells of one column, row by row.
    pub fn column(&self, column: usize) -> impl Iterator<Item = Option<At>> + '_ {
        self.cells[column * self.rows..(column + 1) * self.rows]
            .iter()
            .map(|at| (*at != ABSENT).then_some(At(*at)))
    }
}

/// Lays out `rows` as cells; `None` when they are no rows of one table.
pub fn grid<'a>(tape: &Tape<'a>, rows: &[At]) -> Option<Grid<'a>> {
    let mut fields =
        Fields { all: vec![Field { seen: rows.len(), ..Field::default() }], opened: vec![], leaf: vec![] };
    let mut odd = vec![false; rows.len()];
    for (row, odd) in rows.iter().zip(&mut odd) {
        *odd = !tape.is_record(*row) || !fields.learn(tape, *row);
        if fields.all[0].map {
            return None;
        }
    }
    let objects = odd.iter().filter(|odd| !**odd).count();
    if objects * 5 < rows.len() * 4 {
        return None;
    }
    fields.all[0].objects = objects;
    let paths = fields.choose_columns();
    if paths.is_empty() || MOST < paths.len() {
        return None;
    }
    let mut cells = vec![ABSENT; paths.len().checked_mul(rows.len())?];
    for (index, (row, odd)) in rows.iter().zip(&odd).enumerate() {
        if !odd {
            fields.gather(tape, *row, |column, at| cells[column * rows.len() + index] = at.0);
        }
    }
    let mut grid = Grid { paths, cells, rows: rows.len(), odd };
    grid.set_strangers_apart();
    Some(grid)
}

/// Lays out rows that are arrays of one length.
pub fn grid_of_arrays<'a>(tape: &Tape<'a>, rows: &[At], width: usize) -> Grid<'a> {
    let mut cells = vec![ABSENT; width * rows.len()];
    for (index, row) in rows.iter().enumerate() {
        for (column, at) in tape.inside(*row).enumerate() {
            cells[column * rows.len() + index] = at.0;
        }
    }
    let paths = (1..=width).map(|number| vec![Step::Item(number)]).collect();
    Grid { paths, cells, rows: rows.len(), odd: vec![false; rows.len()] }
}

impl Tape<'_> {
    /// True for an object with something inside.
    pub fn is_record(&self, at: At) -> bool {
        self.sort(at) == Sort::Object && !self.is_empty(at)
    }

    /// The object of an array that has that one item.
    fn single_record(&self, at: At) -> Option<At> {
        let first = At(at.0 + 1);
        let is_single =
            self.sort(at) == Sort::Array && !self.is_empty(at) && self.past(first) == self.past(at);
        (is_single && self.is_record(first)).then_some(first)
    }
}

/// Where the walk is inside one object.
struct Level<'t, 'a> {
    field: usize,
    position: usize,
    object: At,
    inside: Inside<'t, 'a>,
}

impl<'a> Fields<'a> {
    /// Adds the keys of one row; false when they don't stand in the order of the rows before.
    fn learn(&mut self, tape: &Tape<'a>, row: At) -> bool {
        let mut levels = vec![Level { field: 0, position: 0, object: row, inside: tape.inside(row) }];
        while let Some(level) = levels.last_mut() {
            let next = if self.all[level.field].map { None } else { level.inside.next() };
            let Some(key) = next else {
                levels.pop();
                continue;
            };
            let Some(value) = level.inside.next() else { return false };
            let Some(child) = self.child(tape, key, level) else {
                if level.field == 0 {
                    return false;
                }
                // Inside a row, keys that come in any order (or twice) are a map's: a cell, not columns.
                self.all[level.field].map = true;
                continue;
            };
            let deep = levels.len() < OPENED;
            self.all[child].seen += 1;
            if tape.is_record(value) {
                self.all[child].objects += 1;
                if deep && !self.all[child].map {
                    levels.push(Level {
                        field: child,
                        position: 0,
                        object: value,
                        inside: tape.inside(value),
                    });
                }
            } else if let Some(record) = tape.single_record(value) {
                self.all[child].singles += 1;
                let only = self.only(child);
                if deep && !self.all[only].map {
                    levels.push(Level {
                        field: only,
                        position: 0,
                        object: record,
                        inside: tape.inside(record),
                    });
                }
            }
        }
        true
    }

    /// The field of the one object in the arrays of `parent`.
    fn only(&mut self, parent: usize) -> usize {
        let only = match self.all[parent].only {
            Some(only) => only,
            None => {
                self.all.push(Field::default());
                self.all.len() - 1
            }
        };
        self.all[parent].only = Some(only);
        self.all[only].seen += 1;
        self.all[only].objects += 1;
        only
    }

    /// The field of `key` inside `parent`, at or after `position`; made when it is new.
    ///
    /// A key that stands twice in one object has two fields.
    fn child(&mut self, tape: &Tape<'a>, key: At, level: &mut Level<'_, 'a>) -> Option<usize> {
        let (parent, position) = (level.field, &mut level.position);
        if let Some(found) = self.find(tape, key, parent, *position) {
            *position = found + 1;
            return Some(self.all[parent].children[found]);
        }
        let name = tape.said(key);
        let came = self.all[parent].children[..*position].iter().any(|child| self.all[*child].name == name);
        let mut before = tape.members(level.object).take_while(|(other, _)| *other < key);
        if came && !before.any(|(other, _)| tape.said(other) == name) {
            return None;
        }
        let child = self.all.len();
        if came {
            for sibling in self.all[parent].children.clone() {
                self.all[sibling].twin |= self.all[sibling].name == name;
            }
        }
        self.all.push(Field { name, twin: came, ..Field::default() });
        self.all[parent].children.insert(*position, child);
        *position += 1;
        if WIDEST < self.all[parent].children.len() || MOST < self.all.len() {
            self.all[parent].map = true;
        }
        Some(child)
    }

    /// Where `key` stands among the children of `parent`, at or after `position`.
    fn find(&self, tape: &Tape<'a>, key: At, parent: usize, position: usize) -> Option<usize> {
        let children = &self.all[parent].children;
        let plain = tape.spelled(key);
        let escaped = tape.sort(key) == Sort::Escaped;
        let is_key = |child: &usize| match &self.all[*child].name {
            name if escaped => *name == tape.said(key),
            name => name == plain,
        };
        children[position..].iter().position(is_key).map(|ahead| position + ahead)
    }

    /// Decides which fields are opened, and gives every other one a column; the columns in order.
    fn choose_columns(&mut self) -> Vec<Path<'a>> {
        self.opened = (0..self.all.len())
            .map(|field| if field == 0 { Opened::Object } else { self.opened_as(field) })
            .collect();
        self.leaf = vec![None; self.all.len()];
        let mut paths: Vec<Path<'a>> = Vec::new();
        // Each level: its field, the next child, and how many steps the path had before.
        let mut levels = vec![(0, 0, 0)];
        let mut path: Path<'a> = Vec::new();
        while let Some((field, position, _)) = levels.last_mut() {
            let Some(&child) = self.all[*field].children.get(*position) else {
                let (_, _, before) = levels.pop().unwrap_or_default();
                path.truncate(before);
                continue;
            };
            *position += 1;
            let before = path.len();
            path.push(Step::Key(self.all[child].name.clone()));
            let opened = match self.opened[child] {
                Opened::No => 0,
                Opened::Object => self.all[child].objects,
                Opened::Single => self.all[child].singles,
            };
            if opened < self.all[child].seen {
                self.leaf[child] = Some(paths.len());
                paths.push(path.clone());
            }
            match (self.opened[child], self.all[child].only) {
                (Opened::Object, _) => levels.push((child, 0, before)),
                (Opened::Single, Some(only)) => {
                    path.push(Step::Only);
                    levels.push((only, 0, before));
                }
                _ => path.truncate(before),
            }
        }
        paths
    }

    /// An object is opened where it is mostly one with mostly the same keys; an array where it mostly has one of those.
    fn opened_as(&self, number: usize) -> Opened {
        let field = &self.all[number];
        if field.twin {
            Opened::No
        } else if field.seen <= field.objects * 2 && self.is_filled(number) {
            Opened::Object
        } else if field.seen * 8 <= field.singles * 10 && field.only.is_some_and(|only| self.is_filled(only))
        {
            Opened::Single
        } else {
            Opened::No
        }
    }

    fn is_filled(&self, number: usize) -> bool {
        let field = &self.all[number];
        let times = field.objects.max(1);
        // A key that hardly any has costs nothing where it is not.
        let common =
            || field.children.iter().map(|child| self.all[*child].seen).filter(|seen| times <= seen * 10);
        let (keys, filled) = (common().count(), common().sum::<usize>());
        !field.map && keys != 0 && field.children.len() <= 4 * keys + 4 && times * keys * 3 <= filled * 5
    }

    /// Hands out the cells of one row.
    fn gather(&self, tape: &Tape<'a>, row: At, mut cell: impl FnMut(usize, At)) {
        let mut levels = vec![Level { field: 0, position: 0, object: row, inside: tape.inside(row) }];
        while let Some(level) = levels.last_mut() {
            let Some(key) = level.inside.next() else {
                levels.pop();
                continue;
            };
            let Some(value) = level.inside.next() else { return };
            let Some(found) = self.find(tape, key, level.field, level.position) else { return };
            level.position = found + 1;
            let child = self.all[level.field].children[found];
            let inside = match self.opened[child] {
                Opened::Object if tape.is_record(value) => Some((child, value)),
                Opened::Single => {
                    tape.single_record(value).zip(self.all[child].only).map(|(at, only)| (only, at))
                }
                _ => None,
            };
            match (inside, self.leaf[child]) {
                (Some((field, at)), _) => {
                    levels.push(Level { field, position: 0, object: at, inside: tape.inside(at) })
                }
                (None, Some(column)) => cell(column, value),
                (None, None) => {}
            }
        }
    }
}

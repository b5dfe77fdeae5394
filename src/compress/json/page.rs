//! The whole of a text with its arrays of objects as tables: a legend, then the
//! table, or JSON with tables in it.

use super::cut::Cuts;
use super::name::Step;
use super::plain::{self, Length, Sink, Walk};
use super::table::{Form, Role, Table};
use super::tape::{At, Sort, Tape};
use crate::marker;

/// How a table is opened inside JSON, before its number of rows.
pub const TABLE: &str = "<table ";
/// How a table of an object's members is opened.
pub const MAP: &str = "<map ";
/// How a table inside JSON is closed.
pub const END_TABLE: &str = "</table>";
/// How a table of an object's members is closed.
pub const END_MAP: &str = "</map>";
/// How the legend of JSON lines begins, after the marker's opening.
pub const LINES: &str = "JSON lines as a table";
/// How the legend of one array begins.
pub const LIST: &str = "JSON array as a table";
/// How the legend of any other JSON begins.
pub const INSIDE: &str = "JSON with tables in it";

/// A table that was written.
#[derive(Debug)]
pub struct Written<'t, 'a> {
    /// The array or object; for JSON lines the first of them.
    pub at: At,
    /// The place after it.
    pub past: At,
    /// The table.
    pub table: Table<'t, 'a>,
    /// Bytes that each line of a row took, with its line break.
    pub lens: Vec<usize>,
    /// Bytes it took in all.
    pub len: usize,
}

/// A text with tables.
#[derive(Debug, Default)]
pub struct Page<'t, 'a> {
    /// The text, legend and all.
    pub text: String,
    /// Where the first marker of a gap stands, and what it says.
    pub first_gap: Option<(usize, String)>,
    /// The tables in it, in the order of the text.
    pub tables: Vec<Written<'t, 'a>>,
    lens: Vec<usize>,
    row_from: usize,
}

impl Sink for Page<'_, '_> {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn gap(&mut self, what: &str) {
        self.first_gap.get_or_insert_with(|| (self.text.len(), what.to_owned()));
        self.put(&marker::left_out_too(what));
    }

    fn row(&mut self) {
        self.lens.push(self.text.len().saturating_sub(self.row_from));
        self.row_from = self.text.len();
    }
}

/// Writes `tape` with those of its arrays and objects as tables that are shorter so; `None` when there are none.
pub fn write<'t, 'a>(tape: &'t Tape<'a>) -> Option<Page<'t, 'a>> {
    let mut page = Page { text: String::with_capacity(tape.text_len() / 2), ..Page::default() };
    let mut signs = Signs::default();
    let root = *tape.roots().first()?;
    if let Some(table) = outermost(tape) {
        signs.root = Some((table.form, table.rows.len()));
        signs.see(&table);
        let past = if table.form == Form::Lines { tape.end() } else { tape.past(root) };
        write_table(table, (root, past), &mut page);
        page.text.pop();
    } else if let [root] = tape.roots() {
        write_inside(tape, *root, &mut page, &mut signs);
    }
    if page.tables.is_empty() {
        return None;
    }
    page.begin_with(&signs);
    Some(page)
}

/// Writes the same tables again, with what is left out of them.
pub fn rewrite<'t, 'a>(tape: &'t Tape<'a>, tables: &[Written<'t, 'a>], cuts: &Cuts) -> Page<'t, 'a> {
    let mut page = Page::default();
    let mut signs = Signs::default();
    match (tape.roots(), tables) {
        ([root], []) => plain::value(tape, *root, cuts, &mut page),
        ([root], [only]) if only.at == *root && only.table.form == Form::List => {
            signs.root = Some((only.table.form, only.table.rows.len()));
            write_noted(&only.table, only.at, cuts, &mut page);
            page.text.pop();
        }
        ([root], tables) => rewrite_inside(tape, *root, tables, cuts, &mut page, &mut signs),
        (_, [only]) => {
            signs.root = Some((only.table.form, only.table.rows.len()));
            write_noted(&only.table, only.at, cuts, &mut page);
            page.text.pop();
        }
        _ => plain::whole(tape, cuts, &mut page),
    }
    for written in tables {
        signs.see(&written.table);
    }
    if !tables.is_empty() {
        page.begin_with(&signs);
    }
    page
}

impl Page<'_, '_> {
    /// Puts the legend before everything.
    fn begin_with(&mut self, signs: &Signs) {
        let legend = marker::legend(&signs.say()) + "\n";
        self.text.insert_str(0, &legend);
        if let Some((at, _)) = &mut self.first_gap {
            *at += legend.len();
        }
    }
}

/// The table that the whole text is.
fn outermost<'t, 'a>(tape: &'t Tape<'a>) -> Option<Table<'t, 'a>> {
    let table = match tape.roots() {
        [root] if tape.sort(*root) == Sort::Array => Table::of(tape, *root),
        [_] => None,
        _ => Table::of_lines(tape),
    };
    table.filter(|table| matches!(table.form, Form::List | Form::Lines))
}

/// JSON with tables in it.
fn write_inside<'t, 'a>(tape: &'t Tape<'a>, root: At, page: &mut Page<'t, 'a>, signs: &mut Signs) {
    let nothing = Cuts::none();
    let end = tape.past(root);
    let mut walk = Walk::default();
    let mut next = root;
    let mut allowed = TRIES * tape.text_len();
    while next < end {
        walk.before(next, page);
        if tape.is_nest(next) && next.0 + SMALLEST <= tape.past(next).0 {
            let cost = tape.source_len(next);
            if cost <= allowed {
                allowed -= cost;
                if try_table(tape, next, page, signs) {
                    walk.wrote_value();
                    next = tape.past(next);
                    continue;
                }
            }
        }
        next = walk.step(tape, next, &nothing, page);
    }
    walk.before(end, page);
}

/// JSON with the same tables in it.
fn rewrite_inside(
    tape: &Tape<'_>,
    root: At,
    tables: &[Written<'_, '_>],
    cuts: &Cuts,
    page: &mut Page<'_, '_>,
    signs: &mut Signs,
) {
    let end = tape.past(root);
    let mut walk = Walk::default();
    let mut next = root;
    let mut tables = tables.iter().peekable();
    while next < end {
        walk.before(next, page);
        while tables.next_if(|written| written.at < next).is_some() {}
        match tables.next_if(|written| written.at == next && cuts.at(next).is_none()) {
            Some(written) => {
                signs.see_map(written.table.form);
                let close = open_table(&written.table, page);
                write_noted(&written.table, next, cuts, page);
                page.put(close);
                walk.wrote_value();
                next = written.past;
            }
            None => next = walk.step(tape, next, cuts, page),
        }
    }
    walk.before(end, page);
}

/// Arrays and objects of fewer values than this are not tried.
const SMALLEST: u32 = 13;

/// So many times the text's length is looked at, in all tries together.
const TRIES: usize = 6;

/// Writes the array or object at `at` as a table; false when it makes none, or none that is shorter by an eighth.
fn try_table<'t, 'a>(tape: &'t Tape<'a>, at: At, page: &mut Page<'t, 'a>, signs: &mut Signs) -> bool {
    let Some(table) = Table::of(tape, at) else { return false };
    let start = page.text.len();
    let before = *signs;
    signs.see(&table);
    signs.see_map(table.form);
    let close = open_table(&table, page);
    write_table(table, (at, tape.past(at)), page);
    page.put(close);
    let mut plain = Length(0);
    plain::value(tape, at, &Cuts::none(), &mut plain);
    if (page.text.len() - start) * 8 < plain.0 * 7 {
        return true;
    }
    page.text.truncate(start);
    page.tables.pop();
    *signs = before;
    false
}

/// Opens a table inside JSON; how it is closed.
fn open_table(table: &Table<'_, '_>, page: &mut Page<'_, '_>) -> &'static str {
    let (open, close) =
        if matches!(table.form, Form::Map | Form::Maps) { (MAP, END_MAP) } else { (TABLE, END_TABLE) };
    page.put(&format!("{open}{} rows>\n", table.rows.len()));
    close
}

/// Writes a table of which nothing is left out, and keeps it.
fn write_table<'t, 'a>(table: Table<'t, 'a>, (at, past): (At, At), page: &mut Page<'t, 'a>) {
    let start = page.text.len();
    page.lens.clear();
    page.row_from = start;
    table.write(&Cuts::none(), page);
    let len = page.text.len() - start;
    // The first is what stands above the rows.
    let lens = page.lens.drain(..).skip(1).collect();
    page.tables.push(Written { at, past, table, lens, len });
}

fn write_noted(table: &Table<'_, '_>, at: At, cuts: &Cuts, page: &mut Page<'_, '_>) {
    if let Some(note) = cuts.note_on(at) {
        page.put(&marker::legend(note));
        page.put("\n");
    }
    table.write(cuts, page);
}

/// Which signs a text uses: only those are explained.
#[derive(Clone, Copy, Debug, Default)]
struct Signs {
    root: Option<(Form, usize)>,
    map: bool,
    maps: bool,
    groups: bool,
    arrays: bool,
    only: bool,
    absent: bool,
    opened: bool,
    shaped: bool,
    texts: bool,
    prefix: bool,
    shared: bool,
    derived: bool,
    ends: bool,
    odd: bool,
}

impl Signs {
    fn see_map(&mut self, form: Form) {
        self.map |= matches!(form, Form::Map | Form::Maps);
        self.maps |= form == Form::Maps;
    }

    fn see(&mut self, table: &Table<'_, '_>) {
        self.groups |= table.form == Form::Groups;
        self.arrays |= table.form == Form::Arrays;
        self.odd |= table.grid.odd.contains(&true);
        for (number, column) in table.columns.iter().enumerate() {
            self.opened |= 1 < table.grid.paths[number].len();
            self.only |= table.grid.paths[number].contains(&Step::Only);
            match &column.role {
                Role::Always(_) => self.shared = true,
                Role::Usually(_) | Role::Seldom => (self.shared, self.ends) = (true, true),
                Role::Derived(_) => (self.shared, self.derived) = (true, true),
                Role::Cells { holds, prefix, shape } => {
                    self.shaped |= *shape != super::shape::Shape::Any;
                    self.prefix |= !prefix.is_empty();
                    self.texts |= prefix.is_empty() && *holds == super::cell::Holds::Texts;
                    self.absent |= table
                        .grid
                        .column(number)
                        .zip(&table.grid.odd)
                        .any(|(cell, odd)| cell.is_none() && !odd);
                }
            }
        }
    }

    /// The legend, without its brackets.
    fn say(&self) -> String {
        let mut said = match self.root {
            Some((Form::Lines, rows)) => format!("{LINES}, {rows} rows"),
            Some((_, rows)) => format!("{LIST}, {rows} rows"),
            None => INSIDE.to_owned(),
        };
        said.push_str(": a line of keys, then one object a line, tab between cells");
        let parts = [
            (self.map, "<map> is an object, its keys in the first column"),
            (self.maps, "of objects of objects, the keys inside those in the second"),
            (self.groups, "(array) numbers the inner arrays"),
            (self.arrays, "#1, #2: rows that are arrays, not objects"),
            (self.opened, "a.b is b inside a"),
            (self.only, "a.0.b is b in the one item of the array a"),
            (self.shared, "what rows share stands above them, as place:key=value"),
            (self.derived, "{key} there is the row's own value"),
            (self.ends, "a row's {…} at its end holds its other keys"),
            (self.absent, "- no such key"),
            (
                self.shaped,
                "k[x,y]: objects with keys x, y, each given as an array; k[x,z=1]: z is 1 in all of them",
            ),
            (self.texts, "k:text holds strings"),
            (self.prefix, "k=P*: put P before the cell"),
            (self.odd, "a line of JSON is a row that fits no column"),
        ];
        for (used, part) in parts {
            if used {
                said.push_str("; ");
                said.push_str(part);
            }
        }
        said
    }
}

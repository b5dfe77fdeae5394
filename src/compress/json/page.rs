//! The whole of a text with its arrays of objects as tables: a legend, then the
//! table, or JSON with tables in it.

use super::cut::Cuts;
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

/// A table that was written: its place, its rows, its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// The array or object; for JSON lines the first of them.
    pub at: At,
    /// Bytes it took.
    pub len: usize,
}

/// A text with tables.
#[derive(Debug, Default)]
pub struct Page {
    /// The text, legend and all.
    pub text: String,
    /// Where the first marker of a gap stands, and what it says.
    pub first_gap: Option<(usize, String)>,
    /// The tables in it.
    pub tables: Vec<Written>,
}

impl Sink for Page {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn gap(&mut self, what: &str) {
        self.first_gap.get_or_insert_with(|| (self.text.len(), what.to_owned()));
        self.put(&marker::left_out_too(what));
    }
}

/// Writes `tape` with its tables; `None` when there are none.
pub fn write(tape: &Tape<'_>, cuts: &Cuts) -> Option<Page> {
    let mut page = Page { text: String::with_capacity(tape.text_len() / 2), ..Page::default() };
    let mut signs = Signs::default();
    let root = *tape.roots().first()?;
    if let Some(table) = outermost(tape) {
        write_table(&table, root, cuts, &mut page, &mut signs);
        signs.root = Some((table.form, table.rows.len()));
        page.text.truncate(page.text.trim_end_matches('\n').len());
    } else if let [root] = tape.roots() {
        write_inside(tape, *root, cuts, &mut page, &mut signs);
    }
    if page.tables.is_empty() {
        return None;
    }
    let mut legend = marker::legend(&signs.say());
    legend.push('\n');
    page.text.insert_str(0, &legend);
    if let Some((at, _)) = &mut page.first_gap {
        *at += legend.len();
    }
    Some(page)
}

/// The table that the whole text is.
fn outermost<'t, 'a>(tape: &'t Tape<'a>) -> Option<Table<'t, 'a>> {
    let table = match tape.roots() {
        [root] if tape.sort(*root) == Sort::Array => Table::of(tape, *root),
        [_] => None,
        _ => Table::of_lines(tape),
    };
    table.filter(|table| table.form != Form::Groups)
}

/// The table that was written for the value at `at`.
pub fn table_at<'t, 'a>(tape: &'t Tape<'a>, at: At) -> Option<Table<'t, 'a>> {
    if tape.roots().len() == 1 { Table::of(tape, at) } else { Table::of_lines(tape) }
}

/// The place after the table at `at`.
pub fn past(tape: &Tape<'_>, at: At) -> At {
    if tape.roots().len() == 1 { tape.past(at) } else { tape.end() }
}

/// JSON with tables in it.
fn write_inside(tape: &Tape<'_>, root: At, cuts: &Cuts, page: &mut Page, signs: &mut Signs) {
    let end = tape.past(root);
    let mut walk = Walk::default();
    let mut next = root;
    let mut allowed = TRIES * tape.text_len();
    while next < end {
        walk.before(next, page);
        let small = tape.past(next).0 - next.0 < SMALLEST;
        if !small && tape.is_nest(next) && cuts.at(next).is_none() {
            let cost = tape.source_len(next);
            if cost <= allowed && tape.source_len(next) != 0 {
                allowed -= cost;
                if try_table(tape, next, cuts, page, signs) {
                    walk.wrote_value();
                    next = tape.past(next);
                    continue;
                }
            }
        }
        next = walk.step(tape, next, cuts, page);
    }
    walk.before(end, page);
}

/// Arrays and objects of fewer values than this are not tried.
const SMALLEST: u32 = 13;

/// So many times the text's length is looked at, in all tries together.
const TRIES: usize = 6;

/// Writes the array or object at `at` as a table; false when it makes none, or none that is shorter.
fn try_table(tape: &Tape<'_>, at: At, cuts: &Cuts, page: &mut Page, signs: &mut Signs) -> bool {
    let Some(table) = Table::of(tape, at) else { return false };
    let (start, gap, before) = (page.text.len(), page.first_gap.clone(), *signs);
    let (open, close) = if table.form == Form::Map { (MAP, END_MAP) } else { (TABLE, END_TABLE) };
    page.put(open);
    page.put(&format!("{} rows>\n", table.rows.len()));
    write_table(&table, at, cuts, page, signs);
    page.put(close);
    let mut plain = Length(0);
    plain::value(tape, at, cuts, &mut plain);
    if (page.text.len() - start) * 8 < plain.0 * 7 {
        signs.inside = true;
        signs.map |= table.form == Form::Map;
        return true;
    }
    page.text.truncate(start);
    page.first_gap = gap;
    page.tables.pop();
    *signs = before;
    false
}

fn write_table(table: &Table<'_, '_>, at: At, cuts: &Cuts, page: &mut Page, signs: &mut Signs) {
    signs.see(table);
    let start = page.text.len();
    if let Some(note) = cuts.note_on(at) {
        page.put(&marker::legend(note));
        page.put("\n");
    }
    table.write(cuts, page);
    page.tables.push(Written { at, len: page.text.len() - start });
}

/// Which signs a text uses: only those are explained.
#[derive(Clone, Copy, Debug, Default)]
struct Signs {
    root: Option<(Form, usize)>,
    inside: bool,
    map: bool,
    groups: bool,
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
    fn see(&mut self, table: &Table<'_, '_>) {
        self.groups |= table.form == Form::Groups;
        self.odd |= table.grid.odd.contains(&true);
        for (number, column) in table.columns.iter().enumerate() {
            self.opened |= 1 < table.grid.paths[number].len();
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
            (self.groups, "(array) numbers the inner arrays"),
            (self.opened, "a.b is b inside a"),
            (self.shared, "what rows share stands above them, as place:key=value"),
            (self.derived, "{key} there is the row's own value"),
            (self.ends, "a row's {…} at its end holds its other keys"),
            (self.absent, "- no such key"),
            (self.shaped, "k[x,y]: objects with keys x, y, each given as an array"),
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

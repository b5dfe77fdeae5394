//! The names of the rows that are left out: what an agent would hand on next,
//! and the short text by which a reader knows them.
//!
//! Columns are taken one by one, the surest name first, as long as all they say
//! has room. *Invariant:* a value that is said is said letter for letter; one
//! that is too long ends with `…`.

use super::name::Step;
use super::select::gaps;
use super::table::{Form, Role, Table};
use super::tape::Sort;
use std::borrow::Cow;
use std::collections::HashSet;

/// Keys that name a row, the surest first.
const NAMES: &[&str] = &[
    "id", "key", "number", "name", "uuid", "uid", "sku", "slug", "path", "login", "username", "email",
    "hash", "sha",
];

/// Keys that say what a row is about.
const TITLES: &[&str] = &["title", "summary", "subject", "headline", "label", "display_name", "displayname"];

/// Most columns that name one row.
const MOST: usize = 4;

/// Longest value that is said whole, in bytes.
const LONGEST: usize = 120;

/// Longer values on average, in bytes, are no names.
const USUAL: usize = 90;

/// What a marker says beside the names, in bytes a row.
const BESIDE: usize = 3;

/// How much may be said about the rows that are left out, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// For the surest name.
    pub first: usize,
    /// For all columns together.
    pub all: usize,
}

/// Says of each gap which rows it hides; empty where they have no names that fit into `room`.
pub fn of_gaps(table: &Table<'_, '_>, kept: &[bool], room: Room) -> Vec<String> {
    if table.form == Form::Groups {
        return Vec::new();
    }
    let gaps = gaps(kept);
    let names = Names::of(table, &gaps, room);
    if names.columns.is_empty() {
        return Vec::new();
    }
    gaps.into_iter().map(|(from, to)| names.say(from, to)).collect()
}

/// The columns that name the rows.
struct Names<'n, 't, 'a> {
    table: &'n Table<'t, 'a>,
    columns: Vec<Name>,
}

/// A column that names rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    /// The keys of a map.
    Key,
    /// The column of this number.
    Column(usize),
}

/// How sure a column is to name rows, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// By its key, and every row has another.
    Named(usize),
    /// It says what the row is about.
    Title(usize),
    /// Every row has another, though its key says nothing.
    Different(usize),
    /// A code that says nothing to a reader.
    Opaque(usize),
}

impl<'n, 't, 'a> Names<'n, 't, 'a> {
    fn of(table: &'n Table<'t, 'a>, gaps: &[(usize, usize)], room: Room) -> Names<'n, 't, 'a> {
        let mut names = Names { table, columns: Vec::new() };
        let mut ranked: Vec<(Rank, Name)> = (0..table.columns.len())
            .filter_map(|number| Some((rank(table, number)?, Name::Column(number))))
            .collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        if table.form == Form::Map {
            ranked.insert(0, (Rank::Named(0), Name::Key));
        }
        let mut left = room;
        for (rank, name) in ranked {
            let first = names.columns.is_empty();
            let is_spare = !first && matches!(rank, Rank::Opaque(_));
            if is_spare || names.columns.len() == MOST {
                break;
            }
            let cost = names.cost(name, gaps);
            if cost <= if first { left.first.max(left.all) } else { left.all } {
                left.all = left.all.saturating_sub(cost);
                names.columns.push(name);
            }
        }
        names
    }

    /// Bytes that a column takes in all gaps.
    fn cost(&self, name: Name, gaps: &[(usize, usize)]) -> usize {
        if self.columns.is_empty() {
            // Alone, numbers in a row are said as a range.
            return gaps.iter().map(|(from, to)| self.listed(name, *from, *to).len()).sum();
        }
        gaps.iter().flat_map(|(from, to)| *from..*to).map(|row| self.cell(name, row).len() + BESIDE).sum()
    }

    fn say(&self, from: usize, to: usize) -> String {
        let called: Vec<&str> = self.columns.iter().map(|name| self.called(*name)).collect();
        let called = called.join(" | ");
        if let [only] = self.columns[..] {
            return format!("{called} {}", self.listed(only, from, to));
        }
        let row = |row: usize| {
            let cells: Vec<Cow<'_, str>> = self.columns.iter().map(|name| self.cell(*name, row)).collect();
            cells.join(" | ")
        };
        let rows: Vec<String> = (from..to).map(row).collect();
        format!("{called}: {}", rows.join("; "))
    }

    fn listed(&self, name: Name, from: usize, to: usize) -> String {
        let cells: Vec<Cow<'_, str>> = (from..to).map(|row| self.cell(name, row)).collect();
        in_short(&cells)
    }

    fn called(&self, name: Name) -> &str {
        match name {
            Name::Key => "key",
            Name::Column(number) => &self.table.columns[number].name,
        }
    }

    /// What the column says of a row; `-` when nothing can be said.
    fn cell(&self, name: Name, row: usize) -> Cow<'a, str> {
        let at = match name {
            Name::Key => self.table.rows[row].key,
            Name::Column(number) => self.table.grid.cell(number, row),
        };
        match at {
            Some(at) if !self.table.tape.is_nest(at) => sayable(self.table.tape.said(at)),
            _ => Cow::Borrowed("-"),
        }
    }
}

/// How well a column names the rows; `None` when it does not.
fn rank(table: &Table<'_, '_>, number: usize) -> Option<Rank> {
    let column = &table.columns[number];
    if !matches!(column.role, Role::Cells { .. }) || column.name.contains('"') {
        return None;
    }
    let path = &table.grid.paths[number];
    let last = path.last().map_or("", Step::key).to_lowercase();
    let known = NAMES.iter().position(|name| *name == last);
    let known = known.or((last.ends_with("id") || last.ends_with("name")).then_some(NAMES.len()));
    let title = TITLES.contains(&last.as_str());
    let place = 64 * path.len() + number.min(63);
    let (mut rows, mut said, mut bytes, mut opaque, mut spaced) = (0usize, 0usize, 0usize, 0usize, 0usize);
    let mut seen: HashSet<&str> = HashSet::new();
    for (row, odd) in table.grid.odd.iter().enumerate() {
        if *odd {
            continue;
        }
        rows += 1;
        let Some(at) = table.grid.cell(number, row) else { continue };
        match table.tape.sort(at) {
            Sort::Text | Sort::Escaped => {}
            Sort::Number if known.is_some() => {}
            Sort::Null => continue,
            _ => return None,
        }
        let spelled = table.tape.spelled(at);
        said += 1;
        bytes += spelled.len();
        opaque += usize::from(is_opaque(spelled));
        spaced += usize::from(spelled.contains(' '));
        seen.insert(spelled);
    }
    if said * 10 < rows * 8 || said * USUAL < bytes {
        return None;
    }
    let (different, opaque) = (seen.len(), said < opaque * 2);
    if known.is_some() || title {
        return match known {
            Some(known) if said * 9 <= different * 10 && !opaque => Some(Rank::Named(known + place)),
            Some(known) if said * 9 <= different * 10 => Some(Rank::Opaque(known + place)),
            None if said < different * 2 => Some(Rank::Title(place)),
            _ => None,
        };
    }
    let is_time = seen.iter().next().is_some_and(|said| super::column::is_time(said));
    let usual = bytes / said.max(1);
    match (opaque, is_time) {
        _ if different * 10 < said * 9 => None,
        (true, _) => Some(Rank::Opaque(512 + place)),
        (false, false) if said <= spaced * 2 => Some(Rank::Title(8 + place)),
        (false, false) if usual <= 40 => Some(Rank::Different(place)),
        _ => None,
    }
}

/// True for a code: long, of letters and digits mixed, of no word.
fn is_opaque(said: &str) -> bool {
    let digits = said.bytes().filter(u8::is_ascii_digit).count();
    let parts = said.split(|char: char| !char.is_ascii_alphanumeric());
    let longest = parts.map(str::len).max().unwrap_or(0);
    16 <= said.len() && 12 <= longest && 2 <= digits && digits < said.len() && !said.contains(' ')
}

/// True for what can stand in a list of names as it is.
pub fn is_sayable(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 80
        && !id.contains(|char: char| char.is_control() || matches!(char, '"' | '\\' | ',' | ';' | ']'))
}

/// A value in one line, cut where it is too long.
fn sayable(said: Cow<'_, str>) -> Cow<'_, str> {
    if said.is_empty() {
        return Cow::Borrowed("\"\"");
    }
    let stop = said.find(|char: char| char.is_control()).unwrap_or(said.len());
    if stop == said.len() && said.len() <= LONGEST {
        return said;
    }
    let end = (0..=stop.min(LONGEST)).rev().find(|end| said.is_char_boundary(*end)).unwrap_or(0);
    Cow::Owned(format!("{}…", &said[..end]))
}

/// `1003–1063, 1070`: numbers in a row as a range, all others one by one.
pub fn in_short<S: AsRef<str>>(ids: &[S]) -> String {
    let number = |id: &S| {
        let id = id.as_ref();
        let is_plain = id == "0" || !id.starts_with('0') && id.bytes().all(|byte| byte.is_ascii_digit());
        if is_plain { id.parse::<u64>().ok() } else { None }
    };
    let numbers: Vec<Option<u64>> = ids.iter().map(number).collect();
    let mut said = String::new();
    let mut index = 0;
    while index < ids.len() {
        let mut end = index;
        let mut falls = false;
        if let (Some(first), Some(Some(second))) = (numbers[index], numbers.get(index + 1)) {
            falls = *second < first;
            let next = |steps: u64| if falls { first.checked_sub(steps) } else { first.checked_add(steps) };
            while numbers
                .get(end + 1)
                .is_some_and(|number| number.is_some() && *number == next((end + 1 - index) as u64))
            {
                end += 1;
            }
        }
        if !said.is_empty() {
            said.push_str(", ");
        }
        said.push_str(ids[index].as_ref());
        if end - index < 2 {
            end = index;
        } else {
            said.push('–');
            said.push_str(ids[end].as_ref());
        }
        index = end + 1;
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_a_row_are_a_range() {
        let said = |ids: &[&str]| in_short(ids);
        assert_eq!(said(&["1003", "1004", "1005", "1009"]), "1003–1005, 1009");
        assert_eq!(said(&["9", "8", "7", "2"]), "9–7, 2");
        assert_eq!(said(&["1", "2", "4"]), "1, 2, 4");
        assert_eq!(said(&["01", "02", "03"]), "01, 02, 03");
        assert_eq!(said(&["web", "db"]), "web, db");
        assert_eq!(said(&["18446744073709551615"]), "18446744073709551615");
    }

    #[test]
    fn a_code_is_told_from_a_word() {
        for code in ["MDQ6VXNlcjQAieBobXmGU4", "5f3a9c0d17e2b4486aa0", "ch_0a1b2c3d4e5f6071"] {
            assert!(is_opaque(code), "{code}");
        }
        for word in
            ["checkout-service-7", "Worker deadlocks when 3 leases expire", "2045472703", "noor.abe123"]
        {
            assert!(!is_opaque(word), "{word}");
        }
    }
}

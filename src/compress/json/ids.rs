//! The names of the rows that are left out: what an agent would hand on next,
//! and the short text by which a reader knows them.
//!
//! Columns are taken one by one, the surest name first, as long as all they say
//! has room. *Invariant:* a value that is said is said letter for letter; one
//! that is too long ends with `…`.

use super::column;
use super::deep::Way;
use super::name::Step;
use super::select::gaps;
use super::table::{Form, Role, Table};
use super::tape::{At, Sort, Tape};
use super::wording;
use std::borrow::Cow;
use std::collections::HashSet;

/// Keys that name a row, the surest first.
const NAMES: &[&str] = &[
    "id", "key", "number", "name", "uuid", "uid", "sku", "slug", "path", "login", "username", "email",
    "hash", "sha",
];

/// Keys that say what a row is about.
const TITLES: &[&str] = &["title", "summary", "subject", "headline", "label", "display_name", "displayname"];

/// How other keys that name a row end.
const NAME_ENDS: &[&str] = &["id", "name", "key", "number", "seq", "step", "index", "offset", "ref", "code"];

/// Inside cells, so many values a row may name it.
const MOST_INSIDE: usize = 4;

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
    /// For codes that say nothing to a reader.
    pub codes: usize,
}

/// Says of each gap which rows it hides; empty where they have no names that fit into `room`.
pub fn of_gaps(table: &Table<'_, '_>, ways: &[Way], kept: &[bool], room: Room) -> Vec<String> {
    if matches!(table.form, Form::Groups | Form::Maps) {
        return Vec::new();
    }
    let gaps = gaps(kept);
    let names = Names::of(table, ways, &gaps, room);
    if names.columns.is_empty() {
        return Vec::new();
    }
    gaps.into_iter().map(|(from, to)| names.say(from, to)).collect()
}

/// Says of each gap which members of a map of maps it hides; empty where that takes more than `bytes`.
pub fn of_maps(table: &Table<'_, '_>, kept: &[bool], bytes: usize) -> Vec<String> {
    let mut keys: Vec<Cow<'_, str>> = Vec::new();
    for row in &table.rows {
        if let (Some(key), true) = (row.key, row.group == keys.len()) {
            keys.push(sayable(table.tape.said(key)));
        }
    }
    let say = |(from, to): (usize, usize)| {
        keys.get(from..to).map_or_else(String::new, |keys| format!("key {}", keys.join(", ")))
    };
    let said: Vec<String> = gaps(kept).into_iter().map(say).collect();
    if said.iter().map(String::len).sum::<usize>() <= bytes { said } else { Vec::new() }
}

/// The columns that name the rows.
struct Names<'n, 't, 'a> {
    table: &'n Table<'t, 'a>,
    columns: Vec<Name<'n>>,
}

/// What names rows.
#[derive(Debug)]
struct Name<'n> {
    called: &'n str,
    source: Source<'n>,
    /// Said by itself, numbers in a row as a range.
    apart: bool,
}

/// Where a name stands.
#[derive(Clone, Debug)]
enum Source<'n> {
    /// The keys of a map.
    Key,
    /// The column of this number.
    Column(usize),
    /// Inside cells: the way, and for each row where its values begin.
    Inside(&'n Way, Vec<usize>),
}

/// How sure a name is: the smallest place first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    is_code: bool,
    place: usize,
}

impl<'n, 't, 'a> Names<'n, 't, 'a> {
    fn of(
        table: &'n Table<'t, 'a>,
        ways: &'n [Way],
        gaps: &[(usize, usize)],
        room: Room,
    ) -> Names<'n, 't, 'a> {
        let mut names = Names { table, columns: Vec::new() };
        let mut ranked: Vec<(Rank, &str, Source<'_>)> = Vec::new();
        if table.form == Form::Map {
            ranked.push((Rank { is_code: false, place: 0 }, "key", Source::Key));
        }
        for (number, column) in table.columns.iter().enumerate() {
            if let Some(rank) = rank(table, number) {
                ranked.push((rank, &column.name, Source::Column(number)));
            }
        }
        for way in ways {
            if let Some(rank) = rank_inside(table, way) {
                ranked.push((rank, &way.name, Source::Inside(way, starts(way, table.rows.len()))));
            }
        }
        ranked.sort_by_key(|(rank, ..)| *rank);
        let (mut left, mut for_codes, mut is_worded) = (room.all, room.codes, false);
        for (rank, called, source) in ranked {
            let most = match (rank.is_code, names.columns.is_empty()) {
                (true, _) => for_codes,
                (false, true) => room.first.max(left),
                (false, false) => left,
            };
            let name = names.named(called, source, gaps);
            let cost = names.cost(&name, gaps);
            if cost <= most {
                is_worded |= !rank.is_code;
                left = left.saturating_sub(cost);
                // One code beside a name will do.
                for_codes = if is_worded && rank.is_code { 0 } else { for_codes.saturating_sub(cost) };
                names.columns.push(name);
            }
            if names.columns.len() == MOST {
                break;
            }
        }
        if let [only] = &mut names.columns[..] {
            only.apart = true;
        }
        names
    }

    /// Decides whether a name is said apart from the others: where ranges make it half as long.
    fn named(&self, called: &'n str, source: Source<'n>, gaps: &[(usize, usize)]) -> Name<'n> {
        let mut name = Name { called, source, apart: false };
        let in_rows = self.cost(&name, gaps);
        name.apart = true;
        name.apart = self.cost(&name, gaps) * 2 < in_rows;
        name
    }

    /// Bytes that a name takes in all gaps.
    fn cost(&self, name: &Name<'_>, gaps: &[(usize, usize)]) -> usize {
        if name.apart {
            return gaps.iter().map(|(from, to)| self.listed(name, *from, *to).len()).sum();
        }
        gaps.iter().flat_map(|(from, to)| *from..*to).map(|row| self.cell(name, row).len() + BESIDE).sum()
    }

    fn say(&self, from: usize, to: usize) -> String {
        let mut parts: Vec<String> = Vec::new();
        for name in self.columns.iter().filter(|name| name.apart) {
            parts.push(format!("{} {}", name.called, self.listed(name, from, to)));
        }
        let beside: Vec<&Name<'_>> = self.columns.iter().filter(|name| !name.apart).collect();
        if !beside.is_empty() {
            let called: Vec<&str> = beside.iter().map(|name| name.called).collect();
            let row = |row: usize| {
                let cells: Vec<Cow<'_, str>> = beside.iter().map(|name| self.cell(name, row)).collect();
                cells.join(" | ")
            };
            let rows: Vec<String> = (from..to).map(row).collect();
            parts.push(format!("{}: {}", called.join(" | "), rows.join("; ")));
        }
        parts.join("; ")
    }

    fn listed(&self, name: &Name<'_>, from: usize, to: usize) -> String {
        let cells: Vec<Cow<'_, str>> = (from..to).map(|row| self.cell(name, row)).collect();
        in_short(&cells)
    }

    /// What the name is in a row; `-` when nothing can be said.
    fn cell(&self, name: &Name<'_>, row: usize) -> Cow<'a, str> {
        let tape = self.table.tape;
        let at = match &name.source {
            Source::Key => self.table.rows[row].key,
            Source::Column(number) => self.table.grid.cell(*number, row),
            Source::Inside(way, starts) => {
                let inside = &way.cells[starts[row]..starts[row + 1]];
                if let [(_, Some(first)), _, ..] = inside {
                    let more = inside[1..].iter().filter_map(|(_, at)| *at).map(|at| sayable(tape.said(at)));
                    let all: Vec<Cow<'_, str>> =
                        std::iter::once(sayable(tape.said(*first))).chain(more).collect();
                    return Cow::Owned(all.join(", "));
                }
                inside.first().and_then(|(_, at)| *at)
            }
        };
        match at {
            Some(at) if !tape.is_nest(at) => sayable(tape.said(at)),
            _ => Cow::Borrowed("-"),
        }
    }
}

/// Where the values of each row begin; the rows of a way's cells rise.
fn starts(way: &Way, rows: usize) -> Vec<usize> {
    (0..=rows).map(|row| way.cells.partition_point(|(of, _)| *of < row)).collect()
}

/// What is seen of the values that might name rows.
#[derive(Debug, Default)]
struct Seen<'s> {
    said: usize,
    bytes: usize,
    codes: usize,
    spaced: usize,
    worded: usize,
    times: usize,
    different: HashSet<&'s str>,
}

impl<'s> Seen<'s> {
    /// False for what names nothing: an object, a truth, a number that is no id.
    fn see(&mut self, tape: &Tape<'s>, at: At, is_id: bool) -> bool {
        match tape.sort(at) {
            Sort::Text | Sort::Escaped => {}
            Sort::Number if is_id => {}
            Sort::Null => return true,
            _ => return false,
        }
        let spelled = tape.spelled(at);
        self.said += 1;
        self.bytes += spelled.len();
        self.codes += usize::from(is_opaque(spelled));
        self.spaced += usize::from(spelled.contains(' '));
        self.worded +=
            usize::from(spelled.bytes().any(|byte| byte.is_ascii_alphabetic()) || !spelled.is_ascii());
        self.times += usize::from(column::is_time(spelled));
        self.different.insert(spelled);
        true
    }
}

/// The place of a key among those that name rows.
fn known(last: &str) -> Option<usize> {
    let known = NAMES.iter().position(|name| *name == last);
    known.or(NAME_ENDS.iter().any(|end| last.ends_with(end)).then_some(NAMES.len()))
}

/// How well a column names the rows; `None` when it does not.
fn rank(table: &Table<'_, '_>, number: usize) -> Option<Rank> {
    let column = &table.columns[number];
    if !matches!(column.role, Role::Cells { .. }) || column.name.contains('"') {
        return None;
    }
    let path = &table.grid.paths[number];
    let last = path.last().map_or("", Step::key).to_lowercase();
    let known = known(&last);
    let mut seen = Seen::default();
    for at in table.grid.column(number).flatten() {
        if !seen.see(table.tape, at, known.is_some()) {
            return None;
        }
    }
    let rows = table.grid.odd.iter().filter(|odd| !**odd).count();
    if seen.said * 10 < rows * 8 || seen.said * USUAL < seen.bytes {
        return None;
    }
    let place = 64 * path.len() + number.min(31);
    let is_code = seen.said < seen.codes * 2;
    let all_differ = seen.said * 9 <= seen.different.len() * 10;
    if let Some(known) = known {
        return all_differ.then_some(Rank { is_code, place: known + place });
    }
    if is_code || seen.said < seen.times * 2 || seen.worded * 10 < seen.said * 9 {
        return None;
    }
    let is_title = TITLES.contains(&last.as_str()) && seen.said < seen.different.len() * 2;
    if is_title {
        return Some(Rank { is_code, place: 3 + place });
    }
    let is_text = seen.said < seen.spaced * 2;
    let is_word = seen.bytes <= seen.said * 40;
    let texts = || table.grid.column(number).flatten().map(|at| table.tape.spelled(at)).collect::<Vec<_>>();
    let says_much = all_differ && (is_word || is_text) && !(is_text && wording::is_worded(&texts()));
    says_much.then_some(Rank { is_code, place: 32 + place })
}

/// How well what stands inside the cells names the rows.
fn rank_inside(table: &Table<'_, '_>, way: &Way) -> Option<Rank> {
    let known = known(&way.last)?;
    if way.name.contains('"') || table.rows.len() * MOST_INSIDE < way.cells.len() {
        return None;
    }
    let mut seen = Seen::default();
    if !way.cells.iter().all(|(_, at)| at.is_none_or(|at| seen.see(table.tape, at, true))) {
        return None;
    }
    let depth = way.name.split(['.', '[']).count();
    let is_code = seen.said < seen.codes * 2;
    let names = table.rows.len() * 8 <= seen.said * 10
        && seen.said * 9 <= seen.different.len() * 10
        && seen.bytes <= seen.said * USUAL;
    names.then_some(Rank { is_code, place: 32 + known + 64 * depth })
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
        if let (Some(first), Some(Some(second))) = (numbers[index], numbers.get(index + 1)) {
            let falls = *second < first;
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

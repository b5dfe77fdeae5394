//! Tables that are drawn with letters: Markdown, a database's boxes, columns under a rule or under
//! a header in capitals (`ps`, `kubectl get`, `docker ps`).

use super::{Cut, LEAST, Row, Table};
use std::borrow::Cow;

/// Letters that rules are drawn with.
const RULE: &str = "-+|:= \t─━┼│┃├┤┬┴┌┐└┘╞╡╪═";

/// Columns that a table without a rule has at least: two words over each other are none.
const HEADED: usize = 3;

/// The longest table with a rule under its header.
pub(super) fn ruled(text: &str) -> Option<Table<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut best: Option<Table<'_>> = None;
    let mut at = 0;
    while at + 1 < lines.len() {
        let Some(table) = under(&lines, at) else {
            at += 1;
            continue;
        };
        at += 2 + table.rows().len();
        if LEAST <= table.rows().len()
            && best.as_ref().is_none_or(|best| best.rows().len() < table.rows().len())
        {
            best = Some(table);
        }
    }
    best
}

/// The table whose header is the line `at`.
fn under<'a>(lines: &[&'a str], at: usize) -> Option<Table<'a>> {
    let (line, rule) = (lines[at], lines[at + 1]);
    if is_rule(line) || !is_rule(rule) {
        return None;
    }
    let cut = if line.contains(['|', '│', '┃']) {
        Cut::Bars
    } else {
        let places = begins(rule, 1);
        if places.len() < 2 {
            return None;
        }
        Cut::Places(places)
    };
    let header: Vec<Cow<'a, str>> = cut.values(line).into_iter().map(Cow::Borrowed).collect();
    let rest = &lines[at + 2..];
    let length = match cut {
        Cut::Bars => rest.iter().position(|row| !row.contains(['|', '│', '┃']) && !is_rule(row)),
        _ => rest.iter().position(|row| row.trim().is_empty()),
    };
    let rows = &rest[..length.unwrap_or(rest.len())];
    let rows = rows.iter().filter(|row| !is_rule(row)).map(|row| Row::of(row)).collect();
    (1 < header.len()).then_some(Table::Lines { header, line, cut, rows })
}

fn is_rule(line: &str) -> bool {
    let dashes = line.chars().filter(|letter| "-─━═=".contains(*letter)).count();
    2 < dashes && line.chars().all(|letter| RULE.contains(letter))
}

/// A table under a header in capitals, its columns told by where they begin, or by words.
pub(super) fn headed(text: &str) -> Option<Table<'_>> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let line = lines.next()?;
    let small = line.chars().filter(|letter| letter.is_lowercase()).count();
    let capitals = line.chars().filter(|letter| letter.is_uppercase()).count();
    if capitals < 2 * small + HEADED {
        return None;
    }
    let rows: Vec<Row<'_>> = lines.map(Row::of).collect();
    let most = |fits: &dyn Fn(&str) -> bool| {
        LEAST <= rows.len() && rows.len() * 9 <= rows.iter().filter(|row| fits(row.text)).count() * 10
    };
    let places = begins(line, 2);
    let columns = line.split_whitespace().count();
    let cut = if HEADED <= places.len() && most(&|row| stands_at(row, &places)) {
        Cut::Places(places)
    } else if HEADED <= columns && most(&|row| columns <= row.split_whitespace().count()) {
        Cut::Words(columns)
    } else {
        return None;
    };
    let header = cut.values(line).into_iter().map(Cow::Borrowed).collect();
    Some(Table::Lines { header, line, cut, rows })
}

/// Where the words of a line begin that stand `apart` blanks from the one before.
fn begins(line: &str, apart: usize) -> Vec<usize> {
    let (mut places, mut blanks) = (Vec::new(), apart);
    for (place, letter) in line.chars().enumerate() {
        if letter == ' ' || letter == '\t' {
            blanks += 1;
        } else {
            if apart <= blanks {
                places.push(place);
            }
            blanks = 0;
        }
    }
    places
}

/// True when nothing of a row stands across the beginning of a column.
fn stands_at(row: &str, places: &[usize]) -> bool {
    let mut next = places.iter().skip(1).peekable();
    for (place, letter) in row.chars().enumerate() {
        match next.peek() {
            None => return true,
            Some(&&begin) if place + 1 == begin => {
                if letter != ' ' {
                    return false;
                }
                next.next();
            }
            Some(_) => {}
        }
    }
    true
}

pub(super) fn between_bars(line: &str) -> Vec<&str> {
    let bar = ['|', '│', '┃'];
    let line = line.trim();
    let line = line.strip_prefix(bar).unwrap_or(line);
    let line = line.strip_suffix(bar).unwrap_or(line);
    line.split(bar).map(str::trim).collect()
}

pub(super) fn at_places<'a>(line: &'a str, places: &[usize]) -> Vec<&'a str> {
    let mut values = Vec::with_capacity(places.len());
    let mut letters = line.char_indices().map(|(at, _)| at).chain([line.len()]).enumerate().peekable();
    let mut byte_of = |place: usize| loop {
        match letters.peek() {
            None => return line.len(),
            Some((number, at)) if *number >= place => return *at,
            Some(_) => letters.next(),
        };
    };
    let mut start = byte_of(*places.first().unwrap_or(&0));
    for next in places[1..].iter().map(Some).chain([None]) {
        let end = next.map_or(line.len(), |next| byte_of(*next));
        values.push(line[start..end].trim());
        start = end;
    }
    values
}

/// The first words of a line, and what follows them.
pub(super) fn words(line: &str, columns: usize) -> Vec<&str> {
    let mut values = Vec::with_capacity(columns);
    let mut rest = line.trim();
    while values.len() + 1 < columns {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        values.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    values.push(rest);
    values
}

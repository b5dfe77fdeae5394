//! Which rows of a listing stand out.
//!
//! A value that few rows have, an extreme or an outlier of a column of numbers,
//! the newest and the oldest, a word of trouble, an ending that few names have.

use super::super::lines::{
    Lines,
    signs::{self, Sign},
};
use super::columns::Table;
use std::collections::HashMap;

/// Odd rows that may be shown of a short listing.
const LEAST: usize = 16;
/// Rows that one column may call odd.
const OF_COLUMN: usize = 12;
/// Extremes of a column that are shown, at its top.
const TOP: usize = 3;
/// So many times the usual distance from the middle is far.
const FAR: f64 = 8.0;

/// Marks the odd lines of a listing, of `part` rows one at most.
pub fn mark(lines: &Lines<'_>, table: Option<&Table<'_>>, part: usize, question: &str, keep: &mut [bool]) {
    let asked = asks_for_extremes(question);
    let mut budget = LEAST.max(lines.len() / part);
    let mut show = |line: usize| {
        if !keep[line] && 0 < budget {
            keep[line] = true;
            budget -= 1;
        }
    };
    match table {
        Some(table) if table.lines.len() == lines.len() => {
            let rows: Vec<usize> = (0..table.lines.len()).filter(|line| table.is_row(*line)).collect();
            // What is no row is a heading, a total, a folder's name.
            let others = table.lines.len() - rows.len();
            if others * 4 < rows.len() {
                (0..table.lines.len()).filter(|line| !table.is_row(*line)).for_each(&mut show);
            }
            let troubled: Vec<usize> =
                rows.iter().copied().filter(|line| Sign::Warning <= signs::of(table.lines[*line])).collect();
            if troubled.len() * 10 <= rows.len() {
                troubled.into_iter().for_each(&mut show);
            }
            let columns: Vec<Vec<&str>> = (0..table.cut.columns())
                .map(|column| rows.iter().map(|line| table.cell(*line, column)).collect())
                .collect();
            for column in &columns {
                rare(column).into_iter().for_each(|row| show(rows[row]));
            }
            for column in &columns {
                extremes(column, asked).into_iter().for_each(|row| show(rows[row]));
            }
            dated(&columns).into_iter().for_each(|row| show(rows[row]));
        }
        _ => {
            (0..lines.len()).filter(|line| is_stray(lines.get(*line))).for_each(&mut show);
            let endings: Vec<&str> = lines.iter().map(ending).collect();
            rare(&endings).into_iter().for_each(&mut show);
        }
    }
}

/// True for a question about the biggest, the newest, the most.
fn asks_for_extremes(question: &str) -> bool {
    const WORDS: &[&str] = &[
        "most", "biggest", "largest", "highest", "top", "longest", "heaviest", "slowest", "oldest", "newest",
        "latest", "recent", "recently", "largest", "big", "large", "huge", "space", "memory", "cpu", "load",
        "size", "full", "busy", "busiest", "least", "smallest", "lowest",
    ];
    question
        .split(|each: char| !each.is_ascii_alphabetic())
        .any(|word| WORDS.iter().any(|its| its.eq_ignore_ascii_case(word)))
}

/// A file that hardly belongs where it is: a copy, a dump, a secret.
fn is_stray(path: &str) -> bool {
    const WORDS: &[&str] = &[
        "backup",
        "bak",
        "orig",
        "rej",
        "swp",
        "tmp",
        "dump",
        "secret",
        "secrets",
        "credential",
        "credentials",
        "password",
        "passwords",
        "pem",
        "pfx",
        "p12",
        "env",
        "rsa",
        "ed25519",
        "copy",
        "old",
        "core",
    ];
    let name = path.rsplit(['/', '\\', ' ', '\t']).next().unwrap_or("");
    let mut words = name.split(|each: char| !each.is_ascii_alphanumeric());
    let stray = words.any(|word| WORDS.iter().any(|its| its.eq_ignore_ascii_case(word)));
    stray && (name.starts_with('.') || name.contains(['.', '~']))
}

/// What a file's name ends with, from its last dot on.
pub fn ending(path: &str) -> &str {
    let name = path.trim_end_matches(['/', '*', '@']).rsplit(['/', '\\', ' ', '\t']).next().unwrap_or("");
    name.rfind('.').map_or("", |dot| &name[dot..])
}

/// Rows whose value few others have, in a column of few values.
fn rare(cells: &[&str]) -> Vec<usize> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for cell in cells {
        *counts.entry(cell).or_default() += 1;
        if cells.len() < counts.len() * 4 && 32 < counts.len() {
            return Vec::new();
        }
    }
    let few = (cells.len() / 50).max(2);
    let odd: Vec<usize> = (0..cells.len()).filter(|row| counts[cells[*row]] <= few).collect();
    // Where hardly a value is common, none is odd.
    if OF_COLUMN.max(cells.len() / 10) < odd.len() {
        return Vec::new();
    }
    if odd.len() <= OF_COLUMN {
        return odd;
    }
    // One of each first.
    let mut seen: HashMap<&str, ()> = HashMap::new();
    let (mut first, more): (Vec<usize>, Vec<usize>) =
        odd.into_iter().partition(|row| seen.insert(cells[*row], ()).is_none());
    first.extend(more);
    first
}

/// Rows with the greatest numbers of a column, and those far from its middle.
fn extremes(cells: &[&str], asked: bool) -> Vec<usize> {
    let mut numbers: Vec<(f64, usize)> =
        cells.iter().enumerate().filter_map(|(row, cell)| number(cell).map(|number| (number, row))).collect();
    if numbers.len() < 4 || numbers.len() * 10 < cells.len() * 8 {
        return Vec::new();
    }
    // A number that goes up with the rows is their name.
    if numbers.windows(2).all(|pair| pair[0].0 < pair[1].0) {
        return Vec::new();
    }
    numbers.sort_by(|left, right| left.0.total_cmp(&right.0).then(right.1.cmp(&left.1)));
    let middle = numbers[numbers.len() / 2].0;
    let mut distances: Vec<f64> = numbers.iter().map(|(number, _)| (number - middle).abs()).collect();
    distances.sort_by(f64::total_cmp);
    let usual = distances[distances.len() / 2].max(middle.abs() / 100.0);
    let mut odd: Vec<usize> = Vec::new();
    for (place, (number, row)) in numbers.iter().rev().enumerate() {
        let far = FAR * usual < (number - middle).abs();
        let top = place < if asked { TOP } else { 1 } && middle < *number;
        if (far || top) && odd.len() < OF_COLUMN / 2 {
            odd.push(*row);
        }
    }
    let least = numbers[0];
    if least.0 < middle && FAR * usual < middle - least.0 {
        odd.push(least.1);
    }
    odd
}

/// `12`, `4.0K`, `1.5GiB`, `37%`, `3d4h`, `12:34`, `1,204`.
pub fn number(cell: &str) -> Option<f64> {
    let digits = cell.bytes().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',')).count();
    let (number, unit) = cell.split_at(digits);
    let number: f64 =
        if number.contains(',') { number.replace(',', "").parse().ok()? } else { number.parse().ok()? };
    const UNITS: &[(&str, f64)] = &[
        ("", 1.0),
        ("%", 1.0),
        ("B", 1.0),
        ("b", 1.0),
        ("k", 1e3),
        ("K", 1e3),
        ("kB", 1e3),
        ("KB", 1e3),
        ("Ki", 1e3),
        ("KiB", 1e3),
        ("M", 1e6),
        ("MB", 1e6),
        ("Mi", 1e6),
        ("MiB", 1e6),
        ("G", 1e9),
        ("GB", 1e9),
        ("Gi", 1e9),
        ("GiB", 1e9),
        ("T", 1e12),
        ("TB", 1e12),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3_600.0),
        ("d", 86_400.0),
        ("y", 31_536_000.0),
    ];
    if let Some((_, times)) = UNITS.iter().find(|(its, _)| *its == unit) {
        return Some(number * times);
    }
    // `3d4h`, `12:34`
    let (first, rest) = unit.split_at_checked(1)?;
    let times = match first {
        ":" => 60.0,
        _ => UNITS.iter().find(|(its, _)| *its == first)?.1,
    };
    rest.starts_with(|first: char| first.is_ascii_digit())
        .then(|| number_of_rest(rest).map(|rest| number * times + rest))
        .flatten()
}

/// The lesser part of a time: `4h`, `34`.
fn number_of_rest(rest: &str) -> Option<f64> {
    let digits = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let times = match &rest[digits..] {
        "h" => 3_600.0,
        "m" => 60.0,
        "" | "s" => 1.0,
        _ => return None,
    };
    rest[..digits].parse::<f64>().ok().map(|number| number * times)
}

/// The two newest rows and the oldest, by the columns of `ls -l` or a column of dates.
fn dated(columns: &[Vec<&str>]) -> Vec<usize> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let rows = columns.first().map_or(0, Vec::len);
    let is_date = |cell: &&str| {
        let bytes = cell.as_bytes();
        10 <= bytes.len() && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-' && bytes[7] == b'-'
    };
    let mut keys: Vec<(String, usize)> = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        let months = column.iter().filter(|cell| MONTHS.contains(cell)).count();
        if rows <= months + 2 && at + 2 < columns.len() {
            keys = (0..rows)
                .filter_map(|row| {
                    let month = MONTHS.iter().position(|month| *month == column[row])?;
                    let (day, time) = (columns[at + 1][row], columns[at + 2][row]);
                    // A time stands for this year, which is later than any that is told.
                    let (year, time) = if time.contains(':') { ("9999", time) } else { (time, "") };
                    Some((format!("{year}{month:02}{day:>2}{time}"), row))
                })
                .collect();
            break;
        }
        if rows <= column.iter().filter(|cell| is_date(cell)).count() + 2 {
            let time = columns.get(at + 1);
            keys = (0..rows)
                .filter(|row| is_date(&column[*row]))
                .map(|row| (format!("{} {}", column[row], time.map_or("", |time| time[row])), row))
                .collect();
            break;
        }
    }
    keys.sort();
    let oldest = keys.first().into_iter();
    oldest.chain(keys.iter().rev().take(2)).map(|(_, row)| *row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_their_units() {
        let cases = [
            ("12", Some(12.0)),
            ("4.0K", Some(4_000.0)),
            ("37%", Some(37.0)),
            ("3d4h", Some(273_600.0)),
            ("12:34", Some(754.0)),
            ("1,204", Some(1_204.0)),
            ("web", None),
            ("", None),
            ("1.2.3", None),
            ("12x", None),
        ];
        for (cell, want) in cases {
            assert_eq!(number(cell), want, "{cell}");
        }
    }

    #[test]
    fn what_few_rows_have_is_odd() {
        let mut cells = vec!["Running"; 100];
        cells[40] = "Pending";
        cells[7] = "Failed";
        assert_eq!(rare(&cells), [7, 40]);
        let names: Vec<String> = (0..100).map(|number| format!("a{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(rare(&names).is_empty(), "names are all different");
    }

    #[test]
    fn the_greatest_numbers_are_odd() {
        let numbers: Vec<String> = (0..50).map(|number| format!("{}", 100 + number * 7 % 13)).collect();
        let mut cells: Vec<&str> = numbers.iter().map(String::as_str).collect();
        cells[20] = "9000";
        cells[30] = "0";
        let odd = extremes(&cells, false);
        assert!(odd.contains(&20) && odd.contains(&30), "{odd:?}");
    }
}

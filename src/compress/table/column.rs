//! One column: what its cells say, and which rows stick out in it.

use super::choose::{Pick, Why};
use super::grid::Grid;
use super::value;
use std::collections::HashMap;

/// Different values that are counted one by one; a column of more is no set of categories.
const CATEGORIES: usize = 48;
/// Values that the note on a column names.
const NAMED: usize = 8;
/// Bytes of the note on a column.
const LONGEST: usize = 200;
/// A number this many robust deviations from the middle is an outlier.
const OUTLYING: f64 = 6.0;
/// Outliers, gaps and breaks of one column that are kept at most.
const MOST: usize = 10;
/// Largest and smallest values that are kept of each column of numbers.
const ENDS: usize = 2;
/// The same of a column that the question names.
const ENDS_ASKED: usize = 5;

/// A column, looked at.
#[derive(Debug)]
pub struct Told {
    /// What is to be said of it, in the table's own values.
    pub note: String,
    /// Rows that stick out in it.
    pub picks: Vec<Pick>,
    /// True when no two rows have the same value, and nearly all have one.
    pub unique: bool,
    /// True when it holds many different words, some of them more than once.
    pub names: bool,
    /// True when it is numbers that go up by the same step from row to row.
    pub counts: bool,
}

/// A value and where it stands.
struct Seen {
    count: u32,
    first: u32,
    last: u32,
}

/// Looks at a column; `asked` when the question names it.
pub fn look(grid: &Grid<'_>, column: usize, asked: Asked) -> Told {
    let rows = grid.rows.len();
    let mut order: Vec<&str> = Vec::new();
    let mut seen: HashMap<&str, Seen> = HashMap::new();
    let mut overflown = false;
    let mut empty: Vec<u32> = Vec::new();
    let mut filled: Vec<u32> = Vec::new();
    let mut numbers: Vec<f64> = Vec::with_capacity(rows);
    let mut numeric = 0_usize;
    let mut shapes: HashMap<u64, Seen> = HashMap::new();
    let mut runs: Vec<u32> = Vec::new();
    let mut before = None;
    for row in 0..rows {
        let cell = grid.at(row, column);
        let value = value::of(cell);
        if value.nothing {
            empty.push(row as u32);
        } else {
            filled.push(row as u32);
        }
        numeric += usize::from(value.number.is_some());
        numbers.push(value.number.unwrap_or(f64::NAN));
        if !overflown {
            if let Some(its) = seen.get_mut(cell) {
                its.count += 1;
                its.last = row as u32;
            } else if seen.len() < CATEGORIES {
                order.push(cell);
                seen.insert(cell, Seen { count: 1, first: row as u32, last: row as u32 });
            } else {
                overflown = true;
            }
            if before.is_some_and(|before| before != cell) && runs.len() <= MOST * 2 {
                runs.push(row as u32);
            }
            before = Some(cell);
        }
        if !value.nothing && shapes.len() <= CATEGORIES {
            let its = shapes.entry(shape(cell)).or_insert(Seen { count: 0, first: row as u32, last: 0 });
            its.count += 1;
            its.last = row as u32;
        }
    }
    let mut told =
        Told { note: String::new(), picks: Vec::new(), unique: false, names: false, counts: false };
    let few = (rows / 100).max(3);
    let mut add = |row: u32, why: Why, weight: f64| {
        told.picks.push(Pick {
            row: row as usize,
            why,
            weight: weight + if asked.by_name { 1.0 } else { 0.0 },
        });
    };

    // Cells that alone say nothing, or alone say something.
    if !empty.is_empty() && empty.len() * 10 <= rows {
        for &row in empty.iter().take(MOST / 2).chain(empty.last()) {
            add(row, Why::Rare, 1.0 / empty.len() as f64);
        }
    } else if !filled.is_empty() && filled.len() * 10 <= rows {
        for &row in filled.iter().take(MOST).chain(filled.last()) {
            add(row, Why::Rare, 1.0 / filled.len() as f64);
        }
    }

    let is_numeric = !filled.is_empty() && filled.len() * 5 <= numeric * 6;
    let categorical = !overflown && (order.len() * 3 <= rows || order.len() <= 3);
    if categorical {
        let rare: Vec<&&str> = order.iter().filter(|value| seen[*value].count as usize <= few).collect();
        let together: u32 = rare.iter().map(|value| seen[**value].count).sum();
        if together as usize * 8 <= rows {
            for value in &rare {
                let its = &seen[**value];
                add(its.first, Why::Rare, 1.0 + 1.0 / f64::from(its.count));
                add(its.last, Why::Rare, 1.0 / f64::from(its.count));
            }
        }
        if order.len() <= NAMED {
            for value in &order {
                add(seen[value].first, Why::Related, 0.5);
            }
        }
        if runs.len() <= MOST {
            for &row in &runs {
                add(row, Why::Turn, 0.5);
                add(row.saturating_sub(1), Why::Turn, 0.2);
            }
        }
        order.sort_by(|left, right| {
            seen[right].count.cmp(&seen[left].count).then(seen[left].first.cmp(&seen[right].first))
        });
        told.note = counted_values(&order, &seen, rows);
    }
    // A shape that few cells have: another format, a unit, a sign, a stray letter.
    if shapes.len() <= CATEGORIES {
        let mut rare: Vec<&Seen> = shapes.values().filter(|its| its.count as usize <= few).collect();
        let together: u32 = rare.iter().map(|its| its.count).sum();
        if together as usize * 20 <= rows {
            rare.sort_by_key(|its| its.first);
            for its in rare.into_iter().take(MOST) {
                told.picks.push(Pick { row: its.first as usize, why: Why::Rare, weight: 0.8 });
                told.picks.push(Pick { row: its.last as usize, why: Why::Rare, weight: 0.4 });
            }
        }
    }
    if is_numeric {
        numbers_of(grid, column, &numbers, categorical, asked, &mut told);
    }
    if overflown || !categorical {
        let (unique, twice) = uniqueness(grid, column, filled.len());
        told.unique = unique && rows * 9 <= filled.len() * 10;
        for row in twice {
            told.picks.push(Pick { row, why: Why::Rare, weight: 1.5 });
        }
        if told.note.is_empty() && told.unique {
            told.note = format!("{} different", filled.len());
        }
        if !is_numeric {
            told.names = !told.unique && rows <= filled.len() * 2;
            parts(grid, column, few, &mut told);
            if !told.unique {
                masked(grid, column, few, &mut told);
            }
        }
    }
    if !categorical && !empty.is_empty() {
        told.note.push_str(&format!(", {} empty", empty.len()));
    }
    told
}

/// What the question has to do with a column.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// It names it.
    pub by_name: bool,
}

fn counted_values(order: &[&str], seen: &HashMap<&str, Seen>, rows: usize) -> String {
    if let [only] = order {
        return format!("always {}", clip(only));
    }
    let mut note = String::new();
    for (number, value) in order.iter().enumerate() {
        if NAMED <= number && 12 < order.len() || LONGEST < note.len() {
            note.push_str(&format!(", … {} in all", order.len()));
            break;
        }
        if number != 0 {
            note.push_str(", ");
        }
        note.push_str(&clip(if value.is_empty() { "(empty)" } else { value }));
        let count = seen[value].count;
        if 1 < count && (count as usize) < rows {
            note.push_str(&format!(" ×{count}"));
        }
    }
    note
}

/// A value on one line, not too long, for a note.
pub fn clip(value: &str) -> String {
    let line = value.lines().next().unwrap_or("");
    super::super::lines::write::clipped(line, 48)
}

/// What a cell looks like: runs of letters and digits as one, everything else as it is.
pub fn shape(cell: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut before = 0_u8;
    for &byte in cell.as_bytes().iter().take(48) {
        let class = match byte {
            b'0'..=b'9' => b'9',
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => b'a',
            b' ' | b'-' | b'.' | b',' | b'\'' if before == b'a' => b'a',
            0x80.. => b'u',
            other => other,
        };
        if class != before {
            hash = (hash ^ u64::from(class)).wrapping_mul(0x0100_0000_01b3);
        }
        before = class;
    }
    hash
}

/// Numbers or times: ends, outliers, breaks of an order, and where the level changes.
fn numbers_of(
    grid: &Grid<'_>,
    column: usize,
    numbers: &[f64],
    categorical: bool,
    asked: Asked,
    told: &mut Told,
) {
    let known: Vec<(u32, f64)> = numbers
        .iter()
        .enumerate()
        .filter(|(_, number)| !number.is_nan())
        .map(|(row, number)| (row as u32, *number))
        .collect();
    if known.len() < 4 {
        return;
    }
    let mut pick = |row: u32, why: Why, weight: f64| {
        let weight = weight + if asked.by_name { 1.0 } else { 0.0 };
        told.picks.push(Pick { row: row as usize, why, weight });
    };
    let steps: Vec<f64> = known.windows(2).map(|pair| pair[1].1 - pair[0].1).collect();
    let (up, down) = (
        steps.iter().filter(|step| **step >= 0.0).count(),
        steps.iter().filter(|step| **step <= 0.0).count(),
    );
    let ordered = known.len() * 19 <= up.max(down) * 20 && steps.iter().any(|step| *step != 0.0);
    let text = |row: u32| grid.at(row as usize, column);
    if ordered {
        let sign = if down <= up { 1.0 } else { -1.0 };
        let usual = median(steps.iter().map(|step| step.abs()).filter(|step| 0.0 < *step).collect());
        told.counts =
            0.0 < usual && known.len() == numbers.len() && steps.iter().all(|step| *step * sign == usual);
        let regular =
            !told.counts && steps.iter().filter(|its| its.abs() == usual).count() * 10 >= steps.len() * 9;
        // Where the order breaks, or more is passed over than usual.
        let mut odd: Vec<(f64, u32, u32)> = steps
            .iter()
            .zip(known.windows(2))
            .filter_map(|(step, pair)| {
                let step = step * sign;
                // A step back is odd however small, a great one odder.
                let jump = if step < 0.0 { 100.0 + step.abs() / usual } else { step / usual };
                let most = if regular { 1.5 } else { 8.0 };
                (0.0 < usual && most < jump).then_some((jump, pair[0].0, pair[1].0))
            })
            .collect();
        odd.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
        for (_, row, next) in odd.into_iter().take(MOST) {
            pick(next, Why::Turn, 1.0);
            pick(row, Why::Turn, 0.9);
        }
        let (first, last) = (known[0].0, known[known.len() - 1].0);
        told.note = format!("{} to {}", clip(text(first)), clip(text(last)));
        return;
    }
    let mut sorted = known.clone();
    sorted.sort_by(|left, right| left.1.total_cmp(&right.1).then(left.0.cmp(&right.0)));
    let middle = sorted[sorted.len() / 2];
    let ends = if asked.by_name { ENDS_ASKED } else { ENDS };
    let distinct = sorted.windows(2).filter(|pair| pair[0].1 != pair[1].1).count() + 1;
    let why = if asked.by_name { Why::Asked } else { Why::Extreme };
    let ties = |number: f64| sorted.iter().filter(|its| its.1 == number).take(MOST).count();
    for (order, &(row, number)) in sorted.iter().rev().take(ends).enumerate() {
        if ties(number) < MOST {
            pick(row, why, 1.0 / (1.0 + order as f64));
        }
    }
    for (order, &(row, number)) in sorted.iter().take(ends).enumerate() {
        if ties(number) < MOST {
            pick(row, why, 0.9 / (1.0 + order as f64));
        }
    }
    if !categorical {
        told.note = format!(
            "{} to {}, middle {}",
            clip(text(sorted[0].0)),
            clip(text(sorted[sorted.len() - 1].0)),
            clip(text(middle.0))
        );
    }
    // Far from all others.
    let spread = median(known.iter().map(|its| (its.1 - middle.1).abs()).collect());
    if 0.0 < spread {
        let reach = OUTLYING * 1.4826 * spread;
        let far = |its: &&(u32, f64)| reach < (its.1 - middle.1).abs();
        let count = sorted.iter().filter(far).count();
        // Where many are far, the distribution has a long tail: only its end is telling.
        let most = if count * 33 <= known.len() { MOST } else { 3 };
        let mut outliers: Vec<&(u32, f64)> = sorted.iter().filter(far).collect();
        outliers.sort_by(|left, right| {
            (right.1 - middle.1).abs().total_cmp(&(left.1 - middle.1).abs()).then(left.0.cmp(&right.0))
        });
        for its in outliers.into_iter().take(most) {
            pick(its.0, Why::Extreme, 2.0);
        }
    }
    // The few that have the other sign, or are nothing.
    for odd in [
        sorted.iter().filter(|its| its.1 < 0.0).collect::<Vec<_>>(),
        sorted.iter().filter(|its| its.1 == 0.0).collect(),
    ] {
        if !odd.is_empty() && odd.len() * 33 <= known.len() {
            for its in odd.iter().take(MOST) {
                pick(its.0, Why::Rare, 0.7);
            }
        }
    }
    if 8 < distinct
        && !told.unique
        && let Some((at, sharp)) = turn(&known)
    {
        pick(known[at].0, Why::Turn, sharp);
        pick(known[at - 1].0, Why::Turn, sharp);
    }
}

/// Where the level changes for good: the place in `known` that splits it best, if it explains most of its spread.
fn turn(known: &[(u32, f64)]) -> Option<(usize, f64)> {
    let count = known.len() as f64;
    if known.len() < 16 {
        return None;
    }
    let sum: f64 = known.iter().map(|its| its.1).sum();
    let mean = sum / count;
    let whole: f64 = known.iter().map(|its| (its.1 - mean).powi(2)).sum();
    let (mut left, mut best) = (0.0, (0, 0.0));
    for (at, its) in known.iter().enumerate().take(known.len() - 4) {
        left += its.1 - mean;
        let before = at as f64 + 1.0;
        if before < 5.0 {
            continue;
        }
        let between = left * left * count / (before * (count - before));
        if best.1 < between {
            best = (at + 1, between);
        }
    }
    (0.0 < whole && whole * 0.5 < best.1).then(|| (best.0, 1.0 + best.1 / whole))
}

/// Whether all filled cells differ, and the rows of the few that do not.
fn uniqueness(grid: &Grid<'_>, column: usize, filled: usize) -> (bool, Vec<usize>) {
    let mut first: HashMap<&str, u32> = HashMap::with_capacity(filled);
    let mut twice = Vec::new();
    let most = (filled / 50).max(2);
    for row in 0..grid.rows.len() {
        let cell = grid.at(row, column);
        if value::of(cell).nothing {
            continue;
        }
        if let Some(before) = first.insert(cell, row as u32) {
            twice.push(before as usize);
            twice.push(row);
            if most * 2 < twice.len() {
                return (false, Vec::new());
            }
        }
    }
    (true, twice.into_iter().take(MOST).collect())
}

/// First and last parts of names: the one address of another network, the one mail of another domain.
fn parts(grid: &Grid<'_>, column: usize, few: usize, told: &mut Told) {
    const BETWEEN: [char; 8] = ['.', '-', '_', ':', '/', '@', ' ', '#'];
    let first = |cell: &'_ str| cell.find(BETWEEN).unwrap_or(cell.len());
    let last = |cell: &'_ str| cell.rfind(BETWEEN).map_or(0, |at| at + 1);
    for tail in [false, true] {
        let mut seen: HashMap<&str, Seen> = HashMap::new();
        for row in 0..grid.rows.len() {
            let cell = grid.at(row, column);
            let part = if tail { &cell[last(cell)..] } else { &cell[..first(cell)] };
            let its = seen.entry(part).or_insert(Seen { count: 0, first: row as u32, last: 0 });
            its.count += 1;
            its.last = row as u32;
            if CATEGORIES < seen.len() {
                break;
            }
        }
        let mut rare: Vec<&Seen> = seen.values().filter(|its| its.count as usize <= few).collect();
        let together: u32 = rare.iter().map(|its| its.count).sum();
        if CATEGORIES < seen.len() || grid.rows.len() < together as usize * 20 {
            continue;
        }
        rare.sort_by_key(|its| its.first);
        for its in rare.into_iter().take(MOST) {
            told.picks.push(Pick { row: its.first as usize, why: Why::Rare, weight: 0.6 });
        }
    }
}

/// Words with their digits masked: which texts are of a pattern that few cells have.
fn masked(grid: &Grid<'_>, column: usize, few: usize, told: &mut Told) {
    let mut seen: HashMap<u64, Seen> = HashMap::new();
    for row in 0..grid.rows.len() {
        let cell = grid.at(row, column);
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut digit = false;
        for &byte in cell.as_bytes().iter().take(400) {
            let is = byte.is_ascii_digit();
            if !(is && digit) {
                hash = (hash ^ u64::from(if is { b'#' } else { byte })).wrapping_mul(0x0100_0000_01b3);
            }
            digit = is;
        }
        let its = seen.entry(hash).or_insert(Seen { count: 0, first: row as u32, last: 0 });
        its.count += 1;
        its.last = row as u32;
        if grid.rows.len() / 4 + CATEGORIES < seen.len() {
            return;
        }
    }
    let mut rare: Vec<&Seen> = seen.values().filter(|its| its.count as usize <= few).collect();
    let together: u32 = rare.iter().map(|its| its.count).sum();
    if together as usize * 10 <= grid.rows.len() {
        rare.sort_by_key(|its| its.first);
        for its in rare.into_iter().take(MOST * 2) {
            told.picks.push(Pick {
                row: its.first as usize,
                why: Why::Rare,
                weight: 1.0 / f64::from(its.count),
            });
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(middle, f64::total_cmp).1 }
}

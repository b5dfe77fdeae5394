//! What one column of a table tells: its kinds, its spread, its rare values, and
//! the rows in which something happens.
//!
//! Numbers are read as floating point here only to compare them; what is said
//! about them is their literals.

use super::amount;
use super::deep::Way;
use super::name::Step;
use super::query::Query;
use super::select::{Pick, Why};
use super::steps;
use super::table::{Role, Table};
use super::tape::{self, At, Sort, Tape};
use super::wording;
use crate::compress::build::signs::{self, Role as Says};
use crate::compress::lines;
use std::borrow::Cow;
use std::collections::HashMap;

/// A column with more different values than this has no categories.
const CATEGORIES: usize = 24;

/// So many bytes of categories are named in a note.
const NAMED: usize = 360;

/// Texts of a rare wording are kept, at most.
const WORDINGS: usize = 12;

/// Texts that hold what few others hold are kept, at most.
const MARKED: usize = 5;

/// Of each text, so many bytes are searched for trouble.
const TOLD: usize = 600;

/// Keys whose value, where there is one, is trouble.
const TROUBLE_KEYS: &[&str] =
    &["error", "exception", "fail", "stderr", "traceback", "fault", "panic", "violation"];

/// Keys whose value is `false` where there is trouble.
const HEALTH_KEYS: &[&str] =
    &["success", "ok", "healthy", "ready", "passed", "valid", "available", "alive", "up"];

/// What a column told.
#[derive(Debug, Default)]
pub struct Told {
    /// The rows to keep.
    pub picks: Vec<Pick>,
    /// What to say about the whole column.
    pub note: Option<String>,
}

/// Looks at the column of this number.
pub fn look(table: &Table<'_, '_>, number: usize, query: &Query) -> Told {
    let column = &table.columns[number];
    if matches!(column.role, Role::Always(_) | Role::Derived(_)) {
        return Told::default();
    }
    let cells: Vec<(usize, Option<At>)> =
        table.grid.column(number).enumerate().filter(|(row, _)| !table.grid.odd[*row]).collect();
    let last = table.grid.paths[number].last().map_or("", Step::key).to_lowercase();
    let asked = query.asks_for_key(&column.name);
    Look { tape: table.tape, cells: &cells, asked, name: &column.name, last: &last, told: Told::default() }
        .whole()
}

/// Looks at what stands at the end of a way into the cells.
pub fn look_inside(tape: &Tape<'_>, way: &Way, query: &Query) -> Told {
    let asked = query.asks_for_key(&way.last);
    Look { tape, cells: &way.cells, asked, name: &way.name, last: &way.last, told: Told::default() }.whole()
}

/// The items of an array of numbers that stand out.
pub fn look_at_numbers(tape: &Tape<'_>, items: &[At]) -> Vec<Pick> {
    let cells: Vec<(usize, Option<At>)> = items.iter().copied().map(Some).enumerate().collect();
    let mut looker = Look { tape, cells: &cells, asked: false, name: "", last: "", told: Told::default() };
    looker.numbers();
    looker.told.picks
}

/// The items of an array of scalars of any kind that stand out.
pub fn look_at_items(tape: &Tape<'_>, items: &[At]) -> Vec<Pick> {
    let cells: Vec<(usize, Option<At>)> = items.iter().copied().map(Some).enumerate().collect();
    Look { tape, cells: &cells, asked: false, name: "", last: "", told: Told::default() }.whole().picks
}

struct Look<'l, 't, 'a> {
    tape: &'t Tape<'a>,
    cells: &'l [(usize, Option<At>)],
    asked: bool,
    name: &'l str,
    last: &'l str,
    told: Told,
}

impl<'a> Look<'_, '_, 'a> {
    fn whole(mut self) -> Told {
        self.trouble();
        self.kinds();
        if !(self.numbers() || self.categories()) {
            self.texts();
        }
        self.told
    }

    fn pick(&mut self, row: usize, why: Why, weight: f64) {
        self.told.picks.push(Pick { unit: row, why, weight });
    }

    fn say(&mut self, said: String) {
        self.told.note = Some(format!("{} {said}", self.name));
    }

    /// Rows whose value under such a key is trouble, where most have none.
    fn trouble(&mut self) {
        let tape = self.tape;
        let named = TROUBLE_KEYS.iter().any(|key| self.last.contains(key));
        let health = HEALTH_KEYS.contains(&self.last)
            || self
                .last
                .strip_prefix("is")
                .is_some_and(|rest| HEALTH_KEYS.contains(&rest.trim_start_matches('_')));
        let code = self.last.contains("status") || self.last.contains("code");
        let exit = self.last.contains("exit") || self.last.contains("returncode");
        if !(named || health || code || exit) {
            return;
        }
        let is_trouble = |at: At| match tape.sort(at) {
            Sort::Null => false,
            Sort::False => health,
            Sort::True => named,
            Sort::Number => {
                let number = tape.spelled(at).parse::<f64>().unwrap_or(0.0);
                exit && number != 0.0
                    || code && !exit && (400.0..600.0).contains(&number)
                    || named && number != 0.0
            }
            Sort::Text | Sort::Escaped => {
                let said = tape.spelled(at);
                let number = said.parse::<u32>().unwrap_or(0);
                named && !matches!(said, "" | "none" | "None" | "null" | "0" | "false")
                    || code && (400..600).contains(&number)
            }
            Sort::Array | Sort::Object => named && !tape.is_empty(at),
        };
        let rows: Vec<usize> =
            self.cells.iter().filter(|(_, at)| at.is_some_and(is_trouble)).map(|(row, _)| *row).collect();
        if rows.len() * 5 <= self.cells.len() * 2 {
            for row in &rows {
                self.pick(*row, Why::Trouble, 4.0);
            }
        }
    }

    /// Rows whose value is of another kind than nearly all.
    fn kinds(&mut self) {
        let kind = |at: &Option<At>| match at.map(|at| self.tape.sort(at)) {
            None => 0,
            Some(Sort::Null) => 1,
            Some(Sort::False | Sort::True) => 2,
            Some(Sort::Number) => {
                // `NaN` among numbers, half a pair among strings.
                let is_odd = at.is_some_and(|at| tape::number_is_odd(self.tape.spelled(at)));
                if is_odd { 7 } else { 3 }
            }
            Some(Sort::Text | Sort::Escaped) => 4,
            Some(Sort::Array) => 5,
            Some(Sort::Object) => 6,
        };
        let mut counts = [0usize; 8];
        for (_, at) in self.cells {
            counts[kind(at)] += 1;
        }
        let few = (self.cells.len() / 30).max(1);
        let odd: Vec<usize> = self
            .cells
            .iter()
            .filter(|(_, at)| counts[kind(at)] <= few)
            .map(|(row, _)| *row)
            .take(16)
            .collect();
        for row in odd {
            self.pick(row, Why::Rare, 3.0);
        }
    }

    /// A column of numbers; false when it is none.
    fn numbers(&mut self) -> bool {
        let tape = self.tape;
        let number = |(row, at): &(usize, Option<At>)| {
            let at = (*at)?;
            let value = match tape.sort(at) {
                Sort::Number => tape.spelled(at).parse::<f64>().ok()?,
                // Metrics, versions and sizes come as strings.
                Sort::Text => amount::read(tape.spelled(at))?,
                _ => return None,
            };
            value.is_finite().then(|| (*row, value, tape.spelled(at)))
        };
        let all: Vec<(usize, f64, &str)> = self.cells.iter().filter_map(number).collect();
        let there =
            self.cells.iter().filter(|(_, at)| at.is_some_and(|at| tape.sort(at) != Sort::Null)).count();
        if all.len() < 6 || all.len() * 10 < there * 9 {
            return false;
        }
        let mut sorted = all.clone();
        sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
        let (least, middle, most) = (sorted[0], sorted[sorted.len() / 2], sorted[sorted.len() - 1]);
        let distinct = 1 + sorted.windows(2).filter(|pair| pair[0].1 != pair[1].1).count();
        if distinct <= 6 && self.categories() {
            return true;
        }
        let rising = all.windows(2).all(|pair| pair[0].1 <= pair[1].1);
        let falling = all.windows(2).all(|pair| pair[0].1 >= pair[1].1);
        let is_id = distinct == all.len()
            && (self.last.ends_with("id") || self.last == "number" || rising || falling);
        let mut said = format!("{}–{}", least.2, most.2);
        if is_id {
            said.push_str(", all different");
        } else {
            said.push_str(&format!(", median {}", middle.2));
            if let Some(sum) = exact_sum(all.iter().map(|(_, _, spelled)| *spelled)) {
                said.push_str(&format!(", sum {sum}"));
            }
        }
        self.say(said);
        if !(rising || falling || is_id) || self.asked {
            let (top, bottom) = if self.asked { (5, 5) } else { (2, 1) };
            let why = if self.asked { Why::Asked } else { Why::Extreme };
            for (rank, (row, ..)) in sorted.iter().rev().take(top).enumerate() {
                self.pick(*row, why, 2.0 - rank as f64 / 10.0);
            }
            for (rank, (row, ..)) in sorted.iter().take(bottom).enumerate() {
                self.pick(*row, why, 1.0 - rank as f64 / 10.0);
            }
        }
        if !is_id {
            self.outliers(&all, middle.1);
            self.turns(&all, middle.1);
        }
        let values: Vec<(usize, f64)> = all.iter().map(|(row, value, _)| (*row, *value)).collect();
        self.steps(&values);
        true
    }

    /// Steps that are no step like the others, where the values rise or fall.
    fn steps(&mut self, values: &[(usize, f64)]) {
        for (rank, row) in steps::odd(values).into_iter().enumerate() {
            self.pick(row, Why::Turn, 2.2 - rank as f64 / 20.0);
        }
    }

    /// Numbers far from the middle, measured by how far the others are.
    fn outliers(&mut self, all: &[(usize, f64, &str)], middle: f64) {
        let spread = median(all.iter().map(|(_, value, _)| (value - middle).abs()));
        let mut far: Vec<(usize, f64)> = all
            .iter()
            .map(|(row, value, _)| (*row, (value - middle).abs()))
            .filter(|(_, distance)| if spread == 0.0 { 0.0 < *distance } else { spread * 8.0 < *distance })
            .collect();
        if all.len() < far.len() * 12 {
            return;
        }
        far.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        for (rank, (row, _)) in far.iter().take(8).enumerate() {
            self.pick(*row, Why::Rare, 2.5 - rank as f64 / 10.0);
        }
    }

    /// Places where the level of a column of numbers changes for good.
    fn turns(&mut self, all: &[(usize, f64, &str)], middle: f64) {
        let window = (all.len() / 16).max(6);
        if all.len() < 4 * window {
            return;
        }
        let step = median(all.windows(2).map(|pair| (pair[1].1 - pair[0].1).abs()));
        let reach = 10.0 * median(all.iter().map(|(_, value, _)| (value - middle).abs())).max(step);
        if reach == 0.0 {
            return;
        }
        let mut sums = vec![0.0];
        for (_, value, _) in all {
            let clipped = value.clamp(middle - reach, middle + reach);
            sums.push(sums[sums.len() - 1] + clipped);
        }
        let mean = |from: usize, to: usize| (sums[to] - sums[from]) / (to - from) as f64;
        let noise = step.max(reach / 1e6) / (window as f64).sqrt();
        let mut jumps: Vec<(usize, f64)> = (window..=all.len() - window)
            .map(|at| (at, (mean(at, at + window) - mean(at - window, at)).abs() / noise))
            .filter(|(_, jump)| 12.0 < *jump)
            .collect();
        jumps.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut chosen: Vec<usize> = Vec::new();
        for (at, _) in jumps {
            if chosen.len() < 3 && chosen.iter().all(|other| window <= other.abs_diff(at)) {
                chosen.push(at);
            }
        }
        for at in chosen {
            self.pick(all[at].0, Why::Turn, 2.0);
            self.pick(all[at - 1].0, Why::Turn, 1.9);
        }
    }

    /// A column of few different values; false when it is none.
    fn categories(&mut self) -> bool {
        let tape = self.tape;
        let said = |at: &Option<At>| -> Option<&'a str> {
            match at {
                None => Some("absent"),
                Some(at) if tape.is_nest(*at) => tape.is_empty(*at).then_some("empty"),
                Some(at) => Some(tape.spelled(*at)),
            }
        };
        let mut counts: HashMap<&str, (usize, usize)> = HashMap::new();
        let mut others = 0;
        for (order, (_, at)) in self.cells.iter().enumerate() {
            match said(at) {
                Some(value) if counts.len() <= CATEGORIES || counts.contains_key(value) => {
                    counts.entry(value).or_insert((0, order)).0 += 1;
                }
                _ => others += 1,
            }
        }
        let total = self.cells.len();
        let mut values: Vec<(&str, usize, usize)> =
            counts.into_iter().map(|(value, (count, first))| (value, count, first)).collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then(a.2.cmp(&b.2)));
        let Some(&(usual, most, _)) = values.first() else { return false };
        let exceptions = total - most;
        if CATEGORIES < values.len() || others != 0 || total < values.len() * 3 {
            // One value nearly everywhere, and many others: each of the others is news.
            if exceptions * 10 <= total {
                let rows: Vec<usize> = self
                    .cells
                    .iter()
                    .filter(|(_, at)| said(at) != Some(usual))
                    .map(|(row, _)| *row)
                    .collect();
                for row in rows.iter().take(24) {
                    self.pick(*row, Why::Rare, 2.0);
                }
                self.say(format!("{} {most}, other {exceptions}", short(usual)));
                return true;
            }
            return false;
        }
        let few = (total / 30).max(1);
        for (value, count, _) in &values {
            if *count <= few {
                let rows: Vec<usize> = self
                    .cells
                    .iter()
                    .filter(|(_, at)| said(at) == Some(*value))
                    .map(|(row, _)| *row)
                    .collect();
                for row in rows.iter().take(if *count <= 3 { 3 } else { 2 }) {
                    self.pick(*row, Why::Rare, 2.0 + 1.0 / *count as f64);
                }
            }
        }
        self.changes(&said);
        let mut parts: Vec<String> = Vec::new();
        let mut room = NAMED;
        for (value, count, _) in &values {
            let part = format!("{} {count}", short(value));
            room = room.saturating_sub(part.len() + 2);
            if room == 0 {
                parts.push(format!("{} other values", values.len() - parts.len()));
                break;
            }
            parts.push(part);
        }
        self.say(parts.join(", "));
        true
    }

    /// Where a column of categories changes a few times only, and stays.
    fn changes(&mut self, said: &dyn Fn(&Option<At>) -> Option<&'a str>) {
        let turns: Vec<usize> = (1..self.cells.len())
            .filter(|at| said(&self.cells[*at].1) != said(&self.cells[*at - 1].1))
            .collect();
        if turns.len() <= 4 && 24 <= self.cells.len() {
            for at in turns {
                self.pick(self.cells[at].0, Why::Turn, 1.5);
                self.pick(self.cells[at - 1].0, Why::Turn, 1.4);
            }
        }
    }

    /// Texts that tell of trouble as tools do, where most tell of none.
    fn spoken(&mut self, all: &[(usize, Cow<'a, str>)]) {
        let told: Vec<(usize, f64)> = all
            .iter()
            .map(|(row, said)| (*row, trouble_in(said)))
            .filter(|(_, weight)| 0.0 < *weight)
            .collect();
        if told.len() * 4 <= all.len() {
            for (row, weight) in told {
                self.pick(row, Why::Trouble, weight);
            }
        }
    }

    /// A column of many different strings.
    fn texts(&mut self) {
        let tape = self.tape;
        let all: Vec<(usize, Cow<'a, str>)> = self
            .cells
            .iter()
            .filter_map(|(row, at)| at.filter(|at| tape.is_string(*at)).map(|at| (*row, tape.said(at))))
            .collect();
        if all.len() < 6 {
            return;
        }
        if all.iter().all(|(_, said)| is_time(said)) {
            let least = all.iter().min_by(|a, b| a.1.cmp(&b.1)).map(|(row, said)| (*row, said.clone()));
            let most = all.iter().max_by(|a, b| a.1.cmp(&b.1)).map(|(row, said)| (*row, said.clone()));
            if let (Some((first, from)), Some((last, to))) = (least, most) {
                self.pick(first, Why::Extreme, 1.0);
                self.pick(last, Why::Extreme, 1.2);
                self.say(format!("{from} – {to}"));
            }
            let times: Vec<(usize, f64)> =
                all.iter().filter_map(|(row, said)| Some((*row, amount::seconds(said)?))).collect();
            self.steps(&times);
            return;
        }
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let mut forms: HashMap<u64, usize> = HashMap::new();
        for (_, said) in &all {
            *counts.entry(said).or_default() += 1;
            *forms.entry(form(said)).or_default() += 1;
        }
        let few = (all.len() / 30).max(1);
        let usual = forms.values().copied().max().unwrap_or(0);
        let mut picks = Vec::new();
        if all.len() * 9 <= usual * 10 {
            picks.extend(
                all.iter().filter(|(_, said)| forms[&form(said)] <= few).take(6).map(|(row, _)| (*row, 1.5)),
            );
        }
        if counts.len() < all.len() && all.len() * 19 <= counts.len() * 20 {
            picks.extend(
                all.iter().filter(|(_, said)| 1 < counts[said.as_ref()]).take(8).map(|(row, _)| (*row, 1.8)),
            );
        }
        let middle = median(all.iter().map(|(_, said)| said.len() as f64));
        let mut long: Vec<&(usize, Cow<'_, str>)> =
            all.iter().filter(|(_, said)| middle.mul_add(3.0, 40.0) < said.len() as f64).collect();
        long.sort_by_key(|(row, said)| (std::cmp::Reverse(said.len()), *row));
        if long.len() * 20 <= all.len() {
            picks.extend(long.iter().take(3).map(|(row, _)| (*row, 1.2)));
        }
        let different = counts.len();
        for (row, weight) in picks {
            self.pick(row, Why::Rare, weight);
        }
        let said: Vec<&str> = all.iter().map(|(_, said)| said.as_ref()).collect();
        let spaced = said.iter().filter(|said| said.contains(' ')).count();
        if spaced * 4 < said.len() {
            if self.asked || different * 4 < all.len() * 3 {
                self.say(format!("{different} different"));
            }
            return;
        }
        self.spoken(&all);
        let found = wording::of(&said);
        for (rank, place) in found.rare.iter().take(WORDINGS).enumerate() {
            self.pick(all[*place].0, Why::Rare, 2.2 - rank as f64 / 50.0);
        }
        for (rank, place) in found.marked.iter().take(MARKED).enumerate() {
            self.pick(all[*place].0, Why::Rare, 1.4 - rank as f64 / 50.0);
        }
        for place in found.first.iter().take(2 * WORDINGS) {
            self.pick(all[*place].0, Why::Related, 5.0);
        }
        if !found.usual.is_empty() && said.len() <= spaced * 2 {
            let usual: Vec<String> = found
                .usual
                .iter()
                .map(|(place, count)| format!("{} {count}", short(plain(&all[*place].1))))
                .collect();
            self.say(format!("{} wordings, one text of each: {}", found.different, usual.join(", ")));
        } else if self.asked || different * 4 < all.len() * 3 {
            self.say(format!("{different} different"));
        }
    }
}

/// How much trouble the lines of a text tell of, as tools and logs tell it; 0 for none.
fn trouble_in(text: &str) -> f64 {
    let end = (0..=TOLD.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let weight = |line: &str| match signs::of(line).map(|told| told.role) {
        Some(Says::Failed) => 4.0,
        Some(Says::Error) => 3.5,
        Some(Says::Passed | Says::Skipped) => 0.0,
        _ if lines::signs::of(line).is_trouble() => 3.0,
        Some(Says::Summary) => 1.5,
        _ => 0.0,
    };
    text[..end].lines().map(weight).fold(0.0, f64::max)
}

/// The middle of some numbers; 0 of none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// The exact sum of decimal literals; `None` when one is too long or has an exponent.
fn exact_sum<'s>(spelled: impl Iterator<Item = &'s str> + Clone) -> Option<String> {
    let scale =
        spelled.clone().map(|number| number.split_once('.').map_or(0, |(_, part)| part.len())).max()?;
    if 9 < scale {
        return None;
    }
    let mut sum: i128 = 0;
    for number in spelled {
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{part}{}", "0".repeat(scale - part.len()));
        if 24 < digits.len() {
            return None;
        }
        sum = sum.checked_add(digits.parse::<i128>().ok()?)?;
    }
    let sign = if sum < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", sum.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    Some(if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") })
}

/// A text up to the first sign that can't stand in a line.
fn plain(said: &str) -> &str {
    &said[..said.find(char::is_control).unwrap_or(said.len())]
}

/// A value as a note says it.
fn short(value: &str) -> String {
    match value {
        "" => "\"\"".to_owned(),
        value if value.len() <= 40 => value.to_owned(),
        value => {
            let end = (0..=36).rev().find(|end| value.is_char_boundary(*end)).unwrap_or(0);
            format!("{}…", &value[..end])
        }
    }
}

/// True for what begins like `2026-03-11` (and goes on with a time, if it goes on).
pub fn is_time(said: &str) -> bool {
    let bytes = said.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    digits(0..4)
        && bytes.get(4) == Some(&b'-')
        && digits(5..7)
        && bytes.get(7) == Some(&b'-')
        && digits(8..10)
        && matches!(bytes.get(10), None | Some(b'T' | b' '))
        && said.len() <= 40
}

/// The form of a string, as a number: runs of letters, runs of digits, and what stands between them.
fn form(said: &str) -> u64 {
    const START: u64 = 0xcbf2_9ce4_8422_2325;
    const STEP: u64 = 0x0100_0000_01b3;
    let mut form = START;
    let mut before = '\0';
    for char in said.chars().take(64) {
        let sign = match char {
            'a'..='z' | 'A'..='Z' => 'a',
            '0'..='9' => '0',
            char if char.is_alphabetic() => 'a',
            char => char,
        };
        if sign != before || !matches!(sign, 'a' | '0') {
            form = (form ^ u64::from(sign)).wrapping_mul(STEP);
        }
        before = sign;
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_exact() {
        let cases: [(&[&str], Option<&str>); 5] = [
            (&["0.1", "0.2"], Some("0.3")),
            (&["-0.5", "0.25"], Some("-0.25")),
            (&["99999999", "1"], Some("100000000")),
            (&["1e3"], None),
            (&["0.1234567890"], None),
        ];
        for (numbers, want) in cases {
            assert_eq!(exact_sum(numbers.iter().copied()).as_deref(), want, "{numbers:?}");
        }
    }

    #[test]
    fn a_time_is_told_from_a_number() {
        assert!(is_time("2026-03-11T10:00:00Z"));
        assert!(is_time("2026-03-11"));
        assert!(!is_time("2026-03-11-x"));
        assert!(!is_time("20260311"));
    }
}

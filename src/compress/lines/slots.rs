//! What varies within one pattern: values, ranges, rare values, outliers.
//!
//! The pattern's own text for a marker is made here:
//! `GET /items/<3–9987> <200 ×1204 | 404 ×11> <2–981>ms`.

use super::Lines;
use super::cuts::{Cut, Cuts};
use super::pattern::Pattern;
use super::token::Class;
use std::ops::Range;

/// Different values that are counted one by one; above that a slot is a range, or just varies.
const FEW: usize = 12;
/// Values of a slot that a marker names.
const NAMED: usize = 5;
/// Numbers that the middle of a slot is estimated from.
const SAMPLE: usize = 512;
/// Lines of extreme values that are looked at on each side.
const EXTREMES: usize = 3;
/// A number this many robust deviations from the middle is an outlier.
const OUTLYING: f64 = 8.0;
/// Below this many lines nothing in a pattern is rare.
const ENOUGH: usize = 20;
/// A pattern's text in a marker is cut after so many bytes.
const LONGEST: usize = 220;

/// One pattern, looked at closely.
#[derive(Debug)]
pub struct Detail {
    /// The pattern in words, slots in angle brackets.
    pub text: String,
    /// Lines whose values are rare or outlying, in order.
    pub odd: Vec<u32>,
}

/// Looks closely at `pattern`, whose lines are `members`.
pub fn detail(lines: &Lines<'_>, cuts: &Cuts, members: &[u32], pattern: &Pattern) -> Detail {
    let Some(&first) = members.first() else { return Detail { text: String::new(), odd: Vec::new() } };
    let example = lines.get(first as usize);
    let tokens = cuts.of(first as usize);
    let mut slots: Vec<Slot<'_>> = tokens.iter().map(|token| Slot::new(*token, example)).collect();
    let varying: Vec<usize> =
        (0..tokens.len()).filter(|&place| !pattern.is_constant(place, tokens[place].class())).collect();
    for (order, &member) in members.iter().enumerate() {
        let line = lines.get(member as usize);
        let others = cuts.of(member as usize);
        for &place in &varying {
            if let (Some(slot), Some(token)) = (slots.get_mut(place), others.get(place)) {
                slot.see(token.of(line), token.class(), member, order);
            }
        }
    }
    let mut odd: Vec<u32> = slots.iter().flat_map(|slot| slot.odd(members.len())).collect();
    odd.sort_unstable();
    odd.dedup();
    Detail { text: text_of(example, tokens, &slots), odd }
}

fn text_of(example: &str, tokens: &[Cut], slots: &[Slot<'_>]) -> String {
    let mut text = String::new();
    let mut at = 0;
    for (token, slot) in tokens.iter().zip(slots) {
        squeeze(&example[at..token.start()], &mut text);
        slot.write(token.of(example), &mut text);
        at = token.end();
        if LONGEST < text.len() {
            text.push('…');
            return text;
        }
    }
    squeeze(&example[at..], &mut text);
    text
}

/// Writes separators with every run of blanks as one.
fn squeeze(separators: &str, to: &mut String) {
    for each in separators.chars() {
        let blank = each == ' ' || each == '\t';
        if !blank {
            to.push(each);
        } else if !to.ends_with(' ') && !to.is_empty() {
            to.push(' ');
        }
    }
}

/// One token's place in the lines of a pattern.
struct Slot<'a> {
    first: &'a str,
    class: Class,
    constant: bool,
    values: Vec<Value<'a>>,
    overflown: bool,
    numbers: Option<Numbers<'a>>,
}

struct Value<'a> {
    text: &'a str,
    count: u32,
    first: u32,
    last: u32,
}

struct Numbers<'a> {
    /// What stands before the number, and after it.
    before_it: &'a str,
    after_it: &'a str,
    lowest: Vec<(f64, u32, &'a str)>,
    highest: Vec<(f64, u32, &'a str)>,
    sample: Vec<f64>,
    stride: usize,
    rising: bool,
    before: f64,
}

impl<'a> Slot<'a> {
    fn new(token: Cut, line: &'a str) -> Slot<'a> {
        let first = token.of(line);
        let numeric = matches!(token.class(), Class::Number | Class::Mixed);
        let numbers = last_number(first).filter(|_| numeric).map(|(_, at)| Numbers::new(first, at));
        Slot { first, class: token.class(), constant: true, values: Vec::new(), overflown: false, numbers }
    }

    fn see(&mut self, text: &'a str, class: Class, line: u32, order: usize) {
        if self.constant && text != self.first {
            self.constant = false;
        }
        if class != self.class {
            self.class = Class::Word;
            self.numbers = None;
        }
        if matches!(self.class, Class::Time | Class::Rest) {
            return;
        }
        if !self.overflown {
            if let Some(value) = self.values.iter_mut().find(|value| value.text == text) {
                value.count += 1;
                value.last = line;
            } else if self.values.len() < FEW {
                self.values.push(Value { text, count: 1, first: line, last: line });
            } else {
                self.overflown = true;
                self.values.clear();
            }
        }
        if let Some(numbers) = &mut self.numbers {
            // What stands before and after the number must be the same, or it is no column of numbers.
            match last_number(text) {
                Some((value, at))
                    if text[..at.start] == *numbers.before_it && text[at.end..] == *numbers.after_it =>
                {
                    numbers.see(value, &text[at], line, order);
                }
                _ => self.numbers = None,
            }
        }
    }

    /// Lines of rare values among few, or of outlying numbers among many.
    fn odd(&self, lines: usize) -> Vec<u32> {
        if self.constant || lines < ENOUGH {
            return Vec::new();
        }
        if !self.overflown {
            let most = (lines / 50).max(3) as u32;
            let rare = || self.values.iter().filter(|value| value.count <= most);
            let together: u32 = rare().map(|value| value.count).sum();
            if lines as u32 <= together.saturating_mul(10) {
                return Vec::new();
            }
            return rare().flat_map(|value| [value.first, value.last]).collect();
        }
        self.numbers.as_ref().map(Numbers::outliers).unwrap_or_default()
    }

    fn write(&self, example: &str, to: &mut String) {
        if self.constant {
            to.push_str(example);
        } else if self.class == Class::Time {
            to.push_str("<time>");
        } else if !self.overflown && !self.values.is_empty() {
            to.push('<');
            let mut values: Vec<&Value<'_>> = self.values.iter().collect();
            values.sort_by(|left, right| right.count.cmp(&left.count).then(left.first.cmp(&right.first)));
            for (order, value) in values.iter().take(NAMED).enumerate() {
                to.push_str(if order == 0 { "" } else { " | " });
                to.push_str(value.text);
                to.push_str(" ×");
                to.push_str(&value.count.to_string());
            }
            if NAMED < values.len() {
                to.push_str(" | …");
            }
            to.push('>');
        } else if let Some((lowest, highest)) = self.numbers.as_ref().and_then(Numbers::range) {
            let at = last_number(example).map_or(0..0, |(_, at)| at);
            to.push_str(&example[..at.start]);
            to.push('<');
            to.push_str(lowest);
            to.push('–');
            to.push_str(highest);
            to.push('>');
            to.push_str(&example[at.end..]);
        } else {
            to.push_str(if self.class == Class::Id { "<id>" } else { "<…>" });
        }
    }
}

/// The last number in a token, and where its text is; `None` when there is none that a float tells apart.
fn last_number(text: &str) -> Option<(f64, Range<usize>)> {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[..from].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let end = bytes.iter().rposition(u8::is_ascii_digit)? + 1;
    let mut start = end - digits(end);
    // `3.14`, but not the last part of `1.2.3`.
    if 1 < start && bytes[start - 1] == b'.' {
        let whole = start - 1 - digits(start - 1);
        if whole < start - 1 && (whole == 0 || bytes[whole - 1] != b'.') {
            start = whole;
        }
    }
    start -= usize::from(start == 1 && bytes[0] == b'-');
    let range = start..end;
    if 15 < range.len() { None } else { Some((value_of(&bytes[range.clone()]), range)) }
}

/// The value of `-12.5`: a sign, digits, perhaps a point among them.
fn value_of(number: &[u8]) -> f64 {
    let (digits, sign) = number.strip_prefix(b"-").map_or((number, 1.0), |digits| (digits, -1.0));
    let (mut whole, mut scale, mut fraction) = (0_u64, 1_u64, false);
    for byte in digits {
        match byte {
            b'.' => fraction = true,
            _ => {
                whole = whole * 10 + u64::from(byte - b'0');
                scale *= if fraction { 10 } else { 1 };
            }
        }
    }
    sign * whole as f64 / scale as f64
}

impl<'a> Numbers<'a> {
    fn new(first: &'a str, at: Range<usize>) -> Numbers<'a> {
        Numbers {
            before_it: &first[..at.start],
            after_it: &first[at.end..],
            lowest: Vec::new(),
            highest: Vec::new(),
            sample: Vec::new(),
            stride: 1,
            rising: true,
            before: f64::NEG_INFINITY,
        }
    }

    fn see(&mut self, value: f64, digits: &'a str, line: u32, order: usize) {
        self.rising &= self.before <= value;
        self.before = value;
        keep_extreme(&mut self.highest, (value, line, digits), |new, old| old < new);
        keep_extreme(&mut self.lowest, (value, line, digits), |new, old| new < old);
        if order.is_multiple_of(self.stride) {
            self.sample.push(value);
            if self.sample.len() == SAMPLE {
                let mut order = 0_usize;
                self.sample.retain(|_| {
                    order += 1;
                    order % 2 == 1
                });
                self.stride *= 2;
            }
        }
    }

    fn range(&self) -> Option<(&'a str, &'a str)> {
        Some((self.lowest.first()?.2, self.highest.first()?.2))
    }

    /// Lines whose number lies far from the others. A counter or a clock has none.
    fn outliers(&self) -> Vec<u32> {
        if self.rising {
            return Vec::new();
        }
        let middle = median(self.sample.clone());
        let spread = median(self.sample.iter().map(|value| (value - middle).abs()).collect());
        let reach = OUTLYING * (1.4826 * spread).max(middle.abs() * 0.05).max(f64::MIN_POSITIVE);
        let far = |extreme: &&(f64, u32, &str)| reach < (extreme.0 - middle).abs();
        self.highest
            .iter()
            .filter(far)
            .chain(self.lowest.iter().filter(far))
            .map(|&(_, line, _)| line)
            .collect()
    }
}

/// Keeps the `EXTREMES` most extreme values, most extreme first; of equals the first seen.
fn keep_extreme<'a>(
    kept: &mut Vec<(f64, u32, &'a str)>,
    new: (f64, u32, &'a str),
    beats: impl Fn(f64, f64) -> bool,
) {
    if kept.len() == EXTREMES && kept.last().is_some_and(|old| !beats(new.0, old.0)) {
        return;
    }
    let at = kept.iter().position(|old| beats(new.0, old.0)).unwrap_or(kept.len());
    kept.insert(at, new);
    kept.truncate(EXTREMES);
}

fn median(mut values: Vec<f64>) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::super::pattern::Patterns;
    use super::*;

    fn detail_of(text: &str) -> Detail {
        let lines = Lines::of(text).expect("short");
        let patterns = Patterns::of(&lines).expect("few");
        assert_eq!(patterns.list.len(), 1);
        detail(&lines, &patterns.cuts, patterns.members().of(0), &patterns.list[0])
    }

    #[test]
    fn a_pattern_says_what_varies_and_how() {
        let text: String = (0..100)
            .map(|n| {
                let status = if n % 10 == 3 { 404 } else { 200 };
                format!("10:00:{:02} GET  /items/{} {status} {}ms by w{}\n", n % 60, 9000 - n, 3 + n, n % 2)
            })
            .collect();
        let detail = detail_of(&text);
        assert_eq!(
            detail.text,
            "<time> GET /items/<8901–9000> <200 ×90 | 404 ×10> <3–102>ms by <w0 ×50 | w1 ×50>"
        );
    }

    #[test]
    fn rare_values_and_outliers_are_odd() {
        let text: String = (0..300)
            .map(|n| {
                let status = if n == 40 || n == 80 { 500 } else { 200 };
                let took = if n == 120 { 9_000 } else { 20 + n * 7 % 31 };
                format!("GET /x {status} {took}ms\n")
            })
            .collect();
        assert_eq!(detail_of(&text).odd, [40, 80, 120]);
    }

    #[test]
    fn a_counter_has_no_outliers() {
        let text: String = (0..300).map(|n| format!("seq {} ok\n", n * n * n)).collect();
        assert_eq!(detail_of(&text).odd, [0_u32; 0]);
    }
}

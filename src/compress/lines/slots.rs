//! What varies within one pattern: values, ranges, rare values, outliers.
//!
//! The pattern's own text for a marker is made here:
//! `GET /items/<3–9987> <200 ×1204 | 404 ×11> <2–981>ms`.

use super::Lines;
use super::cuts::{Cut, Cuts};
use super::numbers::{Numbers, last_number};
use super::pattern::Pattern;
use super::tally::Tally;
use super::token::{self, Class};
use std::collections::HashSet;

/// Different values that are counted one by one; above that a slot is a range, or just varies.
const FEW: usize = 12;
/// Bytes that the values of one slot may take in a marker, the first apart.
const ROOM: usize = 90;
/// A slot that changes from one value to another so often at most has states.
const CHANGES: usize = 8;
/// A value of so few lines is no state.
const BLIP: u32 = 3;
/// Below this many lines nothing in a pattern is rare.
const ENOUGH: usize = 20;
/// A pattern's text in a marker is cut after so many bytes.
const LONGEST: usize = 260;

/// One pattern, looked at closely.
#[derive(Debug)]
pub struct Detail {
    /// The pattern in words, slots in angle brackets.
    pub text: String,
    /// Lines whose values are rare or outlying, and where one state became another; the most telling first.
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
    let mut places = tokens.len();
    for (order, &member) in members.iter().enumerate() {
        let line = lines.get(member as usize);
        let others = cuts.of(member as usize);
        if others.len() != tokens.len() {
            // What stands behind the first word that not all lines have can't be told apart by its place.
            let alike =
                tokens.iter().zip(others).take_while(|(token, other)| token.of(example) == other.of(line));
            places = places.min(alike.count());
        }
        for &place in &varying {
            if let (Some(slot), Some(token)) = (slots.get_mut(place), others.get(place)) {
                slot.see(token.of(line), token.class(), member, order);
            }
        }
    }
    slots.truncate(places);
    // From each slot its most telling line in turn.
    let each: Vec<Vec<u32>> = slots.iter().map(|slot| slot.odd(members.len())).collect();
    let most = each.iter().map(Vec::len).max().unwrap_or(0);
    let mut known = HashSet::new();
    let odd = (0..most)
        .flat_map(|rank| each.iter().filter_map(move |its| its.get(rank).copied()))
        .filter(|line| known.insert(*line))
        .collect();
    if places == tokens.len() {
        return Detail { text: text_of(example, tokens, &slots), odd };
    }
    let told = tokens[..places].last().map_or("", |last| &example[..last.end()]);
    Detail { text: text_of(told, &tokens[..places], &slots) + " …", odd }
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
    /// The different values, while they are few.
    values: Vec<Value<'a>>,
    /// The value seen last.
    last: usize,
    /// The lines on both sides of a change from one value to another.
    changes: Vec<Change>,
    overflown: bool,
    /// When they are not few: how often each is seen.
    tally: Option<Tally<'a>>,
    /// The same for what values look like without their digits.
    shapes: Option<Tally<'a>>,
    numbers: Option<Numbers<'a>>,
}

/// Where one value became another.
struct Change {
    values: [usize; 2],
    lines: [u32; 2],
}

struct Value<'a> {
    text: &'a str,
    class: Class,
    count: u32,
    first: u32,
    last: u32,
}

impl<'a> Slot<'a> {
    fn new(token: Cut, line: &'a str) -> Slot<'a> {
        let first = token.of(line);
        let numeric = matches!(token.class(), Class::Number | Class::Mixed);
        let numbers = last_number(first).filter(|_| numeric).map(|(_, at)| Numbers::new(first, at));
        Slot {
            first,
            class: token.class(),
            constant: true,
            values: Vec::new(),
            last: 0,
            changes: Vec::new(),
            overflown: false,
            tally: None,
            shapes: None,
            numbers,
        }
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
        if self.overflown {
            self.tell(text, class, line);
        } else {
            self.count(text, class, line);
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

    fn count(&mut self, text: &'a str, class: Class, line: u32) {
        let same = self.values.get(self.last).is_some_and(|value| value.text == text);
        let place = if same { Some(self.last) } else { self.values.iter().position(|its| its.text == text) };
        if let Some(before) = self.values.get(self.last).filter(|_| !same)
            && self.changes.len() <= CHANGES
        {
            let to = place.unwrap_or(self.values.len());
            self.changes.push(Change { values: [self.last, to], lines: [before.last, line] });
        }
        match place {
            Some(place) => {
                self.last = place;
                let value = &mut self.values[place];
                value.count += 1;
                value.last = line;
            }
            None if self.values.len() < FEW => {
                self.last = self.values.len();
                self.values.push(Value { text, class, count: 1, first: line, last: line });
            }
            None => {
                self.overflown = true;
                // Numbers are told by their range.
                if self.numbers.is_none() || self.class != Class::Number {
                    let (mut tally, mut shapes) = (Tally::default(), Tally::default());
                    for value in &self.values {
                        let Value { text, class, count, first, last } = *value;
                        tally.add(token::digest(text.as_bytes()), text, count, first, last);
                        shapes.add(kind_of(text, class), text, count, first, last);
                    }
                    (self.tally, self.shapes) = (Some(tally), Some(shapes));
                    self.tell(text, class, line);
                }
            }
        }
    }

    /// Counts one of many values.
    fn tell(&mut self, text: &'a str, class: Class, line: u32) {
        if let Some(tally) = &mut self.tally
            && !tally.see(token::digest(text.as_bytes()), text, line)
        {
            self.tally = None;
        }
        if let Some(shapes) = &mut self.shapes
            && !shapes.see(kind_of(text, class), text, line)
        {
            self.shapes = None;
        }
    }

    /// Lines of rare values among few, of outlying numbers among many, and where one state became another.
    fn odd(&self, lines: usize) -> Vec<u32> {
        if self.constant || lines < ENOUGH {
            return Vec::new();
        }
        if self.overflown {
            let mut odd: Vec<u32> = self.numbers.as_ref().map(Numbers::outliers).unwrap_or_default();
            odd.extend(self.shapes.iter().flat_map(|shapes| shapes.rare(lines)));
            odd.extend(self.tally.iter().flat_map(|tally| tally.rare(lines)));
            return odd;
        }
        let most = (lines / 50).max(3) as u32;
        let mut odd = Vec::new();
        if self.changes.len() <= CHANGES.min(lines / ENOUGH * 2) {
            let states =
                |change: &&Change| change.values.iter().all(|&value| BLIP < self.values[value].count);
            odd.extend(self.changes.iter().filter(states).flat_map(|change| change.lines));
        }
        let rare = || self.values.iter().filter(|value| value.count <= most);
        let together: u32 = rare().map(|value| value.count).sum();
        if together.saturating_mul(10) < lines as u32 {
            odd.extend(rare().flat_map(|value| [value.first, value.last]));
        }
        odd
    }

    fn write(&self, example: &str, to: &mut String) {
        if self.constant {
            to.push_str(example);
        } else if self.class == Class::Time {
            to.push_str("<time>");
        } else if !self.overflown && !self.values.is_empty() {
            let mut values: Vec<&Value<'_>> = self.values.iter().collect();
            values.sort_by(|left, right| right.count.cmp(&left.count).then(left.first.cmp(&right.first)));
            write_counted(values.iter().map(|value| (value.text, value.count)), to);
        } else if let Some((lowest, highest)) = self.numbers.as_ref().and_then(Numbers::range) {
            let at = last_number(example).map_or(0..0, |(_, at)| at);
            to.push_str(&example[..at.start]);
            to.push('<');
            to.push_str(lowest);
            to.push('–');
            to.push_str(highest);
            to.push('>');
            to.push_str(&example[at.end..]);
        } else if let Some(often) = self.tally.as_ref().map(Tally::often).filter(|often| !often.is_empty()) {
            write_counted(often.iter().map(|&(text, count)| (text, count)).chain([("", 0)]), to);
        } else {
            to.push_str(if self.class == Class::Id { "<id>" } else { "<…>" });
        }
    }
}

/// A digest of what a value looks like: ids look all the same.
fn kind_of(text: &str, class: Class) -> u64 {
    if class == Class::Id { 0 } else { token::digest_of_kind(text.as_bytes()) }
}

/// Writes `<200 ×1204 | 404 ×11>`; what there is no room for is `…`, as is an empty value.
fn write_counted<'v>(values: impl Iterator<Item = (&'v str, u32)>, to: &mut String) {
    let start = to.len();
    to.push('<');
    for (order, (text, count)) in values.enumerate() {
        to.push_str(if order == 0 { "" } else { " | " });
        if text.is_empty() || 0 < order && ROOM < to.len() - start + text.len() {
            to.push('…');
            break;
        }
        to.push_str(text);
        if 1 < count {
            to.push_str(" ×");
            to.push_str(&count.to_string());
        }
    }
    to.push('>');
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
        let mut odd = detail_of(&text).odd;
        odd.sort_unstable();
        assert_eq!(odd, [40, 80, 120]);
    }

    #[test]
    fn where_one_state_became_another_is_odd() {
        let text: String = (0..300)
            .map(|n| {
                format!("member db-3 is {} lag={}\n", if n < 140 { "PRIMARY" } else { "SECONDARY" }, n % 4)
            })
            .collect();
        assert_eq!(detail_of(&text).odd, [139, 140]);
    }

    #[test]
    fn among_many_names_the_one_that_looks_different_is_odd() {
        let text: String = (0..900)
            .map(|n| match n {
                500 => "GET /wp-login.php from 10.0.0.7 took 4 ms\n".to_owned(),
                _ => format!("GET /cart/{} from 10.0.0.{} took {} ms\n", n * 37 % 899, n % 90, n % 9),
            })
            .collect();
        let lines = Lines::of(&text).expect("short");
        let patterns = Patterns::of(&lines).expect("few");
        let odd = detail(&lines, &patterns.cuts, patterns.members().of(0), &patterns.list[0]).odd;
        assert!(odd.contains(&500) && odd.len() < 8, "{odd:?}");
    }

    #[test]
    fn a_counter_has_no_outliers() {
        let text: String = (0..300).map(|n| format!("seq {} ok\n", n * n * n)).collect();
        assert_eq!(detail_of(&text).odd, [0_u32; 0]);
    }
}

//! How often each of many different values is seen, in bounded room.

use super::pattern::Seeded;
use std::collections::HashMap;

/// Different values that are counted; above that nothing is said of any.
const MOST: usize = 1_024;
/// After so many lines …
const EARLY: u32 = 512;
/// … one in so many may be new, or the values are ids: there are as many as lines.
const NEW: u32 = 2;
/// Of a rare value there are at most so many lines, or one in [`OFTEN`] of what a value has on average.
const RARE: u32 = 3;
/// A value that is so many times as frequent as the average is told by name.
const OFTEN: u32 = 6;
/// Lines that are rare by one slot.
const LINES: usize = 48;
/// Values that are told by name.
const NAMED: usize = 3;

/// How often each value is seen.
#[derive(Debug, Default)]
pub struct Tally<'a> {
    places: HashMap<u64, u32, Seeded>,
    values: Vec<Value<'a>>,
    total: u32,
}

#[derive(Debug)]
struct Value<'a> {
    text: &'a str,
    count: u32,
    first: u32,
    last: u32,
}

impl<'a> Tally<'a> {
    /// Counts a value of this digest. False when there are too many different ones to go on.
    pub fn see(&mut self, digest: u64, text: &'a str, line: u32) -> bool {
        self.add(digest, text, 1, line, line);
        let different = self.values.len() as u32;
        different as usize <= MOST && (self.total < EARLY || different * NEW <= self.total)
    }

    /// Counts a value that was seen `count` times already.
    pub fn add(&mut self, digest: u64, text: &'a str, count: u32, first: u32, last: u32) {
        self.total += count;
        let next = self.values.len() as u32;
        let place = *self.places.entry(digest).or_insert(next);
        match self.values.get_mut(place as usize) {
            Some(value) => {
                value.count += count;
                value.last = last;
            }
            None => self.values.push(Value { text, count, first, last }),
        }
    }

    /// Lines of values that are rare where most are not, the rarest first.
    pub fn rare(&self, lines: usize) -> Vec<u32> {
        let average = self.total / (self.values.len() as u32).max(1);
        let most = RARE.min(average / OFTEN).max(self.total / 1_000);
        let mut rare: Vec<&Value<'_>> = self.values.iter().filter(|value| value.count <= most).collect();
        let together: u32 = rare.iter().map(|value| value.count).sum();
        if lines as u32 <= together.saturating_mul(10) {
            return Vec::new();
        }
        rare.sort_by_key(|value| (value.count, value.first));
        rare.into_iter().take(LINES / 2).flat_map(|value| [value.first, value.last]).collect()
    }

    /// The values that are much more frequent than the average, most frequent first.
    pub fn often(&self) -> Vec<(&'a str, u32)> {
        let average = self.total / (self.values.len() as u32).max(1);
        let least = average.max(1).saturating_mul(OFTEN).max(self.total / 50);
        let mut often: Vec<&Value<'a>> = self.values.iter().filter(|value| least <= value.count).collect();
        often.sort_by(|left, right| right.count.cmp(&left.count).then(left.first.cmp(&right.first)));
        often.into_iter().take(NAMED).map(|value| (value.text, value.count)).collect()
    }
}

//! Lines of an output as digests: whether two outputs are alike, and whether one was taken from another.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Lines of one output that are looked at.
const LINES: usize = 2_000;

/// The different lines of an output.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(HashSet<u64>);

impl Lines {
    /// The lines of `text` as they stand.
    pub(super) fn of(text: &str) -> Lines {
        Lines(told(text).map(digest).collect())
    }

    /// The lines of `text` with every number taken for the same one.
    pub(super) fn templates(text: &str) -> Lines {
        Lines(told(text).map(|line| digest(&without_numbers(line))).collect())
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// How many of these, of a hundred, stand in `other`.
    pub(super) fn share_in(&self, other: &Lines) -> usize {
        let both = self.0.iter().filter(|line| other.0.contains(line)).count();
        both * 100 / self.0.len().max(1)
    }
}

/// A digest of `text` in which every number is the same: how long something took makes no difference.
pub(super) fn shape(text: &str) -> u64 {
    digest(&without_numbers(text))
}

fn told(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).take(LINES)
}

fn without_numbers(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if !letter.is_ascii_digit() {
            plain.push(letter);
        } else if !plain.ends_with('0') {
            plain.push('0');
        }
    }
    plain
}

/// Tells one text from another.
pub(super) fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

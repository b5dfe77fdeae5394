//! The items of an array, taken together a few at a time where they are very
//! many: so that what is thought about a text never takes more room than the text.

use super::cut::{Cut, Cuts};
use super::query::Query;
use super::select::{Unit, gaps};
use super::tape::{At, Sort, Tape};
use crate::text::counted;

/// Most units that an array is thought of as.
const MOST: usize = 16_384;

/// The items of one array, as units.
#[derive(Debug)]
pub struct Blocks<'t, 'a> {
    tape: &'t Tape<'a>,
    starts: Vec<At>,
    past: At,
    /// Items in each block but the last.
    each: usize,
    items: usize,
}

impl<'t, 'a> Blocks<'t, 'a> {
    /// The items of the array at `at`.
    pub fn of(tape: &'t Tape<'a>, at: At) -> Blocks<'t, 'a> {
        let items = tape.inside(at).count();
        let each = items.div_ceil(MOST).max(1);
        let starts = tape.inside(at).step_by(each).collect();
        Blocks { tape, starts, past: tape.past(at), each, items }
    }

    /// How many items there are.
    pub fn items(&self) -> usize {
        self.items
    }

    /// How many blocks there are.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The items of one block.
    fn items_of(&self, block: usize) -> impl Iterator<Item = At> + '_ {
        let end = self.starts.get(block + 1).copied().unwrap_or(self.past);
        let mut next = self.starts[block];
        std::iter::from_fn(move || {
            let at = next;
            next = if at < end { self.tape.past(at) } else { at };
            (at < end).then_some(at)
        })
    }

    /// The numbers of the terms that a block holds.
    pub fn each_in(&self, block: usize, query: &Query, mut found: impl FnMut(usize)) {
        for item in self.items_of(block) {
            query.each_under(self.tape, item, &mut found);
        }
    }

    /// The blocks, as what is kept or left out.
    pub fn units(&self) -> Vec<Unit> {
        let len = |block| self.items_of(block).map(|item| self.tape.source_len(item) + 1).sum();
        (0..self.len()).map(|block| Unit { start: self.starts[block], len: len(block) }).collect()
    }

    /// Of each block the number that is farthest from its first one.
    pub fn oddest(&self) -> Vec<At> {
        if self.each == 1 {
            return self.starts.clone();
        }
        (0..self.len()).map(|block| self.oddest_of(block)).collect()
    }

    fn oddest_of(&self, block: usize) -> At {
        let start = self.starts[block];
        let number = |at: At| match self.tape.sort(at) {
            Sort::Number => self.tape.spelled(at).parse::<f64>().ok().filter(|number| number.is_finite()),
            _ => None,
        };
        let Some(first) = number(start) else { return start };
        let mut far = (start, 0.0);
        for item in self.items_of(block) {
            let distance = number(item).map_or(0.0, |number| (number - first).abs());
            if far.1 < distance {
                far = (item, distance);
            }
        }
        far.0
    }

    /// Writes down each gap, counted in items.
    pub fn leave_out(&self, kept: &[bool], cuts: &mut Cuts) {
        for (number, (from, to)) in gaps(kept).into_iter().enumerate() {
            let left = (to * self.each).min(self.items) - from * self.each;
            let what = match number {
                0 => format!("{left} of {} left out", counted(self.items, "item")),
                _ => format!("{} left out", counted(left, "item")),
            };
            let until = self.starts.get(to).copied().unwrap_or(self.past);
            cuts.cut(self.starts[from], Cut::Gap { until, what });
        }
    }
}

//! Builds and tests: what failed and why, what was warned of, the results; progress and passed tests in a line.
//!
//! Every line has a role (what its tool means by it) and a rank (how much it is
//! needed). What is needed is shown whatever it costs; then, by rank, as much as
//! the measure leaves room for; what is still hidden is told in the gap: passed
//! tests by name, messages like one that is shown by their places.
//!
//! *Invariant:* every shown line is a line of the text; each gap says what is
//! missing there.

mod parts;
mod passed;
mod place;
mod rank;
pub mod signs;
mod tell;
mod words;

use super::lines::{Digest, Lines, exact, verify};
use super::{Allowance, Effort, Hint, Kind, LOSSY_FLOOR, Loss, Shortened};
use crate::refusal::Refusal;
use crate::tokens;
use crate::units::Key;
use parts::Output;
use rank::Ranks;
use tell::{Room, Teller};

/// Shortens `text`, or says why not.
///
/// # Errors
/// A [`Refusal`] when nothing may be left out, or when the result would not be shorter.
pub fn compress(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    let shown = match allowance.loss {
        Loss::KeptUnder(key) => shorten(text, hint, allowance, key)?,
        Loss::Nothing => None,
    };
    let (text, left_out) = exact::unless_worth_it(text, shown)?;
    let compressor = if left_out { "build-report" } else { "lines-exact" };
    Ok(Shortened { text, kind: Kind::Build, compressor, left_out })
}

/// What of `text` is shown; `None` when that is not shorter.
pub(super) fn shorten(
    text: &str,
    hint: &Hint<'_>,
    allowance: &Allowance<'_>,
    key: &Key,
) -> Result<Option<String>, Refusal> {
    let tokens = tokens::estimate_of(text).0 as usize;
    if tokens < LOSSY_FLOOR.0 as usize {
        return Ok(None);
    }
    let lines = Lines::of(text).ok_or(Refusal::OverBudget)?;
    let Some(digest) = Digest::of(&lines) else { return Ok(None) };
    let output = Output::of(&digest);
    let measure = Measure::of(allowance.effort, hint);
    let ranks = Ranks::of(&output, hint, &measure);
    // What saves less than the floor is not used: a short text must be shortened more, or not at all.
    let length = lines.text().len();
    let most = tokens.saturating_sub(LOSSY_FLOOR.0 as usize * 11 / 10) * length / tokens;
    let room = measure.room(length).min(most);
    let (keep, taken) = ranks.choose(room);
    let most = most.saturating_sub(taken);
    let left = Room {
        places: room.saturating_sub(taken).max(room / 4).min(most),
        names: room.saturating_sub(taken).max(length / 4).min(most),
    };
    let mut markers = allowance.markers(key);
    let teller = Teller::of(&output, &keep, &left, markers.number(0));
    let shown =
        digest.write(&keep, LEAST, &mut markers, |gap| teller.describe(gap), |line| teller.covers(line));
    if text.len() <= shown.len() {
        return Ok(None);
    }
    if !verify::in_order(&lines, &shown) {
        return Err(Refusal::NotVerified);
    }
    Ok(Some(shown))
}

/// A pattern gets a legend when it lost so many lines.
const LEAST: u32 = 6;

/// How much is kept of each thing.
struct Measure {
    /// Hundredths of a text of 8 kB, or less, that are shown where so much is worth showing.
    percent: usize,
    /// Lines at the start.
    head: usize,
    /// Lines at the end.
    tail: usize,
    /// Lines before and after an error of a new pattern.
    wide: (usize, usize),
    /// Errors, or warnings, of a pattern that count as new.
    new: u32,
    /// Lines of a compiler's message that are shown when it is new.
    message: usize,
    /// Lines of one that are shown when it is not, or a warning: its place and the code.
    brief: usize,
    /// A pattern of so many plain lines or fewer is shown whole.
    rare: u32,
    /// Lines that match the question.
    asked: usize,
}

impl Measure {
    fn of(effort: Effort, hint: &Hint<'_>) -> Measure {
        let mut measure = match effort {
            Effort::Balanced => Measure {
                percent: 45,
                head: 5,
                tail: 15,
                wide: (3, 4),
                new: 2,
                message: 14,
                brief: 7,
                rare: 3,
                asked: 24,
            },
            Effort::Aggressive => Measure {
                percent: 20,
                head: 2,
                tail: 8,
                wide: (2, 2),
                new: 1,
                message: 9,
                brief: 4,
                rare: 1,
                asked: 10,
            },
        };
        if hint.failed {
            measure.tail *= 2;
            measure.percent += measure.percent / 4;
            measure.wide = (measure.wide.0 + 3, measure.wide.1 + 3);
        }
        measure
    }

    /// Bytes that may be shown of a text of `length` bytes: the longer it is, the smaller the part.
    fn room(&self, length: usize) -> usize {
        let parts = [(8 << 10, 100), (32 << 10, 75), (128 << 10, 60), (usize::MAX, 45)];
        let mut room = 0;
        let mut from = 0;
        for (to, part) in parts {
            room += (length.min(to).saturating_sub(from)) * self.percent / 100 * part / 100;
            from = to;
        }
        room
    }
}

#[cfg(test)]
mod tests;

//! What nobody reads: base64, hex dumps, minified code, one huge line.
//!
//! A text is cut into parts by what they are made of. Of noise the start and
//! the end are shown, and what it is when decoded; of a dump the lines that
//! hold words; of code in long lines the start, the end, and what the question
//! names. A marker stands for what is left out, also within a line, and tells
//! the names and strings that stand there.
//!
//! Absent here: JSON in one long line ([`super::json`]).

mod inventory;
mod keep;
mod magic;
mod segment;
mod spoken;

use super::content::Sample;
use super::lines::{Lines, question, verify, write};
use super::{Allowance, Effort, Hint, Kind, Loss, Shortened};
use crate::marker;
use crate::refusal::Refusal;
use crate::text::counted;
use crate::units::Key;
use inventory::Inventory;
use keep::Kept;
use segment::{Class, Segment};
use std::ops::Range;

/// How much stays in view.
struct Measure {
    /// Bytes that any text may have.
    least: usize,
    /// Percent of the text's bytes that may stand beside that.
    percent: usize,
}

const BALANCED: Measure = Measure { least: 2_400, percent: 6 };
const AGGRESSIVE: Measure = Measure { least: 1_200, percent: 2 };

/// A line of so many bytes is one that nobody reads, whatever is in it.
const HUGE_LINE: usize = 16 << 10;
/// Bytes of each of three places that are looked at.
const WINDOW: usize = 8 << 10;
/// A text of fewer bytes has nothing to leave out.
const SHORTEST: usize = 1_000;
/// Percent of a text that must be what nobody reads.
const MOSTLY: usize = 60;
/// A long line with more blanks than one in so many bytes is prose or a log.
const WORDS: usize = 12;
/// Places of the question that are shown.
const PLACES: usize = 24;

/// True when the text looks like one of this kind, whoever printed it.
pub fn fits(sample: &Sample<'_>) -> bool {
    let text = sample.text;
    if text.len() < SHORTEST {
        return false;
    }
    let (mut all, mut unread) = (0, 0);
    for from in [0, (text.len() / 2).saturating_sub(WINDOW / 2), text.len().saturating_sub(WINDOW)] {
        let start = text.floor_char_boundary(from);
        let window = &text[start..text.floor_char_boundary((from + WINDOW).min(text.len()))];
        let Some(lines) = Lines::raw(window) else { return false };
        for part in segment::of(&lines) {
            let its = &window[part.range.clone()];
            all += its.len();
            let counts = match part.class {
                Class::Text => false,
                Class::Code => dense(its),
                Class::Base64 | Class::Hex | Class::Numbers | Class::Dump => true,
            };
            unread += if counts { its.len() } else { 0 };
        }
        if text.len() <= WINDOW {
            break;
        }
    }
    let huge = || {
        memchr::memchr(b'\n', text.as_bytes()).unwrap_or(text.len()) * 2 > text.len()
            && HUGE_LINE < text.len()
    };
    0 < all && (all * MOSTLY <= unread * 100 || huge())
}

/// True for code without blanks and lists without end, false for prose and logs.
fn dense(text: &str) -> bool {
    let blanks = text.bytes().filter(|byte| *byte == b' ').count();
    blanks * WORDS <= text.len()
}

/// Shortens `text`, or says why not.
///
/// # Errors
/// A [`Refusal`] when too little would be saved.
pub fn compress(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    let Loss::KeptUnder(key) = allowance.loss else { return Err(Refusal::NoGain) };
    if text.len() < SHORTEST {
        return Err(Refusal::NoGain);
    }
    let lines = Lines::of(text).ok_or(Refusal::OverBudget)?;
    let text = shown(&lines, hint, allowance, key)?;
    if !write::saves_enough(lines.text(), &text) {
        return Err(Refusal::NoGain);
    }
    Ok(Shortened { text, kind: Kind::Blob, compressor: "blob-parts", left_out: true })
}

/// The parts that are read, and markers for the others.
fn shown(
    lines: &Lines<'_>,
    hint: &Hint<'_>,
    allowance: &Allowance<'_>,
    key: &Key,
) -> Result<String, Refusal> {
    let measure = match allowance.effort {
        Effort::Balanced => BALANCED,
        Effort::Aggressive => AGGRESSIVE,
    };
    let text = lines.text();
    let budget = measure.least + text.len() * measure.percent / 100;
    let parts = segment::of(lines);
    let places = question::places(text, hint.query, PLACES);
    let kept = keep::of(lines, &parts, &places, budget);
    let written = written(lines, &parts, &kept, budget, allowance, key);
    if verify::in_order(lines, &written) { Ok(written) } else { Err(Refusal::NotVerified) }
}

/// Writes what is kept, and a marker for each gap.
fn written(
    lines: &Lines<'_>,
    parts: &[Segment],
    kept: &Kept,
    budget: usize,
    allowance: &Allowance<'_>,
    key: &Key,
) -> String {
    let text = lines.text();
    let mut markers = allowance.markers(key);
    let mut inventory = Inventory::new();
    let code: usize =
        parts.iter().filter(|part| part.class == Class::Code).map(|part| part.range.len()).sum();
    let mut out = String::with_capacity(budget * 2);
    out.push_str(&write::cleaned(lines, &mut markers));
    let mut at = 0;
    let mut described = usize::MAX;
    for gap in kept.gaps() {
        out.push_str(&text[at..gap.start]);
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        let mut what = size(lines, &gap, &markers);
        let first = parts.partition_point(|part| part.range.end <= gap.start);
        let mut told = 0;
        for part in parts[first..].iter().take_while(|part| part.range.start < gap.end) {
            let its = part.range.start.max(gap.start)..part.range.end.min(gap.end);
            let said = match part.class {
                Class::Text => String::new(),
                // What the whole is was said in its first gap.
                Class::Base64 | Class::Hex | Class::Numbers if described == part.range.start => String::new(),
                Class::Base64 | Class::Hex | Class::Numbers => {
                    described = part.range.start;
                    magic::describe(&text[part.range.clone()], part.class)
                }
                Class::Dump => spoken::inventory(&text[its.clone()], budget / 6),
                Class::Code => inventory.of(&text[its.clone()], budget / 3 * its.len() / code.max(1)),
            };
            if said.is_empty() || 6 < told {
                continue;
            }
            what.push_str(if told == 0 { ": " } else { "; " });
            what.push_str(&said.replace('\n', " "));
            told += 1;
        }
        out.push_str(&markers.gap(&what));
        out.push('\n');
        at = gap.end;
    }
    out.push_str(&text[at..]);
    if at == text.len() && !lines.ended() {
        out.pop();
    }
    out
}

/// How much a gap leaves out, and where.
fn size(lines: &Lines<'_>, gap: &Range<usize>, markers: &marker::Markers<'_>) -> String {
    let text = lines.text().as_bytes();
    let opens = gap.start == 0 || text[gap.start - 1] == b'\n';
    let ends = gap.end == text.len() || text[gap.end - 1] == b'\n';
    let (first, last) = (lines.line_at(gap.start), lines.line_at(gap.end - 1));
    let (from, to) = (markers.number(first), markers.number(last));
    match (opens && ends, from == to) {
        (false, _) => marker::cut_within(gap.len(), from, to),
        (true, true) => format!("line {from} left out, {} bytes", crate::text::grouped(gap.len() as i64)),
        (true, false) => format!("{} left out ({from}-{to})", counted(last - first + 1, "line")),
    }
}

#[cfg(test)]
mod tests;

//! Which bytes of a text stay in view.

use super::super::lines::Lines;
use super::segment::{Class, Segment};
use super::spoken;
use std::ops::Range;

/// A gap of fewer bytes than its marker would have is shown instead.
const SMALLEST_GAP: usize = 110;
/// Lines of noise and of dumps that are shown at the start and at the end.
const FIRST: usize = 4;
const LAST: usize = 3;
/// Bytes of noise within a line that are shown.
const WITHIN: usize = 24;
/// The same where there are few such places.
const WITHIN_FEW: usize = 64;
/// Bytes around a place of the question.
const AROUND: usize = 120;
/// A line that is shorter is shown whole or not at all.
const WHOLE_LINE: usize = 240;

/// What stays in view, as ranges of bytes.
#[derive(Debug)]
pub struct Kept {
    ranges: Vec<Range<usize>>,
    length: usize,
}

impl Kept {
    /// What does not stay, in order.
    pub fn gaps(&self) -> Vec<Range<usize>> {
        let mut gaps = Vec::new();
        let mut at = 0;
        for range in &self.ranges {
            if at < range.start {
                gaps.push(at..range.start);
            }
            at = range.end;
        }
        if at < self.length {
            gaps.push(at..self.length);
        }
        gaps
    }
}

/// Chooses what stays of `parts`, in `budget` bytes or little more.
pub fn of(lines: &Lines<'_>, parts: &[Segment], places: &[Range<usize>], budget: usize) -> Kept {
    let text = lines.text();
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let bytes = |is: fn(Class) -> bool| -> usize {
        parts.iter().filter(|part| is(part.class)).map(|part| part.range.len()).sum()
    };
    let noisy = parts.iter().filter(|part| part.class.is_noise()).count();
    let written = bytes(|class| class == Class::Text);
    let code = bytes(|class| class == Class::Code);
    // What people wrote stays, if it is little; else it is treated as code.
    let text_stays = written <= budget;
    let prose = code + if text_stays { 0 } else { written };
    let code_stays = prose * 2 <= budget;
    for (order, part) in parts.iter().enumerate() {
        match part.class {
            Class::Text if text_stays => ranges.push(part.range.clone()),
            Class::Code if code_stays => ranges.push(part.range.clone()),
            Class::Text | Class::Code => {
                let share = |percent: usize| {
                    (budget * percent / 100 * part.range.len() / prose.max(1)).max(if noisy < 40 {
                        60
                    } else {
                        16
                    })
                };
                let first = order == 0;
                let last = order + 1 == parts.len();
                let head = if first { share(25).max(400) } else { share(25) };
                let tail = if last { share(45).max(300) } else { share(25) };
                if part.range.len() <= head + tail + SMALLEST_GAP {
                    ranges.push(part.range.clone());
                } else {
                    ranges.push(part.range.start..part.range.start + head);
                    ranges.push(part.range.end - tail..part.range.end);
                }
            }
            Class::Dump => dump(lines, part, budget / 2, &mut ranges),
            Class::Base64 | Class::Hex | Class::Numbers => {
                noise(lines, part, if noisy <= 4 { WITHIN_FEW } else { WITHIN }, &mut ranges)
            }
        }
    }
    let mut left = budget / 3;
    for place in places {
        // In noise a word is chance; in a dump it is found by its letters.
        let at = parts.partition_point(|part| part.range.end <= place.start);
        if parts.get(at).is_none_or(|part| part.class.is_noise()) {
            continue;
        }
        let around = place.start.saturating_sub(AROUND)..(place.end + AROUND).min(text.len());
        if left < around.len() {
            break;
        }
        left -= around.len();
        ranges.push(around);
    }
    for range in notable(text, parts, budget / 6) {
        ranges.push(range);
    }
    settled(lines, ranges)
}

/// Of lines of noise the first and last; of noise within a line the first and last bytes.
fn noise(lines: &Lines<'_>, part: &Segment, within: usize, ranges: &mut Vec<Range<usize>>) {
    let (first, last) = (lines.line_at(part.range.start), lines.line_at(part.range.end - 1));
    if first == last {
        if part.range.len() <= within * 2 + SMALLEST_GAP {
            return ranges.push(part.range.clone());
        }
        ranges.push(part.range.start..part.range.start + within);
        if within == WITHIN_FEW {
            ranges.push(part.range.end - within / 2..part.range.end);
        }
        return;
    }
    let line = |number: usize| {
        let start = lines.bytes(0, number).max(part.range.start);
        start..lines.bytes(0, number + 1).min(part.range.end)
    };
    let middle = (first + last) / 2;
    for number in (first..(first + FIRST).min(last))
        .chain([middle])
        .chain((last + 1).saturating_sub(LAST).max(first)..=last)
    {
        let its = line(number);
        if its.len() <= WHOLE_LINE {
            ranges.push(its);
        } else {
            ranges.push(its.start..its.start + within);
            ranges.push(its.end - within..its.end);
        }
    }
}

/// Of a dump the first and last lines, and those whose letters are words, as far as `budget` goes.
fn dump(lines: &Lines<'_>, part: &Segment, budget: usize, ranges: &mut Vec<Range<usize>>) {
    let (first, last) = (lines.line_at(part.range.start), lines.line_at(part.range.end - 1));
    let line = |number: usize| lines.bytes(0, number)..lines.bytes(0, number + 1).min(lines.text().len());
    for number in (first..(first + FIRST + 4).min(last)).chain((last + 1).saturating_sub(LAST)..=last) {
        ranges.push(line(number.max(first)));
    }
    // A word may begin in one line and end in another.
    let mut all = String::new();
    let mut starts = Vec::new();
    for number in first..=last {
        starts.push(all.len());
        all.push_str(spoken::letters(lines.get(number)));
    }
    let mut used = 0;
    for word in spoken::long_words(&all) {
        let of = |place: usize| first + starts.partition_point(|start| *start <= place).saturating_sub(1);
        let (from, to) = (of(word.start), of(word.end - 1));
        for number in (from..=to).take(2).chain([to]) {
            let its = line(number);
            used += its.len();
            if budget < used {
                return;
            }
            ranges.push(its);
        }
    }
}

/// Places in code that tell: versions, licences, trouble.
fn notable(text: &str, parts: &[Segment], budget: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut left = budget;
    for part in parts.iter().filter(|part| part.class == Class::Code) {
        let its = &text[part.range.clone()];
        for sign in [
            "ersion:\"",
            "ersion=\"",
            "VERSION=\"",
            "ersion = \"",
            "@license",
            "icensed under",
            "sourceMappingURL",
        ] {
            for place in memchr::memmem::find_iter(its.as_bytes(), sign).take(3) {
                if left < 100 {
                    return found;
                }
                left -= 100;
                let at = part.range.start + place;
                found.push(at.saturating_sub(30)..(at + 70).min(text.len()));
            }
        }
    }
    found
}

/// In order, at letters' bounds, joined where the gap between is small; a short line is whole.
fn settled(lines: &Lines<'_>, mut ranges: Vec<Range<usize>>) -> Kept {
    let text = lines.text();
    let bytes = text.as_bytes();
    for range in &mut ranges {
        range.start = text.floor_char_boundary(range.start);
        range.end = text.ceil_char_boundary(range.end);
        let first = lines.line_at(range.start);
        let start = lines.bytes(0, first);
        if range.start - start.min(range.start) <= 24 || lines.bytes(first, first + 1) <= WHOLE_LINE {
            range.start = start;
        }
        let last = lines.line_at(range.end.saturating_sub(1).max(range.start));
        let end = lines.bytes(0, last + 1).min(text.len());
        if end.saturating_sub(range.end) <= 24 || lines.bytes(last, last + 1) <= WHOLE_LINE {
            range.end = end;
        }
    }
    ranges.retain(|range| range.start < range.end);
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end + SMALLEST_GAP => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    if let Some(first) = joined.first_mut()
        && first.start <= SMALLEST_GAP
    {
        first.start = 0;
    }
    if let Some(last) = joined.last_mut()
        && text.len() <= last.end + SMALLEST_GAP
    {
        last.end = text.len();
    }
    // A line end belongs to what stands before it.
    for range in &mut joined {
        if range.end < bytes.len() && bytes[range.end] == b'\n' {
            range.end += 1;
        }
        if bytes.get(range.start) == Some(&b'\n') && 0 < range.start && bytes[range.start - 1] != b'\n' {
            range.start += 1;
        }
    }
    joined.retain(|range| range.start < range.end);
    Kept { ranges: joined, length: text.len() }
}

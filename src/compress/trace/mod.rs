//! Crashes: messages, causes and the program's own frames; frames of libraries, and stacks that were shown
//! already, in a line.
//!
//! *Invariant:* every message above or below frames is shown, but for its like
//! of many; every shown line is a line of the text.

use super::content::Sample;
use super::lines::fold::{self, Ends, Fold};
use super::lines::{Digest, Lines, exact, question, trace, verify, write};
use super::{Allowance, Effort, Hint, Kind, LOSSY_FLOOR, Loss, Shortened};
use crate::refusal::Refusal;
use crate::text::counted;
use crate::tokens;
use crate::units::Key;
use std::ops::Range;

/// True when the text looks like one of this kind, whoever printed it.
pub fn fits(sample: &Sample<'_>) -> bool {
    let next = |order: usize| sample.lines.get(order + 1).map(AsRef::as_ref);
    let begun =
        (0..sample.lines.len()).filter(|&order| trace::style_of(&sample.lines[order], next(order)).is_some());
    if begun.take(LEAST_FRAMES).count() < LEAST_FRAMES {
        return false;
    }
    let joined = sample.lines.join("\n");
    let Some(lines) = Lines::raw(&joined) else { return false };
    let framed: usize = trace::find(&lines).iter().map(|trace| trace.lines.len()).sum();
    lines.len() <= framed * 2
}

/// Fewer frames make no crash of a text.
const LEAST_FRAMES: usize = 3;

/// Shortens `text`, or says why not.
///
/// # Errors
/// A [`Refusal`] when nothing may be left out and nothing repeats, or when the result would not be shorter.
pub fn compress(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    let shown = match allowance.loss {
        Loss::KeptUnder(key) => shorten(text, hint, allowance, key)?,
        Loss::Nothing => None,
    };
    let (text, left_out) = exact::unless_worth_it(text, shown)?;
    let compressor = if left_out { "trace-frames" } else { "lines-exact" };
    Ok(Shortened { text, kind: Kind::Trace, compressor, left_out })
}

/// True for a line that says whose stack the next lines are.
fn names_a_stack(line: &str) -> bool {
    let body = line.trim_start_matches(['*', ' ']);
    let starts = |starts: &[&str]| starts.iter().any(|start| body.starts_with(start));
    starts(&["goroutine ", "Thread ", "thread #", STATE])
        || body.starts_with('"') && body[1..].contains("\" ")
}

/// How a thread dump of Java tells a thread's state.
const STATE: &str = "java.lang.Thread.State: ";

/// What names a stack in such a line: `goroutine 34 [select]`, `"http-exec-7"`, `RUNNABLE`.
fn name_of(line: &str) -> &str {
    let body = line.trim_start_matches(['*', ' ']).trim_end_matches([':', ' ']);
    let body = body.strip_prefix(STATE).unwrap_or(body);
    let quoted = body.strip_prefix('"').and_then(|rest| rest.find('"'));
    quoted.map_or(body, |end| &body[..end + 2])
}

/// What of `text` is shown; `None` when that is not shorter.
fn shorten(
    text: &str,
    hint: &Hint<'_>,
    allowance: &Allowance<'_>,
    key: &Key,
) -> Result<Option<String>, Refusal> {
    let tokens = tokens::estimate_of(text).0 as usize;
    let floor = LOSSY_FLOOR.0 as usize * 11 / 10;
    if tokens < floor {
        return Ok(None);
    }
    let lines = Lines::of(text).ok_or(Refusal::OverBudget)?;
    // What saves less than the floor is not used.
    let most = (tokens - floor) * lines.text().len() / tokens;
    let Some(mut digest) = Digest::of(&lines) else { return Ok(None) };
    let traces = trace::find(&lines);
    let mut asked = vec![false; lines.len()];
    for line in question::matching(&lines, hint.query, ASKED) {
        asked[line as usize] = true;
    }
    let mut chosen = None;
    for measure in Measure::of(allowance.effort) {
        digest.folds = fold::folds(&lines, &traces, &measure.ends, |line| asked[line]);
        let crash = Crash::of(&digest);
        let keep = crash.choose(&asked, &measure);
        let shown = shown_bytes(&lines, &keep);
        let fits = shown * 100 <= lines.text().len() * measure.percent && shown <= most;
        let stacks = crash.stacks;
        chosen = Some((keep, stacks));
        if fits {
            break;
        }
    }
    let Some((keep, stacks)) = chosen else { return Ok(None) };
    let crash = Crash { digest: &digest, stacks };
    let mut markers = allowance.markers(key);
    let first = markers.number(0);
    let shown =
        digest.write(&keep, LEAST, &mut markers, |gap| crash.describe(gap, first), |line| crash.covers(line));
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
/// Lines that match the question and are shown for it.
const ASKED: usize = 24;
/// Names of stacks that one marker tells.
const NAMED: usize = 60;
/// Lines that name one stack at most: a thread of Java has two.
const MOST_NAME_LINES: usize = 3;

/// How much is kept of each thing.
struct Measure {
    /// Of the frames of one trace.
    ends: Ends,
    /// A pattern of so many lines that are no frames is shown whole.
    alike: u32,
    /// What is shown is enough less when it is so many hundredths of the text.
    percent: usize,
}

impl Measure {
    /// Measures from the most generous to the tightest; the first that makes the text short enough is taken.
    fn of(effort: Effort) -> [Measure; 2] {
        let generous = Measure {
            ends: Ends { short: 10, inner: 6, outer: 2, own: 24, called: 1 },
            alike: 12,
            percent: 45,
        };
        let tight = Measure {
            ends: Ends { short: 8, inner: 4, outer: 1, own: 12, called: 1 },
            alike: 6,
            percent: 25,
        };
        let tightest =
            Measure { ends: Ends { short: 4, inner: 2, outer: 1, own: 6, called: 0 }, alike: 3, percent: 0 };
        match effort {
            Effort::Balanced => [generous, tight],
            Effort::Aggressive => [tight, tightest],
        }
    }
}

fn shown_bytes(lines: &Lines<'_>, keep: &[bool]) -> usize {
    (0..keep.len()).filter(|&line| keep[line]).map(|line| lines.get(line).len() + 1).sum()
}

/// A text of stacks.
struct Crash<'a> {
    digest: &'a Digest<'a>,
    stacks: Vec<Stack>,
}

/// A stack whose frames were shown before, with the lines that name it: `goroutine 34 [select]:`.
struct Stack {
    /// Its lines, with the blank line before it.
    lines: Range<usize>,
    /// The lines of its name; empty when it has none.
    name: Range<usize>,
    /// The first line of the frames that are shown.
    first: usize,
}

impl<'a> Crash<'a> {
    fn of(digest: &'a Digest<'a>) -> Crash<'a> {
        let same = digest.folds.iter().filter_map(|fold| match fold {
            Fold::SameAs { lines, first } => Some((lines, *first)),
            _ => None,
        });
        let stacks = same.map(|(frames, first)| Crash::stack(digest, frames, first)).collect();
        Crash { digest, stacks }
    }

    /// The stack of these frames, which are those at line `first` again.
    fn stack(digest: &Digest<'_>, frames: &Range<usize>, first: usize) -> Stack {
        let names = |back: usize| {
            let (Some(line), Some(its)) = (frames.start.checked_sub(back), first.checked_sub(back)) else {
                return false;
            };
            let text = digest.lines.get(line);
            first < line && (text == digest.lines.get(its) && !text.trim().is_empty() || names_a_stack(text))
        };
        let above = (1..=MOST_NAME_LINES).take_while(|&back| names(back)).count();
        let name = frames.start - above..frames.start;
        let blank = name
            .start
            .checked_sub(1)
            .is_some_and(|line| first < line && digest.lines.get(line).trim().is_empty());
        Stack { lines: name.start - usize::from(blank)..frames.end, name, first }
    }

    /// Which lines are shown.
    fn choose(&self, asked: &[bool], measure: &Measure) -> Vec<bool> {
        let digest = self.digest;
        let count = digest.lines.len();
        let mut keep = vec![true; count];
        let mut framed = vec![false; count];
        digest.framed.iter().for_each(|frames| framed[frames.clone()].fill(true));
        for (pattern, entry) in digest.patterns.list.iter().enumerate() {
            if entry.count <= measure.alike {
                continue;
            }
            let its = digest.members.of(pattern);
            let odd = digest.details[pattern].iter().flat_map(|detail| detail.odd.iter());
            let shown: Vec<u32> = its[..2].iter().chain(its.last()).chain(odd).copied().collect();
            for line in its.iter().map(|line| *line as usize).filter(|&line| !framed[line] && !asked[line]) {
                keep[line] = false;
            }
            shown.into_iter().for_each(|line| keep[line as usize] = true);
        }
        for fold in &digest.folds {
            keep[fold.lines().clone()].fill(false);
        }
        for stack in &self.stacks {
            for line in stack.lines.clone() {
                keep[line] &= asked[line] && !framed[line];
            }
        }
        // A blank line between two things that are left out is left out with them.
        for line in 1..count.saturating_sub(1) {
            if !keep[line - 1] && !keep[line + 1] && digest.lines.get(line).trim().is_empty() {
                keep[line] = false;
            }
        }
        write::close_small_gaps(digest.lines, &mut keep);
        keep
    }

    /// True for a line of which [`Crash::describe`] tells, or of which there is nothing to tell.
    fn covers(&self, line: usize) -> bool {
        let at = self.stacks.partition_point(|stack| stack.lines.end <= line);
        self.stacks.get(at).is_some_and(|stack| stack.lines.contains(&line))
            || self.digest.lines.get(line).is_empty()
    }

    /// Says which stacks are in a gap: their names, and where their frames are shown.
    fn describe(&self, gap: Range<usize>, first_number: usize) -> Vec<String> {
        let mut told: Vec<(usize, usize, Vec<String>)> = Vec::new();
        let from = self.stacks.partition_point(|stack| stack.lines.end <= gap.start);
        for stack in self.stacks[from..].iter().take_while(|stack| stack.lines.start < gap.end) {
            let name: Vec<&str> =
                stack.name.clone().map(|line| name_of(self.digest.lines.get(line))).collect();
            let at = match told.iter().position(|(first, ..)| *first == stack.first) {
                Some(at) => at,
                None => {
                    told.push((stack.first, 0, Vec::new()));
                    told.len() - 1
                }
            };
            let (_, count, names) = &mut told[at];
            *count += 1;
            if !name.is_empty() && names.len() < NAMED {
                names.push(name.join(" "));
            }
        }
        told.into_iter()
            .map(|(first, count, mut names)| {
                let stacks = counted(count, "stack");
                let named = names.len();
                names.dedup();
                let more = if named < count && named != 0 { ", …" } else { "" };
                let colon = if names.is_empty() { "" } else { ": " };
                format!(
                    "{stacks} with the frames of line {}{colon}{}{more}",
                    first + first_number,
                    names.join(", ")
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;

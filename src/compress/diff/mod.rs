//! Changes: diffs, patches, histories of commits.
//!
//! Hunks of source are shown whole or told in a marker, so that what is shown
//! still applies; lock files and what programs make are told by what changed.
//!
//! Never here: a hunk without some of its lines, or a line that is not the text's.

mod blame;
mod choose;
mod history;
mod nature;
mod packages;
mod patch;
mod told;
mod write;

use super::content::Sample;
use super::lines::{self, Lines, exact, verify};
use super::{Allowance, Hint, Kind, Loss, Shortened};
use crate::marker;
use crate::refusal::Refusal;

/// True when the text looks like one of this kind, whoever printed it.
pub fn fits(sample: &Sample<'_>) -> bool {
    let starts = |start: &str| sample.lines.iter().any(|line| line.starts_with(start));
    let hunks = sample.lines.iter().filter(|line| is_hunk(line)).count();
    let named = starts("diff --git ") || starts("diff --cc ") || starts("--- ") && starts("+++ ");
    let most = |count: usize| 3 <= count && sample.lines.len() <= count * 4 / 3;
    let commits = || sample.lines.iter().filter(|line| history::commit(line).is_some()).count();
    let by = || sample.lines.iter().filter(|line| line.starts_with("Author: ")).count();
    0 < hunks && named
        || most(sample.lines.iter().filter(|line| blame::is_line(line)).count())
        || 0 < commits() && commits() <= by() * 2 && (starts("Date: ") || starts("AuthorDate: "))
}

/// `@@ -1,7 +1,9 @@`
fn is_hunk(line: &str) -> bool {
    line.strip_prefix("@@").is_some_and(|rest| {
        let rest = rest.trim_start_matches('@');
        rest.starts_with(" -") && rest.contains(" +") && rest.contains(" @@")
    })
}

/// Shortens `text`, or says why not.
///
/// # Errors
/// A [`Refusal`] when too little would be saved.
pub fn compress(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    if let Loss::KeptUnder(key) = allowance.loss {
        // Line ends of Windows belong to what changes; only colours are no part of it.
        let lines = if text.contains('\u{1b}') { Lines::of(text) } else { Lines::raw(text) };
        let lines = lines.ok_or(Refusal::OverBudget)?;
        let mut markers = allowance.markers(key);
        let cleaned = lines::write::cleaned(&lines, &mut markers);
        let chosen = choose::Chosen::of(&lines, hint.query, allowance.effort);
        let (compressor, shown) = match chosen {
            Some(chosen) => ("diff-hunks", Some(write::write(&lines, &chosen, &mut markers))),
            None if lines.iter().any(is_hunk) => ("", None),
            None => ("git-log", history::choose(&lines, hint.query, allowance.effort, &mut markers)),
        };
        let shown = shown.map(|shown| cleaned + &shown);
        if let Some(shown) = shown.filter(|shown| lines::write::saves_enough(text, shown)) {
            return if verify::in_order(&lines, &shown) {
                Ok(Shortened { text: shown, kind: Kind::Diff, compressor, left_out: true })
            } else {
                Err(Refusal::NotVerified)
            };
        }
    }
    let (compressor, text) = exactly(text)?;
    Ok(Shortened { text, kind: Kind::Diff, compressor, left_out: false })
}

/// Tells `text` without leaving anything out.
///
/// # Errors
/// A [`Refusal`] when it would not be shorter.
fn exactly(text: &str) -> Result<(&'static str, String), Refusal> {
    // What could be taken for ours is left alone.
    if text.starts_with(marker::OPEN) || text.contains(LINE_OF_OURS) {
        return Err(Refusal::NoGain);
    }
    if text.lines().any(|line| history::commit(line).is_some()) {
        return history::encode(text).map(|text| ("git-log-exact", text));
    }
    if blame::is_line(text.lines().next().unwrap_or("")) {
        return blame::encode(text).map(|text| ("git-blame", text));
    }
    // Told by patterns, a hunk would no longer apply.
    if text.lines().any(is_hunk) {
        return Err(Refusal::NoGain);
    }
    exact::encode(text).map(|text| ("lines-exact", text))
}

/// How a line of ours begins inside of a text.
const LINE_OF_OURS: &str = "\n[headroom: ";

#[cfg(test)]
mod tests;

//! Changes: diffs, patches, histories of commits.
//!
//! Hunks of source are shown whole or told in a marker, so that what is shown
//! still applies; lock files and what programs make are told by what changed.
//!
//! Never here: a hunk without some of its lines, or a line that is not the text's.

mod choose;
mod nature;
mod packages;
mod patch;
mod told;
mod write;

use super::content::Sample;
use super::lines::{self, Lines, exact, verify};
use super::{Allowance, Hint, Kind, Loss, Shortened};
use crate::refusal::Refusal;

/// True when the text looks like one of this kind, whoever printed it.
pub fn fits(sample: &Sample<'_>) -> bool {
    let starts = |start: &str| sample.lines.iter().any(|line| line.starts_with(start));
    let hunks = sample.lines.iter().filter(|line| is_hunk(line)).count();
    let named = starts("diff --git ") || starts("diff --cc ") || starts("--- ") && starts("+++ ");
    0 < hunks && named
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
    let shown = match allowance.loss {
        Loss::Nothing => None,
        Loss::KeptUnder(key) => {
            // Line ends of Windows belong to what changes; only colours are no part of it.
            let lines = if text.contains('\u{1b}') { Lines::of(text) } else { Lines::raw(text) };
            let lines = lines.ok_or(Refusal::OverBudget)?;
            let shown = choose::Chosen::of(&lines, hint.query, allowance.effort)
                .map(|chosen| write::write(&lines, &chosen, &mut allowance.markers(key)));
            if shown.as_deref().is_some_and(|shown| !verify::in_order(&lines, shown)) {
                return Err(Refusal::NotVerified);
            }
            shown
        }
    };
    if let Some(shown) = shown.filter(|shown| lines::write::saves_enough(text, shown)) {
        return Ok(Shortened { text: shown, kind: Kind::Diff, compressor: "diff-hunks", left_out: true });
    }
    // Told by patterns, a hunk would no longer apply.
    if text.lines().any(is_hunk) {
        return Err(Refusal::NoGain);
    }
    let text = exact::encode(text)?;
    Ok(Shortened { text, kind: Kind::Diff, compressor: "lines-exact", left_out: false })
}

#[cfg(test)]
mod tests;

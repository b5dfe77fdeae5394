//! Search results: grouped under their files, exactly; of many, the telling ones.
//!
//! *Invariant:* the grouped form decodes to the same bytes, and is decoded and
//! compared before it is returned. *Invariant:* no file is ever left unnamed.

mod choose;
mod grouped;
mod hit;
mod results;
mod snippet;

pub use grouped::decode;
pub use hit::is_hit;
pub use results::is_headed;

use super::lines::{Lines, weight};
use super::{Allowance, Hint, Kind, Loss, Shortened};
use crate::refusal::Refusal;
use results::Results;

/// Results that weigh so much or less are not worth leaving something out.
const ENOUGH: usize = 1_800;
/// Leaving something out must save so much more than grouping does.
const BETTER: usize = 500;
/// Bytes that grouping must save.
const WORTH: usize = 160;
/// Hits that stand whole in grouped results: one of so many at most.
const PART: usize = 16;
/// And so many at most.
const MOST_WHOLE: usize = 10;

/// Shortens `text`, or says why not.
///
/// # Errors
/// A [`Refusal`] when the text is not made of hits, or is not shorter when grouped.
pub fn compress(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    let lines = Lines::of(text).ok_or(Refusal::OverBudget)?;
    let results = Results::of(&lines).ok_or(Refusal::NoGain)?;
    let whole = whole(&results, hint);
    let grouped = grouped::encode(text, |line| whole.get(line).copied().unwrap_or(false));
    if let Loss::KeptUnder(key) = allowance.loss {
        let exact = weight::of(grouped.as_deref().unwrap_or(text));
        if ENOUGH < exact
            && let Some(chosen) = choose::choose(text, hint, allowance, key)?
            && weight::of(&chosen) + BETTER < exact
        {
            return Ok(Shortened {
                text: chosen,
                kind: Kind::Search,
                compressor: "search-chosen",
                left_out: true,
            });
        }
    }
    let grouped = grouped?;
    if text.len() < grouped.len() + WORTH {
        return Err(Refusal::NoGain);
    }
    Ok(Shortened { text: grouped, kind: Kind::Search, compressor: "search-grouped", left_out: false })
}

/// Which hits stand whole when they are grouped: the few that have most to do with the question.
fn whole(results: &Results<'_>, hint: &Hint<'_>) -> Vec<bool> {
    let mut whole = vec![false; results.hits.len()];
    let scores = results.scores(hint.query);
    let mut asked: Vec<usize> =
        results.matches().map(|(line, _)| line).filter(|line| 0.0 < scores[*line]).collect();
    asked.sort_by(|left, right| scores[*right].total_cmp(&scores[*left]).then(left.cmp(right)));
    asked
        .into_iter()
        .take(results.hits.len().div_ceil(PART).min(MOST_WHOLE))
        .for_each(|line| whole[line] = true);
    whole
}

#[cfg(test)]
mod tests;

//! Search results: grouped under their files, exactly; of very many, the telling ones.
//!
//! *Invariant:* the grouped form decodes to the same bytes, and is decoded and
//! compared before it is returned. *Invariant:* no file is ever left unnamed.

mod choose;
mod grouped;
mod hit;

pub use grouped::decode;
pub use hit::is_hit;

use super::{Allowance, Hint, Kind, LOSSY_FLOOR, Loss, Shortened};
use crate::refusal::Refusal;
use crate::tokens;
use crate::units::Tokens;

/// Grouped results of so many tokens or fewer are shown whole.
const ENOUGH: Tokens = Tokens(4_000);

/// Shortens `text`, or says why not.
///
/// # Errors
/// A [`Refusal`] when the text is not made of hits, or is not shorter when grouped.
pub fn compress(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    let grouped = grouped::encode(text);
    if let Loss::KeptUnder(key) = allowance.loss {
        // A token is rarely less than two bytes: short texts need no counting, nor do few hits.
        let whole = grouped.as_deref().unwrap_or(text);
        let long = || ENOUGH.0 as usize * 2 < whole.len() && ENOUGH < tokens::count(whole);
        if choose::FEW < text.lines().count()
            && long()
            && let Some(chosen) = choose::choose(text, hint, allowance, key)?
        {
            let saved = tokens::count(whole).saved_by(tokens::count(&chosen));
            if saved.is_some_and(|saved| LOSSY_FLOOR <= saved) {
                return Ok(Shortened {
                    text: chosen,
                    kind: Kind::Search,
                    compressor: "search-chosen",
                    left_out: true,
                });
            }
        }
    }
    let grouped = grouped?;
    if text.len() <= grouped.len() {
        return Err(Refusal::NoGain);
    }
    Ok(Shortened { text: grouped, kind: Kind::Search, compressor: "search-grouped", left_out: false })
}

#[cfg(test)]
mod tests;

//! Settings and locked versions: TOML, YAML, INI, lock files.

pub mod lock;
pub mod locked;

use super::content::Sample;
use super::{Allowance, Hint, Shortened};
use crate::refusal::Refusal;

/// True when the text looks like one of this kind, whoever printed it.
pub fn fits(sample: &Sample<'_>) -> bool {
    locked::fits(sample)
}

/// Shortens `text`, or says why not.
///
/// # Errors
/// A [`Refusal`] when too little would be saved.
pub fn compress(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    if let Some(format) = locked::format(text, hint) {
        return locked::compress(text, hint, allowance, format);
    }
    Err(Refusal::NoCompressor)
}

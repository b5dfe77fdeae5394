//! Settings and locked versions: TOML, YAML, INI, lock files.

pub mod lock;

use super::content::Sample;
use super::{Allowance, Hint, Shortened};
use crate::refusal::Refusal;

/// True when the text looks like one of this kind, whoever printed it.
pub fn fits(sample: &Sample<'_>) -> bool {
    let _ = sample;
    false
}

/// Shortens `text`, or says why not.
///
/// # Errors
/// A [`Refusal`] when too little would be saved.
pub fn compress(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    let _ = (text, hint, allowance);
    Err(Refusal::NoCompressor)
}

//! How many tokens a text is for a model.

use crate::units::Tokens;
use std::sync::LazyLock;

static O200K: LazyLock<&'static tiktoken::CoreBpe> =
    LazyLock::new(|| tiktoken::get_encoding("o200k_base").expect("the o200k vocabulary is built in"));

/// Counts `text` in o200k tokens.
pub fn count(text: &str) -> Tokens {
    Tokens(O200K.count(text) as u64)
}

/// Loads the vocabulary, so that the first request does not wait for it.
pub fn warm() {
    LazyLock::force(&O200K);
}

/// Tokens that `bytes` bytes of tool output have, roughly: for what is only
/// watched, never for what is decided or billed.
///
/// 3.3 bytes a token is what o200k gives on mixed logs, JSON and code.
pub fn estimate(bytes: usize) -> Tokens {
    Tokens((bytes as u64 * 10).div_ceil(33))
}

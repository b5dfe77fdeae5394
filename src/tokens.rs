//! How many tokens a text is for a model.
//!
//! Everything here is counted with o200k, OpenAI's public vocabulary. Claude
//! has no public one; its own count is known only from the provider's usage.

use crate::units::Tokens;
use std::sync::LazyLock;

static O200K: LazyLock<&'static tiktoken::CoreBpe> =
    LazyLock::new(|| tiktoken::get_encoding("o200k_base").expect("the o200k vocabulary is built in"));

/// Counts `text` in o200k tokens: exactly up to 1 MiB, by evenly spread windows above.
///
/// Not exact either for a soup of scripts:
/// A text that mixes letters of more than `SOUP` Unicode pages at random
/// makes the tokenizer a thousand times slower (70 µs a byte against 0.01); no
/// language does that, an attacker might. It is estimated instead.
pub fn count(text: &str) -> Tokens {
    if is_soup(text) {
        return estimate_soup(text);
    }
    if LONG < text.len() {
        return count_windows(text);
    }
    Tokens(O200K.count(text) as u64)
}

/// Bytes up to which every one is counted: no agent lets through an output that long, and a
/// request must not wait for seconds because a file of 10 MB was printed.
const LONG: usize = 1 << 20;

/// How many windows of a long text are counted, evenly spread.
const WINDOWS: usize = 32;

/// Bytes of each.
const WINDOW: usize = 16 << 10;

fn count_windows(text: &str) -> Tokens {
    let stride = (text.len() - WINDOW) / (WINDOWS - 1);
    let (mut bytes, mut tokens) = (0, 0);
    for number in 0..WINDOWS {
        let from = text.floor_char_boundary(number * stride);
        let window = &text[from..text.floor_char_boundary(from + WINDOW)];
        bytes += window.len();
        tokens += O200K.count(window);
    }
    Tokens((tokens as u128 * text.len() as u128 / bytes.max(1) as u128) as u64)
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

/// Pages of 256 code points in one text from which on it is no language: all
/// of the common Chinese characters lie on 82, Hangul on 44, every alphabet on a few.
const SOUP: usize = 160;

fn is_soup(text: &str) -> bool {
    // Fewer characters than pages can't be on more pages; a short soup is quick enough.
    if text.len() < 4 * SOUP || text.is_ascii() {
        return false;
    }
    let mut seen = [0u64; 0x1100 / 64];
    for letter in text.chars() {
        let page = letter as usize >> 8;
        seen[page / 64] |= 1 << (page % 64);
    }
    SOUP < seen.iter().map(|word| word.count_ones() as usize).sum()
}

/// 0.88 tokens a byte beyond ASCII is what random letters of all scripts come to.
fn estimate_soup(text: &str) -> Tokens {
    let ascii = text.bytes().filter(u8::is_ascii).count();
    Tokens(estimate(ascii).0 + (text.len() - ascii) as u64 * 88 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_soup_of_scripts_is_estimated_and_languages_are_counted() {
        let pages = |from: u32, to: u32| (from..to).step_by(7).filter_map(char::from_u32).collect::<String>();
        assert!(is_soup(&pages(0x100, 0x1_ffff)));
        for (name, text) in [("Chinese", pages(0x4e00, 0x9fff)), ("Korean", pages(0xac00, 0xd7a3))] {
            assert!(!is_soup(&text), "{name}");
        }
        assert_eq!(count("hello world"), Tokens(2));
    }

    #[test]
    fn a_long_text_is_counted_by_windows_that_come_near() {
        let line = |at: usize| {
            format!("2026-03-04T10:00:{:02}Z INFO handled path=/api/items/{at} in {}ms\n", at % 60, at % 37)
        };
        let text: String = (0..20_000).map(line).collect();
        assert!(LONG < text.len());
        let (windows, whole) = (count(&text).0 as f64, O200K.count(&text) as f64);
        assert!((0.98..1.02).contains(&(windows / whole)), "{windows} for {whole}");
    }

    #[test]
    fn the_estimate_of_a_soup_is_near_the_count() {
        let soup: String = (0x100..0x1_8000).step_by(97).filter_map(char::from_u32).collect();
        let (counted, estimated) = (O200K.count(&soup) as f64, estimate_soup(&soup).0 as f64);
        assert!((0.7..1.4).contains(&(estimated / counted)), "{estimated} for {counted}");
    }
}

//! Which originals the model would have had to ask for: told by what it wrote later.
//!
//! A word counts when it is distinctive (a path, an identifier, a long number) and had stood nowhere in the history but in
//! what was left out of one output. Two such words of one output, in a later call or answer, and the output is
//! taken to be asked back, whole and once. It is a guess, and on the dear side: the model may know a
//! word from elsewhere, and a real call asks for a part.

use super::course::Tool;
use crate::units::Tokens;
use std::collections::HashMap;

/// Words of one output that must be used.
const USED: u8 = 2;

/// Words that are remembered for a thread, so that memory stays bounded; what comes later is not looked for.
const MOST: usize = 1 << 20;

/// Letters from which on a word may be distinctive.
const SHORTEST: usize = 6;

/// The words of a thread, and where they can be read.
#[derive(Debug, Default)]
pub struct Words {
    /// By digest: 0 when it stands in the history, else one more than the place of its owner.
    known: HashMap<u64, u32>,
    owners: Vec<Owner>,
}

/// An output of which something was left out.
#[derive(Clone, Copy, Debug)]
struct Owner {
    tool: Tool,
    tokens: Tokens,
    used: u8,
}

impl Words {
    /// `text` stands in the history as it is.
    pub fn show(&mut self, text: &str) {
        for word in distinctive(text) {
            if self.known.len() < MOST || self.known.contains_key(&word) {
                self.known.insert(word, 0);
            }
        }
    }

    /// `sent` stands in the history for `original`, an output of `tool` of so many tokens.
    pub fn hide(&mut self, original: &str, sent: &str, tool: Tool, tokens: Tokens) {
        self.show(sent);
        self.owners.push(Owner { tool, tokens, used: 0 });
        let Ok(owner) = u32::try_from(self.owners.len()) else { return };
        for word in distinctive(original) {
            if MOST <= self.known.len() {
                return;
            }
            self.known.entry(word).or_insert(owner);
        }
    }

    /// The model wrote `text`: the outputs that it must have asked back before it could, with their tokens.
    pub fn write(&mut self, text: &str) -> Vec<(Tool, Tokens)> {
        let mut asked = Vec::new();
        for word in distinctive(text) {
            let Some(place) = self.known.insert(word, 0).and_then(|place| (place as usize).checked_sub(1))
            else {
                continue;
            };
            let Some(owner) = self.owners.get_mut(place).filter(|owner| owner.used < USED) else { continue };
            owner.used += 1;
            if owner.used == USED {
                asked.push((owner.tool, owner.tokens));
            }
        }
        asked
    }
}

/// The digests of the distinctive words of a text, in its order.
fn distinctive(text: &str) -> impl Iterator<Item = u64> {
    text.as_bytes().split(|byte| !is_letter(*byte)).filter_map(|word| {
        let word = trimmed(word);
        is_distinctive(word).then(|| digest(word))
    })
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/')
}

fn trimmed(mut word: &[u8]) -> &[u8] {
    while let [b'.' | b'-' | b'/', rest @ ..] | [rest @ .., b'.' | b'-' | b'/'] = word {
        word = rest;
    }
    word
}

/// A plain word of a language is in everybody's mouth; one with a sign or a digit in it, or written in humps, is not.
fn is_distinctive(word: &[u8]) -> bool {
    if word.len() < SHORTEST || 200 < word.len() {
        return false;
    }
    let sign = word.iter().any(|byte| !byte.is_ascii_alphabetic());
    let hump = word.windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    sign || hump
}

/// FNV-1a: quick on short words, the same everywhere.
fn digest(word: &[u8]) -> u64 {
    word.iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGINAL: &str =
        "src/shop/cart.rs:14 total_price\nsrc/shop/till.rs:90 change_due\nplain words only";

    fn after(sent: &str) -> Words {
        let mut words = Words::default();
        words.show("look at src/shop/cart.rs:14");
        words.hide(ORIGINAL, sent, Tool(3), Tokens(900));
        words
    }

    #[test]
    fn an_output_is_asked_back_once_when_two_words_of_it_are_used() {
        let mut words = after("[headroom: 2 lines left out]");
        assert_eq!(words.write("I see total_price"), [], "one word is no proof");
        assert_eq!(words.write("total_price again, and plain words only"), []);
        assert_eq!(words.write("and change_due"), [(Tool(3), Tokens(900))]);
        assert_eq!(words.write("src/shop/till.rs"), [], "once");
    }

    #[test]
    fn what_stands_elsewhere_is_not_asked_back() {
        let mut words = after("src/shop/till.rs:90 change_due");
        assert_eq!(words.write("change_due in src/shop/till.rs:90 and src/shop/cart.rs"), []);
        words.show("another tool printed total_price");
        assert_eq!(words.write("total_price change_due"), []);
    }
}

//! JSON: arrays of objects as tables, and of long ones the rows that matter.
//!
//! The first form is lossless: the text is decoded again and compared, value by
//! value, before it is returned. Only where something may be left out, and where it
//! pays, rows are chosen. *Invariant:* number literals, key order, absent keys
//! and `null` are what they were.

pub mod cell;
pub mod cut;
pub mod decode;
pub mod derive;
pub mod fields;
pub mod name;
pub mod page;
pub mod plain;
pub mod shape;
pub mod table;
pub mod tape;

use super::{Allowance, Hint, Kind, Shortened};
use crate::refusal::Refusal;
use crate::tokens;
#[cfg(test)]
mod properties;

use cut::Cuts;
use tape::{Tape, Unread};

/// Shortens `text`, or says why not.
///
/// # Errors
/// [`Refusal::NoCompressor`] for what is not JSON, [`Refusal::OddText`] for half
/// a surrogate pair, [`Refusal::NoGain`] where nothing would be shorter.
pub fn compress(text: &str, _hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    if allowance.work.0 < text.len() as u64 {
        return Err(Refusal::OverBudget);
    }
    let tape = Tape::read(text).map_err(|unread| match unread {
        Unread::Malformed(_) => Refusal::NoCompressor,
        Unread::TooBig => Refusal::OverBudget,
        Unread::LoneSurrogate => Refusal::OddText,
    })?;
    lossless(&tape, text)
}

/// The shortest form that decodes to the same JSON.
fn lossless(tape: &Tape<'_>, text: &str) -> Result<Shortened, Refusal> {
    let nothing = Cuts::none();
    let mut plain = String::with_capacity(text.len());
    plain::whole(tape, &nothing, &mut plain);
    if let Some(page) = page::write(tape, &nothing)
        && is_shorter(&page.text, &plain)
    {
        let mut meant = plain::Against::text(&plain);
        if !(decode::decode_to(&page.text, &mut meant) && meant.met()) {
            return Err(Refusal::NotVerified);
        }
        if page.text.len() < text.len() {
            return Ok(shortened(page.text, "json-table"));
        }
    }
    if plain.len() < text.len() { Ok(shortened(plain, "json-minified")) } else { Err(Refusal::NoGain) }
}

fn is_shorter(one: &str, other: &str) -> bool {
    one.len() * 2 < other.len() || tokens::count(one) < tokens::count(other)
}

fn shortened(text: String, compressor: &'static str) -> Shortened {
    Shortened { text, kind: Kind::Json, compressor, left_out: false }
}

//! JSON: arrays of objects as tables, and of long ones the rows that matter.
//!
//! The first form is lossless: the text is decoded again and compared, value by
//! value, before it is returned. Only where something may be left out, and where it
//! pays, rows are chosen. *Invariant:* number literals, key order, absent keys
//! and `null` are what they were.

pub mod cell;
pub mod column;
pub mod cut;
pub mod decode;
pub mod derive;
pub mod fields;
pub mod name;
pub mod page;
pub mod plain;
pub mod query;
pub mod rows;
pub mod shape;
pub mod table;
pub mod tape;

#[cfg(test)]
mod properties;

use super::{Allowance, Effort, Hint, Kind, LOSSY_FLOOR, Loss, Shortened};
use crate::marker;
use crate::refusal::Refusal;
use crate::tokens;
use crate::units::{Key, Tokens};
use cut::Cuts;
use page::Page;
use query::Query;
use rows::Budget;
use tape::{Tape, Unread};

/// Shortens `text`, or says why not.
///
/// # Errors
/// [`Refusal::NoCompressor`] for what is not JSON, [`Refusal::OddText`] for half
/// a surrogate pair, [`Refusal::NoGain`] where nothing would be shorter.
pub fn compress(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    if allowance.work.0 < text.len() as u64 {
        return Err(Refusal::OverBudget);
    }
    let tape = Tape::read(text).map_err(|unread| match unread {
        Unread::Malformed(_) => Refusal::NoCompressor,
        Unread::TooBig => Refusal::OverBudget,
        Unread::LoneSurrogate => Refusal::OddText,
    })?;
    let nothing = Cuts::none();
    let plain = plain_text(&tape, &nothing);
    let page = page::write(&tape, &nothing);
    if let Some(page) = &page
        && !is_verified(&page.text, &plain)
    {
        return Err(Refusal::NotVerified);
    }
    let whole = shorter(plain, page.as_ref());
    if let Loss::KeptUnder(key) = allowance.loss
        && let Some(chosen) = choose(&tape, &whole.text, page.as_ref(), hint, allowance.effort, key)
    {
        return Ok(chosen);
    }
    if whole.text.len() < text.len() { Ok(whole) } else { Err(Refusal::NoGain) }
}

fn plain_text(tape: &Tape<'_>, cuts: &Cuts) -> String {
    let mut plain = String::with_capacity(tape.text_len());
    plain::whole(tape, cuts, &mut plain);
    plain
}

/// True when `text` decodes to exactly `plain`.
fn is_verified(text: &str, plain: &str) -> bool {
    let mut meant = plain::Against::text(plain);
    decode::decode_to(text, &mut meant) && meant.met()
}

/// The one of both lossless forms that is fewer tokens.
fn shorter(plain: String, page: Option<&Page>) -> Shortened {
    let of = |text: String, compressor: &'static str| Shortened {
        text,
        kind: Kind::Json,
        compressor,
        left_out: false,
    };
    match page {
        Some(page) if is_shorter(&page.text, &plain) => of(page.text.clone(), "json-table"),
        _ => of(plain, "json-minified"),
    }
}

/// True when `one` is fewer tokens; tables have up to a fifth fewer bytes a token than plain JSON.
fn is_shorter(one: &str, other: &str) -> bool {
    one.len() * 10 < other.len() * 7 || one.len() < other.len() && tokens::count(one) < tokens::count(other)
}

/// Tokens below which the lossless form is short enough.
const SHORT_ENOUGH: Tokens = Tokens(1_000);

/// Leaving out must make the lossless form shorter by a third at least.
const LEAST_GAIN: (u64, u64) = (2, 3);

/// The form in which only what matters is in view, where that pays.
fn choose(
    tape: &Tape<'_>,
    whole: &str,
    page: Option<&Page>,
    hint: &Hint<'_>,
    effort: Effort,
    key: &Key,
) -> Option<Shortened> {
    // Each token is three bytes or so: what is this short needs no count.
    if (whole.len() as u64) < SHORT_ENOUGH.0 * 2 {
        return None;
    }
    let before = tokens::count(whole);
    if before <= SHORT_ENOUGH {
        return None;
    }
    let cuts = cuts(tape, page?, hint, effort)?;
    let shorter = page::write(tape, &cuts)?;
    let plain = plain_text(tape, &cuts);
    if !is_verified(&shorter.text, &plain) {
        return None;
    }
    let text = with_key(shorter, key)?;
    let after = tokens::count(&text);
    let pays = after.0 * LEAST_GAIN.1 <= before.0 * LEAST_GAIN.0 && saves_enough(tape, before, after);
    pays.then_some(Shortened { text, kind: Kind::Json, compressor: "json-rows", left_out: true })
}

/// True when the original is so much longer that something may be left out.
fn saves_enough(tape: &Tape<'_>, whole: Tokens, after: Tokens) -> bool {
    after + LOSSY_FLOOR <= whole || after + LOSSY_FLOOR <= tokens::count(tape.text())
}

/// What is left out, if anything.
fn cuts(tape: &Tape<'_>, page: &Page, hint: &Hint<'_>, effort: Effort) -> Option<Cuts> {
    let query = Query::of(hint.query);
    let mut cuts = Cuts::none();
    let budget = budget(tape.text_len(), effort);
    let all: usize = page.tables.iter().map(|table| table.len).sum();
    for written in &page.tables {
        let table = page::table_at(tape, written.at)?;
        let bytes = (budget as u128 * written.len as u128 / all as u128) as usize;
        rows::choose(&table, written.at, page::past(tape, written.at), &query, Budget { bytes }, &mut cuts);
    }
    (!cuts.is_empty()).then_some(cuts)
}

/// Bytes that tables may take of a text of `len` bytes.
fn budget(len: usize, effort: Effort) -> usize {
    let balanced = (len / 7).min(6_000 + len / 40).max(1_800);
    match effort {
        Effort::Balanced => balanced,
        Effort::Aggressive => balanced / 2,
    }
}

/// Lets the first marker name the key.
fn with_key(page: Page, key: &Key) -> Option<String> {
    let (at, what) = page.first_gap?;
    let mut text = page.text;
    let short = marker::left_out_too(&what);
    (text.get(at..at + short.len())? == short).then(|| {
        text.replace_range(at..at + short.len(), &marker::left_out(&what, key));
        text
    })
}

//! JSON: arrays of objects as tables, and of long ones the rows that matter.
//!
//! The first form is lossless: the text is decoded again and compared, value by
//! value, before it is returned. Only where something may be left out, and where it
//! pays, rows are chosen. *Invariant:* number literals, key order, absent keys
//! and `null` are what they were.

pub mod amount;
pub mod blocks;
pub mod cell;
pub mod column;
pub mod cut;
pub mod decode;
pub mod deep;
pub mod derive;
pub mod fields;
pub mod fold;
pub mod ids;
pub mod kin;
pub mod name;
pub mod page;
pub mod parallel;
pub mod plain;
pub mod query;
pub mod rows;
pub mod select;
pub mod shape;
pub mod steps;
pub mod table;
pub mod tape;
pub mod texts;
pub mod wording;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests_of;

use super::{Allowance, Effort, Hint, Kind, LOSSY_FLOOR, Loss, Shortened};
use crate::marker::{self, Markers};
use crate::refusal::Refusal;
use crate::tokens;
use crate::units::{Key, Tokens};
use cut::Cuts;
use fold::Fold;
use page::{Page, Written};
use query::Query;
use tape::{Tape, Unread};
use texts::Texts;

/// Shortens `text`, or says why not.
///
/// # Errors
/// [`Refusal::NoCompressor`] for what is not JSON, [`Refusal::OddText`] for half
/// a surrogate pair, [`Refusal::NoGain`] where nothing would be shorter.
pub fn compress(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    if allowance.work.0 < text.len() as u64 {
        return Err(Refusal::OverBudget);
    }
    let tape = Tape::read(text).or_else(|unread| Tape::read_lines(text).map_err(|_| unread));
    let tape = tape.map_err(|unread| match unread {
        Unread::Malformed(_) => Refusal::NoCompressor,
        Unread::TooBig => Refusal::OverBudget,
        Unread::LoneSurrogate => Refusal::OddText,
    })?;
    let mut page = page::write(&tape);
    if let Loss::KeptUnder(key) = allowance.loss
        && let Some(chosen) = choose(&tape, page.as_mut(), hint, allowance, key)
    {
        return Ok(chosen);
    }
    let whole = lossless(&tape, page, hint)?;
    if whole.text.len() < text.len() { Ok(whole) } else { Err(Refusal::NoGain) }
}

/// The one of both lossless forms that is fewer tokens.
fn lossless(tape: &Tape<'_>, page: Option<Page<'_, '_>>, hint: &Hint<'_>) -> Result<Shortened, Refusal> {
    let of = |text: String, compressor: &'static str| Shortened {
        text,
        kind: Kind::Json,
        compressor,
        left_out: false,
    };
    let plain = plain_text(tape, &Cuts::none());
    // A log or a table in a string is as good as the whole text: what round it could be a table is small.
    let texts = Texts { tape, query: hint.query, allowance: &Allowance::lossless() }.rearranged();
    if !texts.is_empty() {
        let told = plain_text(tape, &texts);
        let least = page.as_ref().map_or(plain.len(), |page| page.text.len());
        if told.len() < least {
            return Ok(of(told, "json-texts"));
        }
    }
    match page {
        Some(page) if !is_verified(&page.text, &plain) => Err(Refusal::NotVerified),
        Some(page) if is_shorter(&page.text, &plain) => Ok(of(page.text, "json-table")),
        _ => Ok(of(plain, "json-minified")),
    }
}

fn plain_text(tape: &Tape<'_>, cuts: &Cuts) -> String {
    let mut plain = String::with_capacity(if cuts.is_empty() { tape.text_len() } else { 0 });
    plain::whole(tape, cuts, &mut plain);
    plain
}

/// True when `text` decodes to exactly `plain`.
fn is_verified(text: &str, plain: &str) -> bool {
    let mut meant = plain::Against::text(plain);
    decode::decode_to(text, &mut meant) && meant.met()
}

/// True when `table` is fewer tokens than `plain`.
///
/// A key that a table does not repeat is at most 4.4 bytes a token, plain JSON
/// three or so: a fifth fewer bytes are fewer tokens, legend and all, unless both are short.
fn is_shorter(table: &str, plain: &str) -> bool {
    let surely = 4096 < plain.len() && table.len() * 10 < plain.len() * 8;
    surely || table.len() < plain.len() && measured(table) < measured(plain)
}

/// Bytes up to which tokens are counted; a longer text is estimated.
const COUNTED: usize = 8_192;

fn measured(text: &str) -> Tokens {
    if text.len() <= COUNTED { tokens::count(text) } else { tokens::estimate_of(text) }
}

/// Tokens up to which the lossless form is short enough.
const SHORT_ENOUGH: Tokens = Tokens(1_000);

/// Leaving out must make the lossless form shorter by a third at least.
const LEAST_GAIN: (u64, u64) = (2, 3);

/// The form in which only what matters is in view, where that pays.
fn choose<'t, 'a>(
    tape: &'t Tape<'a>,
    page: Option<&mut Page<'t, 'a>>,
    hint: &Hint<'_>,
    allowance: &Allowance<'_>,
    key: &Key,
) -> Option<Shortened> {
    let plain;
    let (whole, tables) = match page {
        Some(page) => (&page.text, &mut page.tables[..]),
        None => {
            plain = plain_text(tape, &Cuts::none());
            (&plain, &mut [][..])
        }
    };
    // A token is two to four bytes of a table: what is clearly long or short needs no count.
    let is_short = |len: u64| {
        len < SHORT_ENOUGH.0 * 2 || len < SHORT_ENOUGH.0 * 4 && tokens::estimate_of(whole) <= SHORT_ENOUGH
    };
    if is_short(whole.len() as u64) {
        return None;
    }
    let cuts = cuts(tape, tables, hint, allowance, room(tape.text_len(), allowance.effort));
    if cuts.is_empty() {
        return None;
    }
    // Where few rows are left, a value in one piece is worth more than what its beginning costs.
    for written in &mut *tables {
        written.table.spell_prefixes_out();
    }
    let shorter = page::rewrite(tape, tables, &cuts);
    let plain = plain_text(tape, &cuts);
    let verified = if tables.is_empty() { shorter.text == plain } else { is_verified(&shorter.text, &plain) };
    #[cfg(test)]
    assert!(verified, "what was left out does not read back: {}", shorter.text);
    if !verified {
        return None;
    }
    let text = with_key(shorter, &mut allowance.markers(key))?;
    let after = tokens::estimate_of(&text);
    let pays = is_fewer_by(after, whole, |before| Tokens(before.0 * LEAST_GAIN.0 / LEAST_GAIN.1))
        && is_fewer_by(after, tape.text(), |before| Tokens(before.0.saturating_sub(LOSSY_FLOOR.0)));
    pays.then_some(Shortened { text, kind: Kind::Json, compressor: "json-rows", left_out: true })
}

/// True when `after` is at most what `limit` makes of the tokens of `text`; counted only where it is close.
fn is_fewer_by(after: Tokens, text: &str, limit: impl Fn(Tokens) -> Tokens) -> bool {
    let surely = Tokens(text.len() as u64 / 6);
    after <= limit(surely) || after <= limit(tokens::estimate_of(text))
}

/// What is left out, if anything, so that about `room` bytes stay: parts of long strings first, then rows, then the rest.
fn cuts<'t, 'a>(
    tape: &'t Tape<'a>,
    tables: &[Written<'t, 'a>],
    hint: &Hint<'_>,
    allowance: &Allowance<'_>,
    room: usize,
) -> Cuts {
    let mut cuts = Cuts::none();
    let query = &Query::of(hint.query);
    // An object tells something in each of its corners; of rows, most are like others.
    let is_lines = matches!(tables, [only] if only.table.form == table::Form::Lines);
    let in_tables: usize = tables.iter().map(|written| tape.source_len(written.at)).sum();
    let room = if in_tables * 2 < tape.text_len() && !is_lines { room * 7 / 4 } else { room };
    let mut skipped: Vec<tape::At> = tables.iter().map(|written| written.at).collect();
    let texts = Texts { tape, query: hint.query, allowance };
    let mut lens: Vec<Vec<usize>> = tables.iter().map(|written| written.lens.clone()).collect();
    for (written, lens) in tables.iter().zip(&mut lens) {
        texts.shorten_cells(&written.table, lens, &mut cuts);
    }
    if !is_lines {
        texts.shorten(tape::At(0), tape.end(), &skipped, &mut cuts);
        skipped.extend(parallel::choose(tape, query, OF_SERIES, &mut cuts));
        skipped.sort_unstable();
        let fold = Fold { tape, query, share: OF_LISTS };
        fold.fold_lists(tape::At(0), tape.end(), &skipped, &mut cuts);
    }
    if !cuts.is_empty()
        && page::rewrite(tape, tables, &cuts).text.len() <= room.max(tape.text_len() * ONLY_TEXTS / 100)
    {
        return cuts;
    }
    let all: usize = tables.iter().map(|written| written.len).sum();
    let share = (room * 1000 / all.max(1)).min(1_000);
    for ((written, lens), bytes) in tables.iter().zip(&lens).zip(shares(tables, room)) {
        if lens.iter().sum::<usize>() <= bytes {
            continue;
        }
        let lens = rows::with_short_cells(&written.table, lens, &cuts);
        rows::choose(&written.table, (written.at, written.past), &lens, query, bytes, &mut cuts);
        rows::shorten_cells(&written.table, query, share, &mut cuts);
    }
    let so_far = page::rewrite(tape, tables, &cuts).text.len().saturating_sub(cuts.said());
    if room * 5 / 4 < so_far {
        let fold = Fold { tape, query, share: room * 1000 / so_far };
        for written in tables {
            fold.fold_cells(&written.table, &mut cuts);
        }
        if !is_lines {
            fold.fold(tape::At(0), tape.end(), &skipped, &mut cuts);
        }
    }
    cuts
}

/// Of long lists side by side so much stays, in thousandths.
const OF_SERIES: usize = 120;

/// Of a long list inside something so much stays, in thousandths.
const OF_LISTS: usize = 300;

/// Where parts of long strings are all that is left out, so much of the text may stay, in percent.
const ONLY_TEXTS: usize = 30;

/// How many bytes of each table may stay, of `room` in all: a small one keeps more of its own.
fn shares(tables: &[Written<'_, '_>], room: usize) -> Vec<usize> {
    let weight = |written: &Written<'_, '_>| (written.len as f64).powf(0.75);
    let all: f64 = tables.iter().map(weight).sum();
    tables.iter().map(|written| (room as f64 * weight(written) / all.max(1.0)) as usize).collect()
}

/// Bytes that may stay of a text of `len` bytes.
fn room(len: usize, effort: Effort) -> usize {
    let balanced = (len / 7).min(6_000 + len / 40).max(3_000);
    match effort {
        Effort::Balanced => balanced,
        Effort::Aggressive => balanced / 2,
    }
}

/// Lets the first marker name the key.
fn with_key(page: Page<'_, '_>, markers: &mut Markers<'_>) -> Option<String> {
    let (at, what) = page.first_gap?;
    let mut text = page.text;
    let short = marker::left_out_too(&what);
    (text.get(at..at + short.len())? == short).then(|| {
        text.replace_range(at..at + short.len(), &markers.gap(&what));
        text
    })
}

//! JSON in a text, a text round JSON: each part by its own kind.
//!
//! A result that a program announces (`Result: {…}`), a body under its headers,
//! several values between lines of prose, an array that was cut off at a limit.
//! What is no JSON stays where it was, letter for letter, or is shortened by its
//! own kind. Never reads a value twice over: the search is bounded by the text's length.

mod pieces;
#[cfg(test)]
mod tests;

use super::content::{self, Sample};
use super::json::page;
use super::{Allowance, Hint, Kind, Shortened, json};
use crate::marker;
use crate::refusal::Refusal;
use pieces::{Piece, Sort};

/// A text of another kind between values is shortened from this many bytes on.
const LONG_TEXT: usize = 4_000;

/// So many bytes of a text are looked at to see whether it is mixed.
const LOOKED_AT: usize = 1 << 20;

/// Mixed is what has few values, or long ones: so many bytes each, on average.
const LONG_VALUE: usize = 1_500;

/// So many values are few.
const FEW: usize = 4;

/// True when the text looks like one of this kind, whoever printed it.
pub fn fits(sample: &Sample<'_>) -> bool {
    let text = &sample.text[..sample.text.floor_char_boundary(LOOKED_AT)];
    if ["diff ", "--- ", "Index: ", "commit "].iter().any(|start| text.starts_with(start)) {
        return false;
    }
    let pieces = pieces::of(text);
    let values: Vec<usize> =
        pieces.iter().filter(|piece| piece.sort != Sort::Text).map(|piece| piece.range.len()).collect();
    let json: usize = values.iter().sum();
    0 < json && text.len() <= json * 2 && (values.len() <= FEW || values.len() * LONG_VALUE <= json)
}

/// Shortens `text`, or says why not.
///
/// # Errors
/// A [`Refusal`] when no part of it can be made shorter.
pub fn compress(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    let pieces = pieces::of(text);
    if pieces.iter().all(|piece| piece.sort == Sort::Text) {
        return Err(Refusal::NoCompressor);
    }
    let mut sheet = Sheet { text: String::new(), hint, allowance: *allowance, left_out: false, ended: false };
    for piece in &pieces {
        sheet.put(text, piece);
    }
    if text.len() <= sheet.text.len() {
        return Err(Refusal::NoGain);
    }
    Ok(Shortened { text: sheet.text, kind: Kind::Mixed, compressor: "mixed", left_out: sheet.left_out })
}

/// The text as it is put together again.
struct Sheet<'s> {
    text: String,
    hint: &'s Hint<'s>,
    allowance: Allowance<'s>,
    left_out: bool,
    /// What was put last needs a line of its own to be told from what follows.
    ended: bool,
}

impl Sheet<'_> {
    fn put(&mut self, whole: &str, piece: &Piece) {
        let source = &whole[piece.range.clone()];
        match &piece.sort {
            Sort::Text => self.put_text(source),
            Sort::Value => {
                self.put_value(source, source);
            }
            Sort::Items => {
                if self.put_value(&format!("[{source}]"), source) {
                    self.begin_line();
                    self.text.push_str(&marker::legend("end of the items; the source has no [ ] round them"));
                    self.text.push('\n');
                    self.ended = false;
                }
            }
            Sort::Cut(closers) => {
                if self.put_value(&format!("{source}{closers}"), source) {
                    let what =
                        format!("the JSON breaks off here ({closers} added above); it goes on like this:");
                    self.begin_line();
                    self.text.push_str(&marker::legend(&what));
                    self.text.push('\n');
                    self.ended = false;
                }
            }
        }
        self.allowance.part.lines_before += memchr::memchr_iter(b'\n', source.as_bytes()).count();
        self.allowance.part.key_named |= self.left_out;
    }

    fn put_text(&mut self, source: &str) {
        if std::mem::take(&mut self.ended) && !source.trim_ascii().is_empty() {
            self.begin_line();
            self.text.push_str(&marker::legend("end of the table"));
            if !source.starts_with(['\n', '\r']) {
                self.text.push('\n');
            }
        }
        let shorter =
            if LONG_TEXT <= source.len() && source.ends_with('\n') { self.shorter(source) } else { None };
        match shorter {
            Some(shorter) => {
                self.begin_line();
                self.left_out |= shorter.left_out;
                self.text.push_str(&shorter.text);
                if !shorter.text.ends_with('\n') {
                    self.text.push('\n');
                }
            }
            None => self.text.push_str(source),
        }
    }

    /// A long text between values, by its own kind.
    fn shorter(&self, source: &str) -> Option<Shortened> {
        let starts_line = self.text.is_empty() || self.text.ends_with('\n');
        let kind = content::kind_of(source, &Hint { tool: "", command: "", path: "", ..*self.hint });
        if !starts_line || matches!(kind, Kind::Json | Kind::Mixed | Kind::Read | Kind::Other) {
            return None;
        }
        let shorter = super::compress(source, self.hint, &self.allowance).ok()?;
        (shorter.text.len() < source.len()).then_some(shorter)
    }

    /// Puts `value`, shorter where it can be; false when `source` went as it came.
    fn put_value(&mut self, value: &str, source: &str) -> bool {
        let shorter = json::compress(value, self.hint, &self.allowance);
        let Some(shorter) = shorter.ok().filter(|shorter| shorter.text.len() < source.len()) else {
            self.text.push_str(source);
            return false;
        };
        if shorter.text.starts_with(marker::OPEN) {
            self.begin_line();
        }
        let legend = shorter.text.strip_prefix(marker::OPEN).unwrap_or("");
        self.ended = [page::LIST, page::LINES].iter().any(|start| legend.starts_with(start));
        self.left_out |= shorter.left_out;
        self.text.push_str(&shorter.text);
        true
    }

    fn begin_line(&mut self) {
        if !(self.text.is_empty() || self.text.ends_with('\n')) {
            self.text.push('\n');
        }
    }
}

//! Long strings by their own kind: a log in a string is a log, JSON in a string
//! is JSON, base64 is so many bytes of something.
//!
//! The first thing that is shortened, for it costs a reader least. *Invariant:* a
//! string in which our own words stand already is left alone.

use super::super::content;
use super::super::{Allowance, Hint, Kind, Loss, Part, compress};
use super::cut::{Cut, Cuts, Piece};
use super::table::{Role, Table};
use super::tape::{At, Tape};
use crate::marker;

/// A run without a blank that is longer than this, in bytes, says nothing to a reader.
const BLOB: usize = 256;

/// Strings from this many bytes on are looked at as texts of their own.
const LONG: usize = 2_000;

/// Of a blob so many letters stay, unless it says itself what it is.
const HEAD: usize = 24;

/// A data URI says what it is within so many bytes.
const DATA_HEAD: usize = 80;

/// How base64 begins, by what it holds.
const HELD: &[(&str, &str)] = &[
    ("iVBORw0KGgo", "a PNG image"),
    ("/9j/", "a JPEG image"),
    ("R0lGOD", "a GIF image"),
    ("UklGR", "a WebP image or a sound"),
    ("PHN2Zy", "an SVG image"),
    ("JVBERi", "a PDF"),
    ("UEsDB", "a ZIP archive"),
    ("H4sI", "gzip"),
    ("LS0tLS1CRUdJTi", "PEM"),
    ("AGFzbQ", "WebAssembly"),
];

/// How strings are shortened: for what, and as far as what is allowed.
#[derive(Debug)]
pub struct Texts<'s, 't, 'a> {
    /// The values.
    pub tape: &'t Tape<'a>,
    /// What is asked.
    pub query: &'s str,
    /// What may be left out.
    pub allowance: &'s Allowance<'s>,
}

impl Texts<'_, '_, '_> {
    /// Shortens the strings from `at` up to `past`; tables that stand at `skipped` (in order) are left to others.
    pub fn shorten(&self, at: At, past: At, skipped: &[At], cuts: &mut Cuts) {
        let mut next = at;
        while next < past {
            if skipped.binary_search(&next).is_ok() {
                next = self.tape.past(next);
                continue;
            }
            self.string(next, cuts);
            next = At(next.0 + 1);
        }
    }

    /// Shortens the strings in the cells of `table`; takes what is saved from the `lens` of its rows.
    pub fn shorten_cells(&self, table: &Table<'_, '_>, lens: &mut [usize], cuts: &mut Cuts) {
        for (number, column) in table.columns.iter().enumerate() {
            // What stands once for all rows, or is made of other columns, must stay the same in all.
            if !matches!(column.role, Role::Cells { .. } | Role::Seldom) {
                continue;
            }
            for (row, len) in lens.iter_mut().enumerate() {
                let Some(at) = table.grid.cell(number, row) else { continue };
                let (mut next, past) = (at, self.tape.past(at));
                while next < past {
                    *len = len.saturating_sub(self.string(next, cuts));
                    next = At(next.0 + 1);
                }
            }
        }
    }

    /// Shortens one string, if it is one and that pays; how many bytes are saved.
    fn string(&self, at: At, cuts: &mut Cuts) -> usize {
        let len = self.tape.source_len(at);
        if !self.tape.is_string(at) || len <= BLOB || self.tape.is_key(at) || cuts.at(at).is_some() {
            return 0;
        }
        let said = self.tape.said(at);
        let Some(pieces) = self.pieces(&said) else { return 0 };
        let made = |piece: &Piece| match piece {
            Piece::Kept(range) => range.len(),
            Piece::Made(text) | Piece::Gap(text) => text.len() + 4,
        };
        let left = pieces.iter().map(made).sum();
        cuts.cut(at, Cut::Text(pieces));
        len.saturating_sub(left)
    }

    /// The long strings as their own kinds' compressors re-arrange them; nothing is left out.
    pub fn rearranged(&self) -> Cuts {
        let mut cuts = Cuts::none();
        for at in (0..self.tape.end().0).map(At) {
            if LONG <= self.tape.source_len(at) {
                self.string(at, &mut cuts);
            }
        }
        cuts
    }

    fn pieces(&self, said: &str) -> Option<Vec<Piece>> {
        if is_blob(said) {
            let may = matches!(self.allowance.loss, Loss::KeptUnder(_));
            return if may { blob(said) } else { None };
        }
        if said.len() < LONG || said.contains(marker::OPEN) {
            return None;
        }
        let hint = Hint { query: self.query, ..Hint::default() };
        if matches!(content::kind_of(said, &hint), Kind::Read | Kind::Other) {
            return None;
        }
        let allowance = Allowance { part: Part { lines_before: 0, key_named: true }, ..*self.allowance };
        let made = compress(said, &hint, &allowance).ok()?;
        Some(split_at_gap(&made.text))
    }
}

/// The first marker of a gap apart, for it may have to name the key.
fn split_at_gap(made: &str) -> Vec<Piece> {
    let mut start = 0;
    for line in made.split('\n') {
        let end = start + line.len();
        let what = line.strip_prefix(marker::OPEN).and_then(|rest| rest.strip_suffix("; kept, same key]"));
        if let Some(what) = what {
            let before = (0 < start).then(|| Piece::Made(made[..start - 1].to_owned()));
            let after = (end < made.len()).then(|| Piece::Made(made[end + 1..].to_owned()));
            let gap = Piece::Gap(what.to_owned());
            return before.into_iter().chain([gap]).chain(after).collect();
        }
        start = end + 1;
    }
    vec![Piece::Made(made.to_owned())]
}

/// True for a long run of letters and digits without a blank: base64, hex, a token.
fn is_blob(said: &str) -> bool {
    BLOB < said.len()
        && said.bytes().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(
                    byte,
                    b'+' | b'/' | b'=' | b'_' | b'-' | b'\n' | b'\r' | b':' | b';' | b',' | b'.'
                )
        })
        && said.bytes().filter(|byte| matches!(byte, b'/' | b'.' | b':' | b'_' | b'-')).count() * 16
            <= said.len()
}

fn blob(said: &str) -> Option<Vec<Piece>> {
    // A data URI keeps its head, which says what it is.
    let head =
        said.find(',').filter(|at| said.starts_with("data:") && *at < DATA_HEAD).map_or(HEAD, |at| at + 1);
    let hex = said[head..].bytes().all(|byte| byte.is_ascii_hexdigit());
    let held = HELD.iter().find(|(start, _)| said.starts_with(start));
    let kind = match (hex, held) {
        (true, _) => "hex digits".to_owned(),
        (false, Some((_, held))) => format!("characters of base64 ({held})"),
        (false, None) => "characters of base64 or the like".to_owned(),
    };
    let left = said.len() - head;
    (100 < left).then(|| vec![Piece::Kept(0..head), Piece::Gap(format!("{left} {kind} left out"))])
}

#[cfg(test)]
mod tests {
    use super::super::tests_of;
    use super::*;

    #[test]
    fn a_log_in_a_string_is_shortened_as_a_log() {
        let line = |at: usize| {
            format!(
                "2026-03-04 10:{:02}:{:02} INFO part {at:04} written rows={}\\n",
                at / 60,
                at % 60,
                at * 37
            )
        };
        let log: String = (0..240).map(line).collect();
        let text = format!(
            r#"{{"job":"export","log":"{log}2026-03-04 11:00:00 ERROR disk quota exceeded\n","exit":1}}"#
        );
        let made = tests_of::shortened(&text, "");
        assert!(made.contains("ERROR disk quota exceeded") && made.contains(r#""exit":1"#), "{made}");
        assert!(made.len() * 4 < text.len(), "{made}");
        assert!(serde_json::from_str::<serde_json::Value>(&made).is_ok());
    }

    #[test]
    fn rows_in_a_string_are_a_table_in_a_string_where_nothing_may_be_left_out() {
        let row = |at: usize| format!(r#"{{"id":{},"name":"pod-{at}","phase":"Running"}}"#, at * 37);
        let rows = format!("[{}]", (0..90).map(row).collect::<Vec<_>>().join(", "));
        let text = serde_json::to_string(&serde_json::json!([{"type": "text", "text": rows}])).unwrap();
        let made = super::super::compress(&text, &Hint::default(), &Allowance::lossless()).unwrap();
        assert!(!made.left_out && made.text.len() * 2 < text.len(), "{}", made.text);
        let outer: serde_json::Value = serde_json::from_str(&made.text).unwrap();
        let inner = super::super::decode::decode(outer[0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&inner).unwrap(),
            serde_json::from_str::<serde_json::Value>(&rows).unwrap()
        );
    }

    #[test]
    fn an_image_is_named_and_its_size_is_said() {
        let image = "iVBORw0KGgo".to_owned() + &"AAECAwQFBgcICQ".repeat(600);
        let text = format!(r#"{{"cell":7,"png":"{image}","caption":"loss by epoch"}}"#);
        let made = tests_of::shortened(&text, "");
        assert!(made.contains("8387 characters of base64 (a PNG image) left out"), "{made}");
        assert!(made.contains("loss by epoch"));
    }
}

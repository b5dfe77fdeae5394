//! The parts of a text that fit some words best, with their line numbers, as `grep -n` prints them.
//!
//! The text is cut into parts of some lines (at empty lines, where there are any), JSON with an
//! array into its rows; what is very long is cut into pieces. Parts are ranked by BM25 and given
//! in reading order, the best first where one page can't hold them all.
//!
//! Between slashes a query is a regular expression (`/time(d )?out/`, `/error/i`): then all lines
//! that it matches are given, in reading order.

use super::table::{self, Row};
use super::{PartError, rows};
use regex::{Regex, RegexBuilder};
use std::collections::HashMap;

/// Lines in a part at most.
const LINES: usize = 6;

/// Bytes in a part at most; a longer line is cut.
const BYTES: usize = 1_200;

/// Bytes of parts that are put into reading order: about what a page holds.
const TOGETHER: usize = 6_000;

/// Bytes around a match that are given of a longer line.
const AROUND: usize = 300;

/// Words of a query that count.
const WORDS: usize = 32;

/// How fast a word's further occurrences in a part stop counting, and how much a part's
/// length counts: the usual values of BM25 (Robertson and Zaragoza, 2009, 3.4).
const K1: f64 = 1.2;
const B: f64 = 0.75;

/// How good a part must be beside the best, to be given: one that has only the words that all have is not.
const GOOD: f64 = 0.25;

/// What a part with the whole query, word for word, is worth more, in multiples of its best word.
const VERBATIM: f64 = 3.0;

/// A piece of the text.
#[derive(Debug)]
struct Piece<'a> {
    /// Number of its first line, counted from 1.
    line: usize,
    text: &'a str,
    /// True when it is not the beginning of its line, or its line goes on after it.
    cut: (bool, bool),
}

/// The parts of `text` that fit `query`, the best 6 KB first, each 6 KB in reading order.
///
/// # Errors
/// [`PartError::NoMatch`] when no part has any of the words; [`PartError::NoLine`], [`PartError::Expression`].
pub fn best(text: &str, query: &str) -> Result<String, PartError> {
    if let Some(pattern) = pattern(query) {
        return matching(text, query, &pattern?);
    }
    let rows = table::json_rows(text);
    let counted_as = if rows.is_some() { "row " } else { "" };
    let pieces = match rows {
        Some(rows) => pieces_of_rows(&rows),
        None => pieces(text),
    };
    let mut ranked = rank(&pieces, query);
    if ranked.is_empty() {
        return Err(PartError::NoMatch(query.to_owned()));
    }
    let mut out = String::new();
    let mut rest = &mut ranked[..];
    while !rest.is_empty() {
        let mut bytes = 0;
        let is_full = |piece: &usize| {
            bytes += pieces[*piece].text.len();
            TOGETHER < bytes
        };
        let count = rest.iter().position(is_full).unwrap_or(rest.len()).max(1);
        let (chosen, after) = rest.split_at_mut(count);
        chosen.sort_unstable();
        let mut next = if out.is_empty() { chosen[0] } else { usize::MAX };
        for piece in chosen {
            if *piece != next {
                out.push_str("--\n");
            }
            next = *piece + 1;
            print(&pieces[*piece], counted_as, &mut out);
        }
        rest = after;
    }
    Ok(out)
}

/// The regular expression between slashes; `None` for a query of words.
fn pattern(query: &str) -> Option<Result<Regex, PartError>> {
    let (pattern, flags) = query.trim().strip_prefix('/')?.rsplit_once('/')?;
    if pattern.is_empty() || !matches!(flags, "" | "i") {
        return None;
    }
    let read = RegexBuilder::new(pattern)
        .case_insensitive(flags == "i")
        .size_limit(1 << 20)
        .dfa_size_limit(1 << 20)
        .build();
    Some(read.map_err(|_| PartError::Expression {
        expression: query.to_owned(),
        why: "between the slashes stands no regular expression".to_owned(),
    }))
}

/// The lines that are matched, with their numbers; of a long one what stands around the match.
fn matching(text: &str, query: &str, pattern: &Regex) -> Result<String, PartError> {
    let mut out = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.len() <= BYTES {
            if pattern.is_match(line) {
                print(&Piece { line: number, text: line, cut: (false, false) }, "", &mut out);
            }
            continue;
        }
        let mut given = 0;
        for found in pattern.find_iter(line) {
            if found.start() < given {
                continue;
            }
            let start = line.floor_char_boundary(found.start().saturating_sub(AROUND)).max(given);
            let end = line.ceil_char_boundary((found.start() + AROUND).min(line.len()));
            let cut = (0 < start, end < line.len());
            print(&Piece { line: number, text: &line[start..end], cut }, "", &mut out);
            given = end;
        }
    }
    if out.is_empty() { Err(PartError::NoLine(query.to_owned())) } else { Ok(out) }
}

fn print(piece: &Piece<'_>, counted_as: &str, out: &mut String) {
    let (before, after) = piece.cut;
    let (before, after) = (if before { "…" } else { "" }, if after { "…" } else { "" });
    let row = if counted_as.is_empty() { None } else { Some(rows::on_one_line(piece.text)) };
    for (line, text) in (piece.line..).zip(row.as_deref().unwrap_or(piece.text).lines()) {
        out.push_str(&format!("{counted_as}{line}:{before}{text}{after}\n"));
    }
}

/// Each row a piece, counted from 1.
fn pieces_of_rows<'a>(rows: &[Row<'a>]) -> Vec<Piece<'a>> {
    let mut pieces = Vec::with_capacity(rows.len());
    for (number, row) in (1..).zip(rows.iter().map(|row| row.text)) {
        if row.len() > BYTES {
            cut_up(row, number, &mut pieces);
        } else {
            pieces.push(Piece { line: number, text: row, cut: (false, false) });
        }
    }
    pieces
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    // The part that is being gathered: where it starts, its first line, its lines.
    let (mut start, mut first, mut lines) = (0, 1, 0);
    let mut at = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let end = at + line.len();
        let full = lines == LINES || end - start > BYTES || (lines > 0 && line.trim().is_empty());
        if full && lines > 0 {
            pieces.push(Piece { line: first, text: &text[start..at], cut: (false, false) });
            (start, first, lines) = (at, number, 0);
        }
        if line.len() > BYTES {
            cut_up(line, number, &mut pieces);
            (start, first, lines) = (end, number + 1, 0);
        } else {
            if lines == 0 {
                (start, first) = (at, number);
            }
            lines += 1;
        }
        at = end;
    }
    if lines > 0 {
        pieces.push(Piece { line: first, text: &text[start..at], cut: (false, false) });
    }
    pieces
}

/// Cuts one long line, where it can at something that is no word.
fn cut_up<'a>(line: &'a str, number: usize, pieces: &mut Vec<Piece<'a>>) {
    let mut rest = line.trim_end_matches(['\n', '\r']);
    let mut before = false;
    while !rest.is_empty() {
        let mut end = rest.floor_char_boundary(BYTES);
        if end < rest.len() {
            let word = rest[..end].char_indices().rev().take(80).find(|(_, letter)| !is_word(*letter));
            end = word.map_or(end, |(at, letter)| at + letter.len_utf8());
        }
        let (text, after) = rest.split_at(end);
        pieces.push(Piece { line: number, text, cut: (before, !after.is_empty()) });
        (rest, before) = (after, true);
    }
}

/// The pieces that have the words, best first.
fn rank(pieces: &[Piece<'_>], query: &str) -> Vec<usize> {
    let terms = Terms::of(query);
    let mut lengths = Vec::with_capacity(pieces.len());
    let mut having = vec![0_usize; terms.len()];
    // For each piece with any: how often it has each term.
    let mut counts: Vec<(usize, Vec<u32>)> = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        let (mut length, mut count) = (0_u32, Vec::<u32>::new());
        each_word(piece.text, |word| {
            length += 1;
            if let Some(term) = terms.place(word) {
                count.resize(terms.len(), 0);
                count[term] += 1;
            }
        });
        lengths.push(f64::from(length));
        if !count.is_empty() {
            having.iter_mut().zip(&count).for_each(|(having, count)| *having += usize::from(*count > 0));
            counts.push((number, count));
        }
    }
    let mean = (lengths.iter().sum::<f64>() / lengths.len().max(1) as f64).max(1.0);
    let rarity: Vec<f64> = having
        .iter()
        .map(|having| (1.0 + (pieces.len() as f64 - *having as f64 + 0.5) / (*having as f64 + 0.5)).ln())
        .collect();
    let best = rarity.iter().copied().fold(0.0, f64::max);
    let verbatim = query.trim().to_lowercase();
    let mut scored: Vec<(f64, usize)> = counts
        .into_iter()
        .map(|(number, count)| {
            let norm = K1 * (1.0 - B + B * lengths[number] / mean);
            let score: f64 = count
                .iter()
                .zip(&rarity)
                .map(|(count, rarity)| rarity * f64::from(*count) * (K1 + 1.0) / (f64::from(*count) + norm))
                .sum();
            let whole = terms.len() > 1 && pieces[number].text.to_lowercase().contains(&verbatim);
            (score + if whole { VERBATIM * best } else { 0.0 }, number)
        })
        .collect();
    scored.sort_by(|(one, first), (other, second)| other.total_cmp(one).then(first.cmp(second)));
    let bar = scored.first().map_or(0.0, |(best, _)| best * GOOD);
    scored.into_iter().take_while(|(score, _)| *score >= bar).map(|(_, number)| number).collect()
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Shows the words of a text: `userId` is `userId`, `user` and `Id`; `user_id` likewise.
fn each_word<'a>(text: &'a str, mut see: impl FnMut(&'a str)) {
    for word in text.split(|letter| !is_word(letter)).filter(|word| !word.is_empty()) {
        see(word);
        let (mut start, mut last_lower) = (0, false);
        for (at, letter) in word.char_indices() {
            if letter == '_' || (letter.is_uppercase() && last_lower) {
                if start < at {
                    see(&word[start..at]);
                }
                start = if letter == '_' { at + 1 } else { at };
            }
            last_lower = letter.is_lowercase() || letter.is_numeric();
        }
        if 0 < start && start < word.len() {
            see(&word[start..]);
        }
    }
}

/// The words that are looked for, each once, in lower case.
#[derive(Default)]
struct Terms {
    places: HashMap<String, usize>,
    ascii: Vec<(String, usize)>,
    /// Bit `n`: there is a word of `n` bytes (63: or more).
    lengths: u64,
}

impl Terms {
    fn of(query: &str) -> Terms {
        let mut terms = Terms::default();
        each_word(query, |word| {
            let word = word.to_lowercase();
            let next = terms.places.len();
            if WORDS <= next || terms.places.contains_key(&word) {
                return;
            }
            if word.is_ascii() {
                terms.ascii.push((word.clone(), next));
            }
            terms.lengths |= 1 << word.len().min(63);
            terms.places.insert(word, next);
        });
        terms
    }

    fn len(&self) -> usize {
        self.places.len()
    }

    /// Which of them a word is, however it is spelt.
    fn place(&self, word: &str) -> Option<usize> {
        if word.is_ascii() {
            let may_be = self.lengths >> word.len().min(63) & 1 == 1;
            let ascii = self.ascii.iter().filter(|_| may_be);
            let mut same = ascii.filter(|(term, _)| term.eq_ignore_ascii_case(word));
            return same.next().map(|(_, place)| *place);
        }
        self.places.get(&word.to_lowercase()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn log() -> String {
        (1..=2_000)
            .map(|line| match line {
                700 => "12:00:07 ERROR PaymentGateway refused order 5531: card_expired\n".to_owned(),
                1_500 => "12:00:15 WARN disk at 91 %\n".to_owned(),
                _ => format!("12:00:00 INFO request {line} done in {} ms\n", line % 37),
            })
            .collect()
    }

    #[test]
    fn the_best_part_is_given_with_its_line_numbers() {
        let cases = [
            ("payment gateway error", "700:12:00:07 ERROR PaymentGateway refused order 5531: card_expired\n"),
            ("card expired", "700:12:00:07 ERROR PaymentGateway refused order 5531: card_expired\n"),
            ("which disk is full?", "1500:12:00:15 WARN disk at 91 %\n"),
        ];
        for (query, want) in cases {
            let found = best(&log(), query).expect("found");
            assert!(found.contains(want), "{query}: {found}");
            assert!(found.starts_with(want) || found.len() < 8_000, "{found}");
        }
        let found = best(&log(), "info error").expect("found");
        assert!(
            found.lines().count() <= 6 && found.contains("700:"),
            "what all lines have tells nothing: {found}"
        );
        assert_eq!(best(&log(), "kubernetes"), Err(PartError::NoMatch("kubernetes".to_owned())));
        assert!(best(&log(), "...").is_err());
        assert!(best("", "x").is_err());
    }

    #[test]
    fn what_many_parts_have_is_all_given() {
        let found = best(&log(), "info request").expect("found");
        assert_eq!(found.matches(":12:00:00 INFO request").count(), 1_998);
    }

    #[test]
    fn between_slashes_stands_a_regular_expression() {
        let cases = [
            ("/order \\d+/", Ok("700:12:00:07 ERROR PaymentGateway refused order 5531: card_expired\n")),
            ("/paymentgateway/i", Ok("700:12:00:07 ERROR PaymentGateway refused order 5531: card_expired\n")),
            (
                "/ERROR|WARN/",
                Ok(
                    "700:12:00:07 ERROR PaymentGateway refused order 5531: card_expired\n1500:12:00:15 WARN disk at 91 %\n",
                ),
            ),
            ("/paymentgateway/", Err("no line of the original matches /paymentgateway/")),
            ("/(/", Err("`/(/` can't be read: between the slashes stands no regular expression")),
        ];
        for (query, want) in cases {
            let found = best(&log(), query).map_err(|error| error.to_string());
            assert_eq!(found.as_deref().map_err(String::as_str), want, "{query}");
        }
        let line = format!("{}needle{}", "hay ".repeat(50_000), " hay".repeat(50_000));
        let found = best(&line, "/need.e/").expect("found");
        assert!(found.starts_with("1:…") && found.contains("needle") && found.len() < 700, "{found}");
    }

    #[test]
    fn of_json_the_best_rows_are_given() {
        let rows: Vec<String> = (1..=300)
            .map(|id| {
                format!("{{\"id\": {id},\n \"city\": \"{}\"}}", if id == 217 { "Ulan Bator" } else { "Rome" })
            })
            .collect();
        let found = best(&format!("[{}]", rows.join(", ")), "bator").expect("found");
        assert_eq!(found, "row 217:{\"id\":217,\"city\":\"Ulan Bator\"}\n");
    }

    #[test]
    fn a_long_line_is_given_in_pieces() {
        let line = format!("{}needle in it{}", "hay ".repeat(50_000), " hay".repeat(50_000));
        let found = best(&line, "needle").expect("found");
        assert!(found.contains("needle in it") && found.starts_with("1:…") && found.len() < 3_000, "{found}");
    }

    proptest! {
        #[test]
        fn every_given_line_is_a_line_of_the_text(lines in prop::collection::vec("[a-c ]{0,9}", 0..60), query in "[a-c]{1,3}") {
            let text = lines.join("\n");
            if let Ok(found) = best(&text, &query) {
                for line in found.lines().filter(|line| !line.starts_with("--")) {
                    let (number, content) = line.split_once(':').expect("a number");
                    prop_assert_eq!(content, lines[number.parse::<usize>().expect("a number") - 1].as_str());
                }
            } else {
                let has = lines.iter().any(|line| line.split(' ').any(|word| word == query));
                prop_assert!(!has);
            }
        }

        #[test]
        fn any_text_and_query_are_answered(text in any::<String>(), query in any::<String>()) {
            let _ = best(&text, &query);
        }
    }
}

//! Which lines answer what the agent is asking.
//!
//! Names, numbers and quoted words of the question are looked for as they are;
//! other words count by how rare they are in the text. A word that stands in
//! many lines tells nothing.

use super::Lines;
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::ops::Range;

/// Words of a question that are looked for at most; the last said count first.
const MOST_TERMS: usize = 64;
/// A question is read from its end, this many bytes.
const READ: usize = 4_096;

/// Words that are in every question.
const STOP_WORDS: &[&str] = &[
    "about", "after", "again", "also", "and", "any", "are", "been", "before", "but", "can", "cat", "check",
    "command", "could", "current", "did", "does", "each", "every", "file", "files", "find", "first", "for",
    "from", "get", "give", "had", "has", "have", "head", "here", "how", "into", "its", "just", "know",
    "last", "let", "line", "lines", "list", "log", "logs", "look", "make", "many", "more", "most", "much",
    "need", "next", "not", "now", "only", "other", "our", "out", "output", "over", "please", "read", "run",
    "see", "should", "show", "some", "tail", "tell", "than", "that", "the", "their", "them", "then", "there",
    "these", "they", "this", "those", "through", "time", "under", "use", "using", "want", "was", "were",
    "what", "when", "where", "which", "while", "who", "why", "will", "with", "would", "you", "your",
];

/// The lines that match `question`, best first, at most `most` of them.
pub fn matching(lines: &Lines<'_>, question: &str, most: usize) -> Vec<u32> {
    Asked::in_lines(lines, question).best(most)
}

/// Where the words of a question stand in lines.
pub struct Asked {
    terms: Vec<Term>,
    found: Vec<Vec<u32>>,
    lines: usize,
}

impl Asked {
    /// Looks for the words of `question` in `lines`.
    pub fn in_lines(lines: &Lines<'_>, question: &str) -> Asked {
        let terms = terms(question);
        let found = find(lines, &terms);
        Asked { terms, found, lines: lines.len() }
    }

    /// The lines that match, best first, at most `most` of them.
    pub fn best(&self, most: usize) -> Vec<u32> {
        let mut scores: Vec<(u32, f64)> = Vec::new();
        for (term, its) in self.terms.iter().zip(&self.found) {
            if its.is_empty() || telling(self.lines, term) < its.len() {
                continue;
            }
            let weight =
                (1.0 + self.lines as f64 / its.len() as f64).ln() * if term.exact { 3.0 } else { 1.0 };
            scores.extend(its.iter().map(|&line| (line, weight)));
        }
        scores.sort_by_key(|&(line, _)| line);
        let mut summed: Vec<(u32, f64)> = Vec::new();
        for (line, weight) in scores {
            match summed.last_mut() {
                Some(last) if last.0 == line => last.1 += weight,
                _ => summed.push((line, weight)),
            }
        }
        summed.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
        summed.truncate(most);
        summed.into_iter().map(|(line, _)| line).collect()
    }

    /// The first `each` lines that hold each of the words, however many hold it; in order.
    pub fn first_of_each(&self, each: usize) -> Vec<u32> {
        let mut first: Vec<u32> = self.found.iter().flat_map(|its| its.iter().take(each)).copied().collect();
        first.sort_unstable();
        first.dedup();
        first
    }
}

/// A term that stands in more lines than this tells nothing; where it stands is not even noted. A name
/// or a number that was asked for by itself tells more.
fn telling(lines: usize, term: &Term) -> usize {
    if term.exact { (lines / 10).max(24) } else { (lines / 20).max(12) }
}

/// The lines that each of `terms` stands in, in order, as far as they tell anything.
fn find(lines: &Lines<'_>, terms: &[Term]) -> Vec<Vec<u32>> {
    let mut found: Vec<Vec<u32>> = vec![Vec::new(); terms.len()];
    let Ok(finder) = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .kind(Some(AhoCorasickKind::DFA))
        .build(terms.iter().map(|term| &term.text))
    else {
        return found;
    };
    if terms.is_empty() || lines.is_empty() {
        return found;
    }
    let text = lines.text().as_bytes();
    let mut end = 0;
    let mut line = 0_u32;
    for hit in finder.find_iter(text) {
        if end <= hit.start() {
            line = lines.line_at(hit.start()) as u32;
            end = memchr::memchr(b'\n', &text[hit.start()..]).map_or(text.len(), |run| hit.start() + run);
        }
        let term = hit.pattern().as_usize();
        let joined = |at: Option<&u8>| at.is_some_and(u8::is_ascii_alphanumeric);
        // A longer word may go on behind its stem.
        let long = 4 <= hit.end() - hit.start();
        let inside = joined(hit.start().checked_sub(1).and_then(|at| text.get(at)))
            && joined(text.get(hit.start()))
            || !long && joined(text.get(hit.end())) && joined(text.get(hit.end() - 1));
        if inside && !terms[term].exact {
            continue;
        }
        let its = &mut found[term];
        if its.last() != Some(&line) && its.len() <= telling(lines.len(), &terms[term]) {
            its.push(line);
        }
    }
    found
}

/// Where `text` holds names and words of `question`, the rarest first, at most `most` places: for texts of few,
/// long lines.
pub fn places(text: &str, question: &str, most: usize) -> Vec<Range<usize>> {
    let terms = terms(question);
    let Ok(finder) = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .kind(Some(AhoCorasickKind::DFA))
        .build(terms.iter().map(|term| &term.text))
    else {
        return Vec::new();
    };
    if terms.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<Vec<Range<usize>>> = vec![Vec::new(); terms.len()];
    for hit in finder.find_iter(text) {
        let its = &mut found[hit.pattern().as_usize()];
        if its.len() <= COMMON {
            its.push(hit.range());
        }
    }
    let mut order: Vec<usize> =
        (0..terms.len()).filter(|&term| !found[term].is_empty() && found[term].len() <= COMMON).collect();
    order.sort_by_key(|&term| (!terms[term].exact, found[term].len(), term));
    order.into_iter().flat_map(|term| std::mem::take(&mut found[term])).take(most).collect()
}

/// A word that stands in more places than this tells none of them.
const COMMON: usize = 24;

struct Term {
    text: String,
    /// A name, a number or a quoted word: found inside of words too.
    exact: bool,
}

fn terms(question: &str) -> Vec<Term> {
    let mut start = question.len().saturating_sub(READ);
    while !question.is_char_boundary(start) {
        start += 1;
    }
    let question = &question[start..];
    let mut terms: Vec<Term> = Vec::new();
    let mut add = |text: &str, exact: bool| {
        let known = terms.iter().any(|term| term.text.eq_ignore_ascii_case(text));
        if !known && terms.len() < MOST_TERMS {
            terms.push(Term { text: text.to_owned(), exact });
        }
    };
    for quoted in quoted(question) {
        add(quoted, true);
    }
    let part =
        |each: char| !(each.is_alphanumeric() || matches!(each, '_' | '-' | '.' | '/' | ':' | '#' | '@'));
    let words: Vec<&str> = question.split(part).collect();
    for word in words.into_iter().rev().flat_map(by_script) {
        let word = word.trim_matches(|each: char| matches!(each, '-' | '.' | '/' | ':' | '#' | '@'));
        let letters = word.chars().count();
        let name =
            word.bytes().any(|byte| matches!(byte, b'0'..=b'9' | b'_' | b'-' | b'.' | b'/' | b':' | b'@'))
                || word.chars().skip(1).any(char::is_uppercase);
        if word.chars().next().is_some_and(is_unspaced) {
            let starts: Vec<usize> = word.char_indices().map(|(at, _)| at).chain([word.len()]).collect();
            starts.windows(3).for_each(|three| add(&word[three[0]..three[2]], false));
            continue;
        }
        let stop = STOP_WORDS.iter().any(|stop| stop.eq_ignore_ascii_case(word));
        if stop || letters < 2 || (letters < 4 && !name && word.is_ascii()) {
            continue;
        }
        add(if name { word } else { stem(word) }, name && 3 <= letters);
    }
    terms
}

/// A word cut where it changes between scripts with and without blanks between words.
fn by_script(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut before = None;
    for (at, letter) in word.char_indices() {
        let unspaced = is_unspaced(letter);
        if before.is_some_and(|before| before != unspaced) {
            parts.push(&word[start..at]);
            start = at;
        }
        before = Some(unspaced);
    }
    parts.push(&word[start..]);
    parts
}

/// Letters of scripts that write words without blanks between them; of the Japanese ones, those that mean
/// something.
fn is_unspaced(letter: char) -> bool {
    matches!(letter, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{0e00}'..='\u{0e7f}')
}

/// An English word without its ending: what was *rejected* may be a *reject*.
fn stem(word: &str) -> &str {
    let cut = ["ations", "ation", "ings", "ing", "ies", "ed", "es", "s"]
        .iter()
        .find_map(|ending| word.strip_suffix(ending).filter(|stem| 4 <= stem.len()));
    cut.unwrap_or(word)
}

/// What stands in quotes, back-quotes or double quotes, on one line and not too long.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    ['"', '`', '\''].into_iter().flat_map(move |quote| {
        text.split(quote)
            .skip(1)
            .step_by(2)
            .map(str::trim)
            .filter(|inside| (3..=80).contains(&inside.len()) && !inside.contains('\n'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_what_is_asked() {
        let mut text: String =
            (0..500).map(|n| format!("INFO request {n} of tenant a{} took 5 ms\n", n % 7)).collect();
        text.push_str("INFO the checkout of order ORD-9917 was parked\n");
        text.push_str("INFO nightly reconciliation of ledgers began\n");
        let lines = Lines::of(&text).expect("short");
        let cases: &[(&str, &[u32])] = &[
            ("what happened to ORD-9917?", &[500]),
            ("look for \"nightly recon\" please", &[501]),
            ("did the reconciliation begin?", &[501]),
            ("what about tenants and requests?", &[]),
            ("", &[]),
            ("request 413", &[413]),
            ("was anything parking?", &[500]),
        ];
        for (question, want) in cases {
            assert_eq!(matching(&lines, question, 10), *want, "{question}");
        }
    }

    #[test]
    fn questions_in_scripts_without_blanks_find_their_lines() {
        let mut text: String = (0..500).map(|n| format!("[情報] 注文を受け付けました 番号={n}\n")).collect();
        text.push_str("[情報] 決済が保留されました\n[信息] 库存扣减失败\n");
        let lines = Lines::of(&text).expect("short");
        assert_eq!(matching(&lines, "決済はなぜ止まりましたか", 1), [500]);
        assert_eq!(matching(&lines, "为什么库存不对？", 1), [501]);
        assert_eq!(matching(&lines, "注文77はどうなりましたか", 1), [77]);
    }
}

//! What the agent asks, as things to look for in values: names and numbers
//! exactly, other words by their stem; and the words that tell of trouble.

use super::tape::{At, Tape};
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::sync::LazyLock;

/// So many terms of a question are looked for.
const MOST: usize = 48;

/// Words that tell of trouble, by their stem.
const TROUBLE: &[&str] = &[
    "error",
    "fail",
    "exception",
    "fatal",
    "critical",
    "panic",
    "denied",
    "refus",
    "timeout",
    "timed out",
    "unhealthy",
    "crash",
    "killed",
    "abort",
    "invalid",
    "unauthori",
    "forbidden",
    "reject",
    "declin",
    "degraded",
    "corrupt",
    "unreachable",
    "unavailable",
    "evicted",
    "violat",
    "deadlock",
    "overflow",
    "emerg",
    "alert",
    "warn",
    "backoff",
    "back-off",
    "cannot",
    "mismatch",
    "expired",
    "throttl",
    "quarantin",
    "suspend",
    "anomal",
    "breach",
    "vulnerab",
];

/// Words of a question that say nothing about what is asked.
const EMPTY: &[&str] = &[
    "the", "and", "for", "with", "that", "this", "from", "what", "which", "who", "whom", "whose", "when",
    "where", "why", "how", "are", "was", "were", "has", "have", "had", "does", "did", "can", "could",
    "should", "would", "will", "any", "all", "many", "much", "there", "their", "them", "they", "its", "our",
    "your", "you", "please", "show", "list", "find", "get", "give", "tell", "check", "see", "look", "need",
    "want", "let", "out", "not", "but", "into", "about", "than", "then", "also", "one", "each", "every",
    "these", "those", "some", "use", "using", "run", "json", "file", "data", "output", "result", "results",
    "api", "http", "https", "com", "www", "cat", "curl", "jq", "bash", "command",
];

/// What a term is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// A name, a number, a quoted string: only as a whole.
    Exact,
    /// A word of the question, by its stem.
    Word,
    /// A word that tells of trouble.
    Trouble,
}

/// Finds the words that tell of trouble.
static TROUBLES: LazyLock<AhoCorasick> = LazyLock::new(|| searcher(TROUBLE, AhoCorasickKind::DFA));

fn searcher<P: AsRef<[u8]>>(terms: &[P], kind: AhoCorasickKind) -> AhoCorasick {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(kind))
        .build(terms)
        .expect("some dozens of words are few enough")
}

/// A question, ready to be looked for. Its terms are numbered after those of trouble.
#[derive(Debug)]
pub struct Query {
    terms: Vec<(String, Term)>,
    found: Option<AhoCorasick>,
}

impl Query {
    /// Reads the terms of `asked`; an empty question still looks for trouble.
    pub fn of(asked: &str) -> Query {
        let mut terms: Vec<(String, Term)> = Vec::new();
        let mut add = |text: &str, term: Term| {
            let text = text.to_lowercase();
            if terms.len() < MOST && !terms.iter().any(|(known, _)| *known == text) {
                terms.push((text, term));
            }
        };
        quoted(asked).for_each(|text| add(text, Term::Exact));
        for word in words(asked) {
            if is_name(word) {
                add(word, Term::Exact);
            } else if let Some(stem) = stem(&word.to_lowercase()) {
                add(stem, Term::Word);
            }
        }
        let texts: Vec<&String> = terms.iter().map(|(text, _)| text).collect();
        let found = (!texts.is_empty()).then(|| searcher(&texts, AhoCorasickKind::ContiguousNFA));
        Query { terms, found }
    }

    /// How many terms there are, those of trouble included.
    pub fn len(&self) -> usize {
        TROUBLE.len() + self.terms.len()
    }

    /// True when there is nothing to look for: never, for there is always trouble.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// What the term of this number is.
    pub fn term(&self, number: usize) -> Term {
        number.checked_sub(TROUBLE.len()).map_or(Term::Trouble, |asked| self.terms[asked].1)
    }

    /// The numbers of the terms that `text` holds; one may come more than once.
    pub fn each_in(&self, text: &str, mut found: impl FnMut(usize)) {
        for hit in TROUBLES.find_overlapping_iter(text) {
            if stands_alone(text, hit.start(), hit.end(), Term::Trouble) {
                found(hit.pattern().as_usize());
            }
        }
        self.each_asked(text, |number, _, _| found(TROUBLE.len() + number));
    }

    /// The places in `text` of what is asked.
    pub fn each_place_in(&self, text: &str, mut found: impl FnMut(usize, usize)) {
        self.each_asked(text, |_, from, to| found(from, to));
    }

    fn each_asked(&self, text: &str, mut found: impl FnMut(usize, usize, usize)) {
        for hit in self.found.iter().flat_map(|asked| asked.find_overlapping_iter(text)) {
            let number = hit.pattern().as_usize();
            if stands_alone(text, hit.start(), hit.end(), self.terms[number].1) {
                found(number, hit.start(), hit.end());
            }
        }
    }

    /// The numbers of the terms that the values in and under `at` hold; keys don't count.
    pub fn each_under(&self, tape: &Tape<'_>, at: At, mut found: impl FnMut(usize)) {
        let (mut next, end) = (at, tape.past(at));
        while next != end {
            if !tape.is_nest(next) && !tape.is_key(next) {
                self.each_in(tape.spelled(next), &mut found);
            }
            next = At(next.0 + 1);
        }
    }

    /// The numbers of the terms that the keys under `at` hold.
    pub fn each_key_under(&self, tape: &Tape<'_>, at: At, mut found: impl FnMut(usize)) {
        let (mut next, end) = (at, tape.past(at));
        while next != end {
            if tape.is_key(next) {
                self.each_in(tape.spelled(next), &mut found);
            }
            next = At(next.0 + 1);
        }
    }

    /// True when what is asked for by name stands in or under `at`.
    pub fn asks_for(&self, tape: &Tape<'_>, at: At) -> bool {
        let mut asked = false;
        self.each_under(tape, at, |number| asked |= self.term(number) == Term::Exact);
        asked
    }

    /// True when the question names this key (in singular or plural).
    pub fn asks_for_key(&self, name: &str) -> bool {
        let mut asked = false;
        self.each_asked(name, |_, _, _| asked = true);
        asked
    }
}

/// True when a hit is not a part of a longer word (for a stem: of a word that is much longer).
fn stands_alone(text: &str, start: usize, end: usize, term: Term) -> bool {
    let bytes = text.as_bytes();
    let hit = &bytes[start..end];
    let before = start.checked_sub(1).map(|at| bytes[at]);
    let joins = |byte: u8| byte.is_ascii_alphanumeric() || (term == Term::Exact && 0x80 <= byte);
    let opens = match before {
        Some(before) if joins(before) && hit.first().is_some_and(u8::is_ascii_alphanumeric) => {
            before.is_ascii_lowercase() && hit[0].is_ascii_uppercase()
        }
        _ => true,
    };
    if !opens {
        return false;
    }
    let rest =
        bytes[end..].iter().take_while(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()).count();
    match term {
        Term::Exact => match bytes.get(end) {
            Some(after) => !(joins(*after) && hit.last().is_some_and(u8::is_ascii_alphanumeric)),
            None => true,
        },
        Term::Word | Term::Trouble => rest <= 4,
    }
}

/// What stands in quotes or backticks.
fn quoted(asked: &str) -> impl Iterator<Item = &str> {
    ['"', '\'', '`'].into_iter().flat_map(|mark| {
        asked
            .split(mark)
            .skip(1)
            .step_by(2)
            .filter(|text| (2..=80).contains(&text.len()) && !text.contains('\n'))
    })
}

fn words(asked: &str) -> impl Iterator<Item = &str> {
    asked
        .split(|char: char| {
            !(char.is_alphanumeric() || matches!(char, '_' | '-' | '.' | '/' | ':' | '@' | '+'))
        })
        .map(|word| word.trim_matches(|char: char| !char.is_alphanumeric()))
        .filter(|word| !word.is_empty() && word.len() <= 120)
}

/// True for what is a name or a number, not a word of a language.
fn is_name(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit() || matches!(byte, b'_' | b'/' | b'@' | b'.' | b':' | b'-'))
        || word.chars().skip(1).any(char::is_uppercase) && word.len() <= 60
        || !word.is_ascii()
}

/// A word without its ending; `None` for a word that asks for nothing.
fn stem(word: &str) -> Option<&str> {
    if word.len() < 3 || EMPTY.contains(&word) {
        return None;
    }
    let endings = ["ing", "ies", "ed", "es", "s"];
    let cut = endings.iter().find_map(|ending| word.strip_suffix(ending).filter(|stem| 4 <= stem.len()));
    Some(cut.unwrap_or(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn found(asked: &str, text: &str) -> Vec<String> {
        let query = Query::of(asked);
        let mut found = Vec::new();
        query.each_in(text, |number| {
            let asked = number.checked_sub(TROUBLE.len()).map(|number| query.terms[number].0.as_str());
            found.push(asked.unwrap_or_else(|| TROUBLE[number]).to_owned());
        });
        found
    }

    #[test]
    fn names_and_numbers_are_found_as_a_whole_only() {
        assert_eq!(found("what about order 1250?", "1250"), ["1250"]);
        assert!(found("what about order 1250?", "11250").is_empty());
        assert!(found("what about order 1250?", "12501").is_empty());
        assert_eq!(found("look at `web-7` please", "pod web-7 is up"), ["web-7"]);
        assert!(found("look at `web-7` please", "pod web-77 is up").is_empty());
    }

    #[test]
    fn words_are_found_by_their_stem() {
        assert_eq!(found("which payments were refunded", "payment_refund"), ["payment", "refund"]);
        assert!(found("which cars", "carburettor").is_empty());
    }

    #[test]
    fn trouble_is_found_unasked() {
        assert_eq!(found("", "CrashLoopBackOff"), ["crash", "backoff"]);
        assert_eq!(found("", "payment_failed"), ["fail"]);
        assert!(found("", "all good, terrorform").is_empty());
    }
}

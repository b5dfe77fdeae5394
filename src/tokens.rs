//! How many tokens a text is for a model.
//!
//! What is decided is decided in o200k, OpenAI's public vocabulary, whatever the
//! model; what is shown of a model with another public one is counted in that.
//! Claude has none; its own count is known only from the provider's usage.

use crate::units::Tokens;
use std::sync::LazyLock;

static O200K: LazyLock<&'static tiktoken::CoreBpe> =
    LazyLock::new(|| tiktoken::get_encoding("o200k_base").expect("the o200k vocabulary is built in"));

static CL100K: LazyLock<&'static tiktoken::CoreBpe> =
    LazyLock::new(|| tiktoken::get_encoding("cl100k_base").expect("the cl100k vocabulary is built in"));

/// A vocabulary that is public, so that its tokens can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vocabulary {
    /// GPT-4o and everything of OpenAI's that came after it.
    O200k,
    /// GPT-4, GPT-3.5, and the embeddings.
    Cl100k,
}

impl Vocabulary {
    /// The one that a model reads with; `None` where it is not public, or the model is not known.
    pub fn of_model(model: &str) -> Option<Vocabulary> {
        let model = model.trim().to_ascii_lowercase();
        // Without the folder of a gateway (`openai/`), and without what stands before a tuned model (`ft:`).
        let name = model.rsplit('/').next().unwrap_or(&model);
        let name = name.strip_prefix("ft:").unwrap_or(name);
        let begins = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
        // The newer ones first: their names begin like those of the older.
        if begins(&[
            "gpt-4o",
            "gpt-4.",
            "gpt-4-1",
            "gpt-4-5",
            "chatgpt-4o",
            "codex-mini",
            "gpt-oss",
            "computer-use",
        ]) {
            return Some(Vocabulary::O200k);
        }
        if begins(&["gpt-4", "gpt-3.5", "gpt-35", "text-embedding-3", "text-embedding-ada"]) {
            return Some(Vocabulary::Cl100k);
        }
        let numbered = |start: &str| {
            let rest = name.strip_prefix(start);
            rest.is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()))
        };
        (numbered("gpt-") || numbered("o")).then_some(Vocabulary::O200k)
    }

    fn tokenizer(self) -> &'static tiktoken::CoreBpe {
        match self {
            Vocabulary::O200k => &O200K,
            Vocabulary::Cl100k => &CL100K,
        }
    }
}

/// Counts `text` in o200k tokens: exactly up to 1 MiB, by evenly spread windows above.
///
/// Not exact either for a soup of scripts:
/// A text that mixes letters of more than `SOUP` Unicode pages at random
/// makes the tokenizer a thousand times slower (70 µs a byte against 0.01); no
/// language does that, an attacker might. It is estimated instead.
pub fn count(text: &str) -> Tokens {
    count_in(Vocabulary::O200k, text)
}

/// As [`count`], in the tokens of another vocabulary. It is loaded when it is first counted in.
pub fn count_in(vocabulary: Vocabulary, text: &str) -> Tokens {
    if is_soup(text) {
        return estimate_soup(text);
    }
    let tokenizer = vocabulary.tokenizer();
    if LONG < text.len() {
        return count_windows(tokenizer, text);
    }
    Tokens(tokenizer.count(text) as u64)
}

/// Bytes up to which every one is counted: no agent lets through an output that long, and a
/// request must not wait for seconds because a file of 10 MB was printed.
const LONG: usize = 1 << 20;

/// How many windows of a long text are counted, evenly spread.
const WINDOWS: usize = 32;

/// Bytes of each.
const WINDOW: usize = 16 << 10;

fn count_windows(tokenizer: &tiktoken::CoreBpe, text: &str) -> Tokens {
    let stride = (text.len() - WINDOW) / (WINDOWS - 1);
    let (mut bytes, mut tokens) = (0, 0);
    for number in 0..WINDOWS {
        let from = text.floor_char_boundary(number * stride);
        let window = &text[from..text.floor_char_boundary(from + WINDOW)];
        bytes += window.len();
        tokens += tokenizer.count(window);
    }
    Tokens((tokens as u128 * text.len() as u128 / bytes.max(1) as u128) as u64)
}

/// Loads the vocabulary that decides, so that the first request does not wait for it.
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

/// How many tokens `text` has, from its letters alone: some hundred times faster than counting, and
/// within a few per cent on what tools print. For decisions that leave a margin, never for bills.
pub fn estimate_of(text: &str) -> Tokens {
    let weighed: f64 =
        features(text).iter().zip(&WEIGHTS).map(|(&count, weight)| count as f64 * weight).sum();
    Tokens(weighed.max(0.0).round() as u64)
}

/// What is counted of a text. o200k cuts it into words, groups of three digits, runs of signs and of
/// white space first; a word of a language is mostly one token, a word that is none many.
const FEATURES: usize = 26;

/// Tokens for each thing counted: a non-negative least-squares fit of [`count`] over 1,400 pieces of 6 KB of
/// logs, builds, JSON, search results, source in four languages, prose in English, Chinese, Japanese,
/// Korean, Russian, German and French, base64 and hex. On pieces kept back the mean error is 3.6 %, in
/// 95 of 100 pieces under 9.4 %; the worst kind is base64 with 8.8 % too few.
const WEIGHTS: [f64; FEATURES] = [
    // Words of 1, 2-3, 4-6, 7-9 and more letters; odd pairs in them; letters beyond ten; behind a digit; capitals.
    0.765, 0.946, 0.657, 1.275, 1.808, 0.501, 0.209, 0.328, 0.142, //
    // Groups of digits; white space before words and signs, before digits, at a line's end, very long; line ends.
    0.957, 0.686, 1.735, 2.179, 0.0, 0.344, 1.091, //
    // Signs: one before a word, one, two, more, and how many of them differ.
    0.567, 0.977, 1.361, 0.456, 0.602, //
    // Letters: Cyrillic, Chinese, Japanese and Korean, Latin with marks, Semitic and Indic, others.
    0.256, 0.679, 0.4, 0.6, 0.841,
];

/// What a byte of ASCII is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Lower,
    Upper,
    Digit,
    Space,
    Line,
    Sign,
    Beyond,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Sign; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' => Class::Lower,
            b'A'..=b'Z' => Class::Upper,
            b'0'..=b'9' => Class::Digit,
            b' ' | b'\t' | 0x0b | 0x0c => Class::Space,
            b'\n' | b'\r' => Class::Line,
            0x80..=0xff => Class::Beyond,
            _ => Class::Sign,
        };
        byte += 1;
    }
    classes
};

/// Pairs of letters that are common in words and identifiers; bit `second` of `COMMON[first]`.
const COMMON: [u32; 26] = common_pairs();

const fn common_pairs() -> [u32; 26] {
    // What follows each letter in at least one of some hundred pairs in English text and code.
    const AFTER: [&str; 26] = [
        "bcdfgiklmnprstuvwxy",
        "aeilorsuy",
        "aehiklorstuy",
        "adegiorsuy",
        "acdefgilmnopqrstvwxy",
        "aefilortu",
        "aehilnoru",
        "aeiotuy",
        "acdefgklmnoprstvz",
        "aeou",
        "aeilnsy",
        "adefiklmopstuvy",
        "abeimopsuy",
        "acdefgiknostuvy",
        "abcdfgiklmnoprstuvwx",
        "aehiloprstu",
        "u",
        "acdefgiklmnoprstuvy",
        "acehiklmnopqrstuwy",
        "aehilorstuwy",
        "abcdegilmnprst",
        "aeio",
        "aehinorst",
        "acehiptu",
        "aelops",
        "aeioz",
    ];
    let mut pairs = [0; 26];
    let mut first = 0;
    while first < 26 {
        let after = AFTER[first].as_bytes();
        let mut at = 0;
        while at < after.len() {
            pairs[first] |= 1 << (after[at] - b'a');
            at += 1;
        }
        first += 1;
    }
    pairs
}

/// Counts what [`WEIGHTS`] weighs.
fn features(text: &str) -> [u64; FEATURES] {
    let bytes = text.as_bytes();
    let mut found = [0; FEATURES];
    let class = |at: usize| bytes.get(at).map(|&byte| CLASSES[byte as usize]);
    let mut at = 0;
    while let Some(its) = class(at) {
        let start = at;
        match its {
            Class::Lower | Class::Upper => {
                while class(at) == Some(Class::Upper) {
                    at += 1;
                }
                let upper = at - start;
                while class(at) == Some(Class::Lower) {
                    at += 1;
                }
                let length = at - start;
                let odd = bytes[start..at]
                    .windows(2)
                    .filter(|pair| {
                        let place = |byte: u8| (byte.to_ascii_lowercase() - b'a') as usize;
                        COMMON[place(pair[0])] >> place(pair[1]) & 1 == 0
                    })
                    .count();
                let joined = start
                    .checked_sub(1)
                    .is_some_and(|before| CLASSES[bytes[before] as usize] == Class::Digit);
                let bucket = match length {
                    1 => 0,
                    2..=3 => 1,
                    4..=6 => 2,
                    7..=9 => 3,
                    _ => 4,
                };
                found[bucket] += 1;
                found[5] += odd as u64;
                found[6] += length.saturating_sub(10) as u64;
                found[7] += u64::from(joined);
                found[8] += upper.saturating_sub(1) as u64;
            }
            Class::Digit => {
                while class(at) == Some(Class::Digit) {
                    at += 1;
                }
                found[9] += (at - start).div_ceil(3) as u64;
            }
            Class::Space => {
                while class(at) == Some(Class::Space) {
                    at += 1;
                }
                let length = at - start;
                match class(at) {
                    Some(Class::Lower | Class::Upper | Class::Sign | Class::Beyond) => {
                        found[10] += u64::from(1 < length);
                    }
                    Some(Class::Digit) => found[11] += 1,
                    _ => found[12] += 1,
                }
                found[13] += length.saturating_sub(16) as u64;
            }
            Class::Line => {
                while matches!(class(at), Some(Class::Line)) {
                    at += 1;
                }
                let after = start.checked_sub(1).map(|before| CLASSES[bytes[before] as usize]);
                found[if after == Some(Class::Sign) { 14 } else { 15 }] += 1;
            }
            Class::Sign => {
                let mut same = 0;
                while class(at) == Some(Class::Sign) {
                    same += u64::from(start < at && bytes[at] == bytes[at - 1]);
                    at += 1;
                }
                let length = (at - start) as u64;
                let leads = matches!(class(at), Some(Class::Lower | Class::Upper));
                found[match (length, leads) {
                    (1, true) => 16,
                    (1, false) => 17,
                    (2, _) => 18,
                    _ => 19,
                }] += 1;
                found[20] += length.saturating_sub(2).saturating_sub(same);
            }
            Class::Beyond => {
                let mut end = at + 1;
                while end < bytes.len() && !text.is_char_boundary(end) {
                    end += 1;
                }
                let letter = text[at..end].chars().next().map_or(0, u32::from);
                at = end;
                found[match letter {
                    0x400..=0x52f => 21,
                    0x3000..=0x9fff
                    | 0xac00..=0xd7a3
                    | 0xf900..=0xfaff
                    | 0xff00..=0xffef
                    | 0x20000..=0x3ffff => 22,
                    0x80..=0x24f => 23,
                    0x590..=0x6ff | 0x900..=0xdff => 24,
                    _ => 25,
                }] += 1;
            }
        }
    }
    found
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
    fn each_model_is_counted_in_its_own_vocabulary_where_that_is_public() {
        let newer = [
            "gpt-4o-mini",
            "gpt-4.1",
            "gpt-5.2-codex",
            "o3",
            "o4-mini",
            "openai/gpt-5",
            "chatgpt-4o-latest",
            "codex-mini-latest",
        ];
        let older = [
            "gpt-4",
            "gpt-4-turbo-2024-04-09",
            "gpt-3.5-turbo",
            "azure/gpt-35-turbo",
            "text-embedding-3-small",
            "ft:gpt-3.5-turbo:acme",
        ];
        let others = ["claude-opus-5-5", "gemini-3-pro", "", "opus", "omni", "gpt-next", "llama-4"];
        for (models, vocabulary) in
            [(&newer[..], Some(Vocabulary::O200k)), (&older, Some(Vocabulary::Cl100k)), (&others, None)]
        {
            for model in models {
                assert_eq!(Vocabulary::of_model(model), vocabulary, "{model}");
            }
        }
        let chinese = "服务器在处理请求时发生错误";
        assert_eq!(count_in(Vocabulary::O200k, chinese), count(chinese));
        assert!(count(chinese) < count_in(Vocabulary::Cl100k, chinese));
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
    fn an_estimate_comes_near_the_count() {
        let log: String = (0..300)
            .map(|at| {
                format!(
                    "2026-03-04T10:00:{:02}Z INFO  worker-{} handled GET /api/items/{at} in {}ms\n",
                    at % 60,
                    at % 7,
                    at * 31 % 977
                )
            })
            .collect();
        let rows: String = (0..200)
            .map(|at| {
                format!(
                    "{{\"id\":{at},\"name\":\"user {at}\",\"active\":{},\"score\":{}.5}},",
                    at % 3 == 0,
                    at * 7 % 100
                )
            })
            .collect();
        let code = include_str!("tokens.rs");
        let chinese = "服务器在处理请求时发生错误，请检查配置文件并重新启动服务。".repeat(40);
        let russian = "Не удалось подключиться к базе данных: превышено время ожидания ответа. ".repeat(40);
        for (name, text) in [
            ("log", log.as_str()),
            ("rows", &rows),
            ("code", code),
            ("Chinese", &chinese),
            ("Russian", &russian),
        ] {
            let (counted, estimated) = (count(text).0 as f64, estimate_of(text).0 as f64);
            assert!((0.75..1.25).contains(&(estimated / counted)), "{name}: {estimated} for {counted}");
        }
    }

    #[test]
    fn the_estimate_of_a_soup_is_near_the_count() {
        let soup: String = (0x100..0x1_8000).step_by(97).filter_map(char::from_u32).collect();
        let (counted, estimated) = (O200K.count(&soup) as f64, estimate_soup(&soup).0 as f64);
        assert!((0.7..1.4).contains(&(estimated / counted)), "{estimated} for {counted}");
    }
}

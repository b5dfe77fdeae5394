//! How the texts of a column are worded: which share a wording but for their
//! numbers, and what only few of them hold (an address, a version, a path).

use std::collections::{HashMap, HashSet};

/// Of each text, so many bytes are looked at.
const LOOKED_AT: usize = 200;

/// Wordings that many texts share are named, at most.
pub const NAMED: usize = 6;

/// The texts of a column that stand out, by their place.
#[derive(Debug, Default)]
pub struct Wordings {
    /// Texts whose wording few share, the rarest first.
    pub rare: Vec<usize>,
    /// The first text of every wording.
    pub first: Vec<usize>,
    /// The wordings that most texts share: the first such text, and how many there are.
    pub usual: Vec<(usize, usize)>,
    /// Texts that hold what few others hold.
    pub marked: Vec<usize>,
    /// How many wordings there are.
    pub different: usize,
}

/// Looks at all texts of a column.
pub fn of<S: AsRef<str>>(texts: &[S]) -> Wordings {
    let mut seen: HashMap<u64, (usize, usize)> = HashMap::new();
    let wordings: Vec<u64> = texts.iter().map(|text| wording(text.as_ref())).collect();
    for (place, wording) in wordings.iter().enumerate() {
        seen.entry(*wording).or_insert((place, 0)).1 += 1;
    }
    let few = (texts.len() / 50).max(1);
    let mut shared: Vec<(usize, usize)> = seen.values().copied().collect();
    shared.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    // Only where most texts share a wording with others is a rare one news.
    let is_worded = seen.len() * 3 <= texts.len();
    let mut rare: Vec<usize> = if is_worded {
        (0..texts.len()).filter(|place| seen[&wordings[*place]].1 <= few).collect()
    } else {
        Vec::new()
    };
    rare.sort_by_key(|place| (seen[&wordings[*place]].1, *place));
    let mut first: Vec<usize> =
        if is_worded { shared.iter().map(|(place, _)| *place).collect() } else { Vec::new() };
    first.sort_unstable();
    let usual = if is_worded {
        shared.iter().copied().filter(|(_, count)| few < *count).take(NAMED).collect()
    } else {
        Vec::new()
    };
    Wordings { rare, first, usual, marked: marked(texts), different: seen.len() }
}

/// True when most texts share a wording with others.
pub fn is_worded<S: AsRef<str>>(texts: &[S]) -> bool {
    let different: HashSet<u64> = texts.iter().map(|text| wording(text.as_ref())).collect();
    different.len() * 3 <= texts.len()
}

/// A text's words as a number; words with a digit in them count as one and the same.
fn wording(text: &str) -> u64 {
    const START: u64 = 0xcbf2_9ce4_8422_2325;
    const STEP: u64 = 0x0100_0000_01b3;
    let mut whole = START;
    let (mut word, mut is_number, mut any) = (START, false, false);
    for byte in text.bytes().take(LOOKED_AT).chain([b' ']) {
        if byte.is_ascii_alphanumeric() || 0x80 <= byte || matches!(byte, b'_' | b'-' | b'.' | b'/' | b':') {
            is_number |= byte.is_ascii_digit();
            word = (word ^ u64::from(byte)).wrapping_mul(STEP);
            any = true;
        } else {
            if any {
                whole = (whole ^ if is_number { 1 } else { word }).wrapping_mul(STEP);
            }
            if byte != b' ' {
                whole = (whole ^ u64::from(byte)).wrapping_mul(STEP);
            }
            (word, is_number, any) = (START, false, false);
        }
    }
    whole
}

/// What a text may hold that others don't, one bit each.
fn signs(text: &str) -> u8 {
    let bytes = text.as_bytes();
    let mut held = 0;
    let mut word_from = 0;
    for at in 0..=bytes.len() {
        if at < bytes.len() && !matches!(bytes[at], b' ' | b'\n' | b'\t' | b',' | b';' | b'(' | b')') {
            continue;
        }
        let word = &bytes[word_from..at];
        word_from = at + 1;
        if word.is_empty() {
            continue;
        }
        let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
        let letters = word.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
        let capitals = word.iter().filter(|byte| byte.is_ascii_uppercase()).count();
        let dots = word[..word.len() - 1].iter().filter(|byte| **byte == b'.').count();
        let has = |some: &[u8]| word.windows(some.len()).any(|part| part == some);
        held |= u8::from(has(b"://"));
        held |= u8::from(2 <= digits && letters == 0) << 1;
        held |= u8::from(digits != 0 && letters != 0) << 2;
        held |= u8::from(2 <= capitals && capitals == letters) << 3;
        held |= u8::from(1 <= dots && letters != 0 || has(b"/") || has(b"_") || has(b"::")) << 4;
        held |= u8::from(1 <= dots && 2 <= digits) << 5;
        held |= u8::from(matches!(word[0], b'`' | b'"' | b'\'' | b'#' | b'@' | b'$')) << 6;
        held |= u8::from(matches!(word[word.len() - 1], b'!' | b'?')) << 7;
    }
    held
}

/// Texts that hold a sign which at most one in twenty holds, those with most such signs first.
fn marked<S: AsRef<str>>(texts: &[S]) -> Vec<usize> {
    let held: Vec<u8> = texts.iter().map(|text| signs(text.as_ref())).collect();
    let rare = (0..8).filter(|sign| {
        let count = held.iter().filter(|held| **held >> sign & 1 == 1).count();
        0 < count && count * 20 <= texts.len().max(40)
    });
    let rare = rare.fold(0u8, |all, sign| all | 1 << sign);
    let mut marked: Vec<usize> = (0..texts.len()).filter(|place| held[*place] & rare != 0).collect();
    marked.sort_by_key(|place| (std::cmp::Reverse((held[*place] & rare).count_ones()), *place));
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wording_is_shared_but_for_its_numbers() {
        let mut texts: Vec<String> = (0..90).map(|row| format!("compacted raft log at {row}")).collect();
        texts[40] = "no space left on device".into();
        let found = of(&texts);
        assert_eq!(found.rare, [40]);
        assert_eq!(found.usual, [(0, 89)]);
        assert_eq!(found.different, 2);
    }

    #[test]
    fn texts_that_all_differ_have_no_rare_wording_but_rare_signs() {
        let words = ["amber", "brook", "cedar", "delta", "ember", "fjord", "grove"];
        let mut texts: Vec<String> = (0..80)
            .map(|row| format!("{} and {} met {}", words[row % 7], words[row / 7 % 7], words[row / 49]))
            .collect();
        texts[33] = "see https://docs.example.org/pm/118 and v7.31.4".into();
        let found = of(&texts);
        assert!(found.rare.is_empty());
        assert_eq!(found.marked, [33]);
    }
}

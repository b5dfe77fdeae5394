//! How much each of many short texts has to do with the question: by stems, and by the parts of names.

use std::collections::HashMap;

/// Words of a question that are looked for at most.
const MOST_WORDS: usize = 64;
/// Bytes of a text that are looked at.
const LOOKED_AT: usize = 400;

/// The stem of a word in small letters: `helpers`, `Helper` and `helping` are one.
fn stem(word: &str) -> String {
    let mut word = word.to_ascii_lowercase();
    for ending in ["ies", "ing", "es", "ed", "s"] {
        if ending.len() + 3 <= word.len() && word.ends_with(ending) {
            word.truncate(word.len() - ending.len());
            break;
        }
    }
    if 4 < word.len() && word.ends_with(['e', 'y']) {
        word.pop();
    }
    word
}

/// The parts of a name: `idleNotified_set` is `idle`, `Notified`, `set`.
fn parts(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches('_');
        let mut letters = rest.char_indices();
        let (_, first) = letters.next()?;
        let mut before = first;
        let mut end = rest.len();
        for (at, letter) in letters {
            if letter == '_' || letter.is_uppercase() && before.is_lowercase() {
                end = at;
                break;
            }
            before = letter;
        }
        let part;
        (part, rest) = rest.split_at(end);
        Some(part)
    })
}

/// Runs of letters, digits and `_`.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|each: char| !each.is_alphanumeric() && each != '_').filter(|word| !word.is_empty())
}

/// The score of each text, told as two parts (a file and a line of it): the more and the rarer words of
/// `question` it has, the higher; 0 for what is `None`.
pub fn scores(texts: &[Option<(&str, &str)>], question: &str) -> Vec<f64> {
    let mut wanted: HashMap<String, usize> = HashMap::new();
    for word in words(question) {
        for part in parts(word).chain([word]).filter(|part| 3 <= part.len()) {
            let next = wanted.len();
            if next < MOST_WORDS {
                wanted.entry(stem(part)).or_insert(next);
            }
        }
    }
    let mut scores = vec![0.0; texts.len()];
    if wanted.is_empty() {
        return scores;
    }
    // Which of the wanted words each hit has, as bits.
    let mut known: HashMap<&str, u64> = HashMap::new();
    let mut had: Vec<u64> = vec![0; texts.len()];
    let mut counts = vec![0_usize; wanted.len()];
    let mut hits = 0;
    for (line, (path, said)) in
        texts.iter().enumerate().filter_map(|(line, text)| text.map(|text| (line, text)))
    {
        let mut end = said.len().min(LOOKED_AT);
        while !said.is_char_boundary(end) {
            end -= 1;
        }
        let mut bits = 0_u64;
        for word in words(path).chain(words(&said[..end])) {
            bits |= *known.entry(word).or_insert_with(|| {
                let of = |part: &str| wanted.get(&stem(part)).map_or(0, |at| 1_u64 << at);
                parts(word).chain([word]).filter(|part| 3 <= part.len()).fold(0, |bits, part| bits | of(part))
            });
        }
        had[line] = bits;
        hits += 1;
        for (at, count) in counts.iter_mut().enumerate() {
            *count += usize::from(bits >> at & 1 == 1);
        }
    }
    // A word that stands in many hits tells nothing.
    let weights: Vec<f64> = counts
        .iter()
        .map(|&count| if count == 0 || hits < count * 3 { 0.0 } else { (hits as f64 / count as f64).ln() })
        .collect();
    for (score, bits) in scores.iter_mut().zip(&had) {
        *score =
            weights.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1).map(|(_, weight)| weight).sum();
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_into_their_parts() {
        assert_eq!(parts("idleNotified_set").collect::<Vec<_>>(), ["idle", "Notified", "set"]);
        assert_eq!(parts("__init__").collect::<Vec<_>>(), ["init"]);
        assert_eq!(stem("Helpers"), stem("helper"));
    }

    #[test]
    fn hits_are_found_by_parts_of_names() {
        let parts: Vec<String> = (1..60).map(|n| format!("src/scene/part{n}.js")).collect();
        let mut texts: Vec<Option<(&str, &str)>> =
            parts.iter().map(|path| Some((path.as_str(), "  this.needsUpdate = true;"))).collect();
        texts.push(Some(("src/helpers/CameraHelper.js", "  this.needsUpdate = true;")));
        let scores = scores(&texts, "Which helper classes set needsUpdate?");
        let best = (0..scores.len()).max_by(|left, right| scores[*left].total_cmp(&scores[*right]));
        assert_eq!(best, Some(59));
        assert_eq!(scores[0], 0.0, "what all hits have tells nothing");
    }
}

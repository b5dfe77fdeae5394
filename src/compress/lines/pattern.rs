//! The patterns of a text's lines, after Drain, in file order.
//!
//! Lines whose masked tokens are equal share a pattern at once. A new shape is
//! compared with the patterns of the same length, sign and first word, and
//! joins one that differs in a fifth of its tokens or fewer; there the
//! differing tokens become slots. Where that leaves very many rare patterns,
//! those of the same frequent words are gathered, after LogCluster. Nothing
//! depends on the order of a hash map.

use super::Lines;
use super::cuts::Cuts;
use super::signs::{self, Sign};
use super::token::{self, Class, Token};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

/// What stands for a token that differs among the lines of a pattern.
const WILD: u64 = 0;

/// What stands for a token where names stand.
const VARIES: u64 = 1;

/// For lines of so many tokens with such a first word: the places where names stand.
type Varying = HashMap<(usize, u64), Vec<usize>>;

/// So many patterns …
const MANY: usize = 40;
/// … and one for so many lines are looked at for names.
const MANY_OF: usize = 20;
/// A place of so many different words …
const NAMES: usize = 24;
/// … and one for so many lines holds names.
const NAMES_OF: usize = 16;
/// So does a place that has digits in most patterns and looks so different.
const NUMBERS: usize = 4;

/// Patterns that a new shape is compared with at most: Drain's bound on a node's children.
const MOST_COMPARED: usize = 100;

/// A text of more patterns than this has none worth the name.
const MOST_PATTERNS: usize = 20_000;

/// Lines that say the same but for their slots.
#[derive(Debug)]
pub struct Pattern {
    /// How many lines.
    pub count: u32,
    /// The first of them.
    pub first: u32,
    /// The last of them.
    pub last: u32,
    /// What they speak of.
    pub sign: Sign,
    shapes: Vec<u64>,
}

/// What rare patterns are gathered by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    WordsAndLength,
    Words,
}

/// A pattern of so many lines or fewer is rare …
const RARE: u32 = 3;
/// … unless there are so many lines of such patterns …
const TOO_MANY: u32 = 60;
/// … and they are one in so many of all.
const TOO_MANY_OF: u32 = 8;
/// Frequent words that rare lines are compared by.
const WORDS: usize = 8;

impl Pattern {
    /// Takes in the lines of another.
    fn take(&mut self, other: &Pattern) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        for (place, shape) in self.shapes.iter_mut().enumerate() {
            if other.shapes.get(place) != Some(shape) {
                *shape = WILD;
            }
        }
    }

    /// True when the token at `place` is the same word in every line.
    pub fn is_constant(&self, place: usize, class: Class) -> bool {
        class == Class::Word && self.shapes.get(place).is_some_and(|shape| !matches!(*shape, WILD | VARIES))
    }
}

/// The patterns of a text.
#[derive(Debug)]
pub struct Patterns {
    /// The pattern of each line.
    pub of_line: Vec<u32>,
    /// All of them, by first line.
    pub list: Vec<Pattern>,
    /// What each line speaks of.
    pub signs: Vec<Sign>,
    /// The tokens of each line.
    pub cuts: Cuts,
}

/// What is known of a shape after its first line.
struct Known {
    pattern: u32,
    /// What all its lines speak of; `None` when that depends on their numbers.
    sign: Option<Sign>,
}

impl Patterns {
    /// Finds the patterns of `lines`. `None` when hardly two lines are alike.
    pub fn of(lines: &Lines<'_>) -> Option<Patterns> {
        let found = Patterns::with(lines, &Varying::default())?;
        // Many patterns: is there a name in each?
        let varying = found.varying();
        let mut found = if varying.is_empty() { found } else { Patterns::with(lines, &varying)? };
        for by in [By::WordsAndLength, By::Words] {
            found.gather(by);
        }
        Some(found)
    }

    fn with(lines: &Lines<'_>, varying: &Varying) -> Option<Patterns> {
        let count = lines.len();
        let mut found = Patterns {
            of_line: Vec::with_capacity(count),
            list: Vec::new(),
            signs: Vec::with_capacity(count),
            cuts: Cuts::with_room(count),
        };
        let mut by_shape: HashMap<u64, Known, Seeded> = HashMap::default();
        let mut near: HashMap<(usize, Sign, u64), Vec<u32>> = HashMap::new();
        let mut tokens = Vec::new();
        for (number, line) in lines.iter().enumerate() {
            let separators = token::cut(line, &mut tokens);
            found.cuts.push(&tokens);
            if !varying.is_empty() {
                let places = varying.get(&(tokens.len(), first_word(&tokens)));
                for &place in places.into_iter().flatten() {
                    tokens[place].shape = VARIES;
                }
            }
            let shape = token::mix(token::shape_of(&tokens), separators);
            let (pattern, sign) = match by_shape.get(&shape) {
                Some(&Known { pattern, sign: Some(sign) }) => (pattern, sign),
                _ => {
                    let (sign, steady) = signs::look(line);
                    // What stands beyond the last token is in no shape.
                    let steady = steady && tokens.last().is_none_or(|last| last.class != Class::Rest);
                    let shape_with_sign = if steady { shape } else { token::mix(shape, sign as u64 + 1) };
                    let pattern = match by_shape.get(&shape_with_sign) {
                        Some(known) => known.pattern,
                        None => {
                            let pattern = found.place(&mut near, &tokens, sign, number as u32)?;
                            let known = Known { pattern, sign: steady.then_some(sign) };
                            by_shape.insert(shape_with_sign, known);
                            pattern
                        }
                    };
                    (pattern, sign)
                }
            };
            let entry = &mut found.list[pattern as usize];
            entry.count += 1;
            entry.last = number as u32;
            found.of_line.push(pattern);
            found.signs.push(sign);
        }
        Some(found)
    }

    /// Where lines of as many tokens and the same first word differ so much that it must be a name. Told from
    /// their patterns: a place that is another word in very many of them.
    fn varying(&self) -> Varying {
        let mut varying = Varying::default();
        if self.list.len() < MANY || self.list.len() * MANY_OF < self.of_line.len() {
            return varying;
        }
        struct Group {
            patterns: usize,
            lines: usize,
            seen: Vec<HashSet<u64, Seeded>>,
            /// Patterns with a digit at this place.
            numbered: Vec<usize>,
        }
        let mut groups: HashMap<(usize, u64), Group> = HashMap::new();
        for entry in &self.list {
            let cuts = self.cuts.of(entry.first as usize);
            let first = first_of(cuts.iter().map(|cut| cut.class()).zip(entry.shapes.iter().copied()));
            let length = entry.shapes.len();
            let group = groups.entry((length, first)).or_insert_with(|| Group {
                patterns: 0,
                lines: 0,
                seen: vec![HashSet::default(); length],
                numbered: vec![0; length],
            });
            group.patterns += 1;
            group.lines += entry.count as usize;
            for (place, (shape, cut)) in entry.shapes.iter().zip(cuts).enumerate() {
                group.seen[place].insert(*shape);
                group.numbered[place] += usize::from(cut.class() != Class::Word);
            }
        }
        for (key, group) in groups {
            let differs = |place: &usize| {
                let different = group.seen[*place].len();
                let numbered = group.patterns * 3 <= group.numbered[*place] * 4;
                NAMES <= different && group.lines <= different * NAMES_OF || numbered && NUMBERS <= different
            };
            let places: Vec<usize> = (0..group.seen.len()).filter(differs).collect();
            if !places.is_empty() {
                varying.insert(key, places);
            }
        }
        varying
    }

    /// Where too many lines are rare for that to mean anything (each names a package, a file, a person), those
    /// that have the same frequent words are one pattern: what is rare then is rare.
    fn gather(&mut self, by: By) {
        let all = self.of_line.len() as u32;
        let rare: u32 = self.list.iter().map(|entry| entry.count).filter(|count| *count <= RARE).sum();
        if rare < TOO_MANY || rare.saturating_mul(TOO_MANY_OF) < all {
            return;
        }
        let mut seen: HashMap<u64, u32, Seeded> = HashMap::default();
        for entry in &self.list {
            entry.shapes.iter().for_each(|&shape| *seen.entry(shape).or_insert(0) += entry.count);
        }
        let least = (all / 200).max(10);
        let mut groups: HashMap<u64, u32, Seeded> = HashMap::default();
        let mut into: Vec<u32> = (0..self.list.len() as u32).collect();
        for (pattern, first_of) in into.iter_mut().enumerate() {
            let entry = &self.list[pattern];
            if RARE < entry.count {
                continue;
            }
            let length = if by == By::Words { 0 } else { entry.shapes.len() as u64 + 1 };
            let group = (self.cuts.of(entry.first as usize).iter().zip(&entry.shapes))
                .filter(|(cut, shape)| {
                    cut.class() == Class::Word
                        && !matches!(**shape, WILD | VARIES)
                        && seen.get(*shape).is_some_and(|its| least <= *its)
                })
                .take(WORDS)
                .fold(token::mix(entry.sign as u64 + 1, length), |group, (_, shape)| {
                    token::mix(group, *shape)
                });
            let first = *groups.entry(group).or_insert(pattern as u32);
            if first as usize == pattern {
                continue;
            }
            *first_of = first;
            let (before, rest) = self.list.split_at_mut(pattern);
            before[first as usize].take(&rest[0]);
        }
        self.number_anew(&into);
    }

    /// Drops the patterns that went into others.
    fn number_anew(&mut self, into: &[u32]) {
        let mut numbers = vec![0; self.list.len()];
        let mut next = 0;
        for (pattern, &target) in into.iter().enumerate() {
            if target as usize == pattern {
                numbers[pattern] = next;
                next += 1;
            } else {
                numbers[pattern] = numbers[target as usize];
            }
        }
        let mut at = 0;
        self.list.retain(|_| {
            at += 1;
            into[at - 1] as usize == at - 1
        });
        self.of_line.iter_mut().for_each(|pattern| *pattern = numbers[*pattern as usize]);
    }

    /// The pattern of a new shape: one that it is near to, or its own. `None` when there are too many.
    fn place(
        &mut self,
        near: &mut HashMap<(usize, Sign, u64), Vec<u32>>,
        tokens: &[Token],
        sign: Sign,
        line: u32,
    ) -> Option<u32> {
        let neighbours = near.entry((tokens.len(), sign, first_word(tokens))).or_default();
        if let Some(pattern) = self.join(neighbours, tokens) {
            return Some(pattern);
        }
        let pattern = self.list.len() as u32;
        if MOST_PATTERNS < self.list.len() {
            return None;
        }
        let shapes = tokens.iter().map(|token| token.shape).collect();
        self.list.push(Pattern { count: 0, first: line, last: line, sign, shapes });
        if neighbours.len() < MOST_COMPARED {
            neighbours.push(pattern);
        }
        Some(pattern)
    }

    /// The pattern that `tokens` are near enough to; its differing tokens become wild.
    fn join(&mut self, neighbours: &[u32], tokens: &[Token]) -> Option<u32> {
        let may_differ = if tokens.len() < 4 { return None } else { (tokens.len() / 5).max(1) };
        let near = neighbours.iter().copied().find(|&pattern| {
            let shapes = &self.list[pattern as usize].shapes;
            let wild = shapes.iter().filter(|shape| **shape == WILD).count();
            let mut left = may_differ.saturating_sub(wild);
            shapes.iter().zip(tokens).all(|(shape, token)| {
                if *shape == WILD || *shape == token.shape {
                    return true;
                }
                let fits = left != 0;
                left = left.saturating_sub(1);
                fits
            })
        })?;
        for (shape, token) in self.list[near as usize].shapes.iter_mut().zip(tokens) {
            if *shape != token.shape {
                *shape = WILD;
            }
        }
        Some(near)
    }

    /// The lines of each pattern, in order: for pattern `p`, `lines[starts[p]..starts[p + 1]]`.
    pub fn members(&self) -> Members {
        let mut starts = vec![0_u32; self.list.len() + 1];
        for (pattern, entry) in self.list.iter().enumerate() {
            starts[pattern + 1] = starts[pattern] + entry.count;
        }
        let mut next = starts.clone();
        let mut lines = vec![0_u32; self.of_line.len()];
        for (line, &pattern) in self.of_line.iter().enumerate() {
            let at = &mut next[pattern as usize];
            lines[*at as usize] = line as u32;
            *at += 1;
        }
        Members { starts, lines }
    }
}

/// Which lines each pattern has.
#[derive(Debug)]
pub struct Members {
    starts: Vec<u32>,
    lines: Vec<u32>,
}

impl Members {
    /// The lines of `pattern`, in order.
    pub fn of(&self, pattern: usize) -> &[u32] {
        &self.lines[self.starts[pattern] as usize..self.starts[pattern + 1] as usize]
    }
}

/// Hashes what is a digest already: the seed keeps its places in a table from being foreseen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seeded;

/// Moves places within a table; what comes out of it does not depend on them.
static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0_u8));

impl BuildHasher for Seeded {
    type Hasher = Digested;

    fn build_hasher(&self) -> Digested {
        Digested(*SEED)
    }
}

/// Makes a table's places of digests.
pub struct Digested(u64);

impl Hasher for Digested {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, digest: u64) {
        self.0 = token::mix(self.0, digest);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The first token that is a plain word, among the first six: what Drain's tree branches on.
fn first_word(tokens: &[Token]) -> u64 {
    first_of(tokens.iter().map(|token| (token.class, token.shape)))
}

fn first_of(mut tokens: impl Iterator<Item = (Class, u64)>) -> u64 {
    tokens.by_ref().take(6).find(|(class, _)| *class == Class::Word).map_or(WILD, |(_, shape)| shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns_of(text: &str) -> Patterns {
        let lines = Lines::of(text).expect("short");
        Patterns::of(&lines).expect("few")
    }

    #[test]
    fn like_lines_share_a_pattern() {
        let text = "\
10:00:01 INFO user alice logged in from 10.0.0.1
10:00:02 INFO user bob logged in from 10.0.0.2
10:00:03 INFO cache hit key=7
10:00:04 INFO user carol logged in from 10.0.0.9
10:00:05 ERROR user dave logged in from 10.0.0.9
10:00:06 INFO cache hit key=8123
";
        let found = patterns_of(text);
        assert_eq!(found.of_line, [0, 0, 1, 0, 2, 1]);
        assert_eq!(found.list.iter().map(|pattern| pattern.count).collect::<Vec<_>>(), [3, 2, 1]);
        let members = found.members();
        assert_eq!(members.of(0), [0, 1, 3]);
        assert_eq!(members.of(1), [2, 5]);
    }

    #[test]
    fn a_name_in_each_line_does_not_make_each_line_rare() {
        let names =
            ["zlib", "curl", "git", "vim", "bash", "perl", "tar", "gzip", "make", "gawk", "sed", "file"];
        let text: String = (0..600)
            .map(|n| {
                let (name, other) = (names[n / 5 % 12], names[n / 60 % 12]);
                let state = ["unpacked", "configured", "installed", "triggered", "removed"][n % 5];
                format!(
                    "10:00:{:02} status {state} {other}-{name}:amd64 {}\n",
                    n % 60,
                    ["1.2-3", "4~rc1", "2:7", "1.0+b2", "9"][n / 5 % 5]
                )
            })
            .collect();
        let found = patterns_of(&text);
        assert!(found.list.len() <= 24, "{}", found.list.len());
        assert_eq!(found.list.iter().map(|pattern| pattern.count).sum::<u32>(), 600);
        assert!(found.of_line.iter().all(|pattern| (*pattern as usize) < found.list.len()));
    }

    #[test]
    fn slots_do_not_eat_a_whole_pattern() {
        // Each line differs from the one before in one more token: they must not all become one.
        let text = "a b c d e\na b c d f\na b c x f\na b y x f\na z y x f\n";
        let found = patterns_of(text);
        assert!(1 < found.list.len());
    }
}

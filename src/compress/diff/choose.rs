//! Which hunks are shown whole, and how the others are told.
//!
//! A hunk of source is shown whole or not at all, so that what is shown still
//! applies. What lock files, generated and other people's files change is
//! told; of source, first what repeats, then what matters least to the
//! question, until enough is saved: with all its changed lines, or, in a very
//! long text, by what it defines.

use super::super::Effort;
use super::super::lines::{Lines, question};
use super::nature::{self, Nature};
use super::patch::{Change, Hunk, Patch};
use super::told;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// How a hunk gets to the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// As it stands.
    Whole,
    /// Its changed lines, in a marker.
    Changed,
    /// Its head and so many of its defining lines, in a marker.
    Outline(usize),
    /// The same lines change as in another hunk, which is shown or told.
    Same(usize),
}

/// What is shown of a text that holds changes.
#[derive(Debug)]
pub struct Chosen<'l> {
    /// Its files and hunks.
    pub patch: Patch<'l>,
    /// What each file is.
    pub natures: Vec<Nature>,
    /// What becomes of each hunk.
    pub fates: Vec<Fate>,
    /// Lines that match the question, in order.
    pub asked: Vec<u32>,
    /// True when there are many files that have a head and nothing else.
    pub bare: bool,
}

/// How much is told instead of shown.
struct Measure {
    /// The share of a text's bytes that is to be saved, in hundredths.
    save: usize,
    /// Bytes from which on hunks are told by what they define,
    outline: usize,
    /// until this share is saved, in hundredths.
    outlined: usize,
}

const BALANCED: Measure = Measure { save: 34, outline: 120_000, outlined: 45 };
const AGGRESSIVE: Measure = Measure { save: 55, outline: 40_000, outlined: 75 };

/// Lines that match the question, at most.
const ASKED: usize = 200;
/// What the name of a file that is asked for adds to its hunks' scores.
const ASKED_FOR: i32 = 10;
/// What a marker costs besides what it tells, in bytes.
const MARKER: usize = 60;
/// A hunk is told only if that makes it shorter by a quarter.
const WORTH: (usize, usize) = (3, 4);
/// A change that stands in so many hunks is told once.
const REPEATED: usize = 3;
/// A removed file of more lines is told by what it defined.
const REMOVED: usize = 12;
/// Defining lines of an outlined hunk.
const DEFINING: usize = 40;
/// So many files that are only renamed are told.
const MANY_BARE: usize = 4;
/// Bytes of source that are shown whole in any case.
const SHORT: usize = 5_000;
/// A hunk of so many changed lines can be outlined.
const LONG: usize = 24;

impl<'l> Chosen<'l> {
    /// Chooses for `lines`; `None` when all is shown.
    pub fn of(lines: &'l Lines<'_>, query: &str, effort: Effort) -> Option<Chosen<'l>> {
        let measure = match effort {
            Effort::Balanced => BALANCED,
            Effort::Aggressive => AGGRESSIVE,
        };
        let patch = Patch::of(lines);
        let natures: Vec<Nature> =
            patch.files.iter().map(|file| nature::of(file, patch.of_file(file), lines)).collect();
        let mut ranked = question::matching(lines, query, ASKED);
        let scores = scores(&patch, &ranked);
        ranked.sort_unstable();
        let fates = vec![Fate::Whole; patch.hunks.len()];
        let bare = MANY_BARE <= patch.files.iter().filter(|file| file.hunks.is_empty()).count();
        let mut chosen = Chosen { patch, natures, fates, asked: ranked, bare };
        chosen.tell_what_repeats(lines);
        chosen.tell_removed_files(&scores);
        chosen.tell_by_rank(lines, &scores, &measure);
        let tells = chosen.fates.iter().any(|fate| *fate != Fate::Whole)
            || chosen.natures.iter().any(|nature| *nature != Nature::Source)
            || chosen.bare;
        tells.then_some(chosen)
    }

    /// The source hunks, each with its file.
    fn source(&self) -> Vec<(usize, usize)> {
        let files = self.patch.files.iter().enumerate();
        files
            .filter(|(number, _)| self.natures[*number] == Nature::Source)
            .flat_map(|(number, file)| file.hunks.clone().map(move |hunk| (number, hunk)))
            .filter(|(_, hunk)| self.patch.hunks[*hunk].plain)
            .collect()
    }

    fn tell_what_repeats(&mut self, lines: &Lines<'_>) {
        let mut alike: HashMap<u64, Vec<usize>> = HashMap::new();
        let source = self.source();
        for (_, hunk) in &source {
            let mut hasher = DefaultHasher::new();
            told::changed_lines(lines, &self.patch.hunks[*hunk]).for_each(|line| line.hash(&mut hasher));
            alike.entry(hasher.finish()).or_default().push(*hunk);
        }
        let same = |left: &Hunk, right: &Hunk| {
            told::changed_lines(lines, left).eq(told::changed_lines(lines, right))
        };
        for its in alike.values().filter(|its| REPEATED <= its.len()) {
            for hunk in &its[1..] {
                if same(&self.patch.hunks[its[0]], &self.patch.hunks[*hunk]) {
                    self.fates[*hunk] = Fate::Same(its[0]);
                }
            }
        }
    }

    /// A removed file that nobody asks for is told by what it defined.
    fn tell_removed_files(&mut self, scores: &[i32]) {
        for (file, hunk) in self.source() {
            let removed = self.patch.files[file].change == Change::Deleted;
            if removed && scores[hunk] < ASKED_FOR && REMOVED < self.patch.hunks[hunk].removed {
                self.fates[hunk] = Fate::Outline(DEFINING);
            }
        }
    }

    fn tell_by_rank(&mut self, lines: &Lines<'_>, scores: &[i32], measure: &Measure) {
        let mut source = self.source();
        let bytes = |hunk: &Hunk| lines.bytes(hunk.lines.start, hunk.lines.end);
        let whole: usize = source.iter().map(|(_, hunk)| bytes(&self.patch.hunks[*hunk])).sum();
        let mut shown: usize = source
            .iter()
            .filter(|(_, hunk)| self.fates[*hunk] == Fate::Whole)
            .map(|(_, hunk)| bytes(&self.patch.hunks[*hunk]))
            .sum();
        if shown <= SHORT {
            return;
        }
        let goal = (whole - whole * measure.save / 100).max(SHORT);
        source.retain(|(_, hunk)| self.fates[*hunk] == Fate::Whole);
        let interest = |(file, hunk): &(usize, usize)| {
            let path = self.patch.files[*file].path;
            let its = &self.patch.hunks[*hunk];
            scores[*hunk] + plain_interest(lines, its) - 2 * i32::from(is_aside(path))
        };
        let mut ranked: Vec<(i32, usize, usize)> =
            source.iter().map(|both| (interest(both), both.1, 0)).collect();
        for each in &mut ranked {
            each.2 = told::changed_bytes(lines, &self.patch.hunks[each.1]) + MARKER;
        }
        // Of two that matter as little, the one whose marker saves more is told.
        ranked.sort_by_key(|(interest, hunk, told)| {
            (*interest, told * 100 / bytes(&self.patch.hunks[*hunk]).max(1), *hunk)
        });
        for (_, hunk, told) in &ranked {
            let before = bytes(&self.patch.hunks[*hunk]);
            if goal < shown && told * WORTH.1 < before * WORTH.0 {
                self.fates[*hunk] = Fate::Changed;
                shown -= before - told;
            }
        }
        let goal = measure.outline.max(whole - whole * measure.outlined / 100);
        if shown <= goal {
            return;
        }
        for (_, hunk, told) in &ranked {
            let its = &self.patch.hunks[*hunk];
            if goal < shown && LONG <= its.added + its.removed {
                let outline = told::outline(lines, its, &self.asked, DEFINING).len() + MARKER;
                let before = if self.fates[*hunk] == Fate::Changed { *told } else { bytes(its) };
                if outline * 2 < before {
                    self.fates[*hunk] = Fate::Outline(DEFINING);
                    shown -= before - outline;
                }
            }
        }
    }

    /// True for a file of which nothing is shown.
    pub fn gone(&self, number: usize) -> bool {
        let file = &self.patch.files[number];
        self.natures[number] != Nature::Source
            || file.hunks.is_empty() && self.bare
            || !file.hunks.is_empty()
                && self.fates[file.hunks.clone()].iter().all(|fate| *fate != Fate::Whole)
    }
}

/// How well each hunk matches the question: the best line counts, and how many there are.
fn scores(patch: &Patch<'_>, ranked: &[u32]) -> Vec<i32> {
    let mut scores = vec![0; patch.hunks.len()];
    for (order, line) in ranked.iter().enumerate() {
        let line = *line as usize;
        let at = patch.hunks.partition_point(|hunk| hunk.lines.end <= line);
        if patch.hunks.get(at).is_some_and(|hunk| hunk.lines.contains(&line)) {
            scores[at] = scores[at].max(2 * ASKED_FOR) + (ASKED - order.min(ASKED)) as i32 / 20;
        }
    }
    // A file's name that is asked for speaks for its hunks.
    for file in &patch.files {
        let head =
            file.lines.start..patch.of_file(file).first().map_or(file.lines.end, |hunk| hunk.lines.start);
        if ranked.iter().any(|line| head.contains(&(*line as usize))) {
            scores[file.hunks.clone()].iter_mut().for_each(|score| *score += ASKED_FOR);
        }
    }
    scores
}

/// What a hunk is worth without a question.
fn plain_interest(lines: &Lines<'_>, hunk: &Hunk) -> i32 {
    let (mut imports, mut all) = (0, 0);
    let (mut old, mut new) = (0_u64, 0_u64);
    let mut conflict = false;
    for line in told::changed_lines(lines, hunk) {
        let body = line[1..].trim_ascii();
        all += 1;
        imports += usize::from(body.is_empty() || IMPORTS.iter().any(|word| body.starts_with(word)));
        conflict |= line.starts_with("+<<<<<<< ") || line.starts_with("+>>>>>>> ");
        let side = if line.starts_with('-') { &mut old } else { &mut new };
        // What is equal but for blanks has the same sum; only the order of interest hangs on it.
        for byte in body.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
            *side = (side.rotate_left(5) ^ u64::from(byte)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }
    let format_only = 0 < hunk.added && 0 < hunk.removed && old == new;
    50 * i32::from(conflict) - 5 * i32::from(all == imports) - 8 * i32::from(format_only)
}

/// Starts of lines that bring in names.
const IMPORTS: &[&str] =
    &["import ", "from ", "use ", "#include", "using ", "require ", "extern crate ", "package ", "//", "# "];

/// True for tests, documents and examples.
fn is_aside(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    ["test", "spec", "docs/", "examples/", "changelog", "readme", "fixtures"]
        .iter()
        .any(|part| lower.contains(part))
}

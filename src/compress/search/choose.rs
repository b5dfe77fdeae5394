//! Of many hits, the telling ones as they stand; of every other, at least its file and line.
//!
//! Shown are the first and the last, what has to do with the question, what
//! defines, and texts that differ from what most hits say. A gap names each hit
//! that is left out: `src/a.rs:12,40` or, where there is room, each with its file.

use super::super::lines::{Lines, verify, weight, write};
use super::super::{Allowance, Effort, Hint};
use super::hit::Hit;
use super::results::Results;
use super::snippet;
use crate::marker::Markers;
use crate::refusal::Refusal;
use crate::units::Key;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Fewer hits than this are all shown.
const FEW: usize = 12;
/// What a marker weighs without the hits in it.
const MARKER: usize = 24;
/// Words at the start of a line that defines something.
const DEFINING: &[&str] = &[
    "fn ",
    "pub ",
    "def ",
    "class ",
    "function ",
    "func ",
    "struct ",
    "enum ",
    "trait ",
    "interface ",
    "type ",
    "impl ",
    "const ",
    "static ",
    "export ",
    "module ",
    "namespace ",
    "#define ",
    "public ",
    "private ",
    "protected ",
    "abstract ",
    "async ",
    "package ",
    "typedef ",
    "macro_rules!",
    "CREATE TABLE",
    "create table",
];

/// How much is shown.
#[derive(Clone, Copy, Debug)]
struct Measure {
    /// So much of a hundred tokens may be shown.
    shown: usize,
    /// Hits that have to do with the question.
    asked: usize,
    /// Hits that define something.
    defining: usize,
    /// Hits whose text is odd.
    odd: usize,
}

impl Measure {
    fn of(effort: Effort) -> Measure {
        match effort {
            Effort::Balanced => Measure { shown: 42, asked: 40, defining: 24, odd: 24 },
            Effort::Aggressive => Measure { shown: 24, asked: 24, defining: 12, odd: 12 },
        }
    }
}

/// Shows the telling hits of `text` as they stand, and names the others in the gaps.
///
/// `None` when there are not enough hits.
///
/// # Errors
/// [`Refusal::NotVerified`] when a shown line is no line of the text.
pub fn choose(
    text: &str,
    hint: &Hint<'_>,
    allowance: &Allowance<'_>,
    key: &Key,
) -> Result<Option<String>, Refusal> {
    let lines = Lines::of(text).ok_or(Refusal::OverBudget)?;
    let Some(results) = Results::of(&lines) else { return Ok(None) };
    let long = (0..lines.len()).any(|line| results.is_long(line));
    if results.matches().count() < FEW && !long {
        return Ok(None);
    }
    let measure = Measure::of(allowance.effort);
    let budget = weight::of(lines.text()) * measure.shown / 100;
    let ranked = rank(&results, hint.query, &measure);
    let plain = plain(&results);
    let mut naming = Naming::of(&results);
    // As many of the telling hits as there is room for.
    let mut take = ranked.telling;
    let (mut keep, mut shown);
    loop {
        keep = plain.clone();
        ranked.lines[..take].iter().for_each(|line| keep[*line] = true);
        show_headings(&results, &mut keep);
        close_gaps(&results, &mut keep);
        shown = naming.shown_weight(&results, &keep);
        if shown <= budget || take <= 2 {
            break;
        }
        take = take * 3 / 4;
    }
    // Then every hit with its file, the rarest places first; then more hits as they stand.
    if !results.headed {
        naming.widen(&results, &keep, budget.saturating_sub(shown));
    }
    shown = naming.shown_weight(&results, &keep);
    for &line in &ranked.lines[take..] {
        if budget <= shown + MARKER {
            break;
        }
        keep[line] = true;
        shown += weight::of(lines.get(line)) + MARKER;
    }
    show_headings(&results, &mut keep);
    close_gaps(&results, &mut keep);
    let markers = &mut Markers::of_part(key, allowance.part.lines_before, allowance.part.key_named);
    let chosen = write::write(&lines, &keep, &[], markers, |gap| naming.tell(&results, gap));
    if verify::in_order(&lines, &chosen) { Ok(Some(chosen)) } else { Err(Refusal::NotVerified) }
}

/// What is shown in any case: lines that are no hits. Names on lines of their own, and the empty lines
/// between them, are told with the hits below them.
fn plain(results: &Results<'_>) -> Vec<bool> {
    results.hits.iter().map(|hit| hit.is_none() && !results.headed).collect()
}

/// Shows the name above hits that are shown.
fn show_headings(results: &Results<'_>, keep: &mut [bool]) {
    if !results.headed {
        return;
    }
    let mut heading = None;
    for line in 0..keep.len() {
        let text = results.lines.get(line);
        match results.hits[line] {
            Some(_) if keep[line] => heading.take().into_iter().for_each(|at: usize| keep[at] = true),
            None if !text.is_empty() && text != "--" => heading = Some(line),
            _ => {}
        }
    }
}

/// Shows gaps that a marker would not make shorter.
fn close_gaps(results: &Results<'_>, keep: &mut [bool]) {
    for gap in write::gaps(keep) {
        let long = gap.clone().any(|line| results.is_long(line));
        let left_out: usize = gap.clone().map(|line| weight::of(results.lines.get(line)) + 1).sum();
        if !long && left_out < MARKER + gap.len() * 12 {
            keep[gap].fill(true);
        }
    }
}

/// Hits in the order in which they should be shown.
struct Ranked {
    lines: Vec<usize>,
    /// How many of them tell something; the others are merely different.
    telling: usize,
}

fn rank(results: &Results<'_>, question: &str, measure: &Measure) -> Ranked {
    let matches: Vec<(usize, &Hit<'_>)> =
        results.matches().filter(|(line, _)| !results.is_long(*line)).collect();
    let mut ranked: Vec<usize> = Vec::new();
    let mut known: HashSet<usize> = HashSet::new();
    let mut add = |line: usize| {
        if known.insert(line) {
            ranked.push(line);
        }
    };
    matches.first().iter().chain(matches.last().iter()).for_each(|(line, _)| add(*line));
    let ends = results.hits.iter().enumerate().filter(|(line, hit)| hit.is_some() && !results.is_long(*line));
    let ends: Vec<usize> = ends.map(|(line, _)| line).collect();
    ends.first().iter().chain(ends.last().iter()).for_each(|line| add(**line));
    let scores = results.scores(question);
    let mut asked: Vec<(usize, f64)> =
        matches.iter().map(|(line, _)| (*line, scores[*line])).filter(|(_, score)| 0.0 < *score).collect();
    asked.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
    let best = asked.first().map_or(0.0, |(_, score)| *score);
    asked.retain(|(_, score)| best <= score * 3.0);
    asked.iter().take(measure.asked).for_each(|(line, _)| {
        add(*line);
        // What stands around it, where that was asked for too.
        for near in line.saturating_sub(2)..results.hits.len().min(line + 3) {
            let around = results.hits[near].filter(|hit| hit.mark == '-');
            if around.is_some_and(|hit| Some(hit.path) == results.hits[*line].map(|hit| hit.path)) {
                add(near);
            }
        }
    });
    odd(&matches).into_iter().take(measure.odd).for_each(&mut add);
    let defining = matches.iter().filter(|(_, hit)| {
        let text = hit.text.trim_start();
        DEFINING.iter().any(|word| text.starts_with(word))
    });
    defining.take(measure.defining).for_each(|(line, _)| add(*line));
    // Among the lines around them, the matches are what was looked for.
    if matches.len() * 2 <= ends.len() {
        matches.iter().for_each(|(line, _)| add(*line));
    }
    let telling = ranked.len();
    let mut add = |line: usize| {
        if known.insert(line) {
            ranked.push(line);
        }
    };
    // One of each file and one of each text, those of rare places first.
    let mut places: HashMap<&str, usize> = HashMap::new();
    matches.iter().for_each(|(_, hit)| *places.entry(place(hit.path)).or_default() += 1);
    let mut texts: HashSet<&str> = HashSet::new();
    let mut files: HashSet<&str> = HashSet::new();
    let mut different: Vec<(bool, usize, usize)> = Vec::new();
    for (line, hit) in &matches {
        let (file, text) = (files.insert(hit.path), texts.insert(hit.text.trim()));
        if text {
            different.push((!file, places[place(hit.path)], *line));
        }
    }
    different.sort_unstable();
    different.into_iter().for_each(|(_, _, line)| add(line));
    Ranked { lines: ranked, telling }
}

/// Hits whose text differs where most say the same.
fn odd(matches: &[(usize, &Hit<'_>)]) -> Vec<usize> {
    let template = |text: &str| {
        let mut template = String::with_capacity(text.len());
        for letter in text.trim().chars().take(200) {
            let letter = if letter.is_ascii_digit() { '0' } else { letter };
            if letter != '0' || !template.ends_with('0') {
                template.push(letter);
            }
        }
        template
    };
    let templates: Vec<String> = matches.iter().map(|(_, hit)| template(hit.text)).collect();
    let mut alike: HashMap<&str, usize> = HashMap::new();
    let mut same: HashMap<&str, usize> = HashMap::new();
    for (template, (_, hit)) in templates.iter().zip(matches) {
        *alike.entry(template).or_default() += 1;
        *same.entry(hit.text.trim()).or_default() += 1;
    }
    let mut common: Vec<usize> = alike.values().copied().collect();
    common.sort_unstable_by(|left, right| right.cmp(left));
    let usual = matches.len() < common.iter().take(4).sum::<usize>() * 2;
    let few = (matches.len() / 50).max(1);
    let repeated = |template: &str| {
        let its = same.iter().filter(|(_, count)| 3 <= **count);
        its.filter(|(text, _)| text.len() < 400 && same_template(text, template)).count()
    };
    let mut values: HashMap<&str, bool> = HashMap::new();
    templates
        .iter()
        .zip(matches)
        .filter(|(of_text, (_, hit))| {
            let its = alike[of_text.as_str()];
            // A text of its own among a few that are said again and again; or another value in one of them.
            usual && its <= few
                || 8 <= its
                    && same[hit.text.trim()] == 1
                    && *values.entry(of_text.as_str()).or_insert_with(|| 0 < repeated(of_text))
        })
        .map(|(_, (line, _))| *line)
        .collect()
}

fn same_template(text: &str, template: &str) -> bool {
    let squeezed = |text: &str| {
        let mut out = String::new();
        for letter in text.chars().take(200) {
            let letter = if letter.is_ascii_digit() { '0' } else { letter };
            if letter != '0' || !out.ends_with('0') {
                out.push(letter);
            }
        }
        out
    };
    squeezed(text) == template
}

/// How hits that are left out are named.
struct Naming<'a> {
    /// Files whose hits are named each with its file.
    wide: HashSet<&'a str>,
    /// What was searched for, to show of long lines where they match.
    word: Option<&'a str>,
}

impl<'a> Naming<'a> {
    fn of(results: &Results<'a>) -> Naming<'a> {
        Naming { wide: HashSet::new(), word: results.word() }
    }

    /// What the results weigh when only these lines are shown and the others named.
    fn shown_weight(&self, results: &Results<'a>, keep: &[bool]) -> usize {
        let kept = keep.iter().enumerate().filter(|(_, kept)| **kept);
        let shown: usize = kept.map(|(line, _)| weight::of(results.lines.get(line)) + 1).sum();
        let gaps = write::gaps(keep).into_iter();
        shown + gaps.map(|gap| MARKER + weight::of(&self.tell(results, gap))).sum::<usize>()
    }

    /// Names hits with their files as far as `room` allows, files of rare places and of few hits first.
    fn widen(&mut self, results: &Results<'a>, keep: &[bool], mut room: usize) {
        let mut left: HashMap<&'a str, usize> = HashMap::new();
        let mut places: HashMap<&'a str, usize> = HashMap::new();
        for (line, hit) in results.matches() {
            if !keep[line] && !results.is_long(line) && !hit.number.is_empty() {
                *left.entry(hit.path).or_default() += 1;
            }
            *places.entry(place(hit.path)).or_default() += 1;
        }
        let mut files: Vec<(&'a str, usize)> = left.into_iter().collect();
        files.sort_by(|left, right| {
            places[place(left.0)]
                .cmp(&places[place(right.0)])
                .then(left.1.cmp(&right.1))
                .then(left.0.cmp(right.0))
        });
        for (path, hits) in files {
            let cost = (weight::of(path) + 1) * (hits - 1);
            if cost <= room {
                room -= cost;
                self.wide.insert(path);
            }
        }
    }

    /// Names the hits of a gap.
    fn tell(&self, results: &Results<'a>, gap: Range<usize>) -> String {
        let mut told = String::new();
        let mut before = "";
        let mut unnumbered = 0;
        for line in gap {
            let Some(hit) = &results.hits[line] else { continue };
            if results.is_long(line) {
                told.push_str(if told.is_empty() { "" } else { "; " });
                told.push_str(&snippet::of(hit, self.word));
                before = "";
                continue;
            }
            if hit.mark != ':' {
                continue;
            }
            if hit.path == before && hit.number.is_empty() {
                unnumbered += 1;
                continue;
            }
            if 0 < unnumbered {
                told.push_str(&format!(" and {unnumbered} more"));
                unnumbered = 0;
            }
            if hit.path == before && !self.wide.contains(hit.path) {
                told.push(',');
                told.push_str(hit.number);
                continue;
            }
            told.push_str(match (told.is_empty(), hit.path == before) {
                (true, _) => "",
                (false, true) => " ",
                (false, false) => "; ",
            });
            told.push_str(hit.path);
            if !hit.number.is_empty() {
                told.push(':');
                told.push_str(hit.number);
            }
            before = hit.path;
        }
        if 0 < unnumbered {
            told.push_str(&format!(" and {unnumbered} more"));
        }
        told
    }
}

/// The part of a project that a file is in: its first two folders.
fn place(path: &str) -> &str {
    let end = path.match_indices(['/', '\\']).map(|(at, _)| at).nth(1);
    end.map_or(path, |end| &path[..end])
}

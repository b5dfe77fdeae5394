//! Search output, line by line: which are hits, in which file, with which text.

use super::super::lines::Lines;
use super::super::lines::relevance::{self, words};
use super::hit::{self, Hit};
use std::collections::HashMap;

/// Bytes of a line that is clipped to where it matches.
pub const LONG: usize = 800;

/// Search output.
#[derive(Debug)]
pub struct Results<'a> {
    /// Its lines.
    pub lines: &'a Lines<'a>,
    /// What each line is.
    pub hits: Vec<Option<Hit<'a>>>,
    /// True when names stand on lines of their own, above their hits.
    pub headed: bool,
}

impl<'a> Results<'a> {
    /// Reads `lines`; `None` when there are no hits.
    pub fn of(lines: &'a Lines<'a>) -> Option<Results<'a>> {
        let headed = is_headed(lines.iter());
        let hits = if headed { below_headings(lines) } else { beside_names(lines) };
        let found = hits.iter().flatten().count();
        (0 < found).then_some(Results { lines, hits, headed })
    }

    /// The matches, with their lines.
    pub fn matches(&self) -> impl Iterator<Item = (usize, &Hit<'a>)> {
        let each = self.hits.iter().enumerate();
        each.filter_map(|(line, hit)| hit.as_ref().filter(|hit| hit.mark == ':').map(|hit| (line, hit)))
    }

    /// How much each line has to do with `question`; 0 for what is no hit.
    pub fn scores(&self, question: &str) -> Vec<f64> {
        let texts: Vec<Option<(&str, &str)>> =
            self.hits.iter().map(|hit| hit.map(|hit| (hit.path, hit.text))).collect();
        relevance::scores(&texts, question)
    }

    /// True for a hit that is too long to be shown.
    pub fn is_long(&self, line: usize) -> bool {
        self.hits[line].is_some() && LONG < self.lines.get(line).len()
    }

    /// The word that nearly all matches have: what was searched for.
    pub fn word(&self) -> Option<&'a str> {
        let mut counts: HashMap<&'a str, (usize, usize)> = HashMap::new();
        let mut total = 0;
        for (line, hit) in self.matches().filter(|(line, _)| !self.is_long(*line)) {
            total += 1;
            if 200 < total {
                break;
            }
            for word in words(hit.text).filter(|word| 3 <= word.len()) {
                let (count, last) = counts.entry(word).or_insert((0, usize::MAX));
                *count += usize::from(*last != line);
                *last = line;
            }
        }
        let best = counts.into_iter().max_by(|left, right| {
            left.1.0.cmp(&right.1.0).then(left.0.len().cmp(&right.0.len())).then(right.0.cmp(left.0))
        })?;
        (total.min(200) * 3 <= best.1.0 * 5).then_some(best.0)
    }
}

fn beside_names<'a>(lines: &'a Lines<'a>) -> Vec<Option<Hit<'a>>> {
    let files = hit::files(lines.iter());
    let mut before = "";
    (0..lines.len())
        .map(|line| {
            let hit = hit::numbered(lines.get(line), before, &files)
                .or_else(|| hit::unnumbered(lines.get(line), before));
            before = hit.map_or(before, |hit| hit.path);
            hit
        })
        .collect()
}

fn below_headings<'a>(lines: &'a Lines<'a>) -> Vec<Option<Hit<'a>>> {
    let mut path = "";
    (0..lines.len())
        .map(|line| {
            let text = lines.get(line);
            let hit = below(text, path);
            if hit.is_none() && !text.is_empty() && text != "--" {
                path = text;
            }
            hit.filter(|hit| !hit.path.is_empty())
        })
        .collect()
}

/// `12:text` or `12-text` below the name `path`.
fn below<'a>(line: &'a str, path: &'a str) -> Option<Hit<'a>> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let mark = *line.as_bytes().get(digits).filter(|mark| matches!(mark, b':' | b'-'))?;
    ((1..=9).contains(&digits) && !line.starts_with('0')).then(|| Hit {
        path,
        number: &line[..digits],
        mark: char::from(mark),
        text: &line[digits + 1..],
    })
}

/// True for hits below names on lines of their own: `rg --heading`.
pub fn is_headed<'l>(each: impl Iterator<Item = &'l str>) -> bool {
    let (mut names, mut hits, mut others, mut number, mut named) = (0, 0, 0, 0_u64, false);
    for line in each.take(2_000) {
        if line.is_empty() || line == "--" {
            continue;
        }
        match below(line, "") {
            Some(hit) => {
                let next = hit.number.parse().unwrap_or(0);
                // Below a name, numbers go up.
                let fits = named && number < next;
                hits += usize::from(fits);
                others += usize::from(!fits);
                number = next;
            }
            None => {
                let name = !line.contains(' ') && line.contains(['/', '.', '\\']) && line.len() < 300;
                names += usize::from(name);
                others += usize::from(!name);
                (named, number) = (name, 0);
            }
        }
    }
    3 <= hits && 0 < names && names <= hits && others * 12 <= hits
}

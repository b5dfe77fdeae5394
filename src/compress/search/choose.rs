//! Of very many hits, the telling ones; of every file, how many it has.

use super::super::lines::{Lines, question, verify, write};
use super::super::{Allowance, Effort, Hint};
use super::hit;
use crate::marker::Markers;
use crate::refusal::Refusal;
use crate::units::Key;
use std::collections::HashMap;

/// Fewer matches than this are all shown.
pub const FEW: usize = 200;
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

/// Shows the telling hits of `text` as they stand, and counts the others by file in the gaps.
///
/// `None` when there are not enough matches.
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
    let files = hit::files(lines.iter());
    let mut before = "";
    let hits: Vec<Option<hit::Hit<'_>>> = (0..lines.len())
        .map(|line| {
            let hit = hit::numbered(lines.get(line), before, &files)
                .or_else(|| hit::unnumbered(lines.get(line), before));
            before = hit.map_or(before, |hit| hit.path);
            hit
        })
        .collect();
    if hits.iter().flatten().count() <= FEW {
        return Ok(None);
    }
    let (per_file, whole) = match allowance.effort {
        Effort::Balanced => (3, 120),
        Effort::Aggressive => (1, 60),
    };
    // Lines that are no hits (a search's own words) are shown.
    let mut keep: Vec<bool> = hits.iter().map(Option::is_none).collect();
    let mut shown: HashMap<&str, usize> = HashMap::new();
    let mut left: usize = whole;
    for line in question::matching(&lines, hint.query, whole / 4) {
        keep[line as usize] = true;
    }
    for defining in [true, false] {
        for (line, hit) in hits.iter().enumerate() {
            let Some(hit) = hit else { continue };
            let its = shown.entry(hit.path).or_default();
            let text = hit.text.trim_start();
            let fits = hit.mark == ':' && (!defining || DEFINING.iter().any(|word| text.starts_with(word)));
            if fits && !keep[line] && *its < per_file && 0 < left {
                keep[line] = true;
                *its += 1;
                left -= 1;
            }
        }
    }
    write::close_small_gaps(&lines, &mut keep);
    let chosen = write::write(
        &lines,
        &keep,
        &[],
        &mut Markers::of_part(key, allowance.part.lines_before, allowance.part.key_named),
        |gap| {
            let mut counts: Vec<(&str, usize)> = Vec::new();
            for hit in hits[gap].iter().flatten() {
                match counts.last_mut() {
                    Some((path, count)) if *path == hit.path => *count += 1,
                    _ => counts.push((hit.path, 1)),
                }
            }
            counts.iter().map(|(path, count)| format!("{count} in {path}")).collect::<Vec<_>>().join(", ")
        },
    );
    if verify::in_order(&lines, &chosen) { Ok(Some(chosen)) } else { Err(Refusal::NotVerified) }
}

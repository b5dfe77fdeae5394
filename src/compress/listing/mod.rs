//! Listings: names of files, processes, packages, pods; one a line, perhaps with columns.
//!
//! First the same lines told shorter, nothing left out: paths by folder, columns
//! without padding. When that is still long, what is odd or asked for is shown
//! as it stands, and every other row is named in the gap where it stood.
//!
//! *Invariant:* a told form decodes to the same bytes, and is decoded and
//! compared before it is returned. *Invariant:* no name is dropped without a
//! marker at that very place.

mod columns;
mod gaps;
mod letters;
mod odd;
mod paths;
mod rows;
mod series;
mod shape;
mod tree;

use super::content::Sample;
use super::lines::{Lines, question, relevance, verify, write};
use super::{Allowance, Effort, Hint, Kind, LOSSY_FLOOR, Loss, Shortened};
use crate::refusal::Refusal;
use columns::Table;

/// True when the text looks like one of this kind, whoever printed it.
pub fn fits(sample: &Sample<'_>) -> bool {
    shape::is_listing(sample)
}

/// How much is shown.
#[derive(Clone, Copy, Debug)]
struct Measure {
    /// Bytes of a listing told by columns that is shown whole.
    enough: usize,
    /// The same, of one told by folders or as a tree: every name is in view there.
    enough_names: usize,
    /// Lines at the start and at the end.
    ends: (usize, usize),
    /// Lines that match the question.
    asked: usize,
    /// Lines that have words of the question in other forms.
    related: usize,
    /// One part of so many rows may be shown as odd, or a few.
    odd: usize,
    /// So much of a hundred tokens may be shown.
    shown: usize,
}

impl Measure {
    fn of(effort: Effort) -> Measure {
        match effort {
            Effort::Balanced => Measure {
                enough: 5_000,
                enough_names: 24_000,
                ends: (3, 2),
                asked: 40,
                related: 16,
                odd: 10,
                shown: 40,
            },
            Effort::Aggressive => Measure {
                enough: 3_000,
                enough_names: 6_000,
                ends: (2, 1),
                asked: 24,
                related: 8,
                odd: 20,
                shown: 20,
            },
        }
    }
}

/// Shortens `text`, or says why not.
///
/// # Errors
/// A [`Refusal`] when the text is no listing, or when too little would be saved.
pub fn compress(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    let measure = Measure::of(allowance.effort);
    let lines = Lines::of(text).ok_or(Refusal::OverBudget)?;
    let mut keep = vec![false; lines.len()];
    for line in question::matching(&lines, hint.query, measure.asked) {
        keep[line as usize] = true;
    }
    related(&lines, hint.query, measure.related).into_iter().for_each(|line| keep[line] = true);
    let table = Table::of(lines.text());
    odd::mark(&lines, table.as_ref(), measure.odd, hint.query, &mut keep);
    let count = lines.len();
    keep[..measure.ends.0.min(count)].fill(true);
    keep[count - measure.ends.1.min(count)..].fill(true);
    let told = tell(text, |line| keep.get(line).copied().unwrap_or(true));
    let shortest = told.as_ref().map_or(text.len(), |(told, _)| told.len());
    let by_names = told.as_ref().map_or(table.is_none(), |(_, how)| *how != "listing-columns");
    let enough = if by_names { measure.enough_names } else { measure.enough };
    if let Loss::KeptUnder(key) = allowance.loss
        && enough < shortest
    {
        let chosen = gaps::write(&lines, table.as_ref(), keep, &measure, &mut allowance.markers(key));
        // Where hardly less is shown, nothing is left out.
        let fewer = shortest.saturating_sub(chosen.len());
        if (LOSSY_FLOOR.0 as usize) * 2 < fewer && write::saves_enough(text, &chosen) {
            if !verify::in_order(&lines, &chosen) {
                return Err(Refusal::NotVerified);
            }
            let compressor = "listing-odd";
            return Ok(Shortened { text: chosen, kind: Kind::Listing, compressor, left_out: true });
        }
    }
    let (text, compressor) = told?;
    Ok(Shortened { text, kind: Kind::Listing, compressor, left_out: false })
}

/// Lines that have words of the question, by their stems or as parts of names: of the best at most `most`.
fn related(lines: &Lines<'_>, question: &str, most: usize) -> Vec<usize> {
    // Only what was said: the call's own arguments (in JSON) are names of all that is listed.
    let said = question.rsplit_once("\n{").map_or(question, |(said, _)| said);
    let texts: Vec<Option<(&str, &str)>> = lines.iter().map(|line| Some((line, ""))).collect();
    let scores = relevance::scores(&texts, said);
    let mut related: Vec<usize> = (0..lines.len()).filter(|line| 0.0 < scores[*line]).collect();
    related.sort_by(|left, right| scores[*right].total_cmp(&scores[*left]).then(left.cmp(right)));
    let best = related.first().map_or(0.0, |line| scores[*line]);
    related.retain(|line| best <= scores[*line] * 2.0);
    related.truncate(most.min(lines.len() / 12));
    related
}

/// The shortest way to tell `text` with nothing left out.
fn tell(text: &str, whole: impl Fn(usize) -> bool) -> Result<(String, &'static str), Refusal> {
    let told = [
        (paths::encode(text, &whole), "listing-folders"),
        (columns::encode(text, &whole), "listing-columns"),
        (tree::encode(text, &whole), "listing-tree"),
    ];
    let shortest = told
        .into_iter()
        .filter_map(|(told, name)| told.ok().map(|told| (told, name)))
        .min_by_key(|(told, _)| told.len());
    shortest.ok_or(Refusal::NoGain)
}

//! Settings and locked versions: TOML, YAML, INI, lock files.
//!
//! Lines stay lines, in order. Of many blocks that are alike (services,
//! packages, documents) the first and the last are shown, those that the
//! question names, and every setting that differs from the blocks beside, with
//! the lines above that say where it belongs. A gap names the blocks in it; a
//! legend says what is usual.
//!
//! Absent here: a file that is short enough to be edited ([`super::content`]
//! keeps it whole), and changes of lock files ([`super::diff`]).

mod line;
pub mod lock;
pub mod locked;
mod odd;
mod tree;

use super::content::Sample;
use super::lines::{Lines, exact, question, signs, verify, write};
use super::table::{self, Pick, Why};
use super::{Allowance, Effort, Hint, Kind, Loss, Shortened};
use crate::refusal::Refusal;
use crate::text::counted;
use crate::units::Key;
use line::Says;
use std::collections::HashMap;
use tree::{GROUP, Tree};

/// How much stays in view.
struct Measure {
    /// Bytes that any text may have.
    least: usize,
    /// Percent of the text's bytes beside that.
    percent: usize,
    /// Percent of the text's bytes that the names of blocks may have.
    names: usize,
}

const BALANCED: Measure = Measure { least: 2_500, percent: 22, names: 22 };
const AGGRESSIVE: Measure = Measure { least: 1_500, percent: 10, names: 10 };

/// A text of fewer bytes stays whole.
const SHORTEST: usize = 4_000;
/// A text without like blocks stays whole up to so many bytes.
const PLAIN: usize = 24_000;
/// Lines that match the question at most.
const MATCHING: usize = 24;
/// A block of more lines is not shown whole because it is the first, the last, or asked for.
const WHOLE: usize = 40;
/// Blocks around a setting that are told.
const DEEPEST: usize = 8;
/// Bytes of the legend of what is usual.
const USUAL: usize = 1_200;
/// What makes a remark worth reading.
const REMARKABLE: &[&str] = &[
    "TODO",
    "FIXME",
    "XXX",
    "HACK",
    "!",
    "do not",
    "don't",
    "deprecat",
    "temporar",
    "WARNING",
    "NOTE",
    "never",
    "must",
    "legacy",
    "workaround",
    "remove",
    "generated",
];

/// True when the text looks like one of this kind, whoever printed it.
pub fn fits(sample: &Sample<'_>) -> bool {
    if locked::fits(sample) {
        return true;
    }
    let (mut all, mut settings, mut structure, mut assigned) = (0, 0, 0, 0);
    for line in &sample.lines {
        let its = line::read(line);
        all += 1;
        match its.says {
            Says::Blank | Says::Remark | Says::Closes => settings += 1,
            Says::Section(_) | Says::Document => {
                settings += 1;
                structure += 1;
            }
            Says::Opens(key) => {
                let plain = !key.contains(['(', '=', ';']);
                settings += usize::from(plain);
                structure += usize::from(plain && !line.trim_end().ends_with(['(', '{', '[']));
            }
            Says::Leaf(_, value) => {
                // Code ends its lines so; settings do not.
                let code = line.trim_end().ends_with([';', '{', '('])
                    || value.contains("=>")
                    || value.contains("()");
                settings += usize::from(!code);
                assigned += usize::from(!code);
            }
            Says::Other(value) => settings += usize::from(its.item.is_some() && value.len() < 160),
        }
    }
    12 <= all
        && all * 9 <= settings * 10
        && all <= assigned * 4
        && (all <= structure * 40 && 2 <= structure || all * 9 <= assigned * 10)
}

/// Shortens `text`, or says why not.
///
/// # Errors
/// A [`Refusal`] when too little would be saved.
pub fn compress(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    if let Some(format) = locked::format(text, hint) {
        return locked::compress(text, hint, allowance, format);
    }
    let shown = match allowance.loss {
        Loss::KeptUnder(key) if SHORTEST <= text.len() => {
            let lines = Lines::of(text).ok_or(Refusal::OverBudget)?;
            let tree = Tree::of(&lines);
            chosen(&lines, &tree, hint, allowance, key)?
        }
        _ => None,
    };
    let (text, left_out) = exact::unless_worth_it_asked(text, hint.query, shown)?;
    let compressor = if left_out { "config-blocks" } else { "lines-exact" };
    Ok(Shortened { text, kind: Kind::Config, compressor, left_out })
}

/// The lines that tell, and markers for the others; `None` where nothing is alike in a short text.
fn chosen(
    lines: &Lines<'_>,
    tree: &Tree<'_>,
    hint: &Hint<'_>,
    allowance: &Allowance<'_>,
    key: &Key,
) -> Result<Option<String>, Refusal> {
    let measure = match allowance.effort {
        Effort::Balanced => BALANCED,
        Effort::Aggressive => AGGRESSIVE,
    };
    let all = lines.text().len();
    let budget = measure.least + all * measure.percent / 100;
    // The block of each line, where it is one of many.
    let mut block_at: Vec<Option<u32>> = vec![None; lines.len()];
    let mut blocks: Vec<u32> = Vec::new();
    for (number, node) in tree.nodes.iter().enumerate().skip(1) {
        if node.holds && tree.block_of(number as u32) == Some(number as u32) {
            blocks.push(number as u32);
            block_at[node.line as usize..node.past as usize].fill(Some(number as u32));
        }
    }
    if blocks.is_empty() && all < PLAIN {
        return Ok(None);
    }
    let labels: HashMap<u32, String> = blocks.iter().map(|&block| (block, tree.label(block))).collect();
    let lengths: Vec<usize> = lines.iter().map(|line| line.len() + 1).collect();
    let (odd, usual) = odd::find(tree);
    let mut picks = with_their_place(tree, odd);
    picks.extend(picked(lines, tree, &block_at, &blocks, &labels, hint, budget));
    let mut keep = table::keep(&lengths, picks, budget);
    // Blank lines and ends of blocks stand with what is before them.
    for line in 1..keep.len() {
        let closes = matches!(line::read(lines.get(line)).says, Says::Closes | Says::Blank);
        keep[line] |= closes && keep[line - 1] && lines.get(line).len() < 16;
    }
    write::close_small_gaps(lines, &mut keep);
    let legends: Vec<String> = legend(tree, &blocks, &usual).into_iter().collect();
    let mut names_left = all * measure.names / 100;
    let mut markers = allowance.markers(key);
    let text = write::write(lines, &keep, &legends, &mut markers, |gap| {
        let first = blocks.partition_point(|&block| (tree.nodes[block as usize].line as usize) < gap.start);
        let its =
            blocks[first..].iter().take_while(|block| (tree.nodes[**block as usize].line as usize) < gap.end);
        let mut said: Vec<&str> = Vec::new();
        let mut more = 0;
        for block in its {
            let label = &labels[block];
            if label.len() + 2 <= names_left {
                names_left -= label.len() + 2;
                said.push(label);
            } else {
                more += 1;
            }
        }
        let mut told = said.join(", ");
        if 0 < more {
            told.push_str(&format!(" and {} more", counted(more, "block")));
        }
        told
    });
    if verify::in_order(lines, &text) { Ok(Some(text)) } else { Err(Refusal::NotVerified) }
}

/// Each pick with the lines above that say where it belongs.
fn with_their_place(tree: &Tree<'_>, picks: Vec<Pick>) -> Vec<Pick> {
    let mut all = Vec::with_capacity(picks.len() * 3);
    for pick in picks {
        all.push(pick);
        let mut at = tree.of_line[pick.row].map_or(0, |node| tree.nodes[node as usize].parent);
        let mut levels = 0;
        while at != 0 && levels < DEEPEST {
            all.push(Pick { row: tree.nodes[at as usize].line as usize, ..pick });
            at = tree.nodes[at as usize].parent;
            levels += 1;
        }
    }
    all
}

/// Lines that are kept for where they stand and what they say.
fn picked(
    lines: &Lines<'_>,
    tree: &Tree<'_>,
    block_at: &[Option<u32>],
    blocks: &[u32],
    labels: &HashMap<u32, String>,
    hint: &Hint<'_>,
    budget: usize,
) -> Vec<Pick> {
    let mut picks = Vec::new();
    let range = |block: u32| {
        let its = &tree.nodes[block as usize];
        its.line as usize..its.past as usize
    };
    // The first and the last of like blocks.
    let mut groups: HashMap<u32, (u32, u32)> = HashMap::new();
    for &block in blocks {
        groups.entry(tree.nodes[block as usize].parent).or_insert((block, block)).1 = block;
    }
    for block in blocks {
        let ends = groups[&tree.nodes[*block as usize].parent];
        if (ends.0 == *block || ends.1 == *block) && range(*block).len() <= WHOLE {
            picks.extend(range(*block).map(|row| Pick { row, why: Why::Edge, weight: 1.0 }));
        }
    }
    // Blocks of the same name: their first lines, up to the version.
    let mut named: HashMap<&str, Vec<u32>> = HashMap::new();
    for &block in blocks {
        let name = labels[&block].split(' ').next().unwrap_or("");
        named.entry(name).or_default().push(block);
    }
    let twice: Vec<&Vec<u32>> = named.values().filter(|its| 1 < its.len()).collect();
    let together: usize = twice.iter().map(|its| its.len()).sum();
    if together * 3 <= blocks.len() {
        for &block in twice.into_iter().flatten() {
            picks.extend(range(block).take(3).map(|row| Pick { row, why: Why::Rare, weight: 0.5 }));
        }
    }
    // What is asked for: a block whole, another line with its place.
    let asked = question::matching(lines, hint.query, MATCHING);
    for (order, &line) in asked.iter().enumerate() {
        let row = line as usize;
        let weight = 3.0 - order as f64 / 10.0;
        let pick = Pick { row, why: Why::Asked, weight };
        picks.extend(with_their_place(tree, vec![pick]));
        if let Some(block) = block_at[row]
            && range(block).len() <= WHOLE
            && order < 8
        {
            picks.extend(range(block).map(|row| Pick { row, why: Why::Asked, weight: weight - 2.0 }));
        }
    }
    // Lines that belong to no like blocks, and remarks.
    let loose: usize =
        (0..lines.len()).filter(|&line| block_at[line].is_none()).map(|line| lines.get(line).len()).sum();
    let mut remarks = 0;
    for (row, block) in block_at.iter().enumerate().take(lines.len()) {
        let line = lines.get(row);
        let remark = tree.remarks[row];
        remarks = if remark { remarks + 1 } else { 0 };
        if remark {
            let lower = || REMARKABLE.iter().any(|word| line.contains(word));
            let telling = signs::of(line).is_trouble() || lower();
            if telling || remarks <= 3 && row < 40 {
                picks.push(Pick { row, why: if telling { Why::Trouble } else { Why::Turn }, weight: 0.1 });
            }
            continue;
        }
        if line.contains('#') && REMARKABLE.iter().any(|word| line.contains(word)) {
            picks.extend(with_their_place(tree, vec![Pick { row, why: Why::Trouble, weight: 0.5 }]));
        }
        if block.is_none() {
            let top = tree.of_line[row].is_some_and(|node| {
                let node = &tree.nodes[node as usize];
                node.depth <= 1 || node.depth <= 2 && node.holds
            });
            let why = match (loose <= budget / 2, top) {
                (true, _) => Why::Trouble,
                (false, true) => Why::Extreme,
                (false, false) => Why::Related,
            };
            picks.push(Pick { row, why, weight: 0.0 });
        }
    }
    picks
}

/// What most of the like blocks say.
fn legend(tree: &Tree<'_>, blocks: &[u32], usual: &[(u32, u32, usize)]) -> Option<String> {
    if blocks.len() < GROUP {
        return None;
    }
    let mut said = String::new();
    for &(first, common, count) in usual {
        let value = tree.nodes[common as usize].value;
        let mut path = vec![tree.nodes[first as usize].key];
        let mut at = tree.nodes[first as usize].parent;
        let block = tree.block_of(first);
        while at != 0 && Some(at) != block {
            path.push(tree.nodes[at as usize].key);
            at = tree.nodes[at as usize].parent;
        }
        path.retain(|key| !key.is_empty() && *key != "-");
        path.reverse();
        if path.is_empty() || block.is_none() {
            continue;
        }
        let part = format!("{} {} ×{count}", path.join("."), write::clipped(value, 60));
        if USUAL < said.len() + part.len() {
            break;
        }
        said.push_str(if said.is_empty() { "" } else { "; " });
        said.push_str(&part);
    }
    (!said.is_empty())
        .then(|| format!("{} of settings; what is usual in them: {said}", counted(blocks.len(), "block")))
}

#[cfg(test)]
mod tests;

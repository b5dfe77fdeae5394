//! Settings that are not as in the blocks beside: another value, a key that few have.

use super::super::table::{Pick, Why, shape, value};
use super::tree::{Tree, digest};
use std::collections::HashMap;

/// A setting that fewer blocks have is not compared.
const ENOUGH: usize = 6;
/// Different values that are counted one by one.
const COUNTED: usize = 96;
/// Numbers this many robust deviations from the middle are odd.
const OUTLYING: f64 = 8.0;

/// Lines whose settings are odd, and what is usual: a path's first node, its commonest value, how many have it.
pub fn find(tree: &Tree<'_>) -> (Vec<Pick>, Vec<(u32, u32, usize)>) {
    let mut paths: HashMap<u64, Vec<u32>> = HashMap::new();
    let mut order: Vec<u64> = Vec::new();
    for (number, node) in tree.nodes.iter().enumerate().skip(1) {
        let its = paths.entry(node.path).or_insert_with(|| {
            order.push(node.path);
            Vec::new()
        });
        its.push(number as u32);
    }
    let mut picks = Vec::new();
    let mut usual = Vec::new();
    for path in order {
        let its = &paths[&path];
        let node = &tree.nodes[its[0] as usize];
        let parents = paths.get(&tree.nodes[node.parent as usize].path).map_or(1, Vec::len);
        let grouped = node.parent != 0 && 8 <= parents;
        if grouped && its.len() <= (parents / 20).max(1) && node.key != "-" {
            for &odd in its {
                picks.push(pick(tree, odd, 1.0));
            }
            continue;
        }
        if !grouped && its.len() < 8 || its.len() < ENOUGH || node.holds {
            continue;
        }
        let said: Vec<u64> = its.iter().map(|&its| digest(&unnamed(tree, its))).collect();
        let found = rare(&said);
        for &at in &found {
            picks.push(pick(tree, its[at], 1.5));
        }
        if found.is_empty() {
            let shapes: Vec<u64> = its.iter().map(|&its| shape(tree.nodes[its as usize].value)).collect();
            for at in rare(&shapes) {
                picks.push(pick(tree, its[at], 0.9));
            }
            outlying(tree, its, &mut picks);
        }
        if let Some((at, count)) = commonest(&said)
            && its.len() <= count * 2
            && 3 <= count
        {
            usual.push((its[0], its[at], count));
        }
    }
    (picks, usual)
}

fn pick(tree: &Tree<'_>, node: u32, weight: f64) -> Pick {
    Pick { row: tree.nodes[node as usize].line as usize, why: Why::Rare, weight }
}

/// A setting's value with the name of its block taken out: `shop/cart` of `cart` is as usual as `shop/order` of `order`.
fn unnamed(tree: &Tree<'_>, node: u32) -> String {
    let its = &tree.nodes[node as usize];
    let mut value = its.value.to_owned();
    let mut at = its.parent;
    for _ in 0..6 {
        let above = &tree.nodes[at as usize];
        if at == 0 {
            break;
        }
        if 3 <= above.key.len() && value.contains(above.key) {
            value = value.replace(above.key, "*");
        }
        at = above.parent;
    }
    value
}

/// The places of what few have, if nearly all others agree.
fn rare(said: &[u64]) -> Vec<usize> {
    let mut counts: HashMap<u64, usize> = HashMap::new();
    for its in said {
        *counts.entry(*its).or_default() += 1;
        if COUNTED < counts.len() {
            return Vec::new();
        }
    }
    let few = (said.len() / 25).max(1);
    let found: Vec<usize> = (0..said.len()).filter(|&at| counts[&said[at]] <= few).collect();
    if found.len() * 6 <= said.len() { found } else { Vec::new() }
}

/// The place of the commonest value, and how many have it.
fn commonest(said: &[u64]) -> Option<(usize, usize)> {
    let mut counts: HashMap<u64, (usize, usize)> = HashMap::new();
    for (at, its) in said.iter().enumerate() {
        counts.entry(*its).or_insert((at, 0)).1 += 1;
    }
    counts.into_values().max_by_key(|(at, count)| (*count, usize::MAX - at))
}

/// Numbers that are far from the others.
fn outlying(tree: &Tree<'_>, its: &[u32], picks: &mut Vec<Pick>) {
    let numbers: Vec<(f64, u32)> = its
        .iter()
        .filter_map(|&node| {
            let text = tree.nodes[node as usize].value.trim_matches(['"', '\'']);
            Some((value::of(text).number?, node))
        })
        .collect();
    if numbers.len() * 10 < its.len() * 9 {
        return;
    }
    let median = |mut values: Vec<f64>| {
        let middle = values.len() / 2;
        *values.select_nth_unstable_by(middle, f64::total_cmp).1
    };
    let middle = median(numbers.iter().map(|its| its.0).collect());
    let spread = median(numbers.iter().map(|its| (its.0 - middle).abs()).collect());
    let reach = OUTLYING * 1.4826 * spread.max(middle.abs() * 0.02).max(f64::MIN_POSITIVE);
    let far: Vec<u32> =
        numbers.iter().filter(|its| reach < (its.0 - middle).abs()).map(|its| its.1).collect();
    if far.len() * 20 <= its.len().max(20) {
        picks.extend(far.into_iter().map(|node| pick(tree, node, 1.2)));
    }
}

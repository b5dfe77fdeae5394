//! What was saved on each tool's outputs.
//!
//! A token that was taken out is worth, in each request that would have held it, what its class costs there: a read
//! where the request read its place from the cache, else a write or plain input. Requests that only asked an
//! output back are taken off what was saved on its tool.

use super::course::{Course, Step, Tool, Way};
use super::rebuild::Rebuilt;
use super::session::{Terms, cost, model_of};
use super::walk::{self, Billed, Measure, Road};
use crate::ledger::price::{self, Exact, Price};
use crate::receipt::Usage;
use crate::units::Tokens;
use std::collections::BTreeMap;

/// What came of one tool's outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolRow {
    /// The tool.
    pub tool: String,
    /// Its blocks that were made shorter.
    pub blocks: u64,
    /// Tokens of all its blocks, as the client has them and as sent, each once.
    pub before: u64,
    /// Tokens as sent.
    pub after: u64,
    /// Money saved over all requests, less what asking back cost.
    pub saved: Option<Exact>,
}

impl ToolRow {
    /// Adds another row of the same tool. What has no price is in no sum of money.
    pub fn add(&mut self, other: &ToolRow) {
        self.blocks += other.blocks;
        self.before += other.before;
        self.after += other.after;
        self.saved = match (self.saved, other.saved) {
            (Some(one), Some(more)) => Some(one + more),
            (one, more) => one.or(more),
        };
    }
}

/// What each tool's outputs saved: what a request read at the price of that, all else at the price of what is new in it.
pub(super) fn by_tool(
    rebuilt: &Rebuilt,
    roads: &[(&Course, Measure, u64)],
    profile: usize,
    terms: &Terms<'_>,
    ahead: &dyn Fn(Measure, Way) -> Measure,
) -> Vec<ToolRow> {
    let mut rows: BTreeMap<Tool, ToolRow> = BTreeMap::new();
    let empty = |tool: Tool| ToolRow {
        tool: rebuilt.tools.get(usize::from(tool.0)).cloned().unwrap_or_default(),
        blocks: 0,
        before: 0,
        after: 0,
        saved: Some(Exact(0)),
    };
    for &(course, measure, warm) in roads {
        let road = Road {
            course,
            way: Way::With(profile),
            measure: ahead(measure, Way::With(profile)),
            warm,
            ask: None,
        };
        let mut bills: Vec<Option<Billed>> = vec![None; course.turns.len()];
        walk::walk(&road, &mut |billed| match billed.fetches {
            None => {
                if let Some(bill) = bills.get_mut(billed.turn) {
                    *bill = Some(billed);
                }
            }
            Some(tool) => {
                let row = rows.entry(tool).or_insert_with(|| empty(tool));
                let price = cost(terms.prices, model_of(course, &billed), &billed.usage);
                row.saved = row.saved.zip(price).map(|(saved, cost)| saved - cost);
            }
        });
        for (tool, taken) in taken_out(course, profile) {
            let row = rows.entry(tool).or_insert_with(|| empty(tool));
            row.blocks += taken.blocks;
            row.before += taken.before;
            row.after += taken.after;
        }
        saved_on(course, profile, measure, &bills, terms, &mut |tool, money| {
            let row = rows.entry(tool).or_insert_with(|| empty(tool));
            row.saved = row.saved.zip(money).map(|(saved, more)| saved + more);
        });
    }
    rows.into_values().filter(|row| 0 < row.blocks || row.saved != Some(Exact(0))).collect()
}

/// The blocks of one tool that were made shorter, and the tokens of all its blocks.
#[derive(Default)]
struct Taken {
    blocks: u64,
    before: u64,
    after: u64,
}

fn taken_out(course: &Course, profile: usize) -> BTreeMap<Tool, Taken> {
    let mut tools: BTreeMap<Tool, Taken> = BTreeMap::new();
    for step in &course.steps {
        let Step::Block(block) = step else { continue };
        if block.tool == Tool::MODEL
            || block.tool == Tool::PROMPT && block.direct == Way::With(profile).of(block)
        {
            continue;
        }
        let taken = tools.entry(block.tool).or_default();
        taken.blocks += u64::from(Way::With(profile).of(block) < block.direct);
        taken.before += u64::from(block.direct);
        taken.after += u64::from(Way::With(profile).of(block));
    }
    tools
}

/// Tells what was saved on each tool's outputs in each request.
fn saved_on(
    course: &Course,
    profile: usize,
    measure: Measure,
    bills: &[Option<Billed>],
    terms: &Terms<'_>,
    tell: &mut dyn FnMut(Tool, Option<Exact>),
) {
    let mut standing = 0;
    // Of each tool: after how many blocks of the history how much was taken out of its outputs.
    let mut sums: BTreeMap<Tool, Vec<(usize, u64)>> = BTreeMap::new();
    for step in &course.steps {
        match step {
            Step::Block(block) => {
                standing += 1;
                let taken = u64::from(block.direct.saturating_sub(Way::With(profile).of(block)));
                if 0 < taken {
                    let sums = sums.entry(block.tool).or_default();
                    sums.push((standing, sums.last().map_or(0, |(_, sum)| *sum) + taken));
                }
            }
            Step::Cut(blocks) => {
                standing = standing.min(*blocks as usize);
                for sums in sums.values_mut() {
                    sums.truncate(sums.partition_point(|(blocks, _)| *blocks <= standing));
                }
            }
            Step::Request(number) => {
                let Some(billed) = bills.get(*number as usize).copied().flatten() else { continue };
                let price = terms.prices.of(model_of(course, &billed), billed.usage.input());
                for (&tool, sums) in &sums {
                    let Some(&(_, all)) = sums.last() else { continue };
                    let read = sums.partition_point(|(blocks, _)| *blocks <= billed.read).checked_sub(1);
                    let old = read.and_then(|at| sums.get(at)).map_or(0, |(_, sum)| *sum);
                    tell(
                        tool,
                        price.as_ref().and_then(|price| worth(price, &billed.usage, measure, all - old, old)),
                    );
                }
            }
        }
    }
}

/// What tokens of ours would have cost in a request: `new` ones as what it did not read, `old` ones as what it read.
fn worth(prices: &Price, usage: &Usage, measure: Measure, new: u64, old: u64) -> Option<Exact> {
    let written = usage.cache_write_5m + usage.cache_write_1h;
    let fresh = if written < usage.uncached || written == Tokens(0) {
        prices.uncached
    } else if Tokens(0) < usage.cache_write_5m {
        prices.cache_write_5m
    } else {
        prices.cache_write_1h
    };
    Some(
        price::cost(fresh, Tokens(measure.of(new)))?
            + price::cost(prices.cache_read, Tokens(measure.of(old)))?,
    )
}

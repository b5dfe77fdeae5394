//! Whose it was that the provider read less from its prompt cache than it could have.
//!
//! Each answer says how much of the request is in the cache now. The next request that begins with the same history could
//! read all of that; what it did not read is missed, and the first of [`MissCause`]s that holds is its cause. A history of
//! its own (a sub-agent, a new conversation) misses nothing.
//!
//! For showing only: what opens a session's breaker is decided by [`super::breaker`], which doubts more. *Invariant:* no
//! clock. *Invariant:* bounded: [`SESSIONS`] sessions with [`REMEMBERED`] requests each, [`BLOCKS`] blocks of each.

use super::breaker::{COARSE, FIVE_MINUTES, LOOK_BACK, ONE_HOUR, SLACK};
use super::price::{Exact, Prices};
use crate::conversation::CacheAsk;
use crate::receipt::{CacheMiss, MissCause, Outcome, Receipt, Usage};
use crate::store::RequestRow;
use crate::units::{Chain, Millis, SessionId, Tokens};
use std::collections::{HashMap, VecDeque};

/// How many sessions are watched; the one that was silent longest is forgotten first.
pub const SESSIONS: usize = 64;

/// How many requests of a session are remembered; the oldest is forgotten first.
pub const REMEMBERED: usize = 8;

/// How many blocks of a history are remembered, from its beginning.
pub const BLOCKS: usize = 4_096;

/// Tokens that no provider's smallest cacheable prefix is above.
///
/// Source: Anthropic, prompt caching, seen October 2026: 512 to 4,096, by model.
const SMALLEST: Tokens = Tokens(4_096);

/// Watches what requests left in the cache and what later ones read.
#[derive(Debug, Default)]
pub struct Misses {
    sessions: HashMap<SessionId, Trail>,
}

#[derive(Debug, Default)]
struct Trail {
    left: VecDeque<Left>,
    last: Millis,
}

/// What one request left in the provider's cache.
#[derive(Debug)]
struct Left {
    model: String,
    /// Its blocks, from the first; empty for one of which only the name of its whole history is known.
    history: Vec<Chain>,
    /// Names its whole history.
    head: Chain,
    /// What a later request begins with that builds on its answer.
    ground: Option<Chain>,
    preamble: Option<Chain>,
    our_tool: bool,
    ask: CacheAsk,
    /// Blocks behind its last breakpoint.
    behind: usize,
    /// The blocks that were sent shorter; `None` when that is not known any more.
    shortened: Option<Vec<(usize, u64)>>,
    /// What is in the cache.
    cached: Tokens,
    /// What it read itself.
    read: Tokens,
    /// All that it sent.
    input: Tokens,
    at: Millis,
    /// How long the entry is counted on, in milliseconds.
    life: i64,
}

/// How a request's history goes on from an earlier one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Relation {
    /// They share the first blocks only.
    Edited,
    /// All of it stands before what is new.
    GoesOn,
}

impl Misses {
    /// Looks at one answer; `known` gives the session's latest request of an earlier process.
    pub fn watch(
        &mut self,
        receipt: &Receipt,
        outcome: &Outcome,
        known: impl FnOnce() -> Option<RequestRow>,
    ) -> Option<CacheMiss> {
        let usage = outcome.usage.filter(|_| outcome.status == 200)?;
        let trail = self.trail(receipt, known);
        let miss = trail.miss(receipt, &usage);
        if outcome.complete {
            trail.remember(receipt, &usage);
        }
        miss
    }

    fn trail(&mut self, receipt: &Receipt, known: impl FnOnce() -> Option<RequestRow>) -> &mut Trail {
        let session = &receipt.session;
        if SESSIONS <= self.sessions.len() && !self.sessions.contains_key(session) {
            let silent = self.sessions.iter().min_by_key(|(id, trail)| (trail.last, *id));
            if let Some(silent) = silent.map(|(id, _)| id.clone()) {
                self.sessions.remove(&silent);
            }
        }
        let trail = self.sessions.entry(session.clone()).or_insert_with(|| {
            let left = known().and_then(Left::of_row).into_iter().collect();
            Trail { left, last: receipt.at }
        });
        trail.last = trail.last.max(receipt.at);
        trail
    }
}

impl Trail {
    fn miss(&self, receipt: &Receipt, usage: &Usage) -> Option<CacheMiss> {
        let related = self.left.iter().filter_map(|left| Some((left.relation(receipt)?, left)));
        // What this model has kept before what another has, all of a history before a part, the latest before the rest.
        let (relation, left) = related.max_by_key(|(relation, left)| {
            (left.model == receipt.model, *relation, left.history.len(), left.at)
        })?;
        let by_itself = receipt.cache == CacheAsk::Automatic;
        // Not every provider that answers in this shape has a cache, or tells of it.
        let has_read = |left: &Left| left.model == receipt.model && Tokens(0) < left.read;
        if by_itself && usage.cache_read == Tokens(0) && !self.left.iter().any(has_read) {
            return None;
        }
        let slack = if by_itself { COARSE } else { SLACK };
        let kept = if left.cached == Tokens(0) { left.input } else { left.cached };
        let could = kept.min(usage.input());
        if could <= usage.cache_read + slack {
            return None;
        }
        let tokens = Tokens(could.0 - usage.cache_read.0);
        Some(CacheMiss { cause: left.cause(relation, receipt, by_itself)?, tokens })
    }

    fn remember(&mut self, receipt: &Receipt, usage: &Usage) {
        let Some(left) = Left::of(receipt, usage) else { return };
        self.left.retain(|known| known.head != left.head || known.model != left.model);
        if self.left.len() == REMEMBERED {
            self.left.pop_front();
        }
        self.left.push_back(left);
    }
}

impl Left {
    fn of(receipt: &Receipt, usage: &Usage) -> Option<Left> {
        let by_itself = receipt.cache == CacheAsk::Automatic;
        let written = usage.cache_read + usage.cache_write_5m + usage.cache_write_1h;
        let long = receipt.cache == CacheAsk::OneHour && usage.cache_write_5m == Tokens(0);
        Some(Left {
            model: receipt.model.clone(),
            history: receipt.history.iter().take(BLOCKS).copied().collect(),
            head: receipt.head?,
            ground: receipt.ground.as_ref().map(|ground| ground.chain),
            preamble: receipt.preamble,
            our_tool: Tokens(0) < receipt.overhead,
            ask: receipt.cache,
            behind: receipt.breakpoint.map_or(0, |at| receipt.history.len().saturating_sub(at + 1)),
            shortened: Some(receipt.shortened.clone()),
            cached: if by_itself { usage.input() } else { written },
            read: usage.cache_read,
            input: usage.input(),
            at: receipt.at,
            life: if long { ONE_HOUR } else { FIVE_MINUTES },
        })
    }

    /// The same of what an earlier process wrote down.
    fn of_row(row: RequestRow) -> Option<Left> {
        let usage = row.usage?;
        let by_itself = row.cache == CacheAsk::Automatic;
        let written = usage.cache_read + usage.cache_write_5m + usage.cache_write_1h;
        let long = row.cache == CacheAsk::OneHour && usage.cache_write_5m == Tokens(0);
        Some(Left {
            model: row.model,
            history: Vec::new(),
            head: row.head?,
            ground: None,
            preamble: row.preamble,
            our_tool: Tokens(0) < row.overhead,
            ask: row.cache,
            behind: 0,
            shortened: None,
            cached: if by_itself { usage.input() } else { written },
            read: usage.cache_read,
            input: usage.input(),
            at: row.at,
            life: if long { ONE_HOUR } else { FIVE_MINUTES },
        })
    }

    /// How `receipt`'s history goes on from this one; `None` when it has nothing of it.
    fn relation(&self, receipt: &Receipt) -> Option<Relation> {
        if let Some(continues) = receipt.continues {
            return (self.ground == Some(continues)).then_some(Relation::GoesOn);
        }
        if self.place(receipt).is_some() {
            return Some(Relation::GoesOn);
        }
        // Another model or another preamble over the same first words is a history of its own.
        let alike = self.model == receipt.model && self.preamble == receipt.preamble;
        let shared = alike && receipt.history.first() == Some(self.history.first()?);
        shared.then_some(Relation::Edited)
    }

    /// Where its last block stands in `receipt`'s history.
    fn place(&self, receipt: &Receipt) -> Option<usize> {
        receipt.history.iter().rposition(|chain| *chain == self.head)
    }

    /// The first cause that holds; `None` where nothing could be expected.
    fn cause(&self, relation: Relation, receipt: &Receipt, by_itself: bool) -> Option<MissCause> {
        if self.model != receipt.model {
            return Some(MissCause::Model);
        }
        if self.cached == Tokens(0) {
            // Nothing was kept of it.
            return match self.ask {
                CacheAsk::None => None,
                _ if self.input < SMALLEST => Some(MissCause::Short),
                _ => Some(MissCause::Unexplained),
            };
        }
        if receipt.cache == CacheAsk::None {
            return Some(MissCause::NotAsked);
        }
        let place = self.place(receipt);
        if let (Some(place), Some(before)) = (place, &self.shortened) {
            let now = receipt.shortened.iter().take_while(|(block, _)| *block <= place);
            if !before.iter().eq(now) {
                return Some(MissCause::OurChange);
            }
        }
        if self.preamble != receipt.preamble {
            let ours = self.our_tool != (Tokens(0) < receipt.overhead);
            return Some(if ours { MissCause::OurTool } else { MissCause::Preamble });
        }
        if relation == Relation::Edited {
            return Some(MissCause::History);
        }
        if !receipt.at.0.checked_sub(self.at.0).is_some_and(|age| (0..=self.life).contains(&age)) {
            return Some(MissCause::Expired);
        }
        if let Some(place) = place {
            let answered = if by_itself { 2 } else { 3 };
            if receipt.history.len() < place + answered {
                return Some(MissCause::Together);
            }
            let mark = place.saturating_sub(self.behind);
            let far = receipt.breakpoint.is_none_or(|at| at < mark || LOOK_BACK <= at - mark);
            if far && !by_itself {
                return Some(MissCause::Breakpoint);
            }
        }
        Some(MissCause::Unexplained)
    }
}

/// What the tokens that were missed cost more than they would have, read from the cache; `None` where a price or the usage
/// is not known.
pub fn cost(row: &RequestRow, prices: &Prices) -> Option<Exact> {
    let (miss, usage) = (row.miss?, row.usage?);
    let price = prices.of(&row.model, usage.input())?;
    let mut left = miss.tokens;
    let mut cost = Exact(0);
    let classes = [
        (usage.cache_write_1h, price.cache_write_1h),
        (usage.cache_write_5m, price.cache_write_5m),
        (usage.uncached, price.uncached),
    ];
    for (sent, rate) in classes {
        let tokens = sent.min(left);
        if tokens == Tokens(0) {
            continue;
        }
        cost = cost + rate?.of(tokens) - price.cache_read?.of(tokens);
        left = Tokens(left.0 - tokens.0);
    }
    Some(cost)
}

#[cfg(test)]
mod tests;

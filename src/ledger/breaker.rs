//! Law 6: did the provider read its cache as it should have?
//!
//! Each answer says how much of the request was read from the prompt cache and
//! how much was written to it. Together that is the prefix, up to the client's
//! last breakpoint, that the next request of the same history must find there.
//! When it does not, and nothing explains it, that is a *miss*; two misses in a
//! session (of one model) mean that something changes the prefix, possibly us:
//! the breaker opens.
//!
//! Where nothing at all was read, the entry may simply have been gone: providers
//! promise no life-time, and it is their clock that counts. What we could break
//! stands behind system and tools, which are still read then. So two explanations
//! hold only where nothing was read:
//! - all of it was written anew at a person's turn (no tool result is new): a pause came before it;
//! - the next read of the session is as expected: the miss is struck out.
//!
//! A read is expected only when all of this holds, else its absence is explained:
//! - the earlier answer was read to its end, with status 200, and left something in the cache;
//! - the earlier history, whole, begins this one (else the client edited, or it is a sub-agent or a fork);
//! - the model's answer stands between (else the two may have been under way together);
//! - model and preamble (system, tools, thinking and tool choice) are the same;
//! - both asked for the cache with a breakpoint in the history, this one's no further
//!   than [`LOOK_BACK`] blocks behind the earlier one's;
//! - the entry is not near its end: five minutes, or an hour, since it was last touched.
//!
//! The provider's minimum prefix needs no rule: what it wrote or read before was long enough.
//!
//! Where the client asks for nothing and the provider caches by itself (OpenAI, Gemini, DeepSeek), none of this is
//! promised: entries come late, go early, and lie on one machine of many. One absent read tells nothing there.
//! What a prefix that changes under our hands looks like is still known: each request of a growing history reads a
//! part, far less than the request before it sent, and no more than that one read; request after request, without
//! one that reads what it should. [`STUCK`] of these in a row open the breaker.
//!
//! *Invariant:* no clock; a receipt says when it arrived. *Invariant:* bounded:
//! [`SESSIONS`] sessions with [`EXPECTATIONS`] histories each.

use crate::conversation::CacheAsk;
use crate::receipt::{Outcome, Receipt, Usage};
use crate::units::{Chain, Millis, SessionId, Tokens};
use std::collections::{HashMap, VecDeque};

/// How many sessions (of one model) are watched; the one that was silent longest is forgotten first.
pub const SESSIONS: usize = 256;

/// How many histories of one session are remembered; the oldest is forgotten first.
pub const EXPECTATIONS: usize = 32;

/// Misses that nothing explains, after which a session's breaker opens (law 6).
pub const MISSES: u32 = 2;

/// Misses in a row after which the breaker opens where the provider caches by itself.
///
/// Two or three in a row are met where requests land on another machine each time: there, what
/// one of them left is found by a later one, and the read grows.
pub const STUCK: u32 = 4;

/// A read of an automatic cache that is short by no more than this is as expected: Gemini was
/// seen to count in steps of 4,096, and a step may be one turn behind.
pub const COARSE: Tokens = Tokens(8_192);

/// How many blocks the provider looks back from a breakpoint for something it has cached.
///
/// Source: Anthropic, prompt caching, seen October 2026.
pub const LOOK_BACK: usize = 20;

/// How long an entry of the five-minute cache is counted on: nine tenths of its life.
pub const FIVE_MINUTES: i64 = 270_000;

/// How long an entry of the one-hour cache is counted on: nine tenths of its life.
pub const ONE_HOUR: i64 = 3_240_000;

/// A read that is short of what was expected by no more than this is as expected.
///
/// The provider counts both sides itself, so they are equal when all is well;
/// below the smallest prefix that it caches at all nothing is lost.
pub const SLACK: Tokens = Tokens(1_024);

/// What an answer told about the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheRead {
    /// There was nothing to expect, for this reason.
    NotExpected(&'static str),
    /// What was expected was read.
    AsExpected,
    /// Less was read, and nothing explains it.
    Missed {
        /// What should have been read at least.
        expected: Tokens,
        /// What was.
        read: Tokens,
        /// How many misses this session (of this model) has that are not struck out, this one counted.
        misses: u32,
        /// How many open the breaker.
        of: u32,
    },
}

impl CacheRead {
    /// Why the session's breaker opens now; `None` while it need not.
    pub fn opens(&self, model: &str) -> Option<String> {
        match self {
            CacheRead::Missed { expected, read, misses, of } if misses == of => {
                let which = if *of == MISSES { "second time" } else { "fourth time in a row" };
                Some(format!(
                    "the provider read {} of {} cached tokens that it should have read ({model}), for the {which} without a reason that headroom can see",
                    read.0, expected.0
                ))
            }
            _ => None,
        }
    }
}

/// Watches the cache reads of all sessions.
#[derive(Debug, Default)]
pub struct Breaker {
    sessions: HashMap<(SessionId, String), Watched>,
}

#[derive(Debug, Default)]
struct Watched {
    expectations: VecDeque<Expectation>,
    /// Misses in which a part was read.
    broken: u32,
    /// Misses in a row in which nothing was read.
    gone: u32,
    /// Reads of an automatic cache in a row that were stuck.
    stuck: u32,
    last: Millis,
}

/// What one answer left in the provider's cache.
#[derive(Debug)]
struct Expectation {
    /// Names the history that was answered.
    head: Chain,
    /// How many blocks of it stand behind the last breakpoint.
    behind: usize,
    preamble: Option<Chain>,
    /// What must be read again: all that was read and written; of an automatic cache, all that was sent.
    tokens: Tokens,
    /// What it read itself.
    read: Tokens,
    /// Last touched.
    at: Millis,
    /// How long it is counted on, in milliseconds.
    life: i64,
}

impl Breaker {
    /// Looks at one answer; `outcome` is what came of the request that `receipt` is about.
    pub fn watch(&mut self, receipt: &Receipt, outcome: &Outcome) -> CacheRead {
        let Some(usage) = outcome.usage else { return CacheRead::NotExpected("no usage") };
        if outcome.status != 200 {
            return CacheRead::NotExpected("no answer");
        }
        let watched = self.watched(receipt);
        if receipt.cache == CacheAsk::Automatic {
            let seen = watched.seen_by_itself(receipt, &usage);
            if outcome.complete {
                watched.remember_by_itself(receipt, &usage);
            }
            return seen;
        }
        let seen = match watched.expected(receipt) {
            Err(because) => CacheRead::NotExpected(because),
            Ok(expected) if expected <= usage.cache_read + SLACK => {
                watched.gone = 0;
                CacheRead::AsExpected
            }
            Ok(expected)
                if usage.cache_read == Tokens(0)
                    && receipt.new_results == 0
                    && expected <= usage.cache_write_5m + usage.cache_write_1h + SLACK =>
            {
                CacheRead::NotExpected("the entry was gone when a person spoke")
            }
            Ok(expected) => {
                let kind =
                    if usage.cache_read == Tokens(0) { &mut watched.gone } else { &mut watched.broken };
                *kind = kind.saturating_add(1);
                let misses = watched.broken.saturating_add(watched.gone);
                CacheRead::Missed { expected, read: usage.cache_read, misses, of: MISSES }
            }
        };
        if outcome.complete {
            watched.remember(receipt, &usage, {
                let short_lived = receipt.cache != CacheAsk::OneHour || Tokens(0) < usage.cache_write_5m;
                if short_lived { FIVE_MINUTES } else { ONE_HOUR }
            });
        }
        seen
    }

    fn watched(&mut self, receipt: &Receipt) -> &mut Watched {
        let name = (receipt.session.clone(), receipt.model.clone());
        if self.sessions.len() == SESSIONS && !self.sessions.contains_key(&name) {
            let silent = self.sessions.iter().min_by_key(|(name, watched)| (watched.last, *name));
            if let Some(silent) = silent.map(|(name, _)| name.clone()) {
                self.sessions.remove(&silent);
            }
        }
        let watched = self.sessions.entry(name).or_default();
        watched.last = watched.last.max(receipt.at);
        watched
    }
}

impl Watched {
    /// What must be read from the cache for this request, or why nothing must.
    fn expected(&self, receipt: &Receipt) -> Result<Tokens, &'static str> {
        if receipt.cache == CacheAsk::None {
            return Err("the client does not ask for the cache");
        }
        let Some(breakpoint) = receipt.breakpoint else { return Err("no breakpoint in the history") };
        // The longest of the known histories that this one begins with.
        let found = self.expectations.iter().filter_map(|known| {
            let head = receipt.history.iter().rposition(|chain| *chain == known.head)?;
            Some((head, known))
        });
        let Some((head, known)) = found.max_by_key(|(head, known)| (*head, known.at)) else {
            return Err("a history of its own");
        };
        // The mark is where the earlier request's breakpoint stood.
        let Some(mark) = head.checked_sub(known.behind) else { return Err("a history of its own") };
        if receipt.history.len() < head + 3 {
            return Err("no answer of the model stands between");
        }
        if known.preamble != receipt.preamble {
            return Err("the client changed system, tools or thinking");
        }
        if breakpoint < mark {
            return Err("the client's breakpoint moved back");
        }
        if LOOK_BACK <= breakpoint - mark {
            return Err("too many new blocks to look back over");
        }
        match receipt.at.0.checked_sub(known.at.0) {
            Some(age) if (0..=known.life).contains(&age) => Ok(known.tokens),
            _ => Err("the cache entry may have expired"),
        }
    }

    fn remember(&mut self, receipt: &Receipt, usage: &Usage, life: i64) {
        let tokens = usage.cache_read + usage.cache_write_5m + usage.cache_write_1h;
        let (Some(head), Some(breakpoint)) = (receipt.head, receipt.breakpoint) else { return };
        if receipt.cache == CacheAsk::None || tokens == Tokens(0) {
            return;
        }
        let Some(behind) = receipt.history.len().checked_sub(breakpoint + 1) else { return };
        let preamble = receipt.preamble;
        self.expect(Expectation {
            head,
            behind,
            preamble,
            tokens,
            read: usage.cache_read,
            at: receipt.at,
            life,
        });
    }

    fn expect(&mut self, expectation: Expectation) {
        self.expectations
            .retain(|known| known.head != expectation.head || known.preamble != expectation.preamble);
        if self.expectations.len() == EXPECTATIONS {
            self.expectations.pop_front();
        }
        self.expectations.push_back(expectation);
    }

    /// What an answer tells about a cache that the provider keeps by itself.
    fn seen_by_itself(&mut self, receipt: &Receipt, usage: &Usage) -> CacheRead {
        let read = usage.cache_read;
        // Where the history goes on from that of a known request; the whole of it stands before.
        let place = |known: &Expectation| match receipt.continues {
            Some(ground) => (ground == known.head).then_some(0),
            None => receipt.history.iter().position(|chain| *chain == known.head).map(|at| at + 1),
        };
        let found = self.expectations.iter().filter_map(|known| Some((place(known)?, known)));
        let Some((place, known)) = found.max_by_key(|(place, known)| (*place, known.at)) else {
            return CacheRead::NotExpected("a history of its own");
        };
        if receipt.continues.is_none() && receipt.history.len() < place + 2 {
            return CacheRead::NotExpected("no answer of the model stands between");
        }
        if known.preamble != receipt.preamble {
            return CacheRead::NotExpected("the client changed system, tools or thinking");
        }
        if !receipt.at.0.checked_sub(known.at.0).is_some_and(|age| (0..=FIVE_MINUTES).contains(&age)) {
            return CacheRead::NotExpected("the cache entry may have expired");
        }
        let (expected, before) = (known.tokens, known.read);
        if expected <= read + COARSE {
            self.stuck = 0;
            return CacheRead::AsExpected;
        }
        if read == Tokens(0) {
            return CacheRead::NotExpected("an automatic cache promises nothing");
        }
        if before < read {
            self.stuck = 0;
            return CacheRead::NotExpected("an automatic cache comes late");
        }
        self.stuck = self.stuck.saturating_add(1);
        CacheRead::Missed { expected, read, misses: self.stuck, of: STUCK }
    }

    fn remember_by_itself(&mut self, receipt: &Receipt, usage: &Usage) {
        let Some(head) = receipt.ground.as_ref().map(|ground| ground.chain).or(receipt.head) else { return };
        let (preamble, at) = (receipt.preamble, receipt.at);
        let (tokens, read) = (usage.input(), usage.cache_read);
        self.expect(Expectation { head, behind: 0, preamble, tokens, read, at, life: FIVE_MINUTES });
    }
}

#[cfg(test)]
mod tests;

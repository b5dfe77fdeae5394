//! The providers' prompt caches, simulated exactly: what a request reads, writes and pays.
//!
//! Anthropic's ([`Breakpoints`]): an entry is written at a `cache_control` breakpoint only; a look-up
//! starts at each breakpoint and tries that block and the 19 before it. A read
//! refreshes the entry. Source: Anthropic's "Prompt caching" page as of November 2026.
//!
//! OpenAI's and Gemini's ([`Prefixes`]): the longest prefix that any recent prompt of the same account and
//! model began with, down to the token, in steps. Sources: OpenAI's "Prompt caching" page (1,024
//! tokens and more, in steps of 128) and Gemini's "Context caching" page (implicit caching from 2,048
//! tokens on), both as of November 2026.

use super::prompt::{Counter, Digest, Prompt, extend, start};
use crate::receipt::Usage;
use crate::units::Tokens;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

/// How many positions a look-up tries from each breakpoint, the breakpoint included.
const LOOK_BACK: usize = 20;

/// What is kept at breakpoints, and until when. `K` names a beginning of a prompt: all of it, up to and with one block.
#[derive(Debug)]
pub struct Breakpoints<K = Digest> {
    entries: HashMap<K, Entry>,
}

impl<K> Default for Breakpoints<K> {
    fn default() -> Breakpoints<K> {
        Breakpoints { entries: HashMap::new() }
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    until: Duration,
    keep: Duration,
}

/// A prompt as the cache sees it.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a, K> {
    /// The beginnings of the prompt, one up to each block.
    pub beginnings: &'a [K],
    /// How long each of them is.
    pub lengths: &'a [Tokens],
    /// The blocks that carry a breakpoint, in order, and for how long each asks.
    pub breakpoints: &'a [(usize, Duration)],
}

/// What a request costs, and what the cache holds once its answer has begun.
#[derive(Clone, Debug)]
pub struct Bill<K = Digest> {
    /// The usage, without the output.
    pub usage: Usage,
    writes: Vec<(K, Duration)>,
}

impl Breakpoints {
    /// What `prompt` reads, writes and pays at `now`; nothing shorter than `minimum` is ever written.
    ///
    /// `seed` names what keeps two prompts apart: the account and the model.
    pub fn bill(&mut self, prompt: &Prompt, seed: &str, minimum: Tokens, now: Duration) -> Bill {
        let mut length = Tokens(0);
        let lengths: Vec<Tokens> = prompt
            .blocks
            .iter()
            .map(|block| {
                length += block.tokens;
                length
            })
            .collect();
        let marked = prompt.blocks.iter().enumerate();
        let breakpoints: Vec<(usize, Duration)> =
            marked.filter_map(|(at, block)| Some((at, block.keep?))).collect();
        let row = Row { beginnings: &prompt.chain(seed), lengths: &lengths, breakpoints: &breakpoints };
        self.bill_row(&row, minimum, now)
    }
}

impl<K: Copy + Eq + Hash> Breakpoints<K> {
    /// As [`Breakpoints::bill`], of a prompt whose beginnings and lengths are known; takes no longer for a long one.
    pub fn bill_row(&mut self, row: &Row<'_, K>, minimum: Tokens, now: Duration) -> Bill<K> {
        let known = row.beginnings.len().min(row.lengths.len());
        let breakpoints = || row.breakpoints.iter().filter(|(at, _)| *at < known);
        let mut read = Tokens(0);
        for &(breakpoint, _) in breakpoints() {
            let first = (breakpoint + 1).saturating_sub(LOOK_BACK);
            let found = (first..=breakpoint).rev().find(|&at| self.alive(&row.beginnings[at], now));
            if let Some(at) = found {
                if let Some(entry) = self.entries.get_mut(&row.beginnings[at]) {
                    entry.until = now + entry.keep;
                }
                read = read.max(row.lengths[at]);
            }
        }

        let mut usage = Usage { cache_read: read, ..Usage::default() };
        let mut writes = Vec::new();
        let mut covered = read;
        for &(breakpoint, keep) in breakpoints() {
            let length = row.lengths[breakpoint];
            if length < minimum {
                continue;
            }
            writes.push((row.beginnings[breakpoint], keep));
            if let Some(more) = length.saved_by(covered) {
                let hour = keep > Duration::from_secs(300);
                *(if hour { &mut usage.cache_write_1h } else { &mut usage.cache_write_5m }) += more;
                covered = length;
            }
        }
        let whole = row.lengths.last().copied().unwrap_or_default();
        usage.uncached = whole.saved_by(covered).unwrap_or_default();
        Bill { usage, writes }
    }

    /// Writes what `bill` says; called when its answer begins.
    pub fn settle(&mut self, bill: &Bill<K>, now: Duration) {
        for (beginning, keep) in &bill.writes {
            self.hold(*beginning, *keep, now);
        }
    }

    /// Writes one beginning; one that is alive is kept for the longer of the two times.
    pub fn hold(&mut self, beginning: K, keep: Duration, now: Duration) {
        let kept = self.entries.get(&beginning).filter(|entry| now < entry.until).map(|entry| entry.keep);
        let keep = kept.map_or(keep, |kept| kept.max(keep));
        self.entries.insert(beginning, Entry { until: now + keep, keep });
    }

    /// Forgets everything.
    pub fn forget(&mut self) {
        self.entries.clear();
    }

    fn alive(&self, beginning: &K, now: Duration) -> bool {
        self.entries.get(beginning).is_some_and(|entry| now < entry.until)
    }
}

/// How long a prefix is kept after it was last used, unless the request asks for longer.
pub const KEEP_PREFIX: Duration = Duration::from_secs(600);

/// No more continuations of one prefix are compared letter by letter.
const CONTINUATIONS: usize = 16;

/// The prefixes that recent prompts began with.
#[derive(Debug, Default)]
pub struct Prefixes {
    /// What was seen after each row of blocks, the latest last.
    known: HashMap<Digest, Prefix>,
}

#[derive(Debug)]
struct Prefix {
    until: Duration,
    next: Vec<Arc<str>>,
}

/// What prefixes count.
#[derive(Clone, Copy, Debug)]
pub struct Grain {
    /// No shorter prefix is read.
    pub shortest: Tokens,
    /// A read is a multiple of this.
    pub step: Tokens,
}

impl Prefixes {
    /// What `prompt` reads and pays at `now`, and keeps for `keep` from then on.
    pub fn bill(
        &mut self,
        prompt: &Prompt,
        seed: &str,
        grain: Grain,
        keep: Duration,
        now: Duration,
        counter: &mut Counter,
    ) -> Usage {
        let all = prompt.tokens();
        let mut shared = Tokens(0);
        let mut so_far = start(seed);
        for block in &prompt.blocks {
            let longer = extend(&so_far, &block.digest);
            if self.alive(&longer, now) {
                shared += block.tokens;
                so_far = longer;
                continue;
            }
            let begun = self.known.get(&so_far).filter(|prefix| now < prefix.until).map(|prefix| {
                prefix.next.iter().rev().map(|known| in_common(known, &block.text)).max().unwrap_or(0)
            });
            if let Some(begun) = begun.filter(|bytes| *bytes != 0) {
                shared += counter.count(&block.text[..begun]);
            }
            break;
        }
        // The last token is always computed: the answer is made from it.
        let shared = shared.0.min(all.0.saturating_sub(1));
        let read = if shared < grain.shortest.0 { 0 } else { shared - shared % grain.step.0.max(1) };
        self.keep(prompt, seed, now + keep);
        Usage { cache_read: Tokens(read), uncached: Tokens(all.0 - read), ..Usage::default() }
    }

    /// Forgets everything.
    pub fn forget(&mut self) {
        self.known.clear();
    }

    fn keep(&mut self, prompt: &Prompt, seed: &str, until: Duration) {
        let mut so_far = start(seed);
        for block in &prompt.blocks {
            let prefix = self.known.entry(so_far).or_insert_with(|| Prefix { until, next: Vec::new() });
            prefix.until = prefix.until.max(until);
            if !prefix.next.iter().any(|known| Arc::ptr_eq(known, &block.text)) {
                if prefix.next.len() == CONTINUATIONS {
                    prefix.next.remove(0);
                }
                prefix.next.push(block.text.clone());
            }
            so_far = extend(&so_far, &block.digest);
        }
        let whole = self.known.entry(so_far).or_insert_with(|| Prefix { until, next: Vec::new() });
        whole.until = whole.until.max(until);
    }

    fn alive(&self, digest: &Digest, now: Duration) -> bool {
        self.known.get(digest).is_some_and(|prefix| now < prefix.until)
    }
}

/// How many bytes two texts have in common from the start, whole characters.
fn in_common(one: &str, other: &str) -> usize {
    let same = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    other.floor_char_boundary(same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prompt(texts: &[String], counter: &mut Counter) -> Prompt {
        let mut prompt = Prompt::default();
        for (at, text) in texts.iter().enumerate() {
            prompt.push(counter, format!("[{at}]"), "", "user", text);
        }
        prompt
    }

    /// Tokens of the longest beginning that two prompts share, block by block and then letter by letter.
    fn shared(one: &[String], other: &[String], counter: &mut Counter) -> u64 {
        let whole = one.iter().zip(other).take_while(|(one, other)| one == other).count();
        let tokens: u64 = one[..whole].iter().map(|text| counter.count(text).0).sum();
        let begun = one.get(whole).zip(other.get(whole)).map_or(0, |(one, other)| in_common(one, other));
        tokens + one.get(whole).map_or(0, |text| counter.count(&text[..begun]).0)
    }

    proptest! {
        #[test]
        fn what_is_read_is_the_longest_beginning_that_was_seen(
            prompts in prop::collection::vec(prop::collection::vec("[ab]{0,3}( [a-c]{1,2}){0,12}", 1..4), 1..8),
            step in 1_u64..5,
            shortest in 0_u64..12,
        ) {
            let (mut cache, mut counter) = (Prefixes::default(), Counter::default());
            let grain = Grain { shortest: Tokens(shortest), step: Tokens(step) };
            for (at, texts) in prompts.iter().enumerate() {
                let prompt = prompt(texts, &mut counter);
                let bill = cache.bill(&prompt, "", grain, KEEP_PREFIX, Duration::ZERO, &mut counter);
                let seen = prompts[..at].iter().map(|earlier| shared(texts, earlier, &mut counter)).max();
                let longest = seen.unwrap_or(0).min(prompt.tokens().0.saturating_sub(1));
                let read = if longest < shortest { 0 } else { longest - longest % step };
                prop_assert_eq!(bill.cache_read, Tokens(read));
                prop_assert_eq!(bill.input(), prompt.tokens());
            }
        }
    }
}

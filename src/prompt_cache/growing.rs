//! The cache of whole prefixes ([`super::cache::Prefixes`]), for one history that grows and is cut back.
//!
//! The same answers for prompts that share whole blocks, without holding the prompts: a request takes the same time
//! however long its history is. *Invariant:* of two blocks of the history, the earlier is never forgotten first.

use super::cache::Grain;
use crate::receipt::Usage;
use crate::units::Tokens;
use std::time::Duration;

/// Until when which beginnings of one history are kept.
#[derive(Debug, Default)]
pub struct Growing {
    /// So many blocks are kept until then; the more blocks, the shorter.
    held: Vec<(usize, Duration)>,
}

impl Growing {
    /// What a request reads and pays at `now` whose blocks end at these `lengths`; it is kept for `keep` from then on.
    pub fn bill(&mut self, lengths: &[Tokens], grain: Grain, keep: Duration, now: Duration) -> Usage {
        let all = lengths.last().copied().unwrap_or_default();
        let alive = self.held.iter().rev().find(|(_, until)| now < *until).map_or(0, |(blocks, _)| *blocks);
        let shared = lengths[..alive.min(lengths.len())].last().copied().unwrap_or_default();
        // The last token is always computed: the answer is made from it.
        let shared = shared.0.min(all.0.saturating_sub(1));
        let read = if shared < grain.shortest.0 { 0 } else { shared - shared % grain.step.0.max(1) };
        self.hold(lengths.len(), now + keep);
        Usage { cache_read: Tokens(read), uncached: Tokens(all.0 - read), ..Usage::default() }
    }

    /// Keeps the first `blocks` blocks until then.
    pub fn hold(&mut self, blocks: usize, until: Duration) {
        if self.held.iter().any(|(held, kept)| blocks <= *held && until <= *kept) {
            return;
        }
        self.held.retain(|(held, kept)| blocks < *held || until < *kept);
        let at = self.held.partition_point(|(held, _)| *held < blocks);
        self.held.insert(at, (blocks, until));
    }

    /// The history is cut back to its first `blocks` blocks.
    pub fn cut(&mut self, blocks: usize) {
        let at = self.held.partition_point(|(held, _)| *held <= blocks);
        // Of what is kept of more blocks, the first is kept longest.
        let longest = self.held.get(at).map(|(_, until)| *until);
        self.held.truncate(at);
        if let Some(until) = longest.filter(|_| 0 < blocks) {
            self.hold(blocks, until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt_cache::cache::Prefixes;
    use crate::prompt_cache::prompt::{Counter, Prompt};
    use proptest::prelude::*;

    /// What may happen to a history.
    #[derive(Clone, Debug)]
    enum Turn {
        Said(usize),
        Cut(usize),
        Asked { later: u64 },
    }

    fn turns() -> impl Strategy<Value = Vec<Turn>> {
        let turn = prop_oneof![
            3 => (1_usize..60).prop_map(Turn::Said),
            1 => (0_usize..12).prop_map(Turn::Cut),
            3 => (0_u64..400).prop_map(|later| Turn::Asked { later }),
        ];
        prop::collection::vec(turn, 1..60)
    }

    proptest! {
        #[test]
        fn a_growing_history_is_billed_as_its_whole_prompts_are(turns in turns(), step in 1_u64..9, shortest in 0_u64..40) {
            let grain = Grain { shortest: Tokens(shortest), step: Tokens(step) };
            let keep = Duration::from_secs(600);
            let (mut whole, mut counter, mut growing) = (Prefixes::default(), Counter::default(), Growing::default());
            let (mut texts, mut now): (Vec<String>, _) = (Vec::new(), Duration::ZERO);
            for (number, turn) in turns.into_iter().enumerate() {
                match turn {
                    // No two texts begin alike: what is shared is shared block by block.
                    Turn::Said(words) => texts.push(format!("{}{}", char::from_u32(0x4e00 + number as u32).unwrap(), " word".repeat(words))),
                    Turn::Cut(blocks) => {
                        texts.truncate(blocks);
                        growing.cut(texts.len());
                    }
                    Turn::Asked { later } => {
                        now += Duration::from_secs(later);
                        let mut prompt = Prompt::default();
                        texts.iter().for_each(|text| prompt.push(&mut counter, String::new(), "", "user", text));
                        let mut length = Tokens(0);
                        let lengths: Vec<Tokens> = prompt.blocks.iter().map(|block| { length += block.tokens; length }).collect();
                        let want = whole.bill(&prompt, "", grain, keep, now, &mut counter);
                        prop_assert_eq!(growing.bill(&lengths, grain, keep, now), want);
                    }
                }
            }
        }
    }
}

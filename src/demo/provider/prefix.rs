//! Whether a prompt goes on from the one that it should extend.

use super::BrokenPrefix;
use crate::demo::asked::{Asked, Wire};
use crate::prompt_cache::prompt::{Digest, Prompt, PromptBlock};

/// The prompts so far, each of its kin.
#[derive(Debug, Default)]
pub(super) struct Prompts {
    known: Vec<(usize, Kin, Prompt)>,
}

/// Requests that can extend one another: of one wire, and either with tools or without (a title, a router).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kin {
    wire: Wire,
    offers_tools: bool,
}

impl Prompts {
    /// Compares with the earlier prompt that shares most of the history, and keeps this one.
    ///
    /// A history that another one merely forks from, or cuts short, is not broken: there the
    /// blocks differ in what they are. Broken is one whose tool call ids are the same and whose
    /// bytes are not, or that goes on as before after the difference.
    pub(super) fn add(&mut self, number: usize, asked: &Asked<'_>, prompt: &Prompt) -> Option<BrokenPrefix> {
        let kin = Kin { wire: asked.wire, offers_tools: asked.offers_tools() };
        let broken = self.closest(kin, prompt).and_then(|(at, shared)| {
            let (earlier, _, before) = &self.known[at];
            let path = first_difference(before, prompt, shared)?;
            Some(BrokenPrefix { request: number, earlier: *earlier, path })
        });
        self.known.push((number, kin, prompt.clone()));
        broken
    }

    /// Which earlier prompt shares most, the latest of equals, and how many blocks of the history.
    fn closest(&self, kin: Kin, prompt: &Prompt) -> Option<(usize, usize)> {
        let first = |prompt: &Prompt| prompt.blocks.get(prompt.preamble).map(|block| block.digest);
        let mut closest: Option<(usize, usize)> = None;
        for (at, (_, _, earlier)) in self.known.iter().enumerate().filter(|(_, (_, known, _))| *known == kin)
        {
            let (before, after) = (&earlier.blocks[earlier.preamble..], &prompt.blocks[prompt.preamble..]);
            let shared = before.iter().zip(after).take_while(|(old, new)| old.digest == new.digest).count();
            let same_start = first(earlier).is_some() && first(earlier) == first(prompt);
            if (same_start || shared != 0) && closest.is_none_or(|(_, most)| most <= shared) {
                closest = Some((at, shared));
            }
        }
        closest
    }
}

/// The first block that was changed; `None` when the history was only gone on from, cut or forked.
fn first_difference(earlier: &Prompt, prompt: &Prompt, shared: usize) -> Option<String> {
    let (old, new) = (&earlier.blocks[..earlier.preamble], &prompt.blocks[..prompt.preamble]);
    let ahead =
        old.iter().zip(new).find(|(old, new)| old.digest != new.digest).map(|(_, new)| new.path.clone());
    if let Some(path) = ahead.or_else(|| (old.len() != new.len()).then(|| "system or tools".to_owned())) {
        return Some(path);
    }
    let (before, after) =
        (&earlier.blocks[earlier.preamble + shared..], &prompt.blocks[prompt.preamble + shared..]);
    let changed = match (before.first(), after.first()) {
        (Some(old), Some(new)) if !old.id.is_empty() => old.id == new.id,
        (Some(_), Some(_)) => {
            let rest = |blocks: &[PromptBlock]| -> Vec<Digest> {
                blocks.iter().skip(1).map(|block| block.digest).collect()
            };
            let (old, new) = (rest(before), rest(after));
            !old.is_empty() && new.starts_with(&old)
        }
        _ => false,
    };
    changed.then(|| after[0].path.clone())
}

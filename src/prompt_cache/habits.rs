//! Which cache a model's provider has, and what it keeps: for prompts that are known only from what was written down.
//!
//! Sources: Anthropic's "Prompt caching", OpenAI's "Prompt caching" and Gemini's "Context caching" pages, all as of
//! November 2026. *Invariant:* a model that is not known is taken for the strictest of its maker.

use super::cache::{Grain, KEEP_PREFIX};
use crate::units::Tokens;
use std::time::Duration;

/// How a provider caches the prompts of a model.
#[derive(Clone, Copy, Debug)]
pub enum Habit {
    /// At breakpoints; nothing shorter than this is kept.
    Breakpoints(Tokens),
    /// Whole prefixes, and for how long.
    Prefixes(Grain, Duration),
}

/// Claude models by the shortest prefix that is kept; the first that the name holds counts.
const SHORTEST: &[(&str, u64)] = &[
    ("opus-4-5", 4096),
    ("opus-4-6", 4096),
    ("opus-4-7", 4096),
    ("opus-4", 1024),
    ("opus", 512),
    ("haiku-3", 2048),
    ("3-haiku", 2048),
    ("3-5-haiku", 2048),
    ("haiku", 4096),
    ("fable", 512),
    ("mythos", 512),
    ("sonnet", 1024),
];

impl Habit {
    /// The habit of a model, by its name.
    pub fn of(model: &str) -> Habit {
        let model = model.to_ascii_lowercase();
        let has = |word: &str| model.contains(word);
        if has("claude") || has("anthropic") {
            let shortest = SHORTEST.iter().find(|(name, _)| has(name)).map_or(1024, |(_, tokens)| *tokens);
            return Habit::Breakpoints(Tokens(shortest));
        }
        if has("gemini") {
            return Habit::Prefixes(Grain { shortest: Tokens(2048), step: Tokens(1) }, KEEP_PREFIX);
        }
        // The newest of OpenAI's are kept for half an hour, all others for some minutes.
        let half_an_hour = ["gpt-5.6", "gpt-5.7", "gpt-6"].iter().any(|name| has(name));
        let keep = if half_an_hour { Duration::from_secs(1800) } else { KEEP_PREFIX };
        Habit::Prefixes(Grain { shortest: Tokens(1024), step: Tokens(128) }, keep)
    }
}

//! What filled the window before a history was replaced by its summary.

use super::Rule;
use super::noted::Noted;
use crate::learn::first_words;
use crate::learn::habit::{Filler, Habit};
use crate::learn::lesson::Occurrence;
use crate::learn::literal;
use crate::learn::step::{Happened, Recent, Step};
use crate::tokens;
use crate::transcript::act::Act;
use crate::units::Tokens;
use std::collections::BTreeMap;

/// Share of the window, in a hundred, from which on one source filled it.
const MUCH: u64 = 25;

/// Tokens below which no source is worth a word.
const LEAST: u64 = 5_000;

/// Tokens that stand before every history, where the client does not say how long all was: its own words and tools.
const BEFORE: u64 = 15_000;

/// Sources that are told apart.
const SOURCES: usize = 512;

/// Adds up what stands in the window.
#[derive(Default)]
pub struct Window {
    sources: BTreeMap<Filler, Tokens>,
    all: Tokens,
}

impl Rule for Window {
    fn see(&mut self, recent: &Recent, found: &mut Vec<Occurrence>) {
        let Some(moment) = recent.latest() else { return };
        match &moment.event {
            Happened::Step(step) => self.add(step),
            Happened::Prompt(prompt) => self.all += tokens::estimate(prompt.text.len()),
            Happened::Said(text) => self.all += tokens::estimate(text.len()),
            Happened::Interrupted => {}
            Happened::Compacted(compacted) => {
                let all = std::mem::take(&mut self.all).0.max(1);
                // Where the client counts fewer, its count does not cover what was seen here.
                let window = compacted.before.map_or(all + BEFORE, |before| before.0.max(all));
                for (source, tokens) in std::mem::take(&mut self.sources) {
                    if LEAST <= tokens.0 && window * MUCH < tokens.0 * 100 {
                        found.push(Noted { tokens, turns: 1 }.at(recent, moment, Habit::Fills { source }));
                    }
                }
            }
        }
    }
}

impl Window {
    fn add(&mut self, step: &Step) {
        self.all += step.asked + step.output.tokens;
        let (source, tokens) = match &step.act {
            Act::Read { .. } => (Filler::Files, step.output.tokens),
            Act::Search { .. } => (Filler::Searches, step.output.tokens),
            Act::Write { .. } => (Filler::Written, step.asked),
            Act::Edit { .. } | Act::Retrieve { .. } => return,
            Act::Shell { command, .. } => match first_words::read(command) {
                Some(run) => match run.first.as_str() {
                    "cat" | "head" | "tail" | "sed" | "nl" => (Filler::Files, step.output.tokens),
                    "grep" | "rg" | "find" | "ls" | "tree" | "fd" | "git grep" => {
                        (Filler::Searches, step.output.tokens)
                    }
                    first => match literal::command(first) {
                        Some(first) => (Filler::Command(first), step.output.tokens),
                        None => return,
                    },
                },
                None => return,
            },
            Act::Other => match literal::tool(&step.tool) {
                Some(tool) => (Filler::Tool(tool), step.output.tokens),
                None => return,
            },
        };
        if self.sources.len() < SOURCES || self.sources.contains_key(&source) {
            *self.sources.entry(source).or_default() += tokens;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, found_by};
    use super::*;
    use crate::transcript::Ending;

    fn words(thousands: usize) -> String {
        "some words of text ".repeat(175 * thousands)
    }

    #[test]
    fn what_takes_more_than_a_quarter_of_the_window_is_named() {
        let mut stage = Stage::new();
        stage.run("cargo test", &words(30), Ending::Failed(Some(101)));
        stage.run("cd web && npm test | tail -300", &words(30), Ending::Worked);
        stage.read("/p/a.rs", &words(2));
        stage.step("mcp__db__query", Act::Other, &words(20), Ending::Worked);
        stage.compact(Some(90_000));
        // What was summed up is gone.
        stage.read("/p/a.rs", &words(6));
        stage.compact(Some(90_000));
        let fills = |first: &str| Habit::Fills { source: Filler::Command(first.to_owned()) };
        assert_eq!(found_by(Window::default(), stage), [fills("cargo test"), fills("npm test")]);
    }

    #[test]
    fn a_window_that_many_things_fill_and_a_short_history_say_nothing() {
        let mut stage = Stage::new();
        for at in 0..8 {
            stage.run(&format!("program{at} x"), &words(10), Ending::Worked);
        }
        stage.compact(None);
        stage.read("/p/a.rs", &words(1));
        stage.compact(None);
        assert_eq!(found_by(Window::default(), stage), []);
    }
}

//! A transcript's entries folded into steps, and the recent ones of a thread.

use crate::transcript::act::Act;
use crate::transcript::{Compacted, Ending, Prompt};
use crate::units::{Millis, Tokens};
use std::collections::VecDeque;
use std::sync::Arc;

/// Moments of a thread that are kept: a failure and what worked instead stand within it.
pub const RECENT: usize = 256;

/// Bytes of an output that are kept from its start, and from its end.
pub const EXCERPT: usize = 4 << 10;

/// Bytes of the latest output that rules are shown.
pub const WHOLE: usize = 1 << 20;

/// One tool call with its result.
#[derive(Clone, Debug)]
pub struct Step {
    /// The tool's name.
    pub tool: String,
    /// What it does.
    pub act: Act,
    /// The folder that it ran in, as far as it is known.
    pub folder: Arc<str>,
    /// How it ended.
    pub ending: Ending,
    /// What it printed, in part.
    pub output: Excerpt,
    /// Tokens of the call's arguments, roughly.
    pub asked: Tokens,
    /// How many requests the session had sent by then.
    pub request: u64,
}

/// Beginning and end of an output.
#[derive(Clone, Debug, Default)]
pub struct Excerpt {
    /// The first [`EXCERPT`] bytes.
    pub head: String,
    /// The last [`EXCERPT`] bytes, where there are more.
    pub tail: String,
    /// All bytes.
    pub bytes: u64,
    /// All tokens, roughly.
    pub tokens: Tokens,
    /// Tells outputs apart.
    pub digest: [u8; 16],
}

/// One thing that happened in a thread.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Which line of the transcript.
    pub line: u64,
    /// When.
    pub at: Option<Millis>,
    /// What.
    pub event: Happened,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Happened {
    /// A tool was called and answered (or not: [`Ending::Interrupted`]).
    Step(Box<Step>),
    /// Somebody said something on the user's side.
    Prompt(Prompt),
    /// The model wrote something to the user; its first [`EXCERPT`] bytes.
    Said(String),
    /// The history was replaced by a summary.
    Compacted(Compacted),
    /// The person stopped the model.
    Interrupted,
}

/// The recent moments of one thread, the latest last.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    moments: VecDeque<Moment>,
    /// The whole output of the latest moment, where it is a step (its first [`WHOLE`] bytes): only a rule that looks at it
    /// now can keep something of it. Whoever pushes a moment sets it.
    pub whole: String,
    /// The session's name.
    pub session: Arc<str>,
    /// Which agent.
    pub agent: Arc<str>,
    /// The project's folder: where the session began.
    pub project: Arc<str>,
}

impl Recent {
    /// Adds a moment; the oldest goes when there are [`RECENT`].
    pub fn push(&mut self, moment: Moment) {
        if self.moments.len() == RECENT {
            self.moments.pop_front();
        }
        self.moments.push_back(moment);
    }

    /// The latest.
    pub fn latest(&self) -> Option<&Moment> {
        self.moments.back()
    }

    /// All but the latest, from the newest to the oldest.
    pub fn before(&self) -> impl Iterator<Item = &Moment> {
        self.moments.iter().rev().skip(1)
    }

    /// The steps before the latest moment, from the newest to the oldest.
    pub fn steps_before(&self) -> impl Iterator<Item = (&Moment, &Step)> {
        self.before().filter_map(|moment| match &moment.event {
            Happened::Step(step) => Some((moment, &**step)),
            _ => None,
        })
    }
}

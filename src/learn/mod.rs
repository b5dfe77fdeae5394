//! Recurring failures in transcripts, and what worked instead: facts in, advice out.
//!
//! By rules, not by a model. The trip ([`learner`]): [`step`] folds a transcript's entries into steps (a call, its result,
//! where and when); each of [`rules`] looks at every new step among the recent ones and notes [`lesson::Occurrence`]s;
//! [`evidence`] adds them up over all sessions; [`gate`] lets through what occurs often enough, is proven, still true and
//! not said already: [`advice`], which is written into one marked [`block`] of an agent's memory file, or into headroom's
//! own settings.
//!
//! *Invariant:* what is written are our own sentences with literals that the agent itself ran or read successfully; text
//! from tool outputs, pages or files never becomes advice. *Invariant:* bounded memory, however long a transcript is.

pub mod advice;
pub mod block;
pub mod command;
pub mod evidence;
pub mod facts;
pub mod first_words;
pub mod gate;
pub mod habit;
pub mod learner;
pub mod lesson;
pub mod literal;
pub mod peril;
pub mod place;
pub mod rules;
pub mod sentence;
pub mod settings;
pub mod step;
pub mod target;

pub use advice::{Advice, Consent, Scope, World};
pub use learner::Learner;
pub use peril::Peril;

#[cfg(test)]
mod tests;

//! What a rule notes, put down as an occurrence.

use crate::learn::habit::Habit;
use crate::learn::lesson::{Lesson, Occurrence, Sign};
use crate::learn::step::{Moment, Recent, Step};
use crate::units::{Millis, Tokens};

/// What something cost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Noted {
    /// Tokens, roughly.
    pub(super) tokens: Tokens,
    /// Requests.
    pub(super) turns: u64,
}

impl Noted {
    /// A habit that was seen at a moment.
    pub(super) fn at(self, recent: &Recent, moment: &Moment, habit: Habit) -> Occurrence {
        self.when(recent, (moment.line, moment.at), habit)
    }

    /// A habit that was seen in a line, at a time.
    pub(super) fn when(self, recent: &Recent, (line, at): (u64, Option<Millis>), habit: Habit) -> Occurrence {
        Occurrence {
            lesson: Lesson::Habit(habit),
            sign: Sign::For,
            session: recent.session.clone(),
            project: recent.project.clone(),
            agent: recent.agent.clone(),
            line,
            at,
            tokens: self.tokens,
            turns: self.turns,
        }
    }
}

/// What the latest step printed, as far as it is at hand.
pub(super) fn output_of<'a>(recent: &'a Recent, step: &'a Step) -> &'a str {
    if recent.whole.len() < step.output.head.len() { &step.output.head } else { &recent.whole }
}

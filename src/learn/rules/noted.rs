//! What a rule notes, put down as an occurrence.

use crate::learn::habit::Habit;
use crate::learn::lesson::{Lesson, Occurrence, Sign};
use crate::learn::step::{Moment, Recent, Step};
use crate::units::{Millis, Tokens};
use std::hash::{DefaultHasher, Hash, Hasher};

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

/// What the latest step printed, as far as it is at hand, without what the client says of the call itself.
pub(super) fn output_of<'a>(recent: &'a Recent, step: &'a Step) -> &'a str {
    without_head(if recent.whole.len() < step.output.head.len() { &step.output.head } else { &recent.whole })
}

/// Tells what the latest step printed from other texts.
pub(super) fn fingerprint(recent: &Recent, step: &Step) -> u64 {
    let mut hasher = DefaultHasher::new();
    output_of(recent, step).hash(&mut hasher);
    step.output.tail.hash(&mut hasher);
    hasher.finish()
}

/// `text` without the lines that a client puts before an output: how long it took, and under which number.
fn without_head(text: &str) -> &str {
    const OUTPUT: &str = "Output:\n";
    const SAYS: [&str; 3] = ["Wall time: ", "Chunk ID: ", "Exit code: "];
    let start = text.get(..text.floor_char_boundary(400)).unwrap_or("");
    if !SAYS.iter().any(|says| start.starts_with(says)) {
        return text;
    }
    start.find(OUTPUT).and_then(|at| text.get(at + OUTPUT.len()..)).unwrap_or(text)
}

//! Commands and tools that were refused each time.
//!
//! A person who refuses an edit refuses its text, not editing: reads, edits, writes and searches are left out.

use super::Rule;
use crate::learn::command::Command;
use crate::learn::first_words::first_words;
use crate::learn::lesson::{Forbids, Lesson, Occurrence, Sign};
use crate::learn::literal;
use crate::learn::step::{Happened, Recent};
use crate::transcript::Ending;
use crate::transcript::act::Act;

/// The rule.
pub struct Denied;

impl Rule for Denied {
    fn see(&mut self, recent: &Recent, found: &mut Vec<Occurrence>) {
        let Some(moment) = recent.latest() else { return };
        let Happened::Step(step) = &moment.event else { return };
        if step.ending != Ending::Denied {
            return;
        }
        let what = match (&step.act, &step.commands) {
            (Act::Shell { .. }, Some(line)) => match line.commands.as_slice() {
                // Of several it can't be told which one was refused.
                [command] => stem(command),
                _ => None,
            },
            (Act::Other, _) => literal::tool(&step.tool),
            _ => None,
        };
        let Some(what) = what else { return };
        found.push(Occurrence {
            lesson: Lesson::NotAllowed { what, by: Forbids::Person },
            sign: Sign::For,
            session: recent.session.clone(),
            project: recent.project.clone(),
            agent: recent.agent.clone(),
            line: moment.line,
            at: moment.at,
            tokens: step.asked + step.output.tokens,
            turns: 1,
        });
    }
}

/// The words that say what a command does.
fn stem(command: &Command) -> Option<String> {
    let count = first_words(&command.words).max(1);
    literal::command(&command.words.get(..count)?.join(" "))
}

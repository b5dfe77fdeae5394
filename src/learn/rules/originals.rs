//! Originals asked back: whose shortened outputs the agent wants whole in most cases.
//!
//! Which output an original is, is told from its lines: agents write down what a tool printed, not what was sent of it.

use super::Rule;
use super::lines::Lines;
use super::noted::{Noted, fingerprint, output_of};
use crate::learn::first_words::{self, Begins};
use crate::learn::habit::Habit;
use crate::learn::lesson::{Occurrence, Sign};
use crate::learn::literal;
use crate::learn::step::{Happened, Recent, Step};
use crate::transcript::Ending;
use crate::transcript::act::Act;
use crate::units::{Millis, Tokens};
use std::collections::{BTreeMap, VecDeque};

/// Tokens below which nothing is left out of an output.
const SHORTENED_FROM: u64 = 1_000;

/// Outputs that an original is looked for among.
const KEPT: usize = 64;

/// Lines of a given original, of a hundred, that must stand in an output.
const FROM_IT: usize = 80;

/// Lines that a given original must have, or they may stand anywhere.
const TELLING: usize = 3;

/// Finds what is asked back.
#[derive(Default)]
pub struct Originals {
    outputs: VecDeque<Output>,
    tally: BTreeMap<String, Tally>,
    /// Something was asked back: the session ran behind headroom.
    any: bool,
}

struct Output {
    on: String,
    lines: Lines,
    print: u64,
    asked: bool,
}

#[derive(Default)]
struct Tally {
    /// Outputs that may have been shortened.
    outputs: u64,
    /// Those of them that were asked back.
    asked: u64,
    tokens: Tokens,
    turns: u64,
    place: (u64, Option<Millis>),
}

impl Rule for Originals {
    fn see(&mut self, recent: &Recent, _found: &mut Vec<Occurrence>) {
        let Some(moment) = recent.latest() else { return };
        let Happened::Step(step) = &moment.event else { return };
        let (text, print) = (output_of(recent, step), fingerprint(recent, step));
        if !is_retrieval(step) {
            if SHORTENED_FROM <= step.output.tokens.0
                && let Some(on) = named(step)
            {
                self.tally.entry(on.clone()).or_default().outputs += 1;
                if KEPT <= self.outputs.len() {
                    self.outputs.pop_front();
                }
                let output = Output { on, lines: Lines::of(text), print, asked: false };
                self.outputs.push_back(output);
            }
            return;
        }
        if matches!(step.ending, Ending::Failed(_) | Ending::Denied | Ending::Interrupted) {
            return;
        }
        self.any = true;
        let given = Lines::of(text);
        let from = self.outputs.iter_mut().rev().find(|output| {
            output.print == print || (TELLING <= given.count() && FROM_IT <= given.share_in(&output.lines))
        });
        let Some(from) = from else { return };
        let Some(tally) = self.tally.get_mut(&from.on) else { return };
        tally.asked += u64::from(!std::mem::replace(&mut from.asked, true));
        tally.tokens += step.asked + step.output.tokens;
        tally.turns += 1;
        tally.place = (moment.line, moment.at);
    }

    fn end(&mut self, recent: &Recent, found: &mut Vec<Occurrence>) {
        if !std::mem::take(&mut self.any) {
            return;
        }
        let last = recent.latest().map_or((0, None), |moment| (moment.line, moment.at));
        for (on, tally) in std::mem::take(&mut self.tally) {
            let habit = Habit::AskedBack { on };
            if 2 <= tally.asked && tally.outputs < 2 * tally.asked {
                let noted = Noted { tokens: tally.tokens, turns: tally.turns };
                found.push(noted.when(recent, tally.place, habit));
            } else if 3 <= tally.outputs && tally.asked == 0 {
                let against = Noted::default().when(recent, last, habit);
                found.push(Occurrence { sign: Sign::Against, ..against });
            }
        }
    }
}

/// True where an original is asked for.
fn is_retrieval(step: &Step) -> bool {
    match &step.act {
        Act::Retrieve { .. } => true,
        Act::Shell { command, .. } => first_words::read(command)
            .is_some_and(|run| first_words::begins_with(&run.line, "headroom retrieve")),
        Act::Other => step.tool.ends_with("headroom_retrieve"),
        _ => false,
    }
}

/// What a rule calls outputs like this one; `None` where no rule would be about them.
fn named(step: &Step) -> Option<String> {
    match &step.act {
        Act::Shell { command, .. } => {
            let run = first_words::read(command).filter(|run| run.begins == Begins::WithIt)?;
            // What a file holds is no matter of the program that prints it.
            let general = ["cat", "head", "tail", "sed", "python", "python3", "node", "bash", "sh"];
            if general.contains(&run.first.as_str()) {
                return None;
            }
            literal::command(&run.first).map(|first| format!("command:{first}"))
        }
        Act::Read { path, .. } => {
            path.to_str().and_then(literal::pattern).map(|files| format!("path:{files}"))
        }
        Act::Search { .. } | Act::Other => literal::tool(&step.tool).map(|tool| format!("tool:{tool}")),
        Act::Edit { .. } | Act::Write { .. } | Act::Retrieve { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, occurrences};
    use super::*;
    use crate::learn::lesson::Lesson;

    fn rows(of: &str) -> String {
        (0..300).map(|at| format!("{of} row {at} with several words in it\n")).collect()
    }

    fn retrieve(stage: &mut Stage, text: &str) {
        let act = Act::Retrieve { key: "0123456789abcdef0123".to_owned() };
        stage.step("mcp__headroom__headroom_retrieve", act, text, Ending::Worked);
    }

    fn signs(stage: Stage) -> Vec<(String, Sign)> {
        let told = |occurrence: Occurrence| match occurrence.lesson {
            Lesson::Habit(Habit::AskedBack { on }) => (on, occurrence.sign),
            other => panic!("{other:?}"),
        };
        occurrences(Originals::default(), stage).into_iter().map(told).collect()
    }

    #[test]
    fn what_is_asked_back_most_times_is_named_as_a_rule_names_it() {
        let mut stage = Stage::new();
        for at in 0..3 {
            let (log, rest) = (rows(&format!("commit {at}")), rows(&format!("hit {at}")));
            stage.run("git log -p", &log, Ending::Worked);
            stage.run("rg needle", &rest, Ending::Worked);
            stage.read(&format!("/p/db/{at}.sql"), &rows(&format!("insert {at}")));
            // Whole or in part.
            let part: String = log.lines().skip(20).take(10).map(|line| format!("{line}\n")).collect();
            retrieve(&mut stage, if at == 0 { &log } else { &part });
        }
        let expected = [
            ("command:git log".to_owned(), Sign::For),
            ("command:rg".to_owned(), Sign::Against),
            ("path:*.sql".to_owned(), Sign::Against),
        ];
        assert_eq!(signs(stage), expected);
    }

    #[test]
    fn an_original_now_and_then_or_of_nothing_known_says_nothing() {
        let mut stage = Stage::new();
        for at in 0..6 {
            let log = rows(&format!("commit {at}"));
            stage.run("git log -p", &log, Ending::Worked);
            if at < 2 {
                retrieve(&mut stage, &log);
            }
        }
        retrieve(&mut stage, "no such original");
        assert_eq!(signs(stage), []);
    }
}

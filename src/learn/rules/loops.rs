//! The same call three times and more with the same result, while nothing was changed in between.
//!
//! Waiting is no loop: what gives another result in the end was waited for, and so was what says that it waits.

use super::Rule;
use super::big::BIG;
use super::lines::shape;
use super::noted::{Noted, fingerprint, output_of};
use crate::learn::first_words;
use crate::learn::habit::{Each, Habit};
use crate::learn::lesson::Occurrence;
use crate::learn::literal;
use crate::learn::step::{Happened, Moment, Recent, Step};
use crate::transcript::act::Act;
use crate::transcript::{Author, Ending};
use crate::units::{Millis, Tokens};

/// Calls that make a loop.
const ENOUGH: u64 = 3;

/// Other steps between two calls of one loop.
const BETWEEN: u32 = 3;

/// Loops that are followed at a time.
const OPEN: usize = 8;

/// Tokens of a call that works below which repeating it is nothing to speak of.
const CHEAP: u64 = 150;

/// Words of calls that wait for something.
const WAITS: &[&str] = &[
    "sleep", "wait", "watch", "poll", "retry", "until", "status", "health", "logs", "tail", "ping", "follow",
];

/// Programs that look at something and change nothing.
const LOOKS: &[&str] = &[
    "cat",
    "cd",
    "diff",
    "echo",
    "file",
    "find",
    "git blame",
    "git branch",
    "git diff",
    "git log",
    "git ls-files",
    "git show",
    "git status",
    "grep",
    "head",
    "ls",
    "nl",
    "pwd",
    "rg",
    "sed",
    "stat",
    "tail",
    "tree",
    "type",
    "wc",
    "which",
];

/// Finds loops.
#[derive(Default)]
pub struct Loops {
    open: Vec<Loop>,
}

/// A call that was made, perhaps again.
struct Loop {
    call: String,
    result: u64,
    each: Each,
    literal: Option<String>,
    times: u64,
    /// What each time after the first cost, together.
    tokens: Tokens,
    place: (u64, Option<Millis>),
    between: u32,
    /// It gave different results: it waits for something.
    waits: bool,
}

impl Rule for Loops {
    fn see(&mut self, recent: &Recent, found: &mut Vec<Occurrence>) {
        let Some(moment) = recent.latest() else { return };
        let step = match &moment.event {
            Happened::Step(step) => step,
            Happened::Prompt(prompt) if prompt.by == Author::Person => return self.close(recent, found),
            Happened::Compacted(_) | Happened::Interrupted => return self.close(recent, found),
            _ => return,
        };
        let Some(each) = followed(step) else { return self.other(recent, step, found) };
        let call = format!("{} {:?} {}", step.tool, step.act, step.folder);
        // How it ended decides before what it printed.
        let result = match each {
            Each::Failed => shape(output_of(recent, step)),
            Each::Worked | Each::Read => fingerprint(recent, step),
        };
        let known = self.open.iter_mut().find(|known| known.call == call);
        match known {
            Some(known) if known.result == result && known.each == each => {
                known.times += 1;
                known.between = 0;
                known.tokens += step.asked + step.output.tokens;
                known.place = (moment.line, moment.at);
            }
            Some(known) => {
                known.waits = true;
                known.result = result;
                known.each = each;
                known.between = 0;
            }
            None => {
                if OPEN <= self.open.len() {
                    let oldest = self.open.remove(0);
                    found.extend(oldest.noted(recent));
                }
                self.open.push(Loop::of(&call, result, each, step, recent, moment));
            }
        }
        if each == Each::Worked && !looks(step) {
            // It may have changed what others look at.
            self.close_but(&call, recent, found);
        }
        self.age(&call, recent, found);
    }

    fn end(&mut self, recent: &Recent, found: &mut Vec<Occurrence>) {
        self.close(recent, found);
    }
}

impl Loops {
    /// A step that is no call to follow.
    fn other(&mut self, recent: &Recent, step: &Step, found: &mut Vec<Occurrence>) {
        match &step.act {
            Act::Read { .. } | Act::Search { .. } | Act::Retrieve { .. } => self.age("", recent, found),
            Act::Shell { .. } if looks(step) => self.age("", recent, found),
            Act::Edit { .. } if step.ending != Ending::Worked => self.age("", recent, found),
            _ => self.close(recent, found),
        }
    }

    fn age(&mut self, call: &str, recent: &Recent, found: &mut Vec<Occurrence>) {
        for known in &mut self.open {
            known.between += u32::from(known.call != call);
        }
        self.open.retain(|known| {
            let stays = known.between <= BETWEEN;
            if !stays {
                found.extend(known.noted(recent));
            }
            stays
        });
    }

    fn close(&mut self, recent: &Recent, found: &mut Vec<Occurrence>) {
        found.extend(self.open.drain(..).filter_map(|known| known.noted(recent)));
    }

    fn close_but(&mut self, call: &str, recent: &Recent, found: &mut Vec<Occurrence>) {
        self.open.retain(|known| {
            let stays = known.call == call;
            if !stays {
                found.extend(known.noted(recent));
            }
            stays
        });
    }
}

impl Loop {
    fn of(call: &str, result: u64, each: Each, step: &Step, recent: &Recent, moment: &Moment) -> Loop {
        let literal = match &step.act {
            Act::Shell { command, .. } => {
                first_words::read(command).and_then(|run| literal::command(&run.line))
            }
            Act::Read { path, .. } => path.to_str().and_then(|path| literal::path(path, &recent.project)),
            _ => literal::tool(&step.tool),
        };
        Loop {
            call: call.to_owned(),
            result,
            each,
            literal,
            times: 1,
            tokens: Tokens(0),
            place: (moment.line, moment.at),
            between: 0,
            waits: false,
        }
    }

    fn noted(&self, recent: &Recent) -> Option<Occurrence> {
        if self.waits || self.times < ENOUGH {
            return None;
        }
        if self.each != Each::Failed && self.tokens.0 < CHEAP * (self.times - 1) {
            return None;
        }
        let call = self.literal.clone()?;
        let noted = Noted { tokens: self.tokens, turns: self.times - 1 };
        Some(noted.when(recent, self.place, Habit::Loop { call, each: self.each }))
    }
}

/// How a call ended that may be part of a loop; `None` for what can be none.
fn followed(step: &Step) -> Option<Each> {
    let each = match step.ending {
        // What is big and comes again is told elsewhere.
        Ending::Worked if BIG <= step.output.tokens.0 => return None,
        Ending::Worked if matches!(step.act, Act::Read { .. }) => Each::Read,
        Ending::Worked => Each::Worked,
        Ending::Failed(_) => Each::Failed,
        _ => return None,
    };
    let said = match &step.act {
        Act::Shell { command, .. } => command,
        Act::Search { .. } | Act::Read { .. } => &step.tool,
        _ => return None,
    };
    let said = said.to_ascii_lowercase();
    let mut words = said.split(|letter: char| !letter.is_ascii_alphanumeric());
    (!words.any(|word| WAITS.contains(&word))).then_some(each)
}

/// True for a step that changes nothing.
fn looks(step: &Step) -> bool {
    match &step.act {
        Act::Shell { command, .. } => {
            first_words::read(command).is_some_and(|run| LOOKS.contains(&run.first.as_str()))
        }
        Act::Read { .. } | Act::Search { .. } | Act::Retrieve { .. } => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, found_by};
    use super::*;

    const FAILED: Ending = Ending::Failed(Some(1));

    #[test]
    fn the_same_failure_three_times_with_nothing_changed_is_a_loop() {
        let mut stage = Stage::new();
        for seconds in 1..=3 {
            stage.run("npm test", &format!("3 failed in {seconds}.2 s"), FAILED);
            stage.run("ls src", "a.ts\nb.ts", Ending::Worked);
        }
        let expected = Habit::Loop { call: "npm test".to_owned(), each: Each::Failed };
        assert_eq!(found_by(Loops::default(), stage), [expected]);

        let mut stage = Stage::new();
        for seconds in 1..=3 {
            let head = format!(
                "Chunk ID: {seconds}ab\nWall time: 0.{seconds} seconds\nProcess exited with code 0\nOutput:\n"
            );
            stage.run("cargo tree", &format!("{head}{}", "a crate in the tree\n".repeat(60)), Ending::Worked);
        }
        let expected = Habit::Loop { call: "cargo tree".to_owned(), each: Each::Worked };
        assert_eq!(
            found_by(Loops::default(), stage),
            [expected],
            "what the client says of each call is not its output"
        );

        let mut stage = Stage::new();
        let long = "a line of the report\n".repeat(100);
        for _ in 0..4 {
            stage.read("/p/docs/report.md", &long);
        }
        let expected = Habit::Loop { call: "docs/report.md".to_owned(), each: Each::Read };
        assert_eq!(found_by(Loops::default(), stage), [expected]);
    }

    #[test]
    fn what_may_have_changed_something_or_waits_for_something_makes_no_loop() {
        type Between = (&'static str, fn(&mut Stage));
        let between: &[Between] = &[
            ("an edit", |stage| stage.edit("/p/a.ts", "x", "done", Ending::Worked)),
            ("an installation", |stage| stage.run("npm install", "added 3 packages", Ending::Worked)),
            ("the person", |stage| stage.person("try it again")),
            ("a summary", |stage| stage.compact(None)),
            ("many other things", |stage| {
                (0..6).for_each(|at| stage.read(&format!("/p/{at}.ts"), "text"));
            }),
        ];
        for (what, between) in between {
            let mut stage = Stage::new();
            for _ in 0..4 {
                stage.run("npm test", "3 failed", FAILED);
                between(&mut stage);
            }
            assert_eq!(found_by(Loops::default(), stage), [], "{what}");
        }

        let mut stage = Stage::new();
        for _ in 0..4 {
            stage.run("curl -sf localhost/ready", "refused", FAILED);
        }
        stage.run("curl -sf localhost/ready", "ok", Ending::Worked);
        assert_eq!(found_by(Loops::default(), stage), [], "what works in the end was waited for");

        let mut stage = Stage::new();
        for _ in 0..4 {
            stage.run("sleep 5; gh run list", "in progress", FAILED);
            stage.run("git status", "nothing to commit", Ending::Worked);
        }
        assert_eq!(found_by(Loops::default(), stage), [], "waiting, and looking at little");
    }
}

//! Threads for tests of the rules: what happens is said in a line each.

use super::Rule;
use crate::learn::habit::Habit;
use crate::learn::lesson::{Lesson, Occurrence};
use crate::learn::step::{Excerpt, Happened, Moment, Recent, Step};
use crate::tokens;
use crate::transcript::act::Act;
use crate::transcript::{Author, Compacted, Ending, Prompt};
use crate::units::{Millis, Tokens};
use std::path::PathBuf;

/// What happens in one thread, with the whole outputs.
pub struct Stage {
    moments: Vec<(Moment, String)>,
}

impl Stage {
    /// Nothing has happened.
    pub fn new() -> Stage {
        Stage { moments: Vec::new() }
    }

    fn push(&mut self, event: Happened, whole: &str) {
        let line = self.moments.len() as u64 + 1;
        self.moments.push((Moment { line, at: Some(Millis(line as i64 * 1_000)), event }, whole.to_owned()));
    }

    /// A call with its result.
    pub fn step(&mut self, tool: &str, act: Act, output: &str, ending: Ending) {
        let digest = |text: &str| {
            let mut digest = [0; 16];
            blake3::Hasher::new().update(text.as_bytes()).finalize_xof().fill(&mut digest);
            digest
        };
        let step = Step {
            tool: tool.to_owned(),
            act: act.clone(),
            folder: "/p".into(),
            ending,
            output: Excerpt {
                head: output[..output.floor_char_boundary(4_096)].to_owned(),
                tail: String::new(),
                bytes: output.len() as u64,
                tokens: tokens::estimate(output.len()),
                digest: digest(output),
            },
            asked: Tokens(20),
            request: self.moments.len() as u64,
            call: digest(&format!("{tool} {act:?}")),
            commands: None,
        };
        self.push(Happened::Step(Box::new(step)), output);
    }

    /// A command.
    pub fn run(&mut self, command: &str, output: &str, ending: Ending) {
        self.step("Bash", Act::Shell { command: command.to_owned(), folder: None }, output, ending);
    }

    /// A file, read whole.
    pub fn read(&mut self, path: &str, text: &str) {
        self.step("Read", Act::Read { path: PathBuf::from(path), lines: None }, text, Ending::Worked);
    }

    /// An edit.
    pub fn edit(&mut self, path: &str, old: &str, output: &str, ending: Ending) {
        let edits = vec![(old.to_owned(), "new".to_owned())];
        self.step("Edit", Act::Edit { path: PathBuf::from(path), edits }, output, ending);
    }

    /// The person says something.
    pub fn person(&mut self, text: &str) {
        self.push(Happened::Prompt(Prompt { text: text.to_owned(), by: Author::Person, images: 0 }), "");
    }

    /// The client says something.
    pub fn client(&mut self, text: &str) {
        self.push(Happened::Prompt(Prompt { text: text.to_owned(), by: Author::Client, images: 0 }), "");
    }

    /// The history is replaced by a summary.
    pub fn compact(&mut self, before: Option<u64>) {
        let compacted = Compacted { before: before.map(Tokens), summary: String::new(), by: Author::Client };
        self.push(Happened::Compacted(compacted), "");
    }

    /// The person stops the model.
    pub fn interrupt(&mut self) {
        self.push(Happened::Interrupted, "");
    }
}

/// What a rule notes of a thread.
pub fn occurrences(mut rule: impl Rule, stage: Stage) -> Vec<Occurrence> {
    let mut recent = Recent::default();
    (recent.session, recent.agent, recent.project) = ("s".into(), "claude".into(), "/p".into());
    let mut found = Vec::new();
    for (moment, whole) in stage.moments {
        recent.push(moment);
        recent.whole = whole;
        rule.see(&recent, &mut found);
    }
    rule.end(&recent, &mut found);
    found
}

/// The habits that a rule notes of a thread.
pub fn found_by(rule: impl Rule, stage: Stage) -> Vec<Habit> {
    let habit = |occurrence: Occurrence| match occurrence.lesson {
        Lesson::Habit(habit) => habit,
        other => panic!("{other:?} is no habit"),
    };
    occurrences(rule, stage).into_iter().map(habit).collect()
}

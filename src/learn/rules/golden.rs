//! Habits through the whole trip, from entries to advice: patterns, and twins of them that are noise.

mod injections;
mod patterns;
mod twins;

use crate::conversation::CacheAsk;
use crate::learn::advice::{Advice, World};
use crate::learn::gate::{Why, Withheld};
use crate::learn::learner::Learner;
use crate::transcript::{About, Answered, Author, Call, Compacted, Ending, Entry, Event, Outcome, Prompt};
use crate::units::{Millis, Tokens};
use patterns::PATTERNS;
use serde_json::json;
use std::path::Path;
use twins::TWINS;

const FAILED: Ending = Ending::Failed(Some(1));
const MISSING: &str = "<tool_use_error>String to replace not found in file.\nString: x</tool_use_error>";

/// A machine on which everything is there, and no memory file says anything.
struct Everything;

impl World for Everything {
    fn program_exists(&self, _: &str) -> bool {
        true
    }
    fn path_exists(&self, _: &Path) -> bool {
        true
    }
    fn is_folder(&self, _: &Path) -> bool {
        true
    }
    fn file_contains(&self, _: &Path, _: &str) -> bool {
        true
    }
    fn memory(&self, _: &Path) -> String {
        String::new()
    }
}

/// A session, told as the transcript of Claude Code tells it.
#[derive(Default)]
struct Talk {
    events: Vec<Event>,
    /// All that the agent wrote in its calls.
    called: String,
}

impl Talk {
    fn call(&mut self, tool: &str, arguments: &serde_json::Value, output: &str, ending: Ending) -> &mut Talk {
        let id = format!("call-{}", self.events.len());
        let arguments = arguments.to_string();
        self.called.push_str(&format!("{tool} {arguments}\n"));
        self.events.push(Event::Call(Call { id: id.clone(), tool: tool.to_owned(), arguments }));
        self.events.push(Event::Answered(Answered {
            id: id.clone(),
            model: String::new(),
            usage: None,
            cache: CacheAsk::default(),
        }));
        self.events.push(Event::Result(Outcome { id, text: output.to_owned(), images: 0, ending }));
        self
    }

    fn run(&mut self, command: &str, output: &str, ending: Ending) -> &mut Talk {
        self.call("Bash", &json!({"command": command}), output, ending)
    }

    fn ran(&mut self, command: &str, output: &str) -> &mut Talk {
        self.run(command, output, Ending::Worked)
    }

    fn read(&mut self, path: &str, text: &str) -> &mut Talk {
        self.call("Read", &json!({"file_path": path}), text, Ending::Worked)
    }

    fn edit(&mut self, path: &str, old: &str, output: &str, ending: Ending) -> &mut Talk {
        let arguments = json!({"file_path": path, "old_string": old, "new_string": "something_new()"});
        self.call("Edit", &arguments, output, ending)
    }

    fn says(&mut self, by: Author, text: &str) -> &mut Talk {
        self.events.push(Event::Prompt(Prompt { text: text.to_owned(), by, images: 0 }));
        self
    }

    fn person(&mut self, text: &str) -> &mut Talk {
        self.says(Author::Person, text)
    }

    fn compact(&mut self, before: u64) -> &mut Talk {
        let compacted =
            Compacted { before: Some(Tokens(before)), summary: String::new(), by: Author::Client };
        self.events.push(Event::Compacted(compacted));
        self
    }
}

/// Learns from sessions, a day apart.
fn learned(sessions: &[Talk]) -> (Vec<Advice>, Vec<Withheld>) {
    let mut learner = Learner::new();
    for (day, talk) in sessions.iter().enumerate() {
        let about = About {
            session: format!("session-{day}"),
            agent: "claude".to_owned(),
            folder: "/p".to_owned(),
            ..About::default()
        };
        learner.session(&about, "/p");
        for (line, event) in talk.events.iter().enumerate() {
            let at = Millis(1_790_000_000_000 + day as i64 * 86_400_000 + line as i64 * 1_000);
            let entry =
                Entry { line: line as u64 + 1, at: Some(at), thread: "".into(), event: event.clone() };
            learner.see(&entry);
        }
    }
    learner.weigh(&Everything, Millis(1_791_000_000_000))
}

/// The same thing in several sessions.
fn sessions(count: usize, tell: fn(&mut Talk, usize)) -> Vec<Talk> {
    let one = |day| {
        let mut talk = Talk::default();
        talk.person("do the next thing");
        tell(&mut talk, day);
        talk
    };
    (0..count).map(one).collect()
}

fn rows(of: &str, count: usize) -> String {
    (0..count).map(|at| format!("{of} row {at} with several words in it\n")).collect()
}

/// A pattern, how many sessions, what happens in each, and what is to be said.
type Case = (&'static str, usize, fn(&mut Talk, usize), &'static str);

#[test]
fn every_pattern_gives_its_advice_and_nothing_else() {
    let mut wrong = Vec::new();
    for (name, count, tell, expected) in PATTERNS {
        let (advice, withheld) = learned(&sessions(*count, *tell));
        let said: Vec<&str> = advice.iter().map(|advice| advice.sentence.as_str()).collect();
        if said != [*expected] {
            let why: Vec<_> = withheld.iter().map(|withheld| (&withheld.lesson, withheld.why)).collect();
            wrong.push(format!("{name}: {said:?}, withheld {why:?}"));
        }
    }
    assert!(20 <= PATTERNS.len() && wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_twin_of_a_pattern_gives_anything_to_write() {
    let mut wrong = Vec::new();
    for (name, count, tell, _) in TWINS {
        let (advice, _) = learned(&sessions(*count, *tell));
        wrong.extend(advice.iter().map(|advice| format!("{name}: {}", advice.sentence)));
    }
    assert!(20 <= TWINS.len() && wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_only_shown_is_told_with_its_count() {
    let (advice, withheld) = learned(&sessions(3, |talk, _| {
        talk.run("terraform apply", "", Ending::Interrupted).person("that is the wrong account");
    }));
    assert!(advice.is_empty());
    let [only] = withheld.as_slice() else { panic!("{withheld:?}") };
    assert_eq!((only.why, only.evidence.times, only.evidence.sessions), (Why::ShownOnly, 3, 3));
}

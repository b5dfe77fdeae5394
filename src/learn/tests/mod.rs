//! Whole sessions in a few letters, through the whole chain: entries, steps, rules, evidence, gates, sentences.

mod bounds;
mod commands;
mod noise;

use super::advice::{Advice, World};
use super::gate::Withheld;
use super::learner::Learner;
use crate::transcript::{About, Author, Call, Ending, Entry, Event, Outcome, Prompt};
use crate::units::Millis;
use std::path::Path;

/// A day in milliseconds.
pub(super) const DAY: i64 = 86_400_000;

/// The moment at which the tests learn.
pub(super) const NOW: Millis = Millis(2_000 * DAY);

/// A machine on which these things are there.
pub(super) struct Machine {
    /// Programs and paths that are not there; all others are. `=TEXT`: what a file holds.
    pub(super) without: &'static [&'static str],
    /// What the memory file says.
    pub(super) memory: &'static str,
}

impl World for Machine {
    fn program_exists(&self, name: &str) -> bool {
        !self.without.contains(&name)
    }
    fn path_exists(&self, path: &Path) -> bool {
        let inside = path.strip_prefix("/p").unwrap_or(path).to_string_lossy().into_owned();
        !self.without.contains(&inside.as_str())
    }
    fn is_folder(&self, path: &Path) -> bool {
        self.path_exists(path)
    }
    fn file_contains(&self, _path: &Path, text: &str) -> bool {
        self.without.iter().any(|held| held.strip_prefix('=') == Some(text))
    }
    fn memory(&self, _project: &Path) -> String {
        self.memory.to_owned()
    }
}

/// The entries of a session that is written as
///
/// ```text
/// $ COMMAND      a command is called       = OUTPUT     it worked
/// < PATH         a file is read            ! OUTPUT     it failed
/// > PATH         a file is edited          ? OUTPUT     it is not said how it ended
/// * TOOL         another tool is called    x OUTPUT     it was denied
/// # TEXT         the person says something
/// @ FOLDER       the session moves on to another folder
/// ```
///
/// with `\n` for line breaks in outputs and commands. A minute passes with each line.
pub(super) fn entries(script: &str, day: i64) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut id = String::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let number = entries.len() as u64 + 1;
        let mut say = |event| {
            let at = Some(Millis(day * DAY + number as i64 * 60_000));
            entries.push(Entry { line: number, at, thread: "".into(), event });
        };
        let (sign, text) = line.split_once(' ').unwrap_or((line, ""));
        let text = text.replace("\\n", "\n");
        let arguments = |name: &str| serde_json::json!({ name: text }).to_string();
        let result =
            |ending| Event::Result(Outcome { id: id.clone(), text: text.clone(), images: 0, ending });
        let call = match sign {
            "$" => Some(("Bash", arguments("command"))),
            "<" => Some(("Read", arguments("file_path"))),
            ">" => {
                let edit = serde_json::json!({"file_path": text, "old_string": "a", "new_string": "b"});
                Some(("Edit", edit.to_string()))
            }
            "*" => Some((text.as_str(), "{}".to_owned())),
            _ => None,
        };
        if let Some((tool, arguments)) = call {
            id = format!("{day}-{number}");
            say(Event::Call(Call { id: id.clone(), tool: tool.to_owned(), arguments }));
            continue;
        }
        match sign {
            "=" => say(result(Ending::Worked)),
            "!" => say(result(Ending::Failed(Some(1)))),
            "?" => say(result(Ending::Unknown)),
            "x" => say(result(Ending::Denied)),
            "#" => say(Event::Prompt(Prompt { text, by: Author::Person, images: 0 })),
            "@" => say(Event::About(About { folder: text, ..About::default() })),
            _ => panic!("{line:?} says nothing"),
        }
    }
    entries
}

/// What is learned of `scripts`, a session each, one a day, the last one yesterday.
pub(super) fn learned(scripts: &[&str], machine: &Machine) -> (Vec<Advice>, Vec<Withheld>) {
    let mut learner = Learner::new();
    for (number, script) in scripts.iter().enumerate() {
        let day = 2_000 - scripts.len() as i64 + number as i64;
        let about = About {
            session: format!("session-{number}"),
            agent: "claude".to_owned(),
            folder: "/p".to_owned(),
            ..About::default()
        };
        learner.session(&about, "/p");
        for entry in entries(script, day) {
            learner.see(&entry);
        }
    }
    learner.weigh(machine, NOW)
}

/// The sentences that are learned of a session that happens twice.
pub(super) fn twice(script: &str, machine: &Machine) -> Vec<String> {
    said(&[script, script], machine)
}

/// The sentences that are learned of `scripts`.
pub(super) fn said(scripts: &[&str], machine: &Machine) -> Vec<String> {
    learned(scripts, machine).0.into_iter().map(|advice| advice.sentence).collect()
}

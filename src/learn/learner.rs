//! The trip of learning: entries in, advice out.

use super::advice::{Advice, World};
use super::evidence::Book;
use super::facts::Facts;
use super::gate::{self, Withheld};
use super::lesson::Occurrence;
use super::rules::{self, Rule};
use super::step::{Folder, Recent, WHOLE};
use crate::transcript::{About, Entry, Event};
use crate::units::Millis;
use std::collections::HashMap;
use std::sync::Arc;

/// Threads of one session that are followed at a time; the one that was silent longest makes room for another.
const THREADS: usize = 32;

/// Learns from one session after the other.
///
/// ```text
/// for each transcript: learner.session(&about, &project); for each entry: learner.see(&entry)
/// learner.finish(&world, now)
/// ```
#[derive(Default)]
pub struct Learner {
    book: Book,
    facts: Facts,
    session: Session,
    found: Vec<Occurrence>,
}

/// The session that is being read.
#[derive(Default)]
struct Session {
    session: Arc<str>,
    agent: Arc<str>,
    project: Arc<str>,
    folder: Folder,
    threads: HashMap<Arc<str>, Thread>,
    /// Moments seen, to know who was silent longest.
    clock: u64,
}

/// One row of turns with the rules that look at it.
struct Thread {
    recent: Recent,
    rules: Vec<Box<dyn Rule>>,
    seen: u64,
}

impl Learner {
    /// Has learned nothing yet.
    pub fn new() -> Learner {
        Learner::default()
    }

    /// A transcript begins: whose it is, and the folder of the project that it counts for.
    pub fn session(&mut self, about: &About, project: &str) {
        self.end();
        let session = if about.parent.is_empty() { &about.session } else { &about.parent };
        self.session = Session {
            session: session.as_str().into(),
            agent: about.agent.as_str().into(),
            project: project.into(),
            folder: Folder::new(&about.agent, &about.folder),
            ..Session::default()
        };
    }

    /// The next entry of the transcript.
    pub fn see(&mut self, entry: &Entry) {
        if let Some((name, moment)) = self.session.folder.fold(entry) {
            self.facts.see(&self.session.project, &moment);
            let thread = self.session.thread(name, &mut self.found);
            thread.recent.push(moment);
            thread.recent.whole = whole_of(entry);
            for rule in &mut thread.rules {
                rule.see(&thread.recent, &mut self.found);
            }
        }
        self.note();
    }

    /// What became advice, the most valuable first.
    pub fn finish(mut self, world: &dyn World, now: Millis) -> Vec<Advice> {
        self.weigh(world, now).0
    }

    /// What became advice, the most valuable first, and what did not, with the reason.
    pub fn weigh(&mut self, world: &dyn World, now: Millis) -> (Vec<Advice>, Vec<Withheld>) {
        self.end();
        gate::weigh(&self.book, &self.facts, world, now)
    }

    /// The transcript has ended.
    fn end(&mut self) {
        for (_, mut thread) in self.session.threads.drain() {
            thread.end(&mut self.found);
        }
        self.note();
    }

    fn note(&mut self) {
        for occurrence in self.found.drain(..) {
            self.book.add(occurrence);
        }
    }
}

/// What a tool answered, as far as rules are shown it.
fn whole_of(entry: &Entry) -> String {
    match &entry.event {
        Event::Result(outcome) => outcome.text[..outcome.text.floor_char_boundary(WHOLE)].to_owned(),
        _ => String::new(),
    }
}

impl Session {
    fn thread(&mut self, name: Arc<str>, found: &mut Vec<Occurrence>) -> &mut Thread {
        self.clock += 1;
        if THREADS <= self.threads.len() && !self.threads.contains_key(&name) {
            let silent =
                self.threads.iter().min_by_key(|(_, thread)| thread.seen).map(|(name, _)| name.clone());
            if let Some(mut thread) = silent.and_then(|name| self.threads.remove(&name)) {
                thread.end(found);
            }
        }
        let thread = self.threads.entry(name).or_insert_with(|| Thread {
            recent: Recent::of(self.session.clone(), self.agent.clone(), self.project.clone()),
            rules: rules::all(),
            seen: 0,
        });
        thread.seen = self.clock;
        thread
    }
}

impl Thread {
    fn end(&mut self, found: &mut Vec<Occurrence>) {
        for rule in &mut self.rules {
            rule.end(&self.recent, found);
        }
    }
}

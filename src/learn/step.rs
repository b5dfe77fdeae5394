//! A transcript's entries folded into steps, and the recent ones of a thread.
//!
//! *Invariant:* bounded memory: open calls, texts, and the recent moments by number and by bytes.

use super::command::Line;
use crate::tokens;
use crate::transcript::act::{Act, act};
use crate::transcript::{Call, Compacted, Ending, Entry, Event, Outcome, Prompt};
use crate::units::{Millis, Tokens};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Moments of a thread that are kept: a failure and what worked instead stand within it.
pub const RECENT: usize = 256;

/// Bytes of an output that are kept from its start, and from its end.
pub const EXCERPT: usize = 4 << 10;

/// Bytes of the latest output that rules are shown.
pub const WHOLE: usize = 1 << 20;
/// Bytes of the recent moments of a thread.
const ROOM: usize = 8 << 20;

/// Bytes of one text of a call: a command line, an old string.
const TEXT: usize = 16 << 10;

/// Edits of one call that are kept.
const EDITS: usize = 32;

/// Calls that wait for their result; the oldest goes when there are more.
const OPEN: usize = 512;

/// Threads whose requests are counted apart.
const THREADS: usize = 4_096;

/// One tool call with its result.
#[derive(Clone, Debug)]
pub struct Step {
    /// The tool's name.
    pub tool: String,
    /// What it does.
    pub act: Act,
    /// The folder that it ran in, as far as it is known.
    pub folder: Arc<str>,
    /// How it ended.
    pub ending: Ending,
    /// What it printed, in part.
    pub output: Excerpt,
    /// Tokens of the call's arguments, roughly.
    pub asked: Tokens,
    /// How many requests the thread had sent by then.
    pub request: u64,
    /// Tells calls apart: tool and arguments.
    pub call: [u8; 16],
    /// The command line taken apart, where it runs one.
    pub commands: Option<Line>,
}

/// Beginning and end of an output.
#[derive(Clone, Debug, Default)]
pub struct Excerpt {
    /// The first [`EXCERPT`] bytes.
    pub head: String,
    /// The last [`EXCERPT`] bytes, where there are more.
    pub tail: String,
    /// All bytes.
    pub bytes: u64,
    /// All tokens, roughly.
    pub tokens: Tokens,
    /// Tells outputs apart.
    pub digest: [u8; 16],
}

/// One thing that happened in a thread.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Which line of the transcript.
    pub line: u64,
    /// When.
    pub at: Option<Millis>,
    /// What.
    pub event: Happened,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Happened {
    /// A tool was called and answered (or not: [`Ending::Interrupted`]).
    Step(Box<Step>),
    /// Somebody said something on the user's side.
    Prompt(Prompt),
    /// The model wrote something to the user; its first [`EXCERPT`] bytes.
    Said(String),
    /// The history was replaced by a summary.
    Compacted(Compacted),
    /// The person stopped the model.
    Interrupted,
}

/// The recent moments of one thread, the latest last.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    moments: VecDeque<Moment>,
    /// The whole output of the latest moment, where it is a step (its first [`WHOLE`] bytes): only a rule that looks at it
    /// now can keep something of it. Whoever pushes a moment sets it.
    pub whole: String,
    bytes: usize,
    /// The session's name.
    pub session: Arc<str>,
    /// Which agent.
    pub agent: Arc<str>,
    /// The project's folder: where the session began.
    pub project: Arc<str>,
}

impl Recent {
    /// Nothing has happened yet.
    pub fn of(session: Arc<str>, agent: Arc<str>, project: Arc<str>) -> Recent {
        Recent { session, agent, project, ..Recent::default() }
    }

    /// Adds a moment; the oldest go when there are [`RECENT`], or too many bytes.
    pub fn push(&mut self, moment: Moment) {
        self.bytes += moment.bytes();
        self.moments.push_back(moment);
        while RECENT < self.moments.len() || (ROOM < self.bytes && 1 < self.moments.len()) {
            let gone = self.moments.pop_front();
            self.bytes -= gone.map_or(0, |gone| gone.bytes());
        }
    }

    /// Bytes of the texts that are kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The latest.
    pub fn latest(&self) -> Option<&Moment> {
        self.moments.back()
    }

    /// All but the latest, from the newest to the oldest.
    pub fn before(&self) -> impl Iterator<Item = &Moment> {
        self.moments.iter().rev().skip(1)
    }

    /// The steps before the latest moment, from the newest to the oldest.
    pub fn steps_before(&self) -> impl Iterator<Item = (&Moment, &Step)> {
        self.before().filter_map(|moment| match &moment.event {
            Happened::Step(step) => Some((moment, &**step)),
            _ => None,
        })
    }
}

impl Moment {
    /// Bytes of the texts that are kept.
    fn bytes(&self) -> usize {
        match &self.event {
            Happened::Step(step) => {
                let act = match &step.act {
                    // Once as it stands, once taken apart.
                    Act::Shell { command, .. } => 2 * command.len(),
                    Act::Edit { edits, .. } => edits.iter().map(|(old, new)| old.len() + new.len()).sum(),
                    _ => 0,
                };
                act + step.output.head.len() + step.output.tail.len()
            }
            Happened::Prompt(prompt) => prompt.text.len(),
            Happened::Said(text) => text.len(),
            Happened::Compacted(compacted) => compacted.summary.len(),
            Happened::Interrupted => 0,
        }
    }
}

/// Folds a transcript's entries into moments.
#[derive(Default)]
pub struct Folder {
    agent: String,
    folder: Arc<str>,
    open: HashMap<(Arc<str>, String), Open>,
    /// The open calls in the order in which they were made.
    order: VecDeque<(Arc<str>, String)>,
    requests: HashMap<Arc<str>, u64>,
}

/// A call that waits for its result.
struct Open {
    line: u64,
    at: Option<Millis>,
    folder: Arc<str>,
    act: Act,
    tool: String,
    asked: Tokens,
    call: [u8; 16],
}

impl Folder {
    /// For a transcript of `agent`, whose session begins in `folder`.
    pub fn new(agent: &str, folder: &str) -> Folder {
        Folder { agent: agent.to_owned(), folder: folder.into(), ..Folder::default() }
    }

    /// What `entry` makes happen: mostly nothing or one moment, with the thread that it belongs to.
    pub fn fold(&mut self, entry: &Entry) -> Option<(Arc<str>, Moment)> {
        let (line, at) = (entry.line, entry.at);
        let event = match &entry.event {
            Event::About(about) => {
                if !about.folder.is_empty() && *about.folder != *self.folder {
                    self.folder = about.folder.as_str().into();
                }
                return None;
            }
            Event::Call(call) => {
                self.call(entry, call);
                return None;
            }
            Event::Result(outcome) => return self.result(entry, outcome),
            Event::Answered(_) => {
                if self.requests.contains_key(&entry.thread) || self.requests.len() < THREADS {
                    *self.requests.entry(entry.thread.clone()).or_default() += 1;
                }
                return None;
            }
            Event::Prompt(prompt) => {
                Happened::Prompt(Prompt { text: beginning(&prompt.text, EXCERPT), ..prompt.clone() })
            }
            Event::Said(text) => Happened::Said(beginning(text, EXCERPT)),
            Event::Compacted(compacted) => Happened::Compacted(Compacted {
                summary: beginning(&compacted.summary, EXCERPT),
                ..compacted.clone()
            }),
            Event::Interrupted => Happened::Interrupted,
            Event::Thought { .. } | Event::Back { .. } => return None,
        };
        Some((entry.thread.clone(), Moment { line, at, event }))
    }

    fn call(&mut self, entry: &Entry, call: &Call) {
        let key = (entry.thread.clone(), call.id.clone());
        let open = Open {
            line: entry.line,
            at: entry.at,
            folder: self.folder.clone(),
            act: bounded(act(&self.agent, &call.tool, &call.arguments)),
            tool: beginning(&call.tool, 256),
            asked: tokens::estimate(call.arguments.len()),
            call: digest(&[call.tool.as_bytes(), call.arguments.as_bytes()]),
        };
        if self.open.insert(key.clone(), open).is_none() {
            self.order.push_back(key);
        }
        while OPEN < self.order.len() {
            let oldest = self.order.pop_front();
            drop(oldest.and_then(|oldest| self.open.remove(&oldest)));
        }
    }

    fn result(&mut self, entry: &Entry, outcome: &Outcome) -> Option<(Arc<str>, Moment)> {
        let key = (entry.thread.clone(), outcome.id.clone());
        let open = self.open.remove(&key)?;
        if let Some(place) = self.order.iter().position(|known| *known == key) {
            self.order.remove(place);
        }
        let commands = match &open.act {
            Act::Shell { command, .. } => Some(Line::read(command)),
            _ => None,
        };
        let folder = match &open.act {
            Act::Shell { folder: Some(folder), .. } if !folder.is_empty() => folder.as_str().into(),
            _ => open.folder,
        };
        let step = Step {
            tool: open.tool,
            act: open.act,
            folder,
            ending: outcome.ending,
            output: Excerpt::of(&outcome.text),
            asked: open.asked,
            request: self.requests.get(&entry.thread).copied().unwrap_or(0),
            call: open.call,
            commands,
        };
        let moment =
            Moment { line: open.line, at: open.at.or(entry.at), event: Happened::Step(Box::new(step)) };
        Some((entry.thread.clone(), moment))
    }
}

impl Excerpt {
    /// Of `text`.
    pub fn of(text: &str) -> Excerpt {
        let head = beginning(text, EXCERPT);
        let from = text.ceil_char_boundary(text.len().saturating_sub(EXCERPT).max(head.len()));
        Excerpt {
            tail: text[from..].to_owned(),
            head,
            bytes: text.len() as u64,
            tokens: tokens::estimate(text.len()),
            digest: digest(&[text.as_bytes()]),
        }
    }

    /// The lines that are kept, from the first on.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.head.lines().chain(self.tail.lines())
    }
}

/// The first `most` bytes of `text`.
fn beginning(text: &str, most: usize) -> String {
    text[..text.floor_char_boundary(most)].to_owned()
}

fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let mut digest = [0; 16];
    hasher.finalize_xof().fill(&mut digest);
    digest
}

/// `act` without more text than is kept.
fn bounded(act: Act) -> Act {
    match act {
        Act::Shell { command, folder } => Act::Shell { command: beginning(&command, TEXT), folder },
        Act::Edit { path, edits } => {
            let edits = edits.iter().take(EDITS);
            Act::Edit {
                path,
                edits: edits.map(|(old, new)| (beginning(old, TEXT), beginning(new, TEXT))).collect(),
            }
        }
        other => other,
    }
}

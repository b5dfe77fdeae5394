//! What aider's `--llm-history-file` holds: each request whole (`TO LLM`), each answer (`LLM RESPONSE`), a role before each line.
//!
//! *Invariant:* one message in memory, and of those that were seen only digests: a request repeats all that came before it.

use super::edits;
use super::{Pending, TEXT};
use crate::conversation::CacheAsk;
use crate::transcript::lines::Lines;
use crate::transcript::{
    About, Answered, Author, Call, Ending, Entry, Event, Outcome, Prompt, See, Skipped, Source,
};
use crate::units::Millis;
use std::collections::HashSet;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

/// How many messages are remembered.
const REMEMBERED: usize = 1 << 17;

/// How a command and its output stand in what the client says.
const RAN: (&str, &str) = ("I ran this command:\n\n", "\n\nAnd got this output:\n\n");

/// What the client says when edits were taken over.
const TAKEN: [&str; 2] = ["I committed the changes with git hash", "I updated the files."];

/// What it begins its own messages with.
const CLIENT: [&str; 7] = [
    "I have *added these files",
    "Here are summaries of some files",
    "I am not sharing any files",
    "I edited the files myself",
    "I didn't see any properly formatted edits",
    "# *SEARCH/REPLACE block* Rules",
    "To suggest changes to a file",
];

/// What it begins its report on edits with that did not match, within these bytes.
const FAILED: (&str, usize) = ("SEARCH/REPLACE block", 60);

struct Reader<'a, 's> {
    see: &'a mut See<'s>,
    skipped: Skipped,
    seen: HashSet<u64>,
    pending: Pending,
    calls: u64,
    thread: Arc<str>,
}

/// A message as far as it was read.
#[derive(Default)]
struct Message {
    line: u64,
    person: bool,
    text: String,
}

/// Which side a line belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Answer,
}

/// Reads a log.
///
/// # Errors
/// What the reading said.
pub(super) fn read<R: Read>(lines: &mut Lines<R>, source: &Source, see: &mut See<'_>) -> io::Result<Skipped> {
    let mut reader = Reader {
        see,
        skipped: Skipped::default(),
        seen: HashSet::new(),
        pending: Pending::default(),
        calls: 0,
        thread: Arc::from(""),
    };
    // Where the log lies says nothing of where the work was done.
    let session = source.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let about = About { session, agent: "aider".to_owned(), ..About::default() };
    if reader.say(1, None, Event::About(about)).is_break() {
        return Ok(reader.skipped);
    }
    let mut side = Side::Request;
    let mut at = None;
    let mut message = Message::default();
    while let Some(line) = lines.next_line()? {
        let number = line.number;
        let text = line.bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
        let Some(text) = text else {
            reader.skipped.unreadable += 1;
            continue;
        };
        let starts = head(text);
        if starts.is_some() || text == "-------" {
            let ended = std::mem::take(&mut message);
            if reader.message(at, side, ended).is_break() {
                return Ok(reader.skipped);
            }
            if let Some((next, moment)) = starts {
                (side, at) = (next, moment);
            }
            continue;
        }
        let roles = [("USER ", true), ("USER", true), ("ASSISTANT ", false), ("ASSISTANT", false)];
        let said = roles.iter().find_map(|(role, person)| Some((text.strip_prefix(role)?, *person)));
        let Some((said, person)) = said else {
            // The system's part, or a line without a role.
            continue;
        };
        if message.text.is_empty() {
            (message.line, message.person) = (number, person);
        }
        if message.text.len() < TEXT {
            message.text.push_str(said);
            message.text.push('\n');
        }
    }
    let _ = reader.message(at, side, message);
    Ok(reader.skipped)
}

/// `TO LLM 2026-11-20T10:00:00`: which side follows, and since when (the log has no time zone: read as UTC).
fn head(text: &str) -> Option<(Side, Option<Millis>)> {
    let sides = [("TO LLM ", Side::Request), ("LLM RESPONSE ", Side::Answer)];
    let (at, side) = sides.iter().find_map(|(start, side)| Some((text.strip_prefix(start)?, *side)))?;
    Some((side, super::moment(at.trim())))
}

impl Reader<'_, '_> {
    fn message(&mut self, at: Option<Millis>, side: Side, message: Message) -> ControlFlow<()> {
        let Message { line, person, text } = message;
        let text = text.trim_end_matches('\n');
        if text.is_empty() {
            return ControlFlow::Continue(());
        }
        if side == Side::Answer {
            return self.answer(line, at, text);
        }
        if !person || !self.is_new(text) {
            return ControlFlow::Continue(());
        }
        if let Some((command, output)) = text.strip_prefix(RAN.0).and_then(|rest| rest.split_once(RAN.1)) {
            self.calls += 1;
            let id = format!("run-{}", self.calls);
            let arguments = serde_json::json!({ "command": command }).to_string();
            self.say(line, at, Event::Call(Call { id: id.clone(), tool: "bash".to_owned(), arguments }))?;
            let outcome = Outcome { id, text: output.to_owned(), images: 0, ending: Ending::Unknown };
            return self.say(line, at, Event::Result(outcome));
        }
        let beginning = text.get(..text.len().min(FAILED.1)).unwrap_or(text);
        if text.starts_with('#') && beginning.contains(FAILED.0) && beginning.contains("failed to match") {
            return self.settle(line, at, |pending| pending.failed(text));
        }
        if TAKEN.iter().any(|start| text.starts_with(start)) {
            return self.settle(line, at, Pending::all_worked);
        }
        let client = CLIENT.iter().any(|start| text.starts_with(start));
        let by = if client { Author::Client } else { Author::Person };
        if by == Author::Person {
            self.settle(line, at, Pending::all_unknown)?;
        }
        self.say(line, at, Event::Prompt(Prompt { text: text.to_owned(), by, images: 0 }))
    }

    fn answer(&mut self, line: u64, at: Option<Millis>, text: &str) -> ControlFlow<()> {
        self.settle(line, at, Pending::all_unknown)?;
        self.is_new(text);
        self.say(line, at, Event::Said(text.to_owned()))?;
        for edit in edits::edits(text) {
            self.calls += 1;
            let id = format!("edit-{}", self.calls);
            self.say(line, at, Event::Call(edit.call(id.clone())))?;
            self.pending.add(id, edit);
        }
        let answered =
            Answered { id: String::new(), model: String::new(), usage: None, cache: CacheAsk::None };
        self.say(line, at, Event::Answered(answered))
    }

    fn settle(
        &mut self,
        line: u64,
        at: Option<Millis>,
        how: impl FnOnce(&mut Pending) -> Vec<Outcome>,
    ) -> ControlFlow<()> {
        for outcome in how(&mut self.pending) {
            self.say(line, at, Event::Result(outcome))?;
        }
        ControlFlow::Continue(())
    }

    /// True the first time that a message stands in a request.
    fn is_new(&mut self, text: &str) -> bool {
        if self.seen.len() == REMEMBERED {
            self.seen.clear();
        }
        let hash = blake3::hash(text.as_bytes());
        let digest = hash.as_bytes().first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
        self.seen.insert(digest)
    }

    fn say(&mut self, line: u64, at: Option<Millis>, event: Event) -> ControlFlow<()> {
        (self.see)(Entry { line, at, thread: self.thread.clone(), event })
    }
}

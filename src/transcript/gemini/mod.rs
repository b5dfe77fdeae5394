//! Gemini CLI: `tmp/PROJECT/chats/session-*.jsonl` (older versions: one JSON file).
//!
//! A record stands again as it grows: the last one of an id holds, so the newest message waits until another begins.
//! `$set` changes what the header said, or replaces the history; `$rewindTo` takes turns back. *Invariant:* one record in
//! memory, and of what was told only digests.

mod parts;
pub mod qwen;
#[cfg(test)]
mod tests;

use super::json::{self, Count, Maybe, Text, TextOr};
use super::lines::Lines;
use super::{About, Answered, Author, Call, Compacted, Entry, Event, See, Skipped, Source};
use crate::conversation::CacheAsk;
use crate::units::Millis;
use parts::{Function, Part, Status};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{HashMap, HashSet};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// A file of an older version is read whole; one that is larger is not read, in bytes.
const WHOLE: usize = 64 << 20;

/// How many ids are remembered; more than a session has.
const REMEMBERED: usize = 1 << 17;

/// How the history begins that stands in place of a longer one.
const SNAPSHOT: &str = "<state_snapshot>";

/// A line of a file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Record<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    timestamp: Text<'a>,
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    content: TextOr<'a, Part<'a>>,
    #[serde(borrow)]
    thoughts: TextOr<'a, &'a RawValue>,
    tokens: Maybe<Counts>,
    #[serde(borrow)]
    model: Text<'a>,
    #[serde(rename = "toolCalls", borrow)]
    calls: TextOr<'a, ToolCall<'a>>,
    #[serde(rename = "$set", borrow)]
    set: Option<&'a RawValue>,
    #[serde(rename = "$rewindTo", borrow)]
    rewind: Text<'a>,
    #[serde(rename = "sessionId", borrow)]
    session: Text<'a>,
    #[serde(borrow)]
    directories: TextOr<'a, Text<'a>>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Counts {
    input: Count,
    output: Count,
    cached: Count,
    thoughts: Count,
    tool: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ToolCall<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
    #[serde(borrow)]
    result: TextOr<'a, Part<'a>>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    timestamp: Text<'a>,
}

/// Reads a session.
///
/// # Errors
/// What the reading said.
pub fn read<R: Read>(lines: &mut Lines<R>, source: &Source, see: &mut See<'_>) -> io::Result<Skipped> {
    let mut reader = Reader::of(source, see);
    // Set while the lines are those of one JSON value: the older form.
    let mut whole: Option<Vec<u8>> = None;
    while let Some(line) = lines.next_line()? {
        let number = line.number;
        let Some(bytes) = line.bytes else {
            reader.skipped.unreadable += 1;
            continue;
        };
        if let Some(whole) = &mut whole {
            if whole.len() + bytes.len() < WHOLE {
                whole.extend_from_slice(bytes);
                whole.push(b'\n');
            }
            continue;
        }
        let trimmed = bytes.trim_ascii();
        if trimmed.is_empty() {
            continue;
        }
        if number == 1 && trimmed == b"{" {
            whole = Some(bytes.to_vec());
            continue;
        }
        if reader.line(number, trimmed).is_break() {
            return Ok(reader.skipped);
        }
    }
    let read = whole.map_or(ControlFlow::Continue(()), |whole| reader.line(1, &whole));
    if read.is_continue() {
        let _ = reader.finish();
    }
    Ok(reader.skipped)
}

/// A message of the model that may still grow, as its line.
struct Open {
    id: u64,
    line: u64,
    bytes: Vec<u8>,
}

struct Reader<'a, 's> {
    source: &'a Source,
    see: &'a mut See<'s>,
    skipped: Skipped,
    about: About,
    thread: Arc<str>,
    open: Option<Open>,
    /// In which line each message began.
    begun: HashMap<u64, u64>,
    /// Calls that were told, and answers.
    called: HashSet<u64>,
    answered: HashSet<u64>,
}

impl<'a, 's> Reader<'a, 's> {
    fn of(source: &'a Source, see: &'a mut See<'s>) -> Reader<'a, 's> {
        let about = About { agent: "gemini".to_owned(), ..About::default() };
        Reader {
            source,
            see,
            skipped: Skipped::default(),
            about,
            thread: Arc::from(""),
            open: None,
            begun: HashMap::new(),
            called: HashSet::new(),
            answered: HashSet::new(),
        }
    }

    /// One line of the file, or the whole of an older one.
    fn line(&mut self, line: u64, bytes: &[u8]) -> ControlFlow<()> {
        let Ok(record) = serde_json::from_slice::<Record<'_>>(bytes) else { return self.unreadable() };
        if !record.rewind.as_str().is_empty() {
            return self.rewind(line, record.rewind.as_str());
        }
        if !record.id.as_str().is_empty() {
            return self.message(line, &record, bytes);
        }
        if let Some(set) = record.set {
            let Ok(set) = serde_json::from_str::<Record<'_>>(set.get()) else { return self.unreadable() };
            self.introduce(line, &set)?;
            return set.messages.map_or(ControlFlow::Continue(()), |messages| self.replace(line, messages));
        }
        if record.session.as_str().is_empty() {
            return self.unreadable();
        }
        self.introduce(line, &record)?;
        record.messages.map_or(ControlFlow::Continue(()), |messages| self.first(messages))
    }

    /// Whose session it is.
    fn introduce(&mut self, line: u64, record: &Record<'_>) -> ControlFlow<()> {
        let mut about = self.about.clone();
        if !record.session.as_str().is_empty() {
            record.session.as_str().clone_into(&mut about.session);
        }
        if let TextOr::Row(folders) = &record.directories
            && let Some(folder) = folders.first().filter(|folder| !folder.as_str().is_empty())
        {
            folder.as_str().clone_into(&mut about.folder);
        }
        if about.folder.is_empty() {
            about.folder = folder_of(&self.source.path).unwrap_or_default();
        }
        about.parent = parent_of(&self.source.path);
        self.tell(line, about)
    }

    fn tell(&mut self, line: u64, about: About) -> ControlFlow<()> {
        if about == self.about {
            return ControlFlow::Continue(());
        }
        self.about = about;
        self.say(line, None, Event::About(self.about.clone()))
    }

    /// The messages of an older file, or of one that was taken over: each stands for a line.
    fn first(&mut self, messages: &RawValue) -> ControlFlow<()> {
        let Ok(messages) = serde_json::from_str::<Vec<&RawValue>>(messages.get()) else {
            return self.unreadable();
        };
        for (line, message) in (1..).zip(messages) {
            match serde_json::from_str::<Record<'_>>(message.get()) {
                Ok(record) => self.message(line, &record, message.get().as_bytes())?,
                Err(_) => self.skipped.unreadable += 1,
            }
        }
        ControlFlow::Continue(())
    }

    /// The history was replaced: by a summary, or by itself with something put in or masked.
    fn replace(&mut self, line: u64, messages: &RawValue) -> ControlFlow<()> {
        self.finish()?;
        let Ok(messages) = serde_json::from_str::<Vec<&RawValue>>(messages.get()) else {
            return self.unreadable();
        };
        let mut summed_up = false;
        for message in messages {
            let Ok(record) = serde_json::from_str::<Record<'_>>(message.get()) else {
                self.skipped.unreadable += 1;
                continue;
            };
            let known = self.begun.contains_key(&digest(record.id.as_str()));
            let prompt = parts::prompt(&record.content, Some(Author::Client))
                .filter(|_| record.kind.as_str() == "user");
            match prompt {
                Some(prompt) if !known && prompt.text.contains(SNAPSHOT) => {
                    summed_up = true;
                    self.begins(line, record.id.as_str());
                    let compacted = Compacted { before: None, summary: prompt.text, by: Author::Client };
                    self.say(line, json::moment(record.timestamp.as_str()), Event::Compacted(compacted))?;
                }
                // What the summary was answered with.
                _ if summed_up || known => {}
                _ => {
                    self.message(line, &record, message.get().as_bytes())?;
                    self.finish()?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn message(&mut self, line: u64, record: &Record<'_>, bytes: &[u8]) -> ControlFlow<()> {
        let id = digest(record.id.as_str());
        let at = json::moment(record.timestamp.as_str());
        if self.open.as_ref().is_some_and(|open| open.id != id) {
            self.finish()?;
        }
        match record.kind.as_str() {
            "gemini" => {
                let first = self.open.as_ref().map_or(line, |open| open.line);
                self.begins(first, record.id.as_str());
                self.open = Some(Open { id, line: first, bytes: bytes.to_vec() });
                ControlFlow::Continue(())
            }
            "user" => {
                self.begins(line, record.id.as_str());
                self.user(line, at, record)
            }
            "info" | "error" | "warning" => {
                let text = parts::prompt(&record.content, Some(Author::Client)).map(|prompt| prompt.text);
                match text.as_deref().map(str::trim) {
                    Some("Request cancelled.") => self.say(line, at, Event::Interrupted),
                    _ => ControlFlow::Continue(()),
                }
            }
            _ => {
                self.skipped.unknown += 1;
                ControlFlow::Continue(())
            }
        }
    }

    /// What stands on the user's side: answers of tools that were not told with their calls, and words.
    fn user(&mut self, line: u64, at: Option<Millis>, record: &Record<'_>) -> ControlFlow<()> {
        if let TextOr::Row(parts) = &record.content {
            for response in parts.iter().filter_map(|part| part.response.0.as_ref()) {
                self.result(line, at, response, "", Status::Silent)?;
            }
        }
        let Some(prompt) = parts::prompt(&record.content, None) else { return ControlFlow::Continue(()) };
        if self.about.folder.is_empty()
            && let Some(folder) = folder_in(&prompt.text)
        {
            self.tell(line, About { folder: folder.to_owned(), ..self.about.clone() })?;
        }
        self.say(line, at, Event::Prompt(prompt))
    }

    /// The open message has ended: says what it held.
    fn finish(&mut self) -> ControlFlow<()> {
        let Some(Open { line, bytes, .. }) = self.open.take() else { return ControlFlow::Continue(()) };
        let Ok(record) = serde_json::from_slice::<Record<'_>>(&bytes) else { return self.unreadable() };
        let at = json::moment(record.timestamp.as_str());
        let model = record.model.as_str();
        if !model.is_empty() && model != self.about.model {
            self.tell(line, About { model: model.to_owned(), ..self.about.clone() })?;
        }
        if let TextOr::Row(thoughts) = &record.thoughts
            && !thoughts.is_empty()
        {
            let bytes = thoughts.iter().map(|thought| thought.get().len()).sum::<usize>();
            self.say(line, at, Event::Thought { bytes: u64::try_from(bytes).unwrap_or(u64::MAX) })?;
        }
        match &record.content {
            TextOr::Text(text) if !text.is_empty() => {
                self.say(line, at, Event::Said(text.clone().into_owned()))?
            }
            TextOr::Text(_) => {}
            TextOr::Row(parts) => {
                for part in parts {
                    match parts::said(part, record.id.as_str()) {
                        Some(Event::Call(call)) => self.call(line, at, call)?,
                        Some(event) => self.say(line, at, event)?,
                        None => {}
                    }
                }
            }
        }
        let calls: &[ToolCall<'_>] = match &record.calls {
            TextOr::Row(calls) => calls,
            TextOr::Text(_) => &[],
        };
        for call in calls {
            let arguments = call.args.map(|args| args.get().to_owned()).unwrap_or_default();
            let tool = call.name.as_str().to_owned();
            self.call(line, at, Call { id: call.id.as_str().to_owned(), tool, arguments })?;
        }
        let usage = record.tokens.0.map(|counts| {
            let of = |count: Count| count.0.unwrap_or_default();
            parts::usage(
                of(counts.input).saturating_add(of(counts.tool)),
                of(counts.cached),
                of(counts.output),
                of(counts.thoughts),
            )
        });
        let answered = Answered {
            id: record.id.as_str().to_owned(),
            model: model.to_owned(),
            usage,
            cache: CacheAsk::Automatic,
        };
        self.say(line, at, Event::Answered(answered))?;
        for call in calls {
            let status = Status::of(call.status.as_str());
            let at = json::moment(call.timestamp.as_str()).or(at);
            let TextOr::Row(parts) = &call.result else { continue };
            for response in parts.iter().filter_map(|part| part.response.0.as_ref()) {
                self.result(line, at, response, call.id.as_str(), status)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn call(&mut self, line: u64, at: Option<Millis>, call: Call) -> ControlFlow<()> {
        match remember(&mut self.called, &call.id) {
            true => self.say(line, at, Event::Call(call)),
            false => ControlFlow::Continue(()),
        }
    }

    /// An answer of a tool, once.
    fn result(
        &mut self,
        line: u64,
        at: Option<Millis>,
        response: &Function<'_>,
        id: &str,
        status: Status,
    ) -> ControlFlow<()> {
        let outcome = parts::outcome(response, id, status);
        match remember(&mut self.answered, &outcome.id) {
            true => self.say(line, at, Event::Result(outcome)),
            false => ControlFlow::Continue(()),
        }
    }

    /// Turns were taken back, down to (and with) a message.
    fn rewind(&mut self, line: u64, id: &str) -> ControlFlow<()> {
        self.finish()?;
        let to = self.begun.get(&digest(id)).map_or(0, |begun| begun.saturating_sub(1));
        self.begun.retain(|_, begun| *begun <= to);
        self.say(line, None, Event::Back { to })
    }

    fn begins(&mut self, line: u64, id: &str) {
        if self.begun.len() < REMEMBERED {
            self.begun.entry(digest(id)).or_insert(line);
        }
    }

    fn say(&mut self, line: u64, at: Option<Millis>, event: Event) -> ControlFlow<()> {
        (self.see)(Entry { line, at, thread: self.thread.clone(), event })
    }

    fn unreadable(&mut self) -> ControlFlow<()> {
        self.skipped.unreadable += 1;
        ControlFlow::Continue(())
    }
}

/// True the first time; what has no id is told each time.
fn remember(known: &mut HashSet<u64>, id: &str) -> bool {
    if known.len() == REMEMBERED {
        known.clear();
    }
    id.is_empty() || known.insert(digest(id))
}

/// The session whose sub-agent wrote this file: those lie in a folder of its name.
fn parent_of(path: &Path) -> String {
    let folder = path.parent();
    let above = folder.and_then(Path::parent).and_then(Path::file_name);
    let name = folder.and_then(Path::file_name).filter(|_| above.is_some_and(|above| above == "chats"));
    name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Where the project of a transcript lies: Gemini CLI keeps it beside the chats.
fn folder_of(path: &Path) -> Option<String> {
    let chats = path.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "chats"))?;
    let project = chats.parent()?;
    let root = small(&project.join(".project_root")).map(|root| root.trim().to_owned());
    root.filter(|root| !root.is_empty()).or_else(|| {
        let known = small(&project.parent()?.parent()?.join("projects.json"))?;
        let known: Projects = serde_json::from_str(&known).ok()?;
        let name = project.file_name()?.to_str()?;
        known.projects.into_iter().find(|(_, named)| named == name).map(|(folder, _)| folder)
    })
}

#[derive(Deserialize)]
struct Projects {
    projects: HashMap<String, String>,
}

/// A file of at most a megabyte.
fn small(path: &Path) -> Option<String> {
    let length = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?.len();
    if length > 1 << 20 { None } else { std::fs::read_to_string(path).ok() }
}

/// The first folder that the client names in what it says at the beginning.
fn folder_in(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("- **Workspace Directories:**\n  - ")?;
    rest.lines().next().map(str::trim).filter(|folder| folder.starts_with('/'))
}

/// A short stand-in for a name.
fn digest(name: &str) -> u64 {
    let hash = blake3::hash(name.as_bytes());
    hash.as_bytes().first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
}

//! Claude Code's transcripts: `projects/FOLDER/SESSION.jsonl`, and `SESSION/subagents/agent-NAME.jsonl` of its sub-agents.
//!
//! A line is a record with a `uuid` and its parent's. One answer of the model is several records of the same `message.id`,
//! each with one block, and results of its first calls may stand between them: what the user's side said is held back until
//! the answer has ended, so that it stands behind it. Older versions have sub-agents in the same file (`isSidechain`).

mod record;
#[cfg(test)]
mod tests;

use self::record::{Attached, Block, Counts, Message, Part, Record, Told};
use super::json::{Count, TextOr, moment};
use super::lines::Lines;
use super::{
    About, Answered, Author, Call, Compacted, Ending, Entry, Event, Outcome, Prompt, See, Skipped, Source,
};
use crate::conversation::CacheAsk;
use crate::receipt::Usage;
use crate::units::{Millis, Tokens};
use serde_json::value::RawValue;
use std::collections::{HashMap, VecDeque};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Records whose places are remembered, to tell where a history went back to.
const REMEMBERED: usize = 1 << 18;

/// Bytes of results that are held back at most, until an answer has ended.
const HELD: usize = 64 << 20;

/// The model's name in records that the client wrote in its place.
const SYNTHETIC: &str = "<synthetic>";

/// How texts begin that the client wrote on the user's side.
const CLIENT: &[&str] = &[
    "<command-name>",
    "<command-message>",
    "<command-args>",
    "<local-command-",
    "<bash-input>",
    "<bash-stdout>",
    "<bash-stderr>",
    "<system-reminder>",
    "<task-notification>",
    "<ide_",
    "<user-memory-input>",
    "<teammate-message",
    "<user-prompt-submit-hook>",
    "Caveat: The messages below were generated",
    "This session is being continued from a previous conversation",
    "Stop hook feedback:",
];

/// How a text begins that stands where the person stopped the model.
const STOPPED: &str = "[Request interrupted by user";

/// What results begin with when the person, or a rule of theirs, did not allow the call.
const DENIED: &[&str] = &[
    "The user doesn't want to proceed with this tool use",
    "The user doesn't want to take this action",
    "User rejected",
    "Claude requested permissions to",
    "This command requires approval",
    "Permission for this action has been denied",
    "Permission to use",
];

/// What results begin with when the call never ran to its end.
const CUT: &[&str] = &[
    "[Request interrupted by user",
    "Interrupted by user",
    "<tool_use_error>Cancelled:",
    "<tool_use_error>Sibling tool call errored",
];

/// Kinds of records that say nothing of the conversation.
const SILENT: &[&str] = &[
    "ai-title",
    "agent-name",
    "agent-color",
    "agent-setting",
    "custom-title",
    "file-history-snapshot",
    "last-prompt",
    "mode",
    "permission-mode",
    "pr-link",
    "progress",
    "queue-operation",
    "summary",
    "tag",
    "task-summary",
    "worktree-state",
    "content-replacement",
    "attribution-snapshot",
];

/// Reads a transcript of Claude Code.
///
/// # Errors
/// What the reading of the lines said.
pub fn read<R: Read>(lines: &mut Lines<R>, source: &Source, see: &mut See<'_>) -> io::Result<Skipped> {
    let mut reader = Reader::of(source, see);
    while let Some(line) = lines.next_line()? {
        let number = line.number;
        let Some(bytes) = line.bytes else {
            reader.skipped.unreadable += 1;
            continue;
        };
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice::<Record<'_>>(bytes) {
            Ok(record) => {
                if reader.take(number, &record).is_break() {
                    return Ok(reader.skipped);
                }
            }
            Err(_) => reader.skipped.unreadable += 1,
        }
    }
    let _ = reader.end();
    Ok(reader.skipped)
}

/// True when `keys` are those of a record of this format, `kind` its type.
pub fn is(keys: &[String], kind: &str) -> bool {
    let has = |name: &str| keys.iter().any(|key| key == name);
    has("sessionId")
        && !has("projectHash")
        && (has("uuid") && has("parentUuid") || SILENT.contains(&kind))
        && !kind.is_empty()
        || has("leafUuid") && kind == "summary"
}

/// One thread's state.
struct Thread {
    name: Arc<str>,
    open: Option<Open>,
    /// What came since the open answer's last record.
    held: Vec<Entry>,
    held_bytes: usize,
    /// Lines at which something began that a fork would leave behind, with the answer's digest (0: a prompt).
    turns: VecDeque<(u64, u64)>,
    /// A boundary was told whose summary has not come yet.
    summary_due: bool,
    /// What the latest answer asked of the cache.
    cache: CacheAsk,
}

/// An answer that may go on.
struct Open {
    id: String,
    line: u64,
    at: Option<Millis>,
    model: String,
    usage: Option<Usage>,
    cache: CacheAsk,
}

struct Reader<'a, 'see> {
    see: &'a mut See<'see>,
    skipped: Skipped,
    about: About,
    /// Whether the whole file is a sub-agent's; `None` until a record said so.
    sub_agent: Option<bool>,
    threads: Vec<Thread>,
    /// Where records stand: which thread, which line; the older half goes when there are too many.
    places: HashMap<u64, (usize, u64)>,
    older: HashMap<u64, (usize, u64)>,
}

impl<'a, 'see> Reader<'a, 'see> {
    fn of(source: &Source, see: &'a mut See<'see>) -> Self {
        let stem = source.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let about =
            About { agent: "claude".to_owned(), session: stem.unwrap_or_default(), ..About::default() };
        Reader {
            see,
            skipped: Skipped::default(),
            about,
            sub_agent: None,
            threads: vec![Thread::named("")],
            places: HashMap::new(),
            older: HashMap::new(),
        }
    }

    /// One record: its place, what it says of the session, then what it says.
    fn take(&mut self, line: u64, record: &Record<'_>) -> ControlFlow<()> {
        let kind = record.kind.as_str();
        if SILENT.contains(&kind) && record.uuid.as_str().is_empty() {
            return ControlFlow::Continue(());
        }
        let at = moment(record.timestamp.as_str());
        let thread = self.place(line, record);
        // A result's record has the folder that its call left the shell in: true for what comes behind it.
        let result = kind == "user" && record.message.0.as_ref().is_some_and(answers);
        if !result {
            self.introduce(line, at, record)?;
        }
        self.say_what(thread, line, at, record)?;
        if result { self.introduce(line, at, record) } else { ControlFlow::Continue(()) }
    }

    /// What a record says, by its kind.
    fn say_what(
        &mut self,
        thread: usize,
        line: u64,
        at: Option<Millis>,
        record: &Record<'_>,
    ) -> ControlFlow<()> {
        match record.kind.as_str() {
            "user" => self.user(thread, line, at, record),
            "assistant" => self.assistant(thread, line, at, record),
            "attachment" => self.attachment(thread, line, at, record),
            "system" => self.system(thread, line, at, record),
            kind if SILENT.contains(&kind) => ControlFlow::Continue(()),
            _ => {
                self.skipped.unknown += 1;
                ControlFlow::Continue(())
            }
        }
    }

    /// Which thread a record belongs to; remembers its place.
    fn place(&mut self, line: u64, record: &Record<'_>) -> usize {
        let aside = record.is_sidechain.0.unwrap_or_default();
        let of_sub_agent = match (self.sub_agent, record.is_sidechain.0) {
            (Some(known), _) => known,
            (None, Some(said)) => *self.sub_agent.insert(said),
            (None, None) => false,
        };
        let parent = self.placed(record.parent_uuid.as_str());
        let thread = match (aside && !of_sub_agent, parent) {
            (false, _) => 0,
            (true, Some((thread, _))) if 0 < thread => thread,
            (true, _) => {
                // Threads are told apart up to a bound; further ones are read as one.
                if self.threads.len() < 4_096 {
                    self.threads.push(Thread::named(record.uuid.as_str()));
                }
                self.threads.len() - 1
            }
        };
        if !record.uuid.as_str().is_empty() {
            if self.places.len() == REMEMBERED {
                self.older = std::mem::take(&mut self.places);
            }
            self.places.insert(digest(record.uuid.as_str()), (thread, line));
        }
        thread
    }

    fn placed(&self, uuid: &str) -> Option<(usize, u64)> {
        let key = digest(uuid);
        self.places.get(&key).or_else(|| self.older.get(&key)).copied()
    }

    /// Says whose session it is, when that is new.
    fn introduce(&mut self, line: u64, at: Option<Millis>, record: &Record<'_>) -> ControlFlow<()> {
        let mut about = self.about.clone();
        renew(&mut about.folder, record.cwd.as_str());
        renew(&mut about.version, record.version.as_str());
        if let (Some(message), "assistant") = (&record.message.0, record.kind.as_str()) {
            let model = message.model.as_str();
            // A sub-agent's model in its parent's file is not the session's.
            let own = record.is_sidechain.0 == self.sub_agent || self.sub_agent.is_none();
            renew(&mut about.model, if model == SYNTHETIC || !own { "" } else { model });
        }
        if self.sub_agent == Some(true) {
            renew(&mut about.parent, record.session_id.as_str());
        } else if about.session.is_empty() {
            renew(&mut about.session, record.session_id.as_str());
        }
        if about == self.about {
            return ControlFlow::Continue(());
        }
        self.about = about.clone();
        self.hold(0, line, at, Event::About(about))
    }

    fn user(&mut self, thread: usize, line: u64, at: Option<Millis>, record: &Record<'_>) -> ControlFlow<()> {
        let Some(message) = &record.message.0 else { return self.unreadable() };
        if !record.interrupted_message_id.as_str().is_empty() {
            self.cut(thread);
        }
        if !answers(message) {
            self.finish(thread)?;
            self.turn(thread, line, at, 0, record)?;
        }
        match &message.content {
            TextOr::Text(text) => self.prompt(thread, line, at, text, 0, record),
            TextOr::Row(blocks) => {
                let mut images = 0;
                for block in blocks {
                    match block.kind.as_str() {
                        "tool_result" => {
                            let outcome = outcome(block, record.tool_use_result);
                            self.hold(thread, line, at, Event::Result(outcome))?;
                        }
                        "text" => self.prompt(thread, line, at, block.text.as_str(), 0, record)?,
                        "image" | "document" => images += 1,
                        _ => self.skipped.unknown += 1,
                    }
                }
                match images {
                    0 => ControlFlow::Continue(()),
                    images => self.prompt(thread, line, at, "", images, record),
                }
            }
        }
    }

    fn prompt(
        &mut self,
        thread: usize,
        line: u64,
        at: Option<Millis>,
        text: &str,
        images: u32,
        record: &Record<'_>,
    ) -> ControlFlow<()> {
        if text.starts_with(STOPPED) {
            return self.hold(thread, line, at, Event::Interrupted);
        }
        if record.is_compact_summary.0 == Some(true) {
            let told = self.threads.get_mut(thread).is_some_and(|of| std::mem::take(&mut of.summary_due));
            if !told {
                let compacted = Compacted { before: None, summary: text.to_owned(), by: Author::Client };
                return self.hold(thread, line, at, Event::Compacted(compacted));
            }
        }
        let client = record.is_meta.0 == Some(true)
            || record.is_compact_summary.0 == Some(true)
            || record.is_sidechain.0 == Some(true)
            || is_the_clients(text);
        let by = if client { Author::Client } else { Author::Person };
        self.hold(thread, line, at, Event::Prompt(Prompt { text: text.to_owned(), by, images }))
    }

    fn assistant(
        &mut self,
        thread: usize,
        line: u64,
        at: Option<Millis>,
        record: &Record<'_>,
    ) -> ControlFlow<()> {
        let Some(message) = &record.message.0 else { return self.unreadable() };
        if message.model.as_str() == SYNTHETIC || record.is_api_error_message.0 == Some(true) {
            return self.apology(thread, line, at, message);
        }
        let id = message.id.as_str();
        let same = self
            .threads
            .get(thread)
            .and_then(|of| of.open.as_ref())
            .is_some_and(|open| !id.is_empty() && open.id == id);
        if !same {
            self.finish(thread)?;
            self.turn(thread, line, at, digest(id) | 1, record)?;
        }
        // Records that were copied into another session have lost theirs.
        let usage = message.usage.0.as_ref().filter(|counts| counts.say_something()).map(usage_of);
        if let Some(of) = self.threads.get_mut(thread) {
            let earlier = of.open.take();
            let usage = merged(earlier.and_then(|open| open.usage), usage);
            let cache = usage.as_ref().map_or(CacheAsk::None, |usage| cache_of(usage, of.cache));
            of.cache = cache;
            let model = message.model.as_str().to_owned();
            of.open = Some(Open { id: id.to_owned(), line, at, model, usage, cache });
        }
        let blocks = match &message.content {
            TextOr::Text(text) => return self.say(thread, line, at, Event::Said(text.clone().into_owned())),
            TextOr::Row(blocks) => blocks,
        };
        for block in blocks {
            let event = match block.kind.as_str() {
                "text" => Event::Said(block.text.as_str().to_owned()),
                "thinking" => {
                    Event::Thought { bytes: bytes(block.thinking.as_str()) + bytes(block.signature.as_str()) }
                }
                "redacted_thinking" => Event::Thought { bytes: bytes(block.data.as_str()) },
                "tool_use" | "mcp_tool_use" => Event::Call(Call {
                    id: block.id.as_str().to_owned(),
                    tool: block.name.as_str().to_owned(),
                    arguments: block.input.map(|input| input.get().to_owned()).unwrap_or_default(),
                }),
                "server_tool_use" => {
                    Event::Thought { bytes: block.input.map_or(0, |input| bytes(input.get())) }
                }
                _ => {
                    self.skipped.unknown += 1;
                    continue;
                }
            };
            self.say(thread, line, at, event)?;
        }
        ControlFlow::Continue(())
    }

    /// An error that the client shows in the model's place: no answer was paid for.
    fn apology(
        &mut self,
        thread: usize,
        line: u64,
        at: Option<Millis>,
        message: &Message<'_>,
    ) -> ControlFlow<()> {
        let text = match &message.content {
            TextOr::Text(text) => text.clone().into_owned(),
            TextOr::Row(blocks) => {
                blocks.first().map(|block| block.text.as_str().to_owned()).unwrap_or_default()
            }
        };
        self.hold(thread, line, at, Event::Prompt(Prompt { text, by: Author::Client, images: 0 }))
    }

    fn attachment(
        &mut self,
        thread: usize,
        line: u64,
        at: Option<Millis>,
        record: &Record<'_>,
    ) -> ControlFlow<()> {
        let Some(raw) = record.attachment else { return self.unreadable() };
        let attached: Attached<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
        // What the person typed while the model was at work.
        let queued = attached.kind.as_str() == "queued_command";
        let by = match attached.mode.as_str() {
            "" | "prompt" if queued => Author::Person,
            _ => Author::Client,
        };
        let text = match (queued, &attached.prompt) {
            (true, TextOr::Text(text)) => text.clone().into_owned(),
            (true, TextOr::Row(parts)) => texts(parts).0,
            _ if !attached.content.as_str().is_empty() => attached.content.0.into_owned(),
            _ => raw.get().to_owned(),
        };
        let by = if is_the_clients(&text) { Author::Client } else { by };
        self.hold(thread, line, at, Event::Prompt(Prompt { text, by, images: 0 }))
    }

    fn system(
        &mut self,
        thread: usize,
        line: u64,
        at: Option<Millis>,
        record: &Record<'_>,
    ) -> ControlFlow<()> {
        if record.subtype.as_str() != "compact_boundary" {
            return ControlFlow::Continue(());
        }
        self.finish(thread)?;
        if let Some(of) = self.threads.get_mut(thread) {
            of.summary_due = true;
            // Nobody goes back behind a summary.
            of.turns.clear();
        }
        let metadata = record.compact_metadata.0.as_ref();
        let by = match metadata.map(|metadata| metadata.trigger.as_str()) {
            Some("manual") => Author::Person,
            _ => Author::Client,
        };
        let before = metadata.and_then(|metadata| metadata.pre_tokens.0).map(Tokens);
        self.say(thread, line, at, Event::Compacted(Compacted { before, summary: String::new(), by }))
    }

    /// Something begins here that a fork would leave behind; says so when the history goes on behind an earlier line.
    fn turn(
        &mut self,
        thread: usize,
        line: u64,
        at: Option<Millis>,
        answer: u64,
        record: &Record<'_>,
    ) -> ControlFlow<()> {
        let parent = record.parent_uuid.as_str();
        let parent = match self.placed(parent) {
            Some((of, line)) if of == thread => Some(line),
            // The first thing that was said was taken back.
            None if parent.is_empty() && answer == 0 && record.is_meta.0 != Some(true) => Some(0),
            _ => None,
        };
        let Some(of) = self.threads.get_mut(thread) else { return ControlFlow::Continue(()) };
        let left = parent.and_then(|parent| {
            let first = of.turns.iter().position(|(turn, _)| parent < *turn)?;
            of.turns.get(first).map(|(turn, _)| (first, turn - 1))
        });
        if let Some((first, _)) = left {
            of.turns.truncate(first);
        }
        if of.turns.len() == REMEMBERED {
            of.turns.pop_front();
        }
        of.turns.push_back((line, answer));
        match left {
            Some((_, to)) => self.say(thread, line, at, Event::Back { to }),
            None => ControlFlow::Continue(()),
        }
    }

    /// What the user's side says waits until the open answer has ended.
    fn hold(&mut self, thread: usize, line: u64, at: Option<Millis>, event: Event) -> ControlFlow<()> {
        let Some(of) = self.threads.get_mut(thread) else { return ControlFlow::Continue(()) };
        if of.open.is_none() {
            return self.say(thread, line, at, event);
        }
        of.held_bytes += match &event {
            Event::Result(outcome) => outcome.text.len(),
            Event::Prompt(prompt) => prompt.text.len(),
            _ => 0,
        };
        of.held.push(Entry { line, at, thread: of.name.clone(), event });
        match HELD < of.held_bytes {
            true => self.finish(thread),
            false => ControlFlow::Continue(()),
        }
    }

    /// Calls that were running when the person stopped the model are written down as if they had been refused.
    fn cut(&mut self, thread: usize) {
        let held = self.threads.get_mut(thread).into_iter().flat_map(|of| of.held.iter_mut());
        for entry in held {
            if let Event::Result(Outcome { ending: ending @ Ending::Denied, .. }) = &mut entry.event {
                *ending = Ending::Interrupted;
            }
        }
    }

    /// The open answer has ended: says so, then what was held back.
    fn finish(&mut self, thread: usize) -> ControlFlow<()> {
        let Some(of) = self.threads.get_mut(thread) else { return ControlFlow::Continue(()) };
        let (open, held) = (of.open.take(), std::mem::take(&mut of.held));
        of.held_bytes = 0;
        if let Some(Open { id, line, at, model, usage, cache }) = open {
            self.say(thread, line, at, Event::Answered(Answered { id, model, usage, cache }))?;
        }
        for entry in held {
            (self.see)(entry)?;
        }
        ControlFlow::Continue(())
    }

    /// The file has ended.
    fn end(&mut self) -> ControlFlow<()> {
        for thread in 0..self.threads.len() {
            self.finish(thread)?;
        }
        ControlFlow::Continue(())
    }

    fn say(&mut self, thread: usize, line: u64, at: Option<Millis>, event: Event) -> ControlFlow<()> {
        let name = self.threads.get(thread).map(|of| of.name.clone()).unwrap_or_default();
        (self.see)(Entry { line, at, thread: name, event })
    }

    fn unreadable(&mut self) -> ControlFlow<()> {
        self.skipped.unreadable += 1;
        ControlFlow::Continue(())
    }
}

impl Thread {
    fn named(name: &str) -> Thread {
        Thread {
            name: Arc::from(name),
            open: None,
            held: Vec::new(),
            held_bytes: 0,
            turns: VecDeque::new(),
            summary_due: false,
            cache: CacheAsk::None,
        }
    }
}

/// Whether a record holds a tool's answer.
fn answers(message: &Message<'_>) -> bool {
    match &message.content {
        TextOr::Text(_) => false,
        TextOr::Row(blocks) => blocks.iter().any(|block| block.kind.as_str() == "tool_result"),
    }
}

/// What a tool answered, and how it ended.
fn outcome(block: &Block<'_>, told: Option<&RawValue>) -> Outcome {
    let (text, images) = match &block.content {
        TextOr::Text(text) => (text.clone().into_owned(), 0),
        TextOr::Row(parts) => texts(parts),
    };
    let failed = block.is_error.0 == Some(true);
    let ending = ending(&text, failed, told);
    Outcome { id: block.tool_use_id.as_str().to_owned(), text, images, ending }
}

/// How a call ended, by what the model reads of it, whether it failed, and what the client was told.
pub(super) fn ending(text: &str, failed: bool, told: Option<&RawValue>) -> Ending {
    let begins = |starts: &[&str]| starts.iter().any(|start| text.starts_with(start));
    if begins(CUT) {
        return Ending::Interrupted;
    }
    if !failed {
        // Only a short note can say that it was stopped; what a tool tells its client may be long.
        let stopped = told
            .filter(|told| memchr::memmem::find(told.get().as_bytes(), b"\"interrupted\":true").is_some())
            .and_then(|told| serde_json::from_str::<Told>(told.get()).ok())
            .is_some_and(|told| told.interrupted.0 == Some(true));
        return if stopped { Ending::Interrupted } else { Ending::Worked };
    }
    if begins(DENIED) || text.contains("hook") && text.contains("denied this tool") {
        return Ending::Denied;
    }
    if text.contains(STOPPED) {
        return Ending::Interrupted;
    }
    let code = text.strip_prefix("Error: ").unwrap_or(text).strip_prefix("Exit code ").and_then(|rest| {
        let digits =
            rest.find(|letter: char| !letter.is_ascii_digit() && letter != '-').unwrap_or(rest.len());
        rest.get(..digits)?.parse().ok()
    });
    Ending::Failed(code)
}

/// True for a text on the user's side that the client wrote.
pub(super) fn is_the_clients(text: &str) -> bool {
    CLIENT.iter().any(|start| text.starts_with(start))
}

/// The texts of a row of parts, a line each, and how many images.
fn texts(parts: &[Part<'_>]) -> (String, u32) {
    let mut joined = String::new();
    let mut images = 0;
    for part in parts {
        match part.kind.as_str() {
            "image" | "document" => images += 1,
            _ => {
                if !joined.is_empty() {
                    joined.push('\n');
                }
                joined.push_str(part.text.as_str());
            }
        }
    }
    (joined, images)
}

fn usage_of(counts: &Counts) -> Usage {
    let tokens = |count: Count| Tokens(count.0.unwrap_or_default());
    let written = tokens(counts.cache_creation_input_tokens);
    let hour =
        counts.cache_creation.0.as_ref().map_or(Tokens(0), |split| tokens(split.ephemeral_1h_input_tokens));
    let minutes =
        counts.cache_creation.0.as_ref().map_or(Tokens(0), |split| tokens(split.ephemeral_5m_input_tokens));
    // Older versions do not split what was written.
    let minutes = if hour == Tokens(0) && minutes == Tokens(0) { written } else { minutes };
    Usage {
        uncached: tokens(counts.input_tokens),
        cache_read: tokens(counts.cache_read_input_tokens),
        cache_write_5m: minutes,
        cache_write_1h: hour,
        output: tokens(counts.output_tokens),
    }
}

/// The usage of an answer from that of its records: each repeats it, the last has all of the output.
fn merged(earlier: Option<Usage>, later: Option<Usage>) -> Option<Usage> {
    match (earlier, later) {
        (Some(earlier), Some(later)) if later.input() == Tokens(0) => {
            Some(Usage { output: earlier.output.max(later.output), ..earlier })
        }
        (Some(earlier), Some(later)) => Some(Usage { output: earlier.output.max(later.output), ..later }),
        (earlier, later) => later.or(earlier),
    }
}

/// What was asked of the cache: what was written shows it; one that was only read was asked for as before.
fn cache_of(usage: &Usage, before: CacheAsk) -> CacheAsk {
    match usage {
        Usage { cache_write_1h: Tokens(1..), .. } => CacheAsk::OneHour,
        Usage { cache_write_5m: Tokens(1..), .. } => CacheAsk::FiveMinutes,
        Usage { cache_read: Tokens(1..), .. } => before.max(CacheAsk::FiveMinutes),
        _ => CacheAsk::None,
    }
}

/// Takes over what is said.
fn renew(kept: &mut String, said: &str) {
    if !said.is_empty() && kept != said {
        said.clone_into(kept);
    }
}

fn bytes(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// A short stand-in for a name.
fn digest(name: &str) -> u64 {
    let hash = blake3::hash(name.as_bytes());
    hash.as_bytes().first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
}

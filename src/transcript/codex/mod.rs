//! Codex's transcripts: `sessions/Y/M/D/rollout-TIME-ID.jsonl`.
//!
//! A line is what stands in the history (`response_item`), what its screen was told (`event_msg`), or what a turn began
//! with (`session_meta`, `turn_context`). An answer ends where its usage is told: newer versions write a
//! `token_usage_record` right behind it, older ones a `token_count`, sometimes after the outputs of its calls: these are
//! held back until then. Exit codes stand in the screen's events, or in the outputs' first lines.

mod record;
#[cfg(test)]
mod tests;

use self::record::{Counts, Info, Item, Noted, Part, Payload, Record};
use super::json::{Count, TextOr, moment};
use super::lines::Lines;
use super::{
    About, Answered, Author, Call, Compacted, Ending, Entry, Event, Outcome, Prompt, See, Skipped, Source,
};
use crate::conversation::CacheAsk;
use crate::receipt::Usage;
use crate::units::{Millis, Tokens};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Bytes of outputs that are held back at most, until an answer has ended.
const HELD: usize = 64 << 20;

/// Calls without an output yet that are remembered.
const OPEN_CALLS: usize = 256;

/// The person's turns that are remembered, to tell where a history went back to.
const TURNS: usize = 1 << 16;

/// How texts begin that the client wrote on the user's side.
const CLIENT: &[&str] = &[
    "<environment_context>",
    "<user_instructions>",
    "# AGENTS.md instructions",
    "<INSTRUCTIONS>",
    "<permissions",
    "<skill",
    "<turn_aborted>",
    "<user_shell_command>",
    "<subagent_notification>",
    "<model_switch>",
    "<collaboration_mode>",
    "Another language model started to solve this problem",
];

/// What an output says that the person, or a rule of theirs, did not allow.
const DENIED: &[&str] = &[
    "exec command rejected by user",
    "patch rejected by user",
    "rejected by user",
    "approval required by policy",
    "user rejected MCP tool call",
    "execution denied:",
];

/// What an output says whose call was stopped.
const CUT: &[&str] = &["aborted by user", "aborted"];

/// Reads a transcript of Codex.
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
    let _ = reader.finish(String::new(), None);
    Ok(reader.skipped)
}

struct Reader<'a, 'see> {
    see: &'a mut See<'see>,
    skipped: Skipped,
    about: About,
    named: bool,
    none: Arc<str>,
    /// Where the open answer's last item stands; `None` when none is open.
    open: Option<(u64, Option<Millis>)>,
    /// What came since the open answer's last item.
    held: Vec<Entry>,
    held_bytes: usize,
    /// Calls that were not answered yet, with what the screen was told of them.
    calls: VecDeque<(String, Option<Ending>)>,
    /// Lines of the person's turns.
    turns: VecDeque<u64>,
    /// Usage has been told by records of its own: the screen's counts say the same once more.
    recorded: bool,
    /// The total that was counted last.
    total: Option<(u64, u64)>,
}

impl<'a, 'see> Reader<'a, 'see> {
    fn of(source: &Source, see: &'a mut See<'see>) -> Self {
        let stem = source.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let session =
            stem.as_deref().and_then(|stem| stem.get(stem.len().checked_sub(36)?..)).unwrap_or_default();
        let about = About { agent: "codex".to_owned(), session: session.to_owned(), ..About::default() };
        Reader {
            see,
            skipped: Skipped::default(),
            about,
            named: false,
            none: Arc::from(""),
            open: None,
            held: Vec::new(),
            held_bytes: 0,
            calls: VecDeque::new(),
            turns: VecDeque::new(),
            recorded: false,
            total: None,
        }
    }

    fn take(&mut self, line: u64, record: &Record<'_>) -> ControlFlow<()> {
        let at = moment(record.timestamp.as_str());
        let payload = &record.payload;
        match record.kind.as_str() {
            "session_meta" => self.session(line, at, payload),
            "turn_context" => self.context(line, at, payload),
            "response_item" => self.item(line, at, payload, false),
            "event_msg" => self.event(line, at, payload),
            "compacted" => self.compacted(line, at, payload),
            "token_usage_record" => {
                self.recorded = true;
                let usage =
                    payload.usage.and_then(|usage| serde_json::from_str(usage.get()).ok()).map(usage_of);
                // A request without an item of its own: a compaction.
                self.open.get_or_insert((line, at));
                self.finish(payload.response_id.as_str().to_owned(), usage)
            }
            "world_state" | "session_state" | "ghost_snapshot" => ControlFlow::Continue(()),
            _ => {
                self.skipped.unknown += 1;
                ControlFlow::Continue(())
            }
        }
    }

    fn session(&mut self, line: u64, at: Option<Millis>, payload: &Payload<'_>) -> ControlFlow<()> {
        // Further ones are copied from the session that this one was forked from.
        if std::mem::replace(&mut self.named, true) {
            return ControlFlow::Continue(());
        }
        let mut about = self.about.clone();
        renew(&mut about.session, payload.id.as_str());
        renew(&mut about.folder, payload.cwd.as_str());
        renew(&mut about.version, payload.cli_version.as_str());
        let source = payload.source.filter(|source| source.get().len() < 64 << 10);
        let source = source.and_then(|source| serde_json::from_str::<Value>(source.get()).ok());
        renew(&mut about.parent, &source.as_ref().and_then(parent_in).unwrap_or_default());
        self.introduce(line, at, about)
    }

    fn context(&mut self, line: u64, at: Option<Millis>, payload: &Payload<'_>) -> ControlFlow<()> {
        let mut about = self.about.clone();
        renew(&mut about.folder, payload.cwd.as_str());
        renew(&mut about.model, payload.model.as_str());
        self.introduce(line, at, about)
    }

    fn introduce(&mut self, line: u64, at: Option<Millis>, about: About) -> ControlFlow<()> {
        if about == self.about {
            return ControlFlow::Continue(());
        }
        self.about = about.clone();
        self.hold(line, at, Event::About(about))
    }

    /// Something that stands in the history. `copied`: it was there before, and a compaction has kept it.
    fn item(
        &mut self,
        line: u64,
        at: Option<Millis>,
        payload: &Payload<'_>,
        copied: bool,
    ) -> ControlFlow<()> {
        let kind = payload.kind.as_str();
        match kind {
            "message" => match payload.role.as_str() {
                "assistant" => {
                    let (text, _) = texts(&payload.content);
                    self.answer(line, at, Event::Said(text), copied)
                }
                role => self.message(line, at, payload, role == "user" && !copied),
            },
            "reasoning" | "compaction" | "compaction_summary" => {
                let summary = payload.summary.map_or(0, |summary| summary.get().len());
                let bytes = bytes(summary) + bytes(payload.encrypted_content.as_str().len());
                self.answer(line, at, Event::Thought { bytes }, copied)
            }
            "web_search_call" | "image_generation_call" | "tool_search_call" => {
                let bytes = bytes(payload.action.map_or(0, |action| action.get().len()));
                self.answer(line, at, Event::Thought { bytes }, copied)
            }
            "additional_tools" | "ghost_snapshot" | "other" => ControlFlow::Continue(()),
            kind if kind.ends_with("_output") => self.output(line, at, payload),
            kind if kind.ends_with("_call") => self.call(line, at, payload, copied),
            _ => {
                self.skipped.unknown += 1;
                ControlFlow::Continue(())
            }
        }
    }

    fn call(
        &mut self,
        line: u64,
        at: Option<Millis>,
        payload: &Payload<'_>,
        copied: bool,
    ) -> ControlFlow<()> {
        let given = payload.input.or(payload.arguments).or(payload.action);
        // Arguments are JSON in a string, a program in a string, or JSON as it is.
        let arguments = given.map(|given| match serde_json::from_str::<String>(given.get()) {
            Ok(text) => text,
            Err(_) => given.get().to_owned(),
        });
        let id = match payload.call_id.as_str() {
            "" => payload.id.as_str(),
            id => id,
        };
        let tool = match (payload.namespace.as_str(), payload.name.as_str()) {
            (_, "") => payload.kind.as_str().to_owned(),
            (server, name) if server.starts_with("mcp__") => format!("{server}__{name}"),
            (_, name) => name.to_owned(),
        };
        if self.calls.len() == OPEN_CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back((id.to_owned(), None));
        let call = Call { id: id.to_owned(), tool, arguments: arguments.unwrap_or_default() };
        self.answer(line, at, Event::Call(call), copied)
    }

    fn output(&mut self, line: u64, at: Option<Millis>, payload: &Payload<'_>) -> ControlFlow<()> {
        let (text, images) = payload.output.map(output_text).unwrap_or_default();
        let id = match payload.call_id.as_str() {
            "" => payload.id.as_str(),
            id => id,
        };
        let told = self.calls.iter().position(|(call, _)| call == id);
        let told = told.and_then(|told| self.calls.remove(told)).and_then(|(_, ending)| ending);
        let ending = ending(&text, told);
        let (text, ending) = unwrapped(text, ending);
        self.hold(line, at, Event::Result(Outcome { id: id.to_owned(), text, images, ending }))
    }

    fn message(
        &mut self,
        line: u64,
        at: Option<Millis>,
        payload: &Payload<'_>,
        by_user: bool,
    ) -> ControlFlow<()> {
        let noted: Noted<'_> = payload
            .passed_through
            .and_then(|noted| serde_json::from_str(noted.get()).ok())
            .unwrap_or_default();
        let kinds = noted.content_item_kinds;
        let parts: Vec<(String, u32)> = match &payload.content {
            TextOr::Text(text) => vec![(text.clone().into_owned(), 0)],
            TextOr::Row(parts) => parts
                .iter()
                .map(|part| (part.text.as_str().to_owned(), u32::from(part.kind.as_str() == "input_image")))
                .collect(),
        };
        let mut of_person = false;
        for (order, (text, images)) in parts.into_iter().enumerate() {
            let framed = is_the_clients(&text);
            let said = kinds.get(order).is_none_or(|kind| kind.as_str().starts_with("user"));
            let by = if by_user && said && !framed { Author::Person } else { Author::Client };
            if by == Author::Person && !std::mem::replace(&mut of_person, true) {
                self.finish(String::new(), None)?;
                if self.turns.len() == TURNS {
                    self.turns.pop_front();
                }
                self.turns.push_back(line);
            }
            self.hold(line, at, Event::Prompt(Prompt { text, by, images }))?;
        }
        ControlFlow::Continue(())
    }

    /// What the screen was told.
    fn event(&mut self, line: u64, at: Option<Millis>, payload: &Payload<'_>) -> ControlFlow<()> {
        match payload.kind.as_str() {
            "token_count" if !self.recorded => {
                let info = payload.info.and_then(|info| serde_json::from_str::<Info>(info.get()).ok());
                let Some(Info { total_token_usage: total, last_token_usage: last }) = info else {
                    return ControlFlow::Continue(());
                };
                let count = |count: Count| count.0.unwrap_or_default();
                let total = (count(total.input_tokens), count(total.output_tokens));
                // It is told again when only the limits changed.
                if self.total.replace(total) == Some(total) || self.open.is_none() {
                    return ControlFlow::Continue(());
                }
                self.finish(String::new(), Some(usage_of(last)))
            }
            "item_completed" => {
                let item = payload.item.filter(|item| item.get().len() < 1 << 20);
                let item = item.and_then(|item| serde_json::from_str::<Item<'_>>(item.get()).ok());
                match item {
                    Some(item) if ["CommandExecution", "FileChange"].contains(&item.kind.as_str()) => {
                        let ending = match (item.status.as_str(), item.exit_code) {
                            ("declined", _) => Some(Ending::Denied),
                            (_, Some(0)) | ("completed", None) => Some(Ending::Worked),
                            (_, Some(code)) => Some(Ending::Failed(Some(code))),
                            ("failed", None) => Some(Ending::Failed(None)),
                            _ => None,
                        };
                        self.told(item.id.as_str(), ending);
                    }
                    _ => {}
                }
                ControlFlow::Continue(())
            }
            "exec_command_end" => {
                let ending = payload.exit_code.map(|code| match code {
                    0 => Ending::Worked,
                    code => Ending::Failed(Some(code)),
                });
                self.told(payload.call_id.as_str(), ending);
                ControlFlow::Continue(())
            }
            "patch_apply_end" => {
                let ending = payload
                    .success
                    .0
                    .map(|worked| if worked { Ending::Worked } else { Ending::Failed(None) });
                self.told(payload.call_id.as_str(), ending);
                ControlFlow::Continue(())
            }
            "turn_aborted" => {
                self.finish(String::new(), None)?;
                self.hold(line, at, Event::Interrupted)
            }
            "thread_rolled_back" => self.back(line, at, payload.num_turns.0.unwrap_or_default()),
            _ => ControlFlow::Continue(()),
        }
    }

    /// The screen was told how a call ended; what a program ran is told by a name of its own, and belongs to the only
    /// call that is open.
    fn told(&mut self, id: &str, ending: Option<Ending>) {
        let alone = self.calls.len() == 1;
        let of = self.calls.iter_mut().find(|(call, _)| call == id || alone);
        if let (Some((_, told)), Some(ending)) = (of, ending) {
            // Of several commands the first that failed says how the program went.
            if told.is_none_or(|told| told == Ending::Worked) {
                *told = Some(ending);
            }
        }
    }

    /// The person took their last turns back.
    fn back(&mut self, line: u64, at: Option<Millis>, turns: u64) -> ControlFlow<()> {
        self.finish(String::new(), None)?;
        let left = self.turns.len().saturating_sub(usize::try_from(turns).unwrap_or(usize::MAX));
        let Some(first) = self.turns.get(left).copied() else { return ControlFlow::Continue(()) };
        self.turns.truncate(left);
        self.say(line, at, Event::Back { to: first - 1 })
    }

    fn compacted(&mut self, line: u64, at: Option<Millis>, payload: &Payload<'_>) -> ControlFlow<()> {
        self.finish(String::new(), None)?;
        self.turns.clear();
        self.calls.clear();
        let kept = payload.replacement_history.map(RawValue::get);
        let kept: Vec<&RawValue> = kept.and_then(|kept| serde_json::from_str(kept).ok()).unwrap_or_default();
        // What was kept says it all, the summary too.
        let summary = if kept.is_empty() { payload.message.as_str() } else { "" };
        let compacted = Compacted { before: None, summary: summary.to_owned(), by: Author::Client };
        self.say(line, at, Event::Compacted(compacted))?;
        for item in kept {
            match serde_json::from_str::<Payload<'_>>(item.get()) {
                Ok(item) => self.item(line, at, &item, true)?,
                Err(_) => self.skipped.unreadable += 1,
            }
        }
        ControlFlow::Continue(())
    }

    /// Something that the model said: the open answer goes on, or another begins.
    fn answer(&mut self, line: u64, at: Option<Millis>, event: Event, copied: bool) -> ControlFlow<()> {
        if !self.held.is_empty() {
            self.finish(String::new(), None)?;
        }
        if !copied {
            self.open = Some((line, at));
        }
        self.say(line, at, event)
    }

    /// What is not the model's waits until the open answer has ended.
    fn hold(&mut self, line: u64, at: Option<Millis>, event: Event) -> ControlFlow<()> {
        if self.open.is_none() {
            return self.say(line, at, event);
        }
        self.held_bytes += match &event {
            Event::Result(outcome) => outcome.text.len(),
            Event::Prompt(prompt) => prompt.text.len(),
            _ => 0,
        };
        self.held.push(Entry { line, at, thread: self.none.clone(), event });
        match HELD < self.held_bytes {
            true => self.finish(String::new(), None),
            false => ControlFlow::Continue(()),
        }
    }

    /// The open answer has ended: says so, then what was held back.
    fn finish(&mut self, id: String, usage: Option<Usage>) -> ControlFlow<()> {
        if let Some((line, at)) = self.open.take() {
            let model = self.about.model.clone();
            let cache = CacheAsk::Automatic;
            self.say(line, at, Event::Answered(Answered { id, model, usage, cache }))?;
        }
        self.held_bytes = 0;
        for entry in std::mem::take(&mut self.held) {
            (self.see)(entry)?;
        }
        ControlFlow::Continue(())
    }

    fn say(&mut self, line: u64, at: Option<Millis>, event: Event) -> ControlFlow<()> {
        (self.see)(Entry { line, at, thread: self.none.clone(), event })
    }
}

/// The text of an output, and how many images it holds: a string, a row of parts, or an object around one.
fn output_text(raw: &RawValue) -> (String, u32) {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Around<'a> {
        #[serde(borrow)]
        content: TextOr<'a, Part<'a>>,
    }
    if let Ok(around) = serde_json::from_str::<Around<'_>>(raw.get())
        && raw.get().starts_with('{')
    {
        return texts(&around.content);
    }
    serde_json::from_str::<TextOr<'_, Part<'_>>>(raw.get()).map(|output| texts(&output)).unwrap_or_default()
}

/// The texts of a row of parts, one behind the other, and how many images.
fn texts(content: &TextOr<'_, Part<'_>>) -> (String, u32) {
    match content {
        TextOr::Text(text) => (text.clone().into_owned(), 0),
        TextOr::Row(parts) => {
            let mut joined = String::new();
            let mut images = 0;
            for part in parts {
                images += u32::from(part.kind.as_str() == "input_image");
                if !joined.is_empty() && !joined.ends_with('\n') {
                    joined.push('\n');
                }
                joined.push_str(part.text.as_str());
            }
            (joined, images)
        }
    }
}

/// True for a text on the user's side that the client wrote.
pub(super) fn is_the_clients(text: &str) -> bool {
    CLIENT.iter().any(|start| text.starts_with(start))
}

/// How a call ended: what its output says of it first, else what the screen was told.
pub(super) fn ending(text: &str, told: Option<Ending>) -> Ending {
    let start = text.get(..text.floor_char_boundary(400)).unwrap_or_default();
    if DENIED.iter().any(|denied| start.starts_with(denied)) || told == Some(Ending::Denied) {
        return Ending::Denied;
    }
    if CUT.iter().any(|cut| start.starts_with(cut)) {
        return Ending::Interrupted;
    }
    // Only what stands before the output itself is the client's.
    let head = start.split("Output:\n").next().unwrap_or_default();
    let code = ["Process exited with code ", "Exit code: "].iter().find_map(|said| {
        let line = head.lines().find_map(|line| line.strip_prefix(said))?;
        line.trim().parse::<i32>().ok()
    });
    match (code, told) {
        (Some(0), _) => Ending::Worked,
        (Some(code), _) => Ending::Failed(Some(code)),
        (None, Some(told)) => told,
        (None, None) if start.starts_with("Script failed") || start.starts_with("Script error") => {
            Ending::Failed(None)
        }
        (None, None) if start.starts_with("apply_patch verification failed") => Ending::Failed(None),
        (None, None) if start.starts_with("failed in sandbox") => Ending::Failed(None),
        (None, None) if start.starts_with("Script completed") => Ending::Worked,
        (None, None) => Ending::Unknown,
    }
}

/// Older versions wrap what a command printed in JSON, with its exit code beside it. The model reads all of it.
fn unwrapped(text: String, ending: Ending) -> (String, Ending) {
    #[derive(Deserialize)]
    struct Wrapped {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        exit_code: i32,
    }
    if ending != Ending::Unknown || !text.starts_with("{\"output\":") {
        return (text, ending);
    }
    match serde_json::from_str::<Wrapped>(&text) {
        Ok(Wrapped { metadata: Metadata { exit_code: 0 } }) => (text, Ending::Worked),
        Ok(Wrapped { metadata: Metadata { exit_code } }) => (text, Ending::Failed(Some(exit_code))),
        Err(_) => (text, ending),
    }
}

fn usage_of(counts: Counts) -> Usage {
    let count = |count: Count| count.0.unwrap_or_default();
    let (read, written) = (count(counts.cached_input_tokens), count(counts.cache_write_input_tokens));
    Usage {
        uncached: Tokens(count(counts.input_tokens).saturating_sub(read).saturating_sub(written)),
        cache_read: Tokens(read),
        cache_write_5m: Tokens(written),
        cache_write_1h: Tokens(0),
        output: Tokens(count(counts.output_tokens)),
    }
}

/// Whose sub-agent a session is, as its source tells it.
fn parent_in(source: &Value) -> Option<String> {
    let spawned = source.pointer("/subagent/thread_spawn/parent_thread_id");
    let parent = spawned.or_else(|| source.pointer("/subagent/parent_thread_id"));
    parent.or_else(|| source.pointer("/sub_agent/parent_thread_id"))?.as_str().map(str::to_owned)
}

/// Takes over what is said.
fn renew(kept: &mut String, said: &str) {
    if !said.is_empty() && kept != said {
        said.clone_into(kept);
    }
}

fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

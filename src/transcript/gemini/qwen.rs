//! Qwen Code: `projects/FOLDER/chats/SESSION.jsonl`: a chain of records like Claude Code's, with Gemini's parts in them.
//!
//! *Invariant:* one record in memory, and where each began.

use super::digest;
use super::parts::{self, Part, Status, UsageMetadata};
use crate::conversation::CacheAsk;
use crate::transcript::json::{self, Count, Maybe, Text, TextOr};
use crate::transcript::lines::Lines;
use crate::transcript::{About, Answered, Author, Compacted, Entry, Event, See, Skipped};
use crate::units::{Millis, Tokens};
use serde::Deserialize;
use std::collections::HashMap;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

/// How many records are remembered; more than a session has.
const REMEMBERED: usize = 1 << 18;

/// A line of a file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Record<'a> {
    #[serde(borrow)]
    uuid: Text<'a>,
    #[serde(rename = "parentUuid", borrow)]
    parent: Text<'a>,
    #[serde(rename = "sessionId", borrow)]
    session: Text<'a>,
    #[serde(borrow)]
    timestamp: Text<'a>,
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    subtype: Text<'a>,
    #[serde(borrow)]
    cwd: Text<'a>,
    #[serde(borrow)]
    version: Text<'a>,
    #[serde(borrow)]
    model: Text<'a>,
    #[serde(borrow)]
    message: Maybe<Message<'a>>,
    #[serde(rename = "usageMetadata")]
    usage: Maybe<UsageMetadata>,
    #[serde(rename = "toolCallResult", borrow)]
    result: Maybe<CallResult<'a>>,
    #[serde(rename = "systemPayload")]
    payload: Maybe<Payload>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    parts: TextOr<'a, Part<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CallResult<'a> {
    #[serde(rename = "callId", borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Payload {
    info: Maybe<CompressionInfo>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CompressionInfo {
    #[serde(rename = "originalTokenCount")]
    before: Count,
}

/// Reads a session.
///
/// # Errors
/// What the reading said.
pub fn read<R: Read>(lines: &mut Lines<R>, see: &mut See<'_>) -> io::Result<Skipped> {
    let about = About { agent: "qwen".to_owned(), ..About::default() };
    let mut reader = Reader {
        see,
        skipped: Skipped::default(),
        about,
        begun: HashMap::new(),
        last: 0,
        thread: Arc::from(""),
    };
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
                    break;
                }
            }
            Err(_) => reader.skipped.unreadable += 1,
        }
    }
    Ok(reader.skipped)
}

struct Reader<'a, 's> {
    see: &'a mut See<'s>,
    skipped: Skipped,
    about: About,
    /// In which line each record stands.
    begun: HashMap<u64, u64>,
    /// The record before this one.
    last: u64,
    thread: Arc<str>,
}

impl Reader<'_, '_> {
    fn take(&mut self, line: u64, record: &Record<'_>) -> ControlFlow<()> {
        let at = json::moment(record.timestamp.as_str());
        let (own, parent) = (digest(record.uuid.as_str()), digest(record.parent.as_str()));
        let forked =
            parent != self.last && !record.parent.as_str().is_empty() && record.kind.as_str() == "user";
        let back = self.begun.get(&parent).copied().filter(|_| forked);
        if self.begun.len() < REMEMBERED {
            self.begun.insert(own, line);
        }
        self.last = own;
        self.introduce(line, at, record)?;
        if let Some(to) = back {
            self.say(line, at, Event::Back { to })?;
        }
        match record.kind.as_str() {
            "user" => self.user(line, at, record),
            "assistant" => self.assistant(line, at, record),
            "tool_result" => self.result(line, at, record),
            "system" if record.subtype.as_str() == "chat_compression" => {
                let info = record.payload.0.as_ref().and_then(|payload| payload.info.0.as_ref());
                let before = info.and_then(|info| info.before.0).map(Tokens);
                let compacted = Compacted { before, summary: String::new(), by: Author::Client };
                self.say(line, at, Event::Compacted(compacted))
            }
            "system" => ControlFlow::Continue(()),
            _ => {
                self.skipped.unknown += 1;
                ControlFlow::Continue(())
            }
        }
    }

    fn introduce(&mut self, line: u64, at: Option<Millis>, record: &Record<'_>) -> ControlFlow<()> {
        let mut about = self.about.clone();
        for (kept, said) in [
            (&mut about.session, &record.session),
            (&mut about.folder, &record.cwd),
            (&mut about.version, &record.version),
            (&mut about.model, &record.model),
        ] {
            if !said.as_str().is_empty() && kept != said.as_str() {
                said.as_str().clone_into(kept);
            }
        }
        if about == self.about {
            return ControlFlow::Continue(());
        }
        self.about = about;
        self.say(line, at, Event::About(self.about.clone()))
    }

    fn user(&mut self, line: u64, at: Option<Millis>, record: &Record<'_>) -> ControlFlow<()> {
        let prompt = record.message.0.as_ref().and_then(|message| parts::prompt(&message.parts, None));
        prompt.map_or(ControlFlow::Continue(()), |prompt| self.say(line, at, Event::Prompt(prompt)))
    }

    fn assistant(&mut self, line: u64, at: Option<Millis>, record: &Record<'_>) -> ControlFlow<()> {
        if let Some(Message { parts: TextOr::Row(parts) }) = &record.message.0 {
            for event in parts.iter().filter_map(|part| parts::said(part, record.uuid.as_str())) {
                self.say(line, at, event)?;
            }
        }
        let answered = Answered {
            id: record.uuid.as_str().to_owned(),
            model: record.model.as_str().to_owned(),
            usage: record.usage.0.map(|usage| usage.usage()),
            cache: CacheAsk::Automatic,
        };
        self.say(line, at, Event::Answered(answered))
    }

    fn result(&mut self, line: u64, at: Option<Millis>, record: &Record<'_>) -> ControlFlow<()> {
        let Some(Message { parts: TextOr::Row(parts) }) = &record.message.0 else {
            self.skipped.unreadable += 1;
            return ControlFlow::Continue(());
        };
        let told = record.result.0.as_ref();
        let status = told.map_or(Status::Silent, |told| Status::of(told.status.as_str()));
        let id = told.map_or("", |told| told.id.as_str());
        for response in parts.iter().filter_map(|part| part.response.0.as_ref()) {
            self.say(line, at, Event::Result(parts::outcome(response, id, status)))?;
        }
        ControlFlow::Continue(())
    }

    fn say(&mut self, line: u64, at: Option<Millis>, event: Event) -> ControlFlow<()> {
        (self.see)(Entry { line, at, thread: self.thread.clone(), event })
    }
}

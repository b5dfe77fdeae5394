//! What agents write down of their sessions: each agent's own format in, one row of entries out.
//!
//! Streaming: an entry at a time, and no more than one line (bounded) in memory. *Invariant:* a line that can't be read is
//! counted and skipped; nothing in a transcript stops its reading. *Invariant:* reads only; what a transcript says is data.
//! Absent here: what is made of it ([`crate::learn`], [`crate::replay`]), the network, clocks, the environment.

pub mod act;
pub mod aider;
pub mod claude;
pub mod codex;
pub mod copies;
pub mod find;
pub mod gemini;
pub mod json;
pub mod lines;
pub mod opencode;
pub mod plain;
mod recognise;
#[cfg(test)]
mod sample;

pub use recognise::recognise;

use crate::conversation::CacheAsk;
use crate::receipt::Usage;
use crate::units::{Millis, Tokens};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes from a file's start in which it is told whose session it is.
const INTRODUCTION: u64 = 1 << 20;

/// Entries from a file's start in which it is told whose session it is.
const INTRODUCTORY: usize = 64;

/// Reads a transcript, entry by entry, until its end or until `see` breaks off.
///
/// # Errors
/// When the file can't be opened or read. What is unreadable in it is counted, and no error.
pub fn read(source: &Source, see: &mut See<'_>) -> Result<Skipped, TranscriptError> {
    read_first(source, u64::MAX, see)
}

/// Whose session it is, from the file's beginning: cheap. Fields that are told later (or never) are empty.
///
/// # Errors
/// As [`read`].
pub fn peek(source: &Source) -> Result<About, TranscriptError> {
    let mut about = About::default();
    let mut seen = 0;
    read_first(source, INTRODUCTION, &mut |entry| {
        seen += 1;
        if let Event::About(said) = entry.event
            && entry.thread.is_empty()
            && (about.folder.is_empty() || about.model.is_empty())
        {
            // Where it began: a session may go to other folders later.
            let folder = std::mem::take(&mut about.folder);
            about = said;
            if !folder.is_empty() {
                about.folder = folder;
            }
        }
        let known = !about.session.is_empty() && !about.folder.is_empty() && !about.model.is_empty();
        if known || INTRODUCTORY <= seen { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(about)
}

/// Reads the first `most` bytes of a transcript (all of a session in a database).
fn read_first(source: &Source, most: u64, see: &mut See<'_>) -> Result<Skipped, TranscriptError> {
    let trouble = |error| TranscriptError::from_io(&source.path, error);
    let open = || lines::open(&source.path, most).map_err(trouble);
    match source.format {
        Format::Claude => claude::read(&mut open()?, source, see).map_err(trouble),
        Format::Codex => codex::read(&mut open()?, source, see).map_err(trouble),
        Format::Gemini if source.path.extension().is_some_and(|ending| ending == "json") => {
            // One value: it can't be read by its beginning.
            let mut whole = lines::open(&source.path, u64::MAX).map_err(trouble)?;
            gemini::read(&mut whole, source, see).map_err(trouble)
        }
        Format::Gemini => gemini::read(&mut open()?, source, see).map_err(trouble),
        Format::Qwen => gemini::qwen::read(&mut open()?, see).map_err(trouble),
        Format::OpenCode => opencode::read(source, see).map_err(trouble),
        Format::Plain => plain::read(&mut open()?, source, see).map_err(trouble),
        Format::Aider => aider::read(&mut open()?, source, see).map_err(trouble),
    }
}

/// One thing that a transcript says, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Which line of the file (row of the table), counted from 1.
    pub line: u64,
    /// When it was written down.
    pub at: Option<Millis>,
    /// Which row of turns it belongs to: empty for the session's own, else the sub-agent's name in the file.
    pub thread: Arc<str>,
    /// What it says.
    pub event: Event,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Whose session it is and where it works. Said before anything else, and again when it changes.
    About(About),
    /// Something stands in the history on the user's side that no tool answered.
    Prompt(Prompt),
    /// The model wrote something to the user.
    Said(String),
    /// The model thought. Providers keep the text or only its signature: bytes as far as the file has them.
    Thought {
        /// Bytes of text and signature.
        bytes: u64,
    },
    /// The model called a tool.
    Call(Call),
    /// A tool answered.
    Result(Outcome),
    /// An answer of the model has ended: all that it said, thought and called stands since the last one of the same
    /// thread; what stands before that was its request.
    Answered(Answered),
    /// The history was replaced by a summary.
    Compacted(Compacted),
    /// The person stopped the model.
    Interrupted,
    /// The history goes on behind an earlier line: the person took turns back, or the client forked.
    Back {
        /// The last line that still counts.
        to: u64,
    },
}

/// Whose session it is and where it works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The session's own name.
    pub session: String,
    /// Which agent wrote it (`claude`), as its definition names it.
    pub agent: String,
    /// The folder that it works in; empty when the file does not say.
    pub folder: String,
    /// The model; empty when the file does not say (yet).
    pub model: String,
    /// The agent's version; empty when the file does not say.
    pub version: String,
    /// The session that this one is a sub-agent of; empty for others.
    pub parent: String,
}

/// Something on the user's side that no tool answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The text.
    pub text: String,
    /// Who wrote it.
    pub by: Author,
    /// How many images came with it.
    pub images: u32,
}

/// Who wrote something on the user's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// A person.
    Person,
    /// The client: reminders, memory files, command output that it frames, the task of a sub-agent.
    Client,
}

/// A tool call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Pairs it with its result.
    pub id: String,
    /// The tool's name, as the model wrote it.
    pub tool: String,
    /// Its arguments: JSON text, or a program.
    pub arguments: String,
}

/// What a tool answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Pairs it with its call.
    pub id: String,
    /// What the model was given to read.
    pub text: String,
    /// How many images came with it.
    pub images: u32,
    /// How the call ended.
    pub ending: Ending,
}

/// How a tool call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It did what it was asked.
    Worked,
    /// It failed; with the exit code, where there was one.
    Failed(Option<i32>),
    /// The person, or a rule of theirs, did not allow it.
    Denied,
    /// It was stopped before its end.
    Interrupted,
    /// The file does not say.
    Unknown,
}

/// An answer of the model, at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Its name at the provider; empty when the file does not say.
    pub id: String,
    /// The model that gave it; empty when the file does not say.
    pub model: String,
    /// What the provider says it cost; `None` when the file does not say.
    pub usage: Option<Usage>,
    /// How long the provider was asked to keep the prompt, as far as the usage shows it.
    pub cache: CacheAsk,
}

/// A history replaced by a summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// How long the history was, as the client counted it.
    pub before: Option<Tokens>,
    /// The summary that stands in its place; empty when the file does not hold it (or it follows as a prompt).
    pub summary: String,
    /// Who asked for it.
    pub by: Author,
}

/// A transcript on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// Which session of it; `None` for files that hold one.
    pub session: Option<String>,
    /// Which agent's format it has.
    pub format: Format,
    /// Bytes; for a session in a database, as far as it can be told.
    pub bytes: u64,
    /// When it was last written.
    pub modified: Millis,
}

/// The formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Claude Code: `projects/FOLDER/SESSION.jsonl`.
    Claude,
    /// Codex: `sessions/Y/M/D/rollout-TIME-ID.jsonl`.
    Codex,
    /// Gemini CLI: `tmp/PROJECT/chats/session-*.jsonl` (older: `.json`).
    Gemini,
    /// Qwen Code: `projects/FOLDER/chats/SESSION.jsonl`.
    Qwen,
    /// OpenCode: sessions in `opencode.db`.
    OpenCode,
    /// aider: `.aider.chat.history.md`, or what `--llm-history-file` wrote.
    Aider,
    /// Requests, or messages, a line each, in the shape of a provider's interface.
    Plain,
}

/// What was passed over in a transcript.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Lines that are no record of the format: malformed, cut short, not UTF-8, longer than is read.
    pub unreadable: u64,
    /// Records of kinds that are not known here.
    pub unknown: u64,
}

/// Why a transcript could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum TranscriptError {
    /// The file can't be opened or read.
    #[error("could not read {path}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is in none of the known formats.
    #[error("{path} is no transcript of a known format")]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
}

impl TranscriptError {
    fn from_io(path: &Path, source: io::Error) -> TranscriptError {
        TranscriptError::Io { path: path.to_owned(), source }
    }
}

/// What is done with each entry; breaking off ends the reading.
pub type See<'a> = dyn FnMut(Entry) -> ControlFlow<()> + 'a;

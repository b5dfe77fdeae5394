//! OpenCode: its sessions in `opencode.db` (SQLite: tables `session`, `message`, `part`; the records are JSON in their `data`).
//!
//! *Invariant:* nothing is ever written, neither into the database nor beside it: it is opened read-only, and as one that
//! nobody changes where a reader would have to leave a file. *Invariant:* one record in memory; what can't be read is counted.

use super::json::{Count, Flag, Maybe, Text};
use super::{
    About, Answered, Author, Call, Compacted, Ending, Entry, Event, Format, Outcome, Prompt, See, Skipped,
    Source,
};
use crate::conversation::CacheAsk;
use crate::receipt::Usage;
use crate::units::{Millis, Tokens};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::fs;
use std::io::{self, Read as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The longest record that is read, in bytes.
const LONGEST: i64 = 32 << 20;

/// How long a writer is waited for.
const PATIENCE: Duration = Duration::from_millis(250);

/// Bytes of answers that wait for the end of the model's turn.
const HELD: usize = 64 << 20;

/// A `message`'s `data`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    role: Text<'a>,
    #[serde(rename = "modelID", borrow)]
    model: Text<'a>,
    #[serde(rename = "providerID", borrow)]
    provider: Text<'a>,
    #[serde(borrow)]
    path: Maybe<Folders<'a>>,
    tokens: Maybe<Counts>,
    summary: Flag,
    #[serde(borrow)]
    error: Maybe<Trouble<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Folders<'a> {
    #[serde(borrow)]
    cwd: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Trouble<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Counts {
    total: Count,
    input: Count,
    output: Count,
    reasoning: Count,
    cache: Maybe<CacheCounts>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct CacheCounts {
    read: Count,
    write: Count,
}

/// A `part`'s `data`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Part<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    synthetic: Flag,
    ignored: Flag,
    #[serde(borrow)]
    mime: Text<'a>,
    #[serde(borrow)]
    tool: Text<'a>,
    #[serde(rename = "callID", borrow)]
    call: Text<'a>,
    #[serde(borrow)]
    state: Maybe<State<'a>>,
    tokens: Maybe<Counts>,
    auto: Flag,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct State<'a> {
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Text<'a>,
    #[serde(borrow)]
    error: Text<'a>,
    metadata: Maybe<Metadata>,
    time: Maybe<Times>,
    #[serde(borrow)]
    attachments: Maybe<Vec<&'a RawValue>>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    exit: Maybe<i32>,
    interrupted: Flag,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Times {
    start: Count,
    end: Count,
}

/// What stands in a session's `revert`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Revert<'a> {
    #[serde(rename = "messageID", borrow)]
    message: Text<'a>,
}

/// The sessions in a database, sub-agents' among them, each a source of its own.
///
/// # Errors
/// When it can't be opened, or is no database of OpenCode's.
pub fn sessions(path: &Path, bytes: u64) -> io::Result<Vec<Source>> {
    let database = open(path)?;
    let all: u64 = count(&database, "SELECT count(*) FROM part", &[])?.max(1);
    let mut statement = database
        .prepare("SELECT s.id, s.time_updated, (SELECT count(*) FROM part p WHERE p.session_id = s.id) FROM session s")
        .map_err(trouble)?;
    let mut rows = statement.query([]).map_err(trouble)?;
    let mut sources = Vec::new();
    while let Ok(Some(row)) = rows.next() {
        let (Ok(id), Ok(at)) = (row.get::<_, String>(0), row.get::<_, i64>(1)) else { continue };
        let parts = u64::try_from(row.get::<_, i64>(2).unwrap_or_default()).unwrap_or_default();
        let share = u128::from(bytes) * u128::from(parts) / u128::from(all);
        sources.push(Source {
            path: path.to_owned(),
            session: Some(id),
            format: Format::OpenCode,
            bytes: u64::try_from(share).unwrap_or(bytes),
            modified: Millis(at),
        });
    }
    Ok(sources)
}

/// Reads a session; all of them, when the source names none.
///
/// # Errors
/// When the database can't be opened, or has no such tables.
pub fn read(source: &Source, see: &mut See<'_>) -> io::Result<Skipped> {
    let database = open(&source.path)?;
    let wanted = match &source.session {
        Some(id) => vec![id.clone()],
        None => ids(&database, "SELECT id FROM session ORDER BY time_created, id", &[])?,
    };
    let mut reader = Reader {
        see,
        skipped: Skipped::default(),
        about: About::default(),
        thread: Arc::from(""),
        row: 0,
        held: Vec::new(),
        held_bytes: 0,
        summing_up: None,
    };
    for id in wanted {
        if reader.session(&database, &id)?.is_break() {
            break;
        }
    }
    Ok(reader.skipped)
}

/// Opens a database without leaving a trace.
fn open(path: &Path) -> io::Result<Connection> {
    let mut header = [0_u8; 100];
    let mut file = fs::File::open(path)?;
    if !file.metadata()?.is_file()
        || file.read_exact(&mut header).is_err()
        || !header.starts_with(b"SQLite format 3\0")
    {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a database"));
    }
    // A database with a log beside it (byte 18 is 2): the log's index is mapped, but never written. Without one, nobody has it
    // open, and a reader would make the files.
    let logged = header.get(18) == Some(&2);
    let indexed = beside(path, "-shm").exists();
    let ways: &[&str] = match (logged, indexed) {
        (false, _) => &["mode=ro", "immutable=1"],
        (true, true) => &["mode=ro&readonly_shm=1", "immutable=1"],
        (true, false) => &["immutable=1"],
    };
    let mut last = None;
    for way in ways {
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(address(path, way), flags).and_then(|database| {
            database.busy_timeout(PATIENCE)?;
            database.query_row("SELECT count(*) FROM session WHERE id = ''", [], |_| Ok(()))?;
            Ok(database)
        });
        match opened {
            Ok(database) => return Ok(database),
            Err(error) => last = Some(error),
        }
    }
    Err(last.map_or_else(|| io::Error::other("could not be opened"), trouble))
}

/// The file that SQLite keeps beside a database.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// A database's address for SQLite.
fn address(path: &Path, way: &str) -> String {
    let mut address = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' => address.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => address.push(char::from(*byte)),
            byte => address.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("{address}?{way}")
}

fn trouble(error: rusqlite::Error) -> io::Error {
    io::Error::other(error)
}

fn count(database: &Connection, query: &str, of: &[&str]) -> io::Result<u64> {
    let counted: i64 =
        database.query_row(query, rusqlite::params_from_iter(of), |row| row.get(0)).map_err(trouble)?;
    Ok(u64::try_from(counted).unwrap_or_default())
}

/// The first column of all rows; those that can't be read end the row.
fn ids(database: &Connection, query: &str, of: &[&str]) -> io::Result<Vec<String>> {
    let mut statement = database.prepare_cached(query).map_err(trouble)?;
    let rows = statement.query_map(rusqlite::params_from_iter(of), |row| row.get(0)).map_err(trouble)?;
    Ok(rows.map_while(Result::ok).collect())
}

/// What is said after the model's turn.
struct Held {
    at: Option<Millis>,
    row: u64,
    outcome: Outcome,
}

struct Reader<'a, 's> {
    see: &'a mut See<'s>,
    skipped: Skipped,
    about: About,
    thread: Arc<str>,
    /// Which part of the session, counted from 1.
    row: u64,
    held: Vec<Held>,
    held_bytes: usize,
    /// The history is being summed up: who asked for it.
    summing_up: Option<Author>,
}

impl Reader<'_, '_> {
    fn session(&mut self, database: &Connection, id: &str) -> io::Result<ControlFlow<()>> {
        let session = database
            .query_row(
                "SELECT directory, version, parent_id, revert FROM session WHERE id = ?1",
                [id],
                |row| {
                    let text = |at| row.get::<_, Option<String>>(at).ok().flatten().unwrap_or_default();
                    Ok((text(0), text(1), text(2), text(3)))
                },
            )
            .optional()
            .map_err(trouble)?;
        let Some((folder, version, parent, revert)) = session else { return Ok(ControlFlow::Continue(())) };
        let revert: Revert<'_> = serde_json::from_str(&revert).unwrap_or_default();
        self.row = 0;
        self.summing_up = None;
        let (session, agent) = (id.to_owned(), "opencode".to_owned());
        self.about = About { session, agent, folder, model: String::new(), version, parent };
        if self.say(0, None, Event::About(self.about.clone())).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let mut taken_back = None;
        for message in
            ids(database, "SELECT id FROM message WHERE session_id = ?1 ORDER BY time_created, id", &[id])?
        {
            if message == revert.message.as_str() {
                taken_back = Some(self.row);
            }
            if self.message(database, &message).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        let back = taken_back.map(|to| self.say(self.row, None, Event::Back { to }));
        Ok(back.unwrap_or(ControlFlow::Continue(())))
    }

    fn message(&mut self, database: &Connection, id: &str) -> ControlFlow<()> {
        let Some((created, data)) = record(database, MESSAGE, id) else {
            return self.unreadable();
        };
        let Ok(message) = serde_json::from_str::<Message<'_>>(&data) else { return self.unreadable() };
        let parts = ids(database, "SELECT id FROM part WHERE message_id = ?1 ORDER BY id", &[id]);
        let Ok(parts) = parts else { return self.unreadable() };
        if message.role.as_str() == "user" {
            return self.user(database, created, &parts);
        }
        if message.role.as_str() != "assistant" {
            self.skipped.unknown += 1;
            return ControlFlow::Continue(());
        }
        self.introduce(&message)?;
        self.assistant(database, created, &message, &parts)
    }

    /// The folder and the model, where they are others than before.
    fn introduce(&mut self, message: &Message<'_>) -> ControlFlow<()> {
        let folder = message.path.0.as_ref().map_or("", |path| path.cwd.as_str());
        let mut about = self.about.clone();
        for (kept, said) in [(&mut about.folder, folder), (&mut about.model, message.model.as_str())] {
            if !said.is_empty() && kept != said {
                said.clone_into(kept);
            }
        }
        if about == self.about {
            return ControlFlow::Continue(());
        }
        self.about = about;
        self.say(self.row + 1, None, Event::About(self.about.clone()))
    }

    /// What a person said, and what the client put beside it.
    fn user(&mut self, database: &Connection, created: Millis, parts: &[String]) -> ControlFlow<()> {
        let (mut words, mut images) = (None, 0);
        for id in parts {
            self.row += 1;
            let Some((_, data)) = record(database, PART, id) else {
                self.skipped.unreadable += 1;
                continue;
            };
            let Ok(part) = serde_json::from_str::<Part<'_>>(&data) else {
                self.skipped.unreadable += 1;
                continue;
            };
            match part.kind.as_str() {
                "text" if part.ignored.0 == Some(true) => {}
                "text" if part.synthetic.0 == Some(true) => {
                    let text = part.text.as_str().to_owned();
                    self.say(
                        self.row,
                        Some(created),
                        Event::Prompt(Prompt { text, by: Author::Client, images: 0 }),
                    )?;
                }
                "text" => {
                    let (_, said) = words.get_or_insert((self.row, String::new()));
                    said.push_str(if said.is_empty() { "" } else { "\n" });
                    said.push_str(unquoted(part.text.as_str()));
                }
                "file" => images += u32::from(part.mime.as_str().starts_with("image/")),
                "compaction" => {
                    let auto = part.auto.0 == Some(true);
                    self.summing_up = Some(if auto { Author::Client } else { Author::Person });
                }
                "agent" | "subtask" | "snapshot" | "patch" => {}
                _ => self.skipped.unknown += 1,
            }
        }
        if words.is_none() && images == 0 {
            return ControlFlow::Continue(());
        }
        let (row, text) = words.unwrap_or((self.row, String::new()));
        self.say(row, Some(created), Event::Prompt(Prompt { text, by: Author::Person, images }))
    }

    /// What the model said and called, and what the tools answered.
    fn assistant(
        &mut self,
        database: &Connection,
        created: Millis,
        message: &Message<'_>,
        parts: &[String],
    ) -> ControlFlow<()> {
        let mut said = String::new();
        let mut answered = false;
        let sums_up = message.summary.0 == Some(true);
        for id in parts {
            self.row += 1;
            let Some((at, data)) = record(database, PART, id) else {
                self.skipped.unreadable += 1;
                continue;
            };
            let Ok(part) = serde_json::from_str::<Part<'_>>(&data) else {
                self.skipped.unreadable += 1;
                continue;
            };
            let at = Some(at);
            match part.kind.as_str() {
                "text" if sums_up => said.push_str(part.text.as_str()),
                "text" if part.text.as_str().is_empty() => {}
                "text" => self.say(self.row, at, Event::Said(part.text.as_str().to_owned()))?,
                "reasoning" => {
                    let bytes = u64::try_from(part.text.as_str().len()).unwrap_or(u64::MAX);
                    self.say(self.row, at, Event::Thought { bytes })?;
                }
                "tool" => self.tool(at, &part)?,
                "step-finish" => {
                    answered = true;
                    self.answered(at, message, part.tokens.0)?;
                }
                "step-start" | "snapshot" | "patch" | "retry" | "file" => {}
                _ => self.skipped.unknown += 1,
            }
        }
        if !answered {
            let counts = message.tokens.0.filter(|counts| used(*counts).input() > Tokens(0));
            self.answered(Some(created), message, counts)?;
        }
        if sums_up {
            let by = self.summing_up.take().unwrap_or(Author::Client);
            let before =
                message.tokens.0.map(|counts| used(counts).input()).filter(|before| *before > Tokens(0));
            self.say(self.row, Some(created), Event::Compacted(Compacted { before, summary: said, by }))?;
        }
        if message.error.0.as_ref().is_some_and(|error| error.name.as_str() == "MessageAbortedError") {
            self.say(self.row, Some(created), Event::Interrupted)?;
        }
        ControlFlow::Continue(())
    }

    fn tool(&mut self, at: Option<Millis>, part: &Part<'_>) -> ControlFlow<()> {
        let nothing = State::default();
        let state = part.state.0.as_ref().unwrap_or(&nothing);
        let id = part.call.as_str().to_owned();
        let tool = part.tool.as_str().to_owned();
        let arguments = state.input.map(|input| input.get().to_owned()).unwrap_or_default();
        let start = state.time.0.and_then(|time| time.start.0).and_then(moment);
        self.say(self.row, start.or(at), Event::Call(Call { id: id.clone(), tool, arguments }))?;
        let failed = state.status.as_str() == "error";
        let text = if failed { state.error.as_str() } else { state.output.as_str() };
        let images =
            state.attachments.0.as_ref().map_or(0, |all| u32::try_from(all.len()).unwrap_or(u32::MAX));
        let outcome = Outcome { id, text: text.to_owned(), images, ending: ending(state) };
        let end = state.time.0.and_then(|time| time.end.0).and_then(moment);
        self.held_bytes += outcome.text.len();
        self.held.push(Held { at: end.or(at), row: self.row, outcome });
        match HELD < self.held_bytes {
            true => self.release(),
            false => ControlFlow::Continue(()),
        }
    }

    /// The answer of the model has ended: says so, then what the tools answered.
    fn answered(
        &mut self,
        at: Option<Millis>,
        message: &Message<'_>,
        counts: Option<Counts>,
    ) -> ControlFlow<()> {
        let usage = counts.map(used);
        let asks = message.provider.as_str().contains("anthropic")
            || usage.is_some_and(|usage| usage.cache_write_5m > Tokens(0));
        let cache = if asks { CacheAsk::FiveMinutes } else { CacheAsk::Automatic };
        let model = message.model.as_str().to_owned();
        self.say(self.row, at, Event::Answered(Answered { id: String::new(), model, usage, cache }))?;
        self.release()
    }

    fn release(&mut self) -> ControlFlow<()> {
        self.held_bytes = 0;
        for Held { at, row, outcome } in std::mem::take(&mut self.held) {
            self.say(row, at, Event::Result(outcome))?;
        }
        ControlFlow::Continue(())
    }

    fn say(&mut self, row: u64, at: Option<Millis>, event: Event) -> ControlFlow<()> {
        (self.see)(Entry { line: row.max(1), at, thread: self.thread.clone(), event })
    }

    fn unreadable(&mut self) -> ControlFlow<()> {
        self.skipped.unreadable += 1;
        ControlFlow::Continue(())
    }
}

const MESSAGE: &str = "SELECT time_created, data FROM message WHERE id = ?1 AND octet_length(data) <= ?2";
const PART: &str = "SELECT time_created, data FROM part WHERE id = ?1 AND octet_length(data) <= ?2";

/// A record and when it was made; `None` when it can't be read.
fn record(database: &Connection, query: &str, id: &str) -> Option<(Millis, String)> {
    let mut statement = database.prepare_cached(query).ok()?;
    statement.query_row((id, LONGEST), |row| Ok((Millis(row.get(0)?), row.get(1)?))).ok()
}

fn moment(at: u64) -> Option<Millis> {
    i64::try_from(at).ok().map(Millis)
}

/// What a person typed: `opencode run` puts what holds a space between quotes.
fn unquoted(text: &str) -> &str {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inner.filter(|inner| !inner.contains('"')).unwrap_or(text)
}

/// What an error says when the person, or a rule of theirs, said no.
const DENIED: [&str; 4] =
    ["rejected permission", "specified a rule which prevents", "QuestionRejectedError", "user dismissed"];

fn ending(state: &State<'_>) -> Ending {
    let metadata = state.metadata.0.unwrap_or_default();
    let error = state.error.as_str();
    match state.status.as_str() {
        "error" if DENIED.iter().any(|words| error.contains(words)) => Ending::Denied,
        "error" if metadata.interrupted.0 == Some(true) || error == "Tool execution aborted" => {
            Ending::Interrupted
        }
        "error" => Ending::Failed(None),
        "completed" => match metadata.exit.0 {
            Some(0) => Ending::Worked,
            Some(code) => Ending::Failed(Some(code)),
            None if state.output.as_str().contains("terminated command after exceeding timeout") => {
                Ending::Failed(None)
            }
            None => Ending::Worked,
        },
        "pending" | "running" => Ending::Interrupted,
        _ => Ending::Unknown,
    }
}

fn used(counts: Counts) -> Usage {
    let of = |count: Count| count.0.unwrap_or_default();
    let cache = counts.cache.0.unwrap_or_default();
    let (input, output) = (of(counts.input), of(counts.output));
    let (read, written) = (of(cache.read), of(cache.write));
    // Some versions count the reasoning within the output, some beside it: the total tells.
    let beside =
        of(counts.total) != input.saturating_add(output).saturating_add(read).saturating_add(written);
    let thought = if beside { of(counts.reasoning) } else { 0 };
    Usage {
        uncached: Tokens(input),
        cache_read: Tokens(read),
        cache_write_5m: Tokens(written),
        cache_write_1h: Tokens(0),
        output: Tokens(output.saturating_add(thought)),
    }
}

#[cfg(test)]
mod tests;

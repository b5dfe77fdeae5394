//! aider: the chat's history (`.aider.chat.history.md`), and what `--llm-history-file` wrote (`log`).
//!
//! One file holds all sessions of a folder: each begins with `# aider chat started at`. `#### ` is what the person typed, `> `
//! what aider said, the rest is the model's. An edit is a block in the model's text, and aider says behind it what became of
//! it. *Invariant:* one answer in memory, and no more than `TEXT` of it.

mod edits;
mod log;
#[cfg(test)]
mod tests;

use super::lines::Lines;
use super::{About, Answered, Author, Call, Ending, Entry, Event, Outcome, Prompt, See, Skipped, Source};
use crate::conversation::CacheAsk;
use crate::receipt::Usage;
use crate::units::{Millis, Tokens};
use edits::Edit;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Bytes of one answer, or of one report of aider's, that are kept.
const TEXT: usize = 4 << 20;

/// How a session begins.
const STARTED: &str = "# aider chat started at ";

/// What the person types to run a command, and the tool that it is taken for.
const RUNS: [&str; 4] = ["/run ", "!", "/test ", "/git "];

/// What the person types before words to the model.
const SPEAKS: [&str; 5] = ["/ask ", "/code ", "/architect ", "/chat-mode ", "/ok"];

/// Reads a file.
///
/// # Errors
/// What the reading said.
pub fn read<R: Read>(lines: &mut Lines<R>, source: &Source, see: &mut See<'_>) -> io::Result<Skipped> {
    if is_log(&source.path) {
        return log::read(lines, source, see);
    }
    let mut reader = Reader::of(source, see);
    while let Some(line) = lines.next_line()? {
        let number = line.number;
        let text = line.bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
        let Some(text) = text else {
            reader.skipped.unreadable += 1;
            continue;
        };
        if reader.line(number, text).is_break() {
            return Ok(reader.skipped);
        }
    }
    let _ = reader.end();
    Ok(reader.skipped)
}

/// True for what `--llm-history-file` wrote.
fn is_log(path: &std::path::Path) -> bool {
    let mut start = [0_u8; 16];
    let read = std::fs::File::open(path).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
    let start = start.get(..read).unwrap_or_default();
    start.starts_with(b"TO LLM ") || start.starts_with(b"LLM RESPONSE ")
}

/// `2026-11-20 21:35:01` or `2026-11-20T21:35:01`: aider writes no time zone; read as UTC, so hours may be off.
fn moment(text: &str) -> Option<Millis> {
    let at: jiff::civil::DateTime = text.replacen(' ', "T", 1).parse().ok()?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Millis(at.timestamp().as_millisecond()))
}

/// A session's name: aider gives it none, so it is when it began, the time of day first, which tells those of a day apart.
fn name_of(at: &str) -> String {
    let (day, time) = at.split_once([' ', 'T']).unwrap_or(("", at));
    let time: String = time.chars().filter(char::is_ascii_digit).collect();
    if day.is_empty() { at.to_owned() } else { format!("{time}-{day}") }
}

/// Edits that the model wrote, and of which aider has not yet said what became of them.
#[derive(Default)]
struct Pending {
    edits: Vec<(String, Edit)>,
    calls: u64,
}

impl Pending {
    fn add(&mut self, id: String, edit: Edit) {
        self.edits.push((id, edit));
    }

    /// The edits for which `which` holds, as ended.
    fn take(&mut self, ending: Ending, text: &str, which: impl Fn(&Edit) -> bool) -> Vec<Outcome> {
        let mut taken = Vec::new();
        self.edits.retain(|(id, edit)| {
            let ends = which(edit);
            if ends {
                taken.push(Outcome { id: id.clone(), text: text.to_owned(), images: 0, ending });
            }
            !ends
        });
        taken
    }

    fn all_worked(&mut self) -> Vec<Outcome> {
        self.take(Ending::Worked, "", |_| true)
    }

    fn all_unknown(&mut self) -> Vec<Outcome> {
        self.take(Ending::Unknown, "", |_| true)
    }

    fn applied(&mut self, path: &str) -> Vec<Outcome> {
        self.take(Ending::Worked, "", |edit| same_file(&edit.path, path))
    }

    fn denied(&mut self, path: &str) -> Vec<Outcome> {
        self.take(Ending::Denied, "", |edit| same_file(&edit.path, path))
    }

    /// aider's report on blocks that did not match: each names its file and repeats the block. The others were taken over.
    fn failed(&mut self, report: &str) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for part in report.split("\n## ").skip(1) {
            let named = part
                .lines()
                .next()
                .and_then(|line| line.rsplit_once(" lines in "))
                .map(|(_, path)| path.trim());
            let block = edits::edits(part).into_iter().next();
            let part = format!("## {}", part.trim_end());
            outcomes.extend(self.take(Ending::Failed(None), &part, |edit| {
                let file = named.is_none_or(|named| same_file(&edit.path, named));
                file && block.as_ref().is_none_or(|block| block.old == edit.old)
            }));
        }
        if report.contains("were applied successfully") || report.contains("was applied successfully") {
            outcomes.extend(self.all_worked());
        }
        outcomes
    }
}

/// aider names files from the root of the repository, models as they like.
fn same_file(one: &str, other: &str) -> bool {
    one == other || one.ends_with(&format!("/{other}")) || other.ends_with(&format!("/{one}"))
}

/// A command whose end is not told yet.
struct Run {
    line: u64,
    id: String,
    /// `/test`: what it printed is only put into the chat when it failed.
    test: bool,
}

struct Reader<'a, 's> {
    see: &'a mut See<'s>,
    skipped: Skipped,
    about: About,
    thread: Arc<str>,
    at: Option<Millis>,
    /// Where this session begins.
    started: u64,
    /// What the model has said since its turn began, and where that was.
    said: String,
    said_at: u64,
    /// What the person typed, line by line, while it goes on.
    typed: Option<(u64, String)>,
    /// A report of aider's that goes on over lines.
    report: Option<(u64, String)>,
    /// The line of aider's before this one: the file or the command that a question is about.
    before: String,
    pending: Pending,
    run: Option<Run>,
}

impl<'a, 's> Reader<'a, 's> {
    fn of(source: &Source, see: &'a mut See<'s>) -> Reader<'a, 's> {
        let folder =
            source.path.parent().map(|folder| folder.to_string_lossy().into_owned()).unwrap_or_default();
        Reader {
            see,
            skipped: Skipped::default(),
            about: About { agent: "aider".to_owned(), folder, ..About::default() },
            thread: Arc::from(""),
            at: None,
            started: 0,
            said: String::new(),
            said_at: 0,
            typed: None,
            report: None,
            before: String::new(),
            pending: Pending::default(),
            run: None,
        }
    }

    fn line(&mut self, line: u64, text: &str) -> ControlFlow<()> {
        // The last line of what the person typed, and of what aider said, ends with two spaces.
        let ends = text.ends_with("  ");
        if let Some((_, report)) = &mut self.report {
            if report.len() < TEXT {
                report.push('\n');
                report.push_str(text.trim_end());
            }
            // A report that never ends is broken off where something else begins.
            if !ends && !text.starts_with(STARTED) {
                return ControlFlow::Continue(());
            }
            self.reported()?;
            if ends {
                return ControlFlow::Continue(());
            }
        }
        if let Some(started) = text.strip_prefix(STARTED) {
            return self.start(line, started.trim());
        }
        if let Some(typed) = text.strip_prefix("#### ").or_else(|| (text == "####").then_some("")) {
            let (_, all) = self.typed.get_or_insert((line, String::new()));
            if !all.is_empty() {
                all.push('\n');
            }
            all.push_str(typed.trim_end());
            return if ends { self.typed() } else { ControlFlow::Continue(()) };
        }
        if let Some((began, typed)) = self.typed.take() {
            // A heading that the model wrote.
            self.heard(began, &format!("#### {}", typed.replace('\n', "\n#### ")));
        }
        match text.strip_prefix("> ") {
            Some(noted) if ends => self.noted(line, noted.trim_end()),
            Some(report) if report.starts_with("# ") || report.starts_with("Linting") => {
                self.report = Some((line, report.to_owned()));
                ControlFlow::Continue(())
            }
            _ => {
                self.heard(line, text);
                ControlFlow::Continue(())
            }
        }
    }

    /// A line of the model's.
    fn heard(&mut self, line: u64, text: &str) {
        if self.said.is_empty() {
            if text.trim().is_empty() {
                return;
            }
            self.said_at = line;
        }
        if self.said.len() < TEXT {
            self.said.push_str(text);
            self.said.push('\n');
        }
    }

    fn start(&mut self, line: u64, at: &str) -> ControlFlow<()> {
        self.end()?;
        self.at = moment(at);
        self.started = line;
        self.about = About { session: name_of(at), model: String::new(), ..self.about.clone() };
        self.say(line, Event::About(self.about.clone()))
    }

    /// What a person typed is complete.
    fn typed(&mut self) -> ControlFlow<()> {
        let Some((line, text)) = self.typed.take() else { return ControlFlow::Continue(()) };
        self.answered(line, None)?;
        self.settle(line, Pending::all_unknown)?;
        self.ran(Ending::Unknown)?;
        let text = text.trim();
        if let Some(command) = RUNS.iter().find_map(|start| text.strip_prefix(start)) {
            let command = if text.starts_with("/git") {
                format!("git {}", command.trim())
            } else {
                command.trim().to_owned()
            };
            return self.runs(line, &command, text.starts_with("/test"));
        }
        if matches!(text, "/clear" | "/reset") {
            return self.say(line, Event::Back { to: self.started });
        }
        let words = SPEAKS.iter().find_map(|start| text.strip_prefix(start)).map(str::trim);
        let words = words.or_else(|| (!text.starts_with('/') || text == "/undo").then_some(text));
        let Some(words) = words.filter(|words| !words.is_empty()) else { return ControlFlow::Continue(()) };
        self.say(line, Event::Prompt(Prompt { text: words.to_owned(), by: Author::Person, images: 0 }))
    }

    fn runs(&mut self, line: u64, command: &str, test: bool) -> ControlFlow<()> {
        let id = self.next_id("run");
        let arguments = serde_json::json!({ "command": command }).to_string();
        self.say(line, Event::Call(Call { id: id.clone(), tool: "bash".to_owned(), arguments }))?;
        self.run = Some(Run { line, id, test });
        ControlFlow::Continue(())
    }

    /// The command that was run last has ended.
    fn ran(&mut self, ending: Ending) -> ControlFlow<()> {
        let Some(Run { line, id, test }) = self.run.take() else { return ControlFlow::Continue(()) };
        let ending = if test && ending == Ending::Unknown { Ending::Worked } else { ending };
        self.say(line, Event::Result(Outcome { id, text: String::new(), images: 0, ending }))
    }

    /// A line of aider's.
    fn noted(&mut self, line: u64, text: &str) -> ControlFlow<()> {
        if let Some(tokens) = text.strip_prefix("Tokens: ") {
            return self.answered(line, used(tokens));
        }
        let before = std::mem::replace(&mut self.before, text.to_owned());
        if let Some(path) = text.strip_prefix("Applied edit to ") {
            return self.settle(line, |pending| pending.applied(path));
        }
        if let Some(path) = text.strip_prefix("Skipping edits to ") {
            let path = path.split(" that matches").next().unwrap_or(path);
            return self.settle(line, |pending| pending.denied(path));
        }
        let no = text.ends_with(": n") || text.ends_with(": no");
        if text.starts_with("Create new file?") || text.starts_with("Allow edits to file") {
            return if no {
                self.settle(line, |pending| pending.denied(&before))
            } else {
                ControlFlow::Continue(())
            };
        }
        if text.starts_with("Run shell command") && no {
            self.runs(line, &before, false)?;
            return self.ran(Ending::Denied);
        }
        if let Some(command) = text
            .strip_prefix("Running ")
            .filter(|command| *command == before || before.starts_with("Run shell command"))
        {
            return self.runs(line, command, false);
        }
        if text.starts_with("Added ") && text.ends_with(" of output to the chat.") {
            let failed = self.run.as_ref().is_some_and(|run| run.test);
            return self.ran(if failed { Ending::Failed(None) } else { Ending::Unknown });
        }
        if let Some(what) = text.strip_prefix("Attempt to fix ") {
            let tool = if what.starts_with("lint") { "lint" } else { "test" };
            return self.checked(line, tool);
        }
        if text.contains("KeyboardInterrupt") || text.contains("^C again to exit") {
            self.answered(line, None)?;
            return self.say(line, Event::Interrupted);
        }
        if text.contains("has hit a token limit") {
            let prompt = Prompt { text: text.to_owned(), by: Author::Client, images: 0 };
            return self.say(line, Event::Prompt(prompt));
        }
        self.introduced(line, text)
    }

    /// aider's own check of what was edited found something.
    fn checked(&mut self, line: u64, tool: &str) -> ControlFlow<()> {
        let id = self.next_id(tool);
        self.say(
            line,
            Event::Call(Call { id: id.clone(), tool: tool.to_owned(), arguments: "{}".to_owned() }),
        )?;
        self.say(
            line,
            Event::Result(Outcome { id, text: String::new(), images: 0, ending: Ending::Failed(None) }),
        )
    }

    /// The version and the model, as aider says them when it starts.
    fn introduced(&mut self, line: u64, text: &str) -> ControlFlow<()> {
        let mut about = self.about.clone();
        if let Some(version) = text.strip_prefix("Aider v") {
            version.clone_into(&mut about.version);
        }
        let model = ["Main model: ", "Model: "].iter().find_map(|start| text.strip_prefix(start));
        if let Some(model) = model.and_then(|model| model.split(" with ").next()) {
            model.clone_into(&mut about.model);
        }
        if about == self.about {
            return ControlFlow::Continue(());
        }
        self.about = about;
        self.say(line, Event::About(self.about.clone()))
    }

    /// A report over several lines is complete.
    fn reported(&mut self) -> ControlFlow<()> {
        let Some((line, report)) = self.report.take() else { return ControlFlow::Continue(()) };
        if report.contains("failed to match!") {
            // What aider reports goes to the model, which answers anew.
            return self.settle(line, |pending| pending.failed(&report));
        }
        ControlFlow::Continue(())
    }

    /// The model's turn is over.
    fn answered(&mut self, line: u64, usage: Option<Usage>) -> ControlFlow<()> {
        let said = std::mem::take(&mut self.said);
        let text = said.trim();
        if text.is_empty() && usage.is_none() {
            return ControlFlow::Continue(());
        }
        self.settle(line, Pending::all_unknown)?;
        let at = if text.is_empty() { line } else { self.said_at };
        if !text.is_empty() {
            self.say(at, Event::Said(text.to_owned()))?;
        }
        for edit in edits::edits(text) {
            let id = self.next_id("edit");
            self.say(at, Event::Call(edit.call(id.clone())))?;
            self.pending.add(id, edit);
        }
        let written = usage.is_some_and(|usage| usage.cache_write_5m > Tokens(0));
        let cache = if written { CacheAsk::FiveMinutes } else { CacheAsk::Automatic };
        let model = self.about.model.clone();
        self.say(line, Event::Answered(Answered { id: String::new(), model, usage, cache }))
    }

    fn settle(&mut self, line: u64, how: impl FnOnce(&mut Pending) -> Vec<Outcome>) -> ControlFlow<()> {
        for outcome in how(&mut self.pending) {
            self.say(line, Event::Result(outcome))?;
        }
        ControlFlow::Continue(())
    }

    /// The file, or a session in it, has ended.
    fn end(&mut self) -> ControlFlow<()> {
        self.reported()?;
        if let Some((line, typed)) = self.typed.take() {
            self.heard(line, &typed);
        }
        let line = self.said_at.max(self.started).max(1);
        self.ran(Ending::Unknown)?;
        if !self.said.trim().is_empty() && self.started > 0 {
            self.answered(line, None)?;
        }
        self.said.clear();
        self.settle(line, Pending::all_unknown)
    }

    fn next_id(&mut self, kind: &str) -> String {
        self.pending.calls += 1;
        format!("{kind}-{}", self.pending.calls)
    }

    fn say(&mut self, line: u64, event: Event) -> ControlFlow<()> {
        (self.see)(Entry { line, at: self.at, thread: self.thread.clone(), event })
    }
}

/// `5.1k sent, 1.2k cache write, 3k cache hit, 48 received. Cost: …`: rounded by aider to two or three digits.
fn used(text: &str) -> Option<Usage> {
    let mut usage = Usage::default();
    let mut sent = None;
    for part in text.split(". Cost").next().unwrap_or(text).split(',') {
        let (number, what) = part.trim().split_once(' ')?;
        let tokens = Tokens(rounded(number)?);
        match what.trim_end_matches('.') {
            "sent" => sent = Some(tokens),
            "cache write" => usage.cache_write_5m = tokens,
            "cache hit" => usage.cache_read = tokens,
            "received" => usage.output = tokens,
            _ => {}
        }
    }
    usage.uncached =
        Tokens(sent?.0.saturating_sub(usage.cache_read.0).saturating_sub(usage.cache_write_5m.0));
    Some(usage)
}

/// `842`, `2.5k`, `12k`, `1.2M`.
fn rounded(text: &str) -> Option<u64> {
    let (digits, unit) = match text.as_bytes().last()? {
        b'k' => (text.get(..text.len() - 1)?, 1e3),
        b'M' => (text.get(..text.len() - 1)?, 1e6),
        _ => (text, 1.0),
    };
    let number: f64 = digits.parse().ok()?;
    (0.0..1e12).contains(&number).then(|| (number * unit).round() as u64)
}

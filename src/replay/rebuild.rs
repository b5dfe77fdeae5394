//! A transcript's entries, folded into the course of each of its threads.
//!
//! *Invariant:* no more than one stretch of a thread's texts (some megabytes) is held; what stays of them are counts.

use super::body::Row;
use super::course::{AskedBack, Block, Course, PROFILES, Step, Tool, Turn};
use super::kitchen::{Kitchen, Shortened};
use super::thread::{Draft, Errand, Thread, errand, remember};
use crate::conversation::CacheAsk;
use crate::rewrite::Profile;
use crate::tokens::{self, Vocabulary};
use crate::transcript::{About, Answered, Author, Entry, Event, Outcome};
use crate::units::{Millis, Tokens};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Bytes of a stretch from which on it is handed to the rewrite at the next request: far below
/// what the rewrite looks at in one request.
const STRETCH: usize = 2 << 20;

/// Bytes of a stretch at which it is handed over wherever it stands.
const LONGEST_STRETCH: usize = 12 << 20;

/// Threads of one session that are followed; entries of further ones are passed over.
const MOST_THREADS: usize = 4_096;

/// Calls that wait for their results.
const MOST_CALLS: usize = 1_024;

/// Tools of a session that are told apart; further ones are counted together with the last.
const MOST_TOOLS: usize = 200;

/// Files whose reads are counted.
const MOST_FILES: usize = 4_096;

/// What an image takes, roughly: the most that Anthropic scales one down to ("Vision" page, November 2026).
const IMAGE: u32 = 1_600;

/// A block that would have been sent otherwise than it was written.
#[derive(Debug)]
pub struct Change<'a> {
    /// The line of the transcript.
    pub line: u64,
    /// The request that it was first sent in, counted from 1 within its thread.
    pub request: usize,
    /// The thread; empty for the session's own.
    pub thread: &'a str,
    /// The profile, by its place among the names.
    pub profile: usize,
    /// The tool.
    pub tool: &'a str,
    /// What the client has.
    pub original: &'a str,
    /// What would have been sent, and what was done.
    pub sent: &'a Shortened,
}

/// What is done with each change; `None` when nobody looks.
pub type Look<'a> = Option<&'a mut dyn FnMut(&Change<'_>)>;

/// A session, as far as its entries tell it.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// Whose it is.
    pub about: About,
    /// The courses of its threads, by their names.
    pub courses: Vec<Course>,
    /// The names of its tools, by [`Tool`].
    pub tools: Vec<String>,
    /// How often each file was read, and the tokens of all reads but the first.
    pub reads: BTreeMap<String, Reads>,
    /// When it began.
    pub began: Option<Millis>,
}

/// How a file was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// How often.
    pub times: u64,
    /// Tokens of all reads after the first.
    pub again: u64,
}

/// Folds entries.
pub struct Rebuilding<'a, 'b> {
    kitchen: Kitchen<'a>,
    look: Look<'b>,
    rebuilt: Rebuilt,
    threads: BTreeMap<Arc<str>, Thread>,
    tools: HashMap<String, Tool>,
    /// True when the session ran through headroom: what was asked back then is ours.
    through: bool,
    /// Bytes of a stretch from which on it is handed to the rewrite.
    pub(super) stretch: usize,
}

impl<'a, 'b> Rebuilding<'a, 'b> {
    /// Begins a session; `through` when it is known to have run through headroom.
    pub fn new(kitchen: Kitchen<'a>, look: Look<'b>, through: bool) -> Rebuilding<'a, 'b> {
        let rebuilt =
            Rebuilt { tools: vec!["prompts".to_owned(), "the model".to_owned()], ..Rebuilt::default() };
        let (threads, tools) = (BTreeMap::new(), HashMap::new());
        Rebuilding { kitchen, look, rebuilt, threads, tools, through, stretch: STRETCH }
    }

    /// Takes in one entry.
    pub fn see(&mut self, entry: Entry) {
        let Entry { line, at, thread, event } = entry;
        if self.rebuilt.began.is_none() {
            self.rebuilt.began = at;
        }
        if let Event::About(about) = event {
            return self.about(about);
        }
        if !self.threads.contains_key(&thread) && MOST_THREADS <= self.threads.len() {
            return;
        }
        let mut its = self.threads.remove(&thread).unwrap_or_else(|| Thread {
            course: Course { thread: thread.clone(), ..Course::default() },
            ..Thread::default()
        });
        self.take(&mut its, line, at, event);
        self.threads.insert(thread, its);
    }

    /// The whole session.
    pub fn finish(mut self) -> Rebuilt {
        for (_, mut thread) in std::mem::take(&mut self.threads) {
            self.flush(&mut thread);
            self.rebuilt.courses.push(thread.course);
        }
        self.rebuilt
    }

    fn about(&mut self, about: About) {
        let known = &mut self.rebuilt.about;
        for (known, said) in [
            (&mut known.session, about.session),
            (&mut known.agent, about.agent),
            (&mut known.folder, about.folder),
            (&mut known.version, about.version),
            (&mut known.parent, about.parent),
        ] {
            if known.is_empty() {
                *known = said;
            }
        }
        if !about.model.is_empty() {
            known.model = about.model;
        }
    }

    fn take(&mut self, thread: &mut Thread, line: u64, at: Option<Millis>, event: Event) {
        match event {
            Event::About(_) => {}
            Event::Prompt(prompt) => {
                if prompt.by == Author::Person {
                    thread.answering = None;
                }
                thread.fetched.1 += 1;
                remember(&mut thread.asked, thread.lines.len(), &prompt.text);
                self.add(thread, line, Tool::PROMPT, Row::Asked(prompt.text), prompt.images);
                thread.heard = at.or(thread.heard);
            }
            Event::Result(outcome) => {
                self.result(thread, line, outcome);
                thread.heard = at.or(thread.heard);
            }
            Event::Said(text) => {
                self.answers(thread, line, at);
                remember(&mut thread.said, thread.lines.len(), &text);
                self.add(thread, line, Tool::MODEL, Row::Said(text), 0);
            }
            Event::Thought { .. } => self.answers(thread, line, at),
            Event::Call(call) => {
                self.answers(thread, line, at);
                if MOST_CALLS <= thread.open.len() {
                    thread.open.clear();
                }
                let tool = self.tool(&call.tool);
                let errand = errand(self.kitchen.agent, &call);
                let ours = errand == Errand::Fetches;
                thread.open.insert(call.id.clone(), (tool, errand));
                self.add(thread, line, Tool::MODEL, Row::Called(call), 0);
                thread.mark_last(|draft| draft.ours = ours);
            }
            Event::Answered(answered) => {
                self.answers(thread, line, at);
                self.answered(thread, line, &answered);
            }
            Event::Compacted(compacted) => {
                self.flush(thread);
                thread.fill_of_window();
                thread.cut(0);
                thread.answering = None;
                if !compacted.summary.is_empty() {
                    self.add(thread, line, Tool::PROMPT, Row::Asked(compacted.summary), 0);
                }
            }
            Event::Interrupted => thread.answering = None,
            Event::Back { to } => {
                self.flush(thread);
                let standing = thread.lines.iter().rposition(|line| *line <= to).map_or(0, |last| last + 1);
                thread.cut(standing);
                thread.answering = None;
            }
        }
    }

    /// The tool of this name.
    fn tool(&mut self, name: &str) -> Tool {
        if let Some(tool) = self.tools.get(name) {
            return *tool;
        }
        let last = self.rebuilt.tools.len().saturating_sub(1);
        if MOST_TOOLS <= last {
            return Tool(last as u8);
        }
        self.rebuilt.tools.push(if last + 1 == MOST_TOOLS {
            "other tools".to_owned()
        } else {
            name.to_owned()
        });
        let tool = Tool((last + 1) as u8);
        self.tools.insert(name.to_owned(), tool);
        tool
    }

    fn result(&mut self, thread: &mut Thread, line: u64, outcome: Outcome) {
        let (tool, errand) = thread.open.remove(&outcome.id).unwrap_or((Tool::PROMPT, Errand::Other));
        if errand == Errand::Fetches {
            thread.fetched.0 += 1;
        } else {
            thread.fetched.1 += 1;
        }
        let row = Row::Printed { id: outcome.id, text: outcome.text, ending: outcome.ending };
        self.add(thread, line, tool, row, outcome.images);
        thread.mark_last(|draft| match errand {
            Errand::Fetches => draft.ours = true,
            Errand::Reads(file) => draft.file = Some(file),
            Errand::Other => {}
        });
    }

    /// The model begins to answer, unless it does already: what stands so far was its request.
    fn answers(&mut self, thread: &mut Thread, line: u64, at: Option<Millis>) {
        if thread.answering.is_some() {
            return;
        }
        if self.stretch <= thread.bytes {
            self.flush(thread);
        }
        let Ok(number) = u32::try_from(thread.course.turns.len()) else { return };
        let model = thread.model_number(&self.rebuilt.about.model);
        let fetches = self.through && 0 < thread.fetched.0 && thread.fetched.1 == 0;
        thread.fetched = (0, 0);
        thread.course.turns.push(Turn {
            at: thread.heard.or(at),
            line,
            model,
            usage: None,
            ask: CacheAsk::None,
            said: Tokens(0),
            fetches,
        });
        thread.course.steps.push(Step::Request(number));
        thread.answering = Some(number);
    }

    fn answered(&mut self, thread: &mut Thread, line: u64, answered: &Answered) {
        let Some(number) = thread.answering.take() else { return };
        let model = match answered.model.as_str() {
            "" => None,
            model => Some(thread.model_number(model)),
        };
        let Some(turn) = thread.course.turns.get_mut(number as usize) else { return };
        turn.line = line;
        // An answer that failed is written down with nothing but zeros.
        turn.usage = answered.usage.filter(|usage| Tokens(0) < usage.input());
        turn.ask = answered.cache;
        turn.model = model.unwrap_or(turn.model);
    }

    /// Adds a block.
    fn add(&mut self, thread: &mut Thread, line: u64, tool: Tool, row: Row, images: u32) {
        let bytes = match &row {
            Row::Asked(text) | Row::Said(text) | Row::Printed { text, .. } => text.len(),
            Row::Called(call) => call.arguments.len(),
        };
        if 0 < thread.bytes && LONGEST_STRETCH < thread.bytes + bytes {
            self.flush(thread);
        }
        let next = thread.course.turns.len() as u32;
        let draft = Draft {
            step: thread.course.steps.len(),
            row,
            images,
            turn: thread.answering.unwrap_or(next),
            file: None,
            ours: false,
        };
        thread.course.steps.push(Step::Block(Block { line, tool, direct: 0, sent: [0; PROFILES] }));
        thread.lines.push(line);
        thread.stretch.push(draft);
        thread.bytes += bytes;
    }

    /// Hands the stretch to the rewrite, and keeps the counts.
    fn flush(&mut self, thread: &mut Thread) {
        if thread.stretch.is_empty() {
            return;
        }
        let stretch = std::mem::take(&mut thread.stretch);
        thread.bytes = 0;
        let model = thread.course.models.get(usize::from(thread.model)).cloned().unwrap_or_default();
        let vocabulary = Vocabulary::of_model(&model).unwrap_or(Vocabulary::O200k);
        let before = thread.prelude(&stretch);
        let rows = before.iter().chain(stretch.iter().map(|draft| &draft.row));
        let plates = self.kitchen.cook(&model, rows);

        for (number, draft) in stretch.iter().enumerate() {
            let row = before.len() + number;
            // A tool output that was looked at was counted there; of what a client frames, only a part was.
            let counted = match &draft.row {
                Row::Printed { .. } => plates.iter().find_map(|(_, plate)| plate.counted.get(&row)),
                _ => None,
            };
            let text = counted.copied().filter(|tokens| 0 < *tokens).unwrap_or_else(|| match &draft.row {
                Row::Asked(text) | Row::Said(text) | Row::Printed { text, .. } => {
                    tokens::count_in(vocabulary, text).0
                }
                Row::Called(call) => {
                    tokens::count_in(vocabulary, &format!("{} {}", call.tool, call.arguments)).0
                }
            });
            let whole = small(text).saturating_add(draft.images.saturating_mul(IMAGE));
            let mut sent = [whole; PROFILES];
            let mut tool = Tool::MODEL;
            if let Some(Step::Block(block)) = thread.course.steps.get(draft.step) {
                tool = block.tool;
            }
            for (profile, plate) in &plates {
                let change = plate.shortened.get(&row);
                if let Some(change) = change {
                    let receipt = &change.receipt;
                    sent[*profile] = small(
                        (u64::from(whole) + receipt.tokens_after.0).saturating_sub(receipt.tokens_before.0),
                    );
                    if let (Some(look), Some(original)) = (&mut self.look, draft.row.text()) {
                        let tool = self.rebuilt.tools.get(usize::from(tool.0)).map_or("", String::as_str);
                        look(&Change {
                            line: thread.course.steps.get(draft.step).map_or(0, Step::line),
                            request: draft.turn as usize + 1,
                            thread: &thread.course.thread,
                            profile: *profile,
                            tool,
                            original,
                            sent: change,
                        });
                    }
                }
                let words = &mut thread.words[*profile];
                // A session that ran through headroom has asked back what it needed.
                if self.through || Profile::NAMES.get(*profile) == Some(&Profile::Lossless.name()) {
                    continue;
                }
                match (&draft.row, change) {
                    (Row::Printed { text, .. } | Row::Asked(text), Some(change)) => {
                        words.hide(text, &change.text, tool, Tokens(u64::from(whole)));
                    }
                    (Row::Printed { text, .. } | Row::Asked(text), None) => words.show(text),
                    (Row::Said(text), _) => note(&mut thread.course, draft.turn, *profile, words.write(text)),
                    (Row::Called(call), _) => {
                        note(&mut thread.course, draft.turn, *profile, words.write(&call.arguments));
                    }
                }
            }
            if let Some(Step::Block(block)) = thread.course.steps.get_mut(draft.step) {
                block.sent = sent;
                block.direct = if draft.ours && self.through { 0 } else { whole };
            }
            if let (Row::Said(_) | Row::Called(_), Some(turn)) =
                (&draft.row, thread.course.turns.get_mut(draft.turn as usize))
            {
                turn.said += Tokens(text);
            }
            if let Some(file) = &draft.file {
                self.count_read(file, whole);
            }
        }
        thread.carry(before, stretch);
    }

    fn count_read(&mut self, file: &str, tokens: u32) {
        let reads = &mut self.rebuilt.reads;
        if MOST_FILES <= reads.len() && !reads.contains_key(file) {
            return;
        }
        let known = reads.entry(file.to_owned()).or_default();
        known.again += if known.times == 0 { 0 } else { u64::from(tokens) };
        known.times += 1;
    }
}

fn note(course: &mut Course, turn: u32, profile: usize, asked: Vec<(Tool, Tokens)>) {
    for (tool, tokens) in asked {
        let profile = u8::try_from(profile).unwrap_or(u8::MAX);
        course.asked_back.push(AskedBack { turn, profile, tool, tokens: small(tokens.0) });
    }
}

fn small(tokens: u64) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

impl Row {
    fn text(&self) -> Option<&str> {
        match self {
            Row::Asked(text) | Row::Said(text) | Row::Printed { text, .. } => Some(text),
            Row::Called(_) => None,
        }
    }
}

impl Step {
    fn line(&self) -> u64 {
        match self {
            Step::Block(block) => block.line,
            Step::Request(_) | Step::Cut(_) => 0,
        }
    }
}

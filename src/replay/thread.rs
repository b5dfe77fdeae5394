//! One thread of a session while it is read: what of its history stands, and the stretch that no rewrite has seen yet.

use super::asked_back::Words;
use super::body::Row;
use super::course::{Block, Course, PROFILES, Step, Tool};
use crate::conversation::RETRIEVAL_TOOL;
use crate::rewrite;
use crate::transcript::Call;
use crate::transcript::act::{self, Act};
use crate::units::Millis;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// What was said last that is remembered for each side: from there the question is taken.
const SAYINGS: usize = 64;

/// Calls that wait for their results across a stretch's end, and bytes of one.
const CARRIED: (usize, usize) = (32, 64 << 10);

/// A thread, while it is read.
#[derive(Default)]
pub(super) struct Thread {
    pub(super) course: Course,
    /// The line of each block that stands.
    pub(super) lines: Vec<u64>,
    pub(super) stretch: Vec<Draft>,
    pub(super) bytes: usize,
    /// What was said last on either side, and how deep it stands.
    pub(super) asked: VecDeque<(usize, String)>,
    pub(super) said: VecDeque<(usize, String)>,
    /// Calls that wait for their results: their tools, and what they do.
    pub(super) open: HashMap<String, (Tool, Errand)>,
    pub(super) carried: Vec<Call>,
    pub(super) answering: Option<u32>,
    /// When the user's side spoke last.
    pub(super) heard: Option<Millis>,
    /// What is new on the user's side since the last request: originals that were asked back, and others.
    pub(super) fetched: (u32, u32),
    pub(super) words: [Words; PROFILES],
    /// Whether the model is known by which this thread's texts are counted.
    pub(super) model: u16,
}

/// A block whose text was not looked at yet.
pub(super) struct Draft {
    pub(super) step: usize,
    pub(super) row: Row,
    pub(super) images: u32,
    /// The turn in whose request, or answer, it stands.
    pub(super) turn: u32,
    /// The file that was read.
    pub(super) file: Option<String>,
    /// True for what was asked back from headroom, and for the call that did.
    pub(super) ours: bool,
}

/// Keeps the beginning of what was said; the rewrite reads no more of it.
pub(super) fn remember(sayings: &mut VecDeque<(usize, String)>, depth: usize, text: &str) {
    if !rewrite::is_a_word_of_its_own(text) {
        return;
    }
    if SAYINGS <= sayings.len() {
        sayings.pop_front();
    }
    sayings.push_back((depth, text[..text.floor_char_boundary(rewrite::QUESTION_PART)].to_owned()));
}

/// What matters here of what a call does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// It reads this file, or these lines of it.
    Reads(String),
    /// It asks headroom for an original.
    Fetches,
    /// It does something else.
    Other,
}

/// What a call does.
pub(super) fn errand(agent: &str, call: &Call) -> Errand {
    match act::act(agent, &call.tool, &call.arguments) {
        Act::Retrieve { .. } => Errand::Fetches,
        Act::Read { path, lines: None } => Errand::Reads(path.display().to_string()),
        Act::Read { path, lines: Some((first, count)) } => {
            Errand::Reads(format!("{}, {count} lines from {first}", path.display()))
        }
        _ if call.tool.ends_with(RETRIEVAL_TOOL) => Errand::Fetches,
        _ => Errand::Other,
    }
}

impl Thread {
    /// Notes something on the block that was just added.
    pub(super) fn mark_last(&mut self, mark: impl FnOnce(&mut Draft)) {
        if let Some(draft) = self.stretch.last_mut() {
            mark(draft);
        }
    }

    /// The history is cut back to its first `blocks` blocks. The stretch must be empty.
    pub(super) fn cut(&mut self, blocks: usize) {
        self.lines.truncate(blocks);
        for sayings in [&mut self.asked, &mut self.said] {
            while sayings.back().is_some_and(|(depth, _)| blocks <= *depth) {
                sayings.pop_back();
            }
        }
        self.course.steps.push(Step::Cut(u32::try_from(blocks).unwrap_or(u32::MAX)));
    }

    /// The number of a model among those that answered here.
    pub(super) fn model_number(&mut self, model: &str) -> u16 {
        let models = &mut self.course.models;
        let at = models.iter().position(|known| known == model).unwrap_or_else(|| {
            // A transcript with more models than that lies; its last ones are taken for one.
            if models.len() < 256 {
                models.push(model.to_owned());
            }
            models.len() - 1
        });
        self.model = u16::try_from(at).unwrap_or(0);
        self.model
    }

    /// What the rewrite has to know of what stands before a stretch: the last words, and the calls without results.
    pub(super) fn prelude(&self, stretch: &[Draft]) -> Vec<Row> {
        let begins = self.lines.len().saturating_sub(stretch.len());
        let last = |sayings: &VecDeque<(usize, String)>| {
            sayings.iter().rev().find(|(depth, _)| *depth < begins).map(|(_, text)| text.clone())
        };
        let mut rows = Vec::new();
        rows.extend(last(&self.asked).map(Row::Asked));
        rows.extend(last(&self.said).map(Row::Said));
        rows.extend(self.carried.iter().cloned().map(Row::Called));
        rows
    }

    /// Keeps the calls that have no result yet for the next stretch.
    pub(super) fn carry(&mut self, before: Vec<Row>, stretch: Vec<Draft>) {
        let rows = before.into_iter().chain(stretch.into_iter().map(|draft| draft.row));
        let calls = rows.filter_map(|row| match row {
            Row::Called(call) => Some(call),
            _ => None,
        });
        let (most, longest) = CARRIED;
        let mut open: Vec<Call> = calls
            .filter(|call| self.open.contains_key(&call.id) && call.arguments.len() <= longest)
            .collect();
        let older = open.len().saturating_sub(most);
        self.carried = open.split_off(older);
    }

    /// Notes what fills the window.
    pub(super) fn fill_of_window(&mut self) {
        let mut standing: Vec<Block> = Vec::new();
        let mut by_tool: BTreeMap<Tool, u64> = BTreeMap::new();
        // Only what stands since the last compaction: everything before it is gone.
        let begins = self.course.steps.iter().rposition(|step| *step == Step::Cut(0)).unwrap_or(0);
        for step in &self.course.steps[begins..] {
            match step {
                Step::Block(block) => standing.push(*block),
                Step::Cut(blocks) => standing.truncate(*blocks as usize),
                Step::Request(_) => {}
            }
        }
        standing.iter().for_each(|block| *by_tool.entry(block.tool).or_default() += u64::from(block.direct));
        self.course.windows.push(by_tool.into_iter().collect());
    }
}

//! The real rewrite, run over a stretch of a recorded history.
//!
//! Nothing is pinned and nothing kept: the store is an empty one of the replay's own. *Invariant:* what is sent for
//! an output is what a proxy would have sent for it: it depends on its text, its call and the words before it.

use super::body::{self, Row};
use crate::receipt::BlockReceipt;
use crate::rewrite::{self, Caller, Desk, Inline, Reach, Settings, Writes};
use crate::store::{Scope, Store};
use crate::units::Millis;
use crate::wire::{Wire, json};
use bytes::Bytes;
use std::collections::HashMap;

/// What a history is rewritten with.
#[derive(Clone, Copy, Debug)]
pub struct Kitchen<'a> {
    /// An empty store of the replay's own.
    pub store: &'a Store,
    /// The settings of each profile that is looked at, by its place among the names.
    pub ways: &'a [(usize, Settings)],
    /// The wire in which the history is said.
    pub wire: Wire,
    /// The agent's name.
    pub agent: &'a str,
    /// The folder that the session works in.
    pub project: &'a str,
}

/// A row that would have been sent otherwise than it was written.
#[derive(Clone, Debug)]
pub struct Shortened {
    /// What was done.
    pub receipt: BlockReceipt,
    /// What would have been sent.
    pub text: String,
}

/// What one profile makes of a stretch.
#[derive(Debug, Default)]
pub struct Plate {
    /// The rows that change, by number.
    pub shortened: HashMap<usize, Shortened>,
    /// How long the tool outputs are that were looked at, by number of the row.
    pub counted: HashMap<usize, u64>,
}

impl Kitchen<'_> {
    /// What each profile makes of `rows`, said to `model`.
    pub fn cook<'a>(&self, model: &str, rows: impl Iterator<Item = &'a Row>) -> Vec<(usize, Plate)> {
        let body = body::written(self.wire, model, rows);
        self.ways.iter().map(|(profile, settings)| (*profile, self.plate(&body, settings))).collect()
    }

    fn plate(&self, body: &Bytes, settings: &Settings) -> Plate {
        let caller = Caller {
            wire: self.wire,
            session: Some("replay".to_owned()),
            run: "replay".to_owned(),
            agent: self.agent.to_owned(),
            scope: Scope { project: self.project.to_owned() },
            now: Millis(0),
            writes: Writes::Nothing,
            reach: Reach::Everything,
            model: None,
        };
        let desk = Desk { store: Some(self.store), bench: &Inline, settings };
        let done = rewrite::rewrite(body.clone(), &caller, &desk);
        let mut plate = Plate::default();
        let receipts = done.receipt.blocks.into_iter();
        let rows = receipts.filter_map(|receipt| Some((row_of(&receipt.path)?, receipt)));
        let mut changed: HashMap<usize, BlockReceipt> = HashMap::new();
        for (row, receipt) in rows {
            plate.counted.insert(row, receipt.tokens_before.0);
            if receipt.compressor.is_some() {
                changed.insert(row, receipt);
            }
        }
        if !changed.is_empty() {
            let mut texts = texts(self.wire, &done.body, &changed);
            let sent = changed.into_iter().map(|(row, receipt)| {
                let text = texts.remove(&row).unwrap_or_default();
                (row, Shortened { receipt, text })
            });
            plate.shortened = sent.collect();
        }
        plate
    }
}

/// The row that a place in a receipt names: `messages[4].content[0]`.
fn row_of(path: &str) -> Option<usize> {
    path.strip_prefix("messages[")?.split_once(']')?.0.parse().ok()
}

/// What stands in these rows of a body.
fn texts(wire: Wire, body: &[u8], rows: &HashMap<usize, BlockReceipt>) -> HashMap<usize, String> {
    use crate::conversation::Content;
    let Some(conversation) = wire.read(body) else { return HashMap::new() };
    let mut texts: HashMap<usize, String> = HashMap::new();
    for block in conversation.blocks.iter().filter(|block| rows.contains_key(&block.message)) {
        let spans = match &block.content {
            Content::Result(result) => result.texts.clone(),
            Content::Said(said) => vec![said.text],
            Content::Sealed => Vec::new(),
        };
        let text = texts.entry(block.message).or_default();
        for span in spans {
            text.push_str(&json::text_of(span.of(body)).unwrap_or_default());
        }
    }
    texts
}

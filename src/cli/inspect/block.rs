//! One block as the store still knows it: the texts that arrived and those that were sent for them.

use super::Seen;
use crate::library::now;
use crate::rewrite::explain;
use crate::store::{BlockRow, Pin, ShortenedPin, Store};
use crate::units::Key;
use std::sync::Arc;

/// A block and its texts.
pub(super) struct Block<'a> {
    pub row: &'a BlockRow,
    /// Where its original is kept: the one of its last text, if it has several.
    pub key: Option<Key>,
    /// Those of its texts that were sent shorter; empty for a block that went as it came.
    pub texts: Vec<Text>,
}

/// One text of a block.
pub(super) struct Text {
    /// Which of the block's texts, counted from 0.
    pub place: u32,
    /// Where the original is kept.
    pub key: Option<Key>,
    /// `None`: it has expired or was deleted.
    pub arrived: Option<String>,
    pub sent: Sent,
}

/// What was sent for a text.
pub(super) enum Sent {
    /// This.
    Inside {
        /// What stands for the output, without what the agent writes around one.
        text: String,
        /// True when the agent writes something around it; that went as it came.
        frame: bool,
    },
    /// It is not kept any more, or was not when this was recorded.
    Unknown,
}

impl<'a> Block<'a> {
    /// Looks up what is kept of a block.
    pub fn read(store: &Store, seen: &Seen, row: &'a BlockRow) -> Block<'a> {
        if row.compressor.is_none() {
            return Block { row, key: None, texts: Vec::new() };
        }
        // A request that is tried again sends the same for the same block; its key was written down the first time.
        let first = || {
            let all = seen.blocks.values().flatten();
            let mut same = all.filter(|other| other.chain.is_some() && other.chain == row.chain);
            same.find_map(|other| other.key.clone())
        };
        let key = row.key.clone().or_else(first);
        let texts = match pin(store, row) {
            Some(pin) => {
                let last = pin.texts.len().saturating_sub(1);
                let texts = pin.texts.iter().enumerate();
                texts
                    .map(|(number, (place, sent))| {
                        // With several texts each has a key of its own, which its marker names.
                        let key = if number == last { key.clone() } else { named_in(sent) };
                        let inside = explain::without_frame(sent);
                        let frame = inside.len() < sent.len();
                        let sent = Sent::Inside { text: inside.to_owned(), frame };
                        Text { place: *place, arrived: original(store, key.as_ref()), key, sent }
                    })
                    .collect()
            }
            None => {
                let arrived = original(store, key.as_ref());
                vec![Text { place: 0, key: key.clone(), arrived, sent: Sent::Unknown }]
            }
        };
        Block { row, key, texts }
    }
}

fn pin(store: &Store, row: &BlockRow) -> Option<Arc<ShortenedPin>> {
    match store.pins(&[row.chain?]).ok()?.pop()?? {
        Pin::Shortened(pin) => Some(pin),
        Pin::Verbatim => None,
    }
}

fn original(store: &Store, key: Option<&Key>) -> Option<String> {
    store.original(key?, now()).ok().map(|original| original.text)
}

/// The key that the first marker of a text names.
fn named_in(text: &str) -> Option<Key> {
    const BEFORE: &str = "original kept: headroom retrieve ";
    let after = text.find(BEFORE).map(|at| &text[at + BEFORE.len()..])?;
    let end = after.find(|letter: char| !letter.is_ascii_hexdigit()).unwrap_or(after.len());
    Key::parse(&after[..end])
}

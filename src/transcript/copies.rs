//! What was met before: a session that was resumed or forked under a new name begins with a copy of the old one.

use super::{Entry, Event};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Entries that are remembered, at most; further ones count as new.
const MOST: usize = 1 << 22;

/// Tells copies from what is new, across transcripts that are read one after the other.
///
/// Calls, results and answers have names, and copies keep them; what a person says is told by its time and text.
#[derive(Debug, Default)]
pub struct Copies {
    met: HashSet<u64>,
}

impl Copies {
    /// True when this very entry was handed in before, from whatever transcript.
    pub fn met(&mut self, entry: &Entry) -> bool {
        let Some(name) = name_of(entry) else { return false };
        if self.met.len() < MOST { !self.met.insert(name) } else { self.met.contains(&name) }
    }
}

/// What stays the same when an entry is copied; `None` for those that have nothing of their own.
fn name_of(entry: &Entry) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    match &entry.event {
        Event::Call(call) if !call.id.is_empty() => (1, &call.id, &call.arguments).hash(&mut hasher),
        Event::Result(outcome) if !outcome.id.is_empty() => (2, &outcome.id, &outcome.text).hash(&mut hasher),
        Event::Answered(answered) if !answered.id.is_empty() => (3, &answered.id).hash(&mut hasher),
        Event::Prompt(prompt) => (4, entry.at?.0, &prompt.text).hash(&mut hasher),
        Event::Said(text) => (5, entry.at?.0, text).hash(&mut hasher),
        Event::Compacted(compacted) => (6, entry.at?.0, &compacted.summary).hash(&mut hasher),
        Event::Interrupted => (7, entry.at?.0).hash(&mut hasher),
        _ => return None,
    }
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::super::{Author, Call, Prompt};
    use super::*;
    use crate::units::Millis;

    #[test]
    fn a_copy_is_known_by_its_name_or_by_its_time_and_text() {
        let entry = |line, at, event| Entry { line, at: Some(Millis(at)), thread: "".into(), event };
        let call = |id: &str| {
            Event::Call(Call { id: id.to_owned(), tool: "Bash".to_owned(), arguments: "{}".to_owned() })
        };
        let said =
            |text: &str| Event::Prompt(Prompt { text: text.to_owned(), by: Author::Person, images: 0 });
        let mut copies = Copies::default();
        for (entry, met) in [
            (entry(1, 5, call("a")), false),
            (entry(9, 5, call("a")), true),
            (entry(2, 5, call("b")), false),
            (entry(3, 5, call("")), false),
            (entry(3, 5, call("")), false),
            (entry(4, 5, said("no, use pnpm")), false),
            (entry(4, 6, said("no, use pnpm")), false),
            (entry(8, 6, said("no, use pnpm")), true),
            (entry(1, 5, Event::Thought { bytes: 3 }), false),
            (entry(1, 5, Event::Thought { bytes: 3 }), false),
        ] {
            assert_eq!(copies.met(&entry), met, "{entry:?}");
        }
    }
}

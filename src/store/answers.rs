//! What later requests build on: an answer's name at the provider, and the history that led to it.
//!
//! On the disk a moment later, in memory at once: the next request may come as soon as the
//! answer has ended. On the disk a call is its id and the tool's name; its arguments stay in
//! memory, but for those that name headroom itself: whoever asked for an original must get it
//! as it is, also after a restart.

use super::expiry::DAY;
use super::recorder::Entry;
use super::{Store, StoreError, hold};
use crate::conversation::{Arguments, Call};
use crate::receipt::{Ground, Standing};
use crate::units::{Chain, Millis, SessionId, Tokens};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};

/// Bytes of names and arguments that are kept in memory: thousands of answers, or a few of a model
/// that calls with whole files. Those before them are read from the disk.
const IN_MEMORY: usize = 16 << 20;

/// Bytes that an answer takes beside its names and arguments.
const ENTRY: usize = 256;

/// Bytes of an answer's name that is kept. Providers' own have fewer than a hundred.
const LONGEST_NAME: usize = 256;

/// Bytes of arguments that are kept on the disk: the longest command that asks for an original is shorter.
const LONGEST_KEPT: usize = 1024;

/// For how many days an answer is kept. OpenAI keeps responses for 30 (its API reference, seen November 2026).
const DAYS: i64 = 45;

/// The answers of late, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Answers {
    grounds: HashMap<String, Ground>,
    order: VecDeque<String>,
    bytes: usize,
}

impl Answers {
    fn keep(&mut self, id: &str, ground: Ground) {
        self.bytes += bytes_of(id, &ground);
        match self.grounds.insert(id.to_owned(), ground) {
            Some(before) => self.bytes -= bytes_of(id, &before),
            None => self.order.push_back(id.to_owned()),
        }
        while IN_MEMORY < self.bytes
            && let Some(oldest) = self.order.pop_front()
        {
            if let Some(ground) = self.grounds.remove(&oldest) {
                self.bytes -= bytes_of(&oldest, &ground);
            }
        }
    }

    pub fn clear(&mut self) {
        *self = Answers::default();
    }
}

fn bytes_of(id: &str, ground: &Ground) -> usize {
    let calls = ground.calls.iter().map(|call| {
        let arguments = match &call.arguments {
            Arguments::Heard(text) | Arguments::HeardCode(text) => text.len(),
            _ => 0,
        };
        call.id.len() + call.tool.len() + arguments + ENTRY
    });
    let tools = ground.tools.iter().map(|tool| tool.len() + ENTRY / 8);
    id.len() + ground.session.0.len() + calls.sum::<usize>() + tools.sum::<usize>() + ENTRY
}

/// An answer as it is written down.
#[derive(Debug, Deserialize, Serialize)]
struct Written {
    session: String,
    tools: Vec<String>,
    calls: Vec<WrittenCall>,
    /// Tokens of what stands in the history: before, after, given back, overhead.
    #[serde(default)]
    standing: [u64; 4],
}

#[derive(Debug, Deserialize, Serialize)]
struct WrittenCall {
    id: String,
    tool: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<String>,
}

impl Written {
    fn of(ground: &Ground) -> Written {
        let calls = ground.calls.iter().map(|call| WrittenCall {
            id: call.id.clone(),
            tool: call.tool.clone(),
            asked: match &call.arguments {
                Arguments::Heard(text) | Arguments::HeardCode(text)
                    if text.len() <= LONGEST_KEPT && text.contains("headroom") =>
                {
                    Some(text.to_string())
                }
                _ => None,
            },
        });
        let Standing { before, after, given_back, overhead } = ground.standing;
        Written {
            session: ground.session.0.clone(),
            tools: ground.tools.clone(),
            calls: calls.collect(),
            standing: [before.0, after.0, given_back.0, overhead.0],
        }
    }

    fn ground(self, chain: Chain) -> Ground {
        let calls = self.calls.into_iter().map(|call| Call {
            block: 0,
            id: call.id,
            tool: call.tool,
            arguments: call.asked.map_or(Arguments::Nothing, |asked| Arguments::HeardCode(asked.into())),
        });
        let [before, after, given_back, overhead] = self.standing.map(Tokens);
        Ground {
            chain,
            session: SessionId(self.session),
            tools: self.tools,
            calls: calls.collect(),
            standing: Standing { before, after, given_back, overhead },
        }
    }
}

impl Store {
    /// Remembers that requests which build on the answer `id` begin with `ground`.
    pub fn remember_answer(&self, id: &str, ground: Ground, now: Millis) {
        if id.is_empty() || LONGEST_NAME < id.len() {
            return;
        }
        if let Ok(said) = serde_json::to_string(&Written::of(&ground)) {
            let (id, chain) = (id.to_owned(), ground.chain);
            self.recorder.put(Entry::Answer { id, chain, said, at: now });
        }
        hold(&self.answers).keep(id, ground);
    }

    /// What a request begins with that builds on the answer `id`; `None` when it is not known.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn answer(&self, id: &str) -> Result<Option<Ground>, StoreError> {
        if let Some(ground) = hold(&self.answers).grounds.get(id) {
            return Ok(Some(ground.clone()));
        }
        let found = self.read(|db| {
            db.prepare_cached("SELECT chain, said FROM answers WHERE id = ?1")?
                .query_row([id], |row| Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, String>(1)?)))
                .optional()
        })?;
        Ok(found.and_then(|(chain, said)| {
            Some(serde_json::from_str::<Written>(&said).ok()?.ground(Chain(chain)))
        }))
    }
}

/// Writes one answer down.
pub(super) fn write(db: &Connection, id: &str, chain: Chain, said: &str, at: Millis) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO answers (id, chain, said, day) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![id, chain.0, said, at.0 / DAY])
        .map(drop)
}

/// Lets answers go that nobody can build on any more.
pub(super) fn age(db: &Connection, now: Millis) -> rusqlite::Result<()> {
    db.execute("DELETE FROM answers WHERE day < ?1", [now.0 / DAY - DAYS]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ground(arguments: usize) -> Ground {
        let arguments = Arguments::Heard("x".repeat(arguments).into());
        let call = Call { block: 0, id: "a".to_owned(), tool: "b".to_owned(), arguments };
        Ground {
            chain: Chain([1; 16]),
            session: SessionId("s".to_owned()),
            tools: vec!["b".to_owned()],
            calls: vec![call],
            standing: Standing::default(),
        }
    }

    #[test]
    fn memory_is_bounded_and_forgets_the_oldest_answer() {
        let mut answers = Answers::default();
        for number in 0..3_000 {
            answers.keep(&format!("r{}", number % 2_500), ground(16 << 10));
            assert!(answers.bytes <= IN_MEMORY);
        }
        assert!(!answers.grounds.contains_key("r1500") && answers.grounds.contains_key("r499"));
        assert_eq!(answers.order.len(), answers.grounds.len());
        let held: usize = answers.grounds.iter().map(|(id, ground)| bytes_of(id, ground)).sum();
        assert_eq!(answers.bytes, held);
    }
}

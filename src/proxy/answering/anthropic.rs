//! A model's turn in Anthropic Messages, of which the client does not see the calls of our tool.
//!
//! *Invariant:* an event's bytes leave as they came, unless something before it was withheld: then its
//! index alone is another. *Invariant:* whatever is not understood goes to the client.

use super::events::{Event, with_data};
use super::usage;
use super::{Answered, Call, GoesOn, MOST_HELD, Next, Turning, what_next};
use crate::conversation::RETRIEVAL_TOOL;
use crate::rewrite::hidden::anthropic::{Piece, Turn, identity, next_round, result};
use crate::rewrite::hidden::{Kept, kept};
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value, json};

/// A turn as it comes, over one round or several.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// What the client has seen of it.
    shown: Vec<String>,
    /// What it has not.
    hidden: Turn,
    /// Blocks that were sent to the client: the index of the next one.
    sent: u64,
    rounds: usize,
    /// What the rounds before cost.
    spent: Map<String, Value>,
    /// A call of ours went to the client.
    let_go: bool,
    round: Round,
    before: Option<Box<Before>>,
}

/// How it stood before a further round.
#[derive(Debug)]
struct Before {
    spent: Map<String, Value>,
    round: Round,
}

/// One answer of the provider's.
#[derive(Debug, Default)]
struct Round {
    /// The blocks as they come, by the provider's index; the index under which the client knows each.
    blocks: Vec<Building>,
    /// Events of our calls, and of the end.
    held: Vec<Bytes>,
    held_bytes: usize,
    stop: String,
    usage: Map<String, Value>,
    /// Something came that is not understood: nothing can be built on this answer.
    odd: bool,
    ended: bool,
}

/// A block that is being streamed.
#[derive(Debug)]
struct Building {
    index: u64,
    block: Value,
    input: String,
    whose: Whose,
    /// How many shown blocks stand before it.
    before: usize,
    done: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Ours,
    /// The index that it has for the client.
    Clients(u64),
}

impl Turning for Messages {
    fn take(&mut self, event: &Event) -> Option<Bytes> {
        let data = &event.data;
        match data.get("type").and_then(Value::as_str).unwrap_or_default() {
            "message_start" => {
                usage::merge(&mut self.round.usage, data.pointer("/message/usage"));
                (self.rounds == 0).then(|| event.raw.clone())
            }
            "content_block_start" => self.start(event),
            "content_block_delta" => self.delta(event),
            "content_block_stop" => self.stop(event),
            "message_delta" => {
                usage::merge(&mut self.round.usage, data.get("usage"));
                let stop = data.pointer("/delta/stop_reason").and_then(Value::as_str).unwrap_or_default();
                self.round.stop = stop.to_owned();
                self.hold_end(event)
            }
            "message_stop" => {
                self.round.ended = true;
                self.hold_end(event)
            }
            "ping" => Some(event.raw.clone()),
            // Errors, and what there will be tomorrow.
            _ => {
                self.round.odd |= !event.is_silent();
                Some(event.raw.clone())
            }
        }
    }

    fn round_ended(&self) -> bool {
        self.round.ended
    }

    fn next(&self, most_rounds: usize) -> Next {
        let round = &self.round;
        let calls = round.blocks.iter().filter(|it| it.whose == Whose::Ours).map(Building::call).collect();
        let whole = !round.odd && round.blocks.iter().all(|block| block.done);
        let may = whole && round.stop == "tool_use" && self.rounds < most_rounds;
        let clients = |it: &Building| it.whose != Whose::Ours && it.block["type"] == "tool_use";
        what_next(Some(calls), may, round.blocks.iter().any(clients))
    }

    fn answered(&mut self, calls: &[Call], answers: &[Answered], goes_on: GoesOn) -> Vec<String> {
        let results: Vec<String> =
            calls.iter().zip(answers).map(|(call, answer)| result(&call.id, answer)).collect();
        let ours = self.round.blocks.iter().filter(|it| it.whose == Whose::Ours);
        self.hidden.pieces.push(Piece {
            calls: ours.map(|it| (it.before, it.block.to_string())).collect(),
            results: results.clone(),
            then: (goes_on == GoesOn::Here).then_some(self.shown.len()),
        });
        results
    }

    fn next_body(&self, body: &Bytes, results: &[String]) -> Option<Bytes> {
        next_round(body, &self.said(), results)
    }

    fn begin_next(&mut self) {
        let round = std::mem::take(&mut self.round);
        let spent = self.spent.clone();
        usage::add(&mut self.spent, &round.usage);
        self.rounds += 1;
        self.before = Some(Box::new(Before { spent, round }));
    }

    fn hand_over(&mut self) -> Vec<Bytes> {
        if let Some(before) = self.before.take() {
            self.hidden.pieces.pop();
            (self.spent, self.round) = (before.spent, before.round);
            self.rounds -= 1;
        }
        self.let_go()
    }

    fn let_go(&mut self) -> Vec<Bytes> {
        self.let_go = true;
        let mut round = std::mem::take(&mut self.round);
        let mut out = Vec::new();
        let mut indexes: Vec<(u64, u64)> = Vec::new();
        for raw in round.held.drain(..) {
            let mut events = super::events::Events::default();
            events.hear(&raw);
            let Some(event) = events.next() else { continue };
            let kind = event.data.get("type").and_then(Value::as_str).unwrap_or_default();
            match event.data.get("index").and_then(Value::as_u64) {
                Some(index) if kind.starts_with("content_block") => {
                    if kind == "content_block_start" {
                        indexes.push((index, self.sent));
                        self.sent += 1;
                    }
                    let known = indexes.iter().rev().find(|(known, _)| *known == index);
                    out.push(renumbered(&event, known.map_or(index, |(_, clients)| *clients)));
                }
                _ => out.push(self.end_event(&event, &round.usage)),
            }
        }
        let ours = round.blocks.iter().filter(|it| it.whose == Whose::Ours);
        self.shown.extend(ours.filter_map(|it| identity(&it.block)));
        out
    }

    fn end(&mut self) -> Vec<Bytes> {
        let round = std::mem::take(&mut self.round);
        let mut out = Vec::new();
        for raw in &round.held {
            let mut events = super::events::Events::default();
            events.hear(raw);
            let Some(event) = events.next() else { continue };
            if event.data.get("type").and_then(Value::as_str).is_some_and(|kind| kind.starts_with("message_"))
            {
                out.push(self.end_event(&event, &round.usage));
            }
        }
        out
    }

    fn as_events(&self, answer: &Value) -> Option<Vec<Event>> {
        as_events(answer)
    }

    fn whole(&self, rounds: Vec<Value>) -> Value {
        let last = rounds.len().saturating_sub(1);
        let mut shown = Vec::new();
        for (number, round) in rounds.iter().enumerate() {
            let blocks = round.get("content").and_then(Value::as_array).into_iter().flatten();
            let clients = |block: &&Value| (self.let_go && number == last) || !is_ours(block);
            shown.extend(blocks.filter(clients).cloned());
        }
        let mut answer = rounds.into_iter().next_back().unwrap_or_default();
        answer["usage"] = usage::with(&answer["usage"], &self.spent);
        answer["content"] = Value::Array(shown);
        answer
    }

    fn kept(&self) -> Option<Kept> {
        (!self.hidden.pieces.is_empty()).then(|| kept(&self.shown, &self.hidden))
    }
}

impl Messages {
    fn hold_end(&mut self, event: &Event) -> Option<Bytes> {
        self.round.held.push(event.raw.clone());
        None
    }

    fn start(&mut self, event: &Event) -> Option<Bytes> {
        let (Some(index), Some(block)) =
            (event.data.get("index").and_then(Value::as_u64), event.data.get("content_block"))
        else {
            self.round.odd = true;
            return Some(event.raw.clone());
        };
        let ours = block.get("type").and_then(Value::as_str) == Some("tool_use")
            && block.get("name").and_then(Value::as_str) == Some(RETRIEVAL_TOOL);
        let whose = match ours {
            true => Whose::Ours,
            false => {
                self.sent += 1;
                Whose::Clients(self.sent - 1)
            }
        };
        let before = self.shown.len();
        self.round.blocks.push(Building {
            index,
            block: block.clone(),
            input: String::new(),
            whose,
            before,
            done: false,
        });
        self.pass(event, whose)
    }

    fn delta(&mut self, event: &Event) -> Option<Bytes> {
        let index = event.data.get("index").and_then(Value::as_u64);
        let Some(building) = self.round.blocks.iter_mut().rev().find(|it| Some(it.index) == index) else {
            self.round.odd = true;
            return Some(event.raw.clone());
        };
        let whose = building.whose;
        let delta = event.data.get("delta").unwrap_or(&Value::Null);
        let text = |name: &str| delta.get(name).and_then(Value::as_str);
        let grown = match text("type").unwrap_or_default() {
            "text_delta" => text("text").is_some_and(|more| grow(&mut building.block, "text", more)),
            "thinking_delta" => {
                text("thinking").is_some_and(|more| grow(&mut building.block, "thinking", more))
            }
            "signature_delta" => {
                text("signature").is_some_and(|more| grow(&mut building.block, "signature", more))
            }
            "input_json_delta" => {
                building.input.push_str(text("partial_json").unwrap_or_default());
                true
            }
            "citations_delta" => match (building.block.get_mut("citations"), delta.get("citation")) {
                (Some(Value::Array(all)), Some(one)) => {
                    all.push(one.clone());
                    true
                }
                (_, Some(one)) => {
                    building.block["citations"] = json!([one]);
                    true
                }
                _ => false,
            },
            _ => false,
        };
        self.round.odd |= !grown;
        self.pass(event, whose)
    }

    fn stop(&mut self, event: &Event) -> Option<Bytes> {
        let index = event.data.get("index").and_then(Value::as_u64);
        let Some(building) = self.round.blocks.iter_mut().rev().find(|it| Some(it.index) == index) else {
            self.round.odd = true;
            return Some(event.raw.clone());
        };
        building.done = true;
        if !building.input.is_empty() {
            match serde_json::from_str(&building.input) {
                Ok(input) => building.block["input"] = input,
                Err(_) => self.round.odd = true,
            }
        }
        let whose = building.whose;
        if let Whose::Clients(_) = whose {
            self.shown.extend(identity(&building.block));
        }
        self.pass(event, whose)
    }

    /// To the client, under its index there, or to what is held back.
    fn pass(&mut self, event: &Event, whose: Whose) -> Option<Bytes> {
        match whose {
            Whose::Clients(index) => Some(renumbered(event, index)),
            Whose::Ours => {
                self.round.held_bytes += event.raw.len();
                self.round.held.push(event.raw.clone());
                (MOST_HELD < self.round.held_bytes).then(|| self.release())
            }
        }
    }

    /// An event of the end; its usage is that of all rounds.
    fn end_event(&self, event: &Event, round: &Map<String, Value>) -> Bytes {
        if self.spent.is_empty() || event.data.get("usage").is_none() {
            return event.raw.clone();
        }
        let mut data = event.data.clone();
        data["usage"] = usage::with(&Value::Object(round.clone()), &self.spent);
        with_data(event, &data)
    }

    /// The blocks of this round, as JSON.
    fn said(&self) -> Vec<String> {
        let blocks = self.round.blocks.iter().map(|it| &it.block);
        blocks.filter(|block| identity(block).is_some()).map(Value::to_string).collect()
    }

    /// What is held back goes to the client after all, and what follows it too.
    fn release(&mut self) -> Bytes {
        self.round.odd = true;
        for building in self.round.blocks.iter_mut().filter(|it| it.whose == Whose::Ours) {
            building.whose = Whose::Clients(self.sent);
            self.sent += 1;
            if building.done {
                self.shown.extend(identity(&building.block));
            }
        }
        let mut out = BytesMut::new();
        for raw in std::mem::take(&mut self.round.held) {
            let mut events = super::events::Events::default();
            events.hear(&raw);
            let Some(event) = events.next() else { continue };
            let index = event.data.get("index").and_then(Value::as_u64);
            match self.round.blocks.iter().rev().find(|it| Some(it.index) == index).map(|it| it.whose) {
                Some(Whose::Clients(index)) => out.extend_from_slice(&renumbered(&event, index)),
                _ => out.extend_from_slice(&raw),
            }
        }
        out.freeze()
    }
}

impl Building {
    fn call(&self) -> Call {
        let arguments = self.block.get("input").and_then(Value::as_object).cloned().unwrap_or_default();
        let id = self.block.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        Call { id, arguments }
    }
}

fn renumbered(event: &Event, index: u64) -> Bytes {
    if event.data.get("index").and_then(Value::as_u64) == Some(index) {
        return event.raw.clone();
    }
    let mut data = event.data.clone();
    data["index"] = index.into();
    with_data(event, &data)
}

/// Adds to a string of the block; false when there is none.
fn grow(block: &mut Value, name: &str, more: &str) -> bool {
    match block.get_mut(name) {
        Some(Value::String(text)) => {
            text.push_str(more);
            true
        }
        _ => false,
    }
}

/// An answer that came in one piece, as the events of a stream that would say the same.
fn as_events(answer: &Value) -> Option<Vec<Event>> {
    let event = Event::of;
    let mut events =
        vec![event(json!({"type": "message_start", "message": {"usage": answer.get("usage")?}}))];
    for (index, block) in answer.get("content")?.as_array()?.iter().enumerate() {
        events.push(event(json!({"type": "content_block_start", "index": index, "content_block": block})));
        events.push(event(json!({"type": "content_block_stop", "index": index})));
    }
    events
        .push(event(json!({"type": "message_delta", "delta": {"stop_reason": answer.get("stop_reason")?}})));
    events.push(event(json!({"type": "message_stop"})));
    Some(events)
}

fn is_ours(block: &Value) -> bool {
    block["type"] == "tool_use" && block["name"] == RETRIEVAL_TOOL
}

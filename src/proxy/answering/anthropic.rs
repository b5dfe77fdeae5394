//! A model's turn in Anthropic Messages, of which the client does not see the calls of our tool.
//!
//! *Invariant:* an event's bytes leave as they came, unless something before it was withheld: then its
//! index alone is another. *Invariant:* whatever is not understood goes to the client.

use super::events::{Event, with_data};
use crate::conversation::RETRIEVAL_TOOL;
use crate::rewrite::hidden::anthropic::{identity, result};
use crate::rewrite::hidden::{Piece, Turn};
use bytes::Bytes;
use serde_json::{Map, Value, json};

/// Bytes of our tool's call that are held back; a longer one goes to the client.
const MOST_HELD: usize = 1 << 20;

/// A turn as it comes, over one round or several.
#[derive(Debug, Default)]
pub(super) struct Turning {
    /// What the client has seen of it.
    pub(super) shown: Vec<String>,
    /// What it has not.
    pub(super) hidden: Turn,
    /// Blocks that were sent to the client: the index of the next one.
    sent: u64,
    rounds: usize,
    /// What the rounds before cost.
    spent: Map<String, Value>,
    /// A call of ours went to the client.
    pub(super) let_go: bool,
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

/// A call of our tool.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) arguments: Map<String, Value>,
}

/// What is to be done once an answer has ended.
#[derive(Debug)]
pub(super) enum Next {
    /// These calls are to be answered, and the model to go on.
    GoOn(Vec<Call>),
    /// These calls are to be answered, and their answers put beside the client's own next time.
    Beside(Vec<Call>),
    /// The calls are not for us to answer: the client gets them.
    LetGo,
    /// There is nothing of ours.
    End,
}

impl Turning {
    /// Takes an event; gives what goes to the client now.
    pub(super) fn take(&mut self, event: &Event) -> Option<Bytes> {
        let data = &event.data;
        match data.get("type").and_then(Value::as_str).unwrap_or_default() {
            "message_start" => {
                merge(&mut self.round.usage, data.pointer("/message/usage"));
                (self.rounds == 0).then(|| event.raw.clone())
            }
            "content_block_start" => self.start(event),
            "content_block_delta" => self.delta(event),
            "content_block_stop" => self.stop(event),
            "message_delta" => {
                merge(&mut self.round.usage, data.get("usage"));
                let stop = data.pointer("/delta/stop_reason").and_then(Value::as_str).unwrap_or_default();
                self.round.stop = stop.to_owned();
                self.hold_end(event)
            }
            "message_stop" => {
                self.round.ended = true;
                self.hold_end(event)
            }
            // Pings, errors, and what there will be tomorrow.
            _ => Some(event.raw.clone()),
        }
    }

    fn hold_end(&mut self, event: &Event) -> Option<Bytes> {
        self.round.held.push(event.raw.clone());
        None
    }

    /// True when the provider has said all of this round.
    pub(super) fn round_ended(&self) -> bool {
        self.round.ended
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
                self.round.odd |= MOST_HELD < self.round.held_bytes;
                self.round.held.push(event.raw.clone());
                None
            }
        }
    }

    /// What is to be done now that the answer has ended.
    pub(super) fn next(&self, most_rounds: usize) -> Next {
        let round = &self.round;
        let calls: Vec<Call> =
            round.blocks.iter().filter(|it| it.whose == Whose::Ours).map(Building::call).collect();
        let whole = !round.odd && round.blocks.iter().all(|block| block.done);
        if calls.is_empty() {
            return Next::End;
        }
        if !whole || round.stop != "tool_use" || most_rounds <= self.rounds {
            return Next::LetGo;
        }
        let clients = |it: &Building| it.whose != Whose::Ours && it.block["type"] == "tool_use";
        if round.blocks.iter().any(clients) { Next::Beside(calls) } else { Next::GoOn(calls) }
    }

    /// The blocks of this round, as JSON.
    pub(super) fn said(&self) -> Vec<String> {
        let blocks = self.round.blocks.iter().map(|it| &it.block);
        blocks.filter(|block| identity(block).is_some()).map(Value::to_string).collect()
    }

    /// Notes the answers; gives them as JSON.
    pub(super) fn answered(
        &mut self,
        calls: &[Call],
        answers: &[Result<Vec<String>, String>],
        goes_on: GoesOn,
    ) -> Vec<String> {
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

    /// The next round begins; gives what would have been sent to the client, should it never come.
    pub(super) fn begin_next(&mut self) -> Held {
        let round = std::mem::take(&mut self.round);
        for (name, value) in &round.usage {
            add(&mut self.spent, name, value);
        }
        self.rounds += 1;
        Held(round)
    }

    /// The next round never came: the call goes to the client after all.
    pub(super) fn hand_over(&mut self, held: Held) -> Vec<Bytes> {
        self.hidden.pieces.pop();
        self.rounds -= 1;
        for (name, value) in &held.0.usage {
            take_away(&mut self.spent, name, value);
        }
        self.round = held.0;
        self.let_go()
    }

    /// The calls that are held back go to the client, and then the end.
    pub(super) fn let_go(&mut self) -> Vec<Bytes> {
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

    /// The end of the turn, without our calls.
    pub(super) fn end(&mut self) -> Vec<Bytes> {
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

    /// An event of the end; its usage is that of all rounds.
    fn end_event(&self, event: &Event, round: &Map<String, Value>) -> Bytes {
        if self.spent.is_empty() || event.data.get("usage").is_none() {
            return event.raw.clone();
        }
        let mut data = event.data.clone();
        data["usage"] = self.usage_with(&Value::Object(round.clone()));
        with_data(event, &data)
    }

    /// The usage of all rounds, when that of the last is `last`.
    pub(super) fn usage_with(&self, last: &Value) -> Value {
        let mut sum = last.as_object().cloned().unwrap_or_default();
        self.spent.iter().for_each(|(name, value)| add(&mut sum, name, value));
        Value::Object(sum)
    }
}

/// An answer whose last events were not sent.
#[derive(Debug)]
pub(super) struct Held(Round);

/// Where the model goes on after our answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GoesOn {
    /// In a round of ours.
    Here,
    /// In the client's next request.
    There,
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

/// Later figures take the place of earlier ones.
fn merge(usage: &mut Map<String, Value>, more: Option<&Value>) {
    for (name, value) in more.and_then(Value::as_object).into_iter().flatten() {
        usage.insert(name.clone(), value.clone());
    }
}

/// Adds figures, also those inside.
fn add(sum: &mut Map<String, Value>, name: &str, value: &Value) {
    match (sum.get_mut(name), value) {
        (Some(Value::Object(inner)), Value::Object(more)) => {
            more.iter().for_each(|(name, value)| add(inner, name, value));
        }
        (Some(old), Value::Number(more)) => {
            let more = more.as_u64().unwrap_or(0);
            *old = (old.as_u64().unwrap_or(0) + more).into();
        }
        (Some(_), _) => {}
        (None, value) => {
            sum.insert(name.to_owned(), value.clone());
        }
    }
}

fn take_away(sum: &mut Map<String, Value>, name: &str, value: &Value) {
    match (sum.get_mut(name), value) {
        (Some(Value::Object(inner)), Value::Object(less)) => {
            less.iter().for_each(|(name, value)| take_away(inner, name, value));
        }
        (Some(old), Value::Number(less)) => {
            *old = old.as_u64().unwrap_or(0).saturating_sub(less.as_u64().unwrap_or(0)).into();
        }
        _ => {}
    }
}

/// An answer that came in one piece, as the events of a stream that would say the same.
pub(super) fn as_events(answer: &Value) -> Option<Vec<Event>> {
    let event = |data: Value| Event { raw: Bytes::from(format!("data: {data}\n\n")), data };
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

//! A model's turn in Chat Completions, of which the client does not see the calls of our tool.
//!
//! *Invariant:* a chunk's bytes leave as they came, unless something in it or before it was withheld.
//! *Invariant:* whatever is not understood goes to the client.

use super::events::{Event, with_data};
use super::usage;
use super::{Answered, Call, GoesOn, MOST_HELD, Next, Turning, what_next};
use crate::conversation::RETRIEVAL_TOOL;
use crate::rewrite::hidden::chat::{Beside, Hidden, THOUGHTS, names, next_round, result};
use crate::rewrite::hidden::{Kept, kept};
use bytes::Bytes;
use serde_json::{Map, Value, json};

/// A turn as it comes, over one round or several.
#[derive(Debug, Default)]
pub(super) struct Chat {
    /// What the client has seen of it: the text, and the ids of the calls.
    text: String,
    thought: String,
    calls: Vec<String>,
    hidden: Hidden,
    hidden_before: Hidden,
    /// Under which name and time the client knows the answer.
    known_as: Option<(Value, Value)>,
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
    hidden: Hidden,
    spent: Map<String, Value>,
    round: Round,
}

/// One answer of the provider's.
#[derive(Debug, Default)]
struct Round {
    text: String,
    /// Thoughts, under the names under which they came.
    thoughts: Map<String, Value>,
    calls: Vec<Building>,
    /// How many of the calls the client has.
    clients: u64,
    /// The end, not sent yet.
    held: Vec<Event>,
    /// A chunk, for what is said in the provider's name.
    sample: Value,
    stop: String,
    usage: Map<String, Value>,
    /// Something came that is not understood: nothing can be built on this answer.
    odd: bool,
    ended: bool,
}

/// A call that is being streamed.
#[derive(Debug)]
struct Building {
    index: u64,
    /// As it stands in a message.
    entry: Value,
    arguments: String,
    whose: Whose,
    /// How many of the client's calls stand before it.
    before: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Ours,
    /// The index that it has for the client.
    Clients(u64),
}

impl Turning for Chat {
    fn take(&mut self, event: &Event) -> Option<Bytes> {
        let data = &event.data;
        let Some(choices) = data.get("choices").and_then(Value::as_array) else {
            if self.round.ended && event.says(b"[DONE]") {
                return self.hold(event.raw.clone(), Value::Null);
            }
            self.round.odd |= !event.is_silent();
            return Some(event.raw.clone());
        };
        usage::merge(&mut self.round.usage, data.get("usage"));
        if self.known_as.is_none() {
            self.known_as = Some((data["id"].clone(), data["created"].clone()));
        }
        match choices.as_slice() {
            _ if self.round.ended => self.hold(event.raw.clone(), data.clone()),
            [] => Some(event.raw.clone()),
            [choice] if choice.get("index").is_none_or(|index| index == 0) => self.chunk(event, choice),
            _ => {
                self.round.odd = true;
                Some(event.raw.clone())
            }
        }
    }

    fn round_ended(&self) -> bool {
        self.round.ended
    }

    fn next(&self, most_rounds: usize) -> Next {
        let ours = self.round.calls.iter().filter(|it| it.whose == Whose::Ours);
        let calls: Option<Vec<Call>> = ours.map(Building::call).collect();
        // Some servers end a turn with calls as any other.
        let asks = matches!(self.round.stop.as_str(), "tool_calls" | "stop");
        let may = !self.round.odd && asks && self.rounds < most_rounds;
        what_next(calls, may, self.round.clients != 0)
    }

    fn answered(&mut self, calls: &[Call], answers: &[Answered], goes_on: GoesOn) -> Vec<String> {
        let results: Vec<String> =
            calls.iter().zip(answers).map(|(call, answer)| result(&call.id, answer)).collect();
        self.hidden_before = self.hidden.clone();
        match goes_on {
            GoesOn::Here => {
                self.hidden.messages.push(self.said());
                self.hidden.messages.extend(results.iter().cloned());
                self.hidden.said = self.text.trim_start().len();
                self.hidden.thought = self.thought.len();
            }
            GoesOn::There => {
                let ours = self.round.calls.iter().filter(|it| it.whose == Whose::Ours);
                let calls = ours.map(|it| (it.before, it.whole().to_string())).collect();
                self.hidden.beside = Some(Beside { calls, results: results.clone() });
            }
        }
        results
    }

    fn next_body(&self, body: &Bytes, results: &[String]) -> Option<Bytes> {
        next_round(body, &self.said(), results)
    }

    fn begin_next(&mut self) {
        let round = std::mem::take(&mut self.round);
        let hidden = std::mem::take(&mut self.hidden_before);
        let spent = self.spent.clone();
        usage::add(&mut self.spent, &round.usage);
        self.rounds += 1;
        self.before = Some(Box::new(Before { hidden, spent, round }));
    }

    fn hand_over(&mut self) -> Vec<Bytes> {
        if let Some(before) = self.before.take() {
            (self.hidden, self.spent, self.round) = (before.hidden, before.spent, before.round);
            self.rounds -= 1;
        }
        self.let_go()
    }

    fn let_go(&mut self) -> Vec<Bytes> {
        self.let_go = true;
        let mut ours = Vec::new();
        for call in self.round.calls.iter_mut().filter(|call| call.whose == Whose::Ours) {
            call.whose = Whose::Clients(self.round.clients);
            ours.push(call.indexed(self.round.clients));
            self.round.clients += 1;
            self.calls.push(call.id().to_owned());
        }
        let mut out = Vec::new();
        if !ours.is_empty() && self.round.sample.is_object() {
            let mut data = self.round.sample.clone();
            data["choices"] = json!([{"index": 0, "delta": {"tool_calls": ours}, "finish_reason": null}]);
            out.push(self.outward(data));
        }
        out.extend(self.end());
        out
    }

    fn end(&mut self) -> Vec<Bytes> {
        let held = std::mem::take(&mut self.round.held);
        held.into_iter().map(|event| self.end_chunk(event)).collect()
    }

    fn as_events(&self, answer: &Value) -> Option<Vec<Event>> {
        let [choice] = answer.get("choices")?.as_array()?.as_slice() else { return None };
        let mut delta = choice.get("message")?.clone();
        for (index, call) in
            delta.get_mut("tool_calls").and_then(Value::as_array_mut).into_iter().flatten().enumerate()
        {
            call["index"] = index.into();
        }
        let finish = choice.get("finish_reason")?;
        Some(vec![
            Event::of(json!({"id": answer.get("id"), "created": answer.get("created"),
                "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})),
            Event::of(
                json!({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}], "usage": answer.get("usage")}),
            ),
        ])
    }

    fn whole(&self, rounds: Vec<Value>) -> Value {
        let mut said: Map<String, Value> = Map::new();
        for message in rounds.iter().filter_map(|round| round["choices"][0]["message"].as_object()) {
            for name in THOUGHTS.iter().chain(&["content"]) {
                match (said.get_mut(*name), message.get(*name)) {
                    (Some(Value::String(text)), Some(Value::String(more))) => text.push_str(more),
                    (None | Some(Value::Null), Some(value)) => {
                        said.insert((*name).to_owned(), value.clone());
                    }
                    _ => {}
                }
            }
        }
        let mut last = rounds.into_iter().next_back().unwrap_or_default();
        last["usage"] = usage::with(&last["usage"], &self.spent);
        let message = &mut last["choices"][0]["message"];
        said.into_iter().for_each(|(name, value)| message[name] = value);
        if !self.let_go
            && let Some(calls) = message.get_mut("tool_calls").and_then(Value::as_array_mut)
        {
            calls.retain(|call| call["function"]["name"] != RETRIEVAL_TOOL);
        }
        if let Some((id, created)) = &self.known_as
            && !id.is_null()
        {
            last["id"] = id.clone();
            last["created"] = created.clone();
        }
        last
    }

    fn kept(&self) -> Option<Kept> {
        let names = names(&self.text, self.calls.iter().map(String::as_str));
        (!self.hidden.is_empty()).then(|| kept(&names, &self.hidden))
    }
}

impl Chat {
    /// One chunk of the answer.
    fn chunk(&mut self, event: &Event, choice: &Value) -> Option<Bytes> {
        let mut delta = choice.get("delta").and_then(Value::as_object).cloned().unwrap_or_default();
        let mut withheld = false;
        for (name, value) in &delta {
            self.note(name, value);
        }
        if let Some(Value::Array(calls)) = delta.get("tool_calls") {
            let clients: Vec<Value> = calls.iter().filter_map(|call| self.call(call)).collect();
            if clients != *calls {
                withheld = true;
                match clients.is_empty() {
                    true => drop(delta.shift_remove("tool_calls")),
                    false => drop(delta.insert("tool_calls".to_owned(), Value::Array(clients))),
                }
            }
        }
        // Clients run together what comes twice, the role too.
        withheld |= self.rounds != 0 && delta.shift_remove("role").is_some();
        if self.round.sample.is_null() {
            self.round.sample = event.data.clone();
            if let Some(sample) = self.round.sample.as_object_mut() {
                sample.shift_remove("usage");
            }
        }
        let says = delta.values().any(|value| !is_nothing(value));
        let mut data = event.data.clone();
        if let Some(stop) = choice.get("finish_reason").and_then(Value::as_str) {
            self.round.ended = true;
            stop.clone_into(&mut self.round.stop);
            if !says && !withheld {
                return self.hold(event.raw.clone(), data);
            }
            // What it says goes on; that it is the last one does not.
            let mut end = data.clone();
            end["choices"][0]["delta"] = json!({});
            self.hold(with_data(event, &end), end);
            data["choices"][0]["finish_reason"] = Value::Null;
            if let Some(usage) = data.get_mut("usage") {
                *usage = Value::Null;
            }
            data["choices"][0]["delta"] = Value::Object(delta);
            return says.then(|| self.outward(data));
        }
        if !withheld && self.rounds == 0 {
            return Some(event.raw.clone());
        }
        data["choices"][0]["delta"] = Value::Object(delta);
        (says || !withheld).then(|| self.outward(data))
    }

    /// Notes what is said, that it can be said again.
    fn note(&mut self, name: &str, value: &Value) {
        match (name, value) {
            ("role" | "tool_calls", _) => {}
            ("content", Value::String(text)) => {
                self.round.text.push_str(text);
                self.text.push_str(text);
            }
            (name, Value::String(text)) if THOUGHTS.contains(&name) => {
                let so_far = self.round.thoughts.entry(name).or_insert_with(|| Value::from(""));
                if let Value::String(so_far) = so_far {
                    so_far.push_str(text);
                }
                if self.round.thoughts.keys().next().is_some_and(|first| first == name) {
                    self.thought.push_str(text);
                }
            }
            ("reasoning_details", Value::Array(more)) => {
                let so_far = self.round.thoughts.entry(name).or_insert_with(|| json!([]));
                if let Value::Array(so_far) = so_far {
                    so_far.extend(more.iter().cloned());
                }
            }
            (_, value) => self.round.odd |= !is_nothing(value),
        }
    }

    /// A piece of a call; gives what the client gets of it.
    fn call(&mut self, piece: &Value) -> Option<Value> {
        let Some(index) = piece.get("index").and_then(Value::as_u64) else {
            self.round.odd = true;
            return Some(piece.clone());
        };
        let id = piece.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
        let more = piece.pointer("/function/arguments").and_then(Value::as_str).unwrap_or_default();
        let round = &mut self.round;
        let known = round.calls.iter().rposition(|it| it.index == index);
        // Some servers give every call the same index.
        let known = known.filter(|at| id.is_none_or(|id| round.calls[*at].id() == id));
        let Some(known) = known else {
            let ours = piece.pointer("/function/name").and_then(Value::as_str) == Some(RETRIEVAL_TOOL);
            let whose = match ours {
                true => Whose::Ours,
                false => Whose::Clients(round.clients),
            };
            let before = usize::try_from(round.clients).unwrap_or(usize::MAX);
            if !ours {
                round.clients += 1;
                self.calls.push(id.unwrap_or_default().to_owned());
            }
            let mut entry = piece.clone();
            if let Some(entry) = entry.as_object_mut() {
                entry.shift_remove("index");
            }
            round.calls.push(Building { index, entry, arguments: more.to_owned(), whose, before });
            return outward_piece(piece, index, whose);
        };
        let building = &mut round.calls[known];
        if building.whose == Whose::Ours {
            building.arguments.push_str(more);
            if MOST_HELD < building.arguments.len() {
                // Too long to be a question: the client's after all.
                building.whose = Whose::Clients(round.clients);
                let whole = building.indexed(round.clients);
                round.clients += 1;
                round.odd = true;
                self.calls.push(building.id().to_owned());
                return Some(whole);
            }
            for (name, value) in piece.as_object().into_iter().flatten() {
                if !matches!(name.as_str(), "index" | "id" | "type" | "function") && !is_nothing(value) {
                    building.entry[name] = value.clone();
                }
            }
        }
        outward_piece(piece, index, building.whose)
    }

    /// The model's message of this round, as JSON.
    fn said(&self) -> String {
        let round = &self.round;
        let content = if round.text.is_empty() { Value::Null } else { Value::from(round.text.as_str()) };
        let mut message = json!({"role": "assistant", "content": content});
        for (name, value) in &round.thoughts {
            message[name] = value.clone();
        }
        message["tool_calls"] = round.calls.iter().map(Building::whole).collect();
        message.to_string()
    }

    fn hold(&mut self, raw: Bytes, data: Value) -> Option<Bytes> {
        self.round.held.push(Event { raw, data });
        None
    }

    /// A chunk under the name that the client knows.
    fn outward(&self, mut data: Value) -> Bytes {
        if let (Some((id, created)), Some(chunk)) = (&self.known_as, data.as_object_mut()) {
            for (name, value) in [("id", id), ("created", created)] {
                if let Some(old) = chunk.get_mut(name) {
                    old.clone_from(value);
                }
            }
        }
        Bytes::from(format!("data: {data}\n\n"))
    }

    /// A chunk of the end; its usage is that of all rounds.
    fn end_chunk(&self, event: Event) -> Bytes {
        if self.rounds == 0 || event.data.is_null() {
            return event.raw;
        }
        let mut data = event.data;
        if let Some(told) = data.get_mut("usage").filter(|told| told.is_object()) {
            *told = usage::with(told, &self.spent);
        }
        self.outward(data)
    }
}

impl Building {
    /// `None` when its arguments can't be read.
    fn call(&self) -> Option<Call> {
        let arguments = match self.arguments.trim() {
            "" => Map::new(),
            arguments => serde_json::from_str(arguments).ok()?,
        };
        Some(Call { id: self.id().to_owned(), arguments })
    }

    fn id(&self) -> &str {
        self.entry.get("id").and_then(Value::as_str).unwrap_or_default()
    }

    /// As it stands in a message.
    fn whole(&self) -> Value {
        let mut entry = self.entry.clone();
        if entry.get("function").is_some_and(Value::is_object) {
            entry["function"]["arguments"] = self.arguments.as_str().into();
        }
        entry
    }

    /// As it stands in a chunk.
    fn indexed(&self, index: u64) -> Value {
        let mut piece = json!({"index": index});
        for (name, value) in self.whole().as_object().into_iter().flatten() {
            piece[name] = value.clone();
        }
        piece
    }
}

/// A piece of a call under the client's index; nothing when it is ours.
fn outward_piece(piece: &Value, index: u64, whose: Whose) -> Option<Value> {
    let Whose::Clients(clients) = whose else { return None };
    let mut piece = piece.clone();
    if clients != index {
        piece["index"] = clients.into();
    }
    Some(piece)
}

/// What says nothing, whatever its name.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.is_empty(),
        Value::Object(all) => all.is_empty(),
        _ => false,
    }
}

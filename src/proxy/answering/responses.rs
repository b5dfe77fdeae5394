//! A model's turn in OpenAI Responses, of which the client does not see the calls of our tool.
//!
//! *Invariant:* an event's bytes leave as they came, unless something before it was withheld: then its
//! numbers alone are others. *Invariant:* whatever is not understood goes to the client.

use super::events::{Event, with_data};
use super::usage;
use super::{Answered, Call, GoesOn, MOST_HELD, Next, Turning, what_next};
use crate::conversation::RETRIEVAL_TOOL;
use crate::rewrite::hidden::responses::{Hidden, identity, next_round, result};
use crate::rewrite::hidden::{Kept, kept};
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value, json};

/// Calls that the client answers.
const CLIENTS: &[&str] = &[
    "function_call",
    "custom_tool_call",
    "local_shell_call",
    "shell_call",
    "apply_patch_call",
    "computer_call",
];

/// What needs no answer of the client's.
const ANSWERED: &[&str] = &[
    "message",
    "reasoning",
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "mcp_call",
    "mcp_list_tools",
];

/// A turn as it comes, over one round or several.
#[derive(Debug, Default)]
pub(super) struct Items {
    /// The items that the client has of the rounds before.
    shown: Vec<Value>,
    hidden: Hidden,
    /// Items that were sent to the client: the index of the next one.
    sent: u64,
    /// The number of the client's next event, where events are numbered.
    number: Option<u64>,
    /// An event was withheld: from here on events have other numbers for the client.
    withheld: bool,
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
    shown: usize,
    hidden: usize,
    spent: Map<String, Value>,
    round: Round,
}

/// One answer of the provider's.
#[derive(Debug, Default)]
struct Round {
    items: Vec<Building>,
    /// Events of our calls.
    held: Vec<Event>,
    held_bytes: usize,
    /// The end, not sent yet.
    end: Vec<Event>,
    stop: String,
    usage: Map<String, Value>,
    /// Something came that is not understood: nothing can be built on this answer.
    odd: bool,
    ended: bool,
}

/// An item that is being streamed.
#[derive(Debug)]
struct Building {
    index: u64,
    item: Value,
    whose: Whose,
    done: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Ours,
    /// The index that it has for the client.
    Clients(u64),
}

impl Turning for Items {
    fn take(&mut self, event: &Event) -> Option<Bytes> {
        let data = &event.data;
        let kind = data.get("type").and_then(Value::as_str).unwrap_or_default();
        match kind {
            "response.created" | "response.in_progress" | "response.queued" if self.rounds != 0 => {
                self.withheld = true;
                None
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                let response = &data["response"];
                usage::merge(&mut self.round.usage, response.get("usage"));
                kind.trim_start_matches("response.").clone_into(&mut self.round.stop);
                self.round.ended = true;
                self.hold_end(event)
            }
            // What a gateway says after the end.
            _ if self.round.ended => self.hold_end(event),
            "response.output_item.added" | "response.output_item.done" => self.item(event),
            _ => match data.get("output_index").and_then(Value::as_u64) {
                Some(index) => self.of_item(event, index),
                None => {
                    let told = event.is_silent() || kind.starts_with("response.");
                    self.round.odd |= !told;
                    Some(self.outward(event, None))
                }
            },
        }
    }

    fn round_ended(&self) -> bool {
        self.round.ended
    }

    fn next(&self, most_rounds: usize) -> Next {
        let round = &self.round;
        let ours = round.items.iter().filter(|it| it.whose == Whose::Ours);
        let calls: Option<Vec<Call>> = ours.map(Building::call).collect();
        let kind = |it: &Building| it.item["type"].as_str().unwrap_or_default().to_owned();
        let clients = |it: &Building| it.whose != Whose::Ours && CLIENTS.contains(&kind(it).as_str());
        let known = |it: &Building| {
            it.done && (clients(it) || it.whose == Whose::Ours || ANSWERED.contains(&kind(it).as_str()))
        };
        let whole = !round.odd && round.items.iter().all(known);
        let may = whole && round.stop == "completed" && self.rounds < most_rounds;
        what_next(calls, may, round.items.iter().any(clients))
    }

    fn answered(&mut self, calls: &[Call], answers: &[Answered], _: GoesOn) -> Vec<String> {
        let results: Vec<String> =
            calls.iter().zip(answers).map(|(call, answer)| result(&call.id, answer)).collect();
        // With calls of the client's beside ours, its answers follow on our own.
        let mut position = self.shown.iter().filter_map(identity).count();
        for building in &self.round.items {
            match building.whose {
                Whose::Ours => self.hidden.items.push((position, building.item.to_string())),
                Whose::Clients(_) => position += usize::from(identity(&building.item).is_some()),
            }
        }
        self.hidden.items.extend(results.iter().map(|result| (position, result.clone())));
        results
    }

    fn next_body(&self, body: &Bytes, results: &[String]) -> Option<Bytes> {
        let said: Vec<String> = self.round.items.iter().map(|it| it.item.to_string()).collect();
        next_round(body, &said, results)
    }

    fn begin_next(&mut self) {
        let round = std::mem::take(&mut self.round);
        let ours = round.items.iter().filter(|it| it.whose == Whose::Ours).count();
        let before = Before {
            shown: self.shown.len(),
            // Each call of ours, and its answer.
            hidden: self.hidden.items.len().saturating_sub(2 * ours),
            spent: self.spent.clone(),
            round,
        };
        usage::add(&mut self.spent, &before.round.usage);
        self.shown.extend(before.round.clients());
        self.rounds += 1;
        self.before = Some(Box::new(before));
    }

    fn hand_over(&mut self) -> Vec<Bytes> {
        if let Some(before) = self.before.take() {
            self.shown.truncate(before.shown);
            self.hidden.items.truncate(before.hidden);
            (self.spent, self.round) = (before.spent, before.round);
            self.rounds -= 1;
        }
        self.let_go()
    }

    fn let_go(&mut self) -> Vec<Bytes> {
        self.let_go = true;
        let mut out = vec![self.release()];
        out.retain(|bytes| !bytes.is_empty());
        out.extend(self.end());
        out
    }

    fn end(&mut self) -> Vec<Bytes> {
        let end = std::mem::take(&mut self.round.end);
        end.into_iter().map(|event| self.end_event(&event)).collect()
    }

    fn as_events(&self, answer: &Value) -> Option<Vec<Event>> {
        let status = answer.get("status")?.as_str()?;
        if !matches!(status, "completed" | "incomplete") {
            return None;
        }
        let items = answer.get("output")?.as_array()?.iter().enumerate();
        let done = |(index, item): (usize, &Value)| {
            Event::of(json!({"type": "response.output_item.done", "output_index": index, "item": item}))
        };
        let end = json!({"type": format!("response.{status}"), "response": {"usage": answer.get("usage")}});
        Some(items.map(done).chain([Event::of(end)]).collect())
    }

    fn whole(&self, rounds: Vec<Value>) -> Value {
        let mut answer = rounds.into_iter().next_back().unwrap_or_default();
        answer["usage"] = usage::with(&answer["usage"], &self.spent);
        answer["output"] = self.shown.iter().cloned().chain(self.round.clients()).collect();
        answer
    }

    fn kept(&self) -> Option<Kept> {
        if self.hidden.items.is_empty() {
            return None;
        }
        let shown = self.shown.iter().cloned().chain(self.round.clients());
        let names: Vec<String> = shown.filter_map(|item| identity(&item)).collect();
        Some(kept(&names, &self.hidden))
    }
}

impl Items {
    fn hold_end(&mut self, event: &Event) -> Option<Bytes> {
        self.round.end.push(Event { raw: event.raw.clone(), data: event.data.clone() });
        None
    }

    /// An item begins, or is done.
    fn item(&mut self, event: &Event) -> Option<Bytes> {
        let (Some(index), Some(item)) =
            (event.data.get("output_index").and_then(Value::as_u64), event.data.get("item"))
        else {
            self.round.odd = true;
            return Some(self.outward(event, None));
        };
        let done = event.data["type"] == "response.output_item.done";
        match self.round.items.iter_mut().find(|it| it.index == index) {
            Some(building) => {
                self.round.odd |= building.done || is_ours(item) != is_ours(&building.item);
                building.item.clone_from(item);
                building.done |= done;
            }
            None => {
                let whose = match is_ours(item) {
                    true => Whose::Ours,
                    false => {
                        self.sent += 1;
                        Whose::Clients(self.sent - 1)
                    }
                };
                self.round.items.push(Building { index, item: item.clone(), whose, done });
            }
        }
        self.of_item(event, index)
    }

    /// To the client, under its index there, or to what is held back.
    fn of_item(&mut self, event: &Event, index: u64) -> Option<Bytes> {
        match self.round.items.iter().find(|it| it.index == index).map(|it| it.whose) {
            Some(Whose::Clients(index)) => Some(self.outward(event, Some(index))),
            Some(Whose::Ours) => {
                self.withheld = true;
                self.round.held_bytes += event.raw.len();
                self.round.held.push(Event { raw: event.raw.clone(), data: event.data.clone() });
                if self.round.held_bytes <= MOST_HELD {
                    return None;
                }
                // Too long to be a question: the client's after all.
                self.round.odd = true;
                Some(self.release())
            }
            None => {
                self.round.odd = true;
                Some(self.outward(event, Some(index)))
            }
        }
    }

    /// What is held back goes to the client after all, and what follows it too.
    fn release(&mut self) -> Bytes {
        for building in self.round.items.iter_mut().filter(|it| it.whose == Whose::Ours) {
            building.whose = Whose::Clients(self.sent);
            self.sent += 1;
        }
        let mut out = BytesMut::new();
        for event in std::mem::take(&mut self.round.held) {
            let index = event.data.get("output_index").and_then(Value::as_u64);
            let building = self.round.items.iter().find(|it| Some(it.index) == index);
            let index = match building.map(|it| it.whose) {
                Some(Whose::Clients(index)) => Some(index),
                _ => index,
            };
            out.extend_from_slice(&self.outward(&event, index));
        }
        out.freeze()
    }

    /// An event under the numbers that the client counts with.
    fn outward(&mut self, event: &Event, index: Option<u64>) -> Bytes {
        let mut data = Value::Null;
        if let Some(own) = event.data.get("sequence_number").and_then(Value::as_u64) {
            let number = self.number.filter(|_| self.withheld).unwrap_or(own);
            if own != number {
                data = event.data.clone();
                data["sequence_number"] = number.into();
            }
            self.number = Some(number + 1);
        }
        if let Some(index) = index
            && event.data["output_index"] != index
        {
            if data.is_null() {
                data = event.data.clone();
            }
            data["output_index"] = index.into();
        }
        if data.is_null() { event.raw.clone() } else { with_data(event, &data) }
    }

    /// An event of the end; what was said and what it cost is that of all rounds.
    fn end_event(&mut self, event: &Event) -> Bytes {
        let withheld = self.round.items.iter().any(|it| it.whose == Whose::Ours);
        let moved = self.let_go || withheld || self.rounds != 0;
        if !moved || !event.data.get("response").is_some_and(Value::is_object) {
            return self.outward(event, None);
        }
        let mut data = event.data.clone();
        let response = &mut data["response"];
        if self.rounds != 0 && response.get("usage").is_some_and(Value::is_object) {
            response["usage"] = usage::with(&response["usage"], &self.spent);
        }
        // Some servers do not say again what they have streamed.
        let says_again = response["output"].as_array().is_some_and(|output| !output.is_empty())
            || self.round.items.is_empty();
        if says_again {
            response["output"] = self.shown.iter().cloned().chain(self.round.clients()).collect();
        }
        let raw = with_data(event, &data);
        self.outward(&Event { raw, data }, None)
    }
}

impl Round {
    /// The items that the client has, in its order.
    fn clients(&self) -> Vec<Value> {
        let clients = |it: &Building| match it.whose {
            Whose::Clients(index) => Some((index, it.item.clone())),
            Whose::Ours => None,
        };
        let mut shown: Vec<(u64, Value)> = self.items.iter().filter_map(clients).collect();
        shown.sort_by_key(|(index, _)| *index);
        shown.into_iter().map(|(_, item)| item).collect()
    }
}

impl Building {
    /// `None` when its arguments can't be read.
    fn call(&self) -> Option<Call> {
        let arguments = match self.item.get("arguments")?.as_str()?.trim() {
            "" => Map::new(),
            arguments => serde_json::from_str(arguments).ok()?,
        };
        Some(Call { id: self.item.get("call_id")?.as_str()?.to_owned(), arguments })
    }
}

fn is_ours(item: &Value) -> bool {
    item["type"] == "function_call" && item["name"] == RETRIEVAL_TOOL && item.get("namespace").is_none()
}

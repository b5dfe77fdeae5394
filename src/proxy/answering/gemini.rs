//! A model's turn in Gemini, of which the client does not see the calls of our tool.
//!
//! Each event is a whole `GenerateContentResponse`; an answer in one piece is the only one of its kind. Code
//! Assist puts each into an envelope. *Invariant:* an event's bytes leave as they came, unless something in it
//! or before it was withheld. *Invariant:* whatever is not understood goes to the client.

use super::events::{Event, with_data};
use super::usage;
use super::{Answered, Call, GoesOn, MOST_HELD, Next, Turning, what_next};
use crate::conversation::RETRIEVAL_TOOL;
use crate::rewrite::hidden::chat::names;
use crate::rewrite::hidden::gemini::{Beside, Hidden, answering, call_in, identity, next_round, result};
use crate::rewrite::hidden::{Kept, kept};
use bytes::Bytes;
use serde_json::{Map, Value, json};

/// What a candidate holds besides what it says.
const BARE: &[&str] = &["content", "index", "finishReason", "safetyRatings", "avgLogprobs", "tokenCount"];

/// Whether a request to this path and query is answered in a way that can be read here: in events, or in one piece.
pub(super) fn is_readable(target: &str) -> bool {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let streams = path.ends_with(":streamGenerateContent");
    !streams || query.split('&').any(|set| matches!(set, "alt=sse" | "$alt=sse" | "%24alt=sse"))
}

/// A turn as it comes, over one round or several.
#[derive(Debug, Default)]
pub(super) struct Gemini {
    /// What the client has seen of it: the text, and what tells its calls.
    text: String,
    thought: String,
    calls: Vec<String>,
    hidden: Hidden,
    hidden_before: Hidden,
    /// Under which name the client knows the answer.
    known_as: Option<Value>,
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
    /// All parts as they came, but for texts that say no more than that they go on.
    parts: Vec<Value>,
    /// The parts that call our tool, each with how many of the client's calls stand before it.
    ours: Vec<(usize, Value)>,
    ours_bytes: usize,
    /// How many calls the client has.
    clients: usize,
    /// The end, not sent yet.
    held: Vec<Event>,
    /// An event, for what is said in the provider's name.
    sample: Value,
    stop: String,
    usage: Map<String, Value>,
    /// Something came that is not understood: nothing can be built on this answer.
    odd: bool,
    ended: bool,
}

impl Turning for Gemini {
    fn take(&mut self, event: &Event) -> Option<Bytes> {
        let answer = answer_in(&event.data);
        if !answer.is_object() || answer.get("error").is_some() {
            self.round.odd |= !event.is_silent();
            return Some(event.raw.clone());
        }
        usage::merge(&mut self.round.usage, answer.get("usageMetadata"));
        if self.known_as.is_none() {
            self.known_as = answer.get("responseId").cloned();
        }
        let candidates = answer.get("candidates").and_then(Value::as_array).map(Vec::as_slice);
        match candidates.unwrap_or_default() {
            _ if self.round.ended => self.hold(event.raw.clone(), event.data.clone()),
            [] => {
                // The prompt was refused, or there is nothing but figures.
                self.round.odd |= answer.get("promptFeedback").is_some();
                Some(self.onward(event))
            }
            [candidate] if candidate.get("index").is_none_or(|index| index == 0) => {
                self.candidate(event, candidate)
            }
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
        let round = &self.round;
        let calls = round.ours.iter().filter_map(|(_, part)| call_in(part)).map(call_of).collect();
        let may = !round.odd && round.stop == "STOP" && self.rounds < most_rounds;
        what_next(Some(calls), may, round.clients != 0)
    }

    fn answered(&mut self, calls: &[Call], answers: &[Answered], goes_on: GoesOn) -> Vec<String> {
        let results: Vec<String> =
            calls.iter().zip(answers).map(|(call, answer)| result(&call.id, answer)).collect();
        self.hidden_before = self.hidden.clone();
        match goes_on {
            GoesOn::Here => {
                self.hidden.contents.push(self.said());
                self.hidden.contents.push(answering(&results));
                self.hidden.said = self.text.trim_start().len();
                self.hidden.thought = self.thought.len();
            }
            GoesOn::There => {
                let calls = self.round.ours.iter().map(|(before, part)| (*before, part.to_string()));
                self.hidden.beside = Some(Beside { calls: calls.collect(), results: results.clone() });
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
        let ours: Vec<Value> =
            std::mem::take(&mut self.round.ours).into_iter().map(|(_, part)| part).collect();
        self.calls.extend(ours.iter().filter_map(call_in).map(identity));
        let mut out = Vec::new();
        if !ours.is_empty() {
            let mut data = self.round.sample.clone();
            answer_of(&mut data)["candidates"] =
                json!([{"content": {"parts": ours, "role": "model"}, "index": 0}]);
            out.push(self.outward(data));
        }
        out.extend(self.end());
        out
    }

    fn end(&mut self) -> Vec<Bytes> {
        let held = std::mem::take(&mut self.round.held);
        held.iter().map(|event| self.onward(event)).collect()
    }

    fn as_events(&self, answer: &Value) -> Option<Vec<Event>> {
        let [candidate] = answer_in(answer).get("candidates")?.as_array()?.as_slice() else { return None };
        candidate.get("finishReason")?;
        Some(vec![Event::of(answer.clone())])
    }

    fn whole(&self, rounds: Vec<Value>) -> Value {
        let last = rounds.len().saturating_sub(1);
        let mut shown = Vec::new();
        for (number, round) in rounds.iter().enumerate() {
            let parts = answer_in(round).pointer("/candidates/0/content/parts").and_then(Value::as_array);
            let clients = |part: &&Value| (self.let_go && number == last) || !is_ours(part);
            shown.extend(parts.into_iter().flatten().filter(clients).cloned());
        }
        let mut whole = rounds.into_iter().next_back().unwrap_or_default();
        let answer = answer_of(&mut whole);
        answer["usageMetadata"] = usage::with(&answer["usageMetadata"], &self.spent);
        if let Some(known_as) = &self.known_as {
            answer["responseId"] = known_as.clone();
        }
        let content = &mut answer["candidates"][0]["content"];
        if !content.is_object() {
            *content = json!({"role": "model"});
        }
        content["parts"] = Value::Array(shown);
        whole
    }

    fn kept(&self) -> Option<Kept> {
        let names = names(&self.text, self.calls.iter().map(String::as_str));
        (!self.hidden.is_empty()).then(|| kept(&names, &self.hidden))
    }
}

impl Gemini {
    /// One event of the answer.
    fn candidate(&mut self, event: &Event, candidate: &Value) -> Option<Bytes> {
        if self.round.sample.is_null() {
            self.round.sample = event.data.clone();
        }
        let parts = candidate.pointer("/content/parts").and_then(Value::as_array);
        let parts = parts.map(Vec::as_slice).unwrap_or_default();
        let clients: Vec<Value> = parts.iter().filter(|part| !self.withholds(part)).cloned().collect();
        let withheld = clients.len() != parts.len();
        if let Some(stop) = candidate.get("finishReason").and_then(Value::as_str) {
            self.round.ended = true;
            stop.clone_into(&mut self.round.stop);
            if self.round.ours.is_empty() || (clients.is_empty() && !withheld) {
                return self.hold(event.raw.clone(), event.data.clone());
            }
            // What it says goes on; that it is the last one does not.
            let end = with_parts(&event.data, Vec::new());
            self.hold(with_data(event, &end), end);
            let mut data = with_parts(&event.data, clients.clone());
            if let Some(candidate) =
                answer_of(&mut data).pointer_mut("/candidates/0").and_then(Value::as_object_mut)
            {
                candidate.shift_remove("finishReason");
            }
            return (!clients.is_empty()).then(|| self.outward(data));
        }
        if !withheld {
            return Some(self.onward(event));
        }
        let more =
            candidate.as_object().into_iter().flatten().any(|(name, _)| !BARE.contains(&name.as_str()));
        (more || !clients.is_empty()).then(|| self.outward(with_parts(&event.data, clients)))
    }

    /// Notes a part; true when the client does not get it.
    fn withholds(&mut self, part: &Value) -> bool {
        let round = &mut self.round;
        note(&mut round.parts, part);
        if let Some(text) = part.get("text").and_then(Value::as_str) {
            match part["thought"] == true {
                true => self.thought.push_str(text),
                false => self.text.push_str(text),
            }
            return false;
        }
        let Some(call) = call_in(part) else { return false };
        // Arguments that come in pieces are not put together here.
        let in_pieces = call.get("partialArgs").is_some() || call.get("willContinue").is_some();
        if is_ours(part) && !in_pieces {
            round.ours_bytes += part.to_string().len();
            if round.ours_bytes <= MOST_HELD {
                round.ours.push((round.clients, part.clone()));
                return true;
            }
        }
        round.odd |= in_pieces || is_ours(part);
        round.clients += 1;
        self.calls.push(identity(call));
        false
    }

    /// The model's content of this round, as JSON.
    fn said(&self) -> String {
        json!({"role": "model", "parts": self.round.parts}).to_string()
    }

    fn hold(&mut self, raw: Bytes, data: Value) -> Option<Bytes> {
        self.round.held.push(Event { raw, data });
        None
    }

    /// An event of which nothing was withheld.
    fn onward(&self, event: &Event) -> Bytes {
        match self.rounds == 0 || !answer_in(&event.data).is_object() {
            true => event.raw.clone(),
            false => self.outward(event.data.clone()),
        }
    }

    /// An event under the name that the client knows; its usage is that of all rounds.
    fn outward(&self, mut data: Value) -> Bytes {
        if self.rounds != 0 {
            let answer = answer_of(&mut data);
            if let (Some(known_as), Some(name)) = (&self.known_as, answer.get_mut("responseId")) {
                name.clone_from(known_as);
            }
            if let Some(told) = answer.get_mut("usageMetadata").filter(|told| told.is_object()) {
                *told = usage::with(told, &self.spent);
            }
        }
        Bytes::from(format!("data: {data}\n\n"))
    }
}

/// The answer, taken out of Code Assist's envelope.
fn answer_in(data: &Value) -> &Value {
    data.get("response").filter(|inner| inner.is_object()).unwrap_or(data)
}

fn answer_of(data: &mut Value) -> &mut Value {
    match data.get("response").is_some_and(Value::is_object) {
        true => &mut data["response"],
        false => data,
    }
}

/// The event's data, saying these parts alone.
fn with_parts(data: &Value, parts: Vec<Value>) -> Value {
    let mut data = data.clone();
    let candidate = answer_of(&mut data).pointer_mut("/candidates/0");
    if let Some(content) = candidate.and_then(|it| it.get_mut("content")).filter(|it| it.is_object()) {
        content["parts"] = Value::Array(parts);
    }
    data
}

/// Adds a part to those that came. Plain texts that follow one another are one text.
fn note(parts: &mut Vec<Value>, part: &Value) {
    let plain = |part: &Value| {
        let members = part.as_object()?;
        let bare =
            members.iter().all(|(name, value)| name == "text" || (name == "thought" && *value == true));
        bare.then(|| members.get("thought").is_some())
    };
    let Some(text) = part.get("text").and_then(Value::as_str) else { return parts.push(part.clone()) };
    let kind = plain(part);
    if kind.is_some() && text.is_empty() {
        return;
    }
    match parts.last_mut() {
        Some(last) if kind.is_some() && plain(last) == kind => {
            if let Some(Value::String(so_far)) = last.get_mut("text") {
                so_far.push_str(text);
            }
        }
        _ => parts.push(part.clone()),
    }
}

fn is_ours(part: &Value) -> bool {
    call_in(part).is_some_and(|call| call["name"] == RETRIEVAL_TOOL)
}

fn call_of(call: &Value) -> Call {
    let arguments = call.get("args").and_then(Value::as_object).cloned().unwrap_or_default();
    let id = call.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    Call { id, arguments }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_is_one_json_array_is_left_alone() {
        for (target, want) in [
            ("/v1beta/models/g:generateContent", true),
            ("/v1beta/models/g:countTokens?key=a", true),
            ("/v1beta/models/g:streamGenerateContent?key=a&alt=sse", true),
            ("/v1beta/models/g:streamGenerateContent?key=a", false),
            ("/v1internal:streamGenerateContent", false),
        ] {
            assert_eq!(is_readable(target), want, "{target}");
        }
    }

    #[test]
    fn what_an_event_says_beside_our_call_goes_on_and_the_model_hears_all_as_it_came() {
        let ours = json!({"functionCall": {"id": "7", "name": RETRIEVAL_TOOL, "args": {"key": "a"}}, "thoughtSignature": "s"});
        let text = |text: &str| json!({"text": text});
        let event = |parts: Value, finish: Option<&str>| {
            let mut candidate = json!({"content": {"parts": parts}});
            if let Some(finish) = finish {
                candidate["finishReason"] = finish.into();
            }
            Event::of(
                json!({"response": {"candidates": [candidate], "usageMetadata": {"totalTokenCount": 2}, "responseId": "r"}}),
            )
        };
        let mut turn = Gemini::default();
        let first = event(json!([text("Let ")]), None);
        assert_eq!(turn.take(&first), Some(first.raw.clone()));
        let second = turn.take(&event(json!([text("me."), ours]), None)).expect("the text");
        assert!(!String::from_utf8_lossy(&second).contains(RETRIEVAL_TOOL));
        assert_eq!(turn.take(&event(json!([ours]), None)), None, "nothing else is in it");
        let last = turn.take(&event(json!([text(" So.")]), Some("STOP"))).expect("the text");
        assert!(!String::from_utf8_lossy(&last).contains("STOP"));
        let Next::GoOn(calls) = turn.next(3) else { panic!("to be answered") };
        assert_eq!((calls.len(), calls[0].id.as_str()), (2, "7"));
        assert_eq!(
            turn.said(),
            json!({"role": "model", "parts": [text("Let me."), ours, ours, text(" So.")]}).to_string()
        );
        // Without an answer the client gets them, and then the end.
        let out = turn.let_go();
        assert_eq!(out.len(), 2);
        assert_eq!(String::from_utf8_lossy(&out[0]).matches(RETRIEVAL_TOOL).count(), 2);
        assert!(String::from_utf8_lossy(&out[1]).contains("STOP"));
    }
}

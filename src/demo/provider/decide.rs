//! What a request is answered with: checked, priced, and asked of the script.
//!
//! Knows every wire by its questions (what is the prompt, what is wrong) and none by its words.

use super::fault::Fault;
use super::responses::{self, Kept};
use super::route::{Ask, Door, Wants};
use super::{Caching, Checks, House, Message, State, Thoughts, anthropic, chat, gemini};
use crate::demo::asked::{Asked, Wire};
use crate::demo::script::{Answer, Piece, Turn};
use crate::demo::tools;
use crate::prompt_cache::cache::{Grain, KEEP_PREFIX};
use crate::prompt_cache::prompt::{Counter, Prompt};
use crate::receipt::Usage;
use crate::units::Tokens;
use serde_json::{Value, json};
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

/// Anthropic's own limit for a request's body, from its "Errors" page (`request_too_large`).
const API_LIMIT: usize = 32 << 20;
/// No body is decoded to more than this.
const LONGEST_DECODED: u64 = 256 << 20;

/// A model request, as it came.
pub(super) struct Question<'a> {
    pub(super) ask: &'a Ask,
    pub(super) login: &'a str,
    pub(super) raw: &'a [u8],
    pub(super) encoding: &'a str,
    /// The last response on this connection, which a WebSocket keeps.
    pub(super) held: Option<&'a (String, Arc<Kept>)>,
}

/// What a model request is answered with.
pub(super) enum Decided {
    /// The API refuses it.
    Refused(Fault),
    /// An answer that no model made.
    Told(Value),
    /// The script fails it.
    Fails(Fault, Turn),
    /// The script answers with bare bytes.
    Bytes(Vec<u8>, Turn),
    /// The script says something.
    Says(Box<Message>, Turn),
}

/// Decides; writes down what was billed and what was broken.
pub(super) fn decide(house: &House, state: &mut State, number: usize, question: &Question<'_>) -> Decided {
    let ask = question.ask;
    state.seen[number].wire = (ask.wants != Wants::Count).then_some(ask.wire);
    match ready(house, state, question) {
        Ok(request) => answer(house, state, number, question, request),
        Err(fault) => {
            state.seen[number].refused = fault.message.clone();
            Decided::Refused(fault)
        }
    }
}

/// A request's body, out of its envelope.
struct Ready {
    body: Value,
    /// The items that the request itself brought, when it goes on from an earlier response.
    own: Vec<Value>,
    before: Option<Arc<Kept>>,
}

/// Reads the body, as far as that needs no look at what it says.
fn ready(house: &House, state: &State, question: &Question<'_>) -> Result<Ready, Fault> {
    let (ask, checks) = (question.ask, house.rules.checks == Checks::All);
    if checks && question.login.is_empty() {
        return Err(match ask.wire {
            Wire::Anthropic => Fault::of(401, "authentication_error", "x-api-key header is required"),
            Wire::Chat | Wire::Responses => {
                let message = "You didn't provide an API key. You need to provide your API key in an Authorization \
                               header using Bearer auth.";
                Fault::of(401, "invalid_request_error", message).with_code("invalid_api_key")
            }
            Wire::Gemini => {
                Fault::of(401, "UNAUTHENTICATED", "Request is missing required authentication credential.")
            }
        });
    }
    if checks && ask.wire == Wire::Anthropic && API_LIMIT < question.raw.len() {
        return Err(Fault::of(413, "request_too_large", "Request exceeds the maximum size"));
    }
    let plain = decoded(question.raw, question.encoding)
        .map_err(|error| Fault::bad_request(&format!("The request body can't be decoded: {error}")))?;
    let body: Value = match serde_json::from_slice(&plain) {
        Ok(body) => body,
        Err(error) if checks => {
            return Err(Fault::bad_request(&format!("The request body is not valid JSON: {error}")));
        }
        Err(_) => Value::Null,
    };
    let versioned =
        !matches!(ask.door, Door::Vertex | Door::Bedrock) || body["anthropic_version"].is_string();
    if checks && !versioned {
        return Err(Fault::bad_request("anthropic_version: Field required"));
    }
    let mut body = ask.unwrap(body);
    if ask.wire != Wire::Responses {
        return Ok(Ready { body, own: Vec::new(), before: None });
    }
    let own = responses::own_items(&body);
    let Some(id) = body["previous_response_id"].as_str() else {
        return Ok(Ready { body, own, before: None });
    };
    let held = question.held.filter(|(held, _)| held == id).map(|(_, kept)| kept);
    let before = held.or_else(|| state.kept.get(id)).cloned().ok_or_else(|| responses::not_found(id))?;
    body["input"] = before.items().into_iter().chain(own.iter().cloned()).collect();
    Ok(Ready { body, own, before: Some(before) })
}

fn answer(house: &House, state: &mut State, number: usize, question: &Question<'_>, ready: Ready) -> Decided {
    let (ask, body) = (question.ask, ready.body);
    let prompt = render(ask.wire, &body, &mut state.counter);
    if ask.wants == Wants::Count {
        let counted = prompt.tokens().0;
        return Decided::Told(match ask.wire {
            Wire::Gemini => json!({"totalTokens": counted}),
            _ => json!({"input_tokens": counted}),
        });
    }
    let warms = body["generate"] == false && ask.wire == Wire::Responses;
    let asked = Asked { number: state.messages, wire: ask.wire, body: &body };
    if !warms {
        let broken = state.prompts.add(number, &asked, &prompt);
        state.broken.extend(broken);
    }
    let mut fault = (house.rules.checks == Checks::All).then(|| wrong(ask.wire, &body)).flatten();
    if fault.is_none() && house.rules.thoughts == Thoughts::Bound {
        fault = altered(ask.wire, &body, &prompt);
    }
    if let Some(fault) = fault {
        state.seen[number].refused = fault.message.clone();
        return Decided::Refused(fault);
    }
    let compacts = ask.wants == Wants::Compaction || responses::wants_compaction(&body);
    let compacts = (compacts && ask.wire == Wire::Responses).then(|| asked.turns());
    let (pieces, turn) = if warms || compacts.is_some() {
        state.seen[number].wire = (!warms).then_some(ask.wire);
        (Vec::new(), Turn::says(""))
    } else {
        let turn = (state.script)(&asked);
        state.messages += 1;
        match &turn.answer {
            Answer::Message(pieces) => (granted(&asked, pieces), turn),
            Answer::Error { status, kind, message } => {
                let fault = Fault::of(*status, kind, message).with_code(kind);
                return Decided::Fails(fault, turn);
            }
            Answer::Bytes(bytes) => return Decided::Bytes(bytes.clone(), turn),
        }
    };
    let mut message = Message {
        number,
        wire: ask.wire,
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        prompt,
        first_piece: state.pieces,
        usage: Usage::default(),
        thinking: Tokens(0),
        compacts,
        own: ready.own,
        before: ready.before,
        pieces,
        body,
    };
    state.pieces += message.pieces.len();
    if !warms {
        message.usage = charge(house, state, &message, question.login);
        count_output(state, &mut message);
        state.seen[number].usage = Some(message.usage);
    }
    if ask.wants == Wants::Compaction {
        return Decided::Told(responses::compacted(&message));
    }
    Decided::Says(Box::new(message), turn)
}

/// `pieces` with every wish granted by a tool that the request offers, or in words.
fn granted(asked: &Asked<'_>, pieces: &[Piece]) -> Vec<Piece> {
    let grant = |piece: &Piece| match piece {
        Piece::Wish(wish) => match tools::call(asked, wish) {
            Some((tool, input)) => Piece::Call { tool, input },
            None => Piece::Text("I was given no tool for what I want to do.".to_owned()),
        },
        piece => piece.clone(),
    };
    pieces.iter().map(grant).collect()
}

fn render(wire: Wire, body: &Value, counter: &mut Counter) -> Prompt {
    match wire {
        Wire::Anthropic => anthropic::render(body, counter),
        Wire::Chat => chat::render(body, counter),
        Wire::Responses => responses::render(body, counter),
        Wire::Gemini => gemini::render(body, counter),
    }
}

fn wrong(wire: Wire, body: &Value) -> Option<Fault> {
    match wire {
        Wire::Anthropic => anthropic::fault(body),
        Wire::Chat => chat::fault(body),
        Wire::Responses => responses::fault(body),
        Wire::Gemini => gemini::fault(body),
    }
}

fn altered(wire: Wire, body: &Value, prompt: &Prompt) -> Option<Fault> {
    match wire {
        Wire::Anthropic => anthropic::altered(body, prompt),
        Wire::Chat => None,
        Wire::Responses => responses::altered(body),
        Wire::Gemini => gemini::altered(body),
    }
}

/// What the prompt costs, by the cache of the wire's provider.
fn charge(house: &House, state: &mut State, message: &Message, login: &str) -> Usage {
    let now = house.began.elapsed() + state.moved;
    if let Caching::StopsAfter(requests) = house.rules.caching
        && requests < state.messages
    {
        state.forget_cache();
    }
    let (prompt, model) = (&message.prompt, &message.body["model"]);
    let shortest = match message.wire {
        Wire::Anthropic => {
            let seed = format!("{login}\0{model}");
            let bill = state.breakpoints.bill(prompt, &seed, house.rules.shortest_prefix, now);
            state.breakpoints.settle(&bill, now);
            return bill.usage;
        }
        Wire::Chat | Wire::Responses => Grain { shortest: house.rules.shortest_prefix, step: Tokens(128) },
        Wire::Gemini => Grain { shortest: house.rules.shortest_gemini_prefix, step: Tokens(1) },
    };
    let day = message.body["prompt_cache_retention"] == "24h";
    let keep = if day { Duration::from_secs(24 * 3600) } else { KEEP_PREFIX };
    let seed = format!("{:?}\0{login}\0{model}", message.wire);
    state.prefixes.bill(prompt, &seed, shortest, keep, now, &mut state.counter)
}

fn count_output(state: &mut State, message: &mut Message) {
    for piece in &message.pieces {
        let (tokens, thinks) = match piece {
            Piece::Text(said) => (state.counter.count(said), false),
            Piece::Thinking(thought) => (state.counter.count(thought), true),
            Piece::Call { tool, input } => (state.counter.count(&format!("{tool} {input}")), false),
            Piece::Wish(_) => continue,
        };
        message.usage.output += tokens;
        if thinks {
            message.thinking += tokens;
        }
    }
}

/// A body as it was before the client encoded it.
///
/// # Errors
/// When it is not what `encoding` says, or longer than anyone would send.
pub(super) fn decoded(raw: &[u8], encoding: &str) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    match encoding {
        "zstd" => {
            zstd::stream::read::Decoder::new(raw)?.take(LONGEST_DECODED).read_to_end(&mut plain)?;
        }
        "gzip" => {
            flate2::read::GzDecoder::new(raw).take(LONGEST_DECODED).read_to_end(&mut plain)?;
        }
        _ => return Ok(raw.to_vec()),
    }
    Ok(plain)
}

impl Ask {
    /// The model request in a body.
    fn unwrap(&self, mut body: Value) -> Value {
        let model = match self.door {
            Door::Plain | Door::Vertex | Door::Bedrock => self.model.clone().map(Value::from),
            Door::CodeAssist => {
                let mut taken = |name| body.get_mut(name).map(Value::take);
                let (model, request) = (taken("model"), taken("request"));
                body = request.unwrap_or_default();
                model
            }
        };
        if let (Some(model), true) = (model, body.is_object()) {
            body["model"] = model;
        }
        body
    }
}

impl Door {
    /// What goes out through this door.
    pub(super) fn wrap(self, answer: Value) -> Value {
        match self {
            Door::Plain | Door::Vertex | Door::Bedrock => answer,
            Door::CodeAssist => json!({"response": answer, "traceId": "demo"}),
        }
    }
}

//! What was decided, put into the words of the wire and the envelope of the door that the request came by.

use super::decide::Decided;
use super::fault::Fault;
use super::route::{Ask, Door, Flow};
use super::send::{Planned, plain_reply};
use super::{Message, State, anthropic, bedrock, chat, gemini, keep, responses, stream};
use crate::demo::asked::Wire;
use crate::demo::script::Turn;
use serde_json::{Value, json};

/// The status of an answer, and all that goes out.
pub(super) fn planned(state: &mut State, ask: &Ask, decided: Decided) -> (u16, Planned) {
    match decided {
        Decided::Refused(fault) => {
            let reply = plain_reply(fault.status, &failure(ask, &fault), &failure_headers(ask, &fault));
            (fault.status, Planned::reply(reply))
        }
        Decided::Told(answer) => (200, Planned::json(200, &ask.door.wrap(answer).to_string())),
        Decided::Fails(fault, turn) => {
            let headers = [turn.headers.as_slice(), &failure_headers(ask, &fault)].concat();
            let reply = plain_reply(fault.status, &failure(ask, &fault), &headers);
            (fault.status, Planned { wait: turn.wait, ending: turn.ending, ..Planned::reply(reply) })
        }
        Decided::Bytes(bytes, turn) => {
            let planned =
                Planned { wait: turn.wait, ending: turn.ending, closes: true, ..Planned::reply(bytes) };
            (0, planned)
        }
        Decided::Says(message, turn) => {
            keep(state, &message);
            (200, said(ask, &message, &turn))
        }
    }
}

/// An answer on its way.
fn said(ask: &Ask, message: &Message, turn: &Turn) -> Planned {
    const EVENTS: &str = "text/event-stream; charset=utf-8";
    let streamed = match ask.flow {
        Flow::AsAsked => message.body["stream"] == true,
        Flow::Whole => false,
        Flow::Events | Flow::Array | Flow::Frames => true,
    };
    if !streamed {
        let whole = match message.wire {
            Wire::Anthropic => anthropic::whole(message),
            Wire::Chat => chat::whole(message),
            Wire::Responses => responses::whole(message),
            Wire::Gemini => gemini::whole(message),
        };
        let mut turn = turn.clone();
        if ask.door == Door::Bedrock {
            turn.headers.extend(bedrock::counts(message));
        }
        return Planned::whole(ask.door.wrap(whole).to_string(), &turn);
    }
    match message.wire {
        Wire::Anthropic if ask.flow == Flow::Frames => {
            let events = anthropic::events(message, &turn.ending);
            Planned::stream(bedrock::STREAM, bedrock::frames(message, events), turn)
        }
        Wire::Anthropic => {
            let events = anthropic::events(message, &turn.ending);
            let parts = events.iter().map(|(name, data)| stream::named(name, data)).collect();
            Planned::stream(EVENTS, parts, turn)
        }
        Wire::Chat => {
            let mut parts: Vec<Vec<u8>> =
                chat::events(message, &turn.ending).iter().map(stream::nameless).collect();
            if !chat::breaks_off(&turn.ending) {
                parts.push(b"data: [DONE]\n\n".to_vec());
            }
            Planned::stream(EVENTS, parts, turn)
        }
        Wire::Responses => {
            let events = responses::events(message, &turn.ending);
            let named = |event: &Value| stream::named(event["type"].as_str().unwrap_or_default(), event);
            Planned::stream(EVENTS, events.iter().map(named).collect(), turn)
        }
        Wire::Gemini => {
            let events = gemini::events(message, &turn.ending);
            let events: Vec<Value> = events.into_iter().map(|event| ask.door.wrap(event)).collect();
            match ask.flow {
                Flow::Array => {
                    Planned::stream("application/json; charset=UTF-8", stream::array(&events), turn)
                }
                _ => {
                    Planned::stream("text/event-stream", events.iter().map(stream::nameless).collect(), turn)
                }
            }
        }
    }
}

/// A refusal's headers.
fn failure_headers(ask: &Ask, fault: &Fault) -> Vec<(String, String)> {
    let kind = (ask.door == Door::Bedrock).then(|| bedrock::exception(fault.status).0);
    kind.map(|kind| ("x-amzn-errortype".to_owned(), kind.to_owned())).into_iter().collect()
}

/// A refusal's body.
fn failure(ask: &Ask, fault: &Fault) -> String {
    if ask.door == Door::Bedrock {
        return json!({"message": fault.message}).to_string();
    }
    let body = error_body(ask.wire, fault);
    if ask.flow == Flow::Array { format!("[{body}\n]\n") } else { body }
}

/// A refusal in the shape of a wire.
pub(super) fn error_body(wire: Wire, fault: &Fault) -> String {
    match wire {
        Wire::Anthropic => anthropic::error(fault),
        Wire::Chat | Wire::Responses => chat::error(fault),
        Wire::Gemini => gemini::error(fault),
    }
    .to_string()
}

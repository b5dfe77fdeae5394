//! The Responses wire over a WebSocket: a request a message, and its events, one a message.
//!
//! Takes no extension, whatever is offered. What a response leaves behind is kept for this connection, the
//! last response alone, and forgotten when a turn fails: a client that comes back, or that names an older
//! one, must send its history again. Source: OpenAI's "WebSocket mode" page as of November 2026.

use super::decide::{Decided, Question, decide};
use super::fault::Fault;
use super::http::Request;
use super::responses::{self, Kept};
use super::route::{Ask, Door, Flow, Wants};
use super::send::{pause, plain_reply};
use super::{Checks, House, chat, error_body, keep, login};
use crate::demo::asked::Wire;
use crate::demo::script::{Ending, Pace, Turn};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

/// No message may be longer.
const LONGEST_MESSAGE: usize = 256 << 20;

/// What every message asks.
const ASK: Ask =
    Ask { wire: Wire::Responses, door: Door::Plain, wants: Wants::Answer, model: None, flow: Flow::Events };

/// Takes an upgrade, and answers message after message.
pub(super) async fn converse(mut stream: TcpStream, pending: Vec<u8>, house: &House, upgrade: Request) {
    let (target, headers) = (upgrade.target.clone(), upgrade.headers.clone());
    let login = login(&upgrade).to_owned();
    let key = upgrade.header("sec-websocket-key").map(str::to_owned);
    let number = house.state().see(upgrade, house.began.elapsed());
    let reply = match key {
        _ if login.is_empty() && house.rules.checks == Checks::All => {
            let fault = Fault::of(401, "invalid_request_error", "You didn't provide an API key.");
            Err(fault.with_code("invalid_api_key"))
        }
        None => Err(Fault::bad_request("An upgrade without a key.")),
        Some(key) => Ok(format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
             sec-websocket-accept: {}\r\nx-request-id: req_demo\r\n\r\n",
            derive_accept_key(key.as_bytes())
        )),
    };
    let reply = match reply {
        Ok(reply) => {
            house.note(number, |seen, _| seen.status = 101);
            reply.into_bytes()
        }
        Err(fault) => {
            house.note(number, |seen, _| {
                seen.status = fault.status;
                seen.refused = fault.message.clone();
            });
            let _ =
                stream.write_all(&plain_reply(fault.status, &error_body(Wire::Responses, &fault), &[])).await;
            return;
        }
    };
    if stream.write_all(&reply).await.is_err() {
        return;
    }
    house.note(number, |seen, now| seen.answered = Some(now));
    let config = WebSocketConfig::default()
        .max_message_size(Some(LONGEST_MESSAGE))
        .max_frame_size(Some(LONGEST_MESSAGE));
    let mut socket = WebSocketStream::from_partially_read(stream, pending, Role::Server, Some(config)).await;
    let mut held = None;
    while let Some(Ok(message)) = socket.next().await {
        let body = match message {
            Message::Text(text) => text.as_bytes().to_vec(),
            Message::Binary(bytes) => bytes.to_vec(),
            // A ping is answered and a close acknowledged by the socket itself.
            _ => continue,
        };
        let request =
            Request { method: "WS".to_owned(), target: target.clone(), headers: headers.clone(), body };
        let (number, said) = answer(house, request, &login, &mut held);
        match say(&mut socket, said).await {
            Said::Whole => house.note(number, |seen, now| seen.answered = Some(now)),
            Said::ClientLeft => {
                house.note(number, |seen, now| seen.left = Some(now));
                return;
            }
            Said::BrokenOff => return,
        }
    }
}

/// What goes out for one message.
struct Answer {
    /// One message each.
    messages: Vec<String>,
    /// Bytes that are no WebSocket at all.
    bytes: Vec<u8>,
    turn: Turn,
}

/// Writes a message down and decides what to answer.
fn answer(
    house: &House,
    request: Request,
    login: &str,
    held: &mut Option<(String, Arc<Kept>)>,
) -> (usize, Answer) {
    let mut guard = house.state();
    let state = &mut *guard;
    let number = state.see(request, house.began.elapsed());
    let raw = state.seen[number].body.clone();
    let kind: Value = serde_json::from_slice(&raw).unwrap_or_default();
    let told = |fault: &Fault, headers: &[(String, String)]| {
        let mut told = chat::error(fault);
        told["type"] = json!("error");
        told["status"] = json!(fault.status);
        let headers = headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        told["headers"] = Value::Object(headers.collect());
        vec![told.to_string()]
    };
    if kind["type"] != "response.create" {
        let fault = Fault::bad_request(&format!("Unknown event type: {}", kind["type"]));
        state.seen[number].status = fault.status;
        state.seen[number].refused = fault.message.clone();
        return (number, Answer { messages: told(&fault, &[]), bytes: Vec::new(), turn: Turn::says("") });
    }
    let question = Question { ask: &ASK, login, raw: &raw, encoding: "", held: held.as_ref() };
    let decided = decide(house, state, number, &question);
    *held = None;
    let mut bytes = Vec::new();
    let (status, messages, turn) = match decided {
        Decided::Refused(fault) => (fault.status, told(&fault, &[]), Turn::says("")),
        Decided::Fails(fault, turn) => (fault.status, told(&fault, &turn.headers), turn),
        Decided::Told(answer) => (200, vec![answer.to_string()], Turn::says("")),
        Decided::Bytes(bare, turn) => {
            bytes = bare;
            (0, Vec::new(), turn)
        }
        Decided::Says(message, turn) => {
            *held = keep(state, &message);
            let events = responses::events(&message, &turn.ending);
            (200, events.iter().map(Value::to_string).collect(), turn)
        }
    };
    state.seen[number].status = status;
    (number, Answer { messages, bytes, turn })
}

/// What became of an answer.
enum Said {
    Whole,
    ClientLeft,
    BrokenOff,
}

/// Sends an answer, unless the client leaves.
async fn say(socket: &mut WebSocketStream<TcpStream>, answer: Answer) -> Said {
    let Answer { messages, bytes, turn } = answer;
    if pass(socket.get_ref(), turn.wait).await.is_err() {
        return Said::ClientLeft;
    }
    let limit = match turn.ending {
        Ending::ResetAtOnce => {
            let _ = socket.get_ref().set_zero_linger();
            return Said::BrokenOff;
        }
        Ending::ResetAfter(bytes) | Ending::CutAfter(bytes) | Ending::StallAfter(bytes) => bytes,
        Ending::Whole | Ending::Close | Ending::ErrorEvent(_) => usize::MAX,
    };
    if !bytes.is_empty() {
        let _ = socket.get_mut().write_all(&bytes).await;
        return Said::BrokenOff;
    }
    let mut left = limit;
    for message in messages {
        let part = &message[..message.floor_char_boundary(left)];
        let whole = part.len() == message.len();
        left = if whole { left - part.len() } else { 0 };
        if send(socket, part, whole, turn.pace).await.is_err() {
            return Said::ClientLeft;
        }
        if left == 0 {
            break;
        }
    }
    match turn.ending {
        Ending::ResetAfter(_) => {
            // Lets the client read what was sent: a reset throws away what is still under way.
            let _ = pass(socket.get_ref(), Duration::from_millis(50)).await;
            let _ = socket.get_ref().set_zero_linger();
            Said::BrokenOff
        }
        Ending::CutAfter(_) => Said::BrokenOff,
        Ending::StallAfter(_) => {
            let _ = pass(socket.get_ref(), Duration::from_secs(3600)).await;
            Said::ClientLeft
        }
        Ending::Close => {
            let frame = CloseFrame { code: CloseCode::Away, reason: "the demo closes here".into() };
            let _ = socket.close(Some(frame)).await;
            while let Some(Ok(_)) = socket.next().await {}
            Said::BrokenOff
        }
        Ending::Whole | Ending::ErrorEvent(_) | Ending::ResetAtOnce => Said::Whole,
    }
}

/// Sends one message, or its beginning, in as many frames as the pace says.
async fn send(
    socket: &mut WebSocketStream<TcpStream>,
    text: &str,
    whole: bool,
    pace: Pace,
) -> io::Result<()> {
    let length = match pace {
        Pace::Chopped(bytes, _) => bytes.max(1),
        Pace::Whole | Pace::Events(_) => usize::MAX,
    };
    let mut frames = text.as_bytes().chunks(length).peekable();
    let mut kind = Data::Text;
    while let Some(frame) = frames.next() {
        let last = whole && frames.peek().is_none();
        let frame = Frame::message(frame.to_vec(), OpCode::Data(kind), last);
        socket.send(Message::Frame(frame)).await.map_err(|_| io::ErrorKind::BrokenPipe)?;
        kind = Data::Continue;
        pass(socket.get_ref(), pause(pace)).await?;
    }
    Ok(())
}

/// Lets time pass; fails when the client leaves meanwhile, or says that it does.
async fn pass(stream: &TcpStream, time: Duration) -> io::Result<()> {
    /// The first byte of a close frame.
    const CLOSE: u8 = 0x88;
    if time.is_zero() {
        return Ok(());
    }
    let gone = async {
        let mut byte = [0];
        match stream.peek(&mut byte).await {
            Ok(1) if byte[0] != CLOSE => std::future::pending().await,
            _ => io::Error::from(io::ErrorKind::UnexpectedEof),
        }
    };
    tokio::select! {
        () = tokio::time::sleep(time) => Ok(()),
        gone = gone => Err(gone),
    }
}

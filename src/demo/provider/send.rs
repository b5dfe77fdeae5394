//! An answer on its way out: encoded, cut into writes, and ended as the script wants.

use crate::demo::script::{Encoding, Ending, Pace, Turn};
use std::io::{self, Write};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// What goes out for one request.
pub(super) struct Planned {
    pub(super) wait: Duration,
    pub(super) head: Vec<u8>,
    /// The body in writes, each followed by the pause.
    pub(super) writes: Vec<Vec<u8>>,
    pub(super) pause: Duration,
    pub(super) ending: Ending,
    pub(super) chunked: bool,
    pub(super) closes: bool,
}

impl Planned {
    /// Exactly these bytes, head and all.
    pub(super) fn reply(bytes: Vec<u8>) -> Planned {
        Planned {
            wait: Duration::ZERO,
            head: bytes,
            writes: Vec::new(),
            pause: Duration::ZERO,
            ending: Ending::Whole,
            chunked: false,
            closes: false,
        }
    }

    /// An answer of this JSON.
    pub(super) fn json(status: u16, body: &str) -> Planned {
        Planned::reply(plain_reply(status, body, &[]))
    }

    /// A whole body of JSON, in the way that `turn` wants it sent.
    pub(super) fn whole(body: String, turn: &Turn) -> Planned {
        let body = encode(vec![body.into_bytes()], turn.encoding).concat();
        Planned {
            wait: turn.wait,
            head: head(200, "application/json", Some(body.len()), turn.encoding, &turn.headers),
            writes: cut(vec![body], turn.pace),
            pause: pause(turn.pace),
            ending: turn.ending.clone(),
            chunked: false,
            closes: false,
        }
    }

    /// A stream of these parts, in the way that `turn` wants it sent.
    pub(super) fn stream(content_type: &str, parts: Vec<Vec<u8>>, turn: &Turn) -> Planned {
        Planned {
            wait: turn.wait,
            head: head(200, content_type, None, turn.encoding, &turn.headers),
            writes: cut(encode(parts, turn.encoding), turn.pace),
            pause: pause(turn.pace),
            ending: turn.ending.clone(),
            chunked: true,
            closes: false,
        }
    }
}

fn encode(parts: Vec<Vec<u8>>, encoding: Encoding) -> Vec<Vec<u8>> {
    match encoding {
        Encoding::Plain => parts,
        Encoding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            let mut out: Vec<Vec<u8>> = parts
                .iter()
                .map(|part| {
                    let _ = encoder.write_all(part).and_then(|()| encoder.flush());
                    std::mem::take(encoder.get_mut())
                })
                .collect();
            out.push(encoder.finish().unwrap_or_default());
            out
        }
        Encoding::Zstd => {
            let Ok(mut encoder) = zstd::stream::write::Encoder::new(Vec::new(), 3) else { return parts };
            let mut out: Vec<Vec<u8>> = parts
                .iter()
                .map(|part| {
                    let _ = encoder.write_all(part).and_then(|()| encoder.flush());
                    std::mem::take(encoder.get_mut())
                })
                .collect();
            out.push(encoder.finish().unwrap_or_default());
            out
        }
    }
}

fn cut(parts: Vec<Vec<u8>>, pace: Pace) -> Vec<Vec<u8>> {
    match pace {
        Pace::Whole => vec![parts.concat()],
        Pace::Events(_) => parts.into_iter().filter(|part| !part.is_empty()).collect(),
        Pace::Chopped(bytes, _) => parts.concat().chunks(bytes.max(1)).map(<[u8]>::to_vec).collect(),
    }
}

/// The pause after each write.
pub(super) fn pause(pace: Pace) -> Duration {
    match pace {
        Pace::Whole => Duration::ZERO,
        Pace::Events(pause) | Pace::Chopped(_, pause) => pause,
    }
}

fn head(
    status: u16,
    content_type: &str,
    length: Option<usize>,
    encoding: Encoding,
    headers: &[(String, String)],
) -> Vec<u8> {
    let reason =
        hyper::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("");
    let mut head = format!(
        "HTTP/1.1 {status} {reason}\r\ncontent-type: {content_type}\r\nrequest-id: req_demo\r\nx-request-id: req_demo\r\n"
    );
    match encoding {
        Encoding::Plain => {}
        Encoding::Gzip => head.push_str("content-encoding: gzip\r\n"),
        Encoding::Zstd => head.push_str("content-encoding: zstd\r\n"),
    }
    match length {
        Some(length) => head.push_str(&format!("content-length: {length}\r\n")),
        None => head.push_str("transfer-encoding: chunked\r\n"),
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// A whole answer of JSON, head and all.
pub(super) fn plain_reply(status: u16, body: &str, headers: &[(String, String)]) -> Vec<u8> {
    let mut reply = head(status, "application/json", Some(body.len()), Encoding::Plain, headers);
    reply.extend_from_slice(body.as_bytes());
    reply
}

/// What became of an answer.
pub(super) enum Performed {
    /// It went out, and the connection goes on.
    Whole,
    /// It went out, and the connection ends.
    Closed,
    /// The client left before.
    ClientLeft,
    /// It is over, and so is the connection.
    BrokenOff,
}

/// Sends what was planned, unless the client leaves.
pub(super) async fn perform(stream: &mut TcpStream, planned: Planned) -> Performed {
    if pass(stream, planned.wait).await.is_err() {
        return Performed::ClientLeft;
    }
    let limit = match planned.ending {
        Ending::ResetAtOnce => {
            let _ = stream.set_zero_linger();
            return Performed::BrokenOff;
        }
        Ending::ResetAfter(bytes) | Ending::CutAfter(bytes) | Ending::StallAfter(bytes) => bytes,
        Ending::Whole | Ending::Close | Ending::ErrorEvent(_) => usize::MAX,
    };
    if stream.write_all(&planned.head).await.is_err() {
        return Performed::ClientLeft;
    }
    let mut left = limit;
    for write in &planned.writes {
        let part = &write[..write.len().min(left)];
        left -= part.len();
        if !part.is_empty() && send(stream, part, planned.chunked).await.is_err() {
            return Performed::ClientLeft;
        }
        if left == 0 {
            break;
        }
        if pass(stream, planned.pause).await.is_err() {
            return Performed::ClientLeft;
        }
    }
    match planned.ending {
        Ending::ResetAfter(_) => {
            // Lets the client read what was sent: a reset throws away what is still under way.
            let _ = pass(stream, Duration::from_millis(50)).await;
            let _ = stream.set_zero_linger();
            return Performed::BrokenOff;
        }
        Ending::CutAfter(_) => return Performed::BrokenOff,
        Ending::StallAfter(_) => {
            let _ = pass(stream, Duration::from_secs(3600)).await;
            return Performed::ClientLeft;
        }
        Ending::Whole | Ending::Close | Ending::ErrorEvent(_) | Ending::ResetAtOnce => {}
    }
    if planned.chunked && stream.write_all(b"0\r\n\r\n").await.is_err() {
        return Performed::ClientLeft;
    }
    match (&planned.ending, planned.closes) {
        (Ending::Close, _) => Performed::Closed,
        (_, true) => Performed::BrokenOff,
        (_, false) => Performed::Whole,
    }
}

async fn send(stream: &mut TcpStream, part: &[u8], chunked: bool) -> io::Result<()> {
    if !chunked {
        return stream.write_all(part).await;
    }
    let mut chunk = format!("{:x}\r\n", part.len()).into_bytes();
    chunk.extend_from_slice(part);
    chunk.extend_from_slice(b"\r\n");
    stream.write_all(&chunk).await
}

/// Lets time pass; fails when the client leaves meanwhile.
pub(super) async fn pass(stream: &TcpStream, time: Duration) -> io::Result<()> {
    if time.is_zero() {
        return Ok(());
    }
    tokio::select! {
        () = tokio::time::sleep(time) => Ok(()),
        gone = gone(stream) => Err(gone),
    }
}

async fn gone(stream: &TcpStream) -> io::Error {
    let mut byte = [0];
    match stream.peek(&mut byte).await {
        Ok(0) => io::ErrorKind::UnexpectedEof.into(),
        Err(error) => error,
        // The next request is waiting already; then the client is still there.
        Ok(_) => std::future::pending().await,
    }
}

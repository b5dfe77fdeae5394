//! A listener in the line: takes connections, passes every byte on both ways, and keeps what the client sent.
//!
//! *Invariant:* it changes nothing, decides nothing and answers nothing.

use super::http::{read_request, value_of};
use bytes::Bytes;
use std::io::{self, Cursor};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Bytes of one connection that are kept.
const LONGEST: usize = 64 << 20;
/// Bytes of an answer's beginning that are kept.
const LONGEST_HEAD: usize = 4 << 10;

/// A tap that listens; stops when dropped.
pub struct Tap {
    address: SocketAddr,
    lines: Arc<Mutex<Vec<Line>>>,
    runtime: Option<tokio::runtime::Runtime>,
}

/// What went over one connection.
#[derive(Clone, Default)]
struct Line {
    sent: Vec<u8>,
    answers: Vec<Piece>,
    /// Bytes of the current answer that were kept.
    kept: usize,
}

/// A piece of an answer.
#[derive(Clone)]
struct Piece {
    at: Instant,
    /// Bytes that the client had sent by then.
    behind: usize,
    begins: Vec<u8>,
}

/// A request that was heard.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The method.
    pub method: String,
    /// Path and query, as sent.
    pub target: String,
    /// Headers in the order and the case in which they came.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, unchunked.
    pub body: Bytes,
    /// The status of its answer; 0 when none came.
    pub status: u16,
    /// True when the answer is a stream of events.
    pub streams: bool,
    /// When the first and the last piece of the answer came.
    pub answered: Option<(Instant, Instant)>,
}

impl Heard {
    /// The value of a header, by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        value_of(&self.headers, name)
    }
}

impl Tap {
    /// Listens on 127.0.0.1, in front of `address`.
    ///
    /// # Errors
    /// When no port or no thread can be had.
    pub fn before(address: SocketAddr) -> io::Result<Tap> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("demo-tap")
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let own = listener.local_addr()?;
        let lines = Arc::<Mutex<Vec<Line>>>::default();
        runtime.spawn(accept(listener, address, lines.clone()));
        Ok(Tap { address: own, lines, runtime: Some(runtime) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every whole request so far, connection after connection. What follows an upgrade is not looked at.
    pub fn heard(&self) -> Vec<Heard> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(runtime) = &self.runtime else { return Vec::new() };
        runtime.block_on(async {
            let mut heard = Vec::new();
            for line in &lines {
                read(line, &mut heard).await;
            }
            heard
        })
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn read(line: &Line, heard: &mut Vec<Heard>) {
    let mut stream = tokio::io::join(Cursor::new(&line.sent[..]), tokio::io::sink());
    let mut pending = Vec::new();
    while let Ok(Some(request)) = read_request(&mut stream, &mut pending).await {
        let read = usize::try_from(stream.reader().position()).unwrap_or(usize::MAX);
        let end = read.saturating_sub(pending.len());
        let next = pending.is_empty() && read == line.sent.len();
        let answer: Vec<&Piece> = line.answers.iter().filter(|piece| end <= piece.behind).collect();
        // A client asks again only when it has the whole answer.
        let until = answer.first().map_or(end, |piece| piece.behind);
        let answer: Vec<&Piece> = answer.into_iter().filter(|piece| piece.behind == until).collect();
        let begins: Vec<u8> = answer.iter().flat_map(|piece| piece.begins.clone()).collect();
        let begins = String::from_utf8_lossy(&begins).to_lowercase();
        let begins = begins.strip_prefix("http/1.1 100 continue\r\n\r\n").unwrap_or(&begins);
        let status = begins.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        let head = begins.split("\r\n\r\n").next().unwrap_or_default();
        heard.push(Heard {
            method: request.method,
            target: request.target,
            headers: request.headers,
            body: Bytes::from(request.body),
            status,
            streams: head.contains("text/event-stream"),
            answered: answer.first().zip(answer.last()).map(|(first, last)| (first.at, last.at)),
        });
        if status == 101 || next {
            return;
        }
    }
}

async fn accept(listener: TcpListener, to: SocketAddr, lines: Arc<Mutex<Vec<Line>>>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(pass(client, to, lines.clone()));
    }
}

/// One connection, both ways.
async fn pass(client: TcpStream, to: SocketAddr, lines: Arc<Mutex<Vec<Line>>>) {
    let Ok(server) = TcpStream::connect(to).await else { return };
    let _ = client.set_nodelay(true).and_then(|()| server.set_nodelay(true));
    let number = {
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(Line::default());
        lines.len() - 1
    };
    let note = |change: &dyn Fn(&mut Line)| {
        if let Some(line) = lines.lock().unwrap_or_else(PoisonError::into_inner).get_mut(number) {
            change(line);
        }
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let out = async {
        let mut bytes = vec![0; 64 << 10];
        while let Ok(read @ 1..) = from_client.read(&mut bytes).await {
            note(&|line| {
                let room = LONGEST.saturating_sub(line.sent.len()).min(read);
                line.sent.extend(&bytes[..room]);
            });
            if to_server.write_all(&bytes[..read]).await.is_err() {
                break;
            }
        }
        let _ = to_server.shutdown().await;
    };
    let home = async {
        let mut bytes = vec![0; 64 << 10];
        while let Ok(read @ 1..) = from_server.read(&mut bytes).await {
            let at = now();
            note(&|line| {
                let behind = line.sent.len();
                if line.answers.last().is_none_or(|piece| piece.behind != behind) {
                    line.kept = 0;
                }
                let begins = bytes[..read.min(LONGEST_HEAD.saturating_sub(line.kept))].to_vec();
                line.kept += begins.len();
                line.answers.push(Piece { at, behind, begins });
            });
            if to_client.write_all(&bytes[..read]).await.is_err() {
                break;
            }
        }
        let _ = to_client.shutdown().await;
    };
    tokio::join!(out, home);
}

#[allow(clippy::disallowed_methods, reason = "what streams is seen by the time at which it comes")]
fn now() -> Instant {
    Instant::now()
}

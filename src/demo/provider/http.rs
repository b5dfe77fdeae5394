//! A request, read off the socket by hand.
//!
//! Takes what HTTP/1.1 allows and nothing else: what a proxy sends wrongly must be seen here.
//! Never decodes a body: it is kept as it came.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// No request may have a head or a body longer than this.
const LONGEST_HEAD: usize = 1 << 20;
const LONGEST_BODY: usize = 256 << 20;

/// A request, its body unchunked.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// The value of a header, by its name in any case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        value_of(&self.headers, name)
    }

    /// True when the client wants the connection closed after the answer.
    pub(super) fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// The value of a header, by its name in any case; `None` as well when it is not text.
pub(super) fn value_of<'a>(headers: &'a [(String, Vec<u8>)], name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.and_then(|(_, value)| std::str::from_utf8(value).ok())
}

/// The path of a request's target.
pub(super) fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or(target)
}

/// The value of a parameter in the query of a request's target, as it stands there.
pub(super) fn parameter<'a>(target: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = target.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn odd(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// Reads one request; `None` when the client closed between two.
pub(super) async fn read_request(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    pending: &mut Vec<u8>,
) -> io::Result<Option<Request>> {
    let mut searched = 0_usize;
    let end = loop {
        let from = searched.saturating_sub(3);
        if let Some(at) = memchr::memmem::find(&pending[from..], b"\r\n\r\n") {
            break from + at;
        }
        searched = pending.len();
        if LONGEST_HEAD < searched {
            return Err(odd("the head is too long"));
        }
        if !more(stream, pending).await? {
            return if pending.is_empty() { Ok(None) } else { Err(odd("the head ends early")) };
        }
    };
    let head: Vec<u8> = pending.drain(..end + 4).collect();
    let mut lines =
        head[..end].split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = String::from_utf8(lines.next().unwrap_or_default().to_vec())
        .map_err(|_| odd("the request line is not text"))?;
    let mut words = first.split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(odd(format!("not a request line: {first}")));
    };
    let mut headers = Vec::new();
    for line in lines {
        let colon = memchr::memchr(b':', line).ok_or_else(|| odd("a header without a colon"))?;
        let name =
            String::from_utf8(line[..colon].to_vec()).map_err(|_| odd("a header's name is not text"))?;
        headers.push((name, line[colon + 1..].trim_ascii().to_vec()));
    }
    let mut request =
        Request { method: method.to_owned(), target: target.to_owned(), headers, body: Vec::new() };
    let chunked =
        request.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    let length = match request.header("content-length") {
        Some(_) if chunked => return Err(odd("both a length and chunks")),
        Some(length) => length.parse().map_err(|_| odd("content-length is no number"))?,
        None => 0,
    };
    if LONGEST_BODY < length {
        return Err(odd("the body is too long"));
    }
    if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    request.body =
        if chunked { read_chunks(stream, pending).await? } else { take(stream, pending, length).await? };
    Ok(Some(request))
}

async fn read_chunks(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    pending: &mut Vec<u8>,
) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = take_line(stream, pending).await?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length = usize::from_str_radix(digits, 16).map_err(|_| odd("a chunk without a length"))?;
        if LONGEST_BODY < length.saturating_add(body.len()) {
            return Err(odd("the body is too long"));
        }
        if length == 0 {
            while !take_line(stream, pending).await?.is_empty() {}
            return Ok(body);
        }
        body.extend(take(stream, pending, length).await?);
        if !take_line(stream, pending).await?.is_empty() {
            return Err(odd("a chunk longer than its length"));
        }
    }
}

async fn take_line(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    pending: &mut Vec<u8>,
) -> io::Result<String> {
    loop {
        if let Some(end) = memchr::memmem::find(pending, b"\r\n") {
            let line: Vec<u8> = pending.drain(..end + 2).collect();
            return String::from_utf8(line[..end].to_vec()).map_err(|_| odd("a chunk's head is not text"));
        }
        if LONGEST_HEAD < pending.len() || !more(stream, pending).await? {
            return Err(odd("the body ends early"));
        }
    }
}

async fn take(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    pending: &mut Vec<u8>,
    length: usize,
) -> io::Result<Vec<u8>> {
    while pending.len() < length {
        if !more(stream, pending).await? {
            return Err(odd("the body ends early"));
        }
    }
    let rest = pending.split_off(length);
    Ok(std::mem::replace(pending, rest))
}

async fn more(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), pending: &mut Vec<u8>) -> io::Result<bool> {
    pending.reserve(64 << 10);
    Ok(stream.read_buf(pending).await? != 0)
}

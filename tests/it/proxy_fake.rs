//! An upstream on a raw socket that keeps what it hears and misbehaves as it is told.

#![allow(dead_code)]

use crate::world::Client;
use headroom::compress::Effort;
use headroom::proxy::{self, Answers, Outbound, Running, Setup, Upstreams};
use headroom::rewrite::{Profile, Settings, WayBack};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// One request as it came over the wire.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// `POST /v1/messages HTTP/1.1`
    pub line: String,
    /// The headers in order and in the case they were written in.
    pub headers: Vec<(String, String)>,
    /// The body, without its framing.
    pub body: Vec<u8>,
}

impl Heard {
    /// The value of a header, by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What follows after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The connection waits for another request.
    More,
    /// The connection is closed.
    Close,
    /// The connection is torn down with a reset.
    Reset,
}

/// A fake upstream. Runs until the test ends.
pub struct Fake {
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    connections: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

impl Fake {
    /// An upstream that does as `script` says with each request that came whole.
    pub fn doing(script: impl Fn(&Heard, &mut TcpStream) -> Next + Send + Sync + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let fake = Fake {
            address: listener.local_addr().expect("an address"),
            heard: Arc::default(),
            connections: Arc::default(),
            ended: Arc::default(),
        };
        let (heard, connections, ended) = (fake.heard.clone(), fake.connections.clone(), fake.ended.clone());
        let script = Arc::new(script);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::SeqCst);
                let (heard, ended, script) = (heard.clone(), ended.clone(), script.clone());
                std::thread::spawn(move || {
                    talk(stream, &heard, &*script);
                    ended.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        fake
    }

    /// An upstream that answers everything with these bytes and waits for more.
    pub fn answering(answer: impl Into<Vec<u8>>) -> Fake {
        let answer = answer.into();
        Fake::doing(move |_, stream| {
            let _ = stream.write_all(&answer);
            Next::More
        })
    }

    /// An upstream that answers everything with these bytes and then does `next`.
    pub fn answering_then(answer: impl Into<Vec<u8>>, next: Next) -> Fake {
        let answer = answer.into();
        Fake::doing(move |_, stream| {
            let _ = stream.write_all(&answer);
            next
        })
    }

    /// An upstream that is content with everything.
    pub fn content() -> Fake {
        Fake::answering("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests that came whole, in order.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("no script panics while it listens").clone()
    }

    /// The only request that came.
    #[track_caller]
    pub fn only(&self) -> Heard {
        let mut heard = self.heard();
        assert_eq!(heard.len(), 1, "one request: {heard:?}");
        heard.remove(0)
    }

    /// Connections that were opened.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Connections that are over.
    pub fn ended(&self) -> usize {
        self.ended.load(Ordering::SeqCst)
    }
}

fn talk(mut stream: TcpStream, heard: &Mutex<Vec<Heard>>, script: &dyn Fn(&Heard, &mut TcpStream) -> Next) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    while let Ok(Some(request)) = read_request(&mut reader) {
        heard.lock().expect("no script panics while it listens").push(request.clone());
        match script(&request, &mut stream) {
            Next::More => {}
            Next::Close => {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
            Next::Reset => {
                drop(reader);
                return reset(stream);
            }
        }
    }
}

/// Closes with a reset: what a lingering time of nothing means.
pub fn reset(stream: TcpStream) {
    let socket = tokio::net::TcpSocket::from_std_stream(stream);
    socket.set_zero_linger().expect("an option");
}

/// Reads one request; `None` when the connection ended before one began.
pub fn read_request(reader: &mut impl BufRead) -> std::io::Result<Option<Heard>> {
    let broken = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut request = Heard { line: line.trim_end().to_owned(), ..Heard::default() };
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Err(broken());
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").ok_or_else(broken)?;
        request.headers.push((name.to_owned(), value.to_owned()));
    }
    if let Some(length) = request.header("content-length") {
        request.body = vec![0; length.parse().map_err(|_| broken())?];
        reader.read_exact(&mut request.body)?;
    } else if request.header("transfer-encoding").is_some() {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim(), 16).map_err(|_| broken())?;
            let mut chunk = vec![0; length + 2];
            reader.read_exact(&mut chunk)?;
            request.body.extend_from_slice(&chunk[..length]);
            if length == 0 {
                break;
            }
        }
    }
    Ok(Some(request))
}

/// Returns when the other end of `stream` is gone.
pub fn wait_until_gone(stream: &mut TcpStream) {
    let mut bytes = [0; 1024];
    while stream.read(&mut bytes).is_ok_and(|read| read != 0) {}
}

/// An event stream's head, chunked.
pub const STREAM: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// `bytes` as one chunk.
pub fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// The first segment of every path.
pub const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// How a proxy before `upstream` is set up in these tests.
pub fn setup(upstream: &str) -> Setup {
    Setup {
        upstreams: Upstreams::only(upstream),
        port: 0,
        secret: Some(SECRET.to_owned()),
        run: "run".to_owned(),
        agent: "claude".to_owned(),
        project: "/project".to_owned(),
        settings: Settings {
            profile: Profile::Shorten(Effort::Balanced),
            on: true,
            way_back: WayBack::Proven,
            rules: Arc::default(),
            frames: Arc::default(),
        },
        answers: Answers::TheClient,
        store: None,
        extra_roots: Vec::new(),
        outbound: Outbound::default(),
        aws: proxy::Aws::default(),
    }
}

/// A running proxy before `upstream`, and a client of it.
#[track_caller]
pub fn before(upstream: &Fake) -> (Running, Client) {
    let running = proxy::start(setup(&upstream.url())).expect("it starts");
    let client = Client::new(&running.base_url);
    (running, client)
}

/// Sends raw bytes and reads whatever comes until the connection ends.
#[track_caller]
pub fn raw(client: &Client, bytes: &[u8]) -> String {
    let mut stream = client.connect();
    // Who refuses early may not read it all.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

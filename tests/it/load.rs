//! Many streams at once, and many clients that leave: nothing differs, nothing is left behind.
//!
//! Under `cargo test` a short form runs, which checks counts, bytes and descriptors and prints times.
//! `just load` runs the full one on the release build, with its targets. Provider and clients live in
//! this process, so that one clock tells both of an event's ends.

use crate::faults::{DOORS, Door};
use crate::world::{RunningProxy, World, eventually};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// When this process began to measure; events carry the time since then.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

fn now() -> u64 {
    u64::try_from(BEGAN.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// So many streams, with so many events each, so far apart.
#[derive(Clone, Copy, Debug)]
struct Load {
    streams: usize,
    events: usize,
    apart: Duration,
    /// All streams begin within this time.
    begin: Duration,
}

const SHORT: Load =
    Load { streams: 40, events: 20, apart: Duration::from_millis(20), begin: Duration::from_millis(200) };
const FULL: Load =
    Load { streams: 500, events: 600, apart: Duration::from_millis(200), begin: Duration::from_secs(2) };

/// The event of this stream with this number, sent at this time.
fn event(stream: usize, number: usize, at: u64) -> String {
    format!(
        "event: content_block_delta\ndata: {{\"stream\":{stream},\"number\":{number},\"at\":{at:020},\"text\":\"a few words more\"}}\n\n"
    )
}

/// A provider that answers each request with a stream of events.
#[derive(Debug)]
struct Provider {
    address: SocketAddr,
    /// Requests whose head came.
    asked: Arc<AtomicU64>,
    /// When each stream's connection was seen to end before the stream did.
    left: Arc<Mutex<BTreeMap<usize, u64>>>,
}

impl Provider {
    async fn start(load: Load) -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let provider = Provider {
            address: listener.local_addr().expect("an address"),
            asked: Arc::default(),
            left: Arc::default(),
        };
        let (asked, left) = (provider.asked.clone(), provider.left.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (asked, left) = (asked.clone(), left.clone());
                tokio::spawn(async move {
                    let _ = answer(stream, load, &asked, &left).await;
                });
            }
        });
        provider
    }
}

/// Answers the one request of this connection, unless its client leaves.
async fn answer(
    mut stream: TcpStream,
    load: Load,
    asked: &AtomicU64,
    left: &Mutex<BTreeMap<usize, u64>>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (from, mut to) = stream.split();
    let mut from = BufReader::new(from);
    let head = head(&mut from).await?;
    asked.fetch_add(1, Ordering::SeqCst);
    let number = |name: &str| value(&head, name).and_then(|value| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; number("content-length")];
    from.read_exact(&mut body).await?;
    let which = number("x-stream");
    let events = async {
        if value(&head, "x-silent").is_some() {
            std::future::pending::<()>().await;
        }
        to.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n").await?;
        let mut tick = tokio::time::interval(load.apart);
        for number in 0..load.events {
            tick.tick().await;
            let event = event(which, number, now());
            to.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await?;
        }
        to.write_all(b"0\r\n\r\n").await
    };
    let mut byte = [0];
    tokio::select! {
        done = events => done,
        _ = from.read(&mut byte) => {
            left.lock().expect("no panic").insert(which, now());
            Ok(())
        }
    }
}

/// The lines of a request's or an answer's head.
async fn head(from: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" => return Ok(lines),
            line => lines.push(line.to_owned()),
        }
    }
}

fn value<'a>(head: &'a [String], name: &str) -> Option<&'a str> {
    head.iter().find_map(|line| {
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Where clients connect to, and what stands before their paths.
#[derive(Clone, Debug)]
struct Target {
    address: SocketAddr,
    prefix: String,
}

impl Target {
    fn of(base_url: &str) -> Target {
        let rest = base_url.strip_prefix("http://").expect("an http URL");
        let (host, prefix) =
            rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
        Target { address: host.parse().expect("an address"), prefix }
    }

    /// A stream's request on this wire.
    fn request(&self, door: Door, stream: usize, more: &str) -> Vec<u8> {
        let body = door.with(r#""stream":true,"#, r#""done""#).whole();
        let head = format!(
            "POST {}{} HTTP/1.1\r\nhost: {}\r\nx-api-key: sk-test\r\ncontent-type: application/json\r\nx-stream: {stream}\r\n{more}content-length: {}\r\n\r\n",
            self.prefix,
            door.path,
            self.address,
            body.len()
        );
        [head.as_bytes(), &body].concat()
    }
}

/// How long the first byte of a stream took, and how long each event was on its way; in nanoseconds.
#[derive(Clone, Debug, Default)]
struct Times {
    first: Vec<u64>,
    events: Vec<u64>,
}

/// One client's stream: every byte is checked.
async fn listen(target: &Target, load: Load, which: usize) -> std::io::Result<Times> {
    let wrong = |what: String| Error::other(format!("stream {which}: {what}"));
    let door = DOORS[which % DOORS.len()];
    let mut stream = TcpStream::connect(target.address).await?;
    stream.set_nodelay(true)?;
    let asked = now();
    stream.write_all(&target.request(door, which, "")).await?;
    let mut from = BufReader::new(stream);
    let head = head(&mut from).await?;
    if head.first().is_none_or(|line| !line.starts_with("HTTP/1.1 200 ")) {
        return Err(wrong(format!("{head:?}")));
    }
    let (mut times, mut unread, mut number) = (Times::default(), String::new(), 0);
    loop {
        let mut size = String::new();
        from.read_line(&mut size).await?;
        let size =
            usize::from_str_radix(size.trim(), 16).map_err(|_| wrong(format!("a chunk of {size:?}")))?;
        let mut chunk = vec![0; size + 2];
        from.read_exact(&mut chunk).await?;
        if size == 0 {
            break;
        }
        if times.first.is_empty() {
            times.first.push(now() - asked);
        }
        unread.push_str(std::str::from_utf8(&chunk[..size]).map_err(|error| wrong(error.to_string()))?);
        while let Some(end) = unread.find("\n\n") {
            let came = unread[..end + 2].to_owned();
            unread.drain(..end + 2);
            let at = came.split("\"at\":").nth(1).and_then(|rest| rest.get(..20)?.parse().ok()).unwrap_or(0);
            if came != event(which, number, at) {
                return Err(wrong(format!("event {number} is {came:?}")));
            }
            times.events.push(now() - at);
            number += 1;
        }
    }
    match (number == load.events, unread.as_str()) {
        (true, "") => Ok(times),
        _ => Err(wrong(format!("{number} events and {unread:?}"))),
    }
}

/// All streams at once; the times, and what went wrong.
async fn run(target: Target, load: Load) -> (Times, Vec<String>) {
    let mut clients = JoinSet::new();
    for which in 0..load.streams {
        let target = target.clone();
        let begins =
            load.begin * u32::try_from(which).expect("few") / u32::try_from(load.streams).expect("few");
        clients.spawn(async move {
            tokio::time::sleep(begins).await;
            listen(&target, load, which).await
        });
    }
    let (mut all, mut errors) = (Times::default(), Vec::new());
    while let Some(ended) = clients.join_next().await {
        match ended.expect("no panic") {
            Ok(times) => {
                all.first.extend(times.first);
                all.events.extend(times.events);
            }
            Err(error) => errors.push(error.to_string()),
        }
    }
    (all, errors)
}

/// The value that so many of a thousand do not exceed, in milliseconds.
fn percentile(times: &mut [u64], thousandths: usize) -> f64 {
    times.sort_unstable();
    let at = times.len().saturating_sub(1) * thousandths / 1000;
    times.get(at).map_or(0.0, |nanoseconds| *nanoseconds as f64 / 1e6)
}

fn shown(name: &str, times: &mut Times) -> (f64, f64) {
    let first = (percentile(&mut times.first, 500), percentile(&mut times.first, 990));
    let events = (percentile(&mut times.events, 500), percentile(&mut times.events, 990));
    eprintln!(
        "{name}: {} streams, {} events; first byte p50 {:.1} ms, p99 {:.1} ms; an event's way p50 {:.2} ms, p99 {:.2} ms",
        times.first.len(),
        times.events.len(),
        first.0,
        first.1,
        events.0,
        events.1
    );
    (first.1, events.1)
}

/// What the system says of a process; `None` where it says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    descriptors: usize,
    threads: usize,
}

fn held(pid: u32) -> Option<Held> {
    let count = |what: &str| Some(fs::read_dir(format!("/proc/{pid}/{what}")).ok()?.count());
    Some(Held { descriptors: count("fd")?, threads: count("task")? })
}

/// The most resident memory so far, in kB.
fn peak(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// The program under load: this build's, or the release build's.
fn program(release: bool) -> PathBuf {
    let ours = Path::new(env!("CARGO_BIN_EXE_headroom"));
    if !release {
        return ours.to_owned();
    }
    let built = ours.ancestors().nth(2).expect("a target folder").join("release/headroom");
    assert!(built.exists(), "{} is not built: `just load` builds it", built.display());
    built
}

fn proxy_before(world: &World, provider: &Provider, release: bool) -> RunningProxy {
    let upstream = format!("http://{}", provider.address);
    RunningProxy::start(world.program(&program(release), &["proxy", "--port", "0", "--upstream", &upstream]))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Streams with and without the proxy; gives what it added at the 99th percentile: first byte, event; in ms.
fn streams(load: Load, release: bool) -> (f64, f64) {
    let world = World::new();
    let runtime = runtime();
    let provider = runtime.block_on(Provider::start(load));
    let direct = Target { address: provider.address, prefix: String::new() };
    let (mut near, errors) = runtime.block_on(run(direct, load));
    assert_eq!(errors, Vec::<String>::new(), "without the proxy");
    let proxy = proxy_before(&world, &provider, release);
    let (mut far, errors) = runtime.block_on(run(Target::of(&proxy.base_url), load));
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!((far.first.len(), far.events.len()), (load.streams, load.streams * load.events));
    assert_eq!(provider.asked.load(Ordering::SeqCst), 2 * load.streams as u64, "each was asked once");
    assert!(provider.left.lock().expect("no panic").is_empty(), "nobody left early");
    let (direct, through) = (shown("direct", &mut near), shown("through", &mut far));
    if let Some(peak) = peak(proxy.pid()) {
        eprintln!("peak of resident memory: {} MB", peak >> 10);
        assert!(peak <= 300 << 10, "{peak} kB");
    }
    assert_eq!(proxy.drain(), 0);
    (through.0 - direct.0, through.1 - direct.1)
}

#[test]
fn many_streams_at_once_come_home_to_the_byte() {
    streams(SHORT, false);
}

#[test]
#[ignore = "full form: `just load`; it looks at the clock"]
fn five_hundred_streams_for_two_minutes() {
    let (first, event) = streams(FULL, true);
    eprintln!("added at p99: first byte {first:.1} ms, event {event:.2} ms");
    assert!(first <= 50.0, "{first} ms");
}

/// So many clients leave: before the answer, in its middle, and in the middle of their own request.
/// Gives how long the upstream took to see each of those go that it had heard of; in nanoseconds.
fn leaving(clients: usize, release: bool) -> Vec<u64> {
    let load =
        Load { streams: 0, events: 1_000_000, apart: Duration::from_millis(20), begin: Duration::ZERO };
    let world = World::new();
    let runtime = runtime();
    let provider = runtime.block_on(Provider::start(load));
    let proxy = proxy_before(&world, &provider, release);
    let target = Target::of(&proxy.base_url);
    // What comes into being with the first requests belongs to it.
    let mut whole = leave(&runtime, &target, &provider, 0..32);
    let before = held(proxy.pid());
    whole.clear();
    for batch in (32..32 + clients).collect::<Vec<_>>().chunks(50) {
        whole.extend(leave(&runtime, &target, &provider, batch[0]..batch[0] + batch.len()));
    }
    let began = Instant::now();
    if let Some(before) = before {
        eventually("descriptors and threads are as before", || {
            held(proxy.pid())
                .is_some_and(|now| now.descriptors <= before.descriptors && now.threads <= before.threads)
        });
        eprintln!("as before after {:?}: {:?}", began.elapsed(), held(proxy.pid()));
    }
    assert_eq!(proxy.drain(), 0);
    whole
}

/// These clients ask and leave, all at once.
fn leave(
    runtime: &tokio::runtime::Runtime,
    target: &Target,
    provider: &Provider,
    which: std::ops::Range<usize>,
) -> Vec<u64> {
    let uploads = which.clone().filter(|which| which % 3 == 2).count() as u64;
    let asked = provider.asked.load(Ordering::SeqCst) + which.len() as u64 - uploads;
    let go = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for which in which.clone() {
        let (target, go, heard) = (target.clone(), go.clone(), provider.asked.clone());
        clients.spawn_on(
            async move {
                let door = DOORS[which / 3 % DOORS.len()];
                let mut stream = TcpStream::connect(target.address).await.expect("it listens");
                let request =
                    target.request(door, which, if which % 3 == 0 { "x-silent: 1\r\n" } else { "" });
                let part = if which % 3 == 2 { request.len() - 9 } else { request.len() };
                stream.write_all(&request[..part]).await.expect("it listens");
                if which % 3 == 1 {
                    let mut some = [0; 64];
                    stream.read_exact(&mut some).await.expect("an answer");
                }
                // All that the upstream is to hear of have been heard.
                while heard.load(Ordering::SeqCst) < asked && !go.load(Ordering::SeqCst) {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                go.store(true, Ordering::SeqCst);
                let left = now();
                drop(stream);
                (which, left)
            },
            runtime.handle(),
        );
    }
    let left: Vec<(usize, u64)> = runtime.block_on(clients.join_all());
    let told: Vec<(usize, u64)> = left.into_iter().filter(|(which, _)| which % 3 != 2).collect();
    eventually("the upstream sees them go", || {
        let seen = provider.left.lock().expect("no panic");
        told.iter().all(|(which, _)| seen.contains_key(which))
    });
    assert_eq!(provider.asked.load(Ordering::SeqCst), asked, "half a request is no request");
    let seen = provider.left.lock().expect("no panic");
    told.iter().map(|(which, left)| seen[which].saturating_sub(*left)).collect()
}

fn say_how_long(mut times: Vec<u64>) -> f64 {
    let (middle, most) = (percentile(&mut times, 500), percentile(&mut times, 1000));
    eprintln!("{} left; the upstream saw it after {middle:.2} ms (p50), {most:.1} ms (at most)", times.len());
    most
}

#[test]
fn who_leaves_leaves_nothing_behind() {
    let _ = say_how_long(leaving(90, false));
}

#[test]
#[ignore = "full form: `just load`; it looks at the clock"]
fn a_thousand_leave_and_the_upstream_knows_within_half_a_second() {
    let most = say_how_long(leaving(1_500, true));
    assert!(most <= 500.0, "{most} ms");
}

#[test]
#[ignore = "full form: `just load`; it looks at the clock"]
fn an_agent_starts_within_100_ms() {
    let mut world = World::new();
    world.agent("claude", "exit 0");
    // The least of many: what the machine does beside it is not ours.
    let least = |run: &dyn Fn()| {
        let times = (0..20).map(|_| {
            let began = Instant::now();
            run();
            began.elapsed()
        });
        times.min().unwrap_or_default()
    };
    let bare = least(&|| {
        let _ = world.finish(world.program(Path::new("claude"), &[])).succeeded();
    });
    let wrapped = least(&|| {
        let command = world.program(&program(true), &["wrap", "--quiet", "claude"]);
        let _ = world.finish(command).succeeded();
    });
    eprintln!("an agent that ends at once: bare {bare:.1?}, wrapped {wrapped:.1?}");
    assert!(wrapped.saturating_sub(bare) < Duration::from_millis(100), "bare {bare:?}, wrapped {wrapped:?}");
}

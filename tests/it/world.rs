//! The world around the program in a test: a throwaway home, a provider, a client, scripted agents.
//!
//! Everything is checked by default, so that a test states only what differs: a
//! [`Ran`] that is not looked at is a compiler warning, an unexpected line on
//! stderr fails, and when the [`World`] ends, a file that was left over in the
//! user's home, the project or the temporary folder fails too, as does a
//! process that still runs, and a connection to anywhere but the provider.

// Not every helper is used by every area's tests.
#![allow(dead_code)]

use headroom::demo::provider::{Provider, Rules};
use headroom::demo::script::{Script, Turn, in_order};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Longer than anything that works takes; what is slower hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A throwaway world. Its folders: `home`, `headroom`, `work` (the project), `bin` (first in PATH), `tmp`.
#[must_use = "run something in it"]
pub struct World {
    root: tempfile::TempDir,
    provider: Provider,
    trap: Trap,
    known: BTreeSet<PathBuf>,
    environment: Vec<(String, String)>,
}

impl World {
    /// A world whose provider says `done`.
    pub fn new() -> World {
        World::with(Rules::default(), in_order([]))
    }

    /// A world whose provider says `turns` in order.
    pub fn saying(turns: impl IntoIterator<Item = Turn>) -> World {
        World::with(Rules::default(), in_order(turns))
    }

    /// A world with a provider of these rules and this script.
    pub fn with(rules: Rules, script: Script) -> World {
        let root = tempfile::Builder::new().prefix("headroom-it-").tempdir().expect("a temporary folder");
        for folder in ["home", "headroom", "work", "bin", "tmp"] {
            fs::create_dir(root.path().join(folder)).expect("a folder in the temporary folder");
        }
        World {
            root,
            provider: Provider::start(rules, script).expect("a provider on loopback"),
            trap: Trap::set(),
            known: BTreeSet::new(),
            environment: Vec::new(),
        }
    }

    /// The provider that answers here.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// The user's home.
    pub fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// The folder for everything of headroom's.
    pub fn headroom_home(&self) -> PathBuf {
        self.root.path().join("headroom")
    }

    /// The folder the agent works in.
    pub fn project(&self) -> PathBuf {
        self.root.path().join("work")
    }

    /// Sets a variable for everything that is run here.
    pub fn set(&mut self, name: &str, value: &str) -> &mut World {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Puts a file into the world; `path` is relative to its root (`work/a.txt`, `home/.x`).
    #[track_caller]
    pub fn file(&mut self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let whole = self.root.path().join(path);
        fs::create_dir_all(whole.parent().expect("a path inside the world")).expect("its folder");
        fs::write(&whole, content).expect("a file in the world");
        self.known.insert(PathBuf::from(path));
        whole
    }

    /// Says that this file or folder may be there at the end.
    pub fn may_leave(&mut self, path: &str) -> &mut World {
        self.known.insert(PathBuf::from(path));
        self
    }

    /// Installs a shell script as a program named `name`, ahead of everything in PATH.
    pub fn agent(&mut self, name: &str, script: &str) -> PathBuf {
        let path = self.file(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
        make_executable(&path);
        path
    }

    /// headroom with these arguments: environment cleared, in the project folder.
    pub fn headroom(&self, arguments: &[&str]) -> Command {
        self.program(Path::new(env!("CARGO_BIN_EXE_headroom")), arguments)
    }

    /// Any program with these arguments in this world.
    pub fn program(&self, program: &Path, arguments: &[&str]) -> Command {
        hear_what_was_ignored();
        let root = self.root.path();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(root.join("work"))
            .env_clear()
            .env("HOME", root.join("home"))
            .env("HEADROOM_HOME", root.join("headroom"))
            .env("XDG_CONFIG_HOME", root.join("home/.config"))
            .env("XDG_DATA_HOME", root.join("home/.local/share"))
            .env("XDG_STATE_HOME", root.join("home/.local/state"))
            .env("XDG_CACHE_HOME", root.join("home/.cache"))
            .env("TMPDIR", root.join("tmp"))
            .env("PATH", format!("{}:{}", root.join("bin").display(), SYSTEM_PATH))
            .env("LANG", "C.UTF-8")
            .env("TERM", "dumb")
            // Whatever wants to leave this machine by the usual door ends in the trap.
            .env("HTTPS_PROXY", format!("http://{}", self.trap.address))
            .env("NO_PROXY", "127.0.0.1,localhost")
            .stdin(Stdio::null());
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command
    }

    /// Runs headroom to its end.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.headroom(arguments), b"", self.root.path())
    }

    /// Runs headroom to its end with this on stdin.
    #[track_caller]
    pub fn run_with(&self, arguments: &[&str], stdin: impl AsRef<[u8]>) -> Ran {
        Ran::of(self.headroom(arguments), stdin.as_ref(), self.root.path())
    }

    /// Runs any prepared command to its end.
    #[track_caller]
    pub fn finish(&self, command: Command) -> Ran {
        Ran::of(command, b"", self.root.path())
    }

    /// The same for what may take its time.
    #[track_caller]
    pub fn finish_within(&self, command: Command, patience: Duration) -> Ran {
        Ran::within(command, b"", self.root.path(), patience)
    }

    /// Starts `headroom proxy` in front of the provider and waits until it says where it listens.
    #[track_caller]
    pub fn proxy(&self) -> RunningProxy {
        self.proxy_with(&[])
    }

    /// The same with more arguments.
    #[track_caller]
    pub fn proxy_with(&self, more: &[&str]) -> RunningProxy {
        let upstream = self.provider.base_url();
        let mut arguments = vec!["proxy", "--port", "0", "--upstream", &upstream];
        arguments.extend(more);
        RunningProxy::start(self.headroom(&arguments))
    }

    /// Starts `headroom proxy` with these arguments only, and waits until it says where it listens.
    #[track_caller]
    pub fn start_proxy(&self, arguments: &[&str]) -> RunningProxy {
        RunningProxy::start(self.headroom(&[&["proxy"], arguments].concat()))
    }

    /// A client that talks to the provider directly.
    pub fn direct(&self) -> Client {
        Client::new(&self.provider.base_url())
    }

    /// The paths in the home, with what differs from run to run made alike.
    pub fn paths_in_home(&self) -> BTreeSet<String> {
        let root = self.root.path().file_name().expect("a folder").to_string_lossy().replace('.', "-");
        // Numbers, and names made of hex digits.
        let differs = |word: &str| {
            let word = word.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
            // A group of a UUID may happen to have no digit.
            let hex = 4 <= word.len() && word.bytes().all(|letter| letter.is_ascii_hexdigit());
            hex || word.bytes().any(|letter| letter.is_ascii_digit())
        };
        let alike = |path: &Path| {
            let path = path.display().to_string().replace(&root, "WORLD");
            let words = path.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric());
            words.map(|word| if differs(word) { "#" } else { word }).collect::<String>()
        };
        let mut found = BTreeSet::new();
        collect(self.root.path(), Path::new("home"), &mut found);
        found.iter().map(|path| alike(path)).collect()
    }

    /// What would be left over if the world ended now: paths relative to its root, headroom's own folder left out.
    pub fn left_over(&self) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        for folder in ["home", "work", "tmp", "bin"] {
            collect(self.root.path(), Path::new(folder), &mut found);
        }
        found.retain(|path| {
            !self.known.iter().any(|known| path.starts_with(known) || known.starts_with(path))
        });
        found
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let left = still_running(&self.root.path().to_string_lossy());
        for (pid, _) in &left {
            let _ = rustix::process::kill_process(*pid, rustix::process::Signal::KILL);
        }
        if std::thread::panicking() {
            return;
        }
        assert!(left.is_empty(), "still running when the world ended: {left:?}");
        let left = self.left_over();
        assert!(left.is_empty(), "left over in the world: {left:?}");
        let caught = self.trap.caught();
        assert!(caught.is_empty(), "something tried to leave this machine: {caught:?}");
    }
}

/// Processes whose command line names this folder, after a while to end in; Linux alone tells.
fn still_running(root: &str) -> Vec<(rustix::process::Pid, String)> {
    let began = Instant::now();
    loop {
        let found: Vec<_> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let pid =
                    entry.file_name().to_str()?.parse().ok().and_then(rustix::process::Pid::from_raw)?;
                let line = fs::read(entry.path().join("cmdline")).ok()?;
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                line.contains(root).then_some((pid, line))
            })
            .collect();
        if found.is_empty() || Duration::from_secs(10) < began.elapsed() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Where `sh` and the like are, on Linux and macOS.
const SYSTEM_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

fn collect(root: &Path, folder: &Path, found: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
    for entry in entries.flatten() {
        let path = folder.join(entry.file_name());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(root, &path, found);
        }
        found.insert(path);
    }
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("the script's mode");
}

/// A program that ran to its end. Nothing about it is taken for granted but what a test says.
#[must_use = "say how it should have ended: `.succeeded()` or `.failed_with(code)`"]
pub struct Ran {
    shown: String,
    /// Its exit status and output.
    pub output: Output,
    root: String,
}

impl Ran {
    #[track_caller]
    fn of(command: Command, stdin: &[u8], root: &Path) -> Ran {
        Ran::within(command, stdin, root, PATIENCE)
    }

    #[track_caller]
    fn within(mut command: Command, stdin: &[u8], root: &Path, patience: Duration) -> Ran {
        let shown = format!("{command:?}");
        if !stdin.is_empty() {
            command.stdin(Stdio::piped());
        }
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let fed = child.stdin.take().map(|mut pipe| {
            let stdin = stdin.to_vec();
            // A program that does not read its input is not at fault.
            std::thread::spawn(move || drop(pipe.write_all(&stdin)))
        });
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let out = std::thread::spawn(move || read_all(out));
        let err = std::thread::spawn(move || read_all(err));
        let status = wait(&mut child, patience).unwrap_or_else(|| panic!("{shown} hangs"));
        if let Some(fed) = fed {
            let _ = fed.join();
        }
        let output = Output {
            status,
            stdout: out.join().expect("its output was read"),
            stderr: err.join().expect("its errors were read"),
        };
        Ran { shown, output, root: root.display().to_string() }
    }

    /// Its output as text.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// What it said beside its output; the world's own folder is written `[WORLD]`.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).replace(&self.root, "[WORLD]")
    }

    /// Its output and, behind it, what it said on stderr.
    pub fn both(&self) -> String {
        format!("{}{}", self.stdout(), self.stderr())
    }

    /// Its exit code as a shell would show it.
    pub fn code(&self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        self.output.status.code().unwrap_or_else(|| 128 + self.output.status.signal().unwrap_or_default())
    }

    /// It ended with 0 and said nothing on stderr; gives its output.
    #[track_caller]
    pub fn succeeded(self) -> String {
        assert_eq!(self.stderr(), "", "unexpected on stderr of {}\nstdout:\n{}", self.shown, self.stdout());
        assert_eq!(self.code(), 0, "{}\nstdout:\n{}", self.shown, self.stdout());
        self.stdout()
    }

    /// It ended with 0 and said something on stderr that holds `words`; gives its output.
    #[track_caller]
    pub fn succeeded_saying(self, words: &str) -> String {
        assert_eq!(self.code(), 0, "{}\nstderr:\n{}", self.shown, self.stderr());
        assert!(self.stderr().contains(words), "{}: {words:?} is not in\n{}", self.shown, self.stderr());
        self.stdout()
    }

    /// It ended with this code; gives what it said on stderr.
    #[track_caller]
    pub fn failed_with(self, code: i32) -> String {
        assert_eq!(
            self.code(),
            code,
            "{}\nstdout:\n{}\nstderr:\n{}",
            self.shown,
            self.stdout(),
            self.stderr()
        );
        self.stderr()
    }
}

fn read_all(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = pipe.read_to_end(&mut bytes);
    }
    bytes
}

fn wait(child: &mut Child, patience: Duration) -> Option<std::process::ExitStatus> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child of ours") {
            return Some(status);
        }
        if patience < began.elapsed() {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Says why a test is not run; shown even when the test harness keeps a passing test's output to itself.
pub fn skip(reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

/// Makes signals that this process was born ignoring (under `nohup`, in a shell's background) mean to the
/// programs it starts what they mean from a prompt: a handler, unlike ignoring, is not inherited.
fn hear_what_was_ignored() {
    static HEARD: std::sync::Once = std::sync::Once::new();
    HEARD.call_once(|| {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let ignored = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
        // HUP, INT, QUIT, USR1, USR2, ALRM, TERM; the standard library sees to PIPE itself.
        for signal in [1, 2, 3, 10, 12, 14, 15] {
            if ignored >> (signal - 1) & 1 == 1 {
                signal_hook::flag::register(signal, Arc::default()).expect("a handler");
            }
        }
    });
}

/// Waits until `holds`; fails with `what` when it never does.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// `headroom proxy` as a child.
#[must_use = "talk to it"]
pub struct RunningProxy {
    child: Child,
    /// What it printed as its base URL.
    pub base_url: String,
    stderr: Arc<Mutex<String>>,
}

impl RunningProxy {
    /// Starts a prepared command and waits until it says where it listens.
    #[track_caller]
    pub fn start(mut command: Command) -> RunningProxy {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("headroom starts");
        let stderr = Arc::new(Mutex::new(String::new()));
        let (said, pipe) = (stderr.clone(), child.stderr.take().expect("a pipe"));
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                said.lock().expect("a line at a time").push_str(&format!("{line}\n"));
            }
        });
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let base_url = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let at = line.find("http://127.0.0.1:")?;
            line[at..].split_whitespace().next().map(|url| url.trim_end_matches(['/', '.', '`']).to_owned())
        });
        // Whatever it prints later must not stop it.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let Some(base_url) = base_url else {
            let _ = child.kill();
            let _ = child.wait();
            std::thread::sleep(Duration::from_millis(50));
            panic!("the proxy said no base URL; stderr:\n{}", stderr.lock().expect("no writer panics"));
        };
        RunningProxy { child, base_url, stderr }
    }

    /// A client that talks to it.
    pub fn client(&self) -> Client {
        Client::new(&self.base_url)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it said on stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().expect("no writer panics").clone()
    }

    /// Kills it without warning, as `kill -9` does.
    pub fn kill_9(mut self) {
        self.child.kill().expect("it was alive");
        self.child.wait().expect("it is ours");
    }

    /// Asks it to end (SIGTERM) and gives its exit code once it has.
    #[track_caller]
    pub fn drain(mut self) -> i32 {
        terminate(self.child.id());
        wait(&mut self.child, PATIENCE).expect("it ends when it is asked to").code().unwrap_or(-1)
    }
}

impl Drop for RunningProxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends SIGTERM.
#[track_caller]
pub fn terminate(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it was alive");
}

/// A listener that nobody should ever connect to.
struct Trap {
    address: SocketAddr,
    caught: Arc<Mutex<Vec<String>>>,
}

impl Trap {
    fn set() -> Trap {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port on loopback");
        let address = listener.local_addr().expect("its address");
        let caught = Arc::new(Mutex::new(Vec::new()));
        let seen = caught.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut line = String::new();
                let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
                let _ = BufReader::new(&stream).read_line(&mut line);
                seen.lock().expect("no reader panics").push(line.trim().to_owned());
                let _ = (&stream).write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
            }
        });
        Trap { address, caught }
    }

    fn caught(&self) -> Vec<String> {
        self.caught.lock().expect("no writer panics").clone()
    }
}

/// A client that speaks HTTP/1.1 by hand, so that a test decides every byte.
#[derive(Clone, Debug)]
pub struct Client {
    host: String,
    path: String,
}

impl Client {
    /// A client of this base URL (`http://127.0.0.1:PORT/SECRET`).
    #[track_caller]
    pub fn new(base_url: &str) -> Client {
        let rest = base_url.strip_prefix("http://").expect("an http URL");
        let (host, path) =
            rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
        Client { host: host.to_owned(), path }
    }

    /// Where it connects to.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path that the base URL brings.
    pub fn base_path(&self) -> &str {
        &self.path
    }

    /// A new connection.
    #[track_caller]
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.host).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("an option");
        stream
    }

    /// The head and the body of a request, as they go over the wire.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let mut request = format!("{method} {}{path} HTTP/1.1\r\n", self.path);
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request.push_str(&format!("Host: {}\r\n", self.host));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        let chunked = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("transfer-encoding"));
        if !chunked && (!body.is_empty() || method == "POST") {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        let mut request = request.into_bytes();
        request.extend_from_slice(body);
        request
    }

    /// Sends one request and begins to read its answer.
    #[track_caller]
    pub fn open(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answering {
        let mut stream = self.connect();
        // One that refuses early may close before it has read everything.
        let _ = stream.write_all(&self.request(method, path, headers, body));
        Answering::begin(stream, method)
    }

    /// Sends one request and reads the answer to its end.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.open(method, path, headers, body).finish()
    }

    /// Asks for a message, with a login, as a client of the provider does.
    #[track_caller]
    pub fn message(&self, body: &[u8]) -> Reply {
        self.send("POST", "/v1/messages", LOGIN, body)
    }
}

/// The headers of a client that is logged in.
pub const LOGIN: &[(&str, &str)] =
    &[("content-type", "application/json"), ("x-api-key", "sk-test"), ("anthropic-version", "2023-06-01")];

/// A WebSocket of the Responses wire.
pub struct Socket {
    inner: tokio_tungstenite::tungstenite::WebSocket<TcpStream>,
}

impl Client {
    /// Asks for a WebSocket, with a login; gives the status when it is refused.
    #[track_caller]
    pub fn socket(&self, path: &str) -> Result<Socket, u16> {
        use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Error, HandshakeError, client};
        let uri = format!("ws://{}{}{path}", self.host, self.path).parse().expect("a URL");
        let request = ClientRequestBuilder::new(uri)
            .with_header("Authorization", "Bearer sk-test")
            .with_header("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits");
        match client(request, self.connect()) {
            Ok((inner, _)) => Ok(Socket { inner }),
            Err(HandshakeError::Failure(Error::Http(response))) => Err(response.status().as_u16()),
            Err(error) => panic!("no upgrade: {error}"),
        }
    }
}

impl Socket {
    /// Sends one message.
    #[track_caller]
    pub fn send(&mut self, message: &Value) {
        let text = message.to_string();
        self.inner.send(text.into()).expect("the other end listens");
    }

    /// The next message; `None` when the other end closed or broke off.
    pub fn next(&mut self) -> Option<Value> {
        loop {
            match self.inner.read() {
                Ok(message) if message.is_text() => {
                    return serde_json::from_str(message.to_text().ok()?).ok();
                }
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// Sends one message and reads the events of its answer, up to the one that ends it.
    #[track_caller]
    pub fn ask(&mut self, message: &Value) -> Vec<Value> {
        self.send(message);
        let mut events = Vec::new();
        while let Some(event) = self.next() {
            let ends = ["response.completed", "response.failed", "response.incomplete", "error"];
            let last = ends.iter().any(|end| event["type"] == *end);
            events.push(event);
            if last {
                break;
            }
        }
        events
    }
}

/// An answer that is still coming.
pub struct Answering {
    reader: BufReader<TcpStream>,
    /// The status.
    pub status: u16,
    /// The headers, in order, as they came.
    pub headers: Vec<(String, String)>,
    body: Body,
}

enum Body {
    Chunked,
    Length(usize),
    UntilClosed,
    Ended,
}

impl Answering {
    #[track_caller]
    fn begin(stream: TcpStream, method: &str) -> Answering {
        let mut reader = BufReader::new(stream);
        let first = read_line(&mut reader);
        if first.is_empty() {
            return Answering { reader, status: 0, headers: Vec::new(), body: Body::Ended };
        }
        let status = first.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or_default();
        let mut headers = Vec::new();
        loop {
            let line = read_line(&mut reader);
            match line.split_once(':') {
                Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
                None => break,
            }
        }
        let mut answering = Answering { reader, status, headers, body: Body::UntilClosed };
        answering.body = if method == "HEAD" || matches!(status, 204 | 304) {
            Body::Ended
        } else if answering.header("transfer-encoding").is_some() {
            Body::Chunked
        } else if let Some(length) = answering.header("content-length") {
            Body::Length(length.parse().expect("a length"))
        } else {
            Body::UntilClosed
        };
        answering
    }

    /// The value of a header, by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The next bytes of the body, as soon as there are any; `None` at its end, `Err` when it breaks off.
    pub fn next(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let broken = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        match self.body {
            Body::Ended => Ok(None),
            Body::Chunked => {
                let mut line = String::new();
                self.reader.read_line(&mut line)?;
                let length = usize::from_str_radix(line.trim(), 16).map_err(|_| broken())?;
                let mut chunk = vec![0; length + 2];
                self.reader.read_exact(&mut chunk)?;
                chunk.truncate(length);
                if length == 0 {
                    self.body = Body::Ended;
                    return Ok(None);
                }
                Ok(Some(chunk))
            }
            Body::Length(0) => {
                self.body = Body::Ended;
                Ok(None)
            }
            Body::Length(left) => {
                let mut bytes = vec![0; left.min(64 << 10)];
                let read = self.reader.read(&mut bytes)?;
                if read == 0 {
                    return Err(broken());
                }
                bytes.truncate(read);
                self.body = Body::Length(left - read);
                Ok(Some(bytes))
            }
            Body::UntilClosed => {
                let mut bytes = vec![0; 64 << 10];
                let read = self.reader.read(&mut bytes)?;
                bytes.truncate(read);
                Ok((read != 0).then_some(bytes))
            }
        }
    }

    /// Reads to the end.
    pub fn finish(mut self) -> Reply {
        let mut body = Vec::new();
        let whole = loop {
            match self.next() {
                Ok(Some(bytes)) => body.extend(bytes),
                Ok(None) => break self.status != 0,
                Err(_) => break false,
            }
        };
        Reply { status: self.status, headers: self.headers, body, whole }
    }
}

fn read_line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    let _ = reader.read_line(&mut line);
    line.trim_end_matches(['\r', '\n']).to_owned()
}

/// An answer that was read.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status; 0 when the connection ended before one came.
    pub status: u16,
    /// The headers, in order, as they came.
    pub headers: Vec<(String, String)>,
    /// The body, unchunked.
    pub body: Vec<u8>,
    /// False when the connection broke before the body's end.
    pub whole: bool,
}

impl Reply {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The value of a header, by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The blocks of the message, streamed or not, as a client would send them back.
    #[track_caller]
    pub fn blocks(&self) -> Vec<Value> {
        if !self.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")) {
            return self.json()["content"].as_array().cloned().unwrap_or_default();
        }
        let mut blocks: Vec<Value> = Vec::new();
        let mut arguments = String::new();
        for event in self.events() {
            match event["type"].as_str() {
                Some("content_block_start") => {
                    blocks.push(event["content_block"].clone());
                    arguments.clear();
                }
                Some("content_block_delta") => {
                    let block = blocks.last_mut().expect("a block was started");
                    for (kind, field) in [
                        ("text_delta", "text"),
                        ("thinking_delta", "thinking"),
                        ("signature_delta", "signature"),
                    ] {
                        if event["delta"]["type"] == kind {
                            let so_far = block[field].as_str().unwrap_or_default();
                            block[field] =
                                json!(format!("{so_far}{}", event["delta"][field].as_str().unwrap_or("")));
                        }
                    }
                    arguments.push_str(event["delta"]["partial_json"].as_str().unwrap_or_default());
                }
                Some("content_block_stop") => {
                    if let Some(block) = blocks.last_mut().filter(|block| block["type"] == "tool_use") {
                        block["input"] = serde_json::from_str(&arguments).expect("whole arguments");
                    }
                }
                _ => {}
            }
        }
        blocks
    }

    /// The data of every event of a stream.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        let text = self.text();
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|data| serde_json::from_str(data).expect("an event's data is JSON")).collect()
    }
}

/// A conversation as an agent keeps it, with the cache breakpoints that Claude Code sets:
/// on the last system block and on the last block of the history.
#[derive(Clone, Debug)]
pub struct Talk {
    /// Everything but the messages.
    pub request: Value,
    /// The history.
    pub messages: Vec<Value>,
    calls: usize,
}

impl Talk {
    /// A conversation that begins with this question and offers `Bash`, `Read`, `Grep` and headroom's own tool.
    pub fn new(question: &str) -> Talk {
        let tool = |name: &str, field: &str| {
            json!({"name": name, "description": format!("The tool {name}."),
                   "input_schema": {"type": "object", "properties": {field: {"type": "string"}}, "required": [field]}})
        };
        let request = json!({
            "model": "claude-sonnet-4-5",
            "max_tokens": 4096,
            "stream": true,
            "system": [{"type": "text", "text": system_prompt(), "cache_control": {"type": "ephemeral"}}],
            "tools": [tool("Bash", "command"), tool("Read", "file_path"), tool("Grep", "pattern"),
                      tool("mcp__headroom__headroom_retrieve", "key")],
            "metadata": {"user_id": "user_test_account__session_0b8f7d5e-0000-4000-8000-000000000001"},
        });
        let mut talk = Talk { request, messages: Vec::new(), calls: 0 };
        talk.asks(question);
        talk
    }

    /// The person says something.
    pub fn asks(&mut self, text: &str) -> &mut Talk {
        self.messages.push(json!({"role": "user", "content": [{"type": "text", "text": text}]}));
        self
    }

    /// The model calls a tool and gets this result.
    pub fn calls(&mut self, tool: &str, input: Value, result: &str) -> &mut Talk {
        let id = format!("toolu_{:04}", self.calls);
        self.calls += 1;
        self.messages.push(json!({"role": "assistant", "content": [
            {"type": "tool_use", "id": id, "name": tool, "input": input}]}));
        self.messages.push(json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": id, "content": result}]}));
        self
    }

    /// The model says something.
    pub fn answers(&mut self, text: &str) -> &mut Talk {
        self.messages.push(json!({"role": "assistant", "content": [{"type": "text", "text": text}]}));
        self
    }

    /// Takes a reply's blocks into the history.
    #[track_caller]
    pub fn hears(&mut self, reply: &Reply) -> &mut Talk {
        assert_eq!(reply.status, 200, "{}", reply.text());
        self.messages.push(json!({"role": "assistant", "content": reply.blocks()}));
        self
    }

    /// The request's body at this point.
    pub fn body(&self) -> Vec<u8> {
        let mut request = self.request.clone();
        let mut messages = self.messages.clone();
        let last = messages.last_mut().and_then(|message| message["content"].as_array_mut()?.last_mut());
        if let Some(block) = last {
            block["cache_control"] = json!({"type": "ephemeral"});
        }
        request["messages"] = Value::Array(messages);
        request.to_string().into_bytes()
    }
}

/// Long enough to be cached.
fn system_prompt() -> String {
    "You are a careful assistant who works in a repository with the tools that are offered. ".repeat(120)
}

/// A command's output of many rows: `rows` JSON objects, the row in the middle is the odd one out.
pub fn rows(rows: usize) -> String {
    let row = |at: usize| {
        let state = if at == rows / 2 { "FAILED: disk quota exceeded on volume vol-7731" } else { "ok" };
        json!({"id": 10_000 + at, "name": format!("service-{at:04}"), "region": if at.is_multiple_of(2) { "eu-west-1" } else { "us-east-1" },
               "state": state, "uptime_seconds": 86_400 + at * 17, "replicas": 3})
    };
    serde_json::to_string_pretty(&(0..rows).map(row).collect::<Vec<_>>()).expect("it is JSON")
}

/// A log of so many lines with one error in it.
pub fn log(lines: usize) -> String {
    let line = |at: usize| {
        let second = at % 60;
        let minute = at / 60 % 60;
        if at == lines * 2 / 3 {
            format!(
                "2026-03-04T10:{minute:02}:{second:02}Z ERROR payment failed: card network timeout after 30000 ms order=A-{at}\n"
            )
        } else {
            format!(
                "2026-03-04T10:{minute:02}:{second:02}Z INFO  request handled path=/api/items/{at} status=200 took={}ms\n",
                at % 37
            )
        }
    };
    (0..lines).map(line).collect()
}

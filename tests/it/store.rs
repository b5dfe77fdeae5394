//! What is kept, under deaths, full disks and many processes; and how it is got back.

use crate::world::World;
use headroom::marker;
use headroom::store::{Limits, Original, Pin, Scope, ShortenedPin, Store, original_in};
use headroom::units::{Chain, Key, Millis, SessionId, Tokens};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const NOW: Millis = Millis(1_800_000_000_000);

fn open(dir: &Path) -> Store {
    Store::open(dir, Limits::default()).expect("the store opens")
}

fn chain(seed: u64, number: u64) -> Chain {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..].copy_from_slice(&number.to_le_bytes());
    Chain(bytes)
}

/// A text that no other seed or number has, some kilobytes long.
fn text(seed: u64, number: u64) -> String {
    (0..60 + number % 90)
        .map(|line| format!("{seed}/{number}: line {line} says {}\n", line * 7_919 % 1_013))
        .collect()
}

fn original(store: &Store, text: &str, project: &str) -> Original {
    let scope = Scope { project: project.to_owned() };
    Original {
        key: store.key(text, &scope),
        text: text.into(),
        scope,
        kind: "log".to_owned(),
        tool: "Bash".to_owned(),
    }
}

fn shortened(key: &Key, head: &str) -> Pin {
    Pin::Shortened(Arc::new(ShortenedPin {
        texts: vec![(0, format!("{head}\n{}", marker::left_out("50 lines left out", key)))],
        tokens_before: Tokens(2_000),
        tokens_after: Tokens(100),
        compressor: "log-templates".to_owned(),
        kind: "log".to_owned(),
    }))
}

/// Keeps a text in the world's store; gives its key.
fn keep(world: &World, text: &str, project: &str) -> Key {
    let store = open(&world.headroom_home());
    let original = original(&store, text, project);
    let (key, pin) = (original.key.clone(), shortened(&original.key, "head"));
    store.pin(&SessionId("s".to_owned()), &[(chain(0, 1), pin)], &[original], NOW).expect("it is kept");
    key
}

#[test]
fn an_original_comes_back_byte_for_byte_and_in_parts() {
    let world = World::new();
    let rows: Vec<Value> =
        (0..40).map(|id| json!({"id": id, "status": if id % 8 == 0 { 500 } else { 200 }})).collect();
    let text = format!("{}\r\n\u{1b}[31mred\u{1b}[0m no end", serde_json::to_string(&rows).expect("json"));
    let key = keep(&world, &text, "/anywhere");
    let key = key.as_str();
    assert_eq!(world.run(&["retrieve", key]).succeeded(), text);
    let cases = [
        (["--lines", "2-9"], "\u{1b}[31mred\u{1b}[0m no end"),
        (["--rows", "status >= 500 | count"], "5\n"),
        (["--rows", "status>=500|select id|limit 2"], "{\"id\":0}\n{\"id\":8}\n"),
    ];
    for (part, want) in cases {
        assert_eq!(world.run(&[&["retrieve", key], &part[..]].concat()).succeeded(), want);
    }
    assert!(world.run(&["retrieve", key, "--query", "status 500"]).succeeded().contains("\"status\":500"));
    let store = open(&world.headroom_home());
    assert_eq!(store.retrievals(&headroom::store::Filter::default()).expect("rows").len(), 5);
}

#[test]
fn a_long_answer_comes_in_pages_when_asked() {
    let world = World::new();
    let text: String = (1..=2_000).map(|line| format!("line {line} of a request\n")).collect();
    let key = keep(&world, &text, "/anywhere");
    let run = |arguments: &[&str]| world.run(&[&["retrieve", key.as_str()], arguments].concat());
    assert_eq!(run(&["--lines", "1,7-8,2000"]).succeeded().matches("of a request").count(), 4);
    let first = run(&["--query", "/request/"]).succeeded();
    assert!(first.len() < 9_000 && first.ends_with("next: --page 2\n"), "{first}");
    let (mut together, mut page) = (String::new(), 1);
    loop {
        let printed = run(&["--page", &page.to_string()]).succeeded();
        let Some((lines, _)) = printed.split_once("-- page ") else {
            together.push_str(&printed);
            break;
        };
        together.push_str(lines);
        page += 1;
    }
    assert!(together == text && page == 6, "{page} pages");
    assert!(run(&["--page", "7"]).failed_with(1).contains("there is no page 7; there are 6 pages"));
}

#[test]
fn what_cannot_be_given_back_says_why_with_its_own_exit_code() {
    let world = World::new();
    let expired = keep(&world, "it was once\n", "");
    open(&world.headroom_home()).expire(Millis(NOW.0 + 40 * 86_400_000)).expect("it expires");
    let kept = {
        let store = open(&world.headroom_home());
        let original = original(&store, "a line\n", "");
        let key = original.key.clone();
        store
            .pin(&SessionId("s".to_owned()), &[], &[original], Millis(4_000_000_000_000))
            .expect("it is kept");
        key
    };
    let kept = kept.as_str();
    let cases: [(&[&str], i32, &str); 8] = [
        (&["0123456789abcdef0123"], 3, "no original is kept under 0123456789abcdef0123"),
        (&[expired.as_str()], 4, "has expired"),
        (&["../../etc/passwd"], 2, "is no key"),
        (&["ABCDEF0123456789ABCD"], 2, "is no key"),
        (&[kept, "--lines", "3-1"], 2, "is no line range"),
        (&[kept, "--lines", "7"], 1, "the original has 1 line, so there is no line 7"),
        (&[kept, "--rows", "a ="], 2, "a value is missing at the end of a stage"),
        (&[kept, "--query", "nowhere"], 1, "has any word of `nowhere`"),
    ];
    for (arguments, code, why) in cases {
        let said = world.run(&[&["retrieve"], arguments].concat()).failed_with(code);
        assert!(said.contains(why) && said.contains("hint: "), "{arguments:?}: {said}");
    }
}

#[test]
fn an_original_is_given_where_the_store_cannot_be_opened() {
    let world = World::new();
    let key = keep(&world, "still here\n", "");
    let database = world.headroom_home().join("headroom.db");
    let sound = fs::read(&database).expect("a database");
    // The schema's number stands at byte 60 of the file (SQLite's file format, 1.3).
    let mut newer = sound.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    fs::write(&database, &newer).expect("a newer one");
    assert_eq!(world.run(&["retrieve", key.as_str()]).succeeded(), "still here\n");
    assert!(fs::read(&database).expect("a database") == newer, "a newer store is left as it is");
    let said = world.run(&["store"]).failed_with(1);
    assert!(said.contains("newer headroom"), "{said}");
    fs::remove_file(&database).expect("gone");
    fs::create_dir(&database).expect("a folder in its place");
    assert_eq!(world.run(&["retrieve", key.as_str()]).succeeded(), "still here\n");
}

#[test]
fn an_original_is_given_in_a_sandbox_that_can_only_read() {
    let world = World::new();
    let key = keep(&world, "still here\n", "");
    let home = world.headroom_home();
    let headroom = env!("CARGO_BIN_EXE_headroom");
    let script = format!(
        "mount --bind '{0}' '{0}' && mount -o remount,ro,bind '{0}' && ! touch '{0}/x' 2>/dev/null && exec '{headroom}' retrieve {key}",
        home.display()
    );
    let Some(command) = in_own_mounts(&world, &script) else { return };
    assert_eq!(world.finish(command).succeeded(), "still here\n");
}

/// A shell with mounts of its own, where the system lets us have them.
fn in_own_mounts(world: &World, script: &str) -> Option<Command> {
    let allowed = Command::new("unshare")
        .args(["-rm", "sh", "-c", "mount -t tmpfs none /mnt"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !allowed {
        eprintln!("skipped: this system gives tests no mounts of their own (unshare -rm)");
        return None;
    }
    Some(world.program(Path::new("unshare"), &["-rm", "sh", "-c", script]))
}

#[test]
fn the_store_shows_its_sizes_and_deletes_when_told() {
    let world = World::new();
    assert!(world.run(&["store"]).succeeded().starts_with("Nothing is kept yet"));
    let project = world.project().canonicalize().expect("the project");
    let key = keep(&world, "secret words\n", &project.display().to_string());
    let shown = world.run(&["store"]).succeeded();
    assert!(shown.lines().any(|line| line.split_whitespace().take(2).eq(["originals", "1"])), "{shown}");
    let said = world.run(&["store", "purge", "--all"]).failed_with(2);
    assert!(said.contains("unasked") && said.contains("--yes"), "{said}");
    let said = world.run(&["store", "purge", "--yes"]).failed_with(2);
    assert!(said.contains("--project"), "{said}");
    let said = world.run(&["store", "purge", "--older", "soon", "--yes"]).failed_with(2);
    assert!(said.contains("no span of time"), "{said}");
    assert!(
        world
            .run(&["store", "purge", "--project", "..", "--yes"])
            .succeeded()
            .starts_with("Deleted 1 original (")
    );
    let said = world.run(&["retrieve", key.as_str()]).failed_with(4);
    assert!(said.contains("expired"), "{said}");
    let said = world.run(&["store", "purge", "--all", "--yes"]).succeeded();
    assert!(said.starts_with("Deleted 0 originals"), "{said}");
}

#[test]
fn what_is_kept_is_private_under_any_umask() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let headroom = env!("CARGO_BIN_EXE_headroom");
    let script = format!("umask 0; exec '{headroom}' compress --text --tool Bash");
    let mut command = world.program(Path::new("sh"), &["-c", &script]);
    command.env("HEADROOM_HOME", world.headroom_home().join("deep/er"));
    assert_eq!(world.finish(command).succeeded(), "");
    let mut folders = vec![world.headroom_home().join("deep")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        assert_eq!(
            fs::metadata(&folder).expect("a folder").permissions().mode() & 0o777,
            0o700,
            "{folder:?}"
        );
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                files += 1;
                let mode = entry.metadata().expect("a file").permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{:?}", entry.path());
            }
        }
    }
    assert!(files >= 3, "database, secret, lock");
}

/// A client of `headroom mcp`.
struct Talk {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Talk {
    fn begin(world: &World, arguments: &[&str]) -> Talk {
        let mut command = world.headroom(&[&["mcp"], arguments].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        Talk { child, answers }
    }

    fn say(&mut self, line: impl AsRef<[u8]>) {
        let pipe = self.child.stdin.as_mut().expect("a pipe");
        pipe.write_all(line.as_ref()).and_then(|()| pipe.write_all(b"\n")).expect("it listens");
    }

    fn ask(&mut self, id: u32, method: &str, params: &Value) -> Value {
        self.say(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string());
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{method}: {line:?}"));
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    fn greet(&mut self) -> Value {
        let client = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
        let greeting = self.ask(0, "initialize", &client);
        self.say(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string());
        greeting
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        let mut rest = String::new();
        self.answers.read_to_string(&mut rest).expect("its output");
        let mut said = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("its errors");
        assert!(self.child.wait().expect("it ends").success());
        assert_eq!((rest.as_str(), said.as_str()), ("", ""));
    }
}

#[test]
fn an_agent_gets_its_original_back_by_mcp() {
    let world = World::new();
    let project = world.project().canonicalize().expect("the project").display().to_string();
    let text: String = (1..=2_000).map(|line| format!("line {line}\n")).collect();
    let key = keep(&world, &text, &project);
    let other = keep(&world, "another's\n", "/somewhere/else");
    let mut talk = Talk::begin(&world, &["--only", "retrieve"]);
    assert_eq!(
        talk.greet()["result"]["serverInfo"],
        json!({"name": "headroom", "version": env!("CARGO_PKG_VERSION")})
    );
    let tools = talk.ask(1, "tools/list", &json!({}))["result"]["tools"].clone();
    assert_eq!(tools.as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&tools[0]["name"], &tools[0]["annotations"]["readOnlyHint"]),
        (&json!("headroom_retrieve"), &json!(true))
    );
    let mut call = |id, arguments: Value| {
        talk.ask(id, "tools/call", &json!({"name": "headroom_retrieve", "arguments": arguments}))["result"]
            .clone()
    };
    let first = call(2, json!({"key": key.as_str()}));
    let second = call(3, json!({"key": key.as_str(), "page": 2}));
    let last = call(4, json!({"key": key.as_str(), "page": 3}));
    let page = |answer: &Value| answer["content"][0]["text"].as_str().expect("a page").to_owned();
    assert_eq!([page(&first), page(&second), page(&last)].concat(), text);
    assert_eq!(first["content"][1]["text"], "page: 1 of 3; next: page=2");
    assert_eq!(last["content"][1]["text"], "page: 3 of 3; the last");
    assert_eq!(page(&call(5, json!({"key": key.as_str(), "lines": "1999-"}))), "line 1999\nline 2000\n");
    let refused = call(6, json!({"key": other.as_str()}));
    assert_eq!(refused["isError"], true);
    assert!(page(&refused).contains("another folder"));
    talk.end();
}

#[test]
fn nothing_that_is_said_to_mcp_ends_it() {
    let world = World::new();
    let mut talk = Talk::begin(&world, &[]);
    talk.say("no json");
    talk.say(b"\xff\xfe\x00");
    talk.say(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string());
    talk.say(json!({"jsonrpc": "2.0", "id": 9, "result": {}}).to_string());
    talk.greet();
    talk.say("[".repeat(100_000));
    talk.say("{\"jsonrpc\":\"2.0\",\"id\":");
    let wrong =
        [("nope", json!({})), ("headroom_retrieve", json!({"key": 5})), ("headroom_retrieve", Value::Null)];
    for (id, (tool, arguments)) in (10..).zip(wrong) {
        let answer = talk.ask(id, "tools/call", &json!({"name": tool, "arguments": arguments}));
        assert!(answer["error"].is_object() || answer["result"]["isError"] == true, "{answer}");
    }
    assert!(talk.ask(20, "no/such", &json!({}))["error"].is_object());
    assert!(talk.ask(21, "ping", &json!({}))["result"].is_object());
    let stats = talk.ask(22, "tools/call", &json!({"name": "headroom_stats"}));
    assert!(
        stats["result"]["content"][0]["text"].as_str().is_some_and(|text| text.contains("0 requests")),
        "{stats}"
    );
    talk.end();
}

/// Names what a child does, for [`child`].
const CHILD: &str = "HEADROOM_TEST_STORE_CHILD";

/// Starts this test program again, to do one thing to the store in `dir` and say what it did.
fn start_child(dir: &Path, does: &str, seed: u64, count: u64) -> Child {
    let child =
        command_for_child(&std::env::current_exe().expect("this program"), dir, does, seed, count).spawn();
    child.expect("it starts")
}

fn command_for_child(program: &Path, dir: &Path, does: &str, seed: u64, count: u64) -> Command {
    let mut command = Command::new(program);
    command
        .args(["--exact", "store::child", "--ignored", "--nocapture"])
        .env(CHILD, format!("{does} {seed} {count} {}", dir.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// What the child said: the words of each of its lines.
fn heard(child: &mut Child) -> Vec<Vec<String>> {
    let mut output = Vec::new();
    child.stdout.take().expect("a pipe").read_to_end(&mut output).expect("its output");
    let output = String::from_utf8_lossy(&output);
    // A line that was cut off by its death doesn't count.
    let whole = output.rfind('\n').map_or("", |end| &output[..end]);
    let lines = whole.lines().filter_map(|line| line.split_once("@ ")).map(|(_, said)| said);
    lines.map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}

#[test]
#[ignore = "the other process of the tests beside it"]
#[allow(clippy::print_stdout)]
fn child() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let mut words = told.splitn(4, ' ');
    let does = words.next().unwrap_or_default();
    let mut number = || words.next().and_then(|word| word.parse::<u64>().ok()).expect("a number");
    let (seed, count) = (number(), number());
    let dir = Path::new(words.next().expect("a folder"));
    let store = match Store::open(dir, Limits::default()) {
        Ok(store) => store,
        Err(error) => return println!("@ closed {error}"),
    };
    println!("@ open {} {}", store.key("x", &Scope::default()), store.notices().len());
    let session = SessionId(format!("session {seed}"));
    for number in 0..count {
        let text = text(seed, number);
        let original = original(&store, &text, "");
        let (chain, keys) = match does {
            // Its own chains, each with an original.
            "keep" => (chain(seed, number), vec![original.clone()]),
            // Chains that all share: every second a verbatim one.
            _ => (chain(7, number), Vec::new()),
        };
        let pin = match does {
            "share" if (seed + number).is_multiple_of(2) => Pin::Verbatim,
            _ => shortened(&original.key, &seed.to_string()),
        };
        match store.pin(&session, &[(chain, pin)], &keys, NOW) {
            Ok(held) => {
                let sent = match &held[0] {
                    Pin::Verbatim => "verbatim".to_owned(),
                    Pin::Shortened(pin) => pin.texts[0].1.lines().next().unwrap_or_default().to_owned(),
                };
                println!("@ kept {number} {} {sent}", original.key);
            }
            Err(error) => println!("@ refused {number} {error}"),
        }
    }
}

#[test]
fn what_was_promised_survives_kill_9_at_any_time() {
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().join("data");
    let mut promised: BTreeMap<(u64, u64), Key> = BTreeMap::new();
    let mut full_runs = 0;
    for round in 0..25_u64 {
        let mut one = start_child(&dir, "keep", round, 400);
        let mut other = start_child(&dir, "keep", 1_000 + round, 400);
        // Early deaths hit the opening, later ones the writing.
        std::thread::sleep(Duration::from_millis(round * 7));
        for (seed, child) in [(round, &mut one), (1_000 + round, &mut other)] {
            child.kill().expect("it is ours");
            for line in heard(child).iter().filter(|line| line[0] == "kept") {
                let number = line[1].parse().expect("a number");
                promised.insert((seed, number), Key::parse(&line[2]).expect("a key"));
            }
            full_runs += u32::from(child.wait().expect("it is ours").success());
        }
    }
    assert!(promised.len() > 50 && full_runs < 50, "{} kept, {full_runs} ran to their end", promised.len());
    let store = open(&dir);
    assert_eq!(store.notices(), Vec::<String>::new());
    for ((seed, number), key) in &promised {
        assert_eq!(store.original(key, NOW).expect("the original").text, text(*seed, *number));
        let pin = store.pins(&[chain(*seed, *number)]).expect("pins");
        assert_eq!(pin, [Some(shortened(key, &seed.to_string()))], "{seed} {number}");
    }
    store.expire(Millis(NOW.0 + 3 * 3_600_000)).expect("swept");
    for key in promised.values() {
        assert!(store.original(key, NOW).is_ok(), "a sweep lets no promised one go");
    }
}

#[test]
fn eight_processes_share_one_store_and_agree() {
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().join("data");
    // On a fresh folder, so that they also race to make it.
    let mut children: Vec<(u64, &str, Child)> = (0..8_u64)
        .map(|seed| {
            let does = if seed % 2 == 0 { "keep" } else { "share" };
            (seed, does, start_child(&dir, does, seed, 500))
        })
        .collect();
    let (mut sent, mut kept, mut refused, mut secrets) = (BTreeMap::new(), 0, 0, Vec::new());
    for (seed, does, child) in &mut children {
        for line in heard(child) {
            match line[0].as_str() {
                "open" => secrets.push((line[1].clone(), line[2].clone())),
                "kept" if *does == "keep" => {
                    let number = line[1].parse().expect("a number");
                    let key = Key::parse(&line[2]).expect("a key");
                    assert_eq!(original_in(&dir, &key).expect("the original").text, text(*seed, number));
                    kept += 1;
                }
                "kept" => sent.entry(line[1].clone()).or_insert_with(Vec::new).push(line[3].clone()),
                "refused" => refused += 1,
                _ => panic!("{line:?}"),
            }
        }
        assert!(child.wait().expect("it is ours").success());
    }
    assert_eq!(secrets.len(), 8);
    assert!(secrets.iter().all(|secret| *secret == secrets[0]), "one secret, no damage: {secrets:?}");
    assert!(kept + 4 * sent.len() + refused >= 4_000 && refused < 200, "{kept} kept, {refused} refused");
    for (number, sent) in &sent {
        assert!(sent.iter().all(|text| text == &sent[0]), "block {number} was sent as {sent:?}");
    }
}

#[test]
fn a_full_disk_promises_nothing_that_is_not_there() {
    let world = World::new();
    let program = std::env::current_exe().expect("this program");
    let script = format!(
        "mkdir -p '{0}' && mount -t tmpfs -o size=2m none '{0}' && '{1}' --exact store::child --ignored --nocapture; \
         '{2}' store; cp -r '{0}/data/originals' '{3}'",
        world.project().join("small").display(),
        program.display(),
        env!("CARGO_BIN_EXE_headroom"),
        world.headroom_home().join("originals").display(),
    );
    let Some(mut command) = in_own_mounts(&world, &script) else { return };
    let dir = world.project().join("small/data");
    command.env(CHILD, format!("keep 3 900 {}", dir.display()));
    command.env("HEADROOM_HOME", &dir).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let lines = heard(&mut child);
    assert!(child.wait().expect("it is ours").success());
    fs::remove_dir(world.project().join("small")).expect("the mount went with its shell");
    let refused = lines.iter().filter(|line| line[0] == "refused").count();
    let kept: Vec<_> = lines.iter().filter(|line| line[0] == "kept").collect();
    assert!(refused > 10 && kept.len() > 10, "{refused} refused, {} kept", kept.len());
    for line in kept {
        let key = Key::parse(&line[2]).expect("a key");
        let original = original_in(&world.headroom_home(), &key).expect("the original");
        assert_eq!(original.text, text(3, line[1].parse().expect("a number")));
    }
}

#[test]
fn a_write_that_fails_promises_nothing_that_is_not_there() {
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().join("data");
    let program = std::env::current_exe().expect("this program");
    for limit in [16, 64, 200] {
        // No file may grow beyond this many blocks of 512 bytes: first the log can't, then the database.
        let script = format!(
            "trap '' XFSZ; ulimit -f {limit}; exec '{}' --exact store::child --ignored --nocapture",
            program.display()
        );
        let mut command = command_for_child(Path::new("sh"), &dir, "keep", limit, 120);
        command = {
            let mut shell = Command::new("sh");
            shell.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
            for (name, value) in command.get_envs() {
                shell.env(name, value.unwrap_or_default());
            }
            shell
        };
        let mut child = command.spawn().expect("it starts");
        let lines = heard(&mut child);
        child.wait().expect("it is ours");
        for line in lines.iter().filter(|line| line[0] == "kept") {
            let key = Key::parse(&line[2]).expect("a key");
            let original = original_in(&dir, &key).expect("the original");
            assert_eq!(original.text, text(limit, line[1].parse().expect("a number")));
        }
        assert!(lines.iter().any(|line| line[0] != "kept"), "nothing failed at {limit}");
    }
    let store = open(&dir);
    assert_eq!(store.notices(), Vec::<String>::new(), "a failed write damages nothing");
    let mut last = start_child(&dir, "keep", 9_999, 5);
    assert_eq!(heard(&mut last).iter().filter(|line| line[0] == "kept").count(), 5);
    last.wait().expect("it is ours");
}

#[test]
fn whichever_call_to_the_system_fails_nothing_promised_is_lost() {
    let traces = |call: &str| {
        Command::new("strace")
            .args(["-qq", "-e", call, "true"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    if !traces("trace=fsync") {
        eprintln!("skipped: no strace here to make calls to the system fail");
        return;
    }
    let program = std::env::current_exe().expect("this program");
    let home = tempfile::tempdir().expect("a folder");
    let mut hit = 0;
    for (call, error) in [
        ("fsync", "EIO"),
        ("fdatasync", "EIO"),
        ("pwrite64", "EIO"),
        ("write", "ENOSPC"),
        ("rename", "EIO"),
        ("ftruncate", "EIO"),
        ("mkdir", "EDQUOT"),
    ] {
        // Each of the first calls, then ever fewer of the later ones.
        let mut at = 1;
        loop {
            let dir = home.path().join(format!("{call}-{at}"));
            let trace = home.path().join("trace");
            let mut command = Command::new("strace");
            let told = command_for_child(&program, &dir, "keep", at, 4);
            command
                .args(["-f", "-qq", "-o"])
                .arg(&trace)
                .args([
                    "-e",
                    &format!("trace={call}"),
                    "-e",
                    &format!("inject={call}:error={error}:when={at}"),
                ])
                .arg(told.get_program())
                .args(told.get_args())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null());
            for (name, value) in told.get_envs() {
                command.env(name, value.unwrap_or_default());
            }
            let mut child = command.spawn().expect("it starts");
            let lines = heard(&mut child);
            let status = child.wait().expect("it is ours");
            let injected = fs::read_to_string(&trace).unwrap_or_default().contains("(INJECTED)");
            if !injected {
                break;
            }
            hit += 1;
            let what = format!("{call} number {at} fails: {lines:?}");
            // What the test harness itself prints may be what failed.
            assert!(call == "write" || status.success(), "{what}");
            let store = open(&dir);
            let pinned = |line: &Vec<String>| {
                let number = line[1].parse().expect("a number");
                (number, store.pins(&[chain(at, number)]).expect("pins").remove(0))
            };
            for line in lines.iter().filter(|line| line[0] == "kept") {
                let key = Key::parse(&line[2]).expect("a key");
                let (number, pin) = pinned(line);
                assert_eq!(original_in(&dir, &key).expect(&what).text, text(at, number), "{what}");
                assert_eq!(pin, Some(shortened(&key, &at.to_string())), "{what}");
            }
            for line in lines.iter().filter(|line| line[0] == "refused") {
                // It went as it was, and must go so again.
                let (_, pin) = pinned(line);
                assert!(matches!(pin, None | Some(Pin::Verbatim)), "{what}: {pin:?}");
            }
            let original = original(&store, "afterwards", "");
            let pin = (chain(9, 9), shortened(&original.key, "head"));
            store.pin(&SessionId("s".to_owned()), &[pin], &[original], NOW).expect(&what);
            at += 1 + at / 2;
        }
    }
    assert!(hit > 20, "only {hit} calls were made to fail");
}

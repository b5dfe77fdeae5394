//! The real Codex against the scripted provider: directly, and wrapped.
//!
//! Over a WebSocket and over HTTP, with a key, with a login by ChatGPT (a stand-in of it) and with a
//! provider of the user's own. Installed from npm; skipped with a printed reason when that can't be done.

use crate::npm;
use crate::terminal::Terminal;
use crate::world::{World, eventually, log, skip};
use headroom::demo::errand::{self, Ends, ROUNDS, Step};
use headroom::demo::provider::{Rules, Seen, WebSockets};
use headroom::demo::script::{Asked, Script, Turn};
use headroom::receipt::Usage;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

/// The version whose behaviour these tests were written down from.
const VERSION: &str = "0.169.0";

/// The real program; `None`, with the reason printed, when it can't be had.
pub fn codex() -> Option<&'static Path> {
    static CODEX: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match CODEX.get_or_init(|| npm::program("codex", "@openai/codex", VERSION)) {
        Ok(program) => Some(program),
        Err(reason) => {
            skip(&format!("Codex {VERSION} can't be had from npm: {reason}"));
            None
        }
    }
}

/// How Codex is logged in, and to whom it talks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// A key of the provider's.
    Key,
    /// A subscription.
    ChatGpt,
    /// The user's own provider.
    OwnProvider,
}

const OVER_A_SOCKET: WebSockets = WebSockets::Spoken;
const OVER_HTTP: WebSockets = WebSockets::Refused(426);

/// A world with Codex as the agent, past its first-run questions; what it asks is answered by `script`.
pub fn world(codex: &Path, login: Login, websockets: WebSockets, script: Script) -> World {
    let mut world = World::with(Rules { websockets, ..Rules::default() }, script);
    let upstream = world.provider().base_url();
    let node = which::which("node").expect("npm is there");
    let path = format!(
        "{}:{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        world.home().with_file_name("bin").display(),
        node.parent().expect("a folder").display()
    );
    world
        .set("PATH", &path)
        .set("CORP_KEY", "sk-corp")
        .set("TERM", "xterm-256color")
        // It asks for plugins and updates, which is not ours to forbid; it finds nobody.
        .set("HTTPS_PROXY", "http://127.0.0.1:9");
    let (where_to, stored) = match login {
        Login::Key => (
            format!("openai_base_url = \"{upstream}/v1\"\n"),
            json!({"auth_mode": "apikey", "OPENAI_API_KEY": "sk-test-key"}),
        ),
        Login::ChatGpt => (
            format!(
                "openai_base_url = \"{upstream}/codex\"\nchatgpt_base_url = \"{upstream}/backend-api/\"\n"
            ),
            stand_in(),
        ),
        Login::OwnProvider => (
            format!(
                "model_provider = \"corp.eu\"\n[model_providers.\"corp.eu\"]\nname = \"Corp\"\n\
                 base_url = \"{upstream}/llm/v1\"\nenv_key = \"CORP_KEY\"\n"
            ),
            Value::Null,
        ),
    };
    let trusted = format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", world.project().display());
    world
        .file("home/.codex/config.toml", format!("check_for_update_on_startup = false\n{where_to}{trusted}"));
    if !stored.is_null() {
        world.file("home/.codex/auth.json", stored.to_string());
    }
    world.file("work/app.log", log(240));
    let link = world.file("bin/codex", "");
    fs::remove_file(&link).expect("it is there");
    std::os::unix::fs::symlink(codex, &link).expect("a link");
    world.may_leave("home").may_leave("tmp").may_leave("work/.git");
    world
}

/// What such a login says of its user, in Base64: `user@example.com` with the plan `plus`, until the year 3015.
const CLAIMS: &str = concat!(
    "eyJlbWFpbCI6InVzZXJAZXhhbXBsZS5jb20iLCJleHAiOjMzMDAwMDAwMDAwLCJodHRwczovL2FwaS5vcGVuYWkuY29tL2F1dGgi",
    "OnsiY2hhdGdwdF9wbGFuX3R5cGUiOiJwbHVzIiwiY2hhdGdwdF91c2VyX2lkIjoidXNlci0xIiwiY2hhdGdwdF9hY2NvdW50X2lk",
    "IjoiMDAwMDAwMDAtMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAwIiwidXNlcl9pZCI6InVzZXItMSJ9fQ",
);

/// What a login by ChatGPT leaves behind.
fn stand_in() -> Value {
    let token = format!("e30.{CLAIMS}.e30");
    let account = "00000000-0000-4000-8000-000000000000";
    json!({
        "auth_mode": "chatgpt", "OPENAI_API_KEY": null, "last_refresh": "2999-01-01T00:00:00.000000Z",
        "tokens": {"id_token": token, "access_token": token, "refresh_token": "rt-1", "account_id": account},
    })
}

/// Six turns: JSON, a log, source, search results and prose are looked at, some of them after a thought; then all
/// the facts that were seen are said.
fn six_turns() -> Script {
    errand::of_steps(steps().collect())
}

fn steps() -> impl Iterator<Item = Step> {
    ROUNDS.iter().enumerate().map(|(at, (text, run))| Step {
        text: Some((*text).to_owned()),
        run: Some((*run).to_owned()),
        think: (at % 2 == 0).then(|| format!("thought {at}")),
        ..Step::default()
    })
}

const TYPED: &[&str] = &["exec", "--skip-git-repo-check", "-s", "workspace-write", "Find out what is wrong"];

/// Codex as it is; its exit code and last words.
#[track_caller]
fn direct(world: &World, typed: &[&str]) -> (i32, String) {
    let ran = world.finish(world.program(Path::new("codex"), typed));
    let said = (ran.code(), ran.stdout());
    assert_eq!(said.0, 0, "{}", ran.both());
    said
}

/// The same, wrapped.
#[track_caller]
fn wrapped(world: &World, typed: &[&str]) -> (i32, String) {
    let ran = world.run(&[&["wrap", "--quiet", "codex"], typed].concat());
    let said = (ran.code(), ran.stdout());
    assert_eq!(said.0, 0, "{}", ran.both());
    said
}

fn input(usage: &Usage) -> u64 {
    usage.input().0
}

/// Requests that are a turn of the agent: neither a title nor the empty one that warms a socket up.
fn turns(world: &World) -> Vec<Seen> {
    let messages = world.provider().messages();
    messages.into_iter().filter(|seen| seen.json()["generate"] != json!(false) && seen.status < 300).collect()
}

/// The headers of a request but for what differs from run to run, and from one way to the other.
fn headers(seen: &Seen) -> BTreeMap<String, String> {
    const DIFFERENT: &[&str] = &[
        "host",
        "content-length",
        "content-encoding",
        // Compression is agreed on hop by hop; ours reads along.
        "sec-websocket-extensions",
        "sec-websocket-key",
        "x-client-request-id",
        "session-id",
        "thread-id",
        "x-codex-window-id",
        "x-codex-turn-metadata",
        "x-codex-turn-state",
    ];
    let headers = seen
        .headers
        .iter()
        .map(|(name, value)| (name.to_lowercase(), String::from_utf8_lossy(value).into_owned()));
    headers.filter(|(name, _)| !DIFFERENT.contains(&name.as_str())).collect()
}

/// Paths in the home; without the files that SQLite keeps beside a database while it is open.
fn paths_in_home(world: &World) -> BTreeSet<String> {
    let paths = world.paths_in_home().into_iter();
    paths.filter(|path| !path.ends_with("-wal") && !path.ends_with("-shm")).collect()
}

#[test]
fn codex_pays_less_and_gives_the_same_answer_by_every_road() {
    let Some(codex) = codex() else { return };
    let roads = [
        ("key, WebSocket", Login::Key, OVER_A_SOCKET),
        ("key, HTTP", Login::Key, OVER_HTTP),
        ("ChatGPT, WebSocket", Login::ChatGpt, OVER_A_SOCKET),
        ("ChatGPT, HTTP", Login::ChatGpt, OVER_HTTP),
        ("own provider, HTTP", Login::OwnProvider, OVER_HTTP),
    ];
    for (road, login, websockets) in roads {
        let bare = world(codex, login, websockets, six_turns());
        let answer = direct(&bare, TYPED);
        for fact in ["JSON", "LOG", "CODE", "GREP", "PROSE"] {
            assert!(answer.1.contains(&format!("FACT-{fact}-")), "{road}: {}", answer.1);
        }
        let around = world(codex, login, websockets, six_turns());
        let configuration = fs::read(around.home().join(".codex/config.toml")).expect("it is there");
        assert_eq!(wrapped(&around, TYPED), answer, "{road}");

        let (before, after) = (bare.provider().billed(), around.provider().billed());
        eprintln!(
            "Codex {VERSION}, {road}: {} tokens in directly ({} from the cache), {} wrapped ({} from the cache)",
            input(&before),
            before.cache_read.0,
            input(&after),
            after.cache_read.0
        );
        assert!(input(&after) * 100 < input(&before) * 95, "{road}: {before:?} {after:?}");
        assert!(after.uncached.0 <= before.uncached.0, "{road}: what was in the cache stays there");
        assert_eq!(
            around.provider().broken_prefixes(),
            [],
            "{road}: no history was changed after it was sent"
        );

        let (before, after) = (turns(&bare), turns(&around));
        assert_eq!(after.len(), before.len(), "{road}");
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(headers(before), headers(after), "{road}");
            assert_eq!(before.target, after.target, "{road}");
            assert_eq!(after.json()["stream"], true, "{road}: streaming stays streaming");
            assert_eq!(after.json()["store"], before.json()["store"], "{road}");
        }
        assert_eq!(fs::read(around.home().join(".codex/config.toml")).expect("it is there"), configuration);
        let new = &paths_in_home(&around) - &paths_in_home(&bare);
        assert_eq!(new, BTreeSet::new(), "{road}: nothing in the home that a direct run would not have left");
        let stats = around.run(&["stats"]).succeeded();
        assert!(stats.contains("json-") && stats.contains("codex"), "{road}: {stats}");
    }
}

/// A line of the log that is like all the others, so that it is left out.
const LIKE_OTHERS: &str = "path=/api/items/100 status=200";

fn results(asked: &Asked<'_>) -> String {
    asked.results().into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("\n")
}

/// Prints the log, and asks for some of its lines by the tool when they were left out.
fn asks_back() -> Script {
    Box::new(|asked| {
        if !asked.offers_tools() {
            return Turn::says("A title");
        }
        let results = results(asked);
        let key = results
            .split_once("; original kept: headroom retrieve ")
            .and_then(|(_, rest)| rest.split(']').next());
        match (asked.rounds(), key) {
            (0, _) => Turn::runs("cat app.log"),
            (1, Some(key)) => {
                let call =
                    format!("tools.mcp__headroom__headroom_retrieve({{key: \"{key}\", lines: \"95-105\"}})");
                Turn::calls(
                    "exec",
                    json!(format!("const found = await {call};\ntext(found.content[0].text);\n")),
                )
            }
            (1, None) => Turn::says("nothing was left out"),
            _ if results.contains(LIKE_OTHERS) => Turn::says("the line came back"),
            _ => Turn::says(&format!("no line: {results}")),
        }
    })
}

#[test]
fn codex_gets_back_what_was_left_out_without_being_asked_for_leave() {
    let Some(codex) = codex() else { return };
    for websockets in [OVER_A_SOCKET, OVER_HTTP] {
        for sandbox in ["read-only", "workspace-write"] {
            let world = world(codex, Login::Key, websockets, asks_back());
            let typed = ["exec", "--skip-git-repo-check", "-s", sandbox, "What does the log say?"];
            assert_eq!(wrapped(&world, &typed).1, "the line came back\n", "{websockets:?} {sandbox}");
            assert_eq!(world.provider().broken_prefixes(), []);
            let stats = world.run(&["stats"]).succeeded();
            assert!(stats.contains("given back"), "{stats}");
        }
    }
}

#[test]
fn codex_loses_its_connection_and_sends_its_whole_history_again() {
    let Some(codex) = codex() else { return };
    let breaks = |(at, step)| Step { ends: if at == 3 { Ends::Reset } else { Ends::Whole }, ..step };
    let script = errand::of_steps(steps().enumerate().map(breaks).collect());
    let world = world(codex, Login::Key, OVER_A_SOCKET, script);
    let said = wrapped(&world, TYPED).1;
    assert!(said.contains("FACT-JSON-") && said.contains("FACT-PROSE-"), "{said}");
    let sent = turns(&world);
    let whole = |seen: &&Seen| seen.json()["previous_response_id"].is_null();
    assert!(sent.iter().filter(whole).count() != 0, "it has begun anew");
    assert_eq!(world.provider().broken_prefixes(), [], "what was sent before is sent the same way");
}

#[test]
fn two_wraps_of_codex_at_once_share_nothing_but_the_store() {
    let Some(codex) = codex() else { return };
    let world = world(codex, Login::Key, OVER_A_SOCKET, six_turns());
    let start = || {
        let mut command = world.headroom(&[&["wrap", "--quiet", "codex"], TYPED].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("headroom starts")
    };
    let both = [start(), start()].map(|child| child.wait_with_output().expect("it ends"));
    assert!(both[0].status.success() && both[1].status.success());
    assert_eq!(String::from_utf8_lossy(&both[0].stdout), String::from_utf8_lossy(&both[1].stdout));
    assert!(String::from_utf8_lossy(&both[0].stdout).contains("FACT-PROSE-"));
    assert_eq!(world.provider().broken_prefixes(), []);
}

#[test]
fn a_signal_that_ends_headroom_ends_codex_and_leaves_nothing() {
    let Some(codex) = codex() else { return };
    for signal in ["-TERM", "-KILL"] {
        let world = world(
            codex,
            Login::Key,
            OVER_A_SOCKET,
            Box::new(|_| Turn::says("late").after(Duration::from_secs(600))),
        );
        let configuration = fs::read(world.home().join(".codex/config.toml")).expect("it is there");
        let mut command = world.headroom(&[&["wrap", "--quiet", "codex"], TYPED].concat());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("headroom starts");
        eventually("it has asked", || !world.provider().messages().is_empty());
        let killed = std::process::Command::new("/bin/kill").args([signal, &child.id().to_string()]).status();
        assert!(killed.expect("kill runs").success());
        assert!(!child.wait().expect("it ends").success());
        assert_eq!(fs::read(world.home().join(".codex/config.toml")).expect("it is there"), configuration);
        // That nothing of it runs any more is what the world looks after.
    }
}

#[test]
fn codex_works_in_its_terminal_and_stops_and_goes_on() {
    let Some(codex) = codex() else { return };
    let world = world(codex, Login::ChatGpt, OVER_A_SOCKET, asks_back());
    let mut command = world.program(Path::new("/bin/bash"), &["--norc", "--noprofile", "--noediting", "-i"]);
    command.env("PS1", "prompt> ").env("HISTFILE", "/dev/null");
    let mut terminal = Terminal::start(&command);
    terminal.sees("prompt> ");
    let line =
        format!("{} wrap codex --no-alt-screen -s read-only -a on-request\n", env!("CARGO_BIN_EXE_headroom"));
    terminal.type_keys(line).sees("headroom: codex gets one read-only tool").sees("for shortcuts");
    terminal.type_keys("What does the log say?");
    // Keys that come in one piece are a paste to it, and so is a return among them.
    std::thread::sleep(Duration::from_millis(500));
    terminal.type_keys("\r").sees("the line came back");
    terminal.resize(40, 120);
    // A key that comes while it draws itself anew can be lost on it.
    std::thread::sleep(Duration::from_secs(1));
    terminal.type_keys("\x1a").sees("Stopped").sees("prompt> ");
    terminal.type_keys("echo $((6 * 7)) $(stty -a | grep -c ' -icanon')\n").sees("\n42 0");
    terminal.type_keys("fg\n").sees("for shortcuts");
    std::thread::sleep(Duration::from_secs(1));
    terminal.type_keys("\x03").sees("headroom: ").sees("saved").sees("headroom stats").sees("prompt> ");
    terminal.type_keys("echo $((6 * 7)) $(stty -a | grep -c ' -icanon')\n").sees("\n42 0");
    terminal.type_keys("exit\n");
    terminal.ends();
}

#[test]
fn a_session_of_codex_that_is_resumed_is_sent_the_same_way() {
    let Some(codex) = codex() else { return };
    let world = world(codex, Login::Key, OVER_A_SOCKET, six_turns());
    let first = wrapped(&world, TYPED).1;
    let before = turns(&world).len();
    let again = wrapped(&world, &["exec", "--skip-git-repo-check", "resume", "--last", "Say it again"]).1;
    assert_eq!(again, first);
    assert_eq!(world.provider().broken_prefixes(), []);
    let sent = turns(&world);
    let usage = sent[before].usage.expect("it was answered");
    assert!(usage.uncached.0 * 5 < usage.cache_read.0, "what was said before is in the cache: {usage:?}");
}

#[test]
fn codex_compacts_its_history_and_goes_on() {
    let Some(codex) = codex() else { return };
    for websockets in [OVER_A_SOCKET, OVER_HTTP] {
        let world = world(codex, Login::Key, websockets, six_turns());
        let said = wrapped(&world, &[TYPED, &["-c", "model_auto_compact_token_limit=20000"]].concat()).1;
        assert!(said.contains("That is all."), "{said}");
        let items = |seen: &Seen| seen.json()["input"].as_array().cloned().unwrap_or_default();
        let sent = world.provider().messages();
        let compacted = sent.iter().flat_map(items).any(|item| item["type"] == "compaction");
        assert!(compacted, "{websockets:?}");
        assert_eq!(world.provider().broken_prefixes(), []);
    }
}

#[test]
fn a_codex_inside_another_shares_its_proxy_only_if_it_talks_to_the_same_provider() {
    for (inner, shared) in
        [("", true), ("-p other", false), ("-c openai_base_url=https://other.example/v1", false)]
    {
        let mut world = World::new();
        let upstream = world.provider().base_url();
        world.file("home/.codex/config.toml", format!("openai_base_url = \"{upstream}/v1\"\n"));
        world.file(
            "home/.codex/other.config.toml",
            "model_provider = \"corp\"\n[model_providers.corp]\nbase_url = \"https://llm.corp.example/v1\"\n",
        );
        world.agent(
            "codex",
            &format!(
                "for last; do :; done; echo \"$last\"\n\
                 [ -n \"$INNER\" ] || INNER=1 exec {} wrap --quiet codex {inner}",
                env!("CARGO_BIN_EXE_headroom")
            ),
        );
        let said = world.run(&["wrap", "--quiet", "codex"]).succeeded();
        let proxies: BTreeSet<&str> =
            said.lines().filter_map(|line| line.split("127.0.0.1:").nth(1)?.split('/').next()).collect();
        assert_eq!(proxies.len(), if shared { 1 } else { 2 }, "{inner}: {said}");
        assert_eq!(said.lines().count(), 2, "{said}");
    }
}

//! Agents as data: the table of those that are known, and for each way of pointing one at us a stand-in that reads
//! exactly that and asks one question.

use crate::world::{World, eventually};
use serde_json::{Value, json};
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the stand-ins have in common: `ask URL [PATH]` asks the model at this base URL one question and prints the answer's
/// first line.
const ASKS: &str = r#"
ask() {
    rest=${1#http://}; host=${rest%%/*}; path=${rest#"$host"}${2-/v1/messages}
    body='{"model":"claude-sonnet-4-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'
    exec 3<>"/dev/tcp/${host%%:*}/${host##*:}" || exit 9
    printf 'POST %s HTTP/1.1\r\nHost: %s\r\ncontent-type: application/json\r\nx-api-key: k\r\nanthropic-version: 2023-06-01\r\nconnection: close\r\ncontent-length: %s\r\n\r\n%s' \
        "$path" "$host" "${#body}" "$body" >&3
    IFS= read -r line <&3; echo "${line%?}"; cat <&3 >/dev/null; exec 3>&-
}
# The value of a key in JSON without spaces.
json() { rest=${2#*\"$1\":\"}; echo "${rest%%\"*}"; }
"#;

const ANSWERED: &str = "HTTP/1.1 200 OK\n";

/// A world with the agent `other`: a stand-in of this script, defined by this TOML.
fn other(script: &str, toml: &str) -> World {
    let mut world = World::new();
    let upstream = world.provider().base_url();
    stand_in(&mut world, "other", script);
    world.file(
        "headroom/agents/other.toml",
        format!(
            "name = \"other\"\ntitle = \"Other\"\nbinary = \"other\"\nwire = \"anthropic\"\n{}",
            toml.replace("UPSTREAM", &upstream)
        ),
    );
    world
}

fn stand_in(world: &mut World, name: &str, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = world.file(&format!("bin/{name}"), format!("#!/bin/bash\n{ASKS}\n{script}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
    path
}

#[test]
fn each_way_of_pointing_an_agent_at_us_brings_a_request_through() {
    const UPSTREAM: &str = "[upstream]\ndefault = \"UPSTREAM\"\n";
    let cases = [
        ("a variable", "ask \"$OTHER_URL\"", "[environment]\nOTHER_URL = \"{url}\"\n"),
        (
            "a variable with a list of JSON",
            "ask \"$(json api_base \"$OTHER_PROVIDERS\")\"",
            "[environment_json]\nOTHER_PROVIDERS = '[{\"name\":\"own\",\"api_base\":\"{url}\"}]'\n",
        ),
        (
            "a flag that takes a value",
            "[ \"$1\" = -c ] || exit 8; value=${2#base=\\\"}; ask \"${value%\\\"}\"",
            "arguments = [\"-c\", 'base=\"{url}\"']\n",
        ),
        (
            "a flag behind the command",
            "[ \"$1 $2\" = 'run --base' ] || exit 8; ask \"$3\"",
            "after_command = [\"--base\", \"{url}\"]\n",
        ),
        (
            "a flag with JSON",
            "[ \"$1\" = --settings ] || exit 8; ask \"$(json base \"$2\")\"",
            "[arguments_json]\n\"--settings\" = '{\"base\":\"{url}\"}'\n",
        ),
        (
            "a flag with JSON, handed over in a file",
            "[ \"$1\" = --settings ] || exit 8; ask \"$(json base \"$(cat \"$2\")\")\"",
            "arguments_in_files = [\"--settings\"]\n[arguments_json]\n\"--settings\" = '{\"base\":\"{url}\"}'\n",
        ),
        (
            "a file for the run",
            "ask \"$(sed -n 's/^apiBase: //p' \"$2\")\"",
            "arguments = [\"--config\", \"{file_config}\"]\n[files_for_run.config]\nname = \"a/config.yaml\"\n\
             content = \"apiBase: {url}\\n\"\n",
        ),
        (
            "a further upstream",
            "ask \"$OTHER_URL\"",
            "[environment]\nOTHER_URL = \"{url_second}\"\n[upstreams.second]\ndefault = \"UPSTREAM\"\n",
        ),
        (
            "what holds only sometimes",
            "ask \"$OTHER_URL\"",
            "[[when]]\ncommands = [\"run\"]\nenvironment = { OTHER_URL = \"{url}\" }\n\
             [[when]]\nflags = [\"--no\"]\nenvironment = { OTHER_URL = \"\" }\n",
        ),
    ];
    for (way, script, toml) in cases {
        // Keys of the top level stand before the first table.
        let (keys, tables) = toml.split_at(
            toml.find('[')
                .filter(|_| toml.starts_with('['))
                .unwrap_or_else(|| toml.find("\n[").map_or(toml.len(), |at| at + 1)),
        );
        let world = other(script, &format!("{keys}{UPSTREAM}{tables}"));
        let ran = world.run(&["wrap", "--quiet", "other", "run"]);
        assert_eq!(ran.stdout(), ANSWERED, "{way}: {}", ran.both());
        let _ = ran.succeeded();
        assert_eq!(world.provider().messages().len(), 1, "{way}");
        assert_eq!(
            fs::read_dir(world.headroom_home().join("runs")).expect("it is there").count(),
            0,
            "{way}"
        );
    }
}

#[test]
fn each_provider_in_a_copy_of_the_users_file_is_reached_through_us() {
    let script = r#"
ask "$(json baseUrl "$(cat "$2")")" ""
cat "$2""#;
    let mut world = other(
        script,
        "arguments = [\"--settings\", \"{file_settings}\"]\n[upstream]\ndefault = \"https://nowhere.example\"\n\
         [files_for_run.settings]\nname = \"settings.json\"\nfrom = \"~/.other/settings.json\"\n\
         urls = [[\"models\", \"*\", \"baseUrl\"]]\ncontent = '{\"telemetry\":false}'\n",
    );
    let upstream = world.provider().base_url();
    let own = format!(
        "{{ // mine\n \"models\": [{{\"baseUrl\": \"{upstream}/v1/messages\", \"apiKey\": \"k\"}},\n \
         {{\"baseUrl\": \"{upstream}/v1/messages\"}}, {{\"baseUrl\": \"https://far.example/api/v1/\"}},],\n \
         \"telemetry\": true }}\n"
    );
    let path = world.file("home/.other/settings.json", &own);
    let printed = world.run(&["wrap", "--quiet", "other"]).succeeded();
    let (answered, copy) = printed.split_once('\n').expect("two lines");
    assert_eq!(format!("{answered}\n"), ANSWERED);
    let copy: Value = serde_json::from_str(copy).expect("the copy is JSON");
    let url = |at: usize| copy["models"][at]["baseUrl"].as_str().expect("a URL").to_owned();
    assert!(url(0).starts_with("http://127.0.0.1:") && url(0).ends_with("/v1/messages"), "{copy}");
    assert_eq!(url(0), url(1), "one upstream for one host");
    assert!(url(2).ends_with("/api/v1/") && !url(2).contains("far.example"), "{copy}");
    assert_eq!((&copy["telemetry"], &copy["models"][0]["apiKey"]), (&json!(false), &json!("k")));
    assert_eq!(fs::read_to_string(path).expect("it is there"), own);
    assert_eq!(world.provider().messages().len(), 1);
}

#[test]
fn an_agent_goes_past_us_when_its_file_says_so_or_nobody_knows_where_its_requests_go() {
    let mut world = other(
        "echo \"past ${OTHER_URL-unset} ${HEADROOM_PROXY-none}\"",
        "[upstream]\nvariables = [\"OTHER_URL\"]\n[environment]\nOTHER_URL = \"{url}\"\n\
         [[logins]]\nkind = \"account\"\nfile = \"~/.other/auth.json\"\nkey = [\"mode\"]\nis = \"account\"\n\
         [[when]]\nlogin = [\"account\"]\npast = \"an account talks to its own server\"\n",
    );
    assert_eq!(world.run(&["wrap", "other"]).succeeded_saying("OTHER_URL is not set"), "past unset none\n");
    world.set("OTHER_URL", "https://x.example");
    assert!(world.run(&["wrap", "other"]).stdout().starts_with("past http://127.0.0.1:"));
    world.file("home/.other/auth.json", "{\"mode\":\"key\"}");
    assert!(world.run(&["wrap", "other"]).stdout().starts_with("past http://127.0.0.1:"));
    world.file("home/.other/auth.json", "{\"mode\":\"account\"}");
    let said = world.run(&["wrap", "other"]).succeeded_saying("an account talks to its own server");
    assert_eq!(said, "past https://x.example none\n");
}

#[test]
fn an_agent_that_cannot_be_wrapped_is_refused_with_the_reason() {
    let mut world = other("echo never", "refused = \"it talks to nobody\"\n");
    let said = world.run(&["wrap", "other"]).failed_with(1);
    assert!(said.contains("Other can't be wrapped: it talks to nobody"), "{said}");
    stand_in(&mut world, "amp", "echo never");
    let said = world.run(&["wrap", "amp"]).failed_with(1);
    assert!(said.contains("Amp can't be wrapped: "), "{said}");
}

#[test]
fn another_agent_inside_gets_a_proxy_of_its_own_and_the_users_own_upstream() {
    let headroom = env!("CARGO_BIN_EXE_headroom");
    // The outer one asks, starts the inner one, whose upstream variable is the same, and asks again.
    let outer = format!(
        "ask \"$ANTHROPIC_BASE_URL\"; echo \"$ANTHROPIC_BASE_URL\"; {headroom} wrap --quiet other; ask \"$ANTHROPIC_BASE_URL\""
    );
    let mut world = other(
        "ask \"$ANTHROPIC_BASE_URL\"; echo \"$ANTHROPIC_BASE_URL ${ENABLE_TOOL_SEARCH-unset}\"; [ -n \"$INNER\" ] || INNER=1 HEADROOM wrap --quiet other"
            .replace("HEADROOM", headroom)
            .as_str(),
        "[upstream]\ndefault = \"https://nowhere.example\"\nvariables = [\"ANTHROPIC_BASE_URL\"]\n\
         [environment]\nANTHROPIC_BASE_URL = \"{url}\"\n",
    );
    let upstream = world.provider().base_url();
    world.set("ANTHROPIC_BASE_URL", &upstream);
    stand_in(&mut world, "claude", &outer);
    let printed = world.run(&["wrap", "--quiet", "claude"]).succeeded();
    let lines: Vec<&str> = printed.lines().collect();
    let [_, outer, _, inner, _, innermost, _] = lines.as_slice() else { panic!("{printed}") };
    let (inner, tool_search) = inner.split_once(' ').expect("two words");
    assert_ne!(*outer, inner);
    assert_eq!(tool_search, "unset", "what is good for one agent is not handed to another");
    assert_eq!(innermost.split(' ').next(), Some(inner), "the same agent inside shares its proxy");
    assert_eq!(world.provider().messages().len(), 4);
    let stats: Value =
        serde_json::from_str(&world.run(&["stats", "--json"]).succeeded()).expect("it is JSON");
    assert_eq!(stats["total"]["requests"]["all"], 4, "each is counted once: {stats:#}");
}

#[test]
fn an_agent_that_asks_nothing_through_us_is_told_of() {
    const TOML: &str = "[upstream]\ndefault = \"UPSTREAM\"\n[environment]\nOTHER_URL = \"{url}\"\n";
    let world = other("until grep -q 'nothing has gone' \"$TMPDIR/said\"; do sleep 0.02; done", TOML);
    let said = world.home().with_file_name("tmp").join("said");
    let mut command = world.headroom(&["wrap", "--silence", "1", "other"]);
    command.stderr(fs::File::create(&said).expect("a file"));
    let _ = command.status().expect("headroom runs");
    let text = fs::read_to_string(&said).expect("it is there");
    assert!(text.contains("nothing has gone through headroom yet; if Other has answered"), "{text}");
    fs::remove_file(said).expect("it is there");

    let world = other("ask \"$OTHER_URL\"; sleep 1.2", TOML);
    assert_eq!(world.run(&["wrap", "--silence", "1", "other"]).both().matches("nothing has gone").count(), 0);
}

#[test]
fn a_repository_decides_nothing() {
    let attacker = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let url = format!("http://{}", attacker.local_addr().expect("its address"));
    let came = Arc::new(AtomicUsize::new(0));
    let counted = came.clone();
    std::thread::spawn(move || {
        attacker.incoming().for_each(|_| {
            counted.fetch_add(1, Ordering::SeqCst);
        })
    });

    let variables =
        ["ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "HEADROOM_PROXY", "HEADROOM_UPSTREAM", "HTTPS_PROXY"];
    let dotenv: String = variables.iter().map(|name| format!("{name}={url}\n")).collect();
    let config = format!("[proxy]\nupstream = \"{url}\"\n");
    let agent =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/agents/claude.toml")).expect("it is there");
    let agent = agent.replace("https://api.anthropic.com", &url).replace("\"ANTHROPIC_BASE_URL\"]", "]");
    let settings = json!({"env": {"ANTHROPIC_BASE_URL": url, "HTTPS_PROXY": url}}).to_string();
    let mut layouts: Vec<(String, &str)> = Vec::new();
    for name in [".env", ".envrc", ".env.local", "env", ".headroom/env", ".headroom.env", ".claude/.env"] {
        layouts.push((name.to_owned(), &dotenv));
    }
    for name in [
        "headroom.toml",
        ".headroom.toml",
        "config.toml",
        ".headroom/config.toml",
        "headroom/config.toml",
        ".config/headroom/config.toml",
    ] {
        layouts.push((name.to_owned(), &config));
    }
    for name in [
        "agents/claude.toml",
        ".headroom/agents/claude.toml",
        "claude.toml",
        ".config/headroom/agents/claude.toml",
        "headroom/agents/claude.toml",
    ] {
        layouts.push((name.to_owned(), &agent));
    }
    for name in [
        ".claude/settings.json",
        ".claude/settings.local.json",
        ".headroom/settings.json",
        "settings.json",
        ".mcp.json",
        ".vscode/settings.json",
        ".cursor/settings.json",
        ".claude.json",
        "opencode.json",
        "package.json",
    ] {
        layouts.push((name.to_owned(), &settings));
    }
    // All that Claude Code reads itself in one repository, all else in another.
    for for_claude in [true, false] {
        let mut world = World::new();
        let upstream = world.provider().base_url();
        world.set("ANTHROPIC_BASE_URL", &upstream);
        stand_in(&mut world, "claude", "ask \"$ANTHROPIC_BASE_URL\"");
        for (name, text) in layouts.iter().filter(|(name, _)| name.starts_with(".claude/") == for_claude) {
            world.file(&format!("work/{name}"), text);
        }
        let ran = world.run(&["wrap", "claude"]);
        assert_eq!(ran.stdout(), ANSWERED, "{}", ran.both());
        assert_eq!(ran.stderr().contains("sets ANTHROPIC_BASE_URL, which is not followed"), for_claude);
        assert_eq!(ran.code(), 0);
        assert_eq!(world.provider().messages().len(), 1);
    }
    assert_eq!(came.load(Ordering::SeqCst), 0);
}

#[test]
fn the_table_says_what_is_here_and_never_a_secret() {
    let mut world = World::new();
    world.agent("claude", "echo '2.1.197 (Claude Code)'");
    world.agent("amp", "sleep 600");
    let path = format!("{}:/bin:/usr/bin", world.home().with_file_name("bin").display());
    world.set("ANTHROPIC_API_KEY", "sk-ant-canary").set("PATH", &path);
    let shown = world.run(&["agents"]).succeeded();
    let row = |name: &str| {
        shown.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{shown}")).to_owned()
    };
    for word in ["2.1.197", "anthropic", "API key", "yes", "our tool"] {
        assert!(row("claude").contains(word), "{word}: {shown}");
    }
    assert!(row("amp").contains(" no "), "{shown}");
    assert!(shown.contains("amp: no: its models run "), "{shown}");
    assert!(shown.contains("claude: lost: "), "{shown}");
    assert!(!shown.contains("canary"), "{shown}");

    let whole: Value =
        serde_json::from_str(&world.run(&["agents", "--json"]).succeeded()).expect("it is JSON");
    let agents = whole["agents"].as_array().expect("a list");
    let named = |name: &str| agents.iter().find(|agent| agent["name"] == name).expect(name);
    assert_eq!(named("claude")["version"], "2.1.197");
    assert_eq!(named("claude")["login"], "API key");
    assert_eq!(named("amp")["supported"], "no");
    assert!(15 < agents.len() && named("codex")["install"].is_string());
    assert!(!whole.to_string().contains("canary"));
}

#[test]
fn a_new_agents_file_is_written_once_and_can_be_used() {
    let mut world = World::new();
    let path = world.headroom_home().join("agents/mine.toml");
    let printed = world.run(&["agents", "new", "mine"]).succeeded_saying("headroom wrap mine --dry-run");
    assert_eq!(printed.trim(), path.display().to_string());
    stand_in(&mut world, "mine", "ask \"$OPENAI_BASE_URL\" /chat/completions");
    let upstream = world.provider().base_url();
    world.set("OPENAI_BASE_URL", &format!("{upstream}/v1"));
    let shown = world.run(&["wrap", "mine", "--dry-run"]).succeeded();
    assert!(shown.contains("OPENAI_BASE_URL=http://127.0.0.1:PORT/SECRET/v1"), "{shown}");
    assert!(world.run(&["wrap", "mine"]).both().contains("untested: nobody has tried it"));

    fs::write(&path, "# my work\n").expect("a file");
    let said = world.run(&["agents", "new", "mine"]).failed_with(1);
    assert!(said.contains("is there already"), "{said}");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "# my work\n");
    for name in ["../x", "Mine", "", "a b", "-x"] {
        assert_eq!(world.run(&["agents", "new", "--", name]).code(), 2, "{name}");
    }
    fs::remove_file(path).expect("it is there");
    let _ = world.run(&["agents", "new", "claude"]).succeeded_saying("edit it");
    stand_in(&mut world, "claude", "exit 0");
    assert!(world.run(&["wrap", "claude", "--dry-run"]).succeeded().contains("ENABLE_TOOL_SEARCH=true"));
}

#[test]
fn a_killed_runs_files_are_swept_away_by_the_next_command() {
    let world = other(
        ": > \"$TMPDIR/started\"; sleep 600",
        "arguments = [\"{file_config}\"]\n[upstream]\ndefault = \"UPSTREAM\"\n[files_for_run.config]\nname = \"c\"\ncontent = \"secret\"\n",
    );
    let runs = world.headroom_home().join("runs");
    let count = || fs::read_dir(&runs).map_or(0, Iterator::count);
    let mut child = world.headroom(&["wrap", "--quiet", "other"]).spawn().expect("headroom starts");
    let started = world.home().with_file_name("tmp").join("started");
    eventually("the agent has started", || started.exists());
    child.kill().expect("it was alive");
    let _ = child.wait();
    fs::remove_file(started).expect("it is there");
    assert_eq!(count(), 1, "nobody was left to remove it");
    let _ = world.run(&["wrap", "--quiet", "other", "--dry-run"]).succeeded();
    let quick = other("exit 0", "[upstream]\ndefault = \"UPSTREAM\"\n");
    let _ = quick.run(&["wrap", "--quiet", "other"]).succeeded();
    assert_eq!(fs::read_dir(quick.headroom_home().join("runs")).map_or(0, Iterator::count), 0);
    let mut again = world.headroom(&["wrap", "--quiet", "other"]);
    again.env("PATH", format!("{}:/usr/bin:/bin", quick.home().with_file_name("bin").display()));
    let _ = world.finish(again).succeeded();
    assert_eq!(count(), 0);
}

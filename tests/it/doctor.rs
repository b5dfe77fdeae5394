//! `headroom doctor`: what it says of routes that work, and of each way in which one can be broken.
//!
//! The agent is a stand-in that behaves as Claude Code does, in a few lines of shell; and the real Claude Code and
//! Codex, where npm gives them.

use crate::npm;
use crate::world::{World, skip};
use headroom::demo::script::Turn;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Asks one question, calls the tool that it is told to call, and hands back what that gave. `$url`, `$betas` and
/// `$offer` can be changed before.
pub const STAND_IN: &str = r#"
[ "$1" = --version ] && { echo '2.1.197 (Claude Code)'; exit 0; }
url=$ANTHROPIC_BASE_URL; betas=one,two; offer=
case "$*" in *--mcp-config*) offer='{"name":"mcp__headroom__headroom_retrieve","description":"d","input_schema":{"type":"object","properties":{"key":{"type":"string"}}}},';; esac
CHANGES
say() {
    rest=${url#http://}; host=${rest%%/*}
    body='{"model":"claude-sonnet-4-5","max_tokens":99,"stream":'$1',"tools":['$offer'{"name":"Bash","description":"d","input_schema":{"type":"object","properties":{"command":{"type":"string"}}}}],"messages":[{"role":"user","content":"hi"}'$2']}'
    exec 3<>"/dev/tcp/${host%%:*}/${host##*:}" || exit 9
    printf 'POST %s/v1/messages HTTP/1.1\r\nHost: %s\r\ncontent-type: application/json\r\nx-api-key: %s\r\nanthropic-version: 2023-06-01\r\nanthropic-beta: %s\r\nconnection: close\r\ncontent-length: %s\r\n\r\n%s' \
        "${rest#"$host"}" "$host" "$ANTHROPIC_API_KEY" "$betas" "${#body}" "$body" >&3
    cat <&3; exec 3>&-
}
first=$(say false)
case "$first" in *' 200 '*) ;; *) echo "API Error: ${first%%$'\r'*}" >&2; exit 1;; esac
case "$first" in *tool_use*)
    key=$(grep -oE '[0-9a-f]{20}' <<<"$first" | head -1); id=$(grep -oE 'toolu_[A-Za-z0-9_]+' <<<"$first" | head -1)
    original=$("$PROGRAM" retrieve "$key")
    say true ',{"role":"assistant","content":[{"type":"tool_use","id":"'$id'","name":"mcp__headroom__headroom_retrieve","input":{"key":"'$key'"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"'$id'","content":"'$original'"}]}' >/dev/null
esac
echo OK
"#;

/// A world with the stand-in, changed by some lines of shell, logged in by a key.
fn world(changes: &str, turns: impl IntoIterator<Item = Turn>) -> World {
    use std::os::unix::fs::PermissionsExt;
    let mut world = World::saying(turns);
    let script = STAND_IN.replace("CHANGES", changes);
    let path = world.file("bin/claude", format!("#!/bin/bash\n{script}"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("its mode");
    let upstream = world.provider().base_url();
    world
        .set("ANTHROPIC_BASE_URL", &upstream)
        .set("ANTHROPIC_API_KEY", "sk-ant-mine")
        .set("PROGRAM", env!("CARGO_BIN_EXE_headroom"));
    world
}

/// Runs the doctor on `claude`; its exit code and what it found of each check (the worst where there are several).
#[track_caller]
fn examined(world: &World, more: &[&str]) -> (i32, Value) {
    let ran = world.run(&[&["doctor", "claude", "--json"], more].concat());
    let told: Value = serde_json::from_str(&ran.stdout()).unwrap_or_else(|_| panic!("{}", ran.both()));
    (ran.code(), told)
}

/// State and words of a check.
#[track_caller]
fn found<'a>(told: &'a Value, check: &str) -> (&'a str, &'a str) {
    let lists = [&told["headroom"]["lines"], &told["agents"][0]["lines"]];
    let mut lines: Vec<&Value> =
        lists.iter().flat_map(|list| list.as_array().into_iter().flatten()).collect();
    lines.retain(|line| line["check"] == check);
    lines.sort_by_key(|line| ["red", "unknown", "green"].iter().position(|state| line["state"] == *state));
    let line = lines.first().unwrap_or_else(|| panic!("nothing about {check}: {told:#}"));
    (line["state"].as_str().expect("a state"), line["said"].as_str().expect("words"))
}

#[test]
fn a_route_that_works_is_green_and_nothing_is_left_behind() {
    let world = world("", []);
    let (code, told) = examined(&world, &["--offline"]);
    let checks = [
        "agent",
        "reached",
        "auth",
        "headers",
        "body",
        "streaming",
        "tools",
        "window",
        "retrieval",
        "login",
        "disk",
    ];
    for check in checks {
        assert_eq!(found(&told, check).0, "green", "{check}: {told:#}");
    }
    assert_eq!(code, 0, "{told:#}");
    assert_eq!(told["verdict"], "green");
    assert_eq!(told["agents"][0]["counted"], serde_json::json!({"built_in": 2, "real": null}));
    assert_eq!(world.provider().messages().len(), 0, "nobody outside was asked");
    assert_eq!(fs::read_dir(world.headroom_home()).expect("it is there").count(), 0);

    let shown = world.run(&["doctor", "claude", "--offline"]).succeeded();
    assert!(shown.contains("ok  retrieval  an original that was planted came back"), "{shown}");
    assert!(shown.contains("the real provider was not asked"), "{shown}");
    let table = world.run(&["doctor", "--offline"]).succeeded();
    assert!(table.contains("claude  2.1.197  ok"), "{table}");
}

#[test]
fn the_real_question_is_asked_only_when_that_is_agreed_to() {
    let world = world("", [Turn::says("OK")]);
    let (code, told) = examined(&world, &[]);
    assert_eq!((code, world.provider().messages().len()), (0, 0), "nobody could be asked: {told:#}");
    let (code, told) = examined(&world, &["--yes"]);
    assert_eq!(code, 0, "{told:#}");
    assert_eq!(found(&told, "provider").0, "green", "{told:#}");
    assert_eq!(told["agents"][0]["counted"]["real"], 1);
    let seen = world.provider().messages();
    assert_eq!(seen[0].header("x-api-key"), Some("sk-ant-mine"), "the agent's own login");
    assert_eq!(fs::read_dir(world.headroom_home()).expect("it is there").count(), 0);
}

#[test]
fn what_is_wrong_with_the_real_route_is_named() {
    let refuses = || Turn::fails(401, "authentication_error", "invalid x-api-key");
    let cases = [
        ("an upstream that is down", Some("http://127.0.0.1:9"), Turn::says("OK"), "could not be reached"),
        ("a login that is wrong", None, refuses(), "refused the login: status 401"),
        ("a provider in trouble", None, Turn::fails(529, "overloaded_error", "Overloaded"), "status 529"),
    ];
    for (what, upstream, turn, words) in cases {
        let mut world = world("", [turn]);
        if let Some(upstream) = upstream {
            world.set("ANTHROPIC_BASE_URL", upstream);
        }
        let (code, told) = examined(&world, &["--yes"]);
        let (state, said) = found(&told, "provider");
        assert_eq!((code, state), (1, "red"), "{what}: {told:#}");
        assert!(said.contains(words), "{what}: {said}");
        assert!(!told.to_string().contains("sk-ant-mine"), "{what}: no secret is shown");
        assert_eq!(found(&told, "reached").0, "green", "{what}: as far as this machine it works");
    }
}

#[test]
fn an_agent_that_goes_another_way_or_breaks_is_red() {
    let (code, told) = examined(&world("echo OK; exit 0", []), &["--offline"]);
    let (state, said) = found(&told, "reached");
    assert_eq!((code, state), (1, "red"), "{told:#}");
    assert!(said.contains("goes another way"), "{said}");

    let (code, told) = examined(&world("echo 'no such model' >&2; exit 4", []), &["--offline"]);
    let (state, said) = found(&told, "agent");
    assert_eq!((code, state), (1, "red"), "{told:#}");
    assert!(said.contains("code 4") && said.contains("no such model"), "{said}");

    // A machine that has agents of its own shows them nowhere on this path.
    let mut gone = World::new();
    let nowhere = gone.home().display().to_string();
    gone.set("PATH", &nowhere);
    let said = gone.run(&["doctor", "claude"]).failed_with(127);
    assert!(said.contains("was not found") && said.contains("npm install"), "{said}");
    let said = gone.run(&["doctor"]).failed_with(127);
    assert!(said.contains("no agent"), "{said}");
}

#[test]
fn what_the_agent_loses_through_headroom_is_red() {
    let wrapped = "case \"$*\" in *--mcp-config*) CHANGE;; esac";
    let cases = [
        ("a header that a gateway of its own drops", "betas=one", "window", "asks without two"),
        ("a tool of ours that a policy takes away", "offer=", "retrieval", "does not offer it"),
        ("an original that does not come back", "PROGRAM=true", "retrieval", "did not come back"),
    ];
    for (what, change, check, words) in cases {
        let (code, told) = examined(&world(&wrapped.replace("CHANGE", change), []), &["--offline"]);
        let (state, said) = found(&told, check);
        assert_eq!((code, state), (1, "red"), "{what}: {told:#}");
        assert!(said.contains(words), "{what}: {said}");
    }
}

#[test]
fn a_store_that_is_damaged_is_red_and_is_not_touched() {
    let mut world = world("", []);
    let database = world.headroom_home().join("headroom.db");
    fs::write(&database, [7; 5000]).expect("it is written");
    world.file("headroom/config.toml", "quiet = true\n");
    let (code, told) = examined(&world, &["--offline"]);
    let (state, said) = found(&told, "store");
    assert_eq!((code, state), (1, "red"), "{told:#}");
    assert!(said.contains("is damaged"), "{said}");
    assert_eq!(fs::read(&database).expect("it is there"), [7; 5000]);
    assert_eq!(fs::read_dir(world.headroom_home()).expect("it is there").count(), 2);

    world.file("headroom/config.toml", "quit = true\n");
    let (code, told) = examined(&world, &["--offline"]);
    assert_eq!((code, found(&told, "settings").0), (2, "red"), "{told:#}");
    assert!(found(&told, "settings").1.contains("`quiet`"), "{told:#}");
}

#[test]
fn a_disk_without_room_is_red() {
    let world = world("", []);
    let folder = world.headroom_home();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(&folder).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        return skip("no small disk can be made here, so a full one is not tried");
    }
    let told = std::panic::catch_unwind(|| examined(&world, &["--offline"]));
    let _ = Command::new("umount").arg("-l").arg(&folder).output();
    let (code, told) = told.expect("it ran");
    let (state, said) = found(&told, "disk");
    assert_eq!((code, state), (1, "red"), "{told:#}");
    assert!(said.contains("originals can't be kept"), "{said}");
}

#[test]
fn traces_of_others_in_the_chain_are_named() {
    let mut world = world("", []);
    world.file(
        "home/.claude/settings.json",
        r#"{"hooks":{"PreToolUse":[{"matcher":"Bash","hooks":[{"type":"command","command":"~/.claude/hooks/rtk-rewrite.sh"}]}]}}"#,
    );
    world.file("home/.claude/CLAUDE.md", "<!-- headroom:rtk-instructions -->\nuse it\n");
    world.file(
        "home/.claude.json",
        r#"{"mcpServers":{"lean-ctx":{"command":"lean-ctx"},"github":{"command":"gh"}}}"#,
    );
    world.file("home/.bashrc", "# mine\nalias claude='claude --verbose'\n");
    let (code, told) = examined(&world, &["--offline"]);
    assert_eq!(code, 0, "they are no faults: {told:#}");
    let lines = told["agents"][0]["lines"].as_array().expect("lines");
    let chain: Vec<&str> = lines
        .iter()
        .filter(|line| line["check"] == "chain")
        .filter_map(|line| line["said"].as_str())
        .collect();
    let all = chain.join("\n");
    for words in [
        "settings.json names RTK",
        "CLAUDE.md names",
        "headroom-ai",
        "servers of other optimizers: lean-ctx",
        ".bashrc:2",
        "a program on this machine",
    ] {
        assert!(all.contains(words), "{words}: {all}");
    }
    assert!(!all.contains("github"), "{all}");
}

#[test]
fn the_json_has_a_shape_that_programs_can_rely_on() {
    let world = world("", []);
    let (_, told) = examined(&world, &["--offline"]);
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<BTreeSet<_>>();
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(keys(&told), set(&["verdict", "headroom", "agents"]));
    let agent = &told["agents"][0];
    assert_eq!(
        keys(agent),
        set(&["name", "title", "program", "version", "login", "upstream", "verdict", "counted", "lines"])
    );
    assert_eq!((&agent["version"], &agent["login"]), (&"2.1.197".into(), &"API key".into()));
    for line in agent["lines"].as_array().expect("lines") {
        assert_eq!(keys(line), set(&["check", "state", "said", "do"]), "{line}");
    }
}

#[test]
fn an_agent_that_cannot_be_asked_is_checked_as_far_as_that_goes() {
    let mut world = World::new();
    world.agent("other", "exit 3");
    for (wire, path) in [("anthropic", ""), ("openai-chat", ""), ("openai-responses", ""), ("gemini", "")] {
        world.file(
            "headroom/agents/other.toml",
            format!(
                "name = \"other\"\ntitle = \"Other\"\nbinary = \"other\"\nwire = \"{wire}\"\n\
                 [upstream]\ndefault = \"https://api.example.com{path}\"\n[environment]\nOTHER_URL = \"{{url}}\"\n"
            ),
        );
        let ran = world.run(&["doctor", "other", "--offline", "--json"]);
        let told: Value = serde_json::from_str(&ran.stdout()).unwrap_or_else(|_| panic!("{}", ran.both()));
        assert_eq!(found(&told, "agent").0, "unknown", "{wire}");
        assert!(found(&told, "agent").1.contains("was not run"), "{wire}");
        assert_eq!((ran.code(), found(&told, "reached").0), (0, "green"), "{wire}: {told:#}");
    }
}

/// A world with the real program, from npm; `None` with the reason printed when it can't be had.
fn real(name: &str, package: &str, version: &str) -> Option<World> {
    let program = match npm::program(name, package, version) {
        Ok(program) => program,
        Err(reason) => {
            skip(&format!("{name} {version} can't be had from npm: {reason}"));
            return None;
        }
    };
    let mut world = World::new();
    let link = world.file(&format!("bin/{name}"), "");
    fs::remove_file(&link).expect("it is there");
    std::os::unix::fs::symlink(program, &link).expect("a link");
    let node = which::which("node").expect("npm is there");
    let path = format!(
        "{}:{}:/usr/local/bin:/usr/bin:/bin",
        link.parent().expect("a folder").display(),
        node.parent().expect("a folder").display()
    );
    world.set("PATH", &path);
    Some(world)
}

#[test]
fn the_real_claude_code_and_codex_are_well() {
    for (name, package, version) in
        [("claude", "@anthropic-ai/claude-code", "2.1.197"), ("codex", "@openai/codex", "0.169.0")]
    {
        let Some(world) = real(name, package, version) else { continue };
        let ran = world.run(&["doctor", name, "--offline", "--json"]);
        let told: Value = serde_json::from_str(&ran.stdout()).unwrap_or_else(|_| panic!("{}", ran.both()));
        assert_eq!(ran.code(), 0, "{told:#}");
        for check in ["agent", "reached", "auth", "headers", "tools", "window", "retrieval"] {
            assert_eq!(found(&told, check).0, "green", "{name}, {check}: {told:#}");
        }
        assert_eq!(told["agents"][0]["version"], version);
        assert!(!Path::new(&world.home()).join(format!(".{name}")).exists(), "its home was not touched");
    }
}

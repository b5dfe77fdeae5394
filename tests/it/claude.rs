//! The real Claude Code against the scripted provider: directly, and wrapped.
//!
//! Installed from npm into the target folder when that can be done; skipped with a
//! printed reason when not.

use crate::npm;
use crate::terminal::Terminal;
use crate::world::{World, eventually, log, rows, skip};
use headroom::demo::provider::Rules;
use headroom::demo::script::{Asked, Script, Turn};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

/// The version whose behaviour these tests were written down from.
const VERSION: &str = "2.1.197";

/// The real program; `None`, with the reason printed, when it can't be had.
pub fn claude() -> Option<&'static Path> {
    static CLAUDE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let claude = CLAUDE.get_or_init(|| npm::program("claude", "@anthropic-ai/claude-code", VERSION));
    match claude {
        Ok(program) => Some(program),
        Err(reason) => {
            skip(&format!("Claude Code {VERSION} can't be had from npm: {reason}"));
            None
        }
    }
}

/// A fact from the middle of what a tool printed.
const ROW: &str = "FAILED: disk quota exceeded on volume vol-7731";
const LINE: &str = "ERROR payment failed: card network timeout";
/// A line of the log that is like all the others, so that it is left out.
const LIKE_OTHERS: &str = "path=/api/items/100 status=200";

/// A login; Claude Code remembers by its last 20 letters that the user has agreed to it.
const KEY: &str = "sk-ant-api03-mock-mock-mock-mock";

/// A world with Claude Code as the agent, logged in by key, past its first-run questions.
pub fn world(claude: &Path, script: Script) -> World {
    let mut world = World::with(Rules::default(), script);
    let upstream = world.provider().base_url();
    world
        .set("ANTHROPIC_BASE_URL", &upstream)
        .set("ANTHROPIC_API_KEY", KEY)
        .set("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .set("DISABLE_AUTOUPDATER", "1")
        .set("TERM", "xterm-256color")
        // In its terminal it looks for plugins and updates of its own, which is not ours to forbid; it finds nobody.
        .set("HTTPS_PROXY", "http://127.0.0.1:9");
    let state = json!({
        "hasCompletedOnboarding": true, "lastOnboardingVersion": "99.0.0", "theme": "dark", "numStartups": 5,
        "customApiKeyResponses": {"approved": [&KEY[KEY.len() - 20..]], "rejected": []},
        "projects": {world.project().display().to_string(): {
            "hasTrustDialogAccepted": true, "hasCompletedProjectOnboarding": true, "allowedTools": []}},
    });
    world.file("home/.claude.json", state.to_string());
    world.file("home/.claude/settings.json", "{ \"includeCoAuthoredBy\" : false }\n");
    world.file("work/orders.json", rows(110));
    world.file("work/app.log", log(240));
    let link = world.file("bin/claude", "");
    fs::remove_file(&link).expect("it is there");
    std::os::unix::fs::symlink(claude, &link).expect("a link");
    world.may_leave("home").may_leave("tmp");
    world
}

/// Prints both files, gets back what was left out when something was, and quotes what it saw.
fn reads_two_files() -> Script {
    Box::new(|asked| {
        if !asked.offers_tools() {
            return Turn::says("A title");
        }
        match asked.turns() {
            0 => Turn::calls("Bash", json!({"command": "cat orders.json", "description": "orders"})),
            1 => Turn::calls("Bash", json!({"command": "cat app.log", "description": "log"})),
            2 => match key_in(asked) {
                Some(key) => {
                    Turn::calls("mcp__headroom__headroom_retrieve", json!({"key": key, "lines": "95-105"}))
                }
                None => {
                    Turn::calls("Bash", json!({"command": "sed -n 95,105p app.log", "description": "lines"}))
                }
            },
            _ => Turn::says(&quoted(asked)),
        }
    })
}

fn results(asked: &Asked<'_>) -> String {
    asked.results().into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("\n")
}

fn key_in(asked: &Asked<'_>) -> Option<String> {
    let results = results(asked);
    let (_, rest) = results.rsplit_once("; original kept: headroom retrieve ")?;
    Some(rest.split(']').next()?.to_owned())
}

fn quoted(asked: &Asked<'_>) -> String {
    let results = results(asked);
    let seen = |fact: &str| if results.contains(fact) { fact.to_owned() } else { format!("no {fact:?}") };
    format!("I saw {}; {}; {}.", seen(ROW), seen(LINE), seen(LIKE_OTHERS))
}

const TYPED: [&str; 5] =
    ["-p", "Report what is wrong", "--allowedTools", "Bash Read Task Agent", "--verbose"];

#[test]
fn claude_code_pays_less_and_gives_the_same_answer() {
    let Some(claude) = claude() else { return };
    let direct = world(claude, reads_two_files());
    let mut bare = direct.program(Path::new("claude"), &TYPED);
    bare.arg("--output-format=text");
    let answer = direct.finish(bare).succeeded();
    assert_eq!(answer, format!("I saw {ROW}; {LINE}; {LIKE_OTHERS}.\n"));

    let wrapped = world(claude, reads_two_files());
    let mut arguments = vec!["wrap", "--quiet", "claude"];
    arguments.extend(TYPED);
    assert_eq!(wrapped.run(&arguments).succeeded(), answer);

    let (before, after) = (direct.provider().billed(), wrapped.provider().billed());
    let all = |usage: &headroom::receipt::Usage| usage.input().0;
    assert!(
        (all(&after) as f64) < 0.8 * all(&before) as f64,
        "{} tokens directly, {} wrapped",
        all(&before),
        all(&after)
    );
    let share = |usage: &headroom::receipt::Usage| usage.cache_read.0 as f64 / all(usage) as f64;
    assert_eq!(wrapped.provider().broken_prefixes(), [], "no history was changed after it was sent");
    let sent = wrapped.provider().messages();
    let offers = |seen: &headroom::demo::provider::Seen, tool: &str| {
        seen.json()["tools"].as_array().is_some_and(|tools| tools.iter().any(|it| it["name"] == tool))
    };
    assert!(
        sent.iter().all(|seen| offers(seen, "mcp__headroom__headroom_retrieve")),
        "from the first request on"
    );
    assert!(sent.iter().all(|seen| seen.json()["stream"] == true), "streaming stays streaming");
    // Each turn finds in the cache all that the one before has sent.
    let usages: Vec<_> = sent.iter().filter_map(|seen| seen.usage).collect();
    for pair in usages.windows(2) {
        assert_eq!(
            pair[1].cache_read.0,
            pair[0].cache_read.0 + pair[0].cache_write_5m.0 + pair[0].cache_write_1h.0
        );
    }
    eprintln!(
        "Claude Code {VERSION}: {} tokens in directly ({:.0} % from the cache), {} wrapped ({:.0} %)",
        all(&before),
        100.0 * share(&before),
        all(&after),
        100.0 * share(&after)
    );

    let stats = wrapped.run(&["stats"]).succeeded();
    assert!(stats.contains("json-") && stats.contains("log-"), "{stats}");
    eprintln!("{stats}");

    let settings = fs::read_to_string(wrapped.home().join(".claude/settings.json")).expect("it is there");
    assert_eq!(settings, "{ \"includeCoAuthoredBy\" : false }\n");
    // Claude Code's own log of what an MCP server says, kept for each server there is.
    let (logs, own): (BTreeSet<String>, BTreeSet<String>) =
        wrapped.paths_in_home().into_iter().partition(|path| path.contains("/mcp-logs-headroom"));
    let mut new = &own - &direct.paths_in_home();
    new.retain(|path| !logs.iter().any(|log| log.starts_with(path.as_str())));
    assert_eq!(new, BTreeSet::new(), "nothing in the home that a direct run would not have left");
}

#[test]
fn a_sub_agent_of_claude_code_can_get_an_original_back_also_in_a_worktree() {
    let Some(claude) = claude() else { return };
    let script: Script = Box::new(|asked| {
        if !asked.offers_tools() {
            return Turn::says("A title");
        }
        let within = asked.body["messages"].to_string().contains("You are the one below");
        let main = asked.body["messages"][0].to_string().contains("Ask the one below");
        match (main, asked.turns()) {
            (true, 0) => {
                let tool = if asked.tools().contains(&"Agent") { "Agent" } else { "Task" };
                let input = json!({"description": "look", "prompt": "You are the one below: read the log",
                                   "subagent_type": "general-purpose", "run_in_background": false});
                Turn::calls(tool, input)
            }
            (true, _) => Turn::says(&format!("It said: {}", results(asked))),
            (false, 0) if within => {
                Turn::calls("Bash", json!({"command": "cat app.log", "description": "log"}))
            }
            (false, 1) => match key_in(asked) {
                Some(key) => {
                    Turn::calls("mcp__headroom__headroom_retrieve", json!({"key": key, "lines": "95-105"}))
                }
                None => Turn::says("nothing was left out"),
            },
            _ if results(asked).contains(LIKE_OTHERS) => Turn::says("the line came back"),
            _ => Turn::says(&format!("no line; the tools are {:?}; {}", asked.tools(), results(asked))),
        }
    });
    let mut world = world(claude, script);
    let typed = ["wrap", "--quiet", "claude", "-p", "Ask the one below", "--allowedTools", "Bash Task Agent"];
    let said = world.run(&typed).succeeded();
    assert!(said.contains("the line came back"), "{said}");
    assert_eq!(world.provider().broken_prefixes(), []);

    // In a worktree of its own it works in another folder than the one it was started in.
    world.may_leave("work");
    let git =
        "git init -q . && git add -A && git -c user.name=t -c user.email=t@example.com commit -qm begin";
    if world.finish(world.program(Path::new("/bin/sh"), &["-c", git])).code() != 0 {
        return skip("git can't make a repository, so no worktree of Claude Code's is tried");
    }
    let mut typed = typed.to_vec();
    typed.extend(["--worktree", "side"]);
    let said = world.run(&typed).succeeded();
    assert!(said.contains("the line came back"), "{said}");
}

#[test]
fn claude_code_works_in_its_terminal_and_stops_and_goes_on() {
    let Some(claude) = claude() else { return };
    let world = world(claude, reads_two_files());
    let mut command = world.program(Path::new("/bin/bash"), &["--norc", "--noprofile", "--noediting", "-i"]);
    command.env("PS1", "prompt> ").env("HISTFILE", "/dev/null");
    let mut terminal = Terminal::start(&command);
    terminal.sees("prompt> ");
    let line = format!("{} wrap claude --allowedTools 'Bash Read'\n", env!("CARGO_BIN_EXE_headroom"));
    terminal.type_keys(line).sees("headroom: claude gets one read-only tool").sees("shortcuts");
    // Its MCP servers are connected some time after its prompt is there.
    std::thread::sleep(Duration::from_secs(3));
    terminal.type_keys("Report what is wrong").sees("wrong");
    std::thread::sleep(Duration::from_millis(500));
    terminal.type_keys("\r").sees("FAILED:").sees("vol-7731").sees("items/100");
    assert!(world.provider().messages().len() >= 4);
    terminal.resize(40, 120);

    terminal.type_keys("\x1a").sees("suspended").sees("Stopped").sees("prompt> ");
    terminal.type_keys("echo $((6 * 7)) $(stty -a | grep -c ' -icanon')\n").sees("\n42 0");
    terminal.type_keys("fg\n").sees("shortcuts");
    // It draws before it reads key by key again.
    std::thread::sleep(Duration::from_secs(1));
    terminal.type_keys("\x03").sees("again");
    terminal.type_keys("\x03").sees("headroom: ").sees("saved").sees("headroom stats").sees("prompt> ");
    terminal.type_keys("echo $((6 * 7)) $(stty -a | grep -c ' -icanon')\n").sees("\n42 0");
    terminal.type_keys("exit\n");
    terminal.ends();
    eventually("nothing of it runs any more", || {
        let table = Command::new("ps").args(["-A", "-o", "args="]).output().expect("ps runs");
        !String::from_utf8_lossy(&table.stdout)
            .contains(world.home().parent().expect("a folder").to_string_lossy().as_ref())
    });
}

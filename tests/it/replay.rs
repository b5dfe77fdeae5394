//! `headroom replay`: what is simulated against what the provider bills, and what is never done.

use crate::claude;
use crate::world::{Client, Talk, World, log, rows};
use headroom::demo::script::{Script, Turn};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// 2026-11-02T09:00:00Z.
const BEGINS: i64 = 1_793_610_000_000;

/// A session that is really sent, and written down as Claude Code does.
struct Recording {
    client: Client,
    /// How long the client asks the cache to keep.
    ttl: &'static str,
    talk: Talk,
    lines: Vec<Value>,
    /// Messages of the talk that are written down.
    written: usize,
    usage: Value,
    now: i64,
    asked: usize,
}

const SESSION: &str = "0b8f7d5e-0000-4000-8000-000000000001";

impl Recording {
    fn of(client: Client, question: &str) -> Recording {
        let mut talk = Talk::new(question);
        talk.request["stream"] = json!(false);
        Recording {
            client,
            ttl: "5m",
            talk,
            lines: Vec::new(),
            written: 0,
            usage: Value::Null,
            now: BEGINS,
            asked: 0,
        }
    }

    /// Sends what stands, and waits so long before it.
    #[track_caller]
    fn ask(&mut self, world: &World, after: Duration) -> Value {
        world.provider().advance(after);
        self.now += i64::try_from(after.as_millis()).expect("not that long");
        self.write();
        let reply = self.client.message(&self.body());
        assert_eq!(reply.status, 200, "{}", reply.text());
        self.usage = reply.json()["usage"].clone();
        self.asked += 1;
        self.usage.clone()
    }

    fn body(&self) -> Vec<u8> {
        let body = String::from_utf8(self.talk.body()).expect("it is JSON");
        let ask = format!(r#"{{"type":"ephemeral","ttl":"{}"}}"#, self.ttl);
        body.replace(r#"{"type":"ephemeral"}"#, &ask).into_bytes()
    }

    /// Writes down what was said since.
    fn write(&mut self) {
        for message in &self.talk.messages[self.written..] {
            let number = self.lines.len();
            let mut line = json!({
                "uuid": format!("00000000-0000-4000-8000-{number:012}"),
                "parentUuid": number.checked_sub(1).map(|before| format!("00000000-0000-4000-8000-{before:012}")),
                "sessionId": SESSION, "cwd": "/home/ada/shop", "version": "2.1.197", "isSidechain": false,
                "timestamp": jiff::Timestamp::from_millisecond(self.now).expect("a time").to_string(),
                "type": message["role"], "message": message,
            });
            if message["role"] == "assistant" {
                line["message"]["id"] = json!(format!("msg_{:04}", self.asked));
                line["message"]["model"] = self.talk.request["model"].clone();
                line["message"]["usage"] = self.usage.clone();
            }
            self.lines.push(line);
        }
        self.written = self.talk.messages.len();
    }

    /// The model's last word, and the whole transcript.
    fn transcript(mut self) -> String {
        self.talk.answers("That is all.");
        self.write();
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// A working session of six requests, with a pause that the cache does not outlive and a turn of many results.
fn work(world: &World, recording: &mut Recording) {
    let second = Duration::from_secs(1);
    recording.ask(world, second);
    recording.talk.calls("Bash", json!({"command": "kubectl get services -o json"}), &rows(120));
    recording.ask(world, 20 * second);
    recording.talk.calls("Bash", json!({"command": "cat app.log"}), &log(400));
    recording.ask(world, 40 * second);
    // More blocks than the provider looks back over.
    let calls: Vec<Value> = (0..14)
        .map(|at| json!({"type": "tool_use", "id": format!("many_{at}"), "name": "Read", "input": {"file_path": format!("src/part_{at}.rs")}}))
        .collect();
    let results: Vec<Value> = (0..14)
        .map(|at| json!({"type": "tool_result", "tool_use_id": format!("many_{at}"), "content": format!("pub const PART_{at}: usize = {at};")}))
        .collect();
    recording.talk.messages.push(json!({"role": "assistant", "content": calls}));
    recording.talk.messages.push(json!({"role": "user", "content": results}));
    recording.ask(world, 5 * second);
    recording.talk.answers("Two services are down.");
    recording.talk.asks("And which of them matter?");
    // The person was away for longer than the cache keeps.
    recording.ask(world, 400 * second);
    recording.talk.calls("Grep", json!({"pattern": "FAILED"}), &log(60));
    recording.ask(world, 3 * second);
}

#[track_caller]
fn replayed(world: &World, arguments: &[&str]) -> Value {
    let said = world.run(&[&["replay", "--json"], arguments].concat()).succeeded();
    serde_json::from_str(&said).expect("it is JSON")
}

#[test]
fn what_is_simulated_is_what_the_provider_billed_to_the_token() {
    for ttl in ["5m", "1h"] {
        let mut world = World::new();
        let mut recording = Recording::of(world.direct(), "Is everything up?");
        recording.ttl = ttl;
        work(&world, &mut recording);
        let path = world.file("work/0b8f7d5e-0000-4000-8000-000000000001.jsonl", recording.transcript());
        let said = replayed(&world, &[path.to_str().expect("a name")]);
        let session = &said["sessions"][0];
        assert_eq!(session["recorded"], session["direct"], "{ttl} {session:#}");
        assert_eq!(session["direct"]["requests"], 6);
        assert_ne!(session["direct"][format!("cache_write_{ttl}")], 0, "{session:#}");
        assert_eq!(session["fit"]["tokens_off_per_mille"], 0);
        assert_eq!(session["fit"]["basis"], "exact", "{ttl} {session:#}");
    }
}

#[test]
fn what_is_replayed_of_a_session_through_headroom_is_what_its_ledger_says() {
    let mut world = World::new();
    let proxy = world.proxy();
    let mut recording = Recording::of(proxy.client(), "Is everything up?");
    let second = Duration::from_secs(1);
    for (command, result) in [
        ("kubectl get services -o json", rows(120)),
        ("cat app.log", log(400)),
        ("uptime", "up 3 days".to_owned()),
    ] {
        recording.ask(&world, 20 * second);
        recording.talk.calls("Bash", json!({"command": command}), &result);
    }
    recording.ask(&world, 9 * second);
    assert_eq!(proxy.drain(), 0);
    let path = world.file("work/0b8f7d5e-0000-4000-8000-000000000001.jsonl", recording.transcript());
    let stats: Value =
        serde_json::from_str(&world.run(&["stats", "--json"]).succeeded()).expect("it is JSON");
    let said = replayed(&world, &["--profile", "balanced", path.to_str().expect("a name")]);
    let session = &said["sessions"][0];
    assert_eq!(session["through_headroom"], "balanced");
    assert_eq!(session["recorded"]["input"], stats["total"]["tokens"]["sent"]);
    assert_eq!(session["fit"]["fits"], true, "{session:#}");
    let with = &session["with"][0];
    for (what, replayed, ledger) in [
        ("spent", &with["cost"]["microusd"], &stats["total"]["money"]["spent_microusd"]),
        ("saved", &with["saved_microusd"], &stats["total"]["money"]["net_saved_microusd"]),
    ] {
        let (replayed, ledger) = (replayed.as_f64().expect("money"), ledger.as_f64().expect("money"));
        assert!(
            (replayed / ledger - 1.0).abs() < 0.01,
            "{what}: {replayed} against {ledger} {stats:#} {session:#}"
        );
    }
}

/// A transcript of one session that was recorded without headroom.
fn recorded(world: &World) -> String {
    let mut recording = Recording::of(world.direct(), "Is everything up?");
    work(world, &mut recording);
    recording.transcript()
}

#[test]
fn every_profile_saves_no_less_than_the_one_before_and_the_totals_add_up() {
    let mut world = World::new();
    let one = recorded(&world);
    let other = one.replace(SESSION, "0b8f7d5e-0000-4000-8000-000000000002").replace("INFO ", "WARN ");
    world.file(&format!("work/sessions/{SESSION}.jsonl"), one);
    world.file("work/sessions/other.jsonl", other);
    let said = replayed(&world, &["sessions"]);
    let sessions = said["sessions"].as_array().expect("a list");
    assert_eq!(sessions.len(), 2);
    for session in sessions {
        let sent: Vec<i64> =
            (0..3).map(|at| session["with"][at]["cost"]["input"].as_i64().expect("a count")).collect();
        assert!(sent.is_sorted_by(|before, after| after <= before), "{session:#}");
        for with in session["with"].as_array().expect("a list") {
            let by_tool: i64 = with["tools"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|row| row["saved_microusd"].as_i64().expect("money"))
                .sum();
            let whole = with["saved_microusd"].as_i64().expect("money");
            // Our own tool's definition is no tool's loss.
            assert!(whole <= by_tool && by_tool - whole < whole / 10, "{by_tool} {whole}");
        }
    }
    for (at, total) in said["totals"].as_array().expect("a list").iter().enumerate() {
        for key in ["input", "uncached", "cache_read", "cache_write_5m", "output", "requests"] {
            let sum: i64 = sessions
                .iter()
                .map(|session| session["with"][at]["cost"][key].as_i64().expect("a count"))
                .sum();
            assert_eq!(total["with"][key], sum, "{key}");
        }
        assert_eq!(total["saved_per_myriad_interval"], Value::Null, "two sessions tell no interval");
    }
    assert_eq!(said, replayed(&world, &["sessions"]), "the same figures each time");
    let shown = world.run(&["replay", "sessions"]).succeeded();
    for words in ["By tool, balanced", "The simulation fits: within 5 % of what was recorded in 2 sessions."]
    {
        assert!(shown.contains(words), "{shown}");
    }
}

#[test]
fn a_session_that_headroom_makes_dearer_is_shown_as_a_loss() {
    let mut world = World::new();
    let mut recording = Recording::of(world.direct(), "Is everything up?");
    recording.ask(&world, Duration::from_secs(1));
    recording.talk.calls("Bash", json!({"command": "uptime"}), "up 3 days");
    recording.ask(&world, Duration::from_secs(1));
    let path = world.file("work/0b8f7d5e-0000-4000-8000-000000000001.jsonl", recording.transcript());
    let said = replayed(&world, &[path.to_str().expect("a name")]);
    assert!(
        said["sessions"][0]["with"][0]["saved_microusd"].as_i64().is_some_and(|saved| saved < 0),
        "{said:#}"
    );
    assert_eq!(said["totals"][0]["sessions_with_a_loss"], 1);
    let shown = world.run(&["replay", path.to_str().expect("a name")]).succeeded();
    assert!(shown.contains("1 session would have cost more"), "{shown}");
}

#[test]
fn usage_that_nothing_explains_is_said_and_marks_the_figures() {
    let mut world = World::new();
    let mut number = 0;
    let odd: String = recorded(&world)
        .lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).expect("it is JSON");
            if line["message"]["usage"].is_object() {
                number += 1;
                // A cache that is read now and then only.
                let usage = &mut line["message"]["usage"];
                if number % 2 == 0 {
                    let read = usage["cache_read_input_tokens"].take();
                    usage["cache_read_input_tokens"] = json!(0);
                    usage["input_tokens"] =
                        json!(usage["input_tokens"].as_u64().unwrap_or(0) + read.as_u64().unwrap_or(0));
                }
            }
            format!("{line}\n")
        })
        .collect();
    let path = world.file("work/0b8f7d5e-0000-4000-8000-000000000001.jsonl", odd);
    let said = replayed(&world, &[path.to_str().expect("a name")]);
    assert_eq!(said["sessions"][0]["fit"]["fits"], false, "{said:#}");
    let shown = world.run(&["replay", path.to_str().expect("a name")]).succeeded();
    assert!(shown.contains("~: the simulation does not fit 1 of 1 session: it is off by up to"), "{shown}");
    assert!(shown.lines().nth(2).is_some_and(|row| row.contains("~$")), "{shown}");
}

#[test]
fn a_damaged_transcript_is_replayed_as_far_as_it_goes() {
    let mut world = World::new();
    let whole = recorded(&world);
    for (number, cut) in (1..8).map(|part| (part, whole.len() * part / 8)).chain([(8, 40), (9, 0)]) {
        let mut damaged = whole.as_bytes()[..cut].to_vec();
        damaged.extend_from_slice(
            b"\0\xff{\"type\":\"assistant\",\"message\":{\"usage\":{\"input_tokens\":-5}}}\n[[[\n",
        );
        let path = world.file(&format!("work/cut_{number}.jsonl"), damaged);
        let ran = world.run(&["replay", "--json", path.to_str().expect("a name")]);
        assert!(matches!(ran.code(), 0 | 1), "{}", ran.both());
    }
    let ran = world.run(&["replay", "work_that_is_not_there.jsonl"]);
    assert!(ran.failed_with(1).contains("could not read work_that_is_not_there.jsonl"));
}

#[test]
fn what_would_have_been_sent_is_shown_beside_the_original() {
    let mut world = World::new();
    let transcript = recorded(&world);
    let path = world.file("work/0b8f7d5e-0000-4000-8000-000000000001.jsonl", transcript);
    let path = path.to_str().expect("a name");
    let shown = world.run(&["replay", path, "--show", "0b8f7d5e"]).succeeded();
    assert!(shown.contains("Request 2, line 3: Bash (json, "), "{shown}");
    assert!(shown.contains("Request 3, line 5: Bash (log, "), "{shown}");
    assert!(shown.contains("+ [headroom: "), "{shown}");
    let one = world.run(&["replay", path, "--show", "0b8f7d5e:3"]).succeeded();
    assert!(!one.contains("Request 2") && one.contains("Request 3"), "{one}");
    assert!(
        world
            .run(&["replay", path, "--show", "nobody"])
            .failed_with(1)
            .contains("no session begins with `nobody`")
    );
}

/// Prints two files and says so; asks for nothing back.
fn reads_two_files() -> Script {
    Box::new(|asked| {
        if !asked.offers_tools() {
            return Turn::says("A title");
        }
        match asked.turns() {
            0 => Turn::calls("Bash", json!({"command": "cat orders.json", "description": "orders"})),
            1 => Turn::calls("Bash", json!({"command": "cat app.log", "description": "log"})),
            2 => Turn::calls("Read", json!({"file_path": "app.log", "limit": 20})),
            _ => Turn::says("A disk is full, and one payment failed."),
        }
    })
}

const TYPED: [&str; 4] = ["-p", "Report what is wrong", "--allowedTools", "Bash Read"];

#[test]
fn what_is_replayed_of_the_real_claude_code_is_what_the_provider_and_the_ledger_say() {
    let Some(claude) = claude::claude() else { return };
    let direct = claude::world(claude, reads_two_files());
    let mut bare = direct.program(Path::new("claude"), &TYPED);
    bare.arg("--output-format=text");
    drop(direct.finish(bare).succeeded());
    let said = replayed(&direct, &[]);
    let alone = &said["sessions"][0];
    eprintln!("{alone:#}");
    assert_eq!(said["sessions"].as_array().map(Vec::len), Some(1));
    assert_eq!(alone["fit"]["fits"], true, "{alone:#}");

    let wrapped = claude::world(claude, reads_two_files());
    drop(wrapped.run(&[&["wrap", "--quiet", "claude"][..], &TYPED].concat()).succeeded());
    let stats: Value =
        serde_json::from_str(&wrapped.run(&["stats", "--json"]).succeeded()).expect("it is JSON");
    let said = replayed(&wrapped, &["--profile", "balanced"]);
    let session = &said["sessions"][0];
    eprintln!("{stats:#} {session:#}");
    assert_eq!(session["through_headroom"], "balanced");
    assert_eq!(session["fit"]["fits"], true, "{session:#}");
    let close = |what: &str, one: &Value, other: &Value, share: f64| {
        let (one, other) = (one.as_f64().expect("a number"), other.as_f64().expect("a number"));
        assert!((one / other - 1.0).abs() < share, "{what}: {one} against {other}");
    };
    let with = &session["with"][0];
    close("spent", &with["cost"]["microusd"], &session["recorded"]["microusd"], 0.01);
    close("saved", &with["saved_microusd"], &stats["total"]["money"]["net_saved_microusd"], 0.01);
    // What was foretold of the session alone is what the wrapped one saved.
    let saved = &stats["total"]["money"]["net_saved_microusd"];
    close("foretold", &alone["with"][1]["saved_microusd"], saved, 0.02);
}

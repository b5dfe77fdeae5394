//! `headroom inspect`: what arrived, what was sent, and what decided, while the session runs and after.

use crate::world::{self, Talk, World};
use headroom::demo::provider::{Caching, Rules};
use headroom::demo::script::in_order;
use serde_json::{Value, json};

const SESSION: &str = "0b8f7d5e-0000-4000-8000-000000000001";

fn inspected(world: &World, arguments: &[&str]) -> Value {
    let arguments = [&["inspect", "--json"], arguments].concat();
    serde_json::from_str(&world.run(&arguments).succeeded()).expect("JSON")
}

/// What was sent last for the newest tool result.
fn sent_last(world: &World) -> String {
    let body = world.provider().messages().last().expect("a request").json();
    let messages = body["messages"].as_array().expect("messages").clone();
    messages.last().expect("a message")["content"][0]["content"].as_str().expect("a text").to_owned()
}

/// A session with an output that is shortened, one that a rule keeps, one that is paused, and a short one.
fn a_session(world: &mut World) -> (world::RunningProxy, Vec<(String, String)>) {
    world.file(
        "headroom/config.toml",
        "[rules]\n\"command:cat\" = \"never\"\n\"command:kubectl\" = \"aggressive\"\n",
    );
    let proxy = world.proxy();
    let client = proxy.client();
    let mut talk = Talk::new("why do payments fail?");
    assert_eq!(client.message(&talk.body()).status, 200);
    let mut texts = Vec::new();
    for (command, output) in [
        ("kubectl logs deploy/shop", world::log(400)),
        ("cat services.json", world::rows(150)),
        ("curl -s api/items", world::rows(160)),
        ("kubectl logs deploy/bank", world::log(500)),
        ("pwd", "/project\n".to_owned()),
    ] {
        if command.ends_with("bank") {
            world.run(&["pause"]).succeeded();
        }
        talk.calls("Bash", json!({"command": command}), &output);
        assert_eq!(client.message(&talk.body()).status, 200);
        texts.push((output, sent_last(world)));
    }
    world::eventually("all six are recorded", || {
        inspected(world, &[])["requests"].as_array().expect("requests").len() == 6
    });
    (proxy, texts)
}

#[test]
fn what_arrived_and_what_was_sent_are_shown_while_the_session_runs() {
    let mut world = World::new();
    let (proxy, texts) = a_session(&mut world);

    let whole = inspected(&world, &[]);
    assert_eq!(whole["session"]["id"], SESSION);
    assert_eq!(whole["session"]["profile"], "balanced");
    assert_eq!(whole["controls"][0]["asks"], "pause_folder");
    let decided: Vec<(&Value, &Value, &Value)> = whole["requests"]
        .as_array()
        .expect("requests")
        .iter()
        .flat_map(|request| request["blocks"].as_array().expect("blocks"))
        .map(|block| (&block["compressor"], &block["refusal"]["name"], &block["rule"]))
        .collect();
    assert_eq!(decided.len(), 4, "{whole:#}");
    assert!(decided[0].0.is_string() && decided[0].2 == "command:kubectl = aggressive", "{decided:?}");
    assert_eq!((decided[1].1, decided[1].2), (&json!("rule"), &json!("command:cat = never")));
    assert!(decided[2].0.is_string() && decided[2].2.is_null(), "{decided:?}");
    assert_eq!((decided[3].1, decided[3].2), (&json!("paused"), &json!("headroom pause")));

    // To the byte, both of them.
    for (number, text) in [(2, &texts[0]), (4, &texts[2])] {
        let one = inspected(&world, &["--request", &number.to_string()]);
        let block = &one["requests"][0]["blocks"][0];
        assert_eq!(block["texts"][0]["arrived"], text.0.as_str());
        assert_eq!(block["texts"][0]["sent"], text.1.as_str());
    }
    let short = inspected(&world, &["--request", "last"]);
    assert_eq!(short["requests"][0]["refusals"][0]["name"], "below_floor");
    proxy.drain();
}

#[test]
fn people_read_a_line_a_request_and_a_diff_a_block() {
    let mut world = World::new();
    let (proxy, texts) = a_session(&mut world);
    proxy.drain();

    let list = world.run(&["inspect"]).succeeded();
    assert!(list.starts_with(&format!("Session {SESSION}\n")), "{list}");
    assert!(list.contains("profile balanced, 2 rules of your own"), "{list}");
    assert!(list.contains("paused: every session in "), "{list}");
    assert!(list.contains("1, 1 shorter") && list.contains("1, 0 shorter (paused)"), "{list}");
    assert!(!list.contains('\x1b'), "{list}");

    let detail = world.run(&["inspect", &SESSION[..6], "--request", "2"]).succeeded();
    assert!(detail.contains("under your rule `command:kubectl = aggressive` (config.toml:3)"), "{detail}");
    assert!(detail.contains("original: headroom retrieve "), "{detail}");
    assert!(detail.contains("\n- ⋯ ") && detail.contains("\n+ [headroom: "), "{detail}");
    let whole = world.run(&["inspect", "--request", "2", "--full"]).succeeded();
    let arrived: Vec<&str> = whole
        .lines()
        .filter(|line| line.starts_with("- 2026-") || line.starts_with("  2026-"))
        .map(|line| &line[2..])
        .collect();
    let lines: Vec<String> = texts[0].0.lines().map(|line| line.trim_end().to_owned()).collect();
    assert_eq!(arrived, lines);

    let kept = world.run(&["inspect", "--request", "3"]).succeeded();
    assert!(kept.contains("as it came: your rule `command:cat = never` (config.toml:2)"), "{kept}");
    assert!(kept.contains("its text is not kept"), "{kept}");
    let paused = world.run(&["inspect", "--request", "5"]).succeeded();
    assert!(paused.contains("as it came: you said `headroom pause` (paused)"), "{paused}");
    assert!(paused.contains(" · about "), "{paused}");
    let short = world.run(&["inspect", "--request", "6"]).succeeded();
    assert!(short.contains("Beside these: 1 × below_floor"), "{short}");

    world.run(&["inspect", "--request", "7"]).failed_with(1);
    world.run(&["inspect", "--request", "x"]).failed_with(2);
    world.run(&["inspect", "nobody"]).failed_with(1);
    world.run(&["store", "purge", "--older", "0h", "--yes"]).succeeded();
    let gone = world.run(&["inspect", "--request", "2"]).succeeded();
    assert!(gone.contains("not kept any more") || gone.contains("kept any more"), "{gone}");
}

#[test]
fn without_a_record_it_says_what_to_do() {
    let world = World::new();
    let said = world.run(&["inspect"]).failed_with(1);
    assert!(said.contains("no request is recorded yet") && said.contains("headroom wrap"), "{said}");
}

#[test]
fn stats_tell_whose_each_cache_miss_was() {
    let world = World::new();
    let proxy = world.proxy();
    let client = proxy.client();
    let mut talk = Talk::new("why do payments fail?");
    let send = |talk: &mut Talk, lines: usize| {
        talk.calls("Bash", json!({"command": "kubectl logs deploy/shop"}), &world::log(lines));
        assert_eq!(client.message(&talk.body()).status, 200);
        // What was heard is settled after the answer has ended; the next turn must not come before.
        std::thread::sleep(std::time::Duration::from_millis(30));
    };
    (300..304).for_each(|lines| send(&mut talk, lines));
    // The client's own doing: another system prompt, then another word in what it had said.
    talk.request["system"][0]["text"] = json!("You are another assistant. ".repeat(300));
    send(&mut talk, 305);
    talk.messages[0]["content"][0]["text"] = json!("why do payments not fail?");
    talk.messages.insert(0, json!({"role": "user", "content": [{"type": "text", "text": "hello"}]}));
    talk.messages.insert(1, json!({"role": "assistant", "content": [{"type": "text", "text": "hello"}]}));
    send(&mut talk, 306);
    talk.messages[2]["content"][0]["text"] = json!("why do payments fail?");
    send(&mut talk, 307);
    // Another model has a cache of its own.
    talk.request["model"] = json!("claude-opus-4-5");
    send(&mut talk, 308);
    proxy.drain();

    let told: Value =
        serde_json::from_str(&world.run(&["stats", "--cache", "--json"]).succeeded()).expect("JSON");
    let causes: Vec<(&str, u64)> = told["causes"]
        .as_array()
        .expect("causes")
        .iter()
        .map(|cause| (cause["cause"].as_str().expect("a name"), cause["times"].as_u64().expect("a count")))
        .collect();
    assert_eq!(causes, [("model", 1), ("preamble", 1), ("history", 1)], "{told:#}");
    assert_eq!(told["answered"], 8);
    let shown = world.run(&["stats", "--cache"]).succeeded();
    assert!(shown.contains("None of the misses was headroom's own doing."), "{shown}");
    assert!(shown.contains("the client changed what it had sent before"), "{shown}");
    let one = inspected(&world, &["--request", "5"]);
    assert_eq!(one["requests"][0]["cache_miss"]["cause"], "preamble", "{one:#}");
}

#[test]
fn a_cache_that_the_provider_drops_is_the_providers() {
    let rules = Rules { caching: Caching::StopsAfter(3), ..Rules::default() };
    let world = World::with(rules, in_order([]));
    let proxy = world.proxy();
    let client = proxy.client();
    let mut talk = Talk::new("why do payments fail?");
    for lines in 0..5 {
        talk.calls("Bash", json!({"command": "kubectl logs deploy/shop"}), &world::log(300 + lines));
        assert_eq!(client.message(&talk.body()).status, 200);
        std::thread::sleep(std::time::Duration::from_millis(30));
    }
    proxy.drain();
    let shown = world.run(&["stats", "--cache"]).succeeded();
    assert!(shown.contains("provider  unexplained"), "{shown}");
    assert!(!shown.contains("headroom  our"), "{shown}");
}

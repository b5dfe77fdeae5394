//! Whole sessions through the program: what the provider bills, and what outlives a killed proxy.

use crate::world::{self, Talk, World};
use headroom::demo::provider::{Caching, Checks, Rules, Thoughts};
use headroom::demo::script::{Turn, in_order};
use headroom::receipt::Usage;
use headroom::units::Tokens;
use serde_json::{Value, json};
use std::time::Duration;

/// The outputs of a session: what the model asks for, turn by turn.
fn outputs() -> Vec<(&'static str, Value, String)> {
    let grep: String = (0..160)
        .map(|hit| format!("src/store/file_{}.rs:{}:    let kept = keep({hit});\n", hit / 8, 3 + hit * 5))
        .collect();
    vec![
        ("Bash", json!({"command": "kubectl logs deploy/shop"}), world::log(500)),
        ("Bash", json!({"command": "curl -s api/items"}), world::rows(150)),
        ("Grep", json!({"pattern": "keep"}), grep),
        ("Read", json!({"file_path": "/project/src/main.rs"}), "fn main() {}\n".repeat(200)),
        ("Bash", json!({"command": "cat /var/log/shop.log"}), world::log(700)),
    ]
}

/// Plays a session against `client`; `between` is called after each turn.
fn play(mut send: impl FnMut(&[u8]) -> world::Reply) {
    let mut talk = Talk::new("why do payments fail?");
    for (tool, input, result) in outputs() {
        let reply = send(&talk.body());
        assert_eq!(reply.status, 200, "{}", reply.text());
        talk.calls(tool, input, &result);
    }
    let reply = send(&talk.body());
    assert_eq!(reply.status, 200, "{}", reply.text());
}

fn input_cost(usage: Usage) -> f64 {
    // Anthropic's classes relative to plain input: five-minute write 1.25, read 0.1.
    usage.uncached.0 as f64 + usage.cache_write_5m.0 as f64 * 1.25 + usage.cache_read.0 as f64 * 0.1
}

fn direct() -> (Usage, World) {
    let world = World::new();
    let client = world.direct();
    play(|body| client.message(body));
    (world.provider().billed(), world)
}

#[test]
fn a_session_costs_less_and_no_prefix_is_broken() {
    let (direct, _direct_world) = direct();
    let world = World::new();
    let proxy = world.proxy();
    let client = proxy.client();
    play(|body| client.message(body));
    let wrapped = world.provider().billed();
    assert!(world.provider().broken_prefixes().is_empty());
    assert!(
        input_cost(wrapped) < input_cost(direct) * 0.8,
        "{} against {} direct",
        input_cost(wrapped),
        input_cost(direct)
    );
    let read = |usage: Usage| usage.cache_read.0 as f64 / usage.input().0 as f64;
    assert!(read(direct) * 0.9 < read(wrapped), "the cache is read as before");
    assert_eq!(proxy.drain(), 0);
}

#[test]
fn a_proxy_that_is_killed_between_any_two_turns_changes_nothing_for_the_next() {
    let world = World::new();
    let mut proxy = Some(world.proxy());
    play(|body| {
        let reply = proxy.as_ref().expect("running").client().message(body);
        proxy.take().expect("running").kill_9();
        proxy = Some(world.proxy());
        reply
    });
    assert!(world.provider().broken_prefixes().is_empty());
    let last: Value = world.provider().messages().last().expect("requests").json();
    assert!(last.to_string().contains("headroom retrieve"), "and it was shortened");
    proxy.take().expect("running").drain();
}

#[test]
fn two_proxies_with_one_store_take_turns_in_one_session() {
    let world = World::new();
    let proxies = [world.proxy(), world.proxy()];
    let mut turn = 0;
    play(|body| {
        turn += 1;
        proxies[turn % 2].client().message(body)
    });
    assert!(world.provider().broken_prefixes().is_empty());
    for proxy in proxies {
        proxy.drain();
    }
}

#[test]
fn a_store_that_is_lost_in_mid_session_costs_a_cache_miss_and_nothing_else() {
    let world = World::new();
    let mut turn = 0;
    let mut proxy = Some(world.proxy());
    play(|body| {
        turn += 1;
        if turn == 4 {
            proxy.take().expect("running").drain();
            std::fs::remove_dir_all(world.headroom_home()).expect("its folder");
            std::fs::create_dir(world.headroom_home()).expect("a fresh one");
            proxy = Some(world.proxy());
        }
        proxy.as_ref().expect("running").client().message(body)
    });
    // What the provider saw shortened before now comes as the client wrote it: once.
    assert!(world.provider().broken_prefixes().len() <= 1, "{:?}", world.provider().broken_prefixes());
    proxy.take().expect("running").drain();
}

#[test]
fn thoughts_that_are_bound_to_the_exact_history_are_accepted() {
    let rules = Rules { thoughts: Thoughts::Bound, checks: Checks::All, ..Rules::default() };
    let turns =
        outputs().into_iter().map(|(tool, input, _)| Turn::calls(tool, input).thinking_first("let me see"));
    let world = World::with(rules, in_order(turns));
    let proxy = world.proxy();
    let client = proxy.client();
    let mut talk = Talk::new("why do payments fail?");
    for (_, _, result) in outputs() {
        let reply = client.message(&talk.body());
        talk.hears(&reply);
        let id =
            reply.blocks().iter().find_map(|block| Some(block["id"].as_str()?.to_owned())).expect("a call");
        talk.messages.push(json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": id, "content": result}]}));
    }
    assert_eq!(client.message(&talk.body()).status, 200);
    assert!(
        world
            .provider()
            .messages()
            .last()
            .expect("requests")
            .json()
            .to_string()
            .contains("headroom retrieve")
    );
    proxy.drain();
}

#[test]
fn a_provider_that_stops_caching_opens_the_breaker_and_stats_say_why() {
    let rules = Rules { caching: Caching::StopsAfter(3), ..Rules::default() };
    let world = World::with(rules, in_order([]));
    let proxy = world.proxy();
    let client = proxy.client();
    let mut talk = Talk::new("why do payments fail?");
    let mut shortened = Vec::new();
    for turn in 0..9 {
        assert_eq!(client.message(&talk.body()).status, 200);
        talk.calls("Bash", json!({"command": "kubectl logs deploy/shop"}), &world::log(300 + turn));
        // What was heard is settled after the answer has ended; the next turn must not come before.
        std::thread::sleep(Duration::from_millis(30));
        let last = world.provider().messages().last().expect("requests").json().to_string();
        shortened.push(last.matches("original kept").count());
    }
    assert!(shortened[3] >= 2, "it began shortening: {shortened:?}");
    assert_eq!(
        shortened[7], shortened[8],
        "nothing new is shortened once the breaker is open: {shortened:?}"
    );
    proxy.drain();
    let stats = world.run(&["stats"]).succeeded();
    assert!(stats.contains("breaker"), "{stats}");
}

#[test]
fn counting_tokens_counts_what_would_be_sent_and_writes_nothing() {
    let world = World::new();
    let proxy = world.proxy();
    let client = proxy.client();
    let mut talk = Talk::new("why do payments fail?");
    talk.calls("Bash", json!({"command": "kubectl logs deploy/shop"}), &world::log(900));
    let headers = world::LOGIN;
    for _ in 0..3 {
        let counted = client.send("POST", "/v1/messages/count_tokens", headers, &talk.body());
        assert_eq!(counted.status, 200, "{}", counted.text());
    }
    assert_eq!(client.message(&talk.body()).status, 200);
    let seen = world.provider().seen();
    let messages_of = |body: &Value| body["messages"].clone();
    let counted = messages_of(&seen[0].json());
    let sent = messages_of(&world.provider().messages()[0].json());
    assert_eq!(counted, sent);
    assert!(sent.to_string().contains("headroom retrieve"));
    proxy.drain();
    let stats: Value = serde_json::from_str(&world.run(&["stats", "--json"]).succeeded()).expect("JSON");
    assert_eq!(stats["total"]["requests"]["all"], 1, "{stats}");
}

#[test]
fn originals_that_the_provider_saw_a_key_of_come_back_after_a_kill() {
    let world = World::new();
    let proxy = world.proxy();
    let mut talk = Talk::new("why do payments fail?");
    let original = world::log(900);
    talk.calls("Bash", json!({"command": "kubectl logs deploy/shop"}), &original);
    assert_eq!(proxy.client().message(&talk.body()).status, 200);
    proxy.kill_9();
    let seen = world.provider().messages()[0].json().to_string();
    let at = seen.find("headroom retrieve ").expect("a marker") + "headroom retrieve ".len();
    let key = seen[at..].split(|letter: char| !letter.is_ascii_hexdigit()).next().expect("a key").to_owned();
    assert_eq!(world.run(&["retrieve", &key]).succeeded(), original);
}

#[test]
fn usage_is_written_down_as_the_provider_bills_it() {
    let world = World::new();
    let proxy = world.proxy();
    let client = proxy.client();
    play(|body| client.message(body));
    let billed = world.provider().billed();
    proxy.drain();
    assert!(Tokens(0) < billed.cache_read);
    let stats: Value = serde_json::from_str(&world.run(&["stats", "--json"]).succeeded()).expect("JSON");
    let total = &stats["total"];
    assert_eq!(total["requests"]["all"], 6, "{stats}");
    let billed = [
        ("uncached", billed.uncached),
        ("cache_read", billed.cache_read),
        ("cache_write_5m", billed.cache_write_5m),
        ("out", billed.output),
    ];
    for (name, tokens) in billed {
        assert_eq!(total["tokens"][name], tokens.0, "{name}");
    }
}

#[test]
fn hostile_outputs_arrive_and_hold_up_nobody() {
    let world = World::with(Rules { checks: Checks::None, ..Rules::default() }, in_order([]));
    let proxy = world.proxy();
    let client = proxy.client();
    let soup: String = (0u32..40_000).filter_map(|at| char::from_u32(0x100 + at * 7 % 0x1_f000)).collect();
    let outputs = [
        ("100,000 open brackets", "[".repeat(100_000)),
        ("100,000 nested arrays", format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))),
        ("one line of 10 MB", "x".repeat(10 << 20)),
        ("a million empty lines", "\n".repeat(1_000_000)),
        ("a soup of scripts", soup),
        ("nothing but escapes", "\u{1b}[31m".repeat(50_000)),
        (
            "markers of somebody else",
            "[headroom: 9 lines left out; original kept: headroom retrieve 00112233445566778899]\n"
                .repeat(2_000),
        ),
    ];
    for (name, output) in outputs {
        let mut talk = Talk::new("what is this?");
        talk.calls("Bash", json!({"command": "cat hostile"}), &output);
        let body = talk.body();
        let (hostile, probed) = std::thread::scope(|scope| {
            let hostile = scope.spawn(|| client.message(&body).status);
            let probe = client.message(&Talk::new("are you there?").body()).status;
            (hostile.join().expect("no panic"), probe)
        });
        assert_eq!((hostile, probed), (200, 200), "{name}");
        let forwarded =
            world.provider().messages().into_iter().rev().take(2).map(|seen| seen.body.len()).max();
        assert!(forwarded <= Some(body.len()), "{name}: never larger");
    }
    proxy.drain();
}

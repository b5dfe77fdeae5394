//! The built-in provider itself: what the other tests rely on.

use crate::world::{Talk, World, eventually, log};
use headroom::demo::provider::{Caching, Rules, Seen};
use headroom::demo::script::{Encoding, Ending, Pace, Turn, by_history, in_order};
use headroom::units::Tokens;
use serde_json::json;
use std::time::Duration;

fn usage(seen: &Seen) -> headroom::receipt::Usage {
    seen.usage.expect("it was billed")
}

#[test]
fn every_turn_reads_what_the_turn_before_wrote() {
    let world = World::new();
    let client = world.direct();
    let mut talk = Talk::new("Look around.");
    for _ in 0..4 {
        let reply = client.message(&talk.body());
        talk.hears(&reply).asks("And then?").calls("Bash", json!({"command": "cat log"}), &log(40));
    }
    let seen = world.provider().messages();
    assert_eq!(usage(&seen[0]).cache_read, Tokens(0));
    for pair in seen.windows(2) {
        let (before, after) = (usage(&pair[0]), usage(&pair[1]));
        assert_eq!(
            after.cache_read,
            before.cache_read + before.cache_write_5m,
            "each read is the last one's prefix"
        );
        assert_eq!(after.uncached, Tokens(0), "the last block is a breakpoint");
    }
    assert_eq!(world.provider().broken_prefixes(), []);
}

#[test]
fn a_changed_tool_result_is_a_broken_prefix_and_a_fork_is_none() {
    let world = World::new();
    let client = world.direct();
    let mut talk = Talk::new("Look around.");
    talk.calls("Bash", json!({"command": "cat log"}), &log(40)).answers("I see.").asks("Go on.");
    let _ = client.message(&talk.body());

    let mut fork = talk.clone();
    fork.messages.truncate(1);
    fork.answers("Otherwise.").asks("Go elsewhere.");
    let _ = client.message(&fork.body());
    assert_eq!(world.provider().broken_prefixes(), []);

    let mut changed = talk.clone();
    changed.messages[2]["content"][0]["content"] = json!(log(39));
    changed.answers("Yes.").asks("Go on.");
    let _ = client.message(&changed.body());
    let broken = world.provider().broken_prefixes();
    assert_eq!(broken.len(), 1);
    assert_eq!((broken[0].earlier, broken[0].path.as_str()), (0, "messages[2].content[0]"));
}

#[test]
fn the_look_back_is_twenty_blocks_long() {
    for (more, reads) in [(19, true), (20, false)] {
        let world = World::new();
        let client = world.direct();
        let mut talk = Talk::new("Look around.");
        talk.request["system"] = json!(talk.request["system"][0]["text"]);
        let _ = client.message(&talk.body());
        let blocks: Vec<_> =
            (0..more).map(|at| json!({"type": "text", "text": format!("word {at}")})).collect();
        talk.messages.push(json!({"role": "user", "content": blocks}));
        let _ = client.message(&talk.body());
        let seen = world.provider().messages();
        assert_eq!(usage(&seen[1]).cache_read != Tokens(0), reads, "{more} blocks later");
    }
}

#[test]
fn an_entry_lives_five_minutes_after_it_was_last_read() {
    let world = World::new();
    let client = world.direct();
    let talk = Talk::new("Look around.");
    for (wait, reads) in [(0, false), (299, true), (299, true), (300, false)] {
        world.provider().advance(Duration::from_secs(wait));
        let _ = client.message(&talk.body());
        let last = world.provider().messages().pop().expect("a message");
        assert_eq!(usage(&last).cache_read != Tokens(0), reads, "after {wait} s");
    }
}

#[test]
fn an_hour_is_billed_as_an_hour() {
    let world = World::new();
    let mut talk = Talk::new("Look around.");
    talk.request["system"][0]["cache_control"] = json!({"type": "ephemeral", "ttl": "1h"});
    let _ = world.direct().message(&talk.body());
    let first = usage(&world.provider().messages()[0]);
    assert!(first.cache_write_5m != Tokens(0) && first.cache_write_5m < first.cache_write_1h);
}

#[test]
fn a_provider_that_stops_caching_reads_nothing_more() {
    let rules = Rules { caching: Caching::StopsAfter(2), ..Rules::default() };
    let world = World::with(rules, in_order([]));
    let talk = Talk::new("Look around.");
    for _ in 0..4 {
        let _ = world.direct().message(&talk.body());
    }
    let reads: Vec<bool> =
        world.provider().messages().iter().map(|seen| usage(seen).cache_read != Tokens(0)).collect();
    assert_eq!(reads, [false, true, false, false]);
}

#[test]
fn a_thought_holds_only_after_the_history_it_was_thought_in() {
    let world = World::saying([Turn::says("Hm.").thinking_first("They want to look around, I think.")]);
    let client = world.direct();
    let mut talk = Talk::new("Look around.");
    talk.calls("Bash", json!({"command": "cat log"}), "a line");
    let thought = client.message(&talk.body());
    talk.hears(&thought).asks("Go on.");
    assert_eq!(client.message(&talk.body()).status, 200);
    talk.messages[2]["content"][0]["content"] = json!("another line");
    let reply = client.message(&talk.body());
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("bound to a different conversation"), "{}", reply.text());
}

#[test]
fn what_the_real_one_refuses_is_refused() {
    let mut five = Talk::new("Look.");
    for at in 0..4 {
        five.answers("Yes.").asks("Go on.");
        five.messages[2 * at]["content"][0]["cache_control"] = json!({"type": "ephemeral"});
    }
    let mut open = Talk::new("Look.");
    open.calls("Bash", json!({"command": "ls"}), "a\n");
    let mut stray = open.clone();
    open.messages[2] = json!({"role": "user", "content": "never mind"});
    stray.messages.remove(1);
    let mut longer = Talk::new("Look.");
    longer.request["tools"][0]["cache_control"] = json!({"type": "ephemeral"});
    longer.request["system"][0]["cache_control"] = json!({"type": "ephemeral", "ttl": "1h"});
    let cases = [
        ("an hour after five minutes", longer.body(), "must not come after a ttl='5m'"),
        ("five breakpoints", five.body(), "A maximum of 4 blocks"),
        ("a call without its result", open.body(), "without `tool_result` blocks immediately after"),
        ("a result without its call", stray.body(), "unexpected `tool_use_id`"),
        ("no JSON", b"{\"model\":".to_vec(), "not valid JSON"),
    ];
    let world = World::new();
    for (name, body, words) in cases {
        let reply = world.direct().message(&body);
        assert_eq!(reply.status, 400, "{name}");
        assert_eq!(reply.json()["error"]["type"], "invalid_request_error", "{name}");
        assert!(reply.text().contains(words), "{name}: {}", reply.text());
    }
    let anonymous = world.direct().send("POST", "/v1/messages", &[], &Talk::new("Look.").body());
    assert_eq!(anonymous.status, 401);
    assert_eq!(world.direct().send("HEAD", "/", &[], b"").status, 200);
    assert_eq!(world.direct().send("GET", "/v1/nothing", &[], b"").status, 404);
}

#[test]
fn an_answer_reads_the_same_however_it_is_cut_or_encoded() {
    let said = || {
        Turn::says("All of it, word by word, and more.").and_calls("Bash", json!({"command": "ls -la src"}))
    };
    let whole = said().at_pace(Pace::Whole);
    let world = World::saying([
        whole,
        said(),
        said().at_pace(Pace::Chopped(7, Duration::ZERO)),
        said().encoded(Encoding::Gzip),
    ]);
    let client = world.direct();
    let talk = Talk::new("Look.");
    let replies: Vec<_> = (0..4).map(|_| client.message(&talk.body())).collect();
    for reply in &replies[..3] {
        assert_eq!(reply.blocks()[0]["text"], "All of it, word by word, and more.");
        assert_eq!(reply.blocks()[1]["input"], json!({"command": "ls -la src"}));
    }
    let mut plain = String::new();
    use std::io::Read;
    flate2::read::GzDecoder::new(&replies[3].body[..]).read_to_string(&mut plain).expect("it is gzip");
    assert!(plain.ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
}

#[test]
fn an_answer_can_end_badly() {
    let said = || Turn::says("All of it, word by word, and a good deal more than fits.");
    let cases = [
        (said().ending(Ending::ResetAtOnce), 0, false),
        (said().ending(Ending::ResetAfter(300)), 200, false),
        (said().ending(Ending::CutAfter(300)), 200, false),
        (said().ending(Ending::ErrorEvent("overloaded_error".to_owned())), 200, true),
        (Turn::fails(529, "overloaded_error", "Overloaded").with_header("retry-after", "2"), 529, true),
        (Turn::bytes("this is no HTTP\r\n\r\n"), 0, false),
    ];
    let world = World::saying(cases.iter().map(|(turn, ..)| turn.clone()));
    for (turn, status, whole) in cases {
        let reply = world.direct().message(&Talk::new("Look.").body());
        assert_eq!((reply.status, reply.whole), (status, whole), "{:?}", turn.ending);
    }
}

#[test]
fn a_client_that_leaves_is_seen_to_leave() {
    let world = World::saying([Turn::says("Never.").after(Duration::from_secs(600))]);
    let client = world.direct();
    let mut stream = client.connect();
    use std::io::Write;
    let body = Talk::new("Look.").body();
    stream
        .write_all(&client.request("POST", "/v1/messages", crate::world::LOGIN, &body))
        .expect("it listens");
    eventually("the request is in", || world.provider().messages().len() == 1);
    drop(stream);
    eventually("the client is seen to leave", || world.provider().messages()[0].left.is_some());
}

#[test]
fn a_script_by_history_is_not_disturbed_by_retries_and_side_requests() {
    let script = by_history([Turn::calls("Bash", json!({"command": "ls"})), Turn::says("It is empty.")]);
    let world = World::with(Rules::default(), script);
    let client = world.direct();
    let mut talk = Talk::new("Look.");
    let mut title = talk.clone();
    title.request["tools"] = json!([]);
    for _ in 0..2 {
        assert_eq!(client.message(&talk.body()).blocks()[0]["name"], "Bash");
        assert_eq!(client.message(&title.body()).blocks()[0]["text"], "done");
    }
    talk.calls("Bash", json!({"command": "ls"}), "nothing");
    assert_eq!(client.message(&talk.body()).blocks()[0]["text"], "It is empty.");
}

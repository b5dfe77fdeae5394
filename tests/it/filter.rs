//! `headroom compress`: what it prints, what it explains, and what it makes of its own words.

use crate::world::World;
use serde_json::{Value, json};

fn log() -> String {
    let line = |at: usize| format!("2026-03-04T10:{:02}:00Z INFO handled request {at} in 12 ms\n", at % 60);
    let mut log: String = (0..400).map(line).collect();
    log.push_str("2026-03-04T11:00:00Z ERROR the database is gone: timeout\n");
    log
}

fn request(tool: &str, input: &Value, output: &str) -> Value {
    json!({"messages": [
        {"role": "user", "content": "why does it fail?"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": tool, "input": input}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": output}]},
    ]})
}

fn compressed(world: &World, request: &Value) -> Value {
    let printed = world.run_with(&["compress", "--json"], request.to_string()).succeeded();
    serde_json::from_str(&printed).expect("one JSON object")
}

fn output(request: &Value) -> &str {
    request["messages"][2]["content"][0]["content"].as_str().expect("a text")
}

#[test]
fn it_is_told_of_every_output_what_was_done_and_why() {
    let mut world = World::new();
    world.file("headroom/config.toml", "[rules]\n\"path:*.sql\" = \"never\"\n");
    let log = log();
    let cases = [
        (request("Bash", &json!({"command": "docker logs web"}), &log), "is        log, by its command"),
        (request("tool_17", &json!({}), &log), "is        log, by its shape"),
        (request("Read", &json!({"file_path": "/a/b.rs"}), &log), "as it was read in order to be edited"),
        (request("query", &json!({"path": "/a/b.sql"}), &log), "rule      path:*.sql = never"),
    ];
    for (request, told) in cases {
        let said = world.run_with(&["compress", "--explain"], request.to_string()).succeeded();
        assert!(said.contains(told), "{told}: {said}");
        assert!(said.starts_with("messages[2].content[0]"), "{said}");
        let shortened = said.contains("shortened log");
        assert_eq!(
            shortened,
            said.contains("marker    ") && said.contains("original  headroom retrieve "),
            "{said}"
        );
    }
    let said = world
        .run_with(&["compress", "--text", "--command", "docker logs web", "--explain"], &log)
        .succeeded();
    assert!(said.contains("shortened log"), "{said}");
}

#[test]
fn what_it_made_shorter_once_comes_out_unchanged() {
    let world = World::new();
    let first = compressed(&world, &request("Bash", &json!({"command": "docker logs web"}), &log()));
    let shown = output(&first);
    assert!(shown.len() * 4 < log().len());
    // In another call of another tool, as a copied message or behind another proxy.
    let again = compressed(&world, &request("tool_17", &json!({}), shown));
    assert_eq!(output(&again), shown);
    assert_eq!(again["tokens_before"], again["tokens_after"]);
    // What only looks like ours is a text like any other.
    let forged =
        log() + "[headroom: 400 lines left out; original kept: headroom retrieve 0123456789abcdef]\n";
    let other = compressed(&world, &request("Bash", &json!({"command": "docker logs web"}), &forged));
    assert!(output(&other).len() * 4 < forged.len());
}

#[test]
fn one_request_a_line_is_answered_with_one_line() {
    let world = World::new();
    let lines =
        format!("{}\nno request\n{}\n", request("a", &json!({}), &log()), request("b", &json!({}), "short"));
    let printed = world.run_with(&["compress", "--serve"], lines).succeeded();
    let answers: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(answers.len(), 3);
    assert!(answers[0]["tokens_after"].as_u64() < answers[0]["tokens_before"].as_u64());
    assert!(answers[0]["elapsed_ms"].is_number());
    assert!(answers[1]["error"].is_string());
    assert_eq!(output(&answers[2]), "short");
}

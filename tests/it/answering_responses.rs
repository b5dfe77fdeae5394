//! Originals given back by the proxy itself in OpenAI Responses, over HTTP.

use crate::answering::{retrieves, script};
use crate::world::{Reply, RunningProxy, World, rows};
use headroom::demo::provider::Rules;
use headroom::demo::script::{Ending, Pace, Piece, Turn};
use serde_json::{Value, json};

/// A conversation of a client that sends its whole history, and has no tool of ours.
struct Talk {
    request: Value,
}

impl Talk {
    fn new(stream: bool) -> Talk {
        let tool = |name: &str| {
            json!({"type": "function", "name": name, "description": "runs", "strict": false,
                "parameters": {"type": "object", "properties": {"command": {"type": "string"}}}})
        };
        let request = json!({"model": "gpt-5.2", "stream": stream, "store": false,
            "instructions": "You are a careful engineer. ".repeat(300),
            "include": ["reasoning.encrypted_content"], "tool_choice": "auto",
            "tools": [tool("Read"), tool("Bash")],
            "input": [{"type": "message", "role": "user",
                "content": [{"type": "input_text", "text": "which service fails, and since when?"}]}]});
        Talk { request }
    }

    fn sent(&self, proxy: &RunningProxy) -> Reply {
        proxy.client().send(
            "POST",
            "/v1/responses",
            &[("content-type", "application/json"), ("authorization", "Bearer sk-test")],
            self.request.to_string().as_bytes(),
        )
    }

    fn push(&mut self, item: Value) {
        self.request["input"].as_array_mut().expect("input").push(item);
    }

    fn asks(&mut self, text: &str) {
        self.push(
            json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}),
        );
    }

    /// Keeps the items as many clients do: without their ids, and a plain text without its parts.
    fn hears(&mut self, items: &[Value]) {
        for item in items {
            let mut item = item.clone();
            item.as_object_mut().expect("an item").retain(|name, _| name != "id" && name != "status");
            if item["type"] == "message" {
                item = json!({"role": "assistant", "content": item["content"]});
            }
            self.push(item);
        }
    }

    /// The client's own tools answer what was called.
    fn answers(&mut self, items: &[Value], output: &str) {
        self.hears(items);
        for call in items.iter().filter(|item| item["type"] == "function_call") {
            self.push(json!({"type": "function_call_output", "call_id": call["call_id"], "output": output}));
        }
    }
}

/// The items of an answer, as a client puts them together, and what it is told of the cost.
fn heard(reply: &Reply, stream: bool) -> (Vec<Value>, Value) {
    assert_eq!(reply.status, 200, "{}", reply.text());
    if !stream {
        let answer = reply.json();
        assert_eq!(answer["status"], "completed");
        return (answer["output"].as_array().expect("items").clone(), answer["usage"].clone());
    }
    let text = reply.text();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = data.map(|data| serde_json::from_str(data).expect("JSON")).collect();
    let numbers: Vec<u64> =
        events.iter().map(|event| event["sequence_number"].as_u64().expect("numbered")).collect();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>(), "{text}");
    let times = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
    assert_eq!((times("response.created"), times("response.in_progress")), (1, 1));
    assert_eq!(times("response.completed"), 1, "{text}");
    let mut items: Vec<Value> = Vec::new();
    let mut spelled = String::new();
    for event in &events {
        let place = event["output_index"].as_u64();
        match event["type"].as_str().expect("a type") {
            "response.output_item.added" => {
                assert_eq!(place, Some(items.len() as u64), "{text}");
                items.push(event["item"].clone());
                spelled.clear();
            }
            "response.output_item.done" => {
                assert_eq!(place, Some(items.len() as u64 - 1), "{text}");
                let item = items.last_mut().expect("added before");
                assert_eq!(item["id"], event["item"]["id"]);
                *item = event["item"].clone();
                if item["type"] == "function_call" {
                    assert_eq!(item["arguments"], spelled.as_str(), "not a piece is lost");
                }
            }
            "response.function_call_arguments.delta" => {
                assert_eq!(place, Some(items.len() as u64 - 1), "{text}");
                assert_eq!(event["item_id"], items.last().expect("added before")["id"]);
                spelled.push_str(event["delta"].as_str().expect("words"));
            }
            _ => {}
        }
    }
    let last = events.last().expect("an end");
    assert_eq!(last["type"], "response.completed");
    assert_eq!(last["response"]["output"], Value::from(items.clone()), "the end says what was streamed");
    (items, last["response"]["usage"].clone())
}

fn said(items: &[Value]) -> String {
    items.iter().filter_map(|item| item["content"][0]["text"].as_str()).collect()
}

fn names(items: &[Value]) -> Vec<&str> {
    items.iter().filter_map(|item| item["name"].as_str()).collect()
}

/// What our tool's calls were answered, as the provider has seen it.
fn given_back(body: &Value) -> Vec<String> {
    let items = || body["input"].as_array().into_iter().flatten();
    let ours = items().filter(|item| item["name"] == "headroom_retrieve");
    let ids: Vec<&Value> = ours.map(|item| &item["call_id"]).collect();
    items()
        .filter(|item| item["type"] == "function_call_output" && ids.contains(&&item["call_id"]))
        .map(|item| item["output"].to_string())
        .collect()
}

fn kinds(body: &Value) -> Vec<String> {
    let items = body["input"].as_array().into_iter().flatten();
    items
        .map(|item| match (item["type"].as_str(), item["name"].as_str()) {
            (_, Some(name)) => name.to_owned(),
            (None | Some("message"), _) => item["role"].as_str().expect("a role").to_owned(),
            (Some(kind), _) => kind.to_owned(),
        })
        .collect()
}

#[test]
fn an_original_is_given_back_in_responses_streamed_or_not_and_after_a_restart() {
    for streams in [true, false] {
        let world = World::with(Rules::default(), script());
        let mut proxy = world.proxy_with(&["--answer-retrieval"]);
        let mut talk = Talk::new(streams);
        let (first, _) = heard(&talk.sent(&proxy), streams);
        talk.answers(&first, &rows(500));

        let (second, usage) = heard(&talk.sent(&proxy), streams);
        assert_eq!(said(&second), "Let me look closer.It is service-0250.");
        assert_eq!(names(&second), [""; 0]);
        assert_eq!(second.iter().filter(|item| item["type"] == "reasoning").count(), 2);
        let seen = world.provider().messages();
        assert_eq!(seen.len(), 3, "two rounds for one request of the client's");
        let given = given_back(&seen[2].json());
        assert_eq!(given.len(), 1);
        assert!(given[0].contains("vol-7731"), "{given:?}");
        let billed = |of: fn(&headroom::receipt::Usage) -> u64| -> u64 {
            seen[1..3].iter().map(|seen| of(&seen.usage.expect("billed"))).sum()
        };
        assert_eq!(usage["output_tokens"], billed(|usage| usage.output.0));
        assert_eq!(usage["input_tokens"], billed(|usage| usage.input().0));
        assert_eq!(usage["input_tokens_details"]["cached_tokens"], billed(|usage| usage.cache_read.0));

        // A restart, and then a question whose answer calls our tool and the client's at once.
        talk.hears(&second);
        talk.asks("and why?");
        proxy.drain();
        proxy = world.proxy_with(&["--answer-retrieval"]);
        let (third, _) = heard(&talk.sent(&proxy), streams);
        assert_eq!(names(&third), ["Bash"]);
        talk.answers(&third, "Filesystem full");
        let (fourth, _) = heard(&talk.sent(&proxy), streams);
        assert_eq!(said(&fourth), "The volume is full.");
        let seen = world.provider().messages();
        let last = seen.last().expect("requests").json();
        assert_eq!(given_back(&last).len(), 2, "{last}");
        let ours = ["headroom_retrieve", "function_call_output"];
        let turn = ["reasoning", "assistant", ours[0], ours[1], "reasoning", "assistant", "user"];
        let beside = [ours[0], "Bash", ours[1], ours[1]];
        assert_eq!(kinds(&last)[4..], [&turn[..], &beside[..]].concat());
        assert_eq!(world.provider().broken_prefixes(), [], "stream: {streams}");
        for (before, after) in seen.iter().zip(&seen[1..]) {
            let (before, after) = (before.usage.expect("billed"), after.usage.expect("billed"));
            assert!(before.cache_read <= after.cache_read, "the cache holds");
        }
        let tools: Vec<String> = seen.iter().map(|seen| seen.json()["tools"][2].to_string()).collect();
        assert!(
            tools.iter().all(|tool| *tool == tools[0] && tool.contains("headroom_retrieve")),
            "{tools:?}"
        );
        proxy.drain();
    }
}

#[test]
fn a_failing_round_in_responses_hands_the_call_over_and_so_does_one_too_many() {
    let failing = [
        Some(Turn::fails(529, "overloaded_error", "Overloaded")),
        Some(Turn::says("x").ending(Ending::ResetAtOnce)),
        Some(Turn::says("x").ending(Ending::ResetAfter(40))),
        Some(Turn::says("x").without_words().ending(Ending::ErrorEvent("server_error".to_owned()))),
        None,
    ];
    for streams in [true, false] {
        for fails in failing.clone() {
            // Only a stream says what it could not do in an event.
            if !streams && fails.as_ref().is_some_and(|turn| matches!(turn.ending, Ending::ErrorEvent(_))) {
                continue;
            }
            let ever = fails.is_none();
            let mut number = 0;
            let world = World::with(
                Rules::default(),
                Box::new(move |asked| {
                    number += 1;
                    match (number, &fails) {
                        (1, _) => Turn::calls("Bash", json!({"command": "curl services"})),
                        (2, _) | (3..=5, None) => {
                            let mut turn = Turn::says("Let me look.");
                            if let headroom::demo::script::Answer::Message(pieces) = retrieves(asked).answer {
                                turn = pieces.into_iter().fold(turn, |turn, piece: Piece| turn.and(piece));
                            }
                            turn
                        }
                        (3, Some(fails)) => fails.clone(),
                        _ => Turn::says("I go on without it."),
                    }
                }),
            );
            let proxy = world.proxy_with(&["--answer-retrieval"]);
            let mut talk = Talk::new(streams);
            let (first, _) = heard(&talk.sent(&proxy), streams);
            talk.answers(&first, &rows(500));
            let (second, _) = heard(&talk.sent(&proxy), streams);
            assert_eq!(said(&second), "Let me look.".repeat(if ever { 4 } else { 1 }));
            assert_eq!(names(&second), ["headroom_retrieve"]);
            assert!(second.last().expect("a call")["arguments"].as_str().expect("whole").ends_with('}'));
            talk.answers(&second, "unknown tool");
            let (third, _) = heard(&talk.sent(&proxy), streams);
            assert_eq!(said(&third), "I go on without it.");
            let last = world.provider().messages().last().expect("requests").json();
            assert_eq!(given_back(&last).len(), if ever { 4 } else { 1 }, "{last}");
            // A round that the provider refused left nothing in its cache.
            assert!(!ever || world.provider().broken_prefixes().is_empty());
            proxy.drain();
        }
    }
}

#[test]
fn a_call_in_responses_that_is_too_long_to_be_held_back_goes_to_the_client_whole() {
    let query = "vol ".repeat(300_000);
    let long = query.clone();
    let world = World::with(
        Rules::default(),
        Box::new(move |_| {
            let call = |query: &str| json!({"key": "0123456789abcdef", "query": query});
            Turn::says("Hm.")
                .and_calls("headroom_retrieve", call("short"))
                .and_calls("headroom_retrieve", call(&long))
                .at_pace(Pace::Whole)
        }),
    );
    let proxy = world.proxy_with(&["--answer-retrieval"]);
    let reply = Talk::new(true).sent(&proxy);
    let text = reply.text();
    let events = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = events.map(|data| serde_json::from_str::<Value>(data).expect("JSON"));
    let done = events.filter(|event| event["type"] == "response.output_item.done");
    let calls: Vec<Value> =
        done.map(|event| event["item"].clone()).filter(|item| item["type"] == "function_call").collect();
    assert_eq!(calls.len(), 2);
    let arguments = |call: &Value| {
        serde_json::from_str::<Value>(call["arguments"].as_str().expect("arguments")).expect("JSON")
    };
    assert_eq!(arguments(&calls[0])["query"], "short");
    assert!(arguments(&calls[1])["query"] == query.as_str(), "not a byte is lost");
    assert_eq!(world.provider().messages().len(), 1, "nothing is asked again");
    proxy.drain();
}

#[test]
fn responses_offers_nothing_where_something_stands_outside_of_the_request_and_off_is_off() {
    let world = World::with(Rules::default(), script());
    let proxy = world.proxy();
    let mut talk = Talk::new(true);
    let (first, _) = heard(&talk.sent(&proxy), true);
    assert_eq!(
        world.provider().messages()[0].body,
        talk.request.to_string().as_bytes(),
        "without the flag not a byte differs"
    );
    proxy.drain();
    let proxy = world.proxy_with(&["--answer-retrieval"]);
    talk.answers(&first, "short");
    // A history that began without it.
    talk.sent(&proxy);
    for (name, value) in [
        ("store", json!(true)),
        ("include", json!([])),
        ("tool_choice", json!("required")),
        ("previous_response_id", json!("resp_demo_00001")),
    ] {
        let mut talk = Talk::new(true);
        talk.request["input"][0]["content"][0]["text"] = json!(name);
        talk.request[name] = value;
        talk.sent(&proxy);
    }
    for seen in &world.provider().messages()[1..] {
        assert!(!seen.json()["tools"].to_string().contains("headroom_retrieve"));
    }
    assert_eq!(world.provider().messages().len(), 6);
    proxy.drain();
}

//! Originals given back by the proxy itself, for a client that has no tool of ours.

use crate::world::{Reply, Talk, World, rows};
use headroom::demo::provider::Rules;
use headroom::demo::script::{Asked, Ending, Piece, Script, Turn};
use serde_json::{Value, json};

/// A conversation whose client has no tool of ours.
fn talk() -> Talk {
    let mut talk = Talk::new("which service fails, and since when?");
    talk.request["tools"].as_array_mut().expect("tools").pop();
    talk
}

/// The key that the newest shortened result names.
fn key_in(asked: &Asked<'_>) -> String {
    let body = asked.body.to_string();
    let at = body.rfind("headroom retrieve ").expect("something was shortened") + "headroom retrieve ".len();
    body[at..].chars().take_while(char::is_ascii_hexdigit).collect()
}

pub(crate) fn retrieves(asked: &Asked<'_>) -> Turn {
    Turn::calls("headroom_retrieve", json!({"key": key_in(asked), "query": "vol-7731"}))
}

/// What our tool's calls were answered, as the provider has seen it.
fn given_back(body: &Value) -> Vec<String> {
    let ours = |block: &&Value| block["type"] == "tool_use" && block["name"] == "headroom_retrieve";
    let blocks = || {
        body["messages"].as_array().into_iter().flatten().filter_map(|it| it["content"].as_array()).flatten()
    };
    let ids: Vec<&Value> = blocks().filter(ours).map(|block| &block["id"]).collect();
    blocks()
        .filter(|block| block["type"] == "tool_result" && ids.contains(&&block["tool_use_id"]))
        .map(|block| block["content"].to_string())
        .collect()
}

/// Looks at rows, asks for an original, answers; asked again, looks up both at once; then answers.
pub(crate) fn script() -> Script {
    Box::new(|asked| match asked.turns() {
        0 => Turn::calls("Bash", json!({"command": "curl services"})).thinking_first("first the services"),
        1 => {
            let call = retrieves(asked);
            let mut turn = Turn::says("Let me look closer.").thinking_first("which one?");
            if let headroom::demo::script::Answer::Message(pieces) = call.answer {
                for piece in pieces {
                    turn = turn.and(piece);
                }
            }
            turn
        }
        2 => Turn::says("It is service-0250.").thinking_first("found"),
        3 => retrieves(asked).and_calls("Bash", json!({"command": "df"})),
        4 => Turn::says("The volume is full."),
        _ => Turn::says("done"),
    })
}

fn is_ours(block: &Value) -> bool {
    block["name"] == "headroom_retrieve"
}

fn answer_call(talk: &mut Talk, reply: &Reply, output: &str) {
    let results: Vec<Value> = reply
        .blocks()
        .iter()
        .filter(|block| block["type"] == "tool_use")
        .map(|call| json!({"type": "tool_result", "tool_use_id": call["id"], "content": output}))
        .collect();
    talk.hears(reply);
    talk.messages.push(json!({"role": "user", "content": results}));
}

#[test]
fn the_model_gets_its_original_and_the_client_sees_one_answer_without_our_call() {
    for streams in [true, false] {
        let world = World::with(Rules::default(), script());
        let mut proxy = world.proxy_with(&["--answer-retrieval"]);
        let mut talk = talk();
        talk.request["stream"] = json!(streams);
        let first = proxy.client().message(&talk.body());
        answer_call(&mut talk, &first, &rows(500));

        let second = proxy.client().message(&talk.body());
        assert_eq!(second.status, 200, "{}", second.text());
        let said: String = second.blocks().iter().filter_map(|block| block["text"].as_str()).collect();
        assert_eq!(said, "Let me look closer.It is service-0250.");
        assert!(!second.blocks().iter().any(is_ours), "{:?}", second.blocks());
        let seen = world.provider().messages();
        assert_eq!(seen.len(), 3, "two rounds for one request of the client's");
        let given = given_back(&seen[2].json());
        assert_eq!(given.len(), 1);
        assert!(given[0].contains("vol-7731"), "{given:?}");
        if streams {
            let starts = second.events().iter().filter(|event| event["type"] == "message_start").count();
            let stops = second.events().iter().filter(|event| event["type"] == "message_stop").count();
            assert_eq!((starts, stops), (1, 1));
            let indexes: Vec<u64> = second
                .events()
                .iter()
                .filter(|event| event["type"] == "content_block_start")
                .filter_map(|event| event["index"].as_u64())
                .collect();
            assert_eq!(indexes, (0..indexes.len() as u64).collect::<Vec<_>>());
        }
        // What both rounds cost is what the client is told.
        let usage = |name: &str| {
            let last = if streams {
                second.events().iter().rev().find(|event| event["type"] == "message_delta").expect("an end")["usage"].clone()
            } else {
                second.json()["usage"].clone()
            };
            last[name].as_u64().unwrap_or(0)
        };
        let billed: u64 = seen[1..3].iter().map(|seen| seen.usage.expect("billed").output.0).sum();
        assert_eq!(usage("output_tokens"), billed);

        // A restart, and then a question whose answer calls our tool and the client's at once.
        talk.hears(&second);
        talk.asks("and why?");
        proxy.drain();
        proxy = world.proxy_with(&["--answer-retrieval"]);
        let third = proxy.client().message(&talk.body());
        let calls: Vec<String> = third
            .blocks()
            .iter()
            .filter(|block| block["type"] == "tool_use")
            .map(|block| block["name"].to_string())
            .collect();
        assert_eq!(calls, ["\"Bash\""]);
        answer_call(&mut talk, &third, "Filesystem full");
        let fourth = proxy.client().message(&talk.body());
        assert_eq!(fourth.blocks()[0]["text"], "The volume is full.");
        let last = world.provider().messages().last().expect("requests").json();
        assert_eq!(given_back(&last).len(), 2, "{last}");
        assert_eq!(world.provider().broken_prefixes(), [], "stream: {streams}");
        let tools: Vec<String> =
            world.provider().messages().iter().map(|seen| seen.json()["tools"][3].to_string()).collect();
        assert!(
            tools.iter().all(|tool| *tool == tools[0] && tool.contains("headroom_retrieve")),
            "{tools:?}"
        );
        proxy.drain();
    }
}

#[test]
fn a_history_that_began_without_the_tool_never_gets_it_and_off_is_off() {
    let world = World::with(Rules::default(), script());
    let mut talk = talk();
    let proxy = world.proxy();
    let body = talk.body();
    let first = proxy.client().message(&body);
    assert_eq!(world.provider().messages()[0].body, body, "without the flag not a byte differs");
    proxy.drain();
    let proxy = world.proxy_with(&["--answer-retrieval"]);
    answer_call(&mut talk, &first, "short");
    proxy.client().message(&talk.body());
    let sent = world.provider().messages()[1].json();
    assert_eq!(sent["tools"].as_array().expect("tools").len(), 3);
    // Neither does one without tools, nor one that must call a certain tool.
    let mut bare = self::talk();
    bare.request.as_object_mut().expect("a request").remove("tools");
    let mut forced = self::talk();
    forced.messages[0] = json!({"role": "user", "content": "another question"});
    forced.request["tool_choice"] = json!({"type": "tool", "name": "Bash"});
    for talk in [bare, forced] {
        proxy.client().message(&talk.body());
        let sent = world.provider().messages().last().expect("requests").json();
        assert!(!sent["tools"].to_string().contains("headroom_retrieve"), "{sent}");
    }
    proxy.drain();
}

#[test]
fn a_model_that_asks_for_ever_is_handed_to_its_client() {
    let world = World::with(
        Rules::default(),
        Box::new(|asked| match asked.turns() {
            0 => Turn::calls("Bash", json!({"command": "curl services"})),
            _ => retrieves(asked),
        }),
    );
    let proxy = world.proxy_with(&["--answer-retrieval"]);
    let mut talk = talk();
    let first = proxy.client().message(&talk.body());
    answer_call(&mut talk, &first, &rows(500));
    let second = proxy.client().message(&talk.body());
    assert_eq!(second.blocks().iter().filter(|block| is_ours(block)).count(), 1, "{:?}", second.blocks());
    assert_eq!(world.provider().messages().len(), 1 + 4, "three rounds beside the first");
    // The client says what it says to a call of a tool that it does not have; the history holds.
    answer_call(&mut talk, &second, "unknown tool");
    assert_eq!(proxy.client().message(&talk.body()).status, 200);
    assert_eq!(world.provider().broken_prefixes(), []);
    proxy.drain();
}

#[test]
fn when_a_further_round_fails_the_client_gets_the_call_and_all_that_was_said() {
    for failing in [
        Turn::fails(529, "overloaded_error", "Overloaded"),
        Turn::says("x").ending(Ending::ResetAtOnce),
        // It breaks off, or fails, after its head and before its first word.
        Turn::says("x").ending(Ending::ResetAfter(40)),
        Turn::says("x").ending(Ending::CutAfter(40)),
        Turn::says("x").without_words().ending(Ending::ErrorEvent("overloaded_error".to_owned())),
    ] {
        let mut number = 0;
        let world = World::with(
            Rules::default(),
            Box::new(move |asked| {
                number += 1;
                match number {
                    1 => Turn::calls("Bash", json!({"command": "curl services"})),
                    2 => {
                        let mut turn = Turn::says("Let me look closer.");
                        if let headroom::demo::script::Answer::Message(pieces) = retrieves(asked).answer {
                            turn = pieces.into_iter().fold(turn, |turn, piece: Piece| turn.and(piece));
                        }
                        turn
                    }
                    3 => failing.clone(),
                    _ => Turn::says("I go on without it."),
                }
            }),
        );
        let proxy = world.proxy_with(&["--answer-retrieval"]);
        let mut talk = talk();
        let first = proxy.client().message(&talk.body());
        answer_call(&mut talk, &first, &rows(500));
        let second = proxy.client().message(&talk.body());
        assert!(second.whole && second.status == 200, "{}", second.text());
        assert_eq!(second.blocks()[0]["text"], "Let me look closer.");
        assert!(is_ours(&second.blocks()[1]), "{:?}", second.blocks());
        answer_call(&mut talk, &second, "unknown tool");
        let third = proxy.client().message(&talk.body());
        assert_eq!(third.blocks()[0]["text"], "I go on without it.");
        proxy.drain();
    }
}

#[test]
fn a_call_that_is_too_long_to_be_held_back_goes_to_the_client_whole() {
    let query = "vol ".repeat(300_000);
    let long = query.clone();
    let world = World::with(
        Rules::default(),
        Box::new(move |_| {
            let call = |query: &str| json!({"key": "0123456789abcdef", "query": query});
            Turn::says("Hm.")
                .and_calls("headroom_retrieve", call("short"))
                .and_calls("headroom_retrieve", call(&long))
                .at_pace(headroom::demo::script::Pace::Whole)
        }),
    );
    let proxy = world.proxy_with(&["--answer-retrieval"]);
    let reply = proxy.client().message(&talk().body());
    let calls: Vec<Value> = reply.blocks().into_iter().filter(is_ours).collect();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0]["input"]["query"], "short");
    assert!(calls[1]["input"]["query"] == query.as_str(), "not a byte is lost");
    assert_eq!(world.provider().messages().len(), 1, "nothing is asked again");
    proxy.drain();
}

mod chat {
    //! The same in Chat Completions.

    use super::*;

    /// A conversation in Chat Completions.
    struct ChatTalk {
        request: Value,
    }

    impl ChatTalk {
        fn new(stream: bool) -> ChatTalk {
            let tool = |name: &str| {
                json!({"type": "function", "function": {"name": name, "description": "runs",
                    "parameters": {"type": "object", "properties": {"command": {"type": "string"}}}}})
            };
            let mut request = json!({"model": "gpt-5.2", "stream": stream,
                "messages": [
                    {"role": "system", "content": "You are a careful engineer. ".repeat(300)},
                    {"role": "user", "content": "which service fails, and since when?"}],
                "tools": [tool("Read"), tool("Bash")]});
            if stream {
                request["stream_options"] = json!({"include_usage": true});
            }
            ChatTalk { request }
        }

        fn sent(&self, proxy: &crate::world::RunningProxy) -> Reply {
            proxy.client().send(
                "POST",
                "/v1/chat/completions",
                &[("content-type", "application/json"), ("authorization", "Bearer sk-test")],
                self.request.to_string().as_bytes(),
            )
        }

        fn push(&mut self, message: Value) {
            self.request["messages"].as_array_mut().expect("messages").push(message);
        }

        /// The client's own tools answer what was called.
        fn answers(&mut self, message: &Value, output: &str) {
            self.push(message.clone());
            for call in message["tool_calls"].as_array().into_iter().flatten() {
                self.push(json!({"role": "tool", "tool_call_id": call["id"], "content": output}));
            }
        }
    }

    /// The message of an answer, as a client puts it together, and what it is told of the cost.
    fn heard(reply: &Reply, stream: bool) -> (Value, Value) {
        assert_eq!(reply.status, 200, "{}", reply.text());
        if !stream {
            let answer = reply.json();
            return (answer["choices"][0]["message"].clone(), answer["usage"].clone());
        }
        let mut message = json!({"role": "", "content": ""});
        let mut calls: Vec<Value> = Vec::new();
        let mut usage = Value::Null;
        let mut finished = 0;
        let mut ids = std::collections::BTreeSet::new();
        let text = reply.text();
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        for event in data.filter(|data| *data != "[DONE]") {
            let event: Value = serde_json::from_str(event).expect("JSON");
            ids.insert(event["id"].to_string());
            if event["usage"].is_object() {
                usage = event["usage"].clone();
            }
            let Some(choice) = event["choices"].get(0) else { continue };
            finished += usize::from(!choice["finish_reason"].is_null());
            for name in ["role", "content", "reasoning_content"] {
                if let Some(more) = choice["delta"][name].as_str() {
                    message[name] = json!(format!("{}{more}", message[name].as_str().unwrap_or("")));
                }
            }
            for piece in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
                let index = usize::try_from(piece["index"].as_u64().expect("an index")).expect("small");
                if index == calls.len() {
                    let mut call = piece.clone();
                    call.as_object_mut().expect("a call").remove("index");
                    calls.push(call);
                    continue;
                }
                let so_far = calls[index]["function"]["arguments"].as_str().expect("arguments").to_owned();
                let more = piece["function"]["arguments"].as_str().unwrap_or_default();
                calls[index]["function"]["arguments"] = json!(so_far + more);
            }
        }
        assert_eq!((finished, ids.len()), (1, 1), "{}", reply.text());
        assert_eq!(message["role"], "assistant");
        assert!(reply.text().ends_with("data: [DONE]\n\n"), "{}", reply.text());
        if !calls.is_empty() {
            message["tool_calls"] = Value::Array(calls);
        }
        (message, usage)
    }

    fn names(message: &Value) -> Vec<&str> {
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        calls.filter_map(|call| call["function"]["name"].as_str()).collect()
    }

    /// What our tool's calls were answered, as the provider has seen it.
    fn given_back(body: &Value) -> Vec<String> {
        let messages = || body["messages"].as_array().into_iter().flatten();
        let ids: Vec<&Value> = messages()
            .flat_map(|message| message["tool_calls"].as_array().into_iter().flatten())
            .filter(|call| call["function"]["name"] == "headroom_retrieve")
            .map(|call| &call["id"])
            .collect();
        let results = messages().filter(|message| ids.contains(&&message["tool_call_id"]));
        results.map(|message| message["content"].to_string()).collect()
    }

    #[test]
    fn an_original_is_given_back_in_chat_completions_streamed_or_not_and_after_a_restart() {
        for streams in [true, false] {
            let world = World::with(Rules::default(), script());
            let mut proxy = world.proxy_with(&["--answer-retrieval"]);
            let mut talk = ChatTalk::new(streams);
            let (first, _) = heard(&talk.sent(&proxy), streams);
            talk.answers(&first, &rows(500));

            let (second, usage) = heard(&talk.sent(&proxy), streams);
            assert_eq!(second["content"], "Let me look closer.It is service-0250.");
            assert_eq!(names(&second), [""; 0]);
            let seen = world.provider().messages();
            assert_eq!(seen.len(), 3, "two rounds for one request of the client's");
            let given = given_back(&seen[2].json());
            assert_eq!(given.len(), 1);
            assert!(given[0].contains("vol-7731"), "{given:?}");
            let billed: u64 = seen[1..3].iter().map(|seen| seen.usage.expect("billed").output.0).sum();
            assert_eq!(usage["completion_tokens"], billed);

            talk.push(second);
            talk.push(json!({"role": "user", "content": "and why?"}));
            proxy.drain();
            proxy = world.proxy_with(&["--answer-retrieval"]);
            let (third, _) = heard(&talk.sent(&proxy), streams);
            assert_eq!(names(&third), ["Bash"]);
            talk.answers(&third, "Filesystem full");
            let (fourth, _) = heard(&talk.sent(&proxy), streams);
            assert_eq!(fourth["content"], "The volume is full.");
            let seen = world.provider().messages();
            let last = seen.last().expect("requests").json();
            assert_eq!(given_back(&last).len(), 2, "{last}");
            let said: Vec<&Value> = last["messages"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|message| message["role"] == "assistant")
                .map(|message| &message["content"])
                .collect();
            assert_eq!(said[1..3], [&json!("Let me look closer."), &json!("It is service-0250.")]);
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
    fn a_failing_round_in_chat_completions_hands_the_call_over_and_so_does_one_too_many() {
        for streams in [true, false] {
            for fails in [true, false] {
                let mut number = 0;
                let world = World::with(
                    Rules::default(),
                    Box::new(move |asked| {
                        number += 1;
                        match number {
                            1 => Turn::calls("Bash", json!({"command": "curl services"})),
                            3 if fails => Turn::fails(529, "overloaded_error", "Overloaded"),
                            2..=5 if number == 2 || !fails => retrieves(asked),
                            _ => Turn::says("I go on without it."),
                        }
                    }),
                );
                let proxy = world.proxy_with(&["--answer-retrieval"]);
                let mut talk = ChatTalk::new(streams);
                let (first, _) = heard(&talk.sent(&proxy), streams);
                talk.answers(&first, &rows(500));
                let (second, _) = heard(&talk.sent(&proxy), streams);
                assert_eq!(names(&second), ["headroom_retrieve"], "{second}");
                assert!(
                    second["tool_calls"][0]["function"]["arguments"].as_str().expect("whole").ends_with('}')
                );
                talk.answers(&second, "unknown tool");
                let (third, _) = heard(&talk.sent(&proxy), streams);
                assert_eq!(third["content"], "I go on without it.");
                // A round that the provider refused left nothing in its cache.
                assert!(fails || world.provider().broken_prefixes().is_empty());
                proxy.drain();
            }
        }
    }
}

//! The built-in provider on every wire: the same script, said in each wire's own words.

use crate::world::{Client, Reply, World, log};
use headroom::demo::asked::Wire;
use headroom::demo::provider::{Checks, Provider, Rules, WebSockets};
use headroom::demo::script::{Ending, Pace, Piece, Turn, by_history, in_order};
use headroom::demo::tools::Wish;
use headroom::units::Tokens;
use serde_json::{Value, json};
use std::time::Duration;

/// A conversation as a client of one wire keeps it.
struct Talk {
    wire: Wire,
    model: &'static str,
    history: Vec<Value>,
}

/// What a client understood of an answer.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    text: String,
    /// The tool and its arguments.
    call: Option<(String, Value)>,
    /// All input tokens, and how many of them were cached.
    input: u64,
    cached: u64,
    /// As it goes back into the history.
    back: Vec<Value>,
}

const LOGIN: &[(&str, &str)] = &[("content-type", "application/json"), ("authorization", "Bearer sk-test")];

/// Every wire but Anthropic's, which has tests of its own.
const WIRES: [Wire; 3] = [Wire::Chat, Wire::Responses, Wire::Gemini];

impl Talk {
    fn new(wire: Wire) -> Talk {
        Talk { wire, model: "gpt-5.1", history: Vec::new() }
    }

    fn asks(&mut self, text: &str) -> &mut Talk {
        self.history.push(match self.wire {
            Wire::Gemini => json!({"role": "user", "parts": [{"text": text}]}),
            _ => json!({"role": "user", "content": text}),
        });
        self
    }

    fn hears(&mut self, heard: &Heard) -> &mut Talk {
        self.history.extend(heard.back.iter().cloned());
        self
    }

    /// The result of the one call in the last answer.
    fn gets(&mut self, result: &str) -> &mut Talk {
        let last = self.history.last().expect("the model has spoken").clone();
        self.history.push(match self.wire {
            Wire::Chat => {
                json!({"role": "tool", "tool_call_id": last["tool_calls"][0]["id"], "content": result})
            }
            Wire::Gemini => json!({"role": "user", "parts": [
                {"functionResponse": {"name": "shell", "response": {"output": result}}}]}),
            _ => json!({"type": "function_call_output", "call_id": last["call_id"], "output": result}),
        });
        self
    }

    fn body(&self, stream: bool) -> Value {
        let schema =
            json!({"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]});
        let tool = json!({"name": "shell", "description": "Runs a command.", "parameters": schema});
        let system = "You are careful. ".repeat(600);
        match self.wire {
            Wire::Chat => {
                let mut messages = vec![json!({"role": "system", "content": system})];
                messages.extend(self.history.iter().cloned());
                json!({"model": self.model, "stream": stream, "messages": messages,
                       "tools": [{"type": "function", "function": tool}],
                       "stream_options": {"include_usage": true}})
            }
            Wire::Gemini => json!({
                "systemInstruction": {"parts": [{"text": system}]}, "contents": self.history,
                "tools": [{"functionDeclarations": [tool]}]}),
            _ => {
                let mut tool = tool;
                tool["type"] = json!("function");
                json!({"model": self.model, "stream": stream, "instructions": system, "input": self.history,
                       "tools": [tool], "store": false, "include": ["reasoning.encrypted_content"]})
            }
        }
    }

    #[track_caller]
    fn send(&self, client: &Client, stream: bool) -> Reply {
        let path = match (self.wire, stream) {
            (Wire::Chat, _) => "/openai/v1/chat/completions",
            (Wire::Gemini, true) => "/v1beta/models/gemini-3-flash:streamGenerateContent?alt=sse",
            (Wire::Gemini, false) => "/v1beta/models/gemini-3-flash:generateContent",
            _ => "/v1/responses",
        };
        client.send("POST", path, LOGIN, self.body(stream).to_string().as_bytes())
    }

    #[track_caller]
    fn asks_model(&self, client: &Client, stream: bool) -> Heard {
        let reply = self.send(client, stream);
        assert_eq!(reply.status, 200, "{:?}: {}", self.wire, reply.text());
        heard(self.wire, &reply)
    }
}

#[track_caller]
fn heard(wire: Wire, reply: &Reply) -> Heard {
    let streamed = reply.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
    let events: Vec<Value> = if streamed {
        let text = reply.text();
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).expect("JSON")).collect()
    } else {
        vec![reply.json()]
    };
    match wire {
        Wire::Chat => chat(&events, streamed),
        Wire::Gemini => gemini(&events),
        _ => responses(
            if streamed { &events.last().expect("an end")["response"] } else { &events[0] },
            &events,
        ),
    }
}

fn chat(events: &[Value], streamed: bool) -> Heard {
    let place = if streamed { "delta" } else { "message" };
    let (mut text, mut arguments, mut call) = (String::new(), String::new(), Value::Null);
    for choice in events.iter().filter_map(|event| event["choices"].get(0)) {
        text.push_str(choice[place]["content"].as_str().unwrap_or_default());
        if let Some(part) = choice[place]["tool_calls"].get(0) {
            if part["id"].is_string() {
                call = part.clone();
            }
            arguments.push_str(part["function"]["arguments"].as_str().unwrap_or_default());
        }
    }
    let usage = &events.last().expect("an event")["usage"];
    let mut back = json!({"role": "assistant", "content": text});
    if call.is_object() {
        call["function"]["arguments"] = json!(arguments);
        back["tool_calls"] = json!([call]);
    }
    let name = call["function"]["name"].as_str();
    Heard {
        text,
        call: name.map(|name| (name.to_owned(), serde_json::from_str(&arguments).expect("whole arguments"))),
        input: usage["prompt_tokens"].as_u64().expect("usage"),
        cached: usage["prompt_tokens_details"]["cached_tokens"].as_u64().expect("usage"),
        back: vec![back],
    }
}

fn responses(response: &Value, events: &[Value]) -> Heard {
    let items = response["output"].as_array().cloned().expect("items");
    let done: Vec<Value> = events
        .iter()
        .filter(|event| event["type"] == "response.output_item.done")
        .map(|event| event["item"].clone())
        .collect();
    assert!(events.len() == 1 || done == items, "what was streamed is what was said");
    let said = items.iter().filter(|item| item["type"] == "message");
    let call = items.iter().find(|item| item["type"] == "function_call");
    Heard {
        text: said.filter_map(|item| item["content"][0]["text"].as_str()).collect(),
        call: call.map(|call| {
            let arguments = call["arguments"].as_str().expect("arguments");
            let name = call["name"].as_str().expect("a name");
            (name.to_owned(), serde_json::from_str(arguments).expect("whole arguments"))
        }),
        input: response["usage"]["input_tokens"].as_u64().expect("usage"),
        cached: response["usage"]["input_tokens_details"]["cached_tokens"].as_u64().expect("usage"),
        back: items,
    }
}

fn gemini(events: &[Value]) -> Heard {
    let parts: Vec<Value> = events
        .iter()
        .flat_map(|event| event["candidates"][0]["content"]["parts"].as_array().expect("parts"))
        .cloned()
        .collect();
    let call = parts.iter().find_map(|part| part.get("functionCall"));
    let usage = &events.last().expect("an event")["usageMetadata"];
    let shown = parts.iter().filter(|part| part["thought"] != true);
    Heard {
        text: shown.filter_map(|part| part["text"].as_str()).collect(),
        call: call.map(|call| (call["name"].as_str().expect("a name").to_owned(), call["args"].clone())),
        input: usage["promptTokenCount"].as_u64().expect("usage"),
        cached: usage["cachedContentTokenCount"].as_u64().unwrap_or_default(),
        back: vec![json!({"role": "model", "parts": parts})],
    }
}

#[test]
fn an_answer_says_the_same_streamed_and_whole_on_every_wire() {
    let said = || Turn::says("I look first, then I act.").thinking_first("Hm.").and_runs("ls -la src");
    for wire in WIRES {
        let world = World::saying([
            said(),
            said(),
            said().at_pace(Pace::Chopped(11, Duration::ZERO)),
            said().at_pace(Pace::Whole),
        ]);
        for stream in [false, true, true, true] {
            let heard = Talk::new(wire).asks("Look around.").asks_model(&world.direct(), stream);
            assert_eq!(heard.text, "I look first, then I act.", "{wire:?}");
            let call = Some(("shell".to_owned(), json!({"command": "ls -la src"})));
            assert_eq!(heard.call, call, "{wire:?}, stream: {stream}");
        }
    }
}

#[test]
fn a_turn_reads_what_the_turn_before_was_on_every_wire() {
    for wire in WIRES {
        let world = World::with(
            Rules::default(),
            by_history((0..4).map(|at| Turn::runs(&format!("cat log.{at}")).thinking_first("Hm."))),
        );
        let (client, mut talk) = (world.direct(), Talk::new(wire));
        talk.asks("Look around.");
        let mut before = 0;
        for _ in 0..4 {
            let heard = talk.asks_model(&client, true);
            let shared = if wire == Wire::Gemini { before } else { before / 128 * 128 };
            assert_eq!(heard.cached, shared, "{wire:?}");
            before = heard.input;
            talk.hears(&heard).gets(&log(60));
        }
        assert_eq!(world.provider().broken_prefixes(), [], "{wire:?}");
        let billed = world.provider().messages().pop().and_then(|seen| seen.usage).expect("a bill");
        assert_eq!(billed.input(), Tokens(before), "{wire:?}");
    }
}

#[test]
fn a_prefix_is_cached_to_the_token_and_forgotten_when_it_was_long_unused() {
    let world = World::new();
    let client = world.direct();
    let mut one = Talk::new(Wire::Chat);
    one.asks(&format!("{} And now?", "Look at this. ".repeat(500)));
    let mut other = Talk::new(Wire::Chat);
    other.asks(&format!("{} Or not?", "Look at this. ".repeat(500)));
    let first = one.asks_model(&client, false);
    let second = other.asks_model(&client, false);
    assert!(second.cached.is_multiple_of(128) && first.input - second.cached < 256, "all but the last words");
    world.provider().advance(Duration::from_secs(601));
    assert_eq!(other.asks_model(&client, false).cached, 0);
    world.provider().forget_cache();
    assert_eq!(other.asks_model(&client, false).cached, 0);
}

#[test]
fn a_changed_tool_result_is_a_broken_prefix_on_every_wire() {
    for wire in WIRES {
        let world = World::with(Rules::default(), by_history([Turn::runs("cat log")]));
        let (client, mut talk) = (world.direct(), Talk::new(wire));
        talk.asks("Look around.");
        let heard = talk.asks_model(&client, true);
        talk.hears(&heard).gets(&log(40));
        let heard = talk.asks_model(&client, true);
        let changed = talk.history.pop().expect("a result");
        talk.gets(&log(39)).hears(&heard).asks("Go on.");
        assert_ne!(talk.history[2], changed);
        let _ = talk.asks_model(&client, true);
        let broken = world.provider().broken_prefixes();
        assert_eq!(broken.len(), 1, "{wire:?}");
        assert_eq!((broken[0].request, broken[0].earlier), (2, 1), "{wire:?}");
    }
}

#[test]
fn an_error_has_the_shape_of_its_wire() {
    for wire in WIRES {
        let world = World::saying([
            Turn::fails(429, "rate_limit_exceeded", "Slow down").with_header("retry-after", "2"),
            Turn::says("half of it, and").ending(Ending::ErrorEvent("server_error".to_owned())),
            Turn::says("half of it, and").ending(Ending::ResetAfter(40)),
        ]);
        let (client, mut talk) = (world.direct(), Talk::new(wire));
        talk.asks("Look around.");
        let reply = talk.send(&client, true);
        assert_eq!((reply.status, reply.header("retry-after")), (429, Some("2")), "{wire:?}");
        let error = &reply.json()["error"];
        assert_eq!(error["message"], "Slow down", "{wire:?}");
        match wire {
            Wire::Gemini => {
                assert_eq!((&error["code"], &error["status"]), (&json!(429), &json!("RESOURCE_EXHAUSTED")))
            }
            _ => assert_eq!(error["type"], "rate_limit_exceeded", "{wire:?}"),
        }
        let broken = talk.send(&client, true).text();
        let words = if wire == Wire::Responses { "response.failed" } else { "\"error\":{" };
        assert!(broken.contains(words) && !broken.contains("[DONE]"), "{wire:?}: {broken}");
        assert!(!talk.send(&client, true).whole, "{wire:?}");
    }
}

#[test]
fn what_the_real_ones_refuse_is_refused_on_every_wire() {
    for wire in WIRES {
        let world = World::with(
            Rules::default(),
            by_history([Turn::runs("cat log").thinking_first("Hm."), Turn::says("So.")]),
        );
        let (client, mut talk) = (world.direct(), Talk::new(wire));
        talk.asks("Look around.");
        let anonymous =
            client.send("POST", "/v1/chat/completions", &[], talk.body(true).to_string().as_bytes());
        assert_eq!(anonymous.status, 401);
        let heard = talk.asks_model(&client, true);
        talk.hears(&heard);

        let mut open = Talk { history: talk.history.clone(), ..Talk::new(wire) };
        open.asks("Never mind.");
        assert_eq!(open.send(&client, true).status, 400, "{wire:?}: a call without its result");

        talk.gets("a line");
        let mut stray = Talk { history: talk.history.clone(), ..Talk::new(wire) };
        let spoken = stray.history.len() - 2;
        stray.history.remove(spoken);
        assert_eq!(stray.send(&client, true).status, 400, "{wire:?}: a result without its call");

        let mut altered = Talk { history: talk.history.clone(), ..Talk::new(wire) };
        let replaced = altered.history.iter_mut().any(|item| {
            let fields = [
                item.pointer_mut("/encrypted_content").is_some(),
                item.pointer("/parts/1/thoughtSignature").is_some(),
            ];
            if fields[0] {
                item["encrypted_content"] = json!("bm90IHlvdXJz");
            }
            if fields[1] {
                item["parts"][1]["thoughtSignature"] = json!("bm90IHlvdXJz");
            }
            fields[0] || fields[1]
        });
        let status = altered.send(&client, true).status;
        assert_eq!((replaced, status), (wire != Wire::Chat, if replaced { 400 } else { 200 }), "{wire:?}");
        if wire == Wire::Gemini {
            let part = altered.history[1]["parts"][1].as_object_mut().expect("a call");
            part.remove("thoughtSignature");
            assert_eq!(altered.send(&client, true).status, 400, "a call without its signature");
        }
        assert_eq!(talk.asks_model(&client, true).text, "So.", "{wire:?}");
    }
}

#[test]
fn a_wish_calls_whichever_tool_is_offered() {
    let schema = |field: &str| json!({"type": "object", "properties": {field: {"type": "string"}}, "required": [field]});
    let list =
        json!({"type": "object", "properties": {"commands": {"type": "array"}}, "required": ["commands"]});
    let cases = [
        ("Bash", schema("command"), json!({"command": "ls"})),
        ("exec_command", schema("cmd"), json!({"cmd": "ls"})),
        ("run_commands", list, json!({"commands": ["ls"]})),
        (
            "shell",
            json!({"type": "object", "properties": {"command": {"type": "array"}}}),
            json!({"command": ["bash", "-lc", "ls"]}),
        ),
    ];
    for (name, schema, input) in cases {
        let world = World::saying([Turn::runs("ls")]);
        let mut body = Talk::new(Wire::Chat).asks("Look.").body(false);
        body["tools"] = json!([{"type": "function", "function": {"name": name, "parameters": schema}}]);
        let reply = world.direct().send("POST", "/chat/completions", LOGIN, body.to_string().as_bytes());
        assert_eq!(heard(Wire::Chat, &reply).call, Some((name.to_owned(), input)));
    }
    // Where there is no tool to read with, the shell reads.
    let world = World::saying([Turn::wishes(Wish::Read("it's.txt".to_owned()))]);
    let heard = Talk::new(Wire::Gemini).asks("Look.").asks_model(&world.direct(), true);
    assert_eq!(heard.call, Some(("shell".to_owned(), json!({"command": "cat 'it'\\''s.txt'"}))));
}

#[test]
fn codexs_tools_are_called_in_codexs_way() {
    let world = World::saying([Turn::runs("ls"), Turn::runs("ls")]);
    let client = world.direct();
    let namespace = json!({"type": "namespace", "name": "functions", "tools": [
        {"type": "custom", "name": "exec", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}}]});
    let item = json!({"type": "additional_tools", "role": "developer", "tools": [namespace]});
    let body = json!({"model": "gpt-6.1-sol", "stream": true, "store": false,
                      "input": [item, {"type": "message", "role": "user", "content": "Look."}]});
    let reply = client.send("POST", "/v1/responses", LOGIN, body.to_string().as_bytes());
    let call = &heard(Wire::Responses, &reply).back[0];
    assert_eq!((&call["type"], &call["namespace"]), (&json!("custom_tool_call"), &json!("functions")));
    assert!(call["input"].as_str().expect("a program").contains("tools.exec_command({cmd: \"ls\""), "{call}");

    let body = json!({"model": "gpt-5.1", "input": "Look.", "tools": [{"type": "local_shell"}]});
    let reply = client.send("POST", "/v1/responses", LOGIN, body.to_string().as_bytes());
    let call = &heard(Wire::Responses, &reply).back[0];
    assert_eq!((&call["type"], &call["action"]["command"][2]), (&json!("local_shell_call"), &json!("ls")));
}

#[test]
fn a_client_of_before_there_were_tools_gets_a_function_call() {
    let world = World::with(Rules::default(), by_history([Turn::runs("ls"), Turn::says("So.")]));
    let client = world.direct();
    let schema = json!({"type": "object", "properties": {"command": {"type": "string"}}});
    let mut body = json!({"model": "gpt-4", "functions": [{"name": "shell", "parameters": schema}],
                          "messages": [{"role": "user", "content": "Look."}]});
    let mut say = |more: Vec<Value>| {
        body["messages"].as_array_mut().expect("messages").extend(more);
        let reply = client.send("POST", "/v1/chat/completions", LOGIN, body.to_string().as_bytes());
        reply.json()["choices"][0].clone()
    };
    let called = say(Vec::new());
    assert_eq!(called["finish_reason"], "function_call");
    assert_eq!(called["message"]["function_call"]["arguments"], r#"{"command":"ls"}"#);
    let result = json!({"role": "function", "name": "shell", "content": "a.txt"});
    assert_eq!(say(vec![called["message"].clone(), result])["message"]["content"], "So.");
}

#[test]
fn a_body_that_is_nothing_is_refused_or_answered_but_never_brings_the_provider_down() {
    let paths = [
        "/v1/chat/completions",
        "/v1/responses",
        "/v1/responses/compact",
        "/v1/messages",
        "/v1beta/models/m:streamGenerateContent",
        "/v1internal:generateContent",
        "/model/m/invoke-with-response-stream",
        "/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict",
    ];
    let bodies =
        ["", "null", "3", "\"text\"", "[]", "[[]]", "{}", "{\"request\": 3, \"input\": {}, \"messages\": 1}"];
    for checks in [Checks::All, Checks::None] {
        let world = World::with(Rules { checks, ..Rules::default() }, in_order([]));
        for (path, body) in paths.iter().flat_map(|path| bodies.map(|body| (path, body))) {
            let reply = world.direct().send("POST", path, LOGIN, body.as_bytes());
            let status = if checks == Checks::All { 400 } else { 200 };
            assert_eq!(reply.status, status, "{path}: {body}: {}", reply.text());
        }
    }
}

#[test]
fn a_mistral_model_calls_a_tool_in_one_piece() {
    let world = World::saying([Turn::runs("ls -la src/demo tests")]);
    let mut talk = Talk::new(Wire::Chat);
    talk.model = "devstral-2";
    let reply = talk.asks("Look.").send(&world.direct(), true);
    let pieces = reply.text().matches("tool_calls\":[").count();
    assert_eq!((pieces, heard(Wire::Chat, &reply).call.is_some()), (1, true), "{}", reply.text());
}

#[test]
fn a_response_that_is_stored_can_be_gone_on_from() {
    let world = World::saying([Turn::runs("ls"), Turn::says("So."), Turn::says("never")]);
    let client = world.direct();
    let mut body = Talk::new(Wire::Responses).asks("Look.").body(false);
    body["store"] = json!(true);
    let first = client.send("POST", "/v1/responses", LOGIN, body.to_string().as_bytes()).json();
    let output =
        json!({"type": "function_call_output", "call_id": first["output"][0]["call_id"], "output": log(30)});
    body["input"] = json!([output]);
    body["previous_response_id"] = first["id"].clone();
    let second = client.send("POST", "/v1/responses", LOGIN, body.to_string().as_bytes()).json();
    assert_eq!(second["output"][0]["content"][0]["text"], "So.");
    assert_ne!(second["usage"]["input_tokens_details"]["cached_tokens"], 0);

    body["previous_response_id"] = json!("resp_nobody_knows");
    let reply = client.send("POST", "/v1/responses", LOGIN, body.to_string().as_bytes());
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (400, &json!("previous_response_not_found")));
}

#[test]
fn a_compacted_history_counts_its_turns() {
    let turns = (0..4).map(|at| Turn::runs(&format!("cat log.{at}")));
    let world = World::with(Rules::default(), by_history(turns));
    let (client, mut talk) = (world.direct(), Talk::new(Wire::Responses));
    talk.asks("Look around.");
    for _ in 0..2 {
        let heard = talk.asks_model(&client, true);
        talk.hears(&heard).gets(&log(10));
    }
    let mut asks = Talk { history: talk.history.clone(), ..Talk::new(Wire::Responses) };
    asks.history.push(json!({"type": "compaction_trigger"}));
    let inline = asks.asks_model(&client, true).back;
    assert_eq!((inline.len(), &inline[0]["type"]), (1, &json!("compaction")));

    let whole =
        client.send("POST", "/v1/responses/compact", LOGIN, talk.body(false).to_string().as_bytes()).json();
    assert_eq!(whole["output"].as_array().map(Vec::len), Some(2), "the person's words and the rest: {whole}");
    let mut talk = Talk { history: whole["output"].as_array().cloned().expect("items"), ..talk };
    let heard = talk.asks("Go on.").asks_model(&client, true);
    assert_eq!(heard.call, Some(("shell".to_owned(), json!({"command": "cat log.2"}))));
}

#[test]
fn code_assist_wraps_the_same_answer() {
    let world = World::saying([Turn::runs("ls"), Turn::runs("ls")]);
    let client = world.direct();
    let request = Talk::new(Wire::Gemini).asks("Look.").body(false);
    let body = json!({"model": "gemini-3-flash", "project": "p", "request": request}).to_string();
    let send = |verb: &str, query: &str| {
        client.send("POST", &format!("/v1internal:{verb}{query}"), LOGIN, body.as_bytes())
    };
    let whole = send("generateContent", "").json();
    assert_eq!(whole["response"]["candidates"][0]["content"]["parts"][0]["functionCall"]["name"], "shell");
    let streamed = send("streamGenerateContent", "?alt=sse").events();
    assert_eq!(streamed[0]["response"]["modelVersion"], "gemini-3-flash");
    assert_eq!(send("loadCodeAssist", "").json()["cloudaicompanionProject"], "demo-project");
    assert!(
        send("countTokens", "").json()["response"]["totalTokens"].as_u64().is_some_and(|count| 0 < count)
    );
    assert_eq!(world.provider().messages().len(), 2, "the others are no model requests");
}

#[test]
fn a_gemini_stream_without_events_is_a_json_array() {
    let world =
        World::saying([Turn::says("One, two, three, four, five, six."), Turn::fails(503, "", "Busy")]);
    let body = Talk::new(Wire::Gemini).asks("Count.").body(true).to_string();
    let send = || {
        let path = "/v1beta/models/gemini-3-flash:streamGenerateContent?key=abc";
        world.direct().send("POST", path, &[], body.as_bytes())
    };
    let answers = send().json();
    assert_eq!(gemini(answers.as_array().expect("an array")).text, "One, two, three, four, five, six.");
    assert_eq!(send().json()[0]["error"]["status"], "UNAVAILABLE");
}

/// The payloads of an event stream; every length and checksum must hold.
fn frames(mut stream: &[u8]) -> Vec<Value> {
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().expect("four bytes"));
    let mut payloads = Vec::new();
    while !stream.is_empty() {
        let (whole, headers) = (number(&stream[..4]) as usize, number(&stream[4..8]) as usize);
        assert_eq!(number(&stream[8..12]), crc32fast::hash(&stream[..8]));
        assert_eq!(number(&stream[whole - 4..whole]), crc32fast::hash(&stream[..whole - 4]));
        payloads.push(serde_json::from_slice(&stream[12 + headers..whole - 4]).expect("JSON"));
        stream = &stream[whole..];
    }
    payloads
}

#[test]
fn anthropics_wire_is_spoken_through_bedrock_and_vertex() {
    use base64::Engine;
    let said = || Turn::says("So it is, and so it was.");
    let world = World::saying([
        said(),
        said(),
        Turn::fails(429, "rate_limit_error", "Slow down"),
        said().ending(Ending::ErrorEvent("overloaded_error".to_owned())),
        said(),
        said(),
    ]);
    let client = world.direct();
    let body = |version: &str| {
        json!({"anthropic_version": version, "max_tokens": 100,
               "messages": [{"role": "user", "content": "Is it?"}]})
        .to_string()
    };
    let bedrock = |verb: &str| {
        let path = format!("/model/eu.anthropic.claude-sonnet-4-5-v1%3A0/{verb}");
        client.send("POST", &path, LOGIN, body("bedrock-2023-05-31").as_bytes())
    };
    let whole = bedrock("invoke");
    assert_eq!(whole.json()["content"][0]["text"], "So it is, and so it was.");
    assert_eq!(whole.json()["model"], "eu.anthropic.claude-sonnet-4-5-v1:0");
    assert!(whole.header("x-amzn-bedrock-input-token-count").is_some());

    let streamed = bedrock("invoke-with-response-stream");
    let decoded = |payload: &Value| -> Value {
        let bytes = payload["bytes"].as_str().expect("bytes");
        let plain = base64::engine::general_purpose::STANDARD.decode(bytes).expect("it is Base64");
        serde_json::from_slice(&plain).expect("an event")
    };
    let events: Vec<Value> = frames(&streamed.body).iter().map(decoded).collect();
    let words = events.iter().filter_map(|event| event["delta"]["text"].as_str());
    assert_eq!(words.collect::<String>(), "So it is, and so it was.");
    let metrics = &events.last().expect("an end")["amazon-bedrock-invocationMetrics"];
    assert!(metrics["inputTokenCount"].as_u64().is_some_and(|count| 0 < count));

    let failed = bedrock("invoke");
    assert_eq!((failed.status, failed.header("x-amzn-errortype")), (429, Some("ThrottlingException")));
    assert_eq!(failed.json()["message"], "Slow down");
    let broken = frames(&bedrock("invoke-with-response-stream").body);
    assert_eq!(broken.last().expect("an end")["message"], "the demo fails here");

    let vertex = |model: &str, verb: &str| {
        let path = format!("/v1/projects/p/locations/global/publishers/anthropic/models/{model}:{verb}");
        client.send("POST", &path, LOGIN, body("vertex-2023-10-16").as_bytes())
    };
    let whole = vertex("claude-sonnet-4-5@20250929", "rawPredict").json();
    assert_eq!(whole["model"], "claude-sonnet-4-5@20250929");
    let streamed = vertex("claude-sonnet-4-5@20250929", "streamRawPredict");
    assert_eq!(streamed.blocks()[0]["text"], "So it is, and so it was.");
    assert!(vertex("count-tokens", "rawPredict").json()["input_tokens"].is_u64());
    assert_eq!(world.provider().messages().len(), 6);
}

/// The body of a WebSocket's message.
fn create(input: Value, previous: Option<&Value>) -> Value {
    let mut message = Talk::new(Wire::Responses).body(true);
    message["type"] = json!("response.create");
    message["input"] = input;
    if let Some(previous) = previous {
        message["previous_response_id"] = previous.clone();
    }
    message
}

#[test]
fn a_session_over_a_websocket_sends_each_result_once() {
    let turns = (0..3).map(|at| Turn::runs(&format!("cat log.{at}")).thinking_first("Hm."));
    let world = World::with(Rules::default(), by_history(turns));
    let mut socket = world.direct().socket("/v1/responses").expect("an upgrade");
    let mut warm = create(json!([]), None);
    warm["generate"] = json!(false);
    let mut previous = socket.ask(&warm).pop().expect("an end")["response"]["id"].clone();
    let mut input = json!([{"role": "user", "content": "Look around."}]);
    let mut cached = Vec::new();
    for at in 0..3 {
        let events = socket.ask(&create(input, Some(&previous)));
        let response = &events.last().expect("an end")["response"];
        let said = responses(response, &events);
        assert_eq!(said.call, Some(("shell".to_owned(), json!({"command": format!("cat log.{at}")}))));
        cached.push(said.cached);
        previous = response["id"].clone();
        input =
            json!([{"type": "function_call_output", "call_id": said.back[1]["call_id"], "output": log(40)}]);
    }
    assert!(cached[0] == 0 && cached[0] < cached[1] && cached[1] < cached[2], "{cached:?}");
    let provider = world.provider();
    assert_eq!(provider.broken_prefixes(), []);
    let methods: Vec<String> = provider.seen().into_iter().map(|seen| seen.method).collect();
    assert_eq!(methods, ["GET", "WS", "WS", "WS", "WS"]);
    assert_eq!(provider.messages().len(), 3, "neither the upgrade nor the warming asks for words");
}

#[test]
fn a_client_that_comes_back_must_send_its_whole_history() {
    let turns = [
        Turn::runs("cat log.0"),
        Turn::runs("cat log.1").ending(Ending::Close),
        Turn::runs("cat log.2").ending(Ending::CutAfter(900)),
        Turn::runs("cat log.2"),
        Turn::says("So."),
    ];
    let world = World::with(Rules::default(), in_order(turns));
    let client = world.direct();
    let mut history = vec![json!({"role": "user", "content": "Look around."})];
    let extend = |history: &mut Vec<Value>, events: &[Value]| {
        let said = responses(&events.last().expect("an end")["response"], events).back;
        let id = said.last().expect("a call")["call_id"].clone();
        history.extend(said);
        history.push(json!({"type": "function_call_output", "call_id": id, "output": log(20)}));
    };
    let mut socket = client.socket("/v1/responses").expect("an upgrade");
    let first = socket.ask(&create(json!(history), None));
    extend(&mut history, &first);
    let id = first.last().expect("an end")["response"]["id"].clone();
    let second = socket.ask(&create(json!([history.last()]), Some(&id)));
    extend(&mut history, &second);
    assert_eq!(socket.next(), None, "it was closed");

    let mut socket = client.socket("/v1/responses").expect("an upgrade");
    let id = second.last().expect("an end")["response"]["id"].clone();
    let refused = socket.ask(&create(json!([history.last()]), Some(&id)));
    assert_eq!(refused[0]["error"]["code"], "previous_response_not_found", "it was not stored");
    let cut = socket.ask(&create(json!(history), None));
    assert!(cut.iter().all(|event| event["type"] != "response.completed"), "it was cut");

    let mut socket = client.socket("/v1/responses").expect("an upgrade");
    let third = socket.ask(&create(json!(history), None));
    extend(&mut history, &third);
    assert_eq!(
        socket.ask(&create(json!(history), None)).last().expect("an end")["type"],
        "response.completed"
    );
    assert_eq!(world.provider().broken_prefixes(), []);
}

#[test]
fn a_websocket_can_be_refused_and_fail() {
    for status in [426, 404] {
        let rules = Rules { websockets: WebSockets::Refused(status), ..Rules::default() };
        let world = World::with(rules, in_order([]));
        assert_eq!(world.direct().socket("/v1/responses").err(), Some(status));
    }
    let turns = [
        Turn::fails(429, "rate_limit_exceeded", "Slow down").with_header("retry-after", "1"),
        Turn::says("All of it, in small frames.").at_pace(Pace::Chopped(9, Duration::ZERO)),
        Turn::of_pieces([Piece::Text("nothing".to_owned())]).ending(Ending::ResetAtOnce),
    ];
    let world = World::saying(turns);
    let mut socket = world.direct().socket("/openai/v1/responses").expect("an upgrade");
    let message = create(json!("Look."), None);
    let error = socket.ask(&message).pop().expect("an error");
    assert_eq!((&error["status"], &error["headers"]["retry-after"]), (&json!(429), &json!("1")));
    let events = socket.ask(&message);
    assert_eq!(
        responses(&events.last().expect("an end")["response"], &events).text,
        "All of it, in small frames."
    );
    assert_eq!(socket.ask(&message), Vec::<Value>::new());
}

#[test]
fn the_errand_ends_with_the_facts_that_the_tools_printed() {
    use headroom::demo::errand;
    let provider = Provider::start(Rules::default(), errand::script()).expect("a port");
    for wire in WIRES {
        let (client, mut talk) = (Client::new(&provider.base_url()), Talk::new(wire));
        talk.asks("Find the facts.");
        let mut heard = talk.asks_model(&client, true);
        for _ in errand::ROUNDS {
            let (_, input) = heard.call.clone().expect("a call");
            let command = input["command"].as_str().expect("a command line");
            let printed = std::process::Command::new("sh").args(["-c", command]).output().expect("a shell");
            talk.hears(&heard).gets(&String::from_utf8_lossy(&printed.stdout));
            heard = talk.asks_model(&client, true);
        }
        assert_eq!(
            heard.text,
            "That is all. I found: FACT-CODE-50, FACT-GREP-70, FACT-JSON-1060, FACT-LOG-100, FACT-PROSE-40."
        );
    }
    assert_eq!(provider.broken_prefixes(), []);
}

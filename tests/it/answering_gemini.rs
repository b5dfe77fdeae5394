//! Originals given back by the proxy itself, on Gemini's wire.

use crate::answering::retrieves;
use crate::world::{Reply, RunningProxy, World, rows};
use headroom::demo::provider::Rules;
use headroom::demo::script::{Answer, Asked, Script, Turn};
use serde_json::{Value, json};

/// How a client speaks, and what it keeps of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    /// Streams, runs texts together, drops thoughts.
    Streams,
    /// Streams, and keeps every event's content as one of its own.
    KeepsPieces,
    /// As the first, in Code Assist's envelope.
    InAnEnvelope,
    /// Takes the answer in one piece.
    Whole,
    /// As the last, in Code Assist's envelope.
    WholeInAnEnvelope,
}

const CLIENTS: &[Client] =
    &[Client::Streams, Client::KeepsPieces, Client::InAnEnvelope, Client::Whole, Client::WholeInAnEnvelope];

struct Talk {
    client: Client,
    request: Value,
}

/// An answer, as a client puts it together.
#[derive(Debug)]
struct Heard {
    contents: Vec<Value>,
    text: String,
    /// The functions that are called.
    calls: Vec<String>,
    usage: Value,
}

impl Talk {
    fn new(client: Client) -> Talk {
        let tool = |name: &str| {
            json!({"name": name, "description": "runs",
                "parameters": {"type": "object", "properties": {"command": {"type": "string"}}}})
        };
        let request = json!({
            "systemInstruction": {"parts": [{"text": "You are a careful engineer. ".repeat(300)}]},
            "contents": [{"role": "user", "parts": [{"text": "which service fails, and since when?"}]}],
            "tools": [{"functionDeclarations": [tool("Read"), tool("Bash")]}]});
        Talk { client, request }
    }

    fn is_wrapped(&self) -> bool {
        matches!(self.client, Client::InAnEnvelope | Client::WholeInAnEnvelope)
    }

    fn body(&self) -> String {
        match self.is_wrapped() {
            true => json!({"model": "gemini-3-flash", "project": "p", "request": self.request}).to_string(),
            false => self.request.to_string(),
        }
    }

    fn sent(&self, proxy: &RunningProxy, query: &str) -> Reply {
        let place = if self.is_wrapped() { "/v1internal" } else { "/v1beta/models/gemini-3-flash" };
        let verb = match self.client {
            Client::Whole | Client::WholeInAnEnvelope => "generateContent".to_owned(),
            _ => format!("streamGenerateContent{query}"),
        };
        let login = [("content-type", "application/json"), ("authorization", "Bearer ya29.x")];
        proxy.client().send("POST", &format!("{place}:{verb}"), &login, self.body().as_bytes())
    }

    fn asks(&self, proxy: &RunningProxy) -> Heard {
        let reply = self.sent(proxy, "?alt=sse");
        assert_eq!(reply.status, 200, "{}", reply.text());
        let events = match self.client {
            Client::Whole | Client::WholeInAnEnvelope => vec![reply.json()],
            _ => reply.events(),
        };
        let events: Vec<&Value> =
            events.iter().map(|event| if self.is_wrapped() { &event["response"] } else { event }).collect();
        let finished =
            events.iter().filter(|event| event["candidates"][0]["finishReason"].is_string()).count();
        assert_eq!(finished, 1, "{}", reply.text());
        assert!(
            events.iter().all(|event| event["responseId"] == events[0]["responseId"]),
            "{}",
            reply.text()
        );
        let of = |event: &Value| {
            event["candidates"][0]["content"]["parts"].as_array().cloned().unwrap_or_default()
        };
        let all: Vec<Value> = events.iter().flat_map(|event| of(event)).collect();
        let texts =
            all.iter().filter(|part| part["thought"] != true).filter_map(|part| part["text"].as_str());
        let names = all.iter().filter_map(|part| part["functionCall"]["name"].as_str());
        let content = |parts: Vec<Value>| json!({"parts": parts, "role": "model"});
        let contents = match self.client {
            Client::KeepsPieces => {
                events.iter().map(|event| of(event)).filter(|parts| !parts.is_empty()).map(content).collect()
            }
            _ => vec![content(run_together(&all))],
        };
        Heard {
            text: texts.collect(),
            calls: names.map(str::to_owned).collect(),
            contents,
            usage: events.last().expect("an answer")["usageMetadata"].clone(),
        }
    }

    fn push(&mut self, content: Value) {
        self.request["contents"].as_array_mut().expect("contents").push(content);
    }

    /// The client's own tools answer what was called.
    fn answers(&mut self, heard: &Heard, output: &str) {
        heard.contents.iter().for_each(|content| self.push(content.clone()));
        let parts: Vec<Value> = heard
            .calls
            .iter()
            .map(|name| json!({"functionResponse": {"name": name, "response": {"output": output}}}))
            .collect();
        self.push(json!({"role": "user", "parts": parts}));
    }
}

/// What a client keeps that runs texts together and drops thoughts.
fn run_together(all: &[Value]) -> Vec<Value> {
    let mut parts: Vec<Value> = Vec::new();
    for part in all.iter().filter(|part| part["thought"] != true) {
        match (parts.last_mut(), part["text"].as_str()) {
            (Some(last), Some(more)) if last["text"].is_string() => {
                last["text"] = json!(format!("{}{more}", last["text"].as_str().expect("a text")));
            }
            _ => parts.push(part.clone()),
        }
    }
    parts
}

/// The request inside, as the provider got it.
fn inner(body: &Value) -> &Value {
    body.get("request").unwrap_or(body)
}

/// What our tool's calls were answered, as the provider has seen it.
fn given_back(body: &Value) -> Vec<String> {
    let contents = inner(body)["contents"].as_array().into_iter().flatten();
    let parts = contents.flat_map(|content| content["parts"].as_array().into_iter().flatten());
    parts
        .map(|part| &part["functionResponse"])
        .filter(|response| response["name"] == "headroom_retrieve")
        .map(|response| response["response"].to_string())
        .collect()
}

fn says_and_retrieves(words: &str, asked: &Asked<'_>) -> Turn {
    let Answer::Message(pieces) = retrieves(asked).answer else { panic!("a message") };
    pieces.into_iter().fold(Turn::says(words), Turn::and)
}

/// Looks at rows, asks for an original, answers; asked again, looks up both at once; then answers.
fn script() -> Script {
    Box::new(|asked| match asked.number {
        0 => Turn::calls("Bash", json!({"command": "curl services"})).thinking_first("first the services"),
        1 => says_and_retrieves("Let me look closer.", asked).thinking_first("which one?"),
        2 => Turn::says("It is service-0250.").thinking_first("found"),
        3 => retrieves(asked).and_calls("Bash", json!({"command": "df"})),
        4 => Turn::says("The volume is full."),
        _ => Turn::says("done"),
    })
}

#[test]
fn an_original_is_given_back_on_geminis_wire_whatever_the_client_keeps_and_after_a_restart() {
    for client in CLIENTS {
        let world = World::with(Rules::default(), script());
        let mut proxy = world.proxy_with(&["--answer-retrieval"]);
        let mut talk = Talk::new(*client);
        let first = talk.asks(&proxy);
        assert_eq!(first.calls, ["Bash"]);
        talk.answers(&first, &rows(500));

        let second = talk.asks(&proxy);
        assert_eq!(second.text, "Let me look closer.It is service-0250.", "{client:?}");
        assert_eq!(second.calls, [""; 0]);
        let seen = world.provider().messages();
        assert_eq!(seen.len(), 3, "two rounds for one request of the client's");
        let given = given_back(&seen[2].json());
        assert_eq!(given.len(), 1);
        assert!(given[0].contains("vol-7731"), "{given:?}");
        let told = |name: &str| second.usage[name].as_u64().unwrap_or(0);
        let billed: u64 = seen[1..3].iter().map(|seen| seen.usage.expect("billed").output.0).sum();
        assert_eq!(told("candidatesTokenCount") + told("thoughtsTokenCount"), billed);

        second.contents.iter().for_each(|content| talk.push(content.clone()));
        talk.push(json!({"role": "user", "parts": [{"text": "and why?"}]}));
        proxy.drain();
        proxy = world.proxy_with(&["--answer-retrieval"]);
        let third = talk.asks(&proxy);
        assert_eq!(third.calls, ["Bash"], "{client:?}");
        talk.answers(&third, "Filesystem full");
        let fourth = talk.asks(&proxy);
        assert_eq!(fourth.text, "The volume is full.");

        let seen = world.provider().messages();
        assert_eq!(seen.len(), 5);
        let last = seen[4].json();
        assert_eq!(given_back(&last).len(), 2, "{last}");
        let contents = |at: usize| inner(&seen[at].json())["contents"].as_array().cloned().expect("contents");
        let (hidden, later) = (contents(2), contents(4));
        let (model, user) = (&later[hidden.len() - 2], &later[hidden.len() - 1]);
        assert_eq!([model, user], [&hidden[hidden.len() - 2], &hidden[hidden.len() - 1]], "{client:?}");
        assert!(model.to_string().contains("thoughtSignature"), "{model}");
        assert_eq!(world.provider().broken_prefixes(), [], "{client:?}");
        for (before, after) in seen.iter().zip(&seen[1..]) {
            let (before, after) = (before.usage.expect("billed"), after.usage.expect("billed"));
            assert!(before.cache_read <= after.cache_read, "the cache holds");
        }
        let tools: Vec<String> = seen
            .iter()
            .map(|seen| inner(&seen.json())["tools"][0]["functionDeclarations"][2].to_string())
            .collect();
        assert!(
            tools.iter().all(|tool| *tool == tools[0] && tool.contains("headroom_retrieve")),
            "{tools:?}"
        );
        proxy.drain();
    }
}

#[test]
fn a_failing_round_on_geminis_wire_hands_the_call_over_and_so_does_one_too_many() {
    for client in CLIENTS {
        for fails in [true, false] {
            let world = World::with(
                Rules::default(),
                Box::new(move |asked| match asked.number {
                    0 => Turn::calls("Bash", json!({"command": "curl services"})),
                    2 if fails => Turn::fails(503, "", "The model is overloaded."),
                    1..=4 if asked.number == 1 || !fails => says_and_retrieves("Hm. ", asked),
                    _ => Turn::says("I go on without it."),
                }),
            );
            let proxy = world.proxy_with(&["--answer-retrieval"]);
            let mut talk = Talk::new(*client);
            let first = talk.asks(&proxy);
            talk.answers(&first, &rows(500));
            let second = talk.asks(&proxy);
            assert_eq!(second.calls, ["headroom_retrieve"], "{client:?}");
            assert_eq!(second.text, if fails { "Hm. ".to_owned() } else { "Hm. ".repeat(4) });
            talk.answers(&second, "unknown tool");
            assert_eq!(talk.asks(&proxy).text, "I go on without it.");
            // A round that the provider refused left nothing in its cache.
            assert!(fails || world.provider().broken_prefixes().is_empty(), "{client:?}");
            proxy.drain();
        }
    }
}

#[test]
fn nothing_is_offered_on_geminis_wire_unasked_or_where_it_can_not_be_answered() {
    let world = World::with(Rules::default(), script());
    let talk = Talk::new(Client::Streams);
    let proxy = world.proxy();
    talk.sent(&proxy, "?alt=sse");
    assert_eq!(
        world.provider().messages()[0].body,
        talk.body().as_bytes(),
        "without the flag not a byte differs"
    );
    proxy.drain();

    let proxy = world.proxy_with(&["--answer-retrieval"]);
    // A stream that is one JSON array.
    talk.sent(&proxy, "");
    let mut forced = Talk::new(Client::Streams);
    forced.request["toolConfig"] = json!({"functionCallingConfig": {"mode": "ANY"}});
    let mut bare = Talk::new(Client::Whole);
    bare.request.as_object_mut().expect("a request").remove("tools");
    for talk in [&forced, &bare] {
        talk.sent(&proxy, "?alt=sse");
    }
    let seen = world.provider().messages();
    for (seen, talk) in seen[1..].iter().zip([&talk, &forced, &bare]) {
        assert_eq!(seen.body, talk.body().as_bytes());
    }
    assert_eq!(seen.len(), 4);
    proxy.drain();
}

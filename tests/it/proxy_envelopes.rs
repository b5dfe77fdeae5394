//! Known wires in envelopes of others: Azure, Foundry, Vertex, Bedrock, Code Assist, any compatible server. Each is made
//! shorter, keeps its path, query and headers, and its prefix.

use crate::world::{World, log, rows};
use serde_json::{Value, json};

/// Which body a call carries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaks {
    Anthropic,
    /// The same with its version in the body and its model in the path.
    AnthropicInCloud,
    Chat,
    Responses,
    Gemini,
    CodeAssist,
}

/// An envelope: which upstream it needs, its path, a header of its own, and what is said in it.
struct Envelope {
    upstream: &'static str,
    path: &'static str,
    header: (&'static str, &'static str),
    speaks: Speaks,
    /// As the record has it.
    model: &'static str,
}

const ENVELOPES: &[Envelope] = &[
    Envelope {
        upstream: "azure",
        path: "/openai/deployments/my-deployment/chat/completions?api-version=2024-10-21",
        header: ("api-key", "azure-key"),
        speaks: Speaks::Chat,
        model: "my-deployment",
    },
    Envelope {
        upstream: "azure",
        path: "/openai/v1/responses?api-version=preview",
        header: ("api-key", "azure-key"),
        speaks: Speaks::Responses,
        model: "gpt-5",
    },
    Envelope {
        upstream: "foundry",
        path: "/anthropic/v1/messages",
        header: ("x-api-key", "foundry-key"),
        speaks: Speaks::Anthropic,
        model: "claude-sonnet-4-5",
    },
    Envelope {
        upstream: "vertex",
        path: "/v1/projects/p/locations/l/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict",
        header: ("authorization", "Bearer ya29.x"),
        speaks: Speaks::AnthropicInCloud,
        model: "claude-sonnet-4-5@20250929",
    },
    Envelope {
        upstream: "vertex",
        path: "/v1beta1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
        header: ("authorization", "Bearer ya29.x"),
        speaks: Speaks::Gemini,
        model: "gemini-2.5-pro",
    },
    Envelope {
        upstream: "vertex",
        path: "/v1/projects/p/locations/l/endpoints/openapi/chat/completions",
        header: ("authorization", "Bearer ya29.x"),
        speaks: Speaks::Chat,
        model: "gpt-4o",
    },
    Envelope {
        upstream: "bedrock",
        path: "/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke-with-response-stream",
        header: ("authorization", "Bearer bedrock-api-key-x"),
        speaks: Speaks::AnthropicInCloud,
        model: "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
    },
    Envelope {
        upstream: "code-assist",
        path: "/v1internal:streamGenerateContent?alt=sse",
        header: ("authorization", "Bearer ya29.x"),
        speaks: Speaks::CodeAssist,
        model: "gemini-2.5-pro",
    },
    Envelope {
        upstream: "openrouter",
        path: "/api/v1/chat/completions",
        header: ("authorization", "Bearer sk-or-v1-x"),
        speaks: Speaks::Chat,
        model: "gpt-4o",
    },
];

/// A history of so many calls and answers, as a client of this kind writes it.
fn body(envelope: &Envelope, turns: usize) -> String {
    let outputs = [
        ("kubectl get services -o json", rows(100)),
        ("cat app.log", log(150)),
        ("kubectl get pods -o json", rows(120)),
    ];
    let outputs = outputs.iter().take(turns);
    let asked = "Which service failed?";
    let body = match envelope.speaks {
        Speaks::Anthropic | Speaks::AnthropicInCloud => {
            let mut messages = vec![json!({"role": "user", "content": asked})];
            for (at, (command, output)) in outputs.enumerate() {
                let id = format!("toolu_{at}");
                messages.push(json!({"role": "assistant", "content": [
                    {"type": "tool_use", "id": id, "name": "Bash", "input": {"command": command}}]}));
                messages.push(json!({"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": id, "content": output}]}));
            }
            let tools = json!([{"name": "Bash", "description": "Runs a command.", "input_schema": {"type": "object"}}]);
            match envelope.speaks {
                Speaks::Anthropic => {
                    json!({"model": "claude-sonnet-4-5", "max_tokens": 1000, "tools": tools, "messages": messages})
                }
                _ if envelope.upstream == "vertex" => {
                    json!({"anthropic_version": "vertex-2023-10-16", "max_tokens": 1000, "stream": true, "tools": tools, "messages": messages})
                }
                _ => {
                    json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1000, "tools": tools, "messages": messages})
                }
            }
        }
        Speaks::Chat => {
            let mut messages = vec![json!({"role": "user", "content": asked})];
            for (at, (command, output)) in outputs.enumerate() {
                let id = format!("call_{at}");
                let arguments = json!({"command": command}).to_string();
                messages.push(json!({"role": "assistant", "content": null, "tool_calls": [
                    {"id": id, "type": "function", "function": {"name": "shell", "arguments": arguments}}]}));
                messages.push(json!({"role": "tool", "tool_call_id": id, "content": output}));
            }
            let tools = json!([{"type": "function", "function": {"name": "shell", "parameters": {"type": "object"}}}]);
            // With Azure the model is what its deployment is called.
            json!({"model": envelope.model, "tools": tools, "messages": messages})
        }
        Speaks::Responses => {
            let mut input = vec![
                json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": asked}]}),
            ];
            for (at, (command, output)) in outputs.enumerate() {
                let id = format!("call_{at}");
                let arguments = json!({"command": command}).to_string();
                input.push(
                    json!({"type": "function_call", "call_id": id, "name": "shell", "arguments": arguments}),
                );
                input.push(json!({"type": "function_call_output", "call_id": id, "output": output}));
            }
            let tools = json!([{"type": "function", "name": "shell", "parameters": {"type": "object"}}]);
            json!({"model": "gpt-5", "store": false, "tools": tools, "input": input})
        }
        Speaks::Gemini | Speaks::CodeAssist => {
            let mut contents = vec![json!({"role": "user", "parts": [{"text": asked}]})];
            for (command, output) in outputs {
                contents.push(json!({"role": "model", "parts": [{"functionCall": {"name": "shell", "args": {"command": command}}}]}));
                contents.push(json!({"role": "user", "parts": [{"functionResponse": {"name": "shell", "response": {"output": output}}}]}));
            }
            let tools =
                json!([{"functionDeclarations": [{"name": "shell", "parameters": {"type": "object"}}]}]);
            let request = json!({"tools": tools, "contents": contents});
            match envelope.speaks {
                Speaks::CodeAssist => json!({"model": "gemini-2.5-pro", "project": "p", "request": request}),
                _ => request,
            }
        }
    };
    body.to_string()
}

#[test]
fn what_is_said_in_an_envelope_is_made_shorter_and_keeps_its_prefix() {
    for envelope in ENVELOPES {
        let Envelope { upstream, path, header, .. } = envelope;
        let world = World::new();
        let named = format!("{upstream}={}", world.provider().base_url());
        let proxy = world.start_proxy(&["--port", "0", "--upstream", &named]);
        let at = if *upstream == "openrouter" { format!("/@openrouter{path}") } else { (*path).to_owned() };
        for turns in 1..=3 {
            let body = body(envelope, turns);
            let headers = [("content-type", "application/json"), *header];
            let reply = proxy.client().send("POST", &at, &headers, body.as_bytes());
            let seen = world.provider().seen().pop().expect("it came");
            assert_eq!((reply.status, seen.refused.as_str()), (200, ""), "{path}: {}", reply.text());
            assert_eq!((seen.target.as_str(), seen.header(header.0)), (*path, Some(header.1)));
            assert!(seen.body.len() < body.len() * 4 / 5, "{path}: {} of {}", seen.body.len(), body.len());
            assert!(serde_json::from_slice::<Value>(&seen.body).is_ok(), "{path}");
        }
        assert_eq!(world.provider().broken_prefixes(), [], "{path}");
        assert_eq!(proxy.drain(), 0);
        let stats = world.run(&["stats", "--json"]).succeeded();
        assert!(
            stats.contains(&format!("\"{}\"", envelope.model)),
            "{path}: {} is not in\n{stats}",
            envelope.model
        );
    }
}

#[test]
fn a_history_is_handed_in_for_compaction_as_it_was_sent() {
    let envelope = ENVELOPES.iter().find(|it| it.speaks == Speaks::Responses).expect("one of them");
    let world = World::new();
    let named = format!("openai={}", world.provider().base_url());
    let proxy = world.start_proxy(&["--port", "0", "--upstream", &named]);
    let headers =
        [("content-type", "application/json"), ("authorization", "Bearer sk-x"), ("session-id", "s-1")];
    let send = |path: &str, turns: usize| {
        let body = body(envelope, turns);
        assert_eq!(proxy.client().send("POST", path, &headers, body.as_bytes()).status, 200, "{path}");
        let seen: Value = world.provider().seen().pop().expect("it came").json();
        let outputs = seen["input"].as_array().cloned().unwrap_or_default();
        (body, outputs.into_iter().filter(|item| item["type"] == "function_call_output").collect::<Vec<_>>())
    };
    let (_, asked) = send("/v1/responses", 2);
    let (body, compacted) = send("/v1/responses/compact", 3);
    assert_eq!(compacted[..2], asked[..], "what was sent before is sent the same");
    let whole: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        compacted[2], whole["input"][6],
        "nothing can be asked back from a summary: what is new goes as it came"
    );
    let (_, again) = send("/v1/responses", 3);
    assert_eq!(again, compacted, "and stays so");
}

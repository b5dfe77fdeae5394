//! Batches: each request in one is made shorter, nothing is left out, and whatever else is handed in stays as it is.

use crate::proxy_fake::Fake;
use crate::world::{LOGIN, Talk, World, rows};
use serde_json::{Value, json};

fn anthropic() -> Value {
    let mut talk = Talk::new("Which service failed?");
    talk.calls("Bash", json!({"command": "kubectl get services -o json"}), &rows(200));
    serde_json::from_slice(&talk.body()).unwrap()
}

fn chat() -> Value {
    json!({"model": "gpt-4o", "messages": [
        {"role": "user", "content": "Which service failed?"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "shell", "arguments": "{\"command\":\"kubectl get services -o json\"}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": rows(200)},
    ]})
}

fn gemini() -> Value {
    json!({"contents": [
        {"role": "user", "parts": [{"text": "Which service failed?"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "shell", "args": {"command": "kubectl get services -o json"}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "shell", "response": {"output": rows(200)}}}]},
    ]})
}

const BOUNDARY: &str = "multipart/form-data; boundary=b0";

fn upload(purpose: &str, file: &str) -> String {
    format!(
        "--b0\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n--b0\r\nContent-Disposition: \
         form-data; name=\"file\"; filename=\"batch.jsonl\"\r\nContent-Type: application/jsonl\r\n\r\n{file}\r\n--b0--\r\n"
    )
}

#[test]
fn every_request_of_a_batch_is_made_shorter() {
    let upstream = Fake::content();
    let world = World::new();
    let proxy = world.start_proxy(&["--port", "0", "--upstream", &upstream.url()]);
    let anthropics = json!({"requests": [
        {"custom_id": "a", "params": anthropic()}, {"custom_id": "b", "params": anthropic()}]});
    let line =
        |id: &str| json!({"custom_id": id, "method": "POST", "url": "/v1/chat/completions", "body": chat()});
    let lines = format!("{}\n{}\n", line("a"), line("b"));
    let geminis = json!({"batch": {"display_name": "x", "input_config": {"requests": {"requests": [
        {"request": gemini(), "metadata": {"key": "a"}}, {"request": gemini(), "metadata": {"key": "b"}}]}}}});
    for (path, kind, body) in [
        ("/v1/messages/batches", "application/json", anthropics.to_string()),
        ("/v1/files", BOUNDARY, upload("batch", &lines)),
        ("/v1beta/models/gemini-2.5-flash:batchGenerateContent", "application/json", geminis.to_string()),
    ] {
        let headers: Vec<_> = LOGIN[1..].iter().copied().chain([("content-type", kind)]).collect();
        assert_eq!(proxy.client().send("POST", path, &headers, body.as_bytes()).status, 200, "{path}");
        let heard = upstream.heard().pop().unwrap();
        let shorter = String::from_utf8(heard.body).unwrap();
        assert!(shorter.len() < body.len() * 3 / 4, "{path}: {} of {}", shorter.len(), body.len());
        assert!(!shorter.contains("headroom retrieve"), "{path}: nobody can ask back from a batch");
        for kept in ["FAILED: disk quota exceeded on volume vol-7731", "service-0199"] {
            assert_eq!(shorter.matches(kept).count(), 2, "{path}: {kept}");
        }
    }
}

#[test]
fn what_is_no_batch_is_handed_in_as_it_came() {
    let upstream = Fake::content();
    let world = World::new();
    let proxy = world.start_proxy(&["--port", "0", "--upstream", &upstream.url()]);
    let line = json!({"custom_id": "a", "url": "/v1/chat/completions", "body": chat()}).to_string();
    for (path, kind, body) in [
        ("/v1/files", BOUNDARY, upload("fine-tune", &line)),
        ("/v1/files", BOUNDARY, upload("batch", "no JSON\n\n{}\n")),
        ("/v1/files", "application/octet-stream", "\0\x01 any bytes".to_owned()),
        ("/v1/messages/batches", "application/json", "{\"requests\":[1,{}]}".to_owned()),
        ("/v1/messages/batches", "application/json", String::new()),
        ("/v1/batches", "application/json", line.clone()),
        ("/v1/messages/batches/b/cancel", "application/json", line.clone()),
    ] {
        assert_eq!(proxy.client().send("POST", path, &[("content-type", kind)], body.as_bytes()).status, 200);
        assert!(upstream.heard().pop().unwrap().body == body.as_bytes(), "{path}: {body:.80}");
    }
    assert_eq!(proxy.drain(), 0);
    let stats = world.run(&["stats", "--json"]).succeeded();
    assert!(!stats.contains("unreadable"), "an upload is nothing that we failed to read\n{stats}");
}

//! One proxy, all wires, many upstreams: each request goes to the one it is meant for, and to no other.

use crate::proxy_fake::{Fake, before, setup};
use crate::world::{LOGIN, World};
use headroom::proxy::{self, VENDORS};
use serde_json::Value;
use std::collections::BTreeMap;

/// One upstream for each vendor, and what a proxy needs to know of them.
fn vendors() -> BTreeMap<&'static str, Fake> {
    VENDORS.iter().map(|vendor| (vendor.name, Fake::content())).collect()
}

/// A request of each wire and envelope, and the vendor that it is meant for.
const CALLS: &[(&str, &str, &str)] = &[
    ("anthropic", "POST", "/v1/messages?beta=true"),
    ("anthropic", "POST", "/v1/messages/count_tokens"),
    ("anthropic", "GET", "/v1/messages/batches/b/results"),
    ("openai", "POST", "/v1/chat/completions"),
    ("openai", "POST", "/v1/responses"),
    ("openai", "POST", "/v1/responses/compact"),
    ("openai", "GET", "/v1/responses/resp_1?stream=true"),
    ("chatgpt", "POST", "/backend-api/codex/responses"),
    ("gemini", "POST", "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"),
    ("gemini", "POST", "/v1beta/openai/chat/completions"),
    ("code-assist", "POST", "/v1internal:streamGenerateContent?alt=sse"),
    ("code-assist", "POST", "/v1internal:retrieveUserQuota"),
    ("vertex", "POST", "/v1/projects/p/locations/l/publishers/anthropic/models/claude@1:streamRawPredict"),
    ("vertex", "POST", "/v1beta1/publishers/google/models/gemini-2.5-pro:generateContent"),
    ("azure", "POST", "/openai/deployments/d/chat/completions?api-version=2024-10-21"),
    ("azure", "POST", "/openai/v1/responses"),
    ("foundry", "POST", "/anthropic/v1/messages"),
    ("bedrock", "POST", "/model/eu.anthropic.claude%3A0/invoke"),
    ("bedrock", "POST", "/model/eu.anthropic.claude%3A0/converse-stream"),
];

#[test]
fn every_wire_is_served_at_once_and_every_vendor_gets_its_own() {
    let upstreams = vendors();
    let mut setup = setup("");
    setup.upstreams.pinned = None;
    setup.upstreams.named = upstreams.iter().map(|(name, fake)| ((*name).to_owned(), fake.url())).collect();
    let proxy = proxy::start(setup).unwrap();
    let client = crate::world::Client::new(&proxy.base_url);
    let mut expected: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (vendor, method, path) in CALLS {
        for at in [(*path).to_owned(), format!("/@{vendor}{path}")] {
            let reply = client.send(method, &at, LOGIN, b"{ \"a\" : 1e0 }");
            assert_eq!((reply.status, reply.text().as_str()), (200, "{}"), "{at}");
            expected.entry(vendor).or_default().push(format!("{method} {path} HTTP/1.1"));
        }
    }
    for (name, fake) in &upstreams {
        let heard: Vec<String> = fake.heard().into_iter().map(|heard| heard.line).collect();
        assert_eq!(&heard, expected.entry(name).or_default(), "{name}");
        assert!(fake.heard().iter().all(|heard| heard.body == b"{ \"a\" : 1e0 }"), "{name}");
    }
    assert_eq!(proxy.counts().rewritten, 0);
}

#[test]
fn what_leads_nowhere_is_said_in_the_words_of_the_clients_provider() {
    let fake = Fake::content();
    let mut setup = setup("");
    setup.upstreams.pinned = None;
    setup.upstreams.named = [("anthropic".to_owned(), fake.url())].into();
    let proxy = proxy::start(setup).unwrap();
    let client = crate::world::Client::new(&proxy.base_url);
    let kind = |reply: &Value, pointer: &str| reply.pointer(pointer).cloned().unwrap_or_default();
    for (path, pointer, want, word) in [
        ("/v1/chat/completions", "/error/type", "invalid_request_error", "--upstream openai=URL"),
        ("/openai/v1/responses", "/error/type", "invalid_request_error", "HEADROOM_UPSTREAM_AZURE"),
        ("/v1beta/models/g:generateContent", "/error/status", "NOT_FOUND", "gemini"),
        ("/model/anthropic.claude/invoke", "/error/type", "not_found_error", "bedrock"),
        ("/v1/messages/../chat", "/error/type", "not_found_error", "no vendor's"),
        ("/@openai/v1/messages", "/error/type", "not_found_error", "there are: anthropic"),
        ("/", "/error/type", "not_found_error", "--upstream URL"),
    ] {
        let reply = client.send("POST", path, &[("content-type", "application/json")], b"{}");
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(kind(&reply.json(), pointer), want, "{path}: {}", reply.text());
        let message = kind(&reply.json(), "/error/message");
        assert!(message.as_str().is_some_and(|message| message.contains(word)), "{path}: {message}");
    }
    assert!(fake.heard().is_empty());
    // Two vendors have it: the header that only one of them demands decides.
    assert_eq!(client.send("GET", "/v1/models", &[], b"").status, 404);
    assert_eq!(client.send("GET", "/v1/models", &[("anthropic-version", "2023-06-01")], b"").status, 200);
}

#[test]
fn no_answer_is_said_in_the_words_of_the_clients_provider() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = proxy::start(setup(&format!("http://{nobody}"))).unwrap();
    let client = crate::world::Client::new(&proxy.base_url);
    for (path, pointer, want) in [
        ("/v1/messages", "/error/type", "api_error"),
        ("/v1/chat/completions", "/error/type", "server_error"),
        ("/v1/responses", "/error/type", "server_error"),
        ("/v1/embeddings", "/error/type", "server_error"),
        ("/v1beta/models/g:generateContent", "/error/status", "UNAVAILABLE"),
        ("/v1internal:loadCodeAssist", "/error/status", "UNAVAILABLE"),
        ("/anything", "/error/type", "api_error"),
    ] {
        let reply = client.send("POST", path, &[], b"{}");
        assert_eq!(reply.status, 502, "{path}");
        assert_eq!(reply.json().pointer(pointer).unwrap(), want, "{path}");
        let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("headroom") && message.contains(&nobody.to_string()), "{message}");
    }
}

#[test]
fn one_upstream_gets_whatever_comes_when_it_is_pinned() {
    let upstream = Fake::content();
    let (_proxy, client) = before(&upstream);
    for (_, method, path) in CALLS {
        assert_eq!(client.send(method, path, &[], b"{}").status, 200);
        assert_eq!(upstream.heard().pop().unwrap().line, format!("{method} {path} HTTP/1.1"));
    }
}

#[test]
fn upstreams_are_set_by_flag_variable_and_file() {
    let fakes = vendors();
    let mut world = World::new();
    world.file(
        "headroom/config.toml",
        format!(
            "[upstreams]\nollama = \"{}/base\"\nazure = \"{}\"\n",
            fakes["foundry"].url(),
            fakes["azure"].url()
        ),
    );
    world.set("HEADROOM_UPSTREAM_GEMINI", &fakes["gemini"].url());
    world.set("HEADROOM_UPSTREAM_MY_GATE", &fakes["vertex"].url());
    world.set("OPENAI_BASE_URL", &format!("{}/v1", fakes["openai"].url()));
    let anthropic = format!("anthropic={}", fakes["anthropic"].url());
    let proxy = world.start_proxy(&["--port", "0", "--upstream", &anthropic]);
    let client = proxy.client();
    for (path, vendor, there) in [
        ("/v1/messages", "anthropic", "/v1/messages"),
        ("/v1/responses", "openai", "/v1/responses"),
        ("/v1beta/models/g:generateContent", "gemini", "/v1beta/models/g:generateContent"),
        ("/openai/v1/responses", "azure", "/openai/v1/responses"),
        ("/@ollama/v1/chat/completions", "foundry", "/base/v1/chat/completions"),
        ("/@my-gate/v1/chat/completions", "vertex", "/v1/chat/completions"),
    ] {
        assert_eq!(client.send("POST", path, &[], b"{}").status, 200, "{path}");
        assert_eq!(fakes[vendor].heard().pop().unwrap().line, format!("POST {there} HTTP/1.1"));
    }
    assert_eq!(client.send("POST", "/model/anthropic.claude/invoke", &[], b"{}").status, 404);
    assert_eq!(proxy.stderr(), "");

    let shown = world.run(&["config", "show"]).succeeded();
    for line in [
        "upstreams.openai",
        "$OPENAI_BASE_URL",
        "upstreams.ollama",
        "config.toml:2",
        "$HEADROOM_UPSTREAM_MY_GATE",
        "https://api.anthropic.com",
    ] {
        assert!(shown.contains(line), "{line} is not in\n{shown}");
    }
}

#[test]
fn agents_that_are_pointed_at_a_headroom_do_not_point_it_at_itself() {
    let fake = Fake::content();
    let mut world = World::new();
    let first = world.start_proxy(&["--port", "0", "--upstream", &fake.url()]);
    world.set("ANTHROPIC_BASE_URL", &first.base_url);
    world.set("OPENAI_BASE_URL", "https://no-version.test");
    world.set("HTTPS_PROXY", "http://127.0.0.1:1");
    world.set("HEADROOM_UPSTREAM_GEMINI", &fake.url());
    let second = world.start_proxy(&["--port", "0"]);
    let client = second.client();
    assert_eq!(client.send("POST", "/v1beta/models/g:generateContent", &[], b"{}").status, 200);
    let turned_back = client.send("POST", "/v1/messages", &[], b"{}");
    assert_eq!(turned_back.status, 502);
    assert!(turned_back.text().contains("api.anthropic.com"), "{}", turned_back.text());
    let lost = client.send("POST", "/v1/chat/completions", &[], b"{}");
    assert_eq!(lost.status, 404, "{}", lost.text());
    assert!(second.stderr().contains("$OPENAI_BASE_URL can't be used"), "{}", second.stderr());
    assert_eq!(first.drain(), 0);
}

#[test]
fn a_slip_in_an_upstream_is_named() {
    let world = World::new();
    for (typed, want) in [
        (
            "deepseek=api.deepseek.com",
            "--upstream: `api.deepseek.com` can't be the value of `upstreams.deepseek`",
        ),
        ("Deep Seek=https://x", "can't name an upstream"),
        ("api.anthropic.com", "--upstream: `api.anthropic.com` can't be the value of `proxy.upstream`"),
        ("deepseek=https://u:p@x", "is not the http or https URL of an upstream"),
    ] {
        let said = world.run(&["proxy", "--port", "0", "--upstream", typed]).failed_with(2);
        assert!(said.contains(want), "{typed}: {said}");
    }
}

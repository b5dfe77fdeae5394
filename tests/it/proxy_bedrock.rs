//! Amazon Bedrock: what was signed for us is signed anew for AWS, or left as it came.

use crate::proxy_fake::{Fake, Heard};
use crate::world::{RunningProxy, Talk, World, rows};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write;

const MODEL: &str = "/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0";
const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// Anthropic's body as Bedrock takes it: the model and the wish for a stream stand in the path.
fn body() -> Vec<u8> {
    let mut talk = Talk::new("Which service failed?");
    talk.calls("Bash", json!({"command": "kubectl get services -o json"}), &rows(400));
    let mut body: Value = serde_json::from_slice(&talk.body()).unwrap();
    let fields = body.as_object_mut().unwrap();
    fields.remove("model");
    fields.remove("stream");
    fields.insert("anthropic_version".into(), json!("bedrock-2023-05-31"));
    body.to_string().into_bytes()
}

/// The credential of a client that signed for the host that it was given: ours.
fn credential(key: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/20260102/eu-west-1/bedrock/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date, Signature=00"
    )
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The signature that AWS would compute for a request that it got (its documentation of SigV4).
fn expected(heard: &Heard, secret: &str) -> String {
    let said = heard.header("authorization").unwrap();
    let part = |name: &str| said.split([' ', ',']).find_map(|part| part.strip_prefix(name)).unwrap();
    let scope = part("Credential=").split_once('/').unwrap().1;
    let names = part("SignedHeaders=");
    let mut words = heard.line.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut canonical = format!("{method}\n{}\n{query}\n", path.replace('%', "%25"));
    for name in names.split(';') {
        let _ = writeln!(canonical, "{name}:{}", heard.header(name).unwrap());
    }
    let _ = write!(canonical, "\n{names}\n{}", hex(Sha256::digest(&heard.body)));
    let date = heard.header("x-amz-date").unwrap();
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(Sha256::digest(&canonical)));
    let mac = |key: &[u8], text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    };
    let key = scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| mac(&key, part));
    hex(mac(&key, &to_sign))
}

#[track_caller]
fn is_signed(heard: &Heard, key: &str, secret: &str) {
    let said = heard.header("authorization").unwrap();
    assert!(
        said.contains(&format!("Credential={key}/")) && said.contains("/eu-west-1/bedrock/aws4_request"),
        "{said}"
    );
    assert!(said.contains("host;") && said.contains("x-amz-date"), "{said}");
    assert!(said.ends_with(&format!("Signature={}", expected(heard, secret))), "{said}\n{heard:?}");
}

fn proxy(world: &World, upstream: &Fake) -> RunningProxy {
    world.start_proxy(&["--port", "0", "--upstream", &format!("bedrock={}", upstream.url())])
}

#[test]
fn a_signed_invocation_is_made_shorter_and_signed_anew() {
    let upstream = Fake::content();
    let mut world = World::new();
    world.set("AWS_ACCESS_KEY_ID", KEY).set("AWS_SECRET_ACCESS_KEY", SECRET);
    let proxy = proxy(&world, &upstream);
    let (body, credential) = (body(), credential(KEY));
    let headers = [
        ("content-type", "application/json"),
        ("x-amz-date", "20260102T000000Z"),
        ("Authorization", credential.as_str()),
        ("x-amzn-bedrock-accept", "*/*"),
    ];
    for verb in ["invoke", "invoke-with-response-stream"] {
        let reply = proxy.client().send("POST", &format!("{MODEL}/{verb}"), &headers, &body);
        assert_eq!(reply.status, 200);
        let heard = upstream.heard().pop().unwrap();
        assert_eq!(heard.line, format!("POST {MODEL}/{verb} HTTP/1.1"));
        assert!(heard.body.len() < body.len() / 2, "{verb}: {} of {}", heard.body.len(), body.len());
        assert_eq!(heard.header("x-amzn-bedrock-accept"), Some("*/*"));
        is_signed(&heard, KEY, SECRET);
    }
    // What is only relayed was signed for us as well.
    for (method, path, body) in [("POST", "/converse-stream", &b"{ }"[..]), ("GET", "/x?a=b", b"")] {
        assert_eq!(proxy.client().send(method, &format!("{MODEL}{path}"), &headers, body).status, 200);
        let heard = upstream.heard().pop().unwrap();
        assert_eq!(heard.body, body);
        is_signed(&heard, KEY, SECRET);
    }
    assert_eq!(proxy.drain(), 0);
    let left = world.run(&["stats", "--json"]).succeeded();
    assert!(left.contains("eu.anthropic.claude-sonnet-4-5-20250929-v1:0"), "the path's model\n{left}");
}

#[test]
fn the_secret_is_found_by_the_key_that_the_client_signed_with() {
    let upstream = Fake::content();
    let mut world = World::new();
    world.file(
        "home/.aws/credentials",
        format!("[default]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = other\n[work]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"),
    );
    let cached =
        json!({"Credentials": {"AccessKeyId": "ASIAROLE", "SecretAccessKey": "role", "SessionToken": "t"}});
    world.file("home/.aws/cli/cache/0a.json", cached.to_string());
    let proxy = proxy(&world, &upstream);
    for (key, secret, token) in
        [(KEY, SECRET, None), ("AKIAOTHER", "other", None), ("ASIAROLE", "role", Some("t-2"))]
    {
        let credential = credential(key);
        let mut headers = vec![("content-type", "application/json"), ("Authorization", credential.as_str())];
        headers.extend(token.map(|token| ("x-amz-security-token", token)));
        headers.push(("x-amz-content-sha256", "stale"));
        assert_eq!(proxy.client().send("POST", &format!("{MODEL}/invoke"), &headers, &body()).status, 200);
        let heard = upstream.heard().pop().unwrap();
        is_signed(&heard, key, secret);
        assert_eq!(heard.header("x-amz-security-token"), token);
        assert_eq!(heard.header("x-amz-content-sha256"), Some(hex(Sha256::digest(&heard.body)).as_str()));
    }
}

#[test]
fn what_cant_be_signed_leaves_as_it_came_and_that_is_counted() {
    let upstream = Fake::content();
    let world = World::new();
    let proxy = proxy(&world, &upstream);
    let (body, credential) = (body(), credential(KEY));
    let headers = [("Authorization", credential.as_str()), ("x-amz-date", "20260102T000000Z")];
    assert_eq!(proxy.client().send("POST", &format!("{MODEL}/invoke"), &headers, &body).status, 200);
    let heard = upstream.heard().pop().unwrap();
    assert!(heard.body == body);
    assert_eq!(heard.header("authorization"), Some(credential.as_str()));
    assert_eq!(heard.header("x-amz-date"), Some("20260102T000000Z"));
    assert_eq!(proxy.drain(), 0);
    let stats = world.run(&["stats", "--json"]).succeeded();
    assert!(stats.contains("\"signed\""), "{stats}");
}

#[test]
fn a_key_for_bedrock_needs_no_signature() {
    let upstream = Fake::content();
    let mut world = World::new();
    world.set("AWS_ACCESS_KEY_ID", KEY).set("AWS_SECRET_ACCESS_KEY", SECRET);
    let proxy = proxy(&world, &upstream);
    let body = body();
    // Neither with a bearer's key, nor with none where the host is not AWS's own.
    for headers in [&[("Authorization", "Bearer bedrock-api-key-x")][..], &[("accept", "*/*")]] {
        assert_eq!(proxy.client().send("POST", &format!("{MODEL}/invoke"), headers, &body).status, 200);
        let heard = upstream.heard().pop().unwrap();
        assert!(heard.body.len() < body.len() / 2);
        assert_eq!(heard.header("authorization"), headers[0].1.starts_with("Bearer").then_some(headers[0].1));
        assert_eq!(heard.header("x-amz-date"), None);
    }
}

#[test]
fn an_event_stream_of_awss_is_relayed_to_the_byte() {
    let mut frames = Vec::new();
    for number in 0..200_u32 {
        frames.extend(number.to_be_bytes());
        frames.extend([0, 255, 13, 10, 26, 128, (number % 251) as u8]);
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\ncontent-length: {}\r\n\r\n",
        frames.len()
    );
    let upstream = Fake::answering([head.into_bytes(), frames.clone()].concat());
    let world = World::new();
    let proxy = proxy(&world, &upstream);
    let path = format!("{MODEL}/invoke-with-response-stream");
    let reply = proxy.client().send("POST", &path, &[("Authorization", "Bearer x")], &body());
    assert_eq!(reply.header("content-type"), Some("application/vnd.amazon.eventstream"));
    assert!(reply.whole && reply.body == frames);
}

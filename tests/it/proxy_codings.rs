//! Request bodies that come compressed are rewritten like any other, and leave as they came when they can't be.

use crate::proxy_fake::Fake;
use crate::world::{Client, LOGIN, Talk, World, rows};
use serde_json::json;
use std::io::{Read, Write};

/// A history whose last tool result is long enough to be made shorter.
fn body() -> Vec<u8> {
    let mut talk = Talk::new("Which service failed?");
    talk.calls("Bash", json!({"command": "kubectl get services -o json"}), &rows(400));
    talk.body()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    to.write_all(plain).unwrap();
    to.finish().unwrap()
}

fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut to = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    to.write_all(plain).unwrap();
    to.finish().unwrap()
}

fn zstd(plain: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(plain, 3).unwrap()
}

/// Brotli without compression (RFC 7932 §9.2): stored pieces, and an empty last one.
fn brotli(plain: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    for (at, piece) in plain.chunks(1 << 16).enumerate() {
        // From the lowest bit: the window (first piece only), not last, four nibbles, length less one, stored.
        let head = ((piece.len() as u32 - 1) << 3) | 1 << 19;
        let (head, bits) = if at == 0 { (head << 1, 21) } else { (head, 20) };
        coded.extend(&head.to_le_bytes()[..(bits as usize).div_ceil(8)]);
        coded.extend(piece);
    }
    coded.push(3);
    coded
}

fn undone(coding: &str, coded: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match coding {
        "gzip" => flate2::read::GzDecoder::new(coded).read_to_end(&mut plain).map(drop),
        "deflate" => flate2::read::ZlibDecoder::new(coded).read_to_end(&mut plain).map(drop),
        "zstd" => zstd::stream::copy_decode(coded, &mut plain),
        _ => unreachable!("no other is sent on"),
    }
    .unwrap();
    plain
}

fn send(client: &Client, coding: &str, body: &[u8]) {
    let coded = ("Content-Encoding", coding);
    let headers: Vec<_> = LOGIN.iter().copied().chain((!coding.is_empty()).then_some(coded)).collect();
    assert_eq!(client.send("POST", "/v1/messages", &headers, body).status, 200, "{coding}");
}

#[test]
fn a_coded_request_is_made_shorter_as_a_plain_one_is() {
    let upstream = Fake::content();
    let world = World::new();
    let proxy = world.start_proxy(&["--port", "0", "--upstream", &upstream.url()]);
    let client = proxy.client();
    let plain = body();
    send(&client, "", &plain);
    let shorter = upstream.heard().pop().unwrap().body;
    assert!(shorter.len() < plain.len() / 2, "{} of {}", shorter.len(), plain.len());

    for (coding, coded) in [("gzip", gzip(&plain)), ("deflate", deflate(&plain)), ("zstd", zstd(&plain))] {
        send(&client, coding, &coded);
        let heard = upstream.heard().pop().unwrap();
        assert_eq!(heard.header("content-encoding"), Some(coding));
        assert_eq!(heard.header("content-length"), Some(heard.body.len().to_string().as_str()));
        assert!(undone(coding, &heard.body) == shorter, "{coding}: the same as from the plain one");
    }
    // What can't be written here is sent plain, which whoever takes it coded takes as well.
    send(&client, "br", &brotli(&plain));
    let heard = upstream.heard().pop().unwrap();
    assert_eq!(heard.header("content-encoding"), None);
    assert!(heard.body == shorter);
}

#[test]
fn a_coded_request_that_nothing_is_done_to_leaves_to_the_byte() {
    let upstream = Fake::content();
    let world = World::new();
    let proxy = world.start_proxy(&["--port", "0", "--upstream", &upstream.url()]);
    let client = proxy.client();
    let short = Talk::new("Hello.").body();
    let bomb = gzip(&vec![b' '; 100 << 20]);
    let cut_short = gzip(&body());
    let nothing: &[(&str, Vec<u8>)] = &[
        ("gzip", gzip(&short)),
        ("deflate", deflate(&short)),
        ("zstd", zstd(&short)),
        ("br", brotli(&short)),
        ("gzip", cut_short[..cut_short.len() - 9].to_vec()),
        ("zstd", b"\x28\xb5\x2f\xfd no such thing \xff".to_vec()),
        ("br", b"no such thing".to_vec()),
        ("tomorrow", body()),
        ("gzip, gzip", gzip(&gzip(&body()))),
        ("gzip", bomb),
        ("zstd", zstd(&vec![b' '; 300 << 20])),
    ];
    for (coding, coded) in nothing {
        send(&client, coding, coded);
        let heard = upstream.heard().pop().unwrap();
        assert_eq!(heard.header("content-encoding"), Some(*coding));
        assert!(heard.body == *coded, "{coding}");
    }
    if let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", proxy.pid())) {
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(kilobytes < 250 << 10, "two bombs of 100 and 300 MB took {kilobytes} kB");
    }
    assert_eq!(proxy.drain(), 0);
    let stats = world.run(&["stats", "--json"]).succeeded();
    for counted in ["unreadable", "too_large"] {
        assert!(stats.contains(counted), "{counted} is not in\n{stats}");
    }
}

#[test]
fn a_body_that_its_client_has_vouched_for_is_not_touched() {
    let upstream = Fake::content();
    let world = World::new();
    let proxy = world.start_proxy(&["--port", "0", "--upstream", &upstream.url()]);
    let body = body();
    for sealed in [
        ("Content-MD5", "x"),
        ("Digest", "sha-256=x"),
        ("Content-Digest", "sha-256=:x:"),
        (
            "Authorization",
            "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-1/bedrock/aws4_request, Signature=x",
        ),
    ] {
        let headers: Vec<_> = LOGIN.iter().copied().chain([sealed]).collect();
        assert_eq!(proxy.client().send("POST", "/v1/messages", &headers, &body).status, 200);
        assert!(upstream.heard().pop().unwrap().body == body, "{sealed:?}");
    }
}

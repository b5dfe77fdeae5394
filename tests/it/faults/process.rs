//! Faults that are seen on the program from outside: memory, descriptors, files, time.

use super::door::{DOORS, Door};
use crate::proxy_fake::{Fake, Next, STREAM, chunk};
use crate::world::{LOGIN, RunningProxy, World, rows, skip};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// `headroom proxy` before this upstream.
#[track_caller]
fn proxy_before(world: &World, upstream: &Fake) -> RunningProxy {
    world.start_proxy(&["--port", "0", "--upstream", &upstream.url()])
}

/// The most memory that a process has had so far; `None` where the system does not tell.
fn peak_kilobytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// What the requests of this wire need at most for a message of so many MB.
fn a_long_message(door: Door, megabytes: usize) {
    let upstream = Fake::content();
    let world = World::new();
    let proxy = proxy_before(&world, &upstream);
    let said = format!("\"{}\"", "a long story ".repeat((megabytes << 20) / 13));
    let body = door.with(&format!("\"x\":{said},"), r#""done""#).whole();
    let bytes = body.len() as u64;
    assert_eq!(proxy.client().send("POST", door.path, LOGIN, &body).status, 200);
    assert!(upstream.only().body == body);
    if let Some(peak) = peak_kilobytes(proxy.pid()) {
        let most = 3 * bytes / 1024 + (64 << 10);
        assert!(
            peak <= most,
            "{}: {peak} kB for a body of {} kB, more than {most} kB",
            door.name,
            bytes / 1024
        );
    }
    assert_eq!(proxy.drain(), 0);
}

#[test]
fn a_long_message_takes_no_more_than_three_times_its_size() {
    a_long_message(DOORS[0], 4);
}

#[test]
#[ignore = "full form: `just faults`"]
fn a_message_of_30_mb_takes_no_more_than_three_times_its_size() {
    DOORS.into_iter().for_each(|door| a_long_message(door, 30));
}

#[test]
fn an_answer_that_is_a_bomb_is_passed_on_as_it_is() {
    let bomb = {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let zeros = vec![b' '; 1 << 20];
        (0..150).for_each(|_| gzip.write_all(&zeros).expect("in memory"));
        gzip.finish().expect("in memory")
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        bomb.len()
    );
    let upstream = Fake::answering([head.as_bytes(), &bomb].concat());
    let world = World::new();
    let proxy = proxy_before(&world, &upstream);
    for door in DOORS {
        assert!(proxy.client().send("POST", door.path, LOGIN, &door.with("", "1").whole()).body == bomb);
    }
    if let Some(peak) = peak_kilobytes(proxy.pid()) {
        assert!(peak < 120 << 10, "{peak} kB for answers of 150 MB");
    }
    assert_eq!(proxy.drain(), 0);
}

#[test]
#[ignore = "known to fail: `just faults` shows it, and why"]
fn no_input_takes_more_than_ten_times_its_size() {
    let upstream = Fake::content();
    let world = World::new();
    let proxy = proxy_before(&world, &upstream);
    let client = proxy.client();
    let ask = |door: Door, output: &str| {
        assert_eq!(client.send("POST", door.path, LOGIN, &door.with("", output).whole()).status, 200);
    };
    // What comes into being with the first output that is made shorter belongs to none of these.
    let first = serde_json::to_string(&rows(200)).expect("it is JSON");
    DOORS.into_iter().for_each(|door| ask(door, &first));
    let Some(before) = peak_kilobytes(proxy.pid()) else { return skip("/proc does not tell here") };
    let size = 2 << 20;
    let many = |piece: &str| piece.repeat(size / piece.len());
    for output in [
        format!("[{}1]", many("1,")),
        format!("{}{}", many("["), many("]")),
        format!("\"{}\"", many("\\n")),
        format!("\"[{}1]\"", many("1,")),
    ] {
        DOORS.into_iter().for_each(|door| ask(door, &output));
        let peak = peak_kilobytes(proxy.pid()).unwrap_or_default();
        let (took, size) = (peak.saturating_sub(before), output.len() as u64 / 1024);
        let start = output.chars().take(12).collect::<String>();
        assert!(took <= 10 * size + 1024, "{took} kB more for {start}... of {size} kB");
        eprintln!("at most {took} kB more so far, for {start}... of {size} kB");
    }
    assert_eq!(proxy.drain(), 0);
}

/// Files below `folder` that hold `word`.
fn files_with(folder: &Path, word: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_with(&path, word, found);
        } else if fs::read(&path).is_ok_and(|bytes| bytes.windows(word.len()).any(|it| it == word.as_bytes()))
        {
            found.push(path.display().to_string());
        }
    }
}

#[test]
fn a_key_is_found_in_no_file_and_no_word_of_ours() {
    // A key that is refused, and said again in the answer: whole, and in a stream.
    let said = r#"{"error":{"message":"wrong key: sk-canary-7f3a"}}"#;
    let upstream = Fake::doing(move |heard, stream| {
        let answer = if heard.header("x-stream").is_some() {
            let stream = STREAM.replacen("\r\n", "\r\nconnection: close\r\n", 1);
            [stream.as_bytes(), &chunk(format!("event: error\ndata: {said}\n\n").as_bytes()), b"0\r\n\r\n"]
                .concat()
        } else {
            let head =
                "HTTP/1.1 401 No\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length";
            format!("{head}: {}\r\n\r\n{said}", said.len()).into_bytes()
        };
        let _ = stream.write_all(&answer);
        Next::Close
    });
    let world = World::new();
    let proxy = proxy_before(&world, &upstream);
    let client = proxy.client();
    for door in DOORS {
        let mark = if door.path.contains('?') { '&' } else { '?' };
        let path = format!("{}{mark}key=sk-canary-7f3a", door.path);
        let keys = [
            ("authorization", "Bearer sk-canary-7f3a"),
            ("x-api-key", "sk-canary-7f3a"),
            ("x-goog-api-key", "sk-canary-7f3a"),
            ("cookie", "session=sk-canary-7f3a"),
        ];
        for more in [&[][..], &[("x-stream", "1")]] {
            let body = door.with("", r#""done""#).whole();
            let reply = client.send("POST", &path, &[&keys, more].concat(), &body);
            assert!(reply.text().contains("canary"), "it is the client's own: {}", reply.text());
        }
    }
    let line = fs::read_to_string(format!("/proc/{}/cmdline", proxy.pid())).unwrap_or_default();
    let said = proxy.stderr();
    assert_eq!(proxy.drain(), 0);
    let stats = world.run(&["stats", "--json"]).succeeded();
    assert!(!format!("{line}{said}{stats}").contains("canary"), "{line}\n{said}\n{stats}");
    let mut found = Vec::new();
    files_with(world.home().parent().expect("the world"), "canary", &mut found);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn nothing_but_loopback_can_be_listened_on() {
    let world = World::new();
    for flag in ["--host", "--bind", "--listen"] {
        let said = world.run(&["proxy", flag, "0.0.0.0"]).failed_with(2);
        assert!(said.contains("unexpected argument"), "{said}");
    }
}

/// A stream that is silent for so long in its middle comes home whole.
fn a_silence(length: Duration) {
    let upstream = Fake::doing(move |_, stream| {
        stream.write_all(&[STREAM.as_bytes(), &chunk(b"data: a\n\n")].concat()).expect("it is there");
        std::thread::sleep(length);
        stream.write_all(&[&chunk(b"data: b\n\n")[..], b"0\r\n\r\n"].concat()).expect("it is still there");
        Next::Close
    });
    let world = World::new();
    let proxy = proxy_before(&world, &upstream);
    let client = proxy.client();
    std::thread::scope(|scope| {
        for door in DOORS {
            let client = &client;
            scope.spawn(move || {
                let body = door.with(r#""stream":true,"#, r#""done""#).whole();
                let mut stream = client.connect();
                // The test itself must not lose its patience first.
                stream.set_read_timeout(Some(length + Duration::from_secs(60))).expect("a timeout");
                let request = client.request("POST", door.path, &[("connection", "close")], &body);
                stream.write_all(&request).expect("it listens");
                let mut answer = String::new();
                std::io::Read::read_to_string(&mut stream, &mut answer).expect("it does not break off");
                assert!(
                    answer.contains("data: a\n\n") && answer.contains("data: b\n\n"),
                    "{}: {answer}",
                    door.name
                );
                assert!(answer.ends_with("0\r\n\r\n"), "{}: {answer}", door.name);
            });
        }
    });
    assert_eq!(proxy.drain(), 0);
}

#[test]
fn a_silence_in_the_middle_of_a_stream_is_waited_for() {
    a_silence(Duration::from_secs(1));
}

#[test]
#[ignore = "full form: `just faults`"]
fn a_silence_of_75_seconds_is_waited_for() {
    a_silence(Duration::from_secs(75));
}

#[test]
#[ignore = "full form: `just faults`"]
fn every_exit_code_is_the_agents() {
    let mut world = World::new();
    world.agent("claude", "for last; do :; done; exit $last");
    for code in 0..=255 {
        let ran = world.run(&["wrap", "--quiet", "claude", &code.to_string()]);
        assert_eq!(ran.code(), code);
    }
}

/// An agent that prints so many MB of any bytes, with escape sequences among them: they come out as they are.
fn much_output(megabytes: usize) {
    let mut world = World::new();
    world.agent("claude", &format!("i=0; while [ $i -lt {megabytes} ]; do cat megabyte; i=$((i+1)); done"));
    let colours = b"\x1b[31mred\x1b[0m\x1b[?2004h\x1b[200~pasted\x1b[201~\x1b]0;title\x07\r\n\0\xff";
    let megabyte: Vec<u8> = colours.iter().copied().cycle().take(1 << 20).collect();
    world.file("work/megabyte", &megabyte);
    let ran = world.run(&["wrap", "--quiet", "claude"]);
    assert_eq!(ran.output.stdout.len(), megabytes << 20);
    assert!(ran.output.stdout.chunks(1 << 20).all(|came| came == megabyte));
    let _ = ran.succeeded();
}

#[test]
fn much_output_comes_out_as_it_is() {
    much_output(4);
}

#[test]
#[ignore = "full form: `just faults`"]
fn output_of_100_mb_comes_out_as_it_is() {
    much_output(100);
}

#[test]
fn an_agent_never_meets_who_else_listens() {
    // Somebody who listens on every port that one might guess is not asked for anything.
    let stranger = Fake::content();
    let mut world = World::new();
    let upstream = world.provider().base_url();
    world.set("ANTHROPIC_BASE_URL", &upstream);
    world.agent("claude", r#"printf '%s' "$ANTHROPIC_BASE_URL""#);
    let given = world.run(&["wrap", "--quiet", "claude"]).succeeded();
    assert!(
        given.starts_with("http://127.0.0.1:") && !given.contains(&stranger.address.port().to_string()),
        "{given}"
    );
    let port = stranger.address.port().to_string();
    let said = world.run(&["proxy", "--port", &port, "--upstream", &upstream]).failed_with(1);
    assert!(said.contains(&port), "{said}");
    assert_eq!(stranger.connections(), 0);
}

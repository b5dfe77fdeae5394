//! How long the rewrite of one request takes: nothing new, and 200 KB of new tool output.

use bytes::Bytes;
use divan::Bencher;
use headroom::compress::Effort;
use headroom::rewrite::{Caller, Desk, Inline, Profile, Reach, Settings, WayBack, Writes, rewrite};
use headroom::store::{Limits, Scope, Store};
use headroom::units::Millis;
use headroom::wire::Wire;
use serde_json::{Value, json};
use std::cell::Cell;

fn main() {
    headroom::tokens::warm();
    divan::main();
}

fn caller() -> Caller {
    Caller {
        wire: Wire::Anthropic,
        session: None,
        run: "bench".to_owned(),
        agent: "bench".to_owned(),
        scope: Scope::default(),
        now: Millis(1),
        writes: Writes::Keep,
        reach: Reach::Tail,
        model: None,
    }
}

fn settings() -> Settings {
    Settings {
        profile: Profile::Shorten(Effort::Balanced),
        on: true,
        way_back: WayBack::Proven,
        rules: [].into(),
        frames: [].into(),
    }
}

/// A turn whose tool printed about 8 KB of rows.
fn turn(number: usize) -> [Value; 2] {
    let rows: Vec<Value> = (0..60)
        .map(|row| json!({"id": number * 100 + row, "name": format!("service-{row}"), "state": "ok", "uptime": row * 3_017, "region": "eu-west-1"}))
        .collect();
    let id = format!("toolu_{number}");
    [
        json!({"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": "Bash", "input": {"command": "curl api"}}]}),
        json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": Value::Array(rows).to_string()}]}),
    ]
}

/// A history of about `bytes` bytes that ends with a question.
fn history(bytes: usize, first: usize) -> Vec<Value> {
    let mut messages = vec![json!({"role": "user", "content": "which services are down?"})];
    let mut length = 0;
    let mut number = first;
    while length < bytes.saturating_sub(4_000) {
        let turn = turn(number);
        length += turn[0].to_string().len() + turn[1].to_string().len();
        messages.extend(turn);
        number += 1;
    }
    messages.push(json!({"role": "assistant", "content": "None so far."}));
    messages
        .push(json!({"role": "user", "content": "a".repeat(bytes.saturating_sub(length).min(4_000) / 2)}));
    messages
}

fn body(messages: &[Value]) -> Bytes {
    Bytes::from(json!({"model": "claude-sonnet-4-5", "stream": true, "messages": messages}).to_string())
}

/// A request whose every tool result was sent before: what most requests are.
#[divan::bench(args = [2 << 10, 200 << 10, 1 << 20, 2 << 20])]
fn nothing_new(bencher: Bencher<'_, '_>, bytes: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path(), Limits::default()).expect("a store");
    let desk = Desk { store: Some(&store), bench: &Inline, settings: &settings() };
    let body = body(&history(bytes, 0));
    rewrite(body.clone(), &caller(), &desk);
    bencher
        .counter(divan::counter::BytesCount::new(body.len()))
        .bench_local(|| rewrite(body.clone(), &caller(), &desk));
}

/// New tool output at the end of a short history: compressed, kept and pinned on disk.
#[divan::bench(args = [8 << 10, 25 << 10, 200 << 10])]
fn new_output_durably_kept(bencher: Bencher<'_, '_>, bytes: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path(), Limits::default()).expect("a store");
    let desk = Desk { store: Some(&store), bench: &Inline, settings: &settings() };
    let round = Cell::new(0);
    bencher
        .with_inputs(|| {
            round.set(round.get() + 1);
            let rows: Vec<Value> = (0..bytes / 110)
                .map(|row| json!({"id": row, "round": round.get(), "name": format!("service-{row}"), "state": if row == 77 { "FAILED" } else { "ok" }, "uptime": row * 3_017, "region": "eu-west-1"}))
                .collect();
            let mut messages = vec![json!({"role": "user", "content": "which services are down?"})];
            messages.extend(turn(round.get()));
            messages[2]["content"][0]["content"] = json!(Value::Array(rows).to_string());
            body(&messages)
        })
        .bench_local_values(|body| rewrite(body, &caller(), &desk));
}

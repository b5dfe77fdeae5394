//! The rewrite's laws, over histories that grow, fork, shrink, are tried again, and outlive the process.

use crate::world;
use bytes::Bytes;
use headroom::compress::{Effort, Shortened};
use headroom::refusal::Refusal;
use headroom::rewrite::{
    Bench, Caller, Desk, Inline, Job, Profile, Reach, Rewritten, Settings, WayBack, Writes, rewrite,
};
use headroom::store::{Limits, Scope, Store};
use headroom::units::Millis;
use headroom::wire::Wire;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::HashMap;

/// The default settings: everything allowed, the way back proven.
fn settings() -> Settings {
    Settings {
        profile: Profile::Shorten(Effort::Balanced),
        on: true,
        way_back: WayBack::Proven,
        rules: [].into(),
        frames: [].into(),
    }
}

fn caller() -> Caller {
    Caller {
        wire: Wire::Anthropic,
        session: None,
        run: "run-1".to_owned(),
        agent: "test".to_owned(),
        scope: Scope { project: "/project".to_owned() },
        now: Millis(1_790_000_000_000),
        writes: Writes::Keep,
        reach: Reach::Tail,
        model: None,
    }
}

/// A desk in a throwaway folder that can be closed and opened again.
struct Office {
    folder: tempfile::TempDir,
    store: Option<Store>,
    settings: Settings,
}

impl Office {
    fn open() -> Office {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(folder.path(), Limits::default()).expect("a store");
        Office { folder, store: Some(store), settings: settings() }
    }

    fn restart(&mut self) {
        self.store = None;
        self.store = Some(Store::open(self.folder.path(), Limits::default()).expect("a store"));
    }

    fn rewrite(&self, body: &[u8], caller: &Caller) -> Rewritten {
        self.rewrite_on(&Inline, body, caller)
    }

    fn rewrite_on(&self, bench: &dyn Bench, body: &[u8], caller: &Caller) -> Rewritten {
        let desk = Desk { store: self.store.as_ref(), bench, settings: &self.settings };
        rewrite(Bytes::copy_from_slice(body), caller, &desk)
    }
}

/// A request as Claude Code sends it: the breakpoint on the last block moves with every turn.
fn body_of(messages: &[Value]) -> Vec<u8> {
    let mut messages = messages.to_vec();
    if let Some(block) = messages.last_mut().and_then(|last| last["content"].as_array_mut()?.last_mut()) {
        block["cache_control"] = json!({"type": "ephemeral"});
    }
    json!({"model": "claude-sonnet-4-5", "stream": true, "messages": messages}).to_string().into_bytes()
}

/// The blocks of a body, one after the other, without what moves.
fn blocks_of(body: &[u8]) -> Vec<String> {
    let body: Value = serde_json::from_slice(body).expect("a forwarded body is JSON");
    let mut found = Vec::new();
    for message in body["messages"].as_array().expect("messages") {
        match &message["content"] {
            Value::Array(blocks) => {
                for block in blocks {
                    let mut block = block.clone();
                    block.as_object_mut().expect("a block").remove("cache_control");
                    found.push(format!("{} {block}", message["role"]));
                }
            }
            text => found.push(format!("{} {text}", message["role"])),
        }
    }
    found
}

#[derive(Clone, Debug)]
enum Output {
    Rows(usize),
    Log(usize),
    Short(String),
    Grep(usize),
    Odd,
}

impl Output {
    fn text(&self) -> String {
        match self {
            Output::Rows(rows) => world::rows(*rows),
            Output::Log(lines) => world::log(*lines),
            Output::Short(text) => text.clone(),
            Output::Grep(hits) => (0..*hits)
                .map(|hit| {
                    format!(
                        "src/deep/folder/file_{}.rs:{}:    let value = compute({hit});\n",
                        hit / 9,
                        hit * 7
                    )
                })
                .collect(),
            Output::Odd => format!("[{}", "[".repeat(5_000)),
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Ask(String),
    Call(Vec<Output>),
    /// The last request once more.
    Again,
    /// Back to the first so many messages, in thirds.
    Rewind(usize),
    Restart,
    CountTokens,
    Lossless,
    Off,
    On,
}

fn outputs() -> impl Strategy<Value = Output> {
    prop_oneof![
        (3usize..220).prop_map(Output::Rows),
        (3usize..400).prop_map(Output::Log),
        ".{0,300}".prop_map(Output::Short),
        (3usize..200).prop_map(Output::Grep),
        Just(Output::Odd),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => "[a-z ]{1,40}".prop_map(Step::Ask),
        6 => prop::collection::vec(outputs(), 1..4).prop_map(Step::Call),
        1 => Just(Step::Again),
        2 => (0usize..3).prop_map(Step::Rewind),
        1 => Just(Step::Restart),
        1 => Just(Step::CountTokens),
        1 => Just(Step::Lossless),
        1 => Just(Step::Off),
        1 => Just(Step::On),
    ];
    prop::collection::vec(step, 1..14)
}

/// What was forwarded for each block of each history that was ever sent.
#[derive(Default)]
struct Memory {
    sent: HashMap<String, String>,
}

impl Memory {
    /// Law 1: the same block at the same place in the same history is forwarded the same.
    #[track_caller]
    fn check(&mut self, client: &[u8], forwarded: &[u8]) {
        let (client, forwarded) = (blocks_of(client), blocks_of(forwarded));
        assert_eq!(client.len(), forwarded.len());
        let mut history = String::new();
        for (client, forwarded) in client.into_iter().zip(forwarded) {
            history.push('\n');
            history.push_str(&client);
            let before = self.sent.entry(history.clone()).or_insert_with(|| forwarded.clone());
            assert_eq!(*before, forwarded, "sent differently than before");
        }
    }
}

/// Law 4: outside the texts of tool results, every byte is the client's, in its place.
#[track_caller]
fn assert_only_results_changed(client: &[u8], forwarded: &[u8]) {
    let pieces = |body: &[u8]| {
        let conversation = Wire::Anthropic.read(body).expect("readable");
        let mut from = 0;
        let mut kept = Vec::new();
        for block in &conversation.blocks {
            if let headroom::conversation::Content::Result(result) = &block.content {
                for text in &result.texts {
                    kept.push(body[from..text.start].to_vec());
                    from = text.end;
                }
            }
        }
        kept.push(body[from..].to_vec());
        kept
    };
    assert_eq!(pieces(client), pieces(forwarded));
}

fn play(steps: &[Step], office: &mut Office) -> u64 {
    let mut memory = Memory::default();
    let mut messages =
        vec![json!({"role": "user", "content": [{"type": "text", "text": "why does it fail?"}]})];
    let mut calls = 0;
    let mut saved = 0;
    for step in steps {
        match step {
            Step::Ask(text) => {
                messages.push(json!({"role": "assistant", "content": [{"type": "text", "text": "I see."}]}));
                messages.push(json!({"role": "user", "content": text}));
            }
            Step::Call(outputs) => {
                let ids: Vec<String> = outputs
                    .iter()
                    .map(|_| {
                        calls += 1;
                        format!("toolu_{calls}")
                    })
                    .collect();
                let asked: Vec<Value> = ids
                    .iter()
                    .map(
                        |id| json!({"type": "tool_use", "id": id, "name": "Bash", "input": {"command": "x"}}),
                    )
                    .collect();
                let answered: Vec<Value> = ids
                    .iter()
                    .zip(outputs)
                    .map(|(id, output)| match calls % 3 {
                        0 => json!({"type": "tool_result", "tool_use_id": id, "content": [{"type": "text", "text": output.text()}]}),
                        _ => json!({"type": "tool_result", "tool_use_id": id, "content": output.text()}),
                    })
                    .collect();
                messages.push(json!({"role": "assistant", "content": asked}));
                messages.push(json!({"role": "user", "content": answered}));
            }
            Step::Again => {}
            Step::Rewind(thirds) => messages.truncate((messages.len() * thirds / 3).max(1)),
            Step::Restart => office.restart(),
            Step::Lossless => office.settings.profile = Profile::Lossless,
            Step::Off => office.settings.on = false,
            Step::On => office.settings = settings(),
            Step::CountTokens => {
                let body = body_of(&messages);
                let counted = office.rewrite(&body, &Caller { writes: Writes::Nothing, ..caller() });
                let sent = office.rewrite(&body, &caller());
                assert_eq!(counted.body, sent.body, "what is counted is what is sent");
            }
        }
        let body = body_of(&messages);
        let rewritten = office.rewrite(&body, &caller());
        memory.check(&body, &rewritten.body);
        assert_only_results_changed(&body, &rewritten.body);
        assert!(rewritten.body.len() <= body.len(), "never larger");
        saved += rewritten.receipt.bytes_before - rewritten.receipt.bytes_after;
    }
    saved
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_block_sent_once_is_sent_the_same_way_for_ever(steps in steps()) {
        play(&steps, &mut Office::open());
    }
}

#[test]
fn the_histories_of_that_property_are_really_made_shorter() {
    let steps = [
        Step::Call(vec![Output::Rows(200), Output::Log(400)]),
        Step::Restart,
        Step::Call(vec![Output::Grep(150)]),
        Step::Rewind(1),
        Step::Call(vec![Output::Rows(100)]),
    ];
    assert!(20_000 < play(&steps, &mut Office::open()));
}

#[test]
fn nothing_to_do_means_the_same_bytes() {
    let office = Office::open();
    let odd = [
        r#"{"messages":[{"role":"user","content":"a \u00e9 \/ 1e2"}],"n":0.10,"big":12345678901234567890123,"dup":1,"dup":2}"#,
        " { \"messages\" : [ ] } ",
        "not json",
        "",
        "[1,2",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tomorrow\",\"x\":[[[]]]}]}]}",
    ];
    for body in odd {
        assert_eq!(&office.rewrite(body.as_bytes(), &caller()).body[..], body.as_bytes());
    }
    let invalid_utf8 = b"{\"messages\":[{\"role\":\"user\",\"content\":\"\xff\xfe\"}]}";
    assert_eq!(&office.rewrite(invalid_utf8, &caller()).body[..], invalid_utf8);
}

fn one_result(text: &str) -> Vec<Value> {
    vec![
        json!({"role": "user", "content": "what failed?"}),
        json!({"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "curl api"}}]}),
        json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": text}]}),
    ]
}

#[track_caller]
fn assert_verbatim_because(rewritten: &Rewritten, body: &[u8], because: Refusal) {
    assert_eq!(&rewritten.body[..], body);
    assert!(rewritten.receipt.refusals.contains_key(&because), "{:?}", rewritten.receipt.refusals);
}

#[test]
fn what_was_sent_by_somebody_else_stays_as_it_was() {
    let office = Office::open();
    let mut messages = one_result(&world::rows(200));
    messages.push(json!({"role": "assistant", "content": "Row 100 failed."}));
    messages.push(json!({"role": "user", "content": "why?"}));
    let body = body_of(&messages);
    assert_verbatim_because(&office.rewrite(&body, &caller()), &body, Refusal::AlreadySent);
    // And it stays so when the client goes back to where that result is the last word.
    messages.truncate(3);
    let body = body_of(&messages);
    assert_eq!(&office.rewrite(&body, &caller()).body[..], &body[..]);
}

#[test]
fn without_a_way_back_nothing_is_left_out() {
    let mut office = Office::open();
    let body = body_of(&one_result(&world::log(2_000)));
    for way_back in [WayBack::Nothing, WayBack::Tools(vec!["mcp__headroom__headroom_retrieve".to_owned()])] {
        office.settings.way_back = way_back;
        let rewritten = office.rewrite(&body, &caller());
        let forwarded = String::from_utf8(rewritten.body.to_vec()).expect("text");
        assert!(!forwarded.contains("headroom retrieve"), "no marker without a way back");
    }
}

struct Broken(Refusal);

impl Bench for Broken {
    fn run(&self, jobs: Vec<Job>) -> Vec<Result<Shortened, (&'static str, Refusal)>> {
        jobs.into_iter().map(|_| Err(("other", self.0))).collect()
    }
}

#[test]
fn a_compressor_that_fails_sends_the_block_as_it_came_for_ever() {
    for because in [Refusal::Panicked, Refusal::Hung] {
        let office = Office::open();
        let body = body_of(&one_result(&world::rows(200)));
        assert_verbatim_because(&office.rewrite_on(&Broken(because), &body, &caller()), &body, because);
        assert_eq!(&office.rewrite(&body, &caller()).body[..], &body[..], "pinned as it came");
    }
}

#[test]
fn a_panic_in_a_compressor_is_caught() {
    let job: Job = Box::new(|| panic!("a bug"));
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = Inline.run(vec![job]);
    std::panic::set_hook(quiet);
    assert_eq!(result[0].as_ref().map(|_| ()), Err(&("other", Refusal::Panicked)));
}

#[test]
fn without_a_store_nothing_new_is_shortened() {
    let mut office = Office::open();
    office.store = None;
    let body = body_of(&one_result(&world::rows(200)));
    assert_verbatim_because(&office.rewrite(&body, &caller()), &body, Refusal::StoreFailed);
}

#[test]
fn our_own_output_given_again_is_left_alone() {
    let office = Office::open();
    let first = office.rewrite(&body_of(&one_result(&world::log(900))), &caller());
    let sent: Value = serde_json::from_slice(&first.body).expect("JSON");
    let text = sent["messages"][2]["content"][0]["content"].as_str().expect("a text").to_owned();
    assert!(text.len() < world::log(900).len());
    let mut messages = one_result(&text);
    messages[0]["content"] = json!("another question");
    let body = body_of(&messages);
    assert_eq!(&office.rewrite(&body, &caller()).body[..], &body[..]);
}

#[test]
fn what_is_given_back_is_never_shortened() {
    let office = Office::open();
    for (tool, input) in [
        ("mcp__headroom__headroom_retrieve", json!({"key": "00112233445566778899"})),
        ("Bash", json!({"command": "headroom retrieve 00112233445566778899 --lines 1-400"})),
    ] {
        let mut messages = one_result(&world::rows(300));
        messages[1]["content"][0]["name"] = json!(tool);
        messages[1]["content"][0]["input"] = input;
        let body = body_of(&messages);
        let rewritten = office.rewrite(&body, &caller());
        assert_verbatim_because(&rewritten, &body, Refusal::GivenBack);
        assert!(rewritten.receipt.only_gives_back);
        assert!(0 < rewritten.receipt.given_back_new.0);
    }
}

#[test]
fn the_answer_does_not_depend_on_threads_or_homes() {
    let body = body_of(&one_result(&world::rows(120)));
    let office = Office::open();
    let alone = office.rewrite(&body, &caller()).body;
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..8).map(|_| scope.spawn(|| office.rewrite(&body, &caller()).body)).collect();
        for other in others {
            assert_eq!(other.join().expect("no panic"), alone);
        }
    });
}

#[test]
fn two_proxies_that_share_a_store_send_the_same() {
    let office = Office::open();
    let other = Store::open(office.folder.path(), Limits::default()).expect("a second store");
    let mut lossless = settings();
    lossless.profile = Profile::Lossless;
    let body = body_of(&one_result(&world::rows(300)));
    let first = office.rewrite(&body, &caller()).body;
    let desk = Desk { store: Some(&other), bench: &Inline, settings: &lossless };
    assert_eq!(rewrite(Bytes::from(body), &caller(), &desk).body, first);
}

#[test]
fn originals_come_back_by_the_key_in_the_receipt() {
    let office = Office::open();
    let text = world::log(3_000);
    let rewritten = office.rewrite(&body_of(&one_result(&text)), &caller());
    let key = rewritten.receipt.blocks[0].key.clone().expect("a key");
    let original =
        office.store.as_ref().expect("open").original(&key, Millis(1_790_000_000_001)).expect("kept");
    assert_eq!(original.text, text);
}

#[test]
fn a_rule_of_the_users_keeps_an_output_as_it_is_and_holds_for_the_session() {
    use headroom::rewrite::rules::Rule;
    let mut office = Office::open();
    office.settings.rules = [Rule::parse("command:curl = never").expect("a rule")].into();
    let body = body_of(&one_result(&world::log(900)));
    assert_verbatim_because(&office.rewrite(&body, &caller()), &body, Refusal::Rule);
    // The rules that a session began with hold to its end.
    office.settings.rules = [].into();
    let mut messages = one_result(&world::log(900));
    messages.extend(one_result(&world::log(901)).into_iter().skip(1));
    let body = body_of(&messages);
    assert_verbatim_because(&office.rewrite(&body, &caller()), &body, Refusal::Rule);
}

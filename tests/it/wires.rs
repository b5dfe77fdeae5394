//! The rewrite's laws on every wire: the same session, written as each provider wants it.

use crate::world;
use bytes::Bytes;
use headroom::compress::Effort;
use headroom::conversation::{Answer, Arguments, Call, Content};
use headroom::refusal::Refusal;
use headroom::rewrite::batch::rewrite_batch;
use headroom::rewrite::{
    Caller, Desk, Inline, Profile, Reach, Rewritten, Settings, WayBack, Writes, rewrite,
};
use headroom::store::{Limits, Scope, Store};
use headroom::units::Millis;
use headroom::wire::Wire;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::HashMap;

fn settings() -> Settings {
    Settings {
        profile: Profile::Shorten(Effort::Balanced),
        on: true,
        way_back: WayBack::Proven,
        rules: [].into(),
        frames: [].into(),
    }
}

fn caller(wire: Wire) -> Caller {
    Caller {
        wire,
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

    fn rewrite(&self, wire: Wire, body: &[u8]) -> Rewritten {
        let desk = Desk { store: self.store.as_ref(), bench: &Inline, settings: &self.settings };
        rewrite(Bytes::copy_from_slice(body), &caller(wire), &desk)
    }

    /// The provider answered under the name `id`, and the model called these tools.
    fn answered(&self, rewritten: &Rewritten, id: &str, calls: &[ToolCall]) {
        let calls = calls.iter().map(|call| Call {
            block: 0,
            id: call.id.clone(),
            tool: "exec".to_owned(),
            arguments: Arguments::HeardCode(program(&call.command).into()),
        });
        let answer = Answer { id: id.to_owned(), calls: calls.collect() };
        let ground = rewritten.receipt.ground_of(&answer).expect("a request that was read");
        self.store.as_ref().expect("a store").remember_answer(id, ground, Millis(1_790_000_000_000));
    }
}

/// A tool that the model called, and what it answered.
#[derive(Clone, Debug)]
struct ToolCall {
    id: String,
    command: String,
    output: String,
}

/// What happens after the client has spoken.
#[derive(Clone, Debug)]
enum Turn {
    /// The model says something, and the user something else.
    Talk(String),
    /// The model calls tools, the client answers.
    Tools(Vec<ToolCall>),
}

fn program(command: &str) -> String {
    format!("const r = await tools.exec_command({{cmd: {}}});\ntext(r.output);\n", json!(command))
}

/// What the client and the model say in these turns: messages, contents or items.
fn written(wire: Wire, turns: &[Turn]) -> Vec<Value> {
    let mut all = vec![match wire {
        Wire::Gemini => json!({"role": "user", "parts": [{"text": "why does it fail?"}]}),
        Wire::OpenAiResponses => client_item(
            "msg_0",
            json!({"type": "message", "role": "user",
            "content": [{"type": "input_text", "text": "why does it fail?"}]}),
        ),
        _ => json!({"role": "user", "content": "why does it fail?"}),
    }];
    for (number, turn) in turns.iter().enumerate() {
        all.extend(said_by_the_model(wire, turn, number));
        all.extend(said_by_the_client(wire, turn, number));
    }
    all
}

/// A client's item as Codex writes it over a WebSocket.
fn client_item(id: &str, mut item: Value) -> Value {
    item["id"] = json!(id);
    item["internal_chat_message_metadata_passthrough"] = json!({"turn_id": "t", "create_time": 1.5});
    item
}

fn said_by_the_model(wire: Wire, turn: &Turn, number: usize) -> Vec<Value> {
    let (text, calls): (&str, &[ToolCall]) = match turn {
        Turn::Talk(_) => ("I see.", &[]),
        Turn::Tools(calls) => ("", calls),
    };
    let asked = |ask: &dyn Fn(&ToolCall) -> Value| calls.iter().map(ask).collect::<Vec<Value>>();
    match wire {
        Wire::Anthropic => {
            let mut content = vec![json!({"type": "text", "text": format!("{text}.")})];
            content.extend(asked(&|call| {
                json!({"type": "tool_use", "id": call.id, "name": "exec", "input": {"command": call.command}})
            }));
            vec![json!({"role": "assistant", "content": content})]
        }
        Wire::OpenAiChat => {
            let calls = asked(&|call| {
                let arguments = json!({"command": call.command}).to_string();
                json!({"id": call.id, "type": "function", "function": {"name": "exec", "arguments": arguments}})
            });
            let mut message = json!({"role": "assistant", "content": text});
            if !calls.is_empty() {
                message["tool_calls"] = json!(calls);
            }
            vec![message]
        }
        Wire::OpenAiResponses => {
            let mut items = vec![
                json!({"type": "reasoning", "id": format!("rs_{number}"), "encrypted_content": "x", "summary": []}),
                json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}),
            ];
            items.extend(asked(&|call| {
                json!({"type": "custom_tool_call", "id": "c", "status": "completed", "call_id": call.id,
                    "name": "exec", "input": program(&call.command)})
            }));
            items
        }
        Wire::Gemini => {
            let mut parts = vec![json!({"thought": true, "text": "hm"}), json!({"text": format!("{text}.")})];
            parts.extend(asked(&|call| {
                json!({"functionCall": {"name": "exec", "args": {"command": call.command}}, "thoughtSignature": "c2ln"})
            }));
            vec![json!({"role": "model", "parts": parts})]
        }
    }
}

fn said_by_the_client(wire: Wire, turn: &Turn, number: usize) -> Vec<Value> {
    let calls = match (turn, wire) {
        (Turn::Talk(text), Wire::Gemini) => return vec![json!({"role": "user", "parts": [{"text": text}]})],
        (Turn::Talk(text), Wire::OpenAiResponses) => {
            let said =
                json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]});
            return vec![client_item(&format!("msg_{}", number + 1), said)];
        }
        (Turn::Talk(text), _) => return vec![json!({"role": "user", "content": text})],
        (Turn::Tools(calls), _) => calls,
    };
    let answers = calls.iter();
    match wire {
        Wire::Anthropic => {
            let results: Vec<Value> = answers
                .map(|call| json!({"type": "tool_result", "tool_use_id": call.id, "content": call.output}))
                .collect();
            vec![json!({"role": "user", "content": results})]
        }
        Wire::OpenAiChat => answers
            .map(|call| json!({"role": "tool", "tool_call_id": call.id, "content": [{"type": "text", "text": call.output}]}))
            .collect(),
        Wire::OpenAiResponses => answers
            .map(|call| {
                let parts = json!([{"type": "input_text", "text": "Script completed\n"}, {"type": "input_text", "text": call.output}]);
                let item = json!({"type": "custom_tool_call_output", "call_id": call.id, "output": parts});
                client_item(&format!("ctco_{}", call.id), item)
            })
            .collect(),
        Wire::Gemini => {
            let parts: Vec<Value> = answers
                .map(|call| json!({"functionResponse": {"name": "exec", "response": {"output": call.output}}}))
                .collect();
            vec![json!({"role": "user", "parts": parts})]
        }
    }
}

fn body_of(wire: Wire, said: &[Value]) -> Vec<u8> {
    let body = match wire {
        Wire::Gemini => json!({"systemInstruction": {"parts": [{"text": "be good"}]}, "contents": said}),
        Wire::OpenAiResponses => {
            json!({"model": "gpt-6.1-sol", "instructions": "be good", "input": said, "store": false})
        }
        _ => json!({"model": "claude-sonnet-4-5", "messages": said, "stream": true}),
    };
    body.to_string().into_bytes()
}

/// The texts of all tool results, as they stand in the body.
fn texts_of(wire: Wire, body: &[u8]) -> Vec<(usize, usize)> {
    let conversation = wire.read(body).expect("readable");
    let mut texts = Vec::new();
    for block in &conversation.blocks {
        if let Content::Result(result) = &block.content {
            texts.extend(result.texts.iter().map(|text| (text.start, text.end)));
        }
    }
    texts
}

/// Law 4: outside the texts of tool results, every byte is the client's, in its place.
#[track_caller]
fn assert_only_results_changed(wire: Wire, client: &[u8], forwarded: &[u8]) {
    let pieces = |body: &[u8]| {
        let mut from = 0;
        let mut kept = Vec::new();
        for (start, end) in texts_of(wire, body) {
            kept.push(String::from_utf8_lossy(&body[from..start]).into_owned());
            from = end;
        }
        kept.push(String::from_utf8_lossy(&body[from..]).into_owned());
        kept
    };
    assert_eq!(pieces(client), pieces(forwarded));
}

/// What was forwarded for each text of a client's item; the item is named by all that the client said until then.
#[derive(Default)]
struct Memory {
    sent: HashMap<String, Vec<String>>,
}

impl Memory {
    /// Law 1. `history` names what was said before.
    #[track_caller]
    fn check(&mut self, history: &str, forwarded: &[u8], wire: Wire) {
        let texts = texts_of(wire, forwarded).into_iter();
        let texts: Vec<String> =
            texts.map(|(start, end)| String::from_utf8_lossy(&forwarded[start..end]).into_owned()).collect();
        let before = self.sent.entry(history.to_owned()).or_insert_with(|| texts.clone());
        assert_eq!(*before, texts, "sent differently than before");
    }
}

fn outputs() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => (3usize..200).prop_map(world::rows),
        3 => (120usize..200).prop_map(world::rows),
        3 => (3usize..300).prop_map(world::log),
        1 => ".{0,300}",
        1 => Just(format!("[{}", "[".repeat(3_000))),
    ]
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let call = ("[a-z]{1,8} [a-z./]{1,12}", outputs());
    let turn = prop_oneof![
        1 => "[a-z ]{1,30}".prop_map(Turn::Talk),
        4 => prop::collection::vec(call, 1..4).prop_map(|calls| Turn::Tools(
            calls.into_iter().map(|(command, output)| ToolCall { id: String::new(), command, output }).collect()
        )),
    ];
    prop::collection::vec(turn, 2..6).prop_map(|mut turns| {
        let mut count = 0;
        for turn in &mut turns {
            if let Turn::Tools(calls) = turn {
                for call in calls {
                    count += 1;
                    call.id = format!("call_{count}");
                }
            }
        }
        turns
    })
}

fn wires() -> impl Strategy<Value = Wire> {
    prop::sample::select(Wire::ALL.to_vec())
}

/// Sends a growing history, each request twice, with restarts; gives how many bytes were saved.
fn grow(wire: Wire, turns: &[Turn], restart_every: usize) -> u64 {
    let mut office = Office::open();
    let mut earlier: Vec<Vec<u8>> = Vec::new();
    let mut saved = 0;
    for end in 0..=turns.len() {
        if end % restart_every == restart_every - 1 {
            office.restart();
        }
        let body = body_of(wire, &written(wire, &turns[..end]));
        let sent = office.rewrite(wire, &body);
        assert_only_results_changed(wire, &body, &sent.body);
        assert!(sent.body.len() <= body.len(), "never larger");
        assert_eq!(office.rewrite(wire, &body).body, sent.body, "tried again");
        saved += (body.len() - sent.body.len()) as u64;
        let texts = |body: &[u8]| -> Vec<Vec<u8>> {
            texts_of(wire, body).into_iter().map(|(start, end)| body[start..end].to_vec()).collect()
        };
        let now = texts(&sent.body);
        assert!(now.starts_with(&earlier), "what was sent once is sent the same way");
        earlier = now;
    }
    saved
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn on_every_wire_a_block_sent_once_is_sent_the_same_way_for_ever(
        wire in wires(), turns in turns(), restart_every in 1usize..4
    ) {
        grow(wire, &turns, restart_every);
    }

    #[test]
    fn a_history_in_pieces_is_the_same_history_as_in_one(
        turns in turns(),
        lost in prop::collection::vec(any::<bool>(), 6),
        restarted in prop::collection::vec(any::<bool>(), 6),
        labelled in any::<bool>(),
    ) {
        in_pieces(&turns, &lost, &restarted, labelled);
    }
}

/// Plays a session of Responses. Where the connection was `lost`, the whole history is sent; else
/// only what is new, building on the answer before. Gives how many bytes were saved.
fn in_pieces(turns: &[Turn], lost: &[bool], restarted: &[bool], labelled: bool) -> u64 {
    let wire = Wire::OpenAiResponses;
    let mut office = Office::open();
    let mut memory = Memory::default();
    let mut saved = 0;
    let mut all = written(wire, &[]);
    let mut new = all.clone();
    let mut previous: Option<String> = None;
    for number in 0..=turns.len() {
        let at = number % lost.len();
        if restarted[at] {
            office.restart();
        }
        let whole = lost[at] || previous.is_none();
        let mut items = if whole { all.clone() } else { new.clone() };
        if whole && !labelled {
            // Over HTTP the same client writes its items without these.
            for item in &mut items {
                let item = item.as_object_mut().expect("an item");
                item.shift_remove("id");
                item.shift_remove("internal_chat_message_metadata_passthrough");
            }
        }
        let mut body = json!({"type": "response.create", "model": "gpt-6.1-sol", "input": items, "prompt_cache_key": "s"});
        if !whole {
            body["previous_response_id"] = json!(previous);
        }
        let body = body.to_string().into_bytes();
        let sent = office.rewrite(wire, &body);
        assert_only_results_changed(wire, &body, &sent.body);
        saved += (body.len() - sent.body.len()) as u64;
        // Every item by itself, named by its call.
        let forwarded: Value = serde_json::from_slice(&sent.body).expect("JSON");
        for item in forwarded["input"].as_array().expect("items") {
            if let Some(call) = item["call_id"].as_str().filter(|_| item.get("output").is_some()) {
                let alone = json!({"input": [item]}).to_string();
                memory.check(call, alone.as_bytes(), wire);
            }
        }
        if let Some(turn) = turns.get(number) {
            let id = format!("resp_{number}");
            let calls = match turn {
                Turn::Tools(calls) => calls.clone(),
                Turn::Talk(_) => Vec::new(),
            };
            office.answered(&sent, &id, &calls);
            previous = Some(id);
            all.extend(said_by_the_model(wire, turn, number));
            new = said_by_the_client(wire, turn, number);
            all.extend(new.clone());
        }
    }
    saved
}

fn big_turns() -> Vec<Turn> {
    let call =
        |id: &str, output: String| ToolCall { id: id.to_owned(), command: "curl api".to_owned(), output };
    vec![
        Turn::Tools(vec![call("call_1", world::rows(200)), call("call_2", world::log(300))]),
        Turn::Talk("and now?".to_owned()),
        Turn::Tools(vec![call("call_3", world::rows(150))]),
    ]
}

#[test]
fn the_histories_of_these_properties_are_really_made_shorter() {
    for wire in Wire::ALL {
        let saved = grow(wire, &big_turns(), 2);
        assert!(10_000 < saved, "{}: {saved}", wire.name());
    }
    let saved = in_pieces(&big_turns(), &[false, false, true], &[false, true, false], false);
    assert!(10_000 < saved, "{saved}");
}

#[test]
fn on_every_wire_nothing_to_do_means_the_same_bytes() {
    let office = Office::open();
    let odd = [
        r#"{"model":"a \u00e9 \/","n":0.10,"big":12345678901234567890123,"dup":1,"dup":2,KEY:[]}"#,
        " { KEY : [ ] } ",
        r#"{KEY:[{"type":"tomorrow","x":[[[]]]}]}"#,
        r#"{KEY:[{"role":"user","content":"x","parts":[{"tomorrow":1}]}]}"#,
        "not json",
        "",
        "[1,2",
        r#"{KEY:[],KEY:[]}"#,
        r#"{KEY:{"a":1}}"#,
    ];
    for wire in Wire::ALL {
        let key = match wire {
            Wire::Gemini => "\"contents\"",
            Wire::OpenAiResponses => "\"input\"",
            _ => "\"messages\"",
        };
        for body in odd {
            let body = body.replace("KEY", key);
            assert_eq!(office.rewrite(wire, body.as_bytes()).body, body, "{} {body}", wire.name());
        }
        let deep = format!("{{{key}:[{}{}]}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(office.rewrite(wire, deep.as_bytes()).body, deep);
        for (numbers, restart) in [(1, 1), (2, 2)] {
            let short: Vec<Turn> = (0..numbers)
                .map(|number| {
                    Turn::Tools(vec![ToolCall {
                        id: format!("c{number}"),
                        command: "ls".into(),
                        output: "a\nb".into(),
                    }])
                })
                .collect();
            assert_eq!(grow(wire, &short, restart), 0);
        }
    }
}

/// The one item of a request that builds on `previous`.
fn next(previous: &str, call: &str, output: &str) -> Vec<u8> {
    let item = json!({"type": "custom_tool_call_output", "call_id": call, "output": output});
    json!({"input": [item], "previous_response_id": previous}).to_string().into_bytes()
}

#[test]
fn two_requests_that_build_on_one_answer_are_two_histories() {
    let office = Office::open();
    let wire = Wire::OpenAiResponses;
    let first = office.rewrite(wire, br#"{"input":"go"}"#);
    office.answered(&first, "resp_1", &[]);
    let one = office.rewrite(wire, &next("resp_1", "a", &world::rows(200)));
    let other = office.rewrite(wire, &next("resp_1", "b", &world::rows(200)));
    let elsewhere = office.rewrite(wire, &next("resp_unknown", "a", &world::rows(200)));
    let heads = [&first, &one, &other, &elsewhere].map(|sent| sent.receipt.head.expect("a head"));
    for (number, head) in heads.iter().enumerate() {
        assert!(!heads[..number].contains(head), "each is a history of its own");
    }
    assert_eq!(one.receipt.session, first.receipt.session);
    assert_eq!(other.receipt.session, first.receipt.session);
    for sent in [&one, &other, &elsewhere] {
        assert!(sent.receipt.bytes_after * 2 < sent.receipt.bytes_before, "all that is new is at the end");
    }
}

#[test]
fn an_empty_first_request_only_warms_the_way() {
    let mut office = Office::open();
    let wire = Wire::OpenAiResponses;
    let warm = office.rewrite(wire, br#"{"type":"response.create","generate":false,"input":[]}"#);
    office.answered(&warm, "warm", &[]);
    let said = written(wire, &big_turns()[..1]);
    let whole = office.rewrite(wire, &body_of(wire, &said));
    office.restart();
    let body = json!({"input": said, "previous_response_id": "warm"}).to_string();
    let built = office.rewrite(wire, body.as_bytes());
    assert_eq!(built.receipt.head, whole.receipt.head);
}

#[test]
fn what_the_model_asked_back_in_an_earlier_answer_is_never_shortened() {
    let mut office = Office::open();
    let wire = Wire::OpenAiResponses;
    let first = office.rewrite(wire, br#"{"input":"go"}"#);
    let ask = |command: &str| ToolCall { id: "a".into(), command: command.into(), output: String::new() };
    office.answered(&first, "asked", &[ask("headroom retrieve 0123456789abcdef0123")]);
    office.answered(&first, "not asked", &[ask("cat a.json")]);
    for restarts in 0..2 {
        let asked = next("asked", "a", &world::rows(200 + restarts));
        let sent = office.rewrite(wire, &asked);
        assert_eq!(sent.body, asked);
        assert!(sent.receipt.refusals.contains_key(&Refusal::GivenBack), "{:?}", sent.receipt.refusals);
        office.restart();
    }
    let other = next("not asked", "a", &world::rows(210));
    assert!(office.rewrite(wire, &other).body.len() < other.len());
}

#[test]
fn the_way_back_that_was_offered_in_the_first_request_holds_for_those_that_build_on_it() {
    let mut office = Office::open();
    office.settings.way_back = WayBack::Tools(vec!["exec".to_owned()]);
    let wire = Wire::OpenAiResponses;
    let tools = json!([{"type": "additional_tools", "role": "developer", "tools": [
        {"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]}]}]);
    let first = office.rewrite(wire, json!({"input": tools}).to_string().as_bytes());
    let bare = office.rewrite(wire, br#"{"input":"go"}"#);
    office.answered(&first, "resp_1", &[]);
    office.answered(&bare, "resp_2", &[]);
    let lost = |sent: &Rewritten| String::from_utf8_lossy(&sent.body).contains("headroom retrieve");
    let log = world::log(400);
    assert!(lost(&office.rewrite(wire, &next("resp_1", "a", &log))));
    office.restart();
    assert!(lost(&office.rewrite(wire, &next("resp_1", "b", &log))), "after a restart, too");
    assert!(!lost(&office.rewrite(wire, &next("resp_2", "a", &log))));
}

/// What a client without tools says after a command was run for it.
fn ran(command: &str, output: &str) -> String {
    format!("I ran this command:\n\n{command}\n\nAnd got this output:\n\n{output}\n")
}

#[test]
fn an_output_that_the_client_frames_in_the_users_words_is_shortened_and_nothing_around_it() {
    let mut office = Office::open();
    let rows = world::rows(200);
    let said = |text: &str| json!({"role": "user", "content": text});
    let ok = json!({"role": "assistant", "content": "Ok."});
    let first = vec![said(&ran("curl api", &rows)), ok.clone(), said("which row fails?")];
    let mut second = first.clone();
    second.extend([
        json!({"role": "assistant", "content": "Row 3."}),
        said(&ran("curl api?2", &world::rows(150))),
        ok,
        said("why?"),
    ]);
    let wire = Wire::OpenAiChat;

    let untold = office.rewrite(wire, &body_of(wire, &first));
    assert_eq!(untold.body, body_of(wire, &first), "who defines no frame says it all himself");

    let mut office_two = Office::open();
    std::mem::swap(&mut office, &mut office_two);
    office.settings.frames = [headroom::conversation::Frame {
        command: "I ran this command:\n\n".to_owned(),
        output: "\n\nAnd got this output:\n\n".to_owned(),
        end: "\n".to_owned(),
        answer: "Ok.".to_owned(),
    }]
    .into();
    office.settings.way_back = WayBack::Nothing;
    let mut before = String::new();
    for messages in [&first, &second] {
        let body = body_of(wire, messages);
        let sent = office.rewrite(wire, &body);
        assert!(sent.body.len() * 3 < body.len() * 2, "{} of {}", sent.body.len(), body.len());
        let sent: Value = serde_json::from_slice(&sent.body).expect("JSON");
        for (number, (client, sent)) in
            messages.iter().zip(sent["messages"].as_array().expect("messages")).enumerate()
        {
            let (client, text) =
                (client["content"].as_str().expect("text"), sent["content"].as_str().expect("text"));
            match client.split_once("output:\n\n") {
                Some((head, _)) if client.starts_with("I ran") => {
                    assert!(text.starts_with(head) && text.ends_with('\n') && text.len() < client.len());
                }
                _ => assert_eq!(client, text),
            }
            if number == 0 {
                let first = std::mem::replace(&mut before, text.to_owned());
                assert!(first.is_empty() || first == text, "sent once, sent so for ever");
            }
        }
        office.restart();
    }
    assert_eq!(office.rewrite(wire, b"{}").body, "{}");
}

#[test]
fn what_a_client_writes_around_an_output_stays_and_the_output_is_seen_for_what_it_is() {
    let office = Office::open();
    let head = "<untrusted_context>\nOutput: ";
    let tail = "\nProcess Group PGID: 15265\n</untrusted_context>";
    let rows = world::rows(200);
    let call = ToolCall { id: "a".into(), command: "curl api".into(), output: format!("{head}{rows}{tail}") };
    let wire = Wire::Gemini;
    let body = body_of(wire, &written(wire, &[Turn::Tools(vec![call])]));
    let sent = office.rewrite(wire, &body);
    assert!(sent.body.len() * 2 < body.len());
    let (start, end) = texts_of(wire, &sent.body)[0];
    let text: String = serde_json::from_slice(&sent.body[start..end]).expect("a string");
    assert!(text.starts_with(head) && text.ends_with(tail), "{text}");
    assert_eq!(sent.receipt.blocks[0].kind, "json");
    let key = sent.receipt.blocks[0].key.as_ref().expect("a key");
    let kept = office.store.as_ref().expect("a store").original(key, Millis(0)).expect("the original");
    assert_eq!(kept.text, rows, "what is given back is the output itself");
}

#[test]
fn every_request_of_a_batch_is_rewritten_by_itself_and_nothing_is_left_out() {
    let office = Office::open();
    let big = |output: String| {
        let call = ToolCall { id: "call_1".into(), command: "curl api".into(), output };
        vec![Turn::Tools(vec![call])]
    };
    let body = |wire: Wire, output: &str| -> Value {
        serde_json::from_slice(&body_of(wire, &written(wire, &big(output.to_owned())))).expect("JSON")
    };
    let line = |url: &str, body: Value| {
        json!({"custom_id": "a", "method": "POST", "url": url, "body": body}).to_string()
    };
    let (rows, log) = (world::rows(200), world::log(400));
    let batches = [
        json!({"requests": [
            {"custom_id": "a", "params": body(Wire::Anthropic, &rows)},
            {"custom_id": "b", "params": {"messages": "odd"}},
            {"custom_id": "c", "params": body(Wire::Anthropic, &log)}]})
        .to_string(),
        json!({"batch": {"input_config": {"requests": {"requests": [{"request": body(Wire::Gemini, &rows)}]}}}}).to_string(),
        [
            line("/v1/chat/completions", body(Wire::OpenAiChat, &rows)),
            "this is no line".to_owned(),
            line("/v1/responses", body(Wire::OpenAiResponses, &rows)),
        ]
        .join("\n"),
    ];
    for batch in batches {
        let desk = Desk { store: office.store.as_ref(), bench: &Inline, settings: &office.settings };
        let send =
            || rewrite_batch(Bytes::copy_from_slice(batch.as_bytes()), &caller(Wire::Anthropic), &desk);
        let sent = send();
        assert!(sent.body.len() * 5 < batch.len() * 4, "{} of {}", sent.body.len(), batch.len());
        assert_eq!(sent.receipt.bytes_after, sent.body.len() as u64);
        assert!(sent.receipt.first_sight().1 < sent.receipt.first_sight().0);
        let text = String::from_utf8_lossy(&sent.body);
        assert!(!text.contains("headroom retrieve"), "nobody can ask from there");
        assert!(text.contains("odd") || text.contains("this is no line") || text.contains("input_config"));
        assert_eq!(send().body, sent.body);
        for (before, after) in batch.lines().zip(text.lines()) {
            assert_eq!(
                serde_json::from_str::<Value>(before).is_ok(),
                serde_json::from_str::<Value>(after).is_ok()
            );
        }
    }
    for other in ["", "{}", "[]", "--", r#"{"requests":[]}"#, "{\"url\":1}\n{}"] {
        let desk = Desk { store: office.store.as_ref(), bench: &Inline, settings: &office.settings };
        let sent = rewrite_batch(Bytes::copy_from_slice(other.as_bytes()), &caller(Wire::Anthropic), &desk);
        assert_eq!(sent.body, other);
    }
}

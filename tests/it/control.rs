//! `headroom pause`, `resume` and `never`: from the next request on, for what is new, and never for what was sent.

use crate::world::{self, Client, Talk, World};
use bytes::Bytes;
use headroom::compress::Effort;
use headroom::refusal::Refusal;
use headroom::rewrite::{
    Caller, Desk, Inline, Profile, Reach, Rewritten, Settings, WayBack, Writes, rewrite,
};
use headroom::store::{Ask, Control, Limits, Scope, Store};
use headroom::units::{Millis, SessionId};
use headroom::wire::Wire;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

const SESSION: &str = "0b8f7d5e-0000-4000-8000-000000000001";

fn caller() -> Caller {
    Caller {
        wire: Wire::Anthropic,
        session: Some(SESSION.to_owned()),
        run: "run-1".to_owned(),
        agent: "test".to_owned(),
        scope: Scope { project: "/project".to_owned() },
        now: Millis(1_790_000_000_000),
        writes: Writes::Keep,
        reach: Reach::Tail,
        model: None,
    }
}

fn open(folder: &Path) -> Store {
    Store::open(folder, Limits::default()).expect("a store")
}

fn send(store: &Store, talk: &Talk, writes: Writes) -> Rewritten {
    let settings = Settings {
        profile: Profile::Shorten(Effort::Balanced),
        on: true,
        way_back: WayBack::Proven,
        rules: [].into(),
        frames: [].into(),
    };
    let desk = Desk { store: Some(store), bench: &Inline, settings: &settings };
    rewrite(Bytes::from(talk.body()), &Caller { writes, ..caller() }, &desk)
}

/// What was sent for each tool result, by the place of its message.
fn results_in(body: &[u8]) -> Vec<(usize, String)> {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    let messages = body["messages"].as_array().expect("messages").iter().enumerate();
    let texts = messages.filter_map(|(place, message)| {
        let text = message["content"][0]["content"].as_str()?;
        Some((place, text.to_owned()))
    });
    texts.collect()
}

fn control(ask: Ask, scope: &str, pattern: &str) -> Control {
    Control { ask, scope: scope.to_owned(), pattern: pattern.to_owned(), at: Millis(1) }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Pause(Ask),
    Resume,
    Never,
    Restart,
    Count,
    Turn(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        prop_oneof![Just(Ask::PauseSession), Just(Ask::PauseRun), Just(Ask::PauseFolder)]
            .prop_map(Step::Pause),
        Just(Step::Resume),
        Just(Step::Never),
        Just(Step::Restart),
        Just(Step::Count),
        any::<bool>().prop_map(Step::Turn),
        any::<bool>().prop_map(Step::Turn),
        any::<bool>().prop_map(Step::Turn),
    ];
    proptest::collection::vec(step, 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is paused, named, resumed and started anew: what was sent once is sent the same for ever, what is
    /// new while it is paused goes as it came, and counting tokens counts what is sent.
    #[test]
    fn no_control_ever_changes_what_was_sent(steps in steps()) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = open(folder.path());
        let mut talk = Talk::new("why do payments fail?");
        let mut sent: HashMap<usize, String> = HashMap::new();
        let (mut paused, mut never) = (false, false);
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Pause(ask) => {
                    let (scope, pattern) = match ask {
                        Ask::PauseSession => ("/project", SESSION),
                        Ask::PauseRun => ("/project", "run-1"),
                        _ => ("/project", ""),
                    };
                    store.ask_for(&control(ask, scope, pattern)).expect("written");
                    paused = true;
                }
                Step::Resume => {
                    let pauses: Vec<Control> =
                        store.controls().expect("read").into_iter().filter(|it| it.ask.is_pause()).collect();
                    store.ask_no_more(&pauses).expect("written");
                    paused = false;
                }
                Step::Never => {
                    store.ask_for(&control(Ask::Never, "", "kubectl logs*")).expect("written");
                    never = true;
                }
                Step::Restart => {
                    drop(store);
                    store = open(folder.path());
                }
                Step::Count => {
                    let counted = results_in(&send(&store, &talk, Writes::Nothing).body);
                    let then = results_in(&send(&store, &talk, Writes::Keep).body);
                    prop_assert_eq!(&counted, &then);
                    for (place, text) in &then {
                        prop_assert_eq!(&sent[place], text, "what is tried again has changed");
                    }
                }
                Step::Turn(logs) => {
                    let (command, output) = match logs {
                        true => ("kubectl logs deploy/shop", world::log(300 + number)),
                        false => ("curl -s api/items", world::rows(100 + number)),
                    };
                    talk.calls("Bash", json!({"command": command}), &output);
                    let rewritten = send(&store, &talk, Writes::Keep);
                    let results = results_in(&rewritten.body);
                    let (place, new) = results.last().expect("the new one").clone();
                    let as_it_came = new == output;
                    prop_assert_eq!(as_it_came, paused || (never && logs), "step {}", number);
                    let because = rewritten.receipt.blocks.last().expect("a receipt").refusal;
                    let expected = match (paused, never && logs) {
                        (true, _) => Some(Refusal::Paused),
                        (_, true) => Some(Refusal::Never),
                        _ => None,
                    };
                    prop_assert_eq!(because, expected);
                    for (place, text) in &results {
                        if let Some(before) = sent.get(place) {
                            prop_assert_eq!(before, text, "what was sent has changed");
                        }
                    }
                    sent.insert(place, new);
                }
            }
        }
    }
}

#[test]
fn a_control_is_there_for_its_own_session_run_and_folder_only() {
    let cases = [
        (control(Ask::PauseSession, "/project", SESSION), true),
        (control(Ask::PauseSession, "/project", "another"), false),
        (control(Ask::PauseRun, "/project", "run-1"), true),
        (control(Ask::PauseRun, "/project", "run-2"), false),
        (control(Ask::PauseFolder, "/project", ""), true),
        (control(Ask::PauseFolder, "/", ""), true),
        (control(Ask::PauseFolder, "", ""), true),
        (control(Ask::PauseFolder, "/proj", ""), false),
        (control(Ask::PauseFolder, "/project/web", ""), false),
        (control(Ask::Never, "/project", "Bash"), true),
        (control(Ask::Never, "/another", "Bash"), false),
        (control(Ask::Never, "", "Read"), false),
    ];
    for (asked, holds) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        let store = open(folder.path());
        store.ask_for(&asked).expect("written");
        let mut talk = Talk::new("why do payments fail?");
        talk.calls("Bash", json!({"command": "kubectl logs deploy/shop"}), &world::log(400));
        let rewritten = send(&store, &talk, Writes::Keep);
        let block = &rewritten.receipt.blocks[0];
        let because = if asked.ask == Ask::Never { Refusal::Never } else { Refusal::Paused };
        assert_eq!(block.refusal, holds.then_some(because), "{asked:?}");
        assert_eq!(block.rule.is_some(), holds, "{asked:?}");
        assert_eq!(rewritten.receipt.session, SessionId(SESSION.to_owned()));
    }
}

#[test]
fn a_store_keeps_what_was_asked_for_once_until_it_is_taken_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, other) = (open(folder.path()), open(folder.path()));
    let asked = control(Ask::Never, "/project", "npm test*");
    assert!(one.ask_for(&asked).expect("written"));
    assert!(!other.ask_for(&asked).expect("written"), "it was asked for before");
    assert_eq!(other.controls().expect("read"), std::slice::from_ref(&asked));
    other.ask_no_more(&[asked]).expect("written");
    assert_eq!(one.controls().expect("read"), []);
}

/// Sends one more output and tells whether it went as it came.
fn goes_as_it_came(world: &World, client: &Client, talk: &mut Talk, command: &str, lines: usize) -> bool {
    let output = world::log(lines);
    talk.calls("Bash", json!({"command": command}), &output);
    assert_eq!(client.message(&talk.body()).status, 200);
    let body = world.provider().messages().last().expect("a request").body.clone();
    results_in(&body).last().expect("a result").1 == output
}

#[test]
fn what_is_said_in_another_terminal_holds_from_the_next_request_on() {
    let world = World::new();
    let proxy = world.proxy();
    let client = proxy.client();
    let mut talk = Talk::new("why do payments fail?");
    let mut next = |command: &str, lines| goes_as_it_came(&world, &client, &mut talk, command, lines);

    assert!(!next("kubectl logs a", 300));
    let said = world.run(&["pause"]).succeeded();
    assert!(
        said.contains("Paused: every session in ") && said.contains("`headroom resume` goes on"),
        "{said}"
    );
    assert!(said.contains(&SESSION[..8]), "{said}");
    assert!(next("kubectl logs b", 301));
    assert!(world.run(&["pause"]).succeeded().contains("Already paused"));
    assert!(world.run(&["stats"]).succeeded().contains("paused: every session in "));
    assert!(world.run(&["config", "show"]).succeeded().contains("paused: every session in "));
    let said = world.run(&["resume"]).succeeded();
    assert!(said.contains("Resumed: every session in "), "{said}");
    assert!(!next("kubectl logs c", 302));
    assert!(world.run(&["resume"]).succeeded().contains("Nothing here is paused"));

    let said = world.run(&["pause", &SESSION[..8]]).succeeded();
    assert!(said.contains(&format!("`headroom resume {SESSION}` goes on")), "{said}");
    assert!(next("kubectl logs d", 303));
    world.run(&["resume", SESSION]).succeeded();
    assert!(!next("kubectl logs e", 304));

    let said = world.run(&["never", "Bash(kubectl logs f*)"]).succeeded();
    assert!(said.contains("go as they came, in "), "{said}");
    assert!(next("cd x && kubectl logs f | tail -500", 305));
    assert!(!next("kubectl logs g", 306));
    let listed = world.run(&["never"]).succeeded();
    assert!(listed.contains("Bash(kubectl logs f*)"), "{listed}");
    world.run(&["never", "--remove", "Bash(kubectl logs f*)"]).succeeded();
    assert!(!next("kubectl logs f", 307));
    world.run(&["never", "--remove", "Bash(kubectl logs f*)"]).failed_with(1);
    world.run(&["never", "a\nb"]).failed_with(2);

    proxy.drain();
    let stats: Value = serde_json::from_str(&world.run(&["stats", "--json"]).succeeded()).expect("JSON");
    let counted = |name: &str| {
        stats["refusals"]
            .as_array()
            .expect("refusals")
            .iter()
            .find(|it| it["name"] == name)
            .map(|it| it["count"].clone())
    };
    assert_eq!(counted("paused"), Some(json!(2)), "{stats}");
    assert_eq!(counted("never"), Some(json!(1)), "{stats}");
    assert_eq!(stats["controls"], json!([]), "{stats}");
}

#[test]
fn an_agents_own_shell_pauses_its_own_run() {
    let mut world = World::new();
    let script = r#"echo "$ANTHROPIC_BASE_URL" > url.new; mv url.new url
        while [ ! -e asked ]; do sleep 0.02; done
        "$HEADROOM_PROGRAM" pause > said.new 2>&1; mv said.new said
        while [ ! -e done ]; do sleep 0.02; done"#;
    world.agent("claude", script);
    world.set("HEADROOM_PROGRAM", env!("CARGO_BIN_EXE_headroom"));
    world.set("ANTHROPIC_BASE_URL", &world.provider().base_url());
    let mut wrap = world.headroom(&["wrap", "--quiet", "claude"]);
    let mut wrap = wrap.spawn().expect("wrap starts");
    let in_project = |name: &str| world.project().join(name);
    let wait_for = |name: &str| {
        world::eventually(name, || in_project(name).exists());
        std::fs::read_to_string(in_project(name)).expect("it is there")
    };
    let client = Client::new(wait_for("url").trim());
    let mut talk = Talk::new("why do payments fail?");
    assert!(!goes_as_it_came(&world, &client, &mut talk, "kubectl logs a", 300));
    std::fs::write(in_project("asked"), "").expect("a file");
    let said = wait_for("said");
    assert!(said.contains("Paused: this run of claude"), "{said}");
    assert!(goes_as_it_came(&world, &client, &mut talk, "kubectl logs b", 301));
    let said = world.run(&["resume"]).succeeded();
    assert!(said.contains("Resumed: a run in "), "{said}");
    assert!(!goes_as_it_came(&world, &client, &mut talk, "kubectl logs c", 302));
    std::fs::write(in_project("done"), "").expect("a file");
    assert!(wrap.wait().expect("it ends").success());
    for name in ["url", "asked", "said", "done"] {
        std::fs::remove_file(in_project(name)).expect("it was there");
    }
}

#[test]
fn whoever_starts_an_agent_where_it_is_paused_is_told() {
    let mut world = World::new();
    world.agent("claude", "exit 0");
    let told = "paused: what is new goes as it came; `headroom resume` goes on";
    assert!(!world.run(&["wrap", "claude"]).both().contains(told));
    world.run(&["pause"]).succeeded();
    assert!(world.run(&["wrap", "claude"]).both().contains(told));
    assert!(
        world.run(&["pause", "--everywhere"]).succeeded().contains("`headroom resume --everywhere` goes on")
    );
    let said = world.run(&["resume"]).succeeded();
    assert!(said.contains("Still paused: every session, since "), "{said}");
    assert!(world.run(&["wrap", "claude"]).both().contains(told));
    world.run(&["resume", "--everywhere"]).succeeded();
    assert!(!world.run(&["wrap", "claude"]).both().contains(told));
}

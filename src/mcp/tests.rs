//! What the tools answer; the protocol over stdio is in `tests/it/store.rs`.

use super::*;
use crate::units::Key;
use serde_json::json;
use tempfile::TempDir;

const NOW: Millis = Millis(1_800_000_000_000);

fn server(home: &TempDir, project: &str, offers: Offers) -> Server {
    let setup = Setup {
        data: home.path().join("data"),
        limits: Limits::default(),
        project: project.to_owned(),
        offers,
        prices: Prices::built_in(),
        now: || NOW,
    };
    Server { setup: Arc::new(setup), store: Arc::default() }
}

fn given(arguments: serde_json::Value) -> Given {
    match arguments {
        serde_json::Value::Object(arguments) => Given(Some(arguments)),
        _ => Given(None),
    }
}

fn kept(server: &Server, text: &str, project: &str) -> Key {
    let store = server.store().expect("the store opens");
    let scope = Scope { project: project.to_owned() };
    let key = store.key(text, &scope);
    let original = Original {
        key: key.clone(),
        text: text.into(),
        scope,
        kind: "log".to_owned(),
        tool: "Bash".to_owned(),
    };
    store.pin(&session(), &[], &[original], NOW).expect("it is kept");
    key
}

#[test]
fn the_one_tool_costs_few_tokens_in_a_prompt() {
    let cost = |offers| -> u64 {
        let rendered = tools::offered(offers).into_iter().map(|tool| {
            let name = format!("mcp__headroom__{}", tool.name);
            json!({"name": name, "description": tool.description, "input_schema": *tool.input_schema})
                .to_string()
        });
        rendered.map(|tool| tokens::count(&tool).0).sum()
    };
    assert!(cost(Offers::Retrieval) <= 120, "{} tokens", cost(Offers::Retrieval));
    assert!(cost(Offers::Everything) <= 300, "{} tokens", cost(Offers::Everything));
}

#[test]
fn a_long_original_comes_in_pages_that_name_the_next() {
    let home = tempfile::tempdir().expect("a folder");
    let server = server(&home, "/project", Offers::Retrieval);
    let text: String = (1..3_000).map(|line| format!("line {line}\n")).collect();
    let key = kept(&server, &text, "/project");
    let (mut together, mut page, mut named) = (String::new(), 1, Vec::new());
    loop {
        let texts = server.retrieve(&given(json!({"key": key.as_str(), "page": page}))).expect("a page");
        assert!(texts.iter().map(String::len).sum::<usize>() <= 8_192);
        together.push_str(&texts[0]);
        named.push(texts[1].clone());
        if texts[1].ends_with("the last") {
            break;
        }
        page += 1;
    }
    assert_eq!(together, text);
    assert_eq!(
        named,
        [
            "page: 1 of 4; next: page=2",
            "page: 2 of 4; next: page=3",
            "page: 3 of 4; next: page=4",
            "page: 4 of 4; the last"
        ]
    );
    let beyond = server.retrieve(&given(json!({"key": key.as_str(), "page": "5"})));
    assert_eq!(beyond, Err("there is no page 5; there are 4 pages".to_owned()));
    let lines = server.retrieve(&given(json!({"key": key.as_str(), "lines": "7-8"})));
    assert_eq!(lines, Ok(vec!["line 7\nline 8\n".to_owned()]));
    let retrievals = server.store().expect("a store").retrievals(&Filter::default()).expect("rows");
    assert_eq!(retrievals.len(), 5);
    assert!(retrievals.iter().all(|row| row.through == "mcp" && row.key == key && row.tokens.0 > 0));
}

#[test]
fn an_original_of_another_folder_is_not_given() {
    let home = tempfile::tempdir().expect("a folder");
    let server = server(&home, "/project", Offers::Retrieval);
    let cases = [("/project", true), ("", true), ("/project/sub", false), ("/", false), ("/projec", false)];
    for (owner, allowed) in cases {
        let key = kept(&server, &format!("text of {owner}"), owner);
        let answer = server.retrieve(&given(json!({"key": key.as_str()})));
        assert_eq!(answer.is_ok(), allowed, "{owner}: {answer:?}");
        if let Err(why) = answer {
            assert!(why.contains("another folder") && !why.contains("text of"), "{why}");
        }
    }
}

#[test]
fn what_cannot_be_given_is_said() {
    let home = tempfile::tempdir().expect("a folder");
    let server = server(&home, "/project", Offers::Retrieval);
    let key = kept(&server, "one line\n", "/project");
    let key = key.as_str();
    let cases = [
        (json!({}), "`key` is missing"),
        (json!(null), "`key` is missing"),
        (json!({"key": 12}), "`key` is missing"),
        (json!({"key": "../../etc/passwd"}), "is no key"),
        (json!({"key": "00000000000000000000"}), "no original is kept"),
        (json!({"key": key, "lines": "a"}), "is no line range"),
        (json!({"key": key, "lines": "5"}), "the original has 1 line"),
        (json!({"key": key, "rows": "a >"}), "can't be read"),
        (json!({"key": key, "rows": "a"}), "has no rows"),
        (json!({"key": key, "query": "absent"}), "no part of the original"),
        (json!({"key": key, "page": 0}), "there is no page 0"),
        (json!({"key": key, "page": -1}), "is a whole number"),
        (json!({"key": key, "page": {}}), "is a whole number"),
    ];
    for (arguments, why) in cases {
        let answer = server.retrieve(&given(arguments.clone()));
        assert!(answer.as_ref().is_err_and(|said| said.contains(why)), "{arguments}: {answer:?}");
    }
}

#[test]
fn what_is_not_shortened_is_said_and_what_is_can_be_got_back() {
    let home = tempfile::tempdir().expect("a folder");
    let server = server(&home, "/project", Offers::Everything);
    let answer = server.compress(&given(json!({"text": "hello"}))).expect("an answer");
    assert!(answer[0].starts_with("Not shortened: "), "{answer:?}");
    let shorter = "shorter\n".to_owned();
    let store = server.store().expect("a store");
    let scope = Scope { project: "/project".to_owned() };
    let key = store.key("long", &scope);
    let original = Original {
        key: key.clone(),
        text: "long".into(),
        scope,
        kind: "log".to_owned(),
        tool: String::new(),
    };
    let given_text = format!("{shorter}{}", crate::marker::left_out("9 lines left out", &key));
    server.keep(store, original, &given_text, "log-templates", "log", NOW).expect("kept");
    assert_eq!(server.retrieve(&given(json!({"key": key.as_str()}))), Ok(vec!["long".to_owned()]));
    assert!(store.is_ours(&given_text).expect("asked"), "it is known when it comes back");
}

#[test]
fn stats_are_short() {
    let home = tempfile::tempdir().expect("a folder");
    let server = server(&home, "/project", Offers::Everything);
    let answer = server.stats().expect("an answer");
    assert!(answer[0].contains("0 requests") && answer[0].len() < 400, "{answer:?}");
}

#[test]
fn a_long_answer_to_a_query_comes_in_pages_and_several_ranges_in_one() {
    let home = tempfile::tempdir().expect("a folder");
    let server = server(&home, "/project", Offers::Retrieval);
    let text: String = (1..2_000).map(|line| format!("line {line} of a request\n")).collect();
    let key = kept(&server, &text, "/project");
    let asked = |part: serde_json::Value| {
        let mut arguments = json!({"key": key.as_str()});
        let all = arguments.as_object_mut().expect("an object");
        all.extend(part.as_object().expect("an object").clone());
        server.retrieve(&given(arguments)).expect("an answer")
    };
    for query in ["request", "/of a req/"] {
        let (first, second) = (asked(json!({"query": query})), asked(json!({"query": query, "page": 2})));
        assert!(first[1].ends_with("next: page=2") && first[0] != second[0], "{}", first[1]);
        assert!(second[0].lines().all(|line| line == "--" || line.ends_with("of a request")), "{second:?}");
    }
    assert_eq!(
        asked(json!({"lines": "2,5-6,9"})),
        ["line 2 of a request\n--\nline 5 of a request\nline 6 of a request\n--\nline 9 of a request\n"]
    );
}

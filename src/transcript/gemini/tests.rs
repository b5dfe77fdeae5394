//! What Gemini CLI and Qwen Code wrote down, and what else they may.

use crate::transcript::sample::{broken, expected, recorded, source, told, told_in};
use crate::transcript::{Format, peek, recognise};

#[test]
fn sessions_that_the_real_clients_wrote_are_read_in_order() {
    for (folder, format) in [("gemini", Format::Gemini), ("qwen", Format::Qwen)] {
        let path = recorded(&format!("{folder}/session.jsonl"));
        assert_eq!(recognise(&path).unwrap(), Some(format));
        let (told, skipped) = told(&source(&path, format, None));
        assert_eq!((skipped.unreadable, skipped.unknown), (0, 0));
        assert_eq!(told, expected(&format!("{folder}/session.told")));
    }
}

/// Lines of a file of Gemini CLI behind a header.
fn gemini(lines: &[&str]) -> Vec<String> {
    let header = r#"{"sessionId":"s","projectHash":"p","startTime":"2026-11-20T10:00:00Z","kind":"main"}"#;
    let text = [&[header], lines].concat().join("\n");
    let (told, skipped) = told_in(text.as_bytes(), Format::Gemini);
    assert_eq!((skipped.unreadable, skipped.unknown), (0, 0), "{text}");
    told.into_iter().skip(1).collect()
}

/// A message of the model with one call, and how that ended.
fn call(status: &str, response: &str) -> String {
    format!(
        r#"{{"id":"m","type":"gemini","content":"","toolCalls":[{{"id":"c","name":"run_shell_command","args":{{"command":"ls"}},"status":"{status}","result":[{{"functionResponse":{{"id":"c","name":"run_shell_command","response":{response}}}}}]}}]}}"#
    )
}

#[test]
fn how_a_call_ended_is_told_by_its_status_and_its_words() {
    for (status, response, ending) in [
        ("success", r#"{"output":"Output: a\nExit Code: 0\n"}"#, "worked"),
        ("success", r#"{"output":"Output: a\nExit Code: 127\n"}"#, "failed(127)"),
        ("success", r#"{"output":"denied by policy, says the file that was read"}"#, "worked"),
        ("error", r#"{"error":"Tool execution denied by policy."}"#, "denied"),
        ("cancelled", r#"{"error":"[Operation Cancelled] Reason: User denied execution."}"#, "denied"),
        ("cancelled", r#"{"error":"[Operation Cancelled] User cancelled tool execution."}"#, "interrupted"),
        ("error", r#"{"error":"no such tool"}"#, "failed"),
        ("", r#"{"rows":[1]}"#, "worked"),
    ] {
        let told = gemini(&[&call(status, response)]);
        let result = told.last().expect("a result");
        assert!(result.starts_with(&format!("2 result c {ending} ")), "{result}");
    }
}

#[test]
fn the_last_record_of_an_id_holds_and_is_told_once() {
    let told = gemini(&[
        r#"{"id":"m","type":"gemini","content":"Hal"}"#,
        r#"{"id":"m","type":"gemini","content":"Half"}"#,
        r#"{"$set":{"lastUpdated":"x"}}"#,
        &call("success", r#"{"output":"done"}"#).replace(r#""content":"""#, r#""content":"Half a word""#),
        r#"{"id":"u","type":"user","content":[{"functionResponse":{"id":"c","name":"run_shell_command","response":{"output":"done"}}}]}"#,
        r#"{"id":"v","type":"user","content":[{"text":"thanks"},{"inlineData":{"data":""}}]}"#,
    ]);
    assert_eq!(
        told,
        [
            "2 said Half a word",
            "2 call c run_shell_command {\"command\":\"ls\"}",
            "2 answered  -",
            "2 result c worked done +0",
            "7 person: thanks +1",
        ]
    );
}

#[test]
fn turns_that_were_taken_back_and_histories_that_were_summed_up_are_said() {
    let told = gemini(&[
        r#"{"id":"a","type":"user","content":"first"}"#,
        r#"{"id":"b","type":"gemini","content":"one","tokens":{"input":50,"cached":20,"output":3,"thoughts":4,"tool":1}}"#,
        r#"{"id":"c","type":"user","content":"second"}"#,
        r#"{"$rewindTo":"c"}"#,
        r#"{"id":"d","type":"user","content":"another"}"#,
        r#"{"id":"i","type":"info","content":"Request cancelled."}"#,
        r#"{"$set":{"messages":[{"id":"s","type":"user","content":[{"text":"<state_snapshot>so far</state_snapshot>"}]},{"id":"t","type":"gemini","content":[{"text":"Got it."}]},{"id":"d","type":"user","content":"another"}]}}"#,
        r#"{"$set":{"directories":["/home/ada/shop"]}}"#,
        r#"{"$rewindTo":"nobody"}"#,
    ]);
    assert_eq!(
        told,
        [
            "2 person: first +0",
            "3 said one",
            "3 answered  31+20r+0w>7",
            "4 person: second +0",
            "5 back 3",
            "6 person: another +0",
            "7 interrupted",
            "8 compacted None <state_snapshot>so far</state_snapshot> Client",
            "9 about gemini s \"/home/ada/shop\"   \"\"",
            "10 back 0",
        ]
    );
}

#[test]
fn an_older_session_is_one_value_and_says_the_same() {
    let text = format!(
        "{{\n  \"sessionId\": \"s\",\n  \"projectHash\": \"p\",\n  \"messages\": [\n    {{\"id\":\"u\",\"type\":\"user\",\"content\":\"hi\"}},\n    {},\n 7 ]\n}}\n",
        call("success", r#"{"output":"done"}"#)
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.json");
    std::fs::File::create(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .unwrap();
    assert_eq!(recognise(&path).unwrap(), Some(Format::Gemini));
    let (told, skipped) = told(&source(&path, Format::Gemini, None));
    assert_eq!(
        told,
        [
            "1 about gemini s \"\"   \"\"",
            "1 person: hi +0",
            "2 call c run_shell_command {\"command\":\"ls\"}",
            "2 answered  -",
            "2 result c worked done +0",
        ]
    );
    assert_eq!(skipped.unreadable, 1);
}

#[test]
fn the_folder_stands_beside_the_chats_and_the_parent_above_a_sub_agents() {
    let home = tempfile::tempdir().unwrap();
    let chats = home.path().join("tmp/shop/chats/parent-1");
    std::fs::create_dir_all(&chats).unwrap();
    let write = |path: std::path::PathBuf, text: &str| {
        std::fs::File::create(path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
            .unwrap();
    };
    let file = chats.join("child.jsonl");
    write(file.clone(), r#"{"sessionId":"child","projectHash":"p","kind":"subagent"}"#);
    write(
        home.path().join("projects.json"),
        r#"{"projects":{"/home/ada/other":"other","/home/ada/shop":"shop"}}"#,
    );
    let about = peek(&source(&file, Format::Gemini, None)).unwrap();
    assert_eq!((about.folder.as_str(), about.parent.as_str()), ("/home/ada/shop", "parent-1"));
    write(home.path().join("tmp/shop/.project_root"), "/home/ada/moved\n");
    assert_eq!(peek(&source(&file, Format::Gemini, None)).unwrap().folder, "/home/ada/moved");
}

#[test]
fn a_fork_of_qwen_goes_back_to_the_record_that_it_follows() {
    let user = |id: &str, parent: &str, text: &str| {
        format!(
            r#"{{"uuid":"{id}","parentUuid":{parent},"sessionId":"s","type":"user","cwd":"/c","message":{{"role":"user","parts":[{{"text":"{text}"}}]}}}}"#
        )
    };
    let text = [
        user("a", "null", "one"),
        user("b", "\"a\"", "two"),
        user("c", "\"a\"", "three"),
        r#"{"uuid":"d","parentUuid":"c","sessionId":"s","type":"system","subtype":"chat_compression","systemPayload":{"info":{"originalTokenCount":9000}}}"#.to_owned(),
    ];
    let (told, _) = told_in(text.join("\n").as_bytes(), Format::Qwen);
    let expected = [
        "1 about qwen s \"/c\"   \"\"",
        "1 person: one +0",
        "2 person: two +0",
        "3 back 1",
        "3 person: three +0",
        "4 compacted Some(9000)  Client",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_broken_transcript_is_read_as_far_as_it_goes() {
    for (name, format) in [("gemini/session.jsonl", Format::Gemini), ("qwen/session.jsonl", Format::Qwen)] {
        let whole = std::fs::read(recorded(name)).unwrap();
        for seed in 0..150 {
            let (told, _) = told_in(&broken(&whole, seed), format);
            assert!(told.len() < 200, "{seed}");
        }
    }
}

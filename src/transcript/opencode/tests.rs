//! Sessions that OpenCode wrote, and databases that are locked, open, damaged, or none.

use super::*;
use crate::transcript::find;
use crate::transcript::sample::{broken, expected, recorded, source, told};
use crate::transcript::{Format, peek, recognise};
use std::collections::BTreeMap;
use std::io::Write;

/// A database with the recorded session, and what else `more` says, in a folder of its own.
fn database(more: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("opencode.db");
    let database = Connection::open(&path).unwrap();
    database.execute_batch(&fs::read_to_string(recorded("opencode/session.sql")).unwrap()).unwrap();
    database.execute_batch(more).unwrap();
    drop(database);
    (folder, path)
}

/// What lies in a folder: names, sizes, contents.
fn lies_in(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().flatten();
    files
        .map(|file| (file.file_name().to_string_lossy().into_owned(), fs::read(file.path()).unwrap()))
        .collect()
}

#[test]
fn a_session_that_opencode_wrote_is_read_in_order() {
    let (_folder, path) = database("");
    assert_eq!(recognise(&path).unwrap(), Some(Format::OpenCode));
    let (told, skipped) = told(&source(&path, Format::OpenCode, None));
    assert_eq!((skipped.unreadable, skipped.unknown), (0, 0));
    assert_eq!(told, expected("opencode/session.told"));
}

/// A session of one message of the model with these parts.
fn session(id: &str, columns: &str, parts: &[&str]) -> String {
    let mut text = format!(
        "INSERT INTO session VALUES ('{id}', 'p', {columns}, 5, 6);
         INSERT INTO message VALUES ('{id}-m', '{id}', 1, 1, '{{\"role\":\"assistant\",\"modelID\":\"m\"}}');"
    );
    for (at, part) in parts.iter().enumerate() {
        text.push_str(&format!(
            "INSERT INTO part VALUES ('{id}-{at:03}', '{id}-m', '{id}', {at}, {at}, '{part}');"
        ));
    }
    text
}

#[test]
fn each_session_is_a_source_and_a_sub_agents_names_its_parent() {
    let more = session("child", "'ses_parent', 's', '/home/ada/shop/sub', 't', '1.18.33', NULL", &[]);
    let (_folder, path) = database(&more);
    let sources = find::named(&path).unwrap();
    assert_eq!(sources.len(), 2);
    let child = sources.iter().find(|source| source.session.as_deref() == Some("child")).unwrap();
    assert_eq!(child.modified, Millis(6));
    let about = peek(child).unwrap();
    assert_eq!((about.parent.as_str(), about.folder.as_str()), ("ses_parent", "/home/ada/shop/sub"));
}

#[test]
fn how_a_call_ended_is_told_by_its_state() {
    let cases = [
        (r#""status":"completed","output":"a","metadata":{"exit":0}"#, "worked"),
        (r#""status":"completed","output":"a","metadata":{"exit":127}"#, "failed(127)"),
        (r#""status":"completed","output":"a""#, "worked"),
        (
            r#""status":"completed","output":"x terminated command after exceeding timeout 5","metadata":{"exit":null}"#,
            "failed",
        ),
        (
            r#""status":"error","error":"The user rejected permission to use this specific tool call.""#,
            "denied",
        ),
        (r#""status":"error","error":"The user has specified a rule which prevents you""#, "denied"),
        (
            r#""status":"error","error":"Tool execution aborted","metadata":{"interrupted":true}"#,
            "interrupted",
        ),
        (r#""status":"error","error":"File not found""#, "failed"),
        (r#""status":"running""#, "interrupted"),
        (r#""status":"else""#, "unknown"),
    ];
    let parts: Vec<String> = cases
        .iter()
        .map(|(state, _)| format!(r#"{{"type":"tool","tool":"bash","callID":"c","state":{{{state}}}}}"#))
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (_folder, path) = database(&session("s", "NULL, 's', '/w', 't', '1', NULL", &parts));
    let (told, _) = told(&source(&path, Format::OpenCode, Some("s")));
    let results: Vec<&str> =
        told.iter().filter_map(|line| line.split_once("result c ")).map(|(_, rest)| rest).collect();
    assert_eq!(results.len(), cases.len());
    for (result, (state, ending)) in results.iter().zip(cases) {
        assert!(result.starts_with(&format!("{ending} ")), "{state}: {result}");
    }
}

#[test]
fn summaries_undone_turns_and_what_the_client_adds_are_said() {
    let more = "INSERT INTO session VALUES ('s', 'p', NULL, 's', '/w', 't', '1', '{\"messageID\":\"s3\"}', 5, 6);
        INSERT INTO message VALUES ('s1', 's', 1, 1, '{\"role\":\"user\"}');
        INSERT INTO part VALUES ('s1a', 's1', 's', 1, 1, '{\"type\":\"text\",\"text\":\"say \\\"hi\\\"\"}');
        INSERT INTO part VALUES ('s1b', 's1', 's', 1, 1, '{\"type\":\"text\",\"text\":\"a file\",\"synthetic\":true}');
        INSERT INTO part VALUES ('s1c', 's1', 's', 1, 1, '{\"type\":\"file\",\"mime\":\"image/png\"}');
        INSERT INTO message VALUES ('s2', 's', 2, 2, '{\"role\":\"user\"}');
        INSERT INTO part VALUES ('s2a', 's2', 's', 2, 2, '{\"type\":\"compaction\",\"auto\":false}');
        INSERT INTO message VALUES ('s2b', 's', 2, 2, '{\"role\":\"assistant\",\"summary\":true,\"modelID\":\"m\",\"tokens\":{\"input\":7,\"output\":2,\"reasoning\":1,\"cache\":{\"read\":90,\"write\":3}}}');
        INSERT INTO part VALUES ('s2c', 's2b', 's', 2, 2, '{\"type\":\"text\",\"text\":\"so far\"}');
        INSERT INTO message VALUES ('s3', 's', 3, 3, '{\"role\":\"user\"}');
        INSERT INTO part VALUES ('s3a', 's3', 's', 3, 3, '{\"type\":\"text\",\"text\":\"wrong\"}');
        INSERT INTO message VALUES ('s4', 's', 4, 4, '{\"role\":\"assistant\",\"error\":{\"name\":\"MessageAbortedError\"}}');
        INSERT INTO message VALUES ('s5', 's', 5, 5, 'no record');";
    let (_folder, path) = database(more);
    let (told, skipped) = told(&source(&path, Format::OpenCode, Some("s")));
    let expected = [
        "1 about opencode s \"/w\"  1 \"\"",
        "2 client: a file +0",
        "1 person: say \"hi\" +1",
        "5 about opencode s \"/w\" m 1 \"\"",
        "5 answered m 7+90r+3w>3",
        "5 compacted Some(100) so far Person",
        "6 person: wrong +0",
        "6 answered  -",
        "6 interrupted",
        "6 back 5",
    ];
    assert_eq!(told, expected);
    assert_eq!(skipped.unreadable, 1);
}

#[test]
fn a_database_is_left_as_it_lies_whoever_has_it_open() {
    // Closed; closed with a log; open with a log that holds all of it.
    for (journal, stays_open) in [("DELETE", false), ("WAL", false), ("WAL", true), ("DELETE", true)] {
        let (folder, path) = database("");
        let writer = Connection::open(&path).unwrap();
        let mode: String =
            writer.query_row(&format!("PRAGMA journal_mode = {journal}"), [], |row| row.get(0)).unwrap();
        assert_eq!(mode.to_uppercase(), journal);
        writer.execute_batch("UPDATE part SET time_updated = 7").unwrap();
        let writer = stays_open.then_some(writer);
        // A copy of what lies there is to the reader what another program has open: within one, SQLite shares its index.
        let copy = tempfile::tempdir().unwrap();
        for (name, _) in lies_in(folder.path()) {
            fs::copy(folder.path().join(&name), copy.path().join(&name)).unwrap();
        }
        let before = lies_in(copy.path());
        let (told, _) = told(&source(&copy.path().join("opencode.db"), Format::OpenCode, None));
        assert_eq!(told, expected("opencode/session.told"), "{journal} {stays_open}");
        assert!(lies_in(copy.path()) == before, "{journal} {stays_open}");
        drop(writer);
    }
}

#[test]
fn what_a_writer_has_only_logged_is_read_too() {
    let (_folder, path) = database("");
    let writer = Connection::open(&path).unwrap();
    writer.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    writer
        .execute_batch(&session(
            "late",
            "NULL, 's', '/w', 't', '1', NULL",
            &[r#"{"type":"text","text":"hi"}"#],
        ))
        .unwrap();
    let (told, _) = told(&source(&path, Format::OpenCode, Some("late")));
    assert!(told.contains(&"1 said hi".to_owned()), "{told:?}");
}

#[test]
fn a_locked_database_is_read_as_it_was() {
    let (_folder, path) = database("");
    let writer = Connection::open(&path).unwrap();
    writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let (told, _) = told(&source(&path, Format::OpenCode, None));
    assert_eq!(told, expected("opencode/session.told"));
    drop(writer);
}

#[test]
fn what_is_no_database_of_opencode_is_an_error_and_a_damaged_one_is_read_as_far_as_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE a (b)").unwrap();
    assert!(read(&source(&path, Format::OpenCode, None), &mut |_| ControlFlow::Continue(())).is_err());
    assert!(
        read(&source(folder.path(), Format::OpenCode, None), &mut |_| ControlFlow::Continue(())).is_err()
    );
    let (_folder, whole) = database("");
    let bytes = fs::read(&whole).unwrap();
    for seed in 0..60 {
        let path = folder.path().join(format!("damaged {seed}?#%.db"));
        let mut file = fs::File::create(&path).unwrap();
        Write::write_all(&mut file, &broken(&bytes, seed)).unwrap();
        let mut entries = 0;
        let _ = read(&source(&path, Format::OpenCode, None), &mut |_| {
            entries += 1;
            ControlFlow::Continue(())
        });
        assert!(entries < 10_000, "{seed}");
    }
}

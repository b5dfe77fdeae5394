//! Setting, sharing, taking back; and a machine that stops at each step.

use super::*;
use crate::agent::swap::STOPPED;
use std::cell::Cell;
use std::os::unix::fs::PermissionsExt;

const TEXT: &str = "{\r\n  // mine\r\n  \"model\": 1e2,\r\n}";

/// A folder with a settings file in it, and journals.
struct Desk {
    folder: tempfile::TempDir,
    journals: Journals,
}

impl Desk {
    fn new() -> Desk {
        let folder = tempfile::tempdir().expect("a folder");
        let desk = Desk { journals: Journals::below(folder.path()), folder };
        fs::write(desk.path(), TEXT).expect("a file");
        desk
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("settings.json")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).expect("it is there")
    }

    fn wanted(&self, value: &str) -> Vec<Wanted> {
        let key = |last: &str| vec!["provider".to_owned(), last.to_owned()];
        [key("url"), key("proxy")]
            .map(|key| Wanted { path: self.path(), format: Format::Json, key, value: value.to_owned() })
            .to_vec()
    }

    /// Everything but the settings file and the lock.
    fn left_over(&self) -> Vec<PathBuf> {
        let inside = |folder: &Path| -> Vec<PathBuf> {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).collect()
        };
        let mut found = inside(self.folder.path());
        found.extend(inside(&self.folder.path().join("patches")));
        found.retain(|path| {
            !["settings.json", "patches", "lock"]
                .iter()
                .any(|name| path.file_name().is_some_and(|own| own == *name))
        });
        found
    }
}

/// A process that is not this one: it runs as long as `cat` has something to wait for.
fn another() -> (std::process::Child, Holder) {
    let mut cat = std::process::Command::new("/bin/cat");
    let child = cat.stdin(std::process::Stdio::piped()).spawn().expect("cat runs");
    let holder = Holder { pid: child.id(), started: String::new(), ..Holder::me() };
    (child, holder)
}

#[test]
fn a_value_is_there_as_long_as_it_is_held_and_then_the_file_is_as_it_was() {
    let desk = Desk::new();
    let link = desk.folder.path().join("link");
    std::os::unix::fs::symlink(desk.path(), &link).expect("a link");
    fs::set_permissions(desk.path(), fs::Permissions::from_mode(0o640)).expect("its mode");
    let mut wanted = desk.wanted("http://u");
    wanted.iter_mut().for_each(|wanted| wanted.path.clone_from(&link));
    let held = desk.journals.hold("x", &wanted).expect("it is set");
    assert_eq!(
        desk.text(),
        TEXT.replacen("{", "{\r\n  \"provider\": {\"proxy\": \"http://u\",\"url\": \"http://u\"},", 1)
    );
    assert!(desk.journals.heal().is_empty(), "it is held by a living process");
    drop(held);
    assert_eq!(desk.text(), TEXT);
    assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
    assert_eq!(fs::metadata(desk.path()).expect("it is there").permissions().mode() & 0o777, 0o640);
    fs::remove_file(link).expect("it is there");
    assert_eq!(desk.left_over(), Vec::<PathBuf>::new());
}

#[test]
fn a_file_that_was_not_there_is_gone_again() {
    let desk = Desk::new();
    let path = desk.folder.path().join("new.toml");
    let wanted =
        Wanted { path: path.clone(), format: Format::Toml, key: vec!["a".into()], value: "u".into() };
    let held = desk.journals.hold("x", std::slice::from_ref(&wanted)).expect("it is set");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "a = \"u\"\n");
    drop(held);
    assert_eq!(desk.left_over(), Vec::<PathBuf>::new());
    let held = desk.journals.hold("x", &[wanted]).expect("it is set");
    fs::write(&path, "a = \"u\"\nb = 1\n").expect("the user's own edit");
    drop(held);
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "b = 1\n");
}

#[test]
fn the_last_of_two_holders_restores() {
    for first_ends_first in [true, false] {
        let desk = Desk::new();
        let (mut child, other) = another();
        let first = desk.journals.hold("x", &desk.wanted("http://first")).expect("it is set");
        let second = desk.journals.hold_as(other, "x", &desk.wanted("http://second")).expect("it is set");
        assert_eq!(desk.text().matches("http://second").count(), 2);
        let (one, two, stays) =
            if first_ends_first { (first, second, "http://second") } else { (second, first, "http://first") };
        drop(one);
        assert_eq!(desk.text().matches(stays).count(), 2, "{}", desk.text());
        drop(two);
        assert_eq!(desk.text(), TEXT);
        assert_eq!(desk.left_over(), Vec::<PathBuf>::new());
        child.kill().expect("it was alive");
        child.wait().expect("it is ours");
    }
}

#[test]
fn what_the_user_edits_meanwhile_stays() {
    let desk = Desk::new();
    let held = desk.journals.hold("x", &desk.wanted("http://u")).expect("it is set");
    let edited =
        desk.text().replace("1e2", "\"opus\"").replace("\"url\": \"http://u\"", "\"url\": \"https://mine\"");
    fs::write(desk.path(), &edited).expect("the user's own edit");
    drop(held);
    let text = desk.text();
    assert!(
        text.contains("\"opus\"") && text.contains("https://mine") && !text.contains("http://u"),
        "{text}"
    );

    let held = desk.journals.hold("x", &desk.wanted("http://v")).expect("it is set");
    fs::remove_file(desk.path()).expect("it is there");
    drop(held);
    assert!(!desk.path().exists());
    assert_eq!(desk.left_over(), Vec::<PathBuf>::new());
}

#[test]
fn an_unwrap_undoes_what_is_held_and_says_so_once() {
    let desk = Desk::new();
    fs::write(desk.path(), "{\"provider\":{\"url\": \"https://own\"}}").expect("a file");
    let held = desk.journals.hold("x", &desk.wanted("http://u")).expect("it is set");
    assert_eq!(desk.journals.undo("other"), []);
    let undone: Vec<How> = desk.journals.undo("x").into_iter().map(|undone| undone.how).collect();
    assert_eq!(undone, [How::Removed, How::Restored("\"https://own\"".to_owned())]);
    assert_eq!(desk.journals.undo(""), []);
    drop(held);
    assert_eq!(desk.text(), "{\"provider\":{\"url\": \"https://own\"}}");
}

#[test]
fn what_cannot_be_edited_is_not_touched() {
    let desk = Desk::new();
    for text in ["{ broken", "[]", "{\"provider\": 1}"] {
        fs::write(desk.path(), text).expect("a file");
        let error = desk.journals.hold("x", &desk.wanted("http://u")).expect_err("there is no place");
        assert!(error.to_string().starts_with("could not change "), "{error}");
        assert_eq!(desk.text(), text);
    }
    let nowhere = Wanted { path: desk.path().join("below-a-file"), ..desk.wanted("u").remove(0) };
    assert!(desk.journals.hold("x", &[nowhere]).is_err());
    assert_eq!(desk.left_over(), Vec::<PathBuf>::new());
}

thread_local! {
    /// How many steps are left before the machine stops.
    static STEPS: Cell<usize> = const { Cell::new(usize::MAX) };
    /// What another program writes at the next moment at which a new file is ready.
    static EDITS: Cell<Option<(PathBuf, &'static str)>> = const { Cell::new(None) };
}

fn counted(_: Step) -> io::Result<()> {
    let left = STEPS.get();
    if left == 0 {
        return Err(io::Error::from(STOPPED));
    }
    STEPS.set(left - 1);
    Ok(())
}

#[test]
fn a_machine_that_stops_at_any_step_leaves_the_old_file_or_the_new_one() {
    let whole = {
        let desk = Desk::new();
        let held = desk.journals.hold("x", &desk.wanted("http://u")).expect("it is set");
        let text = desk.text();
        drop(held);
        text
    };
    let half = TEXT.replacen("{", "{\r\n  \"provider\": {\"url\": \"http://u\"},", 1);
    let mut finished = false;
    for steps in 0..100 {
        let mut desk = Desk::new();
        desk.journals.step = counted;
        STEPS.set(steps);
        // Once it has stopped, nothing more is done: not even what dropping would do.
        let (mut child, dead) = another();
        match desk.journals.hold_as(dead, "x", &desk.wanted("http://u")) {
            Ok(held) => {
                assert_eq!(desk.text(), whole);
                drop(held);
            }
            Err(error) => drop(error),
        }
        finished = 0 < STEPS.get();
        STEPS.set(usize::MAX);
        let text = desk.text();
        assert!([TEXT, &half, &whole].contains(&text.as_str()), "after {steps} steps: {text}");
        child.kill().expect("it was alive");
        child.wait().expect("it is ours");
        // The next command.
        desk.journals.heal();
        assert_eq!(desk.text(), TEXT, "after {steps} steps");
        assert_eq!(desk.left_over(), Vec::<PathBuf>::new(), "after {steps} steps");
        if finished {
            break;
        }
    }
    assert!(finished, "the last of them stopped nowhere");
}

#[test]
fn what_another_program_writes_at_the_same_moment_survives() {
    fn edits(step: Step) -> io::Result<()> {
        if step == Step::NewFileWritten
            && let Some((path, text)) = EDITS.take()
        {
            fs::write(path, text)?;
        }
        Ok(())
    }
    let mut desk = Desk::new();
    desk.journals.step = edits;
    EDITS.set(Some((desk.path(), "{\"theirs\": 1}")));
    let held = desk.journals.hold("x", &desk.wanted("http://u")).expect("it is set");
    assert!(desk.text().contains("\"theirs\": 1") && desk.text().contains("http://u"), "{}", desk.text());
    EDITS.set(Some((desk.path(), "{\"theirs\": 2}")));
    drop(held);
    assert_eq!(desk.text(), "{\"theirs\": 2}");
    assert_eq!(desk.left_over(), Vec::<PathBuf>::new());
}

#[test]
fn a_journal_of_the_first_version_can_still_be_read() {
    let desk = Desk::new();
    fs::write(
        desk.path(),
        "{\"provider\": {\"url\": \"http://127.0.0.1:1/s\", \"own\": 1}, \"proxy\": \"u\"}",
    )
    .expect("a file");
    let path = serde_json::Value::from(desk.path().to_string_lossy().as_ref());
    let journal = format!(
        r#"{{"version":1,"path":{path},"made":false,"entries":[
            {{"agent":"x","format":"json","key":["proxy"],"before":{{"was":"null"}},
              "layers":[{{"holder":{{"pid":1,"started":"0","system":""}},"value":"u"}}]}},
            {{"agent":"x","format":"json","key":["provider","url"],"before":{{"missing":{{"prefix":"\"url\": ","suffix":", "}}}},
              "layers":[{{"holder":{{"pid":1,"started":"0","system":""}},"value":"http://127.0.0.1:1/s"}}]}}]}}"#
    );
    fs::create_dir(desk.folder.path().join("patches")).expect("a folder");
    fs::write(desk.folder.path().join("patches/0123.json"), journal).expect("a file");
    let how: Vec<How> = desk.journals.heal().into_iter().map(|undone| undone.how).collect();
    assert_eq!(how, [How::Removed, How::Restored("null".to_owned())]);
    assert_eq!(desk.text(), "{\"provider\": {\"own\": 1}, \"proxy\": null}");
    assert_eq!(desk.left_over(), Vec::<PathBuf>::new());
}

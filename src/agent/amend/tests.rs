//! Amending, undoing; a machine that stops at each step; other programs that write meanwhile.

use super::*;
use crate::agent::swap::STOPPED;
use std::cell::Cell;
use std::convert::Infallible;
use std::os::unix::fs::PermissionsExt;

struct Desk {
    folder: tempfile::TempDir,
    amendments: Amendments,
}

impl Desk {
    fn new(text: &str) -> Desk {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("work")).expect("a folder");
        let desk = Desk { amendments: Amendments::below(folder.path()), folder };
        fs::write(desk.path(), text).expect("a file");
        desk
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("work/CLAUDE.md")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).expect("it is there")
    }

    fn left_over(&self) -> Vec<String> {
        let inside = fs::read_dir(self.folder.path().join("work")).expect("the folder");
        let names = inside.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name != "CLAUDE.md").collect()
    }

    fn add(&self, word: &str, run: i64) -> Result<bool, AmendError<Infallible>> {
        self.amendments.amend(&self.path(), Millis(run), adding(word))
    }

    fn undo(&self) -> Option<How> {
        let back = |now: &[u8], _: Option<&[u8]>, _: &str| Ok::<_, Infallible>(now.to_vec());
        self.amendments.undo(&self.path(), back).expect("it can be undone").map(|undone| undone.how)
    }
}

/// Adds a word at the end, once.
fn adding(word: &str) -> impl FnMut(Option<&[u8]>) -> Result<Option<Change>, Infallible> {
    move |there| {
        let there = there.unwrap_or_default();
        let has = there.windows(word.len()).any(|part| part == word.as_bytes());
        Ok((!has).then(|| Change { bytes: [there, word.as_bytes()].concat(), note: word.to_owned() }))
    }
}

#[test]
fn a_file_is_changed_once_and_undone_step_by_step() {
    let desk = Desk::new("a\u{97}\r\n");
    fs::set_permissions(desk.path(), fs::Permissions::from_mode(0o640)).expect("its mode");
    let link = desk.folder.path().join("work/link");
    std::os::unix::fs::symlink("CLAUDE.md", &link).expect("a link");
    assert!(desk.amendments.amend(&link, Millis(1), adding("one")).expect("it can be changed"));
    assert!(!desk.add("one", 2).expect("nothing to change"));
    assert!(desk.add("two", 3).expect("it can be changed"));
    assert_eq!(desk.text(), "a\u{97}\r\nonetwo");
    assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
    assert_eq!(fs::metadata(desk.path()).expect("it is there").permissions().mode() & 0o777, 0o640);
    assert_eq!(desk.undo(), Some(How::Exactly));
    assert_eq!(desk.text(), "a\u{97}\r\none");
    assert_eq!(desk.undo(), Some(How::Exactly));
    assert_eq!(desk.text(), "a\u{97}\r\n");
    assert_eq!(desk.undo(), None);
    assert_eq!(desk.left_over(), ["link"]);
}

#[test]
fn a_file_that_was_not_there_is_gone_again() {
    let desk = Desk::new("");
    fs::remove_file(desk.path()).expect("it is there");
    assert!(desk.add("one", 1).expect("it can be made"));
    assert_eq!(desk.undo(), Some(How::Removed));
    assert!(!desk.path().exists());
    assert!(desk.add("one", 1).expect("it can be made"));
    fs::remove_file(desk.path()).expect("it is there");
    assert_eq!(desk.undo(), None, "it is as it was before");
}

#[test]
fn a_file_that_was_changed_since_is_given_back_what_was_ours() {
    let desk = Desk::new("a");
    desk.add("one", 1).expect("it can be changed");
    fs::write(desk.path(), "aone and mine").expect("the user's own edit");
    let back = |now: &[u8], earlier: Option<&[u8]>, _: &str| {
        assert_eq!(earlier, Some(b"a".as_slice()));
        Ok::<_, Infallible>(String::from_utf8_lossy(now).replace("one", "").into_bytes())
    };
    let undone = desk.amendments.undo(&desk.path(), back).expect("it can be undone").expect("it was ours");
    assert_eq!((undone.how, undone.note.as_str()), (How::AroundChanges, "one"));
    assert_eq!(desk.text(), "a and mine");
}

#[test]
fn what_one_run_changed_is_found_together() {
    let desk = Desk::new("a");
    let config = desk.folder.path().join("config.toml");
    desk.add("one", 1).expect("it can be changed");
    desk.add("two", 2).expect("it can be changed");
    desk.amendments.amend(&config, Millis(2), adding("x")).expect("it can be made");
    let work = fs::canonicalize(desk.folder.path().join("work")).expect("a folder");
    let config = fs::canonicalize(config).expect("it is there");
    assert_eq!(
        desk.amendments.latest(|path| path.starts_with(&work)),
        [config.clone(), work.join("CLAUDE.md")]
    );
    desk.undo();
    assert_eq!(desk.amendments.latest(|path| path.starts_with(&work)), [work.join("CLAUDE.md")]);
    assert_eq!(desk.amendments.latest(|path| path == config), std::slice::from_ref(&config));
    assert_eq!(desk.amendments.latest(|_| false), Vec::<PathBuf>::new());
}

#[test]
fn what_is_no_plain_file_of_bounded_size_is_left_alone() {
    let desk = Desk::new("a");
    let huge = desk.folder.path().join("work/huge");
    File::create(&huge).expect("a file").set_len(LARGEST + 1).expect("sparse");
    let nowhere = desk.folder.path().join("work/nowhere");
    std::os::unix::fs::symlink("not/there", &nowhere).expect("a link");
    for path in [desk.folder.path().join("work"), huge, nowhere, desk.folder.path().join("no/such/folder/x")]
    {
        assert!(desk.amendments.amend(&path, Millis(1), adding("x")).is_err(), "{}", path.display());
    }
    fs::set_permissions(desk.path(), fs::Permissions::from_mode(0o444)).expect("its mode");
    assert!(desk.add("x", 1).is_err());
    assert_eq!(desk.text(), "a");
}

#[test]
fn a_link_where_the_new_file_is_made_leads_nowhere() {
    let desk = Desk::new("a");
    let victim = desk.folder.path().join("victim");
    fs::write(&victim, "precious").expect("a file");
    std::os::unix::fs::symlink(&victim, desk.folder.path().join("work/.CLAUDE.md.headroom-new"))
        .expect("a link");
    desk.add("one", 1).expect("it can be changed");
    assert_eq!(fs::read_to_string(&victim).expect("it is there"), "precious");
    assert_eq!(desk.text(), "aone");
    assert_eq!(desk.left_over(), Vec::<String>::new());
}

#[test]
fn no_more_than_the_latest_changes_are_kept() {
    let desk = Desk::new("a");
    for number in 0..KEPT + 5 {
        desk.add(&format!("<{number}>"), 1).expect("it can be changed");
    }
    let undone = (0..KEPT + 5).take_while(|_| desk.undo().is_some()).count();
    assert_eq!(undone, KEPT);
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
    for undoing in [false, true] {
        for steps in 0.. {
            let mut desk = Desk::new("old");
            if undoing {
                desk.add("new", 1).expect("it can be changed");
            }
            desk.amendments.step = counted;
            STEPS.set(steps);
            let back = |now: &[u8], _: Option<&[u8]>, _: &str| Ok::<_, Infallible>(now.to_vec());
            let finished = match undoing {
                false => desk.add("new", 1).is_ok(),
                true => desk.amendments.undo(&desk.path(), back).is_ok(),
            };
            STEPS.set(usize::MAX);
            let text = desk.text();
            assert!(["old", "oldnew"].contains(&text.as_str()), "after {steps} steps: {text}");
            // The next command.
            desk.amendments.step = |_| Ok(());
            if undoing || text == "oldnew" {
                desk.undo();
            } else {
                desk.add("new", 2).expect("it can be changed");
                assert_eq!(desk.undo(), Some(How::Exactly));
            }
            assert_eq!(desk.text(), "old", "after {steps} steps");
            assert_eq!(desk.left_over(), Vec::<String>::new(), "after {steps} steps");
            assert_eq!(desk.undo(), None, "after {steps} steps");
            if finished {
                assert!(3 < steps);
                break;
            }
        }
    }
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
    let mut desk = Desk::new("old");
    desk.amendments.step = edits;
    EDITS.set(Some((desk.path(), "theirs")));
    desk.add("new", 1).expect("it can be changed");
    assert_eq!(desk.text(), "theirsnew");
    EDITS.set(Some((desk.path(), "theirs, edited")));
    assert_eq!(desk.undo(), Some(How::AroundChanges));
    assert_eq!(desk.text(), "theirs, edited");
    assert_eq!(desk.left_over(), Vec::<String>::new());
}

#[test]
fn two_runs_at_once_lose_nothing_of_each_other() {
    const WORDS: usize = 25;
    let desk = Desk::new("");
    std::thread::scope(|scope| {
        for name in ["one", "two"] {
            let desk = &desk;
            scope.spawn(move || {
                for number in 0..WORDS {
                    desk.add(&format!("<{name} {number}>"), 1).expect("it can be changed");
                }
            });
        }
    });
    assert_eq!(desk.text().matches('<').count(), 2 * WORDS);
    assert_eq!(desk.left_over(), Vec::<String>::new());
}

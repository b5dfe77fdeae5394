//! Advice into a memory file and out of it again: what the store remembers and what stands in the file, kept together.
//!
//! *Invariant:* what is about to be written is remembered before, so that a run that is stopped neither dismisses a line
//! nor takes one of its own for a person's.

use super::settings;
use crate::agent::amend::{AmendError, Amendments, Change, Undone};
use crate::learn::block::{self, BlockError, Leaves, Merged, Remembered, Saying, State, Wanted};
use crate::learn::settings::{Allow, Setting, SettingsError};
use crate::store::{LessonRow, Store, StoreError};
use crate::units::Millis;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What is to be said in one file.
#[derive(Clone, Debug)]
pub(super) struct Intent {
    /// The file itself, without links.
    pub file: PathBuf,
    /// The most valuable first.
    pub sayings: Vec<Saying>,
    /// What is not to stand there any more.
    pub leaves: HashMap<String, Leaves>,
    /// What a person once took away may be said again.
    pub again: Again,
}

/// Whether what a person took away is offered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    No,
    Yes,
}

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error(transparent)]
    Block(#[from] BlockError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("it is not UTF-8")]
    NoText,
}

impl WriteError {
    /// What to do about it; empty when there is nothing to say.
    pub fn hint(&self) -> String {
        match self {
            WriteError::Block(error) => error.hint(),
            WriteError::Settings(_) => {
                "mend the settings; `headroom config show` says where they lie".to_owned()
            }
            WriteError::Store(_) | WriteError::NoText => String::new(),
        }
    }
}

/// What would stand in the file.
pub(super) fn planned(
    store: &Store,
    intent: &Intent,
    there: Option<&[u8]>,
    now: Millis,
) -> Result<Merged, WriteError> {
    let remembered = remembered(store, intent)?;
    let wanted = Wanted { sayings: &intent.sayings, remembered: &remembered, leaves: &intent.leaves, now };
    Ok(block::merge(there, &wanted)?)
}

/// Writes it; true when the file has changed.
pub(super) fn write(
    amendments: &Amendments,
    store: &Store,
    intent: &Intent,
    now: Millis,
) -> Result<bool, AmendError<WriteError>> {
    let file = name(&intent.file);
    let mut settled = None;
    let changed = amendments.amend(&intent.file, now, |there| {
        let before = store.lessons(&file)?;
        let merged = planned(store, intent, there, now)?;
        let rows: Vec<LessonRow> = merged.remembered.iter().map(row).collect();
        if rows != before {
            store.keep_lessons(&file, &rows)?;
        }
        settled = Some(block::settled(&merged.remembered));
        let changes = merged.bytes != there.unwrap_or_default();
        Ok(changes
            .then(|| Change { bytes: merged.bytes, note: Note { rows: before, rules: Vec::new() }.text() }))
    })?;
    if changed && let Some(settled) = settled {
        // When this fails, the next run finds the lines under way in the file, which says the same.
        let _ = store.keep_lessons(&file, &settled.iter().map(row).collect::<Vec<_>>());
    }
    Ok(changed)
}

/// Undoes the latest change of a file, and remembers of it what was remembered before.
pub(super) fn undo(
    amendments: &Amendments,
    store: &Store,
    path: &Path,
    settings: &Path,
) -> Result<Option<Undone>, AmendError<WriteError>> {
    let is_settings = settings::file(settings) == path;
    let back = |now: &[u8], earlier: Option<&[u8]>, note: &str| match is_settings {
        true => settings::taken_back(now, &Note::read(note).unwrap_or_default().rules),
        false => Ok(block::taken_back(now, earlier)?),
    };
    let undone = amendments.undo(path, back)?;
    if let Some(undone) = &undone
        && let Some(note) = Note::read(&undone.note)
    {
        store
            .keep_lessons(&name(&undone.path), &note.rows)
            .map_err(|source| AmendError::Content { path: undone.path.clone(), source: source.into() })?;
    }
    Ok(undone)
}

/// What is remembered of a file.
pub(super) fn of_file(store: &Store, file: &Path) -> Result<Vec<Remembered>, StoreError> {
    Ok(store.lessons(&name(file))?.into_iter().map(known).collect())
}

fn remembered(store: &Store, intent: &Intent) -> Result<Vec<Remembered>, StoreError> {
    let mut rows = of_file(store, &intent.file)?;
    if intent.again == Again::Yes {
        rows.retain(|row| row.state == State::Written);
        // One that is not in the file is a new one then.
        let text = Amendments::read(&intent.file).ok().flatten().unwrap_or_default();
        rows.retain(|row| {
            text.split(|byte| *byte == b'\n').any(|line| {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                line == row.line.as_bytes() || line == row.next.as_bytes()
            })
        });
    }
    Ok(rows)
}

fn name(file: &Path) -> String {
    file.to_string_lossy().into_owned()
}

fn row(known: &Remembered) -> LessonRow {
    let Remembered { id, line, next, said, seen, state } = known.clone();
    LessonRow { id, line, next, said, seen, state: state.name().to_owned() }
}

fn known(row: LessonRow) -> Remembered {
    let LessonRow { id, line, next, said, seen, state } = row;
    Remembered { id, line, next, said, seen, state: State::named(&state) }
}

/// What is noted beside the old bytes: what was remembered before, and which rules are new.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Note {
    pub rows: Vec<LessonRow>,
    pub rules: Vec<Setting>,
}

impl Note {
    pub fn text(&self) -> String {
        let rows = self.rows.iter().map(|row| {
            json!({"id": row.id, "line": row.line, "next": row.next, "said": row.said.0,
                "seen": row.seen.map(|seen| seen.0), "state": row.state})
        });
        let rules = self.rules.iter().map(|rule| json!([rule.on, rule.allow.name()]));
        json!({"rows": rows.collect::<Vec<_>>(), "rules": rules.collect::<Vec<_>>()}).to_string()
    }

    fn read(note: &str) -> Option<Note> {
        let note: Value = serde_json::from_str(note).ok()?;
        let text = |row: &Value, key: &str| Some(row.get(key)?.as_str()?.to_owned());
        let row = |row: &Value| {
            Some(LessonRow {
                id: text(row, "id")?,
                line: text(row, "line")?,
                next: text(row, "next")?,
                said: Millis(row.get("said")?.as_i64()?),
                seen: row.get("seen").and_then(Value::as_i64).map(Millis),
                state: text(row, "state")?,
            })
        };
        let rule = |rule: &Value| {
            let allow = [Allow::Lossless, Allow::Aggressive];
            let name = rule.get(1)?.as_str()?;
            let allow = allow.into_iter().find(|allow| allow.name() == name)?;
            Some(Setting { on: rule.get(0)?.as_str()?.to_owned(), allow })
        };
        Some(Note {
            rows: note.get("rows")?.as_array()?.iter().map(row).collect::<Option<_>>()?,
            rules: note.get("rules")?.as_array()?.iter().map(rule).collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::amend::How;
    use crate::store::Limits;
    use std::fs;

    struct Desk {
        folder: tempfile::TempDir,
        store: Store,
        amendments: Amendments,
    }

    impl Desk {
        fn new(text: &str) -> Desk {
            let folder = tempfile::tempdir().expect("a folder");
            let data = folder.path().join("data");
            let store = Store::open(&data, Limits::default()).expect("a store");
            let desk = Desk { amendments: Amendments::below(&data), store, folder };
            fs::write(desk.file(), text).expect("a file");
            desk
        }

        fn file(&self) -> PathBuf {
            fs::canonicalize(self.folder.path()).expect("it is there").join("CLAUDE.md")
        }

        fn text(&self) -> String {
            fs::read_to_string(self.file()).expect("it is there")
        }

        fn write(&self, seen: i64, again: Again) -> bool {
            let sayings = vec![Saying {
                id: "a".to_owned(),
                sentence: "Run `pnpm test`.".to_owned(),
                times: 3,
                seen: Some(Millis(seen)),
            }];
            let intent = Intent { file: self.file(), sayings, leaves: HashMap::new(), again };
            write(&self.amendments, &self.store, &intent, Millis(seen)).expect("it can be written")
        }

        fn undo(&self) -> Option<How> {
            undo(&self.amendments, &self.store, &self.file(), Path::new("/none"))
                .expect("it can be undone")
                .map(|done| done.how)
        }
    }

    const DAY: i64 = 86_400_000;

    #[test]
    fn what_was_undone_is_offered_again_and_what_was_taken_away_is_not() {
        let desk = Desk::new("x\n");
        assert!(desk.write(DAY, Again::No));
        assert!(!desk.write(DAY, Again::No), "a second run changes nothing");
        assert_eq!(desk.undo(), Some(How::Exactly));
        assert_eq!(desk.text(), "x\n");
        assert!(desk.write(DAY, Again::No));
        fs::write(desk.file(), "x\n").expect("a person takes the block away");
        assert!(!desk.write(3 * DAY, Again::No));
        assert!(!desk.write(4 * DAY, Again::No), "and it is remembered");
        assert!(desk.write(4 * DAY, Again::Yes));
        assert!(desk.text().contains("pnpm"));
    }

    #[test]
    fn what_was_changed_since_keeps_the_change_when_it_is_undone() {
        let desk = Desk::new("x\n");
        desk.write(DAY, Again::No);
        desk.write(2 * DAY, Again::No);
        fs::write(desk.file(), desk.text().replace("x\n", "x, edited\n")).expect("a person edits");
        assert_eq!(desk.undo(), Some(How::AroundChanges));
        assert!(desk.text().starts_with("x, edited\n") && desk.text().contains("last 1970-01-02"));
        assert_eq!(desk.undo(), Some(How::AroundChanges));
        assert_eq!(desk.text(), "x, edited\n");
        assert_eq!(desk.undo(), None);
        assert_eq!(desk.store.lessons(&name(&desk.file())).expect("read"), []);
    }
}

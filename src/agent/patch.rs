//! Values in files of the user's that are ours while an agent runs: journalled before, undone after.
//!
//! For agents that only a file can point at us. The journal, one file for each
//! patched one, is on disk before the edit is; each value is held by a living
//! process. When the last holder lets go, or is found dead by the next command,
//! the file is as it was. *Invariant:* at every moment the file is wholly the old
//! one or wholly the new one. *Invariant:* what the user has changed meanwhile stays.

use super::definition::Format;
use super::edit::{self, Before, EditError, TakenBack};
use super::lease::Holder;
use super::swap::{self, Fresh, Step, Steps};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A value that is to stand in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The file.
    pub path: PathBuf,
    /// How it is written.
    pub format: Format,
    /// The keys that lead to the value.
    pub key: Vec<String>,
    /// The value.
    pub value: String,
}

/// The journals, in a folder of headroom's own.
#[derive(Clone, Debug)]
pub struct Journals {
    folder: PathBuf,
    step: Steps,
}

/// Why a value could not be set or taken back. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// The journal could not be written.
    #[error("could not note in {path} what is about to be changed")]
    Journal {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file could not be read or replaced.
    #[error("could not change {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file's content leaves no way.
    #[error("could not change {path}")]
    Content {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: EditError,
    },
    /// Somebody else keeps changing it.
    #[error("could not change {path}: another program is writing it")]
    Contended {
        /// Which file.
        path: PathBuf,
    },
}

/// What was undone, or why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// Which agent it was for.
    pub agent: String,
    /// The file.
    pub path: PathBuf,
    /// The keys that lead to the value.
    pub key: Vec<String>,
    /// How it went.
    pub how: How,
}

/// How undoing went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// What stood there before stands there again; as it is written.
    Restored(String),
    /// The value was not there before and is gone.
    Removed,
    /// Somebody has changed it meanwhile; that stays.
    Kept,
    /// Our value was not there any more.
    NotThere,
    /// It could not be undone; why. It will be tried again.
    Failed(String),
}

/// Values that this process holds; dropping it lets go of them.
#[derive(Debug)]
pub struct Held {
    journals: Journals,
    holder: Holder,
}

impl Journals {
    /// The journals below headroom's data folder.
    pub fn below(data: &Path) -> Journals {
        Journals { folder: data.join("patches"), step: |_| Ok(()) }
    }

    /// Sets values for as long as what is given back lives.
    ///
    /// # Errors
    /// [`PatchError`]; then none is set.
    pub fn hold(&self, agent: &str, wanted: &[Wanted]) -> Result<Held, PatchError> {
        self.hold_as(Holder::me(), agent, wanted)
    }

    fn hold_as(&self, holder: Holder, agent: &str, wanted: &[Wanted]) -> Result<Held, PatchError> {
        let held = Held { journals: self.clone(), holder: holder.clone() };
        let _lock = self.lock()?;
        for wanted in wanted {
            self.set(agent, wanted, &holder)?;
        }
        Ok(held)
    }

    /// Undoes what processes that have ended left behind.
    pub fn heal(&self) -> Vec<Undone> {
        self.release("", |holder| !holder.is_alive())
    }

    /// Undoes everything, also what a living process holds; of one agent, or of all when it is empty.
    pub fn undo(&self, agent: &str) -> Vec<Undone> {
        self.release(agent, |_| true)
    }

    /// Sets one value; its journal first.
    fn set(&self, agent: &str, wanted: &Wanted, holder: &Holder) -> Result<(), PatchError> {
        // A link stays a link: what it leads to is changed.
        let path = fs::canonicalize(&wanted.path).unwrap_or_else(|_| wanted.path.clone());
        let at = self.journal_of(&path);
        let mut journal = Journal::read(&at).unwrap_or_else(|| Journal::new(&path));
        self.let_go(&mut journal, |holder| !holder.is_alive())?;
        for _ in 0..TRIES {
            let there = read(&path)?;
            if journal.entries.is_empty() {
                journal.made = there.is_none();
            }
            let text = there.clone().unwrap_or_else(|| skeleton(wanted.format).to_owned());
            let edited = edit::set(wanted.format, &text, &wanted.key, &wanted.value)
                .map_err(|source| PatchError::Content { path: path.clone(), source })?;
            let stands = edit::value(wanted.format, &text, &wanted.key).ok().flatten();
            let stands = stands.as_ref().and_then(serde_json::Value::as_str);
            let layer = Layer { holder: holder.clone(), value: wanted.value.clone() };
            match journal.entries.iter_mut().find(|entry| entry.key == wanted.key) {
                Some(entry) => {
                    // Whoever has put something of their own over ours, has that back in the end.
                    if !entry.layers.iter().any(|layer| Some(layer.value.as_str()) == stands) {
                        entry.before = edited.before;
                    }
                    entry.layers.retain(|other| other != &layer);
                    entry.layers.push(layer);
                }
                None => journal.entries.push(Entry {
                    agent: agent.to_owned(),
                    format: wanted.format,
                    key: wanted.key.clone(),
                    before: edited.before,
                    layers: vec![layer],
                }),
            }
            self.write_journal(&at, &journal)?;
            if self.replace(&path, there.as_ref(), &edited.text)? {
                return Ok(());
            }
        }
        Err(PatchError::Contended { path })
    }

    /// Lets go of what `ends` says of an agent (of all when it is empty), and says what came of it.
    fn release(&self, agent: &str, ends: impl Fn(&Holder) -> bool) -> Vec<Undone> {
        let journals: Vec<PathBuf> = fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .collect();
        if journals.is_empty() {
            return Vec::new();
        }
        let Ok(_lock) = self.lock() else { return Vec::new() };
        let mut undone = Vec::new();
        for at in journals {
            let Some(mut journal) = Journal::read(&at) else { continue };
            if !agent.is_empty() && journal.entries.iter().all(|entry| entry.agent != agent) {
                continue;
            }
            let ends = |holder: &Holder, of: &str| (agent.is_empty() || of == agent) && ends(holder);
            undone.extend(self.undo_in(&mut journal, &at, ends));
        }
        undone
    }

    /// Takes back what nobody holds any more, last first; the journal goes with the last.
    fn undo_in(&self, journal: &mut Journal, at: &Path, ends: impl Fn(&Holder, &str) -> bool) -> Vec<Undone> {
        swap::sweep(&journal.path);
        let mut undone = Vec::new();
        for number in (0..journal.entries.len()).rev() {
            let entry = &journal.entries[number];
            let (gone, left): (Vec<&Layer>, Vec<&Layer>) =
                entry.layers.iter().partition(|layer| ends(&layer.holder, &entry.agent));
            if gone.is_empty() {
                continue;
            }
            let left: Vec<Layer> = left.into_iter().cloned().collect();
            let how = match left.last().cloned() {
                Some(next) => {
                    // Another run goes on: its value stands there, or is put there again.
                    let _ = self.put(&journal.path, entry, &next.value);
                    None
                }
                None => {
                    Some(self.take_back(&journal.path, entry, journal.made && journal.entries.len() == 1))
                }
            };
            let failed = matches!(how, Some(How::Failed(_)));
            if let Some(how) = how {
                undone.push(Undone {
                    agent: entry.agent.clone(),
                    path: journal.path.clone(),
                    key: entry.key.clone(),
                    how,
                });
            }
            if !failed {
                match left.is_empty() {
                    true => drop(journal.entries.remove(number)),
                    false => journal.entries[number].layers = left,
                }
                // One that can't be written says too much, which the next undoing finds out.
                let _ = self.write_journal(at, journal);
            }
        }
        if journal.entries.is_empty() {
            let _ = fs::remove_file(at).and_then(|()| (self.step)(Step::JournalRemoved));
        }
        undone
    }

    /// Drops holders from a journal without touching the file: what stands there is about to be set anew.
    fn let_go(&self, journal: &mut Journal, ends: impl Fn(&Holder) -> bool) -> Result<(), PatchError> {
        swap::sweep(&journal.path);
        if let Ok(Some(text)) = read(&journal.path) {
            for entry in &mut journal.entries {
                let there = edit::value(entry.format, &text, &entry.key).ok().flatten();
                // The value of a dead run that still stands there has to stay known as ours.
                entry.layers.retain(|layer| {
                    !ends(&layer.holder)
                        || there.as_ref().and_then(serde_json::Value::as_str) == Some(&layer.value)
                });
            }
        }
        Ok(())
    }

    /// Puts another run's value there again, if one of ours stands there.
    fn put(&self, path: &Path, entry: &Entry, value: &str) -> Result<(), PatchError> {
        for _ in 0..TRIES {
            let Some(text) = read(path)? else { return Ok(()) };
            let there = edit::value(entry.format, &text, &entry.key).ok().flatten();
            let ours = entry.values().any(|ours| there.as_ref().is_some_and(|there| there == ours));
            if !ours || there.is_some_and(|there| there == value) {
                return Ok(());
            }
            let edited = edit::set(entry.format, &text, &entry.key, value)
                .map_err(|source| PatchError::Content { path: path.to_owned(), source })?;
            if self.replace(path, Some(&text), &edited.text)? {
                return Ok(());
            }
        }
        Err(PatchError::Contended { path: path.to_owned() })
    }

    /// Gives a value back what it was. `ours` is true for a file that was not there before.
    fn take_back(&self, path: &Path, entry: &Entry, ours: bool) -> How {
        let failed = |error: &dyn std::error::Error| How::Failed(crate::text::with_causes(error));
        let values: Vec<&str> = entry.values().collect();
        for _ in 0..TRIES {
            let text = match read(path) {
                Ok(Some(text)) => text,
                Ok(None) => return How::NotThere,
                Err(error) => return failed(&error),
            };
            let after = match edit::take_back(entry.format, &text, &entry.key, &values, &entry.before) {
                Ok(TakenBack::Text(after)) => after,
                Ok(TakenBack::Changed) => return How::Kept,
                Ok(TakenBack::Gone) => return How::NotThere,
                Err(error) => return failed(&error),
            };
            let done = if ours && after == skeleton(entry.format) {
                fs::remove_file(path)
                    .map(|()| true)
                    .map_err(|source| PatchError::File { path: path.to_owned(), source })
            } else {
                self.replace(path, Some(&text), &after)
            };
            match done {
                Ok(false) => {}
                Ok(true) => {
                    return match &entry.before {
                        Before::Was(was) => How::Restored(was.clone()),
                        Before::Missing { .. } => How::Removed,
                    };
                }
                Err(error) => return failed(&error),
            }
        }
        failed(&PatchError::Contended { path: path.to_owned() })
    }

    /// Replaces a file as a whole, if it still holds `before` (`None`: is not there); false when it does not.
    fn replace(&self, path: &Path, before: Option<&String>, text: &str) -> Result<bool, PatchError> {
        let before = before.map(String::as_bytes);
        swap::swap(path, before, text.as_bytes(), Fresh::Private, self.step)
            .map_err(|source| PatchError::File { path: path.to_owned(), source })
    }

    fn journal_of(&self, path: &Path) -> PathBuf {
        let name = blake3::hash(path.as_os_str().as_encoded_bytes()).to_hex();
        self.folder.join(format!("{}.json", &name[..32]))
    }

    fn write_journal(&self, at: &Path, journal: &Journal) -> Result<(), PatchError> {
        serde_json::to_vec_pretty(journal)
            .map_err(io::Error::from)
            .and_then(|journal| swap::keep(at, &journal))
            .and_then(|()| (self.step)(Step::JournalWritten))
            .map_err(|source| PatchError::Journal { path: at.to_owned(), source })
    }

    /// Waits until no other process of ours edits.
    fn lock(&self) -> Result<File, PatchError> {
        swap::lock(&self.folder, self.step)
            .map_err(|source| PatchError::Journal { path: self.folder.clone(), source })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.journals.release("", |holder| *holder == self.holder || !holder.is_alive());
    }
}

/// What was changed in one file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Journal {
    version: u32,
    path: PathBuf,
    /// True when it was not there before.
    made: bool,
    /// In the order in which they were set.
    entries: Vec<Entry>,
}

/// One value.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    agent: String,
    format: Format,
    key: Vec<String>,
    before: Before,
    /// Who holds it; the last one's value stands in the file.
    layers: Vec<Layer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Layer {
    holder: Holder,
    value: String,
}

impl Journal {
    fn new(path: &Path) -> Journal {
        Journal { version: 1, path: path.to_owned(), made: false, entries: Vec::new() }
    }

    fn read(at: &Path) -> Option<Journal> {
        let journal: Journal = serde_json::from_str(&fs::read_to_string(at).ok()?).ok()?;
        (journal.version == 1).then_some(journal)
    }
}

impl Entry {
    /// Every value of ours that may stand in the file.
    fn values(&self) -> impl Iterator<Item = &str> {
        self.layers.iter().map(|layer| layer.value.as_str())
    }
}

/// How often a file that somebody else changes at the same moment is read again.
const TRIES: u32 = 5;

/// What a file that is not there begins as.
fn skeleton(format: Format) -> &'static str {
    match format {
        Format::Json => "{}\n",
        Format::Toml => "",
    }
}

/// A file's text; `None` when it is not there.
fn read(path: &Path) -> Result<Option<String>, PatchError> {
    let failed = |source| PatchError::File { path: path.to_owned(), source };
    let Some(bytes) = swap::read(path).map_err(failed)? else { return Ok(None) };
    let text = String::from_utf8(bytes)
        .map_err(|_| PatchError::Content { path: path.to_owned(), source: EditError::Unclear })?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests;

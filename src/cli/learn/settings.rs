//! Learned rules into headroom's own settings: what would stand there, and writing it.

use super::plan::SettingFate;
use super::write::{Again, Note, WriteError};
use crate::agent::amend::{AmendError, Amendments, Change};
use crate::learn::block::day;
use crate::learn::settings::{self, Setting};
use crate::store::{LessonRow, Store};
use crate::units::Millis;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A learned rule, and the lesson that it comes from.
pub(super) type Learned = (String, Setting);

/// The rules that are to be in the settings.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// `config.toml`.
    pub file: PathBuf,
    /// The most valuable first.
    pub learned: Vec<Learned>,
    pub again: Again,
}

/// The settings with those rules.
#[derive(Debug)]
pub(super) struct Settings {
    pub after: Vec<u8>,
    /// What comes of each rule.
    pub fates: Vec<(String, SettingFate)>,
    rows: Vec<LessonRow>,
}

impl Rules {
    /// What would stand in the settings.
    pub fn planned(&self, store: &Store, there: Option<&[u8]>, now: Millis) -> Result<Settings, WriteError> {
        let mut text =
            String::from_utf8(there.unwrap_or_default().to_vec()).map_err(|_| WriteError::NoText)?;
        let mut rows = store.lessons(&name(&self.file))?;
        let mut fates = Vec::new();
        for (id, setting) in &self.learned {
            let known = rows.iter().position(|row| row.id == *id);
            let was_written = known.is_some_and(|at| !rows[at].line.is_empty());
            let fate = match settings::with(&text, setting, &day(now))? {
                None => SettingFate::Unchanged,
                Some(_) if was_written && self.again == Again::No => SettingFate::Dismissed,
                Some(changed) => {
                    text = changed;
                    SettingFate::Added
                }
            };
            if fate == SettingFate::Added || (fate == SettingFate::Unchanged && known.is_some()) {
                let line = setting.to_string();
                let (line, next) = match fate {
                    SettingFate::Added => (String::new(), line),
                    _ => (line, String::new()),
                };
                let state = "written".to_owned();
                let row = LessonRow { id: id.clone(), line, next, said: now, seen: None, state };
                match known {
                    Some(at) => rows[at] = row,
                    None => rows.push(row),
                }
            }
            fates.push((id.clone(), fate));
        }
        Ok(Settings { after: text.into_bytes(), fates, rows })
    }

    /// Writes them; true when the file has changed.
    pub fn write(
        &self,
        amendments: &Amendments,
        store: &Store,
        now: Millis,
    ) -> Result<bool, AmendError<WriteError>> {
        let file = name(&self.file);
        let mut rows = Vec::new();
        if let Some(folder) = self.file.parent() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(|source| AmendError::File { path: folder.to_owned(), source })?;
        }
        let changed = amendments.amend(&self.file, now, |there| {
            let before = store.lessons(&file)?;
            let planned = self.planned(store, there, now)?;
            if planned.after == there.unwrap_or_default() {
                return Ok(None);
            }
            store.keep_lessons(&file, &planned.rows)?;
            let is_new = |id: &String| planned.fates.contains(&(id.clone(), SettingFate::Added));
            let rules = self.learned.iter().filter(|(id, _)| is_new(id)).map(|(_, rule)| rule.clone());
            let note = Note { rows: before, rules: rules.collect() }.text();
            rows = planned.rows;
            Ok(Some(Change { bytes: planned.after, note }))
        })?;
        if changed {
            for row in rows.iter_mut().filter(|row| !row.next.is_empty()) {
                row.line = std::mem::take(&mut row.next);
            }
            let _ = store.keep_lessons(&file, &rows);
        }
        Ok(changed)
    }
}

/// The settings without these rules of ours, as far as they stand there as they were written.
pub(super) fn taken_back(now: &[u8], rules: &[Setting]) -> Result<Vec<u8>, WriteError> {
    let mut text = String::from_utf8(now.to_vec()).map_err(|_| WriteError::NoText)?;
    for rule in rules {
        text = settings::without(&text, rule)?.unwrap_or(text);
    }
    Ok(text.into_bytes())
}

/// The settings' file, without links.
pub(super) fn file(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn name(file: &Path) -> String {
    file.to_string_lossy().into_owned()
}

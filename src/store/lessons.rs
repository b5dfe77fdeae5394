//! Which lines of which memory files are ours, and which a person took away.
//!
//! Small: a few dozen rows a file. Knows nothing of what a line says.

use super::commit::Survives;
use super::{Store, StoreError};
use crate::units::Millis;
use rusqlite::params;

/// One line that was written into a file, or that is about to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LessonRow {
    /// Names the lesson.
    pub id: String,
    /// The line as it was written; empty when it never was.
    pub line: String,
    /// The line as it is about to be written; empty when nothing is under way.
    pub next: String,
    /// When it was written last.
    pub said: Millis,
    /// When what it says was seen last.
    pub seen: Option<Millis>,
    /// What became of it, in the words of whoever keeps it.
    pub state: String,
}

impl Store {
    /// What is remembered of a file, in the order of the names.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn lessons(&self, file: &str) -> Result<Vec<LessonRow>, StoreError> {
        self.read(|db| {
            let mut select = db.prepare_cached(
                "SELECT id, line, next, said, seen, state FROM lessons WHERE file = ?1 ORDER BY id",
            )?;
            let rows = select.query_map([file], |row| {
                Ok(LessonRow {
                    id: row.get(0)?,
                    line: row.get(1)?,
                    next: row.get(2)?,
                    said: Millis(row.get(3)?),
                    seen: row.get::<_, Option<i64>>(4)?.map(Millis),
                    state: row.get(5)?,
                })
            })?;
            rows.collect()
        })
    }

    /// Puts `rows` in the place of all that is remembered of a file. On disk, also after a loss of power, when this returns.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing has changed.
    pub fn keep_lessons(&self, file: &str, rows: &[LessonRow]) -> Result<(), StoreError> {
        let (file, rows) = (file.to_owned(), rows.to_vec());
        self.writer.commit(Survives::PowerLoss, move |db| {
            db.execute("DELETE FROM lessons WHERE file = ?1", [&file])?;
            let mut insert = db.prepare_cached(
                "INSERT INTO lessons (file, id, line, next, said, seen, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            rows.iter().try_for_each(|row| {
                let seen = row.seen.map(|seen| seen.0);
                insert
                    .execute(params![file, row.id, row.line, row.next, row.said.0, seen, row.state])
                    .map(drop)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Limits;

    #[test]
    fn each_file_has_its_own_lines_and_new_ones_take_the_place_of_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), Limits::default()).expect("a store");
        let row = |id: &str, seen| LessonRow {
            id: id.to_owned(),
            line: format!("- {id}"),
            next: String::new(),
            said: Millis(5),
            seen,
            state: "written".to_owned(),
        };
        store.keep_lessons("/p/CLAUDE.md", &[row("b", None), row("a", Some(Millis(3)))]).expect("kept");
        store.keep_lessons("/p/AGENTS.md", &[row("c", None)]).expect("kept");
        assert_eq!(store.lessons("/p/CLAUDE.md").expect("read"), [row("a", Some(Millis(3))), row("b", None)]);
        store.keep_lessons("/p/CLAUDE.md", &[row("d", None)]).expect("kept");
        drop(store);
        let store = Store::open(folder.path(), Limits::default()).expect("a store");
        assert_eq!(store.lessons("/p/CLAUDE.md").expect("read"), [row("d", None)]);
        assert_eq!(store.lessons("/p/AGENTS.md").expect("read"), [row("c", None)]);
        assert_eq!(store.lessons("/q").expect("read"), []);
    }
}

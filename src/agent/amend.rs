//! Files of the user's that are changed because the user asked for it; the old bytes are kept, so that it can be undone.
//!
//! *Invariant:* the old bytes are on disk before the file is changed. *Invariant:* at every moment the file is wholly the
//! old one or wholly the new one; what somebody else writes meanwhile stays, and the change is made to that.
//! Knows nothing of what is changed: that comes in as a function of the bytes.

use super::swap::{self, Fresh, Step, Steps};
use crate::units::Millis;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// What was amended, in a folder of headroom's own: for each file its name, and its old bytes for the latest times.
#[derive(Clone, Debug)]
pub struct Amendments {
    folder: PathBuf,
    step: Steps,
}

/// What a file shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its new bytes.
    pub bytes: Vec<u8>,
    /// What the caller wants to be told when it is undone.
    pub note: String,
}

/// How a change was undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// The file, without links.
    pub path: PathBuf,
    /// How.
    pub how: How,
    /// What was noted when it was changed.
    pub note: String,
}

/// How a change was undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Every byte is as it was.
    Exactly,
    /// There was no such file, and there is none again.
    Removed,
    /// It was changed since: only what was ours is as it was.
    AroundChanges,
    /// It is gone.
    NotThere,
}

/// Why a file was not changed. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum AmendError<E: std::error::Error + 'static> {
    /// The old bytes could not be kept.
    #[error("could not keep in {path} what is about to be changed")]
    Keep {
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
        source: E,
    },
    /// Somebody else keeps changing it.
    #[error("could not change {path}: another program is writing it")]
    Contended {
        /// Which file.
        path: PathBuf,
    },
}

/// How often a file that somebody else changes at the same moment is read again.
const TRIES: u32 = 20;
/// For how many changes of a file the old bytes are kept.
const KEPT: usize = 10;
/// Bytes of a file that is changed. What is longer is nothing that a person wrote to be read.
const LARGEST: u64 = 16 << 20;

impl Amendments {
    /// Those below headroom's data folder.
    pub fn below(data: &Path) -> Amendments {
        Amendments { folder: data.join("amended"), step: |_| Ok(()) }
    }

    /// What stands in a file; `None` when it is not there.
    ///
    /// # Errors
    /// When it can't be read, is no file, or is larger than 16 MiB.
    pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
        match fs::metadata(path) {
            Ok(file) if !file.is_file() => Err(io::Error::other("it is no file")),
            Ok(file) if LARGEST < file.len() => Err(io::Error::other("it is larger than 16 MiB")),
            Ok(_) => swap::read(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // A link that leads nowhere is not made into a file.
                if fs::symlink_metadata(path).is_ok() { Err(error) } else { Ok(None) }
            }
            Err(error) => Err(error),
        }
    }

    /// Changes a file. `change` is given what stands there now and gives what shall, or `None` to leave it; it is asked
    /// again when somebody else writes meanwhile. `at` names the run: what belongs together is undone together.
    /// True when the file was changed.
    ///
    /// # Errors
    /// [`AmendError`].
    pub fn amend<E: std::error::Error + 'static>(
        &self,
        path: &Path,
        at: Millis,
        mut change: impl FnMut(Option<&[u8]>) -> Result<Option<Change>, E>,
    ) -> Result<bool, AmendError<E>> {
        let failed = |source| AmendError::File { path: path.to_owned(), source };
        let path = real(path).map_err(failed)?;
        let failed = |source| AmendError::File { path: path.clone(), source };
        let _lock = self.lock()?;
        swap::sweep(&path);
        let shelf = self.shelf(&path);
        let unkept = |source| AmendError::Keep { path: shelf.clone(), source };
        for _ in 0..TRIES {
            let there = Self::read(&path).map_err(failed)?;
            let wanted = change(there.as_deref())
                .map_err(|source| AmendError::Content { path: path.clone(), source })?;
            let Some(wanted) = wanted else { return Ok(false) };
            if there.is_some() && fs::metadata(&path).is_ok_and(|file| file.permissions().readonly()) {
                return Err(failed(io::Error::from(io::ErrorKind::ReadOnlyFilesystem)));
            }
            let kept = self.keep(&shelf, &path, there.as_deref(), &wanted, at).map_err(unkept)?;
            if swap::swap(&path, there.as_deref(), &wanted.bytes, Fresh::AsUsual, self.step)
                .map_err(failed)?
            {
                self.forget_oldest(&shelf);
                return Ok(true);
            }
            drop_kept(&kept);
        }
        Err(AmendError::Contended { path })
    }

    /// The files that were changed in the latest run that changed one of which `which` is true; and all that it changed.
    pub fn latest(&self, which: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        let shelves = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let newest: Vec<Kept> = shelves
            .filter_map(|shelf| self.kept(&shelf.path()).into_iter().rev().find_map(|at| Kept::read(&at)))
            .collect();
        let latest = newest.iter().filter(|kept| which(&kept.path)).map(|kept| kept.at).max();
        let mut paths: Vec<PathBuf> =
            newest.into_iter().filter(|kept| Some(kept.at) == latest).map(|kept| kept.path).collect();
        paths.sort();
        paths
    }

    /// Undoes the latest change of a file. Where it was changed since, `back` is given what stands there now, what stood
    /// there before our change, and what was noted of it, and gives what shall stand there. `None` when nothing is known to undo.
    ///
    /// # Errors
    /// [`AmendError`].
    pub fn undo<E: std::error::Error + 'static>(
        &self,
        path: &Path,
        mut back: impl FnMut(&[u8], Option<&[u8]>, &str) -> Result<Vec<u8>, E>,
    ) -> Result<Option<Undone>, AmendError<E>> {
        let path = real(path).unwrap_or_else(|_| path.to_owned());
        let failed = |source| AmendError::File { path: path.clone(), source };
        let _lock = self.lock()?;
        swap::sweep(&path);
        let shelf = self.shelf(&path);
        for _ in 0..TRIES {
            let Some((at, kept)) =
                self.kept(&shelf).into_iter().rev().find_map(|at| Some((at.clone(), Kept::read(&at)?)))
            else {
                return Ok(None);
            };
            let earlier = match kept.made {
                true => None,
                false => Some(fs::read(at.with_extension("old")).map_err(failed)?),
            };
            let now = Self::read(&path).map_err(failed)?;
            if now == earlier {
                // A machine that stopped had only got as far as to keep the old bytes.
                drop_kept(&at);
                continue;
            }
            let (how, done) = match &now {
                None => (How::NotThere, Ok(true)),
                Some(now) if digest(now) == kept.after => match &earlier {
                    None => (How::Removed, fs::remove_file(&path).map(|()| true)),
                    Some(earlier) => (How::Exactly, self.swap(&path, now, earlier)),
                },
                Some(now) => {
                    let after = back(now, earlier.as_deref(), &kept.note)
                        .map_err(|source| AmendError::Content { path: path.clone(), source })?;
                    (How::AroundChanges, self.swap(&path, now, &after))
                }
            };
            if done.map_err(failed)? {
                drop_kept(&at);
                (self.step)(Step::JournalRemoved).map_err(failed)?;
                return Ok(Some(Undone { path, how, note: kept.note }));
            }
        }
        Err(AmendError::Contended { path })
    }

    fn swap(&self, path: &Path, now: &[u8], after: &[u8]) -> io::Result<bool> {
        swap::swap(path, Some(now), after, Fresh::AsUsual, self.step)
    }

    /// Keeps what is about to be changed; gives where its description lies.
    fn keep(
        &self,
        shelf: &Path,
        path: &Path,
        there: Option<&[u8]>,
        wanted: &Change,
        at: Millis,
    ) -> io::Result<PathBuf> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(shelf)?;
        let last = self.kept(shelf).last().and_then(|last| number(last)).unwrap_or(0);
        let place = shelf.join(format!("{:08}.json", last + 1));
        if let Some(there) = there {
            swap::keep(&place.with_extension("old"), there)?;
        }
        let kept = Kept {
            version: 1,
            path: path.to_owned(),
            at: at.0,
            made: there.is_none(),
            after: digest(&wanted.bytes),
            note: wanted.note.clone(),
        };
        swap::keep(&place, &serde_json::to_vec_pretty(&kept)?)?;
        (self.step)(Step::JournalWritten)?;
        Ok(place)
    }

    /// The descriptions on a shelf, the oldest first.
    fn kept(&self, shelf: &Path) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = fs::read_dir(shelf)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "json") && number(path).is_some())
            .collect();
        found.sort();
        found
    }

    fn forget_oldest(&self, shelf: &Path) {
        let kept = self.kept(shelf);
        kept.iter().take(kept.len().saturating_sub(KEPT)).for_each(|at| drop_kept(at));
    }

    fn shelf(&self, path: &Path) -> PathBuf {
        let name = blake3::hash(path.as_os_str().as_encoded_bytes()).to_hex();
        self.folder.join(&name[..32])
    }

    /// Waits until no other process of ours amends.
    fn lock<E: std::error::Error + 'static>(&self) -> Result<File, AmendError<E>> {
        swap::lock(&self.folder, self.step)
            .map_err(|source| AmendError::Keep { path: self.folder.clone(), source })
    }
}

/// What is written down of one change, beside the old bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    version: u32,
    path: PathBuf,
    /// Which run, in milliseconds since 1970.
    at: i64,
    /// True when the file was not there before.
    made: bool,
    /// Digest of what was written.
    after: String,
    note: String,
}

impl Kept {
    fn read(at: &Path) -> Option<Kept> {
        let kept: Kept = serde_json::from_slice(&fs::read(at).ok()?).ok()?;
        (kept.version == 1).then_some(kept)
    }
}

fn drop_kept(at: &Path) {
    let _ = fs::remove_file(at).and_then(|()| fs::remove_file(at.with_extension("old")));
}

fn number(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// The file itself, where links lead to it; one that is not there yet, in its real folder.
fn real(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(path).is_err() => {
            let path = std::path::absolute(path)?;
            let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Err(error) };
            Ok(fs::canonicalize(folder)?.join(name))
        }
        found => found,
    }
}

#[cfg(test)]
mod tests;

//! One original a file, readable with `zstd -dc` and without the database.
//!
//! ```text
//! originals/ab/KEY.zst  =  skippable frame { magic u32 LE, size u32 LE, JSON }  zstd frame of the exact text
//! ```
//!
//! *Invariant:* a file under its final name is whole: it is written under another name and
//! renamed. Then it and its folder are synced, in this order, so that a journalling file system
//! writes its journal once; only then is it kept. What a loss of power leaves of one that was not
//! yet kept is found out by reading (length and checksum), and written anew.

use super::folder;
use super::{KeptOriginal, Original, Scope};
use crate::units::{Key, Millis};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The magic number of the skippable frame (RFC 8878, 3.1.2: 0x184D2A50 to 0x184D2A5F).
const SKIPPABLE: u32 = 0x184D_2A5D;

/// The longest description that is read.
const ABOUT_LIMIT: u32 = 64 << 10;

/// The longest original that is given back: no request is longer, so a longer file is not ours.
const TEXT_LIMIT: u64 = 256 << 20;

/// zstd's own default: 1 MB of source in 5 ms, to a quarter.
const LEVEL: i32 = 3;

/// What a file says of its text.
#[derive(Serialize, Deserialize)]
struct About {
    #[serde(default)]
    project: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    tool: String,
    at: i64,
}

/// The folder of originals.
#[derive(Clone, Debug)]
pub(super) struct Originals {
    dir: PathBuf,
}

impl Originals {
    /// The originals of the store in `dir`.
    pub fn of(dir: &Path) -> Originals {
        Originals { dir: dir.join("originals") }
    }

    /// Makes all shelves at once, so that no original waits for the sync of a new one. The caller
    /// holds the folder's lock.
    pub fn make_shelves(&self) -> io::Result<()> {
        if self.dir.join("ff").exists() {
            return Ok(());
        }
        for number in 0..=255_u8 {
            make_shelf(&self.dir.join(format!("{number:02x}")))?;
        }
        folder::sync(&self.dir)
    }

    /// Where the original is, or would be.
    pub fn path(&self, key: &Key) -> PathBuf {
        self.shelf(key).join(format!("{key}.zst"))
    }

    fn shelf(&self, key: &Key) -> PathBuf {
        self.dir.join(&key.as_str()[..2])
    }

    /// Keeps `original`: when this returns, it is on disk. Gives the size of its file in bytes.
    ///
    /// One that is there already, whole, is not written again; only its age begins anew.
    pub fn keep(&self, original: &Original, now: Millis) -> io::Result<u64> {
        let (shelf, path) = (self.shelf(&original.key), self.path(&original.key));
        if make_shelf(&shelf)? {
            folder::sync(&self.dir)?;
        }
        let there = matches!(self.read(&original.key), Ok(Some(kept)) if *kept.text == *original.text);
        if !there {
            self.write(original, &shelf, &path, now)?;
        }
        let file = folder::read(&path)?;
        // The age is kept in the index too; this is for the day when the index is lost.
        let _ = file.set_modified(time(now));
        // Also when it was there: whoever wrote it may not have come as far.
        file.sync_all()?;
        folder::sync(&shelf)?;
        Ok(file.metadata()?.len())
    }

    fn write(&self, original: &Original, shelf: &Path, path: &Path, now: Millis) -> io::Result<()> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let draft = shelf.join(format!("{}.{}-{number}.new", original.key, std::process::id()));
        let written = draw_up(original, now).and_then(|bytes| {
            // A draft of this name is left over from a process of the same number that died.
            let mut file = folder::private().truncate(true).open(&draft)?;
            file.write_all(&bytes)?;
            fs::rename(&draft, path)
        });
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        written
    }

    /// Reads an original; `None` when there is no such file.
    ///
    /// # Errors
    /// When the file can't be read or is not whole.
    pub fn read(&self, key: &Key) -> io::Result<Option<KeptOriginal>> {
        let mut file = match folder::read(&self.path(key)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut head = [0; 8];
        file.read_exact(&mut head)?;
        let [m0, m1, m2, m3, s0, s1, s2, s3] = head;
        let size = u32::from_le_bytes([s0, s1, s2, s3]);
        if u32::from_le_bytes([m0, m1, m2, m3]) != SKIPPABLE || size > ABOUT_LIMIT {
            return Err(damaged());
        }
        let mut about = vec![0; size as usize];
        file.read_exact(&mut about)?;
        let about: About = serde_json::from_slice(&about).map_err(|_| damaged())?;
        let mut text = Vec::new();
        zstd::stream::read::Decoder::new(file)?.take(TEXT_LIMIT + 1).read_to_end(&mut text)?;
        if text.len() as u64 > TEXT_LIMIT {
            return Err(damaged());
        }
        Ok(Some(KeptOriginal {
            text: String::from_utf8(text).map_err(|_| damaged())?,
            scope: Scope { project: about.project },
            kind: about.kind,
            tool: about.tool,
            at: Millis(about.at),
        }))
    }

    /// True when the original's file is there.
    pub fn has(&self, key: &Key) -> bool {
        fs::symlink_metadata(self.path(key)).is_ok()
    }

    /// Deletes an original. One that is gone already is no error.
    pub fn delete(&self, key: &Key) -> io::Result<()> {
        match fs::remove_file(self.path(key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Begins the original's age anew.
    pub fn refresh(&self, key: &Key, now: Millis) {
        let _ = folder::read(&self.path(key)).and_then(|file| file.set_modified(time(now)));
    }

    /// Every file of the shelves: originals with their size and age, and drafts that nobody finished.
    pub fn list(&self) -> io::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for shelf in fs::read_dir(&self.dir)? {
            let Ok(files) = fs::read_dir(shelf?.path()) else { continue };
            for file in files.flatten() {
                let Ok(about) = file.metadata() else { continue };
                let seen = about.modified().map_or(Millis(0), millis);
                let name = file.file_name();
                let name = name.to_string_lossy();
                let key = name.strip_suffix(".zst").and_then(Key::parse);
                if key.is_some() || name.ends_with(".new") {
                    listed.push(Listed { path: file.path(), key, bytes: about.len(), seen });
                }
            }
        }
        Ok(listed)
    }
}

/// One file found on a shelf.
pub(super) struct Listed {
    /// Where.
    pub path: PathBuf,
    /// The original's name; `None` for a draft.
    pub key: Option<Key>,
    /// Its size.
    pub bytes: u64,
    /// When its age began.
    pub seen: Millis,
}

/// True when it was not there.
fn make_shelf(shelf: &Path) -> io::Result<bool> {
    match DirBuilder::new().mode(0o700).create(shelf) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// The bytes of an original's file.
fn draw_up(original: &Original, now: Millis) -> io::Result<Vec<u8>> {
    let about = serde_json::to_vec(&About {
        project: original.scope.project.clone(),
        kind: original.kind.clone(),
        tool: original.tool.clone(),
        at: now.0,
    })?;
    let size = u32::try_from(about.len()).ok().filter(|size| *size <= ABOUT_LIMIT).ok_or_else(damaged)?;
    let mut bytes = Vec::with_capacity(about.len() + original.text.len() / 3 + 64);
    bytes.extend_from_slice(&SKIPPABLE.to_le_bytes());
    bytes.extend_from_slice(&size.to_le_bytes());
    bytes.extend_from_slice(&about);
    let mut encoder = zstd::stream::write::Encoder::new(bytes, LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.set_pledged_src_size(Some(original.text.len() as u64))?;
    encoder.write_all(original.text.as_bytes())?;
    encoder.finish()
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not an original that headroom wrote, or it is damaged")
}

fn time(at: Millis) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.0).unwrap_or(0))
}

fn millis(at: SystemTime) -> Millis {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

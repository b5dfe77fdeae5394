//! A file replaced as a whole: at every moment it is wholly the old one or wholly the new one.
//!
//! *Invariant:* what another program writes at the same moment is not lost: the file is replaced only while it holds what
//! was read. *Invariant:* a link that lies where the new file is made leads nowhere.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A point at which a machine can stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    LockTaken,
    JournalWritten,
    NewFileMade,
    NewFileWritten,
    FileReplaced,
    JournalRemoved,
}

/// What is told of each step; a test stops the work there.
pub(super) type Steps = fn(Step) -> io::Result<()>;

/// What a failpoint of a test stops the work with.
pub(super) const STOPPED: io::ErrorKind = io::ErrorKind::ConnectionAborted;

/// What a file that was not there may be read and written by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fresh {
    /// Only the user.
    Private,
    /// Whoever the user lets read the files that they make.
    AsUsual,
}

/// Replaces a file as a whole, if it still holds `before` (`None`: is not there); false when it does not.
///
/// A machine that stops on the way may leave the new file beside it: [`sweep`] takes it away.
pub(super) fn swap(
    path: &Path,
    before: Option<&[u8]>,
    after: &[u8],
    fresh: Fresh,
    step: Steps,
) -> io::Result<bool> {
    let new = beside(path);
    let written = (|| {
        sweep(path);
        let mode = if fresh == Fresh::Private || before.is_some() { 0o600 } else { 0o666 };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
        step(Step::NewFileMade)?;
        if let Ok(there) = fs::metadata(path) {
            file.set_permissions(fs::Permissions::from_mode(there.permissions().mode() & 0o7777))?;
        }
        file.write_all(after)?;
        file.sync_all()?;
        step(Step::NewFileWritten)
    })();
    if let Err(error) = written {
        // A machine that stops leaves the new file to the next command.
        if error.kind() != STOPPED {
            sweep(path);
        }
        return Err(error);
    }
    let done = match read(path)?.as_deref() == before {
        true => put(&new, path, before),
        false => Ok(false),
    };
    if !matches!(done, Ok(true)) {
        sweep(path);
        return done;
    }
    sync_folder(path);
    step(Step::FileReplaced)?;
    sweep(path);
    Ok(true)
}

/// Gives the new file the other's name, and looks at what it has taken the place of.
fn put(new: &Path, path: &Path, before: Option<&[u8]>) -> io::Result<bool> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    let flags = if before.is_some() { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
    match renameat_with(CWD, new, CWD, path, flags) {
        Ok(()) if before.is_none() => Ok(true),
        Ok(()) if read(new)?.as_deref() == before => Ok(true),
        Ok(()) => {
            renameat_with(CWD, new, CWD, path, flags)?;
            Ok(false)
        }
        // Somebody has made it, or has taken it away.
        Err(Errno::EXIST | Errno::NOENT) => Ok(false),
        // Not every file system can do both at once.
        Err(_) => fs::rename(new, path).map(|()| true),
    }
}

/// Removes a new file that never took the place of `path`, or the old one that did.
pub(super) fn sweep(path: &Path) {
    let _ = fs::remove_file(beside(path));
}

/// A file's bytes; `None` when it is not there.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where the new file is made: in the same folder, so that it can take the other's place at once.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.headroom-new"))
}

/// Writes a file of our own, that only the user may read.
pub(super) fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_folder(path);
    Ok(())
}

/// Waits until no other process of ours edits; the lock ends with the value.
pub(super) fn lock(folder: &Path, step: Steps) -> io::Result<File> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let path = folder.join("lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.lock()?;
    step(Step::LockTaken)?;
    Ok(file)
}

/// So that a rename survives the machine.
pub(super) fn sync_folder(path: &Path) {
    if let Some(Ok(folder)) = path.parent().map(File::open) {
        let _ = folder.sync_all();
    }
}

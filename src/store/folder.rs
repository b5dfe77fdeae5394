//! The folder that everything lies in: only the user's, opened by one process at a time.

use super::StoreError;
use rustix::fs::OFlags;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long one process waits for another that is opening the same store.
///
/// Opening takes some milliseconds; this is for a process that was stopped in the middle of it.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the system said, and of which file.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
    move |source| StoreError::Io { path: path.to_owned(), source }
}

/// Makes the folder when it is not there, shuts it to other users, and gives its real path.
pub(super) fn prepare(dir: &Path) -> Result<PathBuf, StoreError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(at(dir))?;
    let dir = dir.canonicalize().map_err(at(dir))?;
    shut(&dir)?;
    let originals = dir.join("originals");
    match DirBuilder::new().mode(0o700).create(&originals) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(at(&originals)(error)),
        _ => {}
    }
    if !fs::symlink_metadata(&originals).map_err(at(&originals))?.is_dir() {
        return Err(at(&originals)(io::Error::other("it is not a folder")));
    }
    shut(&originals)?;
    Ok(dir)
}

/// Takes every right on `dir` away from everybody but its owner.
fn shut(dir: &Path) -> Result<(), StoreError> {
    let mode = fs::metadata(dir).map_err(at(dir))?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(at(dir))?;
    }
    Ok(())
}

/// Waits until no other process is opening this store. The lock ends with the value.
pub(super) fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let file = private().truncate(false).open(&path).map_err(at(&path))?;
    let step = Duration::from_millis(2);
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if waited < PATIENCE => {
                std::thread::sleep(step);
                waited += step;
            }
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Database(format!("another headroom is opening {}", dir.display())));
            }
            Err(TryLockError::Error(source)) => return Err(at(&path)(source)),
        }
    }
}

/// How a file of ours is opened to be written: made when missing, 0600, never through a symbolic link.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600).custom_flags(OFlags::NOFOLLOW.bits() as i32);
    options
}

/// Opens a file of ours to be read, never through a symbolic link.
pub(super) fn read(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlags::NOFOLLOW.bits() as i32).open(path)
}

/// Makes what happened to the names in `dir` outlive a loss of power.
pub(super) fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Renames `headroom.db` and what belongs to it to a name that is free; says which.
pub(super) fn set_aside(dir: &Path) -> Result<PathBuf, StoreError> {
    let aside = (1..1_000)
        .map(|number| dir.join(format!("headroom.db.damaged-{number}")))
        .find(|path| fs::symlink_metadata(path).is_err())
        .ok_or_else(|| StoreError::Database("too many damaged databases were set aside".to_owned()))?;
    for suffix in ["-wal", "-shm", ""] {
        let from = dir.join(format!("headroom.db{suffix}"));
        let mut to = aside.clone().into_os_string();
        to.push(suffix);
        match fs::rename(&from, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&from)(error)),
            _ => {}
        }
    }
    Ok(aside)
}

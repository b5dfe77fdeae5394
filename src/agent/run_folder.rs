//! A folder for the files of one run: only the user can enter it, and it is gone with the run.
//!
//! Its name says who holds it. What a killed run left behind is swept away by the
//! next. *Invariant:* nothing is written outside of it.

use super::lease::Holder;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The folder of one run; dropping it removes it.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    kept: bool,
}

impl RunFolder {
    /// Makes one below `parent`, and sweeps away what runs that have ended left there.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn make(parent: &Path) -> io::Result<RunFolder> {
        sweep(parent);
        let me = Holder::me();
        let path = parent.join(format!("{}-{}", me.pid, digest(&me)));
        let mut private = fs::DirBuilder::new();
        private.recursive(true).mode(0o700);
        private.create(parent)?;
        private.create(&path)?;
        let folder = RunFolder { path, kept: false };
        write_private(&folder.path.join(HOLDER), serde_json::to_string(&me)?.as_bytes())?;
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what a launch needs; each path is one below this folder.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn fill(&self, files: &[(PathBuf, String)]) -> io::Result<()> {
        for (path, text) in files {
            if let Some(parent) = path.parent() {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
            }
            write_private(path, text.as_bytes())?;
        }
        Ok(())
    }

    /// Leaves it to the program that this process becomes.
    pub fn hand_over(mut self) {
        self.kept = true;
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The file that says whose folder it is.
const HOLDER: &str = "holder.json";

/// Removes the folders of runs that have ended.
pub fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        let holder = fs::read_to_string(path.join(HOLDER)).ok();
        let holder = holder.and_then(|text| serde_json::from_str::<Holder>(&text).ok());
        // One without a holder is being made right now, or was when the machine stopped.
        let ended = match holder {
            Some(holder) => !holder.is_alive(),
            None => pid_in(&path).is_none_or(|pid| pid != std::process::id() && !is_young(&path)),
        };
        if ended {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

fn pid_in(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.split('-').next()?.parse().ok()
}

fn is_young(path: &Path) -> bool {
    const YOUNG: std::time::Duration = std::time::Duration::from_secs(60);
    let changed = fs::metadata(path).and_then(|folder| folder.modified());
    changed.is_ok_and(|changed| changed.elapsed().map_or(true, |age| age < YOUNG))
}

fn digest(holder: &Holder) -> String {
    let all = format!("{} {} {}", holder.pid, holder.started, holder.system);
    blake3::hash(all.as_bytes()).to_hex()[..12].to_owned()
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_private_and_goes_with_the_run() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = RunFolder::make(&parent.path().join("runs")).expect("it is made");
        let file = folder.path().join("below/settings.json");
        folder.fill(&[(file.clone(), "{}".to_owned())]).expect("it is written");
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(folder.path())), (0o600, 0o700));
        drop(folder);
        assert!(!file.exists());
        assert_eq!(fs::read_dir(parent.path().join("runs")).expect("it is there").count(), 0);
    }

    #[test]
    fn what_a_killed_run_left_is_swept_away_and_what_a_living_one_needs_is_not() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = RunFolder::make(parent.path()).expect("it is made");
        let dead = parent.path().join("1-dead");
        fs::create_dir(&dead).expect("a folder");
        let holder = Holder { started: "before the flood".to_owned(), ..Holder::me() };
        fs::write(dead.join(HOLDER), serde_json::to_string(&holder).expect("it is JSON")).expect("a file");
        sweep(parent.path());
        assert!(!dead.exists());
        assert!(folder.path().exists());
    }
}

//! The launchers: small scripts by which typing an agent's name runs it through headroom.
//!
//! They lie in one folder of headroom's own, a file for each program. *Invariant:*
//! only launchers are written, replaced or removed there. *Invariant:* what is
//! started behind a launcher does not find it in its PATH, so nothing leads back here.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A launcher, as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launcher {
    /// What is typed after `headroom wrap`.
    pub agent: String,
    /// What is typed instead: the program's name, which is the file's too.
    pub program: String,
    /// The headroom that it calls.
    pub headroom: PathBuf,
}

/// Why a launcher could not be put there or taken away.
#[derive(Debug, thiserror::Error)]
pub enum ShimError {
    /// A file or folder could not be read or written.
    #[error("could not {what} {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The name of the program can't be a file's, or is our own.
    #[error("`{0}` can't be the name of a launcher")]
    Name(String),
    /// Something else lies where the launcher would.
    #[error("{0} is no launcher of headroom's; it was left as it is")]
    Foreign(PathBuf),
}

fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> ShimError + 'a {
    move |source| ShimError::Io { what, path: path.to_owned(), source }
}

/// What an installation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installed {
    /// It was not there.
    New,
    /// It was there and said something else.
    Renewed,
    /// It was there as it should be.
    Unchanged,
}

impl Launcher {
    /// The script.
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for line in include_str!("../../shims/launcher.sh").split_inclusive('\n') {
            let filled = match line.trim_end() {
                "agent=@AGENT@" => Some(("agent", OsStr::new(&self.agent))),
                "program=@PROGRAM@" => Some(("program", OsStr::new(&self.program))),
                "headroom=@HEADROOM@" => Some(("headroom", self.headroom.as_os_str())),
                _ => None,
            };
            match filled {
                Some((name, value)) => {
                    text.extend(name.as_bytes());
                    text.push(b'=');
                    text.extend(quoted(value));
                    text.push(b'\n');
                }
                None => text.extend(line.as_bytes()),
            }
        }
        text
    }

    /// Whether the program's name can be a file's, and is not our own.
    pub fn can_be(&self) -> bool {
        let odd = |byte: u8| byte == b'/' || byte.is_ascii_control();
        let ours = self.headroom.file_name() == Some(OsStr::new(&self.program));
        !(self.program.is_empty() || self.program.starts_with('.') || self.program.bytes().any(odd) || ours)
    }

    /// Puts it into `folder`, in one step.
    ///
    /// # Errors
    /// [`ShimError`].
    pub fn install(&self, folder: &Path) -> Result<Installed, ShimError> {
        if !self.can_be() {
            return Err(ShimError::Name(self.program.clone()));
        }
        let path = folder.join(&self.program);
        let text = self.text();
        let before = match fs::symlink_metadata(&path) {
            Ok(_) if !is_launcher(&path) => return Err(ShimError::Foreign(path)),
            Ok(meta) => Some((fs::read(&path).ok(), meta.permissions().mode() & 0o777)),
            Err(_) => None,
        };
        if before == Some((Some(text.clone()), MODE)) {
            return Ok(Installed::Unchanged);
        }
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed("make", folder))?;
        let new = folder.join(format!(".{}.new", self.program));
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(&text)?;
            file.set_permissions(Permissions::from_mode(MODE))?;
            fs::rename(&new, &path)
        });
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
        written.map_err(failed("write", &path))?;
        Ok(if before.is_some() { Installed::Renewed } else { Installed::New })
    }

    /// How things stand for it in `folder`, for who has this PATH.
    pub fn standing(&self, folder: &Path, path: Option<&OsStr>) -> Standing {
        let own = folder.join(&self.program);
        if !is_launcher(&own) {
            return Standing::Absent;
        }
        if fs::read(&own).ok() != Some(self.text()) {
            return Standing::Outdated;
        }
        for entry in path.map(std::env::split_paths).into_iter().flatten() {
            if same(&entry, folder) {
                return Standing::First;
            }
            let other = entry.join(&self.program);
            if is_program(&other) && !is_launcher(&other) {
                return Standing::Behind(other);
            }
        }
        Standing::Aside
    }
}

/// The right to read and run for everybody, to write for the owner.
const MODE: u32 = 0o755;

/// How things stand for a launcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is none.
    Absent,
    /// There is one, and it calls another agent or another headroom.
    Outdated,
    /// It is there, and its folder is not in the PATH.
    Aside,
    /// It is there, and this program comes before it in the PATH.
    Behind(PathBuf),
    /// It is what is run.
    First,
}

/// The programs in `folder` that are launchers, sorted.
pub fn installed(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter(|name| !name.starts_with('.') && is_launcher(&folder.join(name))).collect();
    names.sort_unstable();
    names
}

/// Whether the launcher at `path` calls this headroom.
pub fn calls(path: &Path, headroom: &Path) -> bool {
    let line = [b"headroom=", quoted(headroom.as_os_str()).as_slice(), b"\n"].concat();
    is_launcher(path)
        && fs::read(path).is_ok_and(|text| text.windows(line.len()).any(|window| window == line))
}

/// Takes the launcher of `program` out of `folder`; false when there was none.
///
/// # Errors
/// [`ShimError`]; what is no launcher stays.
pub fn remove(folder: &Path, program: &str) -> Result<bool, ShimError> {
    let path = folder.join(program);
    if program.contains('/') || fs::symlink_metadata(&path).is_err() {
        return Ok(false);
    }
    if !is_launcher(&path) {
        return Err(ShimError::Foreign(path));
    }
    // Left by an installation that was killed.
    let _ = fs::remove_file(folder.join(format!(".{program}.new")));
    fs::remove_file(&path).map_err(failed("remove", &path))?;
    Ok(true)
}

/// Takes `folder` and the one it lies in away, if nothing is in them.
pub fn tidy(folder: &Path) {
    let above = fs::remove_dir(folder).ok().and_then(|()| folder.parent());
    // Not empty: it holds what headroom keeps.
    let _ = above.map(fs::remove_dir);
}

/// The word in the second line of every launcher, by which they are known.
const MARK: &[u8] = b"# headroom-shim:";

/// Whether the file at `path` is a launcher, of this headroom or another.
pub fn is_launcher(path: &Path) -> bool {
    // Opening a pipe would wait for somebody to write into it.
    if !path.is_file() {
        return false;
    }
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(256).read_to_end(&mut head));
    let mut lines = head.split(|byte| *byte == b'\n');
    read.is_ok()
        && lines.next().is_some_and(|first| first.starts_with(b"#!"))
        && lines.next().is_some_and(|second| second.starts_with(MARK))
}

/// The PATH as it would be without launchers; `None` when none is in it.
///
/// Only folders that hold nothing but launchers are left out of it.
pub fn path_without(path: &OsStr, program: &str) -> Option<OsString> {
    let entries: Vec<&[u8]> = path.as_bytes().split(|byte| *byte == b':').collect();
    let kept: Vec<&[u8]> = entries
        .iter()
        .copied()
        .filter(|entry| {
            let folder = if entry.is_empty() { Path::new(".") } else { Path::new(OsStr::from_bytes(entry)) };
            !(is_launcher(&folder.join(program)) && has_launchers_only(folder))
        })
        .collect();
    (kept.len() < entries.len() && !kept.is_empty()).then(|| OsString::from_vec(kept.join(&b':')))
}

fn has_launchers_only(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| !entry.file_name().as_bytes().starts_with(b"."))
        .all(|entry| is_launcher(&entry.path()))
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Whether two paths lead to one folder.
fn same(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// A value as a POSIX shell reads it back, whatever it holds.
pub fn quoted(value: &OsStr) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for byte in value.as_bytes() {
        match byte {
            b'\'' => quoted.extend(b"'\\''"),
            byte => quoted.push(*byte),
        }
    }
    quoted.push(b'\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launcher(program: &str) -> Launcher {
        Launcher { agent: "claude".into(), program: program.into(), headroom: "/opt/it's/headroom".into() }
    }

    #[test]
    fn every_place_of_the_template_is_filled_whatever_stands_there() {
        let text = String::from_utf8(launcher("claude").text()).expect("text");
        assert!(!text.contains('@') || !text.contains("=@"), "{text}");
        assert!(text.contains("\nagent='claude'\nprogram='claude'\nheadroom='/opt/it'\\''s/headroom'\n"));
    }

    #[test]
    fn only_launchers_are_written_over_or_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let shims = folder.path().join("data/shims");
        assert_eq!(launcher("claude").install(&shims).expect("it is put there"), Installed::New);
        assert_eq!(launcher("claude").install(&shims).expect("it stays"), Installed::Unchanged);
        let other = Launcher { headroom: "/elsewhere/headroom".into(), ..launcher("claude") };
        assert_eq!(other.standing(&shims, None), Standing::Outdated);
        assert_eq!(other.install(&shims).expect("it is put there"), Installed::Renewed);
        fs::write(shims.join("codex"), "#!/bin/sh\nexec something\n").expect("a file");
        assert!(matches!(launcher("codex").install(&shims), Err(ShimError::Foreign(_))));
        assert!(matches!(remove(&shims, "codex"), Err(ShimError::Foreign(_))));
        assert_eq!(installed(&shims), ["claude"]);
        for odd in ["", ".", "..", ".x", "a/b", "a\nb", "headroom"] {
            assert!(matches!(launcher(odd).install(&shims), Err(ShimError::Name(_))), "{odd:?}");
        }
        assert!(remove(&shims, "claude").expect("it goes"));
        assert!(!remove(&shims, "claude").expect("it is gone"));
        tidy(&shims);
        assert!(shims.join("codex").exists(), "what is not ours stays");
        fs::remove_file(shims.join("codex")).expect("it was there");
        tidy(&shims);
        assert!(!folder.path().join("data").exists());
    }

    #[test]
    fn the_path_behind_a_launcher_is_the_path_without_it_and_nothing_else_is_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for shims in ["one", "two", "mixed"] {
            launcher("claude").install(&at(shims)).expect("it is put there");
        }
        fs::write(at("mixed/tool"), "").expect("a file");
        let joined = |names: &[&str]| {
            let places = names.iter().map(|name| match *name {
                "" | "/bin" => (*name).to_owned(),
                name => at(name).display().to_string(),
            });
            OsString::from(places.collect::<Vec<_>>().join(":"))
        };
        let cases: [(&[&str], Option<&[&str]>); 6] = [
            (&["/bin", ""], None),
            (&["one", "/bin"], Some(&["/bin"])),
            (&["", "one", "/bin", "two", "nowhere", ""], Some(&["", "/bin", "nowhere", ""])),
            (&["mixed", "/bin"], None),
            (&["mixed", "one"], Some(&["mixed"])),
            (&["one", "two"], None),
        ];
        for (given, without) in cases {
            assert_eq!(path_without(&joined(given), "claude"), without.map(joined), "{given:?}");
            assert_eq!(path_without(&joined(given), "codex"), None, "that is no launcher's name");
        }
    }

    #[test]
    fn how_a_launcher_stands_depends_on_what_comes_before_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let claude = launcher("claude");
        let path = |names: &[&str]| std::env::join_paths(names.iter().map(|name| at(name))).expect("a PATH");
        assert_eq!(claude.standing(&at("shims"), None), Standing::Absent);
        claude.install(&at("shims")).expect("it is put there");
        claude.install(&at("copy")).expect("it is put there");
        fs::create_dir(at("bin")).expect("a folder");
        fs::write(at("bin/claude"), "").expect("a file");
        let real =
            |mode| fs::set_permissions(at("bin/claude"), Permissions::from_mode(mode)).expect("a mode");
        let cases: [(&[&str], u32, Standing); 5] = [
            (&["bin", "copy"], 0o644, Standing::Aside),
            (&["bin", "shims"], 0o644, Standing::First),
            (&["bin", "shims"], 0o755, Standing::Behind(at("bin/claude"))),
            (&["shims", "bin"], 0o755, Standing::First),
            (&["copy", "shims", "bin"], 0o755, Standing::First),
        ];
        for (names, mode, standing) in cases {
            real(mode);
            assert_eq!(claude.standing(&at("shims"), Some(&path(names))), standing, "{names:?}");
        }
    }
}

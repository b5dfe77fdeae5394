//! The line in a shell's start-up file that puts the launchers first in the PATH.
//!
//! *Invariant:* the file is the user's. It is written only when that was asked for,
//! as one marked block at its end; taking the block away leaves every other byte as
//! it was. The file itself stays the same one: its owner, its mode, its links.

use super::shims::quoted;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A shell whose start-up file is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// Any other that is told by POSIX: dash, ksh, ash.
    Sh,
    /// Bash.
    Bash,
    /// Z shell.
    Zsh,
    /// fish.
    Fish,
}

/// Where start-up files lie.
#[derive(Clone, Debug)]
pub struct Places {
    /// The user's home.
    pub home: PathBuf,
    /// `$ZDOTDIR`.
    pub zsh: Option<PathBuf>,
    /// `$XDG_CONFIG_HOME`.
    pub config: Option<PathBuf>,
    /// Which sessions a terminal opens here.
    pub sessions: Sessions,
}

/// Which sessions a terminal opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sessions {
    /// Interactive ones, as on Linux.
    Interactive,
    /// Login sessions, as on macOS: there bash does not read `.bashrc`.
    Login,
}

/// Why a start-up file could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// It can't be read or written.
    #[error("could not {what} {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The block has a beginning and no end.
    #[error("{path}:{line}: the block that begins here has no end; take it away by hand")]
    Torn {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
}

fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> StartupError + 'a {
    move |source| StartupError::Io { what, path: path.to_owned(), source }
}

impl Shell {
    /// The shell that a path such as `$SHELL` names; `None` when its start-up file is not known.
    pub fn named(path: &str) -> Option<Shell> {
        match path.rsplit('/').next().unwrap_or_default() {
            "sh" | "dash" | "ash" | "ksh" | "mksh" => Some(Shell::Sh),
            "bash" => Some(Shell::Bash),
            "zsh" => Some(Shell::Zsh),
            "fish" => Some(Shell::Fish),
            _ => None,
        }
    }

    /// The line that puts `folder` first in the PATH, unless it is there.
    pub fn line(self, folder: &Path) -> Vec<u8> {
        let whole = |parts: [&[u8]; 5]| parts.concat();
        match self {
            Shell::Fish => {
                let folder = quoted_for_fish(folder.as_os_str());
                whole([b"test \"$PATH[1]\" = ", &folder, b"; or set -gx PATH ", &folder, b" $PATH"])
            }
            Shell::Sh | Shell::Bash | Shell::Zsh => {
                let folder = quoted(folder.as_os_str());
                whole([b"case $PATH in ", &folder, b":*) ;; *) export PATH=", &folder, b":\"$PATH\" ;; esac"])
            }
        }
    }

    /// The file that it reads when a terminal is opened.
    pub fn file(self, places: &Places) -> PathBuf {
        let home = &places.home;
        match self {
            Shell::Sh => home.join(".profile"),
            Shell::Bash if places.sessions == Sessions::Interactive => home.join(".bashrc"),
            // The first that is there is read, and no other.
            Shell::Bash => {
                let mut files = LOGIN_FILES.iter().map(|name| home.join(name));
                files.find(|path| path.exists()).unwrap_or_else(|| home.join(LOGIN_FILES[0]))
            }
            Shell::Zsh => places.zsh.as_ref().unwrap_or(home).join(".zshrc"),
            Shell::Fish => {
                let config = places.config.clone().unwrap_or_else(|| home.join(".config"));
                config.join("fish/config.fish")
            }
        }
    }
}

/// What bash looks for when it begins a login session.
const LOGIN_FILES: [&str; 3] = [".bash_profile", ".bash_login", ".profile"];

/// Every file that may hold a block of ours.
pub fn files(places: &Places) -> Vec<PathBuf> {
    let mut files = vec![places.home.join(".bashrc"), places.home.join(".zshrc")];
    files.extend(LOGIN_FILES.iter().map(|name| places.home.join(name)));
    files.extend([Shell::Zsh, Shell::Fish].map(|shell| shell.file(places)));
    files.push(places.home.join(".config/fish/config.fish"));
    files.sort_unstable();
    files.dedup();
    files
}

/// What was done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The block was put there.
    Added,
    /// It was there already, letter for letter.
    Unchanged,
}

const BEGIN: &[u8] = b"# >>> headroom shims";
const END: &[u8] = b"# <<< headroom shims <<<";

/// What was there before the block, as its first line says; so that it can be so again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// Whole lines, or nothing.
    Lines,
    /// A last line without an end: the one that it has now is ours.
    OpenLine,
    /// No file; and so many folders above it were made.
    NoFile { folders: usize },
}

impl Before {
    fn said(self) -> String {
        match self {
            Before::Lines => String::new(),
            Before::OpenLine => " (ended the line above)".to_owned(),
            Before::NoFile { folders } => format!(" (made this file and {folders} folders)"),
        }
    }

    fn heard(line: &[u8]) -> Before {
        let line = String::from_utf8_lossy(line);
        let made = line.split_once("(made this file and ").and_then(|(_, rest)| rest.split(' ').next());
        match made.map(str::parse) {
            Some(folders) => Before::NoFile { folders: folders.unwrap_or(0) },
            None if line.contains("(ended the line above)") => Before::OpenLine,
            None => Before::Lines,
        }
    }
}

/// Puts the line for `folder` at the end of the start-up file at `path`, in a marked block.
///
/// # Errors
/// [`StartupError`]; the file is as it was then.
pub fn add(path: &Path, shell: Shell, folder: &Path) -> Result<Written, StartupError> {
    let line = shell.line(folder);
    if let Some(block) = read(path)?.as_deref().map(|text| find(text, path, folder)).transpose()?.flatten() {
        if block.line == line {
            return Ok(Written::Unchanged);
        }
        remove(path, folder)?;
    }
    let (before, opens) = match read(path)? {
        None => (Before::NoFile { folders: missing_above(path) }, &b""[..]),
        Some(text) if !text.is_empty() && text.last() != Some(&b'\n') => (Before::OpenLine, &b"\n"[..]),
        Some(_) => (Before::Lines, &b""[..]),
    };
    let begin = [BEGIN, before.said().as_bytes(), b" >>>"].concat();
    let block = [opens, &begin, b"\n", &line, b"\n", END, b"\n"].concat();
    if let Some(above) = path.parent() {
        fs::create_dir_all(above).map_err(failed("make", above))?;
    }
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(&block)).map_err(failed("write", path))?;
    Ok(Written::Added)
}

/// Takes the block for `folder` out of the start-up file at `path`; false when there is none.
///
/// # Errors
/// [`StartupError`].
pub fn remove(path: &Path, folder: &Path) -> Result<bool, StartupError> {
    let mut removed = false;
    // There is one, but for a file that was put together from several.
    while let Some(text) = read(path)? {
        let Some(block) = find(&text, path, folder)? else { break };
        take_away(path, &text, &block)?;
        removed = true;
    }
    Ok(removed)
}

/// A block in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Block {
    start: usize,
    /// Behind its last line.
    end: usize,
    before: Before,
    line: Vec<u8>,
}

/// The first block for `folder`.
fn find(text: &[u8], path: &Path, folder: &Path) -> Result<Option<Block>, StartupError> {
    let names = [quoted(folder.as_os_str()), quoted_for_fish(folder.as_os_str())];
    let mut open: Option<(usize, usize, Before, Vec<u8>)> = None;
    let mut start = 0;
    for (number, whole) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let end = start + whole.len();
        // An editor may have given all lines another end.
        let line = whole.trim_ascii_end();
        if line.starts_with(BEGIN) {
            open = Some((start, number + 1, Before::heard(line), Vec::new()));
        } else if line == END {
            if let Some((start, _, before, inner)) = open.take()
                && names.iter().any(|name| inner.windows(name.len()).any(|window| window == name))
            {
                return Ok(Some(Block { start, end, before, line: inner }));
            }
        } else if let Some((_, _, _, inner)) = &mut open {
            if !inner.is_empty() {
                inner.push(b'\n');
            }
            inner.extend(line);
        }
        start = end;
    }
    match open {
        Some((_, line, ..)) => Err(StartupError::Torn { path: path.to_owned(), line }),
        None => Ok(None),
    }
}

/// In place: what stands behind the block moves up, and the file ends earlier. It never grows, so it can't run out of
/// room, and stays the file that other names lead to.
fn take_away(path: &Path, text: &[u8], block: &Block) -> Result<(), StartupError> {
    let rest = &text[block.end..];
    let start = match block.before {
        Before::OpenLine if rest.is_empty() => block.start.saturating_sub(1),
        _ => block.start,
    };
    if let Before::NoFile { folders } = block.before
        && start == 0
        && rest.is_empty()
    {
        let real = path.canonicalize().map_err(failed("find", path))?;
        fs::remove_file(&real).map_err(failed("remove", &real))?;
        for above in real.ancestors().skip(1).take(folders) {
            // One in which something else was put stays, and so do those above it.
            if fs::remove_dir(above).is_err() {
                break;
            }
        }
        return Ok(());
    }
    let file = OpenOptions::new().write(true).open(path).map_err(failed("write", path))?;
    let shortened = file
        .write_all_at(rest, start as u64)
        .and_then(|()| file.set_len((start + rest.len()) as u64))
        .and_then(|()| file.sync_all());
    shortened.map_err(failed("write", path))
}

/// No start-up file is longer.
const LONGEST: u64 = 16 << 20;

/// The file's bytes; `None` when there is none.
fn read(path: &Path) -> Result<Option<Vec<u8>>, StartupError> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", path)(error)),
        Ok(meta) if !meta.is_file() => {
            return Err(failed("read", path)(io::Error::other("it is not a file")));
        }
        Ok(meta) if LONGEST < meta.len() => {
            return Err(failed("read", path)(io::ErrorKind::FileTooLarge.into()));
        }
        Ok(_) => {}
    }
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut text));
    read.map(|_| Some(text)).map_err(failed("read", path))
}

/// How many of the folders above `path` are not there.
fn missing_above(path: &Path) -> usize {
    path.ancestors().skip(1).take_while(|above| !above.exists()).count()
}

/// A value as fish reads it back.
fn quoted_for_fish(value: &OsStr) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for byte in value.as_bytes() {
        if matches!(byte, b'\'' | b'\\') {
            quoted.push(b'\\');
        }
        quoted.push(*byte);
    }
    quoted.push(b'\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    const FOLDER: &str = "/home/o'neil/the data/shims";

    fn shells() -> impl Strategy<Value = Shell> {
        prop_oneof![Just(Shell::Sh), Just(Shell::Bash), Just(Shell::Zsh), Just(Shell::Fish)]
    }

    proptest! {
        #[test]
        fn what_was_added_goes_and_every_other_byte_stays(
            text in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..200),
                "([a-z# ]{0,9}(\n|\r\n)){0,9}[a-z]{0,3}".prop_map(String::into_bytes),
            ],
            shell in shells(),
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("rc");
            fs::write(&path, &text).expect("a file");
            prop_assert_eq!(add(&path, shell, Path::new(FOLDER)).expect("it is added"), Written::Added);
            let with = fs::read(&path).expect("it is there");
            prop_assert!(with.starts_with(&text), "it is put at the end");
            prop_assert_eq!(add(&path, shell, Path::new(FOLDER)).expect("it stays"), Written::Unchanged);
            prop_assert_eq!(fs::read(&path).expect("it is there"), with);
            prop_assert!(!remove(&path, Path::new("/other")).expect("there is none"));
            prop_assert!(remove(&path, Path::new(FOLDER)).expect("it goes"));
            prop_assert_eq!(fs::read(&path).expect("it is there"), text);
        }

        #[test]
        fn what_the_user_wrote_behind_it_stays_on_lines_of_its_own(before in "[a-z\n]{0,30}", after in "[a-z\n]{1,30}") {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("rc");
            fs::write(&path, &before).expect("a file");
            add(&path, Shell::Bash, Path::new(FOLDER)).expect("it is added");
            let with = fs::read_to_string(&path).expect("it is there");
            fs::write(&path, format!("{with}{after}")).expect("a file");
            remove(&path, Path::new(FOLDER)).expect("it goes");
            let end = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
            prop_assert_eq!(fs::read_to_string(&path).expect("it is there"), format!("{before}{end}{after}"));
        }
    }

    #[test]
    fn the_file_stays_the_one_it_was_behind_a_link_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("dotfiles"), "alias a=b").expect("a file");
        fs::set_permissions(at("dotfiles"), fs::Permissions::from_mode(0o640)).expect("a mode");
        fs::hard_link(at("dotfiles"), at("other name")).expect("a link");
        symlink("dotfiles", at(".bashrc")).expect("a link");
        let before = fs::metadata(at("dotfiles")).expect("it is there");
        add(&at(".bashrc"), Shell::Bash, Path::new(FOLDER)).expect("it is added");
        assert!(fs::read_to_string(at("other name")).expect("text").contains("shims"));
        remove(&at(".bashrc"), Path::new(FOLDER)).expect("it goes");
        let after = fs::metadata(at("dotfiles")).expect("it is there");
        assert_eq!((before.ino(), before.mode(), before.len()), (after.ino(), after.mode(), after.len()));
        assert!(fs::symlink_metadata(at(".bashrc")).expect("it is there").is_symlink());
    }

    #[test]
    fn a_file_that_was_not_there_is_gone_again_with_the_folders_made_for_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/b/config.fish");
        add(&path, Shell::Fish, Path::new(FOLDER)).expect("it is added");
        remove(&path, Path::new(FOLDER)).expect("it goes");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
        add(&path, Shell::Fish, Path::new(FOLDER)).expect("it is added");
        fs::write(folder.path().join("a/mine"), "").expect("a file");
        remove(&path, Path::new(FOLDER)).expect("it goes");
        assert!(folder.path().join("a/mine").exists() && !folder.path().join("a/b").exists());
        symlink("nowhere yet", folder.path().join("rc")).expect("a link");
        add(&folder.path().join("rc"), Shell::Zsh, Path::new(FOLDER)).expect("it is added");
        remove(&folder.path().join("rc"), Path::new(FOLDER)).expect("it goes");
        assert!(fs::symlink_metadata(folder.path().join("rc")).is_ok(), "the link is the user's");
        assert!(!folder.path().join("nowhere yet").exists());
    }

    #[test]
    fn a_block_is_found_with_other_line_ends_and_left_when_it_is_torn() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rc");
        fs::write(&path, "a\n").expect("a file");
        add(&path, Shell::Bash, Path::new(FOLDER)).expect("it is added");
        let with = fs::read_to_string(&path).expect("text");
        fs::write(&path, with.replace('\n', "\r\n")).expect("a file");
        assert!(remove(&path, Path::new(FOLDER)).expect("it goes"));
        assert_eq!(fs::read_to_string(&path).expect("text"), "a\r\n");
        let torn = with.replace("# <<< headroom shims <<<", "");
        fs::write(&path, &torn).expect("a file");
        assert!(matches!(remove(&path, Path::new(FOLDER)), Err(StartupError::Torn { line: 2, .. })));
        assert!(matches!(add(&path, Shell::Bash, Path::new(FOLDER)), Err(StartupError::Torn { .. })));
        assert_eq!(fs::read_to_string(&path).expect("text"), torn);
    }

    #[test]
    fn each_shell_reads_its_own_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path();
        let places = |sessions| Places { home: home.to_owned(), zsh: None, config: None, sessions };
        let linux = places(Sessions::Interactive);
        let mac = places(Sessions::Login);
        let moved = Places { zsh: Some("/z".into()), config: Some("/c".into()), ..linux.clone() };
        let cases = [
            (Shell::Sh, &linux, home.join(".profile")),
            (Shell::Bash, &linux, home.join(".bashrc")),
            (Shell::Bash, &mac, home.join(".bash_profile")),
            (Shell::Zsh, &mac, home.join(".zshrc")),
            (Shell::Zsh, &moved, "/z/.zshrc".into()),
            (Shell::Fish, &linux, home.join(".config/fish/config.fish")),
            (Shell::Fish, &moved, "/c/fish/config.fish".into()),
        ];
        for (shell, places, file) in cases {
            assert_eq!(shell.file(places), file, "{shell:?}");
            assert!(files(places).contains(&file), "a block there would be found again");
        }
        fs::write(home.join(".profile"), "").expect("a file");
        assert_eq!(Shell::Bash.file(&mac), home.join(".profile"), "a new .bash_profile would hide it");
        for (path, shell) in [
            ("/usr/local/bin/fish", Some(Shell::Fish)),
            ("zsh", Some(Shell::Zsh)),
            ("/bin/dash", Some(Shell::Sh)),
            ("/usr/bin/nu", None),
            ("", None),
        ] {
            assert_eq!(Shell::named(path), shell);
        }
    }
}

//! Which transcripts there are: the files under an agent's folder, newest first.
//!
//! *Invariant:* what can't be looked into is passed over and counted; loops of links end. A sub-agent's transcript is a
//! source of its own, once, and says in [`super::About::parent`] whose it is.

use super::{Format, Source, peek};
use crate::units::Millis;
use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// How deep folders are looked into below an agent's own.
const DEEPEST: usize = 8;

/// Files that are looked at below one folder, at most.
const MOST: usize = 1 << 20;

/// Letters up to which Claude Code names a folder by the working folder's whole path.
const NAMED_BY_PATH: usize = 200;

/// Where an agent keeps its transcripts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which agent, as its definition names it.
    pub agent: String,
    /// What they look like.
    pub format: Format,
    /// The folder (or the one file).
    pub folder: PathBuf,
}

/// Which transcripts are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Written to since then.
    pub since: Option<Millis>,
    /// Of sessions that began in this folder or below it.
    pub project: Option<PathBuf>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The transcripts, newest first.
    pub sources: Vec<Source>,
    /// Folders and files that could not be looked into.
    pub passed_over: u64,
}

/// The transcripts at `places` that are wanted. A place that does not exist holds none.
pub fn find(places: &[Place], wanted: &Wanted) -> Found {
    let mut found = Found::default();
    let mut seen = HashSet::new();
    let project = wanted.project.as_deref().map(Project::of);
    for place in places {
        let mut files = Vec::new();
        gather(place, project.as_ref(), &mut seen, &mut files, &mut found.passed_over);
        for (path, about) in files {
            let sources = sources_of(place.format, path, &about);
            let recent = |source: &Source| wanted.since.is_none_or(|since| since <= source.modified);
            found.sources.extend(sources.into_iter().filter(recent));
        }
    }
    if let Some(project) = &project {
        let passed_over = &mut found.passed_over;
        found.sources.retain(|source| match peek(source) {
            Ok(about) => project.holds(Path::new(&about.folder)),
            Err(_) => {
                *passed_over += 1;
                false
            }
        });
    }
    found.sources.sort_by(|one, other| {
        let newest = other.modified.cmp(&one.modified);
        newest.then_with(|| one.path.cmp(&other.path)).then_with(|| one.session.cmp(&other.session))
    });
    found
}

/// The transcript in a file that somebody named: its format is recognised.
///
/// # Errors
/// When the file can't be read, or is in none of the known formats.
pub fn named(path: &Path) -> Result<Vec<Source>, super::TranscriptError> {
    let about = fs::metadata(path).map_err(|error| super::TranscriptError::from_io(path, error))?;
    let format = super::recognise(path)?;
    let format = format.ok_or_else(|| super::TranscriptError::Foreign { path: path.to_owned() })?;
    Ok(sources_of(format, path.to_owned(), &about))
}

/// The transcripts in one file.
fn sources_of(format: Format, path: PathBuf, about: &Metadata) -> Vec<Source> {
    let modified = about.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let modified = Millis(modified.and_then(|at| i64::try_from(at.as_millis()).ok()).unwrap_or_default());
    if format == Format::OpenCode {
        // One that can't be opened is a source still: who reads it is told why.
        let whole =
            || vec![Source { path: path.clone(), session: None, format, bytes: about.len(), modified }];
        return super::opencode::sessions(&path, about.len()).unwrap_or_else(|_| whole());
    }
    vec![Source { path, session: None, format, bytes: about.len(), modified }]
}

/// Files of a place that look like transcripts.
fn gather(
    place: &Place,
    project: Option<&Project>,
    seen: &mut HashSet<PathBuf>,
    files: &mut Vec<(PathBuf, Metadata)>,
    passed_over: &mut u64,
) {
    let mut left = vec![(place.folder.clone(), 0)];
    while let Some((path, depth)) = left.pop() {
        if files.len() == MOST {
            *passed_over += 1;
            return;
        }
        let about = match fs::metadata(&path) {
            Ok(about) => about,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && depth == 0 => continue,
            Err(_) => {
                *passed_over += 1;
                continue;
            }
        };
        if about.is_file() {
            if (depth == 0 || looks_like_one(place.format, &path)) && is_new(&path, seen) {
                files.push((path, about));
            }
            continue;
        }
        // Below OpenCode's folder lie copies of the user's repositories.
        let deepest = if place.format == Format::OpenCode { 0 } else { DEEPEST };
        if !about.is_dir() || deepest < depth || !is_new(&path, seen) {
            continue;
        }
        let Ok(folder) = fs::read_dir(&path) else {
            *passed_over += 1;
            continue;
        };
        for child in folder.flatten() {
            let path = child.path();
            let elsewhere = depth == 0
                && place.format == Format::Claude
                && project.is_some_and(|project| !project.may_be(&child.file_name().to_string_lossy()));
            let folder_or_link = child.file_type().is_ok_and(|kind| !kind.is_file());
            if !elsewhere && (folder_or_link || looks_like_one(place.format, &path)) {
                left.push((path, depth + 1));
            }
        }
    }
}

/// True when the file or folder behind `path` was not met before, on whatever way.
fn is_new(path: &Path, seen: &mut HashSet<PathBuf>) -> bool {
    seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()))
}

/// Whether an agent names its transcripts so.
fn looks_like_one(format: Format, path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let ends = |end: &str| name.ends_with(end);
    match format {
        Format::Claude | Format::Qwen | Format::Plain => ends(".jsonl"),
        Format::Codex => name.starts_with("rollout-") && ends(".jsonl"),
        Format::Gemini => name.starts_with("session-") && (ends(".json") || ends(".jsonl")),
        Format::OpenCode => name == "opencode.db",
        Format::Aider => ends(".aider.chat.history.md"),
    }
}

/// A project's folder, as it is named and as it really is.
struct Project {
    names: Vec<PathBuf>,
}

impl Project {
    fn of(folder: &Path) -> Project {
        let mut names = vec![folder.to_owned()];
        names.extend(fs::canonicalize(folder).ok().filter(|real| real != folder));
        Project { names }
    }

    /// Whether `folder` is the project's or below it.
    fn holds(&self, folder: &Path) -> bool {
        self.names.iter().any(|name| folder.starts_with(name))
    }

    /// Whether Claude Code may have named its folder for this project, or for one below it, so.
    fn may_be(&self, name: &str) -> bool {
        self.names.iter().any(|folder| {
            let path = folder.to_string_lossy();
            let shape: String = path
                .chars()
                .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
                .collect();
            // Letters outside the basic plane count twice there.
            let odd = path.chars().any(|letter| 0xffff < u32::from(letter));
            NAMED_BY_PATH < path.len() || odd || name.starts_with(shape.trim_end_matches('-'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn record(folder: &str, sub_agent: bool) -> String {
        format!(
            "{{\"parentUuid\":null,\"isSidechain\":{sub_agent},\"type\":\"user\",\"uuid\":\"u\",\"sessionId\":\"s\",\
             \"cwd\":\"{folder}\",\"message\":{{\"role\":\"user\",\"content\":\"hello\"}}}}\n"
        )
    }

    fn place(folder: &Path) -> Place {
        Place { agent: "claude".to_owned(), format: Format::Claude, folder: folder.to_owned() }
    }

    fn names(found: &Found) -> Vec<String> {
        let name = |source: &Source| source.path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut names: Vec<String> = found.sources.iter().map(name).collect();
        names.sort();
        names
    }

    /// Sessions of two projects; one has a sub-agent, and the tree has a loop and a link that leads nowhere.
    fn tree(home: &Path) {
        let write = |path: &str, text: &str| {
            let path = home.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("-w-shop/one.jsonl", &record("/w/shop", false));
        write("-w-shop/one/subagents/agent-a.jsonl", &record("/w/shop", true));
        write("-w-shop/one/subagents/agent-a.meta.json", "{}");
        write("-w-shop-api/two.jsonl", &record("/w/shop/api", false));
        // Named alike, and elsewhere.
        write("-w-shop-old/three.jsonl", &record("/w/shop-old", false));
        write("-w-other/four.jsonl", &record("/w/other", false));
        symlink(home, home.join("-w-shop/loop")).unwrap();
        symlink(home.join("-w-shop/one.jsonl"), home.join("-w-shop/again.jsonl")).unwrap();
        symlink(home.join("nothing"), home.join("-w-shop/broken.jsonl")).unwrap();
    }

    #[test]
    fn every_transcript_is_found_once() {
        let home = tempfile::tempdir().unwrap();
        tree(home.path());
        let found = find(&[place(home.path()), place(&home.path().join("-w-shop"))], &Wanted::default());
        assert_eq!(found.sources.len(), 5, "{found:?}");
        assert_eq!(found.passed_over, 1, "the link that leads nowhere");
        let nowhere = find(&[place(Path::new("/nowhere/at/all"))], &Wanted::default());
        assert_eq!(nowhere, Found::default());
    }

    #[test]
    fn a_project_has_the_sessions_that_began_in_it_or_below() {
        let home = tempfile::tempdir().unwrap();
        tree(home.path());
        fs::remove_file(home.path().join("-w-shop/again.jsonl")).unwrap();
        let wanted = |project: &str| Wanted { project: Some(PathBuf::from(project)), since: None };
        let of = |project: &str| names(&find(&[place(home.path())], &wanted(project)));
        assert_eq!(of("/w/shop"), ["agent-a", "one", "two"]);
        assert_eq!(of("/w/shop/api"), ["two"]);
        assert_eq!(of("/w/other"), ["four"]);
        assert_eq!(of("/w/none"), [""; 0]);
    }

    #[test]
    fn the_newest_come_first_and_old_ones_can_be_left_out() {
        let home = tempfile::tempdir().unwrap();
        tree(home.path());
        let old = home.path().join("-w-other/four.jsonl");
        let at = UNIX_EPOCH + std::time::Duration::from_secs(1_000);
        fs::File::options().append(true).open(&old).unwrap().set_modified(at).unwrap();
        let found = find(&[place(home.path())], &Wanted::default());
        assert_eq!(found.sources.last().unwrap().path, old);
        assert_eq!(found.sources.last().unwrap().modified, Millis(1_000_000));
        let since = Wanted { since: Some(Millis(1_000_001)), project: None };
        let found = find(&[place(home.path())], &since);
        assert_eq!(found.sources.len(), 4, "{found:?}");
    }
}

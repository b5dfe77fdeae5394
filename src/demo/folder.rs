//! The agent's reading tools on the current folder: list, search, read.
//!
//! *Invariant:* nothing is written, nothing outside the folder is read, hidden
//! files and what is plainly not source are left alone.

use regex::Regex;
use std::fs;
use std::path::{Path, PathBuf};

/// Agents cut what a tool prints at about this length.
const LONGEST: usize = 30_000;
/// Hits that a search gives at most.
const MOST_HITS: usize = 250;
/// Lines that a read gives at most.
const MOST_LINES: usize = 2_000;
/// Files and folders that a search looks at, bytes that it reads in all, and how long one file may be.
const MOST_ENTRIES: usize = 20_000;
const MOST_BYTES: usize = 32 << 20;
const LONGEST_FILE: u64 = 1 << 20;
/// Folders that hold no source of the user's.
const NOT_SOURCE: &[&str] = &["target", "node_modules", "vendor", "build", "dist", "venv", "__pycache__"];

/// Names in `folder`, one a line, folders with a slash.
pub fn list(folder: &Path) -> Result<String, String> {
    let mut names: Vec<String> = entries(folder)?
        .into_iter()
        .map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() { format!("{name}/") } else { name }
        })
        .collect();
    names.truncate(MOST_HITS);
    Ok(names.join("\n"))
}

/// Hits of `pattern` in the text files under `folder`, as `file:line:text`.
pub fn search(folder: &Path, pattern: &str) -> Result<String, String> {
    let pattern = Regex::new(pattern).map_err(|error| error.to_string())?;
    let mut hits: Vec<String> = Vec::new();
    let mut length = 0;
    let (mut left, mut entries_seen, mut bytes_read) = (vec![folder.to_owned()], 0, 0);
    while let Some(path) = left.pop() {
        entries_seen += 1;
        if MOST_ENTRIES < entries_seen || MOST_BYTES < bytes_read {
            break;
        }
        if path.is_dir() {
            // The next folder's entries go on top, last one first, so that the walk is in order.
            left.extend(entries(&path).unwrap_or_default().into_iter().rev());
            continue;
        }
        let Some(text) = text_of(&path) else { continue };
        bytes_read += text.len();
        let shown = path.strip_prefix(folder).unwrap_or(&path).display();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| pattern.is_match(line)) {
            let hit = format!("{shown}:{}:{}", number + 1, line.chars().take(200).collect::<String>());
            length += hit.len() + 1;
            if hits.len() == MOST_HITS || LONGEST < length {
                return Ok(hits.join("\n"));
            }
            hits.push(hit);
        }
    }
    Ok(if hits.is_empty() { "No matches found".to_owned() } else { hits.join("\n") })
}

/// The lines of one file, numbered.
pub fn read(folder: &Path, file: &str) -> Result<String, String> {
    let inside = folder.canonicalize().map_err(|error| error.to_string())?;
    let path = folder.join(file).canonicalize().map_err(|error| format!("{file}: {error}"))?;
    if !path.starts_with(&inside) {
        return Err(format!("{file}: not in this folder"));
    }
    let text = text_of(&path).ok_or_else(|| format!("{file}: not a text file"))?;
    let mut shown = String::new();
    for (number, line) in text.lines().take(MOST_LINES).enumerate() {
        let line = format!("{:>6}\t{line}\n", number + 1);
        if LONGEST < shown.len() + line.len() {
            break;
        }
        shown.push_str(&line);
    }
    Ok(shown)
}

/// What may be looked at in `folder`, by name; links are not followed.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let read = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<PathBuf> = read
        .flatten()
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            !name.starts_with('.') && !link && !NOT_SOURCE.contains(&name.as_str())
        })
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    Ok(paths)
}

/// The text of a file; a length of 0 is also what devices and the kernel's own files have.
fn text_of(path: &Path) -> Option<String> {
    let fits =
        fs::metadata(path).is_ok_and(|about| about.is_file() && (1..=LONGEST_FILE).contains(&about.len()));
    fits.then(|| fs::read(path).ok())?.and_then(|bytes| String::from_utf8(bytes).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_in_order_and_leaves_hidden_files_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in [("b.rs", "an Error\nfine\n"), ("a/x.rs", "error here\n"), (".env", "error\n")] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        assert_eq!(search(folder.path(), "(?i)error").as_deref(), Ok("a/x.rs:1:error here\nb.rs:1:an Error"));
        assert_eq!(list(folder.path()).as_deref(), Ok("a/\nb.rs"));
        assert_eq!(read(folder.path(), "b.rs").as_deref(), Ok("     1\tan Error\n     2\tfine\n"));
    }

    #[test]
    fn nothing_outside_the_folder_is_read() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("in")).expect("a folder");
        fs::write(folder.path().join("secret"), "not yours").expect("a file");
        assert!(read(&folder.path().join("in"), "../secret").is_err());
        assert!(read(&folder.path().join("in"), "/etc/hostname").is_err());
    }
}

//! Which commands, paths and names may stand in advice: plain ones only.
//!
//! What an agent ran may itself have come from a hostile page. A literal is one short line of letters that mean nothing
//! to Markdown, HTML or a shell; anything else is no literal, and there is no advice.

use crate::secrets;

/// Longest literal, in bytes.
pub const LONGEST: usize = 80;

/// Longest part of a path: a name of many words is a sentence.
const LONGEST_PART: usize = 40;

/// `command` as it may stand in advice: words of plain letters with one blank between.
pub fn command(command: &str) -> Option<String> {
    let command = command.trim();
    let fits = !command.is_empty()
        && command.len() <= LONGEST
        && command.split(' ').all(|word| word.is_empty() || plain(word, "._/:@=+,~-^%"))
        && !command.contains("://")
        && !command.contains("--!")
        && command.starts_with(|first: char| first.is_ascii_alphanumeric() || "./~".contains(first))
        && command.split(['/', ' ']).all(|part| part.len() <= LONGEST_PART);
    (fits && clean(command)).then(|| command.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
}

/// `path` as it may stand in advice, seen from `project`.
pub fn path(path: &str, project: &str) -> Option<String> {
    let inside = match path.strip_prefix(project) {
        Some(rest) if !project.is_empty() && project != "/" => rest.strip_prefix('/')?,
        _ => path,
    };
    let inside = inside.strip_prefix("./").unwrap_or(inside);
    let fits = !inside.is_empty()
        && inside.len() <= LONGEST
        && !inside.starts_with(['/', '~', '-'])
        && plain(inside, "._/@+-")
        && inside.split('/').all(|part| !part.is_empty() && part != ".." && part.len() <= LONGEST_PART);
    (fits && clean(inside)).then(|| inside.to_owned())
}

/// A tool's name as it may stand in advice.
pub fn tool(name: &str) -> Option<String> {
    let fits = !name.is_empty()
        && name.len() <= LONGEST
        && plain(name, "._-")
        && name.split("__").all(|part| part.len() <= LONGEST_PART);
    (fits && clean(name)).then(|| name.to_owned())
}

/// Which files a path is one of, by its ending: `*.go`.
pub fn pattern(path: &str) -> Option<String> {
    let name = path.rsplit('/').next()?;
    let (stem, ending) = name.rsplit_once('.')?;
    let fits = !stem.is_empty() && (1..=8).contains(&ending.len()) && plain(ending, "");
    fits.then(|| format!("*.{ending}"))
}

fn plain(text: &str, further: &str) -> bool {
    text.chars().all(|letter| letter.is_ascii_alphanumeric() || further.contains(letter))
}

fn clean(text: &str) -> bool {
    secrets::masked(text) == text
}

//! The files and hunks of a text that holds changes, whoever printed it.
//!
//! `git diff`, `show`, `log -p`, `format-patch`, `diff -u`, combined and word
//! diffs; what is neither a file's head nor in a hunk (commits, mail headers,
//! what a script echoed) belongs to nobody and is never touched here.

use super::super::lines::Lines;
use std::ops::Range;

/// A changed file.
#[derive(Debug)]
pub struct File<'l> {
    /// Its name, the new one where there are two, without `a/` and `b/`.
    pub path: &'l str,
    /// Its earlier name, when that is another one.
    pub before: Option<&'l str>,
    /// What happened to it.
    pub change: Change,
    /// From its first line to the end of its last hunk.
    pub lines: Range<usize>,
    /// Its hunks, in [`Patch::hunks`].
    pub hunks: Range<usize>,
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its text changed.
    Modified,
    /// It is new.
    Added,
    /// It is gone.
    Deleted,
    /// It has another name, or is a copy.
    Renamed,
    /// It has changed and is no text.
    Binary,
}

/// Lines that change together, with those around them.
#[derive(Debug)]
pub struct Hunk {
    /// From its `@@` to its last line.
    pub lines: Range<usize>,
    /// Lines that are added.
    pub added: usize,
    /// Lines that are removed.
    pub removed: usize,
    /// True when it is as long as its head says, with one sign before each line.
    pub plain: bool,
}

/// A text that holds changes.
#[derive(Debug, Default)]
pub struct Patch<'l> {
    /// The changed files, in order.
    pub files: Vec<File<'l>>,
    /// All their hunks, in order.
    pub hunks: Vec<Hunk>,
}

/// Lines between a file's first one and its first hunk begin so.
const HEADS: &[&str] = &[
    "index ",
    "old mode ",
    "new mode ",
    "deleted file mode ",
    "new file mode ",
    "similarity index ",
    "dissimilarity index ",
    "rename from ",
    "rename to ",
    "copy from ",
    "copy to ",
    "--- ",
    "+++ ",
    "Binary files ",
    "mode ",
    "====",
];

impl<'l> Patch<'l> {
    /// Finds the files and hunks of `lines`.
    pub fn of(lines: &'l Lines<'_>) -> Patch<'l> {
        let mut patch = Patch::default();
        let mut at = 0;
        while at < lines.len() {
            if let Some(file) = head(lines, at) {
                let end = file.lines.end;
                patch.files.push(File { hunks: patch.hunks.len()..patch.hunks.len(), ..file });
                at = end;
                continue;
            }
            // A hunk is the last file's when nothing stands between them.
            let owner = patch.files.last_mut().filter(|file| file.lines.end == at);
            match (owner, hunk(lines, at)) {
                (Some(file), Some(hunk)) => {
                    at = hunk.lines.end;
                    file.lines.end = at;
                    patch.hunks.push(hunk);
                    file.hunks.end = patch.hunks.len();
                }
                _ => at += 1,
            }
        }
        patch
    }

    /// The hunks of a file.
    pub fn of_file(&self, file: &File<'_>) -> &[Hunk] {
        &self.hunks[file.hunks.clone()]
    }

    /// Lines added and removed in a file.
    pub fn counts(&self, file: &File<'_>) -> (usize, usize) {
        self.of_file(file)
            .iter()
            .fold((0, 0), |(added, removed), hunk| (added + hunk.added, removed + hunk.removed))
    }
}

/// A file's head that begins at line `at`; without hunks yet.
fn head<'l>(lines: &'l Lines<'_>, at: usize) -> Option<File<'l>> {
    let line = |number: usize| (number < lines.len()).then(|| lines.get(number).trim_end_matches('\r'));
    let first = line(at)?;
    let pair = |number: usize| {
        line(number).is_some_and(|line| line.starts_with("--- "))
            && line(number + 1).is_some_and(|line| line.starts_with("+++ "))
    };
    let named = ["diff --git ", "diff --cc ", "diff --combined ", "Index: "]
        .iter()
        .find_map(|start| first.strip_prefix(start));
    let command = first.starts_with("diff ") && pair(at + 1);
    let bare = pair(at) && line(at + 2).is_some_and(|line| line.starts_with("@@ -"));
    if named.is_none() && !command && !bare {
        return None;
    }
    let (mut old, mut new) = named.map_or((None, None), both);
    let mut change = Change::Modified;
    let mut end = if bare { at } else { at + 1 };
    while let Some(text) = line(end).filter(|line| HEADS.iter().any(|head| line.starts_with(head))) {
        // A second pair of names is another file's.
        if text.starts_with("--- ") && pair(end) {
            old = stripped(&text[4..], "a/").or(old);
            new = line(end + 1).and_then(|text| stripped(&text[4..], "b/")).or(new);
            if text.starts_with("--- /dev/null") {
                change = Change::Added;
                old = None;
            }
            if line(end + 1).is_some_and(|text| text.starts_with("+++ /dev/null")) {
                change = Change::Deleted;
                new = None;
            }
            end += 2;
            break;
        }
        if text.starts_with("--- ") || text.starts_with("+++ ") {
            break;
        }
        if text.starts_with("new file mode") {
            change = Change::Added;
        } else if text.starts_with("deleted file mode") {
            change = Change::Deleted;
        } else if let Some(name) = text.strip_prefix("rename to ").or_else(|| text.strip_prefix("copy to ")) {
            (change, new) = (Change::Renamed, Some(name));
        } else if let Some(name) =
            text.strip_prefix("rename from ").or_else(|| text.strip_prefix("copy from "))
        {
            old = Some(name);
        } else if text.starts_with("Binary files ") {
            change = Change::Binary;
        }
        end += 1;
    }
    if line(end).is_some_and(|line| line == "GIT binary patch") {
        change = Change::Binary;
        while line(end).is_some_and(|line| structural(line).is_none()) {
            end += 1;
        }
    }
    let path = new.or(old)?;
    Some(File { path, before: old.filter(|old| *old != path), change, lines: at..end, hunks: 0..0 })
}

/// Both names in `a/x b/x`.
fn both(names: &str) -> (Option<&str>, Option<&str>) {
    let half = names.len() / 2;
    let split = [" b/", " w/", " i/", " c/", " \"b/"]
        .iter()
        .find_map(|mark| names.rfind(mark))
        .or_else(|| (names.is_char_boundary(half) && names[half..].starts_with(' ')).then_some(half));
    match split {
        Some(at) => (stripped(&names[..at], "a/"), stripped(&names[at + 1..], "b/")),
        None => (None, Some(names)),
    }
}

/// A name without quotes, the side's prefix and a time after it; `None` for no file.
fn stripped<'l>(name: &'l str, side: &str) -> Option<&'l str> {
    let name = name.split('\t').next().unwrap_or(name).trim_ascii_end().trim_matches('"');
    let bare = name.strip_prefix(side).unwrap_or(name);
    let other = ["i/", "w/", "c/", "o/"].iter().find_map(|side| bare.strip_prefix(side));
    (name != "/dev/null" && !name.is_empty()).then(|| other.unwrap_or(bare))
}

/// What begins something new outside of hunks, and how many `@` it has.
fn structural(line: &str) -> Option<usize> {
    let hunk = || {
        let signs = line.bytes().take_while(|byte| *byte == b'@').count();
        (2 <= signs && line[signs..].starts_with(" -")).then_some(signs)
    };
    let begins = ["diff --git ", "diff --cc ", "diff --combined ", "Index: ", "commit ", "From "];
    hunk().or_else(|| begins.iter().any(|begin| line.starts_with(begin)).then_some(0))
}

/// The hunk that begins at line `at`.
fn hunk(lines: &Lines<'_>, at: usize) -> Option<Hunk> {
    let signs = structural(lines.get(at)).filter(|signs| 2 <= *signs)?;
    let mut hunk = Hunk { lines: at..at + 1, added: 0, removed: 0, plain: signs == 2 };
    let mut next = at + 1;
    if let Some((mut old, mut new)) = sizes(lines.get(at)).filter(|_| signs == 2) {
        while next < lines.len() && (0 < old || 0 < new) {
            match lines.get(next).as_bytes().first() {
                Some(b'+') => {
                    hunk.added += 1;
                    new = new.saturating_sub(1);
                }
                Some(b'-') => {
                    hunk.removed += 1;
                    old = old.saturating_sub(1);
                }
                Some(b' ' | b'\t' | b'\r') | None => {
                    (old, new) = (old.saturating_sub(1), new.saturating_sub(1));
                }
                Some(b'\\') => {}
                Some(_) => break,
            }
            next += 1;
        }
        hunk.plain = old == 0 && new == 0;
        if next < lines.len() && lines.get(next).starts_with('\\') {
            next += 1;
        }
    }
    if !hunk.plain {
        // Words or several parents: it ends where something else begins.
        let begun = next;
        while next < lines.len() && structural(lines.get(next)).is_none() {
            next += 1;
        }
        for line in (begun..next).map(|line| lines.get(line)) {
            let sides = &line.as_bytes()[..line.len().min(signs - 1)];
            hunk.added += usize::from(sides.contains(&b'+'));
            hunk.removed += usize::from(sides.contains(&b'-'));
        }
    }
    hunk.lines.end = next;
    Some(hunk)
}

/// How many lines a hunk has on both sides: `@@ -10,7 +10,9 @@`.
fn sizes(head: &str) -> Option<(usize, usize)> {
    let mut words = head.split(' ').skip(1);
    let mut side = |sign: char| {
        let range = words.next()?.strip_prefix(sign)?;
        range.split_once(',').map_or(Some(1), |(_, size)| size.parse().ok())
    };
    Some((side('-')?, side('+')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_hunks_are_found_whoever_printed_them() {
        let git = "diff --git a/src/a.rs b/src/a.rs\nindex 1..2 100644\n--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1,3 +1,3 @@ fn a\n x\n-y\n+z\n w\n@@ -9 +9 @@\n-a\n+b\n\\ No newline at end of file\n";
        let cases = [
            ("git", git.to_owned(), "src/a.rs Modified 2 +2 -2"),
            ("a log", format!("commit 1\n\n    Say\n\n{git}\ncommit 2\n\n{git}"), "src/a.rs Modified 2 +2 -2, src/a.rs Modified 2 +2 -2"),
            ("plain", "--- old/a.c\t2026-01-01 10:00\n+++ new/a.c\t2026-01-02 10:00\n@@ -1 +1 @@\n-a\n+b\n".to_owned(), "new/a.c Modified 1 +1 -1"),
            ("folders", "Only in x: y\ndiff -r x/a z/a\n--- x/a\t1\n+++ z/a\t2\n@@ -1 +1 @@\n-a\n+b\n".to_owned(), "z/a Modified 1 +1 -1"),
            ("a new file", "diff --git a/n b/n\nnew file mode 100644\nindex 0..1\n--- /dev/null\n+++ b/n\n@@ -0,0 +1,2 @@\n+a\n+--- b\n".to_owned(), "n Added 1 +2 -0"),
            ("a rename", "diff --git a/o n b/n n\nsimilarity index 100%\nrename from o n\nrename to n n\n".to_owned(), "n n Renamed 0 +0 -0"),
            ("a binary file", "diff --git a/x.png b/x.png\nindex 1..2 100644\nBinary files a/x.png and b/x.png differ\n".to_owned(), "x.png Binary 0 +0 -0"),
            ("a merge", "diff --cc a.c\nindex 1,2..3\n--- a/a.c\n+++ b/a.c\n@@@ -1,2 -1,2 +1,3 @@@\n  a\n++b\n -c\n".to_owned(), "a.c Modified 1 +1 -1"),
            ("a mail", format!("From 1 Mon Sep 17 00:00:00 2001\nSubject: x\n---\n a | 2 +-\n\n{}-- \n2.39\n", git.replace("\\ No newline at end of file\n", "")), "src/a.rs Modified 2 +2 -2"),
            ("no prefix", "diff --git src/a.rs src/a.rs\nindex 1..2\n--- src/a.rs\n+++ src/a.rs\n@@ -1 +1 @@\n-a\n+b\n".to_owned(), "src/a.rs Modified 1 +1 -1"),
            ("prose", "I changed @@ this\n--- and\n+++ that\n".to_owned(), ""),
        ];
        for (name, text, want) in cases {
            let lines = Lines::raw(&text).expect("short");
            let patch = Patch::of(&lines);
            let found: Vec<String> = patch
                .files
                .iter()
                .map(|file| {
                    let (added, removed) = patch.counts(file);
                    format!("{} {:?} {} +{added} -{removed}", file.path, file.change, file.hunks.len())
                })
                .collect();
            assert_eq!(found.join(", "), want, "{name}");
        }
    }
}

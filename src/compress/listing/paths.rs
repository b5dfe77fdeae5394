//! Paths told folder by folder: the same lines, in the same order.
//!
//! ```text
//! [headroom: nothing left out; paths by folder: `a/b c d` is a/b, a/c and a/d, `a: b` is a and a/b]
//! src: main.rs lib.rs
//! src/wire/a.rs b.rs c.rs
//! docs/why.md
//! ```
//!
//! What stands before every path (`?? ` of a `git status`) is told in the
//! legend; a line that is no path stands after `| `. The result is decoded and
//! compared before it is returned.

use super::series;
use crate::marker;
use crate::refusal::Refusal;
use std::collections::HashMap;

/// How a legend begins.
const NOTHING: &str = "nothing left out; paths by folder: ";
/// What stands before the folder that all are in.
const ROOT: &str = "; all are below ";
/// What stands before the beginnings of lines.
const PREFIXES: &str = "; the path begins after ";
/// Between beginnings.
const OR: &str = " or ";
/// What stands before a line that is no path.
const OTHER: &str = "| ";
/// Beginnings of lines that are told.
const MOST_PREFIXES: usize = 8;
/// Bytes of one.
const LONGEST_PREFIX: usize = 40;
/// Bytes that telling by folder must save: for less, whole paths are easier to look for and to copy.
const WORTH: usize = 600;
/// Names in one line.
const LONGEST_RUN: usize = 200;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line<'a> {
    /// A path: what stands before it, the folder with its separator, the name.
    Path {
        prefix: &'a str,
        folder: &'a str,
        name: &'a str,
    },
    Other(&'a str),
}

/// What must be known to read the told lines.
#[derive(Clone, Debug)]
struct Legend<'a> {
    separator: char,
    root: &'a str,
    /// Longest first; the empty one is not told.
    prefixes: Vec<&'a str>,
}

/// Tells `text` by folders; the lines that are `whole` are told as they stand.
///
/// # Errors
/// [`Refusal::NoGain`] when it is not made of paths or would not be shorter, [`Refusal::NotVerified`] when
/// decoding did not give it back.
pub fn encode(text: &str, whole: impl Fn(usize) -> bool) -> Result<String, Refusal> {
    let (lines, legend) = read(text).ok_or(Refusal::NoGain)?;
    let mut out = legend.written();
    let mut back = String::new();
    let mut at = 0;
    while at < lines.len() {
        let start = out.len();
        let end = legend.write(&lines, at, &whole, &mut out);
        // What would be read in another way stands as it is.
        back.clear();
        let read = legend.read(&out[start..], text.len(), &mut back).is_some();
        let original = || lines[at..end].iter().enumerate();
        let same = read && {
            let mut rest = back.as_str();
            original().all(|(order, line)| {
                let next = if order == 0 { Some(rest) } else { rest.strip_prefix('\n') };
                next.and_then(|next| line.strip_from(next)).inspect(|left| rest = left).is_some()
            }) && rest.is_empty()
        };
        if !same {
            out.truncate(start);
            for (order, line) in original() {
                out.push_str(if order == 0 { OTHER } else { "\n" });
                out.push_str(if order == 0 { "" } else { OTHER });
                line.write(&mut out);
            }
        }
        out.push('\n');
        at = end;
    }
    if !text.ends_with('\n') {
        out.pop();
    }
    if text.len() < out.len() + WORTH {
        return Err(Refusal::NoGain);
    }
    if decode_within(&out, text.len()).as_deref() == Some(text) { Ok(out) } else { Err(Refusal::NotVerified) }
}

/// Tells paths by folder in one line, for a marker.
pub fn tell(paths: &[&str]) -> String {
    let separator = '/';
    let lines: Vec<Line<'_>> = paths
        .iter()
        .map(|line| {
            let (prefix, path) = cut(line).unwrap_or(("", line));
            let (folder, name) = folder(path, separator);
            Line::Path { prefix, folder, name }
        })
        .collect();
    let legend = Legend { separator, root: "", prefixes: Vec::new() };
    let mut out = String::new();
    let mut at = 0;
    while at < lines.len() {
        if 0 < at {
            out.push_str("; ");
        }
        at = legend.write(&lines, at, &|_| false, &mut out);
    }
    out
}

/// The text that [`encode`] told; `None` for what it has not made, and for a text of more than 256 MiB.
#[cfg(test)]
pub fn decode(told: &str) -> Option<String> {
    decode_within(told, 256 << 20)
}

/// The same, for a text of `most` bytes or fewer.
fn decode_within(told: &str, most: usize) -> Option<String> {
    let (first, body) = told.split_once('\n')?;
    let legend = Legend::of(first)?;
    let mut text = String::with_capacity(told.len() * 2);
    for line in body.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        legend.read(line, most, &mut text)?;
        text.push_str(end);
    }
    Some(text)
}

impl Line<'_> {
    /// What is left of `text` after this line.
    fn strip_from<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Line::Path { prefix, folder, name } => {
                text.strip_prefix(prefix)?.strip_prefix(folder)?.strip_prefix(name)
            }
            Line::Other(line) => text.strip_prefix(line),
        }
    }

    fn write(&self, into: &mut String) {
        match self {
            Line::Path { prefix, folder, name } => into.extend([*prefix, folder, name]),
            Line::Other(line) => into.push_str(line),
        }
    }
}

/// True when `inner` is the folder that `folder` and `name` make.
fn opens(folder: &str, name: &str, inner: &str, separator: char) -> bool {
    let rest = inner.strip_prefix(folder).and_then(|rest| rest.strip_prefix(name));
    rest.is_some_and(|rest| {
        let ended = name.ends_with(separator);
        if ended { rest.is_empty() } else { rest.strip_prefix(separator).is_some_and(str::is_empty) }
    })
}

impl<'a> Legend<'a> {
    fn written(&self) -> String {
        let mark = self.separator;
        let mut how =
            format!("{NOTHING}`a{mark}b c d` is a{mark}b, a{mark}c and a{mark}d, `a: b` is a and a{mark}b");
        if !self.prefixes.is_empty() {
            how.push_str(PREFIXES);
            let quoted: Vec<String> = self.prefixes.iter().map(|prefix| format!("`{prefix}`")).collect();
            how.push_str(&quoted.join(OR));
        }
        if !self.root.is_empty() {
            how.push_str(ROOT);
            how.push_str(self.root);
        }
        let mut written = marker::legend(&how);
        written.push('\n');
        written
    }

    fn of(line: &'a str) -> Option<Legend<'a>> {
        let said = line.strip_prefix(marker::OPEN)?.strip_suffix(']')?.strip_prefix(NOTHING)?;
        let separator = if said.starts_with("`a\\") { '\\' } else { '/' };
        let (said, root) = said.split_once(ROOT).unwrap_or((said, ""));
        let prefixes = said.split_once(PREFIXES).map_or(Vec::new(), |(_, prefixes)| {
            let inside = prefixes.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
            inside.map_or(Vec::new(), |inside| inside.split("` or `").collect())
        });
        Some(Legend { separator, root, prefixes })
    }

    /// The folder as it is told.
    fn told<'f>(&self, folder: &'f str) -> &'f str {
        folder.strip_prefix(self.root).unwrap_or(folder)
    }

    /// Tells the line `at` and those that go with it; returns the first that does not.
    fn write(
        &self,
        lines: &[Line<'_>],
        at: usize,
        whole: &impl Fn(usize) -> bool,
        out: &mut String,
    ) -> usize {
        let (prefix, folder, name) = match lines[at] {
            Line::Path { prefix, folder, name } => (prefix, folder, name),
            Line::Other(_) => {
                out.push_str(OTHER);
                lines[at].write(out);
                return at + 1;
            }
        };
        if whole(at) {
            lines[at].write(out);
            return at + 1;
        }
        // Is this a folder whose contents follow?
        let opened = |line: usize| match (lines.get(line), lines.get(line + 1)) {
            (
                Some(Line::Path { prefix, folder, name }),
                Some(Line::Path { prefix: next, folder: inner, .. }),
            ) => {
                prefix == next
                    && opens(folder, name, inner, self.separator)
                    && !whole(line)
                    && !whole(line + 1)
            }
            _ => false,
        };
        let heads = opened(at);
        let (from, inner) = match (heads, lines.get(at + 1)) {
            (true, Some(Line::Path { folder, .. })) => (at + 1, *folder),
            _ => (at, folder),
        };
        let mut names: Vec<&str> = Vec::new();
        for (line, next) in lines.iter().enumerate().skip(from).take(LONGEST_RUN) {
            match next {
                Line::Path { prefix: its, folder, name }
                    if *its == prefix
                        && *folder == inner
                        && !whole(line)
                        && !(from < line && opened(line)) =>
                {
                    names.push(name);
                }
                _ => break,
            }
        }
        out.push_str(prefix);
        out.push_str(self.told(folder));
        if heads {
            out.push_str(name);
            out.push_str(": ");
        }
        series::write(&names, out);
        from + names.len()
    }

    /// Reads one told line: the lines it stands for, without the last line end.
    fn read(&self, line: &str, most: usize, text: &mut String) -> Option<()> {
        if let Some(other) = line.strip_prefix(OTHER) {
            text.push_str(other);
            return Some(());
        }
        // What ends with a tab (`4.0K\t` of a `du`) is told by every line.
        let tabbed = line.rfind('\t').map(|at| &line[..=at]);
        let told = || self.prefixes.iter().find(|prefix| line.starts_with(**prefix)).copied();
        let prefix = told().or(tabbed).unwrap_or("");
        let told = &line[prefix.len()..];
        let absolute = told.starts_with(['/', '\\']) || told.get(1..2) == Some(":");
        let root = if absolute { "" } else { self.root };
        let mut words = told.split(' ').peekable();
        let first = words.next()?;
        let heads = first.strip_suffix(':').filter(|_| words.peek().is_some());
        let mut ended = true;
        let mut inner = String::new();
        let (folder, names) = match heads {
            Some(entry) => {
                text.extend([prefix, root, entry]);
                ended = false;
                inner.push_str(entry);
                if !entry.ends_with(self.separator) {
                    inner.push(self.separator);
                }
                (inner.as_str(), &told[first.len() + 1..])
            }
            // The first path is told whole, perhaps as the first of a series.
            None => {
                let whole = first.split_once(series::TO).map_or(first, |(whole, _)| whole);
                let (folder, _) = folder(whole, self.separator);
                (folder, &told[folder.len()..])
            }
        };
        for word in names.split(' ') {
            let series = series::names(word, most.saturating_sub(text.len()));
            for name in series.as_deref().unwrap_or(&[word.to_owned()]) {
                if most < text.len() {
                    return None;
                }
                text.push_str(if std::mem::take(&mut ended) { "" } else { "\n" });
                text.extend([prefix, root, folder, name]);
            }
        }
        Some(())
    }
}

/// What stands before the path of a line (`?? `, `\tmodified:   `), and the path: its last word.
fn cut(line: &str) -> Option<(&str, &str)> {
    let at = line.rfind([' ', '\t']).map_or(0, |at| at + 1);
    let (prefix, path) = line.split_at(at);
    (!path.is_empty() && prefix.len() <= LONGEST_PREFIX).then_some((prefix, path))
}

/// `path` cut before its name.
fn folder(path: &str, separator: char) -> (&str, &str) {
    let inner = path.strip_suffix(separator).unwrap_or(path);
    path.split_at(inner.rfind(separator).map_or(0, |at| at + 1))
}

/// The lines of `text`, and how they are told; `None` when too few are paths.
fn read(text: &str) -> Option<(Vec<Line<'_>>, Legend<'_>)> {
    let each = || text.strip_suffix('\n').unwrap_or(text).split('\n');
    let start = &text.as_bytes()[..text.len().min(4_096)];
    let slashes = memchr::memchr_iter(b'/', start).count();
    let separator = if slashes < memchr::memchr_iter(b'\\', start).count() { '\\' } else { '/' };
    let mut prefixes: HashMap<&str, usize> = HashMap::new();
    let mut total = 0;
    for (prefix, _) in each().filter_map(cut) {
        total += 1;
        if prefix.ends_with('\t') {
            continue;
        }
        // Long texts whose lines all begin differently are given up early.
        if prefixes.len() < 512 || prefixes.contains_key(prefix) {
            *prefixes.entry(prefix).or_default() += 1;
        } else if 2_048 < total && prefixes.values().max().is_none_or(|most| *most * 4 < total) {
            return None;
        }
    }
    let mut common: Vec<(&str, usize)> = prefixes
        .into_iter()
        .filter(|(prefix, count)| prefix.is_empty() || 3 <= *count && !prefix.contains(['`', ']']))
        .collect();
    common.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
    common.truncate(MOST_PREFIXES);
    let known = |prefix: &str| prefix.ends_with('\t') || common.iter().any(|(its, _)| *its == prefix);
    let mut others = 0;
    let lines: Vec<Line<'_>> = each()
        .map(|line| match cut(line) {
            Some((prefix, path)) if known(prefix) => {
                let (folder, name) = folder(path, separator);
                Line::Path { prefix, folder, name }
            }
            _ => {
                others += 1;
                Line::Other(line)
            }
        })
        .collect();
    if lines.len() < 4 || lines.len() < others * 3 {
        return None;
    }
    let mut prefixes: Vec<&str> =
        common.into_iter().map(|(prefix, _)| prefix).filter(|prefix| !prefix.is_empty()).collect();
    prefixes.sort_by(|left, right| right.len().cmp(&left.len()).then(left.cmp(right)));
    let root = root(&lines, separator);
    Some((lines, Legend { separator, root, prefixes }))
}

/// The folder that all paths after the first are in, when it is a full one and telling it once is worth it.
fn root<'a>(lines: &[Line<'a>], separator: char) -> &'a str {
    let mut folders = lines.iter().skip(1).filter_map(|line| match line {
        Line::Path { folder, .. } => Some(*folder),
        Line::Other(_) => None,
    });
    let Some(mut root) = folders.next() else { return "" };
    let (mut before, mut headings) = (root, 1);
    for folder in folders {
        while !folder.starts_with(root) {
            let inner = &root[..root.len() - 1];
            root = &root[..inner.rfind(separator).map_or(0, |at| at + 1)];
        }
        headings += usize::from(folder != before);
        before = folder;
    }
    let absolute = root.starts_with(['/', '\\']) || root.get(1..2) == Some(":");
    let worth = root.len() + ROOT.len() + 8 < root.len() * (headings - 1);
    if absolute && worth && !root.contains(ROOT) && 2 < root.len() { root } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(text: &str) -> String {
        let told = encode(text, |line| text.lines().nth(line).is_some_and(|line| line.contains("odd")))
            .expect("shorter");
        assert_eq!(decode(&told).as_deref(), Some(text));
        told
    }

    #[test]
    fn paths_are_told_by_folder() {
        let text = "\
/home/me/project
/home/me/project/src
/home/me/project/src/main.rs
/home/me/project/src/lib.rs
/home/me/project/src/wire
/home/me/project/src/wire/anthropic.rs
/home/me/project/src/wire/sse.rs
/home/me/project/src/wire/odd_one.rs
/home/me/project/src/wire/json.rs
/home/me/project/src/wire/openai.rs
/home/me/project/docs/a file with blanks.md
/home/me/project/docs/img_001.png
/home/me/project/docs/img_002.png
/home/me/project/docs/img_003.png
/home/me/project/docs/img_004.png
/home/me/project/docs/img_005.png
/home/me/project/docs/img_007.png
";
        let text = &format!("{text}{}", "/home/me/project/src/wire/same.rs\n".repeat(90));
        insta::assert_snapshot!(told(text), @"
        [headroom: nothing left out; paths by folder: `a/b c d` is a/b, a/c and a/d, `a: b` is a and a/b; all are below /home/me/project/]
        /home/me/project: src
        src/main.rs lib.rs
        src/wire: anthropic.rs sse.rs
        /home/me/project/src/wire/odd_one.rs
        src/wire/json.rs openai.rs
        | /home/me/project/docs/a file with blanks.md
        docs/img_001.png..img_005.png img_007.png
        src/wire/same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs same.rs
        ");
    }

    #[test]
    fn what_stands_before_paths_is_told_once() {
        let mut text = "On branch main\nChanges not staged for commit:\n".to_owned();
        for name in ["anthropic", "sse", "json", "usage"] {
            text.push_str(&format!("\tmodified:   src/deeply/nested/wire/{name}.rs\n"));
        }
        text.push_str("\nUntracked files:\n");
        for name in ('a'..='z').chain('A'..='Z').chain('ä'..='ü') {
            text.push_str(&format!("    src/deeply/nested/folder/part_{name}.rs\n"));
        }
        insta::assert_snapshot!(told(&text), @"
        [headroom: nothing left out; paths by folder: `a/b c d` is a/b, a/c and a/d, `a: b` is a and a/b; the path begins after `	modified:   ` or `    `]
        | On branch main
        | Changes not staged for commit:
        	modified:   src/deeply/nested/wire/anthropic.rs sse.rs json.rs usage.rs
        | 
        | Untracked files:
            src/deeply/nested/folder/part_a.rs part_b.rs part_c.rs part_d.rs part_e.rs part_f.rs part_g.rs part_h.rs part_i.rs part_j.rs part_k.rs part_l.rs part_m.rs part_n.rs part_o.rs part_p.rs part_q.rs part_r.rs part_s.rs part_t.rs part_u.rs part_v.rs part_w.rs part_x.rs part_y.rs part_z.rs part_A.rs part_B.rs part_C.rs part_D.rs part_E.rs part_F.rs part_G.rs part_H.rs part_I.rs part_J.rs part_K.rs part_L.rs part_M.rs part_N.rs part_O.rs part_P.rs part_Q.rs part_R.rs part_S.rs part_T.rs part_U.rs part_V.rs part_W.rs part_X.rs part_Y.rs part_Z.rs part_ä.rs part_å.rs part_æ.rs part_ç.rs part_è.rs part_é.rs part_ê.rs part_ë.rs part_ì.rs part_í.rs part_î.rs part_ï.rs part_ð.rs part_ñ.rs part_ò.rs part_ó.rs part_ô.rs part_õ.rs part_ö.rs part_÷.rs part_ø.rs part_ù.rs part_ú.rs part_û.rs part_ü.rs
        ");
    }

    fn listings() -> impl Strategy<Value = String> {
        let path = prop_oneof![
            4 => "(/?[ab]{1,2}){1,3}/?",
            2 => "f[0-9]{1,2}\\.c",
            1 => "\\PC{0,6}",
            1 => "(M  |\\?\\? |\t)[ab]/[a-c]",
            1 => "[|:. ]{0,3}[a:.]{0,3}",
        ];
        (proptest::collection::vec(path, 0..40), any::<bool>(), 1..9_usize)
            .prop_map(|(lines, ended, _)| lines.join("\n") + if ended { "\n" } else { "" })
    }

    proptest! {
        #[test]
        fn telling_by_folder_decodes_to_the_same_bytes(text in listings(), nth in 1..9_usize) {
            let text = format!("{text}\n/home/me/work/a\n/home/me/work/b\n/home/me/work/c/d\n{text}\n{}", "/home/me/work/c/e\n".repeat(9));
            match encode(&text, |line| line % nth == 0) {
                Ok(told) => prop_assert_eq!(decode(&told), Some(text)),
                Err(because) => prop_assert_ne!(because, Refusal::NotVerified, "{:?}", text),
            }
        }

        #[test]
        fn reading_never_fails_badly(text in "\\PC{0,40}(\n\\PC{0,10}){0,6}") {
            let _ = decode(&text);
            let _ = decode(&format!("[headroom: {NOTHING}x]\n{text}"));
        }
    }
}

//! Hits grouped under their files: the same bytes, told once.
//!
//! ```text
//! [headroom: nothing left out; 4 matches in 2 files, grouped: `12:` without a name is in the file above]
//! src/a.rs:3:fn a()
//! 7,9:}
//! src/b.rs:9:fn b()
//! ```
//!
//! The first hit of a file stands whole, as do those that the caller names. A
//! line after `| ` is no hit; after `@ ` stands a name that can't be read before a hit.

use super::hit::{self, Hit};
use crate::marker;
use crate::refusal::Refusal;
use crate::text::counted;
use std::collections::HashSet;

/// What stands in the legend before the root that all names share.
const ROOT: &str = "; all names are below ";
/// What stands before a line that is no hit.
const OTHER: &str = "| ";
/// What stands before a name on a line of its own.
const HEADING: &str = "@ ";
/// Between groups of lines around matches.
const BREAK: &str = "--";
const NUMBERED: &str = "grouped: `12:` without a name is in the file above";
const AROUND: &str = ", `12-` is a line around a match";
const UNNUMBERED: &str = "grouped: `:` without a name is in the file above";

/// A line of search output.
#[derive(Clone, Copy, Debug)]
enum Line<'a> {
    Hit(Hit<'a>),
    Break,
    Other(&'a str),
}

/// Groups `text`; the lines that are `whole` stand whole.
///
/// # Errors
/// [`Refusal::NoGain`] when it is not made of hits; [`Refusal::NotVerified`] when decoding did not give it back.
pub fn encode(text: &str, whole: impl Fn(usize) -> bool) -> Result<String, Refusal> {
    let lines = read(text).ok_or(Refusal::NoGain)?;
    let root = root(&lines);
    let numbered = lines.iter().any(|line| matches!(line, Line::Hit(hit) if !hit.number.is_empty()));
    let mut body = String::with_capacity(text.len());
    let mut path = "";
    let (mut matches, mut around) = (0, false);
    let mut files: HashSet<&str> = HashSet::new();
    let mut at = 0;
    while at < lines.len() {
        match lines[at] {
            Line::Hit(hit) => {
                let new = hit.path != path;
                if new || whole(at) {
                    path = hit.path;
                    files.insert(path);
                    matches += usize::from(hit.mark == ':');
                    around |= hit.mark == '-';
                    // Whole, if it is read as what it is; else below a heading.
                    let under = if whole(at) { "" } else { root };
                    let start = body.len();
                    body.push_str(&hit.path[under.len()..]);
                    write_rest(&hit, &mut body);
                    let read = full(&body[start..], numbered);
                    let written = Hit { path: &hit.path[under.len()..], ..hit };
                    let clear = root.is_empty() || written.path.starts_with(root) == under.is_empty();
                    if read == Some(written) && clear {
                        at += 1;
                        body.push('\n');
                        continue;
                    }
                    body.truncate(start);
                    matches -= usize::from(hit.mark == ':');
                    body.push_str(HEADING);
                    body.push_str(&path[root.len()..]);
                    body.push('\n');
                }
                // The same text in hits that follow one another is written once.
                let mut same = 1;
                while !hit.number.is_empty()
                    && !whole(at + same)
                    && matches!(lines.get(at + same), Some(Line::Hit(next)) if next.path == path && next.mark == hit.mark && next.text == hit.text)
                {
                    same += 1;
                }
                for (order, line) in lines[at..at + same].iter().enumerate() {
                    let Line::Hit(its) = line else { continue };
                    body.push_str(if order == 0 { "" } else { "," });
                    body.push_str(its.number);
                }
                body.push(hit.mark);
                body.push_str(hit.text);
                matches += if hit.mark == ':' { same } else { 0 };
                around |= hit.mark == '-';
                at += same;
            }
            Line::Break => {
                body.push_str(BREAK);
                at += 1;
            }
            Line::Other(other) => {
                body.push_str(OTHER);
                body.push_str(other);
                at += 1;
            }
        }
        body.push('\n');
    }
    if !text.ends_with('\n') {
        body.pop();
    }
    let plural = if matches == 1 { "match" } else { "matches" };
    let how = if numbered { NUMBERED } else { UNNUMBERED };
    let around = if around { AROUND } else { "" };
    let below = if root.is_empty() { String::new() } else { format!("{ROOT}{root}") };
    let files = counted(files.len(), "file");
    let legend =
        marker::legend(&format!("nothing left out; {matches} {plural} in {files}, {how}{around}{below}"));
    let grouped = format!("{legend}\n{body}");
    if decode_within(&grouped, text.len()).as_deref() == Some(text) {
        Ok(grouped)
    } else {
        Err(Refusal::NotVerified)
    }
}

/// The text that `encode` grouped; `None` for what it has not made, and for a text of more than 256 MiB.
pub fn decode(grouped: &str) -> Option<String> {
    decode_within(grouped, 256 << 20)
}

/// The same, for a text of `most` bytes or fewer.
fn decode_within(grouped: &str, most: usize) -> Option<String> {
    let (legend, body) = grouped.split_once('\n')?;
    let said = legend.strip_prefix(marker::OPEN)?.strip_suffix(']')?;
    let numbered = said.contains(NUMBERED);
    if !numbered && !said.contains(UNNUMBERED) {
        return None;
    }
    let root = said.split_once(ROOT).map_or("", |(_, root)| root);
    let mut text = String::with_capacity(grouped.len() * 2);
    let mut path = "";
    for line in body.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        if let Some(other) = line.strip_prefix(OTHER) {
            text.push_str(other);
            text.push_str(end);
        } else if let Some(name) = line.strip_prefix(HEADING) {
            path = name;
        } else if line == BREAK {
            text.push_str(BREAK);
            text.push_str(end);
        } else if let Some((numbers, mark, its)) = cut(line, numbered) {
            let mut each = numbers.split(',').peekable();
            while let Some(number) = each.next() {
                if most < text.len() {
                    return None;
                }
                text.push_str(root);
                text.push_str(path);
                if numbered {
                    text.push(mark);
                    text.push_str(number);
                }
                text.push(mark);
                text.push_str(its);
                text.push_str(if each.peek().is_some() { "\n" } else { end });
            }
        } else if let Some(hit) = full(line, numbered) {
            let absolute = !root.is_empty() && hit.path.starts_with(root);
            path = if absolute { &hit.path[root.len()..] } else { hit.path };
            text.push_str(if absolute { "" } else { root });
            text.push_str(line);
            text.push_str(end);
        } else {
            return None;
        }
    }
    Some(text)
}

/// A hit that stands whole among grouped ones.
fn full(line: &str, numbered: bool) -> Option<Hit<'_>> {
    if line.starts_with(OTHER) || line.starts_with(HEADING) || line == BREAK || cut(line, numbered).is_some()
    {
        return None;
    }
    if numbered { hit::numbered(line, "", &HashSet::new()) } else { hit::unnumbered(line, "") }
}

/// What follows a hit's name.
fn write_rest(hit: &Hit<'_>, into: &mut String) {
    if !hit.number.is_empty() {
        into.push(hit.mark);
        into.push_str(hit.number);
    }
    into.push(hit.mark);
    into.push_str(hit.text);
}

/// The numbers, the mark and the text of a grouped hit.
fn cut(line: &str, numbered: bool) -> Option<(&str, char, &str)> {
    if !numbered {
        return line.strip_prefix(':').map(|text| ("", ':', text));
    }
    let digits = line.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b',').count();
    let mark = line[digits..].chars().next().filter(|mark| matches!(mark, ':' | '-'))?;
    (0 < digits).then(|| (&line[..digits], mark, &line[digits + 1..]))
}

/// The lines of `text`; `None` when too few of them are hits.
fn read(text: &str) -> Option<Vec<Line<'_>>> {
    let each = || text.strip_suffix('\n').unwrap_or(text).split('\n');
    let files = hit::files(each());
    let numbered = read_with(each(), |line, before| hit::numbered(line, before, &files));
    numbered.or_else(|| read_with(each(), hit::unnumbered))
}

fn read_with<'a>(
    each: impl Iterator<Item = &'a str>,
    cut: impl Fn(&'a str, &str) -> Option<Hit<'a>>,
) -> Option<Vec<Line<'a>>> {
    let mut lines = Vec::new();
    let mut path = "";
    let (mut hits, mut others) = (0, 0);
    for line in each {
        if line == BREAK {
            lines.push(Line::Break);
        } else if let Some(hit) = cut(line, path).filter(|hit| is_name(hit.path)) {
            path = hit.path;
            hits += 1;
            lines.push(Line::Hit(hit));
        } else {
            others += 1;
            lines.push(Line::Other(line));
            // Long texts that are something else are given up early.
            if 64 < others && hits < others {
                return None;
            }
        }
    }
    (3 <= hits && others * 4 <= hits).then_some(lines)
}

/// True when `path` can't be taken for anything but a name on a line of its own.
fn is_name(path: &str) -> bool {
    let first = path.bytes().next();
    !path.starts_with(OTHER)
        && path != BREAK
        && first.is_some_and(|byte| byte != b':')
        && cut(path, true).is_none()
        && !path.contains(ROOT)
}

/// The folder that all names share, when telling it once is worth it.
fn root<'a>(lines: &[Line<'a>]) -> &'a str {
    let mut paths = lines.iter().filter_map(|line| match line {
        Line::Hit(hit) => Some(hit.path),
        _ => None,
    });
    let Some(first) = paths.next() else { return "" };
    let mut root = &first[..first.rfind(['/', '\\']).map_or(0, |at| at + 1)];
    let (mut before, mut headings) = (first, 1);
    for path in paths.filter(|path| *path != first || !root.is_empty()) {
        while !path.starts_with(root) {
            let shorter = root[..root.len() - 1].rfind(['/', '\\']).map_or(0, |at| at + 1);
            root = &root[..shorter];
        }
        headings += usize::from(path != before);
        before = path;
    }
    // What is left of a name must still read as one.
    let clear = lines.iter().all(|line| match line {
        Line::Hit(hit) => is_name(&hit.path[root.len()..]),
        _ => true,
    });
    // A name that is no full path stays as it is: it may be looked for.
    let absolute = root.starts_with('/') || root.get(1..3) == Some(":\\");
    let worth = absolute && root.len() + ROOT.len() < root.len() * (headings - 1);
    if clear && worth { root } else { "" }
}

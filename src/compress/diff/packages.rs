//! What a change of a lock file says: package by package, from which version to which.

use super::super::config::lock::{Format, Locked, Reader};
use super::super::lines::Lines;
use super::super::lines::write::clipped;
use super::patch::Hunk;
use std::collections::HashMap;

/// Places that so few of the added addresses point to are told.
const RARE: usize = 2;
/// Addresses from which on a rare place is odd.
const MANY: usize = 8;
/// Lines with odd addresses that are told at most, and how much of each.
const ODD: (usize, usize) = (6, 200);

/// The share of a lock file's bytes in which packages are told by their own lines, in hundredths.
const OWN_LINES: usize = 7;
/// Lines before the first package that are told: what the project itself asks for.
const ROOT: usize = 40;
/// Before each line that is repeated.
const LINE: &str = " ¶";

/// What changed for one package.
struct Move<'l> {
    name: &'l str,
    /// The changed lines that name it.
    named: Vec<&'l str>,
    old: Vec<Side<'l>>,
    new: Vec<Side<'l>>,
}

/// A version on one side, and the line that it stands in.
#[derive(Clone, Copy)]
struct Side<'l> {
    version: &'l str,
    line: &'l str,
}

/// Every package whose version changed, that was added or removed: complete, in the file's order.
///
/// Those that matter most (asked for, a new first number, added, removed) by their own lines, as far as a
/// small share of the text goes; the others by name and versions. Empty when no version changed.
pub fn told(lines: &Lines<'_>, hunks: &[Hunk], format: Format, asked: &[u32]) -> String {
    let moves = moves(lines, hunks, format);
    let bytes: usize = hunks.iter().map(|hunk| lines.bytes(hunk.lines.start, hunk.lines.end)).sum();
    let mut told: Vec<String> = moves.iter().map(|each| each.shortly(format)).collect();
    let mut left = (bytes * OWN_LINES / 100).saturating_sub(told.iter().map(|its| its.len() + 2).sum());
    let asked: Vec<&str> = asked.iter().map(|line| lines.get(*line as usize)).collect();
    let mut ranked: Vec<(usize, usize)> =
        moves.iter().enumerate().map(|(at, each)| (3 - each.weight(&asked), at)).collect();
    ranked.sort_unstable();
    for (_, at) in ranked {
        let own = moves[at].by_lines();
        let more = own.len().saturating_sub(told[at].len());
        if more <= left {
            left -= more;
            told[at] = own;
        }
    }
    let (mut changed, mut added, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    for (each, told) in moves.iter().zip(told) {
        match (each.old.is_empty(), each.new.is_empty()) {
            (true, true) => {}
            (true, false) => added.push(told),
            (false, true) => removed.push(told),
            (false, false) => changed.push(told),
        }
    }
    let mut parts = Vec::new();
    if !changed.is_empty() {
        parts.push(changed.join(", "));
    }
    for (how, its) in [("added", added), ("removed", removed)] {
        if !its.is_empty() {
            parts.push(format!("{how} {}: {}", its.len(), its.join(", ")));
        }
    }
    parts.join("; ")
}

impl<'l> Move<'l> {
    /// `serde 1.0.190 -> 1.0.203`; of TOML, one that was added or removed by the line that names it.
    fn shortly(&self, format: Format) -> String {
        let join = |sides: &[Side<'_>]| sides.iter().map(|side| side.version).collect::<Vec<_>>().join(", ");
        let (old, new) = (join(&self.old), join(&self.new));
        let name = match self.named.first() {
            Some(line) if format == Format::Toml => line,
            _ => self.name,
        };
        match (self.old.is_empty(), self.new.is_empty()) {
            (false, false) => format!("{} {old} -> {new}", self.name),
            _ => format!("{name} {old}{new}"),
        }
    }

    /// The package by its own changed lines.
    fn by_lines(&self) -> String {
        let mut told = self.name.to_owned();
        let versions = self.old.iter().chain(&self.new).map(|side| side.line);
        let mut before = "";
        for line in self.named.iter().copied().chain(versions).filter(|line| line.starts_with(['+', '-'])) {
            if line != before {
                told.push_str(LINE);
                told.push_str(&clipped(line, ODD.1));
            }
            before = line;
        }
        told
    }

    /// How much a reader wants to see of it, up to 3.
    fn weight(&self, asked: &[&str]) -> usize {
        let first = |sides: &[Side<'l>]| {
            sides.first().map(|side| side.version.trim_start_matches('v').split('.').next().unwrap_or(""))
        };
        let is_asked = asked.iter().any(|line| line.contains(self.name));
        let moved = first(&self.old) != first(&self.new);
        let both = !self.old.is_empty() && !self.new.is_empty();
        if is_asked { 3 } else { usize::from(moved) + usize::from(moved && both) }
    }
}

fn moves<'l>(lines: &'l Lines<'_>, hunks: &[Hunk], format: Format) -> Vec<Move<'l>> {
    let mut moves: Vec<Move<'l>> = Vec::new();
    let mut known: HashMap<&'l str, usize> = HashMap::new();
    // The readers of both sides, each with the changed line that named what it has begun.
    let mut sides = [(Reader::of(format), None::<&'l str>), (Reader::of(format), None)];
    for hunk in hunks {
        for (reader, named) in &mut sides {
            reader.skip();
            *named = None;
        }
        for line in hunk.lines.clone().skip(1) {
            let text = lines.get(line);
            let sign = text.as_bytes().first().copied().unwrap_or(b' ');
            let body = text.get(1..).unwrap_or("");
            let mut found: [Option<(Locked<'l>, Option<&'l str>)>; 2] = [None, None];
            for ((reader, named), (found, other)) in sides.iter_mut().zip(found.iter_mut().zip([b'+', b'-']))
            {
                if sign == other {
                    continue;
                }
                let before = reader.begun();
                let locked = reader.read(body);
                if locked.is_none() && reader.begun() != before {
                    *named = (sign != b' ').then_some(text);
                }
                *found = locked.map(|locked| (locked, named.take()));
            }
            let [old, new] = found;
            if old.map(|(locked, _)| locked) == new.map(|(locked, _)| locked) {
                continue;
            }
            for (found, is_old) in [(old, true), (new, false)] {
                let Some((Locked { name, version }, named)) = found else { continue };
                let at = *known.entry(name).or_insert_with(|| {
                    moves.push(Move { name, named: Vec::new(), old: Vec::new(), new: Vec::new() });
                    moves.len() - 1
                });
                let each = &mut moves[at];
                if let Some(named) =
                    named.filter(|named| each.named.len() < MOST && !each.named.contains(named))
                {
                    each.named.push(named);
                }
                let its = if is_old { &mut each.old } else { &mut each.new };
                if its.len() < MOST && its.iter().all(|side| side.version != version) {
                    its.push(Side { version, line: text });
                }
            }
        }
    }
    for each in &mut moves {
        let both: Vec<&str> = each
            .old
            .iter()
            .map(|side| side.version)
            .filter(|old| each.new.iter().any(|new| new.version == *old))
            .collect();
        each.old.retain(|side| !both.contains(&side.version));
        each.new.retain(|side| !both.contains(&side.version));
    }
    moves.retain(|each| !each.old.is_empty() || !each.new.is_empty());
    moves
}

/// Versions of one package on one side that are told.
const MOST: usize = 50;

/// The heads of the hunks: all of them when they are few, else the first and the last.
pub fn heads(lines: &Lines<'_>, hunks: &[Hunk]) -> String {
    let bytes: usize = hunks.iter().map(|hunk| lines.bytes(hunk.lines.start, hunk.lines.end)).sum();
    let heads: Vec<String> = hunks.iter().map(|hunk| clipped(lines.get(hunk.lines.start), ODD.1)).collect();
    let all: usize = heads.iter().map(|head| head.len() + 1).sum();
    match heads.as_slice() {
        [first, .., last] if bytes < all * 25 => format!("{first} … {last}"),
        heads => heads.join(" "),
    }
}

/// Changed lines of a lock file that are no package and still matter: its own version, and addresses at
/// places where hardly any other package comes from.
pub fn odd(lines: &Lines<'_>, hunks: &[Hunk]) -> Vec<String> {
    let mut told = root(lines, hunks);
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut all = 0;
    let changed = || {
        let each = hunks.iter().flat_map(|hunk| hunk.lines.clone().skip(1)).map(|line| lines.get(line));
        each.filter(|line| line.starts_with(['+', '-']))
    };
    for line in changed() {
        let body = line[1..].trim_ascii_start();
        let own = ["\"lockfileVersion\"", "lockfileVersion", "version = ", "__metadata", "python-versions"];
        let told_already = || told.iter().any(|its| line.starts_with(its.as_str()));
        if told.len() < ODD.0 + ROOT
            && !told_already()
            && own.iter().any(|own| body.starts_with(own))
            && !body.contains(" = \"")
        {
            told.push(clipped(line, ODD.1));
        }
        if let Some(place) = place(body).filter(|_| line.starts_with('+')) {
            *places.entry(place).or_default() += 1;
            all += 1;
        }
    }
    if MANY <= all {
        let rare = |line: &&str| {
            place(&line[1..]).is_some_and(|place| places.get(place).is_some_and(|count| *count <= RARE))
        };
        told.extend(changed().filter(rare).take(ODD.0).map(|line| clipped(line, ODD.1)));
    }
    told
}

/// What the project itself asks for: changed lines before the first package, where a file in JSON begins.
fn root(lines: &Lines<'_>, hunks: &[Hunk]) -> Vec<String> {
    let Some(first) = hunks.first().filter(|hunk| lines.get(hunk.lines.start).starts_with("@@ -1,")) else {
        return Vec::new();
    };
    let each = first.lines.clone().skip(1).map(|line| lines.get(line));
    if !first.lines.clone().nth(1).is_some_and(|line| lines.get(line).ends_with('{')) {
        return Vec::new();
    }
    each.take_while(|line| !line.contains("\"node_modules/"))
        .filter(|line| line.starts_with(['+', '-']) && 3 < line.trim_ascii().len())
        .take(ROOT)
        .map(|line| clipped(line, ODD.1))
        .collect()
}

/// The host in the first address of a line.
fn place(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("://")?;
    let host = &rest[..rest.find(['/', '"', '?', ' ']).unwrap_or(rest.len())];
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::super::patch::Patch;
    use super::*;

    #[test]
    fn every_package_is_told_with_both_versions() {
        let text = "diff --git a/Cargo.lock b/Cargo.lock\n--- a/Cargo.lock\n+++ b/Cargo.lock\n@@ -1,20 +1,20 @@\n [[package]]\n name = \"syn\"\n-version = \"2.0.38\"\n+version = \"2.0.60\"\n source = \"registry\"\n \n [[package]]\n-name = \"gone\"\n-version = \"0.1.0\"\n+name = \"fresh\"\n+version = \"0.9.0\"\n source = \"registry\"\n \n [[package]]\n name = \"same\"\n version = \"1.0.0\"\n-checksum = \"a\"\n+checksum = \"b\"\n";
        let lines = Lines::raw(text).expect("short");
        let patch = Patch::of(&lines);
        assert_eq!(
            told(&lines, &patch.hunks, Format::Toml, &[]),
            "syn 2.0.38 -> 2.0.60; added 1: +name = \"fresh\" 0.9.0; removed 1: -name = \"gone\" 0.1.0"
        );
    }

    #[test]
    fn an_address_at_an_odd_place_is_told() {
        let good: String = (0..9)
            .map(|n| format!("+      \"resolved\": \"https://registry.npmjs.org/p{n}.tgz\",\n"))
            .collect();
        let text = format!(
            "diff --git a/package-lock.json b/package-lock.json\n--- a/package-lock.json\n+++ b/package-lock.json\n@@ -1,3 +1,14 @@\n {{\n-  \"lockfileVersion\": 2,\n+  \"lockfileVersion\": 3,\n     \"node_modules/p\": {{\n{good}+      \"resolved\": \"https://evil.example/x.tgz\",\n"
        );
        let lines = Lines::raw(&text).expect("short");
        let patch = Patch::of(&lines);
        let odd = odd(&lines, &patch.hunks);
        assert_eq!(odd.len(), 3, "{odd:?}");
        assert!(odd[2].contains("evil.example"), "{odd:?}");
    }
}

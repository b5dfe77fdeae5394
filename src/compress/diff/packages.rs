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

/// What changed for one package.
struct Move<'l> {
    name: &'l str,
    old: Vec<&'l str>,
    new: Vec<&'l str>,
}

/// Every package whose version changed, that was added or removed: complete, in the file's order.
///
/// Empty when no version changed.
pub fn told(lines: &Lines<'_>, hunks: &[Hunk], format: Format) -> String {
    let moves = moves(lines, hunks, format);
    let mut changed = Vec::new();
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    for each in &moves {
        let (old, new) = (each.old.join(", "), each.new.join(", "));
        match (each.old.is_empty(), each.new.is_empty()) {
            (true, true) => {}
            (true, false) => added.push(format!("{} {new}", each.name)),
            (false, true) => removed.push(format!("{} {old}", each.name)),
            (false, false) => changed.push(format!("{} {old} -> {new}", each.name)),
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

fn moves<'l>(lines: &'l Lines<'_>, hunks: &[Hunk], format: Format) -> Vec<Move<'l>> {
    let mut moves: Vec<Move<'l>> = Vec::new();
    let mut known: HashMap<&'l str, usize> = HashMap::new();
    let (mut before, mut after) = (Reader::of(format), Reader::of(format));
    for hunk in hunks {
        before.skip();
        after.skip();
        for line in hunk.lines.clone().skip(1) {
            let text = lines.get(line);
            let sign = text.as_bytes().first().copied().unwrap_or(b' ');
            let body = text.get(1..).unwrap_or("");
            let old = if sign == b'+' { None } else { before.read(body) };
            let new = if sign == b'-' { None } else { after.read(body) };
            if old == new {
                continue;
            }
            for (locked, is_old) in [(old, true), (new, false)] {
                let Some(Locked { name, version }) = locked else { continue };
                let at = *known.entry(name).or_insert_with(|| {
                    moves.push(Move { name, old: Vec::new(), new: Vec::new() });
                    moves.len() - 1
                });
                let each = &mut moves[at];
                let its = if is_old { &mut each.old } else { &mut each.new };
                if !its.contains(&version) {
                    its.push(version);
                }
            }
        }
    }
    for each in &mut moves {
        let both: Vec<&str> = each.old.iter().filter(|old| each.new.contains(old)).copied().collect();
        each.old.retain(|old| !both.contains(old));
        each.new.retain(|new| !both.contains(new));
    }
    moves
}

/// Changed lines of a lock file that are no package and still matter: its own version, and addresses at
/// places where hardly any other package comes from.
pub fn odd(lines: &Lines<'_>, hunks: &[Hunk]) -> Vec<String> {
    let mut told = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut all = 0;
    let changed = || {
        let each = hunks.iter().flat_map(|hunk| hunk.lines.clone().skip(1)).map(|line| lines.get(line));
        each.filter(|line| line.starts_with(['+', '-']))
    };
    for line in changed() {
        let body = line[1..].trim_ascii_start();
        let own = ["\"lockfileVersion\"", "lockfileVersion", "version = ", "__metadata", "python-versions"];
        if told.len() < ODD.0 && own.iter().any(|own| body.starts_with(own)) && !body.contains(" = \"") {
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
            told(&lines, &patch.hunks, Format::Toml),
            "syn 2.0.38 -> 2.0.60; added 1: fresh 0.9.0; removed 1: gone 0.1.0"
        );
    }

    #[test]
    fn an_address_at_an_odd_place_is_told() {
        let good: String = (0..9)
            .map(|n| format!("+      \"resolved\": \"https://registry.npmjs.org/p{n}.tgz\",\n"))
            .collect();
        let text = format!(
            "diff --git a/package-lock.json b/package-lock.json\n--- a/package-lock.json\n+++ b/package-lock.json\n@@ -1,2 +1,13 @@\n {{\n-  \"lockfileVersion\": 2,\n+  \"lockfileVersion\": 3,\n{good}+      \"resolved\": \"https://evil.example/x.tgz\",\n"
        );
        let lines = Lines::raw(&text).expect("short");
        let patch = Patch::of(&lines);
        let odd = odd(&lines, &patch.hunks);
        assert_eq!(odd.len(), 3, "{odd:?}");
        assert!(odd[2].contains("evil.example"), "{odd:?}");
    }
}

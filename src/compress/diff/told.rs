//! What a marker tells of a hunk or of a file that is not shown.
//!
//! Changed lines stand in it letter for letter, each after a `¶`; what is
//! counted instead is counted by sign.

use super::super::lines::Lines;
use super::super::lines::write::clipped;
use super::nature::Nature;
use super::patch::{Change, File, Hunk};
use super::{choose::Chosen, choose::Fate, packages};

/// Before each line that a marker repeats.
const LINE: &str = " ¶";
/// Bytes of a changed line of source that are repeated.
const SOURCE_LINE: usize = 1_000;
/// Bytes of a changed line of anything else.
const OTHER_LINE: usize = 160;

/// Words before the name of what is defined.
const DEFINING: &[&str] = &[
    "fn ",
    "pub ",
    "def ",
    "class ",
    "function ",
    "func ",
    "struct ",
    "enum ",
    "trait ",
    "interface ",
    "type ",
    "impl ",
    "impl<",
    "const ",
    "static ",
    "export ",
    "module ",
    "mod ",
    "namespace ",
    "#define ",
    "public ",
    "private ",
    "protected ",
    "abstract ",
    "async ",
    "typedef ",
    "macro_rules!",
    "CREATE ",
    "ALTER ",
    "DROP ",
    "message ",
    "service ",
    "rpc ",
    "test(",
    "it(",
    "describe(",
    "@app.",
    "@router",
    "## ",
    "# ",
];

/// A hunk's changed lines with its head, its lines around them left out.
pub fn changed(lines: &Lines<'_>, hunk: &Hunk) -> String {
    let mut told = clipped(lines.get(hunk.lines.start), SOURCE_LINE);
    for line in changed_lines(lines, hunk) {
        told.push_str(LINE);
        told.push_str(&clipped(line, SOURCE_LINE));
    }
    told
}

/// The bytes of [`changed`].
pub fn changed_bytes(lines: &Lines<'_>, hunk: &Hunk) -> usize {
    let head = lines.get(hunk.lines.start).len().min(SOURCE_LINE);
    changed_lines(lines, hunk).fold(head, |bytes, line| bytes + LINE.len() + line.len().min(SOURCE_LINE))
}

/// The lines of a hunk that are added or removed.
pub fn changed_lines<'l>(lines: &'l Lines<'_>, hunk: &Hunk) -> impl Iterator<Item = &'l str> {
    hunk.lines.clone().skip(1).map(|line| lines.get(line)).filter(|line| line.starts_with(['+', '-', '\\']))
}

/// A hunk's head, how much it changes, and those of its changed lines that define something or are asked for.
pub fn outline(lines: &Lines<'_>, hunk: &Hunk, asked: &[u32], most: usize) -> String {
    let mut told = clipped(lines.get(hunk.lines.start), SOURCE_LINE);
    told.push_str(&format!(" +{} -{}", hunk.added, hunk.removed));
    let changed = || {
        let each = hunk.lines.clone().skip(1).map(|number| (number, lines.get(number)));
        each.filter(|(_, line)| line.starts_with(['+', '-']))
    };
    // Where nothing is defined, the first lines tell most.
    let defines = changed().filter(|(_, line)| is_telling(&line[1..])).nth(FEW).is_some();
    let (mut left, mut first) = (most, if defines { 0 } else { FEW.min(most) });
    for (number, line) in changed() {
        let is_asked = asked.binary_search(&(number as u32)).is_ok();
        let telling = 0 < left && is_telling(&line[1..]);
        if is_asked || telling || 0 < first && 1 < line.trim_ascii().len() {
            left = left.saturating_sub(usize::from(telling));
            first = first.saturating_sub(1);
            told.push_str(LINE);
            told.push_str(&clipped(line, OTHER_LINE));
        }
    }
    told
}

/// True for a line that defines something: a function, a type, a constant.
fn is_telling(line: &str) -> bool {
    let body = line.trim_start();
    let depth = line.len() - body.len();
    let constant = || {
        let name = body.bytes().take_while(|byte| byte.is_ascii_uppercase() || *byte == b'_').count();
        3 <= name && body[name..].trim_start().starts_with(['=', ':'])
    };
    depth <= 8 && (DEFINING.iter().any(|word| body.starts_with(word)) || constant())
}

/// A file that is not shown at all: its name, how much of it changes, what it is, and what its hunks come to.
pub fn file(lines: &Lines<'_>, chosen: &Chosen<'_>, number: usize) -> String {
    let its = &chosen.patch.files[number];
    let hunks = chosen.patch.of_file(its);
    let (added, removed) = chosen.patch.counts(its);
    let mut told = its.path.to_owned();
    let nature = chosen.natures[number];
    if !hunks.is_empty() {
        told.push_str(&format!(" +{added} -{removed}"));
    }
    let mut is = Vec::new();
    if nature != Nature::Source {
        is.push(nature.name().to_owned());
    }
    is.extend(happened(lines, its));
    if !is.is_empty() {
        told.push_str(&format!(" ({})", is.join(", ")));
    }
    let mut parts = Vec::new();
    match nature {
        Nature::Lock(format) => {
            let asked = within(&chosen.asked, its);
            parts.push(packages::told(lines, hunks, format, asked));
            parts.push(packages::heads(lines, hunks));
            let mut odd = packages::odd(lines, hunks);
            let asked = asked
                .iter()
                .map(|line| lines.get(*line as usize))
                .filter(|line| !HEADS.iter().any(|head| line.starts_with(head)));
            odd.extend(asked.take(ASKED).map(|line| clipped(line, OTHER_LINE)));
            odd.dedup();
            parts.extend(odd.into_iter().map(|line| format!("{}{line}", LINE.trim_start())));
        }
        Nature::Source => parts.extend(its.hunks.clone().map(|hunk| hunk_told(lines, chosen, hunk))),
        _ => {
            let most = MADE / hunks.len().max(1);
            let of = hunks.iter().take(MADE).map(|hunk| outline(lines, hunk, &chosen.asked, most));
            parts.extend(of);
        }
    }
    parts.retain(|part| !part.is_empty());
    if !parts.is_empty() {
        told.push_str(": ");
        told.push_str(&parts.join("; "));
    }
    told
}

/// Lines of a hunk that are told when it defines fewer things.
const FEW: usize = 4;
/// Hunks and defining lines that are told of a file that a program made.
const MADE: usize = 16;

/// What is told of one hunk that is not shown.
pub fn hunk_told(lines: &Lines<'_>, chosen: &Chosen<'_>, number: usize) -> String {
    let hunk = &chosen.patch.hunks[number];
    match chosen.fates[number] {
        Fate::Whole | Fate::Changed => changed(lines, hunk),
        Fate::Outline(most) => outline(lines, hunk, &chosen.asked, most),
        Fate::Same(first) => {
            let head = clipped(lines.get(hunk.lines.start), SOURCE_LINE);
            format!("{head} changes the same as line {}", chosen.patch.hunks[first].lines.start + 1)
        }
    }
}

/// Lines of a lock file that are told because they are asked for.
const ASKED: usize = 12;
/// How lines of a head begin, whose names are told anyway.
const HEADS: [&str; 3] = ["diff ", "--- ", "+++ "];

/// The lines of a file that the question asks for.
fn within<'l>(asked: &'l [u32], file: &File<'_>) -> &'l [u32] {
    let from = asked.partition_point(|line| (*line as usize) < file.lines.start);
    let to = asked.partition_point(|line| (*line as usize) < file.lines.end);
    &asked[from..to]
}

/// What the head of a file says besides its name.
fn happened(lines: &Lines<'_>, file: &File<'_>) -> Vec<String> {
    let mut told = Vec::new();
    match (file.change, file.before) {
        (Change::Added, _) => told.push("new file".to_owned()),
        (Change::Deleted, _) => told.push("deleted".to_owned()),
        (Change::Renamed, Some(before)) => told.push(format!("was {before}")),
        _ => {}
    }
    let modes: Vec<&str> = file
        .lines
        .clone()
        .take(8)
        .map(|line| lines.get(line).trim_end_matches('\r'))
        .filter(|line| line.starts_with("old mode ") || line.starts_with("new mode "))
        .collect();
    told.extend(modes.into_iter().map(str::to_owned));
    told
}

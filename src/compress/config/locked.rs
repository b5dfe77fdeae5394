//! A whole lock file: every package with its version, and whole only what is asked for or odd.
//!
//! Lock files in JSON are not told here: they are JSON first.

use super::super::content::Sample;
use super::super::lines::write::{self, clipped};
use super::super::lines::{Lines, exact, question, verify};
use super::super::{Allowance, Effort, Hint, Kind, Loss, Shortened};
use super::lock::{self, Format, Reader};
use crate::refusal::Refusal;
use crate::text::counted;
use std::collections::{HashMap, HashSet};

/// Packages that are shown whole because the question matches them.
const ASKED_BALANCED: usize = 10;
const ASKED_AGGRESSIVE: usize = 4;
/// Lines of a package up to which it is shown whole.
const WHOLE: usize = 24;
/// Lines before the first package that are shown: whose file it is and what the project itself asks for.
const HEAD: usize = 200;
/// A source that so few packages come from is odd, when there are this many packages.
const RARE: (usize, usize) = (2, 12);
/// Bytes of a name with its version.
const NAME: usize = 200;
/// Lines at the end of a lock file that say something of the whole.
const WHOLE_FILE: &[&str] =
    &["[metadata", "python-versions", "content-hash", "lock-version", "   2", "  bundler"];

/// How the lock file is written that the hint or the text itself speaks of; `None` for any other text and
/// for lock files in JSON.
pub fn format(text: &str, hint: &Hint<'_>) -> Option<Format> {
    let named = || hint.command.split([' ', '\'', '"', '=']).chain([hint.path]).find_map(lock::format_of);
    let format = named().filter(|format| 2 <= packages(text, *format, 64)).or_else(|| by_text(text))?;
    (format != Format::Json).then_some(format)
}

/// True when the text looks like a lock file, whoever printed it.
pub fn fits(sample: &Sample<'_>) -> bool {
    by_text(sample.text).is_some_and(|format| format != Format::Json)
}

/// What only lock files say.
fn by_text(text: &str) -> Option<Format> {
    let head = &text[..text.floor_char_boundary(4_096)];
    let format = if head.contains("\n[[package]]\nname = \"") || head.starts_with("[[package]]\nname = \"") {
        Format::Toml
    } else if head.contains("# yarn lockfile v") || head.contains("\n__metadata:\n  version:") {
        Format::Yarn
    } else if head.starts_with("lockfileVersion: ") {
        Format::Pnpm
    } else if head.starts_with("GEM\n") || head.contains("\nGEM\n  remote:") || head.starts_with("PODS:\n") {
        Format::Bracketed
    } else if head.lines().take(8).filter(|line| Reader::of(Format::GoSum).read(line).is_some()).count() == 8
    {
        Format::GoSum
    } else {
        return None;
    };
    (2 <= packages(text, format, 64)).then_some(format)
}

/// Packages in the first `most` KiB.
fn packages(text: &str, format: Format, most: usize) -> usize {
    let mut reader = Reader::of(format);
    let head = &text[..text.floor_char_boundary(most << 10)];
    head.lines().filter(|line| reader.read(line).is_some()).count()
}

/// A package's lines, from the one that names it.
struct Block<'l> {
    start: usize,
    name: &'l str,
    version: &'l str,
    /// True when an earlier line has told the same.
    again: bool,
    source: Option<&'l str>,
}

/// Tells the packages of a lock file.
///
/// # Errors
/// A [`Refusal`] when too little would be saved.
pub fn compress(
    text: &str,
    hint: &Hint<'_>,
    allowance: &Allowance<'_>,
    format: Format,
) -> Result<Shortened, Refusal> {
    let shown = match allowance.loss {
        Loss::Nothing => None,
        Loss::KeptUnder(key) => {
            let lines = Lines::of(text).ok_or(Refusal::OverBudget)?;
            let blocks = blocks(&lines, format);
            let keep = choose(&lines, &blocks, hint.query, allowance.effort);
            let shown = write::write(&lines, &keep, &[], &mut allowance.markers(key), |gap| {
                let from = blocks.partition_point(|block| block.start < gap.start);
                let within = blocks[from..].iter().take_while(|block| block.start < gap.end);
                let its = within.filter(|block| !block.again);
                let names: Vec<String> =
                    its.map(|block| clipped(&format!("{} {}", block.name, block.version), NAME)).collect();
                format!("{}: {}", counted(names.len(), "package"), names.join(", "))
            });
            if !verify::in_order(&lines, &shown) {
                return Err(Refusal::NotVerified);
            }
            Some(shown)
        }
    };
    let (text, left_out) = exact::unless_worth_it(text, shown)?;
    let compressor = if left_out { "lock-packages" } else { "lines-exact" };
    Ok(Shortened { text, kind: Kind::Config, compressor, left_out })
}

fn blocks<'l>(lines: &'l Lines<'_>, format: Format) -> Vec<Block<'l>> {
    let mut found: Vec<Block<'l>> = Vec::new();
    let mut told: HashSet<(&str, &str)> = HashSet::new();
    let mut reader = Reader::of(format);
    let mut start = 0;
    for (number, line) in (0..lines.len()).map(|number| (number, lines.get(number))) {
        let before = reader.begun();
        let locked = reader.read(line);
        if locked.is_none() && reader.begun() != before {
            let titled = number.checked_sub(1).is_some_and(|above| lines.get(above) == "[[package]]");
            start = number - usize::from(titled);
        }
        if let Some(lock::Locked { name, version }) = locked {
            let start = if before.is_some() { start } else { number };
            found.push(Block { start, name, version, again: !told.insert((name, version)), source: None });
        } else if let Some(source) = line.strip_prefix("source = ")
            && let Some(last) = found.last_mut()
        {
            last.source = Some(source);
        }
    }
    found
}

/// Which lines are shown.
fn choose(lines: &Lines<'_>, blocks: &[Block<'_>], query: &str, effort: Effort) -> Vec<bool> {
    let mut keep = vec![false; lines.len()];
    let first = blocks.first().map_or(lines.len(), |block| block.start);
    keep[..first.min(HEAD)].fill(true);
    for (line, kept) in keep.iter_mut().enumerate().skip(first) {
        *kept = WHOLE_FILE.iter().any(|start| lines.get(line).starts_with(start));
    }
    let mut sources: HashMap<&str, usize> = HashMap::new();
    blocks
        .iter()
        .filter_map(|block| block.source)
        .for_each(|source| *sources.entry(source).or_default() += 1);
    let end = |at: usize| blocks.get(at + 1).map_or(lines.len(), |next| next.start);
    let mut show = |at: usize| {
        let range = blocks[at].start..end(at).min(blocks[at].start + WHOLE);
        keep[range].fill(true);
    };
    let most = match effort {
        Effort::Balanced => ASKED_BALANCED,
        Effort::Aggressive => ASKED_AGGRESSIVE,
    };
    // A package that the question names comes before one that only needs it.
    let asked = question::matching(lines, query, most * 8);
    let at = |line: u32| blocks.partition_point(|block| block.start <= line as usize).checked_sub(1);
    let named = |at: &usize| query.contains(blocks[*at].name);
    let mut chosen: Vec<usize> = asked.iter().filter_map(|line| at(*line)).collect();
    chosen.sort_by_key(|at| !named(at));
    chosen.dedup();
    chosen.into_iter().take(most).for_each(&mut show);
    if RARE.1 <= blocks.len() {
        let odd = |block: &Block<'_>| {
            block.source.is_some_and(|source| sources.get(source).is_some_and(|count| *count <= RARE.0))
        };
        (0..blocks.len()).filter(|at| odd(&blocks[*at])).take(most).for_each(&mut show);
    }
    write::close_small_gaps(lines, &mut keep);
    keep
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Key;

    fn cargo(packages: usize) -> String {
        let one = |n: usize| {
            let from = if n == 33 {
                "git+https://example.org/odd"
            } else {
                "registry+https://github.com/rust-lang/crates.io-index"
            };
            format!(
                "\n[[package]]\nname = \"crate-{n}\"\nversion = \"0.{n}.1\"\nsource = \"{from}\"\nchecksum = \"{n:064x}\"\ndependencies = [\n \"crate-{}\",\n]\n",
                n + 1
            )
        };
        format!(
            "# This file is automatically @generated by Cargo.\nversion = 4\n{}",
            (0..packages).map(one).collect::<String>()
        )
    }

    #[test]
    fn every_package_of_a_lock_file_is_told_with_its_version() {
        let text = cargo(90);
        let key = Key::parse("0123456789abcdef0123").expect("a key");
        let hint =
            Hint { command: "cat Cargo.lock", query: "where does crate-71 come from?", ..Hint::default() };
        let format = format(&text, &hint).expect("a lock file");
        let short = compress(&text, &hint, &Allowance::kept_under(&key), format).expect("shorter").text;
        assert!(short.len() * 3 < text.len(), "{short}");
        assert!(
            short.starts_with("# This file is automatically @generated by Cargo.\nversion = 4\n"),
            "{short}"
        );
        for n in 0..90 {
            let whole = short.contains(&format!("name = \"crate-{n}\"\nversion = \"0.{n}.1\""));
            assert!(whole || short.contains(&format!("crate-{n} 0.{n}.1")), "{n}: {short}");
            assert!(whole || ![33, 71].contains(&n), "{n}: {short}");
        }
    }

    #[test]
    fn lock_files_are_known_by_what_they_say() {
        let go = "github.com/a/b v1.2.3 h1:xx=\ngithub.com/a/b v1.2.3/go.mod h1:yy=\n".repeat(5);
        let cases = [
            (cargo(3), Some(Format::Toml)),
            (go, Some(Format::GoSum)),
            (
                "# yarn lockfile v1\n\n\na@^1:\n  version \"1.1\"\nb@^1:\n  version \"1.2\"\n".to_owned(),
                Some(Format::Yarn),
            ),
            (
                "lockfileVersion: '9.0'\n\npackages:\n\n  a@1.0.0:\n    x: y\n  b@1.0.0:\n    x: y\n"
                    .to_owned(),
                Some(Format::Pnpm),
            ),
            ("[package]\nname = \"x\"\nversion = \"1.0.0\"\n".to_owned(), None),
            ("{\"lockfileVersion\": 3}".to_owned(), None),
        ];
        for (text, want) in cases {
            assert_eq!(format(&text, &Hint::default()), want, "{text}");
        }
    }
}

//! The faults that the product is made to survive: each has one row, and its tests have one home.
//!
//! `just faults` runs every row in its full form, prints the table of verdicts and keeps it in
//! `docs/measured.md`. Under `cargo test` the same tests run in their short form, each by itself, so
//! that a row that fails fails the suite. Never: a row without a test or a reason.

mod door;
mod process;
mod table;
mod wires;

pub use door::{DOORS, Door};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;
use table::{ROWS, Row};

/// The wires over HTTP, as the tests of [`wires`] name them.
const WIRES: [&str; 4] = ["anthropic", "chat", "responses", "gemini"];

/// Where the table is kept, and what stands around it there.
const KEPT: &str = "docs/measured.md";
const BEGINS: &str = "<!-- the table of `just faults` begins -->\n";
const ENDS: &str = "<!-- the table of `just faults` ends -->\n";

fn kept() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), KEPT].iter().collect()
}

impl Row {
    /// All tests of this row, by their whole names.
    fn tests(&self) -> Vec<String> {
        let on_wires = WIRES.iter().flat_map(|wire| self.on(wire));
        let others = self.socket.iter().chain(self.tests).map(|name| (*name).to_owned());
        on_wires.chain(others).collect()
    }

    /// The tests of this row that are on one wire only.
    fn on(&self, wire: &str) -> Vec<String> {
        self.wires.iter().map(|name| format!("faults::wires::{name}::{wire}")).collect()
    }
}

/// What this binary and the library's own tests are called.
fn every_test() -> BTreeSet<String> {
    let listed = |output: Vec<u8>| -> Vec<String> {
        let output = String::from_utf8_lossy(&output).into_owned();
        output.lines().filter_map(|line| line.strip_suffix(": test").map(str::to_owned)).collect()
    };
    let ours = Command::new(std::env::current_exe().expect("this binary")).arg("--list").output();
    listed(ours.expect("it lists its tests").stdout).into_iter().collect()
}

#[test]
fn every_row_has_a_test_or_a_reason_and_stands_in_the_kept_table() {
    let known = every_test();
    let kept = std::fs::read_to_string(kept()).expect("the kept table");
    let mut seen = BTreeSet::new();
    for row in ROWS {
        assert!(seen.insert(row.id), "{} twice", row.id);
        let tests = row.tests();
        assert!(!tests.is_empty() || !row.note.is_empty(), "{}: no test and no reason", row.id);
        for test in tests {
            let library = test.strip_prefix("lib ").is_some();
            assert!(library || known.contains(&test), "{}: there is no test {test}", row.id);
        }
        assert!(
            kept.contains(&format!("| {} | {} |", row.id, row.fault)),
            "{}: not in {KEPT}; `just faults`",
            row.id
        );
    }
    for (letter, last) in [('A', 24), ('B', 20), ('E', 11), ('H', 17)] {
        assert!((1..=last).all(|number| seen.contains(format!("{letter}{number}").as_str())), "{letter}");
    }
}

/// Runs these tests of a test binary (or of the library); gives each one's verdict.
fn verdicts(mut command: Command, names: &[String]) -> BTreeMap<String, bool> {
    // Some only wait: more of them than there are processors.
    command.args(["--include-ignored", "--exact", "--color", "never", "--test-threads", "6"]).args(names);
    let output = command.output().expect("tests run");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let failures = printed.split("failures:").nth(1).unwrap_or_default();
    eprintln!("{failures}{}", String::from_utf8_lossy(&output.stderr));
    let verdict = |line: &str| {
        let (name, verdict) = line.strip_prefix("test ")?.split_once(" ... ")?;
        let name = name.split(" - ").next().unwrap_or(name).trim();
        match verdict.split_whitespace().last() {
            Some("ok") => Some((name.to_owned(), true)),
            Some("FAILED") => Some((name.to_owned(), false)),
            _ => None,
        }
    };
    printed.lines().filter_map(verdict).collect()
}

#[test]
#[ignore = "`just faults`: runs every row in its full form and keeps the table"]
fn table() {
    let mut names: Vec<String> = ROWS.iter().flat_map(Row::tests).collect();
    names.sort();
    names.dedup();
    let (library, ours): (Vec<String>, Vec<String>) =
        names.into_iter().partition(|name| name.starts_with("lib "));
    let mut results = verdicts(Command::new(std::env::current_exe().expect("this binary")), &ours);
    let mut of_library = Command::new(env!("CARGO"));
    of_library.current_dir(env!("CARGO_MANIFEST_DIR")).args(["test", "--lib", "--"]);
    let library: Vec<String> =
        library.iter().map(|name| name.trim_start_matches("lib ").to_owned()).collect();
    for (name, passed) in verdicts(of_library, &library) {
        results.insert(format!("lib {name}"), passed);
    }

    let (text, failed) = written(&results);
    let whole = std::fs::read_to_string(kept()).expect("the kept table");
    let (before, rest) = whole.split_once(BEGINS).expect("where the table begins");
    let (_, after) = rest.split_once(ENDS).expect("where the table ends");
    std::fs::write(kept(), format!("{before}{BEGINS}{text}{ENDS}{after}")).expect("the table is kept");
    eprintln!("{text}");
    assert!(failed.is_empty(), "failed: {failed:?}");
}

/// The table in Markdown, and the rows that failed.
fn written(results: &BTreeMap<String, bool>) -> (String, Vec<&'static str>) {
    let word = |tests: &[String]| {
        let verdicts: Vec<Option<&bool>> = tests.iter().map(|name| results.get(name)).collect();
        match () {
            () if verdicts.is_empty() => "",
            () if verdicts.contains(&Some(&false)) => "**FAIL**",
            () if verdicts.contains(&None) => "not run",
            () => "pass",
        }
    };
    let mut text = String::from(
        "\n| row | fault | Anthropic | Chat | Responses | Gemini | WebSocket | all else | verdict | tests | headroom-ai 0.42.0 |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    let (mut failed, mut passed, mut peers) = (Vec::new(), 0, 0);
    for row in ROWS {
        let all = row.tests();
        let socket: Vec<String> = row.socket.iter().map(|name| (*name).to_owned()).collect();
        let others: Vec<String> = row.tests.iter().map(|name| (*name).to_owned()).collect();
        let verdict = match word(&all) {
            "" => "–",
            "pass" if row.not_whole => "partial",
            other => other,
        };
        passed += usize::from(verdict == "pass");
        peers += usize::from(row.peer == "pass");
        // A failure that is known says why.
        if verdict == "not run" || (verdict == "**FAIL**" && row.note.is_empty()) {
            failed.push(row.id);
        }
        let _ = write!(text, "| {} | {} |", row.id, row.fault);
        for wire in WIRES {
            let _ = write!(text, " {} |", word(&row.on(wire)));
        }
        let (socket, others) = (word(&socket), word(&others));
        let _ = writeln!(text, " {socket} | {others} | {verdict} | {} | {} |", all.len(), row.peer);
    }
    let tests: BTreeSet<String> = ROWS.iter().flat_map(Row::tests).collect();
    let _ = writeln!(
        text,
        "\n{passed} of {} rows pass ({} tests, {} of them passed); of the same rows 0.42.0 passed {peers}. What a row lacks, and why:\n",
        ROWS.len(),
        tests.len(),
        results.values().filter(|passed| **passed).count(),
    );
    for row in ROWS.iter().filter(|row| !row.note.is_empty()) {
        let _ = writeln!(text, "- {}: {}", row.id, row.note);
    }
    text.push('\n');
    (text, failed)
}

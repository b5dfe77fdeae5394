//! How tools speak: which words mark a failure, an error, a summary, a passed test, mere progress.
//!
//! A table, one row a sign; the first row that fits a line decides. Failures
//! and errors stand above passed tests: `E   assert ok` is no passed test.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::sync::LazyLock;

/// What a line is in the output of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Names a test or a target that failed.
    Failed,
    /// Says what went wrong: a message, an expectation, a difference.
    Error,
    /// Where, or in which code, it went wrong; shown with the error.
    Place,
    /// A result: counts, times, exit codes.
    Summary,
    /// Begins a part of the output.
    Heading,
    /// Begins the report of one failure.
    Report,
    /// A warning.
    Warning,
    /// Names a test that passed.
    Passed,
    /// Names a test that was not run, or was expected to fail and did.
    Skipped,
    /// Something was being done.
    Progress,
}

impl Role {
    /// True for what is only counted or named: passed and skipped tests, progress.
    pub fn is_quiet(self) -> bool {
        matches!(self, Passed | Skipped | Progress)
    }
}

/// Where in a line a sign stands, blanks aside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// At its start.
    Start,
    /// At its very start, without blanks before it.
    Edge,
    /// At its end.
    End,
    /// At the end of a line that begins with `test`.
    TestEnd,
    /// Anywhere.
    Any,
    /// Anywhere after a digit.
    Counted,
}

/// A sign: whose it is, what it makes of a line, where it stands, and how it reads.
struct Sign {
    role: Role,
    at: At,
    text: &'static str,
}

const fn sign(role: Role, at: At, text: &'static str) -> Sign {
    Sign { role, at, text }
}

use At::{Any, Counted, Edge, End, Start, TestEnd};
use Role::{Error, Failed, Heading, Passed, Place, Progress, Report, Skipped, Summary, Warning};

/// The table. Grouped by tool; a sign that several tools share stands with the first.
const SIGNS: &[Sign] = &[
    // pytest
    sign(Error, Edge, "E   "),
    sign(Error, Edge, "E\t"),
    sign(Place, Edge, ">   "),
    sign(Failed, Edge, "FAILED "),
    sign(Failed, Edge, "ERROR "),
    sign(Failed, Any, " FAILED "),
    sign(Failed, End, " FAILED"),
    sign(Failed, Any, "::FAILED"),
    sign(Summary, Counted, " failed in "),
    sign(Summary, Counted, " failed, "),
    sign(Summary, Counted, " passed in "),
    sign(Summary, Counted, " passed, "),
    sign(Summary, Any, "no tests ran"),
    sign(Heading, Any, "test session starts"),
    sign(Heading, Any, "test process starts"),
    sign(Heading, Any, "= FAILURES ="),
    sign(Heading, Any, "= ERRORS ="),
    sign(Heading, Any, "= PASSES ="),
    sign(Heading, Any, "= warnings summary"),
    sign(Heading, Any, "= short test summary"),
    sign(Heading, Any, "= slowest "),
    sign(Report, Edge, "____"),
    sign(Heading, Edge, "collected "),
    sign(Passed, Edge, "PASSED "),
    sign(Passed, Any, " PASSED "),
    sign(Passed, End, " PASSED"),
    sign(Skipped, Edge, "SKIPPED "),
    sign(Skipped, Any, " SKIPPED "),
    sign(Skipped, End, " SKIPPED"),
    sign(Skipped, Edge, "XFAIL "),
    sign(Skipped, End, " XFAIL"),
    // unittest, Django
    sign(Report, Edge, "FAIL: "),
    sign(Report, Edge, "ERROR: "),
    sign(Failed, End, "... FAIL"),
    sign(Failed, End, "... ERROR"),
    sign(Summary, Edge, "Ran "),
    sign(Summary, Edge, "FAILED ("),
    sign(Summary, Edge, "OK ("),
    sign(Passed, End, "... ok"),
    sign(Skipped, Any, "... skipped "),
    sign(Skipped, End, "... expected failure"),
    sign(Progress, Start, "Creating table "),
    sign(Progress, Start, "Applying "),
    // SymPy
    sign(Failed, TestEnd, " F"),
    sign(Failed, TestEnd, " E"),
    sign(Passed, TestEnd, " ok"),
    sign(Skipped, TestEnd, " s"),
    sign(Skipped, TestEnd, " f"),
    sign(Summary, Any, "tests finished: "),
    // cargo, rustc
    sign(Error, Edge, "error: "),
    sign(Error, Edge, "error["),
    sign(Error, Any, " panicked at "),
    sign(Error, Start, "left: "),
    sign(Error, Start, "right: "),
    sign(Place, Start, "--> "),
    sign(Failed, End, "... FAILED"),
    sign(Report, Edge, "---- "),
    sign(Heading, Edge, "failures:"),
    sign(Summary, Edge, "test result: "),
    sign(Summary, Start, "Finished "),
    sign(Summary, Start, "Running "),
    sign(Summary, Start, "Doc-tests "),
    sign(Warning, Edge, "warning: "),
    sign(Warning, Edge, "warning["),
    sign(Skipped, End, "... ignored"),
    sign(Progress, Start, "Compiling "),
    sign(Progress, Start, "Checking "),
    sign(Progress, Start, "Downloading "),
    sign(Progress, Start, "Downloaded "),
    sign(Progress, Start, "Documenting "),
    sign(Progress, Start, "Fresh "),
    sign(Progress, Start, "Adding "),
    sign(Progress, Start, "Locking "),
    sign(Progress, Start, "Updating "),
    sign(Progress, Start, "Installing "),
    sign(Progress, Start, "Unpacking "),
    // go
    sign(Failed, Start, "--- FAIL: "),
    sign(Failed, Edge, "FAIL\t"),
    sign(Error, Edge, "panic: "),
    sign(Error, Start, "Error Trace:"),
    sign(Error, Start, "Error:"),
    sign(Summary, Edge, "ok  \t"),
    sign(Passed, Start, "--- PASS: "),
    sign(Skipped, Start, "--- SKIP: "),
    sign(Progress, Edge, "=== RUN "),
    sign(Progress, Edge, "=== PAUSE "),
    sign(Progress, Edge, "=== CONT "),
    sign(Progress, Edge, "=== NAME "),
    sign(Progress, Edge, "go: downloading "),
    sign(Progress, Edge, "go: extracting "),
    sign(Progress, Edge, "go: finding "),
    sign(Progress, End, "[no test files]"),
    // jest, vitest, mocha, node, TAP
    sign(Failed, Start, "FAIL "),
    sign(Failed, Start, "✕ "),
    sign(Failed, Start, "✗ "),
    sign(Failed, Start, "× "),
    sign(Failed, Start, "not ok "),
    sign(Report, Start, "● "),
    sign(Error, Start, "Expected"),
    sign(Error, Start, "Received"),
    sign(Error, Start, "expected"),
    sign(Error, Start, "received"),
    sign(Error, Start, "actual"),
    sign(Error, Start, "AssertionError"),
    sign(Place, Start, "> "),
    sign(Place, Start, "❯ "),
    sign(Summary, Start, "Tests: "),
    sign(Summary, Start, "Tests  "),
    sign(Summary, Start, "Test Suites: "),
    sign(Summary, Start, "Test Files "),
    sign(Summary, Start, "Snapshots: "),
    sign(Summary, Start, "Duration "),
    sign(Summary, Counted, " failing"),
    sign(Summary, Counted, " pending"),
    sign(Passed, Start, "PASS "),
    sign(Passed, Start, "✓ "),
    sign(Passed, Start, "✔ "),
    sign(Passed, Start, "√ "),
    sign(Skipped, Start, "○ "),
    sign(Passed, Edge, "ok "),
    // tsc, eslint, gcc, clang, mypy, ruff, javac
    sign(Error, Any, ": fatal error"),
    sign(Error, Any, ": error"),
    sign(Error, Any, " - error TS"),
    sign(Error, Any, "  error  "),
    sign(Error, Any, "undefined reference to "),
    sign(Error, Any, "ld returned "),
    sign(Warning, Any, ": warning"),
    sign(Warning, Any, "Warning: "),
    sign(Warning, Any, "  warning  "),
    sign(Summary, Counted, " problems ("),
    sign(Summary, Edge, "Found "),
    sign(Summary, Edge, "Success: "),
    sign(Summary, Counted, " errors generated."),
    sign(Summary, Counted, " error generated."),
    sign(Summary, Counted, " warnings generated."),
    sign(Summary, Counted, " warning generated."),
    // make, cmake, ninja, ctest, googletest
    sign(Error, Any, ": *** "),
    sign(Failed, Edge, "[  FAILED  ]"),
    sign(Failed, Any, "***Failed"),
    sign(Summary, Edge, "[==========]"),
    sign(Summary, Counted, "% tests passed"),
    sign(Passed, Edge, "[       OK ]"),
    sign(Passed, Edge, "[  PASSED  ]"),
    sign(Progress, Edge, "[ RUN      ]"),
    sign(Progress, Edge, "[----------]"),
    sign(Progress, Any, ": Entering directory "),
    sign(Progress, Any, ": Leaving directory "),
    sign(Progress, Any, "] Building "),
    sign(Progress, Any, "] Linking "),
    sign(Progress, Any, "] Built target "),
    sign(Progress, Start, "-- Looking for "),
    sign(Progress, Start, "-- Performing Test "),
    sign(Progress, Start, "-- Check"),
    sign(Progress, Start, "-- Detecting "),
    sign(Progress, Start, "checking "),
    // maven, gradle
    sign(Failed, Any, "<<< FAILURE!"),
    sign(Failed, Any, "<<< ERROR!"),
    sign(Error, Edge, "[ERROR] "),
    sign(Error, Start, "Caused by: "),
    sign(Summary, Any, "Tests run: "),
    sign(Summary, Any, "BUILD FAIL"),
    sign(Summary, Any, "BUILD SUCCESS"),
    sign(Summary, Any, "Total time: "),
    sign(Warning, Edge, "[WARNING] "),
    sign(Progress, Any, "Downloading from "),
    sign(Progress, Any, "Downloaded from "),
    sign(Failed, Edge, "FAILURE: "),
    sign(Progress, Edge, "> Task :"),
    sign(Progress, Edge, "Progress ("),
    // npm, pnpm, yarn, pip, apt
    sign(Error, Edge, "npm ERR! "),
    sign(Error, Edge, "npm error "),
    sign(Error, Any, "ERR_PNPM_"),
    sign(Warning, Edge, "npm WARN "),
    sign(Warning, Edge, "npm warn "),
    sign(Summary, Any, "vulnerabilities"),
    sign(Summary, Edge, "added "),
    sign(Summary, Edge, "removed "),
    sign(Summary, Edge, "changed "),
    sign(Summary, Edge, "up to date"),
    sign(Summary, Edge, "Done in "),
    sign(Progress, Edge, "npm http "),
    sign(Progress, Edge, "npm timing "),
    sign(Progress, Edge, "npm sill "),
    sign(Progress, Edge, "npm verb "),
    sign(Progress, Edge, "Progress: "),
    sign(Summary, Edge, "Successfully "),
    sign(Progress, Start, "Collecting "),
    sign(Progress, Start, "Using cached "),
    sign(Progress, Start, "Requirement already satisfied"),
    sign(Progress, Start, "Building wheel"),
    sign(Progress, Start, "Created wheel"),
    sign(Progress, Start, "Stored in directory"),
    sign(Progress, Start, "Preparing metadata"),
    sign(Progress, Start, "Getting requirements"),
    sign(Progress, Start, "Installing build dep"),
    sign(Progress, Start, "Attempting uninstall"),
    sign(Progress, Start, "Found existing installation"),
    sign(Progress, Start, "Uninstalling "),
    sign(Progress, Edge, "Get:"),
    sign(Progress, Edge, "Hit:"),
    sign(Progress, Edge, "Ign:"),
    sign(Progress, Edge, "Selecting previously"),
    sign(Progress, Edge, "Preparing to unpack"),
    sign(Progress, Edge, "(Reading database"),
    sign(Progress, Edge, "Setting up "),
    sign(Progress, Edge, "Processing triggers"),
    // docker, terraform
    sign(Error, Any, " ERROR: "),
    sign(Progress, Any, ": Pulling fs layer"),
    sign(Progress, Any, ": Waiting"),
    sign(Progress, Any, ": Verifying Checksum"),
    sign(Progress, Any, ": Download complete"),
    sign(Progress, Any, ": Pull complete"),
    sign(Progress, Any, ": Pushed"),
    sign(Progress, Any, " transferring "),
    sign(Progress, Any, " sha256:"),
    sign(Progress, Any, " extracting "),
    sign(Progress, Edge, " ---> "),
    sign(Progress, Edge, "Removing intermediate container"),
    sign(Progress, Any, ": Refreshing state..."),
    sign(Progress, Any, ": Still creating..."),
    sign(Progress, Any, ": Still destroying..."),
    sign(Progress, Any, ": Still modifying..."),
    sign(Summary, Edge, "Plan: "),
    sign(Summary, Edge, "Apply complete!"),
    // Exit codes, whoever tells them.
    sign(Summary, Any, "exit code"),
    sign(Summary, Any, "Exit code"),
    sign(Summary, Any, "exit status"),
    sign(Summary, Any, "exited with"),
];

/// Signs that begin a compiler's message of several lines.
const COMPILERS: &[&str] =
    &["error: ", "error[", "warning: ", "warning[", ": fatal error", ": error", ": warning", " - error TS"];

/// A line's sign stands in its first bytes, or in its last.
const LOOKED_AT: usize = 1_024;

/// The rows of the table by where their signs are looked for.
struct Rows {
    /// By the first byte of the sign, for those at a line's start.
    starts: Vec<Vec<u16>>,
    /// By the last byte, for those at its end.
    ends: Vec<Vec<u16>>,
    /// Those anywhere, and their rows.
    anywhere: AhoCorasick,
    rows: Vec<u16>,
}

static ROWS: LazyLock<Rows> = LazyLock::new(|| {
    let (mut starts, mut ends, mut rows) = (vec![Vec::new(); 256], vec![Vec::new(); 256], Vec::new());
    for (row, sign) in (0_u16..).zip(SIGNS) {
        let bytes = sign.text.as_bytes();
        match sign.at {
            Start | Edge => starts[usize::from(bytes[0])].push(row),
            End | TestEnd => ends[usize::from(bytes[bytes.len() - 1])].push(row),
            Any | Counted => rows.push(row),
        }
    }
    let anywhere = AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(rows.iter().map(|&row| SIGNS[usize::from(row)].text))
        .expect("a fixed table of signs");
    Rows { starts, ends, anywhere, rows }
});

/// What a line is, and what is known of it from its sign.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// What the line is.
    pub role: Role,
    /// The sign, without the blanks around it: `Compiling`.
    pub word: &'static str,
    /// Where what the sign speaks of begins and ends: the test's name, for one.
    pub about: (u32, u32),
    /// True for the first line of a compiler's message.
    pub opens: bool,
}

/// True for `test_x (package.module.Class)` alone on its line: its result stands on the next.
pub fn is_name_of_next(line: &str) -> bool {
    line.split_once(" (").is_some_and(|(name, class)| {
        let word =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
        !name.is_empty()
            && word(name)
            && class.strip_suffix(')').is_some_and(|class| class.contains('.') && word(class))
    })
}

/// `ValueError: x` and `java.lang.IllegalStateException: x` at the very start of a line.
fn is_exception(line: &str) -> bool {
    let name = line.split([':', ' ']).next().unwrap_or(line);
    ["Error", "Exception", "Failure", "Interrupt"].iter().any(|end| name.ends_with(end))
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$'))
}

/// `tests/test_a.py:52: AssertionError`, `src/a.rs:3:5` alone: where it happened.
fn is_place(line: &str) -> bool {
    let Some((file, rest)) = line.split_once(':') else { return false };
    let named =
        file.rsplit('.').next().is_some_and(|end| (1..=5).contains(&end.len()) && end.len() + 1 < file.len());
    named
        && !file.contains(' ')
        && !file.starts_with(['/', '\t'])
        && rest.starts_with(|each: char| each.is_ascii_digit())
        && line.len() < 200
}

/// What `line` is; `None` when nothing marks it.
pub fn of(line: &str) -> Option<Told> {
    let bytes = line.as_bytes();
    let edge = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let end = line.trim_ascii_end().len();
    let &last = bytes.get(edge..end)?.last()?;
    // The row, and where its sign begins and ends.
    let mut best: Option<(usize, usize, usize)> = None;
    let mut fits = |row: u16, from: usize, to: usize| {
        if best.is_none_or(|(its, _, _)| usize::from(row) < its) {
            best = Some((usize::from(row), from, to));
        }
    };
    for from in [0, edge] {
        for &row in &ROWS.starts[usize::from(bytes[from])] {
            let sign = &SIGNS[usize::from(row)];
            if (sign.at == Start || from == 0) && bytes[from..].starts_with(sign.text.as_bytes()) {
                fits(row, from, from + sign.text.len());
            }
        }
    }
    for &row in &ROWS.ends[usize::from(last)] {
        let sign = &SIGNS[usize::from(row)];
        if bytes[..end].ends_with(sign.text.as_bytes()) && (sign.at == End || line.starts_with("test")) {
            fits(row, end - sign.text.len(), end);
        }
    }
    for found in ROWS.anywhere.find_overlapping_iter(&bytes[..bytes.len().min(LOOKED_AT)]) {
        let row = ROWS.rows[found.pattern().as_usize()];
        let digit = || found.start().checked_sub(1).is_some_and(|at| bytes[at].is_ascii_digit());
        if SIGNS[usize::from(row)].at == Any || digit() {
            fits(row, found.start(), found.end());
        }
    }
    let Some((row, from, to)) = best else {
        let told = |role| Some(Told { role, word: "", about: (0, 0), opens: false });
        return if is_exception(line) {
            told(Error)
        } else if !is_place(line) {
            None
        } else if line.ends_with(':') || line.contains(": in ") || !line.contains(": ") {
            told(Place)
        } else {
            told(Error)
        };
    };
    let sign = &SIGNS[row];
    let about = if to < end && matches!(sign.at, Start | Edge) { (to, end) } else { (edge.min(from), from) };
    let opens = COMPILERS.contains(&sign.text);
    Some(Told { role: sign.role, word: sign.text.trim(), about: (about.0 as u32, about.1 as u32), opens })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_role_that_its_tool_means() {
        let cases = [
            ("E   assert 1 == 2", Some(Error)),
            (">       assert f() == 2", Some(Place)),
            ("FAILED tests/test_a.py::test_b - assert", Some(Failed)),
            ("tests/test_a.py::test_b PASSED  [ 12%]", Some(Passed)),
            ("tests/test_a.py::test_error PASSED", Some(Passed)),
            ("===== 2 failed, 46 passed in 22.28s =====", Some(Summary)),
            ("test a::b ... ok", Some(Passed)),
            ("test a::b ... FAILED", Some(Failed)),
            ("thread 'a' panicked at src/a.rs:1:2:", Some(Error)),
            ("   Compiling serde v1.0.0", Some(Progress)),
            ("error[E0308]: mismatched types", Some(Error)),
            ("  --> src/a.rs:1:2", Some(Place)),
            ("--- FAIL: TestX (0.00s)", Some(Failed)),
            ("    --- PASS: TestX/y (0.00s)", Some(Passed)),
            ("a.c:3:5: error: expected ';'", Some(Error)),
            ("src/a.ts(3,5): error TS2322: x", Some(Error)),
            ("  3:5  error  x  no-undef", Some(Error)),
            ("[INFO] Downloading from central: https://x", Some(Progress)),
            ("[ERROR] /a/B.java:[1,2] cannot find symbol", Some(Error)),
            ("npm ERR! code E404", Some(Error)),
            ("tests/test_a.py:52: AssertionError", Some(Error)),
            ("tests/test_a.py:52: in test_a", Some(Place)),
            ("tests/test_a.py:52:", Some(Place)),
            ("3 failing", Some(Summary)),
            ("resolution failed, using the path", None),
            ("ValueError: x", Some(Error)),
            ("java.lang.IllegalStateException: x", Some(Error)),
            ("at 10:52: x", None),
            ("    let a = 1;", None),
            ("", None),
            ("    ", None),
            ("\u{b}\u{c}", None),
        ];
        for (line, want) in cases {
            assert_eq!(of(line).map(|told| told.role), want, "{line}");
        }
    }
}

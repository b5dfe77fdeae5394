//! How tools speak: which words mark a failure, an error, a summary, a passed test, mere progress.
//!
//! The signs are rows of the table in `words`; the first row that fits a line decides.

use super::words::At::{Any, Counted, Edge, End, Start, TestEnd};
use super::words::SIGNS;
use Role::{Error, Passed, Place, Progress, Repeated, Skipped};
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
    /// Names a failure that is named elsewhere too, and better.
    Repeated,
    /// Leads to the message below it: `In file included from …`.
    Lead,
}

impl Role {
    /// True for what is only counted or named: passed and skipped tests, progress, names told elsewhere.
    pub fn is_quiet(self) -> bool {
        matches!(self, Passed | Skipped | Progress | Repeated)
    }
}

/// Signs that begin a compiler's message of several lines.
const COMPILERS: &[&str] = &[
    "error: ",
    "error[",
    "warning: ",
    "warning[",
    ": fatal error",
    ": error",
    ": warning",
    " - error TS",
    "CMake Error",
    "CMake Warning",
];

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
    let before = before_of(line);
    let mut told = of_body(&line[before..], before != 0)?;
    told.about = (told.about.0 + before as u32, told.about.1 + before as u32);
    Some(told)
}

/// What tools set before each line of another: `#12 1.234 ` (docker), `│ ` (terraform).
fn before_of(line: &str) -> usize {
    if let Some(rest) = line.strip_prefix('#') {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let number = digits(rest);
        if number == 0 || !rest[number..].starts_with(' ') {
            return 0;
        }
        let body = number + 2;
        let seconds = digits(&line[body..]);
        let after = &line[body + seconds..];
        let parts = after.strip_prefix('.').map_or(0, digits);
        let timed = 0 < seconds && 0 < parts && after[1 + parts..].starts_with(' ');
        return if timed { body + seconds + parts + 2 } else { body };
    }
    let body = line.trim_start();
    body.strip_prefix("│").map_or(0, |rest| line.len() - rest.strip_prefix(' ').unwrap_or(rest).len())
}

fn of_body(line: &str, set_before: bool) -> Option<Told> {
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
        return unsigned(line, &line[edge..end], set_before);
    };
    let sign = &SIGNS[row];
    let about = if to < end && matches!(sign.at, Start | Edge) { (to, end) } else { (edge.min(from), from) };
    let told = Told {
        role: sign.role,
        word: sign.text.trim(),
        about: (about.0 as u32, about.1 as u32),
        opens: COMPILERS.contains(&sign.text),
    };
    // Maven says of each class how it went: nothing wrong is a passed test.
    if sign.text == "Tests run: "
        && line.contains("Failures: 0, Errors: 0")
        && let Some(at) = line.rfind(" in ")
    {
        return Some(Told { role: Passed, about: (at as u32 + 4, end as u32), ..told });
    }
    Some(told)
}

/// What a line is that has no sign, by its form.
fn unsigned(line: &str, body: &str, set_before: bool) -> Option<Told> {
    let edge = line.len() - line.trim_ascii_start().len();
    let told = |role, opens| Some(Told { role, word: "", about: (0, 0), opens });
    if is_exception(line) {
        return told(Error, false);
    }
    if is_lint(line) {
        return told(Error, true);
    }
    if let Some(rest) = numbered(body) {
        let about = ((edge + body.len() - rest.len()) as u32, (edge + body.len()) as u32);
        return Some(Told { role: Role::Failed, word: "", about, opens: false });
    }
    if is_lead(line) {
        return told(Role::Lead, false);
    }
    if set_before && body.starts_with('[') && body.contains("] ") {
        return told(Role::Heading, false);
    }
    // Drawn lines: `[INFO] -----`, `   ━━━━━━ 1.2/1.2 MB`.
    let drawn =
        body.strip_prefix("[INFO]").is_some_and(|rest| rest.bytes().all(|byte| matches!(byte, b'-' | b' ')))
            || body.contains("━━━");
    if drawn {
        return told(Progress, false);
    }
    if !is_place(line) {
        None
    } else if line.ends_with(':') || line.contains(": in ") || !line.contains(": ") {
        told(Place, false)
    } else {
        told(Error, false)
    }
}

/// `E501 Line too long`, as ruff heads its messages.
fn is_lint(line: &str) -> bool {
    let letters = line.bytes().take_while(u8::is_ascii_uppercase).count();
    let digits = line[letters..].bytes().take_while(u8::is_ascii_digit).count();
    (1..=4).contains(&letters)
        && (2..=4).contains(&digits)
        && line[letters + digits..].starts_with(' ')
        && line[letters + digits + 1..]
            .starts_with(|each: char| each.is_ascii_alphabetic() || matches!(each, '`' | '['))
}

/// `1) adds up`: how mocha, rspec and phpunit number their failures.
fn numbered(body: &str) -> Option<&str> {
    let digits = body.bytes().take_while(u8::is_ascii_digit).count();
    body[digits..].strip_prefix(") ").filter(|rest| (1..=4).contains(&digits) && !rest.is_empty())
}

/// `In file included from a.h:3,`, `                 from b.h:9:`, `a.c: In function ‘f’:`.
fn is_lead(line: &str) -> bool {
    let body = line.trim_start();
    body.starts_with("In file included from ")
        || body.len() < line.len() && body.starts_with("from ") && body.ends_with([',', ':'])
        || line.ends_with(':') && (line.contains(": In ") || line.contains(": At "))
}

#[cfg(test)]
mod tests {
    use super::Role::{Failed, Lead, Summary};
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
            ("E501 Line too long (92 > 88)", Some(Error)),
            ("  1) adds up", Some(Failed)),
            ("In file included from a.h:3,", Some(Lead)),
            ("a.c: In function ‘f’:", Some(Lead)),
            ("#12 3.071 npm error code E404", Some(Error)),
            ("#12 CACHED", Some(Progress)),
            ("│ Error: no such bucket", Some(Error)),
            ("ok 3 - x # SKIP slow", Some(Skipped)),
            ("ok  \tshop/basket\t0.01s", Some(Passed)),
            ("[INFO] Tests run: 5, Failures: 0, Errors: 0, Skipped: 0 - in shop.BasketTest", Some(Passed)),
            ("    <testcase name=\"x\" time=\"0.01\"/>", Some(Passed)),
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

//! What a text looks like, whoever printed it.
//!
//! A bounded part of the text is looked at: its start, its middle and its end.
//! Without a sign that is sure, it is [`Kind::Other`].

use super::super::Kind;
use super::super::lines::signs::{self, Sign};
use super::super::lines::token;
use super::super::{blob, config, diff, listing, mixed, search, table, trace};
use super::Sample;
use regex::bytes::{RegexSet, RegexSetBuilder};
use serde::de::IgnoredAny;
use std::sync::LazyLock;

/// A text that is longer is taken for JSON by its first and last letters alone.
const PARSED: usize = 64 << 20;

/// Signs that a line was printed by a compiler, a package manager or a test runner.
///
/// Each stands at a line's start (after blanks), and is rare in anything else.
const BUILD_SIGNS: &[&str] = &[
    // cargo, rustc
    r"^(Compiling|Checking|Downloaded|Fresh|Documenting) \S+ v\d",
    r"^(Finished `?(dev|release|test|bench|debug)|Running (unittests|tests|`)|Doc-tests )",
    r"^test result: (ok|FAILED)\.",
    r"^test \S+.* \.\.\. (ok|FAILED|ignored)",
    r"^(error|warning)(\[[A-Z]\d+\])?: ",
    r"^--> \S+:\d+:\d+$",
    r"^thread '.*' (\(\d+\) )?panicked at ",
    // go
    r"^(--- (FAIL|PASS|SKIP): |=== (RUN|PAUSE|CONT|NAME)\s)",
    r"^(ok|FAIL|\?)\s+\S+\s+(\(cached\)|\[no test files\]|\[build failed\]|[\d.]+s)",
    r"^(go: (downloading|finding|extracting|upgraded|added) )",
    // pytest, unittest
    r"^=+ .*(test session starts|test process starts|FAILURES|ERRORS|short test summary|passed|failed|error|warnings summary|no tests ran).* ?=+$",
    r"^(PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS) \S+",
    r"^\S+::\S+ (PASSED|FAILED|ERROR|SKIPPED|XFAIL)",
    r"^_{3,} .+ _{3,}$",
    r"^(FAIL|ERROR): \w+ \(",
    r"^Ran \d+ tests? in [\d.]+s",
    r"\.\.\. (ok|FAIL|ERROR|skipped)",
    r"^test_\w+ (ok|F|E|X|f|s|w)$",
    // jest, vitest, mocha, TAP
    r"^(PASS|FAIL) +\S+\.(js|jsx|ts|tsx|mjs|cjs|vue)\b",
    r"^(Tests|Test Suites|Test Files|Snapshots):? +\d+ ",
    r"^(✓|✔|✕|✗|×|√|✖) .+",
    r"^\d+ (passing|failing|pending)\b",
    r"^(not ok|ok) \d+ ",
    // tsc, eslint, mypy, gcc, clang
    r"(\(\d+,\d+\): (error|warning) |:\d+:\d+ - error )TS\d+",
    r"^\d+:\d+ +(error|warning) +",
    r"^\S+:\d+(:\d+)?: (fatal error|error|warning|note|remark)\b",
    r"^\S+:\d+:\d+: [A-Z]{1,4}\d{2,4}\b",
    r"^(Found \d+ errors?|Success: no issues found|✖ \d+ problems?)",
    r"^(In file included from |\S+: In (function|member function|constructor) )",
    // make, cmake, ninja, ctest
    r"^(g?make(\[\d+\])?: (\*\*\*|Entering|Leaving|Nothing)|\[ *\d+%\] |\[\d+/\d+\] )",
    r"^(-- (Configuring|Generating|Build files|Found|Performing|Looking for|Check))",
    r"^\d+/\d+ Test +#\d+: ",
    // maven, gradle
    r"^\[(INFO|ERROR|WARNING)\]( |$)",
    r"^(> Task :|BUILD (SUCCESSFUL|FAILED)|Tests run: \d+)",
    // npm, pip, apt
    r"^(npm|pnpm|yarn) (ERR!|WARN|warn|error|notice|info|http)\b",
    r"^(added|changed|removed|up to date,?) ?(\d+ packages?|audited)",
    r"^(Collecting|Downloading|Using cached|Requirement already satisfied:?|Installing collected packages:|Successfully (installed|built|uninstalled)|Building wheel) ",
    r"^(Get:\d+|Hit:\d+|Ign:\d+|Selecting previously|Preparing to unpack|Unpacking|Setting up|Processing triggers) ",
    // docker, terraform, dotnet, rspec, phpunit
    r"^(#\d+ (\[|DONE|CACHED|ERROR|sha256|[\d.]+ )|Step \d+/\d+ : )",
    r"^(Plan: \d+ to add|Terraform (will|used)|# \S+ will be |Apply complete!)",
    r"^(Build succeeded|Build FAILED|Passed! |Failed! |\d+ examples?, \d+ failures?)",
    r"^(OK \(\d+ tests|FAILURES!|Tests: \d+, Assertions: )",
    r"^<(testsuites?|testcase)\b",
];

static BUILD: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSetBuilder::new(BUILD_SIGNS).unicode(false).build().expect("a fixed table of signs")
});

/// Whether a text looks like one of a kind.
type Fits = fn(&Sample<'_>) -> bool;

/// The kind that `text` looks like.
pub fn of(text: &str) -> Kind {
    let trimmed = text.trim_ascii();
    if is_json(trimmed) {
        return Kind::Json;
    }
    let sample = Sample::of(trimmed);
    if sample.lines.is_empty() {
        return Kind::Other;
    }
    if search::is_headed(sample.lines.iter().map(AsRef::as_ref)) {
        return Kind::Search;
    }
    let table = table::surely_fits(&sample);
    if sample.numbered() && !table {
        return Kind::Read;
    }
    // Each of these looks for what nothing else has.
    let sure: [(Fits, Kind); 3] =
        [(mixed::fits, Kind::Mixed), (blob::fits, Kind::Blob), (diff::fits, Kind::Diff)];
    if let Some((_, kind)) = sure.iter().find(|(fits, _)| fits(&sample)) {
        return *kind;
    }
    if table {
        return Kind::Table;
    }
    let build = sample.build();
    if sample.hits() && build * 4 < sample.lines.len() {
        return Kind::Search;
    }
    // Two signs are enough in a short text; a long one has them all over.
    let stamped = if sample.tabular() { 0 } else { sample.stamped() };
    if 2 <= build && sample.lines.len() <= build * 12 && stamped <= build * 4 {
        return Kind::Build;
    }
    if trace::fits(&sample) {
        return Kind::Trace;
    }
    if sample.lines.len() <= stamped * 2 && 3 <= stamped || sample.traced() {
        return Kind::Log;
    }
    if 2 <= build && sample.lines.len() <= build * 40 {
        return Kind::Build;
    }
    let shaped: [(Fits, Kind); 3] =
        [(table::fits, Kind::Table), (listing::fits, Kind::Listing), (config::fits, Kind::Config)];
    shaped.iter().find(|(fits, _)| fits(&sample)).map_or(Kind::Other, |(_, kind)| *kind)
}

/// True when at least some lines are hits of a search.
pub fn has_hits(text: &str) -> bool {
    let sample = Sample::of(text);
    let hits = sample.lines.iter().filter(|line| search::is_hit(line)).count();
    let headed = search::is_headed(sample.lines.iter().map(AsRef::as_ref));
    headed || !sample.lines.is_empty() && sample.lines.len() <= hits * 2
}

/// True for a JSON array of eight objects or more.
pub fn is_rows(text: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Row {}
    let text = text.trim_ascii();
    text.len() <= PARSED
        && text.starts_with('[')
        && serde_json::from_str::<Vec<Row>>(text).is_ok_and(|rows| 8 <= rows.len())
}

/// One JSON object or array, or one a line.
fn is_json(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    if !matches!((first, last), (b'{', b'}') | (b'[', b']')) {
        return is_broken_lines(text);
    }
    // `[info] …` and `[2026-03-11 …] …]` are log lines.
    let second = bytes[1..].iter().find(|byte| !byte.is_ascii_whitespace());
    let begins = match first {
        b'{' => matches!(second, Some(b'"' | b'}')),
        _ => matches!(second, Some(b'{' | b'[' | b'"' | b']' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n')),
    };
    if !begins {
        return false;
    }
    if PARSED < text.len() || serde_json::from_str::<IgnoredAny>(text).is_ok() {
        return true;
    }
    let lines = || text.lines().map(str::trim_ascii).filter(|line| !line.is_empty());
    let (mut values, mut all) = (0, 0);
    for line in lines().take(64) {
        all += 1;
        values +=
            usize::from(line.starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(line).is_ok());
    }
    (2 <= values && all * 4 <= values * 5) || looks_like_json(text, all)
}

/// JSON lines of which the last is cut off, or a few are none.
fn is_broken_lines(text: &str) -> bool {
    let lines = text.lines().map(str::trim_ascii).filter(|line| !line.is_empty()).take(64);
    let (mut values, mut all) = (0, 0);
    for line in lines {
        all += 1;
        values += usize::from(line.starts_with('{') && serde_json::from_str::<IgnoredAny>(line).is_ok());
        if values + 4 < all {
            return false;
        }
    }
    3 <= values && all * 5 <= values * 6
}

/// Not strictly JSON (too deep, a stray `NaN`), but nothing else either.
fn looks_like_json(text: &str, lines: usize) -> bool {
    let opens = text.starts_with("[{\"") || text.starts_with("{\"") || text.starts_with("[[[[");
    opens && lines <= 2
        || text.lines().take(32).all(|line| {
            let line = line.trim_ascii();
            line.is_empty()
                || line.starts_with(['"', '{', '}', '[', ']'])
                || line.ends_with([',', '{', '['])
                    && line.starts_with(|each: char| each.is_ascii_digit() || each == '-')
                || line.starts_with("NaN")
        })
}

impl Sample<'_> {
    fn build(&self) -> usize {
        self.lines.iter().filter(|line| BUILD.is_match(line.trim_ascii().as_bytes())).count()
    }

    /// Lines that begin with a time or say their level.
    fn stamped(&self) -> usize {
        self.lines.iter().filter(|line| is_stamped(line)).count()
    }

    /// Rows of the same number of cells, separated by commas or tabs: a table may have a column of times.
    fn tabular(&self) -> bool {
        [',', '\t', ';'].into_iter().any(|separator| {
            let cells = |line: &str| line.matches(separator).count();
            let first = self.lines.first().map_or(0, |line| cells(line));
            2 <= first && self.lines.iter().all(|line| cells(line) == first)
        })
    }

    fn hits(&self) -> bool {
        let hits = self.lines.iter().filter(|line| search::is_hit(line)).count();
        3 <= hits && self.lines.len() * 3 <= hits * 4
    }

    /// `cat -n` and the reading tools: most lines begin with their number.
    fn numbered(&self) -> bool {
        let mut numbered = 0;
        let mut before = None;
        for line in &self.lines {
            let number = line_number(line);
            if let (Some(number), Some(before)) = (number, before)
                && number > before
                && number - before < 50
            {
                numbered += 1;
            }
            before = number.or(before);
        }
        3 <= numbered && self.lines.len() * 3 <= numbered * 4
    }

    /// A crash and hardly anything else.
    fn traced(&self) -> bool {
        let frames = self.lines.iter().filter(|line| is_frame(line)).count();
        3 <= frames && self.lines.len() <= frames * 4
    }
}

/// The number before a tab, an arrow or a bar.
fn line_number(line: &str) -> Option<u64> {
    let body = line.trim_start().strip_prefix('L').unwrap_or(line.trim_start());
    let digits = body.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &body[digits..];
    let marked = rest.is_empty()
        || ["\t", "→", "|", ": ", ":\t", " |", "  "].iter().any(|mark| rest.starts_with(mark));
    (marked && 0 < digits).then(|| body[..digits].parse().ok()).flatten()
}

fn is_frame(line: &str) -> bool {
    let body = line.trim_start();
    body.starts_with("File \"") && body.contains(", line ")
        || (body.len() < line.len() && body.starts_with("at ") && (body.contains('(') || body.contains(':')))
        || (line.starts_with('\t') && body.contains(".go:"))
        || body.starts_with("Traceback (most recent")
        || body.starts_with("Caused by: ")
        || body.starts_with("goroutine ")
        || body.strip_prefix('#').is_some_and(|rest| {
            rest.starts_with(|each: char| each.is_ascii_digit())
                && (rest.contains(" in ") || rest.contains("): "))
        })
}

fn is_stamped(line: &str) -> bool {
    let bytes = line.as_bytes();
    if is_listed(bytes) {
        return false;
    }
    // A time within the first bytes, at the start of a word.
    let near = bytes.len().min(64);
    let mut timed = false;
    let mut at = 0;
    while at < near {
        let opens =
            at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || matches!(bytes[at - 1], b'-' | b'.'));
        let may = opens && (bytes[at].is_ascii_digit() || bytes[at].is_ascii_uppercase());
        timed = may && token::time_at(&bytes[at..]).is_some_and(|length| 8 <= length);
        if timed {
            break;
        }
        at += 1;
    }
    timed || is_uptime(line) || has_level(line) || is_system_call(line)
}

/// `openat(AT_FDCWD, "/x", O_RDONLY) = 3`, perhaps after a process id.
fn is_system_call(line: &str) -> bool {
    let body = line.trim_start_matches(|each: char| each.is_ascii_digit() || " []pid".contains(each));
    let name = body
        .bytes()
        .take_while(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_')
        .count();
    2 <= name
        && body[name..].starts_with('(')
        && (body.contains(") = ") || body.contains(")  ") || body.ends_with('?'))
}

/// `-rw-r--r-- 1 a a 12 Mar 11 10:00:00 x`
fn is_listed(bytes: &[u8]) -> bool {
    matches!(bytes, [b'-' | b'd' | b'l' | b'c' | b'b' | b'p' | b's', b'r' | b'-', b'w' | b'-', ..])
}

/// `[   12.345678] usb 1-1: …`
fn is_uptime(line: &str) -> bool {
    line.strip_prefix('[').and_then(|rest| rest.split_once(']')).is_some_and(|(inside, _)| {
        let inside = inside.trim_start();
        inside.contains('.')
            && inside.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && 3 <= inside.len()
    })
}

/// A level at the start: `INFO …`, `[warn] …`, `level=info`, `I0311 10:…`.
fn has_level(line: &str) -> bool {
    const LEVELS: &[&str] = &[
        "TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL", "SEVERE",
        "trace", "debug", "info", "notice", "warn", "warning", "error", "fatal",
    ];
    let body = line.trim_start();
    if body.starts_with("level=") || body.contains(" level=") {
        return true;
    }
    if let [b'I' | b'W' | b'E' | b'F', a, b, c, d, b' ', ..] = body.as_bytes()
        && [a, b, c, d].iter().all(|byte| byte.is_ascii_digit())
    {
        return true;
    }
    let framed =
        body.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(inside, _)| inside.trim());
    let plain = body
        .split([' ', ':', '\t', '|'])
        .next()
        .filter(|word| word.bytes().all(|byte| byte.is_ascii_uppercase()));
    framed.or(plain).is_some_and(|word| LEVELS.contains(&word)) && signs::of(line) <= Sign::Fatal
}

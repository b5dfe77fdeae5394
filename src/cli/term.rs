//! The only printing: colour, tables, plurals, exit codes.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use crate::config::ConfigError;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use std::fmt::Display;
use std::process::ExitCode;

/// What a verb gives back: an exit code, or a failure that `main` prints once.
pub type Verdict = Result<ExitCode, anyhow::Error>;

/// Exit codes, each with one meaning.
pub mod exit {
    /// Done.
    pub const OK: u8 = 0;
    /// It failed; the message says what, where and what now.
    pub const FAILED: u8 = 1;
    /// The command line or a file of the user's can't be understood.
    pub const USAGE: u8 = 2;
    /// No original under that key.
    pub const UNKNOWN_KEY: u8 = 3;
    /// The original has expired.
    pub const EXPIRED: u8 = 4;
    /// The agent's program is there and can't be started.
    pub const CANNOT_EXECUTE: u8 = 126;
    /// The agent's program was not found.
    pub const NOT_FOUND: u8 = 127;
}

/// A failure that the user can do something about: what, where, what now.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// What went wrong and where: lower case, no full stop.
    pub what: String,
    /// What to do now; empty when there is nothing to say.
    pub hint: String,
}

impl Failure {
    /// A failure with its exit code and what to do now.
    pub fn new(code: u8, what: impl Display, hint: impl Display) -> Failure {
        Failure { code, what: what.to_string(), hint: hint.to_string() }
    }
}

/// Prints a line of the answer.
pub fn say(line: impl Display) {
    use std::io::Write;
    // A reader that went away (`| head`) is not a fault of ours.
    let _ = writeln!(anstream::stdout(), "{line}");
}

/// Prints a part of a line of the answer, at once.
pub fn say_part(part: impl Display) {
    use std::io::Write;
    let mut out = anstream::stdout();
    let _ = write!(out, "{part}").and_then(|()| out.flush());
}

/// Asks a question on the terminal; true for a yes. The answer is a line of stdin; no answer is a no.
pub fn asked(question: impl Display) -> bool {
    use std::io::BufRead;
    say_part(question);
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Prints a JSON value of the answer, indented.
pub fn say_json(value: &serde_json::Value) {
    say(format_args!("{value:#}"));
}

/// Prints a heading of the answer: bold on a terminal.
pub fn heading(line: impl Display) {
    let bold = anstyle::Style::new().bold();
    say(format_args!("{bold}{line}{bold:#}"));
}

/// An empty table without borders: no wider than the terminal, and in a pipe a line a row.
pub fn table(headings: &[&str]) -> Table {
    const WIDE: u16 = 100;
    let mut table = Table::new();
    let width = table.width();
    table.load_style(presets::NOTHING).force_no_tty().set_header(headings.iter().copied());
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    // On a narrow terminal the columns move together before anything is wrapped.
    let gap = if width.is_some_and(|width| width < WIDE) { 1 } else { 2 };
    for column in table.column_iter_mut() {
        column.set_padding((0, gap));
    }
    table
}

/// How many columns the terminal has; `None` in a pipe.
pub fn width() -> Option<usize> {
    Table::new().width().map(usize::from)
}

/// How many lines the terminal has; `None` in a pipe.
pub fn height() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (0 < size.ws_row).then(|| usize::from(size.ws_row))
}

/// Puts the numbers of these columns (counted from 0) under each other.
pub fn align_right(table: &mut Table, columns: impl IntoIterator<Item = usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// The table as text, without blanks at the ends of its lines.
pub fn drawn(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// A bar for work of so many steps, on stderr; nothing is drawn where that is no terminal.
pub fn progress(steps: usize) -> indicatif::ProgressBar {
    indicatif::ProgressBar::new(steps as u64)
}

/// The same for work of so many bytes; drawn only when it takes a while.
pub fn progress_of_bytes(bytes: u64) -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new(bytes);
    let style = indicatif::ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta}");
    bar.set_style(style.unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()));
    bar
}

/// Prints bytes of the answer exactly.
pub fn say_exactly(bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Prints a remark beside the answer, on stderr.
pub fn remark(line: impl Display) {
    use std::io::Write;
    let _ = writeln!(anstream::stderr(), "headroom: {line}");
}

/// Prints a failure and gives its exit code.
pub fn fail(error: &anyhow::Error) -> ExitCode {
    let broken_pipe = error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    });
    if broken_pipe {
        return ExitCode::from(exit::OK);
    }
    remark(format_args!("{error:#}"));
    match error.downcast_ref::<Failure>() {
        Some(failure) => {
            if !failure.hint.is_empty() {
                remark(format_args!("hint: {}", failure.hint));
            }
            ExitCode::from(failure.code)
        }
        None if error.is::<ConfigError>() => ExitCode::from(exit::USAGE),
        None => ExitCode::from(exit::FAILED),
    }
}

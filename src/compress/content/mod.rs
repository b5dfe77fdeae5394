//! Which kind a text is: by tool, command and shape together.
//!
//! Tools and commands are believed where they are sure (a `Read` is a read, a
//! `cargo test` is a build); where they are not, or not known, the shape of the
//! text decides. A text that may have been read in order to be edited is
//! [`Kind::Read`] whatever it looks like: that mistake alone can't be repaired.

mod command;
mod programs;
mod sample;
mod shape;

pub use sample::Sample;

use super::{Hint, Kind, blob};
use command::About;

/// The kind of `text`.
pub fn kind_of(text: &str, hint: &Hint<'_>) -> Kind {
    recognise(text, hint).0
}

/// Every command of a command line: as it stands, and without what only runs another (`sudo`, `CI=1`, `npx`). Empty
/// for a line that is too long to be looked at.
pub fn commands_in(line: &str) -> Vec<String> {
    command::each(line)
}

/// What told the kind of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToldBy {
    /// The tool's name.
    Tool,
    /// The command line.
    Command,
    /// The text itself.
    Shape,
}

impl ToldBy {
    /// For people: `by its command`.
    pub fn said(self) -> &'static str {
        match self {
            ToldBy::Tool => "by its tool",
            ToldBy::Command => "by its command",
            ToldBy::Shape => "by its shape",
        }
    }
}

/// The kind of `text`, and what told it.
pub fn recognise(text: &str, hint: &Hint<'_>) -> (Kind, ToldBy) {
    let told_by = if hint.command.trim().is_empty() { ToldBy::Tool } else { ToldBy::Command };
    let promised = match about_tool(hint) {
        About::Is(Kind::Read) if told_by == ToldBy::Command && blob::fits(&Sample::of(text)) => {
            return (Kind::Blob, ToldBy::Shape);
        }
        About::Is(Kind::Read) => return (Kind::Read, told_by),
        About::Is(kind) => kind,
        About::File(kind) => return (data_or_read(kind, text), told_by),
        About::Unheard => return (unheard(text), ToldBy::Shape),
        About::Unknown => return (shape::of(text), ToldBy::Shape),
    };
    let kind = confirmed(promised, text);
    (kind, if kind == promised { told_by } else { ToldBy::Shape })
}

/// What tool and command say of the text.
fn about_tool(hint: &Hint<'_>) -> About {
    let tool = plain_name(hint.tool);
    let listed = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(tool));
    if !hint.command.trim().is_empty() && !listed(programs::READ_TOOLS) {
        return command::about(hint.command);
    }
    if listed(programs::READ_TOOLS) || listed(programs::EDIT_TOOLS) {
        return About::Is(Kind::Read);
    }
    if listed(programs::SEARCH_TOOLS) {
        return About::Is(Kind::Search);
    }
    About::Unknown
}

/// A tool's name without the server it came from: `mcp__files__read_file` is `read_file`.
fn plain_name(tool: &str) -> &str {
    let tool = tool.rsplit("__").next().unwrap_or(tool);
    tool.rsplit(['.', '/', ':']).next().unwrap_or(tool)
}

/// The kind that tool or command promise, unless the text is plainly something else.
///
/// A build that prints JSON (`cargo build --message-format=json`) is JSON; a search without hits is other
/// text; a log of JSON lines is JSON.
fn confirmed(kind: Kind, text: &str) -> Kind {
    let shape = shape::of(text);
    match (kind, shape) {
        (_, Kind::Json) => Kind::Json,
        (Kind::Search, _) if shape::has_hits(text) => Kind::Search,
        (Kind::Search | Kind::Json, other) => other,
        (Kind::Diff, _) => Kind::Diff,
        // What a program says before and after it prints JSON.
        (_, Kind::Mixed) => Kind::Mixed,
        (kind, Kind::Other | Kind::Read) => kind,
        // A program that a build tool ran has crashed.
        (Kind::Log | Kind::Build, Kind::Trace) => Kind::Trace,
        // Dates in a listing are not those of a log.
        (Kind::Listing, Kind::Log | Kind::Config | Kind::Search) => Kind::Listing,
        (Kind::Listing | Kind::Table | Kind::Config | Kind::Blob | Kind::Trace, shape) => shape,
        // The log of a build, and a program under `cargo run` that logs.
        (Kind::Log | Kind::Build, Kind::Log | Kind::Build) => shape,
        (kind, _) => kind,
    }
}

/// A file of data or settings that a shell printed: rows are data, a short file of settings may be edited.
///
/// What people and agents edit are settings, manifests and translations; they are short, and agents that
/// edit by patches read with `cat`. What is longer than `READ_WHOLE` is looked things up in.
fn data_or_read(kind: Kind, text: &str) -> Kind {
    let shape = shape::of(text);
    match kind {
        Kind::Json if shape::is_rows(text) => Kind::Json,
        Kind::Json | Kind::Config if text.len() < READ_WHOLE => Kind::Read,
        _ if shape == Kind::Read => Kind::Read,
        kind => kind,
    }
}

/// A file of a name that tells nothing: what has the shape of data is data, anything else may be edited.
fn unheard(text: &str) -> Kind {
    match shape::of(text) {
        Kind::Json => data_or_read(Kind::Json, text),
        kind @ (Kind::Log | Kind::Build | Kind::Trace | Kind::Table | Kind::Blob | Kind::Diff) => kind,
        Kind::Config if READ_WHOLE <= text.len() => Kind::Config,
        _ => Kind::Read,
    }
}

/// Bytes up to which a printed file of settings stays as it is: some 1,500 tokens.
const READ_WHOLE: usize = 6_000;

#[cfg(test)]
mod tests;

//! Which kind a text is: by tool, command and shape together.
//!
//! Tools and commands are believed where they are sure (a `Read` is a read, a
//! `cargo test` is a build); where they are not, or not known, the shape of the
//! text decides. A text that may have been read in order to be edited is
//! [`Kind::Read`] whatever it looks like: that mistake alone can't be repaired.

mod command;
mod programs;
mod shape;

use super::{Hint, Kind};
use command::About;

/// The kind of `text`.
pub fn kind_of(text: &str, hint: &Hint<'_>) -> Kind {
    let shape = || shape::of(text);
    match about_tool(hint) {
        About::Is(Kind::Read) => Kind::Read,
        About::Is(kind) => confirmed(kind, text),
        About::DataOrConfig => data_or_read(text),
        About::Unknown => shape(),
    }
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
        // The log of a build, and a program under `cargo run` that logs.
        (Kind::Log | Kind::Build, Kind::Log | Kind::Build) => shape,
        (kind, _) => kind,
    }
}

/// A `.json` file that a shell printed: rows are data, an object is likely a configuration.
///
/// What people and agents edit in JSON are settings, manifests and translations: objects. Rows are looked
/// at. An agent that edits by patches reads with `cat`, so the doubt goes to [`Kind::Read`].
fn data_or_read(text: &str) -> Kind {
    if shape::is_rows(text) { Kind::Json } else { Kind::Read }
}

#[cfg(test)]
mod tests;

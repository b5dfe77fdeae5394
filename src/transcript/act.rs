//! What a tool call does, whatever the agent calls its tool.

use std::path::PathBuf;

/// What a call does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Runs a command line in a shell.
    Shell {
        /// The command line, as the shell reads it.
        command: String,
        /// The folder that the call itself names; `None`: the session's.
        folder: Option<String>,
    },
    /// Reads a file, or lines of it.
    Read {
        /// Which file.
        path: PathBuf,
        /// First line and how many, where the call says so.
        lines: Option<(u64, u64)>,
    },
    /// Replaces a text in a file (several edits: one each).
    Edit {
        /// Which file.
        path: PathBuf,
        /// What is to be replaced, and by what.
        edits: Vec<(String, String)>,
    },
    /// Writes a whole file.
    Write {
        /// Which file.
        path: PathBuf,
    },
    /// Searches in files, or for files.
    Search {
        /// What is looked for.
        pattern: String,
        /// Where; empty when the call does not say.
        path: String,
    },
    /// Asks headroom for an original: its key.
    Retrieve {
        /// The key, as far as it was made out.
        key: String,
    },
    /// Something else: a server's tool, a web page, a sub-agent.
    Other,
}

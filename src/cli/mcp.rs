//! `headroom mcp`.

use super::term::Verdict;
use std::process::ExitCode;

/// What was typed after `mcp`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Does it.
///
/// # Errors
/// What `main` prints.
pub fn run(_args: Args) -> Verdict {
    Ok(ExitCode::SUCCESS)
}

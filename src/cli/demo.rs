//! `headroom demo`.

use super::term::Verdict;
use std::process::ExitCode;

/// What was typed after `demo`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Does it.
///
/// # Errors
/// What `main` prints.
pub fn run(_args: Args) -> Verdict {
    Ok(ExitCode::SUCCESS)
}

/// What was typed after `__demo-agent`.
#[derive(Debug, clap::Args)]
pub struct AgentArgs {}

/// Plays the agent.
///
/// # Errors
/// What `main` prints.
pub fn run_agent(_args: AgentArgs) -> Verdict {
    Ok(ExitCode::SUCCESS)
}

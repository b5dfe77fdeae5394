//! `headroom __leader`: stands between headroom and the agent. Not for people.

use super::term::{Verdict, exit};
use crate::agent::{itself, leader};
use anyhow::Context;
use std::path::PathBuf;
use std::process::ExitCode;

/// What headroom itself passes after `__leader`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where headroom waits
    #[arg(long, conflicts_with = "give_foreground_to")]
    socket: Option<PathBuf>,
    /// Give the terminal's foreground to this process group, and nothing else
    #[arg(long)]
    give_foreground_to: Option<i32>,
}

/// Does it.
///
/// # Errors
/// What `main` prints.
pub fn run(args: Args) -> Verdict {
    if let Some(group) = args.give_foreground_to {
        leader::give_foreground_to(group).context("could not give the foreground away")?;
    }
    if let Some(socket) = args.socket {
        let own_program = itself::path().context("could not find headroom's own program")?;
        leader::lead(&socket, &own_program).context("could not lead the agent")?;
    }
    Ok(ExitCode::from(exit::OK))
}

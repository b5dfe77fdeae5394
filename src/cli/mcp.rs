//! `headroom mcp`: retrieval for an agent, over the Model Context Protocol on stdio.

use super::term::Verdict;
use crate::config::{self, Flags};
use crate::ledger::price::Prices;
use crate::library::now;
use crate::mcp::{self, Offers, Setup};
use std::path::PathBuf;
use std::process::ExitCode;

/// What was typed after `mcp`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Speaks the Model Context Protocol on stdin and stdout. Gives only originals that were issued to the
current folder. `headroom wrap` hands it to the agent by itself, with --only retrieve."
)]
pub struct Args {
    /// Offer this tool alone
    #[arg(long, value_name = "TOOL")]
    only: Option<Only>,
    /// Give originals that were issued to this folder, instead of the current one
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Only {
    /// headroom_retrieve
    Retrieve,
}

/// Serves until stdin ends.
///
/// # Errors
/// When the settings can't be read.
pub fn run(args: Args) -> Verdict {
    let config = config::resolve(&Flags::default())?;
    let project = args.project.or_else(|| std::env::current_dir().ok()).unwrap_or_default();
    let project = project.to_string_lossy().into_owned();
    let offers = match args.only {
        Some(Only::Retrieve) => Offers::Retrieval,
        None => Offers::Everything,
    };
    // A price file that can't be read is `headroom stats`' to complain about.
    let prices = Prices::with_file(&config.folders.prices_file()).unwrap_or_else(|_| Prices::built_in());
    let (data, limits) = (config.data_dir().to_owned(), config.store_limits());
    mcp::serve(Setup { data, limits, project, offers, prices, now })?;
    Ok(ExitCode::SUCCESS)
}

//! `headroom perf`: what was saved, in two lines.

use super::stats::{self, NOTHING_YET};
use super::term::{self, Verdict, exit};
use crate::config::{self, Flags};
use crate::ledger::report::{Report, Sums, savings_said};
use crate::store::Filter;
use crate::units::Millis;
use jiff::Zoned;
use std::process::ExitCode;

/// What was typed after `perf`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Does it.
///
/// # Errors
/// What `main` prints.
pub fn run(_args: Args) -> Verdict {
    let config = config::resolve(&Flags::default())?;
    let prices = stats::prices(&config)?;
    let now = Zoned::now();
    let today = now.start_of_day()?.timestamp().as_millisecond();
    let (today, ever) = match stats::record(&config)? {
        None => (Sums::default(), Sums::default()),
        Some(store) => {
            let sums = |since| Report::total(&store, &Filter { since, ..Filter::default() }, &prices);
            (sums(Some(Millis(today)))?, sums(None)?)
        }
    };
    term::say(format_args!("Today's savings: {}", said(&today)));
    term::say(format_args!("Cumulative savings: {}", said(&ever)));
    if ever.requests == 0 {
        term::remark(NOTHING_YET);
    }
    Ok(ExitCode::from(exit::OK))
}

fn said(sums: &Sums) -> String {
    if sums.requests == 0 { "none yet".to_owned() } else { savings_said(sums) }
}

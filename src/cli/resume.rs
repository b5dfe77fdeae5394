//! `headroom resume`: what `headroom pause` has paused goes on.

use super::asked::{self, Place};
use super::stats;
use super::term::{self, Verdict};
use crate::config::{self, Flags};
use crate::library::now;
use crate::store::{Ask, Control};
use std::process::ExitCode;

/// What was typed after `resume`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without SESSION: every pause that was asked for in this folder, in a folder in it, or in one that it lies in.
What went as it came meanwhile stays so in its sessions: it is in the provider's prompt cache.")]
pub struct Args {
    /// Only the session whose id begins like this
    session: Option<String>,
    /// Every pause in every folder
    #[arg(long, conflicts_with = "session")]
    everywhere: bool,
}

/// Does it.
///
/// # Errors
/// When it could not be written down, or there is no such session.
pub fn run(args: Args) -> Verdict {
    let config = config::resolve(&Flags::default())?;
    let Some(store) = stats::record(&config)? else {
        term::say("Nothing is paused.");
        return Ok(ExitCode::SUCCESS);
    };
    let controls = store.controls()?;
    let pauses: Vec<Control> = controls.into_iter().filter(|control| control.ask.is_pause()).collect();
    let (over, left): (Vec<Control>, Vec<Control>) = match &args.session {
        Some(id) => {
            let row = stats::session(&store, id)?;
            let its = |pause: &Control| pause.ask == Ask::PauseSession && pause.pattern == row.session.0;
            let (over, others): (Vec<_>, Vec<_>) = pauses.into_iter().partition(its);
            let also = |pause: &Control| pause.ask == Ask::PauseFolder && pause.covers(&row.project);
            (over, others.into_iter().filter(also).collect())
        }
        None if args.everywhere => (pauses, Vec::new()),
        None => {
            let here = Control {
                ask: Ask::PauseFolder,
                scope: Place::here(&store)?.folder,
                pattern: String::new(),
                at: now(),
            };
            let mine = |pause: &Control| {
                !pause.scope.is_empty() && (here.covers(&pause.scope) || pause.covers(&here.scope))
            };
            let (over, others): (Vec<_>, Vec<_>) = pauses.into_iter().partition(mine);
            (over, others.into_iter().filter(|pause| pause.scope.is_empty()).collect())
        }
    };
    store.ask_no_more(&over).map_err(asked::not_kept)?;
    if over.is_empty() {
        let what = args.session.map_or_else(|| "Nothing here".to_owned(), |id| format!("Session {id}"));
        let by_itself = if what == "Nothing here" { "is paused" } else { "is not paused by itself" };
        term::say(format_args!("{what} {by_itself}."));
    } else {
        let what: Vec<String> = over.iter().map(said).collect();
        term::say(format_args!("Resumed: {}. What is new is made shorter again.", what.join(", ")));
    }
    for pause in asked::lines(&left) {
        term::say(format_args!("Still {pause}."));
    }
    Ok(ExitCode::SUCCESS)
}

fn said(pause: &Control) -> String {
    let place = asked::place(pause);
    match pause.ask {
        Ask::PauseSession => format!("session {}", pause.pattern),
        Ask::PauseRun => format!("a run {place}"),
        Ask::PauseFolder | Ask::Never if pause.scope.is_empty() => "every session".to_owned(),
        Ask::PauseFolder | Ask::Never => format!("every session {place}"),
    }
}

//! `headroom pause`: nothing new is made shorter, until `headroom resume`.

use super::asked::{self, Place};
use super::stats;
use super::term::{self, Verdict};
use crate::config::{self, Flags};
use crate::library::now;
use crate::store::{Ask, Control};
use std::process::ExitCode;

/// What was typed after `pause`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without SESSION: in an agent's own shell, that run of the agent; anywhere else, every session in this folder.
It holds from the next request on, and nothing is started anew. What was sent shorter before is sent the same
again, or the provider's prompt cache would be lost; only what is new goes as it came.")]
pub struct Args {
    /// Only the session whose id begins like this
    session: Option<String>,
    /// Every session in every folder
    #[arg(long, conflicts_with = "session")]
    everywhere: bool,
}

/// Does it.
///
/// # Errors
/// When it could not be written down, or there is no such session.
pub fn run(args: Args) -> Verdict {
    let config = config::resolve(&Flags::default())?;
    let store = asked::open(&config)?;
    let (ask, scope, pattern, what, at_work) = match &args.session {
        Some(id) => {
            let row = stats::session(&store, id)?;
            let what = format!("session {}", row.session.0);
            (Ask::PauseSession, row.project, row.session.0, what, Vec::new())
        }
        None if args.everywhere => {
            let at_work = asked::at_work(&store, |_| true, None);
            (Ask::PauseFolder, String::new(), String::new(), "every session".to_owned(), at_work)
        }
        None => {
            let place = Place::here(&store)?;
            match place.run {
                Some(run) => {
                    let at_work = asked::at_work(&store, |_| true, Some(&run));
                    let what = format!("this run of {}", place.agent);
                    (Ask::PauseRun, place.folder, run, what, at_work)
                }
                None => {
                    let folder = Control {
                        ask: Ask::PauseFolder,
                        scope: place.folder.clone(),
                        pattern: String::new(),
                        at: now(),
                    };
                    let at_work = asked::at_work(&store, |project| folder.covers(project), None);
                    let what = format!("every session in {}", place.folder);
                    (Ask::PauseFolder, place.folder, String::new(), what, at_work)
                }
            }
        }
    };
    let control = Control { ask, scope, pattern, at: now() };
    let new = store.ask_for(&control).map_err(asked::not_kept)?;
    let paused = if new { "Paused" } else { "Already paused" };
    let named = if at_work.is_empty() { String::new() } else { format!(" ({})", at_work.join(", ")) };
    term::say(format_args!("{paused}: {what}{named}."));
    let resume = match &control {
        Control { ask: Ask::PauseSession, pattern, .. } => format!("headroom resume {pattern}"),
        Control { scope, .. } if scope.is_empty() => "headroom resume --everywhere".to_owned(),
        _ => "headroom resume".to_owned(),
    };
    term::say(format_args!(
        "What is new goes as it came; what was sent shorter stays as it was sent. `{resume}` goes on."
    ));
    Ok(ExitCode::SUCCESS)
}

//! `headroom unwrap`: undoes what wrapping changed in files of the user's, and says what it undid.

use super::term::{self, Failure, Verdict, exit};
use super::wrap;
use crate::agent::patch::{How, Journals, Undone};
use crate::agent::run_folder;
use crate::config::{self, Flags};
use std::path::Path;
use std::process::ExitCode;

/// What was typed after `unwrap`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only what was changed for this agent
    #[arg(value_name = "AGENT", default_value = "", hide_default_value = true)]
    agent: String,
}

/// Does it. What a living run still needs is undone too: who types this wants it so.
///
/// # Errors
/// What `main` prints.
pub fn run(args: Args) -> Verdict {
    let config = config::resolve(&Flags::default())?;
    run_folder::sweep(&config.data_dir().join("runs"));
    let undone = Journals::below(config.data_dir()).undo(&args.agent);
    if undone.is_empty() {
        // A name that is none was misspelt: what was meant may still be changed.
        if !args.agent.is_empty() {
            wrap::find(&args.agent, &config.agents_dir())?;
        }
        term::say(match args.agent.as_str() {
            "" => "nothing to undo: no file is changed".to_owned(),
            agent => format!("nothing to undo: no file is changed for {agent}"),
        });
        return Ok(ExitCode::from(exit::OK));
    }
    undone.iter().map(said).for_each(term::say);
    let failed = undone.iter().filter(|undone| matches!(undone.how, How::Failed(_))).count();
    match failed {
        0 => Ok(ExitCode::from(exit::OK)),
        failed => Err(Failure::new(
            exit::FAILED,
            format_args!("{failed} of {} changes could not be undone", undone.len()),
            "mend the file, then type the same again",
        )
        .into()),
    }
}

/// Undoes what runs that were killed left behind, and says so: what every command begins with.
pub fn heal() {
    let Ok(config) = config::resolve(&Flags::default()) else { return };
    let undone = Journals::below(config.data_dir()).heal();
    for undone in &undone {
        term::remark(format_args!("a run that was killed had left this behind: {}", said(undone)));
    }
}

fn said(undone: &Undone) -> String {
    let place = format!("{}: {}", shown(&undone.path), undone.key.join("."));
    match &undone.how {
        How::Restored(was) => format!("{place} is {was} again"),
        How::Removed => format!("{place} is gone again"),
        How::Kept => format!("{place} was changed by somebody else meanwhile, and stays as it is"),
        How::NotThere => format!("{place} was as it had been already"),
        How::Failed(why) => format!("{place} is not undone: {why}"),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

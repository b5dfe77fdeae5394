//! `headroom learn --undo`: the last run's changes taken back, file by file.

use super::{Args, Desk, write};
use crate::agent::amend::How;
use crate::cli::term::{self, Verdict, exit};
use crate::store::Store;
use crate::text::with_causes;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Does it.
///
/// # Errors
/// When the store can't be opened.
pub(super) fn run(desk: &Desk, args: &Args, project: &Path) -> Verdict {
    let amendments = desk.amendments();
    let named =
        args.target.as_deref().map(|path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()));
    let mut files = amendments.latest(|path| match &named {
        Some(named) => path == named,
        None => args.all || path.starts_with(project),
    });
    if let Some(named) = &named {
        files.retain(|path| path == named);
    }
    if files.is_empty() {
        match args.json {
            true => term::say_json(&json!({"schema": 1, "undone": []})),
            false => term::say(format_args!("Nothing to undo in {}.", project.display())),
        }
        return Ok(ExitCode::from(exit::OK));
    }
    let config = crate::config::resolve(&crate::config::Flags::default())?;
    let store = Store::open(&desk.data, config.store_limits())?;
    let (mut undone, mut failed) = (Vec::new(), false);
    for path in files {
        match write::undo(&amendments, &store, &path, &desk.settings) {
            Ok(Some(done)) => {
                if !args.json {
                    term::say(said(&shown(&path, project), done.how));
                }
                undone.push(json!({"file": path, "how": name(done.how)}));
            }
            Ok(None) => {}
            Err(error) => {
                failed = true;
                term::remark(with_causes(&error));
            }
        }
    }
    if args.json {
        term::say_json(&json!({"schema": 1, "undone": undone}));
    } else if !undone.is_empty() {
        term::say(
            "What was taken back is offered again by the next run; to be rid of a line, delete it in the file.",
        );
    }
    Ok(ExitCode::from(if failed { exit::FAILED } else { exit::OK }))
}

fn said(name: &str, how: How) -> String {
    match how {
        How::Exactly => format!("{name} is as it was, byte for byte."),
        How::Removed => format!("{name} is gone again: it was not there before."),
        How::AroundChanges => {
            format!("{name} was changed since: that stays, and what `headroom learn` wrote is taken back.")
        }
        How::NotThere => format!("{name} is not there any more."),
    }
}

fn name(how: How) -> &'static str {
    match how {
        How::Exactly => "exactly",
        How::Removed => "removed",
        How::AroundChanges => "around_changes",
        How::NotThere => "not_there",
    }
}

fn shown(path: &Path, project: &Path) -> String {
    PathBuf::from(path.strip_prefix(project).unwrap_or(path)).display().to_string()
}

//! `headroom replay --show`: each block that would have been sent otherwise, the original beside what is sent.

use crate::cli::beside::{self, Depth, View};
use crate::cli::term::{self, Failure, Verdict, exit};
use crate::replay::{self, Job};
use crate::rewrite::Profile;
use crate::transcript::{self, Source};
use std::process::ExitCode;

/// Shows the blocks of the session that `wanted` begins, of one request where a number follows after a colon.
///
/// # Errors
/// No session begins like that, or several do.
pub fn run(job: &Job<'_>, sources: &[Source], wanted: &str, own: Profile) -> Verdict {
    let (name, request) = match wanted.rsplit_once(':').map(|(name, number)| (name, number.parse::<usize>()))
    {
        Some((name, Ok(number))) => (name, Some(number)),
        _ => (wanted, None),
    };
    let profile = super::main_profile(job.profiles, own);
    let job = Job { profiles: &[profile], ..*job };
    let mut found = Vec::new();
    for source in sources {
        let Ok(about) = transcript::peek(source) else { continue };
        let parent = if about.parent.is_empty() { &about.session } else { &about.parent };
        if parent.starts_with(name) {
            found.push((source, parent.clone()));
        }
    }
    let mut names: Vec<&str> = found.iter().map(|(_, name)| name.as_str()).collect();
    names.dedup();
    if names.len() != 1 {
        let what = match names.len() {
            0 => format!("no session begins with `{name}`"),
            many => format!("{many} sessions begin with `{name}`"),
        };
        return Err(Failure::new(exit::FAILED, what, "`headroom replay` lists them").into());
    }
    let view = View::of(term::width(), Depth::Brief);
    let mut shown = 0;
    for (source, _) in &found {
        replay::look(&job, source, &mut |change| {
            if change.profile != profile || request.is_some_and(|request| request != change.request) {
                return;
            }
            if 0 < shown {
                term::say("");
            }
            shown += 1;
            let receipt = &change.sent.receipt;
            let thread =
                if change.thread.is_empty() { String::new() } else { format!(", {}", change.thread) };
            term::heading(format_args!(
                "Request {}{thread}, line {}: {} ({}, {}), {} → {} tokens",
                change.request,
                change.line,
                change.tool,
                receipt.kind,
                receipt.compressor.as_deref().unwrap_or("–"),
                receipt.tokens_before.0,
                receipt.tokens_after.0,
            ));
            term::say(beside::both(change.original, &change.sent.text, view).trim_end_matches('\n'));
        })?;
    }
    if shown == 0 {
        term::say("Nothing would have been sent otherwise there.");
    }
    Ok(ExitCode::from(exit::OK))
}

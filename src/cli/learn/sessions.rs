//! Which transcripts are read, and what is found in them, project by project.

use super::machine::Machine;
use super::plan::{Found, View};
use super::{Args, Desk};
use crate::agent::definition::Agent;
use crate::agent::sessions as agent_sessions;
use crate::cli::stats;
use crate::cli::term::{self, Failure, exit};
use crate::learn::Learner;
use crate::learn::gate::Why;
use crate::learn::target;
use crate::store::Store;
use crate::text::{counted, with_causes};
use crate::transcript::{self, About, Event, Source, find};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// What was read, and what was found in it.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// In the order of their folders.
    pub projects: Vec<Found>,
    /// Sessions that were read.
    pub sessions: usize,
    /// Lines that were passed over.
    pub unreadable: u64,
    /// Transcripts that could not be read, a sentence each.
    pub unread: Vec<String>,
    /// True when one of them was named by the user.
    pub named_unread: bool,
    looked_for: String,
}

impl Gathered {
    /// Why there is no project, in words.
    pub fn why_nothing(&self) -> String {
        if self.unread.is_empty() {
            format!("no session {}", self.looked_for)
        } else {
            format!("{} could not be read", counted(self.unread.len(), "transcript"))
        }
    }
}

/// A transcript, and whose it is.
struct Session {
    source: Source,
    about: About,
}

/// Reads the transcripts that are meant.
///
/// # Errors
/// When `--since` or `--agent` says nothing that is known.
pub(super) fn gather(
    desk: &Desk,
    store: &Store,
    args: &Args,
    project: &Path,
) -> Result<Gathered, anyhow::Error> {
    let mut gathered = Gathered::default();
    let named = !args.session_log.is_empty();
    let sources = match named {
        true => named_sources(&args.session_log, &mut gathered),
        false => found_sources(desk, args, project, &mut gathered)?,
    };
    let mut projects: BTreeMap<PathBuf, Vec<Session>> = BTreeMap::new();
    for source in sources {
        match transcript::peek(&source) {
            Ok(about) => {
                if args.agent.as_ref().is_some_and(|agent| *agent != about.agent) {
                    continue;
                }
                if let Some(folder) = belongs(&about, args, project, &desk.home) {
                    projects.entry(folder).or_default().push(Session { source, about });
                }
            }
            Err(error) => gathered.passed_over(named, with_causes(&error)),
        }
    }
    let bytes: u64 = projects.values().flatten().map(|session| session.source.bytes).sum();
    let bar = term::progress_of_bytes(bytes);
    for (folder, mut sessions) in projects {
        sessions.sort_by_key(|session| session.source.modified);
        let view = if named { View::Part } else { View::Whole };
        let work = Work { desk, store, view, named, bar: &bar };
        let found = work.learn(&folder, &sessions, &mut gathered);
        gathered.projects.push(found);
    }
    bar.finish_and_clear();
    gathered.sessions = gathered.projects.iter().map(|found| found.sessions).sum();
    Ok(gathered)
}

/// Which project a session counts for; `None` when it is not meant.
fn belongs(about: &About, args: &Args, project: &Path, home: &Path) -> Option<PathBuf> {
    let folder = Path::new(&about.folder);
    let own = (!about.folder.is_empty()).then(|| target::project_of(folder, home));
    if !args.session_log.is_empty() {
        // Whose folder is not on this machine is learned for the project that is meant.
        let here = own.filter(|_| args.project.is_none() && folder.is_dir());
        return Some(here.unwrap_or_else(|| project.to_owned()));
    }
    match own {
        Some(own) if args.all => own.is_dir().then_some(own),
        Some(own) if own == project || folder.starts_with(project) => Some(project.to_owned()),
        _ => None,
    }
}

/// The transcripts that were named.
fn named_sources(paths: &[PathBuf], gathered: &mut Gathered) -> Vec<Source> {
    let mut sources = Vec::new();
    for path in paths {
        match find::named(path) {
            Ok(found) => sources.extend(found),
            Err(error) => gathered.passed_over(true, with_causes(&error)),
        }
    }
    sources
}

/// The transcripts of all agents, or of the one that was named.
fn found_sources(
    desk: &Desk,
    args: &Args,
    project: &Path,
    gathered: &mut Gathered,
) -> Result<Vec<Source>, anyhow::Error> {
    let zone = jiff::tz::TimeZone::system();
    let since = stats::since(&args.since, jiff::Timestamp::now(), &zone)?;
    if let Some(name) = &args.agent
        && desk.agents.iter().all(|agent| agent.name != *name)
    {
        let known: Vec<&str> = desk.agents.iter().map(|agent| agent.name.as_str()).collect();
        let nearest = crate::text::nearest(name, known).unwrap_or_default();
        let what = format!("no agent is called `{name}`");
        return Err(Failure::new(exit::USAGE, what, format_args!("did you mean `{nearest}`?")).into());
    }
    gathered.looked_for = match args.all {
        true => format!("of the last {} was found", args.since),
        false => format!("of the last {} was found for {}", args.since, project.display()),
    };
    let meant = |agent: &&Agent| args.agent.as_ref().is_none_or(|name| *name == agent.name);
    let agents: Vec<Agent> = desk.agents.iter().filter(meant).cloned().collect();
    let places = agent_sessions::places(&agents, &desk.around.environment, Some(&desk.home), project);
    let wanted = find::Wanted { since: Some(since), project: (!args.all).then(|| project.to_owned()) };
    let found = find::find(&places, &wanted);
    if 0 < found.passed_over {
        let files = usize::try_from(found.passed_over).unwrap_or(usize::MAX);
        gathered.unread.push(format!("{} could not be looked into", counted(files, "folder or file")));
    }
    Ok(found.sources)
}

/// What the sessions of every project are read with.
#[derive(Clone, Copy)]
struct Work<'a> {
    desk: &'a Desk,
    store: &'a Store,
    view: View,
    named: bool,
    bar: &'a indicatif::ProgressBar,
}

impl Work<'_> {
    /// Reads a project's sessions and weighs what they tell.
    fn learn(&self, project: &Path, sessions: &[Session], gathered: &mut Gathered) -> Found {
        let Work { desk, store, view, named, bar } = *self;
        let mut found = Found { project: project.to_owned(), view, ..Found::default() };
        let mut learner = Learner::new();
        let counts_for = project.to_string_lossy();
        for session in sessions {
            let mut end = None;
            learner.session(&session.about, &counts_for);
            let read = transcript::read(&session.source, &mut |entry| {
                end = entry.at.max(end);
                if let Event::About(about) = &entry.event
                    && !about.agent.is_empty()
                {
                    found.agents.insert(about.agent.clone());
                }
                learner.see(&entry);
                ControlFlow::Continue(())
            });
            bar.inc(session.source.bytes);
            match read {
                Ok(skipped) => {
                    gathered.unreadable += skipped.unreadable;
                    found.sessions += usize::from(session.about.parent.is_empty());
                    found.ends.extend(end);
                }
                Err(error) => gathered.passed_over(named, with_causes(&error)),
            }
        }
        let machine = Machine::new(desk, store, project, &found.agents);
        let (patterns, withheld) = learner.weigh(&machine, desk.now);
        found.patterns = patterns;
        let shown =
            withheld.iter().filter(|lesson| lesson.why == Why::ShownOnly && 1 < lesson.evidence.times);
        found.shown = shown.cloned().collect();
        found.shown.sort_by_key(|lesson| std::cmp::Reverse(lesson.evidence.times));
        let refuted = withheld
            .into_iter()
            .filter(|lesson| matches!(lesson.why, Why::Contradicted | Why::NotTrue | Why::Covered));
        found.refuted = refuted.map(|lesson| lesson.id).collect();
        found.ends.sort();
        found
    }
}

impl Gathered {
    fn passed_over(&mut self, named: bool, why: String) {
        self.named_unread |= named;
        self.unread.push(why);
    }
}

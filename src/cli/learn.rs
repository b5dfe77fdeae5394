//! `headroom learn`: what went wrong again and again, and what worked instead, into the agent's memory file.
//!
//! The trip: `sessions` reads transcripts and says what was found; `plan` says what belongs where; `told` shows it;
//! `write` does it. *Invariant:* nothing is written that was neither agreed to nor asked for with `--apply`.

mod diff;
mod machine;
mod plan;
mod sessions;
mod settings;
mod told;
mod undo;
mod write;

use super::term::{self, Failure, Verdict, exit};
use crate::agent::amend::Amendments;
use crate::agent::definition::{self, Agent};
use crate::agent::plan::Around;
use crate::config::{self, Config, Flags};
use crate::library::now;
use crate::store::Store;
use crate::text::{counted, with_causes};
use crate::units::Millis;
use plan::{FilePlan, Found, Outcome, Plan, Unplanned, Wishes};
use serde_json::{Value, json};
use sessions::Gathered;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use told::Mood;
use write::Again;

/// What was typed after `learn`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Learn from these transcripts only, whatever agent wrote them
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["all", "since"])]
    session_log: Vec<PathBuf>,
    /// Only from this agent's sessions
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// The project whose sessions and memory files are meant; without it, the one around this folder
    #[arg(long, value_name = "DIR", conflicts_with = "all")]
    project: Option<PathBuf>,
    /// Every project that has sessions
    #[arg(long, conflicts_with = "target")]
    all: bool,
    /// Only from sessions that went on since then: 7d, 2w, 2026-11-01
    #[arg(long, value_name = "WHEN", default_value = "30d")]
    since: String,
    /// Write into this file, whatever the agents read
    #[arg(long, value_name = "FILE")]
    target: Option<PathBuf>,
    /// Show what would be written, and write nothing
    #[arg(long, conflicts_with_all = ["apply", "undo"])]
    dry_run: bool,
    /// Write without asking
    #[arg(long, conflicts_with = "undo")]
    apply: bool,
    /// Say yes to one piece of advice that is never written without it
    #[arg(long, value_name = "ID")]
    yes_to: Vec<String>,
    /// Offer again what was taken out of the file
    #[arg(long)]
    again: bool,
    /// Take back what the last run wrote here
    #[arg(long, conflicts_with_all = ["session_log", "yes_to", "again"])]
    undo: bool,
    /// Print JSON (its keys: docs/learn-json.md)
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
No model is asked and nothing leaves this machine. Advice is a sentence of headroom's own around commands and paths
that the agent itself used: at least twice wrong, and what to do instead at least once right, and still true today.

It stands in one block of the memory file that the agent reads (CLAUDE.md, AGENTS.md, GEMINI.md, ...), between
<!-- headroom:learn:start --> and <!-- headroom:learn:end -->, at most 40 lines; the rest of the file keeps every byte.
Edit or delete its lines as you like: what you changed stays, what you deleted is not written again.

On a terminal the change is shown and asked for. With --apply it is written without asking; in a pipe it is only shown.
What names an address, or could destroy something, is written after a yes of its own only (on a terminal, or --yes-to).

Exit codes: 0 found something or nothing, 1 a transcript or a file could not be read or written, 2 not understood.";

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Show,
    Ask,
    Apply,
}

/// Does it.
///
/// # Errors
/// When a transcript can't be read, or a file can't be written.
pub fn run(args: Args) -> Verdict {
    let config = config::resolve(&Flags::default())?;
    let desk = Desk::new(&config)?;
    let project = args.project(&desk.home)?;
    if args.undo {
        return undo::run(&desk, &args, &project);
    }
    let mode = args.mode();
    let store = Store::open(config.data_dir(), config.store_limits())?;
    store.notices().into_iter().for_each(term::remark);
    let gathered = sessions::gather(&desk, &store, &args, &project)?;
    let mut wishes = Wishes {
        yes: args.yes_to.clone(),
        target: args.target.clone(),
        again: if args.again { Again::Yes } else { Again::No },
    };
    let (mut shown, mut failures) = (Vec::new(), Vec::new());
    for found in &gathered.projects {
        let mut work = Work { desk: &desk, store: &store, found, failures: &mut failures };
        shown.push(work.done(mode, &mut wishes, &args));
    }
    finish(&args, &gathered, shown, &failures)
}

/// What every part of the work needs.
struct Desk {
    agents: Vec<Agent>,
    around: Around,
    home: PathBuf,
    settings: PathBuf,
    data: PathBuf,
    now: Millis,
}

impl Desk {
    fn new(config: &Config) -> Result<Desk, anyhow::Error> {
        let agents = definition::known(&config.agents_dir()).map_err(|error| {
            Failure::new(exit::USAGE, with_causes(&error), "mend the file or move it away")
        })?;
        let around = super::wrap::surroundings()?;
        let home = around.home.clone().unwrap_or_else(|| PathBuf::from("/"));
        Ok(Desk {
            agents,
            around,
            home,
            settings: config.folders.config_file(),
            data: config.data_dir().to_owned(),
            now: now(),
        })
    }

    fn amendments(&self) -> Amendments {
        Amendments::below(&self.data)
    }
}

impl Args {
    fn mode(&self) -> Mode {
        let asks = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        match (self.dry_run, self.apply) {
            (true, _) => Mode::Show,
            (_, true) => Mode::Apply,
            _ if asks && !self.json => Mode::Ask,
            _ => Mode::Show,
        }
    }

    /// The folder of the project that is meant.
    fn project(&self, home: &Path) -> Result<PathBuf, anyhow::Error> {
        let folder = self.project.as_deref().unwrap_or(Path::new("."));
        if !folder.is_dir() {
            let what = format!("{} is no folder", folder.display());
            return Err(Failure::new(exit::USAGE, what, "give the folder that the agent worked in").into());
        }
        let folder = std::path::absolute(folder)?;
        Ok(crate::learn::target::project_of(&folder, home))
    }
}

/// One project's patterns on their way into its files.
struct Work<'a> {
    desk: &'a Desk,
    store: &'a Store,
    found: &'a Found,
    failures: &'a mut Vec<String>,
}

impl Work<'_> {
    /// Shows the patterns, asks or writes, and says what was done; as JSON for who wants that.
    fn done(&mut self, mode: Mode, wishes: &mut Wishes, args: &Args) -> Value {
        let mut plan = self.plan(wishes);
        // Among many projects those of which there is nothing to say are only counted.
        if args.all
            && self.found.patterns.is_empty()
            && !plan.files.iter().any(FilePlan::changes)
            && !args.json
        {
            return Value::Null;
        }
        if args.all && !args.json {
            term::heading(format_args!("\n{}", self.found.project.display()));
        }
        let mut written = Vec::new();
        if mode == Mode::Apply {
            (0..plan.files.len()).for_each(|at| self.write(&mut plan, at, &mut written));
        }
        let diffs: Vec<(String, String)> = plan.files.iter().map(diff_of).collect();
        if args.json {
            return told::as_json(self.found, &plan, &diffs, &written);
        }
        let mood = if mode == Mode::Apply { Mood::Did } else { Mood::Would };
        told::patterns(self.found, &plan, mood).iter().for_each(term::say);
        plan.remarks.iter().for_each(term::remark);
        if mode == Mode::Ask && self.ask_for_each(&plan, wishes) {
            plan = self.plan(wishes);
        }
        for at in 0..plan.files.len() {
            let Some(file) = plan.files.get(at) else { break };
            if let Err(error) = &file.after {
                self.failures.push(complaint(&file.name, error));
            }
            if !file.changes() {
                continue;
            }
            term::say(format_args!("\n{}", diff_of(file).1));
            if mode == Mode::Ask && term::asked(format_args!("\nChange {}? [y/N] ", file.name)) {
                self.write(&mut plan, at, &mut written);
            }
        }
        let changes = plan.files.iter().any(FilePlan::changes);
        match (changes, written.is_empty()) {
            (true, false) => {
                term::say(format_args!(
                    "\nWrote {}; `headroom learn --undo` takes it back.",
                    written.join(", ")
                ));
            }
            (true, true) if mode == Mode::Show => {
                term::say(
                    "\nNothing was written: `headroom learn` on a terminal asks, `headroom learn --apply` does it.",
                );
            }
            (true, true) => term::say("\nNothing was written."),
            (false, _) => {}
        }
        Value::Null
    }

    fn plan(&self, wishes: &Wishes) -> Plan {
        let Desk { agents, home, settings, now, .. } = self.desk;
        plan::plan(self.found, agents, home, settings, wishes, self.store, *now)
    }

    /// Asks for what is never written without a yes of its own; true when there was one.
    fn ask_for_each(&self, plan: &Plan, wishes: &mut Wishes) -> bool {
        let before = wishes.yes.len();
        for (pattern, outcomes) in self.found.patterns.iter().zip(&plan.outcomes) {
            let why = outcomes.iter().find_map(|outcome| match outcome {
                Outcome::NeedsYes { why } => Some(why),
                _ => None,
            });
            let Some(why) = why else { continue };
            let sentence = super::beside::safe(&pattern.sentence);
            let question =
                format_args!("\n{sentence}\nAgents will read this and may do it; {why}. Write it? [y/N] ");
            if term::asked(question) {
                wishes.yes.push(pattern.id.clone());
            }
        }
        before < wishes.yes.len()
    }

    /// Writes one file, and notes in the plan when that can't be done.
    fn write(&mut self, plan: &mut Plan, at: usize, written: &mut Vec<String>) {
        let Some(file) = plan.files.get(at) else { return };
        if file.after.is_err() || (!file.changes() && file.before.is_none()) {
            return;
        }
        match file.goal.write(&self.desk.amendments(), self.store, self.desk.now) {
            Ok(true) => written.push(file.name.clone()),
            Ok(false) => {}
            Err(error) => plan.block(at, with_causes(&error)),
        }
    }
}

fn diff_of(file: &FilePlan) -> (String, String) {
    let after = file.after.as_deref().unwrap_or_default();
    let before = file.before.as_deref().unwrap_or_default();
    let diff = if file.changes() { diff::unified(&file.name, before, after) } else { String::new() };
    (file.name.clone(), diff)
}

/// Why a file was not written, and what to do about it.
fn complaint(name: &str, error: &Unplanned) -> String {
    let hint = match error {
        Unplanned::Write(error) => error.hint(),
        Unplanned::Read(_) | Unplanned::Failed(_) => String::new(),
    };
    let hint = if hint.is_empty() { hint } else { format!("; {hint}") };
    format!("{name} was not changed: {}{hint}", with_causes(error))
}

fn finish(args: &Args, gathered: &Gathered, shown: Vec<Value>, failures: &[String]) -> Verdict {
    if args.json {
        term::say_json(&json!({
            "schema": 1,
            "sessions": gathered.sessions,
            "passed_over": {"lines": gathered.unreadable, "files": gathered.unread.len()},
            "projects": shown,
        }));
    } else if gathered.projects.is_empty() {
        term::say(format_args!("No recurring patterns: {}.", gathered.why_nothing()));
    } else if args.all {
        let (sessions, projects) =
            (counted(gathered.sessions, "session"), counted(gathered.projects.len(), "project"));
        let with = gathered.projects.iter().filter(|found| !found.patterns.is_empty()).count();
        term::say(format_args!("\nRead {sessions} of {projects}; {with} with recurring patterns."));
    }
    if 0 < gathered.unreadable {
        let lines = counted(usize::try_from(gathered.unreadable).unwrap_or(usize::MAX), "line");
        term::remark(format_args!("passed over as unreadable: {lines} of the transcripts"));
    }
    gathered.unread.iter().chain(failures).for_each(term::remark);
    let failed = !failures.is_empty() || gathered.named_unread;
    Ok(ExitCode::from(if failed { exit::FAILED } else { exit::OK }))
}

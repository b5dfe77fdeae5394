//! `headroom replay`: what headroom would have done to recorded sessions, and what it would have cost.

mod json;
mod show;
mod table;

use super::stats;
use super::term::{self, Failure, Verdict, exit};
use crate::agent::definition::{self, Agent};
use crate::agent::{sessions, signals};
use crate::config::{self, Config, Flags};
use crate::ledger::price::Prices;
use crate::replay::{self, Job, Replayed};
use crate::retrieve::tool;
use crate::rewrite::{Profile, Settings, WayBack};
use crate::store::Store;
use crate::text;
use crate::tokens;
use crate::transcript::{self, Source, TranscriptError, find};
use crate::units::{Millis, SessionId, Tokens};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What was typed after `replay`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Transcripts to replay, or folders of them; without any, the sessions of the agents on this machine
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only sessions written to since then: 30d, 12h, 2026-11-01
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only sessions of this agent
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Only sessions that worked in this folder or below
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
    /// Only this profile: lossless, balanced or aggressive
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Print what would have been sent for each output, beside the original
    #[arg(long, value_name = "SESSION[:REQUEST]")]
    show: Option<String>,
    /// Print JSON (its keys: docs/replay-json.md)
    #[arg(long, conflicts_with = "show")]
    json: bool,
}

const AFTER_HELP: &str = "\
recorded   what the transcript's own usage comes to at list prices; `–` where it has none
direct     the same requests, simulated without headroom
NAME       simulated with headroom under that profile, its own costs included, and what is saved of `direct`
cache      how much of the input was read from the prompt cache: direct, and with headroom
~          the simulation is more than 5 % off what was recorded, or nothing was recorded: take the row for an estimate

The requests are rebuilt from the transcripts and go through the real rewrite; the provider's prompt cache is simulated
with the recorded times. With headroom includes the definition of its tool in every request and, for each output of which
a later call or answer uses two words that were left out, a request that asks for the original. What stands ahead of the
history (system, tools) is in no transcript: its length is worked out from the recorded usage. Nothing is sent anywhere
and nothing is kept.";

/// Does it.
///
/// # Errors
/// What `main` prints.
pub fn run(args: Args) -> Verdict {
    let config = config::resolve(&Flags::default())?;
    let prices = stats::prices(&config)?;
    let profiles = profiles(args.profile.as_deref())?;
    let since = args
        .since
        .as_deref()
        .map(|when| stats::since(when, Timestamp::now(), &TimeZone::system()))
        .transpose()?;
    let agents = definition::known(&config.agents_dir())?;
    let sources = args.sources(&agents, since)?;
    let folder = tempfile::tempdir()?;
    let store = Store::for_trial(folder.path())?;
    let own = if config.data_dir().join("headroom.db").exists() { config.open_store().store } else { None };
    let stop = signals::interrupted()?;
    let bar = term::progress_of_bytes(sources.iter().map(|source| source.bytes).sum());
    let job = Job {
        store: &store,
        profiles: &profiles,
        settings: &|agent, profile| settings(&config, &agents, agent, profile),
        overhead: &|agent| overhead(&agents, agent),
        through: &|session| through(own.as_deref(), session),
        prices: &prices,
        workers: std::thread::available_parallelism().map_or(1, usize::from),
        stop: &stop,
        done: &|bytes| bar.inc(bytes),
    };
    if let Some(wanted) = &args.show {
        bar.finish_and_clear();
        return show::run(&job, &sources, wanted, config.profile.value);
    }
    let replayed = replay::replay(&job, &sources);
    bar.finish_and_clear();
    for error in &replayed.unreadable {
        term::remark(text::with_causes(error));
    }
    let view = View {
        replayed: &replayed,
        profiles: &profiles,
        main: main_profile(&profiles, config.profile.value),
        prices: &prices,
    };
    if args.json {
        term::say_json(&json::of(&view));
    } else {
        table::show(&view);
    }
    let unreadable = replayed.sessions.is_empty() && !replayed.unreadable.is_empty();
    Ok(ExitCode::from(if unreadable { exit::FAILED } else { exit::OK }))
}

/// What is shown, and by what.
struct View<'a> {
    replayed: &'a Replayed,
    profiles: &'a [usize],
    /// The profile whose tools are shown.
    main: usize,
    prices: &'a Prices,
}

/// The profiles that are looked at, by their places among the names.
fn profiles(name: Option<&str>) -> Result<Vec<usize>, Failure> {
    let Some(name) = name else { return Ok((0..Profile::NAMES.len()).collect()) };
    match Profile::NAMES.iter().position(|known| *known == name) {
        Some(place) => Ok(vec![place]),
        None => Err(Failure::new(
            exit::USAGE,
            format_args!("no profile `{name}`"),
            format_args!("one of {}", Profile::NAMES.join(", ")),
        )),
    }
}

/// The user's own profile when it is looked at, else the first.
fn main_profile(profiles: &[usize], own: Profile) -> usize {
    let own = replay::place_of(own).filter(|own| profiles.contains(own));
    own.or(profiles.first().copied()).unwrap_or(0)
}

/// The settings that a session of `agent` would have.
fn settings(config: &Config, agents: &[Agent], agent: &str, profile: Profile) -> Settings {
    let known = agents.iter().find(|known| known.name == agent);
    let way_back = match known.map(|known| &known.retrieval) {
        Some(None) => WayBack::Nothing,
        Some(Some(_)) | None => WayBack::Proven,
    };
    let frames = known.map(|known| known.frames.as_slice().into()).unwrap_or_default();
    Settings { profile, on: true, frames, ..config.rewrite_settings(way_back) }
}

/// Our tool's definition, as an agent offers it to its model.
fn overhead(agents: &[Agent], agent: &str) -> Tokens {
    let retrieval =
        agents.iter().find(|known| known.name == agent).and_then(|known| known.retrieval.as_ref());
    let Some(name) = retrieval.and_then(|retrieval| retrieval.tools.first()) else { return Tokens(0) };
    let schema = serde_json::json!({"type": "object", "properties": tool::takes(), "required": tool::NEEDS});
    let definition = serde_json::json!({"name": name, "description": tool::ABOUT, "input_schema": schema});
    tokens::count(&definition.to_string())
}

/// The profile under which a session ran through headroom.
fn through(own: Option<&Store>, session: &str) -> Option<Profile> {
    let frozen = own?.begun(&SessionId(session.to_owned())).ok().flatten()?;
    Profile::from_name(&frozen.profile).filter(|_| frozen.on)
}

/// How deep named folders are looked through.
const DEPTH: usize = 8;

impl Args {
    /// The transcripts that are meant, oldest first.
    fn sources(&self, agents: &[Agent], since: Option<Millis>) -> Result<Vec<Source>, anyhow::Error> {
        let project = self.project.as_ref().map(std::path::absolute).transpose()?;
        let mut sources = match self.files.is_empty() {
            true => {
                let around = super::wrap::surroundings()?;
                let mut places =
                    sessions::places(agents, &around.environment, around.home.as_deref(), &around.folder);
                places.retain(|place| self.agent.as_ref().is_none_or(|agent| *agent == place.agent));
                find::find(&places, &find::Wanted { since, project: project.clone() }).sources
            }
            false => named(&self.files)?,
        };
        sources.retain(|source| since.is_none_or(|since| since <= source.modified));
        if !self.files.is_empty() && (self.agent.is_some() || project.is_some()) {
            sources.retain(|source| {
                transcript::peek(source).is_ok_and(|about| {
                    self.agent.as_ref().is_none_or(|agent| *agent == about.agent)
                        && project
                            .as_ref()
                            .is_none_or(|project| Path::new(&about.folder).starts_with(project))
                })
            });
        }
        sources.sort_by(|one, other| {
            (one.modified, &one.path, &one.session).cmp(&(other.modified, &other.path, &other.session))
        });
        Ok(sources)
    }
}

/// The transcripts that were named, and those in folders that were named.
fn named(files: &[PathBuf]) -> Result<Vec<Source>, anyhow::Error> {
    let mut sources = Vec::new();
    for file in files {
        if file.is_dir() {
            // What else lies there is no fault of the user's.
            sources.extend(below(file).iter().filter_map(|path| find::named(path).ok()).flatten());
        } else {
            sources.extend(find::named(file).map_err(|error| {
                let hint = match error {
                    TranscriptError::Foreign { .. } => {
                        "transcripts of Claude Code, Codex, Gemini CLI, OpenCode and aider are read, and lines of requests"
                    }
                    TranscriptError::Io { .. } => "",
                };
                Failure::new(exit::FAILED, text::with_causes(&error), hint)
            })?);
        }
    }
    Ok(sources)
}

/// The files below a folder, in order of their names. Links to folders are not followed.
fn below(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![(folder.to_owned(), 0)]);
    while let Some((folder, depth)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < DEPTH => folders.push((entry.path(), depth + 1)),
                Ok(kind) if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files.sort();
    files
}

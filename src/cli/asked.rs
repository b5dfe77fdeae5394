//! What the user has asked for by `pause` and `never`, said where it matters: in `stats`, `doctor`, `config` and `never`.

use super::term::Failure;
use super::term::exit;
use crate::config::{Config, env};
use crate::proxy;
use crate::store::{Ask, Control, Filter, Store};
use crate::units::Millis;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::sync::Arc;

/// Milliseconds in a day: a session that was seen within one is at work, as far as can be told.
const DAY: i64 = 24 * 3600 * 1000;

/// Where somebody stands who asks for something.
pub(super) struct Place {
    /// The folder: the agent's own when this is an agent's shell.
    pub folder: String,
    /// The run of `wrap` around this process.
    pub run: Option<String>,
    /// The agent that it runs; empty when nothing is run around this process.
    pub agent: String,
}

impl Place {
    /// Where this process stands. `known`: names the runs that the store has seen.
    pub fn here(store: &Store) -> Result<Place, anyhow::Error> {
        let run = env::get(env::HEADROOM_PROXY).as_deref().and_then(proxy::run_of);
        // A shell that outlived its agent still has the variable.
        let known = |run: &String| {
            let filter = Filter { run: Some(run.clone()), ..Filter::default() };
            let recorded = store.sessions(&filter).is_ok_and(|sessions| !sessions.is_empty());
            recorded || env::get(env::HEADROOM_PROXY).is_some_and(|url| super::wrap::is_a_headroom(&url))
        };
        if let Some(run) = run.filter(known) {
            let folder = env::get(env::HEADROOM_PROJECT).unwrap_or_default();
            return Ok(Place {
                folder,
                run: Some(run),
                agent: env::get(env::HEADROOM_AGENT).unwrap_or_default(),
            });
        }
        let folder = std::env::current_dir()?;
        let folder = folder.to_string_lossy().into_owned();
        Ok(Place { folder: meant(store, &folder), run: None, agent: String::new() })
    }
}

/// The folder that is meant by whoever stands in `folder`: itself, or the nearest above it where an agent was at work
/// in the last day when none was here or below; never the home folder or what lies above that.
fn meant(store: &Store, folder: &str) -> String {
    let since = Some(Millis(crate::library::now().0 - DAY));
    let sessions = store.sessions(&Filter { since, ..Filter::default() }).unwrap_or_default();
    let has = |folder: &str| sessions.iter().any(|session| session.project == folder);
    let here =
        Control { ask: Ask::PauseFolder, scope: folder.to_owned(), pattern: String::new(), at: Millis(0) };
    if sessions.iter().any(|session| here.covers(&session.project)) {
        return folder.to_owned();
    }
    let home = env::named("HOME").unwrap_or_default();
    let above = std::path::Path::new(folder).ancestors().skip(1).map(|above| above.to_string_lossy());
    let mut above = above.take_while(|above| !home.starts_with(above.as_ref()));
    above.find(|above| has(above)).map_or_else(|| folder.to_owned(), |above| above.into_owned())
}

/// The sessions of the last day that a control would be there for: `claude 3f2a1b2c`, the latest first, five at most.
pub(super) fn at_work(store: &Store, covers: impl Fn(&str) -> bool, run: Option<&str>) -> Vec<String> {
    let since = Some(Millis(crate::library::now().0 - DAY));
    let filter = Filter { since, run: run.map(str::to_owned), ..Filter::default() };
    let sessions = store.sessions(&filter).unwrap_or_default();
    let here = sessions.iter().rev().filter(|session| covers(&session.project));
    here.take(5)
        .map(|row| format!("{} {}", row.agent, row.session.0.chars().take(8).collect::<String>()))
        .collect()
}

/// Opens the store for writing, making it when it is not there.
///
/// # Errors
/// What to do when it can't be written.
pub(super) fn open(config: &Config) -> Result<Arc<Store>, Failure> {
    let opened = config.open_store();
    opened.store.ok_or_else(|| {
        let said = opened.notices.join("; ");
        let said = said.trim_end_matches("; nothing will be shortened").to_owned();
        Failure::new(
            exit::FAILED,
            said,
            "in a sandbox that can't write there, type the same in a terminal of your own",
        )
    })
}

/// What could not be written down, and what to do.
pub(super) fn not_kept(error: impl std::error::Error) -> Failure {
    Failure::new(
        exit::FAILED,
        crate::text::with_causes(&error),
        "in a sandbox that can't write to headroom's folder, type the same in a terminal of your own",
    )
}

/// One line for each control.
pub(super) fn lines(controls: &[Control]) -> Vec<String> {
    controls.iter().map(line).collect()
}

fn line(control: &Control) -> String {
    let since = day_and_time(control.at);
    let place = place(control);
    match control.ask {
        Ask::PauseSession => format!(
            "paused: session {}, since {since}; `headroom resume {}` goes on",
            control.pattern, control.pattern
        ),
        Ask::PauseRun => format!("paused: a run {place}, since {since}; `headroom resume` there goes on"),
        Ask::PauseFolder if control.scope.is_empty() => {
            format!("paused: every session, since {since}; `headroom resume --everywhere` goes on")
        }
        Ask::PauseFolder => {
            format!("paused: every session {place}, since {since}; `headroom resume` there goes on")
        }
        Ask::Never => format!("never made shorter: {} {place}, since {since}", control.pattern),
    }
}

/// `in /project`, `everywhere`.
pub(super) fn place(control: &Control) -> String {
    if control.scope.is_empty() { "everywhere".to_owned() } else { format!("in {}", control.scope) }
}

/// The same for programs.
pub(super) fn json(controls: &[Control]) -> Value {
    let one = |control: &Control| {
        json!({
            "asks": control.ask.name(),
            "folder": if control.scope.is_empty() { Value::Null } else { control.scope.as_str().into() },
            "pattern": control.pattern,
            "at_ms": control.at.0,
        })
    };
    controls.iter().map(one).collect()
}

/// `21:40:07`, where the reader is.
pub(super) fn time(at: Millis) -> String {
    let at = Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string()
}

/// `2026-11-20 21:40`, where the reader is.
pub(super) fn day_and_time(at: Millis) -> String {
    let at = Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

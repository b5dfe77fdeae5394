//! What is looked at whichever agent is used: settings, store, disk, launchers, other headrooms.
//!
//! *Invariant:* nothing is written, made or mended.

use super::line::Line;
use crate::agent::environment::Environment;
use crate::agent::lease::Holder;
use crate::agent::shims;
use crate::agent::version::{self, Question};
use crate::cli::asked;
use crate::config::{Config, quantity};
use crate::store::checkup::{self, Checkup};
use crate::store::controls_in;
use crate::text::{self, counted};
use crate::units::Millis;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What failed longer ago is not told.
const OF_LATE: i64 = 7 * 24 * 3600 * 1000;
/// Less room than this, and originals can't be kept.
const LITTLE_ROOM: u64 = 32 << 20;

/// All of it.
pub(super) fn look(config: &Config, environment: &Environment, own: &Path, now: Millis) -> Vec<Line> {
    let mut lines = vec![settings(config)];
    lines.extend(store(config, now));
    lines.extend(asked_for(config));
    lines.push(room(config));
    lines.extend(runs(&config.data_dir().join("runs")));
    lines.extend(patches(&config.data_dir().join("patches")));
    lines.extend(launchers(&config.folders.shims(), environment));
    lines.extend(headrooms(environment, own));
    lines
}

fn settings(config: &Config) -> Line {
    let file = config.folders.config_file();
    let said =
        if file.exists() { format!("{} is read", file.display()) } else { "none of your own".to_owned() };
    match config.enabled.value {
        true => Line::green("settings", said),
        false => Line::unknown(
            "settings",
            format_args!("{said}; switched off by {}: nothing new is shortened", config.enabled.origin),
            "",
        ),
    }
}

/// What the user has paused, or named by `headroom never`.
fn asked_for(config: &Config) -> Option<Line> {
    let asked = controls_in(config.data_dir(), config.store_limits().wait);
    let said = asked::lines(&asked);
    (!said.is_empty())
        .then(|| Line::unknown("controls", said.join("; "), "headroom resume, headroom never --remove"))
}

fn store(config: &Config, now: Millis) -> Vec<Line> {
    let dir = config.data_dir();
    let place = dir.display();
    match checkup::look(dir, Millis(now.0.saturating_sub(OF_LATE))) {
        Checkup::Absent => {
            vec![Line::green("store", format_args!("nothing is kept yet; it will be in {place}"))]
        }
        Checkup::Damaged(why) => vec![Line::red(
            "store",
            format_args!("the database in {place} is damaged: {why}"),
            "nothing to do: the next wrap sets it aside and begins a new one; originals stay readable",
        )],
        Checkup::Newer { found, known } => vec![Line::red(
            "store",
            format_args!(
                "{place} was made by a newer headroom (schema {found}, this one knows {known}), so nothing is shortened"
            ),
            "run the newer headroom, or give this one its own HEADROOM_HOME",
        )],
        Checkup::Unreadable(why) => vec![Line::red(
            "store",
            format_args!("{place} can't be read: {why}"),
            "see to it that the folder and all in it is yours to read and write",
        )],
        Checkup::Sound(found) => {
            let most = config.originals_max_bytes.value;
            let mut lines = vec![Line::green(
                "store",
                format_args!(
                    "sound: {}, {} of at most {}, {}, in {place}",
                    counted(usize::try_from(found.originals).unwrap_or(usize::MAX), "original"),
                    size(found.originals_bytes),
                    quantity::bytes_said(most),
                    counted(usize::try_from(found.requests).unwrap_or(usize::MAX), "request"),
                ),
            )];
            if found.faults != 0 {
                let faults = counted(usize::try_from(found.faults).unwrap_or(usize::MAX), "fault");
                lines.push(Line::unknown(
                    "faults",
                    format_args!(
                        "{faults} of headroom's own in the last 7 days; the requests went as they were"
                    ),
                    "headroom stats names them; please report them",
                ));
            }
            if found.breakers != 0 {
                let sessions = counted(usize::try_from(found.breakers).unwrap_or(usize::MAX), "session");
                lines.push(Line::unknown(
                    "breakers",
                    format_args!(
                        "in {sessions} of the last 7 days shortening stopped, because the provider's cache was not hit as it should"
                    ),
                    "headroom stats --json says which; another program in the chain may change the history",
                ));
            }
            lines
        }
    }
}

/// A size in the unit that suits it.
fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..0x10_0000 => format!("{} KiB", bytes >> 10),
        0x10_0000..0x4000_0000 => format!("{} MiB", bytes >> 20),
        _ => format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
    }
}

fn room(config: &Config) -> Line {
    let dir = config.data_dir();
    let Some(there) = dir.ancestors().find(|folder| folder.is_dir()) else {
        return Line::unknown("disk", format_args!("no folder above {} is there", dir.display()), "");
    };
    let writable = rustix::fs::access(there, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK);
    if writable.is_err() {
        return Line::red(
            "disk",
            format_args!("{} can't be written, so nothing is shortened", there.display()),
            "make the folder yours, or set HEADROOM_HOME to one that is",
        );
    }
    match rustix::fs::statvfs(there) {
        Err(error) => {
            Line::unknown("disk", format_args!("the system does not tell how much room is left: {error}"), "")
        }
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let said = format!("{} free at {}", size(free), there.display());
            match free < LITTLE_ROOM {
                true => Line::red(
                    "disk",
                    format_args!("{said}: originals can't be kept there, so nothing is shortened"),
                    "make room, or set HEADROOM_HOME to a folder on another disk; headroom store purge --older 7d deletes what is old",
                ),
                false => Line::green("disk", said),
            }
        }
    }
}

/// Folders of runs that did not end as they should.
fn runs(folder: &Path) -> Option<Line> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let ended = |path: &PathBuf| {
        let holder = std::fs::read_to_string(path.join("holder.json")).ok();
        let holder = holder.and_then(|text| serde_json::from_str::<Holder>(&text).ok());
        holder.is_some_and(|holder| !holder.is_alive())
    };
    let left = entries.map(|entry| entry.path()).filter(ended).count();
    (left != 0).then(|| {
        Line::unknown(
            "runs",
            format_args!("{} that was killed left its folder in {}", counted(left, "run"), folder.display()),
            "nothing to do: the next wrap takes it away",
        )
    })
}

/// Files of the user's that are patched for a run, and would be still if that run had ended badly.
fn patches(folder: &Path) -> Option<Line> {
    let journals = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let open = journals.filter(|entry| entry.path().extension().is_some_and(|end| end == "json")).count();
    (open != 0).then(|| {
        Line::unknown(
            "patches",
            format_args!(
                "{} of yours changed for a run: {}",
                match open {
                    1 => "1 file is".to_owned(),
                    some => format!("{some} files are"),
                },
                folder.display()
            ),
            "if no agent runs now, `headroom unwrap` puts them back",
        )
    })
}

fn launchers(folder: &Path, environment: &Environment) -> Option<Line> {
    let names = shims::installed(folder);
    if names.is_empty() {
        return None;
    }
    let path = environment.raw("PATH").map(std::env::split_paths).into_iter().flatten();
    let all = names.join(", ");
    Some(match path.into_iter().any(|entry| entry == folder) {
        true => Line::green("launchers", format_args!("for {all}, in {}", folder.display())),
        false => Line::red(
            "launchers",
            format_args!(
                "for {all} are there, and {} is not in the PATH: typing the name runs the agent alone",
                folder.display()
            ),
            "headroom shims list shows the line that puts it there",
        ),
    })
}

/// Every `headroom` in the PATH besides this one that is of another version.
fn headrooms(environment: &Environment, own: &Path) -> Option<Line> {
    let found: Vec<PathBuf> =
        which::which_in_global("headroom", environment.raw("PATH")).into_iter().flatten().collect();
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut others: Vec<PathBuf> = Vec::new();
    for path in found {
        if real(&path) != real(own) && !others.iter().any(|known| real(known) == real(&path)) {
            others.push(path);
        }
    }
    let question =
        |program: &PathBuf| Question { program: program.clone(), arguments: vec!["--version".to_owned()] };
    let questions: Vec<Question> = others.iter().map(question).collect();
    let versions = version::ask(&questions, environment, Duration::from_secs(3));
    let here = env!("CARGO_PKG_VERSION");
    let odd: Vec<String> = others
        .iter()
        .zip(&versions)
        .filter(|(_, version)| version.as_deref() != Some(here))
        .map(|(path, version)| match version {
            Some(version) => format!("{} is {version}", path.display()),
            None => format!("{} tells no version", path.display()),
        })
        .collect();
    (!odd.is_empty()).then(|| {
        Line::unknown(
            "headrooms",
            format_args!("this is {here} at {}; in the PATH {}", own.display(), odd.join(", ")),
            "if that is another program of the same name, an agent's shell may run it instead: keep one of them in the PATH",
        )
    })
}

/// The settings can't be read: why, and that nothing else was looked at.
pub(super) fn no_settings(error: &dyn std::error::Error) -> Line {
    Line::red("settings", text::with_causes(error), "mend the file; until then no headroom command runs")
}

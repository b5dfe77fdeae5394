//! What is to be said where: patterns that were found, against the memory files of the agents that met them.
//!
//! Decides; writes nothing. *Invariant:* what needs a yes is in no plan without one.

use super::settings::{self, Rules};
use super::write::{self, Again, Intent, WriteError};
use crate::agent::amend::{AmendError, Amendments};
use crate::agent::definition::Agent;
use crate::learn::block::{Fate, Leaves, Saying, State};
use crate::learn::gate::Withheld;
use crate::learn::target::{self, Readers, Target, TargetError};
use crate::learn::{Advice, Consent, Scope};
use crate::store::Store;
use crate::units::Millis;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};

/// A project, and what was found in its sessions.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Its folder.
    pub project: PathBuf,
    /// How many sessions were read.
    pub sessions: usize,
    /// Their agents, by name.
    pub agents: BTreeSet<String>,
    /// The last moments of the sessions, the latest last.
    pub ends: Vec<Millis>,
    /// The most valuable first.
    pub patterns: Vec<Advice>,
    /// What was seen again and is never written: the most often first.
    pub shown: Vec<Withheld>,
    /// Lessons that are not true any more, by name.
    pub refuted: BTreeSet<String>,
    /// Whether all of the project's late sessions were read, so that what was not seen did not happen.
    pub view: View,
}

/// How much of a project was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum View {
    /// The sessions that were named.
    #[default]
    Part,
    /// All sessions of the time that was asked for.
    Whole,
}

/// What is asked for on the command line.
#[derive(Clone, Debug)]
pub(super) struct Wishes {
    /// Patterns that were said yes to, by the beginnings of their names.
    pub yes: Vec<String>,
    /// The file that was named.
    pub target: Option<PathBuf>,
    pub again: Again,
}

/// Letters of a name that a yes must have: fewer could be meant for another.
const SHORTEST_YES: usize = 6;

impl Wishes {
    fn agreed(&self, id: &str) -> bool {
        self.yes.iter().any(|yes| SHORTEST_YES <= yes.len() && id.starts_with(yes.as_str()))
    }
}

/// What would be done in one project.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub files: Vec<FilePlan>,
    /// What comes of each pattern, in the order of the patterns.
    pub outcomes: Vec<Vec<Outcome>>,
    /// Why a file is not there, a sentence each.
    pub remarks: Vec<String>,
}

/// One file as it is, and as it would be.
#[derive(Debug)]
pub(super) struct FilePlan {
    /// How it is called here.
    pub name: String,
    pub goal: Goal,
    pub before: Option<Vec<u8>>,
    pub after: Result<Vec<u8>, Unplanned>,
    /// Lines that leave it, with the reason.
    pub leaving: Vec<(String, Leaves)>,
    fates: Vec<(String, Fate)>,
}

/// What is to be in a file.
#[derive(Debug)]
pub(super) enum Goal {
    /// Sentences in the block of a memory file.
    Memory(Intent),
    /// Rules in headroom's own settings.
    Settings(Rules),
}

impl Goal {
    /// The file itself, without links.
    pub fn file(&self) -> &Path {
        match self {
            Goal::Memory(intent) => &intent.file,
            Goal::Settings(rules) => &rules.file,
        }
    }

    /// Writes it; true when the file has changed.
    pub fn write(
        &self,
        amendments: &Amendments,
        store: &Store,
        now: Millis,
    ) -> Result<bool, AmendError<WriteError>> {
        match self {
            Goal::Memory(intent) => write::write(amendments, store, intent, now),
            Goal::Settings(rules) => rules.write(amendments, store, now),
        }
    }
}

/// Why nothing can be planned for a file.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unplanned {
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("it can't be read")]
    Read(#[from] io::Error),
    #[error("{0}")]
    Failed(String),
}

/// What comes of a pattern in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// In a memory file.
    File { name: String, fate: Fate },
    /// Not without a yes.
    NeedsYes { why: String },
    /// Only this machine has the place that it names, and the file is everybody's.
    OnlyHere { name: String },
    /// The file can't be written.
    Blocked { name: String },
    /// No agent that met it has a memory file.
    NoFile,
    /// In headroom's own settings.
    Setting(SettingFate),
}

/// What comes of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SettingFate {
    Added,
    Unchanged,
    Dismissed,
    Blocked,
}

impl FilePlan {
    /// True when it would be another file.
    pub fn changes(&self) -> bool {
        let before = self.before.as_deref().unwrap_or_default();
        self.after.as_ref().is_ok_and(|after| after != before)
    }
}

/// How long the cause of a line may not be seen before the line goes, while the project is worked on.
const EXPIRES: i64 = 60 * 86_400_000;
/// Sessions in which it was not seen.
const WITHOUT_IT: usize = 3;

/// Plans one project.
pub(super) fn plan(
    found: &Found,
    agents: &[Agent],
    home: &Path,
    settings: &Path,
    wishes: &Wishes,
    store: &Store,
    now: Millis,
) -> Plan {
    let mut plan = Plan::default();
    let targets = targets(found, agents, home, wishes, &mut plan.remarks);
    let mut intents: BTreeMap<PathBuf, (String, Intent)> = BTreeMap::new();
    let mut open = |path: &Path, real: &Path| {
        intents.entry(real.to_owned()).or_insert_with(|| {
            let sayings = Vec::new();
            let intent =
                Intent { file: real.to_owned(), sayings, leaves: HashMap::new(), again: wishes.again };
            (shown(path, &found.project), intent)
        });
    };
    for (target, _) in &targets {
        open(&target.path, &target.real);
        if let Some(local) = &target.local {
            open(local, &real(local));
        }
    }
    let mut wanted: Vec<Vec<(PathBuf, Option<Outcome>)>> = Vec::new();
    for pattern in &found.patterns {
        let mut places = Vec::new();
        if pattern.scope == Scope::Memory {
            for (target, readers) in &targets {
                let met = pattern.evidence.agents.iter().any(|agent| readers.contains(&**agent));
                if !met && wishes.target.is_none() {
                    continue;
                }
                let only_here =
                    target.readers == Readers::Everybody && target::is_of_this_machine(&pattern.sentence);
                let name = || shown(&target.path, &found.project);
                let file = match (only_here, &target.local) {
                    (false, _) => Some(target.real.clone()),
                    (true, Some(local)) => Some(real(local)),
                    (true, None) => None,
                };
                let outcome = match (needs_yes(pattern), &file) {
                    (_, None) => Some(Outcome::OnlyHere { name: name() }),
                    (Some(why), _) if !wishes.agreed(&pattern.id) => {
                        Some(Outcome::NeedsYes { why: why.clone() })
                    }
                    _ => None,
                };
                if outcome.is_none()
                    && let Some((_, intent)) = file.as_ref().and_then(|file| intents.get_mut(file))
                    && intent.sayings.iter().all(|saying| saying.id != pattern.id)
                {
                    intent.sayings.push(saying(pattern));
                }
                places.push((file.unwrap_or_else(|| target.real.clone()), outcome));
            }
        }
        wanted.push(places);
    }
    for (file, (name, mut intent)) in intents {
        intent.leaves = leaves(found, store, &file, now);
        plan.files.push(memory_file(name, intent, store, now));
    }
    let settings = settings_file(found, settings, wishes, store, now);
    let fates = settings.as_ref().map(|(_, fates)| fates.clone()).unwrap_or_default();
    plan.files.extend(settings.map(|(file, _)| file));
    for (pattern, places) in found.patterns.iter().zip(wanted) {
        let mut outcomes: Vec<Outcome> = Vec::new();
        for (file, outcome) in places {
            let outcome = outcome.or_else(|| plan.outcome(&file, &pattern.id));
            outcomes.extend(outcome.filter(|outcome| !outcomes.contains(outcome)));
        }
        if pattern.scope != Scope::Memory {
            outcomes.push(match (needs_yes(pattern), fates.iter().find(|(id, _)| *id == pattern.id)) {
                (_, Some((_, fate))) => Outcome::Setting(*fate),
                (Some(why), None) => Outcome::NeedsYes { why },
                (None, None) => Outcome::Setting(SettingFate::Blocked),
            });
        } else if outcomes.is_empty() {
            outcomes.push(Outcome::NoFile);
        }
        plan.outcomes.push(outcomes);
    }
    plan
}

impl Plan {
    /// Notes that a file could not be written after all.
    pub fn block(&mut self, at: usize, why: String) {
        let Some(file) = self.files.get_mut(at) else { return };
        file.after = Err(Unplanned::Failed(why));
        let (name, settings) = (&file.name, matches!(file.goal, Goal::Settings(_)));
        for outcome in self.outcomes.iter_mut().flatten() {
            if settings && *outcome == Outcome::Setting(SettingFate::Added) {
                *outcome = Outcome::Setting(SettingFate::Blocked);
            }
            if matches!(outcome, Outcome::File { name: file, fate: Fate::Added | Fate::Updated } if file == name)
            {
                *outcome = Outcome::Blocked { name: name.clone() };
            }
        }
    }

    /// What comes of a pattern in a file.
    fn outcome(&self, file: &Path, id: &str) -> Option<Outcome> {
        let plan = self.files.iter().find(|plan| plan.goal.file() == file)?;
        let name = plan.name.clone();
        if plan.after.is_err() {
            return Some(Outcome::Blocked { name });
        }
        let fate = plan.fates.iter().find(|(other, _)| other == id).map(|(_, fate)| *fate);
        fate.map(|fate| Outcome::File { name, fate })
    }
}

fn memory_file(name: String, intent: Intent, store: &Store, now: Millis) -> FilePlan {
    let (before, planned) = match Amendments::read(&intent.file) {
        Ok(before) => {
            let planned = write::planned(store, &intent, before.as_deref(), now);
            (before, planned.map_err(Unplanned::from))
        }
        Err(error) => (None, Err(error.into())),
    };
    let fates = planned.as_ref().map(|merged| merged.fates.clone()).unwrap_or_default();
    let leaving = fates.iter().filter_map(|(id, fate)| match fate {
        Fate::Expired(why) => Some((id.clone(), *why)),
        _ => None,
    });
    FilePlan {
        name,
        leaving: leaving.collect(),
        before,
        after: planned.map(|merged| merged.bytes),
        goal: Goal::Memory(intent),
        fates,
    }
}

/// headroom's own settings with the learned rules, and what comes of each; `None` when there are none.
fn settings_file(
    found: &Found,
    settings: &Path,
    wishes: &Wishes,
    store: &Store,
    now: Millis,
) -> Option<(FilePlan, Vec<(String, SettingFate)>)> {
    let learned = found.patterns.iter().filter_map(|pattern| match &pattern.scope {
        Scope::Setting(setting) if pattern.consent.is_free() || wishes.agreed(&pattern.id) => {
            Some((pattern.id.clone(), setting.clone()))
        }
        _ => None,
    });
    let rules = Rules { file: settings::file(settings), learned: learned.collect(), again: wishes.again };
    if rules.learned.is_empty() {
        return None;
    }
    let (before, planned) = match Amendments::read(&rules.file) {
        Ok(before) => {
            let planned = rules.planned(store, before.as_deref(), now);
            (before, planned.map_err(Unplanned::from))
        }
        Err(error) => (None, Err(error.into())),
    };
    let blocked = || rules.learned.iter().map(|(id, _)| (id.clone(), SettingFate::Blocked)).collect();
    let fates = planned.as_ref().map_or_else(|_| blocked(), |planned| planned.fates.clone());
    let file = FilePlan {
        name: rules.file.display().to_string(),
        leaving: Vec::new(),
        before,
        after: planned.map(|planned| planned.after),
        goal: Goal::Settings(rules),
        fates: Vec::new(),
    };
    Some((file, fates))
}

/// The files of the agents that worked here, each with the agents that read it; and why there is none.
fn targets(
    found: &Found,
    agents: &[Agent],
    home: &Path,
    wishes: &Wishes,
    remarks: &mut Vec<String>,
) -> Vec<(Target, BTreeSet<String>)> {
    if let Some(path) = &wishes.target {
        return vec![(target::named(path), found.agents.clone())];
    }
    let mut targets: Vec<(Target, BTreeSet<String>)> = Vec::new();
    for name in &found.agents {
        let names =
            agents.iter().find(|agent| agent.name == *name).map(|agent| agent.files.memory.as_slice());
        match target::of(&found.project, home, name, names.unwrap_or_default()) {
            Ok(target) => match targets.iter_mut().find(|(other, _)| other.real == target.real) {
                Some((_, readers)) => drop(readers.insert(name.clone())),
                None => targets.push((target, BTreeSet::from([name.clone()]))),
            },
            Err(error) => {
                let hint = match &error {
                    TargetError::TooHigh { .. } => "say --project, or name a file with --target",
                    TargetError::NoFile { .. } | TargetError::Outside { .. } => "name a file with --target",
                };
                let remark = format!("{error}; {hint}");
                if !remarks.contains(&remark) {
                    remarks.push(remark);
                }
            }
        }
    }
    targets
}

/// Why advice is not written without a yes to it alone.
pub(super) fn needs_yes(pattern: &Advice) -> Option<String> {
    match &pattern.consent {
        Consent::Free => None,
        Consent::Asked(perils) => {
            let words: Vec<&str> = perils.iter().map(|peril| peril.words()).collect();
            Some(words.join(", "))
        }
    }
}

fn saying(pattern: &Advice) -> Saying {
    Saying {
        id: pattern.id.clone(),
        sentence: pattern.sentence.clone(),
        times: pattern.evidence.times,
        seen: pattern.evidence.last,
    }
}

/// What is not to stand in a file any more.
fn leaves(found: &Found, store: &Store, file: &Path, now: Millis) -> HashMap<String, Leaves> {
    let mut leaves: HashMap<String, Leaves> =
        found.refuted.iter().map(|id| (id.clone(), Leaves::Refuted)).collect();
    if found.view == View::Whole {
        for row in write::of_file(store, file).unwrap_or_default() {
            let still = found.patterns.iter().any(|pattern| pattern.id == row.id);
            let seen = row.seen.unwrap_or(row.said);
            let without = found.ends.iter().filter(|end| seen < **end).count();
            if row.state == State::Written
                && !still
                && EXPIRES < now.0.saturating_sub(seen.0)
                && WITHOUT_IT <= without
            {
                leaves.entry(row.id).or_insert(Leaves::Aged);
            }
        }
    }
    leaves
}

fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// How a file is called to a person: by its way from the project, where it is in there.
fn shown(path: &Path, project: &Path) -> String {
    path.strip_prefix(project).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests;

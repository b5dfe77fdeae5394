//! What was found and what comes of it, in words and as JSON.

use super::plan::{FilePlan, Found, Outcome, Plan, SettingFate, needs_yes};
use crate::cli::beside::safe;
use crate::learn::block::{Fate, Leaves, day};
use crate::learn::evidence::Evidence;
use crate::learn::sentence::sentence;
use crate::learn::{Advice, Scope};
use crate::text::{counted, short};
use serde_json::{Value, json};

/// Whether it is done or would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// Nothing is written yet.
    Would,
    /// It is written.
    Did,
}

/// Letters of a pattern's name that are shown: as many as are typed after `--yes-to`.
const NAMED: usize = 8;
/// Places that are shown of a pattern.
const PLACES: usize = 4;
/// Things that are shown of those that are never written.
const SHOWN: usize = 5;

/// `Found 3 recurring patterns in 14 sessions:`, and each with its evidence.
pub(super) fn patterns(found: &Found, plan: &Plan, mood: Mood) -> Vec<String> {
    let mut lines = Vec::new();
    if found.patterns.is_empty() {
        lines.push(format!("No recurring patterns in {}.", counted(found.sessions, "session")));
    } else {
        let patterns = counted(found.patterns.len(), "recurring pattern");
        lines.push(format!("Found {patterns} in {}:", counted(found.sessions, "session")));
    }
    for (number, (pattern, outcomes)) in found.patterns.iter().zip(&plan.outcomes).enumerate() {
        lines.push(String::new());
        lines.push(format!("{}. {}", number + 1, safe(&pattern.sentence)));
        lines.push(format!("   {}", evidence(&pattern.evidence)));
        if let Some(places) = places(pattern) {
            lines.push(format!("   {places}"));
        }
        lines.extend(outcomes.iter().map(|outcome| format!("   → {}", said(outcome, pattern, mood))));
    }
    if !found.shown.is_empty() {
        lines.extend([String::new(), "Seen, and never written:".to_owned()]);
    }
    for lesson in found.shown.iter().take(SHOWN) {
        lines.push(format!("   {} {}", safe(&sentence(&lesson.lesson)), evidence(&lesson.evidence)));
    }
    for file in &plan.files {
        lines.extend(leaving(file, mood));
    }
    lines
}

fn evidence(evidence: &Evidence) -> String {
    let number = |count: u64, noun| counted(usize::try_from(count).unwrap_or(usize::MAX), noun);
    let mut said = format!("{} in {}", number(evidence.times, "time"), number(evidence.sessions, "session"));
    if 0 < evidence.tokens.0 || 0 < evidence.turns {
        let tokens = short(i64::try_from(evidence.tokens.0).unwrap_or(i64::MAX));
        said.push_str(&format!("; cost about {tokens} tokens and {}", number(evidence.turns, "turn")));
    }
    if let Some(last) = evidence.last {
        said.push_str(&format!("; last on {}", day(last)));
    }
    said
}

fn places(pattern: &Advice) -> Option<String> {
    let shown = pattern.evidence.places.iter().rev().take(PLACES).map(|place| {
        let session: String = place.session.chars().take(NAMED).collect();
        format!("{} {}:{}", safe(&place.agent), safe(&session), place.line)
    });
    let shown: Vec<String> = shown.collect();
    let all = usize::try_from(pattern.evidence.times).unwrap_or(usize::MAX);
    let more = if shown.len() < all { ", …" } else { "" };
    (!shown.is_empty()).then(|| format!("{}{more}", shown.join(", ")))
}

fn said(outcome: &Outcome, pattern: &Advice, mood: Mood) -> String {
    let would = if mood == Mood::Would { "would be " } else { "" };
    match outcome {
        Outcome::File { name, fate } => match fate {
            Fate::Added => format!("{would}added to {name}"),
            Fate::Updated => format!("{would}brought up to date in {name}"),
            Fate::Unchanged => format!("stands in {name}"),
            Fate::Dismissed => {
                format!(
                    "dismissed: it was taken out of {name}, or changed there (--again offers it once more)"
                )
            }
            Fate::Expired(_) => format!("{would}taken out of {name}"),
            Fate::StaysAway => format!("was taken out of {name}; nothing newer was seen"),
            Fate::NoRoom => format!("no room: the block in {name} is full"),
            Fate::Unfit => format!("left out of {name}: it can't be written as one plain line"),
        },
        Outcome::NeedsYes { why } => {
            format!("not written: {why}; `--yes-to {}` writes it", name_of(pattern))
        }
        Outcome::OnlyHere { name } => format!(
            "left out of {name}: it names a place that only this machine has (a file such as CLAUDE.local.md, or --target, takes it)"
        ),
        Outcome::Blocked { name } => format!("not written: {name} can't be changed, see below"),
        Outcome::NoFile => "no agent that met it has a memory file here".to_owned(),
        Outcome::Setting(fate) => {
            let setting = match &pattern.scope {
                Scope::Setting(setting) => safe(&setting.to_string()),
                Scope::Memory => String::new(),
            };
            match fate {
                SettingFate::Added => format!("{would}set in headroom's own settings: {setting}"),
                SettingFate::Unchanged => format!("is set in headroom's own settings: {setting}"),
                SettingFate::Dismissed => {
                    format!(
                        "dismissed: {setting} was taken out of the settings (--again offers it once more)"
                    )
                }
                SettingFate::Blocked => {
                    format!("not set: the settings can't be changed, see below: {setting}")
                }
            }
        }
    }
}

fn name_of(pattern: &Advice) -> String {
    pattern.id.chars().take(NAMED).collect()
}

fn leaving(file: &FilePlan, mood: Mood) -> Vec<String> {
    let count = |wanted: Leaves| file.leaving.iter().filter(|(_, why)| *why == wanted).count();
    let verb = if mood == Mood::Would { "would leave" } else { "left" };
    let reasons = [(Leaves::Refuted, "not true any more"), (Leaves::Aged, "not seen for 60 days")];
    let lines = reasons.into_iter().filter_map(|(why, reason)| {
        let count = count(why);
        (0 < count).then(|| format!("\n{} {verb} {}: {reason}.", counted(count, "line"), file.name))
    });
    lines.collect()
}

/// A project as JSON; `written` names the files that were.
pub(super) fn as_json(found: &Found, plan: &Plan, diffs: &[(String, String)], written: &[String]) -> Value {
    let patterns = found.patterns.iter().zip(&plan.outcomes).map(|(pattern, outcomes)| {
        json!({
            "id": pattern.id,
            "sentence": pattern.sentence,
            "times": pattern.evidence.times,
            "sessions": pattern.evidence.sessions,
            "tokens": pattern.evidence.tokens.0,
            "turns": pattern.evidence.turns,
            "first_ms": pattern.evidence.first.map(|at| at.0),
            "last_ms": pattern.evidence.last.map(|at| at.0),
            "agents": pattern.evidence.agents.iter().map(|agent| &**agent).collect::<Vec<_>>(),
            "places": pattern.evidence.places.iter().map(|place| json!({
                "agent": &*place.agent, "session": &*place.session, "line": place.line,
            })).collect::<Vec<_>>(),
            "setting": match &pattern.scope {
                Scope::Memory => Value::Null,
                Scope::Setting(setting) => json!({"rule": setting.on, "value": setting.allow.name()}),
            },
            "needs_yes": needs_yes(pattern),
            "outcomes": outcomes.iter().map(outcome_as_json).collect::<Vec<_>>(),
        })
    });
    let files = plan.files.iter().map(|file| {
        json!({
            "file": file.goal.file(),
            "changes": file.changes(),
            "written": written.contains(&file.name),
            "diff": diffs.iter().find(|(name, _)| *name == file.name).map(|(_, diff)| diff),
            "error": file.after.as_ref().err().map(|error| crate::text::with_causes(error)),
            "leaving": file.leaving.iter().map(|(id, why)| json!({"id": id, "why": leaves(*why)})).collect::<Vec<_>>(),
        })
    });
    json!({
        "project": found.project,
        "sessions": found.sessions,
        "agents": found.agents,
        "patterns": patterns.collect::<Vec<_>>(),
        "shown": found.shown.iter().map(|lesson| json!({
            "sentence": sentence(&lesson.lesson),
            "times": lesson.evidence.times,
            "sessions": lesson.evidence.sessions,
        })).collect::<Vec<_>>(),
        "files": files.collect::<Vec<_>>(),
        "remarks": plan.remarks,
    })
}

fn outcome_as_json(outcome: &Outcome) -> Value {
    let (name, what) = match outcome {
        Outcome::File { name, fate } => (Some(name), fate_name(*fate)),
        Outcome::NeedsYes { .. } => (None, "needs_yes"),
        Outcome::OnlyHere { name } => (Some(name), "only_this_machine"),
        Outcome::Blocked { name } => (Some(name), "blocked"),
        Outcome::NoFile => (None, "no_file"),
        Outcome::Setting(fate) => (
            None,
            match fate {
                SettingFate::Added => "added",
                SettingFate::Unchanged => "unchanged",
                SettingFate::Dismissed => "dismissed",
                SettingFate::Blocked => "blocked",
            },
        ),
    };
    json!({"file": name, "what": what})
}

fn fate_name(fate: Fate) -> &'static str {
    match fate {
        Fate::Added => "added",
        Fate::Updated => "updated",
        Fate::Unchanged => "unchanged",
        Fate::Dismissed => "dismissed",
        Fate::Expired(why) => leaves(why),
        Fate::StaysAway => "expired",
        Fate::NoRoom => "no_room",
        Fate::Unfit => "unfit",
    }
}

fn leaves(why: Leaves) -> &'static str {
    match why {
        Leaves::Aged => "not_seen",
        Leaves::Refuted => "not_true",
    }
}

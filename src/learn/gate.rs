//! The gates that evidence must pass before it becomes advice.
//!
//! In this order: enough of it; not contradicted by what is newer; still true today; fit to be written; not said
//! already. *Invariant:* what can't be told counts as not passed: no advice is better than a wrong one.

use super::advice::{Advice, Consent, World};
use super::evidence::{Book, Evidence, Row};
use super::facts::Facts;
use super::habit::Habit;
use super::lesson::Lesson;
use super::rules::paths;
use super::sentence;
use crate::secrets;
use crate::units::Millis;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// A lesson that did not become advice.
#[derive(Clone, Debug)]
pub struct Withheld {
    /// Names the lesson in its project, as [`Advice::id`] does.
    pub id: String,
    /// Where it was seen.
    pub project: Arc<str>,
    /// What it was.
    pub lesson: Lesson,
    /// What it rests on.
    pub evidence: Evidence,
    /// Why not.
    pub why: Why,
}

/// Why a lesson did not become advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It was not seen often enough, or not in enough sessions.
    TooSeldom,
    /// It is never written, only shown.
    ShownOnly,
    /// What it calls wrong has worked since, or something else is newer.
    Contradicted,
    /// It is no longer true on this machine.
    NotTrue,
    /// It holds a secret, or something that can't stand in a line of Markdown.
    Unfit,
    /// The memory file says so already.
    Said,
    /// Another lesson says the same, and more.
    Covered,
}

/// The advice that follows from `book`, the most valuable first, and what does not follow.
pub fn weigh(book: &Book, facts: &Facts, world: &dyn World, now: Millis) -> (Vec<Advice>, Vec<Withheld>) {
    let (mut advice, mut withheld) = (Vec::new(), Vec::new());
    let mut memories = HashMap::new();
    for (project, lesson, row) in book.rows() {
        let memory = memories.entry(project).or_insert_with(|| world.memory(Path::new(&**project)));
        match judged(project, lesson, row, facts, world, memory) {
            Ok(passed) => advice.push(passed),
            Err(why) => withheld.push(Withheld {
                id: id(project, lesson),
                project: project.clone(),
                lesson: lesson.clone(),
                evidence: row.evidence.clone(),
                why,
            }),
        }
    }
    without_rivals(book, &mut advice, &mut withheld);
    without_covered(&mut advice, &mut withheld);
    of_files_and_folders(book, &mut advice, &mut withheld);
    advice.sort_by(|one, other| {
        other.evidence.worth(now).total_cmp(&one.evidence.worth(now)).then_with(|| one.id.cmp(&other.id))
    });
    (advice, withheld)
}

fn judged(
    project: &Arc<str>,
    lesson: &Lesson,
    row: &Row,
    facts: &Facts,
    world: &dyn World,
    memory: &str,
) -> Result<Advice, Why> {
    let needs = lesson.needs().ok_or(Why::ShownOnly)?;
    if row.evidence.times < u64::from(needs.times) || row.evidence.sessions < u64::from(needs.sessions) {
        return Err(Why::TooSeldom);
    }
    if is_contradicted(project, lesson, row, facts) {
        return Err(Why::Contradicted);
    }
    if !lesson.holds(Path::new(&**project), world) {
        return Err(Why::NotTrue);
    }
    let literals = lesson.literals();
    if !literals.iter().all(|literal| is_fit(literal)) {
        return Err(Why::Unfit);
    }
    if sentence::says(memory, lesson) {
        return Err(Why::Said);
    }
    Ok(Advice {
        id: id(project, lesson),
        project: project.clone(),
        sentence: sentence::sentence(lesson),
        scope: lesson.scope(),
        consent: Consent::for_literals(&lesson.followed()),
        lesson: lesson.clone(),
        evidence: row.evidence.clone(),
    })
}

/// True when something newer than the last evidence for a lesson speaks against it. Without times, anything does.
fn is_contradicted(project: &str, lesson: &Lesson, row: &Row, facts: &Facts) -> bool {
    let last = row.evidence.last;
    // What is forbidden must never have worked since it was first refused.
    let since = if matches!(lesson, Lesson::NotAllowed { .. }) { row.evidence.first } else { last };
    let noted = 0 < row.times_against && (row.against.is_none() || last <= row.against);
    noted || lesson.refuted_by().iter().any(|fact| facts.since(project, fact, since))
}

/// Of lessons that call the same command wrong and name different remedies, the newest stays. Of paths and folders with
/// several remedies none does: then it depends.
fn without_rivals(book: &Book, advice: &mut Vec<Advice>, withheld: &mut Vec<Withheld>) {
    let rows = book.rows();
    let wrongs = rows.iter().filter_map(|(project, lesson, _)| Some(((*project).clone(), lesson.wrong()?)));
    let mut remedies: HashMap<Wrong, u64> = HashMap::new();
    for wrong in wrongs {
        *remedies.entry(wrong).or_default() += 1;
    }
    let mut newest: HashMap<Wrong, Rank> = HashMap::new();
    for passed in advice.iter() {
        let Some(wrong) = passed.lesson.wrong() else { continue };
        let rank = (passed.evidence.last, passed.evidence.times, passed.id.clone());
        let best = newest.entry((passed.project.clone(), wrong)).or_insert_with(|| rank.clone());
        if *best < rank {
            *best = rank;
        }
    }
    withhold(advice, withheld, Why::Contradicted, |passed| {
        let Some(wrong) = passed.lesson.wrong() else { return false };
        let key = (passed.project.clone(), wrong);
        let depends = matches!(
            passed.lesson,
            Lesson::UsePath { .. } | Lesson::UseFolderPath { .. } | Lesson::UseFolder { .. }
        );
        match depends {
            true => remedies.get(&key).is_some_and(|count| 1 < *count),
            false => newest.get(&key).is_some_and(|(_, _, id)| *id != passed.id),
        }
    });
}

/// What a lesson calls wrong, in its project.
type Wrong = (Arc<str>, String);

/// Of two lessons the one with the greater rank is said: when and how often it was seen, and its name.
type Rank = (Option<Millis>, u64, String);

/// That a command is tried again and again needs no saying where it is said what to run instead.
fn without_covered(advice: &mut Vec<Advice>, withheld: &mut Vec<Withheld>) {
    let wrongs: HashSet<(Arc<str>, String)> = advice
        .iter()
        .filter(|passed| !matches!(passed.lesson, Lesson::Habit(Habit::Loop { .. })))
        .filter_map(|passed| Some((passed.project.clone(), passed.lesson.pair().0?.to_owned())))
        .collect();
    withhold(advice, withheld, Why::Covered, |passed| {
        let Lesson::Habit(Habit::Loop { call, .. }) = &passed.lesson else { return false };
        // `npm test -- a` begins with `npm test`.
        let ends = call.match_indices(' ').map(|(at, _)| at).chain([call.len()]);
        ends.filter_map(|end| call.get(..end))
            .any(|start| wrongs.contains(&(passed.project.clone(), start.to_owned())))
    });
}

/// A folder is said where several of its files were looked for, and then not each of them.
fn of_files_and_folders(book: &Book, advice: &mut Vec<Advice>, withheld: &mut Vec<Withheld>) {
    let mut files: HashMap<(Arc<str>, (String, String)), u64> = HashMap::new();
    for (project, lesson, _) in book.rows() {
        if let Lesson::UsePath { not, instead } = lesson
            && let Some(folders) = paths::folders(not, instead)
        {
            *files.entry((project.clone(), folders)).or_default() += 1;
        }
    }
    withhold(advice, withheld, Why::TooSeldom, |passed| {
        let Lesson::UseFolderPath { not, instead } = &passed.lesson else { return false };
        let key = (passed.project.clone(), (not.clone(), instead.clone()));
        files.get(&key).is_none_or(|count| *count < 2)
    });
    let said: HashSet<(Arc<str>, (String, String))> = advice
        .iter()
        .filter_map(|passed| match &passed.lesson {
            Lesson::UseFolderPath { not, instead } => {
                Some((passed.project.clone(), (not.clone(), instead.clone())))
            }
            _ => None,
        })
        .collect();
    withhold(advice, withheld, Why::Covered, |passed| {
        let Lesson::UsePath { not, instead } = &passed.lesson else { return false };
        let folders = paths::folders(not, instead);
        folders.is_some_and(|folders| said.contains(&(passed.project.clone(), folders)))
    });
}

/// Takes out of `advice` what is to go.
fn withhold(
    advice: &mut Vec<Advice>,
    withheld: &mut Vec<Withheld>,
    why: Why,
    goes: impl Fn(&Advice) -> bool,
) {
    let (gone, stays): (Vec<Advice>, Vec<Advice>) = std::mem::take(advice).into_iter().partition(goes);
    *advice = stays;
    withheld.extend(gone.into_iter().map(|passed| Withheld {
        id: passed.id,
        project: passed.project,
        lesson: passed.lesson,
        evidence: passed.evidence,
        why,
    }));
}

/// True for a literal that can stand between backticks: short, one line, nothing hidden, no secret.
fn is_fit(literal: &str) -> bool {
    /// Letters that a literal may have.
    const LONGEST: usize = 120;
    literal.len() <= LONGEST
        && super::block::is_fit(literal)
        && !literal.contains('`')
        && secrets::masked(literal) == literal
}

/// Names a lesson in its project.
fn id(project: &str, lesson: &Lesson) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(project.as_bytes()).update(&[0]).update(format!("{lesson:?}").as_bytes());
    hasher.finalize().to_hex().chars().take(16).collect()
}

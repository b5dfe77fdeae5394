//! What headroom would have done to recorded sessions, and what it would have cost.
//!
//! The trip: a transcript's entries become the requests that were sent ([`rebuild`], [`body`]); the real rewrite runs over
//! them ([`kitchen`]), and what is left of each thread is its [`course`]; [`fit`] learns from the recorded usage how
//! long the texts are for the provider; [`walk`] sends the course through a simulated prompt cache, direct and with
//! headroom; [`session`] makes money of it with the ledger's prices, [`tools`] says on whose outputs, [`totals`] sums up, [`advice`] says what else it tells.
//! *Invariant:* what is simulated is never mixed with what was recorded. *Invariant:* a loss is shown as one.
//! *Invariant:* the same transcripts, settings and prices give the same figures: no clock, no chance.

pub mod advice;
pub mod asked_back;
pub mod body;
pub mod course;
pub mod fit;
pub mod kitchen;
pub mod rebuild;
pub mod session;
mod thread;
pub mod tools;
pub mod totals;
pub mod walk;

#[cfg(test)]
mod tests;

use crate::ledger::price::Prices;
use crate::rewrite::{Profile, Settings};
use crate::store::Store;
use crate::transcript::{self, About, Skipped, Source, TranscriptError};
use crate::units::Tokens;
use kitchen::Kitchen;
use rebuild::{Look, Rebuilding, Rebuilt};
use session::{Session, Terms};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Steps of a session that is kept until the others have taught the slope of its model; of a longer one it is
/// not waited for.
const WAITING: usize = 20_000;

/// What transcripts are replayed with.
pub struct Job<'a> {
    /// An empty store of the replay's own ([`Store::for_trial`]).
    pub store: &'a Store,
    /// The profiles to look at, by their places among the names.
    pub profiles: &'a [usize],
    /// The settings that sessions of an agent would have under a profile.
    pub settings: &'a (dyn Fn(&str, Profile) -> Settings + Sync),
    /// Tokens of our own tool's definition, where an agent of this name is given it.
    pub overhead: &'a (dyn Fn(&str) -> Tokens + Sync),
    /// The profile under which a session of this name ran through headroom; `None` when it did not.
    pub through: &'a (dyn Fn(&str) -> Option<Profile> + Sync),
    /// List prices.
    pub prices: &'a Prices,
    /// How many transcripts are worked on at once.
    pub workers: usize,
    /// Set to stop: what is done by then is given back.
    pub stop: &'a AtomicBool,
    /// Told after each transcript how many bytes it had.
    pub done: &'a (dyn Fn(u64) + Sync),
}

/// What came of some transcripts.
#[derive(Debug, Default)]
pub struct Replayed {
    /// The sessions with at least one request, in the order of their sources; sub-agents are in their parents.
    pub sessions: Vec<Session>,
    /// Transcripts that could not be read at all.
    pub unreadable: Vec<TranscriptError>,
    /// How many transcripts were not looked at, because it was stopped.
    pub left: usize,
}

/// Replays transcripts.
pub fn replay(job: &Job<'_>, sources: &[Source]) -> Replayed {
    let mut read = each(job, sources);
    let slopes = slopes(&read);
    let mut replayed = Replayed {
        left: read.iter().filter(|read| matches!(read, Read::Left)).count(),
        ..Replayed::default()
    };
    for (read, source) in read.drain(..).zip(sources) {
        match read {
            Read::Left => {}
            Read::Unreadable(error) => replayed.unreadable.push(error),
            Read::Done(session) => replayed.sessions.extend(Some(*session).filter(has_requests)),
            Read::Waits(waits) => {
                let slope = slopes.get(&waits.model).copied();
                let session = waits.figures(job, source.path.clone(), slope);
                replayed.sessions.extend(Some(session).filter(has_requests));
            }
        }
    }
    replayed.sessions = with_their_parents(replayed.sessions);
    replayed
}

/// Looks at every block of one transcript that would have been sent otherwise than it was written.
///
/// # Errors
/// When it can't be read.
pub fn look(
    job: &Job<'_>,
    source: &Source,
    look: &mut dyn FnMut(&rebuild::Change<'_>),
) -> Result<About, TranscriptError> {
    let read = read(job, source, Some(look))?;
    Ok(read.rebuilt.about)
}

fn has_requests(session: &Session) -> bool {
    0 < session.direct.requests
}

/// What came of one transcript.
enum Read {
    Done(Box<Session>),
    Waits(Box<Waits>),
    Unreadable(TranscriptError),
    /// It was stopped before.
    Left,
}

/// A session that is too short to tell the slope of its model.
struct Waits {
    rebuilt: Rebuilt,
    skipped: Skipped,
    model: String,
    agent: String,
    through: Option<usize>,
}

impl Waits {
    fn figures(self, job: &Job<'_>, path: PathBuf, slope: Option<u64>) -> Session {
        let terms = Terms {
            profiles: job.profiles,
            prices: job.prices,
            overhead: (job.overhead)(&self.agent),
            through: self.through,
        };
        session::figures(path, self.rebuilt, self.skipped, &terms, slope)
    }
}

/// Reads all transcripts, several at once; the answer is in their order.
fn each(job: &Job<'_>, sources: &[Source]) -> Vec<Read> {
    let next = AtomicUsize::new(0);
    let all: Mutex<Vec<Option<Read>>> = Mutex::new(sources.iter().map(|_| None).collect());
    let work = || {
        while !job.stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(source) = sources.get(number) else { break };
            let one = one(job, source);
            (job.done)(source.bytes);
            if let Some(place) = all.lock().unwrap_or_else(PoisonError::into_inner).get_mut(number) {
                *place = Some(one);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..job.workers.min(sources.len()).max(1) {
            scope.spawn(work);
        }
        work();
    });
    let all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    all.into_iter().map(|read| read.unwrap_or(Read::Left)).collect()
}

fn one(job: &Job<'_>, source: &Source) -> Read {
    let waits = match read(job, source, None) {
        // Half a session's figures would be taken for the whole's.
        Ok(_) if job.stop.load(Ordering::Relaxed) => return Read::Left,
        Ok(waits) => waits,
        Err(error) => return Read::Unreadable(error),
    };
    let steps: usize = waits.rebuilt.courses.iter().map(|course| course.steps.len()).sum();
    let knows = session::slope_of(&waits.rebuilt, waits.through).is_some();
    if knows || WAITING < steps {
        return Read::Done(Box::new(waits.figures(job, source.path.clone(), None)));
    }
    Read::Waits(Box::new(waits))
}

/// Reads one transcript into courses.
fn read(job: &Job<'_>, source: &Source, look: Look<'_>) -> Result<Waits, TranscriptError> {
    let about = transcript::peek(source)?;
    let whose = if about.parent.is_empty() { &about.session } else { &about.parent };
    let through = (job.through)(whose).and_then(place_of);
    let mut profiles = job.profiles.to_vec();
    // What was recorded can only be compared with what went that way.
    profiles.extend(through.filter(|through| !job.profiles.contains(through)));
    let ways: Vec<(usize, Settings)> = profiles
        .iter()
        .filter_map(|&place| Some((place, Profile::from_name(Profile::NAMES.get(place)?)?)))
        .map(|(place, profile)| (place, (job.settings)(&about.agent, profile)))
        .collect();
    let kitchen = Kitchen {
        store: job.store,
        ways: &ways,
        wire: body::wire_of(source.format),
        agent: &about.agent,
        project: &about.folder,
    };
    let mut rebuilding = Rebuilding::new(kitchen, look, through.is_some());
    let skipped = transcript::read(source, &mut |entry| {
        rebuilding.see(entry);
        if job.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let rebuilt = rebuilding.finish();
    let model = session::main_model(&rebuilt);
    Ok(Waits { rebuilt, skipped, model, agent: about.agent.clone(), through })
}

/// The place of a profile among the names.
pub fn place_of(profile: Profile) -> Option<usize> {
    Profile::NAMES.iter().position(|name| *name == profile.name())
}

/// The slope of each model, from the sessions that tell it: the middle one.
fn slopes(read: &[Read]) -> BTreeMap<String, u64> {
    let mut known: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for read in read {
        if let Read::Done(session) = read
            && matches!(session.basis, fit::Basis::Exact | fit::Basis::Line(_))
        {
            known.entry(session.model.clone()).or_default().push(session.scale);
        }
    }
    let middle = |mut slopes: Vec<u64>| {
        slopes.sort_unstable();
        slopes.get(slopes.len() / 2).copied()
    };
    known.into_iter().filter_map(|(model, slopes)| Some((model, middle(slopes)?))).collect()
}

/// Adds the sessions of sub-agents to those that they worked for.
fn with_their_parents(sessions: Vec<Session>) -> Vec<Session> {
    let (children, mut parents): (Vec<Session>, Vec<Session>) =
        sessions.into_iter().partition(|session| !session.about.parent.is_empty());
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (place, session) in parents.iter().enumerate() {
        places.entry(session.about.session.clone()).or_insert(place);
    }
    for child in children {
        match places.get(&child.about.parent).and_then(|place| parents.get_mut(*place)) {
            Some(parent) => parent.absorb(child),
            // Its parent's transcript is not among those: it stands for itself.
            None => parents.push(child),
        }
    }
    parents
}

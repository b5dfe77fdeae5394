//! What was noted, added up over all sessions.
//!
//! *Invariant:* what is written down twice is counted once: a session that went on in a second file takes its old lines
//! along, with their times. *Invariant:* bounded: lessons, places and remembered moments.

use super::lesson::{Lesson, Occurrence, Sign};
use crate::units::{Millis, Tokens};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Places that are shown of one lesson: the newest.
const PLACES: usize = 8;

/// Lessons that are kept; more are not noted.
const LESSONS: usize = 20_000;

/// Moments and sessions of one lesson that are told apart.
const MOMENTS: usize = 10_000;

/// How often a lesson was seen, where, and what it cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// How often.
    pub times: u64,
    /// In how many sessions; a sub-agent's belongs to its parent's.
    pub sessions: u64,
    /// Where: the newest, at most eight, the latest last.
    pub places: Vec<Place>,
    /// By which agents.
    pub agents: BTreeSet<Arc<str>>,
    /// Tokens that it cost, roughly.
    pub tokens: Tokens,
    /// Requests that it cost.
    pub turns: u64,
    /// When it was seen first, as far as it was written down.
    pub first: Option<Millis>,
    /// When it was seen last, as far as it was written down.
    pub last: Option<Millis>,
}

/// Where something was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The session's name.
    pub session: Arc<str>,
    /// Which agent wrote it.
    pub agent: Arc<str>,
    /// Line of its transcript.
    pub line: u64,
    /// When.
    pub at: Option<Millis>,
}

/// The evidence for each lesson of each project.
#[derive(Default)]
pub struct Book {
    rows: HashMap<(Arc<str>, Lesson), Row>,
}

/// What is known of one lesson.
#[derive(Default)]
pub(super) struct Row {
    /// What speaks for it.
    pub(super) evidence: Evidence,
    /// When something last spoke against it.
    pub(super) against: Option<Millis>,
    /// How often something spoke against it.
    pub(super) times_against: u64,
    moments: HashSet<(i64, bool)>,
    sessions: HashSet<Arc<str>>,
}

impl Book {
    /// Adds one occurrence.
    pub fn add(&mut self, occurrence: Occurrence) {
        let key = (occurrence.project.clone(), occurrence.lesson.clone());
        if LESSONS <= self.rows.len() && !self.rows.contains_key(&key) {
            return;
        }
        self.rows.entry(key).or_default().add(&occurrence);
    }

    /// Every lesson with its row, in the order of project and lesson.
    pub(super) fn rows(&self) -> Vec<(&Arc<str>, &Lesson, &Row)> {
        let mut rows: Vec<_> =
            self.rows.iter().map(|((project, lesson), row)| (project, lesson, row)).collect();
        rows.sort_by(|one, other| (one.0, one.1).cmp(&(other.0, other.1)));
        rows
    }
}

impl Row {
    fn add(&mut self, occurrence: &Occurrence) {
        let speaks_for = occurrence.sign == Sign::For;
        if let Some(at) = occurrence.at {
            let is_new = MOMENTS <= self.moments.len() || self.moments.insert((at.0, speaks_for));
            if !is_new {
                return;
            }
        }
        if !speaks_for {
            self.times_against += 1;
            self.against = self.against.max(occurrence.at);
            return;
        }
        if self.sessions.len() < MOMENTS {
            self.sessions.insert(occurrence.session.clone());
        }
        self.evidence.add(occurrence);
        self.evidence.sessions = self.sessions.len() as u64;
    }
}

impl Evidence {
    fn add(&mut self, occurrence: &Occurrence) {
        self.times += 1;
        self.tokens += occurrence.tokens;
        self.turns += occurrence.turns;
        self.agents.insert(occurrence.agent.clone());
        if let Some(at) = occurrence.at {
            self.first = Some(self.first.map_or(at, |first| first.min(at)));
            self.last = self.last.max(Some(at));
        }
        let place = Place {
            session: occurrence.session.clone(),
            agent: occurrence.agent.clone(),
            line: occurrence.line,
            at: occurrence.at,
        };
        let after = self.places.partition_point(|known| known.at <= place.at);
        self.places.insert(after, place);
        if PLACES < self.places.len() {
            self.places.remove(0);
        }
    }

    /// What the lesson is worth: tokens and turns that it cost, halved for each month since it was seen last.
    pub fn worth(&self, now: Millis) -> f64 {
        /// Tokens that a needless request costs on top of its own: it reads the whole history again, from the cache.
        const TURN: f64 = 2_000.0;
        const MONTH: f64 = 30.0 * 86_400_000.0;
        let age = self.last.map_or(0.0, |last| now.0.saturating_sub(last.0).max(0) as f64);
        (self.tokens.0 as f64 + self.turns as f64 * TURN) * 0.5_f64.powf(age / MONTH)
    }
}

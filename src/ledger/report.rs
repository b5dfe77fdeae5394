//! What was saved, summed up: every view is derived from the one record.
//!
//! One pass over the requests gives each its worth; groups and total are sums of
//! the same worths, so no two views can differ. *Invariant:* a retried or failed
//! request is not counted as a saving; nothing is counted twice.

mod machine;

pub use machine::SCHEMA;

use super::calibration::{self, Calibration};
use super::money::{self, Money, Standing, Worth};
use super::price::{Exact, Prices};
use crate::receipt::Usage;
use crate::refusal::Refusal;
use crate::store::{Filter, KindRow, RequestRow, Store, StoreError};
use crate::text::{self, counted};
use crate::tokens::Vocabulary;
use crate::units::{Chain, MicroUsd, Millis, SessionId, Tokens};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What the requests are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The client's session.
    Session,
    /// The folder the agent works in.
    Project,
    /// The agent.
    Agent,
    /// The model.
    Model,
    /// The day, where the reader is.
    Day,
}

impl By {
    /// The word for it in JSON and CSV.
    pub fn name(self) -> &'static str {
        match self {
            By::Session => "session",
            By::Project => "project",
            By::Agent => "agent",
            By::Model => "model",
            By::Day => "day",
        }
    }
}

/// Everything that `stats` shows.
#[derive(Clone, Debug)]
pub struct Report {
    /// What the requests are grouped by.
    pub by: By,
    /// The groups, in the order of their last request.
    pub groups: Vec<Group>,
    /// All of them together.
    pub total: Sums,
    /// What each compressor did to which kind of content; the most tokens first.
    pub kinds: Vec<KindRow>,
    /// How often each refusal was met.
    pub refusals: BTreeMap<Refusal, u64>,
    /// What failed outside any one block.
    pub faults: BTreeMap<Refusal, u64>,
    /// The sessions whose breaker opened: when and why.
    pub breakers: Vec<(SessionId, Millis, String)>,
    /// How many originals were given back.
    pub retrievals: u64,
    /// Source and date of the prices.
    pub prices: Option<(String, String)>,
    /// What the tokens of models without a public vocabulary are to o200k's, from their latest requests.
    pub calibrations: BTreeMap<String, Calibration>,
}

/// The requests that have one thing in common.
#[derive(Clone, Debug)]
pub struct Group {
    /// What they have in common: a session's id, a folder, `2026-11-20`.
    pub name: String,
    /// The agents that sent them.
    pub agents: BTreeSet<String>,
    /// The folders those work in.
    pub projects: BTreeSet<String>,
    /// The models asked, with their input tokens.
    pub models: BTreeMap<String, u64>,
    /// When the first of them came.
    pub first: Millis,
    /// When the last of them came.
    pub last: Millis,
    /// Their sums.
    pub sums: Sums,
}

/// Sums over requests. Tokens of answered requests only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// All requests.
    pub requests: u64,
    /// Those that cost nothing and saved nothing.
    pub failed: u64,
    /// Those whose answer carried no usage: not in the token sums below.
    pub unmetered: u64,
    /// Net tokens taken out of those, in o200k.
    pub unmetered_net: i64,
    /// What the provider counted.
    pub usage: Usage,
    /// Tokens taken out of blocks when they were first sent, in o200k.
    pub first: i64,
    /// Tokens taken out of blocks that were sent before, in o200k.
    pub replayed: i64,
    /// Tokens that our own tool, originals given back and requests that only fetched one took.
    pub costs: i64,
    /// Net tokens saved as the provider counts them, an estimate; over the requests of which it is known.
    pub calibrated: i64,
    /// How many requests saved or cost tokens of which it is not known.
    pub uncalibrated: u64,
    /// Money saved, net, over the requests whose money is known.
    pub saved: Exact,
    /// What those requests cost as they were sent.
    pub spent: Exact,
    /// How many requests have known money.
    pub priced: u64,
    /// How many were answered and have unknown money.
    pub unpriced: u64,
    /// How many a subscription covers.
    pub subscription: u64,
}

impl Sums {
    /// Tokens that were sent, as the provider counts.
    pub fn sent(&self) -> i64 {
        money::signed(self.usage.input())
    }

    /// Tokens saved, net; negative when we cost more than we saved.
    pub fn net(&self) -> i64 {
        self.first + self.replayed - self.costs
    }

    /// Net tokens saved as the provider counts them, an estimate; `None` when that is not known of all.
    pub fn net_calibrated(&self) -> Option<i64> {
        (self.uncalibrated == 0).then_some(self.calibrated)
    }

    /// Tokens that the client wanted to send: what would have been sent without us.
    pub fn wanted(&self) -> i64 {
        self.sent() + self.net()
    }

    /// Net money saved; `None` when it is known of no request.
    pub fn money(&self) -> Option<MicroUsd> {
        (0 < self.priced).then(|| self.saved.rounded())
    }

    fn add(&mut self, row: &RequestRow, worth: &Worth, calibrations: &BTreeMap<String, Calibration>) {
        self.requests += 1;
        match money::standing(row) {
            Standing::Failed => self.failed += 1,
            Standing::Unmetered => {
                self.unmetered += 1;
                self.unmetered_net += worth.first + worth.replayed - worth.costs;
            }
            Standing::Metered(usage) => {
                self.usage.uncached += usage.uncached;
                self.usage.cache_read += usage.cache_read;
                self.usage.cache_write_5m += usage.cache_write_5m;
                self.usage.cache_write_1h += usage.cache_write_1h;
                self.usage.output += usage.output;
                self.first += worth.first;
                self.replayed += worth.replayed;
                self.costs += worth.costs;
                let net = worth.first + worth.replayed - worth.costs;
                // The whole input of a request is the provider's own count; so are tokens of a public vocabulary.
                if row.only_gives_back || Vocabulary::of_model(&row.model).is_some() {
                    self.calibrated += net;
                } else if let Some(calibration) = calibrations.get(&row.model) {
                    self.calibrated += calibration.of(net);
                } else {
                    self.uncalibrated += u64::from(net != 0);
                }
            }
        }
        match worth.money {
            Money::Known { net, spent } => {
                self.priced += 1;
                self.saved = self.saved + net;
                self.spent = self.spent + spent;
            }
            Money::Unknown => self.unpriced += 1,
            Money::Subscription => self.subscription += 1,
            Money::Nothing => {}
        }
    }
}

impl Report {
    /// Reads the part of the record that `filter` lets through. Days are those of `zone`.
    ///
    /// # Errors
    /// [`StoreError`] when the record can't be read.
    pub fn read(
        store: &Store,
        filter: &Filter,
        by: By,
        prices: &Prices,
        zone: &TimeZone,
    ) -> Result<Report, StoreError> {
        let calibrations = calibration::of(store.volumes(calibration::SMALLEST, calibration::LOOKED_AT)?);
        let mut tally = Tally::new(by, prices, zone, calibrations.clone());
        store.each_request(filter, |row| tally.add(&row))?;
        let (groups, total) = tally.sums();
        let breakers = store.sessions(filter)?.into_iter().filter_map(|session| {
            let (at, why) = session.breaker?;
            Some((session.session, at, why))
        });
        Ok(Report {
            by,
            groups,
            total,
            kinds: store.kinds(filter)?,
            refusals: store.refusals(filter)?,
            faults: store.faults(filter)?,
            breakers: breakers.collect(),
            retrievals: store.retrievals(filter)?.len() as u64,
            prices: stamp(prices),
            calibrations,
        })
    }

    /// The sums alone.
    ///
    /// # Errors
    /// [`StoreError`] when the record can't be read.
    pub fn total(store: &Store, filter: &Filter, prices: &Prices) -> Result<Sums, StoreError> {
        let anywhere = TimeZone::UTC;
        let mut tally = Tally::new(By::Agent, prices, &anywhere, BTreeMap::new());
        store.each_request(filter, |row| tally.add(&row))?;
        Ok(tally.total)
    }

    /// The report over no requests.
    pub fn nothing(by: By, prices: &Prices) -> Report {
        Report {
            by,
            groups: Vec::new(),
            total: Sums::default(),
            kinds: Vec::new(),
            refusals: BTreeMap::new(),
            faults: BTreeMap::new(),
            breakers: Vec::new(),
            retrievals: 0,
            prices: stamp(prices),
            calibrations: BTreeMap::new(),
        }
    }

    /// Why nothing was taken out; `None` when something was, or when there was no request at all.
    pub fn why_nothing(&self) -> Option<String> {
        let total = &self.total;
        if total.requests == 0 || total.first + total.replayed != 0 || total.unmetered_net != 0 {
            return None;
        }
        if total.failed == total.requests {
            return Some("no request was answered".to_owned());
        }
        let decided = |refusal: &Refusal| *refusal != Refusal::AlreadySent;
        let mut reasons: Vec<(Refusal, u64)> = self
            .refusals
            .iter()
            .filter(|(refusal, _)| decided(refusal))
            .map(|(refusal, count)| (*refusal, *count))
            .collect();
        reasons.sort_by_key(|(refusal, count)| (!refusal.is_fault(), std::cmp::Reverse(*count), *refusal));
        if reasons.is_empty() {
            return Some(match self.refusals.get(&Refusal::AlreadySent) {
                Some(_) => "every tool output had been sent before headroom was there".to_owned(),
                None => "no request carried a new tool output".to_owned(),
            });
        }
        let reasons: Vec<String> = reasons
            .iter()
            .take(3)
            .map(|(refusal, count)| format!("{count} × {}", refusal.meaning()))
            .collect();
        Some(reasons.join("; "))
    }
}

impl Group {
    /// The model that most of the input went to, and how many others there were.
    pub fn main_model(&self) -> (&str, usize) {
        let main = self.models.iter().max_by_key(|(_, tokens)| **tokens).map_or("", |(model, _)| model);
        (main, self.models.len().saturating_sub(1))
    }
}

fn stamp(prices: &Prices) -> Option<(String, String)> {
    prices.stamp().map(|(source, as_of)| (source.to_string(), as_of.to_string()))
}

/// How many histories are remembered in order to find the call before a request that only gives back; it
/// follows within seconds.
const HISTORIES: usize = 10_000;

/// One pass over the requests: groups, and their sum.
struct Tally<'a> {
    by: By,
    prices: &'a Prices,
    zone: &'a TimeZone,
    calibrations: BTreeMap<String, Calibration>,
    /// The output of the last request of each history: the call, when the next one only gives back.
    outputs: HashMap<(SessionId, String, Option<Chain>), Tokens>,
    groups: BTreeMap<String, Group>,
    total: Sums,
}

impl<'a> Tally<'a> {
    fn new(
        by: By,
        prices: &'a Prices,
        zone: &'a TimeZone,
        calibrations: BTreeMap<String, Calibration>,
    ) -> Tally<'a> {
        let (outputs, groups, total) = Default::default();
        Tally { by, prices, zone, calibrations, outputs, groups, total }
    }

    /// Adds one request; they come in the order in which they were sent.
    fn add(&mut self, row: &RequestRow) {
        if HISTORIES < self.outputs.len() {
            self.outputs.clear();
        }
        let call = row.usage.and_then(|usage| {
            self.outputs.insert((row.session.clone(), row.model.clone(), row.preamble), usage.output)
        });
        let worth = money::worth(row, call, self.prices);
        self.total.add(row, &worth, &self.calibrations);
        let name = name_of(row, self.by, self.zone);
        let group = self.groups.entry(name).or_insert_with_key(|name| Group {
            name: name.clone(),
            agents: BTreeSet::new(),
            projects: BTreeSet::new(),
            models: BTreeMap::new(),
            first: row.at,
            last: row.at,
            sums: Sums::default(),
        });
        group.sums.add(row, &worth, &self.calibrations);
        group.first = group.first.min(row.at);
        group.last = group.last.max(row.at);
        group.agents.insert(row.agent.clone());
        group.projects.insert(row.project.clone());
        *group.models.entry(row.model.clone()).or_default() += row.usage.map_or(0, |usage| usage.input().0);
    }

    /// The groups in the order of their last request, and their sum.
    fn sums(self) -> (Vec<Group>, Sums) {
        let mut groups: Vec<Group> = self.groups.into_values().collect();
        groups.sort_by(|one, other| one.last.cmp(&other.last).then_with(|| one.name.cmp(&other.name)));
        (groups, self.total)
    }
}

fn name_of(row: &RequestRow, by: By, zone: &TimeZone) -> String {
    let known = |name: &str| if name.is_empty() { "unknown".to_owned() } else { name.to_owned() };
    match by {
        By::Session => row.session.0.clone(),
        By::Project => known(&row.project),
        By::Agent => known(&row.agent),
        By::Model => known(&row.model),
        By::Day => Timestamp::from_millisecond(row.at.0)
            .map_or_else(|_| "unknown".to_owned(), |at| at.to_zoned(zone.clone()).date().to_string()),
    }
}

/// The one line after a wrap: what `run` saved, net; `None` when it sent nothing.
pub fn run_line(store: &Store, run: &str, prices: &Prices) -> Option<String> {
    let filter = Filter { run: Some(run.to_owned()), ..Filter::default() };
    let report = Report::read(store, &filter, By::Session, prices, &TimeZone::UTC).ok()?;
    if report.total.requests == 0 {
        return None;
    }
    let saved = if report.total.net() == 0 && report.total.unmetered_net == 0 {
        "saved nothing".to_owned()
    } else {
        format!("saved {}", savings_said(&report.total))
    };
    let why = report.why_nothing().map(|why| format!(" ({why})")).unwrap_or_default();
    Some(format!("{saved}{why}; more: headroom stats"))
}

/// `84.2k tokens (27 %), $0.18 net at list prices`: what was saved, as one clause. A loss has a minus sign.
pub fn savings_said(sums: &Sums) -> String {
    let tokens = format!("{} tokens", text::short(sums.net() + sums.unmetered_net));
    let money = money_said(sums);
    let tokens = match text::share(sums.net(), sums.wanted()) {
        Some(share) if money.is_none() => format!("{tokens} ({share} of the context)"),
        Some(share) => format!("{tokens} ({share})"),
        None => tokens,
    };
    match money {
        Some(money) => format!("{tokens}, {money}"),
        None => tokens,
    }
}

/// `$0.18 net at list prices`, with what is not known beside it; `None` where a subscription covers everything.
pub fn money_said(sums: &Sums) -> Option<String> {
    match sums.money() {
        None if 0 < sums.unpriced => Some("money unknown".to_owned()),
        None => None,
        Some(net) if 0 < sums.unpriced => {
            let unpriced = counted(usize::try_from(sums.unpriced).unwrap_or(usize::MAX), "request");
            Some(format!("{} net at list prices ({unpriced} without a known price)", text::dollars(net)))
        }
        Some(net) => Some(format!("{} net at list prices", text::dollars(net))),
    }
}

#[cfg(test)]
mod tests;

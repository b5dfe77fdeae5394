//! What was saved, summed up: every view is derived from the one record.
//!
//! One pass over the requests gives each its worth; groups and total are sums of
//! the same worths, so no two views can differ. *Invariant:* a retried or failed
//! request is not counted as a saving; nothing is counted twice.

use super::money::{self, Money, Standing};
use super::price::Prices;
use crate::receipt::Usage;
use crate::refusal::Refusal;
use crate::store::{Filter, KindRow, RequestRow, Store, StoreError};
use crate::text::{self, counted};
use crate::units::{Chain, MicroUsd, Millis, SessionId, Tokens};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The version of the JSON that [`Report::json`] gives; counts up when a key changes its meaning or goes.
pub const SCHEMA: u32 = 1;

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
    /// Tokens saved, net of our own tool, of originals given back and of requests that only fetched one.
    pub net: i64,
    /// Money saved, net, over the requests whose money is known.
    pub saved: MicroUsd,
    /// What those requests cost as they were sent.
    pub spent: MicroUsd,
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

    /// Tokens taken out before sending.
    pub fn taken(&self) -> i64 {
        self.first + self.replayed
    }

    /// Tokens that the client wanted to send: what was sent and what was taken out.
    pub fn wanted(&self) -> i64 {
        self.sent() + self.taken()
    }

    /// Net money saved; `None` when it is known of no request.
    pub fn money(&self) -> Option<MicroUsd> {
        (0 < self.priced).then_some(self.saved)
    }

    fn add(&mut self, row: &RequestRow, call: Option<Tokens>, prices: &Prices) {
        let worth = money::worth(row, call, prices);
        let net = worth.first + worth.replayed - worth.costs;
        self.requests += 1;
        match money::standing(row) {
            Standing::Failed => self.failed += 1,
            Standing::Unmetered => {
                self.unmetered += 1;
                self.unmetered_net += net;
            }
            Standing::Metered(usage) => {
                self.usage.uncached += usage.uncached;
                self.usage.cache_read += usage.cache_read;
                self.usage.cache_write_5m += usage.cache_write_5m;
                self.usage.cache_write_1h += usage.cache_write_1h;
                self.usage.output += usage.output;
                self.first += money::signed(row.first_before) - money::signed(row.first_after);
                self.replayed += money::signed(row.replayed_before) - money::signed(row.replayed_after);
                self.net += net;
            }
        }
        match worth.money {
            Money::Known { net, spent } => {
                self.priced += 1;
                self.saved += net;
                self.spent += spent;
            }
            Money::Unknown => self.unpriced += 1,
            Money::Subscription => self.subscription += 1,
            Money::Nothing => {}
        }
    }
}

/// Tells a request that only gives back which call it answers to: the request before it in the same history.
#[derive(Debug, Default)]
struct Calls {
    outputs: HashMap<(SessionId, String, Option<Chain>), Tokens>,
}

impl Calls {
    fn before(&mut self, row: &RequestRow) -> Option<Tokens> {
        let usage = row.usage?;
        self.outputs.insert((row.session.clone(), row.model.clone(), row.preamble), usage.output)
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
        let requests = store.requests(filter)?;
        let (groups, total) = grouped(&requests, by, prices, zone);
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
            prices: prices.stamp().map(|(source, as_of)| (source.to_string(), as_of.to_string())),
        })
    }

    /// Why nothing was saved; `None` when something was, or when there was no request at all.
    pub fn why_nothing(&self) -> Option<String> {
        let total = &self.total;
        if total.requests == 0 || total.taken() != 0 || total.unmetered_net != 0 {
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

    /// The whole report as JSON; `docs/stats-json.md` says what each key means.
    pub fn json(&self) -> Value {
        let counts = |counts: &BTreeMap<Refusal, u64>| -> Value {
            counts
                .iter()
                .map(
                    |(name, count)| json!({ "name": name.name(), "meaning": name.meaning(), "count": count }),
                )
                .collect()
        };
        json!({
            "schema": SCHEMA,
            "by": self.by.name(),
            "total": self.total.json(),
            "groups": self.groups.iter().map(|group| group.json(self.by)).collect::<Value>(),
            "compressors": self.kinds.iter().map(|row| json!({
                "kind": row.kind,
                "compressor": row.compressor,
                "blocks": row.blocks,
                "tokens_before": row.tokens_before.0,
                "tokens_after": row.tokens_after.0,
                "retrievals": row.retrievals,
            })).collect::<Value>(),
            "retrievals": self.retrievals,
            "refusals": counts(&self.refusals),
            "faults": counts(&self.faults),
            "breakers": self.breakers.iter().map(|(session, at, why)| json!({
                "session": session.0, "at_ms": at.0, "why": why,
            })).collect::<Value>(),
            "why_nothing_saved": self.why_nothing(),
            "prices": self.prices.as_ref().map(|(source, as_of)| json!({ "source": source, "as_of": as_of })),
        })
    }
}

impl Group {
    /// The model that most of the input went to, and how many others there were.
    pub fn main_model(&self) -> (&str, usize) {
        let main = self.models.iter().max_by_key(|(_, tokens)| **tokens).map_or("", |(model, _)| model);
        (main, self.models.len().saturating_sub(1))
    }

    fn json(&self, by: By) -> Value {
        let mut value = json!({
            "name": self.name,
            "by": by.name(),
            "agents": self.agents,
            "projects": self.projects,
            "models": self.models.keys().collect::<Vec<_>>(),
            "first_ms": self.first.0,
            "last_ms": self.last.0,
        });
        if let (Some(group), Value::Object(sums)) = (value.as_object_mut(), self.sums.json()) {
            group.extend(sums);
        }
        value
    }
}

impl Sums {
    fn json(&self) -> Value {
        let read = self.usage.cache_read.0;
        let input = self.usage.input().0;
        json!({
            "requests": { "all": self.requests, "failed": self.failed, "unmetered": self.unmetered },
            "tokens": {
                "wanted": self.wanted(),
                "sent": self.sent(),
                "out": self.usage.output.0,
                "taken_out_first_sight": self.first,
                "taken_out_replayed": self.replayed,
                "net_saved": self.net,
                "net_saved_unmetered": self.unmetered_net,
                "uncached": self.usage.uncached.0,
                "cache_read": read,
                "cache_write_5m": self.usage.cache_write_5m.0,
                "cache_write_1h": self.usage.cache_write_1h.0,
            },
            "cache_hit_per_mille": (0 < input).then(|| u128::from(read) * 1_000 / u128::from(input)).map(|hits| hits as u64),
            "money": {
                "net_saved_microusd": self.money().map(|MicroUsd(net)| net),
                "spent_microusd": self.money().map(|_| self.spent.0),
                "priced_requests": self.priced,
                "unpriced_requests": self.unpriced,
                "subscription_requests": self.subscription,
            },
        })
    }
}

/// One pass: the groups in the order of their last request, and their sum.
fn grouped(requests: &[RequestRow], by: By, prices: &Prices, zone: &TimeZone) -> (Vec<Group>, Sums) {
    let mut calls = Calls::default();
    let mut total = Sums::default();
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for row in requests {
        let call = calls.before(row);
        total.add(row, call, prices);
        let name = name_of(row, by, zone);
        let group = groups.entry(name.clone()).or_insert_with(|| Group {
            name,
            agents: BTreeSet::new(),
            projects: BTreeSet::new(),
            models: BTreeMap::new(),
            first: row.at,
            last: row.at,
            sums: Sums::default(),
        });
        group.sums.add(row, call, prices);
        group.first = group.first.min(row.at);
        group.last = group.last.max(row.at);
        group.agents.insert(row.agent.clone());
        group.projects.insert(row.project.clone());
        *group.models.entry(row.model.clone()).or_default() += row.usage.map_or(0, |usage| usage.input().0);
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by(|one, other| one.last.cmp(&other.last).then_with(|| one.name.cmp(&other.name)));
    (groups, total)
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
    let said = match report.why_nothing() {
        Some(why) => format!("nothing was saved: {why}"),
        None => savings_said(&report.total),
    };
    Some(format!("{said}; more: headroom stats"))
}

/// `84.2k tokens saved (27 %), $0.18 net`: what was saved, as one clause.
pub fn savings_said(sums: &Sums) -> String {
    let net = sums.net + sums.unmetered_net;
    let share = match text::share(sums.net, sums.wanted()) {
        Some(share) => format!(" ({share})"),
        None => String::new(),
    };
    let tokens = if net < 0 {
        format!("{} tokens more than without headroom{share}", text::short(-net))
    } else {
        format!("{} tokens saved{share}", text::short(net))
    };
    match money_said(sums) {
        Some(money) => format!("{tokens}, {money}"),
        None => tokens,
    }
}

/// `$0.18 net`, with what is not known beside it; `None` where a subscription covers everything.
pub fn money_said(sums: &Sums) -> Option<String> {
    let unpriced = || counted(usize::try_from(sums.unpriced).unwrap_or(usize::MAX), "request");
    match sums.money() {
        None if 0 < sums.unpriced => Some("money unknown (no price for the model)".to_owned()),
        None => None,
        Some(net) if 0 < sums.unpriced => {
            Some(format!("{} net and {} without a known price", text::dollars(net), unpriced()))
        }
        Some(net) => Some(format!("{} net", text::dollars(net))),
    }
}

#[cfg(test)]
mod tests;

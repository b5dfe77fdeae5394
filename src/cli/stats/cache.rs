//! `headroom stats --cache`: whose it was that the provider read less from its prompt cache than it could have.

use super::{first_letters, requests};
use crate::cli::term;
use crate::ledger::misses;
use crate::ledger::price::{Exact, Prices};
use crate::receipt::{Billing, MissCause};
use crate::store::{Filter, RequestRow, Store, StoreError};
use crate::text;
use crate::units::{SessionId, Tokens};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Sessions that are shown, those that missed most.
const SHOWN: usize = 10;

/// What was read, and what was missed, summed up.
#[derive(Debug, Default)]
pub(super) struct Misses {
    /// Requests that were answered with usage.
    answered: u64,
    read: Tokens,
    input: Tokens,
    total: Sum,
    causes: BTreeMap<MissCause, Sum>,
    sessions: BTreeMap<SessionId, BTreeMap<MissCause, Sum>>,
}

/// Misses that have one thing in common.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    times: u64,
    tokens: u64,
    cost: Exact,
    /// Misses whose cost is not known.
    unpriced: u64,
    /// Misses that a subscription covers.
    flat: u64,
}

impl Sum {
    fn add(&mut self, row: &RequestRow, tokens: Tokens, prices: &Prices) {
        self.times += 1;
        self.tokens += tokens.0;
        if row.billing == Billing::Subscription {
            self.flat += 1;
        } else if let Some(cost) = misses::cost(row, prices) {
            self.cost = self.cost + cost;
        } else {
            self.unpriced += 1;
        }
    }

    fn plus(&mut self, other: &Sum) {
        self.times += other.times;
        self.tokens += other.tokens;
        self.cost = self.cost + other.cost;
        self.unpriced += other.unpriced;
        self.flat += other.flat;
    }

    /// Money in a cell, as `stats` says it.
    fn money(&self) -> String {
        let known = self.times - self.unpriced - self.flat;
        match (known, self.unpriced, self.flat) {
            (0, 0, 0) => "–".to_owned(),
            (0, 0, _) => "flat".to_owned(),
            (0, ..) => "?".to_owned(),
            (_, 0, _) => text::dollars(self.cost.rounded()),
            _ => format!("{} + ?", text::dollars(self.cost.rounded())),
        }
    }

    fn json(&self) -> Value {
        let known = 0 < self.times - self.unpriced - self.flat;
        json!({
            "times": self.times,
            "tokens": self.tokens,
            "cost_microusd": known.then(|| self.cost.rounded().0),
            "unpriced": self.unpriced,
            "subscription": self.flat,
        })
    }
}

impl Misses {
    /// Reads the part of the record that `filter` lets through.
    pub(super) fn read(store: &Store, filter: &Filter, prices: &Prices) -> Result<Misses, StoreError> {
        let mut misses = Misses::default();
        store.each_request(filter, |row| misses.add(&row, prices))?;
        Ok(misses)
    }

    fn add(&mut self, row: &RequestRow, prices: &Prices) {
        let Some(usage) = row.usage else { return };
        self.answered += 1;
        self.read += usage.cache_read;
        self.input += usage.input();
        let Some(miss) = row.miss else { return };
        self.total.add(row, miss.tokens, prices);
        self.causes.entry(miss.cause).or_default().add(row, miss.tokens, prices);
        let causes = self.sessions.entry(row.session.clone()).or_default();
        causes.entry(miss.cause).or_default().add(row, miss.tokens, prices);
    }

    /// For people.
    pub(super) fn show(&self) {
        if self.answered == 0 {
            term::say(format_args!("Nothing is recorded yet. {}", super::NOTHING_YET));
            return;
        }
        let share =
            text::share(signed(self.read.0), signed(self.input.0)).unwrap_or_else(|| "none".to_owned());
        let what = format!(
            "{} answered; {share} of what they sent was read from the provider's cache.",
            requests(self.answered)
        );
        if self.total.times == 0 {
            term::say(format_args!("{what}\nNone read less than it could have."));
            return;
        }
        term::heading("Cache misses");
        term::say(self.causes());
        term::say("");
        term::heading("By session");
        term::say(self.by_session());
        term::say("");
        term::say(what);
        let ours = self.causes.iter().filter(|(cause, _)| cause.whose() == crate::receipt::Whose::Ours);
        let ours: u64 = ours.map(|(_, sum)| sum.times).sum();
        match ours {
            0 => term::say("None of the misses was headroom's own doing."),
            ours => {
                term::say(format_args!("{ours} of {} misses were headroom's own doing.", self.total.times))
            }
        }
        term::say(
            "missed: tokens that an earlier request had left in the cache and that were not read; cost: what they",
        );
        term::say("cost more than they would have. Subscriptions have no cost (flat).");
    }

    fn causes(&self) -> String {
        let mut table = term::table(&["whose", "cause", "times", "missed", "cost", "meaning"]);
        term::align_right(&mut table, 2..5);
        let mut causes: Vec<_> = self.causes.iter().collect();
        causes.sort_by_key(|(cause, sum)| (cause.whose(), std::cmp::Reverse(sum.tokens)));
        for (cause, sum) in causes {
            table.add_row([
                cause.whose().name().to_owned(),
                cause.name().to_owned(),
                text::short(signed(sum.times)),
                text::short(signed(sum.tokens)),
                sum.money(),
                cause.meaning().to_owned(),
            ]);
        }
        table.add_row([
            "total".to_owned(),
            String::new(),
            text::short(signed(self.total.times)),
            text::short(signed(self.total.tokens)),
            self.total.money(),
            String::new(),
        ]);
        term::drawn(&table)
    }

    fn by_session(&self) -> String {
        let mut table = term::table(&["session", "times", "missed", "cost", "most by"]);
        term::align_right(&mut table, 1..4);
        let mut sessions: Vec<(&SessionId, Sum, MissCause)> = Vec::new();
        for (session, causes) in &self.sessions {
            let mut sum = Sum::default();
            causes.values().for_each(|cause| sum.plus(cause));
            let most = causes.iter().max_by_key(|(_, sum)| sum.tokens);
            if let Some((most, _)) = most {
                sessions.push((session, sum, *most));
            }
        }
        sessions.sort_by_key(|(session, sum, _)| (std::cmp::Reverse(sum.tokens), *session));
        for (session, sum, most) in sessions.iter().take(SHOWN) {
            table.add_row([
                first_letters(&session.0, 8),
                text::short(signed(sum.times)),
                text::short(signed(sum.tokens)),
                sum.money(),
                format!("{} ({})", most.name(), most.whose().name()),
            ]);
        }
        let mut drawn = term::drawn(&table);
        if SHOWN < sessions.len() {
            drawn.push_str(&format!("\nand {} more", sessions.len() - SHOWN));
        }
        drawn
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let causes = |causes: &BTreeMap<MissCause, Sum>| -> Value {
            let one = |(cause, sum): (&MissCause, &Sum)| {
                let mut value = sum.json();
                value["cause"] = cause.name().into();
                value["whose"] = cause.whose().name().into();
                value["meaning"] = cause.meaning().into();
                value
            };
            causes.iter().map(one).collect()
        };
        let sessions = self.sessions.iter().map(|(id, its)| json!({"session": id.0, "causes": causes(its)}));
        json!({
            "schema": 1,
            "answered": self.answered,
            "cache_read": self.read.0,
            "input": self.input.0,
            "total": self.total.json(),
            "causes": causes(&self.causes),
            "sessions": sessions.collect::<Vec<_>>(),
        })
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

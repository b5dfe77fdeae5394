//! The report for programs: JSON and CSV.
//!
//! `docs/stats-json.md` says what each key means. Whole numbers only; what is
//! not known is null in JSON and empty in CSV.

use super::{By, Group, Report, Sums};
use crate::refusal::Refusal;
use crate::units::MicroUsd;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The version of the JSON that [`Report::json`] gives; counts up when a key changes its meaning or goes.
pub const SCHEMA: u32 = 1;

impl Report {
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
            "calibration": self.calibrations.iter().map(|(model, calibration)| json!({
                "model": model,
                "provider_tokens_per_1000_o200k": calibration.per_thousand,
                "requests": calibration.requests,
            })).collect::<Value>(),
            "prices": self.prices.as_ref().map(|(source, as_of)| json!({ "source": source, "as_of": as_of })),
        })
    }

    /// The groups as CSV, a line each under a line of names (RFC 4180, lines ended by CR and LF).
    pub fn csv(&self) -> String {
        let mut lines = vec![COLUMNS.join(",")];
        for group in &self.groups {
            let value = group.json(self.by);
            let cells = COLUMNS.iter().map(|column| cell(found(&value, column)));
            lines.push(cells.collect::<Vec<_>>().join(","));
        }
        lines.join("\r\n") + "\r\n"
    }
}

/// The columns of the CSV: each is a key of a group, alone in it or in `requests`, `tokens` or `money`.
const COLUMNS: &[&str] = &[
    "by",
    "name",
    "agents",
    "projects",
    "models",
    "first_ms",
    "last_ms",
    "requests",
    "failed",
    "unmetered",
    "wanted",
    "sent",
    "out",
    "taken_out_first_sight",
    "taken_out_replayed",
    "costs",
    "net_saved",
    "net_saved_provider_estimate",
    "net_saved_unmetered",
    "uncached",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "cache_hit_per_mille",
    "net_saved_microusd",
    "spent_microusd",
    "priced_requests",
    "unpriced_requests",
    "subscription_requests",
];

fn found<'a>(group: &'a Value, column: &str) -> &'a Value {
    let inner = ["requests", "tokens", "money"].into_iter().find_map(|part| group[part].get(column));
    match column {
        "requests" => &group["requests"]["all"],
        _ => inner.unwrap_or(&group[column]),
    }
}

fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(";"),
        other => other.to_string(),
    };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

impl Group {
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
                "costs": self.costs,
                "net_saved": self.net(),
                "net_saved_provider_estimate": self.net_calibrated(),
                "net_saved_unmetered": self.unmetered_net,
                "uncached": self.usage.uncached.0,
                "cache_read": read,
                "cache_write_5m": self.usage.cache_write_5m.0,
                "cache_write_1h": self.usage.cache_write_1h.0,
            },
            "cache_hit_per_mille": (0 < input).then(|| u128::from(read) * 1_000 / u128::from(input)).map(|hits| hits as u64),
            "money": {
                "net_saved_microusd": self.money().map(|MicroUsd(net)| net),
                "spent_microusd": self.money().map(|_| self.spent.rounded().0),
                "priced_requests": self.priced,
                "unpriced_requests": self.unpriced,
                "subscription_requests": self.subscription,
            },
        })
    }
}

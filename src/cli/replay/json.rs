//! What came of a replay, for programs. The keys are told in docs/replay-json.md.

use super::View;
use crate::ledger::price::Exact;
use crate::receipt::Usage;
use crate::replay::advice::{self, Advice};
use crate::replay::fit::Basis;
use crate::replay::session::{Figures, Session};
use crate::replay::tools::ToolRow;
use crate::replay::totals::{self, Total};
use crate::rewrite::Profile;
use serde_json::{Value, json};

/// All of it.
pub fn of(view: &View<'_>) -> Value {
    let sessions = &view.replayed.sessions;
    let totals: Vec<Value> = view
        .profiles
        .iter()
        .filter_map(|profile| totals::total(sessions, *profile))
        .map(|total| sum(&total))
        .collect();
    let unreadable: Vec<String> = view.replayed.unreadable.iter().map(ToString::to_string).collect();
    json!({
        "schema": 1,
        "sessions": sessions.iter().map(session).collect::<Vec<_>>(),
        "totals": totals,
        "advice": advice::of(sessions).iter().map(said).collect::<Vec<_>>(),
        "unreadable": unreadable,
        "not_looked_at": view.replayed.left,
        "prices": view.prices.stamp().map(|(source, as_of)| json!({"source": source, "as_of": as_of})),
    })
}

fn session(session: &Session) -> Value {
    let with: Vec<Value> = session
        .with
        .iter()
        .map(|with| {
            let saved = session.direct.money.zip(with.figures.money).map(|(direct, with)| direct - with);
            json!({
                "profile": name(with.profile),
                "cost": figures(&with.figures),
                "saved_microusd": micro(saved),
                "asked_back": with.asked_back,
                "tools": with.tools.iter().map(tool).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "session": session.about.session,
        "agent": session.about.agent,
        "model": session.model,
        "folder": session.about.folder,
        "file": session.path,
        "began_ms": session.began.map(|at| at.0),
        "through_headroom": session.through.map(name),
        "recorded": session.recorded.as_ref().map(figures),
        "direct": figures(&session.direct),
        "with": with,
        "fit": {
            "basis": basis(session.basis),
            "provider_tokens_per_10000": session.scale,
            "ahead_of_history": session.preamble,
            "tested_requests": session.test.map_or(0, |test| test.requests),
            "tokens_off_per_mille": session.test.map(|test| test.tokens_off),
            "money_off_per_mille": session.test.and_then(|test| test.money_off),
            "fits": session.test.is_some_and(|test| test.fits()),
        },
        "unreadable_lines": session.skipped.unreadable,
        "unknown_records": session.skipped.unknown,
    })
}

fn sum(total: &Total) -> Value {
    json!({
        "profile": name(total.profile),
        "direct": figures(&total.direct),
        "with": figures(&total.with),
        "priced_direct_microusd": micro(total.money.map(|(direct, _)| direct)),
        "saved_microusd": micro(total.money.map(|(_, saved)| saved)),
        "saved_per_myriad": total.money.map(|(direct, saved)| totals::share(saved.0, direct.0)),
        "saved_per_myriad_interval": total.interval.map(|(low, high)| json!([low, high])),
        "asked_back": total.asked_back,
        "sessions_with_a_loss": total.losses,
        "sessions_without_price": total.unpriced,
        "tools": total.tools.iter().map(tool).collect::<Vec<_>>(),
    })
}

fn tool(row: &ToolRow) -> Value {
    json!({
        "tool": row.tool,
        "shortened": row.blocks,
        "tokens_before": row.before,
        "tokens_after": row.after,
        "saved_microusd": micro(row.saved),
    })
}

fn figures(figures: &Figures) -> Value {
    let Usage { uncached, cache_read, cache_write_5m, cache_write_1h, output } = figures.usage;
    json!({
        "requests": figures.requests,
        "input": figures.usage.input().0,
        "uncached": uncached.0,
        "cache_read": cache_read.0,
        "cache_write_5m": cache_write_5m.0,
        "cache_write_1h": cache_write_1h.0,
        "output": output.0,
        "cache_hit_per_mille": totals::read_share(&figures.usage),
        "microusd": micro(figures.money),
    })
}

fn said(advice: &Advice) -> Value {
    match advice {
        Advice::Keep { minutes, asked, instead, sessions } => json!({
            "what": "cache_ttl",
            "minutes": minutes,
            "asked_microusd": asked.rounded().0,
            "instead_microusd": instead.rounded().0,
            "sessions": sessions,
        }),
        Advice::ReadAgain { file, times, tokens } => {
            json!({"what": "read_again", "file": file, "times": times, "tokens": tokens})
        }
        Advice::Window { compactions, tools } => json!({
            "what": "window",
            "compactions": compactions,
            "tools": tools.iter().map(|(tool, share)| json!({"tool": tool, "per_mille": share})).collect::<Vec<_>>(),
        }),
    }
}

fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Exact => "exact",
        Basis::Line(_) => "line",
        Basis::Few(_) => "few_requests",
        Basis::Nothing => "no_usage",
    }
}

fn name(profile: usize) -> &'static str {
    Profile::NAMES.get(profile).copied().unwrap_or("")
}

fn micro(money: Option<Exact>) -> Option<i64> {
    money.map(|money| money.rounded().0)
}

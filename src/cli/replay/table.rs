//! What came of a replay, for people.

use super::View;
use crate::cli::term;
use crate::ledger::price::Exact;
use crate::replay::advice::{self, Advice};
use crate::replay::fit::Basis;
use crate::replay::session::{MAY_BE_OFF, Session, With};
use crate::replay::totals::{self, Total};
use crate::rewrite::Profile;
use crate::text;
use crate::units::Tokens;

/// Sessions that are shown; all are in the totals.
const SHOWN: usize = 20;

/// Tools that are shown.
const TOOLS: usize = 8;

/// Prints all of it.
pub fn show(view: &View<'_>) {
    let sessions = &view.replayed.sessions;
    if sessions.is_empty() {
        term::say("No session with a request was found. `headroom replay FILE…` takes transcripts by name.");
        return;
    }
    let totals: Vec<Total> =
        view.profiles.iter().filter_map(|profile| totals::total(sessions, *profile)).collect();
    term::heading("Sessions");
    term::say(by_session(view, &totals));
    if let Some(main) =
        totals.iter().find(|total| total.profile == view.main).filter(|total| !total.tools.is_empty())
    {
        term::say("");
        term::heading(format_args!("By tool, {}", name(main.profile)));
        term::say(by_tool(main));
    }
    term::say("");
    term::heading("In all");
    totals.iter().for_each(|total| term::say(in_all(total, sessions)));
    let advice = advice::of(sessions);
    if !advice.is_empty() {
        term::say("");
        term::heading("Besides");
        advice.iter().for_each(|advice| term::say(said(advice)));
    }
    term::say("");
    remarks(view, &totals).iter().for_each(term::say);
}

fn by_session(view: &View<'_>, totals: &[Total]) -> String {
    let sessions = &view.replayed.sessions;
    let mut headings = vec!["session", "agent", "model", "req", "input", "recorded", "direct"];
    let words = 3;
    for &profile in view.profiles {
        headings.extend([name(profile), "saved"]);
    }
    headings.push("cache");
    let mut table = term::table(&headings);
    term::align_right(&mut table, words..headings.len());
    let older = sessions.len().saturating_sub(SHOWN);
    for session in sessions.iter().skip(older) {
        let mut row = vec![
            letters(&session.about.session),
            session.about.agent.clone(),
            if session.model.is_empty() { "unknown".to_owned() } else { session.model.clone() },
            short(session.direct.requests),
            short(session.direct.usage.input().0),
            session.recorded.as_ref().map_or_else(|| "–".to_owned(), |recorded| money(recorded.money)),
            format!("{}{}", doubt(session), money(session.direct.money)),
        ];
        for &profile in view.profiles {
            match with(session, profile) {
                Some(with) => row.extend([money(with.figures.money), saved(session, with)]),
                None => row.extend(["–".to_owned(), "–".to_owned()]),
            }
        }
        row.push(cache(&session.direct.usage, with(session, view.main).map(|with| &with.figures.usage)));
        table.add_row(row);
    }
    let Some(first) = totals.first() else { return term::drawn(&table) };
    let mut recorded = Some(Exact(0));
    for session in sessions {
        recorded =
            recorded.zip(session.recorded.as_ref().and_then(|recorded| recorded.money)).map(|(a, b)| a + b);
    }
    let mut row = vec![
        if older == 0 { "total".to_owned() } else { format!("total +{older}") },
        String::new(),
        String::new(),
        short(first.direct.requests),
        short(first.direct.usage.input().0),
        recorded.map_or_else(|| "–".to_owned(), |recorded| text::dollars(recorded.rounded())),
        money(first.money.map(|(direct, _)| direct)),
    ];
    for total in totals {
        let with = total.money.map(|(direct, saved)| direct - saved);
        row.extend([
            money(with),
            total.money.map_or_else(|| "–".to_owned(), |(direct, saved)| share(saved, direct)),
        ]);
    }
    let main = totals.iter().find(|total| total.profile == view.main);
    row.push(cache(&first.direct.usage, main.map(|total| &total.with.usage)));
    table.add_row(row);
    term::drawn(&table)
}

fn by_tool(total: &Total) -> String {
    let mut table = term::table(&["tool", "shortened", "before", "after", "saved", "net saved"]);
    term::align_right(&mut table, 1..6);
    let losses = total.tools.iter().filter(|row| row.saved.is_some_and(|saved| saved < Exact(0))).count();
    let shown = TOOLS.saturating_sub(losses.min(TOOLS / 2));
    let (first, last) = total.tools.split_at(total.tools.len().saturating_sub(losses.min(TOOLS / 2)));
    for row in first.iter().take(shown).chain(last) {
        let saved = row.before.saturating_sub(row.after);
        table.add_row([
            row.tool.clone(),
            short(row.blocks),
            short(row.before),
            short(row.after),
            text::share(signed(saved), signed(row.before)).unwrap_or_else(|| "–".to_owned()),
            money(row.saved),
        ]);
    }
    term::drawn(&table)
}

fn in_all(total: &Total, sessions: &[Session]) -> String {
    let name = name(total.profile);
    let input = |usage: &crate::receipt::Usage| signed(usage.input().0);
    let (direct, with) = (input(&total.direct.usage), input(&total.with.usage));
    let tokens = format!("{} of {} input tokens", text::short(direct - with), text::short(direct));
    let mut said = match total.money {
        Some((whole, saved)) => format!(
            "{name}: {} of {} saved ({}), {tokens}",
            text::dollars(saved.rounded()),
            text::dollars(whole.rounded()),
            share(saved, whole)
        ),
        None => format!("{name}: {tokens} saved; no price is known"),
    };
    if let Some((low, high)) = total.interval {
        said += &format!(
            "; 95 of 100 draws of {} lie between {} and {}",
            text::counted(sessions.len(), "session"),
            percent(low),
            percent(high)
        );
    }
    if 0 < total.asked_back {
        said +=
            &format!("; {} asked back, in the figures", text::counted(total.asked_back as usize, "original"));
    }
    if 0 < total.losses {
        said += &format!("; {} would have cost more", text::counted(total.losses, "session"));
    }
    said + "."
}

fn said(advice: &Advice) -> String {
    match advice {
        Advice::Keep { minutes, asked, instead, sessions } => {
            let time = if *minutes == 60 { "an hour" } else { "five minutes" };
            format!(
                "Prompt cache kept for {time}: {} in place of {} ({}), without headroom, by the pauses in {}.",
                text::dollars(instead.rounded()),
                text::dollars(asked.rounded()),
                share(Exact(instead.0 - asked.0), *asked),
                text::counted(*sessions, "session"),
            )
        }
        Advice::ReadAgain { file, times, tokens } => {
            format!("Read {times} times: {file}; all but the first took {} tokens.", short(*tokens))
        }
        Advice::Window { compactions, tools } => {
            let tools: Vec<String> = tools
                .iter()
                .map(|(tool, share)| format!("{tool} {}", percent(signed(*share) * 10)))
                .collect();
            format!(
                "Before {} the window was filled by: {}.",
                text::counted(*compactions, "compaction"),
                tools.join(", ")
            )
        }
    }
}

/// What has to be said beside the figures.
fn remarks(view: &View<'_>, totals: &[Total]) -> Vec<String> {
    let sessions = &view.replayed.sessions;
    let mut remarks = Vec::new();
    let tested: Vec<&Session> = sessions.iter().filter(|session| session.test.is_some()).collect();
    let off: Vec<&Session> =
        tested.iter().copied().filter(|session| session.test.is_some_and(|test| !test.fits())).collect();
    match (tested.len(), off.len()) {
        (0, _) => remarks.push(
            "~: no usage was recorded, so nothing tells how good the simulation is: take these figures for estimates."
                .to_owned(),
        ),
        (all, 0) => remarks.push(format!(
            "The simulation fits: within {} % of what was recorded in {}.",
            MAY_BE_OFF / 10,
            text::counted(all, "session")
        )),
        (all, _) => {
            let worst = off.iter().filter_map(|session| session.test).map(|test| test.off()).max().unwrap_or(0);
            remarks.push(format!(
                "~: the simulation does not fit {} of {}: it is off by up to {}. Take those rows for estimates.",
                off.len(),
                text::counted(all, "session"),
                percent(signed(worst).saturating_mul(10)),
            ));
        }
    }
    let unknown = sessions.len() - tested.len();
    if 0 < unknown && !tested.is_empty() {
        remarks.push(format!("~: {} without recorded usage; estimates.", text::counted(unknown, "session")));
    }
    let through: Vec<String> = sessions
        .iter()
        .filter(|session| session.through.is_some())
        .map(|session| letters(&session.about.session))
        .collect();
    if !through.is_empty() {
        remarks.push(format!(
            "Recorded through headroom (what was recorded is with it): {}.",
            through.join(", ")
        ));
    }
    if totals.iter().any(|total| 0 < total.unpriced) {
        remarks.push(
            "?: no price of the model is known; not in the sums of money. A prices.toml takes your own."
                .to_owned(),
        );
    }
    let unreadable: u64 = sessions.iter().map(|session| session.skipped.unreadable).sum();
    if 0 < unreadable {
        remarks.push(format!("Passed over as unreadable: {}.", text::counted(unreadable as usize, "line")));
    }
    if 0 < view.replayed.left {
        remarks.push(format!("Stopped: {} not looked at.", text::counted(view.replayed.left, "transcript")));
    }
    if let Some((_, as_of)) = view.prices.stamp() {
        remarks.push(format!(
            "Money is at list prices of {as_of}; on a flat subscription it is only a measure."
        ));
    }
    remarks
}

fn name(profile: usize) -> &'static str {
    Profile::NAMES.get(profile).copied().unwrap_or("")
}

fn with(session: &Session, profile: usize) -> Option<&With> {
    session.with.iter().find(|with| with.profile == profile)
}

/// What marks figures that nothing vouches for.
fn doubt(session: &Session) -> &'static str {
    let sure = session.test.is_some_and(|test| test.fits()) && session.basis != Basis::Nothing;
    if sure { "" } else { "~" }
}

fn saved(session: &Session, with: &With) -> String {
    match session.direct.money.zip(with.figures.money) {
        Some((direct, with)) => share(direct - with, direct),
        None => "–".to_owned(),
    }
}

fn cache(direct: &crate::receipt::Usage, with: Option<&crate::receipt::Usage>) -> String {
    let share = |usage: &crate::receipt::Usage| {
        if usage.input() == Tokens(0) {
            "–".to_owned()
        } else {
            format!("{} %", (totals::read_share(usage) + 5) / 10)
        }
    };
    match with {
        Some(with) => format!("{} → {}", share(direct), share(with)),
        None => share(direct),
    }
}

fn money(money: Option<Exact>) -> String {
    money.map_or_else(|| "?".to_owned(), |money| text::dollars(money.rounded()))
}

fn share(part: Exact, whole: Exact) -> String {
    percent(totals::share(part.0, whole.0))
}

/// Hundredths of a per cent, to one decimal place.
fn percent(hundredths: i64) -> String {
    text::share(hundredths, 10_000).unwrap_or_default()
}

fn short(count: u64) -> String {
    text::short(signed(count))
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn letters(session: &str) -> String {
    if session.is_empty() { "–".to_owned() } else { session.chars().take(8).collect() }
}

//! `headroom stats`: what was saved, per session and in total, and what was left as it was.

mod cache;

use super::asked;
use super::term::{self, Failure, Verdict, exit};
use crate::config::{self, Config, Flags, quantity};
use crate::ledger::price::Prices;
use crate::ledger::report::{By, Group, Report, Sums};
use crate::store::{Control, Filter, SessionRow, Store};
use crate::text;
use crate::units::Millis;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use std::collections::HashSet;
use std::process::ExitCode;
use std::sync::Arc;

/// How many groups are shown; the older ones are in the total.
const SHOWN: usize = 20;

/// What was typed after `stats`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Print JSON (its keys: docs/stats-json.md)
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV, a line for each group
    #[arg(long)]
    csv: bool,
    /// Only what was sent since then: 7d, 12h, 2026-11-01
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only the session whose id begins like this
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Show whose it was that the provider read less from its prompt cache than it could have
    #[arg(long, conflicts_with_all = ["csv", "by"])]
    cache: bool,
    /// What to group by
    #[arg(long, value_name = "WHAT", default_value = "session")]
    by: Grouping,
}

const AFTER_HELP: &str = "\
wanted     tokens the client wanted to send: what would have been sent without headroom
sent, out  tokens as the provider counts them
saved      how much of `wanted` was saved, net (what was taken out is counted with o200k)
cache      how much of `sent` the provider read from its prompt cache
net saved  money at list prices, each token at the price of its class; `?` where a price is not known

Net: less what our own tool, originals given back, and requests that only fetched them took.";

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Grouping {
    Session,
    Project,
    Agent,
    Model,
    Day,
}

impl From<Grouping> for By {
    fn from(by: Grouping) -> By {
        match by {
            Grouping::Session => By::Session,
            Grouping::Project => By::Project,
            Grouping::Agent => By::Agent,
            Grouping::Model => By::Model,
            Grouping::Day => By::Day,
        }
    }
}

/// Does it.
///
/// # Errors
/// What `main` prints.
pub fn run(args: Args) -> Verdict {
    let config = config::resolve(&Flags::default())?;
    let prices = prices(&config)?;
    let zone = TimeZone::system();
    let since = args.since.as_deref().map(|when| since(when, Timestamp::now(), &zone)).transpose()?;
    if args.cache {
        return show_cache(&config, &args, since, &prices);
    }
    let by = args.by.into();
    let mut asked = Vec::new();
    let report = match record(&config)? {
        None => Report::nothing(by, &prices),
        Some(store) => {
            asked = store.controls()?;
            let session =
                args.session.as_deref().map(|id| session(&store, id)).transpose()?.map(|row| row.session);
            let filter = Filter { since, session, ..Filter::default() };
            Report::read(&store, &filter, by, &prices, &zone)?
        }
    };
    if args.json {
        let mut json = report.json();
        json["controls"] = asked::json(&asked);
        term::say_json(&json);
    } else if args.csv {
        term::say_exactly(report.csv().as_bytes())?;
    } else if report.total.requests == 0 && since.is_some() {
        term::say(format_args!("No request was sent since then."));
    } else {
        show(&report);
        show_asked(&asked);
    }
    Ok(ExitCode::from(exit::OK))
}

/// What to do when there is nothing to show.
pub(super) const NOTHING_YET: &str = "Run an agent through headroom first, for example: headroom wrap claude";

/// The user's prices before the built-in ones. A slip in them is the user's to mend.
pub(super) fn prices(config: &Config) -> Result<Arc<Prices>, Failure> {
    Prices::with_file(&config.folders.prices_file())
        .map_err(|error| Failure::new(exit::USAGE, text::with_causes(&error), "see `headroom config path`"))
}

/// The store that holds the record; `None` when there is none yet.
pub(super) fn record(config: &Config) -> Result<Option<Arc<Store>>, Failure> {
    // The folder alone may hold launchers only; opening would make a store.
    if !config.data_dir().join("headroom.db").exists() {
        return Ok(None);
    }
    let opened = config.open_store();
    match opened.store {
        Some(store) => {
            opened.notices.iter().for_each(term::remark);
            Ok(Some(store))
        }
        None => Err(Failure::new(exit::FAILED, opened.notices.join("; "), "")),
    }
}

/// Prints the whole report.
pub fn show(report: &Report) {
    for (number, part) in parts(report).into_iter().enumerate() {
        if 0 < number {
            term::say("");
        }
        if !part.heading.is_empty() {
            term::heading(part.heading);
        }
        term::say(part.body);
    }
}

/// The view over the provider's cache.
fn show_cache(config: &Config, args: &Args, since: Option<Millis>, prices: &Prices) -> Verdict {
    let misses = match record(config)? {
        None => cache::Misses::default(),
        Some(store) => {
            let session = args.session.as_deref().map(|id| session(&store, id)).transpose()?;
            let filter = Filter { since, session: session.map(|row| row.session), ..Filter::default() };
            cache::Misses::read(&store, &filter, prices)?
        }
    };
    match args.json {
        true => term::say_json(&misses.json()),
        false => misses.show(),
    }
    Ok(ExitCode::from(exit::OK))
}

/// What keeps outputs as they came because somebody said so.
fn show_asked(asked: &[Control]) {
    if !asked.is_empty() {
        term::say("");
        term::heading("Asked for by you");
        asked::lines(asked).iter().for_each(term::say);
    }
}

/// The moment that `--since` names: so long before `now`, or the beginning of a day in `zone`.
pub(super) fn since(when: &str, now: Timestamp, zone: &TimeZone) -> Result<Millis, Failure> {
    let day = |day: civil::Date| day.to_zoned(zone.clone()).ok().map(|begin| begin.timestamp());
    let moment = match quantity::span(when) {
        Some(span) => now.checked_sub(span).ok(),
        None => when.parse::<civil::Date>().ok().and_then(day).or_else(|| when.parse::<Timestamp>().ok()),
    };
    moment.map(|moment| Millis(moment.as_millisecond())).ok_or_else(|| {
        Failure::new(
            exit::USAGE,
            format_args!("`{when}` can't be the value of `--since`"),
            "a span of time such as 7d, 12h or 2w, a day such as 2026-11-01, or a moment such as 2026-11-01T08:00:00Z",
        )
    })
}

/// The session that `id` names or begins.
pub(super) fn session(store: &Store, id: &str) -> Result<SessionRow, anyhow::Error> {
    let sessions = store.sessions(&Filter::default())?;
    let mut found: Vec<&SessionRow> = sessions.iter().filter(|row| row.session.0.starts_with(id)).collect();
    if let Some(exact) = found.iter().position(|row| row.session.0 == id) {
        found = vec![found[exact]];
    }
    match found[..] {
        [session] => Ok(session.clone()),
        [] => Err(Failure::new(
            exit::FAILED,
            format_args!("no session begins with `{id}`"),
            "`headroom stats` lists them",
        )
        .into()),
        _ => {
            let names: Vec<&str> = found.iter().take(5).map(|row| row.session.0.as_str()).collect();
            let hint = format!("more letters, please: {}", names.join(", "));
            Err(Failure::new(exit::FAILED, format_args!("{} sessions begin with `{id}`", found.len()), hint)
                .into())
        }
    }
}

/// A part of what is shown.
struct Part {
    heading: &'static str,
    body: String,
}

/// Everything that is shown, in reading order.
fn parts(report: &Report) -> Vec<Part> {
    if report.total.requests == 0 {
        return vec![Part { heading: "", body: format!("Nothing is recorded yet. {NOTHING_YET}") }];
    }
    let mut parts = vec![Part { heading: "Saved", body: groups(report) }];
    if !report.kinds.is_empty() {
        parts.push(Part { heading: "Tool outputs, when first sent", body: kinds(report) });
    }
    if !report.refusals.is_empty() {
        parts.push(Part { heading: "Left as they came", body: counts(&report.refusals) });
    }
    if !report.faults.is_empty() {
        parts.push(Part { heading: "Faults of headroom's own", body: counts(&report.faults) });
    }
    if !report.breakers.is_empty() {
        parts.push(Part { heading: "Stopped, to be no worse than direct", body: breakers(report) });
    }
    parts.push(Part { heading: "", body: remarks(report).join("\n") });
    parts
}

fn groups(report: &Report) -> String {
    let by_model = report.by == By::Model;
    let mut headings = vec![report.by.name()];
    if matches!(report.by, By::Session | By::Project) {
        headings.push("agent");
    }
    if !by_model {
        headings.push("model");
    }
    let words = headings.len();
    headings.extend(["req", "wanted", "sent", "saved", "out", "cache", "net saved"]);
    let mut table = term::table(&headings);
    term::align_right(&mut table, words..headings.len());

    let shown = &report.groups[report.groups.len().saturating_sub(SHOWN)..];
    let letters = letters(shown);
    for group in shown {
        let mut row = vec![name(group, report.by, letters)];
        if matches!(report.by, By::Session | By::Project) {
            row.push(joined(group.agents.iter().map(String::as_str)));
        }
        if !by_model {
            let (model, others) = group.main_model();
            let model = if model.is_empty() { "unknown" } else { without_day(model) };
            row.push(if 0 < others { format!("{model} +{others}") } else { model.to_owned() });
        }
        row.extend(figures(&group.sums));
        table.add_row(row);
    }
    let mut total = vec![String::new(); words];
    total[0] = match report.groups.len() - shown.len() {
        0 => "total".to_owned(),
        older => format!("total +{older}"),
    };
    total.extend(figures(&report.total));
    table.add_row(total);
    term::drawn(&table)
}

fn figures(sums: &Sums) -> [String; 7] {
    [
        text::short(i64::try_from(sums.requests).unwrap_or(i64::MAX)),
        text::short(sums.wanted()),
        text::short(sums.sent()),
        share(sums.net(), sums.wanted()),
        text::short(i64::try_from(sums.usage.output.0).unwrap_or(i64::MAX)),
        share(i64::try_from(sums.usage.cache_read.0).unwrap_or(i64::MAX), sums.sent()),
        money(sums),
    ]
}

/// Money in a cell: `?` for what is not known, `flat` where a subscription covers it.
fn money(sums: &Sums) -> String {
    match sums.money() {
        Some(net) if 0 < sums.unpriced => format!("{} + ?", text::dollars(net)),
        Some(net) => text::dollars(net),
        None if 0 < sums.unpriced => "?".to_owned(),
        None if 0 < sums.subscription => "flat".to_owned(),
        None => "–".to_owned(),
    }
}

fn share(part: i64, whole: i64) -> String {
    text::share(part, whole).unwrap_or_else(|| "–".to_owned())
}

fn kinds(report: &Report) -> String {
    let mut table =
        term::table(&["content", "compressor", "blocks", "before", "after", "saved", "given back"]);
    term::align_right(&mut table, 2..7);
    for row in &report.kinds {
        let count = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
        let (before, after) = (count(row.tokens_before.0), count(row.tokens_after.0));
        table.add_row([
            row.kind.clone(),
            row.compressor.clone().unwrap_or_else(|| "–".to_owned()),
            text::short(count(row.blocks)),
            text::short(before),
            text::short(after),
            share(before - after, before),
            text::short(count(row.retrievals)),
        ]);
    }
    term::drawn(&table)
}

fn counts(counts: &std::collections::BTreeMap<crate::refusal::Refusal, u64>) -> String {
    let mut rows: Vec<_> = counts.iter().collect();
    rows.sort_by_key(|(refusal, count)| (std::cmp::Reverse(**count), **refusal));
    let mut table = term::table(&["reason", "times", "meaning"]);
    term::align_right(&mut table, [1]);
    for (refusal, count) in rows {
        table.add_row([
            refusal.name().to_owned(),
            text::short(i64::try_from(*count).unwrap_or(i64::MAX)),
            refusal.meaning().to_owned(),
        ]);
    }
    term::drawn(&table)
}

fn breakers(report: &Report) -> String {
    let mut table = term::table(&["session", "why"]);
    for (session, _, why) in &report.breakers {
        table.add_row([first_letters(&session.0, 8), why.clone()]);
    }
    term::drawn(&table)
}

/// What has to be said beside the figures.
fn remarks(report: &Report) -> Vec<String> {
    let total = &report.total;
    let mut remarks = Vec::new();
    if let Some(why) = report.why_nothing() {
        remarks.push(format!("Nothing was saved: {why}."));
    }
    if 0 < total.unmetered {
        remarks.push(format!(
            "{} answered without usage: not in `wanted` and `sent`; {} tokens net were saved there.",
            requests(total.unmetered),
            text::short(total.unmetered_net)
        ));
    }
    if 0 < total.failed {
        remarks.push(format!(
            "{} failed: nothing was billed there, nothing is counted as saved.",
            requests(total.failed)
        ));
    }
    if 0 < total.subscription {
        remarks.push("flat: a subscription; what is saved there is tokens, not dollars.".to_owned());
    }
    if 0 < total.unpriced {
        remarks.push("?: no known price, or no usage; a prices.toml takes your own prices.".to_owned());
    }
    remarks.push("Saved tokens are counted with o200k, the others by the provider.".to_owned());
    for (model, calibration) in &report.calibrations {
        let ratio = calibration.per_thousand as f64 / 1_000.0;
        remarks.push(format!(
            "One o200k token is about {ratio:.2} of {model}'s (estimate, from {}).",
            requests(calibration.requests)
        ));
    }
    if let Some(net) = total.net_calibrated().filter(|net| *net != total.net()) {
        remarks.push(format!(
            "As the provider counts, that is about {} tokens net (estimate).",
            text::short(net)
        ));
    }
    if let Some((_, as_of)) = report.prices.as_ref().filter(|_| 0 < total.priced) {
        remarks.push(format!("Money is net, at list prices of {as_of}."));
    }
    remarks
}

fn requests(count: u64) -> String {
    text::counted(usize::try_from(count).unwrap_or(usize::MAX), "request")
}

/// How many first letters tell these groups apart: 8 at least, 20 at most.
fn letters(groups: &[Group]) -> usize {
    let differ = |letters: &usize| {
        let names: HashSet<String> =
            groups.iter().map(|group| first_letters(&group.name, *letters)).collect();
        names.len() == groups.len()
    };
    (8..20).find(differ).unwrap_or(20)
}

fn first_letters(name: &str, letters: usize) -> String {
    name.chars().take(letters).collect()
}

fn name(group: &Group, by: By, letters: usize) -> String {
    match by {
        By::Session => first_letters(&group.name, letters),
        // The end of a path tells more than its beginning.
        By::Project => {
            let length = group.name.chars().count();
            if length <= 24 {
                group.name.clone()
            } else {
                format!("…{}", group.name.chars().skip(length - 23).collect::<String>())
            }
        }
        By::Agent | By::Model | By::Day => group.name.clone(),
    }
}

/// A model's name without the day of its release: what is left tells it well enough in a table.
pub(super) fn without_day(model: &str) -> &str {
    let day = model.rsplit_once('-').filter(|(_, day)| {
        day.len() == 8 && day.starts_with("20") && day.bytes().all(|byte| byte.is_ascii_digit())
    });
    day.map_or(model, |(name, _)| name)
}

fn joined<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.filter(|name| !name.is_empty()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;

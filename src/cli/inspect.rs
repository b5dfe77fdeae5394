//! `headroom inspect`: what arrived, what was sent for it, and what decided, request by request and block by block.
//!
//! Reads the record only. *Invariant:* what is not kept is said to be not kept, never made up.

mod block;
mod machine;

use super::asked;
use super::beside::{self, Depth, View};
use super::stats;
use super::term::{self, Failure, Verdict, exit};
use crate::agent::pager;
use crate::config::{self, Config, Flags, env};
use crate::ledger::money;
use crate::ledger::price::Prices;
use crate::receipt::Usage;
use crate::refusal::Refusal;
use crate::store::{Ask, BlockRow, Control, Filter, RequestRow, SessionRow, Store};
use crate::text;
use crate::units::Tokens;
use block::{Block, Sent};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;

/// Requests that the list shows unless all are asked for.
const SHOWN: usize = 40;

/// What was typed after `inspect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without SESSION: the session of this folder that sent something last, or of any folder if there is none here.
Without --request: one line a request. With it: what was new in it, block by block, and what decided; what arrived
stands on the left (or behind -), what was sent on the right (or behind +).

wanted, sent  tokens: what would have been sent without headroom, and what was
new           tool outputs that were new in the request, and how many of them were sent shorter

What went as it came is counted but not kept: of such a block there is no text to show.")]
pub struct Args {
    /// The session whose id begins like this
    session: Option<String>,
    /// Show this request, counted from 1, or `last`
    #[arg(long, value_name = "N")]
    request: Option<String>,
    /// Leave nothing out of the view
    #[arg(long)]
    full: bool,
    /// Print JSON (its keys: docs/inspect-json.md)
    #[arg(long)]
    json: bool,
    /// Print it all at once, also on a terminal
    #[arg(long)]
    no_pager: bool,
}

/// Does it.
///
/// # Errors
/// When there is no such session or request, or the record can't be read.
pub fn run(args: Args) -> Verdict {
    let config = config::resolve(&Flags::default())?;
    let Some(store) = stats::record(&config)? else { return Err(nothing_yet()) };
    let session = match &args.session {
        Some(id) => stats::session(&store, id)?,
        None => newest(&store)?.ok_or_else(nothing_yet)?,
    };
    let seen = Seen::read(&store, session, &*stats::prices(&config)?)?;
    let wanted = args.request.as_deref().map(|typed| seen.number(typed)).transpose()?;
    if args.json {
        term::say_json(&machine::json(&store, &seen, wanted)?);
        return Ok(ExitCode::from(exit::OK));
    }
    let depth = if args.full { Depth::Full } else { Depth::Brief };
    let view = View::of(term::width(), depth);
    let page = match wanted {
        None => seen.list(depth),
        Some(at) => seen.detail(&store, &config, at, view)?,
    };
    show(&page, args.no_pager);
    Ok(ExitCode::from(exit::OK))
}

fn nothing_yet() -> anyhow::Error {
    Failure::new(exit::FAILED, "no request is recorded yet", stats::NOTHING_YET).into()
}

/// The session that sent something last: in this folder, or anywhere.
fn newest(store: &Store) -> Result<Option<SessionRow>, anyhow::Error> {
    let here = match env::get(env::HEADROOM_PROJECT) {
        Some(project) => project,
        None => std::env::current_dir()?.to_string_lossy().into_owned(),
    };
    let found = match store.newest_session(Some(&here))? {
        Some(session) => Some(session),
        None => store.newest_session(None)?,
    };
    let Some(session) = found else { return Ok(None) };
    let filter = Filter { session: Some(session), ..Filter::default() };
    Ok(store.sessions(&filter)?.into_iter().next())
}

/// Prints a page; a long one through the user's pager where the reader sits at a terminal.
fn show(page: &str, at_once: bool) {
    let page = page.trim_end();
    let long = term::height().is_some_and(|height| height <= page.lines().count());
    if long && !at_once && env::get(env::TERM).is_some_and(|term| term != "dumb") {
        let pager = env::get(env::PAGER).unwrap_or_else(|| "less".to_owned());
        let settings = match env::get(env::LESS) {
            None => pager::Settings::Ours,
            Some(_) => pager::Settings::Theirs,
        };
        let colours = env::get(env::NO_COLOR).is_none();
        let page = if colours { page.to_owned() } else { anstream::adapter::strip_str(page).to_string() };
        if pager::show(&format!("{page}\n"), &pager, settings).is_ok() {
            return;
        }
    }
    term::say(page);
}

/// All that is recorded of one session.
struct Seen {
    session: SessionRow,
    /// In the order in which their answers ended.
    requests: Vec<RequestRow>,
    /// What was new in each, by [`RequestRow::number`].
    blocks: BTreeMap<i64, Vec<BlockRow>>,
    controls: Vec<Control>,
    /// What each request saved in tokens, net, as `stats` counts it.
    nets: Vec<i64>,
}

impl Seen {
    fn read(store: &Store, session: SessionRow, prices: &Prices) -> Result<Seen, anyhow::Error> {
        let filter = Filter { session: Some(session.session.clone()), ..Filter::default() };
        let mut requests = store.requests(&filter)?;
        // The order of recording: a number once shown stays that request's.
        requests.sort_by_key(|request| request.number);
        let mut blocks: BTreeMap<i64, Vec<BlockRow>> = BTreeMap::new();
        for block in store.blocks(&filter)? {
            blocks.entry(block.request).or_default().push(block);
        }
        let controls = store.controls()?;
        let controls = controls.into_iter().filter(|control| match control.ask {
            Ask::PauseSession => control.pattern == session.session.0,
            Ask::PauseRun => requests.iter().any(|request| request.run == control.pattern),
            Ask::PauseFolder | Ask::Never => control.covers(&session.project),
        });
        let controls = controls.collect();
        let net = |request: &RequestRow| {
            let worth = money::worth(request, None, prices);
            worth.first + worth.replayed - worth.costs
        };
        let nets = requests.iter().map(net).collect();
        Ok(Seen { session, requests, blocks, controls, nets })
    }

    /// What a request saved in tokens, net; counted from 0.
    fn net(&self, at: usize) -> i64 {
        self.nets.get(at).copied().unwrap_or(0)
    }

    /// Which request is meant, counted from 0.
    fn number(&self, typed: &str) -> Result<usize, Failure> {
        let many = self.requests.len();
        let there = || format!("session {} has {}", self.session.session, text::counted(many, "request"));
        if typed == "last" {
            return many.checked_sub(1).ok_or_else(|| Failure::new(exit::FAILED, there(), ""));
        }
        let number: usize = typed.parse().map_err(|_| {
            Failure::new(exit::USAGE, format_args!("`{typed}` is no number of a request"), "1, 2, … or last")
        })?;
        (1..=many).contains(&number).then(|| number - 1).ok_or_else(|| {
            Failure::new(
                exit::FAILED,
                format_args!("there is no request {number}: {}", there()),
                "`headroom inspect` lists them",
            )
        })
    }

    fn blocks_of(&self, request: &RequestRow) -> &[BlockRow] {
        self.blocks.get(&request.number).map_or(&[], Vec::as_slice)
    }

    /// What is said of the session as a whole.
    fn heading(&self) -> String {
        let SessionRow { session, agent, project, began, frozen, breaker } = &self.session;
        let bold = anstyle::Style::new().bold();
        let mut said = format!("{bold}Session {}{bold:#}", beside::safe(&session.0));
        let agent = if agent == "unknown" { "an agent" } else { agent.as_str() };
        let _ = write!(said, "\n{agent} in {}, since {}", beside::safe(project), asked::day_and_time(*began));
        if let Some(frozen) = frozen {
            let _ = write!(said, "; profile {}", frozen.profile);
            let rules = frozen.own_rules.len();
            if 0 < rules {
                let _ = write!(said, ", {} of your own", text::counted(rules, "rule"));
            }
        }
        said.push('\n');
        if let Some((at, why)) = breaker {
            let _ = writeln!(said, "stopped {}: {}", asked::day_and_time(*at), beside::safe(why));
        }
        for line in asked::lines(&self.controls) {
            let _ = writeln!(said, "{}", beside::safe(&line));
        }
        said
    }

    /// One line a request.
    fn list(&self, depth: Depth) -> String {
        let mut table =
            term::table(&["#", "time", "model", "wanted", "sent", "saved", "cache", "new", "answer"]);
        term::align_right(&mut table, [0, 3, 4, 5, 6]);
        let skipped = match depth {
            Depth::Brief => self.requests.len().saturating_sub(SHOWN),
            Depth::Full => 0,
        };
        let mut day = String::new();
        for (number, request) in self.requests.iter().enumerate().skip(skipped) {
            let at = asked::day_and_time(request.at);
            let (date, _) = at.split_once(' ').unwrap_or((&at, ""));
            let time = asked::time(request.at);
            let time = if date == day { time } else { format!("{date} {time}") };
            date.clone_into(&mut day);
            let tokens = |tokens: u64| text::short(i64::try_from(tokens).unwrap_or(i64::MAX));
            let net = self.net(number);
            let (wanted, sent, cache) = match request.usage {
                None => ("–".to_owned(), "–".to_owned(), "–".to_owned()),
                Some(usage) => (
                    text::short(signed(usage.input()) + net),
                    tokens(usage.input().0),
                    text::share(signed(usage.cache_read), signed(usage.input()))
                        .unwrap_or_else(|| "–".to_owned()),
                ),
            };
            table.add_row([
                (number + 1).to_string(),
                time,
                beside::safe(stats::without_day(&request.model)),
                wanted,
                sent,
                text::short(net),
                cache,
                news(self.blocks_of(request)),
                answer(request),
            ]);
        }
        let mut page = self.heading();
        page.push('\n');
        if 0 < skipped {
            let _ = writeln!(page, "⋯ {} before these; --full lists them", text::counted(skipped, "request"));
        }
        let _ = writeln!(page, "{}", term::drawn(&table));
        let _ = writeln!(page, "\n`headroom inspect {} --request N` shows one of them.", self.short_id());
        page
    }

    fn short_id(&self) -> String {
        self.session.session.0.chars().take(8).collect()
    }

    /// What was new in one request.
    fn detail(&self, store: &Store, config: &Config, at: usize, view: View) -> Result<String, anyhow::Error> {
        let Some(request) = self.requests.get(at) else { return Ok(String::new()) };
        let mut page = self.heading();
        let bold = anstyle::Style::new().bold();
        let _ = writeln!(page, "\n{bold}Request {} of {}{bold:#}", at + 1, self.requests.len());
        for line in about(request) {
            let _ = writeln!(page, "{line}");
        }
        let blocks = self.blocks_of(request);
        let mut refusals = store.refusals_of(request.number)?;
        for block in blocks {
            let found = Block::read(store, self, block);
            let _ = writeln!(page, "\n{bold}{}{bold:#}", headline(block));
            let _ = writeln!(page, "  {}", decided(&found, &self.session, config));
            if let Some(refusal) = block.refusal
                && let Some(count) = refusals.get_mut(&refusal)
            {
                *count = count.saturating_sub(1);
            }
            for text in &found.texts {
                page.push_str(&drawn(&text.arrived, &text.sent, view));
            }
        }
        refusals.retain(|_, count| 0 < *count);
        if !refusals.is_empty() {
            let others: Vec<String> = refusals
                .iter()
                .map(|(refusal, count)| format!("{count} × {}: {}", refusal.name(), refusal.meaning()))
                .collect();
            let _ = writeln!(page, "\nBeside these: {}", others.join("; "));
        } else if blocks.is_empty() {
            let _ = writeln!(page, "\nNo tool output was new in it.");
        }
        Ok(page)
    }
}

/// One text, both ways round.
fn drawn(arrived: &Option<String>, sent: &Sent, view: View) -> String {
    match (arrived, sent) {
        (Some(arrived), Sent::Inside { text, frame }) => {
            let mut drawn = String::new();
            if *frame {
                drawn.push_str("  (inside what the agent itself writes around an output)\n");
            }
            drawn.push_str(&beside::both(arrived, text, view));
            drawn
        }
        (None, Sent::Inside { text, .. }) => {
            format!("  (what arrived is not kept any more; this was sent)\n{}", beside::alone(text, view))
        }
        (Some(arrived), Sent::Unknown) => {
            format!("  (what was sent is not kept any more; this arrived)\n{}", beside::alone(arrived, view))
        }
        (None, Sent::Unknown) => "  (neither what arrived nor what was sent is kept any more)\n".to_owned(),
    }
}

/// `messages[4].content[0] · Bash · json · 1.2k → 310 tokens, 74 % less`.
fn headline(block: &BlockRow) -> String {
    let (before, after) = (signed(block.tokens_before), signed(block.tokens_after));
    let tool = if block.tool.is_empty() { "unknown tool" } else { block.tool.as_str() };
    let tokens = match text::share(before - after, before) {
        Some(share) if block.compressor.is_some() => {
            format!("{} → {} tokens, {share} less", text::grouped(before), text::grouped(after))
        }
        // Of an output that was not looked into only the length is known.
        _ if block.refusal.is_some_and(Refusal::is_decided_unseen) => {
            format!("about {} tokens", text::grouped(before))
        }
        _ => format!("{} tokens", text::grouped(before)),
    };
    beside::safe(&format!("{} · {tool} · {} · {tokens}", block.path, block.kind))
}

/// What was done and what decided it.
fn decided(found: &Block<'_>, session: &SessionRow, config: &Config) -> String {
    let row = found.row;
    let by = match &row.rule {
        Some(rule) if rule.starts_with("headroom ") => format!("you said `{rule}`"),
        Some(rule) => format!("your rule `{rule}`{}", line_of(rule, config)),
        None => match &session.frozen {
            Some(frozen) => format!("profile {}", frozen.profile),
            None => "the policy".to_owned(),
        },
    };
    let said = match (&row.compressor, row.refusal) {
        (Some(compressor), _) => {
            let key = found.key.as_ref().map(|key| format!("; original: headroom retrieve {key}"));
            format!("shortened by {compressor}, under {by}{}", key.unwrap_or_default())
        }
        (None, Some(refusal)) => {
            let because = match &row.rule {
                Some(_) => by,
                None => refusal.meaning().to_owned(),
            };
            format!("as it came: {because} ({}); its text is not kept", refusal.name())
        }
        (None, None) => "as it came; its text is not kept".to_owned(),
    };
    beside::safe(&said)
}

/// Where a rule stands in the user's settings today.
fn line_of(rule: &str, config: &Config) -> String {
    let found = config.rules.iter().rev().find(|known| known.to_string() == rule);
    found
        .map(|known| format!(" (config.toml:{})", known.line))
        .unwrap_or_else(|| " (no longer in config.toml)".to_owned())
}

/// What is said of a request as a whole.
fn about(request: &RequestRow) -> Vec<String> {
    let grouped = |tokens: Tokens| text::grouped(signed(tokens));
    let mut lines = vec![format!(
        "{} {}, {}; {}",
        asked::day_and_time(request.at),
        beside::safe(&request.model),
        answer(request),
        match request.bytes_before == request.bytes_after {
            true => format!("{} bytes, sent as they came", text::grouped(bytes(request.bytes_before))),
            false => format!(
                "{} bytes arrived, {} were sent",
                text::grouped(bytes(request.bytes_before)),
                text::grouped(bytes(request.bytes_after))
            ),
        }
    )];
    if let Some(usage) = request.usage {
        let Usage { uncached, cache_read, cache_write_5m, cache_write_1h, output } = usage;
        lines.push(format!(
            "the provider counted: {} read from its cache, {} written to it, {} beside it, {} answered",
            grouped(cache_read),
            grouped(cache_write_5m + cache_write_1h),
            grouped(uncached),
            grouped(output)
        ));
    }
    if let Some(miss) = request.miss {
        lines.push(format!(
            "{} more tokens could have been read from its cache: {} ({})",
            grouped(miss.tokens),
            miss.cause.meaning(),
            miss.cause.whose().name()
        ));
    }
    if Tokens(0) < request.replayed_before {
        lines.push(format!(
            "sent before, and the same again: blocks of {} tokens as {}",
            grouped(request.replayed_before),
            grouped(request.replayed_after)
        ));
    }
    let given_back = request.given_back_new + request.given_back_old;
    if Tokens(0) < given_back {
        lines.push(format!("originals that were given back: {} tokens", grouped(given_back)));
    }
    if Tokens(0) < request.overhead {
        lines.push(format!("headroom's own tool: {} tokens", grouped(request.overhead)));
    }
    lines
}

/// `2 of 3`: how many of the new outputs were sent shorter.
fn news(blocks: &[BlockRow]) -> String {
    let shorter = blocks.iter().filter(|block| block.compressor.is_some()).count();
    if blocks.is_empty() {
        return "–".to_owned();
    }
    let paused = blocks.iter().any(|block| block.refusal == Some(Refusal::Paused));
    format!("{}, {shorter} shorter{}", blocks.len(), if paused { " (paused)" } else { "" })
}

fn answer(request: &RequestRow) -> String {
    match (request.status, request.complete) {
        (0, _) => "no answer".to_owned(),
        (200..=299, true) => "answered".to_owned(),
        (200..=299, false) => "broken off".to_owned(),
        (status, _) => format!("HTTP {status}"),
    }
}

fn signed(tokens: Tokens) -> i64 {
    i64::try_from(tokens.0).unwrap_or(i64::MAX)
}

fn bytes(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

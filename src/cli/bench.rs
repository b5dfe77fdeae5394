//! `headroom bench`: what is saved and what stays in view, on a folder of tool outputs.

mod case;

use super::term::{self, Failure, Verdict, exit};
use crate::library::Headroom;
use crate::rewrite::Profile;
use crate::store::{Limits, Store};
use crate::units::{Key, Tokens};
use case::Case;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// What was typed after `bench`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "DIR is read with all its folders. A file `*.case.json` (one) or `*.cases.jsonl` (one a line; both also packed, `.zst`) holds
cases:
  {\"id\", \"kind\", \"tool_name\", \"tool_input\", \"query\", \"content\", \"needles\": […], \"retrievable\": […]}
Any other text file is one output: its folder is its kind, and its lines that tell of an error, a
warning or a failure are its needles. \"random\" is what would stay in view of a random choice of
lines of the same length; \"settled\" is what comes out unchanged when it is given again. Nothing is kept: the store is thrown away afterwards."
)]
pub struct Args {
    /// The folder; without it, the outputs of `headroom demo`
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// How much may be left out: lossless, balanced or aggressive
    #[arg(long, value_name = "NAME", default_value = "balanced")]
    profile: String,
    /// Take every output for this tool's: what is saved when a tool is not known
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Print a line for each case too
    #[arg(long)]
    each: bool,
}

/// Measures.
///
/// # Errors
/// When the folder can't be read or holds no case.
pub fn run(args: Args) -> Verdict {
    let Some(profile) = Profile::from_name(&args.profile) else {
        let known = Profile::NAMES.join(", ");
        return Err(Failure::new(
            exit::USAGE,
            format!("no profile `{}`", args.profile),
            format!("one of {known}"),
        )
        .into());
    };
    let mut cases = match &args.folder {
        Some(folder) => case::read(folder)?,
        None => case::built_in(),
    };
    if cases.is_empty() {
        return Err(Failure::new(
            exit::USAGE,
            "no case in that folder",
            "see `headroom bench --help` for what is read",
        )
        .into());
    }
    if let Some(tool) = &args.tool {
        cases.iter_mut().for_each(|case| case.tool_name.clone_from(tool));
    }
    let folder = tempfile::tempdir()?;
    let store = Arc::new(Store::open(folder.path(), Limits::default())?);
    let headroom = Headroom::with(store, profile);
    crate::compress::warm();
    let mut measured = Vec::new();
    let progress = term::progress(cases.len());
    for case in &cases {
        measured.push(measure(&headroom, case)?);
        progress.inc(1);
    }
    progress.finish_and_clear();
    if args.json {
        term::say_json(&as_json(&args.profile, &cases, &measured));
    } else {
        print(&cases, &measured, args.each);
    }
    Ok(ExitCode::SUCCESS)
}

/// What came of one case.
struct Measured {
    before: Tokens,
    after: Tokens,
    visible: usize,
    at_random: f64,
    retrieved: usize,
    /// True when what is shown comes out unchanged when it is given again, as another tool's output.
    settled: bool,
    compressor: String,
    elapsed: Duration,
}

fn measure(headroom: &Headroom, case: &Case) -> Result<Measured, anyhow::Error> {
    let body = serde_json::to_vec(&case.request())?;
    let done = headroom
        .compress_body(body.into())
        .ok_or_else(|| anyhow::anyhow!("case `{}` makes no request", case.id))?;
    let sent: Value = serde_json::from_slice(&done.body)?;
    let shown = sent["messages"][2]["content"][0]["content"].as_str().unwrap_or_default();
    let block = done.receipt.blocks.first();
    let key: Option<Key> = block.and_then(|block| block.key.clone());
    let original = match &key {
        Some(key) => headroom.retrieve(key)?.text,
        None => shown.to_owned(),
    };
    let whole = original == case.content;
    let again = Case { content: shown.to_owned(), tool_name: "copied".to_owned(), ..case.clone() }.request();
    let again = headroom.compress_body(serde_json::to_vec(&again)?.into());
    let settled = key.is_none()
        || again.is_some_and(|again| {
            serde_json::from_slice(&again.body)
                .is_ok_and(|sent: Value| sent["messages"][2]["content"][0]["content"].as_str() == Some(shown))
        });
    let (before, after) = (crate::tokens::count(&case.content), crate::tokens::count(shown));
    Ok(Measured {
        before,
        after,
        visible: case.needles.iter().filter(|needle| case::shows(shown, needle)).count(),
        at_random: case.at_random(shown.len()),
        retrieved: case.retrievable.iter().filter(|text| whole && original.contains(text.as_str())).count(),
        settled,
        compressor: match block.map(|block| (&block.compressor, block.refusal)) {
            Some((Some(compressor), _)) => compressor.to_string(),
            Some((None, Some(because))) => format!("- {because}"),
            _ => "- below_floor".to_owned(),
        },
        elapsed: done.elapsed,
    })
}

/// The sums of some cases.
#[derive(Default)]
struct Sums {
    cases: usize,
    before: u64,
    after: u64,
    needles: usize,
    visible: usize,
    at_random: f64,
    retrievable: usize,
    retrieved: usize,
    settled: usize,
    times: Vec<Duration>,
}

impl Sums {
    fn add(&mut self, case: &Case, measured: &Measured) {
        self.cases += 1;
        self.before += measured.before.0;
        self.after += measured.after.0;
        self.needles += case.needles.len();
        self.visible += measured.visible;
        self.at_random += measured.at_random;
        self.retrievable += case.retrievable.len();
        self.retrieved += measured.retrieved;
        self.settled += usize::from(measured.settled);
        self.times.push(measured.elapsed);
    }

    fn saved(&self) -> String {
        percent(self.before as f64 - self.after as f64, self.before as f64)
    }

    fn milliseconds(&self, share: f64) -> f64 {
        let mut times = self.times.clone();
        times.sort();
        let at = ((times.len() as f64 - 1.0) * share).round() as usize;
        times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
    }
}

fn percent(part: f64, whole: f64) -> String {
    if whole == 0.0 { "-".to_owned() } else { format!("{:.1} %", part * 100.0 / whole) }
}

fn by_kind<'a>(cases: &'a [Case], measured: &[Measured]) -> (BTreeMap<&'a str, Sums>, Sums) {
    let mut kinds: BTreeMap<&str, Sums> = BTreeMap::new();
    let mut total = Sums::default();
    for (case, measured) in cases.iter().zip(measured) {
        kinds.entry(&case.kind).or_default().add(case, measured);
        total.add(case, measured);
    }
    (kinds, total)
}

fn print(cases: &[Case], measured: &[Measured], each: bool) {
    if each {
        let mut table = term::table(&["case", "compressor", "before", "after", "saved", "visible"]);
        term::align_right(&mut table, 2..6);
        for (case, measured) in cases.iter().zip(measured) {
            let mut one = Sums::default();
            one.add(case, measured);
            table.add_row([
                case.id.clone(),
                measured.compressor.clone(),
                measured.before.0.to_string(),
                measured.after.0.to_string(),
                one.saved(),
                percent(one.visible as f64, one.needles as f64),
            ]);
        }
        term::say(term::drawn(&table));
        term::say("");
    }
    let (kinds, total) = by_kind(cases, measured);
    let mut table = term::table(&[
        "kind",
        "cases",
        "before",
        "after",
        "saved",
        "visible",
        "random",
        "retrieved",
        "settled",
        "p50 ms",
        "p99 ms",
    ]);
    term::align_right(&mut table, 1..11);
    for (kind, sums) in kinds.iter().map(|(kind, sums)| (*kind, sums)).chain([("all", &total)]) {
        table.add_row([
            kind.to_owned(),
            sums.cases.to_string(),
            sums.before.to_string(),
            sums.after.to_string(),
            sums.saved(),
            percent(sums.visible as f64, sums.needles as f64),
            percent(sums.at_random, sums.needles as f64),
            percent(sums.retrieved as f64, sums.retrievable as f64),
            percent(sums.settled as f64, sums.cases as f64),
            format!("{:.2}", sums.milliseconds(0.5)),
            format!("{:.2}", sums.milliseconds(0.99)),
        ]);
    }
    term::say(term::drawn(&table));
}

fn as_json(profile: &str, cases: &[Case], measured: &[Measured]) -> Value {
    let sums = |sums: &Sums| {
        json!({
            "cases": sums.cases, "tokens_before": sums.before, "tokens_after": sums.after,
            "needles": sums.needles, "visible": sums.visible, "visible_at_random": sums.at_random,
            "retrievable": sums.retrievable, "retrieved": sums.retrieved, "settled": sums.settled,
            "p50_ms": sums.milliseconds(0.5), "p99_ms": sums.milliseconds(0.99),
        })
    };
    let (kinds, total) = by_kind(cases, measured);
    let each: Vec<Value> = cases
        .iter()
        .zip(measured)
        .map(|(case, measured)| {
            json!({
                "id": case.id, "kind": case.kind, "compressor": measured.compressor,
                "tokens_before": measured.before.0, "tokens_after": measured.after.0,
                "needles": case.needles.len(), "visible": measured.visible,
                "retrievable": case.retrievable.len(), "retrieved": measured.retrieved, "settled": measured.settled,
                "elapsed_ms": measured.elapsed.as_secs_f64() * 1_000.0,
            })
        })
        .collect();
    json!({
        "schema": 1,
        "profile": profile,
        "kinds": kinds.iter().map(|(kind, of)| ((*kind).to_owned(), sums(of))).collect::<serde_json::Map<_, _>>(),
        "total": sums(&total),
        "cases": each,
    })
}

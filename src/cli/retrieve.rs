//! `headroom retrieve`: an original, or the part of it that is asked for.

use super::term::{self, Failure, Verdict, exit};
use crate::config::env;
use crate::config::{self, Flags, Folders};
use crate::library::now;
use crate::retrieve::{self, Part, PartError, page};
use crate::store::{self, Store, StoreError};
use crate::text::counted;
use crate::tokens;
use crate::units::Key;
use std::path::Path;
use std::process::ExitCode;

/// What was typed after `retrieve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "KEY alone prints the whole original, byte for byte. KEY stands in the marker:
  [headroom: 412 of 500 rows left out; original kept: headroom retrieve KEY]

--rows EXPR, for JSON (arrays, maps of records, lines), CSV, and tables with a header (Markdown, psql, ps, kubectl):
  status>=500 and name~\"api\"          == != < <= > >= ~ !~ contains in (a, b) and or not ( )
  status>=500 | select id,name | sort name desc | skip 20 | limit 20
  count by region,state    sum(ms), max(ms), avg(ms), p95(ms), distinct(user) by region
  distinct region          key==\"node_modules/x\" (the name in a map)
  at data.items | count    where the rows are, if not in the longest array; at items.spec.containers goes into all items

--query \"/time(d )?out/i\" gives every line that a regular expression matches.

Exit codes: 3 no original under that key, 4 it has expired, 2 not understood, 1 nothing found in it.")]
pub struct Args {
    /// 16 to 24 hex digits
    key: String,
    /// These lines only, counted from 1: 10-20, 10-, 10, or several: 10-20,40
    #[arg(long, value_name = "A-B", group = "part", allow_hyphen_values = true)]
    lines: Option<String>,
    /// The parts that fit these words best, with line numbers; /regex/ gives the lines that it matches
    #[arg(long, value_name = "TEXT", group = "part")]
    query: Option<String>,
    /// The rows for which this is true, or what they come to
    #[arg(long, value_name = "EXPR", group = "part")]
    rows: Option<String>,
    /// This page of a long answer; of a query the first is given where none is asked for
    #[arg(long, value_name = "N")]
    page: Option<usize>,
}

/// Prints what is kept under the key. Works where nothing can be written, as in an agent's sandbox.
///
/// # Errors
/// When there is no such original, or no such part of it.
pub fn run(args: Args) -> Verdict {
    let key = key(&args.key)?;
    let part =
        Part::parse(args.lines.as_deref(), args.query.as_deref(), args.rows.as_deref()).map_err(no_part)?;
    let folders = Folders::from(env::get)?;
    let original =
        store::original_in(&folders.data, &key).map_err(|error| not_given(error, &folders.data))?;
    let given = retrieve::part(&original.text, &part).map_err(no_part)?;
    let first_of_query = matches!(part, Part::Query(_)).then_some(1);
    let Some(wanted) = args.page.or(first_of_query) else {
        term::say_exactly(given.as_bytes())?;
        record(&key, &given);
        return Ok(ExitCode::SUCCESS);
    };
    let (page, pages) = page(&given, wanted)?;
    term::say_exactly(page.as_bytes())?;
    if wanted < pages {
        term::say(format_args!("-- page {wanted} of {pages}; next: --page {}", wanted + 1));
    }
    record(&key, page);
    Ok(ExitCode::SUCCESS)
}

fn page(text: &str, wanted: usize) -> Result<(&str, usize), Failure> {
    page::of(text, wanted).ok_or_else(|| {
        let (_, pages) = page::of(text, 1).unwrap_or_default();
        let why = format!("there is no page {wanted}; there are {}", counted(pages, "page"));
        Failure::new(exit::FAILED, why, "without --page, all of it is printed; of a query the first page")
    })
}

fn key(typed: &str) -> Result<Key, Failure> {
    Key::parse(typed.trim()).ok_or_else(|| {
        Failure::new(
            exit::USAGE,
            format_args!("`{typed}` is no key"),
            "a key has 16 to 24 digits of 0-9 and a-f; copy it from the marker in the text",
        )
    })
}

fn not_given(error: StoreError, folder: &Path) -> anyhow::Error {
    match error {
        StoreError::Unknown(key) => Failure::new(
            exit::UNKNOWN_KEY,
            format_args!("no original is kept under {key} in {}", folder.display()),
            "check the key against the marker; originals are kept where the proxy ran that made it; else run the tool again",
        )
        .into(),
        StoreError::Expired(key) => Failure::new(
            exit::EXPIRED,
            format_args!("the original {key} was kept in {} and has expired", folder.display()),
            "run the tool again; `originals.max_age` and `originals.max_bytes` in config.toml say how long originals are kept",
        )
        .into(),
        error => error.into(),
    }
}

fn no_part(error: PartError) -> Failure {
    let code = if error.is_misspelt() { exit::USAGE } else { exit::FAILED };
    Failure::new(code, error, "KEY alone prints the whole original")
}

/// Writes down what was given, where that can be: it is priced against what was saved.
fn record(key: &Key, given: &str) {
    // Without the user's own limits the store is not opened: it might let go what they keep.
    let Ok(config) = config::resolve(&Flags::default()) else { return };
    if let Ok(store) = Store::open(config.data_dir(), config.store_limits()) {
        let _ = store.record_retrieval(key, "cli", tokens::count(given), now());
        store.flush();
    }
}

//! `headroom store`: how much is kept, and deleting it.

use super::term::{self, Failure, Verdict, exit};
use crate::config::{self, Config, Flags, quantity};
use crate::library::now;
use crate::store::{Purge, Purged, Store};
use crate::text::counted;
use crate::units::Millis;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What was typed after `store`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Delete originals and what was sent in their place; their markers lead nowhere afterwards
    Purge(PurgeArgs),
}

#[derive(Debug, clap::Args)]
struct PurgeArgs {
    #[command(flatten)]
    which: Which,
    /// Don't ask
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Those of agents that worked in this folder, or in one in it
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
    /// Those last used longer ago than this: 7d, 12h, 4w
    #[arg(long, value_name = "AGE")]
    older: Option<String>,
    /// Everything, what `headroom stats` counts too
    #[arg(long)]
    all: bool,
}

/// Shows how much is kept, or deletes some of it.
///
/// # Errors
/// When the store can't be opened, or a purge was not agreed to.
pub fn run(args: Args) -> Verdict {
    let config = config::resolve(&Flags::default())?;
    match args.what {
        None => show(&config),
        Some(What::Purge(purge)) => delete(&config, &purge),
    }
}

fn open(config: &Config) -> Result<Store, anyhow::Error> {
    let store = Store::open(config.data_dir(), config.store_limits())?;
    store.notices().into_iter().for_each(term::remark);
    Ok(store)
}

fn show(config: &Config) -> Verdict {
    let folder = config.data_dir();
    if !folder.join("headroom.db").exists() {
        term::say(format_args!("Nothing is kept yet; it will be in {}.", folder.display()));
        return Ok(ExitCode::SUCCESS);
    }
    let sizes = open(config)?.sizes()?;
    let mut table = term::table(&["Kept", "Number", "Size", "At most"]);
    table.add_row([
        "originals".to_owned(),
        sizes.originals.to_string(),
        size(sizes.originals_bytes),
        format!(
            "{}, {}",
            quantity::bytes_said(config.originals_max_bytes.value),
            quantity::span_said(config.originals_max_age.value)
        ),
    ]);
    let pins = sizes.pins_shortened + sizes.pins_verbatim;
    for (what, number) in [
        ("originals that expired", sizes.expired),
        ("blocks sent", pins),
        ("blocks sent shortened", sizes.pins_shortened),
        ("sessions", sizes.sessions),
        ("requests", sizes.requests),
    ] {
        table.add_row([what.to_owned(), number.to_string()]);
    }
    table.add_row(["database".to_owned(), String::new(), size(sizes.database_bytes)]);
    term::align_right(&mut table, [1, 2]);
    term::say(term::drawn(&table));
    term::say(format_args!("\nIn {}", folder.display()));
    Ok(ExitCode::SUCCESS)
}

fn delete(config: &Config, args: &PurgeArgs) -> Verdict {
    let purges = args.which.purges()?;
    if !config.data_dir().join("headroom.db").exists() {
        term::say(format_args!("Nothing is kept in {}.", config.data_dir().display()));
        return Ok(ExitCode::SUCCESS);
    }
    if !args.yes && !agreed(&args.which, config.data_dir())? {
        return Err(Failure::new(exit::FAILED, "nothing was deleted", "").into());
    }
    let store = open(config)?;
    let mut total = Purged::default();
    for purge in &purges {
        let purged = store.purge(purge, now())?;
        total.originals += purged.originals;
        total.bytes += purged.bytes;
        total.pins += purged.pins;
        total.requests += purged.requests;
    }
    let number = |count: u64, noun| counted(usize::try_from(count).unwrap_or(usize::MAX), noun);
    let mut said = format!(
        "Deleted {} ({}) and {} that had been sent",
        number(total.originals, "original"),
        size(total.bytes),
        number(total.pins, "block")
    );
    if args.which.all {
        said.push_str(&format!(", and the record of {}", number(total.requests, "request")));
    }
    term::say(format_args!("{said}."));
    Ok(ExitCode::SUCCESS)
}

impl Which {
    fn purges(&self) -> Result<Vec<Purge>, anyhow::Error> {
        if self.all {
            return Ok(vec![Purge::All]);
        }
        if let Some(age) = &self.older {
            let span = quantity::span(age).ok_or_else(|| {
                Failure::new(exit::USAGE, format_args!("`{age}` is no span of time"), "write 7d, 12h or 4w")
            })?;
            let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
            return Ok(vec![Purge::Older(Millis(now().0.saturating_sub(span)))]);
        }
        let folder = std::path::absolute(self.project.as_deref().unwrap_or(Path::new(".")))?;
        // As it was typed, and as it is called without symbolic links: agents say either.
        let mut folders = vec![folder.clone()];
        folders.extend(folder.canonicalize().ok().filter(|real| *real != folder));
        Ok(folders.into_iter().map(|folder| Purge::Project(folder.display().to_string())).collect())
    }

    fn said(&self) -> String {
        match (&self.project, &self.older) {
            (Some(project), _) => format!("the originals of agents in {}", project.display()),
            (_, Some(age)) => format!("the originals that were not used for {age}"),
            (None, None) => "all originals and the whole record".to_owned(),
        }
    }
}

fn agreed(which: &Which, folder: &Path) -> Result<bool, anyhow::Error> {
    if !std::io::stdin().is_terminal() {
        let what = format!("not deleting {} unasked", which.said());
        return Err(Failure::new(exit::USAGE, what, "say --yes").into());
    }
    Ok(term::asked(format_args!("Delete {} in {}? [y/N] ", which.said(), folder.display())))
}

/// A size as a table shows it: three digits at most before its unit.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut number = bytes as f64;
    let mut unit = 0;
    while number >= 1000.0 && unit + 1 < UNITS.len() {
        number /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{number:.1} {}", UNITS[unit]) }
}

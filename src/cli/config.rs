//! `headroom config`: which settings are in force, and who said so.

use super::asked;
use super::term::{self, Verdict, exit};
use crate::config::{self, Config, Entry, Flags, Origin};
use crate::store::{self, Control};
use serde_json::json;
use std::process::ExitCode;

/// What was typed after `config`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show where the settings and the data lie
    Path {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show every setting, its value and where it came from
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Does it.
///
/// # Errors
/// What `main` prints.
pub fn run(args: Args) -> Verdict {
    let config = config::resolve(&Flags::default())?;
    match args.what {
        What::Path { json: true } => term::say_json(&paths_as_json(&config)),
        What::Path { json: false } => {
            for (name, path) in paths(&config) {
                term::say(format_args!("{name:<9}{}", path.display()));
            }
        }
        What::Show { json: true } => term::say_json(&json!({
            "schema": 1,
            "paths": paths_as_json(&config),
            "settings": config.entries().iter().map(as_json).collect::<Vec<_>>(),
            "controls": asked::json(&asked_for(&config)),
        })),
        What::Show { json: false } => {
            term::say(as_table(&config));
            let asked = asked_for(&config);
            if !asked.is_empty() {
                term::say("");
                asked::lines(&asked).iter().for_each(term::say);
            }
        }
    }
    Ok(ExitCode::from(exit::OK))
}

/// What was asked for by `pause` and `never`. The store is only looked at.
fn asked_for(config: &Config) -> Vec<Control> {
    store::controls_in(config.data_dir(), config.store_limits().wait)
}

fn paths(config: &Config) -> [(&'static str, std::path::PathBuf); 4] {
    let folders = &config.folders;
    [
        ("settings", folders.config_file()),
        ("prices", folders.prices_file()),
        ("agents", folders.agents()),
        ("data", folders.data.clone()),
    ]
}

fn paths_as_json(config: &Config) -> serde_json::Value {
    paths(config)
        .into_iter()
        .map(|(name, path)| (name.to_owned(), json!(path)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn as_json(entry: &Entry) -> serde_json::Value {
    json!({
        "key": entry.key,
        "value": entry.value,
        "origin": entry.origin.name(),
        "said_by": entry.origin.to_string(),
        "meaning": entry.meaning,
    })
}

fn as_table(config: &Config) -> String {
    let mut table = term::table(&["setting", "value", "from", "meaning"]);
    for entry in config.entries() {
        let value = entry.value.as_str().map_or_else(|| entry.value.to_string(), str::to_owned);
        let value = if value.is_empty() { "\"\"".to_owned() } else { value };
        // Whole paths are what `config path` and `--json` are for.
        let from = match &entry.origin {
            Origin::File { line, .. } => format!("config.toml:{line}"),
            origin => origin.to_string(),
        };
        table.add_row([entry.key, value, from, entry.meaning.to_owned()]);
    }
    term::drawn(&table)
}

//! `headroom never`: outputs of a tool or a command that are never made shorter.

use super::asked::{self, Place};
use super::stats;
use super::term::{self, Failure, Verdict, exit};
use crate::config::{self, Config, Flags};
use crate::library::now;
use crate::rewrite::controls::Pattern;
use crate::store::{Ask, Control};
use std::process::ExitCode;

/// What was typed after `never`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  headroom never \"npm test*\"          a command, wherever it stands in a line (`cd web && npm test | tail`)
  headroom never \"mcp__db__*\"         a tool, by its name
  headroom never \"Bash(npm test*)\"    a command of one tool
  headroom never \"Read(*.sql)\"        files that one tool reads

`*` is any letters, `?` is one. Without a star a command fits that begins with these words.
It holds from the next request on, for what is new there. Rules that should hold for good and say more than
\"never\" belong in config.toml: see `headroom config path`.")]
pub struct Args {
    /// Which outputs; without one, what was asked for is listed
    #[arg(value_name = "TOOL OR COMMAND")]
    pattern: Option<String>,
    /// In every folder, not only in this one
    #[arg(long)]
    everywhere: bool,
    /// List what was asked for
    #[arg(long, conflicts_with_all = ["pattern", "remove"])]
    list: bool,
    /// Take back what was asked for
    #[arg(long, requires = "pattern")]
    remove: bool,
    /// Print the list as JSON
    #[arg(long, conflicts_with = "pattern")]
    json: bool,
}

/// Does it.
///
/// # Errors
/// When the pattern is none, or it could not be written down.
pub fn run(args: Args) -> Verdict {
    let config = config::resolve(&Flags::default())?;
    let Some(typed) = &args.pattern else { return list(&config, args.json) };
    let pattern = Pattern::parse(typed).map_err(|why| {
        Failure::new(exit::USAGE, format_args!("`{typed}` is no pattern: {why}"), "headroom never --help")
    })?;
    if args.remove {
        return remove(&config, &pattern, args.everywhere);
    }
    let store = asked::open(&config)?;
    let scope = if args.everywhere { String::new() } else { Place::here(&store)?.folder };
    let control = Control { ask: Ask::Never, scope, pattern: pattern.to_string(), at: now() };
    let new = store.ask_for(&control).map_err(asked::not_kept)?;
    let (begin, place) = (if new { "From now on" } else { "As before" }, asked::place(&control));
    term::say(format_args!(
        "{begin}, new outputs of `{pattern}` go as they came, {place}. `headroom never --remove \"{pattern}\"{}` takes it back.",
        if args.everywhere { " --everywhere" } else { "" }
    ));
    Ok(ExitCode::SUCCESS)
}

fn list(config: &Config, json: bool) -> Verdict {
    let controls = match stats::record(config)? {
        Some(store) => store.controls()?,
        None => Vec::new(),
    };
    let asked: Vec<Control> = controls.into_iter().filter(|control| control.ask == Ask::Never).collect();
    if json {
        term::say_json(&asked::json(&asked));
    } else if asked.is_empty() {
        term::say("Nothing was named; `headroom never \"npm test*\"`, for example, names a command.");
    } else {
        let mut table = term::table(&["never", "where", "since"]);
        for control in &asked {
            let place = if control.scope.is_empty() { "everywhere" } else { control.scope.as_str() };
            table.add_row([control.pattern.clone(), place.to_owned(), asked::day_and_time(control.at)]);
        }
        term::say(term::drawn(&table));
    }
    Ok(ExitCode::SUCCESS)
}

fn remove(config: &Config, pattern: &Pattern, everywhere: bool) -> Verdict {
    let unknown = |hint: String| {
        let what =
            format!("`{pattern}` was not asked for {}", if everywhere { "everywhere" } else { "here" });
        anyhow::Error::from(Failure::new(exit::FAILED, what, hint))
    };
    let Some(store) = stats::record(config)? else { return Err(unknown(String::new())) };
    let place = Place::here(&store)?.folder;
    let its: Vec<Control> =
        store.controls()?.into_iter().filter(|control| control.ask == Ask::Never).collect();
    let written = pattern.to_string();
    let same = |control: &&Control| control.pattern == written;
    let here = |control: &&Control| match everywhere {
        true => control.scope.is_empty(),
        false => !control.scope.is_empty() && control.covers(&place),
    };
    let over: Vec<Control> = its.iter().filter(same).filter(here).cloned().collect();
    if over.is_empty() {
        let elsewhere: Vec<String> = its.iter().filter(same).map(asked::place).collect();
        return Err(unknown(match elsewhere.as_slice() {
            [] => "`headroom never --list` lists what was".to_owned(),
            places if places.iter().any(|place| place == "everywhere") => {
                "it is asked for --everywhere".to_owned()
            }
            places => format!("it is asked for {}", places.join(", ")),
        }));
    }
    store.ask_no_more(&over).map_err(asked::not_kept)?;
    let places: Vec<String> = over.iter().map(asked::place).collect();
    term::say(format_args!("New outputs of `{pattern}` may be made shorter again, {}.", places.join(", ")));
    Ok(ExitCode::SUCCESS)
}

//! `headroom agents`: which agents are known, which are here, and how each is wrapped.

use super::term::{self, Failure, Verdict, exit};
use super::wrap;
use crate::agent::definition::{self, Agent, NO_LOGIN};
use crate::agent::plan::{self, Around};
use crate::agent::version::{self, Question};
use crate::config::{self, Config, Flags};
use crate::text;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// What was typed after `agents`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    /// Print all of it as JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    verb: Option<AgentsVerb>,
}

/// What to do with agents.
#[derive(Debug, clap::Subcommand)]
enum AgentsVerb {
    /// Write a commented file that adds an agent of your own
    New {
        /// What will be typed after `headroom wrap`
        name: String,
    },
}

/// Does it.
///
/// # Errors
/// What `main` prints.
pub fn run(args: Args) -> Verdict {
    let config = config::resolve(&Flags::default())?;
    if let Some(AgentsVerb::New { name }) = args.verb {
        return write_new(&name, &config.agents_dir());
    }
    let rows = look(&config)?;
    if args.json {
        let agents: Vec<_> = rows.iter().map(Row::json).collect();
        term::say_json(&json!({ "agents": agents, "folder": config.agents_dir() }));
    } else {
        show(&rows);
    }
    Ok(ExitCode::from(exit::OK))
}

/// How long a program may take to tell its version.
const PATIENCE: Duration = Duration::from_secs(2);

/// An agent, and what is there of it.
struct Row {
    agent: Agent,
    program: Option<PathBuf>,
    version: Option<String>,
    login: String,
    home: Option<PathBuf>,
}

fn look(config: &Config) -> Result<Vec<Row>, anyhow::Error> {
    let known = definition::known(&config.agents_dir()).map_err(|error| {
        Failure::new(exit::USAGE, text::with_causes(&error), "mend the file or move it away")
    })?;
    let around = wrap::surroundings()?;
    let mut rows: Vec<Row> = known.into_iter().map(|agent| Row::of(agent, &around)).collect();
    let (places, questions): (Vec<usize>, Vec<Question>) = rows
        .iter()
        .enumerate()
        .filter_map(|(at, row)| {
            let question = Question { program: row.program.clone()?, arguments: row.agent.version.clone() };
            Some((at, question))
        })
        .unzip();
    for (at, told) in places.into_iter().zip(version::ask(&questions, &around.environment, PATIENCE)) {
        rows[at].version = told;
    }
    Ok(rows)
}

impl Row {
    fn of(agent: Agent, around: &Around) -> Row {
        Row {
            program: plan::program(&agent, around).ok(),
            version: None,
            login: plan::login(&agent, around).to_owned(),
            home: around.home.clone(),
            agent,
        }
    }

    /// How well it is known to work, in a word, and why not better.
    fn supported(&self) -> (&'static str, &str) {
        match (self.agent.refused.as_str(), self.agent.untested.as_str()) {
            ("", "") => ("yes", ""),
            ("", why) => ("untested", why),
            (why, _) => ("no", why),
        }
    }

    /// By what it gets back what was left out.
    fn ways_back(&self) -> Vec<&'static str> {
        let Some(retrieval) = &self.agent.retrieval else { return Vec::new() };
        let ways = [(!retrieval.tools.is_empty(), "our tool"), (!retrieval.shell.is_empty(), "its shell")];
        ways.into_iter().filter(|(there, _)| *there).map(|(_, way)| way).collect()
    }

    /// The program's path, with the home as `~`.
    fn place(&self) -> String {
        let Some(program) = &self.program else { return String::new() };
        let home = self.home.as_deref().filter(|home| !home.as_os_str().is_empty());
        match home.and_then(|home| program.strip_prefix(home).ok()) {
            Some(rest) => format!("~/{}", rest.display()),
            None => program.display().to_string(),
        }
    }

    fn json(&self) -> serde_json::Value {
        let (supported, because) = self.supported();
        json!({
            "name": self.agent.name,
            "title": self.agent.title,
            "program": self.program,
            "version": self.version,
            "wire": self.agent.wire.name(),
            "login": (self.login != NO_LOGIN).then_some(&self.login),
            "supported": supported,
            "because": because,
            "way_back": self.ways_back(),
            "lost": self.agent.lost,
            "install": self.agent.install,
        })
    }
}

/// A table of those that are here, and a line for the rest.
fn show(rows: &[Row]) {
    let (here, elsewhere): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.program.is_some());
    if here.is_empty() {
        term::say("no agent that headroom knows is in your PATH");
    } else {
        let mut table =
            term::table(&["agent", "version", "program", "speaks", "login", "wrapped", "way back"]);
        for row in &here {
            let or_dash = |text: String| if text.is_empty() { "–".to_owned() } else { text };
            let way_back = match row.ways_back() {
                ways if ways.is_empty() => "none: only lossless".to_owned(),
                ways => ways.join(", "),
            };
            table.add_row([
                row.agent.name.clone(),
                or_dash(row.version.clone().unwrap_or_default()),
                row.place(),
                row.agent.wire.name().to_owned(),
                row.login.clone(),
                row.supported().0.to_owned(),
                if row.agent.refused.is_empty() { way_back } else { "–".to_owned() },
            ]);
        }
        term::say(term::drawn(&table));
    }
    let notes = here.iter().flat_map(|row| {
        let (supported, because) = row.supported();
        let because = (!because.is_empty()).then(|| format!("{}: {supported}: {because}", row.agent.name));
        let lost = &row.agent.lost;
        let lost = (!lost.is_empty()).then(|| format!("{}: lost: {lost}", row.agent.name));
        [because, lost].into_iter().flatten()
    });
    let notes: Vec<String> = notes.collect();
    if !notes.is_empty() {
        term::say("");
        notes.iter().for_each(term::say);
    }
    if !elsewhere.is_empty() {
        let names: Vec<&str> = elsewhere.iter().map(|row| row.agent.name.as_str()).collect();
        term::say(format_args!("\nknown and not here: {}", names.join(", ")));
    }
    term::say("one of your own: headroom agents new NAME");
}

/// Writes the file, which nobody has written yet.
fn write_new(name: &str, folder: &Path) -> Verdict {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    if name.is_empty() || name.starts_with('-') || !name.bytes().all(plain) {
        return Err(Failure::new(
            exit::USAGE,
            format_args!("`{name}` can't be an agent's name"),
            "lower-case letters, digits, - and _ can stand in it",
        )
        .into());
    }
    let path = folder.join(format!("{name}.toml"));
    let failed = |source: std::io::Error| {
        let there = source.kind() == std::io::ErrorKind::AlreadyExists;
        let (what, hint) = match there {
            true => (
                format!("{} is there already", path.display()),
                "it was not changed; edit it, or choose another name",
            ),
            false => (format!("could not write {}: {source}", path.display()), ""),
        };
        Failure::new(exit::FAILED, what, hint)
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
    file.write_all(definition::text_for(name).as_bytes()).map_err(failed)?;
    term::say(path.display());
    term::remark(format_args!("edit it, then see what it does with: headroom wrap {name} --dry-run"));
    Ok(ExitCode::from(exit::OK))
}

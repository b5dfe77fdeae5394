//! `headroom doctor`: proves the route of an agent's requests from end to end, and says what is wrong.
//!
//! The agent itself is run, wrapped, with one short question: against the provider in this process, and, when that
//! is agreed to, against its own. *Invariant:* nothing of the user's is changed, nothing is left behind, and green is
//! said of a route only when a request was counted on it.

mod chain;
mod compare;
mod house;
mod line;
mod route;

use super::term::{self, Failure, Verdict, exit};
use super::wrap;
use crate::agent::definition::{self, Agent, NO_LOGIN};
use crate::agent::masked;
use crate::agent::plan::{self, Around, Plan, Through, Tool};
use crate::agent::version::{self, Question};
use crate::config::{self, Config, Flags};
use crate::library::now;
use crate::text::{self, counted};
use line::{Line, State};
use serde_json::{Value, json};
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// What was typed after `doctor`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 all that could be seen is well and a request was counted; 1 something is wrong;\n\
                        2 the command line or a file of yours can't be understood; 127 the agent is not here."
)]
pub struct Args {
    /// Send nothing out: only run the agent against the provider that is built in
    #[arg(long)]
    offline: bool,
    /// Send one short real request, which may cost a cent, without asking
    #[arg(long, conflicts_with = "offline")]
    yes: bool,
    /// Print all of it as JSON
    #[arg(long)]
    json: bool,
    /// Which agent; every one that is here when none is named
    #[arg(value_name = "AGENT")]
    agent: Option<String>,
}

impl Args {
    fn view(&self) -> View {
        match (self.json, &self.agent) {
            (true, _) => View::Json,
            (false, Some(_)) => View::Whole,
            (false, None) => View::Table,
        }
    }
}

/// How the report is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum View {
    Json,
    /// Everything that was found of one agent.
    Whole,
    /// A row an agent.
    Table,
}

/// Looks, and says what was found.
///
/// # Errors
/// What `main` prints: when nothing could be looked at.
pub fn run(args: Args) -> Verdict {
    let config = match config::resolve(&Flags::default()) {
        Ok(config) => config,
        Err(error) => {
            let report = Report { house: vec![house::no_settings(&error)], agents: Vec::new() };
            report.show(args.view());
            return Ok(ExitCode::from(exit::USAGE));
        }
    };
    let around = around(&config)?;
    let agents = wanted(&args, &config, &around)?;
    let real = !args.offline && (args.yes || agreed(&agents, args.json)?);
    let mut report = Report {
        house: house::look(&config, &around.environment, &around.headroom, now()),
        agents: Vec::new(),
    };
    for agent in &agents {
        let Some(patient) = Patient::examine(agent, &around, &config, real)? else {
            return Ok(ExitCode::from(INTERRUPTED));
        };
        report.agents.push(patient);
    }
    report.show(args.view());
    Ok(ExitCode::from(if report.good() { exit::OK } else { exit::FAILED }))
}

/// As shells show a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

fn around(config: &Config) -> Result<Around, anyhow::Error> {
    let around = wrap::surroundings()?;
    Ok(Around { upstream: config.upstream.value.clone(), ..around })
}

/// The agent that was named, or all that are here and can be wrapped.
fn wanted(args: &Args, config: &Config, around: &Around) -> Result<Vec<Agent>, anyhow::Error> {
    if let Some(name) = &args.agent {
        let agent = wrap::find(name, &config.agents_dir())?;
        if agent.refused.is_empty()
            && let Err(error) = plan::program(&agent, around)
        {
            let hint = if agent.install.is_empty() {
                String::new()
            } else {
                format!("get it with {}", agent.install)
            };
            return Err(Failure::new(exit::NOT_FOUND, error, hint).into());
        }
        return Ok(vec![agent]);
    }
    let known = definition::known(&config.agents_dir()).map_err(|error| {
        Failure::new(exit::USAGE, text::with_causes(&error), "mend the file or move it away")
    })?;
    let here = |agent: &Agent| agent.refused.is_empty() && plan::program(agent, around).is_ok();
    let agents: Vec<Agent> = known.into_iter().filter(here).collect();
    if agents.is_empty() {
        let failure = Failure::new(
            exit::NOT_FOUND,
            "no agent that headroom knows is in your PATH",
            "headroom agents lists those that it knows",
        );
        return Err(failure.into());
    }
    Ok(agents)
}

/// Whether one real request may be sent; without a terminal nobody can be asked.
fn agreed(agents: &[Agent], json: bool) -> Result<bool, anyhow::Error> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() || json {
        return Ok(false);
    }
    let names: Vec<&str> =
        agents.iter().filter(|agent| agent.can_be_asked()).map(|agent| agent.title.as_str()).collect();
    if names.is_empty() {
        return Ok(false);
    }
    term::say_part(format_args!(
        "Run {} once with one short question to the real provider? It may cost a cent. [y/N] ",
        names.join(", ")
    ));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// An agent, and what was found.
struct Patient {
    agent: Agent,
    program: Option<PathBuf>,
    version: Option<String>,
    login: String,
    upstream: Option<String>,
    /// Requests that were counted: at the built-in provider, and at the real one.
    counted: (usize, usize),
    real: bool,
    lines: Vec<Line>,
}

impl Patient {
    /// Looks at one agent; `None` when we were asked to end.
    fn examine(
        agent: &Agent,
        around: &Around,
        config: &Config,
        real: bool,
    ) -> Result<Option<Patient>, anyhow::Error> {
        let program = plan::program(agent, around).ok();
        let question = program.clone().map(|program| Question { program, arguments: agent.version.clone() });
        let told = route::in_an_empty_home(agent, around, |environment| {
            version::ask(question.as_slice(), environment, Duration::from_secs(20))
        })?;
        let mut patient = Patient {
            program,
            version: told.into_iter().next().flatten(),
            login: plan::login(agent, around).to_owned(),
            upstream: None,
            counted: (0, 0),
            real,
            lines: Vec::new(),
            agent: agent.clone(),
        };
        let tool = if config.mcp.value { Tool::Offered } else { Tool::Withheld };
        let typed = Vec::new();
        match plan::plan(agent, around, typed, tool) {
            Err(error) => patient.lines.push(Line::red("wrapped", error, "run it as it is")),
            Ok(Plan::Past { because, .. }) => {
                let nobody = patient.login == NO_LOGIN;
                patient.lines.push(patient.has_login());
                patient.lines.push(if nobody {
                    Line::unknown(
                        "wrapped",
                        format_args!("for now it would go past headroom: {because}"),
                        format_args!("log in to {} first; below, a login that is none was used", agent.title),
                    )
                } else {
                    Line::red(
                        "wrapped",
                        format_args!("{} goes past headroom, and nothing is saved: {because}", agent.title),
                        "take that setting away if you want its outputs shortened",
                    )
                });
                if nobody && !patient.rehearse(around, config)? {
                    return Ok(None);
                }
            }
            Ok(Plan::Through(through)) => {
                patient.upstream = Some(masked::url(&through.upstream));
                patient.lines.push(patient.has_login());
                patient.lines.push(upstream(agent, around, config, &through));
                if !patient.rehearse(around, config)? || (real && !patient.ask(around, &through, config)?) {
                    return Ok(None);
                }
            }
        }
        let upstream =
            patient.lines.iter().any(|line| line.check == "upstream").then(|| around_upstream(agent, around));
        let found =
            chain::look(agent, upstream.flatten().as_deref(), around.home.as_deref(), &around.environment);
        patient.lines.extend(found);
        Ok(Some(patient))
    }

    fn has_login(&self) -> Line {
        let variables = self
            .agent
            .logins
            .iter()
            .filter(|login| login.kind == self.login)
            .flat_map(|login| &login.variables);
        let set: Vec<&str> = variables.map(String::as_str).collect();
        match self.login.as_str() {
            NO_LOGIN => Line::unknown(
                "login",
                "none was found where headroom knows to look",
                format_args!(
                    "if {} works without headroom, all is well: headroom relays whatever it sends",
                    self.agent.title
                ),
            ),
            kind if set.is_empty() => Line::green("login", kind),
            kind => Line::green("login", format_args!("{kind} ({})", set.join(" or "))),
        }
    }

    /// The run against the built-in provider; false when we were asked to end.
    fn rehearse(&mut self, around: &Around, config: &Config) -> Result<bool, anyhow::Error> {
        let agent = &self.agent;
        patience(format_args!("running {} against the built-in provider …", agent.title));
        let (rehearsed, direct) = std::thread::scope(|scope| {
            let direct = scope.spawn(|| match agent.can_be_asked() {
                true => route::direct(agent, around),
                false => Ok(Vec::new()),
            });
            let tool = if config.mcp.value { Tool::Offered } else { Tool::Withheld };
            let rehearsed = route::rehearse(agent, around, config, tool);
            (rehearsed, direct.join().unwrap_or_else(|_| Ok(Vec::new())))
        });
        let run = match rehearsed? {
            Ok(run) => run,
            Err(because) => {
                self.lines.push(Line::red(
                    "wrapped",
                    format_args!("in an empty home {} goes past headroom: {because}", agent.title),
                    "please report it",
                ));
                return Ok(true);
            }
        };
        if run.trip.broken_off() {
            return Ok(false);
        }
        let messages: Vec<_> = run.seen.iter().filter(|seen| seen.is_message()).collect();
        let refused = messages.iter().find(|seen| !seen.refused.is_empty());
        self.counted.0 = messages.len().min(run.trip.rows.len());
        self.lines.push(route::fared(agent, &run.trip));
        match (self.counted.0, refused) {
            (0, _) => self.lines.push(route::bypassed(agent)),
            (_, Some(seen)) => self.lines.push(Line::red(
                "reached",
                format_args!("the built-in provider refused a request: {}", seen.refused),
                "please report it",
            )),
            (some, None) => self.lines.push(Line::green(
                "reached",
                format_args!("{} came through headroom to the built-in provider", counted(some, "request")),
            )),
        }
        if self.counted.0 != 0 {
            self.lines.extend(compare::look(agent, &run, &direct.unwrap_or_default()));
        }
        Ok(true)
    }

    /// The real question; false when we were asked to end.
    fn ask(&mut self, around: &Around, through: &Through, config: &Config) -> Result<bool, anyhow::Error> {
        if !self.agent.can_be_asked() {
            return Ok(true);
        }
        patience(format_args!("asking {} one real question …", self.agent.title));
        let trip = route::ask(&self.agent, around, through, config)?;
        if trip.broken_off() {
            return Ok(false);
        }
        self.counted.1 = trip.rows.iter().filter(|row| (200..300).contains(&row.status)).count();
        let fared = route::fared(&self.agent, &trip);
        if fared.state != State::Green {
            self.lines.push(fared);
        }
        let upstream = masked::url(&through.upstream);
        self.lines.extend(route::answered(&self.agent, &trip, &upstream));
        Ok(true)
    }

    fn good(&self) -> bool {
        let asked = !self.real || !self.agent.can_be_asked() || self.counted.1 != 0;
        self.counted.0 != 0 && asked && self.lines.iter().all(|line| line.state != State::Red)
    }

    fn json(&self) -> Value {
        json!({
            "name": self.agent.name,
            "title": self.agent.title,
            "program": self.program,
            "version": self.version,
            "login": (self.login != NO_LOGIN).then_some(&self.login),
            "upstream": self.upstream,
            "verdict": if self.good() { "green" } else { "red" },
            "counted": { "built_in": self.counted.0, "real": self.real.then_some(self.counted.1) },
            "lines": self.lines.iter().map(Line::json).collect::<Vec<_>>(),
        })
    }

    fn show(&self) {
        let version = self.version.as_deref().unwrap_or("of unknown version");
        let program =
            self.program.as_ref().map(|program| format!(", {}", program.display())).unwrap_or_default();
        term::heading(format_args!("{} {version}{program}", self.agent.title));
        self.lines.iter().for_each(Line::show);
    }

    /// The verdict, in a sentence.
    fn said(&self) -> String {
        let title = &self.agent.title;
        match (self.good(), self.real && self.agent.can_be_asked()) {
            (true, true) => format!("{title}: the route works, to the provider and back."),
            (true, false) => format!(
                "{title}: the route works as far as it goes on this machine; the real provider was not asked (--yes does)."
            ),
            (false, _) => format!("{title}: not well; see the lines marked BAD."),
        }
    }
}

/// Says to whoever waits at a terminal what is being waited for.
fn patience(line: impl std::fmt::Display) {
    if std::io::stderr().is_terminal() {
        term::remark(line);
    }
}

/// Where requests go, in full.
fn around_upstream(agent: &Agent, around: &Around) -> Option<String> {
    match plan::plan(agent, around, Vec::new(), Tool::Offered) {
        Ok(Plan::Through(through)) => Some(through.upstream),
        _ => None,
    }
}

/// Where requests go, and who said so.
fn upstream(agent: &Agent, around: &Around, config: &Config, through: &Through) -> Line {
    let shown = masked::url(&through.upstream);
    let set = agent.upstream.variables.iter().find(|name| around.environment.get(name).is_some());
    let who = if config.upstream.value.is_some() {
        format!("{}", config.upstream.origin)
    } else if through.upstream == agent.upstream.default {
        "the agent's own default".to_owned()
    } else if let Some(name) = set {
        format!("${name}")
    } else {
        "the agent's own settings or login".to_owned()
    };
    let withheld = through.withheld.as_deref().filter(|because| !because.is_empty());
    match withheld.filter(|_| agent.retrieval.is_some()) {
        Some(because) => {
            Line::unknown("upstream", format_args!("{shown}, by {who}; our tool is withheld: {because}"), "")
        }
        None => Line::green("upstream", format_args!("{shown}, by {who}")),
    }
}

/// All that was found.
struct Report {
    house: Vec<Line>,
    agents: Vec<Patient>,
}

impl Report {
    /// The agents in a row each, with the worst of what was found.
    fn table(&self) -> comfy_table::Table {
        let mut table = term::table(&["agent", "version", "verdict", "counted", "what is odd"]);
        for patient in &self.agents {
            let worst = [State::Red, State::Unknown];
            let odd = worst.iter().find_map(|state| patient.lines.iter().find(|line| line.state == *state));
            table.add_row([
                patient.agent.name.clone(),
                patient.version.clone().unwrap_or_else(|| "–".to_owned()),
                (if patient.good() { "ok" } else { "BAD" }).to_owned(),
                (patient.counted.0 + patient.counted.1).to_string(),
                odd.map_or_else(|| "nothing".to_owned(), |line| format!("{}: {}", line.check, line.said)),
            ]);
        }
        table
    }

    fn good(&self) -> bool {
        self.house.iter().all(|line| line.state != State::Red) && self.agents.iter().all(Patient::good)
    }

    fn show(&self, view: View) {
        if view == View::Json {
            term::say_json(&json!({
                "verdict": if self.good() { "green" } else { "red" },
                "headroom": { "version": env!("CARGO_PKG_VERSION"),
                              "lines": self.house.iter().map(Line::json).collect::<Vec<_>>() },
                "agents": self.agents.iter().map(Patient::json).collect::<Vec<_>>(),
            }));
            return;
        }
        term::heading(format_args!("headroom {}", env!("CARGO_PKG_VERSION")));
        self.house.iter().for_each(Line::show);
        if self.agents.is_empty() {
            return;
        }
        term::say("");
        if view == View::Table {
            term::say(term::drawn(&self.table()));
            term::say("\nall that was found of one: headroom doctor AGENT");
        } else {
            self.agents.iter().for_each(Patient::show);
            term::say("");
            self.agents.iter().for_each(|patient| term::say(patient.said()));
        }
    }
}

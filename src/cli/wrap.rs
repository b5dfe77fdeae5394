//! `headroom wrap`: runs an agent with the proxy around it.

use super::term::{self, Failure, Verdict, exit};
use crate::agent::claude;
use crate::agent::codex;
use crate::agent::definition::{self, Agent};
use crate::agent::environment::Environment;
use crate::agent::itself;
use crate::agent::launch::{self, Ended, LaunchError};
use crate::agent::masked;
use crate::agent::patch::{Held, Journals};
use crate::agent::plan::{self, Around, Launch, Plan, PlanError, Through, Tool, plan};
use crate::agent::run_folder::RunFolder;
use crate::agent::terminal;
use crate::config::{self, Config, Flags, OpenedStore, env};
use crate::ledger::price::Prices;
use crate::ledger::report;
use crate::proxy::{self, Outbound, Running, Setup, Upstreams};
use crate::rewrite::{Settings, WayBack};
use crate::store::{Ask, Store};
use crate::text;
use anyhow::Context;
use std::ffi::OsString;
use std::io::{IsTerminal, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// What was typed after `wrap`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What is not an option of ours goes to the agent, and so does all that follows it:\n  \
                        headroom wrap claude -p \"hi\" --model opus\n\
                        After `--` everything does: headroom wrap claude -- --help"
)]
pub struct Args {
    /// How much may be left out: lossless, balanced or aggressive
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Run through and change nothing
    #[arg(long)]
    off: bool,
    /// Print the environment and the arguments that would be used, and start nothing
    #[arg(long)]
    dry_run: bool,
    /// Don't hand the agent the tool that gives originals back; only lossless changes are made then
    #[arg(long)]
    no_mcp: bool,
    /// Offer the model the tool in the prompt itself, and answer its calls here, when the agent can't be handed it
    #[arg(long)]
    answer_retrieval: bool,
    /// Give the agent our own terminal instead of one of its own
    #[arg(long)]
    no_pty: bool,
    /// Say nothing before and after
    #[arg(long)]
    quiet: bool,
    /// Typed as PROGRAM, through a launcher: if headroom fails before the launch, it is run without headroom
    #[arg(long, hide = true, value_name = "PROGRAM")]
    launcher: Option<String>,
    /// Say after so many seconds that nothing has gone through headroom
    #[arg(long, hide = true, value_name = "SECONDS", default_value_t = 30)]
    silence: u64,
    /// Which agent
    #[arg(value_name = "AGENT")]
    agent: String,
    /// The agent's own arguments
    #[arg(value_name = "ARGUMENTS", trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Does it.
///
/// # Errors
/// What `main` prints.
pub fn run(args: Args) -> Verdict {
    let Some(program) = args.launcher.clone() else { return wrap(args) };
    let arguments = args.arguments.clone();
    wrap(args).or_else(|error| match error.downcast_ref::<Failure>() {
        // It is the agent's own program that is not there or can't be run.
        Some(failure) if [exit::NOT_FOUND, exit::CANNOT_EXECUTE].contains(&failure.code) => Err(error),
        _ => step_aside(&program, arguments, error),
    })
}

/// Runs what was typed without headroom. Whatever fails in [`wrap`], fails before the agent has begun.
fn step_aside(program: &str, arguments: Vec<OsString>, error: anyhow::Error) -> Verdict {
    let around = surroundings()?;
    match plan::behind_launchers(program, &around, arguments) {
        Some(launch) => {
            term::fail(&error);
            term::remark(format_args!("{program} is run without headroom"));
            Err(cant_start(launch::become_it(&launch)))
        }
        None => Err(error),
    }
}

fn wrap(args: Args) -> Verdict {
    // Who pipes the agent's words somewhere has not asked for ours.
    let unseen = args.launcher.is_some() && !std::io::stderr().is_terminal();
    let config = config::resolve(&Flags {
        profile: args.profile.clone(),
        off: args.off,
        answer_retrieval: args.answer_retrieval,
        no_mcp: args.no_mcp,
        quiet: args.quiet || unseen,
        ..Flags::default()
    })?;
    let agent = find(&args.agent, &config.agents_dir())?;
    let mut outer = Outer::around_us(&agent.name);
    let mut around = around(&outer, config.upstream.value.clone())?;
    let wanted = config.mcp.value && config.enabled.value;
    let tool = if wanted { Tool::Offered } else { Tool::Withheld };
    let patience = Duration::from_secs(args.silence);
    let mut plan = plan(&agent, &around, args.arguments.clone(), tool).map_err(not_found)?;
    // Another profile, another provider: the proxy around us would send it where it does not belong.
    if let (Plan::Through(through), Outer::Alive(_)) = (&plan, &outer)
        && env::get(env::HEADROOM_GOES_TO).is_none_or(|leads| leads != through.goes_to())
    {
        outer = Outer::None;
        around = self::around(&outer, config.upstream.value.clone())?;
        plan = plan::plan(&agent, &around, args.arguments, tool).map_err(not_found)?;
    }
    let house = House { config, around, no_pty: args.no_pty, patience };
    match (plan, outer) {
        (plan, _) if args.dry_run => {
            show(&plan)?;
            Ok(ExitCode::from(exit::OK))
        }
        (Plan::Past { launch, because }, _) => {
            if !because.is_empty() {
                house.say(format_args!("nothing will be saved yet: {because}"));
            }
            Err(cant_start(launch::become_it(&launch)))
        }
        (Plan::Through(through), _) if agent.paste.is_some() => house.wait_for(&agent, &through),
        // The proxy around us serves this agent as well, and ends it as well.
        (Plan::Through(through), Outer::Alive(base_url)) => {
            let folder = house.run_folder();
            let launch = through.launch(&base_url, folder.as_ref().map(RunFolder::path))?;
            if let Some(folder) = folder {
                folder.fill(&launch.files).context("could not write the files of this run")?;
                folder.hand_over();
            }
            Err(cant_start(launch::become_it(&launch)))
        }
        (Plan::Through(through), _) => house.serve(&agent, &through),
    }
}

/// How long requests may go on once the agent, which asked for them, has ended.
const DRAIN_PATIENCE: Duration = Duration::from_secs(1);

/// How often is looked whether the first request has come.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A proxy that runs for an agent.
struct Started {
    opened: OpenedStore,
    run: String,
    proxy: Running,
}

/// What all kinds of launches need.
struct House {
    config: Config,
    around: Around,
    no_pty: bool,
    /// How long an agent may run before it is odd that it has asked nothing.
    patience: Duration,
}

impl House {
    /// Starts the proxy, runs the agent through it, and says what was saved.
    fn serve(&self, agent: &Agent, through: &Through) -> Verdict {
        let Started { opened, run, proxy } = self.proxy(agent, through)?;
        let folder = self.run_folder();
        let launch = through.launch(&proxy.base_url, folder.as_ref().map(RunFolder::path))?;
        if let Some(folder) = &folder {
            folder.fill(&launch.files).context("could not write the files of this run")?;
        }
        let held = self.patched(agent, through, &proxy.base_url);
        let ended = self.watched(agent, &proxy, || self.start(&launch));
        drop(held);
        proxy.drain(DRAIN_PATIENCE);
        drop(folder);
        self.say_what_was_saved(&opened, &run);
        Ok(ExitCode::from(ended.map_err(cant_start)?.shown()))
    }

    /// Starts the proxy, says what to paste where, and runs until it is asked to end.
    fn wait_for(&self, agent: &Agent, through: &Through) -> Verdict {
        let Started { opened, run, proxy } = self.proxy(agent, through)?;
        // Whoever reads the URL may ask us to end at once.
        let orders = proxy.listen_for_orders();
        if let Some(paste) = through.paste(&proxy.base_url) {
            if !paste.before.is_empty() {
                term::say(paste.before.trim_end());
                term::say("");
            }
            for (number, step) in (1..).zip(&paste.steps) {
                term::say(format_args!("  {number}. {step}"));
            }
            if !paste.after.is_empty() {
                term::say(format_args!("\n{}", paste.after.trim_end()));
            }
        }
        term::say("\nwaiting for the first request; Ctrl-C ends");
        let counted = proxy.counted();
        std::thread::spawn(move || {
            while counted().conversations == 0 {
                std::thread::sleep(LOOK_AGAIN);
            }
            term::say("the first request has come through headroom: it works");
        });
        proxy.obey(orders, DRAIN_PATIENCE);
        self.say_what_was_saved(&opened, &run);
        Ok(ExitCode::from(exit::OK))
    }

    /// Changes what only a file can say, for as long as what is given back lives.
    fn patched(&self, agent: &Agent, through: &Through, base_url: &str) -> Option<Held> {
        let wanted = through.patches(base_url);
        if wanted.is_empty() {
            return None;
        }
        let held = Journals::below(self.config.data_dir()).hold(&agent.name, &wanted);
        match held {
            Ok(held) => Some(held),
            Err(error) => {
                let said = text::with_causes(&error);
                self.say(format_args!("{said}; {} goes past headroom", agent.title));
                None
            }
        }
    }

    fn proxy(&self, agent: &Agent, through: &Through) -> Result<Started, anyhow::Error> {
        let opened = self.config.open_store();
        opened.notices.iter().for_each(|notice| self.say(notice));
        self.say(match self.config.enabled.value {
            true => through.said(),
            false => "off: nothing new will be made shorter".to_owned(),
        });
        let way_back = way_back(through);
        let secret = random_hex()?;
        // What runs inside is handed the secret, and can tell by it which run it is part of.
        let run = proxy::run_of(&format!("/{secret}")).unwrap_or_default();
        if let Some(store) = &opened.store {
            self.say_what_is_paused(store);
        }
        let proxy = proxy::start(Setup {
            upstreams: Upstreams { pinned: Some(through.upstream.clone()), named: through.upstreams.clone() },
            // Always a free one: two wraps at once must not meet.
            port: 0,
            secret: Some(secret),
            run: run.clone(),
            agent: agent.name.clone(),
            project: self.around.folder.to_string_lossy().into_owned(),
            settings: Settings { frames: through.frames().into(), ..self.config.rewrite_settings(way_back) },
            answers: answers(&self.config, through),
            store: opened.store.clone(),
            extra_roots: through.extra_roots.clone(),
            outbound: outbound(through),
            aws: proxy::Aws::default(),
        })
        .map_err(|error| Failure::new(exit::FAILED, text::with_causes(&error), ""))?;
        Ok(Started { opened, run, proxy })
    }

    /// Whoever has forgotten a pause would wonder why nothing is saved.
    fn say_what_is_paused(&self, store: &Store) {
        let folder = self.around.folder.to_string_lossy();
        let pauses = store.controls().unwrap_or_default();
        if pauses.iter().any(|control| control.ask == Ask::PauseFolder && control.covers(&folder)) {
            self.say("paused: what is new goes as it came; `headroom resume` goes on");
        }
    }

    fn say_what_was_saved(&self, opened: &OpenedStore, run: &str) {
        if let Some(store) = opened.store.as_ref().filter(|_| std::io::stderr().is_terminal())
            && let Ok(prices) = Prices::with_file(&self.config.folders.prices_file())
            && let Some(line) = report::run_line(store, run, &prices)
        {
            self.say(line);
        }
    }

    /// Runs the agent; when it has not said a word to a model through us by then, says so: at once where that disturbs
    /// nobody, else when it has ended.
    fn watched<T>(&self, agent: &Agent, proxy: &Running, run: impl FnOnce() -> T) -> T {
        let counted = proxy.counted();
        let silent = move || counted().conversations == 0;
        let still_silent = silent.clone();
        let warning = format!(
            "nothing has gone through headroom yet; if {} has answered, it goes another way, and nothing is saved",
            agent.title
        );
        let in_terminal = terminal::is_there() && !self.no_pty;
        std::thread::scope(|scope| {
            let (end, ended) = std::sync::mpsc::channel::<()>();
            let watch = scope.spawn(move || {
                let waited =
                    ended.recv_timeout(self.patience).is_err_and(|why| why == RecvTimeoutError::Timeout);
                if waited && silent() && !in_terminal {
                    self.say(&warning);
                    return None;
                }
                (waited && in_terminal).then_some(warning)
            });
            let done = run();
            drop(end);
            if let Ok(Some(warning)) = watch.join()
                && still_silent()
            {
                self.say(warning);
            }
            done
        })
    }

    /// A folder for what the agent is handed in files; none when it can't be made.
    fn run_folder(&self) -> Option<RunFolder> {
        RunFolder::make(&self.config.data_dir().join("runs")).ok()
    }

    fn start(&self, launch: &Launch) -> Result<Ended, LaunchError> {
        launch::quietly(|| match terminal::is_there() && !self.no_pty {
            true => terminal::run(launch, &self.around.headroom),
            false => launch::run(launch, &self.around.headroom),
        })
    }

    fn say(&self, line: impl std::fmt::Display) {
        if !self.config.quiet.value {
            term::remark(line);
        }
    }
}

/// Who answers when the model asks for an original.
pub(super) fn answers(config: &Config, through: &Through) -> proxy::Answers {
    if through.ways_back().is_empty() { config.answers() } else { proxy::Answers::TheClient }
}

/// How the agent gets back what is left out.
pub(super) fn way_back(through: &Through) -> WayBack {
    match through.ways_back() {
        tools if tools.is_empty() => WayBack::Nothing,
        tools => WayBack::Tools(tools),
    }
}

/// The proxies that the agent's own settings and environment put before the upstream.
pub(super) fn outbound(through: &Through) -> Outbound {
    Outbound {
        https_proxy: through.variable(["HTTPS_PROXY", "https_proxy"]),
        http_proxy: through.variable(["HTTP_PROXY", "http_proxy"]),
        all_proxy: through.variable(["ALL_PROXY", "all_proxy"]),
        no_proxy: through.variable(["NO_PROXY", "no_proxy"]),
    }
}

/// A headroom around this process.
enum Outer {
    /// There is none, or it is there for another agent.
    None,
    /// It runs: its base URL.
    Alive(String),
    /// It has ended and left its variables behind, in a shell that outlived it.
    Ended(String),
}

impl Outer {
    /// Which one is there for `agent`.
    fn around_us(agent: &str) -> Outer {
        let Some(base_url) = env::get(env::HEADROOM_PROXY) else { return Outer::None };
        match is_a_headroom(&base_url) {
            false => Outer::Ended(base_url),
            // Its upstreams are those of its own agent.
            true if env::get(env::HEADROOM_AGENT).is_some_and(|around| around != agent) => Outer::None,
            true => Outer::Alive(base_url),
        }
    }
}

/// True when a proxy of ours listens where this URL leads.
pub(super) fn is_a_headroom(url: &str) -> bool {
    let address = url.strip_prefix("http://").and_then(|rest| rest.split('/').next());
    let address = address.map(|address| address.replace("localhost:", "127.0.0.1:"));
    let address = address.and_then(|address| address.parse().ok());
    let ours = address.filter(|address: &SocketAddr| address.ip().is_loopback());
    ours.is_some_and(|address| a_headroom_listens(address).unwrap_or(false))
}

/// True when a proxy of ours is there: it refuses, in its own words, whoever takes it for another host. Whatever else
/// has got the port meanwhile must not be sent a login.
fn a_headroom_listens(address: SocketAddr) -> std::io::Result<bool> {
    const PATIENCE: Duration = Duration::from_millis(500);
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: headroom.invalid\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(2000).read_to_string(&mut answer)?;
    Ok(answer.ends_with("refused by headroom\n"))
}

/// What is around a launch that no headroom is around.
pub(super) fn surroundings() -> Result<Around, anyhow::Error> {
    around(&Outer::None, None)
}

fn around(outer: &Outer, upstream: Option<String>) -> Result<Around, anyhow::Error> {
    let environment: Environment = env::all().into_iter().collect();
    let environment = environment.before_headroom();
    let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let issued_to = env::get(env::HEADROOM_PROJECT).filter(|_| matches!(outer, Outer::Alive(_)));
    Ok(Around {
        project: issued_to.map_or_else(|| folder.clone(), PathBuf::from),
        home: environment.raw("HOME").map(PathBuf::from),
        environment,
        folder,
        headroom: itself::path().context("could not find headroom's own program")?,
        policies: [claude::policy_folders(), codex::policy_folders()].concat(),
        upstream,
        ended: match outer {
            Outer::Ended(base_url) => Some(base_url.clone()),
            _ => None,
        },
    })
}

pub(super) fn find(name: &str, folder: &Path) -> Result<Agent, Failure> {
    let known = definition::known(folder).map_err(|error| {
        Failure::new(exit::USAGE, text::with_causes(&error), "mend the file or move it away")
    })?;
    if let Some(agent) = known.iter().find(|agent| agent.name == name) {
        return Ok(agent.clone());
    }
    let mut names: Vec<&str> = known.iter().map(|agent| agent.name.as_str()).collect();
    names.sort_by_key(|known| text::distance(name, known));
    Err(Failure::new(
        exit::USAGE,
        format_args!("no agent is called `{name}`; known: {}", names.join(", ")),
        format_args!("a file {}/{name}.toml would add it", folder.display()),
    ))
}

fn not_found(error: PlanError) -> Failure {
    match &error {
        PlanError::NotFound { install, .. } if install.is_empty() => {
            Failure::new(exit::NOT_FOUND, &error, "")
        }
        PlanError::NotFound { install, .. } => {
            Failure::new(exit::NOT_FOUND, &error, format_args!("get it with {install}"))
        }
        PlanError::Refused { .. } => Failure::new(exit::FAILED, &error, "run it as it is"),
    }
}

fn cant_start(error: LaunchError) -> anyhow::Error {
    let code = match &error {
        LaunchError::Start { source, .. } if source.kind() == std::io::ErrorKind::NotFound => exit::NOT_FOUND,
        LaunchError::Start { .. } => exit::CANNOT_EXECUTE,
        LaunchError::Before { .. } => exit::FAILED,
    };
    Failure::new(code, text::with_causes(&error), "").into()
}

/// 128 random bits.
pub(super) fn random_hex() -> Result<String, anyhow::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("the system gave no random bytes: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Prints what would be started: what headroom sets, what of the user's stays, and the arguments.
fn show(plan: &Plan) -> Result<(), anyhow::Error> {
    let (launch, users) = match plan {
        Plan::Past { launch, because } => {
            term::say(format_args!("# the agent goes past headroom{}", but(because)));
            (launch.clone(), launch.environment.clone())
        }
        Plan::Through(through) => {
            term::say(format_args!("# {}", through.said()));
            term::say(format_args!("# requests go to {}", masked::url(&through.upstream)));
            (through.launch(NOT_STARTED, Some(Path::new(NO_FOLDER)))?, through.inherited().clone())
        }
    };
    let (ours, theirs) = masked::environment(&launch, &users);
    for (heading, lines) in [("environment, set by headroom", ours), ("environment, yours", theirs)] {
        term::say(format_args!("\n# {heading}"));
        lines.iter().for_each(term::say);
    }
    if let Plan::Through(through) = plan {
        for wanted in through.patches(NOT_STARTED) {
            let (path, key) = (wanted.path.display(), wanted.key.join("."));
            term::say(format_args!("\n# {path}, for the time of the run\n{key} = {}", wanted.value));
        }
        if let Some(paste) = through.paste(NOT_STARTED) {
            term::say("\n# to be pasted");
            paste.steps.iter().for_each(term::say);
            return Ok(());
        }
    }
    for (path, text) in &launch.files {
        term::say(format_args!("\n# {}, for this run", path.display()));
        term::say(masked::text(&launch, text));
    }
    term::say("\n# command");
    term::say(masked::command(&launch));
    Ok(())
}

/// The base URL of a proxy that is not started.
const NOT_STARTED: &str = "http://127.0.0.1:PORT/SECRET";

/// The folder of a run that is not started.
const NO_FOLDER: &str = "RUN";

fn but(because: &str) -> String {
    if because.is_empty() { String::new() } else { format!(": {because}") }
}

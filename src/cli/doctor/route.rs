//! The agent itself, run once through a proxy of ours, and what came of its requests on both sides of it.
//!
//! *Invariant:* what is run against the built-in provider has a home, a project and a store that are thrown away, and
//! no login of the user's.

use super::line::Line;
use crate::agent::definition::{Agent, PROMPT, Speech};
use crate::agent::environment::Environment;
use crate::agent::launch::Ended;
use crate::agent::plan::{self, Around, Launch, Plan, Through, Tool};
use crate::agent::run_folder::RunFolder;
use crate::agent::trial::{self, End, Trial};
use crate::cli::wrap;
use crate::config::Config;
use crate::demo::provider::tap::{Heard, Tap};
use crate::demo::provider::{Provider, Rules, Seen};
use crate::demo::script::{Pace, Script, Turn, aside};
use crate::library::now;
use crate::proxy::{self, Counts, Outbound, Setup, Upstreams};
use crate::store::{Filter, Limits, Original, RequestRow, Scope, Store};
use crate::text::counted;
use crate::units::{Key, SessionId};
use anyhow::Context;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What the agent is asked.
const QUESTION: &str =
    "This is a connection check by headroom doctor. Reply with the single word OK and do nothing else.";
/// How long an agent may take.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long requests may go on once it has ended.
const DRAIN: Duration = Duration::from_secs(2);
/// The pause between two events of the built-in provider's answer: longer than what a proxy adds.
const PAUSE: Duration = Duration::from_millis(15);

/// One run of the agent.
pub(super) struct Trip {
    /// What the agent did; `None` when it was not run, and a request of ours was sent in its place.
    pub(super) trial: Option<Trial>,
    /// What it sent, as it left it.
    pub(super) heard: Vec<Heard>,
    pub(super) counts: Counts,
    /// What was written down of it.
    pub(super) rows: Vec<RequestRow>,
    secret: String,
}

impl Trip {
    /// True when we were asked to end in the middle of it.
    pub(super) fn broken_off(&self) -> bool {
        self.trial.as_ref().is_some_and(|trial| trial.end == End::Asked)
    }

    /// Path and query of a request as the upstream is asked, without what is between the agent and us.
    fn target<'a>(&self, heard: &'a Heard) -> &'a str {
        let rest = heard.target.strip_prefix('/').and_then(|rest| rest.strip_prefix(self.secret.as_str()));
        let rest = rest.unwrap_or(&heard.target);
        match rest.strip_prefix("/@") {
            Some(named) => named.find(['/', '?']).map_or("", |at| &named[at..]),
            None => rest,
        }
    }

    /// What the agent sent beside what arrived, in the order of the requests that a model was asked to answer.
    pub(super) fn pairs<'a>(&'a self, seen: &'a [Seen]) -> Vec<(&'a Heard, &'a Seen)> {
        let mut left: Vec<&Seen> = seen.iter().collect();
        let mut pairs = Vec::new();
        for heard in &self.heard {
            let target = self.target(heard);
            let alike = |seen: &&Seen| seen.method == heard.method && seen.target == target;
            let exact = left.iter().position(|seen| alike(seen) && seen.body == heard.body);
            if let Some(at) = exact.or_else(|| left.iter().position(alike)) {
                let seen = left.remove(at);
                if seen.is_message() || heard.status == 101 {
                    pairs.push((heard, seen));
                }
            }
        }
        pairs
    }
}

/// A folder that is thrown away: the agent's home, its project, its temporary files, and a store.
struct Site(tempfile::TempDir);

impl Site {
    fn make() -> Result<Site, anyhow::Error> {
        let site =
            tempfile::Builder::new().prefix("headroom-doctor-").tempdir().context("no temporary folder")?;
        let site = Site(site);
        for folder in ["home", "project", "tmp", "headroom"] {
            std::fs::create_dir(site.0.path().join(folder))
                .context("the temporary folder can't be written")?;
        }
        Ok(site)
    }

    /// As it is called without symbolic links: agents say so.
    fn path(&self, below: &str) -> PathBuf {
        let root = self.0.path();
        root.canonicalize().unwrap_or_else(|_| root.to_owned()).join(below)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // What an agent has left behind may still be writing for a moment.
        for _ in 0..20 {
            match std::fs::remove_dir_all(self.0.path()) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    std::thread::sleep(Duration::from_millis(50))
                }
                _ => return,
            }
        }
    }
}

/// The agent's surroundings for a run against the built-in provider at `upstream`.
fn stand_in(agent: &Agent, around: &Around, site: &Site, upstream: &str) -> Result<Around, anyhow::Error> {
    /// Nobody listens there: what is not for this machine ends there.
    const NOWHERE: &str = "http://127.0.0.1:9";
    let mut environment = around.environment.clone();
    let doctor = agent.doctor.clone().unwrap_or_default();
    let foreign: Vec<String> = environment
        .iter()
        .filter_map(|(name, _)| name.to_str())
        .filter(|name| {
            let upper = name.to_uppercase();
            upper.starts_with("HEADROOM") || upper.ends_with("_PROXY") || upper.starts_with("XDG_")
        })
        .map(str::to_owned)
        .collect();
    let named = agent.logins.iter().flat_map(|login| &login.variables).chain(&agent.upstream.variables);
    let named = named.chain(agent.upstreams.values().flat_map(|upstream| &upstream.variables));
    named.chain(&doctor.unset).chain(&foreign).for_each(|name| environment.unset(name));
    let home = site.path("home");
    environment.set("HOME", home.as_os_str());
    environment.set("TMPDIR", site.path("tmp"));
    environment.set("HEADROOM_HOME", site.path("headroom"));
    environment.set("HTTPS_PROXY", NOWHERE);
    for (name, value) in &doctor.environment {
        environment.set(name, value.as_str());
    }
    for (path, text) in &doctor.files {
        let path = home.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(&home))
            .and_then(|()| std::fs::write(&path, text))
            .context("the temporary folder can't be written")?;
    }
    Ok(Around {
        environment,
        home: Some(home),
        folder: site.path("project"),
        project: site.path("project"),
        policies: Vec::new(),
        upstream: Some(upstream.to_owned()),
        ended: None,
        headroom: around.headroom.clone(),
    })
}

/// Does something in the surroundings of a run against the built-in provider: what an agent writes is thrown away.
pub(super) fn in_an_empty_home<T>(
    agent: &Agent,
    around: &Around,
    work: impl FnOnce(&Environment) -> T,
) -> Result<T, anyhow::Error> {
    let site = Site::make()?;
    let around = stand_in(agent, around, &site, "http://127.0.0.1:9")?;
    Ok(work(&around.environment))
}

fn arguments(agent: &Agent) -> Vec<std::ffi::OsString> {
    let doctor = agent.doctor.iter().flat_map(|doctor| &doctor.arguments);
    doctor.map(|argument| argument.replace(PROMPT, QUESTION).into()).collect()
}

/// What came of a run against the built-in provider.
pub(super) struct Rehearsal {
    pub(super) trip: Trip,
    pub(super) seen: Vec<Seen>,
    /// When the provider began, from which its times count.
    pub(super) began: std::time::Instant,
    /// The tools by which the agent can get back what is left out.
    pub(super) ways_back: Vec<String>,
    /// True when the planted original came back.
    pub(super) came_back: bool,
}

/// Runs the agent through us against the built-in provider; `Err` holds why it goes past us.
pub(super) fn rehearse(
    agent: &Agent,
    around: &Around,
    config: &Config,
    tool: Tool,
) -> Result<Result<Rehearsal, String>, anyhow::Error> {
    let site = Site::make()?;
    let store = Arc::new(
        Store::open(&site.path("headroom"), Limits::default()).context("no store in the temporary folder")?,
    );
    let (key, planted) = plant(&store, &site)?;
    let provider =
        Provider::start(Rules::default(), asks_back(agent, &key)).context("no free port on 127.0.0.1")?;
    let around = stand_in(agent, around, &site, &provider.base_url())?;
    let through = match plan::plan(agent, &around, arguments(agent), tool)? {
        Plan::Through(through) => through,
        Plan::Past { because, .. } => return Ok(Err(because)),
    };
    let named = through.upstreams.keys().map(|name| (name.clone(), provider.base_url())).collect();
    let upstreams = Upstreams { pinned: Some(provider.base_url()), named };
    let trip = travel(agent, &through, &site, &around, config, store, upstreams, Outbound::default())?;
    let seen = provider.seen();
    let came_back = seen.iter().filter(|seen| seen.is_message()).any(|seen| {
        let body = seen.json().to_string();
        body.contains(&planted)
    });
    Ok(Ok(Rehearsal { trip, seen, began: provider.began(), ways_back: through.ways_back(), came_back }))
}

/// Runs the agent against the built-in provider without us: the requests that a model was asked to answer.
pub(super) fn direct(agent: &Agent, around: &Around) -> Result<Vec<Seen>, anyhow::Error> {
    let site = Site::make()?;
    let says_ok: Script =
        Box::new(|asked| if asked.offers_tools() { Turn::says("OK") } else { aside(asked) });
    let provider = Provider::start(Rules::default(), says_ok).context("no free port on 127.0.0.1")?;
    let around = stand_in(agent, around, &site, &provider.base_url())?;
    let Plan::Through(through) = plan::plan(agent, &around, arguments(agent), Tool::Withheld)? else {
        return Ok(Vec::new());
    };
    let folder = RunFolder::make(&site.path("headroom").join("runs")).ok();
    let launch = through.launch(&provider.base_url(), folder.as_ref().map(RunFolder::path))?;
    run(&launch, folder.as_ref(), &around.folder)?;
    Ok(provider.messages())
}

/// Runs the agent through us with its own home, login and upstream: one real question.
pub(super) fn ask(
    agent: &Agent,
    around: &Around,
    through: &Through,
    config: &Config,
) -> Result<Trip, anyhow::Error> {
    let site = Site::make()?;
    let store = Arc::new(
        Store::open(&site.path("headroom"), Limits::default()).context("no store in the temporary folder")?,
    );
    let upstreams = Upstreams { pinned: Some(through.upstream.clone()), named: through.upstreams.clone() };
    let mut around = around.clone();
    around.environment.set("HEADROOM_HOME", site.path("headroom"));
    around.environment.set("TMPDIR", site.path("tmp"));
    around.folder = site.path("project");
    around.project = site.path("project");
    let Plan::Through(through) = plan::plan(agent, &around, arguments(agent), Tool::Offered)? else {
        anyhow::bail!("{} goes past headroom in an empty folder", agent.title);
    };
    let outbound = wrap::outbound(&through);
    travel(agent, &through, &site, &around, config, store, upstreams, outbound)
}

/// The words of the original that is planted, and its key.
fn plant(store: &Store, site: &Site) -> Result<(Key, String), anyhow::Error> {
    let planted = format!("headroom-doctor-planted-{}", wrap::random_hex()?);
    let scope = Scope { project: site.path("project").to_string_lossy().into_owned() };
    let key = store.key(&planted, &scope);
    let original = Original {
        key: key.clone(),
        text: planted.as_str().into(),
        scope,
        kind: "text".to_owned(),
        tool: String::new(),
    };
    store
        .pin(&SessionId("doctor".to_owned()), &[], &[original], now())
        .context("the original can't be kept")?;
    Ok((key, planted))
}

/// Has the agent get the original back by whichever way it has, then says OK, slowly enough to be seen streaming.
fn asks_back(agent: &Agent, key: &Key) -> Script {
    let key = key.to_string();
    let has_shell = agent.retrieval.as_ref().is_some_and(|retrieval| !retrieval.shell.is_empty());
    Box::new(move |asked| {
        if !asked.offers_tools() {
            return aside(asked).at_pace(Pace::Events(PAUSE));
        }
        let offers = asked.offers();
        let ours = offers.iter().find(|offer| offer.name.ends_with("headroom_retrieve"));
        let script = offers
            .iter()
            .find(|offer| offer.name == "exec" && asked.wire == crate::demo::asked::Wire::Responses);
        let search = offers.iter().find(|offer| offer.name == "tool_search");
        let turn = match (asked.rounds(), ours, script, search) {
            (0, Some(ours), ..) => Turn::calls(ours.name, json!({"key": key})),
            (0, None, Some(script), _) => {
                let call = format!("tools.mcp__headroom__headroom_retrieve({{key: \"{key}\"}})");
                let code = format!("const found = await {call};\ntext(found.content[0].text);\n");
                Turn::calls(script.name, json!(code))
            }
            (0, None, None, Some(search)) => {
                Turn::calls(search.name, json!({"query": "select:mcp__headroom__headroom_retrieve"}))
            }
            (1, Some(ours), _, Some(_)) => Turn::calls(ours.name, json!({"key": key})),
            (0, None, None, None) if has_shell => Turn::runs(&format!("headroom retrieve {key}")),
            _ => Turn::says("OK"),
        };
        turn.at_pace(Pace::Events(PAUSE))
    })
}

/// One run through a proxy of ours, with a tap between the agent and the proxy.
#[allow(clippy::too_many_arguments)]
fn travel(
    agent: &Agent,
    through: &Through,
    site: &Site,
    around: &Around,
    config: &Config,
    store: Arc<Store>,
    upstreams: Upstreams,
    outbound: Outbound,
) -> Result<Trip, anyhow::Error> {
    let secret = wrap::random_hex()?;
    let mut settings = config.rewrite_settings(wrap::way_back(through));
    settings.frames = through.frames().into();
    let proxy = proxy::start(Setup {
        upstreams,
        port: 0,
        secret: Some(secret.clone()),
        run: "doctor".to_owned(),
        agent: agent.name.clone(),
        project: around.project.to_string_lossy().into_owned(),
        settings,
        store: Some(store.clone()),
        extra_roots: through.extra_roots.clone(),
        outbound,
        answers: wrap::answers(config, through),
        aws: proxy::Aws::default(),
    })?;
    let tap = Tap::before(proxy.address).context("no free port on 127.0.0.1")?;
    let base_url = format!("http://{}/{secret}", tap.address());
    let trial = if agent.can_be_asked() {
        let folder = RunFolder::make(&site.path("headroom").join("runs")).ok();
        let launch = through.launch(&base_url, folder.as_ref().map(RunFolder::path))?;
        Some(run(&launch, folder.as_ref(), &around.folder)?)
    } else {
        // An answer that breaks off is seen in what was counted.
        let _ = ask_in_its_place(agent.wire, tap.address(), &secret);
        None
    };
    let counts = proxy.counts();
    proxy.drain(DRAIN);
    store.flush();
    let rows = store.requests(&Filter::default()).unwrap_or_default();
    Ok(Trip { trial, heard: tap.heard(), counts, rows, secret })
}

fn run(launch: &Launch, folder: Option<&RunFolder>, project: &Path) -> Result<Trial, anyhow::Error> {
    if let Some(folder) = folder {
        folder.fill(&launch.files).context("could not write the files of this run")?;
    }
    trial::run(launch, project, PATIENCE)
        .with_context(|| format!("could not start {}", launch.program.display()))
}

/// A request of ours in the agent's wire, for one that can't be asked a question.
fn ask_in_its_place(wire: Speech, to: SocketAddr, secret: &str) -> std::io::Result<()> {
    let (path, body) = match wire {
        Speech::Anthropic => (
            "/v1/messages",
            json!({"model": "claude-sonnet-4-5", "max_tokens": 16, "stream": true,
                   "messages": [{"role": "user", "content": QUESTION}]}),
        ),
        Speech::OpenaiChat => (
            "/v1/chat/completions",
            json!({"model": "gpt-5", "stream": true, "messages": [{"role": "user", "content": QUESTION}]}),
        ),
        Speech::OpenaiResponses => (
            "/v1/responses",
            json!({"model": "gpt-5", "stream": true, "input": [{"role": "user", "content": QUESTION}]}),
        ),
        Speech::Gemini => (
            "/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse",
            json!({"contents": [{"role": "user", "parts": [{"text": QUESTION}]}]}),
        ),
    };
    let body = body.to_string();
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let login = "authorization: Bearer headroom-doctor\r\nx-api-key: headroom-doctor\r\nx-goog-api-key: headroom-doctor";
    write!(
        stream,
        "POST /{secret}{path} HTTP/1.1\r\nhost: {to}\r\ncontent-type: application/json\r\nanthropic-version: 2023-06-01\r\n\
         {login}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    std::io::copy(&mut stream.take(1 << 20), &mut std::io::sink()).map(drop)
}

/// How the agent itself fared.
pub(super) fn fared(agent: &Agent, trip: &Trip) -> Line {
    let Some(trial) = &trip.trial else {
        return Line::unknown(
            "agent",
            format_args!(
                "{} was not run: its file does not say how to ask it one question; a request of headroom's own was sent in its place",
                agent.title
            ),
            "",
        );
    };
    let last = last_words(trial);
    let said = if last.is_empty() { String::new() } else { format!("; it said: {last}") };
    let by_hand = format!(
        "see what `headroom wrap {} --dry-run` prints, and whether the agent works without headroom",
        agent.name
    );
    match trial.end {
        End::Itself(Ended::Code(0)) => {
            Line::green("agent", format_args!("{} ran, answered and ended well", agent.title))
        }
        End::Itself(Ended::Code(code)) => {
            Line::red("agent", format_args!("{} ended with code {code}{said}", agent.title), by_hand)
        }
        End::Itself(Ended::Signal(signal)) => {
            Line::red("agent", format_args!("{} was killed by signal {signal}{said}", agent.title), by_hand)
        }
        End::TooLong => Line::red(
            "agent",
            format_args!("{} had not ended after {} s, and was ended{said}", agent.title, PATIENCE.as_secs()),
            by_hand,
        ),
        End::Asked => Line::unknown("agent", format_args!("{} was ended, as you asked", agent.title), ""),
    }
}

/// The end of what it said, on one line.
fn last_words(trial: &Trial) -> String {
    const LONGEST: usize = 300;
    let plain = |text: &str| {
        let text = anstream::adapter::strip_str(text).to_string();
        let lines: Vec<String> = text
            .lines()
            .map(|line| {
                line.chars().filter(|letter| !letter.is_control()).collect::<String>().trim().to_owned()
            })
            .filter(|line| !line.is_empty())
            .collect();
        lines[lines.len().saturating_sub(3)..].join(" / ")
    };
    let words = match plain(&trial.errors) {
        none if none.is_empty() => plain(&trial.output),
        errors => errors,
    };
    let long = words.chars().count();
    if long <= LONGEST {
        words
    } else {
        format!("…{}", words.chars().skip(long - LONGEST).collect::<String>())
    }
}

/// Nothing came through, although the agent ran.
pub(super) fn bypassed(agent: &Agent) -> Line {
    let variables: Vec<&str> = agent.environment.keys().map(String::as_str).collect();
    let names = if variables.is_empty() { "what headroom sets".to_owned() } else { variables.join(", ") };
    Line::red(
        "reached",
        format_args!(
            "{} ran, and no request came through headroom: it goes another way, and nothing is saved",
            agent.title
        ),
        format_args!(
            "is `{}` a wrapper, an alias or a setting that puts its own address over {names}? `headroom wrap {} --dry-run` shows what it is given",
            agent.binary, agent.name
        ),
    )
}

/// How the real question fared: a line for each of what was seen.
pub(super) fn answered(agent: &Agent, trip: &Trip, upstream: &str) -> Vec<Line> {
    let good = |status: u16| (200..300).contains(&status);
    let rows = &trip.rows;
    let mut lines = Vec::new();
    if let Some(row) = rows.iter().find(|row| good(row.status)) {
        let requests = counted(rows.iter().filter(|row| good(row.status)).count(), "request");
        let tokens = row.usage.map(|usage| format!(", {} tokens in", usage.input().0)).unwrap_or_default();
        lines.push(Line::green(
            "provider",
            format_args!("{upstream} answered {requests} of {}{tokens} ({})", agent.title, row.model),
        ));
        lines.push(Line::green("login", format_args!("{upstream} took the agent's own login")));
    } else if let Some(row) = rows.iter().find(|row| matches!(row.status, 401 | 403)) {
        lines.push(Line::red(
            "provider",
            format_args!("{upstream} refused the login: status {}", row.status),
            format_args!(
                "log in again in {} itself, or mend the key; headroom relays it as it is",
                agent.title
            ),
        ));
    } else if trip.counts.unreachable != 0 || rows.iter().any(|row| row.status == 0) {
        lines.push(Line::red(
            "provider",
            format_args!("{upstream} could not be reached"),
            "is the network there, and does HTTPS_PROXY, if one is set, lead out? `headroom config show` says who set an upstream",
        ));
    } else if let Some(row) = rows.first() {
        lines.push(Line::red(
            "provider",
            format_args!("{upstream} answered with status {}", row.status),
            match row.status {
                429 => "the account has no room left for now: wait, or look at its limits",
                500.. => "the provider has trouble of its own: try again later",
                _ => "the agent's own words above may say more",
            },
        ));
    } else {
        lines.push(bypassed(agent));
        return lines;
    }
    if let Some(streamed) = trip.heard.iter().find(|heard| heard.streams && good(heard.status)) {
        let pieces = streamed.answered.is_some_and(|(first, last)| first < last);
        lines.push(match pieces {
            true => Line::green("streamed", "the answer came in pieces, as it was made"),
            false => Line::unknown("streamed", "the answer came in one piece: too short to tell", ""),
        });
    }
    lines
}

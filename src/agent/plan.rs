//! How an agent will be started: from its definition, the user's environment and the user's arguments.
//!
//! Reads files of the user's, starts nothing, writes nothing. Two steps, because
//! the proxy's URL is known only once it runs: [`plan`] says where requests go and
//! whether there is a way back; [`Through::launch`] gives the command.

use super::claude::{self, Arguments};
use super::codex;
use super::definition::{
    Agent, FileForRun, Login, NO_LOGIN, Paste, Retrieval, Rules, Upstream, When, WithoutUrl,
};
use super::environment::Environment;
use super::filling::{Filling, place_of, places_in};
use super::json::merge;
use super::patch::Wanted;
use super::peek;
use super::shims::{is_launcher, path_without};
use crate::conversation::Frame;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Plans the launch of `agent` with the user's `arguments`.
///
/// # Errors
/// [`PlanError`].
pub fn plan(agent: &Agent, around: &Around, arguments: Vec<OsString>, tool: Tool) -> Result<Plan, PlanError> {
    if !agent.refused.is_empty() {
        return Err(PlanError::Refused { title: agent.title.clone(), because: agent.refused.clone() });
    }
    let program = match agent.paste {
        // It is started by somebody else.
        Some(_) => PathBuf::new(),
        None => program(agent, around)?,
    };
    let mut environment = around.environment.clone();
    if let Some(path) = environment.raw("PATH").and_then(|path| path_without(path, &agent.binary)) {
        environment.set("PATH", path);
    }
    let as_it_is = Launch {
        program,
        name: agent.binary.clone(),
        arguments: arguments.clone(),
        environment,
        files: Vec::new(),
    };
    let before_dashes = before_dashes(&arguments);
    if let Some(because) = past_by_arguments(agent, before_dashes) {
        return Ok(Plan::Past { launch: as_it_is, because });
    }

    let flags = JsonFlags::take(agent, around, &arguments);
    let given = flags.given.get("--settings");
    let found = match agent.rules {
        Rules::Claude => claude::look(around, given, &Arguments(before_dashes)),
        Rules::Codex => codex::look(agent, around, &as_it_is.program, before_dashes),
        Rules::None => Findings::default(),
    };
    if let Some(because) = found.past.clone().or_else(|| past_by_variables(agent, around, &found)) {
        return Ok(Plan::Past { launch: as_it_is, because });
    }

    let login = login(agent, around);
    let hold: Vec<&When> =
        agent.when.iter().filter(|when| holds(when, around, before_dashes, login)).collect();
    if let Some(because) = hold.iter().find_map(|when| when.past.clone()) {
        return Ok(Plan::Past { launch: as_it_is, because });
    }

    let mut notices = Vec::new();
    if !agent.untested.is_empty() {
        notices.push(format!("untested: {}", agent.untested));
    }
    notices.extend(hold.iter().map(|when| when.said.clone()).filter(|said| !said.is_empty()));
    let chosen = hold.iter().rev().find_map(|when| agent.upstreams.get(when.upstream.as_ref()?));
    let chosen = chosen.unwrap_or(&agent.upstream);
    notices.extend(found.notices.iter().cloned());
    let own = match &around.upstream {
        Some(url) => Some(Place { url: url.clone(), suffix: chosen.suffix.clone() }),
        None => found.upstream.clone().or_else(|| upstream(chosen, around, &found, &mut notices)),
    };
    let Some(own) = own else {
        return Ok(Plan::Past { launch: as_it_is, because: nowhere(chosen) });
    };
    let mut upstreams = BTreeMap::new();
    let mut suffixes = BTreeMap::new();
    for (name, further) in &agent.upstreams {
        if let Some(place) = upstream(further, around, &found, &mut notices) {
            upstreams.insert(name.clone(), place.url);
            suffixes.insert(name.clone(), place.suffix);
        }
    }
    let files = agent
        .files_for_run
        .iter()
        .map(|(name, file)| (name.clone(), Draft::of(name, file, around, &mut upstreams)));
    let files = files.collect();
    let value = |name: &String| found.value(name, Trust::listens).or_else(|| around.environment.get(name));
    let extra_roots = agent.upstream.certificates.iter().filter_map(value).map(PathBuf::from).collect();
    let withheld = match (&agent.retrieval, tool) {
        (None, _) => Some(format!("{} has no way to ask for an original", agent.name)),
        (_, Tool::Withheld) => Some(String::new()),
        (Some(_), Tool::Offered) => {
            let sometimes = hold.iter().map(|when| &when.withheld).find(|because| !because.is_empty());
            by_the_user(agent, before_dashes).or_else(|| found.no_tool.clone()).or_else(|| sometimes.cloned())
        }
    };
    Ok(Plan::Through(Box::new(Through {
        agent: agent.clone(),
        hold: hold.into_iter().cloned().collect(),
        headroom: around.headroom.clone(),
        project: around.project.clone(),
        as_it_is,
        arguments: flags.rest,
        given: flags.given,
        found,
        upstream: own.url,
        suffix: own.suffix,
        upstreams,
        suffixes,
        files,
        home: around.home.clone(),
        extra_roots,
        withheld,
        notices,
    })))
}

/// The kind of the login that the agent has, as far as that can be seen without reading a secret; `none` when none is
/// there.
pub fn login<'a>(agent: &'a Agent, around: &Around) -> &'a str {
    let there = |login: &&Login| {
        let variable = || login.variables.iter().any(|name| around.environment.get(name).is_some());
        let file = || stands(around, &login.file, &login.key, &login.is);
        (login.variables.is_empty() || variable()) && (login.file.is_empty() || file())
    };
    agent.logins.iter().find(there).map_or(NO_LOGIN, |login| &login.kind)
}

/// Whether a file of the user's is there, or holds something under these keys, or holds this word there.
fn stands(around: &Around, file: &str, key: &[String], is: &str) -> bool {
    let Some(path) = peek::at_home(file, around.home.as_deref()) else { return false };
    let path = around.folder.join(path);
    if key.is_empty() {
        return path.is_file();
    }
    let value = peek::value(&path, key).filter(peek::says_something);
    value.is_some_and(|value| is.is_empty() || value.as_str() == Some(is))
}

/// Whether everything that a condition names holds.
fn holds(when: &When, around: &Around, arguments: &[OsString], login: &str) -> bool {
    let set = |name: &String| around.environment.get(name);
    let words = || arguments.iter().filter_map(|argument| argument.to_str());
    let given = |flag: &String| words().any(|word| word.split('=').next() == Some(flag));
    let first = words().next().unwrap_or_default();
    when.variables.iter().all(|(name, word)| set(name).is_some_and(|value| word == "*" || value == word))
        && !when.without.iter().any(|name| set(name).is_some())
        && (when.login.is_empty() || when.login.iter().any(|kind| kind == login))
        && (when.flags.is_empty() || when.flags.iter().any(given))
        && (when.commands.is_empty() || when.commands.iter().any(|command| command == first))
        && (when.file.is_empty() || stands(around, &when.file, &when.key, &when.is))
}

/// Why an agent without an upstream goes past us.
fn nowhere(upstream: &Upstream) -> String {
    match upstream.variables.first() {
        Some(name) => format!("it is not known where its requests go: {name} is not set"),
        None => "it is not known where its requests go".to_owned(),
    }
}

/// What is around the launch.
#[derive(Clone, Debug)]
pub struct Around {
    /// The user's environment.
    pub environment: Environment,
    /// The user's home; `None` when there is none.
    pub home: Option<PathBuf>,
    /// The folder the agent will work in.
    pub folder: PathBuf,
    /// The folder that originals are issued to: that of the headroom around us when there is one.
    pub project: PathBuf,
    /// headroom's own program.
    pub headroom: PathBuf,
    /// Where administrators lay down policies.
    pub policies: Vec<PathBuf>,
    /// Where the user has told headroom itself to send requests; `None`: where the agent would.
    pub upstream: Option<String>,
    /// The base URL of a headroom that was around this process and has ended; its variables say nothing any more.
    pub ended: Option<String>,
}

/// Whether the agent is to be handed the retrieval tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// If it can be.
    Offered,
    /// Not: the user does not want it.
    Withheld,
}

/// What will be done.
#[derive(Clone, Debug)]
pub enum Plan {
    /// The agent goes past us: it is run as it is.
    Past {
        /// The command, as the user gave it.
        launch: Launch,
        /// Why; empty when there is nothing to say.
        because: String,
    },
    /// The agent goes through the proxy.
    Through(Box<Through>),
}

/// A launch through the proxy, but for its URL.
#[derive(Clone, Debug)]
pub struct Through {
    agent: Agent,
    /// What holds of what holds only sometimes.
    hold: Vec<When>,
    headroom: PathBuf,
    project: PathBuf,
    as_it_is: Launch,
    /// The user's arguments without the flags of JSON that were read.
    arguments: Vec<OsString>,
    /// The JSON that the user gave to those flags.
    given: BTreeMap<String, Value>,
    found: Findings,
    /// Where requests go: what the user had configured, else the provider's own.
    pub upstream: String,
    /// Where requests to further providers go, by their names in the agent's definition.
    pub upstreams: BTreeMap<String, String>,
    /// What the agent's URLs end in beside the proxy's own.
    suffix: String,
    suffixes: BTreeMap<String, String>,
    files: BTreeMap<String, Draft>,
    home: Option<PathBuf>,
    /// Files of further certificates to trust towards it.
    pub extra_roots: Vec<PathBuf>,
    /// Why the retrieval tool is not handed over (empty: the user does not want it); `None` when it is.
    pub withheld: Option<String>,
    /// What there is to say before the launch, a clause each.
    pub notices: Vec<String>,
}

/// A command: what will be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The program's path.
    pub program: PathBuf,
    /// What it is told it was called as.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: Environment,
    /// Files that have to be there when it starts, each below the folder of the run.
    pub files: Vec<(PathBuf, String)>,
}

/// Why an agent can't be started.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It can't be wrapped.
    #[error("{title} can't be wrapped: {because}")]
    Refused {
        /// What people call the agent.
        title: String,
        /// Why.
        because: String,
    },
    /// Its program is not in the PATH.
    #[error("{title} was not found: no program `{binary}` in the PATH")]
    NotFound {
        /// What people call the agent.
        title: String,
        /// Its program.
        binary: String,
        /// Where to get it; empty when that is not known.
        install: String,
    },
}

impl Through {
    /// The tools by which the agent can get back what is left out, ours and those of its own that run commands;
    /// empty when there is no way.
    pub fn ways_back(&self) -> Vec<String> {
        let Some(retrieval) = &self.agent.retrieval else { return Vec::new() };
        let ours = retrieval.tools.iter().filter(|_| self.withheld.is_none());
        let own = retrieval.shell.iter().filter(|_| self.command_is_found());
        ours.chain(own).cloned().collect()
    }

    /// How the agent frames a command's output in what it says as the user.
    pub fn frames(&self) -> &[Frame] {
        &self.agent.frames
    }

    /// True when `headroom`, typed in the agent's shell, is a headroom.
    fn command_is_found(&self) -> bool {
        self.headroom.file_name().is_some_and(|name| name == COMMAND) || self.is_in_path()
    }

    fn is_in_path(&self) -> bool {
        which::which_in_global(COMMAND, self.inherited().raw("PATH"))
            .is_ok_and(|mut found| found.next().is_some())
    }

    /// A digest of where requests go: the same for launches that can share a proxy.
    pub fn goes_to(&self) -> String {
        let further = self.upstreams.iter().map(|(name, url)| format!("\n{name} {url}"));
        let all: String = std::iter::once(self.upstream.clone()).chain(further).collect();
        blake3::hash(all.as_bytes()).to_hex()[..32].to_owned()
    }

    /// The user's own environment.
    pub fn inherited(&self) -> &Environment {
        &self.as_it_is.environment
    }

    /// The value of a variable under the first of its names that says anything to us; empty when none does.
    pub fn variable(&self, names: [&str; 2]) -> String {
        let said =
            |name: &&str| self.found.value(name, Trust::listens).or_else(|| self.inherited().get(name));
        names.iter().find_map(said).unwrap_or_default().to_owned()
    }

    /// The one line to be said before the launch: what the agent is given, what it loses, what is odd.
    pub fn said(&self) -> String {
        let mut clauses = Vec::new();
        let retrieval = self.agent.retrieval.as_ref();
        match (&self.withheld, retrieval.map(|retrieval| retrieval.said.as_str())) {
            (None, Some(said)) if !said.is_empty() => {
                clauses.push(format!("{} gets {said} (--no-mcp: without it)", self.agent.name));
            }
            (Some(because), Some(_)) if !self.ways_back().is_empty() => {
                clauses.extend(Some(because.clone()).filter(|because| !because.is_empty()));
            }
            (Some(because), _) if because.is_empty() => {
                clauses
                    .push(format!("{} gets no way back, so only lossless changes are made", self.agent.name));
            }
            (Some(because), _) => clauses.push(format!("{because}, so only lossless changes are made")),
            _ => {}
        }
        if !self.agent.lost.is_empty() {
            clauses.push(format!("lost: {}", self.agent.lost));
        }
        clauses.extend(self.notices.iter().cloned());
        clauses.join("; ")
    }

    /// The values of the user's files that have to be ours for the time of the run.
    pub fn patches(&self, base_url: &str) -> Vec<Wanted> {
        let filling = self.filling(base_url);
        let wanted = self.agent.patches.iter().filter_map(|patch| {
            Some(Wanted {
                path: peek::at_home(&patch.file, self.home.as_deref())?,
                format: patch.format,
                key: patch.key.clone(),
                value: filling.fill(&patch.value),
            })
        });
        wanted.collect()
    }

    /// What a person has to paste where; `None` for an agent that we start.
    pub fn paste(&self, base_url: &str) -> Option<Paste> {
        let paste = self.agent.paste.as_ref()?;
        let filling = self.filling(base_url);
        Some(Paste {
            before: filling.fill(&paste.before),
            steps: paste.steps.iter().map(|step| filling.fill(step)).collect(),
            after: filling.fill(&paste.after),
        })
    }

    fn filling(&self, base_url: &str) -> Filling {
        let mut filling = Filling::new(base_url, &self.suffix, &self.headroom, &self.project);
        for (name, suffix) in &self.suffixes {
            filling.set(place_of("url", name), format!("{base_url}/@{name}{suffix}"));
        }
        filling
    }

    /// The command, once the proxy's URL is known. `folder` is the run's own; without one, nothing can be handed over in
    /// a file.
    ///
    /// # Errors
    /// When the agent can't do without files of the run and there is no folder.
    pub fn launch(&self, base_url: &str, folder: Option<&Path>) -> Result<Launch, NoFolder> {
        let agent = &self.agent;
        let retrieval = agent.retrieval.as_ref().filter(|_| self.withheld.is_none());
        let retrieval = retrieval.unwrap_or(Retrieval::none());
        let mut filling = self.filling(base_url);
        let mut files = Vec::new();
        for (name, file) in &agent.files_for_run {
            let path = folder.ok_or(NoFolder)?.join(&file.name);
            filling.set(place_of("file", name), path.to_string_lossy());
        }
        for (name, file) in &agent.files_for_run {
            let draft = self.files.get(name).cloned().unwrap_or_default();
            files.push((
                folder.ok_or(NoFolder)?.join(&file.name),
                draft.written(base_url, &file.content, &filling),
            ));
        }
        let fill = |template: &String| filling.fill(template);
        let json =
            |template: &str| serde_json::from_str::<Value>(&filling.fill(template)).unwrap_or_default();
        // What names an upstream that nobody has configured says nothing.
        let leads_somewhere = |template: &str| {
            places_in(template).into_iter().all(|place| !place.starts_with("url") || filling.has(place))
        };

        let mut environment = self.as_it_is.environment.clone();
        environment.keep_loopback_direct();
        let unset = agent.unset.iter().chain(self.hold.iter().flat_map(|when| &when.unset));
        unset.for_each(|name| environment.unset(name));
        let sometimes = self.hold.iter().flat_map(|when| &when.environment);
        for (name, template) in agent.environment.iter().chain(sometimes).chain(&retrieval.environment) {
            if leads_somewhere(template) {
                environment.set(name, fill(template));
            }
        }
        for (name, template) in &agent.environment_unless_set {
            let set = environment.raw(name).is_some() || self.found.value(name, |_| true).is_some();
            if !set && self.suits(name) && leads_somewhere(template) {
                environment.set(name, fill(template));
            }
        }
        let sometimes = self.hold.iter().flat_map(|when| &when.environment_json);
        let merged = agent.environment_json.iter().chain(sometimes).chain(&retrieval.environment_json);
        for (name, template) in merged.filter(|(_, template)| leads_somewhere(template)) {
            let ours = json(template);
            let own: Option<Value> = environment.get(name).and_then(|own| serde_json::from_str(own).ok());
            let value = match own.filter(|own| own.is_array() == ours.is_array()) {
                Some(mut own) => {
                    merge(&mut own, &ours);
                    own
                }
                None => ours,
            };
            environment.set(name, value.to_string());
        }
        if self.reaches_us_by_shell() && !self.is_in_path() {
            environment.append_to_path(self.headroom.parent().unwrap_or(Path::new("/")));
        }
        environment.note_changes(&self.as_it_is.environment);
        environment.set("HEADROOM_PROXY", base_url);
        environment.set("HEADROOM_GOES_TO", self.goes_to());
        environment.set("HEADROOM_PROJECT", self.project.as_os_str());
        environment.set("HEADROOM_AGENT", agent.name.as_str());

        let mut flags: BTreeMap<&str, Value> = BTreeMap::new();
        for (flag, template) in agent.arguments_json.iter().chain(&retrieval.arguments_json) {
            let given =
                || self.given.get(flag).cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
            merge(flags.entry(flag).or_insert_with(given), &json(template));
        }
        if agent.rules == Rules::Claude
            && let Some(loopback) = claude::loopback_settings(&self.found, &self.as_it_is.environment)
            && let Some(settings) = flags.get_mut("--settings")
        {
            merge(settings, &loopback);
        }

        let sometimes = self.hold.iter().flat_map(|when| &when.arguments);
        let mut arguments: Vec<OsString> = retrieval
            .arguments
            .iter()
            .chain(&agent.arguments)
            .chain(sometimes)
            .map(|template| fill(template).into())
            .collect();
        for (flag, value) in flags {
            let in_a_file = folder.filter(|_| agent.arguments_in_files.iter().any(|known| known == flag));
            let given = match in_a_file {
                Some(folder) => {
                    let path = folder.join(format!("{}.json", flag.trim_start_matches('-')));
                    files.push((path.clone(), value.to_string()));
                    path.into_os_string()
                }
                None => value.to_string().into(),
            };
            arguments.extend([OsString::from(flag), given]);
        }
        let sometimes = self.hold.iter().flat_map(|when| &when.after_command);
        let behind = retrieval.after_command.iter().chain(&agent.after_command).chain(sometimes);
        let behind = behind.map(|template| OsString::from(fill(template)));
        let (own, after_dashes) = self.arguments.split_at(before_dashes(&self.arguments).len());
        let mut own = own.iter().cloned();
        arguments.extend(own.next());
        arguments.extend(behind);
        arguments.extend(own);
        arguments.extend(self.found.behind.iter().map(|template| OsString::from(fill(template))));
        arguments.extend(after_dashes.iter().cloned());
        Ok(Launch { arguments, environment, files, ..self.as_it_is.clone() })
    }

    /// True when the agent's own shell is one of its ways back.
    fn reaches_us_by_shell(&self) -> bool {
        let shell = self.agent.retrieval.as_ref().is_some_and(|retrieval| !retrieval.shell.is_empty());
        shell && self.command_is_found()
    }

    /// Whether a variable that the user has not set is good for this launch.
    fn suits(&self, name: &str) -> bool {
        let tool_search = self.agent.rules == Rules::Claude && name == "ENABLE_TOOL_SEARCH";
        !tool_search || claude::keeps_tool_search(&self.upstream)
    }
}

/// The command that gives originals back, as markers name it.
const COMMAND: &str = "headroom";

/// The agent needs a file for the run, and there is no folder to put it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no folder for the files of this run")]
pub struct NoFolder;

/// A file for the run that starts as a copy of one of the user's, with each provider's URL still to be filled in.
#[derive(Clone, Debug, Default)]
struct Draft {
    copy: Value,
    /// Where in the copy a URL stands, the name of its upstream, and the path that it ends in.
    urls: Vec<(Vec<String>, String, String)>,
}

impl Draft {
    /// Reads what the file starts from, and adds the upstreams that it names.
    fn of(name: &str, file: &FileForRun, around: &Around, upstreams: &mut BTreeMap<String, String>) -> Draft {
        let path =
            (!file.from.is_empty()).then(|| peek::at_home(&file.from, around.home.as_deref())).flatten();
        let Some(copy) = path.and_then(|path| peek::whole(&path)) else { return Draft::default() };
        let mut draft = Draft { urls: Vec::new(), copy };
        if let Some(without) = &file.without_url {
            file.urls.iter().for_each(|wanted| fill_in(&mut draft.copy, wanted, without));
        }
        for wanted in &file.urls {
            for place in places_like(&draft.copy, wanted) {
                let Some(url) = draft.copy.pointer(&pointer(&place)).and_then(Value::as_str) else {
                    continue;
                };
                let Some((origin, path)) = split_origin(url) else { continue };
                let known =
                    upstreams.iter().find(|(_, known)| *known == origin).map(|(name, _)| name.clone());
                let upstream = known.unwrap_or_else(|| format!("{name}-{}", upstreams.len()));
                upstreams.insert(upstream.clone(), origin.to_owned());
                draft.urls.push((place, upstream, path.to_owned()));
            }
        }
        draft
    }

    /// The file's text.
    fn written(mut self, base_url: &str, content: &str, filling: &Filling) -> String {
        if self.copy.is_null() {
            return filling.fill(content);
        }
        for (place, upstream, path) in &self.urls {
            if let Some(url) = self.copy.pointer_mut(&pointer(place)) {
                *url = format!("{base_url}/@{upstream}{path}").into();
            }
        }
        if !content.is_empty() {
            merge(&mut self.copy, &serde_json::from_str(&filling.fill(content)).unwrap_or_default());
        }
        self.copy.to_string()
    }
}

/// Writes the URL that the agent would take where the user's file names none.
fn fill_in(copy: &mut Value, wanted: &[String], without: &WithoutUrl) {
    let Some((last, before)) = wanted.split_last() else { return };
    for place in places_like(copy, before) {
        let Some(Value::Object(object)) = copy.pointer_mut(&pointer(&place)) else { continue };
        let url = object.get(&without.beside).and_then(Value::as_str).and_then(|word| without.urls.get(word));
        if let Some(url) = url.filter(|_| !object.contains_key(last)) {
            object.insert(last.clone(), url.as_str().into());
        }
    }
}

/// Every place of a value that these keys lead to; `*` is any.
fn places_like(value: &Value, wanted: &[String]) -> Vec<Vec<String>> {
    let mut places: Vec<(Vec<String>, &Value)> = vec![(Vec::new(), value)];
    for key in wanted {
        let mut next = Vec::new();
        for (place, value) in places {
            let mut take = |key: &str, value| {
                let mut place = place.clone();
                place.push(key.to_owned());
                next.push((place, value));
            };
            match (value, key.as_str()) {
                (Value::Object(object), "*") => object.iter().for_each(|(key, value)| take(key, value)),
                (Value::Array(list), "*") => {
                    list.iter().enumerate().for_each(|(at, value)| take(&at.to_string(), value));
                }
                (value, key) => {
                    if let Some(value) = value.get(key) {
                        take(key, value);
                    }
                }
            }
        }
        places = next;
    }
    places.into_iter().map(|(place, _)| place).collect()
}

/// Keys as a JSON pointer.
fn pointer(place: &[String]) -> String {
    place.iter().map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1"))).collect()
}

/// An http(s) URL as scheme and host, and what follows.
fn split_origin(url: &str) -> Option<(&str, &str)> {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let end = host.find(['/', '?', '#']).unwrap_or(host.len());
    (0 < end).then(|| url.split_at(url.len() - host.len() + end))
}

/// What an agent's own settings say about this launch.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Where variables are set, besides the process environment; the first that sets one wins.
    pub sources: Vec<Source>,
    /// Why the retrieval tool can't be handed over.
    pub no_tool: Option<String>,
    /// Why the agent goes past us (empty when there is nothing to say); `None` when it does not.
    pub past: Option<String>,
    /// Where its requests go, when its settings say so otherwise than by a variable.
    pub upstream: Option<Place>,
    /// Templates of arguments that are put behind all of the user's own.
    pub behind: Vec<String>,
    /// What there is to say before the launch, a clause each.
    pub notices: Vec<String>,
}

/// A place that sets variables for the agent.
#[derive(Clone, Debug)]
pub struct Source {
    /// As people say it.
    pub said: String,
    /// Who wrote it.
    pub trust: Trust,
    /// What it sets.
    pub variables: Vec<(String, String)>,
}

/// Who wrote a place that sets variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The user.
    User,
    /// An administrator; nothing on the command line can win over it.
    Policy,
    /// Whoever made the repository: it decides nothing of ours.
    Repository,
}

impl Trust {
    fn listens(self) -> bool {
        self != Trust::Repository
    }
}

impl Source {
    /// The value of a variable here.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

impl Findings {
    /// The value of a variable from the first place that sets it and is listened to.
    fn value(&self, name: &str, listens: impl Fn(Trust) -> bool) -> Option<&str> {
        self.sources.iter().filter(|source| listens(source.trust)).find_map(|source| source.get(name))
    }
}

/// The command that would be run if there were no launcher of ours: the first program of that name in the PATH that is
/// none; `None` when there is none.
pub fn behind_launchers(name: &str, around: &Around, arguments: Vec<OsString>) -> Option<Launch> {
    let mut environment = around.environment.clone();
    let path = environment.raw("PATH");
    let program = which::which_in_all(name, path, &around.folder).ok()?.find(|path| !is_launcher(path))?;
    if let Some(path) = path.and_then(|path| path_without(path, name)) {
        environment.set("PATH", path);
    }
    Some(Launch { program, name: name.to_owned(), arguments, environment, files: Vec::new() })
}

/// The agent's program: the first in the PATH, or in a place of its own, that is not one of our launchers.
///
/// # Errors
/// [`PlanError::NotFound`].
pub fn program(agent: &Agent, around: &Around) -> Result<PathBuf, PlanError> {
    let path = around.environment.raw("PATH");
    let found = which::which_in_all(&agent.binary, path, &around.folder).into_iter().flatten();
    let elsewhere = agent.places.iter().filter_map(|place| peek::at_home(place, around.home.as_deref()));
    let elsewhere = elsewhere.flat_map(|place| which::which_in(place, path, &around.folder));
    found.chain(elsewhere).find(|path| !is_launcher(path)).ok_or_else(|| PlanError::NotFound {
        title: agent.title.clone(),
        binary: agent.binary.clone(),
        install: agent.install.clone(),
    })
}

fn before_dashes(arguments: &[OsString]) -> &[OsString] {
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    &arguments[..end]
}

fn past_by_arguments(agent: &Agent, arguments: &[OsString]) -> Option<String> {
    let first = arguments.first().and_then(|first| first.to_str());
    let command = first.and_then(|first| agent.past.commands.get(first));
    let mut words = arguments.iter().filter_map(|argument| argument.to_str());
    let flag = || words.find_map(|word| agent.past.flags.get(word.split('=').next().unwrap_or_default()));
    command.or_else(flag).cloned()
}

fn past_by_variables(agent: &Agent, around: &Around, found: &Findings) -> Option<String> {
    for (name, because) in &agent.past.variables {
        let value = found.value(name, |_| true).or_else(|| around.environment.get(name));
        if value
            .is_some_and(|value| !["", "0", "false", "no", "off"].contains(&value.to_lowercase().as_str()))
        {
            return Some(because.clone());
        }
    }
    let fixed = |name: &&String| found.value(name, |trust| trust == Trust::Policy).is_some();
    agent
        .upstream
        .variables
        .iter()
        .find(fixed)
        .map(|name| format!("your administrator's policy fixes {name}"))
}

/// Where requests go, and what the agent's own URL has to end in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The URL, without a slash at its end.
    pub url: String,
    /// What the agent's URL ends in beside it; empty, or begins with a slash.
    pub suffix: String,
}

impl Place {
    /// A URL that the agent knows in whole: what it asks us for ends as it does.
    pub fn of(url: &str) -> Place {
        let url = url.trim_end_matches('/');
        let host = url.find("://").map_or(0, |at| at + 3);
        match url[host..].rfind('/') {
            Some(at) => Place { url: url[..host + at].to_owned(), suffix: url[host + at..].to_owned() },
            None => Place { url: url.to_owned(), suffix: String::new() },
        }
    }
}

/// What the user had configured, else the provider's own; `None` when there is neither.
fn upstream(own: &Upstream, around: &Around, found: &Findings, notices: &mut Vec<String>) -> Option<Place> {
    let in_a_file = || {
        own.files.iter().find_map(|place| {
            let (said, value) = match place.variable.as_str() {
                "" => {
                    let path = peek::at_home(&place.file, around.home.as_deref())?;
                    (&place.file, peek::value(&path, &place.key)?)
                }
                name => {
                    let value = serde_json::from_str(around.environment.get(name)?).ok()?;
                    (&place.variable, peek::within(value, &place.key)?)
                }
            };
            let url = value.as_str()?.to_owned();
            split_origin(&url).is_some().then_some((said.clone(), url))
        })
    };
    let in_a_variable = own.variables.iter().find_map(|name| {
        let value = found.value(name, Trust::listens).or_else(|| around.environment.get(name))?;
        Some((name.clone(), value.to_owned()))
    });
    let set = in_a_variable.or_else(in_a_file);
    let stale = |url: &String| around.ended.as_ref().is_some_and(|ended| url.starts_with(ended.as_str()));
    let usual = |url: &str| Place { url: url.to_owned(), suffix: own.suffix.clone() };
    let place = match set {
        Some((_, url)) if stale(&url) && own.default.is_empty() => return None,
        Some((name, url)) if stale(&url) => {
            notices.push(format!("{name} named a headroom that has ended; requests go to {}", own.default));
            usual(&own.default)
        }
        Some((_, url)) => {
            let url = url.trim_end_matches('/');
            match url.strip_suffix(own.suffix.trim_end_matches('/')) {
                Some(rest) => usual(rest.trim_end_matches('/')),
                None => Place { url: url.to_owned(), suffix: String::new() },
            }
        }
        None if own.default.is_empty() => return None,
        None => usual(&own.default),
    };
    for source in found.sources.iter().filter(|source| source.trust == Trust::Repository) {
        let redirects =
            |name: &&String| source.get(name).is_some_and(|url| url.trim_end_matches('/') != place.url);
        if let Some(name) = own.variables.iter().find(redirects) {
            let (said, url) = (&source.said, &place.url);
            notices.push(format!("{said} sets {name}, which is not followed: requests go to {url}"));
        }
    }
    Some(place)
}

/// Why the user's own arguments leave no room for the retrieval tool.
fn by_the_user(agent: &Agent, arguments: &[OsString]) -> Option<String> {
    let retrieval = agent.retrieval.as_ref()?;
    let mut forbids = false;
    for word in arguments.iter().filter_map(|argument| argument.to_str()) {
        let (flag, value) = word.split_once('=').map_or((word, ""), |(flag, value)| (flag, value));
        if flag.starts_with('-') {
            if retrieval.not_with.iter().any(|known| known == flag) {
                return Some(format!("{flag} leaves no room for {}", retrieval.tools.join(", ")));
            }
            forbids = retrieval.forbidding.iter().any(|known| known == flag);
        }
        let named = if flag.starts_with('-') { value } else { word };
        if forbids && named.split([',', ' ']).any(|name| names(retrieval, name)) {
            return Some(format!("you forbid {}", retrieval.tools.join(", ")));
        }
    }
    None
}

fn names(retrieval: &Retrieval, name: &str) -> bool {
    retrieval.tools.iter().any(|tool| tool == name.trim()) || claude::names_our_tool(name)
}

/// The flags of JSON among the user's arguments, read, and the arguments without them.
struct JsonFlags {
    rest: Vec<OsString>,
    given: BTreeMap<String, Value>,
}

impl JsonFlags {
    /// A value that can't be read stays where it is: the agent says what is wrong with it.
    fn take(agent: &Agent, around: &Around, arguments: &[OsString]) -> JsonFlags {
        let mut taken = JsonFlags { rest: Vec::new(), given: BTreeMap::new() };
        let end = before_dashes(arguments).len();
        let mut at = 0;
        while at < arguments.len() {
            let word = arguments[at].to_str().unwrap_or_default();
            let (flag, inline) = match word.split_once('=') {
                Some((flag, value)) => (flag, Some(value)),
                None => (word, None),
            };
            let width = if inline.is_some() { 1 } else { 2 };
            let value = inline.or_else(|| arguments.get(at + 1).and_then(|value| value.to_str()));
            let read = (at < end && agent.arguments_json.contains_key(flag))
                .then(|| value.and_then(|value| object_of(value, &around.folder)))
                .flatten();
            match read {
                Some(value) => {
                    // As the agent does: of two, the last counts.
                    taken.given.insert(flag.to_owned(), value);
                    at += width;
                }
                None => {
                    taken.rest.push(arguments[at].clone());
                    at += 1;
                }
            }
        }
        taken
    }
}

fn object_of(value: &str, folder: &Path) -> Option<Value> {
    let text = match value.trim() {
        text if text.starts_with('{') => text.to_owned(),
        path => std::fs::read_to_string(folder.join(path)).ok()?,
    };
    serde_json::from_str(&text).ok().filter(Value::is_object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::definition::known;
    use std::os::unix::fs::PermissionsExt;

    /// A home with a `claude` in it and a folder for policies.
    struct Home(tempfile::TempDir);

    impl Home {
        fn new() -> Home {
            let home = Home(tempfile::tempdir().expect("a folder"));
            home.program("bin/claude", "#!/bin/sh\n");
            home
        }

        fn file(&self, path: &str, text: &str) -> PathBuf {
            let path = self.0.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("its folder");
            std::fs::write(&path, text).expect("a file");
            path
        }

        fn program(&self, path: &str, text: &str) -> PathBuf {
            let path = self.file(path, text);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("its mode");
            path
        }

        fn around(&self) -> Around {
            let path = self.0.path().join("bin");
            Around {
                environment: [("PATH".into(), path.into_os_string())].into_iter().collect(),
                home: Some(self.0.path().to_owned()),
                folder: self.0.path().join("work"),
                project: self.0.path().join("work"),
                headroom: "/usr/bin/headroom".into(),
                policies: vec![self.0.path().join("policy")],
                upstream: None,
                ended: None,
            }
        }

        fn plan(&self, around: &Around, arguments: &[&str]) -> Result<Plan, PlanError> {
            let known = known(Path::new("/nonexistent")).expect("they are read");
            let claude = known.iter().find(|agent| agent.name == "claude").expect("it comes with headroom");
            let arguments = arguments.iter().map(Into::into).collect();
            plan(claude, around, arguments, Tool::Offered)
        }

        #[track_caller]
        fn through(&self, arguments: &[&str]) -> Through {
            match self.plan(&self.around(), arguments) {
                Ok(Plan::Through(through)) => *through,
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_policy_that_leaves_no_room_for_our_tool_is_honoured() {
        let cases = [
            ("managed-mcp.json", r#"{"mcpServers":{}}"#),
            ("managed-settings.json", r#"{"disableSideloadFlags":true}"#),
            ("managed-settings.json", r#"{"allowManagedPermissionRulesOnly":true}"#),
            ("managed-settings.json", r#"{"allowedMcpServers":[{"serverName":"github"}]}"#),
            ("managed-settings.d/10-mcp.json", r#"{"deniedMcpServers":[{"serverName":"headroom"}]}"#),
            ("managed-settings.d/20.json", r#"{"permissions":{"ask":["mcp__headroom__headroom_retrieve"]}}"#),
        ];
        for (file, text) in cases {
            let home = Home::new();
            assert_eq!(home.through(&[]).withheld, None);
            home.file(&format!("policy/{file}"), text);
            let through = home.through(&[]);
            assert!(through.withheld.is_some(), "{file}: {text}");
            assert_eq!(through.ways_back(), Vec::<String>::new());
            let launch = through.launch("http://127.0.0.1:1/x", None).expect("it needs no files");
            assert!(!launch.arguments.contains(&"--mcp-config".into()), "{:?}", launch.arguments);
        }
        let home = Home::new();
        home.file("policy/managed-settings.json", r#"{"allowedMcpServers":[{"serverName":"headroom"}]}"#);
        assert_eq!(home.through(&[]).withheld, None);
    }

    #[test]
    fn an_upstream_that_a_policy_fixes_cannot_be_wrapped_and_one_that_it_names_elsewhere_can() {
        let home = Home::new();
        home.file(
            "policy/managed-settings.json",
            r#"{"env":{"ANTHROPIC_BASE_URL":"https://fixed.example"}}"#,
        );
        let Ok(Plan::Past { because, .. }) = home.plan(&home.around(), &[]) else {
            panic!("it goes past us")
        };
        assert!(because.contains("policy fixes ANTHROPIC_BASE_URL"), "{because}");

        let home = Home::new();
        home.file(".claude/remote-settings.json", r#"{"env":{"NODE_EXTRA_CA_CERTS":"/etc/corp.pem"}}"#);
        home.file(".claude/settings.json", r#"{"env":{"HTTPS_PROXY":"http://proxy.corp:1"}}"#);
        let through = home.through(&[]);
        assert_eq!(through.extra_roots, [PathBuf::from("/etc/corp.pem")]);
        assert_eq!(through.variable(["HTTPS_PROXY", "https_proxy"]), "http://proxy.corp:1");
    }

    #[test]
    fn settings_that_the_user_has_switched_off_are_not_read() {
        let home = Home::new();
        home.file(".claude/settings.json", r#"{"env":{"ANTHROPIC_BASE_URL":"https://gateway.example/"}}"#);
        assert_eq!(home.through(&[]).upstream, "https://gateway.example");
        assert_eq!(
            home.through(&["--setting-sources", "project,local"]).upstream,
            "https://api.anthropic.com"
        );
        assert_eq!(home.through(&["--", "--setting-sources", "project"]).upstream, "https://gateway.example");
    }

    #[test]
    fn what_the_user_told_headroom_wins_over_what_the_agent_was_told() {
        let home = Home::new();
        home.file(".claude/settings.json", r#"{"env":{"ANTHROPIC_BASE_URL":"https://gateway.example"}}"#);
        let around = Around { upstream: Some("https://mine.example".into()), ..home.around() };
        let Ok(Plan::Through(through)) = home.plan(&around, &[]) else { panic!("it goes through") };
        assert_eq!(through.upstream, "https://mine.example");
    }

    #[test]
    fn the_program_is_found_behind_our_launchers_and_at_home() {
        let home = Home::new();
        let program = |around: &Around| match home.plan(around, &["--version"]) {
            Ok(Plan::Past { launch, .. }) => {
                launch.program.strip_prefix(home.0.path()).map(Path::to_owned).ok()
            }
            Ok(Plan::Through(_)) => panic!("it goes past us"),
            Err(_) => None,
        };
        assert_eq!(program(&home.around()), Some("bin/claude".into()));
        home.program("bin/claude", include_str!("../../shims/launcher.sh"));
        assert_eq!(program(&home.around()), None, "a launcher is not the agent");
        home.program(".claude/local/claude", "#!/bin/sh\n");
        assert_eq!(program(&home.around()), Some(".claude/local/claude".into()));
        let mut around = home.around();
        around.environment.unset("PATH");
        assert_eq!(program(&around), Some(".claude/local/claude".into()));
    }
}

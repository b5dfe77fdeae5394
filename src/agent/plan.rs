//! How an agent will be started: from its definition, the user's environment and the user's arguments.
//!
//! Reads files of the user's, starts nothing, writes nothing. Two steps, because
//! the proxy's URL is known only once it runs: [`plan`] says where requests go and
//! whether there is a way back; [`Through::launch`] gives the command.

use super::claude::{self, Arguments};
use super::definition::{Agent, Filling, Rules, Speech, Upstream};
use super::environment::Environment;
use super::json::merge;
use super::shims::{is_launcher, path_without};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Plans the launch of `agent` with the user's `arguments`.
///
/// # Errors
/// [`PlanError::NotFound`].
pub fn plan(agent: &Agent, around: &Around, arguments: Vec<OsString>, tool: Tool) -> Result<Plan, PlanError> {
    let program = program(agent, around)?;
    let mut environment = around.environment.clone();
    if let Some(path) = environment.raw("PATH").and_then(|path| path_without(path, &agent.binary)) {
        environment.set("PATH", path);
    }
    let as_it_is = Launch { program, name: agent.binary.clone(), arguments: arguments.clone(), environment };
    let before_dashes = before_dashes(&arguments);
    if let Some(because) = past_by_arguments(agent, before_dashes) {
        return Ok(Plan::Past { launch: as_it_is, because });
    }

    let flags = JsonFlags::take(agent, around, &arguments);
    let given = flags.given.get("--settings");
    let found = match agent.rules {
        Rules::Claude => claude::look(around, given, &Arguments(before_dashes)),
        Rules::None => Findings::default(),
    };
    if let Some(because) = past_by_variables(agent, around, &found) {
        return Ok(Plan::Past { launch: as_it_is, because });
    }

    let mut notices = Vec::new();
    if matches!(agent.wire, Speech::OpenaiResponses | Speech::Gemini) {
        notices.push("nothing will be saved yet, because headroom does not speak its language".to_owned());
    }
    let own = match &around.upstream {
        Some(url) => Place { url: url.clone(), suffix: agent.upstream.suffix.clone() },
        None => upstream(&agent.upstream, around, &found, &mut notices),
    };
    let further = agent.upstreams.iter();
    let further: BTreeMap<String, Place> = further
        .map(|(name, upstream)| (name.clone(), self::upstream(upstream, around, &found, &mut notices)))
        .collect();
    let value = |name: &String| found.value(name, Trust::listens).or_else(|| around.environment.get(name));
    let extra_roots = agent.upstream.certificates.iter().filter_map(value).map(PathBuf::from).collect();
    let withheld = match (&agent.retrieval, tool) {
        (None, _) => Some(format!("{} has no way to ask for an original", agent.name)),
        (_, Tool::Withheld) => Some(String::new()),
        (Some(_), Tool::Offered) => by_the_user(agent, before_dashes).or_else(|| found.no_tool.clone()),
    };
    Ok(Plan::Through(Box::new(Through {
        agent: agent.clone(),
        headroom: around.headroom.clone(),
        project: around.project.clone(),
        as_it_is,
        arguments: flags.rest,
        given: flags.given,
        found,
        upstream: own.url,
        suffix: own.suffix,
        upstreams: further.iter().map(|(name, place)| (name.clone(), place.url.clone())).collect(),
        suffixes: further.into_iter().map(|(name, place)| (name, place.suffix)).collect(),
        extra_roots,
        withheld,
        notices,
    })))
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
}

/// Why an agent can't be started.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
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
    /// The tools by which the agent can get back what is left out; empty when there is no way.
    pub fn ways_back(&self) -> Vec<String> {
        let retrieval = self.agent.retrieval.as_ref().filter(|_| self.withheld.is_none());
        retrieval.map(|retrieval| retrieval.tools.clone()).unwrap_or_default()
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

    /// The command, once the proxy's URL is known.
    pub fn launch(&self, base_url: &str) -> Launch {
        let retrieval = self.agent.retrieval.as_ref().filter(|_| self.withheld.is_none());
        let mut filling = Filling::new(base_url, &self.suffix, &self.headroom, &self.project);
        for (name, suffix) in &self.suffixes {
            filling.and_upstream(name, format!("{base_url}/@{name}{suffix}"));
        }
        let fill = |template: &str| filling.fill(template);
        let json = |template: &str| serde_json::from_str::<Value>(&fill(template)).unwrap_or_default();

        let mut environment = self.as_it_is.environment.clone();
        environment.keep_loopback_direct();
        self.agent.unset.iter().for_each(|name| environment.unset(name));
        for (name, template) in &self.agent.environment {
            environment.set(name, fill(template));
        }
        for (name, template) in &self.agent.environment_unless_set {
            let set = environment.raw(name).is_some() || self.found.value(name, |_| true).is_some();
            if !set && self.suits(name) {
                environment.set(name, fill(template));
            }
        }
        let merged = retrieval.map(|retrieval| &retrieval.environment_json);
        for (name, template) in self.agent.environment_json.iter().chain(merged.into_iter().flatten()) {
            let own = environment.get(name).and_then(|own| serde_json::from_str(own).ok());
            let mut value = own.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
            merge(&mut value, &json(template));
            environment.set(name, value.to_string());
        }
        environment.set("HEADROOM_PROXY", base_url);
        environment.set("HEADROOM_PROJECT", self.project.as_os_str());

        let mut flags: BTreeMap<&str, Value> = BTreeMap::new();
        let merged = retrieval.map(|retrieval| &retrieval.arguments_json);
        for (flag, template) in self.agent.arguments_json.iter().chain(merged.into_iter().flatten()) {
            let given =
                || self.given.get(flag).cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
            merge(flags.entry(flag).or_insert_with(given), &json(template));
        }
        if self.agent.rules == Rules::Claude
            && let Some(loopback) = claude::loopback_settings(&self.found, &self.as_it_is.environment)
            && let Some(settings) = flags.get_mut("--settings")
        {
            merge(settings, &loopback);
        }

        let handed = retrieval.map(|retrieval| retrieval.arguments.as_slice()).unwrap_or_default();
        let mut arguments: Vec<OsString> =
            handed.iter().chain(&self.agent.arguments).map(|template| fill(template).into()).collect();
        for (flag, value) in flags {
            arguments.extend([OsString::from(flag), value.to_string().into()]);
        }
        arguments.extend(self.arguments.iter().cloned());
        Launch { arguments, environment, ..self.as_it_is.clone() }
    }

    /// Whether a variable that the user has not set is good for this launch.
    fn suits(&self, name: &str) -> bool {
        let tool_search = self.agent.rules == Rules::Claude && name == "ENABLE_TOOL_SEARCH";
        !tool_search || claude::keeps_tool_search(&self.upstream)
    }
}

/// What an agent's own settings say about this launch.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Where variables are set, besides the process environment; the first that sets one wins.
    pub sources: Vec<Source>,
    /// Why the retrieval tool can't be handed over.
    pub no_tool: Option<String>,
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
    Some(Launch { program, name: name.to_owned(), arguments, environment })
}

/// The agent's program: the first in the PATH, or in a place of its own, that is not one of our launchers.
///
/// # Errors
/// [`PlanError::NotFound`].
pub fn program(agent: &Agent, around: &Around) -> Result<PathBuf, PlanError> {
    let path = around.environment.raw("PATH");
    let found = which::which_in_all(&agent.binary, path, &around.folder).into_iter().flatten();
    let at_home = |place: &String| match (place.strip_prefix("~/"), &around.home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(place),
    };
    let elsewhere = agent.places.iter().map(at_home);
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
struct Place {
    url: String,
    suffix: String,
}

/// What the user had configured, else the provider's own.
fn upstream(own: &Upstream, around: &Around, found: &Findings, notices: &mut Vec<String>) -> Place {
    let set = own.variables.iter().find_map(|name| {
        found.value(name, Trust::listens).or_else(|| around.environment.get(name)).map(str::to_owned)
    });
    let stale = |url: &String| around.ended.as_ref().is_some_and(|ended| url.starts_with(ended.as_str()));
    let usual = |url: &str| Place { url: url.to_owned(), suffix: own.suffix.clone() };
    let place = match set {
        Some(url) if stale(&url) => {
            let name = &own.variables[0];
            notices.push(format!("{name} named a headroom that has ended; requests go to {}", own.default));
            usual(&own.default)
        }
        Some(url) => {
            let url = url.trim_end_matches('/');
            match url.strip_suffix(own.suffix.trim_end_matches('/')) {
                Some(rest) => usual(rest.trim_end_matches('/')),
                None => Place { url: url.to_owned(), suffix: String::new() },
            }
        }
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
    place
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

fn names(retrieval: &super::definition::Retrieval, name: &str) -> bool {
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
            let claude = &known(Path::new("/nonexistent")).expect("they are read")[0];
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
            let launch = through.launch("http://127.0.0.1:1/x");
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
            Err(PlanError::NotFound { .. }) => None,
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

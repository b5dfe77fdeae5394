//! An agent as data: what it is called, how it is pointed at the proxy, how it gets things back.
//!
//! The format is that of the files in `agents/`, embedded here; `new.toml` beside
//! this file explains each key. A user's file is read the same way. *Invariant:* a
//! file can only set variables, arguments and short-lived files of the agent that
//! it defines; what it patches is undone.

use super::filling::{Filling, place_of, places_in};
use crate::conversation::Frame;
use crate::text;
use crate::transcript;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The agents that headroom comes with, as they stand in `agents/`.
const BUILT_IN: &[(&str, &str)] = &[
    ("agents/aider.toml", include_str!("../../agents/aider.toml")),
    ("agents/amp.toml", include_str!("../../agents/amp.toml")),
    ("agents/claude.toml", include_str!("../../agents/claude.toml")),
    ("agents/cline.toml", include_str!("../../agents/cline.toml")),
    ("agents/cn.toml", include_str!("../../agents/cn.toml")),
    ("agents/codex.toml", include_str!("../../agents/codex.toml")),
    ("agents/copilot.toml", include_str!("../../agents/copilot.toml")),
    ("agents/crush.toml", include_str!("../../agents/crush.toml")),
    ("agents/cursor.toml", include_str!("../../agents/cursor.toml")),
    ("agents/droid.toml", include_str!("../../agents/droid.toml")),
    ("agents/gemini.toml", include_str!("../../agents/gemini.toml")),
    ("agents/goose.toml", include_str!("../../agents/goose.toml")),
    ("agents/ide.toml", include_str!("../../agents/ide.toml")),
    ("agents/openclaw.toml", include_str!("../../agents/openclaw.toml")),
    ("agents/opencode.toml", include_str!("../../agents/opencode.toml")),
    ("agents/openhands.toml", include_str!("../../agents/openhands.toml")),
    ("agents/qwen.toml", include_str!("../../agents/qwen.toml")),
    ("agents/vibe.toml", include_str!("../../agents/vibe.toml")),
];

/// The file that explains the format: every key with its meaning.
const NEW: &str = include_str!("new.toml");

/// The text of a file to begin with for the agent `name`: the built-in one of that name, else the one that explains
/// the format.
pub fn text_for(name: &str) -> String {
    let built_in = BUILT_IN.iter().find(|(path, _)| *path == format!("agents/{name}.toml"));
    built_in.map_or_else(|| NEW.replace("{name}", name), |(_, text)| (*text).to_owned())
}

/// Reads the built-in agents and those in the user's `folder`; one of the user's takes the place of a built-in
/// one of the same name. Sorted by name.
///
/// # Errors
/// [`AgentError`]: a file that can't be read or understood.
pub fn known(folder: &Path) -> Result<Vec<Agent>, AgentError> {
    let mut agents = BTreeMap::new();
    for (path, text) in BUILT_IN {
        let agent = Agent::parse(text, Path::new(path))?;
        agents.insert(agent.name.clone(), agent);
    }
    for path in files_in(folder)? {
        let text = std::fs::read_to_string(&path)
            .map_err(|source| AgentError::Read { path: path.clone(), source })?;
        let agent = Agent::parse(&text, &path)?;
        agents.insert(agent.name.clone(), agent);
    }
    Ok(agents.into_values().collect())
}

/// An agent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// What is typed after `headroom wrap`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Its program, looked for in the PATH.
    pub binary: String,
    /// Where its program may be besides the PATH; `~` is the user's home.
    #[serde(default)]
    pub places: Vec<String>,
    /// Where to get it.
    #[serde(default)]
    pub install: String,
    /// What it speaks.
    pub wire: Speech,
    /// Which further rules hold for it.
    #[serde(default)]
    pub rules: Rules,
    /// What can't be kept, as one clause; empty when nothing is lost.
    #[serde(default)]
    pub lost: String,
    /// Why nobody has seen it work, as one clause; empty when somebody has.
    #[serde(default)]
    pub untested: String,
    /// Why it can't be wrapped at all; empty when it can.
    #[serde(default)]
    pub refused: String,
    /// The arguments that make it tell its version.
    #[serde(default = "asks_for_version")]
    pub version: Vec<String>,
    /// How to see which login it has; the first that is there counts.
    #[serde(default)]
    pub logins: Vec<Login>,
    /// Where its requests go without us.
    #[serde(default)]
    pub upstream: Upstream,
    /// Where its requests to further providers go, by name; each is reached at `{url_NAME}`.
    #[serde(default)]
    pub upstreams: BTreeMap<String, Upstream>,
    /// Variables of its environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Variables of its environment that the user's own win over.
    #[serde(default)]
    pub environment_unless_set: BTreeMap<String, String>,
    /// Variables that hold a JSON object or list; merged into the user's own.
    #[serde(default)]
    pub environment_json: BTreeMap<String, String>,
    /// Variables that it must not see.
    #[serde(default)]
    pub unset: Vec<String>,
    /// Arguments that are put before the user's.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Arguments that are put behind the user's first, which is its command.
    #[serde(default)]
    pub after_command: Vec<String>,
    /// Flags that take JSON or a file of it; merged with the user's own.
    #[serde(default)]
    pub arguments_json: BTreeMap<String, String>,
    /// Which of those flags are given a file, so that nobody else on this machine can read what it says.
    #[serde(default)]
    pub arguments_in_files: Vec<String>,
    /// Files that live as long as the run, by the name of their place: `{file_NAME}`.
    #[serde(default)]
    pub files_for_run: BTreeMap<String, FileForRun>,
    /// Values of the user's files that have to be changed for the time of the run.
    #[serde(default)]
    pub patches: Vec<Patch>,
    /// What holds only sometimes.
    #[serde(default)]
    pub when: Vec<When>,
    /// What a person has to paste where, for one that can't be started by us; `None` when it can.
    #[serde(default)]
    pub paste: Option<Paste>,
    /// How it frames a command's output in what it says as the user.
    #[serde(default)]
    pub frames: Vec<Frame>,
    /// How it gets back what was left out; `None` when it can't.
    #[serde(default)]
    pub retrieval: Option<Retrieval>,
    /// When it goes past us.
    #[serde(default)]
    pub past: Past,
    /// What it keeps on disk.
    #[serde(default)]
    pub files: Files,
    /// How it is asked one short question; `None` when that is not known.
    #[serde(default)]
    pub doctor: Option<Doctor>,
}

/// How an agent is asked one short question by `headroom doctor`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Doctor {
    /// The arguments: it answers [`PROMPT`] and ends, without a person.
    pub arguments: Vec<String>,
    /// Variables that log it in where nobody checks: against the built-in provider, in a home that is empty.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Variables that would lead it back to its own home.
    #[serde(default)]
    pub unset: Vec<String>,
    /// Files of that home, by their paths in it.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

/// The place of the question in [`Doctor::arguments`].
pub const PROMPT: &str = "{prompt}";

/// What an agent speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speech {
    /// Anthropic Messages.
    Anthropic,
    /// OpenAI Chat Completions.
    OpenaiChat,
    /// OpenAI Responses.
    OpenaiResponses,
    /// Google Gemini.
    Gemini,
}

impl Speech {
    /// The name in agents' files and in `--json`.
    pub fn name(self) -> &'static str {
        match self {
            Speech::Anthropic => "anthropic",
            Speech::OpenaiChat => "openai-chat",
            Speech::OpenaiResponses => "openai-responses",
            Speech::Gemini => "gemini",
        }
    }
}

/// Rules that only code can say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rules {
    /// None.
    #[default]
    None,
    /// Claude Code's settings files and policies.
    Claude,
    /// Codex's configuration, profiles and login.
    Codex,
}

fn asks_for_version() -> Vec<String> {
    vec!["--version".to_owned()]
}

/// A login that an agent may have: all of what is named here has to hold. What stands in a file is looked at, not kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// What people call it: `API key`, `Claude subscription`.
    pub kind: String,
    /// One of these variables is set.
    #[serde(default)]
    pub variables: Vec<String>,
    /// This file is there; `~` is the user's home.
    #[serde(default)]
    pub file: String,
    /// And holds something under this key.
    #[serde(default)]
    pub key: Vec<String>,
    /// And that is this word.
    #[serde(default)]
    pub is: String,
}

/// Where an agent's requests go without us.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// The provider's own URL; empty when only the user's own is one.
    #[serde(default)]
    pub default: String,
    /// Variables that hold the user's own; the first that is set counts.
    #[serde(default)]
    pub variables: Vec<String>,
    /// Places in the agent's own files that hold it, where no variable does.
    #[serde(default)]
    pub files: Vec<InFile>,
    /// What the user's URLs end in and ours must not.
    #[serde(default)]
    pub suffix: String,
    /// Variables that name files of further certificates to trust there.
    #[serde(default)]
    pub certificates: Vec<String>,
}

/// A value in a file of the user's, or in a variable that holds JSON.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InFile {
    /// The file; `~` is the user's home. TOML, YAML, JSON with or without comments, or lines of `name=value`.
    #[serde(default)]
    pub file: String,
    /// The variable, where it is no file.
    #[serde(default)]
    pub variable: String,
    /// The keys that lead to it.
    pub key: Vec<String>,
}

/// A file that is made for one run, in a folder only the user can enter, and is gone with it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileForRun {
    /// Its name in that folder; may have folders before it.
    pub name: String,
    /// What it holds; JSON is merged into what `from` holds.
    #[serde(default)]
    pub content: String,
    /// A file of the user's that it starts as a copy of: TOML, YAML, JSON with or without comments; the copy is JSON.
    /// `~` is the user's home.
    #[serde(default)]
    pub from: String,
    /// Keys in that copy that hold URLs of providers: each becomes an upstream of its own, reached through us. `*` is
    /// any key or place in a list.
    #[serde(default)]
    pub urls: Vec<Vec<String>>,
    /// What stands there where the user has written nothing.
    #[serde(default)]
    pub without_url: Option<WithoutUrl>,
}

/// The URLs that an agent takes when its settings name none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithoutUrl {
    /// The key beside that of the URL which says whose it is.
    pub beside: String,
    /// By what stands under it.
    pub urls: BTreeMap<String, String>,
}

/// A value in a file of the user's that is ours for the time of the run. Journalled before, undone after.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// The file; `~` is the user's home.
    pub file: String,
    /// How it is written.
    pub format: Format,
    /// The keys that lead to the value.
    pub key: Vec<String>,
    /// What stands there for the time of the run: a string.
    pub value: String,
}

/// What a person has to paste where.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paste {
    /// What to know before.
    #[serde(default)]
    pub before: String,
    /// What to do, step by step.
    pub steps: Vec<String>,
    /// What to know for afterwards.
    #[serde(default)]
    pub after: String,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// TOML.
    Toml,
    /// JSON, with comments and trailing commas where they are.
    Json,
}

/// What holds only sometimes: when everything in the first part does, everything in the second is done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// These variables are set to these words; `*` is any.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// None of these variables is set.
    #[serde(default)]
    pub without: Vec<String>,
    /// The login is one of these kinds; `none` is no login.
    #[serde(default)]
    pub login: Vec<String>,
    /// One of these flags is given.
    #[serde(default)]
    pub flags: Vec<String>,
    /// The first argument is one of these words.
    #[serde(default)]
    pub commands: Vec<String>,
    /// This file holds something under [`When::key`]; `~` is the user's home, a relative path is one below the folder
    /// the agent works in.
    #[serde(default)]
    pub file: String,
    /// The keys that lead to it; none: the file is there.
    #[serde(default)]
    pub key: Vec<String>,
    /// And that is this word.
    #[serde(default)]
    pub is: String,
    /// Then it goes past us, for this reason; an empty one is not said.
    #[serde(default)]
    pub past: Option<String>,
    /// Then this is said before the launch.
    #[serde(default)]
    pub said: String,
    /// Then this further upstream is the one that requests go to which name none.
    #[serde(default)]
    pub upstream: Option<String>,
    /// Then our tool is not handed over, for this reason.
    #[serde(default)]
    pub withheld: String,
    /// Then these variables are set too.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Then these are set too, merged as JSON.
    #[serde(default)]
    pub environment_json: BTreeMap<String, String>,
    /// Then these are not.
    #[serde(default)]
    pub unset: Vec<String>,
    /// Then these arguments are put before the user's too.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Then these are put behind the user's first.
    #[serde(default)]
    pub after_command: Vec<String>,
}

/// How an agent gets back what was left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retrieval {
    /// The names under which a request offers our tool once it is handed over.
    #[serde(default)]
    pub tools: Vec<String>,
    /// Tools of the agent's own that run commands, and so `headroom retrieve`, without anybody being asked.
    #[serde(default)]
    pub shell: Vec<String>,
    /// What the agent is given, as people say it; empty when nothing is added.
    #[serde(default)]
    pub said: String,
    /// Arguments that hand the tool over.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Arguments that hand the tool over, put behind the user's first, which is its command.
    #[serde(default)]
    pub after_command: Vec<String>,
    /// Variables that hand the tool over.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Variables that hand the tool over, merged as JSON.
    #[serde(default)]
    pub environment_json: BTreeMap<String, String>,
    /// Flags of JSON that hand the tool over.
    #[serde(default)]
    pub arguments_json: BTreeMap<String, String>,
    /// With one of these flags of the user's, it is not handed over.
    #[serde(default)]
    pub not_with: Vec<String>,
    /// Flags that forbid tools by name.
    #[serde(default)]
    pub forbidding: Vec<String>,
}

/// When an agent goes past us; each with the reason, which is empty when there is nothing to say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Past {
    /// A variable that is set, and not to `0` or `false`.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// A flag of the user's.
    #[serde(default)]
    pub flags: BTreeMap<String, String>,
    /// The first argument of the user's.
    #[serde(default)]
    pub commands: BTreeMap<String, String>,
}

/// What an agent keeps on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// Where its transcripts lie: a folder, or a file of the project.
    #[serde(default)]
    pub transcripts: String,
    /// Variables that name another folder, each with what its transcripts lie under there.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// What they look like; `None`: as nothing that is read.
    #[serde(default)]
    pub format: Option<transcript::Format>,
    /// Which files of a project it reads as its memory.
    #[serde(default)]
    pub memory: Vec<String>,
}

/// Why an agent's file could not be used. Each is the user's to mend.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// It is there and can't be read.
    #[error("could not read {path}")]
    Read {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no TOML, or something is missing or of the wrong kind.
    #[error("{path}:{line}: {message}")]
    Unclear {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A key or a word that is none.
    #[error("{path}:{line}: unknown `{found}`; the nearest is `{nearest}`")]
    Unknown {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// As it was written.
        found: String,
        /// The known one that is most like it.
        nearest: String,
    },
    /// Two things that can't both be, or one that needs another.
    #[error("{path}: {message}")]
    Odd {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// JSON that is none.
    #[error("{path}: the value of `{key}` is not {wanted}")]
    NoJson {
        /// Which file.
        path: PathBuf,
        /// Which key.
        key: String,
        /// What it should be.
        wanted: &'static str,
    },
}

impl Agent {
    /// Reads an agent's file.
    ///
    /// # Errors
    /// [`AgentError`]; an unknown key is told with the nearest known one.
    pub fn parse(text: &str, path: &Path) -> Result<Agent, AgentError> {
        let agent: Agent = toml_edit::de::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = 1 + text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count();
            complaint(error.message(), path, line)
        })?;
        agent.check(path)?;
        Ok(agent)
    }

    /// Whether it can be asked one short question without a person, and without a change to a file of the user's.
    pub fn can_be_asked(&self) -> bool {
        self.doctor.is_some() && self.patches.is_empty()
    }

    /// Every template of the file.
    fn templates(&self) -> impl Iterator<Item = &str> {
        let none = Retrieval::none();
        let retrieval = self.retrieval.as_ref().unwrap_or(none);
        let tables = [
            &self.environment,
            &self.environment_unless_set,
            &self.environment_json,
            &self.arguments_json,
            &retrieval.environment,
            &retrieval.environment_json,
            &retrieval.arguments_json,
        ];
        let lists = [&self.arguments, &self.after_command, &retrieval.arguments, &retrieval.after_command];
        let sometimes = self.when.iter().flat_map(|when| {
            let variables = when.environment.values().chain(when.environment_json.values());
            when.arguments.iter().chain(&when.after_command).chain(variables)
        });
        let texts = self.files_for_run.values().map(|file| &file.content);
        let patched = self.patches.iter().map(|patch| &patch.value);
        let pasted =
            self.paste.iter().flat_map(|paste| paste.steps.iter().chain([&paste.before, &paste.after]));
        let all = tables.into_iter().flat_map(BTreeMap::values).chain(lists.into_iter().flatten());
        all.chain(sometimes).chain(texts).chain(patched).chain(pasted).map(String::as_str)
    }

    /// The words that may stand in braces in this agent's templates.
    fn places(&self) -> Filling {
        let mut filling = Filling::new("http://127.0.0.1:1/x", "", Path::new("headroom"), Path::new("/"));
        self.upstreams.keys().for_each(|name| filling.set(place_of("url", name), "http://127.0.0.1:1/x"));
        self.files_for_run.keys().for_each(|name| filling.set(place_of("file", name), "/x"));
        filling
    }

    fn check(&self, path: &Path) -> Result<(), AgentError> {
        let filling = self.places();
        for template in self.templates() {
            if let Some(found) = places_in(template).into_iter().find(|place| !filling.has(place)) {
                let nearest = text::nearest(found, filling.places()).unwrap_or_default();
                return Err(AgentError::Unknown {
                    path: path.to_owned(),
                    line: 1,
                    found: format!("{{{found}}}"),
                    nearest: format!("{{{nearest}}}"),
                });
            }
        }
        let read = |template: &str| serde_json::from_str::<serde_json::Value>(&filling.fill(template));
        let retrieval = self.retrieval.as_ref().unwrap_or(Retrieval::none());
        let no_json = |key: &str, wanted| {
            Err(AgentError::NoJson { path: path.to_owned(), key: key.to_owned(), wanted })
        };
        let sometimes = self.when.iter().flat_map(|when| &when.environment_json);
        for (key, template) in
            self.environment_json.iter().chain(sometimes).chain(&retrieval.environment_json)
        {
            if !read(template).is_ok_and(|value| value.is_object() || value.is_array()) {
                return no_json(key, "a JSON object or list");
            }
        }
        for (key, template) in self.arguments_json.iter().chain(&retrieval.arguments_json) {
            if !read(template).is_ok_and(|value| value.is_object()) {
                return no_json(key, "a JSON object");
            }
        }
        let odd = |message: String| Err(AgentError::Odd { path: path.to_owned(), message });
        for (name, file) in &self.files_for_run {
            if !file.from.is_empty()
                && !file.content.is_empty()
                && !read(&file.content).is_ok_and(|value| value.is_object())
            {
                return no_json(&format!("files_for_run.{name}.content"), "a JSON object");
            }
            if !file.urls.is_empty() && file.from.is_empty() {
                return odd(format!("`files_for_run.{name}.urls` needs a `from`"));
            }
            let inside = Path::new(&file.name)
                .components()
                .all(|part| matches!(part, std::path::Component::Normal(_)));
            if file.name.is_empty() || !inside {
                return odd(format!("`files_for_run.{name}.name` has to be a path below a folder"));
            }
        }
        for when in &self.when {
            if let Some(name) = when.upstream.as_ref().filter(|name| !self.upstreams.contains_key(*name)) {
                return odd(format!(
                    "`when` names the upstream `{name}`, and there is no `[upstreams.{name}]`"
                ));
            }
            let kinds = || self.logins.iter().map(|login| login.kind.as_str()).chain([NO_LOGIN]);
            if let Some(kind) = when.login.iter().find(|kind| !kinds().any(|known| known == **kind)) {
                let nearest = text::nearest(kind, kinds()).unwrap_or_default();
                return odd(format!("`when` names the login `{kind}`; the nearest is `{nearest}`"));
            }
        }
        if let Some(doctor) = &self.doctor {
            if !doctor.arguments.iter().any(|argument| argument.contains(PROMPT)) {
                return odd(format!("`doctor.arguments` needs {PROMPT}: where the question stands"));
            }
            let outside = |path: &&String| {
                path.is_empty()
                    || !Path::new(path)
                        .components()
                        .all(|part| matches!(part, std::path::Component::Normal(_)))
            };
            if let Some(path) = doctor.files.keys().find(outside) {
                return odd(format!("`doctor.files` names `{path}`, which is no path below a home"));
            }
        }
        if self.refused.is_empty() && self.upstream == Upstream::default() {
            return odd("an `[upstream]` is missing: where its requests go".to_owned());
        }
        Ok(())
    }
}

/// The kind of a login that is not there.
pub const NO_LOGIN: &str = "none";

impl Retrieval {
    /// No way back.
    pub fn none() -> &'static Retrieval {
        static NONE: std::sync::LazyLock<Retrieval> = std::sync::LazyLock::new(Retrieval::default);
        &NONE
    }
}

/// Turns what the reader of TOML said into what the user should know.
fn complaint(message: &str, path: &Path, line: usize) -> AgentError {
    let message = message.lines().collect::<Vec<_>>().join(", ");
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let about_a_name = message.starts_with("unknown field") || message.starts_with("unknown variant");
    match quoted.split_first() {
        Some((found, names)) if about_a_name && !names.is_empty() => AgentError::Unknown {
            path: path.to_owned(),
            line,
            found: (*found).to_owned(),
            nearest: text::nearest(found, names.iter().copied()).unwrap_or_default().to_owned(),
        },
        _ => AgentError::Unclear { path: path.to_owned(), line, message },
    }
}

/// The user's own agent files, sorted; none when the folder is not there.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>, AgentError> {
    let unreadable = |source| AgentError::Read { path: folder.to_owned(), source };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: &str = "name = \"other\"\ntitle = \"Other\"\nbinary = \"other\"\nwire = \"openai-chat\"\n\
                         upstream.default = \"https://api.example.com\"\n";

    #[track_caller]
    fn complaint_about(text: &str) -> String {
        Agent::parse(text, Path::new("agents/other.toml")).expect_err("it must not be read").to_string()
    }

    #[test]
    fn every_agent_that_headroom_comes_with_can_be_read() {
        let agents = known(Path::new("/nonexistent")).expect("they are read");
        for ((path, _), agent) in BUILT_IN.iter().zip(&agents) {
            assert_eq!(*path, format!("agents/{}.toml", agent.name), "the file has the agent's name");
            assert!(!agent.install.is_empty() || !agent.refused.is_empty(), "{path}: where to get it");
        }
        assert_eq!(BUILT_IN.len(), agents.len());
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_the_nearest() {
        let cases = [
            (
                format!("{SHORT}instal = \"x\"\n"),
                "agents/other.toml:6: unknown `instal`; the nearest is `install`",
            ),
            (
                format!("{SHORT}[past]\nflag = {{}}\n"),
                "agents/other.toml:7: unknown `flag`; the nearest is `flags`",
            ),
            (
                SHORT.replace("openai-chat", "openai-chats"),
                "agents/other.toml:4: unknown `openai-chats`; the nearest is `openai-chat`",
            ),
            (
                format!("{SHORT}[environment]\nA = \"{{base_ur}}\"\n"),
                "agents/other.toml:1: unknown `{base_ur}`; the nearest is `{base_url}`",
            ),
        ];
        for (text, said) in cases {
            assert_eq!(complaint_about(&text), said);
        }
        assert!(complaint_about("name = \"x\"\n").contains("missing field"), "what is missing is named");
        assert!(complaint_about("name = \n").starts_with("agents/other.toml:1: "), "no TOML");
    }

    #[test]
    fn json_that_is_none_is_told_when_the_file_is_read() {
        let text = format!("{SHORT}[arguments_json]\n\"--settings\" = '{{\"a\": }}'\n");
        assert_eq!(
            complaint_about(&text),
            "agents/other.toml: the value of `--settings` is not a JSON object"
        );
        let text = format!("{SHORT}[environment_json]\nLIST = '[1]'\nWORD = '\"x\"'\n");
        assert_eq!(
            complaint_about(&text),
            "agents/other.toml: the value of `WORD` is not a JSON object or list"
        );
    }

    #[test]
    fn what_leads_nowhere_is_told_when_the_file_is_read() {
        let cases = [
            ("[[when]]\nupstream = \"x\"\n", "there is no `[upstreams.x]`"),
            ("[[logins]]\nkind = \"API key\"\n[[when]]\nlogin = [\"api key\"]\n", "the nearest is `API key`"),
            ("[files_for_run.a]\nname = \"../a\"\n", "a path below a folder"),
            ("[files_for_run.a]\nname = \"a\"\nurls = [[\"u\"]]\n", "needs a `from`"),
            ("[files_for_run.a]\nname = \"a\"\nfrom = \"~/a\"\ncontent = \"{\"\n", "not a JSON object"),
            ("[environment]\nA = \"{file_x}\"\n", "unknown `{file_x}`"),
        ];
        for (more, said) in cases {
            let complaint = complaint_about(&format!("{SHORT}{more}"));
            assert!(complaint.contains(said), "{more}: {complaint}");
        }
        let without = SHORT.replace("upstream.default", "# upstream.default");
        assert!(complaint_about(&without).contains("`[upstream]` is missing"));
        Agent::parse(&format!("{without}refused = \"why\"\n"), Path::new("x")).expect("it needs none");
    }

    #[test]
    fn the_file_that_explains_the_format_can_be_read_as_it_is_and_with_every_line_in_force() {
        let named = text_for("mine");
        Agent::parse(&named, Path::new("new.toml")).expect("it is an agent's file");
        let in_force: String =
            named.lines().map(|line| format!("{}\n", line.strip_prefix("#: ").unwrap_or(line))).collect();
        Agent::parse(&in_force, Path::new("new.toml")).expect("each of its examples is right");
    }

    #[test]
    fn a_file_of_the_users_takes_the_place_of_a_built_in_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("a file");
        };
        write("mine.toml", &SHORT.replace("name = \"other\"", "name = \"claude\""));
        write("other.toml", SHORT);
        write("notes.txt", "not an agent");
        let agents = known(folder.path()).expect("they are read");
        let names = agents.iter().filter(|agent| agent.title == "Other").map(|agent| agent.name.as_str());
        assert_eq!(names.collect::<Vec<_>>(), ["claude", "other"]);
        assert_eq!(agents.len(), BUILT_IN.len() + 1);
    }
}

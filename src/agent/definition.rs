//! An agent as data: what it is called, how it is pointed at the proxy, how it gets things back.
//!
//! The format is that of the files in `agents/`, embedded here; `agents/claude.toml`
//! explains each key. A user's file is read the same way. *Invariant:* a file can
//! only set variables and arguments of the agent that it defines.

use crate::text;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The agents that headroom comes with, as they stand in `agents/`.
const BUILT_IN: &[(&str, &str)] = &[("agents/claude.toml", include_str!("../../agents/claude.toml"))];

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
    /// Where its requests go without us.
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
    /// Variables that hold JSON; merged into the user's own.
    #[serde(default)]
    pub environment_json: BTreeMap<String, String>,
    /// Variables that it must not see.
    #[serde(default)]
    pub unset: Vec<String>,
    /// Arguments that are put before the user's.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Flags that take JSON or a file of it; merged with the user's own.
    #[serde(default)]
    pub arguments_json: BTreeMap<String, String>,
    /// How it gets back what was left out; `None` when it can't.
    #[serde(default)]
    pub retrieval: Option<Retrieval>,
    /// When it goes past us.
    #[serde(default)]
    pub past: Past,
    /// What it keeps on disk.
    #[serde(default)]
    pub files: Files,
}

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

/// Rules that only code can say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rules {
    /// None.
    #[default]
    None,
    /// Claude Code's settings files and policies.
    Claude,
}

/// Where an agent's requests go without us.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// The provider's own URL.
    pub default: String,
    /// Variables that hold the user's own; the first that is set counts.
    #[serde(default)]
    pub variables: Vec<String>,
    /// What the user's URLs end in and ours must not.
    #[serde(default)]
    pub suffix: String,
    /// Variables that name files of further certificates to trust there.
    #[serde(default)]
    pub certificates: Vec<String>,
}

/// How an agent gets back what was left out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retrieval {
    /// A request that offers one of these tools can get it back.
    pub tools: Vec<String>,
    /// What the agent is given, as people say it; empty when nothing is added.
    #[serde(default)]
    pub said: String,
    /// Arguments that hand the tool over.
    #[serde(default)]
    pub arguments: Vec<String>,
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
    /// Where its transcripts lie.
    #[serde(default)]
    pub transcripts: String,
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
    /// JSON that is none.
    #[error("{path}: the value of `{key}` is not a JSON object")]
    NoJson {
        /// Which file.
        path: PathBuf,
        /// Which key.
        key: String,
    },
}

/// The words that may stand in braces, beside `url_NAME` for each of an agent's further upstreams.
pub const PLACES: [&str; 6] = ["base_url", "url", "headroom", "headroom_quoted", "project", "project_quoted"];

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

    /// Every template of the file: the key it stands under, and the text.
    fn templates(&self) -> Vec<(&str, &str)> {
        let mut all: Vec<(&str, &str)> = Vec::new();
        let mut tables = vec![
            &self.environment,
            &self.environment_unless_set,
            &self.environment_json,
            &self.arguments_json,
        ];
        all.extend(self.arguments.iter().map(|argument| ("arguments", argument.as_str())));
        if let Some(retrieval) = &self.retrieval {
            tables.extend([&retrieval.environment_json, &retrieval.arguments_json]);
            all.extend(retrieval.arguments.iter().map(|argument| ("retrieval.arguments", argument.as_str())));
        }
        all.extend(tables.into_iter().flatten().map(|(key, text)| (key.as_str(), text.as_str())));
        all
    }

    fn check(&self, path: &Path) -> Result<(), AgentError> {
        let further: Vec<String> = self.upstreams.keys().map(|name| place_of(name)).collect();
        let places: Vec<&str> = PLACES.into_iter().chain(further.iter().map(String::as_str)).collect();
        for (_, template) in self.templates() {
            if let Some(found) = places_in(template).into_iter().find(|place| !places.contains(place)) {
                let nearest = text::nearest(found, places.iter().copied()).unwrap_or_default();
                return Err(AgentError::Unknown {
                    path: path.to_owned(),
                    line: 1,
                    found: format!("{{{found}}}"),
                    nearest: format!("{{{nearest}}}"),
                });
            }
        }
        let none = BTreeMap::new();
        let retrieval = self.retrieval.as_ref();
        let json = [
            &self.environment_json,
            &self.arguments_json,
            retrieval.map_or(&none, |retrieval| &retrieval.environment_json),
            retrieval.map_or(&none, |retrieval| &retrieval.arguments_json),
        ];
        for (key, template) in json.into_iter().flatten() {
            let mut filling = Filling::new("http://127.0.0.1:1/x", "", Path::new("headroom"), Path::new("/"));
            self.upstreams
                .keys()
                .for_each(|name| filling.and_upstream(name, "http://127.0.0.1:1/x".to_owned()));
            if !serde_json::from_str::<serde_json::Value>(&filling.fill(template))
                .is_ok_and(|value| value.is_object())
            {
                return Err(AgentError::NoJson { path: path.to_owned(), key: key.clone() });
            }
        }
        Ok(())
    }
}

/// What stands in the places of a template.
#[derive(Clone, Debug, Default)]
pub struct Filling(BTreeMap<String, String>);

impl Filling {
    /// The places of every agent. `suffix` is what the agent's URL ends in beside the proxy's own.
    pub fn new(base_url: &str, suffix: &str, headroom: &Path, project: &Path) -> Filling {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let quoted = |path: &Path| serde_json::Value::from(path.to_string_lossy().as_ref()).to_string();
        let words = [
            ("base_url", base_url.to_owned()),
            ("url", format!("{base_url}{suffix}")),
            ("headroom", path(headroom)),
            ("headroom_quoted", quoted(headroom)),
            ("project", path(project)),
            ("project_quoted", quoted(project)),
        ];
        Filling(words.into_iter().map(|(place, word)| (place.to_owned(), word)).collect())
    }

    /// The place of a further upstream.
    pub fn and_upstream(&mut self, name: &str, url: String) {
        self.0.insert(place_of(name), url);
    }

    /// A template with its places filled in.
    pub fn fill(&self, template: &str) -> String {
        let mut filled = String::new();
        let mut rest = template;
        while let Some(at) = rest.find('{') {
            let (before, brace) = rest.split_at(at);
            filled.push_str(before);
            let inside = brace[1..].split_once('}').map(|(place, _)| place);
            match inside.and_then(|place| Some((place, self.0.get(place)?))) {
                Some((place, word)) => {
                    filled.push_str(word);
                    rest = &brace[place.len() + 2..];
                }
                None => {
                    filled.push('{');
                    rest = &brace[1..];
                }
            }
        }
        filled + rest
    }
}

/// The place of the further upstream `name`.
fn place_of(name: &str) -> String {
    format!("url_{}", name.replace('-', "_"))
}

/// The words in braces that could be meant as places: lower-case letters and underscores.
fn places_in(template: &str) -> Vec<&str> {
    let after_brace = template.split('{').skip(1);
    after_brace
        .filter_map(|rest| rest.split_once('}'))
        .map(|(word, _)| word)
        .filter(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        .collect()
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
        assert_eq!(agents.iter().map(|agent| agent.name.as_str()).collect::<Vec<_>>(), ["claude"]);
        assert_eq!(agents[0].wire, Speech::Anthropic);
        assert_eq!(agents[0].rules, Rules::Claude);
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
        let names: Vec<_> = agents.iter().map(|agent| (agent.name.as_str(), agent.title.as_str())).collect();
        assert_eq!(names, [("claude", "Other"), ("other", "Other")]);
    }

    #[test]
    fn a_path_with_quotes_stays_one_json_string() {
        let template = "{\"a\":{headroom_quoted},\"b\":\"{base_url}\",\"c\":{project_quoted},\"d\":{}}";
        let filling = Filling::new("http://u", "/v1", Path::new("/a\"b/h"), Path::new("/{base_url}"));
        assert_eq!(filling.fill(template), r#"{"a":"/a\"b/h","b":"http://u","c":"/{base_url}","d":{}}"#);
    }
}

//! What is in force, and where each value came from: flag, environment, user file, default.
//!
//! Resolved once, by [`resolve`]. Only `env` reads the environment. A file that
//! lies in a project is never read: a repository cannot switch anything.
//!
//! ```toml
//! # config.toml, every key with its default
//! profile = "balanced"            # lossless | balanced | aggressive
//! enabled = true                  # false: run through, change nothing new
//! quiet = false                   # true: no line after a wrap
//! mcp = true                      # false: the agent is not handed the retrieval tool
//! answer_retrieval = false        # true: one that can't be handed it is offered it in its prompt, and answered by us
//! originals.max_bytes = "1 GiB"   # or a whole number of bytes
//! originals.max_age = "30d"
//! proxy.port = 0                  # 0 takes a free one
//! proxy.upstream = ""             # empty: what the agent had configured, else the provider's own
//!
//! [rules]
//! "tool:mcp__db__query" = "never" # never | lossless | balanced | aggressive
//! "command:git log" = "lossless"
//! "path:**/*.csv" = "aggressive"
//!
//! [upstreams]                     # where each is; a vendor's name, or any of yours for `/@NAME/`
//! azure = "https://resource.openai.azure.com"
//! ollama = "http://127.0.0.1:11434"
//! ```

pub mod env;
mod file;
pub mod quantity;
pub mod upstreams;

use crate::compress::Effort;
use crate::proxy::Answers;
use crate::rewrite::rules::Rule;
use crate::rewrite::{Profile, Settings, WayBack};
use crate::store::{Limits, Store};
use crate::text;
use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use upstreams::NamedUpstream;

/// What was typed on the command line; what was not typed is `None`.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--profile NAME`.
    pub profile: Option<String>,
    /// `--off` was typed.
    pub off: bool,
    /// `--no-mcp` was typed.
    pub no_mcp: bool,
    /// `--answer-retrieval` was typed.
    pub answer_retrieval: bool,
    /// `--quiet` was typed.
    pub quiet: bool,
    /// `--port N`.
    pub port: Option<u16>,
    /// `--upstream URL`.
    pub upstream: Option<String>,
    /// `--upstream NAME=URL`, each as typed.
    pub upstreams: Vec<String>,
}

/// Reads flags, environment and the user's file, in that order of precedence.
///
/// # Errors
/// [`ConfigError`]: an unknown key, a bad value, a file that is no TOML, no home folder.
pub fn resolve(flags: &Flags) -> Result<Config, ConfigError> {
    let folders = Folders::from(env::get)?;
    let path = folders.config_file();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(ConfigError::Read { path, source }),
    };
    resolve_from(flags, &env::get, &env::upstreams(), &text, folders)
}

/// The same, with the environment and the file's text handed in; `upstreams` are name and value of the
/// variables that begin with [`env::UPSTREAM_PREFIX`].
///
/// # Errors
/// As [`resolve`].
pub fn resolve_from(
    flags: &Flags,
    variable: &dyn Fn(env::Variable) -> Option<String>,
    upstreams: &[(String, String)],
    text: &str,
    folders: Folders,
) -> Result<Config, ConfigError> {
    let path = folders.config_file();
    let file = file::File::parse(text, &path)?;
    let switched = |typed: bool, value: bool| typed.then_some(Given::Switch(value));
    let text_of = |value: &Option<String>| value.clone().map(Given::Text);
    let seen = |of: env::Variable| variable(of).map(Given::Text);

    let pick = Pick { file: &file };
    let limits = Limits::default();
    let port = pick.value(&PROXY_PORT, flags.port.map(|port| Given::Whole(port.into())), None, 0)?;
    let upstreams = upstreams::resolve(&upstreams::Said {
        flags: &flags.upstreams,
        variables: upstreams,
        file: &file.upstreams,
        path: &path,
        variable,
        port: port.value,
    })?;
    Ok(Config {
        profile: pick.value(
            &PROFILE,
            text_of(&flags.profile),
            seen(env::HEADROOM_PROFILE),
            DEFAULT_PROFILE,
        )?,
        enabled: pick.value(&ENABLED, switched(flags.off, false), seen(env::HEADROOM), true)?,
        quiet: pick.value(&QUIET, switched(flags.quiet, true), None, false)?,
        mcp: pick.value(&MCP, switched(flags.no_mcp, false), None, true)?,
        answer_retrieval: pick.value(
            &ANSWER_RETRIEVAL,
            switched(flags.answer_retrieval, true),
            None,
            false,
        )?,
        originals_max_bytes: pick.value(&ORIGINALS_MAX_BYTES, None, None, limits.originals_bytes)?,
        originals_max_age: pick.value(&ORIGINALS_MAX_AGE, None, None, limits.originals_age)?,
        port,
        upstream: pick.value(&PROXY_UPSTREAM, text_of(&flags.upstream), None, None)?,
        upstreams,
        rules: file.rules,
        folders,
    })
}

/// Everything that is in force.
#[derive(Clone, Debug)]
pub struct Config {
    /// What may be left out at most.
    pub profile: Setting<Profile>,
    /// False: no new pins; old ones are replayed.
    pub enabled: Setting<bool>,
    /// True: no line after a wrap.
    pub quiet: Setting<bool>,
    /// Whether the agent is handed the retrieval tool.
    pub mcp: Setting<bool>,
    /// Whether the proxy offers the retrieval tool itself to a model whose client can't be handed it.
    pub answer_retrieval: Setting<bool>,
    /// Bytes that all originals may take on disk.
    pub originals_max_bytes: Setting<u64>,
    /// How long an original is kept.
    pub originals_max_age: Setting<Duration>,
    /// Where the proxy listens on 127.0.0.1; 0 takes a free port.
    pub port: Setting<u16>,
    /// Where requests go; `None`: what the agent had configured, else the provider's own.
    pub upstream: Setting<Option<String>>,
    /// Where each vendor is, and each further upstream that has a name; see [`upstreams`].
    pub upstreams: Vec<NamedUpstream>,
    /// The user's rules, in the order of the file.
    pub rules: Vec<Rule>,
    /// Where everything lies.
    pub folders: Folders,
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// What holds.
    pub value: T,
    /// Who said so.
    pub origin: Origin,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Typed on the command line.
    Flag(&'static str),
    /// Set in the environment.
    Environment(Cow<'static, str>),
    /// Written in the user's file, on this line.
    File {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// Built in.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(name) => write!(to, "{name}"),
            Origin::Environment(name) => write!(to, "${name}"),
            Origin::File { path, line } => write!(to, "{}:{line}", path.display()),
            Origin::Default => to.write_str("default"),
        }
    }
}

impl Origin {
    /// The one word for it in JSON: `flag`, `environment`, `file`, `default`.
    pub fn name(&self) -> &'static str {
        match self {
            Origin::Flag(_) => "flag",
            Origin::Environment(_) => "environment",
            Origin::File { .. } => "file",
            Origin::Default => "default",
        }
    }
}

/// Why the settings could not be read. Each is the user's to mend: exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Neither `HEADROOM_HOME` nor a home folder.
    #[error("no home folder was found; set HEADROOM_HOME to a folder of yours")]
    NoHome,
    /// The file is there and can't be read.
    #[error("could not read {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{path}:{line}: {message}")]
    NoToml {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the reader of TOML said, on one line.
        message: String,
    },
    /// A key that is none.
    #[error("{path}:{line}: unknown setting `{key}`; the nearest is `{nearest}`")]
    UnknownKey {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// As it was written.
        key: String,
        /// The known key that is most like it.
        nearest: &'static str,
    },
    /// A name that no upstream can have.
    #[error("{place}: `{name}` can't name an upstream; use small letters, digits and `-`, at most 40")]
    UpstreamName {
        /// The flag, the variable, or file and line.
        place: String,
        /// As it was written.
        name: String,
    },
    /// A value that a key can't take.
    #[error("{place}: `{value}` can't be the value of `{key}`; allowed: {allowed}")]
    BadValue {
        /// The flag, the variable, or file and line.
        place: String,
        /// Which key.
        key: String,
        /// As it was written.
        value: String,
        /// What the key can take.
        allowed: &'static str,
    },
}

/// Where everything lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    /// Holds `config.toml`, `prices.toml` and `agents/`.
    pub config: PathBuf,
    /// Holds the store.
    pub data: PathBuf,
    /// Who said so.
    pub origin: Origin,
}

impl Folders {
    /// `$HEADROOM_HOME` for everything, else the system's own places.
    ///
    /// # Errors
    /// [`ConfigError::NoHome`].
    pub fn from(variable: impl Fn(env::Variable) -> Option<String>) -> Result<Folders, ConfigError> {
        if let Some(home) = variable(env::HEADROOM_HOME) {
            // A child may run in another folder: what is relative now must not move then.
            let home = std::path::absolute(&home).unwrap_or_else(|_| PathBuf::from(&home));
            return Ok(Folders {
                config: home.clone(),
                data: home,
                origin: Origin::Environment(env::HEADROOM_HOME.name.into()),
            });
        }
        let system = directories::ProjectDirs::from("", "", "headroom").ok_or(ConfigError::NoHome)?;
        Ok(Folders {
            config: system.config_dir().to_owned(),
            data: system.data_local_dir().to_owned(),
            origin: Origin::Default,
        })
    }

    /// The user's settings.
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// The user's own prices.
    pub fn prices_file(&self) -> PathBuf {
        self.config.join("prices.toml")
    }

    /// The launchers that `headroom shims` puts there.
    pub fn shims(&self) -> PathBuf {
        self.data.join("shims")
    }

    /// The user's own agents.
    pub fn agents(&self) -> PathBuf {
        self.config.join("agents")
    }
}

impl Config {
    /// The folder of the store.
    pub fn data_dir(&self) -> &Path {
        &self.folders.data
    }

    /// The folder of the user's own agents.
    pub fn agents_dir(&self) -> PathBuf {
        self.folders.agents()
    }

    /// How much the store may keep.
    pub fn store_limits(&self) -> Limits {
        Limits {
            originals_bytes: self.originals_max_bytes.value,
            originals_age: self.originals_max_age.value,
            ..Limits::default()
        }
    }

    /// Who answers calls of the retrieval tool.
    pub fn answers(&self) -> Answers {
        if self.answer_retrieval.value && self.enabled.value { Answers::TheProxy } else { Answers::TheClient }
    }

    /// What the rewrite may do for a client that gets things back by `way_back`.
    pub fn rewrite_settings(&self, way_back: WayBack) -> Settings {
        Settings {
            profile: self.profile.value,
            on: self.enabled.value,
            way_back,
            rules: self.rules.as_slice().into(),
            frames: Arc::default(),
        }
    }

    /// Opens the store; when that fails the work goes on without it, and a notice says so.
    pub fn open_store(&self) -> OpenedStore {
        match Store::open(self.data_dir(), self.store_limits()) {
            Ok(store) => {
                let notices = store.notices();
                OpenedStore { store: Some(Arc::new(store)), notices }
            }
            Err(error) => {
                let said = text::with_causes(&error);
                OpenedStore { store: None, notices: vec![format!("{said}; nothing will be shortened")] }
            }
        }
    }

    /// Every setting as text, in the order of the module's example.
    pub fn entries(&self) -> Vec<Entry> {
        fn entry<T>(key: &Key<T>, setting: &Setting<T>, value: serde_json::Value) -> Entry {
            Entry { key: key.name.to_owned(), value, origin: setting.origin.clone(), meaning: key.meaning }
        }
        let mut entries = vec![
            entry(&PROFILE, &self.profile, self.profile.value.name().into()),
            entry(&ENABLED, &self.enabled, self.enabled.value.into()),
            entry(&QUIET, &self.quiet, self.quiet.value.into()),
            entry(&MCP, &self.mcp, self.mcp.value.into()),
            entry(&ANSWER_RETRIEVAL, &self.answer_retrieval, self.answer_retrieval.value.into()),
            entry(
                &ORIGINALS_MAX_BYTES,
                &self.originals_max_bytes,
                quantity::bytes_said(self.originals_max_bytes.value).into(),
            ),
            entry(
                &ORIGINALS_MAX_AGE,
                &self.originals_max_age,
                quantity::span_said(self.originals_max_age.value).into(),
            ),
            entry(&PROXY_PORT, &self.port, self.port.value.into()),
            entry(&PROXY_UPSTREAM, &self.upstream, self.upstream.value.clone().unwrap_or_default().into()),
        ];
        entries.extend(self.rules.iter().map(|rule| Entry {
            key: format!("rules.\"{}\"", rule.on),
            value: rule.allow.name().into(),
            origin: Origin::File { path: self.folders.config_file(), line: rule.line },
            meaning: "your rule",
        }));
        entries.extend(self.upstreams.iter().map(NamedUpstream::entry));
        entries
    }
}

/// A store that was opened, or why it was not.
#[derive(Debug)]
pub struct OpenedStore {
    /// The store; `None` when it could not be opened.
    pub store: Option<Arc<Store>>,
    /// What there is to say, a sentence each.
    pub notices: Vec<String>,
}

/// One setting, to be shown.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its dotted name.
    pub key: String,
    /// What holds.
    pub value: serde_json::Value,
    /// Who said so.
    pub origin: Origin,
    /// One clause.
    pub meaning: &'static str,
}

/// The profile when nobody says otherwise.
pub const DEFAULT_PROFILE: Profile = Profile::Shorten(Effort::Balanced);

/// A key of `config.toml`: the one home of its name, its meaning and its values.
struct Key<T> {
    name: &'static str,
    meaning: &'static str,
    allowed: &'static str,
    flag: &'static str,
    variable: &'static str,
    read: fn(&Given) -> Option<T>,
}

/// A value as it was given.
#[derive(Clone, Debug)]
enum Given {
    Text(String),
    Whole(i64),
    Switch(bool),
    /// A list, a date, a fraction: no key takes it.
    Odd(String),
}

impl fmt::Display for Given {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Given::Text(text) | Given::Odd(text) => to.write_str(text),
            Given::Whole(number) => write!(to, "{number}"),
            Given::Switch(on) => write!(to, "{on}"),
        }
    }
}

const PROFILE: Key<Profile> = Key {
    name: "profile",
    meaning: "how much may be left out",
    allowed: "`lossless`, `balanced` or `aggressive`",
    flag: "--profile",
    variable: env::HEADROOM_PROFILE.name,
    read: |given| match given {
        Given::Text(name) => Profile::from_name(name),
        _ => None,
    },
};
const ENABLED: Key<bool> = Key {
    name: "enabled",
    meaning: "whether anything new is shortened",
    allowed: "`true` (`on`) or `false` (`off`)",
    flag: "--off",
    variable: env::HEADROOM.name,
    read: switch,
};
const QUIET: Key<bool> = Key {
    name: "quiet",
    meaning: "no line after a wrap",
    allowed: "`true` or `false`",
    flag: "--quiet",
    variable: "",
    read: switch,
};
const MCP: Key<bool> = Key {
    name: "mcp",
    meaning: "hand the agent the retrieval tool",
    allowed: "`true` or `false`",
    flag: "--no-mcp",
    variable: "",
    read: switch,
};
const ANSWER_RETRIEVAL: Key<bool> = Key {
    name: "answer_retrieval",
    meaning: "offer the retrieval tool in the prompt, and answer its calls in the proxy",
    allowed: "`true` or `false`",
    flag: "--answer-retrieval",
    variable: "",
    read: switch,
};
const ORIGINALS_MAX_BYTES: Key<u64> = Key {
    name: "originals.max_bytes",
    meaning: "disk space for all originals",
    allowed: "a size such as \"1 GiB\" or \"500 MB\", or a whole number of bytes, at least 1 MiB",
    flag: "",
    variable: "",
    read: |given| {
        let bytes = match given {
            Given::Text(text) => quantity::bytes(text),
            Given::Whole(number) => u64::try_from(*number).ok(),
            _ => None,
        };
        bytes.filter(|bytes| 1 << 20 <= *bytes)
    },
};
const ORIGINALS_MAX_AGE: Key<Duration> = Key {
    name: "originals.max_age",
    meaning: "how long an original is kept",
    allowed: "a span of time such as \"30d\", \"12h\" or \"2w\", at least 1h",
    flag: "",
    variable: "",
    read: |given| match given {
        Given::Text(text) => quantity::span(text).filter(|age| Duration::from_secs(3_600) <= *age),
        _ => None,
    },
};
const PROXY_PORT: Key<u16> = Key {
    name: "proxy.port",
    meaning: "port on 127.0.0.1; 0 takes a free one",
    allowed: "a whole number from 0 to 65535",
    flag: "--port",
    variable: "",
    read: |given| match given {
        Given::Whole(number) => u16::try_from(*number).ok(),
        _ => None,
    },
};
const PROXY_UPSTREAM: Key<Option<String>> = Key {
    name: "proxy.upstream",
    meaning: "where requests go; empty: the agent's own",
    allowed: "an http or https URL, or \"\"",
    flag: "--upstream",
    variable: "",
    read: |given| match given {
        Given::Text(text) if text.is_empty() => Some(None),
        Given::Text(text) => {
            let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
            let named = host.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '[');
            named.then(|| Some(text.trim_end_matches('/').to_owned()))
        }
        _ => None,
    },
};

/// Every key's name, in the order of the module's example.
const NAMES: [&str; 9] = [
    PROFILE.name,
    ENABLED.name,
    QUIET.name,
    MCP.name,
    ANSWER_RETRIEVAL.name,
    ORIGINALS_MAX_BYTES.name,
    ORIGINALS_MAX_AGE.name,
    PROXY_PORT.name,
    PROXY_UPSTREAM.name,
];

fn switch(given: &Given) -> Option<bool> {
    match given {
        Given::Switch(on) => Some(*on),
        Given::Text(text) => match text.to_ascii_lowercase().as_str() {
            "on" | "true" | "1" => Some(true),
            "off" | "false" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Picks the first of flag, environment, file and default that says anything.
struct Pick<'a> {
    file: &'a file::File,
}

impl Pick<'_> {
    fn value<T>(
        &self,
        key: &Key<T>,
        flag: Option<Given>,
        variable: Option<Given>,
        default: T,
    ) -> Result<Setting<T>, ConfigError> {
        let said = flag
            .map(|given| (given, Origin::Flag(key.flag)))
            .or_else(|| variable.map(|given| (given, Origin::Environment(key.variable.into()))))
            .or_else(|| self.file.value(key.name));
        let Some((given, origin)) = said else {
            return Ok(Setting { value: default, origin: Origin::Default });
        };
        match (key.read)(&given) {
            Some(value) => Ok(Setting { value, origin }),
            None => Err(ConfigError::BadValue {
                place: origin.to_string(),
                key: key.name.to_owned(),
                value: given.to_string(),
                allowed: key.allowed,
            }),
        }
    }
}

#[cfg(test)]
mod tests;

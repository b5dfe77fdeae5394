//! Every environment variable that headroom reads: its name and its meaning.
//!
//! The only place that reads the environment.

#![allow(clippy::disallowed_methods)]

/// A variable: its name and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// As it stands in the environment.
    pub name: &'static str,
    /// One clause for `headroom config show`.
    pub meaning: &'static str,
}

/// One folder for everything of headroom's: config, data and state.
pub const HEADROOM_HOME: Variable =
    Variable { name: "HEADROOM_HOME", meaning: "one folder for config, originals, pins and the ledger" };
/// `off`: run through, change nothing new.
pub const HEADROOM: Variable = Variable { name: "HEADROOM", meaning: "`off` switches every new change off" };
/// The profile.
pub const HEADROOM_PROFILE: Variable =
    Variable { name: "HEADROOM_PROFILE", meaning: "`lossless`, `balanced` or `aggressive`" };
/// Set by `wrap` for the agent and all it starts: the base URL of the proxy around it.
pub const HEADROOM_PROXY: Variable = Variable {
    name: "HEADROOM_PROXY",
    meaning: "set by `wrap`: the proxy that is around this process already",
};
/// Set by `wrap` beside it: a digest of where that proxy sends requests.
pub const HEADROOM_GOES_TO: Variable = Variable {
    name: "HEADROOM_GOES_TO",
    meaning: "set by `wrap`: a digest of where its proxy sends requests",
};
/// Set by `wrap` beside it: the folder that originals are issued to, wherever the agent and what it starts may go.
pub const HEADROOM_PROJECT: Variable = Variable {
    name: "HEADROOM_PROJECT",
    meaning: "set by `wrap`: the folder whose originals this process may have back",
};
/// Set by `wrap` beside it: the agent that the proxy is there for.
pub const HEADROOM_AGENT: Variable =
    Variable { name: "HEADROOM_AGENT", meaning: "set by `wrap`: the agent that is being run" };
/// Set by `wrap` beside it: which variables it changed, and what they were.
pub const HEADROOM_BEFORE: Variable = Variable {
    name: "HEADROOM_BEFORE",
    meaning: "set by `wrap`: what it changed of the environment, for another agent inside",
};
/// No colour.
pub const NO_COLOR: Variable = Variable { name: "NO_COLOR", meaning: "no colour in the output" };
/// The program that shows long texts.
pub const PAGER: Variable = Variable { name: "PAGER", meaning: "the program that long texts are shown with" };
/// How `less` behaves.
pub const LESS: Variable = Variable { name: "LESS", meaning: "the user's own settings of `less`" };
/// Which terminal there is.
pub const TERM: Variable = Variable { name: "TERM", meaning: "the kind of terminal" };
/// Which shell the user has.
pub const SHELL: Variable = Variable { name: "SHELL", meaning: "the shell that a line for the PATH is for" };
/// Where zsh's start-up files lie.
pub const ZDOTDIR: Variable = Variable { name: "ZDOTDIR", meaning: "the folder of zsh's start-up files" };
/// Where fish's start-up file lies.
pub const XDG_CONFIG_HOME: Variable =
    Variable { name: "XDG_CONFIG_HOME", meaning: "the folder of fish's start-up file" };

/// With a name behind it (`_` for `-`): where that upstream is.
pub const UPSTREAM_PREFIX: &str = "HEADROOM_UPSTREAM_";

/// A variable by which the user's agents are told where a vendor is.
#[derive(Clone, Copy, Debug)]
pub struct Agents {
    /// The vendor's name.
    pub vendor: &'static str,
    /// The variable.
    pub variable: Variable,
    /// What stands in it.
    pub holds: Holds,
}

/// What stands in a variable of the user's agents.
#[derive(Clone, Copy, Debug)]
pub enum Holds {
    /// A base URL; some agents want it with this at its end.
    Url {
        /// What our paths begin with already.
        may_end: &'static str,
    },
    /// A base URL with the API's version at its end.
    UrlThatEnds {
        /// What our paths begin with already.
        in_: &'static str,
    },
    /// A part of a host's name.
    PartOf {
        /// What stands before it.
        before: &'static str,
        /// What stands after it.
        after: &'static str,
    },
}

/// The variables of the user's agents that say where a vendor is, the surest of each vendor first.
pub const AGENTS: &[Agents] = &[
    url("anthropic", "ANTHROPIC_BASE_URL", "where Anthropic's API is", "/v1"),
    version("openai", "OPENAI_BASE_URL", "where OpenAI's API is"),
    version("openai", "OPENAI_API_BASE", "where OpenAI's API is"),
    url("gemini", "GOOGLE_GEMINI_BASE_URL", "where Gemini's API is", "/v1beta"),
    url("code-assist", "CODE_ASSIST_ENDPOINT", "where Code Assist is", "/v1internal"),
    url("vertex", "GOOGLE_VERTEX_BASE_URL", "where Vertex AI is", "/v1"),
    url("vertex", "ANTHROPIC_VERTEX_BASE_URL", "where Vertex AI is", "/v1"),
    part("vertex", "CLOUD_ML_REGION", "the region of Vertex AI", "https://", "-aiplatform.googleapis.com"),
    url("azure", "AZURE_OPENAI_ENDPOINT", "where Azure OpenAI is", "/openai"),
    url("foundry", "ANTHROPIC_FOUNDRY_BASE_URL", "where Foundry is", "/anthropic"),
    part(
        "foundry",
        "ANTHROPIC_FOUNDRY_RESOURCE",
        "the resource in Foundry",
        "https://",
        ".services.ai.azure.com",
    ),
    url("bedrock", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "where Bedrock is", "/"),
    url("bedrock", "ANTHROPIC_BEDROCK_BASE_URL", "where Bedrock is", "/"),
    part("bedrock", "AWS_REGION", "the region of Bedrock", "https://bedrock-runtime.", ".amazonaws.com"),
    part(
        "bedrock",
        "AWS_DEFAULT_REGION",
        "the region of Bedrock",
        "https://bedrock-runtime.",
        ".amazonaws.com",
    ),
];

const fn url(
    vendor: &'static str,
    name: &'static str,
    meaning: &'static str,
    may_end: &'static str,
) -> Agents {
    Agents { vendor, variable: Variable { name, meaning }, holds: Holds::Url { may_end } }
}

const fn version(vendor: &'static str, name: &'static str, meaning: &'static str) -> Agents {
    Agents { vendor, variable: Variable { name, meaning }, holds: Holds::UrlThatEnds { in_: "/v1" } }
}

const fn part(
    vendor: &'static str,
    name: &'static str,
    meaning: &'static str,
    before: &'static str,
    after: &'static str,
) -> Agents {
    Agents { vendor, variable: Variable { name, meaning }, holds: Holds::PartOf { before, after } }
}

/// Name and value of every variable that begins with [`UPSTREAM_PREFIX`], by name.
pub fn upstreams() -> Vec<(String, String)> {
    let ours = |name: &String| UPSTREAM_PREFIX.len() < name.len() && name.starts_with(UPSTREAM_PREFIX);
    let texts = all()
        .into_iter()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut found: Vec<_> = texts.filter(|(name, _)| ours(name)).collect();
    found.sort();
    found
}

/// The variables that are headroom's own, in the order `headroom config show` prints them.
pub const OWN: &[Variable] = &[
    HEADROOM_HOME,
    HEADROOM,
    HEADROOM_PROFILE,
    HEADROOM_PROXY,
    HEADROOM_GOES_TO,
    HEADROOM_PROJECT,
    HEADROOM_AGENT,
    HEADROOM_BEFORE,
];

/// The value of `variable`; `None` when unset, empty or not UTF-8.
pub fn get(variable: Variable) -> Option<String> {
    named(variable.name)
}

/// The value of a variable that an agent's definition names.
pub fn named(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The proxies that the user's environment puts before the outside world, upper case first.
pub fn outbound() -> crate::proxy::Outbound {
    let either = |upper: &str, lower: &str| named(upper).or_else(|| named(lower)).unwrap_or_default();
    crate::proxy::Outbound {
        https_proxy: either("HTTPS_PROXY", "https_proxy"),
        http_proxy: either("HTTP_PROXY", "http_proxy"),
        all_proxy: either("ALL_PROXY", "all_proxy"),
        no_proxy: either("NO_PROXY", "no_proxy"),
    }
}

/// Where the user's AWS credentials lie, as AWS's own tools look for them.
pub fn aws() -> crate::proxy::Aws {
    let home = named("HOME").map(std::path::PathBuf::from);
    let below = |name: &str| home.as_ref().map(|home| home.join(".aws").join(name));
    let file = |variable: &str, name: &str| named(variable).map(Into::into).or_else(|| below(name));
    let key = named("AWS_ACCESS_KEY_ID").zip(named("AWS_SECRET_ACCESS_KEY"));
    let files = [file("AWS_SHARED_CREDENTIALS_FILE", "credentials"), file("AWS_CONFIG_FILE", "config")];
    crate::proxy::Aws {
        environment: key.map(|(key, secret)| crate::proxy::Credentials {
            key,
            secret,
            token: named("AWS_SESSION_TOKEN"),
        }),
        files: files.into_iter().flatten().collect(),
        cache: below("cli/cache"),
        profile: named("AWS_PROFILE").unwrap_or_default(),
    }
}

/// The files with further certificates that the user has told agents to trust.
pub fn extra_roots() -> Vec<std::path::PathBuf> {
    named("NODE_EXTRA_CA_CERTS").map(std::path::PathBuf::from).into_iter().collect()
}

/// The whole environment, for the child.
pub fn all() -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    std::env::vars_os().collect()
}

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
/// Set by `wrap` beside it: the folder that originals are issued to, wherever the agent and what it starts may go.
pub const HEADROOM_PROJECT: Variable = Variable {
    name: "HEADROOM_PROJECT",
    meaning: "set by `wrap`: the folder whose originals this process may have back",
};
/// No colour.
pub const NO_COLOR: Variable = Variable { name: "NO_COLOR", meaning: "no colour in the output" };
/// Which shell the user has.
pub const SHELL: Variable = Variable { name: "SHELL", meaning: "the shell that a line for the PATH is for" };
/// Where zsh's start-up files lie.
pub const ZDOTDIR: Variable = Variable { name: "ZDOTDIR", meaning: "the folder of zsh's start-up files" };
/// Where fish's start-up file lies.
pub const XDG_CONFIG_HOME: Variable =
    Variable { name: "XDG_CONFIG_HOME", meaning: "the folder of fish's start-up file" };

/// The variables that are headroom's own, in the order `headroom config show` prints them.
pub const OWN: &[Variable] = &[HEADROOM_HOME, HEADROOM, HEADROOM_PROFILE, HEADROOM_PROXY, HEADROOM_PROJECT];

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

/// The files with further certificates that the user has told agents to trust.
pub fn extra_roots() -> Vec<std::path::PathBuf> {
    named("NODE_EXTRA_CA_CERTS").map(std::path::PathBuf::from).into_iter().collect()
}

/// The whole environment, for the child.
pub fn all() -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    std::env::vars_os().collect()
}

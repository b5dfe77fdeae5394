//! What only code can say about Claude Code: where it reads its settings and policies, and which of them win.
//!
//! Reads; never writes. From the highest: managed policy, `--settings`, the
//! project's local and shared files, the user's file, the process environment.
//! *Invariant:* a file of the project's never decides where requests go.

use super::environment::{Environment, with_loopback};
use super::json::strings_under;
use super::plan::{Around, Findings, Source, Trust};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Reads Claude Code's settings as they hold for this launch; `given` is the user's own `--settings`, read.
pub fn look(around: &Around, given: Option<&Value>, arguments: &Arguments<'_>) -> Findings {
    let folder = config_folder(around);
    let sources = arguments.value("--setting-sources").unwrap_or_else(|| "user,project,local".to_owned());
    let reads = |name: &str| sources.split(',').any(|source| source.trim() == name);

    let mut found = Findings::default();
    let policy = Policy::read(&around.policies, folder.as_deref());
    found.no_tool = policy.no_tool();
    let mut take = |said: &str, trust: Trust, settings: Option<&Value>| {
        found.sources.push(Source {
            said: said.to_owned(),
            trust,
            variables: settings.map(|settings| strings_under(settings, "env")).unwrap_or_default(),
        });
        if found.no_tool.is_none() && settings.is_some_and(leaves_no_tool) {
            found.no_tool = Some(format!("{said} does not allow headroom_retrieve"));
        }
    };
    take("your administrator's policy", Trust::Policy, policy.settings.as_ref());
    take("--settings", Trust::User, given);
    for (name, file) in [("local", "settings.local.json"), ("project", "settings.json")] {
        let path = around.folder.join(".claude").join(file);
        // In the home folder itself the "project" is the user's own configuration.
        if reads(name) && path.parent() != folder.as_deref() {
            take(&format!(".claude/{file} of this project"), Trust::Repository, read(&path).as_ref());
        }
    }
    let own = folder.map(|folder| folder.join("settings.json")).filter(|_| reads("user"));
    take("your settings.json", Trust::User, own.and_then(|path| read(&path)).as_ref());
    found
}

/// What the merged `--settings` has to hold so that our loopback address is asked directly, when a settings file says
/// something about proxies: such a file wins over the process environment.
pub fn loopback_settings(found: &Findings, environment: &Environment) -> Option<Value> {
    const PROXIES: [&str; 8] = [
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
    ];
    let in_a_file = PROXIES.iter().any(|name| found.sources.iter().any(|source| source.get(name).is_some()));
    let list = |name: &str| {
        let said = found.sources.iter().find_map(|source| source.get(name));
        with_loopback(said.or_else(|| environment.get(name)).unwrap_or_default())
    };
    in_a_file.then(|| json!({"env": {"NO_PROXY": list("NO_PROXY"), "no_proxy": list("no_proxy")}}))
}

/// Whether tool search may be kept on towards `upstream`: at the provider's own, and at what runs on this machine.
///
/// The client itself leaves it off towards a foreign gateway, which may not know the blocks that it needs.
pub fn keeps_tool_search(upstream: &str) -> bool {
    let rest = upstream.split_once("://").map_or(upstream, |(_, rest)| rest);
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.split(']').next())
        .unwrap_or_else(|| host.split(':').next().unwrap_or_default());
    host == "api.anthropic.com" || host == "localhost" || host == "::1" || host.starts_with("127.")
}

/// Where Claude Code's managed policies lie on this system.
pub fn policy_folders() -> Vec<PathBuf> {
    if cfg!(target_os = "macos") {
        vec![PathBuf::from("/Library/Application Support/ClaudeCode")]
    } else {
        vec![PathBuf::from("/etc/claude-code")]
    }
}

/// The user's arguments, to look flags up in.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a>(pub &'a [std::ffi::OsString]);

impl Arguments<'_> {
    /// The value of a flag, from `--flag value` or `--flag=value`; the last one counts.
    fn value(&self, flag: &str) -> Option<String> {
        let words: Vec<&str> = self
            .0
            .iter()
            .map(|word| word.to_str().unwrap_or_default())
            .take_while(|word| *word != "--")
            .collect();
        let mut found = None;
        for (at, word) in words.iter().enumerate() {
            if *word == flag {
                found = words.get(at + 1).map(|value| (*value).to_owned());
            } else if let Some(value) = word.strip_prefix(flag).and_then(|rest| rest.strip_prefix('=')) {
                found = Some(value.to_owned());
            }
        }
        found
    }
}

/// What an administrator has laid down.
#[derive(Debug, Default)]
struct Policy {
    settings: Option<Value>,
    own_servers: bool,
}

impl Policy {
    /// Reads the policies of this machine, and those that the administrator's server has left in `config`.
    fn read(folders: &[PathBuf], config: Option<&Path>) -> Policy {
        let mut policy = Policy::default();
        let mut files = Vec::new();
        files.extend(config.map(|folder| folder.join("remote-settings.json")));
        for folder in folders {
            policy.own_servers |= folder.join("managed-mcp.json").exists();
            files.push(folder.join("managed-settings.json"));
            let parts = std::fs::read_dir(folder.join("managed-settings.d"));
            let mut parts: Vec<PathBuf> =
                parts.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
            parts.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
            parts.sort();
            files.extend(parts);
        }
        for settings in files.iter().filter_map(|path| read(path)) {
            match &mut policy.settings {
                Some(there) => super::json::merge(there, &settings),
                None => policy.settings = Some(settings),
            }
        }
        policy
    }

    /// Why the retrieval tool can't be handed over under this policy, as far as only a policy can say so.
    fn no_tool(&self) -> Option<String> {
        if self.own_servers {
            return Some("your administrator chooses the MCP servers".to_owned());
        }
        let on = |key: &&str| self.settings.as_ref().is_some_and(|settings| settings[*key] == true);
        let forbidden = ["disableSideloadFlags", "allowManagedPermissionRulesOnly"].iter().any(on);
        forbidden.then(|| "your administrator's policy does not allow headroom_retrieve".to_owned())
    }
}

/// True when these settings forbid our tool or its server, or have it asked for each time.
fn leaves_no_tool(settings: &Value) -> bool {
    let rules = |place: &str| settings.pointer(place).and_then(Value::as_array).into_iter().flatten();
    let ruled_out = ["/permissions/deny", "/permissions/ask"]
        .iter()
        .any(|place| rules(place).filter_map(Value::as_str).any(names_our_tool));
    let ours = |entry: &Value| entry["serverName"] == "headroom";
    let not_allowed = settings["allowedMcpServers"].is_array() && !rules("/allowedMcpServers").any(ours);
    ruled_out || not_allowed || rules("/deniedMcpServers").any(ours)
}

/// True for a permission rule or a tool name that covers the retrieval tool.
pub fn names_our_tool(rule: &str) -> bool {
    let rule = rule.split('(').next().unwrap_or_default().trim();
    ["*", "mcp__*", "mcp__headroom", "mcp__headroom__*", "mcp__headroom__headroom_retrieve"].contains(&rule)
}

fn config_folder(around: &Around) -> Option<PathBuf> {
    let own = around.environment.get("CLAUDE_CONFIG_DIR").map(PathBuf::from);
    own.or_else(|| Some(around.home.as_ref()?.join(".claude")))
}

/// A settings file; `None` when it is not there or says nothing that can be read: then it says nothing to the client
/// either.
fn read(path: &Path) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

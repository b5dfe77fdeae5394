//! Traces of others between the agent and the provider: gateways, proxies, hooks, aliases.
//!
//! Reads a bounded part of files that the user has; says what is there and judges nothing.

use super::line::Line;
use crate::agent::definition::Agent;
use crate::agent::environment::Environment;
use crate::agent::masked;
use crate::agent::peek;
use crate::cli::wrap::is_a_headroom;
use std::io::Read;
use std::path::Path;

/// What is known by a word of its own: the word, and what people call it.
const KNOWN: &[(&str, &str)] = &[
    ("rtk", "RTK"),
    ("lean-ctx", "lean-ctx"),
    ("leanctx", "lean-ctx"),
    ("caveman", "caveman"),
    ("context-mode", "context-mode"),
    ("headroom-ai", "headroom-ai"),
    ("headroom_ai", "headroom-ai"),
    ("claude-code-router", "claude-code-router"),
    ("ccr", "claude-code-router"),
    ("litellm", "LiteLLM"),
    ("llmtrim", "llmtrim"),
];

/// Files in which others hook themselves in.
const HOOKED: &[&str] = &[
    ".claude/settings.json",
    ".claude/settings.local.json",
    ".claude/CLAUDE.md",
    ".codex/config.toml",
    ".codex/hooks.json",
    ".codex/AGENTS.md",
    ".gemini/settings.json",
    ".gemini/GEMINI.md",
    ".qwen/settings.json",
    ".config/opencode/opencode.json",
    ".config/opencode/opencode.jsonc",
    ".config/opencode/AGENTS.md",
];

/// Start-up files of shells.
const SHELLS: &[&str] = &[
    ".bashrc",
    ".bash_profile",
    ".bash_aliases",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".config/fish/config.fish",
];

/// Bytes of a file that are looked at.
const LONGEST: u64 = 1 << 20;

/// What is in the chain of this agent.
pub(super) fn look(
    agent: &Agent,
    upstream: Option<&str>,
    home: Option<&Path>,
    environment: &Environment,
) -> Vec<Line> {
    let mut lines = Vec::new();
    lines.extend(upstream.and_then(gateway));
    lines.extend(outbound(environment));
    if let Some(home) = home {
        lines.extend(hooks(home));
        lines.extend(servers(home));
        lines.extend(aliases(agent, home));
    }
    if lines.is_empty() {
        lines.push(Line::green("chain", "nothing else was found between the agent and the provider"));
    }
    lines
}

/// A program on this machine that requests go on to.
fn gateway(upstream: &str) -> Option<Line> {
    let host = upstream.split("://").nth(1)?.split('/').next()?.rsplit('@').next()?;
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let numbered = name
        .parse::<std::net::Ipv4Addr>()
        .is_ok_and(|address| address.is_loopback() || address.is_unspecified());
    let here = numbered || matches!(name, "localhost" | "[::1]");
    let shown = masked::url(upstream);
    if !here {
        return None;
    }
    Some(match is_a_headroom(upstream) {
        true => Line::red(
            "chain",
            format_args!("requests go on to {shown}, which is a headroom too: everything passes two of them"),
            "end the other one, or run the agent without `headroom wrap`",
        ),
        false => Line::unknown(
            "chain",
            format_args!(
                "requests go on to {shown}, a program on this machine: what it changes can't be seen from here"
            ),
            "if it is a gateway of yours (LiteLLM, claude-code-router), all is well; another optimizer would shorten twice",
        ),
    })
}

/// A proxy of the user's before the outside world.
fn outbound(environment: &Environment) -> Option<Line> {
    let (name, value) = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .into_iter()
        .find_map(|name| Some((name, environment.get(name)?)))?;
    Some(Line::green("proxy", format_args!("{name} is honoured: {}", masked::url(value))))
}

/// Optimizers that are named in the agents' settings.
fn hooks(home: &Path) -> Vec<Line> {
    let mut lines = Vec::new();
    for file in HOOKED {
        let text = beginning(&home.join(file));
        let mut names: Vec<&str> =
            KNOWN.iter().filter(|(word, _)| has_word(&text, word)).map(|(_, name)| *name).collect();
        if text.contains("<!-- headroom:") {
            names.push("headroom-ai");
        }
        names.dedup();
        if !names.is_empty() {
            lines.push(Line::unknown(
                "chain",
                format_args!("~/{file} names {}", names.join(", ")),
                "of two optimizers one is enough: outputs that were shortened once are hardly made shorter, and cost twice",
            ));
        }
    }
    lines
}

/// Servers of others that Claude Code is told of.
fn servers(home: &Path) -> Option<Line> {
    let servers = peek::value(&home.join(".claude.json"), &["mcpServers".to_owned()])?;
    let names: Vec<&String> = servers
        .as_object()?
        .keys()
        .filter(|name| *name == "headroom" || KNOWN.iter().any(|(word, _)| has_word(name, word)))
        .collect();
    let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    (!names.is_empty()).then(|| {
        Line::unknown(
            "chain",
            format_args!("~/.claude.json has MCP servers of other optimizers: {}", names.join(", ")),
            "their tools are in every prompt; `claude mcp remove NAME` takes one out",
        )
    })
}

/// What a shell makes of the agent's name or its base URL.
fn aliases(agent: &Agent, home: &Path) -> Vec<Line> {
    let mut lines = Vec::new();
    for file in SHELLS {
        let text = beginning(&home.join(file));
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            let alias = line
                .strip_prefix("alias ")
                .map(str::trim_start)
                .and_then(|rest| rest.strip_prefix(agent.binary.as_str()));
            let alias = alias.is_some_and(|rest| rest.starts_with(['=', ' ']));
            let variable =
                agent.upstream.variables.iter().find(|name| !line.starts_with('#') && has_word(line, name));
            let place = format!("~/{file}:{}", at + 1);
            if alias && !line.contains("headroom") {
                lines.push(Line::unknown(
                    "chain",
                    format_args!("{place} makes an alias of {}", agent.binary),
                    "an alias wins over the PATH, and so over a launcher; `headroom wrap` does not see it",
                ));
            }
            if let Some(name) = variable {
                lines.push(Line::unknown(
                    "chain",
                    format_args!("{place} sets {name}"),
                    "headroom takes it for the upstream; see the line `upstream`",
                ));
            }
        }
    }
    lines
}

/// The beginning of a file; empty when it can't be read.
fn beginning(path: &Path) -> String {
    let mut bytes = Vec::new();
    // A pipe of that name would hold us.
    if path.is_file()
        && let Ok(file) = std::fs::File::open(path)
    {
        let _ = file.take(LONGEST).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether the word stands in the text, in any case, with nothing of a word around it.
fn has_word(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_lowercase(), word.to_lowercase());
    let part = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    text.match_indices(&word)
        .any(|(at, _)| !part(text[..at].chars().next_back()) && !part(text[at + word.len()..].chars().next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_only_with_nothing_of_a_word_around_it() {
        for (text, there) in [
            ("~/.claude/hooks/rtk-rewrite.sh", true),
            ("\"command\": \"RTK hook\"", true),
            ("partk", false),
            ("rtkx", false),
            ("", false),
        ] {
            assert_eq!(has_word(text, "rtk"), there, "{text}");
        }
    }

    #[test]
    fn only_a_program_on_this_machine_is_a_gateway() {
        for (url, here) in [
            ("http://localhost:4000/v1", true),
            ("http://127.0.0.1:9", true),
            ("https://api.anthropic.com", false),
            ("https://127.example.com", false),
            ("", false),
        ] {
            assert_eq!(gateway(url).is_some(), here, "{url}");
        }
    }
}

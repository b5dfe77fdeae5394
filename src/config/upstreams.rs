//! Where each upstream is: flag > `HEADROOM_UPSTREAM_NAME` > the user's file > what the user's agents
//! were told by their own variables > the vendor's public address.

use super::{ConfigError, Entry, Given, Origin, PROXY_UPSTREAM, Setting, env};
use crate::proxy::VENDORS;
use std::collections::BTreeMap;
use std::path::Path;

/// An upstream with a name, as in `/@NAME/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedUpstream {
    /// Small letters, digits and `-`.
    pub name: String,
    /// Its URL, and who said so; empty: nothing is sent there.
    pub url: Setting<String>,
}

/// Everything that was said about upstreams, each list with its own rank.
pub(super) struct Said<'a> {
    /// `NAME=URL`, as typed.
    pub flags: &'a [String],
    /// Name and value of the variables that begin with [`env::UPSTREAM_PREFIX`].
    pub variables: &'a [(String, String)],
    /// What stands under `[upstreams]`, with its line.
    pub file: &'a [(String, Given, usize)],
    /// Where the file lies.
    pub path: &'a Path,
    /// Looks up a variable of the user's agents.
    pub variable: &'a dyn Fn(env::Variable) -> Option<String>,
    /// Where the proxy will listen; 0: nobody knows yet.
    pub port: u16,
}

/// The vendors in their order, then the user's own by name.
pub(super) fn resolve(said: &Said<'_>) -> Result<Vec<NamedUpstream>, ConfigError> {
    let mut known: BTreeMap<String, Setting<String>> = BTreeMap::new();
    for vendor in VENDORS {
        let public = || Setting { value: vendor.default.to_owned(), origin: Origin::Default };
        known.insert(vendor.name.to_owned(), theirs(vendor.name, said).unwrap_or_else(public));
    }
    for (name, given, line) in said.file {
        let origin = Origin::File { path: said.path.to_owned(), line: *line };
        enter(&mut known, name, given, origin)?;
    }
    for (variable, value) in said.variables {
        let name = variable.strip_prefix(env::UPSTREAM_PREFIX).unwrap_or(variable);
        let name = name.to_ascii_lowercase().replace('_', "-");
        enter(&mut known, &name, &Given::Text(value.clone()), Origin::Environment(variable.clone().into()))?;
    }
    for typed in said.flags {
        let (name, url) = typed.split_once('=').unwrap_or((typed, ""));
        enter(&mut known, name, &Given::Text(url.to_owned()), Origin::Flag("--upstream"))?;
    }
    let mut upstreams: Vec<NamedUpstream> =
        known.into_iter().map(|(name, url)| NamedUpstream { name, url }).collect();
    let rank = |name: &str| VENDORS.iter().position(|vendor| vendor.name == name).unwrap_or(usize::MAX);
    upstreams.sort_by_key(|upstream| rank(&upstream.name));
    Ok(upstreams)
}

impl NamedUpstream {
    /// The entry for `headroom config show`.
    pub(super) fn entry(&self) -> Entry {
        Entry {
            key: format!("upstreams.{}", self.name),
            value: self.url.value.clone().into(),
            origin: self.url.origin.clone(),
            meaning: if self.is_a_vendors() {
                "where this vendor's paths go"
            } else {
                "where `/@NAME/` goes"
            },
        }
    }

    /// True when its name is a vendor's.
    pub fn is_a_vendors(&self) -> bool {
        VENDORS.iter().any(|vendor| vendor.name == self.name)
    }

    /// The public address of the vendor; empty when there is none.
    pub fn vendors_own(&self) -> &'static str {
        VENDORS.iter().find(|vendor| vendor.name == self.name).map_or("", |vendor| vendor.default)
    }

    /// True when it is what an agent of the user's was told, and not said to headroom.
    pub fn is_an_agents(&self) -> bool {
        matches!(&self.url.origin, Origin::Environment(name) if !name.starts_with(env::UPSTREAM_PREFIX))
    }
}

/// What is longer is no name.
const LONGEST_NAME: usize = 40;

fn enter(
    known: &mut BTreeMap<String, Setting<String>>,
    name: &str,
    given: &Given,
    origin: Origin,
) -> Result<(), ConfigError> {
    let letters = name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-');
    if name.is_empty() || LONGEST_NAME < name.len() || !letters || name.starts_with('-') {
        return Err(ConfigError::UpstreamName { place: origin.to_string(), name: name.to_owned() });
    }
    let Some(url) = (PROXY_UPSTREAM.read)(given) else {
        return Err(ConfigError::BadValue {
            place: origin.to_string(),
            key: format!("upstreams.{name}"),
            value: given.to_string(),
            allowed: PROXY_UPSTREAM.allowed,
        });
    };
    known.insert(name.to_owned(), Setting { value: url.unwrap_or_default(), origin });
    Ok(())
}

/// What the user's agents were told about a vendor, unless that is a headroom. A URL that can't be
/// used here gives an empty one: what was meant for somewhere else must not go to the vendor.
fn theirs(vendor: &str, said: &Said<'_>) -> Option<Setting<String>> {
    let mut told = env::AGENTS.iter().filter(|agents| agents.vendor == vendor);
    told.find_map(|agents| {
        let value = (said.variable)(agents.variable)?;
        let origin = Origin::Environment(agents.variable.name.into());
        let url = || url_of(agents, &value).unwrap_or_default();
        (!is_a_headroom(&value, said)).then(|| Setting { value: url(), origin })
    })
}

/// The URL to which the vendor's paths can be added.
fn url_of(agents: &env::Agents, value: &str) -> Option<String> {
    use env::Holds;
    let plain = |text: &str| text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
    let url = match agents.holds {
        Holds::Url { may_end } => {
            let url = value.trim_end_matches('/');
            url.strip_suffix(may_end).unwrap_or(url).to_owned()
        }
        Holds::UrlThatEnds { in_ } => value.trim_end_matches('/').strip_suffix(in_)?.to_owned(),
        Holds::PartOf { before, after } if plain(value) => format!("{before}{value}{after}"),
        Holds::PartOf { .. } => return None,
    };
    (PROXY_UPSTREAM.read)(&Given::Text(url)).flatten()
}

/// True when a URL leads to the proxy around this process, or to the one that is about to start.
fn is_a_headroom(url: &str, said: &Said<'_>) -> bool {
    let around = (said.variable)(env::HEADROOM_PROXY);
    if around.is_some_and(|around| url.starts_with(around.trim_end_matches('/'))) {
        return true;
    }
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let Some((host, port)) = authority.rsplit_once(':') else { return false };
    said.port != 0
        && port.parse() == Ok(said.port)
        && matches!(host, "localhost" | "127.0.0.1" | "[::1]" | "0.0.0.0")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is resolved when the agents' variables are these and the proxy listens at 8787.
    fn told(variables: &'static [(&'static str, &'static str)]) -> BTreeMap<String, (String, String)> {
        let variable = |wanted: env::Variable| {
            let found = variables.iter().find(|(name, _)| *name == wanted.name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let said = Said {
            flags: &[],
            variables: &[],
            file: &[],
            path: Path::new("/h/config.toml"),
            variable: &variable,
            port: 8787,
        };
        let all = resolve(&said).unwrap();
        all.into_iter().map(|it| (it.name, (it.url.value, it.url.origin.to_string()))).collect()
    }

    #[test]
    fn what_the_users_agents_were_told_is_taken_over() {
        let cases: &[(&str, &str, &str, &str)] = &[
            ("ANTHROPIC_BASE_URL", "https://gate.test/a/", "anthropic", "https://gate.test/a"),
            ("ANTHROPIC_BASE_URL", "https://gate.test/v1", "anthropic", "https://gate.test"),
            ("OPENAI_BASE_URL", "https://gate.test/x/v1/", "openai", "https://gate.test/x"),
            ("OPENAI_API_BASE", "http://127.0.0.1:11434/v1", "openai", "http://127.0.0.1:11434"),
            // Its paths can't be joined to ours; and to OpenAI itself they must not go.
            ("OPENAI_BASE_URL", "https://api.deepseek.test", "openai", ""),
            ("GOOGLE_GEMINI_BASE_URL", "https://gate.test", "gemini", "https://gate.test"),
            ("CODE_ASSIST_ENDPOINT", "https://gate.test", "code-assist", "https://gate.test"),
            ("GOOGLE_VERTEX_BASE_URL", "https://gate.test", "vertex", "https://gate.test"),
            ("ANTHROPIC_VERTEX_BASE_URL", "https://gate.test/v1", "vertex", "https://gate.test"),
            ("CLOUD_ML_REGION", "us-east5", "vertex", "https://us-east5-aiplatform.googleapis.com"),
            ("AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com/", "azure", "https://r.openai.azure.com"),
            ("ANTHROPIC_FOUNDRY_BASE_URL", "https://r.test/anthropic", "foundry", "https://r.test"),
            ("ANTHROPIC_FOUNDRY_RESOURCE", "r", "foundry", "https://r.services.ai.azure.com"),
            ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "https://vpce.test", "bedrock", "https://vpce.test"),
            ("AWS_REGION", "eu-west-1", "bedrock", "https://bedrock-runtime.eu-west-1.amazonaws.com"),
            ("AWS_REGION", "evil.example/", "bedrock", ""),
        ];
        for (variable, value, vendor, url) in cases {
            let variables: &'static [(&'static str, &'static str)] =
                Box::leak(Box::new([(*variable, *value)]));
            let got = &told(variables)[*vendor];
            assert_eq!(*got, ((*url).to_owned(), format!("${variable}")), "{variable}={value}");
        }
    }

    #[test]
    fn a_headroom_is_nobodys_upstream() {
        let own = told(&[
            ("ANTHROPIC_BASE_URL", "http://127.0.0.1:8787"),
            ("OPENAI_BASE_URL", "http://localhost:8787/v1"),
        ]);
        assert_eq!(own["anthropic"], ("https://api.anthropic.com".into(), "default".into()));
        assert_eq!(own["openai"], ("https://api.openai.com".into(), "default".into()));
        let around = told(&[
            ("HEADROOM_PROXY", "http://127.0.0.1:1/s"),
            ("ANTHROPIC_BASE_URL", "http://127.0.0.1:1/s"),
            ("OPENAI_BASE_URL", "http://127.0.0.1:1/s/@openai/v1"),
        ]);
        assert_eq!(around["anthropic"].1, "default");
        assert_eq!(around["openai"].1, "default");
        assert_eq!(told(&[("AWS_REGION", "")])["vertex"], (String::new(), "default".into()));
    }

    #[test]
    fn a_flag_beats_a_variable_which_beats_the_file_which_beats_the_agents_own() {
        let text = |url: &str| Given::Text(url.to_owned());
        let file = [
            ("anthropic".to_owned(), text("https://file.test"), 3),
            ("deepseek".to_owned(), text("https://file.test/d/"), 4),
            ("openai".to_owned(), text(""), 5),
        ];
        let variables = [
            ("HEADROOM_UPSTREAM_ANTHROPIC".to_owned(), "https://variable.test".to_owned()),
            ("HEADROOM_UPSTREAM_CODE_ASSIST".to_owned(), "https://variable.test".to_owned()),
        ];
        let flags = ["anthropic=https://flag.test/".to_owned()];
        let said = Said {
            flags: &flags,
            variables: &variables,
            file: &file,
            path: Path::new("/h/config.toml"),
            variable: &|variable| {
                (variable.name == "ANTHROPIC_BASE_URL").then(|| "https://agent.test".into())
            },
            port: 0,
        };
        let all = resolve(&said).unwrap();
        let shown: Vec<String> = all
            .iter()
            .filter(|it| it.url.origin != Origin::Default)
            .map(|it| format!("{} = {:?} ({})", it.name, it.url.value, it.url.origin))
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        anthropic = "https://flag.test" (--upstream)
        openai = "" (/h/config.toml:5)
        code-assist = "https://variable.test" ($HEADROOM_UPSTREAM_CODE_ASSIST)
        deepseek = "https://file.test/d" (/h/config.toml:4)
        "#);
    }

    #[test]
    fn a_slip_is_named_with_its_place() {
        let bad = |flags: &[&str], variables: &[(&str, &str)]| {
            let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
            let variables: Vec<_> =
                variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let said = Said {
                flags: &flags,
                variables: &variables,
                file: &[],
                path: Path::new("/h"),
                variable: &|_| None,
                port: 0,
            };
            resolve(&said).unwrap_err().to_string()
        };
        assert_eq!(
            bad(&["Deep_Seek=https://x.test"], &[]),
            "--upstream: `Deep_Seek` can't name an upstream; use small letters, digits and `-`, at most 40"
        );
        assert_eq!(
            bad(&["deepseek=api.deepseek.test"], &[]),
            "--upstream: `api.deepseek.test` can't be the value of `upstreams.deepseek`; allowed: an http or https URL, or \"\""
        );
        assert_eq!(
            bad(&[], &[("HEADROOM_UPSTREAM_X", "ftp://x")]),
            "$HEADROOM_UPSTREAM_X: `ftp://x` can't be the value of `upstreams.x`; allowed: an http or https URL, or \"\""
        );
    }
}

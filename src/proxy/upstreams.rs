//! Which upstream a request goes to.
//!
//! All of them are fixed before the first request comes. A path chooses among
//! them: by a name that stands first in it (`/@openai/v1/…`), else all go to the
//! one that is pinned, else by the vendor whose path it is. *Invariant:* no
//! request reaches an upstream of another vendor; what leads nowhere is a 404.
//!
//! | the path begins with | vendor |
//! |---|---|
//! | `/v1/messages`, `/v1/complete`, `/v1/organizations`, `/v1/skills` | `anthropic` |
//! | `/v1/chat`, `/v1/responses`, `/v1/completions`, `/v1/embeddings`, … | `openai` |
//! | `/v1/models`, `/v1/files` | `anthropic` with the header `anthropic-version`, `openai` with a mark of OpenAI's |
//! | `/v1beta`, `/v1alpha`, `/upload/v1beta`, `/v1/models/MODEL:VERB` | `gemini` |
//! | `/v1internal` | `code-assist` |
//! | `/v1/projects`, `/v1beta1` | `vertex` |
//! | `/openai` | `azure` |
//! | `/anthropic` | `foundry` |
//! | `/model/MODEL/VERB`, `/async-invoke` | `bedrock` |
//! | `/backend-api` | `chatgpt` |

use super::ProxyError;
use super::connect::Outbound;
use super::route;
use super::upstream::Upstream;
use crate::wire::Wire;
use hyper::header::{AUTHORIZATION, HeaderMap};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where requests may go, as the user has configured it.
#[derive(Clone, Debug, Default)]
pub struct Upstreams {
    /// The URL that everything goes to which names no other; `None`: the path tells the vendor.
    pub pinned: Option<String>,
    /// Further ones, or one for each vendor: name and URL. The vendors' names are those of [`VENDORS`].
    pub named: BTreeMap<String, String>,
}

impl Upstreams {
    /// Everything goes to one URL.
    pub fn only(url: impl Into<String>) -> Upstreams {
        Upstreams { pinned: Some(url.into()), named: BTreeMap::new() }
    }
}

/// A vendor: the name of its upstream, and where that is when nobody says otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Vendor {
    /// As in `--upstream NAME=URL`, in the config file and in `/@NAME/`.
    pub name: &'static str,
    /// Its public address; empty when there is none that holds for everybody.
    pub default: &'static str,
}

/// The vendors whose paths are known.
pub const VENDORS: &[Vendor] = &[
    Vendor { name: ANTHROPIC, default: "https://api.anthropic.com" },
    Vendor { name: OPENAI, default: "https://api.openai.com" },
    Vendor { name: CHATGPT, default: "https://chatgpt.com" },
    Vendor { name: GEMINI, default: "https://generativelanguage.googleapis.com" },
    Vendor { name: CODE_ASSIST, default: "https://cloudcode-pa.googleapis.com" },
    Vendor { name: VERTEX, default: "" },
    Vendor { name: AZURE, default: "" },
    Vendor { name: FOUNDRY, default: "" },
    Vendor { name: BEDROCK, default: "" },
];

const ANTHROPIC: &str = "anthropic";
const OPENAI: &str = "openai";
const CHATGPT: &str = "chatgpt";
const GEMINI: &str = "gemini";
const CODE_ASSIST: &str = "code-assist";
const VERTEX: &str = "vertex";
const AZURE: &str = "azure";
const FOUNDRY: &str = "foundry";
pub(super) const BEDROCK: &str = "bedrock";

/// The upstreams of a running proxy.
pub(super) struct Ways {
    pinned: Option<Upstream>,
    named: BTreeMap<String, Upstream>,
}

impl Ways {
    /// Opens nothing yet; checks every URL.
    ///
    /// # Errors
    /// [`ProxyError::Upstream`].
    pub(super) fn to(
        upstreams: &Upstreams,
        outbound: &Outbound,
        extra_roots: &[PathBuf],
    ) -> Result<Ways, ProxyError> {
        let at = |url: &String| Upstream::at(url, outbound.clone(), extra_roots.to_vec());
        let named = upstreams.named.iter().map(|(name, url)| Ok((name.clone(), at(url)?)));
        Ok(Ways {
            pinned: upstreams.pinned.as_ref().map(at).transpose()?,
            named: named.collect::<Result<_, _>>()?,
        })
    }

    /// The upstream that is the port `port` of this machine, if any is.
    pub(super) fn here(&self, port: u16) -> bool {
        self.all().any(|upstream| upstream.is_here(port))
    }

    /// Reads the certificates of what is likely to be asked first.
    pub(super) fn warm(&self) {
        self.pinned.iter().for_each(Upstream::warm);
    }

    /// The upstream of a request, and its path and query there.
    ///
    /// # Errors
    /// [`NoWay`] when it leads nowhere.
    pub(super) fn choose<'a>(
        &self,
        target: &'a str,
        headers: &HeaderMap,
    ) -> Result<(&Upstream, &'a str), NoWay> {
        if let Some(rest) = target.strip_prefix("/@") {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let name = &rest[..end];
            let named = self.named.get(name).ok_or_else(|| NoWay::NotNamed {
                name: name.chars().take(40).collect(),
                known: self.named.keys().cloned().collect(),
            })?;
            return Ok((named, &rest[end..]));
        }
        if let Some(pinned) = &self.pinned {
            return Ok((pinned, target));
        }
        let vendor = vendor_of(target, headers)?;
        // One resource of Azure's may be both.
        let upstream = self.named.get(vendor).or_else(|| self.named.get(AZURE).filter(|_| vendor == FOUNDRY));
        upstream.map(|upstream| (upstream, target)).ok_or(NoWay::NotSet { vendor })
    }

    fn all(&self) -> impl Iterator<Item = &Upstream> {
        self.pinned.iter().chain(self.named.values())
    }
}

/// Why a request leads nowhere.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoWay {
    /// It begins with `/@NAME` and there is no such upstream.
    #[error("no upstream is named `{name}`; there are: {}", .known.join(", "))]
    NotNamed {
        /// What it named, cut to a length.
        name: String,
        /// What it could have named.
        known: Vec<String>,
    },
    /// The vendor has no address that holds for everybody, and the user gave none.
    #[error(
        "this path is {vendor}'s, and no upstream is set for {vendor}; set it with `--upstream {vendor}=URL`, the \
         variable {}, or in config.toml under [upstreams]",
        variable_of(.vendor)
    )]
    NotSet {
        /// Whose path it is.
        vendor: &'static str,
    },
    /// Two vendors have this path.
    #[error(
        "{one} and {other} both have this path; name the one you mean: begin the path with `/@{one}` or `/@{other}`"
    )]
    Either {
        /// One of them.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
    /// No vendor has this path.
    #[error(
        "this path is no vendor's that is known here; begin it with `/@NAME`, where NAME is one of your upstreams, or \
         start the proxy with `--upstream URL`"
    )]
    Nobodys,
}

/// The variable that sets the upstream `name`.
pub fn variable_of(name: &str) -> String {
    format!("HEADROOM_UPSTREAM_{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// The vendor whose path this is.
fn vendor_of(target: &str, headers: &HeaderMap) -> Result<&'static str, NoWay> {
    let path = route::path_of(target);
    if !route::is_plain(path) {
        return Err(NoWay::Nobodys);
    }
    let mut segments = path.strip_prefix('/').ok_or(NoWay::Nobodys)?.split('/');
    let mut next = || segments.next().unwrap_or_default();
    let (first, second, third) = (next(), next(), next());
    match (first, second) {
        ("v1", "models") if third.contains(':') => Ok(GEMINI),
        ("v1", "models" | "files") => marked(headers),
        ("v1", "messages" | "complete" | "organizations" | "skills") => Ok(ANTHROPIC),
        ("v1", name) if OPENAIS.contains(&name) => Ok(OPENAI),
        ("v1", "projects" | "publishers") | ("v1beta1", _) => Ok(VERTEX),
        ("v1beta" | "v1alpha", _) | ("upload", "v1beta" | "v1alpha") => Ok(GEMINI),
        (name, _) if name == "v1internal" || name.starts_with("v1internal:") => Ok(CODE_ASSIST),
        ("openai", _) => Ok(AZURE),
        ("anthropic", _) => Ok(FOUNDRY),
        ("model", name) if !name.is_empty() => Ok(BEDROCK),
        ("async-invoke", _) => Ok(BEDROCK),
        ("backend-api", _) => Ok(CHATGPT),
        _ => Err(NoWay::Nobodys),
    }
}

/// How the vendor whose path this is says its errors, where that is known.
pub(super) fn speech(target: &str, headers: &HeaderMap) -> Option<Wire> {
    match vendor_of(target, headers).ok()? {
        OPENAI | CHATGPT | AZURE => Some(Wire::OpenAiChat),
        GEMINI | CODE_ASSIST | VERTEX => Some(Wire::Gemini),
        ANTHROPIC | FOUNDRY => Some(Wire::Anthropic),
        _ => None,
    }
}

/// What stands behind `/v1/` in OpenAI's API and in no other vendor's (its API reference, 2026).
const OPENAIS: &[&str] = &[
    "assistants",
    "audio",
    "batches",
    "chat",
    "completions",
    "containers",
    "conversations",
    "embeddings",
    "evals",
    "fine_tuning",
    "images",
    "moderations",
    "organization",
    "realtime",
    "responses",
    "threads",
    "uploads",
    "vector_stores",
    "videos",
];

/// Tells two vendors apart that have the same path: Anthropic demands a header that is its own;
/// OpenAI's newer keys and its optional headers are marked.
fn marked(headers: &HeaderMap) -> Result<&'static str, NoWay> {
    if headers.contains_key("anthropic-version") {
        return Ok(ANTHROPIC);
    }
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = bearer.strip_prefix("Bearer ").unwrap_or_default();
    let keyed = ["sk-proj-", "sk-svcacct-", "sk-admin-"].iter().any(|mark| key.starts_with(mark));
    if keyed || headers.keys().any(|name| name.as_str().starts_with("openai-")) {
        return Ok(OPENAI);
    }
    Err(NoWay::Either { one: ANTHROPIC, other: OPENAI })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One upstream for each vendor, each at a host of its own name.
    fn everybody() -> Ways {
        let named =
            VENDORS.iter().map(|vendor| (vendor.name.to_owned(), format!("http://{}.test", vendor.name)));
        ways(Upstreams { pinned: None, named: named.collect() })
    }

    fn ways(upstreams: Upstreams) -> Ways {
        Ways::to(&upstreams, &Outbound::default(), &[]).unwrap()
    }

    fn host<'a>(ways: &Ways, target: &'a str, headers: &HeaderMap) -> Result<(String, &'a str), NoWay> {
        ways.choose(target, headers).map(|(upstream, target)| (upstream.host().to_owned(), target))
    }

    /// Whose each path is; empty: nobody's.
    const WHOSE: &[(&str, &str)] = &[
        ("/v1/messages", ANTHROPIC),
        ("/v1/messages?beta=true", ANTHROPIC),
        ("/v1/messages/count_tokens", ANTHROPIC),
        ("/v1/messages/batches/b_1/results", ANTHROPIC),
        ("/v1/complete", ANTHROPIC),
        ("/v1/chat/completions", OPENAI),
        ("/v1/responses", OPENAI),
        ("/v1/responses/resp_1/cancel", OPENAI),
        ("/v1/responses/compact", OPENAI),
        ("/v1/embeddings", OPENAI),
        ("/v1/batches", OPENAI),
        ("/v1/realtime?model=x", OPENAI),
        ("/v1beta/models/g:generateContent", GEMINI),
        ("/v1beta/models", GEMINI),
        ("/v1beta/openai/chat/completions", GEMINI),
        ("/v1alpha/models/g:generateContent", GEMINI),
        ("/v1/models/g:generateContent", GEMINI),
        ("/upload/v1beta/files", GEMINI),
        ("/v1internal:streamGenerateContent?alt=sse", CODE_ASSIST),
        ("/v1internal:loadCodeAssist", CODE_ASSIST),
        ("/v1internal/operations/x", CODE_ASSIST),
        ("/v1/projects/p/locations/l/publishers/anthropic/models/c@1:rawPredict", VERTEX),
        ("/v1beta1/publishers/google/models/g:streamGenerateContent", VERTEX),
        ("/openai/deployments/d/chat/completions?api-version=1", AZURE),
        ("/openai/v1/responses", AZURE),
        ("/anthropic/v1/messages", FOUNDRY),
        ("/model/anthropic.claude%3A0/invoke", BEDROCK),
        ("/model/anthropic.claude:0/converse-stream", BEDROCK),
        ("/backend-api/codex/responses", CHATGPT),
        ("", ""),
        ("/", ""),
        ("?x", ""),
        ("/v1", ""),
        ("/v2/messages", ""),
        ("/v1/messagesx", ""),
        ("/v1beta2/models/g:generateContent", ""),
        ("/v1betamax", ""),
        ("/v1internals", ""),
        ("/chat/completions", ""),
        ("/responses", ""),
        ("/model", ""),
        ("/model/", ""),
        ("/V1/messages", ""),
        ("/v1/api/paas", ""),
        ("/api/v1/chat/completions", ""),
        ("//v1/messages", ""),
        ("/v1//messages", ""),
        ("/./v1/messages", ""),
        ("/v1/messages/../chat/completions", ""),
        ("/v1/messages/%2e%2e/%2E./chat/completions", ""),
        ("/v1/messages/..%2fchat/completions", ""),
        ("/v1/messages%2f..%2fchat", ""),
        ("/v1%2fmessages", ""),
        ("/v1/messages/..\\chat", ""),
        ("/openai/..;/v1/messages", ""),
        ("/@", ""),
        ("/@/v1/messages", ""),
        ("/@nobody/v1/messages", ""),
        ("/@Openai/v1/responses", ""),
        ("/%40openai/v1/responses", ""),
        ("/@openai%2fv1/responses", ""),
    ];

    #[test]
    fn a_path_goes_to_the_vendor_that_has_it_and_to_nobody_else() {
        let everybody = everybody();
        for (target, vendor) in WHOSE {
            let got = host(&everybody, target, &HeaderMap::new());
            match vendor.is_empty() {
                true => assert!(got.is_err(), "{target}: {got:?}"),
                false => assert_eq!(got, Ok((format!("{vendor}.test"), *target)), "{target}"),
            }
        }
    }

    #[test]
    fn a_path_that_two_vendors_have_needs_a_mark_of_one() {
        let everybody = everybody();
        for target in ["/v1/models", "/v1/models?limit=1", "/v1/models/m", "/v1/files", "/v1/files/f/content"]
        {
            for (name, value, want) in [
                ("anthropic-version", "2023-06-01", Some(ANTHROPIC)),
                ("authorization", "Bearer sk-proj-1", Some(OPENAI)),
                ("authorization", "Bearer sk-ant-oat-1", None),
                ("authorization", "Bearer sk-or-v1-1", None),
                ("openai-organization", "o", Some(OPENAI)),
                ("x-api-key", "sk-ant-api", None),
                ("accept", "*/*", None),
            ] {
                let mut headers = HeaderMap::new();
                headers.insert(name, value.parse().unwrap());
                let got = host(&everybody, target, &headers);
                match want {
                    Some(vendor) => {
                        assert_eq!(got, Ok((format!("{vendor}.test"), target)), "{name}: {value}")
                    }
                    None => assert_eq!(got, Err(NoWay::Either { one: ANTHROPIC, other: OPENAI }), "{name}"),
                }
            }
        }
    }

    #[test]
    fn a_name_that_stands_first_wins_and_is_taken_off() {
        let ways = ways(Upstreams {
            pinned: Some("http://pinned.test".into()),
            named: [("deepseek".into(), "http://deepseek.test/x".into())].into(),
        });
        let none = HeaderMap::new();
        for (target, upstream, there) in [
            ("/@deepseek/v1/chat/completions", "deepseek.test", "/v1/chat/completions"),
            ("/@deepseek/v1/messages?x=/@a", "deepseek.test", "/v1/messages?x=/@a"),
            ("/@deepseek/@deepseek/x", "deepseek.test", "/@deepseek/x"),
            ("/@deepseek/../x", "deepseek.test", "/../x"),
            ("/@deepseek", "deepseek.test", ""),
            ("/@deepseek?x", "deepseek.test", "?x"),
            ("/v1/models", "pinned.test", "/v1/models"),
            ("/v1/messages/../../admin", "pinned.test", "/v1/messages/../../admin"),
            ("", "pinned.test", ""),
        ] {
            assert_eq!(host(&ways, target, &none), Ok((upstream.to_owned(), there)), "{target}");
        }
        // Not even the pinned one gets what was meant for another.
        let lost = host(&ways, "/@openai/v1/models", &none).unwrap_err();
        assert_eq!(lost.to_string(), "no upstream is named `openai`; there are: deepseek");
    }

    #[test]
    fn what_has_no_address_says_which_setting_is_missing() {
        let none = ways(Upstreams::default());
        let said = host(&none, "/v1internal:generateContent", &HeaderMap::new()).unwrap_err().to_string();
        for word in ["--upstream code-assist=URL", "HEADROOM_UPSTREAM_CODE_ASSIST", "[upstreams]"] {
            assert!(said.contains(word), "{said}");
        }
    }

    #[test]
    fn azure_stands_in_for_foundry() {
        let azure =
            ways(Upstreams { pinned: None, named: [(AZURE.into(), "http://azure.test".into())].into() });
        let got = host(&azure, "/anthropic/v1/messages", &HeaderMap::new());
        assert_eq!(got, Ok(("azure.test".into(), "/anthropic/v1/messages")));
    }

    /// Written down once more, from the other side: what every path of a vendor begins with.
    fn could_be(vendor: &str, path: &str) -> bool {
        let begins = |with: &[&str]| with.iter().any(|start| path.starts_with(start));
        match vendor {
            ANTHROPIC => begins(&[
                "/v1/messages",
                "/v1/complete",
                "/v1/models",
                "/v1/files",
                "/v1/organizations",
                "/v1/skills",
            ]),
            OPENAI => {
                path.starts_with("/v1/")
                    && !begins(&["/v1/messages", "/v1/projects", "/v1/organizations"])
                    // A colon behind a model's name is Gemini's way to say what to do with it.
                    && !(begins(&["/v1/models/"]) && path.contains(':'))
            }
            GEMINI => {
                begins(&["/v1beta/", "/v1alpha/", "/upload/v1beta", "/upload/v1alpha"])
                    || (begins(&["/v1/models/"]) && path.contains(':'))
                    || path == "/v1beta"
                    || path == "/v1alpha"
            }
            CODE_ASSIST => begins(&["/v1internal"]),
            VERTEX => begins(&["/v1/projects", "/v1/publishers", "/v1beta1"]),
            AZURE => begins(&["/openai"]),
            FOUNDRY => begins(&["/anthropic"]),
            BEDROCK => begins(&["/model/", "/async-invoke"]),
            CHATGPT => begins(&["/backend-api"]),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn no_request_reaches_a_vendor_whose_path_it_is_not(
            words in prop::collection::vec(prop_oneof![
                4 => prop::sample::select(vec![
                    "v1", "v1beta", "v1beta1", "v1internal", "v1internal:generateContent", "messages", "chat", "completions",
                    "responses", "models", "files", "gemini:generateContent", "openai", "anthropic", "model", "invoke",
                    "projects", "backend-api", "codex", "upload", "organizations",
                ]).prop_map(str::to_owned),
                1 => prop::sample::select(vec!["", ".", "..", "%2e%2e", "..%2f", "%2f", "a%5cb", "@openai", "%40openai"])
                    .prop_map(str::to_owned),
                1 => "[ -~]{0,6}",
            ], 0..6),
            version in any::<bool>(),
        ) {
            let target = format!("/{}", words.join("/"));
            prop_assume!(!target.starts_with("/@"));
            let mut headers = HeaderMap::new();
            if version {
                headers.insert("anthropic-version", "2023-06-01".parse().unwrap());
            }
            if let Ok((host, there)) = host(&everybody(), &target, &headers) {
                prop_assert_eq!(there, &target);
                let path = route::path_of(&target);
                prop_assert!(could_be(host.trim_end_matches(".test"), path), "{} went to {}", target, host);
                prop_assert!(!path.contains("..") && !path.contains("//") && !path.to_lowercase().contains("%2e%2e"));
            }
        }
    }
}

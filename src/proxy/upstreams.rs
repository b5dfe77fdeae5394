//! Which upstream a request goes to.
//!
//! All of them are fixed before the first request comes. A path chooses among
//! them: by a name that stands first in it (`/@openai/v1/…`), else all go to the
//! one that is pinned, else by the vendor whose path it is. *Invariant:* no
//! request reaches an upstream of another vendor; what leads nowhere is a 404.

use super::ProxyError;
use super::connect::Outbound;
use super::upstream::Upstream;
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
    Vendor { name: "anthropic", default: "https://api.anthropic.com" },
    Vendor { name: "openai", default: "https://api.openai.com" },
    Vendor { name: "chatgpt", default: "https://chatgpt.com" },
    Vendor { name: "gemini", default: "https://generativelanguage.googleapis.com" },
    Vendor { name: "code-assist", default: "https://cloudcode-pa.googleapis.com" },
    Vendor { name: "vertex", default: "" },
    Vendor { name: "azure", default: "" },
    Vendor { name: "bedrock", default: "" },
];

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

    /// The upstream of a request, and its path and query there; `None` when it leads nowhere.
    pub(super) fn choose<'a>(&self, target: &'a str) -> Option<(&Upstream, &'a str)> {
        if let Some(rest) = target.strip_prefix("/@") {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            return Some((self.named.get(&rest[..end])?, &rest[end..]));
        }
        if let Some(pinned) = &self.pinned {
            return Some((pinned, target));
        }
        Some((self.named.get(vendor_of(target)?)?, target))
    }

    fn all(&self) -> impl Iterator<Item = &Upstream> {
        self.pinned.iter().chain(self.named.values())
    }
}

/// The vendor whose path this is.
fn vendor_of(target: &str) -> Option<&'static str> {
    let path = target.split('?').next().unwrap_or(target);
    if path.starts_with("/v1/messages") {
        Some("anthropic")
    } else if path.starts_with("/v1/chat/") || path.starts_with("/v1/responses") {
        Some("openai")
    } else if path.starts_with("/v1beta/") {
        Some("gemini")
    } else {
        None
    }
}

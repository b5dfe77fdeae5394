//! The sockets: accept, guard, route, rewrite, send, relay.

use crate::rewrite::Settings;
use crate::store::Store;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How a proxy is set up. Nothing of it can be changed by a request.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where Anthropic requests go: scheme, host and an optional base path (`https://api.anthropic.com`).
    pub anthropic: String,
    /// The port to listen on at 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The first segment of every path; `None` lets anybody on this machine in.
    pub secret: Option<String>,
    /// Names this run.
    pub run: String,
    /// Which agent it serves (`claude`), or `unknown`.
    pub agent: String,
    /// The folder the agent works in; empty when unknown.
    pub project: String,
    /// What the rewrite may do.
    pub settings: Settings,
    /// The store; `None` when it could not be opened.
    pub store: Option<Arc<Store>>,
    /// Files with further certificates to trust.
    pub extra_roots: Vec<PathBuf>,
}

/// A proxy that runs, on threads of its own.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// What to give to a client: `http://127.0.0.1:PORT/SECRET`, without a slash at the end.
    pub base_url: String,
}

/// Why a proxy could not start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The port can't be had.
    #[error("could not listen on 127.0.0.1:{port}")]
    Listen {
        /// Which.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
    /// The upstream's URL is none.
    #[error("`{url}` is not an http or https URL")]
    Upstream {
        /// What was given.
        url: String,
    },
}

/// Starts a proxy and returns once it listens.
///
/// # Errors
/// [`ProxyError`].
pub fn start(setup: Setup) -> Result<Running, ProxyError> {
    Err(ProxyError::Upstream { url: setup.anthropic })
}

impl Running {
    /// Takes no new connections, waits until the open requests have ended (at most `patience`), and stops.
    pub fn drain(self, _patience: Duration) {}
}

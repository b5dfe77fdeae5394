//! The sockets: accept, guard, route, rewrite, send, relay.
//!
//! *Invariant:* a request that the upstream would accept is never refused, but by
//! the guard; whatever of ours fails, the client's own bytes are sent.
//! *Invariant:* the upstream is fixed by [`Setup`]; a request can't name another.

mod accept;
mod guard;
mod route;
mod serve;

mod bench;
mod body;
mod connect;
mod counts;
mod headers;
mod relay;
mod settle;
mod tunnel;
mod upstream;

pub use connect::Outbound;
pub use counts::Counts;

use crate::rewrite::Settings;
use crate::store::{Scope, Store};
use accept::{Doors, Strangers};
use bench::Pool;
use counts::Counters;
use settle::{Settler, Settling};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Once};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use upstream::Upstream;

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
    /// The proxies that the user's environment puts before the upstream.
    pub outbound: Outbound,
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
    #[error("`{url}` is not the http or https URL of an upstream")]
    Upstream {
        /// What was given.
        url: String,
    },
    /// The upstream is the proxy itself.
    #[error("`{url}` is this proxy itself; name the provider as its upstream")]
    Itself {
        /// What was given.
        url: String,
    },
    /// The system gives no threads.
    #[error("could not start the proxy's threads")]
    Threads(#[source] std::io::Error),
}

/// Starts a proxy, on threads of its own, and returns once it listens.
///
/// # Errors
/// [`ProxyError`].
pub fn start(setup: Setup) -> Result<Running, ProxyError> {
    keep_panics_off_the_terminal();
    let upstream = Upstream::at(&setup.anthropic, setup.outbound, setup.extra_roots)?;
    let listener = listen(setup.port)?;
    let address = listener.local_addr().map_err(|source| ProxyError::Listen { port: setup.port, source })?;
    if upstream.is_here(address.port()) {
        return Err(ProxyError::Itself { url: setup.anthropic });
    }
    let base_url = match &setup.secret {
        Some(secret) => format!("http://{address}/{secret}"),
        None => format!("http://{address}"),
    };
    let counters = Arc::new(Counters::default());
    let (settler, settling) = settle::begin(setup.store.clone(), counters.clone());
    let house = Arc::new(House {
        secret: setup.secret,
        run: setup.run,
        agent: setup.agent,
        scope: Scope { project: setup.project },
        settings: setup.settings,
        store: setup.store,
        bench: Pool::new(),
        upstream,
        settler,
        counters: counters.clone(),
        open: Doors::default(),
        strangers: Arc::default(),
        #[cfg(test)]
        trip: std::sync::atomic::AtomicBool::new(false),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(32)
        .thread_name("headroom-proxy")
        .enable_all()
        .build()
        .map_err(ProxyError::Threads)?;
    let (drain, draining) = watch::channel(false);
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener)
            .map_err(|source| ProxyError::Listen { port: setup.port, source })?
    };
    runtime.spawn(accept::accept(listener, house.clone(), draining));
    let ahead = house.clone();
    runtime.spawn_blocking(move || {
        ahead.upstream.warm();
        crate::tokens::warm();
    });
    let open = house.open.clone();
    Ok(Running { address, base_url, counters, open, drain, settling: Some(settling), runtime: Some(runtime) })
}

/// A proxy that runs, on threads of its own. Dropping it ends it at once; [`Running::drain`] is kinder.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// What to give to a client: `http://127.0.0.1:PORT/SECRET`, without a slash at the end.
    pub base_url: String,
    counters: Arc<Counters>,
    open: Doors,
    drain: watch::Sender<bool>,
    settling: Option<Settling>,
    runtime: Option<Runtime>,
}

impl Running {
    /// What it has counted so far.
    pub fn counts(&self) -> Counts {
        self.counters.now()
    }

    /// Runs until the process is asked to end (SIGTERM, SIGINT), then drains; being asked a
    /// second time ends the draining. Blocks.
    pub fn run_until_told_to_stop(self, patience: Duration) {
        use tokio::signal::unix::{SignalKind, signal};
        let Some(runtime) = &self.runtime else { return };
        let orders = {
            let _inside = runtime.enter();
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        };
        let (Ok(mut terminate), Ok(mut interrupt)) = orders else {
            // Without a handler a signal ends the process by itself.
            return runtime.block_on(std::future::pending());
        };
        let (open, (told, wait)) = (self.open.clone(), std::sync::mpsc::channel());
        runtime.spawn(async move {
            for _ in 0..2 {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if told.send(()).is_err() {
                    break;
                }
            }
            open.abandon();
        });
        let _ = wait.recv();
        self.drain(patience);
    }

    /// Takes no new connections, waits until the open requests have ended (at most `patience`),
    /// sees that all receipts are written, and stops. Blocks.
    pub fn drain(mut self, patience: Duration) {
        self.drain.send_replace(true);
        self.open.wait_until_empty(patience);
        self.stop();
        if let Some(settling) = self.settling.take() {
            settling.finish(LAST_RECEIPTS);
        }
    }

    fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What the store may take for what is still to be written down at the end.
const LAST_RECEIPTS: Duration = Duration::from_secs(2);

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What every request of a running proxy shares.
struct House {
    secret: Option<String>,
    run: String,
    agent: String,
    scope: Scope,
    settings: Settings,
    store: Option<Arc<Store>>,
    bench: Pool,
    upstream: Upstream,
    settler: Settler,
    counters: Arc<Counters>,
    open: Doors,
    strangers: Arc<Strangers>,
    /// Makes accepting panic once.
    #[cfg(test)]
    trip: std::sync::atomic::AtomicBool,
}

/// A panic on a thread of ours is counted, not printed: the terminal is the agent's.
fn keep_panics_off_the_terminal() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let ours = std::thread::current().name().is_some_and(|name| name.starts_with("headroom-"));
            if !ours {
                before(panic);
            }
        }));
    });
}

fn listen(port: u16) -> Result<TcpListener, ProxyError> {
    let listening = || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    listening().map_err(|source| ProxyError::Listen { port, source })
}

//! The sockets: accept, guard, route, rewrite, send, relay.
//!
//! *Invariant:* a request that the upstream would accept is never refused, but by
//! the guard; whatever of ours fails, the client's own bytes are sent.
//! *Invariant:* the upstream is fixed by [`Setup`]; a request can't name another.

mod accept;
mod answering;
mod guard;
mod route;
mod serve;

mod apology;
mod bench;
mod body;
mod client;
mod coding;
mod connect;
mod counts;
mod credentials;
mod flush;
mod headers;
mod relay;
mod settle;
mod sign;
mod tunnel;
mod upstream;
mod upstreams;
mod websocket;

pub use connect::Outbound;
pub use counts::Counts;
pub use credentials::{Aws, Credentials};
pub use upstreams::{Upstreams, VENDORS, Vendor, variable_of};

use crate::conversation::RETRIEVAL_TOOL;
use crate::rewrite::{Settings, WayBack};
use crate::store::{Scope, Store};
use crate::units::Millis;
use accept::{Doors, Strangers};
use bench::Pool;
use counts::{Counters, Faults};
use settle::{Settler, Settling};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Once};
use std::time::{Duration, SystemTime};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use upstreams::Ways;

/// How a proxy is set up. Nothing of it can be changed by a request.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where requests may go; each URL is scheme, host and an optional base path.
    pub upstreams: Upstreams,
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
    /// Whether a client that has no tool of ours is offered it all the same, and its calls answered here.
    pub answers: Answers,
    /// The store; `None` when it could not be opened.
    pub store: Option<Arc<Store>>,
    /// Files with further certificates to trust.
    pub extra_roots: Vec<PathBuf>,
    /// The proxies that the user's environment puts before the upstream.
    pub outbound: Outbound,
    /// What requests to AWS are signed with.
    pub aws: Aws,
}

/// The name of the run that the proxy at `base_url` is there for: a digest of its secret, which tells nothing of it.
/// `None` when there is no secret in it.
pub fn run_of(base_url: &str) -> Option<String> {
    let after_scheme = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    let (_, secret) = after_scheme.split_once('/')?;
    let secret = secret.split('/').next().filter(|secret| !secret.is_empty())?;
    Some(blake3::hash(format!("run {secret}").as_bytes()).to_hex()[..32].to_owned())
}

/// Who answers calls of the retrieval tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answers {
    /// The client, if it has the tool.
    #[default]
    TheClient,
    /// The proxy, which puts the tool into every history that begins with it.
    TheProxy,
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
    let ways = Ways::to(&setup.upstreams, &setup.outbound, &setup.extra_roots)?;
    let listener = listen(setup.port)?;
    let address = listener.local_addr().map_err(|source| ProxyError::Listen { port: setup.port, source })?;
    if ways.here(address.port()) {
        return Err(ProxyError::Itself { url: format!("http://{address}") });
    }
    let base_url = match &setup.secret {
        Some(secret) => format!("http://{address}/{secret}"),
        None => format!("http://{address}"),
    };
    let counters = Arc::new(Counters::default());
    let faults = Faults::new(counters.clone(), setup.store.clone());
    let (settler, settling) = settle::begin(setup.store.clone(), faults.clone());
    let (drain, draining) = watch::channel(false);
    let house = Arc::new(House {
        secret: setup.secret,
        run: setup.run,
        agent: setup.agent,
        scope: Scope { project: setup.project },
        answering: Settings {
            way_back: WayBack::Tools(vec![RETRIEVAL_TOOL.to_owned()]),
            ..setup.settings.clone()
        },
        settings: setup.settings,
        answers: setup.answers == Answers::TheProxy,
        store: setup.store,
        bench: Pool::new(),
        ways,
        aws: setup.aws,
        settler,
        counters: counters.clone(),
        faults,
        open: Doors::default(),
        draining: draining.clone(),
        strangers: Arc::default(),
        #[cfg(test)]
        trip: Arc::default(),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(32)
        .thread_name("headroom-proxy")
        .enable_all()
        .build()
        .map_err(ProxyError::Threads)?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener)
            .map_err(|source| ProxyError::Listen { port: setup.port, source })?
    };
    runtime.spawn(accept::accept(listener, house.clone(), draining));
    let ahead = house.clone();
    runtime.spawn_blocking(move || {
        ahead.ways.warm();
        // Who ends us early does not wait for the rest.
        drop(ahead);
        crate::compress::warm();
    });
    Ok(Running {
        address,
        base_url,
        counters,
        open: house.open.clone(),
        drain,
        settling: Some(settling),
        runtime: Some(runtime),
        #[cfg(test)]
        trip: house.trip.clone(),
    })
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
    #[cfg(test)]
    trip: Arc<std::sync::atomic::AtomicBool>,
}

impl Running {
    /// What it has counted so far.
    pub fn counts(&self) -> Counts {
        self.counters.now()
    }

    /// The same for another thread, also when it has ended.
    pub fn counted(&self) -> impl Fn() -> Counts + Clone + Send + 'static + use<> {
        let counters = self.counters.clone();
        move || counters.now()
    }

    /// From here on, being asked to end (SIGTERM, SIGINT) ends no process: [`Running::obey`] does.
    /// `None` when the system does not let us listen for it.
    pub fn listen_for_orders(&self) -> Option<Orders> {
        use tokio::signal::unix::{SignalKind, signal};
        let _inside = self.runtime.as_ref()?.enter();
        let terminate = signal(SignalKind::terminate()).ok()?;
        let interrupt = signal(SignalKind::interrupt()).ok()?;
        Some(Orders { terminate, interrupt })
    }

    /// Runs until it is asked to end, then drains; being asked a second time ends the draining. Blocks.
    pub fn obey(self, orders: Option<Orders>, patience: Duration) {
        let Some(runtime) = &self.runtime else { return };
        let Some(mut orders) = orders else {
            // Without a handler a signal ends the process by itself.
            return runtime.block_on(std::future::pending());
        };
        runtime.block_on(orders.next());
        let open = self.open.clone();
        runtime.spawn(async move {
            orders.next().await;
            open.abandon();
        });
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

/// Where the order to end arrives.
#[derive(Debug)]
pub struct Orders {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Orders {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
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
    /// The same for a history that we answer calls in.
    answering: Settings,
    answers: bool,
    store: Option<Arc<Store>>,
    bench: Pool,
    ways: Ways,
    aws: Aws,
    settler: Settler,
    counters: Arc<Counters>,
    faults: Faults,
    open: Doors,
    /// True once it is to end.
    draining: watch::Receiver<bool>,
    strangers: Arc<Strangers>,
    /// Makes accepting panic once.
    #[cfg(test)]
    trip: Arc<std::sync::atomic::AtomicBool>,
}

#[allow(clippy::disallowed_methods, reason = "the proxy is where the time comes in")]
fn clock() -> SystemTime {
    SystemTime::now()
}

fn now() -> Millis {
    let since = clock().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::{Profile, WayBack};
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::sync::atomic::Ordering;

    #[test]
    fn accepting_begins_anew_after_a_panic_on_the_same_port() {
        let proxy = start(Setup {
            upstreams: Upstreams::only("http://127.0.0.1:1"),
            port: 0,
            secret: None,
            run: String::new(),
            agent: String::new(),
            project: String::new(),
            settings: Settings {
                profile: Profile::Lossless,
                on: false,
                way_back: WayBack::Nothing,
                rules: Arc::default(),
                frames: Arc::default(),
            },
            answers: Answers::TheClient,
            store: None,
            extra_roots: Vec::new(),
            outbound: Outbound::default(),
            aws: Aws::default(),
        })
        .unwrap();
        for round in 0..100 {
            proxy.trip.store(true, Ordering::SeqCst);
            // Whoever was being let in at that moment is lost; the next one is not.
            let mut lost = TcpStream::connect(proxy.address).unwrap();
            let _ = lost.read(&mut [0]);
            let mut stream = TcpStream::connect(proxy.address).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: evil\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
            assert_eq!(proxy.counts().restarts, round + 1);
        }
    }
}

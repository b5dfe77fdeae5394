//! `headroom proxy`: the proxy alone, until it is told to stop.

use super::term::{self, Failure, Verdict, exit};
use crate::config::{self, Flags, env};
use crate::proxy::{self, ProxyError, Setup, Upstreams, VENDORS};
use crate::rewrite::WayBack;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

/// What was typed after `proxy`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Listen on this port of 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "N", overrides_with = "port")]
    port: Option<u16>,
    /// Send requests here: scheme, host and an optional base path
    #[arg(long, value_name = "URL", overrides_with = "upstream")]
    upstream: Option<String>,
    /// Let everybody on this machine in
    #[arg(long)]
    no_secret: bool,
    /// What may be left out: `lossless`, `balanced` or `aggressive`
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Run through, change nothing new
    #[arg(long)]
    off: bool,
}

/// Where Anthropic's own API is.
const ANTHROPIC: &str = "https://api.anthropic.com";

/// How long open requests may go on after the order to stop. A long answer is a paid one.
const DRAIN_PATIENCE: Duration = Duration::from_secs(600);

/// Does it.
///
/// # Errors
/// What `main` prints.
pub fn run(args: Args) -> Verdict {
    let flags = Flags {
        profile: args.profile,
        off: args.off,
        port: args.port,
        upstream: args.upstream,
        ..Flags::default()
    };
    let config = config::resolve(&flags)?;
    let opened = config.open_store();
    opened.notices.iter().for_each(term::remark);
    let secret = if args.no_secret {
        term::remark(
            "no secret: every program and every user of this machine can spend what your key allows, and read \
             what it answers",
        );
        None
    } else {
        Some(random_name()?)
    };
    let setup = Setup {
        upstreams: upstreams(config.upstream.value.clone()),
        port: config.port.value,
        secret,
        run: random_name()?,
        agent: "unknown".to_owned(),
        project: std::env::current_dir().map(|dir| dir.display().to_string()).unwrap_or_default(),
        settings: config.rewrite_settings(WayBack::Proven),
        store: opened.store,
        extra_roots: env::extra_roots(),
        outbound: env::outbound(),
    };
    let running = proxy::start(setup).map_err(explained)?;
    // Whoever reads the URL may ask us to end at once.
    let orders = running.listen_for_orders();
    term::say(&running.base_url);
    running.obey(orders, DRAIN_PATIENCE);
    Ok(ExitCode::from(exit::OK))
}

/// Everything to the one that the user named, else each vendor's requests to that vendor.
fn upstreams(pinned: Option<String>) -> Upstreams {
    let defaults = VENDORS.iter().filter(|vendor| !vendor.default.is_empty());
    let mut named: BTreeMap<String, String> =
        defaults.map(|vendor| (vendor.name.to_owned(), vendor.default.to_owned())).collect();
    named.insert("anthropic".to_owned(), configured_upstream());
    Upstreams { pinned, named }
}

/// What the user had configured for the agent, unless that is a proxy of ours already.
fn configured_upstream() -> String {
    let ours = env::get(env::HEADROOM_PROXY);
    env::named("ANTHROPIC_BASE_URL")
        .filter(|url| ours.as_deref() != Some(url.trim_end_matches('/')))
        .unwrap_or_else(|| ANTHROPIC.to_owned())
}

/// 128 random bits in hex.
fn random_name() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::new(exit::FAILED, format_args!("the system gave no random bytes: {error}"), "")
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn explained(error: ProxyError) -> anyhow::Error {
    let (code, hint) = match &error {
        ProxyError::Listen { .. } => {
            (exit::FAILED, "another port with `--port N`, or a free one with `--port 0`")
        }
        ProxyError::Upstream { .. } => (exit::USAGE, "name it as in `--upstream https://api.anthropic.com`"),
        ProxyError::Itself { .. } => (exit::USAGE, "`--upstream https://api.anthropic.com`, for example"),
        ProxyError::Threads(_) => (exit::FAILED, ""),
    };
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Failure::new(code, format_args!("{error}{cause}"), hint).into()
}

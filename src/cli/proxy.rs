//! `headroom proxy`: the proxy alone, until it is told to stop.

use super::term::{self, Failure, Verdict, exit};
use super::wrap;
use crate::config::upstreams::NamedUpstream;
use crate::config::{self, Config, Flags, env};
use crate::proxy::{self, ProxyError, Setup, Upstreams};
use crate::rewrite::WayBack;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

/// What was typed after `proxy`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = WHICH_UPSTREAM)]
pub struct Args {
    /// Listen on this port of 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "N", overrides_with = "port")]
    port: Option<u16>,
    /// Send every request here, or with NAME=URL set one upstream; can be given more than once
    #[arg(long, value_name = "[NAME=]URL")]
    upstream: Vec<String>,
    /// Let everybody on this machine in
    #[arg(long)]
    no_secret: bool,
    /// What may be left out: `lossless`, `balanced` or `aggressive`
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Run through, change nothing new
    #[arg(long)]
    off: bool,
    /// Offer the model a tool that gives originals back, and answer its calls here; it changes the prompt
    #[arg(long)]
    answer_retrieval: bool,
}

/// Which upstream a request goes to, for the long help.
const WHICH_UPSTREAM: &str = "\
Which upstream a request goes to:
  /@NAME/...                          the upstream of that name
  with --upstream URL                 that one, whatever the path
  /v1/messages...                     anthropic
  /v1/chat..., /v1/responses...       openai (also /v1/embeddings, /v1/batches, ...)
  /v1beta/..., /v1/models/M:...       gemini
  /v1internal...                      code-assist
  /backend-api/...                    chatgpt
  /v1/projects/..., /v1beta1/...      vertex
  /openai/...                         azure
  /anthropic/...                      foundry
  /model/M/...                        bedrock
  /v1/models, /v1/files               anthropic or openai, by the mark of one in the headers
  anything else                       404, sent nowhere

Where each is, the first that says so: --upstream NAME=URL, $HEADROOM_UPSTREAM_NAME, [upstreams] in config.toml, \
the variable by which your agents are told ($ANTHROPIC_BASE_URL, $OPENAI_BASE_URL, $AZURE_OPENAI_ENDPOINT, \
$AWS_REGION, ...), the vendor's public address. `headroom config show` lists them.";

/// How long open requests may go on after the order to stop. A long answer is a paid one.
const DRAIN_PATIENCE: Duration = Duration::from_secs(600);

/// Does it.
///
/// # Errors
/// What `main` prints.
pub fn run(args: Args) -> Verdict {
    let (named, pins): (Vec<String>, Vec<String>) = args.upstream.into_iter().partition(|it| is_named(it));
    let flags = Flags {
        profile: args.profile,
        off: args.off,
        answer_retrieval: args.answer_retrieval,
        port: args.port,
        upstream: pins.into_iter().next_back(),
        upstreams: named,
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
        upstreams: upstreams(&config),
        port: config.port.value,
        secret,
        run: random_name()?,
        agent: "unknown".to_owned(),
        project: std::env::current_dir().map(|dir| dir.display().to_string()).unwrap_or_default(),
        settings: config.rewrite_settings(WayBack::Proven),
        answers: config.answers(),
        store: opened.store,
        extra_roots: env::extra_roots(),
        outbound: env::outbound(),
        aws: env::aws(),
    };
    let running = proxy::start(setup).map_err(explained)?;
    // Whoever reads the URL may ask us to end at once.
    let orders = running.listen_for_orders();
    term::say(&running.base_url);
    if std::io::stdout().is_terminal() {
        term::say(what_to_set(&running.base_url, &config));
    }
    running.obey(orders, DRAIN_PATIENCE);
    Ok(ExitCode::from(exit::OK))
}

/// True for `NAME=URL`: a URL has a colon before any equals sign.
fn is_named(typed: &str) -> bool {
    typed.split_once('=').is_some_and(|(name, _)| !name.contains([':', '/']))
}

/// Everything to the one that the user pinned, else each vendor's requests to where that vendor is.
fn upstreams(config: &Config) -> Upstreams {
    let named = config.upstreams.iter().map(|upstream| (upstream.name.clone(), address(upstream)));
    Upstreams {
        pinned: config.upstream.value.clone(),
        named: named.filter(|(_, url)| !url.is_empty()).collect(),
    }
}

/// Where an upstream is; empty when nothing is to be sent there.
fn address(upstream: &NamedUpstream) -> String {
    let NamedUpstream { name, url } = upstream;
    if upstream.is_an_agents() && url.value.is_empty() {
        term::remark(format_args!(
            "{} can't be used as it is: nothing is sent to {name} until `--upstream {name}=URL` says where it is",
            url.origin
        ));
    } else if upstream.is_an_agents() && wrap::is_a_headroom(&url.value) {
        // It was set for the agents, to send them through a proxy of ours.
        return upstream.vendors_own().to_owned();
    }
    url.value.clone()
}

/// What to set for which client, a line each.
fn what_to_set(base_url: &str, config: &Config) -> String {
    let pinned = config.upstream.value.is_some();
    let set = |name: &str| config.upstreams.iter().any(|it| it.name == name && !it.url.value.is_empty());
    let lines = [
        ("anthropic", "ANTHROPIC_BASE_URL", ""),
        ("openai", "OPENAI_BASE_URL", "/v1"),
        ("gemini", "GOOGLE_GEMINI_BASE_URL", ""),
        ("code-assist", "CODE_ASSIST_ENDPOINT", ""),
        ("vertex", "GOOGLE_VERTEX_BASE_URL", ""),
        ("azure", "AZURE_OPENAI_ENDPOINT", ""),
        ("bedrock", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", ""),
    ];
    let mut said: Vec<String> = lines
        .iter()
        .filter(|(vendor, ..)| pinned || set(vendor))
        .map(|(_, variable, path)| format!("  {variable}={base_url}{path}"))
        .collect();
    let own = config.upstreams.iter().filter(|it| !it.is_a_vendors() && !it.url.value.is_empty());
    said.extend(own.map(|it| format!("  {base_url}/@{}  for {}", it.name, it.url.value)));
    said.join("\n")
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

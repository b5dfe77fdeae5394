//! One file a verb. The only room that prints.

pub mod agents;
mod asked;
pub mod bench;
pub mod beside;
pub mod complete;
pub mod completions;
pub mod compress;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod inspect;
pub mod leader;
pub mod learn;
pub mod mcp;
pub mod never;
pub mod pause;
pub mod perf;
pub mod provider;
pub mod proxy;
pub mod replay;
pub mod resume;
pub mod retrieve;
pub mod shims;
pub mod stats;
pub mod store;
pub mod term;
pub mod unwrap;
pub mod wrap;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// What was typed.
#[derive(Debug, Parser)]
#[command(name = "headroom", version, about, long_about = None, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run an agent with its tool outputs made shorter
    Wrap(wrap::Args),
    /// Make typing an agent's own name run it through headroom
    Shims(shims::Args),
    /// Undo what wrapping changed in your files, and say what was undone
    Unwrap(unwrap::Args),
    /// Show which agents are known and which are here, or add one of your own
    Agents(agents::Args),
    /// Prove that an agent's requests go through headroom, and say what is wrong
    Doctor(doctor::Args),
    /// Show the main job on a built-in agent and provider: no key, no network
    Demo(demo::Args),
    /// Show what was saved
    Stats(stats::Args),
    /// Show what was done to a session: what arrived, what was sent, and what decided
    Inspect(inspect::Args),
    /// Show what was saved, in two lines
    Perf(perf::Args),
    /// Send what is new as it came, until `headroom resume`
    Pause(pause::Args),
    /// Go on where `headroom pause` stopped
    Resume(resume::Args),
    /// Name a tool or a command whose outputs are never made shorter
    Never(never::Args),
    /// Find what went wrong again and again in your sessions, and write what to do instead into the memory file
    Learn(learn::Args),
    /// Show what headroom would have saved on your recorded sessions
    Replay(replay::Args),
    /// Print an original, or the part of it that you ask for
    Retrieve(retrieve::Args),
    /// Make a request or a text shorter, as a filter
    Compress(compress::Args),
    /// Measure what is saved and what stays in view, on a folder of tool outputs
    Bench(bench::Args),
    /// Run the proxy alone
    Proxy(proxy::Args),
    /// Serve retrieval to an agent over the Model Context Protocol
    Mcp(mcp::Args),
    /// Show or delete what is kept on disk
    Store(store::Args),
    /// Show the settings in force and where each comes from
    Config(config::Args),
    /// Tell a launcher that this is headroom, and that it runs here
    #[command(name = "__launcher", hide = true)]
    Launcher,
    /// Stand between headroom and the agent in its terminal session
    #[command(name = "__leader", hide = true)]
    Leader(leader::Args),
    /// Play the agent of `headroom demo`
    #[command(name = "__demo-agent", hide = true)]
    DemoAgent(demo::AgentArgs),
    /// Run the built-in provider until it is ended
    #[command(name = "__provider", hide = true)]
    Provider(provider::Args),
    /// Say what could stand next on a command line
    #[command(name = "__complete", hide = true)]
    Complete(complete::Args),
    /// Write the shells' completions and the manual
    #[command(name = "__completions", hide = true)]
    Completions(completions::Args),
}

impl Verb {
    /// False for what headroom starts itself, and for the verb that undoes by itself.
    fn is_typed_by_people(&self) -> bool {
        !matches!(
            self,
            Verb::Unwrap(_)
                | Verb::Launcher
                | Verb::Leader(_)
                | Verb::DemoAgent(_)
                | Verb::Provider(_)
                | Verb::Complete(_)
                | Verb::Completions(_)
        )
    }
}

/// Reads the command line, does what it says, and gives the exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.verb.is_typed_by_people() {
        unwrap::heal();
    }
    let verdict = match cli.verb {
        Verb::Wrap(args) => wrap::run(args),
        Verb::Shims(args) => shims::run(args),
        Verb::Unwrap(args) => unwrap::run(args),
        Verb::Agents(args) => agents::run(args),
        Verb::Doctor(args) => doctor::run(args),
        Verb::Demo(args) => demo::run(args),
        Verb::Stats(args) => stats::run(args),
        Verb::Inspect(args) => inspect::run(args),
        Verb::Perf(args) => perf::run(args),
        Verb::Pause(args) => pause::run(args),
        Verb::Resume(args) => resume::run(args),
        Verb::Never(args) => never::run(args),
        Verb::Learn(args) => learn::run(args),
        Verb::Replay(args) => replay::run(args),
        Verb::Retrieve(args) => retrieve::run(args),
        Verb::Compress(args) => compress::run(args),
        Verb::Bench(args) => bench::run(args),
        Verb::Proxy(args) => proxy::run(args),
        Verb::Mcp(args) => mcp::run(args),
        Verb::Store(args) => store::run(args),
        Verb::Config(args) => config::run(args),
        Verb::Launcher => Ok(ExitCode::SUCCESS),
        Verb::Leader(args) => leader::run(args),
        Verb::DemoAgent(args) => demo::run_agent(args),
        Verb::Provider(args) => provider::run(args),
        Verb::Complete(args) => complete::run(args),
        Verb::Completions(args) => completions::run(args),
    };
    verdict.unwrap_or_else(|error| term::fail(&error))
}

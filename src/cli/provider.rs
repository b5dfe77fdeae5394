//! `headroom __provider`: the built-in provider alone, for whoever wants to try an agent by hand.
//!
//! `GET /__seen` tells what it was asked and what that cost.

use super::term::{self, Verdict};
use crate::demo::errand::{self, Step};
use crate::demo::provider::{Provider, Rules, WebSockets};
use anyhow::Context;
use std::path::PathBuf;

/// What was typed after `__provider`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Listen at this port; 0 means any that is free
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Run the errand of this file: a JSON array of {"text", "think", "run", "read", "search", "call", "input",
    /// "fails": [529], "ends": "close" | "reset" | "cut" | "error"}
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Answer a WebSocket's upgrade with this status (426: the client falls back to HTTP at once)
    #[arg(long, value_name = "STATUS")]
    refuse_websockets: Option<u16>,
}

/// Runs the provider until the program is ended.
///
/// # Errors
/// When the port can't be had, or the file can't be read.
pub fn run(args: Args) -> Verdict {
    let script = match &args.script {
        None => errand::script(),
        Some(file) => {
            let text = std::fs::read(file).with_context(|| format!("{} can't be read", file.display()))?;
            let steps: Vec<Step> = serde_json::from_slice(&text)
                .with_context(|| format!("{} is no list of steps", file.display()))?;
            errand::of_steps(steps)
        }
    };
    let websockets = args.refuse_websockets.map_or(WebSockets::Spoken, WebSockets::Refused);
    let provider = Provider::start_at(args.port, Rules { websockets, ..Rules::default() }, script)
        .with_context(|| format!("port {} of 127.0.0.1 can't be had", args.port))?;
    term::say(format_args!("{}", provider.base_url()));
    loop {
        std::thread::park();
    }
}

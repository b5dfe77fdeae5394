//! `headroom __completions SHELL`: what `completions/` is made with.

use super::Cli;
use super::term::{self, Verdict};
use clap::{CommandFactory, ValueEnum};
use std::process::ExitCode;

/// What was typed after `__completions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// For which shell
    shell: Shell,
}

/// A shell that completions are shipped for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// The program.
const NAME: &str = "headroom";

/// Prints the completions; hidden verbs are left out.
///
/// # Errors
/// When nothing can be printed.
pub fn run(args: Args) -> Verdict {
    let whole = Cli::command();
    let mut shown = clap::Command::default().name(NAME).version(env!("CARGO_PKG_VERSION"));
    shown = shown.args(whole.get_arguments().cloned());
    shown = shown.subcommands(whole.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned());
    let shell = match args.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut shown, NAME, &mut script);
    term::say_exactly(&script)?;
    Ok(ExitCode::SUCCESS)
}

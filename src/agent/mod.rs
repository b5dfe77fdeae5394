//! An agent, as data; and how it is started.
//!
//! The only room that starts programs. *Invariant:* an agent is pointed at us by
//! what lives and dies with it: environment, arguments, files of the run. Where
//! only a file of the user's can do it, the change is journalled before it is made
//! and undone after. The exceptions are asked for: a line in a shell's start-up file, and what
//! `amend` writes into a memory file, with the old bytes kept.

pub mod definition;
pub mod plan;

pub mod amend;
pub mod claude;
pub mod codex;
pub mod edit;
pub mod environment;
pub mod filling;
pub mod json;
pub mod jsonc;
pub mod masked;
pub mod patch;
pub mod peek;
pub mod sessions;
mod swap;

pub mod itself;
pub mod lease;
#[cfg(unix)]
pub mod run_folder;
#[cfg(unix)]
pub mod shims;
#[cfg(unix)]
pub mod startup;
#[cfg(unix)]
pub mod version;

#[cfg(unix)]
pub mod pager;

#[cfg(unix)]
pub mod launch;
#[cfg(unix)]
pub mod leader;
#[cfg(unix)]
pub mod signals;
#[cfg(unix)]
pub mod terminal;
#[cfg(unix)]
pub mod trial;
#[cfg(unix)]
mod words;

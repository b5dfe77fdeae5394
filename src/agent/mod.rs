//! An agent, as data; and how it is started.
//!
//! The only room that starts programs. *Invariant:* no file of the user's is
//! edited: an agent is pointed at us by environment and arguments only, which
//! live and die with it. The one exception is a line in a shell's start-up file,
//! when it was asked for.

pub mod definition;
pub mod plan;

pub mod claude;
pub mod environment;
pub mod json;
pub mod masked;

pub mod itself;
#[cfg(unix)]
pub mod shims;
#[cfg(unix)]
pub mod startup;

#[cfg(unix)]
pub mod launch;
#[cfg(unix)]
pub mod leader;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
pub mod terminal;
#[cfg(unix)]
mod words;

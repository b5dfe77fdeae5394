//! headroom, started again by headroom.

use super::signals::Signals;
use signal_hook::consts::{SIGINT, SIGQUIT};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// This program's own file.
///
/// # Errors
/// When the system can't tell.
pub fn path() -> io::Result<PathBuf> {
    std::env::current_exe()
}

/// Runs this program with `arguments` and exactly this environment, on our own terminal, to its end.
///
/// Ctrl-C reaches both; it is the other one's to end by, and ours to clean up after.
///
/// # Errors
/// When it can't be started.
pub fn run(arguments: &[&str], environment: &[(OsString, OsString)]) -> io::Result<ExitStatus> {
    let _not_ours = Signals::listen([SIGINT, SIGQUIT])?;
    let environment = environment.iter().map(|(name, value)| (name, value));
    Command::new(path()?).args(arguments).env_clear().envs(environment).status()
}

/// Runs this program with `arguments` in our own environment and hands back what it printed.
///
/// # Errors
/// When it can't be started, or ends with anything but 0; what it said on stderr is the message.
pub fn output(program: &Path, arguments: &[&str]) -> io::Result<Vec<u8>> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output()?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}

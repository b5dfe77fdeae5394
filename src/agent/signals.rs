//! Signals, heard without missing one and without doing anything inside a handler.

use signal_hook::consts::signal::*;
use signal_hook::{flag, low_level};
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Signals that are passed on to the agent when one of us gets them.
pub const PASSED_ON: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];

/// Signals that have come and have not been looked at.
#[derive(Debug)]
pub struct Signals {
    heard: Vec<(i32, Arc<AtomicBool>)>,
    bell: UnixStream,
}

impl Signals {
    /// Listens for these signals, but for those that this process was told to ignore: the agent is to be born with
    /// the same ones ignored (`nohup`).
    ///
    /// # Errors
    /// When the system has no socket left.
    pub fn listen(signals: impl IntoIterator<Item = i32>) -> io::Result<Signals> {
        let (bell, rope) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        let ignored = ignored();
        let mut heard = Vec::new();
        for signal in signals.into_iter().filter(|signal| !ignored.contains(signal)) {
            let flag = Arc::new(AtomicBool::new(false));
            // First the flag, then the bell: who hears the bell finds the flag up.
            flag::register(signal, flag.clone())?;
            low_level::pipe::register(signal, rope.try_clone()?)?;
            heard.push((signal, flag));
        }
        Ok(Signals { heard, bell })
    }

    /// Readable whenever a signal may have come.
    pub fn bell(&self) -> &UnixStream {
        &self.bell
    }

    /// Silences the bell.
    pub fn hush(&mut self) {
        let mut rings = [0; 64];
        while matches!((&self.bell).read(&mut rings), Ok(read) if read == rings.len()) {}
    }

    /// Takes one signal that has come; each is given once, however often it came meanwhile.
    pub fn take(&mut self) -> Option<i32> {
        self.heard.iter().find(|(_, flag)| flag.swap(false, Ordering::SeqCst)).map(|(signal, _)| *signal)
    }

    /// Takes this one signal: true when it had come.
    pub fn take_this(&mut self, signal: i32) -> bool {
        self.heard.iter().any(|(known, flag)| *known == signal && flag.swap(false, Ordering::SeqCst))
    }
}

/// Up once the person pressed Ctrl-C; pressed again, it ends the process as it would have the first time.
///
/// # Errors
/// When the system refuses.
pub fn interrupted() -> io::Result<Arc<AtomicBool>> {
    let pressed = Arc::new(AtomicBool::new(false));
    // In this order: the second time the flag is up already.
    flag::register_conditional_default(SIGINT, pressed.clone())?;
    flag::register(SIGINT, pressed.clone())?;
    Ok(pressed)
}

/// The signals that this process ignores since its birth.
///
/// Linux tells in a file. Elsewhere nothing safe tells; there all of them are
/// taken for not ignored.
fn ignored() -> Vec<i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    PASSED_ON.into_iter().filter(|signal| mask >> (signal - 1) & 1 == 1).collect()
}

//! Shows a long text through the user's pager.

use std::io::{self, Write};
use std::process::{Command, Stdio};

/// What a shell answers when there is no such program.
const NOT_FOUND: i32 = 127;

/// Whose settings `less` goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settings {
    /// The user has none: colours are kept, and what fits the screen stays on it.
    Ours,
    /// The user's own.
    Theirs,
}

/// Hands `text` to `pager`, a command line for a shell, and waits until the reader has left it.
///
/// # Errors
/// When there is no such pager: then nothing was shown.
pub fn show(text: &str, pager: &str, settings: Settings) -> io::Result<()> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", pager]).stdin(Stdio::piped());
    if settings == Settings::Ours {
        command.env("LESS", "FRX");
    }
    // Ctrl-C is the pager's while it runs.
    let hit = std::sync::Arc::default();
    let deaf = signal_hook::flag::register(signal_hook::consts::SIGINT, hit);
    let mut reader = command.spawn()?;
    if let Some(mut to) = reader.stdin.take() {
        // A reader that has seen enough closes its end.
        let _ = to.write_all(text.as_bytes());
    }
    let ended = reader.wait()?;
    if let Ok(deaf) = deaf {
        signal_hook::low_level::unregister(deaf);
    }
    match ended.code() {
        Some(NOT_FOUND) => Err(io::ErrorKind::NotFound.into()),
        _ => Ok(()),
    }
}

//! Runs an agent once, out of sight: no terminal, what it says kept, and not for longer than is allowed.
//!
//! *Invariant:* nothing of it runs any more when this gives an answer, but for what has left its group of processes.

use super::launch::Ended;
use super::plan::Launch;
use super::signals::Signals;
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM};
use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// How it ended.
    pub end: End,
    /// What it printed, as far as it is kept.
    pub output: String,
    /// What it said beside that, as far as it is kept.
    pub errors: String,
}

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Itself(Ended),
    /// It was ended: it took too long.
    TooLong,
    /// It was ended: we were asked to end.
    Asked,
}

/// Runs `launch` in `folder`, for at most `patience`.
///
/// # Errors
/// When it can't be started.
pub fn run(launch: &Launch, folder: &Path, patience: Duration) -> io::Result<Trial> {
    const STEP: Duration = Duration::from_millis(20);
    let mut orders = Signals::listen([SIGINT, SIGTERM, SIGHUP])?;
    let mut child = Command::new(&launch.program)
        .arg0(&launch.name)
        .args(&launch.arguments)
        .current_dir(folder)
        .env_clear()
        .envs(launch.environment.iter())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // So that what it starts can be ended with it.
        .process_group(0)
        .spawn()?;
    let (output, errors) = (kept(child.stdout.take()), kept(child.stderr.take()));
    let mut left = patience.as_millis() / STEP.as_millis();
    let end = loop {
        if let Some(status) = child.try_wait()? {
            let code = status.code().map(Ended::Code);
            break End::Itself(code.unwrap_or_else(|| Ended::Signal(status.signal().unwrap_or_default())));
        }
        if orders.take().is_some() {
            break End::Asked;
        }
        if left == 0 {
            break End::TooLong;
        }
        left -= 1;
        std::thread::sleep(STEP);
    };
    end_all(&mut child);
    let said = |words: Receiver<String>| words.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
    Ok(Trial { end, output: said(output), errors: said(errors) })
}

/// Ends the agent and what it has started.
fn end_all(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

/// Reads to the end and keeps the beginning.
fn kept(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    const LONGEST: u64 = 256 << 10;
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            let mut pipe = pipe.take(LONGEST);
            let _ = pipe.read_to_end(&mut bytes);
            let _ = tell.send(String::from_utf8_lossy(&bytes).into_owned());
            let _ = io::copy(&mut pipe.into_inner(), &mut io::sink());
        }
    });
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(script: &str, patience: Duration) -> Trial {
        let launch = Launch {
            program: "/bin/sh".into(),
            name: "sh".to_owned(),
            arguments: vec!["-c".into(), script.into()],
            environment: [("PATH".into(), "/usr/bin:/bin".into())].into_iter().collect(),
            files: Vec::new(),
        };
        run(&launch, Path::new("/"), patience).expect("it starts")
    }

    #[test]
    fn its_end_and_its_words_are_kept() {
        let trial = trial("pwd; echo oh >&2; exit 3", Duration::from_secs(20));
        let want =
            Trial { end: End::Itself(Ended::Code(3)), output: "/\n".to_owned(), errors: "oh\n".to_owned() };
        assert_eq!(trial, want);
    }

    #[test]
    fn one_that_hangs_is_ended_with_what_it_has_started() {
        let trial = trial("sleep 600 & echo $!; wait", Duration::from_millis(500));
        assert_eq!(trial.end, End::TooLong);
        let pid = trial.output.trim().parse().ok().and_then(Pid::from_raw).expect("it told");
        let gone = || rustix::process::test_kill_process(pid).is_err();
        let zombie = || {
            std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()))
                .is_ok_and(|stat| stat.contains(") Z "))
        };
        for _ in 0..100 {
            if gone() || zombie() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it still runs");
    }
}

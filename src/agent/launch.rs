//! Starts an agent, stays until it has ended, and says how it ended.
//!
//! Signals, stops and exit status are what they would be without us. *Invariant:*
//! nothing here reads the agent's input or writes into its output, but for the
//! terminal mode, which copies both byte for byte.

use super::plan::Launch;
use super::signals::{PASSED_ON, Signals};
use super::words::{Order, Report, Seat};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, getpid, kill_process};
use signal_hook::consts::signal::{SIGCONT, SIGWINCH};
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// How an agent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Ended {
    /// The code that a shell shows: 128 + n for signal n.
    pub fn shown(self) -> u8 {
        let code = match self {
            Ended::Code(code) => code,
            Ended::Signal(signal) => 128 + signal,
        };
        (code & 0xff) as u8
    }
}

/// Why an agent could not be run.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Something of ours failed before the agent was started.
    #[error("could not {what}")]
    Before {
        /// What could not be done.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The program could not be started.
    #[error("could not start {program}")]
    Start {
        /// Which program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl LaunchError {
    pub(super) fn before(what: &'static str) -> impl FnOnce(io::Error) -> LaunchError {
        move |source| LaunchError::Before { what, source }
    }
}

/// Runs the agent with our own input and output and in our process group, and waits for its end.
///
/// `own_program` is headroom itself, which is started as the leader.
///
/// # Errors
/// [`LaunchError`].
pub fn run(launch: &Launch, own_program: &Path) -> Result<Ended, LaunchError> {
    let (events, inbox) = channel();
    hear_signals(events.clone(), PASSED_ON.into_iter().chain([SIGCONT]))?;
    let door = Door::open()?;
    let mut leader = Command::new(own_program)
        .args(["__leader", "--socket"])
        .arg(&door.socket)
        .spawn()
        .map_err(LaunchError::before("start the leader"))?;
    let came = door.admit(|| matches!(leader.try_wait(), Ok(Some(_))))?;
    let mut line = Line::new(came, events)?;
    line.say(&Order::Launch(launch.clone(), Seat::Ours));

    let ended = loop {
        match inbox.recv().unwrap_or(Event::LeaderGone) {
            Event::Signal(SIGCONT) => line.say(&Order::Continue),
            Event::Signal(signal) => line.say(&Order::Signal(signal)),
            Event::Report(Report::Stopped(_)) => {
                let _ = kill_process(getpid(), Signal::STOP);
            }
            Event::Report(report) => {
                if let Some(ended) = line.note(report, launch)? {
                    break ended;
                }
            }
            Event::LeaderGone => break line.leader_died(),
            Event::OutputEnded => {}
        }
    };
    let _ = leader.wait();
    Ok(ended)
}

/// Becomes the agent: nothing of ours is left. Comes back only when that fails.
pub fn become_it(launch: &Launch) -> LaunchError {
    let mut command = Command::new(&launch.program);
    command.arg0(&launch.name).args(&launch.arguments).env_clear().envs(launch.environment.iter());
    LaunchError::Start { program: launch.program.clone(), source: command.exec() }
}

/// Does `work` without a word on the user's screen: a panic on a thread of ours is counted elsewhere, and one on this
/// thread is told once the terminal is the user's again.
pub fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let told = std::sync::Arc::new(std::panic::take_hook());
    let (tell, here) = (told.clone(), std::thread::current().id());
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() == here {
            super::terminal::give_back_at_once();
            tell(panic);
        }
    }));
    let done = work();
    std::panic::set_hook(Box::new(move |panic| told(panic)));
    done
}

/// Something that happens while an agent runs.
pub(super) enum Event {
    Signal(i32),
    Report(Report),
    LeaderGone,
    OutputEnded,
}

/// Turns signals into events, on a thread of its own.
pub(super) fn hear_signals(
    events: Sender<Event>,
    signals: impl IntoIterator<Item = i32>,
) -> Result<(), LaunchError> {
    let mut signals = Signals::listen(signals).map_err(LaunchError::before("listen for signals"))?;
    on_a_thread("signals", move || {
        loop {
            let _ = poll(&mut [PollFd::new(signals.bell(), PollFlags::IN)], None);
            signals.hush();
            while let Some(signal) = signals.take() {
                if events.send(Event::Signal(signal)).is_err() {
                    return;
                }
            }
        }
    })
}

/// The signals that matter in a terminal of the agent's own.
pub(super) fn terminal_signals() -> impl Iterator<Item = i32> {
    PASSED_ON.into_iter().chain([SIGCONT, SIGWINCH])
}

pub(super) fn on_a_thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), LaunchError> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map(drop).map_err(LaunchError::before("start a thread"))
}

/// Where the leader comes in: a socket in a folder that only this user can enter. Gone from the disk once it has come.
pub(super) struct Door {
    folder: tempfile::TempDir,
    listener: UnixListener,
    pub(super) socket: PathBuf,
}

impl Door {
    pub(super) fn open() -> Result<Door, LaunchError> {
        let named = || {
            let mut builder = tempfile::Builder::new();
            builder.prefix("headroom-");
            builder
        };
        let at = |folder: io::Result<tempfile::TempDir>| {
            let folder = folder?;
            let socket = folder.path().join("leader");
            Ok(Door { listener: UnixListener::bind(&socket)?, socket, folder })
        };
        // A socket's path may have about 100 bytes, and the user's own folder may be longer.
        at(named().tempdir())
            .or_else(|_: io::Error| at(named().tempdir_in("/tmp")))
            .map_err(LaunchError::before("make a socket in the temporary folder"))
    }

    /// Waits for the leader, unless it is `gone`.
    pub(super) fn admit(self, mut gone: impl FnMut() -> bool) -> Result<UnixStream, LaunchError> {
        const STEP: Duration = Duration::from_millis(100);
        const STEPS: u32 = 200;
        let step = Timespec::try_from(STEP).ok();
        let mut came = Err(io::ErrorKind::TimedOut.into());
        for _ in 0..STEPS {
            match poll(&mut [PollFd::new(&self.listener, PollFlags::IN)], step.as_ref()) {
                Ok(0) if gone() => {
                    came = Err(io::ErrorKind::BrokenPipe.into());
                    break;
                }
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => {
                    came = self.listener.accept().map(|(stream, _)| stream);
                    break;
                }
                Err(error) => {
                    came = Err(error.into());
                    break;
                }
            }
        }
        drop(self.folder);
        came.map_err(LaunchError::before("hear from the leader"))
    }
}

/// The line to the leader.
pub(super) struct Line {
    stream: UnixStream,
    agent: Option<Pid>,
}

impl Line {
    pub(super) fn new(stream: UnixStream, events: Sender<Event>) -> Result<Line, LaunchError> {
        let mut reports = stream.try_clone().map_err(LaunchError::before("keep the line to the leader"))?;
        on_a_thread("leader", move || {
            while let Ok(Some(report)) = Report::read(&mut reports) {
                if events.send(Event::Report(report)).is_err() {
                    return;
                }
            }
            let _ = events.send(Event::LeaderGone);
        })?;
        Ok(Line { stream, agent: None })
    }

    /// Tells the leader; that it is gone is heard on the same line.
    pub(super) fn say(&mut self, order: &Order) {
        let _ = order.write(&mut self.stream);
    }

    /// Takes note of a report that begins or ends the agent.
    pub(super) fn note(&mut self, report: Report, launch: &Launch) -> Result<Option<Ended>, LaunchError> {
        match report {
            Report::Started(pid) => self.agent = Pid::from_raw(pid),
            Report::Exited(code) => return Ok(Some(Ended::Code(code))),
            Report::Killed(signal) => return Ok(Some(Ended::Signal(signal))),
            Report::Failed(error) => {
                let source = io::Error::from_raw_os_error(error);
                return Err(LaunchError::Start { program: launch.program.clone(), source });
            }
            Report::Stopped(_) | Report::Continued => {}
        }
        Ok(None)
    }

    /// Somebody killed the leader: the agent, which nobody watches now, ends too.
    pub(super) fn leader_died(&self) -> Ended {
        if let Some(agent) = self.agent {
            let _ = kill_process(agent, Signal::TERM);
            let _ = kill_process(agent, Signal::CONT);
        }
        Ended::Signal(Signal::KILL.as_raw())
    }
}

/// Waits for the next event, at most `patience` when there is one.
pub(super) fn next(inbox: &Receiver<Event>, patience: Option<Duration>) -> Option<Event> {
    match patience {
        None => Some(inbox.recv().unwrap_or(Event::LeaderGone)),
        Some(patience) => match inbox.recv_timeout(patience) {
            Ok(event) => Some(event),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => None,
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => Some(Event::LeaderGone),
        },
    }
}

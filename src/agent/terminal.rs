//! Runs an agent in a terminal of its own, inside the user's.
//!
//! Keys go in and output comes out byte for byte. The user's terminal is raw while
//! the agent has it, and is given back as it was on every way out: the end, a stop,
//! a panic, a signal. (A SIGKILL leaves no way out; a shell mends that itself.)

use super::launch::{
    Door, Ended, Event, LaunchError, Line, hear_signals, next, on_a_thread, terminal_signals,
};
use super::plan::Launch;
use super::words::{Order, Report, Seat};
use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Signal, getpgrp, kill_current_process_group};
use rustix::stdio::{stdin, stdout};
use rustix::termios::{
    LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr,
};
use signal_hook::consts::signal::{SIGCONT, SIGWINCH};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// True when the user sits at a terminal: both input and output are one.
pub fn is_there() -> bool {
    isatty(stdin()) && isatty(stdout())
}

/// Runs the agent in a terminal of its own and waits for its end.
///
/// `own_program` is headroom itself, which is started as the leader.
///
/// # Errors
/// [`LaunchError`].
pub fn run(launch: &Launch, own_program: &Path) -> Result<Ended, LaunchError> {
    let (events, inbox) = channel();
    hear_signals(events.clone(), terminal_signals())?;
    let users = tcgetattr(stdin())
        .map_err(|error| LaunchError::before("read the terminal's settings")(error.into()))?;
    let pty = native_pty_system()
        .openpty(size())
        .map_err(|error| LaunchError::before("open a terminal for the agent")(io::Error::other(error)))?;
    dress(pty.master.as_ref(), &users);

    let door = Door::open()?;
    let mut command = CommandBuilder::new(own_program);
    command.args(["__leader", "--socket"]);
    command.arg(&door.socket);
    // The folder we are in, even when it is not there any more.
    command.cwd(".");
    let spawned = pty.slave.spawn_command(command);
    let mut leader =
        spawned.map_err(|error| LaunchError::before("start the leader")(io::Error::other(error)))?;
    // With this end still open in here, the output would never end.
    drop(pty.slave);
    let came = door.admit(|| matches!(leader.try_wait(), Ok(Some(_))))?;
    let line = Line::new(came, events.clone())?;

    let reader = pty.master.try_clone_reader();
    let writer = pty.master.take_writer();
    let opened =
        |error: anyhow::Error| LaunchError::before("use the agent's terminal")(io::Error::other(error));
    let screen = Arc::new(Screen::default());
    let gate = Arc::new(Gate::default());
    let seen = screen.clone();
    let (output, keys) = (reader.map_err(opened)?, writer.map_err(opened)?);
    on_a_thread("screen", move || {
        seen.copy(output);
        let _ = events.send(Event::OutputEnded);
    })?;
    let pty = Arc::new(Pty { master: Mutex::new(pty.master), single_keys: AtomicBool::new(false) });
    let (passes, looked_at) = (gate.clone(), pty.clone());
    on_a_thread("keyboard", move || type_into(keys, &passes, || looked_at.look_at_keys()))?;

    let terminal = UsersTerminal::take();
    gate.open();
    let mut watch = Watch { line, pty, terminal, screen, gate, state: State::Foreground };
    watch.line.say(&Order::Launch(launch.clone(), Seat::Terminal));
    let ended = loop {
        let patience = (watch.state == State::Background).then_some(Duration::from_millis(200));
        match next(&inbox, patience) {
            None => watch.maybe_in_front_again(),
            Some(Event::Signal(SIGWINCH)) => watch.resize(),
            Some(Event::Signal(SIGCONT)) => watch.went_on(),
            Some(Event::Signal(signal)) => watch.line.say(&Order::Signal(signal)),
            Some(Event::Report(Report::Stopped(_))) => watch.stop(),
            Some(Event::Report(report)) => match watch.line.note(report, launch) {
                Ok(None) => {}
                Ok(Some(ended)) => break Ok(ended),
                Err(error) => break Err(error),
            },
            Some(Event::LeaderGone) => break Ok(watch.line.leader_died()),
            Some(Event::OutputEnded) => {}
        }
    };
    // What is typed from now on is for the shell.
    watch.gate.close();
    watch.screen.drain();
    drop(watch);
    let _ = leader.wait();
    ended
}

/// Who has the user's terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The agent, through us.
    Foreground,
    /// The shell; the agent is stopped.
    Stopped,
    /// The shell; the agent runs on without keys.
    Background,
}

struct Watch {
    line: Line,
    pty: Arc<Pty>,
    terminal: UsersTerminal,
    screen: Arc<Screen>,
    gate: Arc<Gate>,
    state: State,
}

impl Watch {
    /// The agent was stopped: gives the terminal back and stops too, as a part of the same job.
    fn stop(&mut self) {
        self.pty.look_at_keys();
        self.gate.close();
        self.screen.settle(Duration::from_millis(20), Duration::from_millis(500));
        self.terminal.give_back();
        self.state = State::Stopped;
        wait_stopped(Signal::TSTP);
        self.go_on();
    }

    /// Goes on after a stop, in front or behind, as the shell wants it.
    fn go_on(&mut self) {
        while !in_foreground() && self.pty.single_keys.load(Ordering::SeqCst) {
            // As the agent itself would be, which asks for the terminal at once.
            wait_stopped(Signal::TTIN);
        }
        self.state = State::Background;
        self.maybe_in_front_again();
        self.line.say(&Order::Continue);
    }

    fn maybe_in_front_again(&mut self) {
        if in_foreground() {
            self.terminal = UsersTerminal::take();
            self.resize();
            self.gate.open();
            self.state = State::Foreground;
        }
    }

    /// We were continued: the shell may have changed the terminal, and its size.
    fn went_on(&mut self) {
        if self.state == State::Foreground && in_foreground() {
            self.terminal.make_raw();
            self.resize();
        }
    }

    fn resize(&self) {
        self.pty.resize(size());
    }
}

/// The agent's terminal, seen from our side.
struct Pty {
    master: Mutex<Box<dyn MasterPty + Send>>,
    /// True once the agent has read single keys: what does that needs the terminal, and does not run behind it.
    single_keys: AtomicBool,
}

impl Pty {
    fn resize(&self, size: PtySize) {
        let _ = self.master.lock().unwrap_or_else(PoisonError::into_inner).resize(size);
    }

    /// Takes note of how the agent reads.
    fn look_at_keys(&self) {
        if !self.single_keys.load(Ordering::SeqCst) {
            let termios = self.master.lock().unwrap_or_else(PoisonError::into_inner).get_termios();
            let line_by_line = LocalModes::ICANON.bits();
            let single = termios.is_some_and(|termios| termios.local_flags.bits() & line_by_line == 0);
            self.single_keys.store(single, Ordering::SeqCst);
        }
    }
}

/// True when our process group has the user's terminal.
fn in_foreground() -> bool {
    tcgetpgrp(stdin()).is_ok_and(|group| group == getpgrp())
}

/// Stops our process group and comes back when it goes on; at once where nobody could continue it.
fn wait_stopped(signal: Signal) {
    let _ = kill_current_process_group(signal);
    // The stop may take a moment to reach every thread.
    std::thread::sleep(Duration::from_millis(50));
}

fn size() -> PtySize {
    match tcgetwinsize(stdout()) {
        Ok(size) => PtySize {
            rows: size.ws_row,
            cols: size.ws_col,
            pixel_width: size.ws_xpixel,
            pixel_height: size.ws_ypixel,
        },
        Err(_) => PtySize::default(),
    }
}

/// Gives the agent's terminal the settings of the user's.
fn dress(master: &dyn MasterPty, users: &Termios) {
    let Some(name) = master.tty_name() else { return };
    if let Ok(slave) = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
    {
        let _ = tcsetattr(slave, OptionalActions::Now, users);
    }
}

/// The user's terminal, raw for as long as this lives.
struct UsersTerminal {
    before: Option<Termios>,
}

/// What to give back when a panic ends us: the hook has no other way to know.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

impl UsersTerminal {
    fn take() -> UsersTerminal {
        let terminal = UsersTerminal { before: tcgetattr(stdin()).ok() };
        terminal.make_raw();
        terminal
    }

    fn make_raw(&self) {
        let Some(before) = &self.before else { return };
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before.clone());
        let mut raw = before.clone();
        raw.make_raw();
        let _ = tcsetattr(stdin(), OptionalActions::Now, &raw);
    }

    fn give_back(&mut self) {
        if let Some(before) = self.before.take() {
            *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = None;
            let _ = tcsetattr(stdin(), OptionalActions::Now, &before);
        }
    }
}

impl Drop for UsersTerminal {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Gives the terminal back from wherever we are; does nothing when it was not taken.
pub(super) fn give_back_at_once() {
    if let Ok(mut before) = BEFORE.try_lock()
        && let Some(before) = before.take()
    {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &before);
    }
}

/// Whether keys may be read: not while the shell has the terminal.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn close(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }

    fn pass(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(open, |open| !*open).unwrap_or_else(PoisonError::into_inner));
    }
}

/// Copies keys to the agent until there are no more; `before` is told of each before the agent is.
fn type_into(mut agent: Box<dyn Write + Send>, gate: &Gate, before: impl Fn()) {
    let mut keys = [0; 4096];
    loop {
        let _ = poll(&mut [PollFd::new(&stdin(), PollFlags::IN)], None);
        gate.pass();
        match rustix::io::read(stdin(), &mut keys) {
            Ok(0) => break,
            Ok(read) => {
                before();
                if agent.write_all(&keys[..read]).is_err() {
                    break;
                }
            }
            Err(Errno::INTR) => {}
            // Behind a shell that does not stop us, or not ready after all.
            Err(Errno::AGAIN | Errno::IO) => std::thread::sleep(Duration::from_millis(50)),
            Err(_) => break,
        }
    }
    // Its end would type an end-of-file into the agent's terminal.
    std::mem::forget(agent);
}

/// The agent's output on its way to the user.
#[derive(Default)]
struct Screen {
    bytes: AtomicU64,
    writing: AtomicBool,
    ended: AtomicBool,
}

impl Screen {
    /// Copies the agent's output until it ends. A user who has gone does not hold the agent up.
    fn copy(&self, mut output: Box<dyn Read + Send>) {
        let mut bytes = vec![0; 64 << 10];
        let mut user_is_there = true;
        loop {
            match output.read(&mut bytes) {
                Ok(0) => break,
                Ok(read) => {
                    self.writing.store(true, Ordering::SeqCst);
                    user_is_there = user_is_there && write_all(&bytes[..read]).is_ok();
                    self.bytes.fetch_add(read as u64, Ordering::SeqCst);
                    self.writing.store(false, Ordering::SeqCst);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.ended.store(true, Ordering::SeqCst);
    }

    /// Waits until nothing more has come for `quiet`, at most about `patience` in which nothing moved.
    fn settle(&self, quiet: Duration, patience: Duration) {
        const STEP: Duration = Duration::from_millis(5);
        let (mut still, mut waited) = (Duration::ZERO, Duration::ZERO);
        let mut before = self.bytes.load(Ordering::SeqCst);
        while still < quiet && waited < patience && !self.ended.load(Ordering::SeqCst) {
            std::thread::sleep(STEP);
            let now = self.bytes.load(Ordering::SeqCst);
            let moved = now != before || self.writing.load(Ordering::SeqCst);
            still = if moved { Duration::ZERO } else { still + STEP };
            waited = if now != before { Duration::ZERO } else { waited + STEP };
            before = now;
        }
    }

    /// Waits until all output of an agent that has ended is out. What it left running may hold its terminal open
    /// for ever: that is not waited for.
    fn drain(&self) {
        while !self.ended.load(Ordering::SeqCst) {
            let before = self.bytes.load(Ordering::SeqCst);
            self.settle(Duration::from_millis(250), Duration::from_secs(3600));
            if self.bytes.load(Ordering::SeqCst) == before {
                break;
            }
        }
    }
}

fn write_all(mut bytes: &[u8]) -> rustix::io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(stdout(), bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => drop(poll(&mut [PollFd::new(&stdout(), PollFlags::OUT)], None)),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

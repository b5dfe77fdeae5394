//! The leader: a tiny mode of our own program that stands between headroom and the agent.
//!
//! In a terminal of its own the agent would lead the session, and its process group
//! would be an orphan, which cannot be stopped. So the leader leads, and puts the
//! agent into a group of its own in the foreground: Ctrl-Z works. In every mode it
//! watches its line to headroom: when headroom dies, the agent is ended, and does not
//! go on talking to a dead port. *Invariant:* touches no byte of the agent's input or
//! output.

use super::plan::Launch;
use super::signals::{PASSED_ON, Signals};
use super::words::{Order, Report, Seat};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, kill_process, kill_process_group, test_kill_process_group, waitpid,
};
use rustix::stdio::stdin;
use rustix::termios::{tcgetpgrp, tcsetpgrp};
use signal_hook::consts::signal::{SIGCHLD, SIGTTIN, SIGTTOU};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Leads: takes the launch from `socket`, starts the agent, reports on it, and ends with it.
///
/// `own_program` is started once more when something of the agent's outlives it in the foreground.
///
/// # Errors
/// When the line to headroom can't be made or breaks before the launch.
pub fn lead(socket: &Path, own_program: &Path) -> io::Result<()> {
    let signals = Signals::listen(PASSED_ON.into_iter().chain([SIGCHLD]))?;
    let mut headroom = UnixStream::connect(socket)?;
    let Some(Order::Launch(launch, seat)) = Order::read(&mut headroom)? else { return Ok(()) };
    match start(&launch, seat) {
        Ok(agent) => {
            let _ = Report::Started(agent.as_raw_nonzero().get()).write(&mut headroom);
            let mut leader =
                Leader { agent, seat, headroom, signals, unmatched: BTreeSet::new(), stopped: false };
            let ended = leader.watch();
            leader.leave_the_foreground(own_program);
            let _ = ended.map(|report| report.write(&mut leader.headroom));
        }
        Err(error) => {
            let _ = Report::Failed(error.raw_os_error().unwrap_or(0)).write(&mut headroom);
        }
    }
    Ok(())
}

/// Gives the foreground of our terminal to the group of `leader`; run inside the agent's group, which has it.
///
/// # Errors
/// When the group is not in the foreground.
pub fn give_foreground_to(leader: i32) -> io::Result<()> {
    let leader = Pid::from_raw(leader).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(tcsetpgrp(stdin(), leader)?)
}

fn start(launch: &Launch, seat: Seat) -> io::Result<Pid> {
    let mut command = Command::new(&launch.program);
    command.arg0(&launch.name).args(&launch.arguments).env_clear().envs(launch.environment.iter());
    if seat == Seat::Terminal {
        command.process_group(0);
    }
    let child = command.spawn()?;
    let agent = Pid::from_child(&child);
    if seat == Seat::Terminal {
        // An agent that was faster than this has been stopped for reading; `stopped` lets it go on.
        let _ = tcsetpgrp(stdin(), agent);
    }
    Ok(agent)
}

/// How long the agent has to end by itself once headroom has died.
const GRACE: Duration = Duration::from_millis(700);
/// How long a signal that came to us may stay unmatched by headroom before it is taken for ours alone. Nobody sends us
/// one on purpose, and on a busy machine headroom may be late: better late than twice.
const MATCHING: Duration = Duration::from_secs(2);
/// How long a stop must last to be more than the moment between a group's stop and its going on.
const LASTING: Duration = Duration::from_millis(20);

struct Leader {
    agent: Pid,
    seat: Seat,
    headroom: UnixStream,
    signals: Signals,
    /// Signals that came to us and, so far, not to headroom.
    unmatched: BTreeSet<i32>,
    stopped: bool,
}

impl Leader {
    /// Watches until the agent has ended; `None` when headroom has died before.
    fn watch(&mut self) -> Option<Report> {
        loop {
            let patience = (!self.unmatched.is_empty()).then_some(MATCHING);
            let heard = self.wait(patience);
            self.signals.hush();
            while let Some(status) = self.look(WaitOptions::UNTRACED | WaitOptions::CONTINUED) {
                if let Some(ended) = ended(status).or_else(|| self.stopped_or_continued(status)) {
                    return Some(ended);
                }
            }
            match heard {
                Heard::Headroom => match Order::read(&mut self.headroom) {
                    Ok(Some(order)) => self.follow(order),
                    Ok(None) | Err(_) => {
                        self.end_the_agent();
                        return None;
                    }
                },
                Heard::Nothing => {
                    for signal in std::mem::take(&mut self.unmatched) {
                        self.pass_on(signal);
                    }
                }
                Heard::Bell => {}
            }
            while let Some(signal) = self.signals.take() {
                match self.seat {
                    _ if signal == SIGCHLD => {}
                    Seat::Terminal => self.pass_on(signal),
                    Seat::Ours => drop(self.unmatched.insert(signal)),
                }
            }
        }
    }

    /// Waits for a word or a signal, at most `patience`.
    fn wait(&self, patience: Option<Duration>) -> Heard {
        let mut both =
            [PollFd::new(&self.headroom, PollFlags::IN), PollFd::new(self.signals.bell(), PollFlags::IN)];
        let patience = patience.and_then(|patience| Timespec::try_from(patience).ok());
        match poll(&mut both, patience.as_ref()) {
            Ok(0) => Heard::Nothing,
            Ok(_) if !both[0].revents().is_empty() => Heard::Headroom,
            _ => Heard::Bell,
        }
    }

    fn look(&self, what: WaitOptions) -> Option<WaitStatus> {
        waitpid(Some(self.agent), what | WaitOptions::NOHANG).ok().flatten().map(|(_, status)| status)
    }

    fn follow(&mut self, order: Order) {
        match order {
            Order::Launch(..) => {}
            // A signal that came to both of us came to the whole group, and so to the agent.
            Order::Signal(signal) if self.seat == Seat::Ours && self.came_to_us_too(signal) => {}
            Order::Signal(signal) => self.pass_on(signal),
            Order::Continue => {
                if self.seat == Seat::Terminal {
                    let _ = tcsetpgrp(stdin(), self.agent);
                }
                self.let_go_on();
            }
        }
    }

    fn came_to_us_too(&mut self, signal: i32) -> bool {
        self.unmatched.remove(&signal) || self.signals.take_this(signal)
    }

    fn pass_on(&self, signal: i32) {
        let Some(signal) = Signal::from_named_raw(signal) else { return };
        // What hangs up a terminal hangs up everything in its foreground.
        let _ = match self.seat {
            Seat::Terminal if signal == Signal::HUP => kill_process_group(self.agent, signal),
            _ => kill_process(self.agent, signal),
        };
    }

    fn let_go_on(&self) {
        let _ = match self.seat {
            Seat::Terminal => kill_process_group(self.agent, Signal::CONT),
            Seat::Ours if self.stopped => kill_process(self.agent, Signal::CONT),
            Seat::Ours => Ok(()),
        };
    }

    /// Reports a stop, or the end of one; gives the agent's end when that is what comes next.
    fn stopped_or_continued(&mut self, status: WaitStatus) -> Option<Report> {
        let Some(signal) = status.stopping_signal() else {
            if std::mem::take(&mut self.stopped) {
                let _ = Report::Continued.write(&mut self.headroom);
            }
            return None;
        };
        match self.seat {
            Seat::Terminal => {
                let for_reading = signal == SIGTTIN || signal == SIGTTOU;
                if for_reading && tcgetpgrp(stdin()).is_ok_and(|group| group == self.agent) {
                    // It was faster than we were at giving it the foreground.
                    self.let_go_on();
                    return None;
                }
            }
            Seat::Ours => {
                // When the whole group is stopped and goes on, we may see the agent's stop late.
                std::thread::sleep(LASTING);
                match self.look(WaitOptions::CONTINUED) {
                    Some(status) if status.continued() => return None,
                    Some(status) => return ended(status),
                    None => {}
                }
            }
        }
        self.stopped = true;
        let _ = Report::Stopped(signal).write(&mut self.headroom);
        None
    }

    /// Headroom has died: asks the agent to end, and ends it.
    fn end_the_agent(&self) {
        let below = descendants(self.agent);
        let everything = |signal| match self.seat {
            Seat::Terminal => kill_process_group(self.agent, signal),
            Seat::Ours => kill_process(self.agent, signal),
        };
        let _ = everything(Signal::TERM);
        let _ = everything(Signal::CONT);
        if !self.ends_within(GRACE) {
            let _ = everything(Signal::KILL);
            self.ends_within(GRACE);
        }
        if self.seat == Seat::Terminal {
            let _ = kill_process_group(self.agent, Signal::KILL);
        }
        for pid in below {
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    fn ends_within(&self, patience: Duration) -> bool {
        const STEP: Duration = Duration::from_millis(10);
        for _ in 0..patience.as_millis() / STEP.as_millis() {
            // Gone, or not ours any more: ended either way.
            match waitpid(Some(self.agent), WaitOptions::NOHANG) {
                Ok(None) => std::thread::sleep(STEP),
                _ => return true,
            }
        }
        false
    }

    /// When the leader of a session ends, the group in the foreground is hung up. What the agent left running there
    /// would live on without us, so it is put into the background first.
    ///
    /// Only a member of the group in the foreground may do that: one of us joins it for a moment.
    fn leave_the_foreground(&self, own_program: &Path) {
        if self.seat == Seat::Terminal && test_kill_process_group(self.agent).is_ok() {
            let own = rustix::process::getpid().as_raw_nonzero().get();
            let mut helper = Command::new(own_program);
            helper.args(["__leader", "--give-foreground-to", &own.to_string()]);
            helper.process_group(self.agent.as_raw_nonzero().get());
            let _ = helper.status();
        }
    }
}

enum Heard {
    Headroom,
    Bell,
    Nothing,
}

fn ended(status: WaitStatus) -> Option<Report> {
    status.exit_status().map(Report::Exited).or_else(|| status.terminating_signal().map(Report::Killed))
}

/// Every process below `root`, as far as this system tells: from its process table in files, else from `ps`.
fn descendants(root: Pid) -> Vec<Pid> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for (pid, parent) in process_table() {
        children.entry(parent).or_default().push(pid);
    }
    let mut found = Vec::new();
    let mut open = vec![root.as_raw_nonzero().get()];
    while let Some(parent) = open.pop() {
        for pid in children.remove(&parent).unwrap_or_default() {
            found.extend(Pid::from_raw(pid));
            open.push(pid);
        }
    }
    found
}

/// Processes, each with its parent.
fn process_table() -> Vec<(i32, i32)> {
    let from_file = |entry: std::fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // `pid (name) state parent …`, and a name may hold anything.
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        Some((pid, parent))
    };
    let files = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let table: Vec<(i32, i32)> = files.filter_map(from_file).collect();
    if !table.is_empty() {
        return table;
    }
    let told = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output();
    let told = told.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let pair = |line: &str| {
        let (pid, parent) = line.trim().split_once(char::is_whitespace)?;
        Some((pid.parse().ok()?, parent.trim().parse().ok()?))
    };
    told.lines().filter_map(pair).collect()
}

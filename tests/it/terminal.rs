//! `headroom wrap` in a terminal: keys, screen, size, job control, and what is left behind.

use crate::world::{PATIENCE, World, eventually};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A terminal with a program in it, and somebody who types and looks.
#[must_use = "look at it"]
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    screen: Arc<Mutex<Vec<u8>>>,
    /// How much of the screen has been looked at.
    seen: usize,
    settings: String,
}

impl Terminal {
    /// Starts a prepared command in a terminal of 100 columns and 30 rows.
    #[track_caller]
    pub fn start(command: &Command) -> Terminal {
        let size = PtySize { rows: 30, cols: 100, pixel_width: 0, pixel_height: 0 };
        let pty = native_pty_system().openpty(size).expect("a terminal");
        let mut builder = CommandBuilder::new(command.get_program());
        builder.args(command.get_args());
        builder.env_clear();
        for (name, value) in command.get_envs() {
            builder.env(name, value.unwrap_or_default());
        }
        builder.cwd(command.get_current_dir().unwrap_or(Path::new(".")));
        let settings = settings(pty.master.as_ref());
        let child = pty.slave.spawn_command(builder).expect("the program starts");
        let mut output = pty.master.try_clone_reader().expect("a reader");
        let screen = Arc::new(Mutex::new(Vec::new()));
        let shown = screen.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 65536];
            while let Ok(read @ 1..) = output.read(&mut bytes) {
                shown.lock().expect("no reader panics").extend(&bytes[..read]);
            }
        });
        // The test's own end of the terminal stays open, so that its settings can be read when all has ended.
        std::mem::forget(pty.slave);
        let keys = pty.master.take_writer().expect("a writer");
        Terminal { master: pty.master, keys, child, screen, seen: 0, settings }
    }

    /// Types.
    pub fn type_keys(&mut self, keys: impl AsRef<[u8]>) -> &mut Terminal {
        self.keys.write_all(keys.as_ref()).expect("the terminal takes keys");
        self
    }

    /// Waits until `text` stands on what has not been looked at yet.
    #[track_caller]
    pub fn sees(&mut self, text: &str) -> &mut Terminal {
        let began = Instant::now();
        loop {
            let screen = self.screen.lock().expect("no writer panics").clone();
            let unseen = &screen[self.seen..];
            if let Some(at) = unseen.windows(text.len()).position(|window| window == text.as_bytes()) {
                self.seen += at + text.len();
                return self;
            }
            let shown = String::from_utf8_lossy(unseen).into_owned();
            assert!(began.elapsed() < PATIENCE, "never on the screen: {text:?}; it shows {shown:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Everything that was ever shown.
    pub fn shown(&self) -> Vec<u8> {
        self.screen.lock().expect("no writer panics").clone()
    }

    /// Makes the window another size.
    pub fn resize(&self, rows: u16, cols: u16) {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        self.master.resize(size).expect("a new size");
    }

    /// The program's process id.
    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("it runs")
    }

    /// Waits for the program's end; gives its exit code.
    #[track_caller]
    pub fn ends(&mut self) -> u32 {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                return status.exit_code();
            }
            let shown = String::from_utf8_lossy(&self.shown()).into_owned();
            assert!(began.elapsed() < PATIENCE, "it never ends; the screen shows {shown:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The terminal's settings are what they were before the program began.
    #[track_caller]
    pub fn is_as_before(&self) {
        assert_eq!(settings(self.master.as_ref()), self.settings);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn settings(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().expect("the terminal's settings"))
}

/// A world whose agent is this shell script.
fn with_agent(script: &str) -> World {
    let mut world = World::new();
    let upstream = world.provider().base_url();
    world.set("ANTHROPIC_BASE_URL", &upstream);
    world.agent("claude", script);
    world
}

fn wrapped(world: &World) -> Terminal {
    Terminal::start(&world.headroom(&["wrap", "--quiet", "claude"]))
}

/// A shell with job control.
fn shell(world: &World) -> Terminal {
    let mut command = world.program(Path::new("/bin/bash"), &["--norc", "--noprofile", "--noediting", "-i"]);
    command.env("PS1", "prompt> ").env("HISTFILE", "/dev/null");
    let mut terminal = Terminal::start(&command);
    terminal.sees("prompt> ");
    terminal
}

/// What is typed into a shell to start the wrapped agent.
fn line(options: &str) -> String {
    format!("{} wrap --quiet {options} claude\n", env!("CARGO_BIN_EXE_headroom"))
}

fn tmp(world: &World) -> PathBuf {
    world.home().with_file_name("tmp")
}

#[track_caller]
fn number_in(path: &Path) -> u32 {
    eventually("the agent has started", || fs::read_to_string(path).is_ok_and(|text| text.ends_with('\n')));
    let text = fs::read_to_string(path).expect("it is there");
    fs::remove_file(path).expect("it is there");
    text.trim().parse().expect("a number")
}

fn kill(signal: &str, pid: u32) {
    let killed = Command::new("/bin/kill").args([signal, "--", &pid.to_string()]).status();
    assert!(killed.expect("kill runs").success());
}

fn alive(pid: u32) -> bool {
    let test =
        Command::new("/bin/kill").args(["-0", &pid.to_string()]).stderr(std::process::Stdio::null()).status();
    test.expect("kill runs").success()
}

#[test]
fn every_key_and_every_byte_of_the_screen_passes_exactly() {
    let mut world = with_agent(
        r#"[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo terminal
stty raw -echo
printf ready
dd bs=1 count=256 of="$TMPDIR/keys" 2>/dev/null
cat bytes
stty sane
exit 3"#,
    );
    let every: Vec<u8> = (0..=255).collect();
    let bytes: Vec<u8> = (0..300_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    world.file("work/bytes", &bytes);
    let mut terminal = wrapped(&world);
    terminal.sees("terminal\r\nready").type_keys(&every);
    assert_eq!(terminal.ends(), 3);
    terminal.is_as_before();
    let shown = terminal.shown();
    let at = shown.windows(5).position(|window| window == b"ready").expect("it was seen") + 5;
    eventually("the whole screen has come", || terminal.shown().len() - at == bytes.len());
    assert!(terminal.shown()[at..] == bytes);
    assert_eq!(fs::read(tmp(&world).join("keys")).expect("the agent wrote it"), every);
    fs::remove_file(tmp(&world).join("keys")).expect("it is there");
}

#[test]
fn an_interrupt_is_the_agents_to_answer() {
    let world = with_agent("trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.02; done");
    let mut terminal = wrapped(&world);
    terminal.sees("ready").type_keys("\x03").sees("caught");
    assert_eq!(terminal.ends(), 3);
    terminal.is_as_before();

    let world = with_agent("echo ready; while :; do sleep 0.02; done");
    let mut terminal = wrapped(&world);
    terminal.sees("ready").type_keys("\x03");
    assert_eq!(terminal.ends(), 130);
    terminal.is_as_before();
    let mut terminal = wrapped(&world);
    terminal.sees("ready").type_keys("\x1c");
    assert_eq!(terminal.ends(), 131);
    terminal.is_as_before();
}

#[test]
fn the_agent_sees_the_size_of_the_window_from_the_start_and_each_change() {
    let world = with_agent("trap 'stty size' WINCH; stty size; while :; do sleep 0.02; done");
    let mut terminal = wrapped(&world);
    terminal.sees("30 100");
    for (rows, cols) in [(40, 120), (1, 1), (50, 200)] {
        terminal.resize(rows, cols);
        terminal.sees(&format!("{rows} {cols}"));
    }
    terminal.type_keys("\x03");
    assert_eq!(terminal.ends(), 130);
}

#[test]
fn a_signal_to_headroom_reaches_the_agent_and_the_terminal_is_given_back() {
    for (signal, code) in [("-TERM", 143), ("-HUP", 129), ("-INT", 130), ("-QUIT", 131)] {
        let world = with_agent("stty raw -echo; printf ready; while :; do sleep 0.02; done");
        let mut terminal = wrapped(&world);
        terminal.sees("ready");
        kill(signal, terminal.pid());
        assert_eq!(terminal.ends(), code, "{signal}");
        terminal.is_as_before();
    }
    let world = with_agent(
        "trap 'stty sane; exit 9' TERM; stty raw -echo; printf ready; while :; do sleep 0.02; done",
    );
    let mut terminal = wrapped(&world);
    terminal.sees("ready");
    kill("-TERM", terminal.pid());
    assert_eq!(terminal.ends(), 9);
    terminal.is_as_before();
}

#[test]
fn an_agent_that_is_killed_is_shown_as_137_and_the_terminal_is_given_back() {
    let world = with_agent("stty raw -echo; printf ready; kill -9 $$");
    let mut terminal = wrapped(&world);
    terminal.sees("ready");
    assert_eq!(terminal.ends(), 137);
    terminal.is_as_before();
}

#[test]
fn when_headroom_is_killed_nothing_is_left_running() {
    for script in ["exec sleep 600", "trap '' TERM HUP; while :; do sleep 0.05; done", "sleep 600 & wait"] {
        let world = with_agent(&format!("echo $$ > \"$TMPDIR/pid\"\n{script}"));
        let mut terminal = wrapped(&world);
        let agent = number_in(&tmp(&world).join("pid"));
        kill("-KILL", terminal.pid());
        terminal.ends();
        eventually("the agent is gone", || !alive(agent));
    }
}

#[test]
fn a_stop_stops_the_whole_job_and_fg_goes_on_where_it_was() {
    // Line by line, and key by key: the second reads in raw mode, where the agent stops itself.
    let by_line = "echo ready; while IFS= read -r word; do echo \"got <$word> $(stty size)\"; [ \"$word\" = end ] && exit 4; done";
    let by_key = "old=$(stty -g); stty raw -echo; printf ready\n\
                  while :; do key=$(dd bs=1 count=1 2>/dev/null | od -An -tx1 | tr -d ' \\n')\n\
                  case $key in 1a) stty \"$old\"; kill -STOP $$; stty raw -echo; printf again;;\n\
                  65) stty \"$old\"; exit 4;; *) printf 'got <%s> %s' $key \"$(stty size)\";; esac; done";
    let cases = [
        ("", by_line, "one\n", "<one>", "end\n"),
        ("", by_key, "o", "<6f>", "e"),
        ("--no-pty", by_line, "one\n", "<one>", "end\n"),
        ("--no-pty", by_key, "o", "<6f>", "e"),
    ];
    for (options, script, keys, echo, end) in cases {
        let world = with_agent(script);
        let mut terminal = shell(&world);
        terminal.type_keys(line(options)).sees("\nready");
        terminal.type_keys(keys).sees(&format!("got {echo} 30 100"));
        for (rows, cols) in [(20, 80), (33, 90)] {
            terminal.type_keys("\x1a").sees("Stopped").sees("prompt> ");
            // The shell has the terminal, as it was.
            terminal.type_keys(
                "stty -a | tr ' ' '\\n' | grep -x -e isig -e icanon -e echo | sort | tr '\\n' '+'\n",
            );
            terminal.sees("\necho+icanon+isig+");
            terminal.type_keys("jobs\n").sees("Stopped").sees("prompt> ");
            terminal.resize(rows, cols);
            terminal.type_keys("fg\n").sees("claude");
            terminal.type_keys(keys).sees(&format!("got {echo} {rows} {cols}"));
        }
        terminal.type_keys(end).sees("prompt> ").type_keys("echo code=$?\n").sees("\ncode=4");
        terminal.type_keys("exit\n");
        assert_eq!(terminal.ends(), 0, "{options}");
    }
}

#[test]
fn bg_runs_on_what_needs_no_keys_and_stops_what_does() {
    let world = with_agent(
        "echo ready; while [ ! -e \"$TMPDIR/end\" ]; do sleep 0.02; done; echo done-behind; rm \"$TMPDIR/end\"",
    );
    let mut terminal = shell(&world);
    terminal.type_keys(line("")).sees("\nready");
    terminal.type_keys("\x1a").sees("Stopped").sees("prompt> ");
    terminal.type_keys("bg\n").sees("&").sees("prompt> ").type_keys("echo $((6 * 7))\n").sees("\n42");
    fs::write(tmp(&world).join("end"), "").expect("a file");
    terminal.sees("done-behind");
    terminal.type_keys("wait\nexit\n");
    terminal.ends();

    let world = with_agent(
        "old=$(stty -g); stty raw -echo; printf ready; dd bs=1 count=1 2>/dev/null; stty \"$old\"; kill -STOP $$; echo wrong; sleep 1",
    );
    let mut terminal = shell(&world);
    terminal.type_keys(line("")).sees("\nready");
    terminal.type_keys("\x1a").sees("Stopped").sees("prompt> ");
    terminal.type_keys("bg\n").sees("prompt> ");
    terminal.type_keys("sleep 0.3; jobs\n").sees("Stopped");
    terminal.type_keys("kill -KILL %1; exit\n").sees("exit");
    assert!(!String::from_utf8_lossy(&terminal.shown()).contains("wrong"));
}

#[test]
fn started_behind_it_waits_for_the_terminal() {
    let world = with_agent("echo ready; read -r word; echo \"got <$word>\"");
    let mut terminal = shell(&world);
    let behind = line("").replace('\n', " &\n");
    terminal.type_keys(behind).sees("prompt> ");
    // Asked of the shell whose job it is: other tests stop their own.
    terminal.type_keys("until jobs | grep -q Stopped; do sleep 0.05; done; echo it was''stopped\n");
    terminal.sees("it wasstopped").sees("prompt> ");
    terminal.type_keys("fg\n").sees("ready").type_keys("word\n").sees("got <word>").sees("prompt> ");
    terminal.type_keys("exit\n");
    terminal.ends();
}

#[test]
fn what_the_agent_leaves_running_lives_on_and_is_not_waited_for() {
    let world = with_agent(
        "sh -c 'trap \"echo hup > $TMPDIR/hup\" HUP; echo $$ > $TMPDIR/pid; while [ ! -e $TMPDIR/end ]; do sleep 0.02; done; rm $TMPDIR/end' &\n\
         while [ ! -e $TMPDIR/seen ]; do sleep 0.02; done; rm $TMPDIR/seen; echo bye",
    );
    let mut terminal = wrapped(&world);
    let left = number_in(&tmp(&world).join("pid"));
    fs::write(tmp(&world).join("seen"), "").expect("a file");
    terminal.sees("bye");
    assert_eq!(terminal.ends(), 0);
    terminal.is_as_before();
    std::thread::sleep(Duration::from_millis(300));
    assert!(alive(left), "without us it would have lived on too");
    assert!(!tmp(&world).join("hup").exists(), "and nobody would have hung it up");
    fs::write(tmp(&world).join("end"), "").expect("a file");
    eventually("it has ended", || !alive(left) && !tmp(&world).join("end").exists());
}

#[test]
fn the_last_line_is_said_on_a_terminal_and_nothing_while_the_agent_runs() {
    let world =
        with_agent(r#"echo begin; printf '%s\n' "$ANTHROPIC_BASE_URL" > "$TMPDIR/url"; read -r x; echo end"#);
    let mut terminal = Terminal::start(&world.headroom(&["wrap", "claude"]));
    terminal.sees("headroom: claude gets one read-only tool").sees("begin");
    let url = tmp(&world).join("url");
    eventually("the agent has started", || fs::read_to_string(&url).is_ok_and(|text| text.ends_with('\n')));
    let base_url = fs::read_to_string(&url).expect("it is there");
    fs::remove_file(&url).expect("it is there");
    let client = crate::world::Client::new(base_url.trim());
    assert_eq!(client.message(&crate::world::Talk::new("hello").body()).status, 200);
    terminal.type_keys("\n").sees("end").sees("headroom: ").sees("headroom stats");
    assert_eq!(terminal.ends(), 0);
    let shown = String::from_utf8_lossy(&terminal.shown()).into_owned();
    let during =
        shown.split("begin").nth(1).and_then(|rest| rest.split("end").next()).expect("both were seen");
    assert_eq!(during.trim(), "", "{shown}");
}

#[test]
fn without_a_terminal_of_its_own_the_agent_has_ours() {
    let world = with_agent(
        "trap 'echo caught; exit 6' INT; [ -t 0 ] && [ -t 1 ] && echo ready; while :; do sleep 0.02; done",
    );
    let mut terminal = Terminal::start(&world.headroom(&["wrap", "--quiet", "--no-pty", "claude"]));
    terminal.sees("ready").type_keys("\x03").sees("caught");
    assert_eq!(terminal.ends(), 6);
    assert_eq!(
        String::from_utf8_lossy(&terminal.shown()).matches("caught").count(),
        1,
        "one key, one interrupt"
    );
    terminal.is_as_before();
}

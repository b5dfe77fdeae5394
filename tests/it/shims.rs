//! `headroom shims`: typing an agent's own name, from every shell that is on this machine.

use crate::terminal::Terminal;
use crate::world::{World, skip, terminate};
use crate::wrap::Lines;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An agent that says whether headroom is around it, and its arguments.
const SAYS: &str =
    r#"printf 'wrapped=%s' "${HEADROOM_PROXY:+yes}"; for word in "$@"; do printf '[%s]' "$word"; done; echo"#;

/// A world in which `claude` is this script.
fn with_agent(script: &str) -> World {
    let mut world = World::new();
    let upstream = world.provider().base_url();
    world.set("ANTHROPIC_BASE_URL", &upstream);
    world.agent("claude", script);
    world
}

/// The same, with its launcher installed.
fn installed(script: &str) -> World {
    let world = with_agent(script);
    world.run(&["shims", "install", "claude"]).succeeded();
    world
}

fn shims(world: &World) -> PathBuf {
    world.headroom_home().join("shims")
}

fn root(world: &World) -> PathBuf {
    world.home().with_file_name("")
}

/// A PATH of these folders of the world, then the system's.
fn path(world: &World, folders: &[&str]) -> String {
    let folders = folders.iter().map(|folder| root(world).join(folder).display().to_string());
    folders.chain(["/usr/bin".to_owned(), "/bin".to_owned()]).collect::<Vec<_>>().join(":")
}

/// What the launcher runs, with the launchers first in the PATH.
fn typed(world: &World, arguments: &[&str]) -> Command {
    let mut command = world.program(&shims(world).join("claude"), arguments);
    command.env("PATH", path(world, &["headroom/shims", "bin"]));
    command
}

/// The shells of this machine among `names`; what is missing is said.
fn shells(names: &[&'static str]) -> Vec<(&'static str, PathBuf)> {
    let find = |name: &'static str| {
        let places = ["/bin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"];
        let found = places.iter().map(|place| Path::new(place).join(name)).find(|path| path.exists());
        if found.is_none() {
            skip(&format!("{name} is not installed, so launchers were not tried from it"));
        }
        found.map(|path| (name, path))
    };
    names.iter().filter_map(|name| find(name)).collect()
}

/// The line that is to be typed, as it was printed.
#[track_caller]
fn line(printed: &str) -> &str {
    let line = printed.lines().find(|line| line.starts_with("  ") && line.contains("PATH"));
    line.unwrap_or_else(|| panic!("no line for the PATH in\n{printed}")).trim()
}

#[test]
fn typing_the_name_runs_the_wrapped_agent_from_every_shell() {
    for (name, shell) in shells(&["sh", "bash", "dash", "zsh", "fish"]) {
        let mut world = with_agent(SAYS);
        world.may_leave("home/.config").may_leave("home/.local").may_leave("home/.cache");
        world.set("SHELL", &shell.to_string_lossy());
        let printed = world.run(&["shims", "install"]).succeeded();
        assert!(printed.contains("claude: installed; it runs "), "{printed}");
        let typed = format!("{}\nclaude -p 'a  b' '' '*'", line(&printed));
        let ran = world.finish(world.program(&shell, &["-c", &typed])).succeeded();
        assert!(ran.starts_with("wrapped=yes[--mcp-config]"), "{name}: {ran}");
        assert!(ran.ends_with("[-p][a  b][][*]\n"), "{name}: {ran}");
        let without = format!("{}\nexport HEADROOM=off\nclaude -p 'a  b' '' '*'", line(&printed));
        let without =
            if name == "fish" { without.replace("export HEADROOM=", "set -gx HEADROOM ") } else { without };
        let ran = world.finish(world.program(&shell, &["-c", &without])).succeeded();
        assert_eq!(ran, "wrapped=[-p][a  b][][*]\n", "{name}");
    }
}

#[test]
fn whatever_stands_in_the_path_of_headrooms_folder_every_shell_reads_it_right() {
    for (name, shell) in shells(&["sh", "bash", "zsh", "fish"]) {
        let mut world = with_agent(SAYS);
        world.may_leave("home/.config").may_leave("home/.local").may_leave("home/.cache").may_leave("tmp");
        let odd = root(&world).join("tmp/it's $HOME `x` \\ \"odd\" *");
        world.set("HEADROOM_HOME", &odd.to_string_lossy()).set("SHELL", &shell.to_string_lossy());
        world.set("HEADROOM", "off");
        let printed = world.run(&["shims", "install", "claude", "--write-path"]).succeeded();
        assert!(printed.contains("was written at the end of"), "{printed}");
        let printed = world.run(&["shims", "install", "claude"]).succeeded();
        let typed = format!("{}\ncommand -v claude\nclaude x", line(&printed));
        let ran = world.finish(world.program(&shell, &["-c", &typed])).succeeded();
        assert_eq!(ran, format!("{}/shims/claude\nwrapped=[x]\n", odd.display()), "{name}");
        let said = world.run(&["shims", "remove"]).succeeded();
        assert!(said.contains("took the line for the PATH out of ~/"), "{said}");
    }
}

#[test]
fn the_start_up_file_is_written_when_asked_for_and_is_as_it_was_afterwards() {
    let cases: [(&str, &str, &[&str], &str); 4] = [
        ("bash", "home/.bashrc", &["-i", "-c"], "# mine\nalias x=y"),
        ("zsh", "home/.zshrc", &["-i", "-c"], "setopt no_beep\n"),
        ("dash", "home/.profile", &["-c"], "umask 022\n"),
        ("fish", "home/.config/fish/config.fish", &["-c"], "set -g mine 1\n"),
    ];
    for (name, file, flags, text) in cases {
        let [(_, shell)] = &shells(&[name])[..] else { continue };
        let mut world = with_agent(SAYS);
        let file = world.file(file, text);
        world.may_leave("home/.config").may_leave("home/.local").may_leave("home/.cache");
        world.set("SHELL", &shell.to_string_lossy());
        world.run(&["shims", "install"]).succeeded();
        assert_eq!(fs::read_to_string(&file).expect("it is there"), text, "nothing is written unasked");
        let said = world.run(&["shims", "install", "--write-path"]).succeeded();
        assert!(said.contains("was written at the end of ~/"), "{said}");
        let written = fs::read(&file).expect("it is there");
        let said = world.run(&["shims", "install", "--write-path"]).succeeded();
        assert!(said.contains("is in ~/"), "{said}");
        assert_eq!(fs::read(&file).expect("it is there"), written, "twice is once");

        // A login session would begin with the system's own file, and with its PATH.
        let typed = if name == "dash" { ". ~/.profile; claude hello" } else { "claude hello" };
        let arguments: Vec<&str> = flags.iter().copied().chain([typed]).collect();
        let ran = world.finish(world.program(shell, &arguments));
        assert!(ran.stdout().contains("wrapped=yes["), "{name}: {}", ran.both());
        let said = world.run(&["shims", "remove"]).succeeded();
        assert!(said.contains("took the line for the PATH out of ~/"), "{said}");
        assert_eq!(fs::read_to_string(&file).expect("it is there"), text, "{name}");
        let ran = world.finish(world.program(shell, &arguments));
        assert!(ran.stdout().ends_with("wrapped=[hello]\n"), "{name}: {}", ran.both());
    }
}

#[test]
fn a_start_up_file_that_was_not_there_is_gone_afterwards() {
    let mut world = with_agent(SAYS);
    for shell in ["sh", "bash", "zsh", "fish"] {
        world.run(&["shims", "install", "--write-path", "--shell", shell]).succeeded();
    }
    world.run(&["shims", "remove"]).succeeded();
    assert_eq!(fs::read_dir(world.home()).expect("a folder").count(), 0);
    assert!(!shims(&world).exists());
    assert_eq!(world.run(&["shims", "remove"]).succeeded(), "There is no launcher.\n");
    world.set("SHELL", "/usr/bin/nu");
    let said = world.run(&["shims", "install", "--write-path"]).failed_with(2);
    assert!(said.contains("the start-up file of /usr/bin/nu is not known"), "{said}");
    world.run(&["shims", "remove"]).succeeded();
}

#[test]
fn installing_twice_gives_the_same_bytes_and_removing_leaves_no_trace() {
    let mut world = with_agent(SAYS);
    let before = fs::read_dir(world.headroom_home()).expect("a folder").count();
    assert_eq!(before, 0);
    world.run(&["shims", "install", "claude"]).succeeded();
    let launcher = shims(&world).join("claude");
    let look = || {
        let meta = fs::metadata(&launcher).expect("it is there");
        (fs::read(&launcher).expect("it is there"), meta.ino(), meta.permissions().mode() & 0o777)
    };
    let first = look();
    assert_eq!(first.2, 0o755);
    let said = world.run(&["shims", "install", "claude"]).succeeded();
    assert!(said.contains("claude: is installed"), "{said}");
    assert_eq!(look(), first);

    // What it calls is this headroom, by the name that stays when a newer one takes its place.
    let link = world.file("with/headroom", "");
    fs::remove_file(&link).expect("it is there");
    symlink(env!("CARGO_BIN_EXE_headroom"), &link).expect("a link");
    let mut again = world.headroom(&["shims", "install", "claude"]);
    again.env("PATH", path(&world, &["with", "bin"]));
    assert!(world.finish(again).succeeded().contains("claude: renewed"));
    let text = fs::read_to_string(&launcher).expect("text");
    assert!(text.contains(&format!("headroom='{}'", link.display())), "{text}");

    let said = world.run(&["shims", "remove", "claude"]).succeeded();
    assert!(said.contains(&format!("removed {}", launcher.display())), "{said}");
    assert!(!world.headroom_home().exists(), "nothing was in it but the launcher");
    fs::create_dir(world.headroom_home()).expect("a folder");
}

#[test]
fn each_agent_has_a_launcher_of_its_own_by_its_program() {
    let mut world = with_agent(SAYS);
    world.agent("tool", SAYS);
    world.file(
        "headroom/agents/other.toml",
        "name = \"other\"\ntitle = \"Other\"\nbinary = \"tool\"\nwire = \"anthropic\"\n\
         [upstream]\ndefault = \"https://example.com\"\nvariables = [\"ANTHROPIC_BASE_URL\"]\n",
    );
    let said = world.run(&["shims", "install"]).succeeded();
    assert!(said.contains("claude: installed") && said.contains("tool: installed"), "{said}");
    let run = |program: &str| {
        let mut command = world.program(&shims(&world).join(program), &["x"]);
        command.env("PATH", path(&world, &["headroom/shims", "bin"]));
        world.finish(command).succeeded()
    };
    assert!(run("claude").starts_with("wrapped=yes[--mcp-config]"));
    assert_eq!(run("tool"), "wrapped=yes[x]\n");
    let mut list = world.headroom(&["shims", "list", "--json"]);
    list.env("PATH", path(&world, &["headroom/shims", "bin"]));
    let list: Value = serde_json::from_str(&world.finish(list).succeeded()).expect("JSON");
    let rows: Vec<_> = list["launchers"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| format!("{} {} {}", row["agent"], row["program"], row["launcher"]).replace('"', ""))
        .collect();
    assert!(rows.contains(&"claude claude in_use".to_owned()), "{rows:?}");
    assert!(rows.contains(&"other tool in_use".to_owned()), "{rows:?}");
    let shown = world.run(&["shims", "list"]).succeeded();
    assert!(shown.contains("/bin/claude comes first in the PATH"), "{shown}");
    world.run(&["shims", "remove", "other"]).succeeded();
    assert!(shims(&world).join("claude").exists() && !shims(&world).join("tool").exists());
    world.run(&["shims", "install", "other"]).succeeded();
    fs::remove_file(world.headroom_home().join("agents/other.toml")).expect("it is there");
    let shown = world.run(&["shims", "list"]).succeeded();
    assert!(shown.contains("tool") && shown.contains("of an agent that is not known: remove it"), "{shown}");
    world.run(&["shims", "remove", "tool"]).succeeded();
    let said = world.run(&["shims", "install", "claude", "amp"]).failed_with(1);
    assert!(said.contains("Amp can't be run through headroom"), "{said}");
    let said = world.run(&["shims", "install", "clause"]).failed_with(2);
    assert!(said.contains("no agent is called `clause`"), "{said}");
}

/// A program as version managers put it into the PATH: it looks for the next one of its name, and becomes it.
const LOOKS_FOR_THE_NEXT: &str = r#"own=$(dirname "$0"); path=; rest=$PATH:
while [ -n "$rest" ]; do
    [ "${rest%%:*}" = "$own" ] || path=$path:${rest%%:*}
    rest=${rest#*:}
done
PATH=${path#:}; export PATH
exec "$(command -v claude)" "$@""#;

#[test]
fn a_launcher_never_comes_back_to_itself() {
    let mut world = installed("case $PATH in *shims*) exit 9 ;; esac; echo \"$HEADROOM_PROXY|$*\"");
    let manager = world.file("manager/claude", format!("#!/bin/sh\n{LOOKS_FOR_THE_NEXT}\n"));
    fs::set_permissions(&manager, fs::Permissions::from_mode(0o755)).expect("a mode");
    world.file("copy/claude", fs::read(shims(&world).join("claude")).expect("it is there"));
    world.file("hand made/tool", "");
    for place in ["copy/claude", "hand made/claude"] {
        let copy = world.file(place, fs::read(shims(&world).join("claude")).expect("it is there"));
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    let paths: [&[&str]; 5] = [
        &["headroom/shims", "headroom/shims", "bin"],
        &["headroom/shims", "copy", "bin"],
        &["copy", "headroom/shims", "manager", "copy", "bin"],
        &["manager", "headroom/shims", "bin"],
        &["hand made", "headroom/shims", "manager", "bin"],
    ];
    for folders in paths {
        for (variable, wrapped) in [("on", true), ("off", false)] {
            let mut command = world.program(Path::new("/bin/sh"), &["-c", "claude hello"]);
            command.env("PATH", path(&world, folders)).env("HEADROOM", variable);
            let printed = world.finish(command).succeeded();
            assert_eq!(printed.starts_with("http://127.0.0.1:"), wrapped, "{folders:?}: {printed}");
            assert!(printed.ends_with("hello\n"), "{printed}");
        }
    }
    let alone = |variable: &str| {
        let mut command = world.program(Path::new("/bin/sh"), &["-c", "claude hello"]);
        let launchers = format!("{}:{}", shims(&world).display(), root(&world).join("copy").display());
        command.env("PATH", launchers).env("HEADROOM", variable);
        world.finish(command).failed_with(127)
    };
    assert!(alone("on").contains("Claude Code was not found"));
    let said = alone("off");
    assert!(said.contains("claude: no such program in the PATH besides headroom's launcher"), "{said}");
}

#[test]
fn it_steps_aside_when_headroom_is_gone_or_another_or_can_not_run_or_is_off() {
    let world = installed(SAYS);
    let launcher = shims(&world).join("claude");
    let text = fs::read_to_string(&launcher).expect("text");
    let calling = |headroom: &str| {
        fs::write(&launcher, text.replace(env!("CARGO_BIN_EXE_headroom"), headroom)).expect("a file");
    };
    let others = root(&world).join("tmp");
    let other = |name: &str, text: &str| {
        let path = others.join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
        path.display().to_string()
    };
    let foreign = other("headroom", "#!/bin/sh\necho 'Error: No such command' >&2; exit 2\n");
    let for_another_machine = other("elsewhere", "\u{7f}ELF\u{2}\u{1}\u{1}\0 not for this one");
    for headroom in ["/nowhere/headroom", &foreign, &for_another_machine, "/", ""] {
        calling(headroom);
        let printed = world.finish(typed(&world, &["-p", "a b"])).succeeded();
        assert_eq!(printed, "wrapped=[-p][a b]\n", "calling {headroom:?}");
    }
    calling(env!("CARGO_BIN_EXE_headroom"));
    for (value, wrapped) in [("off", ""), ("OFF", ""), ("0", ""), ("False", ""), ("on", "yes"), ("", "yes")] {
        let mut command = typed(&world, &["x"]);
        command.env("HEADROOM", value);
        let printed = world.finish(command).succeeded();
        assert!(printed.starts_with(&format!("wrapped={wrapped}[")), "HEADROOM={value:?}: {printed}");
    }
    fs::remove_file(others.join("headroom")).expect("it is there");
    fs::remove_file(others.join("elsewhere")).expect("it is there");
}

#[test]
fn what_fails_before_the_launch_costs_a_word_and_not_the_agent() {
    let mut world = installed(SAYS);
    world.file("headroom/config.toml", "profil = 1\n");
    let ran = world.finish(typed(&world, &["-p", "a b"]));
    let printed = ran.succeeded_saying("claude is run without headroom");
    assert_eq!(printed, "wrapped=[-p][a b]\n");
    world.file("headroom/config.toml", "");
    world.file("headroom/agents/claude.toml", "name = ");
    assert_eq!(world.finish(typed(&world, &[])).succeeded_saying("claude.toml:1"), "wrapped=\n");
    let mut asked = world.headroom(&["wrap", "claude"]);
    asked.env("HEADROOM", "on");
    assert!(world.finish(asked).failed_with(2).contains("claude.toml:1"), "who types `wrap` wants it");
}

#[test]
fn bytes_in_and_out_and_exit_codes_are_those_of_the_agent() {
    let world = installed(r#"printf '%s\0' "$@"; cat; exit "${CODE:-0}""#);
    let mut odd: Vec<u8> = (1..=255).collect();
    odd.extend(b"--version -- -p mcp");
    let arguments = [OsStr::from_bytes(&odd), OsStr::new(""), OsStr::new("--"), OsStr::new("-x\n")];
    let stdin: Vec<u8> = (0..200_000u32).map(|number| (number % 251) as u8).collect();
    let file = root(&world).join("tmp/stdin");
    fs::write(&file, &stdin).expect("a file");
    let run = |program: &Path, code: &str, through: &str| {
        let mut command = world.program(program, &[]);
        command.args(arguments).env("CODE", code).env("HEADROOM", through);
        command.env("PATH", path(&world, &["headroom/shims", "bin"]));
        command.stdin(fs::File::open(&file).expect("a file"));
        let ran = world.finish(command);
        assert_eq!(ran.stderr(), "");
        (ran.code(), ran.output.stdout)
    };
    for code in ["0", "42"] {
        let direct = run(&root(&world).join("bin/claude"), code, "on");
        assert_eq!(run(&shims(&world).join("claude"), code, "off"), direct, "beside headroom");
        let (shown, bytes) = run(&shims(&world).join("claude"), code, "on");
        assert_eq!(shown, direct.0);
        assert!(bytes.ends_with(&direct.1), "the arguments and the input, to the byte");
    }
    fs::remove_file(&file).expect("it is there");
}

#[test]
fn version_and_mcp_and_help_are_the_agents_own_and_nothing_is_added() {
    let world = installed(SAYS);
    for arguments in [&["--version"][..], &["mcp", "list"], &["--help"], &["-v"], &["update"]] {
        let expected: String = arguments.iter().map(|word| format!("[{word}]")).collect();
        let printed = world.finish(typed(&world, arguments)).succeeded();
        assert_eq!(printed, format!("wrapped={expected}\n"));
    }
    let piped = "claude -p hi 2>&1 | tr a-z A-Z";
    let mut command = world.program(Path::new("/bin/sh"), &["-c", piped]);
    command.env("PATH", path(&world, &["headroom/shims", "bin"]));
    let printed = world.finish(command).succeeded();
    assert!(printed.starts_with("WRAPPED=YES[") && printed.lines().count() == 1, "{printed}");
}

#[test]
fn a_signal_to_the_launcher_reaches_the_agent() {
    for on in ["on", "off"] {
        let world = installed("trap 'echo told; exit 7' TERM; echo ready; while :; do sleep 0.05; done");
        let mut command = typed(&world, &[]);
        command.env("HEADROOM", on).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut lines = Lines::of(child.stdout.take().expect("a pipe"));
        lines.wait_for("ready");
        terminate(child.id());
        lines.wait_for("told");
        assert_eq!(child.wait().expect("it ends").code(), Some(7));
    }
}

#[test]
fn inside_a_running_wrap_the_same_proxy_serves_the_one_that_was_typed() {
    let world = installed(
        "echo \"$HEADROOM_PROXY $*\"; [ -n \"$INNER\" ] || INNER=yes PATH=$SHIMS:$PATH exec claude inner",
    );
    let mut command = typed(&world, &["outer"]);
    command.env("SHIMS", shims(&world));
    let printed = world.finish(command).succeeded();
    let proxies: Vec<&str> = printed.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(proxies.len(), 2, "{printed}");
    assert!(proxies[0] == proxies[1] && proxies[0].starts_with("http://127.0.0.1:"), "{printed}");
    assert!(printed.ends_with(" inner\n") && printed.matches("--mcp-config").count() == 2, "{printed}");
}

#[test]
fn on_a_terminal_it_is_said_what_differs() {
    let world = installed("[ -t 0 ] && [ -t 1 ] && echo at a terminal; exit 5");
    let mut terminal = Terminal::start(&typed(&world, &[]));
    terminal.sees("headroom: claude gets one read-only tool").sees("at a terminal");
    assert_eq!(terminal.ends(), 5);
}

#[test]
fn what_is_not_ours_in_the_folder_stays() {
    let world = installed(SAYS);
    let foreign = shims(&world).join("mine");
    fs::write(&foreign, "#!/bin/sh\n").expect("a file");
    let said = world.run(&["shims", "remove", "mine"]).failed_with(1);
    assert!(said.contains("is no launcher of headroom's; it was left as it is"), "{said}");
    world.run(&["shims", "remove"]).succeeded();
    assert!(foreign.exists() && !shims(&world).join("claude").exists());
    fs::remove_dir_all(shims(&world)).expect("it is there");
}

#[test]
fn only_launchers_of_this_very_headroom_go_when_it_is_uninstalled() {
    let world = installed(SAYS);
    let launcher = shims(&world).join("claude");
    let text = fs::read_to_string(&launcher).expect("text");
    fs::write(&launcher, text.replace(env!("CARGO_BIN_EXE_headroom"), "/opt/headroom")).expect("a file");
    world.run(&["shims", "remove", "--own"]).succeeded();
    assert!(launcher.exists());
    fs::write(&launcher, text).expect("a file");
    world.run(&["shims", "remove", "--own"]).succeeded();
    assert!(!launcher.exists());
}

//! `completions/`: that they are those of this command line, and that shells really complete with them.

use crate::terminal::Terminal;
use crate::world::{Talk, World, skip};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions")
}

/// Every file below, by its path from there.
fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(here) = open.pop() {
        for entry in fs::read_dir(&here).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("it lies there").to_owned();
                found.insert(name, fs::read_to_string(&path).expect("text"));
            }
        }
    }
    found
}

#[test]
fn the_completions_and_the_manual_are_those_of_this_command_line() {
    let mut world = World::new();
    let fresh = world.file("tmp/fresh/man/headroom-gone.1", "of a verb that there is no more");
    let fresh = fresh.ancestors().nth(2).expect("a folder").to_owned();
    world.may_leave("tmp/fresh");
    world.run(&["__completions", &fresh.to_string_lossy()]).succeeded();
    let (made, kept) = (files(&fresh), files(&folder()));
    for name in made.keys().chain(kept.keys()) {
        let name_shown = name.display();
        assert!(
            made.get(name) == kept.get(name),
            "completions/{name_shown} is stale: run `just completions`"
        );
    }
    assert!(made.len() > 15 && made.contains_key(Path::new("man/headroom-wrap.1")), "{:?}", made.keys());
    for (name, text) in &made {
        assert!(!text.contains("__leader"), "{}: hidden verbs are not shown", name.display());
    }
}

/// A world with `headroom` in its PATH.
fn world() -> World {
    let mut world = World::new();
    let link = world.file("bin/headroom", "");
    fs::remove_file(&link).expect("it is there");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_headroom"), &link).expect("a link");
    world.file("work/notes.txt", "");
    world
}

fn shell(name: &str) -> Option<PathBuf> {
    let places = ["/bin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"];
    let found = places.iter().map(|place| Path::new(place).join(name)).find(|path| path.exists());
    if found.is_none() {
        skip(&format!("{name} is not installed, so its completions were not tried"));
    }
    found
}

/// What bash offers for these words, the last of which is being typed.
fn bash_offers(world: &World, words: &[&str]) -> Vec<String> {
    let Some(bash) = shell("bash") else { return Vec::new() };
    let typed = format!(
        "source '{}'; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _headroom headroom \"${{@: -1}}\"; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        folder().join("headroom.bash").display()
    );
    let mut arguments = vec!["-c", &typed, "bash", "headroom"];
    arguments.extend(words);
    let printed = world.finish(world.program(&bash, &arguments)).succeeded();
    printed.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn bash_completes_verbs_flags_agents_and_sessions() {
    if shell("bash").is_none() {
        return;
    }
    let world = world();
    let proxy = world.proxy();
    let talk = Talk::new("hello");
    assert_eq!(proxy.client().message(&talk.body()).status, 200);
    proxy.drain();
    let sessions = bash_offers(&world, &["stats", "--session", ""]);
    let [session] = &sessions[..] else { panic!("one session: {sessions:?}") };
    world.run(&["stats", "--session", session]).succeeded();
    let cases: [(&[&str], &[&str]); 6] = [
        (&["wr"], &["wrap"]),
        (&["wrap", "clau"], &["claude"]),
        (&["shims", "remove", "claude", "clau"], &["claude"]),
        (&["stats", "--js"], &["--json"]),
        (&["stats", "--by", "=", "mo"], &["model"]),
        (&["stats", "--session", "no such"], &[]),
    ];
    for (words, expected) in cases {
        assert_eq!(bash_offers(&world, words), expected, "{words:?}");
    }
    assert_eq!(bash_offers(&world, &["stats", "--session", &session[..4]]), [session.as_str()]);
}

#[test]
fn fish_completes_and_says_what_each_means() {
    let Some(fish) = shell("fish") else { return };
    let mut world = world();
    world.may_leave("home/.config").may_leave("home/.local").may_leave("home/.cache");
    let offers = |line: &str| {
        let typed =
            format!("source '{}'; complete --do-complete '{line}'", folder().join("headroom.fish").display());
        world.finish(world.program(&fish, &["-c", &typed])).succeeded()
    };
    assert_eq!(offers("headroom wrap clau"), "claude\tClaude Code\n");
    assert!(offers("headroom shims ").starts_with("install\t"));
    assert_eq!(offers("headroom stats --by=mo"), "--by=model\n");
    assert_eq!(offers("headroom wrap claude -p not"), "notes.txt\n");
    assert_eq!(offers("headroom no"), "");
}

/// Types a line in `shell`, at a terminal, with a tab behind it, runs it, and leaves.
#[track_caller]
fn typed_with_tab(world: &World, shell: &Path, flags: &[&str], set_up: &str, line: &str, seen: &str) {
    let mut command = world.program(shell, flags);
    command.env("TERM", "xterm").env("PS1", "$ ").env("ZDOTDIR", world.home());
    let mut terminal = Terminal::start(&command);
    terminal.type_keys(format!("{set_up}; echo re''ady\r")).sees("ready");
    terminal.type_keys(format!("{line}\t; exit\r")).sees(seen).ends();
}

#[test]
fn at_a_terminal_a_tab_completes() {
    let mut world = world();
    world.agent("claude", "printf 'here I am:'; printf ' %s' \"$@\"; echo .");
    world.may_leave("home").may_leave("tmp");
    let script = |name: &str| folder().join(name).display().to_string();
    let (agent, file) = ("headroom wrap --off --no-mcp clau", "headroom wrap --off --no-mcp claude -p no");
    let mut shells: Vec<(PathBuf, &[&str], String)> = Vec::new();
    if let Some(bash) = shell("bash") {
        shells.push((bash, &["--norc", "-i"], format!("source '{}'", script("headroom.bash"))));
    }
    if let Some(zsh) = shell("zsh") {
        let set_up = format!("fpath=('{}' $fpath); autoload -U compinit; compinit -D -u", folder().display());
        typed_with_tab(&world, &zsh, &["-f", "-i"], &set_up, "headroom shims ", "Take launchers away");
        shells.push((zsh, &["-f", "-i"], set_up));
    }
    if let Some(fish) = shell("fish") {
        shells.push((fish, &["--no-config"], format!("source '{}'", script("headroom.fish"))));
    }
    if let Some(elvish) = shell("elvish") {
        shells.push((elvish, &["-norc"], format!("eval (slurp < '{}')", script("headroom.elv"))));
    }
    for (shell, flags, set_up) in &shells {
        typed_with_tab(&world, shell, flags, set_up, agent, "here I am:");
        typed_with_tab(&world, shell, flags, set_up, file, "-p notes.txt.");
    }
}

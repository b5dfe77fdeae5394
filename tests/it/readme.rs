//! Every `console` block of the README is run, in order, in one throwaway world.
//!
//! In what is expected, `…` stands for anything within a line, and alone on a line for any number of lines.
//! `KEY` in a command is the last key that was printed.

use crate::doctor;
use crate::world::{Ran, Talk, World};
use headroom::demo::outputs;
use serde_json::json;
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_command_in_the_readme_does_what_the_readme_says() {
    let mut world = World::new();
    prepare(&mut world);
    let mut key = String::new();
    for step in steps(&fs::read_to_string(checkout().join("README.md")).expect("the README")) {
        if step.command == "cargo test" {
            // This very run; `.ci/run` types it.
            let ci = fs::read_to_string(checkout().join(".ci/run")).expect("the CI script");
            assert!(ci.contains("cargo test"));
            continue;
        }
        let command = step.command.replace("KEY", &key);
        let ran = run(&world, &command);
        let printed = ran.both();
        assert_eq!(ran.code(), 0, "$ {command}\n{printed}");
        if let Err(line) = matches(&step.expected, &printed) {
            panic!("$ {command}\nthe README says: {line}\nit printed:\n{printed}");
        }
        key = printed
            .split("headroom retrieve ")
            .nth(1)
            .map_or(key, |rest| rest.chars().take_while(char::is_ascii_hexdigit).collect());
    }
}

/// A command and what it should print.
struct Step {
    command: String,
    expected: Vec<String>,
}

/// What a fresh machine has: Rust (here one that builds nothing but hands over this build), `claude`, some orders, two sessions.
fn prepare(world: &mut World) {
    world.file("work/orders.json", (outputs::ORDERS.prints)());
    for session in ["5b1f0c3e", "c0de77aa"] {
        let path = format!("tests/fixtures/transcripts/learn/{session}.jsonl");
        world.file(&format!("work/{path}"), fs::read(checkout().join(&path)).expect("a session"));
    }
    world.agent("make", "exit 0");
    a_session(world);
    let recorded = "tests/fixtures/transcripts/replay/5e0c1a7b-0000-4000-8000-000000000001.jsonl";
    world.file("work/5e0c1a7b.jsonl", fs::read(checkout().join(recorded)).expect("a transcript"));
    let built = env!("CARGO_BIN_EXE_headroom");
    world.agent(
        "cargo",
        &format!(
            "case \"$1\" in\n\
             build) mkdir -p \"$CARGO_TARGET_DIR/release\" && ln -sf '{built}' \"$CARGO_TARGET_DIR/release/headroom\" ;;\n\
             run) while [ \"$1\" != -- ]; do shift; done; shift; exec '{built}' \"$@\" ;;\n\
             *) exit 1 ;;\nesac"
        ),
    );
    let asks = world.file("bin/asks", doctor::STAND_IN.replace("CHANGES", ""));
    world.agent(
        "claude",
        &format!("case \" $* \" in *' connection check '*) exec bash '{}' \"$@\" ;; esac\necho \"Claude here: $#\"", asks.display()),
    );
    world.set("PROGRAM", built);
    world.may_leave("tmp/target").may_leave("home/.local").may_leave("work/original.json");
    let target = world.project().with_file_name("tmp").join("target");
    world.set("CARGO_TARGET_DIR", &target.to_string_lossy());
    let path = format!(
        "{}/.local/bin:{}:/usr/local/bin:/usr/bin:/bin",
        world.home().display(),
        bin(world).display()
    );
    world.set("PATH", &path);
}

/// A session that is over, with one output in it.
fn a_session(world: &World) {
    let proxy = world.proxy();
    let client = proxy.client();
    let mut talk = Talk::new("which orders failed?");
    assert_eq!(client.message(&talk.body()).status, 200);
    talk.calls("Bash", json!({"command": "curl -s http://shop/orders"}), &(outputs::ORDERS.prints)());
    assert_eq!(client.message(&talk.body()).status, 200);
    proxy.drain();
}

fn bin(world: &World) -> PathBuf {
    world.project().with_file_name("bin")
}

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn run(world: &World, command: &str) -> Ran {
    let command = command.replace("./install.sh", &format!("'{}'", checkout().join("install.sh").display()));
    world.finish(world.program(Path::new("/bin/sh"), &["-c", &format!("exec 2>&1; {command}")]))
}

/// The steps of every `console` block.
fn steps(readme: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match (inside, line.strip_prefix("$ ")) {
            (false, _) => inside = line == "```console",
            (true, _) if line == "```" => inside = false,
            (true, Some(command)) => steps.push(Step { command: command.to_owned(), expected: Vec::new() }),
            (true, None) => steps.last_mut().expect("a command comes first").expected.push(line.to_owned()),
        }
    }
    assert!(10 < steps.len(), "the README's blocks were not found");
    steps
}

/// Whether `printed` is what was expected; the first expected line that it is not.
fn matches(expected: &[String], printed: &str) -> Result<(), String> {
    let mut lines: VecDeque<&str> = printed.lines().map(str::trim_end).collect();
    let mut anything = false;
    for want in expected {
        if want == "…" {
            anything = true;
            continue;
        }
        loop {
            match lines.pop_front() {
                Some(line) if like(want, line) => break,
                Some(_) if anything => {}
                _ => return Err(want.clone()),
            }
        }
        anything = false;
    }
    if lines.is_empty() || anything {
        Ok(())
    } else {
        Err(format!("nothing more, but there is: {}", lines[0]))
    }
}

/// Whether a line is the expected one, `…` standing for anything.
fn like(want: &str, line: &str) -> bool {
    let mut parts = want.split('…');
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn what_the_readme_says_can_turn_out_wrong() {
    let says = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let cases = [
        (says(&["a", "b"]), "a\nb\n", true),
        (says(&["a"]), "a\nb\n", false),
        (says(&["a", "…"]), "a\nb\nc\n", true),
        (says(&["…", "c"]), "a\nb\nc\n", true),
        (says(&["…", "d"]), "a\nb\nc\n", false),
        (says(&["in … s"]), "in 2.4 s\n", true),
        (says(&["in … ms"]), "in 2.4 s\n", false),
        (says(&["[x: …; y …]"]), "[x: 1; y 2]\n", true),
        (says(&["b", "…"]), "a\nb\n", false),
    ];
    for (expected, printed, good) in cases {
        assert_eq!(matches(&expected, printed).is_ok(), good, "{expected:?} against {printed:?}");
    }
}

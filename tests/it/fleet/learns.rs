//! Real agents fail the same way twice, and `headroom learn` tells them so in the file that each reads: a run of the real
//! agents (`just agents`), because each writes its own transcripts, of its own shell's words.

use super::real::{AIDER_OPENAI, GEMINI, OPENCODE, PATIENCE, Real};
use crate::world::World;
use crate::{claude, codex};
use headroom::demo::provider::WebSockets;
use headroom::demo::script::{Script, Turn, aside};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Runs a program that is not there, then the one that is.
fn errand() -> Script {
    Box::new(|asked| {
        if !asked.offers_tools() {
            return aside(asked);
        }
        match asked.rounds() {
            0 => Turn::runs("gradle test"),
            1 => Turn::runs("./gradlew test"),
            _ => Turn::says("All tests pass."),
        }
    })
}

/// Has the agent run the errand in two sessions, and holds what is learned of them to what is promised. `from`: what
/// `headroom learn` is told of where they stand, a word for the flag and one for each session.
fn learns(mut world: World, session: impl Fn(&World, u32) -> Command, memory: &str, from: &[&str]) {
    let wrapper = world.file("work/gradlew", "#!/bin/sh\necho BUILD SUCCESSFUL\n");
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).expect("made executable");
    world.may_leave("work");
    let memory = world.project().join(memory);
    let own = "# Conventions\r\nNo final newline";
    fs::write(&memory, own).expect("written");

    let works = |number| {
        world.provider().now_says(errand());
        let ran = world.finish_within(session(&world, number), PATIENCE);
        assert_eq!(ran.code(), 0, "{}", ran.both());
    };
    works(1);
    let learn = |logs: usize| {
        let mut typed = vec!["learn", "--apply"];
        typed.extend(from.iter().take(logs + 1));
        world.run(&typed).succeeded()
    };
    let once = learn(1);
    assert!(once.starts_with("No recurring patterns in 1 session"), "once is no pattern: {once}");
    assert_eq!(fs::read_to_string(&memory).expect("read"), own);

    works(2);
    let twice = learn(2);
    assert!(twice.starts_with("Found 1 recurring pattern in 2 sessions"), "{twice}");
    let learned = fs::read_to_string(&memory).expect("read");
    assert!(learned.starts_with(own), "what stood there stays: {learned}");
    assert!(learned.contains("Run `./gradlew`, not `gradle`"), "{learned}");

    learn(2);
    assert_eq!(fs::read_to_string(&memory).expect("read"), learned, "a second run changes nothing");

    fs::remove_file(&wrapper).expect("removed");
    learn(2);
    assert_eq!(fs::read_to_string(&memory).expect("read"), own, "what is true no more expires");
}

fn real(agent: &Real, memory: &str) {
    let Some(world) = agent.world(errand) else { return };
    learns(world, |world, _| agent.direct(world), memory, &[]);
}

#[test]
#[ignore = "runs the real agent: just agents"]
fn what_claude_code_did_wrong_twice_stands_in_claude_md() {
    let Some(program) = claude::claude() else { return };
    let world = claude::world(program, errand());
    let typed = ["-p", "Run the tests", "--allowedTools", "Bash"];
    learns(world, |world, _| world.program(Path::new("claude"), &typed), "CLAUDE.md", &[]);
}

#[test]
#[ignore = "runs the real agent: just agents"]
fn what_codex_did_wrong_twice_stands_in_agents_md() {
    let Some(program) = codex::codex() else { return };
    let world = codex::world(program, codex::Login::Key, WebSockets::Spoken, errand());
    let typed = ["exec", "--skip-git-repo-check", "-s", "danger-full-access", "Run the tests"];
    learns(world, |world, _| world.program(Path::new("codex"), &typed), "AGENTS.md", &[]);
}

#[test]
#[ignore = "runs the real agent: just agents"]
fn what_gemini_cli_did_wrong_twice_stands_in_gemini_md() {
    real(&GEMINI, "GEMINI.md");
}

#[test]
#[ignore = "runs the real agent: just agents"]
fn what_opencode_did_wrong_twice_stands_in_agents_md() {
    real(&OPENCODE, "AGENTS.md");
}

#[test]
#[ignore = "runs the real agent: just agents"]
fn what_was_run_wrong_twice_in_aider_stands_in_its_conventions() {
    let Some(mut world) = AIDER_OPENAI.world(errand) else { return };
    world.file("work/commands.txt", "/run gradle test\n/run ./gradlew test\n");
    // Its chat history has no outputs of commands, this log has.
    let session = |world: &World, number| {
        let mut aider = AIDER_OPENAI.direct(world);
        aider.args(["--llm-history-file", &format!("{number}.log")]);
        aider
    };
    learns(world, session, "CONVENTIONS.md", &["--session-log", "1.log", "2.log"]);
}

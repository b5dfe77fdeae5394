//! `install.sh`, and the completions that it installs.

use crate::world::{Ran, World, skip};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A world with a cargo that builds nothing but hands over this build.
fn world() -> World {
    let mut world = World::new();
    let target = world.project().with_file_name("tmp").join("target");
    let built = env!("CARGO_BIN_EXE_headroom");
    world.agent(
        "cargo",
        &format!(
            "echo cargo \"$@\"; mkdir -p '{0}/release' && ln -sf '{built}' '{0}/release/headroom'",
            target.display()
        ),
    );
    world.may_leave("tmp/target");
    world.set("CARGO_TARGET_DIR", &target.to_string_lossy());
    world
}

#[track_caller]
fn install(world: &World, arguments: &[&str]) -> Ran {
    world.finish(world.program(&checkout().join("install.sh"), arguments))
}

fn found(world: &World) -> Vec<PathBuf> {
    let files =
        world.left_over().into_iter().filter(|path| world.home().with_file_name("").join(path).is_file());
    files.collect()
}

#[test]
fn what_was_installed_is_uninstalled_and_nothing_else() {
    let mut world = world();
    world.file("home/.local/bin/another", "stays\n");
    let said = install(&world, &[]).succeeded();
    assert!(said.contains("build --release --locked"), "{said}");
    let installed = world.home().join(".local/bin/headroom");
    let ran = world.finish(world.program(&installed, &["--version"])).succeeded();
    assert_eq!(ran, format!("headroom {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(found(&world).len(), 4, "the program and three completions: {:?}", found(&world));
    let said = install(&world, &["--uninstall"]).succeeded();
    assert_eq!(said.matches("removed ").count(), 4, "{said}");
    assert_eq!(found(&world), Vec::<PathBuf>::new());
    assert!(world.home().join(".local/bin/another").exists());
    world.may_leave("home/.local");
}

#[test]
fn a_prefix_is_honoured_and_a_dry_run_does_nothing() {
    let mut world = world();
    let prefix = world.project().join("over here");
    let prefix = prefix.to_string_lossy();
    let said = install(&world, &["--prefix", &prefix, "--dry-run"]).succeeded();
    assert!(said.lines().all(|line| line.starts_with("would run: ")), "{said}");
    assert_eq!(found(&world), Vec::<PathBuf>::new());
    install(&world, &["--prefix", &prefix]).succeeded();
    assert!(world.project().join("over here/bin/headroom").exists());
    world.may_leave("work/over here");
}

#[test]
fn what_it_does_not_know_it_does_not_do() {
    let world = world();
    for (arguments, words) in [
        (&["--sudo"][..], "unknown option --sudo"),
        (&["--prefix"], "--prefix needs a folder"),
        (&["--prefix="], "--prefix needs a folder"),
    ] {
        let said = install(&world, arguments).failed_with(1);
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(found(&world), Vec::<PathBuf>::new());
}

#[test]
fn the_shell_scripts_pass_shellcheck() {
    let mut scripts = vec![checkout().join("install.sh"), checkout().join(".ci/run")];
    scripts.extend(
        fs::read_dir(checkout().join("shims")).into_iter().flatten().flatten().map(|entry| entry.path()),
    );
    match Command::new("shellcheck").args(&scripts).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
        Err(_) => skip("shellcheck is not installed, so the shell scripts were not checked"),
    }
}

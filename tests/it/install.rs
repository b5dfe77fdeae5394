//! `install.sh`: from the checkout, from a release, and away again.

use crate::world::{Ran, World, skip};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A world with a cargo that builds nothing but hands over this build.
fn world() -> World {
    world_that_builds(Path::new(env!("CARGO_BIN_EXE_headroom")))
}

/// The same, where what is built is small and knows its version only.
fn world_of_a_small_headroom() -> World {
    let mut world = world_that_builds(Path::new("small"));
    let script =
        format!("#!/bin/sh\n[ \"$1\" = --version ] && echo 'headroom {}'\n", env!("CARGO_PKG_VERSION"));
    let small = world.file("tmp/small", script);
    fs::set_permissions(&small, fs::Permissions::from_mode(0o755)).expect("its mode");
    world
}

/// A world whose cargo hands over `built`, a path from the world's temporary folder.
fn world_that_builds(built: &Path) -> World {
    let mut world = World::new();
    let temporary = world.project().with_file_name("tmp");
    let (target, built) = (temporary.join("target"), temporary.join(built));
    world.agent(
        "cargo",
        &format!(
            "echo cargo \"$@\"; mkdir -p '{0}/'\"$3\" && ln -sf '{1}' '{0}/'\"$3/headroom\"",
            target.display(),
            built.display()
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
    let said = install(&world, &["--build"]).succeeded();
    assert!(said.contains("build --profile release --locked"), "{said}");
    let installed = world.home().join(".local/bin/headroom");
    let ran = world.finish(world.program(&installed, &["--version"])).succeeded();
    assert_eq!(ran, format!("headroom {}\n", env!("CARGO_PKG_VERSION")));
    let below = |path: &str| world.home().join(".local").join(path).is_file();
    for path in [
        "share/bash-completion/completions/headroom",
        "share/zsh/site-functions/_headroom",
        "share/fish/vendor_completions.d/headroom.fish",
        "share/headroom/headroom.ps1",
        "share/headroom/headroom.elv",
        "share/man/man1/headroom.1",
        "share/man/man1/headroom-wrap.1",
    ] {
        assert!(below(path), "{path}");
    }
    let count = found(&world).len();
    // A running headroom is not in the way of a newer one.
    let mut running = world.program(&installed, &["proxy", "--port", "0"]);
    let mut running = running.stdout(Stdio::null()).spawn().expect("it starts");
    install(&world, &["--build"]).succeeded();
    running.kill().expect("it runs");
    running.wait().expect("it ends");
    assert_eq!(found(&world).len(), count, "twice is once: {:?}", found(&world));
    // What an older one had is not left behind.
    let record = world.home().join(".local/share/headroom/installed");
    let listed = fs::read_to_string(&record).expect("the list");
    fs::write(&record, format!("{listed}share/man/man1/headroom-old.1\n../../outside\n")).expect("the list");
    fs::write(world.home().join(".local/share/man/man1/headroom-old.1"), "").expect("a file");
    world.file("outside", "stays\n");
    install(&world, &["--build"]).succeeded();
    assert_eq!(found(&world).len(), count);

    let said = install(&world, &["--uninstall", "--dry-run"]).succeeded();
    assert!(said.contains("would run: rm -f") && found(&world).len() == count, "{said}");
    let said = install(&world, &["--uninstall"]).succeeded();
    assert_eq!(said.matches("removed ").count(), count, "{said}");
    assert_eq!(world.left_over(), BTreeSet::new(), "no folder is left either");
    assert!(world.home().join(".local/bin/another").exists());
    let said = install(&world, &["--uninstall"]).failed_with(1);
    assert!(said.contains("nothing is installed under"), "{said}");
}

#[test]
fn uninstalling_takes_the_launchers_along_that_would_call_nothing() {
    let mut world = world();
    world.agent("claude", "echo it is me");
    install(&world, &["--build"]).succeeded();
    let installed = world.home().join(".local/bin/headroom");
    world
        .finish(world.program(&installed, &["shims", "install", "claude", "--write-path", "--shell", "bash"]))
        .succeeded();
    assert!(world.headroom_home().join("shims/claude").exists() && world.home().join(".bashrc").exists());
    install(&world, &["--uninstall"]).succeeded();
    assert!(!world.headroom_home().join("shims").exists());
    assert_eq!(fs::read_dir(world.home()).expect("a folder").count(), 0, "no trace");
    fs::create_dir_all(world.headroom_home()).expect("a folder");
}

#[test]
fn a_prefix_is_honoured_and_a_dry_run_does_nothing() {
    let mut world = world_of_a_small_headroom();
    let prefix = world.project().join("over here");
    let prefix = prefix.to_string_lossy();
    let said = install(&world, &["--prefix", &prefix, "--build", "--dry-run"]).succeeded();
    assert!(said.lines().all(|line| line.starts_with("would ")), "{said}");
    assert_eq!(found(&world), Vec::<PathBuf>::new());
    install(&world, &["--build", &format!("--prefix={prefix}")]).succeeded();
    assert!(world.project().join("over here/bin/headroom").exists());
    world.may_leave("work/over here");
}

#[test]
fn what_it_does_not_know_it_does_not_do() {
    let world = world_of_a_small_headroom();
    for (arguments, words) in [
        (&["--sudo"][..], "unknown option --sudo"),
        (&["--prefix"], "--prefix needs a folder"),
        (&["--prefix="], "--prefix needs a folder"),
        (&["--from"], "--from needs a folder or a URL"),
        (&["--from", "http://example.com/releases"], "only https is followed"),
        (&["--from", "ftp://example.com/releases"], "only https is followed"),
    ] {
        let said = install(&world, arguments).failed_with(1);
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(found(&world), Vec::<PathBuf>::new());
}

/// A release in `dist`, made the way releases are made; gives its name.
fn release(world: &mut World) -> String {
    world.may_leave("work/dist");
    let said = install(world, &["--pack", "dist", "--profile", "dist"]).succeeded();
    assert!(said.contains("build --profile dist --locked"), "{said}");
    let made = fs::read_dir(world.project().join("dist")).expect("the folder").flatten();
    let mut names: Vec<String> = made.map(|entry| entry.file_name().into_string().expect("a name")).collect();
    names.sort();
    assert_eq!(names.len(), 2, "a release and its checksum: {names:?}");
    assert_eq!(names[1], format!("{}.sha256", names[0]));
    assert!(names[0].starts_with("headroom-") && names[0].ends_with(".tar.gz"), "{names:?}");
    names.remove(0)
}

#[test]
fn a_release_is_installed_when_its_checksum_is_right_and_never_otherwise() {
    let mut world = world_of_a_small_headroom();
    let name = release(&mut world);
    // From here on there is no compiler.
    world.agent("cargo", "echo 'there is no cargo here' >&2; exit 1");
    let dist = world.project().join("dist");
    let kept = |file: &str| fs::read(dist.join(file)).expect("it is there");
    let (whole, checksum) = (kept(&name), kept(&format!("{name}.sha256")));

    let said = install(&world, &["--from", "dist"]).succeeded();
    assert!(said.contains("its checksum is right"), "{said}");
    let installed = world.home().join(".local/bin/headroom");
    let ran = world.finish(world.program(&installed, &["--version"])).succeeded();
    assert_eq!(ran, format!("headroom {}\n", env!("CARGO_PKG_VERSION")));
    assert!(world.home().join(".local/share/man/man1/headroom.1").exists());
    install(&world, &["--uninstall"]).succeeded();
    assert_eq!(found(&world), Vec::<PathBuf>::new());

    let faults: [(&str, &str, Option<Vec<u8>>); 5] = [
        ("{}", "does not have the checksum", Some([&whole[..], b"x"].concat())),
        ("{}.sha256", "does not have the checksum", Some([&b"0000"[..], &checksum[4..]].concat())),
        ("{}.sha256", "holds no SHA-256", Some(Vec::new())),
        ("{}.sha256", "holds no SHA-256", Some(b"<html>Not Found</html>\n".to_vec())),
        ("{}.sha256", "has no checksum beside it", None),
    ];
    for (file, words, bytes) in faults {
        let file = dist.join(file.replace("{}", &name));
        match bytes {
            Some(bytes) => fs::write(&file, bytes).expect("a file"),
            None => fs::remove_file(&file).expect("it is there"),
        }
        let said = install(&world, &["--from", "dist"]).failed_with(1);
        assert!(said.contains(words), "{words}: {said}");
        assert_eq!(world.left_over(), BTreeSet::new(), "nothing was put in place");
        fs::write(dist.join(&name), &whole).expect("a file");
        fs::write(dist.join(format!("{name}.sha256")), &checksum).expect("a file");
    }
}

#[test]
fn a_release_for_another_machine_is_not_taken_and_one_that_can_not_run_is_not_installed() {
    let mut world = world_of_a_small_headroom();
    let name = release(&mut world);
    let dist = world.project().join("dist");
    let other = dist.join("headroom-linux-riscv64.tar.gz");
    fs::rename(dist.join(&name), &other).expect("a file");
    let said = install(&world, &["--from", "dist"]).succeeded();
    assert!(said.contains("building from") && said.contains("build --profile release"), "{said}");
    install(&world, &["--uninstall"]).succeeded();

    // Its checksum is right, and it holds a program for somebody else.
    let tree = world.project().join("dist/tree");
    fs::create_dir_all(tree.join("bin")).expect("a folder");
    fs::write(tree.join("bin/headroom"), "#!/nowhere/loader\n").expect("a file");
    let packed = format!(
        "chmod 755 tree/bin/headroom; tar -czf {name} -C tree bin; \
         (sha256sum {name} || shasum -a 256 {name}) > {name}.sha256 2>/dev/null"
    );
    let mut pack = world.program(Path::new("/bin/sh"), &["-c", &packed]);
    pack.current_dir(&dist);
    world.finish(pack).succeeded();
    let said = install(&world, &["--from", "dist"]).failed_with(1);
    assert!(said.contains("can't run on this machine; not installed"), "{said}");
    assert_eq!(world.left_over(), BTreeSet::new());
}

#[test]
fn a_release_comes_over_the_network_and_a_script_without_a_checkout_needs_one() {
    if ["curl", "wget"].iter().all(|name| !Path::new("/usr/bin").join(name).exists()) {
        skip("neither curl nor wget is installed, so no release was fetched");
        return;
    }
    let mut world = world_of_a_small_headroom();
    release(&mut world);
    let dist = world.project().join("dist");
    let url = serve(dist.clone());
    // The script alone, as somebody has it who has fetched nothing else.
    let script = world.file("tmp/install.sh", fs::read(checkout().join("install.sh")).expect("the script"));
    let run = |from: &str| {
        let mut command = world.program(Path::new("/bin/sh"), &[&script.to_string_lossy()]);
        command.env("HEADROOM_RELEASE", from);
        world.finish(command)
    };
    let said = run(&url).succeeded();
    assert!(said.contains("its checksum is right") && said.contains("installed "), "{said}");
    install(&world, &["--uninstall"]).succeeded();
    let said = run(&format!("{url}/elsewhere")).failed_with(1);
    assert!(said.contains("404") && said.contains("no checkout here to build from"), "{said}");
    assert!(run("").failed_with(1).contains("say --from"));
    assert_eq!(world.left_over(), BTreeSet::new());
}

/// Serves the files of a folder on loopback, to whoever asks, until the test ends; gives the base URL.
fn serve(folder: PathBuf) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port on loopback");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut first = String::new();
            let mut lines = BufReader::new(stream.try_clone().expect("a stream"));
            let _ = lines.read_line(&mut first);
            let mut line = String::from("x");
            while lines.read_line(&mut line).is_ok() && !line.trim().is_empty() {
                line.clear();
            }
            let path = first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
            let (status, body) = match fs::read(folder.join(&path)) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", b"<html>Not Found</html>".to_vec()),
            };
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    url
}

#[test]
fn the_shell_scripts_pass_shellcheck() {
    let mut world = World::new();
    world.agent("claude", "");
    world.run(&["shims", "install", "claude"]).succeeded();
    let mut scripts = vec![checkout().join("install.sh"), checkout().join(".ci/run")];
    scripts.push(world.headroom_home().join("shims/claude"));
    scripts.push(checkout().join("shims/launcher.sh"));
    match Command::new("shellcheck").args(&scripts).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
        Err(_) => skip("shellcheck is not installed, so the shell scripts were not checked"),
    }
}

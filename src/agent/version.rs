//! Asks programs for their versions, a few at once and not for long.

use super::environment::Environment;
use super::peek;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// The program.
    pub program: PathBuf,
    /// What makes it tell its version.
    pub arguments: Vec<String>,
}

/// The version of each program, in the order of the questions: as the package says in which it lies, else as it tells
/// itself within `patience`.
///
/// Not more are asked at once than this machine has processors: a program that gets no time is not slow.
pub fn ask(questions: &[Question], environment: &Environment, patience: Duration) -> Vec<Option<String>> {
    let mut told: Vec<Option<String>> =
        questions.iter().map(|question| packaged(&question.program)).collect();
    let open: Vec<usize> = (0..questions.len()).filter(|at| told[*at].is_none()).collect();
    let next = AtomicUsize::new(0);
    let askers = std::thread::available_parallelism().map_or(2, |count| count.get().max(2));
    let asked = std::thread::scope(|scope| {
        let work = || {
            let mut asked = Vec::new();
            while let Some(&at) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
                asked.push((at, ask_one(&questions[at], environment, patience)));
            }
            asked
        };
        let askers: Vec<_> = (0..askers).map(|_| scope.spawn(work)).collect();
        askers.into_iter().flat_map(|asker| asker.join().unwrap_or_default()).collect::<Vec<_>>()
    });
    for (at, version) in asked {
        told[at] = version;
    }
    told
}

/// The version in the `package.json` of the package that a program lies in.
fn packaged(program: &Path) -> Option<String> {
    const OUTWARDS: usize = 5;
    let program = std::fs::canonicalize(program).ok()?;
    let folders = program.ancestors().skip(1).take(OUTWARDS);
    let modules = |path: &Path| path.file_name().is_some_and(|name| name == "node_modules");
    // Further out lies somebody else's package.
    let mut inside = folders.take_while(|folder| !modules(folder));
    let installed = program.ancestors().any(modules);
    let of_node = inside.find_map(|folder| {
        let package = peek::whole(&folder.join("package.json"))?;
        package.get("bin")?;
        version_in(package.get("version")?.as_str()?)
    });
    of_node.filter(|_| installed).or_else(|| of_python(&program))
}

/// The version of the Python package that a program comes with: that of the one in the same environment which says so.
fn of_python(program: &Path) -> Option<String> {
    let name = program.file_name()?.to_str()?;
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let pythons = entries(&program.parent()?.parent()?.join("lib"));
    let packages = pythons.flat_map(|python| entries(&python.path().join("site-packages")));
    let mut about = packages.map(|package| package.path());
    about.find_map(|package| {
        let said = package.file_name()?.to_str()?.strip_suffix(".dist-info")?;
        let programs = std::fs::read_to_string(package.join("entry_points.txt")).ok()?;
        let ours = |line: &str| line.split('=').next().is_some_and(|first| first.trim() == name);
        programs.lines().any(ours).then(|| version_in(said.rsplit('-').next()?))?
    })
}

fn ask_one(question: &Question, environment: &Environment, patience: Duration) -> Option<String> {
    let mut child = Command::new(&question.program)
        .args(&question.arguments)
        .env_clear()
        .envs(environment.iter())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // So that what it starts can be ended with it.
        .process_group(0)
        .spawn()
        .ok()?;
    let output = BufReader::new(child.stdout.take()?.take(LONGEST));
    let (say, said) = channel();
    // What holds its output open without a word is left to itself; the thread ends with us.
    std::thread::spawn(move || {
        let version = output.lines().map_while(Result::ok).find_map(|line| version_in(&line));
        let _ = say.send(version);
    });
    let version = said.recv_timeout(patience).ok().flatten();
    end(&mut child);
    version
}

/// Ends a program and what it has started, whether it has ended itself or not.
fn end(child: &mut Child) {
    if !matches!(child.try_wait(), Ok(Some(_)))
        && let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw)
    {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

/// Bytes of an answer that are read.
const LONGEST: u64 = 64 << 10;

/// The first word that looks like a version: `2.1.197 (Claude Code)`, `codex-cli 0.169.0`, `v1.2`.
fn version_in(text: &str) -> Option<String> {
    let word = |word: &str| {
        let word = word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric());
        let bare = word.strip_prefix(['v', 'V']).unwrap_or(word);
        let (head, rest) = bare.split_once('.')?;
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        (digits(head) && rest.starts_with(|digit: char| digit.is_ascii_digit())).then(|| bare.to_owned())
    };
    text.split([' ', '\t', '\n', '\r', '/', ',', '@']).find_map(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_programs_say() {
        let cases = [
            ("2.1.197 (Claude Code)\n", Some("2.1.197")),
            ("codex-cli 0.169.0\n", Some("0.169.0")),
            ("aider 0.86.2", Some("0.86.2")),
            ("@continuedev/cli v1.5.47-beta.1\n", Some("1.5.47-beta.1")),
            ("OpenHands CLI 1.16.0.\n", Some("1.16.0")),
            ("Copyright 2026. All rights reserved.\n", None),
            ("", None),
        ];
        for (said, version) in cases {
            assert_eq!(version_in(said).as_deref(), version, "{said}");
        }
    }

    #[test]
    fn a_package_says_its_programs_version() {
        let folder = tempfile::tempdir().expect("a folder");
        let package = folder.path().join("node_modules/@x/cli");
        std::fs::create_dir_all(package.join("bin")).expect("folders");
        std::fs::write(package.join("package.json"), r#"{"version":"1.5.47","bin":{"x":"bin/x.js"}}"#)
            .expect("a file");
        std::fs::write(package.join("bin/x.js"), "").expect("a file");
        std::fs::write(folder.path().join("package.json"), r#"{"version":"9.9.9","bin":"y"}"#)
            .expect("a file");
        std::fs::create_dir(folder.path().join("node_modules/.bin")).expect("a folder");
        let link = folder.path().join("node_modules/.bin/x");
        std::os::unix::fs::symlink("../@x/cli/bin/x.js", &link).expect("a link");
        assert_eq!(packaged(&link).as_deref(), Some("1.5.47"));
        std::fs::write(folder.path().join("node_modules/.bin/own"), "").expect("a file");
        assert_eq!(packaged(&folder.path().join("node_modules/.bin/own")), None, "it is nobody's");

        let about = folder.path().join("py/lib/python3.12/site-packages/aider_chat-0.86.2.dist-info");
        std::fs::create_dir_all(&about).expect("folders");
        std::fs::create_dir_all(folder.path().join("py/bin")).expect("folders");
        std::fs::write(about.join("entry_points.txt"), "[console_scripts]\naider = aider.main:main\n")
            .expect("a file");
        for (name, version) in [("aider", Some("0.86.2")), ("pip", None)] {
            let program = folder.path().join("py/bin").join(name);
            std::fs::write(&program, "").expect("a file");
            assert_eq!(packaged(&program).as_deref(), version, "{name}");
        }
    }

    #[test]
    fn one_that_does_not_answer_is_not_waited_for() {
        let shell = |script: &str| Question {
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
        };
        let questions =
            [shell("echo x 1.2.3"), shell("sleep 600 & wait"), shell("exit 1"), shell("echo 2.0; sleep 600")];
        let told = ask(&questions, &Environment::default(), Duration::from_millis(700));
        assert_eq!(told[0].as_deref(), Some("1.2.3"));
        assert_eq!(told[1..3], [None, None]);
        assert_eq!(told[3].as_deref(), Some("2.0"));
    }
}

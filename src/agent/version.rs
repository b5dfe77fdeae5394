//! Asks programs for their versions, all at once and not for long.

use super::environment::Environment;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
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

/// The version that each program tells within `patience`, in the order of the questions.
pub fn ask(questions: &[Question], environment: &Environment, patience: Duration) -> Vec<Option<String>> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = questions
            .iter()
            .map(|question| scope.spawn(move || ask_one(question, environment, patience)))
            .collect();
        asked.into_iter().map(|asked| asked.join().ok().flatten()).collect()
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

//! Long rows of ordinary work, which teach nothing.

use super::{Machine, said};

/// Pieces of ordinary work: tests that fail and pass after an edit, searches without hits, probes, builds that break.
const WORK: &[&str] = &[
    "$ cargo test\n! test result: FAILED. 3 passed; 1 failed\n> src/N.rs\n= edited\n$ cargo test\n= test result: ok. 4 passed",
    "$ grep -rn 'wordN' src\n!\n$ grep -rn 'wordN' lib\n= lib/a.rs:N: wordN",
    "$ ls foldN\n! ls: cannot access 'foldN': No such file or directory\n$ ls\n= src",
    "$ which toolN\n!\n$ command -v toolN\n!",
    "$ npm test\n! Tests: N failed, 3 passed\n> src/N.ts\n= edited\n$ npm test -- N\n= Tests: 4 passed\n$ npm test\n= Tests: 9 passed",
    "$ python -c 'import modN'\n! ModuleNotFoundError: No module named 'modN'\n$ python -c 'import json'\n=",
    "< src/N/mod.rs\n! File does not exist.\n< src/other/mod.rs\n= mod a;\n< src/N.rs\n= mod b;",
    "$ cargo build\n! error[E0308]: mismatched types\n> src/N.rs\n= edited\n$ cargo build\n= Finished",
    "$ git status\n= clean\n$ git diff HEAD~N\n= diff\n$ git log -N --oneline\n= a",
    "$ curl localhost:30N\n! curl: (7) Failed to connect to localhost port 30N: Connection refused\n$ curl localhost:30N\n= ok",
    "$ pytest -k testN\n! 1 failed: AssertionError: N is not set\n> src/N.py\n= edited\n$ pytest -k testN\n= 1 passed",
    "$ make\n! make: *** [Makefile:N: all] Error 1\n> src/N.c\n= edited\n$ make\n= ok",
    "$ cat logs/N.log | tail -50\n= bash: line 1: toolN: command not found\\nerror: unknown option '--verbose'\n$ make verboseN\n= ok",
    "# please fix bug N\n$ git checkout -b fixN\n= Switched\n$ npm run lint\n! N problems\n> src/N.ts\n= edited\n$ npm run lint\n= ok",
    "$ npm run check 2>&1 | tail -20\n= error TS2345: N\n> src/N.ts\n= edited\n$ npm run build 2>&1 | tail -20\n= built",
    "$ node scriptN.js\n! Error: Cannot find module './helperN'\n> scriptN.js\n= edited\n$ node scriptN.js\n= ok",
    "$ test -f fileN && echo yes\n!\n$ test -d foldN || mkdir foldN\n=",
    "$ rm -rf buildN\n= \n$ rm -rf distN\nx The user doesn't want to proceed with this tool use.",
    "$ docker ps\n! Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n$ sleep N\n=\n$ docker ps\n= CONTAINER",
    "$ go test ./...\n! FAIL pkgN\n> pkg/N.go\n= edited\n$ go test ./pkg/N\n= ok\n$ go test ./...\n= ok",
];

#[test]
fn hundreds_of_sessions_of_ordinary_work_teach_nothing() {
    // A row of numbers that looks like chance and is the same each time.
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let sessions: Vec<String> = (0..300)
        .map(|_| {
            let pieces = (0..15).map(|_| WORK[next(WORK.len())].replace('N', &next(40).to_string()));
            pieces.collect::<Vec<_>>().join("\n")
        })
        .collect();
    let sessions: Vec<&str> = sessions.iter().map(String::as_str).collect();
    let says = said(&sessions, &Machine { without: &["nothing"], memory: "" });
    assert_eq!(says, [""; 0]);
}

//! Rules on commands: what is learned of a session that happened twice, and of its twin that only looks like it.

use super::{Machine, learned, said, twice};
use crate::learn::Consent;
use crate::learn::gate::Why;

/// A pattern, what is learned of it, and a twin that is noise.
struct Case {
    /// What happened.
    session: &'static str,
    /// Programs and paths that are not on the machine.
    without: &'static [&'static str],
    /// What is learned when it happened twice.
    says: &'static str,
    /// What looks like it, and teaches nothing however often it happens.
    twin: &'static str,
}

const CASES: &[Case] = &[
    Case {
        session: "$ python app.py
            ! bash: line 1: python: command not found
            $ python3 app.py
            = ready",
        without: &["python"],
        says: "Run `python3`, not `python` (`python` is not found here).",
        // Another errand.
        twin: "$ python app.py
            ! bash: line 1: python: command not found
            $ python3 --version
            = Python 3.12.1",
    },
    Case {
        session: "$ cd api && pytest tests/test_a.py -q 2>&1 | tail -5
            = zsh:1: command not found: pytest
            $ cd api && uv run pytest tests/test_a.py -q 2>&1 | tail -5
            = 3 passed in 0.10s",
        without: &["pytest"],
        says: "Run `uv run pytest`, not `pytest` (`pytest` is not found here).",
        // Installed in between: the second way proves nothing.
        twin: "$ pytest tests/test_a.py
            ! zsh:1: command not found: pytest
            $ pip install pytest
            = Successfully installed pytest-8.0.0
            $ python -m pytest tests/test_a.py
            = 3 passed in 0.10s",
    },
    Case {
        session: "$ npm install
            ! sh: 1: npm: not found
            $ pnpm install
            = Done in 2.1s",
        without: &["npm"],
        says: "Run `pnpm`, not `npm` (`npm` is not found here).",
        // It came to be found.
        twin: "$ npm install
            ! sh: 1: npm: not found
            $ npm install
            = added 12 packages",
    },
    Case {
        session: "$ docker-compose ps
            ! /bin/bash: line 1: docker-compose: command not found
            $ docker compose ps
            = NAME  STATUS",
        without: &["docker-compose"],
        says: "Run `docker compose`, not `docker-compose` (`docker-compose` is not found here).",
        twin: "$ docker-compose ps
            ! /bin/bash: line 1: docker-compose: command not found
            $ docker ps
            = NAME  STATUS",
    },
    Case {
        session: "$ rg todo src
            ! bash: rg: Kommando nicht gefunden.
            $ grep -rn todo src
            = src/a.rs:1: todo",
        without: &["rg"],
        says: "Run `grep`, not `rg` (`rg` is not found here).",
        // Looking whether something is there is no failure.
        twin: "$ which rg
            ! rg not found
            $ grep -rn todo src
            = src/a.rs:1: todo",
    },
    Case {
        session: "$ jest src/a.test.ts
            ! bash: jest: command not found
            $ npx jest src/a.test.ts
            = Tests: 4 passed, 4 total",
        without: &["jest"],
        says: "Run `npx jest`, not `jest` (`jest` is not found here).",
        // A log that somebody else wrote.
        twin: "$ cat ci.log
            = bash: jest: command not found
            $ npx jest src/a.test.ts
            = Tests: 4 passed, 4 total",
    },
    Case {
        session: "$ gradle build
            ! zsh: command not found: gradle
            $ ./gradlew build
            = BUILD SUCCESSFUL",
        without: &["gradle"],
        says: "Run `./gradlew`, not `gradle` (`gradle` is not found here).",
        twin: "$ gradle build
            ! zsh: command not found: gradle
            $ ./gradlew build
            ! BUILD FAILED",
    },
    Case {
        session: "$ uv run pytest -q
            ! error: Failed to spawn: `pytest`\\n  Caused by: No such file or directory (os error 2)
            $ uv run --extra dev pytest -q
            = 8 passed",
        without: &[],
        says: "Run `uv run --extra dev pytest`, not `uv run pytest` (`uv run pytest` is not found here).",
        twin: "$ uv run pytest -q
            ! 1 failed, 7 passed: error in test_b
            > src/b.py
            = edited
            $ uv run --extra dev pytest -q
            = 8 passed",
    },
    Case {
        session: "$ npm install left-pad
            ! Use \"pnpm install\" for installation in this project.\\nnpm error code 1
            $ pnpm install left-pad
            = Done in 1s",
        without: &[],
        says: "Run `pnpm`, not `npm` (this project is built with another package manager).",
        // npm fails for another reason.
        twin: "$ npm install left-pad
            ! npm error code E404 left-pad is not in this registry
            $ pnpm install left-pad
            = Done in 1s",
    },
    Case {
        session: "$ yarn test
            ! Usage Error: This project is configured to use pnpm because /p/package.json has a \"packageManager\" field
            $ pnpm test
            = Tests: 4 passed",
        without: &[],
        says: "Run `pnpm`, not `yarn` (this project is built with another package manager).",
        twin: "$ yarn test
            ! Usage Error: This project is configured to use pnpm because /p/package.json has a \"packageManager\" field
            $ pnpm --version
            = 9.1.0",
    },
    Case {
        session: "$ npm test
            ! npm error Missing script: \"test\"\\nnpm error To see a list of scripts, run: npm run
            $ npm run test:unit
            = 12 passed",
        without: &[],
        says: "Run `npm run test:unit`, not `npm test` (there is no such task).",
        // The script is written, and then it is there.
        twin: "$ npm test
            ! npm error Missing script: \"test\"
            > package.json
            = edited
            $ npm test
            = 12 passed",
    },
    Case {
        session: "$ make test
            ! make: *** No rule to make target 'test'.  Stop.
            $ cargo test
            = test result: ok. 4 passed; 0 failed",
        without: &[],
        says: "Run `cargo test`, not `make test` (there is no such task).",
        // The target is there; what it is made of is not.
        twin: "$ make test
            ! make: *** No rule to make target 'gen/a.c', needed by 'test'.  Stop.
            $ cargo test
            = test result: ok. 4 passed; 0 failed",
    },
    Case {
        session: "$ cargo nextest run
            ! error: no such command: `nextest`\\n\\nhelp: view all installed commands with `cargo --list`
            $ cargo test
            = test result: ok. 9 passed",
        without: &[],
        says: "Run `cargo test`, not `cargo nextest` (there is no such task).",
        // Tests that fail and pass after an edit.
        twin: "$ cargo test
            ! test result: FAILED. 3 passed; 1 failed
            > src/lib.rs
            = edited
            $ cargo test --lib
            = test result: ok. 4 passed",
    },
    Case {
        session: "$ just lint
            ! error: Justfile does not contain recipe `lint`
            $ just clippy
            = ok",
        without: &[],
        says: "Run `just clippy`, not `just lint` (there is no such task).",
        // Another errand.
        twin: "$ just lint
            ! error: Justfile does not contain recipe `lint`
            $ just --list
            = clippy\\nbuild",
    },
    Case {
        session: "$ python manage.py check
            ! ModuleNotFoundError: No module named 'django'
            $ .venv/bin/python manage.py check
            = System check identified no issues (0 silenced).",
        without: &[],
        says: "Run `.venv/bin/python`, not `python` (the modules are installed there).",
        // The module was installed.
        twin: "$ python manage.py check
            ! ModuleNotFoundError: No module named 'django'
            $ pip install django
            = Successfully installed django-5.0
            $ python manage.py check
            = System check identified no issues (0 silenced).",
    },
    Case {
        session: "$ python -m app.jobs
            ! Traceback (most recent call last):\\nModuleNotFoundError: No module named 'redis'
            $ source .venv/bin/activate && python -m app.jobs
            = done",
        without: &[],
        says: "Run `source .venv/bin/activate && python`, not `python` (the modules are installed there).",
        // A module of the project itself, repaired in its code.
        twin: "$ python -m app.jobs
            ! Traceback (most recent call last):\\nModuleNotFoundError: No module named 'app.job'
            > app/jobs.py
            = edited
            $ source .venv/bin/activate && python -m app.jobs
            = done",
    },
    Case {
        session: "$ npm run build
            ! npm error enoent Could not read package.json: Error: ENOENT: no such file or directory, open '/p/package.json'
            $ cd web && npm run build
            = built in 2.1s",
        without: &[],
        says: "Run `npm run build` in `web`: it fails elsewhere.",
        // The build fails for what is in the code.
        twin: "$ npm run build
            ! src/a.ts(1,1): type mismatch
            $ cd web && npm run build
            = built in 2.1s",
    },
    Case {
        session: "$ cargo check
            ! error: could not find `Cargo.toml` in `/p` or any parent directory
            @ /p/server
            = $
            $ cargo check
            = Finished `dev` profile",
        without: &[],
        says: "Run `cargo check` in `server`: it fails elsewhere.",
        // It works in two folders: which one is meant depends.
        twin: "$ cargo check
            ! error: could not find `Cargo.toml` in `/p` or any parent directory
            $ cd server && cargo check
            = Finished `dev` profile
            $ cargo check
            ! error: could not find `Cargo.toml` in `/p` or any parent directory
            $ cd client && cargo check
            = Finished `dev` profile",
    },
    Case {
        session: "$ pytest tests/test_b.py
            ! ERROR: file or directory not found: tests/test_b.py
            $ cd backend && pytest tests/test_b.py
            = 2 passed",
        without: &[],
        says: "Run `pytest` in `backend`: it fails elsewhere.",
        twin: "$ pytest tests/test_b.py
            ! ERROR: file or directory not found: tests/test_b.py
            > tests/test_b.py
            = written
            $ cd backend && pytest tests/test_b.py
            = 2 passed",
    },
    Case {
        session: "$ grep -P 'a+' notes.txt
            ! grep: invalid option -- P\\nusage: grep [-abc]
            $ grep -E 'a+' notes.txt
            = aaa",
        without: &[],
        says: "`grep` has no `-P` here: use `-E`.",
        // A search without a hit.
        twin: "$ pcregrep -P 'a+' notes.txt
            !
            $ pcregrep -E 'a+' notes.txt
            = aaa",
    },
    Case {
        session: "$ ruff check src --show-source
            ! error: unexpected argument '--show-source' found\\n\\nUsage: ruff check [OPTIONS] [FILES]...
            $ ruff check src
            = All checks passed!",
        without: &[],
        says: "`ruff` has no `--show-source` here: run it without.",
        // More than the flag is different.
        twin: "$ ruff check src --show-source
            ! error: unexpected argument '--show-source' found
            $ ruff check lib --fix --diff
            = All checks passed!",
    },
    Case {
        session: "$ git push origin main
            x The user doesn't want to proceed with this tool use.",
        without: &[],
        says: "Do not run `git push` without being asked to: it was refused each time.",
        // Refused once, allowed then.
        twin: "$ git push origin main
            x The user doesn't want to proceed with this tool use.
            $ git push origin main
            = done",
    },
    Case {
        session: "* mcp__tracker__close_ticket
            x Permission to use mcp__tracker__close_ticket has been denied.",
        without: &[],
        says: "Do not run `mcp__tracker__close_ticket` without being asked to: it was refused each time.",
        // A person who refuses an edit refuses its text.
        twin: "> src/a.rs
            x The user doesn't want to proceed with this tool use.",
    },
    Case {
        session: "< src/api/user.ts
            ! File does not exist.
            $ find . -name user.ts
            = ./packages/server/src/api/user.ts
            < packages/server/src/api/user.ts
            = export {}",
        without: &["src", "src/api/user.ts"],
        says: "`src/api/user.ts` is at `packages/server/src/api/user.ts`.",
        // The same name in another folder is another file.
        twin: "< src/state/mod.rs
            ! File does not exist.
            < src/library/mod.rs
            = pub mod a;",
    },
    Case {
        session: "< docs/release_notes.md
            ! Error: ENOENT: no such file or directory
            < doc/release_notes.md
            = # Notes",
        without: &["docs/release_notes.md"],
        says: "`docs/release_notes.md` is at `doc/release_notes.md`.",
        // It was about to be written.
        twin: "< docs/release_notes.md
            ! Error: ENOENT: no such file or directory
            > docs/release_notes.md
            = written
            < docs/release_notes.md
            = # Notes",
    },
    Case {
        session: "$ npm run test:db
            ! Error: connect ECONNREFUSED 127.0.0.1:5432
            $ docker compose up -d db
            = Started
            $ npm run test:db
            = 9 passed",
        without: &[],
        says: "Before `npm run test:db`, start what it needs: `docker compose up -d db`.",
        // It came up by itself.
        twin: "$ npm run test:db
            ! Error: connect ECONNREFUSED 127.0.0.1:5432
            $ sleep 5
            =
            $ npm run test:db
            = 9 passed",
    },
    Case {
        session: "$ cargo run --bin seed
            ! Error: environment variable not found: DATABASE_FILE
            $ DATABASE_FILE=dev.db cargo run --bin seed
            = seeded",
        without: &[],
        says: "`cargo run` needs the variable `DATABASE_FILE` to be set.",
        // A variable that was not what was missing.
        twin: "$ cargo run --bin seed
            ! thread 'main' panicked at src/a.rs:1
            $ RUST_BACKTRACE=1 cargo run --bin seed
            = seeded",
    },
    Case {
        session: "$ cargo install ripgrep
            ! error: blocked by sandbox: network access",
        without: &[],
        says: "`cargo install` does not work inside the sandbox: ask for approval first.",
        // Allowed the second time.
        twin: "$ cargo install ripgrep
            ! error: blocked by sandbox: network access
            $ cargo install ripgrep
            = Installed package",
    },
    Case {
        session: "$ pip install -r requirements.txt
            ! bash: line 1: pip: command not found
            $ uv pip install -r requirements.txt
            = Installed 4 packages",
        without: &["pip"],
        says: "Run `uv pip`, not `pip` (`pip` is not found here).",
        // Worked in a way that does not show.
        twin: "$ pip install -r requirements.txt
            ! bash: line 1: pip: command not found
            $ uv pip install -r requirements.txt || true
            = error: no virtual environment found",
    },
    Case {
        session: "$ bash -lc 'pytest -q'
            ! bash: pytest: command not found
            $ bash -lc '. .venv/bin/activate && pytest -q'
            = 3 passed",
        without: &["pytest"],
        says: "Run `source .venv/bin/activate && pytest`, not `pytest` (`pytest` is not found here).",
        twin: "$ bash -lc 'pytest -q'
            ! 1 failed, 2 passed
            $ bash -lc '. .venv/bin/activate && pytest -q'
            = 3 passed",
    },
    Case {
        session: "$ make test
            ! make: *** No rule to make target `test'.  Stop.
            $ uv run pytest -q
            = 9 passed",
        without: &[],
        says: "Run `uv run pytest`, not `make test` (there is no such task).",
        // What is only about tests.
        twin: "$ make test
            ! make: *** No rule to make target `test'.  Stop.
            $ ls tests
            = test_a.py
            $ git add tests
            =
            $ npm install jest
            = added
            $ cargo add test-case
            =",
    },
    Case {
        session: "$ vitest run
            ! bash: line 1: vitest: command not found
            $ pnpm exec vitest run
            = 9 passed",
        without: &["vitest"],
        says: "Run `pnpm exec vitest`, not `vitest` (`vitest` is not found here).",
        // Looked for and installed, not run.
        twin: "$ vitest run
            ! bash: line 1: vitest: command not found
            $ npm ls vitest
            = (empty)
            $ npm view vitest
            = vitest@1.0.0
            $ npm install vitest
            = added",
    },
    Case {
        session: "$ python3 -m app
            ! KeyError: 'APP_HOME' environment variable is not set
            $ APP_HOME=. python3 -m app
            = ready",
        without: &[],
        says: "`python3 -m app` needs the variable `APP_HOME` to be set.",
        twin: "$ python3 -m app
            ! KeyError: 'name' (is not set)
            $ DEBUG=1 python3 -m app
            = ready",
    },
    Case {
        session: "$ terraform plan
            ! Error: No configuration files
            $ cd infra && terraform plan
            = No changes.",
        without: &[],
        says: "Run `terraform plan` in `infra`: it fails elsewhere.",
        // It works at the top as well.
        twin: "$ terraform plan
            ! Error: No configuration files
            $ cd infra && terraform plan
            = No changes.
            $ terraform plan
            = No changes.",
    },
    Case {
        session: "$ npm install dayjs
            ! npm error code EBADDEVENGINES\\nnpm error This project is configured to use pnpm
            $ pnpm add dayjs
            = Done in 1s",
        without: &[],
        says: "Run `pnpm`, not `npm` (this project is built with another package manager).",
        twin: "$ npm install dayjs
            ! npm error code EBADDEVENGINES\\nnpm error This project is configured to use pnpm
            $ pnpm list
            = (empty)",
    },
];

#[test]
fn every_pattern_is_learned_and_its_twin_is_not() {
    let mut wrong = Vec::new();
    for case in CASES {
        let machine = Machine { without: case.without, memory: "" };
        let says = twice(case.session, &machine);
        if says != [case.says] {
            wrong.push(format!("{}\n  says {says:?}", case.session));
        }
        let noise = [case.twin; 4];
        let says = said(&noise, &machine);
        if !says.is_empty() {
            wrong.push(format!("TWIN {}\n  says {says:?}", case.twin));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn what_happened_once_is_no_advice() {
    for case in CASES {
        let machine = Machine { without: case.without, memory: "" };
        assert_eq!(said(&[case.session], &machine), [""; 0], "{}", case.session);
    }
}

#[test]
fn what_the_memory_file_says_is_not_said_again() {
    let cases = [
        (0, "Always use `python3`."),
        (1, "- Tests: `uv run pytest`"),
        (10, "Run unit tests with npm run test:unit."),
        (21, "Never run git push."),
        (23, "The users (src/api/user.ts) are in packages/server/src/api/user.ts."),
    ];
    for (number, memory) in cases {
        let case = &CASES[number];
        let machine = Machine { without: case.without, memory };
        assert_eq!(twice(case.session, &machine), [""; 0], "{memory}");
    }
    // That a word stands there does not say how it is meant.
    let case = &CASES[0];
    let machine = Machine { without: case.without, memory: "We ship for python3.12 and python2." };
    assert_eq!(twice(case.session, &machine).len(), 1);
}

#[test]
fn what_is_no_longer_true_is_not_said() {
    let machine = Machine { without: &[], memory: "" };
    let (advice, withheld) = learned(&[CASES[0].session; 2], &machine);
    assert!(advice.is_empty());
    assert!(withheld.iter().any(|withheld| withheld.why == Why::NotTrue));
    let written = Machine { without: &["=\"test\":"], memory: "" };
    assert_eq!(twice(CASES[10].session, &written), [""; 0]);
    let gone = Machine { without: &["python", "python3"], memory: "" };
    assert_eq!(twice(CASES[0].session, &gone), [""; 0]);
    let gone = Machine { without: &[".venv/bin/python"], memory: "" };
    assert_eq!(twice(CASES[14].session, &gone), [""; 0]);
}

#[test]
fn newer_evidence_takes_a_lesson_back() {
    let machine = Machine { without: &["nothing"], memory: "" };
    let script = CASES[10].session;
    assert_eq!(said(&[script, script], &machine).len(), 1);
    assert_eq!(said(&[script, script, "$ npm test\n= 12 passed"], &machine), [""; 0]);
    // What worked before it failed twice says nothing any more.
    assert_eq!(said(&["$ npm test\n= 12 passed", script, script], &machine).len(), 1);
}

#[test]
fn of_two_remedies_the_newer_one_is_said() {
    let machine = Machine { without: &["python"], memory: "" };
    let other = "$ python app.py\n! python: command not found\n$ uv run python app.py\n= ready";
    let old = CASES[0].session;
    let says = said(&[old, old, other, other], &machine);
    assert_eq!(says, ["Run `uv run python`, not `python` (`python` is not found here)."]);
}

#[test]
fn a_session_that_went_on_in_a_second_file_counts_once() {
    use crate::learn::Learner;
    let machine = Machine { without: &["python"], memory: "" };
    let mut learner = Learner::new();
    for name in ["one", "two"] {
        let about = crate::transcript::About {
            session: name.to_owned(),
            agent: "claude".to_owned(),
            folder: "/p".to_owned(),
            ..Default::default()
        };
        learner.session(&about, "/p");
        for entry in super::entries(CASES[0].session, 1_990) {
            learner.see(&entry);
        }
    }
    let (advice, withheld) = learner.weigh(&machine, super::NOW);
    assert!(advice.is_empty());
    assert_eq!(withheld.iter().map(|withheld| withheld.why).collect::<Vec<_>>(), [Why::TooSeldom]);
}

#[test]
fn evidence_says_how_often_where_and_what_it_cost() {
    let machine = Machine { without: &["python"], memory: "" };
    let (advice, _) = learned(&[CASES[0].session; 3], &machine);
    let evidence = &advice[0].evidence;
    assert_eq!((evidence.times, evidence.sessions, evidence.turns), (3, 3, 3));
    assert_eq!(evidence.places.iter().map(|place| place.line).collect::<Vec<_>>(), [1, 1, 1]);
    assert!(0 < evidence.tokens.0 && evidence.first < evidence.last);
    assert_eq!(advice[0].id.len(), 16);
    assert_eq!(advice[0].consent, Consent::Free);
}

#[test]
fn what_could_do_harm_asks_for_a_yes() {
    // But not what the agent is told to leave.
    let machine = Machine { without: &["nothing"], memory: "" };
    let refused = CASES.iter().find(|case| case.says.contains("git push")).expect("it is there");
    assert!(learned(&[refused.session; 2], &machine).0[0].consent.is_free());
    let machine = Machine { without: &["nothing"], memory: "" };
    let script = "$ npm run deploy
        ! npm error Missing script: \"deploy\"
        $ npm run deploy:production
        = done";
    let (advice, _) = learned(&[script, script], &machine);
    assert!(!advice[0].consent.is_free(), "{:?}", advice[0].consent);
}

#[test]
fn two_ways_to_say_the_same_are_one() {
    let machine = Machine { without: &[], memory: "" };
    let session = "$ npm run test
        ! npm error Missing script: \"test\"
        $ npm run test:unit
        = 12 passed
        $ npm test -- a
        ! npm error Missing script: \"test\"
        $ npm run test:unit -- a
        = 3 passed";
    assert_eq!(
        said(&[session], &machine),
        ["Run `npm run test:unit`, not `npm test` (there is no such task)."]
    );
}

#[test]
fn a_command_tried_again_and_again_is_said_once() {
    let machine = Machine { without: &[], memory: "" };
    let session = "$ npm test
        ! npm error Missing script: \"test\"
        $ npm test
        ! npm error Missing script: \"test\"
        $ npm test
        ! npm error Missing script: \"test\"
        $ npm run test:unit
        = 12 passed";
    let (advice, _) = learned(&[session, session], &machine);
    let says: Vec<&str> = advice.iter().map(|advice| advice.sentence.as_str()).collect();
    assert_eq!(says, ["Run `npm run test:unit`, not `npm test` (there is no such task)."]);
    // Three tries are one occurrence that cost three turns.
    assert_eq!((advice[0].evidence.times, advice[0].evidence.turns), (2, 6));
}

#[test]
fn a_secret_in_a_command_kills_the_lesson() {
    let machine = Machine { without: &[], memory: "" };
    let key = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0".repeat(2).get(..36).unwrap_or_default());
    let session = format!(
        "$ make {key}-test\n! make: *** No rule to make target '{key}-test'.  Stop.\n$ make test\n= ok"
    );
    assert_eq!(said(&[&session, &session], &machine), [""; 0]);
}

#[test]
fn a_folder_is_said_where_two_of_its_files_are_elsewhere() {
    let without = &["config", "config/settings.py", "config/secret_names.py"];
    let machine = Machine { without, memory: "" };
    let session = "< config/settings.py
        ! File does not exist.
        < services/api/config/settings.py
        = A = 1
        < config/secret_names.py
        ! File does not exist.
        < services/api/config/secret_names.py
        = B = 2";
    assert_eq!(twice(session, &machine), ["Files of `config/` are in `services/api/config/`."]);
    // They lie in two folders: it depends.
    let twin = "< config/settings.py
        ! File does not exist.
        < services/api/config/settings.py
        = A = 1
        < config/settings.py
        ! File does not exist.
        < services/web/config/settings.py
        = A = 1";
    assert_eq!(twice(twin, &machine), [""; 0]);
}

//! Messages that shells and tools print, and what they say of the command.

use super::*;
use crate::learn::command::Line;
use crate::transcript::act::Act;
use crate::units::Tokens;

fn said(command: &str, output: &str, ending: Ending) -> Vec<(usize, Trouble)> {
    let step = Step {
        tool: "Bash".to_owned(),
        act: Act::Shell { command: command.to_owned(), folder: None },
        folder: "/p".into(),
        ending,
        output: Excerpt::of(output),
        asked: Tokens(1),
        request: 0,
        call: [0; 16],
        commands: Some(Line::read(command)),
    };
    troubles(&step)
}

#[test]
fn messages_are_understood() {
    use Trouble::*;
    let cases: &[(&str, &str, Trouble)] = &[
        ("tool a", "bash: line 1: tool: command not found", NotFound(0)),
        ("tool a", "/bin/bash: line 3: tool: command not found", NotFound(0)),
        ("tool a", "sh: 1: tool: not found", NotFound(0)),
        ("tool a", "/bin/sh: 1: tool: not found", NotFound(0)),
        ("tool a", "dash: 1: tool: not found", NotFound(0)),
        ("tool a", "sh: tool: not found", NotFound(0)),
        ("tool a", "zsh:1: command not found: tool", NotFound(0)),
        ("tool a", "(eval):1: command not found: tool", NotFound(0)),
        ("tool a", "fish: Unknown command: tool", NotFound(0)),
        ("tool a", "-bash: tool: command not found", NotFound(0)),
        ("tool a", "bash: tool: Kommando nicht gefunden.", NotFound(0)),
        ("tool a", "bash: tool : commande introuvable", NotFound(0)),
        ("tool a", "bash: tool: orden no encontrada", NotFound(0)),
        ("tool a", "bash: tool: comando não encontrado", NotFound(0)),
        ("tool a", "bash: tool: команда не найдена", NotFound(0)),
        ("tool a", "bash: tool：未找到命令", NotFound(0)),
        ("tool a", "bash: tool: 未找到命令", NotFound(0)),
        ("tool a", "Command 'tool' not found, did you mean:", NotFound(0)),
        ("tool a", "'tool' is not recognized as an internal or external command,", NotFound(0)),
        ("tool a", "tool : The term 'tool' is not recognized as the name of a cmdlet, function", NotFound(0)),
        ("timeout 5 tool a", "timeout: failed to run command 'tool': No such file or directory", NotFound(0)),
        ("env A=1 tool a", "env: 'tool': No such file or directory", NotFound(0)),
        ("env A=1 tool a", "env: ‘tool’: No such file or directory", NotFound(0)),
        ("uv run tool", "error: Failed to spawn: `tool`", NotFound(2)),
        ("poetry run tool", "Command not found: tool", NotFound(2)),
        ("npm test", "npm error Missing script: \"test\"", NoTask(1)),
        ("npm run check", "npm ERR! missing script: check", NoTask(2)),
        ("pnpm run check", " ERR_PNPM_NO_SCRIPT  Missing script: check", NoTask(2)),
        ("yarn check", "error Command \"check\" not found.", NoTask(1)),
        ("yarn check", "Usage Error: Couldn't find a script named \"check\".", NoTask(1)),
        ("bun run check", "error: Script not found \"check\"", NoTask(2)),
        ("make check", "make: *** No rule to make target 'check'.  Stop.", NoTask(1)),
        ("make check", "make: *** No rule to make target `check'.  Stop.", NoTask(1)),
        ("cargo check2", "error: no such command: `check2`", NoTask(1)),
        ("just check", "error: Justfile does not contain recipe `check`", NoTask(1)),
        ("task check", "task: Task \"check\" does not exist", NoTask(1)),
        ("./gradlew check", "Task 'check' not found in root project 'p'.", NoTask(1)),
        ("mvn chek", "Unknown lifecycle phase \"chek\".", NoTask(1)),
        ("rake check", "Don't know how to build task 'check' (See the list of available tasks", NoTask(1)),
        ("deno task check", "error: Task not found: check", NoTask(2)),
        ("git switc", "git: 'switc' is not a git command. See 'git --help'.", NoTask(1)),
        ("kubectl lst", "error: unknown command \"lst\" for \"kubectl\"", NoTask(1)),
        ("tool lst", "error: unrecognized subcommand 'lst'", NoTask(1)),
        (
            "tool lst",
            "tool: error: argument command: invalid choice: 'lst' (choose from 'list', 'show')",
            NoTask(1),
        ),
        ("tool lst", "Error: No such command 'lst'.", NoTask(1)),
        ("tool --long a", "tool: unrecognized option '--long'", NoFlag(1)),
        ("tool --long a", "error: unexpected argument '--long' found", NoFlag(1)),
        ("tool --long=3 a", "error: unknown option `long=3'", NoFlag(1)),
        ("tool --long=3 a", "tool: error: unrecognized arguments: --long=3", NoFlag(1)),
        ("tool --long a", "Error: No such option: --long", NoFlag(1)),
        ("tool --long a", "error: unknown option '--long'", NoFlag(1)),
        ("tool --long a", "Error: unknown flag: --long", NoFlag(1)),
        ("tool --long a", "node: bad option: --long", NoFlag(1)),
        ("tool -long a", "flag provided but not defined: -long", NoFlag(1)),
        ("tool --long a", "error: Unrecognized option: 'long'", NoFlag(1)),
        ("grep -nP x a", "grep: invalid option -- P", NoFlag(1)),
        ("sed -Y x a", "sed: invalid option -- 'Y'", NoFlag(1)),
        ("tool -i x a", "tool: illegal option -- i", NoFlag(1)),
        ("docker compose up -d", "unknown shorthand flag: 'd' in -d", NoFlag(3)),
        ("npm i", "Use \"yarn install\" for installation in this project", WrongManager),
        ("npm i", "npm error Unsupported URL Type \"workspace:\": workspace:*", WrongManager),
        ("yarn", "This project's package.json defines \"packageManager\": \"pnpm@9\"", WrongManager),
        ("python a.py", "ModuleNotFoundError: No module named 'yaml'", NoModule),
        ("python3 -m pytest", "/usr/bin/python3: No module named pytest", NoModule),
        ("cargo test", "error: could not find `Cargo.toml` in `/p` or any parent directory", NotHere),
        ("go test ./...", "go: go.mod file not found in current directory or any parent directory", NotHere),
        ("npm test", "npm error enoent Could not read package.json: Error: ENOENT: no such file", NotHere),
        (
            "python manage.py test",
            "python: can't open file '/p/manage.py': [Errno 2] No such file or directory",
            NotHere,
        ),
        ("node a/b.js", "Error: Cannot find module '/p/a/b.js'", NotHere),
        ("make", "make: *** No targets specified and no makefile found.  Stop.", NotHere),
        ("npm run db", "Error: connect ECONNREFUSED 127.0.0.1:5432", NoService),
    ];
    let mut wrong = Vec::new();
    for (command, output, trouble) in cases {
        let says = said(command, output, Ending::Failed(Some(1)));
        if says != [(0, *trouble)] {
            wrong.push(format!("{command}: {output}: {says:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_about_something_else_is_no_trouble() {
    let cases = [
        // Another program than the one that was run.
        ("make all", "sh: 1: tool: not found"),
        ("npm test", "bash: other: command not found"),
        // A longer name.
        ("tool a", "bash: line 1: tool-x: command not found"),
        ("tool a", "bash: line 1: /opt/tool: command not found"),
        ("make test", "make: *** No rule to make target 'test/a.c', needed by 'test'.  Stop."),
        ("npm run test", "npm error Missing script: \"test:unit\""),
        ("tool --long a", "error: unexpected argument '--longer' found"),
        ("tool -x a", "error: unknown option '--verbose'"),
        // What a test says.
        ("cargo test", "assertion failed: left == right"),
        ("pytest", "E   AssertionError: 'not found' == 'found'"),
        // What a program is told to say.
        ("echo tool: not found", "tool: not found"),
    ];
    let mut wrong = Vec::new();
    for (command, output) in cases {
        let says = said(command, output, Ending::Failed(Some(1)));
        if !says.is_empty() {
            wrong.push(format!("{command}: {output}: {says:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // A command that worked has no trouble, whatever it prints.
    assert_eq!(said("tool a", "bash: line 1: tool: command not found", Ending::Worked), []);
    assert_eq!(said("tool a", "bash: line 1: tool: command not found", Ending::Denied), []);
    // Behind a filter its own exit status does not show.
    let hidden = said("tool a 2>&1 | tail -3", "bash: line 1: tool: command not found", Ending::Worked);
    assert_eq!(hidden, [(0, Trouble::NotFound(0))]);
}

//! The words of shells and tools, in small letters: tables.

/// Programs that are run to find out something: that they fail is an answer.
pub(super) const PROBES: &[&str] = &[
    "which", "type", "whereis", "test", "[", "ls", "find", "fd", "grep", "egrep", "rg", "stat", "file",
    "pgrep", "cat", "head", "tail", "wc", "diff", "cmp", "echo", "printf", "true", "false", "kill", "pkill",
    "lsof", "nc", "ping", "dig",
];

/// How shells begin their messages.
pub(super) const SHELLS: &[&str] = &[
    "bash:",
    "sh:",
    "zsh:",
    "dash:",
    "ksh:",
    "fish:",
    "ash:",
    "-bash:",
    "-sh:",
    "-zsh:",
    "/bin/sh:",
    "/bin/bash:",
    "/bin/zsh:",
    "/usr/bin/bash:",
    "/usr/bin/sh:",
    "/usr/bin/zsh:",
    "(eval):",
    "env:",
    "/usr/bin/env:",
    "timeout:",
    "nohup:",
    "xargs:",
    "eval:",
    "command:",
];

/// "command not found" as shells say it; `bash` in German, French, Spanish, Italian, Portuguese, Russian, Chinese, Japanese.
pub(super) const NOT_FOUND: &[&str] = &[
    "command not found",
    "not found",
    "kommando nicht gefunden",
    "befehl nicht gefunden",
    "commande introuvable",
    "orden no encontrada",
    "no se encontró la orden",
    "comando non trovato",
    "comando não encontrado",
    "команда не найдена",
    "не найдено",
    "未找到命令",
    "找不到命令",
    "コマンドが見つかりません",
    "no such file or directory",
    "inaccessible or not found",
];

/// Package managers that can take each other's place.
pub(super) const MANAGERS: &[&str] = &["npm", "pnpm", "yarn", "bun", "npx"];

/// How a package manager says that another one is used here.
pub(super) const OTHER_MANAGER: &[&str] = &[
    "this project is configured to use",
    "this project's package.json defines \"packagemanager\"",
    "project is configured to use",
    "use pnpm instead",
    "use yarn instead",
    "use npm instead",
    "use bun instead",
    "please use pnpm",
    "please use yarn",
    "please use npm",
    "please use bun",
    "use \"pnpm install\" for installation",
    "use \"yarn install\" for installation",
    "use \"npm install\" for installation",
    "unsupported url type \"workspace:\"",
    "unsupported url type \"catalog:\"",
    "ebaddevengines",
    "for \"packagemanager\"",
    "corepack must currently be enabled",
    "only-allow",
];

/// How tools say that there is no such script, target, recipe or subcommand.
pub(super) const NO_TASK: &[&str] = &[
    "missing script",
    "couldn't find a script named",
    "script not found",
    "no rule to make target",
    "no such command",
    "no such subcommand",
    "does not contain recipe",
    "justfile does not contain",
    "task not found",
    "unknown lifecycle phase",
    "don't know how to build task",
    "is not a git command",
    "is not a docker command",
    "unknown docker command",
    "unknown command",
    "unknown subcommand",
    "unrecognized subcommand",
    "unrecognized command",
    "invalid choice:",
    "could not find task",
    "cannot find task",
    "no task named",
    "no such task",
    "is not a task",
];

/// The same, where the sentence goes on behind the name.
pub(super) const NO_TASK_AFTER: &[(&str, &str)] = &[
    ("command \"", "\" not found"),
    ("command \"", "\" is not defined"),
    ("task \"", "\" does not exist"),
    ("task \"", "\" could not be found"),
    ("task '", "' not found"),
    ("the command \"", "\" does not exist"),
    ("the requested command ", " does not exist"),
    ("target \"", "\" does not exist"),
];

/// How tools say that they do not know a flag.
pub(super) const NO_FLAG: &[&str] = &[
    "unrecognized argument",
    "unrecognized option",
    "unrecognised option",
    "unrecognized flag",
    "unknown option",
    "unknown flag",
    "unknown argument",
    "unknown switch",
    "unknown long option",
    "unknown shorthand flag",
    "unknown parameter",
    "unexpected argument",
    "invalid option",
    "invalid flag",
    "illegal option",
    "no such option",
    "bad option",
    "bad flag",
    "flag provided but not defined",
    "unsupported option",
    "unknown predicate",
    "unrecognized switch",
    "does not exist: --",
];

/// How build tools say that there is no project in this folder.
pub(super) const NOT_HERE: &[&str] = &[
    "could not find `cargo.toml`",
    "could not read package.json",
    "no package.json",
    "no such file or directory, open 'package.json'",
    "err_pnpm_no_importer_manifest_found",
    "couldn't find a package.json",
    "could not find package.json",
    "enoent: no such file or directory, open",
    "go.mod file not found",
    "cannot find main module",
    "does not contain main module",
    "no makefile found",
    "no justfile found",
    "there is no pom in this directory",
    "does not contain a gradle build",
    "could not find a pyproject.toml",
    "could not find pyproject.toml",
    "no pyproject.toml found",
    "no configuration file provided: not found",
    "no rakefile found",
    "could not locate gemfile",
    "could not find a mix.project",
    "the specified command or file was not found",
    "no project or solution file",
    "no configuration files",
    "no deno.json",
];

/// How programs say that a file does not exist.
pub(super) const NO_FILE: &[&str] = &[
    "can't open file",
    "cannot find module",
    "no such file or directory",
    "file or directory not found",
    "could not open",
];

/// How Python says that a module is missing.
pub(super) const NO_MODULE: &[&str] = &["modulenotfounderror", "no module named"];

/// How programs say that a service does not answer.
pub(super) const NO_SERVICE: &[&str] = &[
    "connection refused",
    "econnrefused",
    "cannot connect to the docker daemon",
    "failed to connect to the docker api",
    "could not connect to server",
    "can't connect to mysql server",
    "can't connect to local mysql server",
    "can't reach database server",
    "could not connect to redis",
    "no brokers available",
    "is the server running",
];

/// How programs say that a variable is missing.
pub(super) const NO_VARIABLE: &[&str] = &[
    "environment variable not found",
    "missing required environment variable",
    "missing environment variable",
    "environment variable is required",
    "environment variable must be set",
    "environment variable is not set",
    "is not set in the environment",
    "must be set in the environment",
    "required env var",
    "unbound variable",
    "keyerror: '",
    "is not set",
    "must be set",
    "environment variable",
];

/// How a sandbox shows itself.
pub(super) const SANDBOX: &[&str] = &[
    "sandbox: deny",
    "blocked by sandbox",
    "blocked by the sandbox",
    "denied by sandbox",
    "denied by the sandbox",
    "sandbox denied",
    "failed in sandbox",
    "not permitted in sandbox",
    "sandbox restrictions",
    "landlock",
];

/// "Command not found" as others than shells say it.
pub(super) const NOT_FOUND_ELSE: &[&str] = &[
    "unknown command: ",
    "is not recognized as",
    "failed to spawn",
    "failed to run command",
    "unable to find",
];

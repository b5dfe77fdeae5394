//! Programs that do each other's work, and words that mean the same errand: tables.

use crate::learn::command::name_of;

/// Programs that can take each other's place. More than one word: with these in front.
const FAMILIES: &[&[&str]] = &[
    &[
        "python",
        "python3",
        "py",
        "pypy3",
        "uv run python",
        "uv run python3",
        "poetry run python",
        "pipenv run python",
        "hatch run python",
        "uv run",
        "python3.9",
        "python3.10",
        "python3.11",
        "python3.12",
        "python3.13",
        "python3.14",
    ],
    &["pip", "pip3", "python -m pip", "python3 -m pip", "uv pip", "py -m pip", "uv run pip"],
    &["npm", "pnpm", "yarn", "bun"],
    &["npx", "pnpm exec", "pnpm dlx", "yarn dlx", "bunx", "yarn", "pnpm", "npm exec"],
    &["node", "nodejs", "bun", "deno"],
    &["docker-compose", "docker compose", "podman-compose", "podman compose"],
    &["docker", "podman"],
    &["rg", "grep", "ag", "ack", "ugrep"],
    &["fd", "fdfind", "find"],
    &["bat", "batcat", "cat"],
    &["make", "gmake", "mingw32-make"],
    &["sed", "gsed"],
    &["mvn", "mvnd", "./mvnw"],
    &["gradle", "./gradlew"],
    &["ruby", "bundle exec ruby"],
    &["kubectl", "k3s kubectl", "minikube kubectl", "microk8s kubectl", "oc"],
    &["terraform", "tofu", "opentofu"],
    &["vim", "vi", "nvim"],
    &["timeout", "gtimeout"],
    &["md5sum", "md5"],
    &["sha256sum", "shasum"],
    &["open", "xdg-open"],
    &["ifconfig", "ip"],
    &["netstat", "ss"],
    &["psql", "pgcli"],
    &["mysql", "mariadb"],
];

/// Programs that run the program behind them, with the words that may stand in between.
const RUNNERS: &[&str] = &[
    "uv",
    "poetry",
    "pipenv",
    "hatch",
    "rye",
    "pdm",
    "pixi",
    "npx",
    "pnpm",
    "yarn",
    "bunx",
    "bun",
    "npm",
    "bundle",
    "mise",
    "asdf",
    "direnv",
    "nix",
    "nix-shell",
    "devbox",
    "docker",
    "podman",
    "docker-compose",
    "python",
    "python3",
    "py",
    "composer",
    "php",
    "dotnet",
    "cargo",
    "go",
    "just",
    "make",
    "task",
    "conda",
    "mamba",
    "micromamba",
    "deno",
    "corepack",
    "tox",
    "nox",
    "rbenv",
    "pyenv",
    "volta",
    "fnm",
    "nvm",
    "vendor/bin/sail",
    "sail",
    "ddev",
    "lando",
    "wsl",
];

/// Errands, and the words that name them.
const ERRANDS: &[&[&str]] = &[
    &[
        "test", "tests", "pytest", "jest", "vitest", "unittest", "spec", "rspec", "nextest", "ctest", "tox",
        "nox", "mocha", "phpunit",
    ],
    &["build", "compile", "assemble", "dist"],
    &["lint", "eslint", "clippy", "ruff", "flake8", "pylint", "golangci-lint", "biome", "rubocop"],
    &["fmt", "format", "prettier", "black", "gofmt", "rustfmt"],
    &["start", "dev", "serve", "server"],
    &["typecheck", "tsc", "mypy", "types", "pyright"],
    &["docs", "doc"],
    &["migrate", "migration", "migrations"],
    &["e2e", "playwright", "cypress"],
];

/// Programs that carry out an errand of the project when they are told its name.
const BUILDERS: &[&str] = &[
    "npm", "pnpm", "yarn", "bun", "npx", "bunx", "cargo", "go", "make", "just", "task", "uv", "poetry",
    "hatch", "pdm", "mvn", "mvnw", "gradle", "gradlew", "rake", "bundle", "mix", "composer", "dotnet",
    "deno", "python", "python3", "tox", "nox", "sbt", "swift", "flutter", "bazel", "nx", "turbo", "ninja",
    "meson", "cmake", "ctest", "rails",
];

/// How many words at the start of `words` name a program that can take the place of `program`.
pub(super) fn stand_in(program: &str, words: &[String]) -> Option<usize> {
    let program = name_of(program);
    let rows = FAMILIES.iter().filter(|row| row.contains(&program));
    let best = rows.flat_map(|row| row.iter()).filter(|other| **other != program).filter_map(|other| {
        let parts: Vec<&str> = other.split(' ').collect();
        let fits = parts.len() <= words.len()
            && parts
                .iter()
                .zip(words)
                .all(|(part, word)| *part == word || (part == &"python" && is_python(word)));
        fits.then_some(parts.len())
    });
    best.max().or_else(|| {
        // `.venv/bin/python` for `python`, `./node_modules/.bin/jest` for `jest`.
        let first = words.first()?;
        let other = name_of(first);
        let same = other == program || (is_python(other) && is_python(program));
        (first.contains('/') && same).then_some(1)
    })
}

fn is_python(name: &str) -> bool {
    let name = name_of(name);
    name.strip_prefix("python")
        .is_some_and(|version| version.chars().all(|letter| letter.is_ascii_digit() || letter == '.'))
}

/// How many words at the start of `words` are a runner and the program that it runs: `uv run pytest`.
pub(super) fn run_by(program: &str, words: &[String]) -> Option<usize> {
    /// Words between the runner and the program.
    const BETWEEN: usize = 6;
    /// Words that say that something is run, behind a runner.
    const RUNS: &[&str] = &["run", "exec", "x", "dlx", "tool", "compose", "-m", "--"];
    /// Words that ask for something else than running.
    const ELSE: &[&str] = &[
        "install",
        "i",
        "add",
        "remove",
        "uninstall",
        "update",
        "upgrade",
        "list",
        "ls",
        "show",
        "info",
        "view",
        "search",
        "why",
        "which",
        "help",
        "pip",
        "images",
        "pull",
        "logs",
        "inspect",
        "create",
        "init",
        "publish",
        "-v",
        "--version",
        "--help",
    ];
    let program = name_of(program);
    let (runner, behind) = words.split_first()?;
    if !RUNNERS.contains(&runner.as_str()) {
        return None;
    }
    let place = behind.iter().take(BETWEEN).position(|word| name_of(word) == program)?;
    let between = behind.get(..place)?;
    let runs = between.first().is_none_or(|first| RUNS.contains(&first.as_str()) || first.starts_with("--"));
    let other = between.iter().any(|word| ELSE.contains(&word.as_str()));
    (runs && !other).then_some(place + 2)
}

/// How many words at the start of `words` name the errand that `task` is: `cargo test`, `uv run pytest`, `pytest`.
pub(super) fn does_errand(task: &str, words: &[String]) -> Option<usize> {
    /// Words that may stand before it.
    const BEFORE: &[&str] = &["run", "run-script", "exec", "x", "tool", "-m", "--"];
    /// Errands that mean the same wherever they are asked for.
    const CLEAR: usize = 4;
    let row = ERRANDS.iter().take(CLEAR).find(|row| row.contains(&task))?;
    let is_named = |word: &String| row.contains(&name_of(word).to_lowercase().as_str());
    let (program, behind) = words.split_first()?;
    if is_named(program) {
        return Some(1);
    }
    if !BUILDERS.contains(&name_of(program)) {
        return None;
    }
    let place = behind.iter().position(|word| !BEFORE.contains(&word.as_str()))?;
    behind.get(place).filter(|word| is_named(word)).map(|_| place + 2)
}

/// True when two names of tasks mean the same errand: they share a part, or both name it.
pub(super) fn same_errand(one: &str, other: &str) -> bool {
    let parts = |name: &str| -> Vec<String> {
        name.to_lowercase()
            .split([':', '-', '_', '.', '/'])
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let (one, other) = (parts(one), parts(other));
    one.iter().any(|one| {
        other.iter().any(|other| {
            let long = 4 <= one.len().min(other.len());
            let begins = long && (one.starts_with(other.as_str()) || other.starts_with(one.as_str()));
            one == other || begins || errand(one).is_some_and(|errand| errand.contains(&other.as_str()))
        })
    })
}

/// The words that mean the same errand as `word`.
fn errand(word: &str) -> Option<&'static [&'static str]> {
    ERRANDS.iter().find(|words| words.contains(&word)).copied()
}

/// What a package manager is asked to do, whatever it calls it.
pub(super) fn errand_of_manager<'a>(mut operands: impl Iterator<Item = &'a str>) -> &'a str {
    match operands.next() {
        None | Some("install" | "i" | "ci" | "add") => "install",
        Some("uninstall" | "remove" | "rm") => "remove",
        Some("run" | "run-script" | "exec" | "dlx") => operands.next().unwrap_or("run"),
        Some("t") => "test",
        Some(other) => other,
    }
}

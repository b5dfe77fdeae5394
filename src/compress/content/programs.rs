//! What tools and programs print, as tables.

use super::super::Kind;

/// Tools that read a file, by the names that agents give them (Claude Code, Codex, Gemini CLI, OpenCode,
/// OpenHands, Cline, Qwen, Copilot, Vibe, Aider, the reference MCP file server).
pub const READ_TOOLS: &[&str] = &[
    "Read",
    "NotebookRead",
    "View",
    "Cat",
    "Open",
    "OpenFile",
    "open_file",
    "ReadFile",
    "read_file",
    "read_files",
    "read_many_files",
    "read_multiple_files",
    "read_text_file",
    "read_media_file",
    "view_file",
    "view_image",
    "fs_read",
    "file_read",
    "get_file_contents",
    "get_file",
    "find_and_read",
    "str_replace_editor",
    "str_replace_based_edit_tool",
    "file_editor",
    "text_editor",
];

/// Tools that change a file and show the place.
pub const EDIT_TOOLS: &[&str] = &[
    "Edit",
    "MultiEdit",
    "NotebookEdit",
    "Write",
    "Replace",
    "edit_file",
    "write_file",
    "write_to_file",
    "replace_in_file",
    "search_replace",
    "create_file",
    "apply_patch",
    "apply_diff",
    "insert_edit_into_file",
];

/// Tools that search in files.
pub const SEARCH_TOOLS: &[&str] = &[
    "Grep",
    "GrepTool",
    "grep_search",
    "search_file_content",
    "search_files",
    "search_code",
    "code_search",
    "ripgrep",
    "rg",
    "search_dir",
    "search_in_files",
];

/// A program, perhaps with the words that must follow it, and what it prints.
pub struct Program {
    /// The program's name without its folder.
    pub name: &'static str,
    /// One of these must be its first word that is no option; empty: any.
    pub words: &'static [&'static str],
    /// What it prints.
    pub prints: Kind,
}

const fn prints(prints: Kind, name: &'static str, words: &'static [&'static str]) -> Program {
    Program { name, words, prints }
}

/// Programs and what they print; the first that fits decides.
pub const PROGRAMS: &[Program] = &[
    prints(
        Kind::Build,
        "cargo",
        &[
            "build", "b", "test", "t", "check", "c", "clippy", "run", "r", "bench", "doc", "nextest",
            "install", "fetch", "update", "publish", "package", "fmt", "miri", "llvm-cov", "insta", "fuzz",
        ],
    ),
    prints(Kind::Build, "rustc", &[]),
    prints(Kind::Build, "cross", &[]),
    prints(Kind::Build, "go", &["build", "test", "vet", "mod", "get", "install", "run", "generate", "tool"]),
    prints(Kind::Build, "golangci-lint", &[]),
    prints(Kind::Build, "gotestsum", &[]),
    prints(Kind::Build, "pytest", &[]),
    prints(Kind::Build, "py.test", &[]),
    prints(Kind::Build, "tox", &[]),
    prints(Kind::Build, "nox", &[]),
    prints(Kind::Build, "unittest", &[]),
    prints(Kind::Build, "coverage", &["run"]),
    prints(Kind::Build, "mypy", &[]),
    prints(Kind::Build, "ruff", &[]),
    prints(Kind::Build, "flake8", &[]),
    prints(Kind::Build, "pylint", &[]),
    prints(Kind::Build, "pyright", &[]),
    prints(Kind::Build, "black", &[]),
    prints(Kind::Build, "manage.py", &["test", "migrate", "check"]),
    prints(Kind::Build, "runtests.py", &[]),
    prints(Kind::Build, "pip", &["install", "download", "wheel", "uninstall"]),
    prints(Kind::Build, "pip3", &["install", "download", "wheel", "uninstall"]),
    prints(Kind::Build, "pipx", &["install"]),
    prints(Kind::Build, "uv", &["pip", "sync", "add", "lock", "build", "tool"]),
    prints(Kind::Build, "poetry", &["install", "add", "update", "lock", "build"]),
    prints(Kind::Build, "conda", &["install", "create", "update", "env"]),
    prints(Kind::Build, "mamba", &["install", "create", "update", "env"]),
    prints(Kind::Build, "jest", &[]),
    prints(Kind::Build, "vitest", &[]),
    prints(Kind::Build, "mocha", &[]),
    prints(Kind::Build, "ava", &[]),
    prints(Kind::Build, "cypress", &[]),
    prints(Kind::Build, "playwright", &["test", "install"]),
    prints(Kind::Build, "karma", &[]),
    prints(Kind::Build, "tsc", &[]),
    prints(Kind::Build, "vue-tsc", &[]),
    prints(Kind::Build, "eslint", &[]),
    prints(Kind::Build, "biome", &[]),
    prints(Kind::Build, "prettier", &[]),
    prints(Kind::Build, "webpack", &[]),
    prints(Kind::Build, "vite", &["build"]),
    prints(Kind::Build, "next", &["build", "lint"]),
    prints(Kind::Build, "turbo", &[]),
    prints(Kind::Build, "nx", &[]),
    prints(
        Kind::Build,
        "npm",
        &[
            "install",
            "i",
            "ci",
            "run",
            "run-script",
            "test",
            "t",
            "add",
            "update",
            "audit",
            "start",
            "publish",
            "build",
        ],
    ),
    prints(
        Kind::Build,
        "pnpm",
        &["install", "i", "run", "test", "t", "add", "update", "build", "lint", "dev", "typecheck"],
    ),
    prints(Kind::Build, "yarn", &[]),
    prints(Kind::Build, "bun", &["install", "i", "run", "test", "add", "build"]),
    prints(Kind::Build, "deno", &["test", "check", "lint", "install", "task"]),
    prints(Kind::Build, "gcc", &[]),
    prints(Kind::Build, "g++", &[]),
    prints(Kind::Build, "cc", &[]),
    prints(Kind::Build, "c++", &[]),
    prints(Kind::Build, "clang", &[]),
    prints(Kind::Build, "clang++", &[]),
    prints(Kind::Build, "clang-tidy", &[]),
    prints(Kind::Build, "ld", &[]),
    prints(Kind::Build, "make", &[]),
    prints(Kind::Build, "gmake", &[]),
    prints(Kind::Build, "cmake", &[]),
    prints(Kind::Build, "ctest", &[]),
    prints(Kind::Build, "ninja", &[]),
    prints(Kind::Build, "meson", &[]),
    prints(Kind::Build, "bazel", &[]),
    prints(Kind::Build, "configure", &[]),
    prints(Kind::Build, "mvn", &[]),
    prints(Kind::Build, "mvnw", &[]),
    prints(Kind::Build, "gradle", &[]),
    prints(Kind::Build, "gradlew", &[]),
    prints(Kind::Build, "javac", &[]),
    prints(Kind::Build, "sbt", &[]),
    prints(Kind::Build, "kotlinc", &[]),
    prints(Kind::Build, "dotnet", &["build", "test", "restore", "run", "publish"]),
    prints(Kind::Build, "msbuild", &[]),
    prints(Kind::Build, "swift", &["build", "test"]),
    prints(Kind::Build, "xcodebuild", &[]),
    prints(Kind::Build, "zig", &["build", "test"]),
    prints(Kind::Build, "rspec", &[]),
    prints(Kind::Build, "rake", &[]),
    prints(Kind::Build, "rubocop", &[]),
    prints(Kind::Build, "bundle", &[]),
    prints(Kind::Build, "gem", &["install"]),
    prints(Kind::Build, "phpunit", &[]),
    prints(Kind::Build, "composer", &["install", "update", "require", "test"]),
    prints(Kind::Build, "mix", &["test", "compile", "deps.get"]),
    prints(Kind::Build, "docker", &["build", "buildx", "pull", "push"]),
    prints(Kind::Build, "podman", &["build", "pull"]),
    prints(Kind::Build, "docker-compose", &["build", "up", "pull"]),
    prints(Kind::Build, "terraform", &["init", "plan", "apply", "destroy", "validate"]),
    prints(Kind::Build, "tofu", &["init", "plan", "apply", "destroy", "validate"]),
    prints(Kind::Build, "ansible-playbook", &[]),
    prints(Kind::Build, "apt", &["install", "update", "upgrade"]),
    prints(Kind::Build, "apt-get", &["install", "update", "upgrade", "build-dep"]),
    prints(Kind::Build, "dnf", &[]),
    prints(Kind::Build, "yum", &[]),
    prints(Kind::Build, "apk", &["add", "update"]),
    prints(Kind::Build, "brew", &["install", "upgrade", "update"]),
    prints(Kind::Build, "pre-commit", &[]),
    prints(Kind::Build, "just", &[]),
    prints(Kind::Log, "journalctl", &[]),
    prints(Kind::Log, "dmesg", &[]),
    prints(Kind::Log, "docker", &["logs"]),
    prints(Kind::Log, "podman", &["logs"]),
    prints(Kind::Log, "docker-compose", &["logs"]),
    prints(Kind::Log, "kubectl", &["logs"]),
    prints(Kind::Log, "stern", &[]),
    prints(Kind::Log, "heroku", &["logs"]),
    prints(Kind::Log, "pm2", &["logs"]),
    prints(Kind::Log, "strace", &[]),
    prints(Kind::Log, "ltrace", &[]),
    prints(Kind::Search, "rg", &[]),
    prints(Kind::Search, "ag", &[]),
    prints(Kind::Search, "ack", &[]),
    prints(Kind::Search, "grep", &[]),
    prints(Kind::Search, "egrep", &[]),
    prints(Kind::Search, "fgrep", &[]),
    prints(Kind::Search, "zgrep", &[]),
    prints(Kind::Search, "git", &["grep"]),
    prints(Kind::Json, "jq", &[]),
    prints(Kind::Listing, "ls", &[]),
    prints(Kind::Listing, "find", &[]),
    prints(Kind::Listing, "fd", &[]),
    prints(Kind::Listing, "tree", &[]),
    prints(Kind::Listing, "du", &[]),
    prints(Kind::Listing, "ps", &[]),
    prints(
        Kind::Diff,
        "git",
        &["diff", "show", "log", "blame", "format-patch", "stash", "reflog", "shortlog"],
    ),
    prints(Kind::Diff, "diff", &[]),
    prints(Kind::Diff, "interdiff", &[]),
];

/// Programs that hand on what they read in the same shape.
pub const FILTERS: &[&str] = &[
    "head", "tail", "sort", "uniq", "tee", "less", "more", "cat", "grep", "egrep", "fgrep", "rg", "sed",
    "tac", "nl", "fold", "expand", "iconv", "strings", "ts", "pv",
];

/// Programs that print a file's lines.
pub const FILE_PRINTERS: &[&str] = &[
    "cat",
    "bat",
    "batcat",
    "head",
    "tail",
    "sed",
    "nl",
    "less",
    "more",
    "tac",
    "awk",
    "view",
    "type",
    "Get-Content",
];

/// Programs that run another command, and how many of their own words that are no options stand before it.
pub const WRAPPERS: &[(&str, usize)] = &[
    ("sudo", 0),
    ("doas", 0),
    ("time", 0),
    ("nice", 0),
    ("ionice", 0),
    ("nohup", 0),
    ("env", 0),
    ("command", 0),
    ("exec", 0),
    ("stdbuf", 0),
    ("unbuffer", 0),
    ("timeout", 1),
    ("gtimeout", 1),
    ("watch", 0),
    ("xargs", 0),
    ("npx", 0),
    ("pnpx", 0),
    ("bunx", 0),
    ("uvx", 0),
    ("rtk", 0),
];

/// Pairs of words that run another command: `uv run pytest`, `bundle exec rspec`.
pub const RUNNERS: &[(&str, &str)] = &[
    ("uv", "run"),
    ("poetry", "run"),
    ("pipenv", "run"),
    ("hatch", "run"),
    ("pdm", "run"),
    ("conda", "run"),
    ("pnpm", "exec"),
    ("npm", "exec"),
    ("yarn", "dlx"),
    ("bundle", "exec"),
    ("docker", "compose"),
];

/// Who writes a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// A program: nobody edits it.
    Program,
    /// A person, perhaps: settings, manifests, translations.
    Person,
}

/// Ends of file names, the kind of what is in them, and who writes them; the first that fits decides.
pub const FILE_NAMES: &[(&[&str], Kind, Writer)] = &[
    (
        &[".log", ".log.1", ".out", ".err", "syslog", "messages", "dmesg", "access_log", "error_log"],
        Kind::Log,
        Writer::Program,
    ),
    (&[".jsonl", ".ndjson", "package-lock.json"], Kind::Json, Writer::Program),
    (
        &[
            ".min.js",
            ".min.mjs",
            ".min.css",
            ".map",
            ".bundle.js",
            ".chunk.js",
            ".b64",
            ".base64",
            ".hex",
            ".pem",
            ".crt",
            ".cer",
            ".der",
            ".p7b",
            ".ppm",
            ".pgm",
            ".pbm",
            ".wasm",
            ".bin",
        ],
        Kind::Blob,
        Writer::Program,
    ),
    (
        &[
            ".lock",
            "pnpm-lock.yaml",
            "go.sum",
            "gradle.lockfile",
            "packages.lock.json",
            "npm-shrinkwrap.json",
        ],
        Kind::Config,
        Writer::Program,
    ),
    (&[".csv", ".tsv"], Kind::Table, Writer::Program),
    (&[".diff", ".patch"], Kind::Diff, Writer::Program),
    (&[".json", ".geojson", ".ipynb", ".har", ".webmanifest"], Kind::Json, Writer::Person),
    (&[".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".properties"], Kind::Config, Writer::Person),
];

/// Ends of the names of files that people and agents write: source, pages, scripts.
pub const SOURCE_NAMES: &[&str] = &[
    ".rs", ".py", ".pyi", ".pyx", ".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts", ".vue",
    ".svelte", ".astro", ".go", ".java", ".kt", ".kts", ".scala", ".groovy", ".gradle", ".clj", ".cljs",
    ".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx", ".ino", ".cu", ".cs", ".fs", ".vb", ".swift",
    ".m", ".mm", ".rb", ".erb", ".rake", ".gemspec", ".php", ".pl", ".pm", ".lua", ".r", ".jl", ".ex",
    ".exs", ".erl", ".hs", ".ml", ".mli", ".elm", ".dart", ".zig", ".nim", ".v", ".sv", ".vhd", ".asm", ".s",
    ".sol", ".sh", ".bash", ".zsh", ".fish", ".ps1", ".bat", ".cmd", ".awk", ".sed", ".vim", ".el", ".lisp",
    ".scm", ".sql", ".graphql", ".proto", ".thrift", ".html", ".htm", ".xhtml", ".css", ".scss", ".sass",
    ".less", ".md", ".mdx", ".rst", ".adoc", ".tex", ".bib", ".tf", ".hcl", ".nix", ".cmake", ".mk", ".mak",
    ".bzl", ".bazel", ".jinja", ".j2", ".tmpl", ".tpl", ".hbs", ".ejs", ".pug", ".haml", ".feature",
    ".robot", ".po", ".strings", ".xaml", ".csproj", ".sln",
];

/// Ends of file names whose kind only the text can tell.
pub const OPEN_NAMES: &[&str] =
    &[".txt", ".data", ".dump", ".trace", ".stdout", ".stderr", ".output", ".report"];

/// Parts of paths under which nothing is written by hand.
pub const DATA_PLACES: &[&str] = &[
    "/tmp/",
    "/var/",
    "/proc/",
    "/sys/",
    "/dev/",
    "node_modules/",
    "/.cache/",
    "/logs/",
    "/log/",
    "target/",
    "coverage/",
    "tool-results/",
    "tool-outputs/",
];

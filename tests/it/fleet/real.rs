//! Real agents against the scripted provider: directly, and wrapped.
//!
//! Installed from npm and PyPI into the target folder when that can be done; skipped with a printed reason when not.
//! What `cargo test` runs is short; the whole matrix is `just agents`.

use crate::world::{World, eventually, log, rows, skip};
use headroom::demo::errand;
use headroom::demo::provider::Seen;
use headroom::demo::script::{Asked, Script, Turn, aside};
use headroom::receipt::Usage;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An agent as its makers ship it, in a home as its user may have it.
pub(super) struct Real {
    /// As `headroom wrap` knows it.
    name: &'static str,
    /// How it is logged in.
    case: &'static str,
    from: &'static Shop,
    /// Writes its files and sets its variables; the text is the provider's URL.
    set_up: fn(&mut World, &str),
    /// What is typed; `PROMPT` is the question.
    typed: &'static [&'static str],
    /// How it reads a file.
    reads: Reads,
    /// How it gets back what was left out.
    gets_back: GetsBack,
}

/// How an agent reads a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    /// By its shell.
    Shell,
    /// It has no tools: a person runs the command.
    Frame,
}

/// How an agent gets back what was left out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum GetsBack {
    /// By a tool of ours, of this name.
    Tool(&'static str),
    /// By `headroom retrieve` in its own shell.
    Shell,
    /// By our tool, once a search for tools has found it.
    Search,
    /// Not.
    Not,
}

/// Where agents come from: what is installed together.
struct Shop {
    /// Its folder.
    name: &'static str,
    packages: &'static [&'static str],
    /// The Python interpreters that will do, the first that is there; none: npm.
    pythons: &'static [&'static str],
}

/// What `cargo test` itself needs from npm.
const NPM: Shop = Shop {
    name: "npm-1",
    packages: &["@google/gemini-cli@0.61.0", "opencode-ai@1.18.33", "@qwen-code/qwen-code@0.15.10"],
    pythons: &[],
};
const AIDER: Shop = Shop {
    name: "aider-1",
    packages: &["aider-chat==0.86.2"],
    pythons: &["python3.12", "python3.11", "python3.10", "python3"],
};
/// What only the whole matrix needs.
const MORE_NPM: Shop = Shop {
    name: "npm-2",
    packages: &["@github/copilot@1.0.102", "cline@3.0.65", "@continuedev/cli@1.5.47", "droid@0.215.0"],
    pythons: &[],
};
const VIBE: Shop =
    Shop { name: "vibe-1", packages: &["mistral-vibe==3.0.2"], pythons: &["python3.12", "python3.13"] };
const OPENHANDS: Shop =
    Shop { name: "openhands-1", packages: &["openhands==1.16.0"], pythons: &["python3.12", "python3.13"] };

pub(super) const GEMINI: Real = Real {
    name: "gemini",
    case: "API key",
    from: &NPM,
    set_up: |world, upstream| {
        let settings = json!({"security": {"auth": {"selectedType": "gemini-api-key"}},
            "general": {"disableAutoUpdate": true}, "privacy": {"usageStatisticsEnabled": false}});
        world.file("home/.gemini/settings.json", settings.to_string());
        world.set("GEMINI_API_KEY", "mock").set("GOOGLE_GEMINI_BASE_URL", upstream);
    },
    typed: &["--skip-trust", "-y", "-p", "PROMPT"],
    reads: Reads::Shell,
    gets_back: GetsBack::Shell,
};
pub(super) const OPENCODE: Real = Real {
    name: "opencode",
    case: "Anthropic",
    from: &NPM,
    set_up: |world, upstream| {
        world
            .set("ANTHROPIC_API_KEY", "sk-ant-mock")
            .set("ANTHROPIC_BASE_URL", &format!("{upstream}/v1"))
            .set("OPENCODE_DISABLE_MODELS_FETCH", "1")
            .set("OPENCODE_DISABLE_AUTOUPDATE", "1")
            .set("OPENCODE_DISABLE_DEFAULT_PLUGINS", "1");
    },
    typed: &["run", "--model", "anthropic/claude-sonnet-4-5", "PROMPT"],
    reads: Reads::Shell,
    gets_back: GetsBack::Tool("headroom_headroom_retrieve"),
};
const QWEN: Real = Real {
    name: "qwen",
    case: "OpenAI",
    from: &NPM,
    set_up: |world, upstream| {
        quiet_qwen(world);
        world
            .set("OPENAI_API_KEY", "sk-mock")
            .set("OPENAI_MODEL", "qwen3-coder-plus")
            .set("OPENAI_BASE_URL", &format!("{upstream}/v1"));
    },
    typed: &["-y", "--auth-type", "openai", "PROMPT"],
    reads: Reads::Shell,
    gets_back: GetsBack::Shell,
};
pub(super) const AIDER_OPENAI: Real = Real {
    name: "aider",
    case: "OpenAI",
    from: &AIDER,
    set_up: |world, upstream| {
        world
            .set("OPENAI_API_KEY", "sk-mock")
            .set("OPENAI_API_BASE", &format!("{upstream}/v1"))
            .set("LITELLM_LOCAL_MODEL_COST_MAP", "True");
    },
    typed: &[
        "--model",
        "openai/gpt-4o",
        "--yes-always",
        "--no-check-update",
        "--no-analytics",
        "--no-show-model-warnings",
        "--no-show-release-notes",
        "--no-git",
        "--no-pretty",
        "--map-tokens",
        "0",
        "--load",
        "commands.txt",
        "--message",
        "PROMPT",
    ],
    reads: Reads::Frame,
    gets_back: GetsBack::Not,
};

fn quiet_qwen(world: &mut World) {
    // The terminal that its shell has otherwise loses a part of what is printed, never the same.
    let settings = json!({"privacy": {"usageStatisticsEnabled": false}, "general": {"enableAutoUpdate": false},
        "tools": {"shell": {"enableInteractiveShell": false}}});
    world.file("home/.qwen/settings.json", settings.to_string());
    // Directly it sends what is for this machine to a proxy as well, whatever NO_PROXY says.
    world.set("HTTPS_PROXY", "");
}

/// What `cargo test` runs.
const SHORT: [&Real; 4] = [&GEMINI, &OPENCODE, &QWEN, &AIDER_OPENAI];

/// What `just agents` runs too.
const MORE: &[Real] = &[
    Real {
        case: "Google account",
        set_up: |world, upstream| {
            world.file(
                "home/.gemini/settings.json",
                json!({"security": {"auth": {"selectedType": "oauth-personal"}},
                       "privacy": {"usageStatisticsEnabled": false}})
                .to_string(),
            );
            world
                .set("CODE_ASSIST_ENDPOINT", upstream)
                .set("GOOGLE_GENAI_USE_GCA", "true")
                .set("GOOGLE_CLOUD_ACCESS_TOKEN", "ya29.mock");
        },
        ..GEMINI
    },
    Real {
        case: "OpenAI",
        set_up: |world, upstream| {
            world
                .set("OPENAI_API_KEY", "sk-mock")
                .set("OPENAI_BASE_URL", &format!("{upstream}/v1"))
                .set("OPENCODE_DISABLE_MODELS_FETCH", "1")
                .set("OPENCODE_DISABLE_AUTOUPDATE", "1")
                .set("OPENCODE_DISABLE_DEFAULT_PLUGINS", "1");
        },
        typed: &["run", "--model", "openai/gpt-5.1", "PROMPT"],
        ..OPENCODE
    },
    Real { case: "OpenAI, by tool search", gets_back: GetsBack::Search, ..QWEN },
    Real {
        case: "Anthropic",
        set_up: |world, upstream| {
            quiet_qwen(world);
            world
                .set("ANTHROPIC_API_KEY", "sk-ant-mock")
                .set("ANTHROPIC_MODEL", "claude-sonnet-4-5")
                .set("ANTHROPIC_BASE_URL", upstream);
        },
        typed: &["-y", "--auth-type", "anthropic", "PROMPT"],
        ..QWEN
    },
    Real {
        case: "Anthropic",
        set_up: |world, upstream| {
            world
                .set("ANTHROPIC_API_KEY", "sk-ant-mock")
                .set("ANTHROPIC_API_BASE", upstream)
                .set("LITELLM_LOCAL_MODEL_COST_MAP", "True");
        },
        typed: &[
            "--model",
            "anthropic/claude-sonnet-4-5",
            "--yes-always",
            "--no-check-update",
            "--no-analytics",
            "--no-show-model-warnings",
            "--no-show-release-notes",
            "--no-git",
            "--no-pretty",
            "--map-tokens",
            "0",
            "--load",
            "commands.txt",
            "--message",
            "PROMPT",
        ],
        ..AIDER_OPENAI
    },
    COPILOT,
    Real {
        case: "own provider, Chat",
        set_up: |world, upstream| {
            world
                .set("COPILOT_PROVIDER_BASE_URL", &format!("{upstream}/v1"))
                .set("COPILOT_PROVIDER_API_KEY", "sk-mock")
                .set("COPILOT_MODEL", "gpt-5.1")
                .set("COPILOT_AUTO_UPDATE", "false");
        },
        ..COPILOT
    },
    Real {
        case: "own provider, Responses",
        set_up: |world, upstream| {
            world
                .set("COPILOT_PROVIDER_BASE_URL", &format!("{upstream}/v1"))
                .set("COPILOT_PROVIDER_WIRE_API", "responses")
                .set("COPILOT_PROVIDER_API_KEY", "sk-mock")
                .set("COPILOT_MODEL", "gpt-5.1")
                .set("COPILOT_AUTO_UPDATE", "false");
        },
        ..COPILOT
    },
    Real {
        name: "cline",
        case: "OpenAI-compatible",
        from: &MORE_NPM,
        set_up: |world, upstream| {
            let provider = json!({"settings": {"provider": "openai-compatible", "apiKey": "sk-mock", "model": "gpt-4o",
                "baseUrl": format!("{upstream}/v1")}, "updatedAt": "2026-01-01T00:00:00.000Z", "tokenSource": "manual"});
            let providers = json!({"version": 1, "lastUsedProvider": "openai-compatible", "modes": {},
                "providers": {"openai-compatible": provider}});
            world.file("home/.cline/data/settings/providers.json", providers.to_string());
            // Directly it would leave a process behind.
            world.set("CLINE_NO_AUTO_UPDATE", "1").set("CLINE_SESSION_BACKEND_MODE", "local");
        },
        typed: &["PROMPT"],
        reads: Reads::Shell,
        gets_back: GetsBack::Shell,
    },
    Real {
        name: "cn",
        case: "Anthropic",
        from: &MORE_NPM,
        set_up: |world, upstream| {
            world.file(
                "home/.continue/config.yaml",
                format!(
                    "name: mine\nversion: 1.0.0\nschema: v1\nmodels:\n  - name: mock\n    provider: anthropic\n    model: claude-sonnet-4-5\n    apiKey: sk-ant-mock\n    apiBase: {upstream}/v1/\n    roles: [chat, edit, apply]\n"
                ),
            );
            world.set("CONTINUE_TELEMETRY_ENABLED", "0");
        },
        typed: &["-p", "--auto", "PROMPT"],
        reads: Reads::Shell,
        gets_back: GetsBack::Shell,
    },
    Real {
        name: "droid",
        case: "own model",
        from: &MORE_NPM,
        set_up: |world, upstream| {
            let model = json!({"model": "claude-sonnet-4-5", "displayName": "lab", "baseUrl": upstream,
                "apiKey": "sk-ant-mock", "provider": "anthropic", "maxOutputTokens": 8192});
            world.file("home/.factory/settings.json", json!({"customModels": [model]}).to_string());
        },
        typed: &["exec", "--auto", "low", "-m", "custom:lab-0", "PROMPT"],
        reads: Reads::Shell,
        gets_back: GetsBack::Not,
    },
    Real {
        name: "vibe",
        case: "API key",
        from: &VIBE,
        set_up: |world, upstream| {
            let provider = json!([{"name": "mistral", "api_base": format!("{upstream}/v1"),
                "api_key_env_var": "MISTRAL_API_KEY", "backend": "mistral"}]);
            world
                .set("MISTRAL_API_KEY", "mock")
                .set("VIBE_ENABLE_TELEMETRY", "false")
                .set("VIBE_PROVIDERS", &provider.to_string());
        },
        typed: &["-p", "PROMPT", "--auto-approve", "--trust", "--output", "text"],
        reads: Reads::Shell,
        gets_back: GetsBack::Shell,
    },
    Real {
        name: "openhands",
        case: "OpenAI",
        from: &OPENHANDS,
        set_up: |world, upstream| {
            world
                .set("LLM_API_KEY", "sk-mock")
                .set("LLM_MODEL", "openai/gpt-4o")
                .set("LLM_BASE_URL", &format!("{upstream}/v1"))
                .set("OPENHANDS_SUPPRESS_BANNER", "1")
                .set("LITELLM_LOCAL_MODEL_COST_MAP", "True");
        },
        typed: &["--headless", "--json", "--override-with-envs", "-t", "PROMPT"],
        reads: Reads::Shell,
        gets_back: GetsBack::Shell,
    },
];

const COPILOT: Real = Real {
    name: "copilot",
    case: "own provider, Anthropic",
    from: &MORE_NPM,
    set_up: |world, upstream| {
        world
            .set("COPILOT_PROVIDER_TYPE", "anthropic")
            .set("COPILOT_PROVIDER_BASE_URL", upstream)
            .set("COPILOT_PROVIDER_API_KEY", "sk-ant-mock")
            .set("COPILOT_MODEL", "claude-sonnet-4.5")
            .set("COPILOT_AUTO_UPDATE", "false");
    },
    typed: &["-p", "PROMPT", "--allow-all-tools", "--no-color"],
    reads: Reads::Shell,
    gets_back: GetsBack::Tool("headroom-headroom_retrieve"),
};

impl Shop {
    /// The folder of its programs; `None`, with the reason printed, when they can't be had.
    fn programs(&self) -> Option<PathBuf> {
        static OPEN: Mutex<Vec<(&str, Result<PathBuf, String>)>> = Mutex::new(Vec::new());
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let at = match open.iter().position(|(name, _)| *name == self.name) {
            Some(at) => at,
            None => {
                open.push((self.name, self.install()));
                open.len() - 1
            }
        };
        match &open[at].1 {
            Ok(folder) => Some(folder.clone()),
            Err(reason) => {
                skip(&format!("{} can't be had: {reason}", self.packages.join(", ")));
                None
            }
        }
    }

    fn install(&self) -> Result<PathBuf, String> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("agents-{}", self.name));
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        // Two test runs at once install it once.
        let lock = fs::File::create(folder.join("lock")).map_err(|error| error.to_string())?;
        lock.lock().map_err(|error| error.to_string())?;
        let programs = if self.pythons.is_empty() { "node_modules/.bin" } else { "bin" };
        let (programs, whole) = (folder.join(programs), folder.join("whole"));
        if !whole.exists() {
            if self.pythons.is_empty() {
                self.with_npm(&folder)?;
            } else {
                self.with_pip(&folder)?;
            }
            fs::write(&whole, "").map_err(|error| error.to_string())?;
        }
        Ok(programs)
    }

    fn with_npm(&self, folder: &Path) -> Result<(), String> {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1", "--prefix"]);
        run(npm.arg(folder).args(self.packages))
    }

    fn with_pip(&self, folder: &Path) -> Result<(), String> {
        let answers = |name: &&&str| {
            Command::new(name).arg("--version").stdout(Stdio::null()).status().is_ok_and(|it| it.success())
        };
        let python =
            self.pythons.iter().find(answers).ok_or_else(|| format!("no {}", self.pythons.join(", ")))?;
        run(Command::new(python).args(["-m", "venv"]).arg(folder))?;
        run(Command::new(folder.join("bin/pip"))
            .args(["install", "--quiet", "--retries=1"])
            .args(self.packages))
    }
}

/// How long an installer may take.
const INSTALLED_WITHIN: Duration = Duration::from_secs(400);

/// Runs an installer to its end.
fn run(command: &mut Command) -> Result<(), String> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{shown}: {error}"))?;
    let began = Instant::now();
    loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("{shown}: {status}")),
            None if INSTALLED_WITHIN < began.elapsed() => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{shown} takes too long"));
            }
            None => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// A session takes seconds, and minutes on a machine that has much else to do.
pub(super) const PATIENCE: Duration = Duration::from_secs(240);

/// How long one that is told to end may take for it.
const GRACE: Duration = Duration::from_secs(10);

const PROMPT: &str = "Report what is wrong";
/// A fact from the middle of what a file holds.
const ROW: &str = "FAILED: disk quota exceeded on volume vol-7731";
const LINE: &str = "ERROR payment failed: card network timeout";
/// A line of the log that is like all the others, so that it is left out.
const LIKE_OTHERS: &str = "path=/api/items/100 status=200";

impl Real {
    /// A world in which it is installed and logged in; `None` when it can't be had.
    pub(super) fn world(&self, script: impl Fn() -> Script) -> Option<World> {
        let program = self.from.programs()?.join(self.name);
        if !program.exists() {
            skip(&format!("there is no {} in its package", program.display()));
            return None;
        }
        let mut world = World::new();
        world.provider().now_says(script());
        let upstream = world.provider().base_url();
        // It looks for news of its own, which is not ours to forbid; it finds nobody.
        world.set("HTTPS_PROXY", "http://127.0.0.1:9").set("TERM", "xterm-256color").set("NO_COLOR", "1");
        world.file("home/.gitconfig", "[user]\nname = t\nemail = t@example.com\n");
        (self.set_up)(&mut world, &upstream);
        world.file("work/orders.json", rows(110));
        world.file("work/app.log", log(240));
        world.file("work/commands.txt", "/run cat orders.json\n");
        let link = world.file(&format!("bin/{}", self.name), "");
        fs::remove_file(&link).expect("it is there");
        std::os::unix::fs::symlink(program, &link).expect("a link");
        world.may_leave("home").may_leave("tmp").may_leave("work");
        Some(world)
    }

    fn typed(&self) -> Vec<&'static str> {
        self.typed.iter().map(|word| if *word == "PROMPT" { PROMPT } else { word }).collect()
    }

    pub(super) fn direct(&self, world: &World) -> Command {
        world.program(Path::new(self.name), &self.typed())
    }

    fn wrapped(&self, world: &World) -> Command {
        let mut typed = vec!["wrap", "--quiet", self.name];
        typed.extend(self.typed());
        world.headroom(&typed)
    }

    /// Two files with much in them, then what was left out of one, then what was seen.
    fn two_files(&self) -> Script {
        let (reads, gets_back) = (self.reads, self.gets_back);
        Box::new(move |asked| {
            if reads == Reads::Frame {
                return Turn::says(&quoted(&asked.body.to_string()));
            }
            if !asked.offers_tools() {
                return aside(asked);
            }
            let read = |file: &str| Turn::runs(&format!("cat {file}"));
            let rounds = asked.rounds();
            match (rounds, key_in(asked)) {
                (0, _) => read("orders.json"),
                (1, _) => read("app.log"),
                (2, Some(key)) if gets_back != GetsBack::Not => match gets_back {
                    GetsBack::Tool(tool) => Turn::calls(tool, json!({"key": key, "lines": "95-105"})),
                    GetsBack::Search => Turn::calls("tool_search", json!({"query": "retrieve"})),
                    _ => Turn::runs(&format!("headroom retrieve {key} --lines 95-105")),
                },
                (2, _) => Turn::runs("sed -n 95,105p app.log"),
                (3, Some(key)) if gets_back == GetsBack::Search => {
                    Turn::calls("mcp__headroom__headroom_retrieve", json!({"key": key, "lines": "95-105"}))
                }
                _ => Turn::says(&quoted(&results(asked))),
            }
        })
    }
}

fn results(asked: &Asked<'_>) -> String {
    asked.results().into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("\n")
}

fn key_in(asked: &Asked<'_>) -> Option<String> {
    let results = results(asked);
    let (_, rest) = results.rsplit_once("; original kept: headroom retrieve ")?;
    Some(rest.split([']', ' ']).next()?.to_owned())
}

fn quoted(text: &str) -> String {
    let seen = |fact: &str| if text.contains(fact) { fact.to_owned() } else { format!("no {fact:?}") };
    format!("I saw {}; {}; {}.", seen(ROW), seen(LINE), seen(LIKE_OTHERS))
}

fn tokens_in(usage: &Usage) -> u64 {
    usage.input().0
}

/// A request that asked for no stream, though agents that stream were asked to.
fn unstreamed(seen: &Seen) -> bool {
    let body = seen.json();
    body["stream"] != true && !seen.target.contains("stream")
}

/// Agents whose own shell at times loses a part of what a command prints, also directly.
const LOSE_OUTPUT: [&str; 1] = ["qwen"];

/// One agent's session, directly and wrapped, and what has to hold of the two.
fn compared(agent: &Real, script: impl Fn() -> Script) -> Option<Row> {
    let mut tries = if LOSE_OUTPUT.contains(&agent.name) { 3 } else { 1 };
    loop {
        tries -= 1;
        match tried(agent, &script)? {
            Ok(row) => return Some(row),
            Err(differs) => assert_ne!(tries, 0, "{differs}"),
        }
    }
}

/// The same; what differs in what was said at the end is handed back.
fn tried(agent: &Real, script: &impl Fn() -> Script) -> Option<Result<Row, String>> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (direct, wrapped) = (agent.world(script)?, agent.world(script)?);
    let said = format!("{} ({})", agent.name, agent.case);
    let (bare, ours) = std::thread::scope(|scope| {
        let bare = scope.spawn(|| direct.finish_within(agent.direct(&direct), PATIENCE));
        let ours = scope.spawn(|| wrapped.finish_within(agent.wrapped(&wrapped), PATIENCE));
        (bare.join().expect("it ran"), ours.join().expect("it ran"))
    });
    assert_eq!(ours.code(), bare.code(), "{said}: {}\n{}", ours.both(), bare.both());
    let last = last_words(&bare.stdout());
    assert!(!last.is_empty(), "{said}, directly: {}", bare.both());
    let ours = last_words(&ours.stdout());
    if ours != last {
        return Some(Err(format!("{said}: directly {last:?}, wrapped {ours:?}")));
    }

    assert_eq!(wrapped.provider().broken_prefixes(), [], "{said}: no history was changed after it was sent");
    let (before, after) = (direct.provider().messages(), wrapped.provider().messages());
    assert_eq!(
        after.iter().filter(|seen| unstreamed(seen)).count(),
        before.iter().filter(|seen| unstreamed(seen)).count(),
        "{said}: streaming stays streaming"
    );
    assert_eq!(
        left_by(&wrapped, &direct),
        BTreeSet::new(),
        "{said}: nothing in the home that a direct run would not have left"
    );
    let row = Row { said, direct: direct.provider().billed(), wrapped: wrapped.provider().billed(), last };
    eprintln!("{row}");
    Some(Ok(row))
}

/// What the wrapped run has left in its home and the direct one has not in its own.
fn left_by(wrapped: &World, direct: &World) -> BTreeSet<String> {
    // Sessions have names by chance; that there are some is what counts.
    let alike = |path: String| match path.split_once("/sessions/") {
        Some((folder, _)) => format!("{folder}/sessions"),
        None => path,
    };
    let paths = |world: &World| -> BTreeSet<String> {
        world.paths_in_home().into_iter().map(alike).filter(|path| !is_a_log(path)).collect()
    };
    &paths(wrapped) - &paths(direct)
}

/// Where agents keep a list of tools, or a log, for each MCP server there is; and logs of their own, which they may end
/// before they have written.
fn is_a_log(path: &str) -> bool {
    path.contains("mcp") || path.contains("/logs/")
}

/// The last line that says something; some agents print figures below it.
fn last_words(output: &str) -> String {
    let says = |line: &&str| line.contains("I saw ") || line.contains("I found: ");
    let line = output.lines().rev().find(says).unwrap_or_default();
    let from = line.find("I saw ").or_else(|| line.find("I found: ")).unwrap_or_default();
    line[from..].split(['"', '\\']).next().unwrap_or_default().trim().to_owned()
}

/// What a session cost, directly and wrapped.
struct Row {
    said: String,
    direct: Usage,
    wrapped: Usage,
    last: String,
}

impl Row {
    /// The share of what was read from the cache.
    fn share(usage: &Usage) -> f64 {
        usage.cache_read.0 as f64 / tokens_in(usage).max(1) as f64
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (before, after) = (tokens_in(&self.direct), tokens_in(&self.wrapped));
        write!(
            f,
            "| {} | {before} | {after} | {:+.1} % | {:.0} % | {:.0} % |",
            self.said,
            100.0 * (after as f64 - before as f64) / before.max(1) as f64,
            100.0 * Row::share(&self.direct),
            100.0 * Row::share(&self.wrapped),
        )
    }
}

/// What the short session has to bring.
fn pays_less(agent: &Real) {
    let Some(row) = compared(agent, || agent.two_files()) else { return };
    assert!(row.last.contains(ROW), "{}: {}", row.said, row.last);
    if agent.reads != Reads::Frame {
        assert!(row.last.contains(LINE) && row.last.contains(LIKE_OTHERS), "{}: {}", row.said, row.last);
    }
    assert!(
        (tokens_in(&row.wrapped) as f64) < 0.9 * tokens_in(&row.direct) as f64,
        "{row}: it gets back what was left out, and pays less"
    );
}

#[test]
fn gemini_pays_less_and_gives_the_same_answer() {
    pays_less(SHORT[0]);
}

#[test]
fn opencode_pays_less_and_gives_the_same_answer() {
    pays_less(SHORT[1]);
}

#[test]
fn qwen_pays_less_and_gives_the_same_answer() {
    pays_less(SHORT[2]);
}

#[test]
fn aider_pays_less_and_gives_the_same_answer() {
    pays_less(SHORT[3]);
}

#[test]
#[ignore = "all agents, over six turns: `just agents`"]
fn every_agent_pays_less_over_six_turns_and_leaves_nothing_behind() {
    let all: Vec<&Real> = MORE.iter().rev().chain(SHORT).collect();
    let mut rows = Vec::new();
    for agent in &all {
        let session = || match agent.reads {
            Reads::Frame => agent.two_files(),
            _ => errand::script(),
        };
        rows.extend(compared(agent, session));
    }
    eprintln!(
        "\n| agent | direct | wrapped | tokens in | cached, direct | cached, wrapped |\n|---|--:|--:|--:|--:|--:|"
    );
    rows.iter().for_each(|row| eprintln!("{row}"));
    for row in &rows {
        assert!(tokens_in(&row.wrapped) <= tokens_in(&row.direct), "{row}");
        let fresh = |usage: &Usage| tokens_in(usage) - usage.cache_read.0;
        assert!(
            fresh(&row.wrapped) <= fresh(&row.direct),
            "{row}: no more than directly is not in the cache"
        );
    }
}

#[test]
#[ignore = "all agents: `just agents`"]
fn every_agent_can_get_back_what_was_left_out() {
    for agent in SHORT.into_iter().chain(MORE).filter(|agent| agent.gets_back != GetsBack::Not) {
        let Some(row) = compared(agent, || agent.two_files()) else { continue };
        assert!(row.last.contains(LIKE_OTHERS) && row.last.contains(ROW), "{}: {}", row.said, row.last);
    }
}

#[test]
#[ignore = "all agents: `just agents`"]
fn an_agent_that_is_ended_or_killed_leaves_what_a_direct_run_leaves_and_two_at_once_get_along() {
    for agent in SHORT.into_iter().chain(MORE) {
        // An answer that never comes: it waits until it is ended.
        let waits = || -> Script { Box::new(|_| Turn::says("late").after(Duration::from_secs(600))) };
        let Some(direct) = agent.world(waits) else { continue };
        let said = format!("{} ({})", agent.name, agent.case);
        let after = |world: &World, mut command: Command, signal: Signal| {
            command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
            let mut child = command.spawn().expect("it starts");
            eventually("it asks", || !world.provider().messages().is_empty());
            let pid = Pid::from_child(&child);
            kill_process(pid, signal).expect("it is there");
            // Some don't end while they wait for an answer; then what it is like to be killed counts.
            let began = Instant::now();
            while child.try_wait().expect("a child of ours").is_none() && began.elapsed() < GRACE {
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = kill_process_group(pid, Signal::KILL);
            let _ = child.wait();
        };
        after(&direct, agent.direct(&direct), Signal::TERM);
        for signal in [Signal::TERM, Signal::KILL] {
            let Some(wrapped) = agent.world(waits) else { continue };
            after(&wrapped, agent.wrapped(&wrapped), signal);
            eventually(&format!("{said}: as if it had been run directly"), || {
                left_by(&wrapped, &direct).is_empty()
            });
        }

        let Some(world) = agent.world(|| agent.two_files()) else { continue };
        let both = std::thread::scope(|scope| {
            let run = || world.finish_within(agent.wrapped(&world), PATIENCE);
            let (one, two) = (scope.spawn(run), scope.spawn(run));
            [one.join().expect("it ran"), two.join().expect("it ran")]
        });
        for ran in both {
            assert_eq!(ran.code(), 0, "{said}, two at once: {}", ran.both());
            assert!(last_words(&ran.stdout()).contains(ROW), "{said}, two at once: {}", ran.both());
        }
        assert_eq!(world.provider().broken_prefixes(), [], "{said}, two at once");
        eprintln!("{said}: ended, killed, and two at once");
    }
}

//! The agents that `headroom wrap` knows: for each a stand-in that reads exactly the variables, flags and files by which
//! it is pointed at us, and asks one question. `fleet/real.rs` runs the real ones.

mod learns;
mod real;

use crate::world::{World, eventually};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// `ask URL PATH [BODY]` asks the model at this base URL one question and prints the status; `value NAME FILE` prints the
/// first string under this key of a file or of a text.
const ASKS: &str = r#"
chat='{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'
responses='{"model":"m","input":"hi"}'
gemini='{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}'
ask() {
    rest=${1#http://}; host=${rest%%/*}; path=${rest#"$host"}$2; body=${3-$chat}
    exec 3<>"/dev/tcp/${host%%:*}/${host##*:}" || exit 9
    printf 'POST %s HTTP/1.1\r\nHost: %s\r\ncontent-type: application/json\r\nauthorization: Bearer k\r\nx-api-key: k\r\nx-goog-api-key: k\r\nanthropic-version: 2023-06-01\r\nconnection: close\r\ncontent-length: %s\r\n\r\n%s' \
        "$path" "$host" "${#body}" "$body" >&3
    IFS= read -r line <&3; echo "${line%?}"; cat <&3 >/dev/null; exec 3>&-
}
value() { if [ -f "$2" ]; then text=$(cat "$2"); else text=$2; fi; rest=${text#*\"$1\":\"}; echo "${rest%%\"*}"; }
after() { while [ $# -gt 1 ] && [ "$1" != "$want" ]; do shift; done; echo "$2"; }
"#;

const ANSWERED: &str = "HTTP/1.1 200 OK\n";

/// An agent, as a person may have set it up.
struct Setup {
    agent: &'static str,
    /// What is special here.
    case: &'static str,
    /// Files; `UPSTREAM` in them is the provider's URL.
    files: &'static [(&'static str, &'static str)],
    /// Variables; likewise.
    variables: &'static [(&'static str, &'static str)],
    typed: &'static [&'static str],
    /// What the stand-in does.
    script: &'static str,
}

const NOTHING: Setup = Setup { agent: "", case: "", files: &[], variables: &[], typed: &[], script: "" };

/// Every agent, by each of its ways.
const SETUPS: &[Setup] = &[
    Setup {
        agent: "gemini",
        case: "API key",
        files: &[(
            "home/.gemini/settings.json",
            r#"{"security":{"auth":{"selectedType":"gemini-api-key"}}}"#,
        )],
        variables: &[("GEMINI_API_KEY", "k"), ("GOOGLE_GEMINI_BASE_URL", "UPSTREAM")],
        script: r#"ask "$GOOGLE_GEMINI_BASE_URL" "/v1beta/models/gemini-2.5-pro:generateContent" "$gemini""#,
        ..NOTHING
    },
    Setup {
        agent: "gemini",
        case: "Google account",
        files: &[(
            "home/.gemini/settings.json",
            r#"{"security":{"auth":{"selectedType":"oauth-personal"}}}"#,
        )],
        variables: &[("CODE_ASSIST_ENDPOINT", "UPSTREAM")],
        script: r#"ask "$CODE_ASSIST_ENDPOINT" "/v1internal:generateContent" "{\"model\":\"gemini-2.5-pro\",\"request\":$gemini}""#,
        ..NOTHING
    },
    Setup {
        agent: "gemini",
        case: "Vertex AI in express mode",
        variables: &[
            ("GOOGLE_GENAI_USE_VERTEXAI", "true"),
            ("GOOGLE_API_KEY", "k"),
            ("GOOGLE_VERTEX_BASE_URL", "UPSTREAM"),
        ],
        script: r#"ask "$GOOGLE_VERTEX_BASE_URL" "/v1beta1/publishers/google/models/gemini-2.5-pro:generateContent" "$gemini""#,
        ..NOTHING
    },
    Setup {
        agent: "opencode",
        case: "Anthropic by variable",
        variables: &[("ANTHROPIC_API_KEY", "k"), ("ANTHROPIC_BASE_URL", "UPSTREAM/v1")],
        script: r#"case $OPENCODE_CONFIG_CONTENT in *'"openai"'*) exit 8;; esac
            rest=${OPENCODE_CONFIG_CONTENT#*'"anthropic"'}; ask "$(value baseURL "$rest")" /messages"#,
        ..NOTHING
    },
    Setup {
        agent: "opencode",
        case: "another provider by the user's file and login",
        files: &[
            ("home/.local/share/opencode/auth.json", r#"{"openrouter":{"type":"api","key":"k"}}"#),
            (
                "home/.config/opencode/opencode.json",
                "{ // mine\n\"provider\":{\"openrouter\":{\"options\":{\"baseURL\":\"UPSTREAM/api/v1\"}}},}",
            ),
        ],
        script: r#"rest=${OPENCODE_CONFIG_CONTENT#*'"openrouter"'}; ask "$(value baseURL "$rest")" /chat/completions"#,
        ..NOTHING
    },
    Setup {
        agent: "opencode",
        case: "the user's own content of the variable",
        variables: &[
            ("OPENAI_API_KEY", "k"),
            (
                "OPENCODE_CONFIG_CONTENT",
                r#"{"theme":"mine","provider":{"openai":{"options":{"baseURL":"UPSTREAM/v1"}}}}"#,
            ),
        ],
        script: r#"case $OPENCODE_CONFIG_CONTENT in *'"theme":"mine"'*) ;; *) exit 8;; esac
            rest=${OPENCODE_CONFIG_CONTENT#*'"openai"'}; ask "$(value baseURL "$rest")" /responses "$responses""#,
        ..NOTHING
    },
    Setup {
        agent: "aider",
        case: "an OpenAI-style model",
        variables: &[("OPENAI_API_KEY", "k"), ("OPENAI_API_BASE", "UPSTREAM/v1")],
        script: r#"ask "$OPENAI_API_BASE" /chat/completions"#,
        ..NOTHING
    },
    Setup {
        agent: "aider",
        case: "an Anthropic-style model",
        variables: &[("ANTHROPIC_API_KEY", "k"), ("ANTHROPIC_BASE_URL", "UPSTREAM")],
        script: r#"ask "$ANTHROPIC_API_BASE" /v1/messages"#,
        ..NOTHING
    },
    Setup {
        agent: "aider",
        case: "a Gemini model",
        variables: &[("GEMINI_API_KEY", "k"), ("GEMINI_API_BASE", "UPSTREAM/v1beta")],
        script: r#"ask "$GEMINI_API_BASE" "/models/gemini-2.5-pro:generateContent" "$gemini""#,
        ..NOTHING
    },
    Setup {
        agent: "aider",
        case: "DeepSeek",
        variables: &[("DEEPSEEK_API_KEY", "k"), ("DEEPSEEK_API_BASE", "UPSTREAM/beta")],
        script: r#"ask "$DEEPSEEK_API_BASE" /chat/completions"#,
        ..NOTHING
    },
    Setup {
        agent: "aider",
        case: "OpenRouter",
        variables: &[("OPENROUTER_API_KEY", "k"), ("OPENROUTER_API_BASE", "UPSTREAM/api/v1")],
        script: r#"ask "$OPENROUTER_API_BASE" /chat/completions"#,
        ..NOTHING
    },
    Setup {
        agent: "aider",
        case: "the user's .env, which wins over the environment",
        files: &[("home/.env", "OPENAI_API_BASE=UPSTREAM/v1\n")],
        variables: &[("OPENAI_API_KEY", "k")],
        script: r#"want=--openai-api-base; ask "$(after "$@")" /chat/completions"#,
        ..NOTHING
    },
    Setup {
        agent: "qwen",
        case: "an OpenAI-compatible key",
        variables: &[("OPENAI_API_KEY", "k"), ("OPENAI_MODEL", "m"), ("OPENAI_BASE_URL", "UPSTREAM/v1")],
        script: r#"[ -z "$HTTPS_PROXY$ANTHROPIC_BASE_URL" ] || exit 8; ask "$OPENAI_BASE_URL" /chat/completions"#,
        ..NOTHING
    },
    Setup {
        agent: "qwen",
        case: "the address in its settings",
        files: &[(
            "home/.qwen/settings.json",
            r#"{"security":{"auth":{"selectedType":"openai","baseUrl":"UPSTREAM/v1"}}}"#,
        )],
        script: r#"ask "$OPENAI_BASE_URL" /chat/completions"#,
        ..NOTHING
    },
    Setup {
        agent: "qwen",
        case: "an Anthropic key",
        variables: &[("ANTHROPIC_API_KEY", "k"), ("ANTHROPIC_BASE_URL", "UPSTREAM")],
        typed: &["--auth-type", "anthropic"],
        script: r#"ask "$ANTHROPIC_BASE_URL" /v1/messages"#,
        ..NOTHING
    },
    Setup {
        agent: "copilot",
        case: "a provider of OpenAI's kind",
        variables: &[
            ("COPILOT_PROVIDER_BASE_URL", "UPSTREAM/v1"),
            ("COPILOT_PROVIDER_WIRE_API", "responses"),
        ],
        script: r#"ask "$COPILOT_PROVIDER_BASE_URL" /responses "$responses""#,
        ..NOTHING
    },
    Setup {
        agent: "copilot",
        case: "a provider of Anthropic's kind",
        variables: &[("COPILOT_PROVIDER_BASE_URL", "UPSTREAM"), ("COPILOT_PROVIDER_TYPE", "anthropic")],
        script: r#"ask "$COPILOT_PROVIDER_BASE_URL" /v1/messages"#,
        ..NOTHING
    },
    Setup {
        agent: "cline",
        case: "the user's provider settings",
        files: &[(
            "home/.cline/data/settings/providers.json",
            r#"{"lastUsedProvider":"openai-compatible","providers":{"openai-compatible":{"settings":{"apiKey":"k","baseUrl":"UPSTREAM/v1"}}}}"#,
        )],
        script: r#"[ "$CLINE_SESSION_BACKEND_MODE" = local ] || exit 8
            ask "$(value baseUrl "$CLINE_PROVIDER_SETTINGS_PATH")" /chat/completions"#,
        ..NOTHING
    },
    Setup {
        agent: "cn",
        case: "the user's configuration",
        files: &[(
            "home/.continue/config.yaml",
            "name: mine\nschema: v1 # mine\nmodels:\n  - name: a\n    provider: openai\n    apiBase: UPSTREAM/v1\n    apiKey: ${{ secrets.A }}\n",
        )],
        script: r#"[ "$1" = --config ] && grep -q 'secrets.A' "$2" || exit 8; ask "$(value apiBase "$2")" /chat/completions"#,
        ..NOTHING
    },
    Setup {
        agent: "droid",
        case: "a model of the user's own",
        files: &[(
            "home/.factory/settings.json",
            r#"{"customModels":[{"model":"m","displayName":"mine","baseUrl":"UPSTREAM","apiKey":"k","provider":"anthropic"}]}"#,
        )],
        typed: &["exec", "hi"],
        script: r#"[ "$1 $3" = '--settings exec' ] || exit 8; ask "$(value baseUrl "$2")" /v1/messages"#,
        ..NOTHING
    },
    Setup {
        agent: "vibe",
        case: "its own provider",
        variables: &[
            ("MISTRAL_API_KEY", "k"),
            ("VIBE_PROVIDERS", r#"[{"name":"mistral","api_base":"UPSTREAM/v1"}]"#),
        ],
        script: r#"ask "$(value api_base "$VIBE_PROVIDERS")" /chat/completions"#,
        ..NOTHING
    },
    Setup {
        agent: "openhands",
        case: "the user's address",
        variables: &[("LLM_API_KEY", "k"), ("LLM_BASE_URL", "UPSTREAM/v1")],
        script: r#"ask "$LLM_BASE_URL" /chat/completions"#,
        ..NOTHING
    },
    Setup {
        agent: "openhands",
        case: "the address of the model's provider",
        variables: &[("LLM_API_KEY", "k"), ("ANTHROPIC_BASE_URL", "UPSTREAM")],
        script: r#"[ -z "$LLM_BASE_URL" ] || exit 8; ask "$ANTHROPIC_API_BASE" /v1/messages"#,
        ..NOTHING
    },
    Setup {
        agent: "goose",
        case: "OpenAI",
        files: &[("home/.config/goose/config.yaml", "GOOSE_PROVIDER: openai\nOPENAI_HOST: UPSTREAM\n")],
        script: r#"ask "$OPENAI_HOST" /v1/chat/completions"#,
        ..NOTHING
    },
    Setup {
        agent: "goose",
        case: "Anthropic",
        variables: &[("ANTHROPIC_API_KEY", "k"), ("ANTHROPIC_HOST", "UPSTREAM")],
        script: r#"ask "$ANTHROPIC_HOST" /v1/messages"#,
        ..NOTHING
    },
    Setup {
        agent: "crush",
        case: "Anthropic",
        variables: &[("ANTHROPIC_API_KEY", "k"), ("ANTHROPIC_API_ENDPOINT", "UPSTREAM")],
        script: r#"ask "$ANTHROPIC_API_ENDPOINT" /v1/messages"#,
        ..NOTHING
    },
    Setup {
        agent: "crush",
        case: "OpenAI",
        variables: &[("OPENAI_API_KEY", "k"), ("OPENAI_API_ENDPOINT", "UPSTREAM/v1")],
        script: r#"ask "$OPENAI_API_ENDPOINT" /responses "$responses""#,
        ..NOTHING
    },
    Setup {
        agent: "openclaw",
        case: "a provider of the user's own",
        files: &[(
            "home/.openclaw/openclaw.json",
            r#"{"models":{"providers":{"own":{"baseUrl":"UPSTREAM/v1","api":"openai-completions"}}}}"#,
        )],
        script: r#"ask "$(value baseUrl "$OPENCLAW_CONFIG_PATH")" /chat/completions"#,
        ..NOTHING
    },
];

/// A world in which `setup` is how things are, with a stand-in for the agent.
fn world(setup: &Setup) -> World {
    let mut world = World::new();
    let upstream = world.provider().base_url();
    for (path, text) in setup.files {
        world.file(path, text.replace("UPSTREAM", &upstream));
    }
    for (name, value) in setup.variables {
        world.set(name, &value.replace("UPSTREAM", &upstream));
    }
    let stand_in = world.agent(setup.agent, "");
    fs::write(&stand_in, format!("#!/bin/bash\n{ASKS}\n{}\n", setup.script)).expect("a stand-in");
    world
}

/// How many requests the ledger has counted, and how many of them reached the provider.
fn counted(world: &World) -> Value {
    let stats = world.run(&["stats", "--json"]).succeeded();
    serde_json::from_str(&stats).expect("it is JSON")
}

#[test]
fn a_request_of_every_agent_comes_through_and_is_counted() {
    for setup in SETUPS {
        let world = world(setup);
        let mut typed = vec!["wrap", setup.agent];
        typed.extend(setup.typed);
        let ran = world.run(&typed);
        let (said, code) = (ran.both(), ran.code());
        assert!(said.contains(ANSWERED), "{} ({}): {code}: {said}", setup.agent, setup.case);
        assert_eq!(code, 0, "{} ({})", setup.agent, setup.case);
        let seen = world.provider().messages();
        assert_eq!(seen.len(), 1, "{} ({})", setup.agent, setup.case);
        assert_eq!(seen[0].header("authorization"), Some("Bearer k"), "the login is relayed as it is");
        let counted = counted(&world);
        assert_eq!(
            counted["total"]["requests"]["all"],
            json!(1),
            "{} ({}): {counted}",
            setup.agent,
            setup.case
        );
    }
}

#[test]
fn every_agent_has_a_setup_that_is_tried_or_is_refused() {
    let listed = World::new().run(&["agents", "--json"]).succeeded();
    let listed: Value = serde_json::from_str(&listed).expect("it is JSON");
    let list = listed.as_array().or_else(|| listed["agents"].as_array()).expect("a list");
    for agent in list {
        let name = agent["name"].as_str().expect("a name");
        let tried = SETUPS.iter().any(|setup| setup.agent == name);
        let elsewhere = ["claude", "codex", "amp", "cursor", "ide"].contains(&name);
        assert!(tried || elsewhere, "{name} is neither tried nor refused");
    }
}

#[test]
fn what_cannot_be_pointed_elsewhere_is_run_as_it_is_and_the_reason_said() {
    /// The agent, its files and variables, what is typed, and why.
    type Case = (
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static [(&'static str, &'static str)],
        &'static [&'static str],
        &'static str,
    );
    let cases: [Case; 14] = [
        ("gemini", &[], &[("GEMINI_API_KEY", "k")], &[], "takes another address only for a login"),
        (
            "gemini",
            &[("home/.gemini/settings.json", r#"{"security":{"auth":{"selectedType":"gemini-api-key"}}}"#)],
            &[],
            &["--sandbox"],
            "from its sandbox",
        ),
        (
            "gemini",
            &[],
            &[("GOOGLE_GENAI_USE_VERTEXAI", "true"), ("GOOGLE_CLOUD_LOCATION", "x")],
            &[],
            "region",
        ),
        ("copilot", &[], &[], &[], "with a GitHub login"),
        (
            "qwen",
            &[("home/.qwen/settings.json", r#"{"security":{"auth":{"selectedType":"qwen-oauth"}}}"#)],
            &[],
            &[],
            "brings its own address",
        ),
        (
            "qwen",
            &[("home/.qwen/settings.json", r#"{"modelProviders":{"openai":[{"id":"a"}]}}"#)],
            &[("OPENAI_API_KEY", "k")],
            &[],
            "modelProviders win",
        ),
        (
            "aider",
            &[("work/.env", "OPENAI_API_BASE=http://127.0.0.1:9/v1\n")],
            &[],
            &[],
            "in the .env file here",
        ),
        ("aider", &[], &[], &["--openai-api-base", "http://127.0.0.1:9"], "set OPENAI_API_BASE instead"),
        ("cline", &[], &[], &[], "only a provider with an address"),
        ("cn", &[], &[], &[], "come from Continue's hub"),
        ("droid", &[], &[], &[], "behind Factory's service"),
        (
            "vibe",
            &[("home/.vibe/config.toml", "[[providers]]\nname = \"own\"\n")],
            &[],
            &[],
            "providers of its own",
        ),
        (
            "crush",
            &[("home/.config/crush/crush.json", r#"{"providers":{"own":{}}}"#)],
            &[],
            &[],
            "providers of its own",
        ),
        ("openclaw", &[], &[], &[], "openclaw.json can be pointed"),
    ];
    for (agent, files, variables, typed, because) in cases {
        let mut world = World::new();
        for (path, text) in files {
            world.file(path, text);
        }
        for (name, value) in variables {
            world.set(name, value);
        }
        world.agent(
            agent,
            r#"[ -z "$HEADROOM_PROXY" ] && printf '%s ' as it is; [ $# = 0 ] || printf '%s ' "$@""#,
        );
        let mut all = vec!["wrap", agent];
        all.extend(typed);
        let said = world.run(&all).succeeded_saying(because);
        let own: String = typed.iter().map(|word| format!("{word} ")).collect();
        assert_eq!(said, format!("as it is {own}"), "{agent}: its arguments are the user's");
    }
}

#[test]
fn amp_is_refused_with_the_reason() {
    let mut world = World::new();
    world.agent("amp", "echo it ran");
    let said = world.run(&["wrap", "amp"]).failed_with(1);
    assert!(said.contains("run behind Amp's own server"), "{said}");
}

#[test]
fn gemini_keeps_the_users_policies_beside_ours() {
    let mut world = world(&Setup {
        script: r#"printf '%s\n' "$@"; [ ! -f "$4" ] || cat "$4""#,
        ..Setup { typed: &["-i", "hi"], ..copy(&SETUPS[0]) }
    });
    let said = world.run(&["wrap", "--quiet", "gemini", "-i", "hi"]).succeeded();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..3], ["--policy", "~/.gemini/policies", "--policy"], "{said}");
    assert_eq!(lines[4..6], ["-i", "hi"], "{said}");
    assert!(
        said.contains("commandPrefix = \"headroom retrieve\"") && said.contains("interactive = true"),
        "{said}"
    );
    assert!(!Path::new(lines[3]).exists(), "it is gone with the run");

    let said = world.run(&["wrap", "--quiet", "gemini", "--policy", "mine.toml"]).both();
    assert!(
        said.starts_with("--policy\nmine.toml\n"),
        "the user's own policies are the only ones then: {said}"
    );
    world.file(
        "home/.gemini/settings.json",
        r#"{"security":{"auth":{"selectedType":"gemini-api-key"}},"policyPaths":["~/mine"]}"#,
    );
    let said = world.run(&["wrap", "gemini", "-i"]).succeeded_saying("your own policyPaths stay in force");
    assert!(said.starts_with("-i\n"), "{said}");
}

fn copy(setup: &Setup) -> Setup {
    Setup { ..*setup }
}

#[test]
fn what_a_run_is_handed_in_a_file_dies_with_it() {
    let setup = SETUPS.iter().find(|setup| setup.agent == "droid").expect("it is there");
    let mut world =
        world(&Setup { script: r#"printf %s "$2" > "$TMPDIR/path"; exec sleep 600"#, ..copy(setup) });
    world.may_leave("tmp");
    let mut child = world.headroom(&["wrap", "--quiet", "droid", "exec"]).spawn().expect("it starts");
    let written = world.home().with_file_name("tmp").join("path");
    let mut path = String::new();
    eventually("the agent is there", || {
        path = fs::read_to_string(&written).unwrap_or_default();
        !path.is_empty()
    });
    let settings = fs::read_to_string(&path).expect("it is there");
    assert!(settings.contains("127.0.0.1") && settings.contains("\"apiKey\":\"k\""), "{settings}");
    crate::world::terminate(child.id());
    assert!(!child.wait().expect("it ends").success());
    eventually("it is gone", || !Path::new(&path).exists());
}

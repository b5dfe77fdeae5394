//! What only code can say about Codex: which provider and which login are in force, and so where its requests go.
//!
//! Reads; never writes. From the highest: what an administrator has laid down, the
//! command line, the file of the chosen profile, the user's `config.toml`, the
//! system's. *Invariant:* a project's `.codex/config.toml` is never read: it does
//! not decide where requests go.

use super::definition::Agent;
use super::json::merge;
use super::plan::{Around, Findings, Place};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Reads Codex's configuration and login as they hold for this launch. `program` is asked for the login when no file
/// tells it; `arguments` are the user's, up to `--`.
pub fn look(agent: &Agent, around: &Around, program: &Path, arguments: &[OsString]) -> Findings {
    let typed = Typed::read(arguments);
    if let Some(because) = typed.past(agent) {
        return past(because);
    }
    let Some(home) = home(around) else { return Findings::default() };
    let policy = around.policies.iter().filter_map(|folder| read(&folder.join("managed_config.toml")));
    let policy = merged(policy);
    let mut layers: Vec<Value> =
        around.policies.iter().filter_map(|folder| read(&folder.join("config.toml"))).collect();
    if !typed.ignores_users_file {
        layers.extend(read(&home.join("config.toml")));
        layers
            .extend(typed.profile.as_ref().and_then(|name| read(&home.join(format!("{name}.config.toml")))));
    }
    layers.push(typed.configuration.clone());
    layers.push(policy.clone());
    let configuration = merged(layers);

    let provider = configuration["model_provider"].as_str().unwrap_or(BUILT_IN);
    let (url, key) = match provider {
        BUILT_IN => (configuration["openai_base_url"].as_str(), "openai_base_url".to_owned()),
        "ollama" | "ollama-chat" | "lmstudio" => return past("the model runs on this machine"),
        "amazon-bedrock" => return past("it talks to Amazon Bedrock"),
        own => {
            let own = &configuration["model_providers"][own];
            if own["aws"].is_object() {
                return past("its requests are signed for AWS");
            }
            (own["base_url"].as_str(), format!("model_providers.{provider}.base_url"))
        }
    };
    if fixes(&policy, provider) {
        return past(format!("your administrator's configuration fixes {key}"));
    }
    let stale = |url: &&str| around.ended.as_ref().is_some_and(|ended| url.starts_with(ended.as_str()));
    let mut found = Findings::default();
    let url = match url.filter(|url| !url.is_empty()) {
        Some(url) if stale(&url) => {
            return past(format!("{key} names a headroom that has ended; take it out of your configuration"));
        }
        Some(url) => url.to_owned(),
        // The user has told headroom itself.
        None if around.upstream.is_some() => API.to_owned(),
        None => match login(around, &home, program, &typed, &configuration) {
            Login::Key => {
                found.notices.push("its list of models is not brought up to date".to_owned());
                API.to_owned()
            }
            Login::Account { of_a_workspace } => {
                if of_a_workspace {
                    let said =
                        format!("requests go to {CHATGPT}, also if your workspace has a host of its own");
                    found.notices.push(said);
                }
                CHATGPT.to_owned()
            }
            Login::Bedrock => return past("it talks to Amazon Bedrock"),
            Login::None => {
                return past("you are not logged in to Codex yet, and where requests go depends on that");
            }
        },
    };
    found.upstream = Some(Place::of(&url));
    found.behind = ["-c".to_owned(), points_at_us(provider)].to_vec();
    found.no_tool = requirements(around)
        .filter(leaves_no_tool)
        .map(|_| "your administrator's policy does not allow headroom_retrieve".to_owned());
    found
}

/// The provider that Codex comes with.
const BUILT_IN: &str = "openai";
/// Where the provider that it comes with is, with a key.
const API: &str = "https://api.openai.com/v1";
/// The same, with a login by ChatGPT.
const CHATGPT: &str = "https://chatgpt.com/backend-api/codex";

/// Where administrators lay down Codex's configuration on this system.
pub fn policy_folders() -> Vec<PathBuf> {
    vec![PathBuf::from("/etc/codex")]
}

fn past(because: impl Into<String>) -> Findings {
    Findings { past: Some(because.into()), ..Findings::default() }
}

/// The override that sends a provider's requests to us. A table, because a dot in a provider's name would part it.
fn points_at_us(provider: &str) -> String {
    match provider {
        BUILT_IN => "openai_base_url=\"{url}\"".to_owned(),
        own => format!("model_providers={{{}={{base_url=\"{{url}}\"}}}}", Value::from(own)),
    }
}

/// True when a configuration that wins over the command line says where this provider's requests go.
fn fixes(policy: &Value, provider: &str) -> bool {
    match provider {
        BUILT_IN => policy["openai_base_url"].is_string(),
        own => policy["model_providers"][own]["base_url"].is_string(),
    }
}

/// What the user typed, as far as it matters here.
#[derive(Debug)]
struct Typed {
    /// The words that are no flags and no values of flags.
    words: Vec<String>,
    /// What `-c` sets.
    configuration: Value,
    profile: Option<String>,
    ignores_users_file: bool,
}

/// Flags that take a value in the next word.
const WITH_VALUE: &[&str] = &[
    "--enable",
    "--disable",
    "--remote-auth-token-env",
    "-m",
    "--model",
    "--local-provider",
    "-s",
    "--sandbox",
    "-C",
    "--cd",
    "--add-dir",
    "-a",
    "--ask-for-approval",
    "--thread-source",
    "--cyber-access-program",
    "--output-schema",
    "--color",
    "-o",
    "--output-last-message",
    "--base",
    "--commit",
    "--title",
    "--listen",
];

impl Typed {
    fn read(arguments: &[OsString]) -> Typed {
        let mut typed = Typed {
            words: Vec::new(),
            configuration: Value::Object(Map::new()),
            profile: None,
            ignores_users_file: false,
        };
        let mut rest = arguments.iter().map(|word| word.to_str().unwrap_or_default()).peekable();
        while let Some(word) = rest.next() {
            let mut value = |long: &str, short: &str| match word.strip_prefix(long) {
                Some("") => rest.next(),
                Some(value) if value.starts_with('=') => Some(&value[1..]),
                _ if word.starts_with("--") => None,
                _ if word == short => rest.next(),
                _ => word.strip_prefix(short).map(|value| value.strip_prefix('=').unwrap_or(value)),
            };
            if let Some(setting) = value("--config", "-c") {
                if let Some(setting) = set(setting) {
                    merge(&mut typed.configuration, &setting);
                }
            } else if let Some(name) = value("--profile", "-p") {
                typed.profile = Some(name.to_owned());
            } else if word == "-i" || word == "--image" {
                while rest.next_if(|word| !word.starts_with('-')).is_some() {}
            } else if WITH_VALUE.contains(&word) {
                rest.next();
            } else if word == "--ignore-user-config" {
                typed.ignores_users_file = true;
            } else if !word.starts_with('-') || word == "-" {
                typed.words.push(word.to_owned());
            }
        }
        typed
    }

    fn command(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// Why this goes past us; empty when there is nothing to say.
    fn past<'a>(&self, agent: &'a Agent) -> Option<&'a str> {
        let below = self.words.get(1).map_or("", String::as_str);
        match self.command() {
            "app-server" if below == "daemon" => Some("a background server would outlive headroom"),
            "app-server" if !below.is_empty() => Some(""),
            command => agent.past.commands.get(command).map(String::as_str),
        }
    }

    /// True for the commands that take a key from the environment.
    fn takes_key_from_environment(&self) -> bool {
        ["exec", "e", "review"].contains(&self.command())
    }
}

/// What one `-c KEY=VALUE` sets, as Codex reads it: a path with dots, and TOML or else the plain words.
fn set(setting: &str) -> Option<Value> {
    /// Far more than Codex has.
    const DEEPEST: usize = 16;
    let (path, value) = setting.split_once('=')?;
    if DEEPEST < path.split('.').count() {
        return None;
    }
    let read = toml_edit::de::from_str::<Value>(&format!("value={value}")).ok();
    let value = read.and_then(|table| table.get("value").cloned());
    let value = value.unwrap_or_else(|| setting[path.len() + 1..].trim().trim_matches(['"', '\'']).into());
    Some(path.trim().rsplit('.').fold(value, |value, key| json!({ key: value })))
}

/// Which login is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Login {
    /// An API key.
    Key,
    /// ChatGPT, or something that stands for it.
    Account {
        of_a_workspace: bool,
    },
    Bedrock,
    None,
}

fn login(around: &Around, home: &Path, program: &Path, typed: &Typed, configuration: &Value) -> Login {
    let account = Login::Account { of_a_workspace: false };
    if typed.takes_key_from_environment() && around.environment.get("CODEX_API_KEY").is_some() {
        return Login::Key;
    }
    if around.environment.get("CODEX_ACCESS_TOKEN").is_some() {
        return account;
    }
    let stored = std::fs::read_to_string(home.join("auth.json")).ok();
    if let Some(stored) = stored.and_then(|text| serde_json::from_str::<Value>(&text).ok()) {
        let mode = stored["auth_mode"].as_str().map(str::to_lowercase).unwrap_or_default();
        return match mode.as_str() {
            "apikey" => Login::Key,
            mode if mode.starts_with("bedrock") => Login::Bedrock,
            "" if stored["OPENAI_API_KEY"].is_string() => Login::Key,
            "" if !stored["tokens"].is_object() => Login::None,
            _ => Login::Account { of_a_workspace: of_a_workspace(&stored) },
        };
    }
    match configuration["cli_auth_credentials_store"].as_str() {
        Some("keyring" | "auto") => asked(around, program),
        _ => Login::None,
    }
}

/// The login that lies where only Codex can see it.
fn asked(around: &Around, program: &Path) -> Login {
    let mut command = Command::new(program);
    command.args(["login", "status"]).env_clear().envs(around.environment.iter()).stdin(Stdio::null());
    let Ok(answer) = command.output() else { return Login::None };
    let said = [answer.stdout, answer.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    if !answer.status.success() {
        Login::None
    } else if said.contains("Bedrock") {
        Login::Bedrock
    } else if said.contains("API key") {
        Login::Key
    } else {
        Login::Account { of_a_workspace: true }
    }
}

/// True unless the plan is one of a single person's. What is looked at says who the user is, and proves nothing.
fn of_a_workspace(stored: &Value) -> bool {
    let token = stored["tokens"]["id_token"].as_str().unwrap_or_default();
    let claims = token.split('.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
    let claims = claims.and_then(|claims| serde_json::from_slice::<Value>(&claims).ok());
    let plan = claims.and_then(|claims| {
        claims.get("https://api.openai.com/auth")?.get("chatgpt_plan_type")?.as_str().map(str::to_owned)
    });
    !plan.is_some_and(|plan| ["free", "go", "plus", "pro"].contains(&plan.as_str()))
}

/// What administrators require.
fn requirements(around: &Around) -> Option<Value> {
    around.policies.iter().find_map(|folder| read(&folder.join("requirements.toml")))
}

/// True when there is a list of servers that may be, and ours is not on it.
fn leaves_no_tool(required: &Value) -> bool {
    required["mcp_servers"].is_object() && required["mcp_servers"]["headroom"].is_null()
}

fn home(around: &Around) -> Option<PathBuf> {
    let own = around.environment.get("CODEX_HOME").map(PathBuf::from);
    own.or_else(|| Some(around.home.as_ref()?.join(".codex")))
}

/// A file of configuration; `None` when it is not there or can't be read: then Codex says what is wrong with it.
fn read(path: &Path) -> Option<Value> {
    toml_edit::de::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

fn merged(layers: impl IntoIterator<Item = Value>) -> Value {
    let mut all = Value::Object(Map::new());
    layers.into_iter().for_each(|layer| merge(&mut all, &layer));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::definition::known;

    /// A home with Codex's files in it, and a folder for policies.
    struct Home(tempfile::TempDir);

    impl Home {
        fn with(files: &[(&str, &str)]) -> Home {
            let home = Home(tempfile::tempdir().expect("a folder"));
            for (path, text) in files {
                let path = home.0.path().join(path);
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("its folder");
                std::fs::write(path, text).expect("a file");
            }
            home
        }

        fn around(&self, variables: &[(&str, &str)]) -> Around {
            Around {
                environment: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
                home: Some(self.0.path().to_owned()),
                folder: self.0.path().join("work"),
                project: self.0.path().join("work"),
                headroom: "/usr/bin/headroom".into(),
                policies: vec![self.0.path().join("policy")],
                upstream: None,
                ended: None,
            }
        }

        fn look(&self, variables: &[(&str, &str)], typed: &str) -> Findings {
            let agents = known(Path::new("/nonexistent")).expect("they are read");
            let codex = agents.iter().find(|agent| agent.name == "codex").expect("it is there");
            let arguments: Vec<OsString> = typed.split_whitespace().map(Into::into).collect();
            look(codex, &self.around(variables), &self.0.path().join("codex"), &arguments)
        }
    }

    #[track_caller]
    fn goes_to(found: &Findings) -> (String, String) {
        let place = found.upstream.as_ref().unwrap_or_else(|| panic!("{found:?}"));
        (format!("{}{}", place.url, place.suffix), found.behind.join(" "))
    }

    const KEY: (&str, &str) =
        (".codex/auth.json", r#"{"auth_mode":"apikey","OPENAI_API_KEY":"sk-1","tokens":null}"#);
    const ACCOUNT: (&str, &str) =
        (".codex/auth.json", r#"{"auth_mode":"chatgpt","OPENAI_API_KEY":null,"tokens":{}}"#);
    const CORP: &str = "model_provider = \"my.corp\"\n\
        [model_providers.\"my.corp\"]\nname = \"Corp\"\nbase_url = \"https://llm.corp.example/openai/v1/\"\n";

    #[test]
    fn requests_go_where_login_and_configuration_send_them() {
        let ours = "-c openai_base_url=\"{url}\"";
        let api = ("https://api.openai.com/v1", ours);
        let chatgpt = ("https://chatgpt.com/backend-api/codex", ours);
        let gateway = ("https://gateway.example/v1", ours);
        let corp =
            ("https://llm.corp.example/openai/v1", "-c model_providers={\"my.corp\"={base_url=\"{url}\"}}");
        let set_gateway = "openai_base_url = \"https://gateway.example/v1\"\n";
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)], &'a str, (&'a str, &'a str));
        let cases: &[Case] = &[
            (&[KEY], &[], "", api),
            (&[KEY], &[("OPENAI_BASE_URL", "https://ignored.example/v1")], "exec hi", api),
            (&[ACCOUNT], &[], "hi", chatgpt),
            (&[ACCOUNT], &[("CODEX_API_KEY", "sk-2")], "hi", chatgpt),
            (&[ACCOUNT], &[("CODEX_API_KEY", "sk-2")], "-m gpt-5 exec hi", api),
            (&[ACCOUNT], &[("CODEX_API_KEY", "sk-2")], "exec resume --last", api),
            (&[], &[("CODEX_ACCESS_TOKEN", "at-1")], "", chatgpt),
            (&[(".codex/auth.json", r#"{"OPENAI_API_KEY":"sk-old"}"#)], &[], "", api),
            (
                &[(".codex/auth.json", r#"{"OPENAI_API_KEY":null,"tokens":{"id_token":"x"}}"#)],
                &[],
                "",
                chatgpt,
            ),
            (&[("elsewhere/auth.json", ACCOUNT.1), KEY], &[("CODEX_HOME", "HOME/elsewhere")], "", chatgpt),
            (&[(".codex/config.toml", set_gateway)], &[], "", gateway),
            (&[KEY, (".codex/config.toml", set_gateway)], &[], "exec --ignore-user-config hi", api),
            (&[KEY], &[], "exec -c openai_base_url=\"https://gateway.example/v1\" hi", gateway),
            (&[KEY], &[], "--config=openai_base_url=https://gateway.example/v1", gateway),
            (&[(".codex/config.toml", CORP)], &[], "resume --last", corp),
            (&[ACCOUNT, (".codex/config.toml", CORP)], &[], "-c model_provider=\"openai\"", chatgpt),
            (&[KEY, (".codex/corp.config.toml", CORP)], &[], "exec hi", api),
            (&[KEY, (".codex/corp.config.toml", CORP)], &[], "exec -p corp hi", corp),
            (&[KEY, ("policy/config.toml", set_gateway)], &[], "", gateway),
            (&[KEY, ("policy/config.toml", set_gateway), (".codex/config.toml", CORP)], &[], "", corp),
            // A file that came with a repository says nothing.
            (&[KEY, ("work/.codex/config.toml", CORP)], &[], "", api),
            (&[KEY, ("work/.codex/config.toml", set_gateway)], &[], "", api),
        ];
        for (files, variables, typed, (url, behind)) in cases {
            let home = Home::with(files);
            let below = home.0.path().to_string_lossy().into_owned();
            let variables: Vec<(&str, String)> =
                variables.iter().map(|(name, value)| (*name, value.replace("HOME", &below))).collect();
            let variables: Vec<(&str, &str)> =
                variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let found = home.look(&variables, typed);
            let (gone, put) = goes_to(&found);
            assert_eq!((gone.as_str(), put.as_str()), (*url, *behind), "{files:?} {variables:?} {typed}");
        }
    }

    #[test]
    fn what_asks_no_model_or_asks_it_elsewhere_goes_past() {
        let bedrock = (".codex/config.toml", "model_provider = \"amazon-bedrock\"");
        let local = (".codex/config.toml", "model_provider = \"ollama\"");
        let fixed = ("policy/managed_config.toml", "openai_base_url = \"https://fixed.example/v1\"");
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, Option<&'a str>);
        let cases: &[Case] = &[
            (&[KEY], "-m gpt-5 login status", Some("")),
            (&[KEY], "-c a=b mcp list", Some("")),
            (&[KEY], "app-server daemon start", Some("a background server would outlive headroom")),
            (&[KEY], "app-server generate-ts", Some("")),
            (&[KEY], "app-server", None),
            (&[KEY], "mcp-server", None),
            (&[KEY], "exec -i a.png b.png -- login", None),
            (&[KEY], "-i a.png login", None),
            (&[KEY], "exec -C login review", None),
            (&[KEY, bedrock], "", Some("it talks to Amazon Bedrock")),
            (&[KEY, local], "", Some("the model runs on this machine")),
            (&[KEY, fixed], "", Some("your administrator's configuration fixes openai_base_url")),
            (
                &[],
                "exec hi",
                Some("you are not logged in to Codex yet, and where requests go depends on that"),
            ),
        ];
        for (files, typed, past) in cases {
            let found = Home::with(files).look(&[], typed);
            assert_eq!(found.past.as_deref(), *past, "{files:?} {typed}");
        }
    }

    #[test]
    fn a_workspace_is_told_where_its_requests_go_and_a_single_person_is_not() {
        // {"https://api.openai.com/auth":{"chatgpt_plan_type":"…"}}
        let plus = "e30.eyJodHRwczovL2FwaS5vcGVuYWkuY29tL2F1dGgiOnsiY2hhdGdwdF9wbGFuX3R5cGUiOiJwbHVzIn19.e30";
        let team = "e30.eyJodHRwczovL2FwaS5vcGVuYWkuY29tL2F1dGgiOnsiY2hhdGdwdF9wbGFuX3R5cGUiOiJ0ZWFtIn19.e30";
        for (token, told) in [(plus, false), (team, true), ("unreadable", true)] {
            let login = json!({"auth_mode": "chatgpt", "tokens": {"id_token": token}}).to_string();
            let found = Home::with(&[(".codex/auth.json", &login)]).look(&[], "");
            assert_eq!(found.notices.iter().any(|said| said.contains("chatgpt.com")), told, "{token}");
        }
    }

    #[test]
    fn a_list_of_servers_that_may_be_is_honoured() {
        let cases = [
            ("[mcp_servers.github]\nidentity = { command = \"gh\" }\n", true),
            ("[mcp_servers.headroom]\nidentity = { command = \"headroom\" }\n", false),
            ("allowed_sandbox_modes = [\"read-only\"]\n", false),
        ];
        for (text, withheld) in cases {
            let found = Home::with(&[KEY, ("policy/requirements.toml", text)]).look(&[], "");
            assert_eq!(found.no_tool.is_some(), withheld, "{text}");
        }
    }

    #[test]
    fn an_override_is_read_as_codex_reads_it() {
        let cases = [
            ("model=\"o3\"", json!({"model": "o3"})),
            ("model=o3", json!({"model": "o3"})),
            ("model='o3", json!({"model": "o3"})),
            ("a.b.c=1", json!({"a": {"b": {"c": 1}}})),
            ("a={b=[true]}", json!({"a": {"b": [true]}})),
            ("url=http://h/?a=b", json!({"url": "http://h/?a=b"})),
        ];
        for (typed, wanted) in cases {
            assert_eq!(set(typed), Some(wanted), "{typed}");
        }
        assert_eq!(set("none"), None);
        assert_eq!(set(&format!("{}=1", "a.".repeat(10_000))), None);
    }
}

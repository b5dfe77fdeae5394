use super::*;

fn folders() -> Folders {
    Folders { config: "/h".into(), data: "/h".into(), origin: Origin::Default }
}

fn with(text: &str) -> Result<Config, ConfigError> {
    resolve_from(&Flags::default(), &|_| None, &[], text, folders())
}

#[test]
fn nothing_said_means_the_defaults() {
    let config = with("").unwrap();
    assert_eq!(config.profile, Setting { value: DEFAULT_PROFILE, origin: Origin::Default });
    assert!(config.enabled.value && config.mcp.value && !config.quiet.value);
    assert_eq!(config.store_limits().originals_bytes, 1 << 30);
    assert_eq!(config.upstream.value, None);
    assert!(config.entries().iter().all(|entry| entry.origin == Origin::Default));
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    let file = "\nprofile = \"lossless\"\nenabled = true\n";
    let from_file = with(file).unwrap();
    assert_eq!(from_file.profile.value, Profile::Lossless);
    assert_eq!(from_file.profile.origin.to_string(), "/h/config.toml:2");

    let variables = |variable: env::Variable| match variable.name {
        "HEADROOM_PROFILE" => Some("aggressive".to_owned()),
        "HEADROOM" => Some("off".to_owned()),
        _ => None,
    };
    let from_environment = resolve_from(&Flags::default(), &variables, &[], file, folders()).unwrap();
    assert_eq!(from_environment.profile.value, Profile::Shorten(Effort::Aggressive));
    assert_eq!(from_environment.profile.origin, Origin::Environment("HEADROOM_PROFILE".into()));
    assert!(!from_environment.enabled.value);

    let flags = Flags { profile: Some("balanced".into()), ..Flags::default() };
    let from_flag = resolve_from(&flags, &variables, &[], file, folders()).unwrap();
    assert_eq!(from_flag.profile.value, DEFAULT_PROFILE);
    assert_eq!(from_flag.profile.origin, Origin::Flag("--profile"));
}

#[test]
fn every_key_is_read() {
    let config = with(
        r#"
profile = "aggressive"
enabled = false
quiet = true
mcp = false
answer_retrieval = true
[originals]
max_bytes = 2097152
max_age = "2w"
[proxy]
port = 8787
upstream = "https://gate.example/v1/"
[rules]
"tool:mcp__db__query" = "never"
"command:git log" = "lossless"
"path:**/*.csv" = "aggressive"
[upstreams]
azure = "https://r.openai.azure.com/"
openai = ""
my-gate = "http://127.0.0.1:4000"
"#,
    )
    .unwrap();
    let said = config.entries().into_iter().filter(|entry| entry.origin != Origin::Default);
    let shown: Vec<String> = said.map(|entry| format!("{} = {}", entry.key, entry.value)).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    profile = "aggressive"
    enabled = false
    quiet = true
    mcp = false
    answer_retrieval = true
    originals.max_bytes = "2 MiB"
    originals.max_age = "14d"
    proxy.port = 8787
    proxy.upstream = "https://gate.example/v1"
    rules."tool:mcp__db__query" = "never"
    rules."command:git log" = "lossless"
    rules."path:**/*.csv" = "aggressive"
    upstreams.openai = ""
    upstreams.azure = "https://r.openai.azure.com"
    upstreams.my-gate = "http://127.0.0.1:4000"
    "#);
    assert_eq!(config.rules[1].line, 15);
    assert_eq!(NAMES.len() + 3 + 3, shown.len());
}

#[test]
fn the_example_in_the_documentation_reads_as_the_defaults() {
    let source = include_str!("mod.rs");
    let example: String = source
        .lines()
        .filter_map(|line| line.strip_prefix("//! "))
        .skip_while(|line| *line != "```toml")
        .skip(1)
        .take_while(|line| *line != "```" && !line.starts_with("[rules]"))
        .map(|line| format!("{line}\n"))
        .collect();
    let values = |config: Config| {
        config.entries().iter().map(|entry| format!("{} {}", entry.key, entry.value)).collect::<Vec<_>>()
    };
    assert_eq!(example.lines().filter(|line| line.contains(" = ")).count(), NAMES.len(), "{example}");
    assert_eq!(values(with(&example).unwrap()), values(with("").unwrap()));
}

#[test]
fn a_slip_is_named_with_its_place_and_what_is_allowed() {
    let cases = [
        ("profil = 1", "/h/config.toml:1: unknown setting `profil`; the nearest is `profile`"),
        (
            "\nmax_age = \"3d\"",
            "/h/config.toml:2: unknown setting `max_age`; the nearest is `originals.max_age`",
        ),
        (
            "[originals]\nmax_byte = 3",
            "/h/config.toml:2: unknown setting `originals.max_byte`; the nearest is `originals.max_bytes`",
        ),
        ("rule.a = 1", "/h/config.toml:1: unknown setting `rule.a`; the nearest is `rules`"),
        (
            "profile = \"fast\"",
            "/h/config.toml:1: `fast` can't be the value of `profile`; allowed: `lossless`, `balanced` or `aggressive`",
        ),
        (
            "proxy.port = 70000",
            "/h/config.toml:1: `70000` can't be the value of `proxy.port`; allowed: a whole number from 0 to 65535",
        ),
        (
            "proxy.upstream = \"gate\"",
            "/h/config.toml:1: `gate` can't be the value of `proxy.upstream`; allowed: an http or https URL, or \"\"",
        ),
        ("mcp = [1]", "/h/config.toml:1: `[1]` can't be the value of `mcp`; allowed: `true` or `false`"),
        (
            "[rules]\n\"tool:Bash\" = \"maybe\"",
            "/h/config.toml:2: `maybe` can't be the value of `rules.\"tool:Bash\"`; allowed: `never`, `lossless`, `balanced` or `aggressive`",
        ),
        (
            "[rules]\nBash = \"never\"",
            "/h/config.toml:2: `Bash` can't be the value of `rules.\"Bash\"`; allowed: a key such as \"tool:NAME\", \"command:PREFIX\" or \"path:PATTERN\"",
        ),
        (
            "[upstreams]\nazure = \"r.openai.azure.com\"",
            "/h/config.toml:2: `r.openai.azure.com` can't be the value of `upstreams.azure`; allowed: an http or https URL, or \"\"",
        ),
        (
            "upstreams.\"a b\" = \"https://x\"",
            "/h/config.toml:1: `a b` can't name an upstream; use small letters, digits and `-`, at most 40",
        ),
        (
            "[upstream]\nx = \"y\"",
            "/h/config.toml:2: unknown setting `upstream.x`; the nearest is `upstreams`",
        ),
    ];
    for (text, want) in cases {
        assert_eq!(with(text).unwrap_err().to_string(), want, "{text}");
    }
    let broken = with("profile = \"x\nquiet = true").unwrap_err();
    assert!(broken.to_string().starts_with("/h/config.toml:1: "), "{broken}");
}

#[test]
fn a_bad_variable_is_named_too() {
    let variables = |variable: env::Variable| (variable.name == "HEADROOM").then(|| "perhaps".to_owned());
    let error = resolve_from(&Flags::default(), &variables, &[], "", folders()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "$HEADROOM: `perhaps` can't be the value of `enabled`; allowed: `true` (`on`) or `false` (`off`)"
    );
}

#[test]
fn one_folder_holds_everything_when_it_is_asked_for() {
    let asked =
        Folders::from(|variable| (variable.name == "HEADROOM_HOME").then(|| "/somewhere".into())).unwrap();
    assert_eq!(asked.config_file(), Path::new("/somewhere/config.toml"));
    assert_eq!(asked.prices_file(), Path::new("/somewhere/prices.toml"));
    assert_eq!(asked.agents(), Path::new("/somewhere/agents"));
    assert_eq!(asked.data, Path::new("/somewhere"));
}

mod reading {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever stands in the file: it is read, or the slip is named with a line of the file.
        #[test]
        fn any_file_is_read_or_its_slip_is_named(
            text in prop_oneof![
                ".{0,80}",
                "(?s)(profile|enabled|originals|proxy|rules|mcp|\\[|\\]|=|\\.|\"|'|\n| |true|-?[0-9]{1,22}|1d|\\{|\\}|,){0,40}",
            ],
        ) {
            match with(&text) {
                Ok(config) => prop_assert_eq!(config.entries().len(), NAMES.len() + config.rules.len() + config.upstreams.len()),
                Err(error) => {
                    let said = error.to_string();
                    let line: usize = said
                        .strip_prefix("/h/config.toml:")
                        .and_then(|rest| rest.split(':').next())
                        .and_then(|line| line.parse().ok())
                        .expect("file and line");
                    prop_assert!((1..=text.matches('\n').count() + 1).contains(&line), "{}", said);
                }
            }
        }

        /// A size or an age that is said reads back as the same.
        #[test]
        fn quantities_read_back(bytes in 1u64..1 << 50, seconds in 1u64..1_000_000_000) {
            prop_assert_eq!(quantity::bytes(&quantity::bytes_said(bytes)), Some(bytes));
            let span = Duration::from_secs(seconds);
            prop_assert_eq!(quantity::span(&quantity::span_said(span)), Some(span));
        }
    }
}

//! A launch as it may be shown: every secret in it masked.

use super::plan::Launch;
use serde_json::Value;
use std::ffi::OsStr;

/// What stands in a secret's place.
pub const MASK: &str = "***";

/// The environment, sorted by name, one `NAME=value` each, and what the user's own is of it.
pub fn environment(launch: &Launch, users: &super::environment::Environment) -> (Vec<String>, Vec<String>) {
    let secrets = secrets(launch);
    let line = |name: &OsStr, value: &OsStr| {
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        let value = if is_secret(&name) { MASK.to_owned() } else { masked(&value, &secrets) };
        format!("{name}={}", quoted(&value))
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for (name, value) in launch.environment.iter() {
        let same = name.to_str().is_some_and(|name| users.raw(name) == Some(value));
        if same { &mut theirs } else { &mut ours }.push(line(name, value));
    }
    let gone = users
        .iter()
        .filter(|(name, _)| name.to_str().is_some_and(|name| launch.environment.raw(name).is_none()));
    ours.extend(gone.map(|(name, _)| format!("unset {}", name.to_string_lossy())));
    (ours, theirs)
}

/// The program and its arguments, quoted for a shell.
pub fn command(launch: &Launch) -> String {
    let secrets = secrets(launch);
    let mut words = vec![quoted(&launch.program.to_string_lossy())];
    let mut next_is_secret = false;
    for argument in &launch.arguments {
        let argument = argument.to_string_lossy();
        let flag = argument.trim_start_matches('-').split('=').next().unwrap_or_default();
        let secret = argument.starts_with('-') && is_secret(flag);
        let word = match argument.split_once('=') {
            Some((flag, _)) if secret => format!("{flag}={MASK}"),
            _ if next_is_secret && !argument.starts_with('-') => MASK.to_owned(),
            _ => masked(&argument, &secrets),
        };
        next_is_secret = secret && !argument.contains('=');
        words.push(quoted(&word));
    }
    words.join(" ")
}

/// A file's text.
pub fn text(launch: &Launch, text: &str) -> String {
    masked(text, &secrets(launch))
}

/// A URL without its password.
pub fn url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{MASK}{}", &rest[at..]),
        None => url.to_owned(),
    }
}

/// True for the name of a variable, a key or a flag that holds a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase().replace('-', "_");
    let ends = [
        "KEY",
        "TOKEN",
        "SECRET",
        "PASSWORD",
        "PASSWD",
        "CREDENTIALS",
        "AUTHORIZATION",
        "COOKIE",
        "PASSPHRASE",
    ];
    ends.iter().any(|end| name.ends_with(end)) || name.contains("SECRET") || name.contains("CUSTOM_HEADERS")
}

/// The values of the environment's secrets; a short one would mask by chance what is none.
fn secrets(launch: &Launch) -> Vec<String> {
    let named = launch.environment.iter().filter(|(name, _)| is_secret(&name.to_string_lossy()));
    let mut values: Vec<String> = named.map(|(_, value)| value.to_string_lossy().into_owned()).collect();
    values.retain(|value| 8 <= value.len());
    values
}

fn masked(text: &str, secrets: &[String]) -> String {
    let text = match serde_json::from_str::<Value>(text) {
        Ok(mut value) if value.is_object() || value.is_array() => {
            mask_json(&mut value);
            value.to_string()
        }
        _ => url(text),
    };
    secrets.iter().fold(text, |text, secret| text.replace(secret.as_str(), MASK))
}

/// The reader has limited the depth to 128 levels.
fn mask_json(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                match value {
                    value if is_secret(key) => *value = MASK.into(),
                    Value::String(text) => *text = url(text),
                    value => mask_json(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(mask_json),
        _ => {}
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=+./:,@%*".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_shown_wherever_it_stands() {
        let variables = [
            ("ANTHROPIC_API_KEY", "sk-ant-0123456789"),
            ("HTTPS_PROXY", "http://me:hunter2hunter2@proxy.example:8080"),
            ("HOME", "/home/me"),
            ("ANTHROPIC_CUSTOM_HEADERS", "X-Gateway: canary-canary"),
        ];
        let launch = Launch {
            program: "/usr/bin/claude".into(),
            name: "claude".into(),
            arguments: [
                "--settings",
                r#"{"env":{"MY_TOKEN":"canary-canary","A":"1"},"url":"https://u:canary@h/x"}"#,
                "--api-key",
                "canary-canary",
                "--auth-token=canary",
                "it's sk-ant-0123456789",
            ]
            .map(Into::into)
            .to_vec(),
            environment: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            files: Vec::new(),
        };
        let (ours, theirs) = environment(&launch, &launch.environment);
        assert_eq!(ours, Vec::<String>::new());
        assert_eq!(
            theirs,
            [
                "ANTHROPIC_API_KEY=***",
                "ANTHROPIC_CUSTOM_HEADERS=***",
                "HOME=/home/me",
                "HTTPS_PROXY=http://***@proxy.example:8080",
            ]
        );
        assert_eq!(
            command(&launch),
            r#"/usr/bin/claude --settings '{"env":{"MY_TOKEN":"***","A":"1"},"url":"https://***@h/x"}' --api-key *** --auth-token=*** 'it'\''s ***'"#
        );
    }
}

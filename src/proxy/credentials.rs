//! The user's own AWS credentials, where their tools have them: environment, the two shared files,
//! and what the AWS command line has put by.
//!
//! Read anew for each request that needs them, because they are replaced while a session runs.
//! *Invariant:* never printed, never kept; nothing is fetched and nothing is started to get them.

use serde::Deserialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where the user's AWS credentials may lie. Empty: nowhere.
#[derive(Clone, Debug, Default)]
pub struct Aws {
    /// From the environment.
    pub environment: Option<Credentials>,
    /// `~/.aws/credentials` and `~/.aws/config`, or what the environment names instead.
    pub files: Vec<PathBuf>,
    /// `~/.aws/cli/cache`: what the AWS command line was given for a role or a login.
    pub cache: Option<PathBuf>,
    /// The profile that holds when a request names no key; empty: `default`.
    pub profile: String,
}

/// A key, its secret, and a token where it is a passing one.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Its name: not a secret.
    pub key: String,
    /// What signs.
    pub secret: String,
    /// Proves that a passing key holds.
    pub token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Credentials({}…)", self.key.chars().take(4).collect::<String>())
    }
}

/// No file of credentials is longer, in bytes; a longer one is not read.
const LONGEST_FILE: u64 = 1 << 20;

/// No more files are looked at in the cache.
const MOST_CACHED: usize = 200;

impl Aws {
    /// The secret of the key with this name, wherever it lies.
    pub(super) fn of_key(&self, key: &str) -> Option<Credentials> {
        let files = self.files.iter().flat_map(|file| profiles(&read(file)));
        let known = self.environment.iter().cloned().chain(files.map(|(_, found)| found));
        known.chain(self.cached()).find(|found| found.key == key)
    }

    /// Those that hold when a request names no key.
    pub(super) fn of_the_user(&self) -> Option<Credentials> {
        if self.environment.is_some() {
            return self.environment.clone();
        }
        let wanted = if self.profile.is_empty() { "default" } else { &self.profile };
        let mut known = self.files.iter().flat_map(|file| profiles(&read(file)));
        known.find(|(profile, _)| profile == wanted).map(|(_, found)| found)
    }

    fn cached(&self) -> impl Iterator<Item = Credentials> {
        let files = self.cache.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
        files.take(MOST_CACHED).filter_map(|file| {
            let held: Cached = serde_json::from_str(&read(&file.path())).ok()?;
            Some(Credentials {
                key: held.credentials.key,
                secret: held.credentials.secret,
                token: held.credentials.token,
            })
        })
    }
}

#[derive(Deserialize)]
struct Cached {
    #[serde(rename = "Credentials")]
    credentials: Held,
}

#[derive(Deserialize)]
struct Held {
    #[serde(rename = "AccessKeyId")]
    key: String,
    #[serde(rename = "SecretAccessKey")]
    secret: String,
    #[serde(rename = "SessionToken")]
    token: Option<String>,
}

/// A file's text; empty when it can't be had.
fn read(file: &Path) -> String {
    let short = std::fs::metadata(file).is_ok_and(|file| file.is_file() && file.len() <= LONGEST_FILE);
    if short { std::fs::read_to_string(file).unwrap_or_default() } else { String::new() }
}

/// The profiles of a shared file that hold a key, with their names.
fn profiles(text: &str) -> Vec<(String, Credentials)> {
    let mut found = Vec::new();
    let mut profile = String::new();
    let (mut key, mut secret, mut token) = (None, None, None);
    let mut close = |profile: &str, key: Option<String>, secret: Option<String>, token: Option<String>| {
        if let (Some(key), Some(secret)) = (key, secret) {
            found.push((profile.to_owned(), Credentials { key, secret, token }));
        }
    };
    for line in text.lines() {
        // What is indented belongs to the line before it.
        if line.starts_with([' ', '\t', '#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            close(&profile, key.take(), secret.take(), token.take());
            let name = name.trim();
            profile = name.strip_prefix("profile ").unwrap_or(name).trim().to_owned();
        } else if let Some((name, value)) = line.split_once('=') {
            let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
            match name.trim().to_ascii_lowercase().as_str() {
                "aws_access_key_id" => key = value,
                "aws_secret_access_key" => secret = value,
                "aws_session_token" => token = value,
                _ => {}
            }
        }
    }
    close(&profile, key, secret, token);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(key: &str, secret: &str, token: Option<&str>) -> Credentials {
        Credentials { key: key.into(), secret: secret.into(), token: token.map(str::to_owned) }
    }

    const SHARED: &str = "# mine\n\
        [default]\r\n\
        aws_access_key_id = AKIADEFAULT\r\n\
        aws_secret_access_key=a/b+c=\r\n\
        \n\
        [profile work]\n\
        region = eu-west-1\n\
        AWS_ACCESS_KEY_ID=ASIAWORK\n\
        aws_secret_access_key = w\n\
        aws_session_token = t\n\
        s3 =\n\
        \x20 aws_access_key_id = nested\n\
        [half]\n\
        aws_access_key_id = AKIAHALF\n";

    #[test]
    fn profiles_are_read_from_a_shared_file() {
        let want = vec![
            ("default".to_owned(), credentials("AKIADEFAULT", "a/b+c=", None)),
            ("work".to_owned(), credentials("ASIAWORK", "w", Some("t"))),
        ];
        assert_eq!(profiles(SHARED), want);
        assert_eq!(profiles(""), vec![]);
        assert_eq!(profiles("[]\n=\n[x\naws_access_key_id"), vec![]);
    }

    #[test]
    fn a_key_is_found_wherever_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("credentials"), SHARED).unwrap();
        std::fs::create_dir(path("cache")).unwrap();
        let cached = r#"{"Credentials":{"AccessKeyId":"ASIAROLE","SecretAccessKey":"r","SessionToken":"rt","Expiration":"2026-01-01T00:00:00Z"}}"#;
        std::fs::write(path("cache/1.json"), cached).unwrap();
        std::fs::write(path("cache/2.json"), "no JSON").unwrap();
        let mut aws = Aws {
            environment: Some(credentials("AKIAHERE", "h", None)),
            files: vec![path("none"), path("credentials")],
            cache: Some(path("cache")),
            profile: "work".into(),
        };
        let secret = |key: &str| aws.of_key(key).map(|found| found.secret);
        assert_eq!(secret("AKIAHERE").as_deref(), Some("h"));
        assert_eq!(secret("AKIADEFAULT").as_deref(), Some("a/b+c="));
        assert_eq!(secret("ASIAROLE").as_deref(), Some("r"));
        assert_eq!(secret("AKIAHALF"), None);
        assert_eq!(aws.of_the_user().unwrap().key, "AKIAHERE");
        aws.environment = None;
        assert_eq!(aws.of_the_user().unwrap().key, "ASIAWORK");
        assert_eq!(Aws::default().of_the_user(), None);
        assert_eq!(Aws::default().of_key(""), None);
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", credentials("AKIA12345", "hush", Some("hush"))), "Credentials(AKIA…)");
    }
}

//! Secrets that a name gives away: `password=…`, `"apiKey": "…"`, `--token …`, `Authorization: …`, `<secret>…</secret>`.
//!
//! *Invariant:* each name is looked at within bounds; what stands for a secret (`$TOKEN`, `<token>`, a call, a plain word) is
//! none.

use super::chance::{self, Looks};
use super::{Found, MASK};
use std::ops::Range;

/// A name that a secret is assigned to.
#[derive(Clone, Copy)]
pub(super) struct Name {
    /// What the secret is, if no issuer's word stands in the name.
    kind: &'static str,
    /// What must be true of it.
    value: Value,
}

/// What must be true of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    /// What a person made up: no plain word.
    Password,
    /// The same; the name is too short to count within another word.
    ShortName,
    /// Drawn by chance.
    Key,
    /// Drawn by chance and long, and the word before the name says that it is a secret.
    OtherKey,
    /// A header that carries credentials behind the name of their scheme.
    Credentials,
    /// `name=value; name=value`.
    Cookies,
    /// Sixty-four hex digits, or base64 of a digest.
    Signature,
}

const fn name(kind: &'static str, value: Value) -> Name {
    Name { kind, value }
}

/// Which names give a secret away.
#[rustfmt::skip]
pub(super) static NAMES: &[(&str, Name)] = &[
    ("password", name("password", Value::Password)),
    ("passwd", name("password", Value::Password)),
    ("passphrase", name("password", Value::Password)),
    ("passwort", name("password", Value::Password)),
    ("pwd", name("password", Value::ShortName)),
    ("pass", name("password", Value::ShortName)),
    ("secret", name("secret", Value::Key)),
    ("token", name("token", Value::Key)),
    ("credential", name("secret", Value::Key)),
    ("apikey", name("api-key", Value::Key)),
    ("api_key", name("api-key", Value::Key)),
    ("api-key", name("api-key", Value::Key)),
    ("api key", name("api-key", Value::Key)),
    ("accesskey", name("access-key", Value::Key)),
    ("accountkey", name("azure-storage-key", Value::Key)),
    ("sharedaccesskey", name("azure-storage-key", Value::Key)),
    ("privatekey", name("private-key", Value::Key)),
    ("encryptionkey", name("secret", Value::Key)),
    ("signingkey", name("secret", Value::Key)),
    ("masterkey", name("secret", Value::Key)),
    ("authkey", name("secret", Value::Key)),
    ("appkey", name("secret", Value::Key)),
    ("licensekey", name("secret", Value::Key)),
    ("consumerkey", name("secret", Value::Key)),
    ("_key", name("secret", Value::OtherKey)),
    ("-key", name("secret", Value::OtherKey)),
    ("?key", name("api-key", Value::Key)),
    ("&key", name("api-key", Value::Key)),
    ("_auth", name("secret", Value::Key)),
    ("authorization", name("authorization", Value::Credentials)),
    ("x-auth", name("authorization", Value::Credentials)),
    ("bearer", name("bearer-token", Value::Credentials)),
    ("cookie", name("cookie", Value::Cookies)),
    ("signature", name("signature", Value::Signature)),
    ("sig", name("azure-sas", Value::Signature)),
];

/// Words in a name that tell whose secret it is.
#[rustfmt::skip]
const ISSUERS: &[(&str, &str)] = &[
    ("aws_secret", "aws-secret-key"), ("awssecret", "aws-secret-key"), ("secretaccesskey", "aws-secret-key"),
    ("secret_access_key", "aws-secret-key"), ("aws_session", "aws-session-token"), ("sessiontoken", "aws-session-token"),
    ("session_token", "aws-session-token"), ("security_token", "aws-session-token"), ("azure", "azure-secret"),
    ("client_secret", "oauth-client-secret"), ("clientsecret", "oauth-client-secret"), ("refresh_token", "oauth-token"),
    ("refreshtoken", "oauth-token"), ("access_token", "oauth-token"), ("accesstoken", "oauth-token"),
    ("algolia", "algolia-key"), ("auth0", "auth0-secret"), ("bitbucket", "bitbucket-token"), ("cloudflare", "cloudflare-token"),
    ("cf_api", "cloudflare-token"), ("codecov", "codecov-token"), ("cohere", "cohere-key"), ("co_api", "cohere-key"),
    ("coinbase", "coinbase-key"), ("confluent", "confluent-key"), ("contentful", "contentful-token"), ("binance", "binance-key"),
    ("databricks", "databricks-token"), ("datadog", "datadog-key"), ("dd_a", "datadog-key"), ("dd-a", "datadog-key"),
    ("deepseek", "deepseek-key"), ("discord", "discord-token"), ("docker", "docker-hub-token"), ("dropbox", "dropbox-token"),
    ("elastic", "elastic-key"), ("facebook", "facebook-token"), ("fastly", "fastly-key"), ("gitlab", "gitlab-token"),
    ("github", "github-token"), ("heroku", "heroku-key"), ("jenkins", "jenkins-token"), ("jwt", "jwt-secret"),
    ("lastpass", "password"), ("launchdarkly", "launchdarkly-key"), ("linkedin", "linkedin-secret"), ("mailchimp", "mailchimp-key"),
    ("mailgun", "mailgun-key"), ("mistral", "mistral-key"), ("netlify", "netlify-token"), ("new_relic", "newrelic-key"),
    ("newrelic", "newrelic-key"), ("ngrok", "ngrok-token"), ("npm", "npm-token"), ("okta", "okta-token"),
    ("opsgenie", "opsgenie-key"), ("pagerduty", "pagerduty-key"), ("paypal", "paypal-secret"), ("railway", "railway-token"),
    ("sentry", "sentry-token"), ("shopify", "shopify-token"), ("slack", "slack-token"), ("snyk", "snyk-token"),
    ("splunk", "splunk-token"), ("spotify", "spotify-secret"), ("stripe", "stripe-key"), ("supabase", "supabase-token"),
    ("terraform", "terraform-token"), ("tf_token", "terraform-token"), ("tfe_token", "terraform-token"),
    ("telegram", "telegram-token"), ("trello", "trello-key"), ("travis", "travis-token"), ("twilio", "twilio-key"),
    ("twitch", "twitch-secret"), ("twitter", "twitter-token"), ("vault", "vault-token"), ("vercel", "vercel-token"),
    ("wandb", "wandb-key"), ("zendesk", "zendesk-token"), ("zoom", "zoom-secret"),
];

/// What stands before `key` in the names of secrets.
const OTHER_KEYS: [&str; 24] = [
    "access",
    "account",
    "private",
    "auth",
    "encryption",
    "encrypt",
    "signing",
    "sign",
    "master",
    "license",
    "shared",
    "consumer",
    "app",
    "application",
    "deploy",
    "hmac",
    "jwt",
    "storage",
    "service",
    "admin",
    "security",
    "server",
    "ssh",
    "aes",
];

/// Words at the end of a name that say that the value is something about the secret.
const ABOUT: [&str; 32] = [
    "file",
    "path",
    "dir",
    "url",
    "uri",
    "count",
    "type",
    "name",
    "limit",
    "length",
    "len",
    "size",
    "budget",
    "usage",
    "index",
    "expires",
    "expiry",
    "expiration",
    "ttl",
    "at",
    "policy",
    "prefix",
    "field",
    "label",
    "regex",
    "pattern",
    "store",
    "manager",
    "version",
    "id",
    "ids",
    "digest",
];

/// Words in a name that say that the token is no secret.
const HARMLESS: [&str; 10] = [
    "next",
    "pagetoken",
    "page_token",
    "continu",
    "synctoken",
    "cancel",
    "sync_token",
    "js-token",
    "public",
    "placeholder",
];

/// The words for how credentials are shown.
const SCHEMES: [&str; 12] = [
    "bearer",
    "basic",
    "token",
    "digest",
    "apikey",
    "key",
    "bot",
    "sso-key",
    "genie-key",
    "geniekey",
    "negotiate",
    "oauth",
];

/// How far a name goes on either side of its word, in bytes.
const NAME: usize = 48;

/// The longest value that is looked at to its end, in bytes.
const LONGEST: usize = 4096;

/// The kinds that names give.
pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(_, name)| name.kind).chain(ISSUERS.iter().map(|(_, kind)| *kind))
}

impl Name {
    /// The secret that is assigned to the name that stands at `word`, if one is.
    pub(super) fn at(self, text: &[u8], word: Range<usize>) -> Option<Found> {
        let whole = whole_name(text, &word);
        if text.get(..whole.start)?.ends_with(MASK.as_bytes()) || !self.fits(text, &word, &whole) {
            return None;
        }
        let lower = text.get(whole.clone())?.to_ascii_lowercase();
        let value = value_after(text, &whole, self.value)?;
        let range = match self.value {
            Value::Credentials => credentials(text, value)?,
            Value::Cookies => cookies(text, value)?,
            _ => self.secret(text, value, &lower)?,
        };
        Some(Found { kind: self.kind_of(&lower), range })
    }

    /// True when the name in which the word stands is one of a secret.
    fn fits(self, text: &[u8], word: &Range<usize>, whole: &Range<usize>) -> bool {
        let before = text.get(whole.start..word.start).unwrap_or_default();
        let after = text.get(word.end..whole.end).unwrap_or_default();
        let set_apart = before.last().is_none_or(|byte| !byte.is_ascii_alphanumeric());
        match self.value {
            Value::ShortName | Value::Signature => {
                let capital = text.get(word.start).is_some_and(u8::is_ascii_uppercase)
                    && before.last().is_some_and(u8::is_ascii_lowercase);
                after.is_empty() && (set_apart || capital)
            }
            Value::Credentials | Value::Cookies => after.is_empty() || after == b"-token" || after == b"-key",
            Value::OtherKey => {
                let before = before.to_ascii_lowercase();
                after.is_empty()
                    && (OTHER_KEYS.iter().any(|word| before.ends_with(word.as_bytes()))
                        || issuer(&before).is_some())
            }
            Value::Password | Value::Key => {
                let last = after.to_ascii_lowercase();
                let last = last.rsplit(|byte| matches!(byte, b'_' | b'-')).next().unwrap_or_default();
                !ABOUT.iter().any(|about| last == about.as_bytes())
            }
        }
    }

    /// The secret, if the value is one.
    fn secret(self, text: &[u8], value: Assigned, name: &[u8]) -> Option<Range<usize>> {
        let bytes = text.get(value.range.clone())?;
        let text_in_it =
            bytes.iter().any(u8::is_ascii_whitespace) || holds(bytes, b"\\u") || holds(bytes, b"\\x");
        if text_in_it || chance::placeholder(bytes) || holds(bytes, b"aws4_request") || bytes.len() > LONGEST
        {
            return None;
        }
        let looks = chance::looks(bytes);
        let written = !value.bare || !code(bytes, value.ends_with, &looks);
        let fits = match self.value {
            Value::Password | Value::ShortName => written && looks.password() && !address(bytes),
            Value::Key => {
                let least = if value.flag || !value.bare { 8 } else { 12 };
                let harmless = HARMLESS.iter().any(|word| holds(name, word.as_bytes()));
                let drawn = looks.random() || (value.flag && looks.password() && looks.digits > 0);
                written && !harmless && looks.length >= least && drawn && !digest(bytes) && !address(bytes)
            }
            Value::OtherKey => {
                looks.length >= 16 && written && looks.random() && !digest(bytes) && !address(bytes)
            }
            Value::Signature => {
                let hex = bytes.iter().all(u8::is_ascii_hexdigit);
                let letters = bytes.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
                looks.distinct >= 8
                    && ((hex && bytes.len() >= 40) || (!hex && letters >= 40 && looks.random()))
            }
            Value::Credentials | Value::Cookies => false,
        };
        fits.then_some(value.range)
    }

    /// What the secret is: the issuer's, where the name holds its word.
    fn kind_of(self, name: &[u8]) -> &'static str {
        if matches!(self.value, Value::Credentials | Value::Cookies | Value::Signature) {
            return self.kind;
        }
        issuer(name).unwrap_or(self.kind)
    }
}

fn issuer(name: &[u8]) -> Option<&'static str> {
    ISSUERS.iter().find(|(word, _)| holds(name, word.as_bytes())).map(|(_, kind)| *kind)
}

fn holds(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

/// The name that holds the word: letters, digits, `_` and `-` on either side, dots before it.
fn whole_name(text: &[u8], word: &Range<usize>) -> Range<usize> {
    let low = word.start.saturating_sub(NAME);
    let before = text.get(low..word.start).unwrap_or_default();
    let back = before.iter().rev().take_while(|byte| named(**byte) || **byte == b'.').count();
    let high = text.len().min(word.end + NAME);
    let after = text.get(word.end..high).unwrap_or_default();
    let on = after.iter().take_while(|byte| named(**byte)).count();
    let mut start = word.start - back;
    // The letter of an escape (`\n`) before the name is none of it.
    if start > 0 && text.get(start - 1) == Some(&b'\\') && start < word.start {
        start += 1;
    }
    start..word.end + on
}

fn named(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// What is assigned to a name.
struct Assigned {
    range: Range<usize>,
    /// Without quotes of its own.
    bare: bool,
    /// The value of a flag on a command line.
    flag: bool,
    /// What stands behind it.
    ends_with: Option<u8>,
}

/// What stands behind the name and an operator.
fn value_after(text: &[u8], name: &Range<usize>, sort: Value) -> Option<Assigned> {
    let mut at = name.end;
    let closing = quote(text, at);
    let quoted_name = closing.is_some();
    at += closing.map_or(0, |(slashes, _)| slashes + 1);
    at += usize::from(text.get(at) == Some(&b']'));
    let gap = spaces(text, at);
    let mut behind = at + gap;
    let flag = text.get(name.start) == Some(&b'-')
        && text.get(behind).is_some_and(|byte| !matches!(byte, b'=' | b':'));
    let spoken = sort == Value::Credentials && gap > 0;
    match (text.get(behind)?, text.get(behind + 1)) {
        (b'=' | b':', _) => {
            // `=`, `:`, `==`, `:=`, `=>`, `::` is none.
            if text.get(behind..behind + 2) == Some(b"::") {
                return None;
            }
            while text.get(behind).is_some_and(|byte| matches!(byte, b'=' | b':' | b'>'))
                && behind < at + gap + 3
            {
                behind += 1;
            }
        }
        (b'%', Some(b'3')) if matches!(text.get(behind + 2), Some(b'D' | b'd' | b'A' | b'a')) => behind += 3,
        (b'>', _) if gap == 0 && !quoted_name => behind += 1,
        (b'(', Some(b'"' | b'\'' | b'`' | b'\\')) if gap == 0 => behind += 1,
        (b',', _) if quoted_name => behind += 1,
        _ if gap > 0 && (flag || spoken || netrc(text, name)) => {}
        _ => return None,
    }
    behind += spaces(text, behind);
    behind = past_type(text, behind);
    // `b"…"`, `r"…"`
    if matches!(text.get(behind), Some(b'b' | b'r' | b'f' | b'u' | b'L' | b'@'))
        && quote(text, behind + 1).is_some()
    {
        behind += 1;
    }
    let value = match quote(text, behind) {
        Some((slashes, mark)) => quoted(text, behind + slashes + 1, slashes, mark)?,
        None => bare(text, behind, sort),
    };
    (!value.is_empty()).then(|| Assigned {
        ends_with: text.get(value.end).copied(),
        bare: quote(text, behind).is_none(),
        flag,
        range: value,
    })
}

/// Past a type: `password: str = "…"`, `let token: &'static str = "…"`.
fn past_type(text: &[u8], at: usize) -> usize {
    let window = text.get(at..text.len().min(at + 40)).unwrap_or_default();
    let typed = window
        .iter()
        .take_while(|byte| {
            byte.is_ascii_alphabetic()
                || matches!(byte, b'&' | b'\'' | b'_' | b'<' | b'>' | b' ' | b'[' | b']')
        })
        .count();
    let assigned = typed > 0 && window.get(typed) == Some(&b'=');
    let behind = at + typed + 1;
    let behind = behind + spaces(text, behind);
    let spaced = window.get(..typed).is_some_and(|written| written.ends_with(b" "));
    if assigned && spaced && quote(text, behind).is_some() { behind } else { at }
}

/// True where the name stands in a `.netrc`: `machine … login … password …`.
fn netrc(text: &[u8], name: &Range<usize>) -> bool {
    let before = text.get(name.start.saturating_sub(160)..name.start).unwrap_or_default();
    holds(before, b"login ") || holds(before, b"login\n")
}

fn spaces(text: &[u8], at: usize) -> usize {
    let window = text.get(at..text.len().min(at + 12)).unwrap_or_default();
    window.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// A quote at `at`: how many backslashes stand before it, and which it is.
fn quote(text: &[u8], at: usize) -> Option<(usize, u8)> {
    let window = text.get(at..text.len().min(at + 8))?;
    let slashes = window.iter().take_while(|byte| **byte == b'\\').count();
    let mark = window.get(slashes).copied().filter(|byte| matches!(byte, b'"' | b'\'' | b'`'))?;
    Some((slashes, mark))
}

/// What stands between quotes, from `start` on. A quote with more backslashes before it than the opening one had is part of it.
fn quoted(text: &[u8], start: usize, slashes: usize, mark: u8) -> Option<Range<usize>> {
    let window = text.get(start..text.len().min(start + LONGEST))?;
    let mut before = 0;
    for (at, byte) in window.iter().enumerate() {
        match byte {
            b'\\' => before += 1,
            b'\n' => return Some(start..start + at),
            _ if *byte == mark && (before <= slashes || (slashes == 0 && before % 2 == 0)) => {
                return Some(start..start + at - before.min(slashes));
            }
            _ => before = 0,
        }
    }
    Some(start..whole_letters(text, start + window.len()))
}

/// What stands without quotes, from `start` on.
fn bare(text: &[u8], start: usize, sort: Value) -> Range<usize> {
    let window = text.get(start..text.len().min(start + LONGEST)).unwrap_or_default();
    let line = matches!(sort, Value::Credentials | Value::Cookies);
    let ends = |byte: &u8| match byte {
        b'"' | b'\'' | b'`' | b'\\' | 0..=8 | 10..=31 => true,
        b' ' | b'\t' | b',' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' | b'{' | b'}' | b'[' | b']' => {
            !line
        }
        _ => false,
    };
    let length = window.iter().position(ends).unwrap_or(window.len());
    start..whole_letters(text, start + length)
}

/// The next place at or before `at` where a letter begins.
fn whole_letters(text: &[u8], mut at: usize) -> usize {
    while text.get(at).is_some_and(|byte| byte & 0xC0 == 0x80) {
        at -= 1;
    }
    at
}

/// True for what stands in a program in place of a value: a call, a field, a name.
fn code(value: &[u8], next: Option<u8>, looks: &Looks) -> bool {
    let name = value.iter().all(|byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-' | b'!' | b'?' | b'*')
    });
    let opens = matches!(next, Some(b'(' | b'[' | b'{'));
    let fields = value.iter().any(|byte| matches!(byte, b'.' | b':'));
    let worded = looks.wordy() && looks.digits * 4 <= looks.length;
    opens
        || holds(value, b"::")
        || (name && worded && (fields || value.contains(&b'_') || value.ends_with(b"?")))
        || value.starts_with(b"&")
}

/// True for the digest of a file, as lock files have it.
fn digest(value: &[u8]) -> bool {
    ["sha1-", "sha256-", "sha384-", "sha512-", "sha256:", "sha512:", "h1:"]
        .iter()
        .any(|word| value.starts_with(word.as_bytes()))
}

/// True for a path or an address: what is secret in an address is looked for elsewhere.
fn address(value: &[u8]) -> bool {
    let steps = value.split(|byte| *byte == b'/').filter(|step| !step.is_empty());
    let rooted = matches!(value.first(), Some(b'/' | b'.' | b'~')) || holds(value, b"://");
    rooted
        && steps.clone().count() >= 2
        && (holds(value, b"://")
            || steps.clone().filter(|step| chance::looks(step).wordy()).count() * 2 >= steps.count())
}

/// The credentials in what stands behind `Authorization:`: without the scheme's name.
fn credentials(text: &[u8], value: Assigned) -> Option<Range<usize>> {
    let bytes = text.get(value.range.clone())?;
    let word = bytes.iter().take_while(|byte| !matches!(byte, b' ' | b'\t')).count();
    let first = bytes.get(..word)?.to_ascii_lowercase();
    // A signature of the request: what is secret in it is found by its own name.
    if first.starts_with(b"aws4-") {
        return None;
    }
    let scheme = SCHEMES.iter().any(|scheme| first == scheme.as_bytes());
    let skipped = if scheme { word + spaces(bytes, word) } else { 0 };
    let rest = bytes.get(skipped..)?;
    let length = rest
        .iter()
        .take_while(|byte| {
            !matches!(byte, b' ' | b'\t' | b',' | b';' | b'<' | b'>' | b'(' | b')' | b'{' | b'|')
        })
        .count();
    let secret = rest.get(..length)?;
    let looks = chance::looks(secret);
    let drawn = looks.random()
        || (scheme && looks.password() && looks.digits + looks.upper >= 2)
        || basic(&first, secret);
    let stands = length >= 6
        && drawn
        && !chance::placeholder(secret)
        && !address(secret)
        && !matches!(rest.get(length), Some(b'('));
    let start = value.range.start + skipped;
    stands.then_some(start..start + length)
}

/// True for a name and a password in base64.
fn basic(scheme: &[u8], secret: &[u8]) -> bool {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    scheme == b"basic" && secret.len() < 1024 && engine.decode(secret).is_ok_and(|pair| pair.contains(&b':'))
}

/// The cookies in what stands behind `Cookie:`, if one of them is worth hiding.
fn cookies(text: &[u8], value: Assigned) -> Option<Range<usize>> {
    let bytes = text.get(value.range.clone())?;
    let secret = |pair: &[u8]| {
        let Some(equals) = pair.iter().position(|byte| *byte == b'=') else { return false };
        let value = pair.get(equals + 1..).unwrap_or_default();
        let value = value.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
        let looks = chance::looks(value);
        value.len() >= 12 && looks.random() && !chance::placeholder(value)
    };
    let any = bytes.split(|byte| *byte == b';').take(64).any(secret);
    any.then_some(value.range)
}

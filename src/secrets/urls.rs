//! Passwords in addresses (`scheme://name:password@host`) and behind `curl -u`.
//!
//! *Invariant:* the password alone is the secret; host, name and path stay readable.

use super::{Found, chance};
use std::ops::Range;

/// What stands at an anchor.
#[derive(Clone, Copy)]
pub(super) enum Part {
    /// `://`: what stands before the `@` of the host.
    Authority,
    /// `-u name:password` on the command line of a client for HTTP.
    User,
    /// `sshpass -p password`.
    Sshpass,
}

/// What each anchor is.
pub(super) static PARTS: &[(&str, Part)] = &[
    ("://", Part::Authority),
    (" -u ", Part::User),
    (" -u'", Part::User),
    (" -u\"", Part::User),
    ("--user ", Part::User),
    ("--user=", Part::User),
    ("--proxy-user ", Part::User),
    ("sshpass -p", Part::Sshpass),
];

/// Which scheme's passwords are which kind.
const SCHEMES: [(&str, &str); 15] = [
    ("postgres", "postgres-password"),
    ("postgresql", "postgres-password"),
    ("psql", "postgres-password"),
    ("mysql", "mysql-password"),
    ("mariadb", "mysql-password"),
    ("mongodb", "mongodb-password"),
    ("mongodb+srv", "mongodb-password"),
    ("redis", "redis-password"),
    ("rediss", "redis-password"),
    ("amqp", "amqp-password"),
    ("amqps", "amqp-password"),
    ("mssql", "mssql-password"),
    ("sqlserver", "mssql-password"),
    ("smtp", "smtp-password"),
    ("smtps", "smtp-password"),
];

/// The longest part of an address before its `@`, in bytes.
const LONGEST: usize = 512;

/// The kinds that are found here.
pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
    SCHEMES.iter().map(|(_, kind)| *kind).chain(["url-password", "url-token", "command-password"])
}

impl Part {
    /// The password at `anchor`, if one stands there.
    pub(super) fn at(self, text: &[u8], anchor: Range<usize>) -> Option<Found> {
        match self {
            Part::Authority => authority(text, anchor),
            Part::User => user(text, anchor),
            Part::Sshpass => sshpass(text, anchor),
        }
    }
}

fn authority(text: &[u8], anchor: Range<usize>) -> Option<Found> {
    let window = text.get(anchor.end..text.len().min(anchor.end + LONGEST))?;
    let ends = |byte: &u8| {
        matches!(
            byte,
            b'/' | b'?' | b'#' | b'\\' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'(' | b')' | b'|' | b',' | b';'
        ) || byte.is_ascii_whitespace()
    };
    let length = window.iter().position(ends).unwrap_or(window.len());
    let whole = window.get(..length)?;
    let at = whole.iter().rposition(|byte| *byte == b'@')?;
    let info = whole.get(..at)?;
    let Some(colon) = info.iter().position(|byte| *byte == b':') else {
        let looks = chance::looks(info);
        let token = info.len() >= 16 && looks.random() && !chance::placeholder(info);
        return token.then(|| Found { kind: "url-token", range: anchor.end..anchor.end + at });
    };
    let password = info.get(colon + 1..)?;
    if password.len() < 3 || stands_for_one(password) {
        return None;
    }
    let range = anchor.end + colon + 1..anchor.end + at;
    Some(Found { kind: kind_of(text, anchor.start), range })
}

/// True for what shows where a password would stand.
fn stands_for_one(password: &[u8]) -> bool {
    let words: [&[u8]; 8] = [b"pass", b"password", b"passwd", b"pw", b"pwd", b"secret", b"token", b"p"];
    let marks = password.iter().any(|byte| matches!(byte, b'{' | b'}' | b'['));
    let lower = password.to_ascii_lowercase();
    marks || words.contains(&lower.as_slice()) || chance::placeholder(password)
}

/// What the scheme before `://` says that it is the password of.
fn kind_of(text: &[u8], end: usize) -> &'static str {
    let before = text.get(end.saturating_sub(16)..end).unwrap_or_default();
    let length =
        before.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'+').count();
    let scheme = before.get(before.len() - length..).unwrap_or_default().to_ascii_lowercase();
    SCHEMES.iter().find(|(word, _)| scheme == word.as_bytes()).map_or("url-password", |(_, kind)| *kind)
}

/// The password of `-u name:password`; other programs have a `-u` that names a user and a group.
fn user(text: &[u8], anchor: Range<usize>) -> Option<Found> {
    let before = text.get(anchor.start.saturating_sub(240)..anchor.start)?;
    let line = before.rsplit(|byte| *byte == b'\n').next()?;
    let client = [&b"curl"[..], b"wget", b"http "]
        .iter()
        .any(|word| line.windows(word.len()).any(|window| window == *word));
    if !client {
        return None;
    }
    let rest = text.get(anchor.end..text.len().min(anchor.end + LONGEST))?;
    let skipped = rest.iter().take_while(|byte| matches!(byte, b'"' | b'\'' | b'\\' | b' ')).count();
    let rest = rest.get(skipped..)?;
    let length = rest
        .iter()
        .position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'\\' | b'`'))
        .unwrap_or(rest.len());
    let pair = rest.get(..length)?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    let password = pair.get(colon + 1..)?;
    if password.len() < 3 || stands_for_one(password) || chance::placeholder(password) {
        return None;
    }
    let start = anchor.end + skipped + colon + 1;
    Some(Found { kind: "command-password", range: start..start + password.len() })
}

fn sshpass(text: &[u8], anchor: Range<usize>) -> Option<Found> {
    let rest = text.get(anchor.end..text.len().min(anchor.end + LONGEST))?;
    let skipped = rest.iter().take_while(|byte| matches!(byte, b'"' | b'\'' | b'\\' | b' ')).count();
    let rest = rest.get(skipped..)?;
    let length = rest
        .iter()
        .position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'\\' | b'`'))
        .unwrap_or(rest.len());
    let password = rest.get(..length)?;
    if password.len() < 3 || chance::placeholder(password) {
        return None;
    }
    let start = anchor.end + skipped;
    Some(Found { kind: "command-password", range: start..start + length })
}

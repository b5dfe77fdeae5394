//! Secrets that fill lines, or begin where only their midst gives them away: private keys, web tokens, hashes of passwords.
//!
//! *Invariant:* what is not found to end is masked as far as it goes on; no byte is walked over twice for the same word.

use super::{Found, begins, chance};
use std::ops::Range;

/// What stands at an anchor.
#[derive(Clone, Copy)]
pub(super) enum Block {
    /// `-----BEGIN … PRIVATE KEY-----`.
    Armour,
    /// The same in base64.
    ArmourInBase64,
    /// The lines of a PuTTY key.
    Putty,
    /// `eyJ….eyJ….…`
    WebToken,
    /// A password's hash, as `htpasswd` and `shadow` hold it.
    Hash,
    /// Something whose anchor stands in its midst.
    Around(&'static Around),
}

/// A token whose anchor stands in its midst.
pub(super) struct Around {
    kind: &'static str,
    /// How many letters stand before the anchor, at least and at most, and which.
    before: (usize, usize, fn(u8) -> bool),
    /// The same behind it.
    after: (usize, usize, fn(u8) -> bool),
}

/// The kinds that are found here.
pub(super) const KINDS: [&str; 15] = [
    "private-key",
    "ssh-private-key",
    "pgp-private-key",
    "putty-private-key",
    "jwt",
    "password-hash",
    "telegram-token",
    "mailchimp-key",
    "azure-secret",
    "terraform-token",
    "newrelic-key",
    "firebase-key",
    "azure-openai-key",
    "azure-devops-token",
    "azure-storage-key",
];

fn hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

fn digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn url(byte: u8) -> bool {
    plain(byte) || matches!(byte, b'-' | b'_')
}

fn azure(byte: u8) -> bool {
    url(byte) || matches!(byte, b'.' | b'~')
}

fn base64(byte: u8) -> bool {
    plain(byte) || matches!(byte, b'+' | b'/' | b'=')
}

static TELEGRAM: Around = Around { kind: "telegram-token", before: (8, 10, digit), after: (32, 34, url) };
static MAILCHIMP: Around = Around { kind: "mailchimp-key", before: (32, 32, hex), after: (1, 2, digit) };
static AZURE: Around = Around { kind: "azure-secret", before: (4, 4, azure), after: (31, 34, azure) };
static TERRAFORM: Around = Around { kind: "terraform-token", before: (14, 14, plain), after: (60, 70, url) };
static NEWRELIC: Around = Around { kind: "newrelic-key", before: (32, 36, plain), after: (0, 0, plain) };
static FIREBASE: Around = Around { kind: "firebase-key", before: (8, 40, url), after: (100, 200, url) };
static AZURE_OPENAI: Around =
    Around { kind: "azure-openai-key", before: (52, 52, plain), after: (26, 26, plain) };
static AZURE_DEVOPS: Around =
    Around { kind: "azure-devops-token", before: (76, 76, plain), after: (4, 4, plain) };
static AZURE_STORAGE: Around =
    Around { kind: "azure-storage-key", before: (76, 76, base64), after: (6, 8, base64) };

/// What each anchor may belong to.
#[rustfmt::skip]
pub(super) static BLOCKS: &[(&str, Block)] = &[
    ("-----BEGIN ", Block::Armour),
    ("---- BEGIN SSH2 ENCRYPTED ", Block::Armour),
    ("LS0tLS1CRUdJTi", Block::ArmourInBase64),
    ("Private-Lines: ", Block::Putty),
    ("eyJ", Block::WebToken),
    ("$apr1$", Block::Hash), ("$2a$", Block::Hash), ("$2b$", Block::Hash), ("$2y$", Block::Hash), ("$1$", Block::Hash),
    ("$5$", Block::Hash), ("$6$", Block::Hash), ("$y$", Block::Hash), ("$argon2", Block::Hash), ("{SHA}", Block::Hash),
    ("{SSHA}", Block::Hash), ("pbkdf2_sha256$", Block::Hash),
    (":AA", Block::Around(&TELEGRAM)),
    ("-us", Block::Around(&MAILCHIMP)),
    ("Q~", Block::Around(&AZURE)),
    (".atlasv1.", Block::Around(&TERRAFORM)),
    ("NRAL", Block::Around(&NEWRELIC)),
    (":APA91b", Block::Around(&FIREBASE)),
    ("JQQJ99", Block::Around(&AZURE_OPENAI)),
    ("AZDO", Block::Around(&AZURE_DEVOPS)),
    ("+ASt", Block::Around(&AZURE_STORAGE)),
];

/// How far the end of a private key is looked for, in bytes: the largest RSA keys have 13 KB.
const LONGEST_KEY: usize = 64 * 1024;

impl Block {
    /// The secret at `anchor`, if one stands there.
    pub(super) fn at(self, text: &[u8], anchor: Range<usize>) -> Option<Found> {
        match self {
            Block::Armour => armour(text, anchor),
            Block::ArmourInBase64 => armour_in_base64(text, anchor),
            Block::Putty => putty(text, anchor),
            Block::WebToken => web_token(text, anchor),
            Block::Hash => hash(text, anchor),
            Block::Around(around) => around.at(text, anchor),
        }
    }
}

/// A private key from its first line to its last; one that is cut off, as far as it goes.
fn armour(text: &[u8], anchor: Range<usize>) -> Option<Found> {
    let label = text.get(anchor.end..text.len().min(anchor.end + 48))?;
    let label = label.split(|byte| *byte == b'-').next()?;
    let private = label.windows(11).any(|window| window == b"PRIVATE KEY");
    let head = anchor.end + label.len();
    let dashes = text.get(head..text.len().min(head + 8))?.iter().take_while(|byte| **byte == b'-').count();
    if !private || dashes < 4 {
        return None;
    }
    let body = head + dashes;
    let window = text.get(body..text.len().min(body + LONGEST_KEY))?;
    let end =
        memchr::memmem::find(window, b"-----END ").or_else(|| memchr::memmem::find(window, b"---- END "));
    let goes_on = window.iter().position(|byte| {
        !base64(*byte) && !matches!(byte, b'\n' | b'\r' | b'\\' | b' ' | b'\t' | b'"' | b'\'' | b',' | b'+')
    });
    let (length, closed) = match end {
        Some(end) => (end, true),
        None => (goes_on.unwrap_or(window.len()), false),
    };
    let inside = window.get(..length)?;
    // A program that looks for keys says where one begins, and holds none.
    let letters = inside.iter().filter(|byte| base64(**byte)).count();
    if letters < 40 || longest_run(inside) < 32 {
        return None;
    }
    let mut until = body + length;
    if closed {
        let last = text.get(until..text.len().min(until + 80))?;
        let begun = last.iter().position(|byte| *byte != b'-').unwrap_or(0);
        let named = last.get(begun..)?.iter().position(|byte| *byte == b'-').unwrap_or(0);
        let closing = last.get(begun + named..)?.iter().take_while(|byte| **byte == b'-').count();
        until += begun + named + closing;
    }
    let kind = if label.starts_with(b"PGP") {
        "pgp-private-key"
    } else if label.starts_with(b"OPENSSH") || text.get(anchor.clone())?.starts_with(b"---- ") {
        "ssh-private-key"
    } else {
        "private-key"
    };
    Some(Found { kind, range: anchor.start..until })
}

/// The longest run of base64.
fn longest_run(text: &[u8]) -> usize {
    text.split(|byte| !base64(*byte)).map(<[u8]>::len).max().unwrap_or(0)
}

/// A key file in base64, as in a kubeconfig. Certificates and public keys begin alike, and are none.
fn armour_in_base64(text: &[u8], anchor: Range<usize>) -> Option<Found> {
    let rest = text.get(anchor.end..)?;
    let public = [&b"BDRVJUSUZJQ0FURS"[..], b"BQVUJMSUMg", b"BYNTA5", b"BUUlVTVEVE", b"BORVcgQ0VSVElG"];
    if text.get(anchor.clone()) != Some(b"LS0tLS1CRUdJTi")
        || public.iter().any(|known| rest.starts_with(known))
    {
        return None;
    }
    let length = rest.iter().take_while(|byte| base64(**byte)).count();
    (length >= 40).then(|| Found { kind: "private-key", range: anchor.start..anchor.end + length })
}

/// The lines behind `Private-Lines: 14`.
fn putty(text: &[u8], anchor: Range<usize>) -> Option<Found> {
    let rest = text.get(anchor.end..)?;
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let body = rest.get(count..)?;
    let length =
        body.iter().take_while(|byte| base64(**byte) || matches!(byte, b'\n' | b'\r' | b'\\')).count();
    (length >= 60)
        .then(|| Found { kind: "putty-private-key", range: anchor.end + count..anchor.end + count + length })
}

/// A signed or encrypted web token, whole.
fn web_token(text: &[u8], anchor: Range<usize>) -> Option<Found> {
    let exact = text.get(anchor.clone()) == Some(b"eyJ");
    let joined =
        anchor.start > 0 && text.get(anchor.start - 1).is_some_and(|byte| matches!(byte, b'-' | b'_' | b'.'));
    if !exact || joined || !begins(text, anchor.start) {
        return None;
    }
    let rest = text.get(anchor.start..)?;
    let length = rest.iter().take_while(|byte| url(**byte) || matches!(byte, b'.' | b'=')).count();
    let token = rest.get(..length)?;
    let mut parts = token.split(|byte| *byte == b'.');
    let head = parts.next()?;
    let body = parts.next()?;
    let claims = body.starts_with(b"eyJ") && body.len() >= 8;
    let sealed = parts.next().is_some_and(|part| part.len() >= 16) && body.len() >= 8;
    (head.len() >= 10 && (claims || sealed))
        .then(|| Found { kind: "jwt", range: anchor.start..anchor.start + length })
}

/// A password's hash.
fn hash(text: &[u8], anchor: Range<usize>) -> Option<Found> {
    let rest = text.get(anchor.end..text.len().min(anchor.end + 256))?;
    let length = rest
        .iter()
        .take_while(|byte| base64(**byte) || matches!(byte, b'.' | b'$' | b',' | b'_' | b'-'))
        .count();
    let word = text.get(anchor.clone())?;
    let least = match word {
        b"$1$" | b"$apr1$" => 24,
        b"{SHA}" => 28,
        _ => 30,
    };
    let looks = chance::looks(rest.get(..length)?);
    let one = length >= least && looks.distinct >= 10 && looks.random();
    one.then(|| Found { kind: "password-hash", range: anchor.start..anchor.end + length })
}

impl Around {
    fn at(&self, text: &[u8], anchor: Range<usize>) -> Option<Found> {
        let (least, most, letters) = self.before;
        let low = anchor.start.saturating_sub(most + 1);
        let before = text.get(low..anchor.start)?.iter().rev().take_while(|byte| letters(**byte)).count();
        let (least_after, most_after, letters_after) = self.after;
        let window = text.get(anchor.end..text.len().min(anchor.end + most_after + 1))?;
        let after = window.iter().take_while(|byte| letters_after(**byte)).count();
        // What is longer has another shape; but an escape may stand before it.
        let start = anchor.start - before.min(most);
        let fits = before >= least
            && (least_after..=most_after).contains(&after)
            && (before <= most || begins(text, start));
        let token = text.get(start..anchor.end + after)?;
        let looks = chance::looks(token);
        let whole = begins(text, start) && looks.distinct >= 8 && looks.digits > 0;
        let ends = !text.get(anchor.end + after).is_some_and(u8::is_ascii_alphanumeric);
        (fits && whole && ends).then(|| Found { kind: self.kind, range: start..anchor.end + after })
    }
}

//! The search compressor.

use super::{Allowance, Hint, Shortened};
use crate::refusal::Refusal;

/// Shortens `text`, or says why not.
pub fn compress(_text: &str, _hint: &Hint<'_>, _allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    Err(Refusal::NoGain)
}

/// True for a line `path:number:text` (or `path-number-text`, the context of one).
pub fn is_hit(line: &str) -> bool {
    hit(line).is_some()
}

/// A hit's parts.
pub struct Hit<'a> {
    /// The file.
    pub path: &'a str,
    /// The line's number, as it stands.
    pub number: &'a str,
    /// `:` for a match, `-` for its context.
    pub mark: char,
    /// The line.
    pub text: &'a str,
}

/// Cuts a line of search output into its parts.
pub fn hit(line: &str) -> Option<Hit<'_>> {
    let bytes = line.as_bytes();
    // `C:\x\y.rs:3:…`: a drive's colon is part of the path.
    let drive = bytes.len() > 3
        && bytes[0].is_ascii_alphabetic()
        && bytes[1] == b':'
        && matches!(bytes[2], b'\\' | b'/');
    let mut at = if drive { 2 } else { 0 };
    while at < bytes.len().min(1_024) {
        let mark = bytes[at];
        if mark == b':' || mark == b'-' {
            let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            let end = at + 1 + digits;
            if (1..=9).contains(&digits) && bytes.get(end) == Some(&mark) && is_path(&line[..at]) {
                return Some(Hit {
                    path: &line[..at],
                    number: &line[at + 1..end],
                    mark: char::from(mark),
                    text: &line[end + 1..],
                });
            }
            if mark == b':' {
                return None;
            }
        }
        at += 1;
    }
    None
}

/// True for what a search prints as a path: no blanks at its ends, a letter in it, no time, no level.
fn is_path(path: &str) -> bool {
    let bytes = path.as_bytes();
    let Some(&first) = bytes.first() else { return false };
    let plain = !first.is_ascii_whitespace() && !bytes[bytes.len() - 1].is_ascii_whitespace();
    let letter = bytes.iter().any(|byte| byte.is_ascii_alphabetic() || 0x80 <= *byte);
    let time = super::lines::token::time_at(bytes).is_some()
        || first.is_ascii_digit() && path.contains('T') && !path.contains('.');
    plain
        && letter
        && !time
        && !path.contains(['[', ']', '"', '(', ')', '=', '\t', ',', '<', '>', '{', '}', '|', ';'])
}

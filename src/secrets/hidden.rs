//! Secrets that begin with nothing of their own: bot tokens in three parts, card numbers.
//!
//! *Invariant:* no anchor is needed, so few bytes are looked at: the dots, and every sixth for digits.

use super::{Found, begins, chance};

/// The kinds that are found here.
pub(super) const KINDS: [&str; 2] = ["discord-token", "card-number"];

/// Discord's bot tokens: the bot's number in base64, a time, a signature, set apart by dots.
pub(super) fn tokens(text: &[u8], found: &mut Vec<Found>) {
    let url = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    for dot in memchr::memchr_iter(b'.', text) {
        let second = [dot + 7, dot + 6].into_iter().find(|at| text.get(*at) == Some(&b'.'));
        let Some(second) = second else { continue };
        let before = text.get(dot.saturating_sub(32)..dot).unwrap_or_default();
        let run = before.iter().rev().take_while(|byte| url(byte)).count();
        // What stands before it may be the letter of an escape.
        let number = (23..=run.min(28)).rev().find(|back| {
            matches!(text.get(dot - back), Some(b'M' | b'N' | b'O')) && begins(text, dot - back)
        });
        let Some(number) = number else { continue };
        let time = text.get(dot + 1..second).unwrap_or_default();
        let rest = text.get(second + 1..text.len().min(second + 44)).unwrap_or_default();
        let signature = rest.iter().take_while(|byte| url(byte)).count();
        let start = dot - number;
        let shaped = time.iter().all(&url) && (27..=42).contains(&signature);
        let range = start..second + 1 + signature;
        if shaped && text.get(range.clone()).is_some_and(|token| chance::looks(token).digits > 2) {
            found.push(Found { kind: "discord-token", range });
        }
    }
}

/// Numbers of payment cards: an issuer's first digits, the right length, the right check digit.
pub(super) fn cards(text: &[u8], found: &mut Vec<Found>) {
    let part = |byte: u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-');
    let mut at = 0;
    let mut until = 0;
    while let Some(byte) = text.get(at) {
        // A card's number has fourteen characters or more: every sixth falls on two of them.
        if !(byte.is_ascii_digit() || part(*byte) && text.get(at + 1).is_some_and(u8::is_ascii_digit)) {
            at += 6;
            continue;
        }
        let back =
            text.get(until..at).unwrap_or_default().iter().rev().take_while(|byte| part(**byte)).count();
        let on = text.get(at..).unwrap_or_default().iter().take_while(|byte| part(**byte)).count();
        let run = at - back..at + on;
        until = run.end;
        at = run.end + 6;
        card_in(text, run, found);
    }
}

/// The card's number in a run of digits, spaces and dashes.
fn card_in(text: &[u8], run: std::ops::Range<usize>, found: &mut Vec<Found>) {
    let Some(bytes) = text.get(run.clone()) else { return };
    let glued = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'/' | b'#' | b'%' | b'+' | b'$')
    };
    let mut start = 0;
    while start < bytes.len() {
        let Some(first) = bytes.get(start..).and_then(|rest| rest.iter().position(u8::is_ascii_digit)) else {
            return;
        };
        start += first;
        let length = written(bytes.get(start..).unwrap_or_default());
        let number = bytes.get(start..start + length).unwrap_or_default();
        let before =
            run.start.checked_add(start).and_then(|at| at.checked_sub(1)).and_then(|at| text.get(at));
        let behind = text.get(run.start + start + length);
        let joined = before.is_some_and(|byte| glued(byte) || *byte == b'-')
            || behind.is_some_and(|byte| glued(byte) && *byte != b'.' || *byte == b'-')
            || (behind == Some(&b'.')
                && text.get(run.start + start + length + 1).is_some_and(u8::is_ascii_digit));
        if length > 0 && !joined && is_card(number) {
            found.push(Found { kind: "card-number", range: run.start + start..run.start + start + length });
        }
        start += length.max(1);
        while bytes.get(start).is_some_and(u8::is_ascii_digit) {
            start += 1;
        }
    }
}

/// How many bytes a card's number takes that is written at the start of `text`: in one piece, or in groups with one and the same
/// sign between them.
fn written(text: &[u8]) -> usize {
    let piece = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if piece != 4 {
        return piece.min(20);
    }
    let Some(sign) = text.get(4).copied() else { return piece };
    for groups in [&[4_usize, 4, 4, 4][..], &[4, 6, 5], &[4, 6, 4]] {
        let mut at = 0;
        let fits = groups.iter().enumerate().all(|(index, length)| {
            let begins = index == 0 || text.get(at) == Some(&sign);
            at += usize::from(index > 0);
            let digits = text.get(at..at + length).is_some_and(|group| group.iter().all(u8::is_ascii_digit));
            at += length;
            begins && digits
        });
        if fits && !text.get(at).is_some_and(u8::is_ascii_digit) {
            return at;
        }
    }
    piece
}

fn is_card(number: &[u8]) -> bool {
    let digits: Vec<u8> =
        number.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0').collect();
    let two = digits.iter().take(2).fold(0_u32, |sum, digit| sum * 10 + u32::from(*digit));
    let issued = match digits.len() {
        14 => matches!(two, 30 | 36 | 38),
        15 => matches!(two, 34 | 37),
        16 => matches!(two, 22..=27 | 35 | 40..=49 | 51..=55 | 60 | 62 | 64 | 65),
        _ => false,
    };
    let sum: u32 =
        digits.iter().rev().enumerate().map(|(place, digit)| weight(place, u32::from(*digit))).sum();
    let distinct = digits.iter().collect::<std::collections::BTreeSet<_>>().len();
    issued && distinct >= 2 && sum.is_multiple_of(10)
}

/// What a digit counts in the check sum: every second one twice.
fn weight(place: usize, digit: u32) -> u32 {
    match (place % 2, digit) {
        (0, digit) => digit,
        (_, digit) if digit > 4 => digit * 2 - 9,
        (_, digit) => digit * 2,
    }
}

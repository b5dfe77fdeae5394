//! `git blame`, with each commit told where its lines begin.
//!
//! ```text
//! [headroom: nothing left out; git blame: …]
//! e6defd6d (Kofi Brown 2024-05-14 04:14:24 +0100 12) fn a() {
//!     b();
//! ^562d68b (Ana Souza  2024-02-11 01:11:21 +0100 14) }
//! e6defd6d 15)
//! ```
//!
//! *Invariant:* the code stands letter for letter; the whole decodes to the
//! same bytes, and is decoded and compared before it is returned.

use crate::marker;
use crate::refusal::Refusal;
use std::collections::HashMap;

const HOW: &str = "nothing left out; git blame: a line without a commit before it is of the commit above and the next \
                   in number; `COMMIT 12) …` is of that commit as it is told where it is first named";

/// Bytes within which a commit, a file's name and an author stand.
const NAME: usize = 400;

/// One line of a blame.
struct Line<'a> {
    /// The commit, and all else that stands before the number and its blanks.
    said: &'a str,
    number: u32,
    /// One past the number's last digit: where the blanks before it are counted from.
    end: usize,
    /// What stands after the number's bracket.
    code: &'a str,
}

/// True when `line` was printed by `git blame`.
pub fn is_line(line: &str) -> bool {
    read(line).is_some()
}

/// Tells each commit once.
///
/// # Errors
/// [`Refusal::NoGain`] when `text` is no blame or would not be shorter, [`Refusal::NotVerified`] when
/// decoding did not give it back.
pub fn encode(text: &str) -> Result<String, Refusal> {
    let mut out = String::with_capacity(text.len() / 2);
    out.push_str(&marker::legend(HOW));
    let mut known: HashMap<&str, &str> = HashMap::new();
    let mut above: Option<Line<'_>> = None;
    let (mut blamed, mut all) = (0, 0);
    let (body, end) = text.strip_suffix('\n').map_or((text, ""), |body| (body, "\n"));
    for line in body.split('\n') {
        out.push('\n');
        all += 1;
        let Some(its) = read(line) else {
            // Other text may only stand before and after.
            out.push_str(line);
            above = None;
            continue;
        };
        blamed += 1;
        let follows = above.as_ref().is_some_and(|above| {
            above.said == its.said && above.number + 1 == its.number && placed(above, &its)
        });
        let hash = its.said.split(' ').next().unwrap_or("");
        if follows {
            out.push_str(its.code);
        } else if known.get(hash) == Some(&its.said) {
            out.push_str(&format!("{hash} {}){}", its.number, its.code));
        } else {
            known.entry(hash).or_insert(its.said);
            out.push_str(line);
        }
        above = Some(its);
    }
    out.push_str(end);
    if blamed * 4 < all * 3 || text.len() <= out.len() {
        return Err(Refusal::NoGain);
    }
    if decode_within(&out, text.len()).as_deref() == Some(text) { Ok(out) } else { Err(Refusal::NotVerified) }
}

/// True when a number that follows ends in the same column.
fn placed(above: &Line<'_>, line: &Line<'_>) -> bool {
    above.end == line.end
}

/// The text that [`encode`] told; `None` for what it has not made.
#[cfg(test)]
pub fn decode(coded: &str) -> Option<String> {
    decode_within(coded, 256 << 20)
}

fn decode_within(coded: &str, most: usize) -> Option<String> {
    let body = coded.strip_prefix(&marker::legend(HOW))?.strip_prefix('\n')?;
    let (body, ending) = body.strip_suffix('\n').map_or((body, ""), |body| (body, "\n"));
    let mut text = String::with_capacity(most.min(coded.len() * 4));
    let mut known: HashMap<&str, (&str, usize)> = HashMap::new();
    let mut above: Option<(&str, u32, usize)> = None;
    for (order, line) in body.split('\n').enumerate() {
        if order != 0 {
            text.push('\n');
        }
        if most < text.len() {
            return None;
        }
        if let Some(its) = read(line) {
            text.push_str(line);
            let hash = its.said.split(' ').next()?;
            known.entry(hash).or_insert((its.said, its.end));
            above = Some((its.said, its.number, its.end));
        } else if let Some((hash, number, code)) = named(line)
            && let Some((said, end)) = known.get(hash)
        {
            put(&mut text, said, number, *end, code);
            above = Some((said, number, *end));
        } else if let Some((said, number, end)) = above {
            put(&mut text, said, number + 1, end, line);
            above = Some((said, number + 1, end));
        } else {
            text.push_str(line);
        }
    }
    text.push_str(ending);
    Some(text)
}

/// Writes a line whose number ends in column `end`.
fn put(text: &mut String, said: &str, number: u32, end: usize, code: &str) {
    let width = end.saturating_sub(said.len());
    text.push_str(&format!("{said}{number:>width$}){code}"));
}

/// Reads a line of a blame: a commit, perhaps a file, an author and a time in brackets that end with the number.
fn read(line: &str) -> Option<Line<'_>> {
    let bytes = line.as_bytes();
    let bare = usize::from(bytes.first() == Some(&b'^'));
    let digits = bytes[bare..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    if !(6..=64).contains(&digits) || bytes.get(bare + digits) != Some(&b' ') {
        return None;
    }
    let open = memchr::memchr(b'(', &bytes[..bytes.len().min(NAME)])?;
    // The first bracket that closes after a number and a blank; an author may have brackets too.
    let mut from = open;
    let close = loop {
        let at = from + memchr::memchr(b')', &bytes[from..bytes.len().min(open + NAME)])?;
        let digits = bytes[..at].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        if 0 < digits && digits < 9 && timed(&bytes[open..at - digits]) {
            break at;
        }
        from = at + 1;
    };
    let digits = bytes[..close].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let said = line[..close - digits].trim_end_matches(' ');
    let number = line[close - digits..close].parse().ok()?;
    Some(Line { said, number, end: close, code: &line[close + 1..] })
}

/// True when a time stands at the end: `… 10:00:00 +0100 `, or a date alone.
fn timed(before: &[u8]) -> bool {
    let Some((b' ', rest)) = before.split_last() else { return false };
    let rest = rest.trim_ascii_end();
    let word = rest.iter().rev().take_while(|byte| **byte != b' ').count();
    let last = &rest[rest.len() - word..];
    matches!(last, [b'+' | b'-', a, b, c, d] if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()))
        || matches!(last, [_, _, _, _, b'-', _, _, b'-', _, _] if last[0].is_ascii_digit())
}

/// `COMMIT 12)code`: the commit, the number and the code.
fn named(line: &str) -> Option<(&str, u32, &str)> {
    let (hash, rest) = line.split_once(' ')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let code = rest[digits..].strip_prefix(')')?;
    Some((hash, rest[..digits].parse().ok()?, code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn blame(lines: &[(u8, String)]) -> String {
        let who = ["e6defd6d (Kofi Brown", "^562d68b (Ana (QA)  ", "00000000 (Not Committ"];
        let each = lines.iter().enumerate().map(|(n, (by, code))| {
            format!("{} 2024-05-1{by} 04:14:24 +0100 {:>3}) {code}\n", who[*by as usize % 3], n + 1)
        });
        each.collect()
    }

    #[test]
    fn commits_are_told_where_their_lines_begin() {
        let lines: Vec<(u8, String)> =
            [0, 0, 0, 1, 0, 0, 0, 1, 1].iter().map(|by| (*by, format!("    let a = {by};"))).collect();
        let text = blame(&lines);
        let coded = encode(&text).expect("shorter");
        assert_eq!(decode(&coded).as_deref(), Some(text.as_str()));
        let told: Vec<&str> = coded.lines().skip(1).collect();
        let want = [
            "e6defd6d (Kofi Brown 2024-05-10 04:14:24 +0100   1)     let a = 0;",
            "     let a = 0;",
            "     let a = 0;",
            "^562d68b (Ana (QA)   2024-05-11 04:14:24 +0100   4)     let a = 1;",
            "e6defd6d 5)     let a = 0;",
            "     let a = 0;",
            "     let a = 0;",
            "^562d68b 8)     let a = 1;",
            "     let a = 1;",
        ];
        assert_eq!(told, want);
    }

    proptest! {
        #[test]
        fn whatever_is_told_comes_back(lines in proptest::collection::vec((0..3_u8, prop_oneof!["\\PC{0,9}", Just("e6defd6d 3) x".to_owned()), Just("[headroom: x]".to_owned())]), 0..60), cut in 0..9_usize) {
            let text = blame(&lines);
            let text = text.get(cut..).unwrap_or("");
            match encode(text) {
                Ok(coded) => prop_assert_eq!(decode(&coded), Some(text.to_owned())),
                Err(because) => prop_assert!(because == Refusal::NoGain || text.contains("e6defd6d 3) x") || cut != 0, "{because:?} {text}"),
            }
        }
    }
}

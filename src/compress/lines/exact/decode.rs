//! Lines told by their patterns, back to the text that they were.

use super::{AGAIN, IS, NOTHING, ONCE, PATTERN, TIMES};
use crate::marker;

/// The text that `encode` told; `None` for what it has not made, and for a text of more than 256 MiB.
pub fn decode(coded: &str) -> Option<String> {
    decode_within(coded, 256 << 20)
}

/// The same, for a text of `most` bytes or fewer.
pub fn decode_within(coded: &str, most: usize) -> Option<String> {
    let (first, mut rest) = coded.split_once('\n')?;
    let said = unmarked(first)?;
    let mut patterns: Vec<Vec<&str>> = Vec::new();
    let mut between = ' ';
    if let Some(how) = said.strip_prefix(NOTHING) {
        let (example, hole) = how.split_once(IS)?;
        between = example.chars().next()?;
        while let Some((line, after)) = rest.split_once('\n') {
            let number = patterns.len() + 1;
            let Some(pattern) =
                unmarked(line).and_then(|said| said.strip_prefix(&format!("{PATTERN}{number} = ")))
            else {
                break;
            };
            patterns.push(pattern.split(hole).collect());
            rest = after;
        }
    } else if said != ONCE {
        return None;
    }
    let mut text = String::with_capacity(coded.len() * 2);
    let mut last = 0..0;
    let mut lines = rest.split('\n').peekable();
    while let Some(line) = lines.next() {
        let ended = lines.peek().is_some();
        let times = unmarked(line)
            .and_then(|said| said.strip_prefix(AGAIN)?.strip_suffix(TIMES)?.parse::<usize>().ok());
        if let Some(times) = times {
            // The line above ended; each repetition does, but perhaps the last.
            let above = text.get(last.clone())?.to_owned();
            if most + 1 < (above.len() + 1).checked_mul(times)?.checked_add(text.len())? {
                return None;
            }
            for time in 0..times {
                text.push_str(&above);
                if ended || time + 1 < times {
                    text.push('\n');
                }
            }
            continue;
        }
        let start = text.len();
        if most < start {
            return None;
        }
        match numbered(line, patterns.len()) {
            Some((number, values)) => {
                let parts = &patterns[number - 1];
                let mut values = values.split(between);
                for (order, part) in parts.iter().enumerate() {
                    if 0 < order {
                        text.push_str(values.next()?);
                    }
                    text.push_str(part);
                }
            }
            None => text.push_str(line),
        }
        last = start..text.len();
        if ended {
            text.push('\n');
        }
    }
    Some(text)
}

/// What a marker says.
fn unmarked(line: &str) -> Option<&str> {
    line.strip_prefix(marker::OPEN)?.strip_suffix(']')
}

/// The number of a pattern and the values, for a line that begins like one of ours.
pub fn numbered(line: &str, patterns: usize) -> Option<(usize, &str)> {
    let rest = line.strip_prefix(PATTERN)?;
    let width = rest.bytes().take_while(u8::is_ascii_digit).count();
    if rest.starts_with('0') {
        return None;
    }
    let number: usize = rest[..width].parse().ok().filter(|number| (1..=patterns).contains(number))?;
    match rest.as_bytes().get(width) {
        None => Some((number, "")),
        Some(b' ') => Some((number, &rest[width + 1..])),
        Some(_) => None,
    }
}

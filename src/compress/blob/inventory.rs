//! What stands in a part that is not shown: quoted strings and names, each once.

use std::collections::HashSet;

/// A name or string that is shorter tells nothing.
const SHORTEST: usize = 4;
/// One that is longer is not told.
const LONGEST: usize = 60;

/// What was told already in earlier parts of the same text.
#[derive(Debug, Default)]
pub struct Inventory<'t> {
    told: HashSet<&'t str>,
}

impl<'t> Inventory<'t> {
    /// Nothing told yet.
    pub fn new() -> Inventory<'t> {
        Inventory::default()
    }

    /// The telling strings and names of `text` in `most` bytes or fewer.
    pub fn of(&mut self, text: &'t str, most: usize) -> String {
        let mut found: Vec<(u32, usize, &'t str)> = Vec::new();
        self.strings(text, &mut found);
        self.names(text, &mut found);
        found.sort_by(|left, right| right.0.cmp(&left.0).then(left.1.cmp(&right.1)));
        let mut said: Vec<(usize, &'t str)> = Vec::new();
        let mut bytes = 0;
        for (_, place, string) in found {
            if most < bytes + string.len() + 2 {
                continue;
            }
            if self.told.insert(string) {
                bytes += string.len() + 2;
                said.push((place, string));
            }
        }
        said.sort_unstable();
        said.into_iter().map(|(_, string)| string).collect::<Vec<_>>().join(", ")
    }

    /// What stands in quotes on one line.
    fn strings(&self, text: &'t str, found: &mut Vec<(u32, usize, &'t str)>) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(more) = memchr::memchr3(b'"', b'\'', b'`', &bytes[at..]) {
            let start = at + more + 1;
            let within = &bytes[start..bytes.len().min(start + LONGEST + 1)];
            at = start;
            let Some(length) = memchr::memchr2(bytes[start - 1], b'\n', within) else { continue };
            if within[length] == b'\n' {
                continue;
            }
            let Some(string) = text.get(start..start + length) else { continue };
            if let Some(worth) = worth(string) {
                at = start + length + 1;
                found.push((worth, start, string));
            }
        }
    }

    /// `function NAME(`, `NAME=function`, `exports.NAME`, `.NAME{`.
    fn names(&self, text: &'t str, found: &mut Vec<(u32, usize, &'t str)>) {
        let bytes = text.as_bytes();
        for (sign, after, worth) in [
            ("function ", true, 3),
            ("exports.", true, 5),
            ("=function", false, 3),
            (":function", false, 2),
            ("class ", true, 3),
            ("version", true, 4),
        ] {
            for place in memchr::memmem::find_iter(bytes, sign) {
                let letter = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'_' | b'$');
                let range = if sign == "version" {
                    let end = bytes[place..]
                        .iter()
                        .take(28)
                        .take_while(|byte| !matches!(byte, b',' | b';' | b'}' | b'\n'))
                        .count();
                    place..place + end
                } else if after {
                    let start = place + sign.len();
                    start..start + bytes[start..].iter().take(LONGEST).take_while(letter).count()
                } else {
                    let length = bytes[..place].iter().rev().take(LONGEST).take_while(letter).count();
                    place - length..place
                };
                if SHORTEST <= range.len()
                    && let Some(name) = text.get(range.clone())
                {
                    found.push((worth, range.start, name));
                }
            }
        }
    }
}

/// How telling a string is; `None` for code between two strings.
fn worth(string: &str) -> Option<u32> {
    let bytes = string.as_bytes();
    if bytes.len() < SHORTEST
        || string.contains(['{', '}', ';', '\\', '<'])
        || string.starts_with([',', ')', ':', '=', '+', '&', '|', '?', ']'])
    {
        return None;
    }
    let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic() || 0x80 <= **byte).count();
    if letters < 3 || letters * 2 < bytes.len() && !string.contains("://") {
        return None;
    }
    let words = string.split(' ').filter(|word| 2 < word.len()).count();
    let trouble = super::super::lines::signs::of(string).is_trouble();
    Some(match () {
        () if trouble => 6,
        () if string.contains("://") => 6,
        () if 2 <= words => 5,
        () if bytes.iter().any(|byte| matches!(byte, b'/' | b'.' | b'-')) => 3,
        () => 1,
    })
}

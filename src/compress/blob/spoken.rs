//! What a hex dump says in letters, across its lines.

use std::ops::Range;

/// A word of fewer letters is chance.
const SHORTEST: usize = 6;
/// A run of more letters is no chance, whatever they are.
const LONG: usize = 14;

/// The letters that stand at a dump line's end; empty where the dump shows none.
pub fn letters(line: &str) -> &str {
    let line = line.trim_end_matches(['\r', '\n']);
    if let Some(body) = line.strip_suffix('|') {
        return body.rfind('|').map_or("", |at| &body[at + 1..]);
    }
    // xxd: the letters follow two blanks after the bytes.
    let Some(colon) = line.find(": ") else { return "" };
    line[colon + 2..].find("  ").map_or("", |at| line[colon + 2 + at..].trim_start_matches(' '))
}

/// Words in the letters of the dump's lines, each once, in `most` bytes or fewer.
pub fn inventory(dump: &str, most: usize) -> String {
    let mut all = String::new();
    for line in dump.lines() {
        all.push_str(letters(line));
    }
    let mut said: Vec<&str> = Vec::new();
    let mut bytes = 0;
    for word in words(&all) {
        if most < bytes + word.len() + 2 {
            break;
        }
        if !said.contains(&word) {
            bytes += word.len() + 2;
            said.push(word);
        }
    }
    if said.is_empty() { "hex dump".to_owned() } else { format!("hex dump with {}", said.join(", ")) }
}

/// Runs of printed letters that are words: `.` stands for what can't be printed.
fn words(letters: &str) -> impl Iterator<Item = &str> {
    letters
        .split("..")
        .flat_map(|run| {
            run.split(|each: char| !(each.is_ascii_alphanumeric() || " -_./:@=%+,".contains(each)))
        })
        .map(|run| run.trim_matches(['.', ' ']))
        .filter(|run| telling(run))
}

/// Where long words stand: runs that chance would not print, from the file's start on.
pub fn long_words(letters: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    letters.split("..").filter_map(move |run| {
        let start = at;
        at += run.len() + 2;
        let plain =
            run.bytes().filter(|byte| byte.is_ascii_alphanumeric() || b" /_-.".contains(byte)).count();
        (LONG <= run.len() && run.len() * 9 <= plain * 10).then_some(start..start + run.len())
    })
}

/// True for letters that chance would hardly put together.
fn telling(run: &str) -> bool {
    let bytes = run.as_bytes();
    let longest = bytes
        .split(|byte| !byte.is_ascii_lowercase())
        .map(<[u8]>::len)
        .max()
        .unwrap_or(0)
        .max(bytes.split(|byte| !byte.is_ascii_uppercase()).map(<[u8]>::len).max().unwrap_or(0));
    SHORTEST <= bytes.len() && 4 <= longest
}

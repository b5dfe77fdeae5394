//! Which parts of a text nobody reads: noise, dumps, and code in very long lines.

use super::super::lines::Lines;
use std::ops::Range;

/// What a part of a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Lines as people write them.
    Text,
    /// A very long line of words, code or markup.
    Code,
    /// Base64.
    Base64,
    /// Digits of base 16.
    Hex,
    /// Numbers and hardly anything else.
    Numbers,
    /// Lines of a hex dump: a place, bytes, letters.
    Dump,
}

impl Class {
    /// True for what nobody can read.
    pub fn is_noise(self) -> bool {
        matches!(self, Class::Base64 | Class::Hex | Class::Numbers)
    }
}

/// A part of a text, and what it is.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its bytes; whole lines have their line ends with them.
    pub range: Range<usize>,
    /// What it is.
    pub class: Class,
}

/// A line of noise has so many bytes at least.
const NOISE_LINE: usize = 32;
/// Noise within a line has so many bytes at least.
const NOISE_WITHIN: usize = 160;
/// Numbers within a line have so many bytes at least.
const NUMBERS_WITHIN: usize = 600;
/// A line that is longer is no text that people write.
const LONG_LINE: usize = 500;

/// The parts of a text, in order, without gaps.
pub fn of(lines: &Lines<'_>) -> Vec<Segment> {
    let mut parts = Vec::new();
    let mut start = 0;
    for line in lines.iter() {
        let end = (start + line.len() + 1).min(lines.text().len());
        of_line(line, start, end, &mut parts);
        start = end;
    }
    let bytes = |class: Class| -> usize {
        parts.iter().filter(|part| part.class == class).map(|part| part.range.len()).sum()
    };
    if bytes(Class::Text) < bytes(Class::Code) {
        // The short lines of minified code are code too.
        let mut joined: Vec<Segment> = Vec::with_capacity(parts.len());
        for part in parts {
            let class = if part.class == Class::Text { Class::Code } else { part.class };
            match joined.last_mut() {
                Some(last) if class == Class::Code && last.class == class => last.range.end = part.range.end,
                _ => joined.push(Segment { range: part.range, class }),
            }
        }
        return joined;
    }
    parts
}

fn of_line(line: &str, start: usize, end: usize, parts: &mut Vec<Segment>) {
    let body = line.trim_end().as_bytes();
    if body.is_empty() {
        // An empty line belongs to what stands before it.
        match parts.last_mut() {
            Some(last) if last.class != Class::Dump => last.range.end = end,
            _ => add(parts, start..end, Class::Text),
        }
        return;
    }
    if is_dump(body) {
        return add(parts, start..end, Class::Dump);
    }
    let before = parts.last().map_or(Class::Text, |last| last.class);
    if let Some(class) = noise_line(body, before) {
        return add(parts, start..end, class);
    }
    let rest = if LONG_LINE < body.len() { Class::Code } else { Class::Text };
    if body.len() < NOISE_WITHIN {
        return add(parts, start..end, rest);
    }
    let mut at = 0;
    for (run, class) in noise_within(body) {
        if at < run.start {
            add(parts, start + at..start + run.start, rest);
        }
        add(parts, start + run.start..start + run.end, class);
        at = run.end;
    }
    if start + at < end {
        // The line's end alone is no text.
        match parts.last_mut() {
            Some(last) if end <= start + at + 2 && 0 < at => last.range.end = end,
            _ => add(parts, start + at..end, rest),
        }
    }
}

fn add(parts: &mut Vec<Segment>, range: Range<usize>, class: Class) {
    match parts.last_mut() {
        Some(last) if last.class == class && (!class.is_noise() || last.range.end == range.start) => {
            last.range.end = range.end;
        }
        _ => parts.push(Segment { range, class }),
    }
}

/// `00000000: 7f45 4c46 …`, `00000000  7f 45 4c 46 …|.ELF|`, `0000000 042577 …`.
pub fn is_dump(line: &[u8]) -> bool {
    let place = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let named = line.get(place) == Some(&b':');
    if !(4..=16).contains(&place) || (!named && place < 7) {
        return false;
    }
    let rest = &line[place + usize::from(named)..];
    // `*` stands for lines that are the same; the last place stands alone.
    if rest.is_empty() {
        return named || place == 8;
    }
    let mut groups = 0;
    for group in rest.split(|byte| *byte == b' ' || *byte == b'\t').filter(|group| !group.is_empty()) {
        if !(matches!(group.len(), 2 | 3 | 4 | 6 | 8) && group.iter().all(u8::is_ascii_hexdigit)) {
            break;
        }
        groups += 1;
    }
    4 <= groups || 1 <= groups && named && rest.len() < 70 && rest.starts_with(b" ") && rest.len() > 40
}

/// What a whole line is, if it is noise; `before` is what stood before it.
fn noise_line(line: &[u8], before: Class) -> Option<Class> {
    let line = line.trim_ascii();
    if line.len() < NOISE_LINE {
        // The last line of a block is shorter.
        let ends = 4 <= line.len() && before.is_noise() && before != Class::Numbers;
        return (ends
            && line.iter().all(|byte| is_base64(*byte))
            && (line.ends_with(b"=") || before == Class::Hex && line.iter().all(u8::is_ascii_hexdigit)))
        .then_some(before);
    }
    if line.iter().all(|byte| is_base64(*byte)) {
        return noise(line).or((before == Class::Base64).then_some(Class::Base64));
    }
    None
}

/// Runs of noise in a line.
fn noise_within(line: &[u8]) -> Vec<(Range<usize>, Class)> {
    let mut runs = Vec::new();
    let mut at = 0;
    while at < line.len() {
        let run = line[at..].iter().take_while(|byte| is_base64(**byte)).count();
        if NOISE_WITHIN <= run {
            if let Some(class) = noise(&line[at..at + run]) {
                runs.push((at..at + run, class));
            }
            at += run;
            continue;
        }
        let numbers = number_run(&line[at..]);
        if NUMBERS_WITHIN <= numbers {
            runs.push((at..at + numbers, Class::Numbers));
            at += numbers;
            continue;
        }
        at += run.max(numbers).max(1);
    }
    runs
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_')
}

/// Bytes of numbers, separated by blanks, commas, and the letters of drawn paths.
fn number_run(bytes: &[u8]) -> usize {
    let mut digits = 0;
    let mut length = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' => digits += 1,
            b' ' | b',' | b'.' | b'-' | b'+' | b'\t' | b';' | b'[' | b']' => {}
            b'e' | b'E' | b'M' | b'L' | b'H' | b'V' | b'C' | b'S' | b'Q' | b'T' | b'A' | b'Z' | b'm'
            | b'l' | b'h' | b'v' | b'c' | b's' | b'q' | b't' | b'a' | b'z'
                if !bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic) => {}
            _ => break,
        }
        length = at + 1;
    }
    if length <= digits * 3 { length } else { 0 }
}

/// What a run of letters and digits is, if no word would be.
fn noise(run: &[u8]) -> Option<Class> {
    let kind = |byte: u8| match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        _ => 3,
    };
    let looked_at = &run[..run.len().min(2_048)];
    let (mut digits, mut changes) = (0, 0);
    let mut kinds = [0_usize; 4];
    for pair in looked_at.windows(2) {
        changes += usize::from(kind(pair[0]) != kind(pair[1]));
        kinds[kind(pair[0])] += 1;
        digits += usize::from(pair[0].is_ascii_digit());
    }
    if run.iter().all(u8::is_ascii_hexdigit) {
        return (looked_at.len() < digits * 5).then_some(Class::Hex);
    }
    let mixed =
        0 < kinds[1] && 0 < kinds[2] && looked_at.len() <= changes * 4 && kinds[3] * 6 < looked_at.len();
    mixed.then_some(Class::Base64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_by_their_letters() {
        let base64 = "iVBORw0KGgoAAAANSUhEUgAAAyAAAAJYCAYAAACadoJwAAAAGXRFWHRTb2Z0d2FyZQBBZG9i".repeat(3);
        let hex = "1d5186aef3a659226a13440195fc167ac4b30838c3e8d3282f2a03e5ece09eab".repeat(3);
        let cases: &[(&str, &[Class])] = &[
            ("hello world\n", &[Class::Text]),
            (&base64, &[Class::Base64]),
            (&hex, &[Class::Hex]),
            (
                &format!("a{{b:url(data:image/png;base64,{base64})}}\n"),
                &[Class::Code, Class::Base64, Class::Text],
            ),
            ("00000000: 7f45 4c46 0201 0100 0000 0000 0000 0000  .ELF............\n", &[Class::Dump]),
            (
                "00000000  7f 45 4c 46 02 01 01 00  00 00 00 00 00 00 00 00  |.ELF............|\n",
                &[Class::Dump],
            ),
            ("0000000 042577 043114 000402 000001 000000 000000 000000 000000\n", &[Class::Dump]),
            ("src/compress/lines/question_and_answer/several_more_words/of_one_path.rs\n", &[Class::Text]),
            (&"1.5,22.25 ".repeat(90), &[Class::Numbers]),
            (&"some words of prose ".repeat(40), &[Class::Code]),
        ];
        for (text, want) in cases {
            let lines = Lines::of(text).expect("short");
            let found: Vec<Class> = of(&lines).iter().map(|part| part.class).collect();
            let whole = of(&lines).iter().map(|part| part.range.len()).sum::<usize>() == text.len();
            assert!(whole, "{text}");
            if found.len() == want.len() {
                assert!(
                    found.iter().zip(*want).all(|(a, b)| a == b || !a.is_noise() && !b.is_noise()),
                    "{text}: {found:?}"
                );
            } else {
                panic!("{text}: {found:?}");
            }
        }
    }
}

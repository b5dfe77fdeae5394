//! Lines told by their patterns, nothing left out.
//!
//! ```text
//! [headroom: nothing left out; `#1 a b` is the line of pattern #1 with a and b in place of <>]
//! [headroom: #1 = 10:0<> INFO GET /items/<> 200 in <> ms]
//! #1 0:01 4711 12
//! 10:00:02 ERROR no more tea
//! #1 0:03 9 8
//! [headroom: the line above 3 times more]
//! ```
//!
//! Errors, and lines of patterns that are not worth it, stand as they are. The
//! result decodes to the same bytes, and is decoded and compared before it is
//! returned; what could be taken for ours makes it refuse.

use super::pattern::Patterns;
use super::signs::{self, Sign};
use super::token::{self, Token};
use super::{Lines, write};
use crate::marker;
use crate::refusal::Refusal;

const NOTHING: &str = "nothing left out; `#1";
const IS: &str = "` is the line of pattern #1 with a and b in place of ";
const ONCE: &str = "nothing left out; lines that repeat are told once";
const AGAIN: &str = "the line above ";
const TIMES: &str = " times more";
const PATTERN: &str = "#";

/// What stands between the values of a line; the first that none of them contains is taken.
const BETWEEN: [char; 5] = [' ', '|', '\t', ';', '\u{1f}'];
/// What stands for a value in a pattern; the first that no pattern contains is taken.
const HOLES: &[&str] = &["<>", "{}", "⟨⟩", "<…>"];
/// A pattern is worth telling when it makes so many bytes fewer.
const WORTH: usize = 60;
/// Lines of a pattern that is looked at.
const FEW: usize = 4;

/// Tells `text` by its patterns.
///
/// # Errors
/// [`Refusal::NoGain`] when it would not be shorter or holds what could be taken for ours,
/// [`Refusal::NotVerified`] when decoding did not give it back.
pub fn encode(text: &str) -> Result<String, Refusal> {
    let lines = Lines::raw(text).ok_or(Refusal::OverBudget)?;
    if lines.iter().any(|line| line.starts_with(marker::OPEN)) {
        return Err(Refusal::NoGain);
    }
    let told = Told::of(&lines);
    let coded = told.write(&lines);
    if text.len() <= coded.len() {
        return Err(Refusal::NoGain);
    }
    if decode_within(&coded, text.len()).as_deref() == Some(text) {
        Ok(coded)
    } else {
        Err(Refusal::NotVerified)
    }
}

/// The text that [`encode`] told; `None` for what it has not made, and for a text of more than 256 MiB.
pub fn decode(coded: &str) -> Option<String> {
    decode_within(coded, 256 << 20)
}

/// The same, for a text of `most` bytes or fewer.
fn decode_within(coded: &str, most: usize) -> Option<String> {
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
fn numbered(line: &str, patterns: usize) -> Option<(usize, &str)> {
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

/// Which lines are told by which pattern.
struct Told {
    /// For each line, one more than its place in `patterns`; 0 for a line that stands as it is.
    of_line: Vec<u32>,
    patterns: Vec<Mould>,
    between: char,
    hole: &'static str,
}

/// A pattern: its constant parts, and for each value where it is in a line.
struct Mould {
    parts: Vec<String>,
    holes: Vec<Hole>,
    /// Which of [`BETWEEN`] stand in none of its values.
    free: [bool; BETWEEN.len()],
}

/// A value: from the end of one token's constant start to the start of another's constant end.
#[derive(Clone, Copy)]
struct Hole {
    /// The pieces of a line (separators and tokens in turn) that it covers.
    first: usize,
    last: usize,
    /// Bytes of the first piece, and of the last, that are constant.
    head: usize,
    tail: usize,
}

impl Told {
    fn of(lines: &Lines<'_>) -> Told {
        let mut told =
            Told { of_line: vec![0; lines.len()], patterns: Vec::new(), between: ' ', hole: HOLES[0] };
        let signs: Vec<Sign> = lines.iter().map(signs::of).collect();
        let Some(patterns) = Patterns::of(lines, &signs) else { return told };
        let members = patterns.members();
        let mut moulds: Vec<(Mould, &[u32])> = Vec::new();
        for (pattern, entry) in patterns.list.iter().enumerate() {
            let its = members.of(pattern);
            if FEW <= its.len() && !entry.sign.is_trouble() {
                moulds.extend(
                    Mould::of(lines, its)
                        .filter(|mould| mould.is_worth(lines, its))
                        .map(|mould| (mould, its)),
                );
            }
        }
        // Something must be free to stand between values and for them, and lines must not look like ours.
        let told_by = |between: usize| moulds.iter().filter(|(mould, _)| mould.free[between]).count();
        let between = (0..BETWEEN.len()).rev().max_by_key(|&between| told_by(between)).unwrap_or(0);
        let hole = HOLES.iter().find(|hole| {
            moulds.iter().all(|(mould, _)| mould.parts.iter().all(|part| !part.contains(**hole)))
        });
        let ours = lines.iter().any(|line| numbered(line, usize::MAX).is_some());
        let Some(hole) = hole.filter(|_| !ours) else { return told };
        (told.hole, told.between) = (hole, BETWEEN[between]);
        for (mould, its) in moulds.into_iter().filter(|(mould, _)| mould.free[between]) {
            told.patterns.push(mould);
            for &line in its {
                told.of_line[line as usize] = told.patterns.len() as u32;
            }
        }
        told
    }

    fn write(&self, lines: &Lines<'_>) -> String {
        let mut out = String::with_capacity(lines.text().len());
        if self.patterns.is_empty() {
            out.push_str(&marker::legend(ONCE));
            out.push('\n');
        } else {
            let (between, hole) = (self.between, self.hole);
            out.push_str(&marker::legend(&format!("{NOTHING}{between}a{between}b{IS}{hole}")));
            out.push('\n');
            for (order, mould) in self.patterns.iter().enumerate() {
                let number = order + 1;
                out.push_str(&marker::legend(&format!("{PATTERN}{number} = {}", mould.parts.join(hole))));
                out.push('\n');
            }
        }
        let (mut tokens, mut pieces) = (Vec::new(), Vec::new());
        let mut line = 0;
        while line < lines.len() {
            let text = lines.get(line);
            match self.of_line[line] {
                0 => out.push_str(text),
                number => {
                    out.push_str(&format!("{PATTERN}{number}"));
                    pieces.clear();
                    cut(text, &mut tokens, &mut pieces);
                    for (order, value) in
                        self.patterns[number as usize - 1].values(text, &pieces).into_iter().enumerate()
                    {
                        out.push(if order == 0 { ' ' } else { self.between });
                        out.push_str(value);
                    }
                }
            }
            out.push('\n');
            let run = (line + 1..lines.len()).take_while(|&next| lines.get(next) == text).count();
            let again = marker::legend(&format!("{AGAIN}{run}{TIMES}"));
            if again.len() < run * (text.len() + 1) {
                out.push_str(&again);
                out.push('\n');
                line += run;
            }
            line += 1;
        }
        if !lines.ended() {
            out.pop();
        }
        out
    }
}

impl Mould {
    /// The pattern of the lines `its`, whose tokens are as many. `None` when they are not.
    fn of(lines: &Lines<'_>, its: &[u32]) -> Option<Mould> {
        let mut tokens = Vec::new();
        let mut pieces: Vec<Piece> = Vec::new();
        cut(lines.get(*its.first()? as usize), &mut tokens, &mut pieces);
        let count = pieces.len();
        for &line in &its[1..] {
            cut(lines.get(line as usize), &mut tokens, &mut pieces);
        }
        if pieces.len() != count * its.len() {
            return None;
        }
        let piece = |order: usize, place: usize| {
            let (from, to) = pieces[order * count + place];
            &lines.get(its[order] as usize)[from as usize..to as usize]
        };
        // How much of each piece all lines share, at its start and at its end; `None`: all of it.
        let shared: Vec<Option<(usize, usize)>> = (0..count)
            .map(|place| {
                let first = piece(0, place);
                (1..its.len()).fold(None, |shared, order| match (shared, piece(order, place)) {
                    (None, other) if other == first => None,
                    (shared, other) => {
                        let (head, tail) = shared.unwrap_or((usize::MAX, usize::MAX));
                        Some((head.min(common_start(first, other)), tail.min(common_end(first, other))))
                    }
                })
            })
            .collect();
        let mut mould = Mould { parts: vec![String::new()], holes: Vec::new(), free: [true; BETWEEN.len()] };
        let mut place = 0;
        while place < count {
            let Some((head, _)) = shared[place] else {
                mould.parts.last_mut()?.push_str(piece(0, place));
                place += 1;
                continue;
            };
            let last = (place..count).take_while(|&next| shared[next].is_some()).last().unwrap_or(place);
            let tail = shared[last].map_or(0, |(_, tail)| tail);
            // At least one letter stays in each value, or the values of a line could not be told apart.
            let lengths =
                (0..its.len()).map(|order| pieces[order * count + last].1 - pieces[order * count + place].0);
            let spare = lengths.min().unwrap_or(0).saturating_sub(1) as usize;
            let (start, end) = (piece(0, place), piece(0, last));
            let head = whole_start(start, head.min(start.len()).min(spare));
            let tail = whole_end(end, tail.min(end.len()).min(spare - head));
            mould.parts.last_mut()?.push_str(&start[..head]);
            mould.parts.push(end[end.len() - tail..].to_owned());
            mould.holes.push(Hole { first: place, last, head, tail });
            place = last + 1;
        }
        for order in 0..its.len() {
            let line = lines.get(its[order] as usize);
            for value in mould.values(line, &pieces[order * count..(order + 1) * count]) {
                for (free, between) in mould.free.iter_mut().zip(BETWEEN) {
                    *free &= !value.is_empty() && !value.contains(between);
                }
            }
        }
        Some(mould)
    }

    /// The values of a line of this pattern.
    fn values<'l>(&self, line: &'l str, pieces: &[Piece]) -> Vec<&'l str> {
        let value = |hole: &Hole| {
            let (from, to) =
                (pieces[hole.first].0 as usize + hole.head, pieces[hole.last].1 as usize - hole.tail);
            line.get(from..to).unwrap_or("")
        };
        self.holes.iter().map(value).collect()
    }

    fn is_worth(&self, lines: &Lines<'_>, its: &[u32]) -> bool {
        let constant: usize = self.parts.iter().map(String::len).sum();
        let each = 4 + self.holes.len();
        let whole: usize = its.iter().map(|&line| lines.get(line as usize).len()).sum();
        let saved = its.len() * constant.saturating_sub(each);
        // Where most of a line varies, its pattern is harder to read than the line.
        constant + WORTH < saved && whole < saved * 4
    }
}

/// Where a piece of a line begins and ends.
type Piece = (u32, u32);

/// Adds the pieces of a line: separators and tokens in turn, the first and the last a separator.
fn cut(line: &str, tokens: &mut Vec<Token>, pieces: &mut Vec<Piece>) {
    token::cut(line, tokens);
    let mut at = 0;
    for token in tokens {
        pieces.push((at, token.start));
        pieces.push((token.start, token.end));
        at = token.end;
    }
    pieces.push((at, line.len() as u32));
}

/// How much of a shared start can be told once without cutting a number or a word.
fn whole_start(text: &str, shared: usize) -> usize {
    let shared = floor(text, shared);
    let start = text[..shared].trim_end_matches(|each: char| each.is_ascii_digit());
    match text[start.len()..].chars().next() {
        Some(next) if next.is_alphabetic() => start.trim_end_matches(char::is_alphabetic).len(),
        _ => start.len(),
    }
}

/// How much of a shared end can be told once without cutting a number or a word.
fn whole_end(text: &str, shared: usize) -> usize {
    let from = ceil(text, text.len() - shared);
    let end = text[from..].trim_start_matches(|each: char| each.is_ascii_digit());
    match text[..text.len() - end.len()].chars().next_back() {
        Some(before) if before.is_alphabetic() => end.trim_start_matches(char::is_alphabetic).len(),
        _ => end.len(),
    }
}

fn common_start(left: &str, right: &str) -> usize {
    let same = left.bytes().zip(right.bytes()).take_while(|(left, right)| left == right).count();
    floor(left, same)
}

fn common_end(left: &str, right: &str) -> usize {
    let same = left.bytes().rev().zip(right.bytes().rev()).take_while(|(left, right)| left == right).count();
    left.len() - ceil(left, left.len() - same)
}

/// The nearest bound of a letter at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// The nearest bound of a letter at or after `at`.
fn ceil(text: &str, at: usize) -> usize {
    (at..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len())
}

/// The better of what may be left out and what need not be: `shown` is used when it saves enough.
///
/// # Errors
/// What [`encode`] says, when `shown` does not save enough and nothing repeats.
pub fn unless_worth_it(text: &str, shown: Option<String>) -> Result<(String, bool), Refusal> {
    if let Some(shown) = shown.filter(|shown| write::saves_enough(text, shown)) {
        return Ok((shown, true));
    }
    encode(text).map(|coded| (coded, false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_told_by_pattern_and_come_back() {
        let mut text = String::new();
        for n in 0..9 {
            text.push_str(&format!(
                "10:00:0{n} INFO  web.Orders : GET /orders/{} answered 200 in {} ms\n",
                4700 + n * 7,
                12 + n
            ));
        }
        text.push_str(
            "10:00:09 ERROR no more tea\nend\nend\nend\nend\nend\nend\nend\nend\nend\nend\nend\nend\nend",
        );
        let coded = encode(&text).expect("shorter");
        assert_eq!(decode(&coded), Some(text));
        insta::assert_snapshot!(coded, @r"
        [headroom: nothing left out; `#1 a b` is the line of pattern #1 with a and b in place of <>]
        [headroom: #1 = 10:00:<> INFO  web.Orders : GET /orders/<> answered 200 in <> ms]
        #1 00 4700 12
        #1 01 4707 13
        #1 02 4714 14
        #1 03 4721 15
        #1 04 4728 16
        #1 05 4735 17
        #1 06 4742 18
        #1 07 4749 19
        #1 08 4756 20
        10:00:09 ERROR no more tea
        end
        [headroom: the line above 12 times more]
        ");
    }

    #[test]
    fn what_looks_like_ours_is_left_alone() {
        let long = "a long line that is the same each time 1\n".repeat(9);
        assert_eq!(
            encode(&format!("{long}[headroom: the line above 3 times more]\n{long}")),
            Err(Refusal::NoGain)
        );
        let coded = encode(&format!("#1 a b\n{long}")).expect("shorter by runs alone");
        assert!(coded.starts_with("[headroom: nothing left out; lines that repeat"), "{coded}");
    }

    #[test]
    fn a_line_told_a_million_times_is_not_written_out() {
        let many = "[headroom: nothing left out; lines that repeat are told once]\nx\n[headroom: the line above 99999999999 times more]";
        assert_eq!(decode(many), None);
    }

    fn lines() -> impl Strategy<Value = String> {
        let line = prop_oneof![
            6 => (0..3_u8, 0..99_u32, "\\PC{0,3}").prop_map(|(kind, n, odd)| format!("1{n}:00 worker {kind} said  {odd} in {n} steps of its long way")),
            2 => (0..9_u32, "[ |;\t]{0,2}").prop_map(|(n, gap)| format!("the list{gap} has <> or {{}} and éè{n}ü at its end, always")),
            1 => Just("same again and again and again".to_owned()),
            1 => Just("#1 x".to_owned()),
            1 => "\\PC{0,9}",
            1 => "[\r\n\x1b]{0,3}",
        ];
        (proptest::collection::vec(line, 0..60), any::<bool>())
            .prop_map(|(lines, ended)| lines.join("\n") + if ended { "\n" } else { "" })
    }

    proptest! {
        #[test]
        fn whatever_is_told_comes_back(text in lines(), odd in any::<bool>()) {
            let text = if odd { text } else { text.replace("#1 x", "plain") };
            match encode(&text) {
                Ok(coded) => {
                    prop_assert!(coded.len() < text.len());
                    prop_assert_eq!(decode(&coded), Some(text));
                }
                Err(because) => prop_assert_ne!(because, Refusal::NotVerified, "{:?}", text),
            }
        }
    }
}

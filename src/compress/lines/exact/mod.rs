//! Lines told by their patterns, nothing left out.
//!
//! ```text
//! [headroom: nothing left out; `#1 a b` is the line of pattern #1 with a and b in place of <>]
//! [headroom: #1 = 10:00:<> INFO GET <> 200 in <> ms]
//! #1 01 /items/4711 12
//! 10:00:02 ERROR no more tea
//! #1 03 /items/9 8
//! [headroom: the line above 3 times more]
//! ```
//!
//! What a reader looks for stands as it is: errors, rare patterns, lines of rare
//! or outlying values, the first and last of each pattern, what the question
//! names. The rest keeps each of its values in one piece. The result decodes to the same bytes, and is decoded and compared before it is
//! returned; what could be taken for ours makes it refuse.

mod decode;
mod mould;

use super::cuts::Cuts;
use super::pattern::Patterns;
use super::signs::Sign;
use super::{Lines, pace, question, slots, write};
use crate::marker;
use crate::refusal::Refusal;
pub use decode::decode;
use decode::{decode_within, numbered};
use mould::{BETWEEN, Mould};

const NOTHING: &str = "nothing left out; `#1";
const IS: &str = "` is the line of pattern #1 with a and b in place of ";
const ONCE: &str = "nothing left out; lines that repeat are told once";
const AGAIN: &str = "the line above ";
const TIMES: &str = " times more";
const PATTERN: &str = "#";

/// What stands for a value in a pattern; the first that no pattern contains is taken.
const HOLES: &[&str] = &["<>", "{}", "⟨⟩", "<…>"];
/// A pattern of fewer lines stands as it is: what is rare is what is looked for. Half of it in a short
/// text, more where the lines speak of trouble.
const FEW: usize = 8;
/// Lines at each end of the text that stand as they are.
const END: usize = 2;
/// Lines that match the question and stand as they are.
const ASKED: usize = 40;

/// Tells `text` by its patterns.
///
/// # Errors
/// [`Refusal::NoGain`] when it would not be shorter or holds what could be taken for ours,
/// [`Refusal::NotVerified`] when decoding did not give it back.
pub fn encode(text: &str) -> Result<String, Refusal> {
    encode_asked(text, "")
}

/// The same; lines that match `question` stand as they are.
///
/// # Errors
/// As [`encode`].
pub fn encode_asked(text: &str, question: &str) -> Result<String, Refusal> {
    let lines = Lines::raw(text).ok_or(Refusal::OverBudget)?;
    if lines.iter().any(|line| line.starts_with(marker::OPEN)) {
        return Err(Refusal::NoGain);
    }
    let told = Told::of(&lines, question);
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

/// Which lines are told by which pattern.
struct Told {
    /// For each line, one more than its place in `moulds`; 0 for a line that stands as it is.
    of_line: Vec<u32>,
    moulds: Vec<Mould>,
    cuts: Cuts,
    between: char,
    hole: &'static str,
}

impl Told {
    fn of(lines: &Lines<'_>, question: &str) -> Told {
        let mut told = Told {
            of_line: vec![0; lines.len()],
            moulds: Vec::new(),
            cuts: Cuts::default(),
            between: ' ',
            hole: HOLES[0],
        };
        let ours = lines.iter().any(|line| numbered(line, usize::MAX).is_some());
        let Some(patterns) = Patterns::of(lines).filter(|_| !ours) else { return told };
        let members = patterns.members();
        let mut plain = vec![false; lines.len()];
        let ends = END.min(lines.len());
        plain[..ends].fill(true);
        plain[lines.len() - ends..].fill(true);
        for line in question::matching(lines, question, ASKED) {
            plain[line as usize] = true;
        }
        for (before, after) in pace::gaps(lines, &patterns.cuts) {
            plain[before as usize] = true;
            plain[after as usize] = true;
        }
        let mut moulds: Vec<(Mould, Vec<u32>)> = Vec::new();
        for (pattern, entry) in patterns.list.iter().enumerate() {
            let its = members.of(pattern);
            let few = match entry.sign {
                Sign::Plain => (lines.len() / 40).clamp(FEW / 2, FEW),
                Sign::Mention => FEW * 2,
                Sign::Warning => FEW * 8,
                Sign::Error | Sign::Fatal => continue,
            };
            if its.len() < few {
                continue;
            }
            for odd in slots::detail(lines, &patterns.cuts, its, entry).odd {
                plain[odd as usize] = true;
            }
            // The first and the last show what the pattern looks like.
            let its: Vec<u32> =
                its[1..its.len() - 1].iter().copied().filter(|&line| !plain[line as usize]).collect();
            moulds.extend(Mould::of(lines, &patterns.cuts, &its).map(|mould| (mould, its)));
        }
        // Something must be free to stand between values and for them.
        let told_by = |between: usize| -> usize {
            moulds.iter().filter(|(mould, _)| mould.free(between)).map(|(mould, _)| mould.saved).sum()
        };
        let between = (0..BETWEEN.len()).rev().max_by_key(|&between| told_by(between)).unwrap_or(0);
        let hole = HOLES.iter().find(|hole| {
            moulds.iter().all(|(mould, _)| mould.parts.iter().all(|part| !part.contains(**hole)))
        });
        let Some(hole) = hole else { return told };
        (told.hole, told.between) = (hole, BETWEEN[between]);
        for (mould, its) in moulds.into_iter().filter(|(mould, _)| mould.free(between)) {
            told.moulds.push(mould);
            for line in its {
                told.of_line[line as usize] = told.moulds.len() as u32;
            }
        }
        told.cuts = patterns.cuts;
        told
    }

    fn write(&self, lines: &Lines<'_>) -> String {
        let mut out = String::with_capacity(lines.text().len());
        if self.moulds.is_empty() {
            out.push_str(&marker::legend(ONCE));
            out.push('\n');
        } else {
            let (between, hole) = (self.between, self.hole);
            out.push_str(&marker::legend(&format!("{NOTHING}{between}a{between}b{IS}{hole}")));
            out.push('\n');
            for (order, mould) in self.moulds.iter().enumerate() {
                let number = order + 1;
                out.push_str(&marker::legend(&format!("{PATTERN}{number} = {}", mould.parts.join(hole))));
                out.push('\n');
            }
        }
        let opens: Vec<String> =
            (0..self.moulds.len()).map(|order| format!("{PATTERN}{} ", order + 1)).collect();
        let mut line = 0;
        while line < lines.len() {
            let text = lines.get(line);
            match (self.of_line[line] as usize).checked_sub(1) {
                None => out.push_str(text),
                Some(order) => {
                    out.push_str(&opens[order]);
                    self.moulds[order].write_values(text, self.cuts.of(line), self.between, &mut out);
                }
            }
            out.push('\n');
            let run = (line + 1..lines.len()).take_while(|&next| lines.get(next) == text).count();
            if 0 < run && AGAIN.len() + TIMES.len() < run * (text.len() + 1) {
                let again = marker::legend(&format!("{AGAIN}{run}{TIMES}"));
                if again.len() < run * (text.len() + 1) {
                    out.push_str(&again);
                    out.push('\n');
                    line += run;
                }
            }
            line += 1;
        }
        if !lines.ended() {
            out.pop();
        }
        out
    }
}

/// The better of what may be left out and what need not be: `shown` is used when it saves enough.
///
/// # Errors
/// What [`encode`] says, when `shown` does not save enough and nothing repeats.
pub fn unless_worth_it(text: &str, shown: Option<String>) -> Result<(String, bool), Refusal> {
    unless_worth_it_asked(text, "", shown)
}

/// The same; lines that match `question` stand as they are.
///
/// # Errors
/// As [`unless_worth_it`].
pub fn unless_worth_it_asked(
    text: &str,
    question: &str,
    shown: Option<String>,
) -> Result<(String, bool), Refusal> {
    if let Some(shown) = shown.filter(|shown| write::saves_enough(text, shown)) {
        return Ok((shown, true));
    }
    encode_asked(text, question).map(|coded| (coded, false))
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
            "10:00:09 ERROR no more tea\nend\nend\nend\nend\nend\nend\nend\nend\nend\nend\nend\nend",
        );
        let coded = encode(&text).expect("shorter");
        assert_eq!(decode(&coded), Some(text));
        insta::assert_snapshot!(coded, @r"
        [headroom: nothing left out; `#1 a b` is the line of pattern #1 with a and b in place of <>]
        [headroom: #1 = 10:00:<> INFO  web.Orders : GET <> answered 200 in <> ms]
        10:00:00 INFO  web.Orders : GET /orders/4700 answered 200 in 12 ms
        10:00:01 INFO  web.Orders : GET /orders/4707 answered 200 in 13 ms
        #1 02 /orders/4714 14
        #1 03 /orders/4721 15
        #1 04 /orders/4728 16
        #1 05 /orders/4735 17
        #1 06 /orders/4742 18
        #1 07 /orders/4749 19
        10:00:08 INFO  web.Orders : GET /orders/4756 answered 200 in 20 ms
        10:00:09 ERROR no more tea
        end
        [headroom: the line above 11 times more]
        ");
    }

    #[test]
    fn what_is_looked_for_stands_as_it_is() {
        let mut lines: Vec<String> = (0..200)
            .map(|n| {
                format!(
                    "10:{:02}:{:02} INFO GET /a/{n} by user{} took {} ms at main.rs:{}",
                    n / 60,
                    n % 60,
                    n % 7,
                    20 + n * 7 % 13,
                    n % 5
                )
            })
            .collect();
        lines[50] = "10:00:50 ERROR GET /a/50 by user1 took 9 ms at main.rs:3".to_owned();
        lines[60] = "10:01:00 INFO GET /a/60 by user2 took 9000 ms at main.rs:3".to_owned();
        lines[70] = "10:01:10 INFO POST /a/70 by user2 took 21 ms at main.rs:3".to_owned();
        let coded = encode_asked(&lines.join("\n"), "what became of /a/140?").expect("shorter");
        for line in [0, 1, 50, 60, 70, 140, 198, 199] {
            assert!(coded.contains(&lines[line]), "{}\n{coded}", lines[line]);
        }
        assert!(coded.contains("\n#1 01:20 /a/80 user3 21 0\n"), "{coded}");
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

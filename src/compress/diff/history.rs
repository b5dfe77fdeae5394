//! `git log`: commits one after the other, with or without the names of their files.
//!
//! Exactly: an author who is the one above is not told again. Of very many
//! commits, those that matter to the question are shown whole; of every other
//! one its name, day and subject stand in a marker.
//!
//! *Invariant:* the exact form decodes to the same bytes, and is decoded and
//! compared before it is returned. *Invariant:* no commit is left unnamed.

use super::super::Effort;
use super::super::lines::write::clipped;
use super::super::lines::{Lines, question};
use crate::marker::{self, Markers};
use crate::refusal::Refusal;
use crate::text::counted;
use std::collections::HashMap;
use std::ops::Range;

const HOW: &str = "nothing left out; git log: a commit without Author: is of the author above, an address is told \
                   once, and no empty line stands after Date:";
const UNSET: &str = ", nor blanks before a message's lines";
/// What git sets before each line of a message.
const SET_IN: &str = "    ";

/// How much of a long history is shown whole.
struct Measure {
    /// Bytes up to which a history is shown as it is.
    short: usize,
    /// The share of a longer one that is whole commits, in hundredths.
    whole: usize,
}

const BALANCED: Measure = Measure { short: 24_000, whole: 40 };
const AGGRESSIVE: Measure = Measure { short: 8_000, whole: 15 };

/// Letters of a commit's name in a marker.
const NAME: usize = 9;
/// Bytes of a subject, and of any other line, in a marker.
const SUBJECT: usize = 160;
/// Commits at the start and at the end that are shown whole.
const ENDS: (usize, usize) = (3, 2);
/// Commits that one marker tells at most, so that none is too long to read.
const TOGETHER: usize = 25;

/// Words in a message that make a commit worth seeing whole.
const WEIGHTY: &[&str] = &[
    "Revert",
    "revert",
    "BREAKING",
    "CVE-",
    "security",
    "hotfix",
    "Hotfix",
    "rollback",
    "regression",
    "!: ",
];

/// The name of the commit that `line` begins.
pub fn commit(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("commit ")?;
    let name = rest.split([' ', '\r']).next()?;
    let hex = name.bytes().all(|byte| byte.is_ascii_hexdigit());
    (hex && (7..=64).contains(&name.len())).then_some(name)
}

fn is_date(line: &str) -> bool {
    line.starts_with("Date:") || line.starts_with("CommitDate:")
}

/// Leaves out what a reader knows from the commits above.
///
/// # Errors
/// [`Refusal::NoGain`] when it would not be shorter, [`Refusal::NotVerified`] when decoding did not give
/// it back.
pub fn encode(text: &str) -> Result<String, Refusal> {
    // Below a commit without its files, all that is set in is its message.
    [Form::Plain, Form::SetIn]
        .into_iter()
        .map(|form| {
            let coded = encode_as(text, form);
            if text.len() <= coded.len() {
                return Err(Refusal::NoGain);
            }
            let same = decode_as(&coded, form, text.len()).as_deref() == Some(text);
            if same { Ok(coded) } else { Err(Refusal::NotVerified) }
        })
        .reduce(|first, second| first.or(second))
        .unwrap_or(Err(Refusal::NoGain))
}

/// How messages stand below their commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Without the four blanks before each line.
    Plain,
    /// As git prints them.
    SetIn,
}

impl Form {
    fn legend(self) -> String {
        match self {
            Form::Plain => marker::legend(&format!("{HOW}{UNSET}")),
            Form::SetIn => marker::legend(HOW),
        }
    }
}

fn encode_as(text: &str, form: Form) -> String {
    let mut out = form.legend();
    out.reserve(text.len());
    let mut known: HashMap<&str, &str> = HashMap::new();
    let (mut author, mut head, mut after_date) = ("", false, false);
    for line in text.split('\n') {
        let past_date = std::mem::replace(&mut after_date, false);
        if commit(line).is_some() {
            head = true;
        } else if head && line.starts_with("Author:") {
            if author == line {
                continue;
            }
            author = line;
            let name = named(line);
            out.push('\n');
            out.push_str(if known.get(name) == Some(&line) { name } else { line });
            known.entry(name).or_insert(line);
            continue;
        } else if head && is_date(line) {
            head = false;
            after_date = true;
        } else if past_date && line.is_empty() {
            continue;
        } else if form == Form::Plain && !head {
            out.push('\n');
            out.push_str(line.strip_prefix(SET_IN).unwrap_or(line));
            continue;
        }
        out.push('\n');
        out.push_str(line);
    }
    out
}

/// `Author: Ana Souza` of `Author: Ana Souza <ana@ferry.dev>`.
fn named(author: &str) -> &str {
    author.split(" <").next().unwrap_or(author)
}

/// The text that [`encode`] told; `None` for what it has not made.
#[cfg(test)]
pub fn decode(coded: &str) -> Option<String> {
    [Form::Plain, Form::SetIn].into_iter().find_map(|form| decode_as(coded, form, 256 << 20))
}

fn decode_as(coded: &str, form: Form, most: usize) -> Option<String> {
    let body = coded.strip_prefix(&form.legend())?.strip_prefix('\n')?;
    let mut text = String::with_capacity(most.min(coded.len() * 2));
    let mut known: HashMap<&str, &str> = HashMap::new();
    // A head is read up to its date; before the first one, nothing is a message.
    let (mut author, mut head, mut told, mut begun) = ("", false, false, false);
    let mut lines = body.split('\n').peekable();
    let mut first = true;
    while let Some(line) = lines.next() {
        if most < text.len() {
            return None;
        }
        if !std::mem::take(&mut first) {
            text.push('\n');
        }
        if commit(line).is_some() {
            (head, told, begun) = (true, false, true);
            text.push_str(line);
        } else if head && line.starts_with("Author:") {
            author = known.get(line).copied().unwrap_or(line);
            known.entry(named(author)).or_insert(author);
            told = true;
            text.push_str(author);
        } else if head && (is_date(line) || line.starts_with("AuthorDate:")) {
            if !told {
                text.push_str(author);
                text.push('\n');
                told = true;
            }
            text.push_str(line);
            if is_date(line) {
                text.push('\n');
                head = false;
            }
        } else {
            let ends = line.is_empty() && lines.peek().is_none_or(|next| commit(next).is_some());
            if form == Form::Plain && begun && !head && !ends {
                text.push_str(SET_IN);
            }
            text.push_str(line);
        }
    }
    Some(text)
}

/// One commit of a history.
struct Commit<'l> {
    name: &'l str,
    lines: Range<usize>,
    subject: &'l str,
    author: &'l str,
    day: &'l str,
    /// The line that sums up its files.
    sum: Option<&'l str>,
    /// True when a branch or a tag stands at it, or its message has a weighty word.
    weighty: bool,
}

/// The commits of `lines`; none when anything else stands before the first one.
fn commits<'l>(lines: &'l Lines<'_>) -> Vec<Commit<'l>> {
    let mut found: Vec<Commit<'l>> = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if let Some(name) = commit(line) {
            let refs = line.trim_end().ends_with(')');
            found.push(Commit {
                name,
                lines: number..number + 1,
                subject: "",
                author: "",
                day: "",
                sum: None,
                weighty: refs,
            });
            continue;
        }
        let Some(last) = found.last_mut() else { continue };
        last.lines.end = number + 1;
        if let Some(author) = line.strip_prefix("Author:") {
            last.author = author.trim().split(" <").next().unwrap_or("");
        } else if let Some(date) = line.strip_prefix("Date:") {
            // `Fri Nov 20 17:04:49 2026 +0000` or `2026-11-20 17:04:49 +0000`: the day without the clock.
            let date = date.trim();
            last.day =
                date.find(':').map_or(date, |at| date[..at].rsplit_once(' ').map_or(date, |(day, _)| day));
        } else if let Some(said) = line.strip_prefix("    ") {
            if last.subject.is_empty() {
                last.subject = said.trim();
            }
            last.weighty |= WEIGHTY.iter().any(|word| said.contains(word));
        } else if line.contains(" changed, ") {
            last.sum = Some(line.trim());
        }
    }
    found
}

/// Shows the commits of a long history that matter, and names the others; `None` when it is not long.
pub fn choose(lines: &Lines<'_>, query: &str, effort: Effort, markers: &mut Markers<'_>) -> Option<String> {
    let measure = match effort {
        Effort::Balanced => BALANCED,
        Effort::Aggressive => AGGRESSIVE,
    };
    if lines.text().len() <= measure.short {
        return None;
    }
    let commits = commits(lines);
    let mut asked = question::matching(lines, query, commits.len());
    let mut interest = vec![0_usize; commits.len()];
    let last = commits.len();
    for (order, line) in asked.iter().enumerate() {
        let at = commits.partition_point(|commit| commit.lines.end <= *line as usize);
        if let Some(its) = interest.get_mut(at) {
            *its = (*its).max(2 * last - order);
        }
    }
    let mut authors: HashMap<&str, usize> = HashMap::new();
    commits.iter().for_each(|commit| *authors.entry(commit.author).or_default() += 1);
    for (at, commit) in commits.iter().enumerate() {
        let end = at < ENDS.0 || last <= at + ENDS.1;
        let rare = authors.get(commit.author) == Some(&1);
        interest[at] += 4 * last * usize::from(end)
            + last / 2 * usize::from(commit.weighty)
            + last / 4 * usize::from(rare);
    }
    let mut ranked: Vec<usize> = (0..last).collect();
    ranked.sort_by_key(|at| (usize::MAX - interest[*at], *at));
    let mut whole = vec![false; last];
    let mut left = lines.text().len() * measure.whole / 100;
    for at in ranked {
        let bytes = lines.bytes(commits[at].lines.start, commits[at].lines.end);
        if bytes <= left {
            left -= bytes;
            whole[at] = true;
        }
    }
    asked.sort_unstable();
    Some(write(lines, &commits, &whole, &asked, markers))
}

fn write(
    lines: &Lines<'_>,
    commits: &[Commit<'_>],
    whole: &[bool],
    asked: &[u32],
    markers: &mut Markers<'_>,
) -> String {
    let mut out = String::with_capacity(lines.text().len() / 2);
    let show = |range: Range<usize>, out: &mut String| {
        for line in range {
            out.push_str(lines.get(line));
            out.push('\n');
        }
    };
    show(0..commits.first().map_or(lines.len(), |first| first.lines.start), &mut out);
    let (mut at, mut day) = (0, "");
    while at < commits.len() {
        if whole[at] {
            show(commits[at].lines.clone(), &mut out);
            at += 1;
            continue;
        }
        let end = (at..commits.len().min(at + TOGETHER)).find(|next| whole[*next]);
        let run = &commits[at..end.unwrap_or(commits.len().min(at + TOGETHER))];
        let (from, to) = (run[0].lines.start, run[run.len() - 1].lines.end);
        let (first, last) = (markers.number(from), markers.number(to - 1));
        let mut told = Vec::new();
        let mut author = "";
        for commit in run {
            let mut its = commit.name.get(..NAME).unwrap_or(commit.name).to_owned();
            if commit.day != day {
                its.push_str(&format!(" {}", commit.day));
                day = commit.day;
            }
            if commit.author != author {
                its.push_str(&format!(" {}:", commit.author));
                author = commit.author;
            }
            its.push_str(&format!(" {}", clipped(commit.subject, SUBJECT)));
            if let Some(sum) = commit.sum {
                its.push_str(&format!(" ({sum})"));
            }
            let among = asked.partition_point(|line| (*line as usize) < commit.lines.start);
            for line in
                asked[among..].iter().map(|line| *line as usize).take_while(|line| *line < commit.lines.end)
            {
                let line = lines.get(line).trim();
                if line != commit.subject && !line.starts_with("commit ") {
                    its.push_str(&format!(" ¶{}", clipped(line, SUBJECT)));
                }
            }
            told.push(its);
        }
        let what = format!(
            "{} left out ({first}-{last}): {}: {}",
            counted(to - from, "line"),
            counted(run.len(), "commit"),
            told.join(" | ")
        );
        out.push_str(&markers.gap(&what));
        out.push('\n');
        at += run.len();
    }
    if !lines.ended() {
        out.pop();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Key;

    fn log(commits: usize) -> String {
        let one = |n: usize| {
            let who = if n == 70 { "Rare Bird <rare@ferry.dev>" } else { "Ana Souza <ana@ferry.dev>" };
            format!(
                "commit {n:040x}\nAuthor: {who}\nDate:   Fri Nov {} 17:04:49 2026 +0000\n\n    Carry load {n} over the river\n    \n    It was too heavy for one trip, and so it is cut in two parts of {n} each.\n",
                10 + n / 9
            )
        };
        (0..commits).map(one).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn an_author_is_told_once_and_all_comes_back() {
        let text = log(40);
        let coded = encode(&text).expect("shorter");
        assert_eq!(decode(&coded).as_deref(), Some(text.as_str()));
        assert_eq!(coded.matches("Author: Ana").count(), 1);
        assert!(!coded.contains("\n    "), "messages are not set in");
        let odd = text.replace("\n\n    Carry load 7 ", "\n    Carry load 7 ");
        assert_eq!(encode(&odd), Err(Refusal::NotVerified));
        assert!(encode(&log(1)).is_err());
        let files = text.replace("each.\n", "each.\n\n src/ferry.rs | 2 +-\n");
        let coded = encode(&files).expect("shorter");
        assert_eq!(decode(&coded), Some(files));
        assert!(coded.contains("\n    Carry load 3 "), "files are told apart from messages");
        let two: String = log(40)
            .replace("load 7 over", "x")
            .split_inclusive("\n\ncommit ")
            .enumerate()
            .map(
                |(n, part)| {
                    if n % 2 == 0 { part.to_owned() } else { part.replace("Ana Souza <ana", "Bo Lind <bo") }
                },
            )
            .collect();
        let coded = encode(&two).expect("shorter");
        assert_eq!((coded.matches("<ana@").count(), coded.matches("Author: Ana Souza\n").count()), (1, 19));
        assert_eq!(decode(&coded), Some(two));
    }

    #[test]
    fn every_commit_of_a_long_history_is_named() {
        let text = log(200);
        let lines = Lines::raw(&text).expect("short");
        let key = Key::parse("0123456789abcdef0123").expect("a key");
        let ask = |query: &str| {
            choose(&lines, query, Effort::Balanced, &mut Markers::of(&key)).expect("a long history")
        };
        let shown = ask("what about load 133?");
        assert!(shown.len() * 3 < text.len() * 2);
        for n in 0..200 {
            let named = format!("{n:040x}");
            assert!(shown.contains(&named[..NAME]) && shown.contains(&format!("Carry load {n} over")), "{n}");
        }
        assert!(shown.contains(&format!("commit {:040x}", 133)), "what is asked for is whole");
        assert!(shown.contains("Author: Rare Bird"), "a rare author is whole");
        assert!(super::super::super::lines::verbatim_subsequence(&text, &shown));
        let short = log(9);
        assert!(
            choose(&Lines::raw(&short).expect("short"), "", Effort::Balanced, &mut Markers::of(&key))
                .is_none()
        );
    }
}

//! What the markers say of what is hidden: passed tests by name, messages by their places, doings by count.

use super::super::lines::write;
use super::parts::Output;
use super::passed;
use super::signs::Role;
use crate::text::counted;
use std::collections::HashMap;
use std::ops::Range;

/// Passed tests are named up to so many; above that they are counted.
const NAMED: usize = 400;
/// So many are named wherever there is room for names at all.
const FEW_NAMED: usize = 200;
/// Hundredths of the room that is left for what is told that names of passed tests may take.
const NAMES_PART: usize = 90;
/// Doings whose objects are worth a name: packages and their versions, tasks, steps.
const NAMED_DOINGS: &[&str] = &[
    "Compiling",
    "Checking",
    "Downloaded",
    "Downloading",
    "Documenting",
    "Adding",
    "Locking",
    "Updating",
    "Installing",
    "Unpacking",
    "Collecting",
    "Using cached",
    "Setting up",
    "Uninstalling",
    "Applying",
    "Creating table",
    "go: downloading",
    "go: extracting",
    "> Task :",
    ": Refreshing state...",
    "] Building",
    "] Built target",
];
/// A gap of so many lines, or fewer, is small.
const SMALL: usize = 12;
/// A message's own word in quotes is told when it is so long or shorter.
const LONGEST_WORD: usize = 60;

/// Bytes that markers may take for names and places.
pub struct Room {
    /// For places of messages.
    pub places: usize,
    /// For names of a few passed tests: agents quote them later.
    pub names: usize,
}

/// Tells of what is hidden.
pub struct Teller<'o, 'a> {
    output: &'o Output<'a>,
    /// The number of the first line in the whole text.
    first_number: usize,
    /// Whether passed tests are named.
    named: bool,
    /// The first message that is shown of each text, and of each form.
    shown: HashMap<u64, usize>,
    /// How places of hidden messages are told, by the message shown that they are like.
    places: HashMap<usize, Places>,
    /// Doings whose objects are named, by their signs: `Compiling`.
    doings: Vec<&'static str>,
    /// Lines in gaps so small that their other lines are not told one by one.
    small: Vec<bool>,
}

/// How places of messages are told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Places {
    /// `src/a.rs:3:5, src/a.rs:9:1`.
    Each,
    /// `src/a.rs:3:5, :9:1`.
    ByFile,
    /// Not at all.
    Counted,
}

impl<'o, 'a> Teller<'o, 'a> {
    /// Looks at what `keep` hides; the markers have so much `room`.
    pub fn of(output: &'o Output<'a>, keep: &[bool], room: &Room, first_number: usize) -> Teller<'o, 'a> {
        let mut shown: HashMap<u64, usize> = HashMap::new();
        for line in (0..keep.len()).filter(|&line| keep[line] && output.begins_message(line)) {
            shown.entry(output.says[line].text).or_insert(line);
            shown.entry(output.says[line].form).or_insert(line);
        }
        let mut teller = Teller {
            output,
            first_number,
            named: false,
            shown,
            places: HashMap::new(),
            doings: Vec::new(),
            small: Vec::new(),
        };
        teller.small = vec![false; keep.len()];
        for gap in write::gaps(keep).into_iter().filter(|gap| gap.len() <= SMALL) {
            teller.small[gap].fill(true);
        }
        let names: Vec<&str> = (0..keep.len())
            .filter(|&line| !keep[line] && output.role(line) == Some(Role::Passed))
            .map(|line| output.name(line))
            .filter(|name| !name.is_empty())
            .collect();
        let length = passed::listed(names.iter().copied()).len();
        let fits = |most: usize, room: usize| names.len() <= most && length <= room;
        teller.named = fits(FEW_NAMED, room.names) || fits(NAMED, room.places * NAMES_PART / 100);
        let room = room.places.saturating_sub(if teller.named { length } else { 0 }).max(room.places / 4);
        let room = teller.share_out(keep, room);
        teller.name_doings(keep, room);
        teller
    }

    /// Gives the room to the messages' places: those of the fewest first, for the odd ones are among them.
    fn share_out(&mut self, keep: &[bool], mut room: usize) -> usize {
        let output = self.output;
        let mut alike: Vec<(usize, usize, usize, &str)> = Vec::new();
        let mut of_first: HashMap<usize, usize> = HashMap::new();
        let hidden: Vec<(usize, usize)> = (0..keep.len())
            .filter(|&line| !keep[line])
            .filter_map(|line| Some((line, self.like(line)?)))
            .collect();
        for (line, first) in hidden {
            let at = *of_first.entry(first).or_insert_with(|| {
                alike.push((first, 0, 0, ""));
                alike.len() - 1
            });
            let (_, each, by_file, file_before) = &mut alike[at];
            let (file, rest) = output.place(line);
            let word = own_word(output.digest.lines.get(line), output.digest.lines.get(first)).len() + 2;
            *each += file.len() + rest.len() + word;
            *by_file += rest.len() + word + if file == *file_before { 0 } else { file.len() };
            *file_before = file;
        }
        alike.sort_by_key(|&(first, each, ..)| (each, first));
        for (first, each, by_file, _) in alike {
            let (places, cost) = match () {
                () if each * 2 <= room => (Places::Each, each),
                () if by_file <= room => (Places::ByFile, by_file),
                () => (Places::Counted, 0),
            };
            room -= cost;
            self.places.insert(first, places);
        }
        room
    }

    /// Names what was compiled, fetched, installed, as long as there is room: the shortest lists first.
    fn name_doings(&mut self, keep: &[bool], mut room: usize) {
        let mut lengths: Vec<(&'static str, usize)> = Vec::new();
        for line in (0..keep.len()).filter(|&line| !keep[line]) {
            let Some((word, object)) = self.doing(line).filter(|(_, object)| !object.is_empty()) else {
                continue;
            };
            match lengths.iter_mut().find(|(its, _)| *its == word) {
                Some((_, length)) => *length += object.len() + 2,
                None => lengths.push((word, object.len() + 2)),
            }
        }
        lengths.sort_by_key(|&(_, length)| length);
        for (word, length) in lengths {
            if length <= room {
                room -= length;
                self.doings.push(word);
            }
        }
    }

    /// What was done at `line`, and to what: `Compiling`, `serde v1.0.1`.
    fn doing(&self, line: usize) -> Option<(&'static str, &'a str)> {
        let told =
            self.output.told[line].filter(|told| told.role == Role::Progress && !told.word.is_empty())?;
        let about = &self.output.digest.lines.get(line)[told.about.0 as usize..told.about.1 as usize];
        let named = NAMED_DOINGS.contains(&told.word);
        Some((told.word, if named { passed::object(about) } else { "" }))
    }

    /// The message shown that the hidden message at `line` is like; `None` for what is no such message.
    fn like(&self, line: usize) -> Option<usize> {
        let output = self.output;
        if !output.begins_message(line) || output.reported[line].is_some() || output.passes.contains(&line) {
            return None;
        }
        let says = output.says[line];
        self.shown.get(&says.text).or_else(|| self.shown.get(&says.form)).copied()
    }

    /// True for a line of which [`Teller::describe`] tells, or of which there is nothing to tell.
    pub fn covers(&self, line: usize) -> bool {
        let output = self.output;
        let begins = output.message[line] as usize;
        let quiet = output.role(line).is_some_and(Role::is_quiet);
        self.small[line]
            || begins != line
            || quiet
            || output.heads_messages(line)
            || output.role(line) == Some(Role::Lead)
            || self.like(line).is_some()
            || output.reported[line].is_some()
            || output.passes.contains(&line)
            || output.digest.lines.get(line).trim().is_empty()
    }

    /// Says which reports, passed tests, messages and doings are in a gap.
    pub fn describe(&self, gap: Range<usize>) -> Vec<String> {
        let output = self.output;
        if output.passes.contains(&gap.start) && gap.end <= output.passes.end {
            return vec!["printed by tests that passed".to_owned()];
        }
        let mut parts = self.reports(gap.clone());
        parts.extend(self.messages(gap.clone()));
        let words = [
            (Role::Passed, "passed", self.named),
            (Role::Skipped, "skipped", self.named),
            (Role::Repeated, "failed", false),
        ];
        for (role, word, named) in words {
            let names: Vec<&str> = gap
                .clone()
                .filter(|&line| output.role(line) == Some(role))
                .map(|line| output.name(line))
                .filter(|name| !name.is_empty())
                .collect();
            if !names.is_empty() {
                let listed = if named { passed::listed(names.iter().copied()) } else { String::new() };
                let colon = if named { ": " } else { "" };
                let elsewhere = if role == Role::Repeated { ", named elsewhere" } else { "" };
                parts.push(format!("{} {word}{elsewhere}{colon}{listed}", counted(names.len(), "test")));
            }
        }
        let mut counts: Vec<(&str, usize, Vec<&str>)> = Vec::new();
        for (word, object) in gap.filter_map(|line| self.doing(line)) {
            let at = match counts.iter().position(|(its, ..)| *its == word) {
                Some(at) => at,
                None => {
                    counts.push((word, 0, Vec::new()));
                    counts.len() - 1
                }
            };
            let (_, count, objects) = &mut counts[at];
            *count += 1;
            if self.doings.contains(&word) && !object.is_empty() && objects.last() != Some(&object) {
                objects.push(object);
            }
        }
        parts.extend(counts.into_iter().map(|(word, count, objects)| {
            let colon = if objects.is_empty() { "" } else { ": " };
            format!("{count} × `{word}`{colon}{}", objects.join(", "))
        }));
        parts
    }

    /// Messages in the gap that are like one that is shown: how many, and where.
    fn messages(&self, gap: Range<usize>) -> Vec<String> {
        let output = self.output;
        let mut alike: Vec<(usize, usize, String, &str)> = Vec::new();
        for line in gap {
            let Some(first) = self.like(line) else { continue };
            let at = match alike.iter().position(|(its, ..)| *its == first) {
                Some(at) => at,
                None => {
                    alike.push((first, 0, String::new(), ""));
                    alike.len() - 1
                }
            };
            let (_, count, told, file_before) = &mut alike[at];
            *count += 1;
            let (file, rest) = output.place(line);
            let entry = match self.places.get(&first) {
                Some(Places::Each) => format!("{file}{}{rest}", between(file, rest)),
                Some(Places::ByFile) if file == *file_before && !rest.is_empty() => rest.to_owned(),
                Some(Places::ByFile) => format!("{file}{}{rest}", between(file, rest)),
                Some(Places::Counted) | None => continue,
            };
            *file_before = file;
            let word = own_word(output.digest.lines.get(line), output.digest.lines.get(first));
            if !entry.is_empty() || !word.is_empty() {
                told.push_str(if told.is_empty() { "" } else { ", " });
                told.push_str(&entry);
                if !word.is_empty() {
                    told.push_str(if entry.is_empty() { "" } else { " " });
                    told.push_str(word);
                }
            }
        }
        alike
            .into_iter()
            .map(|(first, count, told, _)| {
                let colon = if told.is_empty() { "" } else { ": " };
                format!("{count} more like line {}{colon}{told}", first + self.first_number)
            })
            .collect()
    }

    /// Reports that begin in the gap and say what others said: their names, and where the others are.
    fn reports(&self, gap: Range<usize>) -> Vec<String> {
        let reports = &self.output.reports;
        let mut alike: Vec<(u32, Vec<&str>)> = Vec::new();
        let from = reports.partition_point(|report| report.lines.start < gap.start);
        for (order, report) in
            reports.iter().enumerate().skip(from).take_while(|(_, its)| its.lines.start < gap.end)
        {
            let Some(first) = report.like else { continue };
            let title = self.output.title(order);
            match alike.iter_mut().find(|(its, _)| *its == first) {
                Some((_, names)) => names.push(title),
                None => alike.push((first, vec![title])),
            }
        }
        alike
            .into_iter()
            .map(|(first, names)| {
                let line = reports[first as usize].lines.start + self.first_number;
                let reports = counted(names.len(), "report");
                format!(
                    "{reports} with the same errors as at line {line}: {}",
                    passed::listed(names.into_iter())
                )
            })
            .collect()
    }
}

/// What stands between a file and a place in it, where the place does not say.
fn between(file: &str, rest: &str) -> &'static str {
    if file.is_empty() || rest.is_empty() || rest.starts_with([':', '(']) { "" } else { ":" }
}

/// The first word in quotes that a message has in another place of than `first`: a name, a type.
fn own_word<'l>(line: &'l str, first: &str) -> &'l str {
    for (open, close) in [('`', '`'), ('\'', '\''), ('"', '"'), ('‘', '’'), ('“', '”')] {
        let mut rest = line;
        while let Some(from) = rest.find(open) {
            let inside = &rest[from + open.len_utf8()..];
            let Some(end) = inside.find(close) else { break };
            let word = &inside[..end];
            let whole = &rest[from..from + open.len_utf8() + end + close.len_utf8()];
            if !word.is_empty() && word.len() <= LONGEST_WORD && !first.contains(whole) {
                return whole;
            }
            rest = &inside[end + close.len_utf8()..];
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_told_by_the_word_that_is_its_own() {
        let first = "warning: unused variable: `a`";
        assert_eq!(own_word("warning: unused variable: `b`", first), "`b`");
        assert_eq!(own_word("warning: unused variable: `a`", first), "");
        assert_eq!(own_word("error: type ‘U32’ of ‘x’", "error: type ‘U32’ of ‘y’"), "‘x’");
        assert_eq!(own_word("it's here", ""), "");
    }
}

//! Edits whose old text was not in the file, and why: told from the file as it was last read in the thread.
//!
//! What the failed call says of itself gives no more than its kind. *Invariant:* a cause that is not certain is none.
//! *Invariant:* bounded: files, and bytes of each.

use super::Rule;
use super::noted::{Noted, output_of};
use crate::learn::first_words;
use crate::learn::habit::{Cause, Habit};
use crate::learn::lesson::Occurrence;
use crate::learn::literal;
use crate::learn::step::{Happened, Moment, Recent, Step};
use crate::marker;
use crate::transcript::Ending;
use crate::transcript::act::Act;
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Files whose text is kept; the one not used longest makes room.
const FILES: usize = 32;

/// Bytes of a file's text that are kept.
const BYTES: usize = 128 << 10;

/// Letters that an old text must have for a likeness to be no chance.
const TELLING: usize = 8;

/// Finds edits that did not match.
#[derive(Default)]
pub struct Edits {
    files: HashMap<PathBuf, File>,
    clock: u64,
    /// A file may have been read that is not known here any more.
    forgotten: bool,
}

/// A file as the agent saw it last.
#[derive(Default)]
struct File {
    text: String,
    /// All that was read of it is in `text`, and it was read whole.
    whole: bool,
    /// The agent changed it since.
    edited: bool,
    /// An edit failed since the last one that worked: the next failure is the same one.
    failed: bool,
    used: u64,
}

impl Rule for Edits {
    fn see(&mut self, recent: &Recent, found: &mut Vec<Occurrence>) {
        let Some(moment) = recent.latest() else { return };
        let step = match &moment.event {
            Happened::Step(step) => step,
            Happened::Compacted(_) => return self.forgotten = true,
            _ => return,
        };
        match &step.act {
            Act::Read { path, lines } if ended_well(step) => {
                self.read(absolute(path, step), output_of(recent, step), lines.is_none());
            }
            Act::Shell { command, .. } if ended_well(step) => {
                if let Some(path) = printed_file(command) {
                    self.read(absolute(&path, step), output_of(recent, step), false);
                }
            }
            Act::Write { path } if ended_well(step) => {
                let file = self.file(absolute(path, step));
                *file = File { edited: true, used: file.used, ..File::default() };
            }
            Act::Edit { path, edits } => self.edit(recent, moment, step, (path, edits), found),
            _ => {}
        }
    }
}

impl Edits {
    fn edit(
        &mut self,
        recent: &Recent,
        moment: &Moment,
        step: &Step,
        (path, edits): (&Path, &[(String, String)]),
        found: &mut Vec<Occurrence>,
    ) {
        let path_here = absolute(path, step);
        let said = Said::of(&step.output.head);
        if step.ending == Ending::Worked || (step.ending == Ending::Unknown && said.is_none()) {
            let file = self.file(path_here);
            file.edited = true;
            file.failed = false;
            return;
        }
        let (Some(said), Ending::Failed(_) | Ending::Unknown) = (said, step.ending) else { return };
        let was_known = self.files.contains_key(&path_here);
        let sure_unread = !was_known && !self.forgotten;
        let file = self.file(path_here);
        if std::mem::replace(&mut file.failed, true) {
            return;
        }
        let cause = match said {
            Said::NotRead if sure_unread => Some(Cause::NotRead),
            Said::NotRead => None,
            Said::Changed if file.edited => Some(Cause::EditedBefore),
            Said::Changed => Some(Cause::ChangedOutside),
            Said::NotUnique => Some(Cause::NotUnique),
            // A file that was never read may have come with a prompt: its text is not known.
            Said::NotFound => edits.iter().find_map(|(old, _)| cause(old, file)),
        };
        let Some(cause) = cause else { return };
        let files = match cause {
            Cause::TabsInFile
            | Cause::SpacesInFile
            | Cause::Indentation
            | Cause::LineEnds
            | Cause::TrailingSpace
            | Cause::Typography => path.to_str().and_then(literal::pattern).unwrap_or_default(),
            _ => String::new(),
        };
        let noted = Noted { tokens: step.asked + step.output.tokens, turns: 1 };
        found.push(noted.at(recent, moment, Habit::Mismatch { cause, files }));
    }

    fn read(&mut self, path: PathBuf, text: &str, whole: bool) {
        let text = without_numbers(text);
        let cut = text.len() > BYTES;
        let text = text.get(..text.floor_char_boundary(BYTES)).unwrap_or("");
        let file = self.file(path);
        // Parts of a file that did not change in between stand side by side.
        let more = !whole && !file.edited && file.text.len() + text.len() < BYTES;
        if more && !file.text.is_empty() {
            file.text.push('\n');
            file.text.push_str(text);
        } else {
            file.text = text.to_owned();
            file.whole = whole && !cut;
        }
        file.edited = false;
        file.failed = false;
    }

    fn file(&mut self, path: PathBuf) -> &mut File {
        self.clock += 1;
        if FILES <= self.files.len() && !self.files.contains_key(&path) {
            let oldest = self.files.iter().min_by_key(|(_, file)| file.used).map(|(path, _)| path.clone());
            if let Some(oldest) = oldest {
                self.files.remove(&oldest);
            }
            self.forgotten = true;
        }
        let file = self.files.entry(path).or_default();
        file.used = self.clock;
        file
    }
}

/// What a failed edit says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    NotFound,
    NotUnique,
    NotRead,
    Changed,
}

impl Said {
    fn of(output: &str) -> Option<Said> {
        const SHAPES: &[(Said, &[&str])] = &[
            (
                Said::NotRead,
                &["has not been read yet", "must read the file", "must first read", "read it first before"],
            ),
            (Said::Changed, &["modified since", "changed since", "changed on disk"]),
            (
                Said::NotUnique,
                &[
                    "matches of the string to replace",
                    "multiple matches",
                    "multiple occurrences",
                    "expected 1 occurrence but found",
                    "not unique",
                    "more than once",
                    "matches multiple",
                ],
            ),
            (
                Said::NotFound,
                &[
                    "string to replace not found",
                    "string not found",
                    "old_string not found",
                    "oldstring not found",
                    "old_str not found",
                    "could not find the string",
                    "could not find an exact match",
                    "could not find old",
                    "not found in content",
                    "not found in file",
                    "failed to find expected lines",
                    "failed to find context",
                    "0 occurrences found",
                    "exactly match",
                    "does not match",
                    "did not match",
                    "no match found",
                    "no matches found for",
                ],
            ),
        ];
        let start = output.get(..output.floor_char_boundary(1_000)).unwrap_or("").to_ascii_lowercase();
        SHAPES
            .iter()
            .find(|(_, shapes)| shapes.iter().any(|shape| start.contains(shape)))
            .map(|(said, _)| *said)
    }
}

/// Why `old` is not in `file`; `None` when that is not certain.
fn cause(old: &str, file: &File) -> Option<Cause> {
    if old.lines().any(marker::is_marker) {
        return Some(Cause::Shortened);
    }
    if old.chars().filter(|letter| letter.is_alphanumeric()).count() < TELLING || file.text.is_empty() {
        return None;
    }
    let text = file.text.as_str();
    if text.contains(old) {
        // It stood there when the file was read.
        return match file.edited {
            true => Some(Cause::EditedBefore),
            false => file.whole.then_some(Cause::ChangedOutside),
        };
    }
    if text.contains("\r\n") && text.replace("\r\n", "\n").contains(old) {
        return Some(Cause::LineEnds);
    }
    if let Some(bare) = numbers_taken_off(old)
        && each_line(text, str::trim_end).contains(&each_line(&bare, str::trim_end))
    {
        return Some(Cause::LineNumbers);
    }
    let (plain_text, plain_old) = (plain_letters(text), plain_letters(old));
    if (plain_text != text || plain_old != old) && plain_text.contains(&*plain_old) {
        return Some(Cause::Typography);
    }
    if each_line(text, str::trim_end).contains(&each_line(old, str::trim_end)) {
        return Some(Cause::TrailingSpace);
    }
    let (bare_text, bare_old) = (each_line(text, str::trim), each_line(old, str::trim));
    if bare_text.contains(bare_old.trim()) {
        return indentation(old, text);
    }
    None
}

/// How the indentation of `old` differs from that of the lines of `text` that are the same otherwise.
fn indentation(old: &str, text: &str) -> Option<Cause> {
    let begins = |line: &str| line.chars().next().filter(|first| matches!(first, ' ' | '\t'));
    let (mut tabs, mut spaces, mut other) = (0, 0, 0);
    for line in old.lines().filter(|line| 4 <= line.trim().len()).take(50) {
        let Some(theirs) = text.lines().find(|theirs| theirs.trim() == line.trim()) else { continue };
        match (begins(line), begins(theirs)) {
            (Some(' '), Some('\t')) => tabs += 1,
            (Some('\t'), Some(' ')) => spaces += 1,
            _ if line != theirs => other += 1,
            _ => {}
        }
    }
    match (tabs, spaces, other) {
        (1.., 0, _) => Some(Cause::TabsInFile),
        (0, 1.., _) => Some(Cause::SpacesInFile),
        (0, 0, 1..) => Some(Cause::Indentation),
        _ => None,
    }
}

/// Every line through `trimmed`, joined again.
fn each_line(text: &str, trimmed: fn(&str) -> &str) -> String {
    text.lines().map(trimmed).collect::<Vec<_>>().join("\n")
}

/// `text` without the line numbers that a reading tool puts before each line.
fn without_numbers(text: &str) -> Cow<'_, str> {
    let (mut numbered, mut lines) = (0, 0);
    for line in text.lines().take(200).filter(|line| !line.trim().is_empty()) {
        lines += 1;
        numbered += usize::from(behind_number(line).is_some());
    }
    if lines == 0 || numbered * 10 < lines * 8 {
        return Cow::Borrowed(text);
    }
    let bare: Vec<&str> = text.lines().map(|line| behind_number(line).unwrap_or(line)).collect();
    Cow::Owned(bare.join("\n"))
}

/// `old` without line numbers, if every line of it has one.
fn numbers_taken_off(old: &str) -> Option<String> {
    let mut bare = Vec::new();
    for line in old.lines().filter(|line| !line.trim().is_empty()) {
        bare.push(behind_number(line)?);
    }
    Some(bare.join("\n"))
}

/// What stands behind the number at the start of a line: `    12→x`, `12\tx`, `00012| x`, `12: x`.
fn behind_number(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(' ');
    let digits = line.find(|letter: char| !letter.is_ascii_digit()).filter(|end| (1..=7).contains(end))?;
    let rest = line.get(digits..)?;
    rest.strip_prefix('→')
        .or_else(|| rest.strip_prefix('\t'))
        .or_else(|| rest.strip_prefix("| "))
        .or_else(|| rest.strip_prefix('|'))
        .or_else(|| rest.strip_prefix(": "))
}

/// Quotes, dashes and blanks as a keyboard types them.
fn plain_letters(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let plain = text.chars().map(|letter| match letter {
        '\u{2018}' | '\u{2019}' | '\u{201a}' => '\'',
        '\u{201c}' | '\u{201d}' | '\u{201e}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{a0}' | '\u{202f}' | '\u{2009}' => ' ',
        other => other,
    });
    Cow::Owned(plain.collect())
}

/// The file that a command prints, whole or in part.
fn printed_file(command: &str) -> Option<PathBuf> {
    let run = first_words::read(command)?;
    if !matches!(run.first.as_str(), "cat" | "head" | "tail" | "nl" | "sed") {
        return None;
    }
    if run.first == "sed" && run.rest.first().map(String::as_str) != Some("-n") {
        return None;
    }
    run.rest.last().filter(|path| !path.starts_with('-')).map(PathBuf::from)
}

fn absolute(path: &Path, step: &Step) -> PathBuf {
    if path.is_absolute() { path.to_owned() } else { Path::new(&*step.folder).join(path) }
}

fn ended_well(step: &Step) -> bool {
    matches!(step.ending, Ending::Worked | Ending::Unknown)
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, found_by};
    use super::*;

    const FILE: &str = "/p/src/a.go";

    fn mismatch(cause: Cause, files: &str) -> Habit {
        Habit::Mismatch { cause, files: files.to_owned() }
    }

    #[test]
    fn the_reason_of_a_mismatch_is_told_from_the_file_as_it_was_read() {
        let tabs = "func main() {\n\tfmt.Println(\"hello\")\n}\n";
        let missing = "String to replace not found in file.";
        let cases: &[(&str, &str, &str, Option<Cause>, &str)] = &[
            (tabs, "    fmt.Println(\"hello\")\n}", missing, Some(Cause::TabsInFile), "*.go"),
            (
                "  if (ready) {\n    start()\n",
                "\tif (ready) {\n\t\tstart()",
                missing,
                Some(Cause::SpacesInFile),
                "*.go",
            ),
            (
                "  if (ready) {\n    start()\n",
                "if (ready) {\n  start()",
                missing,
                Some(Cause::Indentation),
                "*.go",
            ),
            (tabs, "     2→\tfmt.Println(\"hello\")", missing, Some(Cause::LineNumbers), ""),
            (
                "alpha beta\r\ngamma delta\r\n",
                "alpha beta\ngamma delta",
                missing,
                Some(Cause::LineEnds),
                "*.go",
            ),
            (
                "let value = 1;  \nnext_line()",
                "let value = 1;\nnext_line()",
                missing,
                Some(Cause::TrailingSpace),
                "*.go",
            ),
            (
                "say(\u{201c}hello there\u{201d})",
                "say(\"hello there\")",
                missing,
                Some(Cause::Typography),
                "*.go",
            ),
            ("same_thing()", "same_thing()", missing, Some(Cause::ChangedOutside), ""),
            (
                "x()\nx()",
                "x()",
                "Found 2 matches of the string to replace, but replace_all is false.",
                Some(Cause::NotUnique),
                "",
            ),
            (
                tabs,
                "x",
                "File has been modified since read, either by the user or by a linter.",
                Some(Cause::ChangedOutside),
                "",
            ),
            (
                tabs,
                "[headroom: 12 lines left out; original kept: headroom retrieve abc]",
                missing,
                Some(Cause::Shortened),
                "",
            ),
            // Not certain: nothing.
            (tabs, "something entirely different", missing, None, ""),
            (tabs, "    }", missing, None, ""),
            (tabs, "    fmt.Println(\"hello\")", "permission denied", None, ""),
            (tabs, "    fmt.Println(\"hello\")", "The file is too large.", None, ""),
        ];
        for (text, old, said, cause, files) in cases {
            let mut stage = Stage::new();
            stage.read(FILE, text);
            stage.edit(FILE, old, said, Ending::Failed(None));
            let expected: Vec<Habit> = cause.map(|cause| mismatch(cause, files)).into_iter().collect();
            assert_eq!(found_by(Edits::default(), stage), expected, "{old:?} in {text:?}");
        }
    }

    #[test]
    fn an_edit_of_what_an_edit_changed_is_told_from_one_of_a_file_that_was_not_read() {
        let missing = "String to replace not found in file.";
        let mut stage = Stage::new();
        stage.read(FILE, "first_thing()\nsecond_thing()");
        stage.edit(FILE, "first_thing()", "done", Ending::Worked);
        stage.edit(FILE, "first_thing()", missing, Ending::Failed(None));
        assert_eq!(found_by(Edits::default(), stage), [mismatch(Cause::EditedBefore, "")]);

        let mut stage = Stage::new();
        stage.edit(
            FILE,
            "first_thing()",
            "File has not been read yet. Read it first before writing to it.",
            Ending::Failed(None),
        );
        assert_eq!(found_by(Edits::default(), stage), [mismatch(Cause::NotRead, "")]);

        // What was read before a summary is not known here.
        let mut stage = Stage::new();
        stage.compact(None);
        stage.edit(FILE, "first_thing()", missing, Ending::Failed(None));
        assert_eq!(found_by(Edits::default(), stage), []);
    }

    #[test]
    fn the_same_failure_tried_again_counts_once() {
        let mut stage = Stage::new();
        stage.read(FILE, "\tsome_call_here()");
        for _ in 0..4 {
            stage.edit(
                FILE,
                "  some_call_here()",
                "String to replace not found in file.",
                Ending::Failed(None),
            );
        }
        assert_eq!(found_by(Edits::default(), stage), [mismatch(Cause::TabsInFile, "*.go")]);
    }
}

//! The one block in a memory file that is ours: what shall stand there, and how it gets there.
//!
//! Pure: bytes in, bytes out. *Invariant:* what stands outside the block keeps every byte, whatever it is. *Invariant:* a
//! line in the block that a person wrote or changed stays as it is; one that a person took away is not written again.
//! *Invariant:* nothing that is said can end the block or begin another.

mod place;

pub use place::BlockError;

use crate::text::counted;
use crate::units::Millis;
use place::Place;
use std::collections::{HashMap, HashSet};

/// The line that the block begins with.
pub const START: &str = "<!-- headroom:learn:start -->";
/// The line that it ends with.
pub const END: &str = "<!-- headroom:learn:end -->";
/// What it is called in the file.
pub const HEADING: &str =
    "## Learned from earlier sessions (`headroom learn`; edit or delete lines as you like)";
/// Lines of a block, its first and its last among them. An agent reads them in every session.
pub const MOST_LINES: usize = 40;
/// Letters of a sentence.
pub const LONGEST: usize = 300;

/// What is to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saying {
    /// Names the lesson.
    pub id: String,
    /// One line of Markdown.
    pub sentence: String,
    /// How often its cause was seen.
    pub times: u64,
    /// When it was seen last.
    pub seen: Option<Millis>,
}

/// A line that is or was ours, as it is remembered from one run to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Names the lesson.
    pub id: String,
    /// The line as it was written; empty when it never was.
    pub line: String,
    /// The line that is about to be written; empty when nothing is under way.
    pub next: String,
    /// When it was written last.
    pub said: Millis,
    /// When its cause was seen last.
    pub seen: Option<Millis>,
    /// What became of it.
    pub state: State,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It stands in the file.
    Written,
    /// A person took it away or changed it: it is not written again.
    Dismissed,
    /// It was taken out because its cause was not seen any more: only newer evidence brings it back.
    Expired,
}

impl State {
    /// Its name on the disk.
    pub fn name(self) -> &'static str {
        match self {
            State::Written => "written",
            State::Dismissed => "dismissed",
            State::Expired => "expired",
        }
    }

    /// The state of this name; what is not known is taken for what a person decided.
    pub fn named(name: &str) -> State {
        match name {
            "written" => State::Written,
            "expired" => State::Expired,
            _ => State::Dismissed,
        }
    }
}

/// Why a line of ours is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// Its cause was not seen for long.
    Aged,
    /// What it says is not true any more.
    Refuted,
}

/// What comes of something that is to be said, or was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A new line.
    Added,
    /// Its line tells of newer evidence.
    Updated,
    /// Its line stands there as it is.
    Unchanged,
    /// A person took it away or changed it.
    Dismissed,
    /// Its line is taken out.
    Expired(Leaves),
    /// It was taken out before, and nothing newer was seen.
    StaysAway,
    /// The block is full.
    NoRoom,
    /// It can't be written as a line of Markdown.
    Unfit,
}

/// A file with what shall stand in its block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// What is to be remembered; [`settled`] once it is written.
    pub remembered: Vec<Remembered>,
    /// What comes of each that is to be said, and of each that leaves.
    pub fates: Vec<(String, Fate)>,
}

/// What is to be said in a file, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// What is to be said, the most valuable first.
    pub sayings: &'a [Saying],
    /// What was written earlier.
    pub remembered: &'a [Remembered],
    /// What is not to stand there any more.
    pub leaves: &'a HashMap<String, Leaves>,
    /// Now.
    pub now: Millis,
}

/// The file with the block as it shall be; `file` is `None` where there is none.
///
/// # Errors
/// [`BlockError`] when it can't be told what is ours.
pub fn merge(file: Option<&[u8]>, wanted: &Wanted) -> Result<Merged, BlockError> {
    let bytes = file.unwrap_or_default();
    let place = place::find(bytes)?;
    let mut block = Block::read(bytes, place.as_ref(), wanted);
    block.take_out(wanted);
    block.renew(wanted);
    block.add(wanted);
    if !block.changes() {
        return Ok(Merged { bytes: bytes.to_vec(), remembered: block.remembered, fates: block.fates });
    }
    let inner = block.written(place::line_end(bytes, place.as_ref()));
    let after = place::with_block(bytes, place.as_ref(), inner.as_deref());
    // What was written has to be found again by the next run.
    let found = place::find(&after)?.map(|place| after[place.inner].to_vec());
    if found != inner {
        return Err(BlockError::Unclear);
    }
    Ok(Merged { bytes: after, remembered: block.remembered, fates: block.fates })
}

/// What was about to be written now stands there.
pub fn settled(remembered: &[Remembered]) -> Vec<Remembered> {
    let settle = |mut row: Remembered| {
        if !row.next.is_empty() {
            row.line = std::mem::take(&mut row.next);
        }
        row
    };
    remembered.iter().cloned().map(settle).collect()
}

/// The file as it is now, with the block that it had earlier, or without one when it had none.
///
/// # Errors
/// [`BlockError`] when it can't be told what is ours.
pub fn taken_back(now: &[u8], earlier: Option<&[u8]>) -> Result<Vec<u8>, BlockError> {
    let place = place::find(now)?;
    let earlier = earlier.unwrap_or_default();
    let inner = place::find(earlier)?.map(|place| &earlier[place.inner]);
    Ok(place::with_block(now, place.as_ref(), inner))
}

/// The file without the lines of the block that are ours: what others have said there.
pub fn others(file: &[u8], remembered: &[Remembered]) -> Vec<u8> {
    let Ok(Some(place)) = place::find(file) else { return file.to_vec() };
    let ours = |row: &[u8]| {
        let text = place::text(row);
        shape(text).is_some() || remembered.iter().any(|known| known.is(text))
    };
    let mut left = file[..place.inner.start].to_vec();
    place::rows(&file[place.inner.clone()]).filter(|row| !ours(row)).for_each(|row| left.extend(row));
    left.extend(&file[place.inner.end..]);
    left
}

/// The block's lines while they are worked on.
struct Block<'a> {
    /// True when nothing stands there yet.
    fresh: bool,
    lines: Vec<Line<'a>>,
    remembered: Vec<Remembered>,
    fates: Vec<(String, Fate)>,
}

enum Line<'a> {
    /// A person's, or our heading: as it stands, with its end.
    Kept(&'a [u8]),
    /// Of ours, as it stands.
    Ours { id: String, whole: &'a [u8] },
    /// Of ours, as it shall stand; without an end.
    New { id: String, text: String },
}

impl Line<'_> {
    fn id(&self) -> Option<&str> {
        match self {
            Line::Kept(_) => None,
            Line::Ours { id, .. } | Line::New { id, .. } => Some(id),
        }
    }
}

impl Remembered {
    fn is(&self, text: &[u8]) -> bool {
        [&self.line, &self.next].into_iter().any(|line| !line.is_empty() && line.as_bytes() == text)
    }
}

impl<'a> Block<'a> {
    /// The lines that stand there, each with whose it is; and what is remembered, with what has become of it meanwhile.
    fn read(bytes: &'a [u8], place: Option<&Place>, wanted: &Wanted) -> Block<'a> {
        let inner = place.map(|place| &bytes[place.inner.clone()]).unwrap_or_default();
        let known: HashMap<&[u8], &Remembered> = wanted
            .remembered
            .iter()
            .flat_map(|row| [&row.line, &row.next].map(|line| (line.as_bytes(), row)))
            .collect();
        let sayings: HashMap<&str, &Saying> =
            wanted.sayings.iter().map(|saying| (saying.sentence.as_str(), saying)).collect();
        let (mut lines, mut there) = (Vec::new(), HashMap::new());
        for whole in place::rows(inner) {
            let text = place::text(whole);
            // Another machine's headroom wrote it, when it has our shape and says what we would say.
            let id = match known.get(text).filter(|_| !text.is_empty()) {
                Some(row) => Some(&row.id),
                None => shape(text).and_then(|(sentence, _)| sayings.get(sentence)).map(|saying| &saying.id),
            };
            match id.filter(|id| !there.contains_key(*id)) {
                Some(id) => {
                    there.insert(id.clone(), text);
                    lines.push(Line::Ours { id: id.clone(), whole });
                }
                None => lines.push(Line::Kept(whole)),
            }
        }
        let mut remembered = Vec::new();
        for row in wanted.remembered {
            let mut row = row.clone();
            match there.get(&row.id) {
                Some(text) => {
                    row.line = String::from_utf8_lossy(text).into_owned();
                    row.state = State::Written;
                }
                // Of a file that is gone nobody has taken out anything, and what never was there neither.
                None if row.state == State::Written && (bytes.is_empty() || row.line.is_empty()) => continue,
                None if row.state == State::Written => row.state = State::Dismissed,
                None => {}
            }
            row.next.clear();
            remembered.push(row);
        }
        for saying in wanted.sayings {
            if let Some(text) = there.get(&saying.id)
                && remembered.iter().all(|row| row.id != saying.id)
            {
                // Its date tells what its writer knew: what is newer is told.
                let known = saying
                    .seen
                    .filter(|seen| shape(text).is_some_and(|(_, date)| day(*seen).as_str() <= date));
                remembered.push(Remembered {
                    id: saying.id.clone(),
                    line: String::from_utf8_lossy(text).into_owned(),
                    next: String::new(),
                    said: wanted.now,
                    seen: known,
                    state: State::Written,
                });
            }
        }
        Block { fresh: lines.is_empty(), lines, remembered, fates: Vec::new() }
    }

    /// Takes out what is not to stand there any more.
    fn take_out(&mut self, wanted: &Wanted) {
        let leaves = |id: Option<&str>| id.and_then(|id| wanted.leaves.get(id)).copied();
        for line in &self.lines {
            if let (Some(id), Some(why)) = (line.id(), leaves(line.id())) {
                self.fates.push((id.to_owned(), Fate::Expired(why)));
            }
        }
        self.lines.retain(|line| leaves(line.id()).is_none());
        for row in self.remembered.iter_mut().filter(|row| row.state == State::Written) {
            if leaves(Some(&row.id)) == Some(Leaves::Aged) {
                (row.state, row.line) = (State::Expired, String::new());
            }
        }
        self.remembered.retain(|row| row.state != State::Written || leaves(Some(&row.id)).is_none());
    }

    /// Tells newer evidence in the lines that are there.
    fn renew(&mut self, wanted: &Wanted) {
        let rows: HashMap<String, usize> =
            self.remembered.iter().enumerate().map(|(at, row)| (row.id.clone(), at)).collect();
        let lines: HashMap<String, usize> = (self.lines.iter().enumerate())
            .filter_map(|(at, line)| Some((line.id()?.to_owned(), at)))
            .collect();
        for saying in wanted.sayings.iter().filter(|saying| !wanted.leaves.contains_key(&saying.id)) {
            let Some(at) = lines.get(&saying.id) else { continue };
            let Some(row) = rows.get(&saying.id).and_then(|at| self.remembered.get_mut(*at)) else {
                continue;
            };
            let newer = row.seen < saying.seen && is_fit(&saying.sentence);
            let text = saying.line(wanted.now);
            let mut fate = Fate::Unchanged;
            if newer {
                row.seen = saying.seen;
                if text != row.line {
                    row.next.clone_from(&text);
                    row.said = wanted.now;
                    self.lines[*at] = Line::New { id: saying.id.clone(), text };
                    fate = Fate::Updated;
                }
            }
            self.fates.push((saying.id.clone(), fate));
        }
    }

    /// Adds what is new: before the first line of ours that is worth less, as long as there is room.
    fn add(&mut self, wanted: &Wanted) {
        let rank: HashMap<&str, usize> =
            wanted.sayings.iter().enumerate().map(|(rank, saying)| (saying.id.as_str(), rank)).collect();
        let mut here: HashSet<String> =
            self.lines.iter().filter_map(|line| line.id().map(str::to_owned)).collect();
        // First and last line, and the heading of a new block.
        let taken = 2 + self.lines.len() + usize::from(self.fresh);
        let mut room = MOST_LINES.saturating_sub(taken);
        for saying in wanted.sayings.iter().filter(|saying| !wanted.leaves.contains_key(&saying.id)) {
            if here.contains(&saying.id) {
                continue;
            }
            let row = self.remembered.iter().position(|row| row.id == saying.id);
            let away = row.and_then(|row| match self.remembered[row].state {
                State::Dismissed => Some(Fate::Dismissed),
                State::Expired if saying.seen <= self.remembered[row].seen => Some(Fate::StaysAway),
                _ => None,
            });
            let fate = match away {
                Some(fate) => fate,
                None if !is_fit(&saying.sentence) => Fate::Unfit,
                None if room == 0 => Fate::NoRoom,
                None => {
                    room -= 1;
                    here.insert(saying.id.clone());
                    let text = saying.line(wanted.now);
                    let new = Remembered {
                        id: saying.id.clone(),
                        line: String::new(),
                        next: text.clone(),
                        said: wanted.now,
                        seen: saying.seen,
                        state: State::Written,
                    };
                    match row {
                        Some(row) => self.remembered[row] = new,
                        None => self.remembered.push(new),
                    }
                    self.put(Line::New { id: saying.id.clone(), text }, &rank);
                    Fate::Added
                }
            };
            self.fates.push((saying.id.clone(), fate));
        }
    }

    fn put(&mut self, line: Line<'a>, rank: &HashMap<&str, usize>) {
        let of = |line: &Line| line.id().map(|id| rank.get(id).copied().unwrap_or(usize::MAX));
        let own = of(&line);
        let less = self.lines.iter().position(|other| of(other).is_some_and(|other| own < Some(other)));
        let after_ours = || self.lines.iter().rposition(|line| line.id().is_some()).map(|last| last + 1);
        let at = less.or_else(after_ours).unwrap_or(self.lines.len());
        self.lines.insert(at, line);
    }

    fn changes(&self) -> bool {
        self.lines.iter().any(|line| matches!(line, Line::New { .. }))
            || self.fates.iter().any(|(_, fate)| matches!(fate, Fate::Expired(_)))
    }

    /// The bytes between the first line and the last; `None` when nothing is said and the block goes.
    fn written(&self, end: &str) -> Option<Vec<u8>> {
        let only_heading =
            |line: &Line| matches!(line, Line::Kept(whole) if place::text(whole) == HEADING.as_bytes());
        if self.lines.iter().all(only_heading) {
            return None;
        }
        let mut inner = Vec::new();
        if self.fresh {
            inner.extend_from_slice(HEADING.as_bytes());
            inner.extend_from_slice(end.as_bytes());
        }
        for line in &self.lines {
            match line {
                Line::Kept(whole) | Line::Ours { whole, .. } => inner.extend_from_slice(whole),
                Line::New { text, .. } => {
                    inner.extend_from_slice(text.as_bytes());
                    inner.extend_from_slice(end.as_bytes());
                }
            }
        }
        Some(inner)
    }
}

impl Saying {
    /// The line as it stands in the file.
    pub fn line(&self, now: Millis) -> String {
        let times = counted(usize::try_from(self.times).unwrap_or(usize::MAX), "time");
        format!("- {} ({times}, last {})", self.sentence, day(self.seen.unwrap_or(now)))
    }
}

/// The day of a moment (UTC) as it stands in a line: `2026-11-20`.
pub fn day(at: Millis) -> String {
    let day = jiff::Timestamp::from_millisecond(at.0)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    day.to_string()
}

/// Sentence and date of a line that has the shape of ours.
fn shape(text: &[u8]) -> Option<(&str, &str)> {
    let text = str::from_utf8(text).ok()?.strip_prefix("- ")?;
    let (sentence, tail) = text.rsplit_once(" (")?;
    let (times, date) = tail.strip_suffix(')')?.split_once(", last ")?;
    let number = times.strip_suffix(" times").or_else(|| times.strip_suffix(" time"))?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let dated = date.len() == 10 && date.split('-').count() == 3 && date.split('-').all(digits);
    (digits(number) && dated).then_some((sentence, date))
}

/// True for a sentence that is one line of Markdown and can neither end the block nor hide anything.
pub fn is_fit(sentence: &str) -> bool {
    let hides = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
    };
    !sentence.is_empty()
        && sentence.trim() == sentence
        && sentence.chars().nth(LONGEST).is_none()
        && !sentence.chars().any(hides)
        && !["<!--", "-->", "headroom:learn"].iter().any(|word| sentence.contains(word))
}

#[cfg(test)]
mod tests;

//! What arrived and what was sent, beside each other, for people.
//!
//! Text in, text out. *Invariant:* no byte of a tool's output reaches the terminal as a command: control characters
//! are shown as pictures, those that turn the direction of a line by their number. *Invariant:* time and what is given
//! back are bounded by the lengths of the texts; a brief view by [`ROWS`] rows.

use anstyle::{AnsiColor, Style};
use similar::{Algorithm, DiffOp, capture_diff_slices};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write;
use std::ops::Range;
use unicode_width::UnicodeWidthChar;

/// How two texts are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The arrangement.
    pub layout: Layout,
    /// How much of them.
    pub depth: Depth,
}

/// How lines are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// For a pipe: `-` before what arrived and was not sent, `+` before what was sent in its place; no colour.
    Plain,
    /// The same in colour.
    Unified,
    /// What arrived on the left, what was sent on the right, on a terminal of so many columns.
    Beside(usize),
}

/// How much of the texts is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Long stretches and long lines are cut, and how much was cut is said there.
    Brief,
    /// Every letter.
    Full,
}

/// Rows of a brief view at most.
pub const ROWS: usize = 120;

/// Columns below which two texts do not fit beside each other.
pub const NARROW: usize = 100;

/// Lines that stay around a change, and at both ends of a stretch that is left out of the view.
const AROUND: usize = 3;

/// Lines of a stretch, beyond the ones around it, that are worth a line that says they are not shown.
const WORTH_A_GAP: usize = 2;

/// Lines that one line may take in a column of a brief view.
const BRIEF_LINES: usize = 3;

/// Columns of a line in a brief view where no terminal says how many there are.
const LONG: usize = 240;

/// Lines times differing lines above which the texts are compared in one pass, which finds less.
const PATIENCE: usize = 20_000_000;

/// Spaces that a line of JSON, laid out for reading, is indented by at most.
const DEEPEST: usize = 40;

impl View {
    /// The view for a reader with so many columns; `None` for a pipe.
    pub fn of(columns: Option<usize>, depth: Depth) -> View {
        let layout = match columns {
            None => Layout::Plain,
            Some(columns) if columns < NARROW => Layout::Unified,
            Some(columns) => Layout::Beside(columns),
        };
        View { layout, depth }
    }
}

/// What arrived against what was sent. Every line of what is given back ends with a line end.
pub fn both(arrived: &str, sent: &str, view: View) -> String {
    let (left, right) = (laid_out(arrived), laid_out(sent));
    let mut page = Page::new(view);
    if matches!(left, Cow::Owned(_)) || matches!(right, Cow::Owned(_)) {
        page.note("JSON in one line, laid out here for reading");
    }
    let (left, right): (Vec<&str>, Vec<&str>) = (left.lines().collect(), right.lines().collect());
    for hunk in hunks(&left, &right) {
        match hunk {
            Hunk::Same(old, new) => page.same(&left[old], &right[new]),
            Hunk::Changed(old, new) => page.changed(&left[old], &right[new]),
        }
    }
    page.text
}

/// One text alone, where the other is not kept.
pub fn alone(text: &str, view: View) -> String {
    let laid_out = laid_out(text);
    let lines: Vec<&str> = laid_out.lines().collect();
    let mut page = Page::new(View { layout: Layout::Plain, ..view });
    page.same(&lines, &lines);
    page.text
}

/// `text` with nothing in it that a terminal would obey: one line, tabs as spaces.
pub fn safe(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut column = 0;
    for letter in text.chars() {
        match letter {
            '\t' => {
                let spaces = 4 - column % 4;
                shown.extend(std::iter::repeat_n(' ', spaces));
                column += spaces;
            }
            '\0'..='\x1f' => shown.push(char::from_u32(0x2400 + u32::from(letter)).unwrap_or('?')),
            '\x7f' => shown.push('\u{2421}'),
            // C1; what is not seen or turns a line round; tags; the private line and paragraph ends.
            '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}' => {
                let _ = write!(shown, "<U+{:04X}>", u32::from(letter));
            }
            letter => shown.push(letter),
        }
        column += usize::from(letter != '\t');
    }
    shown
}

/// A stretch of both texts.
enum Hunk {
    Same(Range<usize>, Range<usize>),
    Changed(Range<usize>, Range<usize>),
}

/// The two texts as stretches that are the same and stretches that are not, in order.
fn hunks(old: &[&str], new: &[&str]) -> Vec<Hunk> {
    let fits = |one: &&str, other: &&str| one == other;
    let head = old.iter().zip(new).take_while(|(one, other)| fits(one, other)).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| fits(a, b)).count();
    let (old_rest, new_rest) = (&old_rest[..old_rest.len() - tail], &new_rest[..new_rest.len() - tail]);
    let lines = old_rest.len() + new_rest.len();
    let mut hunks = Vec::new();
    if 0 < head {
        hunks.push(Hunk::Same(0..head, 0..head));
    }
    let pairs = match lines.saturating_mul(lines) {
        work if work < PATIENCE => compared(old_rest, new_rest),
        _ => in_one_pass(old_rest, new_rest),
    };
    let (mut at_old, mut at_new) = (0, 0);
    for (old_from, new_from, length) in pairs.into_iter().chain([(old_rest.len(), new_rest.len(), 0)]) {
        if at_old < old_from || at_new < new_from {
            hunks.push(Hunk::Changed(head + at_old..head + old_from, head + at_new..head + new_from));
        }
        (at_old, at_new) = (old_from + length, new_from + length);
        if 0 < length {
            hunks.push(Hunk::Same(head + old_from..head + at_old, head + new_from..head + at_new));
        }
    }
    if 0 < tail {
        hunks.push(Hunk::Same(old.len() - tail..old.len(), new.len() - tail..new.len()));
    }
    hunks
}

/// Where and how long both are the same, by the best comparison there is.
fn compared(old: &[&str], new: &[&str]) -> Vec<(usize, usize, usize)> {
    let same = |op: DiffOp| match op {
        DiffOp::Equal { old_index, new_index, len } => Some((old_index, new_index, len)),
        _ => None,
    };
    capture_diff_slices(Algorithm::Myers, old, new).into_iter().filter_map(same).collect()
}

/// Where both are the same, found in one pass: each line that was sent stands at the first place behind the last
/// one where it stood in what arrived. That is right for a text that something was left out of.
fn in_one_pass(old: &[&str], new: &[&str]) -> Vec<(usize, usize, usize)> {
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, line) in old.iter().enumerate() {
        places.entry(line).or_default().push(place);
    }
    let mut pairs: Vec<(usize, usize, usize)> = Vec::new();
    let mut from = 0;
    for (at, line) in new.iter().enumerate() {
        let Some(places) = places.get(line) else { continue };
        let Some(&place) = places.get(places.partition_point(|place| *place < from)) else { continue };
        from = place + 1;
        match pairs.last_mut() {
            Some((old_from, new_from, length))
                if *old_from + *length == place && *new_from + *length == at =>
            {
                *length += 1;
            }
            _ => pairs.push((place, at, 1)),
        }
    }
    pairs
}

/// The lines as they are drawn.
struct Page {
    text: String,
    view: View,
    rows: usize,
    /// Rows that did not fit any more.
    over: usize,
}

/// How one side of a row is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Same,
    Gone,
    New,
}

impl Mark {
    fn sign(self) -> char {
        match self {
            Mark::Same => ' ',
            Mark::Gone => '-',
            Mark::New => '+',
        }
    }

    fn style(self) -> Style {
        match self {
            Mark::Same => Style::new(),
            Mark::Gone => AnsiColor::Red.on_default(),
            Mark::New => AnsiColor::Green.on_default(),
        }
    }
}

/// A line of one side, or how many are not shown there.
enum Row<'a> {
    Line(&'a str),
    Gap(usize),
}

impl Page {
    fn new(view: View) -> Page {
        Page { text: String::new(), view, rows: 0, over: 0 }
    }

    /// A stretch that both have.
    fn same(&mut self, left: &[&str], right: &[&str]) {
        for (left, right) in self.rows_of(left, AROUND).into_iter().zip(self.rows_of(right, AROUND)) {
            self.row(Some((left, Mark::Same)), Some((right, Mark::Same)));
        }
        self.end();
    }

    /// A stretch that differs.
    fn changed(&mut self, left: &[&str], right: &[&str]) {
        let (left, right) = (self.rows_of(left, AROUND), self.rows_of(right, ROWS / 2));
        if matches!(self.view.layout, Layout::Beside(_)) {
            let (mut left, mut right) = (left.into_iter(), right.into_iter());
            loop {
                let (gone, new) = (left.next(), right.next());
                if gone.is_none() && new.is_none() {
                    break;
                }
                self.row(gone.map(|row| (row, Mark::Gone)), new.map(|row| (row, Mark::New)));
            }
        } else {
            left.into_iter().for_each(|row| self.row(Some((row, Mark::Gone)), None));
            right.into_iter().for_each(|row| self.row(None, Some((row, Mark::New))));
        }
        self.end();
    }

    /// The lines of a stretch, with a gap in the middle of a long one.
    fn rows_of<'a>(&self, lines: &[&'a str], around: usize) -> Vec<Row<'a>> {
        let long = self.view.depth == Depth::Brief && 2 * around + WORTH_A_GAP < lines.len();
        if !long {
            return lines.iter().map(|line| Row::Line(line)).collect();
        }
        let (first, last) = (&lines[..around], &lines[lines.len() - around..]);
        let gap = Row::Gap(lines.len() - 2 * around);
        let first = first.iter().map(|line| Row::Line(line)).chain([gap]);
        first.chain(last.iter().map(|line| Row::Line(line))).collect()
    }

    fn row(&mut self, left: Option<(Row<'_>, Mark)>, right: Option<(Row<'_>, Mark)>) {
        if self.view.depth == Depth::Brief && ROWS <= self.rows {
            self.over += 1;
            return;
        }
        self.rows += 1;
        match self.view.layout {
            Layout::Beside(columns) => {
                // A sign and a space before either side, and three columns between.
                let width = columns.saturating_sub(7) / 2;
                let (left, right) = (self.cell(left, width), self.cell(right, width));
                for place in 0..left.len().max(right.len()) {
                    let (left, right) = (left.get(place), right.get(place));
                    let empty = Cell { sign: ' ', text: String::new(), style: Style::new() };
                    let (left, right) = (left.unwrap_or(&empty), right.unwrap_or(&empty));
                    let (ls, rs) = (left.style, right.style);
                    let pad = " ".repeat(width.saturating_sub(width_of(&left.text)));
                    let line = format!(
                        "{ls}{} {}{ls:#}{pad} │ {rs}{} {}{rs:#}",
                        left.sign, left.text, right.sign, right.text
                    );
                    let _ = writeln!(self.text, "{}", line.trim_end());
                }
            }
            layout => {
                let Some((row, mark)) = left.or(right) else { return };
                let style = if layout == Layout::Plain { Style::new() } else { mark.style() };
                let text = match row {
                    Row::Gap(lines) => not_shown(lines),
                    Row::Line(line) if self.view.depth == Depth::Full => safe(line),
                    Row::Line(line) => cut(line, LONG),
                };
                let line = format!("{style}{} {text}{style:#}", mark.sign());
                let _ = writeln!(self.text, "{}", line.trim_end());
            }
        }
    }

    /// One side of a row: some lines of a brief view, as many as it takes of a full one.
    fn cell(&self, side: Option<(Row<'_>, Mark)>, width: usize) -> Vec<Cell> {
        let Some((row, mark)) = side else { return Vec::new() };
        let of = |text| Cell { sign: mark.sign(), text, style: mark.style() };
        match row {
            Row::Gap(lines) => vec![of(not_shown(lines))],
            Row::Line(line) => {
                let shown = match self.view.depth {
                    Depth::Brief => cut(line, BRIEF_LINES * width),
                    Depth::Full => safe(line),
                };
                wrapped(&shown, width).into_iter().map(of).collect()
            }
        }
    }

    fn note(&mut self, said: &str) {
        let _ = writeln!(self.text, "  ({said})");
    }

    /// Says what did not fit, once, at the place where the view ends.
    fn end(&mut self) {
        if 0 < self.over && self.rows <= ROWS {
            self.rows = ROWS + 1;
            let _ = writeln!(self.text, "  ⋯ and more; --full shows all of it");
        }
    }
}

/// One line of one side.
struct Cell {
    sign: char,
    text: String,
    style: Style,
}

fn not_shown(lines: usize) -> String {
    format!("⋯ {} more lines", crate::text::grouped(i64::try_from(lines).unwrap_or(i64::MAX)))
}

fn width_of(text: &str) -> usize {
    text.chars().map(|letter| letter.width().unwrap_or(0)).sum()
}

/// The beginning of `line` that fits into so many columns; what does not is counted.
fn cut(line: &str, columns: usize) -> String {
    // No more than this of a line can be seen, whatever its letters are.
    let head = &line[..line.floor_char_boundary(columns.saturating_mul(8).saturating_add(64))];
    let shown = safe(head);
    if head.len() == line.len() && width_of(&shown) <= columns {
        return shown;
    }
    let letters = line.chars().count();
    let mut kept = String::new();
    let room = columns.saturating_sub(24);
    let mut width = 0;
    let mut taken = 0;
    for letter in head.chars() {
        let piece = safe(letter.encode_utf8(&mut [0; 4]));
        width += width_of(&piece);
        if room < width {
            break;
        }
        kept.push_str(&piece);
        taken += 1;
    }
    let over = crate::text::grouped(i64::try_from(letters - taken).unwrap_or(i64::MAX));
    format!("{kept}… {over} more letters")
}

/// `text` in lines of so many columns.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut width = 0;
    for letter in text.chars() {
        let its = letter.width().unwrap_or(0);
        if columns < width + its {
            lines.push(String::new());
            width = 0;
        }
        if let Some(line) = lines.last_mut() {
            line.push(letter);
        }
        width += its;
    }
    lines
}

/// JSON in one long line with line ends between its parts; anything else as it is. No letter of it is changed.
fn laid_out(text: &str) -> Cow<'_, str> {
    let one = text.trim();
    let is_json = one.starts_with(['[', '{']) && one.ends_with([']', '}']) && !one.contains('\n');
    if !is_json || one.len() < LONG || serde_json::from_str::<serde::de::IgnoredAny>(one).is_err() {
        return Cow::Borrowed(text);
    }
    let mut laid_out = String::with_capacity(one.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let mut letters = one.chars().peekable();
    let indent = |to: &mut String, depth: usize| {
        to.push('\n');
        to.extend(std::iter::repeat_n(' ', (2 * depth).min(DEEPEST)));
    };
    while let Some(letter) = letters.next() {
        if quoted {
            laid_out.push(letter);
            quoted = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            continue;
        }
        match letter {
            '"' => quoted = true,
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                indent(&mut laid_out, depth);
            }
            _ => {}
        }
        laid_out.push(letter);
        match letter {
            '{' | '[' => match letters.next_if(|next| matches!(next, '}' | ']')) {
                Some(close) => laid_out.push(close),
                None => {
                    depth += 1;
                    indent(&mut laid_out, depth);
                }
            },
            ',' => {
                // The line end stands for the space that some writers put there.
                letters.next_if_eq(&' ');
                indent(&mut laid_out, depth);
            }
            _ => {}
        }
    }
    Cow::Owned(laid_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAIN: View = View { layout: Layout::Plain, depth: Depth::Brief };
    const WHOLE: View = View { layout: Layout::Plain, depth: Depth::Full };

    #[test]
    fn what_was_left_out_stands_before_what_was_sent_for_it() {
        let arrived = "one\ntwo\nthree\nfour\n";
        let sent = "one\n[headroom: 2 lines left out]\nfour\n";
        assert_eq!(
            both(arrived, sent, PLAIN),
            "  one\n- two\n- three\n+ [headroom: 2 lines left out]\n  four\n"
        );
    }

    #[test]
    fn on_a_wide_terminal_they_stand_beside_each_other() {
        let view = View::of(Some(107), Depth::Brief);
        let shown = both("same\nwas\nwas too", "same\nis", view);
        let shown = anstream::adapter::strip_str(&shown).to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("  same ") && lines[0].ends_with("│   same"), "{shown}");
        assert!(lines[1].starts_with("- was ") && lines[1].ends_with("│ + is"), "{shown}");
        assert!(lines[2].starts_with("- was too") && lines[2].ends_with('│'), "{shown}");
        let bar = |line: &str| line.split('│').next().map(width_of);
        assert!(lines.iter().all(|line| bar(line) == bar(lines[0])), "{shown}");
    }

    #[test]
    fn wide_letters_take_two_columns() {
        let shown = both("漢字漢字", "x", View::of(Some(107), Depth::Full));
        let shown = anstream::adapter::strip_str(&shown).to_string();
        let before = shown.split('│').next().expect("a bar");
        assert_eq!(width_of(before), 2 + 50 + 1);
    }

    #[test]
    fn a_brief_view_says_what_it_leaves_out() {
        let arrived: String = (0..500).map(|line| format!("line {line}\n")).collect();
        let shown = both(&arrived, "[headroom: 500 lines left out]\n", PLAIN);
        assert!(shown.contains("- ⋯ 494 more lines\n"), "{shown}");
        assert!(shown.lines().count() < 12, "{shown}");
        let whole = both(&arrived, "[headroom: 500 lines left out]\n", WHOLE);
        assert_eq!(whole.lines().count(), 501);
        let long = "x".repeat(100_000);
        let shown = both(&long, "y", PLAIN);
        assert!(shown.contains("… 99,784 more letters"), "{shown}");
        assert!(both(&long, "y", WHOLE).contains(&long));
    }

    #[test]
    fn json_in_one_line_is_laid_out_and_keeps_every_letter() {
        let row = r#"{"id": 1, "name": "a, {b} \" c", "empty": [], "price": 1.50}"#;
        let json = format!("[{}]", [row; 10].join(","));
        let shown = laid_out(&json);
        assert!(shown.lines().count() > 40);
        let without = |text: &str| text.replace(['\n', ' '], "");
        assert_eq!(without(&shown), without(&json));
        assert!(shown.contains(r#"a, {b} \" c"#) && shown.contains("1.50") && shown.contains("[]"));
        assert_eq!(laid_out("no json, but long ".repeat(50).as_str()).lines().count(), 1);
    }

    #[test]
    fn a_hundred_thousand_lines_that_differ_are_compared_in_one_pass() {
        let old: Vec<String> = (0..100_000).map(|line| format!("line {line}")).collect();
        let new: Vec<String> = (0..100_000)
            .map(|line| if line % 3 == 0 { format!("line {line}") } else { format!("changed {line}") })
            .collect();
        let shown = both(&old.join("\n"), &new.join("\n"), PLAIN);
        assert!(shown.lines().count() <= ROWS + 2);
        assert!(shown.ends_with("--full shows all of it\n"));
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown_as_a_picture() {
        let cases = [
            ("\x1b[2J", "␛[2J"),
            ("a\u{202e}b", "a<U+202E>b"),
            ("\u{9b}31m", "<U+009B>31m"),
            ("bell\x07", "bell␇"),
            ("a\tb", "a   b"),
            ("\r", "␍"),
            ("é漢🙂", "é漢🙂"),
        ];
        for (text, shown) in cases {
            assert_eq!(safe(text), shown);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn no_text_reaches_the_terminal_as_a_command(
            arrived in any::<String>(), sent in any::<String>(), columns in proptest::option::of(0_usize..200), full in any::<bool>()
        ) {
            let depth = if full { Depth::Full } else { Depth::Brief };
            let view = View::of(columns, depth);
            let shown = both(&arrived, &sent, view);
            let ours = anstream::adapter::strip_str(&shown).to_string();
            prop_assert!(ours.chars().all(|letter| letter == '\n' || !letter.is_control()));
            if view.layout == Layout::Plain {
                prop_assert!(!shown.contains('\x1b'));
            }
        }

        /// Both texts can be read off the whole view.
        #[test]
        fn a_whole_view_holds_both_texts(
            arrived in proptest::collection::vec("[a-c]{1,2}", 0..40), sent in proptest::collection::vec("[a-c]{1,2}", 0..40)
        ) {
            let shown = both(&arrived.join("\n"), &sent.join("\n"), WHOLE);
            let side = |other: char| -> Vec<&str> {
                shown.lines().filter(|line| !line.starts_with(other)).map(|line| &line[2..]).collect()
            };
            prop_assert_eq!(side('+'), arrived.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert_eq!(side('-'), sent.iter().map(String::as_str).collect::<Vec<_>>());
        }

        #[test]
        fn one_pass_finds_all_of_a_text_that_something_was_left_out_of(
            lines in proptest::collection::vec("[a-e]", 0..60), kept in proptest::collection::vec(any::<bool>(), 60)
        ) {
            let old: Vec<&str> = lines.iter().map(String::as_str).collect();
            let new: Vec<&str> = old.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(line, _)| *line).collect();
            let found: usize = in_one_pass(&old, &new).iter().map(|(_, _, length)| length).sum();
            prop_assert_eq!(found, new.len());
        }
    }
}

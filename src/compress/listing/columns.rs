//! Columns without their padding: the same rows, in the same order.
//!
//! ```text
//! [headroom: nothing left out; columns without padding (=0 <3 <3 <3); A is `1/1 Running 0`]
//! NAME READY STATUS RESTARTS AGE
//! web-5d9c-x2k9p A 12d
//! | web-5d9c-q8r7t   0/1     CrashLoopBackOff   47         12d
//! ```
//!
//! What stands in several columns of many rows is told once, as a letter. A
//! line after `| ` stands as it was: what is no row, what is odd, what is asked
//! for. The result is decoded and compared before it is returned.

use super::letters::{self, Letters};
use super::rows::{self, Cut, Gap, MOST_COLUMNS, Row};
use crate::marker;
use crate::refusal::Refusal;
use std::ops::Range;

/// How a legend begins.
const NOTHING: &str = "nothing left out; columns without padding (";
/// What stands before what a letter is for.
const IS: &str = "; ";
/// What stands before a line that stands as it was.
const OTHER: &str = "| ";
/// Rows that make a table.
const FEW: usize = 4;
/// Rows that are looked at to find out how they are cut.
const LOOKED_AT: usize = 400;

/// A text cut into rows.
#[derive(Debug)]
pub struct Table<'a> {
    /// Its lines.
    pub lines: Vec<&'a str>,
    /// How rows are cut.
    pub cut: Cut,
    /// The cells of each line, none for what is no row.
    pub cells: Vec<Vec<Range<usize>>>,
}

impl<'a> Table<'a> {
    /// Cuts `text` into rows; `None` when too few lines are rows of the same columns.
    pub fn of(text: &'a str) -> Option<Table<'a>> {
        let lines: Vec<&str> = text.strip_suffix('\n').unwrap_or(text).split('\n').collect();
        let cut = best_cut(&lines)?;
        let mut found = Vec::new();
        let cells: Vec<Vec<Range<usize>>> = lines
            .iter()
            .map(|line| if cut.cells(line, &mut found) { found.clone() } else { Vec::new() })
            .collect();
        let rows = cells.iter().filter(|cells| !cells.is_empty()).count();
        (FEW <= rows && lines.len() <= rows * 2).then_some(Table { lines, cut, cells })
    }

    /// True for a row.
    pub fn is_row(&self, line: usize) -> bool {
        !self.cells[line].is_empty()
    }

    /// The text of a cell.
    pub fn cell(&self, line: usize, column: usize) -> &'a str {
        &self.lines[line][self.cells[line][column].clone()]
    }

    /// Rows that stand together, each run with its first line.
    fn runs(&self) -> (Vec<usize>, Vec<Vec<Row>>) {
        let mut starts = Vec::new();
        let mut runs: Vec<Vec<Row>> = Vec::new();
        let mut before = false;
        for (line, cells) in self.cells.iter().enumerate() {
            let row = !cells.is_empty();
            if row && !before {
                starts.push(line);
                runs.push(Vec::new());
            }
            if row && let Some(run) = runs.last_mut() {
                run.push(Row::of(self.lines[line], cells));
            }
            before = row;
        }
        (starts, runs)
    }
}

/// The cut that finds most padding in the first lines.
fn best_cut(lines: &[&str]) -> Option<Cut> {
    let looked_at = &lines[..lines.len().min(LOOKED_AT)];
    let mut counts: Vec<[usize; 2]> = Vec::new();
    let mut found = Vec::new();
    for line in looked_at {
        let mut each = [0; 2];
        for (count, cut) in each.iter_mut().zip([Cut::Words(usize::MAX), Cut::Wide(usize::MAX)]) {
            cut.cells(line, &mut found);
            *count = found.len();
        }
        counts.push(each);
    }
    // For words, as many columns as nearly all rows have; for wide gaps, as most have.
    let mut tries: Vec<Cut> = Vec::new();
    let mut words: Vec<usize> = counts.iter().map(|each| each[0]).filter(|count| 2 <= *count).collect();
    words.sort_unstable();
    for part in [20, 4] {
        if let Some(&count) = words.get(words.len() / part) {
            tries.push(Cut::Words(count.min(MOST_COLUMNS)));
        }
    }
    let mut wide: Vec<usize> = counts.iter().map(|each| each[1]).filter(|count| 2 <= *count).collect();
    wide.sort_unstable();
    let tabs = looked_at.iter().filter(|line| line.matches('\t').count() == 1).count();
    if looked_at.len() * 9 <= tabs * 10 {
        return Some(Cut::Tabs(2));
    }
    if let Some(&count) = wide.get(wide.len() / 2).filter(|count| **count <= MOST_COLUMNS) {
        tries.push(Cut::Wide(count));
    }
    tries.dedup();
    let padding = |cut: &Cut| {
        let (mut rows, mut blanks) = (0, 0);
        for line in looked_at {
            let mut found = Vec::new();
            if cut.cells(line, &mut found) {
                rows += 1;
                let cells: usize = found.iter().map(|cell| cell.len()).sum();
                blanks += (line.len() - cells + 1).saturating_sub(found.len());
            }
        }
        (rows, blanks)
    };
    let best = tries
        .into_iter()
        .map(|cut| (padding(&cut), cut))
        .filter(|((rows, _), _)| FEW <= *rows)
        .max_by_key(|((_, blanks), cut)| (*blanks, matches!(cut, Cut::Words(_)), cut.columns()))?;
    Some(best.1)
}

/// Tells `text` without padding; the lines that are `whole` stand as they were.
///
/// # Errors
/// [`Refusal::NoGain`] when it is not made of rows or would not be shorter, [`Refusal::NotVerified`] when
/// decoding did not give it back.
pub fn encode(text: &str, whole: impl Fn(usize) -> bool) -> Result<String, Refusal> {
    let table = Table::of(text).ok_or(Refusal::NoGain)?;
    if matches!(table.cut, Cut::Tabs(_)) {
        return Err(Refusal::NoGain);
    }
    let (starts, runs) = table.runs();
    let columns = table.cut.columns();
    let gaps: Vec<Gap> = (0..columns).map(|column| rows::gap(&runs, column)).collect();
    // A column whose cells have blanks ends with two.
    let wordy: Vec<bool> = (0..columns)
        .map(|column| {
            matches!(table.cut, Cut::Wide(_))
                && (0..table.lines.len())
                    .any(|line| table.is_row(line) && table.cell(line, column).contains(' '))
        })
        .collect();
    let layout = Layout { cut: table.cut, gaps, wordy, letters: Letters::of(&table) };
    let mut out = layout.written();
    let mut back = String::new();
    let (mut run, mut row) = (0, 0);
    for line in 0..table.lines.len() {
        let its = table.lines[line];
        let start = out.len();
        let mut same = false;
        if table.is_row(line) {
            if starts.get(run + 1) == Some(&line) {
                (run, row) = (run + 1, 0);
            }
            let widest = rows::widest(&runs[run]);
            let fits = layout.is_right(&runs[run][row], &widest);
            row += 1;
            if fits && !whole(line) {
                layout.write(&table, line, &mut out);
                // What would be read in another way stands as it is.
                back.clear();
                let read = layout.read(&out[start..]).filter(|_| !out[start..].starts_with(OTHER));
                same = read.is_some_and(|cells| {
                    layout.render(&cells, &widest, &mut back);
                    back == its
                });
            }
        }
        if !same {
            out.truncate(start);
            out.push_str(OTHER);
            out.push_str(its);
        }
        out.push('\n');
    }
    if !text.ends_with('\n') {
        out.pop();
    }
    if text.len() <= out.len() {
        return Err(Refusal::NoGain);
    }
    if decode_within(&out, text.len()).as_deref() == Some(text) { Ok(out) } else { Err(Refusal::NotVerified) }
}

/// The text that [`encode`] told; `None` for what it has not made, and for a text of more than 256 MiB.
#[cfg(test)]
pub fn decode(told: &str) -> Option<String> {
    decode_within(told, 256 << 20)
}

/// The same, for a text of `most` bytes or fewer.
fn decode_within(told: &str, most: usize) -> Option<String> {
    let (first, body) = told.split_once('\n')?;
    let layout = Layout::of(first)?;
    let ended = body.ends_with('\n');
    let mut text = String::with_capacity(told.len() * 2);
    // Rows that stand together are as wide as their widest cells.
    let mut run: Vec<(Vec<&str>, Option<&str>)> = Vec::new();
    let close = |run: &mut Vec<(Vec<&str>, Option<&str>)>, text: &mut String| -> Option<()> {
        let widest: Vec<usize> = (0..layout.gaps.len())
            .map(|column| run.iter().map(|(cells, _)| letters_of(cells[column])).max().unwrap_or(0))
            .collect();
        for (cells, original) in run.drain(..) {
            match original {
                Some(line) => text.push_str(line),
                None => layout.render(&cells, &widest, text),
            }
            text.push('\n');
            if most + 1 < text.len() {
                return None;
            }
        }
        Some(())
    };
    let mut found = Vec::new();
    for line in body.strip_suffix('\n').unwrap_or(body).split('\n') {
        if let Some(other) = line.strip_prefix(OTHER) {
            if layout.cut.cells(other, &mut found) {
                run.push((found.iter().map(|cell| &other[cell.clone()]).collect(), Some(other)));
            } else {
                close(&mut run, &mut text)?;
                text.push_str(other);
                text.push('\n');
            }
        } else {
            run.push((layout.read(line)?, None));
        }
    }
    close(&mut run, &mut text)?;
    if !ended {
        text.pop();
    }
    Some(text)
}

fn letters_of(cell: &str) -> usize {
    if cell.is_ascii() { cell.len() } else { cell.chars().count() }
}

/// What must be known to read the told rows.
#[derive(Debug)]
struct Layout<'a> {
    cut: Cut,
    gaps: Vec<Gap>,
    wordy: Vec<bool>,
    letters: Letters<'a>,
}

impl<'a> Layout<'a> {
    fn written(&self) -> String {
        let columns: Vec<String> = self
            .gaps
            .iter()
            .zip(&self.wordy)
            .map(|(gap, wordy)| format!("{}{}", gap.told(), if *wordy { "\"" } else { "" }))
            .collect();
        let kind = if matches!(self.cut, Cut::Wide(_)) { "wide " } else { "" };
        let letters = self.letters.told();
        let letters = if letters.is_empty() { letters } else { format!("{IS}{letters}") };
        let mut written = marker::legend(&format!("{NOTHING}{kind}{}){letters}", columns.join(" ")));
        written.push('\n');
        written
    }

    fn of(line: &'a str) -> Option<Layout<'a>> {
        let said = line.strip_prefix(marker::OPEN)?.strip_suffix(']')?.strip_prefix(NOTHING)?;
        let (columns, letters) = said.split_once(')')?;
        let letters = match letters.strip_prefix(IS) {
            Some(letters) => Letters::read(letters)?,
            None => Letters::default(),
        };
        let (wide, columns) = columns.strip_prefix("wide ").map_or((false, columns), |rest| (true, rest));
        let mut gaps = Vec::new();
        let mut wordy = Vec::new();
        for told in columns.split(' ') {
            let plain = told.strip_suffix('"');
            wordy.push(plain.is_some());
            gaps.push(Gap::of(plain.unwrap_or(told))?);
        }
        let cut = if wide { Cut::Wide(gaps.len()) } else { Cut::Words(gaps.len()) };
        (gaps.len() <= MOST_COLUMNS).then_some(Layout { cut, gaps, wordy, letters })
    }

    fn is_right(&self, row: &Row, widest: &[usize]) -> bool {
        self.gaps.iter().enumerate().all(|(column, gap)| {
            let before = column.checked_sub(1).map_or(0, |before| widest[before]);
            gap.is_right(row, column, (before, widest[column]))
        })
    }

    fn render(&self, cells: &[&str], widest: &[usize], into: &mut String) {
        let mut before = (0, 0);
        for (column, cell) in cells.iter().enumerate() {
            let letters = letters_of(cell);
            let blanks = self.gaps[column].blanks(before.0, letters, (before.1, widest[column]));
            into.extend(std::iter::repeat_n(' ', blanks));
            into.push_str(cell);
            before = (letters, widest[column]);
        }
    }

    fn write(&self, table: &Table<'_>, line: usize, out: &mut String) {
        let columns = self.gaps.len();
        let mut column = 0;
        while column < columns {
            let (end, letter) = self.letters.of_row(table, line, column);
            match letter {
                Some(letter) => out.push(letter),
                None => out.push_str(table.cell(line, column)),
            }
            if end < columns {
                out.push_str(if letter.is_none() && self.wordy[column] { "  " } else { " " });
            }
            column = end;
        }
    }

    /// The cells of a told row.
    fn read<'t>(&self, line: &'t str) -> Option<Vec<&'t str>>
    where
        'a: 't,
    {
        let columns = self.gaps.len();
        let mut cells: Vec<&'t str> = Vec::with_capacity(columns);
        let mut rest = line;
        while cells.len() < columns {
            let column = cells.len();
            if let Some((letter, after)) = letters::first(rest)
                && let Some(values) = self.letters.values(column, letter)
            {
                cells.extend(values);
                rest = after;
                continue;
            }
            if column + 1 == columns {
                cells.push(std::mem::take(&mut rest));
                continue;
            }
            let (cell, after) = rest.split_once(if self.wordy[column] { "  " } else { " " })?;
            cells.push(cell);
            rest = after;
        }
        (rest.is_empty() && cells.len() == columns).then_some(cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(text: &str) -> String {
        let told = encode(text, |line| text.lines().nth(line).is_some_and(|line| line.contains("odd")))
            .expect("shorter");
        assert_eq!(decode(&told).as_deref(), Some(text));
        told
    }

    #[test]
    fn padding_is_left_out_and_comes_back() {
        let mut pods =
            format!("{:<24}   {:<5}   {:<16}   {:<10}   AGE\n", "NAME", "READY", "STATUS", "RESTARTS");
        for number in 0..9 {
            pods.push_str(&format!(
                "{:<24}   1/1     {:<16}   {:<10}   {}d\n",
                format!("web-5d9c7{number}-x2k9p"),
                "Running",
                "0",
                number * 3
            ));
        }
        pods.push_str(&format!(
            "{:<24}   0/1     {:<16}   {:<10}   4d\n",
            "web-odd-x2k9p", "CrashLoopBackOff", "3 (2d ago)"
        ));
        insta::assert_snapshot!(told(&pods), @r#"
        [headroom: nothing left out; columns without padding (wide =0 <11 <3 <3" <3); in column 2: A is `1/1  Running  0`]
        NAME READY STATUS RESTARTS  AGE
        web-5d9c70-x2k9p A 0d
        web-5d9c71-x2k9p A 3d
        web-5d9c72-x2k9p A 6d
        web-5d9c73-x2k9p A 9d
        web-5d9c74-x2k9p A 12d
        web-5d9c75-x2k9p A 15d
        web-5d9c76-x2k9p A 18d
        web-5d9c77-x2k9p A 21d
        web-5d9c78-x2k9p A 24d
        | web-odd-x2k9p              0/1     CrashLoopBackOff   3 (2d ago)   4d
        "#);
    }

    #[test]
    fn every_folder_of_a_long_listing_has_its_own_widths() {
        let mut text = String::new();
        for (folder, size) in [("src", 10_u64), ("src/wire", 123_456), ("docs", 7)] {
            text.push_str(&format!("{folder}:\ntotal {size}\n"));
            let width = (size * 9).to_string().len().max(4);
            for number in 1..9 {
                text.push_str(&format!(
                    "-rw-r--r-- 1 me staff {:>width$} Nov {:>2} 10:{number:02} part{number}.rs\n",
                    size * number,
                    number * 3
                ));
            }
            text.push_str(&format!("drwxr-xr-x 1 me staff {:>width$} Nov 20  2025 odd\n\n", 4096));
        }
        insta::assert_snapshot!(told(&text), @"
        [headroom: nothing left out; columns without padding (=0 =1 =1 =1 >1 =1 >1 >1 =1); in column 1: A is `-rw-r--r--  1  me  staff`, B is `drwxr-xr-x  1  me  staff`; in column 6: C is `Nov  3  10:01`, D is `Nov  6  10:02`, E is `Nov  9  10:03`, F is `Nov  12  10:04`, G is `Nov  15  10:05`, H is `Nov  18  10:06`, I is `Nov  21  10:07`, J is `Nov  24  10:08`, K is `Nov  20  2025`]
        | src:
        | total 10
        A 10 C part1.rs
        A 20 D part2.rs
        A 30 E part3.rs
        A 40 F part4.rs
        A 50 G part5.rs
        A 60 H part6.rs
        A 70 I part7.rs
        A 80 J part8.rs
        | drwxr-xr-x 1 me staff 4096 Nov 20  2025 odd
        | 
        | src/wire:
        | total 123456
        | -rw-r--r-- 1 me staff  123456 Nov  3 10:01 part1.rs
        | -rw-r--r-- 1 me staff  246912 Nov  6 10:02 part2.rs
        | -rw-r--r-- 1 me staff  370368 Nov  9 10:03 part3.rs
        | -rw-r--r-- 1 me staff  493824 Nov 12 10:04 part4.rs
        | -rw-r--r-- 1 me staff  617280 Nov 15 10:05 part5.rs
        | -rw-r--r-- 1 me staff  740736 Nov 18 10:06 part6.rs
        | -rw-r--r-- 1 me staff  864192 Nov 21 10:07 part7.rs
        | -rw-r--r-- 1 me staff  987648 Nov 24 10:08 part8.rs
        | drwxr-xr-x 1 me staff    4096 Nov 20  2025 odd
        | 
        | docs:
        | total 7
        A 7 C part1.rs
        A 14 D part2.rs
        A 21 E part3.rs
        A 28 F part4.rs
        A 35 G part5.rs
        A 42 H part6.rs
        A 49 I part7.rs
        A 56 J part8.rs
        | drwxr-xr-x 1 me staff 4096 Nov 20  2025 odd
        |
        ");
    }

    #[test]
    fn rows_of_fixed_widths_come_back() {
        let mut text =
            "USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\n".to_owned();
        for number in 1..30_u64 {
            text.push_str(&format!(
                "{:<8} {:>7} {:>4} {:>4} {:>6} {:>5} {:<8} {:<4} {:>5} {:>6} /usr/bin/worker --number {number}  --x\n",
                if number % 3 == 0 { "postgres" } else { "root" }, number * 977, "0.0", "1.2", number * number * 9_999, number * 1_000, "?", "Ss", "May02", format!("{number}:07")
            ));
        }
        let told = told(&text);
        assert!(told.len() * 10 < text.len() * 8, "{told}");
    }

    fn tables() -> impl Strategy<Value = String> {
        let cell = prop_oneof![4 => "[a-cA-C0-9]{1,5}", 1 => "\\PC{1,4}", 1 => "[a-c]{1,3} [a-c]{1,2}"];
        let row = proptest::collection::vec(cell, 4);
        (proptest::collection::vec(row, 4..30), 5..9_usize, any::<bool>(), "\\PC{0,9}").prop_map(
            |(rows, width, right, odd)| {
                let mut text = String::new();
                for (number, row) in rows.iter().enumerate() {
                    for cell in row {
                        if right {
                            text.push_str(&format!("{cell:>width$} "));
                        } else {
                            text.push_str(&format!("{cell:<width$}  "));
                        }
                    }
                    text.truncate(text.trim_end().len());
                    text.push('\n');
                    if number % 9 == 8 {
                        text.push_str(&odd);
                        text.push('\n');
                    }
                }
                text
            },
        )
    }

    proptest! {
        #[test]
        fn columns_decode_to_the_same_bytes(text in tables(), nth in 1..9_usize) {
            match encode(&text, |line| line % nth == 1) {
                Ok(told) => prop_assert_eq!(decode(&told), Some(text)),
                Err(because) => prop_assert_ne!(because, Refusal::NotVerified, "{:?}", text),
            }
        }

        #[test]
        fn reading_never_fails_badly(text in "\\PC{0,40}(\n\\PC{0,10}){0,6}", gap in "[=<>#/0-9\" ]{0,12}") {
            let _ = decode(&text);
            let _ = decode(&format!("[headroom: {NOTHING}{gap})]\n{text}"));
        }
    }
}

//! Where the block stands in a file, and the file with another one in its place.
//!
//! A marker is a line of its own, outside the code that the file quotes. *Invariant:* whatever is not the block is copied,
//! not read: a file may hold any bytes.

use super::{END, START};
use std::ops::Range;

/// Where a block stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// From the first byte of its first line to the end of its last, line end included.
    pub whole: Range<usize>,
    /// The lines between the first and the last.
    pub inner: Range<usize>,
}

/// Why it can't be told what is ours. Nothing is written then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// A first line without a last.
    #[error("line {line} begins a block of headroom's that does not end")]
    Open {
        /// Counted from 1.
        line: usize,
    },
    /// A last line without a first.
    #[error("line {line} ends a block of headroom's that did not begin")]
    Unopened {
        /// Counted from 1.
        line: usize,
    },
    /// More than one.
    #[error("line {line} begins a second block of headroom's")]
    Second {
        /// Counted from 1.
        line: usize,
    },
    /// Not in a coding that lines could be added in.
    #[error("it is written in UTF-16")]
    Wide,
    /// What would be written could not be found again.
    #[error("a block at its end would be part of something else")]
    Unclear,
}

impl BlockError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            BlockError::Open { .. } => {
                format!("write `{END}` on a line of its own behind what is headroom's, or take the line away")
            }
            BlockError::Unopened { .. } => format!(
                "take the line away, or write `{START}` on a line of its own before what is headroom's"
            ),
            BlockError::Second { .. } => "leave one of the blocks and take the other away".to_owned(),
            BlockError::Wide => "save it as UTF-8, or name another file with --target".to_owned(),
            BlockError::Unclear => {
                "look for an open comment or code fence in it, or name another file with --target".to_owned()
            }
        }
    }
}

/// Where the block stands; `None` when there is none. Linear in the file.
pub(super) fn find(bytes: &[u8]) -> Result<Option<Place>, BlockError> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(BlockError::Wide);
    }
    let quoted = quoted(bytes);
    let mut quoted = quoted.iter().peekable();
    let (mut open, mut place): (Option<(usize, Range<usize>)>, Option<Place>) = (None, None);
    let mut at = 0;
    for (number, row) in rows(bytes).enumerate() {
        let span = at..at + row.len();
        at = span.end;
        while quoted.next_if(|lines| lines.end <= number).is_some() {}
        if quoted.peek().is_some_and(|lines| lines.contains(&number)) {
            continue;
        }
        let line = number + 1;
        match marker(row, number == 0) {
            Some(START) if open.is_some() || place.is_some() => return Err(BlockError::Second { line }),
            Some(START) => open = Some((line, span)),
            Some(_) => match open.take() {
                Some((_, first)) => {
                    place = Some(Place { whole: first.start..span.end, inner: first.end..span.start });
                }
                None => return Err(BlockError::Unopened { line }),
            },
            None => {}
        }
    }
    match open {
        Some((line, _)) => Err(BlockError::Open { line }),
        None => Ok(place),
    }
}

/// The file with these lines in its block; `None`: without a block.
pub(super) fn with_block(bytes: &[u8], place: Option<&Place>, inner: Option<&[u8]>) -> Vec<u8> {
    match (place, inner) {
        (Some(place), None) => without(bytes, place),
        (Some(place), Some(inner)) => {
            [&bytes[..place.inner.start], inner, &bytes[place.inner.end..]].concat()
        }
        (None, None) => bytes.to_vec(),
        (None, Some(inner)) => {
            let end = line_end(bytes, None);
            let body = bytes.strip_prefix(BOM).unwrap_or(bytes);
            let end_of_line = end.as_bytes();
            // An empty line before it; and the file ends as it did before.
            let (before, after): (&[&[u8]], &[u8]) = match body.last() {
                None => (&[], end_of_line),
                Some(b'\n') => (&[end_of_line], end_of_line),
                Some(_) => (&[end_of_line, end_of_line], b""),
            };
            [bytes, &before.concat(), START.as_bytes(), end_of_line, inner, END.as_bytes(), after].concat()
        }
    }
}

/// The file without its block, and without the empty line that was put before it.
fn without(bytes: &[u8], place: &Place) -> Vec<u8> {
    let after = &bytes[place.whole.end..];
    let mut before = &bytes[..place.whole.start];
    // A BOM that stands before the block at the file's very beginning is the file's.
    if bytes.starts_with(BOM) && before.is_empty() {
        before = BOM;
    }
    let end = line_end(bytes, Some(place)).as_bytes();
    if let Some(shorter) = before.strip_suffix(end).filter(|shorter| shorter.ends_with(b"\n")) {
        // Where the file had no end of its last line, that was put there too.
        let unended = after.is_empty() && !bytes.ends_with(b"\n");
        before = shorter.strip_suffix(end).filter(|_| unended).unwrap_or(shorter);
    }
    [before, after].concat()
}

const BOM: &[u8] = b"\xef\xbb\xbf";

/// How lines of the block end: as its first does, else as the file's first does.
pub(super) fn line_end(bytes: &[u8], place: Option<&Place>) -> &'static str {
    let from = place.map_or(0, |place| place.whole.start);
    match rows(&bytes[from..]).next() {
        Some(row) if row.ends_with(b"\r\n") => "\r\n",
        _ => "\n",
    }
}

/// The lines, each with its end.
pub(super) fn rows(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n')
}

/// A line without its end.
pub(super) fn text(row: &[u8]) -> &[u8] {
    let row = row.strip_suffix(b"\n").unwrap_or(row);
    row.strip_suffix(b"\r").unwrap_or(row)
}

/// Which marker a line is.
fn marker(row: &[u8], first: bool) -> Option<&'static str> {
    let text = text(row);
    let text = if first { text.strip_prefix(BOM).unwrap_or(text) } else { text };
    let (text, indent) = outdented(text);
    let text = text.trim_ascii_end();
    [START, END].into_iter().find(|marker| indent < 4 && text == marker.as_bytes())
}

/// A line without the blanks that it begins with, and how many those are.
fn outdented(text: &[u8]) -> (&[u8], usize) {
    let indent = text.iter().take_while(|byte| **byte == b' ').count();
    (&text[indent..], indent)
}

/// The lines that a file quotes as code between fences, as ranges of line numbers from 0. A fence that is never closed
/// quotes nothing: everything behind it would be out of reach.
fn quoted(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut open: Option<(usize, u8, usize)> = None;
    for (number, row) in rows(bytes).enumerate() {
        let (text, indent) = outdented(text(row));
        let Some(&sign @ (b'`' | b'~')) = text.first().filter(|_| indent < 4) else { continue };
        let length = text.iter().take_while(|byte| **byte == sign).count();
        let behind = text[length..].trim_ascii();
        match open {
            None if 3 <= length && !(sign == b'`' && behind.contains(&b'`')) => {
                open = Some((number, sign, length))
            }
            Some((from, other, least)) if sign == other && least <= length && behind.is_empty() => {
                found.push(from..number + 1);
                open = None;
            }
            _ => {}
        }
    }
    found
}

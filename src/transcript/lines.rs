//! A file's lines, one at a time.
//!
//! *Invariant:* no more than one line is held, and none that is longer than [`LONGEST`]: those are passed over. *Invariant:*
//! ends at the length that the file had when it was opened: a writer that goes on writing does not keep a reader for ever.
//! Never looks into a line.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes of the longest line that is read: more than agents let a request have.
pub const LONGEST: usize = 32 << 20;

/// Bytes that are asked for at a time.
const CHUNK: usize = 256 << 10;

/// What stands before the first line of some files, and belongs to none.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of a file.
pub struct Lines<R> {
    from: R,
    buffer: Vec<u8>,
    /// Where in `buffer` the next line begins.
    start: usize,
    /// How much of `buffer` is filled.
    end: usize,
    /// Number of the line that was handed out last.
    number: u64,
    longest: usize,
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Which one, counted from 1.
    pub number: u64,
    /// Its bytes without its end; `None` when there are more than are read.
    pub bytes: Option<&'a [u8]>,
}

/// Opens a file for its first `most` bytes.
pub fn open(path: &Path, most: u64) -> io::Result<Lines<io::Take<File>>> {
    let about = std::fs::metadata(path)?;
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    Ok(Lines::of(file.take(length.min(most))))
}

impl<R: Read> Lines<R> {
    /// The lines of what `from` reads.
    pub fn of(from: R) -> Lines<R> {
        Lines { from, buffer: Vec::new(), start: 0, end: 0, number: 0, longest: LONGEST }
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// What the reading said.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        let Some((start, end)) = self.find()? else { return Ok(None) };
        self.number += 1;
        let bytes = match end {
            None => None,
            Some(end) => {
                let line = self.buffer.get(start..end).unwrap_or_default();
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                Some(if self.number == 1 { line.strip_prefix(MARK).unwrap_or(line) } else { line })
            }
        };
        Ok(Some(Line { number: self.number, bytes }))
    }

    /// Where the next line stands in the buffer; its end is `None` when it is too long to be held.
    fn find(&mut self) -> io::Result<Option<(usize, Option<usize>)>> {
        let mut looked = self.start;
        let mut too_long = false;
        loop {
            let fresh = self.buffer.get(looked..self.end).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', fresh) {
                let (start, end) = (self.start, looked + at);
                self.start = end + 1;
                let fits = !too_long && end - start <= self.longest;
                return Ok(Some((start, fits.then_some(end))));
            }
            if self.longest < self.end - self.start {
                too_long = true;
            }
            if too_long {
                (self.start, self.end) = (0, 0);
            }
            looked = self.end - self.start;
            if self.fill()? == 0 {
                let (start, end) = (self.start, self.end);
                self.start = end;
                let rest = start < end || too_long;
                return Ok(rest.then_some((start, (!too_long).then_some(end))));
            }
        }
    }

    /// Reads on, the unfinished line moved to the buffer's beginning; how many bytes came.
    fn fill(&mut self) -> io::Result<usize> {
        if 0 < self.start {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.buffer.len() < self.end + CHUNK {
            let room = (self.buffer.len() * 2).clamp(self.end + CHUNK, self.longest + 2 * CHUNK);
            self.buffer.resize(room.max(self.end + CHUNK), 0);
        }
        loop {
            match self.from.read(self.buffer.get_mut(self.end..).unwrap_or_default()) {
                Ok(came) => {
                    self.end += came;
                    return Ok(came);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All lines, too long ones as `None`.
    fn all(mut lines: Lines<impl Read>) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut found = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            found.push((line.number, line.bytes.map(<[u8]>::to_vec)));
        }
        found
    }

    /// Hands out a few bytes at a time.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let some = self.1.min(self.0.len()).min(to.len());
            to[..some].copy_from_slice(&self.0[..some]);
            self.0 = &self.0[some..];
            Ok(some)
        }
    }

    /// A line without end.
    struct Endless(u64);

    impl Read for Endless {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let some = to.len().min(usize::try_from(self.0).unwrap());
            to[..some].fill(b'x');
            self.0 -= some as u64;
            Ok(some)
        }
    }

    #[test]
    fn lines_end_as_on_any_system_and_the_last_one_may_have_no_end() {
        let cases: [(&[u8], &[&[u8]]); 6] = [
            (b"", &[]),
            (b"a\nb\n", &[b"a", b"b"]),
            (b"a\r\nb", &[b"a", b"b"]),
            (b"\n\n", &[b"", b""]),
            (b"\xef\xbb\xbfa\n\xef\xbb\xbfb", &[b"a", b"\xef\xbb\xbfb"]),
            (b"a\0b\xff\nc", &[b"a\0b\xff", b"c"]),
        ];
        for (text, want) in cases {
            let found: Vec<Vec<u8>> = all(Lines::of(text)).into_iter().filter_map(|line| line.1).collect();
            assert_eq!(found, want, "{text:?}");
        }
    }

    #[test]
    fn a_line_without_end_is_passed_over_in_bounded_memory() {
        let text = b"before\n".chain(Endless(200 << 20)).chain(&b"\nafter\n"[..]);
        let mut lines = Lines::of(text);
        assert_eq!(lines.next_line().unwrap().unwrap().bytes, Some(&b"before"[..]));
        assert_eq!(lines.next_line().unwrap().unwrap(), Line { number: 2, bytes: None });
        assert_eq!(lines.next_line().unwrap().unwrap(), Line { number: 3, bytes: Some(b"after") });
        assert!(lines.next_line().unwrap().is_none());
        assert!(lines.buffer.len() <= LONGEST + 4 * CHUNK, "{}", lines.buffer.len());
    }

    #[test]
    fn a_folder_is_no_file_of_lines() {
        assert!(open(&std::env::temp_dir(), u64::MAX).is_err());
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_the_bytes_come(text in "[a\r\n\0é]{0,60}", drop in 1usize..9, longest in 3usize..40) {
            let limited = |from| Lines { longest, ..Lines::of(from) };
            let want: Vec<_> = all(limited(Drops(text.as_bytes(), usize::MAX)));
            prop_assert_eq!(all(limited(Drops(text.as_bytes(), drop))), want.clone());
            let mut plain: Vec<&[u8]> = text.as_bytes().split(|&byte| byte == b'\n').collect();
            if plain.last().is_some_and(|last| last.is_empty()) {
                plain.pop();
            }
            prop_assert_eq!(want.len(), plain.len());
            for ((_, line), plain) in want.iter().zip(plain) {
                let whole = plain.strip_suffix(b"\r").unwrap_or(plain);
                prop_assert_eq!(line.as_deref(), (plain.len() <= longest).then_some(whole));
            }
        }
    }
}

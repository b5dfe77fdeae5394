//! Splits an event stream into events, for listening only.
//!
//! After the WHATWG's "Server-sent events" (§9.2.6 of the HTML standard): any
//! of the three line ends, comments, several data lines, a byte order mark.
//! *Invariant:* holds at most [`LONGEST_EVENT`] bytes; a longer event is skipped
//! whole. *Invariant:* never fails, whatever the bytes are.

/// The longest event that is listened to, in bytes of its name and data.
pub const LONGEST_EVENT: usize = 1 << 20;

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its name; empty when it has none.
    pub name: &'a [u8],
    /// Its data lines, joined by line feeds.
    pub data: &'a [u8],
}

/// Where we are in a stream.
#[derive(Debug, Default)]
pub struct Events {
    line: Vec<u8>,
    name: Vec<u8>,
    data: Vec<u8>,
    /// A data line was seen: an event without any is none.
    any_data: bool,
    /// The event is too long; its rest is not kept.
    skipping: bool,
    /// The last byte was a carriage return: a line feed after it ends nothing.
    after_return: bool,
    /// The byte order mark, if any, is behind us.
    begun: bool,
}

impl Events {
    /// Takes the next bytes and calls `each` for every event that ends in them.
    pub fn hear(&mut self, mut bytes: &[u8], mut each: impl FnMut(Event<'_>)) {
        while let Some(first) = bytes.first() {
            if std::mem::take(&mut self.after_return) && *first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) else {
                self.keep(bytes);
                return;
            };
            if self.line.is_empty() {
                // Most lines arrive whole: they are read where they lie.
                self.take_line(&bytes[..end], &mut each);
            } else {
                self.keep(&bytes[..end]);
                let line = std::mem::take(&mut self.line);
                self.take_line(&line, &mut each);
                self.line = line;
                self.line.clear();
            }
            self.after_return = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
        }
    }

    fn keep(&mut self, part: &[u8]) {
        if self.skipping || LONGEST_EVENT < self.held() + part.len() {
            self.skip();
            // Enough to know later that the line was not empty.
            self.line.extend_from_slice(&part[..part.len().min(1)]);
        } else {
            self.line.extend_from_slice(part);
        }
    }

    fn take_line(&mut self, line: &[u8], each: &mut impl FnMut(Event<'_>)) {
        let line = if self.begun { line } else { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) };
        self.begun = true;
        if line.is_empty() {
            return self.end_event(each);
        }
        if self.skipping {
            return;
        }
        if LONGEST_EVENT < self.held() + line.len() {
            return self.skip();
        }
        let (field, value) = match memchr::memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &line[line.len()..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(value);
            }
            b"data" => {
                if std::mem::replace(&mut self.any_data, true) {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
            }
            // Comments, ids, retry times and what is not known yet.
            _ => {}
        }
    }

    fn end_event(&mut self, each: &mut impl FnMut(Event<'_>)) {
        if self.any_data && !self.skipping {
            each(Event { name: &self.name, data: &self.data });
        }
        self.name.clear();
        self.data.clear();
        self.any_data = false;
        self.skipping = false;
    }

    fn skip(&mut self) {
        self.skipping = true;
        self.line = Vec::new();
        self.name = Vec::new();
        self.data = Vec::new();
    }

    fn held(&self) -> usize {
        self.line.len() + self.name.len() + self.data.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heard<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<(String, String)> {
        let mut events = Events::default();
        let mut heard = Vec::new();
        for piece in pieces {
            events.hear(piece, |event| {
                let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                heard.push((text(event.name), text(event.data)));
            });
        }
        heard
    }

    #[track_caller]
    fn check(stream: &str, want: &[(&str, &str)]) {
        let want: Vec<_> = want.iter().map(|(name, data)| ((*name).to_owned(), (*data).to_owned())).collect();
        assert_eq!(heard([stream.as_bytes()]), want, "{stream:?} whole");
        assert_eq!(heard(stream.as_bytes().chunks(1)), want, "{stream:?} byte by byte");
    }

    #[test]
    fn events_are_told_apart_as_the_standard_says() {
        check("event: a\ndata: 1\n\ndata: 2\n\n", &[("a", "1"), ("", "2")]);
        check("event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n", &[("a", "1"), ("", "2")]);
        check("data: 1\r\rdata: 2\r\r", &[("", "1"), ("", "2")]);
        check("data:1\ndata:  2\ndata\n\n", &[("", "1\n 2\n")]);
        check(": comment\n\nid: 4\nretry: 5\n\nevent: lonely\n\ndata:\n\n", &[("", "")]);
        check("\u{feff}data: 1\n\n", &[("", "1")]);
        check("data: half an event", &[]);
        check("data: half an event\n", &[]);
        check("\n\n\n", &[]);
        check("unknown: x\nevent:b\ndata: a:b:c\n\n", &[("b", "a:b:c")]);
    }

    #[test]
    fn an_endless_event_is_skipped_in_bounded_memory_and_the_next_one_is_heard() {
        for line in [&b"data: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"[..], b"xxxxxxxxxxxxxxxxxxxxxxxxx"] {
            let mut events = Events::default();
            let mut heard = Vec::new();
            for _ in 0..200_000 {
                events.hear(line, |event| heard.push(event.data.to_vec()));
                assert!(events.held() <= LONGEST_EVENT);
            }
            events.hear(b"\n\ndata: next\n\n", |event| heard.push(event.data.to_vec()));
            assert_eq!(heard, [b"next"]);
        }
    }

    proptest! {
        #[test]
        fn how_a_stream_is_cut_into_pieces_does_not_matter(
            lines in prop::collection::vec("(data|event|:|x)?(: ?)?[a-c\\x{ff}]{0,3}(\n|\r|\r\n|\n\n)", 0..30),
            cuts in prop::collection::vec(1usize..9, 1..40),
        ) {
            let stream = lines.concat().into_bytes();
            let mut rest = &stream[..];
            let mut pieces = Vec::new();
            for cut in cuts.iter().cycle().take(stream.len()) {
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            prop_assert_eq!(heard(pieces), heard([&stream[..]]));
        }
    }
}

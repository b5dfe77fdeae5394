//! Cuts an event stream into events without changing a byte of it.

use bytes::{Bytes, BytesMut};

/// An event that is longer goes on as it comes, unread.
const LONGEST: usize = 1 << 20;

/// What has come of a stream, and not yet a whole event.
#[derive(Debug, Default)]
pub(super) struct Events {
    waiting: BytesMut,
    /// From here on no end was looked for yet.
    looked: usize,
}

/// An event and its line ends, and the data in it.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) raw: Bytes,
    pub(super) data: serde_json::Value,
}

impl Event {
    /// An event that nobody sent.
    pub(super) fn of(data: serde_json::Value) -> Event {
        Event { raw: Bytes::from(format!("data: {data}\n\n")), data }
    }

    /// True when its data are these words.
    pub(super) fn says(&self, words: &[u8]) -> bool {
        data_of(&self.raw).is_some_and(|data| data.trim_ascii() == words)
    }

    /// True when it carries no data: a comment, to keep the line open.
    pub(super) fn is_silent(&self) -> bool {
        self.raw.split(|byte| *byte == b'\n' || *byte == b'\r').all(|line| line.is_empty() || line[0] == b':')
    }
}

impl Events {
    /// Takes the next bytes.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// The next whole event.
    pub(super) fn next(&mut self) -> Option<Event> {
        let end = self.end()?;
        self.looked = 0;
        let raw = self.waiting.split_to(end).freeze();
        let data = data_of(&raw).and_then(|data| serde_json::from_slice(&data).ok()).unwrap_or_default();
        Some(Event { raw, data })
    }

    /// What is left when the stream has ended in the middle of an event.
    pub(super) fn rest(&mut self) -> Bytes {
        self.looked = 0;
        self.waiting.split().freeze()
    }

    /// Where the first event ends: behind an empty line.
    fn end(&mut self) -> Option<usize> {
        let bytes = &self.waiting[..];
        let mut at = self.looked;
        while let Some(found) = memchr::memchr2(b'\n', b'\r', &bytes[at..]) {
            at += found;
            let line_end = if bytes[at..].starts_with(b"\r\n") { 2 } else { 1 };
            let next = at + line_end;
            match bytes.get(next..) {
                Some([b'\r', b'\n', ..]) => return Some(next + 2),
                Some([b'\n', ..]) => return Some(next + 1),
                // A carriage return alone may be the first half of a line end that is still to come.
                Some([b'\r', _, ..]) => return Some(next + 1),
                Some([b'\r'] | []) | None => break,
                _ => at = next,
            }
        }
        self.looked = at.min(bytes.len());
        (LONGEST < bytes.len()).then_some(bytes.len())
    }
}

/// An event's data lines, joined.
fn data_of(raw: &[u8]) -> Option<Vec<u8>> {
    let mut data: Option<Vec<u8>> = None;
    for line in raw.split(|byte| *byte == b'\n' || *byte == b'\r') {
        let Some(value) = line.strip_prefix(b"data:") else { continue };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &mut data {
            Some(data) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
            None => data = Some(value.to_vec()),
        }
    }
    data
}

/// The event anew, with other data.
pub(super) fn with_data(event: &Event, data: &serde_json::Value) -> Bytes {
    let name =
        event.raw.split(|byte| *byte == b'\n' || *byte == b'\r').find(|line| line.starts_with(b"event:"));
    let name = name.map(|line| format!("{}\n", String::from_utf8_lossy(line))).unwrap_or_default();
    Bytes::from(format!("{name}data: {data}\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_byte_is_lost_or_changed_however_a_stream_is_cut(
            lines in prop::collection::vec("(data: \\{\"a\":1\\}|event: b|: c|)(\n|\r\n|\r|\n\n|\r\n\r\n)", 0..30),
            piece in 1usize..20,
        ) {
            let stream = lines.concat().into_bytes();
            let mut events = Events::default();
            let mut came = Vec::new();
            for piece in stream.chunks(piece) {
                events.hear(piece);
                while let Some(event) = events.next() {
                    came.extend_from_slice(&event.raw);
                }
            }
            came.extend_from_slice(&events.rest());
            prop_assert_eq!(came, stream);
        }
    }

    #[test]
    fn an_event_ends_with_an_empty_line_of_any_kind() {
        for line_end in ["\n", "\r\n", "\r"] {
            let stream = ["event: x", "data: {\"a\":", "data: 1}", "", "data: 2", "", ""].join(line_end);
            let mut events = Events::default();
            let mut heard = Vec::new();
            for byte in stream.as_bytes() {
                events.hear(&[*byte]);
                while let Some(event) = events.next() {
                    heard.push(event.data.to_string());
                }
            }
            assert_eq!(heard[0], "{\"a\":1}", "{line_end:?}");
        }
    }
}

//! Splits Amazon's event stream into messages, for listening only.
//!
//! `application/vnd.amazon.eventstream`: total length, length of the headers, and
//! a checksum (four bytes each, the highest first), the headers, the payload, a
//! checksum. A payload is `{"bytes": "…"}`, the provider's own event in base64.
//! *Invariant:* holds at most [`LONGEST_EVENT`] bytes; a longer message is skipped
//! whole. *Invariant:* never fails; the checksums are the client's to look at.

use super::sse::LONGEST_EVENT;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// Bytes of a message before its headers.
const PRELUDE: usize = 12;

/// Bytes of a message behind its payload.
const CHECKSUM: usize = 4;

/// Where we are in a stream.
#[derive(Debug, Default)]
pub struct Frames {
    held: Vec<u8>,
    /// Bytes of a message that is too long, still to come.
    skip: usize,
    /// The stream is not what it says; nothing more is heard.
    lost: bool,
}

#[derive(Deserialize)]
struct Payload {
    bytes: String,
}

impl Frames {
    /// Takes the next bytes and calls `each` with every event that ends in them.
    pub fn hear(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8])) {
        while !bytes.is_empty() && !self.lost {
            if 0 < self.skip {
                let past = self.skip.min(bytes.len());
                self.skip -= past;
                bytes = &bytes[past..];
                continue;
            }
            let wanted = match self.lengths() {
                None => PRELUDE,
                Some((total, _)) => total,
            };
            let more = (wanted - self.held.len()).min(bytes.len());
            self.held.extend_from_slice(&bytes[..more]);
            bytes = &bytes[more..];
            self.look(&mut each);
        }
    }

    /// The total length and that of the headers, once they are there.
    fn lengths(&self) -> Option<(usize, usize)> {
        let number =
            |at: usize| Some(u32::from_be_bytes(self.held.get(at..at + 4)?.try_into().ok()?) as usize);
        self.held.get(..PRELUDE)?;
        Some((number(0)?, number(4)?))
    }

    fn look(&mut self, each: &mut impl FnMut(&[u8])) {
        let Some((total, headers)) = self.lengths() else { return };
        let Some(payload) = total.checked_sub(PRELUDE + CHECKSUM).filter(|rest| headers <= *rest) else {
            self.lost = true;
            self.held = Vec::new();
            return;
        };
        if LONGEST_EVENT < total {
            self.skip = total - self.held.len();
            self.held.clear();
        } else if self.held.len() == total {
            let payload = &self.held[PRELUDE + headers..PRELUDE + payload];
            if let Ok(payload) = serde_json::from_slice::<Payload>(payload)
                && let Ok(event) = STANDARD.decode(payload.bytes)
            {
                each(&event);
            }
            self.held.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A message as Bedrock writes it; the checksums are left empty.
    pub(crate) fn message(headers: &[u8], payload: &[u8]) -> Vec<u8> {
        let total = (PRELUDE + headers.len() + payload.len() + CHECKSUM) as u32;
        let mut message = total.to_be_bytes().to_vec();
        message.extend((headers.len() as u32).to_be_bytes());
        message.extend([0; 4]);
        message.extend(headers);
        message.extend(payload);
        message.extend([0; 4]);
        message
    }

    fn chunk(event: &str) -> Vec<u8> {
        let payload = format!(r#"{{"bytes":"{}","p":"abc"}}"#, STANDARD.encode(event));
        message(b"\x0b:event-type\x07\x00\x05chunk", payload.as_bytes())
    }

    fn heard<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let (mut frames, mut heard) = (Frames::default(), Vec::new());
        for piece in pieces {
            frames.hear(piece, |event| heard.push(String::from_utf8_lossy(event).into_owned()));
            assert!(frames.held.len() <= LONGEST_EVENT);
        }
        heard
    }

    #[test]
    fn every_event_is_heard_however_the_stream_is_cut() {
        let mut stream = chunk("{\"a\":1}");
        stream.extend(message(b"", b"no json"));
        stream.extend(message(b"", br#"{"bytes":"no base64!"}"#));
        stream.extend(message(b"", b""));
        stream.extend(message(b"", &vec![b'x'; LONGEST_EVENT]));
        stream.extend(chunk("b"));
        for piece in [1, 7, 1000, usize::MAX] {
            assert_eq!(heard(stream.chunks(piece)), ["{\"a\":1}", "b"], "in pieces of {piece}");
        }
    }

    #[test]
    fn what_is_no_event_stream_is_not_listened_to() {
        assert!(heard([&b"\0\0\0\x03\0\0\0\0aaaabbbb"[..]]).is_empty());
        assert!(heard([&b"\0\0\0\x20\0\0\0\x20aaaabbbb"[..]]).is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(prop_oneof![0u8..20, any::<u8>()], 0..200), piece in 1usize..50) {
            heard(bytes.chunks(piece));
        }
    }
}

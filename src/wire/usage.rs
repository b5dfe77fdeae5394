//! Overhears the usage in an answer, streaming or not.
//!
//! *Invariant:* takes a copy of what passes and has no way to hold it up or to
//! change it. *Invariant:* never fails: what it can't understand it skips, and
//! what is out of proportion it gives up.

use super::Wire;
use super::sse::Events;
use crate::receipt::Usage;
use crate::units::Tokens;
use serde::Deserialize;
use std::fmt;
use std::io::{self, Write};

/// The longest answer without a stream that is listened to, in bytes after decoding.
const LONGEST_ANSWER: usize = 1 << 20;

/// How much longer than its compressed form an answer may be. Event streams of models shrink to
/// about a twentieth; a bomb goes beyond a thousandth.
const MOST_EXPANSION: u64 = 200;

/// What may be decoded before the expansion is looked at, in bytes.
const FREE_EXPANSION: u64 = 1 << 20;

/// The largest window that a zstd answer may ask for, as a power of two (RFC 9659: 8 MB).
const ZSTD_WINDOW: u32 = 23;

/// Listens to an answer's bytes as they pass, and keeps the usage.
///
/// Holds at most 1 MiB, and beside it the window that a compressed answer asks for (at most
/// 16 MiB, for brotli). Never fails: what it can't understand it skips.
pub struct Listener {
    decoder: Decoder,
}

impl Listener {
    /// A listener for an answer of `wire` with these headers (`text/event-stream` or not; `gzip`, `br`, `zstd`, `deflate` or none).
    pub fn new(wire: Wire, content_type: &str, content_encoding: &str) -> Listener {
        let streaming = content_type
            .trim_start()
            .get(..17)
            .is_some_and(|kind| kind.eq_ignore_ascii_case("text/event-stream"));
        let form = if streaming { Form::Stream(Events::default()) } else { Form::Whole(Vec::new()) };
        let heard = Heard { wire, form, tally: Tally::default(), encoded: 0, decoded: 0 };
        Listener { decoder: Decoder::new(content_encoding, heard) }
    }

    /// Hears the next bytes, as they came over the wire.
    pub fn hear(&mut self, bytes: &[u8]) {
        self.decoder.hear(bytes);
    }

    /// Hears one event of a stream that came without the stream's framing: a message of a WebSocket.
    pub fn hear_event(&mut self, json: &[u8]) {
        if let Decoder::Identity(heard) = &mut self.decoder {
            heard.tally.add(heard.wire, json);
        }
    }

    /// The usage heard so far; `None` when there was none.
    pub fn usage(&self) -> Option<Usage> {
        let heard = self.decoder.heard()?;
        let mut tally = heard.tally;
        if let Form::Whole(answer) = &heard.form {
            tally.add(heard.wire, answer);
        }
        tally.usage(heard.wire)
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Listener").field("usage", &self.usage()).finish()
    }
}

/// Undoes a content coding, piece by piece, into what is heard.
enum Decoder {
    Identity(Heard),
    Gzip(Box<flate2::write::MultiGzDecoder<Heard>>),
    /// `deflate` means zlib, but some send it bare; the first byte tells.
    Deflate(Option<Heard>),
    Zlib(Box<flate2::write::ZlibDecoder<Heard>>),
    Bare(Box<flate2::write::DeflateDecoder<Heard>>),
    Brotli(Box<brotli_decompressor::DecompressorWriter<Heard>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Heard>>),
    /// An unknown coding, a broken one, or a bomb.
    Deaf,
}

impl Decoder {
    fn new(coding: &str, heard: Heard) -> Decoder {
        match coding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Decoder::Identity(heard),
            "gzip" | "x-gzip" => Decoder::Gzip(Box::new(flate2::write::MultiGzDecoder::new(heard))),
            "deflate" => Decoder::Deflate(Some(heard)),
            "br" => Decoder::Brotli(Box::new(brotli_decompressor::DecompressorWriter::new(heard, 4096))),
            "zstd" => {
                let bounded = zstd::stream::write::Decoder::new(heard)
                    .and_then(|mut decoder| decoder.window_log_max(ZSTD_WINDOW).map(|()| decoder));
                bounded.map_or(Decoder::Deaf, |decoder| Decoder::Zstd(Box::new(decoder)))
            }
            _ => Decoder::Deaf,
        }
    }

    fn hear(&mut self, bytes: &[u8]) {
        let (Some(first), more) = (bytes.first(), bytes.len() as u64) else { return };
        if let Decoder::Deflate(heard) = self
            && let Some(heard) = heard.take()
        {
            *self = if first & 0x0f == 8 {
                Decoder::Zlib(Box::new(flate2::write::ZlibDecoder::new(heard)))
            } else {
                Decoder::Bare(Box::new(flate2::write::DeflateDecoder::new(heard)))
            };
        }
        let understood = match self {
            Decoder::Identity(heard) => {
                heard.hear(bytes);
                Ok(())
            }
            Decoder::Gzip(it) => {
                it.get_mut().encoded += more;
                decode(it.as_mut(), bytes)
            }
            Decoder::Zlib(it) => {
                it.get_mut().encoded += more;
                decode(it.as_mut(), bytes)
            }
            Decoder::Bare(it) => {
                it.get_mut().encoded += more;
                decode(it.as_mut(), bytes)
            }
            Decoder::Brotli(it) => {
                it.get_mut().encoded += more;
                decode(it.as_mut(), bytes)
            }
            Decoder::Zstd(it) => {
                it.get_mut().encoded += more;
                decode(it.as_mut(), bytes)
            }
            Decoder::Deflate(_) | Decoder::Deaf => Ok(()),
        };
        if understood.is_err() {
            self.go_deaf();
        }
    }

    /// Keeps what was heard, and hears no more.
    fn go_deaf(&mut self) {
        let heard = self.heard().map(|heard| heard.tally);
        let wire = self.heard().map(|heard| heard.wire);
        *self = match (heard, wire) {
            (Some(tally), Some(wire)) => {
                Decoder::Identity(Heard { wire, form: Form::Nothing, tally, encoded: 0, decoded: 0 })
            }
            _ => Decoder::Deaf,
        };
    }

    fn heard(&self) -> Option<&Heard> {
        match self {
            Decoder::Identity(heard) => Some(heard),
            Decoder::Gzip(it) => Some(it.get_ref()),
            Decoder::Deflate(heard) => heard.as_ref(),
            Decoder::Zlib(it) => Some(it.get_ref()),
            Decoder::Bare(it) => Some(it.get_ref()),
            Decoder::Brotli(it) => Some(it.get_ref()),
            Decoder::Zstd(it) => Some(it.get_ref()),
            Decoder::Deaf => None,
        }
    }
}

/// All of `bytes`, and out of the decoder whatever they make complete.
fn decode(decoder: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    decoder.write_all(bytes)?;
    decoder.flush()
}

/// What was heard, in clear.
struct Heard {
    wire: Wire,
    form: Form,
    tally: Tally,
    encoded: u64,
    decoded: u64,
}

enum Form {
    Stream(Events),
    Whole(Vec<u8>),
    /// Given up.
    Nothing,
}

impl Heard {
    fn hear(&mut self, bytes: &[u8]) {
        match &mut self.form {
            Form::Stream(events) => {
                let (tally, wire) = (&mut self.tally, self.wire);
                events.hear(bytes, |event| {
                    // Few events tell of usage; a model that writes the word writes it escaped.
                    if memchr::memmem::find(event.data, b"\"usage\"").is_some() {
                        tally.add(wire, event.data);
                    }
                });
            }
            Form::Whole(answer) if LONGEST_ANSWER < answer.len() + bytes.len() => self.form = Form::Nothing,
            Form::Whole(answer) => answer.extend_from_slice(bytes),
            Form::Nothing => {}
        }
    }
}

/// What a decoder writes to.
impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.decoded += bytes.len() as u64;
        if FREE_EXPANSION.max(self.encoded.saturating_mul(MOST_EXPANSION)) < self.decoded {
            return Err(io::Error::other("out of proportion"));
        }
        self.hear(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The provider's figures, as far as they were heard. Anthropic's are cumulative and come in
/// parts (`message_start`, `message_delta`): a later figure replaces an earlier one, but an
/// input that was counted once is not uncounted by a zero that some gateways send at the end.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    input: Option<u64>,
    cache_read: Option<u64>,
    cache_written: Option<u64>,
    cache_written_5m: Option<u64>,
    cache_written_1h: Option<u64>,
    output: Option<u64>,
}

impl Tally {
    /// Reads one event's or answer's JSON; leaves everything as it was when it is none.
    fn add(&mut self, wire: Wire, json: &[u8]) {
        let Ok(said) = serde_json::from_slice::<Said>(json) else { return };
        let said = said.usage.or_else(|| said.message.and_then(|message| message.usage));
        let Some(said) = said else { return };
        match wire {
            Wire::Anthropic => {
                let split = said.cache_creation.unwrap_or_default();
                most(&mut self.input, said.input_tokens);
                most(&mut self.cache_read, said.cache_read_input_tokens);
                most(&mut self.cache_written, said.cache_creation_input_tokens);
                most(&mut self.cache_written_5m, split.ephemeral_5m_input_tokens);
                most(&mut self.cache_written_1h, split.ephemeral_1h_input_tokens);
                self.output = said.output_tokens.or(self.output);
            }
            Wire::OpenAiResponses | Wire::Gemini => {}
            Wire::OpenAiChat => {
                let details = said.prompt_tokens_details.unwrap_or_default();
                most(&mut self.input, said.prompt_tokens);
                most(&mut self.cache_read, details.cached_tokens);
                self.output = said.completion_tokens.or(self.output);
            }
        }
    }

    fn usage(self, wire: Wire) -> Option<Usage> {
        let read = self.cache_read.unwrap_or(0);
        let hour = self.cache_written_1h.unwrap_or(0);
        let written =
            self.cache_written.unwrap_or(0).max(self.cache_written_5m.unwrap_or(0).saturating_add(hour));
        let input = self.input.unwrap_or(0);
        (self.input.is_some() || self.output.is_some()).then(|| Usage {
            uncached: Tokens(match wire {
                Wire::Anthropic => input,
                // OpenAI counts what it read from the cache among the prompt's tokens.
                Wire::OpenAiChat | Wire::OpenAiResponses | Wire::Gemini => input.saturating_sub(read),
            }),
            cache_read: Tokens(read),
            cache_write_5m: Tokens(written - hour),
            cache_write_1h: Tokens(hour),
            output: Tokens(self.output.unwrap_or(0)),
        })
    }
}

fn most(kept: &mut Option<u64>, said: Option<u64>) {
    *kept = said.max(*kept);
}

#[derive(Deserialize)]
struct Said {
    usage: Option<SaidUsage>,
    message: Option<SaidMessage>,
}

#[derive(Deserialize)]
struct SaidMessage {
    usage: Option<SaidUsage>,
}

#[derive(Deserialize)]
struct SaidUsage {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation: Option<SaidSplit>,
    output_tokens: Option<u64>,
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<SaidDetails>,
}

#[derive(Default, Deserialize)]
struct SaidSplit {
    ephemeral_5m_input_tokens: Option<u64>,
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
struct SaidDetails {
    cached_tokens: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(uncached: u64, read: u64, five: u64, hour: u64, output: u64) -> Option<Usage> {
        Some(Usage {
            uncached: Tokens(uncached),
            cache_read: Tokens(read),
            cache_write_5m: Tokens(five),
            cache_write_1h: Tokens(hour),
            output: Tokens(output),
        })
    }

    fn heard(wire: Wire, kind: &str, coding: &str, body: &[u8], piece: usize) -> Option<Usage> {
        let mut listener = Listener::new(wire, kind, coding);
        body.chunks(piece).for_each(|piece| listener.hear(piece));
        listener.usage()
    }

    const STREAM: &str = "event: message_start\n\
        data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":3,\
        \"cache_creation_input_tokens\":700,\"cache_read_input_tokens\":9000,\"cache_creation\":\
        {\"ephemeral_5m_input_tokens\":200,\"ephemeral_1h_input_tokens\":500},\"output_tokens\":1}}}\n\n\
        event: content_block_delta\n\
        data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"\\\"usage\\\": {\\\"output_tokens\\\": 5}\"}}\n\n\
        : a comment\n\n\
        event: tomorrows_event\ndata: no json \"usage\"\n\n\
        event: message_delta\n\
        data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":42}}\n\n\
        event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

    #[test]
    fn a_streamed_answers_usage_is_its_start_and_its_last_delta() {
        for piece in [1, 2, 7, 64, 100_000] {
            let got =
                heard(Wire::Anthropic, "text/event-stream; charset=utf-8", "", STREAM.as_bytes(), piece);
            assert_eq!(got, usage(3, 9000, 200, 500, 42), "in pieces of {piece}");
        }
    }

    #[test]
    fn what_was_heard_before_a_stream_broke_counts() {
        let half = STREAM.find("event: message_delta").unwrap() + 60;
        let got = heard(Wire::Anthropic, "text/event-stream", "", &STREAM.as_bytes()[..half], 10);
        assert_eq!(got, usage(3, 9000, 200, 500, 1));
    }

    #[test]
    fn figures_are_read_wherever_a_provider_puts_them() {
        let cases = [
            (
                Wire::Anthropic,
                r#"{"type":"message","usage":{"input_tokens":10,"cache_creation_input_tokens":5,"output_tokens":7}}"#,
                usage(10, 0, 5, 0, 7),
            ),
            (
                Wire::Anthropic,
                r#"{"usage":{"input_tokens":1,"cache_creation":{"ephemeral_1h_input_tokens":4},"output_tokens":2}}"#,
                usage(1, 0, 0, 4, 2),
            ),
            (Wire::Anthropic, r#"{"type":"error","error":{"message":"overloaded"}}"#, None),
            (Wire::Anthropic, r#"{"usage":null}"#, None),
            (Wire::Anthropic, r#"{"usage":{"input_tokens":-1}}"#, None),
            (Wire::Anthropic, "<html>", None),
            (Wire::Anthropic, "", None),
            (
                Wire::OpenAiChat,
                r#"{"usage":{"prompt_tokens":100,"completion_tokens":9,"prompt_tokens_details":{"cached_tokens":64}}}"#,
                usage(36, 64, 0, 0, 9),
            ),
        ];
        for (wire, body, want) in cases {
            assert_eq!(heard(wire, "application/json", "identity", body.as_bytes(), 3), want, "{body}");
        }
        let last = "data: {\"choices\":[],\"usage\":null}\n\ndata: {\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";
        assert_eq!(
            heard(Wire::OpenAiChat, "text/event-stream", "", last.as_bytes(), 4),
            usage(5, 0, 0, 0, 2)
        );
    }

    #[test]
    fn a_zero_at_the_end_does_not_undo_what_was_counted_at_the_start() {
        let end = "data: {\"type\":\"message_delta\",\"usage\":{\"input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":50}}\n\n";
        let stream = format!("{STREAM}{end}");
        assert_eq!(
            heard(Wire::Anthropic, "text/event-stream", "", stream.as_bytes(), 9),
            usage(3, 9000, 200, 500, 50)
        );
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        to.write_all(bytes).unwrap();
        to.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut to = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        to.write_all(bytes).unwrap();
        to.finish().unwrap()
    }

    fn bare(bytes: &[u8]) -> Vec<u8> {
        let mut to = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        to.write_all(bytes).unwrap();
        to.finish().unwrap()
    }

    /// `STREAM` in brotli, uncompressed meta-blocks: we have no encoder.
    fn brotli(bytes: &[u8]) -> Vec<u8> {
        // Window of 16 bits (one bit 0); then per block: not last (0), four nibbles of length (00),
        // length - 1 (16 bits), uncompressed (1), padded to a byte.
        let mut coded = Vec::new();
        for (number, block) in bytes.chunks(60_000).enumerate() {
            let header = ((block.len() as u32 - 1) << 3) | (1 << 19);
            let header = if number == 0 { header << 1 } else { header };
            coded.extend_from_slice(&header.to_le_bytes()[..3]);
            coded.extend_from_slice(block);
        }
        coded.push(3);
        coded
    }

    #[test]
    fn compressed_answers_are_heard_too() {
        let clear = STREAM.as_bytes();
        let coded: [(&str, Vec<u8>); 6] = [
            ("gzip", gzip(clear)),
            ("X-Gzip", gzip(clear)),
            ("deflate", zlib(clear)),
            ("deflate", bare(clear)),
            ("br", brotli(clear)),
            ("zstd", zstd::encode_all(clear, 3).unwrap()),
        ];
        for (coding, body) in coded {
            for piece in [1, 5, 100_000] {
                let got = heard(Wire::Anthropic, "text/event-stream", coding, &body, piece);
                assert_eq!(got, usage(3, 9000, 200, 500, 42), "{coding} in pieces of {piece}");
            }
        }
        for unknown in ["gzip, br", "snappy"] {
            assert_eq!(heard(Wire::Anthropic, "text/event-stream", unknown, clear, 50), None);
        }
        for coding in ["gzip", "deflate", "br", "zstd"] {
            assert_eq!(
                heard(Wire::Anthropic, "text/event-stream", coding, clear, 50),
                None,
                "no {coding} at all"
            );
        }
    }

    #[test]
    fn a_bomb_is_given_up_and_what_was_heard_before_it_stays() {
        let mut bomb = STREAM.as_bytes().to_vec();
        bomb.resize(bomb.len() + (64 << 20), b' ');
        for (coding, body) in [("gzip", gzip(&bomb)), ("zstd", zstd::encode_all(&bomb[..], 3).unwrap())] {
            let mut listener = Listener::new(Wire::Anthropic, "text/event-stream", coding);
            body.chunks(16 << 10).for_each(|piece| listener.hear(piece));
            assert_eq!(listener.usage(), usage(3, 9000, 200, 500, 42), "{coding}");
            assert!(
                matches!(listener.decoder, Decoder::Identity(Heard { form: Form::Nothing, .. })),
                "{coding}"
            );
        }
    }

    #[test]
    fn an_answer_that_is_too_long_is_given_up() {
        let mut listener = Listener::new(Wire::Anthropic, "application/json", "");
        for _ in 0..3000 {
            listener.hear(&[b' '; 1000]);
        }
        listener.hear(br#"{"usage":{"input_tokens":1}}"#);
        assert_eq!(listener.usage(), None);
    }
}

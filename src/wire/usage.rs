//! Overhears the usage in an answer, streaming or not; and what a later request may build on.
//!
//! *Invariant:* takes a copy of what passes and has no way to hold it up or to
//! change it. *Invariant:* never fails: what it can't understand it skips, and
//! what is out of proportion it gives up.

use super::Wire;
use super::elements::Elements;
use super::frames::Frames;
use super::sse::Events;
use crate::conversation::{Answer, Arguments, Call};
use crate::receipt::Usage;
use crate::units::Tokens;
use serde::Deserialize;
use serde_json::value::RawValue;
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
    /// A listener for an answer of `wire` with these headers (`text/event-stream`, Amazon's event
    /// stream, or a plain body; `gzip`, `br`, `zstd`, `deflate` or none).
    pub fn new(wire: Wire, content_type: &str, content_encoding: &str) -> Listener {
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let form = match kind.as_str() {
            "text/event-stream" => Form::Stream(Events::default()),
            "application/vnd.amazon.eventstream" => Form::Frames(Frames::default()),
            _ if wire == Wire::Gemini => Form::Elements(Elements::default()),
            _ => Form::Whole(Vec::new()),
        };
        let heard = Heard { said: SoFar::of(wire), form, encoded: 0, decoded: 0 };
        Listener { decoder: Decoder::new(content_encoding, heard) }
    }

    /// Hears the next bytes, as they came over the wire.
    pub fn hear(&mut self, bytes: &[u8]) {
        self.decoder.hear(bytes);
    }

    /// Hears one event of a stream that came without the stream's framing: a message of a WebSocket.
    pub fn hear_event(&mut self, json: &[u8]) {
        if let Decoder::Identity(heard) = &mut self.decoder {
            heard.said.hear(json);
        }
    }

    /// The usage heard so far; `None` when there was none.
    pub fn usage(&self) -> Option<Usage> {
        let said = &self.decoder.heard()?.said;
        said.tally.usage(said.wire)
    }

    /// What the provider answered, on a wire where a later request may build on it; `None`
    /// until the answer is complete.
    pub fn answer(&self) -> Option<&Answer> {
        let said = &self.decoder.heard()?.said;
        said.complete.then_some(&said.answer)
    }

    /// All bytes have been heard: an answer that came in one piece is read.
    pub fn end(&mut self) {
        if let Some(heard) = self.decoder.heard_mut()
            && let Form::Whole(answer) = std::mem::replace(&mut heard.form, Form::Nothing)
        {
            heard.said.read(&answer);
        }
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
        let said = self.heard_mut().map(|heard| {
            let wire = heard.said.wire;
            std::mem::replace(&mut heard.said, SoFar::of(wire))
        });
        *self = match said {
            Some(said) => Decoder::Identity(Heard { said, form: Form::Nothing, encoded: 0, decoded: 0 }),
            None => Decoder::Deaf,
        };
    }

    fn heard_mut(&mut self) -> Option<&mut Heard> {
        match self {
            Decoder::Identity(heard) => Some(heard),
            Decoder::Gzip(it) => Some(it.get_mut()),
            Decoder::Deflate(heard) => heard.as_mut(),
            Decoder::Zlib(it) => Some(it.get_mut()),
            Decoder::Bare(it) => Some(it.get_mut()),
            Decoder::Brotli(it) => Some(it.get_mut()),
            Decoder::Zstd(it) => Some(it.get_mut()),
            Decoder::Deaf => None,
        }
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
    said: SoFar,
    form: Form,
    encoded: u64,
    decoded: u64,
}

enum Form {
    Stream(Events),
    Frames(Frames),
    Elements(Elements),
    Whole(Vec<u8>),
    /// Given up, or read already.
    Nothing,
}

impl Heard {
    fn hear(&mut self, bytes: &[u8]) {
        let said = &mut self.said;
        match &mut self.form {
            Form::Stream(events) => events.hear(bytes, |event| said.hear(event.data)),
            Form::Frames(frames) => frames.hear(bytes, |event| said.hear(event)),
            Form::Elements(elements) => elements.hear(bytes, |element| said.hear(element)),
            Form::Whole(answer) if LONGEST_ANSWER < answer.len() + bytes.len() => self.form = Form::Nothing,
            Form::Whole(answer) => answer.extend_from_slice(bytes),
            Form::Nothing => {}
        }
    }
}

/// What the provider has said so far.
struct SoFar {
    wire: Wire,
    tally: Tally,
    answer: Answer,
    complete: bool,
}

/// Calls of one answer that are kept; more are as if they had not been heard.
const MOST_CALLS: usize = 256;

/// Bytes of a call's arguments that are kept; longer ones are not.
const LONGEST_ARGUMENTS: usize = 16 << 10;

impl SoFar {
    fn of(wire: Wire) -> SoFar {
        SoFar { wire, tally: Tally::default(), answer: Answer::default(), complete: false }
    }

    /// Hears one event. Few tell of anything that we listen for; a model that writes the words
    /// writes them escaped.
    fn hear(&mut self, event: &[u8]) {
        let tells_of = |what: &[u8]| memchr::memmem::find(event, what).is_some();
        let worth_reading = match self.wire {
            Wire::Anthropic | Wire::OpenAiChat => tells_of(b"\"usage\""),
            Wire::OpenAiResponses => tells_of(b"\"usage\"") || tells_of(b"\"response.output_item.done\""),
            Wire::Gemini => tells_of(b"\"usageMetadata\""),
        };
        if worth_reading {
            self.read(event);
        }
    }

    /// Reads one event's or answer's JSON; leaves everything as it was when it is none.
    fn read(&mut self, json: &[u8]) {
        let Ok(said) = serde_json::from_slice::<Said>(json) else { return };
        if self.wire == Wire::OpenAiResponses {
            if let Some(item) = said.item {
                self.call(item);
            }
            if let Some(response) = &said.response {
                self.complete |=
                    matches!(said.kind.as_deref(), Some("response.completed" | "response.incomplete"));
                self.answer.id.clone_from(&response.id);
            } else if said.object.as_deref() == Some("response") {
                self.complete = true;
                self.answer.id = said.id.unwrap_or_default();
                said.output.into_iter().flatten().for_each(|item| self.call(item));
            }
        }
        let usage = said
            .usage
            .or(said.message.and_then(|message| message.usage))
            .or(said.usage_metadata)
            .or(said.response.and_then(|response| response.usage.or(response.usage_metadata)));
        if let Some(usage) = usage {
            self.tally.add(self.wire, usage);
        }
    }

    fn call(&mut self, item: SaidItem) {
        if MOST_CALLS <= self.answer.calls.len() {
            return;
        }
        let kept = |text: String| if text.len() <= LONGEST_ARGUMENTS { text } else { String::new() };
        let arguments = match item.kind.as_str() {
            "function_call" => Arguments::Heard(kept(item.arguments.unwrap_or_default()).into()),
            "custom_tool_call" => Arguments::HeardCode(kept(item.input.unwrap_or_default()).into()),
            "local_shell_call" | "shell_call" => Arguments::Heard(
                kept(item.action.map(|action| action.get().to_owned()).unwrap_or_default()).into(),
            ),
            _ => return,
        };
        let id = item.call_id.or(item.id).unwrap_or_default();
        let tool = item.name.unwrap_or_else(|| "shell".to_owned());
        self.answer.calls.push(Call { block: 0, id, tool, arguments });
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
    fn add(&mut self, wire: Wire, said: SaidUsage) {
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
            Wire::OpenAiResponses => {
                let details = said.input_tokens_details.unwrap_or_default();
                most(&mut self.input, said.input_tokens);
                most(&mut self.cache_read, details.cached_tokens);
                most(&mut self.cache_written, details.cache_write_tokens);
                self.output = said.output_tokens.or(self.output);
            }
            Wire::Gemini => {
                let prompt = said.prompt_token_count;
                let tools = said.tool_use_prompt_token_count;
                most(&mut self.input, prompt.map(|prompt| prompt.saturating_add(tools.unwrap_or(0))));
                most(&mut self.cache_read, said.cached_content_token_count);
                // Thoughts are billed as output, and counted apart from it.
                let parts = [said.candidates_token_count, said.thoughts_token_count];
                let output = parts
                    .into_iter()
                    .flatten()
                    .fold(None, |sum: Option<u64>, part| Some(sum.unwrap_or(0).saturating_add(part)));
                self.output = output.or(self.output);
            }
            Wire::OpenAiChat => {
                let details = said.prompt_tokens_details.unwrap_or_default();
                // DeepSeek counts its hits beside the details, gateways to Claude as Claude does.
                let read =
                    details.cached_tokens.or(said.prompt_cache_hit_tokens).or(said.cache_read_input_tokens);
                most(&mut self.input, said.prompt_tokens);
                most(&mut self.cache_read, read);
                most(
                    &mut self.cache_written,
                    details.cache_write_tokens.or(said.cache_creation_input_tokens),
                );
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
                // The others count what was read from the cache, and written to it, among the prompt's tokens.
                Wire::OpenAiChat | Wire::OpenAiResponses | Wire::Gemini => {
                    input.saturating_sub(read).saturating_sub(written)
                }
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

/// All that we listen for, on any wire. What is not of the type that it should be is not there.
#[derive(Deserialize)]
struct Said {
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    object: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<SaidUsage>,
    #[serde(default, rename = "usageMetadata", deserialize_with = "lenient")]
    usage_metadata: Option<SaidUsage>,
    #[serde(default, deserialize_with = "lenient")]
    message: Option<SaidMessage>,
    #[serde(default, deserialize_with = "lenient")]
    response: Option<SaidResponse>,
    #[serde(default, deserialize_with = "lenient")]
    item: Option<SaidItem>,
    #[serde(default, deserialize_with = "lenient")]
    output: Option<Vec<SaidItem>>,
}

#[derive(Deserialize)]
struct SaidMessage {
    usage: Option<SaidUsage>,
}

#[derive(Deserialize)]
struct SaidResponse {
    #[serde(default)]
    id: String,
    usage: Option<SaidUsage>,
    #[serde(rename = "usageMetadata")]
    usage_metadata: Option<SaidUsage>,
}

/// An item of an answer; only calls are looked into.
#[derive(Deserialize)]
struct SaidItem {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "lenient")]
    id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    call_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    arguments: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    input: Option<String>,
    #[serde(default)]
    action: Option<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
struct SaidUsage {
    input_tokens: Option<u64>,
    input_tokens_details: Option<SaidDetails>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation: Option<SaidSplit>,
    output_tokens: Option<u64>,
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<SaidDetails>,
    prompt_cache_hit_tokens: Option<u64>,
    #[serde(rename = "promptTokenCount")]
    prompt_token_count: Option<u64>,
    #[serde(rename = "toolUsePromptTokenCount")]
    tool_use_prompt_token_count: Option<u64>,
    #[serde(rename = "cachedContentTokenCount")]
    cached_content_token_count: Option<u64>,
    #[serde(rename = "candidatesTokenCount")]
    candidates_token_count: Option<u64>,
    #[serde(rename = "thoughtsTokenCount")]
    thoughts_token_count: Option<u64>,
}

#[derive(Default, Deserialize)]
struct SaidSplit {
    ephemeral_5m_input_tokens: Option<u64>,
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
struct SaidDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

/// A value of another type than the wanted one counts as not there: the same name means other
/// things in other events.
fn lenient<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    let value = Box::<RawValue>::deserialize(from)?;
    Ok(serde_json::from_str(value.get()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        listener.end();
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
        let cases = [
            (
                r#"{"usage":{"prompt_tokens":100,"completion_tokens":9,"prompt_cache_hit_tokens":64,"prompt_cache_miss_tokens":36}}"#,
                usage(36, 64, 0, 0, 9),
            ),
            (
                r#"{"usage":{"prompt_tokens":100,"completion_tokens":9,"prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":30}}}"#,
                usage(10, 60, 30, 0, 9),
            ),
            (
                r#"{"usage":{"prompt_tokens":100,"completion_tokens":9,"cache_read_input_tokens":60,"cache_creation_input_tokens":30}}"#,
                usage(10, 60, 30, 0, 9),
            ),
        ];
        for (body, want) in cases {
            assert_eq!(heard(Wire::OpenAiChat, "application/json", "", body.as_bytes(), 5), want, "{body}");
        }
        let last = "data: {\"choices\":[],\"usage\":null}\n\ndata: {\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";
        assert_eq!(
            heard(Wire::OpenAiChat, "text/event-stream", "", last.as_bytes(), 4),
            usage(5, 0, 0, 0, 2)
        );
    }

    const RESPONSE: &str = "event: response.created\n\
        data: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"usage\":null,\"output\":[]}}\n\n\
        data: {\"type\":\"response.output_text.delta\",\"delta\":\"{\\\"type\\\":\\\"response.completed\\\",\\\"usage\\\":1}\"}\n\n\
        data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"reasoning\",\"id\":\"rs\",\"summary\":[]}}\n\n\
        data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"function_call\",\"call_id\":\"a\",\"name\":\"bash\",\"arguments\":\"{\\\"command\\\":\\\"ls\\\"}\"}}\n\n\
        data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"custom_tool_call\",\"call_id\":\"b\",\"name\":\"exec\",\"input\":\"tools.x()\"}}\n\n\
        data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"local_shell_call\",\"call_id\":\"c\",\"action\":{\"command\":[\"ls\"]}}}\n\n\
        data: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"usage\":{\"input_tokens\":5000,\
        \"input_tokens_details\":{\"cached_tokens\":4096,\"cache_write_tokens\":800},\"output_tokens\":70,\
        \"output_tokens_details\":{\"reasoning_tokens\":64}}}}\n\n";

    #[test]
    fn a_responses_stream_tells_its_usage_its_name_and_its_calls() {
        for piece in [1, 3, 50, 100_000] {
            let mut listener = Listener::new(Wire::OpenAiResponses, "text/event-stream", "");
            RESPONSE.as_bytes().chunks(piece).for_each(|piece| listener.hear(piece));
            assert_eq!(listener.usage(), usage(104, 4096, 800, 0, 70), "in pieces of {piece}");
            let answer = listener.answer().expect("a complete answer");
            let calls: Vec<_> = answer.calls.iter().map(|call| (&*call.id, &*call.tool)).collect();
            assert_eq!((&*answer.id, calls), ("resp_1", vec![("a", "bash"), ("b", "exec"), ("c", "shell")]));
            let Arguments::Heard(heard) = &answer.calls[0].arguments else { panic!("arguments") };
            assert_eq!(&**heard, r#"{"command":"ls"}"#);
            let Arguments::HeardCode(heard) = &answer.calls[1].arguments else { panic!("a program") };
            assert_eq!(&**heard, "tools.x()");
            let Arguments::Heard(heard) = &answer.calls[2].arguments else { panic!("arguments") };
            assert_eq!(&**heard, r#"{"command":["ls"]}"#);
        }
        let half = RESPONSE.find("data: {\"type\":\"response.completed\"").unwrap();
        let mut listener = Listener::new(Wire::OpenAiResponses, "text/event-stream", "");
        listener.hear(&RESPONSE.as_bytes()[..half]);
        assert!(listener.answer().is_none(), "nobody builds on an answer that was cut off");
    }

    #[test]
    fn a_response_in_one_piece_and_one_over_a_websocket_tell_the_same() {
        let whole = r#"{"id":"resp_1","object":"response","output":[{"type":"function_call","call_id":"a","name":"bash","arguments":"{}"},
            {"type":"message","content":[]}],"usage":{"input_tokens":10,"output_tokens":3}}"#;
        let mut listener = Listener::new(Wire::OpenAiResponses, "application/json", "");
        listener.hear(whole.as_bytes());
        assert!(listener.answer().is_none());
        listener.end();
        assert_eq!(listener.usage(), usage(10, 0, 0, 0, 3));
        assert_eq!(listener.answer().map(|answer| (&*answer.id, answer.calls.len())), Some(("resp_1", 1)));

        let mut listener = Listener::new(Wire::OpenAiResponses, "text/event-stream", "");
        for line in RESPONSE.lines().filter_map(|line| line.strip_prefix("data: ")) {
            listener.hear_event(line.as_bytes());
        }
        assert_eq!(listener.usage(), usage(104, 4096, 800, 0, 70));
        assert_eq!(listener.answer().map(|answer| (&*answer.id, answer.calls.len())), Some(("resp_1", 3)));
    }

    #[test]
    fn a_gemini_answer_is_heard_in_all_its_forms() {
        let first = r#"{"candidates":[{"content":{"parts":[{"text":"\"usageMetadata\""}]}}],"usageMetadata":{"promptTokenCount":9000,"cachedContentTokenCount":8000}}"#;
        let last = r#"{"candidates":[],"usageMetadata":{"promptTokenCount":9000,"cachedContentTokenCount":8000,"candidatesTokenCount":40,"thoughtsTokenCount":60,"toolUsePromptTokenCount":100,"totalTokenCount":9200}}"#;
        let wrapped = |json: &str| format!(r#"{{"response":{json},"traceId":"x"}}"#);
        let events = |one: &str, two: &str| format!("data: {one}\r\n\r\ndata: {two}\r\n\r\n");
        let want = usage(1100, 8000, 0, 0, 100);
        let cases = [
            ("text/event-stream", events(first, last)),
            ("text/event-stream", events(&wrapped(first), &wrapped(last))),
            ("application/json; charset=UTF-8", format!("[{first}\n,\r\n{last}]")),
            ("application/json", last.to_owned()),
            ("application/json", wrapped(last)),
        ];
        for (kind, body) in cases {
            for piece in [1, 17, 100_000] {
                assert_eq!(heard(Wire::Gemini, kind, "", body.as_bytes(), piece), want, "{kind} {body}");
            }
        }
        assert_eq!(heard(Wire::Gemini, "application/json", "", br#"{"totalTokens":5}"#, 3), None);
    }

    #[test]
    fn amazons_event_stream_is_heard() {
        use base64::Engine as _;
        let mut stream = Vec::new();
        for line in STREAM.lines().filter_map(|line| line.strip_prefix("data: ")) {
            let event = base64::engine::general_purpose::STANDARD.encode(line);
            let payload = format!(r#"{{"bytes":"{event}","p":"abcdef"}}"#);
            stream.extend((payload.len() as u32 + 16).to_be_bytes());
            stream.extend([0; 8]);
            stream.extend(payload.as_bytes());
            stream.extend([0; 4]);
        }
        for piece in [1, 29, 100_000] {
            let got = heard(Wire::Anthropic, "application/vnd.amazon.eventstream", "", &stream, piece);
            assert_eq!(got, usage(3, 9000, 200, 500, 42), "in pieces of {piece}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_a_listener_fail(
            pieces in prop::collection::vec(prop_oneof![
                Just(STREAM.as_bytes().to_vec()),
                Just(RESPONSE.as_bytes().to_vec()),
                Just(b"data: {\"usageMetadata\":{\"promptTokenCount\":18446744073709551615,\"toolUsePromptTokenCount\":7}}\n\n".to_vec()),
                Just(br#"[{"usage":{"prompt_tokens":1e99,"input_tokens":18446744073709551615}},"#.to_vec()),
                prop::collection::vec(any::<u8>(), 0..40),
            ], 0..6),
            size in 1usize..200,
            kind in prop::sample::select(vec!["text/event-stream", "application/json", "application/vnd.amazon.eventstream", ""]),
            coding in prop::sample::select(vec!["", "gzip", "zstd"]),
        ) {
            let body = pieces.concat();
            for wire in Wire::ALL {
                let usage = heard(wire, kind, coding, &body, size);
                if coding.is_empty() {
                    prop_assert_eq!(usage, heard(wire, kind, coding, &body, body.len().max(1)), "however it is cut");
                }
            }
        }
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
        listener.end();
        assert_eq!(listener.usage(), None);
    }
}

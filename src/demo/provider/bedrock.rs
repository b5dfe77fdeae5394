//! Bedrock's way of saying what Anthropic's wire says: AWS's event stream, exceptions, counts in headers.
//!
//! A frame: the lengths of the whole and of its headers, a CRC32 of these eight bytes, the headers, the payload, a
//! CRC32 of all before it. Source: AWS's "Event stream encoding" page as of November 2026. No signature is
//! looked at: any credential is a login.

use super::Message;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The content type of the event stream.
pub(super) const STREAM: &str = "application/vnd.amazon.eventstream";

/// An answer's events as frames.
pub(super) fn frames(message: &Message, events: Vec<(&'static str, Value)>) -> Vec<Vec<u8>> {
    let frame_of = |(name, mut event): (&str, Value)| {
        if name == "error" {
            let (_, exception) = exception(500);
            let headers = [
                (":exception-type", exception),
                (":content-type", "application/json"),
                (":message-type", "exception"),
            ];
            return frame(&headers, json!({"message": event["error"]["message"]}).to_string().as_bytes());
        }
        if name == "message_stop" {
            event["amazon-bedrock-invocationMetrics"] = json!({
                "inputTokenCount": message.usage.uncached.0,
                "outputTokenCount": message.usage.output.0,
                "cacheReadInputTokenCount": message.usage.cache_read.0,
                "cacheWriteInputTokenCount": (message.usage.cache_write_5m + message.usage.cache_write_1h).0,
                "invocationLatency": 1,
                "firstByteLatency": 1,
            });
        }
        let headers =
            [(":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event")];
        let payload = json!({"bytes": STANDARD.encode(event.to_string()), "p": "abcdefghijkl"});
        frame(&headers, payload.to_string().as_bytes())
    };
    events.into_iter().map(frame_of).collect()
}

/// The counts that stand in the headers of an answer in one piece.
pub(super) fn counts(message: &Message) -> Vec<(String, String)> {
    let usage = &message.usage;
    [
        ("x-amzn-bedrock-input-token-count", usage.uncached.0),
        ("x-amzn-bedrock-output-token-count", usage.output.0),
        ("x-amzn-bedrock-cache-read-input-token-count", usage.cache_read.0),
        ("x-amzn-bedrock-cache-write-input-token-count", (usage.cache_write_5m + usage.cache_write_1h).0),
        ("x-amzn-bedrock-invocation-latency", 1),
    ]
    .map(|(name, count)| (name.to_owned(), count.to_string()))
    .to_vec()
}

/// The exception that a status stands for, as it is called ahead of an answer and inside a stream.
pub(super) fn exception(status: u16) -> (&'static str, &'static str) {
    match status {
        400 | 413 => ("ValidationException", "validationException"),
        401 | 403 => ("AccessDeniedException", "accessDeniedException"),
        404 => ("ResourceNotFoundException", "resourceNotFoundException"),
        408 => ("ModelTimeoutException", "modelTimeoutException"),
        424 => ("ModelErrorException", "modelStreamErrorException"),
        429 => ("ThrottlingException", "throttlingException"),
        503 | 529 => ("ServiceUnavailableException", "serviceUnavailableException"),
        _ => ("InternalServerException", "internalServerException"),
    }
}

fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    /// The type of a header that is text.
    const TEXT: u8 = 7;
    let mut written = Vec::new();
    for (name, value) in headers {
        written.push(name.len() as u8);
        written.extend_from_slice(name.as_bytes());
        written.push(TEXT);
        written.extend_from_slice(&(value.len() as u16).to_be_bytes());
        written.extend_from_slice(value.as_bytes());
    }
    // Two lengths, two checksums.
    let whole = 16 + written.len() + payload.len();
    let mut frame = Vec::with_capacity(whole);
    frame.extend_from_slice(&(whole as u32).to_be_bytes());
    frame.extend_from_slice(&(written.len() as u32).to_be_bytes());
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame.extend_from_slice(&written);
    frame.extend_from_slice(payload);
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frame without headers and without payload, and the one of one header, worked out by hand from the
    /// format's page with zlib's `crc32`.
    #[test]
    fn a_frame_is_the_one_that_the_format_prescribes() {
        assert_eq!(
            frame(&[], b""),
            [0, 0, 0, 16, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff]
        );
        let one = frame(&[("a", "bc")], b"{}");
        assert_eq!(one[..8], [0, 0, 0, 25, 0, 0, 0, 7]);
        assert_eq!(one[12..21], [1, b'a', 7, 0, 2, b'b', b'c', b'{', b'}']);
        assert_eq!(one.len(), 25);
    }
}

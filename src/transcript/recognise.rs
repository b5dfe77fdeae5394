//! Which format a file has, from its beginning.

use super::lines::{self, Lines};
use super::{Format, TranscriptError, claude};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::io::{self, Read};
use std::path::Path;

/// Lines that are looked at before a file counts as foreign.
const LINES: u64 = 50;

/// What a database of SQLite begins with.
const DATABASE: &[u8] = b"SQLite format 3\0";

/// How the file of a chat with aider begins its sessions.
const AIDER: &[u8] = b"# aider chat started at";

/// How a record of aider's `--llm-history-file` begins.
const AIDER_LOG: [&[u8]; 2] = [b"TO LLM ", b"LLM RESPONSE "];

/// Bytes of a record in which its message begins.
const QWEN_WITHIN: usize = 2048;

/// Which format a file has; `None` when it is none of the known ones.
///
/// # Errors
/// When it can't be opened or read.
pub fn recognise(path: &Path) -> Result<Option<Format>, TranscriptError> {
    let trouble = |error| TranscriptError::from_io(path, error);
    let mut lines = lines::open(path, u64::MAX).map_err(trouble)?;
    recognised(&mut lines).map_err(trouble)
}

/// Which format the lines have.
fn recognised<R: Read>(lines: &mut Lines<R>) -> io::Result<Option<Format>> {
    // A session of an older Gemini CLI is one JSON value, written over many lines.
    let mut spread = false;
    while let Some(line) = lines.next_line()? {
        let Some(bytes) = line.bytes else { continue };
        spread |= line.number == 1 && bytes.trim_ascii() == b"{";
        if spread && bytes.trim_ascii_start().starts_with(b"\"projectHash\":") {
            return Ok(Some(Format::Gemini));
        }
        if line.number == 1 && bytes.starts_with(DATABASE) {
            return Ok(Some(Format::OpenCode));
        }
        if bytes.starts_with(AIDER) || AIDER_LOG.iter().any(|start| bytes.starts_with(start)) {
            return Ok(Some(Format::Aider));
        }
        if let Ok(Keys { names, kind }) = serde_json::from_slice(bytes)
            && let Some(format) = of_keys(&names, &kind)
        {
            // Qwen Code's chain of records is like Claude Code's, with Gemini's turns in it.
            let head = bytes.get(..bytes.len().min(QWEN_WITHIN)).unwrap_or_default();
            let qwen = !names.iter().any(|name| name == "isSidechain")
                && (kind == "tool_result" || memchr::memmem::find(head, b"\"parts\":[").is_some());
            return Ok(Some(if format == Format::Claude && qwen { Format::Qwen } else { format }));
        }
        if line.number == LINES {
            break;
        }
    }
    Ok(None)
}

/// Which format a record with these fields, of this `type`, belongs to.
fn of_keys(names: &[String], kind: &str) -> Option<Format> {
    let has = |name: &str| names.iter().any(|key| key == name);
    let formats = [
        (Format::Claude, claude::is(names, kind)),
        (Format::Codex, has("timestamp") && has("type") && has("payload")),
        (Format::Gemini, has("sessionId") && (has("projectHash") || has("startTime"))),
        (Format::Plain, ["messages", "input", "contents", "request", "role"].into_iter().any(has)),
    ];
    formats.into_iter().find(|(_, is)| *is).map(|(format, _)| format)
}

/// The names of an object's fields, and what stands under `type`.
struct Keys {
    names: Vec<String>,
    kind: String,
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = Keys;
            fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                to.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Keys, A::Error> {
                let mut keys = Keys { names: Vec::new(), kind: String::new() };
                while let Some(name) = object.next_key::<String>()? {
                    if name == "type" {
                        keys.kind = object.next_value::<super::json::Text<'de>>()?.0.into_owned();
                    } else {
                        object.next_value::<IgnoredAny>()?;
                    }
                    keys.names.push(name);
                }
                Ok(keys)
            }
        }
        from.deserialize_map(Reads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_by_what_its_records_hold() {
        let cases = [
            (r#"{"type":"ai-title","aiTitle":"x","sessionId":"s"}"#, Some(Format::Claude)),
            (
                r#"{"parentUuid":null,"type":"user","uuid":"u","sessionId":"s","message":{}}"#,
                Some(Format::Claude),
            ),
            (r#"{"timestamp":"t","type":"session_meta","payload":{}}"#, Some(Format::Codex)),
            (r#"{"sessionId":"s","projectHash":"p","startTime":"t"}"#, Some(Format::Gemini)),
            ("{\n  \"sessionId\": \"s\",\n  \"projectHash\": \"p\",", Some(Format::Gemini)),
            (
                r#"{"uuid":"u","parentUuid":null,"sessionId":"s","type":"user","message":{"role":"user","parts":[{"text":"x"}]}}"#,
                Some(Format::Qwen),
            ),
            (r#"{"model":"m","messages":[]}"#, Some(Format::Plain)),
            ("\n# aider chat started at 2026-11-20 10:00:00\n", Some(Format::Aider)),
            ("TO LLM 2026-11-20T10:00:00\n", Some(Format::Aider)),
            ("half a line\n{\"timestamp\":\"t\",\"type\":\"x\",\"payload\":1}", Some(Format::Codex)),
            ("SQLite format 3\0…", Some(Format::OpenCode)),
            ("{\"a\":1}\n[]\nnull\n\"x\"", None),
            ("", None),
        ];
        for (text, want) in cases {
            assert_eq!(recognised(&mut Lines::of(text.as_bytes())).unwrap(), want, "{text}");
        }
    }
}

//! The lines of a transcript, as far as they are read.

use super::super::json::{Count, Flag, Text, TextOr};
use serde::Deserialize;
use serde_json::value::RawValue;

/// One line.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Record<'a> {
    #[serde(borrow)]
    pub timestamp: Text<'a>,
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    #[serde(borrow)]
    pub payload: Payload<'a>,
}

/// What it holds: the fields of all kinds that are read.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Payload<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    // Of the session, and of a turn.
    #[serde(borrow)]
    pub id: Text<'a>,
    #[serde(borrow)]
    pub cwd: Text<'a>,
    #[serde(borrow)]
    pub cli_version: Text<'a>,
    #[serde(borrow)]
    pub model: Text<'a>,
    #[serde(borrow)]
    pub source: Option<&'a RawValue>,
    // Of items of the history.
    #[serde(borrow)]
    pub role: Text<'a>,
    #[serde(borrow)]
    pub content: TextOr<'a, Part<'a>>,
    #[serde(borrow, rename = "internal_chat_message_metadata_passthrough")]
    pub passed_through: Option<&'a RawValue>,
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow)]
    pub namespace: Text<'a>,
    #[serde(borrow)]
    pub call_id: Text<'a>,
    #[serde(borrow)]
    pub arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    pub input: Option<&'a RawValue>,
    #[serde(borrow)]
    pub action: Option<&'a RawValue>,
    #[serde(borrow)]
    pub output: Option<&'a RawValue>,
    #[serde(borrow)]
    pub encrypted_content: Text<'a>,
    #[serde(borrow)]
    pub summary: Option<&'a RawValue>,
    // Of events.
    pub exit_code: Option<i32>,
    pub success: Flag,
    pub num_turns: Count,
    #[serde(borrow)]
    pub item: Option<&'a RawValue>,
    #[serde(borrow)]
    pub info: Option<&'a RawValue>,
    // Of usage.
    #[serde(borrow)]
    pub response_id: Text<'a>,
    #[serde(borrow)]
    pub usage: Option<&'a RawValue>,
    // Of a compaction.
    #[serde(borrow)]
    pub message: Text<'a>,
    #[serde(borrow)]
    pub replacement_history: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Part<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    #[serde(borrow)]
    pub text: Text<'a>,
}

/// What the client notes beside a message.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Noted<'a> {
    #[serde(borrow)]
    pub content_item_kinds: Vec<Text<'a>>,
}

#[derive(Clone, Copy, Deserialize, Default)]
#[serde(default)]
pub(super) struct Counts {
    pub input_tokens: Count,
    pub cached_input_tokens: Count,
    pub cache_write_input_tokens: Count,
    pub output_tokens: Count,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Info {
    pub total_token_usage: Counts,
    pub last_token_usage: Counts,
}

/// What the screen was told of a finished call.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Item<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    #[serde(borrow)]
    pub id: Text<'a>,
    #[serde(borrow)]
    pub status: Text<'a>,
    pub exit_code: Option<i32>,
}

//! The records of a transcript, as far as they are read.

use super::super::json::{Count, Flag, Maybe, Text, TextOr};
use serde::Deserialize;
use serde_json::value::RawValue;

/// One record.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Record<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    #[serde(borrow)]
    pub subtype: Text<'a>,
    #[serde(borrow)]
    pub uuid: Text<'a>,
    #[serde(borrow)]
    pub parent_uuid: Text<'a>,
    #[serde(borrow)]
    pub session_id: Text<'a>,
    #[serde(borrow)]
    pub cwd: Text<'a>,
    #[serde(borrow)]
    pub version: Text<'a>,
    #[serde(borrow)]
    pub timestamp: Text<'a>,
    pub is_sidechain: Flag,
    pub is_meta: Flag,
    pub is_compact_summary: Flag,
    pub is_api_error_message: Flag,
    #[serde(borrow)]
    pub interrupted_message_id: Text<'a>,
    #[serde(borrow)]
    pub message: Maybe<Message<'a>>,
    #[serde(borrow)]
    pub attachment: Option<&'a RawValue>,
    #[serde(borrow)]
    pub compact_metadata: Maybe<CompactMetadata<'a>>,
    #[serde(borrow)]
    pub tool_use_result: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub id: Text<'a>,
    #[serde(borrow)]
    pub model: Text<'a>,
    #[serde(borrow)]
    pub content: TextOr<'a, Block<'a>>,
    pub usage: Maybe<Counts>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Block<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    #[serde(borrow)]
    pub text: Text<'a>,
    #[serde(borrow)]
    pub thinking: Text<'a>,
    #[serde(borrow)]
    pub signature: Text<'a>,
    #[serde(borrow)]
    pub data: Text<'a>,
    #[serde(borrow)]
    pub id: Text<'a>,
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow)]
    pub input: Option<&'a RawValue>,
    #[serde(borrow)]
    pub tool_use_id: Text<'a>,
    pub is_error: Flag,
    #[serde(borrow)]
    pub content: TextOr<'a, Part<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Part<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    #[serde(borrow)]
    pub text: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Counts {
    pub input_tokens: Count,
    pub cache_creation_input_tokens: Count,
    pub cache_read_input_tokens: Count,
    pub output_tokens: Count,
    pub cache_creation: Maybe<Written>,
}

impl Counts {
    pub fn say_something(&self) -> bool {
        let counts = [
            self.input_tokens,
            self.cache_creation_input_tokens,
            self.cache_read_input_tokens,
            self.output_tokens,
        ];
        counts.into_iter().any(|count| 0 < count.0.unwrap_or_default())
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Written {
    pub ephemeral_1h_input_tokens: Count,
    pub ephemeral_5m_input_tokens: Count,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct CompactMetadata<'a> {
    #[serde(borrow)]
    pub trigger: Text<'a>,
    pub pre_tokens: Count,
}

/// What a tool told its client, beside what the model reads.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Told {
    pub interrupted: Flag,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Attached<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    #[serde(borrow)]
    pub prompt: TextOr<'a, Part<'a>>,
    #[serde(borrow)]
    pub content: Text<'a>,
    #[serde(borrow, rename = "commandMode")]
    pub mode: Text<'a>,
}

//! Requests, responses and messages, as far as they are read.

use super::super::json::{Count, Flag, Maybe, Text, TextOr};
use serde::Deserialize;
use serde_json::value::RawValue;

/// One line: a request, a pair, or a message.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Record<'a> {
    #[serde(borrow)]
    pub request: Maybe<Request<'a>>,
    #[serde(borrow)]
    pub response: Maybe<Response<'a>>,
    #[serde(borrow)]
    pub timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    pub created_at: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Request<'a> {
    #[serde(borrow)]
    pub model: Text<'a>,
    #[serde(borrow)]
    pub messages: TextOr<'a, Message<'a>>,
    #[serde(borrow)]
    pub input: TextOr<'a, Message<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Response<'a> {
    #[serde(borrow)]
    pub id: Text<'a>,
    #[serde(borrow)]
    pub model: Text<'a>,
    #[serde(borrow)]
    pub content: TextOr<'a, Part<'a>>,
    #[serde(borrow)]
    pub choices: Vec<Choice<'a>>,
    #[serde(borrow)]
    pub output: TextOr<'a, Message<'a>>,
    pub usage: Maybe<Counts>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Choice<'a> {
    #[serde(borrow)]
    pub message: Message<'a>,
}

/// A message, or an item of Responses.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    #[serde(borrow)]
    pub role: Text<'a>,
    #[serde(borrow)]
    pub content: TextOr<'a, Part<'a>>,
    #[serde(borrow)]
    pub tool_calls: Maybe<Vec<ToolCall<'a>>>,
    #[serde(borrow)]
    pub tool_call_id: Text<'a>,
    #[serde(borrow)]
    pub call_id: Text<'a>,
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow)]
    pub arguments: Text<'a>,
    #[serde(borrow)]
    pub input: Text<'a>,
    #[serde(borrow)]
    pub output: TextOr<'a, Part<'a>>,
    #[serde(borrow)]
    pub encrypted_content: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ToolCall<'a> {
    #[serde(borrow)]
    pub id: Text<'a>,
    #[serde(borrow)]
    pub function: Function<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Function<'a> {
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow)]
    pub arguments: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Part<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    #[serde(borrow)]
    pub text: Text<'a>,
    #[serde(borrow)]
    pub thinking: Text<'a>,
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
    pub content: TextOr<'a, Inner<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Inner<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    #[serde(borrow)]
    pub text: Text<'a>,
}

/// Usage as any of the three says it.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Counts {
    pub input_tokens: Count,
    pub prompt_tokens: Count,
    pub output_tokens: Count,
    pub completion_tokens: Count,
    pub cache_read_input_tokens: Count,
    pub cache_creation_input_tokens: Count,
    pub cache_creation: Maybe<Written>,
    pub input_tokens_details: Maybe<Details>,
    pub prompt_tokens_details: Maybe<Details>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Written {
    pub ephemeral_1h_input_tokens: Count,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Details {
    pub cached_tokens: Count,
}

//! A provider's request shape, read into a [`Conversation`]; its answer's usage, overheard.
//!
//! *Invariant:* never writes a body; reports spans. *Invariant:* knows nothing
//! of compression.

pub mod anthropic;
pub mod elements;
pub mod fields;
pub mod frames;
pub mod gemini;
pub mod json;
pub mod openai_chat;
pub mod openai_responses;
pub mod responses_events;
pub mod sse;
pub mod usage;
pub mod volume;

use crate::conversation::Conversation;

/// A provider's way of speaking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wire {
    /// Anthropic Messages: `POST /v1/messages`.
    Anthropic,
    /// OpenAI Chat Completions: `POST /v1/chat/completions`.
    OpenAiChat,
    /// OpenAI Responses: `POST /v1/responses`, or `response.create` over a WebSocket.
    OpenAiResponses,
    /// Google Gemini: `POST …/models/MODEL:generateContent`, also inside Code Assist's envelope.
    Gemini,
}

impl Wire {
    /// Reads a request's body; `None` when it is not of this wire's shape, or odd in any way.
    pub fn read(self, body: &[u8]) -> Option<Conversation> {
        match self {
            Wire::Anthropic => anthropic::read(body),
            Wire::OpenAiChat => openai_chat::read(body),
            Wire::OpenAiResponses => openai_responses::read(body),
            Wire::Gemini => gemini::read(body),
        }
    }

    /// Every wire.
    pub const ALL: [Wire; 4] = [Wire::Anthropic, Wire::OpenAiChat, Wire::OpenAiResponses, Wire::Gemini];

    /// The name in agents' files and in `--json`.
    pub fn name(self) -> &'static str {
        match self {
            Wire::Anthropic => "anthropic",
            Wire::OpenAiChat => "openai-chat",
            Wire::OpenAiResponses => "openai-responses",
            Wire::Gemini => "gemini",
        }
    }
}

//! OpenAI Chat Completions requests.

use crate::conversation::Conversation;

/// Reads a request's body.
pub fn read(_body: &[u8]) -> Option<Conversation> {
    None
}

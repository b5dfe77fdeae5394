//! Google Gemini requests.

use crate::conversation::Conversation;

/// Reads a request's body; `None` when anything that we look at is odd.
pub fn read(_body: &[u8]) -> Option<Conversation> {
    None
}

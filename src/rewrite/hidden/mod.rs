//! What is said between the model and us behind the client's back, when we answer calls of our own tool.
//!
//! Three acts on a request's body: our tool is put at the end of its tool list, from the history's
//! first request on and ever after; what was hidden in earlier turns is put back where it stood; a
//! further round is added at the end. *Invariant:* no byte of the client's is changed: all is put in
//! between. *Invariant:* what was put in once is put in again in every later request of that history,
//! else the provider's cache and the model's signed thoughts would not hold.

pub mod anthropic;
pub mod chat;
pub mod gemini;
pub mod responses;

use super::splice::{Put, put};
use super::{Caller, Writes, chain};
use crate::conversation::{Conversation, Role};
use crate::store::Store;
use crate::units::{Chain, Millis};
use crate::wire::Wire;
use bytes::Bytes;
use serde::Serialize;

/// Where a request's tool list ends.
pub struct ToolList {
    /// Before its closing bracket.
    pub end: usize,
    /// Whether the model may choose among the tools.
    pub free: bool,
}

/// What a client did not see of a turn, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Tells the turn by what the client saw of it.
    shown: Chain,
    /// What it did not see, as JSON, in the wire's own shape.
    turn: String,
}

/// What is to be kept of a turn of which the client saw what these `names` name.
pub fn kept(names: &[String], hidden: &impl Serialize) -> Kept {
    Kept { shown: digest(names), turn: serde_json::to_string(hidden).unwrap_or_default() }
}

/// Puts our tool, as `definition` has it, into the request's list, when it may be there. `true` when it is.
///
/// A history is known by all that stands before the model's first word.
pub fn offer(body: Bytes, caller: &Caller, store: &Store, definition: &str) -> (Bytes, bool) {
    let list = match caller.wire {
        Wire::Anthropic => anthropic::tool_list(&body),
        Wire::OpenAiChat => chat::tool_list(&body),
        Wire::OpenAiResponses => responses::tool_list(&body),
        Wire::Gemini => gemini::tool_list(&body),
    };
    let Some(list) = list else { return (body, false) };
    let Some(conversation) = caller.wire.read(&body) else { return (body, false) };
    if conversation.tools.is_empty() || conversation.our_tool.is_some() {
        return (body, false);
    }
    let chains = chain::digests(&body, &conversation, chain::root(caller.wire, caller.realm()));
    let first_word = conversation.blocks.iter().position(|block| block.role == Role::Assistant);
    let opening = first_word.unwrap_or(chains.len()).checked_sub(1).map(|last| chains[last]);
    let Some(opening) = opening else { return (body, false) };
    let offered = match store.offers_tool(opening) {
        Ok(true) => true,
        Ok(false) if first_word.is_none() && list.free => {
            caller.writes == Writes::Nothing || store.offer_tool(opening, caller.now).is_ok()
        }
        Ok(false) | Err(_) => false,
    };
    if !offered {
        return (body, false);
    }
    (put(&body, vec![Put::at(list.end, format!(",{definition}"))]), true)
}

/// Puts back what was hidden in earlier turns. `chains` are the digests of the client's own blocks.
///
/// A turn of which the client shows something else than it was shown stays as it is.
pub fn put_back(body: Bytes, wire: Wire, chains: &[Chain], store: &Store) -> Bytes {
    let Some(conversation) = wire.read(&body) else { return body };
    if conversation.blocks.len() != chains.len() {
        return body;
    }
    let mut puts = Vec::new();
    for turn in turns(&conversation, wire) {
        let Some(after) = turn.first.checked_sub(1).map(|before| chains[before]) else { continue };
        let blocks = &conversation.blocks[turn.first..turn.end];
        let shown = match wire {
            Wire::Anthropic => anthropic::shown(&body, blocks),
            Wire::OpenAiChat => chat::shown(&body, blocks),
            Wire::OpenAiResponses => responses::shown(&body, blocks),
            Wire::Gemini => gemini::shown(&body, blocks),
        };
        let Ok(Some(hidden)) = store.hidden(after, digest(&shown)) else { continue };
        let put = match wire {
            Wire::OpenAiChat => serde_json::from_str(&hidden)
                .ok()
                .and_then(|hidden| chat::puts(&body, &conversation.blocks[turn.first], &hidden)),
            Wire::OpenAiResponses => {
                serde_json::from_str(&hidden).ok().and_then(|hidden| responses::puts(&body, blocks, &hidden))
            }
            Wire::Gemini => serde_json::from_str(&hidden)
                .ok()
                .and_then(|hidden| gemini::puts(&body, &conversation, turn.first, turn.end, &hidden)),
            _ => serde_json::from_str(&hidden)
                .ok()
                .and_then(|hidden| anthropic::puts(&body, &conversation, turn.first, turn.end, &hidden)),
        };
        puts.extend(put.unwrap_or_default());
    }
    put(&body, puts)
}

/// Keeps what was hidden in the turn that follows the block `after`.
///
/// # Errors
/// The store's.
pub fn hide(store: &Store, after: Chain, kept: Kept, now: Millis) -> Result<(), crate::store::StoreError> {
    store.hide(after, kept.shown, kept.turn, now)
}

/// What names the blocks that a client saw of a turn.
fn digest(shown: &[String]) -> Chain {
    let mut hasher = blake3::Hasher::new();
    for name in shown {
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
    }
    let mut digest = [0; 16];
    hasher.finalize_xof().fill(&mut digest);
    Chain(digest)
}

/// What the model said at once: its blocks.
struct ModelTurn {
    first: usize,
    end: usize,
}

/// What the model said, turn for turn: a message of it, or all in a row where it is written in several.
fn turns(conversation: &Conversation, wire: Wire) -> Vec<ModelTurn> {
    let in_a_row = matches!(wire, Wire::OpenAiResponses | Wire::Gemini);
    let mut turns: Vec<ModelTurn> = Vec::new();
    for (number, block) in conversation.blocks.iter().enumerate() {
        if block.role != Role::Assistant {
            continue;
        }
        match turns.last_mut() {
            Some(last)
                if last.end == number
                    && (in_a_row || conversation.blocks[last.first].message == block.message) =>
            {
                last.end += 1;
            }
            _ => turns.push(ModelTurn { first: number, end: number + 1 }),
        }
    }
    turns
}

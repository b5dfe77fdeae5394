//! What is said between the model and us behind the client's back, when we answer calls of our own tool.
//!
//! Three acts on a request's body: our tool is put at the end of its tool list, from the history's
//! first request on and ever after; what was hidden in earlier turns is put back where it stood; a
//! further round is added at the end. *Invariant:* no byte of the client's is changed: all is put in
//! between. *Invariant:* what was put in once is put in again in every later request of that history,
//! else the provider's cache and the model's signed thoughts would not hold.
//!
//! Only [`Wire::Anthropic`] for now; on the others nothing is offered.

pub mod anthropic;

use super::splice::{Put, put};
use super::{Caller, Writes, chain};
use crate::conversation::{Conversation, RETRIEVAL_TOOL, Role};
use crate::store::Store;
use crate::units::{Chain, Millis};
use crate::wire::Wire;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A model's turn of which the client saw only a part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// What it did not see, in order.
    pub pieces: Vec<Piece>,
}

/// Calls of our tool that the model made at once, and their answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The calls, as JSON, each with how many shown blocks of the turn stand before it.
    pub calls: Vec<(usize, String)>,
    /// Our answers, as JSON, in the same order.
    pub results: Vec<String>,
    /// After how many shown blocks of the turn the answers stand, the model going on behind them;
    /// `None` when the client had calls of its own to answer: ours stand with its answers.
    pub then: Option<usize>,
}

/// Puts our tool, as `definition` has it, into the request's list, when it may be there. `true` when it is.
pub fn offer(body: Bytes, caller: &Caller, store: &Store, definition: &str) -> (Bytes, bool) {
    if caller.wire != Wire::Anthropic {
        return (body, false);
    }
    let Some(conversation) = caller.wire.read(&body) else { return (body, false) };
    let taken = conversation.tools.iter().any(|tool| tool == RETRIEVAL_TOOL);
    if taken || conversation.tools.is_empty() {
        return (body, false);
    }
    let Some(list) = anthropic::tool_list(&body) else { return (body, false) };
    let chains = chain::digests(&body, &conversation, chain::root(caller.wire, caller.realm()));
    let Some(&root) = chains.first() else { return (body, false) };
    let offered = match store.offers_tool(root) {
        Ok(true) => true,
        Ok(false) => {
            let begins = conversation.blocks.iter().all(|block| block.role != Role::Assistant);
            let may = begins && list.free && conversation.our_tool.is_none();
            may && (caller.writes == Writes::Nothing || store.offer_tool(root, caller.now).is_ok())
        }
        Err(_) => false,
    };
    if !offered {
        return (body, false);
    }
    (put(&body, vec![Put::at(list.end, format!(",{}", definition))]), true)
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
    for turn in turns(&conversation) {
        let Some(after) = turn.first.checked_sub(1).map(|before| chains[before]) else { continue };
        let shown = anthropic::shown(&body, &conversation.blocks[turn.first..turn.end]);
        let Ok(Some(hidden)) = store.hidden(after, digest(&shown)) else { continue };
        let Ok(hidden) = serde_json::from_str::<Turn>(&hidden) else { continue };
        puts.extend(anthropic::puts(&body, &conversation, turn.first, turn.end, &hidden).unwrap_or_default());
    }
    put(&body, puts)
}

/// Keeps what was hidden in the turn that follows the block `after`.
///
/// # Errors
/// The store's.
pub fn hide(
    store: &Store,
    after: Chain,
    shown: &[String],
    turn: &Turn,
    now: Millis,
) -> Result<(), crate::store::StoreError> {
    let written = serde_json::to_string(turn).unwrap_or_default();
    store.hide(after, digest(shown), written, now)
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

/// A model's message: its blocks.
struct ModelTurn {
    first: usize,
    end: usize,
}

/// The model's messages of a history.
fn turns(conversation: &Conversation) -> Vec<ModelTurn> {
    let mut turns: Vec<ModelTurn> = Vec::new();
    for (number, block) in conversation.blocks.iter().enumerate() {
        if block.role != Role::Assistant {
            continue;
        }
        match turns.last_mut() {
            Some(last) if last.end == number && conversation.blocks[last.first].message == block.message => {
                last.end += 1;
            }
            _ => turns.push(ModelTurn { first: number, end: number + 1 }),
        }
    }
    turns
}

//! The digest chain of a history: equal chains mean equal histories.
//!
//! `H(i) = hash(H(i-1) ‖ block(i))`, over the client's own bytes. Two things
//! that clients change from turn to turn without meaning anything, and that
//! the provider's cache does not see, are left out: where a cache breakpoint
//! stands, and whether a plain text is written as a string or as the only
//! text block of a list.

use crate::conversation::{Block, Content, Conversation, Form, Role, Stay};
use crate::units::{Chain, Span};
use crate::wire::Wire;

/// The chain digest of every block, oldest first; `root` is what they follow on. What the client
/// may leave out has the digest of what stands before it.
pub fn digests(body: &[u8], conversation: &Conversation, root: Chain) -> Vec<Chain> {
    let mut last = root;
    let mut message = usize::MAX;
    let mut chains = Vec::with_capacity(conversation.blocks.len());
    for block in &conversation.blocks {
        if block.stay == Stay::Loose {
            chains.push(last);
            continue;
        }
        let opens = block.message != message;
        message = block.message;
        last = next(last, body, block, opens);
        chains.push(last);
    }
    chains
}

/// The digest of what stands ahead of the history.
pub fn preamble(body: &[u8], conversation: &Conversation) -> Chain {
    let mut hasher = blake3::Hasher::new();
    hasher.update(conversation.model.as_bytes());
    for span in &conversation.preamble {
        hasher.update(&(span.len() as u64).to_le_bytes());
        hasher.update(span.of(body));
    }
    cut(&hasher)
}

/// What the history of a request begins with. `realm` keeps histories apart that never meet.
pub fn root(wire: Wire, realm: &str) -> Chain {
    let name: &[u8] = match wire {
        Wire::Anthropic => b"headroom chain 1 anthropic",
        Wire::OpenAiChat => b"headroom chain 1 openai chat",
        Wire::OpenAiResponses => b"headroom chain 1 openai responses",
        Wire::Gemini => b"headroom chain 1 gemini",
    };
    cut(blake3::Hasher::new().update(name).update(realm.as_bytes()))
}

/// What a request begins with that builds on something of the provider's that we don't know.
pub fn unknown(root: Chain, continues: &str) -> Chain {
    cut(blake3::Hasher::new().update(&root.0).update(b"continues").update(continues.as_bytes()))
}

fn next(last: Chain, body: &[u8], block: &Block, opens: bool) -> Chain {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&last.0);
    hasher.update(&[match block.role {
        Role::User => b'u',
        Role::Assistant => b'a',
        Role::System => b's',
    }]);
    hasher.update(&[if opens { b'm' } else { b'b' }]);
    match &block.content {
        Content::Said(said) if said.form == Form::Plain => {
            hasher.update(b"t").update(said.text.of(body));
        }
        _ => {
            hasher.update(b"r");
            let mut from = block.span.start;
            for moving in &block.moving {
                hasher.update(Span { start: from, end: moving.start }.of(body));
                from = moving.end;
            }
            hasher.update(Span { start: from, end: block.span.end }.of(body));
        }
    }
    cut(&hasher)
}

fn cut(hasher: &blake3::Hasher) -> Chain {
    let mut digest = [0; 16];
    hasher.finalize_xof().fill(&mut digest);
    Chain(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chains(messages: &str) -> Vec<Chain> {
        let body = format!(r#"{{"messages":[{messages}]}}"#);
        let conversation = Wire::Anthropic.read(body.as_bytes()).expect("readable");
        digests(body.as_bytes(), &conversation, root(Wire::Anthropic, ""))
    }

    #[test]
    fn a_moved_breakpoint_is_the_same_history() {
        let result = |breakpoint: &str| {
            format!(
                r#"{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"a","content":"x"{breakpoint}}}]}}"#
            )
        };
        let with = result(r#","cache_control":{"type":"ephemeral"}"#);
        assert_eq!(chains(&result("")), chains(&with));
        assert_eq!(
            chains(r#"{"role":"user","content":"hi"}"#),
            chains(
                r#"{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}"#
            )
        );
    }

    #[test]
    fn what_differs_in_meaning_differs_in_its_chain() {
        let histories = [
            r#"{"role":"user","content":"hi"}"#,
            r#"{"role":"assistant","content":"hi"}"#,
            r#"{"role":"user","content":"hi "}"#,
            r#"{"role":"user","content":[{"type":"text","text":"hi","citations":[]}]}"#,
            r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"hi"}]}"#,
            r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"b","content":"hi"}]}"#,
        ];
        for (number, one) in histories.iter().enumerate() {
            for other in &histories[number + 1..] {
                assert_ne!(chains(one), chains(other), "{one} {other}");
            }
        }
        let together = r#"{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#;
        let apart = r#"{"role":"user","content":"a"},{"role":"user","content":"b"}"#;
        assert_ne!(chains(together).last(), chains(apart).last());
    }

    #[test]
    fn a_change_changes_all_that_follows_and_nothing_before() {
        let one = chains(
            r#"{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}"#,
        );
        let other = chains(
            r#"{"role":"user","content":"a"},{"role":"assistant","content":"B"},{"role":"user","content":"c"}"#,
        );
        assert_eq!(one[0], other[0]);
        assert_ne!(one[1], other[1]);
        assert_ne!(one[2], other[2]);
    }
}

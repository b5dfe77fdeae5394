//! A request's prompt as a provider renders it: a row of blocks, in the order in which the model reads them.
//!
//! Knows no wire: what a block is made of, and what of it the model never reads, is each wire's own.

use crate::tokens;
use crate::units::Tokens;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// A digest of a block, or of a row of blocks.
pub type Digest = [u8; 32];

/// One block of a prompt.
#[derive(Clone, Debug)]
pub struct PromptBlock {
    /// Where it stands: `tools[0]`, `system[1]`, `messages[4].content[0]`, `input[3]`.
    pub path: String,
    /// The id that a tool call or its result carries; empty for others.
    pub id: String,
    /// What it is, for the provider.
    pub digest: Digest,
    /// The text that the model reads for it.
    pub text: Arc<str>,
    /// How long that is.
    pub tokens: Tokens,
    /// Set when the client wants the prompt up to here kept: how long.
    pub keep: Option<Duration>,
}

/// A request's prompt.
#[derive(Clone, Debug, Default)]
pub struct Prompt {
    /// Tools and system, then the messages.
    pub blocks: Vec<PromptBlock>,
    /// How many of them stand ahead of the messages.
    pub preamble: usize,
}

impl Prompt {
    /// Adds a block whose identity is its role and the text that the model reads.
    pub fn push(&mut self, counter: &mut Counter, path: String, id: &str, role: &str, text: &str) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(role.as_bytes());
        hasher.update(&[0]);
        hasher.update(text.as_bytes());
        let digest = *hasher.finalize().as_bytes();
        self.push_known(counter, path, id, digest, text);
    }

    /// Adds a block that is what `digest` says.
    pub fn push_known(&mut self, counter: &mut Counter, path: String, id: &str, digest: Digest, text: &str) {
        let (text, tokens) = counter.read(text);
        self.blocks.push(PromptBlock { path, id: id.to_owned(), digest, text, tokens, keep: None });
    }

    /// The digest of everything up to and with each block, `seed` first.
    pub fn chain(&self, seed: &str) -> Vec<Digest> {
        let mut so_far = start(seed);
        self.blocks
            .iter()
            .map(|block| {
                so_far = extend(&so_far, &block.digest);
                so_far
            })
            .collect()
    }

    /// All tokens.
    pub fn tokens(&self) -> Tokens {
        self.blocks.iter().fold(Tokens(0), |sum, block| sum + block.tokens)
    }
}

/// The digest of an empty row of blocks.
pub fn start(seed: &str) -> Digest {
    *blake3::hash(seed.as_bytes()).as_bytes()
}

/// The digest of a row and one more block.
pub fn extend(so_far: &Digest, block: &Digest) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(so_far);
    hasher.update(block);
    *hasher.finalize().as_bytes()
}

/// Counts tokens, each text once: a history is counted again and again.
#[derive(Debug, Default)]
pub struct Counter {
    known: HashMap<Digest, (Arc<str>, Tokens)>,
}

impl Counter {
    /// Tokens of `text`.
    pub fn count(&mut self, text: &str) -> Tokens {
        self.read(text).1
    }

    /// `text`, kept once however often it comes, and its tokens.
    pub fn read(&mut self, text: &str) -> (Arc<str>, Tokens) {
        let digest = *blake3::hash(text.as_bytes()).as_bytes();
        let known = self.known.entry(digest).or_insert_with(|| (Arc::from(text), tokens::count(text)));
        known.clone()
    }
}

/// `value` with the fields of every object in order, and without those named in `left_out`.
pub fn in_field_order(value: &Value, left_out: &[&str]) -> Value {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> =
                fields.keys().filter(|name| !left_out.contains(&name.as_str())).collect();
            names.sort();
            let field = |name: &String| (name.clone(), in_field_order(&fields[name], left_out));
            Value::Object(names.into_iter().map(field).collect())
        }
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| in_field_order(item, left_out)).collect())
        }
        other => other.clone(),
    }
}

/// The items of a list; none when it is none.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A text, or nothing when it is none.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

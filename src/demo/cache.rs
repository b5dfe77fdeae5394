//! The provider's prompt cache, simulated exactly: what a request reads, writes and pays.
//!
//! The prompt is a row of blocks: tools, then system, then messages. An entry is
//! written at a `cache_control` breakpoint only; a look-up starts at each breakpoint
//! and tries that block and the 19 before it. A read refreshes the entry.
//! `cache_control` itself is no part of a block.
//!
//! Source of the rules: Anthropic's "Prompt caching" page as of November 2026.

use super::script::text_of;
use crate::receipt::Usage;
use crate::tokens;
use crate::units::Tokens;
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;

/// How many positions a look-up tries from each breakpoint, the breakpoint included.
const LOOK_BACK: usize = 20;

/// A digest of a block, or of a row of blocks.
pub type Digest = [u8; 32];

/// One block of a prompt.
#[derive(Clone, Debug)]
pub struct PromptBlock {
    /// Where it stands: `tools[0]`, `system[1]`, `messages[4].content[0]`.
    pub path: String,
    /// The id that a tool call or its result carries; empty for others.
    pub id: String,
    /// What it is, `cache_control` left out.
    pub digest: Digest,
    /// How long it is.
    pub tokens: Tokens,
    /// Set when the client wants the prompt up to here kept: how long.
    pub keep: Option<Duration>,
}

/// A request's prompt, as the provider renders it.
#[derive(Clone, Debug, Default)]
pub struct Prompt {
    /// tools → system → messages.
    pub blocks: Vec<PromptBlock>,
    /// How many of them stand ahead of the messages.
    pub preamble: usize,
}

impl Prompt {
    /// The digest of everything up to and with each block, `seed` first.
    pub fn chain(&self, seed: &str) -> Vec<Digest> {
        let mut so_far = *blake3::hash(seed.as_bytes()).as_bytes();
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
    known: HashMap<Digest, Tokens>,
}

impl Counter {
    /// Tokens of `text`.
    pub fn count(&mut self, text: &str) -> Tokens {
        let digest = *blake3::hash(text.as_bytes()).as_bytes();
        *self.known.entry(digest).or_insert_with(|| tokens::count(text))
    }
}

/// Reads a request's body into the row of blocks that the cache sees.
pub fn render(body: &Value, counter: &mut Counter) -> Prompt {
    let mut prompt = Prompt::default();
    for (at, tool) in list(&body["tools"]).iter().enumerate() {
        if tool["defer_loading"] != Value::Bool(true) {
            push(&mut prompt, counter, format!("tools[{at}]"), "", tool);
        }
    }
    match &body["system"] {
        Value::String(text) => push(&mut prompt, counter, "system".to_owned(), "", &said(text)),
        system => {
            for (at, block) in list(system).iter().enumerate() {
                // A line that the client signs anew for every request; the provider takes it out.
                let billing = block["text"]
                    .as_str()
                    .is_some_and(|text| text.starts_with("x-anthropic-billing-header:"));
                if !billing {
                    push(&mut prompt, counter, format!("system[{at}]"), "", block);
                }
            }
        }
    }
    prompt.preamble = prompt.blocks.len();
    for (at, message) in list(&body["messages"]).iter().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        match &message["content"] {
            Value::String(text) => {
                push(&mut prompt, counter, format!("messages[{at}].content"), role, &said(text));
            }
            content => {
                for (index, block) in list(content).iter().enumerate() {
                    push(&mut prompt, counter, format!("messages[{at}].content[{index}]"), role, block);
                }
            }
        }
    }
    // These parameters are rendered at the head of the messages: changing one costs the messages alone.
    if let Some(first) = prompt.blocks.get_mut(prompt.preamble) {
        let level = format!("{}{}", body["tool_choice"], body["thinking"]);
        first.digest = extend(&first.digest, blake3::hash(level.as_bytes()).as_bytes());
    }
    if let (Some(keep), Some(last)) = (keep(&body["cache_control"]), prompt.blocks.last_mut()) {
        last.keep = Some(keep);
    }
    prompt
}

/// What a block is to the provider, whatever the order of its fields.
pub fn identity(role: &str, block: &Value) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(role.as_bytes());
    hasher.update(&[0]);
    hasher.update(sorted(block).to_string().as_bytes());
    *hasher.finalize().as_bytes()
}

fn push(prompt: &mut Prompt, counter: &mut Counter, path: String, role: &str, block: &Value) {
    let id = ["tool_use_id", "id"].iter().find_map(|name| block[*name].as_str()).unwrap_or_default();
    prompt.blocks.push(PromptBlock {
        path,
        id: id.to_owned(),
        digest: identity(role, block),
        tokens: counter.count(&rendered(block)),
        keep: keep(&block["cache_control"]),
    });
}

/// The text that the model reads for a block.
fn rendered(block: &Value) -> String {
    match block["type"].as_str() {
        Some("text") => block["text"].as_str().unwrap_or_default().to_owned(),
        Some("tool_result") => text_of(&block["content"]),
        Some("tool_use") => format!("{} {}", block["name"].as_str().unwrap_or_default(), block["input"]),
        Some("thinking") => block["thinking"].as_str().unwrap_or_default().to_owned(),
        _ => sorted(block).to_string(),
    }
}

/// `block` with its fields in order, its content as a list, and without `cache_control`.
fn sorted(block: &Value) -> Value {
    match block {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().filter(|name| *name != "cache_control").collect();
            names.sort();
            let plain = |name: &String| match (&fields[name], name.as_str()) {
                (Value::String(text), "content") => Value::Array(vec![sorted(&said(text))]),
                (value, _) => sorted(value),
            };
            Value::Object(names.into_iter().map(|name| (name.clone(), plain(name))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

fn said(text: &str) -> Value {
    serde_json::json!({"type": "text", "text": text})
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn keep(cache_control: &Value) -> Option<Duration> {
    let minutes = if cache_control["ttl"] == "1h" { 60 } else { 5 };
    cache_control.is_object().then(|| Duration::from_secs(minutes * 60))
}

/// What is kept, and until when.
#[derive(Debug, Default)]
pub struct Cache {
    entries: HashMap<Digest, Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    until: Duration,
    keep: Duration,
}

/// What a request costs, and what the cache holds once its answer has begun.
#[derive(Clone, Debug)]
pub struct Bill {
    /// The usage, without the output.
    pub usage: Usage,
    writes: Vec<(Digest, Duration)>,
}

impl Cache {
    /// What `prompt` reads, writes and pays at `now`; nothing shorter than `minimum` is ever written.
    ///
    /// `seed` names what keeps two prompts apart: the account and the model.
    pub fn bill(&mut self, prompt: &Prompt, seed: &str, minimum: Tokens, now: Duration) -> Bill {
        let chain = prompt.chain(seed);
        let mut length = Tokens(0);
        let lengths: Vec<Tokens> = prompt
            .blocks
            .iter()
            .map(|block| {
                length += block.tokens;
                length
            })
            .collect();
        let breakpoints: Vec<usize> =
            (0..chain.len()).filter(|&at| prompt.blocks[at].keep.is_some()).collect();

        let mut read = Tokens(0);
        for &breakpoint in &breakpoints {
            let first = (breakpoint + 1).saturating_sub(LOOK_BACK);
            let found = (first..=breakpoint).rev().find(|&at| self.alive(&chain[at], now));
            if let Some(at) = found {
                if let Some(entry) = self.entries.get_mut(&chain[at]) {
                    entry.until = now + entry.keep;
                }
                read = read.max(lengths[at]);
            }
        }

        let mut usage = Usage { cache_read: read, ..Usage::default() };
        let mut writes = Vec::new();
        let mut covered = read;
        for &breakpoint in &breakpoints {
            let (length, keep) = (lengths[breakpoint], prompt.blocks[breakpoint].keep.unwrap_or_default());
            if length < minimum {
                continue;
            }
            writes.push((chain[breakpoint], keep));
            if let Some(more) = length.saved_by(covered) {
                let hour = keep > Duration::from_secs(300);
                *(if hour { &mut usage.cache_write_1h } else { &mut usage.cache_write_5m }) += more;
                covered = length;
            }
        }
        usage.uncached = length.saved_by(covered).unwrap_or_default();
        Bill { usage, writes }
    }

    /// Writes what `bill` says; called when its answer begins.
    pub fn settle(&mut self, bill: &Bill, now: Duration) {
        for (digest, keep) in &bill.writes {
            let kept = self.entries.get(digest).filter(|entry| now < entry.until).map(|entry| entry.keep);
            let keep = kept.map_or(*keep, |kept| kept.max(*keep));
            self.entries.insert(*digest, Entry { until: now + keep, keep });
        }
    }

    /// Forgets everything.
    pub fn forget(&mut self) {
        self.entries.clear();
    }

    fn alive(&self, digest: &Digest, now: Duration) -> bool {
        self.entries.get(digest).is_some_and(|entry| now < entry.until)
    }
}

//! Why a request's tool outputs were treated as they were, for people.
//!
//! Works on the bytes before and after; decides nothing and writes nothing.

use super::rules::{self, Rule};
use super::{frames, policy};
use crate::compress::Hint;
use crate::compress::content::{self, ToldBy};
use crate::conversation::{Extent, ToolResult};
use crate::marker;
use crate::wire::{Wire, json};

/// What led to what was done to one tool output.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Where it stands in the request, as in the receipt.
    pub path: String,
    /// The command line that printed it, or empty.
    pub command: String,
    /// What told its kind.
    pub told_by: ToldBy,
    /// The user's own rule that decided; `None` when the profile did.
    pub rule: Option<String>,
    /// The markers that stand in it now, without their frame.
    pub markers: Vec<String>,
}

/// One explanation for each tool output of a request that is long enough to be looked at.
pub fn explain(before: &[u8], after: &[u8], wire: Wire, rules: &[Rule]) -> Vec<Explanation> {
    let (Some(was), Some(is)) = (wire.read(before), wire.read(after)) else { return Vec::new() };
    let mut explained = Vec::new();
    for answered in policy::eligible(&was) {
        let told = policy::told(before, &was, &answered);
        let block = &was.blocks[answered.block];
        let hint = Hint {
            tool: &told.tool,
            command: &told.command,
            path: &told.path,
            query: &told.query,
            failed: told.failed,
        };
        let told_by = content::recognise(&texts(before, answered.result), &hint).1;
        let sent = policy::answered(&is).into_iter().find(|sent| sent.block == answered.block);
        let sent = sent.map(|sent| texts(after, sent.result)).unwrap_or_default();
        let markers = sent.lines().filter_map(|line| marker::said(line)).map(str::to_owned).collect();
        explained.push(Explanation {
            path: format!("messages[{}].content[{}]", block.message, block.index),
            told_by,
            rule: rules::deciding(rules, &told).map(ToString::to_string),
            markers,
            command: told.command,
        });
    }
    explained
}

/// What was sent for an output, without what the agent itself writes around one.
pub fn without_frame(sent: &str) -> &str {
    &sent[frames::inside(sent)]
}

/// The texts of a result, as a reader sees them.
fn texts(body: &[u8], result: &ToolResult) -> String {
    let mut all = String::new();
    for span in &result.texts {
        let read = match result.extent {
            Extent::Whole => json::text_of(span.of(body)),
            Extent::Part => json::text_within(span.of(body)),
        };
        let whole = read.unwrap_or_default();
        all.push_str(&whole[frames::inside(&whole)]);
        all.push('\n');
    }
    all
}

//! An errand that any agent can run: a few rounds of tools with big outputs, then the facts that were in them.
//!
//! Which round it is, is read from the history: retries, titles and routers don't disturb it; only how often a
//! round has failed is counted here. *Invariant:* a fact is said at the end only if it stood in a tool's result.

use super::asked::{Asked, Wire};
use super::script::{Ending, Piece, Script, Turn, aside};
use super::tools::Wish;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// One round, or the end.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// What the model says first.
    pub text: Option<String>,
    /// What it thinks before.
    pub think: Option<String>,
    /// A command line that it runs.
    pub run: Option<String>,
    /// A file that it reads.
    pub read: Option<String>,
    /// A regular expression that it searches the current folder for.
    pub search: Option<String>,
    /// A tool that it calls by name.
    pub call: Option<String>,
    /// The arguments of that tool.
    pub input: Value,
    /// The statuses that it fails with first, one after the other, before it is said.
    pub fails: Vec<u16>,
    /// How it ends the first time that it is said.
    pub ends: Ends,
}

/// How a step ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ends {
    /// As it should.
    #[default]
    Whole,
    /// As it should; then the connection is closed.
    Close,
    /// In the middle, by a reset.
    Reset,
    /// In the middle, as if all were well.
    Cut,
    /// With an error in the stream.
    Error,
}

/// The rounds of [`script`]: JSON, a log, source, search results, prose. Every command prints some 10 KB,
/// the same on every machine, with one fact in it that is not in the command itself.
pub const ROUNDS: &[(&str, &str)] = &[
    (
        "I'll look at the services first.",
        r#"echo '['; seq 1001 1090 | sed 's/.*/{"id": &, "name": "service-&", "region": "eu-west-1", "replicas": 3, "image": "registry.example\/shop:2.4.1", "state": "ok"},/; 60s/"id": \([0-9]*\),\(.*\)"ok"/"id": \1,\2"FAILED, ticket FACT-JSON-\1"/'; echo '{"id": 0}]'"#,
    ),
    (
        "One of them has failed. Its log will say more.",
        r#"seq -w 1 150 | sed 's/.*/2026-03-04T10:00:00Z INFO  request handled path=\/api\/items\/& status=200 took=12ms/; 100s/INFO .*items.\([0-9]*\).*/ERROR payment failed: card network timeout after 30000 ms, see FACT-LOG-\1/'"#,
    ),
    (
        "Now the source of the payment client.",
        r#"seq 1 90 | sed 's/.*/pub fn retry_&(order: \&Order, attempts: u32) -> Result<Receipt, Error> { client.charge(order, attempts + &) }/; 50s/retry_\([0-9]*\)(.*/retry_\1(order: \&Order) -> Result<Receipt, Error> { unreachable!("FACT-CODE-\1") }/'"#,
    ),
    (
        "Who calls it?",
        r#"seq 1 120 | sed 's/.*/src\/checkout\/handler_&.rs:&:    let receipt = client.retry(order, attempts)?; \/\/ TODO: handle a timeout/; 70s/_\([0-9]*\)\.rs:\(.*\)TODO.*/_\1.rs:\2FIXME FACT-GREP-\1/'"#,
    ),
    (
        "And what does the runbook say?",
        r#"seq 1 60 | sed 's/.*/Section &. When the payment provider is slow, the on-call person first looks at the dashboard of the region, then at the queue, and writes down what was seen before anything is changed./; 40s/Section \([0-9]*\)\..*/Section \1. The number of the on-call phone is FACT-PROSE-\1./'"#,
    ),
];

/// The errand of [`ROUNDS`].
pub fn script() -> Script {
    let step = |(text, run): &(&str, &str)| Step {
        text: Some((*text).to_owned()),
        run: Some((*run).to_owned()),
        ..Step::default()
    };
    of_steps(ROUNDS.iter().map(step).collect())
}

/// An errand of these steps; the first that calls no tool is the end, and so is the last.
pub fn of_steps(steps: Vec<Step>) -> Script {
    let mut tried: HashMap<usize, usize> = HashMap::new();
    Box::new(move |asked| {
        if !asked.offers_tools() {
            return aside(asked);
        }
        let round = asked.rounds();
        let Some(step) = steps.get(round) else { return Turn::says(&report(asked)) };
        let before = tried.entry(round).or_default();
        *before += 1;
        match step.fails.get(*before - 1) {
            Some(status) => Turn::fails(*status, "server_error", "the errand fails here"),
            None if *before == step.fails.len() + 1 => {
                turn(step, asked).ending(ending(step.ends, asked.wire))
            }
            None => turn(step, asked),
        }
    })
}

fn ending(ends: Ends, wire: Wire) -> Ending {
    // Behind a stream's first bytes and ahead of its last, however little is said.
    let middle = match wire {
        Wire::Anthropic => 700,
        Wire::Chat => 400,
        Wire::Responses => 1500,
        Wire::Gemini => 100,
    };
    match ends {
        Ends::Whole => Ending::Whole,
        Ends::Close => Ending::Close,
        Ends::Reset => Ending::ResetAfter(middle),
        Ends::Cut => Ending::CutAfter(middle),
        Ends::Error => Ending::ErrorEvent("overloaded_error".to_owned()),
    }
}

fn turn(step: &Step, asked: &Asked<'_>) -> Turn {
    let wishes = [
        step.run.clone().map(Wish::Run),
        step.read.clone().map(Wish::Read),
        step.search.clone().map(|pattern| Wish::Search { pattern, path: ".".to_owned() }),
    ];
    let mut calls: Vec<Piece> = wishes.into_iter().flatten().map(Piece::Wish).collect();
    if let Some(tool) = &step.call {
        calls.push(Piece::Call { tool: tool.clone(), input: step.input.clone() });
    }
    let said = match (&step.text, calls.is_empty()) {
        (Some(text), false) => text.clone(),
        (Some(text), true) => format!("{text} {}", report(asked)),
        (None, true) => report(asked),
        (None, false) => String::new(),
    };
    let mut turn = Turn::says(&said);
    if said.is_empty() {
        turn = turn.without_words();
    }
    if let Some(thought) = &step.think {
        turn = turn.thinking_first(thought);
    }
    calls.into_iter().fold(turn, Turn::and)
}

/// The facts that stood in the tools' results.
fn report(asked: &Asked<'_>) -> String {
    let results = asked.results();
    let found: BTreeSet<&str> = results.iter().flat_map(|(_, text)| facts(text)).collect();
    let found: Vec<&str> = found.into_iter().collect();
    format!(
        "That is all. I found: {}.",
        if found.is_empty() { "nothing".to_owned() } else { found.join(", ") }
    )
}

/// The words of the form `FACT-LOG-170` in a text.
fn facts(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("FACT-").filter_map(|(at, _)| {
        let kind = text[at + 5..].bytes().take_while(u8::is_ascii_uppercase).count();
        let number = text[at + 5 + kind..].strip_prefix('-')?.bytes().take_while(u8::is_ascii_digit).count();
        (kind != 0 && number != 0).then(|| &text[at..at + 5 + kind + 1 + number])
    })
}

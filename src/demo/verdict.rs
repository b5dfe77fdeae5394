//! What became of the demo: before → after for each tool output, and whether all went as it must.
//!
//! Judged from both ends, without asking headroom: what the agent sent (its diary)
//! against what the provider received.

use super::agent::{Diary, Output};
use super::outputs::{COMMANDS, command};
use super::provider::{Provider, anthropic};
use super::script::{Asked, Wire};
use crate::prompt_cache::cache::Breakpoints;
use crate::prompt_cache::prompt::Counter;
use crate::receipt::Usage;
use crate::text::grouped;
use crate::tokens;
use crate::units::Tokens;
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;

/// One tool output, before and after.
#[derive(Clone, Debug)]
pub struct Row {
    /// The command line, or the tool and what it was asked.
    pub what: String,
    /// Tokens that the tool printed.
    pub before: Tokens,
    /// Tokens that the model read.
    pub after: Tokens,
    /// True when it is an original that was asked back.
    pub asked_back: bool,
}

/// Something that must hold.
#[derive(Clone, Debug)]
pub struct Check {
    /// What was looked at, for people.
    pub what: String,
    /// Whether it held.
    pub held: bool,
}

/// All that can be said about one run.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Every tool output, in order.
    pub rows: Vec<Row>,
    /// Everything that must hold.
    pub checks: Vec<Check>,
    /// What the provider billed.
    pub billed: Usage,
    /// What it would have billed for the same work without headroom.
    pub direct: Usage,
}

impl Verdict {
    /// True when everything held.
    pub fn good(&self) -> bool {
        self.checks.iter().all(|check| check.held)
    }
}

/// Judges a run.
pub fn judge(diary: &Diary, provider: &Provider) -> Verdict {
    let seen = provider.messages();
    let last: Value = seen.last().map(|seen| seen.json()).unwrap_or_default();
    let received: HashMap<String, String> =
        Asked { number: 0, wire: Wire::Anthropic, body: &last }.results().into_iter().collect();
    let rows: Vec<Row> = diary
        .outputs
        .iter()
        .map(|output| Row {
            what: shown(output),
            before: tokens::count(&output.text),
            after: received.get(&output.id).map_or(Tokens(0), |text| tokens::count(text)),
            asked_back: is_retrieval(output),
        })
        .collect();

    let (billed, direct) = (provider.billed(), direct(diary));
    let shortened = rows.iter().filter(|row| row.after < row.before).count();
    let streamed = seen.iter().all(|seen| seen.status == 200 && seen.json()["stream"] == Value::Bool(true));
    let broken = provider.broken_prefixes().len();
    let reads = seen.windows(2).all(|pair| match (pair[0].usage, pair[1].usage) {
        (Some(before), Some(after)) => after.cache_read == before.cache_read + before.cache_write_5m,
        _ => false,
    });
    let (facts, known) = facts(diary, &received);
    let back = diary.outputs.iter().filter_map(|output| output.gives_back).next();
    let checks = vec![
        Check {
            what: format!("{} requests, all answered and streamed", seen.len()),
            held: streamed && seen.len() == diary.requests.len() && !seen.is_empty(),
        },
        Check {
            what: format!("{shortened} of {} tool outputs made shorter", rows.len()),
            held: shortened != 0,
        },
        Check {
            what: format!("{known} of {facts} facts still in what the model read"),
            held: facts == known,
        },
        Check {
            what: match broken {
                0 => format!(
                    "the prompt cache held: every turn read all that the turn before wrote ({})",
                    share(&billed)
                ),
                _ => format!("the prompt cache broke {broken} times"),
            },
            held: broken == 0 && reads,
        },
        Check {
            what: match back {
                Some(at) => {
                    format!(
                        "an original asked back: {} bytes, each the same",
                        count(diary.outputs[at].text.len() as u64)
                    )
                }
                None => "an original asked back".to_owned(),
            },
            held: back.is_some(),
        },
        Check {
            what: format!(
                "{} tokens billed; the same requests with every output in full: {}",
                count(billed.input().0),
                count(direct.input().0)
            ),
            held: billed.input() < direct.input(),
        },
    ];
    Verdict { rows, checks, billed, direct }
}

fn count(number: u64) -> String {
    grouped(i64::try_from(number).unwrap_or(i64::MAX))
}

fn is_retrieval(output: &Output) -> bool {
    output.argument.starts_with("headroom retrieve")
}

fn shown(output: &Output) -> String {
    if output.tool == "Bash" {
        output.argument.clone()
    } else {
        format!("{} {}", output.tool, output.argument)
    }
}

/// How many facts there are, and how many of them the model could read.
fn facts(diary: &Diary, received: &HashMap<String, String>) -> (usize, usize) {
    let mut known = 0;
    for output in &diary.outputs {
        let text = received.get(&output.id).map_or("", String::as_str);
        let facts = command(&output.argument).map_or(&[][..], |command| command.facts);
        known += facts.iter().filter(|fact| text.contains(**fact)).count();
    }
    (COMMANDS.iter().map(|command| command.facts.len()).sum(), known)
}

fn share(usage: &Usage) -> String {
    let percent = usage.cache_read.0 * 100 / usage.input().0.max(1);
    format!("{percent} % of the prompt from the cache")
}

/// What the provider would have billed had it been sent the agent's own bytes.
///
/// Nobody would then have asked for an original: what comes of that is ours to bear.
fn direct(diary: &Diary) -> Usage {
    let (mut cache, mut counter, mut sum) = (Breakpoints::default(), Counter::default(), Usage::default());
    for body in &diary.requests {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let last = Asked { number: 0, wire: Wire::Anthropic, body: &body }.results().pop().map(|(id, _)| id);
        let gives_back = |output: &&Output| is_retrieval(output) && Some(&output.id) == last.as_ref();
        if diary.outputs.iter().find(gives_back).is_some() {
            continue;
        }
        let bill = cache.bill(&anthropic::render(&body, &mut counter), "", Tokens(1024), Duration::ZERO);
        cache.settle(&bill, Duration::ZERO);
        sum.uncached += bill.usage.uncached;
        sum.cache_read += bill.usage.cache_read;
        sum.cache_write_5m += bill.usage.cache_write_5m;
        sum.cache_write_1h += bill.usage.cache_write_1h;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::agent::{Setup, work};
    use crate::demo::provider::Rules;
    use crate::demo::story;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("README.md"), "# shop\n\nAn error here is a bug.\n")
            .expect("a file");
        folder
    }

    #[test]
    fn without_headroom_nothing_is_saved_and_the_verdict_says_so() {
        let provider = Provider::start(Rules::default(), story::script()).expect("a port");
        let folder = folder();
        let setup =
            Setup { base_url: provider.base_url(), key: "demo".to_owned(), folder: folder.path().to_owned() };
        let diary =
            work(&setup, story::QUESTION, &|_| Ok(Vec::new()), &mut |_| ()).expect("the agent gets through");
        let tools: Vec<&str> = diary.outputs.iter().map(|output| output.tool.as_str()).collect();
        assert_eq!(tools, ["Bash", "Bash", "Bash", "Grep", "Read", "Bash", "Bash"]);
        assert_eq!(diary.last_words, "Nothing was left out of what I read.");

        let verdict = judge(&diary, &provider);
        assert!(verdict.rows.iter().all(|row| row.before == row.after));
        assert_eq!(
            Usage { output: Tokens(0), ..verdict.billed },
            verdict.direct,
            "the direct bill is the real one"
        );
        let held: Vec<bool> = verdict.checks.iter().map(|check| check.held).collect();
        assert_eq!(held, [true, false, true, true, false, false]);
    }
}

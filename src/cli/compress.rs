//! `headroom compress`: the rewrite as a filter.

use super::term::{self, Failure, Verdict, exit};
use crate::config::{self, Flags};
use crate::library::{CompressedBody, Headroom};
use crate::receipt::BlockReceipt;
use crate::refusal::Refusal;
use crate::rewrite::Profile;
use bytes::Bytes;
use serde_json::json;
use std::io::{BufRead, Read};
use std::process::ExitCode;
use std::sync::Arc;

/// What was typed after `compress`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Reads stdin, writes stdout. Without --text, stdin is a request as Anthropic Messages, OpenAI Chat
Completions, OpenAI Responses or Gemini take it: {\"model\": …, \"messages\": […]}. It is printed again with its tool
outputs made shorter and every other byte as it came. Originals are kept: `headroom retrieve KEY`."
)]
pub struct Args {
    /// Print one JSON object: the request's fields, and `tokens_before`, `tokens_after`, `elapsed_ms`, `blocks`
    #[arg(long)]
    json: bool,
    /// Tell of each tool output what was done to it, and why, instead of printing the request
    #[arg(long, conflicts_with_all = ["json", "serve"])]
    explain: bool,
    /// Read one request a line and answer each with one line of JSON
    #[arg(long, conflicts_with = "text")]
    serve: bool,
    /// Take stdin for one tool output and print it made shorter
    #[arg(long)]
    text: bool,
    /// The tool that printed the text
    #[arg(long, value_name = "NAME", requires = "text")]
    tool: Option<String>,
    /// The command line that printed the text
    #[arg(long, value_name = "CMD", requires = "text")]
    command: Option<String>,
    /// The file that was read or searched
    #[arg(long, value_name = "FILE", requires = "text")]
    path: Option<String>,
    /// What the reader wants to know
    #[arg(long, value_name = "TEXT", requires = "text")]
    query: Option<String>,
    /// How much may be left out: lossless, balanced or aggressive
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

/// Shortens what comes in.
///
/// # Errors
/// When stdin holds no request, or the store can't be opened.
pub fn run(args: Args) -> Verdict {
    let headroom = open(args.profile.clone())?;
    // What is built on first use is not the first output's time.
    crate::compress::warm();
    if args.serve {
        return serve(&headroom);
    }
    let mut input = Vec::new();
    std::io::stdin().lock().read_to_end(&mut input)?;
    if args.text {
        return shorten_text(&headroom, input, &args);
    }
    let input = Bytes::from(input);
    let Some(done) = headroom.compress_body(input.clone()) else {
        return Err(not_a_request().into());
    };
    if args.explain {
        explain(&headroom, &input, &done);
    } else if args.json {
        let mut line = report(&done);
        line.push(b'\n');
        term::say_exactly(&line)?;
    } else {
        term::say_exactly(&done.body)?;
    }
    headroom.store().flush();
    Ok(ExitCode::SUCCESS)
}

fn open(profile: Option<String>) -> Result<Headroom, anyhow::Error> {
    let config = config::resolve(&Flags { profile, ..Flags::default() })?;
    let opened = config.open_store();
    for notice in &opened.notices {
        term::remark(notice);
    }
    let Some(store) = opened.store else {
        let hint = "give another folder in HEADROOM_HOME";
        return Err(Failure::new(exit::FAILED, "without a store no original can be kept", hint).into());
    };
    let project = std::env::current_dir().map(|dir| dir.to_string_lossy().into_owned()).unwrap_or_default();
    let profile: Profile = config.profile.value;
    Ok(Headroom::with(Arc::clone(&store), profile).scoped(&project).ruled(&config.rules))
}

fn not_a_request() -> Failure {
    Failure::new(
        exit::USAGE,
        "stdin is no request of a known provider",
        "it needs a list `messages` of objects with `role` and `content`; for plain text give --text",
    )
}

/// One request a line, one answer a line; a line that is no request is answered with an `error`.
fn serve(headroom: &Headroom) -> Verdict {
    for line in std::io::stdin().lock().split(b'\n') {
        let line = line?;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let mut answer = match headroom.compress_body(Bytes::from(line)) {
            Some(done) => report(&done),
            None => serde_json::to_vec(&json!({ "error": not_a_request().what }))?,
        };
        answer.retain(|&byte| byte != b'\n' && byte != b'\r');
        answer.push(b'\n');
        term::say_exactly(&answer)?;
    }
    headroom.store().flush();
    Ok(ExitCode::SUCCESS)
}

/// The rewritten request with our members put in front of its closing brace: no byte of it is printed anew.
fn report(done: &CompressedBody) -> Vec<u8> {
    let (before, after) = done.tokens();
    let blocks: Vec<_> = done.receipt.blocks.iter().map(block).collect();
    let ours = json!({
        "tokens_before": before.0,
        "tokens_after": after.0,
        "elapsed_ms": (done.elapsed.as_micros() as f64) / 1000.0,
        "blocks": blocks,
    })
    .to_string();
    let body = done.body.trim_ascii_end();
    let (open, _) = body.split_at(body.len().saturating_sub(1));
    let comma: &[u8] = if open.trim_ascii() == b"{" { b"" } else { b"," };
    [open, comma, &ours.as_bytes()[1..]].concat()
}

fn block(block: &BlockReceipt) -> serde_json::Value {
    json!({
        "path": block.path,
        "tool": block.tool,
        "kind": block.kind,
        "compressor": block.compressor,
        "key": block.key.as_ref().map(ToString::to_string),
        "refusal": block.refusal.map(Refusal::name),
        "tokens_before": block.tokens_before.0,
        "tokens_after": block.tokens_after.0,
    })
}

/// Tells of each tool output what was done to it, and why.
fn explain(headroom: &Headroom, input: &[u8], done: &CompressedBody) {
    let explained = headroom.explain(input, &done.body);
    if done.receipt.blocks.is_empty() {
        term::say("No tool output here that is long enough to be looked at.");
    }
    for block in &done.receipt.blocks {
        let its = explained.iter().find(|explained| explained.path == block.path);
        let command = its.map(|its| its.command.as_str()).unwrap_or_default();
        let first = command.lines().next().unwrap_or_default();
        let name = [block.tool.as_str(), first].into_iter().filter(|part| !part.is_empty());
        let name: Vec<&str> = name.collect();
        term::heading(format!("{}  {}", block.path, name.join(": ")));
        let told_by = its.map_or("", |its| its.told_by.said());
        let kind = match (block.compressor.is_some(), block.refusal) {
            (false, Some(Refusal::Rule | Refusal::OwnOutput | Refusal::GivenBack | Refusal::AlreadySent)) => {
                None
            }
            _ => Some(format!("  is        {}, {told_by}", block.kind)),
        };
        kind.into_iter().for_each(term::say);
        if let Some(rule) = its.and_then(|its| its.rule.as_ref()) {
            term::say(format!("  rule      {rule}"));
        } else {
            term::say(format!("  profile   {}", headroom.profile().name()));
        }
        match (&block.compressor, block.refusal) {
            (Some(compressor), _) => {
                let (before, after) = (block.tokens_before.0, block.tokens_after.0);
                let share = (before - after.min(before)) as f64 * 100.0 / before.max(1) as f64;
                let counts = format!("{before} tokens, now {after}: {share:.0} % fewer");
                term::say(format!("  shortened {compressor}, {counts}"));
            }
            (None, Some(because)) => {
                term::say(format!("  as it was {} ({})", because.meaning(), because.name()));
            }
            (None, None) => term::say("  as it was"),
        }
        for said in its.iter().flat_map(|its| &its.markers) {
            term::say(format!("  marker    {said}"));
        }
        if let Some(key) = &block.key {
            term::say(format!("  original  headroom retrieve {key}"));
        }
    }
}

/// Shortens plain text: a request of one call and its result, made and taken apart again.
fn shorten_text(headroom: &Headroom, input: Vec<u8>, args: &Args) -> Verdict {
    let text = String::from_utf8(input).map_err(|_| {
        Failure::new(
            exit::USAGE,
            "stdin is not UTF-8 text",
            "binary output has no shorter form; leave it out",
        )
    })?;
    let mut arguments = serde_json::Map::new();
    for (name, value) in [("command", &args.command), ("path", &args.path)] {
        if let Some(value) = value {
            arguments.insert(name.to_owned(), json!(value));
        }
    }
    let messages = json!([
        {"role": "user", "content": args.query.as_deref().unwrap_or(" ")},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "1", "name": args.tool.as_deref().unwrap_or_default(), "input": arguments}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": text}]},
    ]);
    if args.explain {
        let input = Bytes::from(serde_json::to_vec(&json!({ "messages": messages }))?);
        let done = headroom.compress_body(input.clone()).ok_or_else(not_a_request)?;
        explain(headroom, &input, &done);
        headroom.store().flush();
        return Ok(ExitCode::SUCCESS);
    }
    let compressed = headroom.compress(&messages)?;
    let shorter = compressed.messages[2]["content"][0]["content"].as_str().unwrap_or(&text);
    if args.json {
        let blocks: Vec<_> = compressed.blocks.iter().map(block).collect();
        term::say(json!({
            "text": shorter,
            "tokens_before": compressed.tokens_before.0,
            "tokens_after": compressed.tokens_after.0,
            "blocks": blocks,
        }));
    } else {
        term::say_exactly(shorter.as_bytes())?;
    }
    headroom.store().flush();
    Ok(ExitCode::SUCCESS)
}

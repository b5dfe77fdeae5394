//! What `inspect --json` prints; its keys are told in docs/inspect-json.md.

use super::block::{Block, Sent, Text};
use super::{Seen, asked};
use crate::store::{BlockRow, RequestRow, Store};
use serde_json::{Value, json};

/// Counts up when a key changes its meaning or goes.
const SCHEMA: u32 = 1;

/// The session and its requests; or one of them, counted from 0, with the texts of its blocks.
pub(super) fn json(store: &Store, seen: &Seen, wanted: Option<usize>) -> Result<Value, anyhow::Error> {
    let row = &seen.session;
    let mut requests = Vec::new();
    for (at, request) in seen.requests.iter().enumerate() {
        match wanted {
            None => {
                let blocks = seen.blocks_of(request).iter().map(block);
                requests.push(one(seen, at, request, blocks.collect()));
            }
            Some(wanted) if wanted == at => {
                let blocks = seen.blocks_of(request).iter().map(|row| {
                    let found = Block::read(store, seen, row);
                    let mut value = block(row);
                    value["texts"] = found.texts.iter().map(text).collect();
                    value
                });
                let mut value = one(seen, at, request, blocks.collect());
                let refusals = store.refusals_of(request.number)?;
                value["refusals"] = refusals
                    .iter()
                    .map(|(refusal, count)| json!({"name": refusal.name(), "meaning": refusal.meaning(), "count": count}))
                    .collect();
                requests.push(value);
            }
            Some(_) => {}
        }
    }
    let frozen = row.frozen.as_ref();
    Ok(json!({
        "schema": SCHEMA,
        "session": {
            "id": row.session.0,
            "agent": row.agent,
            "project": row.project,
            "began_ms": row.began.0,
            "profile": frozen.map(|frozen| frozen.profile.clone()),
            "rules": frozen.map(|frozen| frozen.own_rules.clone()),
            "breaker": row.breaker.as_ref().map(|(at, why)| json!({"at_ms": at.0, "why": why})),
        },
        "controls": asked::json(&seen.controls),
        "requests": requests,
    }))
}

fn one(seen: &Seen, at: usize, request: &RequestRow, blocks: Vec<Value>) -> Value {
    json!({
        "number": at + 1,
        "at_ms": request.at.0,
        "run": request.run,
        "model": request.model,
        "status": request.status,
        "complete": request.complete,
        "bytes_before": request.bytes_before,
        "bytes_after": request.bytes_after,
        "first_before": request.first_before.0,
        "first_after": request.first_after.0,
        "replayed_before": request.replayed_before.0,
        "replayed_after": request.replayed_after.0,
        "given_back": (request.given_back_new + request.given_back_old).0,
        "own_tool": request.overhead.0,
        "net_saved": seen.net(at),
        "cache_miss": request.miss.map(|miss| json!({
            "whose": miss.cause.whose().name(),
            "cause": miss.cause.name(),
            "meaning": miss.cause.meaning(),
            "tokens": miss.tokens.0,
        })),
        "usage": request.usage.map(|usage| json!({
            "uncached": usage.uncached.0,
            "cache_read": usage.cache_read.0,
            "cache_write_5m": usage.cache_write_5m.0,
            "cache_write_1h": usage.cache_write_1h.0,
            "output": usage.output.0,
        })),
        "blocks": blocks,
    })
}

fn block(row: &BlockRow) -> Value {
    json!({
        "path": row.path,
        "tool": row.tool,
        "kind": row.kind,
        "compressor": row.compressor,
        "rule": row.rule,
        "refusal": row.refusal.map(|refusal| json!({"name": refusal.name(), "meaning": refusal.meaning()})),
        "tokens_before": row.tokens_before.0,
        "tokens_after": row.tokens_after.0,
        "key": row.key.as_ref().map(ToString::to_string),
    })
}

fn text(text: &Text) -> Value {
    json!({
        "place": text.place,
        "key": text.key.as_ref().map(ToString::to_string),
        "arrived": text.arrived,
        "sent": match &text.sent {
            Sent::Inside { text, .. } => Some(text.as_str()),
            Sent::Unknown => None,
        },
    })
}

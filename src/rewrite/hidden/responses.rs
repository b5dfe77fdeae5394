//! Hidden rounds in OpenAI Responses: items of ours among those that the client shows.
//!
//! Only where the client sends the whole history, sealed reasoning included, and the provider keeps
//! none of it: then all that the model has seen stands in the request, and what is missing has a place.

use super::ToolList;
use crate::conversation::Block;
use crate::rewrite::splice::{Put, put};
use crate::wire::fields::Fields;
use crate::wire::json::Tree;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a client did not see of a turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hidden {
    /// The items, as JSON, in order, each with how many shown items of the turn stand before it.
    pub items: Vec<(usize, String)>,
}

/// The request's tool list; `None` when there is none, or when the request builds on what the provider keeps.
pub fn tool_list(body: &[u8]) -> Option<ToolList> {
    let tree = Tree::read(body)?;
    let request = Fields::of(&tree, tree.root())?;
    for name in [&b"previous_response_id"[..], b"conversation"] {
        if request.given(name)?.is_some() {
            return None;
        }
    }
    tree.elements(request.one(b"input")??)?;
    let tools = request.one(b"tools")??;
    tree.elements(tools).filter(|tools| !tools.is_empty())?;
    let auto = request.given(b"tool_choice")?.is_none_or(|choice| tree.raw(choice) == br#""auto""#);
    let keeps_nothing = request.given(b"store")?.is_some_and(|store| tree.raw(store) == b"false");
    let included = request.given(b"include")?.and_then(|include| tree.elements(include)).unwrap_or_default();
    let sealed =
        included.iter().any(|name| tree.text(*name).as_deref() == Some("reasoning.encrypted_content"));
    let waits = !request.is_true(b"background")?;
    Some(ToolList { end: tree.span(tools).end - 1, free: auto && keeps_nothing && sealed && waits })
}

/// What tells an item of the model's from others, wherever it is seen; `None` for an empty text, which clients drop.
///
/// Its own `id` does not: many clients drop it, or make it anew.
pub fn identity(item: &Value) -> Option<String> {
    let of = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
    let kind = match of("type") {
        "" => "message",
        kind => kind,
    };
    match (kind, item.get("call_id").and_then(Value::as_str)) {
        ("message", _) => {
            let text = match &item["content"] {
                Value::Array(parts) => parts
                    .iter()
                    .filter_map(|part| part["text"].as_str().or(part["refusal"].as_str()))
                    .collect(),
                content => content.as_str().unwrap_or_default().to_owned(),
            };
            let text = text.trim();
            (!text.is_empty()).then(|| format!("text {text}"))
        }
        ("reasoning", _) => Some(format!("thought {}", of("encrypted_content"))),
        (kind, Some(id)) => Some(format!("{kind} {id}")),
        (kind, None) => {
            let mut bare = item.clone();
            if let Some(members) = bare.as_object_mut() {
                members.retain(|name, _| !matches!(name.as_str(), "id" | "status"));
            }
            Some(format!("{kind} {bare}"))
        }
    }
}

/// What the client shows of a model's turn.
pub fn shown(body: &[u8], blocks: &[Block]) -> Vec<String> {
    blocks.iter().filter_map(|block| name_of(body, block)).collect()
}

fn name_of(body: &[u8], block: &Block) -> Option<String> {
    identity(&serde_json::from_slice(block.span.of(body)).ok()?)
}

/// Puts back what was hidden before, between the items of a model's turn and behind them.
pub fn puts(body: &[u8], blocks: &[Block], hidden: &Hidden) -> Option<Vec<Put>> {
    let named: Vec<&Block> = blocks.iter().filter(|block| name_of(body, block).is_some()).collect();
    let end = blocks.last()?.span.end;
    let mut puts = Vec::new();
    for at in 0..=named.len() {
        let here = hidden.items.iter().filter(|(before, _)| *before == at);
        let here: Vec<&str> = here.map(|(_, item)| item.as_str()).collect();
        if here.is_empty() {
            continue;
        }
        puts.push(match named.get(at) {
            Some(block) => Put::at(block.span.start, format!("{},", here.join(","))),
            None => Put::at(end, format!(",{}", here.join(","))),
        });
    }
    Some(puts)
}

/// An answer to a call: an item.
pub fn result(call: &str, answer: &Result<Vec<String>, String>) -> String {
    let text = match answer {
        Ok(texts) => texts.join("\n"),
        Err(why) => why.clone(),
    };
    json!({"type": "function_call_output", "call_id": call, "output": text}).to_string()
}

/// The body of the next round: `said` are the items of the model's last answer, as JSON.
pub fn next_round(body: &Bytes, said: &[String], results: &[String]) -> Option<Bytes> {
    let tree = Tree::read(body)?;
    let input = Fields::of(&tree, tree.root())?.one(b"input")??;
    let end = tree.span(input).end - 1;
    Some(put(body, vec![Put::at(end, format!(",{},{}", said.join(","), results.join(",")))]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tool_is_offered_only_where_all_that_the_model_saw_stands_in_the_request() {
        let rest = r#""store":false,"include":["reasoning.encrypted_content"],"input":[],"tools":[{}]"#;
        let cases = [
            (String::new(), Some(true)),
            (r#""tool_choice":"auto","previous_response_id":null,"#.to_owned(), Some(true)),
            (r#""tool_choice":"required","#.to_owned(), Some(false)),
            (r#""background":true,"#.to_owned(), Some(false)),
            (r#""previous_response_id":"resp_1","#.to_owned(), None),
            (r#""conversation":"conv_1","#.to_owned(), None),
        ];
        for (first, want) in cases {
            let body = format!("{{{first}{rest}}}");
            assert_eq!(tool_list(body.as_bytes()).map(|list| list.free), want, "{body}");
        }
        for (old, new, want) in [
            (r#""store":false"#, r#""store":true"#, Some(false)),
            (r#""store":false,"#, "", Some(false)),
            ("reasoning.encrypted_content", "usage", Some(false)),
            ("[{}]", "[]", None),
            (r#""input":[]"#, r#""input":"hi""#, None),
        ] {
            let body = format!("{{{}}}", rest.replace(old, new));
            assert_eq!(tool_list(body.as_bytes()).map(|list| list.free), want, "{body}");
        }
    }

    #[test]
    fn an_item_is_known_again_without_its_id() {
        let same = [
            (
                json!({"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": " hi"}]}),
                json!({"role": "assistant", "content": "hi"}),
            ),
            (
                json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}),
                json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}], "encrypted_content": "x"}),
            ),
            (
                json!({"type": "function_call", "id": "fc_1", "call_id": "c", "arguments": "{}"}),
                json!({"type": "function_call", "call_id": "c", "arguments": "{ }"}),
            ),
            (
                json!({"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "q"}}),
                json!({"type": "web_search_call", "action": {"query": "q"}}),
            ),
        ];
        for (one, other) in &same {
            assert_eq!(identity(one), identity(other));
        }
        for (number, (one, _)) in same.iter().enumerate() {
            for (other, _) in &same[number + 1..] {
                assert_ne!(identity(one), identity(other));
            }
        }
    }
}

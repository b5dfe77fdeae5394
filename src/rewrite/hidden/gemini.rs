//! Hidden rounds in Gemini: whole contents, and calls beside the client's own.
//!
//! A client shows a turn of the model's as one content or as several in a row, its texts run together or in
//! pieces. What stood before our answers is taken off those texts again, and put back as the contents that
//! it was. Calls may have no id, or one that the client made up: they are told by name and arguments.

use super::ToolList;
use super::chat::names;
use crate::conversation::{Block, Conversation, RETRIEVAL_TOOL};
use crate::rewrite::splice::{Put, put};
use crate::units::Span;
use crate::wire::fields::Fields;
use crate::wire::json::{Node, Tree};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a client did not see of a turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hidden {
    /// Contents that stand before what the client shows, as JSON.
    pub contents: Vec<String>,
    /// How many bytes of the shown text (without white space at its beginning) stand in them.
    pub said: usize,
    /// How many bytes of the shown thoughts stand in them.
    pub thought: usize,
    /// Calls that were made together with the client's own.
    pub beside: Option<Beside>,
}

/// Calls of our tool beside the client's own, and their answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    /// The parts that call, as JSON, each with how many of the client's calls stand before it.
    pub calls: Vec<(usize, String)>,
    /// The parts that answer them, as JSON.
    pub results: Vec<String>,
}

impl Hidden {
    /// True when the client saw all.
    pub fn is_empty(&self) -> bool {
        self.contents.is_empty() && self.beside.is_none()
    }
}

/// What a body asks, taken out of Code Assist's envelope.
fn asked(body: &[u8]) -> Option<Tree<'_>> {
    let whole = Tree::read(body)?;
    let envelope = Fields::of(&whole, whole.root())?;
    if envelope.one(b"contents")?.is_some() {
        return Some(whole);
    }
    let inner = envelope.either(&[b"request", b"generateContentRequest", b"generate_content_request"])??;
    Tree::read_within(body, whole.span(inner))
}

/// The last list of functions: of several tools that are no searches the API takes none, so ours joins the
/// client's. `None` when there is none.
pub fn tool_list(body: &[u8]) -> Option<ToolList> {
    let tree = asked(body)?;
    let request = Fields::of(&tree, tree.root())?;
    let mut end = None;
    for tool in tree.elements(request.one(b"tools")??)? {
        let declared =
            Fields::of(&tree, tool)?.either(&[b"functionDeclarations", b"function_declarations"])?;
        let Some(declared) = declared else { continue };
        if !tree.elements(declared)?.is_empty() {
            end = Some(tree.span(declared).end - 1);
        }
    }
    let free = is_free(&tree, &request).unwrap_or(false);
    Some(ToolList { end: end?, free })
}

/// Whether the model may choose among the tools, and answers once.
fn is_free(tree: &Tree<'_>, request: &Fields<'_>) -> Option<bool> {
    let of = |fields: &Fields<'_>, names: &[&[u8]]| {
        let given = fields.either(names)?.filter(|node| tree.raw(*node) != b"null");
        Some(given)
    };
    if let Some(set) = of(request, &[b"generationConfig", b"generation_config"])? {
        let number = of(&Fields::of(tree, set)?, &[b"candidateCount", b"candidate_count"])?;
        if number.is_some_and(|number| tree.raw(number) != b"1") {
            return Some(false);
        }
    }
    let Some(set) = of(request, &[b"toolConfig", b"tool_config"])? else { return Some(true) };
    let calling = of(&Fields::of(tree, set)?, &[b"functionCallingConfig", b"function_calling_config"])?;
    let Some(calling) = calling else { return Some(true) };
    let Some(mode) = of(&Fields::of(tree, calling)?, &[b"mode"])? else { return Some(true) };
    Some(matches!(tree.text(mode)?.as_str(), "AUTO" | "auto" | "MODE_UNSPECIFIED"))
}

/// The call in a part.
pub fn call_in(part: &Value) -> Option<&Value> {
    part.get("functionCall").or_else(|| part.get("function_call")).filter(|call| call.is_object())
}

/// What tells a call from others, wherever it is seen.
pub fn identity(call: &Value) -> String {
    let arguments: BTreeMap<&String, &Value> = call["args"].as_object().into_iter().flatten().collect();
    let arguments = serde_json::to_string(&arguments).unwrap_or_default();
    format!("{} {arguments}", call["name"].as_str().unwrap_or_default())
}

/// What the client shows of a model's turn.
pub fn shown(body: &[u8], blocks: &[Block]) -> Vec<String> {
    let mut text = String::new();
    let mut calls = Vec::new();
    for block in blocks {
        let Ok(part) = serde_json::from_slice::<Value>(block.span.of(body)) else { continue };
        match (part["text"].as_str(), call_in(&part)) {
            (Some(said), _) if part["thought"] != true => text.push_str(said),
            (_, Some(call)) => calls.push(identity(call)),
            _ => {}
        }
    }
    names(&text, calls.iter().map(String::as_str))
}

/// Writes a model's turn anew, with what was hidden in it at its place; `None` when that can't be done.
pub fn puts(
    body: &[u8],
    conversation: &Conversation,
    first: usize,
    end: usize,
    hidden: &Hidden,
) -> Option<Vec<Put>> {
    let tree = asked(body)?;
    let contents = tree.elements(Fields::of(&tree, tree.root())?.one(b"contents")??)?;
    let blocks = &conversation.blocks;
    let contents = contents.get(blocks[first].message..=blocks[end - 1].message)?;
    let said = |span: Span| String::from_utf8(span.of(body).to_vec()).ok();

    let mut rest = Rest { hidden, said: hidden.said, thought: hidden.thought, spoke: false, calls: 0 };
    let mut rows = hidden.contents.clone();
    let last_call = blocks[first..end].iter().rposition(|block| calls(body, block)).map(|at| first + at);
    let mut block = first;
    for content in contents {
        let parts = match Fields::of(&tree, *content)?.given(b"parts")? {
            Some(parts) => tree.elements(parts)?,
            None => Vec::new(),
        };
        let whole = tree.span(*content);
        let (Some(from), Some(to)) = (parts.first(), parts.last()) else {
            rows.push(said(whole)?);
            continue;
        };
        let mut kept = Vec::new();
        for part in &parts {
            rest.push(&tree, *part, &mut kept)?;
            if last_call == Some(block) {
                rest.push_ours(usize::MAX, &mut kept);
            }
            block += 1;
        }
        if !kept.is_empty() {
            let opening = said(Span { start: whole.start, end: tree.span(*from).start })?;
            let closing = said(Span { start: tree.span(*to).end, end: whole.end })?;
            rows.push(format!("{opening}{}{closing}", kept.join(",")));
        }
    }
    let span = Span { start: tree.span(*contents.first()?).start, end: tree.span(*contents.last()?).end };
    let mut puts = vec![Put { span, raw: rows.join(",") }];
    if let Some(beside) = &hidden.beside {
        // Ours are answered with the client's.
        let next = conversation.blocks.get(end).filter(|next| next.index == 0)?;
        last_call?;
        puts.push(Put::at(next.span.start, format!("{},", beside.results.join(","))));
    }
    Some(puts)
}

fn calls(body: &[u8], block: &Block) -> bool {
    serde_json::from_slice::<Value>(block.span.of(body)).is_ok_and(|part| call_in(&part).is_some())
}

/// What is left of a turn behind its hidden rounds.
struct Rest<'a> {
    hidden: &'a Hidden,
    /// Bytes of text that are still to be taken off.
    said: usize,
    /// Bytes of thoughts that are.
    thought: usize,
    /// Text has come, besides white space.
    spoke: bool,
    /// How many calls of the client's have come.
    calls: usize,
}

impl Rest<'_> {
    /// A part, or what is left of it.
    fn push(&mut self, tree: &Tree<'_>, part: Node, kept: &mut Vec<String>) -> Option<()> {
        let raw = String::from_utf8(tree.raw(part).to_vec()).ok()?;
        let fields = Fields::of(tree, part)?;
        let Some(literal) = fields.literal(b"text")? else {
            if fields.either(&[b"functionCall", b"function_call"])?.is_some() {
                self.push_ours(self.calls, kept);
                self.calls += 1;
            }
            kept.push(raw);
            return Some(());
        };
        let text: String = serde_json::from_slice(literal.of(tree.bytes())).ok()?;
        let thinks = fields.is_true(b"thought")?;
        // A client may have trimmed the text at both ends.
        let bare = if thinks || self.spoke { text.as_str() } else { text.trim_start() };
        let left = if thinks { &mut self.thought } else { &mut self.said };
        let taken = bare.len().min(*left);
        *left -= taken;
        self.spoke |= !thinks && !bare.is_empty();
        if taken == 0 {
            // The signature that ended a hidden answer stands on nothing of this one.
            let signature = fields.text(b"thoughtSignature")?.filter(|_| text.is_empty());
            let hidden = |signed: &String| self.hidden.contents.iter().any(|it| it.contains(signed.as_str()));
            if !signature.as_ref().is_some_and(hidden) {
                kept.push(raw);
            }
            return Some(());
        }
        let rest = bare.get(taken..)?;
        if !rest.is_empty() {
            let whole = tree.span(part);
            let (before, after) = (literal.start - whole.start, literal.end - whole.start);
            kept.push(format!("{}{}{}", &raw[..before], Value::from(rest), &raw[after..]));
        }
        Some(())
    }

    /// Our calls before which so many of the client's stand, or `usize::MAX`: those behind all of them.
    fn push_ours(&self, before: usize, kept: &mut Vec<String>) {
        let Some(beside) = &self.hidden.beside else { return };
        let here = |at: usize| if before == usize::MAX { self.calls <= at } else { at == before };
        kept.extend(beside.calls.iter().filter(|(at, _)| here(*at)).map(|(_, call)| call.clone()));
    }
}

/// An answer to a call: a part. The call's id, where it has one, comes back with it.
pub fn result(id: &str, answer: &Result<Vec<String>, String>) -> String {
    let response = match answer {
        Ok(texts) => json!({"output": texts.join("\n")}),
        Err(why) => json!({"error": why}),
    };
    let mut function = json!({});
    if !id.is_empty() {
        function["id"] = id.into();
    }
    function["name"] = RETRIEVAL_TOOL.into();
    function["response"] = response;
    json!({"functionResponse": function}).to_string()
}

/// The content that answers.
pub fn answering(results: &[String]) -> String {
    format!(r#"{{"role":"user","parts":[{}]}}"#, results.join(","))
}

/// The body of the next round: `said` is the model's content, as JSON.
pub fn next_round(body: &Bytes, said: &str, results: &[String]) -> Option<Bytes> {
    let tree = asked(body)?;
    let contents = Fields::of(&tree, tree.root())?.one(b"contents")??;
    let end = tree.span(contents).end - 1;
    Some(put(body, vec![Put::at(end, format!(",{said},{}", answering(results)))]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_tool_joins_the_last_list_of_functions_where_the_model_may_choose() {
        let tools = r#""tools":[{"functionDeclarations":[{"name":"a"}]},{"function_declarations":[{"name":"b"}]},{"codeExecution":{}}]"#;
        let config = |mode: &str| {
            format!(
                r#"{{{tools},"toolConfig":{{"functionCallingConfig":{{"mode":"{mode}"}}}},"contents":[]}}"#
            )
        };
        let cases = [
            (format!("{{{tools},\"contents\":[]}}"), Some(true)),
            (format!("{{\"model\":\"m\",\"request\":{{{tools},\"contents\":[]}}}}"), Some(true)),
            (config("AUTO"), Some(true)),
            (config("NONE"), Some(false)),
            (config("ANY"), Some(false)),
            (
                format!("{{{tools},\"generationConfig\":{{\"candidateCount\":2}},\"contents\":[]}}"),
                Some(false),
            ),
            (r#"{"tools":[{"googleSearch":{}}],"contents":[]}"#.to_owned(), None),
            (r#"{"tools":[{"functionDeclarations":[]}],"contents":[]}"#.to_owned(), None),
            (r#"{"contents":[]}"#.to_owned(), None),
        ];
        for (body, want) in cases {
            let list = tool_list(body.as_bytes());
            assert_eq!(list.as_ref().map(|list| list.free), want, "{body}");
            if let Some(list) = list {
                assert!(body[..list.end].ends_with(r#"{"name":"b"}"#), "{body}");
            }
        }
    }

    #[test]
    fn what_was_hidden_is_put_back_however_a_client_cuts_the_turn() {
        let hidden = Hidden {
            contents: vec![r#"{"H":"c2ln"}"#.to_owned()],
            said: "Let me see.".len(),
            thought: "hm".len(),
            beside: Some(Beside {
                calls: vec![(0, r#"{"ours":1}"#.to_owned()), (1, r#"{"ours":2}"#.to_owned())],
                results: vec![r#"{"back":1}"#.to_owned(), r#"{"back":2}"#.to_owned()],
            }),
        };
        let call = r#"{"functionCall":{"name":"ls","args":{}}}"#;
        // The turn as the client shows it, and what stands there instead.
        let cases = [
            (
                format!(r#"{{"role":"model","parts":[{{"text":"Let me see. There."}},{call}]}}"#),
                format!(
                    r#"{{"role":"model","parts":[{{"text":" There."}},{{"ours":1}},{call},{{"ours":2}}]}}"#
                ),
            ),
            (
                format!(
                    r#"{{"role":"model","parts":[{{"text":"hm","thought":true}},{{"text":"\n Let me "}}]}},{{"role":"model","parts":[{{"text":"see."}},{{"text":"","thoughtSignature":"c2ln"}}]}},{{"role":"model","parts":[{{"text":" There."}},{call}]}}"#
                ),
                format!(
                    r#"{{"role":"model","parts":[{{"text":" There."}},{{"ours":1}},{call},{{"ours":2}}]}}"#
                ),
            ),
            (
                format!(r#"{{"role":"model","parts":[{{"text":"Let me see."}},{call}]}}"#),
                format!(r#"{{"role":"model","parts":[{{"ours":1}},{call},{{"ours":2}}]}}"#),
            ),
        ];
        for (turn, want) in cases {
            let around = |turn: &str, back: &str| {
                format!(
                    r#"{{"request":{{"contents":[{{"role":"user","parts":[{{"text":"go"}}]}},{turn},{{"role":"user","parts":[{back}{{"functionResponse":{{"name":"ls","response":{{}}}}}}]}}]}}}}"#
                )
            };
            let body = Bytes::from(around(&turn, ""));
            let conversation = crate::wire::Wire::Gemini.read(&body).expect("readable");
            let end = conversation.blocks.len() - 1;
            let puts = puts(&body, &conversation, 1, end, &hidden).expect("put back");
            let whole = String::from_utf8(put(&body, puts).to_vec()).expect("text");
            let want = format!(r#"{{"H":"c2ln"}},{want}"#);
            assert_eq!(whole, around(&want, r#"{"back":1},{"back":2},"#), "{turn}");
        }
    }
}

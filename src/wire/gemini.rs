//! Google Gemini requests: `generateContent`, `streamGenerateContent` and `countTokens`.
//!
//! Shape: `{"systemInstruction", "tools": [{"functionDeclarations": [{"name"}]}],
//! "contents": [{"role", "parts": [part]}]}`. What a tool answered is a
//! `functionResponse` part: `{"name", "id", "response": {…}}`, an object of the
//! client's own making, of which every string may be a text. Code Assist wraps the
//! whole into `{"model", "project", "request": {…}}`, and counting into
//! `{"generateContentRequest": {…}}`; both are known by their shape. Names are
//! written in either of the two ways that the provider reads (`functionCall`,
//! `function_call`).

use super::fields::Fields;
use super::json::{Node, Tree};
use crate::conversation::{
    Arguments, Block, CacheAsk, Call, Content, Conversation, Extent, Form, Role, Said, Stay, ToolResult,
};
use crate::units::Span;

/// Reads a request's body; `None` when anything that we look at is odd.
pub fn read(body: &[u8]) -> Option<Conversation> {
    let whole = Tree::read(body)?;
    let envelope = Fields::of(&whole, whole.root())?;
    let wrapped = match envelope.one(b"contents")? {
        Some(_) => None,
        None => {
            Some(envelope.either(&[b"request", b"generateContentRequest", b"generate_content_request"])??)
        }
    };
    let inner;
    let tree = match wrapped {
        Some(node) => {
            inner = Tree::read_within(body, whole.span(node))?;
            &inner
        }
        None => &whole,
    };
    let request = Fields::of(tree, tree.root())?;
    let model = match (envelope.text(b"model")?, wrapped) {
        (None, Some(_)) => request.text(b"model")?,
        (model, _) => model,
    };
    let mut conversation = Conversation {
        model: model.unwrap_or_default(),
        session: session_of(tree, &request)?,
        cache: CacheAsk::Automatic,
        ..Conversation::default()
    };
    for names in [
        [&b"systemInstruction"[..], b"system_instruction"],
        [b"tools", b"tools"],
        [b"cachedContent", b"cached_content"],
    ] {
        conversation.preamble.extend(request.either(&names)?.map(|part| tree.span(part)));
    }
    conversation.preamble.sort_by_key(|span| span.start);
    if let Some(tools) = request.given(b"tools")? {
        read_tools(tree, tools, &mut conversation)?;
    }
    let mut calls = OpenCalls::default();
    for (number, content) in tree.elements(request.one(b"contents")??)?.into_iter().enumerate() {
        read_content(tree, content, number, &mut calls, &mut conversation)?;
    }
    Some(conversation)
}

/// Code Assist names the session in the inner request.
fn session_of(tree: &Tree<'_>, request: &Fields<'_>) -> Option<Option<String>> {
    let name = request.either(&[b"session_id", b"sessionId"])?;
    Some(name.and_then(|name| tree.text(name)).filter(|name| !name.is_empty()))
}

fn read_tools(tree: &Tree<'_>, tools: Node, conversation: &mut Conversation) -> Option<()> {
    for tool in tree.elements(tools)? {
        let fields = Fields::of(tree, tool)?;
        let Some(declared) = fields.either(&[b"functionDeclarations", b"function_declarations"])? else {
            continue;
        };
        for function in tree.elements(declared)? {
            if let Some(name) = Fields::of(tree, function)?.text(b"name")? {
                conversation.offer(name, tree.span(function));
            }
        }
    }
    Some(())
}

/// The calls of the model's last turn that are not answered yet. Ids are young on this wire, and
/// not every client sends them: without one, an answer belongs to the first open call of its name.
#[derive(Default)]
struct OpenCalls {
    /// Name of the tool, and the id that we know the call by.
    open: Vec<(String, String)>,
    made: usize,
}

impl OpenCalls {
    fn call(&mut self, name: &str) -> String {
        self.made += 1;
        let id = format!("{name} {}", self.made);
        self.open.push((name.to_owned(), id.clone()));
        id
    }

    fn answer(&mut self, name: &str) -> String {
        let at = self.open.iter().position(|(open, _)| open == name);
        at.map(|at| self.open.remove(at).1).unwrap_or_default()
    }
}

fn read_content(
    tree: &Tree<'_>,
    content: Node,
    number: usize,
    calls: &mut OpenCalls,
    conversation: &mut Conversation,
) -> Option<()> {
    let fields = Fields::of(tree, content)?;
    let role = match fields.text(b"role")?.as_deref() {
        Some("model") => Role::Assistant,
        Some("system") => Role::System,
        _ => Role::User,
    };
    if role == Role::Assistant {
        calls.open.clear();
    }
    let Some(parts) = fields.given(b"parts")? else { return Some(()) };
    for (index, part) in tree.elements(parts)?.into_iter().enumerate() {
        let span = tree.span(part);
        let (stay, content) = read_part(tree, part, role, calls, conversation)?;
        let moving = Vec::new();
        conversation.blocks.push(Block { message: number, index, role, span, moving, stay, content });
    }
    Some(())
}

fn read_part(
    tree: &Tree<'_>,
    part: Node,
    role: Role,
    calls: &mut OpenCalls,
    conversation: &mut Conversation,
) -> Option<(Stay, Content)> {
    let fields = Fields::of(tree, part)?;
    if fields.is_true(b"thought")? {
        return Some((Stay::Loose, Content::Sealed));
    }
    if let Some(text) = fields.literal(b"text")? {
        return Some((Stay::Kept, Content::Said(Said { text, form: Form::Rich })));
    }
    if let Some(call) = fields.either(&[b"functionCall", b"function_call"])?
        && role == Role::Assistant
    {
        let call = Fields::of(tree, call)?;
        let tool = call.text(b"name")?.unwrap_or_default();
        let id = match call.text(b"id")? {
            Some(id) => id,
            None => calls.call(&tool),
        };
        let arguments =
            call.given(b"args")?.map_or(Arguments::Nothing, |args| Arguments::Json(tree.span(args)));
        conversation.calls.push(Call { block: conversation.blocks.len(), id, tool, arguments });
    }
    if let Some(answer) = fields.either(&[b"functionResponse", b"function_response"])?
        && role == Role::User
    {
        let answer = Fields::of(tree, answer)?;
        let id = match answer.text(b"id")? {
            Some(id) => id,
            None => calls.answer(&answer.text(b"name")?.unwrap_or_default()),
        };
        let response = answer.given(b"response")?;
        let failed = match response {
            Some(response) => says_that_it_failed(tree, response),
            None => false,
        };
        let texts = match response {
            Some(response) => texts_in(tree, response)?,
            None => Vec::new(),
        };
        return Some((Stay::Kept, Content::Result(ToolResult { id, failed, texts, extent: Extent::Whole })));
    }
    Some((Stay::Kept, Content::Sealed))
}

/// By the provider's own words a response is told under `output`, and what went wrong under `error`.
fn says_that_it_failed(tree: &Tree<'_>, response: Node) -> bool {
    let Some(fields) = Fields::of(tree, response) else { return false };
    let there = |name| matches!(fields.given(name), Some(Some(_)));
    there(b"error") && !there(b"output")
}

/// Every string in a response, at any depth that we look to; data that is no text stays out.
fn texts_in(tree: &Tree<'_>, response: Node) -> Option<Vec<Span>> {
    let response = Tree::read_within(tree.bytes(), tree.span(response))?;
    let is_text = |span: &Span| !span.of(tree.bytes()).starts_with(b"\"data:");
    Some(response.strings().filter(is_text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'a>(body: &'a str, conversation: &Conversation) -> Vec<&'a str> {
        let mut found = Vec::new();
        for block in &conversation.blocks {
            if let Content::Result(result) = &block.content {
                found.extend(result.texts.iter().map(|span| &body[span.range()]));
            }
        }
        found
    }

    const CONTENTS: &str = r#""contents":[
        {"role":"user","parts":[{"text":"go"}]},
        {"role":"model","parts":[{"thought":true,"text":"hm"},{"functionCall":{"name":"shell","args":{"command":"ls"}},"thoughtSignature":"c2ln"},
            {"functionCall":{"name":"shell","args":{"command":"ps"}}},{"functionCall":{"id":"r1","name":"read","args":{"path":"a"}}}]},
        {"role":"user","parts":[{"functionResponse":{"id":"r1","name":"read","response":{"content":[{"type":"text","text":"three"}],"image":"data:image/png;base64,AA"}}},
            {"functionResponse":{"name":"shell","response":{"output":"one"}}},
            {"functionResponse":{"name":"shell","response":{"error":"two"}}}]}]"#;

    #[test]
    fn answers_are_paired_by_id_or_by_order_and_name() {
        let body = format!("{{{CONTENTS}}}");
        let conversation = read(body.as_bytes()).expect("readable");
        assert_eq!(texts(&body, &conversation), [r#""text""#, r#""three""#, r#""one""#, r#""two""#]);
        let argument_of = |block: usize| {
            let Content::Result(result) = &conversation.blocks[block].content else { panic!("a result") };
            let call = conversation.calls.iter().find(|call| call.id == result.id).expect("its call");
            let Arguments::Json(span) = call.arguments else { panic!("arguments") };
            (&body[span.range()], result.failed)
        };
        assert_eq!(argument_of(5), (r#"{"path":"a"}"#, false));
        assert_eq!(argument_of(6), (r#"{"command":"ls"}"#, false));
        assert_eq!(argument_of(7), (r#"{"command":"ps"}"#, true));
        assert_eq!(conversation.tail(), 5);
        assert_eq!(conversation.blocks[1].stay, Stay::Loose);
    }

    #[test]
    fn envelopes_are_known_by_their_shape() {
        let plain = read(format!("{{{CONTENTS}}}").as_bytes()).expect("plain");
        let envelopes = [
            format!(r#"{{"model":"gemini-x","project":"p","request":{{"session_id":"s",{CONTENTS}}}}}"#),
            format!(r#"{{"request":{{"model":"gemini-x","sessionId":"s",{CONTENTS}}}}}"#),
            format!(r#"{{"generateContentRequest":{{"model":"gemini-x","session_id":"s",{CONTENTS}}}}}"#),
        ];
        for body in envelopes {
            let conversation = read(body.as_bytes()).expect("readable");
            assert_eq!(conversation.blocks.len(), plain.blocks.len(), "{body}");
            assert_eq!(conversation.model, "gemini-x");
            assert_eq!(conversation.session.as_deref(), Some("s"));
            assert_eq!(texts(&body, &conversation)[1], r#""three""#);
        }
    }

    #[test]
    fn tools_and_the_other_spelling_are_read() {
        let body = r#"{"system_instruction":{},"tools":[{"google_search":{}},{"function_declarations":[{"name":"shell"},{"name":"mcp_headroom_retrieve"}]}],
            "contents":[{"role":"model","parts":[{"function_call":{"name":"shell","args":{}}}]},
            {"role":"function","parts":[{"function_response":{"name":"shell","response":{"result":"x"}}}]},{"role":"user"}]}"#;
        let conversation = read(body.as_bytes()).expect("readable");
        assert_eq!(conversation.tools, ["shell", "mcp_headroom_retrieve"]);
        assert_eq!(texts(body, &conversation), [r#""x""#]);
        assert_eq!(conversation.preamble.len(), 2);
    }

    #[test]
    fn an_odd_shape_is_not_read() {
        let odd = [
            "[]",
            "{}",
            r#"{"contents":"a"}"#,
            r#"{"contents":{}}"#,
            r#"{"contents":[1]}"#,
            r#"{"request":1}"#,
            r#"{"request":{}}"#,
            r#"{"contents":[],"contents":[]}"#,
            r#"{"contents":[{"parts":"a"}]}"#,
            r#"{"contents":[{"parts":[{"functionResponse":{},"function_response":{}}]}]}"#,
            r#"{"request":{"contents":[]},"generateContentRequest":{"contents":[]}}"#,
        ];
        for body in odd {
            assert!(read(body.as_bytes()).is_none(), "{body}");
        }
    }
}

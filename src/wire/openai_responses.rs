//! OpenAI Responses requests, over HTTP or as a `response.create` message of a WebSocket.
//!
//! Shape: `{"model", "instructions", "tools", "input": string | [item],
//! "previous_response_id"}`; over a WebSocket with a `type` beside. A client's
//! item is a message, or what a tool answered (`function_call_output` and its
//! like: `{"call_id", "output": string | [part]}`). All other items are the
//! model's; the provider gave them out, remembers them when the request builds
//! on an earlier response, and is given them back when it doesn't. So the chain
//! covers the client's items only: the whole history, sent again after a lost
//! connection, is the same history as the pieces in which it was sent first.

use super::fields::Fields;
use super::json::{self, Node, Tree};
use crate::conversation::{
    Arguments, Block, CacheAsk, Call, Content, Conversation, Extent, Form, Role, Said, Stay, ToolResult,
};
use crate::units::Span;

/// What clients write on their own items beside what they say: made anew, or left out, when an
/// item is sent again over another connection (seen with Codex 0.169). The model is told none of it.
const LABELS: &[&[u8]] = &[b"id", b"status", b"internal_chat_message_metadata_passthrough"];

/// Reads a request's body; `None` when anything that we look at is odd.
pub fn read(body: &[u8]) -> Option<Conversation> {
    let tree = Tree::read(body)?;
    let request = Fields::of(&tree, tree.root())?;
    let mut conversation = Conversation {
        model: request.text(b"model")?.unwrap_or_default(),
        stream: request.is_true(b"stream")?,
        session: request.text(b"prompt_cache_key")?.filter(|key| !key.is_empty()),
        continues: continued(&tree, &request)?,
        cache: CacheAsk::Automatic,
        ..Conversation::default()
    };
    if let Some(instructions) = request.given(b"instructions")? {
        conversation.preamble.push(tree.span(instructions));
    }
    if let Some(tools) = request.given(b"tools")? {
        conversation.preamble.push(tree.span(tools));
        read_tools(&tree, tools, &mut conversation)?;
    }
    let input = request.one(b"input")??;
    if tree.is_string(input) {
        let span = tree.span(input);
        let content = Content::Said(Said { text: span, form: Form::Rich });
        conversation.blocks.push(Block {
            message: 0,
            index: 0,
            role: Role::User,
            span,
            moving: Vec::new(),
            stay: Stay::Kept,
            content,
        });
    } else {
        for (number, item) in tree.elements(input)?.into_iter().enumerate() {
            read_item(&tree, item, number, &mut conversation)?;
        }
    }
    conversation.preamble.sort_by_key(|span| span.start);
    Some(conversation)
}

/// What the request builds on: an earlier response, or a conversation that the provider keeps.
fn continued(tree: &Tree<'_>, request: &Fields<'_>) -> Option<Option<String>> {
    if let Some(response) = request.text(b"previous_response_id")? {
        return Some(Some(response));
    }
    match request.given(b"conversation")? {
        None => Some(None),
        Some(name) if tree.is_string(name) => tree.text(name).map(Some),
        Some(object) => Fields::of(tree, object)?.text(b"id"),
    }
}

/// What names an MCP server's tools: such a `namespace` is the first part of their names.
const SERVER: &str = "mcp__";

/// Notes the tools of a list, also those inside a `namespace`.
fn read_tools(tree: &Tree<'_>, tools: Node, conversation: &mut Conversation) -> Option<()> {
    for tool in tree.elements(tools)? {
        let fields = Fields::of(tree, tool)?;
        let name = fields.text(b"name")?;
        if fields.text(b"type")?.as_deref() == Some("namespace") {
            let Some(inner) = fields.given(b"tools")? else { continue };
            let server = name.filter(|name| name.starts_with(SERVER));
            for tool in tree.elements(inner)? {
                let Some(name) = Fields::of(tree, tool)?.text(b"name")? else { continue };
                let name = match &server {
                    Some(server) if !name.starts_with(SERVER) => format!("{server}__{name}"),
                    _ => name,
                };
                conversation.offer(name, tree.span(tool));
            }
        } else if let Some(name) = name {
            conversation.offer(name, tree.span(tool));
        }
    }
    Some(())
}

/// Notes the servers whose tools are there without being listed: a client whose model runs programs names no more of
/// them than this, in a text of its own among the instructions (Codex 0.169).
fn read_deferred(tree: &Tree<'_>, texts: &[Span], conversation: &mut Conversation) {
    const LONGEST: usize = 64 << 10;
    let short = texts.iter().filter(|text| text.len() <= LONGEST);
    for text in short.filter_map(|text| json::text_of(text.of(tree.bytes()))) {
        let Some(listed) = text.trim().strip_prefix("<tools>").and_then(|rest| rest.strip_suffix("</tools>"))
        else {
            continue;
        };
        let names = listed.lines().filter_map(|line| line.strip_prefix("- "));
        conversation.tools.extend(names.filter(|name| name.starts_with(SERVER)).map(str::to_owned));
    }
}

fn read_item(tree: &Tree<'_>, item: Node, number: usize, conversation: &mut Conversation) -> Option<()> {
    let fields = Fields::of(tree, item)?;
    let kind = fields.text(b"type")?.unwrap_or_else(|| "message".to_owned());
    let (role, stay, content) = match kind.as_str() {
        "message" => {
            let texts = match fields.given(b"content")? {
                Some(content) => texts_of(tree, content)?,
                None => Vec::new(),
            };
            let said = texts.last().copied();
            let said = said.map_or(Content::Sealed, |text| Content::Said(Said { text, form: Form::Rich }));
            match fields.text(b"role")??.as_str() {
                "assistant" => (Role::Assistant, Stay::Loose, said),
                "system" | "developer" => {
                    read_deferred(tree, &texts, conversation);
                    (Role::System, Stay::Kept, said)
                }
                _ => (Role::User, Stay::Kept, said),
            }
        }
        "function_call_output"
        | "custom_tool_call_output"
        | "local_shell_call_output"
        | "shell_call_output"
        | "apply_patch_call_output" => {
            let texts = match fields.given(b"output")? {
                Some(output) => texts_of(tree, output)?,
                None => Vec::new(),
            };
            // The older shell tool has the call's id under `id`.
            let id = match fields.text(b"call_id")? {
                Some(id) => id,
                None => fields.text(b"id")?.unwrap_or_default(),
            };
            let failed = fields.text(b"status")?.is_some_and(|status| status == "failed");
            (Role::User, Stay::Kept, Content::Result(ToolResult { id, failed, texts, extent: Extent::Whole }))
        }
        "additional_tools" => {
            if let Some(tools) = fields.given(b"tools")? {
                read_tools(tree, tools, conversation)?;
            }
            conversation.preamble.push(tree.span(item));
            (Role::System, Stay::Loose, Content::Sealed)
        }
        // Asks for a summary of what stands before it, once, and is gone afterwards.
        "compaction_trigger" => (Role::System, Stay::Loose, Content::Sealed),
        kind if kind.ends_with("_output") || kind.ends_with("_response") => {
            match fields.text(b"execution")?.as_deref() {
                Some("server") => (Role::Assistant, Stay::Loose, Content::Sealed),
                _ => (Role::User, Stay::Kept, Content::Sealed),
            }
        }
        kind => {
            let arguments = match kind {
                "function_call" => value_of(tree, &fields, b"arguments", Arguments::Quoted)?,
                "custom_tool_call" => value_of(tree, &fields, b"input", Arguments::Code)?,
                "local_shell_call" | "shell_call" => value_of(tree, &fields, b"action", Arguments::Quoted)?,
                _ => None,
            };
            if let Some(arguments) = arguments {
                let id = match fields.text(b"call_id")? {
                    Some(id) => id,
                    None => fields.text(b"id")?.unwrap_or_default(),
                };
                let tool = fields.text(b"name")?.unwrap_or_else(|| "shell".to_owned());
                conversation.calls.push(Call { block: conversation.blocks.len(), id, tool, arguments });
            }
            (Role::Assistant, Stay::Loose, Content::Sealed)
        }
    };
    let moving = if stay == Stay::Kept { fields.spans_of(LABELS) } else { Vec::new() };
    let span = tree.span(item);
    conversation.blocks.push(Block { message: number, index: 0, role, span, moving, stay, content });
    Some(())
}

/// The arguments under `name`: a JSON value, or what a string of it is.
fn value_of(
    tree: &Tree<'_>,
    fields: &Fields<'_>,
    name: &[u8],
    string: fn(Span) -> Arguments,
) -> Option<Option<Arguments>> {
    Some(Some(match fields.given(name)? {
        Some(node) if tree.is_string(node) => string(tree.span(node)),
        Some(node) => Arguments::Json(tree.span(node)),
        None => Arguments::Nothing,
    }))
}

/// A plain string, or the texts among the parts of a list.
fn texts_of(tree: &Tree<'_>, content: Node) -> Option<Vec<Span>> {
    if tree.is_string(content) {
        return Some(vec![tree.span(content)]);
    }
    // Some tools answer with an object: there is no text in it that we know of.
    let Some(parts) = tree.elements(content) else { return Some(Vec::new()) };
    let mut texts = Vec::new();
    for part in parts {
        let fields = Fields::of(tree, part)?;
        match fields.text(b"type")?.as_deref() {
            Some("input_text" | "output_text" | "text") => texts.extend(fields.literal(b"text")?),
            // What a shell printed has no type.
            None => {
                texts.extend(fields.literal(b"stdout")?);
                texts.extend(fields.literal(b"stderr")?);
            }
            Some(_) => {}
        }
    }
    Some(texts)
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

    #[test]
    fn what_tools_answered_is_found_in_every_kind_of_item() {
        let body = r#"{"model":"gpt-x","stream":true,"instructions":"be good","prompt_cache_key":"s-1","input":[
            {"role":"user","content":[{"type":"input_text","text":"go"}]},
            {"type":"reasoning","id":"rs_1","encrypted_content":"xyz","summary":[]},
            {"type":"message","role":"assistant","content":[{"type":"output_text","text":"ok"}]},
            {"type":"function_call","call_id":"a","name":"bash","arguments":"{\"command\":\"ls\"}"},
            {"type":"local_shell_call","call_id":"b","action":{"type":"exec","command":["ls","-l"]},"status":"completed"},
            {"type":"custom_tool_call","call_id":"c","name":"exec","input":"tools.exec_command({cmd: \"ls\"})"},
            {"type":"mcp_call","id":"m","output":"sealed"},
            {"type":"function_call_output","call_id":"a","output":"one"},
            {"type":"local_shell_call_output","id":"b","output":"two"},
            {"type":"custom_tool_call_output","call_id":"c","output":[{"type":"input_text","text":"three"},{"type":"input_image","image_url":"data:"},{"type":"input_text","text":"four"}]},
            {"type":"shell_call_output","call_id":"d","output":[{"stdout":"five","stderr":"six","outcome":{"type":"exit","exit_code":0}}]},
            {"type":"computer_call_output","call_id":"e","output":{"type":"computer_screenshot"}}]}"#;
        let conversation = read(body.as_bytes()).expect("readable");
        let want = ["one", "two", "three", "four", "five", "six"].map(|text| format!("\"{text}\""));
        assert_eq!(texts(body, &conversation), want);
        assert_eq!(conversation.tail(), 7);
        assert!(conversation.stream);
        assert_eq!(conversation.session.as_deref(), Some("s-1"));
        let calls: Vec<(&str, &str)> =
            conversation.calls.iter().map(|call| (call.id.as_str(), call.tool.as_str())).collect();
        assert_eq!(calls, [("a", "bash"), ("b", "shell"), ("c", "exec")]);
        assert!(matches!(conversation.calls[2].arguments, Arguments::Code(_)));
    }

    #[test]
    fn tools_are_found_wherever_a_client_puts_them() {
        let body = r#"{"tools":[{"type":"function","name":"bash"},{"type":"web_search"},
            {"type":"namespace","name":"headroom","tools":[{"type":"function","name":"mcp__headroom__headroom_retrieve"}]}],
            "input":[{"type":"additional_tools","role":"developer","tools":[{"type":"namespace","name":"functions","tools":[{"type":"custom","name":"exec"}]}]}]}"#;
        let conversation = read(body.as_bytes()).expect("readable");
        assert_eq!(conversation.tools, ["bash", "mcp__headroom__headroom_retrieve", "exec"]);
        let ours = conversation.our_tool.expect("our tool");
        assert!(body[ours.range()].starts_with(r#"{"type":"function","name":"mcp__"#));
        assert_eq!(conversation.preamble.len(), 2);
    }

    #[test]
    fn the_tools_of_a_server_are_known_by_its_name_also_where_they_are_not_listed() {
        let of_older_models = r#"{"tools":[{"type":"namespace","name":"mcp__headroom","tools":[
            {"type":"function","name":"headroom_retrieve"}]}],"input":[]}"#;
        let conversation = read(of_older_models.as_bytes()).expect("readable");
        assert_eq!(conversation.tools, ["mcp__headroom__headroom_retrieve"]);
        assert!(conversation.our_tool.is_some());

        let listed = r"<tools>\nDeferred tool namespaces:\n- mcp__github\n- mcp__headroom\n</tools>";
        let said = |role: &str, text: &str| {
            format!(
                r#"{{"input":[{{"type":"message","role":"{role}","content":[
                    {{"type":"input_text","text":"be good"}},{{"type":"input_text","text":"{text}"}},
                    {{"type":"input_text","text":"be kind"}}]}}]}}"#
            )
        };
        let quoted = format!("They wrote: {listed}");
        let cases: [(&str, &str, &[&str]); 4] = [
            ("developer", listed, &["mcp__github", "mcp__headroom"]),
            ("user", listed, &[]),
            ("developer", &quoted, &[]),
            ("developer", r"<tools>\n- exec\n</tools>", &[]),
        ];
        for (role, text, tools) in cases {
            let conversation = read(said(role, text).as_bytes()).expect("readable");
            assert_eq!(conversation.tools, tools, "{role}: {text}");
        }
    }

    #[test]
    fn what_a_request_builds_on_is_noted() {
        let cases = [
            (r#"{"input":"hi"}"#, None),
            (r#"{"input":"hi","previous_response_id":null}"#, None),
            (r#"{"input":[],"previous_response_id":"resp_1"}"#, Some("resp_1")),
            (r#"{"input":"hi","conversation":"conv_1"}"#, Some("conv_1")),
            (r#"{"input":"hi","conversation":{"id":"conv_2"}}"#, Some("conv_2")),
        ];
        for (body, want) in cases {
            assert_eq!(read(body.as_bytes()).expect(body).continues.as_deref(), want, "{body}");
        }
    }

    #[test]
    fn an_odd_shape_is_not_read() {
        let odd = [
            "[]",
            "{}",
            r#"{"messages":[]}"#,
            r#"{"input":1}"#,
            r#"{"input":null}"#,
            r#"{"input":["a"]}"#,
            r#"{"input":[{"type":"message"}]}"#,
            r#"{"input":[{"type":1}]}"#,
            r#"{"input":[{"type":"function_call_output","output":"a","output":"b"}]}"#,
            r#"{"input":[],"input":[]}"#,
            r#"{"input":[],"previous_response_id":"a","previous_response_id":"b"}"#,
            r#"{"input":[{"type":"function_call_output","o\u0075tput":"b","output":"a"}]}"#,
        ];
        for body in odd {
            assert!(read(body.as_bytes()).is_none(), "{body}");
        }
    }
}

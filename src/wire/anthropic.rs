//! Anthropic Messages requests.
//!
//! Shape: `{"model", "system", "tools": [{"name", …}], "messages": [{"role",
//! "content": string | [block]}], "metadata": {"user_id"}, "stream"}`. What a
//! tool answered is a `tool_result` block, its `content` a string or a list
//! with `text` blocks. Every other type of block is sealed.

use super::fields::Fields;
use super::json::{Node, Tree};
use crate::conversation::{
    Arguments, Block, CacheAsk, Call, Content, Conversation, Extent, Form, Role, Said, Stay, ToolResult,
};
use crate::units::Span;

/// Reads a request's body; `None` when anything that we look at is odd.
pub fn read(body: &[u8]) -> Option<Conversation> {
    let tree = Tree::read(body)?;
    let request = Fields::of(&tree, tree.root())?;
    let mut conversation = Conversation {
        model: request.text(b"model")?.unwrap_or_default(),
        stream: request.is_true(b"stream")?,
        session: request.one(b"metadata")?.and_then(|metadata| session_of(&tree, metadata)),
        ..Conversation::default()
    };
    for name in [&b"system"[..], b"tools", b"tool_choice", b"thinking"] {
        conversation.preamble.extend(request.one(name)?.map(|part| tree.span(part)));
    }
    conversation.preamble.sort_by_key(|span| span.start);
    if let Some(tools) = request.one(b"tools")? {
        read_tools(&tree, tools, &mut conversation)?;
        note_breakpoints(tree.raw(tools), &mut conversation);
    }
    if let Some(system) = request.one(b"system")? {
        note_breakpoints(tree.raw(system), &mut conversation);
    }
    for (number, message) in tree.elements(request.one(b"messages")??)?.into_iter().enumerate() {
        read_message(&tree, message, number, &mut conversation)?;
    }
    Some(conversation)
}

/// The client's own session: Claude Code writes a JSON object with `session_id`
/// into `metadata.user_id`, and earlier wrote `user_…_session_UUID`.
fn session_of(tree: &Tree<'_>, metadata: Node) -> Option<String> {
    let user = Fields::of(tree, metadata)?.text(b"user_id")??;
    if let Ok(parts) = serde_json::from_str::<serde_json::Value>(&user)
        && let Some(session) = parts.get("session_id").and_then(serde_json::Value::as_str)
    {
        return (!session.is_empty()).then(|| session.to_owned());
    }
    let (_, session) = user.rsplit_once("_session_")?;
    (!session.is_empty()).then(|| session.to_owned())
}

fn read_tools(tree: &Tree<'_>, tools: Node, conversation: &mut Conversation) -> Option<()> {
    for tool in tree.elements(tools)? {
        if let Some(name) = Fields::of(tree, tool)?.text(b"name")? {
            conversation.offer(name, tree.span(tool));
        }
    }
    Some(())
}

/// Sees breakpoints in a part that is not taken apart.
fn note_breakpoints(part: &[u8], conversation: &mut Conversation) {
    if memchr::memmem::find(part, b"\"cache_control\"").is_some() {
        conversation.cache = conversation.cache.max(asked(part));
    }
}

/// For how long `cache_control` (or what has some inside) asks.
pub(super) fn asked(cache_control: &[u8]) -> CacheAsk {
    let hour = memchr::memmem::find(cache_control, b"\"1h\"").is_some();
    if hour { CacheAsk::OneHour } else { CacheAsk::FiveMinutes }
}

fn read_message(
    tree: &Tree<'_>,
    message: Node,
    number: usize,
    conversation: &mut Conversation,
) -> Option<()> {
    let fields = Fields::of(tree, message)?;
    let role = match fields.text(b"role")??.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => return None,
    };
    let content = fields.one(b"content")??;
    if tree.is_string(content) {
        let span = tree.span(content);
        let said = Said { text: span, form: Form::Plain };
        conversation.blocks.push(Block {
            message: number,
            index: 0,
            role,
            span,
            moving: Vec::new(),
            stay: Stay::Kept,
            content: Content::Said(said),
        });
        return Some(());
    }
    for (index, block) in tree.elements(content)?.into_iter().enumerate() {
        let place = Place { message: number, index, role };
        read_block(tree, block, place, conversation)?;
    }
    Some(())
}

struct Place {
    message: usize,
    index: usize,
    role: Role,
}

fn read_block(tree: &Tree<'_>, block: Node, place: Place, conversation: &mut Conversation) -> Option<()> {
    let fields = Fields::of(tree, block)?;
    let mut moving = fields.spans_of(&[b"cache_control"]);
    if let Some(control) = fields.one(b"cache_control")? {
        conversation.mark(asked(tree.raw(control)));
    }
    let kind = fields.text(b"type")?.unwrap_or_default();
    let content = match (kind.as_str(), place.role) {
        ("text", _) => match fields.one(b"text")? {
            Some(text) if tree.is_string(text) => {
                let text = tree.span(text);
                let plain = fields.count() == 2 + moving.len();
                Content::Said(Said { text, form: if plain { Form::Plain } else { Form::Rich } })
            }
            _ => Content::Sealed,
        },
        ("tool_use", Role::Assistant) => {
            conversation.calls.push(Call {
                block: conversation.blocks.len(),
                id: fields.text(b"id")?.unwrap_or_default(),
                tool: fields.text(b"name")?.unwrap_or_default(),
                arguments: fields
                    .one(b"input")?
                    .map_or(Arguments::Nothing, |input| Arguments::Json(tree.span(input))),
            });
            Content::Sealed
        }
        ("tool_result", Role::User) => {
            let texts = match fields.one(b"content")? {
                Some(content) => read_result(tree, content, &mut moving, conversation)?,
                None => Vec::new(),
            };
            Content::Result(ToolResult {
                id: fields.text(b"tool_use_id")?.unwrap_or_default(),
                failed: fields.is_true(b"is_error")?,
                texts,
                extent: Extent::Whole,
            })
        }
        _ => Content::Sealed,
    };
    moving.sort_by_key(|span| span.start);
    let Place { message, index, role } = place;
    let span = tree.span(block);
    conversation.blocks.push(Block { message, index, role, span, moving, stay: Stay::Kept, content });
    Some(())
}

/// The strings of a tool result's `content`.
fn read_result(
    tree: &Tree<'_>,
    content: Node,
    moving: &mut Vec<Span>,
    conversation: &mut Conversation,
) -> Option<Vec<Span>> {
    if tree.is_string(content) {
        return Some(vec![tree.span(content)]);
    }
    if tree.raw(content) == b"null" {
        return Some(Vec::new());
    }
    let mut texts = Vec::new();
    for part in tree.elements(content)? {
        let fields = Fields::of(tree, part)?;
        moving.extend(fields.spans_of(&[b"cache_control"]));
        if let Some(control) = fields.one(b"cache_control")? {
            conversation.mark(asked(tree.raw(control)));
        }
        if fields.text(b"type")?.as_deref() == Some("text") {
            texts.extend(
                fields.one(b"text")?.filter(|&text| tree.is_string(text)).map(|text| tree.span(text)),
            );
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
    fn results_are_found_as_a_string_and_as_a_list() {
        let body = r#"{"model":"claude-x","messages":[
            {"role":"user","content":"hi"},
            {"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"tool_use","id":"t1","name":"Bash","input":{"command":"ls"}}]},
            {"content":[{"type":"tool_result","tool_use_id":"t1","content":"one\n"},
                {"type":"tool_result","tool_use_id":"t2","is_error":true,"content":[{"type":"text","text":"two"},{"type":"image","source":{}}]}],"role":"user"}],
            "metadata":{"user_id":"{\"session_id\":\"s-1\"}"},"stream":true}"#;
        let conversation = read(body.as_bytes()).expect("readable");
        assert_eq!(texts(body, &conversation), [r#""one\n""#, r#""two""#]);
        assert_eq!(conversation.session.as_deref(), Some("s-1"));
        assert_eq!(conversation.calls[0].tool, "Bash");
        assert_eq!(conversation.tail(), 3);
        assert!(conversation.stream);
    }

    #[test]
    fn an_older_session_name_is_read_too() {
        let body = r#"{"messages":[],"metadata":{"user_id":"user_ab_account__session_11-22"}}"#;
        assert_eq!(read(body.as_bytes()).unwrap().session.as_deref(), Some("11-22"));
    }

    #[test]
    fn the_breakpoint_is_found_with_its_comma() {
        let cases = [
            (
                r#"{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}"#,
                r#","cache_control":{"type":"ephemeral"}"#,
            ),
            (
                r#"{"cache_control":{"ttl":"1h"},"type":"text","text":"a"}"#,
                r#""cache_control":{"ttl":"1h"},"#,
            ),
            (r#"{"type":"text", "cache_control":null , "text":"a"}"#, r#", "cache_control":null"#),
        ];
        for (block, moving) in cases {
            let body = format!(r#"{{"messages":[{{"role":"user","content":[{block}]}}]}}"#);
            let conversation = read(body.as_bytes()).expect("readable");
            assert_eq!(&body[conversation.blocks[0].moving[0].range()], moving);
        }
    }

    #[test]
    fn an_odd_shape_is_not_read() {
        let odd = [
            "[]",
            "{}",
            r#"{"messages":"x"}"#,
            r#"{"messages":[1,null]}"#,
            r#"{"messages":[{"role":"user"}]}"#,
            r#"{"messages":[{"role":"user","content":null}]}"#,
            r#"{"messages":[{"role":"user","content":"a","content":"b"}]}"#,
            r#"{"messages":[],"messages":[]}"#,
            r#"{"messages":[{"role":"user","c\u006fntent":"b","content":"a"}]}"#,
        ];
        for body in odd {
            assert!(read(body.as_bytes()).is_none(), "{body}");
        }
    }
}

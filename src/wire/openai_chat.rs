//! OpenAI Chat Completions requests, as OpenAI and the many servers that speak likewise take them.
//!
//! Shape: `{"model", "messages": [{"role", "content": string | [part] | null,
//! "tool_calls", "tool_call_id"}], "tools": [{"function": {"name"}}]}`. What a
//! tool answered is a whole message of the role `tool` (or the older
//! `function`); one message is one block here. Gateways to Claude are asked for
//! its cache with `cache_control`, on a message or on a part of one.

use super::anthropic;
use super::fields::Fields;
use super::json::{Node, Tree};
use crate::conversation::{
    Arguments, Block, CacheAsk, Call, Content, Conversation, Extent, Form, Role, Said, Stay, ToolResult,
};
use crate::units::Span;

/// What clients move through their history, or drop from it, without meaning anything by it: cache
/// breakpoints; and the model's thoughts, which many clients send back for one turn only.
const MOVING: &[&[u8]] =
    &[b"cache_control", b"prompt_cache_breakpoint", b"reasoning_content", b"reasoning", b"reasoning_details"];

/// Reads a request's body; `None` when anything that we look at is odd.
pub fn read(body: &[u8]) -> Option<Conversation> {
    let tree = &Tree::read(body)?;
    let request = Fields::of(tree, tree.root())?;
    let mut conversation = Conversation {
        model: request.text(b"model")?.unwrap_or_default(),
        stream: request.is_true(b"stream")?,
        session: request.text(b"prompt_cache_key")?.filter(|key| !key.is_empty()),
        cache: CacheAsk::Automatic,
        ..Conversation::default()
    };
    if let Some(tools) = request.given(b"tools")? {
        read_tools(tree, tools, &mut conversation)?;
    }
    if let Some(functions) = request.given(b"functions")? {
        conversation.preamble.push(tree.span(functions));
        for function in tree.elements(functions)? {
            offer(tree, function, function, &mut conversation)?;
        }
    }
    conversation.preamble.sort_by_key(|span| span.start);
    for (number, message) in tree.elements(request.one(b"messages")??)?.into_iter().enumerate() {
        read_message(tree, message, number, &mut conversation)?;
    }
    Some(conversation)
}

fn read_tools(tree: &Tree<'_>, tools: Node, conversation: &mut Conversation) -> Option<()> {
    conversation.preamble.push(tree.span(tools));
    if memchr::memmem::find(tree.raw(tools), b"\"cache_control\"").is_some() {
        conversation.cache = conversation.cache.max(anthropic::asked(tree.raw(tools)));
    }
    for tool in tree.elements(tools)? {
        let fields = Fields::of(tree, tool)?;
        let definition = match fields.given(b"function")? {
            Some(function) => function,
            // A tool of another type (`custom`) has its definition under the type's name.
            None => match fields.given(b"custom")? {
                Some(custom) => custom,
                None => continue,
            },
        };
        offer(tree, definition, tool, conversation)?;
    }
    Some(())
}

fn offer(tree: &Tree<'_>, named: Node, whole: Node, conversation: &mut Conversation) -> Option<()> {
    if let Some(name) = Fields::of(tree, named)?.text(b"name")? {
        conversation.offer(name, tree.span(whole));
    }
    Some(())
}

fn read_message(tree: &Tree<'_>, node: Node, number: usize, conversation: &mut Conversation) -> Option<()> {
    let fields = Fields::of(tree, node)?;
    let role = fields.text(b"role")??;
    let mut moving = fields.spans_of(MOVING);
    mark(tree, &fields, conversation)?;
    // The role and the content, and nothing else that stays.
    let form = if fields.count() == 2 + moving.len() { Form::Plain } else { Form::Rich };
    let content = match fields.given(b"content")? {
        Some(content) => read_content(tree, content, &mut moving, conversation)?,
        None => Texts::default(),
    };
    let (role, content) = match role.as_str() {
        "tool" | "function" => {
            let id = match fields.text(b"tool_call_id")? {
                Some(id) => id,
                None => fields.text(b"name")?.unwrap_or_default(),
            };
            let texts = content.texts;
            (Role::User, Content::Result(ToolResult { id, failed: false, texts, extent: Extent::Whole }))
        }
        "assistant" => {
            read_calls(tree, &fields, conversation)?;
            (Role::Assistant, said(content, form))
        }
        "system" | "developer" => (Role::System, said(content, form)),
        _ => (Role::User, said(content, form)),
    };
    moving.sort_by_key(|span| span.start);
    conversation.blocks.push(Block {
        message: number,
        index: 0,
        role,
        span: tree.span(node),
        moving,
        stay: Stay::Kept,
        content,
    });
    Some(())
}

/// Notes a breakpoint on the message, or on the part, that has these members.
fn mark(tree: &Tree<'_>, fields: &Fields<'_>, conversation: &mut Conversation) -> Option<()> {
    if let Some(control) = fields.given(b"cache_control")? {
        conversation.mark(anthropic::asked(tree.raw(control)));
    }
    Some(())
}

/// The texts of a message.
#[derive(Default)]
struct Texts {
    texts: Vec<Span>,
    /// True when there is one text, and nothing beside it: a string, or a list of one such part.
    /// Clients turn one into the other when they move a breakpoint.
    alone: bool,
}

fn said(content: Texts, form: Form) -> Content {
    let form = if content.alone { form } else { Form::Rich };
    content.texts.last().map_or(Content::Sealed, |&text| Content::Said(Said { text, form }))
}

/// A plain string, or the text parts of a list.
fn read_content(
    tree: &Tree<'_>,
    content: Node,
    moving: &mut Vec<Span>,
    conversation: &mut Conversation,
) -> Option<Texts> {
    if tree.is_string(content) {
        return Some(Texts { texts: vec![tree.span(content)], alone: true });
    }
    let parts = tree.elements(content)?;
    let mut texts = Vec::new();
    let mut alone = parts.len() == 1;
    for part in parts {
        let fields = Fields::of(tree, part)?;
        let moved = fields.spans_of(MOVING);
        mark(tree, &fields, conversation)?;
        alone &= fields.count() == 2 + moved.len();
        moving.extend(moved);
        if fields.text(b"type")?.as_deref() == Some("text") {
            texts.extend(fields.literal(b"text")?);
        }
    }
    Some(Texts { texts, alone })
}

fn read_calls(tree: &Tree<'_>, fields: &Fields<'_>, conversation: &mut Conversation) -> Option<()> {
    let block = conversation.blocks.len();
    let arguments = |function: &Fields<'_>, name: &[u8], string: fn(Span) -> Arguments| {
        Some(match function.given(name)? {
            Some(node) if tree.is_string(node) => string(tree.span(node)),
            Some(node) => Arguments::Json(tree.span(node)),
            None => Arguments::Nothing,
        })
    };
    if let Some(calls) = fields.given(b"tool_calls")? {
        for call in tree.elements(calls)? {
            let call = Fields::of(tree, call)?;
            let id = call.text(b"id")?.unwrap_or_default();
            let (made, name, string): (_, &[u8], fn(Span) -> Arguments) = match call.given(b"function")? {
                Some(function) => (function, b"arguments", Arguments::Quoted),
                None => match call.given(b"custom")? {
                    Some(custom) => (custom, b"input", Arguments::Code),
                    None => continue,
                },
            };
            let made = Fields::of(tree, made)?;
            conversation.calls.push(Call {
                block,
                id,
                tool: made.text(b"name")?.unwrap_or_default(),
                arguments: arguments(&made, name, string)?,
            });
        }
    }
    if let Some(function) = fields.given(b"function_call")? {
        let function = Fields::of(tree, function)?;
        let name = function.text(b"name")?.unwrap_or_default();
        conversation.calls.push(Call {
            block,
            id: name.clone(),
            tool: name,
            arguments: arguments(&function, b"arguments", Arguments::Quoted)?,
        });
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_message_is_a_result_of_its_call() {
        let body = r#"{"model":"gpt-x","messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"q"}]},
            {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"shell","arguments":"{\"command\":\"ls\"}"}}]},
            {"role":"tool","tool_call_id":"c1","content":"out"},
            {"role":"function","name":"old","content":"out2"}]}"#;
        let conversation = read(body.as_bytes()).expect("readable");
        assert_eq!(conversation.calls[0].id, "c1");
        assert_eq!(conversation.tail(), 3);
        let Content::Result(result) = &conversation.blocks[3].content else { panic!("a result") };
        assert_eq!(&body[result.texts[0].range()], r#""out""#);
        let Content::Result(result) = &conversation.blocks[4].content else { panic!("a result") };
        assert_eq!(result.id, "old");
    }

    #[test]
    fn breakpoints_are_found_on_messages_and_on_parts() {
        let body = r#"{"messages":[
            {"role":"system","content":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}]},
            {"role":"user","content":"q"},
            {"role":"assistant","content":"a","reasoning_content":"hm","tool_calls":[{"id":"c","type":"custom","custom":{"name":"exec","input":"x()"}}]},
            {"role":"tool","tool_call_id":"c","content":[{"type":"text","text":"out"}],"cache_control":{"type":"ephemeral"}}]}"#;
        let conversation = read(body.as_bytes()).expect("readable");
        assert_eq!((conversation.cache, conversation.breakpoint), (CacheAsk::OneHour, Some(3)));
        let moved: Vec<&str> = conversation
            .blocks
            .iter()
            .flat_map(|block| block.moving.iter().map(|span| &body[span.range()]))
            .collect();
        assert_eq!(
            moved,
            [
                r#","cache_control":{"type":"ephemeral","ttl":"1h"}"#,
                r#","reasoning_content":"hm""#,
                r#","cache_control":{"type":"ephemeral"}"#
            ]
        );
        let Content::Said(said) = &conversation.blocks[0].content else { panic!("said") };
        assert_eq!(said.form, Form::Plain, "the same as the bare string");
        let plain = read(br#"{"messages":[{"role":"user","content":"q"}]}"#).expect("readable");
        assert_eq!((plain.cache, plain.breakpoint), (CacheAsk::Automatic, None));
    }

    #[test]
    fn what_is_not_text_is_stepped_over() {
        let body = r#"{"functions":[{"name":"old"}],"tools":[{"type":"custom","custom":{"name":"exec"}},{"type":"web"}],"messages":[
            {"role":"developer","content":"d"},
            {"role":"user","content":[{"type":"image_url","image_url":{"url":"data:"}},{"type":"text","text":"q"}],"name":"me"},
            {"role":"assistant","content":[{"type":"refusal","refusal":"no"}],"refusal":"no","audio":null,"tool_calls":null},
            {"role":"tool","tool_call_id":"c","content":null}]}"#;
        let conversation = read(body.as_bytes()).expect("readable");
        assert_eq!(conversation.tools, ["exec", "old"]);
        let Content::Said(said) = &conversation.blocks[1].content else { panic!("said") };
        assert_eq!((&body[said.text.range()], said.form), (r#""q""#, Form::Rich));
        assert!(matches!(conversation.blocks[2].content, Content::Sealed));
        let Content::Result(result) = &conversation.blocks[3].content else { panic!("a result") };
        assert!(result.texts.is_empty());
    }

    #[test]
    fn an_odd_shape_is_not_read() {
        let odd = [
            "[]",
            "{}",
            r#"{"messages":"x"}"#,
            r#"{"messages":[1]}"#,
            r#"{"messages":[{"content":"x"}]}"#,
            r#"{"messages":[{"role":"user","content":1}]}"#,
            r#"{"messages":[{"role":"user","content":["x"]}]}"#,
            r#"{"messages":[{"role":"tool","content":"a","content":"b"}]}"#,
            r#"{"messages":[{"role":"tool","content":[{"type":"text","text":"a","text":"b"}]}]}"#,
            r#"{"messages":[{"role":"assistant","tool_calls":{}}]}"#,
            r#"{"messages":[],"messages":[]}"#,
        ];
        for body in odd {
            assert!(read(body.as_bytes()).is_none(), "{body}");
        }
    }
}

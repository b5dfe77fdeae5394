//! OpenAI Chat Completions requests.
//!
//! Shape: `{"model", "messages": [{"role", "content": string | [part] | null,
//! "tool_calls", "tool_call_id"}], "tools": [{"function": {"name"}}]}`. What a
//! tool answered is a whole message of the role `tool` (or the older
//! `function`); one message is one block here.

use super::json::{self, Member};
use crate::conversation::{Arguments, Block, Call, Content, Conversation, Form, Role, Said, ToolResult};
use crate::units::Span;

/// Reads a request's body; `None` when anything that we look at is odd.
pub fn read(body: &[u8]) -> Option<Conversation> {
    let request = json::members(body, json::whole(body)?)?;
    let mut conversation = Conversation {
        model: text(body, &request, b"model")?.unwrap_or_default(),
        stream: one(body, &request, b"stream")?.is_some_and(|span| span.of(body) == b"true"),
        session: text(body, &request, b"prompt_cache_key").flatten(),
        ..Conversation::default()
    };
    if let Some(tools) = one(body, &request, b"tools")? {
        conversation.preamble.push(tools);
        for tool in json::elements(body, tools)? {
            if let Some(function) = one(body, &json::members(body, tool)?, b"function")?
                && let Some(name) = text(body, &json::members(body, function)?, b"name")?
            {
                conversation.offer(name, tool);
            }
        }
    }
    for (number, message) in json::elements(body, one(body, &request, b"messages")??)?.into_iter().enumerate()
    {
        read_message(body, message, number, &mut conversation)?;
    }
    Some(conversation)
}

fn one(body: &[u8], members: &[Member], name: &[u8]) -> Option<Option<Span>> {
    let mut found = members.iter().filter(|member| member.name_in(body) == name);
    let first = found.next().map(|member| member.value);
    found.next().is_none().then_some(first)
}

/// As [`one`], for a string's text; `null` counts as not there.
fn text(body: &[u8], members: &[Member], name: &[u8]) -> Option<Option<String>> {
    match one(body, members, name)? {
        None => Some(None),
        Some(span) if span.of(body) == b"null" => Some(None),
        Some(span) => json::text_of(span.of(body)).map(Some),
    }
}

fn read_message(body: &[u8], span: Span, number: usize, conversation: &mut Conversation) -> Option<()> {
    let members = json::members(body, span)?;
    let role = text(body, &members, b"role")??;
    let content = one(body, &members, b"content")?;
    let strings = match content {
        Some(content) => strings_of(body, content)?,
        None => Vec::new(),
    };
    let (role, content) = match role.as_str() {
        "tool" | "function" => {
            let id = match text(body, &members, b"tool_call_id")? {
                Some(id) => id,
                None => text(body, &members, b"name")?.unwrap_or_default(),
            };
            (Role::User, Content::Result(ToolResult { id, failed: false, texts: strings }))
        }
        "assistant" => {
            read_calls(body, &members, conversation)?;
            (Role::Assistant, said(&strings))
        }
        "system" | "developer" => (Role::System, said(&strings)),
        _ => (Role::User, said(&strings)),
    };
    conversation.blocks.push(Block { message: number, index: 0, role, span, moving: Vec::new(), content });
    Some(())
}

fn said(strings: &[Span]) -> Content {
    strings.first().map_or(Content::Sealed, |&text| Content::Said(Said { text, form: Form::Rich }))
}

/// A plain string, or the text parts of a list.
fn strings_of(body: &[u8], content: Span) -> Option<Vec<Span>> {
    if json::is_string(body, content) {
        return Some(vec![content]);
    }
    if content.of(body) == b"null" {
        return Some(Vec::new());
    }
    let mut strings = Vec::new();
    for part in json::elements(body, content)? {
        let members = json::members(body, part)?;
        if text(body, &members, b"type")?.as_deref() == Some("text") {
            strings.extend(one(body, &members, b"text")?.filter(|&span| json::is_string(body, span)));
        }
    }
    Some(strings)
}

fn read_calls(body: &[u8], members: &[Member], conversation: &mut Conversation) -> Option<()> {
    let block = conversation.blocks.len();
    let arguments = |function: &[Member]| {
        Some(match one(body, function, b"arguments")? {
            Some(span) if json::is_string(body, span) => Arguments::Quoted(span),
            Some(span) => Arguments::Json(span),
            None => Arguments::Nothing,
        })
    };
    if let Some(calls) = one(body, members, b"tool_calls")?.filter(|span| span.of(body) != b"null") {
        for call in json::elements(body, calls)? {
            let call = json::members(body, call)?;
            let Some(function) = one(body, &call, b"function")? else { continue };
            let function = json::members(body, function)?;
            conversation.calls.push(Call {
                block,
                id: text(body, &call, b"id")?.unwrap_or_default(),
                tool: text(body, &function, b"name")?.unwrap_or_default(),
                arguments: arguments(&function)?,
            });
        }
    }
    if let Some(function) = one(body, members, b"function_call")?.filter(|span| span.of(body) != b"null") {
        let function = json::members(body, function)?;
        let name = text(body, &function, b"name")?.unwrap_or_default();
        conversation.calls.push(Call {
            block,
            id: name.clone(),
            tool: name,
            arguments: arguments(&function)?,
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
}

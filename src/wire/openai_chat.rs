//! OpenAI Chat Completions requests.
//!
//! Shape: `{"model", "messages": [{"role", "content": string | [part] | null,
//! "tool_calls", "tool_call_id"}], "tools": [{"function": {"name"}}]}`. What a
//! tool answered is a whole message of the role `tool` (or the older
//! `function`); one message is one block here.

use super::json::{Member, Node, Tree};
use crate::conversation::{Arguments, Block, Call, Content, Conversation, Form, Role, Said, ToolResult};
use crate::units::Span;

/// Reads a request's body; `None` when anything that we look at is odd.
pub fn read(body: &[u8]) -> Option<Conversation> {
    let tree = &Tree::read(body)?;
    let request = tree.members(tree.root())?;
    let mut conversation = Conversation {
        model: text(tree, &request, b"model")?.unwrap_or_default(),
        stream: one(tree, &request, b"stream")?.is_some_and(|node| tree.raw(node) == b"true"),
        session: text(tree, &request, b"prompt_cache_key").flatten(),
        ..Conversation::default()
    };
    if let Some(tools) = one(tree, &request, b"tools")? {
        conversation.preamble.push(tree.span(tools));
        for tool in tree.elements(tools)? {
            if let Some(function) = one(tree, &tree.members(tool)?, b"function")?
                && let Some(name) = text(tree, &tree.members(function)?, b"name")?
            {
                conversation.offer(name, tree.span(tool));
            }
        }
    }
    for (number, message) in tree.elements(one(tree, &request, b"messages")??)?.into_iter().enumerate() {
        read_message(tree, message, number, &mut conversation)?;
    }
    Some(conversation)
}

fn one(tree: &Tree<'_>, members: &[Member], name: &[u8]) -> Option<Option<Node>> {
    let mut found = members.iter().filter(|member| tree.name(member) == name);
    let first = found.next().map(|member| member.value);
    found.next().is_none().then_some(first)
}

/// As [`one`], for a string's text; `null` counts as not there.
fn text(tree: &Tree<'_>, members: &[Member], name: &[u8]) -> Option<Option<String>> {
    match one(tree, members, name)? {
        None => Some(None),
        Some(node) if tree.raw(node) == b"null" => Some(None),
        Some(node) => tree.text(node).map(Some),
    }
}

fn read_message(tree: &Tree<'_>, node: Node, number: usize, conversation: &mut Conversation) -> Option<()> {
    let members = tree.members(node)?;
    let role = text(tree, &members, b"role")??;
    let content = one(tree, &members, b"content")?;
    let strings = match content {
        Some(content) => strings_of(tree, content)?,
        None => Vec::new(),
    };
    let (role, content) = match role.as_str() {
        "tool" | "function" => {
            let id = match text(tree, &members, b"tool_call_id")? {
                Some(id) => id,
                None => text(tree, &members, b"name")?.unwrap_or_default(),
            };
            (Role::User, Content::Result(ToolResult { id, failed: false, texts: strings }))
        }
        "assistant" => {
            read_calls(tree, &members, conversation)?;
            (Role::Assistant, said(&strings))
        }
        "system" | "developer" => (Role::System, said(&strings)),
        _ => (Role::User, said(&strings)),
    };
    conversation.blocks.push(Block {
        message: number,
        index: 0,
        role,
        span: tree.span(node),
        moving: Vec::new(),
        stay: crate::conversation::Stay::Kept,
        content,
    });
    Some(())
}

fn said(strings: &[Span]) -> Content {
    strings.first().map_or(Content::Sealed, |&text| Content::Said(Said { text, form: Form::Rich }))
}

/// A plain string, or the text parts of a list.
fn strings_of(tree: &Tree<'_>, content: Node) -> Option<Vec<Span>> {
    if tree.is_string(content) {
        return Some(vec![tree.span(content)]);
    }
    if tree.raw(content) == b"null" {
        return Some(Vec::new());
    }
    let mut strings = Vec::new();
    for part in tree.elements(content)? {
        let members = tree.members(part)?;
        if text(tree, &members, b"type")?.as_deref() == Some("text") {
            strings.extend(
                one(tree, &members, b"text")?
                    .filter(|&text| tree.is_string(text))
                    .map(|text| tree.span(text)),
            );
        }
    }
    Some(strings)
}

fn read_calls(tree: &Tree<'_>, members: &[Member], conversation: &mut Conversation) -> Option<()> {
    let block = conversation.blocks.len();
    let arguments = |function: &[Member]| {
        Some(match one(tree, function, b"arguments")? {
            Some(node) if tree.is_string(node) => Arguments::Quoted(tree.span(node)),
            Some(node) => Arguments::Json(tree.span(node)),
            None => Arguments::Nothing,
        })
    };
    if let Some(calls) = one(tree, members, b"tool_calls")?.filter(|&node| tree.raw(node) != b"null") {
        for call in tree.elements(calls)? {
            let call = tree.members(call)?;
            let Some(function) = one(tree, &call, b"function")? else { continue };
            let function = tree.members(function)?;
            conversation.calls.push(Call {
                block,
                id: text(tree, &call, b"id")?.unwrap_or_default(),
                tool: text(tree, &function, b"name")?.unwrap_or_default(),
                arguments: arguments(&function)?,
            });
        }
    }
    if let Some(function) = one(tree, members, b"function_call")?.filter(|&node| tree.raw(node) != b"null") {
        let function = tree.members(function)?;
        let name = text(tree, &function, b"name")?.unwrap_or_default();
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

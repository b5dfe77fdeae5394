//! A model request as a script sees it: the same questions, whatever wire it came on.
//!
//! Reads and never changes. *Invariant:* nothing here knows what was asked before: only the
//! request itself, and what the provider keeps for it (`previous_response_id`), is looked at.

use super::sealed;
use crate::prompt_cache::prompt::{list, text};
use serde_json::Value;

/// A provider's way of speaking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wire {
    /// Anthropic Messages.
    Anthropic,
    /// OpenAI Chat Completions.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Gemini's `generateContent`.
    Gemini,
}

/// A request, as a script sees it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Which request for an answer this is, counted from 0.
    pub number: usize,
    /// The wire that it speaks.
    pub wire: Wire,
    /// The body, taken out of its envelope and with all that `previous_response_id` stands for; null
    /// when it is not JSON.
    pub body: &'a Value,
}

/// A tool that a request offers.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// Its name.
    pub name: &'a str,
    /// The namespace that it stands in; empty for none.
    pub namespace: &'a str,
    /// How it wants to be called.
    pub kind: Kind,
    /// The schema of its arguments; null when it has none.
    pub schema: &'a Value,
}

/// How a tool wants to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// With arguments that fit a schema.
    Function,
    /// With a text of its own grammar.
    Custom,
    /// As the shell that the provider knows by itself.
    LocalShell,
}

/// A tool call in the history.
#[derive(Clone, Debug)]
pub struct Call {
    /// What its result names; on a wire without ids, its place among the calls.
    pub id: String,
    /// The tool's name.
    pub tool: String,
    /// Its arguments; a text for a tool that takes one.
    pub input: Value,
}

impl<'a> Asked<'a> {
    /// How often the model has spoken in the history.
    pub fn turns(&self) -> usize {
        self.spoken().len() + self.compacted()
    }

    /// How many of the model's turns called a tool.
    pub fn rounds(&self) -> usize {
        self.spoken().iter().filter(|calls| **calls).count() + self.compacted()
    }

    /// True when the request offers at least one tool.
    pub fn offers_tools(&self) -> bool {
        !self.offers().is_empty()
    }

    /// The names of the tools that the request offers.
    pub fn tools(&self) -> Vec<&'a str> {
        self.offers().iter().map(|offer| offer.name).collect()
    }

    /// The tools that the request offers, those in namespaces and those that came as an item included.
    pub fn offers(&self) -> Vec<Offer<'a>> {
        let mut left: Vec<(&'a str, &'a Value)> = Vec::new();
        let later = |tools: &'a Value, namespace: &'a str| {
            list(tools).iter().rev().map(|tool| (namespace, tool)).collect::<Vec<_>>()
        };
        for item in list(&self.body["input"]).iter().rev().filter(|item| item["type"] == "additional_tools") {
            left.extend(later(&item["tools"], ""));
        }
        left.extend(later(&self.body["functions"], ""));
        left.extend(later(&self.body["tools"], ""));
        let mut offers = Vec::new();
        while let Some((namespace, tool)) = left.pop() {
            let function = if tool["function"].is_object() { &tool["function"] } else { tool };
            for name in ["functionDeclarations", "function_declarations"] {
                left.extend(later(&tool[name], ""));
            }
            match tool["type"].as_str() {
                Some("namespace") => left.extend(later(&tool["tools"], text(&tool["name"]))),
                Some("local_shell") => offers.push(Offer {
                    name: "local_shell",
                    namespace,
                    kind: Kind::LocalShell,
                    schema: &Value::Null,
                }),
                kind => {
                    let custom = kind == Some("custom") && self.wire == Wire::Responses;
                    let schemas = ["input_schema", "parameters", "parametersJsonSchema"];
                    let schema = schemas.iter().find_map(|name| function.get(name)).unwrap_or(&Value::Null);
                    let kind = if custom { Kind::Custom } else { Kind::Function };
                    if let Some(name) = function["name"].as_str() {
                        offers.push(Offer { name, namespace, kind, schema });
                    }
                }
            }
        }
        offers
    }

    /// The tool of this name, if the request offers it.
    pub fn offer(&self, name: &str) -> Option<Offer<'a>> {
        self.offers().into_iter().find(|offer| offer.name == name)
    }

    /// The schema that the answer must fit, if one is asked for.
    pub fn answer_schema(&self) -> Option<&'a Value> {
        const PLACES: &[&str] = &[
            "/output_config/format/schema",
            "/output_format/schema",
            "/response_format/json_schema/schema",
            "/text/format/schema",
            "/generationConfig/responseJsonSchema",
            "/generationConfig/responseSchema",
        ];
        PLACES.iter().find_map(|place| self.body.pointer(place)).filter(|schema| schema.is_object())
    }

    /// The texts of every tool result in the history, oldest first, each with the id of its call.
    pub fn results(&self) -> Vec<(String, String)> {
        match self.wire {
            Wire::Anthropic => self
                .blocks()
                .filter(|block| block["type"] == "tool_result")
                .map(|block| (text(&block["tool_use_id"]).to_owned(), text_of(&block["content"])))
                .collect(),
            Wire::Chat => self
                .messages()
                .iter()
                .filter(|message| matches!(text(&message["role"]), "tool" | "function"))
                .map(|message| {
                    let id = message["tool_call_id"].as_str().or(message["name"].as_str());
                    (id.unwrap_or_default().to_owned(), text_of(&message["content"]))
                })
                .collect(),
            Wire::Responses => list(&self.body["input"])
                .iter()
                .filter(|item| text(&item["type"]).ends_with("_output"))
                .map(|item| (text(&item["call_id"]).to_owned(), text_of(&item["output"])))
                .collect(),
            Wire::Gemini => self
                .parts("functionResponse")
                .enumerate()
                .map(|(at, response)| (gemini_id(response, at), response_text(&response["response"])))
                .collect(),
        }
    }

    /// The tool calls in the history, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        let call = |id: &Value, tool: &Value, input: Value| Call {
            id: text(id).to_owned(),
            tool: text(tool).to_owned(),
            input,
        };
        match self.wire {
            Wire::Anthropic => self
                .blocks()
                .filter(|block| block["type"] == "tool_use")
                .map(|block| call(&block["id"], &block["name"], block["input"].clone()))
                .collect(),
            Wire::Chat => self
                .messages()
                .iter()
                .flat_map(|message| {
                    let legacy = &message["function_call"];
                    let legacy = legacy
                        .is_object()
                        .then(|| call(&legacy["name"], &legacy["name"], arguments(&legacy["arguments"])));
                    let calls = list(&message["tool_calls"]).iter().map(|made| {
                        let function = &made["function"];
                        call(&made["id"], &function["name"], arguments(&function["arguments"]))
                    });
                    calls.chain(legacy).collect::<Vec<_>>()
                })
                .collect(),
            Wire::Responses => list(&self.body["input"])
                .iter()
                .filter(|item| is_call(item))
                .map(|item| match text(&item["type"]) {
                    "function_call" => call(&item["call_id"], &item["name"], arguments(&item["arguments"])),
                    "custom_tool_call" => call(&item["call_id"], &item["name"], item["input"].clone()),
                    kind => call(
                        &item["call_id"],
                        &Value::from(kind.trim_end_matches("_call")),
                        item["action"].clone(),
                    ),
                })
                .collect(),
            Wire::Gemini => self
                .parts("functionCall")
                .enumerate()
                .map(|(at, made)| Call {
                    id: gemini_id(made, at),
                    tool: text(&made["name"]).to_owned(),
                    input: made["args"].clone(),
                })
                .collect(),
        }
    }

    /// The tool and the first argument of the call with this id.
    pub fn call(&self, id: &str) -> Option<(String, String)> {
        let call = self.calls().into_iter().find(|call| call.id == id)?;
        let argument = match &call.input {
            Value::Object(fields) => fields.values().find_map(Value::as_str)?.to_owned(),
            input => input.as_str()?.to_owned(),
        };
        Some((call.tool, argument))
    }

    /// Each turn of the model in the history, and whether it called a tool.
    fn spoken(&self) -> Vec<bool> {
        match self.wire {
            Wire::Anthropic => self
                .said_by("assistant")
                .map(|message| list(&message["content"]).iter().any(|block| block["type"] == "tool_use"))
                .collect(),
            Wire::Chat => self
                .said_by("assistant")
                .map(|message| {
                    !list(&message["tool_calls"]).is_empty() || message["function_call"].is_object()
                })
                .collect(),
            Wire::Responses => {
                let mut turns = Vec::new();
                let mut speaks = false;
                for item in list(&self.body["input"]) {
                    if !is_models(item) {
                        speaks = false;
                        continue;
                    }
                    if !speaks {
                        turns.push(false);
                    }
                    speaks = true;
                    if let Some(turn) = turns.last_mut() {
                        *turn |= is_call(item);
                    }
                }
                turns
            }
            Wire::Gemini => list(&self.body["contents"])
                .iter()
                .filter(|content| content["role"] == "model")
                .map(|content| list(&content["parts"]).iter().any(|part| part["functionCall"].is_object()))
                .collect(),
        }
    }

    /// How many turns a compaction stands for.
    fn compacted(&self) -> usize {
        list(&self.body["input"])
            .iter()
            .filter(|item| self.wire == Wire::Responses && is_compaction(item))
            .filter_map(|item| sealed::open(text(&item["encrypted_content"]))?.parse::<usize>().ok())
            .sum()
    }

    fn messages(&self) -> &'a [Value] {
        list(&self.body["messages"])
    }

    fn said_by(&self, role: &'static str) -> impl Iterator<Item = &'a Value> {
        self.messages().iter().filter(move |message| message["role"] == role)
    }

    fn blocks(&self) -> impl Iterator<Item = &'a Value> {
        self.messages().iter().flat_map(|message| list(&message["content"]))
    }

    fn parts(&self, kind: &'static str) -> impl Iterator<Item = &'a Value> {
        let parts = list(&self.body["contents"]).iter().flat_map(|content| list(&content["parts"]));
        parts.filter_map(move |part| part.get(kind))
    }
}

/// True for an item of the Responses wire that the model said.
pub fn is_models(item: &Value) -> bool {
    match text(&item["type"]) {
        "reasoning" => true,
        "message" | "" => item["role"] == "assistant",
        kind => kind.ends_with("_call"),
    }
}

/// True for an item of the Responses wire that calls a tool whose result the client sends.
pub fn is_call(item: &Value) -> bool {
    const CALLS: &[&str] = &[
        "function_call",
        "custom_tool_call",
        "local_shell_call",
        "shell_call",
        "apply_patch_call",
        "computer_call",
    ];
    CALLS.contains(&text(&item["type"]))
}

/// True for an item that stands for turns that were compacted.
pub fn is_compaction(item: &Value) -> bool {
    matches!(text(&item["type"]), "compaction" | "compaction_summary")
}

/// The arguments of a call, which travel as a text of JSON.
fn arguments(written: &Value) -> Value {
    serde_json::from_str(text(written)).unwrap_or_else(|_| written.clone())
}

/// The id of a function call or response; its place when it carries none.
fn gemini_id(part: &Value, at: usize) -> String {
    part["id"].as_str().map_or_else(|| format!("call {at}"), str::to_owned)
}

/// The text of a function's response: what it printed, or the whole of it.
pub fn response_text(response: &Value) -> String {
    let printed = ["output", "error"].iter().find_map(|name| response[*name].as_str());
    printed.map_or_else(|| response.to_string(), str::to_owned)
}

/// The text of a content that is one string or a list of blocks.
pub fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks.iter().filter_map(|block| block["text"].as_str()).collect(),
        _ => String::new(),
    }
}

//! Requests or messages in the shape of a provider's interface, one a line: Anthropic's Messages, OpenAI's Chat Completions
//! and Responses.
//!
//! A line is a request (its history grows from line to line: only what is new becomes entries), a request with its
//! response beside it, or one message. *Invariant:* messages are compared by what they say, so that a breakpoint that moved,
//! or a string that became a block, is no change.

mod record;
#[cfg(test)]
mod tests;

use self::record::{Counts, Message, Part, Record, Request, Response};
use super::claude;
use super::codex;
use super::json::{Count, Text, TextOr, moment};
use super::lines::Lines;
use super::{About, Answered, Author, Call, Entry, Event, Outcome, Prompt, See, Skipped, Source};
use crate::conversation::CacheAsk;
use crate::receipt::Usage;
use crate::units::{Millis, Tokens};
use serde_json::value::RawValue;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Messages of one history that are remembered.
const MESSAGES: usize = 1 << 17;

/// Reads a file of requests or messages.
///
/// # Errors
/// What the reading of the lines said.
pub fn read<R: Read>(lines: &mut Lines<R>, source: &Source, see: &mut See<'_>) -> io::Result<Skipped> {
    let stem = source.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let about = About { session: stem.unwrap_or_default(), ..About::default() };
    let mut reader = Reader {
        see,
        skipped: Skipped::default(),
        about,
        introduced: false,
        none: Arc::from(""),
        history: Vec::new(),
        answered: None,
        speaking: false,
    };
    let mut last = 0;
    while let Some(line) = lines.next_line()? {
        let number = line.number;
        last = number;
        let Some(bytes) = line.bytes else {
            reader.skipped.unreadable += 1;
            continue;
        };
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        if reader.take(number, bytes).is_break() {
            return Ok(reader.skipped);
        }
    }
    let _ = reader.stop(last, None);
    Ok(reader.skipped)
}

struct Reader<'a, 'see> {
    see: &'a mut See<'see>,
    skipped: Skipped,
    about: About,
    introduced: bool,
    none: Arc<str>,
    /// What each message of the history says, and in which line it stood first.
    history: Vec<(u64, u64)>,
    /// The answer to the last request was told with it: how long the history was before it.
    answered: Option<usize>,
    /// The model has the word, and its answer has not ended.
    speaking: bool,
}

impl Reader<'_, '_> {
    fn take(&mut self, line: u64, bytes: &[u8]) -> ControlFlow<()> {
        let Ok(record) = serde_json::from_slice::<Record<'_>>(bytes) else { return self.unreadable() };
        let at = record.timestamp.or(record.created_at).and_then(|at| time_of(at.get()));
        match record.request.0 {
            Some(request) => self.request(line, at, &request)?,
            None => {
                let Ok(request) = serde_json::from_slice::<Request<'_>>(bytes) else {
                    return self.unreadable();
                };
                if is_filled(&request.messages) || is_filled(&request.input) {
                    self.request(line, at, &request)?;
                } else {
                    return match serde_json::from_slice::<Message<'_>>(bytes) {
                        Ok(message)
                            if !message.role.as_str().is_empty() || !message.kind.as_str().is_empty() =>
                        {
                            self.introduce(line, at, "")?;
                            self.history.clear();
                            self.message(line, at, events_of(&message))
                        }
                        Ok(_) => {
                            self.skipped.unknown += 1;
                            ControlFlow::Continue(())
                        }
                        Err(_) => self.unreadable(),
                    };
                }
            }
        }
        match record.response.0 {
            Some(response) => self.response(line, at, &response),
            None => ControlFlow::Continue(()),
        }
    }

    fn introduce(&mut self, line: u64, at: Option<Millis>, model: &str) -> ControlFlow<()> {
        let news = !model.is_empty() && self.about.model != model;
        if news {
            model.clone_into(&mut self.about.model);
        }
        if !std::mem::replace(&mut self.introduced, true) || news {
            let about = self.about.clone();
            return self.say(line, at, Event::About(about));
        }
        ControlFlow::Continue(())
    }

    /// A whole history: what it has in common with the last one was told already.
    fn request(&mut self, line: u64, at: Option<Millis>, request: &Request<'_>) -> ControlFlow<()> {
        self.introduce(line, at, request.model.as_str())?;
        let messages = if is_filled(&request.messages) { &request.messages } else { &request.input };
        let told: Vec<Vec<Event>> = match messages {
            TextOr::Text(text) => vec![vec![spoken("user", text.clone().into_owned(), 0)]],
            TextOr::Row(messages) => messages.iter().map(events_of).collect(),
        };
        let digests: Vec<u64> = told.iter().map(|events| digest_of(events)).collect();
        let mut common =
            self.history.iter().zip(&digests).take_while(|((known, _), new)| known == *new).count();
        // The answer that was told with the last request comes back as the client prints it.
        if let Some(before) = self.answered.take()
            && common == before
        {
            let back = told.iter().skip(before).take_while(|events| events.iter().all(is_the_models)).count();
            self.history.truncate(before);
            self.history.extend(digests.iter().skip(before).take(back).map(|digest| (*digest, line)));
            common = before + back;
        }
        if common < self.history.len() {
            self.stop(line, at)?;
            let to =
                common.checked_sub(1).and_then(|last| self.history.get(last)).map_or(0, |(_, line)| *line);
            self.history.truncate(common);
            self.say(line, at, Event::Back { to })?;
        }
        for (events, digest) in told.into_iter().zip(digests).skip(common) {
            if self.history.len() < MESSAGES {
                self.history.push((digest, line));
            }
            self.message(line, at, events)?;
        }
        self.stop(line, at)
    }

    /// What is new in a history.
    fn message(&mut self, line: u64, at: Option<Millis>, events: Vec<Event>) -> ControlFlow<()> {
        for event in events {
            if is_the_models(&event) {
                self.speaking = true;
            } else {
                self.stop(line, at)?;
            }
            self.say(line, at, event)?;
        }
        ControlFlow::Continue(())
    }

    fn response(&mut self, line: u64, at: Option<Millis>, response: &Response<'_>) -> ControlFlow<()> {
        let mut events = parts_of("assistant", &response.content);
        events.extend(response.choices.first().map(|choice| events_of(&choice.message)).unwrap_or_default());
        if let TextOr::Row(items) = &response.output {
            events.extend(items.iter().flat_map(events_of));
        }
        if events.is_empty() && response.usage.0.is_none() {
            return ControlFlow::Continue(());
        }
        self.answered = Some(self.history.len());
        for event in events {
            self.say(line, at, event)?;
        }
        let usage = response.usage.0.as_ref();
        let cache = match usage {
            Some(counts) if !counts.of_anthropic() => CacheAsk::Automatic,
            Some(counts) => counts.ask(),
            None => CacheAsk::None,
        };
        let model = match response.model.as_str() {
            "" => self.about.model.clone(),
            model => model.to_owned(),
        };
        let answered =
            Answered { id: response.id.as_str().to_owned(), model, usage: usage.map(usage_of), cache };
        self.say(line, at, Event::Answered(answered))
    }

    /// The model has ended, if it had the word.
    fn stop(&mut self, line: u64, at: Option<Millis>) -> ControlFlow<()> {
        if !std::mem::take(&mut self.speaking) {
            return ControlFlow::Continue(());
        }
        let model = self.about.model.clone();
        let answered = Answered { id: String::new(), model, usage: None, cache: CacheAsk::None };
        self.say(line, at, Event::Answered(answered))
    }

    fn say(&mut self, line: u64, at: Option<Millis>, event: Event) -> ControlFlow<()> {
        (self.see)(Entry { line, at, thread: self.none.clone(), event })
    }

    fn unreadable(&mut self) -> ControlFlow<()> {
        self.skipped.unreadable += 1;
        ControlFlow::Continue(())
    }
}

impl Counts {
    fn of_anthropic(&self) -> bool {
        self.cache_read_input_tokens.0.is_some() || self.cache_creation_input_tokens.0.is_some()
    }

    fn hour(&self) -> u64 {
        self.cache_creation
            .0
            .as_ref()
            .and_then(|written| written.ephemeral_1h_input_tokens.0)
            .unwrap_or_default()
    }

    fn ask(&self) -> CacheAsk {
        match (self.hour(), self.cache_creation_input_tokens.0, self.cache_read_input_tokens.0) {
            (1.., _, _) => CacheAsk::OneHour,
            (_, Some(1..), _) | (_, _, Some(1..)) => CacheAsk::FiveMinutes,
            _ => CacheAsk::None,
        }
    }
}

fn usage_of(counts: &Counts) -> Usage {
    let count = |count: Count| count.0.unwrap_or_default();
    let output = Tokens(count(counts.output_tokens).max(count(counts.completion_tokens)));
    if counts.of_anthropic() {
        let (written, hour) = (count(counts.cache_creation_input_tokens), counts.hour());
        return Usage {
            uncached: Tokens(count(counts.input_tokens)),
            cache_read: Tokens(count(counts.cache_read_input_tokens)),
            cache_write_5m: Tokens(written.saturating_sub(hour)),
            cache_write_1h: Tokens(hour),
            output,
        };
    }
    let details = counts.input_tokens_details.0.as_ref().or(counts.prompt_tokens_details.0.as_ref());
    let cached = details.map_or(0, |details| count(details.cached_tokens));
    let input = count(counts.input_tokens).max(count(counts.prompt_tokens));
    Usage {
        uncached: Tokens(input.saturating_sub(cached)),
        cache_read: Tokens(cached),
        cache_write_5m: Tokens(0),
        cache_write_1h: Tokens(0),
        output,
    }
}

/// What a message says.
fn events_of(message: &Message<'_>) -> Vec<Event> {
    let kind = message.kind.as_str();
    if kind.ends_with("_output") {
        let (text, images) = joined_parts(&message.output);
        return vec![result(message.call_id.as_str(), text, images, None)];
    }
    if kind.ends_with("_call") {
        let arguments = match message.arguments.as_str() {
            "" => message.input.as_str(),
            arguments => arguments,
        };
        return vec![call(message.call_id.as_str(), message.name.as_str(), arguments)];
    }
    if kind == "reasoning" {
        return vec![Event::Thought { bytes: bytes(message.encrypted_content.as_str()) }];
    }
    let role = message.role.as_str();
    if role == "tool" {
        let (text, images) = joined_parts(&message.content);
        return vec![result(message.tool_call_id.as_str(), text, images, None)];
    }
    let mut events = parts_of(role, &message.content);
    let calls = message.tool_calls.0.iter().flatten();
    events.extend(calls.map(|called| {
        call(called.id.as_str(), called.function.name.as_str(), called.function.arguments.as_str())
    }));
    events
}

/// What a message's content says.
fn parts_of(role: &str, content: &TextOr<'_, Part<'_>>) -> Vec<Event> {
    let parts = match content {
        TextOr::Text(text) if text.is_empty() => return Vec::new(),
        TextOr::Text(text) => return vec![spoken(role, text.clone().into_owned(), 0)],
        TextOr::Row(parts) => parts,
    };
    let mut events = Vec::new();
    for part in parts {
        events.push(match part.kind.as_str() {
            "tool_use" => {
                let arguments = part.input.map(RawValue::get).unwrap_or_default();
                call(part.id.as_str(), part.name.as_str(), arguments)
            }
            "tool_result" => {
                let (text, images) = match &part.content {
                    TextOr::Text(text) => (text.clone().into_owned(), 0),
                    TextOr::Row(inner) => joined(inner.iter().map(|inner| (&inner.kind, &inner.text))),
                };
                result(part.tool_use_id.as_str(), text, images, part.is_error.0)
            }
            "thinking" | "redacted_thinking" => Event::Thought { bytes: bytes(part.thinking.as_str()) },
            "image" | "image_url" | "input_image" | "document" => spoken(role, String::new(), 1),
            _ => spoken(role, part.text.as_str().to_owned(), 0),
        });
    }
    events
}

fn spoken(role: &str, text: String, images: u32) -> Event {
    if role == "assistant" {
        return Event::Said(text);
    }
    let framed = claude::is_the_clients(&text) || codex::is_the_clients(&text);
    let by = if role == "user" && !framed { Author::Person } else { Author::Client };
    Event::Prompt(Prompt { text, by, images })
}

fn call(id: &str, tool: &str, arguments: &str) -> Event {
    Event::Call(Call { id: id.to_owned(), tool: tool.to_owned(), arguments: arguments.to_owned() })
}

/// A tool's answer; `failed` as far as the client says it.
fn result(id: &str, text: String, images: u32, failed: Option<bool>) -> Event {
    let ending = match failed {
        Some(failed) => claude::ending(&text, failed, None),
        None => codex::ending(&text, None),
    };
    Event::Result(Outcome { id: id.to_owned(), text, images, ending })
}

fn joined_parts(content: &TextOr<'_, Part<'_>>) -> (String, u32) {
    match content {
        TextOr::Text(text) => (text.clone().into_owned(), 0),
        TextOr::Row(parts) => joined(parts.iter().map(|part| (&part.kind, &part.text))),
    }
}

/// The texts of parts, a line each, and how many images.
fn joined<'a, 'b: 'a>(parts: impl Iterator<Item = (&'a Text<'b>, &'a Text<'b>)>) -> (String, u32) {
    let mut text = String::new();
    let mut images = 0;
    for (kind, part) in parts {
        images += u32::from(kind.as_str().contains("image"));
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(part.as_str());
    }
    (text, images)
}

fn is_the_models(event: &Event) -> bool {
    matches!(event, Event::Said(_) | Event::Thought { .. } | Event::Call(_))
}

fn is_filled<T>(content: &TextOr<'_, T>) -> bool {
    match content {
        TextOr::Text(text) => !text.is_empty(),
        TextOr::Row(row) => !row.is_empty(),
    }
}

/// What tells a message from others: what it says, not how it is printed.
fn digest_of(events: &[Event]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for event in events {
        match event {
            Event::Said(text) => (1, text).hash(&mut hasher),
            Event::Prompt(prompt) => (2, &prompt.text, prompt.images).hash(&mut hasher),
            Event::Call(call) => (3, &call.id, &call.tool, &call.arguments).hash(&mut hasher),
            Event::Result(outcome) => (4, &outcome.id, &outcome.text).hash(&mut hasher),
            _ => 5.hash(&mut hasher),
        }
    }
    hasher.finish()
}

/// A moment: as text, in seconds, or in milliseconds.
fn time_of(raw: &str) -> Option<Millis> {
    if let Ok(text) = serde_json::from_str::<String>(raw) {
        return moment(&text);
    }
    let number: f64 = serde_json::from_str(raw).ok()?;
    // Seconds until the year 5138.
    let millis = if number < 1e11 { number * 1_000.0 } else { number };
    (0.0..9e15).contains(&millis).then_some(Millis(millis as i64))
}

fn bytes(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

//! A small agent: sends its whole history, streams the answer, runs the tools it is asked for.
//!
//! It is a client like any other: it knows a base URL and a key, and nothing of what
//! stands behind them. What it sent and what its tools printed it writes into a diary.

use super::{folder, outputs};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};

/// More turns than any story of ours has.
const MOST_TURNS: usize = 20;

/// What the agent is told when it starts.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where its requests go: `http://127.0.0.1:PORT/…`.
    pub base_url: String,
    /// Its login.
    pub key: String,
    /// The folder it works in.
    pub folder: PathBuf,
}

/// What happens while it works.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The model says a few more words.
    Says(&'a str),
    /// A tool is run.
    Calls {
        /// The tool's name.
        tool: &'a str,
        /// Its argument.
        argument: &'a str,
    },
    /// A tool has printed something.
    Prints(&'a Output),
}

/// What a tool printed.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Output {
    /// The id of the call.
    pub id: String,
    /// The tool's name.
    pub tool: String,
    /// Its argument.
    pub argument: String,
    /// All it printed.
    pub text: String,
    /// True when it failed.
    pub failed: bool,
    /// Which earlier output this one is, byte for byte, when it is an original that was asked back.
    pub gives_back: Option<usize>,
}

/// What the agent did.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Diary {
    /// The body of every request.
    pub requests: Vec<String>,
    /// What its tools printed, in order.
    pub outputs: Vec<Output>,
    /// The model's last words.
    pub last_words: String,
}

/// Why the agent could not go on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The base URL is none that it can use.
    #[error("`{0}` is not an http URL of this machine")]
    BaseUrl(String),
    /// The provider can't be reached or broke off.
    #[error("the provider can't be reached")]
    Io(#[from] io::Error),
    /// HTTP itself failed.
    #[error("the provider's answer broke off")]
    Http(#[from] hyper::Error),
    /// The provider refused.
    #[error("the provider answered {status}: {body}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said.
        body: String,
    },
    /// The answer is not what a provider sends.
    #[error("the answer can't be understood: {0}")]
    Odd(String),
}

/// Works on `question` until the model asks for nothing more.
///
/// `headroom` runs this program with the arguments given and hands back what it prints.
///
/// # Errors
/// [`AgentError`]; a tool that fails is no error, the model is told.
pub fn work(
    setup: &Setup,
    question: &str,
    headroom: &dyn Fn(&[&str]) -> io::Result<Vec<u8>>,
    hear: &mut dyn FnMut(Event<'_>),
) -> Result<Diary, AgentError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut diary = Diary::default();
    let mut messages = vec![json!({"role": "user", "content": [{"type": "text", "text": question}]})];
    for _ in 0..MOST_TURNS {
        let body = request(&messages);
        diary.requests.push(body.clone());
        let blocks = runtime.block_on(ask(setup, body, hear))?;
        let mut results = Vec::new();
        for block in blocks.iter().filter(|block| block["type"] == "tool_use") {
            let output = run(setup, block, &diary.outputs, headroom, hear);
            hear(Event::Prints(&output));
            results.push(json!({
                "type": "tool_result", "tool_use_id": output.id, "content": output.text, "is_error": output.failed}));
            diary.outputs.push(output);
        }
        diary.last_words = blocks.iter().filter_map(|block| block["text"].as_str()).collect();
        messages.push(json!({"role": "assistant", "content": blocks}));
        if results.is_empty() {
            break;
        }
        messages.push(json!({"role": "user", "content": results}));
    }
    Ok(diary)
}

/// The next request: the same beginning as ever, the history, and a breakpoint at its end.
fn request(messages: &[Value]) -> String {
    let mut messages = messages.to_vec();
    let last = messages.last_mut().and_then(|message| message["content"].as_array_mut()?.last_mut());
    if let Some(block) = last {
        block["cache_control"] = json!({"type": "ephemeral"});
    }
    let tool = |name: &str, about: &str, argument: &str| {
        json!({
            "name": name,
            "description": about,
            "input_schema": {
                "type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]},
        })
    };
    json!({
        "model": "claude-sonnet-4-5",
        "max_tokens": 4096,
        "stream": true,
        "system": [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}],
        "tools": [
            tool("Bash", "Runs one of the commands that this shell knows.", "command"),
            tool("Grep", "Searches the files of the current folder for a regular expression.", "pattern"),
            tool("Read", "Reads a file of the current folder.", "file_path"),
        ],
        "metadata": {"user_id": "user_demo_account__session_de300000-0000-4000-8000-000000000000"},
        "messages": messages,
    })
    .to_string()
}

const SYSTEM: &str = "You are an agent on call for a small web shop. Find out what is wrong before you propose \
anything, quote what you found, and change nothing: your tools only read. Prefer one precise look to three broad \
ones. When a tool's output was shortened, a marker in it says what was left out and how to get it.";

/// Sends one request and gathers the blocks of its answer.
async fn ask(setup: &Setup, body: String, hear: &mut dyn FnMut(Event<'_>)) -> Result<Vec<Value>, AgentError> {
    let odd_url = || AgentError::BaseUrl(setup.base_url.clone());
    let (address, path) = setup.base_url.strip_prefix("http://").map(split_path).ok_or_else(odd_url)?;
    let stream = tokio::net::TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let request = Request::post(format!("{}/v1/messages?beta=true", path.trim_end_matches('/')))
        .header("host", address)
        .header("content-type", "application/json")
        .header("x-api-key", &setup.key)
        .header("anthropic-version", "2023-06-01")
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| odd_url())?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let mut body = response.into_body();
    if status != 200 {
        let body = body.collect().await?.to_bytes();
        return Err(AgentError::Refused { status, body: String::from_utf8_lossy(&body).into_owned() });
    }
    let mut answer = Answer::default();
    let mut pending = Vec::new();
    while let Some(frame) = body.frame().await {
        pending.extend_from_slice(frame?.data_ref().map_or(&[][..], |data| data));
        while let Some(end) = memchr::memmem::find(&pending, b"\n\n") {
            let event: Vec<u8> = pending.drain(..end + 2).collect();
            answer.take(&String::from_utf8_lossy(&event), hear)?;
        }
    }
    driver.abort();
    if answer.ended { Ok(answer.blocks) } else { Err(AgentError::Odd("it ended early".to_owned())) }
}

fn split_path(rest: &str) -> (&str, &str) {
    rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash))
}

/// An answer, as far as it has been streamed.
#[derive(Default)]
struct Answer {
    blocks: Vec<Value>,
    arguments: String,
    ended: bool,
}

impl Answer {
    fn take(&mut self, event: &str, hear: &mut dyn FnMut(Event<'_>)) -> Result<(), AgentError> {
        let Some(data) = event.lines().find_map(|line| line.strip_prefix("data: ")) else { return Ok(()) };
        let data: Value = serde_json::from_str(data).map_err(|error| AgentError::Odd(error.to_string()))?;
        match data["type"].as_str() {
            Some("content_block_start") => {
                self.blocks.push(data["content_block"].clone());
                self.arguments.clear();
            }
            Some("content_block_delta") => {
                if let (Some(words), Some(block)) = (data["delta"]["text"].as_str(), self.blocks.last_mut()) {
                    hear(Event::Says(words));
                    block["text"] = json!(format!("{}{words}", block["text"].as_str().unwrap_or_default()));
                }
                self.arguments.push_str(data["delta"]["partial_json"].as_str().unwrap_or_default());
            }
            Some("content_block_stop") => {
                if let Some(block) = self.blocks.last_mut().filter(|block| block["type"] == "tool_use") {
                    block["input"] = serde_json::from_str(&self.arguments)
                        .map_err(|error| AgentError::Odd(error.to_string()))?;
                }
            }
            Some("message_stop") => self.ended = true,
            Some("error") => return Err(AgentError::Odd(data["error"]["message"].to_string())),
            _ => {}
        }
        Ok(())
    }
}

/// Runs one tool.
fn run(
    setup: &Setup,
    call: &Value,
    before: &[Output],
    headroom: &dyn Fn(&[&str]) -> io::Result<Vec<u8>>,
    hear: &mut dyn FnMut(Event<'_>),
) -> Output {
    let tool = call["name"].as_str().unwrap_or_default();
    let argument =
        call["input"].as_object().and_then(|input| input.values().next()?.as_str()).unwrap_or_default();
    hear(Event::Calls { tool, argument });
    let printed = match tool {
        "Bash" => shell(&setup.folder, argument, headroom),
        "Grep" => folder::search(&setup.folder, argument),
        "Read" => folder::read(&setup.folder, argument),
        _ => Err(format!("no tool is called {tool}")),
    };
    let failed = printed.is_err();
    let text = printed.unwrap_or_else(|error| error);
    let asked_back = argument.starts_with(RETRIEVE) && !failed;
    let gives_back = asked_back.then(|| before.iter().position(|earlier| earlier.text == text)).flatten();
    Output {
        id: call["id"].as_str().unwrap_or_default().to_owned(),
        tool: tool.to_owned(),
        argument: argument.to_owned(),
        text,
        failed,
        gives_back,
    }
}

/// How the demo's shell is asked for an original.
const RETRIEVE: &str = "headroom retrieve ";

fn shell(
    folder: &Path,
    line: &str,
    headroom: &dyn Fn(&[&str]) -> io::Result<Vec<u8>>,
) -> Result<String, String> {
    if let Some(command) = outputs::command(line) {
        return Ok((command.prints)());
    }
    match line.strip_prefix(RETRIEVE) {
        Some(key) => {
            let printed = headroom(&["retrieve", key]).map_err(|error| error.to_string())?;
            String::from_utf8(printed).map_err(|error| error.to_string())
        }
        None if line == "ls" => folder::list(folder),
        None => Err(format!("{line}: the demo's shell does not know this command")),
    }
}

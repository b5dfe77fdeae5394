//! Retrieve, compress and stats as tools of the Model Context Protocol, over stdio.
//!
//! *Invariant:* an original is given only to the folder it was issued to. *Invariant:*
//! no answer is longer than a page; each names the next. *Invariant:* nothing but the
//! protocol is written to stdout, and nothing that comes in ends the process.

mod door;
mod tools;

use crate::compress::{self, Allowance, Hint};
use crate::ledger::price::Prices;
use crate::ledger::report::{By, Report, savings_said};
use crate::retrieve::{self, page};
use crate::store::{Filter, Limits, Original, Pin, Scope, ShortenedPin, Store, StoreError};
use crate::text::counted;
use crate::tokens;
use crate::units::{Chain, Millis, SessionId, Work};
use door::Door;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, Implementation,
    JsonObject, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer, ServiceExt};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// Bytes that `headroom_compress` looks at.
const WORK: u64 = 256 << 20;

/// What the server offers and to whom.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The folder of the store.
    pub data: PathBuf,
    /// How much the store may keep.
    pub limits: Limits,
    /// The folder the agent works in: only originals issued to it are given.
    pub project: String,
    /// Which tools.
    pub offers: Offers,
    /// For `headroom_stats`.
    pub prices: Arc<Prices>,
    /// The clock.
    pub now: fn() -> Millis,
}

/// Which tools are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offers {
    /// `headroom_retrieve` alone: the cheapest in a prompt.
    Retrieval,
    /// All of them.
    Everything,
}

/// Serves on stdin and stdout until stdin ends.
///
/// # Errors
/// When the runtime can't be started.
pub fn serve(setup: Setup) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let server = Server { setup: Arc::new(setup), store: Arc::default() };
    runtime.block_on(async {
        // Fails only when the client is gone before it has greeted.
        if let Ok(running) = server.serve(Door::open()).await {
            let _ = running.waiting().await;
        }
    });
    // A read of stdin that is under way must not hold the end up.
    runtime.shutdown_background();
    Ok(())
}

#[derive(Clone, Debug)]
struct Server {
    setup: Arc<Setup>,
    /// Opened when it is first written to; `None` when it can't be.
    store: Arc<OnceLock<Option<Store>>>,
}

/// What a tool answers: texts for the model, or what went wrong.
type Answer = Result<Vec<String>, String>;

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let mut info = ServerConfig::new(ServerCapabilities::builder().enable_tools().build());
        info.server_info = Implementation::new("headroom", env!("CARGO_PKG_VERSION"));
        info
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::offered(self.setup.offers)))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::offered(self.setup.offers).into_iter().find(|tool| tool.name == name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if self.get_tool(&request.name).is_none() {
            return Err(ErrorData::invalid_params(format!("there is no tool `{}`", request.name), None));
        }
        let server = self.clone();
        // Off the thread that reads and writes: a long original must not hold up a ping.
        let answer =
            tokio::task::spawn_blocking(move || server.answer(&request.name, &Given(request.arguments)));
        let answer =
            answer.await.unwrap_or_else(|_| Err("headroom failed inside; nothing was changed".to_owned()));
        let result = match answer {
            Ok(texts) => CallToolResult::success(texts.into_iter().map(ContentBlock::text).collect()),
            Err(why) => CallToolResult::error(vec![ContentBlock::text(why)]),
        };
        Ok(result.into())
    }
}

/// The arguments of a call.
struct Given(Option<JsonObject>);

impl Given {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.as_ref()?.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty())
    }
}

impl Server {
    fn answer(&self, tool: &str, given: &Given) -> Answer {
        match tool {
            tools::RETRIEVE => self.retrieve(given),
            tools::COMPRESS => self.compress(given),
            _ => self.stats(),
        }
    }

    fn retrieve(&self, given: &Given) -> Answer {
        let none = JsonObject::new();
        let arguments = given.0.as_ref().unwrap_or(&none);
        let given = retrieve::tool::answer(arguments, &self.setup.data, &self.setup.project)?;
        if let Some(store) = self.store() {
            let _ =
                store.record_retrieval(&given.key, "mcp", tokens::count(&given.texts[0]), (self.setup.now)());
        }
        Ok(given.texts)
    }

    fn compress(&self, given: &Given) -> Answer {
        let text =
            given.0.as_ref().and_then(|given| given.get("text")?.as_str()).ok_or("`text` is missing")?;
        let store = self
            .store()
            .ok_or("the store can't be opened, so no original could be kept; the text stays as it is")?;
        let now = (self.setup.now)();
        let scope = Scope { project: self.setup.project.clone() };
        let key = store.key(text, &scope);
        let hint = Hint {
            tool: given.text("tool").unwrap_or_default(),
            command: given.text("command").unwrap_or_default(),
            query: given.text("query").unwrap_or_default(),
            ..Hint::default()
        };
        let allowance = Allowance { work: Work(WORK), ..Allowance::kept_under(&key) };
        let shortened = match compress::compress(text, &hint, &allowance) {
            Ok(shortened) => shortened,
            Err((_, because)) => {
                return Ok(vec![format!("Not shortened: {}. Use the text as it is.", because.meaning())]);
            }
        };
        let original = Original {
            key,
            text: text.into(),
            scope: scope.clone(),
            kind: shortened.kind.name().to_owned(),
            tool: hint.tool.to_owned(),
        };
        let kind = shortened.kind.name();
        self.keep(store, original, &shortened.text, shortened.compressor, kind, now)
            .map_err(|error| with_cause(&error))?;
        if shortened.text.len() <= page::PAGE {
            return Ok(vec![shortened.text]);
        }
        // Its further pages are asked for as those of any text that is kept.
        let key = store.key(&shortened.text, &scope);
        let kept = Original {
            key: key.clone(),
            text: shortened.text.as_str().into(),
            scope,
            kind: kind.to_owned(),
            tool: String::new(),
        };
        store.pin(&session(), &[], &[kept], now).map_err(|error| with_cause(&error))?;
        let (first, pages) = page::of(&shortened.text, 1).unwrap_or((&shortened.text, 1));
        Ok(vec![first.to_owned(), format!("page: 1 of {pages}; next: {} key={key} page=2", tools::RETRIEVE)])
    }

    /// Keeps an original and writes down what was given in its place, so that it is known as ours when it comes back.
    fn keep(
        &self,
        store: &Store,
        original: Original,
        given: &str,
        compressor: &str,
        kind: &str,
        now: Millis,
    ) -> Result<(), StoreError> {
        let pin = Pin::Shortened(Arc::new(ShortenedPin {
            texts: vec![(0, given.to_owned())],
            tokens_before: tokens::count(&original.text),
            tokens_after: tokens::count(given),
            compressor: compressor.to_owned(),
            kind: kind.to_owned(),
        }));
        store.pin(&session(), &[(chain(original.key.as_str(), given), pin)], &[original], now).map(drop)
    }

    fn stats(&self) -> Answer {
        let store = self.store().ok_or("the store can't be opened, so nothing is known")?;
        let now = (self.setup.now)();
        let day = Filter { since: Some(Millis(now.0 - 86_400_000)), ..Filter::default() };
        let mut said = String::new();
        for (when, filter) in [("last 24 hours", day), ("in all", Filter::default())] {
            let report =
                Report::read(store, &filter, By::Agent, &self.setup.prices, &jiff::tz::TimeZone::UTC);
            let report = report.map_err(|error| with_cause(&error))?;
            let requests = counted(usize::try_from(report.total.requests).unwrap_or(usize::MAX), "request");
            let saved = report
                .why_nothing()
                .map_or_else(|| savings_said(&report.total), |why| format!("nothing saved: {why}"));
            said.push_str(&format!("{when}: {requests}; {saved}\n"));
        }
        said.push_str("more: headroom stats");
        Ok(vec![said])
    }

    fn store(&self) -> Option<&Store> {
        self.store.get_or_init(|| Store::open(&self.setup.data, self.setup.limits).ok()).as_ref()
    }
}

/// Pins of texts that were shortened on request belong to no client's session.
fn session() -> SessionId {
    SessionId("mcp".to_owned())
}

fn chain(key: &str, given: &str) -> Chain {
    let mut hash = blake3::Hasher::new();
    hash.update(b"mcp").update(key.as_bytes()).update(given.as_bytes());
    let mut chain = [0; 16];
    chain.copy_from_slice(&hash.finalize().as_bytes()[..16]);
    Chain(chain)
}

fn with_cause(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests;

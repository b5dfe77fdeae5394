//! Kind → compressor: a text in, a shorter text out.
//!
//! Absent here: HTTP, request bodies, providers, SQL, clocks, chance. What
//! comes out depends on the text, the hint and the allowance only.
//!
//! *Invariant:* what decodes back exactly is decoded and compared before it is
//! returned. *Invariant:* nothing is left out without a marker at that place.

pub mod blob;
pub mod build;
pub mod config;
pub mod content;
pub mod diff;
pub mod json;
pub mod laws;
pub mod lines;
pub mod listing;
pub mod log;
pub mod mixed;
pub mod other;
pub mod search;
pub mod table;
pub mod trace;

use crate::marker::Markers;
use crate::refusal::Refusal;
use crate::tokens;
use crate::units::{Key, Tokens, Work};

/// What is known about a text from where it came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hint<'a> {
    /// The tool's name (`Bash`, `Read`, `mcp__db__query`), or empty.
    pub tool: &'a str,
    /// The command line, for a shell tool, or empty.
    pub command: &'a str,
    /// The file that was read or searched, or empty.
    pub path: &'a str,
    /// What the agent is asking: the last words said before the call, and the call's own arguments.
    pub query: &'a str,
    /// True when the tool said that it failed.
    pub failed: bool,
}

/// Whether anything may be left out.
#[derive(Clone, Copy, Debug)]
pub enum Loss<'a> {
    /// Nothing: only what decodes back exactly.
    Nothing,
    /// What is not needed now; the original will be kept under this key.
    KeptUnder(&'a Key),
}

/// How hard to try when something may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// The default.
    Balanced,
    /// Keeps less in view.
    Aggressive,
}

/// What a compressor may do.
#[derive(Clone, Copy, Debug)]
pub struct Allowance<'a> {
    /// Whether anything may be left out.
    pub loss: Loss<'a>,
    /// How hard to try.
    pub effort: Effort,
    /// Bytes that may be looked at.
    pub work: Work,
    /// Where the text stands, when it is a part of a longer one.
    pub part: Part,
}

/// Where a text stands in the one that the key is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Lines of the whole before it.
    pub lines_before: usize,
    /// True when a marker before it has named the key.
    pub key_named: bool,
}

impl<'a> Allowance<'a> {
    /// Nothing may be left out; as much may be looked at as there is.
    pub fn lossless() -> Allowance<'a> {
        let part = Part::default();
        Allowance { loss: Loss::Nothing, effort: Effort::Balanced, work: Work(u64::MAX), part }
    }

    /// What is not needed now may be left out, and is kept under `key`.
    pub fn kept_under(key: &'a Key) -> Allowance<'a> {
        Allowance { loss: Loss::KeptUnder(key), ..Allowance::lossless() }
    }

    /// The markers of a text that may be shortened so.
    pub fn markers(&self, key: &'a Key) -> Markers<'a> {
        Markers::of_part(key, self.part.lines_before, self.part.key_named)
    }
}

/// A shorter text.
#[derive(Clone, Debug)]
pub struct Shortened {
    /// The text to send instead.
    pub text: String,
    /// The kind of content that was recognised.
    pub kind: Kind,
    /// The compressor's name, for the ledger: `json-table`, `log-templates`, …
    pub compressor: &'static str,
    /// True when something was left out: the original must be kept, or this must not be sent.
    pub left_out: bool,
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// JSON: one value, or one a line.
    Json,
    /// Log lines.
    Log,
    /// What a compiler, a package manager or a test runner prints.
    Build,
    /// A crash: stack frames and hardly anything else.
    Trace,
    /// `file:line:text` hits.
    Search,
    /// Names of files, processes, packages, pods: one a line, perhaps with columns.
    Listing,
    /// Changes: a diff, a patch, a history of commits, a blame.
    Diff,
    /// Rows of cells: CSV, TSV, a Markdown or a database's table.
    Table,
    /// Settings or locked versions: TOML, YAML, INI, lock files.
    Config,
    /// What nobody reads: base64, hex dumps, minified code, one huge line.
    Blob,
    /// Parts of several kinds: JSON in a text, a text round JSON.
    Mixed,
    /// Source or another file, read to be edited.
    Read,
    /// Anything else.
    Other,
}

impl Kind {
    /// The name in `stats` and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Json => "json",
            Kind::Log => "log",
            Kind::Build => "build",
            Kind::Trace => "trace",
            Kind::Search => "search",
            Kind::Listing => "listing",
            Kind::Diff => "diff",
            Kind::Table => "table",
            Kind::Config => "config",
            Kind::Blob => "blob",
            Kind::Mixed => "mixed",
            Kind::Read => "read",
            Kind::Other => "other",
        }
    }
}

/// Tokens that a lossless re-arrangement must save (law 5).
pub const LOSSLESS_FLOOR: Tokens = Tokens(60);

/// Tokens that a shortening must save to leave anything out (law 5).
///
/// Below that, one retrieval costs more than everything saved.
pub const LOSSY_FLOOR: Tokens = Tokens(1_000);

/// True when `after` is smaller than `before` by the floor that law 5 asks for.
pub fn worth_it(before: Tokens, after: Tokens, left_out: bool) -> bool {
    let floor = if left_out { LOSSY_FLOOR } else { LOSSLESS_FLOOR };
    before.saved_by(after).is_some_and(|saved| floor <= saved)
}

/// Builds the tables that are built on first use (vocabulary, signs, patterns), so that the first
/// request does not wait for them: 60 ms and more.
pub fn warm() {
    tokens::warm();
    let line = "2026-01-01T00:00:00Z ERROR src/main.rs:1:1: a line to warm up with\n".repeat(40);
    let hint = Hint { tool: "Bash", command: "cargo test 2>&1 | tail -40", ..Hint::default() };
    let key = Key::parse("0000000000000000").expect("a key");
    for allowance in [Allowance::lossless(), Allowance::kept_under(&key)] {
        for compressor in EACH {
            let _ = compressor(&line, &hint, &allowance);
        }
    }
}

/// A compressor: shortens a text of its kind, or says why not.
type Compressor = fn(&str, &Hint<'_>, &Allowance<'_>) -> Result<Shortened, Refusal>;

/// Every compressor.
const EACH: [Compressor; 12] = [
    json::compress,
    log::compress,
    build::compress,
    trace::compress,
    search::compress,
    listing::compress,
    diff::compress,
    table::compress,
    config::compress,
    blob::compress,
    mixed::compress,
    |text, hint, allowance| compress(text, hint, allowance).map_err(|(_, because)| because),
];

/// Shortens `text`, or says why not.
///
/// # Errors
/// A [`Refusal`] when the kind has no compressor, when the text is read to be
/// edited, when too little would be saved, or when the work budget is spent.
pub fn compress(
    text: &str,
    hint: &Hint<'_>,
    allowance: &Allowance<'_>,
) -> Result<Shortened, (Kind, Refusal)> {
    let kind = content::kind_of(text, hint);
    if allowance.work.0 < text.len() as u64 {
        return Err((kind, Refusal::OverBudget));
    }
    let shortened = match kind {
        // A file called `.json` may hold comments, or be cut off.
        Kind::Json => json::compress(text, hint, allowance).or_else(|because| match because {
            Refusal::NoCompressor => mixed::compress(text, hint, allowance),
            because => Err(because),
        }),
        Kind::Log => log::compress(text, hint, allowance),
        Kind::Build => build::compress(text, hint, allowance),
        Kind::Trace => trace::compress(text, hint, allowance),
        Kind::Search => search::compress(text, hint, allowance),
        Kind::Listing => listing::compress(text, hint, allowance),
        Kind::Diff => diff::compress(text, hint, allowance),
        Kind::Table => table::compress(text, hint, allowance),
        Kind::Config => config::compress(text, hint, allowance),
        Kind::Blob => blob::compress(text, hint, allowance),
        Kind::Mixed => mixed::compress(text, hint, allowance),
        Kind::Read => Err(Refusal::ExactRead),
        Kind::Other => other::compress(text, hint, allowance),
    };
    let shortened = shortened.map_err(|because| (kind, because))?;
    if is_worth_it(text, &shortened) { Ok(shortened) } else { Err((kind, Refusal::NoGain)) }
}

/// [`worth_it`] for a text: by the estimate where that is beyond doubt, else by counting.
fn is_worth_it(text: &str, shortened: &Shortened) -> bool {
    let floor = if shortened.left_out { LOSSY_FLOOR } else { LOSSLESS_FLOOR };
    let (before, after) = (tokens::estimate_of(text), tokens::estimate_of(&shortened.text));
    // The estimate is off by a tenth at times.
    let surely = before.saved_by(after).is_some_and(|saved| floor.0 * 2 + before.0 / 4 <= saved.0);
    surely || worth_it(tokens::count(text), tokens::count(&shortened.text), shortened.left_out)
}

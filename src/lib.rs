//! headroom: tool outputs made shorter before a model reads them.
//!
//! The rooms, in the order a request meets them. See ARCHITECTURE.md for the
//! trip and the floors.

#![forbid(unsafe_code)]

pub mod agent;
pub mod cli;
pub mod compress;
pub mod config;
pub mod conversation;
pub mod demo;
pub mod learn;
pub mod ledger;
pub mod library;
pub mod marker;
pub mod mcp;
pub mod prompt_cache;
pub mod proxy;
pub mod receipt;
pub mod refusal;
pub mod replay;
pub mod retrieve;
pub mod rewrite;
pub mod script;
pub mod secrets;
pub mod store;
pub mod text;
pub mod tokens;
pub mod transcript;
pub mod units;
pub mod wire;

pub use library::{Compressed, CompressedBody, Headroom};
pub use rewrite::Profile;

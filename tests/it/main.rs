//! The one integration binary: the program from outside, in a throwaway home.

// Tests read clocks and start programs; the bans are for the rooms in `src`.
#![allow(clippy::disallowed_methods, clippy::print_stderr, missing_docs)]

mod npm;
mod world;

mod agents;
mod answering;
mod answering_gemini;
mod answering_responses;
mod bench;
mod canaries;
mod cases;
mod claude;
mod codex;
mod completions;
mod control;
mod demo;
mod doctor;
mod faults;
mod filter;
mod fleet;
mod inspect;
mod install;
mod laws;
mod learn;
mod ledger;
mod load;
mod provider;
mod provider_wires;
mod proxy_answers;
mod proxy_batches;
mod proxy_bedrock;
mod proxy_codings;
mod proxy_envelopes;
mod proxy_fake;
mod proxy_guard;
mod proxy_life;
mod proxy_requests;
mod proxy_roads;
mod proxy_routes;
mod readme;
mod replay;
mod rewrite;
mod shims;
mod store;
mod terminal;
mod unwrap;
mod websocket;
mod wires;
mod wrap;

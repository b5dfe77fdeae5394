//! The main job on a built-in agent, provider and set of tool outputs.
//!
//! Also the provider that the tests talk to. *Invariant:* nothing here leaves
//! this machine: the only socket listens on 127.0.0.1.

pub mod story;

pub mod agent;
pub mod asked;
pub mod errand;
pub mod outputs;
pub mod provider;
pub mod script;
pub mod tools;
pub mod verdict;

mod folder;
mod sealed;

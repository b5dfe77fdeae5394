//! What is in force, and where each value came from: flag, environment, user file, default.
//!
//! Resolved once. Only `env` reads the environment.

pub mod env;

//! An agent, as data; and how it is started.
//!
//! The only room that starts programs.

pub mod itself;

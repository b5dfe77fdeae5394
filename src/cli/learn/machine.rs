//! What is true on this machine today, for the gate that advice goes through.

use super::Desk;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// This machine, as a project's agents see it.
pub(super) struct Machine {
    project: PathBuf,
    home: PathBuf,
    /// What the memory files say outside of our lines.
    memory: String,
}

impl Machine {
    pub fn new(desk: &Desk, project: &Path, agents: &BTreeSet<String>) -> Machine {
        let _ = agents;
        Machine { project: project.to_owned(), home: desk.home.clone(), memory: String::new() }
    }
}

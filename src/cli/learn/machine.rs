//! What is true on this machine today, for the gate that advice goes through.

use super::{Desk, write};
use crate::agent::amend::Amendments;
use crate::learn::World;
use crate::learn::{block, target};
use crate::store::Store;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// This machine, as a project's agents see it.
pub(super) struct Machine {
    project: PathBuf,
    home: PathBuf,
    programs: Option<OsString>,
    /// What the memory files say outside of our lines.
    memory: String,
}

/// Bytes of a file in which a text is looked for.
const LOOKED_AT: u64 = 1 << 20;

impl Machine {
    /// As the agents of these names see it in `project`.
    pub fn new(desk: &Desk, store: &Store, project: &Path, agents: &BTreeSet<String>) -> Machine {
        let mut files = BTreeSet::new();
        for agent in desk.agents.iter().filter(|agent| agents.contains(&agent.name)) {
            // Each of its names: what stands in any of them is read by somebody.
            files.extend(agent.files.memory.iter().map(|name| project.join(name)));
            files.extend(
                target::of(project, &desk.home, &agent.name, &agent.files.memory).map(|target| target.real),
            );
        }
        let said = files.iter().filter_map(|file| {
            let real = std::fs::canonicalize(file).ok()?;
            let bytes = Amendments::read(&real).ok()??;
            let remembered = write::of_file(store, &real).unwrap_or_default();
            Some(String::from_utf8_lossy(&block::others(&bytes, &remembered)).into_owned())
        });
        Machine {
            memory: said.collect::<Vec<_>>().join("\n"),
            project: project.to_owned(),
            home: desk.home.clone(),
            programs: desk.around.environment.raw("PATH").map(OsString::from),
        }
    }

    fn whole(&self, path: &Path) -> PathBuf {
        match path.strip_prefix("~") {
            Ok(below) => self.home.join(below),
            Err(_) => self.project.join(path),
        }
    }
}

impl World for Machine {
    fn program_exists(&self, name: &str) -> bool {
        let name =
            if name.contains('/') { self.whole(Path::new(name)).into_os_string() } else { name.into() };
        which::which_in(name, self.programs.as_ref(), &self.project).is_ok()
    }

    fn path_exists(&self, path: &Path) -> bool {
        self.whole(path).exists()
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.whole(path).is_dir()
    }

    fn file_contains(&self, path: &Path, text: &str) -> bool {
        let path = self.whole(path);
        let mut held = vec![b'\n'];
        let read = path.is_file()
            && File::open(path).is_ok_and(|file| file.take(LOOKED_AT).read_to_end(&mut held).is_ok());
        read && String::from_utf8_lossy(&held).contains(text)
    }

    fn memory(&self, _project: &Path) -> String {
        self.memory.clone()
    }

    fn home(&self) -> Option<&Path> {
        Some(&self.home)
    }
}

//! Where the agents that are known keep their transcripts on this machine.

use super::definition::Agent;
use super::environment::Environment;
use super::peek;
use crate::transcript::find::Place;
use std::path::Path;

/// The places of all `agents` whose transcripts can be read: under the user's home, under a folder that a variable
/// names instead, or in the `project`.
pub fn places(
    agents: &[Agent],
    environment: &Environment,
    home: Option<&Path>,
    project: &Path,
) -> Vec<Place> {
    agents.iter().filter_map(|agent| place(agent, environment, home, project)).collect()
}

fn place(agent: &Agent, environment: &Environment, home: Option<&Path>, project: &Path) -> Option<Place> {
    let files = &agent.files;
    let format = files.format?;
    let elsewhere = files.variables.iter().find_map(|(name, below)| Some((environment.get(name)?, below)));
    let folder = match elsewhere {
        Some((folder, below)) => Path::new(folder).join(below),
        None if files.transcripts.is_empty() => return None,
        None => peek::at_home(&files.transcripts, home)?,
    };
    // What has no root is a file of the project.
    Some(Place { agent: agent.name.clone(), format, folder: project.join(folder) })
}

#[cfg(test)]
mod tests {
    use super::super::definition::known;
    use super::*;
    use crate::transcript::Format;
    use std::ffi::OsString;

    #[test]
    fn transcripts_lie_at_home_or_where_a_variable_says_or_in_the_project() {
        let agents = known(Path::new("/nowhere")).unwrap();
        let environment: Environment =
            [(OsString::from("CODEX_HOME"), OsString::from("/elsewhere/codex"))].into_iter().collect();
        let found = places(&agents, &environment, Some(Path::new("/home/me")), Path::new("/w/shop"));
        let found: Vec<_> = found
            .iter()
            .map(|place| (place.agent.as_str(), place.format, place.folder.to_str().unwrap()))
            .collect();
        assert_eq!(
            found,
            [
                ("aider", Format::Aider, "/w/shop/.aider.chat.history.md"),
                ("claude", Format::Claude, "/home/me/.claude/projects"),
                ("codex", Format::Codex, "/elsewhere/codex/sessions"),
                ("gemini", Format::Gemini, "/home/me/.gemini/tmp"),
                ("opencode", Format::OpenCode, "/home/me/.local/share/opencode"),
                ("qwen", Format::Qwen, "/home/me/.qwen/projects"),
            ]
        );
    }
}

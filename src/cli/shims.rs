//! `headroom shims`: the launchers by which typing an agent's own name runs it through headroom.

use super::term::{self, Failure, Verdict, exit};
use super::wrap;
use crate::agent::definition::{self, Agent};
use crate::agent::plan::{self, Around};
use crate::agent::shims::{self, Installed, Launcher, Standing};
use crate::agent::startup::{self, Places, Sessions, Shell, Written};
use crate::config::{self, Config, Flags, env};
use crate::text;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What was typed after `shims`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Put launchers into headroom's own folder, and say how it gets into the PATH
    #[command(after_help = "\
Typing `claude` then is `headroom wrap claude`, in a terminal, in a pipe and in a script alike.\n\
HEADROOM=off claude runs it without headroom, and so does a machine where headroom is gone.")]
    Install {
        /// Which agents; those that are on this machine, when none is named
        #[arg(value_name = "AGENT")]
        agents: Vec<String>,
        /// Write the line for the PATH into the shell's start-up file
        #[arg(long)]
        write_path: bool,
        /// The shell that the line is for, if it is not $SHELL
        #[arg(long, value_name = "SHELL")]
        shell: Option<ShellName>,
    },
    /// Take launchers away again; with the last one, the line in the start-up file
    Remove {
        /// Which agents; all, when none is named
        #[arg(value_name = "AGENT")]
        agents: Vec<String>,
        /// Only those that call this very headroom
        #[arg(long, hide = true)]
        own: bool,
    },
    /// Show which launchers there are, and whether they are what is run
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ShellName {
    Sh,
    Bash,
    Zsh,
    Fish,
}

impl From<ShellName> for Shell {
    fn from(name: ShellName) -> Shell {
        match name {
            ShellName::Sh => Shell::Sh,
            ShellName::Bash => Shell::Bash,
            ShellName::Zsh => Shell::Zsh,
            ShellName::Fish => Shell::Fish,
        }
    }
}

/// Does it.
///
/// # Errors
/// What `main` prints.
pub fn run(args: Args) -> Verdict {
    let house = House::open()?;
    match args.what {
        What::Install { agents, write_path, shell } => {
            house.install(&agents)?;
            match write_path {
                true => house.write_path(shell)?,
                false => house.say_path(shell),
            }
        }
        What::Remove { agents, own } => house.remove(&agents, own)?,
        What::List { json: true } => term::say_json(&house.as_json()?),
        What::List { json: false } => house.list()?,
    }
    Ok(ExitCode::from(exit::OK))
}

/// What all of it needs.
struct House {
    config: Config,
    around: Around,
    /// Where the launchers lie.
    folder: PathBuf,
    /// The headroom that they call.
    headroom: PathBuf,
}

impl House {
    fn open() -> Result<House, anyhow::Error> {
        let config = config::resolve(&Flags::default())?;
        let around = wrap::surroundings()?;
        let folder = config.folders.shims();
        let headroom = as_it_is_called(&around);
        Ok(House { config, around, folder, headroom })
    }

    fn launcher(&self, agent: &Agent) -> Launcher {
        Launcher { agent: agent.name.clone(), program: agent.binary.clone(), headroom: self.headroom.clone() }
    }

    fn standing(&self, agent: &Agent) -> Standing {
        self.launcher(agent).standing(&self.folder, self.around.environment.raw("PATH"))
    }

    /// Every agent that can have a launcher; of two with one program, the one that is called like it comes last.
    fn known(&self) -> Result<Vec<Agent>, Failure> {
        let mut known = definition::known(&self.config.agents_dir()).map_err(|error| {
            Failure::new(exit::USAGE, text::with_causes(&error), "mend the file or move it away")
        })?;
        known.retain(|agent| {
            agent.refused.is_empty() && agent.paste.is_none() && self.launcher(agent).can_be()
        });
        known.sort_by_key(|agent| agent.name == agent.binary);
        Ok(known)
    }

    fn install(&self, names: &[String]) -> Result<(), anyhow::Error> {
        if self.folder.to_string_lossy().contains(':') {
            let what = format!("{} has a colon in it, so it can't be in the PATH", self.folder.display());
            return Err(Failure::new(exit::FAILED, what, "set HEADROOM_HOME to another folder").into());
        }
        let agents = match names.is_empty() {
            false => {
                let named = names.iter().map(|name| wrap::find(name, &self.config.agents_dir()));
                named.collect::<Result<Vec<_>, _>>()?
            }
            true => self.present()?,
        };
        if let Some(agent) = agents.iter().find(|agent| !agent.refused.is_empty()) {
            let what = format!("{} can't be run through headroom: {}", agent.title, agent.refused);
            return Err(Failure::new(exit::FAILED, what, "nothing was installed").into());
        }
        if let Some(agent) = agents.iter().find(|agent| agent.paste.is_some()) {
            let what = format!("{} is not started by headroom", agent.title);
            let hint = format!("headroom wrap {} says what to paste where", agent.name);
            return Err(Failure::new(exit::FAILED, what, hint).into());
        }
        for agent in &agents {
            let launcher = self.launcher(agent);
            let done = match launcher.install(&self.folder)? {
                Installed::New => "installed",
                Installed::Renewed => "renewed",
                Installed::Unchanged => "is installed",
            };
            let behind = match plan::program(agent, &self.around) {
                Ok(program) => format!("it runs {}", program.display()),
                Err(_) => format!("there is no {} on this machine yet", agent.title),
            };
            term::say(format_args!("{}: {done}; {behind}{}", launcher.program, differs(agent)));
        }
        Ok(())
    }

    /// The agents that are on this machine, one for each program.
    fn present(&self) -> Result<Vec<Agent>, anyhow::Error> {
        let known = self.known()?;
        let mut present: Vec<Agent> = Vec::new();
        for agent in known.iter().filter(|agent| plan::program(agent, &self.around).is_ok()) {
            present.retain(|other| other.binary != agent.binary);
            present.push(agent.clone());
        }
        if present.is_empty() {
            let names: Vec<&str> = known.iter().map(|agent| agent.name.as_str()).collect();
            let what = format!("none of the known agents is on this machine: {}", names.join(", "));
            return Err(Failure::new(exit::FAILED, what, "name one, to have its launcher anyway").into());
        }
        present.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(present)
    }

    /// Whether the folder's launchers are what this shell would run, as far as the PATH says.
    fn is_first(&self) -> Result<bool, Failure> {
        let path = self.around.environment.raw("PATH");
        let mut standings = self.known()?.into_iter().map(|agent| self.launcher(&agent)).filter_map(
            |launcher| match launcher.standing(&self.folder, path) {
                Standing::Absent | Standing::Outdated => None,
                standing => Some(standing == Standing::First),
            },
        );
        Ok(standings.all(|first| first))
    }

    fn say_path(&self, typed: Option<ShellName>) {
        if self.is_first().unwrap_or(false) {
            term::say("They are first in your PATH already.");
            return;
        }
        let (shell, file) = match self.shell(typed) {
            Some(shell) => (shell, self.places().map(|places| self.short(&shell.file(&places)))),
            None => (Shell::Sh, None),
        };
        let line = String::from_utf8_lossy(&shell.line(&self.folder)).into_owned();
        let file = file.unwrap_or_else(|| "your shell's start-up file".to_owned());
        term::say(format_args!("\nTheir folder has to come first in the PATH. This line sees to it:\n"));
        term::say(format_args!("  {line}\n"));
        term::say(format_args!(
            "Type it for this shell; for every new one it belongs at the end of {file}\n\
             (`headroom shims install --write-path` writes it there, `headroom shims remove` takes it away)."
        ));
    }

    fn write_path(&self, typed: Option<ShellName>) -> Result<(), anyhow::Error> {
        let Some(shell) = self.shell(typed) else {
            let name = env::get(env::SHELL).unwrap_or_else(|| "$SHELL".to_owned());
            let what = format!("the start-up file of {name} is not known; nothing was written");
            return Err(Failure::new(exit::USAGE, what, "say --shell sh, bash, zsh or fish").into());
        };
        let file = shell.file(&self.places().ok_or_else(no_home)?);
        let said = match startup::add(&file, shell, &self.folder)? {
            Written::Added => "The line for the PATH was written at the end of",
            Written::Unchanged => "The line for the PATH is in",
        };
        term::say(format_args!("{said} {}; it holds in every shell opened from now on.", self.short(&file)));
        Ok(())
    }

    fn remove(&self, names: &[String], own: bool) -> Result<(), anyhow::Error> {
        let known = self.known().unwrap_or_default();
        let program = |name: &String| {
            let agent = known.iter().find(|agent| agent.name == *name);
            agent.map_or_else(|| name.clone(), |agent| agent.binary.clone())
        };
        let mut programs: Vec<String> = match names.is_empty() {
            true => shims::installed(&self.folder),
            false => names.iter().map(program).collect(),
        };
        programs.retain(|program| !own || shims::calls(&self.folder.join(program), &self.headroom));
        let mut removed = 0;
        for program in &programs {
            if shims::remove(&self.folder, program)? {
                term::say(format_args!("removed {}", self.folder.join(program).display()));
                removed += 1;
            } else {
                term::say(format_args!("{program}: has no launcher"));
            }
        }
        if !shims::installed(&self.folder).is_empty() {
            return Ok(());
        }
        shims::tidy(&self.folder);
        let mut written = 0;
        let mut fault = None;
        for file in self.places().iter().flat_map(startup::files) {
            match startup::remove(&file, &self.folder) {
                Ok(true) => {
                    term::say(format_args!("took the line for the PATH out of {}", self.short(&file)));
                    written += 1;
                }
                Ok(false) => {}
                Err(error) => fault = Some(error),
            }
        }
        if let Some(fault) = fault {
            return Err(fault.into());
        }
        match (removed, written) {
            (0, 0) if names.is_empty() && !own => term::say("There is no launcher."),
            (0, _) => {}
            _ => term::say(
                "Shells that are open already may look for them once more: `hash -r` makes them forget.",
            ),
        }
        Ok(())
    }

    fn list(&self) -> Result<(), anyhow::Error> {
        let mut table = term::table(&["agent", "typed", "launcher", "runs"]);
        for agent in self.listed()? {
            let standing = match self.standing(&agent) {
                Standing::Absent => "none".to_owned(),
                Standing::Outdated => "calls another headroom or agent: install it again".to_owned(),
                Standing::Aside => "its folder is not in the PATH".to_owned(),
                Standing::Behind(other) => format!("{} comes first in the PATH", self.short(&other)),
                Standing::First => "in use".to_owned(),
            };
            let behind = plan::program(&agent, &self.around).map(|program| self.short(&program));
            table.add_row([agent.name, agent.binary, standing, behind.unwrap_or_else(|_| "–".to_owned())]);
        }
        for program in self.strangers()? {
            let what = "of an agent that is not known: remove it".to_owned();
            table.add_row(["–".to_owned(), program, what, "–".to_owned()]);
        }
        term::say(term::drawn(&table));
        term::say(format_args!("\nIn {}", self.folder.display()));
        Ok(())
    }

    fn as_json(&self) -> Result<serde_json::Value, anyhow::Error> {
        let launchers = self.listed()?.into_iter().map(|agent| {
            let standing = self.standing(&agent);
            json!({
                "agent": agent.name,
                "program": agent.binary,
                "launcher": match standing {
                    Standing::Absent => "absent",
                    Standing::Outdated => "outdated",
                    Standing::Aside => "not_in_path",
                    Standing::Behind(_) => "behind_another",
                    Standing::First => "in_use",
                },
                "comes_first": match &standing {
                    Standing::Behind(other) => Some(other),
                    _ => None,
                },
                "runs": plan::program(&agent, &self.around).ok(),
            })
        });
        let strangers = self.strangers()?.into_iter().map(|program| {
            json!({"agent": null, "program": program, "launcher": "unknown_agent", "comes_first": null, "runs": null})
        });
        let launchers: Vec<_> = launchers.chain(strangers).collect();
        Ok(json!({
            "schema": 1,
            "folder": self.folder,
            "headroom": self.headroom,
            "launchers": launchers,
        }))
    }

    /// The agents that are on this machine or have a launcher.
    fn listed(&self) -> Result<Vec<Agent>, Failure> {
        let mut known = self.known()?;
        let here = |agent: &Agent| {
            self.folder.join(&agent.binary).exists() || plan::program(agent, &self.around).is_ok()
        };
        known.retain(here);
        known.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(known)
    }

    /// The launchers of agents that there are no more.
    fn strangers(&self) -> Result<Vec<String>, Failure> {
        let known = self.known()?;
        let mut programs = shims::installed(&self.folder);
        programs.retain(|program| known.iter().all(|agent| agent.binary != *program));
        Ok(programs)
    }

    fn shell(&self, typed: Option<ShellName>) -> Option<Shell> {
        let own = || env::get(env::SHELL).and_then(|path| Shell::named(&path));
        typed.map(Shell::from).or_else(own)
    }

    fn places(&self) -> Option<Places> {
        let folder = |variable| env::get(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        Some(Places {
            home: self.around.home.clone()?,
            zsh: folder(env::ZDOTDIR),
            config: folder(env::XDG_CONFIG_HOME),
            sessions: if cfg!(target_os = "macos") { Sessions::Login } else { Sessions::Interactive },
        })
    }

    /// A path as people write it.
    fn short(&self, path: &Path) -> String {
        let below = self.around.home.as_deref().and_then(|home| path.strip_prefix(home).ok());
        below.map_or_else(|| path.display().to_string(), |below| format!("~/{}", below.display()))
    }
}

/// What the user should know before the first launch; on a terminal it is said before each.
fn differs(agent: &Agent) -> String {
    let mut said = String::new();
    let given = agent.retrieval.as_ref().map(|retrieval| retrieval.said.as_str()).unwrap_or_default();
    for (word, clause) in [("gets", given), ("lost", agent.lost.as_str())] {
        if !clause.is_empty() {
            said.push_str(&format!("\n  {word}: {clause}"));
        }
    }
    said
}

/// headroom's own program, by the name that stays when a newer one takes its place.
fn as_it_is_called(around: &Around) -> PathBuf {
    let own = around.headroom.canonicalize().ok();
    let name = around.headroom.file_name().unwrap_or_default();
    let entries = around.environment.raw("PATH").map(std::env::split_paths).into_iter().flatten();
    let mut called = entries.filter(|entry| entry.is_absolute()).map(|entry| entry.join(name));
    called.find(|path| own.is_some() && path.canonicalize().ok() == own).unwrap_or(around.headroom.clone())
}

fn no_home() -> Failure {
    Failure::new(exit::FAILED, "there is no home folder, so no start-up file", "type the line yourself")
}

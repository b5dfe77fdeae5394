//! Which file learned advice belongs into.
//!
//! Looks at names, links and imports; writes nothing. *Invariant:* never the user's home folder, nor the root of the disk: a
//! file there would be read in every project.

use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

/// A memory file of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As it is called in the project.
    pub path: PathBuf,
    /// The file itself, where links lead to it; the same for two names of one file.
    pub real: PathBuf,
    /// Who reads it.
    pub readers: Readers,
    /// Where what is true on this machine only belongs; `None` where there is no such file.
    pub local: Option<PathBuf>,
}

/// Who reads a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Whoever works on this machine.
    Here,
    /// Whoever has a copy of the project.
    Everybody,
}

/// Why there is no file to write into.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The user's home folder, or above it.
    #[error("{folder} is no project: what is written there is read in every project below it")]
    TooHigh {
        /// Which folder.
        folder: PathBuf,
    },
    /// The agent reads none.
    #[error("`{agent}` reads no memory file that is known")]
    NoFile {
        /// Which agent.
        agent: String,
    },
    /// A link in the project that leads out of it.
    #[error("{path} leads out of the project, to {real}")]
    Outside {
        /// As it is called in the project.
        path: PathBuf,
        /// Where it leads.
        real: PathBuf,
    },
}

/// The project that a folder belongs to: the repository around it, as far as that is not the home folder; else itself.
pub fn project_of(folder: &Path, home: &Path) -> PathBuf {
    let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let home = fs::canonicalize(home).unwrap_or_else(|_| home.to_owned());
    let around = folder
        .ancestors()
        .take_while(|ancestor| !home.starts_with(ancestor))
        .find(|ancestor| ancestor.join(".git").exists());
    around.map_or_else(|| folder.clone(), Path::to_owned)
}

/// The memory file that an agent reads in a project: the first of its names that is there, else the first; where that
/// takes in another one of the project (`@AGENTS.md`), the other.
///
/// # Errors
/// [`TargetError`]; then nothing can be written for this agent.
pub fn of(project: &Path, home: &Path, agent: &str, names: &[String]) -> Result<Target, TargetError> {
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let project = real(project);
    if real(home).starts_with(&project) {
        return Err(TargetError::TooHigh { folder: project });
    }
    // A name out of an agent's file stays in the project.
    let plain =
        |name: &&String| Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    let names: Vec<&String> = names.iter().filter(plain).collect();
    let is_there = |name: &&&String| project.join(name).is_file();
    let is_free = |name: &&&String| fs::symlink_metadata(project.join(name)).is_err();
    let name = (names.iter().find(is_there).or_else(|| names.iter().find(is_free)))
        .ok_or_else(|| TargetError::NoFile { agent: agent.to_owned() })?;
    let path = project.join(name);
    let path = imported(&path).filter(|other| other.is_file()).unwrap_or(path);
    let file = real(&path);
    if !file.starts_with(&project) {
        return Err(TargetError::Outside { path, real: file });
    }
    let local = names.iter().filter(|name| is_local(name)).map(|name| project.join(name));
    let local = local
        .filter(|local| local.is_file() && *local != path)
        .find(|local| real(local).starts_with(&project));
    let shared = project.join(".git").exists() && !is_local(&path.to_string_lossy());
    let readers = if shared { Readers::Everybody } else { Readers::Here };
    Ok(Target { real: file, path, readers, local })
}

/// The file that the user named; whatever it is, it is theirs to say.
pub fn named(path: &Path) -> Target {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let real = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
    Target { real, path, readers: Readers::Here, local: None }
}

/// True for a file that is kept out of the repository, by its name.
fn is_local(name: &str) -> bool {
    name.contains(".local.")
}

/// Bytes of a memory file in which an import is looked for.
const LOOKED_AT: u64 = 1 << 20;

/// The other memory file that a file takes in as a whole: `@AGENTS.md` alone on a line.
fn imported(path: &Path) -> Option<PathBuf> {
    let mut text = String::new();
    let read = |text: &mut String| -> io::Result<usize> {
        fs::File::open(path)?.take(LOOKED_AT).read_to_string(text)
    };
    read(&mut text).ok()?;
    let mut quoted = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("```") || line.starts_with("~~~") {
            quoted = !quoted;
        }
        let name = line.strip_prefix('@').map(|name| name.strip_prefix("./").unwrap_or(name));
        if !quoted && name == Some("AGENTS.md") && path.file_name().is_some_and(|own| own != "AGENTS.md") {
            return Some(path.with_file_name("AGENTS.md"));
        }
    }
    None
}

/// True when a sentence's literals name a place that only this machine has.
pub fn is_of_this_machine(sentence: &str) -> bool {
    /// Places that every machine has.
    const EVERYWHERE: [&str; 9] =
        ["/dev/", "/tmp/", "/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/", "/etc/", "/proc/", "/var/"];
    let literals = sentence.split('`').skip(1).step_by(2);
    let apart = |letter: char| {
        letter.is_whitespace() || matches!(letter, '"' | '\'' | '=' | ':' | ',' | '(' | ')' | '<' | '>')
    };
    literals.flat_map(|literal| literal.split(apart)).any(|word| {
        let deep =
            word.starts_with('/') && !word.starts_with("//") && word[1..].trim_end_matches('/').contains('/');
        word.starts_with("~/") || (deep && !EVERYWHERE.iter().any(|place| word.starts_with(place)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new(files: &[(&str, &str)]) -> Place {
            let place = Place(tempfile::tempdir().expect("a folder"));
            fs::create_dir_all(place.project().join(".git")).expect("a folder");
            for (name, text) in files {
                match text.strip_prefix("-> ") {
                    Some(to) => std::os::unix::fs::symlink(to, place.project().join(name)).expect("a link"),
                    None => fs::write(place.project().join(name), text).expect("a file"),
                }
            }
            place
        }

        fn home(&self) -> PathBuf {
            fs::canonicalize(self.0.path()).expect("it is there")
        }

        fn project(&self) -> PathBuf {
            self.home().join("code/shop")
        }

        fn target(&self, names: &[&str]) -> Result<Target, TargetError> {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            of(&self.project(), &self.home(), "x", &names)
        }
    }

    #[test]
    fn the_first_that_is_there_is_written_else_the_first() {
        let claude = ["CLAUDE.md", "CLAUDE.local.md"];
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], &'a str);
        let cases: [Case<'_>; 9] = [
            (&[], &claude, "CLAUDE.md"),
            (&[("CLAUDE.md", "")], &claude, "CLAUDE.md"),
            (&[("CLAUDE.local.md", "")], &claude, "CLAUDE.local.md"),
            (&[("AGENTS.md", "")], &["QWEN.md", "AGENTS.md"], "AGENTS.md"),
            (&[("CLAUDE.md", "Hi.\n@AGENTS.md\n"), ("AGENTS.md", "")], &claude, "AGENTS.md"),
            (&[("CLAUDE.md", "@./AGENTS.md")], &claude, "CLAUDE.md"),
            (&[("CLAUDE.md", "```\n@AGENTS.md\n```\n"), ("AGENTS.md", "")], &claude, "CLAUDE.md"),
            (&[("CLAUDE.md", "See @AGENTS.md.\n"), ("AGENTS.md", "")], &claude, "CLAUDE.md"),
            (&[("x", "")], &["/etc/passwd", "../up.md", "GEMINI.md"], "GEMINI.md"),
        ];
        for (files, names, expected) in cases {
            let place = Place::new(files);
            assert_eq!(
                place.target(names).expect("a target").path,
                place.project().join(expected),
                "{files:?}"
            );
        }
    }

    #[test]
    fn two_names_of_one_file_are_one_file() {
        let place = Place::new(&[("AGENTS.md", "x"), ("CLAUDE.md", "-> AGENTS.md")]);
        let (one, other) = (place.target(&["CLAUDE.md"]), place.target(&["AGENTS.md"]));
        assert_eq!(one.expect("a target").real, other.expect("a target").real);
    }

    #[test]
    fn what_leads_out_of_the_project_is_not_written() {
        let place = Place::new(&[("CLAUDE.md", "-> ../../secrets")]);
        fs::write(place.home().join("secrets"), "x").expect("a file");
        assert!(matches!(place.target(&["CLAUDE.md"]), Err(TargetError::Outside { .. })));
        assert_eq!(named(&place.project().join("CLAUDE.md")).real, place.home().join("secrets"));
    }

    #[test]
    fn the_home_folder_is_no_project() {
        let place = Place::new(&[]);
        fs::create_dir(place.home().join(".git")).expect("the user's own settings, kept in a repository");
        let names = ["CLAUDE.md".to_owned()];
        for folder in [place.home(), PathBuf::from("/")] {
            assert!(matches!(of(&folder, &place.home(), "x", &names), Err(TargetError::TooHigh { .. })));
        }
        let loose = place.home().join("code/notes/deep");
        fs::create_dir_all(&loose).expect("a folder");
        assert_eq!(project_of(&loose, &place.home()), loose, "not the repository that the home folder is");
        let inside = place.project().join("src/app");
        fs::create_dir_all(&inside).expect("a folder");
        assert_eq!(project_of(&inside, &place.home()), place.project());
    }

    #[test]
    fn who_reads_a_file_is_told_by_its_name_and_the_repository() {
        let place = Place::new(&[("CLAUDE.md", ""), ("CLAUDE.local.md", "")]);
        let target = place.target(&["CLAUDE.md", "CLAUDE.local.md"]).expect("a target");
        assert_eq!(
            (target.readers, target.local),
            (Readers::Everybody, Some(place.project().join("CLAUDE.local.md")))
        );
        let target = place.target(&["CLAUDE.local.md"]).expect("a target");
        assert_eq!((target.readers, target.local), (Readers::Here, None));
    }

    #[test]
    fn places_of_this_machine_are_told_from_those_of_every_machine() {
        for (sentence, here) in [
            ("Run `/opt/tools/bin/node x.js`.", true),
            ("Run `PATH=/home/me/bin make`.", true),
            ("Use `~/bin/x`.", true),
            ("Run `pnpm test`, not `npm test`.", false),
            ("Run `make 2>/dev/null`, not `/usr/bin/python3`.", false),
            ("`GET /health` and `http://localhost:1/a/b`.", false),
            ("`sed s/a/b/` is not /home/me/x.", false),
        ] {
            assert_eq!(is_of_this_machine(sentence), here, "{sentence}");
        }
    }
}

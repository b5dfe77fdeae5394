//! What a command that worked says of one that failed before it.
//!
//! *Invariant:* a lesson only for the same errand: the same program run in another way, a program that is known to do the
//! same work on the same words, the same words in another folder. Literals pass [`literal::command`].

use super::family::{does_errand, errand_of_manager, run_by, same_errand, stand_in};
use super::phrases::MANAGERS;
use super::trouble::Trouble;
use super::{Failure, Worked};
use crate::learn::command::{Command, name_of};
use crate::learn::first_words::first_words;
use crate::learn::lesson::{Because, Lesson};
use crate::learn::{literal, place};

/// What a command that worked says of a failure.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Nothing.
    Other,
    /// The same command works now.
    SameAgain,
    /// Another way to do the same.
    Lesson(Lesson),
}

/// What `worked` says of `failure`.
pub(super) fn remedy(failure: &Failure, worked: &Worked) -> Remedy {
    let lesson = match failure.trouble {
        Trouble::NotFound(place) => not_found(failure, worked, place),
        Trouble::WrongManager => wrong_manager(failure, worked),
        Trouble::NoTask(place) => no_task(failure, worked, place).or_else(|| not_here(failure, worked)),
        Trouble::NoModule => no_module(failure, worked),
        Trouble::NotHere => not_here(failure, worked),
        Trouble::NoFlag(place) => no_flag(failure, worked, place),
        Trouble::NoService => no_service(failure, worked),
        Trouble::NoVariable => no_variable(failure, worked),
        Trouble::Sandbox => None,
    };
    match lesson {
        Some(lesson) => Remedy::Lesson(lesson),
        None if is_same(failure, worked) => Remedy::SameAgain,
        None => Remedy::Other,
    }
}

/// True when the very command that failed worked, or its program where that was missing.
fn is_same(failure: &Failure, worked: &Worked) -> bool {
    let same_program = failure.command.program() == worked.command.program();
    match failure.trouble {
        Trouble::NotFound(0) => same_program,
        _ => failure.command.words == worked.command.words,
    }
}

/// The words of a command up to a place, as they may stand in advice: from the project's folder.
fn words(worked: &Worked, command: &Command, count: usize) -> Option<String> {
    let words = command.words.iter().take(count).map(|word| match word.starts_with('/') {
        true => place::relative(word, worked.folder, worked.project),
        false => word.clone(),
    });
    literal::command(&words.collect::<Vec<_>>().join(" "))
}

/// The words that say what a command does.
fn stem(worked: &Worked, command: &Command) -> Option<String> {
    words(worked, command, first_words(&command.words).max(1))
}

fn use_command(not: String, instead: String, because: Because) -> Option<Lesson> {
    (not != instead).then_some(Lesson::UseCommand { not, instead, because })
}

fn not_found(failure: &Failure, worked: &Worked, place: usize) -> Option<Lesson> {
    let (failed, command) = (&failure.command, worked.command);
    let missing = failed.words.get(place)?;
    let not = words(worked, failed, place + 1)?;
    // What was installed in between may be what helped.
    if failure.changed {
        return None;
    }
    if let (0, Some(file)) = (place, &command.sourced)
        && file.ends_with("/activate")
        && command.program() == missing
    {
        let file = literal::path(&place::relative(file, worked.folder, worked.project), worked.project)?;
        return use_command(not, format!("source {file} && {missing}"), Because::NotFound);
    }
    let count = match run_by(missing, &command.words) {
        Some(count) => count,
        None if place == 0 => {
            let count = stand_in(missing, &command.words)?;
            shares_errand(failed, 1, command, count).then_some(count)?
        }
        None => (name_of(command.program()) == missing).then_some(1)?,
    };
    use_command(not, words(worked, command, count)?, Because::NotFound)
}

/// True when two commands are about the same: the first word behind their programs, or any word that is no flag.
fn shares_errand(one: &Command, from: usize, other: &Command, other_from: usize) -> bool {
    let rest = |command: &'_ Command, from: usize| -> Vec<String> {
        command.words.iter().skip(from).cloned().collect()
    };
    let (one, other) = (rest(one, from), rest(other, other_from));
    let is_operand = |word: &&String| !word.starts_with('-');
    let (ours, theirs): (Vec<_>, Vec<_>) =
        (one.iter().filter(is_operand).collect(), other.iter().filter(is_operand).collect());
    match (ours.is_empty(), theirs.is_empty()) {
        (true, true) => one == other,
        (false, false) => ours.iter().any(|word| theirs.contains(word)),
        _ => false,
    }
}

fn wrong_manager(failure: &Failure, worked: &Worked) -> Option<Lesson> {
    let (failed, command) = (&failure.command, worked.command);
    let other = command.program();
    if !MANAGERS.contains(&other) || other == failed.program() {
        return None;
    }
    let same = errand_of_manager(failed.operands()) == errand_of_manager(command.operands());
    let (not, instead) = (words(worked, failed, 1)?, words(worked, command, 1)?);
    if same { use_command(not, instead, Because::WrongManager) } else { None }
}

fn no_task(failure: &Failure, worked: &Worked, place: usize) -> Option<Lesson> {
    let (failed, command) = (&failure.command, worked.command);
    let task = failed.words.get(place)?;
    // `npm run test` and `npm test` are one.
    let not = words(worked, failed, place + 1)?;
    let not = match not.split(' ').collect::<Vec<_>>().as_slice() {
        [manager, "run", task @ ("test" | "start")] if MANAGERS.contains(manager) => {
            format!("{manager} {task}")
        }
        _ => not,
    };
    if failure.folder != worked.folder && failed.words == command.words {
        return None;
    }
    let same_program = failed.program() == command.program();
    let count = if same_program {
        // The first word that names something, behind `run`.
        let at = command.words.iter().skip(1).position(|word| {
            !word.starts_with('-') && !matches!(word.as_str(), "run" | "run-script" | "exec")
        })? + 1;
        let name = command.words.get(at)?;
        (name != task && same_errand(task, name)).then_some(at + 1)?
    } else {
        does_errand(&task.to_lowercase(), &command.words)?
    };
    // Run where the other one failed, or the folder may be what made it work.
    if failure.folder != worked.folder || failure.changed {
        return None;
    }
    use_command(not, words(worked, command, count)?, Because::NoSuchTask)
}

fn no_module(failure: &Failure, worked: &Worked) -> Option<Lesson> {
    let (failed, command) = (&failure.command, worked.command);
    if failure.changed {
        return None;
    }
    let program = failed.program();
    let not = words(worked, failed, 1)?;
    if let Some(file) = command.sourced.as_ref().filter(|file| file.ends_with("/activate")) {
        if failed.sourced.is_some() || failed.words != command.words {
            return None;
        }
        let file = literal::path(&place::relative(file, worked.folder, worked.project), worked.project)?;
        return use_command(not, format!("source {file} && {program}"), Because::NoModule);
    }
    let count = run_by(program, &command.words).or_else(|| stand_in(program, &command.words))?;
    // Another Python of the system may have it by chance; one of the project's is set up for it.
    let first = command.program();
    let of_project = first.contains('/') || !first.starts_with("python");
    let same = failed.words.iter().skip(1).eq(command.words.iter().skip(count));
    if !of_project || !same {
        return None;
    }
    use_command(not, words(worked, command, count)?, Because::NoModule)
}

fn not_here(failure: &Failure, worked: &Worked) -> Option<Lesson> {
    /// Programs that work on the project in the current folder.
    const BUILDERS: &[&str] = &[
        "npm",
        "pnpm",
        "yarn",
        "bun",
        "npx",
        "cargo",
        "go",
        "make",
        "just",
        "task",
        "pytest",
        "tox",
        "nox",
        "uv",
        "poetry",
        "mvn",
        "mvnw",
        "gradle",
        "gradlew",
        "docker",
        "docker-compose",
        "terraform",
        "tofu",
        "rake",
        "bundle",
        "mix",
        "composer",
        "dotnet",
        "deno",
        "python",
        "python3",
        "node",
        "php",
        "flutter",
        "swift",
        "sbt",
        "ruby",
        "rails",
        "pnpx",
        "turbo",
        "nx",
        "hatch",
    ];
    let (failed, command) = (&failure.command, worked.command);
    let another = failed.words == command.words && failure.folder != worked.folder;
    if !another || failure.changed || !BUILDERS.contains(&name_of(failed.program())) {
        return None;
    }
    let command = match name_of(failed.program()) {
        // The interpreter alone says nothing.
        "python" | "python3" | "node" | "php" | "ruby" | "deno" => {
            let file = failed.operands().next().filter(|file| file.contains('.'))?;
            literal::command(&format!("{} {file}", failed.program()))?
        }
        _ => stem(worked, failed)?,
    };
    let folder =
        if worked.folder == "." { ".".to_owned() } else { literal::path(worked.folder, worked.project)? };
    Some(Lesson::UseFolder { command, folder })
}

fn no_flag(failure: &Failure, worked: &Worked, place: usize) -> Option<Lesson> {
    let (failed, command) = (&failure.command, worked.command);
    let flag = failed.words.get(place)?.split('=').next()?.to_owned();
    let same_program = failed.program() == command.program();
    let first = |command: &'_ Command| command.operands().next().map(str::to_owned);
    if !same_program || first(failed) != first(command) || failed.operands().count() == 0 {
        return None;
    }
    // Nowhere, not even behind `--`.
    if command.words.iter().any(|word| word.split('=').next() == Some(&flag)) {
        return None;
    }
    let had: Vec<&str> = failed.flags().collect();
    let new: Vec<&str> = command.flags().filter(|flag| !had.contains(flag)).collect();
    let gone = had.iter().filter(|flag| !command.flags().any(|kept| kept == **flag)).count();
    let instead = match (new.as_slice(), gone) {
        ([], 1) => String::new(),
        ([one], 1) => literal::command(one.trim_start_matches('-')).map(|_| (*one).to_owned())?,
        // More than the flag is different: which of them helped can't be told.
        _ => return None,
    };
    let shared = failed.operands().filter(|word| command.operands().any(|kept| kept == *word)).count();
    if shared * 2 < failed.operands().count() {
        return None;
    }
    let command = stem(worked, failed)?;
    literal::command(flag.trim_start_matches('-'))?;
    Some(Lesson::DropFlag { command, flag, instead })
}

fn no_service(failure: &Failure, worked: &Worked) -> Option<Lesson> {
    if failure.command.words != worked.command.words || failure.folder != worked.folder || failure.changed {
        return None;
    }
    let since = worked.started.iter().filter(|(step, _)| failure.step < *step);
    let mut starters = since.filter(|(_, command)| starts_something(command));
    // Two that could have done it: neither is proven.
    let (Some((_, starter)), None) = (starters.next(), starters.next()) else { return None };
    let start = words(worked, starter, starter.words.len())?;
    Some(Lesson::StartFirst { command: stem(worked, &failure.command)?, start })
}

/// True for a command that starts a service.
fn starts_something(command: &Command) -> bool {
    let has = |word: &str| command.arguments().iter().take(6).any(|have| have == word);
    match name_of(command.program()) {
        "docker" | "docker-compose" | "podman" | "podman-compose" => has("up") || has("start") || has("run"),
        "systemctl" | "service" | "brew" | "pg_ctl" | "pg_ctlcluster" | "colima" | "minikube"
        | "supabase" | "rc-service" => has("start") || has("restart"),
        "make" | "just" | "task" | "npm" | "pnpm" | "yarn" => {
            has("up") || has("services") || has("db") || has("db:up") || has("db:start") || has("services:up")
        }
        "redis-server" | "mongod" | "postgres" => true,
        _ => false,
    }
}

fn no_variable(failure: &Failure, worked: &Worked) -> Option<Lesson> {
    let (failed, command) = (&failure.command, worked.command);
    if failed.words != command.words || failure.folder != worked.folder || failure.changed {
        return None;
    }
    let mut new = command.variables.iter().filter(|name| !failed.variables.contains(name));
    let (Some(variable), None) = (new.next(), new.next()) else { return None };
    // What was missing said its name.
    if !failure.named.contains(variable) {
        return None;
    }
    let variable = literal::command(variable)?;
    Some(Lesson::SetVariable { command: stem(worked, failed)?, variable })
}

//! `headroom demo`: the main job on a scripted agent and a provider in this process.
//!
//! The agent is this program again, started by `headroom wrap` as any agent is.
//! Everything is kept in a throwaway folder: the user's own is never opened.

// The demo says how long it took.
#![allow(clippy::disallowed_methods)]

use super::term::{self, Failure, Verdict, exit};
use crate::agent::itself;
use crate::config::env;
use crate::demo::agent::{Diary, Event, Output, Setup, work};
use crate::demo::provider::{Provider, Rules};
use crate::demo::story;
use crate::demo::verdict::{self, Row};
use crate::text::{counted, grouped};
use crate::units::Tokens;
use anstyle::{AnsiColor, Style};
use anyhow::Context;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// What was typed after `demo`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Shows the main job, from a question to what was saved, and checks every step of it.
///
/// # Errors
/// What `main` prints: when anything did not hold.
pub fn run(_args: Args) -> Verdict {
    let began = Instant::now();
    let home = tempfile::Builder::new().prefix("headroom-demo-").tempdir().context("no temporary folder")?;
    let provider = Provider::start(Rules::default(), story::script()).context("no free port on 127.0.0.1")?;
    let diary_file = home.path().join("diary.json");
    introduce();
    define_agent(home.path(), &diary_file)?;
    let environment = environment(home.path(), &provider.base_url());
    let status =
        itself::run(&["wrap", "--quiet", AGENT], &environment).context("the agent could not be started")?;
    match status.code() {
        Some(0) => {}
        Some(INTERRUPTED) => return Ok(ExitCode::from(130)),
        _ => return Err(failed(format!("the agent ended with {status}"))),
    }
    let diary: Diary =
        serde_json::from_slice(&std::fs::read(&diary_file).context("the agent kept no diary")?)
            .context("the agent's diary can't be read")?;
    let verdict = verdict::judge(&diary, &provider);
    show(&verdict);
    term::say(format_args!("\n{}headroom stats{} of this run:\n", BOLD.render(), BOLD.render_reset()));
    let shown = itself::run(&["stats"], &environment).context("`headroom stats` could not be started")?;
    if !shown.success() {
        return Err(failed(format!("`headroom stats` ended with {shown}")));
    }
    if !verdict.good() {
        return Err(failed("not everything held"));
    }
    let took = began.elapsed().as_secs_f64();
    term::say(format_args!(
        "\nAll of it held, in {took:.1} s; nothing was kept. Now the real thing: {}headroom wrap claude{}",
        BOLD.render(),
        BOLD.render_reset()
    ));
    Ok(ExitCode::SUCCESS)
}

/// The demo's agent, by its name after `headroom wrap`.
const AGENT: &str = "demo";
/// How a program ends that Ctrl-C ended, as shells show it.
const INTERRUPTED: i32 = 130;
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const SPEAKER: Style = AnsiColor::Cyan.on_default();

fn failed(what: impl std::fmt::Display) -> anyhow::Error {
    Failure::new(
        exit::FAILED,
        format_args!("the demo failed: {what}"),
        "this should not happen; please report it with the output above",
    )
    .into()
}

fn introduce() {
    term::say(format_args!(
        "{}headroom demo{}: a scripted agent under the real `headroom wrap`, and a provider inside this process.\n\
         No key, no network; what is kept goes into a throwaway folder.\n",
        BOLD.render(),
        BOLD.render_reset()
    ));
    term::say(format_args!("{}❯{} {}", SPEAKER.render(), SPEAKER.render_reset(), story::QUESTION));
}

/// Writes the agent's definition where a user's own would lie.
fn define_agent(home: &Path, diary: &Path) -> Result<(), anyhow::Error> {
    let quoted = |path: &Path| serde_json::Value::from(path.to_string_lossy().as_ref()).to_string();
    let program = quoted(&itself::path().context("this program's own file can't be found")?);
    let diary = quoted(diary);
    let definition = format!(
        r#"name = "{AGENT}"
title = "The demo's agent"
binary = {program}
wire = "anthropic"
arguments = ["__demo-agent", "--diary", {diary}]

[upstream]
default = "http://127.0.0.1:9"
variables = ["ANTHROPIC_BASE_URL"]

[environment]
ANTHROPIC_BASE_URL = "{{base_url}}"

[retrieval]
tools = ["Bash"]
"#
    );
    let folder = home.join("agents");
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join("demo.toml"), definition))
        .context("the throwaway folder can't be written")
}

/// The user's environment without anything that could reach their agents, their login or their store.
fn environment(home: &Path, upstream: &str) -> Vec<(OsString, OsString)> {
    const OURS: &[&str] = &["HEADROOM", "ANTHROPIC", "CLAUDE"];
    let mut kept: Vec<(OsString, OsString)> = env::all()
        .into_iter()
        .filter(|(name, _)| {
            let name = name.to_string_lossy().to_uppercase();
            !OURS.iter().any(|begins| name.starts_with(begins)) && !name.ends_with("_PROXY")
        })
        .collect();
    for (name, value) in [
        ("HEADROOM_HOME", home.as_os_str()),
        ("ANTHROPIC_BASE_URL", upstream.as_ref()),
        ("ANTHROPIC_API_KEY", "demo".as_ref()),
    ] {
        kept.push((name.into(), value.into()));
    }
    kept
}

fn show(verdict: &verdict::Verdict) {
    let mut table = term::table(&["what the tool printed", "tokens", "read", "saved"]);
    let mut sum = (Tokens(0), Tokens(0));
    for row in &verdict.rows {
        sum = (sum.0 + row.before, sum.1 + row.after);
        table.add_row(cells(row));
    }
    let all = Row { what: "together".to_owned(), before: sum.0, after: sum.1, asked_back: false };
    table.add_row(cells(&all));
    term::align_right(&mut table, 1..4);
    term::say(format_args!("\n{}", term::drawn(&table)));
    term::say("");
    for check in &verdict.checks {
        let (style, word) = if check.held { (GOOD, "ok ") } else { (BAD, "NOT") };
        term::say(format_args!("{}{word}{} {}", style.render(), style.render_reset(), check.what));
    }
}

fn cells(row: &Row) -> [String; 4] {
    let saved = match row.before.saved_by(row.after) {
        Some(saved) => format!("{} %", saved.0 * 100 / row.before.0.max(1)),
        None if row.asked_back => "given back".to_owned(),
        None => "as it was".to_owned(),
    };
    [shortened(&row.what), tokens(row.before), tokens(row.after), saved]
}

fn tokens(Tokens(count): Tokens) -> String {
    grouped(i64::try_from(count).unwrap_or(i64::MAX))
}

fn shortened(what: &str) -> String {
    const WIDEST: usize = 56;
    if what.chars().count() <= WIDEST {
        return what.to_owned();
    }
    format!("{}…", what.chars().take(WIDEST - 1).collect::<String>())
}

/// What was typed after `__demo-agent`.
#[derive(Debug, clap::Args)]
pub struct AgentArgs {
    /// Where to write down what was done
    #[arg(long)]
    diary: PathBuf,
}

/// Plays the agent.
///
/// # Errors
/// What `main` prints.
pub fn run_agent(args: AgentArgs) -> Verdict {
    let named = |name: &str| env::named(name).with_context(|| format!("{name} is not set"));
    let setup = Setup {
        base_url: named("ANTHROPIC_BASE_URL")?,
        key: named("ANTHROPIC_API_KEY")?,
        folder: std::env::current_dir().context("no current folder")?,
    };
    let program = itself::path()?;
    let mut page = Page::default();
    let diary =
        work(&setup, story::QUESTION, &|arguments| itself::output(&program, arguments), &mut |event| {
            page.hear(event)
        })?;
    page.end();
    std::fs::write(&args.diary, serde_json::to_vec(&diary)?).context("the diary can't be written")?;
    Ok(ExitCode::SUCCESS)
}

/// The agent's side of the terminal.
#[derive(Default)]
struct Page {
    /// Where the model's words stand on their line; 0 when it is not speaking.
    column: usize,
}

impl Page {
    const WIDTH: usize = 96;

    fn hear(&mut self, event: Event<'_>) {
        match event {
            Event::Says(words) => self.speak(words),
            Event::Calls { tool, argument } => {
                self.end();
                let what = shortened(argument);
                term::say_part(format_args!("  {}{tool}{} {what}", BOLD.render(), BOLD.render_reset()));
            }
            Event::Prints(output) => {
                let what = summary(output);
                term::say(format_args!("  {}{what}{}", DIM.render(), DIM.render_reset()));
            }
        }
    }

    fn speak(&mut self, words: &str) {
        if self.column == 0 {
            term::say_part(format_args!("\n{}●{} ", SPEAKER.render(), SPEAKER.render_reset()));
            self.column = 2;
        }
        for word in words.split_inclusive(' ') {
            if Page::WIDTH < self.column + word.trim_end().len() {
                term::say_part("\n  ");
                self.column = 2;
            }
            term::say_part(word);
            self.column += word.len();
        }
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.column) != 0 {
            term::say("");
        }
    }
}

fn summary(output: &Output) -> String {
    let size = format!(
        "{} bytes, {}",
        grouped(i64::try_from(output.text.len()).unwrap_or(i64::MAX)),
        counted(output.text.lines().count(), "line")
    );
    match (output.failed, output.gives_back) {
        (true, _) => format!("failed: {}", output.text.lines().next().unwrap_or_default()),
        (false, Some(_)) => format!("{size}, each byte as it was printed"),
        (false, None) => size,
    }
}

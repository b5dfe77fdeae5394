//! One line of the report: what was looked at, how it is, and what to do.

use crate::cli::term;
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use std::fmt::Display;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// As it should be: it was seen.
    Green,
    /// It is wrong.
    Red,
    /// It could not be seen, or only the user can judge it.
    Unknown,
}

impl State {
    /// The word for it in JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            State::Green => "green",
            State::Red => "red",
            State::Unknown => "unknown",
        }
    }

    fn shown(self) -> (&'static str, Style) {
        match self {
            State::Green => ("ok ", AnsiColor::Green.on_default()),
            State::Red => ("BAD", AnsiColor::Red.on_default().bold()),
            State::Unknown => (" ? ", AnsiColor::Yellow.on_default()),
        }
    }
}

/// A line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// What was looked at, in a word: programs can rely on it.
    pub(super) check: &'static str,
    pub(super) state: State,
    /// What was found.
    pub(super) said: String,
    /// What to do; empty when there is nothing to do.
    pub(super) advice: String,
}

impl Line {
    pub(super) fn green(check: &'static str, said: impl Display) -> Line {
        Line { check, state: State::Green, said: said.to_string(), advice: String::new() }
    }

    pub(super) fn red(check: &'static str, said: impl Display, advice: impl Display) -> Line {
        Line { check, state: State::Red, said: said.to_string(), advice: advice.to_string() }
    }

    pub(super) fn unknown(check: &'static str, said: impl Display, advice: impl Display) -> Line {
        Line { check, state: State::Unknown, said: said.to_string(), advice: advice.to_string() }
    }

    pub(super) fn json(&self) -> Value {
        json!({"check": self.check, "state": self.state.name(), "said": self.said,
               "do": (!self.advice.is_empty()).then_some(&self.advice)})
    }

    /// Prints it, within the terminal's width.
    pub(super) fn show(&self) {
        let (word, style) = self.state.shown();
        let mut said = folded(&self.said).into_iter();
        let first = said.next().unwrap_or_default();
        term::say(format_args!("{style}{word}{style:#} {:<NAME$} {first}", self.check));
        said.for_each(|more| term::say(format_args!("{:MARGIN$}{more}", "")));
        for (at, line) in folded(&self.advice).iter().enumerate().filter(|(_, line)| !line.is_empty()) {
            term::say(format_args!(
                "{:width$}{}{line}",
                "",
                if at == 0 { "→ " } else { "  " },
                width = MARGIN - 2
            ));
        }
    }
}

/// Columns of a check's name.
const NAME: usize = 10;
/// Columns before what is said.
const MARGIN: usize = 3 + 1 + NAME + 1;

/// A text in lines that fit beside the margin; whole in a pipe.
fn folded(text: &str) -> Vec<String> {
    let width = term::width().map_or(usize::MAX, |width| width.saturating_sub(MARGIN).max(20));
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is one");
        if !line.is_empty() && width < line.chars().count() + 1 + word.chars().count() {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

//! What can be learned of an agent's habits: edits, repeats, big outputs, originals asked back, full windows, corrections.
//!
//! Values and their sentences only; who notices them is in [`super::rules`]. *Invariant:* the literals in them passed
//! [`super::literal`] and stood in calls of the agent itself.

use super::settings::{Allow, Setting};

/// A habit that costs, and what it is about. Two occurrences of the same habit are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Habit {
    /// The old text of an edit was not in the file as the agent wrote it.
    Mismatch {
        /// Why.
        cause: Cause,
        /// Which files, as a pattern (`*.go`); empty: all.
        files: String,
    },
    /// The same call was made again and again with the same result.
    Loop {
        /// The command or the tool, as the agent wrote it.
        call: String,
        /// How each of them ended.
        each: Each,
    },
    /// A big file was read whole, again and again, while its text still stood in the history.
    BigFile {
        /// The file, in the project.
        path: String,
    },
    /// A command printed much, again and again.
    BigCommand {
        /// The command line.
        command: String,
    },
    /// The outputs of this are asked back when they were shortened.
    AskedBack {
        /// Which outputs, as `[rules]` of `config.toml` names them: `command:git log`.
        on: String,
    },
    /// A command prints much of the same shape each time, and works.
    Noisy {
        /// The command's first words, as the agent types them.
        command: String,
    },
    /// One source took more than a quarter of the window before the history was compacted.
    Fills {
        /// Which.
        source: Filler,
    },
    /// The person does not want a command to be run.
    Unwanted {
        /// Its first words.
        command: String,
    },
    /// The person wants another command than the one that was run; it was run then, and worked.
    Rather {
        /// First words of the one that was run.
        not: String,
        /// First words of the one that worked.
        instead: String,
    },
    /// The person does not want all tests to be run.
    WholeSuite {
        /// The command that ran them all.
        command: String,
    },
    /// The person stopped the agent, or corrected it in words that are not understood here. Shown, never written.
    Corrected {
        /// First words of what it was doing, or the tool's name.
        at: String,
    },
}

/// Why an edit did not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// The file is indented with tabs, the old text with spaces.
    TabsInFile,
    /// The file is indented with spaces, the old text with tabs.
    SpacesInFile,
    /// As deep a line stands elsewhere: only the depth of the indentation differs.
    Indentation,
    /// The line numbers that reading puts before each line were copied.
    LineNumbers,
    /// The file ends its lines with CRLF.
    LineEnds,
    /// White space at the ends of lines differs.
    TrailingSpace,
    /// Quotes, dashes or blanks of another alphabet.
    Typography,
    /// The agent's own earlier edit had changed it, and the file was not read again.
    EditedBefore,
    /// Something else changed the file after it was read.
    ChangedOutside,
    /// It stands in the file more than once.
    NotUnique,
    /// The file was not read before.
    NotRead,
    /// A text that headroom had shortened was copied, marker and all.
    Shortened,
}

/// How each call of a loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Each {
    /// It failed.
    Failed,
    /// It did what it was asked, and said the same.
    Worked,
    /// It read the same file, with the same text.
    Read,
}

/// What filled a window.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Filler {
    /// The outputs of a command: its first words.
    Command(String),
    /// Files that were read, with a tool or by a command.
    Files,
    /// What searches printed.
    Searches,
    /// The answers of another tool: its name.
    Tool(String),
    /// Files that the agent wrote out whole.
    Written,
}

/// How often something must have been seen before it becomes advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Occurrences.
    pub times: u32,
    /// Different sessions among them.
    pub sessions: u32,
}

impl Habit {
    /// How often it must have been seen; `None`: it is shown and never written.
    pub fn needs(&self) -> Option<Needs> {
        let needs = |times, sessions| Some(Needs { times, sessions });
        match self {
            Habit::Mismatch { .. } => needs(2, 1),
            Habit::Fills { .. } | Habit::Loop { .. } => needs(2, 1),
            Habit::BigFile { .. }
            | Habit::BigCommand { .. }
            | Habit::AskedBack { .. }
            | Habit::Noisy { .. }
            | Habit::Unwanted { .. }
            | Habit::Rather { .. }
            | Habit::WholeSuite { .. } => needs(2, 2),
            Habit::Corrected { .. } => None,
        }
    }

    /// The advice, as one line of a memory file; for a setting, what it does.
    pub fn sentence(&self) -> String {
        match self {
            Habit::Mismatch { cause, files } => cause.sentence(files),
            Habit::Loop { call, each: Each::Failed } => format!(
                "When `{call}` has failed twice in the same way, do not run it again before something has changed."
            ),
            Habit::Loop { call, each: Each::Worked } => {
                format!("Do not repeat `{call}` when nothing has changed: it gives the same result.")
            }
            Habit::Loop { call, each: Each::Read } => {
                format!("Do not read `{call}` again when nothing has changed: its text still stands above.")
            }
            Habit::BigFile { path } => {
                format!(
                    "`{path}` is large: search in it or read the lines you need, not the whole file again."
                )
            }
            Habit::BigCommand { command } => format!(
                "`{command}` prints a lot: ask for less (a range, a filter, fewer fields) before running it again."
            ),
            Habit::AskedBack { on } => {
                format!("Keep outputs of `{on}` whole: the agent asks for the originals in most cases.")
            }
            Habit::Noisy { command } => {
                format!("Shorten outputs of `{command}` more: they are big, alike, and the command works.")
            }
            Habit::Fills { source } => source.sentence(),
            Habit::Unwanted { command } => format!("Do not run `{command}` unless you are asked to."),
            Habit::Rather { not, instead } => format!("Use `{instead}`, not `{not}`."),
            Habit::WholeSuite { command } => format!(
                "Do not run all tests with `{command}` unless you are asked to: run those of what you changed."
            ),
            Habit::Corrected { at } => format!("The agent was stopped or corrected at `{at}`."),
        }
    }

    /// Every command, path or name in it.
    pub fn literals(&self) -> Vec<&str> {
        match self {
            Habit::Mismatch { files, .. } if files.is_empty() => Vec::new(),
            Habit::Mismatch { files, .. } => vec![files],
            Habit::Loop { call: one, .. }
            | Habit::BigFile { path: one }
            | Habit::BigCommand { command: one }
            | Habit::AskedBack { on: one }
            | Habit::Noisy { command: one }
            | Habit::Unwanted { command: one }
            | Habit::WholeSuite { command: one }
            | Habit::Corrected { at: one }
            | Habit::Fills { source: Filler::Command(one) | Filler::Tool(one) } => vec![one],
            Habit::Rather { not, instead } => vec![not, instead],
            Habit::Fills { .. } => Vec::new(),
        }
    }

    /// The path that must still be there for the advice to hold.
    pub fn path(&self) -> Option<&str> {
        match self {
            Habit::BigFile { path } => Some(path),
            _ => None,
        }
    }

    /// The program that must still be there for the advice to hold.
    pub fn program(&self) -> Option<&str> {
        match self {
            Habit::Rather { instead, .. } => instead.split(' ').next(),
            _ => None,
        }
    }

    /// The setting of headroom's own that carries it out; `None`: it is for the agent to read.
    pub fn setting(&self) -> Option<Setting> {
        match self {
            Habit::AskedBack { on } => Some(Setting { on: on.clone(), allow: Allow::Lossless }),
            Habit::Noisy { command } => {
                Some(Setting { on: format!("command:{command}"), allow: Allow::Aggressive })
            }
            _ => None,
        }
    }
}

impl Cause {
    fn sentence(self, files: &str) -> String {
        let of = if files.is_empty() { String::new() } else { format!(" of `{files}`") };
        let which = if files.is_empty() { "Files here".to_owned() } else { format!("Files `{files}`") };
        match self {
            Cause::TabsInFile => {
                format!("{which} are indented with tabs: copy them exactly into the old text of an edit.")
            }
            Cause::SpacesInFile => {
                format!("{which} are indented with spaces, not tabs: copy them exactly into the old text of an edit.")
            }
            Cause::Indentation => {
                format!("Copy the indentation{of} exactly into the old text of an edit.")
            }
            Cause::LineNumbers => {
                "Leave out the line numbers that reading a file shows from the old text of an edit.".to_owned()
            }
            Cause::LineEnds => {
                format!("{which} end their lines with CRLF: edits of several lines must match that.")
            }
            Cause::TrailingSpace => {
                format!("Some lines{of} end in white space: copy it exactly into the old text of an edit.")
            }
            Cause::Typography => {
                format!("Copy quotes, dashes and blanks{of} exactly into the old text of an edit: some are not ASCII.")
            }
            Cause::EditedBefore => {
                "Read the lines again before editing the same place a second time: an edit changes what can match."
                    .to_owned()
            }
            Cause::ChangedOutside => {
                "Read a file again right before editing it: files here are changed by others (a formatter, the user) \
                 after they were read."
                    .to_owned()
            }
            Cause::NotUnique => {
                "Give the old text of an edit enough lines around it to stand in the file only once.".to_owned()
            }
            Cause::NotRead => "Read a file before editing it.".to_owned(),
            Cause::Shortened => {
                "Get the original of a shortened text before editing by it: its markers do not stand in the file."
                    .to_owned()
            }
        }
    }
}

impl Filler {
    fn sentence(&self) -> String {
        match self {
            Filler::Command(command) => format!(
                "Outputs of `{command}` fill the context window: print less of them (one target, a filter, the last lines)."
            ),
            Filler::Files => {
                "Files read whole fill the context window: search first, then read the lines you need.".to_owned()
            }
            Filler::Searches => {
                "Search results fill the context window: narrow the pattern or the folder, or list file names only."
                    .to_owned()
            }
            Filler::Tool(tool) => format!(
                "Answers of `{tool}` fill the context window: ask it for less (a filter, fewer fields, one page)."
            ),
            Filler::Written => {
                "Files written out whole fill the context window: edit the lines that change.".to_owned()
            }
        }
    }
}

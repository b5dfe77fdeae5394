//! What the built-in provider answers, and in which way it fails.
//!
//! *Invariant:* a script sees the request and nothing else: the same requests
//! in the same order are answered alike.

pub use super::asked::{Asked, Wire};
use super::tools::{self, Wish};
use serde_json::Value;
use std::collections::VecDeque;
use std::time::Duration;

/// Decides what a request for a message is answered with.
pub type Script = Box<dyn FnMut(&Asked<'_>) -> Turn + Send>;

/// Answers with `turns` one after the other, whatever is asked; then with `done`.
pub fn in_order(turns: impl IntoIterator<Item = Turn>) -> Script {
    let mut left: VecDeque<Turn> = turns.into_iter().collect();
    Box::new(move |_| left.pop_front().unwrap_or_else(|| Turn::says("done")))
}

/// Answers a history that holds `n` words of the model with `turns[n]`; a request that offers no
/// tools (a title, a probe) and one past the end with `done`, or with what fits the schema it asks for.
///
/// Retries and side requests then don't disturb the script.
pub fn by_history(turns: impl IntoIterator<Item = Turn>) -> Script {
    let turns: Vec<Turn> = turns.into_iter().collect();
    Box::new(move |asked| {
        let turn = asked.offers_tools().then(|| turns.get(asked.turns()).cloned()).flatten();
        turn.unwrap_or_else(|| aside(asked))
    })
}

/// The answer to a request that no script is about: `done`, or JSON when a schema for it is given.
pub fn aside(asked: &Asked<'_>) -> Turn {
    match asked.answer_schema() {
        Some(schema) => Turn::says(&tools::sample(schema).to_string()),
        None => Turn::says("done"),
    }
}

/// One answer.
#[derive(Clone, Debug)]
pub struct Turn {
    /// What is said.
    pub answer: Answer,
    /// How long the model thinks before the first byte.
    pub wait: Duration,
    /// How a stream is cut into writes.
    pub pace: Pace,
    /// How it ends.
    pub ending: Ending,
    /// How the body is encoded.
    pub encoding: Encoding,
    /// Further headers.
    pub headers: Vec<(String, String)>,
}

/// What is said.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A message of these blocks; streamed when the client asked for a stream.
    Message(Vec<Piece>),
    /// An error in the provider's shape.
    Error {
        /// The HTTP status.
        status: u16,
        /// The error's type: `overloaded_error`, `rate_limit_exceeded`; where the provider has no such
        /// field (Gemini), the status decides.
        kind: String,
        /// Its message.
        message: String,
    },
    /// These bytes, head and all, and then the connection is closed.
    Bytes(Vec<u8>),
}

/// One block of an answer.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Text.
    Text(String),
    /// Thinking; signed for the exact history that stands before it.
    Thinking(String),
    /// A tool call.
    Call {
        /// The tool's name.
        tool: String,
        /// Its arguments; a text for a tool that takes one.
        input: Value,
    },
    /// A tool call that grants this wish, whichever tool of the agent's does; words when none can.
    Wish(Wish),
}

/// How a stream is cut into writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// All of it in one write.
    Whole,
    /// An event a write, with this pause after each.
    Events(Duration),
    /// So many bytes a write, with this pause after each, wherever that cuts.
    Chopped(usize, Duration),
}

/// How an answer ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Whole,
    /// The connection is reset before the first byte.
    ResetAtOnce,
    /// The connection is reset after so many bytes of the body.
    ResetAfter(usize),
    /// The connection is closed, as if all were well, after so many bytes of the body.
    CutAfter(usize),
    /// Nothing more comes after so many bytes of the body, until the client leaves.
    StallAfter(usize),
    /// As it should; then the connection is closed, although the client wants to keep it.
    Close,
    /// A stream's last event is an error of this type; no usage follows.
    ErrorEvent(String),
}

/// How an answer's body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Plain,
    /// gzip, flushed after every event.
    Gzip,
    /// zstd, flushed after every event.
    Zstd,
}

impl Turn {
    /// Says `text` and ends the turn.
    pub fn says(text: &str) -> Turn {
        Turn::of(Answer::Message(vec![Piece::Text(text.to_owned())]))
    }

    /// Calls one tool.
    pub fn calls(tool: &str, input: Value) -> Turn {
        Turn::of(Answer::Message(Vec::new())).and_calls(tool, input)
    }

    /// Runs a command line with whichever shell the agent offers.
    pub fn runs(command: &str) -> Turn {
        Turn::wishes(Wish::Run(command.to_owned()))
    }

    /// Calls whichever tool of the agent's grants this.
    pub fn wishes(wish: Wish) -> Turn {
        Turn::of(Answer::Message(Vec::new())).and(Piece::Wish(wish))
    }

    /// Fails with the provider's error shape.
    pub fn fails(status: u16, kind: &str, message: &str) -> Turn {
        Turn::of(Answer::Error { status, kind: kind.to_owned(), message: message.to_owned() })
    }

    /// Sends exactly these bytes, head and all.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Turn {
        Turn::of(Answer::Bytes(bytes.into()))
    }

    /// Says these blocks.
    pub fn of_pieces(pieces: impl IntoIterator<Item = Piece>) -> Turn {
        Turn::of(Answer::Message(pieces.into_iter().collect()))
    }

    fn of(answer: Answer) -> Turn {
        Turn {
            answer,
            wait: Duration::ZERO,
            pace: Pace::Events(Duration::ZERO),
            ending: Ending::Whole,
            encoding: Encoding::Plain,
            headers: Vec::new(),
        }
    }

    /// Says nothing: only what is added is part of the answer.
    pub fn without_words(mut self) -> Turn {
        if let Answer::Message(pieces) = &mut self.answer {
            pieces.clear();
        }
        self
    }

    /// One more block.
    pub fn and(mut self, piece: Piece) -> Turn {
        if let Answer::Message(pieces) = &mut self.answer {
            pieces.push(piece);
        }
        self
    }

    /// One more tool call in the same turn.
    pub fn and_calls(self, tool: &str, input: Value) -> Turn {
        self.and(Piece::Call { tool: tool.to_owned(), input })
    }

    /// Runs one more command line in the same turn.
    pub fn and_runs(self, command: &str) -> Turn {
        self.and(Piece::Wish(Wish::Run(command.to_owned())))
    }

    /// Thinks first.
    pub fn thinking_first(mut self, thought: &str) -> Turn {
        if let Answer::Message(pieces) = &mut self.answer {
            pieces.insert(0, Piece::Thinking(thought.to_owned()));
        }
        self
    }

    /// Waits before the first byte.
    pub fn after(mut self, wait: Duration) -> Turn {
        self.wait = wait;
        self
    }

    /// Cuts the stream in this way.
    pub fn at_pace(mut self, pace: Pace) -> Turn {
        self.pace = pace;
        self
    }

    /// Ends in this way.
    pub fn ending(mut self, ending: Ending) -> Turn {
        self.ending = ending;
        self
    }

    /// Encodes the body.
    pub fn encoded(mut self, encoding: Encoding) -> Turn {
        self.encoding = encoding;
        self
    }

    /// Sends one more header.
    pub fn with_header(mut self, name: &str, value: &str) -> Turn {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

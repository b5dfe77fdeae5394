//! An original, or the part of it that a line range, a query or a row filter asks for.
//!
//! Looks only at the text. *Invariant:* a whole original is given as it is, byte for
//! byte; lines and rows that are given are the original's own, letter for letter.
//! Every part costs time that grows with the text, not faster.

pub mod lines;
pub mod page;
pub mod query;
pub mod rows;
mod table;
pub mod tool;

use std::borrow::Cow;

/// What is wanted of an original.
#[derive(Clone, Debug)]
pub enum Part {
    /// All of it.
    Whole,
    /// Some lines.
    Lines(lines::Ranges),
    /// What fits these words best; between slashes, the lines that a regular expression matches.
    Query(String),
    /// Rows of a table, as an expression asks for them; see [`rows`].
    Rows(rows::Pipeline),
}

/// Why there is nothing to give.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// The range can't be read.
    #[error("`{0}` is no line range; write `10-20`, `10-`, `10`, or several: `10-20,40`")]
    Range(String),
    /// The original ends before the range.
    #[error("the original has {}, so there is no line {wanted}", crate::text::counted(*.lines, "line"))]
    Beyond {
        /// First line that was asked for.
        wanted: usize,
        /// Lines that there are.
        lines: usize,
    },
    /// Nothing has any of the words.
    #[error("no part of the original has any word of `{0}`")]
    NoMatch(String),
    /// No line is matched.
    #[error("no line of the original matches {0}")]
    NoLine(String),
    /// The expression can't be read.
    #[error("`{expression}` can't be read: {why}")]
    Expression {
        /// What was given.
        expression: String,
        /// What is wrong with it.
        why: String,
    },
    /// The original is no table.
    #[error(
        "the original has no rows: it is neither JSON with an array, nor JSON lines, nor CSV or another table with a header; try `lines` or `query`"
    )]
    NoRows,
    /// There is no such column.
    #[error("no row has a column `{wanted}`; there are: {}", .there.join(", "))]
    NoColumn {
        /// What was asked for.
        wanted: String,
        /// Columns of the first rows.
        there: Vec<String>,
    },
}

impl PartError {
    /// True when what was asked can't be read, as against: was not found.
    pub fn is_misspelt(&self) -> bool {
        matches!(self, PartError::Range(_) | PartError::Expression { .. })
    }
}

/// The part of `text` that is wanted.
///
/// # Errors
/// [`PartError`], when there is no such part.
pub fn part<'a>(text: &'a str, part: &Part) -> Result<Cow<'a, str>, PartError> {
    match part {
        Part::Whole => Ok(Cow::Borrowed(text)),
        Part::Lines(range) => lines::of(text, range),
        Part::Query(words) => query::best(text, words).map(Cow::Owned),
        Part::Rows(pipeline) => rows::run(text, pipeline).map(Cow::Owned),
    }
}

impl Part {
    /// Reads what was asked for, of which at most one may be given.
    ///
    /// # Errors
    /// [`PartError`] for a range or an expression that can't be read.
    pub fn parse(lines: Option<&str>, query: Option<&str>, rows: Option<&str>) -> Result<Part, PartError> {
        match (lines, query, rows) {
            (Some(range), _, _) => lines::Ranges::parse(range).map(Part::Lines),
            (_, Some(query), _) => Ok(Part::Query(query.to_owned())),
            (_, _, Some(rows)) => rows::Pipeline::parse(rows).map(Part::Rows),
            (None, None, None) => Ok(Part::Whole),
        }
    }
}

//! What is left out of a tape, and where.
//!
//! Only data: who decides is `rows` and `fold`, who writes is `plain` and
//! `table`. *Invariant:* what stands at a cut is a marker, so that a reader
//! sees each gap at its place.

use super::tape::At;
use std::collections::HashMap;
use std::ops::Range;

/// One thing left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The values from here up to `until`: items of an array, members of an object, or one value.
    Gap {
        /// The first place that is there again.
        until: At,
        /// How much of what, in the source's words: no control character.
        what: String,
    },
    /// Parts of one string.
    Text(Vec<Piece>),
}

/// A part of a string that was shortened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// These bytes of what the string says.
    Kept(Range<usize>),
    /// What the compressor of the string's own kind made of it, or a part of that.
    Made(String),
    /// What was left out here.
    Gap(String),
}

/// Everything left out of one tape.
#[derive(Debug, Default)]
pub struct Cuts {
    cuts: HashMap<u32, Cut>,
    notes: HashMap<u32, String>,
    said: usize,
}

impl Cuts {
    /// Nothing left out.
    pub fn none() -> Cuts {
        Cuts::default()
    }

    /// True when nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.cuts.is_empty()
    }

    /// Leaves something out at `at`.
    pub fn cut(&mut self, at: At, cut: Cut) {
        if let Cut::Gap { what, .. } = &cut {
            self.said += what.len();
        }
        self.cuts.insert(at.0, cut);
    }

    /// Bytes that are said about what is left out.
    pub fn said(&self) -> usize {
        self.said
    }

    /// What is left out at `at`.
    pub fn at(&self, at: At) -> Option<&Cut> {
        if self.cuts.is_empty() { None } else { self.cuts.get(&at.0) }
    }

    /// Says something about the whole of the table at `at`.
    pub fn note(&mut self, at: At, note: String) {
        self.said += note.len();
        self.notes.insert(at.0, note);
    }

    /// What is to be said about the whole of the table at `at`.
    pub fn note_on(&self, at: At) -> Option<&str> {
        self.notes.get(&at.0).map(String::as_str)
    }
}

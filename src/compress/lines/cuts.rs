//! The tokens of all lines of a text, kept in little room: a text is cut once.

use super::token::{Class, Token};

/// Where a token stands in its line, and what it is: eight bytes.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    start: u32,
    /// One past the last byte, and above [`PLACE`] the class.
    end: u32,
}

/// Bits of a place in a line; those above hold the class.
const PLACE: u32 = 28;

/// A line is cut up to this many bytes: what follows has no tokens.
const LONGEST: u32 = (1 << PLACE) - 1;

const CLASSES: [Class; 6] = [Class::Word, Class::Number, Class::Time, Class::Id, Class::Mixed, Class::Rest];

impl Cut {
    /// First byte in the line.
    pub fn start(self) -> usize {
        self.start as usize
    }

    /// One past the last byte.
    pub fn end(self) -> usize {
        (self.end & LONGEST) as usize
    }

    /// What it is.
    pub fn class(self) -> Class {
        CLASSES.get((self.end >> PLACE) as usize).copied().unwrap_or(Class::Rest)
    }

    /// The token's text in its line.
    pub fn of(self, line: &str) -> &str {
        &line[self.start()..self.end()]
    }
}

impl From<&Token> for Cut {
    fn from(token: &Token) -> Cut {
        Cut { start: token.start.min(LONGEST), end: token.end.min(LONGEST) | (token.class as u32) << PLACE }
    }
}

/// The tokens of all lines.
#[derive(Debug, Default)]
pub struct Cuts {
    /// Where the tokens of each line end in `cuts`.
    ends: Vec<u32>,
    cuts: Vec<Cut>,
}

impl Cuts {
    /// Room for so many lines.
    pub fn with_room(lines: usize) -> Cuts {
        Cuts { ends: Vec::with_capacity(lines), cuts: Vec::with_capacity(lines.min(1 << 20) * 8) }
    }

    /// Adds the tokens of the next line.
    pub fn push(&mut self, tokens: &[Token]) {
        self.cuts.extend(tokens.iter().map(Cut::from));
        self.ends.push(self.cuts.len() as u32);
    }

    /// The tokens of a line.
    pub fn of(&self, line: usize) -> &[Cut] {
        let start = if line == 0 { 0 } else { self.ends[line - 1] as usize };
        &self.cuts[start..self.ends[line] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::super::token;
    use super::*;

    #[test]
    fn a_cut_is_its_token_in_little_room() {
        assert_eq!(size_of::<Cut>(), 8);
        let line = "10:00:00 GET /items/42 by 10.0.0.1 in 7 ms";
        let mut tokens = Vec::new();
        let mut cuts = Cuts::default();
        for part in [line, "", "x"] {
            token::cut(part, &mut tokens);
            cuts.push(&tokens);
        }
        token::cut(line, &mut tokens);
        let told: Vec<(&str, Class)> = cuts.of(0).iter().map(|cut| (cut.of(line), cut.class())).collect();
        let want: Vec<(&str, Class)> = tokens.iter().map(|token| (token.of(line), token.class)).collect();
        assert_eq!(told, want);
        assert_eq!((cuts.of(1).len(), cuts.of(2).len()), (0, 1));
    }
}

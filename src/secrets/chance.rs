//! Whether a run of characters was drawn by chance or written by a person.
//!
//! *Invariant:* looks at what it is given once.

/// The letter pairs that make up nine tenths of English words and of the names in programs: for each first letter, those that
/// follow it.
const PAIRS: [&str; 26] = [
    "bcdglmnprstuvy",
    "aeiloruyb",
    "aehiklortuc",
    "aeiorsdu",
    "acdefglmnprstvxy",
    "aefiloru",
    "aehiloru",
    "aeiort",
    "cdefglmnoprstvz",
    "ao",
    "ei",
    "aeilostuyd",
    "aeiomptbu",
    "acdefgiostukn",
    "bcdfgklmnoprstuvw",
    "aehiloprtsu",
    "u",
    "acdegiklmnorstuvy",
    "aceghikloprstuqy",
    "aehiorstuycl",
    "bceilmnprstag",
    "aeio",
    "aehior",
    "pti",
    "pse",
    "eaio",
];

/// The same as bits.
const COMMON: [u32; 26] = bits();

const fn bits() -> [u32; 26] {
    let mut table = [0_u32; 26];
    let mut first = 0;
    while first < 26 {
        let seconds = PAIRS[first].as_bytes();
        let mut at = 0;
        while at < seconds.len() {
            table[first] |= 1 << (seconds[at] - b'a');
            at += 1;
        }
        first += 1;
    }
    table
}

/// What a run of characters is made of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Looks {
    /// Characters.
    pub length: usize,
    /// Lower-case letters.
    pub lower: usize,
    /// Upper-case letters.
    pub upper: usize,
    /// Digits.
    pub digits: usize,
    /// What is neither letter nor digit.
    pub signs: usize,
    /// Hexadecimal digits.
    pub hex: usize,
    /// How many of the byte values appear.
    pub distinct: usize,
    /// Places where another sort of character begins; a word's capital is none.
    pub turns: usize,
    /// Pairs of letters.
    pub pairs: usize,
    /// Those that words are made of.
    pub wordy: usize,
}

/// Looks at `run`.
pub(super) fn looks(run: &[u8]) -> Looks {
    let mut looks = Looks { length: run.len(), ..Looks::default() };
    let mut seen = [false; 256];
    let mut last: Option<u8> = None;
    for &byte in run {
        if let Some(seen) = seen.get_mut(usize::from(byte)) {
            looks.distinct += usize::from(!*seen);
            *seen = true;
        }
        looks.hex += usize::from(byte.is_ascii_hexdigit());
        match sort(byte) {
            0 => looks.lower += 1,
            1 => looks.upper += 1,
            2 => looks.digits += 1,
            _ => looks.signs += 1,
        }
        if let Some(last) = last {
            let (from, to) = (sort(last), sort(byte));
            looks.turns += usize::from(from != to && !(from == 1 && to == 0));
            if from < 2 && to < 2 && (from == to || from == 1) {
                looks.pairs += 1;
                looks.wordy += usize::from(common(last, byte));
            }
        }
        last = Some(byte);
    }
    looks
}

fn sort(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    }
}

fn common(first: u8, second: u8) -> bool {
    let row = usize::from(first.to_ascii_lowercase().wrapping_sub(b'a'));
    let column = u32::from(second.to_ascii_lowercase().wrapping_sub(b'a'));
    COMMON.get(row).is_some_and(|bits| column < 26 && bits & (1 << column) != 0)
}

impl Looks {
    /// True when most of its letters stand as they do in words.
    pub(super) fn wordy(&self) -> bool {
        self.pairs >= 3 && self.wordy * 20 >= self.pairs * 13
    }

    /// True when it was drawn by chance, as a key is.
    pub(super) fn random(&self) -> bool {
        let letters = self.lower + self.upper;
        if self.length < 8
            || self.distinct < 6
            || self.distinct * 10 < self.length.min(32) * 3
            || letters == 0
        {
            return false;
        }
        let mixed = self.digits > 0 && self.turns * 20 >= self.length * 7;
        let dense = self.digits * 5 >= self.length && self.digits + letters >= 16 && self.turns >= 5;
        let digest =
            self.length >= 16 && self.hex == self.length && self.digits * 4 >= self.length && letters >= 3;
        mixed
            || digest
            || (dense && !self.wordy())
            || (self.pairs >= 7 && !self.wordy() && (self.digits > 0 || self.length >= 16))
    }

    /// True when a person, or chance, may have made it up as a password: not a plain word, name or number.
    pub(super) fn password(&self) -> bool {
        let letters = self.lower + self.upper;
        self.length >= 6
            && self.distinct >= 4
            && (self.random()
                || (letters > 0 && self.digits > 0)
                || (letters > 0 && self.signs > 0 && !self.wordy()))
    }
}

/// What stands where a secret would, and is none.
const PLACEHOLDERS: [&str; 36] = [
    "x:",
    "----",
    "____",
    "12345678901234",
    "abcdefghijk",
    "example",
    "changeme",
    "change_me",
    "change-me",
    "placeholder",
    "replace",
    "insert",
    "your_",
    "your-",
    "your.",
    "yourt",
    "yourp",
    "yours",
    "yourk",
    "youra",
    "my_",
    "my-secret",
    "todo",
    "fixme",
    "dummy",
    "redacted",
    "undefined",
    "null",
    "none",
    "true",
    "false",
    "process.env",
    "os.environ",
    "env.",
    "secrets.",
    "config.",
];

/// True for what only shows where a secret would stand: `<token>`, `${TOKEN}`, `xxxx`, `your-key-here`.
pub(super) fn placeholder(value: &[u8]) -> bool {
    let Some(first) = value.first() else { return true };
    if matches!(first, b'<' | b'{' | b'[' | b'(' | b'%' | b'*')
        || value.windows(2).any(|two| matches!(two, b"${" | b"{{" | b"$(" | b"<%" | b"#{"))
    {
        return true;
    }
    if *first == b'$'
        && value.get(1).is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
        && value.iter().skip(1).all(|b| b.is_ascii_alphanumeric() || *b == b'_')
    {
        return true;
    }
    let head = value.get(..value.len().min(64)).unwrap_or_default().to_ascii_lowercase();
    PLACEHOLDERS.iter().any(|word| head.starts_with(word.as_bytes()))
        || head.windows(4).any(|four| matches!(four, b"xxxx" | b"****" | b"...."))
}

//! One column of numbers: its range, and the lines whose number lies far from the others.

use std::ops::Range;

/// Numbers that the middle of a column is estimated from.
const SAMPLE: usize = 512;
/// Lines of extreme values that are looked at on each side.
const EXTREMES: usize = 3;
/// A number this many robust deviations from the middle is an outlier.
const OUTLYING: f64 = 8.0;

/// The numbers seen so far, in bounded room.
pub struct Numbers<'a> {
    /// What stands before each number in its token.
    pub before_it: &'a str,
    /// What stands after it.
    pub after_it: &'a str,
    lowest: Vec<(f64, u32, &'a str)>,
    highest: Vec<(f64, u32, &'a str)>,
    sample: Vec<f64>,
    stride: usize,
    rising: bool,
    before: f64,
}

/// The last number in a token, and where its text is; `None` when there is none that a float tells apart.
pub fn last_number(text: &str) -> Option<(f64, Range<usize>)> {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[..from].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let end = bytes.iter().rposition(u8::is_ascii_digit)? + 1;
    let mut start = end - digits(end);
    // `3.14`, but not the last part of `1.2.3`.
    if 1 < start && bytes[start - 1] == b'.' {
        let whole = start - 1 - digits(start - 1);
        if whole < start - 1 && (whole == 0 || bytes[whole - 1] != b'.') {
            start = whole;
        }
    }
    start -= usize::from(start == 1 && bytes[0] == b'-');
    let range = start..end;
    if 15 < range.len() { None } else { Some((value_of(&bytes[range.clone()]), range)) }
}

/// The value of `-12.5`: a sign, digits, perhaps a point among them.
fn value_of(number: &[u8]) -> f64 {
    let (digits, sign) = number.strip_prefix(b"-").map_or((number, 1.0), |digits| (digits, -1.0));
    let (mut whole, mut scale, mut fraction) = (0_u64, 1_u64, false);
    for byte in digits {
        match byte {
            b'.' => fraction = true,
            _ => {
                whole = whole * 10 + u64::from(byte - b'0');
                scale *= if fraction { 10 } else { 1 };
            }
        }
    }
    sign * whole as f64 / scale as f64
}

impl<'a> Numbers<'a> {
    /// The numbers that stand where the one at `at` of the token `first` stands.
    pub fn new(first: &'a str, at: Range<usize>) -> Numbers<'a> {
        Numbers {
            before_it: &first[..at.start],
            after_it: &first[at.end..],
            lowest: Vec::new(),
            highest: Vec::new(),
            sample: Vec::new(),
            stride: 1,
            rising: true,
            before: f64::NEG_INFINITY,
        }
    }

    /// Adds a number.
    pub fn see(&mut self, value: f64, digits: &'a str, line: u32, order: usize) {
        self.rising &= self.before <= value;
        self.before = value;
        keep_extreme(&mut self.highest, (value, line, digits), |new, old| old < new);
        keep_extreme(&mut self.lowest, (value, line, digits), |new, old| new < old);
        if order.is_multiple_of(self.stride) {
            self.sample.push(value);
            if self.sample.len() == SAMPLE {
                let mut order = 0_usize;
                self.sample.retain(|_| {
                    order += 1;
                    order % 2 == 1
                });
                self.stride *= 2;
            }
        }
    }

    /// The lowest and the highest, as they are written.
    pub fn range(&self) -> Option<(&'a str, &'a str)> {
        Some((self.lowest.first()?.2, self.highest.first()?.2))
    }

    /// Lines whose number lies far from the others. A counter or a clock has none.
    pub fn outliers(&self) -> Vec<u32> {
        if self.rising {
            return Vec::new();
        }
        let middle = median(self.sample.clone());
        let spread = median(self.sample.iter().map(|value| (value - middle).abs()).collect());
        let reach = OUTLYING * (1.4826 * spread).max(middle.abs() * 0.05).max(f64::MIN_POSITIVE);
        let far = |extreme: &&(f64, u32, &str)| reach < (extreme.0 - middle).abs();
        self.highest
            .iter()
            .filter(far)
            .chain(self.lowest.iter().filter(far))
            .map(|&(_, line, _)| line)
            .collect()
    }
}

/// Keeps the `EXTREMES` most extreme values, most extreme first; of equals the first seen.
fn keep_extreme<'a>(
    kept: &mut Vec<(f64, u32, &'a str)>,
    new: (f64, u32, &'a str),
    beats: impl Fn(f64, f64) -> bool,
) {
    if kept.len() == EXTREMES && kept.last().is_some_and(|old| !beats(new.0, old.0)) {
        return;
    }
    let at = kept.iter().position(|old| beats(new.0, old.0)).unwrap_or(kept.len());
    kept.insert(at, new);
    kept.truncate(EXTREMES);
}

fn median(mut values: Vec<f64>) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

//! Names that count up: `img_0001.png` to `img_0456.png`.
//!
//! A name that is missing in between ends a series, so that the gap shows.

/// What stands between the first and the last name of a series.
pub const TO: &str = "..";
/// A series has so many names or more.
pub const LEAST: usize = 4;
/// Digits of a number that counts up.
const DIGITS: usize = 9;

/// A name, cut round one of its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Numbered<'a> {
    before: &'a str,
    digits: &'a str,
    after: &'a str,
}

impl Numbered<'_> {
    /// The next number as it would be printed: of the same width when that is padded.
    fn is_next(&self, next: &Numbered<'_>) -> bool {
        let (Ok(this), Ok(that)) = (self.digits.parse::<u32>(), next.digits.parse::<u32>()) else {
            return false;
        };
        self.before == next.before
            && self.after == next.after
            && this + 1 == that
            && padded(that, self.digits.len()) == next.digits
    }
}

fn padded(number: u32, width: usize) -> String {
    format!("{number:0width$}")
}

/// `name` cut round the last number in it.
fn cut(name: &str) -> Option<Numbered<'_>> {
    let bytes = name.as_bytes();
    let end = bytes.iter().rposition(u8::is_ascii_digit)? + 1;
    let start = bytes[..end].iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |at| at + 1);
    (end - start <= DIGITS).then(|| Numbered {
        before: &name[..start],
        digits: &name[start..end],
        after: &name[end..],
    })
}

/// How many of `names` from the first on count up: 1 when there is no series.
pub fn run(names: &[&str]) -> usize {
    let Some(mut last) = names.first().and_then(|name| cut(name)) else { return 1 };
    let mut length = 1;
    for name in &names[1..] {
        match cut(name) {
            Some(next) if last.is_next(&next) => last = next,
            _ => break,
        }
        length += 1;
    }
    if length < LEAST { 1 } else { length }
}

/// The names that `first..last` stands for, unless it is no series of `most` names or fewer.
pub fn names(told: &str, most: usize) -> Option<Vec<String>> {
    let (first, last) = told.split_once(TO)?;
    let (from, to) = (cut(first)?, cut(last)?);
    let (start, end) = (from.digits.parse::<u32>().ok()?, to.digits.parse::<u32>().ok()?);
    let length = (end.checked_sub(start)? as usize).checked_add(1)?;
    if from.before != to.before || from.after != to.after || length < LEAST || most < length {
        return None;
    }
    let width = from.digits.len();
    if padded(end, width) != to.digits || padded(start, width) != from.digits {
        return None;
    }
    Some(
        (start..=end)
            .map(|number| format!("{}{}{}", from.before, padded(number, width), from.after))
            .collect(),
    )
}

/// Writes names with a blank before each but the first; series by their first and last.
pub fn write(names: &[&str], into: &mut String) {
    let mut at = 0;
    while at < names.len() {
        if 0 < at {
            into.push(' ');
        }
        let length = run(&names[at..]);
        into.push_str(names[at]);
        if 1 < length {
            into.push_str(TO);
            into.push_str(names[at + length - 1]);
        }
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_number_ends_a_series() {
        let all: Vec<String> =
            (1..20).filter(|number| *number != 12).map(|number| format!("img_{number:04}.png")).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let mut told = String::new();
        write(&all, &mut told);
        assert_eq!(told, "img_0001.png..img_0011.png img_0013.png..img_0019.png");
        let back: Vec<String> =
            told.split(' ').flat_map(|told| names(told, 100).expect("a series")).collect();
        assert_eq!(back, all);
    }

    #[test]
    fn what_is_no_series_is_not_taken_for_one() {
        for told in
            ["a..b", "a1..a3", "a1..b9", "a9..a1", "a1..a999999999", "..", "a1.", "a01..a9", "a1..a09"]
        {
            assert_eq!(names(told, 1_000), None, "{told}");
        }
        assert_eq!(names("a8..a11", 10).map(|all| all.join(" ")).as_deref(), Some("a8 a9 a10 a11"));
        assert_eq!(run(&["a1", "a2", "a3", "b"]), 1);
    }
}

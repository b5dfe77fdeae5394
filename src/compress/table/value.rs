//! What one cell says: nothing, a number, a time, or words.

/// A cell, looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// True when it says that there is nothing.
    pub nothing: bool,
    /// What can be ordered: a number without its unit, or a time in seconds.
    pub number: Option<f64>,
    /// True when `number` is a time.
    pub time: bool,
}

/// Words for nothing.
const NOTHING: &[&str] = &[
    "",
    "NULL",
    "null",
    "Null",
    "\\N",
    "None",
    "none",
    "nil",
    "NaN",
    "nan",
    "N/A",
    "n/a",
    "NA",
    "-",
    "--",
    "<NA>",
    "NaT",
    "(null)",
    "<null>",
    "[NULL]",
    "?",
    "undefined",
];

/// Signs of money before a number.
const MONEY: &[&str] = &["$", "€", "£", "¥", "US$", "EUR ", "USD "];

/// Looks at `cell`, which has no blanks around it.
pub fn of(cell: &str) -> Value {
    let bytes = cell.as_bytes();
    if bytes.len() <= 9 && NOTHING.contains(&cell) {
        return Value { nothing: true, number: None, time: false };
    }
    match bytes.first() {
        Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'$' | b'U' | b'E' | b'(' | 0x80..) => {}
        _ => return Value { nothing: false, number: None, time: false },
    }
    if let Some(seconds) = time(bytes) {
        return Value { nothing: false, number: Some(seconds), time: true };
    }
    Value { nothing: false, number: number(cell), time: false }
}

/// `-1,234.5`, `$12`, `40 %`, `12ms`: the number alone.
fn number(cell: &str) -> Option<f64> {
    let mut rest = cell;
    let mut sign = 1.0;
    if let Some(after) = rest.strip_prefix('-') {
        sign = -1.0;
        rest = after;
    } else if let Some(after) = rest.strip_prefix('+') {
        rest = after;
    }
    if !rest.starts_with(|each: char| each.is_ascii_digit() || each == '.') {
        rest = MONEY.iter().find_map(|money| rest.strip_prefix(money))?;
    }
    let bytes = rest.as_bytes();
    let (mut whole, mut scale, mut digits) = (0.0_f64, 1.0_f64, 0);
    let mut point = false;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            byte @ b'0'..=b'9' => {
                whole = whole * 10.0 + f64::from(byte - b'0');
                scale *= if point { 10.0 } else { 1.0 };
                digits += 1;
            }
            b'.' if !point => point = true,
            b',' if !point
                && bytes.len() >= at + 4
                && bytes[at + 1..at + 4].iter().all(u8::is_ascii_digit) => {}
            b'_' if !point => {}
            _ => break,
        }
        at += 1;
    }
    if digits == 0 || 18 < digits {
        return None;
    }
    let mut value = sign * whole / scale;
    let tail = &bytes[at..];
    if let [b'e' | b'E', exponent @ ..] = tail {
        let exponent: i32 = std::str::from_utf8(exponent).ok()?.parse().ok()?;
        value *= 10_f64.powi(exponent.clamp(-300, 300));
        return Some(value);
    }
    let unit = tail.strip_prefix(b" ").unwrap_or(tail);
    (unit.len() <= 4 && unit.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'%' || 0x80 <= *byte))
        .then_some(value)
}

/// `2024-05-03`, with a clock and a zone or without: seconds since 1970, as if in UTC.
fn time(bytes: &[u8]) -> Option<f64> {
    let number = |from: usize, count: usize| -> Option<i64> {
        let part = bytes.get(from..from + count)?;
        part.iter()
            .try_fold(0_i64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let dash = bytes.get(4).copied().filter(|byte| matches!(byte, b'-' | b'/'))?;
    if bytes.get(7) != Some(&dash) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let clock = match bytes.get(10) {
        None => 0.0,
        Some(b'T' | b' ') => {
            let (hour, minute) = (number(11, 2)?, number(14, 2)?);
            let second = number(17, 2).unwrap_or(0);
            let parts = if bytes.get(19) == Some(&b'.') { number(20, 3).unwrap_or(0) } else { 0 };
            (hour * 3_600 + minute * 60 + second) as f64 + parts as f64 / 1_000.0
        }
        Some(_) => return None,
    };
    // Days since 1970 of a date in the Gregorian calendar, counted in years that begin in March.
    let years = if month <= 2 { year - 1 } else { year };
    let era = years.div_euclid(400);
    let of_era = years - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(days as f64 * 86_400.0 + clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_says_a_number_a_time_words_or_nothing() {
        let cases = [
            ("12", Some(12.0)),
            ("-3.5", Some(-3.5)),
            ("1,234.50", Some(1234.5)),
            ("$9.99", Some(9.99)),
            ("40 %", Some(40.0)),
            ("12ms", Some(12.0)),
            ("1e3", Some(1000.0)),
            ("1.2.3", None),
            ("10.0.0.1", None),
            ("1970-01-02", Some(86_400.0)),
            ("2000-03-01T00:00:01Z", Some(951_868_801.0)),
            ("2024-13-01", None),
            ("abc", None),
            ("3fa9c1", None),
        ];
        for (cell, want) in cases {
            assert_eq!(of(cell).number, want, "{cell}");
        }
        assert!(of("NULL").nothing && of("").nothing && !of("0").nothing);
    }
}

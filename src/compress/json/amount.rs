//! What a literal measures: numbers with a unit, versions, points in time.
//!
//! Only to compare values with one another: what is said about them is how
//! they are spelled.

/// What a unit is worth, in the smallest of its kind.
const UNITS: &[(&str, f64)] = &[
    ("", 1.0),
    ("%", 1.0),
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("sec", 1.0),
    ("m", 60.0),
    ("min", 60.0),
    ("h", 3_600.0),
    ("d", 86_400.0),
    ("b", 1.0),
    ("kb", 1e3),
    ("mb", 1e6),
    ("gb", 1e9),
    ("tb", 1e12),
    ("kib", 1024.0),
    ("mib", 1_048_576.0),
    ("gib", 1_073_741_824.0),
    ("tib", 1_099_511_627_776.0),
    ("k", 1e3),
    ("ki", 1024.0),
    ("mi", 1_048_576.0),
    ("gi", 1_073_741_824.0),
    ("ti", 1_099_511_627_776.0),
    ("g", 1e9),
    ("t", 1e12),
];

/// Longest literal that is read, in bytes.
const LONGEST: usize = 40;

/// Digits that a fraction of a second, or a part of a version, has at most.
const DIGITS: usize = 9;

/// A number with or without a unit, or a version of at least three parts; `None` for anything else.
pub fn read(said: &str) -> Option<f64> {
    if LONGEST < said.len() || !said.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    version(said).or_else(|| measured(said))
}

/// `512Mi`, `1.5 s`, `-3.2%`, `€12`: one number, one unit.
fn measured(said: &str) -> Option<f64> {
    let said = said.trim_start_matches(['$', '€', '£']);
    let end = said
        .char_indices()
        .find(|(at, char)| !(char.is_ascii_digit() || *char == '.' || *at == 0 && matches!(char, '-' | '+')))
        .map_or(said.len(), |(at, _)| at);
    let number: f64 = said[..end].parse().ok()?;
    let unit = said[end..].trim_start();
    let worth = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, worth)| *worth)?;
    number.is_finite().then_some(number * worth)
}

/// `1.89.0`, `v2.14.0-rc1`: its parts, the first weighing most.
fn version(said: &str) -> Option<f64> {
    let said = said.trim_start_matches(['v', 'V', '^', '~', '=']);
    let mut parts = said.splitn(4, '.');
    let mut value = 0.0;
    for place in 0..3 {
        let part = parts.next()?;
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let whole = digits == part.len()
            || place == 2 && part.as_bytes().get(digits).is_some_and(|byte| matches!(byte, b'-' | b'+'));
        if digits == 0 || DIGITS < digits || !whole {
            return None;
        }
        value = value * 1e5 + part[..digits].parse::<f64>().ok()?;
    }
    // Four parts of up to three digits are an address.
    parts.next().is_none().then_some(value)
}

/// Seconds since the year 0 of `2026-03-11T10:00:00.5Z` and the like (the zone is not looked at).
pub fn seconds(said: &str) -> Option<f64> {
    let bytes = said.as_bytes();
    let number = |from: usize, to: usize| {
        let part = said.get(from..to)?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<i64>().ok())?
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let apart = |at: usize, signs: &[u8]| bytes.get(at).is_some_and(|byte| signs.contains(byte));
    if !apart(4, b"-/") || !apart(7, b"-/") || !(1..=12).contains(&month) {
        return None;
    }
    // Days since 0000-03-01, by the length of the months from March on.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (month * 153 + 2) / 5
        + day;
    let mut seconds = days as f64 * 86_400.0;
    if apart(10, b"T ") {
        seconds += (number(11, 13)? * 3_600 + number(14, 16)? * 60) as f64;
        if apart(16, b":") {
            seconds += number(17, 19)? as f64;
        }
        if apart(19, b".,") {
            let digits = bytes[20..].iter().take_while(|byte| byte.is_ascii_digit()).count().min(DIGITS);
            seconds += format!("0.{}", said.get(20..20 + digits)?).parse::<f64>().ok()?;
        }
    }
    Some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_unit_counts() {
        let cases = [
            ("512Mi", Some(536_870_912.0)),
            ("64Mi", Some(67_108_864.0)),
            ("1.5 s", Some(1.5)),
            ("250ms", Some(0.25)),
            ("-3%", Some(-3.0)),
            ("$12.50", Some(12.5)),
            ("12 apples", None),
            ("10.0.0.1", None),
            ("", None),
            ("abc", None),
        ];
        for (said, want) in cases {
            assert_eq!(read(said), want, "{said}");
        }
    }

    #[test]
    fn a_later_version_is_more() {
        let rising = ["0.9.12", "1.2.3", "1.89.0", "v2.14.0-rc1", "10.0.0"];
        assert!(rising.windows(2).all(|pair| read(pair[0]) < read(pair[1])));
    }

    #[test]
    fn a_later_time_is_more() {
        let rising =
            ["1999-12-31", "2024-02-29T23:59:59Z", "2024-03-01 00:00:00.250", "2024-03-01T00:00:01.5+02:00"];
        assert!(rising.windows(2).all(|pair| seconds(pair[0]) < seconds(pair[1])));
        let step = |a: &str, b: &str| seconds(b).unwrap() - seconds(a).unwrap();
        assert_eq!(step("2024-02-28T23:59:30Z", "2024-02-29T00:00:00Z"), 30.0);
        assert_eq!(step("2023-12-31T23:59:59Z", "2024-01-01T00:00:01Z"), 2.0);
        assert_eq!(seconds("2024-03-xx"), None);
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(said in any::<String>(), time in "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]?[0-9:.,é]{0,12}") {
            let _ = (read(&said), seconds(&said), read(&time), seconds(&time));
        }
    }
}

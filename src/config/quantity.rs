//! Sizes and spans of time as people write them: `1 GiB`, `30d`.

use std::time::Duration;

/// Reads a count of bytes: a whole number, alone or with `B`, `KB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, `TiB`.
pub fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let size = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(size)
}

/// Reads a span of time: a whole number with `s`, `m`, `h`, `d` or `w`.
pub fn span(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let seconds = match unit.to_ascii_lowercase().as_str() {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    // More than a thousand years is a slip, and would overflow a clock.
    number.checked_mul(seconds).filter(|seconds| *seconds <= 1_000 * 366 * 86_400).map(Duration::from_secs)
}

/// A count of bytes in the largest unit that divides it: `1 GiB`, `500 MB`, `1025 B`.
pub fn bytes_said(count: u64) -> String {
    const UNITS: &[(u64, &str)] = &[
        (1 << 40, "TiB"),
        (1_000_000_000_000, "TB"),
        (1 << 30, "GiB"),
        (1_000_000_000, "GB"),
        (1 << 20, "MiB"),
        (1_000_000, "MB"),
        (1 << 10, "KiB"),
        (1_000, "KB"),
    ];
    UNITS
        .iter()
        .find(|(size, _)| *size <= count && count.is_multiple_of(*size))
        .map_or_else(|| format!("{count} B"), |(size, unit)| format!("{} {unit}", count / size))
}

/// A span of time in the largest unit that divides it: `30d`, `90s`.
pub fn span_said(span: Duration) -> String {
    const UNITS: &[(u64, &str)] = &[(86_400, "d"), (3_600, "h"), (60, "m")];
    let seconds = span.as_secs();
    UNITS
        .iter()
        .find(|(size, _)| *size <= seconds && seconds.is_multiple_of(*size))
        .map_or_else(|| format!("{seconds}s"), |(size, unit)| format!("{}{unit}", seconds / size))
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let digits = text.find(|letter: char| !letter.is_ascii_digit() && letter != '_').unwrap_or(text.len());
    let number = text[..digits].replace('_', "").parse().ok()?;
    Some((number, text[digits..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let cases = [
            ("1 GiB", Some(1 << 30)),
            ("500MB", Some(500_000_000)),
            ("1_048_576", Some(1 << 20)),
            ("7 b", Some(7)),
            ("", None),
            ("GiB", None),
            ("1.5 GiB", None),
            ("1 G", None),
            ("-1", None),
            ("99999999999 TiB", None),
        ];
        for (text, want) in cases {
            assert_eq!(bytes(text), want, "{text}");
        }
    }

    #[test]
    fn spans_are_read_as_people_write_them() {
        let day = 86_400;
        let cases = [
            ("30d", Some(30 * day)),
            ("2w", Some(14 * day)),
            ("12 h", Some(43_200)),
            ("30", None),
            ("d", None),
            ("99999999999d", None),
        ];
        for (text, want) in cases {
            assert_eq!(span(text), want.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn what_is_said_reads_back() {
        for count in [1 << 30, 500_000_000, 1_025, 1, 3 << 20] {
            assert_eq!(bytes(&bytes_said(count)), Some(count));
        }
        for seconds in [1, 60, 90, 3_600, 86_400 * 30] {
            let time = Duration::from_secs(seconds);
            assert_eq!(span(&span_said(time)), Some(time));
        }
        assert_eq!(bytes_said(1 << 30), "1 GiB");
        assert_eq!(span_said(Duration::from_secs(30 * 86_400)), "30d");
    }
}

//! Words and numbers as people read them.

use crate::units::MicroUsd;

/// An error and what caused it, on one line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        said = format!("{said}: {deeper}");
        cause = deeper.source();
    }
    said
}

/// `1 row`, `412 rows`: a count with its noun; `noun` is the singular.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = match noun {
        "match" => "matches".to_owned(),
        "entry" => "entries".to_owned(),
        "retry" => "retries".to_owned(),
        _ => format!("{noun}s"),
    };
    let noun = if count == 1 { noun.to_owned() } else { plural };
    format!("{count} {noun}")
}

/// `842`, `84.2k`, `1.24M`: a count in five letters at most (up to 999 billion); a lesser one has a minus sign.
pub fn short(count: i64) -> String {
    const UNITS: &[(u64, &str)] = &[(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    let size = count.unsigned_abs();
    let sign = if count < 0 { "-" } else { "" };
    // Rounding may lift a count into the next unit: 999,500 is 1.00M.
    let Some((unit, letter)) = UNITS.iter().find(|(unit, _)| unit - unit / 2_000 <= size) else {
        return format!("{sign}{size}");
    };
    let rounded =
        |parts: u64| (u128::from(size) * u128::from(parts) + u128::from(*unit) / 2) / u128::from(*unit);
    match (rounded(100), rounded(10)) {
        (hundredths @ 0..1_000, _) => format!("{sign}{}.{:02}{letter}", hundredths / 100, hundredths % 100),
        (_, tenths @ 0..1_000) => format!("{sign}{}.{}{letter}", tenths / 10, tenths % 10),
        _ => format!("{sign}{}{letter}", rounded(1)),
    }
}

/// `1,240,311`: a count with commas.
pub fn grouped(count: i64) -> String {
    let digits = count.unsigned_abs().to_string();
    let mut said = if count < 0 { "-".to_owned() } else { String::new() };
    for (at, digit) in digits.char_indices() {
        if 0 < at && (digits.len() - at).is_multiple_of(3) {
            said.push(',');
        }
        said.push(digit);
    }
    said
}

/// `27 %`, `4.2 %`, `0 %`: how much of `whole` is `part`; `None` of nothing.
pub fn share(part: i64, whole: i64) -> Option<String> {
    if whole <= 0 {
        return None;
    }
    let rounded = |parts: u128| {
        let whole = u128::from(whole.unsigned_abs());
        (u128::from(part.unsigned_abs()) * parts + whole / 2) / whole
    };
    let sign = if part < 0 { "-" } else { "" };
    Some(match rounded(1_000) {
        0 if part == 0 => "0 %".to_owned(),
        0 => format!("{sign}<0.1 %"),
        tenths @ 1..100 => format!("{sign}{}.{} %", tenths / 10, tenths % 10),
        _ => format!("{sign}{} %", rounded(100)),
    })
}

/// `$1.24`, `$0.18`, `-$0.0042`: money, with four decimal places below ten cents.
pub fn dollars(MicroUsd(millionths): MicroUsd) -> String {
    let sign = if millionths < 0 { "-" } else { "" };
    let size = millionths.unsigned_abs();
    match size {
        0 => "$0.00".to_owned(),
        1..50 => format!("{sign}<$0.0001"),
        50..100_000 => {
            let places = (size + 50) / 100;
            format!("{sign}${}.{:04}", places / 10_000, places % 10_000)
        }
        _ => {
            let cents = (size + 5_000) / 10_000;
            format!("{sign}${}.{:02}", grouped(i64::try_from(cents / 100).unwrap_or(i64::MAX)), cents % 100)
        }
    }
}

/// The one of `known` that is most like `typed`; the earlier one of two that are alike. `None` when there is none.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known.into_iter().min_by_key(|name| distance(typed, name))
}

/// How many letters have to be put in, taken out or exchanged to make `from` into `to`.
///
/// Cost: the product of the lengths; what people type is short, and what is
/// longer than 200 letters is cut.
pub fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().take(200).flat_map(char::to_lowercase).collect();
    let to: Vec<char> = to.chars().take(200).flat_map(char::to_lowercase).collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, letter) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (at, other) in to.iter().enumerate() {
            let exchanged = diagonal + usize::from(letter != other);
            diagonal = row[at + 1];
            row[at + 1] = exchanged.min(row[at] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_said_shortly() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_000, "1.00k"),
            (8_421, "8.42k"),
            (84_210, "84.2k"),
            (842_100, "842k"),
            (999_499, "999k"),
            (999_600, "1.00M"),
            (1_240_000, "1.24M"),
            (-84_210, "-84.2k"),
            (999_999_999_999, "1000G"),
        ];
        for (count, want) in cases {
            assert_eq!(short(count), want, "{count}");
        }
        assert_eq!(grouped(1_240_311), "1,240,311");
        assert_eq!(grouped(-999), "-999");
    }

    #[test]
    fn shares_and_money_are_signed_and_never_rounded_to_nothing() {
        let shares = [
            (270, 1_000, "27 %"),
            (42, 1_000, "4.2 %"),
            (0, 9, "0 %"),
            (1, 9_999, "<0.1 %"),
            (-31, 1_000, "-3.1 %"),
            (-1, 99_999, "-<0.1 %"),
            (999, 1_000, "100 %"),
        ];
        for (part, whole, want) in shares {
            assert_eq!(share(part, whole).as_deref(), Some(want), "{part} of {whole}");
        }
        assert_eq!(share(1, 0), None);
        let money = [
            (1_240_000, "$1.24"),
            (184_999, "$0.18"),
            (34_950, "$0.0350"),
            (49, "<$0.0001"),
            (-650, "-$0.0007"),
            (-28_450_000, "-$28.45"),
            (0, "$0.00"),
            (1_234_567_890_000, "$1,234,567.89"),
            (99_999, "$0.1000"),
        ];
        for (millionths, want) in money {
            assert_eq!(dollars(MicroUsd(millionths)), want, "{millionths}");
        }
    }

    #[test]
    fn a_typing_slip_finds_the_word_that_was_meant() {
        for (typed, meant) in [("profil", "profile"), ("quite", "quiet"), ("PROXY", "proxy"), ("", "mcp")] {
            assert_eq!(nearest(typed, ["profile", "quiet", "proxy", "mcp"]), Some(meant), "{typed}");
        }
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(nearest("x", []), None);
    }
}

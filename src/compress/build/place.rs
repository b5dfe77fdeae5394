//! Where a message says that something is: `src/a.rs:3:5`, `src/a.ts(3,5)`.

/// The place that a line begins with; empty when it begins with none.
///
/// `a.c:3:5: error: …`, `a.ts(3,5): error …`, `a.ts:3:5 - error …`, `[ERROR] /a/B.java:[3,5] …`.
pub fn of_message(line: &str) -> &str {
    let body = line.trim_start();
    let body = body.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map_or(body, |(_, rest)| rest);
    let end = body
        .find(": ")
        .or_else(|| body.find(" - "))
        .map_or(body.len(), |at| at.min(body.find(" - ").unwrap_or(at)));
    let place = &body[..end];
    let place = match place.find(":[") {
        Some(at) => place[at..].find(']').map_or(place, |end| &place[..at + end + 1]),
        None => place,
    };
    if is_place(place) { place } else { "" }
}

/// The place in `  --> src/a.rs:3:5`.
pub fn of_arrow(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("--> ").map(str::trim_end).filter(|place| is_place(place))
}

/// True for `a_test.go:3`.
pub fn is_go(place: &str) -> bool {
    place.split_once(".go:").is_some_and(|(name, line)| {
        !name.is_empty() && !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// A file's name with an end, and a number after it.
fn is_place(place: &str) -> bool {
    let at = place.find([':', '(']).filter(|&at| 2 <= at).or_else(|| {
        // A drive: `C:\a.cs(3,5)`.
        place.get(2..).and_then(|rest| rest.find([':', '('])).map(|at| at + 2)
    });
    let Some(at) = at else { return false };
    let (file, rest) = place.split_at(at);
    let digits = rest[1..].trim_start_matches('[');
    place.len() <= LONGEST
        && !file.contains([' ', '"', '\''])
        && file.contains(['.', '/', '\\'])
        && digits.starts_with(|each: char| each.is_ascii_digit())
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b',' | b')' | b']' | b'-'))
}

/// A longer place is none.
const LONGEST: usize = 300;

/// The file of a place, and the rest: `src/a.rs`, `:3:5`.
pub fn split(place: &str) -> (&str, &str) {
    let from = place.rfind(['/', '\\']).map_or(0, |at| at + 1);
    place[from..].find([':', '(']).map_or((place, ""), |at| place.split_at(from + at))
}

/// How much of a file is covered, in hundredths: a row of ` a.ts | 12.5 | 0 | 5 | 11.9 | 14-220` or
/// `src/a.py   120   30   75%   14-20`.
pub fn covered(line: &str) -> Option<f64> {
    let mut cells = line.split('|');
    if let (Some(name), Some(first), Some(_), Some(_)) =
        (cells.next(), cells.next(), cells.next(), cells.next())
    {
        return if name.trim().is_empty() { None } else { first.trim().parse().ok() };
    }
    let mut words = line.split_ascii_whitespace().take(6);
    words.next().filter(|name| name.contains(['.', '/']))?;
    let mut numbers = 0;
    words.find_map(|word| {
        numbers += 1;
        let percent: f64 = word.strip_suffix('%')?.parse().ok()?;
        (3 <= numbers).then_some(percent)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_where_it_is() {
        let cases = [
            ("a.c:3:5: error: x", "a.c:3:5"),
            ("src/a.ts(3,5): error TS2322: x", "src/a.ts(3,5)"),
            ("src/a.ts:3:5 - error TS2322: x", "src/a.ts:3:5"),
            ("[ERROR] /a/B.java:[3,5] cannot find symbol", "/a/B.java:[3,5]"),
            ("click/x.py:46: error: y  [misc]", "click/x.py:46"),
            ("C:\\a\\b.cs(3,5): error CS0103: x", "C:\\a\\b.cs(3,5)"),
            ("error: could not compile: x", ""),
            ("10:30: x", ""),
            ("", ""),
        ];
        for (line, want) in cases {
            assert_eq!(of_message(line), want, "{line}");
        }
        assert_eq!(covered(" a.ts | 12.5 | 0 | 5 | 11.9 | 14-220"), Some(12.5));
        assert_eq!(covered("src/a.py   120   30   75%   14-20"), Some(75.0));
        assert_eq!(covered("a | b | c | d"), None);
        assert_eq!(of_arrow("   --> src/a.rs:3:5"), Some("src/a.rs:3:5"));
        assert_eq!(split("src/a.rs:3:5"), ("src/a.rs", ":3:5"));
        assert_eq!(split("src/a.ts(3,5)"), ("src/a.ts", "(3,5)"));
        assert!(is_go("a_test.go:12") && !is_go("a_test.go:x"));
    }
}

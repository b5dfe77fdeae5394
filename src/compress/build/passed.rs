//! Names of passed tests, told compactly.

/// The name in what a sign of a passed test speaks of: without times, percentages and remarks.
pub fn name(about: &str) -> &str {
    let about = about.trim();
    let about = about.strip_prefix("test ").unwrap_or(about);
    let about = about.split(['\t', '[']).next().unwrap_or(about);
    // `(0.01s)`, `(5 ms)`, `(12 tests) 3ms`; a class in brackets is part of the name.
    let timed =
        about.rfind(" (").filter(|&at| about[at + 2..].starts_with(|each: char| each.is_ascii_digit()));
    timed.map_or(about, |at| &about[..at]).trim_end()
}

/// `a.py::{x, y}, b.py::z`: names that follow one another share what they begin with.
pub fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut told = String::new();
    let mut shared = "";
    let mut open = false;
    for name in names {
        let at = name
            .rfind("::")
            .map(|at| at + 2)
            .or_else(|| name.rfind(['/', '.']).map(|at| at + 1))
            .unwrap_or(0);
        let (begins, rest) = name.split_at(at);
        if open && begins == shared {
            told.push_str(", ");
            told.push_str(rest);
            continue;
        }
        if open {
            told.push('}');
        }
        if !told.is_empty() {
            told.push_str(", ");
        }
        shared = begins;
        open = !begins.is_empty();
        told.push_str(begins);
        if open {
            told.push('{');
        }
        told.push_str(rest);
    }
    if open {
        told.push('}');
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_once() {
        let cases = [
            ("test a::b", "a::b"),
            ("TestX (0.00s)", "TestX"),
            ("test_x (mod.Class)", "test_x (mod.Class)"),
            ("adds numbers (5 ms)", "adds numbers"),
            ("src/a.py::test_b", "src/a.py::test_b"),
        ];
        for (about, want) in cases {
            assert_eq!(name(about), want, "{about}");
        }
        let names = ["a.py::x", "a.py::y", "b.py::z", "TestX", "TestY"];
        assert_eq!(listed(names.into_iter()), "a.py::{x, y}, b.py::{z}, TestX, TestY");
    }
}

//! Names of passed tests, told compactly.

/// The name in what a sign of a passed test speaks of: without times, percentages and remarks.
pub fn name(about: &str) -> &str {
    let about = about.trim();
    // A test case of JUnit's XML, and a numbered test of ctest.
    if let Some((_, rest)) =
        about.split_once("name=\"").map(|(before, rest)| match before.ends_with("class") {
            true => rest.split_once(" name=\"").unwrap_or(("", rest)),
            false => ("", rest),
        })
    {
        return &rest[..rest.find('"').unwrap_or(rest.len())];
    }
    if about.contains("Test ")
        && let Some((_, rest)) = about.split_once(": ")
    {
        return rest.trim_end_matches(['.', ' ']);
    }
    let about = about.strip_prefix("test ").unwrap_or(about);
    let about = about.split("  ").next().unwrap_or(about);
    let about = about.split('\t').next().unwrap_or(about);
    // `(0.01s)`, `(5 ms)`, `(12 tests) 3ms`; a class in brackets is part of the name.
    let about = about.strip_suffix("...").unwrap_or(about).trim_end();
    let timed =
        about.rfind(" (").filter(|&at| about[at + 2..].starts_with(|each: char| each.is_ascii_digit()));
    timed.map_or(about, |at| &about[..at]).trim_end()
}

/// What something was done to: the name and, where it follows, the version; without size and place.
pub fn object(about: &str) -> &str {
    let about = about.trim();
    let about = &about[..about.find(" (").unwrap_or(about.len())];
    let mut ends = about.match_indices(' ').map(|(at, _)| at);
    let second = ends.next().filter(|&first| {
        // `serde v1.0.1`, `libssl3 3.0.11`: a version follows; `C object a.o`, `in /usr/lib`: what matters is last.
        about[first + 1..].trim_start_matches('v').starts_with(|each: char| each.is_ascii_digit())
    });
    let end = match second {
        Some(_) => ends.next().unwrap_or(about.len()),
        None => about.find(' ').filter(|_| !about.contains(" object ")).unwrap_or(about.len()),
    };
    let object = &about[..end];
    let object = object.rsplit(' ').next().filter(|_| about.contains(" object ")).unwrap_or(object);
    object.trim_end_matches(['.', ':'])
}

/// `a.py::{x, y}, b.py::z`: names that follow one another share what they begin with.
///
/// `test_x (a.b.Class)` is told as `a.b.Class.test_x`, which is how it is named to run it.
pub fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut groups: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for name in names {
        let (begins, between, rest) = parts(name);
        match groups.last_mut() {
            Some((its, _, rests)) if *its == begins && !begins.is_empty() => rests.push(rest),
            _ => groups.push((begins, between, vec![rest])),
        }
    }
    let told: Vec<String> = groups
        .iter()
        .map(|(begins, between, rests)| match rests.as_slice() {
            [rest] => format!("{begins}{between}{rest}"),
            rests => format!("{begins}{between}{{{}}}", rests.join(", ")),
        })
        .collect();
    told.join(", ")
}

/// What a name shares with its neighbours, what stands between, and its own part.
fn parts(name: &str) -> (&str, &str, &str) {
    if let Some((rest, class)) = name.strip_suffix(')').and_then(|name| name.split_once(" (")) {
        return (class, ".", rest);
    }
    // What stands in brackets are a test's parameters.
    let plain = &name[..name.find('[').unwrap_or(name.len())];
    let at =
        plain.rfind("::").map(|at| at + 2).or_else(|| plain.rfind(['/', '.']).map(|at| at + 1)).unwrap_or(0);
    (&name[..at], "", &name[at..])
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
            ("classname=\"shop.Basket\" name=\"adds up\" time=\"0.1\"/>", "adds up"),
            ("name=\"adds up\" classname=\"shop.Basket\"/>", "adds up"),
            ("1/20 Test  #1: adds_up ......", "adds_up"),
        ];
        for (about, want) in cases {
            assert_eq!(name(about), want, "{about}");
        }
        let objects = [
            ("serde v1.0.1", "serde v1.0.1"),
            ("mypy-2.4.1-py3-none-any.whl (2.1 MB)", "mypy-2.4.1-py3-none-any.whl"),
            ("libssl3:amd64 (3.0.11-1) ...", "libssl3:amd64"),
            ("CXX object src/a.cpp.o", "src/a.cpp.o"),
            ("pytest>=8 in ./v", "pytest>=8"),
        ];
        for (about, want) in objects {
            assert_eq!(object(about), want, "{about}");
        }
        let names = ["a.py::x", "a.py::y", "b.py::z", "TestX", "TestY"];
        assert_eq!(listed(names.into_iter()), "a.py::{x, y}, b.py::z, TestX, TestY");
        let names = ["test_a (m.C)", "test_b (m.C)", "test_a (m.D)"];
        assert_eq!(listed(names.into_iter()), "m.C.{test_a, test_b}, m.D.test_a");
    }
}

//! How a key is named in a header: bare where nothing in it could be mistaken
//! for the header's own signs, else as a JSON string.

use super::plain;
use super::tape::{plain_len, unescape};
use std::borrow::Cow;

/// One step on the way from a row to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The member with this key.
    Key(Cow<'a, str>),
    /// The one item of an array that never has more: `0`.
    Only,
    /// The item of a row that is an array, counted from one: `#1`.
    Item(usize),
}

impl Step<'_> {
    /// The key; empty for an item.
    pub fn key(&self) -> &str {
        match self {
            Step::Key(key) => key,
            Step::Only | Step::Item(_) => "",
        }
    }
}

/// How [`Step::Only`] is written; a key of that name stands in quotes.
const ONLY: &str = "0";

/// True for a key that needs no quotes.
pub fn is_simple(name: &str) -> bool {
    !matches!(name, "" | ONLY) && name.chars().all(stands_bare)
}

fn stands_bare(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '$' | '@' | '/' | '-')
}

/// Writes one key.
pub fn say(name: &str, to: &mut String) {
    if is_simple(name) { to.push_str(name) } else { plain::string(name, to) }
}

/// Writes the steps that lead to a column: `a.b`, `containers.0.image`, `#2`.
pub fn say_path(path: &[Step<'_>], to: &mut String) {
    for (index, step) in path.iter().enumerate() {
        if index != 0 {
            to.push('.');
        }
        match step {
            Step::Key(name) => say(name, to),
            Step::Only => to.push_str(ONLY),
            Step::Item(number) => to.push_str(&format!("#{number}")),
        }
    }
}

/// Reads one key from the start of `said`; the key and what follows it.
pub fn read(said: &str) -> Option<(String, &str)> {
    if let Some(inside) = said.strip_prefix('"') {
        let mut end = 0;
        loop {
            end += plain_len(inside.as_bytes().get(end..)?);
            match inside.as_bytes().get(end)? {
                b'"' => break,
                _ => end += 2,
            }
        }
        return Some((unescape(inside.get(..end)?), &inside[end + 1..]));
    }
    let end = said.char_indices().find(|(_, char)| !stands_bare(*char)).map_or(said.len(), |(at, _)| at);
    (end != 0).then(|| (said[..end].to_owned(), &said[end..]))
}

/// Reads the steps that lead to a column from the start of `said`.
pub fn read_path(said: &str) -> Option<(Vec<Step<'static>>, &str)> {
    let (first, mut rest) = read_step(said)?;
    let mut path = vec![first];
    while let Some(after) = rest.strip_prefix('.') {
        let (step, after) = read_step(after)?;
        path.push(step);
        rest = after;
    }
    Some((path, rest))
}

fn read_step(said: &str) -> Option<(Step<'static>, &str)> {
    if let Some(number) = said.strip_prefix('#') {
        let end = number.bytes().take_while(u8::is_ascii_digit).count();
        return Some((Step::Item(number[..end].parse().ok()?), &number[end..]));
    }
    if let Some(rest) = said.strip_prefix(ONLY)
        && !rest.starts_with(stands_bare)
    {
        return Some((Step::Only, rest));
    }
    let (name, rest) = read(said)?;
    Some((Step::Key(Cow::Owned(name)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_path_reads_back(path in proptest::collection::vec(step(), 1..4), rest in "[,=:\\[{\\]}]?") {
            let mut said = String::new();
            say_path(&path, &mut said);
            said.push_str(&rest);
            prop_assert_eq!(read_path(&said), Some((path, rest.as_str())));
        }
    }

    fn step() -> impl Strategy<Value = Step<'static>> {
        prop_oneof![
            any::<String>().prop_map(|key| Step::Key(Cow::Owned(key))),
            "[0-9#a.]{0,2}".prop_map(|key| Step::Key(Cow::Owned(key))),
            Just(Step::Only),
            (1..99usize).prop_map(Step::Item),
        ]
    }
}

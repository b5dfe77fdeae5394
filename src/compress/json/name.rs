//! How a key is named in a header: bare where nothing in it could be mistaken
//! for the header's own signs, else as a JSON string.

use super::plain;
use super::tape::{plain_len, unescape};
use std::borrow::Cow;

/// True for a key that needs no quotes.
pub fn is_simple(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|char| char.is_alphanumeric() || matches!(char, '_' | '$' | '@' | '/' | '-'))
}

/// Writes one key.
pub fn say(name: &str, to: &mut String) {
    if is_simple(name) { to.push_str(name) } else { plain::string(name, to) }
}

/// Writes the keys that lead to a column: `a.b`.
pub fn say_path(path: &[Cow<'_, str>], to: &mut String) {
    for (index, name) in path.iter().enumerate() {
        if index != 0 {
            to.push('.');
        }
        say(name, to);
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
    let end = said
        .char_indices()
        .find(|(_, char)| !is_simple(char.encode_utf8(&mut [0; 4])))
        .map_or(said.len(), |(at, _)| at);
    (end != 0).then(|| (said[..end].to_owned(), &said[end..]))
}

/// Reads the keys that lead to a column from the start of `said`.
pub fn read_path(said: &str) -> Option<(Vec<String>, &str)> {
    let (first, mut rest) = read(said)?;
    let mut path = vec![first];
    while let Some(after) = rest.strip_prefix('.') {
        let (name, after) = read(after)?;
        path.push(name);
        rest = after;
    }
    Some((path, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_path_reads_back(path in proptest::collection::vec(any::<String>(), 1..4), rest in "[,=:\\[{\\]}]?") {
            let mut said = String::new();
            say_path(&path.iter().map(|name| Cow::from(name.as_str())).collect::<Vec<_>>(), &mut said);
            said.push_str(&rest);
            prop_assert_eq!(read_path(&said), Some((path, rest.as_str())));
        }
    }
}

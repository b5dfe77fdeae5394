//! Words and numbers as people read them.

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
    fn a_typing_slip_finds_the_word_that_was_meant() {
        for (typed, meant) in [("profil", "profile"), ("quite", "quiet"), ("PROXY", "proxy"), ("", "mcp")] {
            assert_eq!(nearest(typed, ["profile", "quiet", "proxy", "mcp"]), Some(meant), "{typed}");
        }
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(nearest("x", []), None);
    }
}

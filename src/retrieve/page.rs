//! Long answers in pages, each of which names the next.

/// Bytes of an answer in a page; what names the page comes on top.
pub const PAGE: usize = 8_000;

/// Page `number` (counted from 1) of `text`, and how many there are; `None` when there is no such page.
///
/// Pages end at line ends where a line end is near, and all together are the text.
pub fn of(text: &str, number: usize) -> Option<(&str, usize)> {
    let (mut rest, mut wanted, mut pages) = (text, None, 0);
    loop {
        let (page, after) = rest.split_at(cut(rest));
        pages += 1;
        if pages == number {
            wanted = Some(page);
        }
        if after.is_empty() {
            return wanted.map(|page| (page, pages));
        }
        rest = after;
    }
}

/// Where the first page of `text` ends.
fn cut(text: &str) -> usize {
    if text.len() <= PAGE {
        return text.len();
    }
    let end = text.floor_char_boundary(PAGE);
    // The last line end in the page's second half.
    memchr::memrchr(b'\n', &text.as_bytes()[PAGE / 2..end]).map_or(end, |at| PAGE / 2 + at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pages_together_are_the_text(lines in prop::collection::vec((any::<char>(), 0..3_000_usize), 0..30)) {
            let text: String = lines.iter().map(|(letter, times)| letter.to_string().repeat(*times) + "\n").collect();
            let (_, pages) = of(&text, 1).expect("a first page");
            let all: Vec<&str> = (1..=pages).map(|number| of(&text, number).expect("a page").0).collect();
            prop_assert_eq!(all.concat(), text.as_str());
            prop_assert!(all.iter().all(|page| page.len() <= PAGE));
            prop_assert!(of(&lines.len().to_string(), 2).is_none());
            prop_assert!(of("", 0).is_none());
        }
    }
}

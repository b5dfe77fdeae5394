//! Of a hit that is one huge line, the places where it matches.

use super::hit::Hit;

/// Bytes shown on each side of a match.
const AROUND: usize = 48;
/// Matches shown of one line.
const SHOWN: usize = 4;

/// Names a long hit and shows where `word` stands in it: `a.min.js:1 of 91204 bytes: …x.on(…`.
pub fn of(hit: &Hit<'_>, word: Option<&str>) -> String {
    let mark = hit.mark;
    let number = if hit.number.is_empty() { String::new() } else { format!("{mark}{}", hit.number) };
    let mut told = format!("{}{number} of {} bytes", hit.path, hit.text.len());
    let places: Vec<usize> =
        word.map_or_else(Vec::new, |word| memchr::memmem::find_iter(hit.text.as_bytes(), word).collect());
    if places.is_empty() {
        told.push_str(": ");
        told.push_str(&quoted(hit.text, 0, AROUND * 2));
        return told;
    }
    told.push_str(&format!(", {} in it: ", crate::text::counted(places.len(), "match")));
    let length = word.map_or(0, str::len);
    let mut end = 0;
    let mut shown = 0;
    for place in places {
        if place < end {
            continue;
        }
        if shown == SHOWN {
            told.push_str(" …");
            break;
        }
        told.push_str(if shown == 0 { "" } else { " " });
        end = place + length + AROUND;
        told.push_str(&quoted(hit.text, place.saturating_sub(AROUND), end));
        shown += 1;
    }
    told
}

/// A part of `text` with `…` where it goes on.
fn quoted(text: &str, start: usize, end: usize) -> String {
    let start = text.floor_char_boundary(start);
    let end = text.floor_char_boundary(end.min(text.len()));
    let before = if 0 < start { "…" } else { "" };
    let after = if end < text.len() { "…" } else { "" };
    format!("{before}{}{after}", &text[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_huge_line_is_shown_where_it_matches() {
        let text =
            format!("{}a.on(\"x\",f);{}b.on(\"y\",g){}", "z".repeat(500), "z".repeat(900), "z".repeat(500));
        let hit = Hit { path: "a.min.js", number: "1", mark: ':', text: &text };
        let told = of(&hit, Some("on("));
        assert!(told.starts_with("a.min.js:1 of 1923 bytes, 2 matches in it: …zzz"), "{told}");
        assert!(
            told.contains("a.on(\"x\",f);") && told.contains("b.on(\"y\",g)") && told.len() < 400,
            "{told}"
        );
    }
}

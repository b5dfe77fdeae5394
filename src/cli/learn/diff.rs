//! What would change in a file, as people read it: a unified diff, in colour on a terminal.

use crate::cli::beside::safe;
use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};

/// The difference, with the lines around it; empty when there is none. Control characters are shown, not sent.
pub(super) fn unified(name: &str, before: &[u8], after: &[u8]) -> String {
    let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
    let diff = TextDiff::from_lines(before.as_ref(), after.as_ref());
    let mut unified = diff.unified_diff();
    let (plain, bold) = (Style::new(), Style::new().bold());
    let (red, green, blue) =
        (coloured(AnsiColor::Red), coloured(AnsiColor::Green), coloured(AnsiColor::Cyan));
    let mut shown = Vec::new();
    for hunk in unified.context_radius(2).iter_hunks() {
        shown.push(line(blue, &hunk.header().to_string()));
        for change in hunk.iter_changes() {
            let (sign, style) = match change.tag() {
                ChangeTag::Delete => ('-', red),
                ChangeTag::Insert => ('+', green),
                ChangeTag::Equal => (' ', plain),
            };
            let text = change.value().trim_end_matches(['\n', '\r']);
            shown.push(line(style, &format!("{sign}{}", safe(text))));
        }
    }
    if !shown.is_empty() {
        let name = safe(name);
        shown.insert(0, line(bold, &format!("--- {name}")));
        shown.insert(1, line(bold, &format!("+++ {name}")));
    }
    shown.join("\n")
}

fn coloured(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(colour.into()))
}

fn line(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_shows_what_changes_and_does_nothing_to_the_terminal() {
        let shown = anstream::adapter::strip_str(&unified("a.md", b"x\r\ny\x1b[2J\n", b"x\r\ny\x1b[2J\nz\n"))
            .to_string();
        assert_eq!(shown, "--- a.md\n+++ a.md\n@@ -1,2 +1,3 @@\n x\n y\u{241b}[2J\n+z");
        assert_eq!(unified("a.md", b"same", b"same"), "");
    }
}

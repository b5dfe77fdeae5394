//! Drawn trees told by indentation: the same lines, in the same order.
//!
//! ```text
//! [headroom: nothing left out; a drawn tree told by indentation, entries without children in one line (├── )]
//! src
//!  ajax
//!   index.ts
//!  a.ts b.ts c.ts
//! | 3 directories, 4 files
//! ```
//!
//! A line after `| ` stands as it was. The result is decoded and compared before
//! it is returned.

use crate::marker;
use crate::refusal::Refusal;

/// How a legend begins.
const NOTHING: &str =
    "nothing left out; a drawn tree told by indentation, entries without children in one line";
/// Between such entries, when some have blanks in them.
const COMMA: &str = ", ";
/// How a legend says so.
const BY_COMMAS: &str = " with commas";
/// What stands before a line that stands as it was.
const OTHER: &str = "| ";
/// Entries in one line.
const LONGEST_RUN: usize = 100;
/// Levels of a tree.
const DEEPEST: usize = 200;

/// The strings that a tree is drawn with.
#[derive(Debug, PartialEq, Eq)]
pub struct Style {
    bar: &'static str,
    blank: &'static str,
    tee: &'static str,
    last: &'static str,
    /// The same, before an entry that has children.
    tee_open: &'static str,
    last_open: &'static str,
}

const fn style(bar: &'static str, blank: &'static str, tee: &'static str, last: &'static str) -> Style {
    Style { bar, blank, tee, last, tee_open: tee, last_open: last }
}

/// `tree`, cargo; npm, pnpm; `tree` in ASCII; gradle; maven.
const STYLES: &[Style] = &[
    style("│\u{a0}\u{a0} ", "    ", "├── ", "└── "),
    style("│   ", "    ", "├── ", "└── "),
    Style {
        bar: "│ ", blank: "  ", tee: "├── ", last: "└── ", tee_open: "├─┬ ", last_open: "└─┬ "
    },
    style("│  ", "   ", "├─ ", "└─ "),
    style("|   ", "    ", "|-- ", "`-- "),
    style("|    ", "     ", "+--- ", "\\--- "),
    style("|  ", "   ", "+- ", "\\- "),
];

impl Style {
    /// The depth of `line` below the root, and what it says; `None` for a line without drawing.
    fn cut<'t>(&self, line: &'t str) -> Option<(usize, &'t str)> {
        let mut rest = line;
        let mut depth = 1;
        loop {
            let branch = [self.tee, self.last, self.tee_open, self.last_open]
                .iter()
                .find_map(|branch| rest.strip_prefix(branch));
            if let Some(said) = branch {
                return (!said.is_empty()).then_some((depth, said));
            }
            rest = rest.strip_prefix(self.bar).or_else(|| rest.strip_prefix(self.blank))?;
            depth += 1;
            if DEEPEST < depth {
                return None;
            }
        }
    }
}

/// An entry.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Levels below the root; 0 for a line without drawing.
    pub depth: usize,
    /// Its text.
    pub said: &'a str,
    /// True when others are drawn below it.
    pub open: bool,
}

/// A drawn tree.
#[derive(Debug)]
pub struct Tree<'a> {
    /// One a line.
    pub entries: Vec<Entry<'a>>,
    style: &'static Style,
}

impl<'a> Tree<'a> {
    /// Reads `text`; `None` when few of its lines are drawn.
    pub fn of(text: &'a str) -> Option<Tree<'a>> {
        let each = || text.strip_suffix('\n').unwrap_or(text).split('\n');
        let drawn = |style: &Style| each().take(400).filter(|line| style.cut(line).is_some()).count();
        let style = STYLES.iter().max_by_key(|style| drawn(style))?;
        let looked_at = each().take(400).count();
        if looked_at < 4 || drawn(style) * 4 < looked_at * 3 {
            return None;
        }
        let mut entries: Vec<Entry<'a>> = each()
            .map(|line| {
                let (depth, said) = style.cut(line).unwrap_or((0, line));
                Entry { depth, said, open: false }
            })
            .collect();
        for at in 1..entries.len() {
            entries[at - 1].open = entries[at - 1].depth < entries[at].depth;
        }
        Some(Tree { entries, style })
    }

    /// True for entries after which none follows at the same level.
    fn lasts(&self) -> Vec<bool> {
        let mut follows = vec![false; DEEPEST + 1];
        let mut deepest = 0;
        let mut lasts = vec![false; self.entries.len()];
        for (last, entry) in lasts.iter_mut().zip(&self.entries).rev() {
            let depth = entry.depth.min(DEEPEST);
            *last = !follows[depth];
            // What is deeper and comes before belongs to another.
            follows[depth + 1..=deepest.max(depth)].fill(false);
            follows[depth] = true;
            deepest = depth;
        }
        lasts
    }

    /// Draws the entries again.
    fn draw(&self, mut each: impl FnMut(usize, &str)) {
        let lasts = self.lasts();
        let mut closed = vec![false; DEEPEST + 1];
        let mut line = String::new();
        for (at, entry) in self.entries.iter().enumerate() {
            line.clear();
            for closed in closed.iter().take(entry.depth).skip(1) {
                line.push_str(if *closed { self.style.blank } else { self.style.bar });
            }
            if 0 < entry.depth {
                closed[entry.depth] = lasts[at];
                line.push_str(match (lasts[at], entry.open) {
                    (false, false) => self.style.tee,
                    (false, true) => self.style.tee_open,
                    (true, false) => self.style.last,
                    (true, true) => self.style.last_open,
                });
            }
            line.push_str(entry.said);
            each(at, &line);
        }
    }
}

/// Tells the drawn tree `text` by indentation; the lines that are `whole` stand as they were.
///
/// # Errors
/// [`Refusal::NoGain`] when it is no drawn tree or would not be shorter, [`Refusal::NotVerified`] when
/// decoding did not give it back.
pub fn encode(text: &str, whole: impl Fn(usize) -> bool) -> Result<String, Refusal> {
    let tree = Tree::of(text).ok_or(Refusal::NoGain)?;
    let lines: Vec<&str> = text.strip_suffix('\n').unwrap_or(text).split('\n').collect();
    let mut drawn = vec![false; lines.len()];
    tree.draw(|at, line| drawn[at] = line == lines[at]);
    let blanks = tree.entries.iter().filter(|entry| 0 < entry.depth && entry.said.contains(' ')).count();
    let between = if blanks * 8 < tree.entries.len() { " " } else { COMMA };
    let plain = |at: usize| {
        let entry = &tree.entries[at];
        drawn[at]
            && !whole(at)
            && 0 < entry.depth
            && !entry.said.starts_with(' ')
            && !entry.said.contains(between)
            && (entry.depth != 1 || !entry.said.starts_with(OTHER))
    };
    let style = tree.style.tee.trim_end();
    let bar = tree.style.bar;
    let commas = if between == COMMA { BY_COMMAS } else { "" };
    let mut out = marker::legend(&format!("{NOTHING}{commas} ({bar}{style})"));
    out.push('\n');
    let mut at = 0;
    while at < lines.len() {
        if !plain(at) {
            out.push_str(OTHER);
            out.push_str(lines[at]);
            out.push('\n');
            at += 1;
            continue;
        }
        let entry = tree.entries[at];
        out.extend(std::iter::repeat_n(' ', entry.depth));
        out.push_str(entry.said);
        at += 1;
        let mut open = entry.open;
        let mut run = 1;
        while !open
            && run < LONGEST_RUN
            && tree.entries.get(at).is_some_and(|next| next.depth == entry.depth && !next.open)
            && plain(at)
        {
            out.push_str(between);
            out.push_str(tree.entries[at].said);
            open = tree.entries[at].open;
            at += 1;
            run += 1;
        }
        out.push('\n');
    }
    if !text.ends_with('\n') {
        out.pop();
    }
    if text.len() <= out.len() {
        return Err(Refusal::NoGain);
    }
    if decode_within(&out, text.len()).as_deref() == Some(text) { Ok(out) } else { Err(Refusal::NotVerified) }
}

/// The text that [`encode`] told; `None` for what it has not made, and for a text of more than 256 MiB.
#[cfg(test)]
pub fn decode(told: &str) -> Option<String> {
    decode_within(told, 256 << 20)
}

/// The same, for a text of `most` bytes or fewer.
fn decode_within(told: &str, most: usize) -> Option<String> {
    let (first, body) = told.split_once('\n')?;
    let said = first.strip_prefix(marker::OPEN)?.strip_suffix(")]")?.strip_prefix(NOTHING)?;
    let (commas, drawing) = said.split_once(" (")?;
    let between = if commas == BY_COMMAS { COMMA } else { " " };
    let style = STYLES.iter().find(|style| drawing.strip_prefix(style.bar) == Some(style.tee.trim_end()))?;
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut originals: Vec<Option<&str>> = Vec::new();
    for line in body.strip_suffix('\n').unwrap_or(body).split('\n') {
        if let Some(other) = line.strip_prefix(OTHER) {
            let (depth, said) = style.cut(other).unwrap_or((0, other));
            entries.push(Entry { depth, said, open: false });
            originals.push(Some(other));
            continue;
        }
        let said = line.trim_start_matches(' ');
        let depth = line.len() - said.len();
        if depth == 0 || DEEPEST < depth {
            return None;
        }
        for said in said.split(between) {
            entries.push(Entry { depth, said, open: false });
            originals.push(None);
        }
    }
    for at in 1..entries.len() {
        entries[at - 1].open = entries[at - 1].depth < entries[at].depth;
    }
    let mut text = String::with_capacity(told.len() * 2);
    let tree = Tree { entries, style };
    tree.draw(|at, line| {
        if text.len() <= most {
            text.push_str(originals[at].unwrap_or(line));
            text.push('\n');
        }
    });
    if !body.ends_with('\n') {
        text.pop();
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_drawn_tree_is_told_by_indentation() {
        let text = "\
src/
├── Rx.global.js
├── ajax/
│\u{a0}\u{a0} └── index.ts
├── internal/
│\u{a0}\u{a0} ├── Observable.ts
│\u{a0}\u{a0} ├── Observer.ts
│\u{a0}\u{a0} ├── operators/
│\u{a0}\u{a0} │\u{a0}\u{a0} ├── audit.ts
│\u{a0}\u{a0} │\u{a0}\u{a0} ├── buffer.ts
│\u{a0}\u{a0} │\u{a0}\u{a0} ├── two words.ts
│\u{a0}\u{a0} │\u{a0}\u{a0} └── catchError.ts
│\u{a0}\u{a0} └── types.ts
└── tsconfig.json

3 directories, 9 files
";
        let told = encode(text, |line| line == 1).expect("shorter");
        assert_eq!(decode(&told).as_deref(), Some(text));
        insta::assert_snapshot!(told, @"
        [headroom: nothing left out; a drawn tree told by indentation, entries without children in one line (│   ├──)]
        | src/
        | ├── Rx.global.js
         ajax/
          index.ts
         internal/
          Observable.ts Observer.ts
          operators/
           audit.ts buffer.ts
        | │   │   ├── two words.ts
           catchError.ts
          types.ts
         tsconfig.json
        | 
        | 3 directories, 9 files
        ");
    }

    #[test]
    fn a_tree_of_packages_is_told_too() {
        let text = "\
web@1.0.0 /srv/web
├─┬ eslint@9.39.5
│ ├── ajv@6.12.6
│ ├─┬ debug@4.4.3
│ │ └── ms@2.1.3 deduped
│ ├── escape-string-regexp@4.0.0 deduped
│ └── UNMET OPTIONAL DEPENDENCY fsevents@^2.3.2
├── vite@5.4.1
├── webpack@5.94.0 deduped
└─┬ yargs@17.7.2
  ├── cliui@8.0.1
  ├── escalade@3.2.0
  ├── get-caller-file@2.0.5
  ├── require-directory@2.1.1
  ├── string-width@4.2.3 deduped
  ├── strip-ansi@6.0.1 deduped
  ├── wrap-ansi@7.0.0 deduped
  └── y18n@5.0.8 deduped
";
        let told = encode(text, |_| false).expect("shorter");
        assert_eq!(decode(&told).as_deref(), Some(text));
        assert!(told.contains("\n   ms@2.1.3 deduped\n"), "{told}");
    }

    fn trees() -> impl Strategy<Value = String> {
        let entry = (0..5_usize, prop_oneof![5 => "[a-c]{1,3}", 1 => "[a, |]{1,4}", 1 => "\\PC{0,4}"]);
        (proptest::collection::vec(entry, 4..40), 0..STYLES.len(), any::<bool>()).prop_map(
            |(entries, style, ended)| {
                let mut depth = 0;
                let texts: Vec<(usize, String)> = entries
                    .into_iter()
                    .map(|(wanted, said)| {
                        depth = wanted.min(depth + 1);
                        (depth, said)
                    })
                    .collect();
                let mut entries: Vec<Entry<'_>> =
                    texts.iter().map(|(depth, said)| Entry { depth: *depth, said, open: false }).collect();
                for at in 1..entries.len() {
                    entries[at - 1].open = entries[at - 1].depth < entries[at].depth;
                }
                let mut lines = Vec::new();
                Tree { entries, style: &STYLES[style] }.draw(|_, line| lines.push(line.to_owned()));
                lines.join("\n") + if ended { "\n" } else { "" }
            },
        )
    }

    proptest! {
        #[test]
        fn a_tree_decodes_to_the_same_bytes(text in trees(), nth in 1..9_usize) {
            match encode(&text, |line| line % nth == 1) {
                Ok(told) => prop_assert_eq!(decode(&told), Some(text)),
                Err(because) => prop_assert_ne!(because, Refusal::NotVerified, "{:?}", text),
            }
        }

        #[test]
        fn reading_never_fails_badly(text in "\\PC{0,40}(\n\\PC{0,10}){0,6}") {
            let _ = decode(&text);
            let _ = decode(&format!("[headroom: {NOTHING} (│ ├──)]\n{text}"));
        }
    }
}

//! The edits in what a model wrote to aider: blocks that say what to search for and what to put in its place.
//!
//! *Invariant:* a hint as aider takes it: a block that does not end is none. One pass.

use crate::transcript::Call;
use serde_json::json;

/// An edit of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// Which file, as the model wrote it; empty when it did not say.
    pub path: String,
    /// What is to be replaced; empty for a new file.
    pub old: String,
    /// By what.
    pub new: String,
}

impl Edit {
    /// The same as a call of a tool.
    pub(super) fn call(&self, id: String) -> Call {
        let (tool, arguments) = match self.old.trim().is_empty() {
            true => ("write", json!({ "path": self.path, "content": self.new })),
            false => ("edit", json!({ "path": self.path, "old_string": self.old, "new_string": self.new })),
        };
        Call { id, tool: tool.to_owned(), arguments: arguments.to_string() }
    }
}

/// Edits that are taken from one answer, at most.
const MOST: usize = 1000;

/// The edits in `text`, in order.
pub(super) fn edits(text: &str) -> Vec<Edit> {
    let mut edits: Vec<Edit> = Vec::new();
    let mut before: [&str; 3] = [""; 3];
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if !fence(line, '<', "SEARCH") {
            before = [before[1], before[2], line];
            continue;
        }
        let path = named(&before).map(str::to_owned).or_else(|| edits.last().map(|edit| edit.path.clone()));
        let mut edit = Edit { path: path.unwrap_or_default(), old: String::new(), new: String::new() };
        let mut divided = false;
        let mut ended = false;
        for line in lines.by_ref() {
            if fence(line, '>', "REPLACE") {
                ended = true;
                break;
            }
            if !divided && line.len() >= 5 && line.trim_end().chars().all(|letter| letter == '=') {
                divided = true;
                continue;
            }
            let side = if divided { &mut edit.new } else { &mut edit.old };
            side.push_str(line);
            side.push('\n');
        }
        if ended && divided && edits.len() < MOST {
            edits.push(edit);
        }
        before = [""; 3];
    }
    edits
}

/// True for `<<<<<<< SEARCH` and its like: five to nine signs and the word.
fn fence(line: &str, sign: char, word: &str) -> bool {
    let rest = line.trim_start_matches(sign);
    let signs = line.len() - rest.len();
    (5..=9).contains(&signs) && rest.trim().trim_end_matches('>') == word
}

/// The file that the lines before a block name.
fn named<'a>(before: &[&'a str; 3]) -> Option<&'a str> {
    let lines = before.iter().rev().map(|line| line.trim());
    let mut names =
        lines.filter(|line| !line.is_empty() && !line.starts_with("```") && !line.starts_with("~~~"));
    let name = names.next()?.trim_end_matches(':').trim_start_matches('#').trim().trim_matches(['`', '*']);
    (!name.is_empty() && !name.contains(' ') || name.contains('.') && name.len() < 200).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_a_block_that_ends_and_its_file_stands_before_it() {
        let block = "<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n";
        let edit =
            |path: &str, old: &str, new: &str| Edit { path: path.into(), old: old.into(), new: new.into() };
        for (text, expected) in [
            (format!("So:\n\nsrc/a.py\n```python\n{block}```\n"), vec![edit("src/a.py", "a\n", "b\n")]),
            (format!("```python\nsrc/a.py\n{block}```\n"), vec![edit("src/a.py", "a\n", "b\n")]),
            (format!("**`src/a.py`**:\n```\n{block}{block}```\n"), vec![edit("src/a.py", "a\n", "b\n"); 2]),
            (
                "new.py\n```\n<<<<<<< SEARCH\n=======\nx\n>>>>>>> REPLACE\n```".into(),
                vec![edit("new.py", "", "x\n")],
            ),
            ("a.py\n<<<<<<< SEARCH\na\n=======\nb\n".into(), vec![]),
            ("a.py\n<<<<<<< SEARCH\na\n>>>>>>> REPLACE\n".into(), vec![]),
            ("<<<<<<< HEAD\na\n=======\nb\n>>>>>>> main\n".into(), vec![]),
        ] {
            assert_eq!(edits(&text), expected, "{text}");
        }
    }
}

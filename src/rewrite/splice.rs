//! The only place that changes bytes: some JSON strings of a body are replaced, all else is copied.

use crate::conversation::Extent;
use crate::units::Span;
use bytes::Bytes;

/// A JSON string that is to be replaced.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The old string, or the part of it.
    pub span: Span,
    /// How much of the string that is.
    pub extent: Extent,
    /// The new text, not escaped.
    pub text: String,
}

/// Replaces the strings. Without edits the very same bytes come back.
///
/// The edits do not overlap (they are spans of different strings).
pub fn splice(body: Bytes, mut edits: Vec<Edit>) -> Bytes {
    if edits.is_empty() {
        return body;
    }
    edits.sort_by_key(|edit| edit.span.start);
    let mut spliced = Vec::with_capacity(body.len());
    let mut from = 0;
    for edit in &edits {
        spliced.extend_from_slice(&body[from..edit.span.start]);
        push_string(&mut spliced, &edit.text, edit.extent);
        from = edit.span.end;
    }
    spliced.extend_from_slice(&body[from..]);
    Bytes::from(spliced)
}

/// Something of ours that is put between the client's bytes, or in the place of some of them.
#[derive(Clone, Debug)]
pub struct Put {
    /// Where; empty when nothing makes way for it.
    pub span: Span,
    /// The bytes.
    pub raw: String,
}

impl Put {
    /// Before the byte `at`.
    pub fn at(at: usize, raw: String) -> Put {
        Put { span: Span { start: at, end: at }, raw }
    }
}

/// Puts all of it in. Without any the very same bytes come back.
///
/// The spans do not overlap.
pub fn put(body: &Bytes, mut puts: Vec<Put>) -> Bytes {
    if puts.is_empty() {
        return body.clone();
    }
    puts.sort_by_key(|put| put.span.start);
    let mut spliced = Vec::with_capacity(body.len() + puts.iter().map(|put| put.raw.len()).sum::<usize>());
    let mut from = 0;
    for put in &puts {
        spliced.extend_from_slice(&body[from..put.span.start]);
        spliced.extend_from_slice(put.raw.as_bytes());
        from = put.span.end;
    }
    spliced.extend_from_slice(&body[from..]);
    Bytes::from(spliced)
}

/// Writes `text` as a JSON string: the shortest escapes, everything beyond ASCII as it is.
fn push_string(to: &mut Vec<u8>, text: &str, extent: Extent) {
    let start = to.len();
    serde_json::to_writer(&mut *to, text).expect("a string can always be written to memory");
    if extent == Extent::Part {
        to.pop();
        to.remove(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn only_the_spans_change(parts in prop::collection::vec((any::<String>(), any::<Option<String>>()), 1..12)) {
            let mut body = Vec::new();
            let mut edits = Vec::new();
            let mut wanted = Vec::new();
            for (old, new) in &parts {
                let old = serde_json::to_vec(old).unwrap();
                body.push(b' ');
                wanted.push(b' ');
                let span = Span { start: body.len(), end: body.len() + old.len() };
                body.extend_from_slice(&old);
                match new {
                    Some(new) => {
                        edits.push(Edit { span, extent: Extent::Whole, text: new.clone() });
                        wanted.extend(serde_json::to_vec(new).unwrap());
                    }
                    None => wanted.extend_from_slice(&old),
                }
            }
            edits.reverse();
            prop_assert_eq!(&splice(Bytes::from(body), edits)[..], &wanted[..]);
        }
    }
}

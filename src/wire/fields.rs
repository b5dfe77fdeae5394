//! The members of a JSON object, looked up by name.
//!
//! *Invariant:* a name that occurs twice is an oddity: readers differ in which
//! of the two they believe, so we believe neither.

use super::json::{Member, Node, Tree};
use crate::units::Span;

/// An object's members.
pub struct Fields<'a> {
    tree: &'a Tree<'a>,
    members: Vec<Member>,
}

impl<'a> Fields<'a> {
    /// The members of `node`; `None` when it is no object.
    pub fn of(tree: &'a Tree<'a>, node: Node) -> Option<Fields<'a>> {
        Some(Fields { tree, members: tree.members(node)? })
    }

    /// How many members there are.
    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// The value under `name`. `Some(None)`: not there. `None`: there twice.
    pub fn one(&self, name: &[u8]) -> Option<Option<Node>> {
        self.either(&[name])
    }

    /// As [`Fields::one`], for a value that goes by several names; two of them at once are an oddity.
    pub fn either(&self, names: &[&[u8]]) -> Option<Option<Node>> {
        let mut found = self.members.iter().filter(|member| names.contains(&self.tree.name(member)));
        let first = found.next().map(|member| member.value);
        found.next().is_none().then_some(first)
    }

    /// As [`Fields::one`]; `null` counts as not there.
    pub fn given(&self, name: &[u8]) -> Option<Option<Node>> {
        Some(self.one(name)?.filter(|&node| self.tree.raw(node) != b"null"))
    }

    /// As [`Fields::given`], for a string's text. Another type, or an odd text, is an oddity.
    pub fn text(&self, name: &[u8]) -> Option<Option<String>> {
        match self.given(name)? {
            None => Some(None),
            Some(node) => self.tree.text(node).map(Some),
        }
    }

    /// The span of a string's literal; `Some(None)` when it is not there or no string.
    pub fn literal(&self, name: &[u8]) -> Option<Option<Span>> {
        Some(self.one(name)?.filter(|&node| self.tree.is_string(node)).map(|node| self.tree.span(node)))
    }

    /// True when the value under `name` is `true`.
    pub fn is_true(&self, name: &[u8]) -> Option<bool> {
        Some(self.one(name)?.is_some_and(|node| self.tree.raw(node) == b"true"))
    }

    /// The spans of the members with these names, each with the comma that belongs to it: without
    /// them, what is left is the object without these members. In order, none overlaps another.
    pub fn spans_of(&self, names: &[&[u8]]) -> Vec<Span> {
        let end_of = |at: usize| self.tree.span(self.members[at].value).end;
        let mut spans = Vec::new();
        let mut any_stays = false;
        for (at, member) in self.members.iter().enumerate() {
            if !names.contains(&self.tree.name(member)) {
                any_stays = true;
                continue;
            }
            let own = Span { start: member.name.start, end: end_of(at) };
            spans.push(match (any_stays, self.members.get(at + 1)) {
                (true, _) => Span { start: end_of(at - 1), end: own.end },
                (false, Some(after)) => Span { start: own.start, end: after.name.start },
                (false, None) => own,
            });
        }
        spans
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_without_some_members_is_the_object_that_never_had_them() {
        let cases = [
            (r#"{"a":1,"x":2}"#, r#"{"a":1}"#),
            (r#"{"x":2,"a":1}"#, r#"{"a":1}"#),
            (r#"{"x":2,"y":3,"a":1}"#, r#"{"a":1}"#),
            (r#"{"a":1,"x":2,"y":3,"b":4}"#, r#"{"a":1,"b":4}"#),
            (r#"{"x":2,"a":1,"y":3}"#, r#"{"a":1}"#),
            (r#"{"x":2,"a":1,"y":3,"b":4,"x":5}"#, r#"{"a":1,"b":4}"#),
            (r#"{"x":2,"y":3}"#, "{}"),
            (r#"{"x":2}"#, "{}"),
            ("{}", "{}"),
        ];
        for (object, want) in cases {
            let tree = Tree::read(object.as_bytes()).expect("well-formed");
            let spans = Fields::of(&tree, tree.root()).expect("an object").spans_of(&[b"x", b"y"]);
            let mut left = String::new();
            let mut from = 0;
            for span in spans {
                left.push_str(&object[from..span.start]);
                from = span.end;
            }
            left.push_str(&object[from..]);
            assert_eq!(left, want, "{object}");
        }
    }

    #[test]
    fn a_name_that_occurs_twice_is_believed_in_neither_place() {
        let tree = Tree::read(br#"{"a":1,"a":2,"b":3,"c":4}"#).expect("well-formed");
        let fields = Fields::of(&tree, tree.root()).expect("an object");
        assert!(fields.one(b"a").is_none());
        assert!(fields.one(b"b").is_some_and(|found| found.is_some()));
        assert!(fields.either(&[b"b", b"c"]).is_none());
        assert!(fields.either(&[b"b", b"d"]).is_some_and(|found| found.is_some()));
    }
}

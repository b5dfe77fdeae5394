//! A text with tables, back to the JSON it stands for.
//!
//! Gives the one spelling of [`super::plain`]. Run on every text before it is
//! sent, against what was meant; a text that is not ours gives `None` or something else
//! than was meant, never a panic.

use super::cell::{self, ABSENT, Holds};
use super::page::{END_MAP, END_TABLE, LINES, MAP, TABLE};
use super::plain::{self, Sink};
use super::shape::Shape;
use super::table::{ALWAYS, GROUP, INNER_KEY, KEY, SELDOM, USUALLY};
use super::tape::{Tape, plain_len, unescape};
use super::{
    cut::Cuts,
    name::{self, Step},
};
use crate::marker;
use std::borrow::Cow;

/// The JSON that `text` stands for; `None` when it is none of ours.
pub fn decode(text: &str) -> Option<String> {
    let mut json = String::with_capacity(text.len() * 2);
    decode_to(text, &mut json).then_some(json)
}

/// Puts the JSON that `text` stands for; false when it is none of ours.
pub fn decode_to(text: &str, to: &mut impl Sink) -> bool {
    let Some((legend, body)) = text.split_once('\n') else { return false };
    let Some(legend) = legend.strip_prefix(marker::OPEN) else { return false };
    if body.starts_with(['{', '[', '<']) && !marker::is_marker(body.lines().next().unwrap_or("")) {
        return json(body, to).is_some();
    }
    let form = if legend.starts_with(LINES) { Form::Lines } else { Form::List };
    let mut lines = Lines { rest: body };
    table(&mut lines, form, "", to).is_some()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    List,
    Lines,
    Map,
    Maps,
    Groups,
    Arrays,
}

struct Lines<'a> {
    rest: &'a str,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.rest.as_bytes());
        let (line, rest) = match end {
            Some(end) => (&self.rest[..end], &self.rest[end + 1..]),
            None => (self.rest, ""),
        };
        self.rest = rest;
        Some(line)
    }

    /// Passes over `end`, when the next thing is that (no line break needed after it).
    fn passes(&mut self, end: &str) -> bool {
        match self.rest.strip_prefix(end) {
            Some(rest) if !end.is_empty() => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }
}

/// JSON with tables in it: everything but the tables goes as it is.
fn json(body: &str, to: &mut impl Sink) -> Option<()> {
    let mut rest = body;
    while let Some(at) = memchr::memchr2(b'"', b'<', rest.as_bytes()) {
        to.put(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('"') {
            let len = 2 + string_len(&rest[1..])?;
            to.put(&rest[..len]);
            rest = &rest[len..];
            continue;
        }
        let (form, end) = match rest {
            _ if rest.starts_with(TABLE) => (Form::List, END_TABLE),
            _ if rest.starts_with(MAP) => (Form::Map, END_MAP),
            _ => return None,
        };
        let mut lines = Lines { rest };
        lines.next()?;
        table(&mut lines, form, end, to)?;
        rest = lines.rest;
    }
    to.put(rest);
    Some(())
}

/// How long a string is, up to its closing quote.
fn string_len(inside: &str) -> Option<usize> {
    let mut end = 0;
    loop {
        end += plain_len(inside.as_bytes().get(end..)?);
        match inside.as_bytes().get(end)? {
            b'"' => return inside.is_char_boundary(end).then_some(end),
            _ => end += 2,
        }
    }
}

/// How a key of the rows is filled.
enum Fill<'a> {
    Cell { holds: Holds, prefix: &'a str, shape: Shape<'static> },
    Shared(String),
    Derived(Vec<Part<'a>>),
    Ends,
    UsuallyShared(String),
}

enum Part<'a> {
    Text(&'a str),
    Key(usize),
}

struct Key<'a> {
    path: Vec<Step<'static>>,
    /// For each step what opens it: `"a":`, or nothing for an item.
    labels: Vec<String>,
    /// The keys as the table says them.
    said: &'a str,
    fill: Fill<'a>,
}

/// A table up to `end`, or up to the end of the text.
fn table(lines: &mut Lines<'_>, form: Form, end: &str, to: &mut impl Sink) -> Option<()> {
    let mut placed: Vec<(usize, Key<'_>)> = Vec::new();
    let header = loop {
        let line = lines.next()?;
        if line.starts_with(marker::OPEN) {
            continue;
        }
        let lead = [ALWAYS, USUALLY, SELDOM].into_iter().find(|lead| line.starts_with(lead));
        let Some(lead) = lead else { break line };
        for item in line[lead.len()..].split('\t') {
            placed.push(shared(item, lead)?);
        }
    };
    let (form, header) = match form {
        Form::Map => {
            let header = header.strip_prefix(KEY)?.strip_prefix('\t').unwrap_or("");
            match header.strip_prefix(INNER_KEY) {
                Some(header) => (Form::Maps, header.strip_prefix('\t').unwrap_or("")),
                None => (form, header),
            }
        }
        _ => match header.strip_prefix(GROUP) {
            Some(header) => (Form::Groups, header.strip_prefix('\t').unwrap_or("")),
            None => (form, header),
        },
    };
    let columns = header.split('\t').map(column).collect::<Option<Vec<_>>>()?;
    let width = columns.len();
    let keys = in_place(columns, placed)?;
    let is_arrays = keys.iter().all(|key| matches!(key.path[..], [Step::Item(_)]));
    let form = if is_arrays { Form::Arrays } else { form };
    let mut rows = Rows { width, keys, form, first: true, group: None };
    rows.resolve()?;
    rows.open(to);
    while !lines.passes(end) {
        let Some(line) = lines.next() else { if end.is_empty() { break } else { return None } };
        rows.line(line, to)?;
    }
    rows.close(to);
    Some(())
}

/// `6:status=available`
fn shared<'a>(item: &'a str, lead: &str) -> Option<(usize, Key<'a>)> {
    let (place, rest) = item.split_once(':')?;
    let (path, value) = name::read_path(rest)?;
    let said = &rest[..rest.len() - value.len()];
    let fill = match value.strip_prefix('=') {
        None if lead == SELDOM => Fill::Ends,
        Some(value) if lead == USUALLY => Fill::UsuallyShared(cell_json(value)),
        Some(value) if is_template(value) => Fill::Derived(template(value)),
        Some(value) => Fill::Shared(cell_json(value)),
        None => return None,
    };
    Some((place.parse::<usize>().ok()?.checked_sub(1)?, key(path, said, fill)))
}

fn key<'a>(path: Vec<Step<'static>>, said: &'a str, fill: Fill<'a>) -> Key<'a> {
    let label = |step: &Step<'_>| {
        let mut label = String::new();
        if let Step::Key(name) = step {
            plain::string(name, &mut label);
            label.push(':');
        }
        label
    };
    let labels = path.iter().map(label).collect();
    Key { path, labels, said, fill }
}

/// `prices[amount,category]`, `zip:text`, `self=https://example.org/*`
fn column(header: &str) -> Option<Key<'_>> {
    let (path, rest) = name::read_path(header)?;
    let said = &header[..header.len() - rest.len()];
    let (mut holds, mut prefix, mut shape) = (Holds::Anything, "", Shape::Any);
    if let Some(start) = rest.strip_prefix('=') {
        (holds, prefix) = (Holds::Texts, start.strip_suffix('*')?);
    } else if rest == ":text" {
        holds = Holds::Texts;
    } else {
        shape = Shape::read(rest)?;
    }
    Some(key(path, said, Fill::Cell { holds, prefix, shape }))
}

/// All keys in the order of the objects.
fn in_place<'a>(columns: Vec<Key<'a>>, placed: Vec<(usize, Key<'a>)>) -> Option<Vec<Key<'a>>> {
    let total = columns.len() + placed.len();
    let mut keys: Vec<Option<Key<'a>>> = (0..total).map(|_| None).collect();
    for (place, key) in placed {
        if keys.get(place)?.is_some() {
            return None;
        }
        keys[place] = Some(key);
    }
    let mut columns = columns.into_iter();
    keys.into_iter().map(|key| key.or_else(|| columns.next())).collect()
}

fn is_template(value: &str) -> bool {
    let json = value.starts_with(['"', '[']) || value.starts_with("{\"") || value.starts_with("{}");
    !json && value.contains('{')
}

/// The parts of a template; the keys are looked up later.
fn template(value: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('{') {
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        // The name is kept as text until all keys are known.
        parts.push(Part::Text(name));
        parts.push(Part::Key(usize::MAX));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

struct Rows<'a> {
    width: usize,
    keys: Vec<Key<'a>>,
    form: Form,
    first: bool,
    group: Option<&'a str>,
}

impl<'a> Rows<'a> {
    /// Looks up the keys that templates name.
    fn resolve(&mut self) -> Option<()> {
        let said: Vec<&str> = self.keys.iter().map(|key| key.said).collect();
        for key in &mut self.keys {
            let Fill::Derived(parts) = &mut key.fill else { continue };
            let mut resolved: Vec<Part<'_>> = Vec::with_capacity(parts.len());
            for part in parts.drain(..) {
                match part {
                    Part::Key(_) => {
                        let Some(Part::Text(name)) = resolved.pop() else { return None };
                        resolved.push(Part::Key(said.iter().position(|said| *said == name)?));
                    }
                    text => resolved.push(text),
                }
            }
            *parts = resolved;
        }
        Some(())
    }

    fn open(&self, to: &mut impl Sink) {
        to.put(match self.form {
            Form::List | Form::Groups | Form::Arrays => "[",
            Form::Map | Form::Maps => "{",
            Form::Lines => "",
        });
    }

    fn close(&self, to: &mut impl Sink) {
        to.put(match self.form {
            Form::List | Form::Arrays => "]",
            Form::Groups => {
                if self.group.is_some() {
                    "]]"
                } else {
                    "]"
                }
            }
            Form::Map => "}",
            Form::Maps if self.group.is_some() => "}}",
            Form::Maps => "}",
            Form::Lines => "",
        });
    }

    fn between(&mut self, to: &mut impl Sink) {
        if !std::mem::replace(&mut self.first, false) {
            to.put(if self.form == Form::Lines { "\n" } else { "," });
        }
    }

    fn line(&mut self, line: &'a str, to: &mut impl Sink) -> Option<()> {
        if line.starts_with(marker::OPEN) {
            if self.group.take().is_some() {
                to.put(if self.form == Form::Maps { "}" } else { "]" });
            }
            self.between(to);
            plain::string(line, to);
            if matches!(self.form, Form::Map | Form::Maps) {
                to.put(":null");
            }
            return Some(());
        }
        let mut cells = line.split('\t');
        if 1 < self.width && matches!(self.form, Form::List | Form::Lines) && !line.contains('\t') {
            self.between(to);
            to.put(line);
            return Some(());
        }
        match self.form {
            Form::Map => {
                self.between(to);
                plain::string(&text(cells.next()?, ""), to);
                to.put(":");
            }
            Form::Maps => {
                let outer = cells.next()?;
                match self.group {
                    Some(group) if group == outer => to.put(","),
                    before => {
                        if before.is_some() {
                            to.put("}");
                        }
                        self.between(to);
                        plain::string(&text(outer, ""), to);
                        to.put(":{");
                        self.group = Some(outer);
                    }
                }
                plain::string(&text(cells.next()?, ""), to);
                to.put(":");
            }
            Form::Groups => self.group(cells.next()?, to),
            Form::List | Form::Lines | Form::Arrays => self.between(to),
        }
        let all: Vec<&str> = cells.collect();
        if let ([odd], Form::Map | Form::Maps, 2..) = (&all[..], self.form, self.width) {
            to.put(odd);
            return Some(());
        }
        let ends = match all.len().checked_sub(self.width)? {
            0 => None,
            1 => Some(Tape::read(all[self.width]).ok()?),
            _ => return None,
        };
        self.row(&all, ends.as_ref(), to)
    }

    fn group(&mut self, number: &'a str, to: &mut impl Sink) {
        match self.group {
            Some(group) if group == number => to.put(","),
            before => {
                if before.is_some() {
                    to.put("]");
                }
                self.between(to);
                to.put("[");
                self.group = Some(number);
            }
        }
    }

    fn row(&self, cells: &[&str], ends: Option<&Tape<'_>>, to: &mut impl Sink) -> Option<()> {
        let ends: Vec<_> = ends.map_or_else(Vec::new, |tape| {
            tape.members(tape.roots()[0]).map(|(key, value)| (tape.said(key), tape, value)).collect()
        });
        let mut open: Vec<(&Step<'_>, &str)> = Vec::new();
        let mut fresh = true;
        let mut next_cell = 0;
        to.put(if self.form == Form::Arrays { "[" } else { "{" });
        for key in &self.keys {
            let own = matches!(key.fill, Fill::Cell { .. }).then(|| {
                next_cell += 1;
                cells[next_cell - 1]
            });
            let end = match key.fill {
                Fill::Ends | Fill::UsuallyShared(_) => ends.iter().find(|(name, ..)| *name == key.said),
                _ => None,
            };
            if own == Some(ABSENT) || matches!(key.fill, Fill::Ends) && end.is_none() {
                continue;
            }
            let (_, parents) = key.path.split_last()?;
            let same = open.iter().zip(parents).take_while(|((a, _), b)| *a == *b).count();
            while same < open.len()
                && let Some((_, close)) = open.pop()
            {
                to.put(close);
                fresh = false;
            }
            for (depth, parent) in parents.iter().enumerate().skip(same) {
                to.put(if fresh { "" } else { "," });
                to.put(&key.labels[depth]);
                let is_array = key.path[depth + 1] == Step::Only;
                to.put(if is_array { "[" } else { "{" });
                open.push((parent, if is_array { "]" } else { "}" }));
                fresh = true;
            }
            to.put(if fresh { "" } else { "," });
            to.put(&key.labels[parents.len()]);
            fresh = false;
            match (&key.fill, end) {
                (_, Some((_, tape, value))) => plain::value(tape, *value, &Cuts::none(), to),
                (Fill::Cell { holds, prefix, shape }, _) => cell_to(own?, *holds, prefix, shape, to),
                (Fill::Shared(json) | Fill::UsuallyShared(json), _) => to.put(json),
                (Fill::Derived(parts), _) => self.derived(parts, cells, to)?,
                (Fill::Ends, None) => {}
            }
        }
        for (_, close) in open.iter().rev() {
            to.put(close);
        }
        to.put(if self.form == Form::Arrays { "]" } else { "}" });
        Some(())
    }

    fn derived(&self, parts: &[Part<'_>], cells: &[&str], to: &mut impl Sink) -> Option<()> {
        let source = |number: usize| {
            let Fill::Cell { holds, prefix, shape } = &self.keys[number].fill else { return None };
            let before =
                self.keys[..number].iter().filter(|key| matches!(key.fill, Fill::Cell { .. })).count();
            Some((cells[before], *holds, *prefix, shape))
        };
        if let [Part::Key(number)] = parts {
            let (cell, holds, prefix, shape) = source(*number)?;
            cell_to(cell, holds, prefix, shape, to);
            return Some(());
        }
        let mut said = String::new();
        for part in parts {
            match part {
                Part::Text(text) => said.push_str(text),
                Part::Key(number) => {
                    let (cell, _, prefix, _) = source(*number)?;
                    said.push_str(&text(cell, prefix));
                }
            }
        }
        plain::string(&said, to);
        Some(())
    }
}

/// A cell of any kind, as JSON.
fn cell_json(cell: &str) -> String {
    let mut json = String::new();
    cell_to(cell, Holds::Anything, "", &Shape::Any, &mut json);
    json
}

fn cell_to(cell: &str, holds: Holds, prefix: &str, shape: &Shape<'_>, to: &mut impl Sink) {
    match cell.as_bytes().first() {
        Some(b'[' | b'{') => match shape {
            Shape::Any => to.put(cell),
            shape => match Tape::read(cell) {
                Ok(tape) => shape.unwrite(&tape, tape.roots()[0], to),
                Err(_) => to.put(cell),
            },
        },
        Some(b'"') if prefix.is_empty() => to.put(cell),
        _ if holds == Holds::Anything && cell::is_word(cell) => to.put(cell),
        _ => plain::string(&text(cell, prefix), to),
    }
}

/// What a cell with a string says.
fn text<'c>(cell: &'c str, prefix: &str) -> Cow<'c, str> {
    let quoted = cell.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let said = quoted.map_or(Cow::Borrowed(cell), |inside| Cow::Owned(unescape(inside)));
    if prefix.is_empty() { said } else { Cow::Owned(format!("{prefix}{said}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_is_no_panic() {
        let legend = marker::legend(LINES);
        for body in [
            "",
            "\"",
            "a\tb\n1",
            "in every row: x\na\n",
            "in every row: 9:a=1\nb\n2\n",
            "<table",
            "{\"a\":<table 3 rows>\n",
            "<map 1 rows>\n\n</map>",
            "in every row: 1:a={b\nc\n1",
            "a[b\n",
            "a=x\n",
            "(array)\n1",
        ] {
            let _ = decode(&format!("{legend}\n{body}"));
        }
        assert_eq!(decode("no legend"), None);
    }
}

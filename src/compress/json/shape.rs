//! Arrays of like objects inside a cell: the keys go to the header, the cell
//! holds arrays of values.
//!
//! `prices[amount,category]` over a cell `[[90250,7],[66500,8]]` stands for
//! `[{"amount":90250,"category":7},{"amount":66500,"category":8}]`. Whatever
//! does not fit stays JSON: where an object is expected, an array means "by
//! these keys", anything else is itself.

use super::cut::{Cut, Cuts};
use super::name;
use super::plain::{self, Against, Sink};
use super::tape::{At, Sort, Tape, plain_len};
use std::borrow::Cow;

/// Shapes nest this deep; what is deeper is JSON.
const DEEPEST: usize = 6;

/// Fewer objects than this gain nothing by naming their keys in the header.
const FEWEST: usize = 2;

/// A value that fewer objects share stays in each.
const FEWEST_FIXED: usize = 3;

/// A shared value longer than this, in bytes of the source, stays in each object: a header is to be read.
const LONGEST_FIXED: usize = 160;

/// What all the cells of a column, or all values at one place inside them, look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape<'a> {
    /// Any JSON.
    Any,
    /// An array of values of one shape.
    List(Box<Shape<'a>>),
    /// An object with exactly these keys, written as an array of its values.
    Record(Keys<'a>),
    /// The same value everywhere, spelled plainly; it stands in the header only.
    Fixed(String),
}

/// The keys of an object, in order, each with the shape of its value.
pub type Keys<'a> = Vec<(Cow<'a, str>, Shape<'a>)>;

impl<'a> Shape<'a> {
    /// The shape of `values`; recursion ends at a fixed depth.
    pub fn of(tape: &Tape<'a>, values: &[At]) -> Shape<'a> {
        Shape::at_depth(tape, values, 0)
    }

    fn at_depth(tape: &Tape<'a>, values: &[At], depth: usize) -> Shape<'a> {
        let (mut arrays, mut objects) = (Vec::new(), Vec::new());
        for value in values {
            match tape.sort(*value) {
                Sort::Array => arrays.push(*value),
                Sort::Object => objects.push(*value),
                _ => {}
            }
        }
        match (arrays.is_empty(), objects.is_empty()) {
            _ if depth == DEEPEST => Shape::Any,
            (false, true) => {
                let items: Vec<At> = arrays
                    .iter()
                    .flat_map(|array| tape.inside(*array))
                    .filter(|item| tape.is_nest(*item))
                    .collect();
                match Shape::at_depth(tape, &items, depth + 1) {
                    Shape::Any => Shape::Any,
                    shape => Shape::List(Box::new(shape)),
                }
            }
            // At the outermost level an object that was not opened into columns is no record.
            (true, false) if depth != 0 => Shape::record(tape, &objects, depth),
            _ => Shape::Any,
        }
    }

    fn record(tape: &Tape<'a>, objects: &[At], depth: usize) -> Shape<'a> {
        let first = objects[0];
        let like: Vec<At> =
            objects.iter().copied().filter(|object| has_keys_of(tape, *object, first)).collect();
        if like.len() < FEWEST || like.len() * 10 < objects.len() * 7 || tape.is_empty(first) {
            return Shape::Any;
        }
        let mut columns: Vec<(Cow<'a, str>, Vec<At>)> =
            tape.members(first).map(|(key, _)| (tape.said(key), Vec::with_capacity(like.len()))).collect();
        for object in &like {
            for (column, (_, value)) in columns.iter_mut().zip(tape.members(*object)) {
                column.1.push(value);
            }
        }
        let mut keys: Keys<'a> = columns
            .iter()
            .map(|(name, values)| {
                let shape = fixed(tape, values).unwrap_or_else(|| Shape::at_depth(tape, values, depth + 1));
                (name.clone(), shape)
            })
            .collect();
        if keys.iter().all(|(_, shape)| shape.is_fixed()) {
            keys[0].1 = Shape::at_depth(tape, &columns[0].1, depth + 1);
        }
        Shape::Record(keys)
    }

    /// The shape as the header says it: `[a,b[c,d]]`.
    pub fn say(&self, to: &mut String) {
        match self {
            Shape::Any => {}
            Shape::Fixed(value) => {
                to.push('=');
                to.push_str(value);
            }
            Shape::List(item) => {
                to.push('[');
                match &**item {
                    Shape::Record(keys) => say_keys(keys, to),
                    other => other.say(to),
                }
                to.push(']');
            }
            Shape::Record(keys) => {
                to.push('{');
                say_keys(keys, to);
                to.push('}');
            }
        }
    }

    /// Reads a shape as the header says it, up to the end of `said`.
    pub fn read(said: &str) -> Option<Shape<'static>> {
        let (shape, rest) = read_shape(said, 0)?;
        rest.is_empty().then_some(shape)
    }

    fn is_fixed(&self) -> bool {
        matches!(self, Shape::Fixed(_))
    }

    /// Writes `at` by this shape.
    pub fn write(&self, tape: &Tape<'_>, at: At, cuts: &Cuts, to: &mut impl Sink) {
        match (self, tape.sort(at)) {
            (Shape::List(item), Sort::Array) => {
                to.put("[");
                let (mut next, end) = (At(at.0 + 1), tape.past(at));
                while next != end {
                    if next.0 != at.0 + 1 {
                        to.put(",");
                    }
                    next = match cuts.at(next) {
                        Some(Cut::Gap { until, what }) => {
                            to.put("\"");
                            to.gap(what);
                            to.put("\"");
                            *until
                        }
                        _ => {
                            item.write(tape, next, cuts, to);
                            tape.past(next)
                        }
                    };
                }
                to.put("]");
            }
            (Shape::Record(keys), Sort::Object) if fits(tape, at, keys, cuts) => {
                let mut before = "[";
                for ((_, shape), (_, value)) in keys.iter().zip(tape.members(at)) {
                    if shape.is_fixed() {
                        continue;
                    }
                    to.put(before);
                    before = ",";
                    match cuts.at(value) {
                        Some(Cut::Gap { .. }) => plain::value(tape, value, cuts, to),
                        _ => shape.write(tape, value, cuts, to),
                    }
                }
                to.put("]");
            }
            _ => plain::value(tape, at, cuts, to),
        }
    }

    /// Writes back as JSON what [`Shape::write`] wrote; `at` is on the tape of the cell.
    pub fn unwrite(&self, tape: &Tape<'_>, at: At, to: &mut impl Sink) {
        match (self, tape.sort(at)) {
            (Shape::List(item), Sort::Array) => {
                to.put("[");
                for (index, value) in tape.inside(at).enumerate() {
                    if index != 0 {
                        to.put(",");
                    }
                    item.unwrite(tape, value, to);
                }
                to.put("]");
            }
            (Shape::Record(keys), Sort::Array) => {
                to.put("{");
                let mut values = tape.inside(at);
                for (index, (name, shape)) in keys.iter().enumerate() {
                    if index != 0 {
                        to.put(",");
                    }
                    plain::string(name, to);
                    to.put(":");
                    match (shape, shape.is_fixed().then_some(at).or_else(|| values.next())) {
                        (Shape::Fixed(value), _) => to.put(value),
                        (shape, Some(value)) => shape.unwrite(tape, value, to),
                        (_, None) => {}
                    }
                }
                to.put("}");
            }
            _ => plain::value(tape, at, &Cuts::none(), to),
        }
    }
}

/// What all `values` are, when they are many, short, and the same.
fn fixed<'a>(tape: &Tape<'a>, values: &[At]) -> Option<Shape<'a>> {
    let first = *values.first()?;
    let all = FEWEST_FIXED <= values.len()
        && tape.source_len(first) <= LONGEST_FIXED
        && values.iter().all(|value| tape.same(first, *value));
    all.then(|| {
        let mut json = String::new();
        plain::value(tape, first, &Cuts::none(), &mut json);
        Shape::Fixed(json)
    })
}

fn has_keys_of(tape: &Tape<'_>, one: At, other: At) -> bool {
    let (mut a, mut b) = (tape.members(one), tape.members(other));
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some((x, _)), Some((y, _))) if tape.same(x, y) => {}
            _ => return false,
        }
    }
}

/// True for an object that has exactly `keys`, none of them left out.
fn fits(tape: &Tape<'_>, at: At, keys: &[(Cow<'_, str>, Shape<'_>)], cuts: &Cuts) -> bool {
    let mut members = tape.members(at);
    let fits = |key: At, value: At, name: &str, shape: &Shape<'_>| {
        let is_fixed_otherwise = match shape {
            Shape::Fixed(json) => {
                let mut meant = Against::text(json);
                plain::value(tape, value, cuts, &mut meant);
                !meant.met()
            }
            _ => false,
        };
        cuts.at(key).is_none() && tape.said(key) == name && !is_fixed_otherwise
    };
    keys.iter().all(|(name, shape)| members.next().is_some_and(|(key, value)| fits(key, value, name, shape)))
        && members.next().is_none()
}

fn say_keys(keys: &[(Cow<'_, str>, Shape<'_>)], to: &mut String) {
    for (index, (name, shape)) in keys.iter().enumerate() {
        if index != 0 {
            to.push(',');
        }
        name::say(name, to);
        shape.say(to);
    }
}

fn read_shape(said: &str, depth: usize) -> Option<(Shape<'static>, &str)> {
    if 2 * DEEPEST < depth {
        return None;
    }
    if let Some(value) = said.strip_prefix('=') {
        let len = json_len(value)?;
        return Some((Shape::Fixed(value[..len].to_owned()), &value[len..]));
    }
    if let Some(inside) = said.strip_prefix('{') {
        let (keys, rest) = read_keys(inside, depth)?;
        return Some((Shape::Record(keys), rest.strip_prefix('}')?));
    }
    let Some(inside) = said.strip_prefix('[') else { return Some((Shape::Any, said)) };
    if inside.starts_with(['[', '{']) {
        let (item, rest) = read_shape(inside, depth + 1)?;
        return Some((Shape::List(Box::new(item)), rest.strip_prefix(']')?));
    }
    let (keys, rest) = read_keys(inside, depth)?;
    Some((Shape::List(Box::new(Shape::Record(keys))), rest.strip_prefix(']')?))
}

fn read_keys(said: &str, depth: usize) -> Option<(Keys<'static>, &str)> {
    let mut keys = Vec::new();
    let mut rest = said;
    loop {
        let (name, after) = name::read(rest)?;
        let (shape, after) = read_shape(after, depth + 1)?;
        keys.push((Cow::Owned(name), shape));
        match after.strip_prefix(',') {
            Some(after) => rest = after,
            None => return Some((keys, after)),
        }
    }
}

/// How long the plainly spelled value is that `said` begins with.
fn json_len(said: &str) -> Option<usize> {
    let bytes = said.as_bytes();
    let (mut at, mut depth) = (0, 0usize);
    loop {
        match bytes.get(at) {
            Some(b'"') => {
                at += 1;
                loop {
                    at += plain_len(bytes.get(at..)?);
                    match bytes.get(at)? {
                        b'"' => break,
                        _ => at += 2,
                    }
                }
            }
            Some(b'[' | b'{') => depth += 1,
            Some(b']' | b'}') if depth != 0 => depth -= 1,
            Some(b',' | b']' | b'}') | None if depth == 0 => return Some(at),
            None => return None,
            _ => {}
        }
        at += 1;
    }
}

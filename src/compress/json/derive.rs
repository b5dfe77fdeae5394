//! Columns that other columns already say: a copy, or an address made of them.
//!
//! Only addresses (`…://…`) are put together, and never the ones that a reader
//! would hand on: those stay in view, letter for letter.

use super::cell;
use super::fields::Grid;
use super::name::{self, Step};
use super::table::{Column, Role};
use super::tape::Tape;
use std::borrow::Cow;

/// Keys of addresses that people open: never put together from parts.
const OPENED: &[&str] =
    &["html_url", "web_url", "url", "link", "href", "permalink", "uri", "image", "endpoint"];

/// Tables with more columns than this are not searched for derived ones.
const WIDEST: usize = 200;

/// So many columns that look like the source of a copy are compared row by row.
const TRIED: usize = 8;

/// Longer addresses, in bytes, are not put together.
const LONGEST: usize = 300;

/// A part of a derived column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// This text.
    Text(String),
    /// What the column of this number says.
    Column(usize),
}

/// Writes the parts as a template: `https://example.org/{owner.login}/{name}`.
pub fn say(parts: &[Part], columns: &[Column<'_>]) -> String {
    parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Column(number) => format!("{{{}}}", columns[*number].name),
        })
        .collect()
}

/// Finds the columns that others say, and marks them.
pub fn find<'a>(tape: &Tape<'a>, grid: &Grid<'a>, columns: &mut [Column<'a>]) {
    if WIDEST < columns.len() || grid.rows() < 3 {
        return;
    }
    let Some(probes) = probes(grid) else { return };
    let full: Vec<usize> = (0..columns.len())
        .filter(|number| matches!(columns[*number].role, Role::Cells { .. }))
        .filter(|number| grid.column(*number).zip(&grid.odd).all(|(at, odd)| *odd || at.is_some()))
        .collect();
    let mut used = vec![false; columns.len()];
    let mut shortest_first = full.clone();
    shortest_first.sort_by_key(|number| said_at(tape, grid, *number, probes[0]).len());
    for number in shortest_first {
        let sources = full.iter().copied().filter(|source| {
            *source != number
                && matches!(columns[*source].role, Role::Cells { .. })
                && columns[*source].name.split('.').all(|step| name::is_simple(step) || step == "0")
        });
        if used[number] {
            continue;
        }
        let sources: Vec<usize> = sources.collect();
        let derived = copy_of(tape, grid, number, &sources, &probes)
            .or_else(|| address_of(tape, grid, number, &columns[number].name, &sources, &probes));
        if let Some(parts) = derived {
            for part in &parts {
                if let Part::Column(source) = part {
                    used[*source] = true;
                }
            }
            columns[number].role = Role::Derived(parts);
        }
    }
}

/// The rows at which a guess is tried first: begin, middle and end.
fn probes(grid: &Grid<'_>) -> Option<[usize; 3]> {
    let even: Vec<usize> = (0..grid.rows()).filter(|row| !grid.odd[*row]).collect();
    Some([*even.first()?, even[even.len() / 2], *even.last()?])
}

fn said_at<'a>(tape: &Tape<'a>, grid: &Grid<'_>, column: usize, row: usize) -> Cow<'a, str> {
    match grid.cell(column, row) {
        Some(at) if !tape.is_nest(at) => tape.said(at),
        _ => Cow::Borrowed(""),
    }
}

/// A column whose every cell is the same value as in another column.
fn copy_of(
    tape: &Tape<'_>,
    grid: &Grid<'_>,
    number: usize,
    sources: &[usize],
    probes: &[usize; 3],
) -> Option<Vec<Part>> {
    let same = |source: usize, row: usize| match (grid.cell(number, row), grid.cell(source, row)) {
        (Some(a), Some(b)) => tape.same(a, b),
        (None, None) => true,
        _ => false,
    };
    let source = sources
        .iter()
        .copied()
        .filter(|source| probes.iter().all(|row| same(*source, *row)))
        .take(TRIED)
        .find(|source| (0..grid.rows()).all(|row| same(*source, row)))?;
    Some(vec![Part::Column(source)])
}

/// A column of addresses that are put together from other columns.
fn address_of(
    tape: &Tape<'_>,
    grid: &Grid<'_>,
    number: usize,
    name: &str,
    sources: &[usize],
    probes: &[usize; 3],
) -> Option<Vec<Part>> {
    if is_opened(name) {
        return None;
    }
    let first = said_at(tape, grid, number, probes[0]);
    let is_address =
        first.len() <= LONGEST && first.contains("://") && cell::is_bare(&first, cell::Holds::Texts);
    if !is_address || first.contains(['{', '}']) {
        return None;
    }
    let is_inside = |source: &usize| {
        probes.iter().all(|row| {
            let part = said_at(tape, grid, *source, *row);
            !part.is_empty() && part.len() <= LONGEST && said_at(tape, grid, number, *row).contains(&*part)
        })
    };
    let mut inside: Vec<usize> = sources.iter().copied().filter(is_inside).collect();
    inside.sort_by_key(|source| std::cmp::Reverse(said_at(tape, grid, *source, probes[0]).len()));
    let mut parts = vec![Part::Text(first.into_owned())];
    for source in inside {
        let said = said_at(tape, grid, source, probes[0]);
        parts = parts.into_iter().flat_map(|part| split_off(part, &said, source)).collect();
    }
    if !parts.iter().any(|part| matches!(part, Part::Column(_))) {
        return None;
    }
    let all = (0..grid.rows()).filter(|row| !grid.odd[*row]).all(|row| {
        let is_text = grid.cell(number, row).is_some_and(|at| tape.is_string(at));
        is_text && says(tape, grid, &parts, row, &said_at(tape, grid, number, row))
    });
    all.then_some(parts)
}

/// Cuts `said` out of a text, at its first place.
fn split_off(part: Part, said: &str, source: usize) -> Vec<Part> {
    let Part::Text(text) = &part else { return vec![part] };
    let Some((before, after)) = text.split_once(said) else { return vec![part] };
    let mut parts = Vec::with_capacity(3);
    if !before.is_empty() {
        parts.push(Part::Text(before.to_owned()));
    }
    parts.push(Part::Column(source));
    if !after.is_empty() {
        parts.push(Part::Text(after.to_owned()));
    }
    parts
}

fn says(tape: &Tape<'_>, grid: &Grid<'_>, parts: &[Part], row: usize, said: &str) -> bool {
    let mut rest = said;
    for part in parts {
        let next = match part {
            Part::Text(text) => rest.strip_prefix(text.as_str()),
            Part::Column(source) => match grid.cell(*source, row) {
                Some(at) if !tape.is_nest(at) => rest.strip_prefix(&*tape.said(at)),
                _ => None,
            },
        };
        match next {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

fn is_opened(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    OPENED.contains(&last.as_str())
}

/// What all the addresses of a column begin with, up to a slash; empty when it is not worth naming.
pub fn address_prefix(tape: &Tape<'_>, grid: &Grid<'_>, number: usize) -> String {
    let mut shared: Option<Cow<'_, str>> = None;
    let mut rows = 0;
    for at in grid.column(number).flatten() {
        rows += 1;
        let said = tape.said(at);
        shared = Some(match shared {
            None => said,
            Some(prefix) => {
                let same = prefix.bytes().zip(said.bytes()).take_while(|(a, b)| a == b).count();
                let same = (0..=same).rev().find(|end| prefix.is_char_boundary(*end)).unwrap_or(0);
                Cow::Owned(prefix[..same].to_owned())
            }
        });
        if shared.as_ref().is_some_and(|prefix| prefix.len() < 12) {
            return String::new();
        }
    }
    let shared = shared.unwrap_or_default();
    let prefix = shared.rfind('/').map_or("", |slash| &shared[..=slash]);
    let name = grid.paths[number].last().map_or("", Step::key);
    let worth = 5 <= rows && 12 <= prefix.len() && prefix.contains("://") && !is_opened(name);
    if worth && cell::is_bare(prefix, cell::Holds::Texts) && !prefix.contains('*') {
        prefix.to_owned()
    } else {
        String::new()
    }
}

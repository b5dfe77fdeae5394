//! Arrays that stand side by side in one object and are equally long:
//! `{"time": […], "temperature": […]}`. What one of them keeps all of them
//! keep, so that the places still belong together.

use super::column;
use super::cut::Cuts;
use super::query::Query;
use super::select::{self, Held, Pick, Unit, Why};
use super::tape::{At, Sort, Tape};

/// Shorter arrays all stay.
const FEWEST: usize = 24;

/// What is shorter than this in all, in bytes, stays as it is.
const SHORT: usize = 1_200;

/// Arrays side by side, at most.
const WIDEST: usize = 64;

/// Leaves items out of such arrays until `share` thousandths stay; gives the arrays back, in order.
pub fn choose(tape: &Tape<'_>, query: &Query, share: usize, cuts: &mut Cuts) -> Vec<At> {
    let mut done = Vec::new();
    let mut next = At(0);
    while next < tape.end() {
        if tape.sort(next) == Sort::Object {
            for arrays in side_by_side(tape, next) {
                shorten(tape, &arrays, query, share, cuts);
                done.extend(arrays);
            }
        }
        next = At(next.0 + 1);
    }
    done.sort_unstable();
    done
}

/// The arrays of scalars in an object that are equally long, two or more together.
fn side_by_side(tape: &Tape<'_>, object: At) -> Vec<Vec<At>> {
    let mut found: Vec<(u32, Vec<At>)> = Vec::new();
    for (_, value) in tape.members(object) {
        let len = (tape.past(value).0 - value.0).saturating_sub(1);
        if tape.sort(value) != Sort::Array
            || (len as usize) < FEWEST
            || tape.inside(value).any(|item| tape.is_nest(item))
        {
            continue;
        }
        match found.iter_mut().find(|(known, _)| *known == len) {
            Some((_, arrays)) if arrays.len() < WIDEST => arrays.push(value),
            Some(_) => {}
            None => found.push((len, vec![value])),
        }
    }
    found.into_iter().map(|(_, arrays)| arrays).filter(|arrays| 1 < arrays.len()).collect()
}

fn shorten(tape: &Tape<'_>, arrays: &[At], query: &Query, share: usize, cuts: &mut Cuts) {
    let items: Vec<Vec<At>> = arrays.iter().map(|array| tape.inside(*array).collect()).collect();
    let count = items[0].len();
    let mut picks: Vec<Pick> = Vec::new();
    let mut held = Held::by(count, query);
    for place in 0..count {
        for array in &items {
            query.each_in(tape.spelled(array[place]), |number| held.note(place, number));
        }
    }
    picks.extend(held.picks(query));
    for array in &items {
        picks.extend(column::look_at_items(tape, array));
    }
    let last = count - 1;
    picks.extend([0, 1, last - 1, last].map(|unit| Pick { unit, why: Why::Edge, weight: 0.0 }));
    let len = |place: usize| items.iter().map(|array| tape.source_len(array[place]) + 1).sum();
    let units: Vec<Unit> = (0..count).map(|place| Unit { start: items[0][place], len: len(place) }).collect();
    let all: usize = units.iter().map(|unit| unit.len).sum();
    if all < SHORT {
        return;
    }
    let bytes = all * share / 1000;
    let Some(kept) = select::keep(&units, &picks, bytes) else { return };
    for (array, items) in arrays.iter().zip(&items) {
        let units: Vec<Unit> =
            items.iter().zip(&units).map(|(start, unit)| Unit { start: *start, len: unit.len }).collect();
        select::leave_out(&units, &kept, tape.past(*array), "item", &[], cuts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compress::json::plain;

    #[test]
    fn what_one_array_keeps_the_others_keep() {
        let hours: Vec<String> =
            (0..200).map(|hour| format!("\"day {} hour {}\"", hour / 24, hour % 24)).collect();
        let mut degrees: Vec<String> = (0..200).map(|hour| format!("{}.5", hour % 7)).collect();
        degrees[133] = "-41.5".to_owned();
        let text = format!(r#"{{"unit":"C","time":[{}],"t":[{}]}}"#, hours.join(","), degrees.join(","));
        let tape = Tape::read(&text).unwrap();
        let mut cuts = Cuts::none();
        assert_eq!(choose(&tape, &Query::of(""), 100, &mut cuts).len(), 2);
        let mut shown = String::new();
        plain::whole(&tape, &cuts, &mut shown);
        for fact in ["-41.5", "\"day 5 hour 13\"", "\"day 8 hour 7\"", "\"day 0 hour 0\""] {
            assert!(shown.contains(fact), "{fact} is not in view: {shown}");
        }
        assert!(shown.len() * 2 < text.len(), "{shown}");
        let (time, t) = shown.split_once("\"t\":").unwrap();
        let gaps = |shown: &str| shown.matches("left out").count();
        assert_eq!(gaps(time), gaps(t));
    }
}

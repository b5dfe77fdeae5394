//! Which of many units stay in view: a unit is a row, an item, a member, or
//! whatever is kept or left out as one.
//!
//! By reason first, then by weight, then by place, as far as the budget goes;
//! then an even sample of the rest. *Invariant:* the same units, picks and
//! budget give the same choice.

use super::cut::{Cut, Cuts};
use super::query::{Query, Term};
use super::tape::At;
use crate::text::counted;

/// Fewer units than this are all kept.
pub const FEWEST: usize = 8;

/// What a marker between kept units costs, in bytes.
const MARKER: usize = 50;

/// Most units that are kept only as a sample.
const SAMPLE: usize = 12;

/// Why a unit is kept, the most pressing first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It is at an end.
    Edge,
    /// It was asked for.
    Asked,
    /// It tells of trouble.
    Trouble,
    /// It holds a value that few hold.
    Rare,
    /// It holds a largest, a smallest or an outlying number.
    Extreme,
    /// Something changes there for good.
    Turn,
    /// It has something to do with the question.
    Related,
}

impl Why {
    /// How full the budget may be when a unit is kept for this reason, in percent.
    fn share(self) -> usize {
        match self {
            Why::Edge => usize::MAX,
            Why::Asked | Why::Trouble => 150,
            Why::Rare => 130,
            Why::Extreme | Why::Turn => 110,
            Why::Related => 90,
        }
    }
}

/// A unit with a reason to be kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pick {
    /// The unit's number.
    pub unit: usize,
    /// Why.
    pub why: Why,
    /// How much, among those with the same reason.
    pub weight: f64,
}

/// What is kept or left out as one.
#[derive(Clone, Copy, Debug)]
pub struct Unit {
    /// Where a gap would begin.
    pub start: At,
    /// Bytes it takes in view.
    pub len: usize,
}

/// Decides, unit by unit; `None` when so many would stay that it is not worth a gap.
pub fn keep(units: &[Unit], picks: &[Pick], bytes: usize) -> Option<Vec<bool>> {
    let mut order: Vec<&Pick> = picks.iter().collect();
    // Of equals those that lie far apart come first.
    order.sort_by(|a, b| {
        let far = |pick: &Pick| ((pick.unit as u32).reverse_bits(), pick.unit);
        a.why.cmp(&b.why).then(b.weight.total_cmp(&a.weight)).then(far(a).cmp(&far(b)))
    });
    let mut kept = vec![false; units.len()];
    let mut used = 0;
    for pick in order {
        let alone = !pick.unit.checked_sub(1).is_some_and(|before| kept[before]);
        let cost = units[pick.unit].len + if alone { MARKER } else { 0 };
        if !kept[pick.unit] && (used + cost) * 100 <= bytes.saturating_mul(pick.why.share()) {
            kept[pick.unit] = true;
            used += cost;
        }
    }
    sample(units, &mut kept, bytes, used);
    close_small_gaps(units, &mut kept);
    let left: usize = units.iter().zip(&kept).filter(|(_, kept)| !**kept).map(|(unit, _)| unit.len).sum();
    let all: usize = units.iter().map(|unit| unit.len).sum();
    (all < left * 5).then_some(kept)
}

/// Keeps some of the rest, evenly spread.
fn sample(units: &[Unit], kept: &mut [bool], bytes: usize, used: usize) {
    let rest = kept.iter().filter(|kept| !**kept).count();
    let usual = units.iter().map(|unit| unit.len).sum::<usize>() / units.len().max(1) + MARKER;
    let more = ((bytes * 7 / 10).saturating_sub(used) / usual).min(SAMPLE);
    let (mut passed, mut sampled) = (0, 0);
    for (kept, unit) in kept.iter_mut().zip(units) {
        if *kept {
            continue;
        }
        passed += 1;
        if sampled < more && (sampled + 1) * rest / (more + 1) < passed && unit.len <= usual * 3 {
            *kept = true;
            sampled += 1;
        }
    }
}

/// A gap that costs more than what is in it is none.
fn close_small_gaps(units: &[Unit], kept: &mut [bool]) {
    let mut index = 0;
    while index < units.len() {
        let end = (index..units.len()).find(|next| kept[*next]).unwrap_or(units.len());
        if units[index..end].iter().map(|unit| unit.len).sum::<usize>() <= MARKER + 20 {
            kept[index..end].fill(true);
        }
        index = end + 1;
    }
}

/// The first unit and one past the last of each gap.
pub fn gaps(kept: &[bool]) -> Vec<(usize, usize)> {
    let mut gaps = Vec::new();
    let mut index = 0;
    while index < kept.len() {
        let end = (index..kept.len()).find(|next| kept[*next]).unwrap_or(kept.len());
        if index < end {
            gaps.push((index, end));
        }
        index = end + 1;
    }
    gaps
}

/// Writes down each gap: how many, and which, as far as `which` says it.
pub fn leave_out(units: &[Unit], kept: &[bool], past: At, noun: &str, which: &[String], cuts: &mut Cuts) {
    for (number, (from, to)) in gaps(kept).into_iter().enumerate() {
        let mut what = match number {
            0 => format!("{} of {} left out", to - from, counted(units.len(), noun)),
            _ => format!("{} left out", counted(to - from, noun)),
        };
        if let Some(which) = which.get(number).filter(|which| !which.is_empty()) {
            what.push_str(": ");
            what.push_str(which);
        }
        let until = units.get(to).map_or(past, |unit| unit.start);
        cuts.cut(units[from].start, Cut::Gap { until, what });
    }
}

/// Which terms each unit holds, and what they tell.
#[derive(Debug)]
pub struct Held {
    held: Vec<(usize, usize)>,
    units: usize,
    in_units: Vec<usize>,
    last_in: Vec<usize>,
}

impl Held {
    /// Nothing held yet, by so many units.
    pub fn by(units: usize, query: &Query) -> Held {
        Held {
            held: Vec::new(),
            units,
            in_units: vec![0; query.len()],
            last_in: vec![usize::MAX; query.len()],
        }
    }

    /// Notes that `unit` holds the term of this number; units come in order.
    pub fn note(&mut self, unit: usize, number: usize) {
        if self.last_in[number] != unit {
            self.last_in[number] = unit;
            self.in_units[number] += 1;
            self.held.push((unit, number));
        }
    }

    /// The units that were asked for, that have to do with the question, and that tell of trouble.
    pub fn picks(&self, query: &Query) -> Vec<Pick> {
        let units = self.units;
        let (mut asked, mut trouble, mut exact) = (vec![0.0; units], vec![0.0; units], vec![false; units]);
        for &(unit, number) in &self.held {
            let told = self.tells(number);
            match query.term(number) {
                Term::Exact => {
                    asked[unit] += 2.0 * told;
                    exact[unit] |= self.in_units[number] * 8 <= units.max(64);
                }
                Term::Word => asked[unit] += told,
                Term::Trouble if self.in_units[number] * 3 <= units => trouble[unit] += told,
                Term::Trouble => {}
            }
        }
        let best = asked.iter().copied().fold(0.0, f64::max);
        let near_best = asked.iter().filter(|score| best * 0.7 <= **score).count();
        let mut picks = Vec::new();
        for unit in 0..units {
            if 0.0 < asked[unit] {
                let clearly = exact[unit] || best * 0.7 <= asked[unit] && near_best * 6 <= units.max(48);
                let why = if clearly { Why::Asked } else { Why::Related };
                picks.push(Pick { unit, why, weight: 10.0 + asked[unit] });
            }
            if 0.0 < trouble[unit] {
                picks.push(Pick { unit, why: Why::Trouble, weight: trouble[unit] });
            }
        }
        picks
    }

    /// How much a term tells: nothing when it is in half of the units.
    fn tells(&self, number: usize) -> f64 {
        let (all, with) = (self.units as f64, self.in_units[number] as f64);
        ((all - with + 0.5) / (with + 0.5)).ln().max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(count: usize, len: usize) -> Vec<Unit> {
        (0..count).map(|unit| Unit { start: At(unit as u32), len }).collect()
    }

    #[test]
    fn the_budget_bounds_what_is_kept_and_the_pressing_come_first() {
        let picks: Vec<Pick> = (0..100)
            .map(|unit| Pick { unit, why: if unit < 50 { Why::Rare } else { Why::Asked }, weight: 0.0 })
            .collect();
        let kept = keep(&units(100, 100), &picks, 2_000).unwrap();
        assert!(kept[50..].contains(&true) && !kept[..50].contains(&true));
        assert!(kept.iter().filter(|kept| **kept).count() * 100 <= 3_000);
    }

    #[test]
    fn where_nearly_all_would_stay_all_stay() {
        let picks: Vec<Pick> = (0..90).map(|unit| Pick { unit, why: Why::Edge, weight: 0.0 }).collect();
        assert_eq!(keep(&units(100, 100), &picks, 2_000), None);
    }

    #[test]
    fn a_sample_is_spread_evenly() {
        let kept = keep(&units(1_000, 100), &[], 3_000).unwrap();
        let kept: Vec<usize> = (0..1_000).filter(|unit| kept[*unit]).collect();
        assert!(6 <= kept.len());
        assert!(kept.windows(2).all(|pair| pair[1] - pair[0] <= 200), "{kept:?}");
    }

    #[test]
    fn a_gap_smaller_than_its_marker_is_closed() {
        let mut some = units(40, 100);
        some[10].len = 20;
        let picks: Vec<Pick> = [9, 11].map(|unit| Pick { unit, why: Why::Edge, weight: 0.0 }).to_vec();
        let kept = keep(&some, &picks, 500).unwrap();
        assert!(kept[10]);
    }
}

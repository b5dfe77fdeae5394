//! Which rows stay in view: by reason first, then by weight, then by place, as far as the budget goes.
//!
//! *Invariant:* the same rows, picks and budget give the same choice.

/// What a gap's marker costs, in bytes.
const MARKER: usize = 70;

/// Why a row is kept, the most pressing first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It is at an end, or has no proper shape.
    Edge,
    /// It was asked for.
    Asked,
    /// It tells of trouble.
    Trouble,
    /// It holds what few hold.
    Rare,
    /// It holds a largest, a smallest or an outlying number.
    Extreme,
    /// Something changes there.
    Turn,
    /// It stands for others.
    Related,
}

impl Why {
    /// How full the budget may be when a row is kept for this reason, in percent.
    fn share(self) -> usize {
        match self {
            Why::Edge => 400,
            Why::Asked | Why::Trouble => 160,
            Why::Rare => 140,
            Why::Extreme => 120,
            Why::Turn => 110,
            Why::Related => 60,
        }
    }
}

/// A row with a reason to be kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pick {
    /// The row's number.
    pub row: usize,
    /// Why.
    pub why: Why,
    /// How much, among those with the same reason.
    pub weight: f64,
}

/// Decides row by row; `lengths` are the bytes of each, `budget` the bytes that they may have together.
pub fn keep(lengths: &[usize], mut picks: Vec<Pick>, budget: usize) -> Vec<bool> {
    picks.sort_by(|a, b| a.why.cmp(&b.why).then(b.weight.total_cmp(&a.weight)).then(a.row.cmp(&b.row)));
    let mut kept = vec![false; lengths.len()];
    let mut used = 0_usize;
    for pick in picks {
        if pick.row >= kept.len() || kept[pick.row] {
            continue;
        }
        let alone = !pick.row.checked_sub(1).is_some_and(|before| kept[before]);
        let cost = lengths[pick.row] + if alone { MARKER } else { 0 };
        if (used + cost) * 100 <= budget.saturating_mul(pick.why.share()) {
            kept[pick.row] = true;
            used += cost;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pressing_come_first_and_the_budget_bounds_all() {
        let picks = (0..100)
            .map(|row| Pick { row, why: if row < 50 { Why::Related } else { Why::Asked }, weight: 0.0 })
            .collect();
        let kept = keep(&[100; 100], picks, 1_000);
        assert!(kept[50] && !kept[0]);
        assert!(kept.iter().filter(|kept| **kept).count() <= 16);
    }
}

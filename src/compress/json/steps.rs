//! Columns whose values rise or fall from row to row (times, numbers that
//! count up): where a step is far larger than the others, and where one goes
//! the other way.

/// Fewer values than this have no usual step.
const FEWEST: usize = 12;

/// Places that are named, at most, of each sort.
const MOST: usize = 3;

/// The rows on both sides of each odd step, the oddest first; nothing where values go up and down.
pub fn odd(values: &[(usize, f64)]) -> Vec<usize> {
    if values.len() < FEWEST {
        return Vec::new();
    }
    let steps: Vec<f64> = values.windows(2).map(|pair| pair[1].1 - pair[0].1).collect();
    let rises = steps.iter().filter(|step| 0.0 <= **step).count();
    let falls = steps.iter().filter(|step| **step <= 0.0).count();
    let way = if falls <= rises { 1.0 } else { -1.0 };
    if rises.max(falls) * 20 < steps.len() * 19
        || values.first().map(|at| at.1) == values.last().map(|at| at.1)
    {
        return Vec::new();
    }
    let mut sizes: Vec<f64> = steps.iter().map(|step| step.abs()).collect();
    sizes.sort_unstable_by(f64::total_cmp);
    let usual = sizes[sizes.len() / 2];
    let often = sizes[sizes.len() * 95 / 100];
    let mut back: Vec<(usize, f64)> = Vec::new();
    let mut far: Vec<(usize, f64)> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        if step * way < 0.0 {
            back.push((at, step.abs()));
        } else if usual * 10.0 < step.abs() && often * 4.0 < step.abs() {
            far.push((at, step.abs()));
        }
    }
    let mut rows = Vec::new();
    for mut some in [back, far] {
        some.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        for (at, _) in some.into_iter().take(MOST) {
            rows.extend([values[at].0, values[at + 1].0]);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(values: impl IntoIterator<Item = f64>) -> Vec<(usize, f64)> {
        values.into_iter().enumerate().collect()
    }

    #[test]
    fn a_pause_is_seen_from_both_sides() {
        let times = (0..100).map(|row| f64::from(row) * 30.0 + if 40 <= row { 2_000.0 } else { 0.0 });
        assert_eq!(odd(&numbered(times)), [39, 40]);
    }

    #[test]
    fn a_number_out_of_order_is_seen() {
        let mut ids: Vec<f64> = (0..100).map(f64::from).collect();
        ids[60] = 12.0;
        let rows = odd(&numbered(ids));
        assert!(rows.contains(&60), "{rows:?}");
    }

    #[test]
    fn what_goes_up_and_down_has_no_odd_step() {
        let values = (0..100).map(|row| f64::from(row * 37 % 100));
        assert!(odd(&numbered(values)).is_empty());
        assert!(odd(&numbered((0..100).map(f64::from))).is_empty());
        assert!(odd(&numbered((0..100).map(|_| 7.0))).is_empty());
    }
}

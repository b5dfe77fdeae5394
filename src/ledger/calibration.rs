//! How many of a provider's tokens one o200k token is, for each model whose vocabulary is not public.
//!
//! Worked out from requests that were answered: what the provider says it read, against what the
//! forwarded body comes to in o200k ([`crate::wire::volume`]). *Invariant:* for showing
//! only; no decision and no sum of money depends on it.

use crate::tokens::Vocabulary;
use crate::units::Tokens;
use std::collections::BTreeMap;

/// Requests of a model that there must be.
const LEAST: usize = 8;

/// Requests of a model that count: its latest.
const RECENT: usize = 101;

/// Requests of all models that are looked at: the latest.
pub const LOOKED_AT: u32 = 10_000;

/// Tokens that a request must have: in a small one the provider's own words outweigh the client's.
pub const SMALLEST: Tokens = Tokens(2_000);

/// What one model's tokens are to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calibration {
    /// Tokens of the provider for a thousand of o200k.
    pub per_thousand: u64,
    /// From how many requests.
    pub requests: u64,
}

impl Calibration {
    /// So many o200k tokens in the provider's, to the nearest.
    pub fn of(self, tokens: i64) -> i64 {
        let scaled = i128::from(tokens) * i128::from(self.per_thousand);
        let half = if scaled < 0 { -500 } else { 500 };
        i64::try_from((scaled + half) / 1_000).unwrap_or(tokens)
    }
}

/// The median of each model, over `(model, o200k, the provider's count)`, the latest request first.
pub fn of(requests: impl IntoIterator<Item = (String, Tokens, Tokens)>) -> BTreeMap<String, Calibration> {
    let mut seen: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (model, ours, theirs) in requests {
        if ours < SMALLEST || theirs == Tokens(0) || Vocabulary::of_model(&model).is_some() {
            continue;
        }
        let ratios = seen.entry(model).or_default();
        if ratios.len() < RECENT {
            ratios.push((u128::from(theirs.0) * 1_000 / u128::from(ours.0)) as u64);
        }
    }
    let median = |mut ratios: Vec<u64>| {
        ratios.sort_unstable();
        Calibration { per_thousand: ratios[ratios.len() / 2], requests: ratios.len() as u64 }
    };
    seen.into_iter()
        .filter(|(_, ratios)| LEAST <= ratios.len())
        .map(|(model, ratios)| (model, median(ratios)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(model: &str, ratios: &[u64]) -> Vec<(String, Tokens, Tokens)> {
        ratios.iter().map(|ratio| (model.to_owned(), Tokens(10_000), Tokens(ratio * 10))).collect()
    }

    #[test]
    fn a_model_is_calibrated_by_the_median_of_eight_requests_or_more() {
        let odd = [1_300, 1_310, 1_290, 9_000, 1_305, 1_295, 40, 1_300];
        let calibrated = |requests| of(requests).into_values().next();
        assert_eq!(
            calibrated(requests("claude-opus-5-5", &odd)),
            Some(Calibration { per_thousand: 1_300, requests: 8 })
        );
        assert_eq!(calibrated(requests("claude-opus-5-5", &odd[..7])), None, "too few");
        assert_eq!(calibrated(requests("gpt-5.2", &odd)), None, "its vocabulary is public");
        let small = odd.map(|ratio| ("m".to_owned(), Tokens(1_000), Tokens(ratio)));
        assert_eq!(calibrated(small.into()), None, "too small");
        let changed = [[1_200; 101].as_slice(), &[1_900; 500]].concat();
        assert_eq!(
            calibrated(requests("m", &changed)),
            Some(Calibration { per_thousand: 1_200, requests: 101 }),
            "the latest count"
        );
    }

    #[test]
    fn tokens_are_scaled_to_the_nearest_with_their_sign() {
        let calibration = Calibration { per_thousand: 1_345, requests: 9 };
        for (ours, theirs) in [(0, 0), (1, 1), (1_000, 1_345), (-1_000, -1_345), (3, 4)] {
            assert_eq!(calibration.of(ours), theirs, "{ours}");
        }
    }
}

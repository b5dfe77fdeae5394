//! The sums over all sessions, and how far they would be other with other sessions of the same kind.

use super::session::{Figures, Session, With};
use super::tools::ToolRow;
use crate::ledger::price::Exact;
use crate::receipt::Usage;
use std::collections::BTreeMap;

/// Sessions from which on an interval is told: of fewer, it would tell of their number only.
pub const LEAST: usize = 5;

/// How often the sessions are drawn anew.
const DRAWS: usize = 2_000;

/// Where the draws begin: the same figures give the same interval.
const SEED: u64 = 0x6865_6164_726f_6f6d;

/// What all sessions come to under one profile. Money is summed over those sessions only whose prices are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// The profile, by its place among the names.
    pub profile: usize,
    /// Without headroom, all sessions.
    pub direct: Figures,
    /// With it.
    pub with: Figures,
    /// Money of the sessions whose prices are known: direct, and saved.
    pub money: Option<(Exact, Exact)>,
    /// The share that is saved in 95 of 100 draws, in hundredths of a per cent; `None` of too few sessions.
    pub interval: Option<(i64, i64)>,
    /// How many originals are taken to be asked back.
    pub asked_back: u64,
    /// Sessions that would have cost more than without headroom.
    pub losses: usize,
    /// Sessions whose prices are not known.
    pub unpriced: usize,
    /// What was saved by tool, the most first and losses last.
    pub tools: Vec<ToolRow>,
}

/// Sums up one profile; `None` when no session was looked at under it.
pub fn total(sessions: &[Session], profile: usize) -> Option<Total> {
    let of = |session: &Session| session.with.iter().find(|with| with.profile == profile).cloned();
    let pairs: Vec<(&Session, With)> =
        sessions.iter().filter_map(|session| Some((session, of(session)?))).collect();
    if pairs.is_empty() {
        return None;
    }
    let (mut direct, mut with, mut asked_back) = (Figures::default(), Figures::default(), 0);
    let mut tools: BTreeMap<String, ToolRow> = BTreeMap::new();
    let mut priced: Vec<(i128, i128)> = Vec::new();
    for (session, its) in &pairs {
        direct.add(&session.direct);
        with.add(&its.figures);
        asked_back += its.asked_back;
        if let Some((direct, with)) = session.direct.money.zip(its.figures.money) {
            priced.push((direct.0, direct.0 - with.0));
        }
        for row in &its.tools {
            match tools.get_mut(&row.tool) {
                Some(sum) => sum.add(row),
                None => drop(tools.insert(row.tool.clone(), row.clone())),
            }
        }
    }
    let sums = priced.iter().fold((0, 0), |(direct, saved), of| (direct + of.0, saved + of.1));
    let mut tools: Vec<ToolRow> = tools.into_values().collect();
    tools.sort_by_key(|row| std::cmp::Reverse(row.saved.map_or(0, |saved| saved.0)));
    Some(Total {
        profile,
        direct,
        with,
        money: (!priced.is_empty()).then_some((Exact(sums.0), Exact(sums.1))),
        interval: interval(&priced),
        asked_back,
        losses: priced.iter().filter(|(_, saved)| *saved < 0).count(),
        unpriced: pairs.len() - priced.len(),
        tools,
    })
}

/// A share of money in hundredths of a per cent.
pub fn share(part: i128, whole: i128) -> i64 {
    if whole <= 0 { 0 } else { i64::try_from(part.saturating_mul(10_000) / whole).unwrap_or(0) }
}

/// The middle 95 of 100 shares, of sessions drawn with replacement.
fn interval(sessions: &[(i128, i128)]) -> Option<(i64, i64)> {
    if sessions.len() < LEAST {
        return None;
    }
    let mut chance = SEED;
    let mut shares: Vec<i64> = (0..DRAWS)
        .map(|_| {
            let (mut direct, mut saved) = (0, 0);
            for _ in 0..sessions.len() {
                let drawn = (next(&mut chance) % sessions.len() as u64) as usize;
                direct += sessions[drawn].0;
                saved += sessions[drawn].1;
            }
            share(saved, direct)
        })
        .collect();
    shares.sort_unstable();
    Some((shares[DRAWS * 25 / 1_000], shares[DRAWS * 975 / 1_000 - 1]))
}

/// The next number of a fixed row (SplitMix64).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// How much of the input was read from the cache, in thousandths.
pub fn read_share(usage: &Usage) -> u64 {
    let input = usage.input().0;
    if input == 0 { 0 } else { (u128::from(usage.cache_read.0) * 1_000 / u128::from(input)) as u64 }
}

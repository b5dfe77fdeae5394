use super::*;
use crate::ledger::calibration::Calibration;
use crate::ledger::price::Exact;
use crate::receipt::Usage;
use crate::units::Tokens;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn since_takes_a_span_a_day_or_a_moment() {
    let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
    let zone = TimeZone::fixed(jiff::tz::offset(1));
    let cases = [
        ("7d", Some("2026-11-13T12:00:00Z")),
        ("12h", Some("2026-11-20T00:00:00Z")),
        ("2026-11-01", Some("2026-10-31T23:00:00Z")),
        ("2026-11-01T08:00:00Z", Some("2026-11-01T08:00:00Z")),
        ("yesterday", None),
        ("7", None),
        ("2026-13-01", None),
    ];
    for (when, want) in cases {
        let want = want.map(|want| Millis(want.parse::<Timestamp>().unwrap().as_millisecond()));
        assert_eq!(since(when, now, &zone).ok(), want, "{when}");
    }
}

fn group(name: &str) -> Group {
    Group {
        name: name.to_owned(),
        agents: BTreeSet::new(),
        projects: BTreeSet::new(),
        models: BTreeMap::new(),
        first: Millis(0),
        last: Millis(0),
        sums: Sums::default(),
    }
}

#[test]
fn sessions_are_named_by_as_many_letters_as_it_takes() {
    assert_eq!(letters(&[group("3f2a91c0-aa"), group("77b0c4de-bb")]), 8);
    assert_eq!(letters(&[group("run-00001-a"), group("run-00001-b")]), 11);
    assert_eq!(letters(&[group("run-00001-aaaaaaaaaaaaaaa1"), group("run-00001-aaaaaaaaaaaaaaa2")]), 20);
}

#[test]
fn the_end_of_a_long_path_is_shown() {
    let long = group("/home/ada/projects/2026/client/größer/api");
    assert_eq!(name(&long, By::Project, 8), "…/2026/client/größer/api");
    assert_eq!(name(&group("/home/ada/work"), By::Project, 8), "/home/ada/work");
}

#[test]
fn a_sum_of_money_says_what_it_does_not_know() {
    let known = Sums { priced: 1, saved: Exact(-1_240_000_000_000), ..Sums::default() };
    let cases = [
        ("-$1.24", known),
        ("-$1.24 + ?", Sums { unpriced: 1, ..known }),
        ("-$1.24", Sums { subscription: 1, ..known }),
        ("?", Sums { unpriced: 1, subscription: 1, ..Sums::default() }),
        ("flat", Sums { subscription: 1, ..Sums::default() }),
        ("–", Sums::default()),
    ];
    for (want, sums) in cases {
        assert_eq!(money(&sums), want);
    }
}

#[test]
fn an_estimate_of_the_providers_tokens_is_said_to_be_one() {
    let calibration = Calibration { per_thousand: 1_350, requests: 40 };
    let report = Report {
        calibrations: BTreeMap::from([("claude-opus-5-5".to_owned(), calibration)]),
        total: Sums { requests: 1, first: 10_000, calibrated: 13_500, ..Sums::default() },
        ..Report::nothing(By::Session, &Prices::built_in())
    };
    let said = remarks(&report).join("\n");
    for want in [
        "One o200k token is about 1.35 of claude-opus-5-5's (estimate, from 40 requests).",
        "As the provider counts, that is about 13.5k tokens net (estimate).",
    ] {
        assert!(said.contains(want), "{said}");
    }
}

#[test]
fn old_groups_are_in_the_total_and_said_to_be() {
    let usage = Usage { uncached: Tokens(10), ..Usage::default() };
    let sums = Sums { requests: 1, usage, ..Sums::default() };
    let many: Vec<Group> =
        (0..25).map(|number| Group { sums, ..group(&format!("session-{number:02}")) }).collect();
    let total = Sums { requests: 25, usage: Usage { uncached: Tokens(250), ..usage }, ..Sums::default() };
    let report = Report { groups: many, total, ..Report::nothing(By::Session, &Prices::built_in()) };
    let shown = groups(&report);
    assert!(!shown.contains("session-04") && shown.contains("session-05"), "{shown}");
    assert!(shown.contains("total +5"), "{shown}");
    assert_eq!(shown.lines().count(), 1 + SHOWN + 1);
}

#[test]
fn a_models_day_is_left_out_of_the_table() {
    let cases = [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-opus-5-5", "claude-opus-5-5"),
        ("gpt-5-2025-08-07", "gpt-5-2025-08-07"),
        ("20250929", "20250929"),
    ];
    for (model, shown) in cases {
        assert_eq!(without_day(model), shown);
    }
}

use super::*;
use crate::conversation::CacheAsk;
use crate::ledger::money::tests::row;
use crate::receipt::Billing;
use proptest::prelude::*;

const DAY: i64 = 86_400_000;

fn grouped_by(rows: &[RequestRow], by: By) -> (Vec<Group>, Sums) {
    in_zone(rows, by, &TimeZone::UTC)
}

fn in_zone(rows: &[RequestRow], by: By, zone: &TimeZone) -> (Vec<Group>, Sums) {
    let prices = Prices::built_in();
    let mut tally = Tally::new(by, &prices, zone, calibrations());
    rows.iter().for_each(|row| tally.add(row));
    tally.sums()
}

/// One model is calibrated.
fn calibrations() -> BTreeMap<String, Calibration> {
    BTreeMap::from([("claude-opus-5-5".to_owned(), Calibration { per_thousand: 1_300, requests: 40 })])
}

fn report(rows: &[RequestRow]) -> Report {
    let (groups, total) = grouped_by(rows, By::Session);
    Report {
        by: By::Session,
        groups,
        total,
        kinds: Vec::new(),
        refusals: BTreeMap::new(),
        faults: BTreeMap::new(),
        breakers: Vec::new(),
        retrievals: 0,
        prices: None,
        calibrations: calibrations(),
    }
}

fn usage(uncached: u64, cache_read: u64, cache_write_5m: u64, output: u64) -> Usage {
    Usage {
        uncached: Tokens(uncached),
        cache_read: Tokens(cache_read),
        cache_write_5m: Tokens(cache_write_5m),
        cache_write_1h: Tokens(0),
        output: Tokens(output),
    }
}

prop_compose! {
    fn any_row()(
        at in 0i64..40 * DAY,
        session in 0u8..4,
        model in prop::sample::select(vec!["claude-opus-5-5", "claude-haiku-5-5", "gpt-6-sol", "nobody-knows"]),
        status in prop::sample::select(vec![200u16, 200, 200, 200, 529, 0]),
        complete in any::<bool>(),
        metered in prop::bool::weighted(0.9),
        tokens in prop::collection::vec(0u64..200_000, 5),
        first in 0u64..30_000, replayed in 0u64..30_000, overhead in 0u64..300, given_back in 0u64..9_000,
        only_gives_back in prop::bool::weighted(0.1),
        billing in prop::sample::select(Billing::ALL.to_vec()),
    ) -> RequestRow {
        let usage = Usage {
            uncached: Tokens(tokens[0]), cache_read: Tokens(tokens[1]), cache_write_5m: Tokens(tokens[2]),
            cache_write_1h: Tokens(tokens[3] / 100), output: Tokens(tokens[4] / 50),
        };
        RequestRow {
            at: Millis(at),
            session: SessionId(format!("session-{session}")),
            agent: ["claude", "codex"][usize::from(session % 2)].into(),
            project: ["/a", ""][usize::from(session / 2)].into(),
            status, complete, billing,
            usage: metered.then_some(usage),
            first_before: Tokens(first), first_after: Tokens(first / 3),
            replayed_before: Tokens(replayed), replayed_after: Tokens(replayed / 3),
            overhead: Tokens(overhead), given_back_new: Tokens(given_back), given_back_old: Tokens(given_back / 2),
            only_gives_back,
            cache: CacheAsk::FiveMinutes,
            ..row(model, usage)
        }
    }
}

fn plus(one: Sums, other: &Sums) -> Sums {
    Sums {
        requests: one.requests + other.requests,
        failed: one.failed + other.failed,
        unmetered: one.unmetered + other.unmetered,
        unmetered_net: one.unmetered_net + other.unmetered_net,
        usage: Usage {
            uncached: one.usage.uncached + other.usage.uncached,
            cache_read: one.usage.cache_read + other.usage.cache_read,
            cache_write_5m: one.usage.cache_write_5m + other.usage.cache_write_5m,
            cache_write_1h: one.usage.cache_write_1h + other.usage.cache_write_1h,
            output: one.usage.output + other.usage.output,
        },
        first: one.first + other.first,
        replayed: one.replayed + other.replayed,
        costs: one.costs + other.costs,
        calibrated: one.calibrated + other.calibrated,
        uncalibrated: one.uncalibrated + other.uncalibrated,
        saved: one.saved + other.saved,
        spent: one.spent + other.spent,
        priced: one.priced + other.priced,
        unpriced: one.unpriced + other.unpriced,
        subscription: one.subscription + other.subscription,
    }
}

proptest! {
    /// Whatever the requests are grouped by, the groups sum up to the same total.
    #[test]
    fn every_view_adds_up_to_the_same(rows in prop::collection::vec(any_row(), 0..40)) {
        let (_, total) = grouped_by(&rows, By::Session);
        for by in [By::Session, By::Project, By::Agent, By::Model, By::Day] {
            let (groups, again) = grouped_by(&rows, by);
            prop_assert_eq!(again, total);
            let sum = groups.iter().fold(Sums::default(), |sum, group| plus(sum, &group.sums));
            prop_assert_eq!(sum, total, "{:?}", by);
        }
    }

    /// Every request is counted once: as failed, as unmetered, or with its tokens; and in money at most once.
    #[test]
    fn nothing_is_counted_twice(rows in prop::collection::vec(any_row(), 0..40)) {
        let (_, total) = grouped_by(&rows, By::Session);
        let answered: Vec<&RequestRow> = rows.iter().filter(|row| row.status == 200).collect();
        let sent: u64 = answered.iter().filter_map(|row| row.usage).map(|usage| usage.input().0).sum();
        prop_assert_eq!(total.requests, rows.len() as u64);
        prop_assert_eq!(total.sent(), sent as i64);
        prop_assert_eq!(total.priced + total.unpriced + total.subscription + total.failed, total.requests);
        prop_assert_eq!(total.wanted() - total.sent(), total.net());
        prop_assert!(total.net() <= total.first + total.replayed, "net of what we cost");
    }

    /// An unknown price is never shown as a number, in no view.
    #[test]
    fn an_unknown_price_is_never_a_sum(rows in prop::collection::vec(any_row(), 1..20)) {
        let unknown: Vec<RequestRow> =
            rows.into_iter().map(|row| RequestRow { model: "nobody-knows".into(), ..row }).collect();
        let report = report(&unknown);
        prop_assert!(report.json()["total"]["money"]["net_saved_microusd"].is_null());
        for group in &report.groups {
            prop_assert_eq!(group.sums.money(), None);
            prop_assert!(!money_said(&group.sums).unwrap_or_default().contains('$'));
        }
    }
}

#[test]
fn the_call_that_asked_for_an_original_is_charged() {
    let opus = "claude-opus-5-5";
    let call = row(opus, usage(0, 60_000, 0, 80));
    let other = RequestRow { preamble: Some(Chain([9; 16])), ..row(opus, usage(0, 60_000, 0, 9_000)) };
    let gives_back = RequestRow { only_gives_back: true, ..row(opus, usage(0, 60_000, 0, 500)) };
    let (_, total) = grouped_by(&[call, other, gives_back], By::Session);
    assert_eq!(total.money(), Some(MicroUsd(-(60_000 / 5 + 80 * 20))), "not the sub-agent's answer");
}

#[test]
fn money_is_rounded_once_and_not_request_by_request() {
    // Half a millionth of a dollar each: rounded one by one they would be worth twice that.
    let half = RequestRow { replayed_before: Tokens(1), ..row("claude-opus-5", usage(0, 9_000, 0, 0)) };
    let (_, total) = grouped_by(&vec![half; 1_000], By::Session);
    assert_eq!(total.money(), Some(MicroUsd(500)));
}

#[test]
fn days_are_the_readers_days() {
    let late = RequestRow { at: Millis(23 * 3_600_000), ..row("m", Usage::default()) };
    let east = TimeZone::fixed(jiff::tz::offset(2));
    let name = |zone| in_zone(std::slice::from_ref(&late), By::Day, &zone).0[0].name.clone();
    assert_eq!(name(TimeZone::UTC), "1970-01-01");
    assert_eq!(name(east), "1970-01-02");
}

#[test]
fn when_nothing_was_saved_it_says_why() {
    let answered = || row("claude-opus-5-5", usage(10, 0, 0, 5));
    let with = |rows: &[RequestRow], refusals: &[(Refusal, u64)]| {
        let refusals = refusals.iter().copied().collect();
        Report { refusals, ..report(rows) }.why_nothing()
    };
    assert_eq!(with(&[], &[]), None);
    assert_eq!(with(&[RequestRow { first_before: Tokens(99), ..answered() }], &[]), None);
    let cases: [(&str, Option<String>); 5] = [
        ("no request was answered", with(&[RequestRow { status: 529, ..answered() }], &[(Refusal::Off, 1)])),
        ("no request carried a new tool output", with(&[answered()], &[])),
        (
            "every tool output had been sent before headroom was there",
            with(&[answered()], &[(Refusal::AlreadySent, 7)]),
        ),
        ("3 × switched off", with(&[answered()], &[(Refusal::Off, 3), (Refusal::AlreadySent, 9)])),
        (
            "1 × FAULT: a compressor panicked; 9 × too short to be worth it; 4 × read in order to be edited; stays exact",
            with(
                &[answered()],
                &[
                    (Refusal::BelowFloor, 9),
                    (Refusal::Panicked, 1),
                    (Refusal::ExactRead, 4),
                    (Refusal::Rule, 1),
                ],
            ),
        ),
    ];
    for (want, said) in cases {
        assert_eq!(said.as_deref(), Some(want));
    }
}

#[test]
fn savings_are_said_in_one_clause() {
    let opus = "claude-opus-5-5";
    let saved = || RequestRow {
        first_before: Tokens(9_000),
        first_after: Tokens(1_000),
        ..row(opus, usage(0, 9_000, 3_000, 9))
    };
    let lost = || RequestRow { given_back_new: Tokens(4_000), ..row(opus, usage(0, 9_000, 5_000, 9)) };
    let cases = [
        ("8.00k tokens (40 %), $0.0400 net at list prices", vec![saved()]),
        ("-4.00k tokens (-40 %), -$0.0200 net at list prices", vec![lost()]),
        (
            "8.00k tokens (40 % of the context)",
            vec![RequestRow { billing: Billing::Subscription, ..saved() }],
        ),
        ("8.00k tokens (40 %), money unknown", vec![RequestRow { model: "x".into(), ..saved() }]),
        (
            "16.0k tokens (40 %), $0.0400 net at list prices (1 request without a known price)",
            vec![saved(), RequestRow { model: "x".into(), ..saved() }],
        ),
        ("8.00k tokens, money unknown", vec![RequestRow { usage: None, ..saved() }]),
    ];
    for (want, rows) in cases {
        assert_eq!(savings_said(&report(&rows).total), want);
    }
}

#[test]
fn what_was_saved_is_told_in_the_providers_tokens_where_that_is_known() {
    let saved = |model: &str| RequestRow {
        first_before: Tokens(9_000),
        first_after: Tokens(1_000),
        ..row(model, usage(0, 9_000, 3_000, 9))
    };
    let opus = "claude-opus-5-5";
    let gives_back = RequestRow { only_gives_back: true, ..row(opus, usage(0, 1_000, 0, 9)) };
    let cases = [
        ("calibrated", vec![saved(opus)], Some(10_400)),
        ("a public vocabulary", vec![saved("gpt-6-sol")], Some(8_000)),
        ("neither", vec![saved("nobody-knows")], None),
        ("one of them", vec![saved(opus), saved("nobody-knows")], None),
        ("nothing saved there", vec![saved(opus), row("nobody-knows", usage(9, 0, 0, 9))], Some(10_400)),
        ("the provider's own count", vec![saved(opus), gives_back], Some(9_400)),
    ];
    for (name, rows, want) in cases {
        assert_eq!(grouped_by(&rows, By::Session).1.net_calibrated(), want, "{name}");
    }
}

#[test]
fn the_json_has_a_shape_that_programs_can_rely_on() {
    let rows = [
        RequestRow {
            first_before: Tokens(9_000),
            first_after: Tokens(1_000),
            ..row("claude-opus-5-5", usage(0, 9_000, 3_000, 9))
        },
        RequestRow { model: "x".into(), at: Millis(5), ..row("x", usage(1, 2, 3, 4)) },
    ];
    let full = Report {
        kinds: vec![KindRow {
            kind: "json".into(),
            compressor: Some("json-table".into()),
            blocks: 1,
            tokens_before: Tokens(9_000),
            tokens_after: Tokens(1_000),
            retrievals: 0,
        }],
        refusals: BTreeMap::from([(Refusal::BelowFloor, 4)]),
        breakers: vec![(SessionId("s".into()), Millis(7), "why".into())],
        prices: Some(("somewhere".into(), "2026-11-20".into())),
        ..report(&rows)
    };
    insta::assert_json_snapshot!(full.json());
    every_key_is_documented(&full.json(), "");
}

/// Every key stands in `docs/stats-json.md`, in a table or in the text.
#[track_caller]
fn every_key_is_documented(value: &serde_json::Value, path: &str) {
    let documented = include_str!("../../../docs/stats-json.md");
    if let Some(object) = value.as_object() {
        for (key, inner) in object {
            let deeper = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let outer = inner.is_object() && !matches!(key.as_str(), "total" | "prices");
            let said = [format!("`{key}`"), format!("`{deeper}`")].iter().any(|key| documented.contains(key));
            assert!(outer || said, "`{deeper}` is not in docs/stats-json.md");
            every_key_is_documented(inner, if outer { key } else { "" });
        }
    }
    value.as_array().into_iter().flatten().for_each(|inner| every_key_is_documented(inner, path));
}

#[test]
fn the_csv_has_a_line_for_each_group_and_quotes_what_must_be() {
    let odd = RequestRow { project: "/a, \"b\"".into(), model: "x".into(), ..row("x", usage(1, 2, 3, 4)) };
    let other = RequestRow {
        session: SessionId("t".into()),
        at: Millis(9),
        ..row("claude-opus-5-5", usage(100, 0, 0, 7))
    };
    let csv = report(&[odd, other]).csv();
    insta::assert_snapshot!(csv.replace("\r\n", "\n"), @r#"
    by,name,agents,projects,models,first_ms,last_ms,requests,failed,unmetered,wanted,sent,out,taken_out_first_sight,taken_out_replayed,costs,net_saved,net_saved_provider_estimate,net_saved_unmetered,uncached,cache_read,cache_write_5m,cache_write_1h,cache_hit_per_mille,net_saved_microusd,spent_microusd,priced_requests,unpriced_requests,subscription_requests
    session,s,claude,"/a, ""b""",x,0,0,1,0,0,6,6,4,0,0,0,0,0,0,1,2,3,0,333,,,0,1,0
    session,t,claude,/p,claude-opus-5-5,9,9,1,0,0,100,100,7,0,0,0,0,0,0,100,0,0,0,0,0,540,1,0,0
    "#);
}

use super::*;
use crate::ledger::money::tests::row;
use crate::units::MicroUsd;

const MINUTE: i64 = 60_000;

/// A request whose history is written as letters, one a block; `|` stands before the block with the breakpoint.
fn asked(history: &str, at: i64) -> Receipt {
    let mut receipt = Receipt::new(SessionId("s".to_owned()), Millis(at));
    receipt.model = "m".to_owned();
    receipt.cache = CacheAsk::FiveMinutes;
    receipt.preamble = Some(Chain([1; 16]));
    let mut chain = [0u8; 16];
    for block in history.bytes() {
        if block == b'|' {
            receipt.breakpoint = Some(receipt.history.len());
            continue;
        }
        let digest = blake3::hash(&[&chain[..], &[block]].concat());
        chain.copy_from_slice(&digest.as_bytes()[..16]);
        receipt.history.push(Chain(chain));
    }
    receipt.head = receipt.history.last().copied();
    receipt
}

fn answered(uncached: u64, read: u64, written: u64) -> Outcome {
    let usage = Usage {
        uncached: Tokens(uncached),
        cache_read: Tokens(read),
        cache_write_5m: Tokens(written),
        ..Usage::default()
    };
    Outcome { status: 200, usage: Some(usage), complete: true, ..Outcome::default() }
}

/// A watch that has seen one request, which left 20,000 tokens in the cache.
fn after(first: &Receipt) -> Misses {
    let mut misses = Misses::default();
    assert_eq!(misses.watch(first, &answered(0, 0, 20_000), || None), None, "a first request misses nothing");
    misses
}

#[test]
fn every_miss_has_the_first_cause_that_holds() {
    let goes_on = || asked("abcd|e", MINUTE);
    let with = |change: fn(&mut Receipt)| {
        let mut receipt = asked("abcd|e", MINUTE);
        change(&mut receipt);
        receipt
    };
    let cases: [(&str, Receipt, Option<MissCause>); 12] = [
        ("nothing explains it", goes_on(), Some(MissCause::Unexplained)),
        ("another model", with(|it| it.model = "n".to_owned()), Some(MissCause::Model)),
        ("not asked for", with(|it| it.cache = CacheAsk::None), Some(MissCause::NotAsked)),
        ("a pin is gone", with(|it| it.shortened.clear()), Some(MissCause::OurChange)),
        ("a pin is another", with(|it| it.shortened = vec![(1, 501)]), Some(MissCause::OurChange)),
        (
            "our tool came",
            with(|it| {
                it.preamble = Some(Chain([2; 16]));
                it.overhead = Tokens(250);
            }),
            Some(MissCause::OurTool),
        ),
        ("other tools", with(|it| it.preamble = Some(Chain([2; 16]))), Some(MissCause::Preamble)),
        (
            "edited",
            Receipt { shortened: vec![(1, 500)], ..asked("axcd|e", MINUTE) },
            Some(MissCause::History),
        ),
        ("a pause", with(|it| it.at = Millis(6 * MINUTE)), Some(MissCause::Expired)),
        ("under way together", asked("abc|d", MINUTE), Some(MissCause::Together)),
        ("no breakpoint", with(|it| it.breakpoint = None), Some(MissCause::Breakpoint)),
        ("a history of its own", asked("xyz|w", MINUTE), None),
    ];
    for (name, mut receipt, cause) in cases {
        let first = Receipt { shortened: vec![(1, 500)], ..asked("ab|c", 0) };
        if receipt.shortened.is_empty() && name != "a pin is gone" {
            receipt.shortened = first.shortened.clone();
        }
        let missed = after(&first).watch(&receipt, &answered(0, 4_000, 26_000), || None);
        assert_eq!(missed.map(|miss| miss.cause), cause, "{name}");
        assert!(missed.is_none_or(|miss| miss.tokens == Tokens(16_000)), "{name}");
        let read = after(&first).watch(&receipt, &answered(0, 20_000, 10_000), || None);
        assert_eq!(read, None, "{name}: all was read");
    }
}

#[test]
fn what_was_too_short_to_be_kept_is_told_so() {
    let mut misses = Misses::default();
    misses.watch(&asked("ab|c", 0), &answered(3_000, 0, 0), || None);
    let missed = misses.watch(&asked("abcd|e", MINUTE), &answered(0, 0, 6_000), || None);
    assert_eq!(missed, Some(CacheMiss { cause: MissCause::Short, tokens: Tokens(3_000) }));
}

#[test]
fn a_cache_that_nobody_asks_for_misses_only_where_it_was_seen_to_read() {
    let by_itself = |history, at| Receipt { cache: CacheAsk::Automatic, ..asked(history, at) };
    let mut silent = Misses::default();
    let mut reading = Misses::default();
    for (at, history) in (0_i64..).zip(["abc", "abcde", "abcdefg"]) {
        let receipt = by_itself(history, at * MINUTE);
        assert_eq!(silent.watch(&receipt, &answered(40_000, 0, 0), || None), None);
        let read = if at == 1 { 36_000 } else { 0 };
        let missed = reading.watch(&receipt, &answered(40_000 - read, read, 0), || None);
        let cause = missed.map(|miss| miss.cause);
        assert_eq!(cause, [None, Some(MissCause::Unexplained)][usize::from(at == 2)], "{at}");
    }
}

#[test]
fn a_session_that_is_taken_up_again_the_next_day_has_waited_too_long() {
    let known = RequestRow {
        head: asked("ab|c", 0).head,
        preamble: Some(Chain([1; 16])),
        ..row("m", answered(0, 0, 20_000).usage.expect("usage"))
    };
    let mut misses = Misses::default();
    let day = asked("abcd|e", 24 * 60 * MINUTE);
    let missed = misses.watch(&day, &answered(0, 0, 30_000), || Some(known));
    assert_eq!(missed, Some(CacheMiss { cause: MissCause::Expired, tokens: Tokens(20_000) }));
}

#[test]
fn a_failed_or_broken_answer_leaves_nothing() {
    for outcome in [
        Outcome { status: 529, ..answered(0, 0, 20_000) },
        Outcome { complete: false, ..answered(0, 0, 20_000) },
        Outcome { usage: None, ..answered(0, 0, 20_000) },
    ] {
        let mut misses = Misses::default();
        misses.watch(&asked("ab|c", 0), &outcome, || None);
        assert_eq!(misses.watch(&asked("abcd|e", MINUTE), &answered(0, 0, 30_000), || None), None);
    }
}

#[test]
fn many_sessions_and_requests_take_bounded_room() {
    let mut misses = Misses::default();
    for session in 0..200 {
        for turn in 0..20_i64 {
            let mut receipt = asked("abc", turn * MINUTE);
            receipt.session = SessionId(format!("s{session}"));
            receipt.head = Some(Chain([turn as u8; 16]));
            receipt.history = vec![Chain([turn as u8; 16]); 5_000];
            misses.watch(&receipt, &answered(0, 0, 9_000), || None);
        }
    }
    assert!(misses.sessions.len() <= SESSIONS);
    let trails = misses.sessions.values();
    assert!(trails.flat_map(|trail| &trail.left).all(|left| left.history.len() <= BLOCKS));
    assert!(misses.sessions.values().all(|trail| trail.left.len() <= REMEMBERED));
}

#[test]
fn a_miss_costs_what_writing_costs_more_than_reading() {
    let usage = Usage {
        cache_read: Tokens(4_000),
        cache_write_5m: Tokens(10_000),
        uncached: Tokens(500),
        ..Usage::default()
    };
    let missed = |tokens| RequestRow {
        miss: Some(CacheMiss { cause: MissCause::Expired, tokens: Tokens(tokens) }),
        ..row("claude-opus-5-5", usage)
    };
    let prices = Prices::built_in();
    let cost = |row: &RequestRow| cost(row, &prices).map(|cost| cost.rounded());
    // Five dollars a million to write, a fifth of a dollar to read, four beside the cache.
    assert_eq!(cost(&missed(8_000)), Some(MicroUsd(8_000 * 5 - 8_000 / 5)));
    assert_eq!(cost(&missed(10_200)), Some(MicroUsd(10_000 * 5 + 200 * 4 - 10_200 / 5)));
    assert_eq!(cost(&RequestRow { model: "nobody-knows".into(), ..missed(8_000) }), None);
    assert_eq!(cost(&row("claude-opus-5-5", usage)), None);
}

use super::*;
use crate::receipt::Usage;
use proptest::prelude::*;

const MINUTE: i64 = 60_000;

/// A history is written as letters, one a block; `|` stands before the block with the breakpoint.
#[derive(Clone, Debug)]
struct Turn<'a> {
    history: &'a str,
    at: i64,
    session: &'a str,
    model: &'a str,
    preamble: u8,
    cache: CacheAsk,
}

fn turn(history: &str, at: i64) -> Turn<'_> {
    Turn { history, at, session: "s", model: "m", preamble: 1, cache: CacheAsk::FiveMinutes }
}

impl Turn<'_> {
    fn receipt(&self) -> Receipt {
        let mut receipt = Receipt::new(SessionId(self.session.to_owned()), Millis(self.at));
        receipt.new_results = 1;
        receipt.model = self.model.to_owned();
        receipt.cache = self.cache;
        receipt.preamble = Some(Chain([self.preamble; 16]));
        let mut chain = [0u8; 16];
        for block in self.history.bytes() {
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
}

fn answer(read: u64, written: u64) -> Outcome {
    let usage = Usage { cache_read: Tokens(read), cache_write_5m: Tokens(written), ..Usage::default() };
    Outcome { status: 200, usage: Some(usage), complete: true, ..Outcome::default() }
}

fn missed(seen: &CacheRead) -> bool {
    matches!(seen, CacheRead::Missed { .. })
}

/// The breaker after one request that left 20,000 tokens in the cache.
fn after_a_first_request() -> Breaker {
    let mut breaker = Breaker::default();
    breaker.watch(&turn("ab|c", 0).receipt(), &answer(0, 20_000));
    breaker
}

#[test]
fn a_provider_that_stops_caching_opens_the_breaker_at_the_second_miss() {
    let mut breaker = after_a_first_request();
    let first = breaker.watch(&turn("abcd|e", MINUTE).receipt(), &answer(0, 30_000));
    assert_eq!(first, CacheRead::Missed { expected: Tokens(20_000), read: Tokens(0), misses: 1, of: MISSES });
    assert_eq!(first.opens("m"), None);

    let second = breaker.watch(&turn("abcdef|g", 2 * MINUTE).receipt(), &answer(0, 40_000));
    insta::assert_snapshot!(second.opens("m").unwrap(), @"the provider read 0 of 30000 cached tokens that it should have read (m), for the second time without a reason that headroom can see");

    let third = breaker.watch(&turn("abcdefgh|i", 3 * MINUTE).receipt(), &answer(0, 50_000));
    assert!(missed(&third), "still seen");
    assert_eq!(third.opens("m"), None, "but opened once only");
}

#[test]
fn a_provider_that_caches_never_misses() {
    let mut breaker = after_a_first_request();
    for (history, read) in [("abcd|e", 20_000), ("abcdef|g", 25_000), ("abcdefgh|i", 30_000)] {
        let seen = breaker.watch(&turn(history, MINUTE).receipt(), &answer(read, 5_000));
        assert_eq!(seen, CacheRead::AsExpected, "{history}");
    }
}

#[test]
fn a_prefix_broken_in_the_middle_is_seen_though_the_tools_are_still_read() {
    let mut breaker = after_a_first_request();
    let seen = breaker.watch(&turn("abcd|e", MINUTE).receipt(), &answer(12_000, 20_000));
    assert_eq!(
        seen,
        CacheRead::Missed { expected: Tokens(20_000), read: Tokens(12_000), misses: 1, of: MISSES }
    );
}

#[test]
fn an_entry_that_was_gone_is_forgiven_when_what_replaced_it_is_read() {
    let mut breaker = after_a_first_request();
    let mut history = "abc".to_owned();
    for turn_number in 1..20 {
        let gone = turn_number % 3 == 0;
        history.push_str("de");
        let mut written = history.clone();
        written.insert(history.len() - 1, '|');
        let (read, wrote) = if gone { (0, 20_000) } else { (20_000, 0) };
        let seen = breaker.watch(&turn(&written, turn_number * 1_000).receipt(), &answer(read, wrote));
        assert_eq!(missed(&seen), gone);
        assert_eq!(seen.opens("m"), None, "turn {turn_number}");
    }
}

#[test]
fn an_entry_that_was_gone_when_a_person_spoke_is_explained_if_it_was_written_anew() {
    let spoken = |history, at| Receipt { new_results: 0, ..turn(history, at).receipt() };
    let mut breaker = after_a_first_request();
    for (number, history) in ["abcd|e", "abcdef|g", "abcdefgh|i"].into_iter().enumerate() {
        let seen = breaker.watch(&spoken(history, number as i64), &answer(0, 20_000 + number as u64 * 100));
        assert_eq!(seen, CacheRead::NotExpected("the entry was gone when a person spoke"), "{history}");
    }
    let mut breaker = after_a_first_request();
    assert!(missed(&breaker.watch(&spoken("abcd|e", 1), &answer(0, 0))), "not cached at all");
    assert!(missed(&breaker.watch(&spoken("abcdef|g", 2), &answer(9_000, 11_000))), "broken in the middle");
}

#[test]
fn a_prefix_that_is_broken_now_and_then_opens_the_breaker_all_the_same() {
    let mut breaker = after_a_first_request();
    let reads = [
        ("abcd|e", 20_000, None),
        ("abcdef|g", 9_000, Some(1)),
        ("abcdefgh|i", 20_000, None),
        ("abcdefghij|k", 9_000, Some(2)),
    ];
    for (number, (history, read, misses)) in reads.into_iter().enumerate() {
        let seen = breaker.watch(&turn(history, number as i64).receipt(), &answer(read, 20_000 - read));
        match (&seen, misses) {
            (CacheRead::Missed { misses: counted, .. }, Some(misses)) => assert_eq!(*counted, misses),
            (CacheRead::AsExpected, None) => {}
            _ => panic!("{history}: {seen:?}"),
        }
        assert_eq!(seen.opens("m").is_some(), misses == Some(2), "{history}");
    }
}

#[test]
fn what_explains_a_miss_is_not_counted() {
    let long = format!("abcd{}|e", "x".repeat(20));
    let cases = [
        (
            "the entry expired",
            Turn { at: 5 * MINUTE, ..turn("abcd|e", 0) },
            "the cache entry may have expired",
        ),
        ("the clock went back", Turn { at: -1, ..turn("abcd|e", 0) }, "the cache entry may have expired"),
        ("another model", Turn { model: "n", ..turn("abcd|e", 1) }, "a history of its own"),
        ("another session", Turn { session: "t", ..turn("abcd|e", 1) }, "a history of its own"),
        ("the client edited", turn("aXcd|e", 1), "a history of its own"),
        ("the client cut its history", turn("a|b", 1), "a history of its own"),
        ("a sub-agent", turn("pq|r", 1), "a history of its own"),
        (
            "other tools",
            Turn { preamble: 2, ..turn("abcd|e", 1) },
            "the client changed system, tools or thinking",
        ),
        ("sent again", turn("ab|c", 1), "no answer of the model stands between"),
        ("sent together", turn("abc|d", 1), "no answer of the model stands between"),
        (
            "no cache asked",
            Turn { cache: CacheAsk::None, ..turn("abcd|e", 1) },
            "the client does not ask for the cache",
        ),
        ("no breakpoint", turn("abcde", 1), "no breakpoint in the history"),
        ("a breakpoint ahead", turn("a|bcde", 1), "the client's breakpoint moved back"),
        ("many parallel calls", turn(&long, 1), "too many new blocks to look back over"),
    ];
    for (name, turn, because) in cases {
        let mut breaker = after_a_first_request();
        let seen = breaker.watch(&turn.receipt(), &answer(0, 30_000));
        assert_eq!(seen, CacheRead::NotExpected(because), "{name}");
    }
}

#[test]
fn an_hours_cache_is_counted_on_for_an_hour_only_when_all_of_it_is() {
    let hour = |at, history| Turn { cache: CacheAsk::OneHour, ..turn(history, at) };
    let written = |written_5m, written_1h| {
        let usage = Usage {
            cache_write_5m: Tokens(written_5m),
            cache_write_1h: Tokens(written_1h),
            ..Usage::default()
        };
        Outcome { status: 200, usage: Some(usage), complete: true, ..Outcome::default() }
    };
    for (written, at, counted_on) in [
        (written(0, 9_000), 50 * MINUTE, true),
        (written(0, 9_000), 55 * MINUTE, false),
        (written(3_000, 6_000), 50 * MINUTE, false),
        (written(3_000, 6_000), 4 * MINUTE, true),
    ] {
        let mut breaker = Breaker::default();
        breaker.watch(&hour(0, "ab|c").receipt(), &written);
        let seen = breaker.watch(&hour(at, "abcd|e").receipt(), &answer(0, 0));
        assert_eq!(missed(&seen), counted_on, "{at} {written:?}");
    }
}

#[test]
fn an_aborted_or_failed_answer_promises_nothing_but_the_one_before_it_still_does() {
    let aborted = Outcome { complete: false, ..answer(20_000, 10_000) };
    let overloaded = Outcome { status: 529, usage: None, complete: true, ..Outcome::default() };
    let silent = Outcome { status: 0, ..Outcome::default() };
    for cut_short in [aborted, overloaded, silent] {
        let mut breaker = after_a_first_request();
        breaker.watch(&turn("abcd|e", MINUTE).receipt(), &cut_short);
        let seen = breaker.watch(&turn("abcdef|g", 2 * MINUTE).receipt(), &answer(20_000, 9_000));
        assert_eq!(seen, CacheRead::AsExpected, "{cut_short:?}");
    }
}

#[test]
fn sub_agents_of_one_session_do_not_disturb_each_other() {
    let mut breaker = Breaker::default();
    let mut cached = [0u64; 3];
    for step in 0..12 {
        let agent = step % 3;
        let mut history: String =
            std::iter::once(['A', 'B', 'C'][agent]).chain("xyxyxyxy".chars().take(2 * (step / 3))).collect();
        history.insert(history.len() - 1, '|');
        let turn = Turn { preamble: agent as u8, ..turn(&history, step as i64 * 1_000) };
        let seen = breaker.watch(&turn.receipt(), &answer(cached[agent], 5_000));
        assert!(!missed(&seen), "{step}: {seen:?}");
        assert_eq!(seen == CacheRead::AsExpected, 3 <= step, "{step}: {seen:?}");
        cached[agent] += 5_000;
    }
}

#[test]
fn a_fork_is_measured_against_the_history_it_came_from() {
    let mut breaker = after_a_first_request();
    breaker.watch(&turn("abcd|e", 1_000).receipt(), &answer(20_000, 7_000));
    // Two forks of the first answer, after the main line went on.
    let good = breaker.watch(&turn("abcp|q", 2_000).receipt(), &answer(20_000, 900));
    assert_eq!(good, CacheRead::AsExpected);
    let bad = breaker.watch(&turn("abcr|s", 3_000).receipt(), &answer(0, 21_000));
    assert_eq!(bad, CacheRead::Missed { expected: Tokens(20_000), read: Tokens(0), misses: 1, of: MISSES });
}

#[test]
fn a_breakpoint_before_the_end_promises_only_what_stands_before_it() {
    // The client keeps its last block out of the cache, then replaces the breakpoint further on.
    let mut breaker = Breaker::default();
    breaker.watch(&turn("a|bc", 0).receipt(), &answer(0, 8_000));
    assert!(missed(&breaker.watch(&turn("abcd|e", 1).receipt(), &answer(0, 0))));
    let mut breaker = Breaker::default();
    breaker.watch(&turn("a|bc", 0).receipt(), &answer(0, 8_000));
    assert_eq!(breaker.watch(&turn("abcd|e", 1).receipt(), &answer(8_000, 1)), CacheRead::AsExpected);
}

/// A provider with a perfect cache of five minutes, that can be made to forget.
#[derive(Default)]
struct Provider {
    entries: Vec<(String, Vec<Chain>, u8, i64)>,
}

impl Provider {
    fn answer(&mut self, receipt: &Receipt, forgets: bool) -> Outcome {
        let block = 2_000;
        let Some(breakpoint) = receipt.breakpoint else { return answer(0, 0) };
        let prefix = receipt.history[..=breakpoint].to_vec();
        let preamble = receipt.preamble.unwrap().0[0];
        let now = receipt.at.0;
        let read = self
            .entries
            .iter()
            .filter(|(model, known, tools, at)| {
                !forgets
                    && *model == receipt.model
                    && *tools == preamble
                    && now - at < 5 * MINUTE
                    && prefix.starts_with(known)
                    && prefix.len() - known.len() < LOOK_BACK
            })
            .map(|(_, known, ..)| known.len() as u64)
            .max()
            .unwrap_or(0);
        let written = prefix.len() as u64 - read;
        self.entries.push((receipt.model.clone(), prefix, preamble, now));
        answer(read * block, written * block)
    }
}

proptest! {
    /// Whatever clients do (grow, fork, edit, switch, wait, abort), a provider that caches is never blamed.
    #[test]
    fn a_faithful_provider_is_never_blamed(
        steps in prop::collection::vec((0usize..4, 0usize..6, 1usize..30, 0i64..400, 0u8..2, any::<bool>()), 1..40),
    ) {
        let mut breaker = Breaker::default();
        let mut provider = Provider::default();
        let mut lines = ["a".to_owned(), "b".to_owned(), "c".to_owned(), "d".to_owned()];
        let mut now = 0;
        for (line, what, many, seconds, tools, complete) in steps {
            now += seconds * 1_000;
            let other = lines[(line + 1) % 4].clone();
            let history = &mut lines[line];
            match what {
                0 => *history = other,
                1 => history.truncate(1.max(history.len() / 2)),
                2 => { history.pop(); history.push('~'); }
                _ => history.extend((0..many).map(|at| (b'a' + (at % 7) as u8) as char)),
            }
            let mut written = history.clone();
            written.insert(history.len() - 1 - (many % 2).min(history.len() - 1), '|');
            let turn = Turn { preamble: tools, model: if what == 5 { "n" } else { "m" }, ..turn(&written, now) };
            let receipt = turn.receipt();
            let outcome = Outcome { complete, ..provider.answer(&receipt, false) };
            let seen = breaker.watch(&receipt, &outcome);
            prop_assert!(!missed(&seen), "{seen:?}");
        }
    }

    /// A provider that forgets is found out after two turns that should have been read.
    #[test]
    fn a_forgetful_provider_is_found_out(turns in 3usize..12, gap in 1i64..200, forgets_from in 1usize..8) {
        let mut breaker = Breaker::default();
        let mut provider = Provider::default();
        let mut opened = None;
        for step in 0..turns {
            let history = format!("{}x|y", "xy".repeat(step));
            let receipt = turn(&history, step as i64 * gap * 1_000).receipt();
            let outcome = provider.answer(&receipt, forgets_from <= step);
            if breaker.watch(&receipt, &outcome).opens("m").is_some() {
                opened = Some(step);
            }
        }
        prop_assert_eq!(opened, (forgets_from + 1 < turns).then_some(forgets_from + 1));
    }

    /// However many sessions and histories there are, what is remembered is bounded.
    #[test]
    fn memory_is_bounded(sessions in 1usize..600, histories in 1usize..80) {
        let mut breaker = Breaker::default();
        for number in 0..sessions {
            let name = number.to_string();
            breaker.watch(&Turn { session: &name, ..turn("ab|c", number as i64) }.receipt(), &answer(0, 9_000));
        }
        for number in 0..histories {
            let history = format!("{}|z", "q".repeat(number + 1));
            breaker.watch(&turn(&history, 9_999).receipt(), &answer(0, 9_000));
        }
        prop_assert!(breaker.sessions.len() <= SESSIONS);
        prop_assert!(breaker.sessions.values().all(|watched| watched.expectations.len() <= EXPECTATIONS));
    }
}

/// A request of a client that asks for no caching, and an answer that read so much of so many tokens.
fn by_itself(breaker: &mut Breaker, history: &str, minute: i64, read: u64, input: u64) -> CacheRead {
    let asked = Turn { cache: CacheAsk::Automatic, ..turn(history, minute * MINUTE) };
    let usage = Usage { cache_read: Tokens(read), uncached: Tokens(input - read), ..Usage::default() };
    breaker.watch(
        &asked.receipt(),
        &Outcome { status: 200, usage: Some(usage), complete: true, ..Outcome::default() },
    )
}

/// The histories of a session, each with one call and one result more, and what is read of ten thousand more each.
fn session(reads: &[u64]) -> Vec<Option<String>> {
    let mut breaker = Breaker::default();
    let mut history = "a".to_owned();
    let mut opened = Vec::new();
    for (number, read) in reads.iter().enumerate() {
        let seen = by_itself(&mut breaker, &history, number as i64, *read, 30_000 + 10_000 * number as u64);
        opened.push(seen.opens("m"));
        history.push_str("bc");
    }
    opened
}

#[test]
fn an_automatic_cache_that_is_stuck_at_the_same_place_opens_the_breaker() {
    let opened = session(&[0, 12_000, 12_000, 12_000, 12_000, 12_000, 12_000]);
    assert_eq!(opened.iter().filter(|opened| opened.is_some()).count(), 1);
    insta::assert_snapshot!(opened[5].as_deref().unwrap(), @"the provider read 12000 of 70000 cached tokens that it should have read (m), for the fourth time in a row without a reason that headroom can see");
}

#[test]
fn an_automatic_cache_that_comes_late_goes_early_or_is_not_there_opens_nothing() {
    let sessions: [&[u64]; 5] = [
        &[0, 30_000, 40_000, 50_000, 60_000],
        &[0, 0, 0, 0, 0, 0, 0, 0],
        &[0, 0, 30_000, 40_000, 50_000, 60_000],
        &[0, 12_000, 30_000, 12_000, 60_000, 12_000, 12_000, 12_000, 100_000],
        &[24_576, 24_576, 32_768, 40_960, 53_248, 61_440],
    ];
    for reads in sessions {
        assert!(session(reads).iter().all(Option::is_none), "{reads:?}");
    }
}

#[test]
fn a_request_that_builds_on_an_answer_reads_what_led_to_it() {
    let mut breaker = Breaker::default();
    let first = Turn { cache: CacheAsk::Automatic, ..turn("abc", 0) }.receipt();
    let usage = |read| Usage { cache_read: Tokens(read), uncached: Tokens(30_000), ..Usage::default() };
    let answer =
        |read| Outcome { status: 200, usage: Some(usage(read)), complete: true, ..Outcome::default() };
    breaker.watch(&first, &answer(0));
    let mut next = Turn { cache: CacheAsk::Automatic, ..turn("d", MINUTE) }.receipt();
    assert_eq!(breaker.watch(&next, &answer(30_000)), CacheRead::NotExpected("a history of its own"));
    next.continues = first.head;
    assert_eq!(breaker.watch(&next, &answer(30_000)), CacheRead::AsExpected);
}

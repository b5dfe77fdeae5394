//! What a stretch at once makes of a history, against the proxy's way turn by turn; fits, walks and totals.

use super::body::{self, Row};
use super::course::{Block, Course, PROFILES, Step, Tool, Turn, Way};
use super::fit::{self, Basis};
use super::kitchen::Kitchen;
use super::rebuild::{Rebuilding, Rebuilt};
use super::walk::{self, Measure, Road};
use crate::compress::Effort;
use crate::conversation::CacheAsk;
use crate::receipt::Usage;
use crate::rewrite::{self, Caller, Desk, Inline, Profile, Reach, Settings, WayBack, Writes};
use crate::store::{Scope, Store};
use crate::transcript::{About, Answered, Author, Call, Ending, Entry, Event, Outcome, Prompt};
use crate::units::{Millis, Tokens};
use crate::wire::Wire;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

fn settings(profile: Profile) -> Settings {
    Settings { profile, on: true, way_back: WayBack::Proven, rules: Arc::new([]), frames: Arc::default() }
}

fn ways() -> Vec<(usize, Settings)> {
    let profiles =
        [Profile::Lossless, Profile::Shorten(Effort::Balanced), Profile::Shorten(Effort::Aggressive)];
    profiles.into_iter().enumerate().map(|(place, profile)| (place, settings(profile))).collect()
}

/// A store of its own, with its folder.
fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::for_trial(folder.path()).unwrap();
    (folder, store)
}

fn log(lines: usize, seed: usize) -> String {
    let line = |at: usize| {
        let state =
            if (at + seed).is_multiple_of(97) { "ERROR payment failed" } else { "INFO  request handled" };
        format!(
            "2026-03-04T10:{:02}:{:02}Z {state} path=/api/items/{} took={}ms\n",
            at / 60 % 60,
            at % 60,
            at + seed,
            at % 37
        )
    };
    (0..lines).map(line).collect()
}

fn rows(count: usize, seed: usize) -> String {
    let row = |at: usize| json!({"id": seed + at, "name": format!("service-{at}"), "region": "eu-west-1", "state": "ok", "replicas": 3});
    serde_json::to_string_pretty(&(0..count).map(row).collect::<Vec<_>>()).unwrap()
}

/// A session of some turns: what it prints depends on `seed`.
fn turns(seeds: &[usize]) -> Vec<Vec<Row>> {
    let call = |id: &str, tool: &str, arguments: serde_json::Value| {
        Row::Called(Call { id: id.to_owned(), tool: tool.to_owned(), arguments: arguments.to_string() })
    };
    let mut turns = vec![vec![Row::Asked("which services are down, and is payment failing?".to_owned())]];
    for (number, &seed) in seeds.iter().enumerate() {
        let id = format!("call-{number}");
        let (made, text) = match seed % 5 {
            0 => (call(&id, "Bash", json!({"command": "cat app.log"})), log(60 + seed % 200, seed)),
            1 => (
                call(&id, "Bash", json!({"command": "kubectl get services -o json"})),
                rows(20 + seed % 60, seed),
            ),
            2 => (
                call(&id, "Read", json!({"file_path": "src/cart.rs"})),
                format!("1\tfn total_{seed}() {{}}\n").repeat(30),
            ),
            3 => (call(&id, "Bash", json!({"command": "true"})), String::new()),
            _ => (
                call(&id, "mcp__headroom__headroom_retrieve", json!({"key": "0123456789abcdef"})),
                log(80, seed),
            ),
        };
        let ending = if seed % 7 == 0 { Ending::Failed(Some(1)) } else { Ending::Worked };
        let mut turn = Vec::new();
        if seed % 3 == 0 {
            turn.push(Row::Said(format!("I look at part {seed} of it: payment and services.")));
        }
        turn.extend([made, Row::Printed { id, text, ending }]);
        if seed % 4 == 0 {
            turn.push(Row::Asked(format!("and what about item {seed}?")));
        }
        turns.push(turn);
    }
    turns
}

/// What a proxy sends for each row when it sees the history grow turn by turn.
fn turn_by_turn(turns: &[Vec<Row>], wire: Wire, profile: usize) -> Vec<Option<String>> {
    let (_folder, store) = store();
    let settings = &ways()[profile].1;
    let mut history: Vec<Row> = Vec::new();
    let mut sent: BTreeMap<usize, String> = BTreeMap::new();
    for turn in turns {
        history.extend(turn.iter().cloned());
        let caller = Caller {
            wire,
            session: Some("it".to_owned()),
            run: "run".to_owned(),
            agent: "claude".to_owned(),
            scope: Scope { project: "/w".to_owned() },
            now: Millis(1),
            writes: Writes::Keep,
            reach: Reach::Tail,
            model: None,
        };
        let desk = Desk { store: Some(&store), bench: &Inline, settings };
        let body = body::written(wire, "claude-opus-5-5", history.iter());
        let done = rewrite::rewrite(body, &caller, &desk);
        // What the last request holds for a block is what every request held for it.
        for (row, text) in printed(&done.body, wire) {
            let before = sent.insert(row, text.clone());
            assert!(before.is_none_or(|before| before == text), "what was sent once is never changed");
        }
    }
    let originals = printed(&body::written(wire, "claude-opus-5-5", history.iter()), wire);
    (0..history.len())
        .map(|row| sent.get(&row).filter(|text| originals.get(&row) != Some(text)).cloned())
        .collect()
}

/// The tool outputs of a body, by row.
fn printed(body: &[u8], wire: Wire) -> BTreeMap<usize, String> {
    let conversation = wire.read(body).unwrap();
    let texts = conversation.blocks.iter().filter_map(|block| match &block.content {
        crate::conversation::Content::Result(result) => {
            let texts = result.texts.iter().filter_map(|span| crate::wire::json::text_of(span.of(body)));
            Some((block.message, texts.collect()))
        }
        _ => None,
    });
    texts.collect()
}

/// What the kitchen sends for each row when it is handed the history at once.
fn at_once(turns: &[Vec<Row>], wire: Wire, profile: usize) -> Vec<Option<String>> {
    let (_folder, store) = store();
    let ways = [ways().swap_remove(profile)];
    let kitchen = Kitchen { store: &store, ways: &ways, wire, agent: "claude", project: "/w" };
    let rows: Vec<&Row> = turns.iter().flatten().collect();
    let (_, plate) = kitchen.cook("claude-opus-5-5", rows.iter().copied()).swap_remove(0);
    (0..rows.len()).map(|row| plate.shortened.get(&row).map(|shortened| shortened.text.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn a_history_at_once_is_sent_as_a_proxy_sends_it_turn_by_turn(
        seeds in prop::collection::vec(0_usize..1_000, 1..7), profile in 0_usize..PROFILES, codex: bool,
    ) {
        let wire = if codex { Wire::OpenAiResponses } else { Wire::Anthropic };
        let turns = turns(&seeds);
        prop_assert_eq!(at_once(&turns, wire, profile), turn_by_turn(&turns, wire, profile));
    }

    #[test]
    fn where_a_history_is_cut_into_stretches_changes_nothing(
        seeds in prop::collection::vec(0_usize..1_000, 1..7), stretch in 1_usize..30_000,
    ) {
        let turns = turns(&seeds);
        let (_folder, store) = store();
        let ways = ways();
        let (whole, cut) = (rebuilt(&turns, &store, &ways, usize::MAX), rebuilt(&turns, &store, &ways, stretch));
        prop_assert_eq!(&whole.courses[0].steps, &cut.courses[0].steps);
        prop_assert_eq!(&whole.courses[0].asked_back, &cut.courses[0].asked_back);
        prop_assert_eq!(&whole.reads, &cut.reads);
    }
}

/// The session's course, its stretches no longer than so many bytes.
fn rebuilt(turns: &[Vec<Row>], store: &Store, ways: &[(usize, Settings)], stretch: usize) -> Rebuilt {
    let kitchen = Kitchen { store, ways, wire: Wire::Anthropic, agent: "claude", project: "/w" };
    let mut rebuilding = Rebuilding::new(kitchen, None, false);
    rebuilding.stretch = stretch;
    entries(turns).into_iter().for_each(|entry| rebuilding.see(entry));
    rebuilding.finish()
}

/// The rows as a reader would give them.
fn entries(turns: &[Vec<Row>]) -> Vec<Entry> {
    let mut events = vec![Event::About(About {
        session: "it".to_owned(),
        agent: "claude".to_owned(),
        ..About::default()
    })];
    for turn in turns {
        for row in turn {
            let event = match row.clone() {
                Row::Asked(text) => Event::Prompt(Prompt { text, by: Author::Person, images: 0 }),
                Row::Said(text) => Event::Said(text),
                Row::Called(call) => Event::Call(call),
                Row::Printed { id, text, ending } => {
                    // The answer that called ends before its tool prints.
                    events.push(Event::Answered(Answered {
                        id: String::new(),
                        model: "claude-opus-5-5".to_owned(),
                        usage: None,
                        cache: CacheAsk::FiveMinutes,
                    }));
                    Event::Result(Outcome { id, text, images: 0, ending })
                }
            };
            events.push(event);
        }
    }
    let line = |(line, event)| Entry {
        line: line as u64 + 1,
        at: Some(Millis(line as i64 * 1_000)),
        thread: Arc::from(""),
        event,
    };
    events.into_iter().enumerate().map(line).collect()
}

/// A course of one block a request, with these tokens; its usage is what `theirs` makes of the tokens so far.
fn course(tokens: &[u32], mut theirs: impl FnMut(u64) -> u64) -> Course {
    let mut course = Course { models: vec!["claude-opus-5-5".to_owned()], ..Course::default() };
    let mut sum = 0;
    for (number, &direct) in tokens.iter().enumerate() {
        sum += u64::from(direct);
        course.steps.push(Step::Block(Block {
            line: 0,
            tool: Tool(2),
            direct,
            sent: [direct / 2; PROFILES],
        }));
        course.steps.push(Step::Request(number as u32));
        let usage = Usage { cache_write_5m: Tokens(theirs(sum)), ..Usage::default() };
        course.turns.push(Turn {
            at: Some(Millis(number as i64 * 1_000)),
            line: 0,
            model: 0,
            usage: Some(usage),
            ask: CacheAsk::FiveMinutes,
            said: Tokens(0),
            fetches: false,
        });
    }
    course
}

proptest! {
    #[test]
    fn a_slope_and_what_stands_ahead_are_learnt_from_usage(
        tokens in prop::collection::vec(800_u32..20_000, 6..40), slope in 7_000_u64..22_000, ahead in 0_u64..60_000,
    ) {
        let measure = |tokens| Measure { scale: slope, preamble: 0, heard: false }.of(tokens);
        let courses = [course(&tokens, |sum| ahead + measure(sum))];
        let fit = fit::fit(&courses, Way::Direct, None);
        let learnt = fit.measures[0];
        prop_assert!(learnt.scale.abs_diff(slope) <= 2, "{} {:?}", slope, learnt);
        prop_assert!(learnt.preamble.abs_diff(ahead) <= 200, "{ahead} {learnt:?}");
        if slope == fit::EVEN {
            prop_assert_eq!(fit.basis, Basis::Exact);
        }
    }

    #[test]
    fn what_a_walk_bills_is_what_was_sent(tokens in prop::collection::vec(1_u32..9_000, 1..40), preamble in 0_u64..40_000) {
        let course = course(&tokens, |sum| sum);
        let measure = Measure { scale: fit::EVEN, preamble, heard: false };
        for (way, divided) in [(Way::Direct, 1), (Way::With(1), 2)] {
            let mut sum = 0;
            let mut turns = 0;
            walk::walk(&Road { course: &course, way, measure, warm: 0, ask: None }, &mut |billed| {
                sum += u64::from(tokens[billed.turn] / divided);
                turns += 1;
                assert_eq!(billed.usage.input(), Tokens(preamble + sum));
            });
            prop_assert_eq!(turns, tokens.len());
        }
    }
}

#[test]
fn a_session_without_usage_is_told_from_one_that_fits() {
    let mut bare = course(&[500, 600], |sum| sum);
    bare.turns.iter_mut().for_each(|turn| turn.usage = None);
    assert_eq!(fit::fit(&[bare], Way::Direct, Some(12_000)).basis, Basis::Nothing);
    assert_eq!(fit::fit(&[course(&[500, 600], |sum| sum + 9)], Way::Direct, None).basis, Basis::Exact);
    assert_eq!(fit::fit(&[course(&[500, 600], |sum| sum * 2)], Way::Direct, None).basis, Basis::Few(2));
}

#[test]
fn entries_in_any_order_are_taken() {
    let (_folder, store) = store();
    let ways = ways();
    let whole = entries(&turns(&[0, 3, 9, 12, 20]));
    let mut shuffled = String::new();
    for step in 1..whole.len() {
        let kitchen = Kitchen {
            store: &store,
            ways: &ways[..1],
            wire: Wire::Anthropic,
            agent: "claude",
            project: "/w",
        };
        let mut rebuilding = Rebuilding::new(kitchen, None, step % 2 == 0);
        for at in 0..whole.len() {
            rebuilding.see(whole[at * step % whole.len()].clone());
            let back = |event| Entry { line: at as u64, at: None, thread: Arc::from("x"), event };
            rebuilding.see(back(Event::Back { to: (at * 7 % 5) as u64 }));
            rebuilding.see(back(Event::Interrupted));
        }
        let rebuilt = rebuilding.finish();
        let fit = fit::fit(&rebuilt.courses, Way::Direct, None);
        for (course, measure) in rebuilt.courses.iter().zip(fit.measures) {
            walk::walk(&Road { course, way: Way::With(0), measure, warm: 9, ask: None }, &mut |billed| {
                write!(shuffled, "{}", billed.usage.input().0).unwrap();
            });
        }
    }
    assert!(!shuffled.is_empty());
}

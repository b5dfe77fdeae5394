//! Thousands of memory files; what persons do to the block; what expires.

use super::*;
use proptest::prelude::*;

const NOW: Millis = Millis(1_795_000_000_000);
const DAY: i64 = 86_400_000;

fn saying(id: &str, sentence: &str, times: u64, days_ago: i64) -> Saying {
    Saying {
        id: id.to_owned(),
        sentence: sentence.to_owned(),
        times,
        seen: Some(Millis(NOW.0 - days_ago * DAY)),
    }
}

fn sayings() -> Vec<Saying> {
    vec![
        saying("a", "Run `pnpm test`, not `npm test`.", 5, 2),
        saying("b", "`src/app/config.ts` is in `packages/app/src/config.ts`.", 2, 9),
    ]
}

fn merged(file: Option<&[u8]>, sayings: &[Saying], remembered: &[Remembered]) -> Result<Merged, BlockError> {
    merge(file, &Wanted { sayings, remembered, leaves: &HashMap::new(), now: NOW })
}

/// Writes and settles; gives the file and what is remembered.
fn written(file: &str, sayings: &[Saying], remembered: &[Remembered]) -> (String, Vec<Remembered>) {
    let merged = merged(Some(file.as_bytes()), sayings, remembered).expect("it is clear");
    (String::from_utf8(merged.bytes).expect("it was text"), settled(&merged.remembered))
}

fn fates(merged: &Merged) -> Vec<(&str, Fate)> {
    merged.fates.iter().map(|(id, fate)| (id.as_str(), *fate)).collect()
}

#[test]
fn a_block_is_put_at_the_end_and_the_rest_stays() {
    let (file, _) = written("# Shop\n\nUse tabs.\n", &sayings(), &[]);
    assert_eq!(
        file,
        "# Shop\n\nUse tabs.\n\n<!-- headroom:learn:start -->\n\
         ## Learned from earlier sessions (`headroom learn`; edit or delete lines as you like)\n\
         - Run `pnpm test`, not `npm test`. (5 times, last 2026-11-16)\n\
         - `src/app/config.ts` is in `packages/app/src/config.ts`. (2 times, last 2026-11-09)\n\
         <!-- headroom:learn:end -->\n"
    );
}

#[test]
fn a_file_keeps_its_own_ends_of_lines() {
    for (file, after) in [
        ("", "\n"),
        ("a", ""),
        ("a\n", "\n"),
        ("a\r\nb\r\n", "\r\n"),
        ("a\r\nb", ""),
        ("\u{feff}", "\n"),
        ("\u{feff}a\r\n", "\r\n"),
        ("a\r", ""),
        ("\n", "\n"),
        ("a\r\nb\n", "\r\n"),
        ("a\0b", ""),
    ] {
        let (with, remembered) = written(file, &sayings(), &[]);
        assert!(with.starts_with(file), "{file:?}");
        assert!(with.ends_with(&format!("{END}{after}")), "{file:?}: {with:?}");
        assert_eq!(with.contains("\r\n- Run"), file.contains("\r\n"), "{file:?}");
        assert_eq!(
            taken_back(with.as_bytes(), Some(file.as_bytes())).expect("clear"),
            file.as_bytes(),
            "{file:?}"
        );
        let leaves = remembered.iter().map(|row| (row.id.clone(), Leaves::Refuted)).collect();
        let wanted = Wanted { sayings: &[], remembered: &remembered, leaves: &leaves, now: NOW };
        let without = merge(Some(with.as_bytes()), &wanted).expect("clear");
        assert_eq!(without.bytes, file.as_bytes(), "{file:?}");
        assert_eq!(without.remembered, []);
    }
}

#[test]
fn markers_that_are_quoted_are_text() {
    for file in [
        format!("```\n{START}\n{END}\n```\n"),
        format!("~~~~ html\n{START}\n```\n{START}\n~~~~\n"),
        format!("    {START}\n"),
        format!("> {START}\n> {END}\n"),
        format!("Headroom writes `{START}`.\n"),
        format!("{START} and more\n"),
    ] {
        let (with, remembered) = written(&file, &sayings(), &[]);
        assert!(with.starts_with(&file));
        assert_eq!(written(&with, &sayings(), &remembered).0, with);
    }
}

#[test]
fn a_block_that_is_not_clear_is_not_touched() {
    let cases = [
        (format!("a\n{START}\nb\n"), BlockError::Open { line: 2 }),
        (format!("a\n{END}\nb\n"), BlockError::Unopened { line: 2 }),
        (format!("{END}\n{START}\n"), BlockError::Unopened { line: 1 }),
        (format!("{START}\n{END}\n{START}\n{END}\n"), BlockError::Second { line: 3 }),
        (format!("{START}\n{START}\n{END}\n{END}\n"), BlockError::Second { line: 2 }),
        (format!("{START}\r\n```\r\n{END}\r\n```"), BlockError::Open { line: 1 }),
    ];
    for (file, error) in cases {
        assert_eq!(merged(Some(file.as_bytes()), &sayings(), &[]).expect_err("not clear"), error, "{file}");
        assert!(!error.hint().is_empty());
    }
    assert_eq!(merged(Some(b"\xff\xfea\0"), &sayings(), &[]).expect_err("wide"), BlockError::Wide);
}

#[test]
fn newer_evidence_is_told_and_older_is_not() {
    let (file, remembered) = written("x\n", &sayings(), &[]);
    for (times, days, changes) in [(7, 1, true), (7, 2, false), (1, 20, false)] {
        let mut sayings = sayings();
        sayings[0] = saying("a", "Run `pnpm test`, not `npm test`.", times, days);
        let (again, _) = written(&file, &sayings, &remembered);
        assert_eq!(again != file, changes, "{times} times, {days} days ago");
        assert_eq!(again.contains("(7 times, last 2026-11-17)"), changes);
    }
}

#[test]
fn what_a_person_writes_in_the_block_stays_and_what_one_takes_away_stays_away() {
    let (file, remembered) = written("x\n", &sayings(), &[]);
    let edited = file
        .replace("Run `pnpm test`, not `npm test`.", "Run `pnpm test --run`.")
        .replace(&format!("{HEADING}\n"), "* my own \t\n");
    let newer = [saying("a", "Run `pnpm test`, not `npm test`.", 9, 0), sayings()[1].clone()];
    let merged = merged(Some(edited.as_bytes()), &newer, &remembered).expect("clear");
    assert_eq!(String::from_utf8_lossy(&merged.bytes), edited);
    assert_eq!(fates(&merged), [("b", Fate::Unchanged), ("a", Fate::Dismissed)]);
    let remembered = settled(&merged.remembered);
    let without: String =
        edited.lines().filter(|line| !line.contains("config.ts")).map(|line| format!("{line}\n")).collect();
    let (after, remembered) = written(&without, &newer, &remembered);
    assert_eq!(after, without);
    assert!(remembered.iter().all(|row| row.state == State::Dismissed));

    // The whole block gone is every line gone; the line back is the line back.
    let (after, _) = written("x\n", &newer, &remembered);
    assert_eq!(after, "x\n");
    let (_, again) = written(&file, &sayings(), &remembered);
    assert!(again.iter().all(|row| row.state == State::Written));
    // Of a file that is not there, nobody has taken anything away.
    assert!(
        merge(None, &Wanted { sayings: &newer, remembered: &again, leaves: &HashMap::new(), now: NOW })
            .expect("clear")
            .fates
            .iter()
            .all(|(_, fate)| *fate == Fate::Added)
    );
}

#[test]
fn a_line_that_another_machine_wrote_is_not_written_twice() {
    let (file, _) = written("x\n", &sayings(), &[]);
    let merged = merged(Some(file.as_bytes()), &sayings(), &[]).expect("clear");
    assert_eq!(String::from_utf8_lossy(&merged.bytes), file);
    assert_eq!(fates(&merged), [("a", Fate::Unchanged), ("b", Fate::Unchanged)]);
    let newer = [saying("a", "Run `pnpm test`, not `npm test`.", 6, 1)];
    let (after, _) = written(&file, &newer, &[]);
    assert!(after.contains("(6 times, last 2026-11-17)") && after.matches("pnpm test").count() == 1);
}

#[test]
fn what_has_aged_is_taken_out_and_comes_back_only_with_newer_evidence() {
    let (file, remembered) = written("x\n", &sayings(), &[]);
    let leaves = HashMap::from([("a".to_owned(), Leaves::Aged)]);
    let wanted = Wanted { sayings: &[], remembered: &remembered, leaves: &leaves, now: NOW };
    let out = merge(Some(file.as_bytes()), &wanted).expect("clear");
    assert_eq!(fates(&out), [("a", Fate::Expired(Leaves::Aged))]);
    let (bytes, remembered) = (String::from_utf8(out.bytes).expect("text"), settled(&out.remembered));
    assert!(!bytes.contains("pnpm") && bytes.contains("config.ts"));
    let (same, remembered) = written(&bytes, &sayings(), &remembered);
    assert_eq!(same, bytes);
    let newer = [saying("a", "Run `pnpm test`, not `npm test`.", 2, 1)];
    let (again, _) = written(&same, &newer, &remembered);
    assert!(again.contains("pnpm") && again.find("pnpm") < again.find("config.ts"), "{again}");
}

#[test]
fn a_run_that_was_stopped_while_writing_has_dismissed_nothing() {
    let merged_once = merged(Some(b"x\n"), &sayings(), &[]).expect("clear");
    // Remembered, and never written.
    let again = merged(Some(b"x\n"), &sayings(), &merged_once.remembered).expect("clear");
    assert_eq!(again.bytes, merged_once.bytes);
    // Written, and not yet remembered as such.
    let after = merged(Some(&merged_once.bytes), &sayings(), &merged_once.remembered).expect("clear");
    assert_eq!(after.bytes, merged_once.bytes);
    assert_eq!(fates(&after), [("a", Fate::Unchanged), ("b", Fate::Unchanged)]);
}

#[test]
fn a_block_has_forty_lines_at_most_and_the_most_valuable_first() {
    let many: Vec<Saying> =
        (0..60).map(|number| saying(&format!("i{number}"), &format!("Say {number}."), 2, 1)).collect();
    let (file, remembered) = written("", &many, &[]);
    assert_eq!(file.lines().count(), MOST_LINES);
    assert!(file.lines().nth(2).is_some_and(|line| line.starts_with("- Say 0.")));
    let (again, _) = written(&file, &many, &remembered);
    assert_eq!(again, file);
}

#[test]
fn what_could_end_the_block_or_hide_in_it_is_not_written() {
    for sentence in [
        "a\nb",
        "a --> b",
        "a <!-- b",
        "headroom:learn:end",
        "a\u{202e}b",
        "a\u{200b}b",
        "a\u{e0041}",
        "a\u{1b}[2J",
        "",
        " a",
        &"x".repeat(301),
    ] {
        let merged = merged(Some(b"x\n"), &[saying("a", sentence, 3, 1)], &[]).expect("clear");
        assert_eq!(merged.bytes, b"x\n", "{sentence:?}");
        assert_eq!(fates(&merged), [("a", Fate::Unfit)]);
    }
}

#[test]
fn what_others_say_leaves_our_lines_out() {
    let (file, remembered) = written("x\n", &sayings(), &[]);
    let edited = file.replace(HEADING, "- use `uv`");
    let others = String::from_utf8(others(edited.as_bytes(), &remembered)).expect("text");
    assert!(others.contains("use `uv`") && others.contains("x\n") && !others.contains("pnpm"), "{others}");
}

/// Pieces that a hostile or an ordinary file is made of.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "# Shop",
        "text",
        "",
        " ",
        "```",
        "~~~",
        "````rust",
        "    code",
        START,
        END,
        "  <!-- headroom:learn:start -->",
        "<!-- headroom:learn:end --> ",
        "<!--",
        "-->",
        HEADING,
        "- Run `pnpm test`, not `npm test`. (5 times, last 2026-11-16)",
        "- Run `pnpm test`, not `npm test`. (1 time, last 2025-01-01)",
        "- own",
        "\u{feff}",
        "naïve ☃",
        "@AGENTS.md",
    ]);
    prop_oneof![
        8 => words.prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
        1 => Just(vec![0x97]),
        1 => Just(vec![0]),
    ]
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    let end = prop_oneof![6 => Just("\n"), 3 => Just("\r\n"), 1 => Just("\r"), 1 => Just("")];
    let rows = prop::collection::vec((piece(), end), 0..14);
    (any::<bool>(), rows, any::<bool>()).prop_map(|(bom, rows, ended)| {
        let mut bytes: Vec<u8> = if bom { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
        for (piece, end) in &rows {
            bytes.extend(piece);
            bytes.extend(end.as_bytes());
        }
        if !ended && let Some(b"\n") = bytes.last_chunk::<1>() {
            bytes.pop();
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn outside_the_block_every_file_keeps_every_byte(file in file()) {
        let Ok(first) = merged(Some(&file), &sayings(), &[]) else { return Ok(()) };
        let place = place::find(&first.bytes).expect("it was found while merging");
        match place::find(&file).expect("it was clear") {
            None => prop_assert!(first.bytes.starts_with(&file)),
            Some(before) => {
                let after = place.expect("a block does not go while something is said");
                prop_assert_eq!(&file[..before.inner.start], &first.bytes[..after.inner.start]);
                prop_assert_eq!(&file[before.inner.end..], &first.bytes[after.inner.end..]);
                // A person's lines are all there, in their order.
                let mut left = place::rows(&first.bytes[after.inner]);
                for row in place::rows(&file[before.inner]) {
                    prop_assert!(shape(place::text(row)).is_some() || left.any(|other| other == row));
                }
            }
        }
        let second = merged(Some(&first.bytes), &sayings(), &settled(&first.remembered)).expect("still clear");
        prop_assert_eq!(&second.bytes, &first.bytes);
        prop_assert_eq!(&second.remembered, &settled(&first.remembered));
        prop_assert_eq!(taken_back(&first.bytes, Some(&file)).expect("clear"), file);
    }

    #[test]
    fn whatever_a_person_does_in_the_block_is_respected(
        takes in any::<[bool; 2]>(), puts in prop::collection::vec("[-*a-z `]{0,12}", 0..4), at in 0_usize..4,
    ) {
        let (file, remembered) = written("x\n", &sayings(), &[]);
        let mut lines: Vec<&str> = file.lines().collect();
        let from = lines.len() - 3;
        for (number, take) in takes.into_iter().enumerate().rev() {
            if take {
                lines.remove(from + number);
            }
        }
        let place = (lines.len() - 1).min(4 + at);
        let puts: Vec<&String> = puts.iter().filter(|put| !put.contains("```")).collect();
        puts.iter().for_each(|put| lines.insert(place, put));
        let edited: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let newer = [
            saying("a", "Run `pnpm test`, not `npm test`.", 9, 0),
            saying("b", "`src/app/config.ts` is in `packages/app/src/config.ts`.", 9, 0),
            saying("c", "Run `uv run pytest`, not `pytest`.", 3, 1),
        ];
        let (after, remembered) = written(&edited, &newer, &remembered);
        for (taken, word) in [(takes[0], "pnpm"), (takes[1], "config.ts")] {
            prop_assert_eq!(after.contains(word), !taken);
        }
        prop_assert_eq!(after.matches("pytest`, not").count(), 1);
        prop_assert_eq!(after.matches("(9 times").count(), takes.iter().filter(|taken| !**taken).count());
        let mut left = after.lines();
        prop_assert!(puts.iter().rev().all(|put| left.any(|line| line == *put)));
        prop_assert_eq!(&written(&after, &newer, &remembered).0, &after);
    }
}

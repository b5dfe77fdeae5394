//! What must hold for every line-shaped kind, over made and generated texts.

use super::super::{Allowance, Effort, Hint, Loss, Shortened, build, log};
use super::*;
use crate::marker;
use crate::refusal::Refusal;
use crate::units::Key;
use proptest::prelude::*;

type Compressor = fn(&str, &Hint<'_>, &Allowance<'_>) -> Result<Shortened, Refusal>;
type Shortener = fn(&str, &Hint<'_>, &Allowance<'_>, &Key) -> Result<Option<String>, Refusal>;

const KINDS: [(&str, Compressor, Shortener); 2] =
    [("log", log::compress, log::shorten), ("build", build::compress, build::shorten)];

fn key() -> Key {
    Key::parse("0123456789abcdef0123").expect("a key")
}

/// How many lines the markers of `shortened` say are missing. `None` when one has no way back.
fn said_left_out(shortened: &str) -> Option<usize> {
    let mut missing = 0;
    let mut named = false;
    for line in shortened.lines().filter(|line| marker::is_marker(line)) {
        let Some((count, _)) = line[marker::OPEN.len()..].split_once(" line") else { continue };
        let Ok(count) = count.parse::<usize>() else { continue };
        let way_back = line.ends_with(&format!("; original kept: headroom retrieve {}]", key()));
        if !(if named { line.ends_with("; kept, same key]") } else { way_back }) {
            return None;
        }
        named = true;
        missing += count;
    }
    Some(missing)
}

/// Everything that must hold for one text.
#[track_caller]
fn assert_true_to(text: &str, hint: &Hint<'_>) {
    let key = key();
    for (name, compress, shorten) in KINDS {
        for effort in [Effort::Balanced, Effort::Aggressive] {
            let shown = shorten(text, hint, &Allowance { effort, ..Allowance::kept_under(&key) }, &key)
                .unwrap_or_else(|because| panic!("{name}: {because} for {text:?}"));
            if let Some(shown) = &shown {
                assert!(shown.len() < text.len(), "{name} made it longer");
                assert!(verbatim_subsequence(text, shown), "{name}: {text:?}\n{shown}");
                let lines = Lines::of(text).expect("short").len();
                let left = shown.lines().filter(|line| !marker::is_marker(line)).count();
                // A line of the text that looks like a marker would be counted as one.
                if !text.contains(marker::OPEN) {
                    assert_eq!(
                        said_left_out(shown).map(|missing| missing + left),
                        Some(lines),
                        "{name}\n{shown}"
                    );
                }
            }
            assert_eq!(
                shorten(text, hint, &Allowance { effort, ..Allowance::kept_under(&key) }, &key),
                Ok(shown),
                "{name} twice"
            );
            for loss in [Loss::Nothing, Loss::KeptUnder(&key)] {
                let allowance = Allowance { loss, effort, ..Allowance::lossless() };
                match compress(text, hint, &allowance) {
                    Ok(short) if short.left_out => assert!(matches!(loss, Loss::KeptUnder(_)), "{name}"),
                    Ok(short) => assert_eq!(exact::decode(&short.text).as_deref(), Some(text), "{name}"),
                    Err(because) => assert!(!because.is_fault(), "{name}: {because} for {text:?}"),
                }
            }
        }
    }
}

fn service_log(lines: usize) -> String {
    (0..lines)
        .map(|n| match n % 11 {
            3 => format!("2026-03-11 10:{:02}:{:02},{:03} DEBUG [pool-{}] db.Pool : active={} idle={}\n", n / 60 % 60, n % 60, n * 7 % 1000, n % 3, n % 9, n % 5),
            7 if n % 121 == 7 => format!("2026-03-11 10:{:02}:{:02},000 ERROR [web-1] web.Orders : order {} was refused: card expired\n", n / 60 % 60, n % 60, 4000 + n),
            _ => format!("2026-03-11 10:{:02}:{:02},{:03} INFO  [web-{}] web.Orders : GET /orders/{} 200 in {} ms\n", n / 60 % 60, n % 60, n * 13 % 1000, n % 4, 10_000 + n * 17 % 5_000, 3 + n * 29 % 90),
        })
        .collect()
}

#[test]
fn what_matters_in_a_log_is_shown() {
    let mut text = service_log(800);
    let at = text.len() / 2;
    let at = at + text[at..].find('\n').expect("a line") + 1;
    text.insert_str(
        at,
        "2026-03-11 10:30:00,000 INFO  [main] app.Flags : flag new-checkout switched off by ada\n",
    );
    let key = key();
    let allowance = Allowance::kept_under(&key);
    let hint = Hint { query: "what became of order 10578?", ..Hint::default() };
    let short = log::compress(&text, &hint, &allowance).expect("shorter").text;
    assert!(short.len() * 5 < text.len(), "{}", short.len());
    let refused = text.lines().filter(|line| line.contains("ERROR")).count();
    assert_eq!(short.lines().filter(|line| line.contains(" ERROR ")).count(), refused);
    for needed in [
        text.lines().next().expect("a first line"),
        text.lines().last().expect("a last line"),
        "flag new-checkout switched off by ada",
        "GET /orders/10578 200",
        " lines like: <time> INFO [<web-2 ×",
    ] {
        assert!(short.contains(needed), "{needed}\n{short}");
    }
}

#[test]
fn every_text_stays_true() {
    let crash = "E: x\n\tat a.B.c(B.java:3)\n\tat a.B.d(B.java:9)\n\tat a.B.e(B.java:9)\n\tat a.B.f(B.java:9)\n\tat a.B.g(B.java:9)\n";
    let forged = format!(
        "{}[headroom: 3 lines left out (1-3); original kept: headroom retrieve 0123456789abcdef0123]\n",
        service_log(40)
    );
    let coloured = service_log(60).replace("INFO", "\u{1b}[32mINFO\u{1b}[0m");
    let windows = service_log(60).replace('\n', "\r\n");
    let progress: String =
        (0..200).map(|n| format!("{n}%\r")).collect::<String>() + "done\n" + &service_log(60);
    let texts = [
        String::new(),
        "\n".to_owned(),
        "\n\n\n\n".repeat(200),
        "    \n\t\n \u{b}\n".repeat(300),
        "x".repeat(5_000),
        service_log(300),
        service_log(300).trim_end().to_owned(),
        crash.repeat(40),
        forged.repeat(9),
        coloured,
        windows,
        progress,
        "é日本 ошибка ".repeat(900),
        (0..400).map(|n| format!("{}\n", "a b ".repeat(n % 40))).collect(),
    ];
    for text in &texts {
        assert_true_to(text, &Hint::default());
        assert_true_to(text, &Hint { failed: true, query: "order 4007 \"x\"", ..Hint::default() });
    }
}

#[test]
fn a_huge_line_and_very_many_lines_stay_true() {
    let key = key();
    let texts = [
        "a1 b-2 ".repeat(200_000),
        "x\n".repeat(200_000),
        "\u{1b}[1m\r".repeat(100_000),
        "error ".repeat(100_000),
    ];
    for text in &texts {
        for (name, _, shorten) in KINDS {
            if let Some(shown) =
                shorten(text, &Hint::default(), &Allowance::kept_under(&key), &key).expect("no fault")
            {
                assert!(verbatim_subsequence(text, &shown), "{name}");
            }
        }
        if let Ok(coded) = exact::encode(text) {
            assert_eq!(exact::decode(&coded).as_ref(), Some(text));
        }
    }
}

#[test]
fn the_check_can_fail() {
    let text = service_log(300);
    let key = key();
    let allowance = Allowance::kept_under(&key);
    let short = log::compress(&text, &Hint::default(), &allowance).expect("shorter").text;
    assert!(!verbatim_subsequence(&text, &short.replacen("INFO", "Info", 3)));
    assert_ne!(
        said_left_out(&short),
        said_left_out(&short.replacen(" lines left out", "0 lines left out", 1))
    );
}

/// Lines of a few shapes, so that patterns, runs, traces and signs meet.
fn texts() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        6 => (0..4_u8, 0..999_u32).prop_map(|(level, n)| format!("2026-03-11T10:00:{:02}Z {} worker {n} did its part in {n}ms", n % 60, ["INFO", "WARN", "ERROR", "DEBUG"][level as usize])),
        2 => (0..30_u32).prop_map(|n| format!("test suite::case_{n} ... {}", if n % 7 == 0 { "FAILED" } else { "ok" })),
        1 => (0..5_u32).prop_map(|n| format!("\tat org.example.C{n}.run(C{n}.java:{n})")),
        1 => (0..5_u32).prop_map(|n| format!("src/a{n}.c:3:{n}: error: expected ';'")),
        1 => Just("____ test_x ____".to_owned()),
        1 => "[ \\t\\x0b\\x0c]{0,4}",
        1 => "\\PC{0,30}",
        1 => "[\\x00-\\x7f]{0,20}",
    ];
    (proptest::collection::vec(line, 0..150), prop_oneof![Just("\n"), Just("\r\n")], any::<bool>())
        .prop_map(|(lines, end, ended)| lines.join(end) + if ended { end } else { "" })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_generated_text_stays_true(text in texts(), failed in any::<bool>()) {
        assert_true_to(&text, &Hint { failed, query: "worker 17", ..Hint::default() });
    }
}

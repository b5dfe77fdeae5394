use super::super::lines::verbatim_subsequence;
use super::*;
use crate::units::Key;
use proptest::prelude::*;

fn key() -> Key {
    Key::parse("0123456789abcdef0123").expect("a key")
}

/// The text that is sent for `text`, or the text.
fn sent(text: &str, query: &str) -> String {
    let hint = Hint { query, ..Hint::default() };
    compress(text, &hint, &Allowance::kept_under(&key())).map_or_else(|_| text.to_owned(), |its| its.text)
}

/// A file of so many hunks, each of which changes one line of seven.
fn source(path: &str, hunks: usize) -> String {
    let mut text =
        format!("diff --git a/{path} b/{path}\nindex 1a2b3c4..5d6e7f8 100644\n--- a/{path}\n+++ b/{path}\n");
    for n in 0..hunks {
        let at = n * 40 + 10;
        text.push_str(&format!("@@ -{at},7 +{at},7 @@ fn stage_{n}(input: &Input) -> Output {{\n"));
        for line in 0..3 {
            text.push_str(&format!(
                "     let before_{line} = input.prepare_{n}(Step::Number{line}, &settings);\n"
            ));
        }
        text.push_str(&format!("-    let limit = {n};\n+    let limit = {};\n", n + 1_000));
        for line in 0..3 {
            text.push_str(&format!(
                "     let after_{line} = before_{line}.finish(&settings, Retry::Times({n}));\n"
            ));
        }
    }
    text
}

#[test]
fn every_changed_line_of_source_stays_in_view() {
    let text = source("src/stage.rs", 60);
    let short = sent(&text, "what is the limit of stage_17?");
    assert!(short.len() * 4 < text.len() * 3, "{} of {}", short.len(), text.len());
    assert!(verbatim_subsequence(&text, &short));
    for line in text.lines().filter(|line| line.starts_with(['+', '-', '@'])) {
        assert!(short.contains(line), "{line}");
    }
    assert!(short.contains("before_1 = input.prepare_17("), "what is asked for is shown whole");
}

#[test]
fn a_lock_file_is_told_by_its_packages() {
    let mut text =
        "diff --git a/Cargo.lock b/Cargo.lock\nindex 1..2 100644\n--- a/Cargo.lock\n+++ b/Cargo.lock\n"
            .to_owned();
    for n in 0..60 {
        text.push_str(&format!("@@ -{0},9 +{0},9 @@\n [[package]]\n name = \"crate-{n}\"\n-version = \"1.{n}.0\"\n+version = \"1.{n}.7\"\n source = \"registry+https://github.com/rust-lang/crates.io-index\"\n-checksum = \"{n:064}\"\n+checksum = \"{n:063}a\"\n \n [[package]]\n name = \"x\"\n", n * 30 + 1));
    }
    let locked = text.len();
    let text = text + &source("src/main.rs", 1);
    let short = sent(&text, "");
    assert!((short.len() - (text.len() - locked)) * 6 < locked, "{short}");
    for n in 0..60 {
        let compact = short.contains(&format!("crate-{n} 1.{n}.0 -> 1.{n}.7"));
        let own = format!("crate-{n} ¶-version = \"1.{n}.0\" ¶+version = \"1.{n}.7\"");
        assert!(compact || short.contains(&own), "{n}: {short}");
    }
    assert!(short.contains("Cargo.lock +120 -120 (lock file)"), "{short}");
    assert!(short.ends_with(&source("src/main.rs", 1)), "{short}");
}

#[test]
fn a_change_that_stands_in_many_files_is_told_once() {
    let one = |n: usize| {
        let lines: String = (0..3)
            .map(|line| format!(" # the part {line} of service number {n} in a long line of its own words\n"))
            .collect();
        format!(
            "diff --git a/s{n}/conf.yml b/s{n}/conf.yml\nindex 1..2\n--- a/s{n}/conf.yml\n+++ b/s{n}/conf.yml\n@@ -1,7 +1,7 @@\n{lines}-image: base:1\n+image: base:2\n{lines}"
        )
    };
    let text: String = (0..60).map(one).collect();
    let short = sent(&text, "");
    assert_eq!(short.matches("\n+image: base:2\n").count(), 1, "{short}");
    for n in 0..60 {
        assert!(short.contains(&format!("s{n}/conf.yml")), "{n}: {short}");
    }
}

#[test]
fn a_short_diff_stays_as_it_is() {
    let text = source("src/a.rs", 3);
    assert_eq!(sent(&text, ""), text);
    assert!(compress(&source("src/a.rs", 300), &Hint::default(), &Allowance::lossless()).is_err());
}

fn odd_line() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ +-]\\PC{0,40}",
        1 => Just("diff --git a/x b/x".to_owned()),
        1 => Just("--- a/x\n+++ b/x".to_owned()),
        1 => Just("@@ -1,3 +1,4 @@ fn x".to_owned()),
        1 => Just("@@@ -1,3 -1,3 +1,4 @@@".to_owned()),
        1 => Just("@@ -99999999999999999999,9 +1 @@".to_owned()),
        1 => Just("diff --git a/Cargo.lock b/Cargo.lock\n--- a/Cargo.lock\n+++ b/Cargo.lock".to_owned()),
        1 => Just("commit 1234567890".to_owned()),
        1 => Just("GIT binary patch".to_owned()),
        1 => Just("rename to é".to_owned()),
        1 => "\\PC{0,20}",
        1 => "[\r\n]{0,3}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn what_is_shown_is_the_texts_own(lines in proptest::collection::vec(odd_line(), 0..40), times in 1..12_usize, query in "\\PC{0,12}") {
        let text = lines.join("\n").repeat(times) + &source("src/x.rs", 40);
        let short = sent(&text, &query);
        prop_assert!(short.len() <= text.len());
        let raw = Lines::raw(&text).expect("short");
        prop_assert!(verify::in_order(&raw, &short));
        prop_assert_eq!(sent(&text, &query), short);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_hunk_is_shown_whole_under_its_files_head_or_not_at_all(sizes in proptest::collection::vec(1..30_usize, 1..12), query in "(stage_[0-9]|limit|[a-z]{0,5})") {
        let text: String = sizes.iter().enumerate().map(|(n, hunks)| source(&format!("src/part{n}.rs"), *hunks)).collect();
        let short = sent(&text, &query);
        let kept: String = short.lines().filter(|line| !marker::is_marker(line)).map(|line| format!("{line}\n")).collect();
        let lines = Lines::raw(&kept).expect("short");
        let patch = patch::Patch::of(&lines);
        let within: usize = patch.files.iter().map(|file| file.lines.len()).sum();
        prop_assert_eq!(within, lines.len(), "nothing stands outside of a file: {}", kept);
        for file in &patch.files {
            prop_assert!(!file.hunks.is_empty(), "a head without a hunk: {}", kept);
            for hunk in patch.of_file(file) {
                prop_assert!(hunk.plain && hunk.lines.len() == 9, "{}", kept);
                let whole: String =
                    hunk.lines.clone().map(|line| lines.get(line).to_owned() + "\n").collect();
                prop_assert!(text.contains(&whole), "{}", kept);
            }
        }
    }
}

#[test]
fn many_hunks_in_a_row_are_told_in_order() {
    let text = source("src/a.rs", 4_000);
    let short = sent(&text, "");
    let heads: Vec<usize> = (0..4_000).filter_map(|n| short.find(&format!(" fn stage_{n}("))).collect();
    assert_eq!(heads.len(), 4_000);
    assert!(heads.is_sorted());
}

#[test]
fn colours_that_were_removed_from_a_log_are_told_once_with_the_key() {
    let key = Key::parse("0123456789abcdef0123").expect("a key");
    let commits: String = (0..90)
        .map(|n| {
            format!(
                "\u{1b}[33mcommit {n:07x}\u{1b}[m\nAuthor: A <a@b.c>\nDate:   Mon Mar 2 10:00:{n:02} 2026 +0000\n\n    \
                 Change number {n}\n\n    {}\n\n",
                "\u{1b}[31m.\u{1b}[m".repeat(300)
            )
        })
        .collect();
    let made = compress(&commits, &Hint::default(), &Allowance::kept_under(&key)).expect("shorter");
    assert!(!made.text.contains('\u{1b}'));
    assert_eq!(
        made.text.matches("escape codes and overwritten progress left out").count(),
        1,
        "{}",
        made.text
    );
    assert_eq!(made.text.matches("headroom retrieve 0123456789abcdef0123").count(), 1);
}

use super::super::lines;
use super::*;
use crate::marker;
use crate::units::Key;
use proptest::prelude::*;

fn exact() -> Allowance<'static> {
    Allowance::lossless()
}

#[track_caller]
fn grouped(text: &str) -> String {
    let short = grouped::encode(text, |_| false).expect("shorter");
    assert_eq!(decode(&short).as_deref(), Some(text));
    short
}

#[test]
fn hits_are_grouped_under_their_files() {
    let text = "\
/home/me/work/2026/project/src/compress/log.rs:3:use super::lines;
/home/me/work/2026/project/src/compress/log.rs:9:use super::signs;
/home/me/work/2026/project/src/compress/log.rs:12:}
/home/me/work/2026/project/src/compress/log.rs:19:}
/home/me/work/2026/project/src/wire/anthropic.rs:7:use super::lines;
/home/me/work/2026/project/src/wire/anthropic.rs:8:fn a() {
/home/me/work/2026/project/src/wire/sse.rs:1:use super::lines;
";
    insta::assert_snapshot!(grouped(text), @"
        [headroom: nothing left out; 7 matches in 3 files, grouped: `12:` without a name is in the file above; all names are below /home/me/work/2026/project/src/]
        compress/log.rs:3:use super::lines;
        9:use super::signs;
        12,19:}
        wire/anthropic.rs:7:use super::lines;
        8:fn a() {
        wire/sse.rs:1:use super::lines;
        ");
}

#[test]
fn context_and_breaks_come_back_exactly() {
    let path = "crates/some-1-name/src/deeply/nested/module.rs";
    let mut text = String::new();
    for n in 1..20 {
        text.push_str(&format!(
            "{path}-{}-before\n{path}:{}:match {n}\n{path}-{}-\n--\n",
            n * 10,
            n * 10 + 1,
            n * 10 + 2
        ));
    }
    let short = grouped(&text);
    assert!(short.len() * 4 < text.len() * 3);
    assert!(short.contains("11:match 1\n12-\n--\n"), "{short}");
}

#[test]
fn a_search_without_numbers_is_grouped_too() {
    let text: String = (0..9).map(|n| format!("src/some/folder/file.py:value {n}: x\n")).collect();
    assert!(grouped(&text).contains("\nsrc/some/folder/file.py:value 0: x\n:value 1: x\n"));
}

#[test]
fn a_search_says_what_is_no_hit() {
    let hits: String = (1..30).map(|n| format!("src/some/folder/file{}.py:{n}:value\n", n / 10)).collect();
    let text = format!("Found 29 matches\n\n{hits}[headroom: 3 lines left out]\n12:no path\n(truncated)");
    grouped(&text);
}

#[test]
fn what_is_no_search_is_refused() {
    for text in
        ["", "a\n", "a\nb\nc\nd\n", "2026-03-11T10:30:00 a\n2026-03-11T10:31:00 b\n2026-03-11T10:32:00 c\n"]
    {
        assert!(compress(text, &Hint::default(), &exact()).is_err(), "{text:?}");
    }
}

#[test]
fn of_very_many_hits_every_file_is_named() {
    let key = Key::parse("0123456789abcdef0123").expect("a key");
    let text: String = (0..90)
        .flat_map(|file| {
            (1..30).map(move |n| {
                format!("src/part{file}/module{file}.rs:{}:    let value = call({n}, {file});\n", n * 7)
            })
        })
        .chain(["src/last.rs:3:pub fn call(a: u32, b: u32) {}\n".to_owned()])
        .collect();
    let allowance = Allowance { loss: Loss::KeptUnder(&key), ..exact() };
    let short = compress(&text, &Hint::default(), &allowance).expect("shorter");
    assert!(short.left_out && short.text.len() * 2 < text.len());
    assert!(lines::verbatim_subsequence(&text, &short.text));
    for file in 0..90 {
        assert!(short.text.contains(&format!("src/part{file}/module{file}.rs")), "{file}");
    }
    assert!(short.text.contains("src/last.rs:3:pub fn call"));
}

fn hits() -> impl Strategy<Value = String> {
    let path =
        prop_oneof!["[a-c]{1,2}(/[a-c-]{1,2}){0,2}\\.rs", "[0-9a-]{1,4}", "C:\\\\[ab]\\.rs", "\\PC{0,6}"];
    let line = prop_oneof![
        8 => (path, prop_oneof![Just(":"), Just("-")], 0..99_u32, "\\PC{0,8}").prop_map(|(path, mark, number, text)| format!("{path}{mark}{number}{mark}{text}")),
        1 => Just("--".to_owned()),
        1 => "\\PC{0,12}",
    ];
    (proptest::collection::vec(line, 0..40), any::<bool>())
        .prop_map(|(lines, ended)| lines.join("\n") + if ended { "\n" } else { "" })
}

proptest! {
    #[test]
    fn grouping_decodes_to_the_same_bytes(text in hits(), nth in 1..9_usize) {
        match grouped::encode(&text, |line| line % nth == 1) {
            Ok(grouped) => prop_assert_eq!(decode(&grouped), Some(text)),
            Err(because) => prop_assert_ne!(because, Refusal::NotVerified, "{:?}", text),
        }
    }

    #[test]
    fn decoding_never_fails_badly(text in "\\PC{0,40}(\n\\PC{0,10}){0,6}") {
        let _ = decode(&text);
        let _ = decode(&format!("{}\n{text}", marker::legend("grouped: `12:` without a name is in the file above")));
    }
}

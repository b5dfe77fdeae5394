//! What stands round JSON stays, and what is JSON is shorter.

use super::super::json::decode;
use super::*;
use crate::units::Key;
use proptest::prelude::*;

fn rows(from: usize, to: usize) -> String {
    let row = |at: usize| {
        format!(
            r#"{{"id": {at}, "customer": "customer-{}", "state": "shipped", "cents": {}}}"#,
            at * 7919,
            at * 31 % 977
        )
    };
    (from..to).map(row).collect::<Vec<_>>().join(",\n")
}

fn lossless(text: &str) -> Shortened {
    compress(text, &Hint::default(), &Allowance::lossless()).unwrap()
}

#[test]
fn the_text_round_a_value_stays_letter_for_letter() {
    let text = format!("Query took 41 ms\nResult: [{}]\nRows shown: 20 of 20.\n", rows(0, 20));
    let made = lossless(&text);
    assert!(made.text.starts_with("Query took 41 ms\nResult: \n[headroom: JSON array as a table, 20 rows"));
    assert!(made.text.ends_with("\n[headroom: end of the table]\nRows shown: 20 of 20.\n"), "{}", made.text);
    let table =
        &made.text[made.text.find(marker::OPEN).unwrap()..made.text.rfind("\n[headroom: end").unwrap()];
    let value: serde_json::Value = serde_json::from_str(&decode::decode(table).unwrap()).unwrap();
    assert_eq!(value, serde_json::from_str::<serde_json::Value>(&format!("[{}]", rows(0, 20))).unwrap());
}

#[test]
fn an_array_that_was_cut_off_keeps_its_last_letters() {
    let text = format!("[{},\n{{\"id\": 61, \"custo", rows(0, 60));
    let made = lossless(&text);
    assert!(made.text.contains("60 rows"));
    assert!(made.text.ends_with("it goes on like this:]\n,\n{\"id\": 61, \"custo"), "{}", made.text);
    let key = Key::parse("0123456789abcdef0123").unwrap();
    let long = format!("{{\"of\": 400, \"rows\": [{},\n{{\"id\": 401, \"cu... [12 kB more]", rows(0, 400));
    let made = compress(&long, &Hint::default(), &Allowance::kept_under(&key)).unwrap();
    assert!(made.left_out && made.text.ends_with("\n{\"id\": 401, \"cu... [12 kB more]"), "{}", made.text);
}

#[test]
fn a_value_in_one_huge_line_is_a_value_still() {
    let text = format!("Result: [{}]\nDone in 3.1 s", rows(0, 300).replace('\n', " "));
    assert_eq!(content::kind_of(&text, &Hint::default()), Kind::Mixed);
}

#[test]
fn an_array_without_its_middle_is_two_tables() {
    let (head, tail) = (rows(0, 40), rows(60, 90));
    let text = format!("[{head},\n{{\"id\": 41, \"cu\n... 3,100 letters ...\ner\": \"x\"}},\n{tail}]");
    let made = lossless(&text);
    assert!(made.text.contains("40 rows") && made.text.contains("30 rows"), "{}", made.text);
    assert!(made.text.contains("\n... 3,100 letters ...\n") && made.text.ends_with("round them]\n]"));
}

#[test]
fn the_key_is_named_once_for_all_parts() {
    let text = format!("first\n[{}]\nsecond\n[{}]\n", rows(0, 400), rows(400, 900));
    let key = Key::parse("0123456789abcdef0123").unwrap();
    let made = compress(&text, &Hint::default(), &Allowance::kept_under(&key)).unwrap();
    assert_eq!(made.text.matches(key.as_str()).count(), 1, "{}", made.text);
    assert!(made.text.contains("\nsecond\n"));
}

#[test]
fn a_log_with_short_payloads_is_no_mixed_text() {
    let log: String =
        (0..80).map(|at| format!("10:00:{:02} INFO done {{\"id\":{at},\"ok\":true}}\n", at % 60)).collect();
    assert!(!fits(&Sample::of(&log)));
    assert!(fits(&Sample::of(&format!("HTTP/1.1 200 OK\n\n[{}]", rows(0, 20)))));
}

proptest! {
    /// The pieces are the text, and values are values.
    #[test]
    fn the_pieces_are_the_whole_text(parts in prop::collection::vec(part(), 0..8)) {
        let text = parts.concat();
        let pieces = pieces::of(&text);
        let together: String = pieces.iter().map(|piece| &text[piece.range.clone()]).collect();
        prop_assert_eq!(&together, &text);
        for piece in &pieces {
            let source = &text[piece.range.clone()];
            match &piece.sort {
                Sort::Text => {}
                Sort::Value => prop_assert!(json::tape::Tape::read(source).is_ok()),
                Sort::Items => {
                    let closed = format!("[{source}]");
                    prop_assert!(json::tape::Tape::read(&closed).is_ok());
                }
                Sort::Cut(closers) => {
                    let closed = format!("{source}{closers}");
                    prop_assert!(json::tape::Tape::read(&closed).is_ok());
                }
            }
        }
        let key = Key::parse("0123456789abcdef0123").unwrap();
        for allowance in [Allowance::lossless(), Allowance::kept_under(&key)] {
            if let Ok(made) = compress(&text, &Hint::default(), &allowance) {
                prop_assert!(made.text.len() < text.len());
            }
        }
    }
}

fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..40usize).prop_map(|count| format!("[{}]", rows(0, count))),
        (9..40usize, 1..60usize).prop_map(|(count, cut)| {
            let whole = rows(0, count);
            format!("[{}", &whole[..whole.len() - cut])
        }),
        Just(" ".to_owned()),
        Just("\n".to_owned()),
        Just("é{\"a\": [1, {\"b\":".to_owned()),
        "[\\[\\]{}\",:a1 \n]{0,12}",
        Just("some words\n".repeat(30)),
    ]
}

#[test]
fn brackets_that_never_close_are_read_a_bounded_number_of_times() {
    let text = "[[1,".repeat(60_000);
    assert_eq!(pieces::of(&text).len(), 1);
}

use super::super::lines::verbatim_subsequence;
use super::*;
use crate::compress::content;
use proptest::prelude::*;

fn key() -> Key {
    Key::parse("0123456789abcdef0123").expect("a key")
}

#[track_caller]
fn short(text: &str, query: &str) -> String {
    let key = key();
    let hint = Hint { query, ..Hint::default() };
    let short = compress(text, &hint, &Allowance::kept_under(&key)).expect("shorter");
    assert!(short.left_out && verbatim_subsequence(text, &short.text));
    short.text
}

/// 300 payments, of which three are not like the others.
fn payments(separator: &str) -> String {
    let mut text = ["id", "at", "customer", "state", "amount", "channel"].join(separator) + "\n";
    for n in 0..300_i64 {
        let customer = ["Ada", "Bo", "Cy"][n as usize % 3];
        let (state, amount) = match n {
            77 => ("disputed", 41),
            140 => ("paid", 90_000),
            200 => ("paid", -5),
            _ => ("paid", 20 + n * 7 % 31),
        };
        let cells = [
            format!("P{}", 5_000 + n * n % 977 * 1_000 + n),
            format!("2026-05-{:02}", 1 + n / 12),
            customer.to_owned(),
            state.to_owned(),
            amount.to_string(),
            "bank transfer".to_owned(),
        ];
        text += &(cells.join(separator) + "\n");
    }
    text
}

#[test]
fn rows_that_stick_out_stay_in_view_whatever_separates_their_cells() {
    for separator in [",", "\t", ";", "|", " | "] {
        let text = payments(separator);
        let short = short(&text, "");
        for telling in ["disputed", "90000", "-5", "2026-05-01", "paid ×299"] {
            assert!(short.contains(telling), "{separator:?} {telling}: {short}");
        }
        assert!(short.len() * 2 < text.len(), "{separator:?}: {short}");
    }
}

#[test]
fn the_row_that_was_asked_for_stays() {
    let text = payments(",");
    let id = text.lines().nth(233).and_then(|line| line.split(',').next()).expect("a row").to_owned();
    let short = short(&text, &format!("what about payment {id}?"));
    assert!(short.lines().any(|line| line.starts_with(&id) && !line.starts_with('[')));
}

#[test]
fn every_row_is_named_where_it_was_left_out() {
    let text = payments(",");
    let short = short(&text, "");
    for line in text.lines().skip(1) {
        let id = line.split(',').next().expect("an id");
        assert!(short.contains(id), "{id}");
    }
}

#[test]
fn a_cell_of_many_lines_is_shown_whole_or_not_at_all() {
    let mut text = "id,body,prio\n".to_owned();
    for n in 0..120 {
        let prio = if n == 60 { "urgent" } else { "normal" };
        text += &format!(
            "{n},\"dear all,\nplease look at \"\"order {n}\"\" and more of the same\n\nbest\",{prio}\n"
        );
    }
    let short = short(&text, "");
    assert!(
        short.contains(
            "60,\"dear all,\nplease look at \"\"order 60\"\" and more of the same\n\nbest\",urgent\n"
        )
    );
}

#[test]
fn a_table_between_bars_keeps_its_head_and_its_foot() {
    let mut text = " id | name   | size \n----+--------+------\n".to_owned();
    for n in 0..200 {
        text += &format!(" {n:3} | name{n:03} | {:4} \n", if n == 99 { 7_777 } else { n % 10 });
    }
    text += "(200 rows)\n";
    let short = short(&text, "");
    for telling in
        [" id | name   | size \n----+--------+------\n   0 |", "7777", "(200 rows)", "lines left out"]
    {
        assert!(short.contains(telling), "{telling}: {short}");
    }
}

#[test]
fn what_is_no_table_is_not_taken_for_one() {
    let source = "fn a(x: u8, y: u8, z: u8) -> u8 {\n    call(x, y, z)\n}\n\nfn b(x: u8, y: u8) {\n    call(x, y, 3);\n}\n".repeat(4);
    let prose = "It was dark, and it rained.\nThe rain fell, in torrents, on the roofs of the town, until noon.\nNobody came.\n".repeat(4);
    let log = "2026-03-11 10:00:00,123 INFO a.b: it is up, really, at last\n".repeat(9);
    let python = "x = [\n    (1, 2, 3),\n    (4, 5, 6),\n    (7, 8, 9),\n    (1, 2, 3),\n    (4, 5, 6),\n]\n";
    let yaml = "a: 1\nb: 2\nc: 3\nd: 4\ne: 5\nf: 6\n";
    let options = "usage: x [a|b|c]\n  -a | --all   everything\n  -b | --bare  nothing\n".repeat(3);
    for text in [&source, &prose, &log, python, yaml, &options, ""] {
        assert!(!fits(&Sample::of(text)), "{text}");
    }
}

#[test]
fn a_table_is_one_whoever_printed_it() {
    for separator in [",", "\t", ";", "|", " | "] {
        let text = payments(separator);
        for (tool, command) in
            [("", ""), ("tool_17", ""), ("Bash", "cat payments.csv"), ("Bash", "psql -c 'select 1'")]
        {
            let hint = Hint { tool, command, ..Hint::default() };
            assert_eq!(content::kind_of(&text, &hint), Kind::Table, "{separator:?} {command}");
        }
    }
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{0,3}", "-?[0-9]{1,3}", "\"[a-c,\n\"]{0,6}\"", "\\PC{0,5}", "2026-0[1-9]-1[0-9]"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_shown_is_of_the_table_letter_for_letter(
        rows in proptest::collection::vec(proptest::collection::vec(cell(), 3..5), 20..200),
        separator in prop_oneof![Just(","), Just("\t"), Just(" | "), Just(";")],
    ) {
        let text: String = rows.iter().map(|row| row.join(separator) + "\n").collect();
        let key = key();
        let allowance = Allowance::kept_under(&key);
        if let Ok(short) = compress(&text, &Hint::default(), &allowance) {
            prop_assert!(verbatim_subsequence(&text, &short.text));
            let again = compress(&text, &Hint::default(), &allowance).expect("the same");
            prop_assert_eq!(short.text, again.text);
        }
    }
}

//! What holds for every edit.

use super::*;
use proptest::prelude::*;

const OURS: &str = "http://127.0.0.1:4711/5ec\"ret";

fn keys(key: &[&str]) -> Vec<String> {
    key.iter().map(|&key| key.to_owned()).collect()
}

#[track_caller]
fn there_and_back(format: Format, text: &str, key: &[&str]) -> String {
    let key = keys(key);
    let edited = set(format, text, &key, OURS).unwrap_or_else(|error| panic!("{error}:\n{text}"));
    assert_eq!(value(format, &edited.text, &key), Ok(Some(OURS.into())), "{text}");
    let back = take_back(format, &edited.text, &key, &[OURS], &edited.before);
    assert_eq!(back, Ok(TakenBack::Text(text.to_owned())), "\n{}", edited.text);
    edited.text
}

#[test]
fn a_value_is_set_where_it_stands_and_where_it_would() {
    let json = [
        ("{\"a\":{\"url\":\"x\"}}", "{\"a\":{\"url\":OURS}}"),
        ("{}", "{\"a\": {\"url\": OURS}}"),
        ("{ // none\n}", "{\"a\": {\"url\": OURS} // none\n}"),
        (
            "{\r\n    // mine\r\n    \"b\": 1e2,\r\n}",
            "{\r\n    \"a\": {\"url\": OURS},\r\n    // mine\r\n    \"b\": 1e2,\r\n}",
        ),
        ("{\"a\": {\n\t\"b\": 1\n}}\n", "{\"a\": {\n\t\"url\": OURS,\n\t\"b\": 1\n}}\n"),
        ("\u{feff}{\"a\":{\"url\":1,\"url\":{\"x\":[]}}}", "\u{feff}{\"a\":{\"url\":1,\"url\":OURS}}"),
    ];
    let toml = [
        ("a.url = 'x' # why\n", "a.url = OURS # why\n"),
        ("# mine\r\n[a]\r\nb = 1\r\n", "# mine\r\n[a]\r\nb = 1\r\nurl = OURS\r\n"),
        ("", "[a]\nurl = OURS\n"),
        ("b = 1", "b = 1\n\n[a]\nurl = OURS\n"),
        ("a = { b = 1 }\n", "a = { b = 1 , url = OURS}\n"),
        ("[a.c]\nb = 1\n", "[a]\nurl = OURS\n[a.c]\nb = 1\n"),
    ];
    let cases =
        json.map(|case| (Format::Json, case)).into_iter().chain(toml.map(|case| (Format::Toml, case)));
    for (format, (text, wanted)) in cases {
        let edited = there_and_back(format, text, &["a", "url"]);
        let ours = literal(format, OURS);
        let squeezed = |text: &str| text.replace(' ', "");
        assert_eq!(squeezed(&edited), squeezed(&wanted.replace("OURS", &ours)), "{text}");
    }
}

#[test]
fn what_is_no_settings_file_is_not_touched() {
    for text in ["", "[]", "{\"a\": \"no object\"}", "{\"a\":1", "{'a': 1}", "{\"a\": [1]}"] {
        assert!(set(Format::Json, text, &keys(&["a", "url"]), OURS).is_err(), "{text}");
    }
    for text in ["a = 1\n", "a = [1\n", "[[a]]\nb = 1\n", "a = 1\na = 2\n"] {
        assert!(set(Format::Toml, text, &keys(&["a", "url"]), OURS).is_err(), "{text}");
    }
}

#[test]
fn what_somebody_else_has_put_there_stays() {
    let key = keys(&["url"]);
    for (format, text, moved, gone, changed) in [
        (
            Format::Json,
            "{\n  \"b\": 1\n}\n",
            ("{\"b\": 1, \"url\": OURS}", "{\"b\": 1}"),
            "{\"b\": 2}",
            "{\"url\": \"https://mine\"}",
        ),
        (
            Format::Toml,
            "b = 1\n",
            ("url=OURS\nb = 1 # new\n", "b = 1 # new\n"),
            "b = 2\n",
            "url = \"https://mine\"\n",
        ),
    ] {
        let before = set(format, text, &key, OURS).expect("it is set").before;
        let back = |text: &str| {
            take_back(format, &text.replace("OURS", &literal(format, OURS)), &key, &[OURS], &before)
        };
        assert_eq!(back(moved.0), Ok(TakenBack::Text(moved.1.to_owned())));
        assert_eq!(back(gone), Ok(TakenBack::Gone));
        assert_eq!(back(changed), Ok(TakenBack::Changed));
        assert_eq!(back("{{"), Err(EditError::Unclear));
    }
}

/// Blank space and comments as people leave them.
fn blank() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", " ", "\n", "\r\n  ", "\n\t", " /* , } \" */ ", " // {\"a\"\n ", "\n\n    "])
        .prop_map(str::to_owned)
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "url", "b c", "é", "q\\\"", "", "n"]).prop_map(str::to_owned)
}

/// JSON as people write it; three levels are enough to stand in every place.
fn written() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "1e2",
        "-0.0",
        "null",
        "true",
        "\"x, }\"",
        "\"\\u00e9\"",
        "[1, 2,]",
        "{}",
        "\"\\\\\"",
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(3, 24, 4, |inner| {
        (prop::collection::vec((blank(), name(), blank(), inner, blank()), 0..4), any::<bool>(), blank())
            .prop_map(|(members, trailing, end)| {
                let members: Vec<String> = members
                    .into_iter()
                    .map(|(one, name, two, value, three)| format!("{one}\"{name}\"{two}:{two}{value}{three}"))
                    .collect();
                let comma = if trailing && !members.is_empty() { "," } else { "" };
                format!("{{{}{comma}{end}}}", members.join(","))
            })
    })
}

/// TOML as people write it.
fn toml() -> impl Strategy<Value = String> {
    let value = prop::sample::select(vec![
        "1e2",
        "'x'",
        "\"\"\"\nurl = 1\n\"\"\"",
        "[1, # one\n 2,\n]",
        "{ b = 1 }",
        "2026-11-20",
    ]);
    let line = (
        prop::sample::select(vec!["", "  "]),
        0..40_u8,
        value,
        prop::sample::select(vec!["", " # a = 1", "\n", "\n# [a]\n"]),
    )
        .prop_map(|(indent, number, value, end)| format!("{indent}k{number} = {value}{end}"));
    let header =
        prop::sample::select(vec!["[a]", "[a.b]", "[x]", "[ a . c ] # c", "[[list]]", "# only words"])
            .prop_map(str::to_owned);
    let own = prop::sample::select(vec!["a.url = 1", "url = 'own'", "a = { url = 3 }", "a.b.url = '''x'''"])
        .prop_map(str::to_owned);
    let written = prop_oneof![5 => line, 3 => header, 1 => own];
    (prop::collection::vec(written, 0..10), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(lines, carriage, mark, end)| {
            let mut text = lines.join("\n") + if end { "\n" } else { "" };
            if carriage {
                text = text.replace('\n', "\r\n");
            }
            if mark {
                text.insert(0, '\u{feff}');
            }
            text
        },
    )
}

fn key() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop::sample::select(vec!["a", "url", "b"]).prop_map(str::to_owned), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_byte_outside_the_value_stays_and_all_come_back(
        text in written(), key in key(), mark in any::<bool>(), carriage in any::<bool>(), end in blank(),
    ) {
        let mut text = format!("{text}{end}");
        if carriage {
            text = text.replace("\r\n", "\n").replace('\n', "\r\n");
        }
        if mark {
            text.insert(0, '\u{feff}');
        }
        check(Format::Json, &text, &key)?;
    }

    #[test]
    fn the_same_holds_for_toml(text in toml(), key in key()) {
        check(Format::Toml, &text, &key)?;
    }
}

fn check(format: Format, text: &str, key: &[String]) -> Result<(), TestCaseError> {
    let Ok(edited) = set(format, text, key, OURS) else {
        // It is no file of that format, or what stands on the way is no object.
        let refused = read(format, text).is_err() || {
            let mut all = read(format, text).unwrap_or_default();
            put(&mut all, key, OURS).is_none()
        };
        // A name with an escape in it could be any name.
        let hidden = text.contains("q\\\"");
        prop_assert!(
            refused || hidden || format == Format::Toml,
            "there was a place in {text:?} for {key:?}"
        );
        return Ok(());
    };
    let ours = literal(format, OURS);
    let same_start = text.bytes().zip(edited.text.bytes()).take_while(|(one, other)| one == other).count();
    let same_end =
        text.bytes().rev().zip(edited.text.bytes().rev()).take_while(|(one, other)| one == other).count();
    let changed = text.len().saturating_sub(same_start + same_end);
    match &edited.before {
        Before::Was(was) => prop_assert!(changed <= was.len(), "{text:?} -> {:?}", edited.text),
        Before::Missing { prefix, suffix } => {
            prop_assert_eq!(edited.text.len(), text.len() + prefix.len() + ours.len() + suffix.len());
            prop_assert_eq!(changed, 0, "{:?} -> {:?}", text, edited.text);
        }
    }
    prop_assert_eq!(value(format, &edited.text, key), Ok(Some(OURS.into())));
    let back = take_back(format, &edited.text, key, &[OURS], &edited.before);
    prop_assert_eq!(back, Ok(TakenBack::Text(text.to_owned())), "{:?}", edited.text);
    Ok(())
}

//! What holds for every JSON: generated values, spelled oddly on purpose.

use super::cut::Cuts;
use super::tape::Tape;
use super::*;
use proptest::prelude::*;

/// JSON as it is generated: numbers and strings as they are spelled, keys as often as they come.
#[derive(Clone, Debug)]
enum Json {
    Spelled(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Spells the value, with white space that `seed` chooses.
    fn spell(&self, seed: u64, to: &mut String) {
        let space = |to: &mut String, salt: u64| {
            to.push_str(["", " ", "\n  ", "\t"][((seed >> (salt % 29)) & 3) as usize])
        };
        match self {
            Json::Spelled(spelled) => to.push_str(spelled),
            Json::Array(items) => {
                to.push('[');
                for (index, item) in items.iter().enumerate() {
                    to.push_str(if index == 0 { "" } else { "," });
                    space(to, index as u64);
                    item.spell(seed, to);
                }
                space(to, 7);
                to.push(']');
            }
            Json::Object(members) => {
                to.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    to.push_str(if index == 0 { "" } else { "," });
                    space(to, 3 + index as u64);
                    to.push_str(key);
                    space(to, 5);
                    to.push(':');
                    space(to, 11);
                    value.spell(seed, to);
                }
                to.push('}');
            }
        }
    }
}

fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z]{1,8}",
        1 => any::<String>(),
        2 => prop::sample::select(vec![
            "", " ", "-", "null", "true", "1", "-0", "1e5", "007", "a\tb", "a\nb", "a|b", "\"q\"", "{x}", "[x]", "<b>", "a,b",
            " lead", "trail ", "\u{85}", "\u{2028}", "é", "中文", "😀", "in every row: 1:a=b", "</table>", "</map>",
            "[headroom: 3 rows left out; kept, same key]", "https://example.org/a/b/c", "https://example.org/a/b/d",
            "\u{0}", "\u{7f}", "\\", "a.b", "x*", "=y", "{\"a\":1}",
        ]).prop_map(str::to_owned),
    ]
}

/// A string as it may be spelled: plainly, or with escapes that need not be.
fn spelled_string() -> impl Strategy<Value = String> {
    (string(), 0..4u8).prop_map(|(said, how)| match how {
        0 => format!("\"{}\"", said.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect::<String>()),
        1 => serde_json::to_string(&said).unwrap().replace('/', "\\/"),
        _ => serde_json::to_string(&said).unwrap(),
    })
}

fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![9 => literal(), 1 => prop::sample::select(vec!["[]", "{}"]).prop_map(|empty| Json::Spelled(empty.to_owned()))]
}

fn literal() -> impl Strategy<Value = Json> {
    prop_oneof![
        spelled_string().prop_map(Json::Spelled),
        prop::sample::select(vec![
            "0",
            "-0",
            "1",
            "2",
            "3",
            "1.0",
            "1.10",
            "1E5",
            "1e+400",
            "-1.5e-7",
            "12345678901234567890123",
            "0.1",
            "NaN",
            "-Infinity",
            r#""half \ud83d of a pair""#,
            "true",
            "false",
            "null",
        ])
        .prop_map(|spelled| Json::Spelled(spelled.to_owned())),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-d]".prop_map(|key| format!("\"{key}\"")),
        1 => prop::sample::select(vec!["\"\\u0061\"", "\"a.b\"", "\"\"", "\"x y\"", "\"(key)\"", "\"é\"", "\"-\"", "\"url\"", "\"in every row\""])
            .prop_map(str::to_owned),
    ]
}

fn any_json() -> impl Strategy<Value = Json> {
    scalar().prop_recursive(5, 60, 6, |inside| {
        prop_oneof![
            prop::collection::vec(inside.clone(), 0..6).prop_map(Json::Array),
            prop::collection::vec((key(), inside), 0..6).prop_map(Json::Object),
        ]
    })
}

/// Rows that mostly have the same keys, in the same order.
fn rows() -> impl Strategy<Value = Vec<Json>> {
    let column = prop_oneof![
        3 => (scalar(), Just(1)).prop_map(|(value, kinds)| (vec![value], kinds)),
        5 => (prop::collection::vec(scalar(), 1..20), Just(20)),
        1 => (prop::collection::vec(any_json(), 1..4), Just(4)),
        2 => (prop::collection::vec((scalar(), scalar()), 1..9), Just(9)).prop_map(|(pairs, kinds)| {
            let record = |(x, y)| Json::Object(vec![("\"x\"".into(), x), ("\"y\"".into(), y)]);
            (pairs.into_iter().map(record).collect(), kinds)
        }),
        1 => prop::collection::vec(prop::collection::vec((scalar(), scalar()), 0..4), 1..9).prop_map(|lists| {
            let record = |(x, y)| Json::Object(vec![("\"x\"".into(), x), ("\"y\"".into(), y)]);
            (lists.into_iter().map(|list| Json::Array(list.into_iter().map(record).collect())).collect(), 9)
        }),
    ];
    let columns = prop::collection::vec((key(), column, 0..12u32), 1..6);
    (columns, 3..40usize, any::<u64>(), prop::option::weighted(0.2, any_json())).prop_map(
        |(columns, rows, seed, odd)| {
            let mut chance = seed;
            let mut draw = |below: usize| {
                chance =
                    chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (chance >> 33) as usize % below
            };
            let mut all: Vec<Json> = (0..rows)
                .map(|_| {
                    let mut members = Vec::new();
                    for (key, (values, _), absent) in &columns {
                        if *absent < 4 || draw(*absent as usize) == 0 {
                            members.push((key.clone(), values[draw(values.len())].clone()));
                        }
                    }
                    Json::Object(members)
                })
                .collect();
            if let Some(odd) = odd {
                let at = draw(all.len());
                all[at] = odd;
            }
            all
        },
    )
}

fn text() -> impl Strategy<Value = String> {
    let wrap = |rows: Vec<Json>, form: u8| match form {
        0 | 1 => Json::Array(rows),
        2 => Json::Object(vec![
            ("\"total\"".into(), Json::Spelled("3".into())),
            ("\"items\"".into(), Json::Array(rows)),
            ("\"next\"".into(), Json::Spelled("null".into())),
        ]),
        3 => {
            Json::Object(rows.into_iter().enumerate().map(|(at, row)| (format!("\"k{at}\""), row)).collect())
        }
        6 => {
            let keyed = |at: usize, row: &Json| (format!("\"k{at}\""), row.clone());
            let chunk = |(at, rows): (usize, &[Json])| {
                let inside = rows.iter().enumerate().map(|(at, row)| keyed(at, row)).collect();
                (format!("\"k{at}\""), Json::Object(inside))
            };
            Json::Object(rows.chunks(3).enumerate().map(chunk).collect())
        }
        4 => Json::Array(rows.chunks(3).map(|chunk| Json::Array(chunk.to_vec())).collect()),
        _ => Json::Array(vec![Json::Spelled("\"<table 3 rows>\"".into()), Json::Array(rows)]),
    };
    let arrays = |rows: Vec<Json>| {
        let values = |row: Json| match row {
            Json::Object(members) => Json::Array(members.into_iter().map(|(_, value)| value).collect()),
            other => other,
        };
        Json::Array(rows.into_iter().map(values).collect())
    };
    let lines = |rows: Vec<Json>, seed: u64| {
        let line = |row: &Json| {
            let mut line = String::new();
            row.spell(seed, &mut line);
            line
        };
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    let spelled = |json: Json, seed: u64| {
        let mut text = String::new();
        json.spell(seed, &mut text);
        text
    };
    prop_oneof![
        1 => (any_json(), any::<u64>()).prop_map(move |(json, seed)| spelled(json, seed)),
        6 => (rows(), 0..7u8, any::<u64>()).prop_map(move |(rows, form, seed)| spelled(wrap(rows, form), seed)),
        1 => (rows(), any::<u64>()).prop_map(move |(rows, seed)| lines(rows, seed)),
        1 => (rows(), any::<u64>()).prop_map(move |(rows, seed)| spelled(Json::Object(vec![("\"data\"".into(), arrays(rows))]), seed)),
        1 => (prop::collection::vec((0..3u32, literal()), 8..40), any::<u64>()).prop_map(move |(rows, seed)| {
            let row = |(count, value): (u32, Json)| Json::Array(vec![Json::Spelled(format!("17732000{count}")), value]);
            spelled(Json::Array(rows.into_iter().map(row).collect()), seed)
        }),
    ]
}

/// What decodes to `text`, letter for letter in every literal.
fn plain_of(text: &str) -> String {
    let mut plain = String::new();
    plain::whole(&Tape::read(text).unwrap(), &Cuts::none(), &mut plain);
    plain
}

fn lossless_only() -> Allowance<'static> {
    Allowance::lossless()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// White space goes, escapes that need not be go, nothing else.
    #[test]
    fn without_white_space_it_is_the_same_json(text in text()) {
        let tape = Tape::read(&text).unwrap();
        let plain = plain_of(&text);
        prop_assert!(plain.len() <= text.len());
        prop_assert_eq!(plain_of(&plain), plain.as_str());
        if let [_] = tape.roots() {
            let (before, after): (serde_json::Value, serde_json::Value) =
                match (serde_json::from_str(&text), serde_json::from_str(&plain)) {
                    (Ok(before), Ok(after)) => (before, after),
                    // serde_json reads no number as big as 1e+400.
                    _ => return Ok(()),
                };
            prop_assert_eq!(before, after);
        }
    }

    /// Every table decodes to exactly what it stands for.
    #[test]
    fn a_table_decodes_to_the_same_json(text in text()) {
        let tape = Tape::read(&text).unwrap();
        if let Some(page) = page::write(&tape) {
            let decoded = decode::decode(&page.text);
            prop_assert_eq!(decoded, Some(plain_of(&text)), "{}", page.text);
        }
    }

    /// Nothing is returned that is not smaller, and nothing fails its own check.
    #[test]
    fn what_comes_out_is_shorter_and_always_the_same(text in text()) {
        let made = compress(&text, &Hint::default(), &lossless_only());
        let again = compress(&text, &Hint::default(), &lossless_only());
        match (&made, &again) {
            (Ok(made), Ok(again)) => {
                prop_assert!(made.text.len() < text.len());
                prop_assert!(!made.left_out);
                prop_assert_eq!(&made.text, &again.text);
            }
            (Err(made), Err(again)) => {
                prop_assert_eq!(made, again);
                prop_assert_eq!(*made, Refusal::NoGain);
            }
            _ => prop_assert!(false, "not the same twice"),
        }
    }

    /// A damaged table is decoded to something or to nothing; it never panics.
    #[test]
    fn a_damaged_table_does_no_harm(text in text(), at in any::<prop::sample::Index>(), with in "[a-z0-9\t\n{\"\\[]") {
        let tape = Tape::read(&text).unwrap();
        if let Some(page) = page::write(&tape) {
            let places: Vec<usize> = page.text.char_indices().map(|(at, _)| at).collect();
            let mut damaged = page.text.clone();
            damaged.insert_str(places[at.index(places.len())], &with);
            let _ = decode::decode(&damaged);
            damaged.truncate(places[at.index(places.len())]);
            let _ = decode::decode(&damaged);
        }
    }

    #[test]
    fn hostile_text_is_refused_or_shortened_and_never_panics(text in r#"[\[\]{}",:0-9a-c\\ \n\t-]{0,60}"#) {
        let _ = compress(&text, &Hint::default(), &lossless_only());
        let _ = decode::decode(&format!("[headroom: JSON array as a table]\n{text}"));
    }
}

/// Rows of a kind that tools print, with something rare in a few of them.
fn long_rows() -> impl Strategy<Value = Vec<Json>> {
    (30..160usize, any::<u64>(), prop::collection::vec((any::<prop::sample::Index>(), scalar()), 0..5))
        .prop_map(|(rows, seed, rare)| {
            let object = |row: usize| {
                let mut members = vec![
                    ("\"id\"".to_owned(), Json::Spelled((1000 + row).to_string())),
                    (
                        "\"name\"".to_owned(),
                        Json::Spelled(format!("\"item number {}\"", seed.rotate_left(row as u32) % 9973)),
                    ),
                    ("\"level\"".to_owned(), Json::Spelled("\"information\"".to_owned())),
                    (
                        "\"value\"".to_owned(),
                        Json::Spelled(format!("{}.50", seed.rotate_right(row as u32) % 100)),
                    ),
                    (
                        "\"where\"".to_owned(),
                        Json::Spelled(format!("\"shelf {} of the long hall\"", row % 7)),
                    ),
                ];
                for (at, value) in &rare {
                    if at.index(rows) == row {
                        members[2].1 = value.clone();
                        members.push(("\"error\"".to_owned(), value.clone()));
                    }
                }
                Json::Object(members)
            };
            (0..rows).map(object).collect()
        })
}

/// The number that a marker names: `14 of 100 rows left out`, `3 rows left out`.
fn left_out_in(marker: &str) -> Option<usize> {
    let said = marker.strip_prefix("[headroom: ")?;
    said.contains(" left out").then(|| said.split(' ').next()?.parse().ok())?
}

fn all_allowed(key: &Key) -> Allowance<'_> {
    Allowance::kept_under(key)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Every row in view is a row of the original, in order, and every gap counts what is not in view.
    #[test]
    fn rows_in_view_are_rows_of_the_original(rows in long_rows(), seed in any::<u64>(), asked in "[a-z0-9 ]{0,20}", form in 0..3u8) {
        let mut text = String::new();
        let keyed = |rows: Vec<Json>| rows.into_iter().enumerate().map(|(at, row)| (format!("\"k{at}\""), row)).collect();
        match form {
            0 => Json::Array(rows.clone()).spell(seed, &mut text),
            1 => Json::Object(keyed(rows.clone())).spell(seed, &mut text),
            _ => for row in &rows {
                row.spell(0, &mut text);
                text.push('\n');
            },
        }
        let key = Key::parse("0123456789abcdef0123").unwrap();
        let hint = Hint { query: &asked, ..Hint::default() };
        let Ok(made) = compress(&text, &hint, &all_allowed(&key)) else { return Ok(()) };
        prop_assert!(made.text.len() < text.len());
        prop_assert_eq!(&made.text, &compress(&text, &hint, &all_allowed(&key)).unwrap().text);
        // The other way round need not hold: a value of the input may have the shape of a marker.
        prop_assert!(!made.left_out || made.text.contains("left out"));
        if !made.left_out {
            return Ok(());
        }
        prop_assert_eq!(made.text.matches(key.as_str()).count(), 1);
        let decoded = decode::decode(&made.text).unwrap();
        let originals: Vec<String> = plain_rows(&text);
        let mut next = 0;
        for row in plain_rows(&decoded) {
            let marker = row.trim_start_matches('"').trim_end_matches(":null").trim_end_matches('"');
            match left_out_in(marker) {
                Some(count) => next += count,
                None => {
                    prop_assert_eq!(&row, &originals[next]);
                    next += 1;
                }
            }
        }
        prop_assert_eq!(next, originals.len());
    }
}

/// The rows of an array, the members of an object or the lines, each spelled plainly.
fn plain_rows(text: &str) -> Vec<String> {
    let tape = Tape::read(text).unwrap();
    let spell = |at| {
        let mut to = String::new();
        plain::value(&tape, at, &Cuts::none(), &mut to);
        to
    };
    match tape.roots() {
        [root] if tape.sort(*root) == tape::Sort::Object => {
            tape.members(*root).map(|(key, value)| format!("{}:{}", spell(key), spell(value))).collect()
        }
        [root] => tape.inside(*root).map(spell).collect(),
        roots => roots.iter().copied().map(spell).collect(),
    }
}

#[test]
fn what_is_asked_for_and_what_is_odd_stays_in_view() {
    let rows: Vec<String> = (0..400)
        .map(|row| {
            let state = if row == 217 { "payment_failed" } else { "shipped" };
            let cents = if row == 301 { "99999999" } else { "1250" };
            format!(
                r#"{{"id":{},"sku":"SKU-{:05}","state":"{state}","cents":{cents},"place":"hall {}"}}"#,
                5000 + row,
                row * 37,
                row % 5
            )
        })
        .collect();
    let text = format!("[{}]", rows.join(","));
    let key = Key::parse("0123456789abcdef0123").unwrap();
    let hint = Hint { query: "why is SKU-06475 late?", ..Hint::default() };
    let made = compress(&text, &hint, &all_allowed(&key)).unwrap();
    assert_eq!(made.compressor, "json-rows");
    for fact in
        ["5000\t", "5399\t", "payment_failed", "99999999", "SKU-06475", "5217\t", "5301\t", "400 rows"]
    {
        assert!(made.text.contains(fact), "{fact} is not in view:\n{}", made.text);
    }
    assert!(tokens::count(&made.text).0 * 5 < tokens::count(&text).0);
}

/// One of each form, as a reader sees it.
#[test]
fn each_form_reads_as_it_is_meant_to() {
    let flights = r#"[{"no":"A1","from":"JFK","price":{"eco":51,"biz":239},"legs":[{"to":"SEA","gate":7},{"to":"LAX","gate":7}]},
        {"no":"A2","from":"JFK","price":{"eco":87,"biz":276},"legs":[{"to":"SEA","gate":7}]},
        {"no":"A3","from":"JFK","price":{"eco":90,"biz":null},"legs":[]}]"#;
    let pods = r#"{"items":[{"name":"a","containers":[{"image":"x:1","ready":true}]},{"name":"b","containers":[{"image":"x:2","ready":true}]},
        {"name":"c","containers":[{"image":"x:3","ready":true}]},{"name":"d","containers":[{"image":"x:3","ready":true}]}],"kind":"List"}"#;
    let map = r#"{"lodash":{"version":"4.17.19","license":"MIT"},"left-pad":{"version":"1.3.0","license":"MIT"},
        "semver":{"version":"5.7.1","license":"ISC"},"chalk":{"version":"5.0.0","license":"MIT"}}"#;
    let pairs: Vec<String> = (1..=20).map(|at| format!(r#"[{at},"0.{at}"]"#)).collect();
    let arrays = format!(r#"{{"values":[{}]}}"#, pairs.join(","));
    let pairs: String = (1..=20).map(|at| format!("{at}\t0.{at}\n")).collect();
    let array_rows = format!("{{\"values\":<table 20 rows>\n#1\t#2:text\n{pairs}</table>}}");
    let groups = r#"{"trips":[[{"flight_number":"A1","destination":"SEA"},{"flight_number":"A2","destination":"LAX"}],
        [{"flight_number":"A3","destination":"ORD"}]]}"#;
    let maps = r#"{"paths":{"/pets":{"get":{"op":"listPets","of":"Pet"},"post":{"op":"addPet","of":"Pet"}},"/pets/{id}":{"get":{"op":"getPet","of":"Pet"}},
        "/toys":{"get":{"op":"listToys","of":"Toy"},"parameters":[1]},"/cats":{"put":{"op":"putCat","of":"Cat"},"delete":{"op":"killCat","of":"Cat"}}}}"#;
    let lines =
        "{\"at\":1,\"level\":\"info\"}\n{\"at\":2,\"level\":\"info\"}\n{\"at\":3,\"level\":\"warn\"}\n";
    let odd = r#"[{"id":"007","n":1},{"id":"8","n":2},{"n":3,"id":"x"},{"id":"9","n":4},{"id":"-","n":5},{"id":"1","n":5}]"#;
    let cases = [
        (
            "an array of objects",
            flights,
            "in every row: 2:from=JFK\nno\tprice.eco\tprice.biz\tlegs[to,gate=7]\nA1\t51\t239\t[[\"SEA\"],[\"LAX\"]]\nA2\t87\t276\t[[\"SEA\"]]\nA3\t90\tnull\t[]",
        ),
        (
            "JSON with tables in it",
            pods,
            "{\"items\":<table 4 rows>\nin every row: 3:containers.0.ready=true\nname\tcontainers.0.image\na\tx:1\nb\tx:2\nc\tx:3\nd\tx:3\n</table>,\"kind\":\"List\"}",
        ),
        (
            "an object of objects",
            map,
            "<map 4 rows>\n(key)\tversion\tlicense\nlodash\t4.17.19\tMIT\nleft-pad\t1.3.0\tMIT\nsemver\t5.7.1\tISC\nchalk\t5.0.0\tMIT\n</map>",
        ),
        ("arrays of one length", &arrays, &array_rows),
        (
            "arrays of arrays of objects",
            groups,
            "{\"trips\":<table 3 rows>\n(array)\tflight_number\tdestination\n0\tA1\tSEA\n0\tA2\tLAX\n1\tA3\tORD\n</table>}",
        ),
        (
            "an object of objects of objects",
            maps,
            "{\"paths\":<map 7 rows>\n(key)\t(key inside)\top\tof\n/pets\tget\tlistPets\tPet\n/pets\tpost\taddPet\tPet\n/pets/{id}\tget\tgetPet\tPet\n/toys\tget\tlistToys\tToy\n/toys\tparameters\t[1]\n/cats\tput\tputCat\tCat\n/cats\tdelete\tkillCat\tCat\n</map>}",
        ),
        ("JSON lines", lines, "at\tlevel\n1\tinfo\n2\tinfo\n3\twarn"),
        (
            "a row in another order",
            odd,
            "id:text\tn\n007\t1\n8\t2\n{\"n\":3,\"id\":\"x\"}\n9\t4\n\"-\"\t5\n1\t5",
        ),
    ];
    for (name, json, want) in cases {
        let tape = Tape::read(json).unwrap();
        let page = page::write(&tape).unwrap_or_else(|| panic!("{name} is no table"));
        let (legend, body) = page.text.split_once('\n').unwrap();
        assert!(marker::is_marker(legend), "{name}");
        assert_eq!(body, want, "{name}");
        assert_eq!(decode::decode(&page.text).unwrap(), plain_of(json), "{name}");
    }
}

#[test]
fn nothing_is_left_out_where_nothing_may_be() {
    let text = format!(
        "[{}]",
        (0..400)
            .map(|row| format!(r#"{{"id":{row},"name":"row number {row}"}}"#))
            .collect::<Vec<_>>()
            .join(",")
    );
    let made = compress(&text, &Hint::default(), &lossless_only()).unwrap();
    assert!(!made.left_out);
    assert_eq!(decode::decode(&made.text).unwrap(), plain_of(&text));
}

use super::*;
use proptest::prelude::*;

const JSON: &str = r#"[
  {"id": 1, "name": "api-gateway", "status": 200, "region": "eu", "ms": 12.50, "user": {"roles": ["admin", "dev"]}},
  {"id": 2, "name": "web", "status": 503, "region": "us", "ms": 7, "error": "no upstream"},
  {"id": 3, "name": "api", "status": 500, "region": "eu", "ms": 1e3, "error": null, "down": true},
  {"id": 12345678901234567890123, "name": "API", "status": 404, "region": "eu", "ms": null, "note": "a, \"b\" | c"}
]"#;

const CSV: &str = "id,name,bytes\n1,\"Smith, Ann\",100\n2,Lee,25\n3,\"Say \"\"hi\"\"\",7\n";

fn asked(text: &str, expression: &str) -> Result<String, PartError> {
    run(text, &Pipeline::parse(expression)?)
}

/// The ids of the rows that are given.
fn ids(text: &str, expression: &str) -> String {
    let rows = asked(text, &format!("{expression} | select id")).expect("rows");
    rows.lines()
        .map(|row| row.trim_start_matches("{\"id\":").trim_end_matches('}'))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn a_test_keeps_the_rows_for_which_it_is_true() {
    let big = "12345678901234567890123";
    let cases = [
        ("status>=500", "2 3".to_owned()),
        ("status >= 500 and name~\"api\"", "3".to_owned()),
        ("name ~ \"(?i)api\"", format!("1 3 {big}")),
        ("name !~ api", format!("2 {big}")),
        ("region = eu and not status == 200", format!("3 {big}")),
        ("not (region == 'eu' or status > 500)", String::new()),
        ("region == eu and status == 200 or status == 503", "1 2".to_owned()),
        ("region == eu and (status == 404 or status == 503)", big.to_owned()),
        ("status in (200, 404)", format!("1 {big}")),
        ("error", "2".to_owned()),
        ("error == null", format!("1 3 {big}")),
        ("error != null", "2".to_owned()),
        ("down", "3".to_owned()),
        ("down == true", "3".to_owned()),
        ("ms > 10", "1 3".to_owned()),
        ("ms == 12.5", "1".to_owned()),
        ("user.roles.0 == admin", "1".to_owned()),
        ("user.roles ~ dev", "1".to_owned()),
        ("id == 12345678901234567890123", big.to_owned()),
        ("id > 12345678901234567890122", big.to_owned()),
        ("name == \"web\" || status == 404", format!("2 {big}")),
        ("name < b", format!("1 3 {big}")),
        ("`region` == eu && status != 200", format!("3 {big}")),
        ("note ~ \"a, \\\"b\\\" \\| c\"", big.to_owned()),
        ("where status == 200", "1".to_owned()),
        ("status > 1 | limit 2", "1 2".to_owned()),
        ("skip 1 | limit 1", "2".to_owned()),
        ("sort ms", format!("2 1 3 {big}")),
        ("sort ms desc", format!("3 1 2 {big}")),
        ("sort by name", format!("{big} 3 1 2")),
    ];
    for (expression, want) in cases {
        assert_eq!(ids(JSON, expression), want, "{expression}");
    }
}

#[test]
fn columns_come_as_they_are_written() {
    let rows = asked(JSON, "status < 600 | select ms, id, `note` | skip 2").expect("rows");
    assert_eq!(
        rows,
        "{\"ms\":1e3,\"id\":3}\n{\"ms\":null,\"id\":12345678901234567890123,\"note\":\"a, \\\"b\\\" | c\"}\n"
    );
    let rows = asked(JSON, "limit 1").expect("rows");
    let want = "{\"id\":1,\"name\":\"api-gateway\",\"status\":200,\"region\":\"eu\",\"ms\":12.50,\"user\":{\"roles\":[\"admin\",\"dev\"]}}\n";
    assert_eq!(rows, want);
}

#[test]
fn totals_are_exact_and_the_largest_group_comes_first() {
    let cases = [
        ("count", "4\n"),
        ("status >= 500 | count", "2\n"),
        ("count by region", "{\"region\":\"eu\",\"count\":3}\n{\"region\":\"us\",\"count\":1}\n"),
        ("sum(status)", "1607\n"),
        ("sum(id)", "12345678901234567890129\n"),
        ("sum(ms)", "1019.5\n"),
        ("min(ms), max(ms)", "{\"min(ms)\":7,\"max(ms)\":1e3}\n"),
        ("avg(status)", "401.75\n"),
        ("region == nowhere | count", "0\n"),
        ("region == nowhere | sum(ms)", "0\n"),
        ("region == nowhere | avg(ms)", "null\n"),
        ("count, max(status) by region | limit 1", "{\"region\":\"eu\",\"count\":3,\"max(status)\":500}\n"),
        ("count by region | count < 2", "{\"region\":\"us\",\"count\":1}\n"),
        ("count by error | select error", "{\"error\":null}\n{\"error\":\"no upstream\"}\n"),
    ];
    for (expression, want) in cases {
        assert_eq!(asked(JSON, expression).as_deref(), Ok(want), "{expression}");
    }
}

#[test]
fn separated_values_stay_separated_values() {
    let cases = [
        ("bytes > 20", "id,name,bytes\n1,\"Smith, Ann\",100\n2,Lee,25\n"),
        ("name ~ Smith | select name,id", "name,id\n\"Smith, Ann\",1\n"),
        ("name == 'Say \"hi\"' | select bytes", "bytes\n7\n"),
        ("select name, bytes | bytes < 10", "name,bytes\n\"Say \"\"hi\"\"\",7\n"),
        ("sort bytes desc | limit 1", "id,name,bytes\n1,\"Smith, Ann\",100\n"),
        ("sum(bytes)", "132\n"),
        ("count by name | limit 1", "{\"name\":\"Smith, Ann\",\"count\":1}\n"),
    ];
    for (expression, want) in cases {
        assert_eq!(asked(CSV, expression).as_deref(), Ok(want), "{expression}");
    }
    let tabs = "pid\tname\n1\tinit\n42\tsh\n";
    assert_eq!(asked(tabs, "pid > 1").as_deref(), Ok("pid\tname\n42\tsh\n"));
}

#[test]
fn rows_are_found_where_they_are() {
    let cases = [
        ("{\"total\": 2, \"items\": [{\"id\": 1}, {\"id\": 2}]}", "count", "2\n"),
        ("{\"a\": [1], \"data\": {\"rows\": [{\"id\": 1}, {\"id\": 2}]}}", "id > 1", "{\"id\":2}\n"),
        ("{\"a\": [1, 2, 3], \"data\": {\"rows\": [{\"id\": 1}]}}", "at data.rows | count", "1\n"),
        ("[1, 2, 30]", ". > 1", "2\n30\n"),
        ("[[1, \"a\"], [2, \"b\"]]", "1 == b", "[2,\"b\"]\n"),
        ("{\"id\": 1}\n{\"id\": 2}\n", "id == 2", "{\"id\":2}\n"),
        ("Output:\n{\"id\": 1}\n{\"id\": 2}\n", "id == 2", "{\"id\":2}\n"),
        ("3 rows\n[{\"id\": 1}]\n", "count", "1\n"),
    ];
    for (text, expression, want) in cases {
        assert_eq!(asked(text, expression).as_deref(), Ok(want), "{text} {expression}");
    }
    for text in ["", "some words\nand more words\n", "{\"id\": 1}", "[1, 2", "a,b\n"] {
        assert_eq!(asked(text, "count"), Err(PartError::NoRows), "{text}");
    }
    assert_eq!(asked("[]", "id > 1 | select id").as_deref(), Ok(""));
    let wrong = asked(JSON, "nmae == x").expect_err("no such column");
    let said = "no row has a column `nmae`; there are: id, name, status, region, ms, user, error, down, note";
    assert_eq!(wrong.to_string(), said);
}

#[test]
fn what_is_misspelt_is_said() {
    let cases = [
        ("", "a column is missing at the end of a stage"),
        ("status >=", "a value is missing at the end of a stage"),
        ("status = = 3", "a value is missing at `=`"),
        ("(status > 3", "a `(` is not closed"),
        ("status > 3)", "a `)` has no `(`"),
        ("name ~ \"(\"", "`(` is no regular expression"),
        ("name == \"x", "a \" is not closed"),
        ("limit x", "a whole number is missing at `x`"),
        ("status > 3 | | count", "a column is missing at the end of a stage"),
        ("status > 3 status", "nothing fits at `status`"),
        ("count | at x", "`at` can only come first"),
        ("count, x", "after `,` comes another total, such as `sum(column)`"),
        ("a & b", "`&` stands where a column or a value should"),
    ];
    for (expression, why) in cases {
        let error = Pipeline::parse(expression).expect_err(expression);
        assert_eq!(error, PartError::Expression { expression: expression.to_owned(), why: why.to_owned() });
    }
    let long = "(".repeat(3_000) + "a" + &")".repeat(900);
    assert!(Pipeline::parse(&long).is_err());
    assert!(Pipeline::parse(&"not ".repeat(1_000)).is_err());
    assert!(Pipeline::parse(&vec!["count"; 17].join("|")).is_err());
    assert!(Pipeline::parse(&vec!["a"; 65].join(" and ")).is_err());
}

#[test]
fn deep_and_odd_json_is_no_harm() {
    let deep = format!("[{{\"a\": {}1{}}}]", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(asked(&deep, "a | count").as_deref(), Ok("1\n"));
    let open = "[".repeat(100_000);
    assert_eq!(asked(&open, "count"), Err(PartError::NoRows));
}

proptest! {
    #[test]
    fn no_expression_and_no_text_do_harm(text in any::<String>(), expression in "[a-c0-9 |=<>~!()\"',.&-]{0,40}") {
        if let Ok(pipeline) = Pipeline::parse(&expression) {
            for text in [text.as_str(), JSON, CSV] {
                let _ = run(text, &pipeline);
            }
        }
    }

    #[test]
    fn a_test_and_its_opposite_part_the_rows(bound in 0..700_u32, word in "[a-z]") {
        for test in [format!("status > {bound}"), format!("name ~ {word}"), format!("name ~ {word} or status < {bound}")] {
            let count = |test: &str| asked(JSON, &format!("{test} | count")).expect("a count").trim().parse::<u32>().expect("a number");
            prop_assert_eq!(count(&test) + count(&format!("not ({test})")), 4, "{}", test);
        }
    }
}

#[test]
fn values_that_are_different_and_shares_of_values_are_told() {
    let cases = [
        ("distinct region", "{\"region\":\"eu\"}\n{\"region\":\"us\"}\n"),
        ("distinct region, down | last 1", "{\"region\":\"eu\",\"down\":true}\n"),
        ("distinct(region)", "2\n"),
        ("distinct(error)", "1\n"),
        ("p50(status), p95(status)", "{\"p50(status)\":404,\"p95(status)\":503}\n"),
        ("median(ms)", "12.50\n"),
        ("id in (1, 2) | sum(ms), avg(ms)", "{\"sum(ms)\":19.50,\"avg(ms)\":9.75}\n"),
        ("region == us | p50(bytes)", "error"),
        ("min(name), max(name)", "{\"min(name)\":\"API\",\"max(name)\":\"web\"}\n"),
        ("sort region, status desc | select status | limit 2", "{\"status\":500}\n{\"status\":404}\n"),
        ("order by status | last 1 | select id", "{\"id\":2}\n"),
        ("name contains \"gate\" | select id", "{\"id\":1}\n"),
        ("user.roles == dev | count", "1\n"),
        ("user.roles != dev | count", "3\n"),
        ("count by region, down | limit 1", "{\"region\":\"eu\",\"down\":null,\"count\":2}\n"),
    ];
    for (expression, want) in cases {
        let rows = asked(JSON, expression).unwrap_or_else(|_| "error".to_owned());
        assert_eq!(rows, want, "{expression}");
    }
}

const PODS: &str = r#"{"kind": "List", "items": [
  {"metadata": {"name": "a-1", "labels": {"app.kubernetes.io/name": "a", "tier": "web"}},
   "spec": {"containers": [{"name": "main", "image": "a:2"}, {"name": "side", "image": "s:1"}]}},
  {"metadata": {"name": "b-1", "labels": {"app.kubernetes.io/name": "b"}},
   "spec": {"containers": [{"name": "main", "image": "b:2"}]}}
]}"#;

#[test]
fn a_path_goes_through_arrays_and_odd_names() {
    let cases = [
        (
            "metadata.labels.\"app.kubernetes.io/name\" == b | select metadata.name",
            "{\"metadata.name\":\"b-1\"}\n",
        ),
        ("metadata.labels.app.kubernetes.io/name == a | count", "1\n"),
        ("spec.containers.image == \"s:1\" | select metadata.name", "{\"metadata.name\":\"a-1\"}\n"),
        ("spec.containers[0].image ~ b | count", "1\n"),
        ("select spec.containers.name | limit 1", "{\"spec.containers.name\":[\"main\",\"side\"]}\n"),
        (
            "at items.spec.containers | count by name",
            "{\"name\":\"main\",\"count\":2}\n{\"name\":\"side\",\"count\":1}\n",
        ),
        ("at items[].spec.containers[] | image ~ 2 | count", "2\n"),
        ("at items.0.metadata.labels", "\"app.kubernetes.io/name\":\"a\"\n\"tier\":\"web\"\n"),
        ("at items.metadata | select name", "{\"name\":\"a-1\"}\n{\"name\":\"b-1\"}\n"),
    ];
    for (expression, want) in cases {
        assert_eq!(asked(PODS, expression).as_deref(), Ok(want), "{expression}");
    }
    let wrong = asked(PODS, "name == a-1").expect_err("no such column");
    let spec = asked(PODS, "spec.node == x").expect_err("no such column").to_string();
    assert_eq!(spec, "no row has a column `spec.node`; there are: spec.containers, metadata, spec");
    let filtered = asked(PODS, "metadata.name == b-1 | select metadata.name, metadata.labels.tier");
    assert_eq!(filtered.as_deref(), Ok("{\"metadata.name\":\"b-1\"}\n"));
    assert_eq!(wrong.to_string(), "no row has a column `name`; there are: metadata.name, metadata, spec");
}

#[test]
fn a_map_of_records_has_rows_with_names() {
    let lock = r#"{"name": "js", "lockfileVersion": 3, "packages": {
        "": {"version": "1.0.0", "dependencies": ["x"]},
        "node_modules/a": {"version": "2.1.0", "dev": true},
        "node_modules/b": {"version": "0.9.0"}}, "files": ["x", "y", "z", "w"]}"#;
    let cases = [
        ("count", "3\n"),
        ("key == \"node_modules/b\"", "\"node_modules/b\":{\"version\":\"0.9.0\"}\n"),
        ("dev | select key, version", "{\"key\":\"node_modules/a\",\"version\":\"2.1.0\"}\n"),
        ("sort version | select key | limit 1", "{\"key\":\"node_modules/b\"}\n"),
        ("at packages.node_modules/a", "\"version\":\"2.1.0\"\n\"dev\":true\n"),
        ("at files | count", "4\n"),
    ];
    for (expression, want) in cases {
        assert_eq!(asked(lock, expression).as_deref(), Ok(want), "{expression}");
    }
}

#[test]
fn tables_that_are_drawn_are_tables() {
    let markdown = "# Load\n\nOf June.\n\n| Endpoint | p50 ms | errors |\n|---|---:|--|\n| /a | 12 | 0 |\n| /b | 240 | 3 |\n\nDone.\n";
    let psql = " id |  state  \n----+---------\n  1 | paid\n  2 | refused\n  3 | paid\n(3 rows)\n";
    let boxed = "+----+---------+\n| id | state   |\n+----+---------+\n|  1 | paid    |\n|  2 | refused |\n+----+---------+\n2 rows in set\n";
    let columns = "pkg    version  dep\n-----  -------  ---\nserde  1.0      syn\nsyn    2.0      \n";
    let kubectl = "NAME    READY   STATUS             RESTARTS       AGE\na-1     1/1     Running            2 (3h ago)     4d\nb-2     0/1     CrashLoopBackOff   118 (2m ago)   4d\n";
    let ps = "USER   PID %CPU COMMAND\nroot     1  0.0 /sbin/init splash\nada   4242 93.5 python3 train.py --epochs 3\n";
    let semicolons = "Umsatz 2024\n\nOrt;Betrag\nKiel;10,5\nUlm;7\n";
    let cases = [
        (markdown, "`p50 ms` > 100 | select Endpoint", "Endpoint\n/b\n"),
        (markdown, "errors > 0", "| Endpoint | p50 ms | errors |\n| /b | 240 | 3 |\n"),
        (psql, "state == refused", " id |  state  \n  2 | refused\n"),
        (psql, "count by state | limit 1", "{\"state\":\"paid\",\"count\":2}\n"),
        (boxed, "state == refused | select id", "id\n2\n"),
        (columns, "dep == \"\" | select pkg", "pkg\nsyn\n"),
        (kubectl, "STATUS != Running | select NAME, RESTARTS", "NAME\tRESTARTS\nb-2\t118 (2m ago)\n"),
        (kubectl, "status == Running | count", "1\n"),
        (ps, "%CPU > 50 | select PID, COMMAND", "PID\tCOMMAND\n4242\tpython3 train.py --epochs 3\n"),
        (semicolons, "Ort == Ulm", "Ort;Betrag\nUlm;7\n"),
    ];
    for (text, expression, want) in cases {
        assert_eq!(asked(text, expression).as_deref(), Ok(want), "{expression} of {text}");
    }
    let log =
        "2026-03-01 10:00:00,017 INFO a\n2026-03-01 10:00:01,117 INFO b\n2026-03-01 10:00:02,001 INFO c\n";
    let sizes = "32K\ta.txt\n8K\tb.txt\n4K\tc.txt\n";
    for text in [
        log,
        sizes,
        "A TITLE IN CAPITALS\nand words\n",
        "Title\n=====\n\nSome words, and more.\nAnd so on.\n",
    ] {
        assert_eq!(asked(text, "count"), Err(PartError::NoRows), "{text}");
    }
}

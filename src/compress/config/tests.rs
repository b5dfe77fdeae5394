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
    assert_eq!(content::kind_of(text, &Hint::default()), Kind::Config, "{text}");
    let hint = Hint { query, ..Hint::default() };
    let short = compress(text, &hint, &Allowance::kept_under(&key)).expect("shorter");
    assert!(short.left_out && verbatim_subsequence(text, &short.text), "{}", short.text);
    short.text
}

fn services() -> String {
    let mut text = "# Values of the tea shop\nglobal:\n  registry: tea.example\nservices:\n".to_owned();
    for n in 0..60 {
        let (replicas, tag) = if n == 33 { (7, "latest") } else { (2, "1.4.0") };
        text += &format!(
            "  pot-{n}:\n    image: tea/pot-{n}\n    tag: \"{tag}\"\n    replicas: {replicas}\n    env:\n      LEVEL: info\n      HOST: pot-{n}.tea.svc\n"
        );
        if n == 41 {
            text += "      ALLOW_COLD: \"yes\"\n";
        }
    }
    text
}

#[test]
fn a_setting_that_differs_from_the_blocks_beside_stays_with_its_place() {
    let short = short(&services(), "");
    for telling in [
        "  pot-33:\n",
        "tag: \"latest\"",
        "replicas: 7",
        "  pot-41:\n",
        "ALLOW_COLD: \"yes\"",
        "registry: tea.example",
        "  pot-0:\n",
        "  pot-59:\n",
    ] {
        assert!(short.contains(telling), "{telling}: {short}");
    }
    assert!(short.len() * 2 < services().len());
}

#[test]
fn every_block_is_named_where_it_was_left_out() {
    let short = short(&services(), "");
    for n in 0..60 {
        assert!(short.contains(&format!("pot-{n}")), "{n}: {short}");
    }
}

#[test]
fn the_block_that_was_asked_for_stays_whole() {
    let short = short(&services(), "what is the HOST of pot-17?");
    assert!(short.contains("  pot-17:\n    image: tea/pot-17\n    tag: \"1.4.0\"\n    replicas: 2\n    env:\n      LEVEL: info\n      HOST: pot-17.tea.svc\n"), "{short}");
}

#[test]
fn each_document_is_named() {
    let text: String = (0..40)
        .map(|n| {
            format!("---\napiVersion: v1\nkind: {}\nmetadata:\n  name: tea-{n}\n  labels:\n    app: tea\nspec:\n  type: ClusterIP\n  port: {}\n", ["Service", "Pod"][n % 2], if n == 20 { 9 } else { 80 })
        })
        .collect();
    let short = short(&text, "");
    for telling in ["Pod tea-7", "Service tea-30", "  port: 9\n"] {
        assert!(short.contains(telling), "{telling}: {short}");
    }
}

#[test]
fn what_is_no_settings_is_not_taken_for_them() {
    let source =
        "use a::b;\n\nfn main() {\n    let x = 1;\n    call(x);\n    if x == 2 {\n        y();\n    }\n}\n"
            .repeat(4);
    let python =
        "import a\n\ndef f(x):\n    y = 1\n    return g(x, y)\n\nclass B:\n    def h(self):\n        pass\n"
            .repeat(4);
    let prose = "It was dark.\nNote: the rain fell.\nNobody came to look at it, not even once.\n".repeat(6);
    let log = "2026-01-01T00:00:00Z INFO up\n2026-01-01T00:00:01Z INFO down\n".repeat(9);
    for text in [source, python, prose, log] {
        assert!(!fits(&Sample::of(&text)), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_shown_is_of_the_settings_letter_for_letter(
        lines in proptest::collection::vec(("( {0,6})", prop_oneof![
            "[a-c]{1,3}: [0-9a-c]{1,9}", "[a-c]{1,3}:", "- [a-c]: [0-9]", "- [a-c]", "\\[[a-c]{1,2}\\]", "# [a-c ]{0,30}", "---", "[a-c]=[é0-9]{1,9}", "\\}", "", "\\PC{0,9}", "<[a-c]>[0-9]</[a-c]>",
        ]), 200..700)
    ) {
        let text: String = lines.iter().map(|(indent, line)| format!("{indent}{line}\n")).collect();
        let key = key();
        let allowance = Allowance::kept_under(&key);
        match compress(&text, &Hint { query: "abc 12", ..Hint::default() }, &allowance) {
            Ok(short) => {
                prop_assert!(verbatim_subsequence(&text, &short.text));
                let again = compress(&text, &Hint { query: "abc 12", ..Hint::default() }, &allowance).expect("the same");
                prop_assert_eq!(short.text, again.text);
            }
            Err(because) => prop_assert_ne!(because, Refusal::NotVerified),
        }
    }
}

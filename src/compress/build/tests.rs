use super::super::content;
use super::super::lines::verbatim_subsequence;
use super::*;
use crate::tokens;
use crate::units::Key;

const CARGO_BUILD: &str = include_str!("../../../tests/fixtures/lines/cargo_build.txt");
const CARGO_TEST: &str = include_str!("../../../tests/fixtures/lines/cargo_test.txt");
const MAKE: &str = include_str!("../../../tests/fixtures/lines/make.txt");
const NODE_TEST: &str = include_str!("../../../tests/fixtures/lines/node_test.txt");
const NPM_INSTALL: &str = include_str!("../../../tests/fixtures/lines/npm_install.txt");
const PYTEST: &str = include_str!("../../../tests/fixtures/lines/pytest_v.txt");
const TSC: &str = include_str!("../../../tests/fixtures/lines/tsc.txt");

#[track_caller]
fn shortened(text: &str) -> String {
    let key = Key::parse("0123456789abcdef0123").expect("a key");
    let allowance = Allowance::kept_under(&key);
    let short = compress(text, &Hint::default(), &allowance).expect("shorter");
    assert!(short.left_out, "{}", short.text);
    let short = short.text;
    assert!(verbatim_subsequence(text, &short));
    short
}

#[test]
fn a_build_is_known_by_its_shape_alone() {
    for text in [CARGO_BUILD, CARGO_TEST, MAKE, NODE_TEST, NPM_INSTALL, PYTEST, TSC] {
        assert_eq!(content::kind_of(text, &Hint::default()), Kind::Build, "{text}");
    }
}

#[test]
fn what_failed_and_why_is_shown() {
    let cases: [(&str, u64, &[&str]); 4] = [
        (
            CARGO_TEST,
            55,
            &[
                "test tests::total_of_11_items_is_right ... FAILED",
                "test tests::total_of_27_items_is_right ... FAILED",
                "test tests::an_unknown_item_is_refused ... FAILED",
                "  left: 2749",
                " right: 6750",
                "no tea in the basket",
                "37 tests passed",
                "test result: FAILED. 37 passed; 3 failed;",
                "warning: unused variable: `unused`",
            ],
        ),
        (
            PYTEST,
            40,
            &[
                "test_account.py::test_overdraft_is_refused FAILED",
                "E           ValueError: only 100 cents left, 250 asked",
                "test_account.py:7: ValueError",
                ">       assert left == 895, \"a fee of 5 cents\"",
                "E       assert 900 == 895",
                "61 tests passed",
                "SKIPPED (needs the network)",
                "2 failed, 61 passed, 1 skipped in",
            ],
        ),
        (
            CARGO_BUILD,
            60,
            &[
                "error[E0277]: a value of type `u64` cannot be made by summing an iterator",
                "  --> src/lib.rs:34:54",
                "error[E0308]: mismatched types",
                "expected `u64`, found `u32`",
                "error[E0277]: cannot subtract `&str` from `u64`",
                "  --> src/lib.rs:35:83",
                "unused variable: `spare_0`",
                "more like line",
                "`spare_24`",
                "generated 25 warnings",
                "error: could not compile `basket` (lib) due to 4 previous errors",
            ],
        ),
        (NPM_INSTALL, 10, &["added 71 packages", "× `npm http`"]),
    ];
    for (text, percent, needed) in cases {
        let short = shortened(text);
        for fact in needed {
            assert!(short.contains(fact), "{fact}\n{short}");
        }
        let (before, after) = (tokens::count(text).0, tokens::count(&short).0);
        assert!(after * 100 < before * percent, "{before} {after}\n{short}");
    }
}

#[test]
fn every_error_of_a_compiler_is_shown() {
    for text in [CARGO_BUILD, MAKE, TSC] {
        let many = text.repeat(3);
        let short = compress_or_same(&many);
        for line in text
            .lines()
            .filter(|line| ["error: ", "error[", "error TS"].iter().any(|word| line.contains(word)))
        {
            assert!(short.lines().any(|its| its == line), "{line}\n{short}");
        }
    }
}

fn compress_or_same(text: &str) -> String {
    let key = Key::parse("0123456789abcdef0123").expect("a key");
    let allowance = Allowance::kept_under(&key);
    compress(text, &Hint::default(), &allowance).map_or_else(|_| text.to_owned(), |short| short.text)
}

#[test]
fn failures_that_say_the_same_are_told_by_name() {
    let mut text = "============ test session starts ============\ncollected 30 items\n\n=========== FAILURES ===========\n".to_owned();
    for n in 0..30 {
        text.push_str(&format!("______ test_price_{n} ______\n\n    def test_price_{n}():\n        basket = Basket(items=[{n}], currency=\"EUR\")\n>       assert basket.total() == {n}\nE       AttributeError: 'Basket' object has no attribute 'total'\n\nshop/basket.py:40: AttributeError\n"));
    }
    text.push_str("====== 30 failed in 0.12s ======\n");
    let short = shortened(&text);
    assert!(
        short.contains("27 reports with the same errors as at line 5: test_price_2, test_price_3"),
        "{short}"
    );
    assert!(short.len() * 4 < text.len());
}

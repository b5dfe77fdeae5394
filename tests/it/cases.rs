//! The corpus in `tests/cases`: what must be saved, seen and got back, by kind of output.

use crate::world::World;
use serde_json::Value;
use std::path::Path;

/// What `headroom bench` measures on one half of the corpus.
fn measured(half: &str, more: &[&str]) -> Value {
    let world = World::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(half);
    let folder = folder.to_string_lossy().into_owned();
    let arguments = [&["bench", folder.as_str(), "--json"], more].concat();
    serde_json::from_str(&world.run(&arguments).succeeded()).expect("one JSON object")
}

/// `part` of `whole` in a sum, in per cent.
fn share(sums: &Value, part: &str, whole: &str) -> f64 {
    let number = |name: &str| sums[name].as_f64().unwrap_or_default();
    number(part) * 100.0 / number(whole).max(1.0)
}

fn saved(sums: &Value) -> f64 {
    100.0 - share(sums, "tokens_after", "tokens_before")
}

/// Kind, per cent saved at least, per cent of the facts in view at least: what is claimed, a little lower.
const BALANCED: [(&str, f64, f64); 11] = [
    ("blob", 90.0, 90.0),
    ("build-test", 60.0, 96.0),
    ("diff", 19.0, 93.0),
    ("json-array", 80.0, 97.0),
    ("json-lines", 80.0, 95.0),
    ("json-object", 68.0, 97.0),
    ("listing", 55.0, 92.0),
    ("log", 70.0, 94.0),
    ("search", 45.0, 80.0),
    ("table-config", 55.0, 97.0),
    ("trace", 45.0, 96.0),
];

#[test]
fn every_kind_saves_and_shows_what_is_claimed() {
    for half in ["tune", "held"] {
        let all = measured(half, &[]);
        for (kind, least_saved, least_seen) in BALANCED {
            let sums = &all["kinds"][kind];
            let (saved, seen) = (saved(sums), share(sums, "visible", "needles"));
            assert!(
                least_saved <= saved && least_seen <= seen,
                "{half} {kind}: {saved:.1} % saved, {seen:.1} % seen"
            );
        }
        let total = &all["total"];
        let (all_saved, all_seen) = (saved(total), share(total, "visible", "needles"));
        assert!(
            70.0 <= all_saved && 97.0 <= all_seen,
            "{half}: {all_saved:.1} % saved, {all_seen:.1} % seen"
        );
        assert_eq!(total["retrieved"], total["retrievable"], "{half}: all that was left out comes back");
        assert_eq!(total["settled"], total["cases"], "{half}: our own output comes out unchanged");
        let larger = |case: &&Value| case["tokens_before"].as_u64() < case["tokens_after"].as_u64();
        assert_eq!(all["cases"].as_array().expect("cases").iter().find(larger), None, "{half}: never larger");
        // The names of the tools may help, but not decide.
        let unknown = measured(half, &["--tool", "tool_17"]);
        let points = (saved(total) - saved(&unknown["total"])).abs();
        assert!(points <= 2.0, "{half}: {points:.1} points of difference with unknown tools");
    }
}

#[test]
fn without_loss_nothing_is_out_of_view() {
    let all = measured("held", &["--profile", "lossless"]);
    let total = &all["total"];
    let (saved, seen) = (saved(total), share(total, "visible", "needles"));
    assert!(25.0 <= saved && 99.0 <= seen, "{saved:.1} % saved, {seen:.1} % seen");
}

//! `headroom bench`: what it reads and what it sums up.

use crate::world::World;
use serde_json::{Value, json};

#[test]
fn a_folder_of_cases_is_summed_up_by_kind() {
    let mut world = World::new();
    let log = crate::world::log(600);
    let case = json!({
        "id": "one", "kind": "logs", "tool_name": "Bash", "tool_input": {"command": "kubectl logs x"},
        "query": "what failed?", "content": log,
        "needles": ["ERROR payment failed", "not in there at all"], "retrievable": ["path=/api/items/123"],
    });
    world.file("work/cases/one.case.json", case.to_string());
    world.file("work/cases/many.cases.jsonl", format!("{case}\n\n{case}\n"));
    world.file("work/cases/plain/app.txt", log);
    world.may_leave("work/cases");
    let printed = world.run(&["bench", "cases", "--json"]).succeeded();
    let printed: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(printed["kinds"]["logs"]["cases"], 3);
    assert_eq!(printed["kinds"]["logs"]["needles"], 6);
    assert_eq!(printed["kinds"]["logs"]["visible"], 3, "a needle that is not there is not seen");
    assert_eq!(printed["kinds"]["logs"]["retrieved"], 3);
    assert_eq!(printed["kinds"]["plain"]["needles"], 1);
    assert!(printed["total"]["tokens_after"].as_u64() < printed["total"]["tokens_before"].as_u64());
}

#[test]
fn a_case_that_is_none_is_named() {
    let mut world = World::new();
    world.file("work/cases/bad.case.json", "{\"id\": 1}");
    world.may_leave("work/cases");
    let said = world.run(&["bench", "cases"]).failed_with(2);
    assert!(said.contains("bad.case.json:1 holds no case"), "{said}");
}

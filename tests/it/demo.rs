//! The demo: its agent through the real proxy, and the whole of it as a user runs it.

use crate::world::World;
use headroom::demo::agent::Diary;
use headroom::demo::provider::Rules;
use headroom::demo::story;
use headroom::demo::verdict::judge;
use headroom::receipt::Usage;
use serde_json::Value;

#[test]
fn the_scripted_agent_works_through_a_bare_proxy_and_the_ledger_says_what_the_provider_billed() {
    let mut world = World::with(Rules::default(), story::script());
    world.file("work/README.md", "# shop\n\nAn error here is a bug.\n");
    let diary = world.file("home/diary.json", "");
    let proxy = world.proxy();
    let mut agent = world.headroom(&["__demo-agent", "--diary", &diary.to_string_lossy()]);
    agent.env("ANTHROPIC_BASE_URL", &proxy.base_url).env("ANTHROPIC_API_KEY", "demo");
    let shown = world.finish(agent).succeeded();
    let diary: Diary = serde_json::from_slice(&std::fs::read(diary).expect("a diary")).expect("it reads");
    let verdict = judge(&diary, world.provider());
    assert!(verdict.good(), "{verdict:#?}\n{shown}");

    assert_eq!(proxy.drain(), 0);
    let stats: Value =
        serde_json::from_str(&world.run(&["stats", "--json"]).succeeded()).expect("it is JSON");
    let total = &stats["total"];
    assert_eq!(total["tokens"]["sent"], verdict.billed.input().0, "what was sent is what was billed");
    assert_eq!(
        total["tokens"]["wanted"],
        verdict.direct.input().0,
        "what was wanted is the bill without headroom"
    );

    // Without headroom the model would have had no reason to ask for an original.
    let asking = world.provider().messages()[4].usage.expect("it was billed").output;
    let said = verdict.billed.output.saved_by(asking).expect("it said more than that");
    let saved = cost(&Usage { output: said, ..verdict.direct }) - cost(&verdict.billed);
    let told = total["money"]["net_saved_microusd"].as_i64().expect("the model's price is known");
    assert!((saved - told).abs() <= 6, "saved {saved}, told {told}: more than a rounding a request");
}

/// What claude-sonnet-4-5 costs, in millionths of a dollar: 3 dollars in, 15 out, a quarter more to write, a tenth to read.
fn cost(usage: &Usage) -> i64 {
    let twentieths =
        usage.uncached.0 * 60 + usage.cache_write_5m.0 * 75 + usage.cache_read.0 * 6 + usage.output.0 * 300;
    i64::try_from(twentieths / 20).expect("a small sum")
}

#[test]
fn the_demo_shows_the_main_job_and_leaves_nothing_behind() {
    let mut world = World::new();
    world.file("work/README.md", "# shop\n\nAn error here is a bug.\n");
    world.file(
        "work/src/snapshot.rs",
        "/// Fails with an error when the cart is too large.\nfn encode() {}\n",
    );
    let shown = world.run(&["demo"]).succeeded();
    for words in
        ["12 of 12 facts", "an original asked back: ", "Grep (?i)error", "Read README.md", "All of it held"]
    {
        assert!(shown.contains(words), "{words}\n{shown}");
    }
    assert!(!shown.contains('\u{1b}'), "no colour where there is no terminal");
    let kept = std::fs::read_dir(world.headroom_home()).expect("the user's own folder").count();
    assert_eq!(kept, 0, "the user's own store is never touched");
    assert_eq!(world.provider().seen().len(), 0);
}

#[test]
fn the_demo_works_in_an_empty_folder_and_with_a_broken_configuration_around_it() {
    let mut world = World::new();
    world
        .set("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
        .set("HEADROOM", "off")
        .set("HTTP_PROXY", "http://127.0.0.1:9");
    world.file("headroom/config.toml", "profil = 1\n");
    let shown = world.run(&["demo"]).succeeded();
    assert!(shown.contains("All of it held"), "{shown}");
}

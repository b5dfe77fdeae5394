//! The demo: its agent through the real proxy, and the whole of it as a user runs it.

use crate::world::World;
use headroom::demo::agent::Diary;
use headroom::demo::provider::Rules;
use headroom::demo::story;
use headroom::demo::verdict::judge;

#[test]
fn the_scripted_agent_works_through_a_bare_proxy_and_everything_holds() {
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
}

//! `headroom stats`, `perf` and `config`, over a record that was written by the library.

use crate::world::World;
use headroom::conversation::CacheAsk;
use headroom::ledger::Ledger;
use headroom::ledger::price::Prices;
use headroom::ledger::report::run_line;
use headroom::receipt::{Billing, BlockReceipt, Outcome, Receipt, Usage};
use headroom::refusal::Refusal;
use headroom::store::{Frozen, Limits, Original, Scope, Store};
use headroom::units::{Chain, Millis, SessionId, Tokens};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;

/// A record in a world, written request by request.
struct Record {
    store: Arc<Store>,
    ledger: Ledger,
    now: i64,
}

impl Record {
    fn of(world: &World) -> Record {
        let store = Arc::new(Store::open(&world.headroom_home(), Limits::default()).expect("a store"));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
        Record { ledger: Ledger::new(store.clone()), store, now }
    }

    /// A receipt of a session that `ago` milliseconds ago sent its request number `turn`.
    fn receipt(&self, session: &str, turn: u8, ago: i64) -> Receipt {
        let at = Millis(self.now - ago);
        let session = SessionId(session.to_owned());
        let fresh = Frozen { profile: "balanced".into(), rules: 1, on: true, own_rules: Vec::new() };
        self.store.session(&session, &fresh, "claude", "/home/ada/work", at).expect("a session");
        let mut receipt = Receipt::new(session, at);
        receipt.run = "run".into();
        receipt.agent = "claude".into();
        receipt.project = "/home/ada/work".into();
        receipt.model = "claude-opus-5-5".into();
        receipt.billing = Billing::ApiKey;
        receipt.cache = CacheAsk::FiveMinutes;
        // Two blocks a turn; the breakpoint on the last.
        receipt.history = (0..=2 * turn).map(|block| Chain([block + 1; 16])).collect();
        receipt.head = receipt.history.last().copied();
        receipt.breakpoint = Some(receipt.history.len() - 1);
        receipt.preamble = Some(Chain([99; 16]));
        receipt.new_results = 1;
        receipt
    }

    fn settle(&self, receipt: &Receipt, outcome: Outcome) {
        self.ledger.settle(receipt, &outcome).expect("written down");
        self.store.flush();
    }
}

fn answered(uncached: u64, cache_read: u64, cache_write_5m: u64, output: u64) -> Outcome {
    let usage = Usage {
        uncached: Tokens(uncached),
        cache_read: Tokens(cache_read),
        cache_write_5m: Tokens(cache_write_5m),
        cache_write_1h: Tokens(0),
        output: Tokens(output),
    };
    Outcome { status: 200, usage: Some(usage), complete: true, ..Outcome::default() }
}

fn block(kind: &'static str, compressor: Option<&'static str>, before: u64, after: u64) -> BlockReceipt {
    BlockReceipt {
        path: "messages[2].content[0]".into(),
        tool: "Bash".into(),
        kind: kind.into(),
        compressor: compressor.map(Into::into),
        key: None,
        refusal: compressor.is_none().then_some(Refusal::NoGain),
        tokens_before: Tokens(before),
        tokens_after: Tokens(after),
        chain: None,
        rule: None,
    }
}

/// A day's work: a session that saved, one that lost, one on a subscription, one with a strange model.
fn a_days_work(world: &World) -> Record {
    let record = Record::of(world);
    let saving = "3f2a91c0-0000-4000-8000-000000000001";
    let mut first = record.receipt(saving, 0, 50 * MINUTE);
    first.overhead = Tokens(240);
    record.settle(&first, answered(4, 0, 31_200, 210));
    let mut second = record.receipt(saving, 1, 48 * MINUTE);
    let original = Original {
        key: record.store.key("a log", &Scope::default()),
        text: "a log".into(),
        scope: Scope::default(),
        kind: "log".into(),
        tool: "Bash".into(),
    };
    second.overhead = Tokens(240);
    second.blocks = vec![
        block("json", Some("json-table"), 18_400, 3_900),
        BlockReceipt { key: Some(original.key.clone()), ..block("log", Some("log-templates"), 9_100, 1_250) },
        block("other", None, 700, 700),
    ];
    second.refuse(Refusal::NoGain);
    record.settle(&second, answered(4, 31_200, 6_100, 340));
    record.store.record_retrieval(&original.key, "cli", Tokens(9_100), Millis(record.now)).expect("counted");
    let mut third = record.receipt(saving, 2, 46 * MINUTE);
    third.overhead = Tokens(240);
    third.replayed_before = Tokens(27_500);
    third.replayed_after = Tokens(5_150);
    third.refuse(Refusal::BelowFloor);
    third.refuse(Refusal::BelowFloor);
    record.settle(&third, answered(4, 37_300, 900, 1_200));
    let overloaded = Outcome { status: 529, usage: None, complete: true, ..Outcome::default() };
    record.settle(&third, overloaded);

    let losing = "77b0c4de-0000-4000-8000-000000000002";
    record.settle(&record.receipt(losing, 0, 40 * MINUTE), answered(4, 0, 60_000, 80));
    let mut gives_back = record.receipt(losing, 1, 39 * MINUTE);
    gives_back.given_back_new = Tokens(9_100);
    gives_back.only_gives_back = true;
    gives_back.refuse(Refusal::GivenBack);
    record.settle(&gives_back, answered(0, 60_000, 9_200, 500));

    let flat = "c01dbeef-0000-4000-8000-000000000003";
    let mut subscribed = record.receipt(flat, 0, 30 * MINUTE);
    subscribed.billing = Billing::Subscription;
    subscribed.blocks = vec![block("build", Some("build-fold"), 6_000, 1_500)];
    record.settle(&subscribed, answered(4, 0, 22_000, 900));

    let mut strange = record.receipt("strange-session", 0, 20 * MINUTE);
    strange.model = "house-model-7".into();
    strange.agent = "codex".into();
    strange.project = "/home/ada/other".into();
    strange.blocks = vec![block("search", Some("search-grouped"), 4_000, 2_800)];
    record.settle(&strange, answered(12_000, 0, 0, 300));
    record
}

#[test]
fn stats_shows_what_was_saved_and_what_was_not() {
    let world = World::new();
    drop(a_days_work(&world));
    let shown = world.run(&["stats"]).succeeded();
    insta::assert_snapshot!(shown, @r#"
    Saved
    session   agent   model            req  wanted   sent   saved    out  cache    net saved
    3f2a91c0  claude  claude-opus-5-5    4    151k   107k    29 %  1.75k   64 %        $0.11
    77b0c4de  claude  claude-opus-5-5    2   60.0k   129k  -115 %    580   46 %     -$0.0596
    c01dbeef  claude  claude-opus-5-5    1   26.5k  22.0k    17 %    900    0 %         flat
    strange-  codex   house-model-7      1   13.2k  12.0k   9.1 %    300    0 %            ?
    total                                8    250k   270k  -7.8 %  3.53k   48 %  $0.0553 + ?

    Tool outputs, when first sent
    content  compressor      blocks  before  after  saved  given back
    json     json-table           1   18.4k  3.90k   79 %           0
    log      log-templates        1   9.10k  1.25k   86 %           1
    build    build-fold           1   6.00k  1.50k   75 %           0
    search   search-grouped       1   4.00k  2.80k   30 %           0
    other    –                    1     700    700    0 %           0

    Left as they came
    reason       times  meaning
    below_floor      4  too short to be worth it
    no_gain          1  a compressor looked and found too little to save
    given_back       1  an original that was asked for; never shortened again

    1 request failed: nothing was billed there, nothing is counted as saved.
    flat: a subscription; what is saved there is tokens, not dollars.
    ?: no known price, or no usage; a prices.toml takes your own prices.
    Saved tokens are counted with o200k, the others by the provider.
    Money is net, at list prices of 2026-11-20.
    "#);
    assert!(shown.lines().all(|line| line.chars().count() <= 100), "no line is wider than 100");
    assert!(!shown.contains('\u{1b}'), "no colour in a pipe");
}

#[test]
fn stats_fits_a_terminal_of_eighty_columns() {
    let mut world = World::new();
    drop(a_days_work(&world));
    let coloured = on_a_terminal(&world, &["stats"]);
    assert!(coloured.contains("\u{1b}[1mSaved"), "headings are bold on a terminal:\n{coloured}");
    world.set("NO_COLOR", "1");
    let plain = on_a_terminal(&world, &["stats"]);
    assert!(!plain.contains('\u{1b}'), "{plain}");
    for line in plain.lines() {
        assert!(line.chars().count() <= 80, "wider than 80: {line}");
    }
    assert!(plain.contains("3f2a91c0 claude claude-opus-5-5 "), "nothing is wrapped:\n{plain}");
}

/// What a person sees on a terminal of 80 columns.
fn on_a_terminal(world: &World, arguments: &[&str]) -> String {
    use std::io::Read;
    let size = portable_pty::PtySize { rows: 40, cols: 80, pixel_width: 0, pixel_height: 0 };
    let pty = portable_pty::native_pty_system().openpty(size).expect("a terminal");
    let plain = world.headroom(arguments);
    let mut command = portable_pty::CommandBuilder::new(plain.get_program());
    command.args(plain.get_args());
    command.env_clear();
    for (name, value) in plain.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command.env("TERM", "xterm");
    command.cwd(world.project());
    let mut reader = pty.master.try_clone_reader().expect("its output");
    let seen = std::thread::spawn(move || {
        let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
        // A terminal whose last program is gone answers with an error on Linux.
        while let Ok(read) = reader.read(&mut buffer) {
            if read == 0 {
                break;
            }
            seen.extend_from_slice(&buffer[..read]);
        }
        seen
    });
    let mut child = pty.slave.spawn_command(command).expect("the program starts");
    drop(pty.slave);
    assert!(child.wait().expect("it ends").success());
    let seen = seen.join().expect("its output was read");
    String::from_utf8(seen).expect("text").replace('\r', "")
}

#[test]
fn json_csv_and_the_library_tell_the_same() {
    let world = World::new();
    let record = a_days_work(&world);
    let json: serde_json::Value =
        serde_json::from_str(&world.run(&["stats", "--json"]).succeeded()).expect("JSON");
    let total = &json["total"];
    assert_eq!(json["schema"], 1);
    assert_eq!(total["requests"]["all"], 8);
    assert_eq!(total["money"]["subscription_requests"], 1);
    assert_eq!(total["money"]["unpriced_requests"], 1);

    let csv = world.run(&["stats", "--csv", "--by", "model"]).succeeded();
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().expect("names");
    let column = |name: &str| names.iter().position(|column| *column == name).expect(name);
    let rows: Vec<Vec<&str>> = lines.collect();
    assert_eq!(rows.len(), 2);
    for (name, in_total) in
        [("sent", "sent"), ("wanted", "wanted"), ("net_saved", "net_saved"), ("costs", "costs")]
    {
        let sum: i64 = rows.iter().map(|row| row[column(name)].parse::<i64>().expect("a number")).sum();
        assert_eq!(total["tokens"][in_total], sum, "{name}");
    }
    let strange = rows.iter().find(|row| row[column("name")] == "house-model-7").expect("a row");
    assert_eq!(strange[column("net_saved_microusd")], "", "unknown, not 0");

    let line = run_line(&record.store, "run", &Prices::built_in());
    insta::assert_snapshot!(line.expect("a line"), @"saved -19.5k tokens (-7.8 %), $0.0553 net at list prices (1 request without a known price); more: headroom stats");
    assert_eq!(run_line(&record.store, "no-run", &Prices::built_in()), None);
}

#[test]
fn stats_can_be_narrowed() {
    let world = World::new();
    let record = a_days_work(&world);
    let mut old = record.receipt("an-old-session", 0, 9 * DAY);
    old.agent = "old".into();
    record.settle(&old, answered(10, 0, 0, 1));
    drop(record);
    let requests = |arguments: &[&str]| {
        let arguments = [&["stats", "--json"], arguments].concat();
        let json: serde_json::Value = serde_json::from_str(&world.run(&arguments).succeeded()).expect("JSON");
        json["total"]["requests"]["all"].as_u64().expect("a number")
    };
    assert_eq!(requests(&[]), 9);
    assert_eq!(requests(&["--since", "7d"]), 8);
    assert_eq!(requests(&["--since", "2w"]), 9);
    assert_eq!(requests(&["--since", "45m"]), 4);
    assert_eq!(requests(&["--session", "3f2a"]), 4);
    assert_eq!(requests(&["--session", "an-old-session"]), 1);
    insta::assert_snapshot!(world.run(&["stats", "--session", "zz"]).failed_with(1), @"
    headroom: no session begins with `zz`
    headroom: hint: `headroom stats` lists them
    ");
    insta::assert_snapshot!(world.run(&["stats", "--since", "soon"]).failed_with(2), @"
    headroom: `soon` can't be the value of `--since`
    headroom: hint: a span of time such as 7d, 12h or 2w, a day such as 2026-11-01, or a moment such as 2026-11-01T08:00:00Z
    ");
}

#[test]
fn an_empty_record_is_said_in_friendly_words() {
    let world = World::new();
    insta::assert_snapshot!(world.run(&["stats"]).succeeded(), @"Nothing is recorded yet. Run an agent through headroom first, for example: headroom wrap claude");
    let json: serde_json::Value =
        serde_json::from_str(&world.run(&["stats", "--json"]).succeeded()).expect("JSON");
    assert_eq!(json["total"]["tokens"]["net_saved"], 0);
    assert!(json["total"]["money"]["net_saved_microusd"].is_null(), "nothing is not $0.00");
    assert_eq!(world.run(&["stats", "--csv"]).succeeded().lines().count(), 1);
    insta::assert_snapshot!(world.run(&["perf"]).succeeded_saying("headroom wrap claude"), @"
    Today's savings: none yet
    Cumulative savings: none yet
    ");
}

#[test]
fn perf_says_it_in_two_lines() {
    let world = World::new();
    let record = Record::of(&world);
    let mut old = record.receipt("old", 0, 3 * DAY);
    old.blocks = vec![block("json", Some("json-table"), 9_000, 1_000)];
    record.settle(&old, answered(4, 20_000, 4_000, 100));
    drop(record);
    insta::assert_snapshot!(world.run(&["perf"]).succeeded(), @"
    Today's savings: none yet
    Cumulative savings: 8.00k tokens (25 %), $0.0400 net at list prices
    ");
}

#[test]
fn the_users_own_prices_hold_and_a_slip_in_them_is_named() {
    let mut world = World::new();
    drop(a_days_work(&world));
    let own = "source = \"contract\"\nas_of = \"2026-11-01\"\n[[price]]\nmodels = [\"house-model-*\"]\ninput = 1.5\noutput = 3\n";
    world.file("headroom/prices.toml", own);
    let json: serde_json::Value =
        serde_json::from_str(&world.run(&["stats", "--json", "--session", "strange"]).succeeded())
            .expect("JSON");
    assert_eq!(json["total"]["money"]["net_saved_microusd"], 1_800);
    assert_eq!(json["total"]["money"]["spent_microusd"], 18_900);
    world.file("headroom/prices.toml", "[[price]]\nmodels = [\"a\"]\ninputs = 3\n");
    insta::assert_snapshot!(world.run(&["stats"]).failed_with(2), @"
    headroom: [WORLD]/headroom/prices.toml:3: unknown key `inputs`; the nearest is `input`
    headroom: hint: see `headroom config path`
    ");
}

#[test]
fn config_says_what_holds_and_who_said_so() {
    let mut world = World::new();
    world.file("headroom/config.toml", "quiet = true\n[rules]\n\"tool:Bash\" = \"lossless\"\n");
    world.set("HEADROOM_PROFILE", "aggressive");
    let shown = world.run(&["config", "show"]).succeeded();
    let root = world.headroom_home().parent().expect("the world").display().to_string();
    let lines = shown.lines().filter(|line| !line.starts_with("upstreams."));
    let lines: Vec<String> =
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    setting value from meaning
    profile aggressive $HEADROOM_PROFILE how much may be left out
    enabled true default whether anything new is shortened
    quiet true config.toml:1 no line after a wrap
    mcp true default hand the agent the retrieval tool
    answer_retrieval false default offer the retrieval tool in the prompt, and answer its calls in the proxy
    originals.max_bytes 1 GiB default disk space for all originals
    originals.max_age 30d default how long an original is kept
    proxy.port 0 default port on 127.0.0.1; 0 takes a free one
    proxy.upstream "" default where requests go; empty: the agent's own
    rules."tool:Bash" lossless config.toml:3 your rule
    "#);
    let json: serde_json::Value =
        serde_json::from_str(&world.run(&["config", "show", "--json"]).succeeded()).expect("JSON");
    assert_eq!(json["settings"][0]["value"], "aggressive");
    assert_eq!(json["settings"][0]["origin"], "environment");
    assert_eq!(json["paths"]["data"], world.headroom_home().display().to_string());
    let paths = world.run(&["config", "path"]).succeeded();
    assert!(paths.starts_with(&format!("settings {root}/headroom/config.toml\n")), "{paths}");

    world.file("headroom/config.toml", "profil = \"lossless\"\n");
    insta::assert_snapshot!(world.run(&["config", "show"]).failed_with(2), @"headroom: [WORLD]/headroom/config.toml:1: unknown setting `profil`; the nearest is `profile`");
}

#[test]
fn a_file_that_came_with_the_project_is_never_read() {
    let mut world = World::new();
    for path in ["work/config.toml", "work/.headroom/config.toml", "work/headroom.toml", "work/prices.toml"] {
        world.file(path, "profile = \"nonsense\"\n");
    }
    let shown = world.run(&["config", "show"]).succeeded();
    let profile = shown.lines().find(|line| line.starts_with("profile ")).unwrap_or_default();
    assert!(profile.contains(" balanced ") && profile.contains(" default "), "{shown}");
    let _ = world.run(&["stats"]).succeeded();
}

#[test]
fn a_provider_that_stops_caching_opens_the_sessions_breaker_and_stats_says_why() {
    let world = World::new();
    let record = Record::of(&world);
    let session = SessionId("s-0001".into());
    for (turn, outcome) in [answered(4, 0, 31_000, 9), answered(4, 0, 33_000, 9), answered(4, 0, 35_000, 9)]
        .into_iter()
        .enumerate()
    {
        assert_eq!(record.store.breaker(&session).expect("asked"), None, "closed before turn {turn}");
        let receipt = record.receipt(&session.0, turn as u8, (9 - turn as i64) * MINUTE);
        record.settle(&receipt, outcome);
    }
    let why = record.store.breaker(&session).expect("asked").expect("open");
    assert!(why.starts_with("the provider read 0 of 33000 cached tokens"), "{why}");
    drop(record);
    let shown = world.run(&["stats"]).succeeded();
    assert!(shown.contains("Stopped, to be no worse than direct\n"), "{shown}");
    assert!(shown.replace(['\n', ' '], "").contains(&why.replace(' ', "")), "{shown}");
}

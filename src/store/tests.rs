//! What the store promises, in one process. Many processes, deaths and full disks: `tests/it/store.rs`.

use super::*;
use crate::conversation::CacheAsk;
use crate::receipt::{Billing, BlockReceipt, CacheMiss, MissCause, Usage};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use tempfile::TempDir;

const DAY: i64 = 86_400_000;
const NOW: Millis = Millis(1_800_000_000_000);

fn later(by: i64) -> Millis {
    Millis(NOW.0 + by)
}

fn open(home: &TempDir) -> Store {
    Store::open(&home.path().join("data"), Limits::default()).expect("the store opens")
}

fn home() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn chain(number: u64) -> Chain {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
    bytes[8..].copy_from_slice(&number.to_le_bytes());
    Chain(bytes)
}

fn session() -> SessionId {
    SessionId("session-1".to_owned())
}

fn project() -> Scope {
    Scope { project: "/home/ada/project".to_owned() }
}

fn original(store: &Store, text: &str) -> Original {
    Original {
        key: store.key(text, &project()),
        text: text.into(),
        scope: project(),
        kind: "log".to_owned(),
        tool: "Bash".to_owned(),
    }
}

fn shortened(key: &Key, text: &str) -> Pin {
    Pin::Shortened(Arc::new(ShortenedPin {
        texts: vec![(0, format!("{text}\n{}", marker::left_out("9 lines left out", key)))],
        tokens_before: Tokens(5_000),
        tokens_after: Tokens(300),
        compressor: "log-templates".to_owned(),
        kind: "log".to_owned(),
    }))
}

/// Keeps `text` and pins a shortening of it at `chain`.
fn keep(store: &Store, chain: Chain, text: &str, now: Millis) -> (Original, Pin) {
    let original = original(store, text);
    let pin = shortened(&original.key, "head");
    let held = store.pin(&session(), &[(chain, pin.clone())], std::slice::from_ref(&original), now);
    assert_eq!(held.expect("it is pinned"), std::slice::from_ref(&pin));
    (original, pin)
}

#[test]
fn a_block_sent_once_is_sent_the_same_way_after_a_restart() {
    let home = home();
    let store = open(&home);
    let (original, pin) = keep(&store, chain(1), "what the tool said\n", NOW);
    store.pin(&session(), &[(chain(2), Pin::Verbatim)], &[], NOW).expect("it is pinned");
    let asked = [chain(1), chain(2), chain(3)];
    let held = vec![Some(pin), Some(Pin::Verbatim), None];
    assert_eq!(store.pins(&asked).expect("pins"), held);
    drop(store);
    let store = open(&home);
    assert_eq!(store.remembered(&asked), [None, None, None]);
    assert_eq!(store.pins(&asked).expect("pins"), held);
    assert_eq!(store.remembered(&asked), held);
    let kept = store.original(&original.key, NOW).expect("the original");
    assert_eq!(
        (kept.text.as_str(), kept.scope, kept.tool.as_str()),
        ("what the tool said\n", project(), "Bash")
    );
}

#[test]
fn whoever_comes_second_gets_the_firsts_bytes() {
    let home = home();
    let (one, other) = (open(&home), open(&home));
    let (_, first) = keep(&one, chain(1), "first", NOW);
    let second = shortened(&other.key("second", &project()), "other");
    let held = other.pin(&session(), &[(chain(1), second), (chain(2), Pin::Verbatim)], &[], NOW);
    assert_eq!(held.expect("it is pinned"), [first.clone(), Pin::Verbatim]);
    let held = one.pin(&session(), &[(chain(2), first)], &[], NOW).expect("it is pinned");
    assert_eq!(held, [Pin::Verbatim]);
}

#[test]
fn many_threads_agree_on_every_pin() {
    let home = home();
    let stores = [open(&home), open(&home)];
    let all: Vec<Vec<Pin>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let store = &stores[thread % 2];
                scope.spawn(move || {
                    let key = store.key(&format!("thread {thread}"), &project());
                    let pin = |number: u64| match (number + thread as u64) % 3 {
                        0 => Pin::Verbatim,
                        _ => shortened(&key, "text"),
                    };
                    let pins: Vec<(Chain, Pin)> =
                        (0..40).map(|number| (chain(number), pin(number))).collect();
                    let mut held = Vec::new();
                    for pins in pins.chunks(4) {
                        held.extend(store.pin(&session(), pins, &[], NOW).expect("it is pinned"));
                    }
                    held
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(all.iter().all(|held| *held == all[0]));
}

#[test]
fn a_key_depends_on_the_text_the_folder_and_the_installation() {
    let (home, other_home) = (home(), home());
    let store = open(&home);
    let key = store.key("text", &project());
    assert_eq!(key.as_str().len(), Key::DIGITS);
    assert_eq!(open(&home).key("text", &project()), key);
    assert_ne!(store.key("text2", &project()), key);
    assert_ne!(store.key("text", &Scope::default()), key);
    assert_ne!(open(&other_home).key("text", &project()), key);
    let (near, far) = (Scope { project: "ab".to_owned() }, Scope { project: "a".to_owned() });
    assert_ne!(store.key("c", &near), store.key("bc", &far));
}

#[test]
fn an_original_can_be_read_by_zstd_itself() {
    let home = home();
    let store = open(&home);
    let (original, _) = keep(&store, chain(1), "line\n\u{1F600} \0 odd\r\n", NOW);
    let bytes = fs::read(store.originals.path(&original.key)).expect("the file");
    let size = u32::from_le_bytes(bytes[4..8].try_into().expect("four bytes")) as usize;
    assert_eq!(u32::from_le_bytes(bytes[..4].try_into().expect("four bytes")) & !0xF, 0x184D_2A50);
    assert_eq!(zstd::decode_all(&bytes[8 + size..]).expect("zstd"), original.text.as_bytes());
}

#[test]
fn an_original_that_was_damaged_is_written_anew_when_it_is_kept_again() {
    let home = home();
    let store = open(&home);
    let (original, _) = keep(&store, chain(1), "text", NOW);
    let path = store.originals.path(&original.key);
    let whole = fs::read(&path).expect("a file");
    let mut flipped = whole.clone();
    *flipped.last_mut().expect("a byte") ^= 1;
    for damaged in [Vec::new(), whole[..whole.len() - 1].to_vec(), flipped] {
        fs::write(&path, damaged).expect("a file");
        assert!(matches!(store.original(&original.key, NOW), Err(StoreError::Io { .. })));
        keep(&store, chain(1), "text", NOW);
        assert_eq!(store.original(&original.key, NOW).expect("the original").text, "text");
    }
}

#[test]
fn an_original_is_read_without_the_database() {
    let home = home();
    let store = open(&home);
    let (original, _) = keep(&store, chain(1), "text", NOW);
    let dir = store.dir().to_owned();
    drop(store);
    fs::remove_file(dir.join("headroom.db")).expect("deleted");
    assert_eq!(original_in(&dir, &original.key).expect("the original").text, "text");
    let unknown = Key::parse("0123456789abcdef0123").expect("a key");
    assert!(matches!(original_in(&dir, &unknown), Err(StoreError::Unknown(_))));
}

#[test]
fn only_the_user_can_read_what_is_kept() {
    let home = home();
    let dir = home.path().join("data");
    fs::create_dir(&dir).expect("a folder");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).expect("open to all");
    let store = open(&home);
    keep(&store, chain(1), "text", NOW);
    let mut folders = vec![dir];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        assert_eq!(
            fs::metadata(&folder).expect("a folder").permissions().mode() & 0o777,
            0o700,
            "{folder:?}"
        );
        for file in fs::read_dir(&folder).expect("a folder").flatten() {
            let about = file.metadata().expect("a file");
            if about.is_dir() {
                folders.push(file.path());
            } else {
                seen += 1;
                assert_eq!(about.permissions().mode() & 0o777, 0o600, "{:?}", file.path());
            }
        }
    }
    assert!(seen >= 6, "database, log, index, lock, secret, original: {seen}");
}

#[test]
fn a_symbolic_link_in_place_of_a_file_is_not_followed() {
    for name in ["headroom.db", "secret", "lock", "originals"] {
        let home = home();
        let target = home.path().join("target");
        let dir = home.path().join("data");
        fs::create_dir(&dir).expect("a folder");
        fs::write(&target, "the user's own").expect("a file");
        symlink(&target, dir.join(name)).expect("a link");
        assert!(Store::open(&dir, Limits::default()).is_err(), "{name}");
        assert_eq!(fs::read_to_string(&target).expect("a file"), "the user's own", "{name}");
    }
}

#[test]
fn an_expired_original_is_told_from_an_unknown_one() {
    let home = home();
    let store = open(&home);
    let (original, _) = keep(&store, chain(1), "text", NOW);
    let unknown = store.key("never kept", &project());
    store.expire(later(29 * DAY)).expect("nothing is too old");
    assert!(store.original(&original.key, NOW).is_ok());
    store.expire(later(31 * DAY)).expect("it expires");
    assert!(matches!(store.original(&original.key, NOW), Err(StoreError::Expired(_))));
    assert!(matches!(store.original(&unknown, NOW), Err(StoreError::Unknown(_))));
    assert!(matches!(original_in(store.dir(), &original.key), Err(StoreError::Expired(_))));
    let (again, _) = keep(&store, chain(2), "text", later(31 * DAY));
    assert_eq!(again.key, original.key);
    assert!(store.original(&original.key, NOW).is_ok(), "kept again, it is there again");
}

#[test]
fn an_original_pinned_again_begins_its_age_anew() {
    let home = home();
    let store = open(&home);
    let (original, _) = keep(&store, chain(1), "text", NOW);
    keep(&store, chain(2), "text", later(20 * DAY));
    store.expire(later(40 * DAY)).expect("nothing is too old");
    assert!(store.original(&original.key, NOW).is_ok());
}

#[test]
fn an_original_lives_on_while_its_session_is_resumed() {
    let home = home();
    let store = open(&home);
    let (original, pin) = keep(&store, chain(1), "text", NOW);
    drop(store);
    let store = open(&home);
    let frozen = Frozen { profile: "balanced".to_owned(), rules: 1, on: true, own_rules: Vec::new() };
    store.session(&session(), &frozen, "claude", "", later(20 * DAY)).expect("a session");
    assert_eq!(store.pins(&[chain(1)]).expect("pins"), [Some(pin)]);
    store.flush();
    store.expire(later(40 * DAY)).expect("nothing is too old");
    assert!(store.original(&original.key, NOW).is_ok());
    store.expire(later(60 * DAY)).expect("it expires");
    assert!(matches!(store.original(&original.key, NOW), Err(StoreError::Expired(_))));
}

#[test]
fn the_budget_lets_the_oldest_go_and_never_those_of_the_last_hour() {
    let home = home();
    let limits = Limits { originals_bytes: 1_500, ..Limits::default() };
    let store = Store::open(&home.path().join("data"), limits).expect("the store opens");
    let text =
        |number: u64| blake3::hash(&number.to_le_bytes()).to_hex().repeat(1) + &"-".repeat(number as usize);
    let hours = 3_600_000;
    let kept: Vec<Key> = (0_u64..30)
        .map(|number| keep(&store, chain(number), &text(number), later(number as i64 * hours / 10)).0.key)
        .collect();
    store.expire(later(3 * hours)).expect("the oldest go");
    let there: Vec<bool> = kept.iter().map(|key| store.original(key, NOW).is_ok()).collect();
    assert!(!there[0] && there[29]);
    assert!(there.is_sorted(), "the oldest go first: {there:?}");
    assert!(there[21..].iter().all(|there| *there), "the last hour's stay: {there:?}");
    let sizes = store.sizes().expect("sizes");
    assert_eq!(sizes.originals + sizes.expired, 30);
    let young = Limits { originals_bytes: 0, ..limits };
    let store = Store::open(&home.path().join("data"), young).expect("the store opens");
    store.expire(later(3 * hours)).expect("nothing that old");
    assert!(store.sizes().expect("sizes").originals >= 9);
}

#[test]
fn an_index_that_was_lost_is_made_anew_from_the_files() {
    let home = home();
    let store = open(&home);
    let (original, _) = keep(&store, chain(1), "text", NOW);
    let dir = store.dir().to_owned();
    drop(store);
    fs::write(dir.join("headroom.db"), [7_u8; 5_000]).expect("damaged");
    let store = open(&home);
    assert_eq!(store.notices().len(), 1);
    store.expire(later(DAY)).expect("looked through");
    assert_eq!(store.sizes().expect("sizes").originals, 1);
    assert!(store.original(&original.key, NOW).is_ok());
    store.expire(later(40 * DAY)).expect("it expires");
    assert!(matches!(store.original(&original.key, NOW), Err(StoreError::Expired(_))));
}

#[test]
fn a_damaged_database_is_set_aside_untouched() {
    let sound = {
        let home = home();
        let store = open(&home);
        (0..200).for_each(|number| drop(keep(&store, chain(number), &format!("text {number}"), NOW)));
        let dir = store.dir().to_owned();
        drop(store);
        fs::read(dir.join("headroom.db")).expect("a database")
    };
    let noise: Vec<u8> =
        (0..20_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let head_only = sound[..100].to_vec();
    let half = sound[..sound.len() / 2].to_vec();
    let mut scratched = sound.clone();
    scratched[4096..8192].fill(0xAA);
    for (what, bytes) in [("noise", noise), ("cut at 100 bytes", head_only), ("cut in half", half)] {
        let home = home();
        let dir = home.path().join("data");
        fs::create_dir(&dir).expect("a folder");
        fs::write(dir.join("headroom.db"), &bytes).expect("a file");
        let store = open(&home);
        assert_eq!(store.notices().len(), 1, "{what}");
        assert_eq!(fs::read(dir.join("headroom.db.damaged-1")).expect("set aside"), bytes, "{what}");
        keep(&store, chain(1), "text", NOW);
    }
    // Damage inside shows while it is used; the next opening sets it aside.
    let home = home();
    let dir = home.path().join("data");
    fs::create_dir(&dir).expect("a folder");
    for page in 1..sound.len() / 4096 {
        scratched[page * 4096..(page + 1) * 4096].fill(0xAA);
    }
    fs::write(dir.join("headroom.db"), &scratched).expect("a file");
    let store = open(&home);
    let at_once = store.notices().len();
    let failed = store.pins(&[chain(1)]).is_err()
        | store.pin(&session(), &[(chain(1), Pin::Verbatim)], &[], NOW).is_err();
    drop(store);
    let store = open(&home);
    assert!(failed || 0 < at_once);
    assert_eq!(at_once + store.notices().len(), 1, "it is told once");
    keep(&store, chain(2), "text", NOW);
}

#[test]
fn a_store_made_by_an_older_headroom_is_brought_up_to_date() {
    let home = home();
    let dir = open(&home).dir().to_owned();
    let path = dir.join("headroom.db");
    for older in 1..schema::STEPS.len() {
        for file in ["headroom.db", "headroom.db-wal", "headroom.db-shm"] {
            let _ = fs::remove_file(dir.join(file));
        }
        let db = Connection::open(&path).expect("a connection");
        for step in &schema::STEPS[..older] {
            db.execute_batch(step).expect("a step");
        }
        db.pragma_update(None, "user_version", older as i64).expect("its number");
        db.execute_batch(
            "INSERT INTO sessions VALUES (1, 's', 'claude', '/p', 5, NULL, NULL, NULL);
             INSERT INTO requests (number, at, session, run, agent, project, model, status, complete, bytes_before,
                bytes_after, first_before, first_after, replayed_before, replayed_after, given_back_new, given_back_old,
                only_gives_back, overhead, head, preamble, cache, uncached, cache_read, cache_write_5m, cache_write_1h,
                output, billing) VALUES (1, 5, 1, 'r', 'claude', '/p', 'm', 200, 1, 10, 9, 0, 0, 0, 0, 0, 0, 0, 0,
                NULL, NULL, 0, 7, 0, 0, 0, 1, 'api_key');",
        )
        .expect("a request");
        drop(db);
        let rows = open(&home).requests(&Filter::default()).expect("rows");
        assert_eq!((rows.len(), rows[0].volume, rows[0].bytes_before), (1, None, 10), "schema {older}");
    }
}

#[test]
fn a_store_made_by_a_newer_headroom_is_left_alone() {
    let home = home();
    let store = open(&home);
    let (original, _) = keep(&store, chain(1), "text", NOW);
    let dir = store.dir().to_owned();
    store.writer.alone(|db| db.pragma_update(None, "user_version", schema::KNOWN + 1)).expect("made newer");
    drop(store);
    let before = fs::read(dir.join("headroom.db")).expect("a database");
    let error = Store::open(&dir, Limits::default()).expect_err("not opened");
    assert!(matches!(error, StoreError::Newer { .. }), "{error}");
    assert!(before == fs::read(dir.join("headroom.db")).expect("a database"));
    assert_eq!(original_in(&dir, &original.key).expect("the original").text, "text");
}

#[test]
fn a_database_that_another_holds_fails_soon_and_memory_still_answers() {
    let home = home();
    let store = open(&home);
    let (_, pin) = keep(&store, chain(1), "text", NOW);
    let other = Connection::open(store.dir().join("headroom.db")).expect("a connection");
    other.execute_batch("BEGIN EXCLUSIVE").expect("held");
    let held = store.pin(&session(), &[(chain(2), Pin::Verbatim)], &[], NOW);
    assert!(matches!(held, Err(StoreError::Database(_))), "{held:?}");
    assert_eq!(store.remembered(&[chain(1), chain(2)]), [Some(pin.clone()), None]);
    other.execute_batch("COMMIT").expect("let go");
    store.pin(&session(), &[(chain(2), Pin::Verbatim)], &[], NOW).expect("it is pinned");
    assert_eq!(store.pins(&[chain(1), chain(2)]).expect("pins"), [Some(pin), Some(Pin::Verbatim)]);
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_that_names_it() {
    let home = home();
    let dir = home.path().join("data");
    fs::write(&dir, "a file in place of the folder").expect("a file");
    let error = Store::open(&dir, Limits::default()).expect_err("not opened");
    assert!(error.to_string().contains("data"), "{error}");
}

#[test]
fn an_original_that_cannot_be_written_pins_nothing() {
    let home = home();
    let store = open(&home);
    let original = original(&store, "text");
    // A file where the shelf would be: root, too, can't write there.
    let shelf = store.dir().join("originals").join(&original.key.as_str()[..2]);
    fs::remove_dir(&shelf).expect("an empty shelf");
    fs::write(&shelf, "in the way").expect("a file");
    let pin = shortened(&original.key, "head");
    let held = store.pin(&session(), &[(chain(1), pin.clone())], std::slice::from_ref(&original), NOW);
    assert!(matches!(held, Err(StoreError::Io { .. })), "{held:?}");
    assert_eq!(store.pins(&[chain(1)]).expect("pins"), [None]);
    fs::remove_file(shelf).expect("out of the way");
    store.pin(&session(), &[(chain(1), pin)], &[original], NOW).expect("it is pinned");
}

#[test]
fn what_we_sent_is_recognised_whole_and_only_whole() {
    let home = home();
    let store = open(&home);
    let (_, pin) = keep(&store, chain(1), "text", NOW);
    let Pin::Shortened(pin) = pin else { panic!("it shortens") };
    let sent = &pin.texts[0].1;
    assert!(store.is_ours(sent).expect("asked"));
    assert!(open(&home).is_ours(sent).expect("asked"));
    assert!(!store.is_ours(&format!("{sent} ")).expect("asked"));
    assert!(!store.is_ours("[headroom: 3 of 4 rows left out]").expect("asked"), "a forged one is a text");
    assert!(!store.is_ours("text").expect("asked"));
}

#[test]
fn a_session_keeps_the_settings_it_began_with() {
    let home = home();
    let first = Frozen { profile: "balanced".to_owned(), rules: 1, on: true, own_rules: Vec::new() };
    let second = Frozen { profile: "lossless".to_owned(), rules: 2, on: false, own_rules: Vec::new() };
    let store = open(&home);
    assert_eq!(store.session(&session(), &first, "claude", "/p", NOW).expect("a session"), first);
    assert_eq!(store.session(&session(), &second, "claude", "/p", NOW).expect("a session"), first);
    assert_eq!(open(&home).session(&session(), &second, "claude", "/p", NOW).expect("a session"), first);
    let other = SessionId("session-2".to_owned());
    assert_eq!(store.session(&other, &second, "claude", "/p", NOW).expect("a session"), second);
}

#[test]
fn an_open_breaker_stays_open_for_its_first_reason() {
    let home = home();
    let store = open(&home);
    assert_eq!(store.breaker(&session()).expect("asked"), None);
    store.open_breaker(&session(), "two misses", NOW).expect("opened");
    assert_eq!(store.breaker(&session()).expect("asked").as_deref(), Some("two misses"));
    let other = open(&home);
    other.open_breaker(&session(), "three misses", NOW).expect("opened");
    assert_eq!(open(&home).breaker(&session()).expect("asked").as_deref(), Some("two misses"));
}

fn receipt(run: &str, at: Millis) -> Receipt {
    let mut receipt = Receipt::new(session(), at);
    receipt.run = run.to_owned();
    receipt.agent = "claude".to_owned();
    receipt.project = project().project;
    receipt.model = "claude-opus-4".to_owned();
    receipt.bytes_before = 10_000;
    receipt.bytes_after = 4_000;
    receipt.volume = Some(Tokens(2_500));
    receipt.replayed_before = Tokens(70);
    receipt.replayed_after = Tokens(7);
    receipt.given_back_new = Tokens(11);
    receipt.given_back_old = Tokens(12);
    receipt.overhead = Tokens(120);
    receipt.head = Some(chain(9));
    receipt.history = vec![chain(8), chain(9)];
    receipt.cache = CacheAsk::OneHour;
    receipt.billing = Billing::Subscription;
    receipt.refusals = BTreeMap::from([(Refusal::AlreadySent, 5), (Refusal::BelowFloor, 1)]);
    let block =
        |kind: &'static str, compressor: Option<&'static str>, key: Option<&Key>, before| BlockReceipt {
            path: "messages[2].content[0]".to_owned(),
            tool: "Bash".to_owned(),
            kind: kind.into(),
            compressor: compressor.map(Into::into),
            key: key.cloned(),
            refusal: compressor.is_none().then_some(Refusal::BelowFloor),
            tokens_before: Tokens(before),
            tokens_after: Tokens(if compressor.is_some() { before / 10 } else { before }),
            chain: Some(chain(7)),
            rule: compressor.is_none().then(|| "tool:Bash = never".to_owned()),
        };
    let key = Key::parse("00112233445566778899").expect("a key");
    receipt.blocks = vec![
        block("log", Some("log-templates"), Some(&key), 5_000),
        block("log", None, None, 40),
        block("json", Some("json-table"), None, 900),
    ];
    receipt
}

#[test]
fn everything_in_a_receipt_is_read_back() {
    let home = home();
    let store = open(&home);
    let usage = Usage {
        uncached: Tokens(1),
        cache_read: Tokens(2),
        cache_write_5m: Tokens(3),
        cache_write_1h: Tokens(4),
        output: Tokens(5),
    };
    let miss = Some(CacheMiss { cause: MissCause::Expired, tokens: Tokens(77) });
    let outcome = Outcome { status: 200, usage: Some(usage), complete: true, miss };
    store.record(&receipt("run-1", NOW), &outcome).expect("recorded");
    store.record(&receipt("run-2", later(60_000)), &Outcome::default()).expect("recorded");
    let key = Key::parse("00112233445566778899").expect("a key");
    store.record_retrieval(&key, "cli", Tokens(50), later(5)).expect("recorded");
    store.count_fault(Refusal::Panicked, later(7));
    store.count_fault(Refusal::Panicked, later(8));
    let all = Filter::default();
    let rows = store.requests(&all).expect("rows");
    assert_eq!(rows.len(), 2);
    assert_eq!(
        rows[0],
        RequestRow {
            number: rows[0].number,
            at: NOW,
            session: session(),
            run: "run-1".to_owned(),
            agent: "claude".to_owned(),
            project: project().project,
            model: "claude-opus-4".to_owned(),
            status: 200,
            complete: true,
            bytes_before: 10_000,
            bytes_after: 4_000,
            volume: Some(Tokens(2_500)),
            first_before: Tokens(5_900),
            first_after: Tokens(590),
            replayed_before: Tokens(70),
            replayed_after: Tokens(7),
            given_back_new: Tokens(11),
            given_back_old: Tokens(12),
            only_gives_back: false,
            overhead: Tokens(120),
            head: Some(chain(9)),
            preamble: None,
            cache: CacheAsk::OneHour,
            usage: Some(usage),
            billing: Billing::Subscription,
            miss,
        }
    );
    assert_eq!(store.last_answered(&session()).expect("a row").as_ref(), Some(&rows[0]));
    assert_eq!(rows[1].usage, None);
    let volumes = vec![("claude-opus-4".to_owned(), Tokens(2_500), usage.input())];
    assert_eq!(store.volumes(Tokens(2_500), 9).expect("rows"), volumes);
    assert_eq!(store.volumes(Tokens(2_501), 9).expect("rows"), []);
    let blocks = store.blocks(&all).expect("rows");
    assert_eq!(blocks.len(), 6);
    assert_eq!((blocks[1].chain, blocks[1].rule.as_deref()), (Some(chain(7)), Some("tool:Bash = never")));
    assert_eq!((blocks[1].refusal, blocks[0].key.as_ref()), (Some(Refusal::BelowFloor), Some(&key)));
    let kinds = store.kinds(&all).expect("rows");
    let table: Vec<_> = kinds
        .iter()
        .map(|row| {
            (row.kind.as_str(), row.compressor.as_deref(), row.blocks, row.tokens_before.0, row.retrievals)
        })
        .collect();
    assert_eq!(
        table,
        [
            ("log", Some("log-templates"), 1, 5_000, 1),
            ("json", Some("json-table"), 1, 900, 0),
            ("log", None, 1, 40, 0)
        ],
        "the second request was not answered: its results come again"
    );
    assert_eq!(
        store.refusals(&all).expect("rows"),
        BTreeMap::from([(Refusal::AlreadySent, 10), (Refusal::BelowFloor, 2)])
    );
    assert_eq!(store.faults(&all).expect("rows"), BTreeMap::from([(Refusal::Panicked, 2)]));
    assert_eq!(store.retrievals(&all).expect("rows").len(), 1);
    let sessions = store.sessions(&all).expect("rows");
    assert_eq!((sessions.len(), sessions[0].agent.as_str()), (1, "claude"));
}

#[test]
fn a_filter_narrows_every_view_alike() {
    let home = home();
    let store = open(&home);
    let answered = Outcome { status: 200, usage: None, complete: true, ..Outcome::default() };
    store.record(&receipt("run-1", NOW), &answered).expect("recorded");
    let mut other = receipt("run-2", later(DAY));
    other.session = SessionId("session-2".to_owned());
    other.blocks.truncate(2);
    other.blocks.remove(0);
    store.record(&other, &answered).expect("recorded");
    let key = Key::parse("00112233445566778899").expect("a key");
    store.record_retrieval(&key, "mcp", Tokens(50), later(5)).expect("recorded");
    let first = [
        Filter { until: Some(later(1_000)), ..Filter::default() },
        Filter { session: Some(session()), ..Filter::default() },
        Filter { run: Some("run-1".to_owned()), ..Filter::default() },
        Filter { run: Some("run-1".to_owned()), session: Some(session()), since: Some(NOW), until: None },
    ];
    let second = [
        Filter { since: Some(later(1_000)), ..Filter::default() },
        Filter { session: Some(SessionId("session-2".to_owned())), ..Filter::default() },
        Filter { run: Some("run-2".to_owned()), ..Filter::default() },
    ];
    let counts = |filter: &Filter| {
        let refusals: u64 = store.refusals(filter).expect("rows").values().sum();
        [
            store.requests(filter).expect("rows").len() as u64,
            store.blocks(filter).expect("rows").len() as u64,
            store.kinds(filter).expect("rows").len() as u64,
            refusals,
            store.retrievals(filter).expect("rows").len() as u64,
            store.sessions(filter).expect("rows").len() as u64,
        ]
    };
    first.iter().for_each(|filter| assert_eq!(counts(filter), [1, 3, 3, 6, 1, 1], "{filter:?}"));
    second.iter().for_each(|filter| assert_eq!(counts(filter), [1, 1, 1, 6, 0, 1], "{filter:?}"));
}

#[test]
fn a_purge_deletes_what_it_names_and_keeps_the_record() {
    let home = home();
    let store = open(&home);
    let frozen = Frozen { profile: "balanced".to_owned(), rules: 1, on: true, own_rules: Vec::new() };
    store.session(&session(), &frozen, "claude", &project().project, NOW).expect("a session");
    let (mine, _) = keep(&store, chain(1), "secret words", NOW);
    let elsewhere = SessionId("session-2".to_owned());
    store.session(&elsewhere, &frozen, "claude", "/home/ada/project-2", NOW).expect("a session");
    let scope = Scope { project: "/home/ada/project-2".to_owned() };
    let other = Original { key: store.key("x", &scope), text: "x".into(), scope, ..mine.clone() };
    let pin = shortened(&other.key, "y");
    store.pin(&elsewhere, &[(chain(2), pin)], std::slice::from_ref(&other), NOW).expect("it is pinned");
    store.record(&receipt("run-1", NOW), &Outcome::default()).expect("recorded");

    let purged = store.purge(&Purge::Project(project().project), NOW).expect("purged");
    assert_eq!((purged.originals, purged.pins, purged.requests), (1, 1, 0));
    assert!(!store.originals.has(&mine.key) && store.originals.has(&other.key));
    assert_eq!(store.pins(&[chain(1)]).expect("pins"), [None]);
    assert_eq!(store.requests(&Filter::default()).expect("rows").len(), 1);

    let purged = store.purge(&Purge::Older(later(-1)), NOW).expect("purged");
    assert_eq!((purged.originals, purged.pins), (0, 0));
    let purged = store.purge(&Purge::Older(later(2 * DAY)), later(3 * DAY)).expect("purged");
    assert_eq!((purged.originals, purged.pins, purged.requests), (1, 1, 0));

    keep(&store, chain(3), "more", NOW);
    let purged = store.purge(&Purge::All, NOW).expect("purged");
    assert_eq!((purged.originals, purged.pins, purged.requests), (1, 1, 1));
    let sizes = store.sizes().expect("sizes");
    assert_eq!(Sizes { database_bytes: 0, ..sizes }, Sizes::default());
    keep(&store, chain(3), "more", NOW);
}

#[test]
fn what_was_purged_leaves_no_trace_in_any_file() {
    let home = home();
    let store = open(&home);
    keep(&store, chain(77), "a very particular sentence", NOW);
    let traces = |dir: &Path| {
        let files = fs::read_dir(dir).expect("a folder").flatten().map(|file| file.path());
        let has = |file: &PathBuf| {
            let bytes = fs::read(file).unwrap_or_default();
            memchr::memmem::find(&bytes, &chain(77).0).is_some()
        };
        files.filter(|file| file.is_file()).filter(has).count()
    };
    assert!(traces(store.dir()) > 0);
    store.purge(&Purge::Older(later(2 * DAY)), NOW).expect("purged");
    assert_eq!(traces(store.dir()), 0);
}

#[test]
fn drafts_that_nobody_finished_are_swept_away() {
    let home = home();
    let store = open(&home);
    keep(&store, chain(1), "text", NOW);
    let shelf = store.dir().join("originals/00");
    let _ = fs::create_dir(&shelf);
    let draft = shelf.join("00112233445566778899.1-1.new");
    fs::write(&draft, "half").expect("a file");
    let far = Millis(4_000_000_000_000);
    store.expire(far).expect("swept");
    assert!(!draft.exists());
}

#[test]
fn memory_is_bounded_and_forgets_the_least_used() {
    let memory = Memory::default();
    let keep = |number: u64| memory.keep([(chain(number), Pin::Verbatim)]);
    for number in 1..2_000_000 {
        keep(number);
        if number % 1_000 == 0 {
            assert_eq!(memory.look(&[chain(1)]), [Some(Pin::Verbatim)], "asked for all the time: {number}");
        }
    }
    assert_eq!(memory.look(&[chain(2)]), [None], "long not asked for");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_text_comes_back_as_it_was(text in any::<String>(), project in any::<String>(), tool in any::<String>()) {
        let home = home();
        let originals = Originals::of(home.path());
        fs::create_dir(home.path().join("originals")).expect("a folder");
        let key = Key::parse("00112233445566778899").expect("a key");
        let scope = Scope { project };
        let original = Original { key: key.clone(), text: text.as_str().into(), scope: scope.clone(), kind: "k".to_owned(), tool };
        originals.keep(&original, NOW).expect("kept");
        let kept = originals.read(&key).expect("read").expect("there");
        prop_assert_eq!((kept.text, kept.scope, kept.tool, kept.at), (text, scope, original.tool, NOW));
    }

    #[test]
    fn any_pin_comes_back_as_it_was(texts in prop::collection::vec((any::<u32>(), any::<String>()), 0..5), before in any::<u64>(), after in any::<u64>()) {
        let pin = Pin::Shortened(Arc::new(ShortenedPin {
            texts, tokens_before: Tokens(before), tokens_after: Tokens(after), compressor: "c".to_owned(), kind: "k".to_owned(),
        }));
        let key = Key::parse("00112233445566778899").expect("a key");
        let bytes = pins::write(&pin, std::slice::from_ref(&key)).expect("bytes");
        prop_assert_eq!(pins::read(Some(&bytes)), Some((pin, vec![key])));
    }

    #[test]
    fn a_file_that_is_no_original_is_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), ours in any::<bool>()) {
        let home = home();
        let originals = Originals::of(home.path());
        let key = Key::parse("00112233445566778899").expect("a key");
        fs::create_dir_all(home.path().join("originals/00")).expect("a folder");
        let mut file = if ours { 0x184D_2A5D_u32.to_le_bytes().to_vec() } else { Vec::new() };
        file.extend(bytes);
        fs::write(originals.path(&key), file).expect("a file");
        prop_assert!(originals.read(&key).is_err());
    }
}

/// A pin as the first schema wrote it still reads.
#[test]
fn a_pin_of_the_first_format_still_reads() {
    let json =
        br#"{"texts":[[0,"short"]],"before":5000,"after":300,"compressor":"log-templates","kind":"log"}"#;
    let mut bytes = vec![1];
    bytes.extend(zstd::bulk::compress(json, 1).expect("zstd"));
    let (pin, keys) = pins::read(Some(&bytes)).expect("a pin");
    let Pin::Shortened(pin) = pin else { panic!("it shortens") };
    assert_eq!((pin.texts[0].1.as_str(), pin.tokens_before, keys.len()), ("short", Tokens(5_000), 0));
}

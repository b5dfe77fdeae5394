//! How long the store takes: `cargo bench --bench store`. Prints percentiles, not averages:
//! a request waits for one of these, not for their mean.

#![allow(clippy::disallowed_methods, clippy::print_stdout, missing_docs)]

use headroom::store::{Limits, Original, Pin, Scope, ShortenedPin, Store};
use headroom::units::{Chain, Millis, SessionId, Tokens};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const NOW: Millis = Millis(1_800_000_000_000);

fn main() {
    let home = tempfile::tempdir().expect("a folder");
    let store = Store::open(&home.path().join("data"), Limits::default()).expect("a store");
    let session = SessionId("bench".to_owned());
    warm(&store, &session);

    for (what, originals, bytes) in
        [("1 × 8 KB", 1, 8 << 10), ("1 × 200 KB", 1, 200 << 10), ("4 × 50 KB", 4, 50 << 10)]
    {
        let times = (0..200).map(|number| {
            let texts: Vec<String> = (0..originals).map(|part| text(bytes, number * 10 + part)).collect();
            let (pins, originals): (Vec<_>, Vec<_>) =
                texts.iter().zip(0..).map(|(text, part)| shortened(&store, text, number * 10 + part)).unzip();
            timed(|| drop(store.pin(&session, &pins, &originals, NOW).expect("pinned")))
        });
        report(&format!("pin, durable, {what}"), times.collect());
    }

    let chains: Vec<Chain> = (0..300).map(|number| chain(1, number)).collect();
    for part in chains.chunks(30) {
        let pins: Vec<_> = part
            .iter()
            .enumerate()
            .map(|(place, chain)| {
                (
                    *chain,
                    if place % 10 == 0 {
                        pin("a pinned text of some length\n".repeat(80))
                    } else {
                        Pin::Verbatim
                    },
                )
            })
            .collect();
        store.pin(&session, &pins, &[], NOW).expect("pinned");
    }
    report(
        "pins of 300 chains, in memory",
        (0..2_000).map(|_| timed(|| drop(store.pins(&chains)))).collect(),
    );
    let uncached = (0..100).map(|_| {
        let other = Store::open(store.dir(), Limits::default()).expect("a store");
        timed(|| drop(other.pins(&chains).expect("pins")))
    });
    report("pins of 300 chains, from disk", uncached.collect());

    let times = (0..5_000).map(|number| {
        let pins = [(chain(2, number), Pin::Verbatim)];
        timed(|| drop(store.pin(&session, &pins, &[], NOW).expect("pinned")))
    });
    report("pin, verbatim, alone", times.collect());
    for threads in [4, 16, 64] {
        together(&store, threads, 20_000 / threads);
    }
    report(
        "open a store that is there",
        (0..50).map(|_| timed(|| drop(Store::open(store.dir(), Limits::default())))).collect(),
    );
    report("sync of 4 KB by itself", (0..200).map(|_| bare_sync(home.path())).collect());
}

fn together(store: &Store, threads: u64, each: u64) {
    let began = Instant::now();
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        let work = |thread: u64| {
            let session = SessionId(format!("bench {thread}"));
            (0..each)
                .map(|number| {
                    let pins = [(chain(1_000 * threads + thread, number), Pin::Verbatim)];
                    timed(|| drop(store.pin(&session, &pins, &[], NOW).expect("pinned")))
                })
                .collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    let rate = times.len() as f64 / began.elapsed().as_secs_f64();
    times.sort();
    report(&format!("pin, verbatim, {threads} threads ({rate:.0}/s)"), times);
}

fn warm(store: &Store, session: &SessionId) {
    for number in 0..20 {
        let (pin, original) = shortened(store, &text(4 << 10, 1_000_000 + number), 1_000_000 + number);
        store.pin(session, &[pin], &[original], NOW).expect("pinned");
    }
}

fn bare_sync(dir: &Path) -> Duration {
    use std::io::Write;
    let mut file =
        std::fs::OpenOptions::new().create(true).append(true).open(dir.join("bare")).expect("a file");
    file.write_all(&[7; 4_096]).expect("written");
    timed(|| file.sync_data().expect("synced"))
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
    println!("{what:<48} p50 {:>8.3} ms   p99 {:>8.3} ms", at(0.5), at(0.99));
}

fn chain(seed: u64, number: u64) -> Chain {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
    bytes[8..].copy_from_slice(&seed.to_le_bytes());
    Chain(bytes)
}

/// Lines as a tool prints them; no two alike.
fn text(bytes: usize, seed: u64) -> String {
    let mut text = String::with_capacity(bytes + 100);
    let mut number = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    while text.len() < bytes {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&format!(
            "2026-11-20T11:{:02}:{:02} INFO request {:x} done in {} ms\n",
            number % 60,
            number % 59,
            number >> 40,
            number % 997
        ));
    }
    text
}

fn shortened(store: &Store, text: &str, number: u64) -> ((Chain, Pin), Original) {
    let scope = Scope::default();
    let key = store.key(text, &scope);
    let original =
        Original { key, text: text.into(), scope, kind: "log".to_owned(), tool: "Bash".to_owned() };
    ((chain(3, number), pin(text[..text.len() / 10].to_owned())), original)
}

fn pin(text: String) -> Pin {
    Pin::Shortened(Arc::new(ShortenedPin {
        texts: vec![(0, text)],
        tokens_before: Tokens(2_000),
        tokens_after: Tokens(200),
        compressor: "log-templates".to_owned(),
        kind: "log".to_owned(),
    }))
}

//! Benchmarks: compress.
//!
//! `cargo bench --bench compress`: bytes of input a second, check included.

use divan::Bencher;
use divan::counter::BytesCount;
use headroom::compress::{Allowance, Hint, json};
use headroom::tokens;
use headroom::units::Key;

fn main() {
    tokens::warm();
    divan::main();
}

/// So many rows of what an API prints: 10 rows are 2 KB, 100 are 25 KB.
fn rows(count: usize) -> String {
    let row = |row: usize| {
        let state = if row % 97 == 31 { "payment_failed" } else { "shipped" };
        format!(
            "  {{\n    \"id\": {},\n    \"sku\": \"SKU-{:06}\",\n    \"state\": \"{state}\",\n    \"cents\": {},\n    \"hall\": \"hall {}\",\n    \"updated_at\": \"2026-03-{:02}T0{}:15:00Z\",\n    \"note\": null\n  }}",
            1000 + row,
            row * 7919 % 999_983,
            row * 104_729 % 99_991,
            row % 5,
            1 + row % 28,
            row % 10,
        )
    };
    format!("[\n{}\n]\n", (0..count).map(row).collect::<Vec<_>>().join(",\n"))
}

#[divan::bench(args = [10, 130, 1_000, 2_000])]
fn json_lossless(bencher: Bencher, count: usize) {
    let text = rows(count);
    let allowance = Allowance::lossless();
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| json::compress(divan::black_box(&text), &Hint::default(), &allowance));
}

#[divan::bench(args = [10, 130, 1_000, 2_000])]
fn json_rows_chosen(bencher: Bencher, count: usize) {
    let text = rows(count);
    let Some(key) = Key::parse("0123456789abcdef0123") else { return };
    let allowance = Allowance::kept_under(&key);
    let hint = Hint { query: "which payment failed?", ..Hint::default() };
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| json::compress(divan::black_box(&text), &hint, &allowance));
}

/// The line-shaped kinds.
mod lines {
    use super::*;
    use headroom::compress::{build, log, search};

    fn key() -> Key {
        Key::parse("0123456789abcdef0123").expect("a key")
    }

    /// So many lines of a service's log: 300 are 25 KB.
    fn service_log(count: usize) -> String {
        (0..count)
            .map(|n| {
                let level = if n % 97 == 31 { "ERROR" } else { "INFO" };
                let (clock, order, took) = (n / 60 % 60, 10_000 + n * 7919 % 80_000, 3 + n * 31 % 90);
                format!("2026-03-11 10:{clock:02}:{:02} {level} [web-{}] shop.Orders : GET /orders/{order} in {took} ms\n", n % 60, n % 4)
            })
            .collect()
    }

    #[divan::bench(args = [30, 300, 3_000, 30_000])]
    fn log_shortened(bencher: Bencher, count: usize) {
        let (text, key) = (service_log(count), key());
        let allowance = Allowance::kept_under(&key);
        let hint = Hint { query: "what became of order 12345?", ..Hint::default() };
        bencher
            .counter(BytesCount::of_str(&text))
            .bench(|| log::compress(divan::black_box(&text), &hint, &allowance));
    }

    #[divan::bench(args = [30, 300, 3_000])]
    fn log_lossless(bencher: Bencher, count: usize) {
        let text = service_log(count);
        let allowance = Allowance::lossless();
        bencher
            .counter(BytesCount::of_str(&text))
            .bench(|| log::compress(divan::black_box(&text), &Hint::default(), &allowance));
    }

    #[divan::bench(args = [1, 5, 50])]
    fn build_shortened(bencher: Bencher, runs: usize) {
        let (text, key) = (include_str!("../tests/fixtures/lines/pytest_v.txt").repeat(runs), key());
        let allowance = Allowance::kept_under(&key);
        bencher
            .counter(BytesCount::of_str(&text))
            .bench(|| build::compress(divan::black_box(&text), &Hint::default(), &allowance));
    }

    #[divan::bench(args = [100, 1_000])]
    fn search_grouped(bencher: Bencher, hits: usize) {
        let hit = |n: usize| {
            format!("src/shop/orders/part{}.rs:{}:    let order = open({n});\n", n / 12, 1 + n % 12 * 9)
        };
        let text: String = (0..hits).map(hit).collect();
        let allowance = Allowance::lossless();
        bencher
            .counter(BytesCount::of_str(&text))
            .bench(|| search::compress(divan::black_box(&text), &Hint::default(), &allowance));
    }
}

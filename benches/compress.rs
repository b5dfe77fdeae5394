//! Benchmarks: compress.
//!
//! `cargo bench --bench compress`: bytes of input a second, check included.

use divan::Bencher;
use divan::counter::BytesCount;
use headroom::compress::{Allowance, Effort, Hint, Loss, json};
use headroom::tokens;
use headroom::units::{Key, Work};

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
    let allowance = Allowance { loss: Loss::Nothing, effort: Effort::Balanced, work: Work(u64::MAX) };
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| json::compress(divan::black_box(&text), &Hint::default(), &allowance));
}

#[divan::bench(args = [10, 130, 1_000, 2_000])]
fn json_rows_chosen(bencher: Bencher, count: usize) {
    let text = rows(count);
    let Some(key) = Key::parse("0123456789abcdef0123") else { return };
    let allowance = Allowance { loss: Loss::KeptUnder(&key), effort: Effort::Balanced, work: Work(u64::MAX) };
    let hint = Hint { query: "which payment failed?", ..Hint::default() };
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| json::compress(divan::black_box(&text), &hint, &allowance));
}
